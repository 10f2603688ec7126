"""Algebra on the appended part: each law is one a person could write on a blackboard.

Given the joint graph and how many of its equations are the user's own, take over the user's
equations as they are and bind every later one by the laws.  These are derivative laws: equal
wherever the original is finite; they may fill a removable singularity.
"""

from __future__ import annotations

import functools
from collections import Counter

from symgrad.graph import Equation, Graph, Operand, Sym, building
from symgrad.simplify import algebra, axes, contractions, diagonals, elements, windows
from symgrad.simplify.rule import Rule
from symgrad.simplify.simplifier import Simplifier

# Of the laws that fit, the first is used.
RULES = (
    *algebra.RULES, *axes.RULES, *contractions.RULES, *diagonals.RULES, *elements.RULES,
    *windows.RULES,
)  # fmt: skip
HEADS = frozenset(r.head for r in RULES)


def simplify(graph: Graph, start: int, seeds: int = 0, fired: Counter[str] | None = None) -> Graph:
    """Return ``graph`` with the laws applied to all equations from number ``start`` on.

    The last ``seeds`` inputs are the cotangents of the outputs; they stand last in a product.
    ``fired`` counts how often each law is used.
    """
    builder = Simplifier.after(graph, start, seeds, HEADS, laws_for)
    if fired is not None:
        builder.fired = fired
    moved: dict[Sym, Operand] = {}
    live, reads = _live(graph, start)
    with building(builder):
        for eqn in live:
            known = builder.next_index
            builder.origin = graph.notes.origins.get(eqn.lhs[0])
            builder.keep(eqn, moved, graph)
            for y in eqn.lhs:
                mine = moved.get(y, y)
                if reads[y] > 1:
                    builder.share(mine, reads[y])
                elif mine is not y and builder.is_met_again(mine, known, eqn, moved):
                    builder.share(mine, 2)
    builder.carry_cotangents(moved, graph)
    return builder.graph([moved.get(y, y) if type(y) is Sym else y for y in graph.outputs])


@functools.cache
def laws_for(head: str, below: tuple[str, ...]) -> tuple[Rule, ...]:
    """Return the laws to try on the op called ``head`` with operands of these heads."""
    return tuple(
        r for r in RULES if r.head == head and (not r.below or not set(below).isdisjoint(r.below))
    )


def _live(graph: Graph, start: int) -> tuple[list[Equation], Counter[Sym]]:
    """Return the new equations that anybody needs, and how often each symbol is read."""
    reads = Counter([y for y in graph.outputs if type(y) is Sym])
    live = []
    for eqn in reversed(graph.equations[start:]):
        if graph.shapes.has_selected or not reads.keys().isdisjoint(eqn.lhs):
            live.append(eqn)
            for x in eqn.rhs.operands:
                if type(x) is Sym:
                    reads[x] += 1
    return live[::-1], reads
