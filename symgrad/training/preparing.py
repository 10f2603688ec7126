"""From a table to arrays: categories, scales and missing values, as declared.

Given columns, `Preparation.fit` learns from some rows what encoding needs, and `apply` makes the
inputs and the target.  Invariant: nothing is learned from a row that `fit` was not given, and a
value without a declared treatment is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from symgrad.errors import DataError, SpecError, did_you_mean
from symgrad.training.column_numbers import (
    floats,
    in_order,
    is_missing,
    lacks_values,
    median,
    moments,
    most_frequent,
    parts_of,
    refuse_infinite,
    refuse_without_values,
    refuse_words,
    values_of,
)
from symgrad.training.csv_files import MISSING

ENCODINGS = ("one_hot", "drop_first", "integer")
FILLS = ("mean", "median", "most_frequent")
TREATMENTS = ("refuse", "drop", *FILLS)


@dataclass(frozen=True, slots=True)
class Encoding:
    """What was learned of one input: its categories, or the scale of each of its numbers.

    ``fill`` stands for a missing value; None where one is refused.
    """

    categories: tuple[Any, ...] | None = None
    mean: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    fill: Any = None


@dataclass(frozen=True)
class Preparation:
    """How the columns of a table become the arrays that a loss takes.

    ``target`` is the column to predict, or a list of columns side by side, given to the loss as
    ``names[1]``; words in it become the numbers 0, 1, ... of their ``classes``, sorted unless they
    are given, and with ``one_hot`` a column of 0 and 1 for each class; ``numbered`` says that
    numbers there are those of the classes already.  With ``labels`` the target holds classes, so
    its numbers are whole; without it, if that is said, it holds none, and so no words.  ``weights``
    is a column that the loss takes as it is, by the name `weights`.  ``inputs`` are the columns
    side by side in ``names[0]``, by default all others.  ``categories`` names the inputs that hold
    one of several values; a dict gives the values as well.  ``encode`` says what becomes of them:
    "one_hot", a column of 0 and 1 for each; "drop_first", the same without the first; "integer",
    the value's number; a dict says it for each column.  ``whole`` inputs stay integers, as an
    embedding takes them; with a ``shape`` the inputs of an example are an array of it.
    ``standardise`` subtracts the mean and divides by the standard deviation, of all other inputs or
    of those named.
    ``missing`` says what is done about NaN: "refuse", "drop" the row, or fill in the "mean", the
    "median", the "most_frequent" value or a value of your own; a dict says it for each column.  A
    category that was not there in training is refused, or with ``unseen="zeros"`` is in none of its
    columns.  ``marks`` are the cells of a CSV file that count as missing.

    Raises SpecError for settings that make no sense, DataError for data that does not fit them.
    """

    target: str | Sequence[str] | None = None
    inputs: Sequence[str] | None = None
    categories: Sequence[str] | Mapping[str, Sequence[Any]] = ()
    standardise: bool | Sequence[str] = False
    missing: Any = "refuse"
    unseen: str = "refuse"
    names: tuple[str, str] = ("X", "y")
    marks: tuple[str, ...] = MISSING
    weights: str | None = None
    classes: tuple[Any, ...] | None = None
    encodings: Mapping[str, Encoding] | None = None
    encode: str | Mapping[str, str] = "one_hot"
    whole: bool = False
    one_hot: bool = False
    shape: tuple[int, ...] | None = None
    labels: bool | None = None
    numbered: bool = False

    def __post_init__(self) -> None:
        if self.unseen not in ("refuse", "zeros"):
            raise SpecError(f"unseen={self.unseen!r}: 'refuse' or 'zeros'")
        for word in ("inputs", "categories", "standardise"):
            if isinstance(getattr(self, word), str):
                raise SpecError(f"{word}={getattr(self, word)!r}: give a list of columns")
        ways = [self.encode] if isinstance(self.encode, str) else self.encode.values()
        for way in ways:
            if way not in ENCODINGS:
                raise SpecError(
                    f"encode={way!r}{did_you_mean(str(way), ENCODINGS)}: one of "
                    f"{', '.join(map(repr, ENCODINGS))}"
                )

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns of the target."""
        if self.target is None or isinstance(self.target, str):
            return () if self.target is None else (self.target,)
        return tuple(self.target)

    @property
    def is_label(self) -> bool:
        """Whether the target is one column, which may hold a class's name or number."""
        return len(self.targets) == 1

    # --- which rows and columns

    def is_complete(self, columns: Mapping[str, Any]) -> Any:
        """Return for each row whether it may stay: no column with missing="drop" lacks a value."""
        inputs = self._inputs(columns)
        used = [*inputs, *self.targets, *([self.weights] if self.weights else [])]
        dropping = [name for name in used if self._treatment(name) == "drop"]
        kept = np.ones(len(columns[inputs[0]]), bool)
        for name in dropping:
            for start, part in parts_of(columns[name], None):
                lost = is_missing(part).reshape(len(part), -1).any(axis=1)
                kept[start : start + len(part)] &= ~lost
        return kept

    def _inputs(self, columns: Mapping[str, Any]) -> list[str]:
        others = [*self.targets, *([self.weights] if self.weights else [])]
        wanted = [name for name in columns if name not in others]
        wanted = wanted if self.inputs is None else list(self.inputs)
        named = [*wanted, *others, *self.categories, *self._standardised(wanted)]
        for given in (self.missing, self.encode):
            named += given if isinstance(given, Mapping) else []
        for name in named:
            if name not in columns:
                raise DataError(
                    f"the data has no column `{name}`{did_you_mean(name, columns)}: it has "
                    f"{', '.join(columns)}"
                )
        if not wanted:
            raise SpecError("no inputs: every column is the target or left out")
        return wanted

    def _standardised(self, inputs: Sequence[str]) -> Sequence[str]:
        if not isinstance(self.standardise, bool):
            return self.standardise
        return [x for x in inputs if x not in self.categories] if self.standardise else ()

    def _treatment(self, name: str) -> Any:
        if isinstance(self.missing, Mapping):
            return self.missing.get(name, "refuse")
        if name in (*self.targets, self.weights) and self.missing != "drop":
            return "refuse"  # what was measured is never filled in unasked
        return self.missing

    # --- learning from the rows for training

    def fit(self, columns: Mapping[str, Any], rows: Any = None) -> Preparation:
        """Return this preparation with what it learned from these rows, by default from all."""
        inputs = self._inputs(columns)
        scaled = self._standardised(inputs)
        found = {name: self._encoding(name, columns[name], rows, name in scaled) for name in inputs}
        classes = self._classes(columns[self.targets[0]], rows) if self.is_label else None
        return replace(self, encodings=found, classes=classes)

    def _encoding(self, name: str, column: Any, rows: Any, is_scaled: bool) -> Encoding:
        if name in self.categories:
            return self._of_category(name, column, rows)
        if column.dtype == object:
            word = next((w for w in column.flat if w is not None), None)
            raise DataError(
                f"column `{name}` holds words ({word!r}, ...): name it in categories, or leave it "
                "out of the inputs"
            )
        fill = self._fill(name, column, rows)
        if not is_scaled:
            return Encoding(fill=fill)
        mean, scale = moments(column, rows, fill)
        if not np.isfinite([mean, scale]).all():
            for start, part in parts_of(column, rows):
                numbers = np.arange(start, start + len(part)) if rows is None else rows[start:]
                refuse_infinite(name, part, numbers)
            raise DataError(f"column `{name}` holds numbers that are too large to be standardised")
        return Encoding(None, floats(mean), floats(scale), fill)

    def _of_category(self, name: str, column: Any, rows: Any) -> Encoding:
        if column.ndim != 1:
            raise DataError(f"column `{name}` of shape {column.shape} cannot be a category")
        fill = self._fill(name, column, rows)
        if isinstance(self.categories, Mapping):
            return Encoding(tuple(self.categories[name]), fill=fill)
        found = values_of(column, rows)
        if fill is not None and any(is_missing(part).any() for _, part in parts_of(column, rows)):
            found.add(fill)
        return Encoding(tuple(in_order(name, found)), fill=fill)

    def _fill(self, name: str, column: Any, rows: Any) -> Any:
        how = self._treatment(name)
        if how in ("refuse", "drop"):
            return None
        if how not in FILLS:
            return self._literal(name, column, how)
        refuse_without_values(name, column, rows)
        if how == "most_frequent":
            return most_frequent(column, rows, self._order(name))
        if column.dtype == object:
            if not lacks_values(column, rows):
                return None
            raise DataError(
                f"missing={how!r} cannot fill in the words that `{name}` lacks: use "
                f'missing={{"{name}": "most_frequent"}}, or a word of your own; in a spec '
                '"most_frequent" or "drop" for all'
            )
        return floats(moments(column, rows)[0] if how == "mean" else median(column, rows))

    def _order(self, name: str) -> Sequence[Any]:
        """Return the categories of a column in the order in which they were given, if they were."""
        return self.categories.get(name, ()) if isinstance(self.categories, Mapping) else ()

    def _literal(self, name: str, column: Any, value: Any) -> Any:
        is_word = isinstance(value, str)
        if is_word != (column.dtype == object) or not isinstance(value, (str, int, float)):
            close = did_you_mean(value, TREATMENTS) if is_word else ""
            raise SpecError(
                f"missing={value!r} for `{name}`: one of {', '.join(map(repr, TREATMENTS))}, or a "
                f"{'word' if column.dtype == object else 'number'} to stand for it{close}"
            )
        return value

    def _classes(self, column: Any, rows: Any) -> tuple[Any, ...] | None:
        is_coded = column.dtype == object or (self.one_hot and column.ndim == 1)
        if self.classes is not None or not is_coded:
            return self.classes
        if self.labels is False:
            refuse_words(self.targets[0], column)
        return tuple(in_order(self.targets[0], values_of(column, rows)))

    # --- making arrays

    def apply(self, columns: Mapping[str, Any], rows: Any = None) -> dict[str, Any]:
        """Return the inputs side by side, the target and the weights, as the loss takes them.

        ``rows`` are the numbers that messages call the rows by, where these are a selection.
        """
        if self.encodings is None:
            raise SpecError("this Preparation has learned nothing yet: call fit first")
        self._inputs(columns)
        rows = np.arange(len(next(iter(columns.values())))) if rows is None else rows
        made = self.inputs_of(columns, rows)
        if self.targets:
            made[self.names[1]] = self._target(columns, rows)
        if self.weights is not None:
            refuse_words(self.weights, columns[self.weights])
            made["weights"] = self._filled(self.weights, columns[self.weights], None, rows)
        return made

    def inputs_of(self, columns: Mapping[str, Any], rows: Any) -> dict[str, Any]:
        """Return the inputs side by side, under their name; nothing else has to be there."""
        encodings = self.encodings or {}
        for name in encodings:
            if name not in columns:
                raise DataError(
                    f"the data has no column `{name}`{did_you_mean(name, columns)}: it has "
                    f"{', '.join(columns)}"
                )
        blocks = [self._encoded(k, columns[k], e, rows) for k, e in encodings.items()]
        if len(blocks) > 1:
            blocks = [np.concatenate([b.reshape(len(b), -1) for b in blocks], axis=1)]
        [X] = [b[:, None] if b.ndim == 1 else b for b in blocks]
        X = self._as_whole(X, rows) if self.whole else X
        return {self.names[0]: X if self.shape is None else self._shaped(X, self.shape)}

    def _shaped(self, X: Any, shape: tuple[int, ...]) -> Any:
        if X[0].size != math.prod(shape):
            sizes = " x ".join(map(str, shape))
            raise DataError(f"{X[0].size} inputs of an example are no array of {sizes}")
        return X.reshape(len(X), *shape)

    def _as_whole(self, X: Any, rows: Any) -> Any:
        if (wrong := np.floor(X) != X).any():
            row, value = rows[np.argwhere(wrong)[0][0]], X[wrong][0].item()
            raise DataError(f"row {row + 1} holds {value!r}: these inputs are whole numbers")
        return X.astype(np.int64)

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the columns that `apply` puts side by side, if all are of one number."""
        found: list[str] = []
        for name, encoding in (self.encodings or {}).items():
            if encoding.categories is not None:
                way = self._encode(name)
                shown = encoding.categories[1 if way == "drop_first" else 0 :]
                found += [name] if way == "integer" else [f"{name} {value}" for value in shown]
            else:
                found.append(name if encoding.mean is None else f"{name}, standardised")
        return tuple(found)

    def _encoded(self, name: str, column: Any, encoding: Encoding, rows: Any) -> Any:
        column = self._filled(name, column, encoding.fill, rows)
        if encoding.categories is not None:
            return self._of_categories(name, column, encoding.categories, rows)
        if column.dtype == object:
            raise DataError(f"column `{name}` holds words here, and held numbers in training")
        if encoding.mean is None and (self.whole or column.dtype.kind == "f"):
            return column
        column = column if column.dtype.kind == "f" else column.astype(float)
        if encoding.mean is None:
            return column
        shape = column.shape[1:]
        mean, scale = (np.asarray(x).reshape(shape) for x in (encoding.mean, encoding.scale))
        return (column - mean.astype(column.dtype)) / scale.astype(column.dtype)

    def _filled(self, name: str, column: Any, fill: Any, rows: Any) -> Any:
        refuse_infinite(name, column, rows)
        lost = is_missing(column)
        if not lost.any():
            return column
        if fill is None:
            row = rows[np.argwhere(lost)[0][0]]
            raise DataError(
                f"column `{name}` lacks a value in {int(lost.sum())} of {len(column)} rows (first "
                f"in row {row + 1}): leave these rows out, or say what stands for a missing value "
                "with missing=..., such as 'drop' or 'mean'"
            )
        if isinstance(fill, tuple):
            fill = np.asarray(fill).reshape(column.shape[1:])
        return np.where(lost, fill, column)

    def _encode(self, name: str) -> str:
        return self.encode if isinstance(self.encode, str) else self.encode.get(name, "one_hot")

    def _of_categories(self, name: str, column: Any, categories: tuple[Any, ...], rows: Any) -> Any:
        place = {value: k for k, value in enumerate(categories)}
        codes = np.array([place.get(value, -1) for value in column.tolist()], dtype=int)
        is_refused = self.unseen == "refuse" or self._encode(name) == "integer"
        if is_refused and (codes < 0).any():
            row = int(np.flatnonzero(codes < 0)[0])
            raise DataError(
                f"column `{name}` holds {column.tolist()[row]!r} in row {rows[row] + 1}, which is "
                f"none of the categories in training ({', '.join(map(repr, categories))}): use "
                "unseen='zeros', or give the categories"
            )
        way = self._encode(name)
        if way == "integer":
            return codes
        first = 1 if way == "drop_first" else 0
        return (codes[:, None] == np.arange(first, len(categories))).astype(float)

    def _target(self, columns: Mapping[str, Any], rows: Any) -> Any:
        found = [self._filled(name, columns[name], None, rows) for name in self.targets]
        if not self.is_label:
            for name, column in zip(self.targets, found, strict=True):
                refuse_words(name, column)
            return np.stack(found, axis=1).astype(float)
        codes = self._numbered(found[0], rows)
        if not self.one_hot or codes.ndim > 1:
            return self._as_labels(codes, rows) if self.labels else codes
        return (codes[:, None] == np.arange(len(self.classes or ()))).astype(float)

    def _numbered(self, column: Any, rows: Any) -> Any:
        """Return the classes of a column by number, or the column as it is."""
        name = self.targets[0]
        if self.classes is None:
            refuse_words(name, column)
        if self.classes is None or column.ndim > 1 or (self.numbered and column.dtype != object):
            return column
        place = {value: k for k, value in enumerate(self.classes)}
        for row, value in enumerate(column.tolist()):
            if value not in place:
                known = ", ".join(map(str, self.classes))
                raise DataError(
                    f"target `{name}` holds {value!r} in row {rows[row] + 1}, which is none of the "
                    f"classes in training ({known})"
                )
        return np.array([place[value] for value in column.tolist()], dtype=np.int64)

    def _as_labels(self, column: Any, rows: Any) -> Any:
        """Return the numbers of classes as integers, which stand in a column of floats."""
        if column.dtype.kind != "f":
            return column
        if (wrong := column != np.floor(column)).any():
            row, value = rows[np.argwhere(wrong)[0][0]], column[wrong][0].item()
            raise DataError(
                f"target `{self.targets[0]}` holds {value!r} in row {row + 1}, and a class is a "
                "whole number: list `classes`, or take a loss for numbers"
            )
        return column.astype(np.int64)

    # --- keeping it

    def as_dict(self) -> dict[str, Any]:
        """Return everything as what JSON can hold."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self), default=_plain))
        return found

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Preparation:
        """Return the preparation that `as_dict` described."""
        values = dict(kept)
        for word in ("names", "marks", "classes", "target", "shape"):
            if isinstance(values[word], list):
                values[word] = tuple(values[word])
        if values["encodings"] is not None:
            values["encodings"] = {
                name: Encoding(**{k: tuple(v) if isinstance(v, list) else v for k, v in e.items()})
                for name, e in values["encodings"].items()
            }
        return cls(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return list(value)
