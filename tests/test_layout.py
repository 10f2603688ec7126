"""How the emitted text is laid out: parts with the user's lines, names by role, `del` by need.

What stands in the comments is text of somebody's file: it may say anything and do nothing.
"""

import ast
import importlib.util
import inspect
import re
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import symgrad
from symgrad.schedule import memory

RNG = np.random.RandomState(3)


def text_of(function, args, wrt, name="value_and_grad", **options):
    """Return one function of the emitted module."""
    compiled = symgrad.compile(function, wrt=wrt, check="grad", **options)
    compiled.value_and_grad(*args)
    return one_function(compiled.source, name)


def one_function(source, name):
    (found,) = (node for node in ast.parse(source).body if getattr(node, "name", "") == name)
    return "\n".join(source.splitlines()[found.lineno - 1 : found.end_lineno])


def parts(text):
    """Return the commented parts of a function: the comment, and the names that it gives."""
    found = []
    for block in text.split("\n\n")[1:]:
        said, *lines = [line.strip() for line in block.splitlines()]
        if not said.startswith("# "):
            said, lines = "", [said, *lines]
        targets = [re.split(r" [-+*/]?= |\[", line)[0] for line in lines if " = " in f"{line} = "]
        given = [t for t in targets if not re.match(r"return|del|np\.", t)]
        found.append((said.removeprefix("# "), " ".join(dict.fromkeys(given))))
    return found


# --- parts of the gradient ------------------------------------------------------------------------


def two_layers(W1, b1, W2, b2, X, y):
    h1 = np.maximum(0, X @ W1 + b1)  # the first layer
    scores = h1 @ W2 + b2
    e = np.exp(scores)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(y)), y]))


def layers_in_a_loop(params, X, y):
    h = X
    for W, b in params:
        h = np.tanh(h @ W + b)
    return np.mean((h[:, 0] - y) ** 2)


def layer(x, W, b):
    return np.tanh(x @ W + b)


def layers_by_calls(W1, b1, W2, b2, X):
    h = layer(X, W1, b1)
    return np.sum(layer(h, W2, b2))


def recurrent(Wh, Wx, b, xs, target):
    h = np.zeros(Wh.shape[0])
    for t in range(6):
        z = Wx @ xs[t] + Wh @ h + b
        h = np.tanh(z)
    return np.sum((h - target) ** 2)


def a_sum_in_a_comprehension(W1, W2, X, y):
    h = np.tanh(X @ W1)
    fit = np.sum((h @ W2 - y) ** 2)
    penalty = sum(np.sum(np.cos(W)) for W in (W1, W2))
    return fit + penalty


def over_many_lines(W1, W2, X, y):
    h = np.tanh(
        X @ W1,  # the first
    )
    out = (
        h
        @ W2
    )
    z = out - y; k = np.sin(z)
    return np.mean(
        k**2
    )  # fmt: skip


def one_line(w, b, X, y):
    return np.mean((X @ w + b - y) ** 2)


def short(w, X, y):
    r = X @ w - y
    return np.sum(r**2)


N, D, H, C = 5, 4, 3, 2
X, Y, LABELS = RNG.randn(N, D), RNG.randn(N), np.array([0, 1, 1, 0, 1])
W1, B1, W2, B2 = RNG.randn(D, H), RNG.randn(H), RNG.randn(H, C), RNG.randn(C)
PARAMS = [(W1, B1), (RNG.randn(H, H), B1), (RNG.randn(H, H), B1), (RNG.randn(H, 1), RNG.randn(1))]
TANH_LAYER = "h = np.tanh(h @ W + b)"

PARTS = [
    (two_layers, (W1, B1, W2, B2, X, LABELS), (0, 1, 2, 3), [
        ("-np.mean(np.log(p[np.arange(len(y)), y]))", "dscores"),
        ("scores = h1 @ W2 + b2", "db2 dW2"),
        ("h1 = np.maximum(0, X @ W1 + b1)", "dz1 db1 dW1"),
    ]),
    (layers_in_a_loop, (PARAMS, X, Y), 0, [
        ("np.mean((h[:, 0] - y) ** 2)", "dh4"),
        (TANH_LAYER, "dz4 db4 dW4"),
        (TANH_LAYER, "dz3 db3 dW3"),
        (TANH_LAYER, "dz2 db2 dW2"),
        (TANH_LAYER, "dz db dW"),
    ]),
    (layers_by_calls, (W1, B1, W2, B2, X), (0, 1, 2, 3), [
        ("np.tanh(x @ W + b)", "dz db2 dW2"),
        ("np.tanh(x @ W + b)", "dz2 db1 dW1"),
    ]),
    (recurrent, (W1[:H, :H], W1.T, B1, RNG.randn(6, D), B1), (0, 1), [
        ("np.sum((h - target) ** 2)", "dh7"),
        ("h = np.tanh(z)", "dz"),
        ("z = Wx @ xs[t] + Wh @ h + b", "dh6"),
        ("h = np.tanh(z)", "dz2"),
        ("z = Wx @ xs[t] + Wh @ h + b", "dWh dh5 dWx"),
        ("h = np.tanh(z)", "dz3"),
        ("z = Wx @ xs[t] + Wh @ h + b", "dWh dh4 dWx"),
        ("h = np.tanh(z)", "dz4 dWh dh3 dWx"),
        ("h = np.tanh(z)", "dz5 dWh dh2 dWx"),
        ("h = np.tanh(z)", "dz6 h dWh dWx"),
    ]),
    (a_sum_in_a_comprehension, (W1, W2[:, 0], X, Y), (0, 1), [
        ("fit = np.sum((h @ W2 - y) ** 2)", "dr dW2"),
        ("h = np.tanh(X @ W1)", "dz dW1"),
    ]),
    (over_many_lines, (W1, W2[:, 0], X, Y), (0, 1), [
        ("np.mean(k**2)", "dk"),
        ("z = out - y; k = np.sin(z)", "dz"),
        ("out = h @ W2", "dW2"),
        ("h = np.tanh(X @ W1)", "dz2 dW1"),
    ]),
    (one_line, (W1[:, 0], 0.5, X, Y), (0, 1), [("", "dr db dw")]),
    (short, (W1[:, 0], X, Y), 0, [("", "dw")]),
]  # fmt: skip


@pytest.mark.parametrize(("program", "args", "wrt", "expected"), PARTS)
def test_the_gradient_follows_the_lines_from_the_value_back(program, args, wrt, expected):
    assert parts(text_of(program, args, wrt)) == expected
