"""What the settings of optimizers and schedules may be: a table, and the check of it."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable
from typing import Any

from symgrad.errors import SpecError

_AT_LEAST_0 = "a finite number >= 0", lambda x: 0 <= x < math.inf
_ABOVE_0 = "a finite number > 0", lambda x: 0 < x < math.inf
_SHARE = "a number in [0, 1)", lambda x: 0 <= x < 1
_COUNT = "a whole number > 0", lambda x: operator.index(x) > 0

RANGES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "lr": _AT_LEAST_0,
    "momentum": _AT_LEAST_0,
    "dampening": ("a finite number", math.isfinite),
    "weight_decay": _AT_LEAST_0,
    "beta1": _SHARE,
    "beta2": _SHARE,
    "alpha": _SHARE,
    "eps": _AT_LEAST_0,
    "lr_decay": _AT_LEAST_0,
    "initial": _AT_LEAST_0,
    "clip_norm": _ABOVE_0,
    "clip_value": _ABOVE_0,
    "steps": _COUNT,
    "every": _COUNT,
    "factor": _AT_LEAST_0,
    "start": _AT_LEAST_0,
    "end": _AT_LEAST_0,
    "up": ("a number between 0 and 1", lambda x: 0 < x < 1),
    "first": _ABOVE_0,
    "last": _ABOVE_0,
}


def checked(owner: str, name: str, value: Any) -> None:
    """Raise SpecError unless the setting ``name`` of ``owner`` may be ``value``."""
    allowed, fits = RANGES[name]
    try:
        fine = not isinstance(value, bool) and fits(value)
    except TypeError:
        fine = False
    if not fine:
        raise SpecError(f"{owner}: {name}={value!r} must be {allowed}")


def check_settings(of: Any) -> None:
    """Check every setting of a dataclass that the table names; none of them may be switched off."""
    owner = type(of).__name__
    for field in dataclasses.fields(of):
        value = getattr(of, field.name)
        off = value is None and field.default is None
        scheduled = field.type == "Rate" and callable(value)
        if field.name in RANGES and not off and not scheduled:
            checked(owner, field.name, value)
        elif type(field.default) is bool and type(value) is not bool:
            raise SpecError(f"{owner}: {field.name}={value!r} must be True or False")
