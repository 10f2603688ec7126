"""The laws of exponentials and logarithms that undo or nearly cancel one another.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.  Invariant: wherever the user's formula is finite
and exact, so is the law's, and they agree; NaN stays NaN.
"""

from __future__ import annotations

import math
from typing import Any

from symgrad.graph import Builder, Operand, Static
from symgrad.recognise.moves import gathered
from symgrad.recognise.reading import (
    Operands,
    argument,
    is_number,
    is_real,
    is_whole,
    minus,
    negated,
    one_plus,
    operands_of,
    orders,
)
from symgrad.recognise.rule import Rule

# --- what undoes itself ------------------------------------------------------------------------


def _log_of_exp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return argument(b, operands[0], "exp")


def _power_of_exp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    if operands[0] in b.notes.names and is_whole(operands[1]):
        return None  # products overflow where the exponential does, and e is there
    z = argument(b, operands[0], "exp")
    return b.apply("exp", b.wrap(operands[1]) * b.wrap(z)).symbol if z is not None else None


# --- products and quotients ----------------------------------------------------------------------


def _passing_exponent(b: Builder, v: Operand) -> Operand | None:
    """Return z where ``v`` is exp(z) and has no name: one with a name is used again."""
    return argument(b, v, "exp") if v not in b.notes.names else None


def _power_of_e(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    base, x = operands
    return b.apply("exp", x).symbol if is_number(base, math.e) and is_real(b, x) else None


def _product_of_exps(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    left, right = (_passing_exponent(b, v) for v in operands)
    if left is None or right is None or left == right:
        return None  # exp(x) exp(x) is the user's way to a square
    return b.apply("exp", b.wrap(left) + b.wrap(right)).symbol


def _quotient_of_exps(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    above, below = (_passing_exponent(b, v) for v in operands)
    if above is None or below is None:
        return None
    return b.apply("exp", b.wrap(above) - b.wrap(below)).symbol


def _inverse_of_exp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    z = argument(b, operands[1], "exp") if is_number(operands[0], 1) else None
    return b.apply("exp", minus(b, z)).symbol if z is not None else None


def _over_one_plus_exp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    e = one_plus(b, operands[1]) if is_real(b, operands[0]) else None
    u = argument(b, e, "exp") if e is not None else None
    if u is None or type(operands[0]) is Static:
        return None
    return (b.wrap(operands[0]) * b.apply("sigmoid", minus(b, u))).symbol


# --- sums that cancel or overflow ----------------------------------------------------------------


def _one_minus(b: Builder, v: Operand) -> Operand | None:
    """Return x where ``v`` is 1 - x of real floating numbers."""
    terms = operands_of(b, v, "subtract")
    return terms[1] if terms and is_number(terms[0], 1) and is_real(b, terms[1]) else None


def _log_of_one_minus_exp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    e = negated(b, operands[0])  # 1 - exp(x) is -expm1(x) by now
    z = argument(b, e, "expm1") if e is not None else None
    return b.apply("log1mexp", z).symbol if z is not None else None


def _log1p_of_minus_exp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    e = negated(b, operands[0])
    z = argument(b, e, "exp") if e is not None else None
    return b.apply("log1mexp", z).symbol if z is not None else None


def _log_of_one_plus(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    for one, x in orders(operands_of(b, operands[0], "add")):
        if is_number(one, 1) and is_real(b, x) and not _moves_exp(b, x):
            return b.apply("log1p", x).symbol
    return None


def _moves_exp(b: Builder, v: Operand) -> bool:
    """Return whether softplus is the better law, here or before ``v`` was moved."""
    return bool(operands_of(b, gathered(b, v)[0], "exp"))


def _log_of_one_minus(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x = _one_minus(b, operands[0])
    return b.apply("log1p", minus(b, x)).symbol if x is not None else None


def _exp_minus_one(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    z = argument(b, operands[0], "exp") if is_number(operands[1], 1) else None
    return b.apply("expm1", z).symbol if z is not None else None


def _one_minus_exp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    z = argument(b, operands[1], "exp") if is_number(operands[0], 1) else None
    return (-b.apply("expm1", z)).symbol if z is not None else None


RULES = (
    Rule("log(exp(x)) = x", "log", _log_of_exp, "stability",
         "exp(x) overflows above x = 709 and underflows below -745, and x is lost"),
    Rule("exp(x)**p = exp(p x)", "power", _power_of_exp, "stability",
         "exp(x) overflows or underflows where exp(p x) does not"),
    Rule("e**x = exp(x)", "power", _power_of_e, "stability",
         "the laws of exp hold for it, and its derivative is itself"),
    Rule("exp(x) exp(y) = exp(x + y)", "multiply", _product_of_exps, "stability",
         "a factor overflows or underflows where the product does not"),
    Rule("exp(x) / exp(y) = exp(x - y)", "divide", _quotient_of_exps, "stability",
         "both may overflow, and inf / inf is NaN"),
    Rule("1 / exp(x) = exp(-x)", "divide", _inverse_of_exp, "stability",
         "exp(x) overflows above x = 709, where its inverse is small but not 0"),
    Rule("x / (1 + exp(-z)) = x sigmoid(z)", "divide", _over_one_plus_exp, "stability",
         "exp(-z) overflows below z = -709, and the derivative is inf / inf"),
    Rule("log(1 - exp(x)) = log1mexp(x)", "log", _log_of_one_minus_exp, "stability",
         "1 - exp(x) cancels for x near 0"),
    Rule("log1p(-exp(x)) = log1mexp(x)", "log1p", _log1p_of_minus_exp, "stability",
         "exp(x) rounds to 1 for x near 0, and the digits of x are lost"),
    Rule("log(1 + x) = log1p(x)", "log", _log_of_one_plus, "stability",
         "1 + x loses the digits of a small x"),
    Rule("log(1 - x) = log1p(-x)", "log", _log_of_one_minus, "stability",
         "1 - x loses the digits of a small x"),
    Rule("exp(x) - 1 = expm1(x)", "subtract", _exp_minus_one, "stability",
         "exp(x) - 1 cancels for x near 0"),
    Rule("1 - exp(x) = -expm1(x)", "subtract", _one_minus_exp, "stability",
         "1 - exp(x) cancels for x near 0"),
)  # fmt: skip
