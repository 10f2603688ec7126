"""Whether one way to compute a value is as accurate as another, on a grid that is meant to hurt.

Both are run in float64 with a running bound of their rounding errors (N. Higham, "Accuracy and
stability of numerical algorithms", section 3.3): unlike the error itself, the bound is small at
no point by luck.  mpmath, with so many bits that sums of the grid's numbers are exact, then
confirms what the bounds say.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np

from symgrad.regions.terms import Terms

UNIT = 2.0**-53
SMALLEST, SMALLEST_NORMAL = 2.0**-1074, 2.0**-1022
SLACK, SLACK_UNITS = 2.0, 4.0  # the candidate's bound against the original's, and units beside
EXACT = mpmath.MPContext()
EXACT.prec = 1200  # from 1e300 to 1e-50: only one leaf at a time is as large or small as can be

# What a leaf may be, and where it hurts; each is tried with ordinary values of the others.
EXTREMES = {
    "real": (0.0, 1.0, -1.0, 1e-8, -1e-8, 1e3, -1e3, 1e-300, -1e-300, 1e300, -1e300),
    "positive": (1.0, 1e-8, 1e3, 1e-300, 1e300),
    "whole": (1.0, 2.0, 1000.0),
    "mask": (0.0, 1.0),
    "sign": (0.0, 1.0, -1.0),
}
MIXED = {
    kind: tuple(v for v in values if abs(v) in (0, 1, 2, 1e-8, 1e3))
    for kind, values in EXTREMES.items()
}
ORDINARY, RANDOM_MIXES, MOST_EXTREMES = 16, 16, 48


class Bounded:
    """Values with bounds of their errors, an array of each."""

    def __init__(self, value: Any, error: Any = 0.0):
        self.value, self.error = value, error

    def __add__(self, other: Bounded) -> Bounded:
        total = self.value + other.value
        rounding = np.where(self.is_zero | other.is_zero, 0.0, UNIT * np.abs(total))
        return Bounded(total, self.error + other.error + rounding)

    def __sub__(self, other: Bounded) -> Bounded:
        return self + -other

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.error)

    def __mul__(self, other: Bounded) -> Bounded:
        product = self.value * other.value
        carried = np.abs(self.value) * other.error + np.abs(other.value) * self.error
        return Bounded(product, carried + _rounded(product, self.is_zero | other.is_zero))

    def __truediv__(self, other: Bounded) -> Bounded:
        quotient = self.value / other.value
        carried = (self.error + np.abs(quotient) * other.error) / np.abs(other.value)
        return Bounded(quotient, carried + _rounded(quotient, self.is_zero))

    @property
    def is_zero(self) -> Any:
        return (self.value == 0) & (self.error == 0)


def _rounded(value: Any, is_exact: Any) -> Any:
    """Return how far a product or quotient is rounded, below the normal numbers too."""
    size = np.abs(value)
    return np.where((size < SMALLEST_NORMAL) & ~is_exact, SMALLEST, UNIT * size)


@functools.cache
def grid(kinds: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """Return values of leaves of these kinds, one row a leaf; the same in every process."""
    rng = random.Random(len(kinds))
    columns = [[_ordinary(rng, kind) for kind in kinds] for _ in range(ORDINARY)]
    columns += [[rng.choice(MIXED[kind]) for kind in kinds] for _ in range(RANDOM_MIXES)]
    extremes = [(k, v) for k, kind in enumerate(kinds) for v in EXTREMES[kind]]
    if len(extremes) > MOST_EXTREMES:
        extremes = rng.sample(extremes, MOST_EXTREMES)
    for k, value in extremes:
        columns.append([_ordinary(rng, kind) for kind in kinds])
        columns[-1][k] = value
    return np.array(columns).T


def _ordinary(rng: random.Random, kind: str) -> float:
    if kind in ("mask", "sign", "whole"):
        return rng.choice(EXTREMES[kind])
    size = rng.choice((1, 3, 17, 255, 1001)) * 2.0 ** rng.randint(-9, 2)
    return size if kind == "positive" else rng.choice((-size, size))


def is_as_accurate(
    terms: Terms,
    candidate: int,
    original: int,
    kinds: Sequence[str],
    definitions: Mapping[int, int],
) -> bool:
    """Return whether ``candidate`` is finite and close wherever ``original`` is.

    ``definitions`` gives the leaves that others determine, those that need least first.
    """
    free = [k for k in range(len(kinds)) if k not in definitions]
    points = dict(zip(free, grid(tuple([kinds[k] for k in free])), strict=True))
    with np.errstate(all="ignore"):
        leaves = _leaves(terms, {k: Bounded(v) for k, v in points.items()}, definitions, _bounded)
        for k, kind in enumerate(kinds):
            if kind == "mask":
                leaves[k].error = 0.0  # it is found by comparing, not by this arithmetic
        mine = terms.evaluate(candidate, leaves, _bounded)
        theirs = terms.evaluate(original, leaves, _bounded)
        limit = SLACK * theirs.error + SLACK_UNITS * UNIT * np.abs(theirs.value)
        checked = np.isfinite(theirs.value) & np.isfinite(limit)
        off = ~(np.isfinite(mine.value) & (mine.error <= limit))
    if np.any(checked & off):
        return False
    shape = np.shape(checked) or (1,)
    exact = _exact(
        terms, original, points, definitions, np.flatnonzero(np.broadcast_to(checked, shape))
    )
    return all(
        abs(EXACT.mpf(float(value)) - true) <= float(bound)
        for value, bound, true in zip(
            *(
                np.broadcast_to(v, shape)[[k for k, _ in exact]]
                for v in (mine.value, limit + SMALLEST)
            ),
            [true for _, true in exact],
            strict=True,
        )
    )


def _bounded(a: int, b: int) -> Bounded:
    return Bounded(np.float64(a / b))


def _leaves(
    terms: Terms, values: dict[int, Any], definitions: Mapping[int, int], number: Any
) -> list[Any]:
    count = len(values) + len(definitions)
    known = [values.get(k) for k in range(count)]
    for k, row in definitions.items():
        known[k] = terms.evaluate(row, known, number)
    return known


def _exact(
    terms: Terms,
    row: int,
    points: Mapping[int, Any],
    definitions: Mapping[int, int],
    where: Iterable[int],
) -> list[tuple[int, Any]]:
    """Return what ``row`` truly is at the numbered points, where it is defined there."""
    found = []
    for k in where:
        values = {x: EXACT.mpf(float(column[k])) for x, column in points.items()}
        try:
            leaves = _leaves(terms, values, definitions, _quotient)
            found.append((int(k), terms.evaluate(row, leaves, _quotient)))
        except ZeroDivisionError:  # what was finite in float64 had underflowed
            continue
    return found


def _quotient(a: int, b: int) -> Any:
    return EXACT.mpf(a) / b
