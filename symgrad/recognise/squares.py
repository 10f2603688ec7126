"""The laws of squares that overflow, vanish or cancel: quotients, lengths of two, variances.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.  Invariant: a square with a name is used again, and
stays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from symgrad.dims import product
from symgrad.graph import OPS, Builder, Operand, Static, Value
from symgrad.ops.table import normal_axes
from symgrad.recognise.length import squared
from symgrad.recognise.moves import rearranged
from symgrad.recognise.reading import (
    Operands,
    argument,
    is_number,
    is_real,
    operands_of,
    orders,
)
from symgrad.recognise.reductions import keepdims_like, reduction
from symgrad.recognise.rule import Rule

MOST_TERMS = 4  # of a sum that is read: each look-up stays constant

# --- quotients --------------------------------------------------------------------------------


class _Scaled(NamedTuple):
    """``number * x**2``."""

    number: Operand | None
    x: Operand


def _scaled_square(b: Builder, v: Operand) -> _Scaled | None:
    if v in b.notes.names:
        return None
    x = squared(b, v)
    if x is not None:
        return _Scaled(None, x)
    for number, square in orders(operands_of(b, v, "multiply")):
        x = squared(b, square) if type(number) is Static else None
        if x is not None and square not in b.notes.names:
            return _Scaled(number, x)
    return None


def _squares(b: Builder, v: Operand) -> list[_Scaled]:
    """Return the terms of a sum of squares, or nothing where ``v`` is none."""
    found: list[_Scaled] = []
    todo = [v]
    while todo and len(found) + len(todo) <= MOST_TERMS:
        term = todo.pop()
        pair = operands_of(b, term, "add") if term not in b.notes.names else ()
        scaled = _scaled_square(b, term)
        if scaled is not None:
            found.append(scaled)
        elif pair:
            todo.extend(pair[::-1])
        else:
            return []
    return [] if todo else found


def _quotient_of_squares(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    below = _scaled_square(b, operands[1])
    above = _squares(b, operands[0]) if below is not None else []
    if below is None or not above:
        return None
    terms = [_times(b, t.number, b.apply("square", b.wrap(t.x) / b.wrap(below.x))) for t in above]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return (total if below.number is None else total / b.wrap(below.number)).symbol


def _times(b: Builder, number: Operand | None, x: Value) -> Value:
    return x if number is None else b.wrap(number) * x


def _quotient_of_powers(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    above, below = (_whole_power(b, v) for v in operands)
    if above is None or below is None or above[1] != below[1]:
        return None
    ratio = b.wrap(above[0]) / b.wrap(below[0])
    name = "cube" if operands_of(b, operands[0], "cube") else "power"
    return b.apply(name, ratio, *[above[1]] * (name == "power")).symbol


def _whole_power(b: Builder, v: Operand) -> tuple[Operand, Any] | None:
    """Return (x, n) where ``v`` is x**n for a whole number n, of any sign of x."""
    if v in b.notes.names:
        return None
    x = argument(b, v, "cube")
    if x is not None:
        return x, 3
    pair = operands_of(b, v, "power")
    if not pair or type(pair[1]) is not Static or pair[1].value % 1 != 0:
        return None
    return (pair[0], pair[1].value) if is_real(b, pair[0]) else None


# --- lengths ----------------------------------------------------------------------------------


def _root_of_two_squares(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    pair = operands_of(b, operands[0], "add")
    x, y = (squared(b, v) for v in pair) if pair else (None, None)
    if x is None or y is None:
        return None
    return b.apply("hypot", x, y).symbol


def _root_of_product_with_itself(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    pair = operands_of(b, operands[0], "multiply")
    x = argument(b, operands[0], "multiply") if pair and pair[0] is pair[1] else None
    return b.apply("absolute", x).symbol if x is not None else None


def _root_of_dot(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    row = b.definition(operands[0])
    if row is None or row.name != "contract" or len(row.operands) != 2:
        return None
    x, y = row.operands
    one, two = row.setting("terms")
    if x is not y or one != two or len(one) != 1 or row.setting("out") != ():
        return None
    return b.apply("norm", x, axis=(0,), keepdims=False).symbol if is_real(b, x) else None


def _by_half_power(law: Any) -> Any:
    def apply(b: Builder, operands: Operands, settings: Any) -> Operand | None:
        half = type(operands[1]) is Static and operands[1].value == 0.5
        return law(b, operands, settings) if half else None

    return apply


def _root_of_square(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x = squared(b, operands[0])
    return b.apply("absolute", x).symbol if x is not None else None


def _root_of_variance(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    row = b.definition(operands[0])
    if row is None or row.name != "var":
        return None
    return b.bind(OPS["std"], row.operands, row.settings)[0]


# --- angles -----------------------------------------------------------------------------------


def _one_minus_cosine(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    one, cosine = operands
    pair = operands_of(b, cosine, "divide") if cosine not in b.notes.names else ()
    if not pair or not is_number(one, 1):
        return None
    r = reduction(b, pair[0])
    factors = operands_of(b, r.x, "multiply") if r and r.name == "sum" else ()
    lengths = [_length(b, v) for v in operands_of(b, pair[1], "multiply")]
    if r is None or not factors or len(lengths) != 2 or None in lengths:
        return None
    if set(lengths) != {(x, r.axes) for x in factors} or not _are_alike(b, factors):
        return None
    keepdims = keepdims_like(b, cosine, r)
    if keepdims is None:
        return None
    return b.apply("cosine_distance", *factors, axis=r.axes, keepdims=keepdims).symbol


def _length(b: Builder, v: Operand) -> tuple[Operand, tuple[int, ...]] | None:
    """Return x and axes where ``v`` holds the lengths of x over them."""
    row = b.definition(rearranged(b, v))
    if row is None or row.name not in ("norm", "root_of_squares"):
        return None
    x = row.operands[0]
    return x, normal_axes(row.setting("axis"), len(b.aval(x).shape))


def _are_alike(b: Builder, xs: Operands) -> bool:
    one, two = (b.aval(x) for x in xs)
    return one.dtype == two.dtype and b.shapes.same_shape(one.shape, two.shape)


# --- variances --------------------------------------------------------------------------------


class _Mean(NamedTuple):
    """The mean of ``x`` over axes."""

    x: Operand
    axes: tuple[int, ...]
    keepdims: bool


def _mean(b: Builder, v: Operand) -> _Mean | None:
    """Return what ``v`` is the mean of: also where it is a sum over its number of terms."""
    name, pair = "mean", operands_of(b, v, "divide")
    row = b.definition(v)
    if pair:
        name, row = "sum", b.definition(pair[0])
    if row is None or row.name != name or not is_real(b, row.operands[0]):
        return None
    x, (axis, keepdims) = row.operands[0], row.settings
    shape = b.aval(x).shape
    axes = normal_axes(axis, len(shape))
    if pair and not _is_count(b, pair[1], x, axes):
        return None
    return _Mean(x, axes, keepdims)


def _is_count(b: Builder, v: Operand, x: Operand, axes: tuple[int, ...]) -> bool:
    """Return whether ``v`` is how many elements of ``x`` stand along ``axes``."""
    row, shape = b.definition(v), b.aval(x).shape
    size = v.value if type(v) is Static else None
    if row is not None and row.name == "size":
        size = row.setting("of")
    return size is not None and b.shapes.same(size, product([shape[k] for k in axes]))


def _variance(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    mean = squared(b, operands[1])
    of = _mean(b, mean) if mean is not None else None
    of_squares = _mean(b, operands[0])
    if of is None or of_squares is None or of_squares[1:] != of[1:]:
        return None
    if squared(b, of_squares.x) is not of.x:
        return None
    return b.apply("var", of.x, axis=of.axes, ddof=0, keepdims=of.keepdims).symbol


def _sum_about_mean(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    row = b.definition(operands[0])
    if row is None or row.name != "sum":
        return None
    for n, square in orders(operands_of(b, operands[1], "multiply")):
        mean = squared(b, square)
        of = _mean(b, mean) if mean is not None else None
        if of is None or not _is_count(b, n, of.x, of.axes):
            continue
        if row.settings == of[1:] and squared(b, row.operands[0]) is of.x:
            var = b.apply("var", of.x, axis=of.axes, ddof=0, keepdims=of.keepdims)
            return (b.wrap(n) * var).symbol
    return None


RULES = (
    Rule("(a x**2 + b y**2 + ...) / (c s**2) = (a (x / s)**2 + b (y / s)**2 + ...) / c", "divide",
         _quotient_of_squares, "stability",
         "squares overflow above 1e154 and vanish below 1e-162"),
    Rule("x**n / y**n = (x / y)**n, n whole", "divide", _quotient_of_powers, "stability",
         "squares overflow above 1e154 and vanish below 1e-162"),
    Rule("sqrt(x**2 + y**2) = hypot(x, y)", "sqrt", _root_of_two_squares, "stability",
         "squares overflow above 1e154 and vanish below 1e-162"),
    Rule("(x**2 + y**2)**0.5 = hypot(x, y)", "power", _by_half_power(_root_of_two_squares),
         "stability",
         "squares overflow above 1e154 and vanish below 1e-162"),
    Rule("sqrt(x x) = |x|", "sqrt", _root_of_product_with_itself, "stability",
         "squares overflow above 1e154 and vanish below 1e-162"),
    Rule("(x**2)**0.5 = |x|", "power", _by_half_power(_root_of_square), "stability",
         "squares overflow above 1e154 and vanish below 1e-162"),
    Rule("sqrt(x @ x) = norm(x)", "sqrt", _root_of_dot, "rounding",
         "squares overflow above 1e154 and vanish below 1e-162"),
    Rule("1 - sum(a b) / (|a| |b|) = sum((a / |a| - b / |b|)**2) / 2", "subtract",
         _one_minus_cosine, "stability",
         "1 - cos cancels where the vectors are nearly parallel"),
    Rule("sqrt(var(x)) = std(x)", "sqrt", _root_of_variance, "exact",
         "one operation, whose derivative is 0 where all are equal"),
    Rule("mean(x**2) - mean(x)**2 = var(x)", "subtract", _variance, "stability",
         "the difference of two large means loses the digits of a small variance"),
    Rule("sum(x**2) - n mean(x)**2 = n var(x)", "subtract", _sum_about_mean, "stability",
         "the difference of two large means loses the digits of a small variance"),
)  # fmt: skip
