"""Statements of a program, and which of them it needs.

Given the text of a program's functions and constants, `reachable` leaves out what its main
function does not come to.  Invariant: what is left is in the order in which it was given.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """A statement at the top of a program: the names that it binds and those that it reads."""

    text: str
    binds: frozenset[str]
    reads: frozenset[str]

    @property
    def is_function(self) -> bool:
        return self.text.startswith(("def ", "@", "class "))


def pieces_of(source: str) -> list[Piece]:
    """Return the statements of a text with the comments that stand inside or at their end."""
    lines = source.splitlines()
    found = []
    for node in ast.parse(source).body:
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        text = "\n".join(lines[first - 1 : node.end_lineno])
        found.append(Piece(text, frozenset(bound(node)), frozenset(read_outside(text))))
    return found


def bound(node: ast.stmt) -> Iterator[str]:
    """Give the names that a statement binds in its module."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, (ast.If, ast.Try, ast.With)):
        for each in ast.walk(node):
            if each is not node and isinstance(each, ast.stmt):
                yield from bound(each)
    else:
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                yield each.id


def read_outside(text: str) -> set[str]:
    """Return the names that a statement takes from its module: no locals, no parameters."""
    found: set[str] = set()
    waiting = [symtable.symtable(text, "", "exec")]
    while waiting:
        table = waiting.pop()
        is_module = table.get_type() == "module"
        found |= {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (is_module or symbol.is_global())
        }
        waiting += table.get_children()
    return found


def reachable(pieces: Sequence[Piece], roots: Iterable[str]) -> list[Piece]:
    """Return the pieces that bind what is needed for ``roots``, in their order."""
    needed, waiting = set(), list(roots)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [x for piece in pieces if name in piece.binds for x in piece.reads]
    return [piece for piece in pieces if piece.binds & needed]
