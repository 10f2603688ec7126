"""The backward pass, one gate at a time.

Given a circuit and its sketch, return what each frame shows: the forward pass, the seed 1 at the
output, then a frame for each gate that is passed back through.  Invariant: a gradient is shown
from the frame on in which the last part of its sum arrives.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from symgrad.study.circuit import Circuit, Edge, Node
from symgrad.study.digits import shape_text
from symgrad.study.picture.figures import figure
from symgrad.study.picture.sketch import Frame, Sketch


def whole(sketch: Sketch) -> Frame:
    """Return the frame that shows everything."""
    parts, links = range(len(sketch.parts)), range(len(sketch.links))
    return Frame(0, frozenset(parts), frozenset(links))


def frames(found: Circuit, sketch: Sketch) -> tuple[Frame, ...]:
    """Return the frames of the backward pass, from the forward pass on."""
    return tuple(_Steps(found, sketch).frames())


class _Steps:
    def __init__(self, found: Circuit, sketch: Sketch) -> None:
        self.circuit, self.sketch = found, sketch
        self.place = {part.node: k for k, part in enumerate(sketch.parts)}
        self.links = {link.edge: k for k, link in enumerate(sketch.links) if link.edge is not None}
        passes = itertools.groupby(enumerate(found.edges), key=lambda pair: pair[1].target)
        self.passes = [(target, list(edges)) for target, edges in passes]
        self.passes = [(t, edges) for t, edges in self.passes if self._is_drawn(edges)]

    def _is_drawn(self, edges: list[tuple[int, Edge]]) -> bool:
        return any(number in self.links for number, _ in edges)

    def frames(self) -> Iterator[Frame]:
        nodes, last = self.circuit.nodes, len(self.passes) + 1
        output = nodes[self.circuit.output]
        forward = f"Forward pass: {output.name} = {self._amount(output, output.value)}"
        yield Frame(0, frozenset(), frozenset(), None, (forward,))
        waits = {n.number: len(self.circuit.edges_from[n.number]) for n in nodes}
        parts, links = {self.place[output.number]}, set[int]()
        seed = f"Step 1 of {last}: start at the output, d{output.name}/d{output.name} = 1"
        yield Frame(1, frozenset(parts), frozenset(), self.place[output.number], (seed,))
        for number, (target, edges) in enumerate(self.passes, 2):
            rows = [f"Step {number} of {last}: back through {_equation(nodes[target])}"]
            for k, edge in sorted(edges, key=lambda pair: pair[1].position):
                links.add(self.links.get(k, -1))
                waits[edge.source] -= 1
                if waits[edge.source] == 0 and edge.source in self.place:
                    parts.add(self.place[edge.source])
                rows.append(self._product(nodes[target], edge, waits[edge.source]))
            caption = tuple(rows)
            yield Frame(number, frozenset(parts), frozenset(links), self.place[target], caption)

    # --- words

    def _product(self, node: Node, edge: Edge, waits: int) -> str:
        """Return upstream, local and product along an edge, in numbers where there are."""
        source = self.circuit.nodes[edge.source]
        part = self._part_of_sum(source, waits)
        numbers = (node.upstream, edge.local, edge.passed)
        if all(number is not None and not np.ndim(number) for number in numbers):
            upstream, local = figure(node.upstream), figure(edge.local)
            formula = "" if _is_number(edge.local_text) else f" ({edge.local_text})"
            product = f"{upstream} × {local}{formula} = {figure(edge.passed)}"
            return f"d{source.name}: upstream × local = {product}{part}"
        shape = shape_text(self.circuit.wording.shape(source.symbol))
        return f"d{source.name}: {edge.passed_text}, shape {shape}{part}"

    def _part_of_sum(self, source: Node, waits: int) -> str:
        """Say which part of the sum this is, for a value that several gates read."""
        count = len(self.circuit.edges_from[source.number])
        if count == 1:
            return ""
        part = f"part {count - waits} of {count}"
        if waits or np.ndim(source.upstream):
            return f" ({part})"
        return f" ({part}, their sum is {figure(source.upstream)})"

    def _amount(self, node: Node, value: object) -> str:
        if np.ndim(value):  # type: ignore[arg-type]
            return f"an array {shape_text(self.circuit.wording.shape(node.symbol))}"
        return figure(value)


def _equation(node: Node) -> str:
    return f"{node.name} = {node.text}"


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "").isdigit()
