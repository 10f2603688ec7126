"""A table as data: CSV for spreadsheets, JSON for programs; nothing is rounded."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import numpy as np

from symgrad.study.tables.cells import Cell, Table

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
        value = plain(cell.value)
        return json.dumps(value) if isinstance(value, list) else str(value)
    return f"'{cell.text}" if cell.text.startswith(STARTS_A_FORMULA) else cell.text


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
    return plain(cell.value) if cell.kind == "number" else cell.text


def plain(value: Any) -> Any:
    """Return a number or an array as Python's own numbers and lists."""
    found = np.asarray(value).tolist()
    return _plain(found)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(x) for x in value]
    if isinstance(value, float):
        return value + 0.0 if math.isfinite(value) else str(value)
    return value
