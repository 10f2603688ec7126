"""A table as data: CSV for spreadsheets, JSON for programs; nothing is rounded."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from symgrad.study.plain_data import plain_data
from symgrad.study.spreadsheets import harmless
from symgrad.study.tables.cells import Cell, Table


def as_csv(table: Table) -> str:
    """Return a header line of ``row`` and the column keys, and a line a row with its kind."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", *(column.key for column in table.columns)])
    for row in table.rows:
        writer.writerow([row.kind, *(_field(row.cell(column)) for column in table.columns)])
    return out.getvalue()


def _field(cell: Cell) -> str:
    if cell.kind == "blank":
        return ""
    if cell.kind == "number":
        value = plain_data(cell.value)
        return json.dumps(value) if isinstance(value, list) else str(value)
    return harmless(cell.text)


def as_json(table: Table) -> str:
    """Return one object; a number that is not finite is a string, what is left blank is null."""
    rows = []
    for section in table.sections:
        for row in section.rows:
            cells = {c.key: row.cell(c) for c in table.columns}
            cells = {key: cell for key, cell in cells.items() if cell.kind != "empty"}
            tex = {key: cell.tex[1:-1] for key, cell in cells.items() if cell.kind == "formula"}
            rows.append({"kind": row.kind, **{k: _value(c) for k, c in cells.items()}, "tex": tex})
    whole = {
        **table.about,
        "title": table.title.text,
        "columns": [{"key": c.key, "heading": c.heading} for c in table.columns],
        "rows": rows,
        "notes": [note.text for note in table.notes],
        "sentences": [sentence.text for sentence in table.sentences],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _value(cell: Cell) -> Any:
    if cell.kind == "blank":
        return None
    return plain_data(cell.value) if cell.kind == "number" else cell.text
