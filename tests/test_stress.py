"""Naive spellings under stress: each gives the exact value and gradient where these are numbers.

A table of what users write, by subject, at arguments where the spelling itself overflows, divides
0 by 0 or cancels.  The truth is the same Python function on duals of mpmath numbers at the very
floats given, which knows nothing of symgrad.
"""

import inspect
import math
import warnings
from dataclasses import dataclass

import mpmath
import numpy as np
import pytest

import symgrad
from tests.benchmarks.exact import evaluate

RELATIVE = 1e-12
DIGITS = (700, 1400)  # so that 1 + 1e-300 and 1 - exp(-1000) have all theirs
SMALLEST = mpmath.mpf(2) ** -1022
LARGEST = mpmath.mpf(np.finfo(float).max)

VECTORS = {
    "1e3": [1e3, -1e3, 0.0],
    "40": [40.0, 0.0, -40.0],
    "800": [800.0, 799.0, -800.0],
    "-1e3": [-1000.0, -1001.0, -999.5],
    "ties": [5.0, 5.0, 5.0],
    "1e-300": [1e-300, -1e-300, 0.0],
}
ONE = {"one": [3.0]}
ROWS = list(VECTORS.values())
POINTS = [1e3, -1e3, 40.0, -40.0, 800.0, -800.0, 30.0, -30.0, 1e-300, 0.0, 0.5, -0.5]


def vectors(*rest, also=ONE):
    return [(np.array(v), *rest) for v in [*VECTORS.values(), *also.values()]]


def matrices(*rest):
    return [
        (np.array(ROWS), *rest),
        (np.array(ROWS).T.copy(), *rest),
        (np.array(ROWS[:1]), *rest),
        (np.array([[3.0], [-800.0]]), *rest),
    ]


def scalars(*rest, at=POINTS):
    return [(np.float64(x), *rest) for x in at]


def array_of(at=POINTS, *rest):
    return [(np.array(at), *rest)]


def numpy_numbers(*rows):
    return [tuple(map(np.float64, row)) for row in rows]


@dataclass(frozen=True)
class Form:
    """What a user writes, and the arguments at which it is tried.

    ``scale`` is what an error is measured against where the truth may be smaller: the 1 of p - y,
    of which the digits that cancel are lost.  ``relative`` is the error that is allowed, and
    ``not_yet`` says why a form is not exact: one that becomes so must lose it.
    """

    subject: str
    function: object
    arguments: list
    wrt: tuple = (0,)
    scale: float = 0.0
    relative: float = RELATIVE
    not_yet: str = ""

    def __str__(self):
        text = " ".join(inspect.getsource(self.function).split())
        return f"{self.subject}: {text[:70]}"


FORMS: list[Form] = []


def form(subject, arguments, **settings):
    def add(function):
        FORMS.append(Form(subject, function, arguments, **settings))
        return function

    return add


def forms(subject, arguments, *functions, **settings):
    for function in functions:
        form(subject, arguments, **settings)(function)


# --- logsumexp ---------- ----------------------------------------------------------------------

forms(
    "logsumexp", vectors(),
    lambda s: np.log(np.exp(s).sum()),
    lambda s: np.log(np.sum(np.exp(s), axis=0)),
    lambda s: s.max() + np.log(np.exp(s - s.max()).sum()),
    lambda s: 7 + np.log(np.sum(np.exp(s - 7))),
    lambda s: np.log(np.sum(np.exp(s - 7))) + 7,
    lambda s: np.log(np.mean(np.exp(s))),
    lambda s: np.log(np.exp(s).sum() / len(s)),
    lambda s: -np.log(1 / np.exp(s).sum()),
    lambda s: np.log(sum(np.exp(s))),
    lambda s: np.log(np.exp(s) @ np.ones(len(s))),
    lambda s: np.logaddexp.reduce(s),
    scale=1.0,
)  # fmt: skip
forms(
    "logsumexp", vectors(also={}),
    lambda s: np.log(np.exp(s[0]) + np.exp(s[1]) + np.exp(s[2])),
    lambda s: np.logaddexp(np.logaddexp(s[:1], s[1:2]), s[2:]).sum(),
    lambda s: np.log(np.exp(s[0]) + np.exp(s[1])),
    lambda s: np.log(0.2 * np.exp(s[0]) + 0.5 * np.exp(s[1]) + 0.3 * np.exp(s[2])),
    lambda s: np.log(np.sum(np.array([0.2, 0.5, 0.3]) * np.exp(s))),
    scale=1.0,
)  # fmt: skip
forms(
    "logsumexp", matrices(),
    lambda S: np.log(np.exp(S).sum(axis=1)).sum(),
    lambda S: np.log(np.exp(S).sum(axis=1, keepdims=True)).mean(),
    lambda S: np.log(np.sum(np.exp(S), 0)).sum(),
    lambda S: np.log(np.sum(np.exp(S), axis=-1)).sum(),
    lambda S: np.log(np.exp(S).sum()),
    lambda S: np.log(np.mean(np.exp(S), axis=1)).sum(),
    lambda S: np.sum(
        S.max(axis=1) + np.log(np.sum(np.exp(S - S.max(axis=1)[:, None]), axis=1))
    ),
    lambda S: np.sum(
        S.max(axis=0) + np.log(np.sum(np.exp(S - S.max(axis=0)), axis=0))
    ),
    lambda S: S.max() + np.log(np.sum(np.exp(S - S.max()))),
    lambda S: np.logaddexp.reduce(S, axis=1).sum(),
)  # fmt: skip

# --- log of softmax ----- ----------------------------------------------------------------------

LABELS = np.array([2, 0, 1, 1, 0, 2])
ONE_HOT = np.eye(3)[LABELS]
SOFT = np.array([[0.2, 0.5, 0.3]] * 6)


@form("softmax, then the log-likelihood", [(np.array(ROWS), LABELS)])
def nll_of_rows(S, y):
    p = np.exp(S) / np.exp(S).sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(y)), y]))


@form("softmax, then the log-likelihood", [(np.array(ROWS), LABELS)])
def nll_of_rows_without_keepdims(S, y):
    e = np.exp(S)
    p = e / e.sum(axis=1)[:, None]
    return np.mean(-np.log(p)[np.arange(S.shape[0]), y])


@form("softmax, then the log-likelihood", [(np.array(ROWS), LABELS)])
def nll_of_shifted_rows(S, y):
    e = np.exp(S - np.max(S, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean()


@form("softmax, then the log-likelihood", [(np.array(ROWS).T.copy(), LABELS)])
def nll_of_columns(S, y):
    p = np.exp(S) / np.exp(S).sum(axis=0)
    return -np.mean(np.log(p[y, np.arange(len(y))]))


@form("softmax, then the log-likelihood", [(np.array(ROWS).T.copy(), LABELS)])
def nll_of_turned_columns(S, y):
    e = np.exp(S.T)
    p = (e.T / e.sum(axis=1)).T
    return -np.mean(np.log(p[np.arange(len(y)), y]))


@form("softmax, then the log-likelihood", vectors(1, also={}))
def nll_of_one(s, k):
    return -np.log(np.exp(s) / np.exp(s).sum())[k]


@form("softmax, then the log-likelihood", vectors(1, also={}))
def nll_of_one_by_index_first(s, k):
    return -np.log(np.exp(s[k]) / np.exp(s).sum())


@form("softmax, then the log-likelihood", vectors(1, also={}))
def nll_of_one_by_difference(s, k):
    return -(s[k] - np.log(np.sum(np.exp(s))))


@form("softmax, then the log-likelihood", vectors(also=ONE), scale=1.0)
def nll_of_first(s):
    p = np.exp(s) / sum(np.exp(s))
    return -np.log(p[0])


@form("softmax, then the log-likelihood", [(np.array(ROWS), LABELS)])
def nll_by_row_loop(S, y):
    total = 0.0
    for k in range(6):
        p = np.exp(S[k]) / np.sum(np.exp(S[k]))
        total -= np.log(p[y[k]])
    return total / 6


forms(
    "softmax, then soft or one-hot labels", [(np.array(ROWS), SOFT), (np.array(ROWS), ONE_HOT)],
    lambda S, y: -np.sum(y * np.log(np.exp(S) / np.exp(S).sum(axis=1, keepdims=True))),
    lambda S, y: -np.mean(
        np.sum(y * np.log(np.exp(S) / np.sum(np.exp(S), axis=1, keepdims=True)), axis=1)
    ),
    lambda S, y: -np.mean(
        np.log(np.sum(y * (np.exp(S) / np.exp(S).sum(axis=1, keepdims=True)), axis=1))
    ),
    lambda S, y: -np.mean(
        np.sum(y * (S - np.log(np.sum(np.exp(S), axis=1, keepdims=True))), axis=1)
    ),
)  # fmt: skip
forms(
    "softmax, then soft or one-hot labels", vectors(SOFT[0], also={}),
    lambda s, y: -np.sum(y * np.log(np.exp(s) / np.exp(s).sum())),
    lambda s, y: -np.dot(y, np.log(np.exp(s) / np.exp(s).sum())),
    lambda s, y: -y @ np.log(np.exp(s) / np.sum(np.exp(s))),
)  # fmt: skip

# --- sigmoid ------------ ----------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


forms(
    "log of sigmoid", scalars(),
    lambda z: np.log(1 / (1 + np.exp(-z))),
    lambda z: np.log(sigmoid(z)),
    lambda z: np.log(1 - sigmoid(z)),
    lambda z: np.log(np.exp(z) / (1 + np.exp(z))),
    lambda z: np.log(1 - 1 / (1 + np.exp(-z))),
    lambda z: np.log(1 / (1 + np.exp(z))),
    lambda z: -np.log(1 + np.exp(-z)),
    lambda z: np.log1p(-sigmoid(z)),
    lambda z: np.log(np.exp(-z) / (1 + np.exp(-z))),
    lambda z: z - np.log(1 + np.exp(z)),
    lambda z: np.log(sigmoid(z)) - np.log(1 - sigmoid(z)),
    lambda z: np.log(sigmoid(z) / (1 - sigmoid(z))),
    scale=1.0,
)  # fmt: skip
forms(
    "log of sigmoid", array_of(),
    lambda z: np.sum(np.log(sigmoid(z))),
    lambda z: np.mean(-np.log(1 - sigmoid(z))),
    lambda z: np.sum(np.log(1.0 / (1.0 + np.exp(-z)))),
)  # fmt: skip
BITS = np.array([1.0, 0.0] * (len(POINTS) // 2))
SIGNS = 2 * BITS - 1
forms(
    "sigmoid, then cross-entropy", [(np.array(POINTS), BITS), (np.array(POINTS), 1 - BITS)],
    lambda z, y: np.mean(-y * np.log(sigmoid(z)) - (1 - y) * np.log(1 - sigmoid(z))),
    lambda z, y: -np.mean(y * np.log(sigmoid(z)) + (1 - y) * np.log(1 - sigmoid(z))),
    lambda z, y: np.sum(-y * np.log(1 / (1 + np.exp(-z)))),
    lambda z, y: -np.sum(np.where(y == 1, np.log(sigmoid(z)), np.log(1 - sigmoid(z)))),
    lambda z, y: -np.sum(np.log(np.where(y == 1, sigmoid(z), 1 - sigmoid(z)))),
    lambda z, y: np.mean(np.log(1 + np.exp(z)) - y * z),
    lambda z, y: -(y @ np.log(sigmoid(z)) + (1 - y) @ np.log(1 - sigmoid(z))),
    scale=1.0,
)  # fmt: skip
forms(
    "sigmoid, then cross-entropy", [(np.array(POINTS), SIGNS), (np.array(POINTS), -SIGNS)],
    lambda z, y: np.mean(np.log(1 + np.exp(-y * z))),
    lambda z, y: -np.mean(np.log(sigmoid(y * z))),
    lambda z, y: -np.mean(np.log(1 / (1 + np.exp(-y * z)))),
    lambda z, y: np.sum(np.log1p(np.exp(-(y * z)))),
)  # fmt: skip
forms(
    "sigmoid, then cross-entropy", numpy_numbers(*[(z, y) for z in POINTS for y in (0, 1)]),
    lambda z, y: -(y * np.log(sigmoid(z)) + (1 - y) * np.log(1 - sigmoid(z))),
    lambda z, y: -y * np.log(1 / (1 + np.exp(-z))),
    lambda z, y: -np.log(sigmoid(z) ** y * (1 - sigmoid(z)) ** (1 - y)),
    scale=1.0,
)  # fmt: skip
forms(
    "sigmoid, then focal loss",
    [(np.array(POINTS), y, gamma) for y in (BITS, 1 - BITS) for gamma in (2.0, 0.5)],
    lambda z, y, gamma: np.sum(
        -y * (1 - sigmoid(z)) ** gamma * np.log(sigmoid(z))
        - (1 - y) * sigmoid(z) ** gamma * np.log(1 - sigmoid(z))
    ),
    lambda z, y, gamma: -np.sum(
        (1 - np.where(y == 1, sigmoid(z), 1 - sigmoid(z))) ** gamma
        * np.log(np.where(y == 1, sigmoid(z), 1 - sigmoid(z)))
    ),
)  # fmt: skip

# --- softplus, log1p, expm1, log1mexp ----------------------------------------------------------

forms(
    "softplus", scalars(),
    lambda z: np.log(1 + np.exp(z)),
    lambda z: np.log(np.exp(z) + 1),
    lambda z: np.log1p(np.exp(z)),
    lambda z: np.log(2 + np.exp(z)),
    lambda z: np.log(0.1 + 3 * np.exp(z)),
    lambda z: np.log(1 + 2 * np.exp(-z)),
    lambda z: np.log(np.exp(z) + np.exp(-z)),
    lambda z: np.log(np.cosh(z)),
    lambda z: 0.5 * np.log(1 + np.exp(2 * z)),
    scale=1.0,
)  # fmt: skip
forms(
    "softplus", array_of(),
    lambda z: np.sum(np.log(1 + np.exp(z))),
    lambda z: np.mean(np.log(1 + np.exp(-z))),
    lambda z: np.sum(np.logaddexp(0, z)),
    lambda z: np.sum(np.logaddexp(z, 0.0)),
    lambda z: np.sum(np.log(1.5 + np.exp(z))),
    lambda z: np.sum(np.logaddexp(np.log(1.5), z)),
    lambda z: np.sum(np.log(np.cosh(z))),
)  # fmt: skip
forms(
    "negative binomial", [(np.array(POINTS), np.arange(12.0), 1.5)],
    lambda z, y, r: np.sum((y + r) * np.log(r + np.exp(z)) - y * np.log(np.exp(z))),
    lambda z, y, r: np.sum((y + r) * np.log(1 + np.exp(z) / r) - y * z),
)  # fmt: skip
NEAR_0 = [1e-300, -1e-300, 1e-20, -1e-9, 1e-5, 0.5, 0.0]
forms(
    "log1p and expm1", scalars(at=NEAR_0),
    lambda x: np.log(1 + x),
    lambda x: np.log(x + 1),
    lambda x: np.log(1 - x),
    lambda x: np.exp(x) - 1,
    lambda x: 1 - np.exp(x),
    lambda x: -1 + np.exp(x),
    lambda x: np.log(1 + x * x),
)  # fmt: skip
forms(
    "log1p and expm1", scalars(at=NEAR_0[:-1]),
    lambda x: (np.exp(x) - 1) / x,
    lambda x: np.log(1 + x) / x,
    not_yet="the value is exact, the derivative (x exp(x) - expm1(x)) / x**2 cancels near 0",
)  # fmt: skip
BELOW_0 = [-1e-300, -1e-20, -1e-9, -0.5, -1.0, -30.0, -40.0, -800.0, -1e3]
forms(
    "log1mexp", scalars(at=BELOW_0),
    lambda x: np.log(1 - np.exp(x)),
    lambda x: np.log1p(-np.exp(x)),
    lambda x: np.log(-np.expm1(x)),
    lambda x: np.log(-(np.exp(x) - 1)),
)  # fmt: skip
forms(
    "log of a difference of exponentials",
    numpy_numbers(
        (1e3, 999.0), (-1e3, -1001.0), (40.0, -40.0), (800.0, -800.0), (1.0, 1.0 - 1e-9), (0.5, 0.0)
    ),
    lambda a, b: np.log(np.exp(a) - np.exp(b)),
    lambda a, b: np.log(np.exp(a) * (1 - np.exp(b - a))),
    lambda a, b: a + np.log(1 - np.exp(b - a)),
    wrt=(0, 1),
)  # fmt: skip
forms(
    "log of a difference of exponentials", scalars(at=[1e3, 40.0, 800.0, 1.0, 1e-9]),
    lambda a: np.log(np.exp(a) - 1),
    lambda a: np.log(np.exp(a) - np.exp(-a)),
)  # fmt: skip

# --- entropies ---------- ----------------------------------------------------------------------

PROBABILITIES = [1e-300, 1e-17, 0.3, 0.999999, 1.0]
forms(
    "x log(x)", scalars(at=PROBABILITIES),
    lambda p: p * np.log(p),
    lambda p: -np.log(p) * p,
    lambda p: np.where(p > 0, p * np.log(p), 0.0),
)  # fmt: skip
INSIDE = [1e-300, 1e-17, 0.3, 0.999999]
forms(
    "x log(x)", scalars(at=INSIDE),
    lambda p: -p * np.log(p) - (1 - p) * np.log(1 - p),
    lambda p: -(p * np.log(p) + (1 - p) * np.log1p(-p)),
)  # fmt: skip
forms(
    "x log(x)", array_of(INSIDE),
    lambda p: -np.sum(p * np.log(p)),
    lambda p: -p @ np.log(p),
)  # fmt: skip


@form("x log(x)", vectors(also={}), scale=1.0)
def entropy_of_softmax(s):
    p = np.exp(s) / np.exp(s).sum()
    return -np.sum(p * np.log(p))


@form(
    "x log(x)", [(np.array(a), np.array(b)) for a in ROWS[:3] for b in ROWS[3:]],
    wrt=(0, 1), scale=1.0,
)  # fmt: skip
def divergence_of_softmaxes(s, t):
    p = np.exp(s) / np.exp(s).sum()
    q = np.exp(t) / np.exp(t).sum()
    return np.sum(p * np.log(p / q))


@form("x log(x)", [(np.array([800.0, -800, 3]), np.array([0.0, 0.5, 0.5]))])
def divergence_from_known(s, p):
    q = np.exp(s) / np.exp(s).sum()
    return -np.sum(p * np.log(q))


# --- length -------------------------------------------------------------------------------------

LENGTHS = [[3.0, 4.0], [0.0, 0.0], [3e-150, 4e-150], [3e150, 4e150], [1e-150, 1e150], [-2.0, 0.0]]
EXTREME = [[3e-170, 4e-170], [3e170, 4e170], [1e-300, 0.0], [1e-170, 1e170]]
VECTOR_LENGTHS = (
    lambda x: np.sqrt(np.sum(x**2)),
    lambda x: np.sqrt((x * x).sum()),
    lambda x: np.sum(x**2) ** 0.5,
    lambda x: np.sqrt(x @ x),
    lambda x: np.sqrt(np.dot(x, x)),
    lambda x: np.linalg.norm(x),
    lambda x: np.sqrt(np.sum(np.square(x))),
    lambda x: np.sqrt(np.sum(np.abs(x) ** 2)),
)
forms("length", [(np.array(v),) for v in [*LENGTHS, [5e-150]]], *VECTOR_LENGTHS)
forms(
    "length beyond 1e-154 and 1e154", [(np.array(v),) for v in EXTREME], *VECTOR_LENGTHS,
    not_yet="np.linalg.norm itself vanishes and overflows there; scaling takes two more passes",
)  # fmt: skip
forms(
    "length", [(np.array(LENGTHS),), (np.array(LENGTHS[:1]),), (np.array(LENGTHS).T.copy(),)],
    lambda X: np.sum(np.sqrt(np.sum(X**2, axis=1))),
    lambda X: np.sum(np.sqrt(np.sum(X * X, axis=0))),
    lambda X: np.sum(np.linalg.norm(X, axis=1)),
    lambda X: np.linalg.norm(X),
    lambda X: np.sqrt(np.sum(X**2)),
)  # fmt: skip
forms(
    "length", numpy_numbers(*LENGTHS, *EXTREME),
    lambda a, b: np.sqrt(a**2 + b**2),
    lambda a, b: np.sqrt(a * a + b * b),
    lambda a, b: (a**2 + b**2) ** 0.5,
    lambda a, b: np.hypot(a, b),
    wrt=(0, 1),
)  # fmt: skip
forms(
    "length", scalars(at=[1e-170, -1e-170, 1e170, -3.0, 0.0, 1e-300]),
    lambda x: np.sqrt(x**2),
    lambda x: np.sqrt(x * x),
    lambda x: (x**2) ** 0.5,
)  # fmt: skip
forms(
    "length", [(np.array([3.0, 4.0]), np.array([3.0, 4.0])), (np.ones(2), np.array([1.0, 2.0]))],
    lambda x, y: np.sqrt(np.sum((x - y) ** 2)),
    lambda x, y: np.linalg.norm(x - y),
    lambda x, y: np.sqrt((x[0] - y[0]) ** 2 + (x[1] - y[1]) ** 2),
    wrt=(0, 1),
)  # fmt: skip
forms(
    "angle", [(np.array([1.0, 1e-7]), np.array([1.0, 0.0])), (np.ones(2), np.array([1.0, -2.0]))],
    lambda a, b: 1 - np.sum(a * b) / (np.linalg.norm(a) * np.linalg.norm(b)),
    lambda a, b: 1 - np.sum(a * b) / (np.sqrt(np.sum(a**2)) * np.sqrt(np.sum(b**2))),
    wrt=(0, 1),
    relative=1e-8,  # the distance itself is 1e-7, with 16 digits of the 1 it is the difference of
)  # fmt: skip

# --- roots and quotients  ----------------------------------------------------------------------

POSITIVE = [1e-300, 1e-170, 3.0, 1e170, 1e300]
forms(
    "roots", scalars(at=POSITIVE),
    lambda x: np.sqrt(x) ** 2,
    lambda x: np.sqrt(x) * np.sqrt(x),
    lambda x: np.sqrt(x**2),
    lambda x: np.log(x**2),
    lambda x: np.log(np.sqrt(x)),
    lambda x: np.log(1 / x),
    lambda x: np.exp(np.log(x)),
    lambda x: np.log(x * x),
)  # fmt: skip
forms(
    "quotients",
    numpy_numbers(
        (1e-170, 2e-170), (1e170, 2e170), (3e-170, 1e-170), (2.0, 3.0), (1e-160, 1e-150)
    ),
    lambda a, b: a**2 / b**2,
    lambda a, b: a * a / (b * b),
    lambda a, b: a**2 / (2 * b**2),
    lambda a, b: (a**2 + b**2) / (2 * b**2),
    lambda a, b: a / b / b * a,
    lambda a, b: a**3 / b**3,
    lambda a, b: 0.5 * a**2 / b**2,
    lambda a, b: np.log(a**2 / b**2),
    lambda a, b: np.log(a / b),
    lambda a, b: np.sqrt(a) / np.sqrt(b),
    lambda a, b: np.sqrt(a**2 / b**2),
    wrt=(0, 1),
)  # fmt: skip
forms(
    "quotients",
    [(np.array([1e-170, 0.0]), np.array([2e-170, 1e-170]), np.array([3e-170, 1e-170]))],
    lambda a, b, s: np.sum((a - b) ** 2 / s**2),
    lambda a, b, s: 0.5 * np.sum((a - b) ** 2 / (2 * s**2)),
    lambda a, b, s: np.sum((b**2 + (a - b) ** 2) / (2 * s**2) + np.log(s)),
    lambda a, b, s: np.sum(((a - b) / s) ** 2),
    wrt=(0, 1, 2),
)  # fmt: skip
forms(
    "quotients", numpy_numbers((800.0, 799.0), (-800.0, -799.0), (1e3, 999.0), (30.0, 20.0)),
    lambda a, b: np.exp(a) / np.exp(b),
    lambda a, b: np.exp(a) / (np.exp(a) + np.exp(b)),
    lambda a, b: 1 / (1 + np.exp(b) / np.exp(a)),
    lambda a, b: np.exp(a) * np.exp(-b),
    wrt=(0, 1),
)  # fmt: skip

# --- variance ----------- ----------------------------------------------------------------------

SPREAD = [[1e8 + 1e-3, 1e8, 1e8 - 2e-3], [1e8 + 0.25, 1e8, 1e8 - 0.5], [3.0, 3.5, -1.0]]
OF_MEAN = 1e-4  # the mean of numbers near 1e8 is rounded to 1.5e-8, against deviations of 1e-3
forms(
    "variance", [(np.array(v),) for v in SPREAD],
    lambda x: np.var(x),
    lambda x: np.mean((x - np.mean(x)) ** 2),
    lambda x: np.mean(x**2) - np.mean(x) ** 2,
    lambda x: np.mean(x * x) - x.mean() ** 2,
    lambda x: np.sum(x**2) / len(x) - (np.sum(x) / len(x)) ** 2,
    lambda x: (np.sum(x**2) - len(x) * np.mean(x) ** 2) / (len(x) - 1),
    lambda x: np.log(np.mean(x**2) - np.mean(x) ** 2),
    relative=OF_MEAN,
)  # fmt: skip
forms(
    "variance", [(np.array(v),) for v in SPREAD],
    lambda x: np.std(x),
    lambda x: np.sqrt(np.var(x)),
    lambda x: np.sqrt(np.mean((x - x.mean()) ** 2)),
    relative=OF_MEAN,
)  # fmt: skip
forms(
    "variance", [(np.array(SPREAD[:2]),), (np.array(SPREAD[:1]),)],
    lambda X: np.sum(np.mean(X**2, axis=1) - np.mean(X, axis=1) ** 2),
    lambda X: np.sum(np.mean(X**2, axis=1, keepdims=True) - X.mean(axis=1, keepdims=True) ** 2),
    lambda X: np.sum(np.var(X, axis=1)),
    relative=OF_MEAN,
)  # fmt: skip

# --- own results -------- ----------------------------------------------------------------------

forms(
    "tanh and sigmoid", scalars(at=[1e3, -1e3, 40.0, -40.0, 5.0, 1e-300, 0.0]),
    lambda z: np.tanh(z),
    lambda z: sigmoid(z),
    lambda z: np.exp(z) / (1 + np.exp(z)),
    lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    lambda z: (1 - np.exp(-2 * z)) / (1 + np.exp(-2 * z)),
    lambda z: (np.exp(2 * z) - 1) / (np.exp(2 * z) + 1),
    lambda z: 2 / (1 + np.exp(-2 * z)) - 1,
    lambda z: z * sigmoid(z),
    lambda z: z / (1 + np.exp(-z)),
    lambda z: sigmoid(z) * (1 - sigmoid(z)),
    scale=1.0,
)  # fmt: skip

# --- guards ------------- ----------------------------------------------------------------------

GUARDED = [-1.0, 0.0, 1e-300, 2.0]
forms(
    "guards", array_of(GUARDED),
    lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)),
    lambda x: np.sum(np.where(x > 0, x * np.log(x), 0.0)),
    lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)),
    lambda x: np.sum(np.where(x > 0, np.sqrt(x) * x, x)),
    lambda x: np.sum(np.where(x > 1, 1 / x, 0.0)),
    lambda x: np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0)),
    lambda x: np.sum(np.where(x <= 0, 0.0, np.log(x) ** 2)),
    lambda x: np.sum(np.where(x > 1, x**1.5, x)),
)  # fmt: skip
forms(
    "guards", array_of([-800.0, 0.0, 800.0, 2.0]),
    lambda x: np.sum(np.where(x < 10, np.log(1 + np.exp(x)), x)),
    lambda x: np.sum(np.where(x < 10, np.exp(x), x)),
)  # fmt: skip
forms(
    "guards", scalars(at=GUARDED),
    lambda x: np.where(x > 0, np.log(x), 0.0),
    lambda x: np.where(x > 0, np.sqrt(x), 0.0),
)  # fmt: skip

# --- survival ----------- ----------------------------------------------------------------------

forms(
    "running logsumexp", [*vectors(), (np.array([-700.0, 600.0, 601.0]),)],
    lambda s: np.sum(np.log(np.cumsum(np.exp(s)))),
    lambda s: np.sum(s - np.log(np.cumsum(np.exp(s)))),
    lambda s: np.sum(np.logaddexp.accumulate(s)),
    lambda s: np.sum(s.max() + np.log(np.cumsum(np.exp(s - s.max())))),
    scale=1.0,
)  # fmt: skip
forms(
    "running logsumexp", [(np.array([-40.0, 0, 40]),), (np.array([-1e3, -999, -1001]),)],
    lambda s: np.sum(np.log(np.cumsum(np.exp(s)[::-1])[::-1])),
    lambda s: np.sum(np.log(np.cumsum(np.exp(s[::-1])))),
    scale=1.0,
)  # fmt: skip
forms(
    "running logsumexp", [(np.array([[-1e3, 300.0, 40], [800.0, 799, -800], [5.0, 5, 5]]),)],
    lambda S: np.sum(np.log(np.cumsum(np.exp(S), axis=1))),
    lambda S: np.sum(np.log(np.cumsum(np.exp(S), axis=-1))),
    lambda S: np.sum(np.log(np.cumsum(np.exp(S.T), axis=0))),
)  # fmt: skip
forms(
    "running logsumexp", [(np.array([-1e3, 1e3]),)],
    lambda s: np.sum(np.log(np.cumsum(np.exp(s)))),
    not_yet="one shift serves a spread of 1360; np.logaddexp.accumulate serves any",
)  # fmt: skip
forms("running logsumexp", [(np.array([-1e3, 1e3]),)], lambda s: np.logaddexp.accumulate(s)[0])


def elements(f, arguments):
    return [
        (k, at if np.ndim(arguments[k]) else ())
        for k in f.wrt
        for at in np.ndindex(np.shape(arguments[k]))
    ]


def quiet(function, *arguments):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*arguments)


def error_of(found, truth, scale):
    if not np.isfinite(found):
        return math.inf if abs(truth) <= LARGEST else 0.0
    return float(abs(mpmath.mpf(float(found)) - truth) / max(abs(truth), scale, SMALLEST))


def errors(f, arguments, value, gradients):
    """Return the error of the value, and the largest of the gradient against its largest entry."""
    at = elements(f, arguments)
    exact, *slopes = evaluate(f.function, arguments, at, DIGITS)
    worst = error_of(value, exact, f.scale)
    gradients = dict(zip(f.wrt, gradients, strict=True))
    for (k, where), truth in zip(at, slopes, strict=True):
        scale = max(abs(t) for t, (j, _) in zip(slopes, at, strict=True) if j == k)
        scale = min(scale, LARGEST)
        worst = max(worst, error_of(np.asarray(gradients[k])[where], truth, max(scale, f.scale)))
    return worst


def marked(f):
    if not f.not_yet:
        return pytest.param(f, id=str(f))
    mark = pytest.mark.xfail(strict=True, raises=AssertionError, reason=f.not_yet)
    return pytest.param(f, id=str(f), marks=mark)


@pytest.mark.parametrize("f", [marked(f) for f in FORMS])
def test_a_naive_form_is_exact_under_stress(f):
    compiled = symgrad.compile(f.function, wrt=f.wrt)
    bad = {}
    for arguments in f.arguments:
        value, gradients = quiet(compiled.value_and_grad, *arguments)
        again, residuals = quiet(compiled.forward, *arguments)
        apart = quiet(compiled.backward, residuals)
        for way, y, g in (("at once", value, gradients), ("in two passes", again, apart)):
            assert [np.shape(x) for x in g] == [np.shape(arguments[k]) for k in f.wrt]
            if (worst := errors(f, arguments, y, g)) > f.relative:
                bad[f"{arguments} {way}"] = worst
    assert not bad


# --- where the truth is not finite, or not asked for ----------------------------------------------

AT_THE_EDGE = [
    (lambda p: p * np.log(p), 0.0, 0.0, -np.inf),
    (lambda p: -np.log(p) * p, 0.0, 0.0, np.inf),
    (lambda p: p * np.log(p / 3.0), 0.0, 0.0, -np.inf),
    (lambda x: np.log(x**2), 0.0, -np.inf, np.nan),
    (lambda z: np.log(1 - np.exp(z)), 0.0, -np.inf, np.nan),
    (lambda z: np.log(1 + np.exp(z)), np.inf, np.inf, np.nan),
    (lambda z: np.log(2 + np.exp(z)), -np.inf, math.log(2), 0.0),
    (lambda z: np.log(1 / (1 + np.exp(-z))), -np.inf, -np.inf, np.nan),
    (lambda x: np.sqrt((3 * x) ** 2 + (4 * x) ** 2), 0.0, 0.0, 0.0),
    (lambda x: np.sqrt(np.var(x * np.ones(3))), 2.0, 0.0, 0.0),
    (lambda x: np.log(np.cosh(x)), -np.inf, np.inf, -1.0),
]


@pytest.mark.parametrize(("function", "x", "value", "slope"), AT_THE_EDGE)
def test_the_value_at_the_edge_is_the_limit(function, x, value, slope):
    found, gradient = quiet(symgrad.compile(function).value_and_grad, np.float64(x))
    assert found == value
    if not np.isnan(slope):  # not where it has no limit, or none that a float's zero can tell
        assert gradient == slope


@pytest.mark.parametrize("f", [f for f in FORMS if not f.not_yet], ids=str)
def test_nan_in_is_nan_out(f):
    compiled = symgrad.compile(f.function, wrt=f.wrt)
    for k in f.wrt:
        arguments = list(f.arguments[-1])
        x = np.array(arguments[k], float)
        x.flat[0] = np.nan
        arguments[k] = x if x.ndim else x[()]
        if np.isnan(quiet(f.function, *arguments)):
            assert np.isnan(quiet(compiled, *arguments))


@pytest.mark.parametrize("f", [f for f in FORMS if not f.not_yet], ids=str)
def test_an_ordinary_value_is_the_users_own(f):
    # Laws may differ by a few of the last digits, which sums and differences of terms enlarge.
    rng = np.random.default_rng(0)
    compiled = symgrad.compile(f.function, wrt=f.wrt)
    arguments = list(f.arguments[0])
    for k in f.wrt:
        x = np.array(arguments[k], float)
        arguments[k] = np.asarray(rng.uniform(0.1, 0.9, x.shape))[()]
    own = quiet(f.function, *arguments)
    if np.isfinite(own):
        assert quiet(compiled, *arguments) == pytest.approx(own, rel=2e-14, abs=2e-14)


SINGLE = [
    lambda s: np.log(np.exp(s).sum()),
    lambda s: np.log(np.mean(np.exp(s))),
    lambda s: np.log(np.exp(s).sum() / len(s)),
    lambda s: np.log(2 + np.exp(s)).sum(),
    lambda s: np.log(np.cumsum(np.exp(s))).sum(),
    lambda s: np.logaddexp.reduce(s),
    lambda s: np.logaddexp.accumulate(s).sum(),
    lambda s: np.sum((1 - 1 / (1 + np.exp(-s))) ** 2.5),
    lambda s: np.log(np.sum(s**2 * np.exp(s))),
    lambda s: np.mean(s**2) - np.mean(s) ** 2,
    lambda s: np.sum(s**2 / (2 * (s + 200) ** 2)),
    lambda s: np.sum(np.log(np.cosh(s))),
]


@pytest.mark.parametrize("function", SINGLE)
def test_single_precision_stays_and_does_not_overflow(function):
    compiled = symgrad.compile(function)
    s = np.array([95.0, -90.0, 100.0], np.float32)
    value, gradient = quiet(compiled.value_and_grad, s)
    exact = evaluate(function, (s,), [(0, (k,)) for k in range(3)], DIGITS)
    assert np.asarray(value).dtype == gradient.dtype == np.float32
    np.testing.assert_allclose([value, *gradient], np.array(exact, float), rtol=2e-5, atol=1e-6)


WHOLE = [
    lambda w, k: np.sum(w * np.log(np.exp(k) + 2)),
    lambda w, k: w * (np.mean(k * k) - np.mean(k) ** 2),
    lambda w, k: w * np.sum(k**2 / (2 * (k + 1) ** 2)),
    lambda w, k: np.sum(w * np.sqrt(k**2 + (k + 1) ** 2)),
    lambda w, k: np.sum(w * np.log(k**2)),
    lambda w, k: np.sum(w * np.log(np.cumsum(np.exp(k)))),
    lambda w, k: np.sum(np.log(k + np.exp(w * k))),
    lambda w, k: np.sum(np.log((k > 1) + np.exp(w * k))),
    lambda w, k: np.log(np.sum((k > 1) * np.exp(w * k))),
]


@pytest.mark.parametrize("function", WHOLE)
def test_whole_numbers_and_booleans_give_what_numpy_gives(function):
    k = np.array([1, 2, 3])
    value, gradient = symgrad.compile(function).value_and_grad(2.0, k)
    assert value == pytest.approx(function(2.0, k), rel=1e-14)
    assert gradient == pytest.approx((function(2.001, k) - function(1.999, k)) / 0.002, rel=1e-5)


EMPTY = [
    lambda s: np.sum(np.log(2 + np.exp(s))),
    lambda s: np.sum(np.log(s**2)),
    lambda s: np.sum(np.sqrt(s**2 + (s + 1) ** 2)),
    lambda s: np.sum((1 - 1 / (1 + np.exp(-s))) ** 2.5),
    lambda s: np.sum(s * np.log(s)),
    lambda s: np.sum(np.log(np.cosh(s))),
    lambda s: np.sum(np.logaddexp.accumulate(s)),
]


@pytest.mark.parametrize("function", EMPTY)
def test_an_empty_array_has_an_empty_gradient(function):
    compiled = symgrad.compile(function)
    assert compiled(np.array([0.5, 0.7])) == pytest.approx(function(np.array([0.5, 0.7])))
    value, gradient = compiled.value_and_grad(np.zeros(0))
    assert value == 0
    assert gradient.shape == (0,)


# --- higher orders --------------------------------------------------------------------------------

SIDES = np.array([-1.0, 0.0, 0.5, 2.0, 3.0])


def two_guards_of_one_root(x):
    r = np.sqrt(x)
    return np.where(x > 0, r, 0.0) * np.where(x > 1, r * x, 2.0)


def two_guards_of_one_log(x):
    log = np.log(x)
    return np.where(x > 0, log, 0.0) + np.where(x > 1, log * log, x)


def a_guard_in_a_guard(x):
    r = np.sqrt(x)
    return np.where(x > 0, np.where(x > 1, r, x * r), x)


def a_guarded_maximum(x):
    log = np.log(x)
    return np.maximum(np.where(x > 0, log, 0.0), np.where(x > 1, log, -3.0))


GUARDS = [
    lambda x: np.where(x > 0, np.log(x), 0.0),
    lambda x: np.where(x > 0, np.sqrt(x), 0.0),
    lambda x: np.where(x > 0, x * np.log(x), 0.0),
    lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0),
    lambda x: np.where(x <= 0, 0.0, np.log(x) ** 2),
    lambda x: np.where(x > 0, 1 / x, 0.0),
    lambda x: np.where(x > 0, x**1.5, 0.0),
    lambda x: x * np.where(x > 0, np.sqrt(x) * np.log(x), 1.0),
    lambda x: np.where(x < 1, np.log(1 + np.exp(x)), x),
    lambda x: np.where(x > 0, np.exp(-1 / x), 0.0),
    two_guards_of_one_root,
    two_guards_of_one_log,
    a_guard_in_a_guard,
    a_guarded_maximum,
]


def second_difference(function, x, h=2.0**-16):
    one = lambda t: evaluate(lambda x: np.sum(function(x)), (np.array([t]),), [], DIGITS)[0]
    return float((one(x - h) - 2 * one(x) + one(x + h)) / mpmath.mpf(h) ** 2)


@pytest.mark.parametrize("function", GUARDS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_no_nan_comes_from_the_branch_not_taken(function, order):
    derivative = lambda x: np.sum(function(x))
    for _ in range(order):
        derivative = (lambda f: lambda x: np.sum(symgrad.grad(f)(x)))(derivative)
    found = quiet(symgrad.compile(lambda x: derivative(x)), SIDES)
    assert np.isfinite(found)


@pytest.mark.parametrize("function", GUARDS)
def test_a_hessian_of_guards_is_exact_on_each_side(function):
    found = np.diag(quiet(symgrad.hessian(lambda x: np.sum(function(x))), SIDES))
    assert np.isfinite(found).all()
    for x, mine in zip(SIDES, found, strict=True):
        if x:
            assert mine == pytest.approx(second_difference(function, x), rel=1e-5, abs=1e-5)


# --- laws one by one ------------------------------------------------------------------------------


def test_a_law_is_switched_off_alone():
    naive = lambda s: -np.log(np.exp(s) / np.exp(s).sum())[0]
    s = np.array([1e3, 0.0])
    law = "exp(x - c) / sum(exp(x - c)) = softmax(x)"
    plain = symgrad.compile(naive, without=[law])
    assert not any(fired.law.startswith(law) for fired in plain_report(plain, s))
    assert any(fired.law.startswith(law) for fired in plain_report(symgrad.compile(naive), s))


def plain_report(compiled, *arguments):
    quiet(compiled.value_and_grad, *arguments)
    return compiled.report.laws


def test_a_logarithm_of_parts_obeys_what_is_switched_off():
    odds = lambda z: np.log((1 / (1 + np.exp(-z))) / (1 - 1 / (1 + np.exp(-z))))
    law = "log(sigmoid(z)) = -softplus(-z)"
    with_it, without = symgrad.compile(odds), symgrad.compile(odds, without=[law])
    assert any(fired.law.startswith(law) for fired in plain_report(with_it, np.float64(1.0)))
    assert not any(fired.law.startswith(law) for fired in plain_report(without, np.float64(1.0)))


# --- matrices: by mpmath's own linear algebra and the rules of Giles (2008) ----------------------


def exact_matrix(a):
    return mpmath.matrix([[mpmath.mpf(float(x)) for x in row] for row in np.atleast_2d(a)])


HILBERT = 1 / (np.arange(6)[:, None] + np.arange(6) + 1.0)
SCALED = [HILBERT, 1e-60 * HILBERT, 1e60 * HILBERT, 0.1 * np.eye(200) + 0.01]


@pytest.mark.parametrize("a", SCALED, ids=["Hilbert", "1e-360", "1e360", "200 rows"])
@pytest.mark.parametrize(
    "function",
    [lambda A: np.log(np.linalg.det(A)), lambda A: -0.5 * np.log(np.linalg.det(A))],
    ids=["log det", "half"],
)
def test_the_log_of_a_determinant_neither_vanishes_nor_overflows(function, a):
    value, gradient = quiet(symgrad.compile(function).value_and_grad, a)
    factor = 1.0 if function(np.eye(2) * math.e) > 1 else -0.5
    with mpmath.workdps(60):
        if len(a) < 10:
            log_det = mpmath.log(mpmath.det(exact_matrix(a)))
            inverse = np.array((exact_matrix(a).T ** -1).tolist(), float)
        else:  # 0.1 I + 0.01 J, by the matrix determinant lemma
            n = len(a)
            log_det = n * mpmath.log(mpmath.mpf(0.1)) + mpmath.log(1 + n * mpmath.mpf(0.01) / 0.1)
            inverse = np.eye(n) / 0.1 - 0.01 / 0.1**2 / (1 + n * 0.01 / 0.1)
    assert value == pytest.approx(float(factor * log_det), rel=1e-10)  # condition 1.5e7
    scale = np.abs(inverse).max()
    assert np.abs(gradient - factor * inverse).max() <= 1e-8 * abs(factor) * scale


@pytest.mark.parametrize(
    "function",
    [
        lambda A, b: np.sum((np.linalg.inv(A) @ b) ** 2),
        lambda A, b: np.sum(np.dot(np.linalg.inv(A), b) ** 2),
        lambda A, b: np.sum(np.linalg.solve(A, b) ** 2),
    ],
    ids=["inv @ b", "dot(inv, b)", "solve"],
)
def test_a_system_leaves_the_residual_of_a_solver(function):
    b = HILBERT @ np.arange(1.0, 7.0)
    value, gradient = symgrad.compile(function).value_and_grad(HILBERT, b)
    with mpmath.workdps(60):
        x = mpmath.lu_solve(exact_matrix(HILBERT), exact_matrix(b[:, None]))
        back = mpmath.lu_solve(exact_matrix(HILBERT).T, 2 * x)
        truth = -np.array((back * x.T).tolist(), float)
        total = float(sum(t**2 for t in x))
    # Its condition number is 1.5e7: so many digits the best solver loses.
    assert value == pytest.approx(total, rel=1e-8)
    assert np.abs(gradient - truth).max() <= 1e-8 * np.abs(truth).max()
