"""Which block binds a name.

Given: the syntax tree of one function.  Returned: a `Scope` for each block in it, which tells
the function's own locals from what it reads from outside.  Invariant: a scope asks only its
parents, and the root of the staged function has none, so "outside" means "captured or global".
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Scope:
    """One block: a function, a class body, a comprehension or a list of type parameters."""

    parent: Scope | None
    private: str | None  # the class whose name mangles `__x` here
    is_class: bool
    bound: frozenset[str]
    global_: frozenset[str]
    nonlocal_: frozenset[str]

    def is_outside(self, name: str) -> bool:
        """Tell whether reading ``name`` here reaches past the root (source spelling)."""
        return self._reaches_past_root(mangle(self.private, name))

    def _reaches_past_root(self, name: str) -> bool:
        for scope in self._visible():
            if name in scope.global_:
                return True
            if name in scope.bound and name not in scope.nonlocal_:
                return False
        return True

    def _visible(self) -> Iterator[Scope]:
        """Yield the scopes that a name is looked up in; class bodies show only to themselves."""
        scope: Scope | None = self
        while scope is not None:
            if scope is self or not scope.is_class:
                yield scope
            scope = scope.parent

    def assigns_outside(self, name: str) -> bool:
        """Tell whether binding ``name`` here changes a variable that outlives the root's call."""
        mangled = mangle(self.private, name)
        return mangled in self.global_ | self.nonlocal_ and self.is_outside(name)


def block_scope(
    body: Iterable[ast.AST],
    parent: Scope | None,
    private: str | None,
    *,
    names: Iterable[str] = (),
    is_class: bool = False,
) -> Scope:
    """Return the scope of ``body``, which also binds ``names`` (parameters, loop targets)."""
    body = list(body)

    def declared(kind: type[ast.Global] | type[ast.Nonlocal]) -> frozenset[str]:
        nodes = (node for node in _own_nodes(body) if isinstance(node, kind))
        return frozenset(mangle(private, name) for node in nodes for name in node.names)

    bound = [*names, *(name for name, _ in bindings(body))]
    mangled = frozenset(mangle(private, name) for name in bound)
    return Scope(parent, private, is_class, mangled, declared(ast.Global), declared(ast.Nonlocal))


def bindings(body: Iterable[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Yield each name that ``body`` binds in its own block, with the node that binds it."""
    for node in _own_nodes(body):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name, node
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
                | ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
                | ast.MatchMapping(rest=str(name))
            ):
                yield name, node
            case ast.alias(name=name, asname=asname):
                yield asname or name.partition(".")[0], node


def _own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Walk ``body`` without what is bound elsewhere: nested bodies, comprehension targets."""
    stack = list(body)
    while stack:
        node = stack.pop()
        yield node
        stack.extend(child for field, child in _children(node) if _is_own(node, field))


def _is_own(node: ast.AST, field: str) -> bool:
    if isinstance(node, _NESTED):
        return field not in {"body", "type_params"}
    if isinstance(node, ast.comprehension):
        return field != "target"
    return field not in {"annotation"} and not _is_type_alias(node, field)


def _is_type_alias(node: ast.AST, field: str) -> bool:
    return type(node).__name__ == "TypeAlias" and field != "name"


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield field, child


def parameters(function: FunctionNode) -> list[str]:
    """Return the names of all parameters."""
    args = function.args
    every = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    return [arg.arg for arg in every if arg is not None]


def body_of(function: FunctionNode) -> list[ast.AST]:
    """Return the statements of a function, or the one expression of a lambda."""
    return [function.body] if isinstance(function, ast.Lambda) else list(function.body)


def targets(node: ast.AST) -> list[str]:
    """Return the names that an assignment target binds, each once, in order."""
    names = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    in_order = sorted(names, key=lambda n: (n.lineno, n.col_offset))
    return list(dict.fromkeys(n.id for n in in_order))


def mangle(private: str | None, name: str) -> str:
    """Return the name under which Python keeps ``name`` inside class ``private``."""
    bare = (private or "").lstrip("_")
    if not bare or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    return f"_{bare}{name}"
