"""Digits: a convolutional network in plain NumPy, trained with a gradient that symgrad wrote.

Takes 2 seconds on one core and gets at least 98 % of the held-out fifth right.
`digits_conv.toml` names `network` as its model, for `symgrad compile` and `symgrad train`.
"""

from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import symgrad
from symgrad.losses import softmax_cross_entropy


# %% The network: two convolutions, the first pooled, and a linear layer
def convolve(x, K, b):
    """Slide filters K (k, c, u, v) over images x (n, i, j, c)."""
    windows = sliding_window_view(x, K.shape[2:], axis=(1, 2))
    return np.einsum("nijcuv,kcuv->nijk", windows, K, optimize=True) + b


def pool(x):
    """Keep the largest of each 2 x 2 block."""
    return sliding_window_view(x, (2, 2), axis=(1, 2))[:, ::2, ::2].max(axis=(-2, -1))


def network(K1, b1, K2, b2, W, b, X):
    """Return the scores of 10 digits for images X, one of 64 pixels a row."""
    images = np.pad(X.reshape(-1, 8, 8, 1) / 16, ((0, 0), (1, 1), (1, 1), (0, 0)))
    h1 = pool(np.maximum(convolve(images, K1, b1), 0))
    h2 = np.maximum(convolve(h1, K2, b2), 0)
    return h2.reshape(len(X), -1) @ W + b


def loss(K1, b1, K2, b2, W, b, X, y):
    return softmax_cross_entropy(network(K1, b1, K2, b2, W, b, X), y)


if __name__ == "__main__":
    # %% The data: 1,797 images; a fifth is held out
    file = Path(__file__).parent / "data" / "digits.csv.gz"
    table = np.loadtxt(file, delimiter=",", skiprows=1)
    X, y = table[:, :64], table[:, 64].astype(int)
    rng = np.random.RandomState(0)
    order = rng.permutation(len(y))
    test, train = order[: len(y) // 5], order[len(y) // 5 :]

    # %% He's initialisation, then AdamW
    params = {
        "K1": rng.standard_normal((32, 1, 3, 3)) * np.sqrt(2 / 9),
        "b1": np.zeros(32),
        "K2": rng.standard_normal((64, 32, 3, 3)) * np.sqrt(2 / 288),
        "b2": np.zeros(64),
        "W": rng.standard_normal((256, 10)) * np.sqrt(2 / 256),
        "b": np.zeros(10),
    }
    trained = symgrad.train(
        loss,
        params=params,
        data=(X[train], y[train]),
        optimizer=symgrad.optim.AdamW(lr=0.005, weight_decay=0.1),
        epochs=12,
        batch=32,
        progress=False,
    )

    # %% How good is it?
    right = network(**trained.params, X=X[test]).argmax(axis=1) == y[test]
    print(f"{right.mean():.1%} of {len(test)} held-out digits right")
