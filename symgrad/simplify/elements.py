"""Laws of chosen elements: masks, scatters into zeros, reads of what was written."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.dims import product
from symgrad.graph import OPS, Op, Operand, Sym, Value
from symgrad.ops.indexing import ARRAY, indexed_shape
from symgrad.ops.table import ALL, op
from symgrad.simplify.reading import (
    NOT_ALWAYS_FINITE,
    is_known_zeros,
    is_once_a_line,
    is_scalar,
    is_signed,
    is_zeros,
    literal_of,
    mask_and_value,
    not_weak,
    scalar_and_array,
    scatter_into_zeros,
    source_of_copies,
    value_of,
    where_mask,
    without_sign,
)
from symgrad.simplify.rule import Rewrite, Rule, declaring
from symgrad.simplify.simplifier import DEEPEST_CHAIN, Simplifier

RULES: list[Rule] = []
rule = declaring(RULES)


@rule("add", "where(m, a, 0) + where(m, 0, b) = where(m, a, b)", "where")
def _join_masks(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    one, two = mask_and_value(b, xs[0]), mask_and_value(b, xs[1])
    if one is None or two is None or one[0] != two[0] or one[2] == two[2]:
        return None
    first, second = (one, two) if one[2] else (two, one)
    joined = op.where(*(value_of(b, v) for v in (one[0], first[1], second[1])))
    return joined.symbol


def _under_one_mask(head: str) -> Rewrite:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        one, two = mask_and_value(b, xs[0]), mask_and_value(b, xs[1])
        if one is None or two is None or one[0] != two[0] or one[2] != two[2]:
            return None
        if not (is_signed(b, one[1]) and is_signed(b, two[1])):
            return None  # sums and differences of booleans are others in NumPy
        return where_mask(b, one[0], b.apply(head, one[1], two[1]), one[2]).symbol

    return rewrite


rule("add", "where(m, a, 0) + where(m, b, 0) = where(m, a + b, 0)", "where")(_under_one_mask("add"))
rule("subtract", "where(m, a, 0) - where(m, b, 0) = where(m, a - b, 0)", "where")(
    _under_one_mask("subtract")
)


# --- masks -----------------------------------------------------------------------------------


def _mask_out_of(head: str) -> Rewrite:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        for k in (0, 1) if head == "multiply" else (0,):
            masked = mask_and_value(b, xs[k])
            if masked is not None:
                mask, value, first = masked
                pair = [value if i == k else x for i, x in enumerate(xs)]
                return where_mask(b, mask, b.apply(head, *pair), first).symbol
        return None

    return rewrite


rule("multiply", "where(m, a, 0) g = where(m, a g, 0)", "where")(_mask_out_of("multiply"))
rule("divide", "where(m, a, 0) / g = where(m, a / g, 0)", "where")(_mask_out_of("divide"))


# The zeros of a mask stay zeros where what they meet is not finite.

DEEPEST_MASK = 6


def _holds_masks(b: Simplifier, x: Operand, depth: int = DEEPEST_MASK) -> bool:
    """Return whether ``x`` is a new sum or choice of values some of which are masked."""
    if depth == 0:
        return False
    if mask_and_value(b, x) is not None:
        return True
    row = b.new(x, "where")
    if row is not None:
        return any(_holds_masks(b, v, depth - 1) for v in row.operands[1:])
    row = b.new(x, "multiply")
    if row is not None:
        return any(_holds_masks(b, v, depth - 1) for v in row.operands)
    row = b.new(x, "add") or b.new(x, "subtract")
    return row is not None and all(_holds_masks(b, v, depth - 1) for v in row.operands)


def _masks_met(head: str) -> Rewrite:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        for k in (0, 1) if head == "multiply" else (0,):
            other = b.definition(xs[1 - k])
            if head == "multiply" and (other is None or other.name not in NOT_ALWAYS_FINITE):
                continue
            row = b.definition(xs[k])
            if row is None or not _holds_masks(b, xs[k]):
                continue
            met = [b.apply(head, *((v, xs[1]) if k == 0 else (xs[0], v))) if _meets(b, row, n)
                   else v for n, v in enumerate(row.operands)]  # fmt: skip
            return b.apply(row.name, *met).symbol
        return None

    return rewrite


def _meets(b: Simplifier, row: Op, n: int) -> bool:
    """Return whether operand ``n`` of a sum, choice or product is what meets the other factor."""
    if row.name == "where":
        return n > 0
    if row.name != "multiply":
        return True
    return n == next(k for k, v in enumerate(row.operands) if _holds_masks(b, v))


rule("multiply", "(a + b) g = a g + b g, where(m, a, b) g = where(m, a g, b g), masked a or b",
     "add", "subtract", "where", "multiply")(_masks_met("multiply"))  # fmt: skip
rule("divide", "(a + b) / g = a / g + b / g, where(m, a, b) / g = where(m, a / g, b / g), masked",
     "add", "subtract", "where", "multiply")(_masks_met("divide"))  # fmt: skip


@rule("where", "where(n, where(m, a, 0), where(m, b, 0)) = where(m, where(n, a, b), 0)", "where")
def _mask_out_of_choice(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    one, two = mask_and_value(b, xs[1]), mask_and_value(b, xs[2])
    if one is None or two is None or one[0] != two[0] or one[2] != two[2] or one[0] == xs[0]:
        return None
    chosen = op.where(*(value_of(b, v) for v in (xs[0], one[1], two[1])))
    return where_mask(b, one[0], chosen, one[2]).symbol


@rule("where", "where(m, where(n, a, 0), 0) = where(n, where(m, a, 0), 0), n the earlier", "where")
def _masks_in_order(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    """Put the earlier of two masks outside, so that sums under the same two are found."""
    mask, *choices = xs
    for k in (0, 1):
        inner = mask_and_value(b, choices[k])
        if literal_of(choices[1 - k]) != 0 or inner is None:
            continue
        if type(mask) is Sym and type(inner[0]) is Sym and inner[0].index < mask.index:
            within = where_mask(b, mask, value_of(b, inner[1]), k == 0)
            return where_mask(b, inner[0], within, inner[2]).symbol
    return None


@rule("where", "where(m, x, x) = x")
def _either(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    return xs[1] if xs[1] == xs[2] else None


@rule("where", "where(m, s a, s b) = s where(m, a, b)", "multiply")
def _common_factor(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    mask, *choices = xs
    left, right = (scalar_and_array(b, x) for x in choices)
    if left is None or right is None:
        return None
    (s, a), (t, c) = left, right
    factor, one, two = value_of(b, s), value_of(b, a), value_of(b, c)
    product = b.new(t, "multiply")
    if product is not None and s in product.operands:
        rest = product.operands[1] if product.operands[0] == s else product.operands[0]
        two = value_of(b, rest) * two
    elif s != t:
        over, below = b.new(s, "divide"), b.new(t, "divide")
        if over is None or below is None or over.operands[1] != below.operands[1]:
            return None
        factor = 1 / value_of(b, over.operands[1])
        one = value_of(b, over.operands[0]) * one
        two = value_of(b, below.operands[0]) * two
    return (factor * op.where(value_of(b, mask), one, two)).symbol


@rule("where", "where(|x| <= c, x, c sign(x)) = clip(x, -c, c), where c is not negative")
def _clipped(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    """Find the slope of Huber's loss.  For c < 0 the left side is c sign(x), the right side c."""
    row = b.definition(xs[0])
    if row is None or row.name not in ("less", "less_equal", "greater", "greater_equal"):
        return None
    is_less = row.name.startswith("less")
    for (distance, limit), is_inside in (
        (row.operands, is_less),
        (row.operands[::-1], not is_less),
    ):
        inside, outside = xs[1:] if is_inside else xs[:0:-1]
        made = b.definition(distance)
        if made is not None and made.name == "absolute" and made.operands[0] == inside:
            return _clip(b, inside, outside, limit)
    return None


def _clip(b: Simplifier, inside: Operand, outside: Operand, limit: Operand) -> Operand | None:
    sign, c = op.sign(value_of(b, inside)), value_of(b, limit)
    if not _is_not_negative(b, limit) or outside != (c * sign).symbol:
        return None
    return op.clip(value_of(b, inside), -c, c).symbol


def _is_not_negative(b: Simplifier, x: Operand) -> bool:
    """Return whether ``x`` is a number or a value that is never below zero, NaN aside."""
    row, number = b.definition(x), literal_of(x)
    if row is not None:
        return row.name in ("absolute", "exp", "square", "sqrt")
    return type(number) in (int, float) and number >= 0


# --- scatters --------------------------------------------------------------------------------


@rule("add_at", "add_at(x, 0) = x", "full", "full_like", "broadcast_to")
def _nothing_added(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    return xs[0] if is_known_zeros(b, xs[1]) else None


@rule("add", "x + add_at(0, v) = add_at(x, v)", "add_at")
def _add_scatter(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for scatter, x in (xs, xs[::-1]):
        row = None if scatter in b.shared else scatter_into_zeros(b, scatter)
        if row is not None and b.aval(x) == b.aval(scatter):
            _, value, *indices = (value_of(b, v) for v in row.operands)
            return op.add_at(value_of(b, x), value, *indices, key=row.setting("key")).symbol
    return None


@rule("subtract", "x - add_at(0, v) = add_at(x, -v)", "add_at")
def _subtract_scatter(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    left, right = xs
    row = None if right in b.shared else scatter_into_zeros(b, right)
    if row is not None and b.aval(left) == b.aval(right):
        _, value, *indices = (value_of(b, v) for v in row.operands)
        return op.add_at(value_of(b, left), -value, *indices, key=row.setting("key")).symbol
    row = None if left in b.shared else scatter_into_zeros(b, left)
    if row is not None and b.aval(left) == b.aval(right):
        _, value, *indices = (value_of(b, v) for v in row.operands)
        return op.add_at(-value_of(b, right), value, *indices, key=row.setting("key")).symbol
    return None


@rule("add_at", "add_at(0, v at rows i) = add_at(0, v at i k + 0 ... k - 1), flat")
def _scatter_of_rows(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    """Add rows as single numbers: NumPy's add.at is several times as fast on a flat array."""
    base, value, *indices = (value_of(b, x) for x in xs)
    (key,) = settings
    flat = _flat_base(b, base) if base.ndim == 2 and len(indices) == 1 else None
    if flat is None:
        return None
    (i,), (rows, width) = indices, base.shape
    if key[0] != ARRAY or any(k != ALL for k in key[1:]) or not i.ndim or i.dtype == bool:
        return None
    made = b.definition(i.symbol)
    if made is not None and made.name == "arange":
        return None  # each row once
    if value.dtype != base.dtype or not b.shapes.same_shape(value.shape, (*i.shape, width)):
        return None
    if i.dtype != np.int64:
        i = op.astype(i, dtype="int64")  # a number of a cell need not fit where a row's does
    if i.ndim > 1:
        i = op.reshape(i, shape=(product(i.shape),))
    values = op.reshape(value, shape=(product((*i.shape, width)),))
    summed = op.add_at(flat, values, op.cells_of_rows(i, width=width), key=(ARRAY,))
    return op.reshape(summed, shape=(rows, width)).symbol


def _flat_base(b: Simplifier, base: Value) -> Value | None:
    """Return the flat array of what rows are added to: zeros, or sums of other rows."""
    if is_zeros(b, base.symbol):
        return op.full(shape=(product(base.shape),), value=0, dtype=base.dtype.name)
    row = b.sole(base.symbol, "reshape")
    flat = b.sole(row.operands[0], "add_at") if row is not None else None
    return value_of(b, row.operands[0]) if row is not None and flat is not None else None


@rule("add_at", "add_at(x with 0 at [k], v at [k]) = x with v at [k]", "put_at")
def _scatter_into_blank(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    base, value, *indices = xs
    row = b.sole(base, "put_at")
    if row is None or indices or len(row.operands) > 2 or row.setting("key") != settings[0]:
        return None
    if literal_of(row.operands[1]) != 0:
        return None
    return op.put_at(value_of(b, row.operands[0]), value_of(b, value), key=settings[0]).symbol


@rule("put_at", "x with x[k] at [k] = x", "index")
def _put_back(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    base, value, *indices = xs
    row = b.new(value, "index")
    if row is None or row.setting("key") != settings[0]:
        return None
    return base if row.operands == (base, *indices) else None


@rule("add_at", "add_at(0, v at [:, 0]) = v[:, None]")
def _scatter_into_one(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    base, value, *indices = xs
    (key,) = settings
    if indices or not is_zeros(b, base) or any(k is None for k in key):
        return None
    shape = b.aval(base).shape
    ones = []
    for axis, entry in enumerate(key):
        if type(entry) is int and shape[axis] == 1 and isinstance(shape[axis], int):
            ones.append(axis)
        elif entry != ALL:
            return None
    want = tuple(size for axis, size in enumerate(shape) if axis not in ones)
    if not ones or not b.shapes.same_shape(b.aval(value).shape, want):
        return None
    if not want:
        return op.broadcast_to(value_of(b, value), shape=shape).symbol
    return op.expand_dims(value_of(b, value), axis=tuple(ones)).symbol


@rule("add_at", "add_at(s x, -s) = s add_at(x, -1)")
def _factor_scatter(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    base, value, *indices = xs
    rest = [value_of(b, i) for i in indices]
    row = b.new(value, "astype")
    brings = row is not None and b.aval(value).dtype == b.aval(base).dtype
    if row is not None and brings and b.aval(row.operands[0]).kind == "python":
        number = value_of(b, row.operands[0])  # the array brings the dtype along
        return op.add_at(value_of(b, base), number, *rest, key=settings[0]).symbol
    source = source_of_copies(b, value)
    if source is not None and is_scalar(b, source):
        return op.add_at(value_of(b, base), value_of(b, source), *rest, key=settings[0]).symbol
    scaled = scalar_and_array(b, base)
    if scaled is None or not is_scalar(b, value):
        return None
    s, z = scaled
    unit = _ratio(b, value, s)
    if unit is None:
        return None
    return (value_of(b, s) * op.add_at(value_of(b, z), unit, *rest, key=settings[0])).symbol


def _ratio(b: Simplifier, value: Operand, s: Operand) -> int | None:
    """Return 1 or -1 if ``value`` is ``s`` or ``-s``."""
    if value == s:
        return 1
    negated = without_sign(b, value)
    if negated is not None and negated == s:
        return -1
    negated = without_sign(b, s)
    if negated is not None and negated == value:
        return -1
    numbers = literal_of(value), literal_of(s)
    if None not in numbers and numbers[0] == -numbers[1]:
        return -1
    return _leading_ratio(b, value, s)


def _leading_ratio(b: Simplifier, value: Operand, s: Operand) -> int | None:
    # c / N against -c / N with numbers c: the sign was folded into the number.
    for head in ("multiply", "divide"):
        one, two = b.new(value, head), b.new(s, head)
        if one is None or two is None:
            continue
        (a, below), (c, same) = one.operands, two.operands
        if below == same:
            return _ratio(b, a, c)
    return None


@rule("sum", "sum(add_at(0, v at (arange, y)), axis=1) = v, and so for columns", "add_at")
def _sum_of_scatter(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    axis, keepdims = settings
    row = scatter_into_zeros(b, xs[0])
    if row is None:
        return None
    base, value, *indices = (value_of(b, v) for v in row.operands)
    if value.dtype != base.dtype:
        value = op.astype(value, dtype=base.dtype.name)
    key = row.setting("key")
    shape = base.shape
    if any(i.dtype.kind == "b" for i in indices):
        return None  # only the data knows how many elements a mask selects
    if len(axis) == len(shape) and not keepdims:
        part = indexed_shape(b.shapes, shape, key, [i.aval for i in indices])
        b.read_less(xs[0])
        if not part:
            return not_weak(b, value, b.infer(OPS["sum"], xs, settings)[0]).symbol
        return op.sum(
            op.broadcast_to(value, shape=part), axis=tuple(range(len(part))), keepdims=False
        ).symbol
    if not is_once_a_line(b, row, axis):
        return None
    b.read_less(xs[0])
    total = op.broadcast_to(value, shape=(shape[1 - axis[0]],))
    return op.expand_dims(total, axis=axis).symbol if keepdims else total.symbol


# --- small ones ------------------------------------------------------------------------------


@rule("index", "copies of s at [k] = s,  (x with v at [j]) at [k] = v if j = k, else x at [k]")
def _element(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    (key,) = settings
    x, *indices = xs
    if indices or not _is_place(key):
        return None
    source = _behind_writes(b, x, key)
    copied = source_of_copies(b, source)
    if copied is not None and is_scalar(b, copied) and len(key) == len(b.aval(x).shape):
        return copied
    row = b.new(source, "put_at")
    if row is not None and len(row.operands) == 2 and row.setting("key") == key:
        value, part = row.operands[1], b.infer(OPS["index"], (x,), settings)[0]
        return value if b.aval(value).shape == part.shape else None
    return None if source is x else op.index(value_of(b, source), key=key).symbol


def _is_place(key: tuple[Any, ...]) -> bool:
    return all(type(k) is int and k >= 0 for k in key)


def _behind_writes(b: Simplifier, x: Operand, key: tuple[Any, ...]) -> Operand:
    """Return ``x`` before what was written to other places than ``key``."""
    source = x
    for _ in range(DEEPEST_CHAIN):
        row = b.new(source, "put_at")
        if row is None or len(row.operands) > 2:
            return source
        other = row.setting("key")
        if other == key or len(other) != len(key) or not _is_place(other):
            return source
        source = row.operands[0]
    return x


@rule("astype", "a value of this dtype stays")
def _converted(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    return xs[0] if b.aval(xs[0]).dtype.name == settings[0] else None
