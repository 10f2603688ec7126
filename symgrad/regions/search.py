"""The cheapest accurate way to compute what a region computes, found once for each pattern.

A pattern is a region without its symbols: its rows, what kind each leaf is, and which leaves
others define.  Invariant: what is found depends on the pattern alone, so the same program gives
the same text in every process; all bounds are counts, never times.
"""

from __future__ import annotations

import functools
import heapq
from dataclasses import dataclass

from sympy.polys.fields import FracElement

from symgrad.regions import forms
from symgrad.regions.accuracy import is_as_accurate
from symgrad.regions.terms import Row, Terms

LEAST_GAIN = 0.12  # microseconds: a short operation in place of two
MOST_STATES = 24  # ways to replace leaves by their definitions, or others by leaves
MOST_WRITTEN = 5  # of these are written out
MOST_CHECKED = 6


@dataclass(frozen=True, slots=True)
class Pattern:
    """A region without its symbols.

    Leaf ``k`` is ``rows[k]``.  ``definitions`` are leaves with the rows that compute them: some
    the region does not read, but may.  ``hidden`` leaves stand inside a line of the user's and
    would need one of their own.
    """

    rows: tuple[Row, ...]
    root: int
    masks: tuple[int, ...]
    kinds: tuple[str, ...]
    whole: int
    definitions: tuple[tuple[int, int], ...]
    hidden: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """A better way: rows over the pattern's leaves, and which of them is the result."""

    rows: tuple[Row, ...]
    root: int


@functools.lru_cache(maxsize=4096)
def better(pattern: Pattern) -> Found | None:
    """Return a cheaper way that is as accurate, or None."""
    terms = Terms(pattern.masks, pattern.whole, pattern.hidden)
    for given in pattern.rows[len(pattern.masks) :]:
        terms.number_or_make(given)
    for leaf, definition in pattern.definitions:
        terms.define(leaf, definition)
    original = pattern.root
    try:
        states = _states(pattern, terms)
    except (forms.TooLargeError, ZeroDivisionError):
        return None
    limit = terms.cost(original) - LEAST_GAIN
    rows = [row for state in states for row in forms.written(terms, state)]
    costs = {row: terms.cost(row) for row in rows}
    cheaper = [row for row in dict.fromkeys(rows) if costs[row] <= limit]
    for row in sorted(cheaper, key=costs.__getitem__)[:MOST_CHECKED]:
        if is_as_accurate(terms, row, original, pattern.kinds, dict(pattern.definitions)):
            return _found(terms, row)
    return None


def _states(pattern: Pattern, terms: Terms) -> list[FracElement]:
    """Return the shortest fractions that the region is, by what the definitions allow."""
    count = len(pattern.masks)
    start = forms.fraction(terms, pattern.root, count)
    if not start:
        return []
    moves = _moves(pattern, terms, count)
    waiting = [(forms.size(start), 0, start)]
    seen: dict[FracElement, int] = {start: 0}
    done: list[tuple[int, int, FracElement]] = []
    while waiting:
        done.append(state := heapq.heappop(waiting))
        used = forms.variables(state[2])
        for k, other in moves:
            if k not in used or len(seen) >= MOST_STATES:
                continue
            try:
                new = forms.substitute(state[2], k, other)
            except (forms.TooLargeError, ZeroDivisionError):
                continue
            if new and new not in seen:  # a derivative that is zero everywhere has no rows
                seen[new] = len(seen)
                heapq.heappush(waiting, (forms.size(new), seen[new], new))
    return [start, *[state for *_, state in sorted(done)[:MOST_WRITTEN] if state != start]]


def _moves(pattern: Pattern, terms: Terms, count: int) -> list[tuple[int, FracElement]]:
    """Return what may be put for a leaf: its definition, or what another's definition says."""
    found = []
    variables = forms.field_of(count).gens
    for leaf, row in pattern.definitions:
        value = forms.fraction(terms, row, count)
        found.append((leaf, value))
        for k in sorted(forms.variables(value)):
            other = forms.solved(value - variables[leaf], k)
            if other is not None:
                found.append((k, other))
    return found


def _found(terms: Terms, root: int) -> Found:
    needed = terms.needed(root)
    place = {k: n for n, k in enumerate(needed)}
    rows: list[Row] = []
    for k in needed:
        head, *rest = terms.rows[k]
        rows.append((head, *[place[x] for x in rest]) if terms.is_operation(k) else (head, *rest))
    return Found(tuple(rows), place[root])
