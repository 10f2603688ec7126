"""What all writers of mathematics share: where brackets stand, and the order of the parts.

Given a tree of `symgrad.notation`, return a string.  Invariant: only this file compares
precedences; a writer for a format says how brackets, bars and scripts look there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from symgrad.notation import (
    ATOM,
    BIG,
    FRACTION,
    PRODUCT,
    RELATION,
    Apply,
    Big,
    Cases,
    Code,
    Fenced,
    Flat,
    Fraction,
    Indices,
    Label,
    Listed,
    Math,
    Name,
    Number,
    Product,
    Relation,
    Root,
    Said,
    Script,
    Sign,
    Slice,
    Sum,
    Word,
)
from symgrad.study.identifiers import has_index


class Writer(ABC):
    """Writes a tree in one format."""

    colon = ":"
    touching = ""  # between ∂ and its letter
    fraction = FRACTION  # how tightly a fraction holds together in this format

    def __call__(self, x: Math) -> str:
        return str(getattr(self, f"_{type(x).__name__.lower()}")(x))

    # --- what a format decides

    @abstractmethod
    def _name(self, x: Name) -> str: ...
    @abstractmethod
    def _label(self, x: Label) -> str: ...
    @abstractmethod
    def _word(self, x: Word) -> str: ...
    @abstractmethod
    def _said(self, x: Said) -> str: ...
    @abstractmethod
    def _code(self, x: Code) -> str: ...
    @abstractmethod
    def _sign(self, x: Sign) -> str: ...
    @abstractmethod
    def _root(self, x: Root) -> str: ...
    @abstractmethod
    def _big(self, x: Big) -> str: ...
    @abstractmethod
    def _cases(self, x: Cases) -> str: ...
    @abstractmethod
    def _fraction(self, x: Fraction) -> str: ...
    @abstractmethod
    def digits(self, text: str) -> str:
        """Return the digits of a number."""

    @abstractmethod
    def scripted(self, base: str, below: str | None, above: str | None) -> str: ...
    @abstractmethod
    def fenced(self, inside: str, left: str = "(", right: str = ")") -> str: ...
    @abstractmethod
    def operator(self, sign: str) -> str:
        """Return a sign between two operands, with the space that it needs."""

    @abstractmethod
    def prefix(self, sign: str) -> str:
        """Return a sign in front of an operand."""

    @abstractmethod
    def beside(self, left: Math, right: Math) -> str:
        """Return what stands between two factors without a sign."""

    @abstractmethod
    def row(self, *parts: str) -> str:
        """Return parts one after the other."""

    @abstractmethod
    def called(self, function: str, argument: str) -> str:
        """Return a function with one argument that needs no brackets."""

    # --- what no format decides

    def within(self, x: Math, needed: float) -> str:
        """Return a part, in brackets unless it holds together as tightly as needed."""
        return self(x) if self.holds(x) >= needed else self.fenced(self(x))

    def holds(self, x: Math) -> float:
        if isinstance(x, Fraction):
            return self.fraction
        if isinstance(x, Number) and _in_scientific(x.value):
            return PRODUCT
        return x.precedence

    def _number(self, x: Number) -> str:
        value = x.value.item() if hasattr(x.value, "item") else x.value
        if value != value:
            return self(Word("nan"))
        if value == float("inf"):
            return self(Sign("∞"))
        digits, e, power = number_text(value).partition("e")
        if not e:
            return self.digits(digits)
        ten = self.scripted(
            self.digits("10"), None, self(Number(int(power)))
            if int(power) >= 0 else self.row(self.prefix("-"), self.digits(str(-int(power)))),
        )  # fmt: skip
        return ten if digits == "1" else self.row(self.digits(digits), self.operator("·"), ten)

    def _sum(self, x: Sum) -> str:
        found = []
        for k, (is_subtracted, term) in enumerate(x.terms):
            sign = "-" if is_subtracted else "+"
            if k or is_subtracted:
                found.append(self.operator(sign) if k else self.prefix(sign))
            found.append(self.within(term, BIG))
        return self.row(*found)

    def _product(self, x: Product) -> str:
        needed = FRACTION if x.sign == "⊙" else PRODUCT
        found = [self._factor(x.factors[0], needed, is_last=len(x.factors) == 1, sign=x.sign)]
        for k, factor in enumerate(x.factors[1:], 1):
            left = x.factors[k - 1]
            found.append(self.operator(x.sign) if x.sign else self._between(left, factor))
            is_last = k == len(x.factors) - 1
            found.append(self._factor(factor, needed, is_last, x.sign))
        return self.row(*found)

    def _factor(self, x: Math, needed: float, is_last: bool, sign: str) -> str:
        if is_last and isinstance(x, Big):
            return self(x)
        if isinstance(x, Apply) and x.is_bare and not is_last and not sign:
            return self._apply(x, with_brackets=True)
        return self.within(x, needed)

    def _between(self, left: Math, right: Math) -> str:
        if left in (Sign("∂"), Sign("d")):
            return self.touching
        starts = right
        while isinstance(starts, Script):
            starts = starts.base
        is_digit = isinstance(starts, Number) and not isinstance(left, Fraction)
        return self.operator("·") if is_digit else self.beside(left, right)

    def _script(self, x: Script) -> str:
        base = self(x.base)
        doubled = x.below is not None and isinstance(x.base, Name) and has_index(x.base.name)
        inner = isinstance(x.base, Script) and (
            x.base.above is not None or x.below is not None or x.above is None
        )
        if self.holds(x.base) < ATOM or doubled or inner or isinstance(x.base, Apply):
            base = self.fenced(base)
        return self.scripted(
            base,
            None if x.below is None else self(x.below),
            None if x.above is None else self(x.above),
        )

    def _apply(self, x: Apply, with_brackets: bool = False) -> str:
        function = self(x.function)
        if len(x.arguments) == 1:
            (argument,) = x.arguments
            if isinstance(argument, Fenced):
                return self.row(function, self(argument))
            if x.is_bare and not with_brackets:
                return self.called(function, self(argument))
        return self.row(function, self.fenced(self(Listed(x.arguments))))

    def _fenced(self, x: Fenced) -> str:
        return self.fenced(self(x.inside), x.left, x.right)

    def _listed(self, x: Listed) -> str:
        return self._with(x.items, ",")

    def _indices(self, x: Indices) -> str:
        if all(isinstance(item, Label) for item in x.items):
            return self.row(*map(self, x.items))
        return self._with(x.items, ",")

    def _flat(self, x: Flat) -> str:
        return self.fenced(self._with(x.items, ","))

    def _slice(self, x: Slice) -> str:
        found = ["" if end is None else self(end) for end in (x.start, x.stop)]
        parts = [found[0], self.colon, found[1]]
        if x.step not in (None, 1):
            step = x.step or 1
            parts += [self.colon, self.prefix("-") if step < 0 else "", self.digits(str(abs(step)))]
        return self.row(*(part for part in parts if part))

    def _relation(self, x: Relation) -> str:
        return self._with(x.sides, x.sign)

    def _with(self, items: Any, sign: str) -> str:
        found: list[str] = []
        for item in items:
            if found:
                found.append(self.operator(sign))
            found.append(self(item) if sign in ",:" else self.within(item, RELATION + 1))
        return self.row(*found)


def number_text(value: Any) -> str:
    """Return the digits of a number of 0 or more, as Python has them but for 1.0."""
    if float(value).is_integer() and value < 1e6:
        return repr(int(value))
    return repr(value)


def _in_scientific(value: Any) -> bool:
    value = value.item() if hasattr(value, "item") else value
    return value == value and value != float("inf") and "e" in number_text(value)


def named(x: Math) -> str:
    """Return the name that a factor begins with, or nothing."""
    while isinstance(x, Script):
        x = x.base
    return x.name if isinstance(x, Name) else ""


__all__ = ["Writer", "named", "number_text"]
