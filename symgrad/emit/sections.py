"""Where a function's lines are divided, and what each part is called.

Given the statements of one function, return the places where a blank line and a comment go: the
gradient line by line of the user's own code, from the value back to the inputs.  Invariant: what
is said of lines is the user's own text, in one comment that nothing in it can end or direct.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from symgrad.emit.layout import WIDTH
from symgrad.graph import Origin, Sym
from symgrad.schedule import Statement
from symgrad.stage import Statement as UsersLine
from symgrad.stage import statement_at

FEWEST_LINES = 5  # a shorter gradient is read at a glance
OFTEN = 3  # rounds of a loop that are shown line by line

# A comment with one of these words in front tells a tool something.
_DIRECTIVE = re.compile(r"noqa|nosec|[\w-]+:", re.IGNORECASE)


def comment(text: str) -> str:
    """Return the user's text as a comment of one line, or nothing if it would mislead a tool."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    shown, mark, _ = plain.partition("#")
    if mark or _columns(shown) > WIDTH - 6:
        while _columns(shown) > WIDTH - 10:
            shown = shown[:-1]
        shown = f"{shown.rstrip()} ..."
    return "" if _DIRECTIVE.match(shown) else shown


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@dataclass(frozen=True, slots=True)
class Division:
    """Before which statements a blank line or a comment goes."""

    blank: frozenset[int] = frozenset()
    comments: Mapping[int, str] = field(default_factory=dict)


class Lines:
    """The user's lines that statements come from."""

    def __init__(self, statements: Sequence[Statement], origins: Mapping[Sym, Origin]):
        self.origins = [origins.get(s.eqn.lhs[0]) for s in statements]
        self.fills = [s.mode == "store" and s.starts == "own" for s in statements]
        self._known: dict[tuple[int, int], tuple[UsersLine, int] | None] = {}

    def at(self, origin: Origin | None) -> UsersLine | None:
        """Return the line that a value comes from, if it can be read."""
        found = self._found(origin)
        return found[0] if found is not None else None

    def place(self, origin: Origin) -> int:
        """Return the place in its code that a value comes from."""
        found = self._found(origin)
        return found[1] if found is not None else 0

    def _found(self, origin: Origin | None) -> tuple[UsersLine, int] | None:
        if origin is None:
            return None
        code, lasti = origin.told
        key = id(code), lasti
        if key not in self._known:
            self._known[key] = statement_at(code, lasti)
        return self._known[key]


def divide(
    statements: Sequence[Statement],
    heights: Sequence[int],
    origins: Mapping[Sym, Origin],
    value: Collection[Sym],
    rewritten: Iterable[Origin],
    comments: bool,
) -> Division:
    """Return the division of a function: the value, then the gradient in parts.

    ``heights`` counts each statement's lines; ``value`` is what the value needs, if the same
    function computes it; ``rewritten`` says where the user wrote what a law computes otherwise.
    """
    lines = Lines(statements, origins)
    first = max([k + 1 for k, s in enumerate(statements) if s.eqn.lhs[0] in value], default=0)
    parts = _parts(lines, heights, first)
    blank = {*parts, *([first] if 0 < first < len(statements) else [])}
    spoken = {**_rewritten(lines, first, rewritten), **parts} if comments else {}
    return Division(frozenset(blank), {k: comment(line.text) for k, line in spoken.items() if line})


def _rewritten(lines: Lines, end: int, places: Iterable[Origin]) -> dict[int, UsersLine]:
    """Return where the value comes to a line of which a law made something else."""
    wanted = {line for place in places if (line := lines.at(place)) is not None}
    found: dict[int, UsersLine] = {}
    now = None
    for k in range(end) if wanted else ():
        line = lines.at(lines.origins[k])
        if line is not now and line in wanted:
            found[k] = line
        now = line
    return found


def _parts(lines: Lines, heights: Sequence[int], first: int) -> dict[int, UsersLine | None]:
    """Return where the gradient comes to another line of the user's, where it helps to see it.

    There must be two at least, and clearly more lines than parts.
    """
    starts = _not_too_often(_rounds(lines, first))
    count = sum(heights[first:])
    is_helped = len(starts) > 1 and count >= FEWEST_LINES and 2 * count >= 3 * len(starts)
    return starts if is_helped else {}


def _not_too_often(starts: Mapping[int, UsersLine | None]) -> dict[int, UsersLine | None]:
    """Return the places but those of lines that the reader knows by now.

    Of a loop with many rounds only the first line of a round is shown again and again.
    """
    rounds = Counter(line for line in starts.values() if line is not None)
    often = [line for line, count in rounds.items() if count > OFTEN]
    shown: Counter[UsersLine | None] = Counter()
    kept = {}
    for k, line in starts.items():
        shown[line] += 1
        if line is None or shown[line] <= OFTEN or line is often[0]:
            kept[k] = line
    return kept


def _rounds(lines: Lines, first: int) -> dict[int, UsersLine | None]:
    """Return where the gradient comes to another line, or to another round of the same.

    What belongs to none, such as a value that is computed again, goes with what follows.  An
    array that is filled from several lines is a part of its own.
    """
    starts: dict[int, UsersLine | None] = {}
    now, before, start, lowest, is_moved = None, None, first, math.inf, False
    seen: set[int] = set()
    for k in range(first, len(lines.origins)):
        origin = lines.origins[k]
        line = lines.at(origin) if origin is not None and origin.step >= 0 else None
        if line is None or origin is None:
            continue
        is_moved = origin.step > lowest or (is_moved and lines.fills[k])
        if is_moved:
            if line is not now and not lines.fills[k]:
                starts[start] = now = None
        elif line is not now or _goes_round(lines, line, before, origin, seen):
            starts[start] = now = line
            seen.clear()
        seen.add(lines.place(origin))
        before, start, lowest = origin, k + 1, min(lowest, origin.step)
    return starts


def _goes_round(
    lines: Lines, line: UsersLine, before: Origin | None, origin: Origin, seen: Collection[int]
) -> bool:
    """Return whether the same line was run again: backwards through it, a later place follows.

    It is one of those ``seen`` in this part.  What one place of the code computes has steps side
    by side.
    """
    if before is None or line.has_rounds or before.told[0] is not origin.told[0]:
        return False
    if origin.caller is not None and origin.code is before.code and origin.lasti < before.lasti:
        return False  # further back in the same call
    last, now = lines.place(before), lines.place(origin)
    return now in seen and now >= last and origin.step < before.step - (now == last)
