"""``symgrad compile``: a function in a file, or a model spec, goes in, its gradient comes out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from symgrad.cli.files import refuse_foreign, write
from symgrad.cli.options import WRT, add_target, specs_of, subject_of, wrt_of
from symgrad.cli.targets import Subject
from symgrad.errors import SpecError

HELP = "emit the gradient module of a function or of a model spec"
DESCRIPTION = "Emit the gradient module of a function or of a model spec; no data is needed."
EPILOG = "Exit code 0: done; 1: --check found a difference; 2: an error."

DONE, STALE = 0, 1

REPORTS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "markdown": lambda report: str(report.markdown()),
    "json": lambda report: str(report.json()),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    model = "print the NumPy text of the spec's model, not its gradient"
    wrt = WRT.format("0; of a model spec its parameters")
    spec = 'sizes by name or number; "lam:" is a scalar, "y: n int" has a dtype; repeat it'
    report = "print what the functions cost and why they are so (text, markdown or json)"
    without = "do not use this law, as the report writes it; repeat it"
    check = "write nothing; print a diff and exit with 1 if OUT.py is not up to date"
    add_target(parser)
    add("--model", action="store_true", help=model)
    add("--wrt", action="append", default=[], metavar="NAME", help=wrt)
    add("--spec", action="append", default=[], metavar='"X: n d"', help=spec)
    add("-o", "--output", metavar="OUT.py", help="the module to write (default: stdout)")
    add("--exact", action="store_true", help="leave every step as written, gate by gate")
    add("--without", action="append", default=[], metavar="LAW", help=without)
    add("--kinks", choices=["raise"], help="refuse a function that has kinks")
    add("--no-comments", action="store_true", help="leave out the user's lines as comments")
    add("--header", metavar="FILE", help="text to put on top of the module, as comment lines")
    add("--report", choices=REPORTS, metavar="FORMAT", help=report)
    add("--check", action="store_true", help=check)


def run(options: argparse.Namespace) -> int:
    if options.check and options.output in (None, "-"):
        raise SpecError("--check compares with a file: say which one with -o OUT.py")
    if options.check and options.report:
        raise SpecError("--check prints a difference and --report a report: ask for one of them")
    how = {"exact": options.exact, "comments": not options.no_comments, "kinks": options.kinks}
    how["without"] = options.without
    source, report = emit(options, how)
    text = comment(options.header) + source
    if options.check:
        return compare(Path(options.output), text)
    to_stdout = options.output in (None, "-")
    if to_stdout and not report:
        sys.stdout.write(text)
    if not to_stdout:
        refuse_foreign(Path(options.output))
        write(Path(options.output), text)
        print(f"symgrad: wrote {options.output}", file=sys.stderr)
    sys.stdout.write(report)
    sys.stdout.flush()
    return DONE


def emit(options: argparse.Namespace, how: Mapping[str, Any]) -> tuple[str, str]:
    """Return the module text for the target, and its report in a format or ""."""
    with subject_of(options) as asked:
        from symgrad.compiled import compile

        specs = specs_of(options, asked)
        if options.model:
            return model_text(asked), ""
        wrt = wrt_of(options, asked)
        compiled = compile(asked.function, wrt=wrt, specs=specs, origin=asked.origin, **how)
        form = options.report
        report = REPORTS[form](compiled.report).rstrip("\n") + "\n" if form else ""
        return compiled.source, report


def model_text(asked: Subject) -> str:
    if asked.model is None:
        raise SpecError("--model prints the model of a spec: SPEC.toml or SPEC.json")
    return asked.model.source


# The module's text


def comment(header: str | None) -> str:
    """Return the header file as comment lines and a blank line."""
    if header is None:
        return ""
    lines = Path(header).read_text(encoding="utf-8").splitlines()
    return "".join(f"# {line}".rstrip() + "\n" for line in lines) + "\n"


def compare(path: Path, text: str) -> int:
    """Print how ``path`` would change; return STALE if it would."""
    from difflib import unified_diff

    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if wherever(old) == wherever(text):
        return DONE
    lines = unified_diff(
        old.splitlines(keepends=True), text.splitlines(keepends=True), str(path), "up to date"
    )
    sys.stdout.writelines(lines)
    sys.stdout.flush()
    print(f"symgrad: {path} is not up to date", file=sys.stderr)
    return STALE


def wherever(text: str) -> str:
    """Return a module's text without the folder that its function was typed with."""
    import re

    return re.sub(r"^(From |Made by )\S*/", r"\1", text, flags=re.MULTILINE)
