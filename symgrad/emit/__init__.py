"""Strings for the templates: the schedule's functions as lines of Python.

Given a schedule, the names of the user's parameters and the structure of arguments and
results, return the text of a module.  Invariant: what is decided here is text; the same
schedule gives the same bytes on every machine.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from symgrad.dims import Dim, dims_in
from symgrad.dims import Guard as SizeGuard
from symgrad.dims import spell as spell_size
from symgrad.emit.layout import bracketed, exploded, fits, paragraph, with_note, wrapped
from symgrad.emit.spell import Speller, Spelling, holds_other_floats, literal, written_out
from symgrad.graph import FLOAT64, Aval, Equation, Graph, Op, Operand, Sym, sizes_read
from symgrad.ops.indexing import key_text, writes_once
from symgrad.ops.table import PRODUCT
from symgrad.schedule import Half, Names, Plan, Statement, plan
from symgrad.templating import environment
from symgrad.trees import Tree, access, quoted


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the emitted function: how it is declared and which leaves it brings."""

    name: str
    kind: str  # "positional", "plain", "args", "keyword", "kwargs"
    tree: Tree
    leaves: tuple[Sym | None, ...]
    default: str | None = None
    statics: tuple[tuple[int, Any], ...] = ()  # leaves whose value the code was made for
    fill: Any = None  # what a default of None stands for: an array or a container


@dataclass(frozen=True, slots=True)
class Guard:
    """The axes of a parameter whose sizes no operation checks by itself."""

    symbol: Sym
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Interface:
    """What the emitted functions take and return, seen from outside."""

    name: str
    parameters: tuple[Parameter, ...]
    captured: tuple[Parameter, ...]
    wrt: tuple[tuple[str, Tree, int], ...]  # parameter, its tree, number of leaves
    single: bool
    out_tree: Tree
    aux_tree: Tree | None
    value_name: str
    guards: tuple[Guard, ...] = ()
    conditions: tuple[SizeGuard, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionView:
    """One function as the template prints it: strings only."""

    name: str
    signature: tuple[str, ...]
    doc: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModuleView:
    """The whole file as the template prints it: strings only."""

    header: tuple[str, ...]
    title: str
    doc: tuple[str, ...]
    np: str
    functions: tuple[FunctionView, ...]


@dataclass(slots=True)
class Writer:
    """Writes the body of one function."""

    half: Half
    interface: Interface
    np: str
    defined: Mapping[Sym, Equation]
    extra: tuple[Operand, ...] = ()
    preset: Mapping[Sym, str] = field(default_factory=dict)
    seeds: tuple[Sym, ...] = ()
    plan: Plan = field(init=False)
    names: Names = field(init=False)
    speller: Speller = field(init=False)
    dim_names: dict[Dim, str] = field(init=False, default_factory=dict)
    written: dict[Sym, set[Any]] = field(init=False, default_factory=dict)
    unseen: set[Dim] = field(init=False, default_factory=set)
    read: frozenset[Operand] = field(init=False)

    def __post_init__(self) -> None:
        graph = self.half.graph
        operands = (x for eqn in graph.equations for x in eqn.rhs.operands)
        self.read = frozenset((*operands, *graph.outputs, *self.extra)) | self._shows_a_size()

    def lines(self, taken: Sequence[str]) -> list[str]:
        """Return the statements, planned again until every line fits."""
        keep = self._shows_a_size()
        while True:
            self.plan = plan(self.half, self.extra, keep)
            self.written.clear()
            self.unseen = self._unseen_sizes()
            self._name_all(taken)
            written = [self._statement(s) for s in self.plan.statements]
            too_long = {
                heavy
                for s, lines in zip(self.plan.statements, written, strict=True)
                if any(not fits(line) for line in lines)
                and (heavy := self._inner(s.eqn)) is not None
            }
            if not too_long:
                return [part for lines in written for line in lines for part in wrapped(line, 4)]
            keep = keep | too_long

    def _inner(self, eqn: Equation) -> Sym | None:
        """Return the folded operand with the longest text, to be given a line of its own."""
        inside = [x for x in eqn.rhs.operands if isinstance(x, Sym) and x in self.plan.inlined]
        inside = [x for x in inside if self.plan.inlined[x].rhs.name != "size"]
        return max(inside, key=lambda x: len(str(self.speller.operand(x))), default=None)

    def name(self, x: Sym) -> str:
        return self.names.of[self.plan.slot_of(x)]

    def _name_all(self, taken: Sequence[str]) -> None:
        notes = self.half.graph.notes
        self.names = Names(notes, [*taken, self.np], self.half.primal)
        self.names.of.update(self.preset)
        self.speller = Speller(
            self.half.graph,
            self.plan.inlined,
            self.name,
            self._dim_name,
            self.np,
            self.half.primal,
            self.names.taken,
        )
        self._name_dims()
        groups: dict[Sym, list[Sym]] = {}
        starts: dict[Sym, int] = {}
        for k, statement in enumerate(self.plan.statements):
            for y in statement.eqn.lhs:
                slot = self.plan.slot_of(y)
                groups.setdefault(slot, []).append(y)
                starts.setdefault(slot, k)
        last = self._last_reads()
        free: dict[str, float] = {}  # the user's names, and where their values are read last
        for slot, members in groups.items():
            if slot not in self.names.of:
                self.names.of[slot] = self._best_name(members, starts[slot], free)
            free[self.names.of[slot]] = last.get(slot, starts[slot])

    def _best_name(self, members: Sequence[Sym], start: int, free: Mapping[str, float]) -> str:
        wanted = [self.names.wanted(y, self.half.graph, self.defined) for y in members]
        users = [w for w, is_users in wanted if is_users]
        if not users:
            chosen = self._cotangent_name(members) or wanted[-1][0]
            return self.names.claim(chosen)
        # A name that the user gives again is given again here, once its old value is done with.
        is_one_line = self.plan.statements[start].mode == "assign"
        if free.get(users[0], math.inf) <= (start if is_one_line else start - 1):
            return users[0]
        return self.names.claim(users[0], True)

    def _last_reads(self) -> dict[Sym, float]:
        """Return for each slot the number of the statement that reads it last."""
        last: dict[Sym, float] = {}
        for k, statement in enumerate(self.plan.statements):
            for x in self._read_by(statement.eqn.rhs.operands):
                last[x] = k
        last.update(dict.fromkeys(self._read_by((*self.half.graph.outputs, *self.extra)), math.inf))
        return last

    def _read_by(self, operands: Sequence[Operand]) -> set[Sym]:
        """Return the slots that a line with these operands reads."""
        found: set[Sym] = set()
        todo = [x for x in operands if isinstance(x, Sym)]
        while todo:
            x = todo.pop()
            if x in self.plan.inlined:
                todo += [z for z in self.plan.inlined[x].rhs.operands if isinstance(z, Sym)]
            else:
                found.add(self.plan.slot_of(x))
        return found

    def _cotangent_name(self, members: Sequence[Sym]) -> str | None:
        """Return the last ``d<name>`` in a buffer's life, the user's names before others."""
        notes = self.half.graph.notes
        cotangents = [y for y in members if y in notes.cotangent_of and y not in self.half.primal]
        named = [y for y in cotangents if notes.cotangent_of[y] in notes.names]
        chosen = named or cotangents
        return self.names.wanted(chosen[-1], self.half.graph, self.defined)[0] if chosen else None

    # --- sizes

    def _dim_name(self, dim: Dim) -> str:
        return self.dim_names[dim]

    def _name_dims(self) -> None:
        self.dim_names = {}
        shapes = self.half.graph.shapes
        for dim in _all_dims(self.half.graph, self.extra):
            users = shapes.user_name(dim)
            self.dim_names[dim] = self.names.claim(shapes.label(dim), users is not None)

    def size_lines(self, guarded: bool = False) -> list[str]:
        """Return the lines that read the sizes this function mentions: ``N = X.shape[0]``.

        ``guarded`` says that it checks the shapes of its arguments, and so mentions these too.
        """
        graph = self.half.graph
        read: dict[Dim, None] = {}
        for eqn in graph.equations:
            read.update(dict.fromkeys(sizes_read(eqn.rhs)))
        for y in self._checked_selections():
            axis = graph.notes.selections[y]
            read.update(dict.fromkeys(dims_in((graph.avals[y].shape[axis],))))
        for condition in self.interface.conditions if guarded else ():
            read.update(dict.fromkeys(dims_in((condition.left, condition.right))))
        for guard in self.interface.guards:
            if guarded and guard.symbol in graph.inputs:
                shape = graph.avals[guard.symbol].shape
                read.update(dict.fromkeys(dims_in(shape[k] for k in guard.axes)))
        return self._reads(read)

    def _reads(self, read: Mapping[Dim, None]) -> list[str]:
        graph = self.half.graph
        guarded = {g.symbol for g in self.interface.guards}
        holders: dict[Sym, list[Dim]] = {}
        for dim in read:
            having = [x for x in graph.inputs if dim in graph.avals[x].shape]
            having.sort(key=lambda x: x in guarded)
            if having:
                holders.setdefault(having[0], []).append(dim)
        lines = []
        for x in graph.inputs:
            lines += self._shape_lines(x, holders.get(x, []))
        return lines

    def _shape_lines(self, x: Sym, wanted: Sequence[Dim]) -> list[str]:
        shape = self.half.graph.avals[x].shape
        if len(wanted) > 1 and len(wanted) == len(shape) == len(set(shape)):
            return [f"{', '.join(self.dim_names[d] for d in shape)} = {self.name(x)}.shape"]  # type: ignore[index]
        return [
            f"{self.dim_names[d]} = {self.name(x)}.shape[{shape.index(d)}]"
            for d in sorted(wanted, key=shape.index)
        ]

    # --- statements

    def _statement(self, s: Statement) -> list[str]:
        if s.mode == "store":
            return self._store(s)
        targets = ", ".join(self._target(y) for y in s.eqn.lhs)
        note = self._note(s.eqn.lhs[0]) if len(s.eqn.lhs) == 1 else ""
        if s.mode == "update":
            self.written.pop(self.plan.slot_of(s.eqn.lhs[0]), None)
            return [self._update(s, targets)]
        value = str(self.speller.equation(s.eqn))
        if s.eqn.rhs.name == "constant":
            return exploded(f"{targets} = ", value, "", 4)
        if value == targets:
            return []
        if s.eqn.rhs.name in ("full", "eye", "arange", "full_like"):
            note = ""  # the line says its shape itself
        lines = [with_note(f"{targets} = {value}", note)]
        return lines + self._selected_sizes(s.eqn) + self._selection_check(s.eqn.lhs[0])

    def _selection_check(self, y: Sym) -> list[str]:
        """Return the check that a mask selected as many elements as what they meet has."""
        axis = self.half.graph.notes.selections.get(y)
        if axis is None:
            return []
        name, size = self.name(y), self.speller.size(self.half.graph.avals[y].shape[axis])
        expected = size if size.isdigit() else f"{{{size}}}"
        return [
            f"if {name}.shape[{axis}] != {size}:",
            *_raise_lines(
                f"{name} has shape {{{name}.shape}}, ", f"expected {expected} along axis {axis}"
            ),
        ]

    def _checked_selections(self) -> list[Sym]:
        found = self.half.graph.notes.selections
        return [y for eqn in self.half.graph.equations for y in eqn.lhs if y in found]

    def _target(self, y: Sym) -> str:
        """Return the name to assign to: ``_`` for a result that nobody reads."""
        return self.name(y) if y in self.read or "_" in self.preset.values() else "_"

    def _update(self, s: Statement, target: str) -> str:
        sign = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}[s.eqn.rhs.name]
        other = s.eqn.rhs.operands[1 - s.reused]
        below = self.speller.reciprocal(other) if sign == "*" else None
        if below is not None:
            return f"{target} /= {below}"
        text = self.speller.operand(other)
        if sign == "+" and text.text.startswith("-") and text.precedence >= PRODUCT:
            return f"{target} -= {text.text[1:]}"
        return f"{target} {sign}= {text}"

    def _selected_sizes(self, eqn: Equation) -> list[str]:
        """Return a line for a size that only this value shows (what a mask selected)."""
        lines = []
        for y in eqn.lhs:
            shape = self.half.graph.avals[y].shape
            for d in shape:
                if isinstance(d, Dim) and d in self.unseen:
                    self.unseen.discard(d)
                    lines.append(f"{self.dim_names[d]} = {self.name(y)}.shape[{shape.index(d)}]")
        return lines

    def _unseen_sizes(self) -> set[Dim]:
        """Return the sizes that the text mentions and no input shows."""
        graph = self.half.graph
        known = {d for x in graph.inputs for d in graph.avals[x].shape}
        read = {d for e in graph.equations for d in sizes_read(e.rhs)}
        for y in self._checked_selections():
            read.update(dims_in((graph.avals[y].shape[graph.notes.selections[y]],)))
        return read - known

    def _shows_a_size(self) -> frozenset[Sym]:
        """Return the values that such a size is read from: each needs a line of its own."""
        unseen, found = self._unseen_sizes(), set(self._checked_selections())
        for y in (y for eqn in self.half.graph.equations for y in eqn.lhs):
            if shown := unseen.intersection(self.half.graph.avals[y].shape):
                unseen -= shown
                found.add(y)
        return frozenset(found)

    def _store(self, s: Statement) -> list[str]:
        y, rhs = s.eqn.lhs[0], s.eqn.rhs
        base, value = rhs.operands[:2]
        target = self.name(y)
        lines = []
        if s.starts in ("zeros", "make"):
            start = self.speller.operand(base)
            note = "" if s.starts == "zeros" else self._note(y)
            lines.append(with_note(f"{target} = {start}", note))
        elif s.starts == "copy":
            lines.append(
                with_note(f"{target} = {self.speller.operand(base):10}.copy()", self._note(y))
            )
        return [*lines, self._write(s, target, value)]

    def _write(self, s: Statement, target: str, value: Operand) -> str:
        rhs = s.eqn.rhs
        key = key_text(Spelling(self.speller, rhs), 2)
        place = f"{target}[{key or '...'}]"
        text = self.speller.operand(value)
        if rhs.name == "put_at":
            return f"{place} = {text}"
        if writes_once([self._known(x) for x in rhs.operands[2:]]):
            if self._is_first_write(s):
                return f"{place} = {text}"
            if text.text.startswith("-") and text.precedence >= PRODUCT:
                return f"{place} -= {text.text[1:]}"
            return f"{place} += {text}"
        index = f"({key})" if ", " in key or ":" in key else key
        if ":" in key:
            index = f"{self.np}.s_[{key}]"
        return f"{self.np}.add.at({target}, {index}, {text})"

    def _is_first_write(self, s: Statement) -> bool:
        """Return whether the elements written are still the zeros the array began with."""
        slot, key = self.plan.slot_of(s.eqn.lhs[0]), s.eqn.rhs.setting("key")
        is_element = all(type(k) is int and k >= 0 for k in key)
        if s.starts == "zeros":
            self.written[slot] = {key} if is_element else set()
            return True
        before = self.written.get(slot)
        if not before or not is_element or len(key) != len(next(iter(before))):
            self.written.pop(slot, None)
            return False
        is_new = key not in before
        before.add(key)
        return is_new

    def _known(self, x: Operand) -> tuple[Aval, Op | None]:
        eqn = self.defined.get(x) if isinstance(x, Sym) else None
        return self.half.graph.aval(x), eqn.rhs if eqn is not None else None

    def _note(self, y: Sym) -> str:
        """Return the shape comment of an array."""
        aval = self.half.graph.avals[y]
        return self.shape_text(aval) if aval.shape else ""

    def shape_text(self, aval: Aval) -> str:
        return self.speller.shape(aval.shape)


def _all_dims(graph: Graph, extra: Sequence[Operand]) -> list[Dim]:
    seen: dict[Dim, None] = {}
    values = (*graph.inputs, *[y for eqn in graph.equations for y in eqn.lhs])
    for shape in dict.fromkeys([graph.avals[x].shape for x in values]):
        seen.update(dict.fromkeys(dims_in(shape)))
        if graph.shapes.has_selected:
            seen.update(dict.fromkeys(dims_in(graph.shapes.resolve_shape(shape))))
    for eqn in graph.equations:
        seen.update(dict.fromkeys(sizes_read(eqn.rhs)))
    return list(seen)


# --- functions -----------------------------------------------------------------------------------


def declaration(
    name: str, parameters: Sequence[Parameter], captured: Sequence[Parameter]
) -> list[str]:
    """Return the ``def`` line with the user's own signature first, unchanged."""
    items: list[str] = []
    positional = [p for p in parameters if p.kind == "positional"]
    starred = False
    for k, p in enumerate(parameters):
        if p.kind == "keyword" and not starred:
            items.append("*")
            starred = True
        starred = starred or p.kind == "args"
        if p.kind == "kwargs":
            continue
        mark = "*" if p.kind == "args" else ""
        items.append(f"{mark}{p.name}" + ("" if p.default is None else f"={p.default}"))
        if positional and k == len(positional) - 1:
            items.append("/")
    if captured and not starred:
        items.append("*")
    items += [p.name + ("" if p.default is None else f"={p.default}") for p in captured]
    items += [f"**{p.name}" for p in parameters if p.kind == "kwargs"]
    return bracketed(f"def {name}(", items, "):", 0)


def fill_lines(parameters: Sequence[Parameter], np_name: str) -> list[str]:
    """Return the lines that put a default in place which no signature should hold."""
    lines = []
    for p in parameters:
        if p.fill is not None:
            text = written_out(p.fill, np_name)
            filled = exploded(f"{p.name} = ", text, "", 8)
            lines += [f"if {p.name} is None:", *(f"    {line}" for line in filled)]
    return lines


def unpack_lines(
    parameters: Sequence[Parameter], names: Callable[[Sym], str], used: Container[Operand]
) -> list[str]:
    """Return the lines that take the leaves out of nested arguments."""
    lines: list[str] = []
    for p in parameters:
        if p.tree.kind != "leaf":
            leaves = iter([names(x) if x is not None and x in used else None for x in p.leaves])
            lines += _unpack(p.name, p.tree, leaves)
    return lines


def _unpack(place: str, tree: Tree, leaves: Iterator[str | None]) -> list[str]:
    """Return the lines for one part: ``W, b = params[0]`` where all of a list or tuple is used."""
    if tree.kind == "leaf":
        name = next(leaves)
        return [] if name is None else [f"{name} = {place}"]
    own = list(itertools.islice(leaves, tree.count))
    if (pattern := _pattern(tree, iter(own))) is not None:
        whole = pattern[1:-1] if not pattern.endswith(",)") else pattern
        if fits(f"{whole} = {place}"):
            return [f"{whole} = {place}"]
    parts = iter(own)
    lines = []
    for key, part in zip(tree.keys, tree.parts, strict=True):
        lines += _unpack(access(place, tree.kind, key), part, parts)
    return lines


def _pattern(tree: Tree, leaves: Iterator[str | None]) -> str | None:
    """Return the target that takes a list or tuple apart, if it holds used leaves only."""
    if tree.kind == "leaf":
        return next(leaves)
    if tree.kind != "item" or not tree.parts:
        return None
    parts = [_pattern(part, leaves) for part in tree.parts]
    if any(part is None for part in parts):
        return None
    return f"({', '.join(map(str, parts))}{',' if len(parts) == 1 else ''})"


def guard_lines(writer: Writer, parameters: Sequence[Parameter]) -> list[str]:
    """Return the checks that no operation makes by itself."""
    lines: list[str] = []
    for p in parameters:
        for k, value in p.statics:
            path = list(p.tree.paths())[k]
            place = p.name
            for kind, key in path:
                place = access(place, kind, key)
            lines += _static_guard(place, value)
    for guard in writer.interface.guards:
        lines += _shape_guard(writer, guard)
    for condition in writer.interface.conditions:
        lines += _size_guard(writer, condition)
    return lines


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def _size_guard(writer: Writer, condition: SizeGuard) -> list[str]:
    # As they are: what the guard makes equal would be spelled alike.
    left, right = (
        spell_size(s, writer.speller.dim_name) for s in (condition.left, condition.right)
    )
    relation = condition.relation
    if isinstance(condition.left, int):  # d > 3, not 3 < d
        left, right, relation = right, left, {"<": ">", "<=": ">="}.get(relation, relation)
    return [
        f"if {left} {_OPPOSITE[relation]} {right}:",
        f"    raise ValueError({quoted(f'this code was made for {left} {relation} {right}')})",
    ]


def _shape_guard(writer: Writer, guard: Guard) -> list[str]:
    aval = writer.half.graph.avals[guard.symbol]
    name = writer.name(guard.symbol)
    if len(guard.axes) == len(aval.shape):
        shape = writer.shape_text(aval)
        return [
            f"if {name}.shape != {shape}:",
            *_raise_lines(f"{name} has shape {{{name}.shape}}, ", f"expected {{{shape}}}"),
        ]
    lines = []
    for k in guard.axes:
        size = writer.speller.size(aval.shape[k])
        expected = size if isinstance(aval.shape[k], int) else f"{{{size}}}"
        lines += [
            f"if {name}.shape[{k}] != {size}:",
            *_raise_lines(
                f"{name} has shape {{{name}.shape}}, ", f"expected {expected} along axis {k}"
            ),
        ]
    return lines


def _raise_lines(first: str, second: str) -> list[str]:
    """Return the line, indented once, that raises with a formatted message of two parts."""
    lines = bracketed("raise ValueError(", [f'f"{first}{second}"'], ")", 8)
    if not all(fits(line, 8) for line in lines):
        lines = ["raise ValueError(", f'    f"{first}"', f'    f"{second}"', ")"]
    return [f"    {line}" for line in lines]


def _static_guard(place: str, value: Any) -> list[str]:
    is_word = value is None or isinstance(value, bool)
    test = f"{place} is not {value}" if is_word else f"{place} != {quoted(value)}"
    message = f"this code was made for {place} = {value!r}"
    return [f"if {test}:", f"    raise ValueError({quoted(message)})"]


def result_text(tree: Tree, names: Sequence[str], owner: str = "") -> str:
    """Return the text that rebuilds a nested result from its leaves."""
    return tree.spell(iter(names), owner)


class ModuleWriter:
    """Writes forward, backward and value_and_grad of one specialisation."""

    def __init__(self, interface: Interface):
        self.interface = interface
        used = {p.name for p in (*interface.parameters, *interface.captured)}
        self.np = "np" if "np" not in used else "np_"
        self.all_parameters = (*interface.parameters, *interface.captured)

    def _input_names(
        self, graph: Graph, extra_taken: Sequence[str] = ()
    ) -> tuple[dict[Sym, str], list[str]]:
        """Name the leaves: a plain parameter by itself, a nested leaf by its own key."""
        taken = [p.name for p in self.all_parameters] + list(extra_taken)
        names = Names(graph.notes, [*taken, self.np])
        found: dict[Sym, str] = {}
        for p in self.all_parameters:
            for symbol in p.leaves:
                if symbol is None:
                    continue
                if p.tree.kind == "leaf":
                    found[symbol] = p.name
                else:
                    found[symbol] = names.claim(graph.notes.names.get(symbol, p.name), True)
        return found, [*taken, *found.values()]

    def value_and_grad(self, half: Half, values: int) -> FunctionView:
        graph = half.graph
        inputs, taken = self._input_names(graph)
        writer = Writer(half, self.interface, self.np, _definitions(graph), (), inputs)
        self._reserve_value(writer, graph)
        body = writer.lines(taken)
        head = self._head(writer, graph)
        returns = self._returned(writer, graph.outputs, values, writer.plan.copies)
        doc = f"Return {self._value_words()} and {self._gradient_words(writer)}."
        return FunctionView(
            "value_and_grad",
            tuple(
                declaration("value_and_grad", self.interface.parameters, self.interface.captured)
            ),
            self._doc(doc),
            (*head, *body, *returns),
        )

    def forward(
        self, half: Half, residuals: Sequence[Operand]
    ) -> tuple[FunctionView, dict[Sym, str]]:
        graph = half.graph
        inputs, taken = self._input_names(graph, [f"d{self.interface.value_name}"])
        writer = Writer(
            half, self.interface, self.np, _definitions(graph), tuple(residuals), inputs
        )
        self._reserve_value(writer, graph)
        body = writer.lines(taken)
        head = self._head(writer, graph, residuals)
        kept = [writer.name(x) for x in residuals if isinstance(x, Sym)]
        mirrored = self._mirrored()
        values = self._value_text(writer, graph.outputs, writer.plan.copies)
        returns = _return_with_residuals(values, [*mirrored, *kept])
        doc = f"Return {self._value_words()} and the residuals that `backward` needs."
        view = FunctionView(
            "forward",
            tuple(declaration("forward", self.interface.parameters, self.interface.captured)),
            self._doc(doc),
            (*head, *body, *returns),
        )
        return view, {x: writer.name(x) for x in residuals if isinstance(x, Sym)}

    def backward(
        self,
        half: Half,
        residuals: Sequence[Operand],
        kept_names: Mapping[Sym, str],
        seeds: Sequence[Sym],
        joint: Graph,
    ) -> FunctionView:
        graph = half.graph
        seed_names = self._seed_names(seeds, set(kept_names.values()))
        inputs, _ = self._input_names(joint)
        preset = {**kept_names, **seed_names}
        writer = Writer(
            half, self.interface, self.np, _definitions(joint), (), {**inputs, **preset},
            tuple(seeds),
        )  # fmt: skip
        taken = [*preset.values(), "residuals"]
        body = writer.lines(taken)
        unpack = _unpack_residuals([*self._mirrored(), *kept_names.values()])
        sizes = writer.size_lines()
        grads = self._gradient_text(writer, graph.outputs, writer.plan.copies)
        signature, seed_lines, seed_word = self._seed_signature(seeds, seed_names, graph)
        of = self._value_words().removesuffix(" (with its aux)")
        doc = f"Return {self._gradient_words(writer)}: the gradient of {of} times `{seed_word}`."
        whole = grads if not grads.endswith(",") else f"({grads})"
        returns = [f"return {whole}"] if fits(f"return {whole}") else self._long_return(grads)
        return FunctionView(
            "backward",
            tuple(signature),
            self._doc(doc),
            (*unpack, *seed_lines, *sizes, *body, *returns),
        )

    # --- parts

    def _reserve_value(self, writer: Writer, graph: Graph) -> None:
        y = graph.outputs[0]
        if isinstance(y, Sym) and y not in graph.inputs and y not in graph.notes.names:
            graph.notes.names[y] = self.interface.value_name

    def _head(self, writer: Writer, graph: Graph, residuals: Sequence[Operand] = ()) -> list[str]:
        used = {x for eqn in graph.equations for x in eqn.rhs.operands}
        used |= set(graph.outputs) | set(residuals) | {g.symbol for g in self.interface.guards}
        sizes = writer.size_lines(guarded=True)
        words = " ".join(sizes)
        used |= {x for x in graph.inputs if f" = {writer.name(x)}.shape" in words}
        unpack = unpack_lines(self.all_parameters, writer.name, used)
        fills = fill_lines(self.all_parameters, self.np)
        return [*fills, *unpack, *sizes, *guard_lines(writer, self.all_parameters)]

    def _value_words(self) -> str:
        name = self.interface.value_name
        words = f"the {name}" if name == "value" or is_a_loss(name) else f"`{name}`"
        return words + (" (with its aux)" if self.interface.aux_tree is not None else "")

    def _gradient_words(self, writer: Writer) -> str:
        names = [f"d{name}" for name, _, _ in self.interface.wrt]
        return f"{', '.join(names)}"

    def _doc(self, text: str) -> str:
        return text if fits(f'"""{text}"""') else text.split(",")[0] + " ..."

    def _mirrored(self) -> list[str]:
        """Return parameters that `backward` needs whole, to rebuild their type."""
        return [name for name, tree, _ in self.interface.wrt if tree.needs_owner]

    def _value_text(
        self, writer: Writer, outputs: Sequence[Operand], copies: frozenset[int]
    ) -> str:
        names = [_output_text(writer, y, k in copies) for k, y in enumerate(outputs)]
        count = self.interface.out_tree.count
        value = result_text(self.interface.out_tree, names[:count])
        if self.interface.aux_tree is None:
            return value
        aux = result_text(self.interface.aux_tree, names[count:])
        return f"({value}, {aux})"

    def _gradient_text(
        self, writer: Writer, outputs: Sequence[Operand], copies: frozenset[int], first: int = 0
    ) -> str:
        names = [_output_text(writer, y, first + k in copies) for k, y in enumerate(outputs)]
        parts, start = [], 0
        for owner, tree, count in self.interface.wrt:
            parts.append(result_text(tree, names[start : start + count], owner))
            start += count
        if self.interface.single:
            return parts[0]
        return ", ".join(parts) + ("," if len(parts) == 1 else "")

    def _returned(
        self, writer: Writer, outputs: Sequence[Operand], values: int, copies: frozenset[int]
    ) -> list[str]:
        value = self._value_text(writer, outputs[:values], copies)
        grads = self._gradient_text(writer, outputs[values:], copies, values)
        text = grads if self.interface.single else f"({grads})"
        line = f"return {value}, {text}"
        if fits(line):
            return [line]
        if self.interface.single:
            return [*exploded("grad = ", grads, "", 4), f"return {value}, grad"]
        return [*exploded("grads = ", f"({grads})", "", 4), f"return {value}, grads"]

    def _long_return(self, grads: str) -> list[str]:
        text = grads if self.interface.single else f"({grads})"
        return [*exploded("grads = ", text, "", 4), "return grads"]

    def _seed_names(self, seeds: Sequence[Sym], taken: set[str]) -> dict[Sym, str]:
        base = f"d{self.interface.value_name}"
        if len(seeds) == 1 and self.interface.out_tree.kind == "leaf":
            return {seeds[0]: base if base not in taken else f"{base}_"}
        return {seed: f"{base}{k}" for k, seed in enumerate(seeds)}

    def _seed_signature(
        self, seeds: Sequence[Sym], names: Mapping[Sym, str], graph: Graph
    ) -> tuple[list[str], list[str], str]:
        lines: list[str] = []
        if self.interface.out_tree.kind == "leaf":
            word = names[seeds[0]] if seeds else "dvalue"
            aval = graph.avals[seeds[0]] if seeds else Aval((), FLOAT64)
            default = "=1.0" if not aval.shape else ""
            mixed = aval.dtype != FLOAT64 or holds_other_floats(graph)
            if mixed and aval.kind != "python":
                kind = f"{self.np}.{aval.dtype.name}"
                lines.append(
                    f"{word} = {kind}({word})" if not aval.shape
                    else f"{word} = {self.np}.asarray({word}, dtype={kind})"
                )  # fmt: skip
            return [f"def backward(residuals, {word}{default}):"], lines, word
        word = f"d{self.interface.value_name}"
        for path, seed in zip(self.interface.out_tree.paths(), seeds, strict=True):
            place = word
            for kind, key in path:
                place = access(place, kind, key)
            lines.append(f"{names[seed]} = {place}")
        return [f"def backward(residuals, {word}):"], lines, word


def _output_text(writer: Writer, y: Operand, copied: bool) -> str:
    text = writer.speller.operand(y) if isinstance(y, Sym) else literal(y.value, writer.np)
    if copied and y in writer.seeds:
        return f"{writer.np}.array({text})"  # a seed may be a plain number
    return f"{text:10}.copy()" if copied else str(text)


def _return_with_residuals(value: str, kept: Sequence[str]) -> list[str]:
    inside = ", ".join(kept) + ("," if len(kept) == 1 else "")
    line = f"return {value}, ({inside})"
    if fits(line):
        return [line]
    return [*bracketed("residuals = (", kept, ")", 4, is_call=False), f"return {value}, residuals"]


def _unpack_residuals(kept: Sequence[str]) -> list[str]:
    if not kept:
        return []
    line = f"({kept[0]},) = residuals" if len(kept) == 1 else f"{', '.join(kept)} = residuals"
    return [line] if fits(line) else ["(", *(f"    {name}," for name in kept), ") = residuals"]


def _definitions(graph: Graph) -> dict[Sym, Equation]:
    return {y: eqn for eqn in graph.equations for y in eqn.lhs}


def contract_words(
    graph: Graph, parameters: Sequence[Parameter], names: Mapping[Sym, str]
) -> list[str]:
    """Return the shape contract, a word an argument: ``X (N, D)``, ``y (N,) int64``."""
    words = []
    for p in parameters:
        for symbol in p.leaves:
            if symbol is None:
                continue
            aval = graph.avals[symbol]
            shape = ", ".join(
                str(graph.shapes.show_size(graph.shapes.resolve(size))) for size in aval.shape
            )
            inside = f"({shape},)" if len(aval.shape) == 1 else f"({shape})"
            kind = "" if aval.dtype == FLOAT64 else f" {aval.dtype.name}"
            words.append(f"{names.get(symbol, p.name)} {inside}{kind}")
    return words


def docstring_text(text: str) -> str:
    """Return text of the user's that may stand in a docstring: one line that cannot end it."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain.replace("\\", "/").replace('"' * 3, "'" * 3)


LOSSES = frozenset(
    {"cost", "energy", "error", "likelihood", "loss", "mse", "nll", "objective", "risk"}
)


def is_a_loss(name: str) -> bool:
    """Return whether a function's name is a noun for what it returns: ``loss``, ``nll``."""
    return name in LOSSES


def value_name(function: str) -> str:
    """Return what to call the value of ``function`` where the user gave it no name."""
    last = function.rpartition("_")[2]
    return last if is_a_loss(last) or (len(function) == 1 and function.isalpha()) else "value"


def print_module(view: ModuleView) -> str:
    """Return the module's text, printed by the template; what is not used is not imported."""
    lines = (line for f in view.functions for line in (*f.signature, *f.lines))
    if not any(f"{view.np}." in line for line in lines):
        view = replace(view, np="")
    template = environment().get_template("numpy/module.py.jinja")
    return str(template.render(module=view))


__all__ = [
    "FunctionView",
    "Guard",
    "Interface",
    "ModuleView",
    "ModuleWriter",
    "Parameter",
    "contract_words",
    "docstring_text",
    "np",
    "paragraph",
    "print_module",
    "replace",
]
