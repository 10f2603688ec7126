"""Laws of diagonal matrices: a product with one scales rows, and so needs no matrix.

Invariant: a diagonal is as long as both axes, all of whose places it fills in order.
"""

from __future__ import annotations

from typing import Any

from symgrad.graph import Op, Operand, Value
from symgrad.ops.contraction import contract
from symgrad.ops.indexing import ARRAY
from symgrad.simplify.reading import is_zeros, value_of
from symgrad.simplify.rule import Rule, declaring
from symgrad.simplify.simplifier import Simplifier

RULES: list[Rule] = []
rule = declaring(RULES)


@rule("contract", "I A = A,  diag(d) A = d[:, None] A")
def _with_diagonal(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    terms, out = settings
    for k, x in enumerate(xs):
        if len(terms[k]) != 2 or len(xs) < 2:
            continue
        (i, j), row = terms[k], b.definition(x)
        is_identity = row is not None and _is_identity(b, row)
        d = None if row is None or is_identity else _diagonal(b, row)
        if i == j or (d is None and not is_identity):
            continue
        others = [t for n, t in enumerate(terms) if n != k]
        if d is None and not any(i in t or j in t for t in others):
            continue
        found = _contracted(b, xs, terms, out, k, d)
        if found is not None:
            return found.symbol
    return None


def _contracted(
    b: Simplifier, xs: tuple[Operand, ...], terms: Any, out: Any, k: int, d: Value | None
) -> Value | None:
    """Return the contraction with ``d``, or with nothing, in the place of diagonal ``k``."""
    i, j = terms[k]
    factors: list[Any] = [value_of(b, x) for x in xs]
    labels = [tuple(i if label == j else label for label in t) for t in terms]
    left = tuple(i if label == j else label for label in out)
    factors[k : k + 1], labels[k : k + 1] = ([], []) if d is None else ([d], [(i,)])
    if any(len(set(t)) < len(t) for t in (*labels, left)):
        return None
    return contract(factors, labels, left)


def _is_identity(b: Simplifier, row: Op) -> bool:
    if row.name != "eye" or row.setting("k") != 0:
        return False
    return b.shapes.same(row.setting("n"), row.setting("m"))


def _diagonal(b: Simplifier, row: Op) -> Value | None:
    """Return d where ``row`` writes d on the diagonal of a square of zeros."""
    if row.name not in ("put_at", "add_at") or not _is_blank(b, row.operands[0]):
        return None
    base, d, *indices = (value_of(b, x) for x in row.operands)
    if d.dtype != base.dtype or d.ndim != 1:
        return None
    return d if _is_whole_diagonal(b, base, row.setting("key"), indices) else None


def _is_blank(b: Simplifier, x: Operand) -> bool:
    row = b.definition(x)
    if row is not None and row.name == "full":  # the user's own zeros are as good
        return bool(row.setting("value") == 0)
    return is_zeros(b, x)


def _is_whole_diagonal(b: Simplifier, x: Value, key: Any, indices: list[Value]) -> bool:
    if key != (ARRAY, ARRAY) or x.ndim != 2 or indices[0].symbol is not indices[1].symbol:
        return False
    rows = b.definition(indices[0].symbol)
    if rows is None or rows.name != "arange" or rows.setting("start") != 0:
        return False
    return all(b.shapes.same(rows.setting("stop"), size) for size in x.shape)


@rule("index", "diag(A B)_i = sum_j A_ij B_ji", "contract")
def _diagonal_of_product(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    row = b.sole(xs[0], "contract")
    x, *indices = (value_of(b, v) for v in xs)
    if row is None or not _is_whole_diagonal(b, x, settings[0], indices):
        return None
    terms, (i, j) = row.setting("terms"), row.setting("out")
    one = [tuple(i if label == j else label for label in t) for t in terms]
    if any(len(set(t)) < len(t) for t in one):
        return None
    return contract([value_of(b, v) for v in row.operands], one, (i,)).symbol
