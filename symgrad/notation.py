"""Mathematics as a small tree, which writers turn into text, TeX and MathML.

Rows of the op table say with these parts how their op is written on a blackboard.  Invariant: a
tree says what is a part of what, never where brackets stand: each writer sets them by the
precedences below, so that no two writers can disagree about what a formula means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

RELATION, SUM, BIG, HADAMARD, PRODUCT, APPLY, ATOM = 1.0, 6.0, 6.5, 6.7, 7.0, 8.5, 10.0
FRACTION = 7.5  # a fraction bar brackets what it divides, but is no base of a power


@dataclass(frozen=True, slots=True)
class Math:
    """A part of a formula; ``precedence`` says how tightly it holds together."""

    @property
    def precedence(self) -> float:
        return ATOM


@dataclass(frozen=True, slots=True)
class Name(Math):
    """An identifier of the user's, or one made like it: ``w0``, ``y_hat``, ``lam``."""

    name: str


@dataclass(frozen=True, slots=True)
class Label(Math):
    """The letter of an index."""

    letter: str


@dataclass(frozen=True, slots=True)
class Number(Math):
    """A number of 0 or more, infinity or NaN; `number` gives others a sign."""

    value: Any


@dataclass(frozen=True, slots=True)
class Word(Math):
    """An upright name: of a function, ``softmax``, or of a truth value."""

    word: str


@dataclass(frozen=True, slots=True)
class Said(Math):
    """Words of a sentence inside a formula."""

    words: str


@dataclass(frozen=True, slots=True)
class Code(Math):
    """Text of a program inside a formula, printed as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Sign(Math):
    """A symbol that no letter is: ``∂``, ``⊤``, ``·``."""

    character: str


@dataclass(frozen=True, slots=True)
class Sum(Math):
    """Terms with their signs; a single negative one is a value with its sign changed."""

    terms: tuple[tuple[bool, Math], ...]  # whether it is subtracted, and what

    @property
    def precedence(self) -> float:
        return SUM


@dataclass(frozen=True, slots=True)
class Product(Math):
    """Factors side by side; ``sign`` stands between them where there is one."""

    factors: tuple[Math, ...]
    sign: str = ""
    is_number: bool = False  # an inner product of vectors, which other factors must not tear apart

    @property
    def precedence(self) -> float:
        return HADAMARD if self.sign or self.is_number else PRODUCT


@dataclass(frozen=True, slots=True)
class Fraction(Math):
    """A quotient with a bar."""

    above: Math
    below: Math

    @property
    def precedence(self) -> float:
        return FRACTION


@dataclass(frozen=True, slots=True)
class Script(Math):
    """A base with an index, an exponent, or both."""

    base: Math
    below: Math | None = None
    above: Math | None = None


@dataclass(frozen=True, slots=True)
class Root(Math):
    """A root; square unless ``degree`` says which."""

    inside: Math
    degree: int = 2


@dataclass(frozen=True, slots=True)
class Apply(Math):
    """A function of arguments; of one that holds together by itself, without brackets."""

    function: Math
    arguments: tuple[Math, ...]

    @property
    def precedence(self) -> float:
        return APPLY if self.is_bare else ATOM

    @property
    def is_bare(self) -> bool:
        """Return whether the argument stands without brackets: ``sin x``, ``log x_i``."""
        return len(self.arguments) == 1 and is_simple(self.arguments[0])


@dataclass(frozen=True, slots=True)
class Big(Math):
    """A sum, product or extreme over indices: ``sign`` with limits, then what it is taken of."""

    sign: Math
    below: Math
    above: Math | None
    body: Math

    @property
    def precedence(self) -> float:
        return BIG


@dataclass(frozen=True, slots=True)
class Fenced(Math):
    """Something between bars or brackets that mean something: ``|x|``, ``[a, b]``."""

    inside: Math
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Listed(Math):
    """Items with commas between them."""

    items: tuple[Math, ...]

    @property
    def precedence(self) -> float:
        return 0.0  # of a comma


@dataclass(frozen=True, slots=True)
class Indices(Math):
    """The indices of an element: letters side by side, anything else with commas."""

    items: tuple[Math, ...]


@dataclass(frozen=True, slots=True)
class Flat(Math):
    """The place of an element in an array that was laid out flat, by its indices before."""

    items: tuple[Math, ...]


@dataclass(frozen=True, slots=True)
class Slice(Math):
    """A range of places as NumPy writes it: ``1:n``."""

    start: Math | None
    stop: Math | None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Cases(Math):
    """A value by cases; the last case may have no condition."""

    cases: tuple[tuple[Math, Math | None], ...]


@dataclass(frozen=True, slots=True)
class Relation(Math):
    """Sides with a relation between each and the next: ``a = b = c``, ``x < y``."""

    sides: tuple[Math, ...]
    sign: str

    @property
    def precedence(self) -> float:
        return RELATION


# --- building ---------------------------------------------------------------------------------


def is_simple(x: Math) -> bool:
    """Return whether a function may be applied to it without brackets."""
    if isinstance(x, Script):
        return x.above is None and is_simple(x.base)
    return isinstance(x, (Name, Label, Number, Sign))


def number(value: Any) -> Math:
    """Return a number as mathematics; a negative one is a number with its sign changed."""
    if isinstance(value, bool):
        return Word(str(value))
    return minus(Number(-value)) if value < 0 else Number(value)


def plus(a: Math, b: Math) -> Math:
    return Sum((*_terms(a), *_terms(b)))


def less(a: Math, b: Math) -> Math:
    """Return ``a - b``; what is subtracted keeps its brackets."""
    if isinstance(b, Sum):
        single = len(b.terms) == 1 and b.terms[0][0]
        return Sum((*_terms(a), (False, b.terms[0][1]) if single else (True, b)))
    return Sum((*_terms(a), (True, b)))


def minus(a: Math) -> Math:
    found = without_sign(a)
    return found[1] if found[0] else Sum(((True, a),))


def without_sign(a: Math) -> tuple[bool, Math]:
    """Return whether ``a`` is something with its sign changed, and what has the other sign."""
    if isinstance(a, Sum) and len(a.terms) == 1:
        return a.terms[0]
    return False, a


def _terms(a: Math) -> tuple[tuple[bool, Math], ...]:
    return a.terms if isinstance(a, Sum) else ((False, a),)


def times(a: Math, b: Math, sign: str = "") -> Math:
    """Return the product: its sign first, then its number, then the factors side by side."""
    (a_is_minus, a), (b_is_minus, b) = without_sign(a), without_sign(b)
    if sign:
        found: Math = Product((*_factors(a, sign), *_factors(b, sign)), sign)
    else:
        (m, a_rest), (n, b_rest) = _with_number(a), _with_number(b)
        found = _beside(_product_of_numbers(m, n), (*a_rest, *b_rest))
    return minus(found) if a_is_minus != b_is_minus else found


def _factors(a: Math, sign: str) -> tuple[Math, ...]:
    is_open = isinstance(a, Product) and a.sign == sign and not a.is_number
    return a.factors if is_open else (a,)  # type: ignore[attr-defined]


def _with_number(a: Math) -> tuple[Math, tuple[Math, ...]]:
    """Return the number in front of a product, 1 if there is none, and the other factors."""
    first, *rest = _factors(a, "")
    is_number = isinstance(first, Number) or (
        isinstance(first, Fraction) and isinstance(first.above, Number)
    )
    return (first, tuple(rest)) if is_number else (Number(1), (first, *rest))


def _product_of_numbers(a: Math, b: Math) -> Math:
    """Return the product of two numbers, of which one may be divided by something."""
    if isinstance(a, Number) and isinstance(b, Number):
        return Number(a.value * b.value)
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return Fraction(_product_of_numbers(a.above, b.above), _below(a.below, b.below))
    fraction, other = (a, b) if isinstance(a, Fraction) else (b, a)
    assert isinstance(fraction, Fraction)
    return Fraction(_product_of_numbers(fraction.above, other), fraction.below)


def _below(a: Math, b: Math) -> Math:
    """Return the product of two divisors; of one twice its square."""
    return power(a, Number(2)) if a == b and not isinstance(a, Number) else times(a, b)


def _beside(number: Math, factors: tuple[Math, ...]) -> Math:
    found = factors if factors and number == Number(1) else (number, *factors)
    return found[0] if len(found) == 1 else Product(found)


def over(a: Math, b: Math) -> Math:
    """Return the quotient; what has a bar or limits of its own stands behind this one."""
    (a_is_minus, a), (b_is_minus, b) = without_sign(a), without_sign(b)
    above = _factors(a, "")
    tall = tuple(x for x in above if isinstance(x, Big) or is_derivative(x))
    rest = tuple(x for x in above if x not in tall)
    if isinstance(a, Fraction) and not tall:
        found: Math = Fraction(a.above, _below(a.below, b))
    elif tall:
        found = _beside(Fraction(_beside(Number(1), rest), b), tall)
    else:
        found = Fraction(a, b)
    return minus(found) if a_is_minus != b_is_minus else found


def power(base: Math, exponent: Math) -> Math:
    if isinstance(base, Script) and base.above is None:
        return replace(base, above=exponent)
    return Script(base, None, exponent)


def apply(word: str, *arguments: Math) -> Math:
    return Apply(Word(word), arguments)


def exponential(x: Math, e_is_taken: bool = False) -> Math:
    """Return e to the power ``x``, or exp(x) where the reader's e is something else."""
    return apply("exp", x) if e_is_taken else Script(Sign("e"), None, x)


def derivative(of: Math, by: Math, sign: str = "∂") -> Fraction:
    """Return the derivative of one value by another."""
    return Fraction(Product((Sign(sign), of)), Product((Sign(sign), by)))


def is_derivative(x: Math) -> bool:
    return (
        isinstance(x, Fraction)
        and isinstance(x.below, Product)
        and x.below.factors[0] in (Sign("∂"), Sign("d"))
    )


def with_indices(x: Math, indices: Sequence[Math]) -> Math:
    """Return an element of a value with a name, or the derivative by an element."""
    if not indices:
        return x
    if is_derivative(x):
        assert isinstance(x, Fraction) and isinstance(x.below, Product)
        sign, by = x.below.factors
        return replace(x, below=Product((sign, with_indices(by, indices))))
    return Script(x, Indices(tuple(indices)))


def indicator(condition: Math) -> Math:
    """Return the number that is 1 where a condition holds, else 0."""
    return Apply(Sign("𝟙"), (Fenced(condition, "[", "]"),))


def turned(x: Math) -> Math:
    """Return the transpose."""
    if isinstance(x, Script) and x.above == Sign("⊤") and x.below is None:
        return x.base
    return power(x, Sign("⊤"))


def equals(*sides: Math) -> Math:
    return Relation(sides, "=")


# --- rows -------------------------------------------------------------------------------------

Notation = Callable[[Any], Math]
"""How an op is written: given its operands and settings, as `symgrad.study.formulas` has them."""


def function(word: str) -> Notation:
    """Return the notation of a function with a name: ``tanh x``."""
    return lambda s: apply(word, *s)


def between(sign: str) -> Notation:
    """Return the notation of a sign between two operands that is no relation: ``a mod b``."""
    return lambda s: Product((s[0], s[1]), sign)


def relation(sign: str) -> Notation:
    return lambda s: Relation((s[0], s[1]), sign)


def same(s: Any) -> Math:
    """Write the operand alone: the op changes nothing that mathematics shows."""
    return s.alike(0)  # type: ignore[no-any-return]


def bracketed(left: str, right: str) -> Notation:
    return lambda s: Fenced(s[0], left, right)


def joined(items: Sequence[Math]) -> Math:
    return items[0] if len(items) == 1 else Listed(tuple(items))


class NeedsIndices(Exception):
    """Raised where an array cannot be written as a whole: its elements must be."""
