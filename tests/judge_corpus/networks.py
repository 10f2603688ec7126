"""Networks of dense layers, with the activations of the textbooks."""

import numpy as np

from tests.judge_corpus.entry import LABELS, D, H, K, M, N, Subject, also, normal

NETWORKS = Subject()


def to_number(rng):
    """One hidden layer, one output: W1, b1, w2, b2, X, y."""
    W1, b1, w2 = normal(rng, (D, H), H, H)
    return W1, b1, w2, 0.3, *normal(rng, (N, D), N)


def to_classes(rng):
    """One hidden layer, three classes: W1, b1, W2, b2, X, y."""
    return *normal(rng, (D, H), H, (H, K), K, (N, D)), LABELS


def to_outputs(rng):
    """One hidden layer, three outputs: W1, b1, W2, b2, X, Y."""
    return normal(rng, (D, H), H, (H, K), K, (N, D), (N, K))


def relu(W1, b1, w2, b2, X, y):
    n = len(y)
    z = X @ W1 + b1
    h = np.maximum(0, z)
    r = h @ w2 + b2 - y
    return np.sum(r**2) / n


NETWORKS.add("ReLU, one output", relu, ("W1", "b1", "w2", "b2"), to_number, """
    dr = 2 * r / n
    dw2 = h.T @ dr
    db2 = np.sum(dr)
    dh = np.outer(dr, w2)
    dz = dh * (z > 0)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("z > 0", "z")])  # fmt: skip


def relu_softmax(W1, W2, X, y, lam):
    n = X.shape[0]
    z = X @ W1
    h = np.maximum(0, z)
    s = h @ W2
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(n), y])) / n + lam * (np.sum(W1**2) + np.sum(W2**2))


NETWORKS.add("ReLU, softmax, ridge", relu_softmax, ("W1", "W2"),
             lambda rng: (*normal(rng, (D, H), (H, K), (N, D)), LABELS, 0.3), """
    k = W2.shape[1]
    ds = (p - np.eye(k)[y]) / n
    dW2 = h.T @ ds + 2 * lam * W2
    dz = (ds @ W2.T) * (h > 0)
    dW1 = X.T @ dz + 2 * lam * W1
""", [("h > 0", "h")])  # fmt: skip


def two_relu(W1, b1, W2, b2, W3, b3, X, y):
    n = len(y)
    h1 = np.maximum(0, X @ W1 + b1)
    h2 = np.maximum(0, h1 @ W2 + b2)
    s = h2 @ W3 + b3
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(n), y]))


NETWORKS.add("two layers of ReLU, softmax", two_relu, ("W1", "b1", "W2", "b2", "W3", "b3"),
             lambda rng: (*normal(rng, (D, H), H, (H, M), M, (M, K), K, (N, D)), LABELS), """
    k = len(b3)
    ds = (p - np.eye(k)[y]) / n
    dW3 = h2.T @ ds
    db3 = ds.sum(axis=0)
    dz2 = ds @ W3.T * (h2 > 0)
    dW2 = h1.T @ dz2
    db2 = dz2.sum(axis=0)
    dz1 = dz2 @ W2.T * (h1 > 0)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0)
""", [("h2 > 0", "h2"), ("h1 > 0", "h1")])  # fmt: skip


def tanh(W1, b1, w2, b2, X, y):
    n = len(y)
    z = X @ W1 + b1
    h = np.tanh(z)
    r = h @ w2 + b2 - y
    return np.sum(r**2) / n


NETWORKS.add("tanh, one output", tanh, ("W1", "b1", "w2", "b2"), to_number, """
    dr = 2 * r / n
    dw2 = h.T @ dr
    db2 = dr.sum()
    dz = dr[:, None] * w2 * (1 - h**2)
    dW1 = X.T @ dz
    db1 = np.sum(dz, axis=0)
""", [("1 - h**2", "h", "z")])  # fmt: skip


def tanh_softmax(W1, b1, W2, b2, X, y):
    n = len(y)
    z = X @ W1 + b1
    h = np.tanh(z)
    s = h @ W2 + b2
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(n), y])) / n


NETWORKS.add("tanh, softmax", tanh_softmax, ("W1", "b1", "W2", "b2"), to_classes, """
    k = len(b2)
    ds = (p - np.eye(k)[y]) / n
    dW2 = h.T @ ds
    db2 = ds.sum(axis=0)
    dh = ds @ W2.T
    dz = dh * (1 - h**2)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("1 - h**2", "h", "z")])  # fmt: skip


def two_tanh(W1, W2, w3, X, y, lam):
    n = len(y)
    z1 = X @ W1
    h1 = np.tanh(z1)
    z2 = h1 @ W2
    h2 = np.tanh(z2)
    r = h2 @ w3 - y
    return np.sum(r**2) / n + lam * np.sum(w3**2)


NETWORKS.add("two layers of tanh", two_tanh, ("W1", "W2", "w3"),
             lambda rng: (*normal(rng, (D, H), (H, M), M, (N, D), N), 0.3), """
    dr = 2 * r / n
    dw3 = h2.T @ dr + 2 * lam * w3
    dz2 = np.outer(dr, w3) * (1 - h2**2)
    dW2 = h1.T @ dz2
    dz1 = dz2 @ W2.T * (1 - h1**2)
    dW1 = X.T @ dz1
""", [("1 - h2**2", "h2", "z2"), ("1 - h1**2", "h1", "z1")])  # fmt: skip


def three_tanh(W1, W2, W3, X, Y):
    h1 = np.tanh(X @ W1)
    h2 = np.tanh(h1 @ W2)
    R = np.tanh(h2 @ W3) - Y
    return 0.5 * np.sum(R**2)


NETWORKS.add("three layers of tanh", three_tanh, ("W1", "W2", "W3"),
             lambda rng: normal(rng, (D, H), (H, M), (M, K), (N, D), (N, K)), """
    h3 = np.tanh(h2 @ W3)
    dz3 = (h3 - Y) * (1 - h3**2)
    dW3 = h2.T @ dz3
    dz2 = (dz3 @ W3.T) * (1 - h2**2)
    dW2 = h1.T @ dz2
    dz1 = (dz2 @ W2.T) * (1 - h1**2)
    dW1 = X.T @ dz1
""", [("1 - h3**2", "h3", "(h2 @ W3)"), ("1 - h2**2", "h2", "(h1 @ W2)"),
      ("1 - h1**2", "h1", "(X @ W1)")])  # fmt: skip


def sigmoid_hidden(W1, b1, w2, b2, X, y):
    n = len(y)
    z = X @ W1 + b1
    h = 1 / (1 + np.exp(-z))
    q = h @ w2 + b2
    p = 1 / (1 + np.exp(-q))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / n


def to_label(rng):
    *weights, _ = to_number(rng)
    return *weights, np.arange(N) % 2.0


NETWORKS.add("sigmoid, logistic output", sigmoid_hidden, ("W1", "b1", "w2", "b2"), to_label, """
    dq = (p - y) / n
    dw2 = h.T @ dq
    db2 = np.sum(dq)
    dh = dq[:, None] * w2[None, :]
    dz = dh * (h * (1 - h))
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("h * (1 - h)", "h", "z")])  # fmt: skip


def sigmoid_softmax(W1, b1, W2, b2, X, y, lam):
    n = len(y)
    z = X @ W1 + b1
    h = 1 / (1 + np.exp(-z))
    s = h @ W2 + b2
    p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(n), y])) / n + lam * np.sum(W1**2) + lam * np.sum(W2**2)


NETWORKS.add("sigmoid, softmax, ridge", sigmoid_softmax, ("W1", "b1", "W2", "b2"),
             also(to_classes, 0.3), """
    k = len(b2)
    ds = (p - np.eye(k)[y]) / n
    dW2 = h.T @ ds + 2 * lam * W2
    db2 = ds.sum(axis=0)
    dz = ds @ W2.T * (h * (1 - h))
    dW1 = X.T @ dz + 2 * lam * W1
    db1 = dz.sum(axis=0)
""", [("h * (1 - h)", "h", "z")])  # fmt: skip


def sigmoid_squares(W1, b1, W2, b2, X, Y):
    z1 = X @ W1 + b1
    a1 = 1 / (1 + np.exp(-z1))
    z2 = a1 @ W2 + b2
    a2 = 1 / (1 + np.exp(-z2))
    return 0.5 * np.sum((a2 - Y) ** 2)


NETWORKS.add("sigmoids throughout, squares", sigmoid_squares, ("W1", "b1", "W2", "b2"),
             to_outputs, """
    delta2 = (a2 - Y) * (a2 * (1 - a2))
    dW2 = a1.T @ delta2
    db2 = delta2.sum(axis=0)
    delta1 = (delta2 @ W2.T) * (a1 * (1 - a1))
    dW1 = X.T @ delta1
    db1 = delta1.sum(axis=0)
""", [("a2 * (1 - a2)", "a2", "z2"), ("a1 * (1 - a1)", "a1", "z1")])  # fmt: skip


def columns(W1, b1, W2, b2, X, Y):
    m = X.shape[1]
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = 1 / (1 + np.exp(-Z2))
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m


NETWORKS.add("tanh, examples in columns", columns, ("W1", "b1", "W2", "b2"),
             lambda rng: (*normal(rng, (H, D), (H, 1), (1, H), (1, 1), (D, N)),
                          np.arange(N)[None, :] % 2.0), """
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.dot(W2.T, dZ2) * (1 - A1**2)
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
""", [("1 - A1**2", "A1", "Z1")])  # fmt: skip


def one_example(W1, b1, W2, b2, x, y):
    z1 = W1 @ x + b1
    a1 = 1 / (1 + np.exp(-z1))
    z2 = W2 @ a1 + b2
    e = np.exp(z2)
    p = e / e.sum()
    return -np.log(p[y])


NETWORKS.add("one example, sigmoid", one_example, ("W1", "b1", "W2", "b2"),
             lambda rng: (*normal(rng, (H, D), H, (K, H), K, D), 2), """
    dz2 = p - np.eye(len(b2))[y]
    dW2 = np.outer(dz2, a1)
    db2 = dz2
    da1 = W2.T @ dz2
    dz1 = da1 * (a1 * (1 - a1))
    dW1 = np.outer(dz1, x)
    db1 = dz1
""", [("a1 * (1 - a1)", "a1", "z1")])  # fmt: skip


def autoencoder(W1, b1, W2, b2, X):
    n, d = X.shape
    z = X @ W1 + b1
    h = np.tanh(z)
    R = h @ W2 + b2 - X
    return np.sum(R**2) / (n * d)


NETWORKS.add("autoencoder", autoencoder, ("W1", "b1", "W2", "b2"),
             lambda rng: normal(rng, (D, K), K, (K, D), D, (N, D)), """
    dR = 2 * R / (n * d)
    dW2 = h.T @ dR
    db2 = dR.sum(axis=0)
    dz = (dR @ W2.T) * (1 - h**2)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("1 - h**2", "h", "z")])  # fmt: skip


def tied(W, b, c, X, lam):
    n = X.shape[0]
    z = X @ W + b
    h = 1 / (1 + np.exp(-z))
    R = h @ W.T + c - X
    return np.sum(R**2) / n + lam * np.sum(W**2)


NETWORKS.add("autoencoder, tied weights", tied, ("W", "b", "c"),
             lambda rng: (*normal(rng, (D, K), K, D, (N, D)), 0.3), """
    dR = 2 * R / n
    dz = (dR @ W) * (h * (1 - h))
    dW = X.T @ dz + dR.T @ h + 2 * lam * W
    db = dz.sum(axis=0)
    dc = dR.sum(axis=0)
""", [("h * (1 - h)", "h", "z")])  # fmt: skip


def gelu(W1, b1, W2, b2, X, Y):
    n = X.shape[0]
    z = X @ W1 + b1
    u = np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)
    t = np.tanh(u)
    h = 0.5 * z * (1 + t)
    R = h @ W2 + b2 - Y
    return np.sum(R**2) / n


NETWORKS.add("GELU", gelu, ("W1", "b1", "W2", "b2"), to_outputs, """
    dR = 2 * R / n
    dW2 = h.T @ dR
    db2 = dR.sum(axis=0)
    dh = dR @ W2.T
    du = dh * 0.5 * z * (1 - t**2)
    dz = 0.5 * (1 + t) * dh + du * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("1 - t**2", "t", "u")])  # fmt: skip


def swish(W1, b1, W2, b2, X, Y):
    n = X.shape[0]
    z = X @ W1 + b1
    p = 1 / (1 + np.exp(-z))
    h = z * p
    R = h @ W2 + b2 - Y
    return np.sum(R**2) / n


NETWORKS.add("swish", swish, ("W1", "b1", "W2", "b2"), to_outputs, """
    dR = 2 * R / n
    dW2 = h.T @ dR
    db2 = dR.sum(axis=0)
    dh = dR @ W2.T
    dz = dh * (p + z * p * (1 - p))
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("p + z * p * (1 - p)", "z", "h")])  # fmt: skip


def softplus(W1, b1, W2, b2, X, Y):
    n = X.shape[0]
    z = X @ W1 + b1
    h = np.log(1 + np.exp(z))
    R = h @ W2 + b2 - Y
    return np.sum(R**2) / n


NETWORKS.add("softplus", softplus, ("W1", "b1", "W2", "b2"), to_outputs, """
    dR = 2 * R / n
    dW2 = h.T @ dR
    db2 = dR.sum(axis=0)
    dz = dR @ W2.T * (1 / (1 + np.exp(-z)))
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("1 / (1 + np.exp(-z))", "z", "h")])  # fmt: skip


def elu(W1, W2, X, Y):
    n = X.shape[0]
    z = X @ W1
    h = np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1)
    R = h @ W2 - Y
    return np.sum(R**2) / n


NETWORKS.add("ELU", elu, ("W1", "W2"),
             lambda rng: normal(rng, (D, H), (H, K), (N, D), (N, K)), """
    dR = 2 * R / n
    dW2 = h.T @ dR
    dz = (dR @ W2.T) * np.where(z > 0, 1, h + 1)
    dW1 = X.T @ dz
""", [("np.where(z > 0, 1, h + 1)", "h", "z")])  # fmt: skip


def leaky(W1, b1, W2, b2, X, Y, a):
    n = X.shape[0]
    z = X @ W1 + b1
    h = np.where(z > 0, z, a * z)
    R = h @ W2 + b2 - Y
    return np.sum(R**2) / n


NETWORKS.add("leaky ReLU", leaky, ("W1", "b1", "W2", "b2"), also(to_outputs, 0.1), """
    dR = 2 * R / n
    dW2 = h.T @ dR
    db2 = dR.sum(axis=0)
    dz = (dR @ W2.T) * np.where(z > 0, 1, a)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("np.where(z > 0, 1, a)", "z")])  # fmt: skip


def sine(W1, b1, W2, X, Y, omega):
    z = X @ W1 + b1
    h = np.sin(omega * z)
    R = h @ W2 - Y
    return 0.5 * np.sum(R**2)


NETWORKS.add("sine network", sine, ("W1", "b1", "W2"),
             lambda rng: (*normal(rng, (D, H), H, (H, K), (N, D), (N, K)), 1.5), """
    dW2 = h.T @ R
    dz = R @ W2.T * omega * np.cos(omega * z)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("np.cos(omega * z)", "z", "h")])  # fmt: skip


def arctangent(W1, b1, W2, X, Y):
    z = X @ W1 + b1
    h = np.arctan(z)
    R = h @ W2 - Y
    return 0.5 * np.sum(R**2)


NETWORKS.add("arctan network", arctangent, ("W1", "b1", "W2"),
             lambda rng: normal(rng, (D, H), H, (H, K), (N, D), (N, K)), """
    dW2 = h.T @ R
    dz = (R @ W2.T) * (1 / (1 + z**2))
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("1 / (1 + z**2)", "z", "h")])  # fmt: skip


def bells(W1, W2, X, Y, lam):
    z = X @ W1
    h = np.exp(-(z**2))
    R = h @ W2 - Y
    return 0.5 * np.sum(R**2) + 0.5 * lam * np.sum(W2**2)


NETWORKS.add("bell network, ridge", bells, ("W1", "W2"),
             lambda rng: (*normal(rng, (D, H), (H, K), (N, D), (N, K)), 0.3), """
    dW2 = h.T @ R + lam * W2
    dz = (R @ W2.T) * (-2 * z * np.exp(-(z**2)))
    dW1 = X.T @ dz
""", [("-2 * z * np.exp(-(z**2))", "z", "h")])  # fmt: skip


def exponential_network(W1, b1, w2, X, y):
    n = len(y)
    z = X @ W1 + b1
    h = np.exp(z)
    r = h @ w2 - y
    return np.sum(r**2) / n


NETWORKS.add("exponential units", exponential_network, ("W1", "b1", "w2"),
             lambda rng: (*normal(rng, (D, H), H, H), 0.3 * normal(rng, (N, D))[0],
                          *normal(rng, N)), """
    dr = 2 * r / n
    dw2 = h.T @ dr
    dz = np.outer(dr, w2) * np.exp(z)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("np.exp(z)", "z", "h")])  # fmt: skip


def square_units(W1, b1, w2, X, y):
    n = len(y)
    z = X @ W1 + b1
    h = z**2
    r = h @ w2 - y
    return np.sum(r**2) / n


NETWORKS.add("quadratic units", square_units, ("W1", "b1", "w2"),
             lambda rng: normal(rng, (D, H), H, H, (N, D), N), """
    dr = 2 * r / n
    dw2 = h.T @ dr
    dz = np.outer(dr, w2) * (2 * z)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
""", [("2 * z", "z", "h")])  # fmt: skip


def residual(W, V, X, Y):
    n = X.shape[0]
    z = X @ W
    h = X + np.tanh(z) @ V
    return np.sum((h - Y) ** 2) / n


NETWORKS.add("residual block", residual, ("W", "V", "X"),
             lambda rng: normal(rng, (D, H), (H, D), (N, D), (N, D)), """
    t = np.tanh(z)
    dh = 2 * (h - Y) / n
    dV = t.T @ dh
    dz = (dh @ V.T) * (1 - t**2)
    dW = X.T @ dz
    dX = dh + dz @ W.T
""", [("1 - t**2", "t", "z")])  # fmt: skip


def recurrent(W, U, x1, x2, h0, y):
    z1 = W @ h0 + U @ x1
    h1 = np.tanh(z1)
    z2 = W @ h1 + U @ x2
    h2 = np.tanh(z2)
    return 0.5 * np.sum((h2 - y) ** 2)


NETWORKS.add("recurrent, two steps", recurrent, ("W", "U", "h0"),
             lambda rng: normal(rng, (H, H), (H, D), D, D, H, H), """
    dz2 = (h2 - y) * (1 - h2**2)
    dh1 = W.T @ dz2
    dz1 = dh1 * (1 - h1**2)
    dW = np.outer(dz2, h1) + np.outer(dz1, h0)
    dU = np.outer(dz2, x2) + np.outer(dz1, x1)
    dh0 = W.T @ dz1
""", [("1 - h2**2", "h2", "z2"), ("1 - h1**2", "h1", "z1")])  # fmt: skip


def gate(Wg, Wh, X, Y):
    n = X.shape[0]
    a = X @ Wg
    g = 1 / (1 + np.exp(-a))
    z = X @ Wh
    c = np.tanh(z)
    R = g * c - Y
    return np.sum(R**2) / n


NETWORKS.add("gated unit", gate, ("Wg", "Wh"),
             lambda rng: normal(rng, (D, K), (D, K), (N, D), (N, K)), """
    dR = 2 * R / n
    da = dR * c * (g * (1 - g))
    dz = dR * g * (1 - c**2)
    dWg = X.T @ da
    dWh = X.T @ dz
""", [("g * (1 - g)", "g", "a"), ("1 - c**2", "c", "z")])  # fmt: skip


def dropout(W1, W2, X, mask, Y, keep):
    n = X.shape[0]
    z = X @ W1
    h = np.tanh(z) * mask / keep
    R = h @ W2 - Y
    return np.sum(R**2) / n


NETWORKS.add("tanh with dropout", dropout, ("W1", "W2"),
             lambda rng: (*normal(rng, (D, H), (H, K), (N, D)),
                          (rng.random((N, H)) < 0.7).astype(float), *normal(rng, (N, K)), 0.7), """
    dR = 2 * R / n
    dW2 = h.T @ dR
    t = np.tanh(z)
    dz = (dR @ W2.T) * mask / keep * (1 - t**2)
    dW1 = X.T @ dz
""", [("1 - t**2", "t", "z")])  # fmt: skip


def vae(W_mu, W_var, W_out, X, noise):
    n = X.shape[0]
    mu = X @ W_mu
    log_var = X @ W_var
    z = mu + np.exp(0.5 * log_var) * noise
    R = z @ W_out - X
    kl = -0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var))
    return (0.5 * np.sum(R**2) + kl) / n


NETWORKS.add("VAE", vae, ("W_mu", "W_var", "W_out"),
             lambda rng: normal(rng, (D, K), (D, K), (K, D), (N, D), (N, K)), """
    dW_out = z.T @ R / n
    dz = R @ W_out.T
    dmu = dz + mu
    dlog_var = 0.5 * dz * np.exp(0.5 * log_var) * noise + 0.5 * (np.exp(log_var) - 1)
    dW_mu = X.T @ dmu / n
    dW_var = X.T @ dlog_var / n
""")  # fmt: skip


def radial(C, w, X, y, s):
    n = len(y)
    S = np.sum((X[:, None, :] - C) ** 2, axis=2)
    h = np.exp(-S / (2 * s**2))
    r = h @ w - y
    return np.sum(r**2) / n


NETWORKS.add("radial basis network", radial, ("w", "C"),
             lambda rng: (*normal(rng, (K, D), K, (N, D), N), 1.6), """
    dr = 2 * r / n
    dw = h.T @ dr
    G = np.outer(dr, w) * h / s**2
    dC = G.T @ X - G.sum(axis=0)[:, None] * C
""")  # fmt: skip
