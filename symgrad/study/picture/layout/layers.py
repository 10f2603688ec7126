"""Cut a graph into layers, from left to right.

Given boxes and the wires between them, returns items in layers: the boxes, a stop for each label,
and a bend wherever a wire passes a layer.  Invariant: every segment joins two neighbouring layers,
so what is kept apart within each layer is kept apart everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Size:
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Box:
    """A node to place.  ``exit`` is room for a label on the wire that leaves it.

    ``ordered`` says that its wires must arrive in the order given, the first one on top;
    ``round`` that it is a circle.  ``note`` is room for words below it.
    """

    width: float
    height: float
    exit: Size | None = None
    ordered: bool = False
    round: bool = False
    note: Size | None = None

    @property
    def room(self) -> Size:
        """Return the box with its note, and as much above, so that wires meet its middle."""
        if self.note is None:
            return Size(self.width, self.height)
        return Size(max(self.width, self.note.width), self.height + 2 * self.note.height)


@dataclass(frozen=True, slots=True)
class Wire:
    """A line from box ``source`` to box ``target``, with room for a label where it arrives."""

    source: int
    target: int
    label: Size | None = None


BOX, LABEL, BEND = "box", "label", "bend"
NECK = 8.0  # of line between a box and the label at its exit


@dataclass(frozen=True, slots=True)
class Item:
    """What takes room in a layer: a box with its exit, a label, or a wire that passes."""

    kind: str
    width: float
    height: float


@dataclass(slots=True)
class Layers:
    """Items (the boxes come first), the layer of each, and the segments between neighbours.

    ``ports[a, b]`` is which operand of ``b`` the segment is, as a fraction below 1.
    """

    items: list[Item] = field(default_factory=list)
    rank: list[int] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)
    ports: dict[tuple[int, int], float] = field(default_factory=dict)
    labels: dict[int, int] = field(default_factory=dict)  # wire -> item of its label
    paths: list[tuple[int, ...]] = field(default_factory=list)  # wire -> items it goes through

    def add(self, item: Item, rank: int) -> int:
        self.items.append(item)
        self.rank.append(rank)
        self.before.append([])
        self.after.append([])
        return len(self.items) - 1

    def join(self, a: int, b: int, port: float = 0.0) -> None:
        """Draw a segment, unless a wire of the same source has drawn it already."""
        if b not in self.after[a]:
            self.after[a].append(b)
            self.before[b].append(a)
        self.ports.setdefault((a, b), port)

    def in_order(self) -> list[list[int]]:
        """Return the layers, each with its items in the order they were made."""
        layers: list[list[int]] = [[] for _ in range(max(self.rank, default=-1) + 1)]
        for item, rank in enumerate(self.rank):
            layers[rank].append(item)
        return layers


def layered(boxes: Sequence[Box], wires: Sequence[Wire]) -> Layers:
    """Put boxes and labels into layers, and give each wire a bend in every layer it passes."""
    made = Layers()
    ranks = _ranks(len(boxes), wires)
    for box, rank in zip(boxes, ranks, strict=True):
        made.add(Item(BOX, *_cell(box)), rank)
    for index, wire in enumerate(wires):
        if wire.label is not None:
            label = Item(LABEL, wire.label.width, wire.label.height)
            made.labels[index] = made.add(label, ranks[wire.target] - 1)
    _draw(made, wires)
    return made


def _cell(box: Box) -> tuple[float, float]:
    """Return the room of a box with its note and the label at its exit, side by side."""
    if box.exit is None:
        return box.room.width, box.room.height
    width = box.room.width + NECK + box.exit.width
    return width, max(box.room.height, box.exit.height)


def _ranks(count: int, wires: Sequence[Wire]) -> list[int]:
    """Return each box's layer: as far left as it can be, and inputs beside what reads them.

    Labels have layers of their own, between those of the boxes.
    """
    after: list[set[int]] = [set() for _ in range(count)]
    before: list[set[int]] = [set() for _ in range(count)]
    for wire in wires:
        after[wire.source].add(wire.target)
        before[wire.target].add(wire.source)
    order = _topological(before, after)
    rank = [0] * count
    for box in order:
        rank[box] = max((rank[x] + 1 for x in before[box]), default=0)
    loose = _loose(order, before, after)
    for box in reversed(order):
        if loose[box] and after[box]:
            rank[box] = min(rank[x] for x in after[box]) - 1
    labelled = {2 * rank[wire.target] - 1 for wire in wires if wire.label is not None}
    used = sorted(labelled | {2 * x for x in rank})
    place = {old: new for new, old in enumerate(used)}
    return [place[2 * x] for x in rank]


def _loose(
    order: Sequence[int], before: Sequence[set[int]], after: Sequence[set[int]]
) -> list[bool]:
    """Say which boxes may move right without making a wire longer: those at the end of a tree."""
    loose = [False] * len(order)
    for box in order:
        loose[box] = all(loose[x] and len(after[x]) == 1 for x in before[box])
    return loose


def _topological(before: Sequence[set[int]], after: Sequence[set[int]]) -> list[int]:
    waits = [len(boxes) for boxes in before]
    order = [box for box, count in enumerate(waits) if not count]
    for box in order:
        for x in sorted(after[box]):
            waits[x] -= 1
            if not waits[x]:
                order.append(x)
    assert len(order) == len(waits), "a picture is drawn of a graph without circles"
    return order


def _draw(made: Layers, wires: Sequence[Wire]) -> None:
    """Make the segments.  The wires of one source share a line as far as they can."""
    arriving = [0] * len(made.items)
    port: list[int] = []
    for wire in wires:
        port.append(arriving[wire.target])
        arriving[wire.target] += 1
    trunks: dict[int, list[int]] = {}
    for index, wire in enumerate(wires):
        ends = [made.labels[index], wire.target] if index in made.labels else [wire.target]
        trunk = trunks.setdefault(wire.source, [wire.source])
        steps = made.rank[ends[0]] - made.rank[wire.source]
        while len(trunk) < steps:
            bend = made.add(Item(BEND, 0.0, 0.0), made.rank[trunk[-1]] + 1)
            made.join(trunk[-1], bend)
            trunk.append(bend)
        fraction = port[index] / arriving[wire.target]
        for a, b in pairwise([trunk[steps - 1], *ends]):
            made.join(a, b, fraction if b == wire.target else 0.0)
        made.paths.append((*trunk[:steps], *ends))
