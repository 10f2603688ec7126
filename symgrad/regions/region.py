"""One region: from equations to a pattern, and from what was found for it back to equations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from symgrad.dims import Size
from symgrad.graph import (
    OPS,
    Aval,
    Builder,
    Equation,
    Graph,
    Op,
    Operand,
    Static,
    Sym,
    literal_aval,
)
from symgrad.regions.search import Found, Pattern
from symgrad.regions.terms import LEAF, NUMBER, Terms

RATIONAL = frozenset({"add", "subtract", "multiply", "divide", "negative", "square", "reciprocal"})
LARGEST_POWER = 6
MOST_LEAVES, MOST_SCALARS = 20, 8
MOST_DEFINITIONS, DEEPEST, MOST_READERS = 8, 3, 6
LARGEST_NUMBER = 1024  # up to this, over a power of 2 up to this, a number is itself
POSITIVE = frozenset({"exp", "exp2", "sigmoid", "softmax", "absolute", "sqrt", "cosh", "var"})
MIRRORED = {"greater": "less", "less": "greater", "equal": "equal"}


def is_rational(rhs: Op, aval: Aval) -> bool:
    """Return whether an equation is arithmetic of floats that a region may hold."""
    if aval.dtype.kind != "f":
        return False
    return rhs.name in RATIONAL or (rhs.name == "power" and _power_of(rhs) is not None)


def _power_of(rhs: Op) -> int | None:
    exponent = rhs.operands[1]
    number: Any = exponent.value if type(exponent) is Static else None
    if type(number) in (int, float) and 0 < number <= LARGEST_POWER and number % 1 == 0:
        return int(number)
    return None


def is_one(size: Size) -> bool:
    return type(size) is int and size == 1


def _arguments(rhs: Op) -> tuple[Operand, ...]:
    return rhs.operands[:1] if rhs.name == "power" else rhs.operands


def exact(x: Operand) -> Fraction | None:
    """Return the number that a literal is in algebra; any other constant is a leaf."""
    if type(x) is not Static or type(x.value) not in (int, float):
        return None
    if not abs(x.value) <= LARGEST_NUMBER or (x.value == 0 and type(x.value) is float):
        return None
    number = Fraction(x.value)
    return number if number.denominator <= LARGEST_NUMBER else None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What regions ask of their graph: who owns, defines and reads a value.

    ``readers`` are the user's own equations, which stay whatever regions become; ``hidden`` are
    the user's values without a name that one of these reads, inside its own line.
    """

    graph: Graph
    owners: Mapping[Sym, Sym]
    made: Mapping[Operand, Equation]
    arithmetic: Set[Operand]
    readers: Mapping[Operand, list[tuple[Sym, list[Sym]]]]
    hidden: frozenset[Operand]

    @classmethod
    def of(cls, graph: Graph, start: int, owners: Mapping[Sym, Sym]) -> Surroundings:
        needed = {y for y in graph.outputs if type(y) is Sym}
        made: dict[Operand, Equation] = {}
        readers: dict[Operand, list[tuple[Sym, list[Sym]]]] = {}
        arithmetic: set[Operand] = set()
        reads: Counter[Operand] = Counter(needed)
        for k in range(len(graph.equations) - 1, -1, -1):
            eqn = graph.equations[k]
            if needed.isdisjoint(eqn.lhs):
                continue
            y, operands = eqn.lhs[0], [x for x in eqn.rhs.operands if type(x) is Sym]
            needed.update(operands)
            made[y] = eqn
            if k < start:
                reads.update(operands)
            if not is_rational(eqn.rhs, graph.avals[y]):
                continue
            arithmetic.add(y)
            for x in dict.fromkeys(operands) if k < start else ():
                readers.setdefault(x, []).append((y, operands))
        own = {eqn.lhs[0] for eqn in graph.equations[:start]}
        hidden = [x for x, n in reads.items() if n == 1 and x in own and x not in graph.notes.names]
        return cls(graph, owners, made, arithmetic, readers, frozenset(hidden))


class Region:
    """The arithmetic that ends in ``root``; its leaves are numbered as they are read."""

    def __init__(self, around: Surroundings, root: Sym):
        self.around, self.graph, self.root = around, around.graph, root
        self.shape = self.graph.avals[root].shape
        self.whole = sum([1 << k for k, size in enumerate(self.shape[::-1]) if not is_one(size)])
        self.leaves: list[Operand] = []
        self.place: dict[Operand, int] = {}
        self.scalars: dict[Operand, Equation] = {}
        self.repeats = False  # whether a value within is read twice

    def pattern(self) -> Pattern | None:
        """Return the region without its symbols, or None if there is nothing to look for."""
        reads = self._reads(self.root)
        for x in reads:
            self._take(x)
        if len(self.leaves) > MOST_LEAVES or any(self._mask(x) is None for x in self.leaves):
            return None
        read_once = len(self.leaves) == len(reads) and not self.repeats
        definitions = self._definitions()
        excluding = self._excluding_masks()
        if read_once and not (definitions or excluding or self._mixes_shapes()):
            return None  # nothing cancels and nothing is shared
        masks = tuple([self._mask(x) or 0 for x in self.leaves])
        terms = Terms(masks, self.whole)
        root = self._row(terms, self.root, self.root, {})
        one = terms.number(Fraction(1)) if excluding else 0
        defined = [
            (k, terms.make("subtract", terms.make("subtract", one, other), same))
            for k, other, same in excluding  # first, as arithmetic may read them
        ]
        defined += [(self.place[y], self._row(terms, y, y, {})) for y in definitions]
        kinds = tuple(map(self._kind, self.leaves))
        hidden = frozenset([k for k, x in enumerate(self.leaves) if x in self.around.hidden])
        return Pattern(tuple(terms.rows), root, masks, kinds, self.whole, tuple(defined), hidden)

    def may_become(self, found: Found) -> bool:
        """Return whether ``found`` has the result's shape, and its dtype all the way."""
        want, shapes = self.graph.avals[self.root], self.graph.shapes
        avals: list[Aval] = []
        for head, *rest in found.rows:
            if head == LEAF:
                avals.append(self.graph.aval(self.leaves[rest[0]]))
            elif head == NUMBER:
                avals.append(literal_aval(_literal(*rest).value))
            else:
                operands = [avals[k] for k in rest]
                if not any(a.inexact or a.kind == "python" for a in operands):
                    return False  # sums of masks or labels are others in NumPy, or none
                aval = OPS[head].aval(shapes, *operands)
                if aval.kind != "python" and aval.dtype != want.dtype:
                    return False
                avals.append(aval)
        return Builder(shapes).may_replace(avals[found.root], want)

    def bind(self, found: Found, builder: Builder, moved: Mapping[Sym, Operand]) -> Operand:
        """Return the result of ``found`` over the region's leaves."""
        builder.origin = self.graph.notes.origins.get(self.root)
        values: list[Operand] = []
        for head, *rest in found.rows:
            if head == LEAF:
                x = self.leaves[rest[0]]
                values.append(moved.get(x, x) if type(x) is Sym else x)
            elif head == NUMBER:
                values.append(_literal(*rest))
            else:
                values.append(builder.bind(OPS[head], tuple([values[k] for k in rest]))[0])
        builder.origin = None
        return values[found.root]

    # --- what belongs to the region

    def _inside(self, x: Operand, root: Operand) -> Equation | None:
        """Return how ``x`` is computed within the region that ends in ``root``."""
        if x is root:
            return self.around.made[x]
        owner = self.around.owners.get(x)
        if owner is None:
            return None
        return self.around.made[x] if owner is root else self._new_scalar(x)

    def _new_scalar(self, x: Operand) -> Equation | None:
        """Take a new scalar in by what it is made of: computing it again costs nothing."""
        if x not in self.scalars:
            if not self.shape or self.graph.aval(x).shape:
                return None
            is_whole = self.around.owners.get(x) is x  # what is within one comes with it
            if is_whole and len(self.scalars) >= MOST_SCALARS:
                return None
            self.scalars[x] = self.around.made[x]
        return self.scalars[x]

    def _reads(self, root: Operand) -> list[Operand]:
        """Return what is read from outside, in reading order, once for each time."""
        found: list[Operand] = []
        seen: set[Operand] = set()
        ahead = [root]
        while ahead:
            x = ahead.pop()
            if type(x) is Static and exact(x) is not None:
                continue
            eqn = self._inside(x, root)
            if eqn is None:
                found.append(x)
            elif x in seen:
                self.repeats = True
            else:
                seen.add(x)
                ahead += _arguments(eqn.rhs)[::-1]
        return found

    def _take(self, x: Operand) -> None:
        if x in self.place:
            return
        eqn = self.around.made.get(x)
        if eqn is not None and eqn.rhs.name == "equal":
            a, b = eqn.rhs.operands
            for k, other in enumerate(self.leaves):
                made = self.around.made.get(other)
                if made is not None and made.rhs.name == "equal" and made.rhs.operands == (b, a):
                    self.place[x] = k
                    return
        self.place[x] = len(self.leaves)
        self.leaves.append(x)

    def _row(self, terms: Terms, x: Operand, root: Operand, rows: dict[Operand, int]) -> int:
        if x in rows:
            return rows[x]
        number = exact(x) if type(x) is Static else None
        eqn = self._inside(x, root) if number is None else None
        if number is not None:
            rows[x] = terms.number(number)
        elif eqn is None:
            rows[x] = self.place[x]
        else:
            below = [self._row(terms, operand, root, rows) for operand in _arguments(eqn.rhs)]
            rows[x] = _applied(terms, eqn.rhs, below)
        return rows[x]

    def _mask(self, x: Operand) -> int | None:
        """Return along which axes of the result ``x`` varies, or None if it has others."""
        shape, want = self.graph.aval(x).shape, self.shape
        if not shape:
            return 0
        if shape is want:
            return self.whole
        if len(shape) > len(want):
            return None
        mask = 0
        for k, size in enumerate(shape[::-1]):
            if not is_one(size):
                if is_one(want[-1 - k]):
                    return None
                mask |= 1 << k
        return mask

    def _mixes_shapes(self) -> bool:
        masks = [self._mask(x) for x in self.leaves]
        return sum([mask not in (0, self.whole) for mask in masks]) > 1

    def _kind(self, x: Operand) -> str:
        """Return which values ``x`` may have."""
        if type(x) is Static:
            return "positive" if x.value > 0 else "real"
        eqn = self.around.made.get(x)
        name = eqn.rhs.name if eqn is not None else ""
        if self.graph.avals[x].dtype.kind == "b":
            return "mask"
        if name in ("size", "sign"):
            return {"size": "whole"}.get(name, name)
        return "positive" if name in POSITIVE else "real"

    # --- what is known of the leaves

    def _definitions(self) -> list[Operand]:
        """Return values with the arithmetic that defines them, those that need least first.

        They are leaves that meet others in what defines them, and values of the user's that
        are made of leaves: ``h`` if the region reads ``z`` and ``p``, and ``h = z * p``.
        """
        mine = set(self.leaves)
        found: dict[Operand, list[Operand]] = {}
        ahead = [(x, 0) for x in self.leaves]
        for x, depth in ahead:
            if depth == DEEPEST or len(found) >= MOST_DEFINITIONS:
                break
            if x in found or x not in self.around.arithmetic or x in self.scalars:
                continue
            reads = list(dict.fromkeys(self._reads(x)))
            if all(self._mask(read) is not None for read in reads):
                found[x] = reads
                ahead += [(read, depth + 1) for read in reads]
        _drop_loose(found, mine)
        known = dict.fromkeys([*self.leaves, *(x for y in found for x in (y, *found[y]))])
        for x in list(known):
            for y, reads in self.around.readers.get(x, ())[:MOST_READERS]:
                if y in found or len(found) >= MOST_DEFINITIONS:
                    continue
                if known.keys() >= set(reads) and self._mask(y) is not None:
                    found[y], known[y] = self._reads(y), None
        for y, reads in found.items():
            for x in (*reads, y):
                self._take(x)
        return _least_first(found)

    def _excluding_masks(self) -> list[tuple[int, int, int]]:
        """Return leaves ``a > b`` with those of ``a < b`` and ``a == b``: one of the three holds.

        Of NaN none does; there the original is finite, but not a derivative of anything.
        """
        known: dict[tuple[str, Operand, Operand], int] = {}
        found: list[tuple[int, int, int]] = []
        for k, x in enumerate(self.leaves):
            eqn = self.around.made.get(x)
            if eqn is None or eqn.rhs.name not in MIRRORED:
                continue
            name, (a, b) = eqn.rhs.name, eqn.rhs.operands
            others = [known[other, a, b] for other in MIRRORED if (other, a, b) in known]
            if len(others) == 2 and (name, a, b) not in known:
                found.append((k, others[0], others[1]))
            known[name, a, b] = known[MIRRORED[name], b, a] = k
        return found


def _literal(above: int, below: int) -> Static:
    return Static(above if below == 1 else above / below)


def _applied(terms: Terms, rhs: Op, below: list[int]) -> int:
    if rhs.name == "reciprocal":
        return terms.make("divide", terms.number(Fraction(1)), *below)
    if rhs.name == "power":
        return terms.power(below[0], _power_of(rhs) or 1)
    return terms.make(rhs.name, *below)


def _drop_loose(found: dict[Operand, list[Operand]], mine: set[Operand]) -> None:
    """Drop definitions through which fewer than two known values meet."""
    while True:
        counts = Counter([x for y, reads in found.items() for x in (y, *reads)])
        loose = [
            y
            for y, reads in found.items()
            if sum([x in mine or counts[x] > 1 for x in (y, *reads)]) < 2
        ]
        if not loose:
            return
        for y in loose:
            del found[y]


def _least_first(found: Mapping[Operand, list[Operand]]) -> list[Operand]:
    ordered: dict[Operand, None] = {}
    ahead = list(found)[::-1]
    while ahead:
        y = ahead[-1]
        later = [x for x in found[y] if x in found and x not in ordered]
        if later:
            ahead += later
        else:
            ordered[ahead.pop()] = None
    return list(ordered)
