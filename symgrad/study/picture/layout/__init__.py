"""An own layered layout: where boxes, labels and wires go on the page.

Given boxes and wires with the sizes of their labels, returns places, from left to right.
Invariant: no box, label or passing wire overlaps another, for each has room of its own in a
layer, and between the layers there are only wires.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.study.picture.layout.alignment import heights
from symgrad.study.picture.layout.crossings import ordered
from symgrad.study.picture.layout.layers import BEND, BOX, LABEL, Box, Size, Wire, layered
from symgrad.study.picture.layout.page import (
    JUMP,
    MARGIN,
    PORT,
    Jump,
    Layout,
    Line,
    Page,
    Place,
    Point,
)

__all__ = [
    "JUMP", "PORT", "Box", "Jump", "Layout", "Line", "Place", "Point", "Size", "Wire", "lay_out",
]  # fmt: skip

APART = {BOX: 4.0, LABEL: 3.0, BEND: 7.0}  # room that each keeps on its own side


def lay_out(boxes: Sequence[Box], wires: Sequence[Wire], width: float | None = None) -> Layout:
    """Place boxes, labels and wires: layers, few crossings, straight lines.

    What is wider than ``width`` continues in further rows.
    """
    graph = layered(boxes, wires)
    layers = ordered(graph)

    def apart(a: int, b: int) -> float:
        first, second = graph.items[a], graph.items[b]
        return (first.height + second.height) / 2 + APART[first.kind] + APART[second.kind]

    middle = heights(graph, layers, apart)
    top = min((middle[i] - graph.items[i].height / 2 for i in middle), default=0.0)
    at = {item: round(y - top + MARGIN, 1) for item, y in middle.items()}
    return Page(graph, at, layers, boxes, width).layout(wires)
