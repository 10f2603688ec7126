"""The optimizers: their settings, and the plan of plain functions that one step of each runs.

Given parameters, ``init`` returns a `State`; ``update`` brings it one step further in place.
Invariant: what runs is `Optimizer.plan`, functions of `symgrad.optim.steps` with numbers, and
nothing else touches the buffer.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from symgrad.errors import ArgumentError, SpecError
from symgrad.optim import steps
from symgrad.optim.schedules import Rate
from symgrad.optim.settings import check_settings
from symgrad.optim.state import State

ARRAYS = frozenset({"w", "g", "m", "v", "b", "s", "scratch"})
EACH_STEP = frozenset({"lr", "step"})


@dataclass(frozen=True)
class Call:
    """One call of a step: a function, its settings, and which arrays and numbers it takes."""

    function: Callable[..., None]
    settings: Mapping[str, float]

    @cached_property
    def arrays(self) -> tuple[str, ...]:
        """The names of the rows that the function takes, which come first."""
        return tuple(name for name in inspect.signature(self.function).parameters if name in ARRAYS)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Which of ``lr`` and ``step`` the function takes."""
        return tuple(n for n in inspect.signature(self.function).parameters if n in EACH_STEP)

    def at(self, lr: float, step: int) -> dict[str, float]:
        """Return all numbers for one step."""
        found = dict(self.settings)
        if "lr" in self.numbers:
            found["lr"] = lr
        if "step" in self.numbers:
            found["step"] = step
        return found


@dataclass(frozen=True)
class Optimizer:
    """What all optimizers share: clipping, the check of gradients, and the step itself.

    ``lr`` is a number or a function of the number of steps already done (see the schedules).
    ``clip_value`` bounds each number of the gradient, ``clip_norm`` then the norm of all of it.
    ``check_finite`` refuses a gradient with infinite or NaN numbers before anything is changed.
    """

    lr: Rate = 1e-3
    clip_value: float | None = field(default=None, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)
    check_finite: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def functions(self) -> tuple[Callable[..., None], ...]:
        """The functions whose text makes a step, in the order of their calls."""
        raise NotImplementedError

    @cached_property
    def plan(self) -> tuple[Call, ...]:
        """The calls that make one step, after clipping.  They go element by element."""
        return tuple(Call(function, self._settings_of(function)) for function in self.functions)

    @cached_property
    def _changes_gradient(self) -> bool:
        return any(call.function in steps.CHANGING_GRADIENTS for call in self.plan)

    @cached_property
    def clips(self) -> tuple[Call, ...]:
        """The calls that come before, on the whole gradient."""
        bounds = {steps.clip_value: self.clip_value, steps.clip_norm: self.clip_norm}
        return tuple(Call(clip, {"most": float(most)}) for clip, most in bounds.items() if most)

    @cached_property
    def moments(self) -> tuple[str, ...]:
        """The names of the rows that the optimizer remembers."""
        found = (name for call in self.plan for name in call.arrays)
        return tuple(dict.fromkeys(n for n in found if n not in ("w", "g", "scratch")))

    @property
    def source(self) -> str:
        """The text of all functions that a step takes: NumPy as ``np``, `math`, nothing else."""
        wanted: list[Callable[..., None]] = []
        for call in (*self.clips, *self.plan):
            wanted += [*steps.called_by(call.function), call.function]
        return "\n\n".join(inspect.getsource(function) for function in dict.fromkeys(wanted))

    def _settings_of(self, function: Callable[..., None]) -> dict[str, float]:
        taken = inspect.signature(function).parameters
        own = [f.name for f in dataclasses.fields(self) if f.name not in EACH_STEP]
        return {name: float(getattr(self, name)) for name in own if name in taken}

    def _prepare(self, state: State) -> None:
        """Give the moments the numbers that they have before the first step."""

    # --- states and steps

    def init(self, params: Any) -> State:
        """Return a state with a copy of ``params``, which may be nested.

        Raises ArgumentError unless all of them are floats, of one dtype (float32 or float64).
        """
        state = State(params, self.moments)
        self._prepare(state)
        return state

    def update(self, grads: Any, state: State) -> None:
        """Make one step: change ``state``, and with it the arrays in ``state.params``, in place.

        ``grads`` have the structure of the parameters; what is written into ``state.grads``
        instead need not be copied, and is used up.  After the first call no array is made.
        Raises ArgumentError or ShapeError for a gradient that does not fit, NotFiniteError for
        one that is infinite or NaN (unless ``check_finite=False``), and then changes nothing.
        """
        self._refuse_foreign(state)
        blocks = self._blocks(grads, state)
        lr = self.rate(state.step)
        for call in self.clips:
            call.function(*[state.rows[name] for name in call.arrays], **call.settings)
        plan = [(call, call.at(lr, state.step + 1)) for call in self.plan]
        for block in blocks:
            for call, numbers in plan:
                call.function(*[block[name] for name in call.arrays], **numbers)
        state.step += 1

    def _blocks(self, grads: Any, state: State) -> Iterable[Mapping[str, Any]]:
        """Return the blocks with the gradient in them, or raise before anything is changed.

        A large gradient is left where it is, unless clipping needs all of it at once.
        """
        if len(state.blocks) > 1 and not self.clips:
            parts = state.parts(grads)
            if self.check_finite:
                state.check_finite(parts)
            return state.blocks_with(parts, self._changes_gradient)
        state.take(grads)
        if self.check_finite:
            state.check_finite()
        return state.blocks

    def updated(self, grads: Any, state: State) -> State:
        """Return a new state one step further, and leave ``state`` as it is."""
        new = state.copy()
        self.update(grads, new)
        return new

    def from_dict(self, saved: Mapping[str, Any], params: Any) -> State:
        """Return the state that ``state.as_dict()`` was taken of, bit for bit.

        ``params`` say the structure, shapes and dtype; their numbers do not matter.
        """
        state = State(params, self.moments)
        state.load(saved)
        return state

    def rate(self, step: int) -> float:
        """Return the learning rate after ``step`` steps."""
        if not callable(self.lr):
            return float(self.lr)
        lr = self.lr(step)
        try:
            fine = not isinstance(lr, bool) and 0 <= lr < math.inf
        except TypeError:
            fine = False
        if not fine:
            raise SpecError(
                f"the schedule {self.lr!r} gives {lr!r} at step {step}: a learning rate is a "
                "finite number >= 0"
            )
        return float(lr)

    def _refuse_foreign(self, state: State) -> None:
        if not isinstance(state, State):
            raise ArgumentError(
                f"update takes a gradient and a state, not a {type(state).__name__}: "
                "state = optimizer.init(params), then optimizer.update(grads, state)"
            )
        if tuple(state.moments) != self.moments:
            raise ArgumentError(
                f"the state remembers {_listed(state.moments)}, {type(self).__name__} "
                f"{_listed(self.moments)}: begin with the state of this optimizer's init(params)"
            )


def _listed(names: Any) -> str:
    return ", ".join(names) or "nothing"


def _plain(weight_decay: float, *functions: Callable[..., None]) -> tuple[Callable[..., None], ...]:
    """Return the functions of a step whose weight decay, if any, is part of the gradient."""
    return (steps.decay, *functions) if weight_decay else functions


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, with a running sum of gradients if ``momentum`` is above 0."""

    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and (not self.momentum or self.dampening):
            raise SpecError(
                f"{type(self).__name__}: nesterov=True needs momentum above 0 and dampening=0, not "
                f"momentum={self.momentum!r} and dampening={self.dampening!r}"
            )

    @property
    def functions(self) -> tuple[Callable[..., None], ...]:
        if not self.momentum:
            return _plain(self.weight_decay, steps.sgd)
        return _plain(self.weight_decay, steps.nesterov if self.nesterov else steps.momentum)


@dataclass(frozen=True)
class Momentum(SGD):
    """`SGD` along a running sum of gradients."""

    momentum: float = 0.9


@dataclass(frozen=True)
class Nesterov(SGD):
    """`SGD` along the gradient and the running sum ahead of it."""

    momentum: float = 0.9
    nesterov: bool = True


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """Steps divided by the root of the sum of squares, which begins at ``initial``."""

    lr: Rate = 1e-2
    lr_decay: float = 0.0
    weight_decay: float = 0.0
    initial: float = 0.0
    eps: float = 1e-10

    @property
    def functions(self) -> tuple[Callable[..., None], ...]:
        return _plain(self.weight_decay, steps.adagrad)

    def _prepare(self, state: State) -> None:
        state.moments["s"].fill(self.initial)


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """Gradients divided by the root of their mean square, or, ``centered``, by their deviation."""

    lr: Rate = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    centered: bool = False

    @property
    def functions(self) -> tuple[Callable[..., None], ...]:
        scale = steps.by_deviation if self.centered else steps.by_rms
        return _plain(self.weight_decay, scale, steps.momentum if self.momentum else steps.sgd)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Means of the gradients by roots of mean squares; ``weight_decay`` is part of the gradient."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    @property
    def functions(self) -> tuple[Callable[..., None], ...]:
        return _plain(self.weight_decay, steps.adam)


@dataclass(frozen=True)
class AdamW(Optimizer):
    """`Adam`, whose ``weight_decay`` shrinks the weights apart from the gradient."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 1e-2

    @property
    def functions(self) -> tuple[Callable[..., None], ...]:
        return (steps.adamw,)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
}
