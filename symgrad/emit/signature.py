"""The first lines of a function: its ``def``, its arguments taken apart, its checks.

Given the parameters, return text that starts with the user's own signature, unchanged.
Invariant: what no operation checks by itself is checked here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

from symgrad.dims import Guard as SizeGuard
from symgrad.dims import spell as spell_size
from symgrad.emit.body import Writer
from symgrad.emit.layout import bracketed, exploded, fits
from symgrad.emit.spell import written_out
from symgrad.emit.views import Parameter
from symgrad.graph import Operand, Sym
from symgrad.trees import Tree, access, quoted


def declaration(
    name: str, parameters: Sequence[Parameter], captured: Sequence[Parameter]
) -> list[str]:
    """Return the ``def`` line with the user's own signature first, unchanged."""
    items: list[str] = []
    positional = [p for p in parameters if p.kind == "positional"]
    starred = False
    for k, p in enumerate(parameters):
        if p.kind == "keyword" and not starred:
            items.append("*")
            starred = True
        starred = starred or p.kind == "args"
        if p.kind == "kwargs":
            continue
        mark = "*" if p.kind == "args" else ""
        items.append(f"{mark}{p.name}" + ("" if p.default is None else f"={p.default}"))
        if positional and k == len(positional) - 1:
            items.append("/")
    if captured and not starred:
        items.append("*")
    items += [p.name + ("" if p.default is None else f"={p.default}") for p in captured]
    items += [f"**{p.name}" for p in parameters if p.kind == "kwargs"]
    return bracketed(f"def {name}(", items, "):", 0)


def fill_lines(parameters: Sequence[Parameter], np_name: str) -> list[str]:
    """Return the lines that put a default in place which no signature should hold."""
    lines = []
    for p in parameters:
        if p.fill is not None:
            text = written_out(p.fill, np_name)
            filled = exploded(f"{p.name} = ", text, "", 8)
            lines += [f"if {p.name} is None:", *(f"    {line}" for line in filled)]
    return lines


def unpack_lines(
    parameters: Sequence[Parameter], names: Callable[[Sym], str], used: Container[Operand]
) -> list[str]:
    """Return the lines that take the leaves out of nested arguments."""
    lines: list[str] = []
    for p in parameters:
        if p.tree.kind != "leaf":
            leaves = iter([names(x) if x is not None and x in used else None for x in p.leaves])
            lines += _unpack(p.name, p.tree, leaves)
    return lines


def _unpack(place: str, tree: Tree, leaves: Iterator[str | None]) -> list[str]:
    """Return the lines for one part: ``W, b = params[0]`` where all of a list or tuple is used."""
    if tree.kind == "leaf":
        name = next(leaves)
        return [] if name is None else [f"{name} = {place}"]
    own = list(itertools.islice(leaves, tree.count))
    if (pattern := _pattern(tree, iter(own))) is not None:
        whole = pattern[1:-1] if not pattern.endswith(",)") else pattern
        if fits(f"{whole} = {place}"):
            return [f"{whole} = {place}"]
    parts = iter(own)
    lines = []
    for key, part in zip(tree.keys, tree.parts, strict=True):
        lines += _unpack(access(place, tree.kind, key), part, parts)
    return lines


def _pattern(tree: Tree, leaves: Iterator[str | None]) -> str | None:
    """Return the target that takes a list or tuple apart, if it holds used leaves only."""
    if tree.kind == "leaf":
        return next(leaves)
    if tree.kind != "item" or not tree.parts:
        return None
    parts = [_pattern(part, leaves) for part in tree.parts]
    if any(part is None for part in parts):
        return None
    return f"({', '.join(map(str, parts))}{',' if len(parts) == 1 else ''})"


def guard_lines(writer: Writer, parameters: Sequence[Parameter]) -> list[str]:
    """Return the checks that no operation makes by itself."""
    lines: list[str] = []
    for p in parameters:
        for k, value in p.statics:
            path = list(p.tree.paths())[k]
            place = p.name
            for kind, key in path:
                place = access(place, kind, key)
            lines += _static_guard(place, value)
    for guard in writer.early:
        lines += writer.shape_guard(guard)
    for condition in writer.interface.conditions:
        lines += _size_guard(writer, condition)
    return lines


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def _size_guard(writer: Writer, condition: SizeGuard) -> list[str]:
    # As they are: what the guard makes equal would be spelled alike.
    left, right = (
        spell_size(s, writer.speller.dim_name) for s in (condition.left, condition.right)
    )
    relation = condition.relation
    if isinstance(condition.left, int):  # d > 3, not 3 < d
        left, right, relation = right, left, {"<": ">", "<=": ">="}.get(relation, relation)
    return [
        f"if {left} {_OPPOSITE[relation]} {right}:",
        f"    raise ValueError({quoted(f'this code was made for {left} {relation} {right}')})",
    ]


def _static_guard(place: str, value: Any) -> list[str]:
    is_word = value is None or isinstance(value, bool)
    test = f"{place} is not {value}" if is_word else f"{place} != {quoted(value)}"
    message = f"this code was made for {place} = {value!r}"
    return [f"if {test}:", f"    raise ValueError({quoted(message)})"]
