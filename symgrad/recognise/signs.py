"""The laws of signs: one that a whole array carries goes where one number carries it.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.  Invariant: rounding is symmetric, so no bit changes;
a sign that has a name stays.
"""

from __future__ import annotations

from typing import Any

from symgrad.graph import Builder, Law, Operand
from symgrad.recognise.reading import Operands, argument
from symgrad.recognise.rule import Rule


def _without_sign(b: Builder, v: Operand) -> Operand | None:
    return argument(b, v, "negative") if v not in b.notes.names else None


def _sign_out_of(name: str) -> Law:
    def law(b: Builder, operands: Operands, settings: Any) -> Operand | None:
        x = _without_sign(b, operands[0])
        if x is None:
            return None
        axis, keepdims = settings
        return (-b.apply(name, b.wrap(x), axis=axis, keepdims=keepdims)).symbol

    return law


def _sign_out_of_difference(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x = _without_sign(b, operands[1])
    return b.apply("add", operands[0], x).symbol if x is not None else None


def _square_of_absolute(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x = argument(b, operands[0], "absolute")
    return b.apply("square", x).symbol if x is not None else None


RULES = (
    Rule(
        "mean(-x) = -mean(x)",
        "mean",
        _sign_out_of("mean"),
        "rounding",
        "a sign left in the way hides the formula, and one number changes it, not an array",
    ),
    Rule(
        "sum(-x) = -sum(x)",
        "sum",
        _sign_out_of("sum"),
        "rounding",
        "a sign left in the way hides the formula, and one number changes it, not an array",
    ),
    Rule(
        "a - (-x) = a + x",
        "subtract",
        _sign_out_of_difference,
        "exact",
        "a sign left in the way hides the formula, and one number changes it, not an array",
    ),
    Rule(
        "|x|**2 = x**2",
        "square",
        _square_of_absolute,
        "exact",
        "a sign left in the way hides the formula, and one number changes it, not an array",
    ),
)
