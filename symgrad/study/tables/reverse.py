"""Reverse mode as a table: what flows back along every edge, and what adds up at every variable."""

from __future__ import annotations

from collections.abc import Iterator

from symgrad.study.circuit import Node
from symgrad.study.tables.cells import TIMES, Cell, Column, Row, Section
from symgrad.study.tables.notation import Look

GATE = (
    Column("variable", "variable", of_gate=True),
    Column("expression", "expression", of_gate=True),
    Column("value", "value", of_gate=True),
)
EDGE = (
    Column("local", "local derivative"),
    Column("local value", "local value"),
)
EDGES = (
    *GATE,
    Column("upstream", "upstream", of_gate=True),
    *EDGE,
    Column("product", f"upstream {TIMES} local"),
    Column("chain", "chain rule"),
    Column("accumulated", "accumulated"),
)
STORE = (
    *GATE,
    *EDGE,
    Column("chain", "chain rule"),
    Column("accumulated", "accumulated", of_gate=True),
)


def edges(look: Look) -> tuple[Section, ...]:
    """Return a row an edge, last gate first, and a row a variable with the sum of its edges."""
    nodes = look.circuit.nodes
    passed = tuple(row for node in reversed(nodes) for row in _gate(look, node))
    sums = tuple(_sum(look, node) for node in reversed(nodes))
    parts = [
        Section("Backward pass, edge by edge", passed),
        Section("Derivative by each variable", sums),
    ]
    return tuple(part for part in parts if part.rows)


def store(look: Look) -> tuple[Section, ...]:
    """Return a row a gate in the order of the forward pass, and the product of each path back."""
    circuit = look.circuit
    stored = tuple(row for node in circuit.nodes for row in _stored(look, node))
    ends = tuple(chain_row(look, circuit.nodes[k]) for k in circuit.wrt)
    return tuple(
        part for part in (Section("", stored), Section("Accumulated product", ends)) if part.rows
    )


def _gate(look: Look, node: Node) -> Iterator[Row]:
    for k, edge in enumerate(look.circuit.edges_into[node.number]):
        cells = {
            **gate_cells(look, node),
            "upstream": look.number(node.upstream),
            "local": look.local(edge),
            "local value": look.number(edge.local),
            "product": look.number(edge.passed),
        }
        yield Row("edge", cells, continues=k > 0)


def _sum(look: Look, node: Node) -> Row:
    cells = {
        "variable": look.variable(node),
        "value": look.number(node.value),
        "chain": look.chain(node),
        "accumulated": look.number(node.upstream),
    }
    return Row("variable", cells)


def _stored(look: Look, node: Node) -> Iterator[Row]:
    for k, local in enumerate(local_cells(look, node)):
        cells = {**gate_cells(look, node), **local, "accumulated": look.number(node.upstream)}
        yield Row("edge" if local else "variable", cells, continues=k > 0)


def gate_cells(look: Look, node: Node) -> dict[str, Cell]:
    return {
        "variable": look.variable(node),
        "expression": look.expression(node),
        "value": look.number(node.value),
    }


def local_cells(look: Look, node: Node) -> list[dict[str, Cell]]:
    """Return the local derivatives of a gate, one set of cells an edge; inputs have none."""
    found = [
        {"local": look.local(edge), "local value": look.number(edge.local)}
        for edge in look.circuit.edges_into[node.number]
    ]
    return found or [{}] * (node.kind == "op")


def chain_row(look: Look, node: Node) -> Row:
    """Return the derivative by one thing as a product along the paths from it."""
    cells = {
        "variable": look.variable(node),
        "chain": look.along_paths(node),
        "accumulated": look.number(node.upstream),
    }
    return Row("chain", cells)
