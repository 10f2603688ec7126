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
        """Return the box with its note; as much room above, so that its wires stay in the middle."""
        if self.note is None:
            return Size(self.width, self.height)
        return Size(max(self.width, self.note.width), self.height + 2 * self.note.height)


@dataclass(frozen=True, slots=True)
class Wire:
    """A line from box ``source`` to box ``target``, with room for a label where it arrives."""

    source: int
    target: int
    label: Size | None = None


BOX, EXIT, LABEL, BEND = "box", "exit", "label", "bend"


@dataclass(frozen=True, slots=True)
class Item:
    """What takes room in a layer: a box, a label, or a wire that passes."""

    kind: str
    width: float
    height: float


@dataclass(slots=True)
class Layers:
    """Items, the layer of each, and the segments between neighbouring layers.

    ``ports[a, b]`` is which operand of ``b`` the segment is, as a fraction below 1.
    """

    items: list[Item] = field(default_factory=list)
    rank: list[int] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)
    ports: dict[tuple[int, int], float] = field(default_factory=dict)
    exits: dict[int, int] = field(default_factory=dict)  # box -> item of the label at its exit
    labels: dict[int, int] = field(default_factory=dict)  # wire -> item of its label
    paths: list[tuple[int, ...]] = field(default_factory=list)  # wire -> items it goes through

    def add(self, item: Item, rank: int = 0) -> int:
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
    for box in boxes:
        made.add(Item(BOX, box.room.width, box.room.height))
    for index, box in enumerate(boxes):
        if box.exit is not None:
            made.exits[index] = made.add(Item(EXIT, box.exit.width, box.exit.height))
    for index, wire in enumerate(wires):
        if wire.label is not None:
            made.labels[index] = made.add(Item(LABEL, wire.label.width, wire.label.height))
    made.rank = _ranks(made, wires)
    _draw(made, wires)
    return made


def _stops(made: Layers, index: int, wire: Wire) -> list[int]:
    """Return what a wire must pass, in order: its source, the labels, its target."""
    stops = [wire.source, made.exits.get(wire.source), made.labels.get(index), wire.target]
    return [stop for stop in stops if stop is not None]


def _ranks(made: Layers, wires: Sequence[Wire]) -> list[int]:
    """Return each item's layer: as far left as it can be, and inputs beside what reads them."""
    after: list[set[int]] = [set() for _ in made.items]
    before: list[set[int]] = [set() for _ in made.items]
    links = [(box, item) for box, item in made.exits.items()]
    links += [pair for i, wire in enumerate(wires) for pair in pairwise(_stops(made, i, wire))]
    for a, b in links:
        after[a].add(b)
        before[b].add(a)
    order = _topological(before, after)
    rank = [0] * len(made.items)
    for item in order:
        rank[item] = max((rank[x] + 1 for x in before[item]), default=0)
    loose = _loose(order, before, after)
    for item in reversed(order):
        if loose[item] and after[item]:
            rank[item] = min(rank[x] for x in after[item]) - 1
    for index, label in made.labels.items():
        rank[label] = rank[wires[index].target] - 1
    first = min(rank, default=0)
    return [x - first for x in rank]


def _loose(
    order: Sequence[int], before: Sequence[set[int]], after: Sequence[set[int]]
) -> list[bool]:
    """Say which items may move right without making a wire longer: those at the end of a tree."""
    loose = [False] * len(order)
    for item in order:
        loose[item] = all(loose[x] and len(after[x]) == 1 for x in before[item])
    return loose


def _topological(before: Sequence[set[int]], after: Sequence[set[int]]) -> list[int]:
    waits = [len(items) for items in before]
    order = [item for item, count in enumerate(waits) if not count]
    for item in order:
        for x in sorted(after[item]):
            waits[x] -= 1
            if not waits[x]:
                order.append(x)
    assert len(order) == len(waits), "a picture is drawn of a graph without circles"
    return order


def _draw(made: Layers, wires: Sequence[Wire]) -> None:
    """Make the segments.  The wires of one source share a line as far as they can."""
    arriving = [0] * (1 + max((wire.target for wire in wires), default=-1))
    port: list[int] = []
    for wire in wires:
        port.append(arriving[wire.target])
        arriving[wire.target] += 1
    for box, item in made.exits.items():
        made.join(box, item)
    trunks: dict[int, list[int]] = {}
    for index, wire in enumerate(wires):
        fraction = port[index] / arriving[wire.target]
        stops = _stops(made, index, wire)
        start = 1 if wire.source in made.exits else 0
        trunk = trunks.setdefault(wire.source, [stops[start]])
        steps = made.rank[stops[start + 1]] - made.rank[stops[start]]
        while len(trunk) < steps:
            bend = made.add(Item(BEND, 0.0, 0.0), made.rank[trunk[-1]] + 1)
            made.join(trunk[-1], bend)
            trunk.append(bend)
        path = [*stops[:start], *trunk[:steps], *stops[start + 1 :]]
        for a, b in pairwise(path[start + steps - 1 :]):
            made.join(a, b, fraction if b == wire.target else 0.0)
        made.paths.append(tuple(path))
