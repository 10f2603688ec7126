"""Normalisation and attention."""

import numpy as np

from tests.judge_corpus.entry import LABELS, D, H, K, M, N, Subject, normal

LAYERS = Subject()


def batch_norm(X, gamma, beta, T):
    n = X.shape[0]
    mean = X.mean(axis=0)
    var = X.var(axis=0)
    root = np.sqrt(var + 1e-5)
    X_hat = (X - mean) / root
    R = gamma * X_hat + beta - T
    return np.sum(R**2) / n


LAYERS.add("batch norm", batch_norm, ("X", "gamma", "beta"),
           lambda rng: normal(rng, (N, D), D, D, (N, D)), """
    dout = 2 * R / n
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * X_hat, axis=0)
    dX_hat = dout * gamma
    dX = (dX_hat - dX_hat.mean(axis=0) - X_hat * np.mean(dX_hat * X_hat, axis=0)) / root
""")  # fmt: skip


def batch_norm_given(X, gamma, beta, G):
    mean = X.mean(axis=0)
    sigma = X.std(axis=0)
    X_hat = (X - mean) / sigma
    return np.sum(G * (gamma * X_hat + beta))


LAYERS.add("batch norm, upstream given", batch_norm_given, ("X", "gamma", "beta"),
           lambda rng: normal(rng, (N, D), D, D, (N, D)), """
    n = X.shape[0]
    dbeta = G.sum(axis=0)
    dgamma = (G * X_hat).sum(axis=0)
    g = G * gamma
    dX = (n * g - g.sum(axis=0) - X_hat * np.sum(g * X_hat, axis=0)) / (n * sigma)
""")  # fmt: skip


def layer_norm(X, gain, bias, T):
    n = X.shape[0]
    mean = X.mean(axis=1, keepdims=True)
    root = np.sqrt(X.var(axis=1, keepdims=True) + 1e-5)
    X_hat = (X - mean) / root
    R = gain * X_hat + bias - T
    return np.sum(R**2) / n


LAYERS.add("layer norm", layer_norm, ("X", "gain", "bias"),
           lambda rng: normal(rng, (N, D), D, D, (N, D)), """
    d = X.shape[1]
    dout = 2 * R / n
    dbias = dout.sum(axis=0)
    dgain = np.sum(dout * X_hat, axis=0)
    g = dout * gain
    along = np.sum(g * X_hat, axis=1, keepdims=True) / d
    dX = (g - np.mean(g, axis=1, keepdims=True) - X_hat * along) / root
""")  # fmt: skip


def rms_norm(X, gain, T):
    n = X.shape[0]
    rms = np.sqrt(np.mean(X**2, axis=1, keepdims=True) + 1e-6)
    U = X / rms
    return np.sum((gain * U - T) ** 2) / n


LAYERS.add("RMS norm", rms_norm, ("X", "gain"),
           lambda rng: normal(rng, (N, D), D, (N, D)), """
    d = X.shape[1]
    dout = 2 * (gain * U - T) / n
    dgain = np.sum(dout * U, axis=0)
    g = dout * gain
    dX = (g - U * np.sum(g * U, axis=1, keepdims=True) / d) / rms
""")  # fmt: skip


def unit_rows(X, T):
    norm = np.sqrt(np.sum(X**2, axis=1, keepdims=True))
    U = X / norm
    return 0.5 * np.sum((U - T) ** 2)


LAYERS.add("rows of length 1", unit_rows, "X", lambda rng: normal(rng, (N, D), (N, D)), """
    G = U - T
    dX = (G - U * np.sum(G * U, axis=1, keepdims=True)) / norm
""")  # fmt: skip


def weight_norm(v, g, X, y):
    n = len(y)
    length = np.sqrt(v @ v)
    w = g * v / length
    r = X @ w - y
    return np.sum(r**2) / n


LAYERS.add("weight normalisation", weight_norm, ("v", "g"),
           lambda rng: (*normal(rng, D), 1.3, *normal(rng, (N, D), N)), """
    dw = X.T @ (2 * r / n)
    dg = dw @ v / length
    dv = g / length * (dw - dg * v / length)
""")  # fmt: skip


def attention(Wq, Wk, Wv, X, T):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    scale = np.sqrt(Wq.shape[1])
    S = Q @ K.T / scale
    E = np.exp(S)
    A = E / E.sum(axis=1, keepdims=True)
    R = A @ V - T
    return np.sum(R**2)


LAYERS.add("attention", attention, ("Wq", "Wk", "Wv"),
           lambda rng: normal(rng, (D, H), (D, H), (D, K), (N, D), (N, K)), """
    dO = 2 * R
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - np.sum(dA * A, axis=1, keepdims=True)) / scale
    dQ = dS @ K
    dK = dS.T @ Q
    dWq = X.T @ dQ
    dWk = X.T @ dK
    dWv = X.T @ dV
""")  # fmt: skip


def scores(Q, K, V, G):
    S = Q @ K.T
    E = np.exp(S)
    A = E / E.sum(axis=1, keepdims=True)
    return np.sum(G * (A @ V))


LAYERS.add("attention, upstream given", scores, ("Q", "K", "V"),
           lambda rng: normal(rng, (N, D), (M, D), (M, H), (N, H)), """
    dV = A.T @ G
    dA = G @ V.T
    rowsum = np.sum(dA * A, axis=1)
    dS = A * (dA - rowsum[:, None])
    dQ = dS @ K
    dK = dS.T @ Q
""")  # fmt: skip


def attention_pool(q, K, v, y):
    s = K @ q
    e = np.exp(s)
    a = e / e.sum()
    r = a @ v - y
    return r**2


LAYERS.add("attention of one query", attention_pool, ("q", "K", "v"),
           lambda rng: (*normal(rng, D, (N, D), N), 0.4), """
    da = 2 * r * v
    ds = a * (da - a @ da)
    dq = K.T @ ds
    dK = np.outer(ds, q)
    dv = 2 * r * a
""")  # fmt: skip


def mean_pool(E, W, y):
    h = E.mean(axis=0)
    s = h @ W
    e = np.exp(s)
    p = e / e.sum()
    return -np.log(p[y])


LAYERS.add("mean pooling, softmax", mean_pool, ("E", "W"),
           lambda rng: (*normal(rng, (N, D), (D, K)), 1), """
    k = W.shape[1]
    n = len(E)
    ds = p - np.eye(k)[y]
    dW = np.outer(h, ds)
    dE = np.ones((n, 1)) * (W @ ds) / n
""")  # fmt: skip


def norm_softmax(W, gamma, X, y):
    n = len(y)
    mean = X.mean(axis=0)
    X_hat = (X - mean) / X.std(axis=0)
    s = (gamma * X_hat) @ W
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(n), y])) / n


LAYERS.add("standardised features, softmax", norm_softmax, ("W", "gamma"),
           lambda rng: (*normal(rng, (D, K), D, (N, D)), LABELS), """
    k = W.shape[1]
    ds = (p - np.eye(k)[y]) / n
    dW = (gamma * X_hat).T @ ds
    dgamma = np.sum(X_hat * (ds @ W.T), axis=0)
""")  # fmt: skip
