"""The statements of one function: planned, named, spelled, and planned again until they fit.

Given a half of the schedule and the names of its inputs, return its lines.  Invariant: a line
is at most as wide as the formatter allows, and every name is assigned before it is read.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symgrad.dims import Dim, Shape, dims_in
from symgrad.emit.layout import bracketed, exploded, fits, with_note, wrapped
from symgrad.emit.sections import divide
from symgrad.emit.spell import Speller, Spelling
from symgrad.emit.views import Guard, Interface
from symgrad.graph import FLOAT64, Aval, Equation, Op, Operand, Origin, Sym, sizes_read
from symgrad.ops.indexing import key_text, never_meet, writes_once
from symgrad.ops.table import PRODUCT
from symgrad.ops.windows import addition_lines, are_apart
from symgrad.schedule import Half, Names, Plan, Statement, plan, worth_a_del


class Written:
    """Which places of an array that began as zeros have been written to."""

    def __init__(self, key: tuple[Any, ...]):
        self.parts: list[tuple[Any, ...]] = []
        self.elements: set[tuple[int, ...]] = set()
        self.depth = len(key)
        self.takes(key, ())

    def takes(self, key: tuple[Any, ...], shape: Shape) -> bool:
        """Add a place, and return whether nothing was certainly written there before."""
        others: Iterable[tuple[Any, ...]] = [*self.parts, *self.elements]
        if len(key) == self.depth and all(type(k) is int and k >= 0 for k in key):
            others = [*self.parts, *({key} & self.elements)]
            self.elements.add(key)
        else:
            self.parts.append(key)
        return all(never_meet(key, other, shape) for other in others)


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
    known: Mapping[Sym, str] = field(default_factory=dict)
    may_import: bool = True
    plan: Plan = field(init=False)
    names: Names = field(init=False)
    speller: Speller = field(init=False)
    dim_names: dict[Dim, str] = field(init=False, default_factory=dict)
    written: dict[Sym, Written] = field(init=False, default_factory=dict)
    unseen: set[Dim] = field(init=False, default_factory=set)
    early: list[Guard] = field(init=False, default_factory=list)
    late: list[Guard] = field(init=False, default_factory=list)  # checked once a mask has selected
    read: frozenset[Operand] = field(init=False)
    mentioned: list[Dim] = field(init=False)  # the sizes that the text mentions
    origins: list[list[Origin | None]] = field(init=False, default_factory=list)  # of each line
    lines: list[list[str]] = field(init=False, default_factory=list)  # of each statement

    def __post_init__(self) -> None:
        graph = self.half.graph
        sizes = (d for eqn in graph.equations if eqn.rhs.params for d in sizes_read(eqn.rhs))
        self.mentioned = list(dict.fromkeys(sizes))
        operands = (x for eqn in graph.equations for x in eqn.rhs.operands)
        self.read = frozenset((*operands, *graph.outputs, *self.extra)) | self._shows_a_size()

    def sections(self, taken: Sequence[str]) -> list[list[str]]:
        """Return the statements in sections, with their comments."""
        self.lines = written = self._written(taken)
        division = divide(
            self.plan.statements, list(map(len, written)), self.half.graph.notes.origins,
            () if self.seeds else self.half.primal,
            self.interface.rewritten, self.interface.comments,
        )  # fmt: skip
        returned = (*self.half.graph.outputs, *self.extra)
        deleted = worth_a_del(self.plan, returned, self._given_again)
        sections: list[list[str]] = [[]]
        self.origins = [[]]
        for k, lines in enumerate(written):
            if k in division.blank:
                sections.append([])
                self.origins.append([])
            said = division.comments.get(k)
            if said and said != lines[0].partition("  # ")[0]:  # it came out as it was written
                sections[-1].append(f"# {said}")
            sections[-1] += [part for line in lines for part in wrapped(line, 4)]
            sections[-1] += del_lines([self.name(slot) for slot in deleted.get(k, ())])
            origin = self.half.graph.notes.origins.get(self.plan.statements[k].eqn.lhs[0])
            self.origins[-1] += [origin] * (len(sections[-1]) - len(self.origins[-1]))
        return sections

    def _given_again(self) -> dict[Sym, int]:
        """Return at which statement the name of a value is given to something else."""
        bound: dict[str, Sym] = {}
        found = {}
        for k, statement in enumerate(self.plan.statements):
            for slot in map(self.plan.slot_of, statement.eqn.lhs):
                before = bound.get(self.names.of[slot])
                if before is not None and before is not slot:
                    found[before] = k
                bound[self.names.of[slot]] = slot
        return found

    def _written(self, taken: Sequence[str]) -> list[list[str]]:
        """Return the lines of each statement, planned again until every line fits."""
        keep = self._shows_a_size()
        cut: set[Sym] = set()
        while True:
            written = self._planned(keep, taken)
            too_long = self._too_long(written)
            if not too_long:
                break
            cut |= too_long
            # Other lines stay as they are, or a long sum would be divided anew from its cut on.
            keep = keep | too_long | {y for s in self.plan.statements for y in s.eqn.lhs}
        needless = self._fitting_again(cut, written)
        if needless:
            written = self._planned(keep - needless, taken)
            if self._too_long(written):  # two of them in one line
                written = self._planned(keep, taken)
        return written

    def _planned(self, keep: frozenset[Sym], taken: Sequence[str]) -> list[list[str]]:
        """Plan and name anew with values to ``keep`` on lines of their own; return the lines."""
        self.plan = plan(self.half, self.extra, keep)
        self.written.clear()
        self.unseen = self._unseen_sizes()
        self.late = [g for g in self._guards() if not self._may_check(g)]
        self.early = [g for g in self._guards() if g not in self.late]
        self._name_all(taken)
        return [self._statement(s) for s in self.plan.statements]

    def _too_long(self, written: Sequence[Sequence[str]]) -> set[Sym]:
        """Return what must have lines of its own for the long lines to fit."""
        return {
            x
            for s, lines in zip(self.plan.statements, written, strict=True)
            if (longest := max(map(len, lines), default=0)) and not fits(" " * longest)
            for x in self._to_unfold(s.eqn, longest)
        }

    def _fitting_again(
        self, cut: Collection[Sym], written: Sequence[Sequence[str]]
    ) -> frozenset[Sym]:
        """Return the values cut out of a line that was cut again, and would fit into it now."""
        if not cut:
            return frozenset()
        readers: dict[Sym, list[str]] = {}
        values = {}
        for s, lines in zip(self.plan.statements, written, strict=True):
            for x in s.reads:
                readers.setdefault(x, []).append(lines[0] if len(lines) == 1 else "")
            if s.mode == "assign" and len(s.eqn.lhs) == 1 and s.eqn.lhs[0] in cut:
                values[s.eqn.lhs[0]] = str(self.speller.equation(s.eqn))
        return frozenset(
            y
            for y, text in values.items()
            if len(readers.get(y, ())) == 1
            and readers[y][0]
            and fits(" " * (len(readers[y][0]) + len(text) - len(self.name(y)) + 2))
        )

    def _to_unfold(self, eqn: Equation, length: int) -> list[Sym]:
        """Return the folded values to be given lines of their own, so that a long line fits.

        Along the longest operands they are taken as deep as the line above them allows: a sum
        of many terms becomes full lines, not one term a line.
        """
        found: list[Sym] = []
        at, above, last = eqn, length, None
        while (heavy := self._longest(at)) is not None:
            x, size = heavy
            if last is not None and not fits(" " * (above - size + len("scaled2"))):
                found.append(last)
                above = len(str(self.speller.operand(last)))
                last = None
                if fits(" " * above):
                    break
                continue
            at, last = self.plan.inlined[x], x
        if last is not None and not fits(" " * above):
            found.append(last)
        return found

    def _longest(self, eqn: Equation) -> tuple[Sym, int] | None:
        """Return the folded operand with the longest text, and how long that is."""
        inside = [x for x in eqn.rhs.operands if isinstance(x, Sym) and x in self.plan.inlined]
        inside = [x for x in inside if self.plan.inlined[x].rhs.name != "size"]
        sizes = [(x, len(str(self.speller.operand(x)))) for x in inside]
        return max(sizes, key=lambda pair: pair[1], default=None)

    def name(self, x: Sym) -> str:
        return self.names.of[self.plan.slot_of(x)]

    def _name_all(self, taken: Sequence[str]) -> None:
        notes = self.half.graph.notes
        self.names = Names(notes, [*taken, self.np], self.defined, self.half.primal, self.known)
        self.names.of.update(self.preset)
        self.speller = Speller(
            self.half.graph,
            self.plan.inlined,
            self.name,
            self._dim_name,
            self.np,
            self.half.primal,
            self.names.taken,
            self.names.claim,
            self.may_import,
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
        wanted = [self.names.wanted(y) for y in members]
        users = [w for w, is_users in wanted if is_users]
        if not users:
            several = self._cotangent_name(members) if len(members) > 1 else None
            return self.names.claim(several or wanted[-1][0])
        # A name that the user gives again is given again here, once its old value is done with.
        is_one_line = self.plan.statements[start].mode == "assign"
        if free.get(users[0], math.inf) <= (start if is_one_line else start - 1):
            return users[0]
        return self.names.claim(users[0], True)

    def _last_reads(self) -> dict[Sym, float]:
        """Return for each slot the number of the statement that reads it last."""
        last: dict[Sym, float] = {}
        slot = self.plan.slot
        for k, statement in enumerate(self.plan.statements):
            for x in statement.reads:
                last[slot.get(x, x)] = k
        for x in self.plan.read_through((*self.half.graph.outputs, *self.extra)):
            last[self.plan.slot_of(x)] = math.inf
        return last

    def _cotangent_name(self, members: Sequence[Sym]) -> str | None:
        """Return the last ``d<name>`` in a buffer's life, the user's names before others."""
        notes = self.half.graph.notes
        cotangents = [y for y in members if y in notes.cotangent_of and y not in self.half.primal]
        named = [y for y in cotangents if notes.cotangent_of[y] in notes.names]
        chosen = named or cotangents
        return self.names.wanted(chosen[-1])[0] if chosen else None

    # --- sizes

    def _dim_name(self, dim: Dim) -> str:
        return self.dim_names[dim]

    def _name_dims(self) -> None:
        self.dim_names = {}
        shapes = self.half.graph.shapes
        for dim in self._all_dims():
            users = shapes.user_name(dim)
            self.dim_names[dim] = self.names.claim(shapes.label(dim), users is not None)

    def _all_dims(self) -> list[Dim]:
        graph, seen = self.half.graph, {}
        shapes = dict.fromkeys([a.shape for a in map(graph.avals.__getitem__, graph.inputs)])
        for eqn in graph.equations:
            for y in eqn.lhs:
                shapes[graph.avals[y].shape] = None
        for shape in shapes:
            seen.update(dict.fromkeys(dims_in(shape)))
            if graph.shapes.has_selected:
                seen.update(dict.fromkeys(dims_in(graph.shapes.resolve_shape(shape))))
        return list(seen | dict.fromkeys(self.mentioned))

    def size_lines(self, guarded: bool = False) -> list[str]:
        """Return the lines that read the sizes this function mentions: ``N = X.shape[0]``.

        ``guarded`` says that it checks the shapes of its arguments, and so mentions these too.
        """
        graph = self.half.graph
        read = dict.fromkeys(self.mentioned)
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
        y, *others = s.eqn.lhs
        targets = ", ".join(map(self._target, s.eqn.lhs)) if others else self._target(y)
        note = "" if others else self._note(y)
        if s.mode == "update":
            self.written.pop(self.plan.slot_of(y), None)
            return [self._update(s, targets)]
        value = str(self.speller.equation(s.eqn))
        if s.eqn.rhs.name == "constant":
            return exploded(f"{targets} = ", value, "", 4)
        if value == targets:
            return []
        if s.eqn.rhs.name in ("full", "eye", "arange", "full_like"):
            note = ""  # the line says its shape itself
        lines = [with_note(f"{targets} = {value}", note)]
        return lines + self._selected_sizes(s.eqn) + self._selection_check(y)

    def _selection_check(self, y: Sym) -> list[str]:
        """Return the check that a mask selected as many elements as what they meet has."""
        axis = self.half.graph.notes.selections.get(y)
        if axis is None:
            return []
        name, size = self.name(y), self.speller.size(self.half.graph.avals[y].shape[axis])
        expected = size if size.isdigit() else f"{{{size}}}"
        return [
            f"if {name}.shape[{axis}] != {size}:",
            *raise_lines(
                f"{name} has shape {{{name}.shape}}, ", f"expected {expected} along axis {axis}"
            ),
        ]

    def _checked_selections(self) -> list[Sym]:
        found = self.half.graph.notes.selections
        if not found:
            return []
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
        lines: list[str] = []
        for y in eqn.lhs if self.unseen else ():
            shape = self.half.graph.avals[y].shape
            for d in shape:
                if isinstance(d, Dim) and d in self.unseen:
                    self.unseen.discard(d)
                    lines.append(f"{self.dim_names[d]} = {self.name(y)}.shape[{shape.index(d)}]")
                    for guard in [g for g in self.late if self._may_check(g)]:
                        self.late.remove(guard)
                        lines += self.shape_guard(guard)
        return lines

    def _may_check(self, guard: Guard) -> bool:
        """Return whether the sizes that a parameter must have are all known by now."""
        shape = self.half.graph.avals[guard.symbol].shape
        return self.unseen.isdisjoint(dims_in(shape[k] for k in guard.axes))

    def shape_guard(self, guard: Guard) -> list[str]:
        """Return the check of a parameter's shape that no operation makes by itself."""
        aval, name = self.half.graph.avals[guard.symbol], self.name(guard.symbol)
        if len(guard.axes) == len(aval.shape):
            shape = self.shape_text(aval)
            is_fixed = all(isinstance(size, int) for size in aval.shape)
            expected = shape if is_fixed else f"{{{shape}}}"
            return [
                f"if {name}.shape != {shape}:",
                *raise_lines(f"{name} has shape {{{name}.shape}}, ", f"expected {expected}"),
            ]
        lines = []
        for k in guard.axes:
            size = self.speller.size(aval.shape[k])
            expected = size if isinstance(aval.shape[k], int) else f"{{{size}}}"
            lines += [
                f"if {name}.shape[{k}] != {size}:",
                *raise_lines(
                    f"{name} has shape {{{name}.shape}}, ", f"expected {expected} along axis {k}"
                ),
            ]
        return lines

    def _guards(self) -> list[Guard]:
        """Return the checks of parameters; backward is given what forward has checked."""
        inputs = () if self.seeds else self.half.graph.inputs
        return [guard for guard in self.interface.guards if guard.symbol in inputs]

    def _unseen_sizes(self) -> set[Dim]:
        """Return the sizes that the text mentions and no input shows."""
        graph = self.half.graph
        known = {d for x in graph.inputs for d in graph.avals[x].shape}
        read = set(self.mentioned)
        for guard in self._guards():
            shape = graph.avals[guard.symbol].shape
            read.update(dims_in(shape[k] for k in guard.axes))
        for y in self._checked_selections():
            read.update(dims_in((graph.avals[y].shape[graph.notes.selections[y]],)))
        return read - known

    def _shows_a_size(self) -> frozenset[Sym]:
        """Return the values that such a size is read from: each needs a line of its own."""
        unseen, found = self._unseen_sizes(), set(self._checked_selections())
        if not unseen:
            return frozenset(found)
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
            start = str(self.speller.operand(base))
            note = "" if s.starts == "zeros" else self._note(y)
            lines.append(with_note(f"{target} = {start}", note))
        elif s.starts == "copy":
            start = self._copy(base)
            note = "" if start.startswith(f"{self.np}.full(") else self._note(y)
            lines.append(with_note(f"{target} = {start}", note))
        if rhs.name == "add_windows":
            return [*lines, *self._windows_added(s, target)]
        return [*lines, self._write(s, target, value)]

    def _windows_added(self, s: Statement, target: str) -> list[str]:
        self.written.pop(self.plan.slot_of(s.eqn.lhs[0]), None)
        spelling = Spelling(self.speller, s.eqn.rhs)
        s.sign = "=" if s.starts == "zeros" and are_apart(s.eqn.rhs) else ""
        return addition_lines(spelling, target, s.starts == "zeros")

    def _copy(self, base: Operand) -> str:
        """Return the text of an array of its own: filled where it repeats one number."""
        eqn = self.plan.inlined.get(base) if isinstance(base, Sym) else None
        if eqn is not None and eqn.rhs.name == "broadcast_to":
            source, aval = eqn.rhs.operands[0], self.half.graph.avals[eqn.lhs[0]]
            if not self.half.graph.aval(source).shape:
                kind = "" if aval.dtype == FLOAT64 else f", dtype={self.np}.{aval.dtype.name}"
                shape = self.shape_text(aval)
                return f"{self.np}.full({shape}, {self.speller.operand(source)}{kind})"
        return f"{self.speller.operand(base):10}.copy()"

    def _write(self, s: Statement, target: str, value: Operand) -> str:
        rhs = s.eqn.rhs
        key = key_text(Spelling(self.speller, rhs), 2)
        place = f"{target}[{key or '...'}]"
        text, is_first = self.speller.operand(value), self._is_first_write(s)
        if rhs.name == "put_at":
            return f"{place} = {text}"
        if writes_once([self._known(x) for x in rhs.operands[2:]]):
            if is_first:
                s.sign = "="
                return f"{place} = {text}"
            if text.text.startswith("-") and text.precedence >= PRODUCT:
                s.sign = "-="
                return f"{place} -= {text.text[1:]}"
            return f"{place} += {text}"
        index = f"({key})" if len(rhs.setting("key")) > 1 else key
        if any(isinstance(entry, slice) for entry in rhs.setting("key")):
            index = f"{self.np}.s_[{key}]"
        return f"{self.np}.add.at({target}, {index}, {text})"

    def _is_first_write(self, s: Statement) -> bool:
        """Return whether the elements written are still the zeros the array began with."""
        y, key = s.eqn.lhs[0], s.eqn.rhs.setting("key")
        slot, shape = self.plan.slot_of(y), self.half.graph.avals[y].shape
        if s.starts == "zeros":
            self.written[slot] = Written(key)
            return True
        before = self.written.get(slot)
        return before is not None and before.takes(key, shape)

    def _known(self, x: Operand) -> tuple[Aval, Op | None]:
        eqn = self.defined.get(x) if isinstance(x, Sym) else None
        return self.half.graph.aval(x), eqn.rhs if eqn is not None else None

    def _note(self, y: Sym) -> str:
        """Return the shape comment of an array."""
        aval = self.half.graph.avals[y]
        return self.shape_text(aval) if aval.shape else ""

    def shape_text(self, aval: Aval) -> str:
        return self.speller.shape(aval.shape)


def raise_lines(first: str, second: str) -> list[str]:
    """Return the line, indented once, that raises with a formatted message of two parts."""
    lines = bracketed("raise ValueError(", [f'f"{first}{second}"'], ")", 8)
    if not all(fits(line, 8) for line in lines):
        lines = ["raise ValueError(", f'    f"{first}"', f'    f"{second}"', ")"]
    return [f"    {line}" for line in lines]


def del_lines(names: Sequence[str]) -> list[str]:
    line = f"del {', '.join(names)}"
    return [line] if names and fits(line) else [f"del {name}" for name in names]
