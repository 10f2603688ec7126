"""A derivation as text: mathematics in Unicode, equals signs of a step below one another."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from symgrad.notation import Math, Relation
from symgrad.study.derivations.steps import Line, Step, Words, checked
from symgrad.study.plain import plain

if TYPE_CHECKING:
    from symgrad.study.derivations import Derivation

WIDTH = 100
WIDEST_LEFT = 24  # side that others are lined up with


def as_text(derivation: Derivation) -> str:
    lines = [derivation.title, ""]
    for number, step in enumerate(derivation.steps, 1):
        lines += [f"{number}. {step.title}"]
        if step.words:
            lines += textwrap.wrap(words(step.words), WIDTH, initial_indent=" " * 3,
                                   subsequent_indent=" " * 3)  # fmt: skip
        lines += [*_lines(step), ""]
    lines += [*textwrap.wrap(words(derivation.convention), WIDTH), checked(derivation.steps)]
    return "\n".join([*lines, *derivation.notes])


def words(parts: Words) -> str:
    return "".join(plain(part) if isinstance(part, Math) else part for part in parts)


def _lines(step: Step) -> list[str]:
    lefts = [len(plain(_sides(line)[0])) for line in step.lines if line.math is not None]
    width = max((n for n in lefts if n <= WIDEST_LEFT), default=0)
    found = []
    for line in step.lines:
        if line.math is None:
            found += _law(line)
            continue
        shown = _equation(line, width)
        rule = f"   [{line.rule}]" if line.rule else ""
        if rule and len(shown[-1]) + len(rule) > WIDTH:
            said = textwrap.wrap(f"[{line.rule}]", WIDTH - 10)
            found += [*shown, *(" " * 10 + part for part in said)]
        else:
            found += [*shown[:-1], shown[-1] + rule]
        if step.key == "gradient":
            found += [f"         >> {part}" for part in line.code.splitlines()]
    return found


def _sides(line: Line) -> tuple[Math, ...]:
    assert line.math is not None
    is_chain = isinstance(line.math, Relation) and line.math.sign in "=:"
    return line.math.sides if is_chain else (line.math,)  # type: ignore[attr-defined]


def _equation(line: Line, width: int) -> list[str]:
    """Return an equation, each further side on a line of its own where it gets long."""
    left, *right = map(plain, _sides(line))
    sign = line.math.sign if isinstance(line.math, Relation) else ""
    if not right:
        return [f"     {left}"]
    whole = f"     {left:>{width}} {sign} {f' {sign} '.join(right)}"
    if len(whole) <= WIDTH or len(right) == 1:
        return [whole]
    indent = " " * (5 + max(width, len(left)))
    return [f"     {left:>{width}} {sign} {right[0]}", *(f"{indent} {sign} {r}" for r in right[1:])]


def _law(line: Line) -> list[str]:
    said = f"     {line.rule}   [{line.of}{': ' + line.code if line.code else ''}]"
    return [said, f"         at: {line.place}"] if line.place else [said]
