"""How a trainer reads its table: constants and choices for the template of the data's functions.

Given a checked spec, returns `TableText`.  Invariant: names and values of the user's stand in
the text as Python literals, and nowhere else.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from symgrad.emit.layout import exploded, with_note
from symgrad.emit.spell import written_out
from symgrad.errors import SpecError
from symgrad.spec import Model
from symgrad.spec.consistency import objective_of
from symgrad.trees import quoted

FILLS = {"mean": "np.nanmean", "median": "np.nanmedian", "most_frequent": ""}
SAID = {"mean": "the mean", "median": "the median", "most_frequent": "the most frequent value"}


@dataclass(frozen=True)
class TableText:
    """What the template `trainer/data.py.jinja` asks, one property for each question."""

    model: Model
    folder: Path | None = None
    data: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        spec = self.model.spec
        if "data" not in spec.content:
            raise SpecError(
                f"{spec.origin}: `data` is missing: a trainer reads a table, so say at least its "
                "`target`"
            )
        object.__setattr__(self, "data", spec["data"])
        if self.file and not self.file.endswith((".csv", ".csv.gz", ".npz")):
            raise SpecError(
                f"{spec.origin}: `data.file` is {quoted(self.file)}: a trainer reads columns by "
                "name, from .csv, .csv.gz or .npz"
            )

    # --- the file

    @property
    def file(self) -> str:
        return str(self.data.get("file", ""))

    @property
    def is_npz(self) -> bool:
        return self.file.endswith(".npz")

    @property
    def read_table(self) -> str:
        return "read_npz" if self.is_npz else "read_csv"

    @property
    def may_be_packed(self) -> bool:
        return self.file.endswith(".gz") or not self.file

    @property
    def open_text(self) -> str:
        return 'open_text(path, "rt"' if self.may_be_packed else "open(path"

    @property
    def is_number(self) -> str:
        return "isinstance(cell, int | float)" if self.is_npz else "is_number(cell)"

    @property
    def path(self) -> str:
        """The file as it is reached from the folder of the trainer, by default the spec's."""
        if self.folder is None or os.path.isabs(self.file):
            return self.file
        spec_folder = self.model.spec.folder.resolve()
        try:
            found = os.path.relpath(spec_folder / self.file, self.folder.resolve())
        except ValueError:  # on another drive
            found = str(spec_folder / self.file)
        return Path(found).as_posix()

    # --- the columns

    @cached_property
    def features(self) -> list[Mapping[str, Any]] | None:
        """The features in their order, each as a table; None for all columns."""
        given = self.data.get("features")
        if given is None:
            return None
        return [{"column": each} if isinstance(each, str) else each for each in given]

    @cached_property
    def categories(self) -> dict[str, list[Any]]:
        found = self.features or ()
        return {each["column"]: each["categories"] for each in found if "categories" in each}

    @property
    def names_features(self) -> bool:
        return self.features is not None

    @property
    def columns(self) -> str:
        """The expression for the columns that have to be there."""
        features = ["*FEATURES"] if self.names_features else []
        return f"[{', '.join([*features, *self.named])}]"

    @property
    def named(self) -> list[str]:
        names = ["TARGET" if len(self.targets) == 1 else "*TARGET"]
        return [*names, "WEIGHTS"] if self.weights else names

    @property
    def inputs(self) -> int:
        """How many columns of inputs there have to be."""
        return math.prod(int(size) for size in self.model.plan.shapes["X"][0][1:])

    @property
    def all_categories(self) -> bool:
        return self.features is not None and len(self.categories) == len(self.features)

    @property
    def reader(self) -> str:
        if self.all_categories:
            return "category"
        return "feature" if self.categories else "numbers"

    @property
    def feature_names(self) -> str:
        return "FEATURES" if self.names_features else "names"

    @property
    def targets(self) -> list[str]:
        target = self.data["target"]
        return target if isinstance(target, list) else [target]

    @property
    def weights(self) -> bool:
        return "weights" in self.data

    @property
    def not_features(self) -> str:
        return f"({', '.join(self.named)}{',' if len(self.named) == 1 else ''})"

    @property
    def target_names(self) -> str:
        return "[TARGET]" if len(self.targets) == 1 else "TARGET"

    @cached_property
    def classes(self) -> Sequence[Any] | None:
        """What the target's column holds, if that is one of several: by default 0, 1, ..."""
        if "classes" in self.data:
            found: Sequence[Any] = self.data["classes"]
            return found
        if len(self.targets) > 1 or self.model.labels == "number":
            return None
        count = self.model.classes
        if self.model.labels == "shares":
            raise SpecError(
                f"{self.model.spec.origin}: `data.classes` is missing: a trainer has to know how "
                "many there are before it has read the data"
            )
        return None if count is None else range(count)

    def places(self, *known: Sequence[Any]) -> str:
        """Return the name of the function that looks values up in these lists."""
        kinds = {is_numeric(each) for each in known}
        if len(kinds) > 1:
            return "places"
        return "places_of_numbers" if kinds == {True} else "places_of_words"

    @property
    def places_of_categories(self) -> str:
        return self.places(*self.categories.values())

    # --- the target

    @property
    def target_lines(self) -> list[str]:
        if isinstance(self.classes, range):
            return ["y = numbers_below(table, TARGET, CLASSES)"]
        if self.classes is not None:
            return [f"y = {self.places(self.classes)}(table, TARGET, CLASSES)"]
        if len(self.targets) > 1:
            return ["y = np.column_stack([numbers(table, name) for name in TARGET])"]
        return ["y = numbers(table, TARGET)"]

    @property
    def not_negative(self) -> list[str]:
        """Which of the targets and weights may not be below 0."""
        is_count = objective_of(self.model.spec.content).function == "poisson"
        is_share = self.model.labels == "shares" and self.classes is None
        return ["y"] * (is_count or is_share) + ["weights"] * self.weights

    def target_of(self, y: str) -> str:
        """Return what the loss takes of a target that has no missing values."""
        if self.model.labels == "class":
            return f"{y}.astype(int)"
        if self.classes is not None and len(self.model.plan.shapes["y"][0]) == 2:
            count = "CLASSES" if isinstance(self.classes, range) else "len(CLASSES)"
            return f"np.eye({count})[{y}.astype(int)]"
        return y

    @property
    def names(self) -> list[str]:
        """What the data comes to: inputs, targets and perhaps weights."""
        return ["X", "y", *(["weights"] if self.weights else [])]

    @property
    def examples(self) -> str:
        return ", ".join(self.names)

    @property
    def results(self) -> str:
        return ", ".join(["X", self.target_of("y"), *self.names[2:]])

    @property
    def kept(self) -> str:
        weights = [f"{name}[kept]" for name in self.names[2:]]
        return ", ".join(["X[kept]", self.target_of("y[kept]"), *weights])

    @property
    def returned(self) -> str:
        y = {"class": "the classes y", "0 or 1": "the labels y"}.get(
            self.model.labels, "the targets y"
        )
        if self.weights:
            return f"the inputs X, {y} and the weights of the examples"
        return f"the inputs X and {y} of the examples"

    # --- missing values

    @property
    def missing(self) -> str:
        return str(self.data["missing"])

    @property
    def drops(self) -> bool:
        return self.missing == "drop"

    @property
    def fills(self) -> bool:
        """Whether something is filled in: mean and median are no categories."""
        only_words = self.all_categories and self.missing != "most_frequent"
        return self.missing in FILLS and not only_words

    @property
    def refuses_features(self) -> bool:
        return not self.drops and not self.fills

    @property
    def fill_is_mode(self) -> bool:
        return self.missing == "most_frequent"

    @property
    def fill_words(self) -> str:
        return SAID.get(self.missing, "")

    # --- what is learned from the rows for training

    @property
    def is_split(self) -> bool:
        return "validation" in self.model.spec.content

    @property
    def split_seed(self) -> str:
        fixed = self.is_split and "seed" in self.model.spec["validation"]
        return "SPLIT_SEED" if fixed else "seed"

    @property
    def split_args(self) -> str:
        return "n, seed" if self.split_seed == "seed" else "n"

    @property
    def learning_args(self) -> str:
        return "X, rows" if self.is_split else "X"

    @property
    def at_training(self) -> str:
        return "[rows]" if self.is_split else ""

    @property
    def of_training(self) -> str:
        return ", by the rows for training" if self.is_split else ""

    @property
    def of_numbers(self) -> str:
        return " of numbers" if self.categories else ""

    @property
    def fill_lines(self) -> list[str]:
        if self.fill_is_mode:
            return [
                "for column in X.T:",
                f"    known = column{self.at_training}",
                "    found = most_frequent(known[~np.isnan(known)].tolist())",
                "    column[np.isnan(column)] = found",
            ]
        function = FILLS.get(self.missing, "")
        return self.over_numbers(
            [f"column[np.isnan(column)] = {function}(column{self.at_training})"]
        )

    @property
    def scale_lines(self) -> list[str]:
        return self.over_numbers(
            [
                f"known = column{self.at_training}",
                "mean, deviation = known.mean(), known.std()",
                "column[:] = (column - mean) / (deviation if deviation > 0 else 1)",
            ]
        )

    def over_numbers(self, lines: Sequence[str]) -> list[str]:
        """Return lines that do something with each column that is no category."""
        if not self.categories:
            return ["for column in X.T:", *(f"    {line}" for line in lines)]
        return [
            "for name, column in zip(FEATURES, X.T, strict=True):",
            "    if name not in CATEGORIES:",
            *(f"        {line}" for line in lines),
        ]

    # --- categories as columns of 0 and 1

    @cached_property
    def first(self) -> dict[str, int]:
        """Which category of each column has the first column of 0 and 1."""
        found = self.features or ()
        return {
            each["column"]: int(each["encode"] == "drop_first")
            for each in found
            if "categories" in each and each["encode"] != "integer"
        }

    @property
    def one_hot_test(self) -> str:
        return "CATEGORIES" if len(self.first) == len(self.categories) else "FIRST"

    @property
    def splits_all(self) -> bool:
        """Whether every feature is a category that becomes columns of 0 and 1."""
        return self.all_categories and self.one_hot_test == "CATEGORIES"

    @property
    def needs_first(self) -> bool:
        return bool(self.first) and (
            self.one_hot_test == "FIRST" or len(set(self.first.values())) > 1
        )

    @property
    def one_hot_places(self) -> str:
        if self.needs_first:
            return "range(FIRST[name], len(CATEGORIES[name]))"
        start = "1, " if 1 in self.first.values() else ""
        return f"range({start}len(CATEGORIES[name]))"

    @property
    def one_hot_words(self) -> str:
        alike = not self.needs_first and 1 in self.first.values()
        return ", none for the first" if alike else ""

    # --- in the program

    @property
    def constants(self) -> list[str]:
        """The statements that say what the table holds."""
        said: list[tuple[str, Any]] = [
            ("FEATURES", [each["column"] for each in self.features or ()])
        ]
        said += [("CATEGORIES", self.categories), ("FIRST", self.first)]
        said += [("TARGET", self.targets if len(self.targets) > 1 else self.targets[0])]
        said += [
            ("INPUTS", self.inputs),
            ("CLASSES", count_or(self.classes)),
            ("WEIGHTS", self.data.get("weights")),
        ]
        found = [assigned(name, value) for name, value in said]
        marks = "{None}" if self.is_npz else f"{{{', '.join(map(quoted, self.marks))}}}"
        path = noted("DATA", f"Path(__file__).parent / {quoted(self.path)}")
        return [path, *found, noted("MISSING", marks)]

    @property
    def marks(self) -> list[str]:
        return list(dict.fromkeys(self.data["missing_values"]))

    @property
    def prepare(self) -> list[str]:
        """The lines that bring X into the form that the model takes, and divide the examples."""
        rows = ", rows" if self.is_split else ""
        lines = []
        if self.is_split:
            seed = ", options.seed" if self.split_seed == "seed" else ""
            lines.append(f"rows, held_rows = split(len(X){seed})")
        if self.fills:
            lines.append(f"fill_in(X{rows})")
            if self.categories and not self.fill_is_mode:
                lines.append("refuse_missing(X, FEATURES)")
        if self.data["standardise"] and not self.all_categories:
            lines.append(f"standardise(X{rows})")
        lines += ["X = one_hot(X)"] if self.first else []
        lines += self.shaped
        if not self.is_split:
            return [*lines, f"training = {self.examples}"]
        parts = {"training": "rows", "held_out": "held_rows"}
        for part, rows in parts.items():
            lines.append(f"{part} = {', '.join(f'{name}[{rows}]' for name in self.names)}")
        return lines

    @property
    def shaped(self) -> list[str]:
        """The line that gives X its dtype or its sizes, if it is no matrix of numbers."""
        sizes, kind = self.model.plan.shapes["X"]
        if kind == "int":
            count = self.model.parameters["E"][0]
            return [f"refuse_unknown(X, {count})", "X = X.astype(int)"]
        if len(sizes) > 2:
            return [f"X = X.reshape(len(X), {', '.join(map(str, sizes[1:]))})"]
        return []


def count_or(classes: Sequence[Any] | None) -> Any:
    """Return how many classes there are where they are 0, 1, ..., else all of them."""
    return len(classes) if isinstance(classes, range) else classes


def is_numeric(known: Sequence[Any]) -> bool:
    return all(isinstance(value, int) for value in known)


NOTES = {
    "INPUTS": "columns of inputs",
    "MISSING": "what stands for a missing value",
    "FIRST": "the category that has the first column of 0 and 1",
    "HELD_OUT": "this part of the examples is for validation",
    "BATCH_SIZE": "examples in a step; None: all of them",
    "PATIENCE": "epochs without an improvement",
    "STATISTICS": "of the training data, kept for predictions",
    "LEAST": "what counts as an improvement",
}


def assigned(name: str, value: Any) -> str:
    """Return a constant, with what it means where there is room for it."""
    return noted(name, written_out(value))


def noted(name: str, text: str) -> str:
    lines = exploded(f"{name} = ", text, "", 0)
    return "\n".join(lines) if len(lines) > 1 else with_note(lines[0], NOTES.get(name, ""), 0)
