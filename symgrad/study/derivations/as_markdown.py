"""A derivation as Markdown, mathematics between dollars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.notation import Math
from symgrad.study.derivations.steps import Line, Words, checked
from symgrad.study.markdown import code, escaped
from symgrad.study.tex import tex

if TYPE_CHECKING:
    from symgrad.study.derivations import Derivation


def as_markdown(derivation: Derivation) -> str:
    parts = [f"## {escaped(derivation.title)}"]
    for number, step in enumerate(derivation.steps, 1):
        parts.append(f"### {number}. {step.title}")
        if step.words:
            parts.append(words(step.words))
        if step.key == "gradient":
            parts += [part for line in step.lines for part in _with_code(line)]
        else:
            parts.append("\n".join(map(_item, step.lines)))
    parts += [words(derivation.convention), checked(derivation.steps)]
    return "\n\n".join([*parts, *map(escaped, derivation.notes)]) + "\n"


def words(parts: Words) -> str:
    return "".join(f"${tex(part)}$" if isinstance(part, Math) else escaped(part) for part in parts)


def _item(line: Line) -> str:
    if line.math is None:
        said = f"- {code(line.rule)} ({escaped(line.of)}"
        said += f": {escaped(line.code)})" if line.code else ")"
        return said + (f", at {code(line.place)}" if line.place else "")
    rule = f" — *{escaped(line.rule)}*" if line.rule else ""
    return f"- $\\displaystyle {tex(line.math)}${rule}"


def _with_code(line: Line) -> list[str]:
    assert line.math is not None
    return [f"$${tex(line.math)}$$", f"```python\n{line.code}\n```"]
