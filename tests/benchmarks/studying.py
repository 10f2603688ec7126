"""How the study bench grows with the number of gates: each part of it on one long loop."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad
from symgrad.study.circuit import circuit

SIZES = (300, 1_000, 3_000)
PER_ROUND = 2
PARTS: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "circuit": lambda loop: circuit(loop, (0.5,)),
    "table": lambda loop: symgrad.table(loop, 0.5).text(),
    "draw": lambda loop: symgrad.draw(loop, 0.5).svg,
    "gates": lambda loop: symgrad.gates(loop, 0.5).source,
}


def loop_of(gates: int) -> Callable[..., Any]:
    """Return a function of one number with that many gates, each reading the one before."""

    def loop(x):
        for _ in range(gates // PER_ROUND):
            x = np.sin(x) * 1.01
        return x

    return loop


def time_of(part: Callable[[Callable[..., Any]], Any], gates: int) -> float:
    """Return the CPU time that one part takes, in ms a gate."""
    loop = loop_of(gates)
    start = time.process_time()
    part(loop)
    return (time.process_time() - start) * 1e3 / gates


def run() -> dict[str, dict[int, float]]:
    """Print and return the time a gate, which is the same at all sizes where nothing is squared."""
    print("\nthe study bench, CPU ms a gate (target: the last column at most twice the first)")
    print(f"{'gates':>12}" + "".join(f"{size:10,}" for size in SIZES))
    found: dict[str, dict[int, float]] = {}
    for name, part in PARTS.items():
        part(loop_of(PER_ROUND))  # what is imported and remembered once
        found[name] = {size: time_of(part, size) for size in SIZES}
        print(f"{name:>12}" + "".join(f"{ms:10.2f}" for ms in found[name].values()), flush=True)
    return found
