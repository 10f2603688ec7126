"""Give each item its height on the page, so that wires run straight.

Given layers in their final order and how far apart neighbours must be, returns the middle of each
item.  Invariant: neighbours in a layer are at least that far apart.

The method is U. Brandes, B. Koepf, "Fast and simple horizontal coordinate assignment" (2001):
align each item with a median neighbour, pack the rows of aligned items, do so from all four
corners, take the median.  The rows are packed by longest paths, which keeps items of any size
apart (the paper's own packing does not).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

from symgrad.study.picture.layout.layers import BEND, Layers

Apart = Callable[[int, int], float]
Order = Sequence[Sequence[int]]
Row = dict[int, int]  # item -> the first item of the row it is aligned in


def heights(graph: Layers, layers: Order, apart: Apart) -> dict[int, float]:
    """Return the middle of every item, the topmost near 0."""
    place = {item: i for layer in layers for i, item in enumerate(layer)}
    conflicts = _conflicts(graph, layers, place)
    found = []
    for rightwards in (True, False):
        neighbours = graph.before if rightwards else graph.after
        for downwards in (True, False):
            rows = _rows(layers, neighbours, place, conflicts, rightwards, downwards)
            found.append(_packed(layers, rows, apart, downwards))
    return _balanced(found)


def _conflicts(graph: Layers, layers: Order, place: dict[int, int]) -> set[tuple[int, int]]:
    """Return the segments that cross one between two bends: long wires stay straight."""
    conflicts = set()
    for left in layers:
        inner = sorted(
            (place[a], place[b])
            for a in left
            for b in graph.after[a]
            if graph.items[a].kind == graph.items[b].kind == BEND
        )
        if not inner:
            continue
        for a in left:
            for b in graph.after[a]:
                if graph.items[a].kind == graph.items[b].kind == BEND:
                    continue
                here = place[a], place[b]
                if any((u < here[0]) != (v < here[1]) for u, v in inner if u != here[0]):
                    conflicts.add((a, b))
    return conflicts


def _rows(
    layers: Order,
    neighbours: Sequence[Sequence[int]],
    place: dict[int, int],
    conflicts: set[tuple[int, int]],
    rightwards: bool,
    downwards: bool,
) -> Row:
    """Align each item with the median of its neighbours in the layer before, without crossing."""
    root: Row = {item: item for layer in layers for item in layer}
    taken: set[int] = set()
    sign = 1 if downwards else -1
    for layer in layers if rightwards else reversed(layers):
        last = -len(place)
        for item in layer if downwards else reversed(layer):
            near = sorted(neighbours[item], key=lambda x: sign * place[x])
            for x in near[(len(near) - 1) // 2 : len(near) // 2 + 1]:
                segment = (x, item) if rightwards else (item, x)
                free = x not in taken and sign * place[x] > last
                if free and segment not in conflicts:
                    root[item] = root[x]
                    taken.add(x)
                    last = sign * place[x]
                    break
    return root


def _packed(layers: Order, root: Row, apart: Apart, downwards: bool) -> dict[int, float]:
    """Push the rows together, downwards from the top or upwards from the bottom."""
    gaps: dict[tuple[int, int], float] = {}
    for layer in layers:
        for a, b in pairwise(layer):
            key = root[a], root[b]
            gaps[key] = max(gaps.get(key, 0.0), apart(a, b))
    below: dict[int, list[int]] = {row: [] for row in root.values()}
    above: dict[int, list[int]] = {row: [] for row in root.values()}
    for a, b in gaps:
        below[a].append(b)
        above[b].append(a)
    order = _from_above(above, below)
    at: dict[int, float] = {}
    for row in order:
        at[row] = max((at[x] + gaps[x, row] for x in above[row]), default=0.0)
    if not downwards:
        end = max(at.values(), default=0.0)
        for row in reversed(order):
            at[row] = min((at[x] - gaps[row, x] for x in below[row]), default=end)
    _pull(order, at, gaps, above if not downwards else below, downwards)
    return {item: at[row] for item, row in root.items()}


def _pull(
    order: Sequence[int],
    at: dict[int, float],
    gaps: dict[tuple[int, int], float],
    near: dict[int, list[int]],
    downwards: bool,
) -> None:
    """Move each row towards the rows it only keeps at a distance, as far as they let it."""
    for row in reversed(order) if downwards else order:
        if not near[row]:
            continue
        if downwards:
            at[row] = max(at[row], min(at[x] - gaps[row, x] for x in near[row]))
        else:
            at[row] = min(at[row], max(at[x] + gaps[x, row] for x in near[row]))


def _from_above(above: dict[int, list[int]], below: dict[int, list[int]]) -> list[int]:
    waits = {row: len(rows) for row, rows in above.items()}
    order = [row for row, count in waits.items() if not count]
    for row in order:
        for x in below[row]:
            waits[x] -= 1
            if not waits[x]:
                order.append(x)
    return order


def _balanced(found: Sequence[dict[int, float]]) -> dict[int, float]:
    """Return the median of the packings, each moved to the side it was packed to."""
    if not found[0]:
        return {}
    ends = [(min(at.values()), max(at.values())) for at in found]
    low, high = min(ends, key=lambda end: end[1] - end[0])
    moves = [low - end[0] if i % 2 == 0 else high - end[1] for i, end in enumerate(ends)]
    moved = list(zip(found, moves, strict=True))
    return {item: median(at[item] + by for at, by in moved) for item in found[0]}
