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

Known = Mapping[str, bool]  # arguments, None by default: whether every call gives one, or none


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
    inner = frozenset(with_weights(dict(known)).items())
    for called in calls:
        _collect(called, inner, found)
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
    named = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    own = {name, *(node.id for node in named if isinstance(node.ctx, ast.Store))}
    used = dict.fromkeys(node.id for node in named)
    return tuple(lines), tuple(each for each in used if each not in own and is_ours(each))


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


def without(source: str, known: Known) -> str:
    """Return a function's source as it is where optional arguments are given, or are not."""
    tree, lines = parsed(source), source.splitlines()
    lines[0] = f"def {tree.name}({', '.join(kept(tree.args, known))}):"
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and (text := plain_call(call, source, known)) is not None:
            row, ends = call.lineno - 1, (call.col_offset, call.end_col_offset)
            lines[row] = f"{lines[row][: ends[0]]}{text}{lines[row][ends[1] :]}"
    for choice in reversed(tree.body):
        if isinstance(choice, ast.If) and (outcome := is_none(choice.test, known)) is not None:
            is_end = outcome and isinstance(choice.body[-1], ast.Return)
            rows = slice(choice.lineno - 1, len(lines) if is_end else choice.end_lineno)
            body = lines[choice.body[0].lineno - 1 : choice.end_lineno]
            lines[rows] = [line.removeprefix("    ") for line in body] if outcome else []
    return "\n".join(lines)


def kept(args: ast.arguments, known: Known) -> list[str]:
    """Return the parameters that stay, as they are written."""
    plain = len(args.args) - len(args.defaults)
    defaults = [None] * plain + [ast.unparse(each) for each in args.defaults]
    found: list[str] = []
    for arg, default in zip(args.args, defaults, strict=True):
        follows = bool(found) and "=" in found[-1]  # an argument with a default
        is_plain = default is None or (arg.arg in known and not follows)
        if known.get(arg.arg, True):
            found.append(arg.arg if is_plain else f"{arg.arg}={default}")
    return found


def plain_call(call: ast.Call, source: str, known: Known) -> str | None:
    """Return what a call of ours comes to where examples have no weights, or None for another."""
    match call:
        case ast.Call(func=ast.Name(id="weighted_mean"), args=[values, ast.Name(id="weights")]):
            is_plain = not with_weights(known).get("weights", True)
            return f"np.mean({ast.get_source_segment(source, values)})" if is_plain else None
        case ast.Call(func=ast.Name(id="class_weighted"), args=[ast.Name(id="weights"), of_class]):
            is_plain = not known.get("weights", True)
            return ast.get_source_segment(source, of_class) if is_plain else None
    return None


def with_weights(known: Known) -> Known:
    """Return what is known once weights of classes have become weights of examples."""
    return {**known, "weights": True} if known.get("class_weights") else known


def is_none(test: ast.expr, known: Known) -> bool | None:
    """Return what ``name is None`` or ``name is not None`` comes to; None for any other test."""
    match test:
        case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[ast.Constant(value=None)]):
            return isinstance(op, ast.IsNot) is known[name] if name in known else None
    return None
