"""What each law of `simplify` turns into what, where it must not act, and that all are true."""

from collections import Counter
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
from symgrad.ops.contraction import contract
from symgrad.simplify import RULES, simplify

FLOAT32 = np.dtype(np.float32)
N, C = 3, 4
SIZES = [(3, 4), (1, 4), (3, 1), (1, 1)]

# What every program of this file is given: matrices x, y, a column of a matrix u, a row v,
# scalars s, t, a label a row i, and what compares as true.
INPUTS = {
    "x": ("NC", None),
    "y": ("NC", None),
    "w": ("CC", None),
    "u": ("N", None),
    "v": ("C", None),
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
    size = dict(zip("NC", sizes, strict=True))
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


def text(graph):
    return "; ".join(formula(graph, y) for y in graph.outputs)


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


def one_hot(value, p):
    return op.add_at(zeros(p.x), value, rows(p), p.i, key=AT)


ALGEBRA = [
    Case("add: arithmetic of numbers", lambda p: (number(p, 2) + 3) * p.x, "multiply(5, x)"),
    Case("subtract: arithmetic of numbers", lambda p: (number(p, 2) - 3.5) * p.x, "?"),
    Case("multiply: arithmetic of numbers", lambda p: (number(p, 2) * 0.5) * p.x, "?"),
    Case("divide: arithmetic of numbers", lambda p: (number(p, 2) / 4) * p.x, "?"),
    Case("negative: arithmetic of numbers", lambda p: -number(p, 2) * p.x, "?"),
    Case("multiply: 1 x", lambda p: 1 * p.x, "x"),
    Case("multiply: 1 x", lambda p: p.x * 1.0, "x"),
    Case("multiply: 1 x", lambda p: -1 * p.x, "negative(x)"),
    Case("multiply: 1 x", lambda p: p.s * (-1.0 * p.x), "negative(multiply(s, x))"),
    Case("multiply: (1.0 n)", lambda p: (1.0 * p.k) * p.s, "?"),
    Case("divide: (1.0 n)", lambda p: (1.0 * p.k) / p.s, "?"),
    Case("divide: x / 1", lambda p: p.x / 1, "x"),
    Case("divide: x / 1", lambda p: p.x / 1.0, "x"),
    Case("negative: -(-x)", lambda p: -(-p.x), "x"),
    Case("negative: -(-x)", lambda p: -(p.x - p.y), "subtract(y, x)"),
    Case("negative: -(-x)", lambda p: -(2 * p.x), "multiply(-2, x)"),
    Case("negative: -(-x)", lambda p: -(2 / p.x), "divide(-2, x)"),
    Case("negative: -(-x)", lambda p: -(p.s * p.x), "multiply(negative(s), x)"),
    Case("negative: -(-x)", lambda p: -op.where(p.m, p.x, 0), "where(m, negative(x), 0)"),
    Case("negative: -(-x)", lambda p: -op.where(p.m, 0, p.x), "where(m, 0, negative(x))"),
    Case("negative: -(-x)", lambda p: -copies(p.v, p.x), "?"),
    Case("negative: -(-x)", lambda p: -one_hot(p.u, p), "?"),
    Case("multiply: (-a) b", lambda p: -p.x * p.y, "negative(multiply(x, y))"),
    Case("multiply: (-a) b", lambda p: p.y * -p.x, "negative(multiply(y, x))"),
    Case("multiply: (-a) b", lambda p: -p.x * -p.y, "multiply(x, y)"),
    Case("divide: (-a) / b", lambda p: -p.x / p.y, "negative(divide(x, y))"),
    Case("divide: (-a) / b", lambda p: p.x / -p.y, "negative(divide(x, y))"),
    Case("divide: (-a) / b", lambda p: -p.x / p.s, "negative(divide(x, s))"),
    Case("add: x + 0", lambda p: p.x + 0, "x"),
    Case("add: x + 0", lambda p: zeros(p.x) + p.x, "x"),
    Case("add: x + 0", lambda p: p.x + zeros_like(p.x), "x"),
    Case("add: x + 0", lambda p: p.x + p.x, "multiply(2, x)"),
    Case("add: x + 0", lambda p: p.x + -p.y, "subtract(x, y)"),
    Case("add: x + 0", lambda p: -p.x + p.y, "subtract(y, x)"),
    Case("add: x + 0", lambda p: p.x + -2 * p.y, "subtract(x, multiply(2, y))"),
    Case("add: x + 0", lambda p: p.x + (-p.s) * p.y, "subtract(x, multiply(s, y))"),
    Case("add: where", lambda p: op.where(p.m, p.x, 0) + op.where(p.m, 0, p.y), "where(m, x, y)"),
    Case("add: where", lambda p: op.where(p.m, 0, p.x) + op.where(p.m, p.y, 0), "where(m, y, x)"),
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
    Case("multiply: s (t x)", lambda p: p.s * (p.t * p.x), "multiply(multiply(s, t), x)"),
    Case("multiply: s (t x)", lambda p: (p.t * p.x) * p.y, "multiply(t, multiply(y, x))"),
    Case("multiply: s (t x)", lambda p: p.x * (p.t * p.y), "multiply(t, multiply(x, y))"),
    Case("multiply: s (t x)", lambda p: p.x * p.s, "multiply(s, x)"),
    Case("multiply: s (t x)", lambda p: 2 * (0.5 * p.x * 3), "multiply(3.0, x)"),
    Case("multiply: s (t x)", lambda p: p.s * (2 * p.t), "multiply(multiply(2, s), t)"),
    Case("divide: (s x) / t", lambda p: (p.s * p.x) / p.t, "multiply(divide(s, t), x)"),
    Case("divide: (s x) / t", lambda p: (p.s * p.x) / p.y, "multiply(s, divide(x, y))"),
    Case("multiply: a (b / c)", lambda p: p.x * (p.v / p.y), "divide(multiply(x, v), y)"),
    Case("multiply: a (b / c)", lambda p: (1 / p.y) * p.x, "divide(x, y)"),
    Case("multiply: a (b / c)", lambda p: p.s * (p.t / p.s), "divide(multiply(s, t), s)"),
    Case("multiply: f(copies", lambda p: copies(p.s, p.x) * p.x, "multiply(s, x)"),
    Case("divide: f(copies", lambda p: p.x / copies(p.v, p.x), "divide(x, v)"),
    Case("add: f(copies", lambda p: p.x + op.expand_dims(p.v, axis=(0,)), "add(x, v)"),
    Case("add: f(copies", lambda p: copies(p.s, p.x) + p.v, "?"),
    Case("subtract: f(copies", lambda p: copies(p.v, p.x) - p.x, "subtract(v, x)"),
]
AXES = [
    Case("multiply: where", lambda p: op.where(p.m, p.x, 0) * p.y, "where(m, multiply(x, y), 0)"),
    Case("multiply: where", lambda p: p.y * op.where(p.m, 0, p.x), "where(m, 0, multiply(y, x))"),
    Case("multiply: where", lambda p: p.s * op.where(p.m, p.x, 0), "where(m, multiply(s, x), 0)"),
    Case("divide: where", lambda p: op.where(p.m, p.x, 0) / p.y, "where(m, divide(x, y), 0)"),
    Case("where: f(copies", lambda p: op.where(p.m, copies(p.s, p.x), p.x), "where(m, s, x)"),
    Case("where: f(copies", lambda p: op.where(p.m, copies(p.v, p.x), 0), "where(m, v, 0)"),
    Case("broadcast_to: a copy", lambda p: copies(p.x, p.x), "x"),
    Case("broadcast_to: a copy", lambda p: copies(copies(p.s, p.v), p.x), "?"),
    Case("broadcast_to: a copy", lambda p: copies(op.expand_dims(p.v, axis=(0,)), p.x), "?"),
    Case("sum: sum of copies", lambda p: total(copies(p.s, p.x), (0, 1)), "multiply(12, s)"),
    Case("sum: sum of copies", lambda p: total(copies(p.v, p.x), (0,)), "multiply(3, v)"),
    Case("sum: sum of copies", lambda p: total(copies(p.v, p.x), (0, 1)), "?"),
    Case("sum: sum of copies", lambda p: total(copies(p.v, p.x), (0, 1), True), "?"),
    Case("sum: sum of copies", lambda p: total(copies(column(p.u), p.x)), "?"),
    Case("sum: sum(-x)", lambda p: total(-p.x), "negative(sum(x, axis=(1,), keepdims=False))"),
    Case("sum: sum(-x)", lambda p: total(p.s * p.x), "?"),
    Case("sum: sum(-x)", lambda p: total(p.x, ()), "x"),
    Case("sum: sum over a new", lambda p: total(column(p.u)), "u"),
    Case("sum: sum over a new", lambda p: total(column(p.u), (1,), True), "?"),
    Case("sum: sum(add_at", lambda p: total(one_hot(p.u, p)), "u"),
    Case("sum: sum(add_at", lambda p: total(one_hot(p.u, p), (1,), True), "?"),
    Case("sum: sum(add_at", lambda p: total(one_hot(p.u, p), (0, 1)), "?"),
    Case("sum: sum(add_at", lambda p: total(one_hot(p.s, p)), "?"),
    Case("sum: sum_n", lambda p: total(column(p.u) * p.x, (0,)), "?"),
    Case("sum: sum_n", lambda p: total(p.x * p.v), "?"),
    Case("sum: sum_n", lambda p: total(p.x * p.v, (1,), True), "?"),
    Case("sum: sum_n", lambda p: total(p.u * p.u, (0,), True), "?"),
    Case("transpose: f(s x)", lambda p: swap(p.s * p.x), "?"),
    Case("transpose: f(s x)", lambda p: swap(-p.x), "?"),
    Case("reshape: f(s x)", lambda p: op.reshape(p.s * p.x, shape=(p.x.shape[0] * p.x.shape[1],)), "?"),
    Case("expand_dims: f(s x)", lambda p: column(p.s * p.u), "?"),
    Case("squeeze: f(s x)", lambda p: op.squeeze(p.s * p.column, axis=(1,)), "?", lambda p: {"column": total(p.x, (1,), True)}),
    Case("transpose: (x^T)^T", lambda p: swap(swap(p.x)), "x"),
    Case("transpose: (x^T)^T", lambda p: op.transpose(p.x, axes=(0, 1)), "x"),
    Case("transpose: (x^T)^T", lambda p: swap(matmul(p.x, p.w)), "?"),
    Case("reshape: reshape", lambda p: op.reshape(op.reshape(p.x, shape=(p.x.shape[1] * p.x.shape[0],)), shape=p.x.shape), "x"),
    Case("reshape: reshape", lambda p: op.reshape(column(p.u), shape=p.u.shape), "u"),
    Case("reshape: reshape", lambda p: op.reshape(copies(p.s, p.u), shape=(p.x.shape[0], 1)), "?"),
    Case("expand_dims: expand", lambda p: column(total(p.x)), "sum(x, axis=(1,), keepdims=True)"),
    Case("expand_dims: expand", lambda p: column(op.squeeze(p.column, axis=(1,))), "sum(x, axis=(1,), keepdims=True)", lambda p: {"column": total(p.x, (1,), True)}),
    Case("expand_dims: expand", lambda p: column(copies(p.s, p.u)), "?"),
    Case("squeeze: squeeze", lambda p: op.squeeze(total(p.x, (1,), True), axis=(1,)), "?"),
    Case("squeeze: squeeze", lambda p: op.squeeze(column(p.u), axis=(1,)), "u"),
    Case("contract: transposes", lambda p: matmul(swap(p.x), p.y), "?"),
    Case("contract: transposes", lambda p: matmul(-p.x, p.w), "?"),
    Case("contract: transposes", lambda p: outer(copies(p.s, p.u), p.x), "?"),
    Case(
        "contract: transposes",
        lambda p: op.contract(copies(p.v, p.x), p.y, terms=((0, 1), (0, 2)), out=(1, 2)),
        "?",
    ),
    Case(
        "contract: transposes",
        lambda p: op.contract(copies(column(p.u), p.x), p.w, terms=((0, 1), (1, 2)), out=(0, 2)),
        "?",
    ),
    Case("add: x + add_at", lambda p: p.x + one_hot(p.u, p), "?"),
    Case("add: x + add_at", lambda p: one_hot(p.u, p) + p.x, "?"),
    Case("subtract: x - add_at", lambda p: p.x - one_hot(p.u, p), "?"),
    Case("subtract: x - add_at", lambda p: one_hot(p.u, p) - p.x, "?"),
    Case("add_at: add_at(0", lambda p: op.add_at(zeros(p.column), p.u, key=(ALL, 0)), "?", lambda p: {"column": total(p.x, (1,), True)}),
    Case("add_at: add_at(0", lambda p: op.add_at(zeros(op.full(shape=(1, 1), value=0.0, dtype=p.x.dtype.name)), p.s, key=(0, 0)), "?"),
    Case("add_at: add_at(s x", lambda p: op.add_at(p.s * p.x, -p.s, rows(p), p.i, key=AT), "?"),
    Case("add_at: add_at(s x", lambda p: op.add_at((p.s / 3) * p.x, -p.s / 3, rows(p), p.i, key=AT), "?"),
    Case("add_at: add_at(s x", lambda p: op.add_at(p.x, copies(p.s, p.u), rows(p), p.i, key=AT), "?"),
    Case("add_at: add_at(s x", lambda p: op.add_at(p.x, op.astype(number(p, 0.5), dtype=p.x.dtype.name), rows(p), p.i, key=AT), "?"),
    Case("index: copies", lambda p: op.index(copies(p.s, p.x), key=(0, 0)), "s"),
    Case("index: copies", lambda p: op.index(op.put_at(p.u, p.s, key=(0,)), key=(0,)), "s"),
    Case("index: copies", lambda p: op.index(op.put_at(op.put_at(p.v, p.s, key=(1,)), p.t, key=(2,)), key=(1,)), "s"),
    Case("index: copies", lambda p: op.index(op.put_at(p.v, p.s, key=(1,)), key=(0,)), "index(v, key=(0,))"),
    Case("power: x**1", lambda p: p.x**1, "x"),
    Case("power: x**1", lambda p: p.x**2, "square(x)"),
    Case("power: x**1", lambda p: p.x**-1, "divide(1, x)"),
    Case("power: x**1", lambda p: p.x**2.0, "square(x)"),
    Case("astype: a value", lambda p: op.astype(p.x, dtype=p.x.dtype.name), "x"),
    Case("where: where(m, x, x)", lambda p: op.where(p.m, p.x, p.x), "x"),
    Case("multiply: float32(s)", lambda p: p.x * op.astype(number(p, 0.3), dtype=p.x.dtype.name), "multiply(0.3, x)"),
    Case("divide: float32(s)", lambda p: op.astype(number(p, 0.3), dtype=p.x.dtype.name) / p.x, "divide(0.3, x)"),
    Case("add: float32(s)", lambda p: p.x + op.astype(number(p, 0.3), dtype=p.x.dtype.name), "?"),
    Case("subtract: float32(s)", lambda p: op.astype(number(p, 0.3), dtype=p.x.dtype.name) - p.x, "?"),
]
CASES = [*ALGEBRA, *AXES]
