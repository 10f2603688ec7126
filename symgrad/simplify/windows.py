"""Laws of windows that are added where they overlap: what nobody needs is not written out."""

from __future__ import annotations

from typing import Any

from symgrad.dims import Size
from symgrad.graph import Op, Operand, Value
from symgrad.ops.table import ALL, op
from symgrad.ops.windows import counts, with_windows_added
from symgrad.simplify.reading import (
    is_known_zeros,
    is_signed,
    is_zeros,
    scatter_into_zeros,
    value_of,
)
from symgrad.simplify.rule import Rule, declaring
from symgrad.simplify.simplifier import Simplifier

RULES: list[Rule] = []
rule = declaring(RULES)


@rule("add_windows", "add_windows(x, 0) = x", "full", "full_like", "broadcast_to")
def _nothing_added(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    return xs[0] if is_known_zeros(b, xs[1]) else None


@rule("add_windows", "add_windows(x, add_at(0, v at some windows)) = x with v at these", "add_at")
def _some_windows(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    """Add windows that a slice chose without the zeros of those that it left out."""
    base, value, *hits = xs
    window, axis, _, key, alike = settings
    row = scatter_into_zeros(b, value)
    if row is None or key or alike or hits or len(row.operands) > 2:
        return None
    shape = b.aval(base).shape
    entries = row.setting("key")
    if any(k != ALL for k in entries[len(shape) :]):
        return None  # a part of each window
    found: list[Any] = []
    for entry, count in zip(entries, counts(shape, window, axis), strict=False):
        if entry is None or (from_the_front := _from_the_front(b, entry, count)) is None:
            return None
        found.append(from_the_front)
    chosen = row.operands[1]
    taken = sum(type(k) is int for k in found)
    if b.aval(chosen).ndim != len(shape) - taken + len(window):
        return None  # copies along axes that come first
    if not b.shapes.same_shape(b.aval(chosen).shape[-len(window) :], window):
        return None
    return with_windows_added(
        value_of(b, base), value_of(b, chosen), window, axis, tuple(found)
    ).symbol


def _from_the_front(b: Simplifier, entry: Any, count: Size) -> Any:
    """Return a slice or number with its ends counted from 0, if it goes forward."""
    if type(entry) is int:
        if entry < 0 and not isinstance(count, int):
            return None
        return entry if entry >= 0 else entry + count
    if entry.step is not None and entry.step < 0:
        return None
    start, stop = (
        count + end if isinstance(end, int) and end < 0 else end
        for end in (entry.start, entry.stop)
    )
    if not all(end is None or b.shapes.is_at_most(0, end) for end in (start, stop)):
        return None
    if stop is not None and not b.shapes.is_at_most(stop, count):
        return None  # NumPy cuts the slice at the last window
    return slice(start, stop, entry.step)


@rule("add_windows", "add_windows(x, v[..., None, None]) = x with v at each place", "broadcast_to")
def _alike(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    """Add one value for each window without its copies at all places in the window."""
    base, value, *_ = xs
    window, axis, _, key, alike = settings
    row = b.new(value, "broadcast_to")
    if row is None or alike:
        return None
    source = _one_a_window(b, row.operands[0], len(window))
    if source is None:
        return None
    return with_windows_added(value_of(b, base), source, window, axis, key, True).symbol


@rule(
    "add_windows", "add_windows(x, (w == m[..., None]) s[..., None]) = x with s where w is m",
    "multiply",
)  # fmt: skip
def _where_extreme(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    """Add what belongs to the extreme of each window without an array of all places."""
    base, value, *known = xs
    window, axis, _, key, _ = settings
    row = b.sole(value, "multiply")
    for hit, share in () if row is None or known else (row.operands, row.operands[::-1]):
        compared = b.new(hit, "equal")
        if compared is None or b.aval(hit).shape[: -len(window)] == ():
            continue
        w, m = compared.operands
        source, extreme = (_one_a_window(b, x, len(window)) for x in (share, m))
        if source is None or extreme is None:
            continue
        if not b.shapes.same_shape(b.aval(w).shape, b.aval(value).shape):
            continue
        hits = [value_of(b, w), extreme]
        return with_windows_added(value_of(b, base), source, window, axis, key, True, hits).symbol
    return None


def _one_a_window(b: Simplifier, x: Operand, n: int) -> Value | None:
    """Return an array without its last ``n`` axes, if they have size 1."""
    value = value_of(b, x)
    if not value.ndim:
        return value
    last = tuple(range(max(value.ndim - n, 0), value.ndim))
    if any(value.shape[k] != 1 for k in last):
        return None
    row = b.definition(x)
    if row is not None and row.name == "expand_dims" and row.setting("axis") == last:
        return value_of(b, row.operands[0])
    if row is not None and row.name in ("multiply", "divide") and x not in b.own:
        parts = [_one_a_window(b, y, n) for y in row.operands]
        if None not in parts:
            return b.apply(row.name, *parts)
    return op.squeeze(value, axis=last)


@rule("add", "x + add_windows(0, v) = add_windows(x, v)", "add_windows")
def _sum(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for windows, x in (xs, xs[::-1]):
        row = None if windows in b.shared else _windows_alone(b, windows)
        if row is not None and b.aval(x) == b.aval(windows):
            settings = dict(zip(row.params, row.settings, strict=True))
            added = [value_of(b, y) for y in row.operands[1:]]
            return op.add_windows(value_of(b, x), *added, **settings).symbol
    return None


def _windows_alone(b: Simplifier, x: Operand) -> Op | None:
    row = b.new(x, "add_windows")
    if row is None or not is_zeros(b, row.operands[0]):
        return None
    return row if is_signed(b, row.operands[1]) else None
