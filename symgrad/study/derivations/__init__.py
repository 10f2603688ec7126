"""Derivations: from the composition to the emitted gradient, each equation checked by numbers.

Given a function, `explain` returns a `Derivation`: steps as data, and text, Markdown, LaTeX and
HTML of them.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symgrad.compiled import Compiled
from symgrad.dims import dims_in
from symgrad.errors import ArgumentError
from symgrad.notation import Math
from symgrad.specialise import Specialisation
from symgrad.study.circuit import Circuit, circuit
from symgrad.study.derivations.conventions import conventions
from symgrad.study.derivations.deriving import Deriving
from symgrad.study.derivations.final import Final
from symgrad.study.derivations.points import Points
from symgrad.study.derivations.steps import Line, Step, Words
from symgrad.study.examples import example_arguments
from symgrad.study.identifiers import parts_of
from symgrad.study.mathml import mathml
from symgrad.study.plain import plain
from symgrad.study.tex import tex

LEVELS = ("full", "lines", "short", "gates")
KEPT = {
    "short": ("composition", "chain", "gradient"),
    "lines": ("composition", "local", "chain", "substitution", "gradient"),
    "full": ("composition", "local", "chain", "substitution", "rewrites", "gradient"),
    "gates": ("composition", "local", "chain", "substitution", "rewrites", "gradient"),
}
LETTERS = "uvwrstpqabc"  # for the values of a function that names none, from the output back


@dataclass(frozen=True, eq=False, repr=False)
class Derivation:
    """How the gradient of a function is found, step by step.

    ``steps`` hold lines: an equation (a tree of `symgrad.notation`), the rule that gives it, the
    code that computes it, and at how many random ``points`` both its sides were compared.
    ``convention`` says how derivatives are laid out.
    """

    name: str
    value: str
    wrt: tuple[str, ...]
    level: str
    steps: tuple[Step, ...]
    convention: Words
    notes: tuple[str, ...] = ()

    def step(self, key: str) -> Step:
        """Return the step called ``key``: ``"composition"``, ``"chain"``, ``"gradient"`` ..."""
        found = next((step for step in self.steps if step.key == key), None)
        if found is None:
            known = ", ".join(step.key for step in self.steps)
            raise ArgumentError(f"step({key!r}): this derivation has the steps {known}")
        return found

    @property
    def title(self) -> str:
        *others, last = self.wrt
        return f"Gradient of {self.name} by {', '.join(others)}{' and ' if others else ''}{last}"

    def __str__(self) -> str:
        from symgrad.study.derivations.as_text import as_text

        return as_text(self)

    __repr__ = __str__

    def text(self) -> str:
        """Return the derivation as text, mathematics in Unicode."""
        return str(self)

    def markdown(self) -> str:
        """Return the derivation as Markdown, mathematics between dollars."""
        from symgrad.study.derivations.as_markdown import as_markdown

        return as_markdown(self)

    def latex(self, document: bool = False) -> str:
        """Return the body of a LaTeX document (amsmath, amssymb), or a whole ``document``."""
        from symgrad.study.derivations.as_latex import as_document, as_latex

        return as_document(self) if document else as_latex(self)

    def html(self) -> str:
        """Return the derivation as one HTML page, mathematics as MathML."""
        from symgrad.study.derivations.as_html import as_page

        return as_page(self)

    def _repr_html_(self) -> str:
        from symgrad.study.derivations.as_html import as_html

        return as_html(self)

    def _repr_latex_(self) -> str:
        return self.latex()

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def json(self) -> str:
        """Return the derivation as JSON, each equation as text, TeX and MathML."""
        return json.dumps(
            {
                "name": self.name,
                "value": self.value,
                "wrt": list(self.wrt),
                "level": self.level,
                "convention": in_words(self.convention),
                "notes": list(self.notes),
                "steps": [_step_data(step) for step in self.steps],
            },
            ensure_ascii=False,
            indent=2,
        )

    def save(self, path: str | Path) -> Path:
        """Write the derivation in the format of the path's suffix, and return the path."""
        made = Path(path)
        formats: Mapping[str, Callable[[], str]] = {
            ".txt": self.text,
            ".md": self.markdown,
            ".tex": functools.partial(self.latex, True),
            ".html": self.html,
            ".json": self.json,
        }
        if made.suffix not in formats:
            raise ArgumentError(
                f"save({str(path)!r}): the suffix says the format: {', '.join(formats)}"
            )
        made.write_text(formats[made.suffix](), encoding="utf-8", newline="\n")
        return made


def explain(
    fn: Callable[..., Any],
    *args: Any,
    wrt: Any = None,
    level: str = "full",
    specs: Mapping[str, Any] | None = None,
    has_aux: bool = False,
    seed: int = 0,
    **kwargs: Any,
) -> Derivation:
    """Return the derivation of the gradient of ``fn``, step by step.

    From the composition, with names for its parts, over local derivatives with the names of their
    rules, the chain rule and the rewrites that fired, to the lines of NumPy that are emitted.
    Every equation is compared with numbers at random points near ``args`` (drawn with ``seed``)
    before it is shown; without arguments there are examples made up, by ``specs``, annotations
    and names.  ``wrt`` says what to differentiate by, by default every argument that is a real
    number or an array of them.  ``kwargs`` are the keyword arguments of ``fn``.

    ``level="short"`` is composition, chain rule and result, ``"lines"`` has the local derivatives
    too, ``"full"`` the rewrites; ``"gates"`` takes the user's lines apart into single operations.

    Raises ArgumentError for another level, and what `symgrad.compile` raises.
    """
    if level not in LEVELS:
        raise ArgumentError(f"level={level!r}: one of {', '.join(map(repr, LEVELS))}")
    notes: tuple[str, ...] = ()
    has_aux = has_aux or (isinstance(fn, Compiled) and fn.has_aux)
    given = kwargs
    if not args and not given and _needs_arguments(fn):
        names = () if wrt is None else (wrt,) if isinstance(wrt, (str, int)) else tuple(wrt)
        known = specs if specs is not None else getattr(fn, "specs", None)
        example = example_arguments(fn, specs=known, wrt=names, has_aux=has_aux)
        args, given, notes = example.args, dict(example.kwargs), example.notes
    target = Compiled(fn, 0, has_aux=True, check=None) if has_aux else fn
    found = _circuit(target, args, given, wrt, level)
    points = Points(found, seed)
    deriving = Deriving(found, points)
    final = Final(_made(fn, found, args, given, has_aux), found, points)
    steps = [
        deriving.composition(), deriving.locals(), deriving.chain(level == "short"),
        deriving.substituted(),
        final.rewrites(), final.emitted(forward=level in ("full", "gates")),
    ]  # fmt: skip
    shown = tuple(s for s in steps if s is not None and s.key in KEPT[level])
    wrt_names = tuple(map(final.name, final.made.wrt_symbols))
    words = conventions(found, shown)
    return Derivation(
        found.made.name, found.nodes[found.output].name, wrt_names, level, shown, words, notes
    )


def _needs_arguments(fn: Any) -> bool:
    parameters = inspect.signature(getattr(fn, "function", fn)).parameters.values()
    return any(
        p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters
    )


def _circuit(fn: Any, args: Any, kwargs: Any, wrt: Any, level: str) -> Circuit:
    """Return the circuit by the user's lines, or by operations where the user names no value."""
    by_lines = circuit(fn, args, kwargs, wrt, "line")
    inner = [n for n in by_lines.nodes if n.kind == "op" and n.number != by_lines.output]
    if inner and level != "gates":
        return by_lines
    gates = circuit(fn, args, kwargs, wrt, "gate")
    return circuit(fn, args, kwargs, wrt, "gate", _letters(gates))


def _letters(found: Circuit) -> dict[str, str]:
    """Return letters for the values that the user named not: y for the output, u for the next."""
    notes = found.made.primal.notes.names
    graph = found.made.primal
    taken = {node.name for node in found.nodes if node.symbol in notes}
    sizes = dims_in(size for aval in graph.avals.values() for size in aval.shape)
    taken.update(map(graph.shapes.label, sizes))
    unnamed = [
        node for node in found.nodes
        if node.kind == "op" and node.symbol not in notes and node.number != found.output
    ]  # fmt: skip
    alike = {parts_of(name).letter for name in taken}  # w beside w0 would be confused with it
    letters = [letter for letter in LETTERS if letter not in alike]
    if len(unnamed) > len(letters):
        letters = [f"u{k}" for k in range(1, len(unnamed) + 1) if f"u{k}" not in taken]
        letters += [f"v{k}" for k in range(len(unnamed))]
    renamed = dict(zip((node.name for node in reversed(unnamed)), letters, strict=False))
    output = found.nodes[found.output]
    is_named = output.symbol in notes or found.made.value_name != "value"
    if not is_named and "y" not in taken:
        renamed[output.name] = "y"
    return renamed


def _made(fn: Any, found: Circuit, args: Any, kwargs: Any, has_aux: bool) -> Specialisation:
    """Return the function compiled as `symgrad.compile` does it, by the circuit's variables."""
    names = found.made.options.wrt
    if isinstance(fn, Compiled):
        compiled = Compiled(
            fn.function, names, specs=fn.specs, has_aux=has_aux, exact=fn.exact, check=None,
            without=fn.without, comments=False,
        )  # fmt: skip
    else:
        compiled = Compiled(fn, names, has_aux=has_aux, check=None, comments=False)
    return compiled._made_for(tuple(args), kwargs)[0]


def in_words(words: Words) -> str:
    """Return a sentence as text."""
    return "".join(plain(part) if isinstance(part, Math) else part for part in words)


def _step_data(step: Step) -> dict[str, Any]:
    return {
        "key": step.key,
        "title": step.title,
        "words": in_words(step.words),
        "lines": [_line_data(line) for line in step.lines],
    }


def _line_data(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if line.math is not None:
        found = {"text": plain(line.math), "tex": tex(line.math), "mathml": mathml(line.math)}
    for key in ("of", "rule", "code", "place"):
        if getattr(line, key):
            found[key] = getattr(line, key)
    return found | {"points": line.points} if line.math is not None else found


__all__ = ["Derivation", "Line", "Step", "explain"]
