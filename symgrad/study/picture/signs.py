"""The sign that stands in a gate: ``+``, ``×``, ``exp``, ``+1``, ``1/x``.

Given the equation of a gate, return its sign.  Numbers are part of the sign, as lectures draw
them.  Invariant: read off how the op's row spells it, so that a new op has a sign.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from symgrad.graph import Op, Static
from symgrad.ops.table import ATOM

MARKS = {"*": "×", "/": "÷", "**": "^", "-": "−"}
SHORT = {
    "maximum": "max",
    "minimum": "min",
    "absolute": "|x|",
    "negative": "×-1",
    "square": "x²",
    "cube": "x³",
    "sqrt": "√",
    "reciprocal": "1/x",
    "sigmoid": "σ",
    "sum": "Σ",
    "prod": "Π",
    "transpose": "T",
    "expand_dims": "reshape",
    "squeeze": "reshape",
    "broadcast_to": "broadcast",
    "concatenate": "join",
    "take_along": "pick",
    "put_at": "put",
    "add_at": "add at",
    "add_windows": "add windows",
    "max_in_windows": "max",
    "min_in_windows": "min",
    "sum_in_windows": "Σ",
    "mean_in_windows": "mean",
}
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
LETTERS = "xyzuvw"


def sign(rhs: Op, text: str) -> tuple[str, ...]:
    """Return the rows of a gate's sign; ``text`` is its formula by the names of other nodes."""
    if rhs.name == "contract":
        return (_product(text),)
    if rhs.name == "index":
        found = re.match(r"^\w+(\[.*\])$", text)
        return (found[1].replace("np.", ""),) if found else ("pick",)
    numbers = [_number(x.value) if isinstance(x, Static) else None for x in rhs.operands]
    short = SHORT.get(rhs.name, rhs.name)
    if not rhs.facts.elementwise:
        axis = re.search(r"axis=(-?\d+|\([^()]*\))", text)
        return (short, axis[0]) if axis else (short,)
    spelled = rhs.facts.spell["numpy"]
    if rhs.facts.precedence < ATOM and isinstance(spelled, str) and len(numbers) == 2:
        return (_infix(_mark(spelled), numbers),)
    if any(numbers):
        return (_call(short, numbers),)
    return (short,)


def _mark(spelled: str) -> str:
    return re.sub(r"\{.*?\}", "", spelled).strip()


def _infix(mark: str, numbers: Sequence[str | None]) -> str:
    """Return the sign of an operator, with the number that it is applied with."""
    left, right = numbers
    shown = MARKS.get(mark, mark)
    if left is None and right is None:
        return shown
    if right is not None and mark == "**":
        whole = right.lstrip("-").isdigit()
        return f"x{right.translate(RAISED)}" if whole else f"x^{right}"
    if right is not None and left is None:
        return f"{shown}{right}"
    if mark in "+*" and left is not None:
        return f"{shown}{left}"
    mark = "/" if mark == "/" else shown
    return f"{left}{mark}{right or 'x'}"


def _call(name: str, numbers: Sequence[str | None]) -> str:
    free = iter(LETTERS)
    inside = [number if number is not None else next(free, "·") for number in numbers]
    return f"{name}({', '.join(inside)})"


def _product(text: str) -> str:
    """Return the sign of a contraction: what its spelling calls it."""
    call = re.search(r"np\.(?:linalg\.)?(\w+)\(", text)
    if " @ " in text:
        return "@"
    return call[1] if call else "·"


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:.4g}"
