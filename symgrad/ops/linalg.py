"""Square systems and determinants; rules from Giles 2008, section 2.2."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symgrad.dims import Shapes, Size, product
from symgrad.errors import ShapeError
from symgrad.graph import Aval, Value
from symgrad.ops.contraction import matmul
from symgrad.ops.table import accept, array_aval, op, structural


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
    vjp=lambda ct, y, x: -matmul(matmul(_turned(y), ct), _turned(y)),
    numpy="np.linalg.inv({0})", tex="{0}^{{-1}}", source="Giles 2008, 2.2.3", role="inv",
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


structural(
    "slogdet", "Sign and log of the absolute value of a determinant.", results=2,
    aval=_slogdet_aval, vjp=_slogdet_vjp, numpy="np.linalg.slogdet({0})",
    tex=r"\log|\det {0}|", source="Giles 2008, 2.2.4", role="sign logdet", cost="contraction",
    flops=lambda shapes, xs, y: _cubes(xs[0], LU),
)  # fmt: skip


@accept(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    return type(np.linalg.slogdet(np.eye(1)))(*op.slogdet(a))  # type: ignore[misc]


structural(
    "det", "Determinant of a matrix.",
    aval=lambda shapes, x: _slogdet_aval(shapes, x)[0],
    vjp=lambda ct, y, x: _slogdet_vjp((None, ct * y), None, x), numpy="np.linalg.det({0})",
    tex=r"\det {0}", source="Giles 2008, 2.2.4", role="det", cost="contraction",
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
    vjp=(_solve_matrix_vjp, lambda ct, y, a, b: op.solve(_turned(a), ct)),
    numpy="np.linalg.solve({0}, {1})", tex="{0}^{{-1}} {1}", source="Giles 2008, 2.2.3",
    role="solution", cost="contraction",
    flops=lambda shapes, xs, y: _cubes(xs[0], LU) + 2 * xs[0].shape[0] * product(y.shape),
)  # fmt: skip


@accept(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    return op.solve(a, b)
