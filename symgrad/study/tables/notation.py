"""How a table writes derivatives: ``df/dx``, ``∂f/∂x``, or a bar over what is differentiated by.

Given the nodes of a circuit, return formulas as text and as TeX.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.study.circuit import Circuit, Edge, Node
from symgrad.study.digits import shape_text
from symgrad.study.tables.cells import TIMES, Cell, equation, formula, number, words
from symgrad.study.tex import escaped, tex_name
from symgrad.study.wording import DOT

NOTATIONS = ("d", "bar", "partial")
MACRON = "\u0304"
MOST_EDGES = 3  # that a sum is written out for
MOST_PATHS, LONGEST_PATH = 3, 8  # that a product of derivatives along a path is written out for

Formula = tuple[str, str]
_SIGNS = {"d": ("d", r"\mathrm{d}"), "partial": ("∂", r"\partial "), "bar": ("∂", r"\partial ")}
_NUMPY = re.compile(r"\bnp\.(?=[a-z])")


@dataclass(frozen=True, slots=True)
class Look:
    """What a table shows of a circuit: digits, and the notation of derivatives."""

    circuit: Circuit
    digits: int | None
    notation: str

    # --- cells

    def number(self, value: Any) -> Cell:
        return number(value, self.digits)

    def variable(self, node: Node) -> Cell:
        return formula(node.name, self.tex(node))

    def expression(self, node: Node) -> Cell:
        return formula(plain(node.text), node.tex) if node.kind == "op" else Cell()

    def local(self, edge: Edge) -> Cell:
        """Return ``dq/dx = 1``: the local derivative of an edge and how it is computed."""
        return equation(self.partial(edge), (plain(edge.local_text), edge.local_tex))

    def chain(self, node: Node) -> Cell:
        """Return the chain rule for a node: the sum, over its edges, of upstream x local."""
        circuit = self.circuit
        left = self.derivative(node)
        edges = circuit.edges_from[node.number]
        if node.number == circuit.output:
            return equation(left, ("1", "1"))
        if not edges:
            return Cell()
        if len(edges) > MOST_EDGES:
            many = f"the sum over {len(edges)} edges"
            return equation(left, (many, rf"\text{{{many}}}"))
        terms = [
            [self.derivative(circuit.nodes[edge.target]), self.partial(edge)]
            for edge in reversed(edges)
        ]
        return equation(left, _sum_of_products(terms))

    def along_paths(self, node: Node) -> Cell:
        """Return the derivative of the output as a sum of products along the paths to it.

        Where there are many paths, or long ones, it is the chain rule at the node.
        """
        paths = self._paths(node)
        if not paths:
            return self.chain(node)
        terms = [[self.partial(edge) for edge in path] for path in paths]
        return equation(self.derivative(node), _sum_of_products(terms))

    def _paths(self, node: Node) -> list[list[Edge]]:
        """Return the paths from a node to the output, their last edge first; none if too many."""
        done: list[list[Edge]] = []
        todo: list[tuple[int, list[Edge]]] = [(node.number, [])]
        while todo:
            at, path = todo.pop(0)
            if at == self.circuit.output and path:
                done.append(path[::-1])
                continue
            if len(path) == LONGEST_PATH:
                return []
            todo += [(e.target, [*path, e]) for e in reversed(self.circuit.edges_from[at])]
            if len(todo) + len(done) > MOST_PATHS:
                return []
        return done

    # --- formulas

    def tex(self, node: Node) -> str:
        return self.circuit.wording.tex(node.symbol)

    def derivative(self, node: Node) -> Formula:
        """Return the derivative of the output by a node."""
        if self.notation == "bar":
            return barred(node.name), rf"\overline{{{self.tex(node)}}}"
        output = self.circuit.nodes[self.circuit.output]
        return self._ratio(output, node, "d" if self._is_both(node) else self.notation)

    def partial(self, edge: Edge) -> Formula:
        """Return the local derivative of an edge as a symbol."""
        above, below = self.circuit.nodes[edge.target], self.circuit.nodes[edge.source]
        is_part = edge.target == self.circuit.output and self._is_both(below)
        return self._ratio(above, below, "partial" if is_part else self.notation)

    def _is_both(self, node: Node) -> bool:
        """Return whether the output reads a node, and so do others that the output reads.

        Its derivative by the node, a d, is then more than the local one on that edge, a ∂.
        """
        targets = {edge.target for edge in self.circuit.edges_from[node.number]}
        return self.circuit.output in targets and len(targets) > 1

    def heading(self, name: str) -> str:
        """Return the heading of derivatives by one thing: ``d/dx``."""
        sign = _SIGNS[self.notation][0]
        return f"{sign}/{sign}{name}"

    def _ratio(self, above: Node, below: Node, notation: str) -> Formula:
        sign, tex = _SIGNS[notation]
        return (
            f"{sign}{above.name}/{sign}{below.name}",
            rf"\frac{{{tex}{self.tex(above)}}}{{{tex}{self.tex(below)}}}",
        )

    # --- words

    def title(self, what: str) -> Cell:
        """Return ``Reverse mode of f at x = 1, W (3, 4)``."""
        circuit = self.circuit
        inputs = [self._given(node) for node in circuit.nodes if node.kind == "input"]
        name = circuit.name
        text, tex = f"{what} of {name}", rf"{what} of \texttt{{{escaped(name)}}}"
        if inputs:
            text += f" at {', '.join(cell.text for cell in inputs)}"
            tex += f" at {', '.join(cell.tex for cell in inputs)}"
        return words(text, tex)

    def _given(self, node: Node) -> Cell:
        shape = np.shape(node.value)
        if len(shape) > 1 or "\n" in (value := self.number(node.value)).text:
            shown = shape_text(shape)
            return words(f"{node.name} {shown}", f"${self.tex(node)}$ {shown}")
        between = " " if value.text.startswith("(") else " = "
        return words(
            f"{node.name}{between}{value.text}",
            f"${self.tex(node)}${between.replace('=', '$=$')}{value.tex}",
        )


def _sum_of_products(terms: Sequence[Sequence[Formula]]) -> Formula:
    texts = (" * ".join(text for text, _ in term) for term in terms)
    texs = (r" \, ".join(tex for _, tex in term) for term in terms)
    return " + ".join(texts), " + ".join(texs)


def plain(text: str) -> str:
    """Return an expression as one says it: ``exp(x)`` for ``np.exp(x)``."""
    return _NUMPY.sub("", text)


def barred(name: str) -> str:
    """Return a name with a bar: over a letter that may have an index, else as a word."""
    letter = re.fullmatch(r"([^\W\d_])(_?\d*)", name)
    if letter is None:
        return f"bar({name})"
    return unicodedata.normalize("NFC", f"{letter[1]}{MACRON}{letter[2]}")


def notes(look: Look) -> tuple[Cell, ...]:
    """Return what has to be said of the signs in a table."""
    found = []
    if any(edge.local is None for edge in look.circuit.edges):
        said = "{} stands for the upstream derivative, where the local one is no array by itself."
        found.append(words(said.format(DOT), said.format(r"$\cdot$")))
    summed = [look.partial(edge) for edge in look.circuit.edges if _is_summed(look.circuit, edge)]
    if summed:
        said = "Along {}, upstream {} local is summed over the elements that one value went to."
        texts, texs = (", ".join(part) for part in zip(*dict.fromkeys(summed), strict=True))
        found.append(words(said.format(texts, TIMES), said.format(f"${texs}$", r"$\times$")))
    return tuple(found)


def _is_summed(circuit: Circuit, edge: Edge) -> bool:
    """Return whether the source was broadcast, so that its derivative is a sum."""
    upstream = circuit.nodes[edge.target].upstream
    if edge.local is None or upstream is None:
        return False
    shapes = np.shape(upstream), np.shape(edge.local)
    return bool(np.broadcast_shapes(*shapes) != np.shape(edge.passed))


def sensitivity(look: Look) -> list[Cell]:
    """Return for each thing that the output is differentiated by what raising it does."""
    nodes, made = look.circuit.nodes, look.circuit.made
    output = nodes[look.circuit.output]
    read = {nodes[k].symbol: nodes[k] for k in look.circuit.wrt}
    return [
        _sentence(look, read[x], output) if x in read
        else _unread(look, made.primal.notes.names.get(x, "x"), output)
        for x in made.wrt_symbols
    ]  # fmt: skip


def _unread(look: Look, name: str, output: Node) -> Cell:
    said = "{} does not depend on {}: its derivative is 0."
    return words(
        said.format(output.name, name),
        said.format(f"${look.tex(output)}$", f"${tex_name(name)}$"),
    )


def _sentence(look: Look, node: Node, output: Node) -> Cell:
    slope, place, which = np.asarray(0.0 if node.upstream is None else node.upstream), "", ""
    if slope.ndim:
        if not slope.any():  # no entry is more telling than another
            slope = np.asarray(0.0)
        else:
            at = np.unravel_index(np.argmax(np.abs(slope)), slope.shape)
            place = f"[{', '.join(str(int(k)) for k in at)}]"
            slope, which = slope[at], ", the entry that matters most,"
    amount = look.number(np.abs(slope)[()])
    return words(
        _said(node.name + place, which, output.name, amount.text, float(slope)),
        _said(
            f"${look.tex(node)}${place}", which, f"${look.tex(output)}$", amount.tex, float(slope)
        ),
    )


def _said(what: str, which: str, output: str, amount: str, slope: float) -> str:
    if np.isnan(slope):
        return f"{output} has no derivative by {what} here."
    if slope == 0:
        return f"Raising {what} a little does not change {output} to first order."
    verb = "raises" if slope > 0 else "lowers"
    if abs(slope) == 1:
        return f"Raising {what}{which} a little {verb} {output} by just as much."
    return f"Raising {what}{which} a little {verb} {output} by {amount} times as much."
