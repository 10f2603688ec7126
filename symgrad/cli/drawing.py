"""``symgrad draw``: the computational graph of a function, as a picture or as text for others."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from symgrad.cli.files import refuse_foreign, write
from symgrad.cli.options import add_subject, add_target, examples_for, subject_of, wrt_of
from symgrad.errors import SpecError

HELP = "draw the computational graph of a function"
DESCRIPTION = (
    "Draw the computational graph of a function at example arguments, from left to right: values "
    "above the wires, gradients below."
)
EPILOG = "Exit code 0: done; 2: an error."

DONE = 0
FORMATS = ("svg", "dot", "mermaid", "json")
ENDINGS = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid"}
ENDINGS |= {".json": "json"}


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    level = "a node for each operation, named value, or block of a network (default: gate)"
    edges = "below the wires: the gradient or the local derivative (default: gradient)"
    kind = "svg, dot, mermaid or json (default: what -o ends in, or svg)"
    frames = "a picture for each step of the backward pass: GRAPH-00.svg, GRAPH-01.svg ..."
    add_target(parser)
    add_subject(parser, "all that are real numbers")
    add("-o", "--output", metavar="GRAPH.svg", help="the file to write (default: stdout)")
    add("--level", choices=("gate", "line", "layer"), default="gate", help=level)
    add("--edges", choices=("gradient", "local"), default="gradient", help=edges)
    add("--steps", action="store_true", help=frames)
    add("--notes", action="store_true", help="say what each gate does to the gradient")
    add("--no-fold", action="store_true", help="show layers that repeat one by one")
    add("--width", type=float, metavar="PIXELS", help="continue in further rows beyond this")
    add("--format", choices=FORMATS, help=kind)


def run(options: argparse.Namespace) -> int:
    kind = format_of(options)
    if options.steps and options.output in (None, "-"):
        raise SpecError("--steps makes several pictures: say where with -o GRAPH.svg")
    made = drawn(options)
    if options.output in (None, "-"):
        sys.stdout.write(text_of(made, kind))
        sys.stdout.flush()
        return DONE
    path = Path(options.output)
    files = zip(made.paths(path), made, strict=True) if options.steps else [(path, made)]
    for file, drawing in files:
        refuse_foreign(file)
        write(file, text_of(drawing, kind))
        print(f"symgrad: wrote {file}", file=sys.stderr)
    return DONE


def format_of(options: argparse.Namespace) -> str:
    """Return the format that was asked for, or that the file's ending asks for."""
    if options.format is not None:
        return str(options.format)
    if options.output in (None, "-"):
        return FORMATS[0]
    ending = Path(options.output).suffix
    if ending not in ENDINGS:
        raise SpecError(
            f"-o {options.output}: no picture ends in `{ending}`: use one of {', '.join(ENDINGS)}, "
            "or say what it is with --format"
        )
    return ENDINGS[ending]


def drawn(options: argparse.Namespace) -> Any:
    """Return the picture, or its frames, at the example arguments."""
    with subject_of(options) as asked:
        from symgrad.compiled import compile
        from symgrad.study.picture import draw

        example = examples_for(asked, options)
        for note in example.notes:
            print(f"symgrad: {note}", file=sys.stderr)
        return draw(
            compile(asked.sized, has_aux=True) if options.aux else asked.sized,
            *example.args,
            wrt=wrt_of(options, asked, None),
            level=options.level,
            edges=options.edges,
            steps=options.steps,
            notes=options.notes,
            fold=not options.no_fold,
            width=options.width,
            **example.kwargs,
        )


def text_of(drawing: Any, kind: str) -> str:
    found = getattr(drawing, kind)
    return str(found() if callable(found) else found)
