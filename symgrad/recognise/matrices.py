"""The laws of determinants and inverses that lose digits or overflow as written.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.
"""

from __future__ import annotations

from typing import Any

from symgrad.graph import Builder, Operand
from symgrad.recognise.moves import transposed
from symgrad.recognise.reading import Operands, argument, operands_of
from symgrad.recognise.recogniser import Recogniser
from symgrad.recognise.rule import Rule


def _log_of_det(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    found = operands_of(b, operands[0], "det")
    if not found:
        return None
    both: Any = b.apply("slogdet", found[0])
    log_sign: Any = b.apply("log", both[0])  # a negative determinant has no log: NaN
    total: Operand = (log_sign + both[1]).symbol
    return total


def _log_of_size_of_det(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    v = argument(b, operands[0], "absolute")
    found = operands_of(b, v, "det") if v is not None else ()
    both: Any = b.apply("slogdet", found[0]) if found else None
    return both[1].symbol if found else None


def _product_with_inverse(b: Recogniser, operands: Operands, settings: Any) -> Operand | None:
    terms, out = settings
    if len(operands) != 2 or not b.is_passing(operands[0]) or len(terms[0]) != 2:
        return None  # who else reads the inverse needs it
    found = operands_of(b, operands[0], "inv")
    (rows, inner), right = terms
    is_product = right[:1] == (inner,) and len(right) <= 2 and rows not in right
    if not found or not is_product or out != (rows, *right[1:]):
        return None
    return b.apply("solve", found[0], operands[1]).symbol


def _inverse_and_vector(b: Recogniser, operands: Operands, settings: Any) -> Operand | None:
    """Return the solution for inv(A)^T b, b inv(A) and whatever else sums over one axis."""
    terms, out = settings
    for k in (0, 1) if len(operands) == 2 else ():
        v, x = operands[k], operands[1 - k]
        if not b.is_passing(v) or b.aval(v).ndim != 2 or b.aval(x).ndim != 1:
            continue
        inverse, order = transposed(b, v, (0, 1))
        found = operands_of(b, inverse, "inv")
        labels = [terms[k][axis] for axis in order]  # transposing two axes is its own inverse
        if found and sorted([*terms[1 - k], *out]) == sorted(set(labels)):
            a, axes = transposed(b, found[0], (0, 1) if labels[0] in out else (1, 0))
            a = a if axes == (0, 1) else b.apply("transpose", a, axes=axes).symbol
            return b.apply("solve", a, x).symbol
    return None


RULES = (
    Rule("log(det(A)) = log(sign) + log|det(A)|", "log", _log_of_det, "stability",
         "the determinant of a large matrix overflows or underflows where its log does not"),
    Rule("log|det(A)| = slogdet(A)[1]", "log", _log_of_size_of_det, "stability",
         "the determinant of a large matrix overflows or underflows where its log does not"),
    Rule("inv(A) b = solve(A, b)", "contract", _product_with_inverse, "rounding",
         "one factorisation and no inverse: a third of the work, and more digits"),
    Rule("inv(A)^T b = solve(A^T, b)", "contract", _inverse_and_vector, "rounding",
         "one factorisation and no inverse: a third of the work, and more digits"),
)  # fmt: skip
