"""What each law of `simplify` turns into what, where it must not act, and that all are true."""

import functools
import operator
import re
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import sympy as sp
from evaluation import ALL, NUMPY, SYMPY, evaluate, formula
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad.simplify as module
from symgrad.expand import drop_dead
from symgrad.graph import BOOL, FLOAT64, INT64, Aval, Builder, building, check
from symgrad.ops import op
from symgrad.ops.windows import with_windows_added
from symgrad.simplify import RULES, simplify
from symgrad.simplify.simplifier import DEEPEST_CHAIN

FLOAT32 = np.dtype(np.float32)
N, C = 3, 4
SIZES = [(3, 4), (1, 4), (3, 1), (1, 1)]

# What every program of this file is given: matrices x, y, a column of a matrix u, a row v,
# three numbers z, scalars s, t, a label a row i, and what compares as true.
INPUTS = {
    "x": ("NC", None),
    "y": ("NC", None),
    "w": ("CC", None),
    "u": ("N", None),
    "v": ("C", None),
    "z": ("3", None),
    "s": ("", None),
    "t": ("", None),
    "i": ("N", INT64),
    "j": ("NC", INT64),
    "k": ("", INT64),
    "m": ("NC", BOOL),
    "b": ("", BOOL),
}


def nothing(p):
    return {}


class Case(NamedTuple):
    """A law, the new equations it meets, what they become, and the user's own before them."""

    law: str
    program: object
    found: str
    own: object = nothing


def build(program, own=nothing, sizes=(N, C), dtype=FLOAT64, symbolic=False):
    """Return the graph of both, and how many of its equations are the user's own."""
    builder = Builder()
    size = dict(zip("NC", sizes, strict=True)) | {"3": 3}
    if symbolic:
        size = {k: builder.shapes.fresh(k, n) if n > 1 else n for k, n in size.items()}
    given = SimpleNamespace()
    for name, (axes, kind) in INPUTS.items():
        shape = tuple(size[axis] for axis in axes)
        aval = Aval(shape, kind or dtype, "array" if shape else "numpy")
        setattr(given, name, builder.wrap(builder.input(aval, name)))
    with building(builder):
        given.__dict__.update(own(given))
    start = len(builder.equations)
    with building(builder):
        results = program(given)
    results = results if isinstance(results, tuple) else (results,)
    return check(builder.graph([y.symbol for y in results])), start


def simplified(program, own=nothing, **how):
    return drop_dead(check(simplify(*build(program, own, **how))))


SHORT = [
    (r"full\(shape=[^=]*, value=0(\.0)?, dtype=\w+\)", "zeros"),
    (r"arange\(start=0, stop=\d+, dtype=int64\)", "rows"),
    (r", key=\('array', 'array'\)", ""),
]


def text(graph):
    """Return the outputs as nested text, scatters and zeros by their names."""
    written = "; ".join(formula(graph, y) for y in graph.outputs)
    for pattern, name in SHORT:
        written = re.sub(pattern, name, written)
    return written


def rows(p):
    return op.arange(start=0, stop=p.x.shape[0], dtype="int64")


def zeros(x):
    return op.full(shape=x.shape, value=0.0, dtype=x.dtype.name)


def zeros_like(x):
    return op.full_like(x, 0)


def copies(value, like):
    return op.broadcast_to(value, shape=like.shape)


def total(x, axis=(1,), keepdims=False):
    return op.sum(x, axis=axis, keepdims=keepdims)


def reduced(p, head, keepdims):
    return getattr(op, head)(p.x, axis=(1,), keepdims=keepdims)


def in_a_row(x):
    return op.reshape(x, shape=(x.shape[0] * x.shape[1],))


def column(x):
    return op.expand_dims(x, axis=(1,))


def swap(x):
    return op.transpose(x, axes=(1, 0))


def number(p, value):
    """Return a number as rules calculate with it."""
    return p.x.builder.wrap(p.x.builder.operand(value))


def matmul(a, b):
    return op.contract(a, b, terms=((0, 1), (1, 2)), out=(0, 2))


def outer(a, x):
    """Return sum_n a_n x_nc, as a contraction that nobody simplified."""
    return op.contract(a, x, terms=((0,), (0, 1)), out=(1,))


AT = ("array", "array")


def identity(x):
    return op.eye(n=x.shape[0], m=x.shape[1], k=0, dtype=x.dtype.name)


def places(x):
    return op.arange(start=0, stop=x.shape[0], dtype="int64")


def diagonal(v, x):
    return op.put_at(zeros(x), v, places(x), places(x), key=AT)


def outer_rows(p):
    return op.contract(p.x, p.y, terms=((0, 1), (0, 2)), out=(1, 2))


def one_hot(value, p):
    return op.add_at(zeros(p.x), value, rows(p), p.i, key=AT)


ALGEBRA = [
    Case("add: arithmetic of numbers", lambda p: (number(p, 2) + 3) * p.x, "multiply(5, x)"),
    Case(
        "subtract: arithmetic of numbers", lambda p: (number(p, 2) - 3.5) * p.x, "multiply(-1.5, x)"
    ),
    Case("multiply: arithmetic of numbers", lambda p: (number(p, 2) * 0.5) * p.x, "x"),
    Case("divide: arithmetic of numbers", lambda p: (number(p, 2) / 4) * p.x, "multiply(0.5, x)"),
    Case("negative: arithmetic of numbers", lambda p: -number(p, 2) * p.x, "multiply(-2, x)"),
    Case("multiply: 1 x", lambda p: 1 * p.x, "x"),
    Case("multiply: 1 x", lambda p: p.x * 1.0, "x"),
    Case("multiply: 1 x", lambda p: -1 * p.x, "negative(x)"),
    Case("multiply: 1 x", lambda p: p.s * (-1.0 * p.x), "multiply(negative(s), x)"),
    Case("multiply: (1.0 n)", lambda p: (1.0 * p.k) * p.s, "multiply(k, s)"),
    Case("divide: (1.0 n)", lambda p: (1.0 * p.k) / p.s, "divide(k, s)"),
    Case("divide: c / (d x)", lambda p: (2 / (2 * p.s)) * p.x, "multiply(divide(1.0, s), x)"),
    Case("divide: c / (d x)", lambda p: p.x * (-4 / (p.s * 2)), "multiply(divide(-2.0, s), x)"),
    Case("divide: x / 1", lambda p: p.x / 1, "x"),
    Case("divide: x / 1", lambda p: p.x / 1.0, "x"),
    Case("negative: -(-x)", lambda p: op.negative(-p.x), "x"),
    Case("negative: -(-x)", lambda p: -(p.x - p.y), "subtract(y, x)"),
    Case("negative: -(-x)", lambda p: -(2 * p.x), "multiply(-2, x)"),
    Case("negative: -(-x)", lambda p: -(2 / p.x), "divide(-2, x)"),
    Case("negative: -(-x)", lambda p: -(p.s * p.x), "multiply(negative(s), x)"),
    Case("negative: -(-x)", lambda p: -op.where(p.m, p.x, 0), "where(m, negative(x), 0)"),
    Case("negative: -(-x)", lambda p: -op.where(p.m, 0, p.x), "where(m, 0, negative(x))"),
    Case("negative: -(-x)", lambda p: -copies(p.v, p.x), "broadcast_to(negative(v), shape=(3, 4))"),
    Case("negative: -(-x)", lambda p: -one_hot(p.u, p), "add_at(zeros, negative(u), rows, i)"),
    Case("multiply: (-a) b", lambda p: -p.x * p.y, "negative(multiply(x, y))"),
    Case("multiply: (-a) b", lambda p: p.y * -p.x, "negative(multiply(y, x))"),
    Case("multiply: (-a) b", lambda p: -p.x * -p.y, "multiply(x, y)"),
    Case("divide: (-a) / b", lambda p: -p.x / p.y, "negative(divide(x, y))"),
    Case("divide: (-a) / b", lambda p: p.x / -p.y, "negative(divide(x, y))"),
    Case("divide: (-a) / b", lambda p: -p.x / p.s, "negative(divide(x, s))"),
    Case("add: x + 0", lambda p: p.x + 0, "x"),
    Case("add: x + 0", lambda p: zeros(p.x) + p.x, "x"),
    Case("add: x + 0", lambda p: p.x + zeros_like(p.x), "x"),
    Case("add: x + x", lambda p: p.x + p.x, "multiply(2, x)"),
    Case("add: a +", lambda p: p.x + -p.y, "subtract(x, y)"),
    Case("add: a +", lambda p: -p.x + p.y, "subtract(y, x)"),
    Case("add: a +", lambda p: p.x + -2 * p.y, "subtract(x, multiply(2, y))"),
    Case("add: a +", lambda p: p.x + (-p.s) * p.y, "subtract(x, multiply(s, y))"),
    Case("add: where", lambda p: op.where(p.m, p.x, 0) + op.where(p.m, 0, p.y), "where(m, x, y)"),
    Case("add: where", lambda p: op.where(p.m, 0, p.x) + op.where(p.m, p.y, 0), "where(m, y, x)"),
    Case("add: x + (x + y)", lambda p: p.x + (p.x - p.y), "subtract(multiply(2, x), y)"),
    Case("subtract: s x - s y", lambda p: p.s - p.s * p.x, "multiply(s, subtract(1, x))"),
    Case("add: s x + s y", lambda p: p.s * p.x + p.s, "multiply(s, add(x, 1))"),
    Case("subtract: s x - s y", lambda p: -0.5 + 0.5 * p.x, "multiply(0.5, subtract(x, 1))"),
    Case("add: a +", lambda p: p.x + -0.5, "subtract(x, 0.5)"),
    Case("add: x + (x + y)", lambda p: p.x + (p.x + p.y), "add(multiply(2, x), y)"),
    Case("add: x + (x + y)", lambda p: (p.y + p.x) + p.x, "add(multiply(2, x), y)"),
    Case("add: s x + s y", lambda p: p.s * p.x + p.s * p.y, "multiply(s, add(x, y))"),
    Case("add: s x + s y", lambda p: p.x * p.s + p.s * p.v, "multiply(s, add(x, v))"),
    Case("subtract: s x - s y", lambda p: p.s * p.x - p.s * p.y, "multiply(s, subtract(x, y))"),
    Case("subtract: x - 0", lambda p: p.x - 0, "x"),
    Case("subtract: x - 0", lambda p: p.x - zeros(p.x), "x"),
    Case("subtract: x - 0", lambda p: 0 - p.x, "negative(x)"),
    Case("subtract: x - 0", lambda p: zeros(p.x) - p.x, "negative(x)"),
    Case("subtract: x - 0", lambda p: p.x - -p.y, "add(x, y)"),
    Case("subtract: x - 0", lambda p: p.x - -2 * p.y, "add(x, multiply(2, y))"),
    Case("subtract: x - 0", lambda p: -p.x - p.y, "negative(add(x, y))"),
    Case("multiply: s (t x)", lambda p: p.s * (p.t * p.x), "multiply(multiply(t, s), x)"),
    Case("multiply: s (t x)", lambda p: (p.t * p.x) * p.y, "multiply(t, multiply(y, x))"),
    Case("multiply: s (t x)", lambda p: p.x * (p.t * p.y), "multiply(t, multiply(x, y))"),
    Case("multiply: x s", lambda p: p.x * p.s, "multiply(s, x)"),
    Case("multiply: s (c x)", lambda p: p.s * (p.v * p.x), "multiply(multiply(s, v), x)"),
    Case("multiply: s (c x)", lambda p: (p.x * p.v) * 2, "multiply(multiply(2, v), x)"),
    Case("multiply: s (t x)", lambda p: 2 * (0.5 * p.x * 3), "multiply(3.0, x)"),
    Case("multiply: x s", lambda p: p.s * (2 * p.t), "multiply(multiply(2, s), t)"),
    Case("multiply: 2 (0", lambda p: 3 * p.h, "multiply(1.5, x)", lambda p: {"h": 0.5 * p.x}),
    Case("multiply: 2 (0", lambda p: 2 * p.h, "s", lambda p: {"h": p.s / 2}),
    Case("multiply: 2 (0", lambda p: 4 * p.h, "multiply(2.0, s)", lambda p: {"h": p.s * 0.5}),
    Case("multiply: 2 (0", lambda p: p.h * 3, "divide(6, s)", lambda p: {"h": 2 / p.s}),
    Case(
        "multiply: 2 float32(s)",
        lambda p: op.broadcast_to(
            2 * op.astype(number(p, 0.3), dtype=p.x.dtype.name) * p.x, shape=p.x.shape
        ),
        "multiply(0.6, x)",
    ),
    Case("multiply: 0 x", lambda p: zeros(p.x) * p.y, "zeros"),
    Case("multiply: 0 x", lambda p: 0.0 * p.x, "zeros"),
    Case("divide: 0 / x", lambda p: zeros(p.x) / p.y, "zeros"),
    Case("negative: -0", lambda p: -zeros(p.x), "zeros"),
    Case("multiply: (a / b) b", lambda p: (p.x / p.y) * p.y, "x"),
    Case("multiply: (a / b) b", lambda p: p.y * (p.s * (p.x / p.y)), "multiply(s, x)"),
    Case("add: a +", lambda p: (-1 / p.s) * p.x + p.y, "subtract(y, multiply(divide(1, s), x))"),
    Case("multiply: (a / b) b", lambda p: p.v * (p.s / p.v), "broadcast_to(s, shape=(4,))"),
    Case(
        "divide: n / n", lambda p: p.x * (p.n / p.n), "x", lambda p: {"n": op.size(of=p.x.shape[0])}
    ),
    Case("subtract: x - x", lambda p: p.x - p.x, "zeros"),
    Case("subtract: x - x", lambda p: (p.x + p.y) - p.x, "y"),
    Case("subtract: x - x", lambda p: (p.x + p.y) - p.y, "x"),
    Case("subtract: x - x", lambda p: (p.x - p.y) - p.x, "negative(y)"),
    Case("add: (x - y) + y", lambda p: (p.x - p.y) + p.y, "x"),
    Case("add: (x - y) + y", lambda p: p.y + (p.x - p.y), "x"),
    Case(
        "where: where(m, s a",
        lambda p: op.where(p.m, p.s * p.x, (p.t * p.s) * p.y),
        "multiply(s, where(m, x, multiply(t, y)))",
    ),
    Case(
        "where: where(m, s a",
        lambda p: op.where(p.m, p.s * p.x, p.s * p.y),
        "multiply(s, where(m, x, y))",
    ),
    Case(
        "where: where(m, s a",
        lambda p: op.where(p.m, (1 / p.s) * p.x, (p.t / p.s) * p.y),
        "multiply(divide(1, s), where(m, x, multiply(t, y)))",
    ),
    Case("divide: (s x) / t", lambda p: (p.s * p.x) / p.t, "multiply(divide(s, t), x)"),
    Case("divide: (s x) / t", lambda p: (p.s * p.x) / p.y, "multiply(s, divide(x, y))"),
    Case("multiply: a (b / c)", lambda p: p.x * (p.v / p.y), "divide(multiply(x, v), y)"),
    Case("multiply: a (b / c)", lambda p: (1 / p.y) * p.x, "divide(x, y)"),
    Case(
        "multiply: a (b / c)",
        lambda p: p.s * (p.t / (p.s + 1)),
        "divide(multiply(s, t), add(s, 1))",
    ),
    Case("multiply: f(copies", lambda p: copies(p.s, p.x) * p.x, "multiply(s, x)"),
    Case("divide: f(copies", lambda p: p.x / copies(p.v, p.x), "divide(x, v)"),
    Case("add: f(copies", lambda p: p.x + op.expand_dims(p.v, axis=(0,)), "add(x, v)"),
    Case(
        "add: f(copies", lambda p: copies(p.s, p.x) + p.v, "broadcast_to(add(s, v), shape=(3, 4))"
    ),
    Case("subtract: f(copies", lambda p: copies(p.v, p.x) - p.x, "subtract(v, x)"),
]
AXES = [
    Case(
        "add: where(m, a, 0) + where(m, b, 0)",
        lambda p: op.where(p.m, p.x, 0) + op.where(p.m, p.y, 0),
        "where(m, add(x, y), 0)",
    ),
    Case(
        "subtract: where(m, a, 0) - where(m, b, 0)",
        lambda p: op.where(p.m, 0, p.x) - op.where(p.m, 0, p.y),
        "where(m, 0, subtract(x, y))",
    ),
    Case(
        "multiply: (a + b) g",
        lambda p: (op.where(p.m, p.x, 0) + op.where(op.greater(p.x, 0), p.y, 0)) * op.sqrt(p.y),
        "add(where(m, multiply(x, sqrt(y)), 0), where(greater(x, 0), multiply(y, sqrt(y)), 0))",
    ),
    Case(
        "multiply: (a + b) g",
        lambda p: op.log(p.y) * op.where(op.greater(p.x, 0), op.where(p.m, p.x, 0), p.y),
        "where(greater(x, 0), where(m, multiply(log(y), x), 0), multiply(log(y), y))",
    ),
    Case(
        "divide: (a + b) / g",
        lambda p: (op.where(p.m, p.x, 0) - op.where(op.greater(p.x, 0), p.y, 0)) / p.y,
        "subtract(where(m, divide(x, y), 0), where(greater(x, 0), divide(y, y), 0))",
    ),
    Case(
        "where: where(m, where(n, a, 0), 0)",
        lambda p: op.where(op.greater(p.x, 0), op.where(p.m, p.x, 0), 0),
        "where(m, where(greater(x, 0), x, 0), 0)",
    ),
    Case(
        "where: where(n, where(m, a, 0)",
        lambda p: op.where(op.greater(p.x, 0), op.where(p.m, p.x, 0), op.where(p.m, p.y, 0)),
        "where(m, where(greater(x, 0), x, y), 0)",
    ),
    Case(
        "where: where(|x| <= c",
        lambda p: op.where(op.less_equal(op.absolute(p.x), 0.7), p.x, 0.7 * op.sign(p.x)),
        "clip(x, -0.7, 0.7)",
    ),
    Case(
        "where: where(|x| <= c",
        lambda p: op.where(op.greater(op.absolute(p.x), 0.7), 0.7 * op.sign(p.x), p.x),
        "clip(x, -0.7, 0.7)",
    ),
    Case(
        "where: where(|x| <= c",
        lambda p: op.where(op.greater_equal(0.7, op.absolute(p.x)), p.x, 0.7 * op.sign(p.x)),
        "clip(x, -0.7, 0.7)",
    ),
    Case(
        "where: where(|x| <= c",
        lambda p: op.where(op.less(op.absolute(p.x), 1), p.x, op.sign(p.x)),
        "clip(x, -1, 1)",
    ),
    Case(
        "where: where(|x| <= c",
        lambda p: op.where(op.less(op.absolute(p.x), op.exp(p.s)), p.x, op.exp(p.s) * op.sign(p.x)),
        "clip(x, negative(exp(s)), exp(s))",
    ),
    Case("multiply: where", lambda p: op.where(p.m, p.x, 0) * p.y, "where(m, multiply(x, y), 0)"),
    Case("multiply: where", lambda p: p.y * op.where(p.m, 0, p.x), "where(m, 0, multiply(y, x))"),
    Case("multiply: where", lambda p: p.s * op.where(p.m, p.x, 0), "where(m, multiply(s, x), 0)"),
    Case("divide: where", lambda p: op.where(p.m, p.x, 0) / p.y, "where(m, divide(x, y), 0)"),
    Case("where: f(copies", lambda p: op.where(p.m, copies(p.s, p.x), p.x), "where(m, s, x)"),
    Case("where: f(copies", lambda p: op.where(p.m, copies(p.v, p.x), 0), "where(m, v, 0)"),
    Case("broadcast_to: a copy", lambda p: copies(p.x, p.x), "x"),
    Case(
        "broadcast_to: a copy",
        lambda p: copies(copies(p.s, p.v), p.x),
        "broadcast_to(s, shape=(3, 4))",
    ),
    Case(
        "broadcast_to: a copy",
        lambda p: copies(op.expand_dims(p.v, axis=(0,)), p.x),
        "broadcast_to(v, shape=(3, 4))",
    ),
    Case(
        "add: A C + B C",
        lambda p: matmul(p.x, p.w) + matmul(p.y, p.w),
        "contract(add(x, y), w, terms=((0, 1), (1, 2)), out=(0, 2))",
    ),
    Case(
        "add: A C + B C",
        lambda p: (
            op.contract(p.w, p.v, terms=((0, 1), (1,)), out=(0,))
            + op.contract(p.w, p.v, terms=((1, 0), (1,)), out=(0,))
        ),
        "contract(add(w, transpose(w, axes=(1, 0))), v, terms=((0, 1), (1,)), out=(0,))",
    ),
    Case(
        "subtract: A C - B C",
        lambda p: matmul(swap(p.x), p.x) - matmul(swap(p.x), p.y),
        "contract(x, subtract(x, y), terms=((0, 1), (0, 2)), out=(1, 2))",
    ),
    Case("sum: sum of copies", lambda p: total(copies(p.s, p.x), (0, 1)), "multiply(12, s)"),
    Case("sum: sum of copies", lambda p: total(copies(p.v, p.x), (0,)), "multiply(3, v)"),
    Case(
        "sum: sum of copies",
        lambda p: total(copies(p.v, p.x), (0, 1)),
        "multiply(3, sum(v, axis=(0,), keepdims=False))",
    ),
    Case(
        "sum: sum of copies",
        lambda p: total(copies(p.v, p.x), (0, 1), True),
        "broadcast_to(multiply(3, sum(v, axis=(0,), keepdims=True)), shape=(1, 1))",
    ),
    Case("sum: sum of copies", lambda p: total(copies(column(p.u), p.x)), "multiply(4, u)"),
    Case("sum: sum(-x)", lambda p: total(-p.x), "negative(sum(x, axis=(1,), keepdims=False))"),
    Case(
        "sum: sum(-x)", lambda p: total(p.s * p.x), "multiply(s, sum(x, axis=(1,), keepdims=False))"
    ),
    Case("sum: sum(-x)", lambda p: total(p.x, ()), "x"),
    Case(
        "sum: sum(c x + v",
        lambda p: total(column(p.u) * p.x),
        "multiply(u, sum(x, axis=(1,), keepdims=False))",
        lambda p: {"t": total(p.x)},
    ),
    Case(
        "sum: sum(c x + v",
        lambda p: total(column(p.u / p.t) * p.x, (1,), True),
        "expand_dims(u, axis=(1,))",
        lambda p: {"t": total(p.x)},
    ),
    Case(
        "sum: sum(c x + v",
        lambda p: total(op.add_at(column(p.u / p.t) * p.x, -p.u, rows(p), p.i, key=AT)),
        "zeros",
        lambda p: {"t": total(p.x)},
    ),
    *[
        Case(
            f"{head}: f(x, keepdims)",
            functools.partial(reduced, head=head, keepdims=True),
            f"expand_dims({head}(x, axis=(1,), keepdims=False), axis=(1,))",
            lambda p, head=head: {"t": reduced(p, head, False)},
        )
        for head in ("mean", "max", "min")
    ],
    Case("sum: sum over a new", lambda p: total(column(p.u)), "u"),
    Case(
        "sum: sum over a new", lambda p: total(column(p.u), (1,), True), "expand_dims(u, axis=(1,))"
    ),
    Case("sum: sum(add_at", lambda p: total(one_hot(p.u, p)), "u"),
    Case(
        "sum: sum(add_at", lambda p: total(one_hot(p.u, p), (1,), True), "expand_dims(u, axis=(1,))"
    ),
    Case(
        "sum: sum(add_at",
        lambda p: total(one_hot(p.u, p), (0, 1)),
        "sum(u, axis=(0,), keepdims=False)",
    ),
    Case("sum: sum(add_at", lambda p: total(one_hot(p.s, p)), "broadcast_to(s, shape=(3,))"),
    Case(
        "sum: sum_n",
        lambda p: total(column(p.u) * p.x, (0,)),
        "contract(u, x, terms=((0,), (0, 1)), out=(1,))",
    ),
    Case(
        "sum: sum_n", lambda p: total(p.x * p.v), "contract(x, v, terms=((0, 1), (1,)), out=(0,))"
    ),
    Case(
        "sum: sum_n",
        lambda p: total(p.x * p.v, (1,), True),
        "expand_dims(contract(x, v, terms=((0, 1), (1,)), out=(0,)), axis=(1,))",
    ),
    Case(
        "sum: sum_n",
        lambda p: total(p.u * p.u, (0,), True),
        "broadcast_to(contract(u, u, terms=((0,), (0,)), out=()), shape=(1,))",
    ),
    Case("transpose: f(s x)", lambda p: swap(p.s * p.x), "multiply(s, transpose(x, axes=(1, 0)))"),
    Case("transpose: f(s x)", lambda p: swap(-p.x), "negative(transpose(x, axes=(1, 0)))"),
    Case(
        "reshape: f(s x)",
        lambda p: op.reshape(p.s * p.x, shape=(p.x.shape[0] * p.x.shape[1],)),
        "multiply(s, reshape(x, shape=(12,)))",
    ),
    Case(
        "expand_dims: f(s x)", lambda p: column(p.s * p.u), "multiply(s, expand_dims(u, axis=(1,)))"
    ),
    Case(
        "squeeze: f(s x)",
        lambda p: op.squeeze(p.s * p.column, axis=(1,)),
        "multiply(s, squeeze(sum(x, axis=(1,), keepdims=True), axis=(1,)))",
        lambda p: {"column": total(p.x, (1,), True)},
    ),
    Case("transpose: (x^T)^T", lambda p: swap(swap(p.x)), "x"),
    Case("transpose: (x^T)^T", lambda p: op.transpose(p.x, axes=(0, 1)), "x"),
    Case(
        "add: reshape(x)",
        lambda p: in_a_row(p.x + p.v) + in_a_row(p.x * p.y),
        f"reshape(add(add(x, v), multiply(x, y)), shape=({N * C},))",
    ),
    Case(
        "transpose: (x^T)^T",
        lambda p: swap(matmul(p.x, p.w)),
        "contract(x, w, terms=((0, 1), (1, 2)), out=(2, 0))",
    ),
    Case(
        "reshape: reshape",
        lambda p: op.reshape(
            op.reshape(p.x, shape=(p.x.shape[1] * p.x.shape[0],)), shape=p.x.shape
        ),
        "x",
    ),
    Case("reshape: reshape", lambda p: op.reshape(column(p.u), shape=p.u.shape), "u"),
    Case(
        "reshape: reshape",
        lambda p: op.reshape(copies(p.s, p.u), shape=(p.x.shape[0], 1)),
        "broadcast_to(s, shape=(3, 1))",
    ),
    Case("expand_dims: expand", lambda p: column(total(p.x)), "sum(x, axis=(1,), keepdims=True)"),
    Case(
        "expand_dims: expand",
        lambda p: column(op.squeeze(p.column, axis=(1,))),
        "sum(x, axis=(1,), keepdims=True)",
        lambda p: {"column": total(p.x, (1,), True)},
    ),
    Case(
        "expand_dims: expand", lambda p: column(copies(p.s, p.u)), "broadcast_to(s, shape=(3, 1))"
    ),
    Case(
        "squeeze: squeeze",
        lambda p: op.squeeze(total(p.x, (1,), True), axis=(1,)),
        "sum(x, axis=(1,), keepdims=False)",
    ),
    Case("squeeze: squeeze", lambda p: op.squeeze(column(p.u), axis=(1,)), "u"),
    Case(
        "squeeze: squeeze",
        lambda p: (
            op.squeeze(p.s * column(p.u), axis=(1,)) * p.u
            + op.sum(p.s * column(p.u), axis=(0, 1), keepdims=False)
        ),
        "add(multiply(s, multiply(u, u)), sum(multiply(s, expand_dims(u, axis=(1,))), axis=(0, 1), "
        "keepdims=False))",
    ),
    Case(
        "contract: transposes",
        lambda p: matmul(swap(p.x), p.y),
        "contract(x, y, terms=((0, 1), (0, 2)), out=(1, 2))",
    ),
    Case(
        "contract: transposes",
        lambda p: matmul(-p.x, p.w),
        "negative(contract(x, w, terms=((0, 1), (1, 2)), out=(0, 2)))",
    ),
    Case(
        "contract: transposes",
        lambda p: outer(copies(p.s, p.u), p.x),
        "multiply(s, sum(x, axis=(0,), keepdims=False))",
    ),
    Case(
        "contract: transposes",
        lambda p: op.contract(copies(p.v, p.x), p.y, terms=((0, 1), (0, 2)), out=(1, 2)),
        "contract(v, sum(y, axis=(0,), keepdims=False), terms=((0,), (1,)), out=(0, 1))",
    ),
    Case(
        "contract: transposes",
        lambda p: matmul(copies(p.v, p.x), p.w),
        "broadcast_to(contract(v, w, terms=((0,), (0, 1)), out=(1,)), shape=(3, 4))",
    ),
    Case(
        "contract: transposes",
        lambda p: matmul(p.x, copies(column(p.v), p.w)),
        "broadcast_to(expand_dims(contract(x, v, terms=((0, 1), (1,)), out=(0,)), axis=(1,)), "
        "shape=(3, 4))",
    ),
    Case(
        "contract: 0 A",
        lambda p: matmul(p.x, zeros(p.w)),
        "zeros",
    ),
    Case(
        "contract: 0 A",
        lambda p: matmul(p.x, p.state),
        "zeros",
        lambda p: {"state": zeros(p.w)},
    ),
    Case(
        "contract: A B = (B^T A^T)^T",
        lambda p: op.contract(p.v, p.w, terms=((0,), (1, 0)), out=(1,)),
        "contract(w, v, terms=((0, 1), (1,)), out=(0,))",
        lambda p: {"known": op.contract(p.w, p.v, terms=((0, 1), (1,)), out=(0,))},
    ),
    Case("add_at: add_at(x, 0)", lambda p: op.add_at(p.x, zeros(p.u), rows(p), p.i, key=AT), "x"),
    Case("contract: I A", lambda p: matmul(p.x, identity(p.w)), "x"),
    Case("contract: I A", lambda p: matmul(identity(p.w), swap(p.x)), "transpose(x, axes=(1, 0))"),
    Case("contract: I A", lambda p: matmul(p.x, diagonal(p.v, p.w)), "multiply(x, v)"),
    Case(
        "contract: I A",
        lambda p: matmul(diagonal(p.v, p.w), swap(p.x)),
        "multiply(expand_dims(v, axis=(1,)), transpose(x, axes=(1, 0)))",
    ),
    Case(
        "index: diag(A B)",
        lambda p: op.index(outer_rows(p), *[places(p.w)] * 2, key=AT),
        "contract(x, y, terms=((0, 1), (0, 1)), out=(1,))",
    ),
    Case(
        "contract: transposes",
        lambda p: op.contract(copies(column(p.u), p.x), p.w, terms=((0, 1), (1, 2)), out=(0, 2)),
        "contract(u, sum(w, axis=(0,), keepdims=False), terms=((0,), (1,)), out=(0, 1))",
    ),
    Case("add: x + add_at", lambda p: p.x + one_hot(p.u, p), "add_at(x, u, rows, i)"),
    Case("add: x + add_at", lambda p: one_hot(p.u, p) + p.x, "add_at(x, u, rows, i)"),
    Case(
        "subtract: x - add_at", lambda p: p.x - one_hot(p.u, p), "add_at(x, negative(u), rows, i)"
    ),
    Case(
        "subtract: x - add_at", lambda p: one_hot(p.u, p) - p.x, "add_at(negative(x), u, rows, i)"
    ),
    Case(
        "add_at: add_at(0",
        lambda p: op.add_at(zeros(p.column), p.u, key=(ALL, 0)),
        "expand_dims(u, axis=(1,))",
        lambda p: {"column": total(p.x, (1,), True)},
    ),
    Case(
        "add_at: add_at(0",
        lambda p: op.add_at(
            zeros(op.full(shape=(1, 1), value=0.0, dtype=p.x.dtype.name)), p.s, key=(0, 0)
        ),
        "broadcast_to(s, shape=(1, 1))",
    ),
    Case(
        "add_at: add_at(s x",
        lambda p: op.add_at(p.s * p.x, -p.s, rows(p), p.i, key=AT),
        "multiply(s, add_at(x, -1, rows, i))",
    ),
    Case(
        "add_at: add_at(s x",
        lambda p: op.add_at((p.s / 3) * p.x, -p.s / 3, rows(p), p.i, key=AT),
        "multiply(divide(s, 3), add_at(x, -1, rows, i))",
    ),
    Case(
        "add_at: add_at(s x",
        lambda p: op.add_at(p.x, copies(p.s, p.u), rows(p), p.i, key=AT),
        "add_at(x, s, rows, i)",
    ),
    Case(
        "add_at: add_at(s x",
        lambda p: op.add_at(
            p.x, op.astype(number(p, 0.5), dtype=p.x.dtype.name), rows(p), p.i, key=AT
        ),
        "add_at(x, 0.5, rows, i)",
    ),
    Case("index: copies", lambda p: op.index(copies(p.s, p.x), key=(0, 0)), "s"),
    Case("index: copies", lambda p: op.index(op.put_at(p.u, p.s, key=(0,)), key=(0,)), "s"),
    Case(
        "add_at: add_at(0, v at rows",
        lambda p: op.add_at(zeros(p.w), p.y, p.i, key=("array", ALL)),
        "reshape(add_at(zeros, reshape(y, shape=(12,)), cells_of_rows(i, width=4), "
        "key=('array',)), shape=(4, 4))",
    ),
    Case("put_at: x with", lambda p: op.put_at(p.u, op.index(p.u, key=(0,)), key=(0,)), "u"),
    Case(
        "add_at: add_at(x with 0",
        lambda p: op.add_at(op.put_at(p.u, 0, key=(0,)), p.s, key=(0,)),
        "put_at(u, s, key=(0,))",
    ),
    Case(
        "index: copies",
        lambda p: op.index(op.put_at(op.put_at(p.z, p.s, key=(1,)), p.t, key=(2,)), key=(1,)),
        "s",
    ),
    Case(
        "index: copies",
        lambda p: op.index(op.put_at(p.z, p.s, key=(1,)), key=(0,)),
        "index(z, key=(0,))",
    ),
    Case("power: x**1", lambda p: p.x**1, "x"),
    Case("power: x**1", lambda p: p.x**2, "square(x)"),
    Case("power: x**1", lambda p: p.x**-1, "divide(1, x)"),
    Case("power: x**1", lambda p: p.x**2.0, "square(x)"),
    Case("astype: a value", lambda p: op.astype(p.x, dtype=p.x.dtype.name), "x"),
    Case("where: where(m, x, x)", lambda p: op.where(p.m, p.x, p.x), "x"),
    Case(
        "multiply: float32(s)",
        lambda p: p.x * op.astype(number(p, 0.3), dtype=p.x.dtype.name),
        "multiply(0.3, x)",
    ),
    Case(
        "divide: float32(s)",
        lambda p: op.astype(number(p, 0.3), dtype=p.x.dtype.name) / p.x,
        "divide(0.3, x)",
    ),
    Case(
        "add: float32(s)",
        lambda p: p.x + op.astype(number(p, 0.3), dtype=p.x.dtype.name),
        "add(x, 0.3)",
    ),
    Case(
        "subtract: float32(s)",
        lambda p: op.astype(number(p, 0.3), dtype=p.x.dtype.name) - p.x,
        "subtract(0.3, x)",
    ),
]


def windows_of(x):
    return op.windows(x, window=(2,), axis=(0,))


def added(x, value, **more):
    return with_windows_added(x, value, (2,), (0,), **more)


def one_a_window(x):
    return op.index(x, key=(slice(1, None, None),))


EVERY_SECOND = (slice(None, None, 2),)
OF_Z = "windows(z, window=(2,), axis=(0,))"
ADDED = "window=(2,), axis=(0,), spans=(2,)"
REST = "index(z, key=(slice(1, None, None),))"
WINDOWS = [
    Case("add_windows: add_windows(x, 0)", lambda p: added(p.z, zeros(windows_of(p.z))), "z"),
    Case(
        "add_windows: add_windows(x, add_at",
        lambda p: added(
            p.z,
            op.add_at(
                zeros(windows_of(p.z)),
                op.index(windows_of(p.z), key=EVERY_SECOND),
                key=EVERY_SECOND,
            ),
        ),
        f"add_windows(z, index({OF_Z}, key=(slice(None, None, 2),)), {ADDED}, "
        "key=(slice(None, None, 2),), alike=False)",
    ),
    Case(
        "add_windows: add_windows(x, v[..., None, None])",
        lambda p: added(p.z, copies(column(one_a_window(p.z)), windows_of(p.z))),
        f"add_windows(z, {REST}, {ADDED}, key=(), alike=True)",
    ),
    Case(
        "add_windows: add_windows(x, v[..., None, None])",
        lambda p: added(p.z, copies(p.s, windows_of(p.z))),
        f"add_windows(z, s, {ADDED}, key=(), alike=True)",
    ),
    Case(
        "add_windows: add_windows(x, (w == m",
        lambda p: added(
            p.z,
            op.equal(windows_of(p.z), column(op.max_in_windows(windows_of(p.z), window=(2,))))
            * column(one_a_window(p.z)),
        ),
        f"add_windows(z, {REST}, {OF_Z}, max_in_windows({OF_Z}, window=(2,)), {ADDED}, "
        "key=(), alike=True)",
    ),
    Case(
        "add: x + add_windows",
        lambda p: p.z + added(zeros(p.z), windows_of(p.z)),
        f"add_windows(z, {OF_Z}, {ADDED}, key=(), alike=False)",
    ),
]
CASES = [*ALGEBRA, *AXES, *WINDOWS]


def law_of(rule):
    return f"{rule.head}: {rule.law}"


@pytest.fixture
def fired(monkeypatch):
    """The laws that act, in order: ``head: law``."""
    acted = []

    def noted(rule):
        def rewrite(builder, operands, settings):
            found = rule.rewrite(builder, operands, settings)
            if found is not None:
                acted.append(law_of(rule))
            return found

        return rewrite

    rules = [replace(rule, rewrite=noted(rule)) for rule in RULES]
    monkeypatch.setattr(module, "RULES", tuple(rules))
    module.laws_for.cache_clear()
    yield acted
    module.laws_for.cache_clear()


def case_id(case):
    return f"{case.law}, {case.found}"


every_case = pytest.mark.parametrize("case", CASES, ids=case_id)


@every_case
@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
def test_a_law_finds(case, dtype, fired):
    assert text(simplified(case.program, case.own, dtype=dtype)) == case.found
    assert any(law.startswith(case.law) for law in fired)


def test_every_law_has_a_case(fired):
    for case in CASES:
        simplified(case.program, case.own)
    assert set(fired) == {law_of(rule) for rule in RULES}


@pytest.mark.parametrize("case", [c for c in CASES if c.own is nothing], ids=case_id)
def test_a_result_is_simplified_already(case):
    once = simplified(case.program)
    assert text(drop_dead(simplify(once, 0))) == text(once)


# --- values -----------------------------------------------------------------------------------


def arrays(dtype=FLOAT64, sizes=(N, C), seed=0):
    """Return random arrays for the inputs, none near zero."""
    rng = np.random.default_rng(seed)
    size = dict(zip("NC", sizes, strict=True)) | {"3": 3}
    found = []
    for name, (axes, kind) in INPUTS.items():
        shape = tuple(size[axis] for axis in axes)
        if kind is None:
            value = (rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)).astype(dtype)
        elif kind == BOOL:
            value = rng.random(shape) < 0.5
        else:
            value = rng.integers(0, size["C"], shape) if name == "i" else rng.integers(1, 9, shape)
        found.append(np.asarray(value)[()])
    return found


# As the emitted module calculates: Python's numbers stay Python's.
AS_WRITTEN = NUMPY | {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
}


def assert_same(before, after, dtype=FLOAT64, sizes=(N, C)):
    """Require the same values, shapes and dtypes of two graphs, run and by their avals."""
    inputs = arrays(dtype, sizes)
    wanted, found = evaluate(before, AS_WRITTEN, *inputs), evaluate(after, AS_WRITTEN, *inputs)
    close = {"rtol": 1e-12, "atol": 1e-12} if dtype == FLOAT64 else {"rtol": 1e-5, "atol": 1e-5}
    for w, f, x, y in zip(wanted, found, before.outputs, after.outputs, strict=True):
        w, f = np.asarray(w), np.asarray(f)
        assert (f.shape, f.dtype) == (w.shape, w.dtype)
        assert before.shapes.resolve_shape(after.aval(y).shape) == before.shapes.resolve_shape(
            before.aval(x).shape
        )
        assert after.aval(y).dtype == before.aval(x).dtype == f.dtype
        finite = np.isfinite(w)
        np.testing.assert_allclose(f[finite], w[finite], **close)


@every_case
@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["static", "symbolic"])
def test_a_law_keeps_value_shape_and_dtype(case, dtype, sizes, symbolic):
    before, start = build(case.program, case.own, sizes, dtype, symbolic)
    after = check(simplify(before, start))
    assert after.equations[:start] == before.equations[:start]
    assert_same(before, drop_dead(after), dtype, sizes)


# A scatter or a choice by size is no formula of scalars; their laws are checked by values.
FORMULAS = [case for case in ALGEBRA if not re.search("add_at|clip", case.found)]


@pytest.mark.parametrize("case", FORMULAS, ids=case_id)
def test_sympy_finds_both_sides_equal(case):
    before, start = build(case.program, case.own, (1, 2))
    after = drop_dead(simplify(before, start))
    given = [
        np.array(sp.symbols(f"{name}:{np.size(value)}"), object).reshape(np.shape(value))[()]
        if np.asarray(value).dtype == FLOAT64 or name == "k"
        else value
        for name, value in zip(INPUTS, arrays(sizes=(1, 2)), strict=True)
    ]
    table = SYMPY | {"full": lambda shape, value, dtype: np.full(shape, 0, object)}
    table["full_like"] = lambda x, value: np.full(np.shape(x), 0, object)
    (left,), (right,) = evaluate(before, table, *given), evaluate(after, table, *given)
    for a, b in zip(np.ravel(left), np.ravel(right), strict=True):
        assert sp.cancel(sp.nsimplify(a - b)) == 0


# Booleans, whole numbers and numbers that take the dtype of what they meet: NumPy's results stay.
OTHER_DTYPES = [
    lambda p: p.m + p.m,
    lambda p: p.m + (p.m + op.greater(p.x, 0)),
    lambda p: p.s * p.m + p.s * op.greater(p.x, 0),
    lambda p: p.s * small(p) + p.s * small(p, "y"),
    lambda p: small(p) * (p.t * small(p, "y")),
    lambda p: 0 - p.m,
    lambda p: op.full(shape=p.x.shape, value=0, dtype="int64") - p.m,
    lambda p: -(p.b * p.x),
    lambda p: -(p.m * p.x),
    lambda p: -(byte(p.k) * p.x),
    lambda p: -(2 * byte(p.j)),
    lambda p: -op.where(p.m, p.m, 0),
    lambda p: -op.where(p.m, byte(p.j), 0.0),
    lambda p: p.x * -byte(p.j),
    lambda p: p.x + -byte(p.j),
    lambda p: p.x - -byte(p.j),
    lambda p: -byte(p.j) / p.x,
    lambda p: total(-byte(p.j)),
    lambda p: p.x * (p.m / op.equal(p.m, p.m)),
    lambda p: op.where(p.m, p.j, 0.0) * p.j,
    lambda p: op.where(p.m, 2.0, 0) * p.x,
    lambda p: p.x * op.astype(number(p, 0.3), dtype="float32"),
    lambda p: p.x * op.astype(number(p, 2.5), dtype="int64"),
    lambda p: p.x + op.astype(number(p, 2.5), dtype="int64"),
    lambda p: op.astype(op.as_float(number(p, 3)), dtype="float64") * p.x,
    lambda p: op.multiply(np.float64(1), op.as_float(p.k)) * p.x,
    lambda p: -1.0 * p.j,
    lambda p: 1.0 * p.j,
    lambda p: 1 * p.m,
    lambda p: p.j / 1,
    lambda p: p.j + 0.0,
    lambda p: p.j**1.0,
    lambda p: p.j**-1.0,
    lambda p: p.m**2,
    lambda p: (1.0 * p.k) * p.j,
    lambda p: (1.0 * p.j) / p.k,
    lambda p: total(copies(op.astype(p.k, dtype="int32"), p.x)),
    lambda p: total(copies(p.b, p.x)),
    lambda p: total(p.m, ()),
    lambda p: total(op.astype(p.j, dtype="int32"), ()),
    lambda p: total(column(op.equal(p.i, 0))),
    lambda p: total(column(op.equal(p.i, 0)), (1,), True),
    lambda p: total(p.j * p.i.builder.wrap(p.k.symbol)),
    lambda p: total(
        op.full(shape=p.x.shape, value=0, dtype="int32") + op.astype(p.j, dtype="int32")
    ),
    lambda p: total(scatter_of("int32", op.astype(p.i, dtype="int32"), p)),
    lambda p: outer(copies(number(p, 2.0), p.u), p.x),
    lambda p: p.x - one_hot(op.equal(p.i, 0), p),
    lambda p: p.x - one_hot(byte(p.i), p),
    lambda p: p.x + one_hot(byte(p.i), p),
    lambda p: -one_hot(op.equal(p.i, 0), p),
    lambda p: op.add_at(p.s * p.m, -p.s, rows(p), p.i, key=AT),
    lambda p: op.add_at(p.x, op.astype(number(p, 2.5), dtype="int64"), rows(p), p.i, key=AT),
    lambda p: op.add_at(
        op.full(shape=(p.x.shape[0], 1), value=0.0, dtype="float64"), p.u, key=(ALL, 0)
    ),
    lambda p: op.add_at(op.full(shape=(1,), value=0.0, dtype="float32"), 2.0, key=(0,)),
    lambda p: op.index(op.put_at(p.u, 2.0, key=(0,)), key=(0,)),
    lambda p: op.index(op.put_at(p.i, 2.5, key=(0,)), key=(0,)),
]


def small(p, name="x"):
    """Return numbers that fit eight bits, though neither their sum nor their product does."""
    return op.astype(p.j + (100 if name == "x" else 90), dtype="int8")


def byte(x):
    return op.astype(x, dtype="uint8")


def scatter_of(dtype, value, p):
    return op.add_at(op.full(shape=p.x.shape, value=0, dtype=dtype), value, rows(p), p.i, key=AT)


@pytest.mark.parametrize("program", OTHER_DTYPES, ids=lambda f: text(build(f)[0]))
@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
def test_other_dtypes_keep_numpys_result(program, dtype):
    before, start = build(program, dtype=dtype)
    assert_same(before, drop_dead(simplify(before, start)), dtype)


# --- what only looks like a law ---------------------------------------------------------------


def both(first, second):
    """Return a program with two results, which may read the same equations."""
    return lambda p: (first(p), second(p))


LEFT_ALONE = [
    # A limit that may be negative: then the left side of the law is another number.
    lambda p: op.where(op.less_equal(op.absolute(p.x), p.s), p.x, p.s * op.sign(p.x)),
    lambda p: op.where(op.less_equal(op.absolute(p.x), -0.7), p.x, -0.7 * op.sign(p.x)),
    lambda p: op.where(op.less_equal(op.absolute(p.x), 0.7), p.x, 0.6 * op.sign(p.x)),
    lambda p: op.where(op.less_equal(op.absolute(p.y), 0.7), p.x, 0.7 * op.sign(p.x)),
    lambda p: 2 * p.x,
    lambda p: 2 / p.x,
    lambda p: 1 / p.x,
    lambda p: p.x / 2,
    lambda p: p.x - 1,
    lambda p: p.x + 1,
    lambda p: number(p, 1) / 0,
    lambda p: p.x / p.x,
    lambda p: p.x + p.y,
    lambda p: p.x + op.full(shape=p.x.shape, value=1.0, dtype=p.x.dtype.name),
    lambda p: p.v + op.full(shape=p.x.shape, value=0.0, dtype=p.x.dtype.name),  # a row no more
    lambda p: op.add(p.s, op.full(shape=p.x.shape, value=0.0, dtype=p.x.dtype.name)),
    # Two scalars, two masks, two arrays.
    lambda p: p.s * p.x + p.t * p.y,
    lambda p: p.s * p.x - p.t * p.y,
    lambda p: op.where(p.m, p.x, 0) + op.where(op.greater(p.x, 0), 0, p.y),
    lambda p: op.where(p.m, p.x, 1) + op.where(p.m, 1, p.y),
    lambda p: op.where(p.m, p.x, 1) * p.y,
    lambda p: p.y / op.where(p.m, p.x, 0),
    lambda p: op.where(p.m, p.x, p.y),
    lambda p: op.add_at(p.s * p.x, p.t, rows(p), p.i, key=AT),
    lambda p: op.add_at(p.s * p.x, p.u, rows(p), p.i, key=AT),
    # A factor that another equation reads is not taken apart.
    both(lambda p: p.s * p.x + p.s * p.y, lambda p: p.s * p.x),
    both(lambda p: (p.s * p.x) / p.t, lambda p: p.s * p.x),
    both(lambda p: p.x + (p.x + p.y), lambda p: p.x + p.y),
    both(lambda p: p.x * (p.v / p.y), lambda p: p.v / p.y),
    both(lambda p: swap(p.s * p.x), lambda p: p.s * p.x),
    # A smaller quotient is cheaper as it is.
    lambda p: p.x * (p.v / (p.v + 1)),
    # Other axes.
    lambda p: total(p.x, (0,), True),
    lambda p: op.expand_dims(total(p.x, (0,)), axis=(1,)),
    lambda p: total(p.x * p.v, (0,)),
    lambda p: total(column(p.u) * p.x),
    lambda p: total(copies(p.v, p.x)),
    lambda p: total(copies(column(p.u), p.x), (0,)),
    lambda p: total(column(p.u), (0,)),
    lambda p: total(one_hot(p.u, p), (0,)),
    lambda p: column(p.u) * p.x,
    lambda p: swap(p.x),
    lambda p: op.transpose(op.expand_dims(p.x, axis=(2,)), axes=(1, 2, 0)),
    lambda p: copies(column(p.u), p.x),
    lambda p: matmul(p.x, op.eye(n=p.w.shape[0], m=p.w.shape[1], k=1, dtype=p.w.dtype.name)),
    lambda p: op.index(outer_rows(p), p.i, p.i, key=AT),
    # A label twice: rows of the diagonal, not rows.
    lambda p: op.contract(copies(p.v, p.w), terms=((0, 0),), out=(0,)),
    # Places that may be meant twice, or are others.
    lambda p: total(op.add_at(zeros(p.x), p.u, p.i, p.i, key=AT)),
    lambda p: total(op.add_at(p.x, p.u, rows(p), p.i, key=AT)),
    lambda p: op.add_at(zeros(p.x), p.u, key=(ALL, 0)),
    lambda p: op.add_at(zeros(p.x), p.s, key=(0, 0)),
    lambda p: op.add_at(p.one, p.u, key=(ALL, 0)),
    lambda p: p.v + op.add_at(zeros(p.x), p.u, rows(p), p.i, key=AT),
    lambda p: op.index(copies(p.v, p.x), key=(0, 0)),
    lambda p: op.index(copies(p.s, p.x), key=(0,)),
    lambda p: op.index(op.put_at(p.z, p.s, key=(2,)), key=(-1,)),
    lambda p: op.index(op.put_at(p.z, p.s, key=(slice(0, 2),)), key=(1,)),
    lambda p: op.index(op.put_at(p.x, p.s, key=(0,)), key=(0,)),
    # Other numbers.
    lambda p: p.x**3,
    lambda p: p.x**0.5,
    lambda p: p.x**-2,
    lambda p: op.power(p.x, p.s),
    lambda p: op.astype(p.x, dtype="float16"),
    lambda p: op.astype(p.s, dtype="float16") * p.x,
    # A factor of size 1 is an array: it adds axes.
    lambda p: (p.one * p.y) * p.x,
]


def with_one(p):
    return {"one": total(p.x, (1,), True)}


@pytest.mark.parametrize("program", LEFT_ALONE, ids=lambda f: text(build(f, with_one)[0]))
@pytest.mark.parametrize("symbolic", [False, True], ids=["static", "symbolic"])
def test_what_only_looks_like_a_law_is_left_alone(program, symbolic):
    before, start = build(program, with_one, symbolic=symbolic)
    assert text(drop_dead(simplify(before, start))) == text(before)


USERS_OWN = [
    (lambda p: {"n": -p.x}, lambda p: p.y + p.n),
    (lambda p: {"n": -p.x}, lambda p: p.y * p.n),
    (lambda p: {"n": 2 * p.x}, lambda p: -p.n),
    (lambda p: {"n": p.x - p.y}, lambda p: -p.n),
    (lambda p: {"n": p.s * p.x}, lambda p: p.t * p.n),
    (lambda p: {"n": p.x / p.y}, lambda p: p.y * p.n),
    (lambda p: {"n": p.x + p.y}, lambda p: p.x + p.n),
    (lambda p: {"n": copies(p.v, p.x)}, lambda p: p.n + p.x),
    (lambda p: {"n": total(p.x)}, lambda p: column(p.n)),
    (lambda p: {"n": p.x * p.v}, lambda p: total(p.n)),
    (lambda p: {"n": one_hot(p.u, p)}, lambda p: p.x + p.n),
]


@pytest.mark.parametrize(("own", "program"), USERS_OWN)
def test_the_users_own_equation_is_not_taken_apart(own, program):
    before, start = build(program, own)
    assert text(drop_dead(simplify(before, start))) == text(before)


@every_case
def test_the_users_own_equations_stay_as_they_are(case):
    before, _ = build(case.program, case.own)
    after = simplify(before, len(before.equations))
    assert after.equations == before.equations
    assert after.outputs == before.outputs


COTANGENTS = [
    (lambda s, ct: ct * s, "multiply(s, ct)"),
    (lambda s, ct: s * ct, "multiply(s, ct)"),
    (lambda s, ct: ct * (s * 2), "multiply(multiply(2, s), ct)"),
    (lambda s, ct: ct * 2 * s, "multiply(multiply(2, s), ct)"),
    (lambda s, ct: -ct * s, "negative(multiply(s, ct))"),
    (lambda s, ct: (ct * s) * 0.5, "multiply(multiply(0.5, s), ct)"),
]


@pytest.mark.parametrize(("program", "found"), COTANGENTS)
def test_the_cotangent_stands_last_in_a_product(program, found):
    builder = Builder()
    s, ct = (builder.wrap(builder.input(Aval((), FLOAT64, "numpy"), n)) for n in ("s", "ct"))
    graph = builder.graph([program(s, ct).symbol])
    assert text(drop_dead(simplify(graph, 0, seeds=1))) == found


def test_laws_are_not_asked_about_what_nobody_reads(fired):
    before, start = build(lambda p: (p.x * p.y, 1 * p.x)[0])
    after = simplify(before, start)
    assert len(after.equations) == 1
    assert not fired


# --- termination ------------------------------------------------------------------------------

MOST_EQUATIONS = 8  # bound for one of the input, those that nobody reads included
HEADS = ["add", "subtract", "multiply", "divide", "negative", "copy", "where", "sum", "expand"]
NUMBERS = [0, 1, 2, -1, 0.5, -3]


def fraction(number):
    return Fraction(number).limit_denominator(10**6)  # a folded 1 / 3 means a third


def exactly(operation):
    return np.frompyfunc(operation, 2, 1)


EXACT = NUMPY | {
    "literal": fraction,
    "divide": exactly(lambda a, b: Fraction(a) / Fraction(b)),
    "size": lambda of: Fraction(of),
    "full": lambda shape, value, dtype: np.full(shape, fraction(value), object),
}


@st.composite
def steps(draw):
    place = st.integers(0, 60)
    step = st.tuples(st.sampled_from(HEADS), place, place, place)
    return draw(st.lists(step, min_size=1, max_size=14))


def random_program(steps):
    def program(p):
        values = [p.x, p.y, p.v, p.one, p.s, p.t, *(number(p, n) for n in NUMBERS)]
        for head, *places in steps:
            a, b, c = (values[k % len(values)] for k in places)
            if head == "copy":
                values.append(op.broadcast_to(a, shape=p.x.shape) if a.ndim < 3 else -a)
            elif head == "expand":
                values.append(op.expand_dims(a, axis=(0,)) if a.ndim < 3 else -a)
            elif head == "where":
                values.append(op.where(p.m, a, b))
            elif head == "sum":
                axes = tuple(range(a.ndim)) if c.ndim < 2 else (a.ndim - 1,) * (a.ndim > 0)
                values.append(total(a, axes, bool(axes)) if axes else -a)
            elif head == "negative":
                values.append(-a)
            else:
                values.append(p.x.builder.apply(head, a, b))
        return tuple(values[-2:])

    return program


@settings(max_examples=200, deadline=None)
@given(steps(), st.booleans())
def test_simplify_ends_and_keeps_the_value(steps, symbolic):
    before, start = build(random_program(steps), with_one, symbolic=symbolic)
    after = simplify(before, start)
    new = len(before.equations) - start
    assert len(after.equations) - start <= MOST_EQUATIONS * (new + 1)
    rng = np.random.default_rng(len(steps))
    given = [
        exact(rng.integers(1, 30, np.shape(value))) if np.asarray(value).dtype == FLOAT64 else value
        for value in arrays()
    ]
    try:
        wanted = evaluate(before, EXACT, *given)
    except ZeroDivisionError:
        return  # a law may fill a hole
    for w, f in zip(wanted, evaluate(drop_dead(after), EXACT, *given), strict=True):
        assert np.shape(f) == np.shape(w)
        assert np.all(np.asarray(f) == np.asarray(w))


def ops_of(program):
    before, start = build(program)
    return Counter(eqn.rhs.name for eqn in drop_dead(simplify(before, start)).equations)


def test_what_several_read_is_negated_once():
    def program(p):
        v = -(p.x / p.y)
        return op.exp(v), v * p.x, op.sum(v, axis=(0,))

    assert ops_of(program) == {"divide": 1, "negative": 1, "exp": 1, "multiply": 1, "sum": 1}


def test_a_sign_leaves_what_others_read_without_it():
    def program(p):
        v = p.x / p.y
        return v * p.x, op.sum(-v, axis=(0,)), op.exp(-v)

    assert ops_of(program)["negative"] == 2  # of the sum, and of what exp takes


def test_a_product_that_others_read_is_summed_and_not_taken_apart():
    def scaled(p):
        return p.x * op.expand_dims(p.u * p.s, axis=(1,))

    def program(p):
        v = scaled(p)
        return op.sum(v, axis=(0,)), op.exp(v)

    assert ops_of(program)["sum"] == 1
    assert ops_of(lambda p: op.sum(scaled(p), axis=(0,)))["sum"] == 0


LONG = {
    "t v": lambda p, v: p.t * v,
    "v t": lambda p, v: v * p.t,
    "v v": lambda p, v: v * v,
    "x v": lambda p, v: p.x * v,
    "-v": lambda p, v: -v,
    "-(v x)": lambda p, v: -(v * p.x),
    "v + v": lambda p, v: v + v,
    "v + s x": lambda p, v: v + p.s * p.x,
    "x - v": lambda p, v: p.x - v,
    "x / v": lambda p, v: p.x / v,
    "v (v / y)": lambda p, v: v * (v / p.y),
    "where(m, v, 0) x": lambda p, v: op.where(p.m, v, 0) * p.x,
    "(s v) / t": lambda p, v: p.s * v / p.t,
    "copies of v": lambda p, v: copies(v, p.x) + p.s,
}


REGROUPED = ["t v", "where(m, v, 0) x", "(s v) / t"]  # anew at each step, so shorter here


@pytest.mark.parametrize("name", LONG)
def test_a_long_program_is_no_deeper_than_the_stack(name):
    def program(p):
        value = p.s
        for _ in range(200 if name in REGROUPED else 1200):
            value = LONG[name](p, value)
        return value

    before, start = build(program)
    after = simplify(before, start)
    assert len(after.equations) <= DEEPEST_CHAIN * len(before.equations)
    assert len(drop_dead(after).equations) <= len(before.equations)


def exact(whole):
    return np.frompyfunc(lambda n: Fraction(int(n), 7), 1, 1)(whole)
