"""Algebra on the appended part: each law is one a person could write on a blackboard.

Given the joint graph and how many of its equations are the user's own, take over the user's
equations as they are and bind every later one by the laws.  These are derivative laws: equal
wherever the original is finite; they may fill a removable singularity.
"""

from __future__ import annotations

from collections import Counter

from symgrad.graph import Equation, Graph, Operand, Sym, building
from symgrad.simplify import algebra, axes, elements  # noqa: F401 (each fills RULES)
from symgrad.simplify.rules import RULES, Simplifier

__all__ = ["RULES", "simplify"]


def simplify(graph: Graph, start: int, seeds: int = 0) -> Graph:
    """Return ``graph`` with the laws applied to all equations from number ``start`` on.

    The last ``seeds`` inputs are the cotangents of the outputs; they stand last in a product.
    """
    builder = Simplifier.after(graph, start, seeds)
    moved: dict[Sym, Operand] = {}
    live, reads = _live(graph, start)
    with building(builder):
        for eqn in live:
            builder.keep(eqn, moved, graph)
            for y in eqn.lhs:
                if reads[y] > 1:
                    builder.share(moved.get(y, y))
    builder.carry_cotangents(moved, graph)
    return builder.graph([moved.get(y, y) if type(y) is Sym else y for y in graph.outputs])


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
    reads.update([x for e in graph.equations[:start] for x in e.rhs.operands if type(x) is Sym])
    return live[::-1], reads
