"""Products and powers of matrices that are made of other ops, Kronecker and Vandermonde."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad import notation as maths
from symgrad.dims import Shape, Shapes, Size, product
from symgrad.errors import ShapeError
from symgrad.graph import Aval, Value
from symgrad.ops.contraction import as_values, contract, matmul, outer, scaled, tensordot, trace
from symgrad.ops.linalg import cross, need_square, turned
from symgrad.ops.table import (
    ALL,
    FRONT,
    accept,
    array_aval,
    keyword_text,
    normal_axis,
    op,
    promoted,
    size_of,
    structural,
)

# --- powers and chains ------------------------------------------------------------------------


@accept(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """Multiply as NumPy does: by squares, whose cotangents are as few as they."""
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError("exponent must be an integer") from None
    (a,) = as_values(a)
    need_square(a.builder.shapes, a.aval)
    if n == 0:
        ones = op.eye(n=a.aval.shape[-1], m=a.aval.shape[-1], k=0, dtype=a.dtype.name)
        return op.broadcast_to(ones, shape=a.aval.shape)
    if n < 0:
        a, n = op.inv(a), -n
    if n == 3:
        return matmul(matmul(a, a), a)
    found, square = None, a
    while n:
        if n & 1:
            found = square if found is None else matmul(found, square)
        n >>= 1
        square = matmul(square, square) if n else square
    return found


@accept(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]) -> Any:
    """Multiply in the order that costs least at the sizes of the example."""
    xs = as_values(*arrays)
    if len(xs) < 2:
        raise TypeError("multi_dot needs two arrays or more")
    for k, x in enumerate(xs):
        if x.ndim != 2 and not (x.ndim == 1 and k in (0, len(xs) - 1)):
            raise ShapeError("multi_dot takes matrices, and a vector only first or last")
    shapes = xs[0].builder.shapes
    ends = [1 if xs[0].ndim == 1 else xs[0].aval.shape[0], *(x.aval.shape[-1] for x in xs[:-1])]
    ends.append(1 if xs[-1].ndim == 1 else xs[-1].aval.shape[1])
    return _in_best_order(xs, [shapes.value(size) or 1 for size in ends])


def _in_best_order(xs: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Return the product of a chain of matrices (Cormen et al., 15.2)."""

    @functools.cache
    def best(i: int, j: int) -> tuple[int, int]:
        if i == j:
            return 0, i
        return min(
            (best(i, k)[0] + best(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
            for k in range(i, j)
        )

    def multiplied(i: int, j: int) -> Any:
        if i == j:
            return xs[i]
        k = best(i, j)[1]
        return matmul(multiplied(i, k), multiplied(k + 1, j))

    return multiplied(0, len(xs) - 1)


# --- equations of tensors ---------------------------------------------------------------------


@accept(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = as_values(a, b)
    if axes is not None:
        last = [normal_axis(k, a.ndim) for k in axes]
        a = op.transpose(a, axes=(*[k for k in range(a.ndim) if k not in last], *last))
    shape: Shape = a.aval.shape[b.ndim :]
    size = product(shape)
    square = op.reshape(a, shape=(product(b.aval.shape), size))
    return op.reshape(op.solve(square, op.reshape(b, shape=(product(b.aval.shape),))), shape=shape)


@accept(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    (a,) = as_values(a)
    if ind <= 0:
        raise ShapeError("tensorinv: ind must be 1 or more")
    left, right = a.aval.shape[:ind], a.aval.shape[ind:]
    inverse = op.inv(op.reshape(a, shape=(product(left), product(right))))
    return op.reshape(inverse, shape=(*right, *left))


# --- Kronecker --------------------------------------------------------------------------------


def _padded(x: Aval, ndim: int) -> Shape:
    return (1,) * (ndim - len(x.shape)) + x.shape


def _kron_aval(shapes: Shapes, a: Aval, b: Aval) -> Aval:
    ndim = max(len(a.shape), len(b.shape))
    shape = tuple(m * n for m, n in zip(_padded(a, ndim), _padded(b, ndim), strict=True))
    return array_aval(shape, promoted(a, b))


def _kron_vjp(k: int) -> Any:
    def vjp(ct: Value, y: Value, a: Value, b: Value) -> Value:
        """Contract the cotangent, cut into the blocks that ``a`` has, with the other operand."""
        pairs = zip(_padded(a.aval, ct.ndim), _padded(b.aval, ct.ndim), strict=True)
        of_a = list(range(0, 2 * ct.ndim, 2))[ct.ndim - a.ndim :]
        of_b = list(range(1, 2 * ct.ndim, 2))[ct.ndim - b.ndim :]
        labels = tuple(sorted((*of_a, *of_b)))
        sizes = [size for pair in pairs for size in pair]
        blocks = op.reshape(ct, shape=tuple(sizes[label] for label in labels))
        other, term, out = (b, of_b, of_a) if k == 0 else (a, of_a, of_b)
        return contract([blocks, other], [labels, tuple(term)], tuple(out))

    return vjp


structural(
    "kron", "Kronecker product: each element of the first times the whole second.",
    aval=_kron_aval, vjp=(_kron_vjp(0), _kron_vjp(1)), numpy="np.kron({0}, {1})",
    notation=lambda s: s.of_whole(maths.Product((s[0], s[1]), "⊗")),
    rule="product rule of the Kronecker product", role="kron",
    flops=lambda shapes, xs, y: product(y.shape),
)  # fmt: skip


@accept(np.kron)
def kron(a: Any, b: Any) -> Any:
    a, b = as_values(a, b)
    return op.kron(a, b) if a.ndim and b.ndim else scaled(a, b)


# --- Vandermonde ------------------------------------------------------------------------------


def _vander_aval(shapes: Shapes, x: Aval, n: Size, increasing: bool) -> Aval:
    if len(x.shape) != 1:
        raise ShapeError(f"vander takes a vector, not {shapes.show_shape(x.shape)}")
    return Aval((x.shape[0], n), np.promote_types(x.dtype, int))


def _vander_vjp(ct: Value, y: Value, x: Value, n: Size, increasing: bool) -> Value:
    later, earlier = slice(1, None, None), slice(None, -1, None)
    of_ct, of_power = (later, earlier) if increasing else (earlier, later)
    exponents = op.arange(start=1, stop=n, dtype="int64")
    exponents = exponents if increasing else op.flip(exponents, axis=(0,))
    each: Value = op.index(ct, key=(ALL, of_ct)) * op.index(y, key=(ALL, of_power))
    found: Value = matmul(each, op.astype(exponents, dtype=ct.dtype.name))
    return found


structural(
    "vander", "Powers of a vector's elements, side by side.", params=("n", "increasing"),
    aval=_vander_aval, vjp=_vander_vjp, rule="power rule",
    numpy=lambda s: f"{s.np}.vander({s[0]}, {s.size(s['n'])}"
    f"{keyword_text(increasing=s['increasing'])})",
    notation=lambda s: _power_of_element(s), role="powers",
    flops=lambda shapes, xs, y, **_: product(y.shape),
)  # fmt: skip


def _power_of_element(s: Any) -> maths.Math:
    row, column = s.needs_indices()
    exponent = column if s["increasing"] else maths.less(s.size(s["n"] - 1), column)
    return maths.power(s.element(0, [row]), exponent)


@accept(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    (x,) = as_values(x)
    n = x.aval.shape[0] if N is None and x.ndim else size_of(N)
    return op.vander(x, n=n, increasing=bool(increasing))


@accept(np.tri)
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = float) -> Any:
    rows = size_of(N)
    shape = (rows, rows if M is None else size_of(M))
    return op.tril(op.full(shape=shape, value=1, dtype=np.dtype(dtype).name), k=operator.index(k))


# --- products of stacks of vectors and matrices -----------------------------------------------


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    a, b = as_values(x1, x2)
    if not a.ndim or not b.ndim:
        raise ShapeError("vecdot needs vectors, not numbers")
    if axis != -1:
        a, b = (FRONT[np.moveaxis](x, axis, -1) for x in (a, b))
    each = a * b
    return op.sum(each, axis=(each.ndim - 1,), keepdims=False)


def matvec(x1: Any, x2: Any, /) -> Any:
    a, b = as_values(x1, x2)
    if a.ndim < 2 or not b.ndim:
        raise ShapeError("matvec needs matrices and vectors")
    if b.ndim == 1:
        return matmul(a, b)
    if a.ndim == 2:
        return matmul(b, turned(a))
    columns = matmul(a, op.expand_dims(b, axis=(b.ndim,)))
    return op.squeeze(columns, axis=(columns.ndim - 1,))


def vecmat(x1: Any, x2: Any, /) -> Any:
    a, b = as_values(x1, x2)
    if b.ndim < 2 or not a.ndim:
        raise ShapeError("vecmat needs vectors and matrices")
    return matmul(a, b) if b.ndim == 2 or a.ndim == 1 else matvec(turned(b), a)


# --- what NumPy 2 has again in its linalg, by rules of its own --------------------------------


def _outer(x1: Any, x2: Any, /) -> Any:
    a, b = as_values(x1, x2)
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(f"linalg.outer takes two vectors, not {a.ndim} and {b.ndim} axes")
    return outer(a, b)


def _cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    a, b = as_values(x1, x2)
    if {operator.index(x.shape[axis]) for x in (a, b)} != {3}:
        raise ShapeError("linalg.cross takes vectors of 3 numbers")
    return cross(a, b, axis=axis)


def _diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return FRONT[np.diagonal](x, offset, -2, -1)


def _trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    if dtype is not None:
        raise TypeError("the argument `dtype` is not supported")
    return trace(x, offset, -2, -1)


def _transposed(x: Any, /) -> Any:
    (x,) = as_values(x)
    if x.ndim < 2:
        raise ShapeError("matrix_transpose needs a matrix")
    return turned(x)


def _matmul(x1: Any, x2: Any, /) -> Any:
    return matmul(x1, x2)


def _tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return tensordot(x1, x2, axes)


_NUMPY_2: dict[str, Callable[..., Any]] = {
    "vecdot": vecdot, "matvec": matvec, "vecmat": vecmat, "matrix_transpose": _transposed,
    "linalg.vecdot": vecdot, "linalg.matrix_transpose": _transposed, "linalg.outer": _outer,
    "linalg.cross": _cross, "linalg.diagonal": _diagonal, "linalg.trace": _trace,
    "linalg.matmul": _matmul, "linalg.tensordot": _tensordot,
}  # fmt: skip

for _name, _front in _NUMPY_2.items():
    _owner: Any = np.linalg if _name.startswith("linalg.") else np
    if hasattr(_owner, _name.removeprefix("linalg.")):
        FRONT[getattr(_owner, _name.removeprefix("linalg."))] = _front
