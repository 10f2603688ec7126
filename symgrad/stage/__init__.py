"""Give a function an instrumented twin, whose names, calls and captures a trace can see.

Given: a Python function.  Returned: its twin, made from the function's own source, or the
reason why there is none.  Invariant: the twin does what the function does, in the same order,
with the same globals, cells and defaults and at the same lines, but each event goes through the
run-time object of the current context; without one it is plain Python.
"""

from __future__ import annotations

import ast
import functools
import linecache
from dataclasses import dataclass
from functools import WRAPPER_ASSIGNMENTS, lru_cache
from types import CellType, CodeType, FunctionType

from symgrad.stage.instrument import MARKER, instrument
from symgrad.stage.runtime import RELAY, Runtime, use
from symgrad.stage.source import (
    UNREADABLE,
    compiled,
    find,
    flags_of,
    map_nested,
    parse,
    sites,
)
from symgrad.stage.statements import (
    Source,
    Statement,
    holds_source,
    is_one_expression,
    statement_at,
)

__all__ = [
    "Runtime",
    "Statement",
    "holds_source",
    "is_one_expression",
    "is_staged",
    "stage",
    "statement_at",
    "use",
    "why_not",
]


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a function has no twin."""

    reason: str


def stage(function: object) -> FunctionType | None:
    """Return the instrumented twin of ``function``, or None if its source cannot be had.

    The twin shares globals, cells and defaults with the function.  A function that is staged
    already is its own twin.

    Raises TraceError if the function assigns to a variable outside itself (`global`,
    `nonlocal`).
    """
    if not isinstance(function, FunctionType):
        return None
    if is_staged(function):
        return function
    code = _twin_code(function)
    return None if isinstance(code, _Refusal) else _twin(function, code)


def why_not(function: object) -> str:
    """Return why `stage` gives None for ``function``, in words; empty if it does not."""
    if not isinstance(function, FunctionType):
        return f"{type(function).__name__} objects are not written in Python"
    code = function.__code__ if is_staged(function) else _twin_code(function)
    return code.reason if isinstance(code, _Refusal) else ""


def is_staged(function: object) -> bool:
    """Tell whether ``function`` runs instrumented code."""
    code = getattr(function, "__code__", None)
    return isinstance(code, CodeType) and any(c is RELAY for c in code.co_consts)


def _twin(function: FunctionType, code: CodeType) -> FunctionType:
    cells: dict[str, CellType] = dict(
        zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    )
    closure = tuple(cells[name] for name in code.co_freevars)
    twin = FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, closure
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    twin.__dict__.update(function.__dict__)
    for name in WRAPPER_ASSIGNMENTS:
        setattr(twin, name, getattr(function, name))
    return twin


def _twin_code(function: FunctionType) -> CodeType | _Refusal:
    file = function.__code__.co_filename
    code = _code_from(_text(function), function.__code__)
    if isinstance(code, _Refusal) and file in linecache.cache:
        linecache.checkcache(file)  # the text may be older than a reloaded module
        return _code_from(_text(function), function.__code__)
    return code


def _text(function: FunctionType) -> str:
    return "".join(linecache.getlines(function.__code__.co_filename, function.__globals__))


def _code_from(text: str, code: CodeType) -> CodeType | _Refusal:
    return _instrumented(text, code, code.co_filename, code.co_qualname)


@lru_cache(maxsize=1024)
def _instrumented(text: str, code: CodeType, file: str, qualname: str) -> CodeType | _Refusal:
    """Return the twin's code.  Equal code of other files or classes must not be mixed up."""
    where = f"{file}:{code.co_firstlineno}"
    if not text:
        return _Refusal(f"there is no source text for {file}")
    try:
        tree = parse(text, flags_of(code))
        site = find(tree, code)
        if site is not None:
            node = instrument(site.node, site.private, file)
            source = Source(text, site.node)
            return _with_relay(compiled(site.module(node), site, code), source)
    except UNREADABLE as problem:
        return _Refusal(f"the source of {qualname} at {where} cannot be compiled: {problem}")
    return _Refusal(_mismatch(tree, code, where))


def _mismatch(tree: ast.Module, code: CodeType, where: str) -> str:
    if not sites(tree, code):
        return (
            f"{where} is not where {code.co_qualname} begins: edited after import, or run by exec"
        )
    return f"the source of {code.co_qualname} at {where} is not what runs: edited after import?"


def _with_relay(code: CodeType, source: Source) -> CodeType:
    """Put the relay in the marker's place, and into all code within: `is_staged` looks for it.

    The source goes along, for what is said of the code later.
    """
    return map_nested(code, functools.partial(_hold_relay, source))


def _hold_relay(source: Source, code: CodeType) -> CodeType:
    consts = tuple(RELAY if _is_marker(constant) else constant for constant in code.co_consts)
    held = (source,) if RELAY in consts else (RELAY, source)
    return code.replace(co_consts=(*consts, *held))


def _is_marker(constant: object) -> bool:
    return isinstance(constant, str) and constant == MARKER
