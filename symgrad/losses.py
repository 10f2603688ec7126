"""Losses in plain NumPy: functions that any user could have written, to compile or to read.

Each takes what a model gives (scores where it can: the loss then knows how to be stable) and the
targets ``y``, and returns one number.  Each docstring says what the gradient comes to; the
tests compare that with what is emitted.  ``n`` is the number of examples, ``k`` of classes.

Optional ``weights`` (n,) count the examples: a mean is ``sum(weights * loss) / sum(weights)``, so
weight 2 is the same as the example twice and only ratios matter.  Optional ``class_weights`` (k,)
weigh every example by its class in the same way (two of them, of 0 and of 1, for binary labels).
"""

import numpy as np


def weighted_mean(values, weights=None):
    """Return the mean of ``values`` (n,) or (n, ...), each example counted by ``weights`` (n,).

    Gradient: ``dvalues = weights / sum(weights)``; without weights it is 1 / n.
    """
    if weights is None:
        return values.mean()
    return np.mean(weights @ values) / np.sum(weights)


def class_weighted(weights, weights_by_class):
    """Return the weight of each example (n,): its own, if it has one, times that of its class."""
    if weights is None:
        return weights_by_class
    return weights * weights_by_class


# --- classes, from scores -------------------------------------------------------------------------


def log_softmax(scores):
    """Return the logarithms of the softmax of each row of ``scores`` (n, k), as (n, k).

    The largest score is taken off first, so nothing overflows (Goodfellow, Bengio, Courville,
    Deep Learning, 4.1).  Gradient: ``dscores = dlog_p - softmax(scores) * dlog_p.sum(axis=1)``.
    """
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def softmax_cross_entropy(scores, y, weights=None, class_weights=None):
    """Return the mean of ``-log softmax(scores)[y]`` for scores (n, k) and int labels y (n,).

    Gradient: ``dscores = (softmax(scores) - one_hot(y)) / n``
    (Bishop, Pattern Recognition and Machine Learning, 4.3.4).
    """
    losses = -log_softmax(scores)[np.arange(len(y)), y]
    if class_weights is not None:
        weights = class_weighted(weights, class_weights[y])
    return weighted_mean(losses, weights)


def soft_cross_entropy(scores, y, weights=None, class_weights=None):
    """Return the mean of ``-sum(y * log softmax(scores))`` for one-hot or soft labels y (n, k).

    The rows of ``y`` are probabilities.  A class weight multiplies the term of its class.
    Gradient, where the rows sum to 1: ``dscores = (softmax(scores) - y) / n``.
    """
    log_p = log_softmax(scores)
    if class_weights is None:
        return weighted_mean(-np.sum(y * log_p, axis=1), weights)
    counts = class_weights * y
    if weights is not None:
        counts = weights[:, None] * counts
    return -np.sum(counts * log_p) / np.sum(counts)


def focal(scores, y, gamma=2.0, weights=None, class_weights=None):
    """Return the mean of ``-(1 - p)**gamma * log(p)``, p = softmax(scores)[y], for y (n,) int.

    Examples that are already right count less (Lin et al., Focal Loss for Dense Object
    Detection, 2017, eq. 4; ``class_weights`` are its alpha).  With gamma 0 it is cross-entropy.
    Gradient: ``factor = (1 - p)**gamma - gamma * p * log(p) * (1 - p)**(gamma - 1)``, then
    ``dscores = factor[:, None] * (softmax(scores) - one_hot(y)) / n``.
    """
    log_p = log_softmax(scores)[np.arange(len(y)), y]
    log_p = np.minimum(log_p, -1e-300)  # below gamma = 1 the slope has no bound at 0
    losses = -((-np.expm1(log_p)) ** gamma) * log_p
    if class_weights is not None:
        weights = class_weighted(weights, class_weights[y])
    return weighted_mean(losses, weights)


def multiclass_hinge(scores, y, margin=1.0, weights=None, class_weights=None):
    """Return the mean of ``sum(max(0, scores[j] - scores[y] + margin))`` over the wrong classes j.

    scores (n, k), y (n,) int (Weston and Watkins, 1999; the SVM loss of Stanford's CS231n).
    Gradient: ``inside = scores - scores[rows, y][:, None] + margin > 0``, then
    ``dscores = (inside - one_hot(y) * inside.sum(axis=1, keepdims=True)) / n``.
    """
    rows = np.arange(len(y))
    violation = np.maximum(0, scores - scores[rows, y][:, None] + margin)
    losses = violation.sum(axis=1) - margin  # the right class is no violation
    if class_weights is not None:
        weights = class_weighted(weights, class_weights[y])
    return weighted_mean(losses, weights)


def binary_cross_entropy(scores, y, weights=None, class_weights=None):
    """Return the mean of ``-y log(p) - (1 - y) log(1 - p)``, p = sigmoid(scores), for y 0 or 1.

    scores and y (n,); it is ``log(1 + exp(-scores))`` where y is 1 and ``log(1 + exp(scores))``
    where it is 0 (Bishop, 4.3.2).
    Gradient: ``dscores = (sigmoid(scores) - y) / n``.
    """
    softplus = np.maximum(scores, 0) + np.log1p(np.exp(-np.abs(scores)))
    losses = softplus - y * scores
    if class_weights is not None:
        weights = class_weighted(weights, np.where(y > 0, class_weights[1], class_weights[0]))
    return weighted_mean(losses, weights)


def hinge(scores, y, weights=None, class_weights=None):
    """Return the mean of ``max(0, 1 - t * scores)``, t = 2 y - 1, for labels y (n,) of 0 or 1.

    (Cortes and Vapnik, Support-Vector Networks, 1995.)
    Gradient: ``dscores = -t * (t * scores < 1) / n``.
    """
    losses = np.maximum(0, 1 - (2 * y - 1) * scores)
    if class_weights is not None:
        weights = class_weighted(weights, np.where(y > 0, class_weights[1], class_weights[0]))
    return weighted_mean(losses, weights)


# --- numbers --------------------------------------------------------------------------------------


def squared(y_hat, y, weights=None):
    """Return the mean of ``(y_hat - y)**2``; both (n,) or both (n, m).

    Gradient: ``dy_hat = 2 * (y_hat - y) / n``.
    """
    return weighted_mean((y_hat - y) ** 2, weights)


def absolute(y_hat, y, weights=None):
    """Return the mean of ``abs(y_hat - y)``; both (n,) or both (n, m).

    Gradient: ``dy_hat = sign(y_hat - y) / n``.
    """
    return weighted_mean(np.abs(y_hat - y), weights)


def huber(y_hat, y, delta=1.0, weights=None):
    """Return the mean of ``r**2 / 2`` where |r| <= delta, else ``delta * (|r| - delta / 2)``.

    Here ``r`` is y_hat - y; both are (n,) or (n, m) (Huber, Robust Estimation of a Location
    Parameter, 1964).  Gradient: ``dy_hat = clip(y_hat - y, -delta, delta) / n``.
    """
    r = y_hat - y
    size = np.abs(r)
    losses = np.where(size <= delta, 0.5 * r**2, delta * (size - 0.5 * delta))
    return weighted_mean(losses, weights)


def quantile(y_hat, y, tau=0.5, weights=None):
    """Return the mean of ``tau * r`` where ``r = y - y_hat`` is positive, else ``(tau - 1) * r``.

    Its minimiser is the tau-quantile (Koenker and Bassett, Regression Quantiles, 1978).
    Gradient: ``dy_hat = ((y_hat > y) - tau) / n``, and the mean of both sides at the kink.
    """
    r = y - y_hat
    return weighted_mean(np.maximum(tau * r, (tau - 1) * r), weights)


def poisson(log_rate, y, weights=None):
    """Return the mean of ``exp(log_rate) - y * log_rate``, for counts y (n,).

    The negative log-likelihood without ``log(y!)``, which no parameter enters (McCullagh and
    Nelder, Generalized Linear Models, 6.2).  Gradient: ``dlog_rate = (exp(log_rate) - y) / n``.
    """
    return weighted_mean(np.exp(log_rate) - y * log_rate, weights)


def gaussian_nll(mean, log_variance, y, weights=None):
    """Return the mean of ``(log(2 pi) + log_variance + (y - mean)**2 / exp(log_variance)) / 2``.

    All (n,) (Nix and Weigend, Estimating the Mean and Variance of the Target Probability
    Distribution, 1994).  Gradient: ``z = (y - mean) * exp(-log_variance / 2)``, then
    ``dmean = -z * exp(-log_variance / 2) / n``, ``dlog_variance = (1 - z**2) / (2 * n)``.
    """
    z = (y - mean) * np.exp(-0.5 * log_variance)
    return weighted_mean(0.5 * (np.log(2 * np.pi) + log_variance + z**2), weights)
