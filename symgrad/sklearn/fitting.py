"""One fit: the columns of the data and an estimator's settings go through `symgrad.train`.

Given a model, its compiled loss and where the parameters start, return the run's result and the
optimizer's state.  Invariant: the loop, the steps and the order of the rows are `train`'s own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad import optim
from symgrad.compiled import Compiled
from symgrad.optim import Optimizer, State
from symgrad.spec import Model, Spec
from symgrad.training.result import TrainingResult
from symgrad.training.running import train
from symgrad.training.splitting import order

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
    if model.masks and held is not None:
        held = {**held, **whole(model, len(held["y"]))}
    return train(
        loss,
        params=params,
        data=Masked(model, data, plan) if model.masks else dict(data),
        optimizer=optimizer,
        epochs=plan.epochs,
        batch=plan.batch,
        seed=plan.seed,
        validation=held,
        early_stopping=None if plan.patience is None else {
            "patience": plan.patience, "min_delta": plan.tol,
        },
        progress=plan.verbose,
    )  # fmt: skip


class Masked:
    """Batches in a new order in each epoch, with new masks for dropout."""

    def __init__(self, model: Model, data: Columns, plan: Plan):
        self.model, self.data, self.plan, self.epoch = model, data, plan, 0

    def __call__(self) -> Iterator[Columns]:
        self.epoch += 1
        count = len(self.data["y"])
        size = self.plan.batch or count
        rows = order(count, self.plan.seed, self.epoch)
        rng = np.random.default_rng((self.plan.seed, self.epoch, 1))
        for start in range(0, count, size):
            chosen = rows[start : start + size]
            batch = {name: column[chosen] for name, column in self.data.items()}
            yield batch | self.model.draw_masks(len(chosen), rng)


def whole(model: Model, count: int) -> dict[str, Any]:
    """Return masks that drop nothing, and so undo the division by the share that is kept."""
    return {name: np.full((count, mask.width), mask.keep) for name, mask in model.masks.items()}


def optimizer_of(spec: Spec) -> Optimizer:
    """Return the optimizer of a spec, with its schedule."""
    given = spec["optimizer"]
    settings = dict(given) if isinstance(given, Mapping) else {"name": given}
    name = settings.pop("name")
    if spec.get("schedule") is not None:
        settings["lr"] = schedule_of(
            spec["schedule"], settings.get("lr", optim.OPTIMIZERS[name].lr)
        )
    return optim.optimizer(name, **settings)


def schedule_of(given: Mapping[str, Any], lr: Any) -> Any:
    settings = dict(given)
    name, then = settings.pop("name"), settings.pop("then", None)
    if then is not None:
        lr = schedule_of(then, lr)
    return optim.schedule(name, lr=lr, **settings)
