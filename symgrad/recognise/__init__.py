"""Find composites (sigmoid, softplus, logsumexp, softmax, length) in what the user wrote.

Given the traced graph, returns a graph in which the symbols that a law names are computed by
one composite op with a good derivative, and the record of what fired.  The user's own
equations stay, dead or not: `expand` finds them again by CSE, and later stages drop what
nobody reads; only a step that changes nothing goes, with what served it alone.  Invariant: a
replaced value keeps its shape, dtype, name and origin.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symgrad.errors import Location
from symgrad.graph import (
    OPS,
    Aval,
    Builder,
    Equation,
    Graph,
    Law,
    Op,
    Operand,
    Origin,
    Static,
    Sym,
)
from symgrad.recognise import (
    chains,
    elements,
    exponentials,
    gathers,
    identities,
    length,
    logarithms,
    logistic_loss,
    matrices,
    powers,
    products,
    sigmoid,
    signs,
    softmax,
    squares,
    sums,
    windows,
    written,
)
from symgrad.recognise.moves import before_move
from symgrad.recognise.recogniser import Recogniser
from symgrad.recognise.rule import Rule
from symgrad.recognise.spellings import respelled

# Of the laws that fit, the first is used.  Those of sums of products are tried last: the
# composites are found by the sums that people write.
COMPOSITES = (
    *identities.RULES,
    *sigmoid.RULES,
    *logistic_loss.RULES,
    *signs.RULES,
    *gathers.RULES,
    *softmax.RULES,
    *written.RULES,
    *length.RULES,
    *sums.RULES,
    *logarithms.RULES,
    *exponentials.RULES,
    *matrices.RULES,
    *powers.RULES,
    *squares.RULES,
    *windows.RULES,
)
SUMS = (*elements.RULES, *chains.RULES, *products.RULES)
RULES = (*COMPOSITES, *SUMS)


@dataclass(frozen=True, slots=True)
class Firing:
    """One use of a law: which symbol of the result it gave, and where the user wrote it."""

    rule: Rule
    symbol: Sym
    origin: Origin | None

    @property
    def law(self) -> str:
        return self.rule.law

    @property
    def stability(self) -> bool:
        return self.rule.kind == "stability"

    @property
    def location(self) -> Location | None:
        return Location.of(self.origin.code, self.origin.lasti) if self.origin else None


def recognise(
    graph: Graph, exact: bool = False, without: frozenset[str] = frozenset()
) -> tuple[Graph, tuple[Firing, ...]]:
    """Return the graph with its composites found, and the laws that found them.

    With ``exact`` only laws that change no bit are used, and never those in ``without``.  Graphs
    inside ops (loop bodies, branches) are searched too.
    """
    firings: list[Firing] = []
    for laws in (COMPOSITES, SUMS):
        graph = _searched(graph, _rules_by_op(laws, exact, without), firings)
    return graph, tuple(firings)


def _searched(graph: Graph, rules: Mapping[str, tuple[Rule, ...]], firings: list[Firing]) -> Graph:
    """Return the graph with each law tried wherever its op stands."""
    start = next((k for k, eqn in enumerate(graph.equations) if _is_of_use(eqn, rules)), None)
    if start is None:
        return graph
    builder = Recogniser.reading(graph, start)
    search = _Search(graph, builder, rules, firings)
    moved = search.moved
    for eqn in graph.equations[start:]:
        if eqn.rhs.name == "alias":  # alias(x) = x: it had done its work when it was traced
            x = eqn.rhs.operands[0]
            moved[eqn.lhs[0]] = same = moved.get(x, x) if type(x) is Sym else x
            builder.notes.copy(eqn.lhs[0], same, graph.notes)
            continue
        if _has_body(eqn):
            eqn = _with_bodies_searched(eqn, rules, firings)
        builder.keep(eqn, moved, graph)
        if builder.is_read(eqn):
            search.try_laws(eqn)
    builder.carry_cotangents(moved, graph)
    outputs = [moved.get(y, y) if type(y) is Sym else y for y in graph.outputs]
    builder.equations = search.wanted(outputs)
    return builder.graph(outputs)


def _is_of_use(eqn: Equation, rules: Mapping[str, tuple[Rule, ...]]) -> bool:
    return eqn.rhs.name in rules or eqn.rhs.name == "alias" or _has_body(eqn)


def _has_body(eqn: Equation) -> bool:
    return any(isinstance(value, Graph) for value in eqn.rhs.settings)


def _with_bodies_searched(
    eqn: Equation, rules: Mapping[str, tuple[Rule, ...]], firings: list[Firing]
) -> Equation:
    settings = [
        Static(_searched(value, rules, firings) if isinstance(value, Graph) else value)
        for value in eqn.rhs.settings
    ]
    return Equation(eqn.lhs, type(eqn.rhs).of(eqn.rhs.operands, settings))


@dataclass(slots=True)
class _Search:
    """The laws on their way through a graph: which symbols now stand for others, and why.

    ``unmoved`` holds what is the same value as a symbol of the user's, its reshapes and
    transposes after the other steps: nobody reads it unless a law fits there.  ``same`` holds
    what a step without effect left as it was, and ``written`` the user's symbol for a law's.
    The logarithms that a law takes of parts go through the laws of ``logarithms`` in their turn.
    """

    graph: Graph
    builder: Recogniser
    rules: Mapping[str, Sequence[Rule]]
    firings: list[Firing]
    moved: dict[Sym, Operand] = field(default_factory=dict)
    unmoved: dict[Sym, Operand] = field(default_factory=dict)
    same: dict[Sym, Sym] = field(default_factory=dict)
    written: dict[Operand, Sym] = field(default_factory=dict)
    logarithms: Mapping[str, Sequence[Law]] = field(init=False)
    has_elementwise: bool = field(init=False)  # only such ops have other spellings

    def __post_init__(self) -> None:
        self.has_elementwise = any(OPS[name].facts.elementwise for name in self.rules)
        self.logarithms = {"log": [self._again(rule) for rule in self.rules.get("log", ())]}

    def try_laws(self, eqn: Equation) -> None:
        """Replace the value that ``eqn`` binds by what the first law that fits makes of it."""
        y, rhs, notes = eqn.lhs[0], eqn.rhs, self.graph.notes
        if rhs.name not in self.rules and not self.has_elementwise:
            return
        operands = tuple([self.moved.get(x, x) if type(x) is Sym else x for x in rhs.operands])
        self.builder.laws, self.builder.origin = self.logarithms, notes.origins.get(y)
        want = self.graph.avals[y]
        found = self._by_law(rhs.name, operands, rhs.settings, want)
        if found is not None and self.firings[-1].law in identities.LAWS:
            self.same[y] = self.written.get(found, found)
        if found is None and self.has_elementwise and type(rhs).facts.elementwise:
            found = self._before_move(y, rhs, operands)
        if found is not None:
            self.moved[y] = found
            self.written.setdefault(found, y)
            self.builder.notes.copy(y, found, notes)
        self.builder.laws, self.builder.origin = {}, None

    def _by_law(
        self, name: str, operands: tuple[Operand, ...], settings: tuple[Any, ...], want: Aval
    ) -> Sym | None:
        """Return what a law of the op gives, or a law of another op that it may be spelled by."""
        spellings = respelled(self.builder, name, operands) if self.has_elementwise else ()
        for other, read in itertools.chain(((name, operands),), spellings):
            for rule in self.rules.get(other, ()):
                found = self._by_rule(rule, read, settings, want)
                if found is not None:
                    return found
        return None

    def _by_rule(
        self, rule: Rule, operands: tuple[Operand, ...], settings: tuple[Any, ...], want: Aval
    ) -> Sym | None:
        """Return what a law makes of an application, and note that it did, or return None."""
        b, known = self.builder, len(self.firings)
        found = rule.apply(b, operands, settings)
        if type(found) is Sym and b.may_replace(b.avals[found], want):
            self.firings.append(Firing(rule, found, b.origin))
            return found
        del self.firings[known:]  # of logarithms that nobody takes
        return None

    def _again(self, rule: Rule) -> Law:
        def law(b: Builder, operands: tuple[Operand, ...], settings: Any) -> Operand | None:
            want = b.infer(OPS[rule.op], operands, settings)[0]
            return self._by_rule(rule, operands, settings, want)

        return law

    def _before_move(self, y: Sym, rhs: Op, operands: tuple[Operand, ...]) -> Sym | None:
        """Return what a law gives if reshapes and transposes come after the op, not before."""
        b = self.builder
        read = [self.unmoved.get(x, x) if type(x) is Sym else x for x in operands]
        move = before_move(b, read)
        if move is None:
            return None
        op, sources = type(rhs), move.sources
        want = b.infer(op, sources, rhs.settings)[0]
        found = self._by_law(op.name, sources, rhs.settings, want)
        inner = b.bind(op, sources, rhs.settings, (want,))[0] if found is None else found
        again = move.done_to(b, inner)
        if type(again) is not Sym or not b.may_replace(b.avals[again], self.graph.avals[y]):
            return None
        if found is None:
            self.unmoved[y] = again
            return None
        return again

    def wanted(self, outputs: Sequence[Operand]) -> list[Equation]:
        """Return the equations that the outputs need, and those of the user that laws replaced.

        What served only a step without effect, or a law that did not fit, is nobody's: left
        there, it would pass for the user's own.
        """
        is_all_the_users = len(self.builder.equations) <= len(self.graph.equations)
        if self.graph.shapes.has_selected or (is_all_the_users and not self.same):
            return self.builder.equations  # a selection may be read for its size alone
        same = {y: x for y, x in self.same.items() if x in self.graph.avals}
        had_readers = {x for eqn in self.graph.equations for x in eqn.rhs.operands}
        read = {same.get(y, y) for y in self.graph.outputs if type(y) is Sym}
        for eqn in reversed(self.graph.equations):
            y = eqn.lhs[0]
            if not read.isdisjoint(eqn.lhs) or had_readers.isdisjoint(eqn.lhs):
                read.update(eqn.lhs)
                if y not in same:
                    operands = [x for x in eqn.rhs.operands if type(x) is Sym]
                    read.update([same.get(x, x) for x in operands])
        read.update([y for y in outputs if type(y) is Sym])
        for eqn in reversed(self.builder.equations):
            if not read.isdisjoint(eqn.lhs):
                read.update([x for x in eqn.rhs.operands if type(x) is Sym])
        return [eqn for eqn in self.builder.equations if not read.isdisjoint(eqn.lhs)]


@functools.cache
def _rules_by_op(
    laws: tuple[Rule, ...], exact: bool, without: frozenset[str]
) -> Mapping[str, tuple[Rule, ...]]:
    usable = [rule for rule in laws if rule.kind == "exact" or not exact]
    usable = [rule for rule in usable if rule.law not in without]
    return {
        name: tuple(rule for rule in usable if rule.op == name) for name in {r.op for r in usable}
    }
