"""A table as data: columns, sections of rows, cells that know their value and how it reads.

Invariant: a cell that is left blank holds no value, so that a worksheet does not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from symgrad.errors import ArgumentError
from symgrad.study.digits import value_tex, value_text
from symgrad.study.tex import escaped

Kind = Literal["empty", "words", "formula", "number", "blank"]
BLANK = "________"
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place: text, TeX for a line of text, and the value at full precision.

    ``asks`` is what stays, as text and TeX, where the rest is left blank: ``dq/dx =``.
    """

    kind: Kind = "empty"
    text: str = ""
    tex: str = ""
    value: Any = None
    asks: tuple[str, str] = ("", "")

    def blank(self) -> Cell:
        """Return the cell to be filled in."""
        text, tex = self.asks
        return Cell("blank", f"{text} {BLANK}".lstrip(), rf"{tex} \underline{{\hspace{{3em}}}}")


EMPTY = Cell()


def number(value: Any, digits: int | None) -> Cell:
    """Return the cell of a number or an array; nothing for None."""
    if value is None:
        return EMPTY
    return Cell("number", value_text(value, digits), value_tex(value, digits), value)


def formula(text: str, tex: str) -> Cell:
    """Return the cell of mathematics, ``tex`` without the dollars."""
    return Cell("formula", text, f"${tex}$")


def equation(left: tuple[str, str], right: tuple[str, str]) -> Cell:
    """Return the cell of ``left = right``, of which the left side is what a worksheet asks."""
    text, tex = f"{left[0]} = {right[0]}", f"${left[1]} = {right[1]}$"
    return Cell("formula", text, tex, asks=(f"{left[0]} =", f"${left[1]} =$"))


def words(text: str, tex: str | None = None) -> Cell:
    return Cell("words", text, escaped(text) if tex is None else tex)


@dataclass(frozen=True, slots=True)
class Column:
    """What stands below each other: a stable key, and a heading for people.

    Of a row that goes on about the gate above it, people see only columns about the edge.
    ``role`` is the key that several columns answer to: one for each ``wrt`` in forward mode.
    """

    key: str
    heading: str
    of_gate: bool = False
    role: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Cells by the key of their column; ``continues`` says that the gate is the one above."""

    kind: str  # "edge" | "variable" | "chain"
    cells: Mapping[str, Cell]
    continues: bool = False

    def cell(self, column: Column, is_read: bool = False) -> Cell:
        """Return a cell; ``is_read`` leaves out what the row above says already."""
        if is_read and self.continues and column.of_gate:
            return EMPTY
        return self.cells.get(column.key, EMPTY)


@dataclass(frozen=True, slots=True)
class Section:
    """Rows about one thing."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, eq=False)
class Table:
    """A trace table.  ``str()`` is its text; other forms have methods and `save`.

    ``columns`` and ``sections`` are the data, values at full precision.  ``notes`` explain
    signs, ``sentences`` close the table.  ``key`` is the answer key of a worksheet, the table
    whose cells are left blank; None where none is.
    """

    title: Cell
    columns: tuple[Column, ...]
    sections: tuple[Section, ...]
    notes: tuple[Cell, ...]
    sentences: tuple[Cell, ...]
    about: Mapping[str, Any]
    key: Table | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows of all sections."""
        return tuple(row for section in self.sections for row in section.rows)

    def column(self, key: str) -> list[Any]:
        """Return the values of a column, the text where a cell holds no number.

        Rows that have nothing in this column are left out.
        """
        found = next((c for c in self.columns if c.key == key), None)
        if found is None:
            raise ArgumentError(f"the table has no column {key!r}: it has {_names(self.columns)}")
        cells = [row.cell(found) for row in self.rows]
        return [c.value if c.kind == "number" else c.text for c in cells if c.kind != "empty"]

    def shown(self, section: Section) -> list[Column]:
        """Return the columns in which a section has anything."""
        return [c for c in self.columns if any(r.cell(c).kind != "empty" for r in section.rows)]

    def without(self, keys: Sequence[str]) -> Table:
        """Return the table with the numbers and formulas of these columns left blank.

        What it says in words goes too, for it would tell.
        """
        known = {c.key for c in self.columns} | {c.role for c in self.columns} - {""}
        if wrong := [key for key in keys if key not in known]:
            raise ArgumentError(
                f"blank={wrong[0]!r} is no column of this table: it has {_names(self.columns)}"
            )
        left = {c.key for c in self.columns if c.key in keys or c.role in keys}
        sections = tuple(
            replace(s, rows=tuple(_blanked(row, left) for row in s.rows)) for s in self.sections
        )
        return replace(self, sections=sections, sentences=(), key=self)

    @property
    def closing(self) -> tuple[Cell, ...]:
        """What is said below the table."""
        return (*self.notes, *self.sentences)

    # --- forms

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """Return the table for a terminal, columns aligned."""
        from symgrad.study.tables.as_text import as_text

        return as_text(self)

    def markdown(self) -> str:
        """Return Markdown tables, as GitHub and Jupyter read them."""
        from symgrad.study.tables.as_markdown import as_markdown

        return as_markdown(self)

    def html(self) -> str:
        """Return a ``<div>`` of HTML tables, to be put into a page."""
        from symgrad.study.tables.as_html import as_html

        return as_html(self)

    def latex(self) -> str:
        """Return ``tabular`` environments, for a document that uses amsmath and amssymb."""
        from symgrad.study.tables.as_latex import as_latex

        return as_latex(self)

    def csv(self) -> str:
        """Return one header line of column keys and a line a row, numbers at full precision.

        An array is a JSON list.  A text that a spreadsheet would take for a formula begins with
        an apostrophe.
        """
        from symgrad.study.tables.as_data import as_csv

        return as_csv(self)

    def json(self) -> str:
        """Return JSON: title, columns, and rows with their values at full precision."""
        from symgrad.study.tables.as_data import as_json

        return as_json(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the form that the suffix names: .txt, .md, .html, .tex, .csv or .json.

        An .html file is a whole page; a .tex file is to be read with ``\\input``.
        """
        form = FORMS.get(Path(path).suffix)
        if form is None:
            raise ArgumentError(
                f"{Path(path).name}: no table format has this suffix; use one of {', '.join(FORMS)}"
            )
        text = form(self)
        Path(path).write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_latex_(self) -> str:
        return self.latex()

    def __repr__(self) -> str:
        return self.text()


def page(table: Table) -> str:
    from symgrad.study.tables.as_html import as_page

    return as_page(table)


FORMS: Mapping[str, Callable[[Table], str]] = {
    ".txt": Table.text, ".md": Table.markdown, ".html": page, ".tex": Table.latex,
    ".csv": Table.csv, ".json": Table.json,
}  # fmt: skip


def _blanked(row: Row, left: set[str]) -> Row:
    cells = {
        key: cell.blank() if key in left and cell.kind in ("number", "formula") else cell
        for key, cell in row.cells.items()
    }
    return replace(row, cells=cells)


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(repr(c.key) for c in columns)
