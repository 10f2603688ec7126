"""Small NumPy programs, as people write them: every op, in every form that NumPy accepts.

A program maps arrays to an array; the tests make its gradient and compare it with oracles that
know nothing of the rules.
"""

import linecache
import math
import operator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Program:
    """A function with the arguments to try it on."""

    label: str
    function: object
    args: tuple

    @property
    def floats(self):
        """Return which arguments are differentiated by."""
        return tuple(k for k, x in enumerate(self.args) if np.asarray(x).dtype.kind == "f")

    def loss(self):
        """Return the sum of the squares of what it gives, as a function of named arguments.

        Its source can be read, as that of a function in a file: without, much is refused.
        """
        names = ", ".join(f"a{k}" for k in range(len(self.args)))
        text = f"def loss({names}):\n    return np.sum(g({names}) ** 2)\n"
        file = f"<the loss of {self.label}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        names = {"np": np, "g": self.function}
        exec(compile(text, file, "exec"), names)
        return names["loss"]


PROGRAMS = []


def program(label, function, *args):
    PROGRAMS.append(Program(label, function, args))


def spread(low, high, shape, seed):
    """Return numbers from an interval in random order, no two equal, none near a half or whole."""
    n = int(np.prod(shape))
    at = low + (high - low) * (np.arange(n) + 0.3 + 0.37 * seed) / max(n, 1)
    cell = np.floor(2 * at)
    apart = (cell + 0.1 + 0.8 * (2 * at - cell)) / 2
    random = np.random.RandomState(seed + 10 * len(shape) + sum(shape))
    return random.permutation(apart).reshape(shape)


def real(*shape, seed=0):
    return spread(-1.87, 1.93, shape, seed)


def positive(*shape, seed=0):
    return spread(0.3, 2.2, shape, seed)


def unit(*shape, seed=0):
    return spread(-0.9, 0.9, shape, seed)


X, Y = real(3, 4), real(3, 4, seed=1)
P, Q = positive(3, 4), positive(3, 4, seed=1)
V, W = real(4), real(4, seed=1)
A, B = real(3, 4), real(4, 2)
S = real(3, 3) + 3 * np.eye(3)
T = real(2, 3, 4)
TENTHS = 0.1 * np.arange(-5.0, 6.0) + 0.031
M = np.array([[True, False, True, True], [False, True, False, True], [True, True, False, False]])
I = np.array([2, 0, 2, 1])
N = np.array([[2, 1, 0, 3], [1, 1, 2, 0], [3, 0, 1, 2]])

# --- arithmetic, in each position of broadcasting -----------------------------------------------

SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((4,), (3, 4)),
    ((3, 4), (1, 4)),
    ((3, 1), (3, 4)),
    ((3, 1), (1, 4)),
    ((3, 4), ()),
    ((), (3, 4)),
    ((3, 1), (4,)),
    ((2, 1, 4), (3, 1)),
    ((1, 1), (1,)),
    ((0, 4), (4,)),
    ((3, 0), (3, 1)),
    ((1, 4), (0, 1)),
]
BINARY = [
    ("add", lambda a, b: a + b),
    ("subtract", lambda a, b: a - b),
    ("multiply", lambda a, b: a * b),
    ("divide", lambda a, b: a / b),
    ("power", lambda a, b: a**b),
    ("maximum", lambda a, b: np.maximum(a, b)),
    ("arctan2", lambda a, b: np.arctan2(a, b)),
    ("where", lambda a, b: np.where(a > b, a * b, b)),
]
for _name, _function in BINARY:
    for _a, _b in SHAPES:
        program(f"{_name} of {_a} and {_b}", _function, positive(*_a), positive(*_b, seed=1))

program("np.add", lambda x, y: np.add(x, y), X, Y)
program("np.add with a keyword dtype=None", lambda x, y: np.add(x, y, dtype=None), X, Y)
program("operator.add", lambda x, y: operator.add(x, y), X, Y)
program("operator.mul and neg", lambda x, y: operator.mul(x, operator.neg(y)), X, Y)
program("reflected operators", lambda x: (2 - x) * (3.0 / x) + (1 + x) - 2 * x, P)
program("an array on the left", lambda x: np.array([1.0, 2.0, 3.0, 4.0]) * x, X)
program("a list on the right", lambda x: x * [1.0, 2.0, 3.0, 4.0], X)
program("an integer operand", lambda x, n: x * n + n, X, N)
program("a boolean operand", lambda x, m: x * m + m, X, M)
program("an integer scalar", lambda x, n: x * n - x / n, X, 3)
program("a float scalar", lambda x, s: x * s - x / s, X, 1.7)
program("a NumPy scalar", lambda x, s: x * s - x / s, X, np.float64(1.7))
program("a 0-d array", lambda x, s: x * s - x / s, X, np.array(1.7))
program("scalars only", lambda a, b: (a + b) * a / b, 1.3, 0.7)
program("np.subtract", lambda x, y: np.subtract(x, y), X, Y)
program("np.multiply", lambda x, y: np.multiply(x, y), X, Y)
program("np.divide and true_divide", lambda x, y: np.divide(x, y) + np.true_divide(y, x), P, Q)
program("np.negative and unary plus", lambda x: np.negative(x) * +x + np.positive(x), X)
program("np.square", lambda x: np.square(x), X)
program("x**2", lambda x: x**2, X)
program("x**3", lambda x: x**3, X)
program("x**2.5", lambda x: x**2.5, P)
program("x**-1", lambda x: x**-1, X)
program("x**0", lambda x: x**0 * x, X)
program("x**1", lambda x: x**1, X)
program("x**0.5", lambda x: x**0.5, P)
program("2**x", lambda x: 2**x, X)
program("np.power", lambda x, y: np.power(x, y), P, Y)
program("np.power by integers", lambda x, n: np.power(x, n), X, N)
program("np.power by a whole array", lambda x: np.power(x, np.array([0, 1, 2, 3])), X)
program("np.float_power", lambda x, y: np.float_power(x, y), P, Y)
program("pow", lambda x: pow(x, 2) + pow(x, 3), X)
program("in-place operators", lambda x: in_place(x), P)
program("divmod", lambda x: divmod(x, 0.7)[1] * x + divmod(x, 0.7)[0], X)
program("remainder", lambda x, y: x % y, X, P + 0.07)
program("np.mod and np.remainder", lambda x, y: np.mod(x, y) * np.remainder(x, 1.3), X, P + 0.07)
program("np.fmod", lambda x, y: np.fmod(x, y), X, P)
program("floor_divide", lambda x, y: (x // y) * x, X, P + 0.07)
program("np.floor_divide", lambda x, y: np.floor_divide(x, y) * y, X, P + 0.07)
program("negative divisor of remainder", lambda x, y: x % -y, X, P)
program("np.copysign", lambda x, y: np.copysign(x, y), X, Y)
program("math.copysign and fmod", lambda x: math.copysign(x, -2.0) + math.fmod(x, 0.3), 0.7)
program("np.conj", lambda x: np.conj(x) * x.conj(), X)
program("np.sinc near zero", lambda x: np.sinc(x), 0.2 * V)
program("np.heaviside", lambda x: np.heaviside(x, 0.5) * x, X)


def in_place(x):
    y = x * 1.0
    y += x
    y *= 2.0
    y -= 0.5
    y /= x
    y **= 2
    return y


# --- functions of one number ---------------------------------------------------------------------

ANYWHERE = """
    exp expm1 exp2 sin cos arctan sinh cosh tanh arcsinh deg2rad rad2deg radians degrees
    absolute abs fabs sign floor ceil trunc rint fix square cbrt sinc
"""
ABOVE_ZERO = "log log1p log2 log10 sqrt reciprocal"
INSIDE_ONE = "tan arcsin arccos arctanh"


def _functions(names, x):
    for name in names.split():
        ufunc = getattr(np, name)
        program(f"np.{name}", lambda x, f=ufunc: f(x) * x, x)


_functions(ANYWHERE, X)
_functions(ABOVE_ZERO, P)
_functions(INSIDE_ONE, unit(3, 4))
_functions("arccosh", P + 1)
program("np.exp of nothing", lambda x: np.exp(x), real(0, 3))
program("np.exp of a scalar", lambda x: np.exp(x), 0.3)
program("np.exp of a 0-d array", lambda x: np.exp(x), np.array(0.3))
program("np.exp of size 1", lambda x: np.exp(x), real(1, 1))
program("a Python root beside an array", lambda x: x / math.sqrt(x.shape[1]) + math.exp(0.5), X)
program("math functions", lambda x: math.exp(x) * math.sin(x) + math.tanh(x), 0.7)
program("more math functions", lambda x: math.sqrt(x) + math.log(x) * math.cos(x), 0.7)
program("math.log to a base", lambda x: math.log(x, 3) + math.log2(x) + math.log10(x), 0.7)
program("math.pow, fabs, atan2", lambda x: math.pow(x, 3) + math.fabs(x) + math.atan2(x, 2.0), 0.7)
program("math.hypot", lambda x: math.hypot(x, 2.0), 0.7)
program("math.exp of a square", lambda x: math.exp(-x * x), 0.7)
program("abs", lambda x: abs(x) * x, X)
program("round", lambda x: np.round(x) + np.round(x, 1) * x + x.round(2), TENTHS)
program("np.around by keyword", lambda x: np.around(x, decimals=1) * x, TENTHS)
program("built-in round of a scalar", lambda x: round(x, 1) * x, 0.37)
program("logistic loss as people write it", lambda z, y: cross_entropy(z, y), X, 0.5 + 0.2 * Y)
program("sigmoid as people write it", lambda x: 1 / (1 + np.exp(-x)), X)
program("softplus as people write it", lambda x: np.log(1 + np.exp(x)), X)
program("log of one minus an exponential", lambda x: np.log(1 - np.exp(-0.1 - x**2)), X)
program("swish as people write it", lambda x: x / (1 + np.exp(-x)), X)
program("power of an exponential", lambda x: np.exp(x) ** 1.5 / np.exp(0.5 * x), X)
program("softplus by log1p", lambda x: np.log1p(np.exp(x)), X)
program("softplus by logaddexp", lambda x: np.logaddexp(0, x), X)
program("relu", lambda x: np.maximum(0, x), X)
program("relu by product", lambda x: x * (x > 0), X)
program("leaky relu", lambda x: np.where(x > 0, x, 0.1 * x), X)
program("astype", lambda x: x.astype(np.float64) * x.astype(int), X)
program("astype without a copy", lambda x: x.astype(float, copy=False) ** 2, X)
program("sum in a dtype", lambda x: np.sum(x, axis=0, dtype=np.float64) * x.mean(dtype=float), X)
program("np.float64 of a value", lambda x: np.float64(x) * 2, 0.7)
program("np.real", lambda x: np.real(x) * x.real, X)


def cross_entropy(z, y):
    p = 1 / (1 + np.exp(-z))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


# --- functions of two numbers, choice ------------------------------------------------------------

for _name in ("logaddexp", "logaddexp2", "hypot", "minimum", "fmax", "fmin", "arctan2"):
    _ufunc = getattr(np, _name)
    program(f"np.{_name}", lambda x, y, f=_ufunc: f(x, y), X, Y)
    program(f"np.{_name} with a constant", lambda x, f=_ufunc: f(x, 0.7) + f(0.7, x), X)
    program(f"np.{_name} of a column and a row", lambda x, y, f=_ufunc: f(x, y), X[:, :1], V)

program("clip", lambda x: np.clip(x, -1, 1) * x, X)
program("clip method", lambda x: x.clip(-1, 1) * x, X)
program("clip by keywords", lambda x: np.clip(x, a_min=-1, a_max=1) * x, X)
program("clip from below", lambda x: np.clip(x, 0.2, None) + x.clip(min=-0.2), X)
program("clip from above", lambda x: np.clip(x, None, 0.2) + x.clip(max=0.7), X)
program("clip between arrays", lambda x, a, b: np.clip(x, a, b), X, Y - 0.6, Y + 0.6)
program("clip between a row and a column", lambda x, a, b: np.clip(x, a, b), X, -P[0], P[:, :1])
program("where on a mask", lambda m, x, y: np.where(m, x, y), M, X, Y)
program("where with a constant", lambda m, x: np.where(m, x, 0) + np.where(m, 1.0, x), M, X)
program("where broadcasting", lambda m, x, y: np.where(m, x, y), M, X[:, :1], V)
program("where on a comparison", lambda x, y: np.where(x < y, x * y, x - y), X, Y)
program("where on integers", lambda n, x: np.where(n, x, -x), N, X)
program("np.select", lambda x: np.select([x < -1, x < 1], [x, x * x], -x), X)
program("built-in max and min", lambda a, b: max(a, b) * min(a, b), 1.3, 0.7)

# --- comparison, logic, tests: no derivative, but on the way -------------------------------------

program("comparisons", lambda x, y: x * ((x < y) + (x <= y) * 2 + (x > y) * 3 + (x >= y) * 4), X, Y)
program("equality", lambda x, n: x * (n == 1) + x * (n != 2), X, N)
program("np.less and friends", lambda x, y: x * np.less(x, y) + y * np.greater_equal(x, y), X, Y)
program("np.equal, not_equal", lambda x, n: x * np.equal(n, 1) + x * np.not_equal(n, 2), X, N)
program("np.less_equal, greater", lambda x, y: x * np.less_equal(x, y) + y * np.greater(x, y), X, Y)
program("& | ^ ~", lambda x: x * ((x > 0) & (x < 1)) + x**2 * ((x > 1) | ~(x > -1) ^ (x > 0)), X)
program("np.logical_and, or", lambda x: x * np.logical_and(x > 0, np.logical_or(x < 1, x > 1.5)), X)
program("np.logical_xor, not", lambda x: x * np.logical_xor(x > 0, np.logical_not(x < 1)), X)
program("np.isfinite", lambda x: x * np.isfinite(x), X)
program("np.isnan, isinf", lambda x: x * ~(np.isnan(x) | np.isinf(x)), X)
program("np.signbit", lambda x: np.where(np.signbit(x), x, 2 * x), X)
program("np.any, all", lambda x: x * np.any(x > 1, axis=0) + x * np.all(x > -1, axis=1)[:, None], X)
program("any, all as methods", lambda x: x * (x > 1).any() + x * (x > -3).all(), X)
program("count_nonzero", lambda x: x / (1 + np.count_nonzero(x > 0, axis=1)[:, None]), X)
program("bitwise on integers", lambda x, n: x * ((n & 1) + (n | 2) - (n ^ 3) + ~n), X, N)

# --- reductions ----------------------------------------------------------------------------------

AXES = [None, 0, 1, -1, (0, 1), (-1,), (1, 0)]
REDUCTIONS = {
    "sum": (np.sum, lambda x, **k: x.sum(**k)),
    "mean": (np.mean, lambda x, **k: x.mean(**k)),
    "prod": (np.prod, lambda x, **k: x.prod(**k)),
    "max": (np.max, lambda x, **k: x.max(**k)),
    "min": (np.min, lambda x, **k: x.min(**k)),
    "var": (np.var, lambda x, **k: x.var(**k)),
    "std": (np.std, lambda x, **k: x.std(**k)),
}
for _name, (_function, _method) in REDUCTIONS.items():
    for _axis in AXES:
        program(
            f"np.{_name} over axis {_axis}",
            lambda x, f=_function, axis=_axis: f(x * x, axis=axis),
            P,
        )
        program(
            f".{_name} over axis {_axis}, kept",
            lambda x, f=_method, axis=_axis: x * f(x, axis=axis, keepdims=True),
            P,
        )
    program(f"np.{_name} of one axis in three", lambda x, f=_function: f(x, (0, 2)), T)
    program(f"np.{_name} of a vector", lambda x, f=_function: f(x), V)
    program(f"np.{_name} of size 1", lambda x, f=_function: f(x, axis=0) * 2, real(1, 3))
    program(f"np.{_name} of no rows", lambda x, f=_function: f(x, axis=1), real(0, 3))

program("np.sum positional", lambda x: np.sum(x, 0), X)
program("sum positional method", lambda x: x.sum(1) @ x, X)
program("sum of nothing", lambda x: np.sum(x, axis=0), real(0, 3))
program("prod of nothing", lambda x: np.prod(x, axis=0), real(0, 3))
program("sum of an empty axis tuple", lambda x: np.sum(x, axis=()), X)
program("sum with a start", lambda x: np.sum(x, axis=0, initial=3.0), X)
program("sum where", lambda x, m: np.sum(x, axis=0, where=m), X, M)
program("mean where", lambda x, m: np.mean(x, axis=0, where=m), X, M)
program("max with a start", lambda x: np.max(x, axis=0, initial=0.2), X)
program("max where", lambda x, m: np.max(x, axis=0, initial=-9.0, where=m), X, M)
program("sum of booleans", lambda x: x * (x > 0).sum(axis=0), X)
program("mean of booleans", lambda x: x * (x > 0).mean(axis=0), X)
program("mean of integers", lambda x, n: x * n.mean(), X, N)
program("built-in sum", lambda x: sum(x), X)
program("built-in sum with a start", lambda x: sum(x, 1.0), X)
program("np.add.reduce", lambda x: np.add.reduce(x), X)
program("np.add.reduce over an axis", lambda x: np.add.reduce(x, axis=1, keepdims=True) * x, X)
program("np.add.reduce over all", lambda x: np.add.reduce(x, axis=None), X)
program("np.multiply.reduce", lambda x: np.multiply.reduce(x, axis=-1), P)
program("np.maximum.reduce", lambda x: np.maximum.reduce(x) + np.minimum.reduce(x, axis=0), X)
program("np.add.accumulate", lambda x: np.add.accumulate(x, axis=1), X)
program("np.multiply.outer", lambda x, y: np.multiply.outer(x, y), V, W)
program("np.subtract.outer", lambda x, y: np.subtract.outer(x, y) ** 2, V, W)
program("np.amax and amin", lambda x: np.amax(x, axis=0) * np.amin(x, axis=0), X)
program("np.ptp", lambda x: np.ptp(x, axis=1), X)
program("np.average", lambda x: np.average(x) * np.average(x, axis=0), X)
program("np.average weighted", lambda x, w: np.average(x, axis=1, weights=w), X, np.abs(V) + 0.5)
program("np.average weighted over all", lambda x, w: np.average(x, weights=w), X, P)
program("var with ddof", lambda x: x.var(axis=1, ddof=1) + np.var(x, ddof=1), X)
program("std with ddof", lambda x: np.std(x, axis=0, ddof=1), X)
program("var by positional axis", lambda x: np.var(x, 0), X)
program("prod with one zero", lambda x: np.prod(x * np.array([1.0, 0.0, 1.0, 1.0]), axis=1), P)
program("max of products", lambda x, y: (x * y).max(axis=(0, 1)), X, Y)
program("argmax", lambda x: x * np.argmax(x, axis=0) + x.argmax() + x.argmin(axis=1)[:, None], X)
program("argmin", lambda x: x * np.argmin(x, axis=1, keepdims=True) + np.argmin(x), X)
program("argsort", lambda x: x * np.argsort(x, axis=-1) + x * x.argsort(axis=0), X)
program("sorted by argsort", lambda x: x[np.argsort(x)] * np.arange(4), V)
program("np.sort", lambda x: np.sort(x, axis=0) * x, X)
program("np.sort over the last axis", lambda x: np.sort(x) * x, X)
program("cumsum", lambda x: np.cumsum(x, axis=0) * x, X)
program("cumsum over the last axis", lambda x: x.cumsum(axis=-1) * x, X)
program("cumsum flat", lambda x: np.cumsum(x) ** 2, X)
program("cumsum of nothing", lambda x: np.cumsum(x, axis=0), real(0, 3))
program("np.diff", lambda x: np.diff(x) ** 2, X)
program("np.diff over the first axis", lambda x: np.diff(x, axis=0) ** 2, X)
program("prod where", lambda x, m: np.prod(x, axis=0, where=m, initial=2.0), X, M)
program("max over an axis with a traced start", lambda x, s: x.max(axis=1, initial=s), X, 0.3)
program("np.add.reduce with a start", lambda x: np.add.reduce(x, initial=1.0), X)
program("np.logical_or.reduce", lambda x: x * np.logical_or.reduce(x > 1), X)
program("np.diff twice", lambda x: np.diff(x, n=2) ** 2, X)
program("logsumexp", lambda x: np.log(np.sum(np.exp(x), axis=1)), X)
program("logsumexp, shifted", lambda x: shifted_logsumexp(x), X)
program("softmax", lambda x: np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True), X)
program("log_softmax", lambda x: x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True)), X)
program("np.linalg.norm", lambda x: np.linalg.norm(x), X)
program("np.linalg.norm of a vector", lambda x: np.linalg.norm(x), V)
program("np.linalg.norm with axis", lambda x: np.linalg.norm(x, axis=1), X)
program("np.linalg.norm kept", lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True), X)
program("np.linalg.norm over two axes", lambda x: np.linalg.norm(x, axis=(0, 2)), T)
program("np.linalg.norm of three axes", lambda x: np.linalg.norm(x), T)
program("np.linalg.norm ord 2", lambda x: np.linalg.norm(x, 2, axis=0), X)
program("np.linalg.norm fro", lambda x: np.linalg.norm(x, "fro"), X)
program("np.linalg.norm ord 1", lambda x: np.linalg.norm(x, 1, axis=1), X)
program("np.linalg.norm ord inf", lambda x: np.linalg.norm(x, np.inf, axis=1), X)
program("root of a sum of squares", lambda x: np.sqrt(np.sum(x**2, axis=1)), X)
program("root of all squares", lambda x: np.sqrt((x * x).sum()), X)


def shifted_logsumexp(x):
    m = x.max(axis=1, keepdims=True)
    return (m + np.log(np.exp(x - m).sum(axis=1, keepdims=True)))[:, 0]


# --- contraction ---------------------------------------------------------------------------------

MATMUL = [
    ((3, 4), (4, 2)),
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (4, 2)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (1, 4, 5)),
    ((1, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (3, 4, 2)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 3)),
    ((0, 4), (4, 2)),
    ((3, 0), (0, 2)),
    ((1, 4), (4, 1)),
    ((1, 1), (1, 1)),
    ((3, 1), (1, 2)),
]
for _a, _b in MATMUL:
    program(f"{_a} @ {_b}", lambda a, b: a @ b, real(*_a), real(*_b, seed=1))
DOT = [*MATMUL[:3], ((2, 3, 4), (4,)), ((3, 4), (2, 4, 5)), ((), (3,)), ((3,), ())]
for _a, _b in DOT:
    program(f"np.dot of {_a} and {_b}", lambda a, b: np.dot(a, b), real(*_a), real(*_b, seed=1))
program("dot method", lambda a, b: a.dot(b), A, B)
program("np.matmul", lambda a, b: np.matmul(a, b), A, B)
program("x @ x.T", lambda x: x @ x.T, X)
program("x.T @ x", lambda x: x.T @ x, X)
program("v @ M @ v", lambda v, m: v @ m @ v, V, real(4, 4))
program("a constant matrix", lambda x: x @ np.arange(8.0).reshape(4, 2), X)
program("integers in a product", lambda x, n: x @ n.T, X, N)
program("np.vdot", lambda x, y: np.vdot(x, y), X, Y)
program("np.inner", lambda x, y: np.inner(x, y), X, Y)
program("np.inner of vectors", lambda x, y: np.inner(x, y), V, W)
program("np.inner with a scalar", lambda x, y: np.inner(x, y), X, 1.3)
program("np.outer", lambda x, y: np.outer(x, y), V, W)
program("np.outer of matrices", lambda x, y: np.outer(x, y), real(2, 2), V)
program("np.tensordot, 1", lambda a, b: np.tensordot(a, b, axes=1), A, B)
program("np.tensordot, 2", lambda a, b: np.tensordot(a, b), X, Y)
program("np.tensordot, 0", lambda a, b: np.tensordot(a, b, axes=0), V, W)
LISTS = ([0, 2], [1, 0])
program("np.tensordot of lists", lambda a, b: np.tensordot(a, b, axes=LISTS), T, real(4, 2, 3))
program("np.tensordot of negative axes", lambda a, b: np.tensordot(a, b, axes=(-1, 0)), T, B)
program("np.trace", lambda x: np.trace(x) * np.trace(x @ x), S)
program("trace method with an offset", lambda x: x.trace(1), S)
program("trace of a stack", lambda x: np.trace(x), real(3, 3, 2))
program("trace over chosen axes", lambda x: np.trace(x, axis1=1, axis2=2), real(2, 3, 3))

EINSUM = [
    ("ij,jk->ik", (3, 4), (4, 2)),
    ("ij,jk", (3, 4), (4, 2)),
    ("ij,ij->", (3, 4), (3, 4)),
    ("ij,ij->i", (3, 4), (3, 4)),
    ("ij,kj->ki", (3, 4), (2, 4)),
    ("i,j->ij", (3,), (4,)),
    ("i,j->ji", (3,), (4,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bij,bkj->bik", (2, 3, 4), (2, 5, 4)),
    ("bij,bjk->ik", (2, 3, 4), (2, 4, 5)),
    ("...i,i->...", (2, 3, 4), (4,)),
    ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)),
    ("ij,j->i", (3, 4), (4,)),
    ("ij,k->ijk", (3, 4), (2,)),
    ("ij,i->", (3, 4), (3,)),
    ("ii,i->i", (3, 3), (3,)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
]
for _text, _a, _b in EINSUM:
    program(
        f"einsum {_text}", lambda a, b, t=_text: np.einsum(t, a, b), real(*_a), real(*_b, seed=1)
    )
for _text, _a in [
    ("ii->", (3, 3)), ("ii", (3, 3)), ("ii->i", (3, 3)), ("ij->ji", (3, 4)), ("ij->", (3, 4)),
    ("ij->j", (3, 4)), ("iij->j", (3, 3, 4)), ("...j->...", (2, 3, 4)), ("ijk->kij", (2, 3, 4)),
]:  # fmt: skip
    program(f"einsum {_text}", lambda a, t=_text: np.einsum(t, a), real(*_a))
program("einsum of three", lambda a, b, c: np.einsum("ij,jk,k->i", a, b, c), A, B, real(2))
program("einsum, optimised", lambda a, b: np.einsum("ij,jk->ik", a, b, optimize=True), A, B)
program("einsum of one array twice", lambda a: np.einsum("ij,ij->i", a, a), X)

# --- shape ---------------------------------------------------------------------------------------

program("reshape to a tuple", lambda x: x.reshape((4, 3)) ** 2, X)
program("reshape to sizes", lambda x: x.reshape(2, 6) ** 2, X)
program("reshape with -1", lambda x: np.reshape(x, (-1, 2)) ** 2, X)
program("reshape to one axis", lambda x: x.reshape(-1) ** 2, X)
program("reshape to no axes", lambda x: x.reshape(()) * 2, real(1, 1))
program("reshape of nothing", lambda x: x.reshape(3, 0) * 2, real(0, 3))
program("reshape by the array's own sizes", lambda x: x.reshape(x.shape[1], x.shape[0]) ** 2, X)
program("reshape(len(x), -1)", lambda x: x.reshape(len(x), -1) ** 2, T)
program("ravel", lambda x: np.ravel(x) ** 2, X)
program("ravel and flatten methods", lambda x: x.ravel() * x.flatten(), X)
program("ravel of a scalar", lambda x: np.ravel(x) * 2, np.array(1.5))
program("transpose", lambda x: np.transpose(x) ** 2, X)
program(".T", lambda x: x.T * x.T, X)
program("transpose with axes", lambda x: np.transpose(x, (2, 0, 1)) ** 2, T)
program("transpose with negative axes", lambda x: x.transpose(-1, 0, 1) ** 2, T)
program("transpose by keyword", lambda x: np.transpose(x, axes=[1, 0, 2]) ** 2, T)
program("transpose method of a tuple", lambda x: x.transpose((1, 2, 0)) ** 2, T)
program("transpose of a vector", lambda x: x.T * 2, V)
program("swapaxes", lambda x: np.swapaxes(x, 0, 2) * 2 + x.swapaxes(-1, 0), T)
program("moveaxis", lambda x: np.moveaxis(x, 0, -1) ** 2, T)
program("moveaxis of several", lambda x: np.moveaxis(x, [0, 1], [-1, -2]) ** 2, T)
program("rollaxis", lambda x: np.rollaxis(x, 2) ** 2, T)
program("expand_dims", lambda x: np.expand_dims(x, 0) * np.expand_dims(x, axis=(1, -1)), V)
program("expand_dims, negative", lambda x: np.expand_dims(x, -1) ** 2, X)
program("None in an index", lambda x: x[:, None] * x[None, :], V)
program("np.newaxis", lambda x: x[..., np.newaxis] ** 2, X)
program("squeeze", lambda x: np.squeeze(x) ** 2, real(3, 1, 4))
program("squeeze with axis", lambda x: x.squeeze(axis=1) * np.squeeze(x, -2), real(3, 1, 4))
program("squeeze with axes", lambda x: np.squeeze(x, axis=(0, 2)) ** 2, real(1, 3, 1))
program("atleast_1d, 2d", lambda x: np.atleast_2d(x) * np.atleast_1d(x), V)
program("broadcast_to", lambda x: np.broadcast_to(x, (3, 4)) * np.arange(3.0)[:, None], V)
program("broadcast_to a scalar", lambda x: np.broadcast_to(x, (2, 3)), 1.5)
program("broadcast_to from a column", lambda x: np.broadcast_to(x, (3, 4)) ** 2, X[:, :1])
program("broadcast_arrays", lambda x, y: np.multiply(*np.broadcast_arrays(x, y)), V, X[:, :1])
program("concatenate", lambda x, y: np.concatenate([x, y]) ** 2, X, Y[:2])
program("concatenate a tuple over an axis", lambda x, y: np.concatenate((x, y), axis=1) ** 2, X, Y)
program("concatenate flat", lambda x, y: np.concatenate([x, y], axis=None) ** 2, X, V)
program("concatenate over the last axis", lambda x: np.concatenate([x, x, x], axis=-1) ** 2, X)
program("concatenate with nothing", lambda x, y: np.concatenate([x, y]) ** 2, X, real(0, 4))
program("concatenate with constants", lambda x: np.concatenate([x, np.ones(2)]) ** 2, V)
program("windows", lambda x: np.lib.stride_tricks.sliding_window_view(x, 2) ** 2, V)
program(
    "windows of a matrix",
    lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2))[::2].max(axis=(-2, -1)),
    X,
)
program(
    "mean and sum of windows",
    lambda x: (
        (w := np.lib.stride_tricks.sliding_window_view(x, 2, axis=0)).mean(axis=-1)
        * np.sum(w, axis=2)
    ),
    X,
)
program(
    "least of windows",
    lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=0).min(axis=-1),
    X,
)
program(
    "convolution",
    lambda x, k: np.einsum("ijuv,uvk->ijk", np.lib.stride_tricks.sliding_window_view(x, (2, 2)), k),
    X,
    real(2, 2, 3),
)
program("stack", lambda x, y: np.stack([x, y]) ** 2, V, W)
program("stack over an axis", lambda x, y: np.stack([x, y], axis=1) ** 2, X, Y)
program("stack over the last axis", lambda x, y: np.stack((x, y), axis=-1) ** 2, X, Y)
program("stack of scalars", lambda a, b: np.stack([a, b, a * b]), 1.3, 0.7)
program("np.array of scalars", lambda a, b: np.array([a, b, 1.0, a * b]), 1.3, 0.7)
program("np.array of rows", lambda x: np.array([[x[0], x[1]], [x[2], x[3]]]) ** 2, V)
program("np.asarray", lambda x: np.asarray(x) * np.array(x), X)
program("vstack, hstack", lambda x, y: np.vstack([x, y]) @ np.hstack([x, y])[:2], V[:2], W[:2])
program("vstack of matrices", lambda x, y: np.vstack((x, y)) ** 2, X, Y)
program("hstack of matrices", lambda x, y: np.hstack((x, y)) ** 2, X, Y)
program("dstack", lambda x, y: np.dstack([x, y]) ** 2, X, Y)
program("column_stack", lambda x, y: np.column_stack([x, y]) ** 2, V, real(4, 2))
program("np.append", lambda x, y: np.append(x, y) ** 2, V, W)
program("np.append over an axis", lambda x, y: np.append(x, y, axis=0) ** 2, X, Y)
program("flip", lambda x: np.flip(x) * x, X)
program("flip over an axis", lambda x: np.flip(x, 1) * np.flip(x, axis=(0,)), X)
program("fliplr, flipud", lambda x: np.fliplr(x) * np.flipud(x), X)
program("rot90", lambda x: np.rot90(x) ** 2 + np.rot90(x, k=-1), X)
program("rot90 of other axes", lambda x: np.rot90(x, 1, (0, 2)) * np.rot90(x, -3, axes=(0, 2)), T)
program("roll by more than the size", lambda x: np.roll(x, 6) * np.roll(x, -9), V)
program("roll", lambda x: np.roll(x, 1) * np.roll(x, -2, axis=1) * np.roll(x, 1, axis=0), X)
program("repeat", lambda x: np.repeat(x, 2) ** 2, V)
program("repeat over an axis", lambda x: x.repeat(3, axis=0) ** 2, X)
program("tile", lambda x: np.tile(x, 2) * np.tile(x, (3, 2)), V)
program("split", lambda x: np.split(x, 2, axis=1)[0] * np.split(x, [2], axis=1)[1], X)
program("hsplit, vsplit", lambda x: np.hsplit(x, 2)[0][:1] * np.vsplit(x, 3)[1][:, :2], X)
program("diag of a matrix", lambda x: np.diag(x) * np.diag(x, 1)[0] * np.diag(x, k=-1)[0], S)
program("diag of a vector", lambda x: np.diag(x) @ np.diag(x, 1)[:4, :4], V)
program("diag of a wide matrix", lambda x: np.diag(x, 2) * np.diag(x, -1), X)
program("diagonal", lambda x: np.diagonal(x) * x.diagonal(0), X)
program("diagonal with an offset", lambda x: np.diagonal(x, offset=1, axis1=1, axis2=2), T)
program("diagonal of swapped axes", lambda x: np.diagonal(x, 0, 2, 0) ** 2, T)
program("np.diagflat", lambda x: np.diagflat(x) ** 2, V)
program("tril, triu", lambda x: np.tril(x) @ np.triu(x, 1).T + np.tril(x, k=-1).sum(), X)
program("pad", lambda x: np.pad(x, 1) ** 2, X)
program("pad with a number", lambda x: np.pad(x, (1, 2), constant_values=0.5) ** 2, X)
program("pad unevenly", lambda x: np.pad(x, ((1, 0), (0, 2))) ** 2, X)
program("copy", lambda x: x.copy() * np.copy(x), X)
program("zeros_like, ones_like", lambda x: x + np.zeros_like(x) + np.ones_like(x) * x, X)
program("full_like", lambda x, s: x * np.full_like(x, s), X, 1.3)
program("full with a traced value", lambda s: np.full((2, 3), s) * 2, 1.3)
program("np.zeros, ones, eye", lambda x: x @ np.eye(4) + np.zeros(4) + np.ones((3, 1)), X)
program("np.identity, arange", lambda x: x @ np.identity(4) * np.arange(4), X)
program("np.linspace", lambda x: x * np.linspace(0, 1, 4), X)
program("np.eye with an offset", lambda x: x @ np.eye(4, 3, k=-1), X)
program("arange of a size", lambda x: x * np.arange(x.shape[1]), X)
program("sizes in arithmetic", lambda x: x / x.shape[0] + x.size - len(x) * x.ndim, X)
program("np.size, np.shape", lambda x: x / np.size(x) * np.shape(x)[1] + np.size(x, 1), X)
program("np.meshgrid, ij", lambda x, y: np.add(*np.meshgrid(x, y, indexing="ij")) ** 2, V, W[:3])
program("np.meshgrid", lambda x, y: np.multiply(*np.meshgrid(x, y)), V, real(3))
program("np.outer sum by broadcasting", lambda x, y: (x[:, None] - y) ** 2, V, real(3))
program("sizes of a split by number", lambda x: np.split(x, x.shape[1] // 2, axis=1)[0] ** 2, X)
program("np.gradient-like differences", lambda x: (x[2:] - x[:-2]) / 2, V)

# --- indexing ------------------------------------------------------------------------------------

program("x[1]", lambda x: x[1] ** 2, X)
program("x[-1]", lambda x: x[-1] * x[0], X)
program("x[1, 2]", lambda x: x[1, 2] * x[-1, -1], X)
program("x[1][2]", lambda x: x[1][2] ** 2, X)
program("x[1:]", lambda x: x[1:] * x[:-1], X)
program("x[::2]", lambda x: x[::2] ** 2, X)
program("x[::-1]", lambda x: x[::-1] * x, X)
program("x[:, ::-2]", lambda x: x[:, ::-2] ** 2, X)
program("x[3:0:-1]", lambda x: x[3:0:-1] ** 2, V)
program("x[1:3, [0, 2]]", lambda x: x[1:3, [0, 2]] ** 2, X)
program("x[..., 0]", lambda x: x[..., 0] ** 2, T)
program("x[0, ..., 1:]", lambda x: x[0, ..., 1:] ** 2, T)
program("x[...]", lambda x: x[...] ** 2, X)
program("x[:, None, 1]", lambda x: x[:, None, 1] ** 2, X)
program("x[5:]: past the end", lambda x: x[5:] ** 2, X)
program("x[2:1]: nothing", lambda x: x[2:1].sum() + x, X)
program("x[-2:]", lambda x: x[-2:] ** 2, V)
program("x[:-1:2]", lambda x: x[:-1:2] ** 2, V)
program("x[slice(1, 3)]", lambda x: x[slice(1, 3)] ** 2, X)
program("x[np.arange(n), y]", lambda x, y: x[np.arange(len(y)), y] ** 2, real(4, 3), I)
program("x[[0, 2]]", lambda x: x[[0, 2]] ** 2, X)
program("x[indices] with repeats", lambda x, i: x[i] ** 2, X, I)
program("x[indices] of two axes", lambda x, i: x[i] ** 2, V, N)
program("x[-indices]", lambda x, i: x[-i - 1] ** 2, V, I)
program("x[:, indices]", lambda x, i: x[:, i] ** 2, X, I)
program("x[i, j]", lambda x, i, j: x[i, j] ** 2, X, I, np.array([0, 3, 0, 1]))
program("x[i[:, None], j]", lambda x, i, j: x[i[:, None], j] ** 2, X, I, np.array([0, 3]))
program("x[np.ix_]", lambda x: x[np.ix_([0, 2], [1, 3])] ** 2, X)
program("x[[0, 1], :, [1, 0]]: separated", lambda x: x[[0, 1], :, [1, 0]] ** 2, T)
program("x[0, :, [1, 0]]: separated by a number", lambda x: x[0, :, [1, 0]] ** 2, T)
program("x[:, 0, [1, 0]]", lambda x: x[:, 0, [1, 0]] ** 2, T)
program("x[[1, 0], None]", lambda x: x[[1, 0], None] ** 2, X)
program("x[[0, 1], 1:, None]", lambda x: x[[0, 1], 1:, None] ** 2, X)
program("x[mask]", lambda x, m: x[m] ** 2, X, M)
program("x[x > 0]", lambda x: x[x > 0] ** 2, X)
program("x[x > 9]: nothing", lambda x: np.sum(x[x > 9]) + x, X)
program("x[rows]", lambda x, m: x[m] ** 2, X, np.array([True, False, True]))
program("x[:, columns]", lambda x, m: x[:, m] ** 2, X, np.array([True, False, True, True]))
program("x[mask, 0]", lambda x, m: x[m, 0] ** 2, X, np.array([True, False, True]))
program("x[mask] of two axes in three", lambda x, m: x[m] ** 2, T, M[:2, :3])
program("x[no indices]", lambda x, i: np.sum(x[i]) + x, X, np.array([], int))
program("mean of a selection", lambda x, m: x[m].mean(), X, M)
program("np.take", lambda x, i: np.take(x, i) ** 2, X, I)
program("np.take over an axis", lambda x, i: np.take(x, i, axis=1) * x.take(i, axis=-1), X, I)
program("np.take of one", lambda x: np.take(x, 1, axis=0) ** 2, X)
program("np.take of a list", lambda x: x.take([0, 0, 2], axis=0) ** 2, X)
program("take_along_axis", lambda x, i: np.take_along_axis(x, i, axis=1) ** 2, X, N)
program("one a row", lambda x, y: np.take_along_axis(x, y[:, None], 1) ** 2, real(4, 3), I)
program("sorted columns", lambda x: np.take_along_axis(x, np.argsort(x, 0), axis=0) ** 2, X)
program("take_along_axis flat", lambda x, i: np.take_along_axis(x, i, axis=None) ** 2, X, I)
program("np.tril_indices", lambda x: x[np.tril_indices(3)] ** 2, S)
program("unpacking", lambda x: unpacked(x), X)
program("iteration", lambda x: rows_one_by_one(x), X)


def unpacked(x):
    a, b, c = x
    return a * b + c


def rows_one_by_one(x):
    total = 0.0
    for row in x:
        total = total + row * row.sum()
    return total


# --- item assignment -----------------------------------------------------------------------------


def assign_rows(x):
    out = np.zeros((3, 4))
    for i in range(3):
        out[i] = x[i] * (i + 1)
    return out


def assign_slices(x):
    out = np.zeros_like(x)
    out[1:, :2] = x[:-1, 2:] ** 2
    out[:, -1] = x[:, 0]
    out[0] += x[1]
    return out


def assign_over_itself(x):
    out = x.copy()
    out[0] = out[1] * out[2]
    out[:, 1] *= 2.0
    out[-1, -1] = 5.0
    return out * x


def assign_with_repeats(x, i):
    out = np.zeros(3)
    out[i] = x
    return out


def assign_rows_with_repeats(x, i):
    out = np.ones((3, 4))
    out[i] = x
    return out**2


def assign_by_mask(x, m):
    out = x * 1.0
    out[m] = 0.5
    out[out > 1.2] = 2.0
    return out * x


def assign_masked_values(x, y, m):
    out = x.copy()
    out[m] = y[m] ** 2
    return out


def assign_gathered(x, y):
    out = np.zeros_like(x)
    out[np.arange(len(y)), y] = x[:, 0] ** 2
    return out


def subtract_one_hot(x, y):
    out = np.exp(x)
    out[np.arange(len(y)), y] -= 1
    return out


def assign_broadcast(s):
    out = np.empty((2, 3))
    out[:] = s
    out[0, :] = s * s
    return out


def assign_through_a_view(x):
    out = x * 1.0
    row = out[1]
    row[:] = x[0] ** 2
    row += 1.0
    return out


def assign_ellipsis(x):
    out = np.zeros((3, 4, 2))
    out[..., 0] = x
    out[..., 1] = x**2
    return out


def assign_transposed(x):
    out = np.zeros((4, 3))
    out.T[...] = x**2
    return out


def add_in_place(x, i):
    out = np.ones(3)
    np.add.at(out, i, x)
    return out**2


program("np.add.at", add_in_place, V, I)
program("assign rows", assign_rows, X)
program("assign slices", assign_slices, X)
program("assign over itself", assign_over_itself, X)
program("assign with repeats: the last wins", assign_with_repeats, V, I)
program("assign rows with repeats", assign_rows_with_repeats, real(4, 4), I)
program("assign by mask", assign_by_mask, X, M)
program("assign masked values", assign_masked_values, X, Y, M)
program("assign gathered", assign_gathered, real(4, 3), I)
program("subtract a one-hot", subtract_one_hot, real(4, 3), I)
program("assign a scalar everywhere", assign_broadcast, 1.3)
program("assign through a view", assign_through_a_view, X)
program("assign by ellipsis", assign_ellipsis, X)
program("assign through a transpose", assign_transposed, X)

# --- linear algebra ------------------------------------------------------------------------------

program("inv", lambda s: np.linalg.inv(s), S)
program("inv of a stack", lambda s: np.linalg.inv(s), np.stack([S, S.T + np.eye(3)]))
program("det", lambda s: np.linalg.det(s), S)
program("det of a stack", lambda s: np.linalg.det(s), np.stack([S, S.T + np.eye(3)]))
program("slogdet", lambda s: np.linalg.slogdet(s)[1], S)
program("slogdet by name", lambda s: np.linalg.slogdet(s).logabsdet * np.linalg.slogdet(s).sign, S)
program("solve for a vector", lambda s, b: np.linalg.solve(s, b), S, real(3))
program("solve for a matrix", lambda s, b: np.linalg.solve(s, b), S, real(3, 2))

# --- cross products -------------------------------------------------------------------------------

T, U = real(4, 3), real(4, 3, seed=1)
program("cross", lambda a, b: np.cross(a, b) * b, T, U)
program("cross of vectors", lambda a, b: np.cross(a, b), T[0], U[0])
program("cross with one vector", lambda a, b: np.cross(a, b), T, U[0])
program("cross along the first axis", lambda a, b: np.cross(a, b, axis=0), T.T.copy(), U.T.copy())
program(
    "cross along axes of their own",
    lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), T.T.copy(), U,
)  # fmt: skip
program("cross of stacks", lambda a, b: np.cross(a, b, axisc=1), real(2, 1, 3), U)

# --- logaddexp over axes --------------------------------------------------------------------------

program("logaddexp.reduce", lambda x: np.logaddexp.reduce(x) * x[0], X)
program("logaddexp.reduce of a vector", lambda x: np.logaddexp.reduce(x) * x, V)
program("logaddexp.reduce, all", lambda x: np.logaddexp.reduce(x, axis=None) * x, X)
program("logaddexp.reduce, last", lambda x: np.logaddexp.reduce(x, axis=-1, keepdims=True) * x, X)
program("logaddexp.reduce, two axes", lambda x: np.logaddexp.reduce(x, axis=(0, 1)) * x, X)
program("logaddexp.reduce, initial", lambda x: np.logaddexp.reduce(x, axis=1, initial=0.3), X)
program(
    "logaddexp.reduce, where",
    lambda x: np.logaddexp.reduce(x, axis=1, where=np.arange(4) > 0, initial=-1.0), X,
)  # fmt: skip
program("logaddexp.reduce in a dtype", lambda x: np.logaddexp.reduce(x, dtype=np.float64), X)
program("logaddexp.accumulate", lambda x: np.logaddexp.accumulate(x) * x, X)
program("logaddexp.accumulate, last", lambda x: np.logaddexp.accumulate(x, axis=-1) * x, X)
program("logaddexp.accumulate of a vector", lambda x: np.logaddexp.accumulate(x) * x, V)
program("logaddexp.accumulate of one", lambda x: np.logaddexp.accumulate(x) * x, real(1))

# --- stability ------------------------------------------------------------------------------------


def cosine_distance(a, b):
    return 1 - np.sum(a * b, axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


program("log of a mean of exp", lambda x: np.log(np.mean(np.exp(x), axis=1)), X)
program("log of a weighted sum", lambda w, x: np.log(np.sum(w * np.exp(x), axis=1)), P, X)
program("log of a weighted dot", lambda w, x: np.log(np.exp(x) @ w), P[0], X)
program("log(a + b exp(x))", lambda a, b, x: np.log(a + b * np.exp(x)), P, Q, X)
program("log(1 + b exp(x))", lambda b, x: np.log(1 + np.exp(x) / b), P, X)
program("log cosh", lambda x: np.log(np.cosh(x)), X)
program("log of a running sum", lambda x: np.log(np.cumsum(np.exp(x), axis=1)) * x, X)
program("log of a running sum of a vector", lambda x: np.log(np.cumsum(np.exp(x))) * x, V)
program("cosine distance", cosine_distance, T, U)
program("gamma deviance", lambda y, m: (y - m) / m - np.log(y / m), P, Q)
program("x log(x)", lambda x, q: x * np.log(x) - x * np.log(x / q), P, Q)
