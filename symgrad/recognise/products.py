"""The laws of sums that need no array of products: they are tried once composites are found.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.  Invariant: only sums in double precision are
changed, since NumPy adds up single precision more exactly than its products of matrices do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.graph import Builder, Operand, Value
from symgrad.ops.contraction import sum_of_product
from symgrad.ops.reductions import count
from symgrad.ops.table import normal_axes, op
from symgrad.recognise.reading import Operands
from symgrad.recognise.rule import Rule


def _sum(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    axis, keepdims = settings
    total = fused(b, operands[0], axis, keepdims)
    return total.symbol if total is not None else None


def _mean(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    axis, keepdims = settings
    total = fused(b, operands[0], axis, keepdims)
    return (total / count(b.wrap(operands[0]), axis)).symbol if total is not None else None


def fused(b: Builder, x: Operand, axis: Any, keepdims: bool) -> Value | None:
    """Return the sum of ``x`` over ``axis`` where ``x`` is a product nobody gave a name."""
    row = _passing(b, x)
    if row is None:
        return None
    axes = normal_axes(axis, len(b.aval(x).shape))
    if row.name == "square" or (row.name == "multiply" and row.operands[0] is row.operands[1]):
        return op.sum_of_squares(b.wrap(row.operands[0]), axis=axes, keepdims=keepdims)
    if row.name == "multiply":
        return _of_product(b, row.operands, axes, keepdims)
    return None


def _passing(b: Builder, x: Operand) -> Any:
    """Return the op that computes ``x``, an array of doubles without a name."""
    aval = b.aval(x)
    if x in b.notes.names or aval.dtype != np.float64 or aval.kind != "array":
        return None
    return b.definition(x)


def _of_product(b: Builder, pair: Operands, axes: tuple[int, ...], keepdims: bool) -> Value | None:
    if any(b.aval(x).dtype != np.float64 for x in pair):
        return None
    first, second = (b.wrap(x) for x in pair)
    return sum_of_product(first, second, axes, keepdims)


def _sum_of_sums(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    total = _flat(b, operands[0], *settings)
    return total.symbol if total is not None else None


def _mean_of_sums(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    total = _flat(b, operands[0], *settings)
    return (total / count(b.wrap(operands[0]), settings[0])).symbol if total is not None else None


def _flat(b: Builder, x: Operand, axis: Any, keepdims: bool) -> Value | None:
    """Return the sum of all elements where ``x`` is itself a sum nobody gave a name."""
    row = _passing(b, x)
    if row is None or row.name not in ("sum", "sum_of_squares") or keepdims:
        return None
    if len(normal_axes(axis, len(b.aval(x).shape))) < len(b.aval(x).shape):
        return None
    inner = b.wrap(row.operands[0])
    whole = tuple(range(inner.ndim))
    return getattr(op, row.name)(inner, axis=whole, keepdims=False)  # type: ignore[no-any-return]


def _var(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x = b.wrap(operands[0])
    if x.dtype != np.float64 or x.aval.kind != "array":
        return None
    axis, ddof, keepdims = settings
    return op.squared_deviation(x, axis=axis, ddof=ddof, keepdims=keepdims).symbol


RULES = (
    Rule("sum(x y) = x . y", "sum", _sum, "rounding",
         "one pass over both arrays, and no array of products"),
    Rule("mean(x y) = x . y / n", "mean", _mean, "rounding",
         "one pass over both arrays, and no array of products"),
    Rule("sum(sum(x, axis)) = sum(x)", "sum", _sum_of_sums, "rounding",
         "one reduction instead of two"),
    Rule("mean(sum(x, axis)) = sum(x) / n", "mean", _mean_of_sums, "rounding",
         "one reduction instead of two"),
    Rule("var(x) = (x - m) . (x - m) / n, m = mean(x)", "var", _var, "rounding",
         "the gradient needs x - m too, so the mean is taken once"),
)  # fmt: skip
