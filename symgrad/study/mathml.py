"""Mathematics for browsers: presentation MathML (the Core that all of them draw)."""

from __future__ import annotations

from html import escape

from symgrad.notation import (
    BIG,
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
)
from symgrad.study.identifiers import GREEK, is_word, parts_of
from symgrad.study.writing import Writer, named

ABOVE = {"hat": "^", "bar": "¯", "tilde": "~", "dot": "˙"}
LETTERS_OF_ALPHABETS = frozenset("eπσδI∞𝟙∂d")
THIN = '<mspace width="0.167em"></mspace>'


class MathmlWriter(Writer):
    """Writes formulas as the inside of a ``<math>`` element."""

    colon = "<mo>:</mo>"

    def _name(self, x: Name) -> str:
        parts = parts_of(x.name)
        shown = _identifier(parts.letter)
        if parts.accent:
            shown = f'<mover accent="true">{shown}<mo>{ABOVE[parts.accent]}</mo></mover>'
        if parts.is_differential:
            shown = f'<mrow><mi mathvariant="normal">d</mi>{shown}</mrow>'
        if not parts.indices:
            return shown
        below = "<mo>,</mo>".join(map(_identifier, parts.indices))
        return f"<msub>{shown}<mrow>{below}</mrow></msub>"

    def _label(self, x: Label) -> str:
        return _identifier(x.letter)

    def _word(self, x: Word) -> str:
        return f'<mi mathvariant="normal">{escape(x.word)}</mi>'

    def _said(self, x: Said) -> str:
        return f"<mtext>{escape(x.words)}</mtext>"

    def _code(self, x: Code) -> str:
        return f'<mtext class="code">{escape(x.text)}</mtext>'

    def _sign(self, x: Sign) -> str:
        tag = "mi" if x.character in LETTERS_OF_ALPHABETS else "mo"
        return f"<{tag}>{escape(x.character)}</{tag}>"

    def digits(self, text: str) -> str:
        return f"<mn>{text}</mn>"

    def _root(self, x: Root) -> str:
        if x.degree == 2:
            return f"<msqrt>{self(x.inside)}</msqrt>"
        return f"<mroot>{self(x.inside)}<mn>{x.degree}</mn></mroot>"

    def _fraction(self, x: Fraction) -> str:
        return f"<mfrac>{self(x.above)}{self(x.below)}</mfrac>"

    def _big(self, x: Big) -> str:
        sign = self(x.sign)
        if x.above is None:
            head = f"<munder>{sign}{self(x.below)}</munder>"
        else:
            head = f"<munderover>{sign}{self(x.below)}{self(x.above)}</munderover>"
        return self.row(head, THIN, self.within(x.body, BIG))

    def _cases(self, x: Cases) -> str:
        rows = ""
        for value, condition in x.cases:
            when = (
                "<mtext>otherwise</mtext>" if condition is None
                else f"<mtext>if </mtext>{self(condition)}"
            )  # fmt: skip
            rows += f"<mtr><mtd>{self(value)}</mtd><mtd>{when}</mtd></mtr>"
        return f'<mrow><mo>{{</mo><mtable columnalign="left left">{rows}</mtable></mrow>'

    def scripted(self, base: str, below: str | None, above: str | None) -> str:
        if above is None:
            return f"<msub>{base}{below}</msub>"
        if below is None:
            return f"<msup>{base}{above}</msup>"
        return f"<msubsup>{base}{below}{above}</msubsup>"

    def fenced(self, inside: str, left: str = "(", right: str = ")") -> str:
        return (
            f'<mrow><mo form="prefix" fence="true">{left}</mo>{inside}'
            f'<mo form="postfix" fence="true">{right}</mo></mrow>'
        )

    def operator(self, sign: str) -> str:
        return f"<mo>{escape(_SIGNS.get(sign, sign))}</mo>"

    def prefix(self, sign: str) -> str:
        return f'<mo form="prefix">{_SIGNS.get(sign, sign)}</mo>'

    def beside(self, left: Math, right: Math) -> str:
        spaced = not isinstance(left, Number) and (is_word(named(left)) or is_word(named(right)))
        return THIN if spaced else "<mo>&#x2062;</mo>"

    def row(self, *parts: str) -> str:
        return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"

    def called(self, function: str, argument: str) -> str:
        return f"<mrow>{function}<mo>&#x2061;</mo>{THIN}{argument}</mrow>"


_SIGNS = {"-": "−"}


def _identifier(word: str) -> str:
    if word.isdigit():
        return f"<mn>{word}</mn>"
    if len(word) > 1 and word not in GREEK:
        return f'<mi mathvariant="normal">{escape(word)}</mi>'
    return f"<mi>{escape(GREEK.get(word, word))}</mi>"


_write = MathmlWriter()


def mathml(x: Math, is_tall: bool = False) -> str:
    """Write a formula as a ``<math>`` element; a tall one has its fractions in full size."""
    tall = ' displaystyle="true"' if is_tall else ""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{tall}>{_write(x)}</math>'
