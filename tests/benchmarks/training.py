"""Whole training runs of the examples against PyTorch, scikit-learn and JAX, on one core.

Each row is the time of one epoch, the least of several runs that take turns: everything that a
run does, from its first parameters to its loss curve, by the number of its epochs.  What is
compiled, is compiled before.  Curves that differ by more than 1e-6 are an error.
"""

import os
from typing import Any

import numpy as np

from tests.benchmarks.timing import in_turns
from tests.benchmarks.trainers import RIVALS, TABLES, Task, is_installed, trainers

TOLERANCE = 1e-6


def on_one_core() -> None:
    """Keep to one core: libraries start threads of their own, whatever they are told."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def compare(name: str, total: float) -> dict[str, Any]:
    """Return the time of an epoch by each trainer, and how far its loss curve is from ours."""
    task = Task.of(name)
    runs = trainers(task)
    curves = {who: np.array(run()) for who, run in runs.items()}
    apart = {who: float(abs(curve - curves["symgrad"]).max()) for who, curve in curves.items()}
    for who, most in apart.items():
        if not most <= TOLERANCE:
            raise AssertionError(f"{name}: the losses of {who} are {most:.1e} from symgrad's")
    times = dict(zip(runs, in_turns(list(runs.values()), total, block=0.05), strict=True))
    return {
        "name": name,
        "rows": len(task.y),
        "steps": len(list(task.batches(1))),
        "epochs": task.epochs,
        "loss": float(curves["symgrad"][-1]),
        "epoch_us": {who: min(each) / task.epochs * 1e6 for who, each in times.items()},
        "apart": apart,
    }


def run(total: float = 3.0) -> list[dict[str, Any]]:
    """Print a row for each example and trainer; return the figures."""
    on_one_core()
    print("\nan epoch of training; the ratio is symgrad's time by that of another")
    for who in RIVALS:
        if not is_installed(who):
            print(f"{who} is not installed")
    print(f"{'':34}{'an epoch':>13}{'ratio':>8}{'losses apart':>14}")
    rows = []
    for name in TABLES:
        row = compare(name, total)
        rows.append(row)
        times = row["epoch_us"]
        for who, each in times.items():
            ratio = "" if who == "symgrad" else f"{times['symgrad'] / each:.2f}"
            print(
                f"{name:8}{who:26}{each:10,.1f} us{ratio:>8}{row['apart'][who]:14.0e}",
                flush=True,
            )
    return rows
