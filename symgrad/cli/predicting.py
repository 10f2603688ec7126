"""``symgrad predict``: a trained model and new rows go in, a table of predictions comes out."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symgrad.training.trained import TrainedModel

HELP = "predict with a trained model"
DESCRIPTION = (
    "Print what a model that `symgrad train SPEC.toml -o MODEL.npz` left says of each row: the "
    "class and the probability of each class, or the number."
)
EPILOG = "Exit code 0: done; 2: an error."

DONE = 0


def add_options(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add = parser.add_argument
    add("-o", "--output", metavar="FILE.csv", help="write the table here (default: stdout)")
    add("--json", action="store_true", help="print a JSON object for each row instead")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the trained model and the data, which `symgrad evaluate` takes too."""
    add = parser.add_argument
    add("model", metavar="MODEL.npz", help="what `symgrad train SPEC.toml -o MODEL.npz` wrote")
    add("--data", required=True, metavar="FILE", help="a CSV, NPZ or NPY file")
    spec = "the spec, needed where its model is a function in a file"
    add("--spec", metavar="SPEC.toml", help=spec)


def loaded(options: argparse.Namespace) -> TrainedModel:
    from symgrad.training.trained import TrainedModel

    return TrainedModel.load(options.model, options.spec)


def run(options: argparse.Namespace) -> int:
    header, rows = table(loaded(options), options.data)
    text = as_json(header, rows) if options.json else as_csv(header, rows)
    if options.output is None:
        sys.stdout.write(text)
    else:
        from symgrad.training.checkpoints import replace_file

        replace_file(Path(options.output), text.encode())
    return DONE


def table(trained: TrainedModel, data: str) -> tuple[list[str], list[list[Any]]]:
    """Return the names of the columns, and what is predicted of each row."""
    import numpy as np

    output = np.asarray(trained.predict(data))
    columns = output.reshape(len(output), -1)
    if not trained.tells_classes:
        names = trained.targets
        if columns.shape[1] != len(names):
            names = [f"{names[0]}[{k}]" for k in range(columns.shape[1])]
        return names, columns.tolist()
    classes = trained.classes_of(output).tolist()
    names = [trained.targets[0], *trained.output_names]
    return names, [[each, *row] for each, row in zip(classes, columns.tolist(), strict=True)]


def as_csv(header: list[str], rows: list[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def as_json(header: list[str], rows: list[list[Any]]) -> str:
    return "".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows)
