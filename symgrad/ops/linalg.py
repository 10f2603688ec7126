"""Square systems and determinants; rules from Giles 2008, section 2.2."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import sympy as sp

from symgrad import notation as maths
from symgrad.dims import Shapes, Size, product
from symgrad.errors import ShapeError
from symgrad.graph import Aval, Value
from symgrad.ops.contraction import matmul
from symgrad.ops.table import (
    FRONT,
    accept,
    array_aval,
    broadcast,
    op,
    promoted,
    structural,
)


def _turned(x: Value) -> Value:
    n = x.ndim
    return op.transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def _square(shapes: Shapes, x: Aval) -> None:
    if len(x.shape) < 2:
        raise ShapeError(f"a square matrix is needed, not {shapes.show_shape(x.shape)}")
    shapes.unify(x.shape[-1], x.shape[-2])


def _float(x: Aval) -> Any:
    return x.dtype if x.inexact else np.dtype(np.float64)


def _cubes(of: Aval, times: Any) -> Size:
    """Return ``times n**3`` for each n by n matrix of a stack."""
    return times * product((*of.shape, of.shape[-1]))


LU = sp.Rational(2, 3)  # Golub & Van Loan, Matrix Computations, 4th edition, 3.2


def _inv_aval(shapes: Shapes, x: Aval) -> Aval:
    _square(shapes, x)
    return Aval(x.shape, _float(x))


structural(
    "inv", "Inverse of a matrix.", aval=_inv_aval,
    rule="derivative of an inverse (Giles 2.2.3)",
    vjp=lambda ct, y, x: -matmul(matmul(_turned(y), ct), _turned(y)),
    numpy="np.linalg.inv({0})",
    notation=lambda s: s.of_whole(maths.power(s[0], maths.number(-1))),
    source="Giles 2008, 2.2.3", role="inv",
    cost="contraction", flops=lambda shapes, xs, y: _cubes(xs[0], 2),
)  # fmt: skip


@accept(np.linalg.inv)
def inv(a: Any) -> Any:
    return op.inv(a)


def _slogdet_aval(shapes: Shapes, x: Aval) -> tuple[Aval, Aval]:
    _square(shapes, x)
    result = array_aval(x.shape[:-2], _float(x))
    return result, result


def _slogdet_vjp(cts: Any, ys: Any, x: Value) -> Value:
    # The sign is constant wherever the determinant is not 0.
    ct = cts[1]
    scale = op.expand_dims(ct, axis=(x.ndim - 2, x.ndim - 1)) if ct.ndim else ct
    return scale * _turned(op.inv(x))


def _sign_or_log(s: Any) -> maths.Math:
    det = maths.apply("det", s[0])
    if s.number == 0:
        return s.of_whole(maths.apply("sign", det))  # type: ignore[no-any-return]
    size = maths.Fenced(det, "|", "|")
    return s.of_whole(maths.apply("log", size))  # type: ignore[no-any-return]


structural(
    "slogdet", "Sign and log of the absolute value of a determinant.", results=2,
    rule="Jacobi's formula",
    aval=_slogdet_aval, vjp=_slogdet_vjp, numpy="np.linalg.slogdet({0})",
    notation=lambda s: _sign_or_log(s), source="Giles 2008, 2.2.4", role="sign logdet",
    cost="contraction",
    flops=lambda shapes, xs, y: _cubes(xs[0], LU),
)  # fmt: skip


@accept(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    return type(np.linalg.slogdet(np.eye(1)))(*op.slogdet(a))  # type: ignore[misc]


structural(
    "det", "Determinant of a matrix.",
    rule="Jacobi's formula",
    aval=lambda shapes, x: _slogdet_aval(shapes, x)[0],
    vjp=lambda ct, y, x: _slogdet_vjp((None, ct * y), None, x), numpy="np.linalg.det({0})",
    notation=lambda s: s.of_whole(maths.apply("det", s[0])),
    source="Giles 2008, 2.2.4", role="det", cost="contraction",
    kinks="an error at a singular matrix", flops=lambda shapes, xs, y: _cubes(xs[0], LU),
)  # fmt: skip


@accept(np.linalg.det)
def det(a: Any) -> Any:
    return op.det(a)


def _solve_aval(shapes: Shapes, a: Aval, b: Aval) -> Aval:
    _square(shapes, a)
    if len(a.shape) != 2 or len(b.shape) not in (1, 2):
        raise ShapeError("solve takes one matrix and a vector or matrix: no stacks yet")
    shapes.unify(a.shape[1], b.shape[0])
    return Aval(b.shape, np.result_type(_float(a), _float(b)))


def _solve_matrix_vjp(ct: Value, y: Value, a: Value, b: Value) -> Value:
    back = op.solve(_turned(a), ct)
    return -(op_outer(back, y) if y.ndim == 1 else matmul(back, _turned(y)))


def op_outer(a: Value, b: Value) -> Value:
    return op.contract(a, b, terms=((0,), (1,)), out=(0, 1))


structural(
    "solve", "Solution x of a @ x = b.", aval=_solve_aval,
    rule=("a linear system, differentiated: matrix", "a linear system, differentiated: right side"),
    vjp=(_solve_matrix_vjp, lambda ct, y, a, b: op.solve(_turned(a), ct)),
    numpy="np.linalg.solve({0}, {1})",
    notation=lambda s: s.of_whole(maths.times(maths.power(s[0], maths.number(-1)), s[1])),
    source="Giles 2008, 2.2.3",
    role="solution", cost="contraction",
    flops=lambda shapes, xs, y: _cubes(xs[0], LU) + 2 * xs[0].shape[0] * product(y.shape),
)  # fmt: skip


@accept(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    return op.solve(a, b)


def _cross_aval(shapes: Shapes, a: Aval, b: Aval) -> Aval:
    shape = broadcast(shapes, a.shape[:-1], b.shape[:-1])
    return Aval((*shape, 3), promoted(a, b))


structural(
    "cross", "Cross product of vectors in space, along the last axis.", aval=_cross_aval,
    rule="product rule of the cross product",
    vjp=(lambda ct, y, a, b: op.cross(b, ct), lambda ct, y, a, b: op.cross(ct, a)),
    numpy="np.cross({0}, {1})",
    notation=lambda s: s.of_whole(maths.Product((s[0], s[1]), "×")),
    role="cross",
    flops=lambda shapes, xs, y: 3 * product(y.shape),  # two products and a difference
)  # fmt: skip


@accept(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    (a, m), (b, n) = _vectors(a, axisa), _vectors(b, axisb)
    if not {m, n} <= {2, 3}:
        raise ShapeError(f"cross takes vectors of 2 or 3 numbers, not of {m} and {n}")
    if m == n == 2:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    found = op.cross(*(x if k == 3 else _in_space(x) for x, k in ((a, m), (b, n))))
    return FRONT[np.moveaxis](found, -1, axisc)


def _vectors(x: Any, axis: int) -> tuple[Any, int]:
    """Return vectors along the last axis, and of how many numbers: a size is fixed by it."""
    x = FRONT[np.asarray](x)
    return FRONT[np.moveaxis](x, axis, -1), operator.index(x.shape[axis])


def _in_space(x: Any) -> Any:
    """Return vectors of two numbers as such of three, the last of which is 0."""
    return FRONT[np.concatenate]([x, FRONT[np.zeros_like](x[..., :1])], -1)
