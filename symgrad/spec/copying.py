"""The text of our own small NumPy functions, to stand in a module that needs nothing of symgrad.

Given names of functions in `symgrad.losses` and `symgrad.nn`, returns their text and that of what
they call, in the order in which a reader wants them.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from symgrad import losses, nn

MODULES = (nn, losses)


def copied(names: Iterable[str]) -> list[list[str]]:
    """Return the lines of each function that is needed; what is called stands before its caller."""
    found: dict[str, list[str]] = {}
    for name in names:
        _collect(name, found)
    return list(found.values())


def _collect(name: str, found: dict[str, list[str]]) -> None:
    if name in found:
        return
    lines, calls = text_of(name)
    for called in calls:
        _collect(called, found)
    found[name] = list(lines)


@cache
def text_of(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a function's lines, its docstring cut to one sentence, and which of ours it calls."""
    source = inspect.getsource(function_named(name))
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.FunctionDef)
    doc = tree.body[0]
    assert isinstance(doc, ast.Expr) and doc.end_lineno is not None
    lines = source.splitlines()
    first = sentence(ast.get_docstring(tree) or "")
    lines[doc.lineno - 1 : doc.end_lineno] = [f'    """{first}"""']
    used = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    calls = [each for each in dict.fromkeys(used) if each != name and is_ours(each)]
    return tuple(lines), tuple(calls)


def sentence(doc: str) -> str:
    """Return the first sentence of a docstring on one line, as plain words."""
    paragraph = " ".join(doc.partition("\n\n")[0].split()).replace("``", "")
    first = paragraph.partition(".  ")[0].partition(" Gradient:")[0]
    return first.rstrip(".") + "."


def is_ours(name: str) -> bool:
    return any(inspect.isfunction(getattr(module, name, None)) for module in MODULES)


def function_named(name: str) -> Callable[..., Any]:
    """Return a function of `symgrad.nn` or `symgrad.losses`."""
    owner = next(module for module in MODULES if hasattr(module, name))
    return getattr(owner, name)  # type: ignore[no-any-return]
