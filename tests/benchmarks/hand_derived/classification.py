"""Losses of labels: logistic, softmax, margins."""

import numpy as np

from tests.benchmarks.hand_derived.entry import Loss, fixed


def logistic(w, b, X, y):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def logistic_by_hand(w, b, X, y):
    """Bishop (2006), equation (4.91); log(1 + exp(z)) as max(z, 0)
    + log(1 + exp(-|z|)); the sigmoid is exp(z - log(1 + exp(z))), which cannot overflow.
    """
    n = len(y)
    z = X @ w
    z += b
    softplus = np.log1p(np.exp(-np.abs(z)))
    softplus += np.maximum(z, 0)
    value = (softplus.sum() - y @ z) / n
    z -= softplus
    dz = np.exp(z, out=z)
    dz -= y
    dz /= n
    return value, (dz @ X, dz.sum())


def logistic_of_signs(w, X, y):
    return np.mean(np.log(1 + np.exp(-y * (X @ w))))


def logistic_of_signs_by_hand(w, X, y):
    """Hastie, Tibshirani, Friedman, section 10.5: the binomial deviance of the margin."""
    n = len(y)
    m = X @ w
    m *= y
    losses = np.log1p(np.exp(-np.abs(m)))
    losses -= np.minimum(m, 0)
    value = losses.sum() / n
    losses += m
    np.negative(losses, out=losses)
    dm = np.exp(losses, out=losses)
    dm *= y
    dm /= -n
    return value, dm @ X


def softmax_regression(W, b, X, y, lam):
    n = X.shape[0]
    scores = X @ W + b
    e = np.exp(scores)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(n), y])) + 0.5 * lam * np.sum(W * W)


def softmax_regression_by_hand(W, b, X, y, lam):
    """Bishop (2006), equation (4.109); scores are shifted by their largest.

    Classes come first, so that NumPy reduces over the leading axis of a few long rows instead of
    over many short ones, which is several times slower.
    """
    n = len(y)
    columns = np.arange(n)
    s = W.T @ X.T
    s += b[:, None]
    s -= s.max(axis=0)
    picked = s[y, columns].sum()
    np.exp(s, out=s)
    total = s.sum(axis=0)
    value = (np.log(total).sum() - picked) / n + 0.5 * lam * np.vdot(W, W)
    total *= n
    s /= total
    s[y, columns] -= 1 / n
    dW = X.T @ s.T
    dW += lam * W
    return value, (dW, s.sum(axis=1))


def softmax_one_hot(W, b, X, Y):
    e = np.exp(X @ W + b)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(Y * np.log(p)) / X.shape[0]


def softmax_one_hot_by_hand(W, b, X, Y):
    """Bishop (2006), equation (4.109); rows of ``Y`` need not sum to 1, classes come first."""
    n, k = Y.shape
    s = W.T @ X.T
    s += b[:, None]
    s -= s.max(axis=0)
    picked = np.vdot(Y.T, s)
    np.exp(s, out=s)
    total = s.sum(axis=0)
    weight = Y @ np.ones(k)
    value = (weight @ np.log(total) - picked) / n
    weight /= total
    s *= weight
    s -= Y.T
    s /= n
    return value, (X.T @ s.T, s.sum(axis=1))


def perceptron(w, X, y):
    return np.mean(np.maximum(0, -y * (X @ w)))


def perceptron_by_hand(w, X, y):
    """Bishop (2006), equation (4.54): only what is misclassified counts."""
    n = len(y)
    m = X @ w
    m *= y
    g = (m < 0) * y
    g /= -n
    return -np.minimum(m, 0).sum() / n, g @ X


def svm(w, b, X, y, lam):
    margins = y * (X @ w + b)
    return np.mean(np.maximum(0, 1 - margins)) + lam * np.sum(w**2)


def svm_by_hand(w, b, X, y, lam):
    """Hastie, Tibshirani, Friedman, equation (12.25)."""
    n = len(y)
    m = X @ w
    m += b
    m *= y
    np.subtract(1, m, out=m)
    g = (m > 0) * y
    g /= -n
    value = np.maximum(m, 0).sum() / n + lam * (w @ w)
    return value, (g @ X + 2 * lam * w, g.sum())


def crammer_singer(W, X, y):
    rows = np.arange(len(y))
    scores = X @ W
    margins = 1 + scores - scores[rows, y][:, None]
    margins[rows, y] = 0
    return np.mean(np.max(margins, axis=1))


def crammer_singer_by_hand(W, X, y):
    """K. Crammer and Y. Singer, "On the algorithmic implementation of multiclass kernel-based
    vector machines" (2001): only the worst class of a row has a gradient.
    """
    n = len(y)
    columns = np.arange(n)
    s = W.T @ X.T
    own = s[y, columns] - 1
    s[y, columns] = own
    worst = s.argmax(axis=0)
    value = (s[worst, columns] - own).sum() / n
    g = np.zeros_like(s)
    g[worst, columns] = 1 / n
    g[y, columns] -= 1 / n
    return value, X.T @ g.T


def weston_watkins(W, X, y, lam):
    n = X.shape[0]
    scores = X @ W
    correct = scores[np.arange(n), y].reshape(n, 1)
    margins = np.maximum(0, scores - correct + 1)
    margins[np.arange(n), y] = 0
    return np.sum(margins) / n + lam * np.sum(W * W)


def weston_watkins_by_hand(W, X, y, lam):
    """J. Weston and C. Watkins, "Support vector machines for multi-class pattern recognition"
    (1999): a row's own class gets minus the number of classes within the margin.
    """
    n = len(y)
    columns = np.arange(n)
    s = W.T @ X.T
    s -= s[y, columns] - 1
    s[y, columns] = 0
    np.maximum(s, 0, out=s)
    value = s.sum() / n + lam * np.vdot(W, W)
    g = (s > 0) / n
    g[y, columns] = -g.sum(axis=0)
    dW = X.T @ g.T
    dW += 2 * lam * W
    return value, dW


def label_smoothing(W, X, y, eps):
    n = X.shape[0]
    scores = X @ W
    log_p = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    own = log_p[np.arange(n), y]
    return -np.mean((1 - eps) * own + eps * log_p.mean(axis=1))


def label_smoothing_by_hand(W, X, y, eps):
    """C. Szegedy et al., "Rethinking the Inception architecture" (2016), section 7."""
    n, k = len(y), W.shape[1]
    columns = np.arange(n)
    s = W.T @ X.T
    s -= s.max(axis=0)
    target = (1 - eps) * s[y, columns].sum() + eps / k * s.sum()
    np.exp(s, out=s)
    total = s.sum(axis=0)
    value = (np.log(total).sum() - target) / n
    total *= n
    s /= total
    s -= eps / (k * n)
    s[y, columns] -= (1 - eps) / n
    return value, X.T @ s.T


def focal(w, X, y, gamma):
    p = 1 / (1 + np.exp(-(X @ w)))
    p_true = np.where(y == 1, p, 1 - p)
    return -np.mean((1 - p_true) ** gamma * np.log(p_true))


def focal_by_hand(w, X, y, gamma):
    """T.-Y. Lin et al., "Focal loss for dense object detection" (2017), appendix B.

    With ``t`` the score signed by the label and ``p`` its sigmoid, the derivative by ``t`` is
    (1 - p)^gamma (gamma p log p - (1 - p)) times -1.
    """
    n = len(y)
    sign = 2 * y - 1
    t = X @ w
    t *= sign
    minus_log_p = np.log1p(np.exp(-np.abs(t)))
    minus_log_p -= np.minimum(t, 0)
    t += minus_log_p  # -log(1 - p)
    weight = np.exp(-gamma * t)
    value = weight @ minus_log_p / n
    np.negative(t, out=t)
    q = np.exp(t, out=t)
    minus_log_p *= 1 - q
    minus_log_p *= gamma
    minus_log_p += q
    weight *= minus_log_p
    weight *= sign
    weight /= -n
    return value, weight @ X


def binary_arguments(rng, n, d=20):
    X = rng.standard_normal((n, d))
    w = rng.standard_normal(d) / np.sqrt(d)
    y = (rng.random(n) < 1 / (1 + np.exp(-X @ w))).astype(float)
    return 0.5 * w, X, y


def signed_arguments(rng, n, d=20):
    w, X, y = binary_arguments(rng, n, d)
    return w, X, 2 * y - 1


def class_arguments(rng, n, d=20, k=10):
    W = rng.standard_normal((d, k)) / np.sqrt(d)
    return W, rng.standard_normal((n, d)), rng.integers(0, k, n)


def with_bias(arguments):
    first, *others = arguments
    return first, np.zeros(first.shape[1]) if first.ndim == 2 else 0.1, *others


def one_hot_arguments(rng, n):
    W, b, X, y = with_bias(class_arguments(rng, n))
    return W, b, X, np.eye(10)[y]


def logits(z, *others):
    """Return arguments of a linear model whose logits are ``z`` whatever the rest."""
    return np.ones(1), np.array(z, float)[:, None], *others


LOGITS = (1e3, -1e3, 40.0, -40.0, 1e-3)
ONES = np.array([1.0, 0.0, 1.0, 0.0, 1.0])
WRONG = np.array([0.0, 1.0, 0.0, 1.0, 1.0])


def scores(z, y):
    """Return arguments of a linear classifier whose scores are the rows of ``z``."""
    z = np.array(z, float)
    return z, np.eye(len(z)), np.array(y)


EXTREME = [[1e3, -1e3, 0.0], [0.0, 0.0, 0.0], [-50.0, 0.0, 1e3]]

CLASSIFICATION = (
    Loss("logistic, labels 0 and 1", logistic, ("w", "b"), logistic_by_hand,
         lambda rng, n: with_bias(binary_arguments(rng, n)), 2000, {
             "one row": lambda: with_bias(binary_arguments(fixed(), 1)),
             "logits of 1e3, right": lambda: with_bias(logits(LOGITS, ONES)),
             "logits of 1e3, wrong": lambda: with_bias(logits(LOGITS, WRONG)),
             "logits of 40, all right": lambda: with_bias(logits([40.0, -38.0], ONES[:2])),
         }),
    Loss("logistic, labels -1 and 1", logistic_of_signs, "w", logistic_of_signs_by_hand,
         signed_arguments, 2000, {
             "one row": lambda: signed_arguments(fixed(), 1),
             "logits of 1e3, right": lambda: logits(LOGITS, 2 * ONES - 1),
             "logits of 1e3, wrong": lambda: logits(LOGITS, 2 * WRONG - 1),
             "logits of 40, all right": lambda: logits([40.0, -38.0], np.array([1.0, -1.0])),
         }),
    Loss("softmax, labels, L2", softmax_regression, ("W", "b"), softmax_regression_by_hand,
         lambda rng, n: (*with_bias(class_arguments(rng, n)), 0.1), 1000, {
             "one row": lambda: (*with_bias(class_arguments(fixed(), 1)), 0.1),
             "scores of 1e3, right": lambda: (*with_bias(scores(EXTREME, [0, 1, 2])), 0.0),
             "scores of 1e3, wrong": lambda: (*with_bias(scores(EXTREME, [1, 1, 0])), 0.0),
         }),
    Loss("softmax, one-hot", softmax_one_hot, ("W", "b"), softmax_one_hot_by_hand,
         one_hot_arguments, 1000, {
             "one row": lambda: one_hot_arguments(fixed(), 1),
             "scores of 1e3": lambda: (*with_bias(scores(EXTREME, [])[:2]), np.eye(3)[[1, 1, 0]]),
         }),
    Loss("perceptron", perceptron, "w", perceptron_by_hand, signed_arguments, 2000, {
        "one row": lambda: signed_arguments(fixed(), 1),
        "on the line": lambda: logits([0.0, 1.0, -2.0], np.array([1.0, -1.0, -1.0])),
    }),
    Loss("SVM, hinge", svm, ("w", "b"), svm_by_hand,
         lambda rng, n: (*with_bias(signed_arguments(rng, n)), 0.1), 2000, {
             "one row": lambda: (*with_bias(signed_arguments(fixed(), 1)), 0.1),
             "on the margin": lambda: (np.ones(1), 0.5, np.array([[0.5], [-0.5], [3.0]]),
                                       np.array([1.0, 1.0, -1.0]), 0.1),
         }),
    Loss("multiclass hinge, Crammer-Singer", crammer_singer, "W", crammer_singer_by_hand,
         class_arguments, 1000, {
             "one row": lambda: class_arguments(fixed(), 1),
             "scores of 1e300": lambda: scores([[1e300, 0.0, 1.0]], [1]),
         }),
    Loss("multiclass hinge, Weston-Watkins", weston_watkins, "W", weston_watkins_by_hand,
         lambda rng, n: (*class_arguments(rng, n), 0.1), 1000, {
             "one row": lambda: (*class_arguments(fixed(), 1), 0.1),
             "on the margin": lambda: (*scores([[1.0, 0.0, 2.0], [0, 0, 1]], [0, 2]), 0.1),
         }),
    Loss("label smoothing", label_smoothing, "W", label_smoothing_by_hand,
         lambda rng, n: (*class_arguments(rng, n), 0.1), 1000, {
             "one row": lambda: (*class_arguments(fixed(), 1), 0.1),
             "scores of 1e3": lambda: (*scores(EXTREME, [0, 1, 0]), 0.1),
         }),
    Loss("focal", focal, "w", focal_by_hand,
         lambda rng, n: (*binary_arguments(rng, n), 2.0), 2000, {
             "one row": lambda: (*binary_arguments(fixed(), 1), 2.0),
             "logits of 1e3, wrong": lambda: (*logits(LOGITS, WRONG), 2.0),
             "logits of 40, all right": lambda: (*logits([40.0, -38.0], ONES[:2]), 2.0),
         }),
)  # fmt: skip
