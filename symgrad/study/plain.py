"""Mathematics as one line of text: Unicode's signs, names as they stand in the code."""

from __future__ import annotations

import re

from symgrad.notation import (
    ATOM,
    BIG,
    PRODUCT,
    Big,
    Cases,
    Code,
    Fraction,
    Label,
    Math,
    Name,
    Number,
    Root,
    Said,
    Sign,
    Word,
    is_derivative,
)
from symgrad.study.writing import Writer, named

BELOW = dict(
    zip("0123456789aehijklmnoprstuvx+-=()", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₊₋₌₍₎", strict=True)
)
ABOVE = dict(zip("0123456789+-=()inT⊤′", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁱⁿᵀᵀ′", strict=True))
CLOSING = {"|": "|", "‖": "‖"}


class PlainWriter(Writer):
    """Writes formulas for a terminal."""

    fraction = PRODUCT - 0.05  # `a / b c` would be read as a over b c

    def holds(self, x: Math) -> float:
        return ATOM if is_derivative(x) else super().holds(x)

    def _name(self, x: Name) -> str:
        return x.name

    def _label(self, x: Label) -> str:
        return x.letter

    def _word(self, x: Word) -> str:
        return x.word

    def _said(self, x: Said) -> str:
        return x.words

    def _code(self, x: Code) -> str:
        return x.text

    def _sign(self, x: Sign) -> str:
        return x.character

    def digits(self, text: str) -> str:
        return text

    def _root(self, x: Root) -> str:
        sign = {2: "√", 3: "∛"}.get(x.degree) or f"root{x.degree}"
        inside = self(x.inside)
        return f"{sign}{inside}" if inside.isalnum() else f"{sign}({inside})"

    def _fraction(self, x: Fraction) -> str:
        if is_derivative(x):
            return f"{self(x.above)}/{self(x.below)}"
        above = self.within(x.above, PRODUCT)
        below = self.within(x.below, PRODUCT + 0.1)
        tight = all(re.fullmatch(r"[\w∂]+", part) for part in (above, below))
        return f"{above}/{below}" if tight else f"{above} / {below}"

    def _big(self, x: Big) -> str:
        sign, below = self(x.sign), self(x.below)
        small = "".join(BELOW.get(c, "") for c in _close(below))
        head = sign + (small if len(small) == len(_close(below)) else f"_{{{below}}}")
        if x.above is not None:
            head = self.scripted(head, None, self(x.above))
        return f"{head} {self.within(x.body, BIG)}"

    def _cases(self, x: Cases) -> str:
        parts = [
            f"{self(value)} otherwise"
            if condition is None
            else f"{self(value)} if {self(condition)}"
            for value, condition in x.cases
        ]
        return f"{{{'; '.join(parts)}}}"

    def scripted(self, base: str, below: str | None, above: str | None) -> str:
        if below is not None:
            base += _raised(below, BELOW, "_", "[", "]")
        if above is not None:
            base += _raised(above, ABOVE, "^", "(", ")")
        return base

    def fenced(self, inside: str, left: str = "(", right: str = ")") -> str:
        return f"{left}{inside}{right}"

    def operator(self, sign: str) -> str:
        return ", " if sign == "," else f" {sign} "

    def prefix(self, sign: str) -> str:
        return sign

    def beside(self, left: Math, right: Math) -> str:
        return "" if isinstance(left, Number) and len(named(right)) < 2 else " "

    def row(self, *parts: str) -> str:
        return "".join(parts)

    def called(self, function: str, argument: str) -> str:
        return f"{function} {argument}"


def _raised(text: str, letters: dict[str, str], sign: str, left: str, right: str) -> str:
    """Return small letters if Unicode has them all, else the text behind a sign."""
    close = _close(text)
    if all(c in letters for c in close):
        return "".join(letters[c] for c in close)
    if sign == "_":
        return f"{left}{close}{right}"
    return f"{sign}{close}" if close.isalnum() else f"{sign}{left}{text}{right}"


def _close(text: str) -> str:
    return text.replace(" = ", "=").replace(" + ", "+").replace(" - ", "-")


plain = PlainWriter()
"""Write a formula as text."""
