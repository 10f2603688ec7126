"""A table as LaTeX: plain ``tabular``, for any document that uses amsmath and amssymb."""

from __future__ import annotations

from symgrad.study.tables.cells import TIMES, Column, Section, Table
from symgrad.study.tex import escaped

_SIGNS = {TIMES: r"$\times$", "∂": r"$\partial$"}


def as_latex(table: Table) -> str:
    """Return the sections below each other, and the closing sentences as a list."""
    lines = [rf"\noindent {table.title.tex}\par"]
    for section in table.sections:
        lines += ["", *_section(table, section)]
    if table.closing:
        lines += ["", r"\begin{itemize}"]
        lines += [rf"  \item {sentence.tex}" for sentence in table.closing]
        lines += [r"\end{itemize}"]
    return "\n".join(lines) + "\n"


def _section(table: Table, section: Section) -> list[str]:
    shown = table.shown(section)
    lines = [r"\medskip\noindent"]
    if section.title:
        lines.append(rf"{_heading(section.title)}:\par\nopagebreak\noindent")
    lines.append(r"\begingroup\renewcommand{\arraystretch}{1.5}%")  # fractions need room
    lines.append(rf"\begin{{tabular}}{{{''.join(_side(section, column) for column in shown)}}}")
    lines.append(rf"  {' & '.join(_heading(column.heading) for column in shown)} \\ \hline")
    for row in section.rows:
        cells = [row.cell(column, is_read=True).tex for column in shown]
        lines.append(rf"  {' & '.join(cells)} \\")
    return [*lines, r"\end{tabular}\endgroup\par"]


def _side(section: Section, column: Column) -> str:
    """Return how a column stands: numbers to the right."""
    cells = [row.cell(column) for row in section.rows]
    return "r" if {c.kind for c in cells} <= {"number", "blank", "empty"} else "l"


def _heading(text: str) -> str:
    return "".join(_SIGNS.get(character) or escaped(character) for character in text)
