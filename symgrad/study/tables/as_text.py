"""A table for a terminal: columns aligned, numbers by their decimal point."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence

from symgrad.study.tables.cells import Cell, Section, Table

GAP = "  "
WIDEST = 76  # line of a formula
_NUMBER = re.compile(r"-?\d+(\.\d*)?")


def as_text(table: Table) -> str:
    """Return the sections below each other, and the closing sentences."""
    blocks = [[table.title.text], *(_section(table, s) for s in table.sections)]
    if table.closing:
        blocks.append([sentence.text for sentence in table.closing])
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks)


def _section(table: Table, section: Section) -> list[str]:
    shown = table.shown(section)
    lines = [f"{section.title}:"] if section.title else []
    columns = []
    for column in shown:
        cells = [row.cell(column, is_read=True) for row in section.rows]
        columns.append(_Column(column.heading, cells))
    lines.append(GAP.join(column.heading for column in columns))
    lines.append(GAP.join("─" * column.width for column in columns))
    for k in range(len(section.rows)):
        height = max(len(column.cells[k]) for column in columns)
        lines += (GAP.join(column.line(k, j) for column in columns) for j in range(height))
    return lines


class _Column:
    """The cells of one column as lines of one width; plain numbers stand by their points."""

    def __init__(self, heading: str, cells: Sequence[Cell]):
        numbers = [c.text for c in cells if c.kind == "number" and _NUMBER.fullmatch(c.text)]
        whole = max((len(t.partition(".")[0]) for t in numbers), default=0)
        self.cells = [
            [" " * (whole - len(c.text.partition(".")[0])) + c.text]
            if c.kind == "number" and _NUMBER.fullmatch(c.text)
            else _lines(c)
            for c in cells
        ]
        self.width = max(map(width, (heading, *(line for cell in self.cells for line in cell))))
        self.heading = _padded(heading, self.width)

    def line(self, row: int, k: int) -> str:
        lines = self.cells[row]
        return _padded(lines[k] if k < len(lines) else "", self.width)


def _lines(cell: Cell) -> list[str]:
    """Return the lines of a cell; a long formula goes on below."""
    if cell.kind != "formula":
        return cell.text.split("\n")
    return textwrap.wrap(
        cell.text, WIDEST, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    ) or [""]


def _padded(text: str, to: int) -> str:
    return text + " " * (to - width(text))


def width(text: str) -> int:
    """Return how many places of a terminal a text takes: a bar over a letter takes none."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
