"""Statements of a program, and which of them it needs.

Given the text of a program, `reachable` leaves out what its main function does not come to.
Invariant: what is left is in the order in which it was given, and what was left out changes
nothing that is read.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

RANDOM_STATE = "the state of np.random"  # which is no name, and is read and changed as one
GUARDS = {"__name__ == '__main__'", "'__main__' == __name__"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A statement at the top of a program: what it binds or stores into, and what it reads."""

    text: str
    binds: frozenset[str]
    reads: frozenset[str]
    line: int
    is_function: bool
    is_import: bool

    @property
    def acts(self) -> bool:
        """Whether it may change what other statements made."""
        return not self.is_function and not self.is_import


def pieces_of(source: str) -> list[Piece]:
    """Return the statements of a text with the comments that stand inside or at their end.

    What runs only where the text is the main program is left out, and so are docstrings.
    """
    lines = re.split(r"\r\n|\r|\n", source)  # where Python ends lines; `splitlines` has more ends
    return [piece(lines, nodes) for nodes in by_line(ast.parse(source).body)]


def by_line(statements: Iterable[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Give the statements that say something, those that share a line together."""
    group: list[ast.stmt] = []
    for node in statements:
        if says_nothing(node):
            continue
        if group and first_line(node) > last_line(group[-1]):
            yield group
            group = []
        group.append(node)
    if group:
        yield group


def says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return not node.orelse and ast.unparse(node.test) in GUARDS
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def piece(lines: Sequence[str], nodes: Sequence[ast.stmt]) -> Piece:
    start = first_line(nodes[0])
    text = "\n".join(lines[start - 1 : last_line(nodes[-1])])
    return Piece(
        text, frozenset([*bound(text), *changed(nodes)]), frozenset(read_outside(text)), start,
        all(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in nodes),
        all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in nodes),
    )  # fmt: skip


def first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


# --- names ----------------------------------------------------------------------------------------


def bound(text: str) -> Iterator[str]:
    """Give the names that a statement binds in its module, or would if its functions were called.

    To take a name away counts as binding it.
    """
    for table in scopes(text):
        is_module = table.get_type() == "module"
        for symbol in table.get_symbols():
            is_ours = is_module or symbol.is_declared_global()
            if is_ours and (symbol.is_assigned() or symbol.is_imported()):
                yield symbol.get_name()


def changed(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Give the names of what statements store into, or delete from: `table` in `table[0] = 5`."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            yield from (each.id for each in ast.walk(node.value) if isinstance(each, ast.Name))
        yield from changed(ast.iter_child_nodes(node))


def read_outside(text: str) -> Iterator[str]:
    """Give the names that a statement takes from its module: no locals, no parameters."""
    for table in scopes(text):
        is_module = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (is_module or symbol.is_global()):
                yield symbol.get_name()
    if re.search(r"\brandom\b", text):
        yield RANDOM_STATE


def scopes(text: str) -> Iterator[symtable.SymbolTable]:
    """Give the scope of a text and those inside."""
    waiting = [symtable.symtable(text, "", "exec")]
    while waiting:
        table = waiting.pop()
        yield table
        waiting += table.get_children()


# --- what is needed -------------------------------------------------------------------------------


def reachable(pieces: Sequence[Piece], roots: Iterable[str]) -> list[Piece]:
    """Return the pieces that are needed for ``roots``, in their order.

    Functions and imports are needed where they are read.  Any other statement is needed, too, if
    it has to do with data that is: it may change it, or what it makes may.  One that has to do
    with no data may set up a module or a function.
    """
    data = {name for piece in pieces if piece.acts for name in piece.binds} | {RANDOM_STATE}
    needed, kept = set(roots), set[int]()
    touched = {k: comes_to(pieces, piece) for k, piece in enumerate(pieces) if piece.acts}

    def is_needed(k: int, piece: Piece) -> bool:
        if piece.binds & needed or not piece.acts:
            return bool(piece.binds & needed)
        found = touched[k]
        return bool(found & needed & data) or (not (piece.binds or found & data) and sets_up(piece))

    def sets_up(piece: Piece) -> bool:
        return any(piece.reads & each.binds & needed for each in pieces)

    while more := {k for k, each in enumerate(pieces) if k not in kept and is_needed(k, each)}:
        kept |= more
        needed.update(*(pieces[k].binds | pieces[k].reads for k in more))
    return [pieces[k] for k in sorted(kept)]


def comes_to(pieces: Sequence[Piece], piece: Piece) -> set[str]:
    """Return the names that a statement reads, also in the functions that it names."""
    found, waiting = set[str](), list(piece.reads)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [
                x for each in pieces if not each.acts and name in each.binds for x in each.reads
            ]
    return found
