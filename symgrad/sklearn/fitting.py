"""What a fit adds to training: an optimizer that goes on, and how a loss that is a function is met.

Given a model and its loss, return the conduct of its run.  Invariant: the loop, the steps and the
order of the rows are `symgrad.train`'s own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symgrad.optim import State
from symgrad.sklearn.functions import module_of
from symgrad.spec import Model
from symgrad.training.objective import call
from symgrad.training.spec_models import SpecConduct, refuse_inputs


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


def conduct_of(model: Model, function: Callable[..., Any] | None) -> SpecConduct:
    """Return how the loop treats a model, whose loss may be a function of the user's."""
    return SpecConduct(model) if function is None else FunctionConduct(model, function)


class FunctionConduct(SpecConduct):
    """How the loop treats the model of a spec whose loss is a function."""

    def __init__(self, model: Model, function: Callable[..., Any]):
        super().__init__(model)
        self.function = module_of(model, function).evaluate

    def refuse(self, columns: Mapping[str, Any], source: str) -> None:
        """Raise `DataError` for inputs that do not fit; targets are the function's own affair."""
        refuse_inputs(self.model, columns["X"], source)

    def evaluate(self, params: Any, columns: Mapping[str, Any]) -> float:
        """Return the loss without dropout, with the statistics of the training data."""
        return float(call(self.function, params, columns, "evaluate"))


def output_of(model: Model, params: Any, X: Any, statistics: Mapping[str, Any]) -> Any:
    """Return what the last layer gives for X once nothing is learned any more."""
    plan, known = model.plan, {**params, "X": X}
    means = {name: statistics[name] for name in plan.statistics}
    return model.module.network(*[known[name] for name in plan.network_args], **means)
