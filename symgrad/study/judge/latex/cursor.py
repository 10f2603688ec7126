r"""Walk over the tokens of one formula, and take what a command applies to as TeX takes it.

Given tokens, a `Cursor` hands them out one by one, and the groups in brackets whole.  Invariant:
formulas are read within formulas at most `DEPTH` times, so that reading may recurse.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from symgrad.errors import SpecError
from symgrad.study.judge.latex.dialect import COMMANDS, Kind
from symgrad.study.judge.latex.names import Names
from symgrad.study.judge.latex.tokens import DEPTH, Source, Token, closing


@dataclass(slots=True)
class Claim:
    """What is known of the whole claim while one of its formulas is read."""

    source: Source
    names: Names
    values: frozenset[str] = frozenset()  # what it calls the value that is differentiated
    settled: bool = False  # whether ``values`` and ``bars`` are final
    bars: bool = False  # whether a line starts with a bar, which then means a gradient
    over: dict[str, Token] = field(default_factory=dict)  # what is differentiated somewhere
    under: set[str] = field(default_factory=set)  # by what


class Cursor(ABC):
    """A place among the tokens of one formula, or of what stands in one pair of brackets."""

    def __init__(
        self,
        claim: Claim,
        tokens: Sequence[Token],
        end: Token,
        indices: frozenset[str] = frozenset(),
        depth: int = 0,
        counting: bool = False,
    ) -> None:
        self.claim = claim
        self.tokens = list(tokens)
        self.end = end  # what stands behind, to point to where something is missing
        self.indices = indices
        self.depth = depth
        self.counting = counting  # whether an index may stand as a number
        self.at = 0
        self.bare: Token | None = None  # the function whose argument has just ended bracketless

    def _peek(self, ahead: int = 0) -> Token | None:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else None

    def _sees(self, *texts: str) -> bool:
        token = self._peek()
        return token is not None and token.kind in ("symbol", "row") and token.text in texts

    def _sees_command(self, *texts: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == "command" and token.text in texts

    def _kind(self, token: Token | None) -> Kind | None:
        command = COMMANDS.get(token.text) if token and token.kind == "command" else None
        return command.kind if command else None

    def _next(self) -> Token:
        token = self._peek()
        if token is None:
            raise self._refusal(self.end, "a formula is missing here.")
        self.at += 1
        return token

    def _refusal(self, place: Token, message: str) -> SpecError:
        return self.claim.source.refusal(place, message)

    def _child(self, tokens: Sequence[Token], end: Token, counting: bool | None = None) -> Self:
        self._guard(end, self.depth + 1)
        counts = self.counting if counting is None else counting
        return type(self)(self.claim, tokens, end, self.indices, self.depth + 1, counts)

    def _guard(self, place: Token, depth: int) -> None:
        if depth > DEPTH:
            raise self._refusal(
                place, f"more than {DEPTH} formulas inside one another: name a part of it."
            )

    @contextmanager
    def _deeper(self, place: Token) -> Iterator[None]:
        self.depth += 1
        self._guard(place, self.depth)
        yield
        self.depth -= 1

    def _group(self) -> tuple[list[Token], Token]:
        """Return what stands in the brackets that open here, and the bracket that closes them."""
        end = closing(self.tokens, self.at)
        inside = self.tokens[self.at + 1 : end]
        self.at = end + 1
        return inside, self.tokens[end]

    def _argument(self, of: Token) -> tuple[list[Token], Token]:
        """Return what a command, ``^`` or ``_`` applies to, as TeX takes it."""
        token = self._next()
        if token.kind == "symbol" and token.text == "{":
            self.at -= 1
            return self._group()
        if token.kind in ("word", "number") and len(token.text) > 1:
            if token.kind == "number" and (of.text in "^_" or "." in token.text):
                raise self._refusal(
                    token, f"TeX takes the {token.text[0]} alone: write {{{token.text}}}."
                )
            token, rest = token.cut(1)
            self.tokens[self.at - 1 : self.at] = [token, rest]
        plain = token.kind in ("word", "number", "text")
        if not plain and self._kind(token) not in (Kind.LETTER, Kind.TURN):
            raise self._refusal(token, f"`{of.shown}` takes one letter, or braces: {{...}}.")
        return [token], self._peek() or self.end

    @abstractmethod
    def formula(self) -> ast.expr:
        """Return the formula that all the tokens make."""
