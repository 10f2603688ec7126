"""The laws of the logistic loss.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from symgrad.graph import Builder, Operand
from symgrad.recognise.reading import (
    Operands,
    argument,
    distance_of,
    is_number,
    negated,
    operands_of,
    orders,
)
from symgrad.recognise.rule import Rule


class _Weighted(NamedTuple):
    """``sign * weight * softplus(x)``, as a term of a sum."""

    sign: int
    weight: Operand
    x: Operand


def _weighted_softplus(b: Builder, v: Operand, sign: int = 1) -> _Weighted | None:
    inner = negated(b, v)
    if inner is not None:
        return _weighted_softplus(b, inner, -sign)
    for weight, factor in orders(operands_of(b, v, "multiply")):
        positive = negated(b, factor)
        x = argument(b, factor if positive is None else positive, "softplus")
        if x is not None:
            mine = sign if positive is None else -sign
            plus = negated(b, weight)
            return _Weighted(mine, weight, x) if plus is None else _Weighted(-mine, plus, x)
    return None


def _logistic_loss(
    b: Builder, operands: Operands, settings: Any, second: int = 1
) -> Operand | None:
    one, two = _weighted_softplus(b, operands[0]), _weighted_softplus(b, operands[1], second)
    if one is None or two is None:
        return None
    for for_one, for_zero in ((one, two), (two, one)):
        sign = for_zero.sign * _sign_of_one_minus(b, for_zero.weight, for_one.weight)
        if sign == for_one.sign and _opposite(b, for_one.x, for_zero.x):
            loss = b.apply("logistic_loss", for_zero.x, for_one.weight)
            return (loss if sign > 0 else -loss).symbol
    return None


def _logistic_loss_by_difference(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _logistic_loss(b, operands, settings, -1)


def _sign_of_one_minus(b: Builder, v: Operand, y: Operand) -> int:
    """Return 1 where ``v`` is 1 - y, -1 where it is y - 1, else 0."""
    pair = operands_of(b, v, "subtract")
    if not pair or b.aval(y).dtype.kind == "u":  # 1 - y of unsigned labels is another number
        return 0
    if pair[1] is y:
        return 1 if is_number(pair[0], 1) else 0
    return -1 if pair[0] is y and is_number(pair[1], 1) else 0


def _opposite(b: Builder, v: Operand, z: Operand) -> bool:
    return negated(b, v) is z or negated(b, z) is v


def _completed(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    """Return softplus(z) + rest where log1p(exp(-|z|)) meets max(z, 0) + rest."""
    for rest, log in orders(operands):
        e = operands_of(b, log, "log1p")
        u = argument(b, e[0], "exp") if e else None
        z = distance_of(b, u) if u is not None else None
        if z is None:
            continue
        whole = b.apply("softplus", z)
        if _is_positive_part(b, rest, z):
            return whole.symbol
        for name in ("add", "subtract"):
            pair = operands_of(b, rest, name)
            if pair and _is_positive_part(b, pair[0], z):
                return _with_rest(b, name, whole.symbol, pair[1])
            if pair and name == "add" and _is_positive_part(b, pair[1], z):
                return _with_rest(b, name, whole.symbol, pair[0])
    return None


def _with_rest(b: Builder, name: str, whole: Operand, rest: Operand) -> Operand | None:
    if name == "subtract":
        loss = _softplus_less_score(b, (whole, rest), ())
        if loss is not None:
            return loss
    return b.apply(name, whole, rest).symbol


def _is_positive_part(b: Builder, v: Operand, z: Operand) -> bool:
    pairs = orders(operands_of(b, v, "maximum"))
    return any(is_number(zero, 0) and x is z for zero, x in pairs)


def _softplus_less_score(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    """Return the logistic loss where it is softplus(z) - y z."""
    whole, score = operands
    z = argument(b, whole, "softplus")
    for y, x in orders(operands_of(b, score, "multiply")) if z is not None else ():
        if x is z and whole not in b.notes.names and score not in b.notes.names:
            return b.apply("logistic_loss", z, y).symbol
    return None


RULES = (
    Rule("y softplus(-z) + (1 - y) softplus(z) = logistic loss", "add", _logistic_loss, "stability",
         "one exponential for both labels, and a derivative, sigmoid(z) - y, that cannot overflow"),
    Rule("y softplus(-z) - (y - 1) softplus(z) = logistic loss", "subtract",
         _logistic_loss_by_difference, "stability",
         "one exponential for both labels, and a derivative, sigmoid(z) - y, that cannot overflow"),
    Rule("max(z, 0) + log1p(exp(-|z|)) = softplus(z)", "add", _completed, "stability",
         "both terms have a kink at 0, where their sum is smooth"),
    Rule("softplus(z) - y z = logistic loss", "subtract", _softplus_less_score, "rounding",
         "the derivative is sigmoid(z) - y"),
)  # fmt: skip
