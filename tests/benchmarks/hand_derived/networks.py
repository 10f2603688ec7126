"""Networks of dense layers."""

import itertools
import math

import numpy as np

from tests.benchmarks.hand_derived.entry import Loss, fixed


def autoencoder(W1, b1, W2, b2, X):
    h = np.tanh(X @ W1 + b1)
    return np.mean((h @ W2 + b2 - X) ** 2)


def autoencoder_by_hand(W1, b1, W2, b2, X):
    """D. Rumelhart, G. Hinton, R. Williams, "Learning representations by back-propagating
    errors" (1986), with the input as the target.
    """
    h = X @ W1
    h += b1
    np.tanh(h, out=h)
    r = h @ W2
    r += b2
    r -= X
    value = np.vdot(r, r) / r.size
    r *= 2 / r.size
    dW2 = h.T @ r
    dz = r @ W2.T
    h *= h
    np.subtract(1, h, out=h)
    dz *= h
    ones = np.ones(len(X))
    return value, (X.T @ dz, ones @ dz, dW2, ones @ r)


def vae(W_mu, W_var, W_out, X, noise):
    mu = X @ W_mu
    log_var = X @ W_var
    z = mu + np.exp(0.5 * log_var) * noise
    p = 1 / (1 + np.exp(-(z @ W_out)))
    likelihood = np.sum(X * np.log(p) + (1 - X) * np.log(1 - p))
    kl = -0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var))
    return (kl - likelihood) / X.shape[0]


def vae_by_hand(W_mu, W_var, W_out, X, noise):
    """D. Kingma and M. Welling, "Auto-encoding variational Bayes" (2014), equation (10)."""
    n = len(X)
    mu = X @ W_mu
    log_var = X @ W_var
    sigma = np.exp(0.5 * log_var)
    spread = sigma * noise
    z = spread + mu
    s = z @ W_out
    softplus = np.log1p(np.exp(-np.abs(s)))
    softplus += np.maximum(s, 0)
    minus_kl = (log_var.sum() + log_var.size - np.vdot(mu, mu) - np.vdot(sigma, sigma)) / 2
    value = (softplus.sum() - np.vdot(X, s) - minus_kl) / n
    s -= softplus
    ds = np.exp(s, out=s)
    ds -= X
    ds /= n
    dz = ds @ W_out.T
    mu /= n
    mu += dz
    sigma *= sigma
    sigma -= 1
    sigma /= n
    spread *= dz
    sigma += spread
    sigma *= 0.5
    return value, (X.T @ mu, X.T @ sigma, z.T @ ds)


def one_layer_relu(W1, b1, w2, b2, X, y):
    h = np.maximum(0, X @ W1 + b1)
    return np.mean((h @ w2 + b2 - y) ** 2)


def one_layer_relu_by_hand(W1, b1, w2, b2, X, y):
    """Bishop (2006), section 5.3.2."""
    n = len(y)
    h = X @ W1
    h += b1
    np.maximum(h, 0, out=h)
    r = h @ w2
    r += b2
    r -= y
    value = r @ r / n
    r *= 2 / n
    dz = (h > 0) * w2
    dz *= r[:, None]
    return value, (X.T @ dz, np.ones(n) @ dz, r @ h, r.sum())


def two_layer_relu(W1, b1, W2, b2, W3, b3, X, y):
    h1 = np.maximum(0, X @ W1 + b1)
    h2 = np.maximum(0, h1 @ W2 + b2)
    scores = h2 @ W3 + b3
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(y)), y]))


def two_layer_relu_by_hand(W1, b1, W2, b2, W3, b3, X, y):
    """Bishop (2006), section 5.3.1; softmax and cross-entropy as equation (4.109),
    classes first.  A sum over the batch is a product with ones, which BLAS does faster.
    """
    n = len(y)
    columns = np.arange(n)
    h1 = X @ W1
    h1 += b1
    np.maximum(h1, 0, out=h1)
    h2 = h1 @ W2
    h2 += b2
    np.maximum(h2, 0, out=h2)
    s = W3.T @ h2.T
    s += b3[:, None]
    s -= s.max(axis=0)
    picked = s[y, columns].sum()
    np.exp(s, out=s)
    total = s.sum(axis=0)
    value = (np.log(total).sum() - picked) / n
    total *= n
    s /= total
    s[y, columns] -= 1 / n
    d2 = s.T @ W3.T
    d2 *= h2 > 0
    d1 = d2 @ W2.T
    d1 *= h1 > 0
    ones = np.ones(n)
    return value, (X.T @ d1, ones @ d1, h1.T @ d2, ones @ d2, h2.T @ s.T, s @ ones)


def two_layer_tanh(W1, b1, W2, b2, w3, X, y):
    h1 = np.tanh(X @ W1 + b1)
    h2 = np.tanh(h1 @ W2 + b2)
    return np.mean((h2 @ w3 - y) ** 2)


def two_layer_tanh_by_hand(W1, b1, W2, b2, w3, X, y):
    """Bishop (2006), section 5.3.2: tanh' = 1 - tanh^2."""
    n = len(y)
    h1 = X @ W1
    h1 += b1
    np.tanh(h1, out=h1)
    h2 = h1 @ W2
    h2 += b2
    np.tanh(h2, out=h2)
    r = h2 @ w3
    r -= y
    value = r @ r / n
    r *= 2 / n
    dw3 = r @ h2
    h2 *= h2
    np.subtract(1, h2, out=h2)
    h2 *= w3
    h2 *= r[:, None]
    dW2 = h1.T @ h2
    d1 = h2 @ W2.T
    h1 *= h1
    np.subtract(1, h1, out=h1)
    d1 *= h1
    ones = np.ones(n)
    return value, (X.T @ d1, ones @ d1, dW2, ones @ h2, dw3)


def gelu_layer(W1, b1, W2, b2, X, Y):
    z = X @ W1 + b1
    h = 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))
    return np.mean((h @ W2 + b2 - Y) ** 2)


def gelu_layer_by_hand(W1, b1, W2, b2, X, Y):
    """D. Hendrycks and K. Gimpel, "Gaussian error linear units" (2016), the tanh form.

    With half = (1 + tanh(u)) / 2, h = z half and h' = half + 2 h (1 - half) u'.
    """
    c = math.sqrt(2 / math.pi)
    z = X @ W1
    z += b1
    slope = z * z
    slope *= 0.044715 * c
    slope += c
    half = z * slope
    np.tanh(half, out=half)
    half += 1
    half *= 0.5
    z *= half
    h = z
    r = h @ W2
    r += b2
    r -= Y
    value = np.vdot(r, r) / r.size
    r *= 2 / r.size
    dz = r @ W2.T
    slope *= 6
    slope -= 4 * c
    slope *= h
    slope *= 1 - half
    slope += half
    dz *= slope
    ones = np.ones(len(X))
    return value, (X.T @ dz, ones @ dz, h.T @ r, ones @ r)


def swish_layer(W1, b1, W2, b2, X, Y):
    z = X @ W1 + b1
    h = z / (1 + np.exp(-z))
    return np.mean((h @ W2 + b2 - Y) ** 2)


def swish_layer_by_hand(W1, b1, W2, b2, X, Y):
    """P. Ramachandran, B. Zoph, Q. Le, "Searching for activation functions" (2017), section 4:
    the derivative of h = z s is h + s (1 - h).  exp(709) is the last before infinity.
    """
    z = X @ W1
    z += b1
    s = np.minimum(-z, 709)
    np.exp(s, out=s)
    s += 1
    np.divide(1, s, out=s)
    z *= s
    h = z
    r = h @ W2
    r += b2
    r -= Y
    value = np.vdot(r, r) / r.size
    r *= 2 / r.size
    dz = r @ W2.T
    slope = 1 - h
    slope *= s
    slope += h
    dz *= slope
    ones = np.ones(len(X))
    return value, (X.T @ dz, ones @ dz, h.T @ r, ones @ r)


def layers(rng, *sizes):
    """Return weights and biases of layers of the given widths."""
    found = []
    for inside, outside in itertools.pairwise(sizes):
        found += [rng.standard_normal((inside, outside)) / np.sqrt(inside)]
        found += [0.1 * rng.standard_normal(outside)]
    return found


def autoencoder_arguments(rng, n, d=32):
    return (*layers(rng, d, d // 2, d), rng.standard_normal((n, d)))


def vae_arguments(rng, n, d=64, k=8):
    encoder = rng.standard_normal((2, d, k)) / np.sqrt(d)
    X = (rng.random((n, d)) < 0.3).astype(float)
    return *encoder, rng.standard_normal((k, d)), X, rng.standard_normal((n, k))


def one_layer_arguments(rng, n, d=20, h=64):
    W1, b1, W2, b2 = layers(rng, d, h, 1)
    return W1, b1, W2[:, 0], b2[0], rng.standard_normal((n, d)), rng.standard_normal(n)


def classifier_arguments(rng, n, d=64, h=64, k=10):
    X = rng.standard_normal((n, d))
    return (*layers(rng, d, h, h // 2, k), X, rng.integers(0, k, n))


def tanh_arguments(rng, n, d=20, h=64):
    W1, b1, W2, b2, W3, _ = layers(rng, d, h, h // 2, 1)
    return W1, b1, W2, b2, W3[:, 0], rng.standard_normal((n, d)), rng.standard_normal(n)


def layer_arguments(rng, n, d=32, h=64, k=8):
    return (*layers(rng, d, h, k), rng.standard_normal((n, d)), rng.standard_normal((n, k)))


def one_unit(z, *weights):
    """Return a layer of one unit whose pre-activations are ``z``, and one output."""
    X = np.array(z, float)[:, None]
    return np.ones((1, 1)), np.zeros(1), np.ones((1, 1)), np.zeros(1), X, np.zeros_like(X)


NETWORKS = (
    Loss("autoencoder", autoencoder, ("W1", "b1", "W2", "b2"), autoencoder_by_hand,
         autoencoder_arguments, 500, {
             "one row": lambda: autoencoder_arguments(fixed(), 1, 6),
             "saturated": lambda: one_unit([1e3, -20.0, 1.0])[:5],
         }),
    Loss("VAE", vae, ("W_mu", "W_var", "W_out"), vae_by_hand, vae_arguments, 500, {
        "one row": lambda: vae_arguments(fixed(), 1, 6, 2),
        "logits of 1e3": lambda: (np.full((2, 1), 1e3), np.zeros((2, 1)), np.ones((1, 2)),
                                  np.eye(2), np.ones((2, 1))),
    }),
    Loss("one-layer MLP, ReLU", one_layer_relu, ("W1", "b1", "w2", "b2"), one_layer_relu_by_hand,
         one_layer_arguments, 1000, {
             "one row": lambda: one_layer_arguments(fixed(), 1, 4, 6),
             "every unit off": lambda: (np.ones((1, 2)), -2 * np.ones(2), np.ones(2), 0.5,
                                        np.ones((3, 1)), np.ones(3)),
         }),
    Loss("two-layer MLP, ReLU, softmax", two_layer_relu, ("W1", "b1", "W2", "b2", "W3", "b3"),
         two_layer_relu_by_hand, classifier_arguments, 500, {
             "one row": lambda: classifier_arguments(fixed(), 1, 4, 6, 3),
             "scores of 1e3": lambda: (np.eye(3), np.zeros(3), np.eye(3), np.zeros(3), np.eye(3),
                                       np.zeros(3), 1e3 * np.eye(3), np.array([1, 1, 0])),
         }),
    Loss("two-layer MLP, tanh", two_layer_tanh, ("W1", "b1", "W2", "b2", "w3"),
         two_layer_tanh_by_hand, tanh_arguments, 1000, {
             "one row": lambda: tanh_arguments(fixed(), 1, 4, 6),
             "saturated": lambda: (np.ones((1, 1)), np.zeros(1), np.ones((1, 1)), np.zeros(1),
                                   np.ones(1), np.array([[20.0], [18.0], [-1e3]]), np.zeros(3)),
         }),
    Loss("GELU layer", gelu_layer, ("W1", "b1", "W2", "b2"), gelu_layer_by_hand,
         layer_arguments, 1000, {
             "one row": lambda: layer_arguments(fixed(), 1, 4, 6, 3),
             "far left and right": lambda: one_unit([-4.0, -6.0, 30.0]),
         }),
    Loss("swish layer", swish_layer, ("W1", "b1", "W2", "b2"), swish_layer_by_hand,
         layer_arguments, 1000, {
             "one row": lambda: layer_arguments(fixed(), 1, 4, 6, 3),
             "far left": lambda: one_unit([-800.0, -30.0]),
         }),
)  # fmt: skip
