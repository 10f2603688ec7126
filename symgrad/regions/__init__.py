"""Rewrite the rational arithmetic of the gradient to what is cheapest, region by region.

A region is a new value with the new sums, products and quotients that only it needs.  Its
leaves are all else: inputs, the user's values, results of other operations, constants.  What is
found for a pattern is kept for the process.  Invariant: a value keeps its shape, dtype and
notes, and is as accurate as before wherever it was finite; where nothing is cheaper, nothing
changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from symgrad.graph import Builder, Graph, Operand, Sym
from symgrad.regions.region import Region, Surroundings, is_rational
from symgrad.regions.search import Found, Pattern, better

MOST_EQUATIONS = 40  # of one region
ROUNDS = 2
MOST_PATTERNS = 64  # of one graph; the rest stays as the laws left it
SEVERAL = object()  # who reads a value, where that is no region, or more than one


def rewrite_regions(graph: Graph, start: int) -> Graph:
    """Return ``graph`` with its equations from number ``start`` on as cheap as can be found.

    What was read by several and is by one now belongs to a region of the next round.  A graph
    with sizes that only data knows stays: an equation may be read for its size alone.
    """
    if graph.shapes.has_selected:
        return graph
    for _ in range(ROUNDS):
        found = _round(graph, start)
        if found is graph:
            return graph
        graph = found
    return graph


def _round(graph: Graph, start: int) -> Graph:
    owners, readers = _owners(graph, start)
    better_ways = _better_ways(graph, start, owners)
    if not better_ways:
        return graph
    builder = Builder.continuing(graph, start)
    moved: dict[Sym, Operand] = {}
    for eqn in graph.equations[start:]:
        y = eqn.lhs[0]
        if owners.get(y) not in better_ways and not readers.keys().isdisjoint(eqn.lhs):
            builder.keep(eqn, moved, graph)
        elif owners.get(y) is y:
            region, found = better_ways[y]
            moved[y] = region.bind(found, builder, moved)
            builder.notes.copy(y, moved[y], graph.notes)
    builder.carry_cotangents(moved, graph)
    return builder.graph([moved.get(y, y) if type(y) is Sym else y for y in graph.outputs])


def _better_ways(
    graph: Graph, start: int, owners: Mapping[Sym, Sym]
) -> dict[Sym, tuple[Region, Found]]:
    """Return what to do instead for each region that has a cheaper way."""
    counts = Counter(owners.values())
    several = [y for y, owner in owners.items() if owner is y and counts[y] > 1][::-1]
    if not several:
        return {}
    around = Surroundings.of(graph, start, owners)
    patterns: set[Pattern] = set()
    ways = {}
    for y in several:
        region = Region(around, y)
        pattern = region.pattern()
        if pattern is None or (pattern not in patterns and len(patterns) >= MOST_PATTERNS):
            continue
        patterns.add(pattern)
        found = better(pattern)
        if found is not None and region.may_become(found):
            ways[y] = region, found
    return ways


def _owners(graph: Graph, start: int) -> tuple[dict[Sym, Sym], dict[Operand, Any]]:
    """Return the region of each new rational value, by its result, and who reads each value."""
    readers: dict[Operand, Any] = dict.fromkeys(graph.outputs, SEVERAL)
    owners: dict[Sym, Sym] = {}
    sizes: dict[Sym, int] = {}
    for eqn in reversed(graph.equations[start:]):
        y = eqn.lhs[0]
        mine: Any = SEVERAL
        if y in readers and is_rational(eqn.rhs, graph.avals[y]):
            mine = readers[y]
            if mine is SEVERAL or sizes[mine] >= MOST_EQUATIONS or not _fits(graph, y, mine):
                mine = y
            owners[y] = mine
            sizes[mine] = sizes.get(mine, 0) + 1
        elif readers.keys().isdisjoint(eqn.lhs):
            continue
        for x in eqn.rhs.operands:
            if readers.setdefault(x, mine) is not mine:
                readers[x] = SEVERAL
    return owners, readers


def _fits(graph: Graph, y: Sym, owner: Sym) -> bool:
    have, want = graph.avals[y], graph.avals[owner]
    return have.dtype == want.dtype or have.kind == "python"
