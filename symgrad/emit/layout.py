"""Lines that fit: the layout that `ruff format` gives Python code of this width."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

WIDTH = 100


def fits(text: str, indent: int = 4) -> bool:
    return indent + len(text) <= WIDTH


def bracketed(
    before: str, items: Sequence[str], after: str, indent: int, is_call: bool = True
) -> list[str]:
    """Return ``before(items)after`` on one line, or as many as it needs.

    A call or a definition tries its arguments together on one line first; a tuple or list goes
    straight to one item a line.  ``before`` ends with the opening bracket.
    """
    one = f"{before}{', '.join(items)}{after}"
    if fits(one, indent) or not items:
        return [one]
    together = f"    {', '.join(items)}"
    if is_call and fits(together, indent):
        return [before, together, after]
    return [before, *(f"    {item}," for item in items), after]


def with_note(line: str, note: str, indent: int = 4) -> str:
    """Return the line with a comment behind it, if both fit."""
    noted = f"{line}  # {note}"
    return noted if note and fits(noted, indent) else line


def paragraph(words: Sequence[str], between: str = "  ") -> list[str]:
    """Return the words set in lines of at most the width."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(between) + len(word) <= WIDTH:
            lines[-1] += between + word
        else:
            lines += textwrap.wrap(word, WIDTH) or [""]
    return lines


def array_lines(before: str, text: str, after: str, indent: int) -> list[str]:
    """Return a long ``np.array([...])`` with one element, or one row, a line."""
    one = f"{before}{text}{after}"
    if fits(one, indent):
        return [one]
    open_call, inside = text.split("(", 1)
    inside, more = _split_literal(inside[:-1])
    lines = _exploded(inside, indent + 4)
    tail = [f"    {part}," for part in more]
    if not tail and len(lines) == 1:
        return [f"{before}{open_call}(", *(f"    {line}" for line in lines), f"){after}"]
    if tail:
        lines[-1] += ","
    return [f"{before}{open_call}(", *(f"    {line}" for line in lines), *tail, f"){after}"]


def _split_literal(text: str) -> tuple[str, list[str]]:
    """Divide ``[...], dtype=...`` into the list and what follows."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c == "[") - (c == "]")
        if depth == 0:
            rest = text[k + 1 :].lstrip(", ")
            return text[: k + 1], [rest] if rest else []
    return text, []


def _exploded(text: str, indent: int) -> list[str]:
    if fits(text, indent):
        return [text]
    lines = ["["]
    for item in _items(text[1:-1]):
        inner = _exploded(item, indent + 4)
        inner[-1] += ","
        lines += [f"    {line}" for line in inner]
    return [*lines, "]"]


def _items(text: str) -> list[str]:
    items, depth, start = [], 0, 0
    for k, c in enumerate(text):
        depth += (c in "[(") - (c in "])")
        if c == "," and depth == 0:
            items.append(text[start:k].strip())
            start = k + 1
    items.append(text[start:].strip())
    return [item for item in items if item]
