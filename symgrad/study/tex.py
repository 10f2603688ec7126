"""Mathematics for people: names, numbers and equations of a graph as LaTeX.

Given operands with their TeX, return the TeX of an equation; the templates stand in the rows of
the op table.  Invariant: what comes from the user is escaped, so that it prints as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.dims import Dim
from symgrad.graph import Equation, Graph, Op, Operand, Static, Sym
from symgrad.ops.table import ATOM, POWER, PRODUCT, UNARY

GREEK = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi",
    "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi",
    "Omega",
})  # fmt: skip
LONGEST_INDEX = 4
SPOKEN = {"lam": "lambda", "lambda_": "lambda", "eps": "epsilon", "sig": "sigma"}
ACCENTS = {"hat": "hat", "bar": "bar", "tilde": "tilde", "dot": "dot"}


@dataclass(frozen=True, slots=True)
class Tex:
    """TeX of an expression, and how tightly it holds together."""

    text: str
    precedence: float = ATOM

    def within(self, needed: float) -> str:
        """Return the text, in brackets unless its precedence is at least ``needed``."""
        if self.precedence >= needed:
            return self.text
        return rf"\left({self.text}\right)"


def tex_name(name: str) -> str:
    r"""Return an identifier as mathematics: ``w0`` as ``w_{0}``, ``y_hat`` as ``\hat{y}``."""
    word, *rest = name.strip("_").split("_") if name.strip("_") else [name]
    if any(len(part) > LONGEST_INDEX and part not in GREEK | ACCENTS.keys() for part in rest):
        return rf"\mathrm{{{escaped(name)}}}"  # words joined, not a letter with an index
    accent = next((ACCENTS[part] for part in rest if part in ACCENTS), None)
    below = [part for part in rest if part not in ACCENTS]
    letters = re.fullmatch(r"(.*?[^\d])(\d+)", word)
    if letters:
        word, below = letters[1], [letters[2], *below]
    word = SPOKEN.get(word, word)
    if word in GREEK:
        shown = rf"\{word}"
    else:
        shown = word if len(word) == 1 else rf"\mathrm{{{escaped(word)}}}"
    if accent:
        shown = rf"\{accent}{{{shown}}}"
    if not below:
        return shown
    parts = [rf"\{p}" if p in GREEK else p if len(p) == 1 or p.isdigit() else
             rf"\mathrm{{{escaped(p)}}}" for p in below]  # fmt: skip
    return f"{shown}_{{{','.join(parts)}}}"


def escaped(text: str) -> str:
    """Return text with the characters that TeX would act on made harmless."""
    return "".join(_ESCAPES.get(c, c) for c in text)


_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\^{}", "~": r"\~{}",
}  # fmt: skip


def tex_number(value: Any) -> Tex:
    """Return a number as it is written, powers of ten as such."""
    if isinstance(value, (bool, np.bool_)):
        return Tex(rf"\mathrm{{{bool(value)}}}")
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, float) and not np.isfinite(number):
        text = r"\mathrm{nan}" if np.isnan(number) else r"\infty"
        return Tex(f"-{text}", UNARY) if number < 0 else Tex(text)
    text = repr(int(number)) if float(number).is_integer() and abs(number) < 1e6 else repr(number)
    mantissa, e, power = text.partition("e")
    if e:
        text = rf"{mantissa} \cdot 10^{{{int(power)}}}"
    return Tex(text, UNARY if text.startswith("-") else PRODUCT if e else ATOM)


class TexSpeller:
    """Spells equations as mathematics; ``inlined`` ones stand inside the others."""

    def __init__(
        self,
        graph: Graph,
        inlined: Mapping[Sym, Equation],
        name: Callable[[Sym], str],
        size: Callable[[Dim], str],
    ):
        self.graph, self.inlined, self.name, self.size = graph, inlined, name, size

    def operand(self, x: Operand) -> Tex:
        if isinstance(x, Static):
            return tex_number(x.value)
        if x in self.inlined:
            return self.equation(self.inlined[x])
        return Tex(self.name(x))

    def equation(self, eqn: Equation) -> Tex:
        """Return the right-hand side of an equation."""
        rhs = eqn.rhs
        template = rhs.facts.tex or rf"\operatorname{{{{{escaped(rhs.name)}}}}} {{0}}"
        if rhs.name == "multiply" and not all(self.graph.aval(x).shape for x in rhs.operands):
            template = r"{0} \cdot {1}"
        if template.count("{1}") and len(rhs.operands) < 2:
            template = rf"\operatorname{{{{{escaped(rhs.name)}}}}} {{0}}"
        is_prefix = bool(_PREFIX.search(template))
        operands = []
        for k, x in enumerate(rhs.operands):
            tex = self.operand(x)
            operands.append(
                tex.text if _encloses(template, k) else tex.within(_needs(rhs, k, is_prefix))
            )
        settings = dict(zip(rhs.params, map(self._setting, rhs.settings), strict=True))
        found = template.format(*operands, **settings)
        return Tex(found, PRODUCT if is_prefix else _PRECEDENCE.get(rhs.name, rhs.facts.precedence))

    def _setting(self, value: Any) -> str:
        return self.size(value) if isinstance(value, Dim) else escaped(str(value))


def _needs(rhs: Op, k: int, is_prefix: bool) -> float:
    """Return how tightly operand ``k`` must hold together to stand without brackets."""
    if is_prefix:
        return POWER
    if rhs.name == "negative":
        return PRODUCT
    precedence: float = rhs.facts.precedence
    tighter = (k == 1 and rhs.name == "subtract") or (k == 0 and rhs.name in ("power", "square"))
    return min(precedence + tighter, ATOM)


def _encloses(template: str, k: int) -> bool:
    """Return whether a template puts brackets, bars or braces around operand ``k``."""
    return f"{{{{{{{k}}}}}}}" in template or bool(
        re.search(rf"[(|\[,] ?\{{{k}\}}[)|\],]", template)
    )


_PREFIX = re.compile(r"^\\(?!frac|left|sqrt)\S+ \{\d\}$")
_PRECEDENCE: Mapping[str, float] = {"divide": UNARY, "reciprocal": UNARY}
