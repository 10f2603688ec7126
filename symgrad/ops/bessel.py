"""Bessel functions of SciPy and `numpy.i0`: derivatives by the recurrences in their order.

The rules are those without a division, so that nothing breaks at 0.  A derivative by the order is
no function that SciPy has, and is refused.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from symgrad import notation as maths
from symgrad.errors import MissingRuleError
from symgrad.graph import Value
from symgrad.ops.special import known, literal_plus, no_rule, special
from symgrad.ops.table import FRONT, elementwise, op, ufunc_dtype

SOURCE = "DLMF 10.6.1 and 10.29.1"


def _of_order(letter: str) -> maths.Notation:
    return lambda s: maths.Apply(maths.Script(maths.Word(letter), s[0]), (s[1],))


def _with_order(letter: str, order: int) -> maths.Notation:
    head = maths.Script(maths.Word(letter), maths.Number(order))
    return lambda s: maths.Apply(head, (s[0],))


def _scaled(letter: str, order: int, sign: int) -> maths.Notation:
    """Write an exponentially scaled function."""

    def write(s: Any) -> maths.Math:
        size = maths.Fenced(s[0], "|", "|") if sign < 0 else s[0]
        scale = s.exp(maths.minus(size) if sign < 0 else size)
        return maths.times(scale, _with_order(letter, order)(s))

    return write


def _of_any_order(
    name: str, doc: str, math: Any, letter: str, slope: Callable[..., Any], kinks: str = ""
) -> None:
    domain = (1.0, 3.0)  # whole numbers are among the orders that tests draw
    special(name, doc, math, no_rule(name, "order"), slope, domain=domain,
            notation=_of_order(letter), source=SOURCE, kinks=kinks)  # fmt: skip


def _sum_of(name: str, sign: int) -> Callable[..., Any]:
    def slope(y: Value, v: Value, x: Value) -> Any:
        function = getattr(op, name)
        return sign * 0.5 * (function(literal_plus(v, -1), x) + function(literal_plus(v, 1), x))

    return slope


def _difference_of(name: str) -> Callable[..., Any]:
    def slope(y: Value, v: Value, x: Value) -> Any:
        function = getattr(op, name)
        return 0.5 * (function(literal_plus(v, -1), x) - function(literal_plus(v, 1), x))

    return slope


_FIRST, _SECOND = "Bessel function of the first kind", "Bessel function of the second kind"
_I, _K = "Modified Bessel function of the first kind", "Modified Bessel function of the second kind"

_of_any_order("jv", f"{_FIRST}.", sp.besselj, "J", _difference_of("jv"))
_of_any_order("yv", f"{_SECOND}.", sp.bessely, "Y", _difference_of("yv"))
_of_any_order("yn", f"{_SECOND}, of a whole order.", sp.bessely, "Y", _difference_of("yn"))
_of_any_order("iv", f"{_I}.", sp.besseli, "I", _sum_of("iv", 1))
_of_any_order("kv", f"{_K}.", sp.besselk, "K", _sum_of("kv", -1))
_of_any_order("kn", f"{_K}, of a whole order.", sp.besselk, "K", _sum_of("kn", -1))
_of_any_order(
    "ive", f"{_I}, scaled by exp(-|x|).", lambda v, x: sp.exp(-sp.Abs(x)) * sp.besseli(v, x), "ive",
    lambda y, v, x: _sum_of("ive", 1)(y, v, x) - op.sign(x) * y, kinks="the mean slope at 0",
)  # fmt: skip
_of_any_order(
    "kve", f"{_K}, scaled by exp(x).", lambda v, x: sp.exp(x) * sp.besselk(v, x), "kve",
    lambda y, v, x: y + _sum_of("kve", -1)(y, v, x),
)  # fmt: skip
known("jn", FRONT.later["scipy.special"]["jv"])

special("j0", f"{_FIRST}, order 0.", lambda x: sp.besselj(0, x), lambda y, x: -op.j1(x),
        notation=_with_order("J", 0), source=SOURCE)  # fmt: skip
special("j1", f"{_FIRST}, order 1.", lambda x: sp.besselj(1, x),
        lambda y, x: 0.5 * (op.j0(x) - op.jv(2, x)),
        notation=_with_order("J", 1), source=SOURCE)  # fmt: skip
special("y0", f"{_SECOND}, order 0.", lambda x: sp.bessely(0, x), lambda y, x: -op.y1(x),
        notation=_with_order("Y", 0), source=SOURCE, domain=(0.5, 4.0))  # fmt: skip
special("y1", f"{_SECOND}, order 1.", lambda x: sp.bessely(1, x),
        lambda y, x: 0.5 * (op.y0(x) - op.yn(2, x)),
        notation=_with_order("Y", 1), source=SOURCE, domain=(0.5, 4.0))  # fmt: skip
special("i0", f"{_I}, order 0.", lambda x: sp.besseli(0, x), lambda y, x: op.i1(x),
        notation=_with_order("I", 0), source=SOURCE)  # fmt: skip
special("i1", f"{_I}, order 1.", lambda x: sp.besseli(1, x),
        lambda y, x: 0.5 * (op.i0(x) + op.iv(2, x)),
        notation=_with_order("I", 1), source=SOURCE)  # fmt: skip
special("i0e", f"{_I}, order 0, scaled by exp(-|x|).",
        lambda x: sp.exp(-sp.Abs(x)) * sp.besseli(0, x),
        lambda y, x: op.i1e(x) - op.sign(x) * y, kinks="0 at 0",
        notation=_scaled("I", 0, -1), source=SOURCE)  # fmt: skip
special("i1e", f"{_I}, order 1, scaled by exp(-|x|).",
        lambda x: sp.exp(-sp.Abs(x)) * sp.besseli(1, x),
        lambda y, x: 0.5 * (op.i0e(x) + op.ive(2, x)) - op.sign(x) * y,
        notation=_scaled("I", 1, -1), source=SOURCE)  # fmt: skip
special("k0", f"{_K}, order 0.", lambda x: sp.besselk(0, x), lambda y, x: -op.k1(x),
        notation=_with_order("K", 0), source=SOURCE, domain=(0.5, 4.0))  # fmt: skip
special("k1", f"{_K}, order 1.", lambda x: sp.besselk(1, x),
        lambda y, x: -0.5 * (op.k0(x) + op.kn(2, x)),
        notation=_with_order("K", 1), source=SOURCE, domain=(0.5, 4.0))  # fmt: skip
special("k0e", f"{_K}, order 0, scaled by exp(x).", lambda x: sp.exp(x) * sp.besselk(0, x),
        lambda y, x: y - op.k1e(x),
        notation=_scaled("K", 0, 1), source=SOURCE, domain=(0.5, 4.0))  # fmt: skip
special("k1e", f"{_K}, order 1, scaled by exp(x).", lambda x: sp.exp(x) * sp.besselk(1, x),
        lambda y, x: y - 0.5 * (op.k0e(x) + op.kve(2, x)),
        notation=_scaled("K", 1, 1), source=SOURCE, domain=(0.5, 4.0))  # fmt: skip


def _slope_of_i0(y: Value, x: Value) -> Any:
    if importlib.util.find_spec("scipy") is None:
        raise MissingRuleError(
            "the derivative of np.i0 is the Bessel function I1, which NumPy does not have: "
            "install SciPy"
        )
    return op.i1(x)


elementwise(
    "numpy_i0", f"{_I}, order 0, by NumPy.", accepts=(np.i0,), dtype=ufunc_dtype(np.exp),
    math=lambda x: sp.besseli(0, x), partials=(_slope_of_i0,), numpy="np.i0({0})",
    notation=_with_order("I", 0), cost="slow", role="i0", rule="derivative of i0", source=SOURCE,
)  # fmt: skip
