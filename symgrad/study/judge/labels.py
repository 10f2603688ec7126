"""What the integers of a function stand for: places along an axis that they pick from.

Given a graph and an input, return the size of that axis, read off the equations that use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symgrad.dims import Dim, evaluate
from symgrad.graph import Aval, Graph, Static, Sym


def label_range(graph: Graph, x: Sym, dims: Mapping[Dim, int]) -> int | None:
    """Return the size of the axis that ``x`` picks from, or None if it is no index."""
    for eqn in graph.equations:
        operands = eqn.rhs.operands
        if eqn.rhs.name == "index" and x in operands[1:]:
            size = indexed(graph, eqn.rhs, operands[1:].index(x))
        elif eqn.rhs.name == "take_along" and x is operands[1]:
            size = graph.aval(operands[0]).shape[eqn.rhs.setting("axis")]
        elif eqn.rhs.name in ("expand_dims", "reshape", "astype") and x is operands[0]:
            inner = label_range(graph, eqn.lhs[0], dims)
            if inner is not None:
                return inner
            continue
        elif eqn.rhs.name in ("equal", "not_equal") and x in operands:
            size = _compared(graph, operands, x)
            if size is None:
                continue
        else:
            continue
        return evaluate(graph.shapes.resolve(size), dims)
    return None


def tied_dims(graph: Graph) -> dict[Dim, Dim]:
    """Return for each dim the first one that is picked from by the same labels.

    The rows of two tables that one array of labels picks from are as many.
    """
    picked: dict[Any, Dim] = {}
    found: dict[Dim, Dim] = {}
    for eqn in graph.equations:
        if eqn.rhs.name != "index":
            continue
        for number, x in enumerate(eqn.rhs.operands[1:]):
            size = graph.shapes.resolve(indexed(graph, eqn.rhs, number))
            if isinstance(size, Dim):
                first = picked.setdefault(x, size)
                found[size] = found.get(first, first)
    return found


def indexed(graph: Graph, rhs: Any, number: int) -> Any:
    """Return the size of the axis that the index array of this number stands at."""
    axis = seen = 0
    for entry in rhs.setting("key"):
        if entry is None:
            continue
        if entry == "array":
            if seen == number:
                break
            seen += 1
        axis += 1
    return graph.aval(rhs.operands[0]).shape[axis]


def _compared(graph: Graph, operands: Sequence[Any], x: Sym) -> Any:
    """Return the length of the ``arange`` that labels are compared with."""
    for other in operands:
        if isinstance(other, Static) or other is x:
            continue
        defined = next((e for e in graph.equations if other in e.lhs), None)
        while defined is not None and defined.rhs.name in ("expand_dims", "reshape"):
            source = defined.rhs.operands[0]
            defined = next((e for e in graph.equations if source in e.lhs), None)
        if defined is not None and defined.rhs.name == "arange":
            aval: Aval = graph.avals[defined.lhs[0]]
            return aval.shape[0]
    return None
