"""``symgrad explain``: the derivation of a function's gradient, step by step."""

from __future__ import annotations

import argparse
import sys

from symgrad.cli.options import (
    add_format,
    add_subject,
    add_target,
    examples_for,
    subject_of,
    wrt_of,
)

HELP = "derive a gradient step by step"
DESCRIPTION = (
    "Derive a function's gradient step by step: the parts with names, the local derivatives with "
    "the names of their rules, the chain rule, the rewrites that fired, and the emitted NumPy "
    "lines as mathematics.  Each equation is checked at random points before it is shown."
)
EPILOG = "Exit code 0: done; 2: an error."

LEVELS = ("full", "lines", "short", "gates")
DONE = 0


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    level = (
        "short: composition, chain rule, result; lines: local derivatives too; full: rewrites too; "
        "gates: every single operation (default: full)"
    )
    add_target(parser)
    add_subject(parser, "all that are real numbers")
    add("--level", choices=LEVELS, default="full", help=level)
    add("--seed", type=int, default=0, metavar="N", help="draw the random points with this seed")
    add("--document", action="store_true", help="with --format latex: a whole document")
    output = (
        "the file to write, whose suffix says the format: .txt, .md, .tex (a whole document), "
        ".html, .json (default: stdout)"
    )
    add("-o", "--output", metavar="FILE", help=output)
    add_format(parser, ("text", "markdown", "latex", "html", "json"))


def run(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from symgrad.study.derivations import explain

    with subject_of(options) as asked:
        example = examples_for(asked, options)
        found = explain(
            asked.sized, *example.args, wrt=wrt_of(options, asked, None), level=options.level,
            has_aux=options.aux, seed=options.seed, **example.kwargs,
        )  # fmt: skip
    found = replace(found, notes=(*example.notes, *found.notes))
    if options.output not in (None, "-"):
        found.save(options.output)
        print(f"symgrad: wrote {options.output}", file=sys.stderr)
        return DONE
    if options.format == "latex":
        text = found.latex(document=options.document)
    else:
        text = getattr(found, options.format)()
    print(text.rstrip("\n"))
    sys.stdout.flush()
    return DONE
