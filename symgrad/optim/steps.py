"""One step of each optimizer, as a plain function of flat arrays.

Each changes its arrays in place and makes none: ``w`` are the weights, ``g`` their gradient,
``scratch`` is room to work in, the others are what the optimizer remembers, all zero (or as said)
before the first step, whose number ``step`` is 1.  The arithmetic is PyTorch's.  A function names
nothing but NumPy, `math` and functions of this file, and has no annotations, so its text can be
copied into any program.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def sgd(w, g, scratch, lr):
    """Go down the gradient: w -= lr g."""
    np.multiply(g, lr, out=scratch)
    w -= scratch


def momentum(w, g, b, scratch, lr, step, momentum=0.9, dampening=0.0):
    """Go down a running sum of gradients: b = momentum b + (1 - dampening) g, w -= lr b.

    The first gradient is taken whole.  Polyak, Some methods of speeding up the convergence of
    iteration methods, 1964.
    """
    b *= momentum
    np.multiply(g, 1.0 if step == 1 else 1.0 - dampening, out=scratch)
    b += scratch
    np.multiply(b, lr, out=scratch)
    w -= scratch


def nesterov(w, g, b, scratch, lr, momentum=0.9):
    """Go down the gradient and the running sum ahead: b = momentum b + g, w -= lr (g + momentum b).

    Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
    """
    b *= momentum
    b += g
    np.multiply(b, momentum, out=scratch)
    scratch += g
    scratch *= lr
    w -= scratch


def adagrad(w, g, s, scratch, lr, step, lr_decay=0.0, eps=1e-10):
    """Divide by the root of the sum of squares: s += g^2, w -= lr g / (sqrt(s) + eps).

    Duchi, Hazan, Singer, Adaptive subgradient methods, 2011.
    """
    np.multiply(g, g, out=scratch)
    s += scratch
    np.sqrt(s, out=scratch)
    scratch += eps
    np.divide(g, scratch, out=scratch)
    scratch *= lr / (1.0 + (step - 1) * lr_decay)
    w -= scratch


def by_rms(g, v, scratch, alpha=0.99, eps=1e-8):
    """Divide by the root of the mean square: v = alpha v + (1 - alpha) g^2, g /= sqrt(v) + eps.

    Tieleman, Hinton, Neural networks for machine learning, lecture 6.5, 2012.
    """
    np.multiply(g, g, out=scratch)
    scratch *= 1.0 - alpha
    v *= alpha
    v += scratch
    np.sqrt(v, out=scratch)
    scratch += eps
    g /= scratch


def by_deviation(g, v, m, scratch, alpha=0.99, eps=1e-8):
    """Divide by the standard deviation: as `by_rms`, with v - m^2 for v, where m is the mean of g.

    Graves, Generating sequences with recurrent neural networks, 2013, equations 38 to 40.
    """
    np.multiply(g, g, out=scratch)
    scratch *= 1.0 - alpha
    v *= alpha
    v += scratch
    np.subtract(g, m, out=scratch)
    scratch *= 1.0 - alpha
    m += scratch
    np.multiply(m, m, out=scratch)
    np.subtract(v, scratch, out=scratch)
    np.maximum(scratch, 0.0, out=scratch)  # never below 0, but by rounding
    np.sqrt(scratch, out=scratch)
    scratch += eps
    g /= scratch


def adam(w, g, m, v, scratch, lr, step, beta1=0.9, beta2=0.999, eps=1e-8):
    """Divide the mean of the gradients by the root of the mean of their squares.

    m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, both 0 at first, which dividing by
    1 - beta^step makes up for: w -= lr m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps).
    Kingma, Ba, Adam: a method for stochastic optimization, 2015, in the order of section 2's end.
    """
    np.subtract(g, m, out=scratch)
    scratch *= 1.0 - beta1
    m += scratch
    np.multiply(g, g, out=scratch)
    scratch *= 1.0 - beta2
    v *= beta2
    v += scratch
    root = math.sqrt(1.0 - beta2**step)
    np.sqrt(v, out=scratch)
    scratch += eps * root
    np.divide(m, scratch, out=scratch)
    scratch *= lr * root / (1.0 - beta1**step)
    w -= scratch


def adamw(w, g, m, v, scratch, lr, step, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    """Shrink the weights apart from the gradient, then step as Adam does.

    Loshchilov, Hutter, Decoupled weight decay regularization, 2019.
    """
    w *= 1.0 - lr * weight_decay
    adam(w, g, m, v, scratch, lr, step, beta1, beta2, eps)


# --- what may come before a step ----------------------------------------------------------------


def decay(w, g, scratch, weight_decay):
    """Add the gradient of weight_decay / 2 times the sum of squares: g += weight_decay w."""
    np.multiply(w, weight_decay, out=scratch)
    g += scratch


def clip_value(g, most):
    """Bring each number of ``g`` between -most and most."""
    np.maximum(g, -most, out=g)
    np.minimum(g, most, out=g)


def clip_norm(g, most):
    """Shorten ``g`` to a Euclidean norm of at most ``most``.

    Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks, 2013.
    """
    norm = math.sqrt(sum_of_squares(g))
    if math.isinf(norm):  # the squares overflow, their shares of the largest do not
        largest = max(float(g.max()), -float(g.min()))
        g /= largest
        g *= min(most / math.sqrt(sum_of_squares(g)), largest)
    else:
        g *= min(most / (norm + 1e-6), 1.0)


def sum_of_squares(g, part=8192):
    """Return the sum of g^2, in parts so small that BLAS takes one thread: always the same bits."""
    if g.size <= part:
        return float(np.vdot(g, g))
    parts = (g[k : k + part] for k in range(0, g.size, part))
    return sum(float(np.vdot(x, x)) for x in parts)


CHANGING_GRADIENTS = frozenset({by_rms, by_deviation, decay, clip_value, clip_norm})


def called_by(function: Callable[..., None]) -> list[Callable[..., None]]:
    """Return the functions of this file that the text of ``function`` needs."""
    return [globals()[n] for n in function.__code__.co_names if n in globals() and n not in _NAMES]


_NAMES = {"math", "np"}
