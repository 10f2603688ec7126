"""A derivation as LaTeX: a body that needs amsmath and amssymb, or a whole document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.notation import Math
from symgrad.study.derivations.steps import Line, Step, Words, checked
from symgrad.study.tex import escaped, tex

if TYPE_CHECKING:
    from symgrad.study.derivations import Derivation

PREAMBLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb}
\usepackage[margin=2.5cm]{geometry}
\allowdisplaybreaks
"""


def as_document(derivation: Derivation) -> str:
    body = as_latex(derivation)
    return f"{PREAMBLE}\\begin{{document}}\n{body}\\end{{document}}\n"


def as_latex(derivation: Derivation) -> str:
    parts = [rf"\section*{{{escaped(derivation.title)}}}"]
    for number, step in enumerate(derivation.steps, 1):
        parts.append(rf"\subsection*{{{number}. {escaped(step.title)}}}")
        if step.words:
            parts.append(words(step.words))
        parts.append(_list(step))
    said = [
        words(derivation.convention),
        *map(escaped, (checked(derivation.steps), *derivation.notes)),
    ]
    parts += [rf"\par\noindent {sentence}" for sentence in said if sentence]
    return "\n".join(parts) + "\n"


def words(parts: Words) -> str:
    return "".join(f"${tex(part)}$" if isinstance(part, Math) else escaped(part) for part in parts)


def _list(step: Step) -> str:
    items = "\n".join(_item(line, step.key == "gradient") for line in step.lines)
    return f"\\begin{{itemize}}\\raggedright\n{items}\n\\end{{itemize}}"


def _item(line: Line, has_code: bool) -> str:
    if line.math is None:
        said = rf"\item {_code(line.rule)} ({escaped(line.of)}"
        said += f": {escaped(line.code)})" if line.code else ")"
        return said + (f", at {_code(line.place)}" if line.place else "")
    # A formula in a paragraph, so that TeX breaks it at a sign where it is too long for a line.
    found = rf"\item $\displaystyle {tex(line.math)}$"
    if line.rule:
        found += rf" \quad\textit{{{escaped(line.rule)}}}"
    if has_code:
        found += "".join(rf"\\[2pt] {_code(part)}" for part in line.code.splitlines())
    return found


def _code(text: str) -> str:
    indent = len(text) - len(text.lstrip())
    return rf"\texttt{{{'~' * indent}{escaped(text.lstrip())}}}"
