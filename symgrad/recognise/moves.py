"""Look through what only moves elements: reshapes, axes of size 1, gathers.

Given an operand, return what its elements come from: all of them in the same order
(`rearranged`), or some of them, with the way there (`gathered`), for another value to go the
same way.  Invariant: no element is calculated with, and chains are followed for a few steps only.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import Builder, Op, Operand, Sym
from symgrad.ops.indexing import ALL

LONGEST_CHAIN = 4  # how many moves are looked through: each look-up stays constant
GATHERS = frozenset(
    {"index", "take_along", "reshape", "expand_dims", "squeeze", "transpose", "flip"}
)


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
