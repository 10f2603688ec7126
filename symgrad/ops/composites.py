"""Few composites with good rules: found by `recognise`, written out again by `expand`.

Each `expand` is in plain ops, shaped like the code people write, so that what the user
already computed is found again by CSE.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symgrad import notation as maths
from symgrad.dims import Shape, Shapes
from symgrad.graph import OPS, Aval, Static, Value
from symgrad.ops import indexing
from symgrad.ops.contraction import sum_of_product
from symgrad.ops.logsums import running_log
from symgrad.ops.reductions import (
    REDUCE,
    SPREAD,
    WHOLE,
    along,
    each_read,
    freedom,
    kept,
    length,
    log_of_sum,
    over_axes,
    reduced_shape,
    sum_of_squares,
    var_vjp,
)
from symgrad.ops.table import (
    ALL,
    accept,
    array_aval,
    elementwise,
    keyword_text,
    normal_axes,
    op,
    promoted,
    structural,
    ufunc_dtype,
    zero,
)


def _bare(x: Value) -> tuple[Value, bool]:
    """Return z and True where ``x`` is -z, so that no expansion prints a double sign."""
    row = x.builder.definition(x.symbol)
    if row is not None and row.name == "negative":
        return x.builder.wrap(row.operands[0]), True
    return x, False


def _expand_sigmoid(x: Value) -> Value:
    if x.builder.notes.knows_scipy:
        return op.expit(x)
    z, is_negated = _bare(x)
    return 1 / (1 + op.exp(z if is_negated else -x))


def _expand_softplus(x: Value) -> Value:
    return op.maximum(x, 0) + op.log1p(op.exp(-op.absolute(_bare(x)[0])))


elementwise(
    "sigmoid", "Logistic function 1 / (1 + exp(-x)).",
    dtype=ufunc_dtype(np.exp), math=lambda x: 1 / (1 + sp.exp(-x)),
    partials=(lambda y, x: y * (1 - y),),
    expand=_expand_sigmoid, numpy=None,
    notation=lambda s: maths.Apply(maths.Sign("σ"), (maths.Fenced(s[0], "(", ")"),)),
    role="sigmoid",
)  # fmt: skip
elementwise(
    "cube", "Third power, by products.",
    rule="power rule",
    dtype=ufunc_dtype(np.square), math=lambda x: x**3,
    partials=(lambda y, x: 3 * op.square(x),),
    expand=lambda x: op.square(x) * x, numpy=None,
    notation=lambda s: maths.power(s[0], maths.Number(3)),
    role="cube",
)  # fmt: skip

LOG_HALF = -0.6931471805599453


def _expand_log1mexp(x: Value) -> Value:
    # Maechler, Accurately computing log(1 - exp(-|a|)), 2012: each form where it is exact.
    is_near = op.greater(x, LOG_HALF)
    return op.where(is_near, op.log(-op.expm1(x)), op.log1p(-op.exp(x)))


elementwise(
    "log1mexp", "log(1 - exp(x)) without cancellation, for x < 0.",
    dtype=ufunc_dtype(np.exp), math=lambda x: sp.log(1 - sp.exp(x)),
    partials=(lambda y, x: -1 / op.expm1(-x),),
    expand=_expand_log1mexp, numpy=None,
    notation=lambda s: maths.apply("log", maths.less(maths.Number(1), s.exp(s[0]))),
    role="log1mexp",
    domain=(-2.0, -0.1), source="Maechler 2012",
)  # fmt: skip
elementwise(
    "softplus", "log(1 + exp(x)) without overflow.",
    dtype=ufunc_dtype(np.exp), math=lambda x: sp.log(1 + sp.exp(x)),
    partials=(lambda y, x: op.exp(x - y),),
    expand=_expand_softplus, numpy=None,
    notation=lambda s: maths.apply("log", maths.plus(maths.Number(1), s.exp(s[0]))),
    role="softplus",
)  # fmt: skip


LARGEST = {8: 680.0, 4: 80.0, 2: 10.0}  # exp of it has room for a sum, of minus it for a product


def _in_room(x: Value) -> tuple[Value, Value]:
    """Return (m, c) with x = m + c: exp(m) does not overflow, and c is 0 if exp(x) does not."""
    m = op.minimum(x, LARGEST[x.dtype.itemsize])
    return m, x - m


def _expand_log_plus_exp(a: Value, b: Value, x: Value) -> Value:
    if b.literal is None:
        # A weight may be small or 0: the exponential is only made smaller where it overflows.
        m, c = _in_room(x)
        scaled = b * op.exp(m)
        logs = c + op.log(a * op.exp(-c) + scaled)
        return op.where(op.greater(c, 0), logs, op.log1p(scaled)) if a.literal == 1 else logs
    # Whichever of 1 and exp(x) is larger is taken out, so any sign of a and b will do.
    e, is_large = op.exp(-op.absolute(x)), op.greater(x, 0)
    scaled = e if b.literal == 1 else b * e
    if a.literal == 1:
        logs = op.where(is_large, op.log(e + b), op.log1p(scaled))
    else:
        logs = op.log(op.where(is_large, a * e + b, a + scaled))
    return op.maximum(x, 0) + logs


def _share_of_exp(y: Value, a: Value, b: Value, x: Value) -> Value:
    if b.literal is not None:
        return op.exp(x - y) if b.literal == 1 else b * op.exp(x - y)
    m, c = _in_room(x)
    return b * op.exp(m) * op.exp(c - y)


elementwise(
    "log_plus_exp", "log(a + b exp(x)) without overflow.",
    dtype=promoted, arity=3, math=lambda a, b, x: sp.log(a + b * sp.exp(x)),
    partials=(
        lambda y, a, b, x: op.exp(-y),
        lambda y, a, b, x: op.exp(x - y),
        _share_of_exp,
    ),
    expand=_expand_log_plus_exp, numpy=None,
    notation=lambda s: maths.apply("log", maths.plus(s[0], maths.times(s[1], s.exp(s[2])))),
    role="log",
    domain=(0.5, 2.0),
)  # fmt: skip
elementwise(
    "gamma_deviance", "(y - m) / m - log(y / m), exact where y is nearly m.",
    dtype=ufunc_dtype(np.divide), arity=2, math=lambda y, m: (y - m) / m - sp.log(y / m),
    partials=(
        lambda deviance, y, m: (y - m) / m / y,
        lambda deviance, y, m: -((y - m) / m / m),
    ),
    # Near 1 a quotient less 1 is exact, and what its own rounding changes is of second order.
    expand=lambda y, m: (y / m - 1) - op.log(y / m),
    numpy=None, notation=lambda s: maths.less(
        maths.over(maths.less(s[0], s[1]), s[1]), maths.apply("log", maths.over(s[0], s[1]))),
    role="losses",
    domain=(0.5, 2.0),
)  # fmt: skip
elementwise(
    "x_log_ratio", "x log(x / q), which is 0 at x = 0.",
    dtype=ufunc_dtype(np.divide), arity=2, math=lambda x, q: x * sp.log(x / q),
    partials=(
        lambda y, x, q: op.log(x if q.literal == 1 else x / q) + 1,
        lambda y, x, q: -(x / q),
    ),
    expand=lambda x, q: op.where(
        op.equal(x, 0), 0, x * op.log(x if q.literal == 1 else x / q)),
    numpy=None,
    notation=lambda s: maths.times(s[0], maths.apply("log", maths.over(s[0], s[1]))),
    role="information", domain=(0.5, 2.0),
)  # fmt: skip
LOG_TWO = 0.6931471805599453
elementwise(
    "logcosh", "log(cosh(x)) without overflow.",
    dtype=ufunc_dtype(np.exp), math=lambda x: sp.log(sp.cosh(x)),
    partials=(lambda y, x: op.tanh(x),),
    expand=lambda x: op.absolute(x) + op.log1p(op.exp(-2 * op.absolute(x))) - LOG_TWO,
    numpy=None, notation=lambda s: maths.apply("log", maths.apply("cosh", s[0])), role="log",
)  # fmt: skip
elementwise(
    "logistic_loss", "-(y log(sigmoid(z)) + (1 - y) log(1 - sigmoid(z))) without overflow.",
    dtype=promoted, arity=2, math=lambda z, y: sp.log(1 + sp.exp(z)) - y * z,
    partials=(lambda loss, z, y: op.sigmoid(z) - y, lambda loss, z, y: -z),
    expand=lambda z, y: op.maximum(z, 0) - y * z + op.log1p(op.exp(-op.absolute(z))),
    numpy=None, notation=lambda s: maths.less(
        maths.apply("log", maths.plus(maths.Number(1), s.exp(s[0]))), maths.times(s[1], s[0])),
    role="losses",
)  # fmt: skip


def _same(shapes: Shapes, x: Aval, axis: int) -> Aval:
    return x


def _reduced(shapes: Shapes, x: Aval, axis: Any, keepdims: bool, **_: Any) -> Aval:
    return array_aval(reduced_shape(x.shape, axis, keepdims), x.dtype)


# The user may have written `m = x.max(axis=1)`, `m[:, None]` instead of keepdims: an expansion
# looks for these first, so that the lines and names the user chose stay, and nothing is
# reduced twice.


def _known(name: str, x: Value, **settings: Any) -> Value | None:
    """Return what the op makes of ``x`` if an equation computes it already."""
    row = OPS[name]
    statics = tuple(Static(settings[param]) for param in row.params)
    found = x.builder._bound.get((row, (x.symbol,), statics))
    return x.builder.wrap(found[0]) if found else None


def _known_rearrangement(v: Value, key: Any, shape: Shape) -> Value | None:
    indexed = _known("index", v, key=key)
    return indexed if indexed is not None else _known("reshape", v, shape=shape)


def _column(v: Value, x: Value, axes: tuple[int, ...]) -> Value:
    """Return ``v``, reduced from ``x``, with ``axes`` back as axes of size 1."""
    key = tuple(None if k in axes else ALL for k in range(max(axes) + 1))
    found = _known_rearrangement(v, key, reduced_shape(x.shape, axes, True))
    return found if found is not None else op.expand_dims(v, axis=axes)


def _reduced_over(name: str, x: Value, axes: tuple[int, ...]) -> Value:
    """Return a reduction of ``x`` that broadcasts against it."""
    if len(axes) == x.ndim:  # one number broadcasts as it is: `x - x.max()`
        return getattr(op, name)(x, axis=axes, keepdims=False)  # type: ignore[no-any-return]
    kept = _known(name, x, axis=axes, keepdims=True)
    flat = _known(name, x, axis=axes, keepdims=False)
    if kept is None and flat is not None:
        return flat if axes == tuple(range(len(axes))) else _column(flat, x, axes)
    return getattr(op, name)(x, axis=axes, keepdims=True)  # type: ignore[no-any-return]


def _shifted(x: Value, axes: tuple[int, ...]) -> tuple[Value, Value]:
    largest = _reduced_over("max", x, axes)
    return largest, x - largest


def _sum_over(x: Value, axes: tuple[int, ...]) -> Value:
    return _reduced_over("sum", x, axes)


def _expand_logsumexp(x: Value, axis: Any, keepdims: bool) -> Value:
    axes = normal_axes(axis, x.ndim)
    largest, shifted = _shifted(x, axes)
    e = op.exp(shifted)
    flat = None if keepdims else _known("sum", e, axis=axes, keepdims=False)
    if flat is not None and len(axes) < x.ndim:
        return _flat_max(largest, x, axes) + op.log(flat)
    return _laid_out(largest + op.log(_sum_over(e, axes)), x, axes, keepdims)


def _laid_out(total: Value, x: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
    if keepdims == (len(axes) < x.ndim):
        return total
    return (op.expand_dims if keepdims else op.squeeze)(total, axis=axes)


def _expand_logmeanexp(x: Value, axis: Any, keepdims: bool) -> Value:
    axes = normal_axes(axis, x.ndim)
    largest, shifted = _shifted(x, axes)
    mean = _reduced_over("mean", op.exp(shifted), axes)
    return _laid_out(largest + op.log(mean), x, axes, keepdims)


def _flat_max(largest: Value, x: Value, axes: tuple[int, ...]) -> Value:
    flat = _known("max", x, axis=axes, keepdims=False)
    if flat is None:
        key = tuple(0 if k in axes else ALL for k in range(max(axes) + 1))
        flat = _known_rearrangement(largest, key, reduced_shape(x.shape, axes, False))
    return flat if flat is not None else op.squeeze(largest, axis=axes)


def _softmax_over(x: Value, axes: tuple[int, ...]) -> Value:
    if len(axes) == 1:
        return op.softmax(x, axis=axes[0])
    e = op.exp(_shifted(x, axes)[1])
    return e / _sum_over(e, axes)


def _expand_softmax(x: Value, axis: int) -> Value:
    e = op.exp(_shifted(x, (axis,))[1])
    return e / _sum_over(e, (axis,))


def _expand_log_softmax(x: Value, axis: int) -> Value:
    shifted = _shifted(x, (axis,))[1]
    return shifted - op.log(_sum_over(op.exp(shifted), (axis,)))


structural(
    "logsumexp", "log of a sum of exponentials, without overflow.", params=REDUCE, defaults=WHOLE,
    rule="derivative of log-sum-exp is softmax",
    aval=_reduced, expand=_expand_logsumexp,
    vjp=lambda ct, y, x, axis, keepdims: kept(ct, x, axis, keepdims)
    * _softmax_over(x, normal_axes(axis, x.ndim)),
    numpy=None, notation=lambda s: log_of_sum(s), role="logsumexp",
)  # fmt: skip
structural(
    "logmeanexp", "log of a mean of exponentials, without overflow.", params=REDUCE, defaults=WHOLE,
    rule="derivative of log-mean-exp is softmax",
    aval=_reduced, expand=_expand_logmeanexp,
    vjp=lambda ct, y, x, axis, keepdims: kept(ct, x, axis, keepdims)
    * _softmax_over(x, normal_axes(axis, x.ndim)),
    numpy=None, notation=lambda s: log_of_sum(s, is_mean=True), role="logmeanexp",
)  # fmt: skip
structural(
    "softmax", "exp(x) normalised to sum 1 along an axis.", params=("axis",), aval=_same,
    rule="derivative of softmax",
    expand=_expand_softmax, vjp=lambda ct, y, x, axis: y * (ct - _sum_over(ct * y, (axis,))),
    numpy=None, notation=along("softmax"), role="p",
)  # fmt: skip
structural(
    "log_softmax", "log of softmax, without overflow.", params=("axis",), aval=_same,
    rule="derivative of log-softmax",
    expand=_expand_log_softmax,
    vjp=lambda ct, y, x, axis: ct - op.softmax(x, axis=axis) * _sum_over(ct, (axis,)),
    numpy=None, notation=along("logsoftmax"), role="log_p",
)  # fmt: skip


# Terms of weight 0 count for nothing, however large: they are moved out of the way.


def _counted(w: Value, x: Value) -> Value:
    lowest = -1e300 if x.dtype.itemsize > 4 else -1e38
    return op.where(op.not_equal(w, 0), x, lowest)


def _expand_weighted_logsumexp(w: Value, x: Value, axis: Any, keepdims: bool) -> Value:
    counted = _counted(w, x)
    axes = normal_axes(axis, counted.ndim)
    largest, shifted = _shifted(counted, axes)
    total = largest + op.log(_sum_over(w * op.exp(shifted), axes))
    return _laid_out(total, counted, axes, keepdims)


def _by_weights(ct: Value, y: Value, w: Value, x: Value, axis: Any, keepdims: bool) -> Value:
    return kept(ct, x, axis, keepdims) * op.exp(x - kept(y, x, axis, keepdims))


def _by_exponents(ct: Value, y: Value, w: Value, x: Value, axis: Any, keepdims: bool) -> Value:
    share = w * op.exp(_counted(w, x) - kept(y, x, axis, keepdims))
    return kept(ct, x, axis, keepdims) * share


structural(
    "weighted_logsumexp", "log of a weighted sum of exponentials, without overflow.",
    params=REDUCE, defaults=WHOLE, vjp=(_by_weights, _by_exponents),
    aval=lambda shapes, w, x, axis, keepdims: _reduced(shapes, x, axis, keepdims),
    expand=_expand_weighted_logsumexp, numpy=None,
    notation=lambda s: s.of_whole(maths.apply("logsumexp", s[0], s[1])),
    role="logsumexp",
)  # fmt: skip

# A running sum has no one shift that serves all its elements: below the first, what is summed
# later must not overflow, and the first must not vanish.  Between them there is room for a spread
# of 1360 in float64, of 118 in float32, and where the user's own form is finite the shift is 0.

ROOM = {8: 680, 4: 59}  # exp of minus it has all its digits
UPPER = {8: 696, 4: 75}  # exp of it may be summed a million times


def _expand_shift_in_room(x: Value, axis: int) -> Value:
    room = ROOM[x.dtype.itemsize]
    first = indexing.index(x, (*[ALL] * axis, slice(0, 1, None)) if x.ndim > 1 else (0,))
    largest = op.max(x, axis=(axis,), keepdims=x.ndim > 1)
    return op.maximum(op.minimum(first + room, 0), largest - UPPER[x.dtype.itemsize])


structural(
    "shift_in_room", "A shift by which no running sum of exponentials overflows or vanishes.",
    params=("axis",), vjp=zero,  # what it shifts does not depend on it
    aval=lambda shapes, x, axis: array_aval(
        reduced_shape(x.shape, (axis,), len(x.shape) > 1), x.dtype),
    expand=_expand_shift_in_room, numpy=None,
    notation=along("shift"),
    role="shift",
)  # fmt: skip


def _running_exp(x: Value, axis: int) -> tuple[Value, Value, Value]:
    shift = op.shift_in_room(x, axis=axis)
    e = op.exp(x - shift)
    return shift, e, op.cumsum(e, axis=axis)


def _expand_running_logsumexp(x: Value, axis: int) -> Value:
    shift, _, total = _running_exp(x, axis)
    return shift + op.log(total)


def _running_logsumexp_vjp(ct: Value, y: Value, x: Value, axis: int) -> Value:
    _, e, total = _running_exp(x, axis)
    back = op.cumsum(op.flip(ct / total, axis=(axis,)), axis=axis)
    return op.flip(back, axis=(axis,)) * e


structural(
    "running_logsumexp", "log of running sums of exponentials, without overflow.",
    params=("axis",), aval=_same, expand=_expand_running_logsumexp, vjp=_running_logsumexp_vjp,
    numpy=None, notation=running_log, role="running",
)  # fmt: skip


def _norm_vjp(ct: Value, y: Value, x: Value, axis: Any, keepdims: bool) -> Value:
    safe = op.where(op.equal(y, 0), 1, y)
    return kept(ct / safe, x, axis, keepdims) * x


structural(
    "norm", "Euclidean length along axes.", params=REDUCE, defaults=WHOLE,
    rule="derivative of a length",
    aval=_reduced, vjp=_norm_vjp, kinks="0 at 0", role="norm", flops=each_read(2, then=1),
    numpy=lambda s: (
        f"{s.np}.linalg.norm({s[0]}"
        + keyword_text(
            axis=None if len(s["axis"]) == len(s.aval(0).shape) == 1 else
            s["axis"] if len(s["axis"]) > 1 else s["axis"][0], keepdims=s["keepdims"]
        ) + ")"
    ),
    notation=length,
)  # fmt: skip
structural(
    "root_of_squares", "sqrt(sum(x**2)): the length, as the user wrote it.", params=REDUCE,
    rule="derivative of a length",
    defaults=WHOLE, aval=_reduced, vjp=_norm_vjp, kinks="0 at 0",
    expand=lambda x, axis, keepdims: op.sqrt(op.sum(op.square(x), axis=axis, keepdims=keepdims)),
    numpy=None, notation=length, role="norm",
)  # fmt: skip


def _expand_sum_of_squares(x: Value, axis: Any, keepdims: bool) -> Value:
    axes = normal_axes(axis, x.ndim)
    total = sum_of_product(x, x, axes, keepdims)
    return total if total is not None else op.sum(op.square(x), axis=axes, keepdims=keepdims)


structural(
    "sum_of_squares", "x . x, which makes no array of squares.", params=REDUCE, defaults=WHOLE,
    rule="power rule",
    aval=_reduced, expand=_expand_sum_of_squares,
    vjp=lambda ct, y, x, axis, keepdims: 2 * (kept(ct, x, axis, keepdims) * x),
    numpy=None, notation=sum_of_squares, role="total",
)  # fmt: skip


def _expand_deviation(x: Value, axis: Any, ddof: int, keepdims: bool) -> Value:
    axes = normal_axes(axis, x.ndim)
    centred = x - _reduced_over("mean", x, axes)
    squares = op.sum_of_squares(centred, axis=axes, keepdims=keepdims)
    return squares / freedom(x, axis, ddof)  # type: ignore[no-any-return]


structural(
    "squared_deviation", "Variance by the array's own deviations, which may be there already.",
    params=SPREAD, defaults={**WHOLE, "ddof": 0}, aval=_reduced, vjp=var_vjp,
    expand=_expand_deviation, numpy=None, notation=over_axes("var"), role="var",
)  # fmt: skip


def _unit(x: Value, axes: tuple[int, ...]) -> tuple[Value, Value]:
    length = _reduced_over("norm", x, axes)
    return x / length, length


def _distance_of_units(a: Value, b: Value, axis: Any, keepdims: bool) -> Value:
    apart = _unit(a, axis)[0] - _unit(b, axis)[0]
    return op.sum_of_squares(apart, axis=axis, keepdims=keepdims) / 2


# Petersen and Pedersen, The Matrix Cookbook, 2.7.1: with unit vectors u and v and the distance h,
# the derivative by a is (u - v - h u) / |a|.


def _by_first(ct: Value, y: Value, a: Value, b: Value, axis: Any, keepdims: bool) -> Value:
    (u, length), (v, _) = _unit(a, axis), _unit(b, axis)
    return kept(ct, a, axis, keepdims) / length * ((u - v) - kept(y, a, axis, keepdims) * u)


def _by_second(ct: Value, y: Value, a: Value, b: Value, axis: Any, keepdims: bool) -> Value:
    (u, _), (v, length) = _unit(a, axis), _unit(b, axis)
    return -kept(ct, a, axis, keepdims) / length * ((u - v) + kept(y, a, axis, keepdims) * v)


structural(
    "cosine_distance", "1 - a b / (|a| |b|) along axes, exact where a and b are nearly parallel.",
    params=REDUCE, defaults=WHOLE,
    aval=lambda shapes, a, b, axis, keepdims: _reduced(shapes, a, axis, keepdims),
    expand=_distance_of_units, vjp=(_by_first, _by_second),
    numpy=None,
    notation=lambda s: maths.less(maths.Number(1), s.of_whole(maths.apply("cos", s[0], s[1]))),
    role="distance",
    source="Petersen and Pedersen, The Matrix Cookbook, 2.7.1",
)  # fmt: skip


@accept(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if not x.ndim:
        return op.absolute(x)
    axes = normal_axes(axis, x.ndim)
    if ord in (1, np.inf, -np.inf) and len(axes) == 1:
        reduce = {1: op.sum, np.inf: op.max, -np.inf: op.min}[ord]
        return reduce(op.absolute(x), axis=axes, keepdims=bool(keepdims))
    axes_wanted = {None: len(axes), 2: 1, "fro": 2}
    if axes_wanted.get(ord) != len(axes):
        raise TypeError(f"of {len(axes)} axes only the Euclidean norm is known, not ord={ord!r}")
    if axis is None and x.ndim > 2:
        x = x.ravel()
        axes = (0,)
    return op.norm(x, axis=axes, keepdims=bool(keepdims))
