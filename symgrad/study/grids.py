"""Small tables of words and numbers, as text, Markdown and HTML.

Given columns and rows of text, return a table.  Invariant: what came from a user is escaped for
the format, and nothing but layout is decided here.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass


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
        rows = [self.columns, ("---",) * len(self.columns)]
        rows += [tuple(map(self._markdown_cell, self.columns, row)) for row in self.rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

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
        return as_code(cell).replace("|", "\\|") if column in self.code else plain(cell)


def as_code(text: str) -> str:
    """Return text as Markdown code, whatever backticks it holds."""
    line = " ".join(text.split())
    if not line:
        return ""
    marks = "`"
    while marks in line:
        marks += "`"
    room = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{marks}{room}{line}{room}{marks}"


def plain(text: str) -> str:
    """Return text that means nothing to Markdown."""
    special = "\\`*_[]<>|#"
    return "".join(f"\\{c}" if c in special else c for c in " ".join(text.split()))


def number(value: float) -> str:
    """Return a number as people compare them: seven digits."""
    return f"{value:.7g}"


def finite(value: float | None) -> float | None:
    """Return a number that JSON can hold, or null."""
    return None if value is None or not math.isfinite(value) else value
