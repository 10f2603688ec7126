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


def _eigenvalues(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    both: Any = b.apply("eigh", operands[0], lower=settings[0])
    return both[0].symbol  # type: ignore[no-any-return]


def _singular_values(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    all_three: Any = b.apply("svd", operands[0], tall=settings[0])
    return all_three[1].symbol  # type: ignore[no-any-return]


def _cholesky(b: Builder, v: Operand) -> Operand | None:
    """Return the matrix whose lower Cholesky factor ``v`` is."""
    row = b.definition(v)
    if row is None or row.name != "cholesky" or row.setting("upper") or b.aval(v).ndim != 2:
        return None
    return row.operands[0]


def _solved_twice(b: Recogniser, operands: Operands, settings: Any) -> Operand | None:
    inner = operands_of(b, operands[1], "solve")
    if not inner or b.aval(operands[0]).ndim != 2:
        return None
    factor, order = transposed(b, operands[0], (0, 1))
    a = _cholesky(b, factor)
    if a is None or order != (1, 0) or inner[0] != factor:
        return None
    return b.apply("cholesky_solve", a, factor, inner[1]).symbol


def _half_logdet(b: Recogniser, operands: Operands, settings: Any) -> Operand | None:
    logs = argument(b, operands[0], "log")
    row = b.definition(logs) if logs is not None else None
    if row is None or row.name != "index" or b.aval(operands[0]).ndim != 1 or settings[1]:
        return None
    factor, *places = row.operands
    a = _cholesky(b, factor)
    if a is None or len(places) != 2 or places[0] != places[1]:
        return None
    line = b.definition(places[0])
    whole = b.aval(factor).shape[0]
    if line is None or line.name != "arange" or line.setting("start") != 0:
        return None
    if not b.shapes.same(line.setting("stop"), whole):
        return None
    return b.apply("half_logdet", a, factor).symbol


BY_MATRIX = "what does not depend on the choice of a factor is differentiated by the matrix itself"
RULES = (
    Rule("log(det(A)) = log(sign) + log|det(A)|", "log", _log_of_det, "stability",
         "the determinant of a large matrix overflows or underflows where its log does not"),
    Rule("log|det(A)| = slogdet(A)[1]", "log", _log_of_size_of_det, "stability",
         "the determinant of a large matrix overflows or underflows where its log does not"),
    Rule("inv(A) b = solve(A, b)", "contract", _product_with_inverse, "rounding",
         "one factorisation and no inverse: a third of the work, and more digits"),
    Rule("inv(A)^T b = solve(A^T, b)", "contract", _inverse_and_vector, "rounding",
         "one factorisation and no inverse: a third of the work, and more digits"),
    Rule("solve(L^T, solve(L, b)) = inv(A) b, L L^T = A", "solve", _solved_twice, "exact",
         BY_MATRIX),
    Rule("sum(log(diag(L))) = log(det(A)) / 2, L L^T = A", "sum", _half_logdet, "exact",
         BY_MATRIX),
    Rule("eigvalsh(A) = eigh(A)[0]", "eigvalsh", _eigenvalues, "rounding",
         "the gradient is made of the eigenvectors, so the matrix is factorised once"),
    Rule("svdvals(A) = svd(A)[1]", "svdvals", _singular_values, "rounding",
         "the gradient is made of the singular vectors, so the matrix is factorised once"),
)  # fmt: skip
