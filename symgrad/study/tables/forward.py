"""Forward mode as a table: how every variable changes with each thing that is varied."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError
from symgrad.study.circuit import Circuit, Node
from symgrad.study.pushforward import pushforward
from symgrad.study.tables.cells import Cell, Column, Row, Section
from symgrad.study.tables.notation import Look
from symgrad.study.tables.reverse import EDGE, GATE, chain_row, gate_cells, local_cells

MOST_COLUMNS = 8  # that the entries of arrays get each one of
MOST_DIRECTIONS = 1000  # of a Jacobian that a cell sums up


@dataclass(frozen=True, slots=True)
class Slopes:
    """One column: the derivative of each node by one thing; of what does not move it is 0."""

    column: Column
    by: Mapping[int, Any]


def slopes(look: Look, direction: Any = None) -> list[Slopes]:
    """Return a column for each entry of ``wrt``, for each array of it if there are many entries.

    ``direction`` gives one tangent for each thing in ``wrt`` instead, and one column.
    """
    circuit = look.circuit
    push = pushforward(circuit)
    sources = [circuit.nodes[k] for k in circuit.wrt]
    if direction is not None:
        moved = push(_tangents(sources, direction))
        return [Slopes(Column("tangent", "tangent", True, "accumulated"), moved)]
    sizes = [math.prod(np.shape(x.value)) for x in sources]
    apart = sum(sizes) <= MOST_COLUMNS
    found = []
    for k, node in enumerate(sources):
        if not apart and sizes[k] > MOST_DIRECTIONS:
            raise ArgumentError(
                f"`{node.name}` has {sizes[k]} entries, too many to vary one by one in forward "
                "mode: give a direction=, or use mode='reverse'"
            )
        units = np.eye(sizes[k]).reshape(sizes[k], *np.shape(node.value))
        columns = [push(_only(sources, k, unit)) for unit in units]
        if apart:
            places = np.ndindex(np.shape(node.value))
            found += [
                Slopes(_column(look, node.name + _place(at)), moved)
                for at, moved in zip(places, columns, strict=True)
            ]
        else:
            found.append(Slopes(_column(look, node.name), _jacobians(circuit, columns, node)))
    return found


def every_variable(look: Look, columns: Sequence[Slopes]) -> tuple[Section, ...]:
    """Return a row a variable, in the order of the forward pass."""
    rows = [
        Row("variable", {**gate_cells(look, node), **_cells(look, node, columns)})
        for node in look.circuit.nodes
    ]
    return (Section("", tuple(rows)),)


def store(look: Look, columns: Sequence[Slopes]) -> tuple[Section, ...]:
    """Return the lecture's form: a row a gate with local and accumulated derivatives."""
    circuit = look.circuit
    rows = [
        Row(
            "edge" if local else "variable",
            {**gate_cells(look, node), **local, **_cells(look, node, columns)},
            continues=k > 0,
        )
        for node in circuit.nodes
        for k, local in enumerate(local_cells(look, node))
    ]
    ends = tuple(chain_row(look, circuit.nodes[k]) for k in circuit.wrt)
    return tuple(
        part
        for part in (Section("", tuple(rows)), Section("Accumulated product", ends))
        if part.rows
    )


def columns_of(found: Sequence[Slopes], layout: str) -> tuple[Column, ...]:
    slopes = [s.column for s in found]
    if layout == "edges":
        return (*GATE, *slopes)
    return (
        *GATE,
        *EDGE,
        *slopes,
        Column("chain", "chain rule"),
        Column("accumulated", "accumulated"),
    )


def _cells(look: Look, node: Node, columns: Sequence[Slopes]) -> dict[str, Cell]:
    return {s.column.key: look.number(s.by.get(node.number, 0.0)) for s in columns}


def _column(look: Look, name: str) -> Column:
    return Column(f"by {name}", look.heading(name), True, "accumulated")


def _place(at: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, at))}]" if at else ""


def _only(sources: Sequence[Node], which: int, unit: Any) -> list[Any]:
    """Return the direction that moves one entry of one thing."""
    return [
        _like(node, unit if k == which else np.zeros(np.shape(node.value)))
        for k, node in enumerate(sources)
    ]


def _like(node: Node, tangent: Any) -> Any:
    if not np.shape(node.value):
        return float(tangent)
    return np.asarray(tangent, dtype=np.asarray(node.value).dtype)


def _jacobians(circuit: Circuit, columns: Sequence[Mapping[int, Any]], by: Node) -> dict[int, Any]:
    """Return for each node that moves the array of its shape followed by that of ``by``."""
    found = {}
    for number in columns[0] if columns else ():
        shape = (*np.shape(circuit.nodes[number].value), *np.shape(by.value))
        entries = np.stack([moved[number] for moved in columns], axis=-1)
        found[number] = entries.reshape(shape)
    return found


def _tangents(sources: Sequence[Node], direction: Any) -> list[Any]:
    """Return the user's direction as one tangent for each thing that is varied."""
    names = [node.name for node in sources]
    if isinstance(direction, Mapping):
        given = dict(direction)
        if wrong := [name for name in given if name not in names]:
            raise ArgumentError(f"direction names {wrong[0]!r}: wrt has {', '.join(names)}")
        tangents = [given.get(node.name, np.zeros(np.shape(node.value))) for node in sources]
    else:
        tangents = list(direction) if isinstance(direction, (list, tuple)) else [direction]
        if len(tangents) != len(sources):
            raise ArgumentError(
                f"direction has {len(tangents)} parts, wrt has {len(sources)}: give a tangent for "
                f"each of {', '.join(names)}, or a dict by name"
            )
    for node, tangent in zip(sources, tangents, strict=True):
        if np.shape(tangent) != np.shape(node.value):
            raise ArgumentError(
                f"the direction of `{node.name}` has shape {np.shape(tangent)}, "
                f"`{node.name}` has shape {np.shape(node.value)}"
            )
    return [_like(node, tangent) for node, tangent in zip(sources, tangents, strict=True)]
