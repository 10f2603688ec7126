"""A derivation as HTML: well-formed, escaped, mathematics as MathML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from symgrad.notation import Math
from symgrad.study.derivations.steps import Line, Step, Words, checked
from symgrad.study.mathml import mathml
from symgrad.study.pages import bare_page

if TYPE_CHECKING:
    from symgrad.study.derivations import Derivation

STYLE = """\
body { font-family: sans-serif; margin: 2em; max-width: 60em; }
.symgrad-derivation ul { list-style: none; padding-left: 1em; }
.symgrad-derivation li { margin: 0.6em 0; overflow: auto hidden; padding-bottom: 0.1em; }
.symgrad-derivation li math { font-size: 1.1em; }
.symgrad-derivation .rule { color: #555; font-style: italic; padding-left: 1.5em; }
.symgrad-derivation pre { margin: 0.3em 0 0 1.5em; padding: 0.3em 0.6em; background: #f4f4f4; }
.symgrad-derivation .note { color: #555; }
"""


def as_html(derivation: Derivation) -> str:
    lines = ['<div class="symgrad-derivation">', f"<h2>{escape(derivation.title)}</h2>"]
    for number, step in enumerate(derivation.steps, 1):
        lines += _step(number, step)
    lines.append(f'<p class="note">{words(derivation.convention)}</p>')
    said = (checked(derivation.steps), *derivation.notes)
    lines += [f'<p class="note">{escape(sentence)}</p>' for sentence in said if sentence]
    return "\n".join([*lines, "</div>"]) + "\n"


def as_page(derivation: Derivation) -> str:
    """Return a whole page."""
    return bare_page(derivation.title, STYLE, as_html(derivation))


def words(parts: Words) -> str:
    return "".join(mathml(part) if isinstance(part, Math) else escape(part) for part in parts)


def _step(number: int, step: Step) -> list[str]:
    lines = [f"<h3>{number}. {escape(step.title)}</h3>"]
    if step.words:
        lines.append(f"<p>{words(step.words)}</p>")
    items = (f"<li>{_item(line, step.key == 'gradient')}</li>" for line in step.lines)
    return [*lines, "<ul>", *items, "</ul>"]


def _item(line: Line, has_code: bool) -> str:
    if line.math is None:
        reason = f": {escape(line.code)}" if line.code else ""
        place = f", at <code>{escape(line.place)}</code>" if line.place else ""
        return f"<code>{escape(line.rule)}</code> ({escape(line.of)}{reason}){place}"
    found = mathml(line.math, is_tall=True)
    if line.rule:
        found += f'<span class="rule">{escape(line.rule)}</span>'
    if has_code:
        found += f"<pre>{escape(line.code)}</pre>"
    return found
