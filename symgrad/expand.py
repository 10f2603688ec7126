"""Write what is left of composites out in plain ops, and drop what nobody reads.

`expand` returns a graph without any op whose row has an ``expand``; what the user (or another
composite) already computed is shared by CSE.  `drop_dead` keeps the equations that the
outputs need.  Invariant: neither changes a value, a shape or a dtype.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from symgrad.dims import Dim
from symgrad.graph import (
    OPS,
    Builder,
    Equation,
    Graph,
    Law,
    Op,
    Operand,
    Static,
    Sym,
    Value,
    sizes_read,
)


def expand(graph: Graph) -> Graph:
    """Return the graph with each composite written out in plain ops.

    Composites inside an expansion, and inside the graphs that an op holds, are written out
    too.  The user's name of a composite goes to the value it ends in.
    """
    start = next((k for k, eqn in enumerate(graph.equations) if _is_to_expand(eqn)), None)
    if start is None:
        return graph
    builder = Builder.continuing(graph, start)
    builder.laws = _laws()
    moved: dict[Sym, Operand] = {}
    for eqn in graph.equations[start:]:
        builder.origin = graph.notes.origins.get(eqn.lhs[0])
        _expand_one(builder, eqn, moved, graph)
    builder.carry_cotangents(moved, graph)
    return builder.graph([moved.get(y, y) if type(y) is Sym else y for y in graph.outputs])


def _is_to_expand(eqn: Equation) -> bool:
    if type(eqn.rhs).facts.expand is not None:
        return True
    return any(isinstance(value, Graph) for value in eqn.rhs.settings)


def _expand_one(builder: Builder, eqn: Equation, moved: dict[Sym, Operand], graph: Graph) -> None:
    row = type(eqn.rhs)
    if row.facts.expand is not None and row.results > 1:
        operands = [
            builder.wrap(moved.get(x, x) if type(x) is Sym else x) for x in eqn.rhs.operands
        ]
        found = _written_out(row, operands, eqn.rhs.settings)
        for y, value in zip(eqn.lhs, found, strict=True):
            moved[y] = builder.operand(value)
            builder.notes.copy(y, moved[y], graph.notes)
        return
    if row.facts.expand is None and any(isinstance(v, Graph) for v in eqn.rhs.settings):
        eqn = _with_bodies_expanded(eqn)
    builder.keep(eqn, moved, graph)


def _with_bodies_expanded(eqn: Equation) -> Equation:
    values = (expand(v) if isinstance(v, Graph) else v for v in eqn.rhs.settings)
    return Equation(eqn.lhs, type(eqn.rhs).of(eqn.rhs.operands, tuple(map(Static, values))))


def _written_out(row: type[Op], operands: list[Value], settings: tuple[Any, ...]) -> Any:
    return row.facts.expand(*operands, **dict(zip(row.params, settings, strict=True)))


def _laws() -> Mapping[str, tuple[Law, ...]]:
    # A composite is a law "composite = its plain ops", so one that an expansion uses is
    # written out as it is bound.
    return {
        name: (functools.partial(_by_expansion, row),)
        for name, row in OPS.items()
        if row.facts.expand is not None and row.results == 1
    }


def _by_expansion(
    row: type[Op], builder: Builder, operands: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand:
    return builder.operand(_written_out(row, [builder.wrap(x) for x in operands], settings))


def selections(graph: Graph) -> dict[Dim, tuple[Sym, ...]]:
    """Return for each size that only data knows the value that shows it first."""
    if not graph.shapes.has_selected:
        return {}
    shown = {d for x in graph.inputs for d in graph.avals[x].shape}
    first: dict[Dim, tuple[Sym, ...]] = {}
    for eqn in graph.equations:
        for size in graph.avals[eqn.lhs[0]].shape:
            if isinstance(size, Dim) and size not in shown:
                first.setdefault(size, eqn.lhs)
    return first


def drop_dead(graph: Graph) -> Graph:
    """Return the graph with only the equations that its outputs need; all inputs stay."""
    needed = {y for y in graph.outputs if type(y) is Sym}
    shows = selections(graph)
    kept = []
    for eqn in reversed(graph.equations):
        if not needed.isdisjoint(eqn.lhs):
            needed.update([x for x in eqn.rhs.operands if type(x) is Sym])
            for size in sizes_read(eqn.rhs) if shows else ():
                needed.update(shows.get(size, ()))
            kept.append(eqn)
    return replace(graph, equations=tuple(reversed(kept)))
