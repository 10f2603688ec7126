"""Iris: train a 4-8-9-3 network with a gradient that symgrad wrote.

Prints the loss at every tenth epoch and leaves two files in the current folder: `iris_grad.py`,
the gradient as a NumPy module to read, and `iris_loss.png`, if matplotlib is installed.
"""

import runpy
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import symgrad

# %% The data: 150 flowers, 4 lengths each, 3 species; 30 flowers are held out
table = np.loadtxt(Path(__file__).parent / "data" / "iris.csv", delimiter=",", skiprows=1)
X, y = table[:, :4], table[:, 4].astype(int)
order = np.random.RandomState(41).permutation(150)
test, train = order[:30], order[30:]


# %% The model and its loss, in plain NumPy
def scores(W1, b1, W2, b2, W3, b3, X):
    h1 = np.maximum(0, X @ W1.T + b1)
    h2 = np.maximum(0, h1 @ W2.T + b2)
    return h2 @ W3.T + b3


def loss(W1, b1, W2, b2, W3, b3, X, y):
    """Mean cross-entropy of the network's scores."""
    N = X.shape[0]
    s = scores(W1, b1, W2, b2, W3, b3, X)
    m = s.max(axis=1, keepdims=True)
    log_p = s - m - np.log(np.exp(s - m).sum(axis=1, keepdims=True))
    return -log_p[np.arange(N), y].mean()


# %% Weights and biases uniform in +-1/sqrt(fan_in), 24 random bits each
rng = np.random.RandomState(41)


def uniform(shape, bound):
    bits = rng.randint(0, 2**32, np.prod(shape), dtype=np.uint32) & 0xFFFFFF
    return (bits / 2**24 * 2 - 1).reshape(shape) * bound


params = []
for fan_in, fan_out in [(4, 8), (8, 9), (9, 3)]:
    params += [uniform((fan_out, fan_in), fan_in**-0.5), uniform((fan_out,), fan_in**-0.5)]

# %% The gradient: the first call writes the module and checks its value against `loss`
gradient = symgrad.compile(loss, wrt=("W1", "b1", "W2", "b2", "W3", "b3"))
gradient.value_and_grad(*params, X[train], y[train])
gradient.save("iris_grad.py")
value_and_grad = runpy.run_path("iris_grad.py")["value_and_grad"]  # from here on, only NumPy

# %% Adam, learning rate 0.01, 100 epochs over all 120 flowers
mean, square, losses = [0.0] * len(params), [0.0] * len(params), []
for epoch in range(100):
    value, grads = value_and_grad(*params, X[train], y[train])
    losses.append(value)
    if epoch % 10 == 0:
        print(f"epoch {epoch:2d}  loss {value:.6f}")
    for k, g in enumerate(grads):
        mean[k] = 0.9 * mean[k] + 0.1 * g
        square[k] = 0.999 * square[k] + 0.001 * g**2
        step = mean[k] / (1 - 0.9 ** (epoch + 1))
        params[k] -= 0.01 * step / (np.sqrt(square[k] / (1 - 0.999 ** (epoch + 1))) + 1e-8)

# %% How good is it?
right = np.sum(scores(*params, X[test]).argmax(axis=1) == y[test])
print(f"{right} of {len(test)} held-out flowers right; the gradient is in iris_grad.py")
if find_spec("matplotlib"):
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.add_subplot(xlabel="epoch", ylabel="loss", title="Iris, cross-entropy")
    axes.plot(losses)
    figure.savefig("iris_loss.png")
