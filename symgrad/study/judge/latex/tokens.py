r"""Cut LaTeX into tokens that know where they stand.

Given text, `tokens_of` returns its tokens without white space, remarks and looks, in balanced
brackets.  Invariant: every token is one that the dialect has, and no bracket nests deeper than
`DEPTH`, so that what reads them may recurse.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from symgrad.errors import SpecError, did_you_mean
from symgrad.study.judge.latex.dialect import CHARACTERS, COMMANDS, DISPLAYS, Kind

DEPTH = 40  # brackets within brackets; a person loses count at five
LENGTH = 100_000  # characters in a claim; a long chapter has fewer

OPENING = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\left|": "\\right|"} | {
    "\\left\\|": "\\right\\|",
    "\\begin": "\\end",
}
CLOSING = frozenset(OPENING.values()) | {"\\right."}

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v~]+|%[^\n]*)
      | (?P<newline>\n)
      | (?P<row>\\\\\*?(?:\[[^]\n]*\])?)
      | (?P<math>\$\$?|\\[][()])
      | \\(?P<command>[A-Za-z]+|.)
      | (?P<number>\d+(?:\.\d+)?|\.\d+)
      | (?P<word>[A-Za-z][A-Za-z0-9]*)
      | (?P<symbol>:=|[-+*/@^_&=<>'!|,.;:(){}[\]])
      | (?P<other>.)""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_BRACES = re.compile(r"\s*\{((?:[^{}\\]|\\_)*)\}")
_ONE_LETTER = re.compile(r"\s*([A-Za-z])")
_LETTER = re.compile(r"\s*\{\s*(?:([A-Za-z])|\\([A-Za-z]+))\s*\}")
_ENVIRONMENT = re.compile(r"\s*\{([A-Za-z]+)\*?\}")
_ONE = re.compile(r"\s*(?:\{\s*([1I])\s*\}|([1I])(?![0-9.]))")
_COLUMNS = re.compile(r"\s*\{[lcr| ]*\}")
_BRACKET = re.compile(r"\s*(\\[{}|]|\\[lr](?:vert|Vert|brace|brack)\b|[][().|])")
_IDENTIFIER = re.compile(r"[A-Za-z]\w{0,255}(?!\w)", re.ASCII)
_LONG_TAIL = re.compile(r"_[A-Za-z][A-Za-z0-9]")
_SCIENTIFIC = re.compile(r"[eE][-+]?\d")

_LETTERS = {name for name, row in COMMANDS.items() if row.kind is Kind.LETTER}
_READ = [name for name, row in COMMANDS.items() if row.kind is not Kind.REFUSED]


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of the text: its kind, its spelling, and where it starts (both from 1)."""

    kind: str
    text: str
    line: int
    column: int

    @property
    def shown(self) -> str:
        return f"\\{self.text}" if self.kind == "command" else self.text.strip()

    def cut(self, size: int) -> tuple[Token, Token]:
        """Return the first ``size`` characters and the rest, as TeX takes a bare argument."""
        head = Token(self.kind, self.text[:size], self.line, self.column)
        kind = "number" if self.text[size].isdigit() else self.kind
        return head, Token(kind, self.text[size:], self.line, self.column + size)


@dataclass(frozen=True, slots=True)
class Source:
    """The lines of a claim, for messages that point into them."""

    lines: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Source:
        return cls(tuple(text.split("\n")))

    def line(self, number: int) -> str:
        return self.lines[number - 1].strip()

    def refusal(self, place: Token, message: str) -> SpecError:
        """Return an error that says what is wrong and points to where."""
        line = self.lines[place.line - 1]
        start = max(0, place.column - 60)
        shown = "".join(c if c.isprintable() else " " for c in line[start : start + 90])
        caret = " " * (place.column - 1 - start) + "^"
        where = f"line {place.line}, column {place.column}"
        return SpecError(f"{where}: {message}\n    {shown.rstrip()}\n    {caret}")


class _Cutter:
    """One walk over the text."""

    def __init__(self, text: str, source: Source, names: Collection[str]) -> None:
        self.text = text
        self.source = source
        self.names = names
        self.at = 0
        self.line, self.start = 1, 0

    def tokens(self) -> Iterator[Token]:
        while self.at < len(self.text):
            match = _TOKEN.match(self.text, self.at)
            assert match is not None and match.lastgroup is not None
            place = self._token(match.lastgroup, match.group().strip() or "\n", match.start())
            self.at = match.end()
            yield from self._read(place, match[match.lastgroup])

    def _token(self, kind: str, text: str, at: int) -> Token:
        return Token(kind, text, self.line, at - self.start + 1)

    def _read(self, place: Token, text: str) -> Iterator[Token]:
        if place.kind == "newline":
            yield place
            self.line, self.start = self.line + 1, self.at
        elif place.kind == "command":
            yield from self._command(place, text)
        elif place.kind == "other":
            yield from self._character(place, text)
        elif place.kind == "number" and _SCIENTIFIC.match(self.text, self.at):
            raise self.source.refusal(
                place, f"`{text}{self.text[self.at]}...` is a product in LaTeX: write 10^{{...}}."
            )
        elif place.kind == "word":
            yield self._word(place)
        elif place.text == ":=":
            yield Token("symbol", "=", place.line, place.column)
        elif place.kind == "row":
            yield Token("row", "\\\\", place.line, place.column)
        elif place.kind != "space":
            yield place

    def _word(self, place: Token) -> Token:
        """Take a Python name such as y_hat whole, if the function has it."""
        long = _IDENTIFIER.match(self.text, self.at - len(place.text))
        word = long.group() if long else ""
        known = word in self.names or (word[:1] == "d" and word[1:] in self.names)
        if long and known and _LONG_TAIL.search(word):
            self.at = long.end()
            return Token("text", word, place.line, place.column)
        return place

    def _character(self, place: Token, text: str) -> Iterator[Token]:
        if text not in CHARACTERS:
            shown = text if text.isprintable() else ascii(text)
            raise self.source.refusal(place, f"`{shown}` has no meaning in a formula.")
        meant = CHARACTERS[text]
        if meant.startswith("\\"):
            yield from self._command(Token("command", meant, place.line, place.column), meant[1:])
        else:
            yield Token("symbol", meant, place.line, place.column)

    def _command(self, place: Token, name: str) -> Iterator[Token]:
        if name == "|":
            yield Token("symbol", "\\|", place.line, place.column)
            return
        command = COMMANDS.get(name)
        if command is None:
            shown = name if len(name) <= 40 else f"{name[:40]}..."
            hint = did_you_mean(shown, _READ)
            raise self.source.refusal(place, f"`\\{shown}` is no command of the dialect{hint}.")
        if command.kind is Kind.REFUSED:
            raise self.source.refusal(place, f"`\\{name}` is refused: {command.value}.")
        if command.kind is Kind.STYLE:
            yield from self._styled(place, name)
        elif command.kind is Kind.WORD:
            yield Token("text", self._argument(place, _ONE_LETTER), place.line, place.column)
        elif command.kind is Kind.NOTE:
            self._argument(place)
        elif command.kind is Kind.SIDE:
            yield from self._bracket(place, command.value)
        elif command.kind in (Kind.OPEN, Kind.CLOSE):
            yield Token("symbol", command.value, place.line, place.column)
        elif command.kind is Kind.EQUALS:
            yield Token("symbol", "=", place.line, place.column)
        elif name in ("begin", "end"):
            yield self._environment(place)
        elif command.kind is not Kind.SPACE:
            yield Token("command", name, place.line, place.column)

    def _argument(self, place: Token, bare: re.Pattern[str] | None = None) -> str:
        """Return the plain words in the braces that follow."""
        match = _BRACES.match(self.text, self.at) or (bare and bare.match(self.text, self.at))
        if not match:
            raise self.source.refusal(place, f"`{place.text}` takes plain words in braces.")
        self._advance(match.end())
        return " ".join(match[1].replace("\\_", "_").split())

    def _advance(self, end: int) -> None:
        newlines = self.text.count("\n", self.at, end)
        if newlines:
            self.line += newlines
            self.start = self.text.rindex("\n", self.at, end) + 1
        self.at = end

    def _styled(self, place: Token, name: str) -> Iterator[Token]:
        """Drop a look, and the braces around a single letter; a bold 1 is the indicator."""
        one = _ONE.match(self.text, self.at) if name in ("mathbb", "mathbf") else None
        if one and (name == "mathbb" or "1" in one.group()):
            self._advance(one.end())
            yield Token("command", "1", place.line, place.column)
            return
        letter = _LETTER.match(self.text, self.at)
        if letter and (letter[1] or letter[2] in _LETTERS):
            kind = "word" if letter[1] else "command"
            place = self._token(kind, letter[1] or letter[2], letter.start(1 if letter[1] else 2))
            self._advance(letter.end())
            yield place

    def _bracket(self, place: Token, side: str) -> Iterator[Token]:
        match = _BRACKET.match(self.text, self.at)
        if not match:
            raise self.source.refusal(place, f"`{place.text}` stands before a bracket.")
        self._advance(match.end())
        bracket = match[1]
        if bracket.startswith("\\") and bracket != "\\|":
            bracket = COMMANDS[bracket[1:]].value
        if bracket in ("|", "\\|"):
            bracket = side + bracket
        elif bracket == ".":
            if side != "\\right":
                raise self.source.refusal(place, "a bracket that is not shown opens nothing.")
            bracket = "\\right."
        yield Token("symbol", bracket, place.line, place.column)

    def _environment(self, place: Token) -> Token:
        match = _ENVIRONMENT.match(self.text, self.at)
        if not match:
            raise self.source.refusal(place, f"`{place.text}` takes the name of an environment.")
        self._advance(match.end())
        name = match[1]
        if name in DISPLAYS:
            return Token("display", f"{place.text}{{{name}}}", place.line, place.column)
        if name not in ("cases", "array"):
            raise self.source.refusal(
                place,
                f"the environment `{name}` is not read: equations stand in align or equation, "
                "a choice in cases.",
            )
        if columns := _COLUMNS.match(self.text, self.at):
            self._advance(columns.end())
        return Token("symbol", place.text, place.line, place.column)


def tokens_of(text: str, source: Source, names: Collection[str]) -> list[Token]:
    """Return the tokens of ``text``, in balanced brackets; Python names of ``names`` stay whole."""
    if len(text) > LENGTH:
        raise SpecError(
            f"the claim has {len(text):,} characters, and {LENGTH:,} are read: "
            "judge a part of it at a time."
        )
    return list(_balanced(_Cutter(text, source, names).tokens(), source))


def _balanced(tokens: Iterator[Token], source: Source) -> Iterator[Token]:
    opened: list[Token] = []
    for token in tokens:
        if token.kind == "symbol" and token.text in OPENING:
            opened.append(token)
            if len(opened) > DEPTH:
                raise source.refusal(
                    token, f"more than {DEPTH} brackets inside one another: name a part of it."
                )
        elif token.kind == "symbol" and token.text in CLOSING:
            if not opened:
                raise source.refusal(token, f"`{token.text}` closes nothing.")
            start = opened.pop()
            if token.text not in (OPENING[start.text], "\\right."):
                raise source.refusal(
                    token,
                    f"`{token.text}` cannot close the `{start.text}` of line {start.line}, "
                    f"column {start.column}: `{OPENING[start.text]}` does.",
                )
        yield token
    if opened:
        raise source.refusal(opened[-1], f"`{opened[-1].text}` is never closed.")


def closing(tokens: Sequence[Token], start: int) -> int:
    """Return where the bracket that opens at ``start`` is closed."""
    depth = 0
    for at in range(start, len(tokens)):
        if tokens[at].kind == "symbol":
            depth += (tokens[at].text in OPENING) - (tokens[at].text in CLOSING)
        if depth == 0:
            return at
    raise AssertionError("tokens_of balances brackets")


def outside(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens that stand outside of all brackets, and the brackets that close there."""
    depth = 0
    for token in tokens:
        if token.kind == "symbol":
            depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth == 0:
            yield token


def split(tokens: Sequence[Token], separators: Collection[str]) -> list[list[Token]]:
    """Return the parts between separators that stand outside of all brackets."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind == "symbol":
            depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth == 0 and token.kind in ("symbol", "row") and token.text in separators:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
