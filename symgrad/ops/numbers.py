"""Parts of numbers, what is done to whole numbers, tests of numbers, and choices among arrays."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad import notation as maths
from symgrad.dims import Shapes, Size, product
from symgrad.errors import ShapeError, TraceError
from symgrad.graph import BOOL, Aval, Value
from symgrad.ops.arithmetic import accept_math, one
from symgrad.ops.table import (
    FLAT,
    FRONT,
    SHIFT,
    accept,
    always,
    apply_outer,
    array_aval,
    broadcast,
    elementwise,
    indexed,
    keyword_text,
    normal_axis,
    op,
    promoted,
    structural,
    ufunc_dtype,
    zero,
)

# --- whole numbers ----------------------------------------------------------------------------


def _whole(name: str, ufunc: Any, doc: str, *also: Any, numpy: str = "", arity: int = 2) -> None:
    operands = ", ".join(f"{{{k}}}" for k in range(arity))
    elementwise(
        name, doc, accepts=(ufunc, *also), arity=arity,
        numpy=numpy or f"np.{name}({operands})", precedence=SHIFT if numpy else 10,
        differentiable=False, notation=maths.function(name.replace("_", "")),
    )  # fmt: skip


_whole("left_shift", np.left_shift, "Bits moved up.", operator.lshift, numpy="{0:5} << {1:6}")
_whole("right_shift", np.right_shift, "Bits moved down.", operator.rshift, numpy="{0:5} >> {1:6}")
_whole("gcd", np.gcd, "Greatest common divisor.")
_whole("lcm", np.lcm, "Least common multiple.")
_whole("bitwise_count", np.bitwise_count, "How many bits are set.", arity=1)
accept_math("gcd", math.gcd)
accept_math("lcm", math.lcm)

# --- parts of numbers -------------------------------------------------------------------------

elementwise(
    "ldexp", "x times 2 to the power of a whole number.", accepts=(np.ldexp,), arity=2,
    vjp=(lambda ct, y, x, k: op.ldexp(ct, k), zero), numpy="np.ldexp({0}, {1})",
    notation=lambda s: maths.times(s[0], maths.power(maths.Number(2), s[1])),
    rule="constant factor rule",
)  # fmt: skip
accept_math("ldexp", math.ldexp)
elementwise(
    "nextafter", "The next number that can be held, towards another.", accepts=(np.nextafter,),
    arity=2, partials=(one, zero), numpy="np.nextafter({0}, {1})",
    notation=maths.function("nextafter"),
)  # fmt: skip
elementwise(
    "spacing", "Distance to the next number that can be held.", accepts=(np.spacing,),
    partials=(zero,), numpy="np.spacing({0})", notation=maths.function("spacing"), kinks=FLAT,
)  # fmt: skip
elementwise(
    "angle", "Angle of a real number: 0, or pi below 0.", dtype=ufunc_dtype(np.exp),
    partials=(zero,), numpy="np.angle({0})", notation=maths.function("arg"), kinks=FLAT,
)  # fmt: skip


def _floating(x: Aval) -> np.dtype[Any]:
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)


def _halves(shapes: Shapes, x: Aval) -> tuple[Aval, Aval]:
    part = array_aval(x.shape, _floating(x))
    return part, part


def _mantissa_and_exponent(shapes: Shapes, x: Aval) -> tuple[Aval, Aval]:
    return array_aval(x.shape, _floating(x)), array_aval(x.shape, np.dtype(np.int32))


def _one_of(*words: str) -> maths.Notation:
    return lambda s: maths.apply(words[s.number], s[0])


def _each(times: int) -> Callable[..., Size]:
    """Return the flops of what NumPy does in ``times`` steps with each element."""
    return lambda shapes, xs, y, **_: times * product(y.shape)


structural(
    "modf", "Fraction and whole part, both with the sign of the value.", results=2, aval=_halves,
    vjp=lambda cts, ys, x: cts[0], rule="constant between its steps", numpy="np.modf({0})",
    notation=_one_of("frac", "trunc"), role="fraction whole",
    kinks="the one-sided value at whole numbers",
)  # fmt: skip
structural(
    "frexp", "Mantissa and exponent of 2.", results=2, aval=_mantissa_and_exponent,
    vjp=lambda cts, ys, x: op.ldexp(cts[0], -ys[1]), rule="constant factor rule",
    numpy="np.frexp({0})", notation=_one_of("mantissa", "exponent"), role="mantissa exponent",
    kinks="the one-sided value at powers of 2",
)  # fmt: skip


@accept(np.modf)
def modf(x: Any) -> Any:
    return (*op.modf(x),)  # type: ignore[misc]


@accept(np.frexp)
def frexp(x: Any) -> Any:
    return (*op.frexp(x),)  # type: ignore[misc]


@accept(np.divmod, divmod)
def division(x1: Any, x2: Any) -> Any:
    return FRONT[np.floor_divide](x1, x2), FRONT[np.remainder](x1, x2)


@accept(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    return op.rad2deg(op.angle(z)) if deg else op.angle(z)


@accept(np.imag)
def imag(val: Any) -> Any:
    return FRONT[np.zeros_like](val)


@accept(np.real_if_close)
def real_if_close(a: Any, tol: Any = 100) -> Any:
    return a.detached()


FRONT[np.power.outer] = lambda a, b: apply_outer("power", a, b)

# --- tests of numbers -------------------------------------------------------------------------

for _test, _doc in (
    (np.isneginf, "minus infinity"), (np.isposinf, "infinity"),
    (np.isreal, "a real number"), (np.iscomplex, "no real number"),
):  # fmt: skip
    elementwise(
        _test.__name__, f"Whether a value is {_doc}.", accepts=(_test,), dtype=always(np.bool_),
        numpy=f"np.{_test.__name__}({{0}})", differentiable=False,
        notation=maths.function(_test.__name__),
    )  # fmt: skip

structural(
    "isclose", "Whether two values are nearly equal.", params=("rtol", "atol", "equal_nan"),
    aval=lambda shapes, a, b, **_: array_aval(broadcast(shapes, a.shape, b.shape), BOOL),
    numpy=lambda s: (
        f"{s.np}.isclose({s[0]}, {s[1]}"
        + keyword_text(
            rtol=None if s["rtol"] == 1e-5 else s["rtol"],
            atol=None if s["atol"] == 1e-8 else s["atol"],
            equal_nan=s["equal_nan"],
        ) + ")"
    ),
    differentiable=False, kinks=FLAT, notation=maths.relation("≈"), flops=_each(6),
)  # fmt: skip


@accept(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    return op.isclose(a, b, rtol=float(rtol), atol=float(atol), equal_nan=bool(equal_nan))


@accept(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    return FRONT[np.all](isclose(a, b, rtol, atol, equal_nan))


# --- values put right -------------------------------------------------------------------------


def _spell_nan_to_num(s: Any) -> str:
    given = keyword_text(nan=s["nan"] or None, posinf=s["posinf"], neginf=s["neginf"])
    return f"{s.np}.nan_to_num({s[0]}{given})"


structural(
    "nan_to_num", "The value, with a number for NaN and for each infinity.",
    params=("nan", "posinf", "neginf"), aval=lambda shapes, x, **_: x,
    vjp=lambda ct, y, x, **_: ct * op.isfinite(x), numpy=_spell_nan_to_num,
    rule="what is kept passes everything", notation=lambda s: s.alike(0),
    kinks="0 where the value is replaced", flops=_each(6),
)  # fmt: skip


@accept(np.nan_to_num)
def nan_to_num(x: Any, *, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if x.aval.dtype.kind not in "f":
        return x.detached()
    numbers = {"nan": nan, "posinf": posinf, "neginf": neginf}
    for name, number in numbers.items():
        if not isinstance(number, (int, float, type(None))):
            raise TypeError(f"{name} must be a plain number")
    return op.nan_to_num(x, **numbers)


TURN = 2 * math.pi
structural(
    "unwrap", "Angles without their jumps: whole periods are added along an axis.",
    params=("discont", "axis", "period"),
    aval=lambda shapes, x, **_: x._replace(dtype=_floating(x)),
    vjp=lambda ct, y, x, **_: ct, rule="a shift passes everything",
    numpy=lambda s: (
        f"{s.np}.unwrap({s[0]}"
        + keyword_text(
            discont=s["discont"],
            axis=None if s["axis"] == len(s.aval(0).shape) - 1 else s["axis"],
            period=None if s["period"] == TURN else s["period"],
        ) + ")"
    ),
    notation=lambda s: s.of_whole(maths.apply("unwrap", s[0])), role="unwrapped",
    kinks="1 everywhere, also where a period is added", flops=_each(9),
)  # fmt: skip


@accept(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = TURN) -> Any:
    discont = None if discont is None else float(discont)
    return op.unwrap(p, discont=discont, axis=normal_axis(axis, p.ndim), period=float(period))


# --- choices ----------------------------------------------------------------------------------


@accept(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    conditions = list(condlist) if isinstance(condlist, (list, tuple)) else [condlist]
    if len(funclist) == len(conditions) + 1:
        default = FRONT[np.invert](_any_of(conditions))
        conditions.append(default)
    elif len(funclist) != len(conditions):
        count = len(conditions)
        raise ShapeError(
            f"piecewise: {len(funclist)} functions for {count} conditions: {count} or "
            f"{count + 1} are needed"
        )
    if x.dtype.kind != "f":
        raise TraceError(f"np.piecewise gives {x.dtype}, the dtype of x: give it floats")
    call = x.builder.runtime.call  # the functions are the user's, with all that they capture
    y = FRONT[np.zeros_like](x)
    for condition, function in zip(conditions, funclist, strict=True):
        if not x.ndim:
            found = call(function, x, *args, **kw) if callable(function) else function
            y = op.where(condition, found, y)
            continue
        found = call(function, x[condition], *args, **kw) if callable(function) else function
        y[condition] = found
    return y


def _any_of(conditions: list[Any]) -> Any:
    found = conditions[0]
    for condition in conditions[1:]:
        found = FRONT[np.bitwise_or](found, condition)
    return found


def _chosen_aval(shapes: Shapes, number: Aval, *choices: Aval, mode: str) -> Aval:
    shape = broadcast(shapes, number.shape, *[x.shape for x in choices])
    return array_aval(shape, promoted(*choices))


@indexed
def _choose_vjp(i: int, ct: Value, y: Value, number: Value, *choices: Value, mode: str) -> Any:
    last = len(choices) - 1
    if mode == "wrap":
        number = op.remainder(number, last + 1)
    elif mode == "clip":
        number = op.clip(number, 0, last)
    return op.where(op.equal(number, i - 1), ct, 0)


def _spell_choose(s: Any) -> str:
    number, *choices = map(str, s)
    mode = "" if s["mode"] == "raise" else f', mode="{s["mode"]}"'
    return f"{s.np}.choose({number}, [{', '.join(choices)}]{mode})"


structural(
    "choose", "Elements of several arrays, of which a number says which.", params=("mode",),
    aval=_chosen_aval, vjp=_choose_vjp, rule="the branch that is taken passes everything",
    numpy=_spell_choose, role="chosen", notation=lambda s: _numbered_cases(s),
)  # fmt: skip


def _numbered_cases(s: Any) -> maths.Math:
    cases = ((s[k], maths.equals(s[0], maths.Number(k - 1))) for k in range(1, len(s)))
    return maths.Cases(tuple(cases))


@accept(np.choose)
def choose(a: Any, choices: Any, *, mode: str = "raise") -> Any:
    if not isinstance(choices, (list, tuple)):
        choices = list(choices)
    return op.choose(np.asarray(a) if isinstance(a, list) else a, *choices, mode=mode)
