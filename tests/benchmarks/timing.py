"""Times of several functions, taken in turns in one process so that they share its luck."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence


def seconds(call: Callable[[], object], count: int = 1) -> float:
    """Return the time of one of ``count`` calls in a row."""
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def calls_in(call: Callable[[], object], block: float) -> int:
    """Return how many calls take at least ``block`` seconds."""
    count = 1
    while (taken := seconds(call, count) * count) < block:
        count *= 2 if taken < block / 4 else 1 + int(block / taken)
    return count


def in_turns(
    calls: Sequence[Callable[[], object]], total: float = 3.0, block: float = 0.005
) -> list[list[float]]:
    """Return each function's times, one a round; every second round goes backwards."""
    counts = [calls_in(call, block) for call in calls]
    times: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + total
    gc.collect()
    gc.disable()
    try:
        while time.perf_counter() < end or len(times[0]) < 9:
            order = range(len(calls))
            for k in order if len(times[0]) % 2 else reversed(order):
                times[k].append(seconds(calls[k], counts[k]))
    finally:
        gc.enable()
    return times


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Return the median over the rounds of one time by another."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
