"""The ways to write a rational function, from what SymPy's fraction field makes of it.

`fraction` brings a region into SymPy's normal form (`cancel` is what its arithmetic does),
`written` gives the products and sums that a person would try: factored, over one denominator,
term by term, and by Horner's rule in each variable.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from sympy.polys.domains import ZZ
from sympy.polys.fields import FracElement, FracField, field
from sympy.polys.rings import PolyElement

from symgrad.regions.terms import Terms

MOST_TERMS, HIGHEST = 24, 12  # terms and degree of a numerator or denominator
MOST_FACTORED_TERMS, MOST_FACTORED_VARIABLES = 8, 6
MOST_FIRST_CHOICES = 4

Exponents = tuple[int, ...]
Sum = Mapping[Exponents, Fraction]


class TooLargeError(Exception):
    """The normal form of a region has more terms than are worth looking at."""


@functools.cache
def field_of(count: int) -> FracField:
    """Return the field of fractions in ``count`` variables with whole coefficients."""
    return field([f"x{k}" for k in range(count)], ZZ)[0]


def fraction(terms: Terms, root: int, count: int) -> FracElement:
    """Return ``root`` in lowest terms, the leaves as variables."""
    over = field_of(count)
    leaves = [_Small(x) for x in over.gens]
    found: FracElement = terms.evaluate(
        root, leaves, lambda a, b: _Small(over.field_new(a) / b)
    ).value
    return found


class _Small:
    """A fraction that refuses to grow: what SymPy needs rises steeply with the terms."""

    def __init__(self, value: FracElement):
        self.value = check_size(value)

    def __add__(self, other: _Small) -> _Small:
        return _Small(self.value + other.value)

    def __sub__(self, other: _Small) -> _Small:
        return _Small(self.value - other.value)

    def __mul__(self, other: _Small) -> _Small:
        return _Small(self.value * other.value)

    def __truediv__(self, other: _Small) -> _Small:
        return _Small(self.value / other.value)

    def __neg__(self) -> _Small:
        return _Small(-self.value)


def check_size(value: FracElement) -> FracElement:
    if any(len(p) > MOST_TERMS or _degree(p) > HIGHEST for p in (value.numer, value.denom)):
        raise TooLargeError
    return value


def _degree(p: PolyElement) -> int:
    return max((sum(exponents) for exponents, _ in p.iterterms()), default=0)


def substitute(value: FracElement, k: int, other: FracElement) -> FracElement:
    """Return ``value`` with ``other`` for its variable ``k``."""
    highest = max(
        exponents[k] for p in (value.numer, value.denom) for exponents, _ in p.iterterms()
    )
    if highest * max(_degree(other.numer), _degree(other.denom)) > HIGHEST:
        raise TooLargeError
    above, below = (_substitute(value.field, p, k, other) for p in (value.numer, value.denom))
    return check_size(above / below)


def _substitute(over: FracField, p: PolyElement, k: int, other: FracElement) -> FracElement:
    by_power: dict[int, dict[Exponents, int]] = {}
    for exponents, number in p.iterterms():
        rest = (*exponents[:k], 0, *exponents[k + 1 :])
        by_power.setdefault(exponents[k], {})[rest] = number
    found = over.zero
    for power, part in sorted(by_power.items()):
        factor = over.new(over.ring.from_dict(part))
        found = check_size(found + (factor * other**power if power else factor))
    return found


def solved(relation: FracElement, k: int) -> FracElement | None:
    """Return what variable ``k`` is where ``relation`` is 0, if that needs no long division."""
    p, over = relation.numer, relation.field
    parts: list[dict[Exponents, int]] = [{}, {}]
    for exponents, number in p.iterterms():
        if exponents[k] > 1:
            return None
        parts[exponents[k]][(*exponents[:k], 0, *exponents[k + 1 :])] = number
    if len(parts[1]) != 1:
        return None
    rest, slope = (over.new(over.ring.from_dict(part)) for part in parts)
    return -rest / slope


def variables(value: FracElement) -> set[int]:
    return {
        k
        for p in (value.numer, value.denom)
        for exponents in p.itermonoms()
        for k, e in enumerate(exponents)
        if e
    }


def size(value: FracElement) -> int:
    """Return how long a fraction is, written out: what is tried first is what is short."""
    found = 0
    for p in (value.numer, value.denom):
        for exponents, number in p.iterterms():
            found += sum(exponents) + (abs(number) != 1)
        found += 2 * len(p)
    return found


def written(terms: Terms, value: FracElement) -> list[int]:
    """Return rows that compute ``value``, each in another way."""
    return _Writer(terms, value.field).fraction(value)


class _Writer:
    """Writes sums of products of leaves, and of sums that count as one factor."""

    def __init__(self, terms: Terms, over: FracField):
        self.terms, self.over = terms, over
        self.leaves = [terms.leaf(k, 0) for k in range(over.ngens)]

    def fraction(self, value: FracElement) -> list[int]:
        found: list[int] = []
        below = _monomial_and_rest(value.denom)
        found += self._quotient(_factored(value.numer), below)
        above = _monomial_and_rest(value.numer)
        found += self._quotient(above, below)
        if len(value.denom) > 1:
            found += self._quotient(above, _factored(value.denom))
            found += self._quotient(_factored(value.numer), _factored(value.denom))
        return list(dict.fromkeys(found))

    def _quotient(self, above: _Factors, below: _Factors) -> list[int]:
        """Return the quotient of two products; sums in the denominator are factors."""
        number = Fraction(above.number) / below.number
        exponents = tuple(a - b for a, b in zip(above.exponents, below.exponents, strict=True))
        divisors = [(self.sum(s)[0], -e) for s, e in below.sums]
        if not above.sums:
            return self.product(number, exponents, divisors)
        found = []
        (first, power), *rest = sorted(above.sums, key=_has_one_sign)
        others = [*divisors, *((self.sum(s)[0], e) for s, e in rest)]
        if number < 0 and power % 2 and not _has_one_sign((first, power)):
            first, number = {e: -c for e, c in first.items()}, -number
        for k in self.sum(first):
            found += self.product(number, exponents, [*others, (k, power)])
        if power == 1 and not rest:  # term by term, and by Horner's rule with negative powers
            scaled = {
                tuple(a + b for a, b in zip(e, exponents, strict=True)): c * number
                for e, c in first.items()
            }
            for k in self.sum(scaled):
                found += self.product(Fraction(1), None, [*divisors, (k, 1)])
        return found

    # --- sums

    def sum(self, terms: Sum, first: bool = True) -> list[int]:
        """Return rows for a sum of products, one for each variable pulled out first."""
        if len(terms) == 1:
            ((exponents, number),) = terms.items()
            return self.product(number, exponents, [])
        common = _common(terms)
        if any(common):
            inside = {_minus(e, common): c for e, c in terms.items()}
            shared = _content(inside)
            found = [
                row
                for number in dict.fromkeys((shared, Fraction(1)))
                for k in self.sum({e: c / number for e, c in inside.items()}, first)
                for row in self.product(number, common, [(k, 1)])
            ]
            return list(dict.fromkeys(found))
        parts = self._factors(terms)
        if len(parts.sums) > 1:
            return self._quotient(parts, _Factors(1, (0,) * self.over.ngens, []))
        choices = _choices(terms)
        found = [self.chain(self._rows(terms))] if first or not choices else []
        for k, sign in choices[: MOST_FIRST_CHOICES if first else 1]:
            found.append(self._pulled_out(terms, k, sign))
        return list(dict.fromkeys(found))

    def _factors(self, terms: Sum) -> _Factors:
        """Return a sum as a product, where it has enough terms to be one."""
        if len(terms) < 4 or any(min(e) < 0 for e in terms):
            return _Factors(1, (0,) * self.over.ngens, [(terms, 1)])
        below = functools.reduce(math.lcm, [c.denominator for c in terms.values()])
        p = self.over.ring.from_dict({e: int(c * below) for e, c in terms.items()})
        found = _factored(p)
        return _Factors(Fraction(found.number, below), found.exponents, found.sums)

    def _pulled_out(self, terms: Sum, k: int, sign: int) -> int:
        inside = {e: c for e, c in terms.items() if e[k] * sign > 0}
        outside = {e: c for e, c in terms.items() if e not in inside}
        rows = self._rows(outside)
        if _choices(outside):
            rows = [(_first_of(outside), self.sum(outside, first=False)[0])]
        return self.chain([(_first_of(inside), self.sum(inside, first=False)[0]), *rows])

    def _rows(self, terms: Sum) -> list[tuple[tuple[Any, ...], int]]:
        return [(_order(e, c), self.product(c, e, [])[0]) for e, c in terms.items()]

    def chain(self, rows: Sequence[tuple[tuple[Any, ...], int]]) -> int:
        """Add rows up, positive and short ones first, numbers and smaller arrays before arrays."""
        masks = self.terms.masks
        signed = [(*self._sign_of(row), order) for order, row in rows]
        signed.sort(key=lambda t: (masks[t[1]] == self.terms.whole, t[2]))
        start = next((k for k, t in enumerate(signed) if t[0] > 0), 0)
        sign, total, _ = signed.pop(start)
        for other, row, _ in signed:
            total = self.terms.make("add" if other == sign else "subtract", total, row)
        return total if sign > 0 else self.terms.make("negative", total)

    def _sign_of(self, row: int) -> tuple[int, int]:
        """Return the sign that a row begins with, and the row without it."""
        head, *rest = self.terms.rows[row]
        if head == "negative":
            return -1, rest[0]
        if head == "number" and rest[0] < 0:
            return -1, self.terms.number(Fraction(-rest[0], rest[1]))
        if head in ("multiply", "divide"):
            sign, first = self._sign_of(rest[0])
            if sign < 0:
                if head == "multiply" and self.terms.rows[first] == ("number", 1, 1):
                    return -1, rest[1]
                return -1, self.terms.make(head, first, rest[1])
        return 1, row

    # --- products

    def product(
        self, number: Fraction, exponents: Exponents | None, others: Sequence[tuple[int, int]]
    ) -> list[int]:
        """Return rows for a product of powers: the number, scalars, smaller arrays, arrays."""
        factors = [(self.leaves[k], e) for k, e in enumerate(exponents or ()) if e]
        by_mask: dict[int, list[tuple[int, int]]] = {}
        for row, e in [*factors, *others]:
            by_mask.setdefault(self.terms.masks[row], []).append((row, e))
        whole = self.terms.whole
        order = sorted(by_mask, key=lambda m: (m.bit_count(), m == whole, m))
        if 0 not in by_mask:
            order.insert(0, 0)
        return list(
            dict.fromkeys(
                self._chained(number, [by_mask.get(m, []) for m in order], together)
                for together in (False, True)
            )
        )

    def _chained(
        self, number: Fraction, groups: Sequence[list[tuple[int, int]]], together: bool
    ) -> int:
        """Multiply group by group: a smaller group is one factor, what only divides comes last."""
        scalars, *arrays = groups
        total, waiting, sign = self._scalar(number, *self._parts(scalars), bool(arrays))
        for group in arrays:
            above, below = self._parts(group)
            if above and (group is not arrays[-1] or total is None):
                part = self._over(self._times(None, above), below, together)
                total = part if total is None else self.terms.make("multiply", total, part)
            elif total is not None:
                total = self._over(self._times(total, above), below, together)
            else:
                waiting = [*below, *waiting]
        total = self._over(self.terms.number(Fraction(1)) if total is None else total, waiting)
        return total if sign > 0 else self.terms.make("negative", total)

    def _scalar(
        self, number: Fraction, above: list[int], below: list[int], has_arrays: bool
    ) -> tuple[int | None, list[int], int]:
        """Return the scalar factor, what is left to divide by, and the sign that is left."""
        make, literal = self.terms.make, self.terms.number
        if number.denominator & (number.denominator - 1):  # thirds are no numbers of NumPy's
            below = [literal(Fraction(number.denominator)), *below]
            number = Fraction(number.numerator)
        if number == -1 and above:
            above = [make("negative", above[0]), *above[1:]]
        elif number == -1 and has_arrays and not below:
            return None, [], -1
        elif number != 1 or not (above or has_arrays):
            above = [literal(number), *above]
        if not above:
            return None, [self._times(None, below)] if below else [], 1
        total = self._times(None, above)
        return (make("divide", total, self._times(None, below)) if below else total), [], 1

    def _over(self, total: int, divisors: Sequence[int], together: bool = False) -> int:
        if together and divisors:
            divisors = [self._times(None, divisors)]
        for divisor in divisors:
            total = self.terms.make("divide", total, divisor)
        return total

    def _parts(self, group: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
        above = [self.terms.power(row, e) for row, e in group if e > 0]
        below = [self.terms.power(row, -e) for row, e in group if e < 0]
        return above, below

    def _times(self, total: int | None, rows: Sequence[int]) -> int:
        for row in rows:
            total = row if total is None else self.terms.make("multiply", total, row)
        assert total is not None
        return total


class _Factors:
    """A polynomial as a number, a product of powers, and powers of sums."""

    def __init__(self, number: int | Fraction, exponents: Exponents, sums: list[tuple[Sum, int]]):
        self.number, self.exponents, self.sums = number, exponents, sums


def _monomial_and_rest(p: PolyElement) -> _Factors:
    terms = {e: Fraction(int(c)) for e, c in p.terms()}
    common = _common(terms)
    number = int(_content(terms))
    rest = {_minus(e, common): c / number for e, c in terms.items()}
    return (
        _Factors(number, common, [(rest, 1)])
        if len(rest) > 1
        else _Factors(number * int(next(iter(rest.values()))), common, [])
    )


def _factored(p: PolyElement) -> _Factors:
    used = sorted({k for e in p.itermonoms() for k, power in enumerate(e) if power})
    if not 2 < len(p) <= MOST_FACTORED_TERMS or len(used) > MOST_FACTORED_VARIABLES:
        return _monomial_and_rest(p)
    number, factors = _factors_of(
        tuple([(tuple([e[k] for k in used]), int(c)) for e, c in p.terms()])
    )
    exponents = [0] * p.ring.ngens
    sums: list[tuple[Sum, int]] = []
    for factor, power in factors:
        wide = [(_widened(e, used, p.ring.ngens), Fraction(c)) for e, c in factor]
        if len(wide) > 1:
            sums.append((dict(wide), power))
        else:
            exponents = [a + b * power for a, b in zip(exponents, wide[0][0], strict=True)]
    return _Factors(number, tuple(exponents), sums)


def _widened(exponents: Exponents, used: Sequence[int], count: int) -> Exponents:
    wide = [0] * count
    for k, e in zip(used, exponents, strict=True):
        wide[k] = e
    return tuple(wide)


@functools.lru_cache(maxsize=4096)
def _factors_of(terms: tuple[tuple[Exponents, int], ...]) -> tuple[int, list[tuple[Any, int]]]:
    """Return a polynomial's number and its factors as terms, over its own variables alone."""
    ring = field_of(len(terms[0][0])).ring
    number, factors = ring.from_dict(dict(terms)).factor_list()
    return int(number), [
        ([(e, int(c)) for e, c in f.terms()], power) for f, power in _paired(factors)
    ]


def _paired(sums: list[tuple[PolyElement, int]]) -> list[tuple[PolyElement, int]]:
    """Multiply factors that are shorter together: (1 - x) (1 + x) is 1 - x**2."""
    for k, (f, power) in enumerate(sums):
        for n, (g, other) in enumerate(sums[:k]):
            is_sum = min(len(f), len(g)) > 1
            if is_sum and power == other and len(f * g) <= min(len(f), len(g)):
                rest = [pair for j, pair in enumerate(sums) if j not in (k, n)]
                return _paired([*rest, (f * g, power)])
    return sums


def _has_one_sign(factor: tuple[Sum, int]) -> bool:
    numbers = factor[0].values()
    return all(c > 0 for c in numbers) or all(c < 0 for c in numbers)


def _common(terms: Sum) -> Exponents:
    """Return the power of each variable that divides every term."""
    return tuple(
        min(column) if min(column) > 0 else max(column) if max(column) < 0 else 0
        for column in zip(*terms, strict=True)
    )


def _minus(e: Exponents, common: Exponents) -> Exponents:
    return tuple(a - b for a, b in zip(e, common, strict=True))


def _content(terms: Sum) -> Fraction:
    """Return the largest number that divides all coefficients, with the sign of the first."""
    numbers = list(terms.values())
    above = functools.reduce(math.gcd, [c.numerator for c in numbers])
    below = functools.reduce(math.lcm, [c.denominator for c in numbers])
    return Fraction(above, below)


def _choices(terms: Sum) -> list[tuple[int, int]]:
    """Return the variables in more than one term, most frequent first, with their sign."""
    counts: dict[tuple[int, int], int] = {}
    for exponents in terms:
        for k, e in enumerate(exponents):
            if e:
                key = k, 1 if e > 0 else -1
                counts[key] = counts.get(key, 0) + 1
    found = [key for key, count in counts.items() if count > 1]
    return sorted(found, key=lambda key: (-counts[key], key))


def _order(exponents: Exponents, number: Fraction) -> tuple[Any, ...]:
    """Return where a term stands in a sum: short ones first, by their variables."""
    return sum(map(abs, exponents)), tuple(-abs(e) for e in exponents), number


def _first_of(terms: Sum) -> tuple[Any, ...]:
    return min(_order(e, c) for e, c in terms.items())
