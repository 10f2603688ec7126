"""The laws of determinants and inverses that lose digits or overflow as written.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.
"""

from __future__ import annotations

from typing import Any

from symgrad.graph import Builder, Operand
from symgrad.recognise.reading import Operands, operands_of
from symgrad.recognise.rule import Rule


def _log_of_det(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    found = operands_of(b, operands[0], "det")
    if not found:
        return None
    both: Any = b.apply("slogdet", found[0])
    log_sign: Any = b.apply("log", both[0])  # a negative determinant has no log: NaN
    total: Operand = (log_sign + both[1]).symbol
    return total


def _product_with_inverse(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    terms, out = settings
    if len(operands) != 2 or operands[0] in b.notes.names or len(terms[0]) != 2:
        return None  # an inverse with a name is used again
    found = operands_of(b, operands[0], "inv")
    (rows, inner), right = terms
    is_product = right[:1] == (inner,) and len(right) <= 2 and rows not in right
    if not found or not is_product or out != (rows, *right[1:]):
        return None
    return b.apply("solve", found[0], operands[1]).symbol


RULES = (
    Rule("log(det(A)) = log(sign) + log|det(A)|", "log", _log_of_det, "stability",
         "the determinant of a large matrix overflows or underflows where its log does not"),
    Rule("inv(A) b = solve(A, b)", "contract", _product_with_inverse, "rounding",
         "one factorisation and no inverse: a third of the work, and more digits"),
)  # fmt: skip
