"""What emitted functions cost: operations, flops, bytes moved, residuals, peak memory.

Given a function as it was planned and written, return its counts.  Invariant: what is counted is
what the text does, an expression that stands on two lines twice; sizes and views cost nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from symgrad.dims import Size, product
from symgrad.graph import Aval, Equation, Graph, Operand, Sym
from symgrad.ops.table import flops_of, is_view, transcendentals_of
from symgrad.report.amounts import Amount, Amounts
from symgrad.schedule import Half, Plan, Statement
from symgrad.schedule.statements import WRITES

NO_OPERATION = frozenset({"size", "alias"})  # text, but nothing that NumPy does


@dataclass(frozen=True, slots=True)
class OpCost:
    """How often an op stands in a function, and what that costs."""

    op: str
    times: int
    flops: Amount
    transcendentals: Amount


@dataclass(frozen=True, slots=True)
class Cost:
    """What one emitted function does.

    ``operations`` are NumPy's, without views.  ``flops`` count each ``+ - * /``, comparison,
    choice and root of an element as 1; ``transcendentals`` count the values of ``exp``, ``log``,
    ``tanh``, powers and the like apart.  ``bytes_accessed`` is what the operations read and
    write.  ``peak`` is how many bytes are alive at most beside the arguments.  ``laws`` are the
    derivative laws used, with how often.
    """

    operations: int
    flops: Amount
    transcendentals: Amount
    bytes_accessed: Amount
    peak: int | None
    by_op: tuple[OpCost, ...]
    laws: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Residual:
    """A value that `forward` keeps: its name, aval, bytes, and whether it takes memory itself.

    An argument is there anyway, and a view lives in memory of another value.
    """

    name: str
    shape: str
    dtype: str
    size: Amount
    is_additional: bool


@dataclass(frozen=True, slots=True)
class Residuals:
    """All that `forward` keeps; ``additional`` are the bytes beside the arguments."""

    kept: tuple[Residual, ...]
    total: Amount
    additional: Amount


@dataclass(slots=True)
class _Tally:
    times: int = 0
    flops: Counter[Size] = field(default_factory=Counter)
    transcendentals: Counter[Size] = field(default_factory=Counter)

    def add(self, other: _Tally) -> None:
        self.times += other.times
        self.flops.update(other.flops)
        self.transcendentals.update(other.transcendentals)


def cost_of(plan: Plan, extra: Sequence[Operand], laws: Counter[str]) -> Cost:
    """Return what a function costs that returns ``extra`` beside its outputs."""
    graph = plan.half.graph
    amounts, by_op, moved = Amounts(graph), dict[str, _Tally](), Counter[Size]()
    signs = {s.eqn.rhs.operands[1]: s.sign for s in plan.statements if s.sign}
    for eqn, times in _written(plan, extra):
        if eqn.rhs.name in NO_OPERATION or _is_view(graph, eqn):
            continue
        if eqn.rhs.name == "negative" and signs.get(eqn.lhs[0]) == "-=":
            continue
        xs = [_resolved(graph, x) for x in eqn.rhs.operands]
        ys = [_resolved(graph, y) for y in eqn.lhs]
        tally = by_op.setdefault(eqn.rhs.name, _Tally())
        tally.times += times
        if eqn.rhs.name not in WRITES or signs.get(eqn.rhs.operands[1]) != "=":
            tally.flops[flops_of(graph.shapes, eqn.rhs, xs, ys[0])] += times
        elif eqn.rhs.name == "add_windows" and len(xs) > 2:  # compared and multiplied, not added
            tally.flops[flops_of(graph.shapes, eqn.rhs, xs, ys[0])] += times
            tally.flops[flops_of(graph.shapes, eqn.rhs, xs[:2], ys[0])] -= times
        tally.transcendentals[transcendentals_of(eqn.rhs, xs, ys[0])] += times
        for aval in (*xs, *ys):
            moved[product(aval.shape)] += times * aval.dtype.itemsize
    total = _Tally()
    for tally in by_op.values():
        total.add(tally)
    return Cost(
        total.times,
        amounts.total(total.flops),
        amounts.total(total.transcendentals),
        amounts.total(moved),
        _peak(plan),
        tuple(
            OpCost(name, t.times, amounts.total(t.flops), amounts.total(t.transcendentals))
            for name, t in sorted(by_op.items())
        ),
        tuple(sorted(laws.items())),
    )


def _written(plan: Plan, extra: Sequence[Operand]) -> list[tuple[Equation, int]]:
    """Return the equations with how often each stands in the text."""
    graph = plan.half.graph
    reads = Counter[Operand]([*graph.outputs, *extra])
    found = []
    for eqn in reversed(graph.equations):
        folded = eqn.lhs[0] in plan.inlined
        times = reads[eqn.lhs[0]] if folded else 1
        for x in eqn.rhs.operands:
            reads[x] += times
        found.append((eqn, times))
    return found[::-1]


def _resolved(graph: Graph, x: Operand) -> Aval:
    aval = graph.aval(x)
    return aval._replace(shape=graph.shapes.resolve_shape(aval.shape))


def _is_view(graph: Graph, eqn: Equation) -> bool:
    return bool(eqn.rhs.operands) and is_view(eqn.rhs, list(map(graph.aval, eqn.rhs.operands)))


# --- memory -----------------------------------------------------------------------------------


def residuals_of(half: Half, kept: Sequence[Sym], names: Sequence[str]) -> Residuals:
    """Return what `forward` keeps, by the names that it gives them."""
    graph = half.graph
    amounts, owner = Amounts(graph), _owners(graph)
    found, total, additional = [], Counter[Size](), Counter[Size]()
    taken = set(graph.inputs)
    for x, name in zip(kept, names, strict=True):
        aval = _resolved(graph, x)
        nbytes = Counter({product(aval.shape): aval.dtype.itemsize})
        total.update(nbytes)
        is_own = owner[x] not in taken
        if is_own:
            taken.add(owner[x])
            base = _resolved(graph, owner[x])
            additional[product(base.shape)] += base.dtype.itemsize
        shown = ", ".join(graph.shapes.show_size(size) for size in aval.shape)
        shape = f"({shown},)" if len(aval.shape) == 1 else f"({shown})"
        found.append(Residual(name, shape, aval.dtype.name, amounts.total(nbytes), is_own))
    return Residuals(tuple(found), amounts.total(total), amounts.total(additional))


def _owners(graph: Graph) -> dict[Sym, Sym]:
    """Return for each symbol the one whose memory it lives in."""
    owner = {x: x for x in graph.inputs}
    for eqn in graph.equations:
        owner.update((y, y) for y in eqn.lhs)
        base = eqn.rhs.operands[0] if eqn.rhs.operands else None
        if isinstance(base, Sym) and (eqn.rhs.name == "alias" or _is_view(graph, eqn)):
            owner[eqn.lhs[0]] = owner[base]
    return owner


def _peak(plan: Plan) -> int | None:
    """Return the most bytes alive at once, arguments apart, or None without an example.

    A name lives until the function returns, a temporary until its reader is done.  NumPy may
    reuse a large temporary, so this is a bound.
    """
    graph, memory = plan.half.graph, _Memory(plan)
    if any(
        graph.shapes.value(size) is None for aval in graph.avals.values() for size in aval.shape
    ):
        return None
    held = peak = 0
    for statement in plan.statements:
        most, result = memory.of_statement(statement)
        peak, held = max(peak, held + most), held + result
    copied = [y for k, y in enumerate(graph.outputs) if k in plan.copies]
    return max(peak, held + sum(memory.bytes_of([y]) or 0 for y in copied))


class _Memory:
    """Bytes that statements and the expressions in them take, at the sizes of the example."""

    def __init__(self, plan: Plan):
        self.plan, self.graph = plan, plan.half.graph

    def bytes_of(self, values: Iterable[Operand]) -> int:
        total = 0
        for aval in (_resolved(self.graph, x) for x in values):
            total += aval.dtype.itemsize * (self.graph.shapes.value(product(aval.shape)) or 0)
        return total

    def of_statement(self, statement: Statement) -> tuple[int, int]:
        """Return the most bytes alive while a statement runs, and how many it leaves."""
        eqn = statement.eqn
        most, inside = self.of_operands(eqn)
        if statement.mode == "update" or statement.starts == "own" or _is_view(self.graph, eqn):
            return most, inside if _is_view(self.graph, eqn) else 0
        own = self.bytes_of(eqn.lhs)
        return max(most, inside + own), own

    def of_operands(self, eqn: Equation) -> tuple[int, int]:
        most = held = 0
        for x in eqn.rhs.operands:
            inner = self.plan.inlined.get(x) if isinstance(x, Sym) else None
            if inner is not None:
                peak, result = self.of_expression(inner)
                most, held = max(most, held + peak), held + result
        return most, held

    def of_expression(self, eqn: Equation) -> tuple[int, int]:
        most, inside = self.of_operands(eqn)
        if _is_view(self.graph, eqn):
            return most, inside
        own = self.bytes_of(eqn.lhs)
        return max(most, inside + own), own
