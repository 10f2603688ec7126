"""A region's arithmetic as a numbered table: leaves, numbers, and operations on earlier rows.

Equal rows have one number, so what is shared is shared here too, and what a row costs is
counted once.  Nothing here knows of graphs; ``mask`` says along which axes of the result a row
varies, which is all that its cost needs of a shape.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from typing import Any

Row = tuple[Any, ...]
LEAF, NUMBER = "leaf", "number"

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "negative": lambda a: -a,
    "square": lambda a: a * a,
}

COMMUTATIVE = ("add", "multiply")

# What one operation costs, in microseconds (DESIGN 11): a call, and each element.  The result of
# a region is taken to have a few thousand elements, which stay in the first cache, and a factor
# that lacks an axis thirty.  To divide by a number counts as to multiply by one, which is as
# good and reads worse.  Of two equally long ways the better one reads less, and less that
# the region did not read before.  A value inside a line of the user's costs the line that it then
# needs, and the array that lives until it is read.
CALL, ON_SCALARS = 0.35, 0.05
CHEAP_ELEMENT, SLOW_ELEMENT = 0.1e-3, 0.27e-3
ELEMENTS, FEWER_ELEMENTS = 3000, 30
ON_READ, ON_MENTION, ON_NUMBER, ON_HIDDEN = 0.05, 0.01, 0.005, 0.6


class Terms:
    """Rows over the leaves 0, 1, ...; ``whole`` is the mask of the region's result."""

    def __init__(
        self, masks: Sequence[int] = (), whole: int = 0, hidden: Collection[int] = frozenset()
    ):
        self.rows: list[Row] = []
        self.masks: list[int] = []
        self.whole, self.hidden = whole, hidden
        self._known: dict[Row, int] = {}
        for k, mask in enumerate(masks):
            self._add((LEAF, k), mask)

    def _add(self, row: Row, mask: int) -> int:
        found = self._known.get(row)
        if found is None:
            found = self._known[row] = len(self.rows)
            self.rows.append(row)
            self.masks.append(mask)
        return found

    def leaf(self, k: int, mask: int) -> int:
        return self._add((LEAF, k), mask)

    def number(self, value: Fraction) -> int:
        return self._add((NUMBER, value.numerator, value.denominator), 0)

    def make(self, head: str, *operands: int) -> int:
        """Return the row of ``head`` on earlier rows."""
        mask = 0
        for k in operands:
            mask |= self.masks[k]
        if head in COMMUTATIVE and (head, *operands[::-1]) in self._known:
            operands = operands[::-1]
        return self._add((head, *operands), mask)

    def define(self, leaf: int, row: int) -> None:
        """Note that ``row`` need not be computed: from now on it is ``leaf``."""
        self._known[self.rows[row]] = leaf

    def power(self, row: int, exponent: int) -> int:
        """Return the row of a whole power, by squares."""
        if exponent == 1:
            return row
        if exponent % 2:
            return self.make("multiply", self.power(row, exponent - 1), row)
        return self.make("square", self.power(row, exponent // 2))

    def number_or_make(self, row: Row) -> int:
        """Return the row that stands under another table's numbers, which are the same here."""
        head, *rest = row
        return self.number(Fraction(*rest)) if head == NUMBER else self.make(head, *rest)

    def needed(self, *roots: int) -> list[int]:
        """Return the rows that ``roots`` need, themselves included, earlier ones first."""
        found: set[int] = set()
        ahead = list(roots)
        while ahead:
            if (k := ahead.pop()) not in found:
                found.add(k)
                if self.is_operation(k):
                    ahead += self.rows[k][1:]
        return sorted(found)

    def cost(self, root: int) -> float:
        needed = self.needed(root)
        mentions = [x for k in needed if self.is_operation(k) for x in self.rows[k][1:]]
        small = {LEAF: ON_MENTION, NUMBER: ON_NUMBER}
        plain = sum([small.get(self.rows[x][0], 0.0) for x in mentions])
        return sum([self._own_cost(k) for k in needed]) + plain

    def is_operation(self, k: int) -> bool:
        return self.rows[k][0] not in (LEAF, NUMBER)

    def _own_cost(self, k: int) -> float:
        mask = self.masks[k]
        if not self.is_operation(k):
            return ON_HIDDEN if k in self.hidden else ON_READ if mask else 0.0
        if not mask and self.whole:
            return ON_SCALARS
        head, *operands = self.rows[k]
        slow = head == "divide" and (self.masks[operands[1]] or not self.whole)
        elements = ELEMENTS if mask == self.whole else FEWER_ELEMENTS
        return CALL + elements * (SLOW_ELEMENT if slow else CHEAP_ELEMENT)

    def evaluate(self, root: int, leaves: Sequence[Any], number: Callable[[int, int], Any]) -> Any:
        """Return what ``root`` is, in any arithmetic; ``number`` makes a quotient of integers."""
        values: dict[int, Any] = {}
        for k in self.needed(root):
            head, *rest = self.rows[k]
            if head == LEAF:
                values[k] = leaves[rest[0]]
            elif head == NUMBER:
                values[k] = number(*rest)
            else:
                values[k] = ARITHMETIC[head](*[values[x] for x in rest])
        return values[root]
