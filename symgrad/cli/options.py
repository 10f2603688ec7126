"""Options that several commands have: the target, what to differentiate by, arguments, formats."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from symgrad.cli.targets import Spec, Subject, parse_specs, parse_wrt, subject
from symgrad.errors import SpecError

if TYPE_CHECKING:
    from symgrad.study.examples import ExampleArguments

TARGET = "the function; FILE may be - for stdin; or a model spec, SPEC.toml or SPEC.json: its loss"
CHANGE = "change the {}spec, as in loss=squared or layers.0.units=16; repeat it"
ARGS = (
    'arguments as literals, "x=3, W=[[1, 2], [3, 4]]", or a file of arrays, DATA.npz (default: '
    "what example_args() in the file returns, else made up from the names; for a model spec its "
    "first parameters and a few examples)"
)
HOW_MANY = "how many examples a model spec is looked at with (default: 3)"
WRT = "differentiate by this, a name or a position; repeat it or use commas (default: {})"
SPEC = 'shape of an argument that is made up, "X: n d"; "lam:" is a scalar; repeat it'
AUX = "the function returns (value, aux)"


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add the target, a function or a model spec, and ``--set``, which changes the spec."""
    parser.add_argument("target", metavar="FILE.py:FUNCTION", help=TARGET)
    add_change(parser)


def add_change(parser: argparse.ArgumentParser, which: str = "") -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="settings",
        help=CHANGE.format(which),
    )  # fmt: skip


def add_subject(parser: argparse.ArgumentParser, wrt: str = "0") -> None:
    """Add the options that say at which arguments a function is looked at.

    ``wrt`` says what it is differentiated by where nothing is typed.
    """
    add = parser.add_argument
    add_arguments(parser)
    default = f"{wrt}; of a model spec its parameters"
    add("--wrt", action="append", default=[], metavar="NAME", help=WRT.format(default))
    add("--spec", action="append", default=[], metavar='"X: n d"', help=SPEC)
    add("--aux", action="store_true", help=AUX)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where example arguments come from."""
    parser.add_argument("--args", metavar="ARGS", help=ARGS)
    parser.add_argument("--rows", type=int, metavar="N", help=HOW_MANY)


def add_format(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    """Add ``--format`` and its short form for tools, ``--json``."""
    words = f"{', '.join(formats[:-1])} or {formats[-1]} (default: {formats[0]})"
    parser.add_argument("--format", choices=formats, default=formats[0], help=words)
    parser.add_argument(
        "--json",
        action="store_const",
        const="json",
        dest="format",
        help="the same as --format json",
    )


def subject_of(options: argparse.Namespace) -> AbstractContextManager[Subject]:
    """Give what the target that was typed names."""
    return subject(options.target, options.settings)


def wrt_of(options: argparse.Namespace, found: Subject, default: Any = 0) -> Any:
    """Return ``wrt`` as it was typed, else what a spec's model learns, else ``default``."""
    if options.wrt:
        return parse_wrt(options.wrt)
    return default if found.wrt is None else found.wrt


def specs_of(options: argparse.Namespace, found: Subject) -> dict[str, Spec] | None:
    """Return the shapes that were typed, or those that a model spec knows."""
    typed = parse_specs(options.spec)
    if found.model is None:
        return typed
    if typed:
        raise SpecError("--spec is for functions: a model spec has its sizes")
    if getattr(options, "aux", False):
        raise SpecError("--aux is for functions: the loss of a model spec returns one value")
    return found.specs


def examples_for(found: Subject, options: argparse.Namespace) -> ExampleArguments:
    """Return arguments to look at a function with: typed, of its file or spec, or made up."""
    from symgrad.study.examples import example_arguments
    from symgrad.study.model_arguments import ROWS, model_arguments

    specs = specs_of(options, found)
    if found.model is not None:
        from symgrad.training.spec_models import first_examples

        rows = first_examples(found.model, options.rows or ROWS)
        return model_arguments(found.model, options.args, options.rows, rows)
    if options.rows is not None:
        raise SpecError("--rows is for model specs: a function's sizes are given with --spec")
    wrt = wrt_of(options, found)
    return example_arguments(
        found.function, found.module, options.args, specs,
        wrt if isinstance(wrt, tuple) else (wrt,), options.aux,
    )  # fmt: skip


def colours() -> bool:
    """Return whether stdout is a terminal that shows colours, and nobody has asked for none."""
    plain = "NO_COLOR" in os.environ and os.environ["NO_COLOR"] != ""
    return sys.stdout.isatty() and not plain and os.environ.get("TERM") != "dumb"
