"""Mathematics for people as LaTeX: names, numbers and whole formulas.

Given a tree of `symgrad.notation` or an identifier, return TeX.  Invariant: what comes from the
user is escaped, so that it prints as it is written, and only commands of LaTeX, amsmath and
amssymb are used.
"""

from __future__ import annotations

from symgrad.notation import (
    BIG,
    Big,
    Cases,
    Code,
    Fraction,
    Label,
    Math,
    Name,
    Root,
    Said,
    Sign,
    Word,
)
from symgrad.study.identifiers import GREEK, LETTERS, is_word, parts_of
from symgrad.study.writing import Writer, named

COMMANDS = {
    "+": "+", "-": "-", "=": "=", "<": "<", ">": ">", "≤": r"\le", "≥": r"\ge", "≠": r"\ne",
    "·": r"\cdot", "⊙": r"\odot", "×": r"\times", ",": ",", "∞": r"\infty", "⊤": r"\top",
    "∂": r"\partial", "∑": r"\sum", "∏": r"\prod", "𝟙": r"\mathbf{1}", "e": "e", "π": r"\pi",
    "∧": r"\land", "∨": r"\lor", "¬": r"\lnot", "⊕": r"\oplus", "σ": r"\sigma", "I": "I",
    "…": r"\dots", "mod": r"\bmod", "′": r"\prime", "δ": r"\delta",
    ":": r"\colon", "←": r"\leftarrow", "↦": r"\mapsto", "←+": r"\mathrel{+}=",
    "d": r"\mathrm{d}", "Γ": r"\Gamma", "ψ": r"\psi", "Φ": r"\Phi", "ζ": r"\zeta",
}  # fmt: skip
FENCES = {
    "(": r"\left(", ")": r"\right)", "[": r"\left[", "]": r"\right]", "{": r"\left\{",
    "}": r"\right\}", "|": r"\left|", "|)": r"\right|", "‖": r"\left\lVert ",
    "‖)": r"\right\rVert", "⌊": r"\left\lfloor ", "⌋": r"\right\rfloor", "⌈": r"\left\lceil ",
    "⌉": r"\right\rceil", "⟨": r"\left\langle ", "⟩": r"\right\rangle",
}  # fmt: skip
FUNCTIONS = frozenset({
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "log", "exp", "max",
    "min", "det",
})  # fmt: skip


def tex_name(name: str) -> str:
    r"""Return an identifier as mathematics: ``w0`` as ``w_{0}``, ``y_hat`` as ``\hat{y}``."""
    parts = parts_of(name)
    shown = _letter(parts.letter)
    if parts.accent:
        shown = rf"\{parts.accent}{{{shown}}}"
    if parts.is_differential:
        shown = rf"\mathrm{{d}}{shown}"
    if not parts.indices:
        return shown
    return f"{shown}_{{{','.join(map(_letter, parts.indices))}}}"


def _letter(word: str) -> str:
    if word in GREEK:
        return rf"\{word}" if word not in ("Upsilon", "upsilon") else _UPSILON[word]
    if not word.isascii() or not word.replace("_", "").isalnum():
        return rf"\text{{{escaped(word)}}}"  # what only text can hold, as an accent of its own
    return word if len(word) == 1 or word.isdigit() else rf"\mathrm{{{escaped(word)}}}"


_UPSILON = {"upsilon": r"\upsilon", "Upsilon": r"\Upsilon"}


def escaped(text: str) -> str:
    """Return text with the characters that TeX would act on made harmless."""
    return "".join(_ESCAPES.get(c) or _printable(c) for c in text)


def _printable(c: str) -> str:
    """Return a character, or its number if LaTeX's fonts have it not."""
    return c if c.isascii() or ("À" <= c <= "ÿ" and c.isalpha()) else f"[U+{ord(c):04X}]"


_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\^{}", "~": r"\~{}",
} | {letter: rf"\ensuremath{{\{word}}}" for letter, word in LETTERS.items()}  # fmt: skip


class TexWriter(Writer):
    """Writes formulas for LaTeX's mathematical mode."""

    colon = "{:}"
    touching = " "

    def _name(self, x: Name) -> str:
        return tex_name(x.name)

    def _label(self, x: Label) -> str:
        return x.letter

    def _word(self, x: Word) -> str:
        if x.word in FUNCTIONS:
            return rf"\{x.word}"
        return rf"\operatorname{{{escaped(x.word)}}}"

    def _said(self, x: Said) -> str:
        return rf"\text{{{escaped(x.words)}}}"

    def _code(self, x: Code) -> str:
        return rf"\texttt{{{escaped(x.text)}}}"

    def _sign(self, x: Sign) -> str:
        return COMMANDS[x.character]

    def digits(self, text: str) -> str:
        return text

    def _root(self, x: Root) -> str:
        degree = "" if x.degree == 2 else f"[{x.degree}]"
        return rf"\sqrt{degree}{{{self(x.inside)}}}"

    def _fraction(self, x: Fraction) -> str:
        return rf"\frac{{{self(x.above)}}}{{{self(x.below)}}}"

    def _big(self, x: Big) -> str:
        limits = f"_{{{self(x.below)}}}" + (f"^{{{self(x.above)}}}" if x.above else "")
        return f"{self(x.sign)}{limits} {self.within(x.body, BIG)}"

    def _cases(self, x: Cases) -> str:
        lines = [
            rf"{self(value)} & \text{{otherwise}}" if condition is None else
            rf"{self(value)} & \text{{if }} {self(condition)}"
            for value, condition in x.cases
        ]  # fmt: skip
        inside = r" \\ ".join(lines)
        return rf"\begin{{cases}} {inside} \end{{cases}}"

    def scripted(self, base: str, below: str | None, above: str | None) -> str:
        found = base if below is None else f"{base}_{{{below}}}"
        if above is None:
            return found
        return (
            f"{found}^{{{above}}}"
            if len(above) > 1 and above not in (r"\top", r"\prime")
            else f"{found}^{above}"
        )

    def fenced(self, inside: str, left: str = "(", right: str = ")") -> str:
        closing = right + ")" if left == right else right
        if left in "([" and not _is_tall(inside):
            return f"{left}{inside}{right}"
        return f"{FENCES[left]}{inside}{FENCES[closing]}"

    def operator(self, sign: str) -> str:
        return ", " if sign == "," else f" {COMMANDS[sign]} "

    def prefix(self, sign: str) -> str:
        return COMMANDS[sign]

    def beside(self, left: Math, right: Math) -> str:
        return r" \, " if is_word(named(left)) or is_word(named(right)) else " "

    def row(self, *parts: str) -> str:
        return "".join(parts)

    def called(self, function: str, argument: str) -> str:
        return f"{function} {argument}"


def _is_tall(inside: str) -> bool:
    inside = inside.replace("^{-1}", "")
    return any(command in inside for command in (r"\frac", r"\sum", r"\prod", r"\begin", "^{"))


tex = TexWriter()
"""Write a formula as LaTeX."""

__all__ = ["escaped", "tex", "tex_name"]
