"""``symgrad diff``: what changes in source and gradient between two functions or two specs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from symgrad.cli.options import (
    add_change,
    add_format,
    add_subject,
    colours,
    examples_for,
    specs_of,
    wrt_of,
)
from symgrad.cli.targets import is_spec, subject
from symgrad.errors import SpecError

HELP = "show what differs between two functions, or two specs, and their gradients"
DESCRIPTION = (
    "Show the lines that differ between two functions and between the code that is emitted for "
    "them.  With a --spec for every argument no data is needed, nor for two model specs."
)
EPILOG = "Exit code 0: the same; 1: they differ; 2: an error."

SAME, DIFFERENT = 0, 1
FUNCTIONS = ("forward", "backward", "value_and_grad")
WIDTH = 100
COLOURS = {"removed": "\x1b[31m", "added": "\x1b[32m"}


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    left = "the first function (A may be - for stdin), or a model spec, SPEC.toml or SPEC.json"
    right = "the second; without it the first spec is compared with what --set makes of it"
    which = "compare this emitted function: forward, backward or value_and_grad (the default)"
    add("left", metavar="A.py:FUNCTION", help=left)
    add("right", metavar="B.py:FUNCTION", nargs="?", help=right)
    add_change(parser, "second ")
    add_subject(parser)
    add("--exact", action="store_true", help="leave every step as written, gate by gate")
    add("--function", action="append", choices=FUNCTIONS, help=which)
    add_format(parser, ("text", "unified", "markdown", "html", "json"))


def run(options: argparse.Namespace) -> int:
    from symgrad.study.differences import align, diff

    targets = options.left, options.right or options.left
    if is_spec(targets[0]) != is_spec(targets[1]):
        raise SpecError("a function is compared with a function, and a model spec with a spec")
    if not is_spec(targets[0]) and (options.settings or not options.right):
        raise SpecError("two functions are compared: write A.py:FUNCTION B.py:FUNCTION, no --set")
    left, right = side(targets[0], [], options), side(targets[1], options.settings, options)
    functions, names = options.function or FUNCTIONS[-1:], (left.origin, right.origin)
    found = diff(left.compiled, right.compiled, functions=functions, names=names)
    if left.network:
        network = align("the network", left.network, right.network)
        found = replace(found, parts=(network, *found.parts))
    print(told(found, options.format).rstrip("\n"))
    sys.stdout.flush()
    return DIFFERENT if found else SAME


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared; ``network`` is the text of a spec's layers."""

    origin: str
    compiled: Any
    network: str = ""


def side(target: str, settings: Sequence[str], options: argparse.Namespace) -> Side:
    """Return what a target names, compiled for specs or for example arguments."""
    import inspect

    from symgrad.compiled import compile

    with subject(target, settings) as asked:
        network = inspect.getsource(asked.module.network) if asked.model is not None else ""
        how = {"wrt": wrt_of(options, asked), "has_aux": options.aux, "exact": options.exact}
        specs = specs_of(options, asked)
        if not (options.args or options.rows) and specs and covers(specs, asked.function):
            made = compile(asked.function, specs=specs, **how)
            _ = made.source
            return Side(asked.origin, made, network)
        example = examples_for(asked, options)
        for note in example.notes:
            print(f"symgrad: {asked.origin}: {note}", file=sys.stderr)
        made = compile(asked.function, **how)
        made.value_and_grad(*example.args, **example.kwargs)
        return Side(asked.origin, made, network)


def covers(specs: Any, function: Any) -> bool:
    """Return whether there is a spec for every parameter without a default."""
    import inspect

    parameters = inspect.signature(function).parameters.values()
    return all(p.name in specs for p in parameters if p.default is p.empty)


def told(found: Any, kind: str) -> str:
    """Return the differences in a format, for the terminal in colour."""
    import shutil

    if kind != "text":
        return str(getattr(found, kind)())
    width = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
    return str(found.text(width, paint if colours() else None))


def paint(kind: str, cell: str) -> str:
    return f"{COLOURS[kind]}{cell}\x1b[0m"
