"""Pseudo-inverses, least squares and ranks: matrices that need not be square."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
import sympy as sp

from symgrad import notation as maths
from symgrad.dims import Shapes, product
from symgrad.errors import ShapeError, TraceError
from symgrad.graph import Aval, Value
from symgrad.ops.contraction import as_values, matmul
from symgrad.ops.factorisations import by_singular_values, is_nothing
from symgrad.ops.linalg import cubes, float_dtype, need_matrix, op_outer, turned
from symgrad.ops.table import FLAT, ZERO, accept, array_aval, keyword_text, op, structural

# --- pseudo-inverse ---------------------------------------------------------------------------


def _pinv_aval(shapes: Shapes, x: Aval, rcond: float | None) -> Aval:
    need_matrix(shapes, x)
    return Aval((*x.shape[:-2], x.shape[-1], x.shape[-2]), float_dtype(x))


def _pinv_vjp(ct: Value, y: Value, x: Value, rcond: float | None) -> Value:
    # Three terms: of the inverse, of what lies outside the columns, and outside the rows.
    back, up = turned(ct), turned(y)
    across = matmul(y, back)
    outside_columns = matmul(back - matmul(x, across), matmul(y, up))
    outside_rows = matmul(up, across - matmul(matmul(across, y), x))
    found: Value = outside_columns + outside_rows - matmul(matmul(up, ct), up)
    return found


structural(
    "pinv", "Moore-Penrose inverse of a matrix.", params=("rcond",), defaults={"rcond": None},
    rule="derivative of a pseudo-inverse (Golub & Pereyra 1973)",
    aval=_pinv_aval, vjp=_pinv_vjp,
    numpy=lambda s: f"{s.np}.linalg.pinv({s[0]}{keyword_text(rcond=s['rcond'])})",
    notation=lambda s: s.of_whole(maths.power(s[0], maths.Word("+"))),
    source="Golub & Pereyra 1973, (4.12)", role="pinv", cost="contraction",
    kinks="where the rank changes it jumps; elsewhere the derivative at constant rank",
    flops=lambda shapes, xs, y, **_: cubes(xs[0], 24),
)  # fmt: skip


def _number(value: Any, name: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, (int, float, np.floating, np.integer)):
        raise TraceError(f"{name} must be a number that is known while tracing")
    return float(value)


@accept(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    if hermitian:
        raise TypeError("hermitian=True is not supported: leave it out, the inverse is the same")
    (a,) = as_values(a)
    return op.pinv(a, rcond=_number(rcond if rtol is None else rtol, "rcond"))


# --- least squares ----------------------------------------------------------------------------


def _lstsq_aval(
    shapes: Shapes, a: Aval, b: Aval, rcond: float | None, overdetermined: bool
) -> tuple[Aval, ...]:
    if len(a.shape) != 2 or len(b.shape) not in (1, 2):
        raise ShapeError(
            "lstsq takes one matrix and a vector or matrix, not "
            f"{shapes.show_shape(a.shape)} and {shapes.show_shape(b.shape)}"
        )
    shapes.unify(a.shape[0], b.shape[0])
    dtype, right = float_dtype(a, b), b.shape[1:]
    count = right or (1,)
    return (
        Aval((a.shape[1], *right), dtype),
        Aval(count if overdetermined else (0,), dtype),
        Aval((), np.dtype(np.int32), "numpy"),
        Aval((a.shape[1] if overdetermined else a.shape[0],), dtype),
    )


def _product(u: Value, v: Value) -> Value:
    """Return u v', of vectors or of matrices."""
    return op_outer(u, v) if u.ndim == 1 else matmul(u, turned(v))


def _total(parts: list[Value]) -> Any:
    return functools.reduce(operator.add, parts) if parts else ZERO


def _by_matrix(
    cts: Any, ys: Any, a: Value, b: Value, rcond: float | None, overdetermined: bool
) -> Any:
    (dx, dres, _, ds), (x, *_) = cts, ys
    parts = []
    if not is_nothing(dx):
        y = op.pinv(a, rcond=rcond)
        u = matmul(turned(y), dx)
        parts = [_product(b - matmul(a, x), matmul(y, u)), -_product(u, x)]
        if not overdetermined:
            parts.append(_product(matmul(turned(y), x), dx - matmul(turned(a), u)))
    if not is_nothing(dres):
        parts.append(-_product(2 * dres * (b - matmul(a, x)), x))
    if not is_nothing(ds):
        parts.append(by_singular_values(ds, a, overdetermined))
    return _total(parts)


def _by_right_side(
    cts: Any, ys: Any, a: Value, b: Value, rcond: float | None, overdetermined: bool
) -> Any:
    (dx, dres, *_), (x, *_) = cts, ys
    parts = []
    if not is_nothing(dx):
        parts.append(matmul(turned(op.pinv(a, rcond=rcond)), dx))
    if not is_nothing(dres):
        parts.append(2 * dres * (b - matmul(a, x)))
    return _total(parts)


structural(
    "lstsq", "Least squares: solution, squared residuals, rank and singular values.",
    params=("rcond", "overdetermined"), defaults={"rcond": None, "overdetermined": True}, results=4,
    rule=("least squares, differentiated: matrix", "least squares, differentiated: right side"),
    aval=_lstsq_aval, vjp=(_by_matrix, _by_right_side),
    numpy=lambda s: f"{s.np}.linalg.lstsq({s[0]}, {s[1]}, rcond={s['rcond']})",
    notation=lambda s: _parts(s), source="Golub & Pereyra 1973, (4.12)",
    role="solution residuals rank s", cost="contraction",
    kinks="where the rank is not full it jumps; elsewhere none",
    flops=lambda shapes, xs, y, **_: cubes(xs[0], 24) + 2 * xs[0].shape[0] * product(y.shape),
)  # fmt: skip


def _parts(s: Any) -> maths.Math:
    words = ("least squares", "squared residuals", "rank", "singular values")
    operands = (s[0], s[1]) if s.number < 2 else (s[0],)
    return s.of_whole(maths.apply(words[s.number], *operands))  # type: ignore[no-any-return]


@accept(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    a, b = as_values(a, b)
    if a.ndim != 2:
        raise ShapeError(f"lstsq takes one matrix, not an array with {a.ndim} axes")
    return op.lstsq(
        a, b, rcond=_number(rcond, "rcond"), overdetermined=bool(a.shape[0] > a.shape[1])
    )


# --- rank -------------------------------------------------------------------------------------


structural(
    "matrix_rank", "How many singular values are not negligible.", params=("tol",),
    defaults={"tol": None}, differentiable=False, kinks=FLAT,
    aval=lambda shapes, x, tol: array_aval(x.shape[:-2], np.dtype(np.int64)),
    numpy=lambda s: f"{s.np}.linalg.matrix_rank({s[0]}{keyword_text(tol=s['tol'])})",
    notation=lambda s: s.of_whole(maths.apply("rank", s[0])), role="rank", cost="contraction",
    flops=lambda shapes, xs, y, **_: cubes(xs[0], sp.Rational(8, 3)),
)  # fmt: skip


@accept(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None) -> Any:
    (A,) = as_values(A)
    need_matrix(A.builder.shapes, A.aval)
    return op.matrix_rank(A, tol=_number(tol, "tol"))
