"""Find the source that a code object was compiled from, and prove that it is the source.

Given: a running code object and the text of its file.  Returned: a `Site`, the place of the
function in the syntax tree.  Invariant: a site is returned only if its tree compiles to code
equal to the running one, so a file that was edited after import is never mistaken for it.
"""

from __future__ import annotations
import __future__

import ast
import copy
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from types import CodeType
from typing import Any, TypeVar, cast

from symgrad.stage.scopes import FunctionNode, bindings

# CO_NESTED doubles as the flag of `nested_scopes`, which has been the rule since Python 2.2.
_FUTURE = 0
for _name in set(__future__.all_feature_names) - {"nested_scopes", "generators"}:
    _FUTURE |= int(getattr(__future__, _name).compiler_flag)
_BEACON = "_symgrad_beacon"
_REWRITER = "_pytest.assertion.rewrite"
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)

_TOP: Any = {"lineno": 1, "col_offset": 0, "end_lineno": 1, "end_col_offset": 0}

Path = tuple[int, ...]
_Step = tuple[ast.AST, str, int | None]
_Node = TypeVar("_Node", bound=ast.AST)


@dataclass(frozen=True, slots=True)
class Site:
    """A function in the tree of its file: the way down to it, and itself."""

    steps: tuple[_Step, ...]
    node: FunctionNode
    imports: tuple[ast.stmt, ...]

    def variants(self) -> list[Site]:
        """Return the ways in which the file may have been compiled: whole, or by statement.

        IPython compiles each statement of a cell on its own, without the imports before it.
        """
        return [self, replace(self, imports=())] if self.imports else [self]

    @property
    def private(self) -> str | None:
        """The class whose name mangles `__x` in the function."""
        inside = [node for node, field, _ in self.steps if field == "body"]
        return next((n.name for n in reversed(inside) if isinstance(n, ast.ClassDef)), None)

    def module(self, function: ast.AST) -> ast.Module:
        """Return the file with ``function`` in this place, without what cannot matter to it.

        Neighbours at module or class level do not take part in scoping; leaving them out makes
        the time to compile independent of the length of the file.  Only the imports stay, for
        the compiler calls `np.exp` in another way when it knows that `np` is a module.
        """
        in_function = [isinstance(node, FunctionNode) for node, _, _ in self.steps]
        child = function
        for depth in reversed(range(len(self.steps))):
            child = _put(self.steps[depth], child, alone=not any(in_function[: depth + 1]))
        module = cast(ast.Module, child)
        module.body = [*self.imports, *module.body]
        return module


def flags_of(code: CodeType) -> int:
    """Return the future statements that ``code`` was compiled under."""
    return code.co_flags & _FUTURE


def sites(tree: ast.Module, code: CodeType) -> list[Site]:
    """Return the functions of ``tree`` that begin where ``code`` does and bear its name."""
    here = _functions(tree, code.co_firstlineno)
    return [site for site in here if _named(site.node) == code.co_name]


def find(tree: ast.Module, code: CodeType) -> Site | None:
    """Return the function of ``tree`` that compiles to ``code``, if there is one."""
    candidates = [variant for site in sites(tree, code) for variant in site.variants()]
    for equal in (_equal, _equal_but_for_positions):
        for site in candidates:
            if equal(code, compiled(site.module(site.node), site, code)):
                return site
    return _find_rewritten(candidates, code)


def compiled(module: ast.Module, site: Site, like: CodeType) -> CodeType:
    """Return the code of the function at ``site`` in ``module``, a variant of its file."""
    return _at(_compile(module, like), _path(site, like))


@lru_cache(maxsize=16)
def parse(text: str, flags: int) -> ast.Module:
    """Return the tree of ``text``; it is shared, so nobody may change it."""
    return _parse(text, flags)


def _parse(text: str, flags: int) -> ast.Module:
    with _quiet():
        only_ast = flags | ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return cast(ast.Module, compile(text, "<source>", "exec", only_ast, dont_inherit=True))


def _compile(module: ast.Module, like: CodeType) -> CodeType:
    # Notebook cells may await at top level, which changes nothing inside functions.
    flags = flags_of(like) | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with _quiet():
        return cast(
            CodeType, compile(module, like.co_filename, "exec", flags=flags, dont_inherit=True)
        )


# -- down the tree -----------------------------------------------------------------------------


def _functions(root: ast.Module, line: int) -> Iterator[Site]:
    """Yield the functions that begin on ``line``, going only where that line can be."""
    stack: list[tuple[ast.AST, tuple[_Step, ...]]] = [(root, ())]
    while stack:
        node, steps = stack.pop()
        if isinstance(node, FunctionNode) and _first_line(node) == line:
            yield Site(steps, node, _imports(root))
        below = [(child, (*steps, (node, f, i))) for f, i, child in _children(node)]
        stack.extend((child, way) for child, way in reversed(below) if _covers(child, line))


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield field, None, value
        elif isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, ast.AST):
                    yield field, index, child


def _first_line(node: Any) -> int:
    decorators = getattr(node, "decorator_list", ())
    return int(decorators[0].lineno if decorators else node.lineno)


def _covers(node: Any, line: int) -> bool:
    if not hasattr(node, "lineno"):
        return True
    return _first_line(node) <= line <= int(node.end_lineno or node.lineno)


def _named(node: FunctionNode) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def _put(step: _Step, child: ast.AST, *, alone: bool) -> ast.AST:
    """Return a copy of the parent in ``step`` that holds ``child`` instead of its old one."""
    parent, field, index = step
    value: Any = child
    if index is not None:
        old = getattr(parent, field)
        alone = alone and isinstance(child, ast.stmt)
        value = [child] if alone else [*old[:index], child, *old[index + 1 :]]
    new = copy.copy(parent)
    setattr(new, field, value)
    return new


@lru_cache(maxsize=16)
def _imports(tree: ast.Module) -> tuple[ast.stmt, ...]:
    """Return one statement that imports whatever the top level of the file imports."""
    aliases = [node for _, node in bindings(tree.body) if isinstance(node, ast.alias)]
    names = sorted({alias.asname or alias.name.partition(".")[0] for alias in aliases} - {"*"})
    if not names:
        return ()
    imported = [ast.alias(name=name, asname=None, **_TOP) for name in names]
    return (ast.ImportFrom(module="imports", names=imported, level=0, **_TOP),)


# -- from tree to code -------------------------------------------------------------------------


def _path(site: Site, like: CodeType) -> Path:
    """Return which constants lead from the module's code to the function's.

    The function is compiled once with a parameter that nothing else has: position and name
    would not tell two lambdas on one line apart.
    """
    args = copy.copy(site.node.args)
    args.kwonlyargs = [*args.kwonlyargs, ast.arg(arg=_BEACON, annotation=None, **_TOP)]
    args.kw_defaults = [*args.kw_defaults, None]
    beacon = copy.copy(site.node)
    beacon.args = args
    found = _search(_compile(site.module(beacon), like), lambda c: _BEACON in c.co_varnames)
    assert found is not None, "the compiler dropped a function"
    return found


def _search(code: CodeType, wanted: Callable[[CodeType], bool]) -> Path | None:
    if wanted(code):
        return ()
    for index, constant in enumerate(code.co_consts):
        if isinstance(constant, CodeType) and (below := _search(constant, wanted)) is not None:
            return (index, *below)
    return None


def _at(code: CodeType, path: Path) -> CodeType:
    for index in path:
        code = code.co_consts[index]
    return code


def _equal(a: CodeType, b: CodeType) -> bool:
    return a == b and a.co_qualname == b.co_qualname


def _equal_but_for_positions(a: CodeType, b: CodeType) -> bool:
    """Compare code of which one was compiled without columns (``-X no_debug_ranges``)."""
    return _equal(_without_positions(a), _without_positions(b))


def _without_positions(code: CodeType) -> CodeType:
    return map_nested(code, lambda c: c.replace(co_linetable=b""))


def map_nested(code: CodeType, change: Callable[[CodeType], CodeType]) -> CodeType:
    """Return ``code`` with ``change`` applied to it and to all code within, innermost first."""
    consts = tuple(
        map_nested(constant, change) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    return change(code.replace(co_consts=consts))


# -- what test runners add -----------------------------------------------------------------------


def _find_rewritten(candidates: list[Site], code: CodeType) -> Site | None:
    """Return the site that compiles to ``code`` once pytest has rewritten its assertions.

    The rewriter itself is asked, so nothing else in the function can differ unnoticed.
    """
    rewriter = sys.modules.get(_REWRITER)
    if rewriter is None or not _search_names(code, "@py"):
        return None
    for site in candidates:
        module = copy.deepcopy(site.module(site.node))
        try:
            rewriter.rewrite_asserts(module, b"", code.co_filename, None)
        except Exception:  # another version of the rewriter: then the function is not staged
            return None
        if any(_equal(code, compiled(s.module(s.node), s, code)) for s in sites(module, code)):
            return site
    return None


def _search_names(code: CodeType, prefix: str) -> bool:
    def wanted(inner: CodeType) -> bool:
        return any(name.startswith(prefix) for name in inner.co_names + inner.co_varnames)

    return _search(code, wanted) is not None


# -- warnings ------------------------------------------------------------------------------------

_QUIET = (
    ("ignore", None, SyntaxWarning, None, 0),
    ("ignore", re.compile("invalid "), DeprecationWarning, None, 0),
)
_quiet_lock = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the compiler from repeating the warnings that it gave when the file was imported.

    `warnings.catch_warnings` swaps a global list, and what two threads swap at once can stay
    swapped; adding to the list and taking away again cannot go wrong like that.
    """
    with _quiet_lock:
        filters = cast("list[Any]", warnings.filters)
        filters[:0] = _QUIET
        try:
            yield
        finally:
            for entry in _QUIET:
                filters.remove(entry)
