"""Options that several commands have: what to differentiate by, example arguments, formats."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from symgrad.cli.targets import parse_specs, parse_wrt

if TYPE_CHECKING:
    from symgrad.study.examples import ExampleArguments

ARGS = (
    'arguments as literals, "x=3, W=[[1, 2], [3, 4]]", or a file of arrays, DATA.npz (default: '
    "what example_args() in the file returns, else made up from the names)"
)
WRT = "differentiate by this, a name or a position; repeat it or use commas (default: {})"
SPEC = 'shape of an argument that is made up, "X: n d"; "lam:" is a scalar; repeat it'
AUX = "the function returns (value, aux)"


def add_subject(parser: argparse.ArgumentParser, wrt: str = "0") -> None:
    """Add the options that say at which arguments a function is looked at.

    ``wrt`` says what it is differentiated by where nothing is typed.
    """
    add = parser.add_argument
    add("--args", metavar="ARGS", help=ARGS)
    add("--wrt", action="append", default=[], metavar="NAME", help=WRT.format(wrt))
    add("--spec", action="append", default=[], metavar='"X: n d"', help=SPEC)
    add("--aux", action="store_true", help=AUX)


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


def wrt_of(options: argparse.Namespace, default: Any = 0) -> Any:
    """Return ``wrt`` as it was typed, by default the first parameter."""
    return parse_wrt(options.wrt) if options.wrt else default


def examples_for(
    function: Callable[..., Any], module: ModuleType, options: argparse.Namespace
) -> ExampleArguments:
    """Return arguments to look at a function with: typed, of its file, or made up."""
    from symgrad.study.examples import example_arguments

    wrt = wrt_of(options)
    return example_arguments(
        function, module, options.args, parse_specs(options.spec),
        wrt if isinstance(wrt, tuple) else (wrt,), options.aux,
    )  # fmt: skip


def colours() -> bool:
    """Return whether stdout is a terminal that shows colours, and nobody has asked for none."""
    plain = "NO_COLOR" in os.environ and os.environ["NO_COLOR"] != ""
    return sys.stdout.isatty() and not plain and os.environ.get("TERM") != "dumb"
