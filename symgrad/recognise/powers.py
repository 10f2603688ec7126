"""The laws of squares and cubes: what overflows on the way, and what NumPy is slow at.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.
"""

from __future__ import annotations

from typing import Any

from symgrad.graph import Builder, Operand
from symgrad.recognise.reading import Operands, argument, is_number
from symgrad.recognise.rule import Rule


def _root_of_square(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x = argument(b, operands[0], "square")
    return b.apply("absolute", x).symbol if x is not None else None


def _quotient_of_squares(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    above, below = (argument(b, v, "square") for v in operands)
    if above is None or below is None or any(v in b.notes.names for v in operands):
        return None  # a square with a name is used again
    return b.apply("square", b.wrap(above) / b.wrap(below)).symbol


def _cube(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    # NumPy's power takes 150 times as long as two products where x is negative.
    x, exponent = operands
    is_array = b.aval(x).dtype.kind == "f" and b.aval(x).shape != ()
    return b.apply("cube", x).symbol if is_array and is_number(exponent, 3) else None


RULES = (
    Rule("sqrt(x**2) = |x|", "sqrt", _root_of_square, "stability",
         "x**2 overflows above 1e154 and underflows below 1e-162"),
    Rule("x**2 / y**2 = (x / y)**2", "divide", _quotient_of_squares, "stability",
         "the squares overflow or underflow where their quotient does not"),
    Rule("x**3 = x**2 x", "power", _cube, "rounding",
         "NumPy's power takes up to 150 times as long as two products"),
)  # fmt: skip
