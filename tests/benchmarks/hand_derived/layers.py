"""Normalisation and attention."""

import math

import numpy as np

from tests.benchmarks.hand_derived.entry import Loss, fixed


def batch_norm(X, gamma, beta, T):
    mean = np.mean(X, axis=0)
    var = np.var(X, axis=0)
    X_hat = (X - mean) / np.sqrt(var + 1e-5)
    return np.mean((gamma * X_hat + beta - T) ** 2)


def batch_norm_by_hand(X, gamma, beta, T):
    """S. Ioffe and C. Szegedy, "Batch normalization" (2015), section 3, multiplied out."""
    n = len(X)
    ones = np.ones(n)
    X_hat = X - ones @ X / n
    scale = 1 / np.sqrt(np.einsum("ij,ij->j", X_hat, X_hat) / n + 1e-5)
    X_hat *= scale
    g = X_hat * gamma
    g += beta
    g -= T
    value = np.vdot(g, g) / g.size
    g *= 2 / g.size
    dbeta = ones @ g
    dgamma = np.einsum("ij,ij->j", g, X_hat)
    X_hat *= dgamma / n
    g -= X_hat
    g -= dbeta / n
    g *= gamma * scale
    return value, (g, dgamma, dbeta)


def layer_norm(X, gain, bias, T):
    mean = X.mean(axis=1, keepdims=True)
    var = X.var(axis=1, keepdims=True)
    out = gain * (X - mean) / np.sqrt(var + 1e-5) + bias
    return np.mean((out - T) ** 2)


def layer_norm_by_hand(X, gain, bias, T):
    """J. Ba, J. Kiros, G. Hinton, "Layer normalization" (2016), section 3, multiplied out."""
    d = X.shape[1]
    mean = np.full(d, 1 / d)
    X_hat = X - (X @ mean)[:, None]
    scale = 1 / np.sqrt(np.einsum("ij,ij->i", X_hat, X_hat)[:, None] / d + 1e-5)
    X_hat *= scale
    g = X_hat * gain
    g += bias
    g -= T
    value = np.vdot(g, g) / g.size
    g *= 2 / g.size
    dbias = np.ones(len(g)) @ g
    dgain = np.einsum("ij,ij->j", g, X_hat)
    g *= gain
    along = np.einsum("ij,ij->i", g, X_hat)[:, None] / d
    g -= (g @ mean)[:, None]
    X_hat *= along
    g -= X_hat
    g *= scale
    return value, (g, dgain, dbias)


def rms_norm(X, gain, T):
    rms = np.sqrt(np.mean(X**2, axis=1, keepdims=True) + 1e-6)
    return np.mean((gain * X / rms - T) ** 2)


def rms_norm_by_hand(X, gain, T):
    """B. Zhang and R. Sennrich, "Root mean square layer normalization" (2019), section 4."""
    d = X.shape[1]
    scale = 1 / np.sqrt(np.einsum("ij,ij->i", X, X)[:, None] / d + 1e-6)
    X_hat = X * scale
    g = X_hat * gain
    g -= T
    value = np.vdot(g, g) / g.size
    g *= 2 / g.size
    dgain = np.einsum("ij,ij->j", g, X_hat)
    g *= gain
    X_hat *= np.einsum("ij,ij->i", g, X_hat)[:, None] / d
    g -= X_hat
    g *= scale
    return value, (g, dgain)


def attention(Wq, Wk, Wv, Wo, X, T):
    Q = X @ Wq
    K = X @ Wk
    V = X @ Wv
    scores = Q @ K.T / np.sqrt(Q.shape[1])
    e = np.exp(scores)
    A = e / e.sum(axis=1, keepdims=True)
    out = X + A @ V @ Wo
    return np.mean((out - T) ** 2)


def attention_by_hand(Wq, Wk, Wv, Wo, X, T):
    """A. Vaswani et al., "Attention is all you need" (2017), equation (1); the softmax's
    derivative is A * (dA - rowsum(A * dA)).
    """
    scale = 1 / math.sqrt(Wq.shape[1])
    Q = X @ Wq
    Q *= scale
    K = X @ Wk
    V = X @ Wv
    A = Q @ K.T
    A -= A.max(axis=1, keepdims=True)
    np.exp(A, out=A)
    A /= (A @ np.ones(len(A)))[:, None]
    H = A @ V
    g = H @ Wo
    g += X
    g -= T
    value = np.vdot(g, g) / g.size
    g *= 2 / g.size
    dH = g @ Wo.T
    dV = A.T @ dH
    dS = dH @ V.T
    dS -= np.einsum("ij,ij->i", dH, H)[:, None]
    dS *= A
    dQ = dS @ K
    dQ *= scale
    dK = dS.T @ Q
    dWo = H.T @ g
    g += dQ @ Wq.T
    g += dK @ Wk.T
    g += dV @ Wv.T
    return value, (X.T @ dQ, X.T @ dK, X.T @ dV, dWo, g)


def norm_arguments(rng, n, d=64):
    X, T = rng.standard_normal((2, n, d))
    return 2 * X + 1, rng.uniform(0.5, 1.5, d), rng.standard_normal(d), T


def rms_arguments(rng, n):
    X, gain, _, T = norm_arguments(rng, n)
    return X, gain, T


def attention_arguments(rng, n, d=32):
    weights = rng.standard_normal((4, d, d)) / np.sqrt(d)
    return *weights, *rng.standard_normal((2, n, d))


LAYERS = (
    Loss("batch norm", batch_norm, ("X", "gamma", "beta"), batch_norm_by_hand,
         norm_arguments, 500, {
             "one row": lambda: norm_arguments(fixed(), 1, 4),
             "far from 0, tiny variance": lambda: (1e6 + 1e-3 * np.arange(8.0).reshape(4, 2),
                                                   np.ones(2), np.zeros(2), np.eye(4)[:, 1:3]),
         }),
    Loss("layer norm", layer_norm, ("X", "gain", "bias"), layer_norm_by_hand,
         norm_arguments, 500, {
             "one row": lambda: norm_arguments(fixed(), 1, 4),
             "far from 0, tiny variance": lambda: (1e6 + 1e-3 * np.arange(8.0).reshape(2, 4),
                                                   np.ones(4), np.zeros(4), np.eye(4)[1:3]),
         }),
    Loss("RMS norm", rms_norm, ("X", "gain"), rms_norm_by_hand, rms_arguments, 500, {
        "one row": lambda: rms_arguments(fixed(), 1),
        "rows of 1e-10 and 1e150": lambda: (np.array([[1e-10, 2e-10], [1e150, -1e150]]),
                                            np.ones(2), np.ones((2, 2))),
    }),
    Loss("attention block", attention, ("Wq", "Wk", "Wv", "Wo", "X"), attention_by_hand,
         attention_arguments, 128, {
             "two tokens": lambda: attention_arguments(fixed(), 2, 4),
             "scores of 1e3": lambda: (30 * np.eye(2), 30 * np.eye(2), np.eye(2), np.eye(2),
                                       np.array([[1.0, 1.0], [1.0, 1.001]]), np.zeros((2, 2))),
         }),
)  # fmt: skip
