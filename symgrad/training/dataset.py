"""Examples to train on: rows of columns, read when they are asked for.

Given columns whose first axis is the examples, return the rows of a batch as the function takes
them.  Invariant: what is in a file stays there until a batch needs it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.errors import DataError
from symgrad.training.file_arrays import FileArray
from symgrad.training.preparing import Preparation

Batch = tuple[Any, ...]
Rows = Any  # numbers of rows, or a slice


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples by number.  ``rows`` are those that belong to it, None for all of the columns.

    ``names`` says in which order the function takes the columns.  Columns that are prepared
    batch by batch have a ``preparation``.
    """

    columns: Mapping[str, Any]
    names: tuple[str, ...]
    rows: Any = None
    preparation: Preparation | None = None

    def __len__(self) -> int:
        return len(self.rows) if self.rows is not None else row_count(self.columns)

    def take(self, rows: Rows) -> Batch:
        """Return some rows, in this order."""
        if self.is_plain:
            return tuple([_rows_of(self.columns[name], rows) for name in self.names])
        made = self.columns_at(rows)
        return tuple([made[name] for name in self.names])

    def columns_at(self, rows: Rows) -> dict[str, Any]:
        """Return some rows of every column, prepared, by name."""
        wanted = rows if self.rows is None else self.rows[rows]
        found = {
            name: column[wanted] if np.ndim(column) else column
            for name, column in self.columns.items()
        }
        if self.preparation is None:
            return found
        if isinstance(wanted, slice):
            wanted = np.arange(*wanted.indices(len(self)))
        return self.preparation.apply(found, wanted)

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether a batch is rows of arrays in memory and nothing more."""
        return self.rows is None and self.preparation is None and not self.is_on_disk

    @property
    def is_on_disk(self) -> bool:
        return any(isinstance(x, FileArray) for x in self.columns.values())

    def parts(self, size: int | None) -> Iterator[Batch]:
        """Give all rows in order, at most ``size`` at a time."""
        count = len(self)
        for start in range(0, count, size or count):
            yield self.take(slice(start, min(start + (size or count), count)))


def _rows_of(column: Any, rows: Rows) -> Any:
    if not np.ndim(column):
        return column
    if isinstance(rows, slice) or not column.flags.c_contiguous:
        return column[rows]  # `take` would first copy the whole column
    return column.take(rows, axis=0)  # in half the time of column[rows]


def row_count(columns: Mapping[str, Any]) -> int:
    """Return how many rows columns have, or raise `DataError` where they disagree."""
    counts = {name: len(x) for name, x in columns.items() if np.ndim(x)}
    if not counts:
        raise DataError("the data holds no array: its first axis would be the examples")
    first, count = next(iter(counts.items()))
    for name, other in counts.items():
        if other != count:
            raise DataError(
                f"`{first}` has {count} rows and `{name}` {other}: the first axis of every array "
                "is the examples"
            )
    if not count:
        raise DataError(f"the data has no rows: `{first}` has shape {np.shape(columns[first])}")
    return count


def refuse_not_finite(columns: Mapping[str, Any], source: str = "data") -> None:
    """Refuse NaN and words in columns that go to the function as they are."""
    refuse_words(columns, source)
    for name, x in columns.items():
        if isinstance(x, np.ndarray) and x.dtype.kind == "f" and not np.isfinite(x).all():
            row = int(np.argwhere(~np.isfinite(x))[0][0])
            count = int((~np.isfinite(x)).sum())
            raise DataError(
                f"column `{name}` of {source} is not finite in {count} of {x.size} places (first "
                f"in row {row + 1}): leave these rows out, or say what stands for a missing value "
                "with Preparation(missing=...)"
            )


def refuse_words(columns: Mapping[str, Any], source: str = "data") -> None:
    """Refuse words in columns that go to the function as they are."""
    for name, x in columns.items():
        if isinstance(x, np.ndarray) and x.dtype == object:
            word = next((w for w in x.flat if w is not None), None)
            raise DataError(
                f"column `{name}` of {source} holds words ({word!r}, ...): name it in the "
                "categories of a Preparation, or as its target"
            )
