"""The builder that applies laws, how a law is declared, and what laws ask of it.

A law is given the builder, the operands and the settings of an application that is about to be
bound, and returns the operand that replaces it, or None.  Invariant: a law keeps shape and
dtype, and touches a factor only if it is new, so nothing is computed twice.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from symgrad.dims import Size
from symgrad.graph import Builder, Graph, Op, Operand, Static, Sym, Value
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
LAWS: dict[str, list[Law]] = {}


def rule(head: str, law: str, *below: str) -> Callable[[Law], Law]:
    def register(rewrite: Law) -> Law:
        RULES.append(Rule(law, head, rewrite, below))
        LAWS.setdefault(head, []).append(rewrite)
        return rewrite

    return register


@functools.cache
def laws_for(head: str, below: tuple[str, ...]) -> tuple[Law, ...]:
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
            for law in laws_for(op.name, tuple([self._head(x) for x in operands])):
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
            and self.shapes.same_shape(have.shape, want.shape)
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


# --- what laws ask --------------------------------------------------------------------------


def value_of(b: Simplifier, operand: Operand) -> Value:
    return Value(b, operand)


def literal_of(x: Operand) -> Any:
    return x.value if type(x) is Static else None


def is_scalar(b: Simplifier, x: Operand) -> bool:
    return b.aval(x).shape == ()


def is_zeros(b: Simplifier, x: Operand) -> bool:
    row = b.new(x, "full")
    if row is not None:
        return bool(row.setting("value") == 0)
    row = b.new(x, "full_like")
    return row is not None and literal_of(row.operands[1]) == 0


def is_signed(b: Simplifier, x: Operand) -> bool:
    """Return whether NumPy's -x is minus x: no boolean has it, and unsigned numbers wrap."""
    return b.aval(x).dtype.kind in "ifc"


def scatter_into_zeros(b: Simplifier, x: Operand) -> Op | None:
    """Return the definition of ``x`` if it is a value added into zeros."""
    row = b.new(x, "add_at")
    if row is None or not is_zeros(b, row.operands[0]):
        return None
    return row if is_signed(b, row.operands[1]) else None


def scalar_and_array(b: Simplifier, x: Operand) -> tuple[Operand, Operand] | None:
    """Return ``(s, z)`` if ``x`` is a new product of a scalar ``s`` and an array ``z``."""
    row = b.sole(x, "multiply")
    if row is None or is_scalar(b, x):
        return None
    s, z = row.operands
    if is_scalar(b, z):
        s, z = z, s
    if not is_scalar(b, s) or not is_signed(b, s) or not b.aval(z).inexact:
        return None  # sums and products of booleans and small integers are others in NumPy
    return s, z


def without_sign(b: Simplifier, x: Operand) -> Operand | None:
    row = b.new(x, "negative")
    return row.operands[0] if row is not None and is_signed(b, x) else None


def subtractable(b: Simplifier, x: Operand) -> Operand | None:
    """Return ``y`` if ``x`` is -y, also where the sign sits on the first factor."""
    inner = without_sign(b, x)
    if inner is not None:
        return inner
    for head in ("multiply", "divide"):
        row = b.sole(x, head)
        if row is None:
            continue
        s, z = row.operands
        number = literal_of(s)
        if type(number) in (int, float) and number < 0:
            if number != -1 or b.aval(z).inexact:
                return b.apply(head, -number, z).symbol
            size = b.definition(z)  # a Python integer: without the 1.0 it is still exact
            return z if head == "multiply" and size is not None and size.name == "size" else None
        inner = subtractable(b, s)
        if inner is not None:
            return b.apply(head, value_of(b, inner), z).symbol
    return None


def mask_and_value(b: Simplifier, x: Operand) -> tuple[Operand, Operand, bool] | None:
    """Return ``(mask, value, value_first)`` if ``x`` is zero off or on a mask."""
    row = b.definition(x)
    if row is None or row.name != "where" or not (b.new(x, "where") or _is_risky(b, row)):
        return None
    mask, first, second = row.operands
    if literal_of(second) == 0:
        return mask, first, True
    if literal_of(first) == 0:
        return mask, second, False
    return None


def _is_risky(b: Simplifier, row: Op) -> bool:
    """Return whether a choice of the user's own may hide what is not finite.

    A choice between numbers is the mask itself: what it multiplies may be what it hides.
    """
    inside = [b.definition(x) for x in row.operands[1:]]
    if all(literal_of(x) is not None for x in row.operands[1:]):
        return True
    return any(r is not None and r.name in _NOT_ALWAYS_FINITE for r in inside)


_NOT_ALWAYS_FINITE = frozenset({
    "divide", "log", "log1p", "log2", "log10", "sqrt", "power", "reciprocal", "exp", "expm1",
    "multiply", "negative",
})  # fmt: skip


def where_mask(b: Simplifier, mask: Operand, value: Value, first: bool) -> Value:
    m = value_of(b, mask)
    return op.where(m, value, 0) if first else op.where(m, 0, value)


def source_of_copies(b: Simplifier, x: Operand) -> Operand | None:
    """Return what a new copy, along leading axes or of any kind, copies."""
    row = b.new(x, "broadcast_to")
    if row is not None:
        return row.operands[0]
    row = b.new(x, "expand_dims")
    if row is not None and row.setting("axis") == tuple(range(len(row.setting("axis")))):
        return row.operands[0]
    return None


def is_one(size: Size) -> bool:
    return isinstance(size, int) and size == 1
