"""CSV files as columns: numbers where every cell is one, else words.

Given a file with a header row, return its columns by name.  Invariant: the file is read row by
row, twice (once to see what each column holds), and never held as text.
"""

from __future__ import annotations

import csv
import gzip
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.errors import DataError

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "?")
ROWS_AT_ONCE = 10_000


def read_csv(path: Path, missing: Sequence[str] = MISSING) -> dict[str, Any]:
    """Return the columns of a CSV file by the names in its first row.

    A column of whole numbers becomes int64, of numbers float64 with NaN for a ``missing`` cell,
    any other an array of str with None for a missing cell.

    Raises DataError for a file without rows, a name that stands twice, a row of another length.
    """
    marks = frozenset(missing)
    kinds, count = _kinds(path, marks)
    columns = {name: _empty(kind, count) for name, kind in kinds.items()}
    words: dict[str, str] = {}  # one object for each word, however often it stands
    for start, rows in _chunks(path, len(kinds)):
        for (name, kind), cells in zip(kinds.items(), zip(*rows, strict=True), strict=True):
            part = columns[name][start : start + len(rows)]
            if kind == "words":
                part[:] = [None if c in marks else words.setdefault(c, c) for c in cells]
            elif kind == "whole":
                part[:] = [int(c) for c in cells]
            else:
                part[:] = [np.nan if c in marks else float(c) for c in cells]
    return columns


def _empty(kind: str, count: int) -> Any:
    return np.empty(count, {"words": object, "whole": np.int64, "numbers": np.float64}[kind])


def _kinds(path: Path, marks: frozenset[str]) -> tuple[dict[str, str], int]:
    """Return what each column holds, "whole", "numbers" or "words", and how many rows there are."""
    names = _header(path)
    kinds, count = dict.fromkeys(names, "whole"), 0
    for _, rows in _chunks(path, len(names)):
        count += len(rows)
        for name, cells in zip(names, zip(*rows, strict=True), strict=True):
            kinds[name] = _kind(cells, kinds[name], marks)
    if not count:
        raise DataError(f"{path} has no rows below its header")
    return kinds, count


def _kind(cells: Sequence[str], kind: str, marks: frozenset[str]) -> str:
    if kind == "whole" and not all(_is_whole(c) for c in cells):
        kind = "numbers"
    if kind == "numbers" and not all(c in marks or _is_number(c) for c in cells):
        kind = "words"
    return kind


def _is_whole(cell: str) -> bool:
    digits = cell.strip().lstrip("+-")
    return digits.isdecimal() and len(digits) < 19  # within int64


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python reads 1_000, nobody else does


def _header(path: Path) -> list[str]:
    with _Rows(path) as rows:
        names = [name.strip() for name in next(rows, [])]
    if not names:
        raise DataError(f"{path} is empty: its first row must name the columns")
    for name in names:
        if not name:
            raise DataError(f"{path}: column {names.index(name) + 1} has no name in the first row")
        if names.count(name) > 1:
            raise DataError(f"{path}: two columns are called `{name}`")
    if all(map(_is_number, names)):
        raise DataError(
            f"{path}: the first row holds numbers ({', '.join(names[:3])}, ...): put the names of "
            "the columns there"
        )
    return names


def _chunks(path: Path, width: int) -> Iterator[tuple[int, list[list[str]]]]:
    """Give the rows some thousand at a time, each time with the number of the first."""
    start = 0
    with _Rows(path) as lines:
        next(lines)
        while rows := list(itertools.islice(lines, ROWS_AT_ONCE)):
            for row in rows:
                if len(row) != width:
                    at = start + rows.index(row) + 1
                    raise DataError(
                        f"{path}: row {at} has {len(row)} cells, the header names {width} columns"
                    )
            yield start, rows
            start += len(rows)


class _Rows:
    """A CSV file, packed with gzip or not, as an iterator over its rows."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> Iterator[list[str]]:
        is_packed = self.path.suffix == ".gz"
        opener: Any = gzip.open if is_packed else open
        self.file = opener(self.path, "rt", encoding="utf-8-sig", newline="")
        return self._rows()

    def _rows(self) -> Iterator[list[str]]:
        try:
            yield from filter(None, csv.reader(self.file, strict=True))  # no blank lines
        except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
            raise DataError(f"{self.path} is no CSV file: {error}") from None

    def __exit__(self, *_: Any) -> None:
        self.file.close()
