"""What the emitter is given and hands to the templates: interfaces and strings, no logic.

`Interface` is how the functions look from outside; `FunctionView` and `ModuleView` are what a
template prints.  Invariant: the views hold strings only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symgrad.dims import Guard as SizeGuard
from symgrad.graph import Origin, Sym
from symgrad.trees import Tree


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the emitted function: how it is declared and which leaves it brings."""

    name: str
    kind: str  # "positional", "plain", "args", "keyword", "kwargs"
    tree: Tree
    leaves: tuple[Sym | None, ...]
    default: str | None = None
    statics: tuple[tuple[int, Any], ...] = ()  # leaves whose value the code was made for
    fill: Any = None  # what a default of None stands for: an array or a container


@dataclass(frozen=True, slots=True)
class Guard:
    """The axes of a parameter whose sizes no operation checks by itself."""

    symbol: Sym
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Interface:
    """What the emitted functions take and return, seen from outside."""

    name: str
    parameters: tuple[Parameter, ...]
    captured: tuple[Parameter, ...]
    wrt: tuple[tuple[str, Tree, int], ...]  # parameter, its tree, number of leaves
    single: bool
    out_tree: Tree
    aux_tree: Tree | None
    value_name: str
    guards: tuple[Guard, ...] = ()
    conditions: tuple[SizeGuard, ...] = ()
    rewritten: tuple[Origin, ...] = ()  # where laws made something else of what the user wrote
    comments: bool = True


@dataclass(frozen=True, slots=True)
class FunctionView:
    """One function as the template prints it: strings only."""

    name: str
    signature: tuple[str, ...]
    doc: str
    sections: tuple[tuple[str, ...], ...]  # lines, with a blank one between two sections
    imports: frozenset[tuple[str, str]] = frozenset()  # modules, and what it takes from them


@dataclass(frozen=True, slots=True)
class ModuleView:
    """The whole file as the template prints it: strings only."""

    header: tuple[str, ...]
    title: str
    doc: tuple[str, ...]
    np: str
    functions: tuple[FunctionView, ...]
    imports: tuple[str, ...] = ()  # of what the functions use, found as it is printed
