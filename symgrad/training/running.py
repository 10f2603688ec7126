"""`train`: a loss, its parameters and data in, trained parameters and their history out.

Given a function, or the settings that a model spec was turned into, train.  Invariant: `train`
and a spec go through the one function `run`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.training.loop import Run
from symgrad.training.preparing import Preparation
from symgrad.training.result import TrainingResult
from symgrad.training.settings import Settings


def train(
    fn: Callable[..., Any],
    params: Any,
    data: Any,
    *,
    optimizer: Any,
    epochs: int = 100,
    batch: int | None = None,
    seed: int = 0,
    validation: Any = None,
    metrics: Any = (),
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
    """Train the parameters of a loss.

    ``fn`` is a plain function or a compiled one: ``fn(W, b, X, y)`` with ``params`` a dict of W
    and b, or ``fn(params, X, y)`` with any nest of arrays.  ``data`` is a tuple of arrays in the
    order of the other arguments, a dict of them, the path of a CSV, NPZ or NPY file (NPY is not
    read whole), or batches: an iterable, or a function that returns one for each epoch.  The
    first axis of every array is the examples; a single number is passed on as it is.

    ``batch`` rows make a step, by default all; minibatches are shuffled by ``seed`` and the number
    of the epoch, and the last may be short.  ``validation`` is data held back for validation, or
    the part of the rows to hold back, of each label its share.  ``metrics`` are "accuracy", "mae",
    "r2", "rmse" or functions by name; they compare what ``predict`` gives, a function of
    parameters and inputs, with the column ``target`` (default: `y`, or the last).  Without
    ``predict``, functions take parameters and data as the loss does.
    ``preparation`` makes inputs of a table's columns.  ``early_stopping`` is a number of epochs
    to wait, or a dict of ``patience``, ``min_delta``, ``monitor`` and ``mode``.

    ``checkpoint`` is a file that is written every so many epochs and on Ctrl-C; ``resume`` goes
    on from it, to the same bits, or starts if there is none.  ``log`` is a file of one JSON line
    an epoch.  ``progress`` is shown on stderr.

    Raises ArgumentError, DataError or SpecError for what makes no sense, DivergenceError when a
    value is not finite, CheckpointError for a checkpoint that is damaged or of another run.
    """
    return run(Settings(
        fn, params, data, optimizer, epochs, batch, seed, validation, metrics, predict, target,
        preparation, early_stopping, checkpoint, checkpoint_every, resume, log, progress,
    ))  # fmt: skip


def run(settings: Settings) -> TrainingResult:
    """Train as the settings say; see `train`."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # NaN stops by name
        return Run(settings).result()
