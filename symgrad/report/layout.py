"""Sections of a report as text and as Markdown.

Given titles, columns and cells, return text.  Invariant: nothing is decided here but layout; a
section without rows is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from symgrad.templating import environment


@dataclass(frozen=True, slots=True)
class Section:
    """A table: the first cell of each row says what the others are about.

    Cells of the columns in ``code`` are formulas or lines of code.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    code: tuple[str, ...] = ()


def as_text(title: str, sections: Iterable[Section]) -> str:
    """Return lines for a terminal: two cells on one line, or a line for each if there are more."""
    lines = [title]
    for section in sections:
        if section.rows:
            lines.append(f"{section.title}:")
        for head, *cells in section.rows:
            if len(cells) <= 1:
                lines.append(f"  {': '.join((head, *cells))}")
                continue
            lines.append(f"  {head}")
            width = max(map(len, section.columns[1:]))
            pairs = zip(section.columns[1:], cells, strict=True)
            lines += [f"    {name:{width}}  {cell}" for name, cell in pairs]
    return "\n".join(lines)


def as_markdown(title: str, sections: Iterable[Section]) -> str:
    """Return Markdown: a table for each section, a list where it has one column."""
    parts = [f"## {title}"]
    for section in sections:
        if not section.rows:
            continue
        parts.append(f"### {section.title[0].upper()}{section.title[1:]}")
        if len(section.columns) == 1:
            parts.append("\n".join(f"- {_as_code(row[0])}" for row in section.rows))
            continue
        rows: list[Sequence[str]] = [section.columns, ("---",) * len(section.columns)]
        for row in section.rows:
            cells = zip(section.columns, row, strict=True)
            rows.append([_as_code(cell) if name in section.code else cell for name, cell in cells])
        parts.append("\n".join(map(_row, rows)))
    return "\n\n".join(parts) + "\n"


def as_html(sections: Iterable[Section]) -> str:
    """Return a table for each section."""
    template = environment(escape=True).get_template("study/sections.html.jinja")
    return str(template.render(sections=[section for section in sections if section.rows]))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _as_code(text: str) -> str:
    marks = "``" if "`" in text else "`"
    return f"{marks}{text}{marks}" if text else ""
