"""The law of arrays that are written element by element: a read finds what was written.

It is given a builder and the operands of an `index`; it returns the operand that takes the place
of the result, or None.  Invariant: only writes to other places, known by number, are looked
through.
"""

from __future__ import annotations

from typing import Any

from symgrad.graph import Builder, Operand
from symgrad.recognise.reading import Operands
from symgrad.recognise.rule import Rule


def _element_written(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    """Return what ``x[k]`` reads after ``x[k] = v`` and writes to other places ``x[j]``."""
    (key,) = settings
    x, *indices = operands
    if indices or not _is_place(key):
        return None
    passed = False
    while (row := b.definition(x)) is not None and row.name == "put_at":
        written = row.setting("key")
        if len(row.operands) > 2 or not _is_place(written) or len(written) != len(key):
            break
        if written == key:
            return row.operands[1]
        x, passed = row.operands[0], True
    return b.apply("index", x, key=key).symbol if passed else None


def _is_place(key: tuple[Any, ...]) -> bool:
    return all(type(k) is int and k >= 0 for k in key)


RULES = (
    Rule("(x with x[k] = v)[k] = v,  (x with x[j] = v)[k] = x[k]", "index",
         _element_written, "exact",
         "what was written is used as it is: no array in between"),
)  # fmt: skip
