"""The programs whose emitted modules are kept in `tests/golden/`: NumPy as people write it.

Each comes with example arguments for a batch of any size.  A module is emitted from the first
batch and must serve the second as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


@dataclass(frozen=True)
class Golden:
    """A function, what to differentiate by, and its arguments for a batch of ``n``."""

    function: Callable[..., Any]
    wrt: tuple[str, ...]
    arguments: Callable[[int], tuple[Any, ...]]
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    keywords: dict[str, Any] = field(default_factory=dict)
    captured: dict[str, Any] = field(default_factory=dict)
    batches: tuple[int, ...] = (5, 3)


PROGRAMS: list[Golden] = []


def golden(*wrt: str, name: str = "", batches: tuple[int, ...] = (5, 3), **more: Any) -> Any:
    """Register the function above with the maker of its arguments: ``golden("w")(make, f)``."""

    def register(make: Callable[[int], tuple[Any, ...]], function: Callable[..., Any]) -> None:
        label = name or function.__name__
        PROGRAMS.append(Golden(function, wrt, make, label, batches=batches, **more))

    return register


def real(*shape: int, seed: int = 0) -> Any:
    """Return normal numbers, the same ones each time."""
    return np.random.RandomState(100 * seed + sum(shape) + len(shape)).standard_normal(shape)


def labels(n: int, classes: int) -> Any:
    return np.arange(n) * 7 % classes


# --- the lecture's networks ----------------------------------------------------------------------


def loss(W1, W2, X, y, lam):
    h = np.maximum(0, X @ W1)
    s = h @ W2
    m = s.max(axis=1, keepdims=True)
    e = np.exp(s - m)
    log_p = s - m - np.log(e.sum(axis=1, keepdims=True))
    N = X.shape[0]
    return -log_p[np.arange(N), y].mean() + lam * (np.sum(W1**2) + np.sum(W2**2))


golden("W1", "W2", name="two_layer")(
    lambda n: (real(4, 6), real(6, 3), real(n, 4, seed=1), labels(n, 3), 0.1), loss
)


def add_then_multiply(x, y, z):
    q = x + y
    return q * z


golden("x", "y", "z", batches=(1,))(lambda n: (-2.0, 5.0, -4.0), add_then_multiply)


def sigmoid_neuron(w0, x0, w1, x1, w2):
    s = w0 * x0 + w1 * x1 + w2
    return 1 / (1 + np.exp(-s))


golden("w0", "x0", "w1", "x1", "w2", batches=(1,))(
    lambda n: (2.0, -1.0, -3.0, -2.0, -3.0), sigmoid_neuron
)


def neuron_by_gates(w0, x0, w1, x1, w2):
    a = w0 * x0
    b = w1 * x1
    s = a + b + w2
    n = -s
    e = np.exp(n)
    q = 1 + e
    f = 1 / q
    return f


golden("w0", "x0", "w1", "x1", "w2", batches=(1,), options={"exact": True})(
    lambda n: (2.0, -1.0, -3.0, -2.0, -3.0), neuron_by_gates
)


def neuron_on_vectors(w, x):
    s = w[:-1] @ x + w[-1]
    return 1 / (1 + np.exp(-s))


golden("w", "x", batches=(2, 6))(lambda n: (real(n + 1), real(n, seed=1)), neuron_on_vectors)


def exp_sin_square(x):
    return np.exp(np.sin(x**2))


golden("x", batches=(1,))(lambda n: (0.7,), exp_sin_square)


# --- regression and classification ---------------------------------------------------------------


def linear_regression(w, b, X, y):
    residual = X @ w + b - y
    return np.mean(residual**2)


golden("w", "b")(lambda n: (real(4), 0.3, real(n, 4), real(n)), linear_regression)


def logistic_regression(w, b, X, y):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


golden("w", "b")(
    lambda n: (real(4), 0.3, real(n, 4), (np.arange(n) % 2).astype(float)), logistic_regression
)


def column_logistic_regression(w, b, X, Y):
    m = X.shape[1]
    A = 1 / (1 + np.exp(-(w.T @ X + b)))
    return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m


golden("w", "b")(
    lambda n: (real(4, 1), 0.3, real(4, n), (np.arange(n) % 2).astype(float).reshape(1, n)),
    column_logistic_regression,
)


def softmax_regression(W, b, X, y):
    scores = X @ W + b
    scores = scores - scores.max(axis=1, keepdims=True)
    probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return -np.mean(np.log(probs[np.arange(len(y)), y]))


golden("W", "b")(lambda n: (real(4, 3), real(3), real(n, 4), labels(n, 3)), softmax_regression)


def softmax_one_hot(W, b, X, Y):
    Z = X @ W + b
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    return -np.sum(Y * np.log(P)) / len(X)


golden("W", "b")(
    lambda n: (real(4, 3), real(3), real(n, 4), np.eye(3)[labels(n, 3)]), softmax_one_hot
)


def huber(w, X, y, delta=1.0):
    r = X @ w - y
    small = np.abs(r) <= delta
    return np.where(small, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta)).mean()


golden("w")(lambda n: (real(4), real(n, 4), 3 * real(n)), huber)


def gaussian_nll(mu, L, X):
    n, d = X.shape
    Sigma = L @ L.T + np.eye(d)
    diff = X - mu
    _sign, logdet = np.linalg.slogdet(Sigma)
    maha = np.sum(diff * np.linalg.solve(Sigma, diff.T).T)
    return 0.5 * (maha + n * logdet + n * d * np.log(2 * np.pi))


golden("mu", "L")(lambda n: (real(3), real(3, 3), real(n, 3)), gaussian_nll)


# --- layers --------------------------------------------------------------------------------------


def layer_norm(x, gain, bias, target):
    mu = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    x_hat = (x - mu) / np.sqrt(var + 1e-5)
    out = gain * x_hat + bias
    return np.mean((out - target) ** 2)


golden("x", "gain", "bias")(
    lambda n: (real(n, 4), real(4), real(4, seed=1), real(n, 4, seed=1)), layer_norm
)


def batch_norm(X, gamma, beta, W, y):
    mu = X.mean(axis=0)
    centred = X - mu
    var = np.mean(centred**2, axis=0)
    out = gamma * centred / np.sqrt(var + 1e-5) + beta
    return np.mean((np.tanh(out) @ W - y) ** 2)


golden("X", "gamma", "beta", "W")(
    lambda n: (real(n, 4), real(4), real(4, seed=1), real(4, seed=2), real(n)), batch_norm
)


def attention(Wq, Wk, Wv, X, target):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    scores = Q @ K.T / np.sqrt(K.shape[-1])
    scores = scores - scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return np.sum((weights @ V - target) ** 2)


golden("Wq", "Wk", "Wv")(
    lambda n: (real(4, 3), real(4, 3, seed=1), real(4, 2), real(n, 4), real(n, 2)), attention
)


def mlp_of_tuples(params, X, y):
    h = X
    for W, b in params[:-1]:
        h = np.tanh(h @ W + b)
    W, b = params[-1]
    out = h @ W + b
    return np.mean((out[:, 0] - y) ** 2)


golden("params")(
    lambda n: (
        [(real(4, 6), real(6)), (real(6, 5), real(5)), (real(5, 1), real(1))],
        real(n, 4),
        real(n),
    ),
    mlp_of_tuples,
)


def mlp_of_dicts(params, X, y):
    first, second = params["first"], params["second"]
    h = np.maximum(X @ first["W"] + first["b"], 0)
    out = h @ second["W"] + second["b"]
    return np.mean((out - y) ** 2)


golden("params")(
    lambda n: (
        {"first": {"W": real(4, 6), "b": real(6)}, "second": {"W": real(6), "b": 0.5}},
        real(n, 4),
        real(n),
    ),
    mlp_of_dicts,
)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm(Wx, Wh, b, xs, target):
    hidden = Wh.shape[0]
    h = np.zeros((xs.shape[1], hidden))
    c = np.zeros((xs.shape[1], hidden))
    for t in range(3):
        z = xs[t] @ Wx + h @ Wh + b
        i = sigmoid(z[:, :hidden])
        f = sigmoid(z[:, hidden : 2 * hidden])
        o = sigmoid(z[:, 2 * hidden : 3 * hidden])
        g = np.tanh(z[:, 3 * hidden :])
        c = f * c + i * g
        h = o * np.tanh(c)
    return np.mean((h - target) ** 2)


golden("Wx", "Wh", "b")(
    lambda n: (real(2, 16), 0.5 * real(4, 16), real(16), real(3, n, 2), real(n, 4)), lstm
)


def recurrent(Wh, Wx, b, xs, target):
    h = np.zeros((xs.shape[1], Wh.shape[0]))
    for t in range(5):
        z = xs[t] @ Wx + h @ Wh + b
        h = np.tanh(z)
    return np.mean((h - target) ** 2)


golden("Wh", "Wx", "b")(
    lambda n: (0.5 * real(4, 4), real(2, 4), real(4), real(5, n, 2), real(n, 4)), recurrent
)


# --- indexing ------------------------------------------------------------------------------------


def matrix_factorisation(U, V, i, j, ratings, lam):
    predicted = np.sum(U[i] * V[j], axis=1)
    fit = np.mean((predicted - ratings) ** 2)
    return fit + lam * (np.sum(U**2) + np.sum(V**2))


golden("U", "V")(
    lambda n: (real(6, 2), real(5, 2), labels(n, 6), labels(n, 5) // 2, real(n), 0.1),
    matrix_factorisation,
)


def differences(x, target, strength):
    d = x[1:] - x[:-1]
    return np.sum((x - target) ** 2) + strength * np.sum(d**2)


golden("x", batches=(6, 9))(lambda n: (real(n), real(n, seed=1), 0.7), differences)


def convolution(signal, kernel, target):
    a, b, c = kernel
    out = a * signal[:-2] + b * signal[1:-1] + c * signal[2:]
    return 0.5 * np.sum((out - target) ** 2)


golden("signal", "kernel", batches=(6, 9))(lambda n: (real(n), real(3), real(n - 2)), convolution)


def conv_net(K1, b1, K2, b2, W, b, X, y):
    n = X.shape[0]
    windows = sliding_window_view(X, (3, 3), axis=(1, 2))
    h1 = np.maximum(np.tensordot(windows, K1, axes=2) + b1, 0)
    p1 = sliding_window_view(h1, (2, 2), axis=(1, 2))[:, ::2, ::2].max(axis=(-2, -1))
    patches = sliding_window_view(p1, (2, 2), axis=(1, 2))
    h2 = np.maximum(np.einsum("nijcuv,uvck->nijk", patches, K2) + b2, 0)
    p2 = h2.mean(axis=(1, 2))
    s = p2 @ W + b
    m = s.max(axis=1, keepdims=True)
    log_p = s - m - np.log(np.exp(s - m).sum(axis=1, keepdims=True))
    return -log_p[np.arange(n), y].mean()


golden("K1", "b1", "K2", "b2", "W", "b", batches=(4, 3))(
    lambda n: (
        real(3, 3, 4), real(4), real(2, 2, 4, 5), real(5), real(5, 3), real(3),
        real(n, 9, 8), labels(n, 3),
    ),
    conv_net,
)  # fmt: skip


def smoothed_image(image, kernel, noisy):
    """A convolution with a border of zeros, its first differences, and blocks of 2 x 2."""
    height, width = image.shape
    wide = np.zeros((height + 2, width + 2))
    wide[1:-1, 1:-1] = image
    blurred = np.einsum("ijuv,uv->ij", sliding_window_view(wide, (3, 3)), kernel)
    blocks = sliding_window_view(blurred, (2, 2))[::2, ::2].mean(axis=(-2, -1))
    steps = sliding_window_view(blurred, 2, axis=1) @ np.array([-1.0, 1.0])
    return np.sum((blurred - noisy) ** 2) + np.sum(steps**2) + np.sum(blocks**2)


golden("image", "kernel", batches=(4, 7))(
    lambda n: (real(n, 6), real(3, 3), real(n, 6, seed=1)), smoothed_image
)


def positive_part(x, scale):
    kept = x[x > 0]
    return np.sum(kept**2) * scale + np.mean(x)


golden("x", "scale", batches=(6, 9))(lambda n: (real(n), 0.3), positive_part)


def running_total(x, target):
    total = np.cumsum(x)
    return np.sum((total - target) ** 2)


golden("x", batches=(6, 9))(lambda n: (real(n), real(n, seed=1)), running_total)


def smoothed(x, alpha):
    out = np.zeros(4)
    out[0] = x[0]
    for t in range(1, 4):
        out[t] = alpha * x[t] + (1 - alpha) * out[t - 1]
    return np.sum(out**2)


golden("x", "alpha", batches=(1,))(lambda n: (real(4), 0.3), smoothed)


# --- arguments -----------------------------------------------------------------------------------


def make_captures():
    offsets = np.array([0.5, -1.0, 2.0])
    strength = 0.25

    def ridge(w, X, y):
        r = X @ w + offsets @ w - y
        return np.mean(r**2) + strength * np.sum(w**2)

    return ridge


golden("w", name="captures", captured={"offsets": np.array([0.5, -1.0, 2.0]), "strength": 0.25})(
    lambda n: (real(3), real(n, 3), real(n)), make_captures()
)


def keyword_only(w, x, *, target, power=2, lam=0.1):
    return np.mean(np.abs(x @ w - target) ** power) + lam * np.sum(np.abs(w))


golden("w", keywords={"target": 0.7})(lambda n: (real(3), real(n, 3)), keyword_only)


def single_precision(W, x, y):
    s = np.tanh(x @ W)
    return 0.5 * np.sum((s - y) ** 2) / len(x)


golden("W")(
    lambda n: tuple(a.astype(np.float32) for a in (real(4, 3), real(n, 4), real(n, 3))),
    single_precision,
)


def with_predictions(w, X, y):
    p = sigmoid(X @ w)
    value = np.mean((p - y) ** 2)
    return value, {"p": p, "right": np.mean((p > 0.5) == (y > 0.5))}


golden("w", options={"has_aux": True})(
    lambda n: (real(4), real(n, 4), (np.arange(n) % 2).astype(float)), with_predictions
)


def by_name(name: str) -> Golden:
    return next(p for p in PROGRAMS if p.name == name)
