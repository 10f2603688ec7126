"""The laws of the logistic loss, and of the sign that they leave before a mean or sum of it.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.  Invariant: a sign is moved only where a law of
this file left it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from symgrad.graph import Builder, Operand
from symgrad.recognise.reading import (
    Operands,
    argument,
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
    if one is None or two is None or one.sign != two.sign:
        return None
    for for_one, for_zero in ((one, two), (two, one)):
        if _is_one_minus(b, for_zero.weight, for_one.weight) and _opposite(
            b, for_one.x, for_zero.x
        ):
            loss = b.apply("logistic_loss", for_zero.x, for_one.weight)
            return (loss if one.sign > 0 else -loss).symbol
    return None


def _logistic_loss_by_difference(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _logistic_loss(b, operands, settings, -1)


def _is_one_minus(b: Builder, v: Operand, y: Operand) -> bool:
    pair = operands_of(b, v, "subtract")
    wraps = b.aval(y).dtype.kind == "u"  # 1 - y of unsigned labels is another number
    return bool(pair) and is_number(pair[0], 1) and pair[1] is y and not wraps


def _opposite(b: Builder, v: Operand, z: Operand) -> bool:
    return negated(b, v) is z or negated(b, z) is v


def _sign_out_of_mean(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    # Exact: rounding is symmetric.  Only for the sign that a law of ours left behind.
    return _sign_out(b, operands, settings, "mean")


def _sign_out_of_sum(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _sign_out(b, operands, settings, "sum")


def _sign_out(b: Builder, operands: Operands, settings: Any, name: str) -> Operand | None:
    inner = argument(b, operands[0], "negative")
    if inner is None or not operands_of(b, inner, "logistic_loss"):
        return None
    axis, keepdims = settings
    return (-b.apply(name, inner, axis=axis, keepdims=keepdims)).symbol


def _sign_out_of_difference(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    inner = argument(b, operands[1], "negative")
    if inner is None or not operands_of(b, inner, "logistic_loss"):
        return None
    return b.apply("add", operands[0], inner).symbol


RULES = (
    Rule("y softplus(-z) + (1 - y) softplus(z) = logistic loss", "add", _logistic_loss,
         "stability"),
    Rule("y softplus(-z) - (y - 1) softplus(z) = logistic loss", "subtract",
         _logistic_loss_by_difference, "stability"),
    Rule("mean(-loss) = -mean(loss)", "mean", _sign_out_of_mean, "exact"),
    Rule("sum(-loss) = -sum(loss)", "sum", _sign_out_of_sum, "exact"),
    Rule("a - (-loss) = a + loss", "subtract", _sign_out_of_difference, "exact"),
)  # fmt: skip
