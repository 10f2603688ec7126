"""Laws of linear systems and of triangles of symmetric matrices."""

from __future__ import annotations

from typing import Any

from symgrad.graph import Operand
from symgrad.ops.table import op
from symgrad.simplify.reading import is_scalar, value_of
from symgrad.simplify.rule import Rewrite, Rule, declaring
from symgrad.simplify.simplifier import Simplifier

RULES: list[Rule] = []
rule = declaring(RULES)


def _known_solution(head: str) -> Rewrite:
    """Return the law that solves no system again whose right side is only scaled."""

    def rewrite(b: Simplifier, xs: tuple[Operand, ...], settings: Any) -> Operand | None:
        *system, right = xs
        scales = []
        while (row := b.definition(right)) is not None and row.name == "multiply":
            scale, right = row.operands
            if not is_scalar(b, scale):
                return None
            scales.append(scale)
            known = b.known(head, (*system, right), settings)
            if known is not None:
                found = value_of(b, known)
                for scale in reversed(scales):
                    found = value_of(b, scale) * found
                return found.symbol
        return None

    return rewrite


for _head in ("solve", "cholesky_solve"):
    rule(_head, "solve(A, c b) = c solve(A, b), where that is known")(_known_solution(_head))


def _one_triangle(head: str) -> Rewrite:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        one, two = (b.sole(x, "halved_lower") for x in xs)
        if one is None or two is None:
            return None
        both = b.apply(head, value_of(b, one.operands[0]), value_of(b, two.operands[0]))
        found: Operand = op.halved_lower(both).symbol
        return found

    return rewrite


rule("add", "Phi(A) + Phi(B) = Phi(A + B)", "halved_lower")(_one_triangle("add"))
rule("subtract", "Phi(A) - Phi(B) = Phi(A - B)", "halved_lower")(_one_triangle("subtract"))
