"""Which spellings are found as composites, which must not be, and that every law is true."""

import itertools
import math

import numpy as np
import pytest
import sympy as sp
from evaluation import ALL, MPMATH, NUMPY, PRECISE, SYMPY, build, evaluate, formula
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.expand import drop_dead, expand
from symgrad.graph import FLOAT64, INT64, Aval, Builder, Origin, check, size_value
from symgrad.ops import op
from symgrad.ops.indexing import ARRAY, index
from symgrad.ops.table import structural
from symgrad.recognise import RULES, products, recognise

FLOAT32 = np.dtype(np.float32)
N, C = 3, 4


def total(x, axis=(1,), keepdims=True):
    return op.sum(x, axis=axis, keepdims=keepdims)


def largest(x, axis=(1,), keepdims=True):
    return op.max(x, axis=axis, keepdims=keepdims)


def column(x):
    return index(x, (ALL, None))


def ones_like(x):
    return x.builder.apply("full", shape=x.shape, value=1, dtype=x.dtype.name)


def sigmoid(z):
    return 1 / (1 + op.exp(-z))


def softmax(x):
    e = op.exp(x - largest(x))
    return e / total(e)


def log_total(x, keepdims=True):
    return op.log(total(op.exp(x), keepdims=keepdims))


def shifted(x, axis=(1,)):
    return x - largest(x, axis)


# Each line: what the user writes, and the formula it becomes.  The kind is the strictest that
# all the laws it needs have.
SIGMOID = [
    ("exact", lambda z: 1 / (1 + op.exp(-z)), "sigmoid(x)"),
    ("exact", lambda z: 1.0 / (1.0 + op.exp(-z)), "sigmoid(x)"),
    ("exact", lambda z: 1 / (op.exp(-z) + 1), "sigmoid(x)"),
    ("exact", lambda z: 1 / (1 + op.exp(0 - z)), "sigmoid(x)"),
    ("exact", lambda z: 1 / (1 + op.exp(-1 * z)), "sigmoid(x)"),
    ("exact", lambda z: 1 / (1 + op.exp(z * -1.0)), "sigmoid(x)"),
    ("exact", lambda z: op.reciprocal(1 + op.exp(-z)), "sigmoid(x)"),
    ("exact", lambda z: 1 / (1 + op.exp(z)), "sigmoid(negative(x))"),
    ("exact", lambda z: 1 / (1 + op.exp(2 - z)), "sigmoid(negative(subtract(2, x)))"),
    ("rounding", lambda z: 1 / (1 + op.exp(-z * z)), "sigmoid(multiply(x, x))"),
    ("rounding", lambda z: 1 / (1 + op.exp(-2 * z)), "sigmoid(multiply(2, x))"),
    ("rounding", lambda z: 1 / (1 + op.exp(-z / 2)), "sigmoid(divide(x, 2))"),
    ("rounding", lambda z: 1 / (1 + op.exp(z / -0.5)), "sigmoid(divide(x, 0.5))"),
    ("rounding", lambda z: (1 + op.exp(-z)) ** -1, "sigmoid(x)"),
    ("stability", lambda z: op.exp(z) / (1 + op.exp(z)), "sigmoid(x)"),
    ("stability", lambda z: op.exp(z) / (op.exp(z) + 1), "sigmoid(x)"),
    ("stability", lambda z: op.exp(-z) / (1 + op.exp(-z)), "sigmoid(negative(x))"),
    ("exact", lambda z: op.expit(z), "sigmoid(x)"),
]
SOFTPLUS = [
    ("stability", lambda z: op.log(1 + op.exp(z)), "softplus(x)"),
    ("stability", lambda z: op.log(op.exp(z) + 1.0), "softplus(x)"),
    ("stability", lambda z: op.log1p(op.exp(z)), "softplus(x)"),
    ("stability", lambda z: op.log1p(op.exp(-z)), "softplus(negative(x))"),
    ("stability", lambda z: op.log(sigmoid(z)), "negative(softplus(negative(x)))"),
    ("stability", lambda z: op.log(sigmoid(-z)), "negative(softplus(x))"),
    ("stability", lambda z: -op.log(sigmoid(z)), "softplus(negative(x))"),
    ("stability", lambda z: op.log(1 - sigmoid(z)), "negative(softplus(x))"),
    ("stability", lambda z: -op.log(1.0 - sigmoid(z)), "softplus(x)"),
    ("stability", lambda z: op.log1p(-sigmoid(z)), "negative(softplus(x))"),
    (
        "stability",
        lambda z: op.log(op.reshape(sigmoid(z), shape=(N * C,))),
        f"negative(softplus(negative(reshape(x, shape=({N * C},)))))",
    ),
    (
        "stability",
        lambda z: op.log(index(1 - sigmoid(z), (0,))),
        "negative(softplus(index(x, key=(0,))))",
    ),
    (
        "stability",
        lambda z: op.log(1 - index(sigmoid(z), (ALL, 0))),
        "negative(softplus(index(x, key=(slice(None, None, None), 0))))",
    ),
]


def log_likelihood(z):
    y = op.square(z)
    return y * op.log(sigmoid(z)) + (1 - y) * op.log(1 - sigmoid(z))


def loss_by_difference(z):
    y = op.square(z)
    return -y * op.log(sigmoid(z)) - (1 - y) * op.log(1 - sigmoid(z))


LOGISTIC = [
    ("stability", log_likelihood, "negative(logistic_loss(x, square(x)))"),
    ("stability", loss_by_difference, "logistic_loss(x, square(x))"),
    (
        "stability",
        lambda z: z - log_likelihood(z),
        "add(x, logistic_loss(x, square(x)))",
    ),
    (
        "stability",
        lambda z: -op.mean(log_likelihood(z), axis=(0, 1), keepdims=False),
        "mean(logistic_loss(x, square(x)), axis=(0, 1), keepdims=False)",
    ),
    (
        "stability",
        lambda z: -op.sum(log_likelihood(z), axis=(0,), keepdims=False),
        "sum(logistic_loss(x, square(x)), axis=(0,), keepdims=False)",
    ),
]
SOFTMAX = [
    ("stability", lambda x: op.exp(x - log_total(x)), "softmax(x, axis=1)"),
    ("exact", softmax, "softmax(x, axis=1)"),
    (
        "exact",
        lambda x: op.exp(shifted(x)) / column(total(op.exp(shifted(x)), keepdims=False)),
        "softmax(x, axis=1)",
    ),
    (
        "exact",
        lambda x: op.exp(shifted(x))
        / op.reshape(total(op.exp(shifted(x)), keepdims=False), shape=(x.shape[0], 1)),
        "softmax(x, axis=1)",
    ),
    (
        "exact",
        lambda x: op.exp(x - column(largest(x, keepdims=False))) / total(
            op.exp(x - column(largest(x, keepdims=False)))
        ),
        "softmax(x, axis=1)",
    ),
    (
        "exact",
        lambda x: op.exp(shifted(x, (0,))) / total(op.exp(shifted(x, (0,))), (0,), False),
        "softmax(x, axis=0)",
    ),
    ("stability", lambda x: op.exp(x) / total(op.exp(x)), "softmax(x, axis=1)"),
    (
        "stability",
        lambda x: op.exp(x) / op.expand_dims(total(op.exp(x), keepdims=False), axis=(1,)),
        "softmax(x, axis=1)",
    ),
    ("stability", lambda x: op.exp(x - 5) / total(op.exp(x - 5)), "softmax(x, axis=1)"),
    (
        "stability",
        lambda x: op.exp(x - largest(x, (0, 1), False))
        / total(op.exp(x - largest(x, (0, 1), False))),
        "softmax(x, axis=1)",
    ),
    (
        "stability",
        lambda x: op.exp(shifted(x, (0,))) / total(op.exp(shifted(x, (0,)))),
        "softmax(subtract(x, max(x, axis=(0,), keepdims=True)), axis=1)",
    ),
    ("stability", lambda x: op.exp(-x) / total(op.exp(-x)), "softmax(negative(x), axis=1)"),
]  # fmt: skip
LOGSUMEXP = [
    ("stability", log_total, "logsumexp(x, axis=(1,), keepdims=True)"),
    ("stability", lambda x: log_total(x, False), "logsumexp(x, axis=(1,), keepdims=False)"),
    (
        "stability",
        lambda x: op.log(column(total(op.exp(x), keepdims=False))),
        "logsumexp(x, axis=(1,), keepdims=True)",
    ),
    (
        "stability",
        lambda x: op.log(total(op.exp(x), (0, 1), False)),
        "logsumexp(x, axis=(0, 1), keepdims=False)",
    ),
    (
        "rounding",
        lambda x: largest(x) + log_total(shifted(x)),
        "logsumexp(x, axis=(1,), keepdims=True)",
    ),
    (
        "rounding",
        lambda x: log_total(shifted(x)) + largest(x),
        "logsumexp(x, axis=(1,), keepdims=True)",
    ),
    (
        "rounding",
        lambda x: op.squeeze(largest(x), axis=(1,)) + log_total(shifted(x), False),
        "logsumexp(x, axis=(1,), keepdims=False)",
    ),
    (
        "rounding",
        lambda x: index(largest(x), (ALL, 0)) + log_total(shifted(x), False),
        "logsumexp(x, axis=(1,), keepdims=False)",
    ),
    (
        "rounding",
        lambda x: op.reshape(largest(x), shape=(x.shape[0],)) + log_total(shifted(x), False),
        "logsumexp(x, axis=(1,), keepdims=False)",
    ),
    (
        "rounding",
        lambda x: largest(x, keepdims=False) + log_total(shifted(x), False),
        "logsumexp(x, axis=(1,), keepdims=False)",
    ),
    (
        "rounding",
        lambda x: (
            largest(x, keepdims=False) + log_total(x - column(largest(x, keepdims=False)), False)
        ),
        "logsumexp(x, axis=(1,), keepdims=False)",
    ),
    (
        "rounding",
        lambda x: (
            largest(x, (0, 1), False)
            + op.log(total(op.exp(x - largest(x, (0, 1), False)), (0, 1), False))
        ),
        "logsumexp(x, axis=(0, 1), keepdims=False)",
    ),
    ("stability", lambda x: 5 + log_total(x - 5), "logsumexp(x, axis=(1,), keepdims=True)"),
    (
        "stability",
        lambda x: largest(x, (0,)) + log_total(shifted(x, (0,))),
        "add(max(x, axis=(0,), keepdims=True), logsumexp(subtract(x, "
        "max(x, axis=(0,), keepdims=True)), axis=(1,), keepdims=True))",
    ),
    (
        "stability",
        lambda x: 4 + log_total(x - 5),
        "add(4, logsumexp(subtract(x, 5), axis=(1,), keepdims=True))",
    ),
]
LOG_SOFTMAX = [
    ("exact", lambda x: shifted(x) - log_total(shifted(x)), "log_softmax(x, axis=1)"),
    (
        "exact",
        lambda x: shifted(x) - column(log_total(shifted(x), False)),
        "log_softmax(x, axis=1)",
    ),
    (
        "exact",
        lambda x: shifted(x) - op.log(column(total(op.exp(shifted(x)), keepdims=False))),
        "log_softmax(x, axis=1)",
    ),
    (
        "rounding",
        lambda x: x - (largest(x) + log_total(shifted(x))),
        "log_softmax(x, axis=1)",
    ),
    (
        "rounding",
        lambda x: x - column(largest(x, keepdims=False) + log_total(shifted(x), False)),
        "log_softmax(x, axis=1)",
    ),
    ("stability", lambda x: x - log_total(x), "log_softmax(x, axis=1)"),
    ("stability", lambda x: x - column(log_total(x, False)), "log_softmax(x, axis=1)"),
    ("stability", lambda x: (x - 5) - log_total(x - 5), "log_softmax(x, axis=1)"),
    ("stability", lambda x: op.log(softmax(x)), "log_softmax(x, axis=1)"),
    (
        "stability",
        lambda x: op.log(op.exp(x) / total(op.exp(x))),
        "log_softmax(x, axis=1)",
    ),
    (
        "stability",
        lambda x: op.log(index(softmax(x), (ALL, 1))),
        "index(log_softmax(x, axis=1), key=(slice(None, None, None), 1))",
    ),
    (
        "stability",
        lambda x: op.log(op.reshape(index(softmax(x), (0,)), shape=(2, 2))),
        "reshape(index(log_softmax(x, axis=1), key=(0,)), shape=(2, 2))",
    ),
]
LENGTH = [
    (
        "exact",
        lambda x: op.sqrt(total(op.square(x), keepdims=False)),
        "root_of_squares(x, axis=(1,), keepdims=False)",
    ),
    ("exact", lambda x: op.sqrt(total(x * x)), "root_of_squares(x, axis=(1,), keepdims=True)"),
    (
        "exact",
        lambda x: op.sqrt(column(total(x * x, keepdims=False))),
        "root_of_squares(x, axis=(1,), keepdims=True)",
    ),
    (
        "exact",
        lambda x: op.sqrt(total(op.square(x), (0, 1), False)),
        "root_of_squares(x, axis=(0, 1), keepdims=False)",
    ),
    (
        "rounding",
        lambda x: op.sqrt(op.mean(op.square(x), axis=(1,), keepdims=False)),
        "divide(root_of_squares(x, axis=(1,), keepdims=False), 2.0)",
    ),
    (
        "rounding",
        lambda x: total(op.square(x), (0, 1), False) ** 0.5,
        "root_of_squares(x, axis=(0, 1), keepdims=False)",
    ),
]


def whole(f, x):
    return f(x, axis=(0, 1), keepdims=False)


PRODUCTS = [
    (
        "rounding",
        lambda x: total(op.square(x), keepdims=False),
        "sum_of_squares(x, axis=(1,), keepdims=False)",
    ),
    ("rounding", lambda x: total(x * x), "sum_of_squares(x, axis=(1,), keepdims=True)"),
    (
        "rounding",
        lambda x: total(op.square(x) * op.absolute(x), (0,), False),
        "contract(square(x), absolute(x), terms=((0, 1), (0, 1)), out=(1,))",
    ),
    (
        "rounding",
        lambda x: op.sqrt(total(op.square(x) * op.absolute(x), (0,))),
        "sqrt(expand_dims(contract(square(x), absolute(x), terms=((0, 1), (0, 1)), out=(1,)), "
        "axis=(0,)))",
    ),
    (
        "rounding",
        lambda x: op.sum(total(op.absolute(x), keepdims=False), axis=(0,), keepdims=False),
        "sum(absolute(x), axis=(0, 1), keepdims=False)",
    ),
    (
        "rounding",
        lambda x: op.sum(total(op.square(x)), axis=(0, 1), keepdims=False),
        "sum_of_squares(x, axis=(0, 1), keepdims=False)",
    ),
    (
        "rounding",
        lambda x: op.var(x, axis=(1,), ddof=0, keepdims=True),
        "squared_deviation(x, axis=(1,), ddof=0, keepdims=True)",
    ),
]
MEANS = [
    (
        "rounding",
        lambda x: whole(op.mean, op.square(x)),
        f"divide(sum_of_squares(x, axis=(0, 1), keepdims=False), {N * C})",
    ),
    (
        "rounding",
        lambda x: op.mean(op.square(x) * op.absolute(x), axis=(0,), keepdims=False),
        f"divide(contract(square(x), absolute(x), terms=((0, 1), (0, 1)), out=(1,)), {N})",
    ),
    (
        "rounding",
        lambda x: op.mean(total(op.square(x), keepdims=False), axis=(0,), keepdims=False),
        f"divide(sum_of_squares(x, axis=(0, 1), keepdims=False), {N})",
    ),
]


def written(x, at, value):
    return op.put_at(x, value, key=at)


def one_a_row(x):
    rows = x.builder.apply("arange", start=0, stop=x.shape[0], dtype="int64")
    return op.index(x, rows, rows, key=("array", "array"))


ROWS = "arange(start=0, stop={0}, dtype=int64)"
ELEMENTS = [
    (
        "exact",
        lambda x: one_a_row(op.exp(2 * x)),
        f"exp(multiply(2, index(x, {ROWS}, {ROWS}, key=('array', 'array'))))".format(N),
    ),
    (
        "exact",
        lambda x: index(written(x, (0, 1), index(x, (1, 0))), (0, 1)),
        "index(x, key=(1, 0))",
    ),
    (
        "exact",
        lambda x: index(written(x, (0, 1), index(x, (1, 0))), (1, 1)),
        "index(x, key=(1, 1))",
    ),
    ("exact", lambda x: index(written(x, (0,), index(x, (1,))), (0,)), "index(x, key=(1,))"),
    (
        "exact",
        lambda x: index(written(written(x, (0, 1), 2.0), (1, 1), 3.0), (1, 0)),
        "index(x, key=(1, 0))",
    ),
]


def e_of(x):
    return op.exp(x)


EXPONENTIALS = [
    ("stability", lambda x: op.log(e_of(x)), "x"),
    ("stability", lambda x: op.power(e_of(x), 1.5), "exp(multiply(1.5, x))"),
    ("stability", lambda x: op.sqrt(op.square(x)), "absolute(x)"),
    ("rounding", lambda x: op.power(x, 3), "cube(x)"),
    ("rounding", lambda x: op.power(2 * x, 3.0), "cube(multiply(2, x))"),
    ("stability", lambda x: e_of(x) * e_of(2 * x), "exp(add(x, multiply(2, x)))"),
    ("stability", lambda x: e_of(x) / e_of(2 * x), "exp(subtract(x, multiply(2, x)))"),
    ("stability", lambda x: 1 / e_of(x), "exp(negative(x))"),
    ("stability", lambda x: 1 / e_of(-x), "exp(x)"),
    (
        "stability",
        lambda x: op.square(x) / op.square(x + 3),
        "square(divide(x, add(x, 3)))",
    ),
    ("stability", lambda x: x / (1 + e_of(-x)), "multiply(x, sigmoid(x))"),
    (
        "stability",
        lambda x: x / (e_of(2 - x) + 1),
        "multiply(x, sigmoid(negative(subtract(2, x))))",
    ),
    ("stability", lambda x: op.log(e_of(x) + e_of(2 * x)), "logaddexp(x, multiply(2, x))"),
    (
        "stability",
        lambda x: op.log(1 - e_of(-0.5 - op.square(x))),
        "log1mexp(subtract(-0.5, square(x)))",
    ),
    (
        "stability",
        lambda x: op.log1p(-e_of(-0.5 - op.square(x))),
        "log1mexp(subtract(-0.5, square(x)))",
    ),
    ("stability", lambda x: op.log(1 + op.square(x)), "log1p(square(x))"),
    ("stability", lambda x: op.log(1 - 0.001 * x), "log1p(negative(multiply(0.001, x)))"),
    ("stability", lambda x: e_of(x) - 1, "expm1(x)"),
    ("stability", lambda x: 1 - e_of(x), "negative(expm1(x))"),
]
IDENTITIES = [
    ("exact", lambda x: op.exp(op.negative(-x)), "exp(x)"),
    ("exact", lambda x: op.exp(1.0 * x), "exp(x)"),
    ("exact", lambda x: op.exp(x * ones_like(x)), "exp(x)"),
    ("exact", lambda x: op.exp(-1 * (-x)), "exp(x)"),
    ("exact", lambda x: op.exp(x / 1), "exp(x)"),
    ("exact", lambda x: op.exp(op.negative(x) / -1), "exp(x)"),
    ("rounding", lambda x: op.exp(0 - -x), "exp(x)"),
    ("stability", lambda x: op.exp(x / 3.0 * 3), "exp(x)"),
    ("stability", lambda x: op.exp(2 * x / 2), "exp(x)"),
    ("stability", lambda x: op.exp(-2 * x / -2), "exp(x)"),
    ("rounding", lambda x: op.exp(x + 0), "exp(x)"),
    ("rounding", lambda x: op.exp(0.0 + x), "exp(x)"),
    ("rounding", lambda x: op.exp(x - 0), "exp(x)"),
    ("exact", lambda x: op.exp(x**1), "exp(x)"),
    ("exact", lambda x: op.square(op.absolute(x)), "square(x)"),
    ("stability", lambda x: op.power(math.e, x), "exp(x)"),
    ("exact", lambda x: op.exp(ones_like(x) + x), "exp(add(1, x))"),
    ("exact", lambda x: op.exp(ones_like(x) - x), "exp(subtract(1, x))"),
    ("exact", lambda x: op.exp(op.astype(x, dtype=x.dtype.name)), "exp(x)"),
    ("exact", lambda x: op.exp(op.broadcast_to(x, shape=x.shape)), "exp(x)"),
    (
        "exact",
        lambda x: op.exp(
            op.reshape(op.reshape(x, shape=(x.shape[0] * x.shape[1],)), shape=x.shape)
        ),
        "exp(x)",
    ),
    ("exact", lambda x: op.exp(op.squeeze(op.expand_dims(x, axis=(1,)), axis=(1,))), "exp(x)"),
    (
        "exact",
        lambda x: op.exp(op.expand_dims(op.squeeze(largest(x), axis=(1,)), axis=(1,))),
        "exp(max(x, axis=(1,), keepdims=True))",
    ),
    ("exact", lambda x: op.exp(index(op.expand_dims(x, axis=(1,)), (ALL, 0))), "exp(x)"),
    (
        "exact",
        lambda x: op.exp(op.transpose(op.transpose(x, axes=(1, 0)), axes=(1, 0))),
        "exp(x)",
    ),
]


def choice(z):
    return op.where(op.greater(z, 0), sigmoid(z), 1 - sigmoid(z))


def positive_part(z):
    return op.maximum(z, 0)


def far(z):
    return op.log1p(op.exp(-op.absolute(z)))


COMPLETED = [
    ("stability", lambda z: positive_part(z) + far(z), "softplus(x)"),
    ("stability", lambda z: far(z) + op.maximum(0, z), "softplus(x)"),
    ("stability", lambda z: positive_part(z) + 3 + far(z), "add(softplus(x), 3)"),
    (
        "stability",
        lambda z: positive_part(z) - z * op.square(z) + far(z),
        "logistic_loss(x, square(x))",
    ),
    ("stability", lambda z: positive_part(z) + op.log(1 + op.exp(-op.absolute(z))), "softplus(x)"),
    ("exact", lambda z: op.where(op.greater(z, 0), op.exp(z), op.exp(z)), "exp(x)"),
    (
        "stability",
        lambda z: op.log(1 + op.exp(z)) - op.square(z) * z,
        "logistic_loss(x, square(x))",
    ),
    (
        "rounding",
        lambda z: total(0.25 * op.exp(z)),
        "multiply(0.25, sum(exp(x), axis=(1,), keepdims=True))",
    ),
    (
        "rounding",
        lambda z: op.mean(op.exp(z) / 4, axis=(1,), keepdims=False),
        "divide(mean(exp(x), axis=(1,), keepdims=False), 4)",
    ),
]
MINUS_LOG = "negative(softplus(negative(x)))"
LOGARITHMS = [
    (
        "stability",
        lambda x: op.log(op.mean(op.exp(x), axis=(1,), keepdims=True)),
        "logmeanexp(x, axis=(1,), keepdims=True)",
    ),
    (
        "stability",
        lambda x: (2 + op.square(x)) * op.log(2 + op.square(x)),
        "x_log_ratio(add(2, square(x)), 1)",
    ),
    (
        "stability",
        lambda x: -op.log((2 + op.square(x)) / 3) * (2 + op.square(x)),
        "negative(x_log_ratio(add(2, square(x)), 3))",
    ),
    ("stability", lambda x: op.log(op.square(x)), "multiply(2, log(absolute(x)))"),
    ("stability", lambda x: op.log(op.sqrt(sigmoid(x))), f"multiply(0.5, {MINUS_LOG})"),
    ("stability", lambda x: op.log(x * x), "multiply(2, log(absolute(x)))"),
    ("stability", lambda x: op.log(op.square(sigmoid(x))), f"multiply(2, {MINUS_LOG})"),
    (
        "stability",
        lambda x: op.log(sigmoid(x) * (1 - sigmoid(2 * x))),
        f"add({MINUS_LOG}, negative(softplus(multiply(2, x))))",
    ),
    (
        "stability",
        lambda x: op.log(e_of(x) * (1 - e_of(-0.5 - op.square(x)))),
        "add(x, log1mexp(subtract(-0.5, square(x))))",
    ),
    (
        "stability",
        lambda x: op.log(sigmoid(x) / (1 - sigmoid(x))),
        f"subtract({MINUS_LOG}, negative(softplus(x)))",
    ),
    (
        "stability",
        lambda x: op.log(1 / total(op.exp(x))),
        "negative(logsumexp(x, axis=(1,), keepdims=True))",
    ),
    (
        "stability",
        lambda x: op.log(index(op.exp(x), (0, 1)) / total(op.exp(x), (0, 1), False)),
        "subtract(index(x, key=(0, 1)), logsumexp(x, axis=(0, 1), keepdims=False))",
    ),
    (
        "stability",
        lambda x: op.log(total(op.exp(x)) / 4),
        "subtract(logsumexp(x, axis=(1,), keepdims=True), 1.3862943611198906)",
    ),
    ("stability", lambda x: op.log(sigmoid(x) ** 1.5), f"multiply(1.5, {MINUS_LOG})"),
    ("stability", lambda x: op.log(softmax(x) ** 1.5), "multiply(1.5, log_softmax(x, axis=1))"),
    (
        "stability",
        lambda x: op.log(choice(x)),
        f"where(greater(x, 0), {MINUS_LOG}, negative(softplus(x)))",
    ),
    (
        "stability",
        lambda x: op.log(op.where(op.greater(x, 0), softmax(x), 1)),
        "where(greater(x, 0), log_softmax(x, axis=1), 0.0)",
    ),
    (
        "stability",
        lambda x: op.log(1 - choice(x)),
        f"where(greater(x, 0), negative(softplus(x)), {MINUS_LOG})",
    ),
    ("stability", lambda x: (1 - sigmoid(x)) ** 2.5, "exp(multiply(2.5, negative(softplus(x))))"),
    (
        "stability",
        lambda x: (1 - choice(x)) ** 0.5,
        f"exp(multiply(0.5, where(greater(x, 0), negative(softplus(x)), {MINUS_LOG})))",
    ),
]
SUMS = [
    (
        "stability",
        lambda x: op.log(e_of(x) + e_of(2 * x) + e_of(-x)),
        "logaddexp(logaddexp(x, multiply(2, x)), negative(x))",
    ),
    (
        "stability",
        lambda x: op.log(0.5 * e_of(x) + 2.0),
        "logaddexp(add(x, -0.6931471805599453), 0.6931471805599453)",
    ),
    ("stability", lambda x: op.log(2 + op.exp(x)), "logaddexp(x, 0.6931471805599453)"),
    (
        "stability",
        lambda x: op.log(op.square(x) + e_of(x)),
        "log_plus_exp(square(x), 1, x)",
    ),
    (
        "stability",
        lambda x: op.log(1 + e_of(x) / (1 + op.square(x))),
        "log_plus_exp(1, divide(1, add(1, square(x))), x)",
    ),
    (
        "stability",
        lambda x: op.log(e_of(x) - e_of(x - 1 - op.square(x))),
        "add(x, log1mexp(subtract(subtract(subtract(x, 1), square(x)), x)))",
    ),
    (
        "stability",
        lambda x: op.log(e_of(1 + op.square(x)) - 1),
        "add(add(1, square(x)), log1mexp(negative(add(1, square(x)))))",
    ),
    (
        "stability",
        lambda x: op.log(total(op.square(x) * op.exp(x))),
        "weighted_logsumexp(square(x), x, axis=(1,), keepdims=True)",
    ),
    (
        "stability",
        lambda x: op.log(total(op.square(x) * softmax(x), keepdims=False)),
        "weighted_logsumexp(square(x), log_softmax(x, axis=1), axis=(1,), keepdims=False)",
    ),
    (
        "stability",
        lambda x: op.log(matmul(op.exp(x), op.square(index(x, (0,))))),
        "weighted_logsumexp(square(index(x, key=(0,))), x, axis=(1,), keepdims=False)",
    ),
    ("stability", lambda x: op.log(op.cosh(x)), "logcosh(x)"),
    ("stability", lambda x: x - op.log(1 + e_of(x)), MINUS_LOG),
    ("stability", lambda x: op.log(1 + e_of(x)) - x, "softplus(negative(x))"),
    ("stability", lambda x: -1 + e_of(x), "expm1(x)"),
    (
        "stability",
        lambda x: (1 + op.square(x) - 2) / 2 - op.log((1 + op.square(x)) / 2),
        "gamma_deviance(add(1, square(x)), 2)",
    ),
    (
        "stability",
        lambda x: e_of(x) / (e_of(2 * x) + e_of(x)),
        "sigmoid(subtract(x, multiply(2, x)))",
    ),
    ("stability", lambda x: 2 / (1 + e_of(-x)), "multiply(2, sigmoid(x))"),
    ("stability", lambda x: (e_of(x) - e_of(-x)) / (e_of(x) + e_of(-x)), "tanh(x)"),
    (
        "stability",
        lambda x: (e_of(x) - e_of(3 - x)) / (e_of(3 - x) + e_of(x)),
        "tanh(multiply(0.5, subtract(x, subtract(3, x))))",
    ),
    ("stability", lambda x: (e_of(2 * x) - 1) / (e_of(2 * x) + 1), "tanh(x)"),
    (
        "stability",
        lambda x: (1 - e_of(-2 * x)) / (1 + e_of(-2 * x)),
        "negative(tanh(negative(x)))",
    ),
    (
        "stability",
        lambda x: op.transpose(op.exp(x), axes=(1, 0)) / total(op.exp(x), keepdims=False),
        "transpose(softmax(x, axis=1), axes=(1, 0))",
    ),
]
# A running sum of the stress points spreads wider than there is room for: tests/test_stress.py.
RUNNING = [
    (
        "stability",
        lambda x: op.log(op.cumsum(op.exp(0.4 * x), axis=1)),
        "running_logsumexp(multiply(0.4, x), axis=1)",
    ),
    (
        "stability",
        lambda x: op.log(
            op.flip(op.cumsum(op.flip(op.exp(0.4 * x), axis=(1,)), axis=1), axis=(1,))
        ),
        "flip(running_logsumexp(flip(multiply(0.4, x), axis=(1,)), axis=1), axis=(1,))",
    ),
]


def mean_of(x, keepdims=False):
    return op.mean(x, axis=(1,), keepdims=keepdims)


def count(x):
    return size_value(x.builder, x.shape[1])


SQUARES = [
    (
        "stability",
        lambda x: (op.square(x) + 3 * op.square(x + 1)) / (2 * op.square(x + 2)),
        "divide(add(square(divide(x, add(x, 2))), "
        "multiply(3, square(divide(add(x, 1), add(x, 2))))), 2)",
    ),
    ("stability", lambda x: x * x / ((x + 2) * (x + 2)), "square(divide(x, add(x, 2)))"),
    ("stability", lambda x: x**3 / (x + 2) ** 3, "cube(divide(x, add(x, 2)))"),
    ("stability", lambda x: x**4 / (x + 2) ** 4, "power(divide(x, add(x, 2)), 4)"),
    ("stability", lambda x: op.sqrt(op.square(x) + op.square(x + 1)), "hypot(x, add(x, 1))"),
    ("stability", lambda x: (x * x + op.square(x + 1)) ** 0.5, "hypot(x, add(x, 1))"),
    ("stability", lambda x: op.sqrt(x * x), "absolute(x)"),
    ("stability", lambda x: op.square(x) ** 0.5, "absolute(x)"),
    (
        "rounding",
        lambda x: op.sqrt(dot(index(x, (0,)), index(x, (0,)))),
        "norm(index(x, key=(0,)), axis=(0,), keepdims=False)",
    ),
    (
        "stability",
        lambda x: (
            1
            - total(x * (x + 1), keepdims=False)
            / (length(x) * op.norm(x + 1, axis=(1,), keepdims=False))
        ),
        "cosine_distance(x, add(x, 1), axis=(1,), keepdims=False)",
    ),
    (
        "exact",
        lambda x: op.sqrt(op.var(x, axis=(1,), ddof=0, keepdims=False)),
        "std(x, axis=(1,), ddof=0, keepdims=False)",
    ),
    (
        "stability",
        lambda x: mean_of(op.square(x)) - op.square(mean_of(x)),
        "squared_deviation(x, axis=(1,), ddof=0, keepdims=False)",
    ),
    (
        "stability",
        lambda x: total(x * x) / count(x) - op.square(total(x) / count(x)),
        "squared_deviation(x, axis=(1,), ddof=0, keepdims=True)",
    ),
    (
        "stability",
        lambda x: total(x * x, keepdims=False) - count(x) * op.square(mean_of(x)),
        "multiply(4, squared_deviation(x, axis=(1,), ddof=0, keepdims=False))",
    ),
]


def dot(a, b):
    return op.contract(a, b, terms=((0,), (0,)), out=())


def length(x):
    return op.sqrt(total(x * x, keepdims=False))


def matmul(a, b):
    return op.contract(a, b, terms=((0, 1), (1,)), out=(0,))


FOUND = [
    *IDENTITIES,
    *COMPLETED,
    *LOGARITHMS,
    *SUMS,
    *RUNNING,
    *SQUARES,
    *EXPONENTIALS,
    *ELEMENTS,
    *PRODUCTS,
    *MEANS,
    *SIGMOID,
    *SOFTPLUS,
    *LOGISTIC,
    *SOFTMAX,
    *LOGSUMEXP,
    *LOG_SOFTMAX,
    *LENGTH,
]
KINDS = ("exact", "rounding", "stability")


def case_id(case):
    return formula(build(case[1], (N, C)))


def kind_of(firings):
    kinds = {rule.law: rule.kind for rule in RULES}
    return max((kinds[f.law] for f in firings), key=KINDS.index, default=None)


every_case = pytest.mark.parametrize("case", FOUND, ids=case_id)


NUMBERS = ("reshape", "arange", "multiply(4", "2.0)")
WITHOUT_NUMBERS = [
    case for case in FOUND if not any(w in case[2] for w in NUMBERS) and case not in MEANS
]
ALONG_ROWS = [case for case in FOUND if "axis=(1,)" in case[2] or "axis=1" in case[2]]


@every_case
def test_a_spelling_is_found(case):
    kind, function, found = case
    graph, firings = recognise(build(function, (N, C)))
    assert formula(check(graph)) == found
    assert kind_of(firings) == kind
    assert any(f.stability for f in firings) == (kind == "stability")


@pytest.mark.parametrize("case", WITHOUT_NUMBERS, ids=case_id)
def test_a_spelling_is_found_where_sizes_are_symbols(case):
    kind, function, found = case
    graph, firings = recognise(build(function, (N, C), symbolic=True))
    assert formula(check(graph)) == found
    assert kind_of(firings) == kind


@every_case
def test_only_exact_laws_fire_when_asked(case):
    kind, function, found = case
    graph, firings = recognise(build(function, (N, C)), exact=True)
    assert kind_of(firings) in ("exact", None)
    if kind == "exact":
        assert formula(graph) == found


@pytest.mark.parametrize("case", ALONG_ROWS, ids=case_id)
def test_a_spelling_is_found_in_a_single_row(case):
    kind, function, found = case
    graph, firings = recognise(build(function, (1, C)))
    assert formula(check(graph)) == found
    assert kind_of(firings) == kind


def test_a_vector_needs_no_axis():
    whole = {"axis": (0,), "keepdims": False}
    e = lambda x: op.exp(x - largest(x, **whole))
    for function, found in [
        (lambda x: e(x) / total(e(x), **whole), "softmax(x, axis=0)"),
        (
            lambda x: largest(x, **whole) + op.log(total(e(x), **whole)),
            "logsumexp(x, axis=(0,), keepdims=False)",
        ),
        (
            lambda x: x - largest(x, **whole) - op.log(total(e(x), **whole)),
            "log_softmax(x, axis=0)",
        ),
    ]:
        graph, _ = recognise(build(function, (C,)))
        assert formula(graph) == found


OF_SUMS = frozenset(rule.law for rule in products.RULES)
LEFT_ALONE = [
    lambda x: 1 / (2 + op.exp(-x)),
    lambda x: 1 / (1 + op.exp2(-x)),
    lambda x: 1 / (1 + op.expm1(-x)),
    lambda x: (1 + op.exp(-x)) ** -2,
    lambda x: op.exp(x) / (2 + op.exp(x)),
    lambda x: 0.5 * (op.tanh(0.5 * x) + 1),
    lambda x: op.log2(1 + op.exp(x)),
    lambda x: op.log1p(op.exp2(x)),
    lambda x: op.logaddexp(0, x),
    lambda x: op.logaddexp(x, 0),
    lambda x: op.exp(x) / total(op.exp(-x)),
    lambda x: op.exp(x) / total(op.square(op.exp(x))),
    lambda x: op.exp(x) / op.mean(op.exp(x), axis=(1,), keepdims=True),
    lambda x: op.exp(x) / (total(op.exp(x)) + 1e-9),
    lambda x: op.exp(x) / total(op.exp(x), (0, 1), False),
    lambda x: op.exp(x) / largest(op.exp(x)),
    lambda x: total(op.exp(x)) / op.exp(x),
    lambda x: op.exp2(x) / total(op.exp2(x)),
    lambda x: op.log(total(x)),
    lambda x: op.log2(total(op.exp(x))),
    lambda x: op.min(x, axis=(1,), keepdims=True) + log_total(shifted(x)),
    lambda x: largest(x) - log_total(shifted(x)),
    lambda x: log_total(shifted(x)),
    lambda x: x - log_total(shifted(x)),
    lambda x: op.sqrt(total(op.square(x)) + 1e-12),
    lambda x: op.sqrt(total(op.absolute(x))),
    lambda x: op.sqrt(total(x * -x)),
    lambda x: total(op.square(x)) ** 1.5,
    lambda x: op.square(op.exp(x)),
    lambda x: op.exp(x) * op.exp(x),
    lambda x: op.exp(op.log(x)),
    lambda x: op.square(op.sqrt(x)),
    lambda x: op.log(x + 2),
    lambda x: op.log(2 - x),
    lambda x: op.exp(x) - 2,
]


@pytest.mark.parametrize("function", LEFT_ALONE, ids=lambda f: formula(build(f, (N, C))))
@pytest.mark.parametrize("symbolic", [False, True], ids=["static", "symbolic"])
def test_what_only_looks_like_a_composite_is_left_alone(function, symbolic):
    before = build(function, (N, C), symbolic=symbolic)
    after, firings = recognise(before, without=OF_SUMS)
    assert formula(after) == formula(before)
    assert not firings


SQUARE = [
    # A sum without keepdims meets a square matrix along the other axis: legal, and not a softmax.
    lambda x: op.exp(x) / total(op.exp(x), keepdims=False),
    lambda x: shifted(x) - log_total(shifted(x), False),
    lambda x: largest(x, keepdims=False) + log_total(shifted(x)),
    lambda x: largest(x) + log_total(shifted(x), False),
    lambda x: largest(x, (0,), False) + log_total(shifted(x), False),
    lambda x: op.exp(x) / op.reshape(total(op.exp(x), keepdims=False), shape=(1, N)),
    lambda x: op.exp(x) / op.transpose(total(op.exp(x)), axes=(1, 0)),
    lambda x: op.exp(x) / index(total(op.exp(x)), (slice(None, None, -1),)),
    lambda x: index(largest(x), (slice(None, None, -1),)) + log_total(shifted(x)),
]


@pytest.mark.parametrize("function", SQUARE, ids=lambda f: formula(build(f, (N, N))))
def test_an_axis_lost_by_a_missing_keepdims_is_not_guessed(function):
    before = build(function, (N, N))
    after, firings = recognise(before)
    assert formula(after) == formula(before)
    assert not firings


def test_a_logsumexp_along_the_other_axis_is_not_a_softmax():
    graph, _ = recognise(build(lambda x: x - log_total(x, False), (N, N)))
    assert formula(graph) == "subtract(x, logsumexp(x, axis=(1,), keepdims=False))"


def test_a_shift_that_comes_back_along_another_axis_does_not_cancel():
    def program(x, y):
        return op.reshape(y, shape=(N,)) + op.log(total(op.exp(x - y), (2,), False))

    graph, _ = recognise(build(program, (N, N, C), (N, 1, 1)))
    assert formula(graph) == (
        "add(reshape(y, shape=(3,)), logsumexp(subtract(x, y), axis=(2,), keepdims=False))"
    )


GUARDED = [
    (lambda z: op.log(op.maximum(sigmoid(z), 1e-12)), "log(maximum(sigmoid(x), 1e-12))"),
    (lambda z: op.log(op.clip(sigmoid(z), 0.1, 0.9)), "log(clip(sigmoid(x), 0.1, 0.9))"),
    (lambda z: op.log(sigmoid(z) + 1e-9), "log(add(sigmoid(x), 1e-09))"),
    (lambda z: op.log(1 + sigmoid(z)), "log1p(sigmoid(x))"),
    (lambda z: op.log(2 - sigmoid(z)), "log(subtract(2, sigmoid(x)))"),
    (lambda z: op.log1p(sigmoid(z)), "log1p(sigmoid(x))"),
    (lambda x: op.log(softmax(x) + 1e-9), "log(add(softmax(x, axis=1), 1e-09))"),
    (
        lambda x: op.log(total(softmax(x))),
        "log(sum(softmax(x, axis=1), axis=(1,), keepdims=True))",
    ),
    (
        lambda x: op.log(op.where(op.greater(x, 0), softmax(x), x)),
        "log(where(greater(x, 0), softmax(x, axis=1), x))",
    ),
    (lambda z: op.log(z * sigmoid(z)), "log(multiply(x, sigmoid(x)))"),
    (lambda z: op.log(sigmoid(z) / z), "log(divide(sigmoid(x), x))"),
    (lambda z: op.log(z * op.exp(z)), "log(multiply(x, exp(x)))"),
]


@pytest.mark.parametrize(("function", "found"), GUARDED, ids=lambda case: str(case)[:40])
def test_a_logarithm_that_the_user_guards_stays(function, found):
    assert formula(recognise(build(function, (N, C)))[0]) == found


def test_two_arrays_are_not_taken_for_one():
    for function in (
        lambda x, y: op.exp(x) / total(op.exp(y)),
        lambda x, y: shifted(x) - log_total(shifted(y)),
        lambda x, y: largest(y) + log_total(shifted(x)),
        lambda x, y: op.sqrt(total(x * y)),
    ):
        before = build(function, (N, C), (N, C))
        assert formula(recognise(before, without=OF_SUMS)[0]) == formula(before)


def test_a_shift_that_varies_along_the_axis_stays():
    graph, _ = recognise(build(lambda x, y: op.exp(x - y) / total(op.exp(x - y)), (N, C), (C,)))
    assert formula(graph) == "softmax(subtract(x, y), axis=1)"


def test_a_shift_that_adds_axes_stays():
    graph, _ = recognise(build(lambda x, y: op.exp(x - y) / total(op.exp(x - y)), (C,), (N, 1)))
    assert formula(graph) == "softmax(subtract(x, y), axis=1)"


@pytest.mark.parametrize(
    "function",
    [
        lambda z: op.divide(1, op.add(np.float64(1), op.exp(-z))),
        lambda z: op.log(op.add(np.float64(1), op.exp(z))),
    ],
)
def test_a_result_of_another_dtype_is_left_alone(function):
    before = build(function, (N, C), dtype=FLOAT32)
    assert formula(recognise(before)[0]) == formula(before)


def test_the_sign_of_a_contraction_is_found_in_its_first_operand():
    graph, _ = recognise(build(lambda x, y: 1 / (1 + op.exp(matmul(-x, y))), (N, C), (C,)))
    assert formula(graph) == "sigmoid(contract(x, y, terms=((0, 1), (1,)), out=(0,)))"


def test_the_sign_of_a_product_that_the_user_named_stays():
    builder = Builder()
    x = builder.wrap(builder.input(Aval((N,), FLOAT64), "x"))
    u = -2 * x
    builder.notes.names[u.symbol] = "u"
    graph, _ = recognise(builder.graph([(1 / (1 + op.exp(u))).symbol]))
    assert formula(graph) == "sigmoid(negative(multiply(-2, x)))"


def test_a_sign_change_that_changes_the_dtype_is_not_looked_through():
    graph, _ = recognise(build(lambda z: 1 / (1 + op.exp(-1.0 * z)), (N,), dtype=np.dtype("uint8")))
    assert formula(graph) == "sigmoid(negative(multiply(-1.0, x)))"


@pytest.mark.parametrize("dtype", ["int64", "uint8", "complex128"])
@pytest.mark.parametrize("case", [SIGMOID[0], SOFTPLUS[0], LENGTH[0], SOFTMAX[5], LOGSUMEXP[0]])
def test_only_real_floating_numbers_are_rewritten(case, dtype):
    before = build(case[1], (N, C), dtype=np.dtype(dtype))
    after, firings = recognise(before)
    assert formula(after) == formula(before)
    assert not firings


@every_case
def test_float32_stays_float32(case):
    graph, _ = recognise(build(case[1], (N, C), dtype=FLOAT32))
    assert graph.aval(graph.outputs[0]).dtype == FLOAT32
    x = np.linspace(-3, 3, N * C, dtype=np.float32).reshape(N, C)
    (found,) = evaluate(expand(graph), NUMPY, x)
    assert found.dtype == FLOAT32


# --- values -----------------------------------------------------------------------------------


@every_case
def test_the_definition_of_what_was_found_is_the_users_formula(case):
    # By SymPy: both sides, with composites by their definition and an unknown max.
    before = build(case[1], (2, 2) if "reshape" not in case[2] else (N, C))
    has_sides = any(eqn.rhs.name == "maximum" for eqn in before.equations)
    signs = [{"positive": True}, {"negative": True}] if has_sides else [{"real": True}]
    # Whatever the condition of a choice is, and on both sides of a kink.
    for branch, sign in itertools.product((1, 2), signs):
        x = np.array(sp.symbols(f"x:{before_size(before)}", **sign), dtype=object)
        x = x.reshape(before.avals[before.inputs[0]].shape)
        table = SYMPY | {"where": lambda *xs, k=branch: xs[k], "greater": lambda *xs: None}
        (left,) = evaluate(before, table, x)
        (right,) = evaluate(recognise(before)[0], table, x)
        for a, b in list(zip(np.ravel(left), np.ravel(right), strict=True))[:2]:
            assert sp.simplify(sp.exp(a - b)) == 1


def before_size(graph):
    return int(np.prod(graph.avals[graph.inputs[0]].shape))


DIFFERENCES = (
    "log_softmax",
    "multiply(1.5, log_softmax",
    "index(log_softmax",
    "reshape(index(log_softmax",
    "weighted_logsumexp",
    "where(greater(x, 0), log_softmax",
    "subtract(negative(softplus",
    "cosine_distance",
)
STRESS = [0.0, -0.0, 1e-300, 800.0, -800.0, 30.0, -30.0, 799.0, 1.0, -1.0, 0.5, 700.0]


@every_case
def test_what_was_found_is_right_where_the_users_form_overflows(case):
    before = build(case[1], (N, C))
    x = np.array(STRESS).reshape(N, C)
    (truth,) = evaluate(before, MPMATH, np.frompyfunc(PRECISE.mpf, 1, 1)(x))
    (found,) = evaluate(expand(recognise(before)[0]), NUMPY, x)
    # The log of a probability near 1 is a difference: its error is relative to 1, not to itself.
    floor = 1e-15 if any(case[2].startswith(name) for name in DIFFERENCES) else 1e-307
    # A power by its logarithm has the logarithm's error times its size.
    close = 4e-14 if case[2].startswith("exp(multiply(") else 4e-15
    for t, f in zip(np.ravel(truth), np.ravel(found), strict=True):
        if abs(t) > np.finfo(float).max:
            assert f == (np.inf if t > 0 else -np.inf)
        else:
            assert abs(t - PRECISE.mpf(float(f))) <= close * abs(t) + floor


@every_case
def test_exact_laws_change_no_bit(case):
    before = build(case[1], (N, C))
    after, _ = recognise(before, exact=True)
    rng = np.random.default_rng(0)
    for x in (rng.normal(0, 3, (N, C)), np.array(STRESS).reshape(N, C)):
        np.testing.assert_array_equal(
            evaluate(expand(after), NUMPY, x)[0], evaluate(before, NUMPY, x)[0]
        )


def times(a, b):
    return op.contract(a, b, terms=((0, 1), (1, 2)[: b.ndim]), out=(0, 2)[: b.ndim])


def inverse_times(a, b):
    return times(op.inv(a), b)


SUM_OF_PRODUCT = (
    "contract(sum(x, axis=(0,), keepdims=False), sum(y, axis=(1,), keepdims=False), "
    "terms=((0,), (0,)), out=())"
)


# Each line: the shape of the right-hand side, what the user writes, and what it becomes.
def inverse_with(a, b, terms):
    return op.contract(op.inv(a), b, terms=terms, out=(0,))


MATRICES = [
    ((N,), lambda a, b: op.log(op.absolute(op.det(a))), "slogdet(x)"),
    ((N,), lambda a, b: inverse_with(a, b, ((1, 0), (1,))), "solve(transpose(x, axes=(1, 0)), y)"),
    (
        (N,),
        lambda a, b: inverse_with(op.transpose(a, axes=(1, 0)), b, ((1, 0), (1,))),
        "solve(x, y)",
    ),
    ((N,), lambda a, b: op.contract(b, op.inv(a), terms=((1,), (0, 1)), out=(0,)), "solve(x, y)"),
    ((N,), lambda a, b: op.log(op.det(a)), "add(log(slogdet(x)), slogdet(x))"),
    ((N,), inverse_times, "solve(x, y)"),
    ((N, C), inverse_times, "solve(x, y)"),
    (
        (N,),
        lambda a, b: times(times(a, a), b),
        "contract(x, contract(x, y, terms=((0, 1), (1,)), out=(0,)), terms=((0, 1), (1,)), "
        "out=(0,))",
    ),
    ((N, C), lambda a, b: whole(op.sum, times(a, b)), SUM_OF_PRODUCT),
    ((N, C), lambda a, b: whole(op.mean, times(a, b)), f"divide({SUM_OF_PRODUCT}, {N * C})"),
]
NO_SYSTEMS = [
    ((N, N), lambda a, b: op.contract(b, op.inv(a), terms=((0, 1), (1, 2)), out=(0, 2))),
    ((N, N), lambda a, b: op.contract(op.inv(a), b, terms=((1, 0), (1, 2)), out=(0, 2))),
    ((N, N), lambda a, b: op.contract(op.inv(a), b, terms=((0, 1), (1, 2)), out=(2, 0))),
    ((N, N), lambda a, b: op.contract(op.inv(a), b, terms=((0, 1), (0, 1)), out=())),
    ((N,), lambda a, b: op.contract(op.inv(a), b, terms=((0, 1), (2,)), out=(0, 1, 2))),
    ((N,), lambda a, b: op.log(op.det(a) + 1e-9)),
]


@pytest.mark.parametrize(("shape", "function", "found"), MATRICES)
def test_a_system_is_solved_and_a_determinant_taken_as_its_log(shape, function, found):
    assert formula(recognise(build(function, (N, N), shape))[0]) == found


@pytest.mark.parametrize(("shape", "function"), NO_SYSTEMS)
def test_what_is_no_system_stays(shape, function):
    before = build(function, (N, N), shape)
    assert formula(recognise(before)[0]) == formula(before)


def windows(x, key=()):
    found = op.windows(x, window=(2,), axis=(0,))
    return op.index(found, key=key) if key else found


def product(w, k):
    return op.contract(w, k, terms=((0, 1), (1, 2)), out=(0, 2))


SECOND = (slice(None, None, 2),)
OF_X = "windows(x, window=(2,), axis=(0,))"
WINDOWS = [
    (((5,), (2, 3)), lambda x, k: product(windows(x), k), "rounding",
     f"contract(materialise({OF_X}), y, terms=((0, 1), (1, 2)), out=(0, 2))"),
    (((5,), (3, 2)), lambda x, k: op.contract(
        k, op.transpose(windows(x, SECOND), axes=(1, 0)), terms=((0, 1), (1, 2)), out=(0, 2)),
     "rounding",
     f"contract(y, materialise(transpose(index({OF_X}, key=(slice(None, None, 2),)), "
     "axes=(1, 0))), terms=((0, 1), (1, 2)), out=(0, 2))"),
    (((5,),), lambda x: op.max(windows(x), axis=(1,), keepdims=False), "exact",
     f"max_in_windows({OF_X}, window=(2,))"),
    (((5,),), lambda x: op.min(windows(x, SECOND), axis=(1,), keepdims=False), "exact",
     f"min_in_windows(index({OF_X}, key=(slice(None, None, 2),)), window=(2,))"),
    (((5,),), lambda x: op.sum(windows(x), axis=(1,), keepdims=False), "rounding",
     f"sum_in_windows({OF_X}, window=(2,))"),
    (((5,),), lambda x: op.mean(windows(x), axis=(1,), keepdims=False), "rounding",
     f"mean_in_windows({OF_X}, window=(2,))"),
]  # fmt: skip
NO_WINDOWS = [
    (((5,), (2,)), lambda x, k: op.contract(windows(x), k, terms=((0, 1), (1,)), out=(0,))),
    (((5,), (2, 3)), lambda x, k: product(windows(x) + 1, k)),
    (((5, 2), (2, 3)), product),
    (((5,),), lambda x: op.max(windows(x), axis=(0,), keepdims=False)),
    (((5,),), lambda x: op.max(windows(x), axis=(0, 1), keepdims=False)),
    (((5,),), lambda x: op.max(windows(x), axis=(1,), keepdims=True)),
    (((5,),), lambda x: op.max(windows(x, (ALL, SECOND[0])), axis=(1,), keepdims=False)),
    (((50,),), lambda x: op.max(
        op.windows(x, window=(40,), axis=(0,)), axis=(1,), keepdims=False)),
]  # fmt: skip


@pytest.mark.parametrize(("shapes", "function", "kind", "found"), WINDOWS)
@pytest.mark.parametrize("symbolic", [False, True], ids=["static", "symbolic"])
def test_windows_are_taken_as_numpy_is_fast_with_them(shapes, function, kind, found, symbolic):
    graph, firings = recognise(build(function, *shapes, symbolic=symbolic))
    assert formula(graph) == found
    assert kind_of(firings) == kind


@pytest.mark.parametrize(("shapes", "function"), NO_WINDOWS)
def test_windows_of_another_use_stay(shapes, function):
    before = build(function, *shapes)
    assert formula(recognise(before)[0]) == formula(before)


def picking(function):
    """Return the graph of a function of a matrix and one label a row."""
    builder = Builder()
    x = builder.wrap(builder.input(Aval((N, C), FLOAT64), "x"))
    y = builder.wrap(builder.input(Aval((N,), INT64), "y"))
    return builder.graph([function(x, y).symbol])


def one_hot(y, k=0):
    eye = y.builder.apply("eye", n=C, m=C, k=k, dtype="float64")
    return op.index(eye, y, key=(ARRAY,))


def by_comparing(y):
    return op.equal(column(y), y.builder.apply("arange", start=0, stop=C, dtype="int64"))


def rows_of(y):
    return y.builder.apply("arange", start=0, stop=N, dtype="int64")


ROWS = f"arange(start=0, stop={N}, dtype=int64)"
PICKED = f"index(x, {ROWS}, y, key=('array', 'array'))"
PICKING = [
    (lambda x, y: op.sum(one_hot(y) * x, axis=(1,)), PICKED),
    (lambda x, y: op.sum(x * one_hot(y), axis=(1,)), PICKED),
    (lambda x, y: op.sum(one_hot(y) * x, axis=(0, 1)), f"sum({PICKED}, axis=(0,), keepdims=False)"),
    (
        lambda x, y: op.take_along(x, op.expand_dims(y, axis=(1,)), axis=1),
        f"expand_dims({PICKED}, axis=(1,))",
    ),
    (
        lambda x, y: op.index(op.transpose(x, axes=(1, 0)), y, rows_of(y), key=(ARRAY, ARRAY)),
        PICKED,
    ),
]
NOT_PICKING = [
    lambda x, y: op.sum(by_comparing(y) * x, axis=(1,)),  # no label, no element
    lambda x, y: op.sum(one_hot(y, k=1) * x, axis=(1,)),
    lambda x, y: op.sum(one_hot(y) * x, axis=(0,)),
    lambda x, y: op.sum(one_hot(y) * total(x), axis=(1,)),
]


@pytest.mark.parametrize(("function", "found"), PICKING)
def test_one_element_a_row_is_picked(function, found):
    before = picking(function)
    after, _ = recognise(before)
    assert formula(check(after)) == found
    inputs = np.arange(12.0).reshape(N, C), np.array([1, -1, 3])
    np.testing.assert_array_equal(evaluate(after, NUMPY, *inputs), evaluate(before, NUMPY, *inputs))


@pytest.mark.parametrize("function", NOT_PICKING)
def test_what_picks_otherwise_stays(function):
    before = picking(function)
    assert formula(recognise(before, without=OF_SUMS)[0]) == formula(before)


def test_every_law_has_a_case():
    fired = {f.law for case in FOUND for f in recognise(build(case[1], (N, C)))[1]}
    for shape, function, _ in MATRICES:
        fired |= {f.law for f in recognise(build(function, (N, N), shape))[1]}
    for function, _ in PICKING:
        fired |= {f.law for f in recognise(picking(function))[1]}
    for shapes, function, _, _ in WINDOWS:
        fired |= {f.law for f in recognise(build(function, *shapes))[1]}
    assert fired == {rule.law for rule in RULES}


def test_a_law_has_one_rule():
    laws = [rule.law for rule in RULES]
    assert len(laws) == len(set(laws))


# --- what goes with a value -------------------------------------------------------------------


def test_every_equation_of_the_user_stays():
    before = build(lambda x: (softmax(x), op.log(softmax(x))), (N, C))
    after, _ = recognise(before)
    kept = {formula(after, y) for eqn in after.equations for y in eqn.lhs}
    named = {formula(before, y) for eqn in before.equations for y in eqn.lhs}
    assert {text for text in named if "log" not in text} <= kept


def test_a_found_value_keeps_name_origin_and_location():
    builder = Builder()
    x = builder.wrap(builder.input(Aval((N, C), FLOAT64), "x"))
    builder.origin = Origin(case_id.__code__, 0)
    p = sigmoid(x)
    builder.notes.names[p.symbol] = "p"
    graph, firings = recognise(builder.graph([p.symbol]))
    found = graph.outputs[0]
    assert graph.notes.names == {graph.inputs[0]: "x", found: "p"} | {
        y: "p" for y in graph.notes.names if y not in (found, graph.inputs[0])
    }
    assert graph.notes.origins[found] == Origin(case_id.__code__, 0)
    (firing,) = firings
    assert firing.symbol is found
    assert firing.location.line == case_id.__code__.co_firstlineno


def test_cotangents_are_still_known_as_such():
    builder = Builder()
    x = builder.wrap(builder.input(Aval((N, C), FLOAT64), "x"))
    p = sigmoid(x)
    ct = p * (1 - p)
    builder.notes.cotangent_of[ct.symbol] = p.symbol
    graph, _ = recognise(builder.graph([p.symbol, ct.symbol]))
    assert graph.notes.cotangent_of == {graph.outputs[1]: graph.outputs[0]}


def test_a_body_held_by_an_op_is_searched(holder):
    body = build(sigmoid, (N, C))
    graph, firings = recognise(build(lambda x: op.holder(x, body=body), (N, C)))
    (eqn,) = graph.equations
    assert formula(eqn.rhs.setting("body")) == "sigmoid(x)"
    assert [f.law for f in firings] == ["1 / (1 + exp(-z)) = sigmoid(z)"]


@pytest.fixture
def holder(monkeypatch):
    from symgrad.graph import OPS

    structural(
        "holder", "Holds a body.", params=("body",), aval=lambda shapes, x, body: x, numpy=None
    )
    yield
    del OPS["holder"]


def test_a_literal_output_stays():
    builder = Builder()
    x = builder.wrap(builder.input(Aval((), FLOAT64), "x"))
    graph, _ = recognise(builder.graph([x.symbol, builder.operand(2.0)]))
    assert [y.value for y in graph.outputs[1:]] == [2.0]


# --- whole programs ---------------------------------------------------------------------------

PARTS = [
    sigmoid,
    softmax,
    shifted,
    lambda x: op.log1p(op.exp(x)),
    lambda x: op.log(op.exp(x) + 1),
    lambda x: op.log(softmax(x)),
    lambda x: op.log(1 - sigmoid(x)),
    lambda x: x - log_total(x),
    lambda x: largest(x) + log_total(shifted(x)) - x,
    lambda x: x / (1 + op.sqrt(total(x * x))),
    lambda x: op.exp(shifted(x, (0,))) / total(op.exp(shifted(x, (0,))), (0,), False),
    lambda x: -x,
    lambda x: op.tanh(x),
    lambda x: 0.5 * x + 1,
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_a_program_keeps_its_value(parts, seed):
    def program(x):
        for part in parts:
            x = part(x)
        return x

    before = build(program, (N, C))
    x = np.random.default_rng(seed).normal(0, 2, (N, C))
    (wanted,) = evaluate(before, NUMPY, x)
    (found,) = evaluate(drop_dead(check(expand(check(recognise(before)[0])))), NUMPY, x)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)
