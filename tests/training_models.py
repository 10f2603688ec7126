"""Losses, data and a plain optimizer for the tests of training and their processes."""

import csv
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

DATA = Path(__file__).parent.parent / "examples" / "data"
IRIS = np.loadtxt(DATA / "iris.csv", delimiter=",", skiprows=1)
FLOWERS, SPECIES = IRIS[:, :4], IRIS[:, 4].astype(int)


@dataclass(frozen=True)
class Momentum:
    """Gradient descent with a running sum of gradients, as plain as it gets."""

    lr: float = 0.1
    momentum: float = 0.9

    def init(self, params):
        return self._state(_copied(params), _copied(params, 0.0), 0)

    def from_dict(self, saved, params):
        del params
        return self._state(_copied(saved["params"]), _copied(saved["sums"]), saved["step"])

    def _state(self, params, sums, step):
        state = SimpleNamespace(params=params, sums=sums, step=step)
        state.as_dict = lambda: {"params": params, "sums": sums, "step": state.step}
        return state

    def update(self, grads, state):
        state.step += 1
        for name, g in grads.items():
            state.sums[name] *= self.momentum
            state.sums[name] += g
            state.params[name] -= self.lr * state.sums[name]


def _copied(params, scale=1.0):
    return {name: scale * np.array(value, dtype=float) for name, value in params.items()}


def softmax_loss(W1, b1, W2, b2, X, y):
    h = np.tanh(X @ W1 + b1)
    s = h @ W2 + b2
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean()


def scores(W1, b1, W2, b2, X):
    return np.tanh(X @ W1 + b1) @ W2 + b2


def layers(inputs=4, hidden=8, outputs=3):
    rng = np.random.RandomState(0)
    return {
        "W1": 0.5 * rng.standard_normal((inputs, hidden)),
        "b1": np.zeros(hidden),
        "W2": 0.5 * rng.standard_normal((hidden, outputs)),
        "b2": np.zeros(outputs),
    }


def gradient_by_hand(W1, b1, W2, b2, X, y):
    """The textbook's, so that it shares nothing with what is compared."""
    h = np.tanh(X @ W1 + b1)
    s = h @ W2 + b2
    ds = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    ds[np.arange(len(y)), y] -= 1
    ds /= len(y)
    dz = (ds @ W2.T) * (1 - h**2)
    return {"W1": X.T @ dz, "b1": dz.sum(axis=0), "W2": h.T @ ds, "b2": ds.sum(axis=0)}


def logistic_loss(params, X, y):
    z = X @ params["w"] + params["b"]
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


def is_ill(params, X):
    return X @ params["w"] + params["b"] > 0


def patients():
    """The heart data by columns, read by nothing of ours: numbers, or words with None."""
    with open(DATA / "heart.csv") as file:
        rows = list(csv.DictReader(file))
    return {name: [None if row[name] == "NA" else row[name] for row in rows] for name in rows[0]}
