"""``symgrad diff``: what changes in source and gradient between two functions or two specs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from symgrad.cli.options import add_format, add_subject, colours, examples_for, wrt_of
from symgrad.cli.targets import is_spec, origin, parse_specs, split_target, user_module
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
    left = "the first function (A may be - for stdin), or a model spec (.toml, .json)"
    right = "the second; without it the first spec is compared with what --set makes of it"
    change = "change the second spec, as in loss=squared or layers.0.units=16; repeat it"
    which = "compare this emitted function: forward, backward or value_and_grad (the default)"
    add("left", metavar="A.py:FUNCTION", help=left)
    add("right", metavar="B.py:FUNCTION", nargs="?", help=right)
    add("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help=change)
    add_subject(parser)
    add("--exact", action="store_true", help="leave every step as written, gate by gate")
    add("--function", action="append", choices=FUNCTIONS, help=which)
    add_format(parser, ("text", "unified", "markdown", "html", "json"))


def run(options: argparse.Namespace) -> int:
    from symgrad.study.differences import diff

    targets = options.left, options.right or options.left
    if is_spec(targets[0]) != is_spec(targets[1]):
        raise SpecError("a function is compared with a function, and a model spec with a spec")
    if not is_spec(targets[0]) and (options.settings or not options.right):
        raise SpecError("two functions are compared: write A.py:FUNCTION B.py:FUNCTION, no --set")
    functions = options.function or FUNCTIONS[-1:]
    if is_spec(targets[0]):
        found = between_models(targets, options, functions)
    else:
        sides = [compiled(target, options) for target in targets]
        names = origin(*split_target(targets[0])), origin(*split_target(targets[1]))
        found = diff(*sides, functions=functions, names=names)
    print(told(found, options.format).rstrip("\n"))
    sys.stdout.flush()
    return DIFFERENT if found else SAME


def between_models(targets: Sequence[str], options: argparse.Namespace, functions: Any) -> Any:
    """Compare two specs, the second with its settings changed: network, loss and gradients."""
    import inspect
    from dataclasses import replace

    from symgrad.compiled import compile
    from symgrad.spec import model, override
    from symgrad.study.differences import align, diff

    wrong = [flag for flag in ("args", "spec", "wrt", "aux") if getattr(options, flag)]
    if wrong:
        raise SpecError(f"--{wrong[0]} is for functions: a model spec says all that is needed")
    made = [model(targets[0]), model(override(targets[1], options.settings))]
    sides = [
        compile(each.loss, wrt=tuple(each.parameters), specs=each.specs, exact=options.exact)
        for each in made
    ]
    changed = f" ({', '.join(options.settings)})" if options.settings else ""
    names = targets[0], targets[1] + changed
    found = diff(*sides, functions=functions, names=names)
    network = align("the network", *(inspect.getsource(each.module.network) for each in made))
    return replace(found, parts=(network, *found.parts))


def compiled(target: str, options: argparse.Namespace) -> Any:
    """Return the function that a target names, compiled for specs or for example arguments."""
    from symgrad.compiled import compile

    how = {"wrt": wrt_of(options), "has_aux": options.aux, "exact": options.exact}
    with user_module(target) as (module, function):
        specs = None if options.args else parse_specs(options.spec)
        if specs is not None and covers(specs, function):
            made = compile(function, specs=specs, **how)
            _ = made.source
            return made
        example = examples_for(function, module, options)
        for note in example.notes:
            print(f"symgrad: {origin(*split_target(target))}: {note}", file=sys.stderr)
        made = compile(function, **how)
        made.value_and_grad(*example.args, **example.kwargs)
        return made


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
