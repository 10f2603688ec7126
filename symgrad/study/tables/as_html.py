"""A table as HTML: well-formed, escaped, headings with their scope."""

from __future__ import annotations

from html import escape

from symgrad.study.pages import bare_page
from symgrad.study.tables.cells import Cell, Column, Row, Section, Table

STYLE = """\
body { font-family: sans-serif; margin: 2em; }
.symgrad-table table { border-collapse: collapse; margin: 1em 0; }
.symgrad-table caption { text-align: left; padding: 0.3em 0; }
.symgrad-table th, .symgrad-table td { padding: 0.2em 0.7em; text-align: left; }
.symgrad-table td, .symgrad-table th { vertical-align: top; }
.symgrad-table thead th { border-bottom: 1px solid; }
.symgrad-table .number { text-align: right; font-variant-numeric: tabular-nums; white-space: pre; }
.symgrad-table .blank { border-bottom: 1px dotted; min-width: 5em; }
"""


def as_html(table: Table) -> str:
    """Return the sections as tables in one ``<div>``, and the closing sentences as a list."""
    lines = ['<div class="symgrad-table">', f"<p><strong>{escape(table.title.text)}</strong></p>"]
    for section in table.sections:
        lines += _section(table, section)
    if table.closing:
        lines += ["<ul>", *(f"<li>{escape(s.text)}</li>" for s in table.closing), "</ul>"]
    return "\n".join([*lines, "</div>"]) + "\n"


def as_page(table: Table) -> str:
    """Return a whole page."""
    return bare_page(table.title.text, STYLE, as_html(table))


def _section(table: Table, section: Section) -> list[str]:
    shown = table.shown(section)
    heads = "".join(f'<th scope="col">{escape(column.heading)}</th>' for column in shown)
    lines = ["<table>"]
    if section.title:
        lines.append(f"<caption>{escape(section.title)}</caption>")
    lines += [f"<thead><tr>{heads}</tr></thead>", "<tbody>"]
    lines += (_row(row, shown) for row in section.rows)
    return [*lines, "</tbody>", "</table>"]


def _row(row: Row, shown: list[Column]) -> str:
    cells = [_cell(row.cell(column, is_read=True), k == 0) for k, column in enumerate(shown)]
    return f'<tr class="{row.kind}">{"".join(cells)}</tr>'


def _cell(cell: Cell, is_first: bool) -> str:
    inside = escape(cell.text)
    if cell.kind == "formula":
        inside = f"<code>{inside}</code>"
    if cell.kind == "blank":
        inside = escape(cell.asks[0])
    if is_first and cell.kind != "empty":
        return f'<th scope="row">{inside}</th>'
    names = f' class="{cell.kind}"' if cell.kind in ("number", "blank") else ""
    return f"<td{names}>{inside}</td>"
