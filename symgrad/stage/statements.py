"""What the user's own text says at a place of staged code.

Given: the tree of a staged function and the text of its file.  Returned: the statement that
stands on a line, in one line and without comments.  Invariant: the text is the one that was
proved to be the source, for the staged code itself holds it.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Sequence
from types import CodeType
from typing import Any

from symgrad.stage.scopes import Comprehension, FunctionNode, body_of

_Place = tuple[int, int]  # line, and column in bytes


class Statement:
    """What stands on a line of a function."""

    def __init__(self, rows: Sequence[str], nodes: Sequence[ast.AST]):
        self.rows, self.nodes = rows, nodes  # of the whole file; what shares the line

    @functools.cached_property
    def has_rounds(self) -> bool:
        """Whether it goes back within itself: it holds a comprehension."""
        inside = [node for whole in self.nodes for node in ast.walk(whole)]
        return any(isinstance(node, Comprehension) for node in inside)

    @functools.cached_property
    def text(self) -> str:
        """Its text on one line; a `return` says its value, and annotations are left out."""
        return "; ".join(map(self._text, self.nodes))

    def _text(self, node: Any) -> str:
        if isinstance(node, ast.Return) and node.value is not None:
            return self._text(node.value)
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            return f"{self._text(node.target)} = {self._text(node.value)}"
        inner = _first_inside(node)
        end = (node.end_lineno, node.end_col_offset) if inner is None else _start(inner)
        return _on_one_line(self._between(_start(node), end))

    def _between(self, start: _Place, end: _Place) -> list[str]:
        rows = [row.encode() for row in self.rows[start[0] - 1 : end[0]]]
        rows[-1] = rows[-1][: end[1]]
        rows[0] = rows[0][start[1] :]
        return [row.decode() for row in rows]


class Source:
    """The text of one function; its staged code holds it as a constant."""

    def __init__(self, text: str, function: FunctionNode):
        self.text, self.function = text, function
        self._tables: dict[int, tuple[CodeType, list[tuple[int | None, int]]]] = {}

    @functools.cached_property
    def by_line(self) -> dict[int, Statement]:
        """The statement on each line; those that share a line are one."""
        rows = re.split("\r\n|\r|\n", self.text)
        found: dict[int, list[ast.AST]] = {}
        for outer in body_of(self.function):
            for node in ast.walk(outer):
                if isinstance(node, ast.stmt) or node is outer:
                    for line in _lines(node):
                        found.setdefault(line, []).append(node)
        made: dict[tuple[ast.AST, ...], Statement] = {}
        for nodes in map(tuple, found.values()):
            made[nodes] = made.get(nodes) or Statement(rows, nodes)
        return {line: made[tuple(nodes)] for line, nodes in found.items()}

    @functools.cached_property
    def expressions(self) -> frozenset[tuple[int, str]]:
        """The first lines and names of the functions here that only return an expression."""
        inside = [node for node in ast.walk(self.function) if isinstance(node, FunctionNode)]
        return frozenset(
            (_start(node)[0], getattr(node, "name", "<lambda>"))
            for node in inside
            if _is_one_expression(node)
        )

    def place(self, code: CodeType, lasti: int) -> tuple[int | None, int]:
        """Return the line of an instruction of this function, and where the instruction begins.

        ``lasti`` may point behind it, into what the interpreter keeps there once it is warm.
        """
        if id(code) not in self._tables:
            self._tables[id(code)] = code, _places(code)
        return self._tables[id(code)][1][lasti // 2]


def source_of(code: CodeType) -> Source | None:
    """Return the source that staged code holds, its last constant."""
    last = code.co_consts[-1] if code.co_consts else None
    return last if type(last) is Source else None


def holds_source(code: CodeType) -> bool:
    return source_of(code) is not None


def is_one_expression(code: CodeType) -> bool:
    """Return whether code is that of a function that does nothing but return an expression."""
    source = source_of(code)
    return source is not None and (code.co_firstlineno, code.co_name) in source.expressions


def statement_at(code: CodeType, lasti: int) -> tuple[Statement, int] | None:
    """Return the user's statement where staged code stands, and the place in the code."""
    source = source_of(code)
    if source is None:
        return None
    line, start = source.place(code, lasti)
    found = source.by_line.get(line) if line is not None else None
    return (found, start) if found is not None else None


def _is_one_expression(function: FunctionNode) -> bool:
    *docstring, last = body_of(function)
    is_return = isinstance(last, ast.Return) or isinstance(function, ast.Lambda)
    return is_return and all(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in docstring
    )


def _places(code: CodeType) -> list[tuple[int | None, int]]:
    """Return for each unit of code its line, and the first of the units that stand there."""
    places: list[tuple[int | None, int]] = []
    before, start = None, 0
    for k, position in enumerate(code.co_positions()):
        if position != before:
            before, start = position, k
        places.append((position[0], start))
    return places


def _lines(node: Any) -> range:
    """Return the lines of a simple statement, or of what stands before a block."""
    inner = _first_inside(node)
    return range(node.lineno, node.end_lineno + 1 if inner is None else _start(inner)[0])


def _first_inside(node: ast.AST) -> Any:
    """Return the first statement of the blocks that ``node`` holds, if it holds any."""
    inside = [
        child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node
    ]
    return min(inside, key=_start, default=None)


def _start(node: Any) -> _Place:
    first = min([node, *getattr(node, "decorator_list", ())], key=lambda part: part.lineno)
    return first.lineno, first.col_offset


def _on_one_line(rows: Sequence[str]) -> str:
    """Return the lines of a statement joined, without comments and what lines alone need."""
    joined = ""
    for row in _without_comments(rows):
        part = row.rstrip("\\").strip()
        if not part:
            continue
        if part[0] in "]}" or (part[0] == ")" and not _is_one_tuple(joined)):
            joined = joined.removesuffix(",")
        is_close = not joined or joined[-1] in "([{" or part[0] in ")]}."
        joined += part if is_close else f" {part}"
    return joined


def _is_one_tuple(text: str) -> bool:
    """Return whether the bracket that is open at the end of ``text`` makes a tuple of one."""
    depth, commas = 0, 0
    for k in range(len(text) - 1, -1, -1):
        depth += (text[k] in ")]}") - (text[k] in "([{")
        if depth < 0:
            before = text[:k].rstrip()[-1:]
            return commas <= 1 and not (before.isalnum() or before in "_)]")
        commas += text[k] == "," and depth == 0
    return False


def _without_comments(rows: Sequence[str]) -> list[str]:
    ends = [len(row) for row in rows]
    for token in tokenize.generate_tokens(io.StringIO("\n".join(rows)).readline):
        if token.type == tokenize.COMMENT:
            ends[token.start[0] - 1] = token.start[1]
    return [row[:end] for row, end in zip(rows, ends, strict=True)]
