"""``symgrad train``: a spec, or a loss in a file, and data go in; a trained model comes out."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from symgrad.cli.options import add_target, subject_of
from symgrad.cli.targets import Subject, is_spec, split_target
from symgrad.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from symgrad.training.result import TrainingResult

HELP = "train a model spec, or the parameters of a loss"
DESCRIPTION = (
    "Train the model of a spec as its keys say, or the parameters of a loss.  The file of a loss "
    "also holds `params` (or a function of that name), perhaps `optimizer`, and where they are "
    "needed `predict` and `preparation`."
)
EPILOG = "Exit code 0: done; 130: Ctrl-C, after the checkpoint was written; 2: an error."

DONE, INTERRUPTED = 0, 130
OUTPUT = (
    "write the best epoch: of a spec the trained model, for `symgrad predict` and `symgrad "
    "evaluate`; of a function its parameters"
)
METRICS = ("accuracy", "auc", "f1", "mae", "precision", "r2", "recall", "rmse")
PICTURES = {"plot": "plot", "confusion": "plot_confusion", "boundary": "plot_boundary"}


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_target(parser)
    add("--data", metavar="FILE", help="a CSV, NPZ or NPY file (default: the spec's)")
    add("--optimizer", metavar="NAME", help="sgd, adam, ... (default: what the file or spec says)")
    add("--lr", type=float, metavar="RATE", help="the learning rate of --optimizer")
    add("--epochs", type=int, metavar="N", help="how often to go through the data (default: 100)")
    add("--batch", type=int, metavar="N", help="rows of a step (default: all)")
    add("--seed", type=int, metavar="N", help="of the split and of the order of rows (default: 0)")
    add("--validation", metavar="PART", help="hold back this part of the rows (0.2), or a file")
    add("--metric", action="append", default=[], choices=METRICS, help="record this; repeat it")
    add("--patience", type=int, metavar="N", help="stop after N epochs that were no better")
    add("--checkpoint", metavar="FILE.npz", help="keep the run here after every epoch")
    add("--resume", action="store_true", help="go on from the checkpoint, if there is one")
    add("--log", metavar="FILE.jsonl", help="write loss and metrics, a line of JSON an epoch")
    add("--plot", metavar="FILE.png", help="draw the loss by epoch")
    add("--confusion", metavar="FILE.png", help="draw which class was taken for which")
    add("--boundary", metavar="FILE.png", help="draw where which class is predicted")
    add("-o", "--output", metavar="FILE.npz", help=OUTPUT)
    add("--quiet", action="store_true", help="show no progress")
    add("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    try:
        result = trained(options)
    except KeyboardInterrupt:  # before the first step, or the second Ctrl-C
        print("symgrad: interrupted", file=sys.stderr)
        return INTERRUPTED
    if options.output is not None:
        save(result, Path(options.output), is_spec(options.target))
    print(as_json(result) if options.json else result)
    sys.stdout.flush()
    for option, method in PICTURES.items():
        if (path := getattr(options, option)) is not None:
            draw(result, method, Path(path))
    return INTERRUPTED if result.stopped == "interrupted" else DONE


def trained(options: argparse.Namespace) -> TrainingResult:
    """Return the result of the run that was typed."""
    if is_spec(options.target):
        options.settings = [*options.settings, *as_keys(options)]
    with subject_of(options) as found:
        from symgrad.training.running import train

        what, given = found.model, of_spec(options)
        if what is None:
            what, given = found.function, of_function(options, found)
        return train(
            what, **given, checkpoint=options.checkpoint, resume=options.resume, log=options.log,
            progress=not options.quiet,
        )  # fmt: skip


def as_keys(options: argparse.Namespace) -> list[str]:
    """Return what was typed in place of keys of a spec, as ``--set`` would say it."""
    typed = {
        "optimizer": options.optimizer, "optimizer.lr": options.lr, "epochs": options.epochs,
        "batch_size": options.batch, "seed": options.seed,
        "early_stopping.patience": options.patience,
        "metrics": json.dumps(options.metric) if options.metric else None,
        "validation.share": share(options.validation),
    }  # fmt: skip
    return [f"{key}={value}" for key, value in typed.items() if value is not None]


def of_spec(options: argparse.Namespace) -> dict[str, Any]:
    """Return what no key of a spec says."""
    held = options.validation if share(options.validation) is None else None
    return {"data": options.data, "validation": held}


def of_function(options: argparse.Namespace, found: Subject) -> dict[str, Any]:
    """Return what the file of a function says, and what was typed in its place."""
    file, module = split_target(options.target)[0], found.module
    if options.data is None:
        raise SpecError("--data FILE: a function needs the data to train on")
    if options.confusion or options.boundary:
        named(module, "predict", file)  # now, and not after an hour
    params, held = named(module, "params", file), share(options.validation)
    return {
        "data": options.data,
        "params": params() if callable(params) else params,
        "optimizer": optimizer_of(options, module, file),
        "epochs": options.epochs,
        "batch": options.batch,
        "seed": options.seed,
        "validation": options.validation if held is None else held,
        "early_stopping": options.patience,
        "metrics": options.metric,
        "predict": getattr(module, "predict", None),
        "preparation": getattr(module, "preparation", None),
    }


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


def share(text: str | None) -> float | None:
    """Return the part of the rows to hold back, unless a file was typed."""
    if text is None or Path(text).is_file():
        return None
    try:
        return float(text)
    except ValueError:
        return None  # a file that is not there, which the reader says


# What is left behind


def draw(result: TrainingResult, method: str, path: Path) -> None:
    """Write a picture of the result, the same bytes for the same result."""
    from symgrad.training.pictures import new_figure

    figure = new_figure()
    getattr(result, method)(ax=figure.subplots())
    figure.savefig(path, format="png", dpi=150, metadata={"Software": None})


def save(result: TrainingResult, path: Path, has_spec: bool) -> None:
    """Write the best epoch: the trained model of a spec, or arrays by the names that reach them."""
    import io

    import numpy as np

    from symgrad.training.checkpoints import replace_file
    from symgrad.training.objective import leaves_of

    if has_spec:
        result.trained.save(path)
        return
    best = result.params if result.best is None else result.best.params
    content = io.BytesIO()
    np.savez(content, **leaves_of(best))
    replace_file(path, content.getvalue())


def as_json(result: TrainingResult) -> str:
    best = result.best
    return json.dumps({
        "stopped": result.stopped,
        "last": result.history[-1] if result.history else None,
        "best": None if best is None else {"epoch": best.epoch, result.monitor: best.value},
    })  # fmt: skip
