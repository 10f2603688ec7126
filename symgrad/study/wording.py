"""What the nodes of a circuit are called, and how their formulas and derivatives are written.

Given the groups of a circuit, return text (Python, as the emitted code has it) and TeX.
Invariant: a name stands for one node; what has no node of its own is written out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import sympy as sp

from symgrad.dims import Dim, dims_in
from symgrad.emit.spell import TARGET, Speller, Spelling, Text
from symgrad.errors import ArgumentError, did_you_mean
from symgrad.graph import OPS, Equation, Graph, Operand, Static, Sym
from symgrad.notation import Math, Name, Sign, derivative, with_indices
from symgrad.ops.calculus import REFUSED
from symgrad.ops.indexing import key_text
from symgrad.schedule.names import Names
from symgrad.specialise import Specialisation
from symgrad.study.formulas import Formulas, Index, from_sympy
from symgrad.study.pullbacks import Group, Pull, Pullbacks
from symgrad.study.tex import tex

WRITES = {"put_at": "put", "add_at": "add_at"}  # (array, [where], what)
LETTERS = "uvstrqcdgh"  # for values that have no better name
DOT = "·"  # stands for the upstream derivative where the local one is no array
MOST_STEPS = 12  # of a line that SymPy differentiates as one formula
SHORT = 4  # operations of a derivative that is shown as SymPy has it


class _Calls(Speller):
    """Spells what emitted code has no expression for as a call of what it is called."""

    def imported(self, module: str, name: str) -> str:
        return name

    def equation(self, eqn: Equation) -> Text:
        rhs = eqn.rhs
        if rhs.name in WRITES:
            base, value = (str(self.operand(x)) for x in rhs.operands[:2])
            key = key_text(Spelling(self, rhs), 2) or "..."
            return Text(f"{WRITES[rhs.name]}({base}, [{key}], {value})")
        if rhs.name == "add_windows":
            base, value = (str(self.operand(x)) for x in rhs.operands[:2])
            return Text(f"add_windows({base}, {value}, axis={rhs.setting('axis')})")
        if rhs.facts.spell[TARGET] is not None or eqn.lhs[0] in self.graph.notes.spellings:
            return super().equation(eqn)
        given = zip(rhs.params, rhs.settings, strict=True)
        words = [f"{k}={v!r}" for k, v in given if rhs.defaults.get(k, ...) != v]
        return Text(
            f"{rhs.name}({', '.join([*map(str, map(self.operand, rhs.operands)), *words])})"
        )


class _Writer:
    """Writes values of one graph both ways: as the emitted code has them, and as mathematics."""

    def __init__(self, speller: Speller, formulas: Formulas):
        self.speller, self.formulas = speller, formulas

    def operand(self, x: Operand) -> tuple[str, str]:
        """Return a value as Python and as TeX."""
        return str(self.speller.operand(x)), tex(self.formulas.operand(x))


class Wording:
    """Names, formulas and local derivatives of the nodes of one circuit."""

    def __init__(
        self,
        made: Specialisation,
        inputs: Sequence[Sym],
        groups: Sequence[Group],
        pulls: Pullbacks,
        rename: str | Mapping[str, str] | None = None,
    ):
        self.graph, self.pulls = made.primal, pulls
        self.groups = {g.result: g for g in groups}
        self.output = made.value_name if made.value_name != "value" else "f"
        self.names = _names(self.graph, inputs, groups, self.output, rename)
        self.is_node = {*inputs, *self.groups}
        self.defined = {y: eqn for eqn in self.graph.equations for y in eqn.lhs}
        self.inlined = _inlined(self.graph, self.is_node)
        self._locals: dict[Pull, tuple[str, str]] = {}  # SymPy's derivatives take their time

    def name(self, x: Sym) -> str:
        return self.names[x]

    def math(self, x: Sym) -> Math:
        return Name(self.names[x])

    def tex(self, x: Sym) -> str:
        return tex(self.math(x))

    def shape(self, x: Sym) -> tuple[str, ...]:
        """Return the sizes of a node as the emitted code writes them."""
        return tuple(map(self._of_values.speller.size, self.graph.avals[x].shape))

    def formula(self, x: Sym) -> tuple[str, str]:
        """Return how a node is computed from others, as Python and as TeX."""
        return str(self._of_values.speller.equation(self.defined[x])), tex(self.equation(x)[1])

    def equation(self, x: Sym) -> tuple[Math, Math]:
        """Return both sides of the equation that defines a node, as mathematics."""
        indices, right = self._of_values.formulas.defined(self.defined[x], x)
        return _at(self.math(x), indices), right

    def local(self, pull: Pull) -> tuple[str, str]:
        """Return the local derivative of an edge, as Python and as TeX.

        Where it is no array, it is what is done with the upstream derivative, shown as a dot.
        """
        if pull not in self._locals:
            self._locals[pull] = self._local(pull)
        return self._locals[pull]

    def _local(self, pull: Pull) -> tuple[str, str]:
        if pull.local is None:
            return self._of_dots.operand(pull.passed_plain)
        found = self._by_sympy(pull)
        if found is not None and found.count_ops() <= SHORT:
            return _both(found)
        local = self.pulls.uncopied(pull.local_plain)
        spelled = self._of_dots.operand(Static(1) if local == Static(1.0) else local)
        if found is not None and len(sp.sstr(found)) <= len(spelled[0]):
            return _both(found)
        return spelled

    def passed(self, pull: Pull) -> str:
        """Return what an edge passes back, in terms of ``d<target>``, as Python."""
        return str(self._of_passed.operand(pull.passed_plain))

    def reading(self, upstream: Mapping[Sym, Math], written_out: Sequence[Sym] = ()) -> Formulas:
        """Return the writer of the graph of pullbacks, its upstream derivatives called so.

        The nodes in ``written_out`` have no name: their formulas stand in the others.
        """
        inlined = self._inlined_plain
        if written_out:
            nodes = (self.is_node | self.pulls.node_of.keys()).difference(written_out)
            inlined = _inlined(self.pulls.plain, nodes)
        names: dict[Sym, Math] = {y: self.math(x) for y, x in self.pulls.node_of.items()}
        names |= {self.pulls.upstream[node]: math for node, math in upstream.items()}
        return self._formulas(self.pulls.plain, inlined, names)

    def derivative_math(self, x: Sym) -> Math:
        """Return the derivative of the output by a node."""
        return derivative(self.math(self.result), self.math(x), self.sign)

    @property
    def result(self) -> Sym:
        """The node that is differentiated."""
        output = self.graph.outputs[0]
        assert type(output) is Sym
        return output

    @functools.cached_property
    def sign(self) -> str:
        """How a derivative is written: with a d where all is a function of one number."""
        inputs = [x for x in self.is_node if x not in self.defined]
        return "d" if len(inputs) == 1 and not self.graph.avals[inputs[0]].shape else "∂"

    # --- writers, made once: each holds tables of all names

    @functools.cached_property
    def _of_values(self) -> _Writer:
        return _Writer(
            self._speller(self.graph, self.inlined), self._formulas(self.graph, self.inlined)
        )

    @functools.cached_property
    def _of_dots(self) -> _Writer:
        """The writer of pullbacks in which every upstream derivative is a dot."""
        dots: dict[Sym, Math] = dict.fromkeys(self.pulls.upstream, Sign(DOT))
        return _Writer(self._of_pulls(lambda x: DOT), self.reading(dots))

    @functools.cached_property
    def _of_passed(self) -> Speller:
        """The speller of pullbacks in which every upstream derivative has its name."""
        return self._of_pulls(lambda x: f"d{self.names[x]}")

    def _of_pulls(self, upstream: Callable[[Sym], str]) -> Speller:
        names = {y: self.names[node] for y, node in self.pulls.node_of.items()}
        names |= {ct: upstream(node) for node, ct in self.pulls.upstream.items()}
        return self._speller(self.pulls.plain, self._inlined_plain, names)

    @functools.cached_property
    def _inlined_plain(self) -> dict[Sym, Equation]:
        return _inlined(self.pulls.plain, self.is_node | self.pulls.node_of.keys())

    def _speller(
        self, graph: Graph, inlined: Mapping[Sym, Equation], also: Mapping[Sym, str] = {}
    ) -> Speller:
        def name(x: Sym) -> str:
            return also.get(x) or self.names[x]

        primal = frozenset(self.defined) | frozenset(self.graph.inputs)
        return _Calls(graph, inlined, name, self._dim, "np", primal, frozenset())

    def _formulas(
        self, graph: Graph, inlined: Mapping[Sym, Equation], also: Mapping[Sym, Math] = {}
    ) -> Formulas:
        def name(x: Sym) -> Math:
            return also.get(x) or self.math(x)

        taken = frozenset(self.names.values())
        return Formulas(graph, inlined, name, lambda d: Name(self._dim(d)), taken)

    def _dim(self, dim: Dim) -> str:
        return self.graph.shapes.label(dim)

    # --- by SymPy

    def _by_sympy(self, pull: Pull) -> sp.Expr | None:
        """Return the local derivative of an elementwise node as SymPy finds it."""
        eqns = pull.group.equations
        rows = [type(e.rhs).facts for e in eqns]
        if len(eqns) > MOST_STEPS or not all(f.elementwise and f.math for f in rows):
            return None
        at = sp.Dummy("x", real=True)
        source = sp.Symbol(self.names[pull.source], real=True)
        known: dict[Sym, sp.Expr] = {}
        for eqn in eqns:
            xs = []
            for k, x in enumerate(eqn.rhs.operands):
                here = x is pull.source and (len(eqns) > 1 or k == pull.position)
                xs.append(at if here else self._term(x, known))
            if any(x is None for x in xs):
                return None
            value = type(eqn.rhs).facts.math(*xs)
            if not isinstance(value, sp.Expr):  # a comparison, which SymPy does not multiply
                return None
            known[eqn.lhs[0]] = value
        found = known[pull.target].diff(at).xreplace({at: source})
        return None if found.has(*REFUSED, sp.Piecewise, sp.nan, sp.zoo) else found

    def _term(self, x: Operand, known: Mapping[Sym, sp.Expr]) -> sp.Expr | None:
        if type(x) is Static:
            return _sympy_number(x.value)
        if x in known:
            return known[x]
        return sp.Symbol(self.names[x], real=True) if x in self.names else None


def _both(found: sp.Expr) -> tuple[str, str]:
    """Return an expression of SymPy's as Python and as TeX."""
    return sp.sstr(found), tex(from_sympy(found, lambda s: Name(s.name)))


def _sympy_number(value: Any) -> sp.Expr | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if float(value).is_integer() and abs(value) < 1e15:
        return sp.Integer(int(value))
    return sp.Float(repr(float(value))) if math.isfinite(value) else None


def _at(x: Math, indices: Sequence[Index]) -> Math:
    return with_indices(x, [index for index in indices if index is not None])


def _inlined(graph: Graph, nodes: Container[Sym]) -> dict[Sym, Equation]:
    """Return the equations that stand inside others: those of values that are no node."""
    return {y: eqn for eqn in graph.equations for y in eqn.lhs if y not in nodes}


def _names(
    graph: Graph,
    inputs: Sequence[Sym],
    groups: Sequence[Group],
    output: str,
    rename: str | Mapping[str, str] | None,
) -> dict[Sym, str]:
    """Return a name for each node: the user's own, or one by what it is."""
    notes = graph.notes
    defined = {y: eqn for eqn in graph.equations for y in eqn.lhs}
    names = Names(notes, (), defined, frozenset(defined))
    found: dict[Sym, str] = {}
    for x in inputs:
        names.of[x] = found[x] = names.claim(notes.names.get(x, "x"), True)
    # a local called like an input that nothing reads is another value
    names.taken.update(notes.names[x] for x in graph.inputs if x in notes.names)
    for x in [g.result for g in groups if g.result in notes.names]:
        names.of[x] = found[x] = names.claim(notes.names[x], True)
    sizes = dims_in(size for aval in graph.avals.values() for size in aval.shape)
    names.taken.update(map(graph.shapes.label, sizes))  # a letter is a size or a value
    rest = [g.result for g in groups if g.result not in found]
    if rename not in (None, "xi") and not isinstance(rename, Mapping):
        raise ArgumentError(f"names={rename!r}: 'xi', or a dict from names to names")
    if rename == "xi":
        users = {x: found[x] for x in inputs}
        return users | {g.result: f"xi_{k}" for k, g in enumerate(groups, 1)}
    for x in rest:
        if x is graph.outputs[0]:
            wanted = output
        else:
            wanted = names.wanted(x)[0]
            base = wanted.rstrip("0123456789")
            if base in OPS or base == "e":  # `exp(sin)` would be read as a function
                wanted = next((u for u in LETTERS if u not in names.taken), "u")
        names.of[x] = found[x] = names.claim(wanted)
    return _renamed(found, rename) if isinstance(rename, Mapping) else found


def _renamed(found: Mapping[Sym, str], rename: Mapping[str, str]) -> dict[Sym, str]:
    """Return the names with some replaced by the user's choice."""
    known = found.values()
    if wrong := [name for name in rename if name not in known]:
        raise ArgumentError(
            f"names: no value is called {wrong[0]!r}{did_you_mean(wrong[0], known)}"
        )
    return {x: rename.get(name, name) for x, name in found.items()}


__all__ = ["DOT", "Wording"]
