"""Losses with joints: places where something harmless can be inserted, and other true spellings.

A pattern is a function of a hook `k` that it calls on every intermediate.  As it stands `k` does
nothing; a wrapper at one joint must change neither what is recognised nor what is calculated.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

N, C = 5, 4
Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Pattern:
    """A loss, its arguments, those for which it overflows as written, and its other spellings.

    The spellings take the same arguments and give the same value.
    """

    joined: Callable[..., Any]
    ordinary: Arguments
    stress: Arguments | None = None
    spellings: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    def plain(self) -> Callable[..., Any]:
        return self.at(lambda x: x, 0)

    def at(self, wrapper: Callable[[Any], Any], joint: int) -> Callable[..., Any]:
        """Return the loss with ``wrapper`` inserted at one of its joints."""
        joined = self.joined

        def loss(x, *rest):
            seen = itertools.count()
            return joined(lambda x: wrapper(x) if next(seen) == joint else x, x, *rest)

        return loss

    def passing(self) -> list[Any]:
        """Return what passes each joint."""
        seen = []
        self.joined(lambda x: seen.append(x) or x, *self.ordinary)
        return seen

    def joints(self) -> int:
        """Return at how many places a wrapper can stand."""
        return len(self.passing())


# --- what changes nothing -----------------------------------------------------------------------

WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "x * 1.0": lambda x: x * 1.0,
    "1 * x": lambda x: 1 * x,
    "x / 1": lambda x: x / 1,
    "x + 0.0": lambda x: x + 0.0,
    "0 + x": lambda x: 0 + x,
    "x - 0": lambda x: x - 0,
    "x ** 1": lambda x: x**1,
    "+x": lambda x: +x,
    "-(-x)": lambda x: -(-x),  # noqa: B002
    "0 - (0 - x)": lambda x: 0 - (0 - x),
    "-1 * (-1 * x)": lambda x: -1 * (-1 * x),
    "2 * x / 2": lambda x: 2 * x / 2,
    "x / 4 * 4": lambda x: x / 4 * 4,
    "np.negative twice": lambda x: np.negative(np.negative(x)),
    "np.positive(x)": lambda x: np.positive(x),
    "np.multiply(x, 1)": lambda x: np.multiply(x, 1),
    "np.divide(x, 1.0)": lambda x: np.divide(x, 1.0),
    "np.add(x, 0)": lambda x: np.add(x, 0),
    "np.subtract(x, 0)": lambda x: np.subtract(x, 0),
    "np.copy(x)": lambda x: np.copy(x),
    "x.copy()": lambda x: x.copy(),
    "np.array(x)": lambda x: np.array(x),
    "np.asarray(x)": lambda x: np.asarray(x),
    "x.astype(float)": lambda x: x.astype(float),
    "np.broadcast_to(x, x.shape)": lambda x: np.broadcast_to(x, x.shape),
    "x.T.T": lambda x: x.T.T,
    "np.transpose twice": lambda x: np.transpose(np.transpose(x)),
    "x[...]": lambda x: x[...],
    "x.reshape(x.shape)": lambda x: x.reshape(x.shape),
    "x.reshape(-1).reshape(x.shape)": lambda x: x.reshape(-1).reshape(x.shape),
    "np.ravel and back": lambda x: np.reshape(np.ravel(x), x.shape),
    "x[None][0]": lambda x: x[None][0],
    "x[..., None][..., 0]": lambda x: x[..., None][..., 0],
    "x * np.ones(x.shape)": lambda x: x * np.ones(x.shape),
    "x + np.zeros_like(x)": lambda x: x + np.zeros_like(x),
}
OF_AXES: dict[str, Callable[[Any], Any]] = {
    "x[:]": lambda x: x[:],
    "np.expand_dims(x, 1)[:, 0]": lambda x: np.expand_dims(x, 1)[:, 0],
    "x[:, None].squeeze(1)": lambda x: x[:, None].squeeze(1),
    "np.squeeze(x[None], axis=0)": lambda x: np.squeeze(x[None], axis=0),
    "np.concatenate([x])": lambda x: np.concatenate([x]),
}
OF_MATRICES: dict[str, Callable[[Any], Any]] = {
    "np.swapaxes twice": lambda x: np.swapaxes(np.swapaxes(x, 0, 1), 0, 1),
    "np.moveaxis there and back": lambda x: np.moveaxis(np.moveaxis(x, 0, 1), 1, 0),
    "x.T.copy().T": lambda x: x.T.copy().T,
    "x.T.reshape(x.T.shape).T": lambda x: x.T.reshape(x.T.shape).T,
    "(x.T * 1.0).T": lambda x: (x.T * 1.0).T,
    "(-(-x.T)).T": lambda x: (-(-x.T)).T,  # noqa: B002
    "np.einsum('ij->ji', x).T": lambda x: np.einsum("ij->ji", x).T,
}


def wrappers_for(x: Any) -> dict[str, Callable[[Any], Any]]:
    """Return what can be inserted at a joint where ``x`` passes."""
    found = dict(WRAPPERS)
    if np.ndim(x) > 0:
        found |= OF_AXES
    if np.ndim(x) == 2:
        found |= OF_MATRICES
    return found


# --- losses -------------------------------------------------------------------------------------

rng = np.random.default_rng(0)
S = rng.standard_normal((N, C))
HIGH = np.where(rng.random((N, C)) < 0.5, 1e3, -1e3) + S
Y = np.array([0, 3, 1, 2, 3])
SOFT = rng.random((N, C)) + 0.1
SOFT /= SOFT.sum(axis=1, keepdims=True)
Z = rng.standard_normal(N)
FAR = np.array([1e3, -1e3, 900.0, -900.0, 3.0])
T = np.array([1.0, 0.0, 0.0, 1.0, 1.0])
SIGN = 2 * T - 1
A = np.eye(C) * 3 + 0.3 * rng.standard_normal((C, C))


def nll(k, s, y):
    s = k(s)
    e = k(np.exp(s))
    p = k(e / k(e.sum(axis=1, keepdims=True)))
    return -k(np.log(k(p[np.arange(len(y)), y]))).mean()


def nll_shifted(k, s, y):
    shifted = k(s - k(k(s).max(axis=1, keepdims=True)))
    e = k(np.exp(shifted))
    p = k(e / k(np.sum(e, axis=1, keepdims=True)))
    return np.mean(-k(np.log(p))[np.arange(len(y)), y])


def nll_logsumexp(k, s, y):
    s = k(s)
    total = k(np.exp(s)).sum(axis=1)
    return np.mean(k(k(np.log(k(total))) - k(s[np.arange(len(y)), y])))


def nll_one_hot(k, s, onehot):
    e = k(np.exp(k(s)))
    log_p = k(np.log(k(e / k(e.sum(axis=1, keepdims=True)))))
    return -np.sum(k(onehot * log_p)) / len(onehot)


def log_softmax(k, s, w):
    shifted = k(k(s) - k(s.max(axis=1, keepdims=True)))
    log_p = k(shifted - k(np.log(k(np.exp(shifted)).sum(axis=1, keepdims=True))))
    return np.sum(w * log_p)


def softmax(k, s, w):
    e = k(np.exp(k(s)))
    return np.sum(w * k(e / k(e.sum(axis=1, keepdims=True))))


def softmax_of_columns(k, s, w):
    e = k(np.exp(k(k(s) - k(s.max(axis=0)))))
    return np.sum(w * k(e / k(e.sum(axis=0))))


def logsumexp_of_rows(k, s, w):
    return np.sum(k(np.log(k(np.sum(k(np.exp(k(s))), axis=-1)))))


def logsumexp_of_columns(k, s, w):
    return np.sum(k(np.log(k(np.sum(k(np.exp(k(s))), axis=0)))))


def logsumexp_of_all(k, s, w):
    return k(np.log(k(np.sum(k(np.exp(k(s)))))))


def logsumexp_shifted(k, s, w):
    m = k(k(s).max(axis=1))
    return np.sum(k(m + k(np.log(k(np.exp(k(s - k(m[:, None])))).sum(axis=1)))))


def sigmoid(k, z, w):
    return np.sum(w * k(1 / k(1 + k(np.exp(k(-k(z)))))))


def sigmoid_of_quotient(k, z, w):
    e = k(np.exp(k(z)))
    return np.sum(w * k(e / k(1 + e)))


def softplus(k, z, w):
    return np.sum(k(np.log(k(1 + k(np.exp(k(z)))))))


def log_sigmoid(k, z, w):
    p = k(1 / k(1 + k(np.exp(k(-k(z))))))
    return np.sum(k(np.log(k(p))))


def log_one_minus_sigmoid(k, z, w):
    p = k(1 / k(1 + k(np.exp(k(-k(z))))))
    return np.sum(k(np.log(k(1 - k(p)))))


def bce(k, z, t):
    p = k(1 / k(1 + k(np.exp(k(-k(z))))))
    return -k(k(t * k(np.log(p))) + k(k(1 - t) * k(np.log(k(1 - p))))).mean()


def logistic_of_signs(k, z, t):
    return np.mean(k(np.log(k(1 + k(np.exp(k(-k(t * k(z)))))))))


def squared(k, X, w, y):
    r = k(k(k(X) @ w) - y)
    return k(r**2).mean()


def huber(k, z, w):
    a = k(np.abs(k(z)))
    return np.sum(k(np.where(a <= 1.0, k(0.5 * k(z**2)), k(a - 0.5))))


def huber_by_minimum(k, z, w):
    a = k(np.abs(k(z)))
    q = k(np.minimum(a, 1.0))
    return np.sum(k(k(0.5 * k(q**2)) + k(a - q)))


def tanh_layer(k, W, X, t):
    h = k(np.tanh(k(k(X) @ k(W))))
    return np.sum(k(k(h - t) ** 2))


def relu_layer(k, W, X, t):
    h = k(np.maximum(k(k(X) @ k(W)), 0))
    return np.sum(k(k(h - t) ** 2))


def norm(k, s, w):
    return np.sum(w * k(np.sqrt(k(np.sum(k(k(s) ** 2), axis=1)))))


def variance(k, z, w):
    return k(k(k(z) - k(z).mean()) ** 2).mean()


def batch_norm(k, s, w):
    centred = k(k(s) - k(k(s).mean(axis=0)))
    var = k(k(centred**2).mean(axis=0))
    return np.sum(w * k(centred / k(np.sqrt(k(var + 1e-5)))))


def inverse(k, A, b):
    return np.sum(k(k(np.linalg.inv(k(A))) @ b) ** 2)


def log_det(k, A):
    return k(np.log(k(np.linalg.det(k(A)))))


def log_one_plus(k, z, w):
    return np.sum(w * k(np.log(k(1 + k(z)))))


def exp_minus_one(k, z, w):
    return np.sum(w * k(k(np.exp(k(z))) - 1))


def log_one_minus_exp(k, z, w):
    return np.sum(w * k(np.log(k(1 - k(np.exp(k(-k(z))))))))


def log_of_two_exps(k, z, w):
    return np.sum(k(np.log(k(k(np.exp(k(z))) + k(np.exp(k(w)))))))


def entropy(k, s, w):
    e = k(np.exp(k(s)))
    p = k(e / k(e.sum(axis=1, keepdims=True)))
    return -np.sum(k(p * k(np.log(p))))


ROWS = np.arange(N)
TINY = np.array([1e-20, 1e-18, 1e-17, 2e-17, 3e-19])
HUGE = np.array([[1e170, 1e180, 1e190, 1e175]]) * (1 + rng.random((N, 1)))
PATTERNS = {
    "NLL": Pattern(nll, (S, Y), (HIGH, Y), {
        "log outside the gather": lambda s, y: -np.log(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True))[np.arange(len(y)), y].mean(),
        "log inside the gather": lambda s, y: -np.mean(np.log(
            (np.exp(s) / np.exp(s).sum(axis=1, keepdims=True))[np.arange(len(y)), y])),
        "sum over n": lambda s, y: -np.sum(np.log(
            (np.exp(s) / np.exp(s).sum(1, keepdims=True))[np.arange(len(y)), y])) / len(y),
        "1 / n outside": lambda s, y: -1 / len(y) * np.sum(np.log(
            (np.exp(s) / np.exp(s).sum(1, keepdims=True))[np.arange(len(y)), y])),
        "1 / n by shape": lambda s, y: (1 / s.shape[0]) * -np.log(
            (np.exp(s) / np.exp(s).sum(1, keepdims=True))[np.arange(s.shape[0]), y]).sum(),
        "sign inside": lambda s, y: np.mean(-np.log(
            (np.exp(s) / np.exp(s).sum(axis=1, keepdims=True))[np.arange(len(y)), y])),
        "np.divide and method": lambda s, y: -np.log(np.divide(
            np.exp(s), np.exp(s).sum(axis=1).reshape(-1, 1))[range(len(y)), y]).mean(),
        "[:, None]": lambda s, y: -np.log(
            (np.exp(s) / np.exp(s).sum(axis=1)[:, None])[np.arange(len(y)), y]).mean(),
        "np.expand_dims": lambda s, y: -np.log((np.exp(s) / np.expand_dims(
            np.exp(s).sum(axis=-1), -1))[np.arange(len(y)), y]).mean(),
        "features first": lambda s, y: -np.log(
            (np.exp(s.T) / np.exp(s.T).sum(axis=0))[y, np.arange(len(y))]).mean(),
        "sum over rows of the transposed": lambda s, y: -np.log(
            (np.exp(s).T / np.exp(s).sum(axis=1))[y, np.arange(len(y))]).mean(),
        "transposed and back": lambda s, y: -np.log(
            (np.exp(s).T / np.exp(s).sum(axis=1)).T[np.arange(len(y)), y]).mean(),
        "difference of logs": lambda s, y: -np.mean(
            (s - np.log(np.exp(s).sum(axis=1, keepdims=True)))[np.arange(len(y)), y]),
        "difference of gathered logs": lambda s, y: np.mean(
            np.log(np.exp(s).sum(axis=1)) - s[np.arange(len(y)), y]),
        "log minus log": lambda s, y: -np.mean((np.log(np.exp(s)) - np.log(
            np.exp(s).sum(axis=1, keepdims=True)))[np.arange(len(y)), y]),
        "1 / total": lambda s, y: -np.log((np.exp(s) * (
            1 / np.exp(s).sum(axis=1, keepdims=True)))[np.arange(len(y)), y]).mean(),
        "gathered before the quotient": lambda s, y: -np.log(
            np.exp(s)[np.arange(len(y)), y] / np.exp(s).sum(axis=1)).mean(),
        "exp of the gathered": lambda s, y: -np.log(
            np.exp(s[np.arange(len(y)), y]) / np.exp(s).sum(axis=1)).mean(),
        "take_along_axis": lambda s, y: -np.log(np.take_along_axis(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True), y[:, None], axis=1)).mean(),
        "take_along_axis of logs": lambda s, y: -np.take_along_axis(np.log(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)), y[:, None], axis=1)[:, 0].mean(),
        "one-hot by eye": lambda s, y: -np.sum(np.eye(C)[y] * np.log(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True))) / len(y),
        "one-hot by eye of the width": lambda s, y: -np.mean(np.sum(np.log(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)) * np.eye(s.shape[1])[y], axis=1)),
        "one-hot by arange ==": lambda s, y: -np.mean(np.sum((np.arange(C) == y[:, None]) * np.log(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)), axis=1)),
        "one-hot by == arange": lambda s, y: -np.sum(
            (y[:, None] == np.arange(s.shape[1])).astype(float) * np.log(
                np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)), axis=-1).mean(),
        "one-hot by where": lambda s, y: -np.mean(np.sum(np.where(
            y[:, None] == np.arange(C), np.log(
                np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)), 0), axis=1)),
        "one-hot by zeros": lambda s, y: one_hot_by_zeros(s, y),
        "one-hot of p": lambda s, y: -np.mean(np.log(np.sum(np.eye(C)[y] * (
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)), axis=1))),
        "one-hot by einsum": lambda s, y: -np.einsum("ij,ij->", np.eye(C)[y], np.log(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True))) / len(y),
        "shifted by max": lambda s, y: shifted_by_max(s, y),
        "shifted by amax, reshaped": lambda s, y: shifted_by_amax(s, y),
    }),
    "NLL shifted": Pattern(nll_shifted, (S, Y), (HIGH, Y)),
    "NLL by logsumexp": Pattern(nll_logsumexp, (S, Y), (HIGH, Y)),
    "NLL one-hot": Pattern(nll_one_hot, (S, np.eye(C)[Y]), (HIGH, np.eye(C)[Y]), {
        "mean of sums": lambda s, t: -np.mean(np.sum(t * np.log(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)), axis=1)),
        "einsum": lambda s, t: -np.einsum("ij,ij->i", t, np.log(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True))).mean(),
        "vdot": lambda s, t: -np.vdot(t, np.log(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True))) / len(t),
        "tensordot": lambda s, t: -np.tensordot(t, np.log(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True))) / len(t),
        "sign on the labels": lambda s, t: np.sum(-t * np.log(
            np.exp(s) / np.exp(s).sum(axis=1, keepdims=True))) / len(t),
        "transposed": lambda s, t: -np.sum(t.T * np.log(
            np.exp(s.T) / np.exp(s.T).sum(axis=0))) / len(t),
        "log minus log": lambda s, t: np.sum(t * (np.log(
            np.exp(s).sum(axis=1, keepdims=True)) - s)) / len(t),
    }),
    "NLL soft labels": Pattern(nll_one_hot, (S, SOFT), (HIGH, SOFT)),
    "log_softmax": Pattern(log_softmax, (S, SOFT), (HIGH, SOFT), {
        "negated shift added": lambda s, w: np.sum(w * (
            s + -np.log(np.exp(s).sum(axis=1, keepdims=True)))),
        "sign turned": lambda s, w: -np.sum(w * (np.log(np.exp(s).sum(axis=1)[:, None]) - s)),
        "shift taken twice": lambda s, w: np.sum(w * (s - s.max(axis=1, keepdims=True) - np.log(
            np.exp(s - s.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)))),
        "s - (m + log)": lambda s, w: np.sum(w * (s - (s.max(axis=1, keepdims=True) + np.log(
            np.exp(s - s.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))))),
        "transposed": lambda s, w: np.sum(w.T * (s.T - np.log(np.exp(s).sum(axis=1)))),
    }),
    "softmax": Pattern(softmax, (S, SOFT), (HIGH, SOFT), {
        "by reciprocal": lambda s, w: np.sum(
            w * (np.exp(s) * np.reciprocal(np.exp(s).sum(axis=1, keepdims=True)))),
        "by exp of log": lambda s, w: np.sum(
            w * np.exp(s - np.log(np.exp(s).sum(axis=1, keepdims=True)))),
        "by power": lambda s, w: np.sum(
            w * np.exp(s) * np.exp(s).sum(axis=1, keepdims=True) ** -1),
        "transposed": lambda s, w: np.sum(w.T * (np.exp(s).T / np.exp(s).sum(axis=1))),
        "transposed and back": lambda s, w: np.sum(w * (np.exp(s).T / np.exp(s).sum(axis=1)).T),
        "total by einsum": lambda s, w: np.sum(
            w * (np.exp(s) / np.einsum("ij->i", np.exp(s))[:, None])),
    }),
    "softmax of columns": Pattern(softmax_of_columns, (S, SOFT), (HIGH, SOFT)),
    "logsumexp of rows": Pattern(logsumexp_of_rows, (S, SOFT), (HIGH, SOFT), {
        "transposed": lambda s, w: np.sum(np.log(np.exp(s.T).sum(axis=0))),
        "transposed inside": lambda s, w: np.sum(np.log(np.exp(s).T.sum(axis=0))),
        "kept": lambda s, w: np.sum(np.log(np.exp(s).sum(axis=1, keepdims=True))),
        "reshaped": lambda s, w: np.sum(np.log(np.exp(s).sum(axis=1).reshape(-1, 1))),
        "np.add.reduce": lambda s, w: np.sum(np.log(np.add.reduce(np.exp(s), axis=1))),
        "by einsum": lambda s, w: np.sum(np.log(np.einsum("ij->i", np.exp(s)))),
    }),
    "logsumexp of columns": Pattern(logsumexp_of_columns, (S, SOFT), (HIGH, SOFT)),
    "logsumexp of all": Pattern(logsumexp_of_all, (S, SOFT), (HIGH, SOFT), {
        "of the flat": lambda s, w: np.log(np.exp(s.ravel()).sum()),
        "flat inside": lambda s, w: np.log(np.sum(np.exp(s).ravel())),
        "sum of sums": lambda s, w: np.log(np.exp(s).sum(axis=1).sum()),
    }),
    "logsumexp shifted": Pattern(logsumexp_shifted, (S, SOFT), (HIGH, SOFT)),
    "sigmoid": Pattern(sigmoid, (Z, SOFT[:, 0]), (FAR, SOFT[:, 0]), {
        "exp + 1": lambda z, w: np.sum(w / (np.exp(-z) + 1.0)),
        "reciprocal": lambda z, w: np.sum(w * np.reciprocal(1 + np.exp(-z))),
        "power": lambda z, w: np.sum(w * (1 + np.exp(-z)) ** -1),
        "float power": lambda z, w: np.sum(w * (1 + np.exp(-z)) ** -1.0),
        "np.power": lambda z, w: np.sum(w * np.power(1 + np.exp(-z), -1.0)),
        "1 / exp": lambda z, w: np.sum(w * (1 / (1 + 1 / np.exp(z)))),
        "exp ** -1": lambda z, w: np.sum(w * (1 / (1 + np.exp(z) ** -1))),
        "reciprocal of exp": lambda z, w: np.sum(w * (1 / (1 + np.reciprocal(np.exp(z))))),
        "quotient": lambda z, w: np.sum(w * (np.exp(z) / (1 + np.exp(z)))),
        "one minus": lambda z, w: np.sum(w * (1 - 1 / (1 + np.exp(z)))),
        "ufuncs": lambda z, w: np.sum(np.multiply(
            w, np.divide(1, np.add(1, np.exp(np.negative(z)))))),
        "1 - -exp": lambda z, w: np.sum(w * (1 / (1 - -np.exp(-z)))),
        "-1 * z": lambda z, w: np.sum(w * (1 / (1 + np.exp(-1.0 * z)))),
        "z / -1": lambda z, w: np.sum(w * (1 / (1 + np.exp(z / -1)))),
        "tanh": lambda z, w: np.sum(w * (0.5 * (1 + np.tanh(z / 2)))),
        "by np.e": lambda z, w: np.sum(w * (1 / (1 + np.e ** (-z)))),
        "by np.power of np.e": lambda z, w: np.sum(w * (1 / (1 + np.power(np.e, -z)))),
        "as a column": lambda z, w: np.sum(w[:, None] * (1 / (1 + np.exp(-z[:, None])))),
        "column after exp": lambda z, w: np.sum(
            w[:, None] * (1 / (1 + np.exp(-z)[:, None]))),
    }),
    "sigmoid by quotient": Pattern(sigmoid_of_quotient, (Z, SOFT[:, 0]), (FAR, SOFT[:, 0])),
    "softplus": Pattern(softplus, (Z, T), (FAR, T), {
        "log1p": lambda z, w: np.sum(np.log1p(np.exp(z))),
        "exp + 1": lambda z, w: np.sum(np.log(np.exp(z) + 1.0)),
        "np.add": lambda z, w: np.sum(np.log(np.add(1, np.exp(z)))),
        "minus a log": lambda z, w: -np.sum(np.log(1 / (1 + np.exp(z)))),
        "logaddexp": lambda z, w: np.sum(np.logaddexp(0, z)),
        "1 - -exp": lambda z, w: np.sum(np.log(1 - -np.exp(z))),
        "exp(0)": lambda z, w: np.sum(np.log(np.exp(0.0) + np.exp(z))),
        "1 / exp": lambda z, w: np.sum(np.log(1 + 1 / np.exp(-z))),
        "column": lambda z, w: np.sum(np.log(1 + np.exp(z)[:, None])),
    }),
    "log sigmoid": Pattern(log_sigmoid, (Z, T), (FAR, T), {
        "log of the reciprocal": lambda z, w: np.sum(np.log(np.reciprocal(1 + np.exp(-z)))),
        "minus log": lambda z, w: -np.sum(np.log(1 + np.exp(-z))),
        "log minus log": lambda z, w: np.sum(np.log(np.exp(z)) - np.log(1 + np.exp(z))),
        "quotient": lambda z, w: np.sum(np.log(np.exp(z) / (1 + np.exp(z)))),
    }),
    "log(1 - sigmoid)": Pattern(log_one_minus_sigmoid, (Z, T), (FAR, T), {
        "-(p - 1)": lambda z, w: np.sum(np.log(-(1 / (1 + np.exp(-z)) - 1))),
        "-p + 1": lambda z, w: np.sum(np.log(-(1 / (1 + np.exp(-z))) + 1)),
        "1 + -p": lambda z, w: np.sum(np.log(1 + -(1 / (1 + np.exp(-z))))),
        "1.0 - p": lambda z, w: np.sum(np.log(1.0 - 1.0 / (1.0 + np.exp(-z)))),
        "-1 * p": lambda z, w: np.sum(np.log(1 + -1 * (1 / (1 + np.exp(-z))))),
        "log1p": lambda z, w: np.sum(np.log1p(-1 / (1 + np.exp(-z)))),
        "np.subtract": lambda z, w: np.sum(np.log(np.subtract(1, 1 / (1 + np.exp(-z))))),
        "of ones": lambda z, w: np.sum(np.log(np.ones_like(z) - 1 / (1 + np.exp(-z)))),
    }),
    "BCE": Pattern(bce, (Z, T), (FAR, T), {
        "sign inside": lambda z, t: np.mean(-(t * np.log(1 / (1 + np.exp(-z)))
            + (1 - t) * np.log(1 - 1 / (1 + np.exp(-z))))),
        "signs on the labels": lambda z, t: np.mean(-t * np.log(1 / (1 + np.exp(-z)))
            - (1 - t) * np.log(1 - 1 / (1 + np.exp(-z)))),
        "terms turned": lambda z, t: -np.mean((1 - t) * np.log(1 - 1 / (1 + np.exp(-z)))
            + t * np.log(1 / (1 + np.exp(-z)))),
        "sum over n": lambda z, t: -np.sum(t * np.log(1 / (1 + np.exp(-z)))
            + (1 - t) * np.log(1 - 1 / (1 + np.exp(-z)))) / len(t),
        "-(p - 1)": lambda z, t: -np.mean(t * np.log(1 / (1 + np.exp(-z)))
            + (1 - t) * np.log(-(1 / (1 + np.exp(-z)) - 1))),
        "(t == 1)": lambda z, t: -np.mean((t == 1) * np.log(1 / (1 + np.exp(-z)))
            + (t == 0) * np.log(1 - 1 / (1 + np.exp(-z)))),
        "where": lambda z, t: -np.mean(np.where(
            t == 1, np.log(1 / (1 + np.exp(-z))), np.log(1 - 1 / (1 + np.exp(-z))))),
        "two sums": lambda z, t: -(np.sum(t * np.log(1 / (1 + np.exp(-z))))
            + np.sum((1 - t) * np.log(1 - 1 / (1 + np.exp(-z))))) / len(t),
        "two products": lambda z, t: -(np.dot(t, np.log(1 / (1 + np.exp(-z))))
            + np.dot(1 - t, np.log(1 - 1 / (1 + np.exp(-z))))) / len(t),
        "as columns": lambda z, t: -np.mean(t[:, None] * np.log(1 / (1 + np.exp(-z[:, None])))
            + (1 - t[:, None]) * np.log(1 - 1 / (1 + np.exp(-z[:, None])))),
        "label negated": lambda z, t: -np.mean(t * np.log(1 / (1 + np.exp(-z)))
            - (t - 1) * np.log(1 - 1 / (1 + np.exp(-z)))),
        "1 - t by -t + 1": lambda z, t: -np.mean(t * np.log(1 / (1 + np.exp(-z)))
            + (-t + 1) * np.log(1 - 1 / (1 + np.exp(-z)))),
    }),
    "logistic loss of signs": Pattern(logistic_of_signs, (Z, SIGN), (FAR, SIGN), {
        "-t * z": lambda z, t: np.mean(np.log(1 + np.exp(-t * z))),
        "log1p": lambda z, t: np.mean(np.log1p(np.exp(-t * z))),
        "minus log sigmoid": lambda z, t: -np.mean(np.log(1 / (1 + np.exp(-t * z)))),
        "1 / exp": lambda z, t: np.mean(np.log(1 + 1 / np.exp(t * z))),
        "logaddexp": lambda z, t: np.mean(np.logaddexp(0, -t * z)),
    }),
    "squared": Pattern(squared, (S, SOFT[0], Z), None, {
        "product": lambda X, w, y: np.mean((X @ w - y) * (X @ w - y)),
        "np.square": lambda X, w, y: np.mean(np.square(X @ w - y)),
        "power 2.0": lambda X, w, y: np.mean((X @ w - y) ** 2.0),
        "np.power": lambda X, w, y: np.mean(np.power(X @ w - y, 2)),
        "turned": lambda X, w, y: np.mean((y - X @ w) ** 2),
        "sum over n": lambda X, w, y: np.sum((X @ w - y) ** 2) / len(y),
        "1 / n": lambda X, w, y: 1 / len(y) * np.sum((X @ w - y) ** 2),
        "dot": lambda X, w, y: (X @ w - y) @ (X @ w - y) / len(y),
        "np.dot": lambda X, w, y: np.dot(X @ w - y, X @ w - y) / len(y),
        "einsum": lambda X, w, y: np.einsum("i,i->", X @ w - y, X @ w - y) / len(y),
        "columns": lambda X, w, y: np.mean((X @ w[:, None] - y[:, None]) ** 2),
        "reshaped": lambda X, w, y: np.mean(((X @ w).reshape(-1, 1) - y.reshape(-1, 1)) ** 2),
        "norm": lambda X, w, y: np.linalg.norm(X @ w - y) ** 2 / len(y),
        "X @ w by dot": lambda X, w, y: np.mean((np.dot(X, w) - y) ** 2),
        "X @ w by sum": lambda X, w, y: np.mean((np.sum(X * w, axis=1) - y) ** 2),
        "X @ w by einsum": lambda X, w, y: np.mean((np.einsum("ij,j->i", X, w) - y) ** 2),
        "features first": lambda X, w, y: np.mean((w @ X.T - y) ** 2),
        "abs squared": lambda X, w, y: np.mean(np.abs(X @ w - y) ** 2),
    }),
    "Huber": Pattern(huber, (3 * Z, T), (FAR, T), {
        "turned": lambda z, w: np.sum(np.where(np.abs(z) > 1.0, np.abs(z) - 0.5, 0.5 * z**2)),
        "halved": lambda z, w: np.sum(np.where(np.abs(z) <= 1.0, z**2 / 2, np.abs(z) - 0.5)),
    }),
    "Huber by minimum": Pattern(huber_by_minimum, (3 * Z, T), (FAR, T)),
    "tanh layer": Pattern(tanh_layer, (S.T[:, :3], S, S[:, :3]), None),
    "relu layer": Pattern(relu_layer, (S.T[:, :3], S, S[:, :3]), None, {
        "maximum turned": lambda W, X, t: np.sum((np.maximum(0, X @ W) - t) ** 2),
        "where": lambda W, X, t: np.sum((np.where(X @ W > 0, X @ W, 0) - t) ** 2),
        "clip": lambda W, X, t: np.sum((np.clip(X @ W, 0, None) - t) ** 2),
        "mask": lambda W, X, t: np.sum(((X @ W) * (X @ W > 0) - t) ** 2),
    }),
    "norm": Pattern(norm, (S, SOFT[:, 0]), (np.zeros((N, C)), SOFT[:, 0]), {
        "np.square": lambda s, w: np.sum(w * np.sqrt(np.square(s).sum(axis=1))),
        "product": lambda s, w: np.sum(w * np.sqrt(np.sum(s * s, axis=1))),
        "power 2.0": lambda s, w: np.sum(w * np.sqrt(np.sum(s**2.0, axis=1))),
        "power 0.5": lambda s, w: np.sum(w * np.sum(s**2, axis=1) ** 0.5),
        "np.power 0.5": lambda s, w: np.sum(w * np.power(np.sum(s**2, axis=1), 0.5)),
        "power 1 / 2": lambda s, w: np.sum(w * np.sum(s**2, axis=1) ** (1 / 2)),
        "einsum": lambda s, w: np.sum(w * np.sqrt(np.einsum("ij,ij->i", s, s))),
        "np.linalg.norm": lambda s, w: np.sum(w * np.linalg.norm(s, axis=1)),
        "abs squared": lambda s, w: np.sum(w * np.sqrt(np.sum(np.abs(s) ** 2, axis=1))),
        "transposed": lambda s, w: np.sum(w * np.sqrt(np.sum(s.T**2, axis=0))),
        "kept": lambda s, w: np.sum(
            w[:, None] * np.sqrt(np.sum(s**2, axis=1, keepdims=True))),
    }),
    "variance": Pattern(variance, (Z, T), None, {
        "np.var": lambda z, w: np.var(z),
        "sum over n": lambda z, w: np.sum((z - z.sum() / len(z)) ** 2) / len(z),
        "square of std": lambda z, w: np.std(z) ** 2,
        "product": lambda z, w: np.mean((z - z.mean()) * (z - z.mean())),
    }),
    "batch norm": Pattern(batch_norm, (S, SOFT), None, {
        "np.var": lambda s, w: np.sum(w * (s - s.mean(axis=0)) / np.sqrt(s.var(axis=0) + 1e-5)),
        "power": lambda s, w: np.sum(
            w * (s - s.mean(axis=0)) * (s.var(axis=0) + 1e-5) ** -0.5),
        "transposed": lambda s, w: np.sum(w.T * (s.T - s.T.mean(axis=1, keepdims=True))
            / np.sqrt(s.T.var(axis=1, keepdims=True) + 1e-5)),
    }),
    "inv(A) b": Pattern(inverse, (A, Z[:C]), None, {
        "np.dot": lambda A, b: np.sum(np.dot(np.linalg.inv(A), b) ** 2),
        "column": lambda A, b: np.sum((np.linalg.inv(A) @ b[:, None]) ** 2),
        "row": lambda A, b: np.sum((b @ np.linalg.inv(A).T) ** 2),
        "inv of the transposed": lambda A, b: np.sum((b @ np.linalg.inv(A.T)) ** 2),
        "einsum": lambda A, b: np.sum(np.einsum("ij,j->i", np.linalg.inv(A), b) ** 2),
        "solve": lambda A, b: np.sum(np.linalg.solve(A, b) ** 2),
    }),
    "log det": Pattern(log_det, (A @ A.T,), (1e-90 * np.eye(C) + 1e-92 * (A @ A.T),), {
        "slogdet": lambda A: np.linalg.slogdet(A)[1],
        "of the transposed": lambda A: np.log(np.linalg.det(A.T)),
        "log of abs": lambda A: np.log(np.abs(np.linalg.det(A))),
    }),
    "log(1 + x)": Pattern(log_one_plus, (np.abs(Z), T), (TINY, T), {
        "log1p": lambda z, w: np.sum(w * np.log1p(z)),
        "x + 1": lambda z, w: np.sum(w * np.log(z + 1.0)),
        "1 - -x": lambda z, w: np.sum(w * np.log(1 - -z)),
        "x - -1": lambda z, w: np.sum(w * np.log(z - -1)),
    }),
    "exp(x) - 1": Pattern(exp_minus_one, (Z, T), (TINY, T), {
        "expm1": lambda z, w: np.sum(w * np.expm1(z)),
        "-1 + exp": lambda z, w: np.sum(w * (-1 + np.exp(z))),
        "exp + -1": lambda z, w: np.sum(w * (np.exp(z) + -1)),
        "-(1 - exp)": lambda z, w: np.sum(w * -(1 - np.exp(z))),
    }),
    "log(1 - exp(-x))": Pattern(log_one_minus_exp, (np.abs(Z), T), (TINY, T), {
        "log1p": lambda z, w: np.sum(w * np.log1p(-np.exp(-z))),
        "-expm1": lambda z, w: np.sum(w * np.log(-np.expm1(-z))),
        "-exp + 1": lambda z, w: np.sum(w * np.log(-np.exp(-z) + 1)),
        "1 - 1 / exp": lambda z, w: np.sum(w * np.log(1 - 1 / np.exp(z))),
        "-(exp - 1)": lambda z, w: np.sum(w * np.log(-(np.exp(-z) - 1))),
    }),
    "log(exp(x) + exp(y))": Pattern(log_of_two_exps, (Z, T), (FAR, T), {
        "turned": lambda z, w: np.sum(np.log(np.exp(w) + np.exp(z))),
        "logaddexp": lambda z, w: np.sum(np.logaddexp(z, w)),
        "1 / exp": lambda z, w: np.sum(np.log(1 / np.exp(-z) + np.exp(w))),
    }),
    "entropy": Pattern(entropy, (S, SOFT), (HIGH, SOFT), {
        "einsum": lambda s, w: -np.einsum("ij,ij->", np.exp(s) / np.exp(s).sum(axis=1)[:, None],
            np.log(np.exp(s) / np.exp(s).sum(axis=1)[:, None])),
        "sign inside": lambda s, w: np.sum(-(np.exp(s) / np.exp(s).sum(axis=1)[:, None])
            * np.log(np.exp(s) / np.exp(s).sum(axis=1)[:, None])),
    }),
}  # fmt: skip


def one_hot_by_zeros(s, y):
    onehot = np.zeros(s.shape)
    onehot[np.arange(len(y)), y] = 1
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    return -np.sum(onehot * np.log(p)) / len(y)


def shifted_by_max(s, y):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean()


def shifted_by_amax(s, y):
    m = np.amax(s, axis=1)
    e = np.exp(s - m.reshape(-1, 1))
    p = e / np.sum(e, axis=1).reshape(len(y), 1)
    return -np.log(p[np.arange(len(y)), y]).mean()


# --- what is not so yet -------------------------------------------------------------------------

# Spellings that overflow as the user wrote them.  An entry that is learnt must go.
NOT_YET = {
    ("softmax", "by power"): "(w e) / total: the exponentials stand inside a product",
}

# Spellings that are as good but for operations that they ask for themselves.
MORE = {
    ("NLL", "gathered before the quotient"): "adds the shift to the logs, not to the loss",
    ("NLL", "exp of the gathered"): "the same",
    ("NLL", "difference of gathered logs"): "adds the shift to the logs, not to the loss",
    ("NLL", "one-hot by arange =="): "a label outside of the range picks nothing: no x[rows, y]",
    ("NLL", "one-hot by == arange"): "the same",
    ("NLL", "one-hot by where"): "the same",
    ("NLL", "one-hot by zeros"): "the array may be written again before it is read",
    ("NLL one-hot", "mean of sums"): "two reductions",
    ("NLL one-hot", "einsum"): "two reductions",
    ("NLL one-hot", "sign on the labels"): "turns the sign of an array",
    ("NLL one-hot", "log minus log"): "adds the shift to the logs",
    ("log_softmax", "sign turned"): "the same",
    ("sigmoid", "tanh"): "four steps, and finite as they stand",
    ("BCE", "(t == 1)"): "true for labels 0 and 1 alone",
    ("BCE", "where"): "the same",
    ("BCE", "two sums"): "the terms meet only after they were summed",
    ("BCE", "two products"): "the same",
    ("batch norm", "np.var"): "w (x - m) / s multiplies before it divides: two arrays, not one",
    ("batch norm", "power"): "the same",
    ("batch norm", "transposed"): "the same",
    ("entropy", "sign inside"): "turns the sign of an array",
}
