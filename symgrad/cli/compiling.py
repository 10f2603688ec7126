"""``symgrad compile``: a function in a file, or a model spec, goes in, its gradient comes out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from symgrad.cli.files import refuse_foreign, write
from symgrad.cli.targets import is_spec, origin, parse_specs, parse_wrt, split_target, user_function
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
    target = "the function; FILE may be - for stdin; or a model spec (.toml, .json)"
    change = "change the spec, as in loss=squared or layers.0.units=16; repeat it"
    model = "print the NumPy text of the spec's model, not its gradient"
    wrt = "differentiate by this, a name or a position; repeat it or use commas (default: 0)"
    spec = 'sizes by name or number; "lam:" is a scalar, "y: n int" has a dtype; repeat it'
    report = "print what the functions cost and why they are so (text, markdown or json)"
    without = "do not use this law, as the report writes it; repeat it"
    check = "write nothing; print a diff and exit with 1 if OUT.py is not up to date"
    add("target", metavar="FILE.py:FUNCTION", help=target)
    add("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help=change)
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
    if is_spec(options.target):
        source, report = emit_model(options, how)
    elif options.settings or options.model:
        raise SpecError("--set and --model are for model specs: SPEC.toml or SPEC.json")
    else:
        source, report = emit(options.target, options.wrt, options.spec, options.report, how)
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


def emit(
    target: str,
    wrt: Sequence[str],
    specs: Sequence[str],
    report: str | None = None,
    how: Mapping[str, Any] = {},
) -> tuple[str, str]:
    """Return the module text for ``FILE.py:FUNCTION``, and its report in a format or ""."""
    file, name = split_target(target)
    settings: dict[str, Any] = {**how, "specs": parse_specs(specs), "origin": origin(file, name)}
    if wrt:
        settings["wrt"] = parse_wrt(wrt)
    with user_function(target) as function:
        from symgrad.compiled import compile

        compiled = compile(function, **settings)
        made = REPORTS[report](compiled.report).rstrip("\n") + "\n" if report else ""
        return compiled.source, made


def emit_model(options: argparse.Namespace, how: Mapping[str, Any]) -> tuple[str, str]:
    """Return the module text for a model spec, and its report in a format or ""."""
    from symgrad.compiled import compile
    from symgrad.spec import model, override

    if options.spec:
        raise SpecError("--spec is for functions: a model spec has its sizes")
    made = model(override(options.target, options.settings))
    if options.model:
        return made.source, ""
    name = Path(options.target).as_posix() if not Path(options.target).is_absolute() else ""
    settings = {**how, "specs": made.specs, "origin": name or made.spec.origin}
    wrt = parse_wrt(options.wrt) if options.wrt else tuple(made.parameters)
    compiled = compile(made.loss, wrt=wrt, **settings)
    form = options.report
    report = REPORTS[form](compiled.report).rstrip("\n") + "\n" if form else ""
    return compiled.source, report


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
