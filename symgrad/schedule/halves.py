"""From the joint graph to halves: what forward and backward compute, and what is kept.

Given a joint graph, `cut` divides it and chooses the residuals; `whole` leaves it in one piece.
Invariant: backward computes nothing again but sizes, views and what is free to make.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from symgrad.dims import Dim
from symgrad.expand import selections
from symgrad.graph import Builder, Equation, Graph, Op, Operand, Sym, Value, building, sizes_read
from symgrad.ops.indexing import ARRAY
from symgrad.ops.table import op
from symgrad.schedule.order import next_to_first_reader, writes_together

FREE_VIEWS = frozenset({"transpose", "expand_dims", "squeeze"})
COPIES = frozenset({"alias", "full", "broadcast_to"})
RECOMPUTED = FREE_VIEWS | {"size", "arange", "reshape", "full", "full_like"}


@dataclass(frozen=True, slots=True)
class Half:
    """One emitted function as a graph: what it is given, does and returns.

    ``primal`` are the symbols that the user's own function computes.
    """

    graph: Graph
    primal: frozenset[Sym]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The two halves of a joint graph and what the first keeps for the second."""

    forward: Half
    backward: Half
    residuals: tuple[Operand, ...]
    seeds: tuple[Sym, ...]


def own_outputs(graph: Graph, values: int, wrt: Sequence[Sym]) -> Graph:
    """Return the graph with every gradient written out as an array of its own shape.

    A gradient that is a copied number becomes ``np.full_like(x, number)``: a broadcast view is
    read-only, and the input brings the shape and dtype along.
    """
    gradients = set(graph.outputs[values:])
    made_by = {y: e.rhs.name for e in graph.equations for y in e.lhs if y in gradients}
    if all(type(y) is Sym for y in gradients) and COPIES.isdisjoint(made_by.values()):
        return graph
    builder = Builder.continuing(graph)
    outputs = list(graph.outputs[:values])
    with building(builder):
        for y, x in zip(graph.outputs[values:], wrt, strict=True):
            builder.origin = builder.notes.origins.get(y)
            own = _own_output(builder, y, x)
            if isinstance(own, Sym):
                builder.notes.cotangent_of.setdefault(own, x)
            outputs.append(own)
    return builder.graph(outputs)


def _own_output(builder: Builder, y: Operand, x: Sym) -> Operand:
    row = builder.definition(y)
    if builder.aval(x).kind != "array":
        return y
    if row is not None and row.name == "alias":
        return _own_output(builder, row.operands[0], x)
    if row is not None and row.name == "full":
        return op.full_like(Value(builder, x), row.setting("value")).symbol
    if row is not None and row.name == "broadcast_to":
        source = row.operands[0]
        converted = builder.definition(source)
        if converted is not None and converted.name == "astype":
            source = converted.operands[0]  # the array brings the dtype along
        if builder.aval(source).shape == ():
            return op.full_like(Value(builder, x), Value(builder, source)).symbol
        return op.materialise(Value(builder, y)).symbol
    if not isinstance(y, Sym):
        return op.full_like(Value(builder, x), y.value).symbol
    return y


def whole(joint: Graph, values: int) -> Half:
    """Return ``joint`` as one function; its first ``values`` outputs are the user's own."""
    defined = {y: eqn for eqn in joint.equations for y in eqn.lhs}
    primal = frozenset(_needed(joint.outputs[:values], defined, selections(joint)))
    return Half(_in_order(joint, primal, primal), primal)


def _in_order(graph: Graph, value: frozenset[Sym], primal: frozenset[Sym]) -> Graph:
    return writes_together(next_to_first_reader(graph, value), primal)


def cut(joint: Graph, values: int, seeds: Sequence[Sym]) -> Schedule:
    """Return the forward and backward halves of ``joint``.

    The forward half computes the first ``values`` outputs; the backward half the rest, from the
    residuals: inputs and forward values it reads, but for what is free to make again.
    """
    defined = {y: eqn for eqn in joint.equations for y in eqn.lhs}
    inputs = tuple(x for x in joint.inputs if x not in seeds)
    shows = selections(joint)
    forward = _needed(joint.outputs[:values], defined, shows)
    back_outputs = joint.outputs[values:]
    residuals, backward = _backward_part(back_outputs, defined, forward, seeds, shows)
    residuals = _with_sizes(joint, residuals, backward, forward)
    order = {x: k for k, x in enumerate([*inputs, *(y for e in joint.equations for y in e.lhs)])}
    kept = tuple(sorted(residuals, key=order.__getitem__))
    forward_eqns = tuple(
        e for e in joint.equations if any(y in forward or y in residuals for y in e.lhs)
    )
    backward_eqns = tuple(e for e in joint.equations if any(y in backward for y in e.lhs))
    primal = frozenset(forward)
    first = replace(joint, inputs=inputs, equations=forward_eqns, outputs=joint.outputs[:values])
    second = replace(joint, inputs=(*kept, *seeds), equations=backward_eqns, outputs=back_outputs)
    second = _in_order(second, frozenset(), primal)
    return Schedule(Half(first, primal), Half(second, primal), kept, tuple(seeds))


def _read_by(eqn: Equation, shows: Mapping[Dim, tuple[Sym, ...]]) -> list[Sym]:
    """Return what an equation reads: its operands, and what shows a size that only data knows."""
    found = [x for x in eqn.rhs.operands if isinstance(x, Sym)]
    if shows:
        found += [y for size in sizes_read(eqn.rhs) for y in shows.get(size, ())]
    return found


def _needed(
    outputs: Iterable[Operand],
    defined: Mapping[Sym, Equation],
    shows: Mapping[Dim, tuple[Sym, ...]],
) -> set[Sym]:
    needed: set[Sym] = set()
    todo = [y for y in outputs if isinstance(y, Sym)]
    while todo:
        y = todo.pop()
        if y not in needed:
            needed.add(y)
            if y in defined:
                needed.update(defined[y].lhs)  # what is computed beside it is there as well
                todo += _read_by(defined[y], shows)
    return needed


def _backward_part(
    outputs: Iterable[Operand],
    defined: Mapping[Sym, Equation],
    forward: set[Sym],
    seeds: Sequence[Sym],
    shows: Mapping[Dim, tuple[Sym, ...]],
) -> tuple[set[Sym], set[Sym]]:
    residuals: set[Sym] = set()
    backward: set[Sym] = set()
    todo = [y for y in outputs if isinstance(y, Sym)]
    while todo:
        y = todo.pop()
        if y in backward or y in residuals or y in seeds:
            continue
        eqn = defined.get(y)
        if eqn is None or (y in forward and not _is_recomputed(eqn.rhs, defined)):
            residuals.add(y)
            continue
        backward.update(eqn.lhs)
        todo += _read_by(eqn, shows)
    return residuals, backward


def _is_recomputed(rhs: Op, defined: Mapping[Sym, Equation]) -> bool:
    if is_free_view(rhs) and rhs.name == "index":
        return is_element(rhs) or rhs.operands[0] not in defined  # a part of an input
    return rhs.name in RECOMPUTED


def is_free_view(rhs: Op) -> bool:
    """Return whether ``rhs`` costs nothing to write again: ``x.T``, ``x[:, None]``, ``x[1:]``."""
    return rhs.name in FREE_VIEWS or (rhs.name == "index" and ARRAY not in rhs.setting("key"))


def _with_sizes(
    joint: Graph, residuals: set[Sym], backward: set[Sym], forward: set[Sym]
) -> set[Sym]:
    """Add an array to the residuals for each size that no residual shows."""
    shown = {d for x in residuals for d in joint.avals[x].shape if isinstance(d, Dim)}
    wanted: dict[Dim, None] = {}
    for eqn in joint.equations:
        if any(y in backward for y in eqn.lhs):
            wanted.update(dict.fromkeys(sizes_read(eqn.rhs)))
    found = set(residuals)
    for dim in wanted:
        if dim in shown:
            continue
        holders = [x for x in joint.inputs if dim in joint.avals[x].shape]
        holders += [
            y
            for eqn in joint.equations
            for y in eqn.lhs
            if y in forward and dim in joint.avals[y].shape
        ]
        if holders:
            found.add(holders[0])
            shown.update(d for d in joint.avals[holders[0]].shape if isinstance(d, Dim))
    return found


def is_element(rhs: Op) -> bool:
    """Return whether ``rhs`` reads one element at a fixed place: ``w[0]``."""
    return rhs.name == "index" and all(type(k) is int for k in rhs.setting("key"))
