"""``symgrad emit``: the text of a gradient module, or of a trainer that stands alone."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from symgrad.cli import compiling
from symgrad.cli.files import refuse_foreign, write
from symgrad.cli.targets import is_spec, shown_path
from symgrad.errors import SpecError

HELP = "emit a gradient module, or a trainer of one file"
DESCRIPTION = (
    "Emit the gradient module of a function or a model spec, as `compile` does; with --trainer, "
    "a program of one file that needs only NumPy and trains the spec's model."
)
EPILOG = compiling.EPILOG

DONE = 0
OF_GRADIENTS = ("model", "wrt", "spec", "exact", "without", "kinks", "no_comments", "report")


def add_options(parser: argparse.ArgumentParser) -> None:
    compiling.add_options(parser)
    trainer = "write a program that trains the model of a spec, with NumPy alone"
    parser.add_argument("--trainer", action="store_true", help=trainer)


def run(options: argparse.Namespace) -> int:
    if not options.trainer:
        return compiling.run(options)
    if not is_spec(options.target):
        raise SpecError("--trainer is for model specs: SPEC.toml or SPEC.json")
    for option in OF_GRADIENTS:
        if getattr(options, option):
            name = option.replace("_", "-")
            raise SpecError(f"--{name} is for gradient modules: a trainer is what its spec says")
    to_stdout = options.output in (None, "-")
    if options.check and to_stdout:
        raise SpecError("--check compares with a file: say which one with -o OUT.py")
    text = compiling.comment(options.header) + emitted(options, to_stdout)
    if options.check:
        return compiling.compare(Path(options.output), text)
    if to_stdout:
        sys.stdout.write(text)
        sys.stdout.flush()
        return DONE
    refuse_foreign(Path(options.output))
    write(Path(options.output), text)
    print(f"symgrad: wrote {options.output}", file=sys.stderr)
    return DONE


def emitted(options: argparse.Namespace, to_stdout: bool) -> str:
    """Return the trainer, which looks for its data from where it will stand."""
    from symgrad.spec import read
    from symgrad.standalone import trainer

    path = None if to_stdout else Path(options.output)
    folder, name = (None, None) if path is None else (path.parent, path.name)
    given = replace(read(options.target), origin=shown_path(options.target))
    return trainer(given, folder, name, options.settings)
