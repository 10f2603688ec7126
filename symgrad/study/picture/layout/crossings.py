"""Order the items of each layer so that few wires cross.

Given layers and the segments between them, returns the same layers in another order.  Invariant:
the order depends on the graph alone, and never has more crossings than the one it began with.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

from symgrad.study.picture.layout.layers import Layers

SWEEPS = 12  # there and back again; most graphs are done after four
PATIENCE = 4  # sweeps without a gain before it is left

Order = list[list[int]]


def ordered(graph: Layers) -> Order:
    """Return the layers in the order with the fewest crossings that was found.

    Barycentre sweeps (Sugiyama, Tagawa, Toda 1981) and exchanges of neighbours (Gansner et al.
    1993), from the order in which the output reads its operands: a tree has no crossing then.
    """
    layers = _as_read(graph)
    best, fewest, idle = layers, crossings(graph, layers), 0
    for sweep in range(SWEEPS):
        if not fewest or idle == PATIENCE:
            break
        layers = _swept(graph, layers, rightwards=sweep % 2 == 1)
        layers = _exchanged(graph, layers)
        found = crossings(graph, layers)
        idle = 0 if found < fewest else idle + 1
        if found < fewest:
            best, fewest = layers, found
    return best


def _as_read(graph: Layers) -> Order:
    """Return the layers in the order in which a walk back from the output meets the items."""
    seen: set[int] = set()
    layers: Order = [[] for _ in graph.in_order()]
    ends = [item for item, after in enumerate(graph.after) if not after]
    todo = sorted(ends, key=lambda item: (-graph.rank[item], item), reverse=True)
    while todo:
        item = todo.pop()
        if item in seen:
            continue
        seen.add(item)
        layers[graph.rank[item]].append(item)
        by_port = sorted(graph.before[item], key=lambda x: graph.ports[x, item], reverse=True)
        todo += by_port
    return layers


def _places(layers: Order) -> dict[int, int]:
    return {item: place for layer in layers for place, item in enumerate(layer)}


def crossings(graph: Layers, layers: Order) -> int:
    """Count the pairs of segments that cross."""
    place = _places(layers)
    count = 0
    for layer in layers:
        arrived: list[float] = []
        for item in layer:
            ends = sorted(place[x] + graph.ports[item, x] for x in graph.after[item])
            count += sum(len(arrived) - bisect_right(arrived, end) for end in ends)
            for end in ends:
                insort(arrived, end)
    return count


def _swept(graph: Layers, layers: Order, rightwards: bool) -> Order:
    """Return the layers, each sorted by where its neighbours in the layer before it are."""
    place = _places(layers)
    made = list(layers)
    for rank in range(len(layers)) if rightwards else reversed(range(len(layers))):
        middle = {item: _middle(graph, item, place, rightwards) for item in layers[rank]}
        made[rank] = _sorted_by(layers[rank], middle)
        place.update((item, i) for i, item in enumerate(made[rank]))
    return made


def _middle(graph: Layers, item: int, place: dict[int, int], rightwards: bool) -> float | None:
    if rightwards:
        ends = [float(place[x]) for x in graph.before[item]]
    else:
        ends = [place[x] + graph.ports[item, x] for x in graph.after[item]]
    return sum(ends) / len(ends) if ends else None


def _sorted_by(layer: Sequence[int], middle: dict[int, float | None]) -> list[int]:
    """Sort the items that have neighbours; the others stay where they are."""
    moving = [item for item in layer if middle[item] is not None]
    moved = iter(sorted(moving, key=lambda item: middle[item]))  # type: ignore[arg-type,return-value]
    return [item if middle[item] is None else next(moved) for item in layer]


def _exchanged(graph: Layers, layers: Order) -> Order:
    """Return the layers with neighbours exchanged where that saves a crossing, in one pass."""
    place = _places(layers)
    made = [list(layer) for layer in layers]
    for layer in made:
        left = {item: sorted(float(place[x]) for x in graph.before[item]) for item in layer}
        right = {
            item: sorted(place[x] + graph.ports[item, x] for x in graph.after[item])
            for item in layer
        }
        for i in range(len(layer) - 1):
            a, b = layer[i], layer[i + 1]
            now = _inversions(left[a], left[b]) + _inversions(right[a], right[b])
            if now and _inversions(left[b], left[a]) + _inversions(right[b], right[a]) < now:
                layer[i], layer[i + 1] = b, a
                place[a], place[b] = i + 1, i
    return made


def _inversions(upper: Sequence[float], lower: Sequence[float]) -> int:
    """Count the pairs in which the end of the upper item lies below that of the lower one."""
    return sum(bisect_left(lower, end) for end in upper)
