"""Programs beside their gradients, written by hand as carefully as an expert would.

``PROGRAMS`` maps a name to the user's function, what to differentiate by, the expert's
``value_and_grad`` with the same parameters, and the arguments.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parents[2] / "examples" / "data"


@dataclass(frozen=True)
class Program:
    """A function, the gradient an expert wrote for it, and arguments for both."""

    name: str
    function: Callable[..., Any]
    wrt: tuple[str, ...]
    expert: Callable[..., Any]
    arguments: Callable[[], tuple[Any, ...]]


# --- scalars --------------------------------------------------------------------------------------


def add_then_multiply(x, y, z):
    q = x + y
    return q * z


def add_then_multiply_by_hand(x, y, z):
    q = x + y
    return q * z, (z, z, q)


def neuron(w, x):
    dot = w[0] * x[0] + w[1] * x[1] + w[2]
    return 1 / (1 + np.exp(-dot))


def neuron_by_hand(w, x):
    dot = w[0] * x[0] + w[1] * x[1] + w[2]
    f = 1 / (1 + np.exp(-dot))
    ddot = (1 - f) * f
    return f, ([x[0] * ddot, x[1] * ddot, ddot], [w[0] * ddot, w[1] * ddot])


# --- regression -----------------------------------------------------------------------------------


def logistic_regression(w, b, X, y):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def logistic_regression_by_hand(w, b, X, y):
    n = X.shape[0]
    z = X @ w + b
    e = np.exp(-np.abs(z))
    loss = np.mean(np.maximum(z, 0) - y * z + np.log1p(e))
    dz = np.where(z >= 0, 1, e) / (1 + e)
    dz -= y
    dz /= n
    return loss, (X.T @ dz, dz.sum())


def softmax_regression(W, b, X, y):
    s = X @ W + b
    m = s.max(axis=1, keepdims=True)
    log_p = s - m - np.log(np.exp(s - m).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean()


def softmax_loss_by_hand(s, y):
    """Return the mean softmax loss and its gradient in the scores."""
    n = s.shape[0]
    rows = np.arange(n)
    s = s - s.max(axis=1, keepdims=True)
    e = np.exp(s)
    total = e.sum(axis=1, keepdims=True)
    loss = (np.log(total).sum() - s[rows, y].sum()) / n
    e /= total
    e[rows, y] -= 1
    e /= n
    return loss, e


def softmax_regression_by_hand(W, b, X, y):
    loss, ds = softmax_loss_by_hand(X @ W + b, y)
    return loss, (X.T @ ds, ds.sum(axis=0))


# --- networks -------------------------------------------------------------------------------------


def mlp(W1, b1, W2, b2, W3, b3, X, y):
    h1 = np.maximum(0, X @ W1 + b1)
    h2 = np.maximum(0, h1 @ W2 + b2)
    s = h2 @ W3 + b3
    m = s.max(axis=1, keepdims=True)
    log_p = s - m - np.log(np.exp(s - m).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean()


def mlp_by_hand(W1, b1, W2, b2, W3, b3, X, y):
    h1 = X @ W1
    h1 += b1
    np.maximum(0, h1, out=h1)
    h2 = h1 @ W2
    h2 += b2
    np.maximum(0, h2, out=h2)
    loss, ds = softmax_loss_by_hand(h2 @ W3 + b3, y)
    dh2 = ds @ W3.T
    dh2 *= h2 > 0
    dh1 = dh2 @ W2.T
    dh1 *= h1 > 0
    return loss, (
        X.T @ dh1, dh1.sum(axis=0), h1.T @ dh2, dh2.sum(axis=0), h2.T @ ds, ds.sum(axis=0)
    )  # fmt: skip


def attention(Wq, Wk, Wv, X, Y):
    q, k, v = X @ Wq, X @ Wk, X @ Wv
    s = q @ k.T / np.sqrt(q.shape[1])
    e = np.exp(s - s.max(axis=1, keepdims=True))
    a = e / e.sum(axis=1, keepdims=True)
    return np.mean((a @ v - Y) ** 2)


def attention_by_hand(Wq, Wk, Wv, X, Y):
    q, k, v = X @ Wq, X @ Wk, X @ Wv
    scale = 1 / math.sqrt(q.shape[1])
    a = q @ k.T
    a *= scale
    a -= a.max(axis=1, keepdims=True)
    np.exp(a, out=a)
    a /= a.sum(axis=1, keepdims=True)
    error = a @ v - Y
    loss = np.mean(error**2)
    error *= 2 / error.size
    dv = a.T @ error
    ds = error @ v.T
    ds -= (ds * a).sum(axis=1, keepdims=True)
    ds *= a
    ds *= scale
    return loss, (X.T @ (ds @ k), X.T @ (ds.T @ q), X.T @ dv)


# --- arguments ------------------------------------------------------------------------------------


def regression_data(n, d):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    w = rng.standard_normal(d) / np.sqrt(d)
    y = (rng.random(n) < 1 / (1 + np.exp(-X @ w))).astype(float)
    return 0.1 * w, 0.1, X, y


def digits():
    table = np.loadtxt(DATA / "digits.csv.gz", delimiter=",", skiprows=1)
    W = 0.1 * np.random.default_rng(0).standard_normal((64, 10))
    return W, np.zeros(10), table[:, :64] / 16, table[:, 64].astype(int)


def layers(*sizes):
    rng = np.random.default_rng(0)
    found = []
    for inside, outside in itertools.pairwise(sizes):
        found += [rng.standard_normal((inside, outside)) / np.sqrt(inside), np.zeros(outside)]
    return found


def iris():
    table = np.loadtxt(DATA / "iris.csv", delimiter=",", skiprows=1)
    rows = np.random.RandomState(41).permutation(150)[30:]
    return (*layers(4, 8, 9, 3), table[rows, :4], table[rows, 4].astype(int))


def images(n):
    rng = np.random.default_rng(1)
    return (*layers(784, 512, 512, 10), rng.random((n, 784)), rng.integers(0, 10, n))


def tokens(length, width):
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((width, width)) / np.sqrt(width) for _ in range(3)]
    return (*weights, rng.standard_normal((length, width)), rng.standard_normal((length, width)))


WEIGHTS = ("W1", "b1", "W2", "b2", "W3", "b3")

PROGRAMS = (
    Program("(x + y) z", add_then_multiply, ("x", "y", "z"), add_then_multiply_by_hand,
            lambda: (-2.0, 5.0, -4.0)),
    Program("sigmoid neuron", neuron, ("w", "x"), neuron_by_hand,
            lambda: ([2.0, -3.0, -3.0], [-1.0, -2.0])),
    Program("logistic regression 300 x 13", logistic_regression, ("w", "b"),
            logistic_regression_by_hand, lambda: regression_data(300, 13)),
    Program("logistic regression 100,000 x 100", logistic_regression, ("w", "b"),
            logistic_regression_by_hand, lambda: regression_data(100_000, 100)),
    Program("softmax regression, digits", softmax_regression, ("W", "b"),
            softmax_regression_by_hand, digits),
    Program("MLP 4-8-9-3, iris", mlp, WEIGHTS, mlp_by_hand, iris),
    Program("MLP 784-512-512-10, batch 128", mlp, WEIGHTS, mlp_by_hand, lambda: images(128)),
    Program("MLP 784-512-512-10, batch 1024", mlp, WEIGHTS, mlp_by_hand, lambda: images(1024)),
    Program("attention, T = 128, d = 64", attention, ("Wq", "Wk", "Wv"), attention_by_hand,
            lambda: tokens(128, 64)),
)  # fmt: skip
