"""Arrays made from sizes and constants, and the sizes themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import notation as maths
from symgrad.dims import Shape
from symgrad.graph import FLOAT64, INT64, Aval
from symgrad.ops.table import (
    accept,
    op,
    shape_of,
    size_of,
    structural,
    zero,
)

structural(
    "size", "A size of an array, as a number.", params=("of",),
    aval=lambda shapes, of: Aval((), INT64, "python"),
    numpy=lambda s: s.size_with_precedence(s["of"]),
    notation=lambda s: s.size(s["of"]),
)  # fmt: skip

structural(
    "full", "One number in every element.", params=("shape", "value", "dtype"),
    aval=lambda shapes, shape, value, dtype: Aval(shape, np.dtype(dtype)),
    numpy=lambda s: _spell_full(s), notation=lambda s: maths.number(s["value"]),
)  # fmt: skip


def _spell_full(s: Any) -> str:
    value, dtype = s["value"], np.dtype(s["dtype"])
    if not s["shape"] and dtype == FLOAT64:
        return repr(value)
    kind = "" if dtype == FLOAT64 else f", dtype={s.dtype(s['dtype'])}"
    if value in (0, 1) and str(value)[0] != "-":
        return f"{s.np}.{'ones' if value else 'zeros'}({_shape_text(s)}{kind})"
    return f"{s.np}.full({_shape_text(s)}, {value!r}{kind})"


def _shape_text(s: Any) -> str:
    shape = s["shape"]
    return s.size(shape[0]) if len(shape) == 1 else s.shape(shape)  # type: ignore[no-any-return]


def _name_of(dtype: Any, default: Any = np.float64) -> str:
    return str(np.dtype(default if dtype is None else dtype))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, bool, np.generic))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def filled(shape: Shape, value: Any, dtype: str) -> Any:
    """Return an array of one value, which may be traced."""
    if _is_number(value):
        return op.full(shape=shape, value=_plain(value), dtype=dtype)
    return op.broadcast_to(op.astype(value, dtype=dtype), shape=shape).detached()


@accept(np.zeros)
def zeros(shape: Any, dtype: Any = None) -> Any:
    return filled(shape_of(shape), 0, _name_of(dtype))


@accept(np.empty)
def empty(shape: Any, dtype: Any = None) -> Any:
    return zeros(shape, dtype)


@accept(np.ones)
def ones(shape: Any, dtype: Any = None) -> Any:
    return filled(shape_of(shape), 1, _name_of(dtype))


@accept(np.full)
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    if dtype is None:
        dtype = fill_value.dtype if hasattr(fill_value, "dtype") else np.asarray(fill_value).dtype
    return filled(shape_of(shape), fill_value, _name_of(dtype))


@accept(np.zeros_like, np.empty_like)
def zeros_like(a: Any, dtype: Any = None) -> Any:
    return filled(a.aval.shape, 0, _name_of(dtype, a.dtype))


@accept(np.ones_like)
def ones_like(a: Any, dtype: Any = None) -> Any:
    return filled(a.aval.shape, 1, _name_of(dtype, a.dtype))


@accept(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None) -> Any:
    return filled(a.aval.shape, fill_value, _name_of(dtype, a.dtype))


structural(
    "full_like", "One number in every element of an array like another.",
    rule="copies sum",
    aval=lambda shapes, x, value: Aval(x.shape, x.dtype),
    vjp=(zero, lambda ct, y, x, value: op.sum(ct, axis=tuple(range(ct.ndim)), keepdims=False)),
    numpy=lambda s: _spell_full_like(s), notation=lambda s: s.element(1, ()),
)  # fmt: skip


def _spell_full_like(s: Any) -> str:
    known = {"0": "zeros", "0.0": "zeros", "1": "ones", "1.0": "ones"}.get(str(s[1]))
    return f"{s.np}.{known}_like({s[0]})" if known else f"{s.np}.full_like({s[0]}, {s[1]})"


structural(
    "materialise", "A copied view written out as an array of its own.",
    rule="a copy passes everything",
    aval=lambda shapes, x: x, vjp=lambda ct, y, x: ct, numpy="{0:10}.copy()",
    notation=maths.same,
)  # fmt: skip

structural(
    "eye", "Ones on a diagonal.", params=("n", "m", "k", "dtype"),
    aval=lambda shapes, n, m, k, dtype: Aval((n, m), np.dtype(dtype)),
    numpy=lambda s: _spell_eye(s), notation=lambda s: _identity(s),
)  # fmt: skip


def _identity(s: Any) -> maths.Math:
    if s.indices is None and s["n"] == s["m"] and not s["k"]:
        return maths.Sign("I")  # of a square with its own diagonal alone
    row, column = map(s.counts, s.needs_indices())
    shifted = maths.plus(row, maths.number(s["k"])) if s["k"] else row
    return maths.indicator(maths.equals(shifted, column))


def _spell_eye(s: Any) -> str:
    more = "" if s["n"] == s["m"] else f", {s.size(s['m'])}"
    more += f", k={s['k']}" if s["k"] else ""
    more += "" if s["dtype"] == "float64" else f", dtype={s.dtype(s['dtype'])}"
    return f"{s.np}.eye({s.size(s['n'])}{more})"


@accept(np.eye)
def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    n = size_of(N)
    return op.eye(n=n, m=n if M is None else size_of(M), k=k, dtype=_name_of(dtype))


@accept(np.identity)
def identity(n: Any, dtype: Any = None) -> Any:
    return eye(n, dtype=dtype)


structural(
    "arange", "0, 1, 2 ... up to a size.", params=("start", "stop", "dtype"),
    aval=lambda shapes, start, stop, dtype: Aval((stop - start,), np.dtype(dtype)),
    numpy=lambda s: (
        f"{s.np}.arange({'' if s['start'] == 0 else s.size(s['start']) + ', '}"
        f"{s.size(s['stop'])}"
        f"{'' if s['dtype'] == 'int64' else ', dtype=' + s.dtype(s['dtype'])})"
    ),
    notation=lambda s: s.shifted(s.counts(s.needs_indices()[0]), s["start"]), role="rows",
)  # fmt: skip


@accept(np.arange)
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    if stop is None:
        start, stop = 0, start
    if any(isinstance(x, float) for x in (start, stop, step)):
        return array(np.arange(start, stop, step, dtype))  # type: ignore[call-overload]
    if not isinstance(step, int) or step != 1:
        return array(np.arange(*map(int, (start, stop, step)), dtype=dtype))
    return op.arange(start=size_of(start), stop=size_of(stop), dtype=_name_of(dtype, np.int64))


def spell_constant(s: Any) -> str:
    dtype = np.dtype(s["dtype"])
    if 0 in s["shape"]:
        kind = "" if dtype == np.float64 else f", dtype={s.dtype(s['dtype'])}"
        return f"{s.np}.zeros({s['shape']}{kind})"
    plain = np.array(s["value"]).dtype == dtype and s["value"] != ()
    kind = "" if plain else f", dtype={s.dtype(s['dtype'])}"
    return f"{s.np}.array({_list_text(s, s['value'])}{kind})"


MOST_SHOWN = 12  # elements of a constant


def _listed(value: Any) -> maths.Math:
    if not isinstance(value, tuple):
        return maths.number(value)
    items = [_listed(v) for v in value[:MOST_SHOWN]]
    items += [maths.Sign("…")] if len(value) > MOST_SHOWN else []
    return maths.Fenced(maths.Listed(tuple(items)), "[", "]")


def _list_text(s: Any, value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_list_text(s, v) for v in value)}]"
    return str(s.literal(value))


structural(
    "constant", "A small array written out.", params=("value", "shape", "dtype"),
    aval=lambda shapes, value, shape, dtype: Aval(shape, np.dtype(dtype)),
    numpy=spell_constant, notation=lambda s: s.of_whole(_listed(s["value"])),
)  # fmt: skip


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def array(value: np.ndarray[Any, Any]) -> Any:
    """Return a known array as a constant of the graph."""
    return op.constant(value=_tuples(value.tolist()), shape=value.shape, dtype=value.dtype.name)


@accept(np.array, np.asarray, np.ascontiguousarray, np.asanyarray)
def array_of(a: Any, dtype: Any = None) -> Any:
    """Return nested lists of traced and plain numbers as one array."""
    built = a if hasattr(a, "aval") else _joined(a)
    if dtype is None or (built.dtype == np.dtype(dtype) and built.aval.kind != "python"):
        return built
    return op.astype(built, dtype=np.dtype(dtype).name)


def _joined(a: Any) -> Any:
    if not _holds_traced(a):
        return array(np.asarray(a))
    return np.stack([_joined(item) if isinstance(item, (list, tuple)) else item for item in a])


def _holds_traced(a: Any) -> bool:
    return any(map(_holds_traced, a)) if isinstance(a, (list, tuple)) else hasattr(a, "aval")
