"""``symgrad check``: a function's gradient against derivatives that are measured."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from symgrad.cli.options import (
    add_format,
    add_subject,
    add_target,
    examples_for,
    subject_of,
    wrt_of,
)
from symgrad.cli.targets import Subject, find, split_target, subject
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
    grad = "check this gradient of yours, in the same file or as FILE.py:FUNCTION"
    method = "complex step, central differences, or 50 digits (default: the best that serves)"
    elements = "check at most this many elements of a variable, and a direction (default: 200)"
    add_target(parser)
    add_subject(parser, "all that are real numbers; with --grad the first")
    add("--grad", metavar="FUNCTION", help=grad)
    add("--method", choices=["complex", "central", "mpmath"], help=method)
    add("--tolerance", type=float, metavar="E", help="the largest relative error that passes")
    add("--elements", type=int, default=200, metavar="N", help=elements)
    add("--seed", type=int, default=0, metavar="N", help="draw elements with this seed")
    add_format(parser, ("text", "markdown", "html", "json"))


def run(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from symgrad.study.checking_gradients import check

    with subject_of(options) as asked, own_gradient(options, asked) as grad:
        example = examples_for(asked, options)
        found = check(
            asked.sized, *example.args, wrt=wrt_of(options, asked, None), grad=grad,
            method=options.method, has_aux=options.aux, tolerance=options.tolerance,
            elements=options.elements, seed=options.seed, **example.kwargs,
        )  # fmt: skip
    found = replace(found, notes=(*example.notes, *found.notes))
    print(told(found, options.format).rstrip("\n"))
    sys.stdout.flush()
    return PASSED if found else FAILED


@contextmanager
def own_gradient(options: argparse.Namespace, asked: Subject) -> Iterator[Any]:
    """Give the gradient that is to be checked; None for the one that is emitted."""
    name = options.grad
    if name is None:
        yield None
    elif ":" in name:
        with subject(name) as found:
            yield found.function
    elif asked.model is not None:
        raise SpecError(f"--grad `{name}`: beside a model spec write FILE.py:FUNCTION")
    else:
        file, _ = split_target(options.target)
        if not all(part.isidentifier() for part in name.split(".")):
            raise SpecError(f"--grad `{name}` is no name of a function in {file}")
        yield find(asked.module, name, file)


def told(found: Any, kind: str) -> str:
    """Return the check in a format."""
    if kind == "html":
        return str(found._repr_html_())
    return str(found if kind == "text" else getattr(found, kind)())
