"""Find composites (sigmoid, softplus, logsumexp, softmax, length) in what the user wrote.

Given the traced graph, returns a graph in which the symbols that a law names are computed by
one composite op with a good derivative, and the record of what fired.  The user's own
equations all stay, dead or not: `expand` finds them again by CSE, and later stages drop what
nobody reads.  Invariant: a replaced value keeps its shape, dtype, name and origin.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symgrad.errors import Location
from symgrad.graph import Builder, Equation, Graph, Operand, Origin, Static, Sym
from symgrad.recognise import (
    exponentials,
    length,
    logistic_loss,
    matrices,
    powers,
    sigmoid,
    softmax,
    written,
)
from symgrad.recognise.rule import Rule

# Of the laws that fit, the first is used.
RULES = (
    *sigmoid.RULES,
    *logistic_loss.RULES,
    *softmax.RULES,
    *written.RULES,
    *length.RULES,
    *exponentials.RULES,
    *matrices.RULES,
    *powers.RULES,
)


@dataclass(frozen=True, slots=True)
class Firing:
    """One use of a law: which symbol of the result it gave, and where the user wrote it."""

    law: str
    symbol: Sym
    origin: Origin | None
    stability: bool

    @property
    def location(self) -> Location | None:
        return Location.of(self.origin.code, self.origin.lasti) if self.origin else None


def recognise(
    graph: Graph, exact: bool = False, without: frozenset[str] = frozenset()
) -> tuple[Graph, tuple[Firing, ...]]:
    """Return the graph with its composites found, and the laws that found them.

    With ``exact`` only laws that change no bit are used, and never those in ``without``.  Graphs
    inside ops (loop bodies, branches) are searched too.
    """
    rules = _rules_by_op(exact, without)
    builder = Builder.continuing(graph, 0)
    moved: dict[Sym, Operand] = {}
    firings: list[Firing] = []
    for eqn in graph.equations:
        if eqn.rhs.name == "alias":  # alias(x) = x: it had done its work when it was traced
            x = eqn.rhs.operands[0]
            moved[eqn.lhs[0]] = same = moved.get(x, x) if type(x) is Sym else x
            builder.notes.copy(eqn.lhs[0], same, graph.notes)
            continue
        if any(isinstance(value, Graph) for value in eqn.rhs.settings):
            eqn = _with_bodies_searched(eqn, exact, without, firings)
        builder.keep(eqn, moved, graph)
        if eqn.rhs.name in rules:
            _try_rules(rules[eqn.rhs.name], builder, eqn, moved, graph, firings)
    builder.carry_cotangents(moved, graph)
    outputs = [moved.get(y, y) if type(y) is Sym else y for y in graph.outputs]
    return builder.graph(outputs), tuple(firings)


def _with_bodies_searched(
    eqn: Equation, exact: bool, without: frozenset[str], firings: list[Firing]
) -> Equation:
    settings = []
    for value in eqn.rhs.settings:
        if isinstance(value, Graph):
            value, fired = recognise(value, exact, without)
            firings.extend(fired)
        settings.append(Static(value))
    return Equation(eqn.lhs, type(eqn.rhs).of(eqn.rhs.operands, settings))


def _try_rules(
    rules: Sequence[Rule],
    builder: Builder,
    eqn: Equation,
    moved: dict[Sym, Operand],
    graph: Graph,
    firings: list[Firing],
) -> None:
    """Replace the value that ``eqn`` binds by what the first law that fits makes of it."""
    y = eqn.lhs[0]
    operands = tuple([moved.get(x, x) if type(x) is Sym else x for x in eqn.rhs.operands])
    builder.origin = graph.notes.origins.get(y)
    for rule in rules:
        found = rule.apply(builder, operands, eqn.rhs.settings)
        if type(found) is Sym and builder.may_replace(builder.avals[found], graph.avals[y]):
            moved[y] = found
            builder.notes.copy(y, found, graph.notes)
            firings.append(Firing(rule.law, found, builder.origin, rule.kind == "stability"))
            break
    builder.origin = None


@functools.cache
def _rules_by_op(exact: bool, without: frozenset[str]) -> Mapping[str, tuple[Rule, ...]]:
    usable = [rule for rule in RULES if rule.kind == "exact" or not exact]
    usable = [rule for rule in usable if rule.law not in without]
    return {
        name: tuple(rule for rule in usable if rule.op == name) for name in {r.op for r in usable}
    }
