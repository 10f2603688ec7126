"""A table as Markdown: formulas as code, pipes escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from symgrad.study.tables.cells import Cell, Section, Table

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")


def as_markdown(table: Table) -> str:
    """Return a table a section, and the closing sentences."""
    parts = [f"**{escaped(table.title.text)}**"]
    parts += [_section(table, section) for section in table.sections]
    parts += ["\n".join(f"- {escaped(s.text)}" for s in table.closing)] * bool(table.closing)
    return "\n\n".join(parts) + "\n"


def _section(table: Table, section: Section) -> str:
    shown = table.shown(section)
    lines = [f"{escaped(section.title)}:", ""] if section.title else []
    lines.append(_row([escaped(column.heading) for column in shown]))
    lines.append(_row(["---"] * len(shown)))
    for row in section.rows:
        lines.append(_row([_cell(row.cell(column, is_read=True)) for column in shown]))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = cell.text.replace("\n", "")
    if cell.kind == "formula":
        return _code(text)
    return escaped(text)


def _code(text: str) -> str:
    """Return a code span; in a table even there a pipe would end the cell."""
    marks = "``" if "`" in text else "`"
    return f"{marks}{text}{marks}".replace("|", r"\|")


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return _MARKS.sub(r"\\\1", text.replace("\n", " "))
