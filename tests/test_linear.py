"""Compilation takes steps in proportion to the program: counted, not timed."""

import sys

import numpy as np
import pytest

import symgrad


def scalar_recurrence(n):
    def f(x, w):
        for _ in range(n):
            x = np.tanh(w * x) + 0.5 * x
        return np.sum(x)

    return f, (np.linspace(0.1, 0.9, 5), np.linspace(0.2, 0.4, 5))


def layers_with_one_weight(n):
    def f(x, W):
        for _ in range(n):
            x = np.maximum(0, x @ W)
        return np.mean(x**2)

    return f, (np.ones((3, 4)), np.eye(4))


def one_value_read_by_all(n):
    def f(x, w):
        total = 0.0
        for k in range(n):
            total = total + np.sum(np.exp(w * k) * x)
        return total

    return f, (np.ones(4), np.full(4, 1e-3))


def elements_written_one_by_one(n):
    def f(x, w):
        out = np.zeros(2000)
        for k in range(n):
            out[k] = x[k % 5] * w[k % 3] + k
        return np.sum(out**2)

    return f, (np.ones(5), np.ones(3))


def composites(n):
    def f(x, w):
        for _ in range(n):
            e = np.exp(x - x.max())
            x = x - np.log(e.sum()) + 1 / (1 + np.exp(-w * x))
        return np.sum(x)

    return f, (np.linspace(0.1, 0.9, 5), np.linspace(0.2, 0.4, 5))


def calls_to_compile(function, args):
    """Return how many functions run, Python's and C's, until all that is emitted is there."""
    compiled = symgrad.compile(function, wrt=(0, 1), check=None)
    count = 0

    def on_event(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(on_event)
    try:
        compiled.value_and_grad(*args)
        steps = count
    finally:
        sys.setprofile(None)
    _, residuals = compiled.forward(*args)
    compiled.backward(residuals)
    return steps, len(compiled.graph.equations)


PROGRAMS = [
    (scalar_recurrence, 50),
    (layers_with_one_weight, 50),
    (one_value_read_by_all, 50),
    (elements_written_one_by_one, 400),  # from here on as many writes are looked behind
    (composites, 50),
]


@pytest.mark.parametrize("program, n", PROGRAMS, ids=[p.__name__ for p, _ in PROGRAMS])
def test_a_program_four_times_as_long_takes_four_times_the_steps(program, n):
    calls_to_compile(*program(5))  # what is built once: symbols, derivatives, templates
    steps, equations = calls_to_compile(*program(n))
    more_steps, more_equations = calls_to_compile(*program(4 * n))
    assert more_equations > 3 * equations
    assert more_steps / more_equations <= 1.1 * steps / equations
