"""Derivatives measured by running a function, and never by a rule.

Given a function of one number, return its slope at 0, how far that may be off, and whether the
function has a kink there.  Invariant: nothing here knows how symgrad differentiates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

Line = Callable[[float], float]  # the function along a line: its value a step from where it stands

EPSILON = float(np.finfo(np.float64).eps)
FACTOR = 5.0
STEPS = 10  # from 0.1 down to 5e-8
SMALLEST_JUMP = 1e-5  # one-sided slopes that differ by less than this part are one slope


@dataclass(frozen=True, slots=True)
class Slope:
    """A measured derivative and the error that the measurement admits to."""

    value: float
    off_by: float = 0.0


@dataclass(frozen=True, slots=True)
class Kink:
    """A place where the slopes to the left and to the right differ."""

    left: float
    right: float

    @property
    def is_jump(self) -> bool:
        return not (math.isfinite(self.left) and math.isfinite(self.right))

    def admits(self, slope: float, tolerance: float) -> bool:
        """Return whether a derivative lies between the slopes: a subgradient, a convention."""
        room = tolerance * max(abs(self.left), abs(self.right))
        return min(self.left, self.right) - room <= slope <= max(self.left, self.right) + room


def central(line: Line, at: float = 0.0) -> Slope:
    """Return the slope by central differences, extrapolated over several steps to step 0.

    Steps go down from 0.1 of the size of ``at``; where that is small, a second series starts at
    ``at`` itself.  L. F. Richardson, "The deferred approach to the limit" (1927); the choice of
    the entry whose neighbours agree best is that of C. Ridders (1982).
    """
    best = _confirmed(line, max(1.0, abs(at)))
    if 0 < abs(at) < 0.1 and not best.off_by <= 1e-9 * abs(best.value):
        best = min(best, _confirmed(line, abs(at)), key=lambda slope: slope.off_by)
    return best


def _confirmed(line: Line, scale: float) -> Slope:
    """Return a slope that one small step agrees with.

    Large steps that cross jumps may agree with one another by chance: then start from smaller.
    """
    small = next(_differences(line, 1e-5 * scale), None)
    if small is None:
        return _extrapolated(line, scale)
    _, slope, rounding = small
    for start in (1.0, 1e-2, 1e-4):
        found = _extrapolated(line, start * scale)
        room = max(100 * rounding, 1e-5 * abs(slope), 10 * found.off_by)
        if abs(found.value - slope) <= room:
            return found
    return Slope(slope, max(10 * rounding, 1e-6 * abs(slope)))


def _extrapolated(line: Line, scale: float) -> Slope:
    best, above = Slope(math.nan, math.inf), list[float]()
    for step, slope, rounding in _differences(line, scale):
        row = [slope]
        for k, coarser in enumerate(above):
            weight = FACTOR ** (2 * (k + 1))
            row.append((weight * row[k] - coarser) / (weight - 1))
            gap = max(abs(row[k + 1] - row[k]), abs(row[k + 1] - coarser))
            if gap + 4 * rounding < best.off_by:
                best = Slope(row[k + 1], gap + 4 * rounding)
        above = row
        if best.off_by < 1e-12 * abs(best.value) or step < 0:
            break
    return best


def _differences(line: Line, scale: float) -> Iterator[tuple[float, float, float]]:
    """Return steps with the central difference of each, and what rounding may do to it."""
    for k in range(STEPS):
        step = 0.1 * scale / FACTOR**k
        ahead, behind = line(step), line(-step)
        if math.isfinite(ahead) and math.isfinite(behind):
            rounding = EPSILON * max(abs(ahead), abs(behind)) / step
            yield step, (ahead - behind) / (2 * step), rounding


def kink(line: Line, at: float = 0.0) -> Kink | None:
    """Return the one-sided slopes where they do not approach one another as the step shrinks.

    Of a smooth function their difference shrinks with the step; at a kink it stays, at a jump it
    grows.
    """
    here, scale = line(0.0), max(1.0, abs(at))
    gaps = []
    for step in (1e-3 * scale, 1e-5 * scale):
        left, right = (here - line(-step)) / step, (line(step) - here) / step
        gaps.append((right - left, left, right, EPSILON * abs(here) / step))
    (wide, *_), (near, left, right, rounding) = gaps
    if not (math.isfinite(wide) and math.isfinite(near)):
        return None
    size = max(abs(left), abs(right))
    if abs(near) < SMALLEST_JUMP * size + 8 * rounding or abs(near) < 0.3 * abs(wide):
        return None
    if abs(near) > 10 * abs(wide) and size > 1e3:
        return Kink(-math.inf, math.inf)
    return Kink(left, right)
