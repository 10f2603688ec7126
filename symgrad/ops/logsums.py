"""``np.logaddexp`` over axes: its reduction and its running form."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import notation as maths
from symgrad.dims import Shapes
from symgrad.graph import Aval, Value
from symgrad.ops.reductions import (
    REDUCE,
    WHOLE,
    axis_text,
    kept,
    log_of_sum,
    reduced_shape,
    running,
)
from symgrad.ops.table import (
    accept,
    array_aval,
    keyword_text,
    normal_axes,
    normal_axis,
    op,
    structural,
    ufunc_dtype,
)

_dtype = ufunc_dtype(np.exp)


def _reduced(shapes: Shapes, x: Aval, axis: Any, keepdims: bool) -> Aval:
    return array_aval(reduced_shape(x.shape, axis, keepdims), _dtype(x))


def _reduce_vjp(ct: Value, y: Value, x: Value, axis: Any, keepdims: bool) -> Value:
    share = op.exp(x - kept(y, x, axis, keepdims))
    return kept(ct, x, axis, keepdims) * share


def _spell_reduce(s: Any) -> str:
    axis = axis_text(s)
    axis = {None: None, 0: ""}.get(axis, axis) if len(s.aval(0).shape) > 1 else ""
    given = ", axis=None" if axis is None else keyword_text(axis=axis) if axis != "" else ""
    return f"{s.np}.logaddexp.reduce({s[0]}{given}{keyword_text(keepdims=s['keepdims'])})"


structural(
    "logaddexp_reduce", "log of a sum of exponentials by np.logaddexp, pair after pair.",
    rule="derivative of log-sum-exp is softmax",
    params=REDUCE, defaults=WHOLE, aval=_reduced, vjp=_reduce_vjp, numpy=_spell_reduce,
    notation=log_of_sum, role="total", cost="slow",
)  # fmt: skip


@accept(np.logaddexp.reduce)
def reduce(
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    if dtype is not None:
        array = op.astype(array, dtype=np.dtype(dtype).name)
    if where is not True:
        array = op.where(where, array, -np.inf)
    axes = normal_axes(axis, array.ndim)
    total = op.logaddexp_reduce(array, axis=axes, keepdims=bool(keepdims))
    return total if initial is None else op.logaddexp(total, initial)


def running_log(s: Any) -> maths.Math:
    """Write the log of a running sum of exponentials."""
    return maths.apply("log", running(s, s["axis"], s.exp))


# --- running --------------------------------------------------------------------------------------


def _running_vjp(ct: Value, y: Value, x: Value, axis: int) -> Value:
    return op.running_share(ct, -y, x, axis=axis, reverse=True)


structural(
    "logaddexp_accumulate", "Running log of a sum of exponentials, by np.logaddexp.",
    params=("axis",), vjp=_running_vjp,
    aval=lambda shapes, x, axis: x._replace(dtype=_dtype(x), kind="array"),
    numpy=lambda s: f"{s.np}.logaddexp.accumulate({s[0]}{keyword_text(axis=s['axis'] or None)})",
    notation=lambda s: running_log(s), role="running", cost="slow",
)  # fmt: skip


@accept(np.logaddexp.accumulate)
def accumulate(array: Any, axis: Any = 0, dtype: Any = None) -> Any:
    if dtype is not None:
        array = op.astype(array, dtype=np.dtype(dtype).name)
    return op.logaddexp_accumulate(array, axis=normal_axis(axis, array.ndim))


def _running_share_vjps() -> Any:
    def weights(ct: Value, y: Value, v: Value, a: Value, b: Value, axis: int, reverse: bool) -> Any:
        return op.running_share(ct, b, a, axis=axis, reverse=not reverse)

    def inner(ct: Value, y: Value, v: Value, a: Value, b: Value, axis: int, reverse: bool) -> Any:
        return v * weights(ct, y, v, a, b, axis, reverse)

    def outer(ct: Value, y: Value, v: Value, a: Value, b: Value, axis: int, reverse: bool) -> Any:
        return ct * y

    return weights, inner, outer


def _expand_running_share(v: Value, a: Value, b: Value, axis: int, reverse: bool) -> Value:
    # By logarithms, the positive and the negative weights apart: neither exp(a) nor exp(b) need
    # be a number where their product is.  NaN counts as positive and stays NaN.
    is_zero, is_negative = op.equal(v, 0), op.less(v, 0)
    size = op.log(op.absolute(op.where(is_zero, 1, v)))
    terms = op.where(is_zero, -np.inf, size + a)

    def total(part: Value) -> Value:
        ordered = op.flip(part, axis=(axis,)) if reverse else part
        running = op.logaddexp_accumulate(ordered, axis=axis)
        return op.exp(b + (op.flip(running, axis=(axis,)) if reverse else running))

    positive = total(op.where(is_negative, -np.inf, terms))
    return positive - total(op.where(is_negative, terms, -np.inf))


structural(
    "running_share", "Running sum of v exp(a), from the other end if reversed, times exp(b).",
    params=("axis", "reverse"), vjp=_running_share_vjps(), expand=_expand_running_share,
    aval=lambda shapes, v, a, b, axis, reverse: b, numpy=None, role="running",
    notation=lambda s: s.of_whole(maths.apply("share", *s)),
)  # fmt: skip
