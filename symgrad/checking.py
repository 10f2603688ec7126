"""Compare what was emitted with the user's own function, and its gradient with differences.

Given a value or a gradient that emitted code computed, each function says in a few words how it
stands, or raises `CheckError`.  Invariant: a note never claims more digits than were compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symgrad.arguments import is_leaf
from symgrad.errors import CheckError
from symgrad.specialise import Specialisation
from symgrad.trees import flatten

__all__ = ["compare_gradient", "compare_value"]


def compare_value(fn: Any, mine: Any, made: Specialisation, args: Any, kwargs: Any) -> str:
    """Return how the emitted value stands against the user's own, or raise `CheckError`."""
    with np.errstate(all="ignore"):
        theirs = fn(*args, **kwargs)
    worst = _difference(mine, theirs)
    if worst is None:
        return "value equals the function's own" + (
            "" if _finite(theirs) else ", which is not finite"
        )
    if not _finite(theirs):
        return "the function's own value is not finite: not compared"
    if _is_cancelled(mine, theirs, args, kwargs):
        return "value equals the function's own to the rounding of sums that cancel"
    if made.stability_laws:
        return f"value differs from the function's own by {worst:.1e} (a stability law fired)"
    with np.errstate(all="ignore"):
        again = fn(*args, **kwargs)
    if _difference(theirs, again) is not None:
        raise CheckError(
            f"{made.name} gives another value when it is called again with the same arguments: "
            "pass what changes (random numbers, a clock, a counter) as an argument"
        )
    raise CheckError(
        f"the emitted code of {made.name} differs from the function itself by {worst:.1e} "
        "(relative): this is a bug in symgrad; please report the function"
    )


def _is_cancelled(mine: Any, theirs: Any, args: Any, kwargs: Any) -> bool:
    """Return whether values differ by what rounding leaves of sums of numbers like the arguments.

    A law may add up in another order: where terms cancel, what is left has few digits.
    """
    given = [np.max(np.abs(x), initial=0.0) for x in map(np.asarray, _flat([args, kwargs]))
             if x.dtype.kind in "fiu"]  # fmt: skip
    scale = 1.0 + float(max(given, default=0.0))
    pairs = zip(_flat(mine), _flat(theirs), strict=True)
    numbers = [(np.asarray(x), np.asarray(y)) for x, y in pairs if x is not None]
    return all(
        x.shape == y.shape
        and x.dtype.kind == "f"
        and bool(np.all(np.abs(x - y) <= (1e-12 if x.dtype == np.float64 else 1e-5) * scale))
        for x, y in numbers
    )


def _difference(a: Any, b: Any) -> float | None:
    """Return the largest relative difference, or None if it is within rounding."""
    worst = 0.0
    left, right = _flat(a), _flat(b)
    if len(left) != len(right):
        return np.inf
    for x, y in zip(left, right, strict=True):
        if x is None or y is None or isinstance(x, str):
            continue
        x, y = np.asarray(x), np.asarray(y)
        if x.shape != y.shape:
            return np.inf
        single = np.float32 in (x.dtype.type, y.dtype.type)
        limit = 1e-4 if single else 1e-9
        if x.dtype.kind != "f" and y.dtype.kind != "f":
            limit = 0.0
        x, y = x.astype(np.float64), y.astype(np.float64)
        with np.errstate(all="ignore"):
            apart = np.abs(x - y)
            gap = apart / np.maximum(np.maximum(np.abs(x), np.abs(y)), 1e-30)
        gap = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, gap)
        largest = float(np.max(gap, initial=0.0))
        scale = float(np.max(np.abs(y), initial=0.0))
        absolute = float(np.max(np.where(gap > 0, apart, 0.0), initial=0.0))
        if np.isnan(largest) or (largest > limit and absolute > limit * scale):
            worst = max(worst, largest if not np.isnan(largest) else np.inf)
    return worst or None


def _finite(value: Any) -> bool:
    return all(
        np.all(np.isfinite(np.asarray(x, dtype=float))) for x in _flat(value)
        if x is not None and not isinstance(x, str)
    )  # fmt: skip


def compare_gradient(
    value_of: Callable[[Mapping[str, Any]], float],
    values: Mapping[str, Any],
    grads: Mapping[str, Any],
    name: str,
) -> str:
    """Compare the gradient along one direction with a central difference of the function.

    ``value_of`` takes the arguments by name and ``values`` are these; ``grads`` names those that
    the gradient ``grads`` is by.
    """
    rng = np.random.default_rng(0)
    step = 1e-6
    slope, ahead, behind = 0.0, dict(values), dict(values)
    for wrt, grad in grads.items():
        leaves, tree = flatten(values[wrt], is_leaf)
        steps = [rng.standard_normal(np.shape(x)) for x in leaves]
        slope += sum(float(np.sum(g * v)) for g, v in zip(_flat(grad), steps, strict=True))
        ahead[wrt] = tree.build(iter([x + step * v for x, v in zip(leaves, steps, strict=True)]))
        behind[wrt] = tree.build(iter([x - step * v for x, v in zip(leaves, steps, strict=True)]))

    with np.errstate(all="ignore"):
        measured = (value_of(ahead) - value_of(behind)) / (2 * step)
    gap = abs(measured - slope) / max(abs(measured), abs(slope), 1e-8)
    if np.isfinite(gap) and gap > 1e-3:
        raise CheckError(
            f"the gradient of {name} along a random direction is {slope:.6g}, finite "
            f"differences give {measured:.6g}: a kink near these arguments, or a bug in symgrad"
        )
    return f"gradient within {gap:.1e} of a central difference"


def _flat(value: Any) -> list[Any]:
    return flatten(value, is_leaf)[0]
