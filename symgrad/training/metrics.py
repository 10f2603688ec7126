"""Numbers that say how good predictions are.

Given what a model puts out and the targets, return a number.  Invariant: outputs are taken for
classes only where there is one way to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError, ShapeError, did_you_mean
from symgrad.training import scores

Metric = Callable[[Any, Any], Any]


def classes_of(output: Any) -> Any:
    """Return the class of each row: the column with the largest score, or the class itself.

    Raises ArgumentError for one real number a row, which may be a score or a probability.
    """
    output = np.asarray(output)
    if output.ndim == 2 and output.shape[1] > 1:
        return output.argmax(axis=1)
    if output.dtype.kind == "f" and not np.array_equal(output, np.round(output)):
        raise ArgumentError(
            f"predict gives one real number a row (shape {output.shape}), not a class: compare it "
            "with a threshold there (p > 0.5), or return a column of scores for each class"
        )
    return output.reshape(len(output)).astype(int)


def accuracy(output: Any, y: Any) -> float:
    """Return the part of the rows whose class is right."""
    return float(np.mean(classes_of(output) == labels_of(y)))


def labels_of(y: Any) -> Any:
    """Return labels as numbers: as they are, or where the 1 of a one-hot row stands."""
    y = np.asarray(y)
    return y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y))


def mae(output: Any, y: Any) -> float:
    """Return the mean absolute error."""
    return float(scores.mae(*_aligned(output, y)))


def rmse(output: Any, y: Any) -> float:
    """Return the root of the mean squared error."""
    return float(scores.rmse(*_aligned(output, y)))


def r2(output: Any, y: Any) -> float:
    """Return the part of the variance of the targets that predictions explain."""
    return float(scores.r2(*_aligned(output, y)))


def _aligned(output: Any, y: Any) -> tuple[Any, Any]:
    output, y = np.asarray(output, float), np.asarray(y, float)
    if output.shape != y.shape and output.size == y.size:
        output = output.reshape(y.shape)  # (n, 1) beside (n,) would broadcast to (n, n)
    if output.shape != y.shape:
        raise ShapeError(f"predict gives shape {output.shape}, the targets have {y.shape}")
    return output, y


METRICS: dict[str, Metric] = {"accuracy": accuracy, "mae": mae, "r2": r2, "rmse": rmse}
LARGER_IS_BETTER = frozenset({"accuracy", "r2"})


def metrics_of(given: Mapping[str, Any] | Iterable[str]) -> dict[str, Metric]:
    """Return the metrics that were asked for by name: names, or a dict of functions and names.

    Raises ArgumentError for an unknown name.
    """
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Mapping):
        given = sorted(given) if isinstance(given, (set, frozenset)) else list(given)
        given = {str(name): name for name in given}
    return {name: _metric(name, metric) for name, metric in given.items()}


def _metric(name: str, metric: Any) -> Metric:
    if name in ("epoch", "loss") or name.startswith("val_"):
        raise ArgumentError(f"a metric cannot be called `{name}`: the history uses that name")
    if callable(metric):
        return metric  # type: ignore[no-any-return]
    if metric not in METRICS:
        raise ArgumentError(
            f"there is no metric {metric!r}{did_you_mean(str(metric), METRICS)}: "
            f"{', '.join(METRICS)}, or a function of predictions and targets"
        )
    return METRICS[metric]
