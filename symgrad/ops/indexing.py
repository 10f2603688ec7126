"""Reading and writing parts of arrays: slices, integers, integer arrays, masks.

A key is a tuple of ints, slices (of ints and sizes), ``None``, and `ARRAY` where the next
index array stands.  Ellipses are written out when the key is read, so a key covers every axis
it names from the left.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad import notation as maths
from symgrad.dims import (
    Shape,
    Shapes,
    Size,
    floor_div,
    is_nonnegative,
    largest,
    product,
    smallest,
)
from symgrad.errors import ShapeError, TraceError
from symgrad.graph import Aval, Op, Value
from symgrad.ops.table import (
    ALL,
    accept,
    broadcast,
    builder_of,
    indexed,
    keyword_text,
    normal_axis,
    op,
    promoted,
    structural,
)

ARRAY = "array"

# --- shapes -----------------------------------------------------------------------------------


def slice_length(shapes: Shapes, size: Size, part: slice) -> Size:
    """Return how many elements a slice takes from an axis."""
    start, stop, step = part.start, part.stop, part.step
    if all(x is None or isinstance(x, int) for x in (start, stop)) and isinstance(size, int):
        return len(range(*part.indices(size)))
    if step is not None and step < 0:
        if start is not None or stop is not None:
            raise ShapeError(
                "a backward slice with ends needs a known size: slice forward, then flip"
            )
        return floor_div(size - step - 1, -step)
    if stop is None and (start is None or (isinstance(start, int) and start >= 0)):
        is_whole = not start and shapes.is_at_most(0, size)
        length = size if is_whole else largest(size - (start or 0), 0)
        return length if step in (None, 1) else floor_div(length + step - 1, step)
    if (
        isinstance(stop, int)
        and stop < 0
        and (start is None or (type(start) is int and start >= 0))
    ):
        length = largest(size + stop - (start or 0), 0)
        return length if step in (None, 1) else floor_div(length + step - 1, step)
    if stop is None and type(start) is int and shapes.is_at_most(-start, size):
        return -start if step in (None, 1) else floor_div(step - 1 - start, step)
    first = _end(shapes, size, start, 0)
    last = size if stop is None else _end(shapes, size, stop, size)
    length = last - first if shapes.is_at_most(first, last) else largest(last - first, 0)
    return length if step in (None, 1) else floor_div(length + step - 1, step)


def _end(shapes: Shapes, size: Size, end: Any, default: Size) -> Size:
    if end is None:
        return default
    if _counts_from_the_end(shapes, end):
        return largest(size + end, 0)
    if shapes.is_at_most(end, size):
        return end
    return smallest(end, size) if end != 0 else 0


def _counts_from_the_end(shapes: Shapes, end: Any) -> bool:
    """Return whether a slice's end is negative: x[-k:] with k > 0, which the example decides."""
    if isinstance(end, int):
        return end < 0
    return False if shapes.is_at_most(0, end) else shapes.guard(end, "<", 0)


def _consumed(key: Sequence[Any], arrays: Sequence[Aval]) -> list[int]:
    """Return how many axes of the operand each entry of the key takes."""
    masks = iter(arrays)
    used = []
    for entry in key:
        array = next(masks) if entry == ARRAY else None
        is_mask = array is not None and array.dtype == bool
        used.append(max(array.ndim, 1) if array is not None and is_mask else int(entry is not None))
    return used


def indexed_shape(
    shapes: Shapes, shape: Shape, key: tuple[Any, ...], arrays: Sequence[Aval]
) -> Shape:
    """Return the shape of ``x[key]`` by NumPy's rules for mixed basic and advanced indices."""
    pieces: list[Shape] = []
    advanced: list[Shape] = []
    where: list[int] = []
    axis = 0
    pending = iter(arrays)
    takes_arrays = bool(arrays)
    for position, (entry, used) in enumerate(zip(key, _consumed(key, arrays), strict=True)):
        if entry is None:
            pieces.append((1,))
        elif isinstance(entry, slice):
            pieces.append((slice_length(shapes, shape[axis], entry),))
        else:
            if entry == ARRAY:
                advanced.append(_index_shape(shapes, next(pending), shape, axis))
            elif isinstance(shape[axis], int) and not -shape[axis] <= entry < shape[axis]:
                raise ShapeError(f"index {entry} is out of bounds for an axis of {shape[axis]}")
            elif type(entry) is int:
                shapes.holds_at_least(entry + 1 if entry >= 0 else -entry, shape[axis])
            if takes_arrays:
                where.append(position)
            pieces.append(())
        axis += used
    if not takes_arrays:
        return tuple(itertools.chain(*pieces, shape[axis:]))
    block = broadcast(shapes, *advanced)  # one index of one element fits any
    adjacent = where == list(range(where[0], where[-1] + 1))
    start = where[0] if adjacent else 0
    return (
        *itertools.chain(*pieces[:start]),
        *block,
        *itertools.chain(*pieces[start:]),
        *shape[axis:],
    )


def _index_shape(shapes: Shapes, index: Aval, shape: Shape, axis: int) -> Shape:
    if index.dtype != bool:
        return index.shape
    for k, size in enumerate(index.shape):
        shapes.unify(size, shape[axis + k])
    return (shapes.selected(),)


def _takes_no_array(avals: Sequence[Aval], settings: Any) -> bool:
    """Return whether an index is a view: an array of indices copies, an element is a number."""
    (key,) = settings
    is_element = len(key) == len(avals[0].shape) and all(type(k) is int for k in key)
    return not is_element and not any(a.shape or a.dtype == bool for a in avals[1:])


def _index_aval(shapes: Shapes, x: Aval, *indices: Aval, key: tuple[Any, ...]) -> Aval:
    shape = indexed_shape(shapes, x.shape, key, indices)
    basic = not indices
    kind = "array" if shape or (basic and ... in key) else "numpy"
    return Aval(shape, x.dtype, kind)  # type: ignore[arg-type]


def key_text(s: Any, first_array: int) -> str:
    arrays = itertools.count(first_array)
    parts = []
    for entry in s["key"]:
        if isinstance(entry, slice):
            parts.append(_slice_text(s, entry))
        else:
            parts.append(str(s[next(arrays)]) if entry == ARRAY else str(entry))
    return ", ".join(parts)


def _slice_text(s: Any, part: slice) -> str:
    start, stop = ("" if e is None else s.size(e) for e in (part.start, part.stop))
    return slice_text(start, stop, part.step)


def slice_text(start: str, stop: str, step: int | None) -> str:
    """Return a slice with these ends as formatters have it."""
    ends = [start, stop]
    steps = [] if step is None else [str(step)]
    if any(" " in e for e in ends):
        return " : ".join([*ends, *steps]).replace(":  :", "::").strip()
    return ":".join([*ends, *steps])


# --- mathematics ------------------------------------------------------------------------------


def picked(s: Any) -> maths.Math:
    """Write part of an array: of elements by their indices, of the whole as the code has it."""
    if s.indices is None and not _says_places(s):
        return maths.Script(s.whole(0), maths.Indices(tuple(_entries_as_written(s, 1))))
    indices = s.needs_indices()
    if any(s.aval(k).dtype == bool for k in range(1, len(s))):
        whole = maths.Script(s.whole(0), maths.Indices(tuple(_entries_as_written(s, 1))))
        return s.of_whole(whole)  # type: ignore[no-any-return]
    return s.element(0, _places(s, s.aval(0).shape, indices, 1))  # type: ignore[no-any-return]


def _says_places(s: Any) -> bool:
    """Return whether an index reads better by elements: ``p_{i, y_i}`` and not p[rows, y]."""
    key = s["key"]
    arrays = sum(entry == ARRAY for entry in key)
    return None in key or arrays > 1 or (arrays == 1 and len(key) > 1)


def _entries_as_written(s: Any, first: int) -> list[maths.Math]:
    arrays = itertools.count(first)
    found: list[maths.Math] = []
    for entry in s["key"]:
        if isinstance(entry, slice):
            ends = [None if e is None else s.size(e) for e in (entry.start, entry.stop)]
            found.append(maths.Slice(ends[0], ends[1], entry.step))
        elif entry == ARRAY:
            found.append(s.whole(next(arrays)))
        elif entry is not None:
            axis = len([e for e in s["key"][: len(found)] if e is not None])
            size = s.aval(0).shape[axis] if entry < 0 and first == 1 else 0
            found.append(s.size(size + entry))
    return found


def _places(s: Any, shape: Shape, indices: Sequence[Any], first: int) -> list[Any]:
    """Return the index of each axis of an array where its part has these indices."""
    key = s["key"]
    count = sum(entry == ARRAY for entry in key)
    block_ndim = max([len(s.aval(first + k).shape) for k in range(count)], default=0)
    start = _block_start(key, count)
    block = indices[start : start + block_ndim]
    rest = iter([*indices[:start], *indices[start + block_ndim :]])
    arrays = itertools.count(first)
    found: list[Any] = []
    axis = 0
    for entry in key:
        if entry is None:
            next(rest)
            continue
        if isinstance(entry, slice):
            found.append(_place_in_slice(s, next(rest), entry, shape[axis]))
        elif entry == ARRAY:
            k = next(arrays)
            mine = block[block_ndim - len(s.aval(k).shape) :]
            found.append(_place(s, k, mine))
        else:
            found.append(maths.number(entry) if entry >= 0 else s.size(shape[axis] + entry))
        axis += 1
    return [*found, *rest]


def _place(s: Any, k: int, indices: Sequence[Any]) -> Any:
    """Return an element of an index array; of 0, 1, 2 ... it is the index itself."""
    eqn = s.definition(k)
    return indices[0] if eqn is not None and _is_count(eqn.rhs) else s.element(k, indices)


def _is_count(rhs: Op) -> bool:
    if rhs.name == "constant":
        value = rhs.setting("value")
        return bool(value == tuple(range(len(value)))) if isinstance(value, tuple) else False
    return rhs.name == "arange" and bool(rhs.setting("start") == 0)


def _block_start(key: Sequence[Any], count: int) -> int:
    """Return the axis of the result where those of the index arrays begin."""
    if not count:
        return 0
    where = [k for k, entry in enumerate(key) if entry is not None and not isinstance(entry, slice)]
    if where != list(range(where[0], where[-1] + 1)):
        return 0
    return sum(entry is None or isinstance(entry, slice) for entry in key[: where[0]])


def _place_in_slice(s: Any, index: Any, part: slice, size: Size) -> Any:
    step = part.step or 1
    start = part.start if part.start is not None else (0 if step > 0 else size - 1)
    if isinstance(start, int) and start < 0:
        start = size + start
    return s.shifted(index, start, step)


def _taken_along(s: Any) -> maths.Math:
    indices = list(s.needs_indices())
    indices[s["axis"]] = s.element(1, s.indices)
    return s.element(0, indices)  # type: ignore[no-any-return]


def written(s: Any, adds: bool) -> maths.Math:
    """Write an array after a part of it was replaced or added to, element by element."""
    try:
        if s.indices is not None and all(s.aval(k).dtype != bool for k in range(2, len(s))):
            return _element_written(s, adds)
    except maths.NeedsIndices:
        pass
    if s.indices is None and not s["key"]:
        return maths.plus(s.whole(0), s.whole(1)) if adds else s.whole(1)
    if s.indices is None and _can_say_elements(s):
        raise maths.NeedsIndices
    place = maths.Fenced(maths.joined(_entries_as_written(s, 2)), "[", "]")
    said = maths.Relation((place, s.whole(1)), "←+" if adds else "←")
    return s.of_whole(maths.apply("scatter", s.whole(0), said))  # type: ignore[no-any-return]


def rows_added(s: Any, indices: Sequence[Any]) -> maths.Math | None:
    """Write whole rows that were added to places in a flat array, if that is what ``s`` reads.

    ``indices`` are those of an element in the array of rows.
    """
    eqn = s.definition(0)
    if eqn is None or eqn.rhs.name != "add_at" or eqn.rhs.setting("key") != (ARRAY,):
        return None
    sums = s.inside(0, (None,))
    cells = sums.definition(2)
    if cells is None or cells.rhs.name != "cells_of_rows":
        return None
    if sums.element(0, (None,)) != maths.Number(0):
        return None
    rows = sums.inside(2, (None,))
    ravelled = rows.definition(0)
    if ravelled is not None and ravelled.rhs.name == "reshape":
        rows = rows.inside(0, (None,))
    letters = s.fresh(rows.aval(0).shape)
    meant = maths.equals(rows.element(0, letters), s.counts(indices[0]))
    shown = maths.joined([letter for letter in letters if letter is not None])
    place = maths.Flat(tuple(x for x in (*letters, *indices[1:]) if x is not None))
    body = sums.element(1, (place,) if sums.aval(1).shape else ())
    return maths.Big(maths.Sign("∑"), maths.Relation((shown, meant), ":"), None, body)


def _can_say_elements(s: Any) -> bool:
    steps = [entry.step for entry in s["key"] if isinstance(entry, slice)]
    return all(step in (None, 1) for step in steps) and all(
        s.aval(k).dtype != bool for k in range(2, len(s))
    )


def _element_written(s: Any, adds: bool) -> maths.Math:
    """Write ``x_ij + [j = y_i] v_i``: the value counts where the index of the element is meant.

    A letter of the index arrays that no axis gives is summed over: an element may be meant by
    several, or by none.
    """
    if not _can_say_elements(s):
        raise maths.NeedsIndices
    key, shape, indices = s["key"], s.aval(0).shape, s.indices
    count = sum(entry == ARRAY for entry in key)
    shapes = [s.aval(2 + k).shape for k in range(count)]
    widest = _widest(shapes)
    block = list(s.fresh(widest))
    sizes = dict(zip(block, widest, strict=True))
    conditions: list[maths.Math] = []
    kept: list[Any] = []  # the indices of the value that slices and the axes after the key give
    arrays = itertools.count(2)
    known = _rows_of(s, block, widest, indices)
    block = [known.get(letter, letter) for letter in block]
    axis = 0
    for entry in key:
        if entry is None:
            kept.append(None)
            continue
        index = indices[axis]
        if isinstance(entry, slice):
            kept.append(_place_before(s, index, entry, shape[axis], conditions))
        elif entry == ARRAY:
            k = next(arrays)
            place = _place(s, k, block[len(block) - len(s.aval(k).shape) :])
            if place != index:
                conditions.append(maths.equals(s.counts(index), place))
        else:
            place = maths.number(entry) if entry >= 0 else s.size(shape[axis] + entry)
            conditions.append(maths.equals(s.counts(index), place))
        axis += 1
    kept += indices[axis:]
    start = _block_start(key, count)
    at = [*kept[:start], *block, *kept[start:]]
    value = s.element(1, at[len(at) - len(s.aval(1).shape) :])
    free = [letter for letter in block if letter is not None and letter in sizes]
    return _written_where(s, adds, value, conditions, free)


def _widest(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of index arrays that meet, of sizes that are known to agree."""
    ndim = max(map(len, shapes), default=0)
    found: list[Size] = [1] * ndim
    for shape in shapes:
        for axis, size in enumerate(shape, ndim - len(shape)):
            if not (isinstance(size, int) and size == 1):
                found[axis] = size
    return tuple(found)


def _rows_of(s: Any, block: Sequence[Any], sizes: Shape, indices: Sequence[Any]) -> dict[Any, Any]:
    """Return the letters of index arrays that count along an axis: of ``x[arange(n), y]``.

    They do if they count to its end: else there are rows that are not meant.
    """
    found: dict[Any, Any] = {}
    arrays = itertools.count(2)
    consuming = [entry for entry in s["key"] if entry is not None]
    for axis, entry in enumerate(consuming):
        if entry != ARRAY:
            continue
        k = next(arrays)
        mine = block[len(block) - len(s.aval(k).shape) :]
        letters = [letter for letter in mine if letter is not None]
        if len(letters) != 1 or indices[axis] is None or _place(s, k, mine) != letters[0]:
            continue
        size = sizes[list(block).index(letters[0])]
        if s.formulas.graph.shapes.same(size, s.aval(0).shape[axis]):
            found.setdefault(letters[0], indices[axis])
    return found


def _place_before(s: Any, index: Any, part: slice, size: Size, conditions: list[maths.Math]) -> Any:
    """Return the index in a slice of an index in the array, and note where it is one."""
    if part.start is None and part.stop is None:
        return index
    start = part.start or 0
    if isinstance(start, int) and start < 0:
        start = size + start
    if start != 0:
        conditions.append(maths.Relation((s.counts(index), s.size(start)), "≥"))
    if part.stop is not None:
        stop = size + part.stop if isinstance(part.stop, int) and part.stop < 0 else part.stop
        conditions.append(maths.Relation((s.counts(index), s.size(stop)), "<"))
    return maths.less(index, s.size(start)) if start != 0 else index


def _written_where(
    s: Any,
    adds: bool,
    value: maths.Math,
    conditions: Sequence[maths.Math],
    free: Sequence[maths.Math],
) -> maths.Math:
    before = s.element(0, s.indices)
    condition = maths.joined(conditions) if conditions else None
    if adds:
        if free:
            below = maths.joined(free)
            if condition is not None:
                below = maths.Relation((below, condition), ":")
            added: maths.Math = maths.Big(maths.Sign("∑"), below, None, value)
        else:
            added = value if condition is None else maths.times(maths.indicator(condition), value)
        is_minus_one = (
            maths.without_sign(value) == (True, maths.Number(1)) and condition and not free
        )
        if is_minus_one:
            added = maths.minus(maths.indicator(condition))  # type: ignore[arg-type]
        return added if before == maths.Number(0) else maths.plus(before, added)
    if free:
        raise maths.NeedsIndices
    if condition is None:
        return value
    return maths.Cases(((value, condition), (before, None)))


# --- read -------------------------------------------------------------------------------------


@indexed
def _index_vjp(i: int, ct: Value, y: Value, x: Value, *indices: Value, key: Any) -> Any:
    return op.add_at(zeros_of(x), ct, *indices, key=key)


def zeros_of(x: Value) -> Value:
    """Return zeros of the shape of ``x``; an input brings its own shape along."""
    if x.builder.definition(x.symbol) is None:
        return op.full_like(x, 0)
    return op.full(shape=x.shape, value=0, dtype=x.dtype.name)


structural(
    "index", "Part of an array: `x[key]`.", params=("key",),
    rule="gather scatters",
    aval=_index_aval, vjp=_index_vjp, view=_takes_no_array,
    numpy=lambda s: f"{_subscripted(s)}[{key_text(s, 1)}]", notation=lambda s: picked(s),
)  # fmt: skip


def _subscripted(s: Any) -> str:
    if s.aval(0).kind == "python":
        return f"{s.np}.asarray({s[0]})"  # a Python number has no subscript
    return f"{s[0]:10}"


def read_key(shape: Shape, key: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """Return a user's index as a static key and the index arrays in it."""
    entries = _entries(key)
    static: list[Any] = []
    arrays: list[Any] = []
    for entry in entries:
        if isinstance(entry, (bool, np.bool_)):
            raise TraceError(
                "an array cannot be indexed by a truth value: use x[None], or np.where"
            )
        if isinstance(entry, range) and entry.step == 1:
            stop = max(entry.start, entry.stop)
            entry = op.arange(start=entry.start, stop=stop, dtype="int64")
        elif hasattr(entry, "as_array"):
            entry = entry.as_array()  # a range whose end is a size
        if isinstance(entry, slice):
            static.append(slice(*map(_slice_end, (entry.start, entry.stop, entry.step))))
        elif entry is None or entry is Ellipsis:
            static.append(entry)
        elif _is_array(entry):
            static.append(ARRAY)
            arrays.append(_index_operand(entry))
        else:
            static.append(_integer(entry))
    return _without_ellipsis(static, arrays, len(shape)), arrays


def _entries(key: Any) -> list[Any]:
    return list(key) if isinstance(key, tuple) else [key]


def _integer(entry: Any) -> Any:
    expression = getattr(entry, "size_expression", None)
    if expression is not None and not isinstance(expression, int):
        return operator.index(entry)
    if isinstance(entry, (str, float)):
        raise TraceError(f"an array cannot be indexed by {entry!r}")
    return operator.index(entry)


def _slice_end(end: Any) -> Any:
    if end is None:
        return None
    expression = getattr(end, "size_expression", None)
    return operator.index(end) if expression is None else expression


def _is_array(entry: Any) -> bool:
    if isinstance(entry, Value):
        return entry.aval.kind != "python"
    return isinstance(entry, (list, tuple, range, np.ndarray))


def _without_ellipsis(static: list[Any], arrays: list[Any], ndim: int) -> tuple[Any, ...]:
    masks = iter(arrays)
    used = 0
    for entry in static:
        if entry == ARRAY:
            a = next(masks)
            used += a.ndim if a.dtype == bool else 1
        elif entry is not None and entry is not Ellipsis:
            used += 1
    if used > ndim:
        raise ShapeError(f"too many indices: {used} for an array with {ndim} axes")
    count = sum(entry is Ellipsis for entry in static)
    if count > 1:
        raise ShapeError("an index can only have one ellipsis")
    if count:
        at = next(k for k, entry in enumerate(static) if entry is Ellipsis)
        static[at : at + 1] = [ALL] * (ndim - used)
    while static and static[-1] == ALL:
        static.pop()
    return tuple(static)


def index(x: Any, key: Any) -> Any:
    """Return ``x[key]`` for a traced array."""
    static, arrays = read_key(x.aval.shape, key)
    if not static:
        return x
    if all(k is None or k == ALL for k in static):
        return op.expand_dims(x, axis=tuple(n for n, k in enumerate(static) if k is None))
    _meet_rows(x, static, arrays)
    _need_sizes(x, static, arrays)
    _assume_sizes(x, static, arrays)
    found = op.index(x, *arrays, key=static)
    # x[..., 0] of one axis is an array without axes, where x[0] is a number.
    is_array = any(k is Ellipsis for k in _entries(key))
    return found.seen_through(x) if is_array and not found.ndim else found


def _assume_sizes(x: Any, key: Sequence[Any], arrays: Sequence[Any]) -> None:
    """Let ``x[:3]`` have 3 elements, as in the example, and not min(3, n)."""
    axis = 0
    for entry, used in zip(key, _consumed(key, arrays), strict=True):
        if isinstance(entry, slice):
            ends = [entry.stop if type(entry.stop) is not int or entry.stop > 0 else None,
                    entry.start if type(entry.start) is not int else None]  # fmt: skip
            if entry.stop is None and type(entry.start) is int and entry.start < 0:
                ends.append(-entry.start)
            for end in ends:
                if end is not None and (type(end) is int or end.is_nonnegative):
                    x.builder.shapes.assume_at_most(end, x.aval.shape[axis])
        axis += used


def _need_sizes(x: Any, key: Sequence[Any], arrays: Sequence[Any]) -> None:
    """Ask for the number that a size is where ``x[3:0:-1]`` means nothing without it."""
    axis = 0
    for entry, used in zip(key, _consumed(key, arrays), strict=True):
        backward = isinstance(entry, slice) and entry.step is not None and entry.step < 0
        if backward and (entry.start is not None or entry.stop is not None):
            operator.index(x.shape[axis])
        axis += used


def _index_operand(a: Any) -> Any:
    if not isinstance(a, Value):
        a = np.asarray(a)
    if isinstance(a, np.ndarray) and a.dtype.kind not in "iub" and a.size == 0:
        a = a.astype(np.int64)
    if a.dtype.kind not in "iub":
        raise TraceError(f"an array cannot be indexed by {a.dtype} values")
    return a


def _meet_rows(x: Any, key: tuple[Any, ...], arrays: Sequence[Any]) -> None:
    """Take ``arange(n)`` as all rows where the example says so: x[np.arange(len(y)), y].

    It may also stand for all columns: x[y, np.arange(len(y))].
    """
    for entry, rows, index in zip(key, x.aval.shape, arrays, strict=False):
        if entry != ARRAY or not isinstance(index, Value) or index.dtype == bool:
            return
        row, shapes = x.builder.definition(index.symbol), x.builder.shapes
        if row is None or row.name != "arange" or row.setting("start") != 0:
            continue
        stop = row.setting("stop")
        if not isinstance(stop, int) and shapes.value(stop) == shapes.value(rows) is not None:
            shapes.unify(stop, rows, checked=False)


@accept(np.take, method="take")
def take(a: Any, indices: Any, axis: Any = None) -> Any:
    if axis is None:
        a, axis = a.ravel(), 0
    return a[(ALL,) * normal_axis(axis, a.ndim) + (_as_index(indices),)].detached()


def _as_index(indices: Any) -> Any:
    return indices if isinstance(indices, (Value, int)) else np.asarray(indices)


def _grid(x: Value, indices: Value, axis: int) -> list[Any]:
    """Return the index arrays, one an axis, that take along one axis."""
    lines: list[Any] = []
    for k in range(x.ndim):
        line = op.arange(start=0, stop=x.aval.shape[k], dtype="int64")
        after = x.ndim - 1 - k
        wide = op.expand_dims(line, axis=tuple(range(1, after + 1))) if after else line
        lines.append(indices if k == axis else wide)
    return lines


@indexed
def _take_along_vjp(i: int, ct: Value, y: Value, x: Value, indices: Value, axis: int) -> Any:
    return op.add_at(zeros_of(x), ct, *_grid(x, indices, axis), key=(ARRAY,) * x.ndim)


def _take_along_aval(shapes: Shapes, x: Aval, indices: Aval, axis: int) -> Aval:
    if len(indices.shape) != len(x.shape):
        raise ShapeError("take_along_axis: indices and array need the same number of axes")
    rest = [
        indices.shape[k] if k == axis else broadcast(shapes, (size,), (indices.shape[k],))[0]
        for k, size in enumerate(x.shape)
    ]
    return Aval(tuple(rest), x.dtype)


structural(
    "take_along", "One element an index along an axis.", params=("axis",),
    rule="gather scatters",
    aval=_take_along_aval, vjp=_take_along_vjp,
    numpy="np.take_along_axis({0}, {1}, axis={axis})",
    notation=lambda s: _taken_along(s),
)  # fmt: skip


@accept(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    indices = _index_operand(indices)
    if axis is None:
        return op.take_along(arr.ravel(), indices, axis=0)
    return op.take_along(arr, indices, axis=normal_axis(axis, arr.ndim))


@accept(np.diagonal, method="diagonal")
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    i, j = normal_axis(axis1, a.ndim), normal_axis(axis2, a.ndim)
    rest = [k for k in range(a.ndim) if k not in (i, j)]
    a = np.transpose(a, (*rest, i, j))
    rows, columns = a.aval.shape[-2:]
    length = smallest(rows + min(offset, 0), columns - max(offset, 0))
    line = op.arange(start=0, stop=length, dtype="int64")
    row = line if offset >= 0 else line - offset
    column = line if offset <= 0 else line + offset
    return a[(ALL,) * len(rest) + (row, column)].seen_through(a)


@accept(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    if v.ndim == 2:
        return diagonal(v, k)
    size = v.aval.shape[0]
    line = op.arange(start=0, stop=size, dtype="int64")
    square = op.full(shape=(size + abs(k),) * 2, value=0, dtype=v.dtype.name)
    row = line if k >= 0 else line - k
    column = line if k <= 0 else line + k
    return op.put_at(square, v, row, column, key=(ARRAY, ARRAY))


@accept(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    return diag(v.ravel(), k)


def _triangle_aval(shapes: Shapes, x: Aval, k: int) -> Aval:
    if len(x.shape) < 2:
        raise ShapeError(f"a matrix is needed, not {shapes.show_shape(x.shape)}")
    return x


def _triangle_of(s: Any, name: str) -> maths.Math:
    word = maths.Word(name)
    function = maths.Script(word, maths.number(s["k"])) if s["k"] else word
    return s.of_whole(maths.Apply(function, (s[0],)))  # type: ignore[no-any-return]


def _triangle(name: str, function: Any, word: str) -> None:
    structural(
        name, f"The {word} triangle of a matrix, zeros elsewhere.", params=("k",),
        aval=_triangle_aval, vjp=lambda ct, y, x, k: getattr(op, name)(ct, k=k),
        numpy=lambda s: f"{s.np}.{name}({s[0]}{keyword_text(k=s['k'] or None)})",
        notation=lambda s: _triangle_of(s, name),
    )  # fmt: skip

    @accept(function)
    def front(m: Any, k: int = 0) -> Any:
        return getattr(op, name)(m, k=operator.index(k))


_triangle("tril", np.tril, "lower")
_triangle("triu", np.triu, "upper")

# --- write ------------------------------------------------------------------------------------


def _write_aval(shapes: Shapes, x: Aval, value: Aval, *indices: Aval, key: Any) -> Aval:
    part = indexed_shape(shapes, x.shape, key, indices)
    joined = broadcast(shapes, part, value.shape)
    if len(joined) != len(part):
        raise ShapeError(
            f"cannot write {shapes.show_shape(value.shape)} into {shapes.show_shape(part)}"
        )
    return x


def _summed_to(ct: Value, key: Any, indices: Sequence[Value]) -> Value:
    return op.index(ct, *indices, key=key) if key else ct


@indexed
def _put_vjp(i: int, ct: Value, y: Value, x: Value, value: Value, *indices: Value, key: Any) -> Any:
    if i == 0:
        return op.put_at(ct, 0, *indices, key=key)
    facts = [(k.aval, k.builder.definition(k.symbol)) for k in indices]
    if indices and not writes_once(facts):
        return _last_written(ct, x, value, indices, key)
    return _summed_to(ct, key, indices)


def _last_written(ct: Value, x: Value, value: Value, indices: Sequence[Value], key: Any) -> Value:
    # Where an element is written more than once only the last value stays: number the writes,
    # write the numbers, and let through the cotangent where a number survived.
    part = indexed_shape(x.builder.shapes, x.shape, key, [k.aval for k in indices])
    total: Size = 1
    for size in part:
        total = total * size
    order = op.reshape(op.arange(start=0, stop=total, dtype="int64"), shape=part)
    blank = op.full(shape=x.shape, value=-1, dtype="int64")
    survived = op.index(op.put_at(blank, order, *indices, key=key), *indices, key=key)
    return op.where(op.equal(survived, order), op.index(ct, *indices, key=key), 0)


def writes_once(indices: Sequence[tuple[Aval, Op | None]]) -> bool:
    """Return whether no element can be meant twice: a mask, or a whole arange among vectors.

    Each index array comes as its aval and the op that made it.
    """
    for aval, row in indices:
        if aval.dtype == bool:
            return len(indices) == 1
        if row is not None and row.name == "arange" and all(a.ndim <= 1 for a, _ in indices):
            return True
    return not indices


def never_meet(a: Sequence[Any], b: Sequence[Any], shape: Shape) -> bool:
    """Return whether two keys of slices and numbers certainly share no element."""
    if any(type(k) is not int and type(k) is not slice for k in (*a, *b)):
        return False
    for left, right, size in zip(a, b, shape, strict=False):
        one, two = _interval(left, size), _interval(right, size)
        if one is None or two is None:
            continue
        if is_nonnegative(two[0] - one[1]) or is_nonnegative(one[0] - two[1]):
            return True
    return False


def _interval(entry: int | slice, size: Size) -> tuple[Size, Size] | None:
    """Return the first element that an entry may take and the one after its last."""
    if isinstance(entry, slice):
        start, stop = entry.start or 0, size if entry.stop is None else entry.stop
    else:
        start, stop = entry, entry + 1 if entry != -1 else size
    step = entry.step if isinstance(entry, slice) else None
    if step is not None and step < 0:
        return None
    if not all(isinstance(end, int) or is_nonnegative(end) for end in (start, stop)):
        return None  # it may count from the end
    first, last = [size + end if isinstance(end, int) and end < 0 else end for end in (start, stop)]
    return first, last


def _spell_cells(s: Any) -> str:
    width = s.size(s["width"])
    factor = width if width.isidentifier() or width.isdigit() else f"({width})"
    return f"({s[0]:10}[:, None] * {factor} + {s.np}.arange({width})).ravel()"


structural(
    "cells_of_rows", "Places of whole rows in the flat array.", params=("width",),
    aval=lambda shapes, i, width: Aval((i.shape[0] * width,), np.dtype(np.int64)),
    differentiable=False, numpy=_spell_cells,
    notation=lambda s: s.of_whole(maths.apply("cells", s[0])),
    role="cells",
    flops=lambda shapes, xs, y, width: product(xs[0].shape) + product(y.shape),
)  # fmt: skip


def _may_repeat(rhs: Op, operands: Sequence[tuple[Aval, Op | None]]) -> bool:
    return not writes_once(operands[2:])


structural(
    "put_at", "The array with a part replaced: `x[key] = value`.", params=("key",),
    rule=("what is overwritten gets nothing", "what is written gets its part"),
    aval=_write_aval, vjp=_put_vjp, numpy=None,
    notation=lambda s: written(s, adds=False),
    kinked=_may_repeat,
    kinks="of several values written to one element the last counts",
)  # fmt: skip


@indexed
def _add_vjp(i: int, ct: Value, y: Value, x: Value, value: Value, *indices: Value, key: Any) -> Any:
    return ct if i == 0 else _summed_to(ct, key, indices)


def _additions(shapes: Shapes, xs: Sequence[Aval], y: Aval, key: Any) -> Size:
    x, value, *indices = xs
    if any(k.dtype == bool for k in indices):  # only data knows how many elements a mask selects
        return product(value.shape or indices[0].shape)
    return product(indexed_shape(shapes, x.shape, key, indices))


structural(
    "add_at", "The array with a value added to a part, repeats included.", params=("key",),
    rule=("an added array passes everything", "what is added gets its part"),
    aval=_write_aval, vjp=_add_vjp, numpy=None,
    notation=lambda s: written(s, adds=True),
    flops=_additions,
)  # fmt: skip


@accept(np.add.at)
def add_at(a: Any, indices: Any, b: Any) -> None:
    """Add to parts of an array in place, repeats included."""
    if not hasattr(a, "_become"):
        raise TraceError(
            "np.add.at writes a traced value into an array of NumPy's own: make the array in code "
            "whose source can be read (a def in a file or notebook cell), or pass it as an argument"
        )
    static, arrays = read_key(a.aval.shape, indices)
    a._become(op.add_at(a, b, *arrays, key=static))


def put(x: Any, key: Any, value: Any) -> Any:
    """Return the traced array that ``x[key] = value`` leaves behind."""
    static, arrays = read_key(x.aval.shape, key)
    builder = builder_of((x, value, *arrays))
    value = value if isinstance(value, Value) else builder.wrap(builder.operand(value))
    _assume_sizes(x, static, arrays)
    if promoted(x.aval, value.aval) != x.dtype or (value.ndim and value.dtype != x.dtype):
        value = op.astype(value, dtype=x.dtype.name)
    return op.put_at(x, value, *arrays, key=static)
