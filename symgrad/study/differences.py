"""What changes when a loss or a model changes: two functions and their gradients side by side.

Given two functions, align their sources and the functions emitted for them, line by line, and
keep the lines that differ.  Invariant: lines are the same only if they are so after one renaming
of local names, the same in the whole function; parameters and what is called are never renamed.
"""

from __future__ import annotations

import ast
import html
import inspect
import io
import json
import re
import textwrap
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from symgrad.compiled import Compiled
from symgrad.emit import ModuleWriter, print_module
from symgrad.errors import ArgumentError
from symgrad.specialise import Specialisation
from symgrad.study.markdown import cell_code, escaped, row, rule

FUNCTIONS = ("forward", "backward", "value_and_grad")
WIDTH = 100
SAME, CHANGED, REMOVED, ADDED = "same", "changed", "removed", "added"
MARKS = {SAME: " ", CHANGED: "|", REMOVED: "<", ADDED: ">"}


@dataclass(frozen=True, slots=True)
class Pair:
    """A line of each side that belong together; "" where a side has none."""

    kind: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Part:
    """Two texts side by side, and the local names of the left that the right calls otherwise."""

    title: str
    pairs: tuple[Pair, ...]
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def changes(self) -> list[Pair]:
        return [pair for pair in self.pairs if pair.kind != SAME]

    @property
    def heading(self) -> str:
        count = len(self.changes)
        words = f"{count} of {len(self.pairs)} lines changed" if count else "the same"
        names = ", ".join(f"{a} -> {b}" for a, b in self.renamed)
        return f"{self.title}: {words}" + (f" (renamed: {names})" if names else "")


@dataclass(frozen=True, repr=False)
class Difference:
    """What differs between two functions and their gradients; true if anything does.

    ``parts`` has the functions' own sources (where they can be read) and the emitted functions
    that were asked for; ``changed`` counts the lines that differ in all of them.
    """

    left: str
    right: str
    parts: tuple[Part, ...]

    def __bool__(self) -> bool:
        return self.changed > 0

    @property
    def changed(self) -> int:
        """How many lines differ; a line that was replaced counts once."""
        return sum(len(part.changes) for part in self.parts)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def text(self, width: int = WIDTH, paint: Callable[[str, str], str] | None = None) -> str:
        """Return the lines that differ, side by side in ``width`` columns.

        ``paint`` may colour a cell: it takes the kind of a line and the text.
        """
        column = max((width - 3) // 2, 20)
        lines = [f"{self.left:{column}}   {self.right}".rstrip()]
        for part in self.parts:
            lines += ["", *_folded(part.heading, width)]
            for pair in part.changes:
                lines += _side_by_side(pair, column, paint)
        return "\n".join(lines)

    def unified(self, context: int = 2) -> str:
        """Return the differences one below the other, with lines that stayed around them."""
        lines = [f"--- {self.left}", f"+++ {self.right}"]
        for part in self.parts:
            lines += [f"@@ {part.heading} @@", *_unified(part.pairs, context)]
        return "\n".join(lines)

    def markdown(self) -> str:
        """Return the differences in Markdown: a table for each part."""
        names = escaped(self.left), escaped(self.right)
        sections = [f"**{names[0]}** against **{names[1]}**"]
        for part in self.parts:
            sections.append(escaped(part.heading))
            if part.changes:
                rows = (row(map(cell_code, (pair.left, pair.right))) for pair in part.changes)
                sections.append("\n".join([row(names), rule(2), *rows]))
        return "\n\n".join(sections) + "\n"

    def html(self) -> str:
        """Return the differences as an HTML table for each part."""
        return (
            '<div class="symgrad-diff">\n'
            + "\n".join(_html(part, self.left, self.right) for part in self.parts)
            + "\n</div>"
        )

    _repr_html_ = html

    def as_dict(self) -> dict[str, Any]:
        """Return the differences as plain data."""
        return {
            "left": self.left,
            "right": self.right,
            "changed": self.changed,
            "parts": [
                {
                    "title": part.title,
                    "lines": len(part.pairs),
                    "changed": len(part.changes),
                    "renamed": dict(part.renamed),
                    "changes": [
                        {"kind": p.kind, "left": p.left, "right": p.right} for p in part.changes
                    ],
                }
                for part in self.parts
            ],
        }

    def json(self) -> str:
        """Return the differences as JSON; what its keys hold says `as_dict`."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False)


def diff(
    a: Any,
    b: Any,
    *args: Any,
    wrt: Any = None,
    specs: Mapping[str, Any] | None = None,
    has_aux: bool = False,
    exact: bool = False,
    functions: Sequence[str] = ("value_and_grad",),
    names: tuple[str, str] | None = None,
    **kwargs: Any,
) -> Difference:
    """Compare two functions and the gradients emitted for them.

    ``a`` and ``b`` are functions, `Compiled`, or pairs of a function and a tuple of its own
    arguments.  ``args``, ``kwargs`` or ``specs`` give both their shapes, and the other options
    are as in `compile`; a `Compiled` that has run keeps what it was compiled for.  ``functions``
    are the emitted ones to compare, of forward, backward and value_and_grad.  ``names`` are what
    the two sides are called.

    Comments, docstrings, blank lines and shape comments are not compared.  The result is true if
    anything differs.

    Raises ArgumentError, and what `compile` raises.
    """
    for name in functions:
        if name not in FUNCTIONS:
            raise ArgumentError(f"functions={name!r}: of {', '.join(FUNCTIONS)}")
    sides = []
    for given in (a, b):
        given, own = given if isinstance(given, tuple) and len(given) == 2 else (given, args)
        options = {"specs": specs, "has_aux": has_aux, "exact": exact}
        sides.append(_made(given, wrt, options, own, kwargs))
    (left, made), (right, other) = sides
    parts = []
    sources = _source(left.function), _source(right.function)
    if all(sources):
        parts.append(align("the function", *sources))
    for name in functions:
        parts.append(align(name, _emitted(made, name), _emitted(other, name)))
    called = names or (made.name, other.name)
    return Difference(*called, tuple(parts))


def _made(
    given: Any, wrt: Any, options: Mapping[str, Any], args: Any, kwargs: Any
) -> tuple[Compiled, Specialisation]:
    if isinstance(given, Compiled):
        compiled = given
    else:
        compiled = Compiled(given, 0 if wrt is None else wrt, **options)
    if (args or kwargs) and not (isinstance(given, Compiled) and given._all):
        return compiled, compiled._made_for(args, kwargs)[0]
    return compiled, compiled._newest()


def _emitted(made: Specialisation, name: str) -> str:
    """Return one emitted function without the user's lines as comments."""
    writer = ModuleWriter(replace(made.interface, comments=False))
    if name == "value_and_grad":
        view = made.write_whole(writer)[1]
    else:
        view = made.write_halves(writer)[1][FUNCTIONS.index(name)]
    text = print_module(made._module([view], bare=True))
    return text[text.index("\ndef ") + 1 :]


def _source(function: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    except (OSError, TypeError):
        return ""


# --- lines -------------------------------------------------------------------------------------


def align(title: str, left: str, right: str) -> Part:
    """Return two functions line by line: equal lines first, then those equal but for names."""
    mine, theirs = _code_lines(left), _code_lines(right)
    matcher = _Matcher(_local_names(left), _local_names(right))
    keys = [[_without_comment(line) for line in lines] for lines in (mine, theirs)]
    pairs: list[Pair] = []
    for a0, a1, b0, b1 in matcher.matched(*keys):
        if a0 == a1 or b0 == b1 or a1 - a0 != 1 or b1 - b0 != 1 or not matcher.same(
            keys[0][a0], keys[1][b0]
        ):  # fmt: skip
            pairs += _replaced(mine[a0:a1], theirs[b0:b1])
        else:
            pairs.append(Pair(SAME, mine[a0], theirs[b0]))
    renamed = tuple((a, b) for a, b in matcher.names.items() if a != b)
    return Part(title, tuple(pairs), renamed)


class _Matcher:
    """Pairs lines, and collects the one renaming of local names under which they are equal."""

    def __init__(self, left: frozenset[str], right: frozenset[str]):
        self.left, self.right = left, right
        self.names: dict[str, str] = {}
        self.back: dict[str, str] = {}

    def matched(
        self, left: Sequence[str], right: Sequence[str]
    ) -> Iterator[tuple[int, int, int, int]]:
        """Return ranges of both sides, in order: a pair of equal lines, or a replaced block."""
        same = list(_equal(left, right))
        for a, b in same:
            self.accept(left[a], right[b])
        gaps = zip([(-1, -1), *same], [*same, (len(left), len(right))], strict=True)
        found: list[tuple[int, int]] = []
        for (a0, b0), (a1, b1) in gaps:
            found += self._renamed(left, right, range(a0 + 1, a1), range(b0 + 1, b1))
            found.append((a1, b1))
        a0 = b0 = 0
        for a, b in found:
            if a > a0 or b > b0:
                yield a0, a, b0, b
            if a < len(left):
                yield a, a + 1, b, b + 1
            a0, b0 = a + 1, b + 1

    def _renamed(
        self, left: Sequence[str], right: Sequence[str], mine: range, theirs: range
    ) -> Iterator[tuple[int, int]]:
        plain_left = [self._anonymous(left[k], self.left) for k in mine]
        plain_right = [self._anonymous(right[k], self.right) for k in theirs]
        for a, b in _equal(plain_left, plain_right):
            if self.accept(left[mine[a]], right[theirs[b]]):
                yield mine[a], theirs[b]

    def _anonymous(self, line: str, local: frozenset[str]) -> str:
        return NAME.sub(lambda m: "_" if m[0] in local else m[0], line)

    def pairs(self, left: str, right: str) -> list[tuple[str, str]] | None:
        """Return which name stands for which if the lines are otherwise equal."""
        if self._anonymous(left, self.left) != self._anonymous(right, self.right):
            return None
        mine = [name for name in NAME.findall(left) if name in self.left]
        theirs = [name for name in NAME.findall(right) if name in self.right]
        return list(zip(mine, theirs, strict=True))

    def same(self, left: str, right: str) -> bool:
        pairs = self.pairs(left, right)
        return pairs is not None and all(self.names.get(a) == b for a, b in pairs)

    def accept(self, left: str, right: str) -> bool:
        """Return whether the lines are equal under the renaming so far, which may grow."""
        pairs = self.pairs(left, right)
        if pairs is None:
            return False
        names, back = dict(self.names), dict(self.back)
        for a, b in pairs:
            if names.setdefault(a, b) != b or back.setdefault(b, a) != a:
                return False
        self.names, self.back = names, back
        return True


NAME = re.compile(r"(?<![\w.\"'])[A-Za-z_]\w*")


def _equal(left: Sequence[str], right: Sequence[str]) -> Iterator[tuple[int, int]]:
    for block in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
        for k in range(block.size):
            yield block.a + k, block.b + k


def _replaced(left: Sequence[str], right: Sequence[str]) -> list[Pair]:
    """Return a replaced block with the lines that are most alike next to one another."""
    if not left or not right:
        return [Pair(REMOVED, a, "") for a in left] + [Pair(ADDED, "", b) for b in right]
    if len(left) == len(right):
        return [Pair(CHANGED, a, b) for a, b in zip(left, right, strict=True)]
    shorter, longer = sorted((left, right), key=len)
    gap = _best_gap(shorter, longer)
    extra = len(longer) - len(shorter)
    filled = [*shorter[:gap], *[""] * extra, *shorter[gap:]]
    sides = (filled, longer) if shorter is left else (longer, filled)
    kinds = {(True, False): ADDED, (False, True): REMOVED}
    return [Pair(kinds.get((not a, not b), CHANGED), a, b) for a, b in zip(*sides, strict=True)]


def _best_gap(shorter: Sequence[str], longer: Sequence[str]) -> int:
    """Return where the shorter block is best pulled apart."""
    extra = len(longer) - len(shorter)

    def likeness(gap: int) -> float:
        there = [*range(gap), *range(gap + extra, len(longer))]
        pairs = zip(shorter, (longer[k] for k in there), strict=True)
        return sum(SequenceMatcher(None, a, b, autojunk=False).ratio() for a, b in pairs)

    return max(range(len(shorter) + 1), key=likeness)


def _code_lines(text: str) -> list[str]:
    """Return the lines that hold code: no blank ones, comments or docstrings."""
    skipped = _docstring_lines(text)
    return [
        line.rstrip()
        for k, line in enumerate(text.splitlines(), 1)
        if k not in skipped and line.strip() and not line.lstrip().startswith("#")
    ]


def _docstring_lines(text: str) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(_parsed(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and len(node.body) > 1:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return found


def _parsed(text: str) -> ast.AST:
    try:
        return ast.parse(text)
    except SyntaxError:  # a lambda is cut out of the middle of a line
        return ast.Module([], [])


def _without_comment(line: str) -> str:
    """Return a line of code without the comment at its end."""
    if "#" not in line:
        return line
    try:
        for token in tokenize.generate_tokens(io.StringIO(line.lstrip() + "\n").readline):
            if token.type == tokenize.COMMENT:
                indent = len(line) - len(line.lstrip())
                return line[: indent + token.start[1]].rstrip()
    except (tokenize.TokenError, IndentationError):  # one line of a longer statement
        pass
    return line


def _local_names(text: str) -> frozenset[str]:
    """Return the names that a function gives to its own values, and its own name."""
    tree = _parsed(text)
    bound = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    parameters = {
        arg.arg for f in functions for arg in ast.walk(f.args) if isinstance(arg, ast.arg)
    }
    outer = {functions[0].name} if functions else set()
    return frozenset((bound | outer) - parameters)


# --- printing ----------------------------------------------------------------------------------


def _side_by_side(
    pair: Pair, column: int, paint: Callable[[str, str], str] | None
) -> Iterator[str]:
    left, right = _folded(pair.left, column), _folded(pair.right, column)
    for k in range(max(len(left), len(right))):
        a = left[k] if k < len(left) else ""
        b = right[k] if k < len(right) else ""
        cells = f"{a:{column}}", b
        if paint is not None:
            cells = paint(REMOVED, cells[0]), paint(ADDED, cells[1])
        yield f"{cells[0]} {MARKS[pair.kind]} {cells[1]}".rstrip()


def _folded(line: str, width: int) -> list[str]:
    """Return a line in pieces of ``width``, the later ones indented."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, width, subsequent_indent=indent, drop_whitespace=True, replace_whitespace=False,
        break_long_words=True, break_on_hyphens=False,
    )  # fmt: skip


def _unified(pairs: Sequence[Pair], context: int) -> Iterator[str]:
    near = {
        j
        for k, pair in enumerate(pairs)
        if pair.kind != SAME
        for j in range(k - context, k + context + 1)
    }
    last, removed, added = -1, list[str](), list[str]()
    for k, pair in enumerate(pairs):
        if k not in near:
            continue
        if pair.kind == SAME:
            yield from (*removed, *added)
            removed, added = [], []
            if k > last + 1:
                yield "..."
            yield f" {pair.right}"
        else:
            removed += [f"-{pair.left}"] if pair.left else []
            added += [f"+{pair.right}"] if pair.right else []
        last = k
    yield from (*removed, *added)


def _html(part: Part, left: str, right: str) -> str:
    rows = "\n".join(
        f'<tr class="{pair.kind}"><td><pre>{html.escape(pair.left)}</pre></td>'
        f"<td><pre>{html.escape(pair.right)}</pre></td></tr>"
        for pair in part.changes
    )
    head = f"<tr><th>{html.escape(left)}</th><th>{html.escape(right)}</th></tr>\n"
    return (
        f"<table>\n<caption>{html.escape(part.heading)}</caption>\n"
        f"{head if part.changes else ''}{rows}\n</table>"
    )
