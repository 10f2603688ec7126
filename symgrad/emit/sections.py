"""Where a function's lines are divided, and what each part is called.

Given the statements of one function, return the places where a blank line and a comment go: the
gradient line by line of the user's own code, from the value back to the inputs.  Invariant: what
is said of lines is the user's own text, in one comment that nothing in it can end or direct.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from symgrad.emit.layout import WIDTH
from symgrad.graph import Origin, Sym
from symgrad.schedule import Statement
from symgrad.stage import Statement as UsersLine
from symgrad.stage import statement_at

FEWEST_LINES = 5  # a shorter gradient is read at a glance
OFTEN = 3  # rounds of a loop that are shown line by line

# A comment with one of these words in front tells a tool something.
_DIRECTIVE = re.compile(r"(noqa|nosec)\b|[\w-]+:", re.IGNORECASE)


def comment(text: str) -> str:
    """Return the user's text as a comment of one line, or nothing if it would mislead a tool."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    shown, mark, _ = plain.partition("#")
    if mark or len(shown) > WIDTH - 6:
        shown = f"{shown[: WIDTH - 10].rstrip()} ..."
    return "" if _DIRECTIVE.match(shown) else shown


def gradient_sections(
    statements: Sequence[Statement], origins: Mapping[Sym, Origin], value: Collection[Sym]
) -> dict[int, str]:
    """Return at which statements the parts of the gradient begin, each with its comment.

    ``value`` is what the value needs, if the same function computes it.

    Parts are made only where they help: there are two at least, and clearly more lines.
    """
    found = [origins.get(s.eqn.lhs[0]) for s in statements]
    first = max([k + 1 for k, s in enumerate(statements) if s.eqn.lhs[0] in value], default=0)
    starts = _not_too_often(_rounds(found, first))
    lines = len(statements) - first
    if len(starts) < 2 or lines < FEWEST_LINES or 3 * lines < 4 * len(starts):
        starts = {}
    begin = {first: ""} if 0 < first < len(statements) else {}
    return begin | {k: comment(line.text) for k, line in starts.items()}


def _not_too_often(starts: Mapping[int, UsersLine]) -> dict[int, UsersLine]:
    """Return the places but those of lines that the reader knows by now.

    Of a loop with many rounds only the first line of a round is shown again and again.
    """
    often = [line for line, count in Counter(starts.values()).items() if count > OFTEN]
    shown: Counter[UsersLine] = Counter()
    kept = {}
    for k, line in starts.items():
        shown[line] += 1
        if shown[line] <= OFTEN or line is often[0]:
            kept[k] = line
    return kept


def _rounds(origins: Sequence[Origin | None], first: int) -> dict[int, UsersLine]:
    """Return where the gradient comes to another line of the user's, or to another round of it.

    What belongs to none, such as a value that is computed again, goes with what follows.
    """
    line_of = functools.cache(statement_at)
    starts: dict[int, UsersLine] = {}
    now: UsersLine | None = None
    before, start = None, first
    for k in range(first, len(origins)):
        origin = origins[k]
        line = line_of(origin.code, origin.lasti) if origin and origin.step >= 0 else None
        if origin is None or line is None:
            continue
        if line is not now or _goes_round(line, before, origin):
            starts[start] = now = line
        before, start = origin, k + 1
    return starts


def _goes_round(line: UsersLine, before: Origin | None, origin: Origin) -> bool:
    """Return whether the same line was run again: backwards through it, a later place follows."""
    if before is None or line.has_rounds or before.code is not origin.code:
        return False
    return origin.lasti > before.lasti and origin.step < before.step
