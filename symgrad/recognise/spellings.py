"""Other spellings of one operation: a sum is a difference of what has the other sign.

Given an op and its operands, `respelled` yields the same value as another op of other operands,
and laws that ask for that one find it.  Invariant: it looks one equation deep, binds none, and a
spelling has the value of the first to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from symgrad.graph import Builder, Operand, Static

Operands = tuple[Operand, ...]
Spelling = tuple[str, Operands]
ONE = Static(1)


def respelled(b: Builder, name: str, operands: Operands) -> Iterator[Spelling]:
    """Yield what else the op called ``name`` may be called, with the operands it then has."""
    spell = _SPELLINGS.get(name)
    if spell is not None and all([_is_real_or_number(b, x) for x in operands]):
        yield from spell(b, *operands)


def _is_real_or_number(b: Builder, x: Operand) -> bool:
    return type(x) is Static or b.aval(x).dtype.kind == "f"


def orders(pair: Operands) -> Iterator[tuple[Operand, Operand]]:
    """Yield the operands of a commutative op in both orders."""
    if pair:
        yield pair[0], pair[1]
        yield pair[1], pair[0]


def is_number(v: Operand, number: float) -> bool:
    return type(v) is Static and bool(v.value == number)


def opposite(b: Builder, v: Operand) -> Operand | None:
    """Return x where ``v`` is -x, 0 - x, -1 * x, x / -1 or a negative number."""
    if type(v) is Static:
        return Static(-v.value) if type(v.value) in (int, float) and v.value < 0 else None
    row = b.definition(v)
    if row is None:
        return None
    if row.name == "negative":
        return row.operands[0]
    if row.name == "subtract" and is_number(row.operands[0], 0):
        return row.operands[1]
    if row.name == "multiply":
        return next((x for one, x in orders(row.operands) if is_number(one, -1)), None)
    return row.operands[0] if row.name == "divide" and is_number(row.operands[1], -1) else None


def _inverse(b: Builder, v: Operand) -> Operand | None:
    """Return x where ``v`` is 1 / x."""
    row = b.definition(v)
    if row is None:
        return None
    if row.name == "reciprocal" or (row.name == "power" and is_number(row.operands[1], -1)):
        return row.operands[0] if _is_real_or_number(b, row.operands[0]) else None
    return row.operands[1] if row.name == "divide" and is_number(row.operands[0], 1) else None


def _sum(b: Builder, x: Operand, y: Operand) -> Iterator[Spelling]:
    for one, other in ((x, y), (y, x)):
        if (positive := opposite(b, other)) is not None:
            yield "subtract", (one, positive)


def _difference(b: Builder, x: Operand, y: Operand) -> Iterator[Spelling]:
    if is_number(x, 0):
        yield "negative", (y,)
    if (positive := opposite(b, y)) is not None:
        yield "add", (x, positive)


def _sign(b: Builder, x: Operand) -> Iterator[Spelling]:
    row = b.definition(x)
    if row is not None and row.name == "subtract":
        yield "subtract", row.operands[::-1]


def _product(b: Builder, x: Operand, y: Operand) -> Iterator[Spelling]:
    for one, other in ((x, y), (y, x)):
        if is_number(one, -1):
            yield "negative", (other,)
            yield from _sign(b, other)
        elif (below := _inverse(b, other)) is not None:
            yield "divide", (one, below)


def _reciprocal(b: Builder, x: Operand) -> Iterator[Spelling]:
    yield "divide", (ONE, x)


def _power(b: Builder, x: Operand, exponent: Operand) -> Iterator[Spelling]:
    if is_number(exponent, -1):
        yield "divide", (ONE, x)


MAY_BE: Mapping[str, tuple[str, ...]] = {
    "add": ("subtract",),
    "subtract": ("add", "negative"),
    "negative": ("subtract",),
    "multiply": ("divide", "negative", "subtract"),
    "reciprocal": ("divide",),
    "power": ("divide",),
}
_SPELLINGS: Mapping[str, Callable[..., Iterator[Spelling]]] = {
    "add": _sum,
    "subtract": _difference,
    "negative": _sign,
    "multiply": _product,
    "reciprocal": _reciprocal,
    "power": _power,
}
