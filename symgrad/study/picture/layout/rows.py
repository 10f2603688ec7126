"""Break a wide picture into rows, as text is broken into lines.

Given how wide each layer is and how many wires leave it, return the row of each layer.
Invariant: a row is not wider than asked for, unless one layer alone is.
"""

from __future__ import annotations

from collections.abc import Sequence

EARLY = 0.7  # a row may end from this part of its width on, where fewer wires are cut


def rows(widths: Sequence[float], leaving: Sequence[int], most: float) -> list[int]:
    """Return the row of each layer; ``leaving`` counts the items that wires leave a layer from."""
    found: list[int] = []
    start = row = 0
    while start < len(widths):
        end = _end(widths, leaving, start, most)
        found += [row] * (end - start)
        start, row = end, row + 1
    return found


def _end(widths: Sequence[float], leaving: Sequence[int], start: int, most: float) -> int:
    """Return the layer before which the row that begins with ``start`` ends."""
    width, best = 0.0, start + 1
    for end in range(start + 1, len(widths) + 1):
        width += widths[end - 1]
        if width > most:
            return best
        if width < EARLY * most or leaving[end - 1] <= leaving[best - 1]:
            best = end
    return len(widths)
