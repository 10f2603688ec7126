"""Norms of vectors and matrices in every order that NumPy has, and condition numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import notation as maths
from symgrad.dims import Shapes, product
from symgrad.errors import TraceError
from symgrad.graph import Aval, Value
from symgrad.ops.contraction import as_values
from symgrad.ops.factorisations import svdvals
from symgrad.ops.linalg import float_dtype
from symgrad.ops.reductions import REDUCE, WHOLE, kept, reduced_shape
from symgrad.ops.table import (
    FRONT,
    accept,
    array_aval,
    keyword_text,
    normal_axes,
    normal_axis,
    op,
    structural,
)

# --- the p-norm of vectors --------------------------------------------------------------------


def _p_norm_aval(shapes: Shapes, x: Aval, ord: float, axis: Any, keepdims: bool) -> Aval:
    return array_aval(reduced_shape(x.shape, axis, keepdims), float_dtype(x))


def _p_norm_vjp(ct: Value, y: Value, x: Value, ord: float, axis: Any, keepdims: bool) -> Value:
    safe = kept(op.where(op.equal(y, 0), 1, y), x, axis, keepdims)
    direction = op.sign(x) * (op.absolute(x) / safe) ** (ord - 1)
    return kept(ct, x, axis, keepdims) * direction


def _axis_of_vector(s: Any) -> Any:
    return s["axis"][0] if len(s.aval(0).shape) > 1 else None


def _write_p_norm(s: Any) -> maths.Math:
    letters, body = s.reduced(normal_axes(s["axis"], len(s.aval(0).shape)), s["keepdims"])
    p = maths.number(s["ord"])
    total = s.over(maths.Sign("∑"), letters, maths.power(maths.Fenced(body, "|", "|"), p))
    return maths.power(total, maths.over(maths.Number(1), p))


structural(
    "p_norm", "The p-norm of vectors along an axis: (sum |x|^p)^(1/p).",
    params=("ord", *REDUCE), defaults=WHOLE, rule="derivative of a p-norm",
    aval=_p_norm_aval, vjp=_p_norm_vjp,
    numpy=lambda s: f"{s.np}.linalg.norm({s[0]}, {s['ord']!r}"
    f"{keyword_text(axis=_axis_of_vector(s), keepdims=s['keepdims'])})",
    notation=_write_p_norm, role="norm",
    kinks="0 at 0; where p < 1, infinite at elements that are 0",
    flops=lambda shapes, xs, y, **_: 3 * product(xs[0].shape) + product(y.shape),
)  # fmt: skip


def _vector_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Return a norm of the vectors along ``axes``, together one."""
    if ord is None or ord == 2:
        return _length(x, axes, keepdims)
    if isinstance(ord, str) or not np.isscalar(ord):
        raise TraceError(f"a vector has no norm of order {ord!r}")
    if ord == 0:
        there = op.astype(op.not_equal(x, 0), dtype=float_dtype(x.aval).name)
        return op.sum(there, axis=axes, keepdims=keepdims)
    reduce = {1: op.sum, np.inf: op.max, -np.inf: op.min}.get(ord)  # type: ignore[call-overload]
    if reduce is not None:
        return reduce(op.absolute(x), axis=axes, keepdims=keepdims)
    p = float(ord)  # type: ignore[arg-type]
    if len(axes) == 1:
        return op.p_norm(x, ord=int(p) if p.is_integer() else p, axis=axes, keepdims=keepdims)
    total = op.sum(op.power(op.absolute(x), p), axis=axes, keepdims=keepdims)
    return op.power(total, 1 / p)


def _length(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Return Euclidean lengths; np.linalg.norm itself takes two axes at most."""
    if len(axes) <= 2:
        return op.norm(x, axis=axes, keepdims=keepdims)
    if len(axes) < x.ndim:
        return op.sqrt(op.sum(op.square(x), axis=axes, keepdims=keepdims))
    found = op.norm(x.ravel(), axis=(0,), keepdims=False)
    return op.broadcast_to(found, shape=(1,) * x.ndim) if keepdims else found


# --- norms of matrices ------------------------------------------------------------------------

_SUMMED = {1: (0, np.max), -1: (0, np.min), np.inf: (1, np.max), -np.inf: (1, np.min)}
_SINGULAR = {2: np.max, -2: np.min, "nuc": np.sum}


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, int], keepdims: bool) -> Any:
    """Return a norm of the matrices whose rows lie along the first of ``axes``."""
    if ord is None or ord == "fro":
        return op.norm(x, axis=tuple(sorted(axes)), keepdims=keepdims)
    if axes[0] == axes[1]:
        raise TraceError(f"a matrix norm needs two axes, not {axes[0]} twice")
    if ord in _SUMMED:
        which, front = _SUMMED[ord]
        return _largest_of_sums(op.absolute(x), axes[which], axes[1 - which], front, keepdims)
    if ord in _SINGULAR:
        if axes != (x.ndim - 2, x.ndim - 1):
            x = FRONT[np.moveaxis](x, axes, (-2, -1))
        s = svdvals(x)
        found = FRONT[_SINGULAR[ord]](s, axis=-1)
        return op.expand_dims(found, axis=tuple(sorted(axes))) if keepdims else found
    raise TraceError(f"a matrix has no norm of order {ord!r}")


def _largest_of_sums(x: Any, summed: int, rest: int, front: Any, keepdims: bool) -> Any:
    sums = op.sum(x, axis=(summed,), keepdims=keepdims)
    return FRONT[front](sums, axis=rest - (rest > summed and not keepdims), keepdims=keepdims)


@accept(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    (x,) = as_values(x)
    keepdims = bool(keepdims)
    if not x.ndim and ord is None:
        return op.absolute(x)
    if axis is None:
        if ord is None or (x.ndim == 1 and ord == 2) or (x.ndim == 2 and ord == "fro"):
            return _length(x, tuple(range(x.ndim)), keepdims)
        axis = tuple(range(x.ndim))
    axes = tuple(normal_axis(k, x.ndim) for k in (axis if isinstance(axis, tuple) else (axis,)))
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) != 2:
        raise TraceError(f"np.linalg.norm(ord={ord!r}) is of one axis or two, not of {len(axes)}")
    return _matrix_norm(x, ord, axes, keepdims)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    (x,) = as_values(x)
    return _vector_norm(x, ord, normal_axes(axis, x.ndim), bool(keepdims))


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    (x,) = as_values(x)
    return _matrix_norm(x, ord, (x.ndim - 2, x.ndim - 1), bool(keepdims))


for _front in (vector_norm, matrix_norm):  # NumPy 2 has them
    if hasattr(np.linalg, _front.__name__):
        FRONT[getattr(np.linalg, _front.__name__)] = _front


@accept(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    (x,) = as_values(x)
    if p is None or p in (2, -2):
        s = svdvals(x)
        first, last = s[..., 0], s[..., -1]
        return last / first if p == -2 else first / last
    axes = (x.ndim - 2, x.ndim - 1)
    return _matrix_norm(x, p, axes, False) * _matrix_norm(op.inv(x), p, axes, False)
