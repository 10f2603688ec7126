"""Forward mode over a circuit: the derivative of every node along a direction.

Given a circuit, return a function from tangents of what it is differentiated by to tangents of
its nodes.  Invariant: exact; the rules are those of reverse mode, transposed gate by gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.differentiate import pushed_forward, zeros
from symgrad.graph import Builder, Operand, Sym, building
from symgrad.simplify import simplify
from symgrad.study.circuit import Circuit
from symgrad.study.evaluate import evaluator


def pushforward(circuit: Circuit) -> Callable[[Sequence[Any]], dict[int, Any]]:
    """Return the map from tangents of the circuit's ``wrt``, in order, to those of the nodes.

    A node that nothing moves is left out.
    """
    graph = circuit.made.primal
    builder = Builder.continuing(graph)
    sources = [circuit.nodes[k].symbol for k in circuit.wrt]
    with building(builder):
        dots = [builder.input(builder.avals[x]) for x in sources]
        tangents = {x: builder.wrap(dot) for x, dot in zip(sources, dots, strict=True)}
        start = len(builder.inputs)
        needed = {y for node in circuit.nodes for eqn in node.equations for y in eqn.lhs}
        for eqn in graph.equations:
            if needed.isdisjoint(eqn.lhs) or not any(x in tangents for x in eqn.rhs.operands):
                continue
            if not any(builder.avals[y].inexact for y in eqn.lhs):
                continue
            for y, dot in zip(eqn.lhs, pushed_forward(builder, eqn, tangents), strict=True):
                if dot is not None:
                    tangents[y] = dot
        seeds = {x: zeros(builder, builder.avals[x]) for x in builder.inputs[start:]}
    moved = [node for node in circuit.nodes if node.symbol in tangents]
    wanted = [tangents[node.symbol].symbol for node in moved]
    wanted += [ct.symbol for ct in seeds.values()]
    made = simplify(builder.graph(wanted), len(graph.equations), len(dots) + len(seeds))
    outputs, blank = made.outputs[: len(moved)], made.outputs[len(moved) :]
    sums: dict[Sym, Sequence[Operand]] = {x: [value] for x, value in zip(seeds, blank, strict=True)}
    run = evaluator(made, [*circuit.given, *dots], outputs, sums)

    def push(directions: Sequence[Any]) -> dict[int, Any]:
        found = run(*circuit.given.values(), *directions)
        return {
            node.number: _of_shape(tangent, np.shape(node.value))
            for node, tangent in zip(moved, found, strict=True)
        }

    return push


def _of_shape(tangent: Any, shape: tuple[int, ...]) -> Any:
    return np.array(np.broadcast_to(tangent, shape)) if shape else tangent
