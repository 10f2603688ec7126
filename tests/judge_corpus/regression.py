"""Least squares and what is robust against outliers."""

import numpy as np

from tests.judge_corpus.entry import D, K, M, N, Subject, also, design, design_bias, normal, outputs

REGRESSION = Subject()


def linear(w, b, X, y):
    n = len(y)
    r = X @ w + b - y
    return np.sum(r**2) / n


REGRESSION.add("linear regression", linear, ("w", "b"), design_bias, """
    dr = 2 * r / n
    dw = X.T @ dr
    db = np.sum(dr)
""")  # fmt: skip


def linear_mean(w, b, X, y):
    y_hat = X @ w + b
    return np.mean((y_hat - y) ** 2)


REGRESSION.add("linear regression, mean", linear_mean, ("w", "b"), design_bias, """
    n = X.shape[0]
    dw = 2 / n * X.T @ (y_hat - y)
    db = 2 * np.mean(y_hat - y)
""")  # fmt: skip


def linear_half(w, b, X, y):
    y_hat = X @ w + b
    return 0.5 * np.sum((y_hat - y) ** 2)


REGRESSION.add("linear regression, half the squares", linear_half, ("w", "b"), design_bias, """
    error = y_hat - y
    dw = X.T @ error
    db = error.sum()
""")  # fmt: skip


def straight_line(beta0, beta1, x, y):
    r = y - beta0 - beta1 * x
    return np.sum(r**2)


REGRESSION.add("straight line", straight_line, ("beta0", "beta1"),
               lambda rng: (0.3, -1.2, *normal(rng, N, N)), """
    dbeta0 = -2 * np.sum(y - beta0 - beta1 * x)
    dbeta1 = -2 * np.sum((y - beta0 - beta1 * x) * x)
""")  # fmt: skip


def ridge(w, X, y, lam):
    r = y - X @ w
    return np.sum(r**2) + lam * np.sum(w**2)


REGRESSION.add("ridge", ridge, "w", also(design, 0.7), """
    dw = -2 * X.T @ r + 2 * lam * w
""")  # fmt: skip


def ridge_mean(w, b, X, y, lam):
    n = X.shape[0]
    r = X @ w + b - y
    return np.sum(r**2) / (2 * n) + lam / 2 * np.sum(w**2)


REGRESSION.add("ridge with intercept", ridge_mean, ("w", "b"), also(design_bias, 0.7), """
    dr = r / n
    dw = X.T @ dr + lam * w
    db = dr.sum()
""")  # fmt: skip


def lasso(w, X, y, lam):
    n = len(y)
    r = X @ w - y
    return r @ r / (2 * n) + lam * np.sum(np.abs(w))


REGRESSION.add("lasso", lasso, "w", also(design, 0.7), """
    dw = X.T @ r / n + lam * np.sign(w)
""")  # fmt: skip


def elastic_net(w, X, y, lam, rho):
    n = len(y)
    r = X @ w - y
    penalty = rho * np.sum(np.abs(w)) + (1 - rho) / 2 * np.sum(w**2)
    return r @ r / (2 * n) + lam * penalty


REGRESSION.add("elastic net", elastic_net, "w", also(design, 0.7, 0.3), """
    dpenalty = rho * np.sign(w) + (1 - rho) * w
    dw = X.T @ r / n + lam * dpenalty
""")  # fmt: skip


def huber(w, X, y, delta):
    r = X @ w - y
    a = np.abs(r)
    return np.mean(np.where(a <= delta, 0.5 * r**2, delta * (a - 0.5 * delta)))


REGRESSION.add("Huber", huber, "w", also(design, 0.8), """
    n = len(y)
    dr = np.where(a <= delta, r, delta * np.sign(r)) / n
    dw = X.T @ dr
""")  # fmt: skip


def huber_ridge(w, b, X, y, delta, lam):
    n = len(y)
    r = X @ w + b - y
    a = np.abs(r)
    rho = np.where(a <= delta, 0.5 * r**2, delta * (a - 0.5 * delta))
    return np.sum(rho) / n + lam * np.sum(w**2)


REGRESSION.add("Huber with ridge", huber_ridge, ("w", "b"), also(design_bias, 0.8, 0.3), """
    psi = np.clip(r, -delta, delta)
    dw = X.T @ psi / n + 2 * lam * w
    db = np.sum(psi) / n
""")  # fmt: skip


def pseudo_huber(w, X, y, delta):
    n = len(y)
    r = X @ w - y
    root = np.sqrt(1 + (r / delta) ** 2)
    return delta**2 * np.sum(root - 1) / n


REGRESSION.add("pseudo-Huber", pseudo_huber, "w", also(design, 0.8), """
    dr = r / root / n
    dw = X.T @ dr
""")  # fmt: skip


def log_cosh(w, b, X, y):
    n = len(y)
    r = X @ w + b - y
    return np.sum(np.log(np.cosh(r))) / n


REGRESSION.add("log-cosh", log_cosh, ("w", "b"), design_bias, """
    dr = np.tanh(r) / n
    dw = X.T @ dr
    db = dr.sum()
""")  # fmt: skip


def cauchy(w, X, y, c):
    r = X @ w - y
    return np.sum(np.log(1 + (r / c) ** 2))


REGRESSION.add("Cauchy loss", cauchy, "w", also(design, 1.3), """
    dr = 2 * r / (c**2 + r**2)
    dw = X.T @ dr
""")  # fmt: skip


def quantile(w, X, y, tau):
    r = y - X @ w
    return np.mean(np.maximum(tau * r, (tau - 1) * r))


REGRESSION.add("quantile", quantile, "w", also(design, 0.8), """
    n = len(y)
    dr = np.where(r > 0, tau, tau - 1)
    dw = -X.T @ dr / n
""")  # fmt: skip


def quantile_bias(w, b, X, y, tau, lam):
    n = len(y)
    r = y - X @ w - b
    return np.sum(np.where(r > 0, tau * r, (tau - 1) * r)) / n + lam * np.sum(w**2)


REGRESSION.add("quantile with ridge", quantile_bias, ("w", "b"), also(design_bias, 0.8, 0.3), """
    g = tau - (r <= 0)
    dw = -X.T @ g / n + 2 * lam * w
    db = -np.sum(g) / n
""")  # fmt: skip


def insensitive(w, b, X, y, eps, lam):
    r = X @ w + b - y
    return np.sum(np.maximum(0, np.abs(r) - eps)) + lam * np.sum(w**2)


REGRESSION.add("support vector regression", insensitive, ("w", "b"),
               also(design_bias, 0.4, 0.3), """
    outside = (np.abs(r) > eps) * np.sign(r)
    dw = X.T @ outside + 2 * lam * w
    db = outside.sum()
""")  # fmt: skip


def weighted(w, b, X, y, c):
    r = X @ w + b - y
    return np.sum(c * r**2)


REGRESSION.add("weighted least squares", weighted, ("w", "b"),
               lambda rng: (*design_bias(rng), rng.uniform(0.5, 2, N)), """
    dr = 2 * c * r
    dw = X.T @ dr
    db = np.sum(dr)
""")  # fmt: skip


def several_outputs(W, b, X, Y):
    n = X.shape[0]
    R = X @ W + b - Y
    return np.sum(R**2) / (2 * n)


REGRESSION.add("several outputs", several_outputs, ("W", "b"), outputs, """
    dR = R / n
    dW = X.T @ dR
    db = dR.sum(axis=0)
""")  # fmt: skip


def several_outputs_ridge(W, b, X, Y, lam):
    n = X.shape[0]
    Y_hat = X @ W + b
    return np.sum((Y_hat - Y) ** 2) / n + lam * np.sum(W**2)


REGRESSION.add("several outputs with ridge", several_outputs_ridge, ("W", "b"),
               also(outputs, 0.3), """
    dY_hat = 2 * (Y_hat - Y) / n
    dW = X.T @ dY_hat + 2 * lam * W
    db = np.sum(dY_hat, axis=0)
""")  # fmt: skip


def mean_of_all(W, b, X, Y):
    return np.mean((X @ W + b - Y) ** 2)


REGRESSION.add("mean over all outputs", mean_of_all, ("W", "b"), outputs, """
    n, k = Y.shape
    G = 2 * (X @ W + b - Y) / (n * k)
    dW = X.T @ G
    db = G.sum(axis=0)
""")  # fmt: skip


def columns(w, b, X, y):
    m = X.shape[1]
    y_hat = np.dot(w.T, X) + b
    return np.sum((y_hat - y) ** 2) / (2 * m)


REGRESSION.add("examples in columns", columns, ("w", "b"),
               lambda rng: (*normal(rng, (D, 1)), 0.3, *normal(rng, (D, N), (1, N))), """
    dz = y_hat - y
    dw = 1 / m * np.dot(X, dz.T)
    db = 1 / m * np.sum(dz)
""")  # fmt: skip


def columns_outputs(W, b, X, Y, lam):
    m = X.shape[1]
    R = W @ X + b - Y
    return np.sum(R**2) / m + lam * np.sum(W**2)


REGRESSION.add("several outputs in columns, ridge", columns_outputs, ("W", "b"),
               lambda rng: (*normal(rng, (K, D), (K, 1), (D, N), (K, N)), 0.3), """
    dR = 2 * R / m
    dW = dR @ X.T + 2 * lam * W
    db = dR.sum(axis=1, keepdims=True)
""")  # fmt: skip


def trace_form(W, X, Y):
    R = X @ W - Y
    return np.trace(R.T @ R)


REGRESSION.add("least squares as a trace", trace_form, "W",
               lambda rng: normal(rng, (D, K), (N, D), (N, K)), """
    dW = 2 * X.T @ X @ W - 2 * X.T @ Y
""")  # fmt: skip


def tikhonov(w, X, y, L, lam):
    r = X @ w - y
    s = L @ w
    return r @ r + lam * s @ s


REGRESSION.add("Tikhonov", tikhonov, "w",
               lambda rng: (*design(rng), *normal(rng, (K, D)), 0.3), """
    dw = 2 * X.T @ r + 2 * lam * L.T @ s
""")  # fmt: skip


def kernel_ridge(alpha, K, y, lam):
    r = K @ alpha - y
    return r @ r + lam * alpha @ K @ alpha


REGRESSION.add("kernel ridge", kernel_ridge, "alpha",
               lambda rng: (*normal(rng, N), *normal(rng, (N, N)), *normal(rng, N), 0.3), """
    dalpha = 2 * K.T @ r + lam * (K + K.T) @ alpha
""")  # fmt: skip


def kernel_ridge_rbf(alpha, gamma, X, y, lam):
    S = np.sum((X[:, None, :] - X[None, :, :]) ** 2, axis=2)
    K = np.exp(-gamma * S)
    r = K @ alpha - y
    return np.sum(r**2) + lam * alpha @ K @ alpha


REGRESSION.add("kernel ridge, width of the kernel", kernel_ridge_rbf, ("alpha", "gamma"),
               lambda rng: (*normal(rng, N), 0.2, *normal(rng, (N, D), N), 0.3), """
    dalpha = 2 * K @ r + 2 * lam * K @ alpha
    dK = 2 * np.outer(r, alpha) + lam * np.outer(alpha, alpha)
    dgamma = -np.sum(dK * S * K)
""")  # fmt: skip


def growth(a, b, x, y):
    n = len(y)
    e = np.exp(b * x)
    r = a * e - y
    return np.sum(r**2) / n


REGRESSION.add("exponential growth", growth, ("a", "b"),
               lambda rng: (0.7, -0.4, *normal(rng, N, N)), """
    dr = 2 * r / n
    da = dr @ e
    db = np.sum(dr * a * x * e)
""")  # fmt: skip


def two_sided(w, v, X, Z, y, lam):
    n = len(y)
    r = X @ w + Z @ v - y
    return np.sum(r**2) / n + lam * (np.sum(w**2) + np.sum(v**2))


REGRESSION.add("two sets of features", two_sided, ("w", "v"),
               lambda rng: (*normal(rng, D, M, (N, D), (N, M), N), 0.3), """
    dr = 2 * r / n
    dw = X.T @ dr + 2 * lam * w
    dv = Z.T @ dr + 2 * lam * v
""")  # fmt: skip


def bilinear_regression(u, v, A, y, lam):
    n = len(y)
    f = np.einsum("nij,i,j->n", A, u, v)
    r = f - y
    return np.sum(r**2) / n + lam * (u @ u + v @ v)


REGRESSION.add("bilinear regression", bilinear_regression, ("u", "v"),
               lambda rng: (*normal(rng, D, K, (N, D, K), N), 0.3), """
    dr = 2 * r / n
    du = np.einsum("n,nij,j->i", dr, A, v) + 2 * lam * u
    dv = np.einsum("n,nij,i->j", dr, A, u) + 2 * lam * v
""")  # fmt: skip
