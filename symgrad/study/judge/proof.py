"""How it is known that a claim is right: proved over symbols, or compared at points.

Given a judge that found no difference, say how far that goes.  Invariant: "proved" is said only
where every element of every answer, with a symbol for every number of the arguments, was equal to
the gradient as a polynomial; sizes are never symbols, and are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.dims import Dim
from symgrad.errors import ArgumentError, SymgradError
from symgrad.study.judge.claims import Claim
from symgrad.study.judge.interpreter import FAILURES, Failed, Interpreter
from symgrad.study.judge.judging import Judge
from symgrad.study.judge.points import Element, Sampler
from symgrad.study.judge.reading import read_emitted
from symgrad.study.judge.styles import Style, normal
from symgrad.study.judge.symbols import Symbols, TooHard, exact
from symgrad.study.judge.truth import Truths, Witness

SMALL = 2  # the size of every axis that is free, in a proof
MOST_SYMBOLS = 24
MOST_NUMBERS = 100
RATIONAL_POINTS = 3


@dataclass(frozen=True, slots=True)
class Proved:
    """The sizes at which equality was proved, and whether kinks were left out."""

    sizes: Mapping[str, int]
    has_kinks: bool

    def __str__(self) -> str:
        sizes = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        at = f" for {sizes}" if sizes else ""
        return f"proved symbolically{at}" + (", away from kinks" if self.has_kinks else "")


def known(judge: Judge, sampler: Sampler) -> str:
    """Return in words how it is known that a trial without differences is right."""
    try:
        proved = prove(judge, sampler)
        rational = 0 if proved else exact_points(judge, sampler)
    except (TooHard, SymgradError, Failed, RecursionError, *FAILURES):
        proved, rational = None, 0  # nothing is said then but what was compared
    said = compared(judge)
    if rational:
        said += f", and exactly at {rational} rational ones"
    return f"{proved}; {said}" if proved else said


def compared(judge: Judge) -> str:
    """Return at how many points equality was found."""
    sizes = len({point.sizes for point in judge.points})
    of = f" of {sizes} sizes" if sizes > 1 else ""
    holes = f", without a value at {judge.holes} more (0 / 0)" if judge.holes else ""
    return f"equal at {len(judge.points) - judge.holes} random points{of}{holes}"


def prove(judge: Judge, sampler: Sampler) -> Proved | None:
    """Return the proof that a trial is right at small sizes, or None if none was found."""
    dims = sampler.small_dims(SMALL)
    try:
        kind = _equal_for(judge, sampler, dims, MOST_SYMBOLS, lambda name, value: sp.Dummy(name))
    except (TooHard, ArgumentError):
        return None
    return None if kind is None else Proved(sampler.named_sizes(dims), bool(kind.switches))


def exact_points(judge: Judge, sampler: Sampler) -> int:
    """Return at how many points of fractions the claim is equal without any rounding."""
    dims = sampler.small_dims(SMALL + 1)
    found = 0
    for _ in range(RATIONAL_POINTS):
        kind = _equal_for(judge, sampler, dims, MOST_NUMBERS, lambda name, value: exact(value))
        found += kind is not None
    return found


def _equal_for(
    judge: Judge, sampler: Sampler, dims: Mapping[Dim, int], most: int, element: Element
) -> Symbols | None:
    """Return the symbols over which a trial is equal to the truth, or None if it is not."""
    made = sampler.specialised(sampler.values(dims, Style(normal)))
    witness = sampler.witness(made)
    values, leaves = sampler.symbolic(made, dims, most, element)
    kind = Symbols()
    truths = _walk(witness, read_emitted(witness.text), values, kind, dims)
    ground = sampler.ground(values, made, leaves, dims, truths)
    outcome = Interpreter(ground, kind, judge.helpers).run(judge.trial.statements)
    for answer, name in judge.trial.answers.items():
        claimed = outcome.values.get(name)
        if isinstance(claimed, Failed) or not kind.are_equal(claimed, truths.answers[answer]):
            return None
    return kind


def _walk(
    witness: Witness,
    emitted: Claim,
    values: Mapping[str, Any],
    kind: Symbols,
    dims: Mapping[Dim, int],
) -> Truths:
    """Return what is true, with symbols for numbers, by walking the emitted text."""
    captured = {p.name: np.asarray(c.read()) for p, c in witness.made.captured_parameters()}
    walker = Interpreter({**values, **captured}, kind)
    for statement in emitted.statements:
        walker.statement(statement)
    value, results = (walker.value(line.formula) for line in emitted.returned)
    return witness.truths(value, list(results), dims)
