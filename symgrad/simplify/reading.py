"""What laws ask of an operand: is it a scalar, a product, a copy, a write into zeros."""

from __future__ import annotations

from typing import Any

from symgrad.dims import Size
from symgrad.graph import Aval, Op, Operand, Static, Value
from symgrad.ops.indexing import ARRAY
from symgrad.ops.table import op
from symgrad.simplify.simplifier import Simplifier


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
    if row is not None:
        return bool(literal_of(row.operands[1]) == 0)
    row = b.new(x, "broadcast_to")
    return row is not None and literal_of(row.operands[0]) == 0


def is_known_zeros(b: Simplifier, x: Operand) -> bool:
    """Return whether ``x`` is zeros, also the user's own: a state that begins as nothing."""
    row = b.definition(x)
    return is_zeros(b, x) or (
        row is not None and row.name == "full" and bool(row.setting("value") == 0)
    )


def is_signed(b: Simplifier, x: Operand) -> bool:
    """Return whether NumPy's -x is minus x: no boolean has it, and unsigned numbers wrap."""
    return b.aval(x).dtype.kind in "ifc"


def scatter_into_zeros(b: Simplifier, x: Operand) -> Op | None:
    """Return the definition of ``x`` if it is a value added into zeros."""
    row = b.new(x, "add_at")
    if row is None or not is_zeros(b, row.operands[0]):
        return None
    return row if is_signed(b, row.operands[1]) else None


def is_once_a_line(b: Simplifier, row: Op, axis: tuple[int, ...]) -> bool:
    """Return whether ``row`` adds to one element of each line along ``axis`` of a matrix."""
    base, _, *indices = row.operands
    shape = b.aval(base).shape
    if row.setting("key") != (ARRAY, ARRAY) or len(shape) != 2 or len(axis) != 1:
        return False
    lines = 1 - axis[0]
    whole = b.definition(indices[lines])
    if whole is None or whole.name != "arange" or len(b.aval(indices[axis[0]]).shape) > 1:
        return False
    return whole.setting("start") == 0 and b.shapes.same(whole.setting("stop"), shape[lines])


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


def sign_to_move(b: Simplifier, x: Operand) -> Operand | None:
    """Return ``y`` if ``x`` is -y and the sign may be taken later.

    What several read is negated once, where it stands, unless others read it without the sign.
    """
    inner = without_sign(b, x)
    is_read = x not in b.shared or inner in b.shared or inner in b.own
    return inner if is_read else None


def subtractable(b: Simplifier, x: Operand) -> Operand | None:
    """Return ``y`` if ``x`` is -y, also where the sign sits on the first factor."""
    number = literal_of(x)
    if type(number) in (int, float) and number < 0:
        return Static(-number)
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
            if head == "divide" or number != -1 or b.aval(z).inexact:
                return b.apply(head, -number, z).symbol
            size = b.definition(z)  # a Python integer: without the 1.0 it is still exact
            return z if size is not None and size.name == "size" else None
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
    return any(r is not None and r.name in NOT_ALWAYS_FINITE for r in inside)


NOT_ALWAYS_FINITE = frozenset({
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


def not_weak(b: Simplifier, value: Value, wanted: Aval) -> Value:
    """Return ``value`` of a kind that decides the dtype of what it meets, as ``wanted`` does."""
    if value.aval.kind == "python" and wanted.kind != "python":
        return op.astype(value, dtype=wanted.dtype.name)
    return value
