"""The last steps of a derivation: the laws that fired, and the emitted lines as mathematics.

Given a specialisation and the circuit of the same function, return steps.  Each emitted line of
`value_and_grad` stands beside the equation that it computes; lines that update one array in place
are one equation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.differentiate import differentiate
from symgrad.emit import ModuleWriter
from symgrad.emit.body import Writer
from symgrad.errors import ArgumentError, GraphError, Location
from symgrad.graph import Equation, Operand, Static, Sym
from symgrad.notation import Math, Name, Script, Sign, derivative, equals, with_indices
from symgrad.regions import rewrite_regions
from symgrad.schedule.statements import read_through
from symgrad.simplify import simplify
from symgrad.specialise import Specialisation
from symgrad.study.circuit import Circuit
from symgrad.study.derivations.points import COUNT, Points
from symgrad.study.derivations.steps import Line, Step, Words
from symgrad.study.evaluate import evaluate
from symgrad.study.formulas import Formulas

REGIONS = "sums, products and quotients of the gradient brought to their cheapest form"


class Final:
    """The emitted value_and_grad of one specialisation, read beside a circuit."""

    def __init__(self, made: Specialisation, circuit: Circuit, points: Points):
        self.made, self.circuit, self.points = made, circuit, points
        self.fired: Counter[str] = Counter()
        module = ModuleWriter(made.interface)
        self.half, self.view = made.write_whole(module, self.fired)
        self.writer: Writer = module.writers["value_and_grad"]
        self.graph = self.half.graph
        self.values = [self._inputs(given) for given in points.inputs]
        self.known: list[dict[Sym, Any]] = [{} for _ in range(COUNT)]

    def _inputs(self, given: Mapping[Sym, Any]) -> dict[Sym, Any]:
        """Return the values of this graph's inputs at a point of the circuit."""
        theirs = self.circuit.made
        found = {x: given[theirs.leaves[key]] for key, x in self.made.leaves.items()}
        pairs = zip(self.made.captures, theirs.captures, strict=True)
        return found | {mine.symbol: given[their.symbol] for mine, their in pairs}

    # --- the laws

    def rewrites(self) -> Step | None:
        """Return the laws that fired, those of the user's computation with line and reason."""
        lines = [
            Line(
                rule=f.law, code=f.rule.reason, place=_place(f.location),
                of="the value" if not f.stability else "the value, for stability",
            )
            for f in self.made.firings
        ]  # fmt: skip
        seen = list(dict.fromkeys(lines))
        for law, count in sorted(self.fired.items()):
            times = "" if count == 1 else f", {count} times"
            seen.append(Line(rule=law, of=f"the gradient{times}"))
        if self._has_regions():
            seen.append(Line(rule=REGIONS, of="the gradient"))
        if not seen:
            return None
        words: Words = ("These laws turn that into what is computed:",)
        return Step("rewrites", "Rewrites", words, tuple(seen))

    def _has_regions(self) -> bool:
        made = self.made
        if made.options.exact:
            return False
        graph = differentiate(made.primal, made.wrt_symbols, made.value_count)
        start = len(made.primal.equations)
        graph = simplify(graph, start)
        return rewrite_regions(graph, start) is not graph

    # --- the emitted lines

    def emitted(self, forward: bool) -> Step:
        """Return the gradient line by line, with the lines of the forward pass if they are asked.

        Values that have no name in the composition are said in any case.
        """
        lines = self._lines(forward)
        words: Words = ("As emitted, each line with what it computes:",)
        return Step("gradient", "The gradient", words, tuple(lines))

    def _lines(self, forward: bool) -> list[Line]:
        slots = self._slots()
        symbols = [members[-1][1] for members in slots]
        self._evaluate(symbols)
        names = self._names(symbols)
        constants = self._constants(slots)
        inside = {m[1]: m[0] for members in constants.values() for m in members}
        found: list[Line] = []
        for members in slots:
            eqn, y = members[-1][0], members[-1][1]
            own = inside | {m[1]: m[0] for m in members[:-1]}
            is_known = y in self.half.primal and names[y] in self._node_names()
            if y in constants or (is_known and not forward):
                continue
            code = [line for m in members for line in m[2]]
            read = read_through([x for m in members for x in m[0].rhs.operands], self._inlined())
            for x in dict.fromkeys(read):
                if x in constants:  # stands above its first reader
                    code = [line for m in constants.pop(x) for line in m[2]] + code
            found.append(self._line(eqn, y, own, names, code))
        return [*found, *self._without_lines(names)]

    def _inlined(self) -> Mapping[Sym, Equation]:
        return self.writer.plan.inlined

    def _constants(self, slots: Sequence[Any]) -> dict[Sym, Any]:
        """Return the statements that no input reaches: row numbers, tables, zeros."""
        reached = set(self.graph.inputs)
        for eqn in self.graph.equations:
            if not reached.isdisjoint(eqn.rhs.operands):
                reached.update(eqn.lhs)
        outputs = set(self.graph.outputs)
        return {
            members[-1][1]: members
            for members in slots
            if members[-1][1] not in reached and members[-1][1] not in outputs
        }

    def _node_names(self) -> set[Math]:
        return {self.circuit.wording.math(node.symbol) for node in self.circuit.nodes}

    def _slots(self) -> list[list[tuple[Equation, Sym, list[str]]]]:
        """Return the statements in groups: those that update one array, nobody reading between."""
        plan = self.writer.plan
        groups: list[list[tuple[Equation, Sym, list[str]]]] = []
        last: dict[Sym, list[tuple[Equation, Sym, list[str]]]] = {}
        readers = Counter(x for statement in plan.statements for x in statement.reads)
        readers.update(x for x in self.graph.outputs if type(x) is Sym)
        for statement, lines in zip(plan.statements, self.writer.lines, strict=True):
            if len(statement.eqn.lhs) > 1:
                groups += [[(statement.eqn, y, lines)] for y in statement.eqn.lhs]
                continue
            (y,) = statement.eqn.lhs
            slot = plan.slot_of(y)
            before = last.get(slot)
            is_next = before is not None and before[-1][1] in statement.reads
            if before is not None and is_next and readers[before[-1][1]] == 1:
                before.append((statement.eqn, y, lines))
                groups.remove(before)
                groups.append(before)
                continue
            last[slot] = [(statement.eqn, y, lines)]
            groups.append(last[slot])
        return groups

    def _line(
        self,
        eqn: Equation,
        y: Sym,
        own: Mapping[Sym, Equation],
        names: Mapping[Sym, Math],
        lines: Sequence[str],
    ) -> Line:
        inlined = {**self.writer.plan.inlined, **own}
        formulas = self._formulas(inlined, names)
        indices, right = formulas.defined(eqn, y)
        left = with_indices(names[y], [index for index in indices if index is not None])
        code = "\n".join(line.split("  # ")[0] for line in lines)
        points = self._check(eqn, y, inlined)
        return Line(equals(left, right), code=code, of=self.writer.name(y), points=points)

    def _formulas(self, inlined: Mapping[Sym, Equation], names: Mapping[Sym, Math]) -> Formulas:
        shown = {self.writer.name(x) for x in names} | set(self.circuit.wording.names.values())
        return Formulas(
            self.graph, inlined, names.__getitem__, lambda d: Name(self.graph.shapes.label(d)),
            frozenset(shown),
        )  # fmt: skip

    def _without_lines(self, names: Mapping[Sym, Math]) -> list[Line]:
        """Return the derivatives that are another value, or a number: they need no line."""
        found = []
        values = self.made.output_count
        shown = {y for members in self._slots() for _, y, _ in members}
        for x, ct in zip(self.made.wrt_symbols, self.graph.outputs[values:], strict=True):
            if type(ct) is Sym and ct in shown and self._stands_for(ct) is x:
                continue
            inlined = self.writer.plan.inlined
            formulas = self._formulas(inlined, names)
            indices, right = formulas.sides(ct)
            left = self._derivative(x)
            left = with_indices(left, [index for index in indices if index is not None])
            points = self._check_gradient(x, ct)
            name = self.name(x)
            code = f"d{name} = {self.writer.speller.operand(ct)}"
            found.append(Line(equals(left, right), code=code, of=f"d{name}", points=points))
        return found

    # --- names

    def _nodes(self) -> set[Sym]:
        return {node.symbol for node in self.circuit.nodes}

    def _names(self, symbols: Sequence[Sym]) -> dict[Sym, Math]:
        """Return names: as in the composition, as a derivative, or as in the code."""
        words = self.circuit.wording
        found: dict[Sym, Math] = {}
        nodes = {node.name: node.symbol for node in self.circuit.nodes}
        inputs = zip(self.made.leaves.values(), map(self._primal, self.made.leaves.values()),
                     strict=True)  # fmt: skip
        found.update((mine, Name(words.names[their])) for mine, their in inputs
                     if their in words.names)  # fmt: skip
        for x in self.graph.inputs:
            found.setdefault(x, Name(self.writer.name(x)))
        used: set[Math] = set(found.values())
        for y in symbols:
            name = self._named(y, nodes, found)
            while name in used:
                name = Script(name, None, Sign("′"))
            used.add(name)
            found[y] = name
        for slot in self.writer.plan.slot:
            found.setdefault(slot, Name(self.writer.name(slot)))
        return found

    def _named(self, y: Sym, nodes: Mapping[str, Sym], known: Mapping[Sym, Math]) -> Math:
        words, code = self.circuit.wording, self.writer.name(y)
        if y not in self.half.primal:
            if (of := self._stands_for(y)) is not None:
                return self._derivative(of)
            of = self.graph.notes.cotangent_of.get(y)
            if of is not None and of in known and self._is_derivative(y, of):
                return derivative(words.math(words.result), known[of], words.sign)
        same = [words.result] if y is self.graph.outputs[0] else []
        for node in [*same, y, nodes.get(code)]:
            if node is not None and node in words.is_node and self._agrees(y, node):
                return words.math(node)
        name: Math = Name(code)
        return Script(name, None, Sign("′")) if code in nodes else name

    def _agrees(self, y: Sym, of: Sym) -> bool:
        """Return whether a value of this graph is the same as one of the circuit's."""
        return all(_same(self.known[k][y], self.points.value(k, of)) for k in range(COUNT))

    def _stands_for(self, y: Sym) -> Sym | None:
        """Return the value by which ``y`` is the derivative of the output, if a reader knows it."""
        of = self.graph.notes.cotangent_of.get(y)
        if of is None or y in self.half.primal:
            return None
        if of in self.made.wrt_symbols:
            return of
        upstream = self.circuit.pulls.upstream.get(of)
        if upstream is None or upstream not in self.points.known[0] or of not in self._nodes():
            return None
        return of if self._agrees(y, upstream) else None

    def _is_derivative(self, y: Sym, of: Sym) -> bool:
        """Return whether ``y`` is the derivative of the value by a value of this graph."""
        if of not in self.known[0]:
            return False
        try:
            count = self.points.derivative(
                of, lambda k: self.known[k][y], self.graph, self.values, lambda k: self.known[k][of]
            )
        except (ArgumentError, GraphError):
            return False
        return count == COUNT

    def name(self, x: Sym) -> str:
        """Return what an input is called; one that the value does not depend on is no node."""
        known = self.circuit.wording.names.get(self._primal(x))
        return known if known is not None else self.writer.name(x)

    def _derivative(self, x: Sym) -> Math:
        words = self.circuit.wording
        return derivative(words.math(words.result), Name(self.name(x)), words.sign)

    def _primal(self, x: Sym) -> Sym:
        """Return the circuit's symbol of an input."""
        for key, mine in self.made.leaves.items():
            if mine is x:
                return self.circuit.made.leaves[key]
        return x

    # --- numbers

    def _evaluate(self, symbols: Sequence[Sym]) -> None:
        for k, given in enumerate(self.values):
            found = evaluate(self.graph, given, symbols)
            self.known[k].update(zip(symbols, found, strict=True))

    def _check(self, eqn: Equation, y: Sym, inlined: Mapping[Sym, Equation]) -> int:
        """Compare a value with what its formula makes of those that it names.

        A derivative by something that the reader knows is compared with differences, too.
        """
        leaves = list(dict.fromkeys(read_through(eqn.rhs.operands, inlined)))
        leaves = [x for x in leaves if x not in self.values[0] and x in self.known[0]]
        count = 0
        for k, given in enumerate(self.values):
            known = {x: self.known[k][x] for x in leaves}
            (again,) = evaluate(self.graph, {**given, **known}, [y])
            count += self.points.same(self.known[k][y], again, f"`{self.writer.name(y)}`")
        of = self._stands_for(y)
        if of is None:
            return self.points.counted(count, f"`{self.writer.name(y)}`")
        return self.points.upstream(self._primal(of), lambda k: self.known[k][y])

    def _check_gradient(self, x: Sym, ct: Operand) -> int:
        if isinstance(ct, Static):
            shape = np.shape(self.points.inputs[0][self._primal(x)])
            return self.points.upstream(self._primal(x), lambda k: np.full(shape, float(ct.value)))
        values = [evaluate(self.graph, given, [ct])[0] for given in self.values]
        return self.points.upstream(self._primal(x), lambda k: values[k])


def _same(a: Any, b: Any) -> bool:
    return np.shape(a) == np.shape(b) and bool(np.allclose(a, b, rtol=1e-3, equal_nan=True))


def _place(location: Location | None) -> str:
    return "" if location is None else location.text


__all__ = ["Final"]
