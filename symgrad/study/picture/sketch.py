"""What a picture says, before it is known where: parts, links, and the words on them.

Invariant: everything here is plain text and numbers of nodes; whoever writes a file escapes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from symgrad.study.picture.layout import PORT, Box, Size, Wire
from symgrad.study.picture.widths import text_width

LETTERS = 13.0  # size of the letters on wires
SIGN, CODE, NOTE = 15.0, 12.5, 10.5
ROW = 1.32  # from one line of text to the next, in letters
CIRCLE = 36.0
CARD = 4.0
BETWEEN = 5.0  # between a name and its value


class Run(NamedTuple):
    """Words of one kind: "name", "value", "gradient", "local" or "note"."""

    kind: str
    text: str


Row = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """What stands at a wire: one row above the line, the others below."""

    above: Row = ()
    below: tuple[Row, ...] = ()

    @property
    def size(self) -> Size:
        width = max(map(row_width, [self.above, *self.below]), default=0.0)
        return Size(width + 8.0, 2 * LETTERS * ROW * max(1, len(self.below)) + 4.0)


def letters(kind: str) -> float:
    return NOTE if kind == "note" else LETTERS


def row_width(row: Sequence[Run]) -> float:
    return sum(text_width(run.text, letters(run.kind)) for run in row) + BETWEEN * (len(row) - 1)


@dataclass(frozen=True, slots=True)
class Part:
    """A node of the picture.  ``look`` is "input", "gate" or "block".

    ``rows`` is what stands in it, ``heading`` the kind of a block, ``node`` its number in the
    circuit.  ``about`` tells all that is known of it, for a reader who points at it.
    """

    node: int
    look: str
    name: str
    rows: tuple[str, ...]
    exit: Label
    about: str
    note: str = ""
    heading: str = ""
    ordered: bool = False
    times: int = 1

    @property
    def is_round(self) -> bool:
        return self.look == "gate" and len(self.rows) == 1 and self._width(SIGN, False) <= 26.0

    @property
    def pile(self) -> float:
        """Return how far the cards behind the first stand out, above and to the right."""
        return 2 * CARD if self.times > 1 else 0.0

    def _width(self, size: float, mono: bool) -> float:
        return max((text_width(row, size, mono) for row in self.rows), default=0.0)

    def box(self, wires: int) -> Box:
        """Return the room that the part takes, with that many wires arriving."""
        note = Size(text_width(self.note, NOTE) + 4, NOTE * ROW) if self.note else None
        least = PORT * wires
        if self.is_round and least <= CIRCLE:
            return Box(CIRCLE, CIRCLE, self.exit.size, self.ordered, True, note)
        if self.look == "block":
            heading = text_width(self.heading, LETTERS) + (30.0 if self.times > 1 else 0.0)
            rows = len(self.rows) * CODE * ROW + (LETTERS * ROW if self.heading else 0.0)
            width = max(self._width(CODE, True), heading) + 24.0 + self.pile
            height = max(rows + 16.0, least) + self.pile
            return Box(width, height, self.exit.size, True, False, note)
        pad = 6.0 if self.look == "input" else 18.0
        width = max(self._width(SIGN, False) + pad, 20.0)
        height = max(len(self.rows) * SIGN * ROW + 8.0, least)
        return Box(width, height, self.exit.size, self.ordered, False, note)


@dataclass(frozen=True, slots=True)
class Link:
    """One reading of a part by another, by their places among the parts.

    ``edge`` is its number among the edges of the circuit, None where nothing flows back.
    """

    source: int
    target: int
    position: int
    edge: int | None
    label: Label | None
    about: str


@dataclass(frozen=True, slots=True)
class Sketch:
    """A picture without places.  ``legend`` stands below it."""

    title: str
    summary: str
    parts: tuple[Part, ...]
    links: tuple[Link, ...]
    legend: tuple[str, ...] = ()

    def boxes(self) -> list[Box]:
        arriving = [0] * len(self.parts)
        for link in self.links:
            arriving[link.target] += 1
        return [part.box(n) for part, n in zip(self.parts, arriving, strict=True)]

    def wires(self) -> list[Wire]:
        return [
            Wire(link.source, link.target, None if link.label is None else link.label.size)
            for link in self.links
        ]


@dataclass(frozen=True, slots=True)
class Frame:
    """What of a sketch is shown: the gradients known so far, and the part that is passed."""

    number: int
    parts: frozenset[int]
    links: frozenset[int]
    active: int | None = None
    caption: tuple[str, ...] = field(default=())
