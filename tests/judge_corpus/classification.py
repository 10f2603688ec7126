"""Losses of labels: logistic, softmax, margins."""

import numpy as np

from tests.judge_corpus.entry import (
    LABELS,
    D,
    H,
    K,
    N,
    Subject,
    also,
    binary,
    binary_bias,
    classes,
    classes_bias,
    normal,
    one_hot,
    signs,
    signs_bias,
)

CLASSIFICATION = Subject()


def logistic(w, b, X, y):
    n = len(y)
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / n


CLASSIFICATION.add("logistic, labels 0 and 1", logistic, ("w", "b"), binary_bias, """
    dz = (p - y) / n
    dw = X.T @ dz
    db = np.sum(dz)
""")  # fmt: skip


def logistic_mean(w, X, y):
    p = 1 / (1 + np.exp(-(X @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


CLASSIFICATION.add("logistic, step by step", logistic_mean, "w", binary, """
    n = len(y)
    dp = -(y / p - (1 - y) / (1 - p)) / n
    dz = dp * (p * (1 - p))
    dw = X.T @ dz
""", [("p * (1 - p)", "p", "(X @ w)")])  # fmt: skip


def logistic_ridge(w, b, X, y, lam):
    n = len(y)
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    cross_entropy = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / n
    return cross_entropy + lam / 2 * np.sum(w**2)


CLASSIFICATION.add("logistic with ridge", logistic_ridge, ("w", "b"), also(binary_bias, 0.3), """
    dz = p - y
    dw = X.T @ dz / n + lam * w
    db = np.sum(dz) / n
""")  # fmt: skip


def logistic_signs(w, X, y):
    n = len(y)
    m = y * (X @ w)
    return np.sum(np.log(1 + np.exp(-m))) / n


CLASSIFICATION.add("logistic, labels -1 and 1", logistic_signs, "w", signs, """
    dm = -1 / (1 + np.exp(m))
    dw = X.T @ (y * dm) / n
""")  # fmt: skip


def logistic_signs_ridge(w, b, X, y, lam):
    n = len(y)
    m = y * (X @ w + b)
    return np.sum(np.log(1 + np.exp(-m))) / n + lam * np.sum(w**2)


CLASSIFICATION.add("logistic, labels -1 and 1, with ridge", logistic_signs_ridge, ("w", "b"),
                   also(signs_bias, 0.3), """
    q = 1 / (1 + np.exp(m))
    dz = -y * q / n
    dw = X.T @ dz + 2 * lam * w
    db = dz.sum()
""")  # fmt: skip


def logistic_columns(w, b, X, Y):
    m = X.shape[1]
    Z = np.dot(w.T, X) + b
    A = 1 / (1 + np.exp(-Z))
    return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m


CLASSIFICATION.add("logistic, examples in columns", logistic_columns, ("w", "b"),
                   lambda rng: (*normal(rng, (D, 1)), 0.3, *normal(rng, (D, N)),
                                (np.arange(N)[None, :] % 3 == 0).astype(float)), """
    dZ = A - Y
    dw = 1 / m * np.dot(X, dZ.T)
    db = 1 / m * np.sum(dZ)
""")  # fmt: skip


def squared_sigmoid(w, b, X, y):
    n = len(y)
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    return np.sum((p - y) ** 2) / n


CLASSIFICATION.add("squares of a sigmoid", squared_sigmoid, ("w", "b"), binary_bias, """
    dp = 2 * (p - y) / n
    dz = dp * (p * (1 - p))
    dw = X.T @ dz
    db = np.sum(dz)
""", [("p * (1 - p)", "p", "z")])  # fmt: skip


def squared_tanh(w, b, X, y, lam):
    n = len(y)
    z = X @ w + b
    t = np.tanh(z)
    return np.sum((t - y) ** 2) / n + lam * np.sum(w**2)


CLASSIFICATION.add("squares of a tanh, ridge", squared_tanh, ("w", "b"), also(signs_bias, 0.3), """
    dz = 2 * (t - y) / n * (1 - t**2)
    dw = X.T @ dz + 2 * lam * w
    db = dz.sum()
""", [("1 - t**2", "t", "z")])  # fmt: skip


def softmax(W, b, X, y):
    n = X.shape[0]
    s = X @ W + b
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(n), y])) / n


CLASSIFICATION.add("softmax, labels", softmax, ("W", "b"), classes_bias, """
    k = W.shape[1]
    ds = (p - np.eye(k)[y]) / n
    dW = X.T @ ds
    db = ds.sum(axis=0)
""")  # fmt: skip


def softmax_ridge(W, b, X, y, lam):
    n = X.shape[0]
    s = X @ W + b
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(n), y])) + 0.5 * lam * np.sum(W * W)


CLASSIFICATION.add("softmax, labels, ridge", softmax_ridge, ("W", "b"), also(classes_bias, 0.3), """
    Y = np.eye(len(b))[y]
    dW = X.T @ (p - Y) / n + lam * W
    db = np.mean(p - Y, axis=0)
""")  # fmt: skip


def softmax_lasso(W, X, y, lam):
    n = len(y)
    s = X @ W
    p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(n), y])) / n + lam * np.sum(np.abs(W))


CLASSIFICATION.add("softmax, labels, lasso", softmax_lasso, "W", also(classes, 0.3), """
    k = W.shape[1]
    Y = np.eye(k)[y]
    dW = X.T @ (p - Y) / n + lam * np.sign(W)
""")  # fmt: skip


def softmax_sum(W, b, X, y):
    n = len(y)
    s = X @ W + b
    log_p = s - np.log(np.sum(np.exp(s), axis=1, keepdims=True))
    return -np.sum(log_p[np.arange(n), y])


CLASSIFICATION.add("softmax, labels, summed", softmax_sum, ("W", "b"), classes_bias, """
    k = len(b)
    ds = np.exp(log_p) - np.eye(k)[y]
    dW = X.T @ ds
    db = ds.sum(axis=0)
""")  # fmt: skip


def softmax_columns(W, b, X, y):
    m = X.shape[1]
    S = W @ X + b
    E = np.exp(S)
    P = E / np.sum(E, axis=0)
    return -np.sum(np.log(P[y, np.arange(m)])) / m


CLASSIFICATION.add("softmax, examples in columns", softmax_columns, ("W", "b"),
                   lambda rng: (*normal(rng, (K, D), (K, 1), (D, N)), LABELS), """
    k = W.shape[0]
    dS = (P - np.eye(k)[y].T) / m
    dW = dS @ X.T
    db = dS.sum(axis=1, keepdims=True)
""")  # fmt: skip


def softmax_one(W, x, y):
    s = W @ x
    e = np.exp(s)
    p = e / np.sum(e)
    return -np.log(p[y])


CLASSIFICATION.add("softmax, one example", softmax_one, "W",
                   lambda rng: (*normal(rng, (K, D), D), 1), """
    ds = p - np.eye(len(p))[y]
    dW = np.outer(ds, x)
""")  # fmt: skip


def softmax_temperature(W, X, y, tau):
    n = len(y)
    s = X @ W / tau
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(n), y])) / n


CLASSIFICATION.add("softmax with temperature", softmax_temperature, "W", also(classes, 0.6), """
    k = W.shape[1]
    ds = (p - np.eye(k)[y]) / n
    dW = X.T @ ds / tau
""")  # fmt: skip


def softmax_weighted(W, b, X, y, c):
    n = len(y)
    s = X @ W + b
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(c[y] * np.log(p[np.arange(n), y])) / n


CLASSIFICATION.add("softmax with weights of classes", softmax_weighted, ("W", "b"),
                   lambda rng: (*classes_bias(rng), rng.uniform(0.5, 2, K)), """
    k = len(b)
    weight = c[y]
    ds = weight[:, None] * (p - np.eye(k)[y]) / n
    dW = X.T @ ds
    db = ds.sum(axis=0)
""")  # fmt: skip


def softmax_examples(W, b, X, y, c):
    n = len(y)
    s = X @ W + b
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(c * np.log(p[np.arange(n), y])) / n


CLASSIFICATION.add("softmax with weights of examples", softmax_examples, ("W", "b"),
                   lambda rng: (*classes_bias(rng), rng.uniform(0.5, 2, N)), """
    k = len(b)
    ds = c[:, None] * (p - np.eye(k)[y]) / n
    dW = X.T @ ds
    db = ds.sum(axis=0)
""")  # fmt: skip


def softmax_one_hot(W, b, X, Y):
    n = X.shape[0]
    e = np.exp(X @ W + b)
    P = e / e.sum(axis=1, keepdims=True)
    return -np.sum(Y * np.log(P)) / n


CLASSIFICATION.add("softmax, one-hot", softmax_one_hot, ("W", "b"), one_hot, """
    dS = (Y.sum(axis=1, keepdims=True) * P - Y) / n
    dW = X.T @ dS
    db = np.sum(dS, axis=0)
""")  # fmt: skip


CLASSIFICATION.add("softmax, one-hot, as in the books", softmax_one_hot, ("W", "b"), one_hot, """
    dS = (P - Y) / n
    dW = X.T @ dS
    db = dS.sum(axis=0)
""")  # fmt: skip


def softmax_one_hot_ridge(W, b, X, y, lam):
    n, k = len(y), len(b)
    Y = np.eye(k)[y]
    e = np.exp(X @ W + b)
    P = e / e.sum(axis=1, keepdims=True)
    return -np.sum(Y * np.log(P)) / n + lam * np.sum(W**2)


CLASSIFICATION.add("softmax, one-hot in the loss, ridge", softmax_one_hot_ridge, ("W", "b"),
                   also(classes_bias, 0.3), """
    T = np.eye(k)[y]
    dS = (P - T) / n
    dW = X.T @ dS + 2 * lam * W
    db = dS.sum(axis=0)
""")  # fmt: skip


def label_smoothing(W, X, y, eps):
    n = len(y)
    s = X @ W
    log_p = s - np.log(np.sum(np.exp(s), axis=1, keepdims=True))
    own = log_p[np.arange(n), y]
    return -np.sum((1 - eps) * own + eps * log_p.mean(axis=1)) / n


CLASSIFICATION.add("label smoothing", label_smoothing, "W", also(classes, 0.2), """
    k = W.shape[1]
    target = (1 - eps) * np.eye(k)[y] + eps / k
    ds = (np.exp(log_p) - target) / n
    dW = X.T @ ds
""")  # fmt: skip


def brier(W, b, X, y):
    n, k = len(y), len(b)
    Y = np.eye(k)[y]
    e = np.exp(X @ W + b)
    P = e / e.sum(axis=1, keepdims=True)
    return np.sum((P - Y) ** 2) / n


CLASSIFICATION.add("Brier score", brier, ("W", "b"), classes_bias, """
    dP = 2 * (P - np.eye(k)[y]) / n
    dS = P * (dP - np.sum(dP * P, axis=1, keepdims=True))
    dW = X.T @ dS
    db = dS.sum(axis=0)
""")  # fmt: skip


def confidence_penalty(W, X, y, beta):
    n = len(y)
    s = X @ W
    log_p = s - np.log(np.sum(np.exp(s), axis=1, keepdims=True))
    p = np.exp(log_p)
    return (-np.sum(log_p[np.arange(n), y]) + beta * np.sum(p * log_p)) / n


CLASSIFICATION.add("softmax with entropy", confidence_penalty, "W", also(classes, 0.4), """
    k = W.shape[1]
    entropy = -np.sum(p * log_p, axis=1)
    ds = p - np.eye(k)[y] + beta * p * (log_p + entropy[:, None])
    dW = X.T @ ds / n
""")  # fmt: skip


def focal(w, X, y, gamma):
    n = len(y)
    t = (2 * y - 1) * (X @ w)
    p = 1 / (1 + np.exp(-t))
    return -np.sum((1 - p) ** gamma * np.log(p)) / n


CLASSIFICATION.add("focal", focal, "w", also(binary, 2.0), """
    dt = (1 - p) ** gamma * (gamma * p * np.log(p) - (1 - p))
    dw = X.T @ ((2 * y - 1) * dt) / n
""")  # fmt: skip


def focal_classes(W, b, X, y):
    n = len(y)
    s = X @ W + b
    p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
    q = p[np.arange(n), y]
    return -np.sum((1 - q) ** 2 * np.log(q)) / n


CLASSIFICATION.add("focal, several classes", focal_classes, ("W", "b"), classes_bias, """
    k = len(b)
    dq = (2 * (1 - q) * np.log(q) - (1 - q) ** 2 / q) / n
    ds = (dq * q)[:, None] * (np.eye(k)[y] - p)
    dW = X.T @ ds
    db = ds.sum(axis=0)
""")  # fmt: skip


def generalised(W, X, y, q):
    n = len(y)
    s = X @ W
    p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
    own = p[np.arange(n), y]
    return np.sum(1 - own**q) / (q * n)


CLASSIFICATION.add("generalised cross-entropy", generalised, "W", also(classes, 0.7), """
    k = W.shape[1]
    own_q = p[np.arange(n), y] ** q
    ds = own_q[:, None] * (p - np.eye(k)[y]) / n
    dW = X.T @ ds
""")  # fmt: skip


def perceptron(w, X, y):
    n = len(y)
    m = y * (X @ w)
    return np.sum(np.maximum(0, -m)) / n


CLASSIFICATION.add("perceptron", perceptron, "w", signs, """
    wrong = m < 0
    dw = -X.T @ (wrong * y) / n
""")  # fmt: skip


def hinge(w, b, X, y, lam):
    n = len(y)
    m = y * (X @ w + b)
    return np.sum(np.maximum(0, 1 - m)) / n + lam * np.sum(w**2)


CLASSIFICATION.add("SVM, hinge", hinge, ("w", "b"), also(signs_bias, 0.3), """
    dz = -y * (m < 1) / n
    dw = X.T @ dz + 2 * lam * w
    db = np.sum(dz)
""")  # fmt: skip


def squared_hinge(w, b, X, y, lam):
    n = len(y)
    m = y * (X @ w + b)
    h = np.maximum(0, 1 - m)
    return np.sum(h**2) / n + lam / 2 * w @ w


CLASSIFICATION.add("SVM, squared hinge", squared_hinge, ("w", "b"), also(signs_bias, 0.3), """
    dz = -2 * h * y / n
    dw = X.T @ dz + lam * w
    db = dz.sum()
""")  # fmt: skip


def exponential(w, X, y):
    n = len(y)
    m = y * (X @ w)
    return np.sum(np.exp(-m)) / n


CLASSIFICATION.add("AdaBoost's exponential loss", exponential, "w", signs, """
    dw = -X.T @ (y * np.exp(-m)) / n
""")  # fmt: skip


def weston_watkins(W, X, y, lam):
    n = X.shape[0]
    s = X @ W
    own = s[np.arange(n), y]
    margins = np.maximum(0, s - own[:, None] + 1)
    return (np.sum(margins) - n) / n + lam * np.sum(W * W)


CLASSIFICATION.add("multiclass hinge, Weston-Watkins", weston_watkins, "W", also(classes, 0.3), """
    k = W.shape[1]
    active = (s - own[:, None] + 1 > 0) * 1.0
    ds = active - active.sum(axis=1, keepdims=True) * np.eye(k)[y]
    dW = X.T @ ds / n + 2 * lam * W
""")  # fmt: skip


def weston_watkins_squared(W, b, X, y):
    n = len(y)
    s = X @ W + b
    own = s[np.arange(n), y]
    margins = np.maximum(0, s - own[:, None] + 1)
    return np.sum(margins**2) / n


CLASSIFICATION.add("multiclass hinge, squared", weston_watkins_squared, ("W", "b"),
                   classes_bias, """
    k = len(b)
    g = 2 * margins / n
    ds = g - g.sum(axis=1, keepdims=True) * np.eye(k)[y]
    dW = X.T @ ds
    db = ds.sum(axis=0)
""")  # fmt: skip


def crammer_singer(W, X, y, lam):
    n, k = len(y), W.shape[1]
    s = X @ W
    own = s[np.arange(n), y]
    worst = np.max(s + 1 - np.eye(k)[y], axis=1)
    return np.sum(worst - own) / n + lam * np.sum(W**2)


CLASSIFICATION.add("multiclass hinge, Crammer-Singer", crammer_singer, "W", also(classes, 0.3), """
    t = np.argmax(s + 1 - np.eye(k)[y], axis=1)
    ds = np.eye(k)[t] - np.eye(k)[y]
    dW = X.T @ ds / n + 2 * lam * W
""")  # fmt: skip


def one_against_all(W, b, X, y, lam):
    n, k = len(y), len(b)
    T = 2 * np.eye(k)[y] - 1
    Z = X @ W + b
    return np.sum(np.log(1 + np.exp(-T * Z))) / n + lam * np.sum(W**2)


CLASSIFICATION.add("one against all", one_against_all, ("W", "b"), also(classes_bias, 0.3), """
    S = 2 * np.eye(k)[y] - 1
    dZ = -S / (1 + np.exp(S * Z)) / n
    dW = X.T @ dZ + 2 * lam * W
    db = dZ.sum(axis=0)
""")  # fmt: skip


def several_labels(W, b, X, Y):
    n = X.shape[0]
    P = 1 / (1 + np.exp(-(X @ W + b)))
    return -np.sum(Y * np.log(P) + (1 - Y) * np.log(1 - P)) / n


CLASSIFICATION.add("several labels, sigmoids", several_labels, ("W", "b"), one_hot, """
    dZ = (P - Y) / n
    dW = X.T @ dZ
    db = dZ.sum(axis=0)
""")  # fmt: skip


def class_means(C, X, y):
    n = len(y)
    R = X - C[y]
    return np.sum(R**2) / n


CLASSIFICATION.add("distance to the centre of the class", class_means, "C",
                   lambda rng: (*normal(rng, (K, D), (N, D)), LABELS), """
    Y = np.eye(len(C))[y]
    dC = -2 * Y.T @ R / n
""")  # fmt: skip


def linear_softmax_two(W1, W2, X, y):
    n = len(y)
    s = X @ W1 @ W2
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(n), y])) / n


CLASSIFICATION.add("softmax of two factors", linear_softmax_two, ("W1", "W2"),
                   lambda rng: (*normal(rng, (D, H), (H, K), (N, D)), LABELS), """
    k = W2.shape[1]
    ds = (p - np.eye(k)[y]) / n
    dW1 = X.T @ ds @ W2.T
    dW2 = (X @ W1).T @ ds
""")  # fmt: skip
