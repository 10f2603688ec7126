"""``symgrad check``: a function's gradient against derivatives that are measured."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from symgrad.cli.options import add_format, add_subject, examples_for, wrt_of
from symgrad.cli.targets import find, split_target, user_module
from symgrad.errors import SpecError

HELP = "check a gradient against measured derivatives"
DESCRIPTION = (
    "Check a function's gradient, or one that you wrote, against derivatives that are measured by "
    "running the function: the relative error of each variable, and its worst element."
)
EPILOG = "Exit code 0: passed; 1: failed; 2: an error."

PASSED, FAILED = 0, 1


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    method = "complex step, central differences, or 50 digits (default: the best that serves)"
    elements = "check at most this many elements of a variable, and a direction (default: 200)"
    add("target", metavar="FILE.py:FUNCTION", help="the function; FILE may be - for stdin")
    add_subject(parser, "all that are real numbers; with --grad the first")
    add("--grad", metavar="FUNCTION", help="check this gradient of yours, in the same file")
    add("--method", choices=["complex", "central", "mpmath"], help=method)
    add("--tolerance", type=float, metavar="E", help="the largest relative error that passes")
    add("--elements", type=int, default=200, metavar="N", help=elements)
    add("--seed", type=int, default=0, metavar="N", help="draw elements with this seed")
    add_format(parser, ("text", "markdown", "html", "json"))


def run(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from symgrad.study.checking_gradients import check

    file, _ = split_target(options.target)
    with user_module(options.target) as (module, function):
        grad = None if options.grad is None else own_gradient(module, options.grad, file)
        example = examples_for(function, module, options)
        found = check(
            function, *example.args, wrt=wrt_of(options, None), grad=grad, method=options.method,
            has_aux=options.aux, tolerance=options.tolerance, elements=options.elements,
            seed=options.seed, **example.kwargs,
        )  # fmt: skip
    found = replace(found, notes=(*example.notes, *found.notes))
    print(told(found, options.format).rstrip("\n"))
    sys.stdout.flush()
    return PASSED if found else FAILED


def own_gradient(module: Any, name: str, file: str) -> Any:
    if not all(part.isidentifier() for part in name.split(".")):
        raise SpecError(f"--grad `{name}` is no name of a function in {file}")
    return find(module, name, file)


def told(found: Any, kind: str) -> str:
    """Return the check in a format."""
    if kind == "html":
        return str(found._repr_html_())
    return str(found if kind == "text" else getattr(found, kind)())
