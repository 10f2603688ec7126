"""The law of elements that are chosen one a row: they are calculated with after the choice.

It is given a builder and the operands of an `index`; it returns the operand that takes the place
of the result, or None.
"""

from __future__ import annotations

from typing import Any

from symgrad.gather import element_of_each_row, picks_elements
from symgrad.graph import Operand
from symgrad.recognise.reading import Operands
from symgrad.recognise.recogniser import Recogniser
from symgrad.recognise.rule import Rule


def _chosen(b: Recogniser, operands: Operands, settings: Any) -> Operand | None:
    (key,) = settings
    if not picks_elements(key):
        return None
    x, *indices = map(b.wrap, operands)
    found = element_of_each_row(b, x, key, indices, b.is_passing)
    return found.symbol if found is not None else None


RULES = (
    Rule("f(x)[rows, y] = f(x[rows, y])", "index", _chosen, "exact",
         "only the elements that are chosen are calculated"),
)  # fmt: skip
