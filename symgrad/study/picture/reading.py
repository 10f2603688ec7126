"""Read a circuit as a sketch: which parts there are, and which words stand on them.

Given a circuit, return its sketch.  Invariant: every number shown is one of the circuit's.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.study.circuit import Circuit, Edge, Node
from symgrad.study.digits import shape_text
from symgrad.study.picture.figures import figure, shortened
from symgrad.study.picture.flow import SUMS, legend, pattern
from symgrad.study.picture.signs import sign
from symgrad.study.picture.sketch import Label, Link, Part, Row, Run, Sketch

LINE = 44  # letters of code in one row of a block
WORDS = 26  # letters of a formula on a wire
SIGNS = 18  # letters in a gate
COMMUTES = {"add", "multiply", "maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp"}


def read(
    found: Circuit,
    local: bool = False,
    notes: bool = False,
    all_names: bool = False,
    headings: Mapping[int, str] = {},
) -> Sketch:
    """Return the sketch of a circuit.

    ``local`` puts local derivatives on the wires in place of gradients, ``notes`` says what each
    gate does to the gradient, ``all_names`` shows also the names that the user did not give,
    ``headings`` says what blocks are called, by node.
    """
    return _Reader(found, local, notes, all_names or local, headings).sketch()


class _Reader:
    def __init__(
        self,
        found: Circuit,
        local: bool,
        notes: bool,
        all_names: bool,
        headings: Mapping[int, str],
    ) -> None:
        self.circuit, self.local, self.notes, self.headings = found, local, notes, headings
        self.all_names = all_names
        self.blocks = found.level != "gate"
        self.numbers = {node.symbol: node.number for node in found.nodes}
        self.edges = {(e.source, e.target, e.position): k for k, e in enumerate(found.edges)}
        self.reads = {node.number: self._reads(node) for node in found.nodes}
        self.elements = {n.number for n in found.nodes if self._is_element(n)}
        self.readers = self._readers()

    def sketch(self) -> Sketch:
        shown = [node for node in self.circuit.nodes if self._is_shown(node)]
        place = {node.number: k for k, node in enumerate(shown)}
        parts = tuple(map(self._part, shown))
        links = tuple(
            self._link(source, node, position, place)
            for node in shown
            if node.number not in self.elements
            for position, source in self.reads[node.number]
        )
        name = self.circuit.name
        words = [part.note for part in parts]
        if any(run.kind == "note" for part in parts for row in part.exit.below for run in row):
            words.append(SUMS)
        return Sketch(
            f"Computational graph of {name}", self._summary(shown), parts, links, legend(words)
        )

    # --- what is read by what

    def _reads(self, node: Node) -> list[tuple[int, int]]:
        """Return the operands of a node that are nodes: their positions and numbers."""
        equations = node.equations
        inside = {y for eqn in equations for y in eqn.lhs}
        if len(equations) == 1:
            operands = list(enumerate(equations[0].rhs.operands))
            return [(k, self.numbers[x]) for k, x in operands if x in self.numbers]
        every = (x for eqn in equations for x in eqn.rhs.operands)
        outside = dict.fromkeys(x for x in every if x in self.numbers and x not in inside)
        edges = {(e.source, e.target): e.position for e in self.circuit.edges}
        found = []
        for k, x in enumerate(outside):
            source = self.numbers[x]
            found.append((edges.get((source, node.number), k), source))
        return found

    def _is_element(self, node: Node) -> bool:
        """Return whether a node is one number of an argument: ``w[0]`` stands as an input."""
        if self.blocks or node.op != "index" or np.ndim(node.value):
            return False
        rhs = node.equations[0].rhs
        source = self.numbers.get(rhs.operands[0])
        plain = len(rhs.operands) == 1 and all(type(k) is int for k in rhs.setting("key"))
        return plain and source is not None and self.circuit.nodes[source].kind == "input"

    def _readers(self) -> dict[int, int]:
        """Count how often each node is read by what is drawn."""
        count = {node.number: 0 for node in self.circuit.nodes}
        for node in self.circuit.nodes:
            if node.number not in self.elements:
                for _, source in self.reads[node.number]:
                    count[source] += 1
        return count

    def _is_shown(self, node: Node) -> bool:
        """Leave out an argument of which only the elements are read."""
        number = node.number
        return node.kind != "input" or self.readers[number] > 0 or number == self.circuit.output

    # --- parts

    def _part(self, node: Node) -> Part:
        number = node.number
        is_input = node.kind == "input" or number in self.elements
        look = "input" if is_input else "block" if self.blocks else "gate"
        wires = 0 if is_input else len(self.reads[number])
        note = pattern(node.op, wires) if self.notes and look == "gate" else ""
        return Part(
            number,
            look,
            node.name,
            self._rows(node, look),
            self._exit(node, is_input),
            self._about(node),
            note if node.upstream is not None else "",
            self.headings.get(number, ""),
            node.op not in COMMUTES,
        )

    def _rows(self, node: Node, look: str) -> tuple[str, ...]:
        if look == "input":
            return (node.text,)
        if look == "block":
            return tuple(textwrap.wrap(f"{node.name} = {node.text}", LINE, subsequent_indent="  "))
        return tuple(shortened(row, SIGNS) for row in sign(node.equations[0].rhs, node.text))

    def _exit(self, node: Node, is_input: bool) -> Label:
        """Return the words on what leaves a part: its value above, its gradient below."""
        is_array = np.ndim(node.value) > 0
        named = not is_input and not self.blocks and (is_array or self._is_users(node))
        above: Row = (Run("name", node.name),) if named else ()
        above += (Run("value", self._amount(node, node.value)),)
        if self.local:
            edges = self.circuit.edges_from[node.number]
            alone = self.readers[node.number] == len(edges) == 1
            return Label(above, (self._local(edges[0]),) if alone else ())
        if node.upstream is None:
            return Label(above)
        below: Row = (Run("gradient", self._amount(node, node.upstream)),)
        if is_array:
            below = (Run("gradient", f"d{node.text if is_input else node.name}"), *below)
        rows = [below]
        copies = len(self.circuit.edges_from[node.number])
        if self.notes and copies > 1 and node.number != self.circuit.output:
            rows.append((Run("note", f"sums {copies}"),))
        return Label(above, tuple(rows))

    def _is_users(self, node: Node) -> bool:
        named = self.circuit.made.primal.notes.names
        is_known = node.symbol in named or node.number == self.circuit.output
        return is_known or self.all_names

    def _amount(self, node: Node, value: Any) -> str:
        if np.ndim(value):
            return shape_text(self.circuit.wording.shape(node.symbol))
        floats = node.upstream is not None and np.asarray(value).dtype.kind in "iu"
        return figure(float(value) if floats else value)

    def _about(self, node: Node) -> str:
        """Return all that is known of a node, in one text."""
        text = node.name if node.kind == "input" else f"{node.name} = {node.text}"
        words = [f"{text} = {self._amount(node, node.value)}"]
        if np.ndim(node.value):
            words = [f"{text}, shape {self._amount(node, node.value)}"]
        if node.upstream is None:
            words.append("no gradient flows here")
        elif not np.ndim(node.upstream):
            words.append(f"gradient {figure(node.upstream)}")
        if node.location is not None and node.location.text:
            words.append(f"line {node.location.line}: {node.location.text}")
        return "; ".join(words)

    # --- links

    def _link(self, source: int, node: Node, position: int, place: Mapping[int, int]) -> Link:
        number = self.edges.get((source, node.number, position))
        edge = self.circuit.edges[number] if number is not None else None
        target = place[node.number]
        about = f"{self.circuit.nodes[source].name} is read by {node.name}"
        if edge is None:
            return Link(place[source], target, position, None, None, about)
        about = f"{about}; local derivative {edge.local_text}; passes back {edge.passed_text}"
        return Link(place[source], target, position, number, self._on_wire(edge), about)

    def _on_wire(self, edge: Edge) -> Label | None:
        """Return the words on a wire: the local derivative, or this reader's part of a sum."""
        if self.readers[edge.source] < 2:
            return None
        if self.local:
            return Label(below=(self._local(edge),))
        text = shortened(edge.passed_text, WORDS) if np.ndim(edge.passed) else figure(edge.passed)
        return Label(below=((Run("gradient", text),),))

    def _local(self, edge: Edge) -> Row:
        text = shortened(edge.local_text, WORDS)
        if edge.local is None or np.ndim(edge.local):
            return (Run("local", text),)
        number = figure(edge.local)
        is_number = edge.local_text.lstrip("-").replace(".", "").isdigit()
        return (Run("local", number if is_number else f"{text} = {number}"),)

    # --- the whole

    def _summary(self, shown: Sequence[Node]) -> str:
        """Return the graph in sentences, for who cannot see it."""
        inputs = sum(node.kind == "input" or node.number in self.elements for node in shown)
        count = len(shown) - inputs
        kind = {"gate": "gate", "line": "line"}.get(self.circuit.level, "block")
        plural = "s" * (count != 1)
        first = (
            f"{inputs} input{'s' * (inputs != 1)} and {count} {kind}{plural}, from left to right."
        )
        return " ".join([first, *(f"{self._about(node)}." for node in shown)])
