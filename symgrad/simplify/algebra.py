"""Laws of arithmetic: numbers, units, signs, sums, scalar factors, quotients, powers."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.differentiate import zeros
from symgrad.graph import OPS, Op, Operand, Static, Sym, Value, size_value
from symgrad.ops.table import op
from symgrad.simplify.reading import (
    is_known_zeros,
    is_scalar,
    is_signed,
    is_zeros,
    literal_of,
    mask_and_value,
    not_weak,
    scalar_and_array,
    scatter_into_zeros,
    sign_to_move,
    subtractable,
    value_of,
    where_mask,
    without_sign,
)
from symgrad.simplify.rule import NUMBER, Rewrite, Rule, declaring
from symgrad.simplify.simplifier import Simplifier

RULES: list[Rule] = []
rule = declaring(RULES)

_FOLD: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
}


def _fold(b: Simplifier, operands: tuple[Operand, ...], head: str) -> Operand | None:
    values = [x.value for x in operands if type(x) is Static and type(x.value) in (int, float)]
    if len(values) < len(operands):
        return None
    if head == "divide" and values[1] == 0:
        return None
    return Static(_FOLD[head](*values))


for _head in _FOLD:
    rule(_head, "arithmetic of numbers", NUMBER)(
        functools.partial(lambda b, xs, _, head: _fold(b, xs, head), head=_head)
    )


# --- signs and units ------------------------------------------------------------------------


@rule("multiply", "1 x = x", NUMBER)
def _one(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for one, x in (xs, xs[::-1]):
        if literal_of(one) == 1:
            return x
        if literal_of(one) == -1 and b.aval(x).inexact:  # NumPy negates no booleans
            return (-value_of(b, x)).symbol
    return None


@rule("multiply", "0 x = 0", NUMBER, "full", "full_like", "broadcast_to")
def _zero_product(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    is_zero = any(literal_of(x) == 0 or is_known_zeros(b, x) for x in xs)
    return zeros(b, b.infer(OPS["multiply"], xs, ())[0]).symbol if is_zero else None


@rule("negative", "-0 = 0", NUMBER, "full", "full_like", "broadcast_to")
def _zero_negated(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    return xs[0] if literal_of(xs[0]) == 0 or is_zeros(b, xs[0]) else None


@rule("divide", "0 / x = 0", NUMBER, "full", "full_like", "broadcast_to")
def _zero_quotient(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    is_zero = literal_of(xs[0]) == 0 or is_zeros(b, xs[0])
    return zeros(b, b.infer(OPS["divide"], xs, ())[0]).symbol if is_zero else None


@rule("multiply", "(a / b) b = a,  s (a / b) b = s a", "divide", "multiply")
def _quotient_undone(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for x, other in (xs, xs[::-1]):
        product = b.new(x, "multiply")
        if product is not None and is_scalar(b, product.operands[0]):
            inner = b.new(product.operands[1], "divide")
            if inner is not None and inner.operands[1] == other:
                s, above = value_of(b, product.operands[0]), value_of(b, inner.operands[0])
                return (s * above).symbol
        row = b.new(x, "divide")
        if row is not None and row.operands[1] == other:
            want = b.infer(OPS["multiply"], xs, ())[0]
            above = value_of(b, row.operands[0])
            return op.broadcast_to(not_weak(b, above, want), shape=want.shape).symbol
    return None


@rule("divide", "n / n = 1 for a size")
def _size_over_itself(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    row = b.definition(xs[0]) if xs[0] == xs[1] else None
    return Static(1.0) if row is not None and row.name == "size" else None


def _unconverted_source(b: Simplifier, x: Operand) -> Operand:
    """Return what ``x`` only converts: the same number, where it is exact in both dtypes."""
    row = b.new(x, "astype")
    return row.operands[0] if row is not None and b.aval(x).dtype == np.float64 else x


@rule("subtract", "x - x = 0,  (x + y) - x = y,  (x - y) - x = -y")
def _cancelled(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    left, right = xs
    if _unconverted_source(b, left) == _unconverted_source(b, right):
        return zeros(b, b.infer(OPS["subtract"], xs, ())[0]).symbol
    row = b.sole(left, "add")
    if row is not None and right in row.operands:
        return row.operands[1] if row.operands[0] == right else row.operands[0]
    row = b.sole(left, "subtract")
    if row is not None and row.operands[0] == right:
        return (-value_of(b, row.operands[1])).symbol
    return None


@rule("add", "(x - y) + y = x", "subtract")
def _undone(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for x, other in (xs, xs[::-1]):
        row = b.sole(x, "subtract")
        if row is not None and row.operands[1] == other:
            return row.operands[0]
    return None


@rule("multiply", "(1.0 n) x = n x, where n is whole", "multiply")
def _whole_factor(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for k, x in enumerate(xs):
        n = _unconverted(b, x)
        if n is not None:
            return (n * value_of(b, xs[1 - k])).symbol
    return None


@rule("divide", "(1.0 n) / x = n / x, where n is whole", "multiply")
def _whole_numerator(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    n = _unconverted(b, xs[0])
    return (n / value_of(b, xs[1])).symbol if n is not None else None


def _unconverted(b: Simplifier, x: Operand) -> Value | None:
    """Return ``n`` of ``1.0 n``, which only makes a float of a whole number."""
    row = b.new(x, "multiply")
    for one, n in (row.operands, row.operands[::-1]) if row is not None else ():
        if literal_of(one) == 1:
            return value_of(b, n)
    return None


@rule("divide", "c / (d x) = (c / d) / x for numbers with an exact quotient", NUMBER)
def _number_over_product(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    above = literal_of(xs[0])
    if type(above) not in (int, float):
        return None
    for d, x in _numbers_in(b, xs[1]):
        if type(d) in (int, float) and d and (above / d) % 1 == 0:
            return b.apply("divide", above / d, x).symbol
    return None


def _numbers_in(b: Simplifier, v: Operand) -> list[tuple[Any, Any]]:
    """Return pairs (d, x) with ``v`` = d x, of a product of scalars or of a size such as 2 n."""
    row = b.definition(v)
    if row is not None and row.name == "multiply":
        pairs = (row.operands, row.operands[::-1])
        return [(literal_of(d), value_of(b, x)) for d, x in pairs if is_scalar(b, x)]
    size = b.shapes.resolve(row.setting("of")) if row is not None and row.name == "size" else 1
    if isinstance(size, int):
        return []
    number, rest = size.as_coeff_Mul()
    return [(int(number), size_value(b, rest))] if number.is_Integer and number > 1 else []


@rule("divide", "x / 1 = x", NUMBER)
def _over_one(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    if literal_of(xs[1]) == 1:
        return xs[0]
    return None


@rule(
    "negative", "-(-x) = x,  -(a - b) = b - a,  -(s x) = (-s) x",
    "negative", "subtract", "multiply", "divide", "add_at", "where", "broadcast_to", "astype",
)  # fmt: skip
def _negation(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    (x,) = xs
    inner = without_sign(b, x)
    if inner is not None:
        return inner
    if (row := b.sole(x, "subtract")) is not None:
        left, right = (value_of(b, v) for v in row.operands)
        return (right - left).symbol
    for head in ("multiply", "divide"):
        row = b.sole(x, head)
        if row is not None and type(literal_of(row.operands[0])) in (int, float):
            number, rest = row.operands
            if not is_signed(b, rest):
                return None
            return b.apply(head, -literal_of(number), rest).symbol
    if (scaled := scalar_and_array(b, x)) is not None:
        s, z = (value_of(b, v) for v in scaled)
        return ((-s) * z).symbol
    if (row := scatter_into_zeros(b, x)) is not None:
        base, value, *indices = (value_of(b, v) for v in row.operands)
        return op.add_at(base, -value, *indices, key=row.setting("key")).symbol
    if (masked := mask_and_value(b, x)) is not None and is_signed(b, masked[1]):
        mask, value, first = masked
        return where_mask(b, mask, -value_of(b, value), first).symbol
    row = b.new(x, "astype")
    if row is not None and literal_of(row.operands[0]) is not None:
        negated = -value_of(b, row.operands[0])
        return op.astype(negated, dtype=row.setting("dtype")).symbol
    return _outside(b, x, lambda v: -v)


def _outside(b: Simplifier, x: Operand, apply: Callable[[Value], Value]) -> Operand | None:
    """Move an elementwise step of one operand inside a copy: f(copy(x)) = copy(f(x))."""
    row = b.new(x, "broadcast_to")
    if row is None:
        return None
    inner = apply(value_of(b, row.operands[0]))
    return op.broadcast_to(inner, shape=row.setting("shape")).symbol


def _sign_out_of(head: str) -> Rewrite:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        for k in (0, 1):
            inner = sign_to_move(b, xs[k])
            if inner is not None and (is_scalar(b, xs[1 - k]) or not is_scalar(b, inner)):
                pair = [inner if i == k else x for i, x in enumerate(xs)]
                return (-b.apply(head, *pair)).symbol
        return None

    return rewrite


rule("multiply", "(-a) b = -(a b)", "negative")(_sign_out_of("multiply"))
rule("divide", "(-a) / b = -(a / b)", "negative")(_sign_out_of("divide"))


@rule("add", "x + 0 = x", NUMBER, "full", "full_like")
def _plus_zero(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for zero, x in (xs, xs[::-1]):
        if literal_of(zero) == 0 or is_zeros(b, zero):
            return x
    return None


@rule("add", "x + x = 2 x")
def _twice(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    if xs[0] is not xs[1]:
        return None
    b.read_less(xs[0])  # once by this sum, not twice
    return (2 * value_of(b, xs[0])).symbol


@rule("add", "a + (-b) = a - b", NUMBER, "negative", "multiply", "divide")
def _plus_negative(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for k in (1, 0):
        inner = subtractable(b, xs[k])
        if inner is not None:
            return (value_of(b, xs[1 - k]) - value_of(b, inner)).symbol
    return None


@rule("add", "x + (x + y) = 2 x + y,  x + (x - y) = 2 x - y", "add", "subtract")
def _collect(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for x, other in (xs, xs[::-1]):
        row = b.sole(other, "add")
        if row is not None and x in row.operands:
            rest = row.operands[1] if row.operands[0] == x else row.operands[0]
            return (2 * value_of(b, x) + value_of(b, rest)).symbol
        row = b.sole(other, "subtract")
        if row is not None and x == row.operands[0]:
            return (2 * value_of(b, x) - value_of(b, row.operands[1])).symbol
    return None


def _common_factor(head: str) -> Rewrite:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        one, two = scalar_and_array(b, xs[0]), scalar_and_array(b, xs[1])
        if one is None and two is not None:
            one = _unit(xs[0], two[0])
        elif two is None and one is not None:
            two = _unit(xs[1], one[0])
        if one is None or two is None or one[0] != two[0]:
            return None
        inner = b.apply(head, one[1], two[1])
        return (value_of(b, one[0]) * inner).symbol

    return rewrite


def _unit(x: Operand, s: Operand) -> tuple[Operand, Operand] | None:
    """Return ``(s, 1)`` or ``(s, -1)`` if ``x`` is s or, both being numbers, -s."""
    if x == s:
        return s, Static(1)
    n, m = literal_of(x), literal_of(s)
    is_opposite = type(n) in (int, float) and type(m) in (int, float) and n == -m
    return (s, Static(-1)) if is_opposite else None


rule("add", "s x + s y = s (x + y),  s x + s = s (x + 1)", "multiply")(_common_factor("add"))
rule("subtract", "s x - s y = s (x - y),  s - s y = s (1 - y)", "multiply")(
    _common_factor("subtract")
)


@rule(
    "subtract", "x - 0 = x,  0 - x = -x,  a - (-b) = a + b",
    NUMBER, "full", "full_like", "negative", "multiply", "divide",
)  # fmt: skip
def _difference(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    left, right = xs
    if literal_of(right) == 0 or is_zeros(b, right):
        return left
    if (literal_of(left) == 0 or is_zeros(b, left)) and is_signed(b, right):
        return (-value_of(b, right)).symbol
    inner = subtractable(b, right)
    if inner is not None:
        return (value_of(b, left) + value_of(b, inner)).symbol
    inner = without_sign(b, left)
    if inner is not None:
        return (-(value_of(b, inner) + value_of(b, right))).symbol
    return None


def _weak_number(head: str) -> Rewrite:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        for k, x in enumerate(xs):
            row = b.new(x, "astype")
            if row is None or b.aval(x).dtype != b.aval(xs[1 - k]).dtype:
                continue
            if b.aval(x).inexact and b.aval(row.operands[0]).kind == "python":
                pair = [row.operands[0] if i == k else v for i, v in enumerate(xs)]
                return b.apply(head, *pair).symbol
        return None

    return rewrite


@rule("multiply", "2 float32(s) = float32(2 s)", "astype")
def _number_into_conversion(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for number, x in (xs, xs[::-1]):
        row = b.sole(x, "astype")
        if row is None or literal_of(number) is None or not b.aval(x).inexact:
            continue
        if b.aval(row.operands[0]).kind == "python":
            scaled = value_of(b, number) * value_of(b, row.operands[0])
            return op.astype(scaled, dtype=row.setting("dtype")).symbol
    return None


for _head in ("multiply", "divide", "add", "subtract"):
    rule(_head, "float32(s) x = s x, where x is float32 already", "astype")(_weak_number(_head))


# --- scalars move out of array products -------------------------------------------------------


@rule("multiply", "s (t x) = (s t) x,  x (t y) = t (x y)", "multiply")
def _scalars_first(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for x, other in (xs, xs[::-1]):
        scaled = scalar_and_array(b, x)
        if scaled is None:
            continue
        s, z = (value_of(b, v) for v in scaled)
        if is_scalar(b, other):
            return ((s * value_of(b, other)) * z).symbol
        if _is_smaller(b, x, xs):
            continue  # a scalar costs least on the smaller factor
        return (s * (value_of(b, other) * z)).symbol
    return None


@rule("multiply", "s (c x) = (s c) x, where c is smaller than x", "multiply")
def _scalar_to_smaller(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for s, x in (xs, xs[::-1]):
        row = b.sole(x, "multiply") if is_scalar(b, s) and not is_scalar(b, x) else None
        if row is None:
            continue
        for c, rest in (row.operands, row.operands[::-1]):
            if not is_scalar(b, c) and b.aval(c).inexact and _is_smaller(b, c, row.operands):
                return ((value_of(b, s) * value_of(b, c)) * value_of(b, rest)).symbol
    return None


@rule("multiply", "2 (0.5 x) = (2 0.5) x,  2 (x / 2) = x, also where others read 0.5 x", NUMBER)
def _numbers_together(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    """Fold two numbers into one: exact, or rounded once as they were."""
    for number, x in (xs, xs[::-1]):
        row, n = b.definition(x), literal_of(number)
        if row is None or row.name not in ("multiply", "divide") or type(n) not in (int, float):
            continue
        left, right = row.operands
        if row.name == "multiply":
            for inner, rest in ((left, right), (right, left)):
                if literal_of(inner) is not None:
                    return (b.apply("multiply", number, inner) * value_of(b, rest)).symbol
        elif literal_of(left) is not None:
            return (b.apply("multiply", number, left) / value_of(b, right)).symbol
        elif literal_of(right) == n:
            return left
    return None


@rule("multiply", "x s = s x for a scalar s, and the number first")
def _scalar_first(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    if not is_scalar(b, xs[1]):
        return None
    if is_scalar(b, xs[0]):
        return _scalar_order(b, xs)
    return (value_of(b, xs[1]) * value_of(b, xs[0])).symbol


def _scalar_order(b: Simplifier, xs: tuple[Operand, ...]) -> Operand | None:
    """Put the number first in a product of scalars, and numbers together."""
    left, right = (value_of(b, x) for x in xs)
    if left.literal is None and (right.literal is not None or _is_later(b, xs[0], xs[1])):
        return (right * left).symbol
    row = b.new(xs[1], "multiply")
    if row is not None and (
        xs[1] not in b.shared or (left.literal is not None and _of_leaves(b, row))
    ):
        first, rest = (value_of(b, v) for v in row.operands)
        return ((left * first) * rest).symbol
    row = b.sole(xs[0], "multiply")
    if row is not None and row.operands[1] in b.seeds and xs[1] not in b.seeds:
        first, seed = (value_of(b, v) for v in row.operands)
        return ((first * right) * seed).symbol
    return None


def _of_leaves(b: Simplifier, row: Op) -> bool:
    """Return whether ``row`` is so plain that writing it twice reads better: lam dloss."""
    return all(b.definition(x) is None for x in row.operands)


def _is_later(b: Simplifier, x: Operand, y: Operand) -> bool:
    """Return whether ``x`` is of the gradient and ``y`` of the user's own: 2 lam dloss."""
    seeds = b.seeds
    # By its last factor: a product of the user's own is not later.
    while (row := b.new(x, "multiply")) is not None and type(row.operands[1]) is Sym:
        x = row.operands[1]
    return (x in seeds or x not in b.own) and y not in seeds and y in b.own


@rule("divide", "(s x) / t = (s / t) x", "multiply")
def _scalar_quotient(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    scaled = scalar_and_array(b, xs[0])
    if scaled is None:
        return None
    s, z = (value_of(b, v) for v in scaled)
    below = value_of(b, xs[1])
    if is_scalar(b, xs[1]):
        return ((s / below) * z).symbol
    return (s * (z / below)).symbol


@rule("multiply", "a (b / c) = (a b) / c", "divide")
def _product_of_quotient(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for x, other in (xs, xs[::-1]):
        row = b.new(x, "divide")
        if row is None or _is_smaller(b, x, xs) or is_scalar(b, other) != is_scalar(b, x):
            continue  # the smaller quotient is cheaper as it is; a scalar stays a factor
        above, below = (value_of(b, v) for v in row.operands)
        if x in b.shared and not (is_scalar(b, x) and above.literal is not None):
            continue
        if is_scalar(b, below.symbol) and not is_scalar(b, x):
            continue
        return ((value_of(b, other) * above) / below).symbol
    return None


def _is_smaller(b: Simplifier, x: Operand, xs: tuple[Operand, ...]) -> bool:
    whole = b.infer(OPS["multiply"], xs, ())[0].shape
    return not b.shapes.same_shape(b.aval(x).shape, whole)


@rule("power", "x**1 = x,  x**2 = square,  x**-1 = 1 / x")
def _power(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    x, exponent = xs
    number = literal_of(exponent)
    if number == 1:
        return x
    if number == 2:
        return op.square(value_of(b, x)).symbol
    if number == -1 and b.aval(x).inexact:
        return (1 / value_of(b, x)).symbol
    return None
