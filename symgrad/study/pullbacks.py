"""What each gate passes back: one graph of all pullbacks of a circuit.

Given the groups of equations that are its nodes, return for each edge the value that flows back
along it and its local derivative, as symbols.  Invariant: every node's upstream derivative is an
input of the graph, so that the formulas of a group are about that group alone.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from symgrad.differentiate import passed_back, unbroadcast
from symgrad.expand import expand
from symgrad.graph import Builder, Equation, Graph, Operand, Static, Sym, Value, building
from symgrad.simplify import simplify


class Group:
    """The equations of one node, and the symbol that is its value."""

    def __init__(self, result: Sym, equations: Sequence[Equation], constant: frozenset[Sym]):
        self.result, self.equations = result, tuple(equations)
        inside = {y for eqn in self.equations for y in eqn.lhs}
        read = (x for eqn in self.equations for x in eqn.rhs.operands if type(x) is Sym)
        self.reads = [x for x in read if x not in inside and x not in constant]

    @property
    def op(self) -> str:
        return self.equations[0].rhs.name if len(self.equations) == 1 else "line"


@dataclass(frozen=True, slots=True, eq=False)
class Pull:
    """What flows back along one edge, as symbols of the graph of pullbacks."""

    source: Sym
    target: Sym
    position: int
    group: Group
    passed: Operand
    local: Operand | None
    passed_plain: Operand  # the same in the graph without composites, for its text
    local_plain: Operand


class Pullbacks:
    """The graph with, for each group, what it passes back to each node that it reads.

    ``upstream`` has the input that stands for the derivative by each node, ``sums`` of which
    passed values each is the sum.  ``plain`` is the graph without composites, whose formulas are
    shown; there a node may have a symbol of its own (``node_of``).
    """

    def __init__(self, graph: Graph, groups: Sequence[Group], active: set[Sym], output: Sym):
        self.builder = Builder.continuing(graph)
        self.active = active
        self.upstream: dict[Sym, Sym] = {}
        self.reached: set[Sym] = {output}
        drafts: list[tuple[Sym, Group, int, Value, Value | None]] = []
        with building(self.builder):
            self._ct(output)
            for group in reversed(groups):
                if group.result in self.reached and group.result in active:
                    drafts += self._pull(group)
        wanted: list[Operand] = []
        for *_, passed, local in drafts:
            wanted += [passed.symbol, Static(0.0) if local is None else local.symbol]
        made = self.builder.graph(wanted)
        self.graph = simplify(made, len(graph.equations), len(made.inputs) - len(graph.inputs))
        results = [g.result for g in groups]
        self.plain = expand(replace(self.graph, outputs=(*results, *self.graph.outputs)))
        pairs = zip(self.plain.outputs, results, strict=False)
        self.node_of = {y: x for y, x in pairs if type(y) is Sym}
        self.found = self._pulls(drafts, self.plain.outputs[len(results) :])
        self.sums: dict[Sym, list[Operand]] = {ct: [] for ct in self.upstream.values()}
        for pull in self.found:
            self.sums[self.upstream[pull.source]].append(pull.passed)
        one = np.float32(1) if graph.avals[output].dtype == np.float32 else 1.0
        self.sums[self.upstream[output]].append(Static(one))

    @functools.cached_property
    def defined(self) -> dict[Sym, Equation]:
        """The equations of the plain graph by what they define."""
        return {y: eqn for eqn in self.plain.equations for y in eqn.lhs}

    def uncopied(self, x: Operand) -> Operand:
        """Return the number that an array repeats, and a mask that 1 is multiplied by.

        ``1 / n`` says more than an array of them, and ``h > 0`` more than its product with 1.
        """
        eqn = self.defined.get(x) if type(x) is Sym else None
        if eqn is None:
            return x
        if eqn.rhs.name == "broadcast_to":
            return eqn.rhs.operands[0]
        if eqn.rhs.name == "multiply" and eqn.rhs.operands[0] == Static(1.0):
            return eqn.rhs.operands[1]
        return x

    def _pulls(
        self,
        drafts: Sequence[tuple[Sym, Group, int, Value, Value | None]],
        written: Sequence[Operand],
    ) -> list[Pull]:
        found = []
        for k, (source, group, position, _, local) in enumerate(drafts):
            passed, mine = self.graph.outputs[2 * k : 2 * k + 2]
            passed_plain, local_plain = written[2 * k : 2 * k + 2]
            found.append(
                Pull(
                    source, group.result, position, group, passed,
                    None if local is None else mine, passed_plain, local_plain,
                )
            )  # fmt: skip
        return found

    def _ct(self, x: Sym) -> Value:
        if x not in self.upstream:
            self.upstream[x] = self.builder.input(self.builder.avals[x])
        return self.builder.wrap(self.upstream[x])

    def _pull(self, group: Group) -> list[tuple[Sym, Group, int, Value, Value | None]]:
        b = self.builder
        seed = b.wrap(Static(1.0))
        passed = self._sweep(group, self._ct(group.result))
        is_number = not b.avals[group.result].shape
        plain = is_number or all(type(eqn.rhs).facts.elementwise for eqn in group.equations)
        # of a number by an array it has the array's shape, of an array element by element its own
        locals_ = self._sweep(group, seed, wide=not is_number) if plain else {}
        found = []
        for position, (x, value) in sorted(passed.items()):
            self.reached.add(x)
            self._ct(x)
            local = locals_.get(position)
            found.append((x, group, position, value, local[1] if local else None))
        return found[::-1]

    def _sweep(self, group: Group, seed: Value, wide: bool = False) -> dict[int, tuple[Sym, Value]]:
        """Return what the group passes back to each node that it reads, by operand number.

        A gate that reads a node twice has two edges; in a line of several gates they are summed.
        ``wide`` leaves the shapes that broadcasting gave.
        """
        b = self.builder
        cts: dict[Sym, Value] = {group.result: seed}
        inside = {y for eqn in group.equations for y in eqn.lhs}
        found: dict[int, tuple[Sym, Value]] = {}
        for eqn in reversed(group.equations):
            if not any(y in cts for y in eqn.lhs):
                continue
            mine = [cts.get(y) or b.wrap(Static(0.0)) for y in eqn.lhs]
            for i, value in passed_back(b, eqn, mine, self.active):
                x = eqn.rhs.operands[i]
                assert type(x) is Sym
                value = value if isinstance(value, Value) else b.wrap(Static(value))
                value = value if wide else unbroadcast(value, b.avals[x])
                if x in inside:
                    cts[x] = value + cts[x] if x in cts else value
                elif len(group.equations) == 1:
                    found[i] = (x, value)
                else:
                    k = group.reads.index(x)
                    found[k] = (x, value + found[k][1] if k in found else value)
        return found
