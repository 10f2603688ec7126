"""Algebra on the appended part: each law is one a person could write on a blackboard.

Given the joint graph and how many of its equations are the user's own, replay it: the user's
equations as they are, every later one through `LAWS`.  These are derivative laws: equal
wherever the original is finite; they may fill a removable singularity.  Invariant: a law keeps
shape and dtype, and touches a factor only if it is new, so nothing computed twice.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.dims import Shape, Size, product
from symgrad.graph import (
    OPS,
    Builder,
    Equation,
    Graph,
    Op,
    Operand,
    Static,
    Sym,
    Value,
    building,
    size_value,
)
from symgrad.ops.contraction import contract
from symgrad.ops.indexing import ARRAY, indexed_shape
from symgrad.ops.table import op

Law = Callable[..., Operand | None]


NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Rule:
    """One law and the op on which it is tried.

    A law that needs a new application of certain ops (or a ``NUMBER``) among the operands
    names them in ``below``, and is not tried on others.
    """

    law: str
    head: str
    rewrite: Law
    below: tuple[str, ...] = ()


RULES: list[Rule] = []


def rule(head: str, law: str, *below: str) -> Callable[[Law], Law]:
    def register(rewrite: Law) -> Law:
        RULES.append(Rule(law, head, rewrite, below))
        return rewrite

    return register


@functools.cache
def _laws_for(head: str, below: tuple[str, ...]) -> tuple[Law, ...]:
    return tuple(
        r.rewrite
        for r in RULES
        if r.head == head and (not r.below or not set(below).isdisjoint(r.below))
    )


DEEPEST_CHAIN = 60  # laws applied to the result of laws


class Simplifier(Builder):
    """A builder that applies the laws to equations beyond the user's own."""

    shared: set[Operand]
    own: frozenset[Operand]
    own_inputs: int
    depth = 0

    @classmethod
    def after(cls, graph: Graph, start: int, seeds: int) -> Simplifier:
        """Return a builder that holds the user's own equations and takes new ones by the laws."""
        new = cls.continuing(graph, start)
        new.laws, new.shared = LAWS, set()
        new.own = frozenset([*new.inputs, *new.defined_by])
        new.own_inputs = len(graph.inputs) - seeds
        return new

    def _by_law(self, op: type[Op], operands: Any, settings: Any) -> Operand | None:
        # A law's result goes through the laws again; a chain this long is left as it is.
        if self.depth >= DEEPEST_CHAIN:
            return None
        self.depth += 1
        try:
            for law in _laws_for(op.name, tuple([self._head(x) for x in operands])):
                found = law(self, operands, settings)
                if found is not None and self._is_like(found, op, operands, settings):
                    return found
            return None
        finally:
            self.depth -= 1

    def _is_like(self, found: Operand, op: type[Op], operands: Any, settings: Any) -> bool:
        """Return whether what a law found has the shape and dtype of what it replaces.

        A Python number takes the dtype of what it meets: it replaces none that would not.
        """
        want, have = self.infer(op, operands, settings)[0], self.aval(found)
        return (
            have.dtype == want.dtype
            and (have.kind == "python") == (want.kind == "python")
            and len(have.shape) == len(want.shape)
            and all(map(self.shapes.same, have.shape, want.shape))
        )

    def _head(self, operand: Operand) -> str:
        if type(operand) is Static:
            return NUMBER
        eqn = self.defined_by.get(operand)
        if eqn is None:
            return ""
        name = eqn.rhs.name
        return name if operand not in self.own or name == "where" else ""

    def sole(self, operand: Operand, head: str) -> Op | None:
        """Return what `new` returns, unless more than one equation reads ``operand``.

        A law that takes a product apart would compute it again for the other readers.
        """
        return None if operand in self.shared else self.new(operand, head)

    def share(self, operand: Operand) -> None:
        """Note that several equations read ``operand``, and so what it only copies."""
        self.shared.add(operand)
        row = self.definition(operand)
        if row is not None and row.name in ("broadcast_to", "expand_dims", "astype"):
            self.share(row.operands[0])

    def new(self, operand: Operand, head: str) -> Op | None:
        """Return the definition of ``operand`` if it is a new application of ``head``."""
        if type(operand) is Sym and operand not in self.own:
            eqn = self.defined_by.get(operand)
            if eqn is not None and eqn.rhs.name == head:
                return eqn.rhs
        return None


def simplify(graph: Graph, start: int, seeds: int = 0) -> Graph:
    """Return ``graph`` with the laws applied to all equations from number ``start`` on.

    The last ``seeds`` inputs are the cotangents of the outputs; they stand last in a product.
    """
    builder = Simplifier.after(graph, start, seeds)
    moved: dict[Sym, Operand] = {}
    live, reads = _live(graph, start)
    with building(builder):
        for eqn in live:
            builder.keep(eqn, moved, graph)
            for y in eqn.lhs:
                if reads[y] > 1:
                    builder.share(moved.get(y, y))
    builder.carry_cotangents(moved, graph)
    return builder.graph([moved.get(y, y) if type(y) is Sym else y for y in graph.outputs])


def _live(graph: Graph, start: int) -> tuple[list[Equation], Counter[Sym]]:
    """Return the new equations that anybody needs, and how often each symbol is read."""
    reads = Counter([y for y in graph.outputs if type(y) is Sym])
    live = []
    for eqn in reversed(graph.equations[start:]):
        if graph.shapes.has_selected or not reads.keys().isdisjoint(eqn.lhs):
            live.append(eqn)
            for x in eqn.rhs.operands:
                if type(x) is Sym:
                    reads[x] += 1
    reads.update([x for e in graph.equations[:start] for x in e.rhs.operands if type(x) is Sym])
    return live[::-1], reads


# --- what laws ask --------------------------------------------------------------------------


def _value(b: Simplifier, operand: Operand) -> Value:
    return Value(b, operand)


def _literal(x: Operand) -> Any:
    return x.value if type(x) is Static else None


def _is_scalar(b: Simplifier, x: Operand) -> bool:
    return b.aval(x).shape == ()


def _keeps(
    b: Simplifier, result: Value, head: str, operands: tuple[Operand, ...]
) -> Operand | None:
    """Return the rewritten operand if its shape and dtype are those of the original."""
    want = b.infer(OPS[head], operands, ())[0]
    have = result.aval
    if have.dtype != want.dtype or len(have.shape) != len(want.shape):
        return None
    return result.symbol if all(map(b.shapes.same, have.shape, want.shape)) else None


def _is_zeros(b: Simplifier, x: Operand) -> bool:
    row = b.new(x, "full")
    if row is not None:
        return bool(row.setting("value") == 0)
    row = b.new(x, "full_like")
    return row is not None and _literal(row.operands[1]) == 0


def _is_signed(b: Simplifier, x: Operand) -> bool:
    """Return whether NumPy's -x is minus x: no boolean has it, and unsigned numbers wrap."""
    return b.aval(x).dtype.kind in "ifc"


def _zeros_with(b: Simplifier, x: Operand) -> Op | None:
    """Return the definition of ``x`` if it is a value added into zeros."""
    row = b.new(x, "add_at")
    if row is None or not _is_zeros(b, row.operands[0]):
        return None
    return row if _is_signed(b, row.operands[1]) else None


def _scaled(b: Simplifier, x: Operand) -> tuple[Operand, Operand] | None:
    """Return ``(s, z)`` if ``x`` is a new product of a scalar ``s`` and an array ``z``."""
    row = b.sole(x, "multiply")
    if row is None or _is_scalar(b, x):
        return None
    s, z = row.operands
    if _is_scalar(b, z):
        s, z = z, s
    if not _is_scalar(b, s) or not _is_signed(b, s) or not b.aval(z).inexact:
        return None  # sums and products of booleans and small integers are others in NumPy
    return s, z


def _negated(b: Simplifier, x: Operand) -> Operand | None:
    row = b.new(x, "negative")
    return row.operands[0] if row is not None and _is_signed(b, x) else None


def _subtractable(b: Simplifier, x: Operand) -> Operand | None:
    """Return ``y`` if ``x`` is -y, also where the sign sits on a scalar factor."""
    inner = _negated(b, x)
    if inner is not None:
        return inner
    row = b.new(x, "multiply")
    if row is None:
        return None
    s, z = row.operands
    number = _literal(s)
    if type(number) in (int, float) and number < 0:
        return b.apply("multiply", -number, z).symbol
    inner = _negated(b, s)
    return None if inner is None else (_value(b, inner) * _value(b, z)).symbol


def _masked(b: Simplifier, x: Operand) -> tuple[Operand, Operand, bool] | None:
    """Return ``(mask, value, value_first)`` if ``x`` is zero off or on a mask."""
    row = b.definition(x)
    if row is None or row.name != "where" or not (b.new(x, "where") or _is_risky(b, row)):
        return None
    mask, first, second = row.operands
    if _literal(second) == 0:
        return mask, first, True
    if _literal(first) == 0:
        return mask, second, False
    return None


def _is_risky(b: Simplifier, row: Op) -> bool:
    """Return whether a choice of the user's own may hide what is not finite.

    A choice between numbers is the mask itself: what it multiplies may be what it hides.
    """
    inside = [b.definition(x) for x in row.operands[1:]]
    if all(_literal(x) is not None for x in row.operands[1:]):
        return True
    return any(r is not None and r.name in _NOT_ALWAYS_FINITE for r in inside)


_NOT_ALWAYS_FINITE = frozenset({
    "divide", "log", "log1p", "log2", "log10", "sqrt", "power", "reciprocal", "exp", "expm1",
    "multiply", "negative",
})  # fmt: skip


def _where(b: Simplifier, mask: Operand, value: Value, first: bool) -> Value:
    m = _value(b, mask)
    return op.where(m, value, 0) if first else op.where(m, 0, value)


def _unbroadcast_operand(b: Simplifier, x: Operand) -> Operand | None:
    """Return what a new copy, along leading axes or of any kind, copies."""
    row = b.new(x, "broadcast_to")
    if row is not None:
        return row.operands[0]
    row = b.new(x, "expand_dims")
    if row is not None and row.setting("axis") == tuple(range(len(row.setting("axis")))):
        return row.operands[0]
    return None


_FOLD: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
}


def _fold(b: Simplifier, operands: tuple[Operand, ...], head: str) -> Operand | None:
    values = [x.value for x in operands if type(x) is Static and type(x.value) in (int, float)]
    if len(values) < len(operands):
        return None
    if head == "divide" and values[1] == 0:
        return None
    return Static(_FOLD[head](*values))


for _head in _FOLD:
    rule(_head, "arithmetic of numbers", NUMBER)(
        functools.partial(lambda b, xs, _, head: _fold(b, xs, head), head=_head)
    )


# --- signs and units ------------------------------------------------------------------------


@rule("multiply", "1 x = x", NUMBER)
def _one(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for one, x in (xs, xs[::-1]):
        if _literal(one) == 1:
            return _keeps(b, _value(b, x), "multiply", xs)
        if _literal(one) == -1 and b.aval(x).inexact:  # NumPy negates no booleans
            return _keeps(b, -_value(b, x), "multiply", xs)
    return None


@rule("multiply", "(1.0 n) x = n x, where n is whole", "multiply")
def _whole_factor(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for k, x in enumerate(xs):
        n = _unconverted(b, x)
        if n is not None:
            return _keeps(b, n * _value(b, xs[1 - k]), "multiply", xs)
    return None


@rule("divide", "(1.0 n) / x = n / x, where n is whole", "multiply")
def _whole_numerator(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    n = _unconverted(b, xs[0])
    return _keeps(b, n / _value(b, xs[1]), "divide", xs) if n is not None else None


def _unconverted(b: Simplifier, x: Operand) -> Value | None:
    """Return ``n`` of ``1.0 n``, which only makes a float of a whole number."""
    row = b.new(x, "multiply")
    for one, n in (row.operands, row.operands[::-1]) if row is not None else ():
        if _literal(one) == 1:
            return _value(b, n)
    return None


@rule("divide", "x / 1 = x", NUMBER)
def _over_one(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    if _literal(xs[1]) == 1:
        return _keeps(b, _value(b, xs[0]), "divide", xs)
    return None


@rule(
    "negative", "-(-x) = x,  -(a - b) = b - a,  -(s x) = (-s) x",
    "negative", "subtract", "multiply", "divide", "add_at", "where", "broadcast_to",
)  # fmt: skip
def _negation(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    (x,) = xs
    inner = _negated(b, x)
    if inner is not None:
        return inner
    if (row := b.new(x, "subtract")) is not None:
        left, right = (_value(b, v) for v in row.operands)
        return (right - left).symbol
    for head in ("multiply", "divide"):
        row = b.new(x, head)
        if row is not None and type(_literal(row.operands[0])) in (int, float):
            number, rest = row.operands
            if not _is_signed(b, rest):
                return None
            return b.apply(head, -_literal(number), rest).symbol
    if (scaled := _scaled(b, x)) is not None:
        s, z = (_value(b, v) for v in scaled)
        return ((-s) * z).symbol
    if (row := _zeros_with(b, x)) is not None:
        base, value, *indices = (_value(b, v) for v in row.operands)
        return op.add_at(base, -value, *indices, key=row.setting("key")).symbol
    if (masked := _masked(b, x)) is not None and _is_signed(b, masked[1]):
        mask, value, first = masked
        return _where(b, mask, -_value(b, value), first).symbol
    return _outside(b, x, lambda v: -v)


def _outside(b: Simplifier, x: Operand, apply: Callable[[Value], Value]) -> Operand | None:
    """Move an elementwise step of one operand inside a copy: f(copy(x)) = copy(f(x))."""
    row = b.new(x, "broadcast_to")
    if row is None:
        return None
    inner = apply(_value(b, row.operands[0]))
    return op.broadcast_to(inner, shape=row.setting("shape")).symbol


def _sign_out_of(head: str) -> Law:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        for k in (0, 1):
            inner = _negated(b, xs[k])
            if inner is not None and (_is_scalar(b, xs[1 - k]) or not _is_scalar(b, inner)):
                pair = [inner if i == k else x for i, x in enumerate(xs)]
                return (-b.apply(head, *pair)).symbol
        return None

    return rewrite


rule("multiply", "(-a) b = -(a b)", "negative")(_sign_out_of("multiply"))
rule("divide", "(-a) / b = -(a / b)", "negative")(_sign_out_of("divide"))


@rule("add", "x + 0 = x", NUMBER, "full", "full_like")
def _plus_zero(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for zero, x in (xs, xs[::-1]):
        if _literal(zero) == 0 or _is_zeros(b, zero):
            return _keeps(b, _value(b, x), "add", xs)
    return None


@rule("add", "x + x = 2 x")
def _twice(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    return (2 * _value(b, xs[0])).symbol if xs[0] is xs[1] else None


@rule("add", "a + (-b) = a - b", "negative", "multiply")
def _plus_negative(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for k in (1, 0):
        inner = _subtractable(b, xs[k])
        if inner is not None:
            return (_value(b, xs[1 - k]) - _value(b, inner)).symbol
    return None


@rule("add", "where(m, a, 0) + where(m, 0, b) = where(m, a, b)", "where")
def _join_masks(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    one, two = _masked(b, xs[0]), _masked(b, xs[1])
    if one is None or two is None or one[0] != two[0] or one[2] == two[2]:
        return None
    first, second = (one, two) if one[2] else (two, one)
    joined = op.where(*(_value(b, v) for v in (one[0], first[1], second[1])))
    return _keeps(b, joined, "add", xs)


@rule("add", "x + (x + y) = 2 x + y", "add")
def _collect(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for x, other in (xs, xs[::-1]):
        row = b.sole(other, "add")
        if row is not None and x in row.operands:
            rest = row.operands[1] if row.operands[0] == x else row.operands[0]
            return (2 * _value(b, x) + _value(b, rest)).symbol
    return None


def _common_factor(head: str) -> Law:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        one, two = _scaled(b, xs[0]), _scaled(b, xs[1])
        if one is None or two is None or one[0] != two[0]:
            return None
        inner = b.apply(head, one[1], two[1])
        return _keeps(b, _value(b, one[0]) * inner, head, xs)

    return rewrite


rule("add", "s x + s y = s (x + y)", "multiply")(_common_factor("add"))
rule("subtract", "s x - s y = s (x - y)", "multiply")(_common_factor("subtract"))


@rule(
    "subtract", "x - 0 = x,  0 - x = -x,  a - (-b) = a + b",
    NUMBER, "full", "full_like", "negative", "multiply",
)  # fmt: skip
def _difference(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    left, right = xs
    if _literal(right) == 0 or _is_zeros(b, right):
        return _keeps(b, _value(b, left), "subtract", xs)
    if (_literal(left) == 0 or _is_zeros(b, left)) and _is_signed(b, right):
        return _keeps(b, -_value(b, right), "subtract", xs)
    inner = _subtractable(b, right)
    if inner is not None:
        return (_value(b, left) + _value(b, inner)).symbol
    inner = _negated(b, left)
    if inner is not None:
        return (-(_value(b, inner) + _value(b, right))).symbol
    return None


def _weak_number(head: str) -> Law:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        for k, x in enumerate(xs):
            row = b.new(x, "astype")
            if row is None or b.aval(x).dtype != b.aval(xs[1 - k]).dtype:
                continue
            if b.aval(x).inexact and b.aval(row.operands[0]).kind == "python":
                pair = [row.operands[0] if i == k else v for i, v in enumerate(xs)]
                return _keeps(b, b.apply(head, *pair), head, xs)
        return None

    return rewrite


for _head in ("multiply", "divide", "add", "subtract"):
    rule(_head, "float32(s) x = s x, where x is float32 already", "astype")(_weak_number(_head))


# --- scalars move out of array products -------------------------------------------------------


@rule("multiply", "s (t x) = (s t) x,  x (t y) = t (x y)", "multiply")
def _scalars_first(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for x, other in (xs, xs[::-1]):
        scaled = _scaled(b, x)
        if scaled is None:
            continue
        s, z = (_value(b, v) for v in scaled)
        if _is_scalar(b, other):
            return ((s * _value(b, other)) * z).symbol
        return (s * (_value(b, other) * z)).symbol
    return None


@rule("multiply", "2 (0.5 x) = (2 0.5) x, also where others read 0.5 x", NUMBER)
def _numbers_together(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    number, x = xs
    row = b.definition(x)
    if row is None or row.name != "multiply" or _is_scalar(b, x):
        return None
    inner, rest = row.operands
    if _literal(number) is None or _literal(inner) is None:
        return None
    return (b.apply("multiply", number, inner) * _value(b, rest)).symbol


@rule("multiply", "x s = s x for a scalar s, and the number first")
def _scalar_first(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    if not _is_scalar(b, xs[1]):
        return None
    if _is_scalar(b, xs[0]):
        return _scalar_order(b, xs)
    return (_value(b, xs[1]) * _value(b, xs[0])).symbol


def _scalar_order(b: Simplifier, xs: tuple[Operand, ...]) -> Operand | None:
    """Put the number first in a product of scalars, and numbers together."""
    left, right = (_value(b, x) for x in xs)
    if left.literal is None and (right.literal is not None or _is_later(b, xs[0], xs[1])):
        return (right * left).symbol
    row = b.new(xs[1], "multiply")
    if row is not None and (
        xs[1] not in b.shared or (left.literal is not None and _of_leaves(b, row))
    ):
        first, rest = (_value(b, v) for v in row.operands)
        return ((left * first) * rest).symbol
    return None


def _of_leaves(b: Simplifier, row: Op) -> bool:
    """Return whether ``row`` is so plain that writing it twice reads better: lam dloss."""
    return all(b.definition(x) is None for x in row.operands)


def _is_later(b: Simplifier, x: Operand, y: Operand) -> bool:
    """Return whether ``x`` is of the gradient and ``y`` of the user's own: 2 lam dloss."""
    seeds = b.inputs[b.own_inputs :]
    # By its last factor: a product of the user's own is not later.
    while (row := b.new(x, "multiply")) is not None and type(row.operands[1]) is Sym:
        x = row.operands[1]
    return (x in seeds or x not in b.own) and y not in seeds and y in b.own


@rule("divide", "(s x) / t = (s / t) x", "multiply")
def _scalar_quotient(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    scaled = _scaled(b, xs[0])
    if scaled is None:
        return None
    s, z = (_value(b, v) for v in scaled)
    below = _value(b, xs[1])
    if _is_scalar(b, xs[1]):
        return ((s / below) * z).symbol
    return (s * (z / below)).symbol


@rule("multiply", "a (b / c) = (a b) / c", "divide")
def _product_of_quotient(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for x, other in (xs, xs[::-1]):
        row = b.sole(x, "divide")
        if row is None or _is_smaller(b, x, xs) or _is_scalar(b, other) != _is_scalar(b, x):
            continue  # the smaller quotient is cheaper as it is; a scalar stays a factor
        above, below = (_value(b, v) for v in row.operands)
        if _is_scalar(b, below.symbol) and not _is_scalar(b, x):
            continue
        return ((_value(b, other) * above) / below).symbol
    return None


def _is_smaller(b: Simplifier, x: Operand, xs: tuple[Operand, ...]) -> bool:
    whole = b.infer(OPS["multiply"], xs, ())[0].shape
    return not _same_shape(b, b.aval(x).shape, whole)


# --- masks -----------------------------------------------------------------------------------


def _mask_out_of(head: str) -> Law:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        for k in (0, 1) if head == "multiply" else (0,):
            masked = _masked(b, xs[k])
            if masked is not None:
                mask, value, first = masked
                pair = [value if i == k else x for i, x in enumerate(xs)]
                return _where(b, mask, b.apply(head, *pair), first).symbol
        return None

    return rewrite


rule("multiply", "where(m, a, 0) g = where(m, a g, 0)", "where")(_mask_out_of("multiply"))
rule("divide", "where(m, a, 0) / g = where(m, a / g, 0)", "where")(_mask_out_of("divide"))


# --- copies ----------------------------------------------------------------------------------


def _copy_dropped(head: str) -> Law:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        for k, x in enumerate(xs):
            source = _unbroadcast_operand(b, x)
            if source is None:
                continue
            pair = tuple(source if i == k else v for i, v in enumerate(xs))
            want = b.infer(OPS[head], xs, ())[0]
            have = b.infer(OPS[head], pair, ())[0]
            if have.dtype != want.dtype:
                continue
            result = b.apply(head, *pair)
            if _same_shape(b, have.shape, want.shape):
                return result.symbol
            if head != "where":
                return op.broadcast_to(result, shape=want.shape).symbol
        return None

    return rewrite


def _is_one(size: Size) -> bool:
    return isinstance(size, int) and size == 1


def _same_shape(b: Simplifier, have: Shape, want: Shape) -> bool:
    return len(have) == len(want) and all(map(b.shapes.same, have, want))


for _head in ("multiply", "divide", "add", "subtract", "where"):
    rule(_head, "f(copies of s, x) = f(s, x)", "broadcast_to", "expand_dims")(_copy_dropped(_head))


@rule("broadcast_to", "a copy of a copy is a copy")
def _copy(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    (shape,) = settings
    (x,) = xs
    if _same_shape(b, b.aval(x).shape, shape):
        return x
    source = _unbroadcast_operand(b, x)
    if source is not None:
        return op.broadcast_to(_value(b, source), shape=shape).symbol
    row = b.new(x, "expand_dims")
    if row is not None and row.setting("axis") == tuple(range(len(row.setting("axis")))):
        return op.broadcast_to(_value(b, row.operands[0]), shape=shape).symbol
    return None


@rule("sum", "sum of copies of s = count s", "broadcast_to")
def _sum_of_copies(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    axis, keepdims = settings
    row = b.new(xs[0], "broadcast_to")
    if row is None:
        return None
    shape, source = row.setting("shape"), _value(b, row.operands[0])
    lead = len(shape) - source.ndim
    copied = [k for k in axis if k < lead or _is_one(source.shape[k - lead])]
    if not copied:
        return None
    count = size_value(b, product(shape[k] for k in copied))
    rest = tuple(k - lead for k in axis if k not in copied)
    inner = op.sum(source, axis=rest, keepdims=True) if rest else source
    gone = tuple(k - lead for k in axis if k >= lead)
    if gone and not keepdims:
        inner = op.squeeze(inner, axis=gone)
    want = b.infer(OPS["sum"], xs, settings)[0]
    return op.broadcast_to(count * inner, shape=want.shape).symbol


# --- sums ------------------------------------------------------------------------------------


@rule("sum", "sum(-x) = -sum(x),  sum(s x) = s sum(x) where the user has x")
def _sum_linear(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    axis, keepdims = settings
    if not axis:
        return xs[0]
    inner = _negated(b, xs[0])
    if inner is not None:
        return (-op.sum(_value(b, inner), axis=axis, keepdims=keepdims)).symbol
    scaled = _scaled(b, xs[0])
    if scaled is not None:
        s, z = (_value(b, v) for v in scaled)
        if z.dtype.kind == "f" and z.symbol in b.own:
            return (s * op.sum(z, axis=axis, keepdims=keepdims)).symbol
    return None


@rule("sum", "sum over a new axis of size 1 = the array", "expand_dims")
def _sum_of_expanded(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    axis, keepdims = settings
    row = b.new(xs[0], "expand_dims")
    if row is not None and row.setting("axis") == axis:
        return xs[0] if keepdims else row.operands[0]
    return None


@rule("sum", "sum(add_at(0, v at (arange, y)), axis=1) = v", "add_at")
def _sum_of_scatter(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    axis, keepdims = settings
    row = _zeros_with(b, xs[0])
    if row is None:
        return None
    base, value, *indices = (_value(b, v) for v in row.operands)
    if value.dtype != base.dtype:
        value = op.astype(value, dtype=base.dtype.name)
    key = row.setting("key")
    shape = base.shape
    if any(i.dtype.kind == "b" for i in indices):
        return None  # only the data knows how many elements a mask selects
    if len(axis) == len(shape) and not keepdims:
        part = indexed_shape(b.shapes, shape, key, [i.aval for i in indices])
        return op.sum(
            op.broadcast_to(value, shape=part), axis=tuple(range(len(part))), keepdims=False
        ).symbol
    if key != (ARRAY, ARRAY) or len(shape) != 2 or axis != (1,):
        return None
    rows = b.definition(indices[0].symbol)
    if rows is None or rows.name != "arange" or indices[1].ndim > 1:
        return None
    if rows.setting("start") != 0 or not b.shapes.same(rows.setting("stop"), shape[0]):
        return None
    total = op.broadcast_to(value, shape=(shape[0],))
    return op.expand_dims(total, axis=(1,)).symbol if keepdims else total.symbol


@rule("sum", "sum_n a_n b_nd = b^T a", "multiply")
def _sum_of_product(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    axis, keepdims = settings
    row = b.new(xs[0], "multiply")
    if row is None:
        return None
    ndim = len(b.aval(xs[0]).shape)
    factors = [_labelled(b, x, ndim) for x in row.operands]
    if any(
        x is None or b.aval(y).dtype.kind != "f" for x, y in zip(factors, row.operands, strict=True)
    ):
        return None
    (first, left), (second, right) = factors
    out = tuple(k for k in range(ndim) if k not in axis)
    shared = [k for k in left if k in right]
    if not left or not right or any(k in out for k in shared) or not set(axis) <= set(shared):
        return None
    if set(out) - set(left) - set(right):
        return None
    total = contract([first, second], [left, right], out)
    if keepdims:
        total = (
            op.expand_dims(total, axis=axis)
            if total.ndim
            else op.broadcast_to(total, shape=(1,) * ndim)
        )
    return total.symbol


def _labelled(b: Simplifier, x: Operand, ndim: int) -> Any:
    """Return a factor without its axes of size 1, and the labels of the axes that stay."""
    value = _value(b, x)
    lead = ndim - value.ndim
    ones = tuple(k for k, size in enumerate(value.shape) if isinstance(size, int) and size == 1)
    labels = tuple(lead + k for k in range(value.ndim) if k not in ones)
    if not ones:
        return value, labels
    if not labels:
        return None
    row = b.definition(x)
    if row is not None and row.name == "expand_dims" and row.setting("axis") == ones:
        return _value(b, row.operands[0]), labels
    return op.squeeze(value, axis=ones), labels


# --- axes ------------------------------------------------------------------------------------


def _scalar_out_of(head: str) -> Law:
    def rewrite(
        b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
    ) -> Operand | None:
        named = dict(zip(OPS[head].params, settings, strict=True))
        inner = _negated(b, xs[0])
        if inner is not None:
            return (-b.apply(head, inner, **named)).symbol
        scaled = _scaled(b, xs[0])
        if scaled is not None:
            s, z = (_value(b, v) for v in scaled)
            return (s * b.apply(head, z, **named)).symbol
        return None

    return rewrite


for _head in ("transpose", "reshape", "expand_dims", "squeeze"):
    rule(_head, "f(s x) = s f(x)")(_scalar_out_of(_head))


@rule("transpose", "(x^T)^T = x")
def _transposed(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    (axes,) = settings
    if axes == tuple(range(len(axes))):
        return xs[0]
    row = b.definition(xs[0])
    if row is not None and row.name == "transpose":
        inner = row.setting("axes")
        return op.transpose(_value(b, row.operands[0]), axes=tuple(inner[k] for k in axes)).symbol
    row = b.new(xs[0], "contract")
    if row is not None:
        out = row.setting("out")
        factors = [_value(b, x) for x in row.operands]
        return contract(factors, row.setting("terms"), tuple(out[k] for k in axes)).symbol
    return None


@rule("reshape", "reshape(reshape(x)) = reshape(x)")
def _reshaped(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    (shape,) = settings
    if _same_shape(b, b.aval(xs[0]).shape, shape):
        return xs[0]
    row = b.definition(xs[0])
    if row is not None and row.name in ("reshape", "expand_dims", "squeeze"):
        return op.reshape(_value(b, row.operands[0]), shape=shape).symbol
    source = _unbroadcast_operand(b, xs[0])
    if source is not None and _is_scalar(b, source):
        return op.broadcast_to(_value(b, source), shape=shape).symbol
    return None


@rule("expand_dims", "expand(sum(x)) = sum(x, keepdims)")
def _expanded(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    (axis,) = settings
    if not axis:
        return xs[0]
    row = b.definition(xs[0])
    if row is not None and row.name == "squeeze" and row.setting("axis") == axis:
        return row.operands[0]
    row = b.new(xs[0], "sum")
    if row is not None and row.setting("axis") == axis and not row.setting("keepdims"):
        return op.sum(_value(b, row.operands[0]), axis=axis, keepdims=True).symbol
    source = _unbroadcast_operand(b, xs[0])
    if source is not None and _is_scalar(b, source):
        shape = b.infer(OPS["expand_dims"], xs, settings)[0].shape
        return op.broadcast_to(_value(b, source), shape=shape).symbol
    return None


@rule("squeeze", "squeeze(sum(x, keepdims)) = sum(x)")
def _squeezed(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    (axis,) = settings
    row = b.definition(xs[0])
    if row is not None and row.name == "expand_dims" and row.setting("axis") == axis:
        return row.operands[0]
    row = b.new(xs[0], "sum")
    if row is not None and row.setting("axis") == axis and row.setting("keepdims"):
        return op.sum(_value(b, row.operands[0]), axis=axis, keepdims=False).symbol
    return None


# --- contractions ----------------------------------------------------------------------------


@rule("contract", "transposes, copies and signs fold into a contraction")
def _contraction(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    terms, out = settings
    for k, x in enumerate(xs):
        folded = _folded_operand(b, k, xs, terms, out)
        if folded is not None:
            return folded
        inner = _negated(b, x)
        if inner is not None:
            return (-_contract_with(b, k, inner, xs, terms, out)).symbol
    return None


def _contract_with(
    b: Simplifier, k: int, x: Operand, xs: Sequence[Operand], terms: Any, out: Any, term: Any = None
) -> Value:
    factors = [_value(b, x if i == k else y) for i, y in enumerate(xs)]
    labels = [t if i != k or term is None else term for i, t in enumerate(terms)]
    return contract(factors, labels, out)


def _folded_operand(
    b: Simplifier, k: int, xs: Sequence[Operand], terms: Any, out: Any
) -> Operand | None:
    row, term = b.definition(xs[k]), terms[k]
    if row is None:
        return None
    if row.name == "transpose":
        axes = row.setting("axes")
        inner = tuple(term[axes.index(i)] for i in range(len(axes)))
        return _contract_with(b, k, row.operands[0], xs, terms, out, inner).symbol
    if row.name == "broadcast_to" and b.new(xs[k], "broadcast_to") is not None:
        return _without_copies(b, k, row, xs, terms, out)
    return None


def _without_copies(
    b: Simplifier, k: int, row: Op, xs: Sequence[Operand], terms: Any, out: Any
) -> Operand | None:
    # A label that only copies carry is summed from the other operands alone.
    shape, source = row.setting("shape"), _value(b, row.operands[0])
    lead = len(shape) - source.ndim
    term = terms[k]
    if len(set(term)) < len(term):
        return None
    copied = [i for i in range(len(shape)) if i < lead or _is_one(source.shape[i - lead])]
    elsewhere = {label for i, t in enumerate(terms) if i != k for label in t}
    if any(term[i] not in elsewhere for i in copied):
        return None
    ones = tuple(i - lead for i in copied if i >= lead)
    kept = op.squeeze(source, axis=ones) if ones else source
    inner = tuple(label for i, label in enumerate(term) if i not in copied)
    return _contract_with(b, k, kept.symbol, xs, terms, out, inner).symbol


# --- scatters --------------------------------------------------------------------------------


@rule("add", "x + add_at(0, v) = add_at(x, v)", "add_at")
def _add_scatter(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    for scatter, x in (xs, xs[::-1]):
        row = _zeros_with(b, scatter)
        if row is not None and b.aval(x) == b.aval(scatter):
            _, value, *indices = (_value(b, v) for v in row.operands)
            return op.add_at(_value(b, x), value, *indices, key=row.setting("key")).symbol
    return None


@rule("subtract", "x - add_at(0, v) = add_at(x, -v)", "add_at")
def _subtract_scatter(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    left, right = xs
    row = _zeros_with(b, right)
    if row is not None and b.aval(left) == b.aval(right):
        _, value, *indices = (_value(b, v) for v in row.operands)
        return op.add_at(_value(b, left), -value, *indices, key=row.setting("key")).symbol
    row = _zeros_with(b, left)
    if row is not None and b.aval(left) == b.aval(right):
        _, value, *indices = (_value(b, v) for v in row.operands)
        return op.add_at(-_value(b, right), value, *indices, key=row.setting("key")).symbol
    return None


@rule("add_at", "add_at(0, v at [:, 0]) = v[:, None]")
def _scatter_into_one(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    base, value, *indices = xs
    (key,) = settings
    if indices or not _is_zeros(b, base) or any(k is None for k in key):
        return None
    shape = b.aval(base).shape
    ones = []
    for axis, entry in enumerate(key):
        if type(entry) is int and shape[axis] == 1 and isinstance(shape[axis], int):
            ones.append(axis)
        elif entry != slice(None, None, None):
            return None
    want = tuple(size for axis, size in enumerate(shape) if axis not in ones)
    if not ones or not _same_shape(b, b.aval(value).shape, want):
        return None
    if not want:
        return op.broadcast_to(_value(b, value), shape=shape).symbol
    return op.expand_dims(_value(b, value), axis=tuple(ones)).symbol


@rule("add_at", "add_at(s x, -s) = s add_at(x, -1)")
def _factor_scatter(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    base, value, *indices = xs
    rest = [_value(b, i) for i in indices]
    row = b.new(value, "astype")
    brings = row is not None and b.aval(value).dtype == b.aval(base).dtype
    if row is not None and brings and b.aval(row.operands[0]).kind == "python":
        number = _value(b, row.operands[0])  # the array brings the dtype along
        return op.add_at(_value(b, base), number, *rest, key=settings[0]).symbol
    source = _unbroadcast_operand(b, value)
    if source is not None and _is_scalar(b, source):
        return op.add_at(_value(b, base), _value(b, source), *rest, key=settings[0]).symbol
    scaled = _scaled(b, base)
    if scaled is None or not _is_scalar(b, value):
        return None
    s, z = scaled
    unit = _ratio(b, value, s)
    if unit is None:
        return None
    return (_value(b, s) * op.add_at(_value(b, z), unit, *rest, key=settings[0])).symbol


def _ratio(b: Simplifier, value: Operand, s: Operand) -> int | None:
    """Return 1 or -1 if ``value`` is ``s`` or ``-s``."""
    if value == s:
        return 1
    negated = _negated(b, value)
    if negated is not None and negated == s:
        return -1
    negated = _negated(b, s)
    if negated is not None and negated == value:
        return -1
    numbers = _literal(value), _literal(s)
    if None not in numbers and numbers[0] == -numbers[1]:
        return -1
    return _leading_ratio(b, value, s)


def _leading_ratio(b: Simplifier, value: Operand, s: Operand) -> int | None:
    # c / N against -c / N with numbers c: the sign was folded into the number.
    for head in ("multiply", "divide"):
        one, two = b.new(value, head), b.new(s, head)
        if one is None or two is None:
            continue
        (a, below), (c, same) = one.operands, two.operands
        if below == same:
            return _ratio(b, a, c)
    return None


# --- small ones ------------------------------------------------------------------------------


@rule("index", "copies of s at [k] = s,  (x with v at [j]) at [k] = v if j = k, else x at [k]")
def _element(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    (key,) = settings
    x, *indices = xs
    if indices or not _is_place(key):
        return None
    source = _behind_writes(b, x, key)
    copied = _unbroadcast_operand(b, source)
    if copied is not None and _is_scalar(b, copied) and len(key) == len(b.aval(x).shape):
        return copied
    row = b.new(source, "put_at")
    if row is not None and len(row.operands) == 2 and row.setting("key") == key:
        value, part = row.operands[1], b.infer(OPS["index"], (x,), settings)[0]
        return value if b.aval(value).shape == part.shape else None
    return None if source is x else op.index(_value(b, source), key=key).symbol


def _is_place(key: tuple[Any, ...]) -> bool:
    return all(type(k) is int and k >= 0 for k in key)


def _behind_writes(b: Simplifier, x: Operand, key: tuple[Any, ...]) -> Operand:
    """Return ``x`` before what was written to other places than ``key``."""
    source = x
    for _ in range(DEEPEST_CHAIN):
        row = b.new(source, "put_at")
        if row is None or len(row.operands) > 2:
            return source
        other = row.setting("key")
        if other == key or len(other) != len(key) or not _is_place(other):
            return source
        source = row.operands[0]
    return x


@rule("power", "x**1 = x,  x**2 = square,  x**-1 = 1 / x")
def _power(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    x, exponent = xs
    number = _literal(exponent)
    if number == 1:
        return _keeps(b, _value(b, x), "power", xs)
    if number == 2:
        return _keeps(b, op.square(_value(b, x)), "power", xs)
    if number == -1 and b.aval(x).inexact:
        return _keeps(b, 1 / _value(b, x), "power", xs)
    return None


@rule("astype", "a value of this dtype stays")
def _converted(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    return xs[0] if b.aval(xs[0]).dtype.name == settings[0] else None


@rule("where", "where(m, x, x) = x")
def _either(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    return _keeps(b, _value(b, xs[1]), "where", xs) if xs[1] == xs[2] else None


LAWS: dict[str, tuple[Law, ...]] = {}
for _rule in RULES:
    LAWS[_rule.head] = (*LAWS.get(_rule.head, ()), _rule.rewrite)
