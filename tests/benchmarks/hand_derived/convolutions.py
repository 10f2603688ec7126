"""Convolutions and pooling on images, through windows that slide over them."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.benchmarks.hand_derived.entry import Loss, fixed

PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))  # in a window of 2 x 2


def conv_net(K1, b1, K2, b2, W, b, X, y):
    windows = sliding_window_view(X, (3, 3), axis=(1, 2))
    h1 = np.maximum(np.einsum("nijuv,uvk->nijk", windows, K1) + b1, 0)
    p = sliding_window_view(h1, (2, 2), axis=(1, 2))[:, ::2, ::2].max(axis=(-2, -1))
    patches = sliding_window_view(p, (2, 2), axis=(1, 2))
    h2 = np.maximum(np.einsum("nijcuv,cuvk->nijk", patches, K2) + b2, 0)
    s = h2.reshape(len(X), -1) @ W + b
    s = s - s.max(axis=1, keepdims=True)
    log_p = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean()


def conv_net_by_hand(K1, b1, K2, b2, W, b, X, y):
    """K. Chellapilla, S. Puri, P. Simard, "High performance convolutional neural networks" (2006):
    products of matrices of patches, whose gradient is added back patch by patch.
    """
    n, rows, columns = X.shape
    rows, columns, c, k = rows - 2, columns - 2, K1.shape[2], K2.shape[3]
    half, width = rows // 2, columns // 2
    patches1 = sliding_window_view(X, (3, 3), axis=(1, 2)).reshape(-1, 9)
    h1 = patches1 @ K1.reshape(9, c)
    h1 += b1
    np.maximum(h1, 0, out=h1)
    h1 = h1.reshape(n, rows, columns, c)
    corners = [h1[:, i : 2 * half : 2, j : 2 * width : 2] for i, j in PLACES]
    p = np.maximum.reduce(corners)
    patches2 = sliding_window_view(p, (2, 2), axis=(1, 2)).reshape(-1, 4 * c)
    filters = K2.reshape(4 * c, k)
    h2 = patches2 @ filters
    h2 += b2
    np.maximum(h2, 0, out=h2)
    flat = h2.reshape(n, -1)
    s = flat @ W
    s += b
    s -= s.max(axis=1, keepdims=True)
    e = np.exp(s)
    total = e.sum(axis=1, keepdims=True)
    at = np.arange(n)
    value = np.mean(np.log(total[:, 0]) - s[at, y])
    e /= total
    e[at, y] -= 1
    e /= n
    dW, db = flat.T @ e, e.sum(axis=0)
    dz2 = (e @ W.T).reshape(-1, k)
    dz2 *= h2 > 0
    dK2, db2 = (patches2.T @ dz2).reshape(K2.shape), dz2.sum(axis=0)
    dpatches2 = (dz2 @ filters.T).reshape(n, half - 1, width - 1, c, 2, 2)
    dp = np.zeros_like(p)
    for i, j in PLACES:
        dp[:, i : i + half - 1, j : j + width - 1] += dpatches2[..., i, j]
    dp /= np.sum([corner == p for corner in corners], axis=0)
    dz1 = np.zeros_like(h1)
    for (i, j), corner in zip(PLACES, corners, strict=True):
        dz1[:, i : 2 * half : 2, j : 2 * width : 2] = (corner == p) * dp
    dz1 *= h1 > 0
    dz1 = dz1.reshape(-1, c)
    dK1, db1 = (patches1.T @ dz1).reshape(K1.shape), dz1.sum(axis=0)
    return value, (dK1, db1, dK2, db2, dW, db)


def conv_net_arguments(rng, n, size=8, c=8, k=16, classes=10):
    return (
        rng.standard_normal((3, 3, c)) / 3,
        0.1 * rng.standard_normal(c),
        rng.standard_normal((c, 2, 2, k)) / (4 * c) ** 0.5,
        0.1 * rng.standard_normal(k),
        rng.standard_normal((((size - 2) // 2 - 1) ** 2 * k, classes)) / k**0.5,
        0.1 * rng.standard_normal(classes),
        rng.standard_normal((n, size, size)),
        rng.integers(0, classes, n),
    )


def mean_pooling(x, k, T):
    blurred = np.tensordot(sliding_window_view(x, k.shape), k, axes=2)
    pooled = sliding_window_view(blurred, (2, 2))[::2, ::2].mean(axis=(2, 3))
    return np.sum((pooled - T) ** 2)


def mean_pooling_by_hand(x, k, T):
    """A convolution and means of blocks, both linear: each passes its transpose back."""
    u, v = k.shape
    windows = sliding_window_view(x, (u, v)).reshape(-1, u * v)
    blurred = (windows @ k.ravel()).reshape(x.shape[0] - u + 1, x.shape[1] - v + 1)
    rows, columns = T.shape
    corners = [(slice(i, 2 * rows, 2), slice(j, 2 * columns, 2)) for i, j in PLACES]
    r = blurred[corners[0]] + blurred[corners[1]]
    r += blurred[corners[2]]
    r += blurred[corners[3]]
    r /= 4
    r -= T
    value = np.vdot(r, r)
    r /= 2
    dblurred = np.zeros_like(blurred)
    for corner in corners:
        dblurred[corner] = r
    dk = (dblurred.ravel() @ windows).reshape(u, v)
    dx = np.zeros_like(x)
    for i in range(u):
        for j in range(v):
            dx[i : i + blurred.shape[0], j : j + blurred.shape[1]] += k[i, j] * dblurred
    return value, (dx, dk)


def mean_pooling_arguments(rng, n, columns=40):
    rows = 2 * n + 2
    return (
        rng.standard_normal((rows, columns)),
        rng.standard_normal((3, 3)),
        rng.standard_normal((n, (columns - 2) // 2)),
    )


CONVOLUTIONS = (
    Loss("convolutional network", conv_net, ("K1", "b1", "K2", "b2", "W", "b"),
         conv_net_by_hand, conv_net_arguments, 500, {
             "one image": lambda: conv_net_arguments(fixed(), 1, 6, 2, 2, 3),
             "a blank image": lambda: (*conv_net_arguments(fixed(1), 2, 6, 2, 2, 3)[:6],
                                      np.zeros((2, 6, 6)), np.array([0, 2])),
         }),
    Loss("filter and mean pooling", mean_pooling, ("x", "k"), mean_pooling_by_hand,
         mean_pooling_arguments, 200, {
             "one block": lambda: (np.arange(16.0).reshape(4, 4), np.ones((3, 3)),
                                   np.full((1, 1), 50.0)),
         }),
)  # fmt: skip
