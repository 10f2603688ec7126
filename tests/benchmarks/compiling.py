"""How long compilation takes: by the number of equations, by model, and in a new process."""

import gc
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad
from tests.benchmarks.experts import PROGRAMS

SIZES = (100, 1_000, 10_000, 100_000)
PER_ROUND = 6


def straight_line(equations: int) -> Callable[..., Any]:
    """Return a function whose loop is written out to about that many equations."""
    rounds = equations // PER_ROUND

    def recurrence(x, w):
        for _ in range(rounds):
            h = np.tanh(w * x)
            x = x + h * 0.5
            w = w - x
            x = x * w
        return np.sum(x)

    return recurrence


ARGUMENTS = np.linspace(0.0, 1e-3, 5), np.linspace(-0.1, 0.1, 5)


def compiled(equations: int) -> symgrad.Compiled:
    return symgrad.compile(straight_line(equations), wrt=("x", "w"), check=None)


def time_of(equations: int) -> dict[str, float]:
    """Return the CPU time to the first gradient, and to all three functions, an equation."""
    c = compiled(equations)
    gc.collect()
    start = time.process_time()
    c.value_and_grad(*ARGUMENTS)
    first = time.process_time()
    _, residuals = c.forward(*ARGUMENTS)
    c.backward(residuals)
    last = time.process_time()
    count = len(c.graph.equations)
    each = 1e6 / count
    return {"equations": count, "us": (first - start) * each, "all_us": (last - start) * each}


def peak_of(equations: int) -> float:
    """Return the peak of memory on the way to the first gradient, in KB an equation."""
    if equations > 10_000:  # tracing each allocation takes minutes: ask the system
        asked = [sys.executable, "-c", PEAK, str(equations)]
        return float(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    c = compiled(equations)
    gc.collect()
    tracemalloc.start()
    c.value_and_grad(*ARGUMENTS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1024 / len(c.graph.equations)


PEAK = """
import resource, sys
from tests.benchmarks.compiling import ARGUMENTS, compiled
compiled(100).value_and_grad(*ARGUMENTS)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
c = compiled(int(sys.argv[1]))
c.value_and_grad(*ARGUMENTS)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / len(c.graph.equations))
"""


def by_size(largest: int) -> list[dict[str, float]]:
    """Print and return how compilation grows with the number of equations."""
    print("\ncompilation to the first value_and_grad, by traced equations (target 100 us, 15 KB)")
    print(f"{'equations':>12}{'CPU s':>10}{'us each':>10}{'all three':>11}{'KB each':>9}")
    rows = []
    for size in [s for s in SIZES if s <= largest]:
        peak = peak_of(size)  # first: a new process starts with the peak of the one it comes from
        times = [time_of(size) for _ in range(5 if size <= 1_000 else 3)]
        row = min(times, key=lambda t: t["us"])
        row["all_us"], row["kb"] = min(t["all_us"] for t in times), peak
        rows.append(row)
        total = row["us"] * row["equations"] / 1e6
        print(
            f"{row['equations']:12,.0f}{total:10.3f}{row['us']:10.1f}{row['all_us']:11.1f}"
            f"{row['kb']:9.1f}",
            flush=True,
        )
    return rows


def two_layer(W1, W2, X, y, lam):
    h = np.maximum(0, X @ W1)
    s = h @ W2
    m = s.max(axis=1, keepdims=True)
    e = np.exp(s - m)
    log_p = s - m - np.log(e.sum(axis=1, keepdims=True))
    N = X.shape[0]
    return -log_p[np.arange(N), y].mean() + lam * (np.sum(W1**2) + np.sum(W2**2))


def models() -> dict[str, tuple[Any, tuple[str, ...], tuple[Any, ...]]]:
    scalar, logistic = PROGRAMS[0], PROGRAMS[2]
    rng = np.random.default_rng(0)
    layers = rng.standard_normal((64, 32)), rng.standard_normal((32, 10))
    data = rng.standard_normal((50, 64)), rng.integers(0, 10, 50)
    return {
        "(x + y) z": (scalar.function, scalar.wrt, scalar.arguments()),
        "logistic regression": (logistic.function, logistic.wrt, logistic.arguments()),
        "two-layer net": (two_layer, ("W1", "W2"), (*layers, *data, 1e-3)),
    }


def by_model() -> dict[str, float]:
    """Print and return the time of a second compilation, in ms."""
    print("\nsecond compilation to the first value_and_grad (targets 20, 20 and 100 ms)")
    found = {}
    for name, (function, wrt, arguments) in models().items():
        times = []
        for _ in range(6):
            c = symgrad.compile(function, wrt=wrt)
            start = time.perf_counter()
            c.value_and_grad(*arguments)
            times.append(time.perf_counter() - start)
        found[name] = statistics.median(times[1:]) * 1e3
        print(f"{name:24}{found[name]:8.1f} ms")
    return found


FIRST = """
import time
begin = time.perf_counter()
import symgrad
imported = time.perf_counter()
import sys
loaded = sorted({"numpy", "sympy", "jinja2"} & set(sys.modules))
import numpy, sympy, jinja2
libraries = time.perf_counter()
from tests.benchmarks.compiling import models
function, wrt, arguments = models()["two-layer net"]
start = time.perf_counter()
symgrad.compile(function, wrt=wrt).value_and_grad(*arguments)
first = time.perf_counter()
symgrad.compile(function, wrt=wrt).value_and_grad(*arguments)
second = time.perf_counter()
print(imported - begin, libraries - imported, first - start, second - first, *loaded)
"""


def new_process() -> dict[str, Any]:
    """Print and return the times of a process that starts: import, first and second compile."""
    runs = []
    for _ in range(5):
        out = subprocess.run(
            [sys.executable, "-c", FIRST], capture_output=True, text=True, check=True
        ).stdout.split()
        assert not out[4:], f"import symgrad loads {out[4:]}"
        runs.append([1e3 * float(word) for word in out[:4]])
    medians = [statistics.median(column) for column in zip(*runs, strict=True)]
    words = ("import symgrad", "import NumPy, SymPy, Jinja", "first compilation", "second")
    print("\na new process, two-layer net (target: the first at most 150 ms more)")
    for word, ms in zip(words, medians, strict=True):
        print(f"{word:28}{ms:8.1f} ms")
    return dict(zip(words, medians, strict=True))


def run(largest: int = SIZES[-1]) -> dict[str, Any]:
    """Print and return everything about compilation."""
    return {"process": new_process(), "models": by_model(), "sizes": by_size(largest)}
