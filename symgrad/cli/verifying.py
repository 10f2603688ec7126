"""``symgrad verify``: a saved module against its function, or against its own forward pass."""

from __future__ import annotations

import argparse
import json
import sys

from symgrad.errors import SymgradError

HELP = "check saved modules again"
DESCRIPTION = (
    "Check modules that symgrad wrote: against what is emitted now for the function or the model "
    "spec (SPEC.toml, with the --set of then) that they name, if its source is the recorded one, "
    "otherwise against differences of their own forward.  "
    "A module is executed only if it holds nothing but emitted code."
)
EPILOG = "Exit code 0: right; 1: something is wrong or was changed; 2: an error, or foreign code."

RIGHT, WRONG, UNREAD = 0, 1, 2


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("modules", nargs="+", metavar="MODULE.py", help="a saved module, or - for stdin")
    add("--no-source", action="store_true", help="import no source, compare numbers only")
    add("--json", action="store_true", help="print JSON: an object, or a list for several modules")


def run(options: argparse.Namespace) -> int:
    from contextlib import redirect_stdout

    from symgrad.study.verifying import verify

    found, unread = [], 0
    for path in options.modules:
        given = typed() if path == "-" else path
        try:
            with redirect_stdout(sys.stderr):
                found.append(verify(given, source=not options.no_source))
        except (SymgradError, OSError) as error:
            if path == "-" or options.traceback:
                raise
            said = error.strerror if isinstance(error, OSError) else error
            print(f"symgrad: {path}: {said}", file=sys.stderr)
            unread += 1
            continue
        if not options.json:
            print(found[-1] if path == "-" else f"{path}: {found[-1]}")
    if options.json:
        data = [each.as_dict() for each in found]
        one = len(options.modules) == 1
        if data or not one:
            print(json.dumps(data[0] if one else data, indent=2, ensure_ascii=False))
    sys.stdout.flush()
    if unread:
        return UNREAD
    return RIGHT if all(found) else WRONG


def typed() -> str:
    """Return the module on stdin, whose line ends tell it from a path."""
    text = sys.stdin.buffer.read().decode("utf-8")
    return text if "\n" in text else f"{text}\n"
