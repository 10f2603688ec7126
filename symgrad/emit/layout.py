"""Lines that fit: the layout that `ruff format` gives Python code of this width."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise

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


def exploded(before: str, text: str, after: str, indent: int) -> list[str]:
    """Return ``before``, an expression and ``after``, opened at its last bracket where too long.

    A call tries its arguments together on one line first; a tuple, list or dict goes straight to
    one item a line, and an only argument takes no comma.
    """
    one = f"{before}{text}{after}"
    opening = _last_bracket(text)
    if fits(one, indent) or opening < 0:
        return [one]
    head, inside, closing = text[: opening + 1], text[opening + 1 : -1], text[-1]
    items = split_items(inside)
    is_call = opening > 0
    if is_call and fits(f"    {inside}", indent):
        return [f"{before}{head}", f"    {inside}", f"{closing}{after}"]
    comma = "" if is_call and len(items) == 1 else ","
    lines = [f"{before}{head}"]
    for item in items:
        name, value = _named(item, closing)
        lines += [f"    {line}" for line in exploded(name, value, comma, indent + 4)]
    return [*lines, f"{closing}{after}"]


def wrapped(line: str, indent: int) -> list[str]:
    """Return an assignment that is too wide although nothing in it is left to name."""
    if fits(line, indent) or (found := re.match(r"( *)(.+? [-+*/]?= )(.+)", line)) is None:
        return [line]
    inner, before, value = found.groups()
    if inner:
        return [f"{inner}{part}" for part in wrapped(line[len(inner) :], indent + len(inner))]
    parts = _operands(value)
    if len(parts) == 1 and _last_bracket(value) > 0:
        return exploded(before, value, "", indent)
    if fits(value, indent + 4):
        return [f"{before}(", f"    {value}", ")"]
    return [f"{before}(", *(f"    {part}" for part in parts), ")"]


def _operands(text: str) -> list[str]:
    """Divide at the weakest operators outside of brackets, each before its right operand."""
    places: dict[str, list[int]] = {"+-": [], "*/@": []}
    depth = 0
    for k, c in _code(text):
        depth += (c in "[({") - (c in "])}")
        for signs, found in places.items():
            if depth == 0 and c in signs and text[k - 1 : k + 2] == f" {c} ":
                found.append(k)
    cuts = places["+-"] or places["*/@"]
    return [text[a:b].strip() for a, b in pairwise([0, *cuts, len(text)])]


def split_items(text: str) -> list[str]:
    """Divide at the commas outside of brackets and strings."""
    items, depth, start = [], 0, 0
    for k, c in _code(text):
        depth += (c in "[({") - (c in "])}")
        if c == "," and depth == 0:
            items.append(text[start:k].strip())
            start = k + 1
    items.append(text[start:].strip())
    return [item for item in items if item]


def _code(text: str) -> Iterator[tuple[int, str]]:
    """Yield the characters outside of strings, with their places."""
    k, quote = 0, ""
    while k < len(text):
        c = text[k]
        if quote:
            k += c == "\\"
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        else:
            yield k, c
        k += 1


def _last_bracket(text: str) -> int:
    """Return where the bracket that closes the whole text opens, or -1."""
    stack, last = [], -1
    for k, c in _code(text):
        if c in "[({":
            stack.append(k)
        elif c in "])}":
            last = stack.pop()
            if k == len(text) - 1 and not stack:
                return last
    return -1


def _named(item: str, closing: str) -> tuple[str, str]:
    """Divide ``key: value`` of a dict and ``name=value`` of a call from the value."""
    depth = 0
    mark = {"}": ":", ")": "="}.get(closing, "")
    for k, c in _code(item):
        depth += (c in "[({") - (c in "])}")
        if c == mark and depth == 0:
            end = k + 2 if mark == ":" else k + 1
            return item[:end], item[end:]
    return "", item
