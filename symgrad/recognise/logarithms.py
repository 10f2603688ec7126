"""The laws of logarithms of products, quotients, powers and choices of positive numbers.

They are taken apart where each part has a logarithm that is known better than by way of the part
itself: an exponential, a sum of them, a sigmoid, a softmax.  Each law is given a builder and the
operands of the op it is tried on; it returns the operand that takes the place of the result, or
None.  Invariant: the parts are positive whatever the arguments, so no NaN comes or goes.
"""

from __future__ import annotations

import math
from typing import Any

from symgrad.graph import Builder, Op, Operand, Static, Value
from symgrad.recognise.length import squared
from symgrad.recognise.moves import gathered, regathered
from symgrad.recognise.reading import (
    Operands,
    argument,
    is_number,
    is_whole,
    negated,
    operands_of,
    orders,
)
from symgrad.recognise.rule import Rule

DEEPEST = 3  # parts of parts that are looked at: each look-up stays constant


def _has_log(b: Builder, v: Operand, depth: int = DEEPEST) -> bool:
    """Return whether ``v`` is positive by its formula, and its logarithm known better than it."""
    row = b.definition(gathered(b, v)[0])
    if row is None or depth == 0:
        return False
    if row.name in ("exp", "sum", "mean"):
        return _is_sum_of_exp(b, row)
    if row.name == "softmax" or _is_sigmoid(b, v):
        return True
    if row.name in ("sqrt", "square", "reciprocal", "power"):
        return _has_log(b, row.operands[0], depth - 1)
    if row.name in ("multiply", "divide", "where"):
        return _parts_have_logs(b, row.operands[-2:], depth)
    if row.name == "add":  # of exponentials and numbers: other sums overflow before their log
        return all(operands_of(b, v, "exp") or _is_positive_number(b, v) for v in row.operands)
    return False


def _is_sum_of_exp(b: Builder, row: Op) -> bool:
    inner = row if row.name == "exp" else b.definition(row.operands[0])
    if inner is None or inner.name != "exp" or b.aval(inner.operands[0]).dtype.kind != "f":
        return False
    return row is inner or bool(row.setting("axis"))


def _complement_of(b: Builder, v: Operand) -> Operand | None:
    """Return p where ``v`` is 1 - p."""
    pair = operands_of(b, v, "subtract")
    return pair[1] if pair and is_number(pair[0], 1) else None


def _is_sigmoid(b: Builder, v: Operand) -> bool:
    """Return whether ``v`` is sigmoid(z) or 1 - sigmoid(z), or some elements of it."""
    p = _complement_of(b, gathered(b, v)[0])
    return bool(operands_of(b, gathered(b, v if p is None else p)[0], "sigmoid"))


def _parts_have_logs(b: Builder, parts: Operands, depth: int) -> bool:
    found = [_has_log(b, v, depth - 1) for v in parts]
    return any(found) and all(
        known or _is_positive_number(b, v) for known, v in zip(found, parts, strict=True)
    )


def _is_positive_number(b: Builder, v: Operand) -> bool:
    if type(v) is Static:
        return bool(v.value > 0)
    row = b.definition(v)
    return row is not None and row.name == "size"


def _log(b: Builder, v: Operand, like: Operand) -> Value:
    """Return log(v), the laws tried on it again; a size has one in the dtype of ``like``."""
    if type(v) is Static:
        return b.wrap(Static(math.log(v.value)))
    found = b.apply("log", v)
    is_weak = b.aval(v).kind == "python" and b.aval(like).dtype != found.dtype
    return b.apply("as_float", found) if is_weak else found


def _log_of_elements(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    e, path = gathered(b, operands[0])
    x = argument(b, e, "exp") if path else None
    return regathered(b, x, path) if x is not None else None


def _log_of_product(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    (v,) = operands
    parts = operands_of(b, v, "multiply")
    if not parts or not (_parts_have_logs(b, parts, DEEPEST) or _is_difference(b, *parts)):
        return None
    return (_log(b, parts[0], v) + _log(b, parts[1], v)).symbol


def _is_difference(b: Builder, e: Operand, v: Operand) -> bool:
    """Return whether e v is exp(x) (1 - exp(y)): its sign is that of the second factor."""
    inner = negated(b, v)  # 1 - exp(y) is -expm1(y) by now
    return bool(operands_of(b, e, "exp") and inner is not None and operands_of(b, inner, "expm1"))


def _log_of_quotient(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    (v,) = operands
    parts = operands_of(b, v, "divide")
    if not parts or not _parts_have_logs(b, parts, DEEPEST):
        return None
    if is_number(parts[0], 1):
        return (-_log(b, parts[1], v)).symbol
    return (_log(b, parts[0], v) - _log(b, parts[1], v)).symbol


def _log_of_power(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    parts = operands_of(b, operands[0], "power")
    if not parts or not _has_log(b, parts[0]):
        return None
    return (b.wrap(parts[1]) * _log(b, *parts)).symbol


def _log_of_root(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    parts = operands_of(b, operands[0], "sqrt")
    if not parts or not _has_log(b, parts[0]):
        return None
    return (0.5 * _log(b, parts[0], operands[0])).symbol


def _log_of_square(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x = squared(b, operands[0])
    if x is None:
        return None
    return (2 * b.apply("log", x if _has_log(b, x) else b.apply("absolute", x))).symbol


def _log_of_choice(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    choice = operands_of(b, operands[0], "where")
    if not choice or not _parts_have_logs(b, choice[1:], DEEPEST):
        return None
    return b.apply("where", choice[0], *(_log(b, v, operands[0]) for v in choice[1:])).symbol


def _log_of_other_choice(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    one = _complement_of(b, operands[0])
    choice = operands_of(b, one, "where") if one is not None else ()
    if not choice or not all(_is_sigmoid(b, v) for v in choice[1:]):
        return None
    return b.apply(
        "where", choice[0], *(b.apply("log", _complement(b, v)) for v in choice[1:])
    ).symbol


def _complement(b: Builder, p: Operand) -> Value:
    """Return 1 - p; where ``p`` is 1 - q it is q."""
    q = _complement_of(b, p)
    return 1 - b.wrap(p) if q is None else b.wrap(q)


def _log_of_mean_of_exp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    row = b.definition(operands[0])
    x = argument(b, row.operands[0], "exp") if row is not None and row.name == "mean" else None
    if row is None or x is None or not row.setting("axis"):
        return None
    axis, keepdims = row.settings
    return b.apply("logmeanexp", x, axis=axis, keepdims=keepdims).symbol


def _power_of_sigmoid(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    v, exponent = operands
    one = _complement_of(b, v)
    p = v if one is None else one
    choice = operands_of(b, p, "where")
    if not all(_is_sigmoid(b, q) for q in choice[1:] or (p,)):
        return None
    if one is None and not choice and is_whole(exponent):
        return None  # p**2 underflows where the exponential does
    return b.apply("exp", b.wrap(exponent) * b.apply("log", v)).symbol


def _x_log_x(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    for factor, log in orders(operands):
        v, sign = _without_sign(b, log)
        x, other = _without_sign(b, factor)
        found = operands_of(b, v, "log")
        if not found or b.aval(x).dtype.kind != "f":
            continue
        pair = operands_of(b, found[0], "divide")
        if found[0] is x or (pair and pair[0] is x):
            y = b.apply("x_log_ratio", x, 1 if found[0] is x else pair[1])
            return (y if sign == other else -y).symbol
    return None


def _without_sign(b: Builder, v: Operand) -> tuple[Operand, int]:
    inner = negated(b, v)
    return (v, 1) if inner is None else (inner, -1)


RULES = (
    Rule("x log(x / q) = 0 at x = 0", "multiply", _x_log_x, "stability",
         "0 log(0) is NaN, and its limit 0"),
    Rule("log(exp(x)[k]) = x[k]", "log", _log_of_elements, "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("log(mean(exp(x))) = logmeanexp(x)", "log", _log_of_mean_of_exp, "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("log(sqrt(a)) = log(a) / 2, a > 0", "log", _log_of_root, "stability",
         "a product, quotient or power of probabilities underflows where its log does not"),
    Rule("log(x**2) = 2 log|x|", "log", _log_of_square, "stability",
         "squares overflow above 1e154 and vanish below 1e-162"),
    Rule("log(a b) = log(a) + log(b), a > 0, b > 0", "log", _log_of_product, "stability",
         "a product, quotient or power of probabilities underflows where its log does not"),
    Rule("log(a / b) = log(a) - log(b), a > 0, b > 0", "log", _log_of_quotient, "stability",
         "a product, quotient or power of probabilities underflows where its log does not"),
    Rule("log(a**p) = p log(a), a > 0", "log", _log_of_power, "stability",
         "a product, quotient or power of probabilities underflows where its log does not"),
    Rule("log(where(m, a, b)) = where(m, log(a), log(b)), a > 0, b > 0", "log", _log_of_choice,
         "stability",
         "a product, quotient or power of probabilities underflows where its log does not"),
    Rule("log(1 - where(m, p, q)) = where(m, log(1 - p), log(1 - q)), sigmoids", "log",
         _log_of_other_choice, "stability",
         "a product, quotient or power of probabilities underflows where its log does not"),
    Rule("p**g = exp(g log(p)), p a sigmoid", "power", _power_of_sigmoid, "stability",
         "a product, quotient or power of probabilities underflows where its log does not"),
)  # fmt: skip
