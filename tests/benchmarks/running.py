"""Emitted gradients against those an expert wrote by hand, and what a call costs besides."""

import runpy
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import symgrad
from tests.benchmarks.experts import PROGRAMS, Program
from tests.benchmarks.timing import in_turns, median_ratio


def emitted(program: Program, arguments: tuple[Any, ...]) -> Any:
    """Return ``value_and_grad`` of the module that symgrad writes for a program."""
    compiled = symgrad.compile(program.function, wrt=program.wrt)
    compiled.value_and_grad(*arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "emitted.py")
        compiled.save(path)
        return runpy.run_path(str(path))["value_and_grad"]


def assert_equal(program: Program, mine: Any, theirs: Any) -> None:
    """Assert that two values with gradients agree to rounding."""
    for a, b in zip(_numbers(mine), _numbers(theirs), strict=True):
        scale = max(np.abs(b).max(), 1e-300)
        assert np.shape(a) == np.shape(b), program.name
        assert np.abs(np.subtract(a, b)).max() <= 1e-10 * scale, program.name


def _numbers(tree: Any) -> list[Any]:
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in _numbers(part)]
    return [np.asarray(tree)]


def compare(program: Program, total: float = 3.0) -> dict[str, Any]:
    """Return the times of one program, by symgrad and by hand, and their ratios.

    ``control`` is hand against hand: a run counts when it stays within 2 % of 1.
    """
    arguments = program.arguments()
    mine = emitted(program, arguments)
    assert_equal(program, mine(*arguments), program.expert(*arguments))

    def by_hand() -> Any:
        return program.expert(*arguments)

    hand, ours, again = in_turns([by_hand, lambda: mine(*arguments), by_hand], total)
    between = [(a + b) / 2 for a, b in zip(hand, again, strict=True)]
    return {
        "name": program.name,
        "emitted_us": statistics.median(ours) * 1e6,
        "hand_us": statistics.median(between) * 1e6,
        "ratio": median_ratio(ours, between),
        "ratio_of_fastest": min(ours) / min(*hand, *again),
        "control": median_ratio(again, hand),
        "rounds": len(ours),
    }


def overhead() -> dict[str, float]:
    """Return what `Compiled.value_and_grad` costs above the function it calls, in us."""
    found = {}
    for program in (PROGRAMS[0], PROGRAMS[2]):
        arguments = program.arguments()
        compiled = symgrad.compile(program.function, wrt=program.wrt)
        compiled.value_and_grad(*arguments)
        bare = emitted(program, arguments)

        def direct(bare: Any = bare, arguments: Any = arguments) -> Any:
            return bare(*arguments)

        def through(compiled: Any = compiled, arguments: Any = arguments) -> Any:
            return compiled.value_and_grad(*arguments)

        above, below = in_turns([through, direct], 1.0)
        found[program.name] = statistics.median(above) * 1e6 - statistics.median(below) * 1e6
    return found


def run(total: float = 3.0) -> dict[str, Any]:
    """Print the table of ratios and the overhead of a call; return both."""
    print("\nemitted value_and_grad against an expert's: medians, taken in turns")
    print(f"{'':36}{'emitted':>11}{'by hand':>11}{'ratio':>8}{'fastest':>9}{'control':>9}")
    rows = []
    for program in PROGRAMS:
        row = compare(program, total)
        rows.append(row)
        print(
            f"{row['name']:36}{row['emitted_us']:8,.1f} us{row['hand_us']:8,.1f} us"
            f"{row['ratio']:8.3f}{row['ratio_of_fastest']:9.3f}{row['control']:9.3f}",
            flush=True,
        )
    ratios = [row["ratio"] for row in rows]
    summary = {"median": statistics.median(ratios), "worst": max(ratios)}
    print(f"median {summary['median']:.3f} (target 1.05), worst {summary['worst']:.3f} (1.2)")
    above = overhead()
    print("\ncost of c.value_and_grad above the emitted function (target 3 us)")
    for name, cost in above.items():
        print(f"{name:36}{cost:8.2f} us")
    return {"programs": rows, **summary, "overhead_us": above}
