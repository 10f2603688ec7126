"""Arrays of other numbers that a NumPy function runs on: complex ones, or of 50 digits.

A function is run on stand-ins that hold what its arguments do, in another `Field`.  Invariant: an
operation that is not in the tables is refused by name; none is ever done in another way than on
real numbers, so the derivative that a field measures is the function's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from symgrad.errors import MissingRuleError

DIGITS = 50


class NotInField(MissingRuleError):
    """The function does something that stand-ins for its arrays cannot follow."""


@dataclass(frozen=True)
class Field:
    """Numbers beyond the real ones: how they are made, and what each NumPy ufunc does to them.

    ``real`` returns the real parts, in an order that sorts them, ``ufuncs`` what replaces a ufunc
    by name; a ufunc in ``native`` does the right thing itself.
    """

    name: str
    dtype: Any
    lift: Callable[[Any], Any]
    real: Callable[[Any], Any]
    native: frozenset[str]
    ufuncs: Mapping[str, Callable[..., Any]]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- the fields --------------------------------------------------------------------------------

_NATIVE = _words("add subtract multiply divide negative positive power float_power square matmul")
_COMPARISONS = _words("less less_equal greater greater_equal equal not_equal")
_TESTS = _words("isfinite isnan isinf signbit")
_STEPS = _words("sign floor ceil trunc rint")  # constant but for their jumps


def _lift_complex(x: Any) -> Any:
    return np.asarray(x, dtype=np.complex128)


def _by_sign(z: Any) -> Any:
    """Return |z| with the sign of the real part: abs, continued from the real line.

    J. Martins, P. Sturdza and J. Alonso, "The complex-step derivative approximation" (2003).
    """
    return np.where(z.real < 0, -z, z)


def _larger(a: Any, b: Any) -> Any:
    return np.where(a.real >= b.real, a, b)


def _smaller(a: Any, b: Any) -> Any:
    return np.where(a.real <= b.real, a, b)


COMPLEX = Field(
    "complex numbers",
    np.dtype(np.complex128),
    _lift_complex,
    lambda z: z.real,
    _NATIVE
    | _words(
        "exp exp2 expm1 log log2 log10 log1p sqrt sin cos tan sinh cosh tanh arcsin arccos arctan "
        "arcsinh arccosh arctanh"
    ),
    {
        "reciprocal": lambda z: 1 / z,
        "absolute": _by_sign,
        "fabs": _by_sign,
        "conjugate": lambda z: z,
        "maximum": _larger,
        "minimum": _smaller,
        "fmax": _larger,
        "fmin": _smaller,
        "cbrt": lambda z: np.where(z.real < 0, -1, 1) * _by_sign(z) ** (1 / 3),
        "expit": lambda z: 1 / (1 + np.exp(-z)),
        "logaddexp": lambda a, b: (
            np.where(a.real >= b.real, a, b)
            + np.log1p(np.exp(np.where(a.real >= b.real, b - a, a - b)))
        ),
        "hypot": lambda a, b: np.sqrt(a * a + b * b),
        "radians": lambda z: z * (np.pi / 180),
        "deg2rad": lambda z: z * (np.pi / 180),
        "degrees": lambda z: z * (180 / np.pi),
        "rad2deg": lambda z: z * (180 / np.pi),
        "remainder": lambda a, b: a - b * np.floor(a.real / b.real),
        "copysign": lambda a, b: _by_sign(a) * np.copysign(1.0, b.real),
    },
)


def _number(x: Any) -> Any:
    return x if isinstance(x, mpmath.mpf) else mpmath.mpf(x.item() if hasattr(x, "item") else x)


def _each(function: Callable[..., Any], arity: int = 1) -> Callable[..., Any]:
    """Return ``function`` for arrays of numbers; what is no real number becomes NaN."""

    def one(*xs: Any) -> Any:
        try:
            found = function(*xs)
        except (ValueError, ZeroDivisionError):
            return mpmath.mpf("nan")
        return found if isinstance(found, mpmath.mpf) else mpmath.mpf("nan")

    on_arrays: Callable[..., Any] = np.frompyfunc(one, arity, 1)
    return on_arrays


def _divide(a: Any, b: Any) -> Any:
    return a / b if b else (mpmath.mpf("nan") if not a or a != a else a * mpmath.inf)


def _precisely() -> Field:
    mp = mpmath.mp
    same = _words("exp log10 sin cos tan sinh cosh tanh log1p expm1 sqrt cbrt radians degrees")
    inverse = {f"arc{name}": f"a{name}" for name in _words("sin cos tan sinh cosh tanh")}
    table: dict[str, Callable[..., Any]] = {name: _each(getattr(mp, name)) for name in same}
    table |= {name: _each(getattr(mp, other)) for name, other in inverse.items()}
    table |= {
        "log": _each(mp.log),
        "exp2": _each(lambda x: mp.mpf(2) ** x),
        "log2": _each(lambda x: mp.log(x, 2)),
        "absolute": _each(abs),
        "fabs": _each(abs),
        "conjugate": lambda x: x,
        "reciprocal": _each(lambda x: _divide(mp.mpf(1), x)),
        "divide": _each(_divide, 2),
        "power": _each(lambda a, b: a**b, 2),
        "float_power": _each(lambda a, b: a**b, 2),
        "maximum": _each(max, 2),
        "minimum": _each(min, 2),
        "fmax": _each(max, 2),
        "fmin": _each(min, 2),
        "hypot": _each(mp.hypot, 2),
        "arctan2": _each(mp.atan2, 2),
        "logaddexp": _each(lambda a, b: mp.log(mp.exp(a) + mp.exp(b)), 2),
        "expit": _each(lambda x: 1 / (1 + mp.exp(-x))),
        "erf": _each(mp.erf),
        "erfc": _each(mp.erfc),
        "gamma": _each(mp.gamma),
        "gammaln": _each(mp.loggamma),
        "remainder": _each(lambda a, b: a - b * mp.floor(a / b), 2),
        "copysign": _each(lambda a, b: abs(a) if b >= 0 else -abs(a), 2),
    }
    table["deg2rad"], table["rad2deg"] = table["radians"], table["degrees"]
    lift = np.frompyfunc(_number, 1, 1)
    return Field(
        f"{DIGITS} digits",
        np.dtype(object),
        lambda x: np.asarray(lift(np.asarray(x)), dtype=object),
        lambda x: x,
        _NATIVE - {"power", "float_power", "divide"},
        table,
    )


PRECISE = _precisely()


# --- the arrays --------------------------------------------------------------------------------

_SAME_ON_ANY = _words(
    "reshape transpose swapaxes moveaxis rollaxis ravel squeeze expand_dims concatenate stack "
    "vstack hstack dstack column_stack split array_split hsplit vsplit tile repeat flip fliplr "
    "flipud roll rot90 broadcast_to broadcast_arrays atleast_1d atleast_2d atleast_3d diag "
    "diagonal diagflat trace tril triu take take_along_axis sum prod mean average cumsum "
    "cumprod dot inner outer tensordot einsum kron diff append copy zeros_like ones_like "
    "empty_like full_like shape ndim size matrix_transpose delete insert"
)
_BY_REAL_PART = _words(
    "argmax argmin argsort iscomplexobj count_nonzero any all nonzero flatnonzero"
)
_MATRICES = frozenset(["inv", "det", "solve"])


class StandIn(NDArrayOperatorsMixin):
    """An array of a field's numbers that behaves as the real array would."""

    __array_priority__ = 1000

    def __init__(self, data: Any, field: Field):
        self.data, self.field = data, field

    # what NumPy's functions do with it

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        field, name = self.field, _ufunc_name(ufunc)
        if (
            len(kwargs.get("out") or ()) == 1 and kwargs["out"][0] is self and method == "__call__"
        ):  # x += y
            made = self.__array_ufunc__(ufunc, method, *inputs)
            if not self.shape:  # of a number, += makes a new one
                return made
            self.data[...] = made.data
            return self
        if kwargs.get("out") is not None or kwargs.get("where", True) is not True:
            raise NotInField(f"np.{name} with out= or where= is not followed in {field.name}")
        if name in _COMPARISONS | _TESTS | _STEPS and method == "__call__":
            real = [field.real(_data(x, field)) for x in inputs]
            if name in _COMPARISONS:
                return getattr(ufunc, method)(*real).astype(bool)
            found = ufunc(np.asarray(real[0], dtype=np.float64))
            return found if name in _TESTS else StandIn(field.lift(found), field)
        data = [_data(x, field) for x in inputs]
        if name in field.native:
            return _wrap(getattr(ufunc, method)(*data, **_plain(kwargs)), field)
        if name in ("maximum", "minimum") and method == "reduce":
            return _extreme(self, name == "maximum", **kwargs)
        if name in field.ufuncs and method == "__call__" and not _plain(kwargs):
            return _wrap(field.ufuncs[name](*data), field)
        raise NotInField(f"np.{name} is not followed in {field.name}")

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = func.__name__
        if func.__module__ == "numpy.linalg" and name in _MATRICES and self.field is COMPLEX:
            return _wrap(func(*_bare(args, self.field), **_bare(kwargs, self.field)), self.field)
        if name in _SAME_ON_ANY and func.__module__ == "numpy":
            kwargs = {k: v for k, v in kwargs.items() if k != "dtype"}
            return _wrap(func(*_bare(args, self.field), **_bare(kwargs, self.field)), self.field)
        if name in _BY_REAL_PART and func.__module__ == "numpy":
            first = np.asarray(self.field.real(args[0].data), dtype=np.float64)
            return func(first, *args[1:], **kwargs)
        own = _OWN.get(f"{func.__module__}.{name}")
        if own is not None:
            try:
                return own(*args, **kwargs)
            except TypeError as error:
                raise NotInField(f"{func.__module__}.{name}: {error}") from None
        raise NotInField(f"{func.__module__}.{name} is not followed in {self.field.name}")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotInField(f"the function makes a plain array of one in {self.field.name}")

    # what Python asks

    def _refused(self, *args: Any) -> Any:
        raise NotInField(f"the function needs a plain number of one in {self.field.name}")

    __float__ = __int__ = __index__ = __complex__ = _refused

    def __bool__(self) -> bool:
        return bool(self.field.real(self.data))

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Any:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        found = self.data[key]
        return StandIn(found if isinstance(found, np.ndarray) else _cell(found, self), self.field)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.data[key] = _data(value, self.field)[()]  # a 0-d array would become an element

    # what an array has

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.data.shape
        return shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(self.data.size)

    @property
    def dtype(self) -> Any:
        return np.dtype(np.float64)

    @property
    def T(self) -> StandIn:
        return StandIn(self.data.T, self.field)

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            function = getattr(np, name)
            return lambda *args, **kwargs: function(self, *args, **kwargs)
        raise AttributeError(f"arrays of {self.field.name} have no `{name}`")

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        return StandIn(self.data.reshape(*shape, **kwargs), self.field)

    def transpose(self, *axes: Any) -> Any:
        return StandIn(self.data.transpose(*axes), self.field)

    def flatten(self) -> Any:
        return StandIn(self.data.flatten(), self.field)

    def astype(self, dtype: Any, **kwargs: Any) -> Any:
        if np.dtype(dtype) == np.float64:
            return self.copy()
        raise NotInField(f"astype({np.dtype(dtype)}) is not followed in {self.field.name}")


_METHODS = _words(
    "sum prod mean cumsum cumprod dot ravel squeeze swapaxes repeat take diagonal trace copy max "
    "min argmax argmin argsort clip var std any all nonzero round"
)


def _ufunc_name(ufunc: Any) -> str:
    name: str = ufunc.__name__
    return {"true_divide": "divide", "conj": "conjugate"}.get(name, name)


def _plain(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in kwargs.items() if v is not None and k not in ("dtype", "out")}


def _data(x: Any, field: Field) -> Any:
    return x.data if isinstance(x, StandIn) else field.lift(x)


def _cell(value: Any, of: StandIn) -> Any:
    cell = np.empty((), dtype=of.data.dtype)
    cell[()] = value
    return cell


def _bare(value: Any, field: Field) -> Any:
    """Return nested arguments with the data of every stand-in in its place."""
    if isinstance(value, StandIn):
        return value.data
    if isinstance(value, dict):
        return {k: _bare(v, field) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_bare(v, field) for v in value)
    return value


def _wrap(value: Any, field: Field) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_wrap(v, field) for v in value)
    if isinstance(value, (bool, int)):  # a size
        return value
    return StandIn(np.asarray(value, dtype=field.dtype), field)


# --- functions that must not see the numbers as they are ----------------------------------------


def _extreme(
    x: StandIn, largest: bool, axis: Any = None, keepdims: bool = False, **more: Any
) -> Any:
    """Return the element whose real part is the largest or smallest along axes."""
    if _plain({k: v for k, v in more.items() if k != "initial" or v is not np._NoValue}):
        raise NotInField("max or min with initial= is not followed")
    along = range(x.ndim) if axis is None else np.atleast_1d(np.asarray(axis)) % max(x.ndim, 1)
    axes = tuple(map(int, along))
    rest = [k for k in range(x.ndim) if k not in axes]
    flat = x.data.transpose([*rest, *axes]).reshape(*(x.shape[k] for k in rest), -1)
    keys = np.asarray(x.field.real(flat), dtype=np.float64)
    at = (keys.argmax if largest else keys.argmin)(axis=-1)
    found = np.take_along_axis(flat, np.expand_dims(at, -1), -1)[..., 0]
    if keepdims:
        found = found.reshape([1 if k in axes else n for k, n in enumerate(x.shape)])
    return StandIn(np.asarray(found), x.field)


def _max(a: Any, axis: Any = None, out: None = None, keepdims: Any = False, **more: Any) -> Any:
    return _extreme(a, True, axis, keepdims is True, **more)


def _min(a: Any, axis: Any = None, out: None = None, keepdims: Any = False, **more: Any) -> Any:
    return _extreme(a, False, axis, keepdims is True, **more)


def _var(
    a: Any, axis: Any = None, dtype: None = None, out: None = None, ddof: int = 0,
    keepdims: Any = False,
) -> Any:  # fmt: skip
    centred = a - np.mean(a, axis=axis, keepdims=True)
    total = np.sum(centred * centred, axis=axis, keepdims=keepdims is True)
    return total / (a.size // max(total.size, 1) - ddof)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    plain = ord is None or (ord == 2 and (x.ndim == 1 or isinstance(axis, int))) or ord == "fro"
    if not plain:
        raise NotInField(f"np.linalg.norm with ord={ord!r} is not followed")
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *args: Any, **more: Any) -> Any:
    low, high = more.get("min", a_min), more.get("max", a_max)
    a = a if low is None else np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def _where(condition: Any, x: Any, y: Any) -> Any:
    field = next(v.field for v in (condition, x, y) if isinstance(v, StandIn))
    is_stand_in = isinstance(condition, StandIn)
    chosen = np.asarray(field.real(condition.data), bool) if is_stand_in else condition
    return StandIn(np.where(chosen, _data(x, field), _data(y, field)), field)


def _sort(a: Any, axis: Any = -1, *args: Any, **more: Any) -> Any:
    keys = np.asarray(a.field.real(a.data), dtype=np.float64)
    order = np.argsort(keys, axis=axis)
    data = a.data.ravel() if axis is None else a.data
    return StandIn(np.take_along_axis(data, order, -1 if axis is None else axis), a.field)


def _slogdet(a: Any) -> Any:
    det = np.linalg.det(a)
    return np.sign(det), np.log(np.absolute(det))


_OWN: dict[str, Callable[..., Any]] = {
    "numpy.max": _max,
    "numpy.amax": _max,
    "numpy.min": _min,
    "numpy.amin": _min,
    "numpy.var": _var,
    "numpy.std": lambda *args, **kwargs: np.sqrt(_var(*args, **kwargs)),
    "numpy.linalg.norm": _norm,
    "numpy.linalg.slogdet": _slogdet,
    "numpy.clip": _clip,
    "numpy.where": _where,
    "numpy.sort": _sort,
    "numpy.vdot": lambda a, b: np.dot(np.ravel(a), np.ravel(b)),
    "numpy.round": lambda a, decimals=0: np.rint(a) if decimals == 0 else a._refused(),
}
