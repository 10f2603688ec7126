"""A table as Markdown: formulas as code, pipes escaped."""

from __future__ import annotations

from symgrad.study.markdown import cell_code, escaped, row, rule
from symgrad.study.tables.cells import Cell, Section, Table


def as_markdown(table: Table) -> str:
    """Return a table a section, and the closing sentences."""
    parts = [f"**{escaped(table.title.text)}**"]
    parts += [_section(table, section) for section in table.sections]
    parts += ["\n".join(f"- {escaped(s.text)}" for s in table.closing)] * bool(table.closing)
    return "\n\n".join(parts) + "\n"


def _section(table: Table, section: Section) -> str:
    shown = table.shown(section)
    lines = [f"{escaped(section.title)}:", ""] if section.title else []
    lines += [row(escaped(column.heading) for column in shown), rule(len(shown))]
    for each in section.rows:
        lines.append(row(_cell(each.cell(column, is_read=True)) for column in shown))
    return "\n".join(lines)


def _cell(cell: Cell) -> str:
    text = cell.text.replace("\n", "")
    return cell_code(text) if cell.kind == "formula" else escaped(text)
