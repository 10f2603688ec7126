"""From what people pass as data to the examples for training and for validation.

Given the settings of a run and its loss, read the data, split it, and prepare it by what the
training part teaches.  Invariant: nothing about the validation part is learned from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError, DataError, did_you_mean
from symgrad.training.column_numbers import ROWS_AT_ONCE
from symgrad.training.columns import Columns, is_table, read_columns
from symgrad.training.csv_files import MISSING
from symgrad.training.dataset import Dataset, refuse_not_finite, row_count
from symgrad.training.file_arrays import FileArray
from symgrad.training.objective import Objective
from symgrad.training.preparing import Preparation
from symgrad.training.settings import Settings
from symgrad.training.splitting import Part, split
from symgrad.training.streams import Stream, is_stream


@dataclass(frozen=True, eq=False)
class Examples:
    """The data of a run: what to train on, what to validate with, and how they were prepared."""

    training: Dataset | Stream
    validation: Dataset | None
    preparation: Preparation | None


def load_examples(settings: Settings, objective: Objective) -> Examples:
    """Return the examples of a run.  Raises DataError, ArgumentError or SpecError."""
    return _Loading(settings, objective).examples()


class _Loading:
    def __init__(self, settings: Settings, objective: Objective):
        self.settings, self.objective = settings, objective
        self.preparation = settings.preparation
        self.part = settings.part

    def examples(self) -> Examples:
        data = self.settings.data
        if not is_table(data):
            return self._streamed(data)
        columns = self._read(data, "data")
        training, held = self._split(columns)
        if self.preparation is not None and self.preparation.encodings is None:
            self.preparation = self.preparation.fit(columns, training)
        validation = None
        if self.part is not None:
            validation = self._dataset(columns, held, "data")
        elif self.settings.validation is not None:
            validation = self._given(self.settings.validation)
        return Examples(self._dataset(columns, training, "data"), validation, self.preparation)

    def _streamed(self, data: Any) -> Examples:
        if not is_stream(data):
            raise DataError(
                f"data is {type(data).__name__}: give arrays, the path of a file, or batches"
            )
        if self.part is not None:
            raise ArgumentError("batches cannot be split: give data of its own for validation")
        if self.preparation is not None and self.preparation.encodings is None:
            raise ArgumentError("batches teach a Preparation nothing: call its fit before")
        held = self.settings.validation
        validation = None if held is None else self._given(held)
        return Examples(
            Stream(data, self.objective, self.preparation, self.settings.conduct),
            validation,
            self.preparation,
        )

    def _given(self, data: Any) -> Dataset:
        if not is_table(data):
            raise DataError("validation must be arrays, or the path of a file")
        columns = self._read(data, "validation")
        return self._dataset(columns, self._complete(columns), "validation")

    def _read(self, data: Any, source: str) -> Columns:
        marks = MISSING if self.preparation is None else self.preparation.marks
        names = self.objective.names
        columns = read_columns(data, names, marks, source)
        row_count(columns)
        prepared = self.preparation
        if prepared is not None and not prepared.targets and prepared.names[1] in columns:
            self.preparation = replace(prepared, target=prepared.names[1])
        if prepared is not None:
            columns = {name: x for name, x in columns.items() if np.ndim(x)}
        return columns

    def _complete(self, columns: Columns) -> Any:
        """Return the rows that may stay, None for all."""
        if self.preparation is None:
            return None
        kept = self.preparation.is_complete(columns)
        if not kept.any():
            raise DataError("every row lacks a value: missing='drop' leaves nothing")
        return None if kept.all() else np.flatnonzero(kept)

    def _split(self, columns: Columns) -> tuple[Any, Any]:
        rows = self._complete(columns)
        if self.part is None:
            return rows, None
        count = row_count(columns) if rows is None else len(rows)
        if isinstance(self.part, Part):
            training, held = self.part.split(count)
            return (training, held) if rows is None else (rows[training], rows[held])
        labels = columns[self._target(columns)]
        is_label = labels.ndim == 1 and labels.dtype.kind in "OiubU"
        chosen = labels[slice(None) if rows is None else rows] if is_label else None
        training, held = split(count, self.part, self.settings.seed, chosen)
        return (training, held) if rows is None else (rows[training], rows[held])

    def _target(self, columns: Columns) -> str:
        if self.preparation is not None and self.preparation.targets:
            return self.preparation.targets[0]
        return target_of(columns, self.settings.target)

    def _dataset(self, columns: Columns, rows: Any, source: str) -> Dataset:
        """Return some rows as the function takes them: prepared now, or when they are read."""
        is_file = isinstance(self.settings.data, (str, os.PathLike)) and self.preparation is None
        if any(isinstance(x, FileArray) for x in columns.values()):
            sample = columns if self.preparation is None else self.preparation.names
            made = dict.fromkeys(sample)
            names = self.objective.choose(made, source, is_file)
            kept = columns if self.preparation else {name: columns[name] for name in names}
            found = Dataset(kept, names, rows, self.preparation)
            for part in found.parts(ROWS_AT_ONCE):
                self.settings.conduct.refuse(dict(zip(names, part, strict=True)), source)
            return found
        if rows is not None:
            columns = {name: x[rows] if np.ndim(x) else x for name, x in columns.items()}
        if self.preparation is not None:
            columns = self.preparation.apply(columns, rows)
        names = self.objective.choose(columns, source, is_file)
        columns = {name: columns[name] for name in names}
        refuse_not_finite(columns, source)
        self.settings.conduct.refuse(columns, source)
        return Dataset(columns, names)


def target_of(columns: Mapping[str, Any], wanted: str | None) -> str:
    """Return the column that is predicted: the one asked for, `y`, or the last."""
    if wanted is not None:
        if wanted not in columns:
            raise ArgumentError(
                f"target={wanted!r} is no column{did_you_mean(wanted, columns)}: "
                f"{', '.join(columns)}"
            )
        return wanted
    return "y" if "y" in columns else [name for name, x in columns.items() if np.ndim(x)][-1]
