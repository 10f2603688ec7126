"""``symgrad train``: a loss in a file and a table of data go in, trained parameters come out."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from symgrad.cli.targets import split_target, user_module
from symgrad.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from symgrad.training.result import TrainingResult

HELP = "train the parameters of a loss"
DESCRIPTION = (
    "Train the parameters of a loss.  Its file also holds `params` (or a function of that name), "
    "perhaps `optimizer`, and where they are needed `predict` and `preparation`."
)
EPILOG = "Exit code 0: done; 130: Ctrl-C, after the checkpoint was written; 2: an error."

DONE, INTERRUPTED = 0, 130
METRICS = ("accuracy", "mae", "r2", "rmse")
PICTURES = {"plot": "plot", "confusion": "plot_confusion", "boundary": "plot_boundary"}


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("target", metavar="FILE.py:FUNCTION", help="the loss; FILE may be - for stdin")
    add("--data", required=True, metavar="FILE", help="a CSV, NPZ or NPY file")
    add("--optimizer", metavar="NAME", help="sgd, adam, ... (default: `optimizer` in the file)")
    add("--lr", type=float, metavar="RATE", help="the learning rate of --optimizer")
    add("--epochs", type=int, default=100, metavar="N", help="how often to go through the data")
    add("--batch", type=int, metavar="N", help="rows of a step (default: all)")
    add("--seed", type=int, default=0, metavar="N", help="of the split and of the order of rows")
    add("--validation", metavar="PART", help="hold back this part of the rows (0.2), or a file")
    add("--metric", action="append", default=[], choices=METRICS, help="record this; repeat it")
    add("--patience", type=int, metavar="N", help="stop after N epochs that were no better")
    add("--checkpoint", metavar="FILE.npz", help="keep the run here after every epoch")
    add("--resume", action="store_true", help="go on from the checkpoint, if there is one")
    add("--log", metavar="FILE.jsonl", help="write loss and metrics, a line of JSON an epoch")
    add("--plot", metavar="FILE.png", help="draw the loss by epoch")
    add("--confusion", metavar="FILE.png", help="draw which class was taken for which")
    add("--boundary", metavar="FILE.png", help="draw where which class is predicted")
    add("-o", "--output", metavar="PARAMS.npz", help="write the parameters of the best epoch")
    add("--quiet", action="store_true", help="show no progress")
    add("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    try:
        result = trained(options)
    except KeyboardInterrupt:  # before the first step, or the second Ctrl-C
        print("symgrad: interrupted", file=sys.stderr)
        return INTERRUPTED
    if options.output is not None:
        best = result.params if result.best is None else result.best.params
        save_params(Path(options.output), best)
    print(as_json(result) if options.json else result)
    sys.stdout.flush()
    for option, method in PICTURES.items():
        if (path := getattr(options, option)) is not None:
            draw(result, method, Path(path))
    return INTERRUPTED if result.stopped == "interrupted" else DONE


def trained(options: argparse.Namespace) -> TrainingResult:
    """Return the result of the run that was typed."""
    file, _ = split_target(options.target)
    with user_module(options.target) as (module, loss):
        from symgrad.training.running import train

        if options.confusion or options.boundary:
            named(module, "predict", file)  # now, and not after an hour
        params = named(module, "params", file)
        return train(
            loss, options.data, params() if callable(params) else params,
            optimizer=optimizer_of(options, module, file), epochs=options.epochs,
            batch=options.batch, seed=options.seed, validation=part_or_file(options.validation),
            metrics=options.metric, predict=getattr(module, "predict", None),
            preparation=getattr(module, "preparation", None), early_stopping=options.patience,
            checkpoint=options.checkpoint, resume=options.resume, log=options.log,
            progress=not options.quiet,
        )  # fmt: skip


def named(module: ModuleType, name: str, file: str) -> Any:
    if not hasattr(module, name):
        close = did_you_mean(name, [word for word in dir(module) if word[0] != "_"])
        raise SpecError(f"{file} defines no `{name}`{close}: `symgrad train` takes it from there")
    return getattr(module, name)


def optimizer_of(options: argparse.Namespace, module: ModuleType, file: str) -> Any:
    """Return the optimizer that was typed, or else that of the file."""
    if options.optimizer is None:
        if options.lr is not None:
            raise SpecError("--lr is the rate of an --optimizer: name it too, --optimizer adam")
        return named(module, "optimizer", file)
    from symgrad.optim import optimizer

    return optimizer(options.optimizer, **({} if options.lr is None else {"lr": options.lr}))


def part_or_file(text: str | None) -> Any:
    if text is None or Path(text).is_file():
        return text
    try:
        return float(text)
    except ValueError:
        return text  # a file that is not there, which the reader says


# What is left behind


def draw(result: TrainingResult, method: str, path: Path) -> None:
    """Write a picture of the result, the same bytes for the same result."""
    from symgrad.training.pictures import new_figure

    figure = new_figure()
    getattr(result, method)(ax=figure.subplots())
    figure.savefig(path, format="png", dpi=150, metadata={"Software": None})


def save_params(path: Path, params: Any) -> None:
    """Write arrays by the names that reach them."""
    import io

    import numpy as np

    from symgrad.training.checkpoints import replace_file
    from symgrad.training.objective import leaves_of

    content = io.BytesIO()
    np.savez(content, **leaves_of(params))
    replace_file(path, content.getvalue())


def as_json(result: TrainingResult) -> str:
    best = result.best
    return json.dumps({
        "stopped": result.stopped,
        "last": result.history[-1] if result.history else None,
        "best": None if best is None else {"epoch": best.epoch, result.monitor: best.value},
    })  # fmt: skip
