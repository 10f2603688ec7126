"""``symgrad page``: one HTML page about a function and its gradient."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from symgrad.cli.files import refuse_foreign, write
from symgrad.cli.options import add_subject, add_target, examples_for, subject_of, wrt_of

HELP = "write one HTML page about a function and its gradient"
DESCRIPTION = (
    "Write one self-contained HTML page about a function: its source beside the emitted gradient, "
    "graph, trace table, derivation, report and gradient check."
)
EPILOG = "Exit code 0: done; 2: an error."


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_target(parser)
    add_subject(parser, "all real numbers but data and labels")
    add("-o", "--output", metavar="PAGE.html", help="the page to write (default: stdout)")


def run(options: argparse.Namespace) -> int:
    from symgrad.study.overview import overview

    with subject_of(options) as asked:
        example = examples_for(asked, options)
        wrt = wrt_of(options, asked, None)
        page = overview(asked.sized, example.args, example.kwargs, wrt, example.notes, options.aux)
    if options.output in (None, "-"):
        sys.stdout.write(page.html)
        sys.stdout.flush()
        return 0
    refuse_foreign(Path(options.output))
    write(Path(options.output), page.html)
    print(f"symgrad: wrote {options.output}", file=sys.stderr)
    return 0
