"""Cholesky, QR, symmetric eigenvalues and singular values of matrices and of stacks of them.

NumPy reads one triangle of a matrix that it takes for symmetric; only that triangle has a
gradient.  Factors are fixed up to a sign or a rotation: what does not depend on the choice has
the derivative of its mathematics, where the formula divides by 0 there is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symgrad import notation as maths
from symgrad.dims import Shapes, Size
from symgrad.errors import TraceError
from symgrad.graph import Aval, Value
from symgrad.ops.contraction import as_values, matmul
from symgrad.ops.indexing import ARRAY
from symgrad.ops.linalg import cubes, float_dtype, need_matrix, need_square, op_outer, turned
from symgrad.ops.table import ALL, FRONT, accept, array_aval, op, structural, zero


def is_nothing(ct: Value) -> bool:
    """Return whether a cotangent is zeros, because nothing depends on that result."""
    if ct.literal is not None:
        return bool(ct.literal == 0)
    row = ct.builder.definition(ct.symbol)
    return row is not None and row.name == "full" and bool(row.setting("value") == 0)


structural(
    "halved_lower", "The lower triangle, its diagonal halved: Phi of Murray 2016.",
    aval=lambda shapes, x: x, vjp=lambda ct, y, x: op.halved_lower(ct),
    expand=lambda x: (op.tril(x, k=0) + op.tril(x, k=-1)) / 2, numpy=None,
    notation=lambda s: s.of_whole(maths.apply("Φ", s[0])), source="Murray 2016, section 3",
    role="lower",
)  # fmt: skip


def onto_triangle(s: Value, upper: bool) -> Value:
    """Return the gradient by the triangle that is read, given one by the whole matrix."""
    found: Value = op.halved_lower(s + turned(s))
    return turned(found) if upper else found


def _symmetric_onto_triangle(s: Value, upper: bool) -> Value:
    return op.triu(s, k=0) + op.triu(s, k=1) if upper else op.tril(s, k=0) + op.tril(s, k=-1)


def _as_row(w: Value) -> Value:
    """Return the numbers of a diagonal so that they multiply the columns of a matrix."""
    return w if w.ndim == 1 else op.expand_dims(w, axis=(w.ndim - 1,))


def _as_column(w: Value) -> Value:
    return op.expand_dims(w, axis=(w.ndim,))


def _off_diagonal(gaps: Value) -> Value:
    """Return a matrix with infinity on its diagonal, so that a quotient by it is 0 there."""
    n = gaps.shape[-1]
    return op.where(op.eye(n=n, m=n, k=0, dtype="bool"), np.inf, gaps)


def _factor(word: str) -> Any:
    return lambda s: s.of_whole(maths.apply(word, s[0]))


def _parts(*words: str) -> Any:
    return lambda s: s.of_whole(maths.apply(words[s.number], s[0]))


def _flops(times: Any) -> Any:
    return lambda shapes, xs, y, **_: cubes(xs[0], times)


# --- Cholesky ---------------------------------------------------------------------------------


def _square_aval(shapes: Shapes, x: Aval, **_: Any) -> Aval:
    need_square(shapes, x)
    return Aval(x.shape, float_dtype(x))


def _cholesky_vjp(ct: Value, y: Value, x: Value, upper: bool) -> Value:
    lower, back = (turned(y), turned(ct)) if upper else (y, ct)
    to_left = turned(lower)
    middle = op.halved_lower(matmul(to_left, back))
    s = op.solve(to_left, turned(op.solve(to_left, middle)))
    return onto_triangle(s, upper)


structural(
    "cholesky", "Cholesky factor of a matrix, of which one triangle is read.",
    params=("upper",), defaults={"upper": False},
    rule="derivative of a Cholesky factor (Murray 2016)",
    aval=_square_aval, vjp=_cholesky_vjp,
    numpy=lambda s: f"{s.np}.linalg.cholesky({s[0]}{', upper=True' if s['upper'] else ''})",
    notation=_factor("chol"), role="L", source="Murray 2016, section 3", cost="contraction",
    flops=_flops(sp.Rational(1, 3)),
)  # fmt: skip


@accept(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    return op.cholesky(a, upper=bool(upper))


# What is made of the factor alone and does not depend on its choice has a plainer derivative by
# the matrix than by way of the factor.  The factor is an operand, so that it is not made anew.


def _solved_aval(shapes: Shapes, a: Aval, factor: Aval, b: Aval) -> Aval:
    shapes.unify(factor.shape[-1], b.shape[0])
    return Aval(b.shape, float_dtype(factor, b))


def _solved_matrix_vjp(ct: Value, y: Value, a: Value, factor: Value, b: Value) -> Value:
    back = op.cholesky_solve(a, factor, ct)
    product = op_outer(back, y) if y.ndim == 1 else matmul(back, turned(y))
    return -onto_triangle(product, False)


structural(
    "cholesky_solve", "Solution x of a @ x = b by the Cholesky factor of a.",
    rule=("a linear system, differentiated: matrix", "none: the factor is made of the matrix",
          "a linear system, differentiated: right side"),
    aval=_solved_aval,
    vjp=(_solved_matrix_vjp, zero, lambda ct, y, a, factor, b: op.cholesky_solve(a, factor, ct)),
    expand=lambda a, factor, b: op.solve(turned(factor), op.solve(factor, b)), numpy=None,
    notation=lambda s: s.of_whole(maths.times(maths.power(s[0], maths.number(-1)), s[2])),
    source="Giles 2008, 2.2.3", role="solution",
)  # fmt: skip


def _half_logdet_vjp(ct: Value, y: Value, a: Value, factor: Value) -> Value:
    inverse = op.inv(factor)
    return op.halved_lower(ct * matmul(turned(inverse), inverse))


def _log_of_diagonal(a: Value, factor: Value) -> Value:
    line = factor.builder.apply("arange", start=0, stop=factor.shape[0], dtype="int64")
    logs = op.log(op.index(factor, line, line, key=(ARRAY, ARRAY)))
    return op.sum(logs, axis=(0,), keepdims=False)


structural(
    "half_logdet", "Half the log of a determinant, by the Cholesky factor of the matrix.",
    rule=("Jacobi's formula", "none: the factor is made of the matrix"),
    aval=lambda shapes, a, factor: array_aval((), factor.dtype),
    vjp=(_half_logdet_vjp, zero), expand=_log_of_diagonal, numpy=None,
    notation=lambda s: s.of_whole(maths.times(
        maths.over(maths.Number(1), maths.Number(2)),
        maths.apply("log", maths.apply("det", s[0])))),
    source="Giles 2008, 2.2.4", role="half_logdet",
)  # fmt: skip


# --- eigenvalues of symmetric matrices --------------------------------------------------------

TIED = "no derivative of eigenvectors where eigenvalues are equal: infinite or NaN"


def _eigh_aval(shapes: Shapes, x: Aval, lower: bool) -> tuple[Aval, Aval]:
    need_square(shapes, x)
    dtype = float_dtype(x)
    return array_aval(x.shape[:-1], dtype), Aval(x.shape, dtype)


def _eigh_vjp(cts: Any, ys: Any, x: Value, lower: bool) -> Value:
    (dw, dv), (w, v) = cts, ys
    if is_nothing(dv):
        return _symmetric_onto_triangle(matmul(v * _as_row(dw), turned(v)), not lower)
    gaps = _off_diagonal(_as_row(w) - _as_column(w))
    scaled = matmul(v, matmul(turned(v), dv) / gaps)
    if not is_nothing(dw):
        scaled = v * _as_row(dw) + scaled
    return onto_triangle(matmul(scaled, turned(v)), not lower)


def _triangle_text(s: Any) -> str:
    return "" if s["lower"] else ', "U"'


structural(
    "eigh", "Eigenvalues and eigenvectors of a matrix, of which one triangle is read.",
    params=("lower",), defaults={"lower": True}, results=2,
    rule="derivative of an eigendecomposition (Giles 3.1)",
    aval=_eigh_aval, vjp=_eigh_vjp,
    numpy=lambda s: f"{s.np}.linalg.eigh({s[0]}{_triangle_text(s)})",
    notation=_parts("eigenvalues", "eigenvectors"), role="w V", source="Giles 2008, 3.1",
    kinks=TIED, cost="contraction", flops=_flops(9),
)  # fmt: skip


def _is_lower(uplo: str) -> bool:
    if uplo.upper() not in ("L", "U"):
        raise TraceError(f"UPLO must be 'L' or 'U', not {uplo!r}")
    return uplo.upper() == "L"


@accept(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    return type(np.linalg.eigh(np.eye(1)))(*op.eigh(a, lower=_is_lower(UPLO)))  # type: ignore[misc]


def _eigvalsh_vjp(ct: Value, y: Value, x: Value, lower: bool) -> Value:
    pair: Any = op.eigh(x, lower=lower)
    return _eigh_vjp((ct, op.full(shape=x.shape, value=0, dtype=x.dtype.name)), pair, x, lower)


structural(
    "eigvalsh", "Eigenvalues of a matrix, of which one triangle is read.",
    params=("lower",), defaults={"lower": True},
    rule="derivative of an eigenvalue (Giles 3.1)",
    aval=lambda shapes, x, lower: _eigh_aval(shapes, x, lower)[0], vjp=_eigvalsh_vjp,
    numpy=lambda s: f"{s.np}.linalg.eigvalsh({s[0]}{_triangle_text(s)})",
    notation=_factor("eigenvalues"), role="w", source="Giles 2008, 3.1", cost="contraction",
    kinks="of equal eigenvalues, the derivative along eigenvectors that NumPy happened to choose",
    flops=_flops(sp.Rational(4, 3)),
)  # fmt: skip


@accept(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return op.eigvalsh(a, lower=_is_lower(UPLO))


@accept(np.linalg.eig, np.linalg.eigvals)
def eig(*_: Any, **__: Any) -> Any:
    raise TraceError(
        "np.linalg.eig and eigvals give complex results, which are not differentiated: use "
        "np.linalg.eigh or eigvalsh where the matrix is symmetric"
    )


# --- singular values --------------------------------------------------------------------------


def _inner(x: Aval, tall: bool) -> Size:
    return x.shape[-1] if tall else x.shape[-2]


def _svd_aval(shapes: Shapes, x: Aval, tall: bool) -> tuple[Aval, Aval, Aval]:
    need_matrix(shapes, x)
    dtype, k = float_dtype(x), _inner(x, tall)
    return (
        Aval((*x.shape[:-1], k), dtype),
        array_aval((*x.shape[:-2], k), dtype),
        Aval((*x.shape[:-2], k, x.shape[-1]), dtype),
    )


def _svd_vjp(cts: Any, ys: Any, x: Value, tall: bool) -> Value:
    (du, ds, dvh), (u, s, vh) = cts, ys
    if is_nothing(du) and is_nothing(dvh):
        return _composed(u, ds, vh)
    row, column = _as_row(s), _as_column(s)
    gaps = _off_diagonal((row - column) * (row + column))
    left = None if is_nothing(ds) else u * _as_row(ds)
    right = None
    if not is_nothing(du):
        along = matmul(turned(u), du)
        left = _plus(left, matmul(u, (along - turned(along)) * row / gaps))
        if tall and not _is_square(x):  # what leaves the space of U
            left = left + (du - matmul(u, along)) / row
    if not is_nothing(dvh):
        along = matmul(dvh, turned(vh))
        left = _plus(left, matmul(u, column * (turned(along) - along) / gaps))
        if not tall:
            right = matmul(u / row, dvh - matmul(along, vh))
    return _plus(right, matmul(left, vh))


def _composed(u: Value, s: Value, vh: Value) -> Value:
    """Return U diag(s) V'."""
    found: Value = matmul(u * _as_row(s), vh)
    return found


def _plus(a: Value | None, b: Value) -> Value:
    return b if a is None else a + b


def _is_square(x: Value) -> bool:
    return x.builder.shapes.same(x.aval.shape[-1], x.aval.shape[-2])


structural(
    "svd", "Singular vectors and values of a matrix: U, s and the transposed V, as many as fit.",
    params=("tall",), defaults={"tall": True}, results=3,
    rule="derivative of a singular value decomposition (Townsend 2016)",
    aval=_svd_aval, vjp=_svd_vjp, numpy="np.linalg.svd({0}, full_matrices=False)",
    notation=_parts("U", "singular values", "V'"), role="U s Vh", source="Townsend 2016",
    kinks="no derivative of singular vectors where singular values are equal, or 0 in a matrix "
    "that is not square: infinite or NaN",
    cost="contraction", flops=_flops(22),
)  # fmt: skip


def by_singular_values(ct: Value, x: Value, tall: bool) -> Value:
    """Return the gradient by a matrix, given that by its singular values."""
    factors: Any = op.svd(x, tall=tall)
    return _composed(factors[0], ct, factors[2])


def _svdvals_vjp(ct: Value, y: Value, x: Value, tall: bool) -> Value:
    return by_singular_values(ct, x, tall)


structural(
    "svdvals", "Singular values of a matrix.", params=("tall",), defaults={"tall": True},
    rule="derivative of a singular value (Giles 3.2)",
    aval=lambda shapes, x, tall: _svd_aval(shapes, x, tall)[1], vjp=_svdvals_vjp,
    numpy="np.linalg.svd({0}, compute_uv=False)",
    notation=_factor("singular values"), role="s", source="Giles 2008, 3.2", cost="contraction",
    kinks="of equal singular values, and at 0, the derivative along vectors that NumPy happened "
    "to choose",
    flops=_flops(sp.Rational(8, 3)),
)  # fmt: skip


def is_tall(a: Any) -> bool:
    """Return whether a matrix has no more columns than rows, which the sizes decide."""
    if a.ndim < 2:
        need_matrix(a.builder.shapes, a.aval)
    return bool(a.shape[-2] >= a.shape[-1])


def _decided_square(a: Any) -> bool:
    """Return whether a matrix is square; if so, its sizes are one from here on."""
    if a.shape[-2] != a.shape[-1]:
        return False
    a.builder.shapes.unify(*a.aval.shape[-2:])
    return True


@accept(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    (a,) = as_values(a)
    tall = is_tall(a)
    if not compute_uv:
        return op.svdvals(a, tall=tall)
    if full_matrices and not _decided_square(a):
        raise TraceError(
            "np.linalg.svd of a matrix that is not square completes U or V by vectors that nothing "
            "fixes: pass full_matrices=False"
        )
    return type(np.linalg.svd(np.eye(1)))(*op.svd(a, tall=tall))  # type: ignore[misc]


def svdvals(x: Any, /) -> Any:
    (x,) = as_values(x)
    return op.svdvals(x, tall=is_tall(x))


# --- QR ---------------------------------------------------------------------------------------


def _qr_aval(shapes: Shapes, x: Aval, tall: bool) -> tuple[Aval, Aval]:
    need_matrix(shapes, x)
    dtype, k = float_dtype(x), _inner(x, tall)
    return Aval((*x.shape[:-1], k), dtype), Aval((*x.shape[:-2], k, x.shape[-1]), dtype)


def _tall_qr_vjp(dq: Value, dr: Value, q: Value, r: Value) -> Value:
    """Return the gradient by a matrix with as many rows as columns or more (Walter & Lehmann)."""
    parts = [] if is_nothing(dr) else [matmul(r, turned(dr))]
    if not is_nothing(dq):
        parts.append(-matmul(turned(dq), q))
    m = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    inside = matmul(q, op.tril(m, k=0) + turned(op.tril(m, k=-1)))
    back = inside if is_nothing(dq) else dq + inside
    return turned(op.solve(r, turned(back)))


def _qr_vjp(cts: Any, ys: Any, x: Value, tall: bool) -> Value:
    (dq, dr), (q, r) = cts, ys
    if tall:
        return _tall_qr_vjp(dq, dr, q, r)
    # A = [X Y] with X square: X = Q R1, and R2 = Q' Y.
    k = x.shape[-2]
    if is_nothing(dr):
        left = _tall_qr_vjp(dq, dr, q, _columns(r, None, k))
        right = _columns(dr, k, None)
    else:
        through = matmul(_columns(x, k, None), turned(_columns(dr, k, None)))
        dq = through if is_nothing(dq) else dq + through
        left = _tall_qr_vjp(dq, _columns(dr, None, k), q, _columns(r, None, k))
        right = matmul(q, _columns(dr, k, None))
    return op.concatenate(left, right, axis=x.ndim - 1)


def _columns(x: Value, start: Size | None, stop: Size | None) -> Value:
    return op.index(x, key=((ALL,) * (x.ndim - 1) + (slice(start, stop, None),)))


structural(
    "qr", "Orthonormal columns Q and upper triangle R with Q R the matrix.",
    params=("tall",), defaults={"tall": True}, results=2,
    rule="derivative of a QR decomposition (Walter & Lehmann 2012)",
    aval=_qr_aval, vjp=_qr_vjp, numpy="np.linalg.qr({0})",
    notation=_parts("Q", "R"), role="Q R", source="Walter & Lehmann 2012; Roberts & Roberts 2020",
    kinks="no derivative where the first columns depend on each other: an error",
    cost="contraction", flops=_flops(sp.Rational(8, 3)),
)  # fmt: skip


@accept(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    (a,) = as_values(a)
    tall = is_tall(a)
    if mode not in ("reduced", "r") and not (
        mode == "complete" and (not tall or _decided_square(a))
    ):
        raise TraceError(
            f"np.linalg.qr(..., mode={mode!r}) of a tall matrix has no derivative: use the "
            "default mode, 'reduced'"
        )
    both: Any = op.qr(a, tall=tall)
    return both[1] if mode == "r" else type(np.linalg.qr(np.eye(1)))(*both)


if hasattr(np.linalg, "svdvals"):
    FRONT[np.linalg.svdvals] = svdvals
