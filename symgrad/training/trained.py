"""A trained model, ready to predict: its spec, its parameters, and how its inputs are prepared.

Given data as it comes, return predictions; given a file, keep the model and find it again.
Invariant: a file that is read gives the predictions of the model that was written.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError, CheckpointError, DataError, SymgradError
from symgrad.spec import Model, model
from symgrad.spec.consistency import loss_of
from symgrad.training.checkpoints import digest, read_members, replace_file
from symgrad.training.columns import read_columns
from symgrad.training.csv_files import MISSING
from symgrad.training.dataset import row_count
from symgrad.training.file_arrays import FileArray
from symgrad.training.preparing import Preparation
from symgrad.training.spec_models import ARRAYS, SpecConduct, arrays_among

FORMAT, VERSION = "symgrad model", 1
HEADER = "symgrad model"  # no parameter can be called so


@dataclass(frozen=True, eq=False, repr=False)
class TrainedModel:
    """The model of a spec with its parameters.

    ``statistics`` are the means and variances of the training data where the model has batch norm;
    ``preparation`` is what was learned of the columns of the training data.
    """

    model: Model
    params: Mapping[str, Any]
    statistics: Mapping[str, Any]
    preparation: Preparation | None = None

    def __repr__(self) -> str:
        return repr(self.model).replace("<symgrad model", "<trained symgrad model")

    # --- predictions

    def predict(self, data: Any) -> Any:
        """Return what the model says of each row: probabilities of classes, or numbers.

        ``data`` is an array X, or a table with the columns that the model was trained on: a dict,
        a data frame, a CSV or NPZ file.  Raises DataError for data that does not fit.
        """
        return self._predict(self._inputs(data))

    def classes(self, data: Any) -> Any:
        """Return the class of each row, as it was called in the training data.

        Raises ArgumentError for a model that predicts numbers.
        """
        if not SpecConduct(self.model).tells_classes:
            loss = loss_of(self.model.spec.content)[0]
            raise ArgumentError(f"the model predicts numbers ({loss}), and no classes")
        return self.classes_of(self.predict(data))

    def classes_of(self, output: Any) -> Any:
        """Return the class of each row of what `predict` gives."""
        found = SpecConduct(self.model).classes(output)
        return found if self.labels is None else np.array(self.labels)[found]

    @property
    def tells_classes(self) -> bool:
        """Whether the model tells classes apart, and does not predict numbers."""
        return self.model.labels != "number"

    @property
    def targets(self) -> list[str]:
        """What the data calls the columns that are predicted."""
        found = () if self.preparation is None else self.preparation.targets
        return list(found) or ["y"]

    @property
    def output_names(self) -> list[str]:
        """What each column of `predict` is, for a model that tells classes apart."""
        conduct = SpecConduct(self.model)
        names = list(range(conduct.count or 2)) if self.labels is None else list(self.labels)
        word = "P" if conduct.goal.links else "score"
        return [f"{word}({each})" for each in (names[1:] if len(names) == 2 else names)]

    @property
    def labels(self) -> tuple[Any, ...] | None:
        """What the classes are called in data, in the order 0, 1, ..., if they have names."""
        return None if self.preparation is None else self.preparation.classes

    def evaluate(self, data: Any) -> dict[str, float]:
        """Return the loss and the metrics of the spec on data with targets."""
        columns = self._read(data)
        if self.preparation is not None:
            kept = np.flatnonzero(self.preparation.is_complete(columns))
            if not len(kept):
                raise DataError("every row lacks a value: missing='drop' leaves nothing")
            columns = {name: x[kept] for name, x in columns.items() if np.ndim(x)}
            columns = self.preparation.apply(columns, kept)
        conduct = SpecConduct(self.model)
        for name in [name for name in self._taken if name not in columns]:
            raise DataError(f"the data has no `{name}`, which the loss takes")
        conduct.refuse(columns, "data")
        if not conduct.counted(columns, len(columns["X"])):
            raise DataError("the examples weigh 0 together, so their loss is 0 / 0")
        known = {**columns, **self.statistics}
        output = self._predict(columns["X"])
        measured = {name: metric(output, columns["y"]) for name, metric in conduct.metrics.items()}
        return {"loss": conduct.evaluate(self.params, known)} | measured

    @property
    def _taken(self) -> list[str]:
        return [name for name in self.model.plan.shapes if name in ARRAYS]

    def _predict(self, X: Any) -> Any:
        return self.model.predict(*self.params.values(), X, *self.statistics.values())

    def _inputs(self, data: Any) -> Any:
        columns = self._read({"X": data} if is_rows(data) else data)
        if self.preparation is not None:
            columns = self.preparation.inputs_of(columns, np.arange(row_count(columns)))
        if "X" not in columns:
            raise DataError(f"the data has no inputs X: it has {', '.join(columns) or 'nothing'}")
        SpecConduct(self.model).refuse({"X": columns["X"]}, "data")
        return columns["X"]

    def _read(self, data: Any) -> dict[str, Any]:
        marks = MISSING if self.preparation is None else self.preparation.marks
        arrays = arrays_among(data)
        if arrays is not None:
            data = self._columns_of(arrays)
        columns = read_columns(data, self._taken, marks)
        row_count(columns)
        return {name: x[:] if isinstance(x, FileArray) else x for name, x in columns.items()}

    def _columns_of(self, arrays: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return arrays X, y and weights as the columns that the model was trained on."""
        prepared = self.preparation
        if prepared is None or prepared.encodings is None or "X" in prepared.encodings:
            return arrays
        X, names = np.asarray(arrays["X"]), list(prepared.encodings)
        coded = [name for name, each in prepared.encodings.items() if each.categories is not None]
        if coded:
            raise DataError(
                f"`{coded[0]}` holds categories, so give the columns by name: a dict, or a table"
            )
        if X.ndim != 2 or X.shape[1] != len(names):
            raise DataError(
                f"X has shape {X.shape}, and the model takes {len(names)} columns: "
                f"{', '.join(names)}"
            )
        found = dict(zip(names, X.T, strict=True))
        if "y" in arrays and len(prepared.targets) == 1:
            found[prepared.targets[0]] = arrays["y"]
        if "weights" in arrays and prepared.weights is not None:
            found[prepared.weights] = arrays["weights"]
        return found

    # --- keeping it

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to an NPZ file: each parameter by its name, and the spec."""
        arrays = {**self.params, **self.statistics}
        header = {
            "format": FORMAT,
            "version": VERSION,
            "spec": {"name": self.model.spec.name, **self.model.spec.given},
            "parameters": list(self.params),
            "preparation": None if self.preparation is None else self.preparation.as_dict(),
        }
        header["digest"] = digest(header, arrays)
        text = np.frombuffer(json.dumps(header).encode(), np.uint8)
        packed = io.BytesIO()
        np.savez(packed, **{**arrays, HEADER: text})
        replace_file(Path(path), packed.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str], spec: Any = None) -> TrainedModel:
        """Return the model that `save` wrote.

        A model that is a function in a file needs its ``spec`` once more, for where the file is.
        Raises CheckpointError for a file that is damaged, of another version, or no model.
        """
        members = read_members(Path(path), "model")
        try:
            return cls._of_members(Path(path), members, spec)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            if isinstance(error, SymgradError):
                raise
            raise CheckpointError(f"{path} is no trained model of this symgrad's") from None

    @classmethod
    def _of_members(cls, path: Path, members: Mapping[str, Any], spec: Any) -> TrainedModel:
        header = _header(path, members)
        arrays = {name: x for name, x in members.items() if name != HEADER}
        if header.pop("digest", None) != digest(header, arrays):
            raise CheckpointError(f"{path} is damaged: its contents are not what was written")
        if "model" in header["spec"] and spec is None:
            raise CheckpointError(
                f"{path} holds the parameters of {header['spec']['model']}: give the spec as well, "
                "which says where that file is"
            )
        made = model(header["spec"] if spec is None else spec)
        kept = header["preparation"]
        names = header["parameters"]
        shapes = {name: arrays[name].shape for name in names}
        are_real = all(arrays[name].dtype.kind == "f" for name in names)
        if list(shapes.items()) != list(made.parameters.items()) or not are_real:
            raise CheckpointError(f"{path} holds other parameters than the model of this spec has")
        return cls(
            made,
            {name: arrays[name] for name in names},
            {name: arrays[name] for name in made.plan.statistics},
            None if kept is None else Preparation.from_dict(kept),
        )


def is_rows(data: Any) -> bool:
    """Return whether data is an array X written as a list of rows, and no tuple of arrays."""
    return isinstance(data, list) and bool(data) and all(np.ndim(each) == 1 for each in data)


def _header(path: Path, members: Mapping[str, Any]) -> dict[str, Any]:
    try:
        header = json.loads(members[HEADER].tobytes())
        if header["format"] != FORMAT:
            raise ValueError
        version = header["version"]
    except (KeyError, ValueError, TypeError):
        raise CheckpointError(f"{path} is no trained model of symgrad's") from None
    if version != VERSION:
        raise CheckpointError(
            f"{path} has version {version} of the format, this symgrad reads version {VERSION}"
        )
    return dict(header)
