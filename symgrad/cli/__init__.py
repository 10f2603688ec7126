"""The command ``symgrad``: each sub-command is a file of this package.

Results go to stdout, talk to stderr.  Exit code 0: done (or equal, or up to date), 1: a
difference was found, 2: an error, told in one message.  ``--help`` imports no SymPy, NumPy or
Jinja: a command's file imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from symgrad import __version__
from symgrad.cli import (
    checking,
    comparing,
    compiling,
    differing,
    drawing,
    emitting,
    evaluating,
    explaining,
    grading,
    paging,
    predicting,
    schema,
    tabling,
    training,
    verifying,
)
from symgrad.cli.targets import STDIN
from symgrad.errors import SymgradError

DONE, FAILED = 0, 2

COMMANDS = {
    "compile": compiling,
    "emit": emitting,
    "table": tabling,
    "draw": drawing,
    "explain": explaining,
    "page": paging,
    "compare": comparing,
    "grade": grading,
    "check": checking,
    "verify": verifying,
    "diff": differing,
    "schema": schema,
    "train": training,
    "predict": predicting,
    "evaluate": evaluating,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    # argparse would take `-:loss`, the function on stdin, for an option
    words = [STDIN + word[1:] if word.startswith("-:") else word for word in words]
    options, unknown = parser().parse_known_args(words)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:  # the user's file may raise anything, and 1 already means "stale"
        print(f"symgrad: {told(error, options.traceback)}", file=sys.stderr)
        return FAILED


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="symgrad",
        description="Turn a plain NumPy function into a NumPy module with its exact gradient.",
    )
    top.add_argument("--version", action="version", version=f"symgrad {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        mine = commands.add_parser(
            name, help=command.HELP, description=command.DESCRIPTION, epilog=command.EPILOG
        )
        command.add_options(mine)
        mine.add_argument("--traceback", action="store_true", help="show where an error comes from")
        mine.set_defaults(run=command.run, parser=mine)
    return top


def told(error: Exception, whole: bool = False) -> str:
    """Return one message; an error that is not ours names its type and the innermost line."""
    import traceback

    if whole:
        return "".join(traceback.format_exception(error)).rstrip()
    if isinstance(error, SymgradError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    message = "".join(traceback.format_exception_only(error)).rstrip()
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) or not frames:
        return message
    return f"{message}\n  at {frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line}"
