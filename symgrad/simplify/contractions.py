"""Laws of contractions: transposes, copies and signs fold into them, and common factors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.differentiate import zeros
from symgrad.graph import OPS, Op, Operand, Value
from symgrad.ops.contraction import contract
from symgrad.ops.table import op
from symgrad.simplify.reading import is_known_zeros, is_one, sign_to_move, value_of
from symgrad.simplify.rule import Rewrite, Rule, declaring
from symgrad.simplify.simplifier import Simplifier

RULES: list[Rule] = []
rule = declaring(RULES)


def _common_operand(head: str) -> Rewrite:
    """Return the law that adds matrices before they meet the one that both are multiplied by."""

    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        one, two = (b.sole(x, "contract") for x in xs)
        if one is None or two is None or len(one.operands) != 2 or len(two.operands) != 2:
            return None
        for k, m in ((0, 0), (0, 1), (1, 0), (1, 1)):
            if one.operands[k] != two.operands[m]:
                continue
            if _is_turned(one, 1 - k) and not _is_turned(two, 1 - m):
                found = _joined(b, head, two, m, one, k, is_first=False)
            else:
                found = _joined(b, head, one, k, two, m, is_first=True)
            if found is not None:
                return found.symbol
        return None

    return rewrite


def _joined(
    b: Simplifier, head: str, one: Op, k: int, two: Op, m: int, is_first: bool
) -> Value | None:
    """Return the product of the common operand ``k`` of ``one`` with the sum of the others."""
    other = _aligned(b, one, k, two, m)
    if other is None:
        return None
    mine = value_of(b, one.operands[1 - k])
    joined = b.apply(head, *((mine, other) if is_first or head == "add" else (other, mine)))
    factors = [value_of(b, x) for x in one.operands]
    factors[1 - k] = joined
    return contract(factors, *_settings_of(one))


def _is_turned(row: Op, k: int) -> bool:
    """Return whether a matrix product would spell operand ``k`` with ``.T``."""
    terms, out = _settings_of(row)
    return len(terms[k]) == 2 and (terms[k][0] in out) == (k == 1)


def _settings_of(row: Op) -> tuple[Any, Any]:
    return row.setting("terms"), row.setting("out")


def _aligned(b: Simplifier, one: Op, k: int, two: Op, m: int) -> Value | None:
    """Return the other operand of ``two``, its axes in the order of the other one of ``one``.

    Operand ``k`` of the one contraction is operand ``m`` of the other.
    """
    (terms, out), (theirs, their_out) = _settings_of(one), _settings_of(two)
    if any(len(set(term)) < len(term) for term in (*terms, *theirs)):
        return None
    if len(theirs[m]) != len(terms[k]) or len(their_out) != len(out):
        return None
    mine, other = terms[1 - k], theirs[1 - m]
    name = dict(zip(theirs[m], terms[k], strict=True)) | dict(zip(their_out, out, strict=True))
    if any(name[a] != c for a, c in zip(theirs[m], terms[k], strict=True)):
        return None
    if len(set(name.values())) < len(name):
        return None  # labels that are one there are two here
    renamed = tuple(name.get(label) for label in other)
    if set(renamed) != set(mine):
        return None
    value = value_of(b, two.operands[1 - m])
    axes = tuple(renamed.index(label) for label in mine)
    return value if axes == tuple(range(len(axes))) else op.transpose(value, axes=axes)


rule("add", "A C + B C = (A + B) C", "contract")(_common_operand("add"))
rule("subtract", "A C - B C = (A - B) C", "contract")(_common_operand("subtract"))


# --- contractions ----------------------------------------------------------------------------


@rule("contract", "0 A = 0", "full", "full_like", "broadcast_to")
def _product_with_zeros(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    if not any(is_known_zeros(b, x) for x in xs):
        return None
    return zeros(b, b.infer(OPS["contract"], xs, settings)[0]).symbol


@rule("contract", "A B = (B^T A^T)^T, where that is known")
def _turned_product(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    terms, out = settings
    if len(xs) != 2:
        return None
    number = {label: k for k, label in enumerate(dict.fromkeys((*terms[1], *terms[0])))}
    turned = tuple(tuple(number[label] for label in t) for t in terms[::-1])
    return b.known("contract", xs[::-1], (turned, tuple(number[label] for label in out)))


@rule("contract", "transposes, copies and signs fold into a contraction")
def _contraction(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    terms, out = settings
    for k, x in enumerate(xs):
        folded = _folded_operand(b, k, xs, terms, out)
        if folded is not None:
            return folded
        inner = sign_to_move(b, x)
        if inner is not None:
            return (-_contract_with(b, k, inner, xs, terms, out)).symbol
    return None


def _contract_with(
    b: Simplifier, k: int, x: Operand, xs: Sequence[Operand], terms: Any, out: Any, term: Any = None
) -> Value:
    factors = [value_of(b, x if i == k else y) for i, y in enumerate(xs)]
    labels = [t if i != k or term is None else term for i, t in enumerate(terms)]
    return contract(factors, labels, out)


def _folded_operand(
    b: Simplifier, k: int, xs: Sequence[Operand], terms: Any, out: Any
) -> Operand | None:
    row, term = b.definition(xs[k]), terms[k]
    if row is None:
        return None
    if row.name == "transpose":
        axes = row.setting("axes")
        inner = tuple(term[axes.index(i)] for i in range(len(axes)))
        return _contract_with(b, k, row.operands[0], xs, terms, out, inner).symbol
    if row.name == "broadcast_to" and b.new(xs[k], "broadcast_to") is not None:
        return _without_copies(b, k, row, xs, terms, out)
    return None


def _without_copies(
    b: Simplifier, k: int, row: Op, xs: Sequence[Operand], terms: Any, out: Any
) -> Operand | None:
    # A label that only copies carry is summed from the other operands alone, or copied at last.
    shape, source = row.setting("shape"), value_of(b, row.operands[0])
    lead = len(shape) - source.ndim
    term = terms[k]
    if len(set(term)) < len(term):
        return None
    copied = [i for i in range(len(shape)) if i < lead or is_one(source.shape[i - lead])]
    elsewhere = {label for i, t in enumerate(terms) if i != k for label in t}
    late = [out.index(term[i]) for i in copied if term[i] not in elsewhere and term[i] in out]
    if any(term[i] not in elsewhere and term[i] not in out for i in copied):
        return None
    ones = tuple(i - lead for i in copied if i >= lead)
    kept = op.squeeze(source, axis=ones) if ones else source
    inner = tuple(label for i, label in enumerate(term) if i not in copied)
    left = tuple(label for i, label in enumerate(out) if i not in late)
    product = _contract_with(b, k, kept.symbol, xs, terms, left, inner)
    if not late:
        return product.symbol
    want = b.infer(OPS["contract"], tuple(xs), (terms, out))[0]
    if product.ndim:
        product = op.expand_dims(product, axis=tuple(sorted(late)))
    return op.broadcast_to(product, shape=want.shape).symbol
