"""Text and code in Markdown: what comes from a user is shown as it is written.

Given text, return Markdown of one line, for a paragraph, a list or a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")


def escaped(text: str) -> str:
    """Return text that means nothing to Markdown, nor to the formulas and HTML in it."""
    return _MARKS.sub(r"\\\1", text.replace("\n", " "))


def code(text: str) -> str:
    """Return text as code, whatever backticks it holds."""
    line = " ".join(text.split())
    if not line:
        return ""
    marks = "`"
    while marks in line:
        marks += "`"
    room = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{marks}{room}{line}{room}{marks}"


def cell_code(text: str) -> str:
    """Return text as code in a table, where even there a pipe would end the cell."""
    return code(text).replace("|", r"\|")


def row(cells: Iterable[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def rule(columns: int) -> str:
    """Return the line between the headings of a table and its rows."""
    return row(["---"] * columns)
