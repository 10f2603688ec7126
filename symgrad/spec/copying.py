"""The text of our own small NumPy functions, to stand in a module that needs nothing of symgrad.

Given names of functions in `symgrad.losses` and `symgrad.nn`, returns their text and that of what
they call, in the order in which a reader wants them.  Invariant: the copy computes what the
function does; what nobody gives (weights, say) is left out of it.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from symgrad import losses, nn

MODULES = (nn, losses)


Optional = Mapping[str, bool]  # arguments, None by default, that every call gives, or none does


def copied(
    names: Iterable[str], absent: Iterable[str] = (), given: Iterable[str] = ()
) -> list[list[str]]:
    """Return the lines of each function that is needed; what is called stands before its caller.

    Of optional arguments, None by default, no call gives those that are ``absent``, and every
    call those that are ``given``.
    """
    known = frozenset([(name, False) for name in absent] + [(name, True) for name in given])
    found: dict[str, list[str]] = {}
    for name in names:
        _collect(name, known, found)
    return list(found.values())


def _collect(name: str, known: frozenset[tuple[str, bool]], found: dict[str, list[str]]) -> None:
    if name in found:
        return
    lines, calls = text_of(name, known)
    for called in calls:
        _collect(called, known, found)
    found[name] = list(lines)


@cache
def text_of(
    name: str, known: frozenset[tuple[str, bool]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a function's lines, its docstring cut to one sentence, and which of ours it calls."""
    source = inspect.getsource(function_named(name))
    if dict(known).keys() & set(inspect.signature(function_named(name)).parameters):
        source = without(source, dict(known))
    tree = parsed(source)
    doc = tree.body[0]
    lines = source.splitlines()
    first = sentence(ast.get_docstring(tree) or "")
    lines[doc.lineno - 1 : doc.end_lineno] = [f'    """{first}"""']
    used = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    calls = [each for each in dict.fromkeys(used) if each != name and is_ours(each)]
    return tuple(lines), tuple(calls)


def parsed(source: str) -> ast.FunctionDef:
    [tree] = ast.parse(source).body
    assert isinstance(tree, ast.FunctionDef)
    return tree


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


# --- without the arguments that nobody gives ------------------------------------------------------


def without(source: str, known: Optional) -> str:
    """Return a function's source as it is where optional arguments are given, or are not."""
    tree, lines = parsed(source), source.splitlines()
    lines[0] = f"def {tree.name}({', '.join(kept(tree.args, known))}):"
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and is_plain_mean(call, known):
            values = ast.get_source_segment(source, call.args[0])
            row, ends = call.lineno - 1, (call.col_offset, call.end_col_offset)
            lines[row] = f"{lines[row][: ends[0]]}np.mean({values}){lines[row][ends[1] :]}"
    for choice in reversed(tree.body):
        if isinstance(choice, ast.If) and (outcome := is_none(choice.test, known)) is not None:
            rows = slice(choice.lineno - 1, choice.end_lineno if not outcome else len(lines))
            body = lines[choice.body[0].lineno - 1 : choice.end_lineno]
            lines[rows] = [line.removeprefix("    ") for line in body] if outcome else []
    return "\n".join(lines)


def kept(args: ast.arguments, known: Optional) -> list[str]:
    """Return the parameters that stay, as they are written."""
    plain = len(args.args) - len(args.defaults)
    defaults = [None] * plain + [ast.unparse(each) for each in args.defaults]
    pairs = zip((arg.arg for arg in args.args), defaults, strict=True)
    return [
        name if default is None or name in known else f"{name}={default}"
        for name, default in pairs
        if known.get(name, True)
    ]


def is_plain_mean(call: ast.Call, known: Optional) -> bool:
    """Return whether a call is a weighted mean without weights, which `np.mean` is."""
    is_mean = isinstance(call.func, ast.Name) and call.func.id == "weighted_mean"
    last = call.args[-1] if call.args else None
    return is_mean and isinstance(last, ast.Name) and not known.get(last.id, True)


def is_none(test: ast.expr, known: Optional) -> bool | None:
    """Return what ``name is None`` or ``name is not None`` comes to; None for any other test."""
    match test:
        case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[ast.Constant(value=None)]):
            return isinstance(op, ast.IsNot) is known[name] if name in known else None
    return None
