"""What a derivation is made of: steps with lines, as data."""

from __future__ import annotations

from dataclasses import dataclass

from symgrad.notation import Math

Words = tuple[str | Math, ...]
"""A sentence; mathematics stands in it as trees."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a step: an equation with the rule that gives it, and the code that says it.

    ``points`` is at how many random points both sides of the equation were compared; ``of`` names
    the variable that the line gives, ``place`` is the user's line that it belongs to.
    """

    math: Math | None = None
    rule: str = ""
    code: str = ""
    of: str = ""
    place: str = ""
    points: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a derivation; ``key`` is what tools know it by."""

    key: str
    title: str
    words: Words = ()
    lines: tuple[Line, ...] = ()


def checked(steps: tuple[Step, ...]) -> str:
    """Return the sentence that says how the equations were checked."""
    counts = [line.points for step in steps for line in step.lines if line.math is not None]
    if not counts:
        return ""
    least, most = min(counts), max(counts)
    points = f"{most} random points" if least == most else f"{least} to {most} random points"
    equations = "equation" if len(counts) == 1 else f"{len(counts)} equations"
    return f"Checked: both sides of the {equations} agree at {points}."
