"""`train`: a spec, or a loss and its parameters, and data in; trained parameters come out.

Given a function or a spec, train.  Invariant: both go through the one function `run`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError
from symgrad.spec import Model, model, override
from symgrad.training.loop import Run
from symgrad.training.preparing import Preparation
from symgrad.training.result import TrainingResult
from symgrad.training.settings import Settings
from symgrad.training.spec_models import settings_of


def train(
    spec_or_fn: Any,
    data: Any = None,
    params: Any = None,
    *,
    optimizer: Any = None,
    epochs: int | None = None,
    batch: int | None = None,
    seed: int | None = None,
    validation: Any = None,
    metrics: Any = None,
    predict: Callable[..., Any] | None = None,
    target: str | None = None,
    preparation: Preparation | None = None,
    early_stopping: Any = None,
    checkpoint: Any = None,
    checkpoint_every: int = 1,
    resume: bool = False,
    log: Any = None,
    progress: bool = True,
) -> TrainingResult:
    """Train a model: one that a spec describes, or the parameters of a loss.

    ``spec_or_fn`` is a spec (a TOML or JSON file, a dict, what `symgrad.spec` made of one), which
    says everything that is not given here, or a function, plain or compiled: ``fn(W, b, X, y)``
    with ``params`` a dict of W and b, or ``fn(params, X, y)`` with any nest of arrays.  ``params``
    are those to begin with; a spec draws its own.

    ``data`` is a tuple of arrays in the order of the other arguments, a dict or a table of them,
    the path of a CSV, NPZ or NPY file (NPY is not read whole), or batches: an iterable, or a
    function that returns one for each epoch.  The first axis of every array is the examples; a
    single number is passed on as it is.  A spec takes arrays X and y, or a table of the columns
    that its [data] names, by default the file there.

    ``optimizer`` is one of `symgrad.optim`; a function needs it.  There are 100 ``epochs`` unless
    the spec says otherwise.  ``batch`` rows make a step, by default all; minibatches are shuffled
    by ``seed`` and the number of the epoch, and the last may be short.  ``validation`` is data
    held back for validation, or the part of the rows to hold back, of each label its share (a
    spec draws its `validation.share`); 0
    holds nothing back, whatever a spec says.  ``metrics`` are "accuracy", "mae", "r2", "rmse" or
    functions by name; they compare what ``predict`` gives, a function of parameters and inputs,
    with the column ``target`` (default: `y`, or the last).  Without ``predict``, functions take
    parameters and data as the loss does.
    ``preparation`` makes inputs of a table's columns.  ``early_stopping`` is a number of epochs
    to wait, or a dict of ``patience``, ``min_delta``, ``monitor`` and ``mode``.

    The loss of an epoch is the mean of the losses of its steps, by rows, each before its step; the
    validation loss is that of all examples held back, under the parameters after the epoch and
    without dropout, whatever the batches: where examples or classes are weighted, each batch
    counts by its weights.

    ``checkpoint`` is a file that is written every so many epochs and on Ctrl-C; ``resume`` goes
    on from it, to the same bits, or starts if there is none.  ``log`` is a file of one JSON line
    an epoch.  ``progress`` is shown on stderr.

    Raises ArgumentError, DataError or SpecError for what makes no sense, DivergenceError when a
    value is not finite, CheckpointError for a checkpoint that is damaged or of another run.
    """
    keeping = {
        "checkpoint": checkpoint, "checkpoint_every": checkpoint_every, "resume": resume,
        "log": log, "progress": progress,
    }  # fmt: skip
    given = {
        "params": params, "optimizer": optimizer, "epochs": epochs, "batch": batch, "seed": seed,
        "validation": validation, "metrics": metrics, "predict": predict, "target": target,
        "preparation": preparation, "early_stopping": early_stopping,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    if isinstance(validation, (int, float)) and validation == 0:
        given["validation"] = None
    if callable(spec_or_fn):
        return run(of_function(spec_or_fn, data, {**given, **keeping}))
    return run(of_spec(spec_or_fn, data, {**given, **keeping}))


def of_function(fn: Callable[..., Any], data: Any, given: dict[str, Any]) -> Settings:
    """Return the run of a function."""
    if "params" not in given:
        raise ArgumentError("a function needs params=, the arrays that its training begins with")
    if "optimizer" not in given:
        raise ArgumentError("a function needs optimizer=, such as symgrad.optim.Adam(lr=0.01)")
    return Settings(fn, data, **given)


def of_spec(spec: Any, data: Any, given: dict[str, Any]) -> Settings:
    """Return the run of a spec; its keys give way to what is given."""
    for name in ("predict", "target", "preparation"):
        if name in given:
            raise ArgumentError(f"{name}= is for functions: a spec says it in its keys")
    made = spec if isinstance(spec, Model) else model(spec)
    keys = [f"seed={given.pop('seed')}"] if "seed" in given else []
    if isinstance(given.get("validation"), float):
        keys.append(f"validation.share={given.pop('validation')}")
    if not isinstance(metrics := given.get("metrics", {}), Mapping):
        names = [metrics] if isinstance(metrics, str) else list(metrics)
        keys.append(f"metrics={json.dumps(names)}")
        del given["metrics"]
    return settings_of(model(override(made.spec, keys)) if keys else made, data, **given)


def run(settings: Settings) -> TrainingResult:
    """Train as the settings say; see `train`."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # NaN stops by name
        return Run(settings).result()
