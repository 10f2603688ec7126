"""Sums, means, extremes and running sums along axes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from symgrad import notation as maths
from symgrad.dims import Shape, Shapes, Size, product
from symgrad.graph import Aval, Value, size_value
from symgrad.ops.table import (
    FLAT,
    FRONT,
    accept,
    array_aval,
    keyword_text,
    normal_axes,
    normal_axis,
    op,
    structural,
)

REDUCE = ("axis", "keepdims")
WHOLE = {"axis": None, "keepdims": False}


def reduced_shape(shape: Shape, axis: Any, keepdims: bool) -> Shape:
    axes = normal_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else size for i, size in enumerate(shape))
    return tuple(size for i, size in enumerate(shape) if i not in axes)


def kept(value: Value, x: Value, axis: Any, keepdims: bool) -> Value:
    """Return a reduced value with the reduced axes back as axes of size 1."""
    axes = normal_axes(axis, x.ndim)
    if keepdims or not value.ndim or not axes:
        return value
    return op.expand_dims(value, axis=axes)


def spread(value: Value, x: Value, axis: Any, keepdims: bool) -> Value:
    """Return a reduced value copied back over the axes that were reduced away."""
    return op.broadcast_to(kept(value, x, axis, keepdims), shape=x.shape)


def count(x: Value, axis: Any) -> Any:
    """Return how many elements were reduced into each result: an int or a dim's value."""
    sizes = [x.shape[i] for i in normal_axes(axis, x.ndim)]
    return size_value(x.builder, product(sizes))


def each_read(times: int = 1, then: int = 0) -> Any:
    """Return the flops of ``times`` an element that is read and ``then`` a result."""
    return lambda shapes, xs, y, **_: times * product(xs[0].shape) + then * product(y.shape)


def _reduce_aval(dtype: Any) -> Any:
    def aval(shapes: Shapes, x: Aval, axis: Any, keepdims: bool, **_: Any) -> Aval:
        return array_aval(reduced_shape(x.shape, axis, keepdims), dtype(x.dtype))

    return aval


def _sum_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    # NumPy sums booleans and small integers in the platform's int.
    return np.add.reduce(np.zeros(0, dtype)).dtype  # type: ignore[no-any-return]


def _float_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def method_or_function(s: Any, name: str, arguments: str) -> str:
    """Spell ``x.sum(axis=1)`` on a name and ``np.sum(a * b, axis=1)`` on an expression."""
    if s[0].is_name and s.aval(0).kind != "python":
        return f"{s[0]}.{name}({arguments.removeprefix(', ')})"
    return f"{s.np}.{name}({s[0]}{arguments})"


def axis_text(s: Any) -> Any:
    """Return the axes as a person writes them, or None where all are meant."""
    axis, ndim = s["axis"], len(s.aval(0).shape)
    if axis is None or (len(axis) == ndim and (ndim > 1 or not s["keepdims"])):
        return None
    return axis[0] if len(axis) == 1 else axis


def _spell(name: str) -> Any:
    return lambda s: method_or_function(
        s, name, keyword_text(axis=axis_text(s), keepdims=s["keepdims"])
    )


def _axes(a: Any, axis: Any) -> tuple[int, ...]:
    return normal_axes(axis, a.ndim)


def _reduced(name: str, a: Any, axis: Any, keepdims: Any) -> Any:
    """Apply a reduction that gives a number without axes back as it is."""
    axes = _axes(a, axis)
    if a.aval.kind == "numpy" and a.aval.inexact:
        return a
    return getattr(op, name)(a, axis=axes, keepdims=bool(keepdims))


def _reduce(ufunc: Any, front: Any) -> None:
    """Let ``np.add.reduce`` be ``np.sum``, over the first axis unless told otherwise."""

    @accept(ufunc.reduce)
    def reduce(array: Any, axis: Any = 0, **settings: Any) -> Any:
        return front(array, axis, **settings)


# --- mathematics ------------------------------------------------------------------------------


def _letters(s: Any) -> tuple[list[tuple[maths.Math, Size]], maths.Math]:
    """Return the indices that are reduced, with their sizes, and what stands at them."""
    axes = normal_axes(s["axis"], len(s.aval(0).shape))
    return s.reduced(axes, s["keepdims"])  # type: ignore[no-any-return]


def _over(s: Any, sign: maths.Math) -> maths.Math:
    return s.over(sign, *_letters(s))  # type: ignore[no-any-return]


NOTHING_OF_ONE = frozenset({"var", "std", "argmax", "argmin"})  # 0 over axes of size 1


def over_axes(word: str) -> maths.Notation:
    """Return the notation ``max_j x_ij``: a function with the indices it is taken over."""

    def write(s: Any) -> maths.Math:
        letters, body = _letters(s)
        if not letters and word in NOTHING_OF_ONE:
            return maths.Number(0)
        ddof = s["ddof"] if "ddof" in s.rhs.params else 0
        found = s.over(maths.Word(word), letters, body)
        if ddof and letters:
            below = maths.equals(maths.Word("ddof"), maths.number(ddof))
            listed = found.below.items if len(letters) > 1 else (found.below,)
            found = replace(found, below=maths.Listed((*listed, below)))
        return found  # type: ignore[no-any-return]

    return write


def _averaged(s: Any, letters: list[tuple[maths.Math, Size]], body: maths.Math) -> maths.Math:
    total = s.over(maths.Sign("∑"), letters, body)
    if not letters:
        return total  # type: ignore[no-any-return]
    return maths.times(
        maths.over(maths.Number(1), s.size(product(size for _, size in letters))), total
    )


def _mean(s: Any) -> maths.Math:
    return _averaged(s, *_letters(s))


def along(word: str) -> maths.Notation:
    """Return the notation of a function along an axis, which is named unless it is the last."""

    def write(s: Any) -> maths.Math:
        is_last = s["axis"] == len(s.aval(0).shape) - 1
        name = maths.Word(word)
        function = name if is_last else maths.Script(name, maths.Number(s["axis"]))
        return s.of_whole(maths.Apply(function, (s.whole(0),)))  # type: ignore[no-any-return]

    return write


def log_of_sum(s: Any, is_mean: bool = False) -> maths.Math:
    """Write the log of a sum, or mean, of exponentials."""
    letters, body = _letters(s)
    total = _averaged if is_mean else lambda s, letters, e: s.over(maths.Sign("∑"), letters, e)
    return maths.apply("log", total(s, letters, s.exp(body)))


def sum_of_squares(s: Any) -> maths.Math:
    letters, body = _letters(s)
    return s.over(maths.Sign("∑"), letters, maths.power(body, maths.Number(2)))  # type: ignore[no-any-return]


def length(s: Any) -> maths.Math:
    """Write a Euclidean length: between bars if it is of all, else as a root."""
    if len(normal_axes(s["axis"], len(s.aval(0).shape))) == len(s.aval(0).shape):
        try:
            return maths.Fenced(s.whole(0, True), "‖", "‖")
        except maths.NeedsIndices:
            pass
    return maths.Root(sum_of_squares(s))


def running(s: Any, axis: int, of: Any = lambda x: x, reverse: bool = False) -> maths.Math:
    """Write a sum of all up to an index, or from it on."""
    indices = list(s.needs_indices())
    last = indices[axis]
    if last is None:
        return of(s.element(0, indices))  # type: ignore[no-any-return]
    (indices[axis],) = s.fresh([s.aval(0).shape[axis]])
    below = maths.Relation((indices[axis], last), "≥" if reverse else "≤")
    return maths.Big(maths.Sign("∑"), below, None, of(s.element(0, indices)))


# --- sum, mean, product -----------------------------------------------------------------------

structural(
    "sum", "Sum along axes.", params=REDUCE, defaults=WHOLE,
    rule="sum copies",
    aval=_reduce_aval(_sum_dtype),
    vjp=lambda ct, y, x, axis, keepdims: spread(ct, x, axis, keepdims),
    numpy=_spell("sum"),
    notation=lambda s: _over(s, maths.Sign("∑")),
    role="total", flops=each_read(),
)  # fmt: skip


def _only(a: Any, where: Any, neutral: Any) -> Any:
    """Return ``a`` with the elements that do not count replaced by one that changes nothing."""
    return a if where is True else op.where(where, a, neutral)


def _in_dtype(a: Any, dtype: Any) -> Any:
    return a if dtype is None or a.dtype == dtype else op.astype(a, dtype=np.dtype(dtype).name)


@accept(np.sum, method="sum")
def sum_(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = 0,
    where: Any = True,
) -> Any:
    a = _in_dtype(a, dtype)
    total = _reduced("sum", _only(a, where, 0), axis, keepdims)
    return total if _is_number(initial, 0) else total + initial


def _is_number(value: Any, number: int) -> bool:
    return isinstance(value, (int, float)) and value == number


structural(
    "mean", "Arithmetic mean along axes.", params=REDUCE, defaults=WHOLE,
    rule="mean copies and divides by the count",
    aval=_reduce_aval(_float_dtype),
    vjp=lambda ct, y, x, axis, keepdims: spread(ct / count(x, axis), x, axis, keepdims),
    numpy=_spell("mean"), notation=lambda s: _mean(s), role="mean", flops=each_read(then=1),
)  # fmt: skip


@accept(np.mean, method="mean")
def mean(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True
) -> Any:
    a = _in_dtype(a, dtype)
    if where is True:
        return _reduced("mean", a, axis, keepdims)
    mask = op.broadcast_to(where, shape=a.aval.shape)
    ones = op.astype(mask, dtype=_float_dtype(a.dtype).name)
    total = sum_(a, axis, keepdims=keepdims, where=where)
    return total / op.sum(ones, axis=_axes(a, axis), keepdims=bool(keepdims))


_reduce(np.add, sum_)


@accept(np.average)
def average(a: Any, axis: Any = None, weights: Any = None) -> Any:
    if weights is None:
        return mean(a, axis)
    if axis is not None and np.ndim(a) != np.ndim(weights):
        weights = op.expand_dims(
            weights, axis=tuple(i for i in range(a.ndim) if i != normal_axis(axis, a.ndim))
        )
    product = a * weights
    return sum_(product, axis) / sum_(op.broadcast_to(weights, shape=product.aval.shape), axis)


def _product_vjp(ct: Value, y: Value, x: Value, axis: Any, keepdims: bool) -> Value:
    # ct times the product of all the others: exact where a factor is 0, at every order.
    first, *rest = normal_axes(axis, x.ndim) or (None,)
    ct = kept(ct, x, axis, keepdims)
    if first is None:
        return ct
    if rest:
        inner = op.prod(x, axis=(first,), keepdims=True)
        ct = _product_vjp(ct, y, inner, tuple(rest), True)
    return ct * _product_of_others(x, first)


def _product_of_others(x: Value, axis: int) -> Value:
    last = x.ndim - 1
    order = (*[i for i in range(x.ndim) if i != axis], axis)
    size = x.shape[axis]
    rows = op.expand_dims(op.transpose(x, axes=order), axis=(last,))
    others = op.where(op.eye(n=size, m=size, k=0, dtype="bool"), 1, rows)
    return op.transpose(
        op.prod(others, axis=(last + 1,), keepdims=False),
        axes=tuple(order.index(i) for i in range(x.ndim)),
    )


structural(
    "prod", "Product along axes.", params=REDUCE, defaults=WHOLE,
    rule="product of all the others",
    aval=_reduce_aval(lambda dtype: np.multiply.reduce(np.zeros(0, dtype)).dtype),
    vjp=_product_vjp, numpy=_spell("prod"),
    notation=lambda s: _over(s, maths.Sign("∏")),
    role="product", flops=each_read(),
)  # fmt: skip


@accept(np.prod, method="prod")
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = 1,
    where: Any = True,
) -> Any:
    a = _in_dtype(a, dtype)
    total = _reduced("prod", _only(a, where, 1), axis, keepdims)
    return total if _is_number(initial, 1) else total * initial


_reduce(np.multiply, prod)

# --- extremes ---------------------------------------------------------------------------------


def _extreme_vjp(ct: Value, y: Value, x: Value, axis: Any, keepdims: bool) -> Value:
    hit = op.equal(x, kept(y, x, axis, keepdims))
    ties = op.sum(hit, axis=normal_axes(axis, x.ndim), keepdims=bool(x.ndim))
    return hit * (kept(ct, x, axis, keepdims) / counted(ties, x))


def counted(count: Value, x: Value) -> Value:
    """Return a count in the dtype of ``x``: an integer would make of float32 a float64."""
    return count if x.dtype == np.float64 else op.astype(count, dtype=x.dtype.name)


def _extreme(name: str, word: str, function: Any, alias: Any, of_two: Any) -> None:
    structural(
        name, f"The {word} element along axes.", params=REDUCE, defaults=WHOLE,
        aval=_reduce_aval(lambda dtype: dtype), vjp=_extreme_vjp,
        numpy=_spell(name), notation=over_axes(name), kinks="elements that tie share equally",
        role=name, flops=each_read(), rule=f"{name} routes",
    )  # fmt: skip

    @accept(function, alias, method=name)
    def front(
        a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
    ) -> Any:
        if where is not True and initial is None:
            raise TypeError("where= needs initial=, as in NumPy")
        found = _reduced(name, _only(a, where, initial), axis, keepdims)
        return found if initial is None else FRONT[of_two](found, initial)

    _reduce(of_two, front)


_extreme("max", "largest", np.max, np.amax, np.maximum)
_extreme("min", "smallest", np.min, np.amin, np.minimum)


@accept(np.ptp)
def ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    axes = _axes(a, axis)
    return op.max(a, axis=axes, keepdims=keepdims) - op.min(a, axis=axes, keepdims=keepdims)


def _which(name: str, function: Any) -> None:
    structural(
        name, f"NumPy's {name}: an index, so nothing flows back.", params=REDUCE, defaults=WHOLE,
        aval=_reduce_aval(lambda dtype: np.dtype(np.int64)), differentiable=False,
        numpy=lambda s: method_or_function(
            s, name,
            keyword_text(axis=s["axis"][0] if len(s["axis"]) == 1 and len(s.aval(0).shape) > 1
                         else None, keepdims=s["keepdims"])), role="index", flops=each_read(),
        notation=over_axes(name),
        kinks="0 everywhere: of elements that tie the first is taken",
    )  # fmt: skip

    @accept(function, method=name)
    def front(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        axes = _axes(a, None if axis is None else normal_axis(axis, a.ndim))
        return getattr(op, name)(a, axis=axes, keepdims=bool(keepdims))


_which("argmax", np.argmax)
_which("argmin", np.argmin)


def _truth(name: str, function: Any, dtype: Any, ufunc: Any) -> None:
    structural(
        name, f"NumPy's {name}.", params=REDUCE, defaults=WHOLE,
        aval=_reduce_aval(lambda _: np.dtype(dtype)), differentiable=False, numpy=_spell(name),
        flops=each_read(), kinks=FLAT, notation=over_axes(name),
    )  # fmt: skip

    @accept(function, method=name)
    def front(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        return getattr(op, name)(a, axis=_axes(a, axis), keepdims=bool(keepdims))

    _reduce(ufunc, front)


_truth("any", np.any, np.bool_, np.logical_or)
_truth("all", np.all, np.bool_, np.logical_and)


structural(
    "count_nonzero", "How many elements are not zero.", params=REDUCE, defaults=WHOLE,
    aval=_reduce_aval(lambda _: np.dtype(np.int64)), differentiable=False,
    numpy=lambda s: f"{s.np}.count_nonzero({s[0]}"
    f"{keyword_text(axis=axis_text(s), keepdims=s['keepdims'])})",
    flops=each_read(), kinks=FLAT, notation=over_axes("count"),
)  # fmt: skip


@accept(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return op.count_nonzero(a, axis=_axes(a, axis), keepdims=bool(keepdims))


# --- spread -----------------------------------------------------------------------------------

SPREAD = ("axis", "ddof", "keepdims")


def freedom(x: Value, axis: Any, ddof: int) -> Any:
    """Return what a variance divides by: how many elements, less ``ddof``."""
    return count(x, axis) - ddof if ddof else count(x, axis)


def _centred(x: Value, axis: Any) -> Value:
    axes = normal_axes(axis, x.ndim)
    return x - op.mean(x, axis=axes, keepdims=len(axes) < x.ndim)


def var_vjp(ct: Value, y: Value, x: Value, axis: Any, ddof: int, keepdims: bool) -> Value:
    scale = 2 * kept(ct, x, axis, keepdims) / freedom(x, axis, ddof)
    return scale * _centred(x, axis)  # type: ignore[no-any-return]


def _std_vjp(ct: Value, y: Value, x: Value, axis: Any, ddof: int, keepdims: bool) -> Value:
    safe = op.where(op.equal(y, 0), 1, y)
    scale = kept(ct / (safe * freedom(x, axis, ddof)), x, axis, keepdims)
    return scale * _centred(x, axis)


def _spread_op(name: str, doc: str, vjp: Any, function: Any, kinks: str, flops: Any) -> None:
    structural(
        name, doc, params=SPREAD, defaults={**WHOLE, "ddof": 0},
        aval=_reduce_aval(_float_dtype), vjp=vjp, kinks=kinks, role=name, flops=flops,
        numpy=lambda s: method_or_function(
            s, name,
            keyword_text(axis=axis_text(s), ddof=s["ddof"] or None, keepdims=s["keepdims"])),
        notation=over_axes(name),
    )  # fmt: skip

    @accept(function, method=name)
    def front(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
        return getattr(op, name)(a, axis=_axes(a, axis), ddof=ddof, keepdims=bool(keepdims))


# The mean, its differences, their squares, the sum of these; std takes the root.
_spread_op("var", "Variance along axes.", var_vjp, np.var, "", each_read(4, then=2))
_spread_op(
    "std", "Standard deviation along axes.", _std_vjp, np.std, "0 where all are equal",
    each_read(4, then=3),
)  # fmt: skip

# --- running sums -----------------------------------------------------------------------------


def _cumsum_vjp(ct: Value, y: Value, x: Value, axis: int) -> Value:
    return op.flip(op.cumsum(op.flip(ct, axis=(axis,)), axis=axis), axis=(axis,))


structural(
    "cumsum", "Running sum along one axis.", params=("axis",),
    rule="a running sum comes back from the other end",
    aval=lambda shapes, x, axis: x._replace(dtype=_sum_dtype(x.dtype), kind="array"),
    vjp=_cumsum_vjp,
    numpy=lambda s: method_or_function(
        s, "cumsum", keyword_text(axis=s["axis"] if len(s.aval(0).shape) > 1 else None)
    ),
    notation=lambda s: running(s, s["axis"]), role="running", flops=each_read(),
)  # fmt: skip


@accept(np.cumsum, method="cumsum")
def cumsum(a: Any, axis: Any = None) -> Any:
    if axis is None:
        return op.cumsum(a.ravel(), axis=0)
    return op.cumsum(a, axis=normal_axis(axis, a.ndim))


@accept(np.add.accumulate)
def accumulate(array: Any, axis: int = 0) -> Any:
    return cumsum(array, axis)


@accept(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    before = (slice(None),) * normal_axis(axis, a.ndim)
    for _ in range(n):
        a = a[(*before, slice(1, None))] - a[(*before, slice(None, -1))]
    return a


def _sorting(name: str, function: Any) -> None:
    structural(
        name, f"NumPy's {name}: indices, so nothing flows back.", params=("axis",),
        aval=lambda shapes, x, axis: x._replace(dtype=np.dtype(np.int64)), differentiable=False,
        numpy=lambda s: method_or_function(
            s, name, keyword_text(axis=s["axis"] if s["axis"] != len(s.aval(0).shape) - 1 else None)
        ),
        notation=along(name),
        role="order", kinks="0 everywhere: elements that tie stand as NumPy puts them",
    )  # fmt: skip

    @accept(function, method=name)
    def front(a: Any, axis: Any = -1) -> Any:
        return getattr(op, name)(a, axis=normal_axis(axis, a.ndim))


_sorting("argsort", np.argsort)


@accept(np.sort)
def sort(a: Any, axis: Any = -1) -> Any:
    if axis is None:
        a, axis = a.ravel(), 0
    return np.take_along_axis(a, np.argsort(a, axis=axis), axis=axis)
