r"""Read a claim that is written in LaTeX: each equation as the name and formula that it states.

Given text and the names of the user's function, `steps_of` returns one `Step` for each right side.
The dialect is the table in `symgrad.study.judge.latex.dialect`, which `dialect()` prints; what it
does not have is refused with line and column.  Invariant: nothing is evaluated or guessed; a
spelling with two meanings is an error that says how to write either.

An equation ends with its line, unless the line ends or the next one starts with a sign such as
``+`` or ``=``; ``\\``, a comma outside of brackets and the ends of environments end it too.
The value that is differentiated (``L``) is the one thing that the claim differentiates, never
differentiates by, and that is no other name of the function.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from symgrad.errors import SpecError
from symgrad.study.judge.latex.cursor import Claim
from symgrad.study.judge.latex.dialect import COMMANDS, WORDS, Kind, dialect
from symgrad.study.judge.latex.formula import OPERATIONS, Reader
from symgrad.study.judge.latex.letters import INDICES, Read
from symgrad.study.judge.latex.names import Names, Spelled
from symgrad.study.judge.latex.nodes import call, name
from symgrad.study.judge.latex.tokens import (
    CLOSING,
    OPENING,
    Source,
    Token,
    outside,
    split,
    tokens_of,
)
from symgrad.study.judge.steps import Step

__all__ = ["dialect", "steps_of"]

LOSSES = ("L", "J", "loss", "Loss", "cost", "ell", "l")  # what a value is called, if it has a name
ON_THE_LEFT = (
    "to the left of = stands a name or one derivative: W, dW, "
    "\\frac{\\partial L}{\\partial W}, \\nabla_W L or \\bar{W}."
)
_PUNCTUATION = (".", ",", ";", ":")
_GOES_ON = frozenset({"+", "-", "*", "/", "@", "="})


@dataclass(frozen=True, slots=True)
class Equation:
    """The sides of ``a = b = c``: the name on the left (nothing for a bare formula), and the rest.

    ``name`` and ``indices`` are read from ``left``.
    """

    left: Sequence[Token]
    rights: Sequence[tuple[Sequence[Token], Token]]
    equals: Token
    name: str = ""
    indices: tuple[str, ...] = ()


def steps_of(text: str, names: Collection[str], value: str | None = None) -> list[Step]:
    """Return what the LaTeX ``text`` states, in order.

    Args:
        text: equations in the dialect.
        names: the names of the function: its parameters and named intermediate values.
        value: the name of what is differentiated, where the function has one.

    Raises:
        SpecError: the text is outside of the dialect, or has two meanings.
    """
    source = Source.of(text)
    equations = _equations(tokens_of(text, source, names), source)
    # What a bar means, and which quantity is the value, shows only when all has been read once.
    draft = Claim(source, Names(names, source))
    _read(equations, draft)
    claim = replace(draft, values=_values_of(draft, names, value), settled=True)
    return _read(equations, claim)


def _read(equations: Sequence[Equation], claim: Claim) -> list[Step]:
    named = [_with_name(equation, claim) for equation in equations]
    return [
        Step(equation.name, _right(equation, side, end, claim), *_place(side[0], claim))
        for equation in named
        for side, end in equation.rights
    ]


def _place(first: Token, claim: Claim) -> tuple[int, str]:
    return first.line, claim.source.line(first.line)


def _values_of(draft: Claim, names: Collection[str], value: str | None) -> frozenset[str]:
    """Return what the claim calls the value that it differentiates."""
    own = set(names) if value is not None else set(names) - set(LOSSES)
    found = [n for n in draft.over if n not in draft.under and n not in own]
    if len(found) > 1:  # a quantity that the claim has defined need not be the value
        found = [n for n in found if n not in draft.names or n in LOSSES] or found
    if len(found) > 1:
        raise draft.source.refusal(
            draft.over[found[1]],
            f"the claim differentiates `{found[0]}` and `{found[1]}`, and the function has "
            "neither as an intermediate value: call what is differentiated by one name.",
        )
    return frozenset(found) | ({value} if value is not None else frozenset())


# --- equations -----------------------------------------------------------------------------------


def _equations(tokens: Sequence[Token], source: Source) -> list[Equation]:
    found = []
    for line in _joined(_lines(_mathematics(tokens, source)), source):
        sides = split(_without_end(line), {"="})
        if any(sides) or len(sides) > 1:
            found.append(_equation(sides, line, source))
    if not found:
        raise SpecError("the claim is empty: write an equation, such as dW = X^T r.")
    return found


def _equation(sides: list[list[Token]], line: list[Token], source: Source) -> Equation:
    signs = [t for t in outside(line) if t.kind == "symbol" and t.text == "="]
    for position, side in enumerate(sides):
        if not side:
            which = "left" if position == 0 else "right"
            sign = signs[max(position - 1, 0)]
            raise source.refusal(sign, f"nothing stands to the {which} of this sign.")
    if len(signs) > OPERATIONS:
        raise source.refusal(signs[OPERATIONS], f"more than {OPERATIONS} sides in one equation.")
    ends = [*signs, _behind(sides[-1][-1])]
    if not signs:
        return Equation((), [(sides[0], ends[0])], ends[0])
    return Equation(sides[0], list(zip(sides[1:], ends[1:], strict=True)), signs[0])


def _behind(token: Token) -> Token:
    return Token("end", "", token.line, token.column + len(token.text))


def _mathematics(tokens: Sequence[Token], source: Source) -> list[Token]:
    """Return the tokens between the signs of mathematics, or all if there are none."""
    if not any(token.kind == "math" for token in tokens):
        return list(tokens)
    closers = {"$": "$", "$$": "$$", "\\[": "\\]", "\\(": "\\)"}
    kept: list[Token] = []
    opened: Token | None = None
    for token in tokens:
        if token.kind == "math":
            if opened is None and token.text in closers:
                opened = token
                kept.append(replace(token, kind="display"))
            elif opened is not None and closers[opened.text] == token.text:
                opened = None
                kept.append(replace(token, kind="display", text=f"closing {token.text}"))
            else:
                raise source.refusal(token, f"`{token.text}` closes nothing.")
        elif opened is not None or token.kind in ("newline", "display"):
            kept.append(token)
        elif token.text not in _PUNCTUATION:
            raise source.refusal(
                token, "this stands outside of the formulas: put remarks behind %."
            )
    if opened is not None:
        raise source.refusal(opened, f"`{opened.text}` is never closed.")
    return kept


@dataclass(slots=True)
class Line:
    """A line outside of brackets: its tokens, and how it may follow from the one before."""

    tokens: list[Token]
    may_go_on: bool = False  # nothing but a line's end stands between the two
    must_go_on: bool = False  # nor even that, to TeX


def _lines(tokens: Sequence[Token]) -> list[Line]:
    lines = [Line([])]
    depth = displays = 0
    for token in tokens:
        if token.kind == "symbol":
            depth += (token.text in OPENING) - (token.text in CLOSING)
        if token.kind == "display" and depth == 0:
            displays += -1 if token.text.startswith(("\\end", "closing")) else 1
            lines.append(Line([]))
        elif depth == 0 and (token.kind in ("newline", "row") or token.text in (",", ";")):
            lines.append(_after(lines[-1], soft=token.kind == "newline" and displays > 0))
        elif depth == 0 and token.text == "&" and token.kind == "symbol":
            continue
        elif token.kind != "newline":
            lines[-1].tokens.append(token)
    return [line for line in lines if line.tokens]


def _after(line: Line, soft: bool) -> Line:
    follows = bool(line.tokens)
    return Line([], follows or line.may_go_on, soft and (follows or line.must_go_on))


def _joined(lines: Sequence[Line], source: Source) -> list[list[Token]]:
    """Join a line to the one before, where that one or this one says that it goes on."""
    joined: list[list[Token]] = []
    for line in lines:
        first = line.tokens[0]
        goes_on = line.may_go_on and (_is_sign(first) or _is_sign(joined[-1][-1]))
        if line.must_go_on and not goes_on and any(t.text == "=" for t in outside(line.tokens)):
            raise source.refusal(first, "the equation before this one does not end: put \\\\.")
        if goes_on or line.must_go_on:
            joined[-1] += line.tokens
        else:
            joined.append(list(line.tokens))
    return joined


def _is_sign(token: Token) -> bool:
    if token.kind == "symbol":
        return token.text in _GOES_ON
    command = COMMANDS.get(token.text)
    return token.kind == "command" and command is not None and command.kind is Kind.PRODUCT


def _without_end(line: list[Token]) -> list[Token]:
    """Leave out the punctuation and the words at the end of an equation."""
    kept = list(line)
    while kept:
        if (kept[-1].kind == "symbol" and kept[-1].text in _PUNCTUATION) or _is_remark(kept[-1]):
            kept.pop()
        elif [t.text for t in kept[-3::2]] == ["(", ")"] and _is_remark(kept[-2]):
            del kept[-3:]
        else:
            break
    return kept


def _is_remark(token: Token) -> bool:
    return token.kind == "text" and not token.text.isidentifier()


# --- left sides ----------------------------------------------------------------------------------


def _with_name(equation: Equation, claim: Claim) -> Equation:
    """Read what an equation is about, and remember what that tells of the whole claim."""
    if not equation.left:
        return equation
    reader = Reader(claim, equation.left, equation.equals)
    derivative = reader.left_derivative()
    if derivative is None:
        return _with_plain_name(equation, reader, claim)
    quantity, by = derivative
    under, indices = _free(by.spelled, claim)
    above, over_indices = _free(quantity.spelled, claim, known_only=True)
    over, below = reader.differentiated(Read(above), Read(under))
    if not claim.settled:
        return replace(equation, name=f"d{below}", indices=over_indices + indices)
    if over in claim.values:
        return replace(equation, name=f"d{below}", indices=indices)
    local = f"d{over}_d{below}"
    claim.names.define(local)
    return replace(equation, name=local, indices=over_indices + indices)


def _with_plain_name(equation: Equation, reader: Reader, claim: Claim) -> Equation:
    first = equation.left[0]
    applied = len(equation.left) > 1 and equation.left[1].text == "("
    if applied and (first.text in WORDS and first.text not in claim.names):
        raise claim.source.refusal(first, f"`{first.text}` is a function already: use it.")
    if not reader.begins_name(first):
        raise claim.source.refusal(first, ON_THE_LEFT)
    spelled = reader.only_name(otherwise=ON_THE_LEFT).spelled
    known = claim.names.find(spelled)
    if "bar" in spelled.accents and known is None:
        claim.bars = True
        accents = tuple(accent for accent in spelled.accents if accent != "bar")
        below, indices = _free(replace(spelled, accents=accents), claim)
        return replace(equation, name=f"d{claim.names.primal_of(below)}", indices=indices)
    plain, indices = _free(spelled, claim)
    named = claim.names.name_of(plain)
    if claim.names.find(plain) is None:
        claim.names.define(named)
    return replace(equation, name=named, indices=indices)


def _free(
    spelled: Spelled, claim: Claim, known_only: bool = False
) -> tuple[Spelled, tuple[str, ...]]:
    """Return the name without the indices that it is stated for, and these."""
    indices: tuple[str, ...] = ()
    while spelled.labels and claim.names.find(spelled) is None:
        *labels, last = spelled.labels
        shorter = replace(spelled, labels=tuple(labels))
        known = claim.names.find(replace(spelled, labels=())) is not None
        likely = set(last) <= INDICES and (known or not known_only)
        if any(letter in claim.names for letter in last) or not (
            likely or (known and len(last) == 1 and last.isalpha())
        ):
            break
        spelled, indices = shorter, (*last, *indices)
    if len(set(indices)) < len(indices):
        raise claim.source.refusal(spelled.place, "an index stands twice on the left.")
    return spelled, indices


# --- right sides ---------------------------------------------------------------------------------


def _right(equation: Equation, side: Sequence[Token], end: Token, claim: Claim) -> ast.expr:
    body = Reader(claim, side, end, frozenset(equation.indices)).formula()
    if equation.indices:
        place = equation.left[0]
        body = call(place, "each", *(name(place, index) for index in equation.indices), body)
    _refuse_deep(body, side[0], claim)
    return body


def _refuse_deep(formula: ast.expr, place: Token, claim: Claim) -> None:
    """Refuse a tree that whoever walks it by recursion could not."""
    level: list[ast.AST] = [formula]
    for _ in range(OPERATIONS):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise claim.source.refusal(
        place, f"more than {OPERATIONS} operations in one formula: name a part of it."
    )
