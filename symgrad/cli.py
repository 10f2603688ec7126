"""The command ``symgrad``: a function in a file goes in, its gradient module comes out.

Results go to stdout, talk to stderr.  Exit code 0: done (or up to date), 1: ``--check`` found a
difference, 2: an error, told in one message.  ``--help`` imports no SymPy, NumPy or Jinja.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from symgrad import __version__
from symgrad.errors import SpecError, SymgradError, did_you_mean

DTYPE = re.compile(r"bool|u?int\d*|float\d*")  # the words that are no size
STDIN = "<stdin>"

Shape = tuple[str | int, ...]
Spec = Shape | tuple[Shape, str]

DONE, STALE, FAILED = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    # argparse would take `-:loss`, the function on stdin, for an option
    words = [STDIN + word[1:] if word.startswith("-:") else word for word in words]
    options = parser().parse_args(words)
    try:
        return run(options)
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
    add_options(
        commands.add_parser(
            "compile",
            help="emit the gradient module of a function",
            description="Emit the gradient module of a function; no data is needed.",
            epilog="Exit code 0: done; 1: --check found a difference; 2: an error.",
        )
    )
    return top


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    wrt = "differentiate by this, a name or a position; repeat it or use commas (default: 0)"
    spec = 'sizes by name or number; "lam:" is a scalar, "y: n int" has a dtype; repeat it'
    check = "write nothing; print a diff and exit with 1 if OUT.py is not up to date"
    add("target", metavar="FILE.py:FUNCTION", help="the function; FILE may be - for stdin")
    add("--wrt", action="append", default=[], metavar="NAME", help=wrt)
    add("--spec", action="append", default=[], metavar='"X: n d"', help=spec)
    add("-o", "--output", metavar="OUT.py", help="the module to write (default: stdout)")
    add("--header", metavar="FILE", help="text to put on top of the module, as comment lines")
    add("--check", action="store_true", help=check)
    add("--traceback", action="store_true", help="show where an error comes from")


def run(options: argparse.Namespace) -> int:
    if options.check and options.output in (None, "-"):
        raise SpecError("--check compares with a file: say which one with -o OUT.py")
    text = comment(options.header) + emit(options.target, options.wrt, options.spec)
    if options.check:
        return compare(Path(options.output), text)
    if options.output in (None, "-"):
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write(Path(options.output), text)
        print(f"symgrad: wrote {options.output}", file=sys.stderr)
    return DONE


def emit(target: str, wrt: Sequence[str], specs: Sequence[str]) -> str:
    """Return the module text for ``FILE.py:FUNCTION``."""
    file, name = split_target(target)
    settings: dict[str, Any] = {"specs": parse_specs(specs), "origin": origin(file, name)}
    if wrt:
        settings["wrt"] = parse_wrt(wrt)
    with script_folder(file), redirect_stdout(sys.stderr):  # what the user's file prints is talk
        function = find(load(file), name, file)
        from symgrad.compiled import compile

        text: str = compile(function, **settings).source
    return text


def split_target(target: str) -> tuple[str, str]:
    file, _, name = target.rpartition(":")  # the last colon: C:\loss.py:loss has two
    if not file or not all(part.isidentifier() for part in name.split(".")):
        raise SpecError(f"`{target}` does not name a function: write FILE.py:FUNCTION")
    return file, name


def origin(file: str, name: str) -> str:
    """Name the function as typed, but never by an absolute path: it ends up in the module."""
    path = Path("-" if file == STDIN else file)
    if path.is_absolute():
        here = Path.cwd()
        path = path.relative_to(here) if path.is_relative_to(here) else Path(path.name)
    return f"{path.as_posix()}:{name}"


# What the user types


def parse_wrt(words: Sequence[str]) -> str | int | tuple[str | int, ...]:
    """Read ``--wrt W1,W2 --wrt 0``; a single word stays single, so its gradient is no tuple."""
    names = [name.strip() for word in words for name in word.split(",")]
    for name in names:
        if not (name.isidentifier() or name.isdecimal()):
            raise SpecError(f"--wrt `{name}` is neither a parameter's name nor its position")
    wrt = tuple(int(name) if name.isdecimal() else name for name in names)
    return wrt[0] if len(wrt) == 1 else wrt


def parse_specs(texts: Sequence[str]) -> dict[str, Spec] | None:
    specs: dict[str, Spec] = {}
    for text in texts:
        name, spec = parse_spec(text)
        if name in specs:
            raise SpecError(f'--spec "{text}": `{name}` has a spec already')
        specs[name] = spec
    return specs or None


def parse_spec(text: str) -> tuple[str, Spec]:
    """Read ``X: n 3`` or ``y: n int``: a parameter, its sizes, and perhaps its dtype."""
    name, colon, rest = text.partition(":")
    name, words = name.strip(), rest.split()
    dtype = words.pop() if words and DTYPE.fullmatch(words[-1]) else None
    wrong = [word for word in words if not is_size(word)]
    if not colon or not name.isidentifier() or wrong:
        what = f"`{wrong[0]}` is no size" if wrong else "no `name:` in front"
        raise SpecError(
            f'--spec "{text}": {what}.  Write the parameter, a colon, its sizes by name or '
            'number, and a dtype if it is not float64: "X: n 3", "y: n int", "lam:"'
        )
    shape = tuple(int(word) if word.isdecimal() else word for word in words)
    return name, shape if dtype is None else (shape, dtype)


def is_size(word: str) -> bool:
    return word.isdecimal() or (word.isidentifier() and not DTYPE.fullmatch(word))


# The user's file


@contextmanager
def script_folder(file: str) -> Iterator[None]:
    """Put the script's folder first on ``sys.path``, as ``python FILE`` does."""
    folder = os.getcwd() if file == STDIN else str(Path(file).resolve().parent)
    before = sys.path[:]
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path[:] = before


def load(file: str) -> ModuleType:
    """Import the file under a name of its own, so that its ``__main__`` part stays quiet.

    Compiled here and not by the import system: stdin has no path, and a script that is only
    read should leave no ``__pycache__`` behind.
    """
    import linecache
    from importlib.util import decode_source

    name = STDIN if file == STDIN else str(Path(file).resolve())
    text = decode_source(sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes())
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module = ModuleType("__symgrad_main__")
    module.__file__ = name
    sys.modules[module.__name__] = module  # dataclasses and pickle look their module up
    try:
        code = compile(text, name, "exec", dont_inherit=True)  # not our __future__ imports
        exec(code, module.__dict__)  # the user's own program, which they asked us to import
    except SystemExit as stop:
        raise SpecError(f"{file} called sys.exit({stop.code!r}) while it was imported") from stop
    return module


def find(module: ModuleType, name: str, file: str) -> Any:
    """Return the function ``name`` (``Model.loss`` works) or say what else there is."""
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            close = did_you_mean(part, [word for word in dir(found) if word[0] != "_"])
            raise SpecError(f"{file} defines no `{name}`{close}")
        found = getattr(found, part)
    if not callable(found):
        raise SpecError(f"`{name}` in {file} is {type(found).__name__}, not a function")
    return found


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
    if old == text:
        return DONE
    lines = unified_diff(
        old.splitlines(keepends=True), text.splitlines(keepends=True), str(path), "up to date"
    )
    sys.stdout.writelines(lines)
    sys.stdout.flush()
    print(f"symgrad: {path} is not up to date", file=sys.stderr)
    return STALE


def write(path: Path, text: str) -> None:
    """Write in one step, so that no reader ever meets half a module."""
    path = path.resolve()  # a link stays a link
    half = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        half.write_text(text, encoding="utf-8", newline="\n")
        if path.exists():
            half.chmod(path.stat().st_mode)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


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
