"""Numbers that depend on sizes: a polynomial for people, and its value in the example.

Given terms over the dims of a graph, `Amounts` adds them up.  Invariant: the order of terms and
factors follows the arguments' shapes, so the same program gives the same text everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symgrad.dims import Dim, Size, dims_in, plain, spell
from symgrad.graph import Graph


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that depends on the sizes of the arguments.

    ``formula`` is Python; ``traced`` is the number at the sizes of the example, or None where no
    example was given.
    """

    formula: str
    traced: int | None

    def __str__(self) -> str:
        """Return ``2 N D H + N H (= 1,234)``."""
        short = self.formula.replace(" * ", " ")
        if self.traced is None or self.formula.isdigit():
            return short if not self.formula.isdigit() else f"{int(short):,}"
        return f"{short} (= {self.traced:,})"

    def as_dict(self) -> dict[str, Any]:
        return {"formula": self.formula, "traced": self.traced}


class Amounts:
    """Adds up sizes of one graph, by the names that people know them by."""

    def __init__(self, graph: Graph):
        self.shapes = graph.shapes
        shown = (size for x in graph.inputs for size in graph.avals[x].shape)
        self.dims = dims_in(self.shapes.resolve_shape(tuple(shown)))

    def sizes(self) -> dict[str, int | None]:
        """Return the sizes of the arguments and what they are in the example."""
        return {self.shapes.label(dim): self.shapes.value(dim) for dim in self.dims}

    def total(self, sizes: Counter[Size]) -> Amount:
        """Return the sum of sizes, each taken as often as it is counted."""
        whole = sp.expand(sp.Add(*(n * self.shapes.resolve(size) for size, n in sizes.items())))
        terms = sorted(map(self._term, sp.Add.make_args(whole)), key=lambda term: term[0])
        text = terms[0][1]
        for _, term in terms[1:]:
            text += f" - {term[1:]}" if term.startswith("-") else f" + {term}"
        above, below = sp.fraction(sp.together(whole))
        value = self.shapes.value(plain(above))
        return Amount(text, None if value is None else round(value / int(below)))

    def _term(self, term: sp.Expr) -> tuple[Any, str]:
        """Return what a term is sorted by (the highest degree first) and its text."""
        number, rest = term.as_coeff_Mul()
        powers = [(f, int(n)) for f, n in rest.as_powers_dict().items() if f != 1]
        factors = sorted((self._place(f), f, n) for f, n in powers)
        words = [self._factor(f) + (f"**{n}" if n > 1 else "") for _, f, n in factors]
        sign, number = ("-", -number) if number < 0 else ("", number)
        if number != 1 or not words:
            words.insert(0, str(number))
        degree = sum(n for _, _, n in factors)
        key = (-degree, [place for place, _, n in factors for _ in range(n)], sign)
        return key, sign + " * ".join(words)

    def _place(self, factor: sp.Expr) -> tuple[int, str]:
        known = factor in self.dims
        return (self.dims.index(factor) if known else len(self.dims)), self._factor(factor)

    def _factor(self, factor: sp.Expr) -> str:
        text = spell(factor, self.shapes.label)
        return text if isinstance(factor, Dim) or text.endswith(")") else f"({text})"


def scaled(times: int, sizes: Iterable[Size]) -> Counter[Size]:
    """Return the sum of ``sizes``, taken ``times`` times."""
    return Counter({size: times * n for size, n in Counter(sizes).items()})
