"""Sums, maxima and logsumexps over axes, whether these are dropped or kept with size 1.

Given an operand, `reduction` returns what it reduces; given a reduction, the others say how a
value is laid out against it.  Invariant: equal reductions hold the same elements, however their
axes of size 1 are spelled.
"""

from __future__ import annotations

from typing import NamedTuple

from symgrad.dims import Shape
from symgrad.graph import Builder, Op, Operand
from symgrad.ops.reductions import reduced_shape
from symgrad.ops.table import normal_axes
from symgrad.recognise.moves import LONGEST_CHAIN, rearranged


class Reduction(NamedTuple):
    """``name(x)`` over axes, whether they are kept as axes of size 1 or not."""

    name: str
    x: Operand
    axes: tuple[int, ...]


def reduction(b: Builder, v: Operand) -> Reduction | None:
    """Return what ``v`` reduces, if it holds the elements of a sum, max or logsumexp."""
    row = b.definition(rearranged(b, v))
    if row is None or row.name not in ("sum", "max", "logsumexp"):
        return None
    x = row.operands[0]
    axes = normal_axes(row.setting("axis"), len(b.aval(x).shape))
    return _of_source(b, Reduction(row.name, x, axes)) if axes else None


def _of_source(b: Builder, r: Reduction) -> Reduction:
    """Return the reduction over the axes that its array had before it was moved or reduced."""
    for _ in range(LONGEST_CHAIN):
        row = b.definition(r.x)
        axes = _axes_before(b, row, r) if row is not None else None
        if row is None or axes is None:
            break
        r = Reduction(r.name, row.operands[0], axes)
    return r


def _axes_before(b: Builder, row: Op, r: Reduction) -> tuple[int, ...] | None:
    """Return the axes of the operand of ``row``, which makes x, that the reduction is over."""
    if row.name == "transpose" and _keeps_order(row.setting("axes"), r.axes):
        return tuple(sorted([row.setting("axes")[k] for k in r.axes]))
    if len(r.axes) < b.aval(r.x).ndim:
        return None
    is_part = row.name == r.name in ("sum", "max") and not row.setting("keepdims")
    is_whole = is_part or row.name == "reshape"
    return tuple(range(b.aval(row.operands[0]).ndim)) if is_whole else None


def _keeps_order(order: tuple[int, ...], axes: tuple[int, ...]) -> bool:
    """Return whether the axes that are left stand in the order they had before."""
    rest = [axis for k, axis in enumerate(order) if k not in axes]
    return rest == sorted(rest)


def aligned(shape: Shape, ndim: int) -> Shape:
    """Return the shape with the leading axes of size 1 that broadcasting gives it."""
    return (1,) * (ndim - len(shape)) + shape


def is_kept(b: Builder, v: Operand, r: Reduction) -> bool:
    """Return whether ``v`` broadcasts against x as the reduction with its axes kept does."""
    shape = b.aval(r.x).shape
    kept = reduced_shape(shape, r.axes, True)
    return b.shapes.same_shape(aligned(b.aval(v).shape, len(shape)), kept)


def keepdims_like(b: Builder, v: Operand, r: Reduction) -> bool | None:
    """Return the ``keepdims`` that gives the reduction the shape of ``v``, or None."""
    have, shape = b.aval(v).shape, b.aval(r.x).shape
    for keepdims in (False, True):
        if b.shapes.same_shape(have, reduced_shape(shape, r.axes, keepdims)):
            return keepdims
    return None


def reduced_like(b: Builder, v: Operand, r: Reduction) -> Operand | None:
    keepdims = keepdims_like(b, v, r)
    if keepdims is None:
        return None
    return b.apply(r.name, b.wrap(r.x), axis=r.axes, keepdims=keepdims).symbol
