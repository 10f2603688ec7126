"""Where a value that is not finite came from: the first variable, and the user's line.

Given a loss and the arguments that gave NaN, run the function gate by gate and return the first
value that is not finite.  Invariant: what every value is read off the graph that emits the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgrad.arguments import bind
from symgrad.compiled import Compiled
from symgrad.differentiate import differentiate
from symgrad.errors import Location
from symgrad.graph import Equation, Graph, Sym
from symgrad.study.circuit import input_values
from symgrad.study.evaluate import evaluate
from symgrad.training.objective import Call


@dataclass(frozen=True, slots=True)
class Culprit:
    """The first value that is not finite: what it is, how bad, and the line that makes it.

    ``argument`` is the name of an argument that came with it.
    """

    what: str
    count: int
    size: int
    value: float
    location: Location | None
    argument: str | None = None

    def __str__(self) -> str:
        kind = "NaN" if np.isnan(self.value) else "infinite"
        where = f" in {self.count} of {self.size} places" if self.size > 1 else ""
        return f"{self.what} is {kind}{where}"


def culprit(compiled: Compiled, call: Call) -> Culprit | None:
    """Return the first value that is not finite on the way to the loss, or on the way back."""
    plain = Compiled(
        compiled.function, compiled.wrt, has_aux=compiled.has_aux, exact=True, check=None
    )
    args, kwargs = call
    made, taken, _ = plain._made_for(args, kwargs)
    values = bind(plain.signature, plain._name, taken, kwargs)
    given = input_values(made, values)
    found = _first_bad(made.primal, given)
    if found is not None:
        return found
    joint = differentiate(made.primal, made.wrt_symbols, stepwise=True)
    return _first_bad(joint, given, len(made.primal.equations))


def _first_bad(graph: Graph, given: Mapping[Sym, Any], start: int = 0) -> Culprit | None:
    """Return the first input or result that is not finite; before ``start`` all results are."""
    names = graph.notes.names
    if not start:
        for x, value in given.items():
            if bad := _bad(f"the argument `{names[x]}`", value, None):
                return replace(bad, argument=names[x])
    made = [(y, eqn) for eqn in graph.equations[start:] for y in eqn.lhs if eqn.rhs.operands]
    for (y, eqn), value in zip(made, evaluate(graph, given, [y for y, _ in made]), strict=True):
        what = _derivative(graph, y) if start else _value(graph, y, eqn)
        if bad := _bad(what, value, graph.notes.location(y)):
            return bad
    return None


def _value(graph: Graph, y: Sym, eqn: Equation) -> str:
    return (
        f"`{graph.notes.names[y]}`" if y in graph.notes.names else f"the result of {eqn.rhs.name}"
    )


def _derivative(graph: Graph, y: Sym) -> str:
    of = graph.notes.names.get(graph.notes.cotangent_of.get(y, y))
    return f"the derivative by `{of}`" if of else "a derivative, on the way back through this line,"


def _bad(what: str, value: Any, location: Location | None) -> Culprit | None:
    array = np.asarray(value)
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return None
    wrong = array[~np.isfinite(array)]
    return Culprit(what, wrong.size, array.size, float(wrong[0]), location)
