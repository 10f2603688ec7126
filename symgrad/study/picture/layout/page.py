"""Set the layers side by side, and draw the wires from column to column.

Given layers and the height of each item, returns the page.  Invariant: a layer's items stay in
its column, and only between columns do wires leave their height.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from symgrad.study.picture.layout.layers import (
    BOX,
    NECK,
    Box,
    Layers,
    Size,
    Wire,
)
from symgrad.study.picture.layout.rows import rows

MARGIN = 16.0
STUB = 20.0  # the line after the last label, with its arrow head
GAP = 22.0  # between two layers, where wires cross over
STEEP = 0.16, 64.0  # a gap grows with the climb of its wires, up to this and a unit a wire
LEAD = 24.0  # of line before a wire continues in another row
JUMP = 7.0  # radius of the mark where it does
BETWEEN_ROWS = 26.0

PORT = 18.0  # of the height of a box, for each wire that arrives

Point = tuple[float, float]
Line = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle on the page, by its middle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Jump:
    """A mark where a wire leaves a row, or continues: marks of one number belong together."""

    x: float
    y: float
    number: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The page: a place for each box, exit label and wire label, and the lines of each wire.

    A line is its corners: from one to the next it is level, or a curve that is level at both
    ends.  A wire has a line for each row that it is in, and the last one ends at its target.
    What the wires of one source share is drawn by the first of them; ``forks`` are the points
    where they part.  ``stubs`` are the lines that leave a box which nothing reads.
    """

    width: float
    height: float
    boxes: tuple[Place, ...]
    exits: dict[int, Place]
    labels: dict[int, Place]
    wires: tuple[tuple[Line, ...], ...]
    stubs: dict[int, Line]
    forks: tuple[Point, ...]
    jumps: tuple[Jump, ...]


@dataclass(frozen=True, slots=True)
class _Column:
    """Where a layer begins, where its boxes end and their exits begin, and where it ends."""

    left: float
    inner: float
    right: float

    def moved(self, by: float) -> _Column:
        return _Column(self.left + by, self.inner + by, self.right + by)


class Page:
    """The layers once their heights are known: columns, and lines from column to column."""

    def __init__(
        self,
        graph: Layers,
        at: dict[int, float],
        layers: Sequence[Sequence[int]],
        boxes: Sequence[Box],
        width: float | None,
    ) -> None:
        self.graph, self.at, self.boxes = graph, at, boxes
        self.columns = self._columns(layers)
        self.row = [0] * len(layers)
        if width is not None and layers and self.columns[-1].right > width:
            self._break(layers, width)
        self.numbers = self._number_jumps()
        self.jumps: dict[Jump, None] = {}
        self.places = [self._place(item) for item in range(len(graph.items))]

    def _columns(self, layers: Sequence[Sequence[int]]) -> list[_Column]:
        """Set the layers side by side; steep wires get more room to climb."""
        factor, most = STEEP
        columns = []
        x = MARGIN
        for layer in layers:
            columns.append(self._column(x, layer))
            climbs = [abs(self.at[a] - self.at[b]) for a in layer for b in self.graph.after[a]]
            gap = min(GAP + factor * max(climbs, default=0.0), most + len(climbs))
            x = columns[-1].right + round(gap, 1)
        return columns

    def _break(self, layers: Sequence[Sequence[int]], width: float) -> None:
        """Break the layers into rows, each from the left and with heights of its own."""
        ends = [column.left for column in self.columns[1:]] + [self.columns[-1].right]
        widths = [end - column.left for column, end in zip(self.columns, ends, strict=True)]
        leaving = [sum(bool(self.graph.after[item]) for item in layer) for layer in layers]
        self.row = rows(widths, leaving, width - 2 * (MARGIN + LEAD))
        bottom = MARGIN - BETWEEN_ROWS
        for row in range(self.row[-1] + 1):
            ranks = [rank for rank, mine in enumerate(self.row) if mine == row]
            left = self.columns[ranks[0]].left - MARGIN - (LEAD if row else 0.0)
            items = [item for rank in ranks for item in layers[rank]]
            half = {item: self.graph.items[item].height / 2 + JUMP for item in items}
            down = bottom + BETWEEN_ROWS - min(self.at[item] - half[item] for item in items)
            for rank in ranks:
                self.columns[rank] = self.columns[rank].moved(-left)
            for item in items:
                self.at[item] = round(self.at[item] + down, 1)
            bottom = max(self.at[item] + half[item] for item in items)

    def _number_jumps(self) -> dict[int, int]:
        """Number the items whose wires continue in another row, from the top."""
        leaving = [
            item
            for item, after in enumerate(self.graph.after)
            if any(self._row(x) != self._row(item) for x in after)
        ]
        leaving.sort(key=lambda item: self.at[item])
        return {item: number for number, item in enumerate(leaving, 1)}

    def _row(self, item: int) -> int:
        return self.row[self.graph.rank[item]]

    def _column(self, left: float, layer: Sequence[int]) -> _Column:
        boxes = [self.boxes[item] for item in layer if self._is_box(item)]
        labels = [self.graph.items[item].width for item in layer if not self._is_box(item)]
        inner = left + max((box.room.width for box in boxes), default=0.0)
        exits = [NECK + box.exit.width for box in boxes if box.exit is not None]
        return _Column(
            left, inner, max([inner + max(exits, default=0.0), *(left + w for w in labels)])
        )

    def _place(self, index: int) -> Place:
        """Centre a box in its column; keep inputs and labels close to what they belong to."""
        item, column = self.graph.items[index], self.columns[self.graph.rank[index]]
        width, height = item.width, item.height
        x = column.right - width / 2
        if item.kind == BOX:
            box = self.boxes[index]
            width, height = box.width, box.height
            is_input = not self.graph.before[index]
            x = column.inner - box.room.width / 2 if is_input else (column.left + column.inner) / 2
        return Place(x, self.at[index], width, height)

    def _exit(self, index: int, size: Size) -> Place:
        x = self.columns[self.graph.rank[index]].inner + NECK + size.width / 2
        return Place(x, self.at[index], size.width, size.height)

    def layout(self, wires: Sequence[Wire]) -> Layout:
        ports = self._ports(wires)
        drawn: set[tuple[int, int]] = set()
        lines = [self._lines(path, ports[i], drawn) for i, path in enumerate(self.graph.paths)]
        stubs = self._stubs()
        exits = {k: self._exit(k, box.exit) for k, box in enumerate(self.boxes) if box.exit}
        ends = [line[-1][0] for line in stubs.values()]
        ends += [place.right for place in (*self.places, *exits.values())]
        ends += [jump.x + JUMP for jump in self.jumps]
        return Layout(
            round(max(ends, default=0.0) + MARGIN, 1),
            round(max(self._bottoms(), default=0.0) + MARGIN, 1),
            tuple(self.places[: len(self.boxes)]),
            exits,
            {wire: self.places[item] for wire, item in self.graph.labels.items()},
            tuple(lines),
            stubs,
            self._forks(),
            tuple(self.jumps),
        )

    def _bottoms(self) -> list[float]:
        return [self.at[i] + item.height / 2 for i, item in enumerate(self.graph.items)]

    def _ports(self, wires: Sequence[Wire]) -> list[Point]:
        """Return where each wire arrives: on the left of its target, one below the other."""
        arriving: dict[int, list[int]] = {}
        for index, wire in enumerate(wires):
            arriving.setdefault(wire.target, []).append(index)
        found: dict[int, Point] = {}
        for target, indices in arriving.items():
            box, place = self.boxes[target], self.places[target]
            if not box.ordered:
                indices = sorted(indices, key=lambda i: self.at[self.graph.paths[i][-2]])
            step = 0.8 * min(PORT, place.height / len(indices))
            for i, index in enumerate(indices):
                up = (i - (len(indices) - 1) / 2) * step
                radius = place.height / 2
                inside = radius - sqrt(radius**2 - up**2) if box.round else 0.0
                found[index] = place.left + inside, place.y + up
        return [found[index] for index in range(len(wires))]

    def _lines(
        self, path: Sequence[int], port: Point, drawn: set[tuple[int, int]]
    ) -> tuple[Line, ...]:
        """Return the lines of a wire, from where it leaves what other wires have drawn."""
        lines: list[Line] = []
        line: list[Point] = []
        for a, b in pairwise(path):
            if (a, b) in drawn:
                continue
            if b != path[-1]:
                drawn.add((a, b))
            if not line:
                line = self._start(a, (a, a) in drawn)
                drawn.add((a, a))
            segment = self._segment(b, port if b == path[-1] else None)
            if self._row(a) != self._row(b):
                lines.append(_without_level_corners([*line, self._jump_from(a)]))
                line = [self._jump_to(a, segment[0])]
            line += segment
        return (*lines, _without_level_corners(line))

    def _jump_from(self, item: int) -> Point:
        right, y = self.columns[self.graph.rank[item]].right, self.at[item]
        self.jumps[Jump(right + LEAD, y, self.numbers[item])] = None
        return right + LEAD - JUMP, y

    def _jump_to(self, item: int, start: Point) -> Point:
        self.jumps[Jump(start[0] - LEAD, start[1], self.numbers[item])] = None
        return start[0] - LEAD + JUMP, start[1]

    def _segment(self, item: int, port: Point | None) -> list[Point]:
        """Return the corners of a wire in the column of ``item``, which it passes or ends in."""
        column, y = self.columns[self.graph.rank[item]], self.at[item]
        if port is not None:
            return [(column.left, port[1]), port]
        return [(column.left, y), (column.right, y)]

    def _start(self, item: int, is_drawn: bool) -> list[Point]:
        """Return the corners from where an item is left to where its column ends."""
        y, right = self.at[item], self.columns[self.graph.rank[item]].right
        begins = self._is_box(item) and not is_drawn
        return [(self.places[item].right, y), (right, y)] if begins else [(right, y)]

    def _is_box(self, item: int) -> bool:
        return self.graph.items[item].kind == BOX

    def _stubs(self) -> dict[int, Line]:
        found: dict[int, Line] = {}
        for box, after in enumerate(self.graph.after[: len(self.boxes)]):
            if not after:
                right = self.columns[self.graph.rank[box]].right
                y = self.at[box]
                found[box] = ((self.places[box].right, y), (right + STUB, y))
        return found

    def _forks(self) -> tuple[Point, ...]:
        """Return the points where wires of one source part."""
        onward: dict[int, set[tuple[int, int]]] = {}
        for index, path in enumerate(self.graph.paths):
            for a, b in pairwise(path):
                way = (b, index if b == path[-1] else -1)
                away = self._row(a) != self._row(b)  # one line leaves the row, whoever reads it
                onward.setdefault(a, set()).add((-1, -1) if away else way)
        forking = sorted(item for item, ways in onward.items() if len(ways) > 1)
        return tuple((self.columns[self.graph.rank[i]].right, self.at[i]) for i in forking)


def _without_level_corners(line: Sequence[Point]) -> Line:
    """Drop the corners in the middle of what is level, and the repeated ones."""
    kept: list[Point] = []
    for point in line:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and kept[-2][1] == kept[-1][1] == point[1]:
            kept.pop()
        kept.append(point)
    return tuple(kept)
