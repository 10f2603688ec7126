"""Rewrite one function so that its events pass through the relay.

Given: the syntax tree of a function and the class it stands in.  Returned: a new tree that does
the same in the same order at the same lines and columns.  Invariant: the given tree is not
changed, for it is shared by all functions of the file.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from symgrad.errors import Location, TraceError, located
from symgrad.stage.scopes import (
    Comprehension,
    FunctionNode,
    Scope,
    bindings,
    block_scope,
    body_of,
    mangle,
    parameters,
    targets,
)

MARKER = "<symgrad relay 5b0c0c52d1b54d9f>"
"""Stands for the relay until the code object is there to hold it (compile() takes no objects)."""

_Node = TypeVar("_Node", bound=ast.AST)
_Function = TypeVar("_Function", bound=FunctionNode)

# They look at the frame that calls them.
_FRAME_READERS = frozenset({"locals", "vars", "globals", "eval", "exec", "dir"})
# The compiler gives these names a meaning of their own.
_COMPILER_NAMES = frozenset({"super", "__class__", "__debug__"})
# Not evaluated where they stand, or not free to hold a call.
_UNTOUCHED = frozenset({"annotation", "returns", "type_params", "pattern"})


def instrument(function: _Function, private: str | None, file: str) -> _Function:
    """Return ``function`` with its body rewritten; parameters and decorators stay."""
    root = Rewriter(block_scope((), None, private), file)
    return _with(function, body=root.function_body(function, parent=None))


@dataclass(frozen=True, slots=True)
class Rewriter:
    """Rewrite the nodes of one scope."""

    scope: Scope
    file: str

    # -- walking ---------------------------------------------------------------------------

    def rewrite(self, node: _Node) -> _Node:
        """Return ``node`` rewritten; a statement goes through `block`, for it may become two."""
        visit = getattr(self, f"_{type(node).__name__}", self._copied)
        return cast(_Node, visit(node))

    def block(self, statements: Iterable[ast.stmt]) -> list[ast.stmt]:
        return [new for old in statements for new in (self.rewrite(old), *self._names_after(old))]

    def _copied(self, node: ast.AST) -> ast.AST:
        if not node._fields:
            return node
        fields = {
            field: value if field in _UNTOUCHED else self._field(value)
            for field, value in ast.iter_fields(node)
        }
        return _with(node, **fields)

    def _field(self, value: Any) -> Any:
        if isinstance(value, ast.AST):
            return self.rewrite(value)
        if not isinstance(value, list):
            return value
        if value and isinstance(value[0], ast.stmt):
            return self.block(value)
        return [self._field(item) for item in value]

    def _each(self, nodes: Iterable[_Node]) -> list[_Node]:
        return [self.rewrite(node) for node in nodes]

    def _inside(self, scope: Scope, body: Iterable[ast.AST]) -> Rewriter:
        for name, node in bindings(body):
            if scope.assigns_outside(name):
                raise self._outside_assignment(scope, name, node)
        return Rewriter(scope, self.file)

    def _outside_assignment(self, scope: Scope, name: str, node: ast.AST) -> TraceError:
        keyword = "global" if mangle(scope.private, name) in scope.global_ else "nonlocal"
        where = Location(self.file, getattr(node, "lineno", 0))
        error = TraceError(
            f"`{name}` is assigned here but declared `{keyword}`, which would change state "
            "outside the traced function: return the value instead"
        )
        return located(error, where)

    # -- scopes ----------------------------------------------------------------------------

    def function_body(self, function: FunctionNode, parent: Scope | None) -> Any:
        body = body_of(function)
        scope = block_scope(body, parent, self.scope.private, names=parameters(function))
        inner = self._inside(scope, body)
        if isinstance(function, ast.Lambda):
            return inner.rewrite(function.body)
        return inner.block(function.body)

    def _Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return _with(node, args=self.rewrite(node.args), body=self.function_body(node, self.scope))

    def _FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return _with(
            node,
            decorator_list=self._each(node.decorator_list),
            args=self.rewrite(node.args),
            body=self.function_body(node, self._type_scope(node, self.scope.private)),
        )

    _AsyncFunctionDef = _FunctionDef

    def _ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        parent = self._type_scope(node, node.name)
        scope = block_scope(node.body, parent, node.name, is_class=True)
        # Python 3.12 forbids a lambda, and so a load, in the bases of a generic class.
        plain = bool(getattr(node, "type_params", ()))
        return _with(
            node,
            decorator_list=self._each(node.decorator_list),
            bases=node.bases if plain else self._each(node.bases),
            keywords=node.keywords if plain else self._each(node.keywords),
            body=self._inside(scope, node.body).block(node.body),
        )

    def _type_scope(self, node: ast.AST, private: str | None) -> Scope:
        names = [parameter.name for parameter in getattr(node, "type_params", ())]
        return block_scope((), self.scope, private, names=names) if names else self.scope

    def _TypeAlias(self, node: ast.AST) -> ast.AST:
        return node  # evaluated lazily, in a scope of its own

    def _comprehension(self, node: Comprehension) -> Comprehension:
        first, *rest = node.generators
        names = [name for generator in node.generators for name in targets(generator.target)]
        scope = block_scope((), self.scope, self.scope.private, names=names)
        inner = Rewriter(scope, self.file)
        # Python evaluates the first iterable outside the comprehension.
        generators = [inner._generator(first, self), *(inner._generator(g, inner) for g in rest)]
        results = {
            field: inner.rewrite(value)
            for field, value in ast.iter_fields(node)
            if field != "generators"
        }
        return _with(node, generators=generators, **results)

    _ListComp = _SetComp = _DictComp = _GeneratorExp = _comprehension

    def _generator(self, node: ast.comprehension, outer: Rewriter) -> ast.comprehension:
        iterable = outer.rewrite(node.iter)
        return _with(
            node,
            target=self.rewrite(node.target),
            iter=iterable if node.is_async else _iterate(iterable, node.iter),
            ifs=self._each(node.ifs),
        )

    # -- events ----------------------------------------------------------------------------

    def _Name(self, node: ast.Name) -> ast.expr:
        if not isinstance(node.ctx, ast.Load) or not self._is_outside(node):
            return node
        name, read = _constant(node.id, node), _lambda(node)
        if self.scope.is_class:
            return _event("load_in_class", [name, node, read], node)
        return _event("load", [name, read], node)

    def _is_outside(self, node: ast.Name) -> bool:
        return node.id not in _COMPILER_NAMES and self.scope.is_outside(node.id)

    def _Attribute(self, node: ast.Attribute) -> ast.expr:
        owner = self.rewrite(node.value)
        if not isinstance(node.ctx, ast.Load):
            return _with(node, value=owner)
        name = mangle(self.scope.private, node.attr)
        return _event("attribute", [owner, _constant(name, node)], _at_attribute(node, node))

    def _Call(self, node: ast.Call) -> ast.expr:
        args, keywords = self._each(node.args), self._each(node.keywords)
        if self._must_stay_direct(node):
            return _with(node, args=args, keywords=keywords)
        at = _at_attribute(node, node.func)
        return _event("call", [self.rewrite(node.func), *args], at, keywords)

    def _must_stay_direct(self, node: ast.Call) -> bool:
        match node:
            case ast.Call(func=ast.Name(id="super"), args=[], keywords=[]):
                return self.scope.is_outside("super")
            case ast.Call(func=ast.Name(id=name)) if name in _FRAME_READERS:
                return self.scope.is_outside(name)
        return False

    def _Assign(self, node: ast.Assign) -> ast.Assign:
        value = self.rewrite(node.value)
        if (name := self._only_name(node)) is not None:
            value = _name(name, value, node.value)
        return _with(node, targets=self._each(node.targets), value=value)

    def _AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        value = None if node.value is None else self.rewrite(node.value)
        if value is not None and (name := self._only_name(node)) is not None:
            value = _name(name, value, value)
        return _with(node, target=self.rewrite(node.target), value=value)

    def _NamedExpr(self, node: ast.NamedExpr) -> ast.NamedExpr:
        return _with(node, value=_name(node.target.id, self.rewrite(node.value), node.value))

    def _For(self, node: ast.For) -> ast.For:
        iterable = self.rewrite(node.iter)
        return _with(
            node,
            target=self.rewrite(node.target),
            iter=_iterate(iterable, node.iter) if isinstance(node, ast.For) else iterable,
            body=[*self._rebound([node.target]), *self.block(node.body)],
            orelse=self.block(node.orelse),
        )

    _AsyncFor = _For

    def _With(self, node: ast.With) -> ast.With:
        bound = [item.optional_vars for item in node.items if item.optional_vars is not None]
        return _with(
            node,
            items=self._each(node.items),
            body=[*self._rebound(bound), *self.block(node.body)],
        )

    _AsyncWith = _With

    # -- names -----------------------------------------------------------------------------

    def _only_name(self, node: ast.stmt) -> str | None:
        """Return NAME of ``NAME = value``, where the name can be told with the value."""
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                return None if self.scope.is_class else name
        return None

    def _names_after(self, old: ast.stmt) -> list[ast.stmt]:
        """Return what tells the names that no value can carry: ``a, b = ...``, ``h += ...``."""
        if isinstance(old, ast.Assign) and self._only_name(old) is None:
            return self._rebound(old.targets)
        return self._rebound([old.target]) if isinstance(old, ast.AugAssign) else []

    def _rebound(self, bound: Sequence[ast.expr]) -> list[ast.stmt]:
        """Return ``N = R.name("N", N)`` for each local N of the targets (a class keeps none)."""
        if self.scope.is_class:
            return []
        names = [(name, target) for target in bound for name in targets(target)]
        return [_rebind(name, target) for name, target in dict(names).items()]


# -- new nodes: each takes the place of the user's own node, for tracebacks and debuggers ------


def _with(node: _Node, **fields: Any) -> _Node:
    """Return a copy of ``node`` with other ``fields``."""
    old = dict(ast.iter_fields(node))
    return type(node)(**{**old, **fields}, **_place(node))


def _place(node: ast.AST) -> dict[str, Any]:
    return {name: getattr(node, name) for name in node._attributes if hasattr(node, name)}


def _at_attribute(node: ast.expr, attribute: ast.expr) -> ast.expr:
    """Return ``node`` beginning at the name of the attribute if that stands on a later line.

    So Python itself counts lines in chains of methods.
    """
    if not isinstance(attribute, ast.Attribute) or attribute.lineno == attribute.end_lineno:
        return node
    moved = copy.copy(node)
    moved.lineno = attribute.end_lineno or attribute.lineno
    moved.col_offset = max(0, (attribute.end_col_offset or 0) - len(attribute.attr.encode()))
    return moved


def _constant(value: str | int, at: ast.AST) -> ast.Constant:
    return ast.Constant(value=value, kind=None, **_place(at))


def _variable(name: str, ctx: ast.expr_context, at: ast.AST) -> ast.Name:
    return ast.Name(id=name, ctx=ctx, **_place(at))


def _lambda(body: ast.expr) -> ast.Lambda:
    args = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.Lambda(args=args, body=body, **_place(body))


def _event(
    method: str, args: list[Any], at: ast.expr, keywords: Sequence[ast.keyword] = ()
) -> ast.Call:
    # On one line, or the compiler would put the call where the attribute's last line is.
    line, column = at.lineno, at.col_offset
    point: Any = dict(lineno=line, col_offset=column, end_lineno=line, end_col_offset=column)
    relay = ast.Constant(value=MARKER, kind=None, **point)
    function = ast.Attribute(value=relay, attr=method, ctx=ast.Load(), **point)
    return ast.Call(func=function, args=args, keywords=list(keywords), **_place(at))


def _name(name: str, value: ast.expr, at: ast.expr) -> ast.Call:
    return _event("name", [_constant(name, at), value], at)


def _iterate(iterable: ast.expr, at: ast.expr) -> ast.Call:
    return _event("iterate", [iterable, _constant(at.lineno, at)], at)


def _rebind(name: str, at: ast.expr) -> ast.Assign:
    value = _name(name, _variable(name, ast.Load(), at), at)
    target = _variable(name, ast.Store(), at)
    return ast.Assign(targets=[target], value=value, type_comment=None, **_place(at))
