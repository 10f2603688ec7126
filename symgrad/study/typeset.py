"""Formulas as people print them: LaTeX in, MathML out, which browsers show without a script.

Given the LaTeX of one formula, return it as presentation MathML.  Invariant: a command that is
not known here is an error, never left out; the formula is only shown, never computed with.
"""

# ruff: noqa: RUF001  (the signs of mathematics look like letters, and are not)

from __future__ import annotations

import re
from collections.abc import Callable

from markupsafe import Markup, escape

from symgrad.errors import ArgumentError
from symgrad.study.identifiers import GREEK

TEXT = r"\\(?:text|textit|textbf|mbox)\s*\{([^{}]*)\}"  # in it alone do blanks count
TOKEN = re.compile(rf"{TEXT}|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S", re.DOTALL)

LETTERS = GREEK | dict(
    varepsilon="ε", varphi="φ", ell="ℓ", partial="∂", nabla="∇", infty="∞", hbar="ℏ",
)  # fmt: skip
SIGNS = dict(
    cdot="·", times="×", div="÷", pm="±", odot="⊙", circ="∘", ast="∗", star="⋆", otimes="⊗",
    le="≤", leq="≤", ge="≥", geq="≥", ne="≠", neq="≠", approx="≈", equiv="≡", sim="∼",
    propto="∝", to="→", rightarrow="→", leftarrow="←", Rightarrow="⇒", mapsto="↦", iff="⇔",
    notin="∉", subset="⊂", forall="∀", exists="∃", dots="…", ldots="…", cdots="⋯",
    vdots="⋮", ddots="⋱", mid="|", colon=":",
) | {"in": "∈"}  # fmt: skip
FENCES = dict(lVert="‖", rVert="‖", Vert="‖", lvert="|", rvert="|", vert="|", langle="⟨",
              rangle="⟩", lbrace="{", rbrace="}", lfloor="⌊", rfloor="⌋")  # fmt: skip
WORDS = (
    "log", "ln", "exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "arg", "det",
    "dim", "sup", "inf", "lim",
)  # fmt: skip
BIG = dict(sum="∑", prod="∏", int="∫")
UNDER = ("max", "min", "sup", "inf", "lim")  # words with their index below, as a sum has it
ACCENTS = dict(bar="¯", hat="^", widehat="^", dot="˙", tilde="~", vec="→")
OPENING = ("{", "(", "[", "&", r"\\", "=", "<", ">", ",", ";", "+", "-", "*", "/")
SPACES = {",": "0.17em", ":": "0.22em", ";": "0.28em", " ": "0.28em", "!": "0em"}
SPACES |= {"quad": "1em", "qquad": "2em"}
THIN = Markup('<mspace width="0.17em"></mspace>')  # about a word such as log, as TeX sets it
BRACKETS = {"matrix": "", "pmatrix": "()", "bmatrix": "[]", "vmatrix": "||", "cases": "{ "}
BRACKETS |= {"aligned": "", "align*": "", "array": ""}
SIDES = {"aligned": ("right", "left"), "align*": ("right", "left"), "cases": ("left", "left")}
PADDING = {"right": "0 .3em", "left": "0 1em"}
SHAPES = {"mathbf": "bold", "boldsymbol": "bold", "mathrm": "normal"}
DOUBLE = {"R": "ℝ", "N": "ℕ", "Z": "ℤ", "E": "𝔼", "1": "𝟙", "L": "ℒ"}
CALLIGRAPHIC = {"L": "ℒ", "N": "𝒩", "D": "𝒟", "B": "ℬ", "X": "𝒳", "Y": "𝒴"}


def typeset(tex: str, display: bool = True) -> Markup:
    """Return a formula, given as LaTeX, as a ``<math>`` element.

    Raises ArgumentError for a command that is not known, and for braces that do not match.
    """
    body = _Reader(tex).formula()
    block = Markup(' display="block"') if display else Markup("")
    return Markup("<math{}><mrow>{}</mrow></math>").format(block, body)


def _element(tag: str, *children: Markup | str) -> Markup:
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}>{1}</{0}>").format(Markup(tag), inside)


def _with_scripts(base: Markup, below: Markup | None, above: Markup | None, limits: bool) -> Markup:
    if below is not None and above is not None:
        return _element("munderover" if limits else "msubsup", base, below, above)
    if below is not None:
        return _element("munder" if limits else "msub", base, below)
    if above is not None:
        return _element("mover" if limits else "msup", base, above)
    return base


def _small(sign: str) -> Markup:
    """Return a bracket that does not grow with what it holds; bars keep no distance, as in TeX."""
    close = Markup(' lspace="0" rspace="0"') if sign in "|‖" else Markup("")
    return Markup('<mo stretchy="false"{}>{}</mo>').format(close, sign)


def _ends(part: Markup) -> bool:
    """Return whether a part is no sign that goes on: a name, a number, a closing bracket."""
    return not part.startswith("<mo") or part.endswith((")</mo>", "]</mo>"))


def _table(rows: list[list[Markup]], sides: tuple[str, ...]) -> Markup:
    """Return cells as a table, its columns in turn at these sides; equations at full size."""
    style = Markup(' style="text-align: {}; padding-inline: {}"')
    looks = [style.format(side, PADDING[side]) for side in sides] or [Markup("")]
    made = [
        Markup("").join(
            Markup("<mtd{}>{}</mtd>").format(looks[k % len(looks)], cell)
            for k, cell in enumerate(row)
        )
        for row in rows
        if row != [_element("mrow")]  # what a last line break begins
    ]
    full = Markup(' displaystyle="true"') if "right" in sides else Markup("")
    inside = Markup("").join(_element("mtr", row) for row in made)
    return Markup("<mtable{}>{}</mtable>").format(full, inside)


def _row(children: list[Markup]) -> Markup:
    return children[0] if len(children) == 1 else _element("mrow", *children)


class _Reader:
    """Reads tokens from left to right, one part of the formula after the other."""

    def __init__(self, tex: str):
        self.tex = tex
        self.tokens = [found.group() for found in TOKEN.finditer(tex)]
        self.at = 0

    # --- tokens

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise self._wrong("it ends too early")
        self.at += 1
        return token

    def _wrong(self, why: str) -> ArgumentError:
        return ArgumentError(f"`{self.tex}` can not be shown as a formula: {why}")

    def _expect(self, token: str) -> None:
        if (found := self._take()) != token:
            raise self._wrong(f"`{found}` stands where `{token}` should")

    # --- parts

    def formula(self) -> Markup:
        parts = self._until(())
        if self._peek():
            raise self._wrong(f"nothing was opened that `{self._peek()}` closes")
        return Markup("").join(parts)

    def _until(self, ends: tuple[str, ...]) -> list[Markup]:
        """Return the parts up to one of these tokens, which is left to be read."""
        parts: list[Markup] = []
        while (token := self._peek()) and token not in ends:
            if token in ("}", "&", r"\\", r"\right", r"\end"):
                break
            if token.lstrip("\\") in WORDS and parts and _ends(parts[-1]):
                parts.append(THIN)
            parts.append(self._scripted())
        if ends and not self._peek():
            raise self._wrong(f"`{ends[0]}` is missing")
        return parts

    def _scripted(self) -> Markup:
        """Return one part with what stands below and above it."""
        name = self._peek().lstrip("\\")
        base = self._part() if self._peek() not in ("^", "_") else _element("mrow")
        below = above = None
        while (token := self._peek()) in ("^", "_", "'"):
            self._take()
            if token == "_":
                below = self._argument()
            elif token == "^":
                above = self._argument()
            else:
                above = Markup('<mo lspace="0" rspace="0">′</mo>')
        made = _with_scripts(base, below, above, limits=name in (*BIG, *UNDER))
        return made + self._after_word() if name in WORDS else made

    def _after_word(self) -> Markup:
        """Return what stands between the name of a function and what it applies to."""
        applied = _element("mo", "\u2061")
        if self._peek() in ("", "(", "[", "{", r"\left", "}", ")", ","):
            return applied
        return applied + THIN

    def _is_first(self) -> bool:
        """Return whether the next token has nothing before it that it could be taken from."""
        before = self.tokens[self.at - 1] if self.at else ""
        return before in ("", *OPENING) or before[1:] in (*SIGNS, "quad", "qquad")

    def _argument(self) -> Markup:
        """Return what a command or a script applies to: a group, or one part."""
        token = self._peek()
        if token[:1].isdigit() and len(token) > 1:  # as in TeX, \frac12 is a half
            self.tokens[self.at : self.at + 1] = [token[0], token[1:]]
        return self._part()

    def _group(self) -> Markup:
        self._expect("{")
        parts = self._until(("}",))
        self._expect("}")
        return _row(parts) if parts else _element("mrow")

    def _part(self) -> Markup:
        token = self._peek()
        if token == "{":
            return self._group()
        is_sign = token in ("+", "-") and self._is_first()
        self._take()
        if is_sign:  # a sign of what follows: a browser would set it as a difference
            return Markup('<mo form="prefix">{}</mo>').format("−" if token == "-" else token)
        if (said := re.fullmatch(TEXT, token)) is not None:
            return _element("mtext", re.sub(r"^ | $", "\u00a0", said[1]))
        if token.startswith("\\"):
            return self._command(token[1:])
        if token[0].isdigit():
            return _element("mn", token)
        if token.isalpha():
            return _element("mi", token)
        if token in "()[]|":
            return _small(token)
        return _element("mo", {"-": "−", "*": "∗"}.get(token, token))

    def _command(self, name: str) -> Markup:
        if (letter := LETTERS.get(name)) is not None:
            return _element("mi", letter)
        if (sign := SIGNS.get(name)) is not None:
            return _element("mo", sign)
        if name in SPACES:
            return Markup('<mspace width="{}"></mspace>').format(SPACES[name])
        if name in WORDS:
            return _element("mi", name)
        if name in BIG:
            return _element("mo", BIG[name])
        if name in FENCES:
            return _small(FENCES[name])
        if name in ("{", "}", "|", "%", "_", "&"):
            return _small("‖" if name == "|" else name)
        made = self._structures().get(name)
        if made is None:
            raise self._wrong(f"`\\{name}` is not known here")
        return made()

    def _structures(self) -> dict[str, Callable[[], Markup]]:
        found: dict[str, Callable[[], Markup]] = {
            "frac": self._fraction, "tfrac": self._fraction, "dfrac": self._fraction,
            "sqrt": lambda: _element("msqrt", self._argument()),
            "overline": lambda: Markup(
                '<mrow style="border-top: 0.06em solid; padding-top: 0.1em">{}</mrow>'
            ).format(self._argument()),
            "left": self._fenced, "begin": self._environment,
            "operatorname": lambda: self._word("normal"),
            "mathbb": lambda: self._letters(DOUBLE), "mathcal": lambda: self._letters(CALLIGRAPHIC),
        }  # fmt: skip
        for name in ACCENTS:
            found[name] = lambda name=name: self._accent(name)  # type: ignore[misc]
        for name, shape in SHAPES.items():
            found[name] = lambda shape=shape: self._word(shape)  # type: ignore[misc]
        return found

    def _fraction(self) -> Markup:
        return _element("mfrac", self._argument(), self._argument())

    def _accent(self, name: str) -> Markup:
        mark = Markup('<mo stretchy="{}">{}</mo>').format(
            "true" if name == "widehat" else "false", ACCENTS[name]
        )
        return Markup('<mover accent="true">{}{}</mover>').format(self._argument(), mark)

    def _word(self, shape: str) -> Markup:
        return Markup('<mi mathvariant="normal"{}>{}</mi>').format(
            Markup(' style="font-weight: bold"') if shape == "bold" else Markup(""), self._plain()
        )

    def _letters(self, table: dict[str, str]) -> Markup:
        plain = self._plain()
        if any(letter not in table for letter in plain):
            raise self._wrong(f"`{plain}` has no such form here")
        return _element("mi", "".join(table[letter] for letter in plain))

    def _plain(self) -> str:
        """Return the letters of a group: the name of one thing."""
        if self._peek() != "{":
            return self._take()
        self._take()
        letters = []
        while self._peek() != "}":
            token = self._take()
            letters.append(LETTERS.get(token[1:]) or token.lstrip("\\"))
        self._take()
        return "".join(letters)

    def _fenced(self) -> Markup:
        left = self._fence()
        parts = self._until((r"\right",))
        self._expect(r"\right")
        return _element("mrow", left, *parts, self._fence())

    def _fence(self) -> Markup:
        token = self._take()
        sign = FENCES.get(token[1:], token.lstrip("\\")) if token.startswith("\\") else token
        sign = "‖" if token == r"\|" else sign
        return _element("mrow") if sign == "." else _element("mo", sign)

    def _environment(self) -> Markup:
        name = self._plain()
        if name not in BRACKETS:
            raise self._wrong(f"`\\begin{{{name}}}` is not known here")
        if name == "array":
            self._plain()
        rows = [[self._cell()]]
        while (token := self._take()) in ("&", r"\\"):
            if token == "&":
                rows[-1].append(self._cell())
            else:
                rows.append([self._cell()])
        if token != r"\end" or self._plain() != name:
            raise self._wrong(f"`\\begin{{{name}}}` is not closed by `\\end{{{name}}}`")
        made = _table(rows, SIDES.get(name, ()))
        fences = [_element("mo", sign) for sign in BRACKETS[name] if sign != " "]
        return _element("mrow", *fences[:1], made, *fences[1:])

    def _cell(self) -> Markup:
        return _element("mrow", *self._until(()))
