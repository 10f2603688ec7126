"""Claims that are right only for special data, handed in for other data.

``SPECIAL`` maps what the claim takes for granted to a wrong formula.  ``args`` of the formula break
it, so the claim must be refused however many points agree; with ``granted(rng)`` it is right, which
shows that the claim is wrong for that reason alone.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.judge_corpus.algebra import (
    log_det,
    quadratic,
    spd,
    trace_quadratic,
    variance,
)
from tests.judge_corpus.chain_rule import larger
from tests.judge_corpus.classification import hinge, perceptron, softmax_one_hot
from tests.judge_corpus.embeddings import cosine, pca
from tests.judge_corpus.entry import (
    D,
    Formula,
    K,
    N,
    also,
    design,
    design_bias,
    normal,
    signs,
    signs_bias,
)
from tests.judge_corpus.networks import relu, to_number
from tests.judge_corpus.regression import (
    huber,
    kernel_ridge,
    lasso,
    linear_half,
    quantile,
    several_outputs,
)


@dataclass(frozen=True)
class Special:
    """A wrong claim, and arguments for which it is right."""

    formula: Formula
    granted: Callable[[np.random.Generator], tuple[Any, ...]]


SPECIAL: dict[str, Special] = {}


def add(assumption, function, wrt, args, granted, claim):
    claim = textwrap.dedent(claim).strip()
    SPECIAL[assumption] = Special(Formula(assumption, function, wrt, args, claim), granted)


def symmetric(rng, n=D):
    (A,) = normal(rng, (n, n))
    return A + A.T


def positive(args):
    """Return arguments whose arrays are all positive."""
    return lambda rng: tuple(np.abs(x) for x in args(rng))


def scaled(args, factors):
    """Return arguments, multiplied by ``factors`` at their positions."""
    return lambda rng: tuple(factors.get(k, 1.0) * x for k, x in enumerate(args(rng)))


def orthonormal(rng):
    W, X = normal(rng, (D, K), (N, D))
    return np.linalg.qr(W)[0], X


def units(rng):
    a, b = normal(rng, D, D)
    return a / np.linalg.norm(a), b / np.linalg.norm(b)


def rows_that_sum(to):
    def args(rng):
        W, b, X, Y = normal(rng, (D, K), K, (N, D), (N, K))
        Y = np.abs(Y)
        return W, b, X, to * Y / Y.sum(axis=1, keepdims=True)

    return args


def one_hot_rows(rng):
    return *normal(rng, D), 0.3, np.eye(D)[[0, 2, 1, 3, 3, 0, 1]], *normal(rng, N)


def all_wrong(rng):
    w, X, _ = signs(rng)
    return w, X, -np.sign(X @ w)


def outputs_of(n):
    return lambda rng: normal(rng, (D, K), K, (n, D), (n, K))


# fmt: off
add("A is symmetric: x' A x", quadratic, "x", lambda rng: normal(rng, D, (D, D)),
    lambda rng: (*normal(rng, D), symmetric(rng)), "dx = 2 * A @ x")
add("A is symmetric: tr(X' A X)", trace_quadratic, "X", lambda rng: normal(rng, (D, K), (D, D)),
    lambda rng: (*normal(rng, (D, K)), symmetric(rng)), "dX = 2 * A @ X")
add("A is symmetric: log det A", log_det, "A",
    lambda rng: (spd(rng) + np.triu(0.2 * np.ones((D, D)), 1),), lambda rng: (spd(rng),),
    "dA = np.linalg.inv(A)")
add("the kernel is symmetric", kernel_ridge, "alpha",
    lambda rng: (*normal(rng, N), *normal(rng, (N, N), N), 0.3),
    lambda rng: (*normal(rng, N), symmetric(rng, N), *normal(rng, N), 0.3),
    "dalpha = 2 * K @ r + 2 * lam * K @ alpha")
add("rows of Y sum to 1", softmax_one_hot, ("W", "b"), rows_that_sum(2.0), rows_that_sum(1.0), """
    dS = (P - Y) / n
    dW = X.T @ dS
    db = dS.sum(axis=0)
""")
add("rows of X are one-hot", linear_half, "w", design_bias, one_hot_rows, """
    R = w * X + b - y[:, None]
    dw = np.sum(X * R, axis=0)
""")
add("there is one example", several_outputs, ("W", "b"), outputs_of(N), outputs_of(1), """
    dW = X.T @ R
    db = R.sum(axis=0)
""")
add("as many examples as features", several_outputs, "W", outputs_of(N), outputs_of(D), """
    d = X.shape[1]
    dW = X.T @ R / d
""")
add("there is no bias", linear_half, "w", design_bias, scaled(design_bias, {1: 0.0}),
    "dw = X.T @ (X @ w - y)")
add("the first is larger", larger, ("x", "y"), lambda rng: (3.0, 4.0, -5.0),
    lambda rng: (4.0, 3.0, -5.0), """
    dx = z
    dy = 0 * z
""")
add("weights are positive", lasso, "w", also(design, 0.7), positive(also(design, 0.7)),
    "dw = X.T @ r / n + lam")
add("every residual is small", huber, "w", also(design, 0.5), also(design, 50.0),
    "dw = X.T @ r / len(y)")
add("every residual is positive", quantile, "w", also(design, 0.8),
    lambda rng: (*normal(rng, D, (N, D)), np.full(N, 50.0), 0.8), """
    dw = -tau * X.T @ np.ones(len(y)) / len(y)
""")
add("every example lies within the margin", hinge, ("w", "b"), also(signs_bias, 0.3),
    scaled(also(signs_bias, 0.3), {0: 1e-3, 1: 0.0}), """
    dw = -X.T @ y / n + 2 * lam * w
    db = -np.sum(y) / n
""")
add("every example is wrong", perceptron, "w", signs, all_wrong, "dw = -X.T @ y / n")
add("every unit is on", relu, ("W1", "b1"), to_number, positive(to_number), """
    dz = np.outer(2 * r / n, w2)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""")
add("vectors have length 1", cosine, "a", lambda rng: normal(rng, D, D), units, "da = c * a - b")
add("W is orthonormal", pca, "W", lambda rng: normal(rng, (D, K), (N, D)), orthonormal,
    "dW = 2 * R.T @ Z / n")
add("the mean is 0", variance, "x", lambda rng: normal(rng, N),
    lambda rng: (np.array([1.0, -2, 3, -1, -1, 2, -2]),), "dx = 2 * x / n")
