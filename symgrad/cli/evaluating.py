"""``symgrad evaluate``: a trained model and rows with targets go in, loss and metrics come out."""

from __future__ import annotations

import argparse
import json

from symgrad.cli.predicting import add_model, loaded

HELP = "measure a trained model on data"
DESCRIPTION = (
    "Print the loss, and the metrics of its spec, of a model that `symgrad train SPEC.toml -o "
    "MODEL.npz` left, on rows whose target is known."
)
EPILOG = "Exit code 0: done; 2: an error."

DONE = 0


def add_options(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")


def run(options: argparse.Namespace) -> int:
    found = loaded(options).evaluate(options.data)
    if options.json:
        print(json.dumps(found))
    else:
        print(", ".join(f"{name} {value:.4g}" for name, value in found.items()))
    return DONE
