"""Find composites (sigmoid, softplus, logsumexp, softmax, length) in what the user wrote.

Given the traced graph, returns a graph in which the symbols that a law names are computed by
one composite op with a good derivative, and the record of what fired.  The user's own
equations all stay, dead or not: `expand` finds them again by CSE, and later stages drop what
nobody reads.  Invariant: a replaced value keeps its shape, dtype, name and origin.

Three kinds of law, from the strictest: an *exact* law changes no bit; a *rounding* law holds
up to rounding; a *stability* law also gives a finite value where the user's overflowed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from symgrad.dims import Shape
from symgrad.errors import Location
from symgrad.graph import Aval, Builder, Equation, Graph, Law, Op, Operand, Static, Sym
from symgrad.ops.reductions import reduced_shape
from symgrad.ops.table import normal_axes

Operands = tuple[Operand, ...]
Kind = Literal["exact", "rounding", "stability"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A law as on the blackboard, the op it is tried on, and the rewrite that applies it."""

    law: str
    op: str
    apply: Law
    kind: Kind


@dataclass(frozen=True, slots=True)
class Firing:
    """One use of a law: which symbol of the result it gave, and where the user wrote it."""

    law: str
    symbol: Sym
    location: Location | None
    stability: bool


def recognise(graph: Graph, exact: bool = False) -> tuple[Graph, tuple[Firing, ...]]:
    """Return the graph with its composites found, and the laws that found them.

    With ``exact`` only laws that change no bit are used.  Graphs inside ops (loop bodies,
    branches) are searched too.
    """
    rules = _rules_by_op(exact)
    builder = Builder.continuing(graph, 0)
    moved: dict[Sym, Operand] = {}
    firings: list[Firing] = []
    for eqn in graph.equations:
        if eqn.rhs.name == "alias":  # alias(x) = x: it had done its work when it was traced
            x = eqn.rhs.operands[0]
            moved[eqn.lhs[0]] = same = moved.get(x, x) if type(x) is Sym else x
            builder.notes.copy(eqn.lhs[0], same, graph.notes)
            continue
        if any(isinstance(value, Graph) for value in eqn.rhs.settings):
            eqn = _with_bodies_searched(eqn, exact, firings)
        builder.keep(eqn, moved, graph)
        if eqn.rhs.name in rules:
            _try_rules(rules[eqn.rhs.name], builder, eqn, moved, graph, firings)
    builder.carry_cotangents(moved, graph)
    outputs = [moved.get(y, y) if type(y) is Sym else y for y in graph.outputs]
    return builder.graph(outputs), tuple(firings)


def _with_bodies_searched(eqn: Equation, exact: bool, firings: list[Firing]) -> Equation:
    settings = []
    for value in eqn.rhs.settings:
        if isinstance(value, Graph):
            value, fired = recognise(value, exact)
            firings.extend(fired)
        settings.append(Static(value))
    return Equation(eqn.lhs, type(eqn.rhs).of(eqn.rhs.operands, settings))


def _try_rules(
    rules: Sequence[Rule],
    builder: Builder,
    eqn: Equation,
    moved: dict[Sym, Operand],
    graph: Graph,
    firings: list[Firing],
) -> None:
    """Replace the value that ``eqn`` binds by what the first law that fits makes of it."""
    y = eqn.lhs[0]
    operands = tuple([moved.get(x, x) if type(x) is Sym else x for x in eqn.rhs.operands])
    builder.origin = graph.notes.origins.get(y)
    for rule in rules:
        found = rule.apply(builder, operands, eqn.rhs.settings)
        if type(found) is Sym and _stands_for(builder, found, graph.avals[y]):
            moved[y] = found
            builder.notes.copy(y, found, graph.notes)
            where = graph.notes.location(y)
            firings.append(Firing(rule.law, found, where, rule.kind == "stability"))
            break
    builder.origin = None


def _stands_for(b: Builder, found: Sym, wanted: Aval) -> bool:
    have = b.avals[found]
    return (
        have.dtype == wanted.dtype
        and (have.kind == "python") == (wanted.kind == "python")
        and _same_shape(b, have.shape, wanted.shape)
    )


# --- reading what is already there ------------------------------------------------------------


def _operands(b: Builder, v: Operand, name: str) -> Operands:
    """Return the operands of ``v`` if the op called ``name`` computes it, else nothing."""
    row = b.definition(v)
    return row.operands if row is not None and row.name == name else ()


def _argument(b: Builder, v: Operand, name: str) -> Operand | None:
    """Return x where ``v`` is ``name(x)`` of real floating numbers."""
    found = _operands(b, v, name)
    return found[0] if found and b.aval(found[0]).dtype.kind == "f" else None


def _is(v: Operand, number: int) -> bool:
    return type(v) is Static and bool(v.value == number)


def _one_plus(b: Builder, v: Operand) -> Operand | None:
    """Return e where ``v`` is 1 + e or e + 1."""
    for one, e in _orders(_operands(b, v, "add")):
        if _is(one, 1):
            return e
    return None


def _negated(b: Builder, v: Operand) -> Operand | None:
    """Return x where ``v`` is -x, 0 - x or -1 * x, of one dtype: -1.0 * x of integers is not -x."""
    x = _with_other_sign(b, v)
    return x if x is not None and b.aval(x).dtype == b.aval(v).dtype else None


def _with_other_sign(b: Builder, v: Operand) -> Operand | None:
    if found := _operands(b, v, "negative"):
        return found[0]
    if (found := _operands(b, v, "subtract")) and _is(found[0], 0):
        return found[1]
    for minus, x in _orders(_operands(b, v, "multiply")):
        if _is(minus, -1):
            return x
    return None


def _orders(pair: Operands) -> Iterator[tuple[Operand, Operand]]:
    """Yield the operands of a commutative op in both orders."""
    if pair:
        yield pair[0], pair[1]
        yield pair[1], pair[0]


def _minus(b: Builder, x: Operand) -> Any:
    """Return -x; without a double sign where x itself is -z."""
    z = _negated(b, x)
    return -b.wrap(x) if z is None else b.wrap(z)


# --- axes of size 1, spelled in any way -------------------------------------------------------

ALL = slice(None, None, None)
LONGEST_CHAIN = 4  # how many rearrangements are looked through: each look-up stays constant


def _rearranged(b: Builder, v: Operand) -> Operand:
    """Return the value whose elements ``v`` holds, all of them and in the same order.

    Whatever reshapes, ``[:, None]``, ``[:, 0]`` and squeezes stand between, a value of the
    same shape made from the same source is then the same value.
    """
    for _ in range(LONGEST_CHAIN):
        row = b.definition(v)
        if row is None or not _keeps_elements(b, row):
            break
        v = row.operands[0]
    return v


def _keeps_elements(b: Builder, row: Op) -> bool:
    if row.name in ("reshape", "expand_dims", "squeeze"):
        return True
    if row.name != "index" or len(row.operands) > 1:
        return False
    sizes = iter(b.aval(row.operands[0]).shape)
    return all(
        entry is None or (size := next(sizes)) is None or entry == ALL or b.shapes.same(size, 1)
        for entry in row.setting("key")
    )


class Reduction(NamedTuple):
    """``name(x)`` over axes, whether they are kept as axes of size 1 or not."""

    name: str
    x: Operand
    axes: tuple[int, ...]


def _reduction(b: Builder, v: Operand) -> Reduction | None:
    """Return what ``v`` reduces, if it holds the elements of a sum, max or logsumexp."""
    row = b.definition(_rearranged(b, v))
    if row is None or row.name not in ("sum", "max", "logsumexp"):
        return None
    x = row.operands[0]
    axes = normal_axes(row.setting("axis"), len(b.aval(x).shape))
    return Reduction(row.name, x, axes) if axes else None


def _same_shape(b: Builder, left: Shape, right: Shape) -> bool:
    return len(left) == len(right) and all(map(b.shapes.same, left, right))


def _aligned(shape: Shape, ndim: int) -> Shape:
    """Return the shape with the leading axes of size 1 that broadcasting gives it."""
    return (1,) * (ndim - len(shape)) + shape


def _is_kept(b: Builder, v: Operand, r: Reduction) -> bool:
    """Return whether ``v`` broadcasts against x as the reduction with its axes kept does."""
    shape = b.aval(r.x).shape
    kept = reduced_shape(shape, r.axes, True)
    return _same_shape(b, _aligned(b.aval(v).shape, len(shape)), kept)


def _keepdims(b: Builder, v: Operand, r: Reduction) -> bool | None:
    """Return the ``keepdims`` that gives the reduction the shape of ``v``, or None."""
    have, shape = b.aval(v).shape, b.aval(r.x).shape
    for keepdims in (False, True):
        if _same_shape(b, have, reduced_shape(shape, r.axes, keepdims)):
            return keepdims
    return None


def _shift(b: Builder, u: Operand, axes: tuple[int, ...]) -> tuple[Operand, Operand] | None:
    """Return (x, c) where ``u`` is x - c and c is constant along ``axes``."""
    found = _operands(b, u, "subtract")
    if not found or type(found[0]) is not Sym:
        return None
    x, c = found
    have, want = b.aval(x), b.aval(u)
    if have.dtype != want.dtype or not _same_shape(b, have.shape, want.shape):
        return None
    sizes = _aligned(b.aval(c).shape, len(want.shape))
    return (x, c) if all(b.shapes.same(sizes[k], 1) for k in axes) else None


def _is_max(b: Builder, c: Operand, x: Operand, axes: tuple[int, ...]) -> bool:
    """Return whether ``c``, a shift of ``x`` constant along ``axes``, is its largest there.

    Such a shift has room for the elements of the maximum in one arrangement only.
    """
    return _reduction(b, c) == Reduction("max", x, axes)


def _shift_by_max(b: Builder, u: Operand, axes: tuple[int, ...]) -> Operand | None:
    """Return x where ``u`` is x - max(x) over ``axes``."""
    found = _shift(b, u, axes)
    return found[0] if found and _is_max(b, found[1], found[0], axes) else None


# --- sigmoid and softplus ---------------------------------------------------------------------


def _sigmoid_of_minus(b: Builder, u: Operand) -> Operand:
    return b.apply("sigmoid", _minus(b, u)).symbol


def _inverse_of_one_plus_exp(b: Builder, v: Operand) -> Operand | None:
    e = _one_plus(b, v)
    u = _argument(b, e, "exp") if e is not None else None
    return _sigmoid_of_minus(b, u) if u is not None else None


def _sigmoid(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _inverse_of_one_plus_exp(b, operands[1]) if _is(operands[0], 1) else None


def _sigmoid_of_product(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    e = _one_plus(b, operands[1]) if _is(operands[0], 1) else None
    u = _argument(b, e, "exp") if e is not None else None
    z = _product_with_other_sign(b, u) if u is not None and u not in b.notes.names else None
    return b.apply("sigmoid", z).symbol if z is not None else None


def _product_with_other_sign(b: Builder, u: Operand) -> Operand | None:
    """Return a b where ``u`` is (-a) b: Python reads ``-X @ w`` as ``(-X) @ w``."""
    row = b.definition(u)
    if row is None or row.name not in ("multiply", "divide", "contract"):
        return None
    for k, factor in enumerate(row.operands):
        x = _factor_with_other_sign(b, factor)
        if x is not None:
            operands = (*row.operands[:k], x, *row.operands[k + 1 :])
            return b.bind(type(row), operands, row.settings, (b.aval(u),))[0]
    return None


def _factor_with_other_sign(b: Builder, v: Operand) -> Operand | None:
    if type(v) is Static:
        return Static(-v.value) if v.value < 0 and v.value != -1 else None
    return _negated(b, v)


def _sigmoid_by_reciprocal(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _inverse_of_one_plus_exp(b, operands[0])


def _sigmoid_by_power(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _inverse_of_one_plus_exp(b, operands[0]) if _is(operands[1], -1) else None


def _sigmoid_by_quotient(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    e, total = operands
    z = _argument(b, e, "exp")
    if z is None or _one_plus(b, total) is not e:
        return None
    return b.apply("sigmoid", z).symbol


def _softplus(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    e = _one_plus(b, operands[0])
    return _softplus_of_exp(b, e) if e is not None else None


def _softplus_by_log1p(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _softplus_of_exp(b, operands[0])


def _softplus_of_exp(b: Builder, e: Operand) -> Operand | None:
    z = _argument(b, e, "exp")
    return b.apply("softplus", z).symbol if z is not None else None


def _log_sigmoid(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    z = _logit(b, operands[0])
    return (-b.apply("softplus", _minus(b, z))).symbol if z is not None else None


def _log_one_minus_sigmoid(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    source, path = _gathered(b, operands[0])
    terms = _operands(b, source, "subtract")
    if not terms or not _is(terms[0], 1):
        return None
    z = _logit(b, terms[1])
    return (-b.apply("softplus", _regathered(b, z, path))).symbol if z is not None else None


def _log1p_minus_sigmoid(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    p = _negated(b, operands[0])
    z = _logit(b, p) if p is not None else None
    return (-b.apply("softplus", z)).symbol if z is not None else None


def _double_sign(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    # Left behind by the laws above in the user's -log(p).
    found = _operands(b, operands[0], "negative")
    return found[0] if found and _operands(b, found[0], "softplus") else None


# --- elements that are only moved -------------------------------------------------------------

GATHERS = frozenset(
    {"index", "take_along", "reshape", "expand_dims", "squeeze", "transpose", "flip"}
)


def _gathered(b: Builder, v: Operand) -> tuple[Operand, list[Sym]]:
    """Return what ``v`` takes its elements from, and the gathers on the way, last first."""
    path: list[Sym] = []
    while len(path) < LONGEST_CHAIN and type(v) is Sym:
        row = b.definition(v)
        if row is None or row.name not in GATHERS:
            break
        path.append(v)
        v = row.operands[0]
    return v, path


def _regathered(b: Builder, v: Operand, path: Sequence[Sym]) -> Operand:
    """Return ``v`` with the same elements taken; its shapes are known from the first time."""
    for y in reversed(path):
        row = b.defined_by[y].rhs
        aval = b.avals[y]._replace(dtype=b.aval(v).dtype)
        (v,) = b.bind(type(row), (v, *row.operands[1:]), row.settings, (aval,))
    return v


def _logit(b: Builder, p: Operand) -> Operand | None:
    """Return z where ``p`` is sigmoid(z), also where p was reshaped or indexed since."""
    source, path = _gathered(b, p)
    found = _operands(b, source, "sigmoid")
    return _regathered(b, found[0], path) if found else None


# --- softmax and logsumexp --------------------------------------------------------------------


def _normalised_exp(b: Builder, operands: Operands) -> Reduction | None:
    """Return u and its one axis where the quotient is exp(u) / sum(exp(u))."""
    e, total = operands
    u = _argument(b, e, "exp")
    r = _reduction(b, total) if u is not None else None
    if u is None or r is None or r.x is not e or len(r.axes) != 1:
        return None
    is_sum = r.name == "sum" and _is_kept(b, total, r)
    return Reduction("softmax", u, r.axes) if is_sum else None


def _along(b: Builder, name: str, x: Operand, axes: tuple[int, ...]) -> Operand:
    return b.apply(name, b.wrap(x), axis=axes[0]).symbol


def _unshifted(b: Builder, u: Operand, axes: tuple[int, ...]) -> Operand:
    """Return x where ``u`` is x - c, else ``u``: softmax(x - c) = softmax(x)."""
    found = _shift(b, u, axes)
    return found[0] if found else u


def _softmax_by_max(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    r = _normalised_exp(b, operands)
    x = _shift_by_max(b, r.x, r.axes) if r else None
    return _along(b, "softmax", x, r.axes) if r and x is not None else None


def _softmax(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    r = _normalised_exp(b, operands)
    return _along(b, "softmax", _unshifted(b, r.x, r.axes), r.axes) if r else None


def _log_of_sum_of_exp(b: Builder, v: Operand) -> Reduction | None:
    """Return u and axes where ``v`` holds the elements of log(sum(exp(u)))."""
    found = _operands(b, _rearranged(b, v), "log")
    return _sum_of_exp(b, found[0]) if found else None


def _sum_of_exp(b: Builder, total: Operand) -> Reduction | None:
    r = _reduction(b, total)
    u = _argument(b, r.x, "exp") if r and r.name == "sum" else None
    return Reduction("logsumexp", u, r.axes) if r and u is not None else None


def _logsumexp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    r = _sum_of_exp(b, operands[0])
    if r is None or _shift_by_max(b, r.x, r.axes) is not None:
        return None  # the user's own form is stable already
    return _reduced_like(b, operands[0], r)


def _reduced_like(b: Builder, v: Operand, r: Reduction) -> Operand | None:
    keepdims = _keepdims(b, v, r)
    if keepdims is None:
        return None
    return b.apply(r.name, b.wrap(r.x), axis=r.axes, keepdims=keepdims).symbol


def _logsumexp_plus_shift(b: Builder, operands: Operands, of_max: bool) -> Operand | None:
    for c, v in _orders(operands):
        r = _reduction(b, v)
        if r is None or r.name != "logsumexp":
            r = _log_of_sum_of_exp(b, v)
        found = _shift(b, r.x, r.axes) if r else None
        if r is None or found is None or not _undoes(b, c, found[1], v, r):
            continue
        if _is_max(b, found[1], found[0], r.axes) is of_max:
            return _reduced_like(b, v, r._replace(name="logsumexp", x=found[0]))
    return None


def _undoes(b: Builder, c: Operand, shift: Operand, v: Operand, r: Reduction) -> bool:
    """Return whether c + v adds what x - shift took away, with v the reduction over x."""
    keepdims = _keepdims(b, v, r)
    if keepdims is None or _identity(b, c) != _identity(b, shift):
        return False
    wide = _aligned(b.aval(shift).shape, len(b.aval(r.x).shape))
    wanted = reduced_shape(wide, r.axes, keepdims)
    return _same_shape(b, _aligned(b.aval(c).shape, len(wanted)), wanted)


def _identity(b: Builder, v: Operand) -> Reduction | Operand:
    """Return what decides the elements of ``v``: equal for two ways to keep or drop axes."""
    return _reduction(b, v) or _rearranged(b, v)


def _logsumexp_by_max(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _logsumexp_plus_shift(b, operands, True)


def _logsumexp_by_shift(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _logsumexp_plus_shift(b, operands, False)


def _log_softmax_by_max(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    u, log_total = operands
    r = _log_of_sum_of_exp(b, log_total)
    if r is None or r.x is not u or len(r.axes) != 1 or not _is_kept(b, log_total, r):
        return None
    x = _shift_by_max(b, u, r.axes)
    return _along(b, "log_softmax", x, r.axes) if x is not None else None


def _log_softmax(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    u, total = operands
    r = _reduction(b, total)
    if r is None or r.name != "logsumexp" or r.x is not u or len(r.axes) != 1:
        return None
    if not _is_kept(b, total, r):
        return None
    return _along(b, "log_softmax", _unshifted(b, u, r.axes), r.axes)


def _log_of_softmax(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    source, path = _gathered(b, operands[0])
    row = b.definition(source)
    if row is None or row.name != "softmax":
        return None
    log_p = _along(b, "log_softmax", row.operands[0], (row.setting("axis"),))
    return _regathered(b, log_p, path)


# --- logistic loss ----------------------------------------------------------------------------


class _Weighted(NamedTuple):
    """``sign * weight * softplus(x)``, as a term of a sum."""

    sign: int
    weight: Operand
    x: Operand


def _weighted_softplus(b: Builder, v: Operand, sign: int = 1) -> _Weighted | None:
    inner = _negated(b, v)
    if inner is not None:
        return _weighted_softplus(b, inner, -sign)
    for weight, factor in _orders(_operands(b, v, "multiply")):
        positive = _negated(b, factor)
        x = _argument(b, factor if positive is None else positive, "softplus")
        if x is not None:
            mine = sign if positive is None else -sign
            plus = _negated(b, weight)
            return _Weighted(mine, weight, x) if plus is None else _Weighted(-mine, plus, x)
    return None


def _logistic_loss(
    b: Builder, operands: Operands, settings: Any, second: int = 1
) -> Operand | None:
    one, two = _weighted_softplus(b, operands[0]), _weighted_softplus(b, operands[1], second)
    if one is None or two is None or one.sign != two.sign:
        return None
    for for_one, for_zero in ((one, two), (two, one)):
        if _is_one_minus(b, for_zero.weight, for_one.weight) and _opposite(
            b, for_one.x, for_zero.x
        ):
            loss = b.apply("logistic_loss", for_zero.x, for_one.weight)
            return (loss if one.sign > 0 else -loss).symbol
    return None


def _logistic_loss_by_difference(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _logistic_loss(b, operands, settings, -1)


def _is_one_minus(b: Builder, v: Operand, y: Operand) -> bool:
    pair = _operands(b, v, "subtract")
    wraps = b.aval(y).dtype.kind == "u"  # 1 - y of unsigned labels is another number
    return bool(pair) and _is(pair[0], 1) and pair[1] is y and not wraps


def _opposite(b: Builder, v: Operand, z: Operand) -> bool:
    return _negated(b, v) is z or _negated(b, z) is v


def _sign_out_of_mean(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    # Exact: rounding is symmetric.  Only for the sign that a law of ours left behind.
    return _sign_out(b, operands, settings, "mean")


def _sign_out_of_sum(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _sign_out(b, operands, settings, "sum")


def _sign_out(b: Builder, operands: Operands, settings: Any, name: str) -> Operand | None:
    inner = _argument(b, operands[0], "negative")
    if inner is None or _argument_of(b, inner, "logistic_loss") is None:
        return None
    axis, keepdims = settings
    return (-b.apply(name, inner, axis=axis, keepdims=keepdims)).symbol


def _sign_out_of_difference(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    inner = _argument(b, operands[1], "negative")
    if inner is None or _argument_of(b, inner, "logistic_loss") is None:
        return None
    return b.apply("add", operands[0], inner).symbol


def _argument_of(b: Builder, v: Operand, name: str) -> Operand | None:
    row = b.definition(v)
    return row.operands[0] if row is not None and row.name == name else None


def _no_double_sign(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    inner = _argument(b, operands[0], "negative")
    row = b.definition(inner) if inner is not None else None
    is_ours = (
        row is not None
        and row.name in ("mean", "sum")
        and _argument_of(b, row.operands[0], "logistic_loss") is not None
    ) or (row is not None and row.name == "logistic_loss")
    return inner if is_ours else None


# --- elements of written arrays ---------------------------------------------------------------


def _element_written(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    """Return what ``x[k]`` reads after ``x[k] = v`` and writes to other places ``x[j]``."""
    (key,) = settings
    x, *indices = operands
    if indices or not _is_place(key):
        return None
    passed = False
    while (row := b.definition(x)) is not None and row.name == "put_at":
        written = row.setting("key")
        if len(row.operands) > 2 or not _is_place(written) or len(written) != len(key):
            break
        if written == key:
            return row.operands[1]
        x, passed = row.operands[0], True
    return b.apply("index", x, key=key).symbol if passed else None


def _is_place(key: tuple[Any, ...]) -> bool:
    return all(type(k) is int and k >= 0 for k in key)


# --- length -----------------------------------------------------------------------------------


def _root_of_squares(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    r = _reduction(b, operands[0])
    x = _squared(b, r.x) if r and r.name == "sum" else None
    if r is None or x is None:
        return None
    return _reduced_like(b, operands[0], Reduction("root_of_squares", x, r.axes))


def _squared(b: Builder, v: Operand) -> Operand | None:
    """Return x where ``v`` is x**2 or x * x of real floating numbers."""
    factors = _operands(b, v, "multiply")
    if factors and factors[0] is factors[1]:
        return _argument(b, v, "multiply")
    return _argument(b, v, "square")


def _root_by_power(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    half = type(operands[1]) is Static and operands[1].value == 0.5
    return _root_of_squares(b, operands, settings) if half else None


# --- the laws ---------------------------------------------------------------------------------

RULES = (
    Rule("1 / (1 + exp((-a) b)) = sigmoid(a b)", "divide", _sigmoid_of_product, "rounding"),
    Rule("1 / (1 + exp(-z)) = sigmoid(z)", "divide", _sigmoid, "exact"),
    Rule(
        "reciprocal(1 + exp(-z)) = sigmoid(z)", "reciprocal", _sigmoid_by_reciprocal, "exact"
    ),
    Rule("(1 + exp(-z))**-1 = sigmoid(z)", "power", _sigmoid_by_power, "rounding"),
    Rule("exp(z) / (1 + exp(z)) = sigmoid(z)", "divide", _sigmoid_by_quotient, "stability"),
    Rule("exp(x - m) / sum(exp(x - m)) = softmax(x), m = max(x)", "divide", _softmax_by_max,
         "exact"),
    Rule("exp(x - c) / sum(exp(x - c)) = softmax(x)", "divide", _softmax, "stability"),
    Rule("log(1 + exp(z)) = softplus(z)", "log", _softplus, "stability"),
    Rule("log1p(exp(z)) = softplus(z)", "log1p", _softplus_by_log1p, "stability"),
    Rule("log(sigmoid(z)) = -softplus(-z)", "log", _log_sigmoid, "stability"),
    Rule("log(1 - sigmoid(z)) = -softplus(z)", "log", _log_one_minus_sigmoid, "stability"),
    Rule("log1p(-sigmoid(z)) = -softplus(z)", "log1p", _log1p_minus_sigmoid, "stability"),
    Rule("-(-softplus(z)) = softplus(z)", "negative", _double_sign, "exact"),
    Rule("y softplus(-z) + (1 - y) softplus(z) = logistic loss", "add", _logistic_loss,
         "stability"),
    Rule("y softplus(-z) - (y - 1) softplus(z) = logistic loss", "subtract",
         _logistic_loss_by_difference, "stability"),
    Rule("mean(-loss) = -mean(loss)", "mean", _sign_out_of_mean, "exact"),
    Rule("sum(-loss) = -sum(loss)", "sum", _sign_out_of_sum, "exact"),
    Rule("a - (-loss) = a + loss", "subtract", _sign_out_of_difference, "exact"),
    Rule("-(-mean(loss)) = mean(loss)", "negative", _no_double_sign, "exact"),
    Rule("log(sum(exp(x))) = logsumexp(x)", "log", _logsumexp, "stability"),
    Rule("m + log(sum(exp(x - m))) = logsumexp(x), m = max(x)", "add", _logsumexp_by_max,
         "rounding"),
    Rule("c + log(sum(exp(x - c))) = logsumexp(x)", "add", _logsumexp_by_shift, "stability"),
    Rule("(x - m) - log(sum(exp(x - m))) = log_softmax(x), m = max(x)", "subtract",
         _log_softmax_by_max, "exact"),
    Rule("(x - c) - logsumexp(x - c) = log_softmax(x)", "subtract", _log_softmax, "rounding"),
    Rule("log(softmax(x)) = log_softmax(x)", "log", _log_of_softmax, "stability"),
    Rule("(x with x[k] = v)[k] = v,  (x with x[j] = v)[k] = x[k]", "index", _element_written,
         "exact"),
    Rule("sqrt(sum(x**2)) = root_of_squares(x)", "sqrt", _root_of_squares, "exact"),
    Rule("sum(x**2)**0.5 = root_of_squares(x)", "power", _root_by_power, "rounding"),
)  # fmt: skip


@functools.cache
def _rules_by_op(exact: bool) -> Mapping[str, tuple[Rule, ...]]:
    usable = [rule for rule in RULES if rule.kind == "exact" or not exact]
    return {
        name: tuple(rule for rule in usable if rule.op == name) for name in {r.op for r in usable}
    }
