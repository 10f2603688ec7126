"""Read the formula that computes a value: its op, its numbers, its sign, its shape.

Given a builder and an operand, each function returns the part of the formula it looks for, or
nothing.  Invariant: it looks at a bounded number of equations, so each look-up stays constant.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.graph import Builder, Operand, Static
from symgrad.recognise.spellings import MAY_BE, Operands, is_number, opposite, orders, respelled

__all__ = [
    "Operands",
    "argument",
    "is_number",
    "is_real",
    "minus",
    "negated",
    "number_of",
    "one_plus",
    "operands_of",
    "orders",
]


def operands_of(b: Builder, v: Operand, name: str) -> Operands:
    """Return the operands of ``v`` if the op called ``name``, however spelled, computes it."""
    row = b.definition(v)
    if row is None:
        return ()
    if row.name == name:
        return row.operands
    if name in MAY_BE.get(row.name, ()):
        for other, operands in respelled(b, row.name, row.operands):
            if other == name:
                return operands
    return ()


def argument(b: Builder, v: Operand, name: str) -> Operand | None:
    """Return x where ``v`` is ``name(x)`` of real floating numbers."""
    found = operands_of(b, v, name)
    return found[0] if found and b.aval(found[0]).dtype.kind == "f" else None


def is_real(b: Builder, v: Operand) -> bool:
    return b.aval(v).dtype.kind == "f"


def number_of(b: Builder, v: Operand) -> int | float | None:
    """Return the finite number that ``v`` is, or that stands in all its elements."""
    if type(v) is Static:
        number = v.value
    elif (row := b.definition(v)) is not None and row.name == "full":
        number = row.setting("value")
    else:
        return None
    number = number.item() if isinstance(number, np.generic) else number
    return number if type(number) in (int, float) and math.isfinite(number) else None


def is_whole(v: Operand) -> bool:
    return type(v) is Static and type(v.value) in (int, float) and v.value % 1 == 0


def one_plus(b: Builder, v: Operand) -> Operand | None:
    """Return e where ``v`` is 1 + e or e + 1."""
    for one, e in orders(operands_of(b, v, "add")):
        if is_number(one, 1):
            return e
    return None


def negated(b: Builder, v: Operand) -> Operand | None:
    """Return x where ``v`` is -x, 0 - x or -1 * x, of one dtype: -1.0 * x of integers is not -x."""
    x = opposite(b, v) if type(v) is not Static else None
    return x if x is not None and b.aval(x).dtype == b.aval(v).dtype else None


def distance_of(b: Builder, v: Operand) -> Operand | None:
    """Return z where ``v`` is -|z|."""
    positive = negated(b, v)
    return argument(b, positive, "absolute") if positive is not None else None


def minus(b: Builder, x: Operand) -> Any:
    """Return -x; without a double sign where x itself is -z."""
    z = negated(b, x)
    return -b.wrap(x) if z is None else b.wrap(z)
