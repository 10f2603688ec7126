"""Rewrite the rational arithmetic of the gradient to what is cheapest, region by region.

A region is a new value with the new sums, products and quotients that only it needs.  Its
leaves are all else: inputs, the user's values, results of other operations, constants.  What is
found for a pattern is kept for the process.  Invariant: a value keeps its shape, dtype and
notes, and is as accurate as before wherever it was finite; where nothing is cheaper, nothing
changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from symgrad.graph import Builder, Graph, Op, Operand, Sym
from symgrad.regions.region import Region, Surroundings, is_rational
from symgrad.regions.search import Found, Pattern, better

MOST_EQUATIONS = 24  # of one region
MOST_IN_VAIN = 30  # regions that look alike, before the rest of the kind is left
ROUNDS = 2
MOST_PATTERNS = 24  # of one graph; the rest stays as the laws left it
SEVERAL = object()  # who reads a value, where that is no region, or more than one


def rewrite_regions(graph: Graph, start: int) -> Graph:
    """Return ``graph`` with its equations from number ``start`` on as cheap as can be found.

    What was read by several and is by one now belongs to a region of the next round.  A graph
    with sizes that only data knows stays: an equation may be read for its size alone.
    """
    if graph.shapes.has_selected:
        return graph
    owners, readers = _owners(graph, start)
    results = frozenset(owners)
    for _ in range(ROUNDS):
        ways = _better_ways(graph, start, owners, _merged(owners, results))
        if not ways:
            return graph
        graph, results = _rewritten(graph, start, owners, readers, ways)
        known, (owners, readers) = owners, _owners(graph, start)
        results |= {y for y, owner in known.items() if owner is y}
    return graph


def _merged(owners: Mapping[Sym, Sym], results: frozenset[Operand]) -> list[Sym]:
    """Return the regions, by result, that hold one of ``results`` within."""
    merged = {owner: None for y, owner in owners.items() if y is not owner and y in results}
    return list(merged)[::-1]


def _rewritten(
    graph: Graph,
    start: int,
    owners: Mapping[Sym, Sym],
    readers: Mapping[Operand, Any],
    ways: Mapping[Sym, tuple[Region, Found]],
) -> tuple[Graph, frozenset[Operand]]:
    """Return the graph with the better ways, and what is now the result of one."""
    builder = Builder.continuing(graph, start)
    moved: dict[Sym, Operand] = {}
    results: list[Operand] = []
    for eqn in graph.equations[start:]:
        y = eqn.lhs[0]
        if owners.get(y) not in ways and not readers.keys().isdisjoint(eqn.lhs):
            builder.keep(eqn, moved, graph)
        elif owners.get(y) is y:
            region, found = ways[y]
            moved[y] = region.bind(found, builder, moved)
            results.append(moved[y])
            builder.notes.copy(y, moved[y], graph.notes)
    builder.carry_cotangents(moved, graph)
    outputs = [moved.get(y, y) if type(y) is Sym else y for y in graph.outputs]
    return builder.graph(outputs), frozenset(results)


def _better_ways(
    graph: Graph, start: int, owners: Mapping[Sym, Sym], regions: Sequence[Sym]
) -> dict[Sym, tuple[Region, Found]]:
    """Return what to do instead for each region that has a cheaper way."""
    if not regions:
        return {}
    around = Surroundings.of(graph, start, owners)
    members: dict[Sym, list[Op]] = {}
    for eqn in graph.equations[start:]:
        if (owner := owners.get(eqn.lhs[0])) is not None:
            members.setdefault(owner, []).append(eqn.rhs)
    patterns: set[Pattern] = set()
    in_vain: Counter[Hashable] = Counter()
    ways = {}
    for y in regions:
        looks = _looks(members[y], around)
        if in_vain[looks] >= MOST_IN_VAIN:
            continue
        region = Region(around, y)
        pattern = region.pattern()
        is_known = pattern is None or pattern in patterns or len(patterns) < MOST_PATTERNS
        found = better(pattern) if pattern is not None and is_known else None
        if pattern is not None and is_known:
            patterns.add(pattern)
        if found is not None and region.may_become(found):
            ways[y] = region, found
            in_vain[looks] = -len(regions)  # it pays to look at each of them
        else:
            in_vain[looks] += 1
    return ways


def _looks(members: Sequence[Op], around: Surroundings) -> Hashable:
    """Return what regions have in common that look alike: their ops, and those of their leaves.

    It is cheap to find, and a loop written out makes thousands of a kind.
    """
    numbers: dict[Operand, int] = {}
    found: list[Any] = []
    for rhs in members:
        found.append(rhs.name)
        for x in rhs.operands:
            number = numbers.get(x)
            if number is None:
                number = numbers[x] = len(numbers)
                made = around.made.get(x)
                found.append(made.rhs.name if made is not None else type(x))
            found.append(number)
    return tuple(found)


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
