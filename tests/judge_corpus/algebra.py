"""Forms of vectors and matrices: K. Petersen and M. Pedersen, "The Matrix Cookbook"."""

import numpy as np

from tests.judge_corpus.entry import D, H, K, M, N, Subject, normal

ALGEBRA = Subject()


def spd(rng, n=D):
    (A,) = normal(rng, (n, n))
    return A @ A.T / n + np.eye(n)


def quadratic(x, A):
    return x @ A @ x


ALGEBRA.add("quadratic form", quadratic, ("x", "A"), lambda rng: normal(rng, D, (D, D)), """
    dx = (A + A.T) @ x
    dA = np.outer(x, x)
""")  # fmt: skip


def quadratic_linear(x, A, b, c):
    return 0.5 * x.T @ A @ x - b.T @ x + c


ALGEBRA.add("quadratic function", quadratic_linear, "x",
            lambda rng: (*normal(rng, D, (D, D), D), 0.3), """
    dx = 0.5 * (A @ x + A.T @ x) - b
""")  # fmt: skip


def shifted(x, s, W):
    r = x - s
    return r @ W @ r


ALGEBRA.add("quadratic form of a difference", shifted, ("x", "s"),
            lambda rng: normal(rng, D, D, (D, D)), """
    dx = (W + W.T) @ (x - s)
    ds = -(W + W.T) @ (x - s)
""")  # fmt: skip


def residual_norm(A, x, b):
    r = A @ x - b
    return r @ r


ALGEBRA.add("squares of A x - b", residual_norm, ("A", "x"),
            lambda rng: normal(rng, (N, D), D, N), """
    dA = 2 * np.outer(r, x)
    dx = 2 * A.T @ r
""")  # fmt: skip


def bilinear(a, X, b):
    return a @ X @ b


ALGEBRA.add("a' X b", bilinear, ("a", "X", "b"), lambda rng: normal(rng, D, (D, H), H), """
    da = X @ b
    dX = np.outer(a, b)
    db = X.T @ a
""")  # fmt: skip


def gram(X, a, b):
    return a @ X.T @ X @ b


ALGEBRA.add("a' X' X b", gram, "X", lambda rng: normal(rng, (N, D), D, D), """
    dX = X @ (np.outer(a, b) + np.outer(b, a))
""")  # fmt: skip


def trace_product(A, X, B):
    return np.trace(A @ X @ B)


ALGEBRA.add("tr(A X B)", trace_product, ("A", "X", "B"),
            lambda rng: normal(rng, (N, D), (D, H), (H, N)), """
    dA = (X @ B).T
    dX = A.T @ B.T
    dB = (A @ X).T
""")  # fmt: skip


def trace_quadratic(X, A):
    return np.trace(X.T @ A @ X)


ALGEBRA.add("tr(X' A X)", trace_quadratic, ("X", "A"),
            lambda rng: normal(rng, (D, K), (D, D)), """
    dX = A @ X + A.T @ X
    dA = X @ X.T
""")  # fmt: skip


def trace_two(X, A, B):
    return np.trace(A @ X @ B @ X.T)


ALGEBRA.add("tr(A X B X')", trace_two, "X",
            lambda rng: normal(rng, (D, K), (D, D), (K, K)), """
    dX = A.T @ X @ B.T + A @ X @ B
""")  # fmt: skip


def trace_inverse(X, A):
    P = np.linalg.inv(X)
    return np.trace(A @ P)


ALGEBRA.add("tr(A X^-1)", trace_inverse, "X", lambda rng: (spd(rng), *normal(rng, (D, D))), """
    dX = -P.T @ A.T @ P.T
""")  # fmt: skip


def inverse_form(A, b):
    x = np.linalg.solve(A, b)
    return b @ x


ALGEBRA.add("b' A^-1 b", inverse_form, ("A", "b"), lambda rng: (spd(rng), *normal(rng, D)), """
    u = np.linalg.solve(A.T, b)
    dA = -np.outer(u, x)
    db = u + x
""")  # fmt: skip


def log_det(A):
    return np.log(np.linalg.det(A))


ALGEBRA.add("log det A", log_det, "A", lambda rng: (spd(rng),), """
    dA = np.linalg.inv(A).T
""")  # fmt: skip


def log_det_gram(X):
    G = X.T @ X
    return np.log(np.linalg.det(G))


ALGEBRA.add("log det X' X", log_det_gram, "X", lambda rng: normal(rng, (N, D)), """
    dX = 2 * X @ np.linalg.inv(X.T @ X)
""")  # fmt: skip


def determinant(A):
    return np.linalg.det(A)


ALGEBRA.add("det A", determinant, "A", lambda rng: (spd(rng),), """
    dA = np.linalg.det(A) * np.linalg.inv(A).T
""")  # fmt: skip


def gaussian_process(s, K, y):
    C = K + s * np.eye(len(y))
    a = np.linalg.solve(C, y)
    return 0.5 * y @ a + 0.5 * np.log(np.linalg.det(C))


ALGEBRA.add("likelihood of a Gaussian process", gaussian_process, "s",
            lambda rng: (0.7, spd(rng, N), *normal(rng, N)), """
    ds = -0.5 * np.sum(np.linalg.solve(C.T, y) * a) + 0.5 * np.trace(np.linalg.inv(C))
""")  # fmt: skip


def rayleigh(x, A):
    q = x @ A @ x
    n = x @ x
    return q / n


ALGEBRA.add("Rayleigh quotient", rayleigh, "x", lambda rng: normal(rng, D, (D, D)), """
    dx = (A + A.T) @ x / n - 2 * q * x / n**2
""")  # fmt: skip


def log_sum_exp(x, A, b):
    e = np.exp(A @ x + b)
    return np.log(np.sum(e))


ALGEBRA.add("log-sum-exp", log_sum_exp, ("x", "b"), lambda rng: normal(rng, D, (M, D), M), """
    p = e / np.sum(e)
    dx = A.T @ p
    db = p
""")  # fmt: skip


def length(x, s):
    return np.sqrt(np.sum((x - s) ** 2))


ALGEBRA.add("length", length, ("x", "s"), lambda rng: normal(rng, D, D), """
    norm = np.linalg.norm(x - s)
    dx = (x - s) / norm
    ds = (s - x) / norm
""")  # fmt: skip


def frobenius(A, B, C):
    R = A @ B - C
    return 0.5 * np.sum(R**2)


ALGEBRA.add("squares of A B - C", frobenius, ("A", "B"),
            lambda rng: normal(rng, (N, D), (D, H), (N, H)), """
    dA = R @ B.T
    dB = A.T @ R
""")  # fmt: skip


def three_factors(A, B, C, T):
    R = A @ B @ C - T
    return np.sum(R**2)


ALGEBRA.add("squares of A B C - T", three_factors, ("A", "B", "C"),
            lambda rng: normal(rng, (N, D), (D, H), (H, K), (N, K)), """
    dR = 2 * R
    dA = dR @ (B @ C).T
    dB = A.T @ dR @ C.T
    dC = (A @ B).T @ dR
""")  # fmt: skip


def symmetric_factor(L, S, lam):
    R = L @ L.T - S
    return np.sum(R**2) + lam * np.sum(L**2)


ALGEBRA.add("squares of L L' - S", symmetric_factor, "L",
            lambda rng: (*normal(rng, (D, K), (D, D)), 0.3), """
    dL = 2 * (R + R.T) @ L + 2 * lam * L
""")  # fmt: skip


def procrustes(A, X, Y):
    n = X.shape[0]
    R = X @ A - Y
    E = A.T @ A - np.eye(A.shape[1])
    return np.sum(R**2) / n + np.sum(E**2)


ALGEBRA.add("nearly orthogonal map", procrustes, "A",
            lambda rng: normal(rng, (D, K), (N, D), (N, K)), """
    dA = 2 * X.T @ R / n + 4 * A @ E
""")  # fmt: skip


def sylvester(X, A, B, C, lam):
    R = A @ X + X @ B - C
    return 0.5 * np.sum(R**2) + lam * np.sum(X**2)


ALGEBRA.add("squares of A X + X B - C", sylvester, "X",
            lambda rng: (*normal(rng, (N, M), (N, N), (M, M), (N, M)), 0.3), """
    dX = A.T @ R + R @ B.T + 2 * lam * X
""")  # fmt: skip


def hadamard(A, B, x, y):
    f = x @ (A * B) @ y
    return f**2


ALGEBRA.add("square of x' (A * B) y", hadamard, ("A", "x"),
            lambda rng: normal(rng, (N, D), (N, D), N, D), """
    dA = 2 * f * np.outer(x, y) * B
    dx = 2 * f * (A * B) @ y
""")  # fmt: skip


def variance(x):
    n = len(x)
    c = x - x.mean()
    return np.sum(c**2) / n


ALGEBRA.add("variance", variance, "x", lambda rng: normal(rng, N), """
    dx = 2 * (x - np.mean(x)) / n
""")  # fmt: skip


def column_least_squares(W, X, Y, lam):
    m = X.shape[1]
    R = W.T @ X - Y
    return np.sum(R**2) / (2 * m) + lam / 2 * np.sum(W**2)


ALGEBRA.add("squares of W' X - Y, columns", column_least_squares, "W",
            lambda rng: (*normal(rng, (D, K), (D, N), (K, N)), 0.3), """
    dW = X @ R.T / m + lam * W
""")  # fmt: skip
