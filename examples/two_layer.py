"""Two layers on the digits: change one line of the loss and see what changes in its gradient."""

from difflib import unified_diff
from pathlib import Path

import numpy as np

import symgrad

# %% The data: 1797 images of 8 x 8 pixels; the last 297 are held out
table = np.loadtxt(Path(__file__).parent / "data" / "digits.csv.gz", delimiter=",", skiprows=1)
X, y = table[:, :64] / 16, table[:, 64].astype(int)
X_train, y_train, X_test, y_test = X[:1500], y[:1500], X[1500:], y[1500:]


# %% The score function W2 max(0, W1 x), and two ways to say how wrong the scores s are
def scores(W1, W2, X):
    h = np.maximum(0, X @ W1)
    return h @ W2


def softmax_loss(s, y):
    m = s.max(axis=1, keepdims=True)
    log_p = s - m - np.log(np.exp(s - m).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean()


def squared_loss(s, y):
    return ((s - np.eye(10)[y]) ** 2).sum(axis=1).mean()


# %% Train by gradient descent, say how good it is, return what symgrad wrote
def train(loss, rate, steps=300, lam=1e-4):
    gradient = symgrad.compile(loss, wrt=("W1", "W2"))
    rng = np.random.default_rng(0)
    W1, W2 = rng.normal(0, 0.1, (64, 32)), rng.normal(0, 0.1, (32, 10))
    for _ in range(steps):
        value, (dW1, dW2) = gradient.value_and_grad(W1, W2, X_train, y_train, lam)
        W1, W2 = W1 - rate * dW1, W2 - rate * dW2
    right = np.mean(scores(W1, W2, X_test).argmax(axis=1) == y_test)
    print(f"loss {value:.4f}, {right:.1%} of the held-out digits right")
    return gradient.source


# %% Softmax loss, and L2 on both weights
def loss(W1, W2, X, y, lam):
    s = scores(W1, W2, X)
    data = softmax_loss(s, y)
    return data + lam * (np.sum(W1**2) + np.sum(W2**2))


print("softmax loss:", end=" ")
softmax = train(loss, rate=0.5)


# %% The same again with one line changed
def loss(W1, W2, X, y, lam):
    s = scores(W1, W2, X)
    data = squared_loss(s, y)
    return data + lam * (np.sum(W1**2) + np.sum(W2**2))


print("squared loss:", end=" ")
squared = train(loss, rate=0.3)

# %% What changed in the gradient
diff = unified_diff(softmax.splitlines(), squared.splitlines(), "softmax", "squared", lineterm="")
print("", *diff, sep="\n")
