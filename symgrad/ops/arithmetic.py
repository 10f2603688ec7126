"""Arithmetic, comparison, logic, rounding and choice: the elementwise ops with operators."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import sympy as sp

from symgrad import notation as maths
from symgrad.dims import product
from symgrad.errors import ShapeError
from symgrad.graph import FLOAT64, Aval, Static, Value
from symgrad.ops.table import (
    AND,
    COMPARE,
    FLAT,
    FRONT,
    OR,
    POWER,
    PRODUCT,
    SUM,
    UNARY,
    XOR,
    ZERO,
    accept,
    always,
    elementwise,
    op,
    promoted,
    structural,
    ufunc_dtype,
    zero,
)

one = lambda *_: 1  # noqa: E731  the local derivative of a sum


def _product(s: Any) -> maths.Math:
    """Write a product: numbers in front, a sign only between arrays that meet by elements."""
    a, b = s[0], s[1]
    if a == b:
        return maths.power(a, maths.Number(2))
    if s.literal(1) is not None and s.literal(0) is None:
        a, b = b, a
    is_of_arrays = s.indices is None and s.aval(0).shape and s.aval(1).shape
    return maths.times(a, b, "⊙" if is_of_arrays else "")


def _raised(s: Any) -> maths.Math:
    """Write a power; a negative one of an array as a fraction, for A^-1 is an inverse."""
    exponent = s.literal(1)
    if s.indices is None and s.aval(0).shape and exponent is not None and exponent < 0:
        below = s[0] if exponent == -1 else maths.power(s[0], maths.number(-exponent))
        return maths.Fraction(maths.Number(1), below)
    return maths.power(s[0], s[1])


def _quotient(s: Any) -> maths.Math:
    is_of_arrays = s.indices is None and s.aval(1).shape
    return maths.Fraction(s[0], s[1]) if is_of_arrays else maths.over(s[0], s[1])


elementwise(
    "add", "Sum of two values.", accepts=(np.add, operator.add), arity=2,
    rule="sum rule",
    math=lambda a, b: a + b, partials=(one, one),
    numpy="{0:6} + {1:6.5}", precedence=SUM, notation=lambda s: maths.plus(s[0], s[1]),
)  # fmt: skip
elementwise(
    "subtract", "Difference of two values.", accepts=(np.subtract, operator.sub), arity=2,
    rule="sum rule",
    math=lambda a, b: a - b, partials=(one, lambda *_: -1),
    numpy="{0:6} - {1:6.5}", precedence=SUM, notation=lambda s: maths.less(s[0], s[1]),
)  # fmt: skip
elementwise(
    "multiply", "Product of two values.", accepts=(np.multiply, operator.mul), arity=2,
    rule="product rule",
    math=lambda a, b: a * b, partials=(lambda y, a, b: b, lambda y, a, b: a),
    numpy="{0:7} * {1:8}", precedence=PRODUCT, notation=lambda s: _product(s),
)  # fmt: skip
elementwise(
    "divide", "Quotient of two values.", accepts=(np.divide, operator.truediv), arity=2,
    rule=("quotient rule: what is divided", "quotient rule: what divides"),
    math=lambda a, b: a / b,
    vjp=(lambda ct, y, a, b: ct / b, lambda ct, y, a, b: -(ct / b) * y),
    numpy="{0:6.5} / {1:8}", precedence=PRODUCT, domain=(0.5, 2.0),
    notation=lambda s: _quotient(s),
)  # fmt: skip
elementwise(
    "negative", "Value with its sign changed.", accepts=(np.negative, operator.neg),
    rule="constant factor rule",
    math=lambda x: -x, partials=(lambda *_: -1,),
    numpy="-{0:10}",  # Python reads -x**2 as -(x**2), and people do not
    precedence=UNARY, notation=lambda s: maths.minus(s[0]),
)  # fmt: skip
elementwise(
    "square", "Second power.", accepts=(np.square,),
    rule="power rule",
    math=lambda x: x**2, partials=(lambda y, x: 2 * x,),
    numpy="{0:10}**2", precedence=POWER, notation=lambda s: maths.power(s[0], maths.Number(2)),
)  # fmt: skip


def _power_base(y: Value, a: Value, b: Value) -> Any:
    if b.literal is None:
        # 0**0 is constant in a, and 0**(0 - 1) is not finite.
        both = op.logical_and(op.equal(a, 0), op.equal(b, 0))
        return b * a ** op.where(both, 1, b - 1)
    if b.literal == 0:
        return ZERO
    return b.literal * op.power(a, b.literal - 1) if b.literal != 2 else 2 * a


def _power_exponent(y: Value, a: Value, b: Value) -> Any:
    # 0**b is 0 for every b > 0, so its derivative is 0 where log(0) is not finite.
    if a.literal is not None and a.literal > 0:
        return y * math.log(a.literal)
    return y * op.log(op.where(op.equal(a, 0), 1, a))


elementwise(
    "power", "First value to the power of the second.", accepts=(), arity=2,
    rule=("power rule", "derivative of an exponential"),
    dtype=ufunc_dtype(np.power),
    math=lambda a, b: a**b, partials=(_power_base, _power_exponent),
    numpy="{0:10}**{1:8}", precedence=POWER,
    notation=lambda s: _raised(s),
    domain=(0.5, 2.0),
    kinks="0 in b at 0**b", cost="slow",
    kinked=lambda rhs, operands: type(rhs.operands[1]) is not Static,
)  # fmt: skip


@accept(np.power, operator.pow, pow)
def power(a: Any, b: Any) -> Any:
    if type(b) in (int, float) and b == 2:
        return op.square(a)
    return op.power(a, b)


@accept(np.float_power)
def float_power(a: Any, b: Any) -> Any:
    return power(_double(a), _double(b))


def _double(x: Any) -> Any:
    return op.astype(x, dtype="float64") if hasattr(x, "aval") and x.dtype != np.float64 else x


structural(
    "as_float", "A number as Python's float, which takes the precision of what it meets.",
    rule="a conversion passes everything",
    aval=lambda shapes, x: Aval((), FLOAT64, "python"), vjp=lambda ct, y, x: ct,
    numpy="float({0})", notation=maths.same,
)  # fmt: skip


def accept_math(name: str, *functions: Any) -> None:
    """Register an elementwise op as what functions of Python's numbers do.

    They return a float, where NumPy's return np.float64, which would make float32 wider.
    """

    def front(*xs: Any) -> Any:
        found = getattr(op, name)(*xs)
        weak = all(not hasattr(x, "aval") or x.aval.kind == "python" for x in xs)
        return op.as_float(found) if weak and found.aval.kind != "python" else found

    for function in functions:
        FRONT[function] = front


accept_math("power", math.pow)


# --- choice -----------------------------------------------------------------------------------


def _picked(y: Value, mine: Value, other: Value, above: str) -> Any:
    # Against a constant the kink belongs to the constant; two variables share a tie.
    if other.literal is not None:
        return getattr(op, above)(y, other)
    return getattr(op, above)(mine, other) + 0.5 * op.equal(mine, other)


def _picked_number(y: Value, mine: Value, other: Value, above: str) -> Any:
    # fmax passes over NaN, so what is above NaN is not found by comparing with it.
    if other.literal is not None:
        return getattr(op, above)(y, other)
    return op.equal(mine, y) * op.where(op.equal(mine, other), 0.5, 1)


def _choice(name: str, ufunc: Any, above: str, head: Any, doc: str, picked: Any = _picked) -> None:
    word = {"greater": "max", "less": "min"}[above]
    elementwise(
        name, doc, accepts=(ufunc,), arity=2, math=head,
        partials=(
            lambda y, a, b: picked(y, a, b, above),
            lambda y, a, b: picked(y, b, a, above),
        ),
        numpy=f"np.{name}({{0}}, {{1}})", notation=maths.function(word),
        rule=f"{word} routes",
        kinks="0 where a variable ties with a constant; two variables share a tie equally",
    )  # fmt: skip


_choice("maximum", np.maximum, "greater", sp.Max, "The larger of two values.")
_choice("minimum", np.minimum, "less", sp.Min, "The smaller of two values.")
_choice(
    "fmax", np.fmax, "greater", sp.Max, "The larger of two values, NaN passed over.", _picked_number
)
_choice(
    "fmin", np.fmin, "less", sp.Min, "The smaller of two values, NaN passed over.", _picked_number
)
accept_math("maximum", max)
accept_math("minimum", min)

elementwise(
    "where", "The second value where the first is true, else the third.", arity=3,
    rule="the branch that is taken passes everything",
    dtype=lambda m, a, b: promoted(a, b),
    vjp=(
        zero,
        lambda ct, y, m, a, b: op.where(m, ct, 0),
        lambda ct, y, m, a, b: op.where(m, 0, ct),
    ),
    numpy="np.where({0}, {1}, {2})", notation=lambda s: _cases(s),
)  # fmt: skip


@accept(np.where)
def where(condition: Any, x: Any, y: Any) -> Any:
    return op.where(condition, x, y)


@accept(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist) or not condlist:
        raise ShapeError(f"select: {len(condlist)} conditions for {len(choicelist)} choices")
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        default = op.where(condition, choice, default)
    return default


def _inside_limits(y: Value, x: Value, low: Value, high: Value) -> Any:
    if low.literal is not None and high.literal is not None:
        return op.logical_and(op.greater(x, low), op.less(x, high))
    raised = op.maximum(x, low)
    return _picked(raised, x, low, "greater") * _picked(y, raised, high, "less")


def _at_lower_limit(y: Value, x: Value, low: Value, high: Value) -> Any:
    raised = op.maximum(x, low)  # where the limits cross, NumPy gives the upper one
    return _picked(raised, low, x, "greater") * _picked(y, raised, high, "less")


def _at_upper_limit(y: Value, x: Value, low: Value, high: Value) -> Any:
    return _picked(y, high, op.maximum(x, low), "less")


elementwise(
    "clip", "Value limited to an interval.", arity=3,
    rule="max and min route",
    dtype=promoted,
    math=lambda x, low, high: sp.Min(sp.Max(x, low), high),
    partials=(_inside_limits, _at_lower_limit, _at_upper_limit),
    numpy="np.clip({0}, {1}, {2})", notation=maths.function("clip"), flops=2,
    kinks="0 at constant limits; a variable limit shares a tie with the value",
)  # fmt: skip


@accept(np.clip, method="clip")
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low = a_min if a_min is not None else min
    high = a_max if a_max is not None else max
    if low is None or high is None:
        kept = a.detached() if low is None else op.maximum(a, low)
        return kept if high is None else op.minimum(kept, high)
    return op.clip(a, low, high)


def _cases(s: Any) -> maths.Math:
    condition = s.condition(0)
    if isinstance(condition, maths.Relation) and s.literal(2) == 0:
        sign = "⊙" if s.indices is None and s.aval(1).shape else ""
        return maths.times(s[1], maths.indicator(condition), sign)
    return maths.Cases(((s[1], condition), (s[2], None)))


# --- comparison and logic ---------------------------------------------------------------------


_SIGNS = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥"}


def _compare(name: str, ufunc: Any, sign: str, operation: Any, head: Any) -> None:
    elementwise(
        name, f"Whether `a {sign} b`.", accepts=(ufunc, operation), arity=2, math=head,
        numpy=f"{{0:2}} {sign} {{1:2}}", precedence=COMPARE,
        notation=maths.relation(_SIGNS.get(sign, sign)),
        dtype=always(np.bool_), differentiable=False, kinks=FLAT,
    )  # fmt: skip


_compare("equal", np.equal, "==", operator.eq, sp.Eq)
_compare("not_equal", np.not_equal, "!=", operator.ne, sp.Ne)
_compare("less", np.less, "<", operator.lt, sp.Lt)
_compare("less_equal", np.less_equal, "<=", operator.le, sp.Le)
_compare("greater", np.greater, ">", operator.gt, sp.Gt)
_compare("greater_equal", np.greater_equal, ">=", operator.ge, sp.Ge)


def _negation(s: Any) -> maths.Math:
    if s.result.dtype != bool:
        return maths.apply("bitnot", s[0])
    return maths.Apply(maths.Sign("¬"), (s[0],))


def _logic(
    name: str,
    ufuncs: tuple[Any, ...],
    numpy: str,
    precedence: int,
    arity: int = 2,
    notation: maths.Notation | None = None,
) -> None:
    jumps = name.startswith("logical") or name == "signbit"
    elementwise(
        name, f"NumPy's {name}.", accepts=ufuncs, arity=arity, numpy=numpy, precedence=precedence,
        differentiable=False, kinks=FLAT if jumps else "",
        notation=notation or maths.function(name),
    )  # fmt: skip


def _bits(sign: str, word: str) -> maths.Notation:
    """Return the notation of an op on truth values, and of its like on the bits of integers."""

    def write(s: Any) -> maths.Math:
        if s.result.dtype == bool:
            return maths.Relation((s[0], s[1]), sign)
        return maths.apply(word, s[0], s[1])

    return write


_logic("bitwise_and", (np.bitwise_and, operator.and_), "{0:4} & {1:5}", AND,
       notation=_bits("∧", "bitand"))  # fmt: skip
_logic("bitwise_or", (np.bitwise_or, operator.or_), "{0:2} | {1:3}", OR,
       notation=_bits("∨", "bitor"))  # fmt: skip
_logic("bitwise_xor", (np.bitwise_xor, operator.xor), "{0:3} ^ {1:4}", XOR,
       notation=_bits("⊕", "bitxor"))  # fmt: skip
_logic("invert", (np.invert, operator.invert), "~{0:8}", UNARY, 1, _negation)
_logic("logical_and", (np.logical_and,), "np.logical_and({0}, {1})", 10,
       notation=maths.relation("∧"))  # fmt: skip
_logic("logical_or", (np.logical_or,), "np.logical_or({0}, {1})", 10,
       notation=maths.relation("∨"))  # fmt: skip
_logic("logical_xor", (np.logical_xor,), "np.logical_xor({0}, {1})", 10,
       notation=maths.relation("⊕"))  # fmt: skip
_logic("logical_not", (np.logical_not,), "np.logical_not({0})", 10, 1, _negation)
_logic("isnan", (np.isnan,), "np.isnan({0})", 10, 1)
_logic("isinf", (np.isinf,), "np.isinf({0})", 10, 1)
_logic("isfinite", (np.isfinite,), "np.isfinite({0})", 10, 1)
_logic("signbit", (np.signbit,), "np.signbit({0})", 10, 1)

# --- size, sign and rounding ------------------------------------------------------------------

elementwise(
    "absolute", "Distance from zero.", accepts=(np.absolute, np.fabs),
    rule="derivative of |x| is its sign",
    math=sp.Abs, partials=(lambda y, x: op.sign(x),),
    numpy="np.abs({0})", notation=maths.bracketed("|", "|"), kinks="0 at 0",
)  # fmt: skip
accept_math("absolute", abs, math.fabs)
elementwise(
    "sign", "-1, 0 or 1 by the sign of the value.", accepts=(np.sign,),
    math=sp.sign, partials=(zero,), numpy="np.sign({0})", notation=maths.function("sign"),
    kinks=FLAT,
)  # fmt: skip


elementwise(
    "copysign", "The first value with the sign of the second.",
    rule="derivative of |x| is its sign",
    accepts=(np.copysign,), arity=2,
    partials=(lambda y, a, b: op.sign(a) * op.copysign(1.0, b), zero),
    numpy="np.copysign({0}, {1})", notation=maths.function("copysign"), kinks="0 at 0",
)  # fmt: skip
accept_math("copysign", math.copysign)
elementwise(
    "heaviside", "0 below zero, 1 above, the second value at zero.", accepts=(np.heaviside,),
    arity=2, partials=(zero, lambda y, x, h: op.equal(x, 0)),
    numpy="np.heaviside({0}, {1})", notation=maths.function("H"),
    kinks="0 everywhere in the first value, also at 0",
)  # fmt: skip


def _rounding(
    name: str, accepts: tuple[Any, ...], head: Any, notation: maths.Notation | None = None
) -> None:
    elementwise(
        name, f"NumPy's {name}: constant between its steps.", accepts=accepts, math=head,
        partials=(zero,), rule="constant between its steps",
        numpy=f"np.{name}({{0}})", notation=notation or maths.function(name),
        kinks=FLAT,
    )  # fmt: skip


_rounding("floor", (np.floor, math.floor), sp.floor, maths.bracketed("⌊", "⌋"))
_rounding("ceil", (np.ceil, math.ceil), sp.ceiling, maths.bracketed("⌈", "⌉"))
_rounding("trunc", (np.trunc, np.fix, math.trunc), None)
_rounding("rint", (np.rint,), None)

structural(
    "round", "Value rounded to a number of decimals.", params=("decimals",),
    aval=lambda shapes, x, decimals: x, vjp=zero,
    numpy=lambda s: (
        f"{'' if s.aval(0).kind == 'python' else s.np + '.'}round({s[0]}, {s['decimals']})"
    ),
    notation=lambda s: _rounded(s), kinks=FLAT,
    # Times a power of ten, rounded, divided.
    flops=lambda shapes, xs, y, decimals: 3 * product(y.shape),
)  # fmt: skip


def _rounded(s: Any) -> maths.Math:
    function = maths.Script(maths.Word("round"), maths.number(s["decimals"]))
    return maths.Apply(function, (s.alike(0),))


@accept(np.round, np.around, method="round")
def round_(a: Any, decimals: int = 0) -> Any:
    if not decimals:
        return op.rint(a)
    if a.aval.kind == "python":
        a = op.astype(a, dtype=a.dtype.name)
    return op.round(a, decimals=operator.index(decimals))


@accept(round)
def python_round(number: Any, ndigits: int = 0) -> Any:
    # Python rounds the decimal number that it prints, NumPy the product with a power of ten.
    if number.aval.kind != "python":
        return round_(number, ndigits)
    return op.round(number, decimals=operator.index(ndigits))


elementwise(
    "remainder", "What is left after floor division.",
    accepts=(np.remainder, np.mod, operator.mod), arity=2,
    math=sp.Mod, partials=(one, lambda y, a, b: -op.floor_divide(a, b)),
    numpy="{0:7} % {1:8}", precedence=PRODUCT, notation=maths.between("mod"), domain=(0.5, 2.0),
    kinks="the one-sided value at the jumps",
)  # fmt: skip
elementwise(
    "fmod", "What is left after division rounded towards zero.",
    accepts=(np.fmod,), arity=2,
    partials=(one, lambda y, a, b: -op.trunc(a / b)),
    numpy="np.fmod({0}, {1})", notation=maths.function("fmod"), domain=(0.5, 2.0),
    kinks="the one-sided value at the jumps",
)  # fmt: skip
accept_math("fmod", math.fmod)
elementwise(
    "floor_divide", "Quotient rounded down.",
    accepts=(np.floor_divide, operator.floordiv), arity=2,
    math=lambda a, b: sp.floor(a / b), partials=(zero, zero),
    numpy="{0:7} // {1:8}", precedence=PRODUCT, domain=(0.5, 2.0),
    notation=lambda s: maths.Fenced(maths.over(s[0], s[1]), "⌊", "⌋"), kinks=FLAT,
)  # fmt: skip

structural(
    "astype", "Value converted to another dtype.", params=("dtype",),
    rule="a conversion passes everything",
    aval=lambda shapes, x, dtype: x._replace(
        dtype=np.dtype(dtype), kind="array" if x.shape else "numpy"
    ),
    vjp=lambda ct, y, x, dtype: ct,  # `differentiate` gives a cotangent its primal's dtype
    kinks="0 to whole numbers and booleans",
    kinked=lambda rhs, operands: np.dtype(rhs.setting("dtype")).kind not in "fc",
    numpy=lambda s: spell_astype(s), notation=lambda s: _converted(s),
)  # fmt: skip


def _converted(s: Any) -> maths.Math:
    """Write nothing for a conversion, unless it rounds."""
    have, want = s.aval(0).dtype.kind, s.result.dtype.kind
    if want == "b" and have != "b":
        return maths.Relation((s.alike(0), maths.Number(0)), "≠")
    if have == "f" and want in "iu":
        return maths.apply("trunc", s.alike(0))
    return s.alike(0)  # type: ignore[no-any-return]


def spell_astype(s: Any) -> str:
    if s.aval(0).shape:
        return f"{s[0]:10}.astype({s.dtype(s['dtype'])})"
    return f"{s.dtype(s['dtype'])}({s[0]})"


@accept(method="astype")
def astype(a: Any, dtype: Any, *, copy: bool = True) -> Any:
    if not copy and a.dtype == dtype:
        return a
    return op.astype(a, dtype=np.dtype(dtype).name)


@accept(np.positive, operator.pos)
def positive(x: Any) -> Any:
    return x.detached() if isinstance(x, Value) else x


@accept(np.real, method="conj")
def real(val: Any) -> Any:
    return val


@accept(np.conjugate, method="conjugate")
def conjugate(x: Any) -> Any:
    return x.detached() if isinstance(x, Value) else x


structural(
    "alias", "The same value under a symbol of its own, to differentiate by.", params=("number",),
    rule="a name passes everything",
    aval=lambda shapes, x, number: x, vjp=lambda ct, y, x, number: ct, numpy="{0}",
    notation=maths.same,
)  # fmt: skip
