"""Activations, layers, regularisers and first weights in plain NumPy, to compile or to read.

Functions that any user could have written: a layer takes its input and its parameters and returns
its output; nothing is stored.  Each docstring says what the gradient comes to; the tests compare
that with what is emitted.  ``n`` is the number of examples, ``d`` of inputs, ``h`` of outputs.
"""

import numpy as np

# --- activations, element by element --------------------------------------------------------------


def identity(z):
    """Return ``z`` as it is.  Gradient: ``dz = dy``."""
    return z


def relu(z):
    """Return ``z`` where it is positive, else 0.  Gradient: ``dz = dy * (z > 0)``."""
    return np.maximum(z, 0)


def leaky_relu(z, slope=0.01):
    """Return ``z`` where it is positive, else ``slope * z``.

    (Maas, Hannun and Ng, 2013.)  Gradient: ``dz = dy * where(z > 0, 1, slope)``.
    """
    return np.where(z > 0, z, slope * z)


def elu(z, alpha=1.0):
    """Return ``z`` where it is positive, else ``alpha * (exp(z) - 1)``.

    (Clevert, Unterthiner and Hochreiter, 2015.)
    Gradient: ``dz = dy * where(z > 0, 1, alpha * exp(z))``.
    """
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def gelu(z):
    """Return ``z`` times the normal distribution below it, in the form with tanh.

    (Hendrycks and Gimpel, Gaussian Error Linear Units, 2016: within 5e-4 of the exact form;
    PyTorch's ``approximate="tanh"``.)  With t the tanh, the
    gradient is ``dz = dy * ((1 + t) / 2 + z * (1 - t**2) * (1 + 0.134145 * z**2) / sqrt(2 * pi))``.
    """
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z * z * z)))


def silu(z):
    """Return ``z * sigmoid(z)``, also called swish (Elfwing, Uchibe and Doya, 2017).

    Gradient: ``dz = dy * p * (1 + z * (1 - p))`` with p = sigmoid(z).
    """
    return z * sigmoid(z)


def softplus(z):
    """Return ``log(1 + exp(z))``, in a form that does not overflow.

    Gradient: ``dz = dy * sigmoid(z)``.
    """
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def sigmoid(z):
    """Return ``1 / (1 + exp(-z))``, in a form that does not overflow.

    Gradient: ``dz = dy * y * (1 - y)`` with y the result.
    """
    return 0.5 * (1 + np.tanh(0.5 * z))


def tanh(z):
    """Return the hyperbolic tangent.  Gradient: ``dz = dy * (1 - y**2)`` with y the result."""
    return np.tanh(z)


def softmax(scores):
    """Return each row of ``scores`` (n, k) as probabilities (n, k).

    Gradient: ``dscores = y * (dy - (dy * y).sum(axis=1, keepdims=True))`` with y the result.
    """
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# --- layers ---------------------------------------------------------------------------------------


def dense(X, W, b):
    """Return ``X @ W + b`` for X (n, d), W (d, h), b (h,).

    Gradient: ``dX = dy @ W.T``, ``dW = X.T @ dy``, ``db = dy.sum(axis=0)``.
    """
    return X @ W + b


def dropout(h, mask, keep):
    """Return ``h`` (n, h) where ``mask`` (n, h) is 1, divided by the share ``keep`` that is kept.

    The mask of zeros and ones is drawn outside: ``rng.random(h.shape) < keep``.  The mean of
    each unit stays, so nothing changes for prediction, where nothing is dropped (Srivastava et
    al., Dropout, 2014).  Gradient: ``dh = dy * mask / keep``.
    """
    return h * mask / keep


def batch_norm(h, gamma, beta, mean=None, variance=None, eps=1e-5):
    """Return ``h`` (n, h) with each column at mean 0 and variance 1, then scaled and shifted.

    gamma, beta (h,).  In training mean and variance are those of the batch; for prediction give
    those (h,) of the training data (Ioffe and Szegedy, Batch Normalization, 2015).
    Gradient, with z the standardised h:
    ``dz = dy * gamma``, ``dgamma = (dy * z).sum(axis=0)``, ``dbeta = dy.sum(axis=0)``,
    ``dh = (dz - dz.mean(axis=0) - z * (dz * z).mean(axis=0)) / sqrt(h.var(axis=0) + eps)``.
    """
    if mean is None:
        mean, variance = h.mean(axis=0), h.var(axis=0)
    return gamma * (h - mean) / np.sqrt(variance + eps) + beta


def layer_norm(h, gamma, beta, eps=1e-5):
    """Return ``h`` (n, h) with each row at mean 0 and variance 1, then scaled and shifted.

    gamma, beta (h,) (Ba, Kiros and Hinton, Layer Normalization, 2016).  Gradient: with
    ``dz = dy * gamma`` as that of `batch_norm`, but with the means over the columns.
    """
    mean = h.mean(axis=1, keepdims=True)
    return gamma * (h - mean) / np.sqrt(h.var(axis=1, keepdims=True) + eps) + beta


def embedding(tokens, E):
    """Return the rows of ``E`` (v, w) that ``tokens`` (n, t) name, side by side: (n, t * w).

    Gradient: each row of dE is the sum of the cotangents of where it was used.
    """
    n, t = tokens.shape
    return E[tokens].reshape(n, t * E.shape[1])


# --- regularisers ---------------------------------------------------------------------------------


def l1(W):
    """Return ``sum(abs(W))``.  Gradient: ``dW = sign(W)``."""
    return np.sum(np.abs(W))


def l2(W):
    """Return ``sum(W**2)``, without a half.  Gradient: ``dW = 2 * W``."""
    return np.sum(W**2)


def elastic_net(W, ratio=0.5):
    """Return ``ratio * sum(abs(W)) + (1 - ratio) / 2 * sum(W**2)``.

    (Zou and Hastie, 2005; the weights as in scikit-learn's ElasticNet.)
    Gradient: ``dW = ratio * sign(W) + (1 - ratio) * W``.
    """
    return ratio * np.sum(np.abs(W)) + (1 - ratio) / 2 * np.sum(W**2)


# --- first weights --------------------------------------------------------------------------------


def glorot(rng, fan_in, fan_out, shape):
    """Return numbers uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    bound = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, shape)


def he(rng, fan_in, fan_out, shape):
    """Return normal numbers of variance 2 / fan_in, for relu (He, Zhang, Ren and Sun, 2015)."""
    return rng.normal(0, np.sqrt(2 / fan_in), shape)


def normal(rng, fan_in, fan_out, shape, scale=0.01):
    """Return normal numbers with the standard deviation ``scale``."""
    return rng.normal(0, scale, shape)


def zeros(rng, fan_in, fan_out, shape):
    """Return zeros."""
    return np.zeros(shape)


def ones(rng, fan_in, fan_out, shape):
    """Return ones."""
    return np.ones(shape)


def torch(rng, fan_in, fan_out, shape):
    """Return numbers uniform in +-1 / sqrt(fan_in), as PyTorch's ``nn.Linear`` draws them.

    ``rng`` is a ``np.random.RandomState(seed)``: after ``torch.manual_seed(seed)`` PyTorch draws
    the same 24 random bits for each number, in the order of its own weights, (fan_out, fan_in).
    """
    bits = rng.randint(0, 2**32, int(np.prod(shape)), dtype=np.uint32) & 0xFFFFFF
    numbers = (bits / 2**24 * 2 - 1) * fan_in**-0.5
    return numbers.reshape(shape[::-1]).T
