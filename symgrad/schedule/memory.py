"""Which arrays to let go before a function returns, so that its peak stays low.

Given the arrays that the statements of a function make, return those worth a `del`.  Invariant:
each saves more than `LEAST` bytes of the peak at the traced sizes, given the others.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from symgrad.graph import Graph, Operand, Sym
from symgrad.schedule.statements import Plan

LEAST = 64 * 2**20


@dataclass(slots=True)
class Buffer:
    """The memory of an array: its names, and the statements that make it and read it last.

    At statement ``end`` its last name is given to something else.
    """

    size: int
    born: int
    last: int
    end: int = 0
    names: list[Sym] = field(default_factory=list)


def worth_a_del(
    made: Plan, returned: Sequence[Operand], find_given_again: Callable[[], Mapping[Sym, int]]
) -> dict[int, list[Sym]]:
    """Return after which statements to delete which names.

    ``find_given_again`` tells at which statement a name is given to something else.
    """
    size_of = _Sizes(made.half.graph)
    if all(size_of(y) <= LEAST for s in made.statements for y in s.eqn.lhs):
        return {}
    given_again = find_given_again()
    buffers = _buffers(made, size_of)
    kept = {made.owner[x] for x in made.read_through(returned)}
    count = len(made.statements)
    for buffer in buffers.values():
        buffer.end = max(given_again.get(name, count) for name in buffer.names)
    large = [
        b for x, b in buffers.items()
        if b.size > LEAST and b.last < count - 1 and b.end == count and x not in kept
    ]  # fmt: skip
    if not large:
        return {}
    change = [0] * (count + 2)
    for buffer in buffers.values():
        change[buffer.born] += buffer.size
        change[buffer.end + 1] -= buffer.size
    for buffer in large:
        change[buffer.last + 1] -= buffer.size
    temporary = [max(map(size_of, made.temporaries(s)), default=0) for s in made.statements]
    usage = [a + b for a, b in zip(temporary, itertools.accumulate(change), strict=False)]
    found: dict[int, list[Sym]] = {}
    for buffer in _needed(large, usage):
        its_own = [x for x in buffer.names if given_again.get(x, count) > buffer.last]
        found.setdefault(buffer.last, []).extend(its_own)
    return found


def _buffers(made: Plan, size_of: _Sizes) -> dict[Sym, Buffer]:
    """Return the memory that the statements own, by who owns it."""
    buffers: dict[Sym, Buffer] = {}
    inputs = set(made.half.graph.inputs)
    for k, statement in enumerate(made.statements):
        for x in statement.reads:
            if (owner := made.owner[x]) in buffers:
                buffers[owner].last = k
        for y in statement.eqn.lhs:
            owner = made.owner[y]
            if owner not in inputs:
                buffer = buffers.setdefault(owner, Buffer(size_of(owner), k, k))
                buffer.last = k
                if (name := made.slot_of(y)) not in buffer.names:
                    buffer.names.append(name)
    return buffers


class _Sizes:
    """The bytes of arrays at the traced sizes; nothing where these are not known."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.known: dict[int, int] = {}  # equal avals are mostly one

    def __call__(self, x: Sym) -> int:
        aval = self.graph.avals[x]
        found = self.known.get(id(aval))
        if found is None:
            sizes = [self.graph.shapes.value(size) or 0 for size in aval.shape]
            found = self.known[id(aval)] = math.prod(sizes, start=aval.dtype.itemsize)
        return found


def _needed(large: Sequence[Buffer], usage: Sequence[int]) -> list[Buffer]:
    """Return the arrays without whose `del` the peak would rise by more than `LEAST`.

    ``usage`` counts the bytes at each statement if all of them are let go early.
    """
    before = list(itertools.accumulate(usage, max))
    later, k, found = 0, len(usage), []
    for buffer in sorted(large, key=lambda b: b.last, reverse=True):
        while k > buffer.last + 1:
            k -= 1
            later = max(later, usage[k])
        peak = before[buffer.last]
        if max(later + buffer.size, peak) - max(later, peak) > LEAST:
            found.append(buffer)
        else:
            later += buffer.size
    return found[::-1]
