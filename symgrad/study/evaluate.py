"""The number that each symbol of a graph stands for, by running the text that would be emitted.

Given a graph, its inputs and the symbols wanted, return their values.  Invariant: only text that
the rows of the op table spell is executed; sizes are read from the arrays, as emitted code does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symgrad.dims import Dim
from symgrad.emit.spell import Speller, Spelling, holds_other_floats
from symgrad.expand import expand
from symgrad.graph import Equation, Graph, Operand, Sym, sizes_read
from symgrad.load import load_function
from symgrad.ops.indexing import key_text
from symgrad.ops.windows import addition_lines
from symgrad.schedule.statements import WRITES


def evaluate(
    graph: Graph,
    given: Mapping[Sym, Any],
    wanted: Sequence[Operand],
    sums: Mapping[Sym, Sequence[Operand]] | None = None,
) -> list[Any]:
    """Return the values of ``wanted``.

    ``given`` holds the values of inputs.  An input that stands in ``sums`` is the sum of other
    values of the graph instead: a cotangent is the sum of what every reader passes back.
    """
    return evaluator(graph, list(given), wanted, sums)(*given.values())


def evaluator(
    graph: Graph,
    given: Sequence[Sym],
    wanted: Sequence[Operand],
    sums: Mapping[Sym, Sequence[Operand]] | None = None,
) -> Callable[..., list[Any]]:
    """Return the function that takes the values of ``given`` and returns those of ``wanted``."""
    sums = sums or {}
    inside = [x for terms in sums.values() for x in terms]
    graph = expand(replace(graph, outputs=(*wanted, *inside)))
    outputs = iter(graph.outputs)
    found = [next(outputs) for _ in wanted]
    terms = {ct: [next(outputs) for _ in xs] for ct, xs in sums.items()}
    run = load_function(_Text(graph, given, terms).text(found), "values", "values")
    is_mixed = holds_other_floats(graph)

    def values(*inputs: Any) -> list[Any]:
        # 1 / 0.0 is an error between Python's floats; NumPy's would change the dtype beside float32
        if not is_mixed:
            inputs = tuple([np.float64(x) if type(x) is float else x for x in inputs])
        with np.errstate(all="ignore"):
            return list(run(*inputs))

    return values


class _Text:
    """The text of one function that calculates what is wanted, in an order that works."""

    def __init__(self, graph: Graph, given: Sequence[Sym], sums: Mapping[Sym, Sequence[Operand]]):
        self.graph, self.given, self.sums = graph, given, sums
        self.speller = Speller(graph, {}, _name, self._size, "np", frozenset(graph.inputs))
        self.defined = {y: eqn for eqn in graph.equations for y in eqn.lhs}
        self.shown_by: dict[Dim, Sym] = {}
        for y in self.defined:
            for size in graph.avals[y].shape:
                if isinstance(size, Dim):
                    self.shown_by.setdefault(size, y)
        self.sizes: dict[Dim, str] = {}
        self.lines: list[str] = []
        self.done = set(given)

    def text(self, wanted: Iterable[Operand]) -> str:
        for x in self.given:
            self._learn_sizes(x)
        wanted = list(wanted)
        for y in wanted:
            self._reach(y)
        returned = ", ".join(str(self.speller.operand(y)) for y in wanted)
        head = f"def values({', '.join(map(_name, self.given))}):"
        body = [*self.lines, f"return [{returned}]"]
        imports = [f"from {package} import {name}" for package, name in self.speller.imports]
        top = ["import numpy as np", *sorted(imports), "", ""]
        return "\n".join([*top, head, *(f"    {line}" for line in body)])

    def _reach(self, wanted: Operand) -> None:
        """Write the lines that ``wanted`` needs, those of what they read first."""
        todo: list[tuple[Operand, bool]] = [(wanted, False)]
        done = self.done
        while todo:
            x, is_ready = todo.pop()
            if type(x) is not Sym or x in done:
                continue
            if is_ready:
                self._write(x)
                continue
            todo.append((x, True))
            todo += [(y, False) for y in self._reads(x)]

    def _reads(self, x: Sym) -> Sequence[Operand]:
        if x in self.sums:
            return self.sums[x]
        rhs = self.defined[x].rhs
        sizes = [d for d in sizes_read(rhs) if d not in self.sizes]
        return [*rhs.operands, *(self.shown_by[d] for d in sizes)]

    def _write(self, x: Sym) -> None:
        if x in self.sums:
            terms = [f"{self.speller.operand(y):6}" for y in self.sums[x]]
            self.lines.append(f"{_name(x)} = {' + '.join(terms) or '0.0'}")
            self.done.add(x)
            return
        eqn = self.defined[x]
        self.lines += self._statement(eqn)
        for y in eqn.lhs:
            self.done.add(y)
            self._learn_sizes(y)

    def _statement(self, eqn: Equation) -> list[str]:
        rhs, target = eqn.rhs, ", ".join(map(_name, eqn.lhs))
        if rhs.name not in WRITES:
            return [f"{target} = {self.speller.equation(eqn)}"]
        base, value = (self.speller.operand(x) for x in rhs.operands[:2])
        start, spelling = f"{target} = np.array({base})", Spelling(self.speller, rhs)
        if rhs.name == "add_windows":
            return [start, *addition_lines(spelling, target, is_first=False)]
        key = key_text(spelling, 2) or "..."
        if rhs.name == "put_at":
            return [start, f"{target}[{key}] = {value}"]
        return [start, f"np.add.at({target}, np.s_[{key}], {value})"]

    def _learn_sizes(self, x: Sym) -> None:
        for axis, size in enumerate(self.graph.avals[x].shape):
            if isinstance(size, Dim) and size not in self.sizes:
                self.sizes[size] = name = f"n{len(self.sizes)}"
                self.lines.append(f"{name} = {_name(x)}.shape[{axis}]")

    def _size(self, dim: Dim) -> str:
        return self.sizes[dim]


def _name(x: Sym) -> str:
    return f"v{x.index}"
