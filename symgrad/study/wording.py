"""What the nodes of a circuit are called, and how their formulas and derivatives are written.

Given the groups of a circuit, return text (Python, as the emitted code has it) and TeX.
Invariant: a name stands for one node; what has no node of its own is written out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sympy as sp

from symgrad.dims import Dim, dims_in
from symgrad.emit.spell import TARGET, Speller, Spelling, Text
from symgrad.errors import ArgumentError, did_you_mean
from symgrad.graph import OPS, Equation, Graph, Operand, Static, Sym
from symgrad.notation import Math, Name, Number, Sign, derivative, with_indices
from symgrad.ops.calculus import REFUSED
from symgrad.ops.indexing import key_text
from symgrad.schedule.names import Names
from symgrad.specialise import Specialisation
from symgrad.study.formulas import Formulas, Index, from_sympy
from symgrad.study.tex import tex

if TYPE_CHECKING:
    from symgrad.study.circuit import Group, Pull, _Pullbacks

WRITES = {"put_at": "put", "add_at": "add_at"}  # (array, [where], what)
LETTERS = "uvstrqcdgh"  # for values that have no better name
DOT = "·"  # stands for the upstream derivative where the local one is no array
MOST_STEPS = 12  # of a line that SymPy differentiates as one formula
SHORT = 4  # operations of a derivative that is shown as SymPy has it


class _Calls(Speller):
    """Spells what emitted code has no expression for as a call of what it is called."""

    def equation(self, eqn: Equation) -> Text:
        rhs = eqn.rhs
        if rhs.name in WRITES:
            base, value = (str(self.operand(x)) for x in rhs.operands[:2])
            key = key_text(Spelling(self, rhs), 2) or "..."
            return Text(f"{WRITES[rhs.name]}({base}, [{key}], {value})")
        if rhs.facts.spell[TARGET] is not None or eqn.lhs[0] in self.graph.notes.spellings:
            return super().equation(eqn)
        given = zip(rhs.params, rhs.settings, strict=True)
        words = [f"{k}={v!r}" for k, v in given if rhs.defaults.get(k, ...) != v]
        return Text(
            f"{rhs.name}({', '.join([*map(str, map(self.operand, rhs.operands)), *words])})"
        )


class Wording:
    """Names, formulas and local derivatives of the nodes of one circuit."""

    def __init__(
        self,
        made: Specialisation,
        inputs: Sequence[Sym],
        groups: Sequence[Group],
        rename: str | Mapping[str, str] | None = None,
    ):
        self.graph = made.primal
        self.groups = {g.result: g for g in groups}
        self.output = made.value_name if made.value_name != "value" else "f"
        self.names = _names(self.graph, inputs, groups, self.output, rename)
        self.is_node = {*inputs, *self.groups}
        self.defined = {y: eqn for eqn in self.graph.equations for y in eqn.lhs}
        self.inlined = {y: e for y, e in self.defined.items() if y not in self.is_node}

    def name(self, x: Sym) -> str:
        return self.names[x]

    def math(self, x: Sym) -> Math:
        return Name(self.names[x])

    def tex(self, x: Sym) -> str:
        return tex(self.math(x))

    def shape(self, x: Sym) -> tuple[str, ...]:
        """Return the sizes of a node as the emitted code writes them."""
        return tuple(map(self._speller(self.graph, self.inlined).size, self.graph.avals[x].shape))

    def formula(self, x: Sym) -> tuple[str, str]:
        """Return how a node is computed from others, as Python and as TeX."""
        own = {y: e for y, e in self.inlined.items() if y is not x}
        text = self._speller(self.graph, own).equation(self.defined[x])
        return str(text), tex(self.equation(x)[1])

    def equation(self, x: Sym) -> tuple[Math, Math]:
        """Return both sides of the equation that defines a node, as mathematics."""
        own = {y: e for y, e in self.inlined.items() if y is not x}
        indices, right = self._formulas(self.graph, own).defined(self.defined[x], x)
        return _at(self.math(x), indices), right

    def local(self, pull: Pull, pulls: _Pullbacks) -> tuple[str, str]:
        """Return the local derivative of an edge, as text and as TeX.

        Where it is no array, it is what is done with the upstream derivative, shown as a dot.
        """
        text, (_, math) = self._local(pull, pulls)
        return text, tex(math)

    def local_math(self, pull: Pull, pulls: _Pullbacks) -> tuple[tuple[Index, ...], Math]:
        """Return the local derivative of an edge as mathematics, and the indices it needs."""
        return self._local(pull, pulls)[1]

    def _local(self, pull: Pull, pulls: _Pullbacks) -> tuple[str, tuple[tuple[Index, ...], Math]]:
        if pull.local is None:
            return self._spelled(pull.passed_plain, pull, pulls, DOT, Sign(DOT))
        found = self._by_sympy(pull)
        if found is not None:
            text, math = sp.sstr(found), from_sympy(found, lambda s: Name(s.name))
            if found.count_ops() <= SHORT:
                return text, ((), math)
        local = uncopied(pulls.plain, pull.local_plain)
        local = Static(1) if local == Static(1.0) else local
        spelled = self._spelled(local, pull, pulls, DOT, Sign(DOT))
        if found is not None and len(text) <= len(spelled[0]):
            return text, ((), math)
        return spelled

    def passed(self, pull: Pull, pulls: _Pullbacks) -> tuple[str, str]:
        """Return what an edge passes back, in terms of ``d<target>``."""
        text, (_, math) = self._passed(pull, pulls)
        return text, tex(math)

    def passed_math(self, pull: Pull, pulls: _Pullbacks) -> tuple[tuple[Index, ...], Math]:
        """Return what an edge passes back as mathematics, and the indices it needs."""
        return self._passed(pull, pulls)[1]

    def _passed(self, pull: Pull, pulls: _Pullbacks) -> tuple[str, tuple[tuple[Index, ...], Math]]:
        is_output = pull.target is self.result  # its derivative by itself is 1
        upstream = Number(1) if is_output else self.derivative_math(pull.target)
        name = f"d{self.names[pull.target]}"
        return self._spelled(pull.passed_plain, pull, pulls, name, upstream)

    def reading(
        self, pulls: _Pullbacks, upstream: Mapping[Sym, Math], written_out: Sequence[Sym] = ()
    ) -> Formulas:
        """Return the writer of the graph of pullbacks, its upstream derivatives called so.

        The nodes in ``written_out`` have no name: their formulas stand in the others.
        """
        nodes = (self.is_node | pulls.node_of.keys()).difference(written_out)
        inlined = {y: e for e in pulls.plain.equations for y in e.lhs if y not in nodes}
        names: dict[Sym, Math] = {y: self.math(node) for y, node in pulls.node_of.items()}
        names |= {pulls.upstream[node]: math for node, math in upstream.items()}
        return self._formulas(pulls.plain, inlined, names)

    def derivative_math(self, x: Sym) -> Math:
        """Return the derivative of the output by a node."""
        return derivative(self.math(self.result), self.math(x), self.sign)

    def derivative(self, x: Sym) -> str:
        """Return the derivative of the output by a node as TeX."""
        return tex(self.derivative_math(x))

    @property
    def result(self) -> Sym:
        """The node that is differentiated."""
        output = self.graph.outputs[0]
        assert type(output) is Sym
        return output

    @property
    def sign(self) -> str:
        """Return how a derivative is written: with a d where all is a function of one number."""
        inputs = [x for x in self.is_node if x not in self.defined]
        return "d" if len(inputs) == 1 and not self.graph.avals[inputs[0]].shape else "∂"

    # --- by the emitted code's spelling

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

    def _spelled(
        self, x: Operand, pull: Pull, pulls: _Pullbacks, upstream: str, upstream_math: Math
    ) -> tuple[str, tuple[tuple[Index, ...], Math]]:
        graph, ct = pulls.plain, pulls.upstream[pull.target]
        nodes = self.is_node | pulls.node_of.keys()
        inlined = {y: e for e in graph.equations for y in e.lhs if y not in nodes}
        also = {y: self.names[node] for y, node in pulls.node_of.items()}
        text = self._speller(graph, inlined, {**also, ct: upstream}).operand(x)
        names: dict[Sym, Math] = {y: Name(name) for y, name in also.items()}
        names[ct] = upstream_math
        return str(text), self._formulas(graph, inlined, names).sides(x)

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


def _sympy_number(value: Any) -> sp.Expr | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if float(value).is_integer() and abs(value) < 1e15:
        return sp.Integer(int(value))
    return sp.Float(repr(float(value))) if math.isfinite(value) else None


def _at(x: Math, indices: Sequence[Index]) -> Math:
    return with_indices(x, [index for index in indices if index is not None])


def uncopied(graph: Graph, x: Operand) -> Operand:
    """Return the number that an array repeats, and a mask that 1 is multiplied by.

    ``1 / n`` says more than an array of them, and ``h > 0`` more than its product with 1.
    """
    eqn = next((e for e in graph.equations if x in e.lhs), None)
    if eqn is not None and eqn.rhs.name == "broadcast_to":
        x = eqn.rhs.operands[0]
    elif eqn is not None and eqn.rhs.name == "multiply" and eqn.rhs.operands[0] == Static(1.0):
        x = eqn.rhs.operands[1]
    return x


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
