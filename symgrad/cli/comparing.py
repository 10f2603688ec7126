"""``symgrad compare``: is a gradient that somebody derived by hand the gradient of a function?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from symgrad.cli.options import (
    AUX,
    add_arguments,
    add_target,
    examples_for,
    specs_of,
    subject_of,
)
from symgrad.cli.targets import parse_wrt
from symgrad.errors import ClaimError

HELP = "judge a gradient that was derived by hand"
DESCRIPTION = (
    "Compare a claimed gradient (NumPy lines, a Python function or LaTeX, in a file) with the "
    "gradient of a function.  The claim is read, never run."
)
EPILOG = "Exit code 0: equal, perhaps up to its layout; 1: different; 2: an error."

EQUAL, DIFFERENT = 0, 1
LARGEST_FILE = 1_000_000  # bytes


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_target(parser)
    add("claim", metavar="CLAIM", help="the file with the claimed gradient; - for stdin")
    add_question(parser)
    add("--json", action="store_true", help="print the verdict as JSON")


def add_question(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is asked, which grading has too."""
    add = parser.add_argument
    wrt = "differentiated by this, a name or a position; repeat it or use commas (default: what "
    spec = 'sizes by name or number; "lam:" is a scalar, "y: n int" has a dtype; repeat it'
    add("--wrt", action="append", default=[], metavar="NAME", help=wrt + "the claim answers for)")
    add_arguments(parser)
    add("--spec", action="append", default=[], metavar='"X: n d"', help=spec)
    add("--aux", action="store_true", help=AUX)
    add("--latex", action="store_true", help="the claim is LaTeX (default: see if it looks so)")


def run(options: argparse.Namespace) -> int:
    text = read_claim(options.claim)
    verdict = judge(options, text)
    print(verdict.json() if options.json else verdict)
    return EQUAL if verdict else DIFFERENT


def judge(options: argparse.Namespace, claim: str) -> Any:
    """Return the verdict on a claim's text."""
    with subject_of(options) as asked:
        from symgrad.study.judge import compare

        specs = specs_of(options, asked)
        specs = asked.shapes or specs  # a claim may speak of three classes as 3
        has_example = hasattr(asked.module, "example_args") and not specs
        args, kwargs = None, None
        if options.args is not None or options.rows is not None or has_example:
            example = examples_for(asked, options)
            args, kwargs = example.args, example.kwargs
        return compare(
            asked.function, claim, wrt=parse_wrt(options.wrt) if options.wrt else None, specs=specs,
            args=args, kwargs=kwargs, latex=options.latex or None, has_aux=options.aux,
        )  # fmt: skip


def read_claim(file: str) -> str:
    """Return a claim's text."""
    data = sys.stdin.buffer.read(LARGEST_FILE + 1) if file == "-" else read_bytes(Path(file))
    if len(data) > LARGEST_FILE:
        raise ClaimError(f"{file} is larger than {LARGEST_FILE} bytes: that is no claim")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ClaimError(f"{file} is not UTF-8 text") from None


def read_bytes(path: Path) -> bytes:
    if any(sign in str(path) for sign in "=\n\\") and not path.exists():
        raise ClaimError(
            f"there is no file `{path}`: a claim is read from a file, or with - from stdin, as in "
            "echo 'dw = X.T @ r' | symgrad compare FILE.py:FUNCTION -"
        )
    with path.open("rb") as file:
        return file.read(LARGEST_FILE + 1)
