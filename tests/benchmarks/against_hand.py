"""Emitted gradients against those derived by hand: time, operations, lines and digits."""

import ast
import inspect
import math
import statistics
import textwrap
import tracemalloc
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np

import symgrad
from tests.benchmarks.counting import operations
from tests.benchmarks.exact import evaluate
from tests.benchmarks.hand_derived import LOSSES, Loss
from tests.benchmarks.running import assert_equal, emitted
from tests.benchmarks.timing import in_turns, median_ratio

SMALL = 6  # rows where the exact value is wanted
SAMPLED = 3  # gradient entries of each argument that are compared with exact ones
SMALLEST = mpmath.mpf(2) ** -1022

RATIOS = ("time", "operations", "backward", "lines", "peak")


def names_of(wrt: str | tuple[str, ...]) -> tuple[str, ...]:
    return (wrt,) if isinstance(wrt, str) else wrt


def by_name(loss: Loss, gradients: Any) -> dict[str, Any]:
    given = (gradients,) if isinstance(loss.wrt, str) else gradients
    return dict(zip(names_of(loss.wrt), given, strict=True))


def lines(source: str) -> int:
    """Return the lines of a function's body; no comments, docstrings or checks of sizes.

    The checks (``if ... raise``) guard a module that serves any caller; by hand has none.
    """
    (definition,) = ast.parse(textwrap.dedent(source)).body
    assert isinstance(definition, ast.FunctionDef)
    kept = [
        node
        for node in definition.body
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise))
    ]
    return sum(_height(node) for node in kept)


def _height(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def emitted_lines(loss: Loss, arguments: tuple[Any, ...]) -> int:
    compiled = symgrad.compile(loss.function, wrt=loss.wrt)
    compiled.value_and_grad(*arguments)
    tree = ast.parse(compiled.source)
    (found,) = (node for node in tree.body if getattr(node, "name", "") == "value_and_grad")
    return lines(ast.get_source_segment(compiled.source, found) or "")


def elements_of(loss: Loss, arguments: tuple[Any, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """Return a few entries of each gradient: (position of the argument, index in it)."""
    rng = np.random.default_rng(0)
    positions = list(inspect.signature(loss.function).parameters)
    found = []
    for name in names_of(loss.wrt):
        shape = np.shape(arguments[positions.index(name)])
        size = math.prod(shape)
        for flat in rng.choice(size, min(SAMPLED, size), replace=False):
            at = tuple(int(k) for k in np.unravel_index(flat, shape))
            found.append((positions.index(name), at))
    return found


def error(
    loss: Loss,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    elements: list[tuple[int, tuple[int, ...]]],
    exact: list[mpmath.mpf],
) -> float:
    """Return the larger of the relative errors of value and gradient.

    An entry's error is relative to the largest exact entry sampled of the same argument, since
    a sum that cancels to 0 has no relative error of its own.
    """
    positions = list(inspect.signature(loss.function).parameters)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value, gradients = function(*arguments)
    found = by_name(loss, gradients)
    worst = _relative(value, exact[0], abs(exact[0]))
    for (position, at), truth in zip(elements, exact[1:], strict=True):
        scale = max(
            abs(x) for x, (other, _) in zip(exact[1:], elements, strict=True) if other == position
        )
        mine = np.asarray(found[positions[position]])[at]
        worst = max(worst, _relative(mine, truth, scale))
    return worst


def _relative(mine: Any, truth: mpmath.mpf, scale: mpmath.mpf) -> float:
    if not np.isfinite(mine):
        return math.inf
    return float(abs(mpmath.mpf(float(mine)) - truth) / max(scale, SMALLEST))


def accuracy(loss: Loss) -> dict[str, dict[str, float]]:
    """Return the error of the emitted and of the hand-written gradient at each arguments."""
    rng = np.random.default_rng(1)
    cases: Mapping[str, Callable[[], tuple[Any, ...]]] = {
        "ordinary": lambda: loss.arguments(rng, SMALL),
        **loss.stress,
    }
    compiled = symgrad.compile(loss.function, wrt=loss.wrt)
    rows = {}
    for case, make in cases.items():
        arguments = make()
        elements = elements_of(loss, arguments)
        exact = evaluate(loss.function, arguments, elements)
        rows[case] = {
            "emitted": error(loss, compiled.value_and_grad, arguments, elements, exact),
            "hand": error(loss, loss.by_hand, arguments, elements, exact),
        }
    return rows


def peak(function: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
    """Return the most bytes that a call holds at once."""
    function(*arguments)
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def compare(loss: Loss, total: float) -> dict[str, Any]:
    """Return the ratios, emitted by hand, of one loss, and the errors of both."""
    arguments = loss.arguments(np.random.default_rng(0), loss.size)
    mine = emitted(loss, arguments)
    assert_equal(loss, mine(*arguments), loss.by_hand(*arguments))

    def by_hand() -> Any:
        return loss.by_hand(*arguments)

    hand, ours, again = in_turns([by_hand, lambda: mine(*arguments), by_hand], total)
    between = [(a + b) / 2 for a, b in zip(hand, again, strict=True)]
    small = loss.arguments(np.random.default_rng(0), SMALL)
    counts = {"emitted": operations(mine, small), "hand": operations(loss.by_hand, small)}
    heights = {
        "emitted": emitted_lines(loss, arguments),
        "hand": lines(inspect.getsource(loss.by_hand)),
    }
    return {
        "name": loss.name,
        "emitted_us": statistics.median(ours) * 1e6,
        "hand_us": statistics.median(between) * 1e6,
        "time": median_ratio(ours, between),
        "control": median_ratio(again, hand),
        "operations": len(counts["emitted"].all) / len(counts["hand"].all),
        "backward": len(counts["emitted"].backward) / len(counts["hand"].backward),
        "lines": heights["emitted"] / heights["hand"],
        "peak": peak(mine, arguments) / peak(loss.by_hand, arguments),
        "counts": {
            side: {"all": found.all, "backward": found.backward} for side, found in counts.items()
        },
        "heights": heights,
        "errors": accuracy(loss),
    }


def worst_error(row: dict[str, Any], side: str, stress: bool) -> float:
    cases = [e[side] for case, e in row["errors"].items() if (case != "ordinary") == stress]
    return max(cases, default=0.0)


def run(total: float = 1.0) -> dict[str, Any]:
    """Print a row for each loss, medians and worst; return them with what was refused."""
    print("\nemitted value_and_grad against one derived by hand; ratios are emitted / by hand")
    print("operations: array operations, all and those the value does not need; peak: bytes held")
    print("at once; errors: largest relative error of value and gradient against exact ones,")
    print("ordinary and under stress")
    print(
        f"{'':34}{'by hand':>11}{'time':>7}{'control':>9}{'ops':>6}{'back':>6}{'lines':>7}"
        f"{'peak':>6}{'emitted':>9}{'stress':>9}{'hand':>9}{'stress':>9}"
    )
    rows: list[dict[str, Any]] = []
    refused = {}
    for loss in LOSSES.values():
        try:
            row = compare(loss, total)
        except symgrad.SymgradError as error:
            refused[loss.name] = str(error)
            print(f"{loss.name:34}refused: {str(error).splitlines()[0]}")
            continue
        rows.append(row)
        digits = [worst_error(row, *at) for at in SIDES]
        print(
            f"{row['name']:34}{row['hand_us']:8,.1f} us{row['time']:7.2f}{row['control']:9.3f}"
            f"{row['operations']:6.2f}{row['backward']:6.2f}{row['lines']:7.2f}"
            f"{row['peak']:6.2f}" + "".join(f"{x:9.0e}" for x in digits),
            flush=True,
        )
    summary = {
        kind: {"median": statistics.median(x[kind] for x in rows), "worst": _worst(rows, kind)}
        for kind in RATIOS
    }
    print()
    for kind, found in summary.items():
        name, ratio = found["worst"]
        print(f"{kind:12} median {found['median']:.2f}, worst {ratio:.2f} ({name})")
    steady = [row for row in rows if abs(row["control"] - 1) <= 0.02]
    print(f"control within 2 % for {len(steady)} of {len(rows)}; {len(refused)} refused")
    return {"losses": rows, "refused": refused, "summary": summary}


SIDES = (("emitted", False), ("emitted", True), ("hand", False), ("hand", True))


def _worst(rows: list[dict[str, Any]], kind: str) -> tuple[str, float]:
    row = max(rows, key=lambda row: row[kind])
    return row["name"], row[kind]
