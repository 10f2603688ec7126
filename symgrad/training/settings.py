"""Everything a training run is told, in one record: what `train` and a model spec both make."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from symgrad.errors import ArgumentError
from symgrad.training.conduct import Conduct
from symgrad.training.metrics import METRICS, Metric, metrics_of
from symgrad.training.preparing import Preparation
from symgrad.training.splitting import Part
from symgrad.training.stopping import EarlyStopping, early_stopping_of


@dataclass(frozen=True, eq=False)
class Settings:
    """A training run; `symgrad.train` says what each setting means.

    Raises ArgumentError for a setting that makes no sense.
    """

    fn: Callable[..., Any]
    data: Any
    params: Any
    optimizer: Any
    epochs: int = 100
    batch: int | None = None
    seed: int = 0
    validation: Any = None
    metrics: Any = ()
    predict: Callable[..., Any] | None = None
    target: str | None = None
    preparation: Preparation | None = None
    early_stopping: Any = None
    checkpoint: Any = None
    checkpoint_every: int = 1
    resume: bool = False
    log: Any = None
    progress: bool = True
    shuffle: bool = True
    conduct: Conduct = field(default_factory=Conduct)

    def __post_init__(self) -> None:
        _whole("epochs", self.epochs, 0)
        _whole("seed", self.seed, 0)
        _whole("checkpoint_every", self.checkpoint_every, 1)
        if self.batch is not None:
            _whole("batch", self.batch, 1)
        if isinstance(self.optimizer, type):
            name = self.optimizer.__name__
            raise ArgumentError(f"optimizer={name} is a class: give one, such as {name}(lr=0.01)")
        if not (hasattr(self.optimizer, "init") and hasattr(self.optimizer, "update")):
            raise ArgumentError(
                f"optimizer={self.optimizer!r} has no init and update: give one such as "
                "symgrad.optim.Adam(lr=0.01)"
            )
        if isinstance(self.validation, (int, float)) and not 0 < self.validation < 1:
            raise ArgumentError(
                f"validation={self.validation!r} must be a part between 0 and 1, or data"
            )
        if isinstance(self.validation, float) and math.isnan(self.validation):
            raise ArgumentError("validation is NaN: a part between 0 and 1, or data")
        if self.preparation is not None and not isinstance(self.preparation, Preparation):
            raise ArgumentError(
                f"preparation is {type(self.preparation).__name__}, and no symgrad.Preparation"
            )
        if self.resume and self.checkpoint is None:
            raise ArgumentError("resume=True needs the file to go on from: checkpoint='run.npz'")
        self._refuse_without_predictions()
        _ = self.stopping

    @property
    def part(self) -> float | Part | None:
        """The part of the rows that is held back, unless that is data of its own."""
        return self.validation if isinstance(self.validation, (float, Part)) else None

    def _refuse_without_predictions(self) -> None:
        known = METRICS.values()
        named = [name for name, metric in self.metric_functions.items() if metric in known]
        if named and self.predict is None:
            raise ArgumentError(
                f"{', '.join(named)}: such metrics compare predictions with targets, so give "
                "predict=, a function of the parameters and the inputs"
            )

    @property
    def metric_functions(self) -> dict[str, Metric]:
        return metrics_of(self.metrics)

    @property
    def stopping(self) -> EarlyStopping:
        return early_stopping_of(self.early_stopping)

    @property
    def checkpoint_path(self) -> Path | None:
        return None if self.checkpoint is None else Path(os.fspath(self.checkpoint))


def _whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ArgumentError(f"{name}={value!r} must be a whole number, {least} or more")
