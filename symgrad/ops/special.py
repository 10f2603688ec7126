"""The functions of `scipy.special`: probability, logarithms, gamma and what belongs to them.

SciPy is not needed to import this: its functions are known by name until a program that is
traced has loaded them, and the emitted text imports `scipy.special` where it calls them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from symgrad import notation as maths
from symgrad.dims import Shapes
from symgrad.errors import MissingRuleError, TraceError
from symgrad.graph import Aval, Value
from symgrad.ops.functions import LN10
from symgrad.ops.reductions import REDUCE, WHOLE, axis_text, kept, log_of_sum, reduced_shape
from symgrad.ops.table import (
    FLAT,
    FRONT,
    accept_later,
    always,
    apply_elementwise,
    apply_outer,
    array_aval,
    broadcast,
    builder_of,
    elementwise,
    keyword_text,
    normal_axes,
    op,
    promoted,
    structural,
    ufunc_dtype,
    zero,
)

SQRT_2, SQRT_PI, SQRT_2PI = math.sqrt(2), math.sqrt(math.pi), math.sqrt(2 * math.pi)


def dtype_of(name: str) -> Callable[..., np.dtype[Any]]:
    """Return what finds the dtype that SciPy's ufunc gives, loading SciPy at the first use."""

    @functools.cache
    def found() -> Callable[..., np.dtype[Any]]:
        from scipy import special

        return ufunc_dtype(getattr(special, name), f"scipy.special.{name}")

    return lambda *xs: found()(*xs)


def no_rule(function: str, operand: str) -> Callable[..., Any]:
    """Return a local derivative that refuses: no closed form in known functions exists."""

    def refuse(y: Value, *xs: Value) -> Any:
        raise MissingRuleError(
            f"scipy.special.{function} has no rule for the derivative by its {operand}"
            ": only by its other arguments can be differentiated"
        )

    return refuse


def spelled(name: str) -> Callable[[Any], str]:
    return lambda s: f"{s.special}.{name}({', '.join(map(str, s))})"


def special(
    name: str,
    doc: str,
    math: Any,
    *partials: Any,
    domain: tuple[float, float] = (-2.0, 2.0),
    notation: maths.Notation | None = None,
    kinks: str = "",
    source: str = "",
    dtype: Any = None,
    cost: str = "slow",
) -> None:
    """Declare a ufunc of `scipy.special`, with one local derivative an operand."""
    arity = len(partials)
    NAMES.add(name)
    elementwise(
        name, doc, math=math, partials=partials, arity=arity,
        dtype=dtype or dtype_of(name), numpy=spelled(name),
        notation=notation or maths.function(name), domain=domain, kinks=kinks, source=source,
        cost=cost, role=name if arity == 1 else "", rule=f"derivative of {name}",
    )  # fmt: skip
    known(name, functools.partial(apply_elementwise, name, arity))
    if arity == 2:
        known(f"{name}.outer", functools.partial(apply_outer, name))


NAMES: set[str] = set()
"""The ops that are ufuncs of SciPy."""


def known(name: str, front: Callable[..., Any]) -> None:
    """Register what a function of `scipy.special` becomes when it meets a traced value."""
    accept_later("scipy.special", name, front)


def literal_plus(x: Value, number: int) -> Any:
    return x.literal + number if x.literal is not None else x + number


def divisor(of: Value, below: Value) -> Value:
    """Return ``below`` where it divides anything but 0: 0 / 0 is 0, as 0 log(y) is for every y."""
    if of.literal is not None and of.literal != 0:
        return below
    return op.where(op.equal(of, 0), 1, below)


def by_sign(sign: str) -> maths.Notation:
    """Return the notation of a function that a letter stands for: ``Γ(x)``."""
    return lambda s: _of_sign(sign, *s)


def _of_sign(sign: str, *arguments: maths.Math) -> maths.Math:
    inside = maths.joined(arguments)
    return maths.Apply(maths.Sign(sign), (maths.Fenced(inside, "(", ")"),))


# --- probability ------------------------------------------------------------------------------


def _cumulative(x: Any) -> Any:
    return sp.erfc(-x / sp.sqrt(2)) / 2


special("erf", "Error function.", sp.erf, lambda y, x: 2 / SQRT_PI * op.exp(-op.square(x)))
special("erfc", "1 - erf(x), exact for large x.", sp.erfc,
        lambda y, x: -2 / SQRT_PI * op.exp(-op.square(x)))  # fmt: skip
special("erfi", "Imaginary error function -i erf(ix).", sp.erfi,
        lambda y, x: 2 / SQRT_PI * op.exp(op.square(x)))  # fmt: skip
special("erfcx", "exp(x**2) erfc(x).", lambda x: sp.exp(x**2) * sp.erfc(x),
        lambda y, x: 2 * x * y - 2 / SQRT_PI)  # fmt: skip
special("dawsn", "Dawson's integral.",
        lambda x: sp.sqrt(sp.pi) / 2 * sp.exp(-(x**2)) * sp.erfi(x), lambda y, x: 1 - 2 * x * y,
        notation=maths.function("D"))  # fmt: skip
special("erfinv", "Inverse of the error function.", sp.erfinv,
        lambda y, x: SQRT_PI / 2 * op.exp(op.square(y)), domain=(-0.9, 0.9))  # fmt: skip
special("erfcinv", "Inverse of erfc.", lambda x: sp.erfinv(1 - x),
        lambda y, x: -SQRT_PI / 2 * op.exp(op.square(y)), domain=(0.1, 1.9))  # fmt: skip
special("ndtr", "Distribution function of the standard normal.", _cumulative,
        lambda y, x: op.exp(-0.5 * op.square(x)) / SQRT_2PI,
        notation=by_sign("Φ"))  # fmt: skip
special("log_ndtr", "log of the normal distribution function, exact far below 0.",
        lambda x: sp.log(_cumulative(x)),
        # The density over the distribution, both of them scaled: neither vanishes.
        lambda y, x: SQRT_2 / SQRT_PI / op.erfcx(-x / SQRT_2),
        notation=lambda s: maths.apply("log", _of_sign("Φ", s[0])))  # fmt: skip
special("ndtri", "Quantile of the standard normal.",
        lambda p: sp.sqrt(2) * sp.erfinv(2 * p - 1),
        lambda y, p: SQRT_2PI * op.exp(0.5 * op.square(y)), domain=(0.1, 0.9),
        notation=lambda s: maths.Apply(
            maths.power(maths.Sign("Φ"), maths.number(-1)), (s[0],)))  # fmt: skip

# --- logistic ---------------------------------------------------------------------------------

special("logit", "log(p / (1 - p)).", lambda p: sp.log(p / (1 - p)),
        lambda y, p: 1 / (p * (1 - p)), domain=(0.1, 0.9))  # fmt: skip
special("log_expit", "log of the logistic function.", lambda x: -sp.log(1 + sp.exp(-x)),
        lambda y, x: op.expit(-x),
        notation=lambda s: maths.apply("log", _of_sign("σ", s[0])))  # fmt: skip
special("expit", "Logistic function, as SciPy writes it.",
        lambda x: 1 / (1 + sp.exp(-x)), lambda y, x: y * (1 - y),
        notation=by_sign("σ"),
)  # fmt: skip


known("softplus", lambda x: FRONT[np.logaddexp](0, x))

# --- logarithms, entropies, powers ------------------------------------------------------------

special("xlogy", "x log(y), 0 at x = 0.", lambda x, y: x * sp.log(y),
        lambda z, x, y: op.log(y), lambda z, x, y: x / divisor(x, y), domain=(0.5, 2.0),
        notation=lambda s: maths.times(s[0], maths.apply("log", s[1])))  # fmt: skip
special("xlog1py", "x log(1 + y), 0 at x = 0.", lambda x, y: x * sp.log(1 + y),
        lambda z, x, y: op.log1p(y), lambda z, x, y: x / divisor(x, 1 + y), domain=(0.5, 2.0),
        notation=lambda s: maths.times(
            s[0], maths.apply("log", maths.plus(maths.Number(1), s[1]))))  # fmt: skip
special("entr", "-x log(x), 0 at x = 0.", lambda x: -x * sp.log(x),
        lambda y, x: -op.log(x) - 1, domain=(0.5, 2.0),
        notation=lambda s: maths.minus(
            maths.times(s[0], maths.apply("log", s[0]))))  # fmt: skip
special("rel_entr", "x log(x / y), 0 at x = 0.", lambda x, y: x * sp.log(x / y),
        lambda z, x, y: op.log(x / y) + 1, lambda z, x, y: -x / divisor(x, y),
        domain=(0.5, 2.0), notation=lambda s: maths.times(
            s[0], maths.apply("log", maths.over(s[0], s[1]))))  # fmt: skip
special("kl_div", "x log(x / y) - x + y, y at x = 0.", lambda x, y: x * sp.log(x / y) - x + y,
        lambda z, x, y: op.log(x / y), lambda z, x, y: 1 - x / divisor(x, y),
        domain=(0.5, 2.0), notation=lambda s: maths.plus(maths.less(maths.times(
            s[0], maths.apply("log", maths.over(s[0], s[1]))), s[0]), s[1]))  # fmt: skip
special("exp10", "10 to the power x.", lambda x: 10**x, lambda y, x: LN10 * y,
        notation=lambda s: maths.power(maths.Number(10), s[0]))  # fmt: skip
special("cosm1", "cos(x) - 1, exact near 0.", lambda x: sp.cos(x) - 1, lambda y, x: -op.sin(x),
        notation=lambda s: maths.less(maths.apply("cos", s[0]), maths.Number(1)))  # fmt: skip
special("powm1", "x**y - 1, exact near 0.", lambda x, y: x**y - 1,
        lambda z, x, y: y * op.power(x, literal_plus(y, -1)),
        lambda z, x, y: (z + 1) * op.log(x), domain=(0.5, 2.0),
        notation=lambda s: maths.less(maths.power(s[0], s[1]), maths.Number(1)))  # fmt: skip
# Its derivative is itself a confluent hypergeometric function, which nothing cancels in.
special("exprel", "(exp(x) - 1) / x, exact near 0.", lambda x: (sp.exp(x) - 1) / x,
        lambda y, x: 0.5 * op.hyp1f1(2, 3, x), source="DLMF 13.3.15 and 13.6.2",
        notation=lambda s: maths.over(
            maths.less(s.exp(s[0]), maths.Number(1)), s[0]))  # fmt: skip


def _by_lambda(logarithm: Callable[[Value], Value]) -> Callable[..., Any]:
    # With u = lambda log(x), boxcox is log(x) exprel(u): the derivative stays exact at 0.
    def slope(y: Value, x: Value, lam: Value) -> Any:
        log = logarithm(x)
        return 0.5 * op.square(log) * op.hyp1f1(2, 3, lam * log)

    return slope


special("boxcox", "Box-Cox transform (x**lam - 1) / lam, log(x) at lam = 0.",
        lambda x, lam: (x**lam - 1) / lam,
        lambda y, x, lam: op.power(x, literal_plus(lam, -1)), _by_lambda(lambda x: op.log(x)),
        domain=(0.5, 2.0), source="DLMF 13.3.15 and 13.6.2")  # fmt: skip
special("boxcox1p", "Box-Cox transform of 1 + x.", lambda x, lam: ((1 + x) ** lam - 1) / lam,
        lambda y, x, lam: op.power(1 + x, literal_plus(lam, -1)),
        _by_lambda(lambda x: op.log1p(x)), domain=(0.5, 2.0),
        source="DLMF 13.3.15 and 13.6.2")  # fmt: skip
special("inv_boxcox", "Inverse of the Box-Cox transform.",
        lambda y, lam: (lam * y + 1) ** (1 / lam),
        lambda x, y, lam: op.power(x, 1 - lam), no_rule("inv_boxcox", "second argument"),
        domain=(0.5, 2.0))  # fmt: skip
special("inv_boxcox1p", "Inverse of the Box-Cox transform of 1 + x.",
        lambda y, lam: (lam * y + 1) ** (1 / lam) - 1,
        lambda x, y, lam: op.power(x + 1, 1 - lam), no_rule("inv_boxcox1p", "second argument"),
        domain=(0.5, 2.0))  # fmt: skip
special("huber", "r**2 / 2 up to delta, a line beyond.", None,
        lambda y, delta, r: op.maximum(op.absolute(r) - delta, 0),
        lambda y, delta, r: op.maximum(op.minimum(r, delta), -delta), cost="cheap")  # fmt: skip
special("pseudo_huber", "delta**2 (sqrt(1 + (r / delta)**2) - 1).",
        lambda delta, r: delta**2 * (sp.sqrt(1 + (r / delta) ** 2) - 1),
        # (s - 1)**2 delta / s for s = sqrt(1 + (r / delta)**2), where y = delta**2 (s - 1)
        lambda y, delta, r: op.square(y / delta) / (delta * op.hypot(1, r / delta)),
        lambda y, delta, r: r / op.hypot(1, r / delta), domain=(0.5, 2.0))  # fmt: skip
for _name, _same in (
    ("exp2", np.exp2), ("expm1", np.expm1), ("log1p", np.log1p), ("cbrt", np.cbrt),
    ("round", np.rint),
):  # fmt: skip
    known(_name, FRONT[_same])

# --- gamma ------------------------------------------------------------------------------------


def _poly(n: maths.Math, x: maths.Math) -> maths.Math:
    order = maths.Fenced(n, "(", ")")
    return maths.Apply(maths.Script(maths.Sign("ψ"), None, order), (maths.Fenced(x, "(", ")"),))


special("gammaln", "log of the absolute value of the gamma function.", sp.loggamma,
        lambda y, x: op.digamma(x), domain=(0.5, 4.0),
        notation=lambda s: maths.apply("log", _of_sign("Γ", s[0])))  # fmt: skip
special("loggamma", "log of the gamma function, NaN below 0.", sp.loggamma,
        lambda y, x: op.digamma(x), domain=(0.5, 4.0),
        notation=lambda s: maths.apply("log", _of_sign("Γ", s[0])))  # fmt: skip
special("gamma", "Gamma function.", sp.gamma, lambda y, x: y * op.digamma(x),
        domain=(0.5, 4.0), notation=by_sign("Γ"))  # fmt: skip
special("digamma", "Derivative of the log of the gamma function.",
        lambda x: sp.polygamma(0, x), lambda y, x: op.polygamma(1, x), domain=(0.5, 4.0),
        notation=by_sign("ψ"))  # fmt: skip
known("psi", FRONT.later["scipy.special"]["digamma"])
special("polygamma", "Derivative n of digamma.", sp.polygamma,
        no_rule("polygamma", "order"),
        lambda y, n, x: op.polygamma(literal_plus(n, 1), x),
        domain=(1.0, 4.0), dtype=always(np.float64),
        notation=lambda s: _poly(s[0], s[1]))  # fmt: skip
special("gammasgn", "Sign of the gamma function.", None, zero,
        kinks=FLAT, cost="cheap")  # fmt: skip
special("betaln", "log of the absolute value of the beta function.",
        lambda a, b: sp.loggamma(a) + sp.loggamma(b) - sp.loggamma(a + b),
        lambda y, a, b: op.digamma(a) - op.digamma(a + b),
        lambda y, a, b: op.digamma(b) - op.digamma(a + b), domain=(0.5, 4.0),
        notation=lambda s: maths.apply("log", maths.apply("B", s[0], s[1])))  # fmt: skip
special("beta", "Beta function.",
        lambda a, b: sp.gamma(a) * sp.gamma(b) / sp.gamma(a + b),
        lambda y, a, b: y * (op.digamma(a) - op.digamma(a + b)),
        lambda y, a, b: y * (op.digamma(b) - op.digamma(a + b)), domain=(0.5, 4.0),
        notation=maths.function("B"))  # fmt: skip
special("binom", "Binomial coefficient of real numbers.",
        lambda n, k: sp.gamma(n + 1) / sp.gamma(k + 1) / sp.gamma(n - k + 1),
        lambda y, n, k: y * (op.digamma(n + 1) - op.digamma(n - k + 1)),
        lambda y, n, k: y * (op.digamma(n - k + 1) - op.digamma(k + 1)),
        domain=(1.1, 1.9))  # fmt: skip


def _gamma_density(a: Value, x: Value) -> Value:
    return op.exp(op.xlogy(literal_plus(a, -1), x) - x - op.gammaln(a))


def _beta_density(a: Value, b: Value, x: Value) -> Value:
    powers = op.xlogy(literal_plus(a, -1), x) + op.xlog1py(literal_plus(b, -1), -x)
    return op.exp(powers - op.betaln(a, b))


_SHAPE = "shape parameter"
special("gammainc", "Regularised lower incomplete gamma function.",
        lambda a, x: sp.lowergamma(a, x) / sp.gamma(a), no_rule("gammainc", _SHAPE),
        lambda y, a, x: _gamma_density(a, x), domain=(0.5, 4.0),
        notation=maths.function("P"))  # fmt: skip
special("gammaincc", "Regularised upper incomplete gamma function.",
        lambda a, x: sp.uppergamma(a, x) / sp.gamma(a), no_rule("gammaincc", _SHAPE),
        lambda y, a, x: -_gamma_density(a, x), domain=(0.5, 4.0),
        notation=maths.function("Q"))  # fmt: skip
special("gammaincinv", "Inverse of gammainc.", None, no_rule("gammaincinv", _SHAPE),
        lambda x, a, p: 1 / _gamma_density(a, x), domain=(0.1, 0.9))  # fmt: skip
special("gammainccinv", "Inverse of gammaincc.", None, no_rule("gammainccinv", _SHAPE),
        lambda x, a, p: -1 / _gamma_density(a, x), domain=(0.1, 0.9))  # fmt: skip
special("betainc", "Regularised incomplete beta function.", None,
        no_rule("betainc", _SHAPE), no_rule("betainc", _SHAPE),
        lambda y, a, b, x: _beta_density(a, b, x), domain=(0.1, 0.9),
        notation=maths.function("I"))  # fmt: skip
special("betaincc", "Complement of betainc.", None,
        no_rule("betaincc", _SHAPE), no_rule("betaincc", _SHAPE),
        lambda y, a, b, x: -_beta_density(a, b, x), domain=(0.1, 0.9))  # fmt: skip
special("betaincinv", "Inverse of betainc.", None,
        no_rule("betaincinv", _SHAPE), no_rule("betaincinv", _SHAPE),
        lambda x, a, b, p: 1 / _beta_density(a, b, x), domain=(0.1, 0.9))  # fmt: skip

# --- zeta, exponential integrals, hypergeometric ----------------------------------------------

special("zeta", "Hurwitz' zeta function.", sp.zeta, no_rule("zeta", "first argument"),
        lambda y, x, q: -x * op.zeta(literal_plus(x, 1), q), domain=(1.5, 4.0),
        notation=by_sign("ζ"), dtype=ufunc_dtype(np.divide))  # fmt: skip


def zeta(x: Any, q: Any = None, out: None = None) -> Any:
    if q is None:
        raise TraceError(
            "scipy.special.zeta of one argument is Riemann's, whose derivative no function of "
            "SciPy computes: only zeta(x, q) is known, and differentiated by q"
        )
    return op.zeta(x, q)


known("zeta", zeta)
special("expi", "Exponential integral Ei.", sp.Ei, lambda y, x: op.exp(x) / x,
        domain=(0.5, 2.0), notation=maths.function("Ei"))  # fmt: skip
special("exp1", "Exponential integral E1.", lambda x: sp.expint(1, x),
        lambda y, x: -op.exp(-x) / x, domain=(0.5, 2.0), notation=lambda s: maths.Apply(
            maths.Script(maths.Word("E"), maths.Number(1)), (s[0],)))  # fmt: skip
special("expn", "Exponential integral En, of a whole order n.", sp.expint,
        no_rule("expn", "order"), lambda y, n, x: -op.expn(literal_plus(n, -1), x),
        domain=(1.0, 3.0), notation=lambda s: maths.Apply(
            maths.Script(maths.Word("E"), s[0]), (s[1],)))  # fmt: skip
special("hyp0f1", "Confluent hypergeometric limit function.",
        lambda b, z: sp.hyper([], [b], z), no_rule("hyp0f1", "parameter"),
        lambda y, b, z: op.hyp0f1(literal_plus(b, 1), z) / b, domain=(0.5, 2.0))  # fmt: skip


def _hyp1f1_slope(y: Value, a: Value, b: Value, x: Value) -> Any:
    if a.literal is not None and b.literal is not None:
        return a.literal / b.literal * op.hyp1f1(a.literal + 1, b.literal + 1, x)
    return a / b * op.hyp1f1(literal_plus(a, 1), literal_plus(b, 1), x)


special("hyp1f1", "Confluent hypergeometric function.", lambda a, b, x: sp.hyper([a], [b], x),
        no_rule("hyp1f1", "parameters"), no_rule("hyp1f1", "parameters"), _hyp1f1_slope,
        domain=(0.5, 2.0), source="DLMF 13.3.15")  # fmt: skip

# --- over axes --------------------------------------------------------------------------------


def _reduced(shapes: Shapes, *xs: Aval, axis: Any, keepdims: bool) -> Aval:
    shape = broadcast(shapes, *[x.shape for x in xs])
    dtype = promoted(*xs)
    dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)
    return array_aval(reduced_shape(shape, axis, keepdims), dtype)


def _spell_logsumexp(s: Any) -> str:
    b = s[1] if len(s) > 1 else None
    return (
        f"{s.special}.logsumexp({s[0]}"
        f"{keyword_text(axis=axis_text(s), b=b, keepdims=s['keepdims'])})"
    )


def _share(y: Value, a: Value, axis: Any, keepdims: bool) -> Value:
    return op.exp(a - kept(y, a, axis, keepdims))


structural(
    "scipy_logsumexp", "log of a sum of exponentials, by SciPy.", params=REDUCE, defaults=WHOLE,
    rule="derivative of log-sum-exp is softmax",
    aval=lambda shapes, x, axis, keepdims: _reduced(shapes, x, axis=axis, keepdims=keepdims),
    vjp=lambda ct, y, x, axis, keepdims: kept(ct, x, axis, keepdims) * _share(y, x, axis, keepdims),
    numpy=_spell_logsumexp, notation=log_of_sum, role="logsumexp", cost="slow",
)  # fmt: skip


def _weighted_vjps() -> Any:
    def by_exponents(ct: Value, y: Value, a: Value, b: Value, axis: Any, keepdims: bool) -> Value:
        return by_weights(ct, y, a, b, axis, keepdims) * b

    def by_weights(ct: Value, y: Value, a: Value, b: Value, axis: Any, keepdims: bool) -> Value:
        return kept(ct, a, axis, keepdims) * _share(y, a, axis, keepdims)

    return by_exponents, by_weights


structural(
    "scipy_weighted_logsumexp", "log of a weighted sum of exponentials, by SciPy.",
    params=REDUCE, defaults=WHOLE, vjp=_weighted_vjps(),
    aval=lambda shapes, a, b, axis, keepdims: _reduced(shapes, a, b, axis=axis, keepdims=keepdims),
    numpy=_spell_logsumexp, role="logsumexp", cost="slow",
    notation=lambda s: s.of_whole(maths.apply("logsumexp", s[0], s[1])),
)  # fmt: skip


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    a, b = (FRONT[np.asarray](x) if isinstance(x, (list, tuple)) else x for x in (a, b))
    if b is None:
        axes = normal_axes(axis, a.ndim)
        return op.scipy_logsumexp(a, axis=axes, keepdims=bool(keepdims))
    builder = builder_of((a, b))
    a, b = (builder.wrap(builder.operand(x)) for x in (a, b))
    shape = broadcast(builder.shapes, a.aval.shape, b.aval.shape)
    if not builder.shapes.same_shape(a.aval.shape, shape):
        a = op.broadcast_to(a, shape=shape)
    axes = normal_axes(axis, a.ndim)
    return op.scipy_weighted_logsumexp(a, b, axis=axes, keepdims=bool(keepdims))


def _spelled_over_axes(name: str) -> Callable[[Any], str]:
    return lambda s: f"{s.special}.{name}({s[0]}{keyword_text(axis=axis_text(s))})"


def _normalised(name: str, word: str, vjp: Any, rule: str) -> None:
    """Declare SciPy's form of what the laws know along one axis, for several axes at once."""
    structural(
        f"scipy_{name}", f"{name} over several axes, by SciPy.", params=("axis", "keepdims"),
        aval=lambda shapes, x, **_: x, vjp=vjp, numpy=_spelled_over_axes(name), rule=rule,
        notation=lambda s: s.of_whole(maths.apply(word, s[0])), role=name, cost="slow",
    )  # fmt: skip

    def front(x: Any, axis: Any = None) -> Any:
        axes = normal_axes(axis, x.ndim)
        if len(axes) == 1:
            return getattr(op, name)(x, axis=axes[0])
        x = x if x.dtype.kind == "f" else op.astype(x, dtype="float64")
        return getattr(op, f"scipy_{name}")(x, axis=axes, keepdims=True)

    known(name, front)


def _total(x: Value, axis: Any) -> Value:
    return op.sum(x, axis=axis, keepdims=len(axis) < x.ndim)


_normalised(
    "softmax", "softmax", lambda ct, y, x, axis, keepdims: y * (ct - _total(ct * y, axis)),
    "derivative of softmax",
)  # fmt: skip
_normalised(
    "log_softmax", "logsoftmax",
    lambda ct, y, x, axis, keepdims: ct - op.exp(y) * _total(ct, axis),
    "derivative of log-softmax",
)  # fmt: skip
known("logsumexp", logsumexp)
