"""The laws of length: the root of a sum of squares.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.
"""

from __future__ import annotations

import math
from typing import Any

from symgrad.graph import Builder, Operand, Static
from symgrad.ops.reductions import count
from symgrad.recognise.reading import Operands, argument, operands_of
from symgrad.recognise.reductions import Reduction, reduced_like, reduction
from symgrad.recognise.rule import Rule


def _root_of_squares(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    r = _contracted_squares(b, operands[0]) or _summed_squares(b, operands[0])
    return reduced_like(b, operands[0], r) if r else None


def _summed_squares(b: Builder, v: Operand) -> Reduction | None:
    r = reduction(b, v)
    x = squared(b, r.x) if r and r.name == "sum" else None
    return Reduction("root_of_squares", x, r.axes) if r and x is not None else None


def _contracted_squares(b: Builder, v: Operand) -> Reduction | None:
    """Return x and axes where ``v`` is x @ x, or another product of x with itself."""
    row = b.definition(v)
    if row is None or row.name != "contract" or len(set(row.operands)) != 1:
        return None
    (one, *others), out = row.settings
    rest = tuple([label for label in one if label in out])
    x = argument(b, v, "contract")
    if not out or others != [one] or len(set(one)) < len(one) or rest != out or x is None:
        return None
    return Reduction("root_of_squares", x, tuple(k for k, c in enumerate(one) if c not in out))


def squared(b: Builder, v: Operand) -> Operand | None:
    """Return x where ``v`` is x**2 or x * x of real floating numbers."""
    factors = operands_of(b, v, "multiply")
    if factors and factors[0] is factors[1]:
        return argument(b, v, "multiply")
    return argument(b, v, "square")


def _root_of_mean(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    row = b.definition(operands[0])
    x = squared(b, row.operands[0]) if row is not None and row.name == "mean" else None
    if row is None or x is None or not row.setting("axis"):
        return None
    axis, keepdims = row.settings
    length = b.apply("root_of_squares", x, axis=axis, keepdims=keepdims)
    n = count(b.wrap(x), axis)
    return (length / (math.sqrt(n) if isinstance(n, int) else b.apply("sqrt", n))).symbol


def _root_by_power(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    half = type(operands[1]) is Static and operands[1].value == 0.5
    return _root_of_squares(b, operands, settings) if half else None


RULES = (
    Rule("sqrt(sum(x**2)) = root_of_squares(x)", "sqrt", _root_of_squares, "exact",
         "the derivative at 0 is 0, where that of the root is infinite"),
    Rule("sqrt(mean(x**2)) = root_of_squares(x) / sqrt(n)", "sqrt", _root_of_mean, "rounding",
         "the derivative at 0 is 0, where that of the root is infinite"),
    Rule("sum(x**2)**0.5 = root_of_squares(x)", "power", _root_by_power, "rounding",
         "the derivative at 0 is 0, where that of the root is infinite"),
)  # fmt: skip
