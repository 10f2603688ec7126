"""The laws of sums, differences and quotients of exponentials, whatever they are weighted with.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.  Invariant: the largest exponent is taken out, so
that no exponential of the result overflows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from symgrad.graph import Builder, Law, Operand, Static, Value
from symgrad.recognise.moves import gathered, regathered
from symgrad.recognise.reading import (
    Operands,
    argument,
    is_number,
    minus,
    negated,
    one_plus,
    operands_of,
    orders,
)
from symgrad.recognise.reductions import keepdims_like, reduction
from symgrad.recognise.rule import Rule

MOST_TERMS = 8  # of a sum that is read: each look-up stays constant


class _Term(NamedTuple):
    """``weight * exp(x)``; without an x it is the weight itself."""

    weight: Operand
    x: Operand | None


def _terms(b: Builder, v: Operand) -> list[_Term]:
    """Return the terms of the sum ``v``, or nothing where it is none or too long."""
    found: list[_Term] = []
    todo = list(operands_of(b, v, "add"))
    while todo and len(found) + len(todo) <= MOST_TERMS:
        term = todo.pop()
        pair = operands_of(b, term, "add")
        if pair:
            todo.extend(pair)
        else:
            found.append(_weighted(b, term))
    return [] if todo else found[::-1]


def _weighted(b: Builder, v: Operand) -> _Term:
    x = argument(b, v, "exp")
    if x is not None:
        return _Term(Static(1), x)
    for weight, e in orders(operands_of(b, v, "multiply")):
        x = argument(b, e, "exp")
        if x is not None:
            return _Term(weight, x)
    pair = operands_of(b, v, "divide")
    x = argument(b, pair[0], "exp") if pair else None
    if x is not None:
        return _Term((1 / b.wrap(pair[1])).symbol, x)
    return _Term(v, None)


def _is_positive(v: Operand) -> bool:
    return type(v) is Static and bool(v.value > 0)


def _exponent(b: Builder, term: _Term) -> Value:
    """Return z where the term is exp(z), its weight being a positive number."""
    if term.x is None:
        return b.wrap(Static(math.log(term.weight.value)))
    if is_number(term.weight, 1):
        return b.wrap(term.x)
    return b.wrap(term.x) + math.log(term.weight.value)


def _log_of_exps(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    terms = _terms(b, operands[0])
    if not terms or not all(_is_positive(t.weight) for t in terms):
        return None
    # Numbers last: a sum of one with an exponential has the exponential's shape and dtype.
    terms.sort(key=lambda t: t.x is None)
    if terms[0].x is None:
        return None
    total = _exponent(b, terms[0])
    for term in terms[1:]:
        total = b.apply("logaddexp", total, _exponent(b, term))
    return total.symbol


def _log_of_weighted_exp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    terms = _terms(b, operands[0])
    if len(terms) != 2 or sum(t.x is None for t in terms) != 1:
        return None
    other, e = sorted(terms, key=lambda t: t.x is not None)
    if any(b.aval(t.weight).dtype.kind not in "fi" for t in terms):
        return None
    if e.x is None or b.aval(e.x).dtype != b.aval(operands[0]).dtype:
        return None
    return b.apply("log_plus_exp", other.weight, e.weight, e.x).symbol


def _log_of_difference(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    pair = operands_of(b, operands[0], "subtract")
    x, y = (argument(b, v, "exp") for v in pair) if pair else (None, None)
    if x is None or y is None:
        return None
    return (b.wrap(x) + b.apply("log1mexp", b.wrap(y) - b.wrap(x))).symbol


def _log_of_expm1(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x = argument(b, operands[0], "expm1")
    return (b.wrap(x) + b.apply("log1mexp", minus(b, x))).symbol if x is not None else None


def _log_of_cosh(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x = argument(b, operands[0], "cosh")
    return b.apply("logcosh", x).symbol if x is not None else None


def _minus_softplus(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x, y = operands
    if argument(b, y, "softplus") is x:
        return (-b.apply("softplus", minus(b, x))).symbol
    if argument(b, x, "softplus") is y:
        return b.apply("softplus", minus(b, y)).symbol
    return None


def _minus_one_plus_exp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    for one, e in orders(operands):
        x = argument(b, e, "exp") if is_number(one, -1) else None
        if x is not None:
            return b.apply("expm1", x).symbol
    return None


def _log_of_weighted_sum(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    """Return log(sum(w exp(x))), also where exp(x) is a softmax."""
    r = reduction(b, operands[0])
    if r is None or r.name != "sum":
        return None
    for w, e in orders(operands_of(b, r.x, "multiply")):
        x = _log_of_share(b, e)
        if x is not None and _may_weigh(b, w, e, r.x):
            keepdims = keepdims_like(b, operands[0], r)
            if keepdims is not None:
                y = b.apply("weighted_logsumexp", w, x, axis=r.axes, keepdims=keepdims)
                return y.symbol
    return None


def _number_out_of(name: str) -> Law:
    """Return the law that takes a positive number out of a sum or mean of exponentials."""

    def law(b: Builder, operands: Operands, settings: Any) -> Operand | None:
        axis, keepdims = settings
        for head in ("multiply", "divide"):
            pair = operands_of(b, operands[0], head)
            for number, e in orders(pair) if head == "multiply" else [pair[::-1]] if pair else ():
                is_alike = b.aval(e).dtype == b.aval(operands[0]).dtype
                if is_alike and _is_positive(number) and operands_of(b, e, "exp"):
                    total = b.apply(name, e, axis=axis, keepdims=keepdims)
                    scaled = (
                        b.wrap(number) * total if head == "multiply" else total / b.wrap(number)
                    )
                    return scaled.symbol
        return None

    return law


def _log_of_share(b: Builder, v: Operand) -> Operand | None:
    """Return x where ``v`` is exp(x), and log_softmax(x) where it is softmax(x)."""
    row = b.definition(v)
    if row is not None and row.name == "softmax":
        return b.apply("log_softmax", row.operands[0], axis=row.setting("axis")).symbol
    return argument(b, v, "exp")


def _may_weigh(b: Builder, w: Operand, e: Operand, product: Operand) -> bool:
    have, want = b.aval(e), b.aval(product)
    is_whole = b.shapes.same_shape(have.shape, want.shape) and have.dtype == want.dtype
    return type(w) is not Static and is_whole and have.dtype.itemsize in (4, 8)


def _log_of_weighted_dot(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    row = b.definition(operands[0])
    if row is None or row.name != "contract" or len(row.operands) != 2:
        return None
    terms, out = row.settings
    for k in (0, 1):
        e, w = row.operands[k], row.operands[1 - k]
        inner, outer = terms[k], terms[1 - k]
        x = argument(b, e, "exp")
        if x is None or len(outer) != 1 or inner != (*out, *outer):
            continue
        if b.aval(w).dtype == b.aval(x).dtype and b.aval(x).dtype.itemsize in (4, 8):
            axis = (len(inner) - 1,)
            return b.apply("weighted_logsumexp", w, x, axis=axis, keepdims=False).symbol
    return None


def _log_of_running_sum(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    """Return the running logsumexp, also of exponentials in reverse order, and so taken back."""
    total, back = gathered(b, operands[0])
    row = b.definition(total)
    if row is None or row.name != "cumsum":
        return None
    e, path = gathered(b, row.operands[0])
    x = argument(b, e, "exp")
    if x is None or b.aval(x).dtype.itemsize not in (4, 8):
        return None
    y = b.apply("running_logsumexp", regathered(b, x, path), axis=row.setting("axis"))
    return regathered(b, y.symbol, back)


def _deviance(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    ratio, log = operands
    pair, quotient = operands_of(b, ratio, "divide"), operands_of(b, log, "log")
    above = operands_of(b, pair[0], "subtract") if pair else ()
    if not quotient or not above or above[1] != pair[1]:
        return None
    if operands_of(b, quotient[0], "divide") != above:
        return None
    return b.apply("gamma_deviance", *above).symbol


# --- quotients --------------------------------------------------------------------------------


def _share_of_two(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x = argument(b, operands[0], "exp")
    if x is None:
        return None
    for e, other in orders(operands_of(b, operands[1], "add")):
        y = argument(b, other, "exp")
        if e is operands[0] and y is not None:
            return b.apply("sigmoid", b.wrap(x) - b.wrap(y)).symbol
    return None


def _number_over_one_plus_exp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    e = one_plus(b, operands[1]) if type(operands[0]) is Static else None
    x = argument(b, e, "exp") if e is not None else None
    return (b.wrap(operands[0]) * b.apply("sigmoid", minus(b, x))).symbol if x is not None else None


def _tanh(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    above, below = (operands_of(b, v, name) for v, name in zip(operands, _TANH, strict=True))
    if not above or set(above) != set(below):
        return None
    x, y = (argument(b, v, "exp") for v in above)
    if x is None or y is None:
        return None
    if negated(b, y) is x or negated(b, x) is y:
        return b.apply("tanh", x).symbol
    return b.apply("tanh", 0.5 * (b.wrap(x) - b.wrap(y))).symbol


_TANH = ("subtract", "add")


def _tanh_of_half(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    above, below = operands
    inner = negated(b, above)  # 1 - exp(x) is -expm1(x) by now
    x = argument(b, above if inner is None else inner, "expm1")
    e = one_plus(b, below)
    if x is None or e is None or argument(b, e, "exp") is not x:
        return None
    y = b.apply("tanh", _half(b, x))
    return (y if inner is None else -y).symbol


def _half(b: Builder, x: Operand) -> Value:
    for two, z in orders(operands_of(b, x, "multiply")):
        if is_number(two, 2):
            return b.wrap(z)
        if is_number(two, -2):
            return -b.wrap(z)
    return 0.5 * b.wrap(x)


RULES = (
    Rule("log(a exp(x) + b exp(y) + ...) = logaddexp(x + log(a), y + log(b)) ..., numbers a, b > 0",
         "log", _log_of_exps, "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("log(a + b exp(x)) = x + log(a exp(-x) + b), where x > 0", "log", _log_of_weighted_exp,
         "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("log(exp(x) - exp(y)) = x + log1mexp(y - x)", "log", _log_of_difference, "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("log(expm1(x)) = x + log1mexp(-x)", "log", _log_of_expm1, "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("sum(c exp(x)) = c sum(exp(x)), c > 0", "sum", _number_out_of("sum"), "rounding",
         "the sum of exponentials is known better by its logarithm"),
    Rule("mean(c exp(x)) = c mean(exp(x)), c > 0", "mean", _number_out_of("mean"), "rounding",
         "the mean of exponentials is known better by its logarithm"),
    Rule("log(sum(w exp(x))) = m + log(sum(w exp(x - m))), m = max(x where w != 0)", "log",
         _log_of_weighted_sum, "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("log(exp(x) @ w) = m + log(exp(x - m) @ w), m = max(x where w != 0)", "log",
         _log_of_weighted_dot, "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("log(cumsum(exp(x))) = c + log(cumsum(exp(x - c)))", "log", _log_of_running_sum,
         "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("log(cosh(x)) = logcosh(x)", "log", _log_of_cosh, "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("x - softplus(x) = -softplus(-x)", "subtract", _minus_softplus, "stability",
         "the difference cancels for large x"),
    Rule("(y - m) / m - log(y / m) = (q - 1) - log(q), q = y / m", "subtract", _deviance,
         "stability",
         "the two terms cancel where y is nearly m"),
    Rule("exp(x) + (-1) = expm1(x)", "add", _minus_one_plus_exp, "stability",
         "exp(x) - 1 cancels for x near 0"),
    Rule("exp(x) / (exp(x) + exp(y)) = sigmoid(x - y)", "divide", _share_of_two, "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("c / (1 + exp(-z)) = c sigmoid(z)", "divide", _number_over_one_plus_exp, "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("(exp(x) - exp(y)) / (exp(x) + exp(y)) = tanh((x - y) / 2)", "divide", _tanh,
         "stability",
         "exp overflows above 709 and underflows below -745"),
    Rule("expm1(x) / (exp(x) + 1) = tanh(x / 2)", "divide", _tanh_of_half, "stability",
         "exp overflows above 709 and underflows below -745"),
)  # fmt: skip
