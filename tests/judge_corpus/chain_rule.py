"""The chain rule over numbers, as on the first slides of a lecture."""

import math

import numpy as np

from tests.judge_corpus.entry import Subject

CHAIN_RULE = Subject()


def numbers(*values):
    return lambda rng: values


def sum_times(x, y, z):
    q = x + y
    f = q * z
    return f


CHAIN_RULE.add("(x + y) z", sum_times, ("x", "y", "z"), numbers(-2.0, 5.0, -4.0), """
    dq = z
    dx = dq * 1
    dy = dq * 1
    dz = q
""")  # fmt: skip


def composed(x):
    v = x**2
    u = np.sin(v)
    y = np.exp(u)
    return y


CHAIN_RULE.add("exp(sin(x^2))", composed, "x", numbers(0.8), """
    dx = np.exp(u) * np.cos(v) * (2 * x)
""", [("np.cos(v)", "v", "u"), ("np.exp(u)", "u", "v"), ("2 * x", "x", "v")])  # fmt: skip


def neuron(w0, x0, w1, x1, w2):
    q = w0 * x0 + w1 * x1 + w2
    f = 1 / (1 + np.exp(-q))
    return f


CHAIN_RULE.add("sigmoid neuron", neuron, ("w0", "x0", "w1", "x1", "w2"),
               numbers(2.0, -1.0, -3.0, -2.0, -3.0), """
    dq = f * (1 - f)
    dw0 = x0 * dq
    dx0 = w0 * dq
    dw1 = x1 * dq
    dx1 = w1 * dq
    dw2 = dq
""", [("f * (1 - f)", "f", "q")])  # fmt: skip


def logistic(w, b, x, y):
    z = w * x + b
    p = 1 / (1 + np.exp(-z))
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


CHAIN_RULE.add("logistic loss of one number", logistic, ("w", "b"), numbers(0.4, 0.1, 2.0, 1.0), """
    dp = -y / p + (1 - y) / (1 - p)
    dz = dp * (p * (1 - p))
    dw = x * dz
    db = dz
""", [("p * (1 - p)", "p", "z")])  # fmt: skip


def tanh_unit(w, b, x, y):
    z = w * x + b
    h = np.tanh(z)
    return (h - y) ** 2


CHAIN_RULE.add("tanh of one number", tanh_unit, ("w", "b", "x"), numbers(0.7, -0.2, 1.5, 0.3), """
    dh = 2 * (h - y)
    dz = dh * (1 - h**2)
    dw = dz * x
    db = dz
    dx = dz * w
""", [("1 - h**2", "h", "z")])  # fmt: skip


def square(w, b, x, y):
    r = w * x + b - y
    return 0.5 * r**2


CHAIN_RULE.add("square of one error", square, ("w", "b"), numbers(0.7, -0.2, 1.5, 0.3), """
    dw = (w * x + b - y) * x
    db = w * x + b - y
""")  # fmt: skip


def two_layers(w1, w2, x, y):
    z = w1 * x
    a = 1 / (1 + np.exp(-z))
    r = w2 * a - y
    return r**2


CHAIN_RULE.add("two weights in a row", two_layers, ("w1", "w2"), numbers(0.7, -1.2, 1.5, 0.3), """
    dr = 2 * r
    dw2 = dr * a
    da = dr * w2
    dz = da * (a * (1 - a))
    dw1 = dz * x
""", [("a * (1 - a)", "a", "z")])  # fmt: skip


def graph(a, b):
    c = a + b
    d = b + 1
    e = c * d
    return e


CHAIN_RULE.add("(a + b)(b + 1)", graph, ("a", "b"), numbers(2.0, 1.0), """
    da = d
    db = d + c
""")  # fmt: skip


def softplus(x):
    return np.log(1 + np.exp(x))


CHAIN_RULE.add("log(1 + e^x)", softplus, "x", numbers(0.6), """
    dx = 1 / (1 + np.exp(-x))
""")  # fmt: skip


def root(x, y):
    s = x**2 + y**2
    return np.sqrt(s)


CHAIN_RULE.add("sqrt(x^2 + y^2)", root, ("x", "y"), numbers(0.6, -1.1), """
    ds = 1 / (2 * np.sqrt(s))
    dx = 2 * x * ds
    dy = 2 * y * ds
""")  # fmt: skip


def bell(x, mu, sigma):
    z = (x - mu) / sigma
    e = np.exp(-(z**2) / 2)
    return e


CHAIN_RULE.add("bell curve", bell, ("x", "mu", "sigma"), numbers(0.9, 0.2, 1.4), """
    dz = -z * e
    dx = dz / sigma
    dmu = -dz / sigma
    dsigma = -dz * z / sigma
""")  # fmt: skip


def quotient(x, y):
    return (x + y) / (x * y)


CHAIN_RULE.add("(x + y) / (x y)", quotient, ("x", "y"), numbers(0.9, 2.2), """
    dx = -1 / x**2
    dy = -1 / y**2
""")  # fmt: skip


def stanford(x, y):
    num = x + 1 / (1 + np.exp(-y))
    den = 1 / (1 + np.exp(-x)) + (x + y) ** 2
    return num / den


CHAIN_RULE.add("(x + s(y)) / (s(x) + (x + y)^2)", stanford, ("x", "y"), numbers(3.0, -4.0), """
    sx = 1 / (1 + np.exp(-x))
    sy = 1 / (1 + np.exp(-y))
    dnum = 1 / den
    dden = -num / den**2
    dx = dnum + dden * (sx * (1 - sx)) + dden * 2 * (x + y)
    dy = dnum * (sy * (1 - sy)) + dden * 2 * (x + y)
""", [("sx * (1 - sx)", "sx", "x"), ("sy * (1 - sy)", "sy", "y")])  # fmt: skip


def larger(x, y, z):
    m = np.maximum(x, y)
    return m * z


CHAIN_RULE.add("max(x, y) z", larger, ("x", "y", "z"), numbers(4.0, 3.0, -5.0), """
    dm = z
    dx = dm * (x > y)
    dy = dm * (y > x)
    dz = m
""")  # fmt: skip


def power(x, a):
    return x**a


CHAIN_RULE.add("x^a", power, ("x", "a"), numbers(1.7, 2.6), """
    dx = a * x ** (a - 1)
    da = x**a * np.log(x)
""")  # fmt: skip


def kepler(E, e, M):
    f = E - e * math.sin(E) - M
    return f**2


CHAIN_RULE.add("square of Kepler's equation", kepler, ("E", "e"), numbers(1.2, 0.3, 0.8), """
    df = 2 * f
    dE = df * (1 - e * np.cos(E))
    de = -df * np.sin(E)
""")  # fmt: skip


def cosine_of_tanh(w, x):
    z = w * x
    h = np.tanh(z)
    c = np.cos(h)
    return c


CHAIN_RULE.add("cos(tanh(w x))", cosine_of_tanh, ("w", "x"), numbers(0.8, 1.3), """
    dh = -np.sin(h)
    dz = dh * (1 - h**2)
    dw = dz * x
    dx = dz * w
""", [("1 - h**2", "h", "z")])  # fmt: skip


def log_of_square(w, x, b):
    z = w * x + b
    u = 1 + z**2
    return np.log(u)


CHAIN_RULE.add("log(1 + (w x + b)^2)", log_of_square, ("w", "b"), numbers(0.8, 1.3, -0.4), """
    du = 1 / u
    dz = du * (2 * z)
    dw = dz * x
    db = dz
""", [("2 * z", "z", "u")])  # fmt: skip
