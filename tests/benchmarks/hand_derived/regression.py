"""Losses of real targets: squares, absolute values, and kernels."""

import numpy as np

from tests.benchmarks.hand_derived.entry import Loss, fixed


def linear_regression(w, b, X, y):
    return np.mean((X @ w + b - y) ** 2)


def linear_regression_by_hand(w, b, X, y):
    """C. Bishop, "Pattern Recognition and Machine Learning" (2006), section 3.1.1."""
    n = len(y)
    r = X @ w
    r += b
    r -= y
    value = r @ r / n
    r *= 2 / n
    return value, (r @ X, r.sum())


def ridge(w, X, y, lam):
    residuals = y - X @ w
    return np.sum(residuals**2) + lam * np.sum(w**2)


def ridge_by_hand(w, X, y, lam):
    """T. Hastie, R. Tibshirani, J. Friedman, "The Elements of Statistical Learning", 3.4.1."""
    r = X @ w
    r -= y
    value = r @ r + lam * (w @ w)
    return value, 2 * (r @ X + lam * w)


def lasso(w, X, y, lam):
    n = len(y)
    return np.sum((y - X @ w) ** 2) / (2 * n) + lam * np.sum(np.abs(w))


def lasso_by_hand(w, X, y, lam):
    """The same, 3.4.2; the subgradient at 0 is 0, as `np.sign` has it."""
    n = len(y)
    r = X @ w
    r -= y
    value = r @ r / (2 * n) + lam * np.abs(w).sum()
    r /= n
    return value, r @ X + lam * np.sign(w)


def huber(w, X, y, delta):
    r = X @ w - y
    a = np.abs(r)
    return np.mean(np.where(a <= delta, 0.5 * r**2, delta * (a - 0.5 * delta)))


def huber_by_hand(w, X, y, delta):
    """P. Huber, "Robust estimation of a location parameter" (1964): psi clips the residual.

    With ``c`` the clipped residual, both branches are ``c (r - c / 2)``.
    """
    n = len(y)
    r = X @ w
    r -= y
    c = np.clip(r, -delta, delta)
    value = (c @ r - c @ c / 2) / n
    c /= n
    return value, c @ X


def quantile(w, X, y, tau):
    r = y - X @ w
    return np.mean(np.maximum(tau * r, (tau - 1) * r))


def quantile_by_hand(w, X, y, tau):
    """R. Koenker and G. Bassett, "Regression quantiles" (1978), equation (3.1)."""
    n = len(y)
    r = X @ w
    r -= y
    g = (r > 0) - tau
    g /= n
    return g @ r, g @ X


def kernel_ridge(alpha, gamma, X, y, lam):
    squares = np.sum((X[:, None, :] - X[None, :, :]) ** 2, axis=2)
    K = np.exp(-gamma * squares)
    return np.sum((K @ alpha - y) ** 2) + lam * alpha @ K @ alpha


def kernel_ridge_by_hand(alpha, gamma, X, y, lam):
    """C. Rasmussen and C. Williams, "Gaussian Processes for Machine Learning" (2006), 5.4.1.

    The derivative of the kernel by ``gamma`` is ``-squares * K``.  Squares of differences come
    from the Gram matrix of the centred points, so no (n, n, d) array is made.
    """
    Z = X - X.mean(axis=0)
    S = Z @ Z.T
    norms = S.diagonal().copy()
    S *= -2
    S += norms
    S += norms[:, None]
    K = -gamma * S
    np.exp(K, out=K)
    fit = K @ alpha
    r = fit - y
    value = r @ r + lam * (alpha @ fit)
    r *= 2
    r += lam * alpha
    S *= K
    dgamma = -(r @ (S @ alpha))
    r += lam * alpha
    return value, (K @ r, dgamma)


def regression_arguments(rng, n, d=20):
    X = rng.standard_normal((n, d))
    w = rng.standard_normal(d) / np.sqrt(d)
    y = X @ w + 0.5 * rng.standard_normal(n)
    return 0.5 * w, X, y


def with_intercept(rng, n):
    w, X, y = regression_arguments(rng, n)
    return w, 0.1, X, y


def kernel_arguments(rng, n):
    X = rng.standard_normal((n, 8))
    y = np.sin(X[:, 0])
    return rng.standard_normal(n) / n, 0.1, X, y, 0.3


def huge_residuals(scale):
    w, X, y = regression_arguments(fixed(), 6, 3)
    return w, X, scale * y


REGRESSION = (
    Loss("linear regression", linear_regression, ("w", "b"), linear_regression_by_hand,
         with_intercept, 2000, {
             "one row": lambda: with_intercept(fixed(), 1),
             "residuals of 1e150": lambda: (np.ones(3), 0.5, np.eye(3), 1e150 * np.ones(3)),
         }),
    Loss("ridge", ridge, "w", ridge_by_hand,
         lambda rng, n: (*regression_arguments(rng, n), 0.1), 2000, {
             "one row": lambda: (*regression_arguments(fixed(), 1), 0.1),
             "residuals of 1e150": lambda: (*huge_residuals(1e150), 0.1),
         }),
    Loss("lasso", lasso, "w", lasso_by_hand,
         lambda rng, n: (*regression_arguments(rng, n), 0.1), 2000, {
             "one row": lambda: (*regression_arguments(fixed(), 1), 0.1),
             "weights of 0": lambda: (np.zeros(20), *regression_arguments(fixed(), 5)[1:], 0.1),
         }),
    Loss("Huber", huber, "w", huber_by_hand,
         lambda rng, n: (*regression_arguments(rng, n), 0.5), 2000, {
             "one row": lambda: (*regression_arguments(fixed(), 1), 0.5),
             "residuals of 1e200": lambda: (*huge_residuals(1e200), 0.5),
             "residuals at the limit": lambda: (np.zeros(2), np.eye(2), np.array([0.5, -0.5]), 0.5),
         }),
    Loss("quantile", quantile, "w", quantile_by_hand,
         lambda rng, n: (*regression_arguments(rng, n), 0.9), 2000, {
             "one row": lambda: (*regression_arguments(fixed(), 1), 0.9),
             "residuals of 1e300": lambda: (*huge_residuals(1e300), 0.9),
         }),
    Loss("kernel ridge, RBF", kernel_ridge, ("alpha", "gamma"), kernel_ridge_by_hand,
         kernel_arguments, 300, {
             "one row": lambda: kernel_arguments(fixed(), 1),
             "two equal points": lambda: (np.array([0.3, -0.2]), 0.1, np.ones((2, 8)),
                                          np.ones(2), 0.3),
             "points far apart": lambda: (np.array([0.3, -0.2, 0.1]), 0.1,
                                          1e3 * np.eye(3), np.ones(3), 0.3),
         }),
)  # fmt: skip
