"""Windows that slide over an array, and adding windows back to where they were read.

The two ops are transposes of one another: each is linear, and is the other's vjp.  An axis may
be given more than once; the offsets of its windows then add.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad import notation as maths
from symgrad.dims import Shape, Shapes, Size, is_nonnegative, plain, product
from symgrad.errors import ShapeError, TraceError
from symgrad.graph import Aval, Op, Value, size_value
from symgrad.ops.indexing import indexed_shape, slice_text, zeros_of
from symgrad.ops.reductions import counted
from symgrad.ops.table import (
    ALL,
    ZERO,
    accept,
    array_aval,
    broadcast,
    indexed,
    normal_axis,
    op,
    shape_of,
    structural,
)

# --- shapes -----------------------------------------------------------------------------------


def counts(shape: Shape, window: Shape, axis: Sequence[int]) -> list[Size]:
    """Return how many windows start along each axis of the array: all, where none slides."""
    found = list(shape)
    for k, size in zip(axis, window, strict=True):
        found[k] = plain(found[k] - size + 1)
    return found


def _windows_shape(shape: Shape, window: Shape, axis: Sequence[int]) -> Shape:
    return (*counts(shape, window, axis), *window)


def _windows_aval(shapes: Shapes, x: Aval, window: Shape, axis: tuple[int, ...]) -> Aval:
    for k, (size, count) in enumerate(zip(x.shape, counts(x.shape, window, axis), strict=True)):
        if k in axis:
            _check_fit(shapes, size, size - count + 1, k)
    return Aval(_windows_shape(x.shape, window, axis), x.dtype)


def _check_fit(shapes: Shapes, size: Size, window: Size, axis: int) -> None:
    numbers = shapes.value(size), shapes.value(window)
    if None not in numbers and numbers[1] > numbers[0]:  # type: ignore[operator]
        raise ShapeError(
            f"a window of {shapes.show(window)} does not fit on axis {axis} of size "
            f"{shapes.show(size)}"
        )
    shapes.holds_at_least(window, size)  # or NumPy refuses


def _part_shape(
    shapes: Shapes, x: Aval, window: Shape, axis: tuple[int, ...], key: Any, alike: bool
) -> Shape:
    part = indexed_shape(shapes, _windows_shape(x.shape, window, axis), key, ())
    return part[: len(part) - len(window)] if alike else part


# --- mathematics ------------------------------------------------------------------------------


def _element_of_window(s: Any) -> maths.Math:
    """Write ``x_{i + u}``: the place where the window begins, and the offset in it."""
    indices = s.needs_indices()
    ndim = len(s.aval(0).shape)
    places = list(indices[:ndim])
    for k, offset in zip(s["axis"], indices[ndim:], strict=True):
        places[k] = _sum_of_places(places[k], offset)
    return s.element(0, places)  # type: ignore[no-any-return]


def _sum_of_places(place: Any, offset: Any) -> Any:
    if place is None or offset is None:
        return offset if place is None else place
    return maths.plus(place, offset)


def _with_windows(s: Any) -> maths.Math:
    """Write ``x_i + sum_{k, u: k + u = i} v_ku``: the windows that the element lies in."""
    indices = s.needs_indices()
    x, window = s.aval(0).shape, s["window"]
    whole = (*counts(x, window, s["axis"]), *window)
    entries = (*s["key"], *(ALL,) * (len(whole) - len(s["key"])))
    slides = [k in s["axis"] or entries[k] != ALL for k in range(len(x))]
    new = iter(s.fresh([size for size, moves in zip(whole, slides, strict=False) if moves]))
    starts = [next(new) if moves else indices[k] for k, moves in enumerate(slides)]
    offsets = list(s.fresh([*(size for size, m in zip(whole, slides, strict=False) if m), *window]))
    offsets = offsets[len(offsets) - len(window) :]
    conditions: list[maths.Math] = []
    is_between = s["alike"] and len(s) == 2 and len(set(s["axis"])) == len(s["axis"])
    widths = dict(zip(s["axis"], window, strict=True)) if is_between else {}
    offsets = [] if is_between else offsets
    for k, moves in enumerate(slides):
        if not moves:
            continue
        place = _place_of_window(s, starts[k], entries[k])
        if k in widths and widths[k] != 1:
            last = maths.plus(place, s.size(widths[k] - 1)) if place else s.size(widths[k] - 1)
            sides = (place or maths.Number(0), s.counts(indices[k]), last)
            conditions.append(maths.Relation(sides, "≤"))
            continue
        for axis, offset in zip(s["axis"], offsets, strict=not is_between):
            place = _sum_of_places(place, s.counts(offset) if axis == k and offset else None)
        conditions.append(maths.equals(place, s.counts(indices[k])))
    kept = [start for start, entry in zip(starts, entries, strict=False) if type(entry) is not int]
    at = kept if s["alike"] else [*kept, *offsets]
    value = s.element(1, at[len(at) - len(s.aval(1).shape) :])
    if len(s) > 2:
        extreme = s.element(3, kept[len(kept) - len(s.aval(3).shape) :])
        hit = maths.equals(s.element(2, [*kept, *offsets]), extreme)
        value = maths.times(maths.indicator(hit), value)
    letters = [
        x
        for x in (*(y for y, m in zip(starts, slides, strict=True) if m), *offsets)
        if x is not None
    ]
    if not conditions:
        return maths.plus(s.element(0, indices), value)
    below = maths.joined(conditions)
    if letters:
        below = maths.Relation((maths.joined(letters), below), ":")
    added = maths.Big(maths.Sign("∑"), below, None, value)
    before = s.element(0, indices)
    return added if before == maths.Number(0) else maths.plus(before, added)


def _place_of_window(s: Any, index: Any, entry: Any) -> Any:
    if type(entry) is int:
        return maths.number(entry)
    return s.counts(s.shifted(index, entry.start or 0, entry.step or 1))


# --- windows ----------------------------------------------------------------------------------


def _windows_vjp(ct: Value, y: Value, x: Value, window: Shape, axis: tuple[int, ...]) -> Value:
    return with_windows_added(zeros_of(x), ct, window, axis)


structural(
    "windows", "Every window of a size that slides over an array, as new last axes.",
    params=("window", "axis"), rule="windows that overlap add up",
    aval=_windows_aval, vjp=_windows_vjp, view=True,
    numpy=lambda s: _spell_windows(s), notation=_element_of_window, role="windows",
)  # fmt: skip


def _spell_windows(s: Any) -> str:
    function = s.imported("numpy.lib.stride_tricks", "sliding_window_view")
    window, axis = s["window"], s["axis"]
    if axis == tuple(range(len(s.aval(0).shape))):
        return f"{function}({s[0]}, {_one_or_shape(s, window)})"
    one = str(axis[0]) if len(axis) == 1 else str(axis)
    return f"{function}({s[0]}, {_one_or_shape(s, window)}, axis={one})"


def _one_or_shape(s: Any, window: Shape) -> str:
    return str(s.size(window[0]) if len(window) == 1 else s.shape(window))


@accept(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """Return a read-only view of every window, as NumPy does."""
    if writeable is not False:
        raise TraceError(
            "sliding_window_view(writeable=True) is not known: its windows overlap in memory, so a "
            "write into one changes others; write into the array itself"
        )
    window = shape_of(window_shape)
    if any(isinstance(size, int) and size < 0 for size in window):
        raise ShapeError(f"a window cannot have a negative size: window_shape={window_shape}")
    if axis is None:
        axes = tuple(range(x.ndim))
        reason = "without axis=, a window needs a size for each axis"
    else:
        given = axis if isinstance(axis, (tuple, list)) else (axis,)
        axes = tuple(normal_axis(k, x.ndim) for k in given)
        reason = "a window needs a size for each axis given"
    if len(window) != len(axes):
        raise ShapeError(f"{reason}: {len(window)} sizes, {len(axes)} axes")
    if not window:
        return x
    return op.windows(x, window=window, axis=axes)


# --- extremes and sums of windows --------------------------------------------------------------


def _of_each(shapes: Shapes, x: Aval, *rest: Aval, window: Shape) -> Aval:
    return array_aval(x.shape[: len(x.shape) - len(window)], x.dtype)


def _hit(x: Value, extreme: Value, n: int) -> Value:
    inside = tuple(range(extreme.ndim, extreme.ndim + n))
    return op.equal(x, op.expand_dims(extreme, axis=inside) if extreme.ndim else extreme)


def _extreme_vjp(ct: Value, y: Value, x: Value, window: Shape) -> Value:
    share = ct / counted(op.count_in_windows(x, y, window=window), x)
    inside = tuple(range(y.ndim, y.ndim + len(window)))
    return _hit(x, y, len(window)) * (op.expand_dims(share, axis=inside) if y.ndim else share)


def _each_place(s: Any, of: str) -> str:
    """Return a list with ``of`` for each place in a window, where ``{at}`` is the place."""
    window = s["window"]
    letters = s.letters(len(window))
    loops = "".join(
        f" for {x} in range({s.size(size)})" for x, size in zip(letters, window, strict=True)
    )
    place = f"[..., {', '.join(letters)}]"
    return f"[{of.format(at=place)}{loops}]"


def _extreme(name: str, ufunc: str) -> None:
    structural(
        f"{name}_in_windows", f"The {name} of each window, whose axes are the last.",
        params=("window",), rule=f"{name} routes",
        aval=_of_each, vjp=_extreme_vjp,
        numpy=lambda s: f"{s.np}.{ufunc}.reduce({_each_place(s, f'{s[0]:10}{{at}}')})",
        notation=lambda s: _over_window(s, maths.Word(name)),
        kinks="elements that tie share equally", role=name,
        flops=lambda shapes, xs, y, window: product(xs[0].shape),
    )  # fmt: skip


def _over_window(s: Any, sign: maths.Math) -> maths.Math:
    indices = s.needs_indices()
    offsets = s.fresh(s["window"])
    body = s.element(0, (*indices, *offsets))
    letters = [(x, size) for x, size in zip(offsets, s["window"], strict=True) if x is not None]
    return s.over(sign, letters, body)  # type: ignore[no-any-return]


_extreme("max", "maximum")
_extreme("min", "minimum")


def _spread(ct: Value, x: Value, n: int) -> Value:
    inside = tuple(range(ct.ndim, ct.ndim + n))
    return op.broadcast_to(op.expand_dims(ct, axis=inside) if ct.ndim else ct, shape=x.shape)


def _over_places(s: Any) -> maths.Math:
    return _over_window(s, maths.Sign("∑"))


def _averaged(s: Any) -> maths.Math:
    places = s.size(product(s["window"]))
    return maths.times(maths.over(maths.Number(1), places), _over_places(s))


def _total(name: str, each: Any, then: int, notation: maths.Notation, rule: str) -> None:
    structural(
        f"{name}_in_windows", f"The {name} of each window, whose axes are the last.",
        params=("window",), rule=rule,
        aval=_of_each, vjp=lambda ct, y, x, window: _spread(each(ct, window), x, len(window)),
        numpy=lambda s: f"{s.np}.{name}({_each_place(s, f'{s[0]:10}{{at}}')}, axis=0)",
        notation=notation, role={"sum": "total"}.get(name, name),
        flops=lambda shapes, xs, y, window: product(xs[0].shape) + then * product(y.shape),
    )  # fmt: skip


_total("sum", lambda ct, window: ct, 0, _over_places, "sum copies")
_total(
    "mean", lambda ct, window: ct / size_value(ct.builder, product(window)), 1, _averaged,
    "mean copies and divides by the count",
)  # fmt: skip

structural(
    "count_in_windows", "How many elements of each window are equal to a number of its own.",
    params=("window",), differentiable=False,
    aval=lambda shapes, x, y, window: Aval(y.shape, np.dtype(np.int64), y.kind),
    numpy=lambda s: f"{s.np}.sum({_each_place(s, f'{s[0]:10}{{at}} == {s[1]}')}, axis=0)",
    notation=lambda s: s.of_whole(maths.apply("ties", s.whole(0), s.whole(1))), role="ties",
    flops=lambda shapes, xs, y, window: 2 * product(xs[0].shape),
)  # fmt: skip

# --- windows added ----------------------------------------------------------------------------


def with_windows_added(
    x: Value,
    value: Value,
    window: Shape,
    axis: tuple[int, ...],
    key: tuple[Any, ...] = (),
    alike: bool = False,
    hits: Sequence[Value] = (),
) -> Value:
    """Return ``x`` with windows added, those that ``key`` takes.

    ``alike`` says that ``value`` is one number a window, the same in all its places; with
    ``hits``, windows and their extremes, it is added where the windows have their extreme.
    """
    spans = tuple(counts(x.shape, window, axis)[k] for k in axis)
    return op.add_windows(
        x, value, *hits, window=window, axis=axis, spans=spans, key=key, alike=alike
    )


def _add_windows_aval(
    shapes: Shapes, x: Aval, value: Aval, *hits: Aval,
    window: Shape, axis: Any, spans: Shape, key: Any, alike: bool,
) -> Aval:  # fmt: skip
    part = _part_shape(shapes, x, window, axis, key, alike)
    broadcast(shapes, part, value.shape)
    return x


@indexed
def _add_windows_vjp(
    i: int, ct: Value, y: Value, x: Value, value: Value, *hits: Value,
    window: Shape, axis: tuple[int, ...], spans: Shape, key: Any, alike: bool,
) -> Any:  # fmt: skip
    if i == 0:
        return ct
    if i > 1:
        return ZERO
    windows = op.windows(ct, window=window, axis=axis)
    part = op.index(windows, key=key) if key else windows
    if not alike:
        return part
    if hits:
        part = _hit(hits[0], hits[1], len(window)) * part
    inside = tuple(range(part.ndim - len(window), part.ndim))
    return op.sum(part, axis=inside, keepdims=False)


def _additions(
    shapes: Shapes, xs: Sequence[Aval], y: Aval, window: Shape, axis: Any, key: Any, **_: Any
) -> Size:
    each = 3 if len(xs) > 2 else 1  # an addition, after a comparison and a product
    return each * product(_part_shape(shapes, xs[0], window, axis, key, False))


structural(
    "add_windows",
    "The array with windows added where they overlap it: `sliding_window_view(x, ...)[key]`.",
    params=("window", "axis", "spans", "key", "alike"), defaults={"key": (), "alike": False},
    rule=("an added array passes everything", "each window gets its part"),
    aval=_add_windows_aval, vjp=_add_windows_vjp, numpy=None, notation=_with_windows,
    flops=_additions,
)  # fmt: skip


def addition_lines(s: Any, target: str, is_first: bool) -> list[str]:
    """Return the loops that add windows: one slice of ``target`` for each place in a window.

    ``is_first`` says that the target is still zero.
    """
    window, axis = s["window"], s["axis"]
    names = iter(s.letters(sum(size != 1 for size in window)))
    places = ["0" if size == 1 else next(names) for size in window]
    loops = [(p, s.size(size)) for p, size in zip(places, window, strict=True) if p != "0"]
    lines = [f"{'    ' * n}for {p} in range({size}):" for n, (p, size) in enumerate(loops)]
    entries = (*s["key"], *(ALL,) * (len(s.aval(0).shape) - len(s["key"])))
    spans = dict(zip(axis, s["spans"], strict=True))
    found = []
    for k, entry in enumerate(entries):
        offset = " + ".join(p for p, a in zip(places, axis, strict=True) if a == k and p != "0")
        found.append(_moved(s, entry, offset, spans.get(k, 0)))
    while found and found[-1] == ":":
        found.pop()
    at = f"[..., {', '.join(places)}]"
    value = s[1] if s["alike"] else f"{s[1]:10}{at}"
    if len(s) > 2:
        value = f"({s[2]:10}{at} == {s[3]:6}) * {value:7}"
    sign = "=" if is_first and are_apart(s.rhs) else "+="
    inside, line = "    " * len(loops), f"{target}[{', '.join(found) or '...'}] {sign} "
    if s.fits(f"{inside}{line}{value}") or (s["alike"] and len(s) == 2):
        return [*lines, f"{inside}{line}{value}"]
    part = s.name("part")
    return [*lines, f"{inside}{part} = {value}", f"{inside}{line}{part}"]


def _moved(s: Any, entry: Any, offset: str, count: Size) -> str:
    """Return where the windows that ``entry`` takes have the element at ``offset``."""
    if type(entry) is int:
        return " + ".join(part for part in (offset, str(entry) if entry else "") if part) or "0"
    start, stop = ("" if end is None else s.size(end) for end in (entry.start, entry.stop))
    if not offset:
        return slice_text(start, stop, entry.step)
    begins = f"{offset} + {start}" if start else offset
    return slice_text(begins, f"{offset} + {stop or s.size(count)}", entry.step)


def are_apart(rhs: Op) -> bool:
    """Return whether no element lies in two windows: each begins after the one before."""
    window, axis, key = (rhs.setting(name) for name in ("window", "axis", "key"))
    entries = {k: key[k] if k < len(key) else ALL for k in axis}
    if len(entries) < len(axis):
        return False
    steps = [1 if type(entries[k]) is int else entries[k].step or 1 for k in axis]
    return all(
        type(entries[k]) is int or is_nonnegative(step - size)
        for k, step, size in zip(axis, steps, window, strict=True)
    )
