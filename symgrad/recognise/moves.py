"""Look through what only moves elements: reshapes, axes of size 1, gathers.

Given an operand, return what its elements come from: all of them in the same order
(`rearranged`), or some of them, with the way there (`gathered`), for another value to go the
same way.  Invariant: no element is calculated with, and chains are followed for a few steps only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from symgrad.graph import Builder, Op, Operand, Sym
from symgrad.ops.table import ALL

LONGEST_CHAIN = 4  # how many moves are looked through: each look-up stays constant
GATHERS = frozenset(
    {"index", "take_along", "reshape", "expand_dims", "squeeze", "transpose", "flip"}
)

LOSSLESS = frozenset({"reshape", "expand_dims", "squeeze", "transpose"})


def rearranged(b: Builder, v: Operand) -> Operand:
    """Return the value whose elements ``v`` holds, all of them and in the same order.

    Whatever reshapes, ``[:, None]``, ``[:, 0]`` and squeezes stand between, a value of the
    same shape made from the same source is then the same value.
    """
    for _ in range(LONGEST_CHAIN):
        row = b.definition(v)
        if row is None or not _keeps_elements(b, row):
            break
        v = row.operands[0]
    return v


def keeps_elements(b: Builder, v: Operand) -> bool:
    """Return whether ``v`` is another value in another shape, its elements in the same order."""
    row = b.definition(v)
    return row is not None and _keeps_elements(b, row)


def _keeps_elements(b: Builder, row: Op) -> bool:
    if row.name in ("reshape", "expand_dims", "squeeze"):
        return True
    if row.name != "index" or len(row.operands) > 1:
        return False
    sizes = iter(b.aval(row.operands[0]).shape)
    return all(
        entry is None or (size := next(sizes)) is None or entry == ALL or b.shapes.same(size, 1)
        for entry in row.setting("key")
    )


def transposed(b: Builder, x: Operand, axes: tuple[int, ...]) -> tuple[Operand, tuple[int, ...]]:
    """Return the source of ``x`` and the one order of axes that gives ``x`` in order ``axes``."""
    for _ in range(LONGEST_CHAIN):
        row = b.definition(x)
        if row is None or row.name != "transpose":
            break
        inner = row.setting("axes")
        x, axes = row.operands[0], tuple([inner[k] for k in axes])
    return x, axes


class Move(NamedTuple):
    """A move that loses nothing, of ``sources`` that another op is then applied to."""

    row: Op
    sources: tuple[Operand, ...]

    def done_to(self, b: Builder, v: Operand) -> Operand:
        """Return ``v``, what the op makes of the sources, moved as they were."""
        settings = dict(zip(self.row.params, self.row.settings, strict=True))
        return b.apply(self.row.name, b.wrap(v), **settings).symbol


def before_move(b: Builder, operands: Sequence[Operand]) -> Move | None:
    """Return the operands before a move: f(moved x, moved y) = moved f(x, y).

    An operand that a transpose left alone is transposed back.
    """
    for y in operands:
        row = b.definition(y)
        if row is not None and row.name in LOSSLESS:
            sources = [_before(b, x, row) for x in operands]
            found = tuple([x for x in sources if x is not None])
            return Move(row, found) if len(found) == len(sources) else None
    return None


def _before(b: Builder, x: Operand, move: Op) -> Operand | None:
    row, shape = b.definition(x), b.aval(x).shape
    if row is not None and row.name == move.name and row.settings == move.settings:
        (source,), (other,) = row.operands, move.operands
        return source if b.shapes.same_shape(b.aval(source).shape, b.aval(other).shape) else None
    if not shape:
        return x
    if move.name != "transpose":
        return None
    axes = move.setting("axes")
    if len(shape) == len(axes):
        back = tuple([axes.index(k) for k in range(len(axes))])
        return b.apply("transpose", b.wrap(x), axes=back).symbol
    if len(shape) > 1:
        return None
    rest = tuple(sorted(axes[:-1]))  # a vector broadcasts along all axes but the last
    return b.apply("expand_dims", b.wrap(x), axis=rest).symbol


def gathered(b: Builder, v: Operand) -> tuple[Operand, list[Sym]]:
    """Return what ``v`` takes its elements from, and the gathers on the way, last first."""
    path: list[Sym] = []
    while len(path) < LONGEST_CHAIN and type(v) is Sym:
        row = b.definition(v)
        if row is None or row.name not in GATHERS:
            break
        path.append(v)
        v = row.operands[0]
    return v, path


def regathered(b: Builder, v: Operand, path: Sequence[Sym]) -> Operand:
    """Return ``v`` with the same elements taken; its shapes are known from the first time."""
    for y in reversed(path):
        row = b.defined_by[y].rhs
        aval = b.avals[y]._replace(dtype=b.aval(v).dtype)
        (v,) = b.bind(type(row), (v, *row.operands[1:]), row.settings, (aval,))
    return v
