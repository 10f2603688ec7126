"""``symgrad schema``: what a model spec may say, as JSON Schema."""

from __future__ import annotations

import argparse
import sys

HELP = "print the JSON Schema of model specs"
DESCRIPTION = (
    "Print the JSON Schema of model specs (SPEC.toml, SPEC.json or a dict), for editors that "
    "complete and check as you type."
)
EPILOG = "Exit code 0: done; 2: an error."

DONE = 0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there (default: stdout)")


def run(options: argparse.Namespace) -> int:
    import json
    from pathlib import Path

    from symgrad.cli.files import write
    from symgrad.spec.schema import SCHEMA

    text = json.dumps(SCHEMA, indent=2, ensure_ascii=False) + "\n"
    if options.output in (None, "-"):
        sys.stdout.write(text)
        return DONE
    write(Path(options.output), text)
    print(f"symgrad: wrote {options.output}", file=sys.stderr)
    return DONE
