"""The order of the statements, where a person would choose another than the chain rule's.

Given a graph, return it with its equations in another order.  Invariant: every equation still
comes after what it reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from symgrad.graph import Equation, Graph, Operand, Sym


def writes_together(graph: Graph, primal: frozenset[Sym]) -> Graph:
    """Return the graph with the gradient's writes into one array side by side.

    A sum of ``w[0] * x[0]`` and ``w[1] * x[1]`` passes back to w and x by turns, the last
    element first; a person fills one array after the other, from its first element on.
    """
    writes = {
        eqn.rhs.operands[0]: eqn
        for eqn in graph.equations
        if eqn.rhs.name == "add_at" and eqn.lhs[0] not in primal
    }
    if not writes or graph.shapes.has_selected:
        return graph
    reads = Counter([x for eqn in graph.equations for x in eqn.rhs.operands])
    reads.update(graph.outputs)
    waiting: dict[Sym, list[Equation]] = {}
    ordered: list[Equation] = []
    for eqn in graph.equations:
        base, y = (eqn.rhs.operands or (None,))[0], eqn.lhs[0]
        if writes.get(base) is not eqn:  # type: ignore[arg-type]
            ordered.append(eqn)
            continue
        chain = [*waiting.pop(base, ()), eqn]  # type: ignore[arg-type]
        if y in writes and reads[y] == 1:
            waiting[y] = chain
        else:
            ordered += _first_element_first(chain)
    return replace(graph, equations=tuple(ordered))


def next_to_first_reader(graph: Graph, value: frozenset[Sym]) -> Graph:
    """Return the graph with what is made again for the gradient where it is first read.

    That is what costs nothing to keep back: it reads nothing but inputs, if anything.
    """
    if graph.shapes.has_selected:
        return graph
    free = set(graph.inputs)
    waiting: dict[Operand, Equation] = {}
    ordered: list[Equation] = []
    for eqn in graph.equations:
        y, operands = eqn.lhs[0], eqn.rhs.operands
        if y not in value and len(eqn.lhs) == 1:
            origin = graph.notes.origins.get(y)
            is_made_again = origin is None or origin.step < 0
            if is_made_again and all(type(x) is not Sym or x in free for x in operands):
                free.add(y)
                waiting[y] = eqn
                continue
        if waiting:
            ordered += _taken(waiting, operands)
        ordered.append(eqn)
    ordered += _taken(waiting, tuple(waiting))
    return replace(graph, equations=tuple(ordered))


def _taken(waiting: dict[Operand, Equation], wanted: Sequence[Operand]) -> list[Equation]:
    """Take out the equations that bind ``wanted``, each after those that it reads."""
    found: list[Equation] = []
    todo = [x for x in reversed(wanted) if x in waiting]
    while todo:
        x = todo[-1]
        inside = [z for z in waiting[x].rhs.operands if z in waiting] if x in waiting else []
        todo += inside
        if not inside and (eqn := waiting.pop(todo.pop(), None)) is not None:
            found.append(eqn)
    return found


def _first_element_first(chain: Sequence[Equation]) -> Sequence[Equation]:
    """Return writes of single elements, each another one, by rising index."""
    keys = [eqn.rhs.setting("key") for eqn in chain]
    if any(type(k) is not int or k < 0 for key in keys for k in key):
        return chain
    if len(set(keys)) < len(keys) or len({len(key) for key in keys}) > 1:
        return chain
    ordered, base = [], chain[0].rhs.operands[0]
    for eqn, k in zip(chain, sorted(range(len(keys)), key=keys.__getitem__), strict=True):
        rhs = chain[k].rhs
        ordered.append(Equation(eqn.lhs, type(rhs).of((base, rhs.operands[1]), rhs.statics)))
        base = eqn.lhs[0]
    return ordered
