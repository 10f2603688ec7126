"""What a gate does to the gradient that passes it: the patterns that lectures name.

Invariant: a word is said only where it is true of every operand that a gradient reaches.
"""

from __future__ import annotations

from collections.abc import Iterable

PATTERNS = {
    "distributes": ("add", "subtract", "sum", "mean", "broadcast_to", "concatenate", "stack"),
    "switches": ("multiply", "contract", "cross"),
    "routes": ("maximum", "minimum", "fmax", "fmin", "max", "min", "where", "clip", "index"),
}
WORDS = {op: word for word, ops in PATTERNS.items() for op in ops}
SUMS = "sums"

LEGEND = {
    "distributes": (
        "+ distributes: every operand gets the upstream gradient (negated by a minus, divided by "
        "n in a mean)"
    ),
    "switches": "× switches: each operand gets the upstream gradient times the other operand",
    "routes": "max routes: what was taken gets the upstream gradient, the rest gets 0",
    SUMS: "copy sums: a value read several times gets the sum of what flows back to it",
}


def pattern(op: str, operands: int) -> str:
    """Return what a gate with that many operands on wires does to the gradient, or ""."""
    word = WORDS.get(op, "")
    return "" if word == "switches" and operands < 2 else word


def legend(words: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence for each pattern that occurs."""
    found = set(words)
    return tuple(text for word, text in LEGEND.items() if word in found)
