"""One fit: the columns of the data and an estimator's settings go through `symgrad.train`'s loop.

Given a model, its compiled loss and where the parameters start, return the run's result and the
optimizer's state.  Invariant: the loop, the steps and the order of the rows are `train`'s own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.compiled import Compiled
from symgrad.optim import State
from symgrad.spec import Model
from symgrad.training.conduct import Conduct
from symgrad.training.objective import call
from symgrad.training.result import TrainingResult
from symgrad.training.running import run
from symgrad.training.settings import Settings

Columns = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """How to go through the data: how often, in which parts, and when to stop."""

    epochs: int
    batch: int | None
    seed: int
    patience: int | None
    tol: float
    verbose: bool


class Kept:
    """An optimizer that goes on from a state, if there is one, and keeps it."""

    def __init__(self, optimizer: Any, state: State | None = None):
        self.optimizer, self.state = optimizer, state
        self.check_finite = getattr(optimizer, "check_finite", False)

    def init(self, params: Any) -> State:
        """Return the state to go on from, or the first."""
        if self.state is None:
            self.state = self.optimizer.init(params)
        return self.state

    def update(self, grads: Any, state: State) -> None:
        """Make one step; see `Optimizer.update`."""
        self.optimizer.update(grads, state)


def fitted(
    model: Model,
    loss: Compiled,
    params: Any,
    data: Columns,
    held: Columns | None,
    optimizer: Kept,
    plan: Plan,
) -> TrainingResult:
    """Return what training gives; ``held`` are the columns to validate with, if there are any."""
    return run(Settings(
        loss, dict(data), params, optimizer, plan.epochs, plan.batch, plan.seed, held,
        early_stopping=None if plan.patience is None else {
            "patience": plan.patience, "min_delta": plan.tol,
        },
        progress=plan.verbose, conduct=Dropping(model, loss),
    ))  # fmt: skip


class Dropping(Conduct):
    """Draws the masks of dropout in each step; examples to validate with are seen whole."""

    def __init__(self, model: Model, loss: Compiled):
        self.masks, self.differs = tuple(model.masks), bool(model.masks)
        self._model, self._loss = model, loss

    def draw_masks(self, rows: int, rng: np.random.Generator) -> tuple[Any, ...]:
        """Return the masks of one step."""
        return tuple(self._model.draw_masks(rows, rng).values())

    def evaluate(self, params: Any, columns: Columns) -> float:
        """Return the loss without dropout."""
        known = {**columns, **dict.fromkeys(self.masks)}
        return float(call(self._loss.function, params, known, "loss"))
