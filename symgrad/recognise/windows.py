"""The law of products of windows: they are written out once, for all products that read them.

Windows are a view in which elements share memory, which no BLAS takes: each product copies them
first, or is left to loops.  The same product with the windows is needed again for the gradient.
"""

from __future__ import annotations

from typing import Any

from symgrad.graph import Builder, Operand, Sym
from symgrad.ops.table import is_view
from symgrad.recognise.reading import Operands
from symgrad.recognise.recogniser import Recogniser
from symgrad.recognise.rule import Rule


def _product_of_windows(b: Recogniser, operands: Operands, settings: Any) -> Operand | None:
    terms, _ = settings
    for k, x in enumerate(operands) if len(operands) == 2 else ():
        shared = set(terms[0]) & set(terms[1])
        if not shared or not _is_part_of_windows(b, x) or len(terms[1 - k]) < 2:
            continue  # NumPy multiplies a matrix of windows by a vector without a copy
        written_out = b.apply("materialise", x).symbol
        _pass_name_on(b, x, written_out)
        both = [written_out if n == k else y for n, y in enumerate(operands)]
        return b.apply("contract", *both, terms=terms, out=settings[1]).symbol
    return None


def _is_part_of_windows(b: Builder, x: Operand) -> bool:
    """Return whether ``x`` is a view of windows: of all, of every second, with axes moved."""
    row = b.definition(x)
    while row is not None and row.name in ("index", "transpose"):
        if not is_view(row, list(map(b.aval, row.operands))):
            return False
        row = b.definition(row.operands[0])
    return row is not None and row.name == "windows"


def _pass_name_on(b: Recogniser, x: Operand, written_out: Operand) -> None:
    """Let what the user called the windows be the copy, if nobody else reads the view."""
    if type(x) is Sym and b.readers[x] == 1:
        b.notes.copy(x, written_out, b.notes)
        b.notes.names.pop(x, None)


RULES = (
    Rule("windows(x) k = c k, c = copy of windows(x)", "contract", _product_of_windows, "rounding",
         "the windows are written out once for the value and the gradient, and BLAS takes them"),
)  # fmt: skip
