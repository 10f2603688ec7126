"""What a column holds: its missing values, its moments, its values by how often they occur.

Given a column, and which of its rows to look at, return numbers.  Invariant: of a column in a file
a few thousand rows are in memory at a time; one in memory is looked at whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DataError
from symgrad.training.file_arrays import FileArray

ROWS_AT_ONCE = 4096


def parts_of(column: Any, rows: Any) -> Iterator[tuple[int, Any]]:
    count = len(column) if rows is None else len(rows)
    size = ROWS_AT_ONCE if isinstance(column, FileArray) else max(count, 1)
    for start in range(0, count, size):
        wanted = slice(start, start + size)
        yield start, np.asarray(column[wanted] if rows is None else column[rows[wanted]])


def is_missing(part: Any) -> Any:
    if part.dtype == object:
        return np.array([value is None for value in part.flat], bool).reshape(part.shape)
    return np.isnan(part) if part.dtype.kind == "f" else np.zeros(part.shape, bool)


def refuse_words(name: str, column: Any) -> None:
    if column.dtype == object:
        word = next((w for w in column.flat if w is not None), None)
        raise DataError(
            f"column `{name}` holds words ({word!r}, ...), and has to hold numbers; words for "
            "classes are listed in `classes`"
        )


def refuse_infinite(name: str, column: Any, rows: Any) -> None:
    if column.dtype.kind == "f" and (found := np.isinf(column)).any():
        row = rows[np.argwhere(found)[0][0]]
        raise DataError(f"column `{name}` is infinite in row {row + 1}: leave that row out")


def refuse_without_values(name: str, column: Any, rows: Any) -> None:
    """Refuse a column that nothing can be learned of."""
    parts = [is_missing(part).all(axis=0) for _, part in parts_of(column, rows)]
    if np.logical_and.reduce(parts).any():
        raise DataError(
            f"column `{name}` has no value in the rows for training: leave it out of the inputs"
        )


def moments(column: Any, rows: Any, fill: Any = None) -> tuple[Any, Any]:
    """Return mean and standard deviation of the numbers; the latter is 1 where they do not vary.

    A missing value counts as ``fill``, or not at all.  Of an array in memory these are the bits
    of `np.nanmean` and `np.std`.
    """
    size = math.prod(column.shape[1:])
    stand_in = None if fill is None else np.broadcast_to(np.asarray(fill, float).ravel(), size)

    def numbers() -> Iterator[tuple[Any, Any]]:
        for _, part in parts_of(column, rows):
            part = part.reshape(len(part), -1)
            lost = is_missing(part)
            yield (part, ~lost) if fill is None else (np.where(lost, stand_in, part), ~lost | True)

    count, total, squares = np.zeros(size), np.zeros(size), np.zeros(size)
    for part, counts in numbers():
        count += counts.sum(axis=0)
        total += np.where(counts, part, 0).sum(axis=0, dtype=float)
    mean = total / np.maximum(count, 1)
    for part, counts in numbers():
        squares += (np.where(counts, part - mean, 0) ** 2).sum(axis=0, dtype=float)
    scale = np.sqrt(squares / np.maximum(count, 1))
    return mean, np.where(scale > 0, scale, 1.0)


def median(column: Any, rows: Any) -> Any:
    whole = np.concatenate([part.reshape(len(part), -1) for _, part in parts_of(column, rows)])
    return np.nanmedian(whole, axis=0)


def values_of(column: Any, rows: Any) -> set[Any]:
    return {v for _, part in parts_of(column, rows) for v in part[~is_missing(part)].tolist()}


def most_frequent(column: Any, rows: Any, order: Sequence[Any]) -> Any:
    """Return what occurs most often; of several the first in ``order``, or the smallest."""
    counts: dict[Any, int] = {}
    for _, part in parts_of(column, rows):
        for value in part[~is_missing(part)].tolist():
            counts[value] = counts.get(value, 0) + 1
    if not counts:
        raise DataError("a column without any value has no most frequent one")
    place = {value: k for k, value in enumerate(order)}
    return min(counts, key=lambda value: (-counts[value], place.get(value, len(order)), value))


def in_order(name: str, values: set[Any]) -> list[Any]:
    if not values:
        raise DataError(f"column `{name}` has no value in the rows for training")
    return sorted(values)


def floats(values: Any) -> tuple[float, ...]:
    return tuple(np.asarray(values, float).ravel().tolist())


def lacks_values(column: Any, rows: Any) -> bool:
    """Return whether a value is missing in these rows."""
    return any(is_missing(part).any() for _, part in parts_of(column, rows))
