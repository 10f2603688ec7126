"""From one half to statements: single uses inlined, arrays nobody needs updated in place.

Nothing here spells an op.  Invariant: nothing is computed twice but sizes, views and small
products of scalars, and no buffer is written while somebody still reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symgrad.graph import Equation, Graph, Notes, Op, Operand, Sym
from symgrad.ops.table import is_view
from symgrad.schedule.halves import Half, is_free_view

PRIMAL_WEIGHT, DERIVATIVE_WEIGHT = 14.0, 4.0
ARITHMETIC = frozenset({"add", "subtract", "multiply", "divide"})
WRITES = frozenset({"add_at", "add_windows", "put_at"})
# The first of the operands that a loop reads in every turn, and that are not worked out there.
LOOPED = {"add_windows": 1, "count_in_windows": 0} | {
    f"{name}_in_windows": 0 for name in ("max", "min", "sum", "mean")
}
READ_ONLY = frozenset({"broadcast_to", "windows"})  # views in which elements share memory


@dataclass(slots=True)
class Statement:
    """One line: an equation with the equations folded into it.

    ``mode`` is how it is written: ``assign``, ``update`` (``a *= b``, operand ``reused`` gives
    the buffer), or ``store`` (``a[key] = v`` or ``+=``) into the buffer of its first operand.
    """

    eqn: Equation
    mode: str = "assign"
    reused: int = 0
    starts: str = ""  # for a store, how the buffer begins: "own", "zeros", "make" or "copy"
    sign: str = ""  # for an addition to a part that is written otherwise, "=" or "-="
    reads: list[Sym] = field(default_factory=list)  # the named symbols, once for each time


@dataclass(slots=True)
class Plan:
    """A function ready to be spelled."""

    half: Half
    statements: list[Statement]
    inlined: dict[Sym, Equation]
    copies: frozenset[int] = frozenset()
    slot: dict[Sym, Sym] = field(default_factory=dict)
    owner: _Owner = field(init=False)

    def slot_of(self, y: Sym) -> Sym:
        """Return the symbol whose name ``y`` goes by: the first to live in its buffer."""
        return self.slot.get(y, y)

    def read_through(self, operands: Iterable[Operand]) -> list[Sym]:
        """Return the named symbols that a line with these operands reads, once for each time."""
        return read_through(operands, self.inlined)

    def temporaries(self, statement: Statement) -> list[Sym]:
        """Return the values inside a line that live in memory of their own."""
        found: list[Sym] = []
        todo = [x for x in statement.eqn.rhs.operands if x in self.inlined]
        while todo:
            x = todo.pop()
            rhs = self.inlined[x].rhs
            todo += [z for z in rhs.operands if z in self.inlined]
            if not _is_view(self.half.graph, rhs):
                found.append(x)
        return found


def read_through(operands: Iterable[Operand], inlined: Mapping[Sym, Equation]) -> list[Sym]:
    """Return the symbols that operands stand for, once for each time: through what is inlined."""
    found: list[Sym] = []
    todo = [x for x in operands if type(x) is Sym]
    while todo:
        x = todo.pop()
        if x in inlined:
            todo += [z for z in inlined[x].rhs.operands if type(z) is Sym]
        else:
            found.append(x)
    return found


def plan(half: Half, extra_outputs: Sequence[Operand], keep: frozenset[Sym]) -> Plan:
    """Return the statements of one function; ``keep`` must have lines of their own.

    ``extra_outputs`` are returned besides the graph's outputs: the residuals.
    """
    outputs = [*half.graph.outputs, *extra_outputs]
    inlined = inline_single_use(half, outputs, keep)
    statements = [Statement(eqn) for eqn in half.graph.equations if eqn.lhs[0] not in inlined]
    made = Plan(half, statements, inlined)
    for statement in statements:
        statement.reads = made.read_through(statement.eqn.rhs.operands)
    owner, repeated = _buffers(made), _repeated(made)
    made.owner = _reuse_buffers(made, outputs, owner, repeated)
    made.copies = _aliased_outputs(made, owner, repeated)
    return made


def inline_single_use(
    half: Half, outputs: Sequence[Operand], keep: frozenset[Sym]
) -> dict[Sym, Equation]:
    """Return the equations to fold into their readers, so code reads like the formula.

    Nothing is computed twice: a value read twice or returned stays on its own line, except for
    sizes, views of names, and small products of scalars.  The weight of a line is bounded.
    """
    graph, primal = half.graph, half.primal
    reads = Counter([x for eqn in graph.equations for x in eqn.rhs.operands])
    reads.update(outputs)
    own_line, given = {*outputs, *keep}, frozenset(graph.inputs)
    written = {eqn.rhs.operands[0] for eqn in graph.equations if eqn.rhs.name in WRITES}
    for eqn in graph.equations:
        own_line.update(eqn.rhs.operands[LOOPED.get(eqn.rhs.name, len(eqn.rhs.operands)) :])
    folded: dict[Sym, Equation] = {}
    weights: dict[Operand, float] = {}  # of the folded ones, with what is folded into them
    blanks = _blank_bases(graph, own_line)
    for eqn in graph.equations:
        (y, *others), rhs = eqn
        if y in blanks:
            folded[y], weights[y] = eqn, 0.0
            continue
        is_new, is_scalar = y not in primal, not graph.avals[y].shape
        own, limit = _own_weight(rhs, is_scalar), DERIVATIVE_WEIGHT if is_new else PRIMAL_WEIGHT
        inside = [x for x in rhs.operands if x in weights]
        if is_new and rhs.name == "contract":
            # A matrix product reads best between names, or next to one small bracket.
            apart = [x for x in inside if weights[x] > 1.25 or _is_known_product(graph, x, folded)]
            _unfold(apart, inside, folded, weights)
        while (weight := own + sum([weights[x] for x in inside]) if inside else own) > limit:
            heavy = max(inside, key=weights.__getitem__, default=None)
            if heavy is None or weights[heavy] <= 0.5:
                break
            _unfold([heavy], inside, folded, weights)
        if reads[y] != 1 and not _is_free(rhs, weight, reads[y], is_new and is_scalar):
            continue
        if y not in own_line and not others:
            is_named = not is_new and y in graph.notes.names
            if is_new and not is_scalar and _adds_to_own_line(half, eqn, weights, reads, given):
                continue
            if _may_fold(rhs, is_scalar, is_named, written):
                folded[y], weights[y] = eqn, weight
    return folded


def _adds_to_own_line(
    half: Half,
    eqn: Equation,
    folded: Mapping[Operand, float],
    reads: Mapping[Operand, int],
    given: frozenset[Sym],
) -> bool:
    """Return whether a sum can grow in the memory of a term that has a line and no other use."""
    (y, *_), rhs = eqn
    graph = half.graph
    return rhs.name == "add" and any(
        type(x) is Sym
        and x not in folded
        and x not in half.primal
        and x not in given
        and reads[x] == 1
        and graph.avals[x] == graph.avals[y]
        for x in rhs.operands
    )


def _unfold(
    chosen: Iterable[Operand],
    inside: list[Operand],
    folded: dict[Sym, Equation],
    weights: dict[Operand, float],
) -> None:
    for x in set(chosen):
        del folded[x], weights[x]
        inside[:] = [other for other in inside if other is not x]


def _blank_bases(graph: Graph, own_line: set[Operand]) -> set[Sym]:
    """Return the zeros that only serve as what writes begin with: each write makes its own."""
    zeros = {eqn.lhs[0] for eqn in graph.equations if _is_zeros(eqn.rhs)} - own_line
    for eqn in graph.equations if zeros else ():
        kept = eqn.rhs.operands[1:] if eqn.rhs.name in WRITES else eqn.rhs.operands
        zeros.difference_update(kept)
    return zeros


def _is_known_product(graph: Graph, x: Operand, folded: Mapping[Sym, Equation]) -> bool:
    """Return whether ``x`` is a product that is the gradient of a value with a name."""
    eqn = folded.get(x) if isinstance(x, Sym) else None
    if eqn is None or eqn.rhs.name != "contract":
        return False
    return graph.notes.cotangent_of.get(eqn.lhs[0]) in graph.notes.names


def _own_weight(rhs: Op, is_scalar: bool) -> float:
    if rhs.name == "size" or rhs.name in WRITES:
        return 0.0
    if rhs.name == "negative" or is_free_view(rhs):
        return 0.25
    return 0.5 if is_scalar else 1.0


def _may_fold(rhs: Op, is_scalar: bool, is_named: bool, written: set[Operand]) -> bool:
    """Return whether a value need not have a line: one the user named has, but for sizes."""
    if rhs.name == "size":
        return True
    if rhs.name == "alias" or rhs.name in WRITES:
        return False  # a step that the user wants to see
    if rhs.name == "index" and rhs.operands[0] in written:
        return False  # read before the array is written, so that it need not be copied
    return not is_named and (is_scalar or rhs.name != "constant")


def _is_free(rhs: Op, weight: float, reads: int, is_new_scalar: bool) -> bool:
    """Return whether writing it out for each reader costs and hides nothing."""
    if rhs.name == "size":
        return True
    if is_free_view(rhs):
        return weight <= 0.25
    cheap = rhs.name in ARITHMETIC or rhs.name == "negative"
    return is_new_scalar and cheap and weight <= 1.0 and reads <= 2


# --- buffers -----------------------------------------------------------------------------------


def _is_view(graph: Graph, rhs: Op) -> bool:
    """Return whether a value lives in the memory of its first operand."""
    return rhs.name == "alias" or bool(
        rhs.facts.view and is_view(rhs, list(map(graph.aval, rhs.operands)))
    )


def _buffers(made: Plan) -> dict[Sym, Sym]:
    """Return for each named symbol the symbol that owns its memory."""
    graph = made.half.graph
    owner: dict[Sym, Sym] = {x: x for x in graph.inputs}
    for statement in made.statements:
        eqn = statement.eqn
        for y in eqn.lhs:
            owner[y] = y
        if _is_view(graph, eqn.rhs):
            base = eqn.rhs.operands[0]
            while isinstance(base, Sym) and base in made.inlined:
                inner = made.inlined[base].rhs
                if not _is_view(graph, inner):
                    break
                base = inner.operands[0]
            if isinstance(base, Sym) and base in owner:
                owner[eqn.lhs[0]] = owner[base]
    return owner


def _reuse_buffers(
    made: Plan, outputs: Sequence[Operand], first: Mapping[Sym, Sym], repeated: set[Sym]
) -> _Owner:
    """Mark the statements that update an array nobody reads again; return who owns memory now."""
    graph = made.half.graph
    moved: dict[Sym, Sym] = {}
    owner = _Owner(first, moved)
    last: dict[Sym, int] = {}
    readers = Counter([x for statement in made.statements for x in statement.reads])
    for k, statement in enumerate(made.statements):
        for x in statement.reads:
            last[first[x]] = k
    for x in made.read_through(outputs):
        last[first[x]] = len(made.statements)
    fresh = set(first.values()) - set(graph.inputs)
    for k, statement in enumerate(made.statements):

        def is_dying(x: Operand, k: int = k, statement: Statement = statement) -> bool:
            if type(x) is not Sym or x in made.inlined or owner[x] not in fresh:
                return False
            if x in repeated or last[owner[x]] != k:
                return False
            whole = owner[x] is x or graph.avals[owner[x]] == graph.avals[x]
            times = [owner[y] for y in statement.reads].count(owner[x])
            return whole and (times == 1 or _is_calculated(made, statement.eqn.rhs))

        _choose_mode(made, statement, is_dying, readers)
        if statement.mode != "assign" and statement.starts in ("", "own"):
            y, x = statement.eqn.lhs[0], statement.eqn.rhs.operands[statement.reused]
            made.slot[y] = made.slot_of(x)
            buffer = owner[x]
            last[buffer] = last.get(owner[y], k)
            moved[y] = buffer
    return owner


def _is_calculated(made: Plan, rhs: Op) -> bool:
    """Return whether a write's value is worked out, in memory of its own, before it writes."""
    if rhs.name not in WRITES or rhs.operands[1] not in made.inlined:
        return False
    inside = made.inlined[rhs.operands[1]].rhs
    is_part = inside.facts.view or inside.name in ("alias", "astype")
    return not is_part and all(x is not rhs.operands[0] for x in rhs.operands[2:])


def _repeated(made: Plan) -> set[Sym]:
    """Return the names of views that repeat elements: NumPy lets nobody write to one."""
    found: set[Sym] = set()
    for statement in made.statements:
        rhs = statement.eqn.rhs
        while _is_view(made.half.graph, rhs):
            base = rhs.operands[0]
            if rhs.name in READ_ONLY or base in found:
                found.update(statement.eqn.lhs)
                break
            if base not in made.inlined:
                break
            rhs = made.inlined[base].rhs
    return found


class _Owner:
    """Which symbol owns the memory of another, as results move into reused buffers."""

    def __init__(self, first: Mapping[Sym, Sym], moved: Mapping[Sym, Sym]):
        self.first, self.moved = first, moved

    def __getitem__(self, x: Sym) -> Sym:
        buffer = self.first[x]
        return self.moved.get(buffer, buffer)


def _choose_mode(
    made: Plan, statement: Statement, is_dying: Any, readers: Mapping[Operand, int]
) -> None:
    eqn, graph = statement.eqn, made.half.graph
    operands = eqn.rhs.operands
    y = eqn.lhs[0]
    if eqn.rhs.name in WRITES:
        statement.mode = "store"
        base = operands[0]
        if isinstance(base, Sym) and base in made.inlined:
            start = made.inlined[base].rhs
            statement.starts = (
                "copy" if _is_view(graph, start) else "zeros" if _is_zeros(start) else "make"
            )
        else:
            statement.starts = "own" if is_dying(base) else "copy"
        return
    if eqn.rhs.name not in ARITHMETIC or not graph.avals[y].shape or y in made.half.primal:
        return
    choices = (0, 1) if eqn.rhs.name in ("add", "multiply") else (0,)
    for k in choices:
        x = operands[k]
        users = x in made.half.primal or x in graph.notes.names
        if (
            not users
            and not _renames(graph.notes, x, y)
            and readers[x] == 1  # what others read too is not yet what it becomes
            and is_dying(x)
            and graph.avals[x] == graph.avals[y]
        ):
            statement.mode, statement.reused = "update", k
            return


def _renames(notes: Notes, x: Operand, y: Sym) -> bool:
    """Return whether ``x`` and ``y`` are gradients by different names: each keeps its own."""
    before, after = notes.cotangent_of.get(x), notes.cotangent_of.get(y)
    return before is not None and after is not None and before is not after


def _is_zeros(rhs: Op) -> bool:
    if rhs.name == "full":
        return bool(rhs.setting("value") == 0)
    return rhs.name == "full_like" and getattr(rhs.operands[1], "value", None) == 0


def _aliased_outputs(made: Plan, owner: Mapping[Sym, Sym], repeated: set[Sym]) -> frozenset[int]:
    """Return which outputs would share memory with an input or an earlier output."""
    taken = set(made.half.graph.inputs) | repeated
    shared = set()
    for k, y in enumerate(made.half.graph.outputs):
        if not isinstance(y, Sym) or made.half.graph.avals[y].kind != "array":
            continue
        buffer = owner.get(y, y)
        if buffer in taken or y in taken:
            shared.add(k)
        taken.add(buffer)
    return frozenset(shared)
