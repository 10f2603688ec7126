"""The laws of softmax, logsumexp and log_softmax, with and without a shift.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.  Invariant: a shift is constant along the axes of
its sum, so it cancels.
"""

from __future__ import annotations

from typing import Any

from symgrad.graph import Builder, Operand, Sym
from symgrad.ops.reductions import reduced_shape
from symgrad.recognise.moves import gathered, rearranged, regathered
from symgrad.recognise.reading import Operands, argument, operands_of, orders
from symgrad.recognise.reductions import (
    Reduction,
    aligned,
    is_kept,
    keepdims_like,
    reduced_like,
    reduction,
)
from symgrad.recognise.rule import Rule

# --- shifts -----------------------------------------------------------------------------------


def _shift(b: Builder, u: Operand, axes: tuple[int, ...]) -> tuple[Operand, Operand] | None:
    """Return (x, c) where ``u`` is x - c and c is constant along ``axes``."""
    found = operands_of(b, u, "subtract")
    if not found or type(found[0]) is not Sym:
        return None
    x, c = found
    have, want = b.aval(x), b.aval(u)
    if have.dtype != want.dtype or not b.shapes.same_shape(have.shape, want.shape):
        return None
    sizes = aligned(b.aval(c).shape, len(want.shape))
    return (x, c) if all(b.shapes.same(sizes[k], 1) for k in axes) else None


def _is_max(b: Builder, c: Operand, x: Operand, axes: tuple[int, ...]) -> bool:
    """Return whether ``c``, a shift of ``x`` constant along ``axes``, is its largest there.

    Such a shift has room for the elements of the maximum in one arrangement only.
    """
    return reduction(b, c) == Reduction("max", x, axes)


def _shift_by_max(b: Builder, u: Operand, axes: tuple[int, ...]) -> Operand | None:
    """Return x where ``u`` is x - max(x) over ``axes``."""
    found = _shift(b, u, axes)
    return found[0] if found and _is_max(b, found[1], found[0], axes) else None


def _unshifted(b: Builder, u: Operand, axes: tuple[int, ...]) -> Operand:
    """Return x where ``u`` is x - c, else ``u``: softmax(x - c) = softmax(x)."""
    found = _shift(b, u, axes)
    return found[0] if found else u


# --- softmax ----------------------------------------------------------------------------------


def _normalised_exp(b: Builder, operands: Operands) -> Reduction | None:
    """Return u and its one axis where the quotient is exp(u) / sum(exp(u))."""
    e, total = operands
    u = argument(b, e, "exp")
    r = reduction(b, total) if u is not None else None
    if u is None or r is None or r.x is not e or len(r.axes) != 1:
        return None
    is_sum = r.name == "sum" and is_kept(b, total, r)
    return Reduction("softmax", u, r.axes) if is_sum else None


def _along(b: Builder, name: str, x: Operand, axes: tuple[int, ...]) -> Operand:
    return b.apply(name, b.wrap(x), axis=axes[0]).symbol


def _softmax_by_max(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    r = _normalised_exp(b, operands)
    x = _shift_by_max(b, r.x, r.axes) if r else None
    return _along(b, "softmax", x, r.axes) if r and x is not None else None


def _softmax(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    r = _normalised_exp(b, operands)
    return _along(b, "softmax", _unshifted(b, r.x, r.axes), r.axes) if r else None


def _softmax_of_turned(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    """Return the softmax where a matrix is turned so that sums without keepdims meet its rows."""
    row, r = b.definition(operands[0]), reduction(b, operands[1])
    if row is None or row.name != "transpose" or r is None or r.name != "sum":
        return None
    u = argument(b, r.x, "exp") if row.operands[0] is r.x and len(r.axes) == 1 else None
    if u is None or len(b.aval(u).shape) != 2 or row.setting("axes") != (1, 0):
        return None
    axis = 1 - r.axes[0]
    kept = reduced_shape(b.aval(operands[0]).shape, (axis,), True)
    if not b.shapes.same_shape(aligned(b.aval(operands[1]).shape, 2), kept):
        return None
    x = b.apply("transpose", _unshifted(b, u, r.axes), axes=(1, 0))
    return _along(b, "softmax", x.symbol, (axis,))


# --- logsumexp --------------------------------------------------------------------------------


def _log_of_sum_of_exp(b: Builder, v: Operand) -> Reduction | None:
    """Return u and axes where ``v`` holds the elements of log(sum(exp(u)))."""
    found = operands_of(b, rearranged(b, v), "log")
    return _sum_of_exp(b, found[0]) if found else None


def _sum_of_exp(b: Builder, total: Operand) -> Reduction | None:
    r = reduction(b, total)
    u = argument(b, r.x, "exp") if r and r.name == "sum" else None
    return Reduction("logsumexp", u, r.axes) if r and u is not None else None


def _logsumexp(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    r = _sum_of_exp(b, operands[0])
    if r is None or _shift_by_max(b, r.x, r.axes) is not None:
        return None  # the user's own form is stable already
    return reduced_like(b, operands[0], r)


def _logsumexp_plus_shift(b: Builder, operands: Operands, of_max: bool) -> Operand | None:
    for c, v in orders(operands):
        r = reduction(b, v)
        if r is None or r.name != "logsumexp":
            r = _log_of_sum_of_exp(b, v)
        found = _shift(b, r.x, r.axes) if r else None
        if r is None or found is None or not _undoes(b, c, found[1], v, r):
            continue
        if _is_max(b, found[1], found[0], r.axes) is of_max:
            return reduced_like(b, v, r._replace(name="logsumexp", x=found[0]))
    return None


def _undoes(b: Builder, c: Operand, shift: Operand, v: Operand, r: Reduction) -> bool:
    """Return whether c + v adds what x - shift took away, with v the reduction over x."""
    keepdims = keepdims_like(b, v, r)
    if keepdims is None or _identity(b, c) != _identity(b, shift):
        return False
    wide = aligned(b.aval(shift).shape, len(b.aval(r.x).shape))
    wanted = reduced_shape(wide, r.axes, keepdims)
    return b.shapes.same_shape(aligned(b.aval(c).shape, len(wanted)), wanted)


def _identity(b: Builder, v: Operand) -> Reduction | Operand:
    """Return what decides the elements of ``v``: equal for two ways to keep or drop axes."""
    return reduction(b, v) or rearranged(b, v)


def _logsumexp_by_max(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _logsumexp_plus_shift(b, operands, True)


def _logsumexp_by_shift(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return _logsumexp_plus_shift(b, operands, False)


# --- log_softmax ------------------------------------------------------------------------------


def _log_softmax_by_max(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    u, log_total = operands
    r = _log_of_sum_of_exp(b, log_total)
    if r is None or r.x is not u or len(r.axes) != 1 or not is_kept(b, log_total, r):
        return None
    x = _shift_by_max(b, u, r.axes)
    return _along(b, "log_softmax", x, r.axes) if x is not None else None


def _log_softmax(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    u, total = operands
    r = reduction(b, total)
    if r is None or r.name != "logsumexp" or r.x is not u or len(r.axes) != 1:
        return None
    if not is_kept(b, total, r):
        return None
    return _along(b, "log_softmax", _unshifted(b, u, r.axes), r.axes)


def _log_of_softmax(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    source, path = gathered(b, operands[0])
    row = b.definition(source)
    if row is None or row.name != "softmax":
        return None
    log_p = _along(b, "log_softmax", row.operands[0], (row.setting("axis"),))
    return regathered(b, log_p, path)


def _exp_of_log_softmax(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    row = b.definition(operands[0])
    if row is None or row.name != "log_softmax":
        return None
    return _along(b, "softmax", row.operands[0], (row.setting("axis"),))


# --- the laws ---------------------------------------------------------------------------------

RULES = (
    Rule("exp(x - m) / sum(exp(x - m)) = softmax(x), m = max(x)", "divide",
         _softmax_by_max, "exact",
         "the derivative needs the softmax only: the shift drops out"),
    Rule("exp(x - c) / sum(exp(x - c)) = softmax(x)", "divide", _softmax, "stability",
         "exp overflows above 709, and inf / inf is NaN"),
    Rule("log(sum(exp(x))) = logsumexp(x)", "log", _logsumexp, "stability",
         "exp overflows above 709 and underflows below -745: the largest x is subtracted first"),
    Rule("m + log(sum(exp(x - m))) = logsumexp(x), m = max(x)", "add",
         _logsumexp_by_max, "rounding",
         "the derivative is the softmax: the shift drops out"),
    Rule("c + log(sum(exp(x - c))) = logsumexp(x)", "add", _logsumexp_by_shift, "stability",
         "exp(x - c) may overflow or underflow where c is not the largest x"),
    Rule("(x - m) - log(sum(exp(x - m))) = log_softmax(x), m = max(x)", "subtract",
         _log_softmax_by_max, "exact",
         "the derivative needs the softmax only: the shift drops out"),
    Rule("(x - c) - logsumexp(x - c) = log_softmax(x)", "subtract", _log_softmax, "rounding",
         "the derivative needs the softmax only: the shift drops out"),
    Rule("log(softmax(x)) = log_softmax(x)", "log", _log_of_softmax, "stability",
         "a probability underflows to 0 beside one larger by 745, and its log to -inf"),
    Rule("exp(log_softmax(x)) = softmax(x)", "exp", _exp_of_log_softmax, "rounding",
         "the softmax is there already, or its derivative is shorter"),
)  # fmt: skip
