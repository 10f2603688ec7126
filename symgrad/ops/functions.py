"""Functions of one or two numbers; SymPy derives what no row overrides."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy as sp

from symgrad import notation as maths
from symgrad.graph import Value
from symgrad.ops.arithmetic import accept_math
from symgrad.ops.table import FRONT, accept, elementwise, op, ufunc_dtype

LN2, LN10 = math.log(2.0), math.log(10.0)
_LOG2 = maths.Script(maths.Word("log"), maths.Number(2))


def _log_to(base: int) -> maths.Notation:
    return lambda s: maths.Apply(maths.Script(maths.Word("log"), maths.Number(base)), (s[0],))


def _function(
    name: str,
    doc: str,
    math: Any,
    also: tuple[Any, ...] = (),
    partial: Any = None,
    domain: tuple[float, float] = (-2.0, 2.0),
    notation: maths.Notation | None = None,
    kinks: str = "",
    cost: str = "slow",
    rule: str = "",
) -> None:
    of_arrays = [f for f in also if isinstance(f, np.ufunc)]
    elementwise(
        name, doc, accepts=(getattr(np, name), *of_arrays), math=math,
        partials=(partial,) if partial else None, numpy=f"np.{name}({{0}})",
        domain=domain, kinks=kinks, cost=cost, role=name,
        rule=rule or f"derivative of {name}", notation=notation or maths.function(name),
    )  # fmt: skip
    accept_math(name, *(f for f in also if f and not isinstance(f, np.ufunc)))


_function("exp", "Exponential.", sp.exp, (math.exp,), lambda y, x: y,
          notation=lambda s: s.exp(s[0]),
)  # fmt: skip
_function("expm1", "exp(x) - 1, exact near 0.", lambda x: sp.exp(x) - 1, (math.expm1,))
_function(
    "exp2", "2 to the power x.", lambda x: 2**x, (getattr(math, "exp2", None),),
    lambda y, x: LN2 * y, notation=lambda s: maths.power(maths.Number(2), s[0]),
)  # fmt: skip
_function("log", "Natural logarithm.", sp.log, domain=(0.5, 2.0))
_function("log1p", "log(1 + x), exact near 0.", lambda x: sp.log(1 + x), (math.log1p,),
          domain=(-0.5, 2.0),
          notation=lambda s: maths.apply("log", maths.plus(maths.Number(1), s[0])))  # fmt: skip
_function("log2", "Logarithm to base 2.", lambda x: sp.log(x, 2), (math.log2,),
          lambda y, x: 1 / (LN2 * x), domain=(0.5, 2.0), notation=_log_to(2))  # fmt: skip
_function("log10", "Logarithm to base 10.", lambda x: sp.log(x, 10), (math.log10,),
          lambda y, x: 1 / (LN10 * x), domain=(0.5, 2.0), notation=_log_to(10))  # fmt: skip
_function("sqrt", "Square root.", sp.sqrt, (math.sqrt,), lambda y, x: 0.5 / y,
          domain=(0.5, 2.0), rule="power rule",
          notation=lambda s: maths.Root(s[0]), cost="cheap")  # fmt: skip
_function("cbrt", "Cube root.", lambda x: sp.cbrt(x), (getattr(math, "cbrt", None),),
          lambda y, x: 1 / (3 * op.square(y)), domain=(0.5, 2.0),
          rule="power rule", notation=lambda s: maths.Root(s[0], 3))  # fmt: skip
_function("reciprocal", "1 / x.", lambda x: 1 / x, (), lambda y, x: -op.square(y),
          domain=(0.5, 2.0),
          rule="power rule", notation=lambda s: maths.over(maths.Number(1), s[0]),
          cost="cheap")  # fmt: skip
_function("sin", "Sine.", sp.sin, (math.sin,))
_function("cos", "Cosine.", sp.cos, (math.cos,))
_function("tan", "Tangent.", sp.tan, (math.tan,), lambda y, x: 1 + op.square(y), (-1.0, 1.0))
_function("arcsin", "Inverse sine.", sp.asin, (math.asin,), domain=(-0.9, 0.9))
_function("arccos", "Inverse cosine.", sp.acos, (math.acos,), domain=(-0.9, 0.9))
_function("arctan", "Inverse tangent.", sp.atan, (math.atan,))
_function("sinh", "Hyperbolic sine.", sp.sinh, (math.sinh,))
_function("cosh", "Hyperbolic cosine.", sp.cosh, (math.cosh,))
_function("tanh", "Hyperbolic tangent.", sp.tanh, (math.tanh,), lambda y, x: 1 - op.square(y))
_function("arcsinh", "Inverse hyperbolic sine.", sp.asinh, (math.asinh,),
          lambda y, x: 1 / op.hypot(1, x), notation=maths.function("arsinh"))  # fmt: skip
_function("arccosh", "Inverse hyperbolic cosine.", sp.acosh, (math.acosh,), domain=(1.5, 3.0),
          notation=maths.function("arcosh"))  # fmt: skip
_function("arctanh", "Inverse hyperbolic tangent.", sp.atanh, (math.atanh,),
          lambda y, x: 1 / ((1 - x) * (1 + x)), (-0.9, 0.9),
          notation=maths.function("artanh"))  # fmt: skip
_function("deg2rad", "Degrees to radians.", lambda x: x * sp.pi / 180,
          (np.radians, math.radians), lambda y, x: math.pi / 180, cost="cheap",
          notation=lambda s: maths.times(maths.over(maths.Sign("π"), maths.Number(180)), s[0]),
)  # fmt: skip
_function("rad2deg", "Radians to degrees.", lambda x: x * 180 / sp.pi,
          (np.degrees, math.degrees), lambda y, x: 180 / math.pi, cost="cheap",
          notation=lambda s: maths.times(maths.over(maths.Number(180), maths.Sign("π")), s[0]),
)  # fmt: skip


def _sinc_slope(y: Value, x: Value) -> Any:
    # (cos(pi x) - y) / x loses all digits near 0: there the series, exact to the last digit.
    small = op.less(op.absolute(x), 0.1)
    t = op.square(math.pi * x)
    terms = [(-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 8)]
    series: Any = terms.pop()
    while terms:
        series = terms.pop() + t * series
    far = op.where(small, 1, x)
    return op.where(small, math.pi**2 * x * series, (op.cos(math.pi * far) - y) / far)


elementwise(
    "sinc", "sin(pi x) / (pi x).", accepts=(np.sinc,), dtype=ufunc_dtype(np.sin),
    math=lambda x: sp.sin(sp.pi * x) / (sp.pi * x), partials=(_sinc_slope,),
    numpy="np.sinc({0})", notation=maths.function("sinc"), cost="slow",
)  # fmt: skip

elementwise(
    "arctan2", "Angle of the point (b, a).", accepts=(np.arctan2,), arity=2,
    math=sp.atan2,
    numpy="np.arctan2({0}, {1})", notation=maths.function("atan2"), domain=(0.5, 2.0),
    cost="slow",
)  # fmt: skip
elementwise(
    "hypot", "Length of the vector (a, b).", accepts=(np.hypot,), arity=2,
    math=lambda a, b: sp.sqrt(a**2 + b**2),
    partials=(
        lambda y, a, b: a / op.where(op.equal(y, 0), 1, y),
        lambda y, a, b: b / op.where(op.equal(y, 0), 1, y),
    ),
    numpy="np.hypot({0}, {1})", notation=lambda s: maths.Root(
        maths.plus(maths.power(s[0], maths.Number(2)), maths.power(s[1], maths.Number(2)))),
    kinks="0 at (0, 0)", cost="slow",
)  # fmt: skip
elementwise(
    "logaddexp", "log(exp(a) + exp(b)) without overflow.", accepts=(np.logaddexp,), arity=2,
    math=lambda a, b: sp.log(sp.exp(a) + sp.exp(b)),
    partials=(lambda y, a, b: op.exp(a - y), lambda y, a, b: op.exp(b - y)),
    numpy="np.logaddexp({0}, {1})",
    notation=lambda s: maths.apply("log", maths.plus(s.exp(s[0]), s.exp(s[1]))),
    cost="slow",
)  # fmt: skip
elementwise(
    "logaddexp2", "log2(2**a + 2**b) without overflow.", accepts=(np.logaddexp2,), arity=2,
    math=lambda a, b: sp.log(2**a + 2**b, 2),
    partials=(lambda y, a, b: op.exp2(a - y), lambda y, a, b: op.exp2(b - y)),
    numpy="np.logaddexp2({0}, {1})", notation=lambda s: maths.Apply(_LOG2, (
        maths.plus(maths.power(maths.Number(2), s[0]), maths.power(maths.Number(2), s[1])),)),
    cost="slow",
)  # fmt: skip


accept_math("arctan2", math.atan2)
accept_math("hypot", math.hypot)
accept_math("log", math.log)
_natural = FRONT[math.log]


@accept(math.log)
def log_to_base(x: Any, base: Any = None) -> Any:
    return _natural(x) if base is None else _natural(x) / math.log(base)
