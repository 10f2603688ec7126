"""Optimizers, schedules and clipping: parameters that learn, in place.

    optimizer = symgrad.optim.Adam(lr=0.01)
    state = optimizer.init(params)
    for step in range(100):
        value, grads = c.value_and_grad(state.params, X, y)
        optimizer.update(grads, state)

The arithmetic is PyTorch's, as plain functions of flat arrays in `symgrad.optim.steps`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from symgrad.errors import SpecError, did_you_mean
from symgrad.optim.minimizing import minimize
from symgrad.optim.optimizers import (
    OPTIMIZERS,
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    Optimizer,
    RMSProp,
)
from symgrad.optim.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    OneCycle,
    Schedule,
    Step,
    WarmUp,
)
from symgrad.optim.state import State


def optimizer(name: str, **settings: Any) -> Optimizer:
    """Return the optimizer called ``name`` (``"adam"``), or raise SpecError and list them."""
    made: Optimizer = _made("optimizer", OPTIMIZERS, name, settings)
    return made


def schedule(name: str, **settings: Any) -> Schedule:
    """Return the schedule called ``name`` (``"cosine"``), or raise SpecError and list them."""
    made: Schedule = _made("schedule", SCHEDULES, name, settings)
    return made


def _made(what: str, known: Mapping[str, Any], name: Any, settings: Mapping[str, Any]) -> Any:
    kind = known.get(name) if isinstance(name, str) else None
    if kind is None:
        raise SpecError(
            f"{what} {name!r}{did_you_mean(str(name), known)} is none of {', '.join(known)}"
        )
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for word in settings:
        if word not in fields:
            raise SpecError(
                f"{what} {name!r} has no {word!r}{did_you_mean(word, fields)}: it has "
                f"{', '.join(fields)}"
            )
    for word, field in fields.items():
        if field.default is dataclasses.MISSING and word not in settings:
            raise SpecError(f"{what} {name!r} needs {word!r}")
    return kind(**settings)


__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Momentum",
    "Nesterov",
    "OneCycle",
    "Optimizer",
    "RMSProp",
    "Schedule",
    "State",
    "Step",
    "WarmUp",
    "minimize",
    "optimizer",
    "schedule",
]
