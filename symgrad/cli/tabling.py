"""``symgrad table``: forward or reverse mode of a function at a point, as on the board."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from symgrad.cli.files import write
from symgrad.cli.options import add_subject, add_target, examples_for, subject_of, wrt_of
from symgrad.errors import SpecError

if TYPE_CHECKING:
    from symgrad.study.tables import Table

HELP = "print the trace table of a function"
DESCRIPTION = (
    "Print every variable of a function with its value and derivatives: in reverse mode a row for "
    "each edge (upstream, local, upstream x local), then the sum over the edges of each variable; "
    "in forward mode a column for each thing that is varied.  With --blank it is a worksheet."
)
EPILOG = "Exit code 0: done; 2: an error."

DONE = 0
FORMATS = {
    "text": ".txt", "markdown": ".md", "html": ".html", "latex": ".tex", "csv": ".csv",
    "json": ".json",
}  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    layout = "a row an edge, or the lecture's form: all values and local derivatives stored"
    level = "one variable for each operation (gate) or for each line of yours (default: gate)"
    digits = "decimals (default: four significant digits)"
    blank = 'leave this column to be filled in ("value", "accumulated"); repeat it or use commas'
    seed = "fresh numbers that come out short, the same for the same N"
    add_target(parser)
    add_subject(parser, "all that are real numbers")
    add("--mode", choices=["reverse", "forward"], default="reverse", help="default: reverse")
    add("--layout", choices=["edges", "store"], default="edges", help=layout)
    add("--level", choices=["gate", "line"], default="gate", help=level)
    add("--notation", choices=["d", "partial", "bar"], default="d", help="of derivatives")
    add("--digits", type=int, metavar="N", help=digits)
    add("--names", choices=["xi"], help="call the variables xi_1, xi_2, ...")
    add("--blank", action="append", default=[], metavar="COLUMN", help=blank)
    add("--seed", type=int, metavar="N", help=seed)
    add("--key", metavar="FILE", help="write the answer key of the worksheet to this file")
    add("--format", choices=FORMATS, help="default: what the suffix of -o says, else text")
    add("--json", action="store_const", const="json", dest="format", help="--format json")
    add("-o", "--output", metavar="FILE", help="the file to write (default: stdout)")


def run(options: argparse.Namespace) -> int:
    if options.key is not None and not options.blank:
        raise SpecError("--key is the answer key of a worksheet: say with --blank what is left out")
    made = made_for(options)
    if options.output in (None, "-"):
        print(formatted(made, FORMATS[options.format or "text"]).rstrip("\n"))
        sys.stdout.flush()
    else:
        suffix = FORMATS[options.format] if options.format else Path(options.output).suffix
        put(made, options.output, suffix)
    if options.key is not None:
        assert made.key is not None
        put(made.key, options.key, Path(options.key).suffix)
    return DONE


def made_for(options: argparse.Namespace) -> Table:
    """Return the table that the options ask for; where the arguments come from is talk."""
    from symgrad.compiled import Compiled
    from symgrad.study.tables import table

    with subject_of(options) as asked:
        wrt = wrt_of(options, asked, None)
        example = examples_for(asked, options)
        for note in example.notes:
            print(f"symgrad: {note}", file=sys.stderr)
        function = asked.sized
        if options.aux:
            function = Compiled(function, wrt or 0, has_aux=True)
        return table(
            function, *example.args, mode=options.mode, wrt=wrt, layout=options.layout,
            level=options.level, digits=options.digits, notation=options.notation,
            names=options.names, seed=options.seed,
            blank=[key.strip() for words in options.blank for key in words.split(",")],
            **example.kwargs,
        )  # fmt: skip


def put(made: Table, path: str, suffix: str) -> None:
    if suffix not in FORMATS.values():
        raise SpecError(
            f"{path}: no table format has this suffix; use {', '.join(FORMATS.values())}, or say "
            "--format"
        )
    write(Path(path), formatted(made, suffix))
    print(f"symgrad: wrote {path}", file=sys.stderr)


def formatted(made: Table, suffix: str) -> str:
    """Return the table in the format that a suffix stands for; HTML is a whole page."""
    from symgrad.study.tables.cells import FORMS

    return FORMS[suffix](made).rstrip("\n") + "\n"
