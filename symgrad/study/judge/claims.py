"""A claim as it was read: assignments, loops, and which name answers for which parameter.

Invariant: every expression in a claim passed `language.admit`, so that an interpreter may walk it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from symgrad.errors import ClaimError
from symgrad.study.judge.steps import Step


@dataclass(frozen=True, slots=True)
class Line:
    """``target = formula`` or ``target += formula``; a bare formula has no target."""

    target: ast.expr | None
    update: ast.operator | None
    formula: ast.expr
    line: int
    text: str

    @property
    def name(self) -> str:
        """Return the name that this line gives a value, or changes a part of."""
        target = self.target
        while isinstance(target, ast.Subscript):
            target = target.value
        return target.id if isinstance(target, ast.Name) else ""


@dataclass(frozen=True, slots=True)
class Loop:
    """``for variable in range(...)`` and what it repeats."""

    variable: str
    times: tuple[ast.expr, ...]
    body: tuple[Statement, ...]
    line: int
    text: str


Statement = Line | Loop


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody claims: statements, and the results in the order they are returned.

    ``returned`` are expressions in the order of ``wrt``, or by parameter name.  ``is_latex`` says
    that the claim is mathematics, in which a vector has no layout yet.  ``helpers`` are functions
    written beside the claim that it may call.
    """

    statements: tuple[Statement, ...]
    returned: tuple[Line, ...] = ()
    named: Mapping[str, Line] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    is_latex: bool = False
    helpers: Mapping[str, Claim] = field(default_factory=dict)


def lines_of(statements: Sequence[Statement]) -> Iterator[Line]:
    """Return every assignment, those inside loops too, in the order they are written."""
    for statement in statements:
        if isinstance(statement, Loop):
            yield from lines_of(statement.body)
        else:
            yield statement


def sides_of(claim: Claim) -> Iterator[Claim]:
    """Return the claim once for each side of its equations, as it stands last.

    In mathematics ``a = b = c`` claims both sides, where an assignment would only count the last.
    """
    lines = claim.statements if claim.is_latex else ()
    for k, line in enumerate(lines):
        again = {id(x) for x in lines[k + 1 :] if assigned_by(x) == assigned_by(line)}
        if again:
            yield replace(claim, statements=tuple(x for x in lines if id(x) not in again))
    yield claim


def assigned_by(statement: Statement) -> list[str]:
    """Return the names that a statement gives a value, or changes a part of."""
    if isinstance(statement, Loop):
        inside = (name for part in statement.body for name in assigned_by(part))
        return [statement.variable, *inside]
    if isinstance(statement.target, (ast.Tuple, ast.List)):
        return [part.id for part in statement.target.elts if isinstance(part, ast.Name)]
    return [statement.name] if statement.name else []


def of_steps(steps: Sequence[Step], is_latex: bool = False) -> Claim:
    """Return the claim that these steps are; the last bare formula is the answer."""
    lines = [
        Line(ast.Name(s.name) if s.name else None, None, s.formula, s.line, s.text) for s in steps
    ]
    if not lines:
        raise ClaimError("the claim is empty: write a formula such as dW = X.T @ (p - y) / n")
    bare = [line for line in lines if line.target is None]
    named = tuple(line for line in lines if line.target is not None)
    return Claim(named, tuple(bare), is_latex=is_latex)
