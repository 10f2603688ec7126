"""Which epoch was the best so far, and when there is no use in going on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from symgrad.errors import ArgumentError, did_you_mean
from symgrad.training.metrics import LARGER_IS_BETTER, METRICS


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """Stop when ``monitor`` has not become better by more than ``min_delta`` for a while.

    ``patience`` is how many epochs to wait.  ``monitor`` is a name of the history, by default
    the validation loss, or the loss where nothing is held back for validation.  ``mode`` says
    whether "min" or "max" is better; it is known for the metrics that have names here.
    """

    patience: int | None = None
    min_delta: float = 0.0
    monitor: str | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The best epoch so far: its number, its value and its parameters."""

    epoch: int
    value: float
    params: Any


def early_stopping_of(given: Any) -> EarlyStopping:
    """Return what an int (the patience), a dict or None says; raise `ArgumentError` otherwise."""
    if given is None:
        return EarlyStopping()
    if isinstance(given, EarlyStopping):
        return given
    if isinstance(given, Mapping):
        known = [field.name for field in fields(EarlyStopping)]
        for word in given:
            if word not in known:
                raise ArgumentError(
                    f"early_stopping has no `{word}`{did_you_mean(str(word), known)}: "
                    f"{', '.join(known)}"
                )
        return _checked(EarlyStopping(**given))
    return _checked(EarlyStopping(patience=given))


def _checked(made: EarlyStopping) -> EarlyStopping:
    patience = made.patience
    if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
        raise ArgumentError(
            f"early_stopping: patience={patience!r} must be a number of epochs, 1 or more"
        )
    if made.mode not in (None, "min", "max"):
        raise ArgumentError(f"early_stopping: mode={made.mode!r}: 'min' or 'max'")
    return made


class Monitor:
    """Compares epochs by one number of the history."""

    def __init__(self, rule: EarlyStopping, recorded: list[str], metrics: Mapping[str, Any]):
        self.rule = rule
        self.name = rule.monitor or ("val_loss" if "val_loss" in recorded else "loss")
        if self.name not in recorded:
            raise ArgumentError(
                f"early_stopping: monitor={self.name!r} is not recorded"
                f"{did_you_mean(self.name, recorded)}: {', '.join(recorded)}"
            )
        self.sign = -1.0 if self._mode(metrics) == "max" else 1.0

    def _mode(self, metrics: Mapping[str, Any]) -> str:
        plain = self.name.removeprefix("val_")
        if self.rule.mode is not None or plain == "loss":
            return self.rule.mode or "min"
        if (known := getattr(metrics[plain], "larger_is_better", None)) is not None:
            return "max" if known else "min"
        if metrics[plain] not in METRICS.values():
            raise ArgumentError(
                f"early_stopping: is a larger `{plain}` better?  Say mode='max' or 'min'"
            )
        return "max" if metrics[plain].__name__ in LARGER_IS_BETTER else "min"

    def is_better(self, value: float, best: Best | None) -> bool:
        """Return whether a value beats the best so far."""
        if not math.isfinite(value):
            return False
        return best is None or self.sign * (best.value - value) > self.rule.min_delta

    def is_enough(self, epoch: int, best: Best | None) -> bool:
        """Return whether too many epochs have passed since the best."""
        if self.rule.patience is None:
            return False
        return epoch - (best.epoch if best is not None else 0) >= self.rule.patience
