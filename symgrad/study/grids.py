"""Small tables of words and numbers, as text, Markdown and HTML.

Given columns and rows of text, return a table.  Invariant: what came from a user is escaped for
the format, and nothing but layout is decided here.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.study import markdown


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; cells of the columns in ``code`` are names or lines of code."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    code: tuple[str, ...] = ()

    def text(self) -> str:
        """Return aligned lines for a terminal."""
        table = [self.columns, *self.rows]
        widths = [max(len(row[k]) for row in table) for k in range(len(self.columns))]
        lines = (
            "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
            for row in table
        )
        return "\n".join(line.rstrip() for line in lines)

    def markdown(self) -> str:
        """Return a Markdown table."""
        head = [markdown.row(map(markdown.escaped, self.columns)), markdown.rule(len(self.columns))]
        rows = (markdown.row(map(self._markdown_cell, self.columns, row)) for row in self.rows)
        return "\n".join([*head, *rows])

    def html(self, css_class: str) -> str:
        """Return an HTML table of a class."""
        head = "".join(f"<th>{html.escape(column)}</th>" for column in self.columns)
        rows = (
            "".join(
                f"<td><code>{html.escape(cell)}</code></td>"
                if column in self.code
                else f"<td>{html.escape(cell)}</td>"
                for column, cell in zip(self.columns, row, strict=True)
            )
            for row in self.rows
        )
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        return f'<table class="{css_class}">\n<tr>{head}</tr>\n{body}\n</table>'

    def _markdown_cell(self, column: str, cell: str) -> str:
        return markdown.cell_code(cell) if column in self.code else markdown.escaped(cell)


def number(value: float) -> str:
    """Return a number as people compare them: seven digits."""
    return f"{value:.7g}"


def finite(value: float | None) -> float | None:
    """Return a number that JSON can hold, or null."""
    return None if value is None or not math.isfinite(value) else value
