"""Moving elements without changing them: reshape, transpose, broadcast, join, flip."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad import notation as maths
from symgrad.dims import DimFloorDiv, Shape, Shapes, Size, floor_div, product
from symgrad.errors import ShapeError, TraceError
from symgrad.graph import Aval, Value
from symgrad.ops.creation import filled
from symgrad.ops.indexing import rows_added
from symgrad.ops.reductions import running
from symgrad.ops.table import (
    ALL,
    accept,
    array_aval,
    broadcast,
    builder_of,
    indexed,
    normal_axes,
    normal_axis,
    op,
    promoted,
    shape_of,
    size_of,
    structural,
)

# --- mathematics ------------------------------------------------------------------------------


def _reshaped(s: Any) -> maths.Math:
    """Write nothing where only axes of size 1 come and go, else say what is done."""
    have, want = s.aval(0).shape, s["shape"]
    wide = [k for k, size in enumerate(have) if not _is_one_now(size)]
    kept = [k for k, size in enumerate(want) if not _is_one_now(size)]
    if [have[k] for k in wide] == [want[k] for k in kept]:
        if s.indices is None:
            if len(wide) == len(have) or not have:
                return s.whole(0)  # type: ignore[no-any-return]
            raise maths.NeedsIndices
        found: list[Any] = [None] * len(have)
        for k, axis in zip(wide, kept, strict=True):
            found[k] = s.indices[axis]
        return s.element(0, found)  # type: ignore[no-any-return]
    flat = s.indices[0] if s.indices is not None and len(want) == 1 else None
    if isinstance(flat, maths.Flat) and len(flat.items) == len(wide):
        places = iter(flat.items)
        return s.element(0, [next(places) if k in wide else None for k in range(len(have))])  # type: ignore[no-any-return]
    if len(want) == 2 and (row := s.definition(0)) is not None and row.rhs.name == "add_at":
        added = rows_added(s, s.needs_indices())
        if added is not None:
            return added
    if len(want) == 1:
        return s.of_whole(maths.apply("ravel", s.whole(0)))  # type: ignore[no-any-return]
    sizes = maths.Product(tuple(map(s.size, want)), "×") if want else maths.Number(1)
    function = maths.Script(maths.Word("reshape"), sizes)
    return s.of_whole(maths.Apply(function, (s.whole(0),)))  # type: ignore[no-any-return]


def _is_one_now(size: Size) -> bool:
    return isinstance(size, int) and size == 1


def _with_axes(s: Any) -> maths.Math:
    """Write nothing for new axes in front, which broadcasting would add."""
    axes = s["axis"]
    if s.indices is None:
        if s.aval(0).shape and axes != tuple(range(len(axes))):
            raise maths.NeedsIndices
        return s.whole(0)  # type: ignore[no-any-return]
    return s.element(0, [x for k, x in enumerate(s.indices) if k not in axes])  # type: ignore[no-any-return]


def _without_axes(s: Any) -> maths.Math:
    given = iter(s.needs_indices())
    ndim = len(s.aval(0).shape)
    return s.element(0, [None if k in s["axis"] else next(given) for k in range(ndim)])  # type: ignore[no-any-return]


def _turned(s: Any) -> maths.Math:
    axes = s["axes"]
    if s.indices is None:
        if axes != (1, 0):
            raise maths.NeedsIndices
        return maths.turned(s.whole(0))
    return s.element(0, [s.indices[axes.index(k)] for k in range(len(axes))])  # type: ignore[no-any-return]


def _copied(s: Any) -> maths.Math:
    """Write nothing for copies: an element of them is the element that was copied."""
    shape = s.aval(0).shape
    if s.indices is None:
        if shape and tuple(shape) != tuple(s["shape"]):
            raise maths.NeedsIndices
        return s.whole(0)  # type: ignore[no-any-return]
    return s.element(0, s.indices[len(s.indices) - len(shape) :])  # type: ignore[no-any-return]


def _joined(s: Any, word: str) -> maths.Math:
    """Write numbers, or vectors end to end, between brackets; else say along which axis."""
    definitions = [s.definition(k) for k in range(len(s))]
    is_stack = word == "concatenate" and all(
        eqn is not None
        and eqn.rhs.name == "expand_dims"
        and eqn.rhs.setting("axis") == (s["axis"],)
        for eqn in definitions
    )
    if is_stack:
        word, parts = "stack", tuple(s.inside(k).whole(0) for k in range(len(s)))
    else:
        parts = tuple(_part(s, k) for k in range(len(s)))
    if not is_stack and all(len(s.aval(k).shape) == (word == "concatenate") for k in range(len(s))):
        return s.of_whole(maths.Fenced(maths.Listed(parts), "[", "]"))  # type: ignore[no-any-return]
    function = maths.Script(maths.Word(word), maths.Number(s["axis"]))
    return s.of_whole(maths.Apply(function, parts))  # type: ignore[no-any-return]


def _part(s: Any, k: int) -> maths.Math:
    eqn = s.definition(k)
    if eqn is None or eqn.rhs.name != "expand_dims":
        return s.whole(k)  # type: ignore[no-any-return]
    s.needs_indices()
    return s.built(k)  # type: ignore[no-any-return]


def _flipped(s: Any) -> maths.Math:
    axes, shape = s["axis"], s.aval(0).shape
    inner = s.definition(0)
    if inner is not None and inner.rhs.name == "cumsum" and axes == (inner.rhs.setting("axis"),):
        first = s.inside(0)
        innermost = first.definition(0)
        is_flip = innermost is not None and innermost.rhs.name == "flip"
        if is_flip and innermost.rhs.setting("axis") == axes:
            return running(s.inside(0).inside(0, s.indices), axes[0], reverse=True)
    indices = list(s.needs_indices())
    for k in axes:
        if indices[k] is not None:
            indices[k] = s.shifted(indices[k], shape[k] - 1, -1)
    return s.element(0, indices)  # type: ignore[no-any-return]


# --- reshape ----------------------------------------------------------------------------------


def _reshape_aval(shapes: Shapes, x: Aval, shape: Shape) -> Aval:
    have, want = product(x.shape), product(shape)
    if not shapes.same(have, want):
        try:
            shapes.unify(have, want)
        except ShapeError:
            raise ShapeError(
                f"cannot reshape {shapes.show_shape(x.shape)} into {shapes.show_shape(shape)}"
            ) from None
    return x._replace(shape=shape, kind="array")


structural(
    "reshape", "The same elements in another shape.", params=("shape",),
    rule="reshape reshapes back",
    aval=_reshape_aval, view=True,
    vjp=lambda ct, y, x, shape: op.reshape(ct, shape=x.shape),
    numpy=lambda s: _spell_reshape(s), notation=lambda s: _reshaped(s),
)  # fmt: skip


def _spell_reshape(s: Any) -> str:
    have, want = s.aval(0).shape, s["shape"]
    if not have:  # a number may be Python's own, which has no methods
        return f"{s.np}.reshape({s[0]}, {s.shape(want)})"
    if len(want) == 1 and len(have) != 1:
        return f"{s[0]:10}.ravel()"
    return f"{s[0]:10}.reshape({', '.join(map(s.size, want)) or '()'})"


def _wanted_shape(a: Any, shape: Sequence[Any]) -> Shape:
    shapes = a.builder.shapes
    sizes = [shapes.resolve(size_of(s)) for s in shape]
    holes = [k for k, size in enumerate(sizes) if isinstance(size, int) and size < 0]
    if len(holes) > 1:
        raise ShapeError("reshape can only find one unknown size (-1)")
    if holes:
        total = product(shapes.resolve_shape(a.aval.shape))
        known = product(size for k, size in enumerate(sizes) if k not in holes)
        sizes[holes[0]] = _quotient(shapes, total, known)
    return tuple(sizes)


def _quotient(shapes: Shapes, total: Size, known: Size) -> Size:
    if isinstance(known, int) and known == 0:
        raise ShapeError("reshape cannot find a size (-1) beside a size of 0")
    if isinstance(total, int) and isinstance(known, int) and total % known:
        raise ShapeError(f"{total} elements cannot be divided into parts of {known}")
    found = floor_div(total, known)
    if isinstance(found, DimFloorDiv):
        shapes.guard(found * known, "==", total)
    return found


@accept(method="reshape")
def reshape_method(a: Any, *shape: Any, order: str = "C") -> Any:
    return reshape(a, shape[0] if len(shape) == 1 else shape, order)


@accept(np.reshape)
def reshape(a: Any, shape: Any, order: str = "C") -> Any:
    if order != "C":
        raise TraceError(f"reshape with order={order!r}: transpose, then reshape in order 'C'")
    shape = shape if isinstance(shape, (tuple, list)) else (shape,)
    return op.reshape(a, shape=_wanted_shape(a, shape))


@accept(np.ravel, method="ravel")
def ravel(a: Any, order: str = "C") -> Any:
    if a.ndim == 1:
        return a
    return reshape(a, (-1,), order) if a.ndim else reshape(a, (1,), order)


@accept(method="flatten")
def flatten(a: Any, order: str = "C") -> Any:
    return ravel(a, order).detached()


structural(
    "expand_dims", "New axes of size 1; `axis` counts in the result.", params=("axis",),
    rule="reshape reshapes back",
    aval=lambda shapes, x, axis: x._replace(
        shape=_expanded(x.shape, axis), kind="array"
    ),
    view=True,
    vjp=lambda ct, y, x, axis: op.squeeze(ct, axis=axis),
    numpy=lambda s: _spell_expand(s), notation=lambda s: _with_axes(s),
)  # fmt: skip


def _expanded(shape: Shape, axis: tuple[int, ...]) -> Shape:
    sizes = iter(shape)
    return tuple(1 if k in axis else next(sizes) for k in range(len(shape) + len(axis)))


def _spell_expand(s: Any) -> str:
    axis, ndim = s["axis"], len(s.aval(0).shape) + len(s["axis"])
    if not s.aval(0).shape:
        return f"{s.np}.reshape({s[0]}, {(1,) * ndim})"
    entries = ["None" if k in axis else ":" for k in range(ndim)]
    while entries and entries[-1] == ":":
        entries.pop()
    return f"{s[0]:10}[{', '.join(entries)}]"


@accept(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return op.expand_dims(a, axis=normal_axes(tuple(axes), a.ndim + len(axes)))


structural(
    "squeeze", "Axes of size 1 taken away.", params=("axis",),
    rule="reshape reshapes back",
    aval=lambda shapes, x, axis: array_aval(_squeezed(shapes, x.shape, axis), x.dtype)._replace(
        kind="array"
    ),
    view=True,
    vjp=lambda ct, y, x, axis: op.expand_dims(ct, axis=axis),
    numpy=lambda s: _spell_squeeze(s), notation=lambda s: _without_axes(s),
)  # fmt: skip


def _squeezed(shapes: Shapes, shape: Shape, axis: tuple[int, ...]) -> Shape:
    for k in axis:
        if not shapes.same(shape[k], 1):
            shapes.unify(shape[k], 1)
    return tuple(size for k, size in enumerate(shape) if k not in axis)


def _spell_squeeze(s: Any) -> str:
    axis, ndim = s["axis"], len(s.aval(0).shape)
    entries = ["0" if k in axis else ":" for k in range(ndim)]
    while entries and entries[-1] == ":":
        entries.pop()
    return f"{s[0]:10}[{', '.join(entries)}]"


def _is_one(shapes: Shapes, size: Size) -> bool:
    return size == 1 if isinstance(size, int) else shapes.guard(size, "==", 1)


@accept(np.squeeze, method="squeeze")
def squeeze(a: Any, axis: Any = None) -> Any:
    shape = a.builder.shapes.resolve_shape(a.aval.shape)
    axes = (
        tuple(k for k, size in enumerate(shape) if _is_one(a.builder.shapes, size))
        if axis is None
        else normal_axes(axis, a.ndim)
    )
    return op.squeeze(a, axis=axes) if axes else a


@accept(np.atleast_1d)
def atleast_1d(a: Any) -> Any:
    return a if a.ndim else op.reshape(a, shape=(1,))


@accept(np.atleast_2d)
def atleast_2d(a: Any) -> Any:
    return a if a.ndim > 1 else op.expand_dims(atleast_1d(a), axis=(0,))


# --- transpose --------------------------------------------------------------------------------


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axes.index(k) for k in range(len(axes)))


structural(
    "transpose", "Axes in another order.", params=("axes",),
    rule="transpose transposes back",
    aval=lambda shapes, x, axes: x._replace(shape=tuple(x.shape[k] for k in axes)),
    view=True,
    vjp=lambda ct, y, x, axes: op.transpose(ct, axes=_inverse(axes)),
    numpy=lambda s: _spell_transpose(s), notation=lambda s: _turned(s),
)  # fmt: skip


def _spell_transpose(s: Any) -> str:
    axes = s["axes"]
    if axes == tuple(reversed(range(len(axes)))):
        return f"{s[0]:10}.T"
    moved = [k for k, axis in enumerate(axes) if k != axis]
    if len(moved) == 2:
        if moved == [len(axes) - 2, len(axes) - 1]:
            return f"{s[0]:10}.swapaxes(-1, -2)"
        return f"{s[0]:10}.swapaxes({moved[0]}, {moved[1]})"
    return f"{s[0]:10}.transpose({', '.join(map(str, axes))})"


def _transpose(a: Any, axes: Sequence[int]) -> Any:
    return a if tuple(axes) == tuple(range(a.ndim)) else op.transpose(a, axes=tuple(axes))


@accept(np.transpose)
def transpose(a: Any, axes: Any = None) -> Any:
    if axes is None:
        return _transpose(a, tuple(reversed(range(a.ndim))))
    order = [normal_axis(k, a.ndim) for k in axes]
    if sorted(order) != list(range(a.ndim)):
        raise ShapeError(f"transpose: {tuple(axes)} is not an order of {a.ndim} axes")
    return _transpose(a, order)


@accept(method="transpose")
def transpose_method(a: Any, *axes: Any) -> Any:
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
        return transpose(a, axes[0])
    return transpose(a, axes or None)


@accept(np.swapaxes, method="swapaxes")
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    order = list(range(a.ndim))
    i, j = normal_axis(axis1, a.ndim), normal_axis(axis2, a.ndim)
    order[i], order[j] = order[j], order[i]
    return _transpose(a, order)


@accept(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    moved = [normal_axis(k, a.ndim) for k in sources]
    order = [k for k in range(a.ndim) if k not in moved]
    for target, axis in sorted(zip((normal_axis(k, a.ndim) for k in targets), moved, strict=True)):
        order.insert(target, axis)
    return _transpose(a, order)


@accept(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    axis = normal_axis(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    return moveaxis(a, axis, start - 1 if start > axis else start)


# --- broadcast --------------------------------------------------------------------------------


def _broadcast_aval(shapes: Shapes, x: Aval, shape: Shape) -> Aval:
    try:
        broadcast(shapes, x.shape, shape)
    except ShapeError:
        raise ShapeError(
            f"cannot broadcast {shapes.show_shape(x.shape)} to {shapes.show_shape(shape)}"
        ) from None
    return Aval(shape, x.dtype, "array" if shape else x.kind)


structural(
    "broadcast_to", "Copies along new axes and axes of size 1.", params=("shape",),
    rule="broadcast sums",
    aval=_broadcast_aval, view=True,
    vjp=lambda ct, y, x, shape: ct,  # `differentiate` sums it back to the smaller shape
    numpy=lambda s: f"{s.np}.broadcast_to({s[0]}, {s.shape(s['shape'])})",
    notation=lambda s: _copied(s),
)  # fmt: skip


@accept(np.broadcast_to)
def broadcast_to(array: Any, shape: Any) -> Any:
    return op.broadcast_to(array, shape=shape_of(shape))


@accept(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any) -> Any:
    shape = broadcast(builder_of(arrays).shapes, *[a.aval.shape for a in arrays])
    return tuple(op.broadcast_to(a, shape=shape) for a in arrays)


@accept(np.repeat, method="repeat")
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    """Repeat each element: a broadcast along a new axis, then a reshape."""
    count = size_of(repeats)
    if axis is None:
        a, axis = ravel(a), 0
    k = normal_axis(axis, a.ndim)
    shape = a.aval.shape
    wide = op.broadcast_to(
        op.expand_dims(a, axis=(k + 1,)), shape=(*shape[: k + 1], count, *shape[k + 1 :])
    )
    return op.reshape(wide, shape=(*shape[:k], shape[k] * count, *shape[k + 1 :]))


@accept(np.tile)
def tile(a: Any, reps: Any) -> Any:
    """Repeat the whole array: a broadcast along new axes, then a reshape."""
    counts = shape_of(reps)
    ndim = max(a.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - a.ndim) + tuple(a.aval.shape)
    pairs = [size for pair in zip(counts, shape, strict=True) for size in pair]
    column = op.reshape(a, shape=tuple(s for size in shape for s in (1, size)))
    wide = op.broadcast_to(column, shape=tuple(pairs))
    return op.reshape(wide, shape=tuple(c * s for c, s in zip(counts, shape, strict=True)))


# --- join and reverse -------------------------------------------------------------------------


def _concatenate_aval(shapes: Shapes, *xs: Aval, axis: int) -> Aval:
    first = xs[0].shape
    for x in xs[1:]:
        if len(x.shape) != len(first):
            raise ShapeError(
                f"cannot concatenate {shapes.show_shape(first)} and {shapes.show_shape(x.shape)}"
            )
        for k, (a, b) in enumerate(zip(first, x.shape, strict=True)):
            if k != axis:
                shapes.unify(a, b)
    total = functools.reduce(operator.add, (x.shape[axis] for x in xs))
    return Aval((*first[:axis], total, *first[axis + 1 :]), promoted(*xs))


@indexed
def _concatenate_vjp(i: int, ct: Value, y: Value, *xs: Value, axis: int) -> Any:
    start: Size = functools.reduce(operator.add, (x.shape[axis] for x in xs[:i]), 0)
    stop = start + xs[i].shape[axis]
    key = (ALL,) * axis + (slice(start, stop, None),)
    return op.index(ct, key=key)


structural(
    "concatenate", "Arrays joined along an axis.", params=("axis",),
    rule="what was joined is cut apart",
    aval=_concatenate_aval, vjp=_concatenate_vjp,
    numpy=lambda s: (
        f"{s.np}.concatenate([{', '.join(str(x) for x in s)}]"
        f"{', axis=' + str(s['axis']) if s['axis'] else ''})"
    ),
    notation=lambda s: _joined(s, "concatenate"), role="joined",
)  # fmt: skip


@accept(np.concatenate)
def concatenate(arrays: Any, axis: Any = 0) -> Any:
    arrays = _all_values(arrays)
    if axis is None:
        arrays, axis = [ravel(a) for a in arrays], 0
    if len(arrays) == 1:
        return arrays[0].detached()
    return op.concatenate(*arrays, axis=normal_axis(axis, arrays[0].ndim))


def _all_values(arrays: Any) -> list[Any]:
    arrays = list(arrays)
    builder = builder_of(arrays)
    return [a if isinstance(a, Value) else builder.wrap(builder.operand(a)) for a in arrays]


def _stack_aval(shapes: Shapes, *xs: Aval, axis: int) -> Aval:
    shape = xs[0].shape
    for x in xs[1:]:
        if len(x.shape) != len(shape):
            raise ShapeError(
                f"cannot stack {shapes.show_shape(shape)} and {shapes.show_shape(x.shape)}"
            )
        shape = tuple(shapes.unify(a, b) for a, b in zip(shape, x.shape, strict=True))
    return Aval((*shape[:axis], len(xs), *shape[axis:]), promoted(*xs))


@indexed
def _stack_vjp(i: int, ct: Value, y: Value, *xs: Value, axis: int) -> Any:
    return op.index(ct, key=(ALL,) * axis + (i,))


def _spell_stack(s: Any) -> str:
    inside = ", ".join(str(x) for x in s)
    if not s.aval(0).shape:
        return f"{s.np}.array([{inside}])"
    return f"{s.np}.stack([{inside}]{', axis=' + str(s['axis']) if s['axis'] else ''})"


structural(
    "stack", "Arrays of one shape along a new axis.", params=("axis",),
    rule="what was joined is cut apart",
    aval=_stack_aval, vjp=_stack_vjp, numpy=_spell_stack, role="stacked",
    notation=lambda s: _joined(s, "stack"),
)  # fmt: skip


@accept(np.stack)
def stack(arrays: Any, axis: int = 0) -> Any:
    arrays = _all_values(arrays)
    return op.stack(*arrays, axis=normal_axis(axis, arrays[0].ndim + 1))


@accept(np.vstack)
def vstack(arrays: Any) -> Any:
    return concatenate([atleast_2d(a) for a in _all_values(arrays)], 0)


@accept(np.hstack)
def hstack(arrays: Any) -> Any:
    rows = [atleast_1d(a) for a in _all_values(arrays)]
    return concatenate(rows, 0 if rows[0].ndim == 1 else 1)


@accept(np.dstack)
def dstack(arrays: Any) -> Any:
    planes = [atleast_2d(a) for a in _all_values(arrays)]
    return concatenate([a if a.ndim > 2 else op.expand_dims(a, axis=(2,)) for a in planes], 2)


@accept(np.column_stack)
def column_stack(arrays: Any) -> Any:
    columns = [
        a if a.ndim > 1 else op.expand_dims(atleast_1d(a), axis=(1,)) for a in _all_values(arrays)
    ]
    return concatenate(columns, 1)


structural(
    "flip", "Elements in reverse order along axes.", params=("axis",),
    rule="flip flips back",
    aval=lambda shapes, x, axis: x, view=True,
    vjp=lambda ct, y, x, axis: op.flip(ct, axis=axis),
    numpy=lambda s: (
        f"{s[0]:10}["
        + ", ".join("::-1" if k in s["axis"] else ":" for k in range(max(s["axis"]) + 1))
        + "]"
    ),
    notation=lambda s: _flipped(s),
)  # fmt: skip


@accept(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    return op.flip(m, axis=normal_axes(axis, m.ndim))


@accept(np.fliplr)
def fliplr(m: Any) -> Any:
    return op.flip(m, axis=(1,))


@accept(np.flipud)
def flipud(m: Any) -> Any:
    return op.flip(m, axis=(0,))


@accept(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Move elements round: the tail joined in front of the rest."""
    if axis is None:
        return op.reshape(roll(ravel(a), shift, 0), shape=a.aval.shape)
    k = normal_axis(axis, a.ndim)
    steps = operator.index(shift)
    if abs(steps) > a.shape[k]:
        size = operator.index(a.shape[k])
        steps = steps % size if size else 0
    if not steps:
        return a.detached()
    before = (slice(None),) * k
    return concatenate([a[(*before, slice(-steps, None))], a[(*before, slice(None, -steps))]], k)


@accept(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    k = normal_axis(axis, ary.ndim)
    size = ary.aval.shape[k]
    if isinstance(indices_or_sections, (tuple, list)):
        cuts = [0, *map(size_of, indices_or_sections), size]
    else:
        count = operator.index(indices_or_sections)
        part = _quotient(ary.builder.shapes, size, count)
        cuts = [part * n for n in range(count + 1)]
    before = (slice(None),) * k
    return [op.index(ary, key=(*before, slice(a, b, None))) for a, b in itertools.pairwise(cuts)]


@accept(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)


@accept(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(ary, indices_or_sections, 0)


@accept(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    return concatenate([arr, values], axis)


@accept(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    i, j = (normal_axis(axis, m.ndim) for axis in axes)
    for _ in range(operator.index(k) % 4):
        m = swapaxes(op.flip(m, axis=(j,)), i, j)
    return m


@accept(np.meshgrid)
def meshgrid(*xi: Any, indexing: str = "xy") -> Any:
    n = len(xi)
    order = (1, 0, *range(2, n)) if indexing == "xy" and n > 1 else tuple(range(n))
    lines = [
        op.expand_dims(x, axis=tuple(k for k in range(n) if k != order[i])) if n > 1 else x
        for i, x in enumerate(map(ravel, _all_values(xi)))
    ]
    return [line.detached() for line in broadcast_arrays(*lines)]


@accept(np.pad)
def pad(array: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """Put an array in the middle of a constant one."""
    if mode != "constant" or np.ndim(constant_values):
        raise TypeError("only mode='constant' with one constant value is known")
    widths = np.broadcast_to(np.asarray(pad_width), (array.ndim, 2)).tolist()
    sizes = zip(array.aval.shape, widths, strict=True)
    frame = filled(tuple(size + a + b for size, (a, b) in sizes), constant_values, array.dtype.name)
    part = [
        slice(a, a + size, None) if a or b else ALL
        for size, (a, b) in zip(array.aval.shape, widths, strict=True)
    ]
    while part and part[-1] == ALL:
        part.pop()
    return op.put_at(frame, array, key=tuple(part))


@accept(np.copy, method="copy")
def copy(a: Any) -> Any:
    return a.detached()
