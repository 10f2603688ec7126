"""``symgrad grade``: the claims of a whole class, each judged in a process of its own.

Invariant: a submission can neither stop nor change the judgement of another, and the rows come
in the order in which the files were named.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from symgrad.cli import comparing
from symgrad.cli.options import add_target, subject_of
from symgrad.cli.targets import STDIN
from symgrad.errors import SpecError

HELP = "judge the gradients of a whole class"
DESCRIPTION = (
    "Judge each file of claims as `symgrad compare` does, in a process and a time limit of its "
    "own, and print a verdict and a feedback for each."
)
EPILOG = "Exit code 0: all are equal; 1: some are not; 2: an error, with none graded."

EQUAL = ("equal", "equal up to layout")


@dataclass(frozen=True, slots=True)
class Grade:
    """One row: a file and what is said of it."""

    file: str
    verdict: str
    mistake: str
    line: str
    seconds: str
    feedback: str


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_target(parser)
    claims = "files with claimed gradients, or a folder of them"
    add("submissions", nargs="+", metavar="CLAIM", help=claims)
    comparing.add_question(parser)
    add("--seconds", type=float, default=10.0, help="time limit for each file (default: 10)")
    add("--jobs", type=int, default=0, help="files judged at a time (default: one a core)")
    add("--csv", action="store_true", help="print a table: file, verdict, mistake, line, ...")


def run(options: argparse.Namespace) -> int:
    from concurrent.futures import ThreadPoolExecutor

    if options.target.startswith(STDIN):
        raise SpecError("grade reads the function once for each file: it cannot come from stdin")
    if not options.seconds > 0:
        raise SpecError("--seconds is a positive number")
    with subject_of(options):
        pass  # a function that cannot be found is one error, not one for each file
    jobs = options.jobs if options.jobs > 0 else os.cpu_count() or 1
    with ThreadPoolExecutor(jobs) as pool:
        grades = list(pool.map(lambda file: graded(options, file), files(options.submissions)))
    print_grades(grades, options.csv)
    return comparing.EQUAL if all(g.verdict in EQUAL for g in grades) else comparing.DIFFERENT


def files(submissions: Sequence[str]) -> list[str]:
    """Return the files that are named, and those in a folder that is, without hidden ones."""
    found: list[str] = []
    for named in submissions:
        if not Path(named).is_dir():
            found.append(named)
            continue
        inside = sorted(p for p in Path(named).iterdir() if p.is_file() and p.name[0] != ".")
        if not inside:
            raise SpecError(f"there is no submission in {named}")
        found += map(str, inside)
    return found


def graded(options: argparse.Namespace, file: str) -> Grade:
    """Return the grade of one file, whatever becomes of the process that judges it."""
    started = time.monotonic()
    try:
        done = subprocess.run(
            command(options, file), capture_output=True, timeout=options.seconds,
            stdin=subprocess.DEVNULL, env=environment(),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        said = f"no verdict after {options.seconds:g} seconds"
        return Grade(file, "timeout", "", "", f"{options.seconds:.1f}", said)
    seconds = f"{time.monotonic() - started:.1f}"
    verdict = found(done.stdout.decode("utf-8", "replace"))
    if verdict is None:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("symgrad: ")
        said = said.removeprefix(f"{file}: ").removeprefix(f"{file} ")
        return Grade(file, "error", "", "", seconds, said or f"exit code {done.returncode}")
    line = "" if verdict["line"] is None else str(verdict["line"])
    return Grade(
        file, verdict["verdict"], verdict["mistake"] or "", line, seconds, verdict["feedback"]
    )


def environment() -> dict[str, str]:
    """Return the environment of a process that runs this very symgrad, wherever it stands."""
    import symgrad

    here = str(Path(symgrad.__file__).resolve().parent.parent)
    before = [path] if (path := os.environ.get("PYTHONPATH")) else []
    paths = os.pathsep.join([here, *before])
    return {**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"}


def found(output: str) -> dict[str, str] | None:
    """Return the verdict that a process printed, or None if it printed none."""
    try:
        verdict = json.loads(output)
    except ValueError:
        return None
    return verdict if isinstance(verdict, dict) else None


def command(options: argparse.Namespace, file: str) -> list[str]:
    """Return the command that judges one file."""
    words = [sys.executable, "-m", "symgrad", "compare", "--json"]
    for name in options.wrt:
        words += ["--wrt", name]
    for spec in options.spec:
        words += ["--spec", spec]
    for setting in options.settings:
        words += ["--set", setting]
    if options.rows is not None:
        words += ["--rows", str(options.rows)]
    if options.args is not None:
        words += ["--args", options.args]
    if options.aux:
        words.append("--aux")
    if options.latex:
        words.append("--latex")
    return [*words, "--", options.target, file]


def print_grades(grades: Sequence[Grade], as_csv: bool) -> None:
    import csv

    from symgrad.study.spreadsheets import harmless

    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(field.name for field in fields(Grade))
        writer.writerows([harmless(cell) for cell in astuple(grade)] for grade in grades)
        return
    for grade in grades:
        print(f"{grade.file}: {grade.feedback or grade.verdict}\n")
