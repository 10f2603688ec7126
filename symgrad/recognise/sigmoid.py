"""The laws of sigmoid and softplus.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.
"""

from __future__ import annotations

from typing import Any

from symgrad.graph import Builder, Operand, Static
from symgrad.recognise.moves import gathered, regathered
from symgrad.recognise.reading import (
    Operands,
    argument,
    distance_of,
    is_number,
    minus,
    negated,
    one_plus,
    operands_of,
)
from symgrad.recognise.rule import Rule


def _sigmoid_of_minus(b: Builder, u: Operand) -> Operand:
    return b.apply("sigmoid", minus(b, u)).symbol


def _inverse_of_one_plus_exp(b: Builder, v: Operand) -> Operand | None:
    e = one_plus(b, v)
    u = argument(b, e, "exp") if e is not None else None
    return _sigmoid_of_minus(b, u) if u is not None else None


def _sigmoid(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    if is_number(operands[0], -1):
        p = _inverse_of_one_plus_exp(b, operands[1])
        return (-b.wrap(p)).symbol if p is not None else None
    return _inverse_of_one_plus_exp(b, operands[1]) if is_number(operands[0], 1) else None


def _sigmoid_of_product(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    e = one_plus(b, operands[1]) if is_number(operands[0], 1) else None
    u = argument(b, e, "exp") if e is not None else None
    z = _product_with_other_sign(b, u) if u is not None and u not in b.notes.names else None
    return b.apply("sigmoid", z).symbol if z is not None else None


def _product_with_other_sign(b: Builder, u: Operand) -> Operand | None:
    """Return a b where ``u`` is (-a) b: Python reads ``-X @ w`` as ``(-X) @ w``."""
    row = b.definition(u)
    if row is None or row.name not in ("multiply", "divide", "contract"):
        return None
    for k, factor in enumerate(row.operands):
        x = _factor_with_other_sign(b, factor)
        if x is not None:
            operands = (*row.operands[:k], x, *row.operands[k + 1 :])
            return b.bind(type(row), operands, row.settings, (b.aval(u),))[0]
    return None


def _factor_with_other_sign(b: Builder, v: Operand) -> Operand | None:
    if type(v) is Static:
        return Static(-v.value) if v.value < 0 and v.value != -1 else None
    return negated(b, v)


def _sigmoid_by_reciprocal(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _inverse_of_one_plus_exp(b, operands[0])


def _sigmoid_by_power(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _inverse_of_one_plus_exp(b, operands[0]) if is_number(operands[1], -1) else None


def _sigmoid_by_quotient(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    e, total = operands
    z = argument(b, e, "exp")
    if z is None or one_plus(b, total) is not e:
        return None
    return b.apply("sigmoid", z).symbol


def _softplus(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    e = one_plus(b, operands[0])
    return _softplus_of_exp(b, e) if e is not None else None


def _softplus_by_log1p(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    z = argument(b, operands[0], "exp")
    is_stable = z is None or distance_of(b, z) is not None
    return None if is_stable else b.apply("softplus", z).symbol


def _softplus_of_exp(b: Builder, e: Operand) -> Operand | None:
    z = argument(b, e, "exp")
    if z is None:
        return None
    if distance_of(b, z) is not None:  # it cannot overflow
        return b.apply("log1p", e).symbol
    return b.apply("softplus", z).symbol


def _logit(b: Builder, p: Operand) -> Operand | None:
    """Return z where ``p`` is sigmoid(z), also where p was reshaped or indexed since."""
    source, path = gathered(b, p)
    found = operands_of(b, source, "sigmoid")
    return regathered(b, found[0], path) if found else None


def _log_sigmoid(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    z = _logit(b, operands[0])
    return (-b.apply("softplus", minus(b, z))).symbol if z is not None else None


def _log_one_minus_sigmoid(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    source, path = gathered(b, operands[0])
    terms = operands_of(b, source, "subtract")
    if not terms or not is_number(terms[0], 1):
        return None
    z = _logit(b, terms[1])
    return (-b.apply("softplus", regathered(b, z, path))).symbol if z is not None else None


def _log1p_minus_sigmoid(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    p = negated(b, operands[0])
    z = _logit(b, p) if p is not None else None
    return (-b.apply("softplus", z)).symbol if z is not None else None


def _sigmoid_by_scipy(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    if b.aval(operands[0]).dtype.kind != "f":
        return None
    b.notes.knows_scipy = True  # what is left of it is written as expit again
    return b.apply("sigmoid", b.wrap(operands[0])).symbol


RULES = (
    Rule("expit(z) = sigmoid(z)", "expit", _sigmoid_by_scipy, "exact",
         "one op under one name, by which the laws of a sigmoid find it"),
    Rule("1 / (1 + exp((-a) b)) = sigmoid(a b)", "divide", _sigmoid_of_product, "rounding",
         "the derivative of a sigmoid p is p (1 - p), without another exponential"),
    Rule("1 / (1 + exp(-z)) = sigmoid(z)", "divide", _sigmoid, "exact",
         "the derivative of a sigmoid p is p (1 - p), without another exponential"),
    Rule("reciprocal(1 + exp(-z)) = sigmoid(z)", "reciprocal", _sigmoid_by_reciprocal, "exact",
         "the derivative of a sigmoid p is p (1 - p), without another exponential"),
    Rule("(1 + exp(-z))**-1 = sigmoid(z)", "power", _sigmoid_by_power, "rounding",
         "the derivative of a sigmoid p is p (1 - p), without another exponential"),
    Rule("exp(z) / (1 + exp(z)) = sigmoid(z)", "divide", _sigmoid_by_quotient, "stability",
         "exp(z) overflows above z = 709, and inf / inf is NaN"),
    Rule("log(1 + exp(z)) = softplus(z)", "log", _softplus, "stability",
         "exp(z) overflows above z = 709, where the log is z"),
    Rule("log1p(exp(z)) = softplus(z)", "log1p", _softplus_by_log1p, "stability",
         "exp(z) overflows above z = 709, where the log is z"),
    Rule("log(sigmoid(z)) = -softplus(-z)", "log", _log_sigmoid, "stability",
         "sigmoid(z) underflows to 0 below z = -709, and its log to -inf"),
    Rule("log(1 - sigmoid(z)) = -softplus(z)", "log", _log_one_minus_sigmoid, "stability",
         "sigmoid(z) rounds to 1 above z = 37, and log(1 - 1) is -inf"),
    Rule("log1p(-sigmoid(z)) = -softplus(z)", "log1p", _log1p_minus_sigmoid, "stability",
         "sigmoid(z) rounds to 1 above z = 37, and log1p(-1) is -inf"),
)  # fmt: skip
