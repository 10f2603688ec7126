"""Learning rates that change: small callables of the number of steps already done.

Each class holds the settings of a plain function, which does the arithmetic and can be copied
into any program.  After its last step a schedule stays where it ended.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from symgrad.optim.settings import check_settings

Rate = float | Callable[[int], float]


def constant(step, lr):
    """Return ``lr``."""
    return lr


def staircase(step, lr, every, factor=0.1):
    """Return ``lr``, multiplied by ``factor`` after each ``every`` steps."""
    return lr * factor ** (step // every)


def cosine(step, lr, steps, end=0.0):
    """Return ``lr`` falling to ``end`` along half a cosine wave over ``steps`` steps.

    Loshchilov, Hutter, SGDR: stochastic gradient descent with warm restarts, 2017.
    """
    return end + (lr - end) * (1 + math.cos(math.pi * min(step / steps, 1.0))) / 2


def warm_up(step, lr, steps, start=0.0):
    """Return what rises evenly from ``start`` over ``steps`` steps, then ``lr`` from its start.

    ``lr`` is a number or a schedule, whose first step is the one after the warm-up.
    """
    if step >= steps:
        return lr(step - steps) if callable(lr) else lr
    top = lr(0) if callable(lr) else lr
    return start + (top - start) * step / steps


def one_cycle(step, lr, steps, up=0.3, first=25.0, last=1e4):
    """Return a rate that rises to ``lr`` in a share ``up`` of ``steps``, then falls, by cosines.

    It begins at lr / first and ends at lr / first / last.  Smith, Topin, Super-convergence, 2018.
    """
    top = up * steps - 1.0
    if step < top:
        low, share = lr / first, step / top
    else:
        low, share = lr / first / last, 1.0 - min((step - top) / (steps - 1.0 - top), 1.0)
    return low + (lr - low) * (1 - math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class Schedule:
    """A learning rate by the number of steps already done: ``schedule(step)``."""

    function: ClassVar[Callable[..., float]]

    def __post_init__(self) -> None:
        check_settings(self)

    def __call__(self, step: int) -> float:
        rate: float = type(self).function(step, **self.settings)
        return rate

    @property
    def source(self) -> str:
        """The text of the function, after that of the schedule it wraps: `math`, nothing else."""
        inner = [value.source for value in self.settings.values() if isinstance(value, Schedule)]
        return "\n\n".join([*inner, inspect.getsource(type(self).function)])

    @property
    def settings(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at every step."""

    lr: float
    function = staticmethod(constant)


@dataclass(frozen=True)
class Step(Schedule):
    """A rate that is multiplied by ``factor`` after each ``every`` steps."""

    lr: float
    every: int
    factor: float = 0.1
    function = staticmethod(staircase)


@dataclass(frozen=True)
class Cosine(Schedule):
    """A rate that falls from ``lr`` to ``end`` along half a cosine wave, over ``steps`` steps."""

    lr: float
    steps: int
    end: float = 0.0
    function = staticmethod(cosine)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A rate that rises evenly from ``start`` for ``steps`` steps, to ``lr``, or to a schedule.

    ``WarmUp(Cosine(0.1, steps=900), steps=100)`` rises to 0.1, then falls along the cosine.
    """

    lr: Rate
    steps: int
    start: float = 0.0
    function = staticmethod(warm_up)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """A rate that rises to ``lr`` in a share ``up`` of the ``steps``, then falls to nearly nothing.

    It begins at ``lr / first`` and ends at ``lr / first / last``.
    """

    lr: float
    steps: int
    up: float = 0.3
    first: float = 25.0
    last: float = 1e4
    function = staticmethod(one_cycle)


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": Step,
    "cosine": Cosine,
    "warm_up": WarmUp,
    "one_cycle": OneCycle,
}
