r"""Read the names of a formula: letters with their hats, subscripts and layers, and derivatives.

Given tokens, `Letters.name` returns a `Read` name, `Letters.derivative` the two names of
``\frac{\partial L}{\partial W}``.  Invariant: an index is a letter that something sums over or
that the left side has; every other subscript is a part of the name.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from symgrad.study.judge.latex.cursor import Cursor
from symgrad.study.judge.latex.dialect import COMMANDS, Kind
from symgrad.study.judge.latex.names import Spelled
from symgrad.study.judge.latex.nodes import name
from symgrad.study.judge.latex.tokens import Token, closing, split

LABELS = 4  # marks on one letter
INDICES = frozenset("ijklmn")  # letters that are an index wherever no name has them


@dataclass(frozen=True, slots=True)
class Read:
    """A name as it was read: how it is spelled, and the positions at which it is taken."""

    spelled: Spelled
    indices: tuple[ast.expr, ...] = ()


class Letters(Cursor):
    """Reads names and what is differentiated by what."""

    def name(self) -> Read:
        """Return the name that stands here, with its subscripts and layers."""
        read, has_subscript = self._bare_name(), False
        while True:
            if self._sees("^") and (layer := self._layer()):
                inside, end = layer
                read = self._subscripted(read, inside, end, end)
                continue
            self._subscript_first()
            if not self._sees("_"):
                return read
            mark = self._next()
            if has_subscript:
                raise self._refusal(mark, "two subscripts: write both in one, x_{ij}.")
            has_subscript = True
            read = self._subscripted(read, *self._argument(mark), mark)

    def _bare_name(self) -> Read:
        token = self._next()
        if token.kind == "text" and token.text.isidentifier():
            return Read(Spelled((token.text,), token))
        if token.kind == "word":
            follows = self._peek()
            if token.text == "d" and "d" not in self.claim.names and self.begins_name(follows):
                with self._deeper(token):
                    inner = self.name()
                gradient = f"d{self.claim.names.primal_of(inner.spelled)}"
                return Read(Spelled((gradient,), token), inner.indices)
            return Read(Spelled((token.text,), token))
        if self._kind(token) is Kind.LETTER:
            return Read(Spelled(tuple(COMMANDS[token.text].value.split()), token))
        if self._kind(token) is Kind.ACCENT:
            return self._accented(token)
        raise self._refusal(token, f"a name is expected here, not `{token.shown}`.")

    def _accented(self, token: Token) -> Read:
        accents = [COMMANDS[token.text].value]
        while self._kind(self._peek()) is Kind.ACCENT:
            accents.insert(0, COMMANDS[self._next().text].value)
            if len(accents) > LABELS:
                raise self._refusal(token, f"more than {LABELS} accents on one letter.")
        inner = self._child(*self._argument(token)).only_name(with_arguments=False)
        accents = [*inner.spelled.accents, *accents]
        return Read(replace(inner.spelled, accents=tuple(accents), place=token), inner.indices)

    def begins_name(self, token: Token | None) -> bool:
        return token is not None and (
            token.kind in ("word", "text") or self._kind(token) in (Kind.LETTER, Kind.ACCENT)
        )

    def only_name(self, with_arguments: bool = True, otherwise: str = "") -> Read:
        """Return the name that all the tokens make; ``L(W, b)`` is the name ``L``."""
        read = self.name()
        if with_arguments and self._sees("("):
            self._group()
        if left := self._peek():
            message = otherwise or f"`{left.shown}` is not expected after a name here."
            raise self._refusal(left, message)
        return read

    def _subscript_first(self) -> None:
        """Turn ``w^T_1`` into ``w_1^T``, which is the same to TeX."""
        if not self._sees("^") or self.at + 1 >= len(self.tokens):
            return
        start = self.at + 1
        token = self.tokens[start]
        if token.kind == "word" and len(token.text) > 1:
            return
        end = closing(self.tokens, start) + 1 if token.text == "{" else start + 1
        if (
            end < len(self.tokens)
            and self.tokens[end].text == "_"
            and self.tokens[end].kind == "symbol"
        ):
            raised = self.tokens[self.at : end]
            self.tokens[self.at : end] = []
            behind = self.at + 1
            if behind < len(self.tokens):
                token = self.tokens[behind]
                if token.text == "{" and token.kind == "symbol":
                    behind = closing(self.tokens, behind)
                elif token.kind == "word" and len(token.text) > 1:
                    self.tokens[behind : behind + 1] = token.cut(1)
            self.tokens[behind + 1 : behind + 1] = raised

    def _layer(self) -> tuple[list[Token], Token] | None:
        """Return ``1`` of ``^{[1]}``, ``^{(1)}`` and leave the rest of the exponent."""
        brace = self._peek(1)
        if brace is None or brace.kind != "symbol" or brace.text != "{":
            return None
        opening = self._peek(2)
        if opening is None or opening.kind != "symbol" or opening.text not in ("[", "("):
            return None
        start, last = self.at + 2, closing(self.tokens, self.at + 1)
        end = closing(self.tokens, start)
        inside = self.tokens[start + 1 : end]
        label = len(inside) == 1 and (inside[0].text in self.indices or inside[0].text.isalnum())
        if not label or (self.tokens[start].text == "(" and inside[0].text in self.claim.names):
            return None
        close = self.tokens[end]
        if end + 1 == last:
            self.tokens[self.at : last + 1] = []
        else:
            self.tokens[start : end + 1] = []
        return inside, close

    def _subscripted(self, read: Read, inside: list[Token], end: Token, mark: Token) -> Read:
        if self._has_index(inside):
            return replace(read, indices=read.indices + self._positions(inside, end, mark))
        free = "".join(token.text for token in inside)
        if read.indices and set(free) <= INDICES:
            raise self._refusal(
                mark,
                f"the index `{free}` runs over nothing: sum over it, or have it on the left too.",
            )
        if read.indices:
            raise self._refusal(
                mark, "an index in front of a label: write the label first, x_{1}^{(i)}."
            )
        labels = tuple(self._label(token) for token in inside if token.text != ",")
        if not labels:
            raise self._refusal(mark, "this subscript is empty.")
        if len(read.spelled.labels + labels) > LABELS:
            raise self._refusal(mark, f"more than {LABELS} labels on one letter.")
        return replace(read, spelled=replace(read.spelled, labels=read.spelled.labels + labels))

    def _has_index(self, tokens: list[Token]) -> bool:
        return any(
            token.kind == "word" and set(token.text.rstrip("0123456789")) <= self.indices
            for token in tokens
        )

    def _label(self, token: Token) -> str:
        if token.kind in ("word", "number", "text") and token.text.replace(".", "").isalnum():
            return token.text
        if self._kind(token) is Kind.LETTER:
            return token.text
        raise self._refusal(
            token,
            "a subscript is a label, as in W_1 and W_{out}, or an index that something sums over "
            "or that the left side has.",
        )

    def _positions(self, inside: list[Token], end: Token, mark: Token) -> tuple[ast.expr, ...]:
        """Return the positions that ``_{ij}``, ``_{i, j}`` or ``_{y_i}`` mean."""
        found: list[ast.expr] = []
        for part in split(inside, {","}):
            if len(part) == 1 and part[0].kind == "word" and set(part[0].text) <= self.indices:
                found += [name(part[0], letter) for letter in part[0].text]
            elif part and part[0].text[-1].isdigit():
                raise self._refusal(
                    part[0],
                    "nothing says whether positions are counted from 0 or 1: name the part.",
                )
            else:
                if not any(self._has_index([t]) or t.text in self.claim.names for t in part):
                    raise self._refusal(mark, "this subscript is neither a label nor an index.")
                found.append(self._child(part, end, counting=True).formula())
        return tuple(found)

    # --- derivatives -------------------------------------------------------------------------

    def derivative(self, place: Token) -> tuple[Read, Read] | None:
        """Return what is differentiated by what, if a derivative stands here."""
        if self._sees_command("nabla"):
            return self._nabla(self._next())
        if self._sees_command("partial"):
            return self._slashed(self._next())
        if place.text == "nabla":
            return self._nabla(place)
        if place.text == "partial":
            return self._slashed(place)
        start, tokens = self.at, list(self.tokens)
        self.at += 1
        above, end = self._argument(place)
        below, last = self._argument(place)
        by = self._differential(below)
        if by is None or (quantity := self._differential(above)) is None:
            self.at, self.tokens = start, tokens
            return None
        what = self._operand() if not quantity else self._child(quantity, end).only_name()
        return what, self._child(by, last).only_name()

    def left_derivative(self) -> tuple[Read, Read] | None:
        """Return what is differentiated by what, if that is all that the tokens say."""
        first = self.tokens[0]
        form = COMMANDS[first.text].value or first.text if self._kind(first) is Kind.FORM else ""
        if form in ("nabla", "partial", "frac"):
            derivative = self.derivative(first)
        else:
            derivative = self._quotient()
        if derivative and (left := self._peek()):
            raise self._refusal(left, f"`{left.shown}` is not expected on the left.")
        return derivative

    def _quotient(self) -> tuple[Read, Read] | None:
        """Return the parts of ``dL/dW``."""
        sides = split(self.tokens, {"/"})
        if len(sides) != 2:
            return None
        above, below = (self._differential(side) for side in sides)
        if not above or not below:
            return None
        self.at = len(self.tokens)
        return self._child(above, self.end).only_name(), self._child(below, self.end).only_name()

    def _operand(self) -> Read:
        r"""Return the name that an operator, ``\frac{\partial}{\partial W}``, stands before."""
        if not self.begins_name(self._peek()):
            raise self._refusal(
                self._peek() or self.end, "the name that is differentiated is missing."
            )
        read = self.name()
        if self._sees("("):
            self._group()
        return read

    def _differential(self, tokens: list[Token]) -> list[Token] | None:
        """Return what stands behind the d, if these tokens begin with one."""
        if not tokens:
            return None
        first, *rest = tokens
        if (
            rest
            and rest[0].kind == "symbol"
            and rest[0].text == "^"
            and first.text in ("partial", "d")
        ):
            raise self._refusal(rest[0], "first derivatives are judged, not second ones.")
        if first.kind == "command" and first.text == "partial":
            return rest
        if first.text == "d" and first.kind in ("word", "text") and "d" not in self.claim.names:
            return rest
        if first.kind == "word" and first.text[0] == "d" and len(first.text) > 1:
            if first.text in self.claim.names:
                return None
            return [first.cut(1)[1], *rest]
        return None

    def _nabla(self, token: Token) -> tuple[Read, Read]:
        if not self._sees("_"):
            raise self._refusal(token, "by what? Write \\nabla_W L.")
        mark = self._next()
        inside, end = self._argument(mark)
        by = self._child(inside, end).only_name()
        return self._operand(), by

    def _slashed(self, token: Token) -> tuple[Read, Read]:
        if self._sees("^"):
            raise self._refusal(self._next(), "first derivatives are judged, not second ones.")
        quantity = self._operand()
        if not self._sees("/"):
            raise self._refusal(self._peek() or self.end, "by what? Write \\partial L/\\partial W.")
        self.at += 1
        if not self._sees_command("partial"):
            raise self._refusal(self._peek() or self.end, "by what? Write \\partial L/\\partial W.")
        self._next()
        return quantity, self._operand()

    def differentiated(self, quantity: Read, by: Read) -> tuple[str, str]:
        """Return the names of what is differentiated and by what, and remember both."""
        names = self.claim.names
        above, below = names.primal_of(quantity.spelled), names.primal_of(by.spelled)
        self.claim.over.setdefault(above, quantity.spelled.place)
        if above != below:
            self.claim.under.add(below)
        return above, below
