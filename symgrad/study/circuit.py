"""The computational graph with its numbers: what tables, pictures and derivations are read off.

Given a function and arguments, return its nodes with value and upstream derivative, and its edges
with local derivative and what flows back along them.  The graph is the one that emits the code,
traced with nothing rewritten.  Invariant: a node's upstream derivative is the sum of what its
edges pass back, and of the output it is 1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.arguments import bind, is_leaf
from symgrad.compiled import Compiled
from symgrad.differentiate import active_symbols
from symgrad.errors import ArgumentError, Location, SymgradError, WrtError
from symgrad.graph import Equation, Graph, Operand, Static, Sym
from symgrad.specialise import Specialisation
from symgrad.study.evaluate import evaluate
from symgrad.study.pullbacks import Group, Pull, Pullbacks
from symgrad.study.wording import Wording
from symgrad.transforms.matching import name_of
from symgrad.trees import flatten

LEVELS = ("gate", "line")
DEEPEST = 30  # operations nested in the formula of one node: nobody reads further
Partition = Callable[[Graph], Sequence[Sequence[int]]]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value: an input, or the result of one gate, or of one line of several.

    ``text`` and ``tex`` say how it is computed from the nodes it reads.  ``shape`` is symbolic,
    as the emitted code writes it.  ``upstream`` is the derivative of the output by this value,
    of its shape; None where nothing flows back to it.
    """

    number: int
    name: str
    kind: str  # "input" | "op"
    op: str  # the op's name; "line" where there are several
    text: str
    tex: str
    value: Any
    shape: tuple[Any, ...]
    upstream: Any
    is_wrt: bool
    location: Location | None
    equations: tuple[Equation, ...]
    symbol: Sym


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """One reading of a node by another, and what flows back along it.

    ``local`` is the local derivative of the target by the source: a number or an array of
    elementwise derivatives; for a target of shape () an array of the source's shape.  It is None
    where it is no array of either shape (a product of matrices, say); then ``local_text`` shows
    what is done with the upstream derivative, which stands as a dot.  ``passed`` is upstream x
    local, summed to the source's shape; ``passed_text`` is its formula.  Formulas are written
    when they are asked for.
    """

    source: int
    target: int
    position: int
    local: Any
    passed: Any
    pull: Pull
    wording: Wording

    @property
    def local_text(self) -> str:
        return self.wording.local(self.pull)[0]

    @property
    def local_tex(self) -> str:
        return self.wording.local(self.pull)[1]

    @property
    def passed_text(self) -> str:
        return self.wording.passed(self.pull)


@dataclass(frozen=True, eq=False)
class Circuit:
    """A function at a point: its nodes in forward order, its edges, its output.

    Edges stand in the order of the backward pass: those of the last node come first.
    """

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    output: int
    wrt: tuple[int, ...]
    level: str
    wording: Wording
    made: Specialisation
    given: Mapping[Sym, Any]  # the values of the inputs, those that nothing reads too
    pulls: Pullbacks

    @functools.cached_property
    def edges_from(self) -> Mapping[int, tuple[Edge, ...]]:
        """The edges by the node whose value they carry, in the order of the backward pass."""
        return self._by(lambda edge: edge.source)

    @functools.cached_property
    def edges_into(self) -> Mapping[int, tuple[Edge, ...]]:
        """The edges by the node that reads them, in the order of its operands."""
        found = self._by(lambda edge: edge.target)
        return {k: tuple(sorted(v, key=lambda e: e.position)) for k, v in found.items()}

    def _by(self, key: Callable[[Edge], int]) -> dict[int, tuple[Edge, ...]]:
        found: dict[int, list[Edge]] = {node.number: [] for node in self.nodes}
        for edge in self.edges:
            found[key(edge)].append(edge)
        return {k: tuple(v) for k, v in found.items()}


def circuit(
    fn: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    wrt: Any = None,
    level: str | Partition = "gate",
    names: str | Mapping[str, str] | None = None,
) -> Circuit:
    """Return the computational graph of ``fn`` at ``args``, with derivatives by every node.

    ``wrt`` names what to differentiate by: by default every argument that is a real number or an
    array of them.  ``level="gate"`` has one node an operation, ``"line"`` one for each value that
    the function names (a value read by several of them is a node too); a function of the graph
    may give the numbers of the equations of each node instead.  ``names="xi"`` calls the values
    xi_1, xi_2, ...; a mapping renames nodes.

    Raises ArgumentError for another level, and what `symgrad.compile` raises.
    """
    if not callable(level) and level not in LEVELS:
        raise ArgumentError(f"level={level!r}: 'gate' or 'line'")
    made, values = _specialised(fn, args, dict(kwargs or {}), wrt)
    return _Circuits(made, values, level, names).circuit()


def _specialised(
    fn: Any, args: Sequence[Any], kwargs: dict[str, Any], wrt: Any
) -> tuple[Specialisation, dict[Sym, Any]]:
    """Return the function compiled for these arguments, nothing rewritten, and its inputs."""
    has_aux, specs = (fn.has_aux, fn.specs) if isinstance(fn, Compiled) else (False, None)
    found: SymgradError | None = None
    for names in [wrt] if wrt is not None else real_arguments(fn, args, kwargs):
        compiled = Compiled(fn, names, specs, has_aux, exact=True, check=None)
        try:
            made, taken, _ = compiled._made_for(tuple(args), kwargs)
        except SymgradError as error:  # an int may be a number of steps: try without the ints
            found = found or error
            continue
        bound = compiled.signature.bind(*taken, **kwargs)
        bound.apply_defaults()
        return made, input_values(made, bound.arguments)
    assert found is not None
    raise found


def real_arguments(
    fn: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[tuple[str, ...]]:
    """Return what to differentiate by if nothing is said: every number, or else every float."""
    compiled = Compiled(fn, 0, check=None)
    values = bind(compiled.signature, name_of(compiled.function), args, kwargs)
    kinds = {name: _kinds(value) for name, value in values.items()}
    kinds = {name: found for name, found in kinds.items() if found and found <= {"f", "int"}}
    floats = tuple(name for name, found in kinds.items() if found == {"f"})
    choices = [c for c in dict.fromkeys([tuple(kinds), floats]) if c]
    if not choices:
        raise WrtError("no argument is a real number: say what to differentiate by with wrt")
    return choices


def _kinds(value: Any) -> set[str]:
    if isinstance(value, (dict, list, tuple)):
        inside = value.values() if isinstance(value, dict) else value
        return set().union(*map(_kinds, inside)) if inside else {"none"}
    if type(value) is int:
        return {"int"}
    try:
        return {np.asarray(value).dtype.kind}
    except (ValueError, TypeError):
        return {"none"}


def input_values(made: Specialisation, arguments: Mapping[str, Any]) -> dict[Sym, Any]:
    """Return the value of every input of the graph: of arguments, and of captured variables."""
    leaves = {name: flatten(value, is_leaf)[0] for name, value in arguments.items()}
    found = {}
    for (name, k), x in made.leaves.items():
        value = leaves[name][k]
        aval = made.primal.avals[x]
        found[x] = np.asarray(value) if aval.kind == "array" else value
        if aval.inexact and type(value) is int:
            found[x] = float(value)
    return found | {c.symbol: c.read() for c in made.captures}


class _Circuits:
    """Builds one circuit: groups of equations, their pullbacks, their numbers, their words."""

    def __init__(
        self,
        made: Specialisation,
        values: Mapping[Sym, Any],
        level: str | Partition,
        names: str | Mapping[str, str] | None,
    ):
        self.made, self.values, self.level, self.rename = made, values, level, names
        self.graph = made.primal
        self.active = active_symbols(self.graph, made.wrt_symbols)
        self.output = self.graph.outputs[0]
        if type(self.output) is not Sym:
            raise ArgumentError(f"{made.name} returns a number that depends on no argument")
        self.live = _live(self.graph)

    def circuit(self) -> Circuit:
        groups = self._groups()
        self.pulls = Pullbacks(self.graph, groups, self.active, self.output)
        results = [g.result for g in groups]
        inputs = [x for x in self.graph.inputs if x in self.live]
        self.wording = Wording(self.made, inputs, groups, self.pulls, self.rename)
        numbers = self._numbers([*inputs, *results])
        place = {x: k for k, x in enumerate([*inputs, *results])}
        by_result = {g.result: g for g in groups}
        nodes = tuple(self._node(k, x, by_result.get(x), numbers) for x, k in place.items())
        edges = tuple(
            self._edge(k, pull, place, numbers) for k, pull in enumerate(self.pulls.found)
        )
        output = place[self.output]
        wrt = tuple(place[x] for x in self.made.wrt_symbols if x in place)
        level = self.level if isinstance(self.level, str) else "blocks"
        return Circuit(
            self.made.name, nodes, edges, output, wrt, level, self.wording, self.made,
            self.values, self.pulls,
        )  # fmt: skip

    # --- groups

    def _groups(self) -> list[Group]:
        equations = self.graph.equations
        if callable(self.level):
            chosen = [list(part) for part in self.level(self.graph)]
        else:
            chosen = self._partition(self.level)
        constant = _constants(self.graph)
        groups = []
        for part in chosen:
            eqns = tuple(equations[k] for k in sorted(part))
            last = eqns[-1]
            for y in last.lhs if len(last.lhs) > 1 else last.lhs[:1]:
                if y in self.live and (y not in constant or y is self.output):
                    groups.append(Group(y, eqns, constant))
        return groups

    def _partition(self, level: str) -> list[list[int]]:
        equations = self.graph.equations
        if level == "gate":
            return [[k] for k in range(len(equations))]
        readers: dict[Sym, list[int]] = {}
        for k, eqn in enumerate(equations):
            for x in eqn.rhs.operands:
                if type(x) is Sym:
                    readers.setdefault(x, []).append(k)
        outputs = {y for y in self.graph.outputs if type(y) is Sym}
        owner: dict[int, int] = {}
        parts: dict[int, list[int]] = {}
        depth: dict[int, int] = {}
        for k in reversed(range(len(equations))):
            lhs = equations[k].lhs
            into = {owner[r] for y in lhs for r in readers.get(y, ()) if r in owner}
            depth[k] = 1 + max((depth[r] for y in lhs for r in readers.get(y, ())), default=0)
            stays = (
                len(lhs) > 1
                or len(into) != 1
                or depth[k] > DEEPEST
                or any(y in outputs or y in self.graph.notes.names for y in lhs)
            )
            owner[k] = k if stays else into.pop()
            if stays:
                depth[k] = 0
            parts.setdefault(owner[k], []).append(k)
        return [parts[k] for k in sorted(parts)]

    # --- numbers

    def _numbers(self, symbols: Sequence[Sym]) -> _Numbers:
        pulls = self.pulls
        wanted: list[Operand] = [*symbols]
        for pull in pulls.found:
            wanted += [pull.passed, pull.local if pull.local is not None else Static(0.0)]
        upstream = {x: ct for x, ct in pulls.upstream.items() if x in pulls.reached}
        wanted += upstream.values()
        given = {x: self.values[x] for x in self.graph.inputs}
        found = iter(evaluate(pulls.graph, given, wanted, pulls.sums))
        numbers = _Numbers({}, {}, {}, {})
        for x in symbols:
            numbers.value[x] = next(found)
        for k, pull in enumerate(pulls.found):
            numbers.passed[k], local = next(found), next(found)
            numbers.local[k] = local if pull.local is not None else None
        for x in upstream:
            numbers.upstream[x] = next(found)
        return numbers

    # --- nodes and edges

    def _node(self, number: int, x: Sym, group: Group | None, numbers: _Numbers) -> Node:
        aval, words = self.graph.avals[x], self.wording
        text, tex = words.formula(x) if group is not None else (words.name(x), words.tex(x))
        return Node(
            number, words.name(x), "input" if group is None else "op",
            "" if group is None else group.op, text, tex,
            numbers.value[x], aval.shape, numbers.upstream.get(x),
            x in self.made.wrt_symbols, self.graph.notes.location(x),
            group.equations if group is not None else (), x,
        )  # fmt: skip

    def _edge(self, k: int, pull: Pull, place: Mapping[Sym, int], numbers: _Numbers) -> Edge:
        return Edge(
            place[pull.source], place[pull.target], pull.position, numbers.local[k],
            numbers.passed[k], pull, self.wording,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Numbers:
    value: dict[Sym, Any]
    upstream: dict[Sym, Any]
    passed: dict[int, Any]
    local: dict[int, Any]


def _live(graph: Graph) -> set[Sym]:
    """Return the symbols that the first output is computed from."""
    found: set[Sym] = {y for y in graph.outputs[:1] if type(y) is Sym}
    for eqn in reversed(graph.equations):
        if not found.isdisjoint(eqn.lhs):
            found.update(x for x in eqn.rhs.operands if type(x) is Sym)
            found.update(eqn.lhs)
    return found


def _constants(graph: Graph) -> frozenset[Sym]:
    """Return the symbols that no input reaches: numbers, sizes, tables."""
    reached = set(graph.inputs)
    found: set[Sym] = set()
    for eqn in graph.equations:
        if reached.isdisjoint(eqn.rhs.operands):
            found.update(eqn.lhs)
        else:
            reached.update(eqn.lhs)
    return frozenset(found)
