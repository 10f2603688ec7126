"""Every formula printed in the five documents of the course, with the slips that are known.

``PRINTED`` are gradients: the claim as it is printed, beside the function it is about.  Where it is
wrong, ``slip`` says how, and ``corrected`` is the claim as it should be.  ``EQUATIONS`` are the
other formulas: definitions, values, closed forms, rules; both sides are computed.  ``NOTES`` are
slips in what is no formula.

000  Fundamentals of Data Science, chapter 6
001  Understanding the Backpropagation Algorithm: A Gentle Introduction
002  CS109A, lecture 12: Perceptron and Back Propagation
003  INF721, lecture 6: Backpropagation
004  Deep Learning 1-2: Neural Networks
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

SIGN, ORDER, TRANSPOSED, ELEMENTWISE = (
    "sign", "wrong order of the product", "transposed operand", "element-wise for a matrix product",
)  # fmt: skip
ARGUMENT = "activation derivative at the wrong argument"
COLUMN = "(n,) against (n, 1)"


@dataclass(frozen=True)
class Printed:
    """A gradient as it is printed, ``printed`` for people and ``claim`` as NumPy.

    ``latex`` is the formula where the document itself has LaTeX.  ``kinds`` are the kinds of
    mistakes that a diagnosis of the slip may name; none where no kind fits, or several slips meet.
    """

    document: str
    place: str
    printed: str
    function: Callable[..., Any]
    wrt: str | tuple[str, ...]
    args: tuple[Any, ...]
    claim: str
    slip: str = ""
    kinds: tuple[str, ...] = ()
    corrected: str = ""
    latex: str = ""

    @property
    def name(self):
        return f"{self.document}, {self.place}: {self.printed}"


@dataclass(frozen=True)
class Equation:
    """An equation that is no gradient: its sides as numbers, to the digits that are printed."""

    document: str
    place: str
    printed: str
    sides: Callable[[], tuple[Any, Any]]
    digits: int = 9
    slip: str = ""
    corrected: Callable[[], tuple[Any, Any]] | None = None

    @property
    def name(self):
        return f"{self.document}, {self.place}: {self.printed}"


@dataclass(frozen=True)
class Note:
    """Something that is printed wrongly and is no formula."""

    document: str
    place: str
    printed: str
    should_be: str


PRINTED: list[Printed] = []
EQUATIONS: list[Equation] = []
NOTES: list[Note] = []


def gradient(document, place, printed, function, wrt, args, claim, *slip, **more):
    claim = textwrap.dedent(claim).strip()
    PRINTED.append(Printed(document, place, printed, function, wrt, args, claim, *slip, **more))


def equation(document, place, printed, sides, *more, **named):
    EQUATIONS.append(Equation(document, place, printed, sides, *more, **named))


def note(*fields):
    NOTES.append(Note(*fields))


def rng():
    return np.random.default_rng(0)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def slope(function, x, step=1e-5):
    """Return the derivative of a function of one number, measured."""
    return (function(x + step) - function(x - step)) / (2 * step)


# fmt: off
# The functions that several documents share.


def sum_times(x, y, z):
    q = x + y
    f = q * z
    return f


def times(q, z):
    f = q * z
    return f


def plus(x, y):
    q = x + y
    return q


def neuron(w0, x0, w1, x1, w2):
    q = w0 * x0 + w1 * x1 + w2
    n = -q
    e = np.exp(n)
    s = 1 + e
    f = 1 / s
    return f


def cross_entropy(y_hat, y):
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return L


def logistic(w, b, x, y):
    z = w * x + b
    y_hat = 1 / (1 + np.exp(-z))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return L


SUM_TIMES = (-2.0, 5.0, -4.0)
NEURON = (2.0, -1.0, -3.0, -2.0, -3.0)
ONE = (0.4, -0.3, 1.5, 0.25)  # w, b, x, y, where nothing vanishes by accident


# 000, section 6.1.1: a network with softmax loss and regularisation.


def scores(W1, W2, x):
    return W2 @ np.maximum(0, W1 @ x)


def softmax_loss(s, y):
    return -np.log(np.exp(s[y]) / np.sum(np.exp(s)))


def squares(W):
    return np.sum(W**2)


def total_loss(W1, W2, X, y, lam):
    n = X.shape[0]
    losses = [softmax_loss(scores(W1, W2, X[i]), y[i]) for i in range(n)]
    return sum(losses) / n + lam * squares(W1) + lam * squares(W2)


def network(W1, W2, X, y, lam):
    n = X.shape[0]
    s = np.maximum(0, X @ W1.T) @ W2.T
    p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(n), y]))
    return loss + lam * np.sum(W1**2) + lam * np.sum(W2**2)


def network_arguments():
    r = rng()
    W1, W2, X = (r.standard_normal(shape) for shape in ((5, 4), (3, 5), (6, 4)))
    return W1, W2, X, np.array([0, 2, 1, 1, 0, 2]), 0.3


def of_first(function):
    """Return a function of the network's arguments that one example alone has."""
    W1, W2, X, y, _ = network_arguments()
    return function(scores(W1, W2, X[0]), y[0])


equation("000", "6.1.1, nonlinear score function", "s = f(x; W1, W2) = W2 max(0, W1 x)",
         lambda: (scores(*network_arguments()[:2], network_arguments()[2][0])[1],
                  network_arguments()[1][1] @ np.maximum(
                      0, network_arguments()[0] @ network_arguments()[2][0])))
equation("000", "6.1.1, softmax loss", "L_i = -log(e^{s_yi} / sum_j e^{s_j})",
         lambda: (of_first(softmax_loss),
                  of_first(lambda s, y: np.log(np.sum(np.exp(s))) - s[y])))
equation("000", "6.1.1, regularization", "R(W) = sum_k W_k^2",
         lambda: (squares(network_arguments()[0]),
                  sum(x**2 for x in network_arguments()[0].ravel())))
equation("000", "6.1.1, total loss", "L = 1/N sum_i L_i + lambda R(W1) + lambda R(W2)",
         lambda: (total_loss(*network_arguments()), network(*network_arguments())))
gradient("000", "6.1.1, gradient computation", "d/dW_k sum_k W_k^2 = 2 W_k",
         squares, "W", (network_arguments()[0],), "dW = 2 * W")
gradient("000", "6.1.1, gradient computation", "dL/dW1, dL/dW2, named and not printed",
         network, ("W1", "W2"), network_arguments(), """
    ds = (p - np.eye(len(W2))[y]) / n
    h = np.maximum(0, X @ W1.T)
    dW2 = ds.T @ h + 2 * lam * W2
    dz = (ds @ W2) * (h > 0)
    dW1 = dz.T @ X + 2 * lam * W1
""")


def linear_scores(W, x):
    f = W @ x
    return f


def regularised(W, x, y, lam):
    s = W @ x
    p = np.exp(s) / np.sum(np.exp(s))
    return -np.log(p[y]) + lam * np.sum(W**2)


def strength(W, lam):
    return lam * np.sum(W**2)


LINEAR = (rng().standard_normal((3, 4)), rng().standard_normal(4), 1, 0.3)

equation("000", "6.1.3, forward pass", "f = W x",
         lambda: (linear_scores(*LINEAR[:2]), np.einsum("ij,j->i", *LINEAR[:2])))
equation("000", "6.1.3, forward pass", "L_i = -log(e^{s_yi} / sum_j e^{s_j})",
         lambda: (softmax_loss(LINEAR[0] @ LINEAR[1], 1),
                  regularised(*LINEAR[:3], 0.0)))
equation("000", "6.1.3, forward pass", "R(W) = sum_k W_k^2",
         lambda: (squares(LINEAR[0]), np.vdot(LINEAR[0], LINEAR[0])))
equation("000", "6.1.3, forward pass", "L = 1/N sum_i L_i + lambda R(W)",
         lambda: (regularised(*LINEAR),
                  softmax_loss(LINEAR[0] @ LINEAR[1], 1) + 0.3 * squares(LINEAR[0])))
gradient("000", "6.1.3, backward pass, 1 and 2", "dL/ds carried back through f = W x",
         regularised, "W", LINEAR, """
    ds = p - np.eye(len(s))[y]
    dW = np.outer(ds, x) + 2 * lam * W
""")
gradient("000", "6.1.3, backward pass, 3", "lambda dR(W)/dW = 2 lambda W",
         strength, "W", (LINEAR[0], 0.3), "dW = 2 * lam * W")


# 000 and 003: f(x, y, z) = (x + y) z.

for document, place in (("000", "6.1.3, example 1"), ("003", "6.2")):
    equation(document, place, "q = x + y = -2 + 5 = 3", lambda: (plus(-2.0, 5.0), 3))
    equation(document, place, "f = q z = 3 (-4) = -12", lambda: (sum_times(*SUM_TIMES), -12))
    gradient(document, place, "df/dq = z", times, "q", (3.0, -4.0), "dq = z",
             latex=r"\frac{\partial f}{\partial q} = z")
    gradient(document, place, "df/dz = q", times, "z", (3.0, -4.0), "dz = q",
             latex=r"\frac{\partial f}{\partial z} = q")
    gradient(document, place, "dq/dx = 1", plus, "x", (-2.0, 5.0), "dx = 1",
             latex=r"\frac{\partial q}{\partial x} = 1")
    gradient(document, place, "dq/dy = 1", plus, "y", (-2.0, 5.0), "dy = 1",
             latex=r"\frac{\partial q}{\partial y} = 1")
    gradient(document, place, "df/dx = dq/dx df/dq", sum_times, "x", SUM_TIMES, """
        dq = z
        dx = 1 * dq
    """)
    gradient(document, place, "df/dy = dq/dy df/dq", sum_times, "y", SUM_TIMES, """
        dq = z
        dy = 1 * dq
    """)
    for number, (name, value) in enumerate((("x", -4), ("y", -4), ("z", 3))):
        equation(document, place, f"df/d{name} = {value}",
                 lambda number=number, value=value: (
                     slope(lambda t: sum_times(
                         *SUM_TIMES[:number], t, *SUM_TIMES[number + 1 :]), SUM_TIMES[number]),
                     value), 6)

gradient("000", "6.1.3, example 1", "f(x, y, z) = (x + y) z, all three", sum_times,
         ("x", "y", "z"), SUM_TIMES, """
    dx = z
    dy = z
    dz = x + y
""")
equation("003", "5.1", "f(x, y, z) = (x + y) z", lambda: (sum_times(1.0, 2.0, 5.0), 15))
gradient("003", "6.2", "df/df = 1", lambda f: f, "f", (-12.0,), "df = 1",
         latex=r"\frac{\partial f}{\partial f} = 1")
gradient("003", "6.2", "df/dx = dq/dx df/dq df/df", sum_times, ("x", "y"), SUM_TIMES, """
    df = 1
    dq = z * df
    dx = 1 * dq
    dy = 1 * dq
""")
gradient("003", "6.2", "df/dz = df/dz df/df", sum_times, "z", SUM_TIMES, """
    df = 1
    dz = q * df
""")


# 000, example 2: the sigmoid neuron.


def reciprocal(x):
    return 1 / x


def exponential(x):
    return np.exp(x)


def negated(x):
    return -x


def added(x, c):
    return x + c


def of_s(s):
    f = 1 / s
    return f


def of_e(e):
    s = 1 + e
    f = 1 / s
    return f


def of_n(n):
    e = np.exp(n)
    s = 1 + e
    f = 1 / s
    return f


def of_q(q):
    n = -q
    e = np.exp(n)
    s = 1 + e
    f = 1 / s
    return f


def of_ab(a, b):
    q = a + b
    f = 1 / (1 + np.exp(-q))
    return f


def product(w0, x0):
    q = w0 * x0
    return q


EXAMPLE_2 = "6.1.3, example 2"
equation("000", EXAMPLE_2, "f(w, x) = 1 / (1 + e^-(w0 x0 + w1 x1 + w2))",
         lambda: (neuron(*NEURON), sigmoid(1.0)))
equation("000", EXAMPLE_2, "w0 x0 = -2", lambda: (product(2.0, -1.0), -2))
equation("000", EXAMPLE_2, "w1 x1 = 6", lambda: (product(-3.0, -2.0), 6))
equation("000", EXAMPLE_2, "-2 + 6 = 4", lambda: (plus(-2.0, 6.0), 4))
equation("000", EXAMPLE_2, "4 + (-3) = 1", lambda: (plus(4.0, -3.0), 1))
equation("000", EXAMPLE_2, "the negative sign gives -1", lambda: (negated(1.0), -1))
equation("000", EXAMPLE_2, "e^-1 = 0.37", lambda: (exponential(-1.0), 0.37), 2)
equation("000", EXAMPLE_2, "0.37 + 1 = 1.37", lambda: (added(exponential(-1.0), 1.0), 1.37), 2)
equation("000", EXAMPLE_2, "1 / 1.37 = 0.73", lambda: (neuron(*NEURON), 0.73), 2)
gradient("000", EXAMPLE_2, "dL/df = 1, as L = f", lambda f: f, "f", (0.73,), "df = 1")
gradient("000", f"{EXAMPLE_2}, 1", "d/dx (1/x) = -1/x^2", reciprocal, "x", (1.37,),
         "dx = -1 / x**2")
gradient("000", f"{EXAMPLE_2}, 1", "dL/dz = -1 / 1.37^2", of_s, "s", (1.37,), "ds = -1 / s**2")
equation("000", f"{EXAMPLE_2}, 1", "-1 / 1.37^2 = -0.53", lambda: (slope(of_s, 1.37), -0.53), 2)
gradient("000", f"{EXAMPLE_2}, 2", "d/dx (x + c) = 1", added, "x", (0.37, 1.0), "dx = 1")
gradient("000", f"{EXAMPLE_2}, 2", "dL/dz = upstream", of_e, "e", (0.37,), """
    ds = -1 / s**2
    de = ds * 1
""")
equation("000", f"{EXAMPLE_2}, 2", "dL/dz = -0.53", lambda: (slope(of_e, 0.37), -0.53), 2)
gradient("000", f"{EXAMPLE_2}, 3", "d/dx e^x = e^x", exponential, "x", (-1.0,), "dx = np.exp(x)")
gradient("000", f"{EXAMPLE_2}, 3", "dL/dx = -0.53 e^-1", of_n, "n", (-1.0,), """
    de = -1 / s**2
    dn = de * np.exp(n)
""")
equation("000", f"{EXAMPLE_2}, 3", "dL/dx = -0.53 e^-1 = -0.2",
         lambda: (slope(of_n, -1.0), -0.2), 1)
gradient("000", f"{EXAMPLE_2}, 4", "d/dx (-x) = -1", negated, "x", (1.0,), "dx = -1")
gradient("000", f"{EXAMPLE_2}, 4", "dL/dx = -upstream", of_q, "q", (1.0,), """
    dn = -1 / s**2 * np.exp(n)
    dq = dn * -1
""")
equation("000", f"{EXAMPLE_2}, 4", "dL/dx = 0.2", lambda: (slope(of_q, 1.0), 0.2), 1)
equation("000", f"{EXAMPLE_2}, 5", "q = a + b = 4.00 + (-3.00) = 1.00",
         lambda: (plus(4.0, -3.0), 1))
note("000", f"{EXAMPLE_2}, 5", "a = 4.00 (output from one multiplication node)",
     "a = 4.00 (output of the addition node of both products)")
gradient("000", f"{EXAMPLE_2}, 5a", "dq/da = 1", lambda a, b: a + b, "a", (4.0, -3.0), "da = 1")
gradient("000", f"{EXAMPLE_2}, 5a", "dq/db = 1", lambda a, b: a + b, "b", (4.0, -3.0), "db = 1")
gradient("000", f"{EXAMPLE_2}, 5c", "gradient w.r.t. a, b = upstream * 1", of_ab, ("a", "b"),
         (4.0, -3.0), """
    dq = f * (1 - f)
    da = dq * 1
    db = dq * 1
""")
equation("000", f"{EXAMPLE_2}, 5c", "0.2 * 1 = 0.2, for a",
         lambda: (slope(lambda a: of_ab(a, -3.0), 4.0), 0.2), 1)
equation("000", f"{EXAMPLE_2}, 5c", "0.2 * 1 = 0.2, for b",
         lambda: (slope(lambda b: of_ab(4.0, b), -3.0), 0.2), 1)
equation("000", f"{EXAMPLE_2}, 6", "q = w0 x0 = -2.00", lambda: (product(2.0, -1.0), -2))
gradient("000", f"{EXAMPLE_2}, 6b", "dq/dw0 = x0", product, "w0", (2.0, -1.0), "dw0 = x0")
gradient("000", f"{EXAMPLE_2}, 6b", "dq/dx0 = w0", product, "x0", (2.0, -1.0), "dx0 = w0")
gradient("000", f"{EXAMPLE_2}, 6", "dL/dw0 = dL/dq dq/dw0", neuron, "w0", NEURON, """
    dq = f * (1 - f)
    dw0 = dq * x0
""")
gradient("000", f"{EXAMPLE_2}, 6", "dL/dx0 = dL/dq dq/dx0", neuron, "x0", NEURON, """
    dq = f * (1 - f)
    dx0 = dq * w0
""")
equation("000", f"{EXAMPLE_2}, 6c", "dL/dw0 = 0.2 (-1.00) = -0.2",
         lambda: (slope(lambda t: neuron(t, *NEURON[1:]), 2.0), -0.2), 1)
note("000", f"{EXAMPLE_2}, 6c", "increasing w0 slightly will decrease the loss by 0.2 units",
     "by 0.2 times as much as w0 is increased")
equation("000", f"{EXAMPLE_2}, 6c", "dL/dx0 = 0.2 * 2.00 = 0.4",
         lambda: (slope(lambda t: neuron(2.0, t, *NEURON[2:]), -1.0), 0.4), 1)


# 001: the chain rule, and the losses in words.


def outer_exp(u):
    y = np.exp(u)
    return y


def middle_sin(v):
    u = np.sin(v)
    return u


def inner_square(x):
    v = x**2
    return v


def composed(x):
    v = x**2
    u = np.sin(v)
    y = np.exp(u)
    return y


def relu(x):
    return np.maximum(x, 0)


equation("001", "3.1", "f(x) = x if x >= 0, 0 if x < 0",
         lambda: (relu(np.array([-1.5, 0.0, 2.0])), [0, 0, 2]))
equation("001", "3.1", "f(x) = max(x, 0)",
         lambda: (relu(np.array([-1.5, 0.0, 2.0])), [max(t, 0) for t in (-1.5, 0.0, 2.0)]))
equation("001", "3.2", "y = e^{sin(x^2)}", lambda: (composed(0.8), np.e ** np.sin(0.8**2)))
equation("001", "3.2", "y = f(u) = e^u", lambda: (outer_exp(0.8), np.e**0.8))
equation("001", "3.2", "u = g(v) = sin(v)", lambda: (middle_sin(0.8), np.imag(np.exp(0.8j))))
equation("001", "3.2", "v = h(x) = x^2", lambda: (inner_square(0.8), 0.64))
equation("001", "3.2", "y = f(g(h(x)))",
         lambda: (composed(0.8), outer_exp(middle_sin(inner_square(0.8)))))
gradient("001", "3.2", "dy/du = f'(u) = e^u", outer_exp, "u", (0.6,), "du = np.exp(u)",
         latex=r"\frac{dy}{du} = e^{u}")
gradient("001", "3.2", "du/dv = cos(v)", middle_sin, "v", (0.6,), "dv = np.cos(v)",
         latex=r"\frac{du}{dv} = cos(v)")
gradient("001", "3.2", "du/dv = g'(u)", middle_sin, "v", (0.6,), "dv = np.cos(u)",
         "g'(u) for g'(v): the derivative of the sine is taken at v, not at its value", (ARGUMENT,),
         corrected="dv = np.cos(v)")
gradient("001", "3.2", "dv/dx = h'(x) = 2x", inner_square, "x", (0.6,), "dx = 2 * x",
         latex=r"\frac{dv}{dx} = 2x")
gradient("001", "3.2", "dy/dx = dy/du du/dv dv/dx", composed, "x", (0.8,), """
    du = np.exp(u)
    dv = du * np.cos(v)
    dx = dv * 2 * x
""")
gradient("001", "3.2", "dy/dx = e^u cos(v) 2x", composed, "x", (0.8,),
         "dx = np.exp(u) * np.cos(v) * 2 * x",
         latex=r"\frac{dy}{dx} = e^{u} \cdot cos(v) \cdot 2x")
gradient("001", "3.2", "dy/dx = e^{sin(x^2)} cos(x^2) 2x", composed, "x", (0.8,),
         "dx = np.exp(np.sin(x**2)) * np.cos(x**2) * 2 * x",
         latex=r"\frac{dy}{dx} = e^{sin(x^{2})} \cdot cos(x^{2}) \cdot 2x")


def probabilities(z):
    return np.exp(z) / np.sum(np.exp(z))


def one_hot_loss(z, y):
    y_hat = np.exp(z) / np.sum(np.exp(z))
    return -np.sum(y * np.log(y_hat))


LOGITS = np.array([0.3, -1.2, 0.8])

equation("001", "4.1", "y_hat_i = e^{z_i} / sum_j e^{z_j}",
         lambda: (probabilities(LOGITS)[1], 1 / np.sum(np.exp(LOGITS - LOGITS[1]))))
equation("001", "4.1", "loss = -sum_i y_i log(y_hat_i)",
         lambda: (one_hot_loss(LOGITS, np.eye(3)[2]), softmax_loss(LOGITS, 2)))
note("001", "4", "= F.relu(self.fc1(x)); x = F.relu(self.fc2(x))", "x = F.relu(self.fc1(x)) ...")
note("001", "4.1", "it takes as input the value generated by the SoftMax function",
     "nn.CrossEntropyLoss takes the raw scores and applies the softmax itself")
note("001", "4.1", "a loss of zero for a correct prediction",
     "a loss of zero for a prediction with probability 1")
note("001", "4.1", "= nn.CrossEntropyLoss() criterion", "criterion = nn.CrossEntropyLoss()")
note("001", "4.2", "= torch.optim.Adam(model.parameters(), lr=0.01) optimizer",
     "optimizer = torch.optim.Adam(model.parameters(), lr=0.01)")
note("001", "5", "= 100 epochs = [] losses for i in range(epochs):",
     "epochs = 100; losses = []; for i in range(epochs):")
note("001", "5", "Epoch: 10, 20 ... 100", "i = 0, 10 ... 90: `i % 10 == 0` prints i itself")


# 002: the logistic model, least squares, and the chain rule.


def probability(beta0, beta1, X):
    p = 1 / (1 + np.exp(-(beta0 + beta1 * X)))
    return p


def exponential_form(beta0, beta1, X):
    return np.exp(beta0 + beta1 * X) / (1 + np.exp(beta0 + beta1 * X))


def likelihood(beta0, beta1, x, y):
    p = 1 / (1 + np.exp(-(beta0 + beta1 * x)))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))


def line(beta0, beta1, x, y):
    return np.sum((y - beta0 - beta1 * x) ** 2)


POINTS_X = np.array([0.5, -1.2, 2.0, 0.1, 1.4])
POINTS_Y = np.array([1.1, -0.4, 2.7, 0.3, 0.9])
LINE = (0.3, -0.8, POINTS_X, POINTS_Y)
LABELS_Y = np.array([1.0, 0.0, 1.0, 1.0, 0.0])


def best_line():
    x_bar, y_bar = POINTS_X.mean(), POINTS_Y.mean()
    beta1 = np.sum((POINTS_X - x_bar) * (POINTS_Y - y_bar)) / np.sum((POINTS_X - x_bar) ** 2)
    return y_bar - beta1 * x_bar, beta1


def normal_equation(weights):
    beta0, beta1 = best_line()
    return np.sum((POINTS_Y - beta0 - beta1 * POINTS_X) * weights), 0


equation("002", "slide 8", "P(Y = 1) = e^(b0 + b1 X) / (1 + e^(b0 + b1 X)) = 1 / (1 + e^-(...))",
         lambda: (exponential_form(0.3, -0.8, 1.7), probability(0.3, -0.8, 1.7)))
equation("002", "slide 9", "the curve is shifted by c = -b0 / b1",
         lambda: (probability(0.3, -0.8, 0.3 / 0.8), 0.5))
equation("002", "slide 10", "the slope at c is b1 / 4",
         lambda: (slope(lambda X: probability(0.3, -0.8, X), 0.3 / 0.8), -0.8 / 4))
for place in ("slide 11", "slide 12"):
    equation("002", place, "P(Y = 1) = 1 / (1 + e^-(b0 + b1 X))",
             lambda: (probability(0.3, -0.8, 1.7), sigmoid(0.3 - 0.8 * 1.7)))
for place in ("slide 13", "slide 40", "slide 51"):
    equation("002", place, "L(b0, b1) = -sum_i [y_i log p_i + (1 - y_i) log(1 - p_i)]",
             lambda: (likelihood(0.3, -0.8, POINTS_X, LABELS_Y),
                      sum(cross_entropy(probability(0.3, -0.8, x), y)
                          for x, y in zip(POINTS_X, LABELS_Y, strict=True))))
equation("002", "slide 14", "f(X) = 1 / (1 + e^(-W^T X)), W^T = [b0, ..., b4]",
         lambda: (sigmoid(np.array([0.3, -0.8]) @ np.array([1, 1.7])),
                  probability(0.3, -0.8, 1.7)))
equation("002", "slide 18", "dL/dW = 0 at the minimum",
         lambda: (slope(lambda b: line(best_line()[0], b, POINTS_X, POINTS_Y), best_line()[1]), 0),
         6)
for place in ("slide 22", "slide 23"):
    equation("002", place, "w(i+1) = w(i) - lambda dL/dw decreases L",
             lambda: (line(0.3, -0.8 - 0.01 * slope(
                 lambda b: line(0.3, b, POINTS_X, POINTS_Y), -0.8), POINTS_X, POINTS_Y)
                 < line(*LINE), True))
equation("002", "slide 27", "f = sum_i (y_i - b0 - b1 x_i)^2",
         lambda: (line(*LINE), sum((y - 0.3 + 0.8 * x) ** 2
                                   for x, y in zip(POINTS_X, POINTS_Y, strict=True))))
gradient("002", "slide 27", "df/db0 = 0 => 2 sum_i (y_i - b0 - b1 x_i) = 0", line, "beta0", LINE,
         "dbeta0 = 2 * np.sum(y - beta0 - beta1 * x)",
         "df/db0 has a minus; harmless, as the equation says that it is 0", (SIGN,),
         corrected="dbeta0 = -2 * np.sum(y - beta0 - beta1 * x)")
gradient("002", "slide 27", "df/db1 = 0 => 2 sum_i (y_i - b0 - b1 x_i)(-x_i) = 0",
         line, "beta1", LINE, "dbeta1 = 2 * np.sum((y - beta0 - beta1 * x) * -x)")
gradient("002", "slide 27", "-sum x_i y_i + b0 sum x_i + b1 sum x_i^2 = 0, twice",
         line, "beta1", LINE,
         "dbeta1 = 2 * (-np.sum(x * y) + beta0 * np.sum(x) + beta1 * np.sum(x**2))")
equation("002", "slide 27", "sum_i y_i - b0 n - b1 sum_i x_i = 0",
         lambda: normal_equation(np.ones(5)))
equation("002", "slide 27", "b0 = y_bar - b1 x_bar",
         lambda: (best_line()[0], np.polyfit(POINTS_X, POINTS_Y, 1)[1]))
equation("002", "slide 27", "-sum x_i y_i + (y_bar - b1 x_bar) sum x_i + b1 sum x_i^2 = 0",
         lambda: normal_equation(-POINTS_X))
equation("002", "slide 27", "b1 (sum x_i^2 - n x_bar^2) = sum x_i y_i - n x_bar y_bar",
         lambda: (best_line()[1] * (POINTS_X @ POINTS_X - 5 * POINTS_X.mean() ** 2),
                  POINTS_X @ POINTS_Y - 5 * POINTS_X.mean() * POINTS_Y.mean()))
equation("002", "slide 27", "b1 = (sum x_i y_i - n x_bar y_bar) / (sum x_i^2 - n x_bar^2)",
         lambda: ((POINTS_X @ POINTS_Y - 5 * POINTS_X.mean() * POINTS_Y.mean())
                  / (POINTS_X @ POINTS_X - 5 * POINTS_X.mean() ** 2),
                  np.polyfit(POINTS_X, POINTS_Y, 1)[0]))
equation("002", "slide 27", "b1 = sum (x_i - x_bar)(y_i - y_bar) / sum (x_i - x_bar)^2",
         lambda: (best_line()[1], np.polyfit(POINTS_X, POINTS_Y, 1)[0]))


def of_one(x):
    y = x**2
    z = np.sin(y)
    return z


def of_many(x, A):
    y = A @ x
    z = np.sum(np.sin(y))
    return z


def of_more(x, A, B):
    y1 = A @ x
    y2 = B @ np.tanh(y1)
    z = np.sum(np.sin(y2))
    return z


CHAIN = (np.array([0.3, -0.7, 1.1]), rng().standard_normal((4, 3)), rng().standard_normal((2, 4)))

gradient("002", "slide 29", "dz/dx = dz/dy dy/dx", of_one, "x", (0.8,), """
    dy = np.cos(y)
    dx = dy * (2 * x)
""")
gradient("002", "slide 29", "dz/dx_i = sum_j dz/dy_j dy_j/dx_i", of_many, "x", CHAIN[:2], """
    dy = np.cos(y)
    dx = np.sum(dy[:, None] * A, axis=0)
""")
gradient("002", "slide 29", "dz/dx_i = sum_j1 ... sum_jm dz/dy_j1 ... dy_jm/dx_i",
         of_more, "x", CHAIN, """
    dy2 = np.cos(y2)
    dy1 = np.sum(dy2[:, None] * B * (1 - np.tanh(y1) ** 2), axis=0)
    dx = np.sum(dy1[:, None] * A, axis=0)
""")
gradient("003", "6.1", "d/dx f(g(x)) = df/dg dg/dx", of_one, "x", (0.8,),
         "dx = np.cos(y) * (2 * x)")


# 002, slides 30 to 32: the two halves of the loss of logistic regression, step by step.


def first_half(W, X, y):
    xi1 = -W @ X
    xi2 = np.exp(xi1)
    xi3 = 1 + xi2
    xi4 = 1 / xi3
    xi5 = np.log(xi4)
    return -y * xi5


def second_half(W, X, y):
    xi1 = -W @ X
    xi2 = np.exp(xi1)
    xi3 = 1 + xi2
    xi4 = 1 / xi3
    xi5 = 1 - xi4
    xi6 = np.log(xi5)
    return -(1 - y) * xi6


def both_halves(W, X, y):
    return first_half(W, X, y) + second_half(W, X, y)


def of_batch(W, X, y):
    z = X @ W
    p = 1 / (1 + np.exp(-z))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))


HALF = (np.array([0.4, -0.7, 0.2]), np.array([1.5, 0.3, -0.9]), 0.25)
BATCH = (HALF[0], rng().standard_normal((5, 3)), LABELS_Y)


def step_1(W, X):
    return -W @ X


def step_2(xi1):
    return np.exp(xi1)


def step_3(xi2):
    return 1 + xi2


def step_4(xi3):
    return 1 / xi3


def step_log(xi4):
    return np.log(xi4)


def step_first(xi5, y):
    return -y * xi5


def step_complement(xi4):
    return 1 - xi4


def step_second(xi6, y):
    return -(1 - y) * xi6


E = np.exp(-HALF[0] @ HALF[1])
XI_4 = 1 / (1 + E)

equation("002", "slide 30", "L = sum L_i = -sum log L_i = -sum [y log p + (1 - y) log(1 - p)]",
         lambda: (of_batch(*BATCH), sum(both_halves(BATCH[0], *row)
                                        for row in zip(*BATCH[1:], strict=True))))
equation("002", "slide 30", "L_i = -y log(1 / (1 + e^-W'X)) - (1 - y) log(1 - 1 / (1 + e^-W'X))",
         lambda: (both_halves(*HALF), cross_entropy(XI_4, HALF[2])))
equation("002", "slide 30", "L_i = L_i^A + L_i^B",
         lambda: (both_halves(*HALF), first_half(*HALF) + second_half(*HALF)))
gradient("002", "slide 30", "dL/dW = sum_i dL_i/dW = sum_i (dL_i^A/dW + dL_i^B/dW)",
         of_batch, "W", BATCH, """
    first = -y * (1 - p)
    second = (1 - y) * p
    dW = np.sum((first + second)[:, None] * X, axis=0)
""")

for slide in ("slide 31", "slide 32"):
    equation("002", slide, "xi1 = -W'X", lambda: (step_1(*HALF[:2]), np.log(E)))
    gradient("002", slide, "dxi1/dW = -X", step_1, "W", HALF[:2], "dW = -X")
    equation("002", slide, "xi2 = e^xi1 = e^-W'X", lambda: (step_2(-HALF[0] @ HALF[1]), E))
    gradient("002", slide, "dxi2/dxi1 = e^xi1", step_2, "xi1", (-0.6,), "dxi1 = np.exp(xi1)")
    equation("002", slide, "xi3 = 1 + xi2 = 1 + e^-W'X", lambda: (step_3(E), 1 + E))
    gradient("002", slide, "dxi3/dxi2 = 1", step_3, "xi2", (E,), "dxi2 = 1")
    equation("002", slide, "xi4 = 1 / xi3 = 1 / (1 + e^-W'X) = p",
             lambda: (step_4(1 + E), sigmoid(HALF[0] @ HALF[1])))
    gradient("002", slide, "dxi4/dxi3 = -1 / xi3^2", step_4, "xi3", (1 + E,), "dxi3 = -1 / xi3**2")
    gradient("002", slide, "dxi4/dxi3 = -(1 / (1 + e^-W'X))^2", step_4, "xi3", (1 + E,),
             "dxi3 = -((1 / xi3) ** 2)")

equation("002", "slide 31", "xi5 = log xi4 = log p = log(1 / (1 + e^-W'X))",
         lambda: (step_log(XI_4), -np.log(1 + E)))
gradient("002", "slide 31", "dxi5/dxi4 = 1 / xi4", step_log, "xi4", (XI_4,), "dxi4 = 1 / xi4")
equation("002", "slide 31", "dxi5/dxi4 = 1 + e^-W'X", lambda: (slope(step_log, XI_4), 1 + E), 7)
equation("002", "slide 31", "L^A = -y xi5", lambda: (step_first(np.log(XI_4), HALF[2]),
                                                     first_half(*HALF)))
gradient("002", "slide 31", "dL^A/dxi5 = -y", step_first, "xi5", (np.log(XI_4), HALF[2]),
         "dxi5 = -y")
gradient("002", "slide 31", "dL^A/dW = dL/dxi5 dxi5/dxi4 dxi4/dxi3 dxi3/dxi2 dxi2/dxi1 dxi1/dW",
         first_half, "W", HALF, """
    dxi5 = -y
    dxi4 = dxi5 * (1 / xi4)
    dxi3 = dxi4 * (-1 / xi3**2)
    dxi2 = dxi3 * 1
    dxi1 = dxi2 * np.exp(xi1)
    dW = dxi1 * -X
""")
gradient("002", "slide 31", "dL^A/dW = -y X e^-W'X (1 / (1 + e^-W'X))", first_half, "W", HALF,
         "dW = -y * X * np.exp(-W @ X) * (1 / (1 + np.exp(-W @ X)))")

equation("002", "slide 32", "xi5 = 1 - xi4 = 1 - 1 / (1 + e^-W'X)",
         lambda: (step_complement(XI_4), 1 - 1 / (1 + E)))
gradient("002", "slide 32", "dxi5/dxi4 = -1", step_complement, "xi4", (XI_4,), "dxi4 = -1")
equation("002", "slide 32", "xi6 = log xi5 = log(1 - p)",
         lambda: (step_log(1 - XI_4), np.log(1 - sigmoid(HALF[0] @ HALF[1]))))
equation("002", "slide 32", "log(1 - p) = log(1 / (1 + e^-W'X))",
         lambda: (np.log(1 - XI_4), np.log(1 / (1 + E))),
         slip="that is log p; 1 - p has e^-W'X in the numerator",
         corrected=lambda: (np.log(1 - XI_4), np.log(E / (1 + E))))
gradient("002", "slide 32", "dxi6/dxi5 = 1 / xi5", lambda xi5: np.log(xi5), "xi5", (1 - XI_4,),
         "dxi5 = 1 / xi5")
equation("002", "slide 32", "dxi6/dxi5 = (1 + e^-W'X) / e^-W'X",
         lambda: (slope(np.log, 1 - XI_4), (1 + E) / E), 7)
equation("002", "slide 32", "L^B = -(1 - y) log[1 - 1 / (1 + e^-W'X)], the header",
         lambda: (second_half(*HALF), -(1 - HALF[2]) * np.log(1 - 1 / (1 + E))))
equation("002", "slide 32", "L^B = (1 - y) xi6",
         lambda: (second_half(*HALF), (1 - HALF[2]) * np.log(1 - XI_4)),
         slip="the row lacks the minus of the header",
         corrected=lambda: (second_half(*HALF), -(1 - HALF[2]) * np.log(1 - XI_4)))
gradient("002", "slide 32", "dL/dxi6 = 1 - y", step_second, "xi6", (np.log(1 - XI_4), HALF[2]),
         "dxi6 = 1 - y", "the row lacks the minus of the header", (SIGN,),
         corrected="dxi6 = -(1 - y)")
gradient("002", "slide 32", "dL^B/dW = dL/dxi6 dxi6/dxi5 ... dxi1/dW, by the rows",
         second_half, "W", HALF, """
    dxi6 = 1 - y
    dxi5 = dxi6 * (1 / xi5)
    dxi4 = dxi5 * -1
    dxi3 = dxi4 * (-1 / xi3**2)
    dxi2 = dxi3 * 1
    dxi1 = dxi2 * np.exp(xi1)
    dW = dxi1 * -X
""", "the first factor lacks the minus of the header", (SIGN,), corrected=textwrap.dedent("""
    dxi6 = -(1 - y)
    dxi5 = dxi6 * (1 / xi5)
    dxi4 = dxi5 * -1
    dxi3 = dxi4 * (-1 / xi3**2)
    dxi2 = dxi3 * 1
    dxi1 = dxi2 * np.exp(xi1)
    dW = dxi1 * -X
""").strip())
gradient("002", "slide 32", "dL^B/dW = (1 - y) X (1 / (1 + e^-W'X))", second_half, "W", HALF,
         "dW = (1 - y) * X * (1 / (1 + np.exp(-W @ X)))")


# 002, slides 51 to 59: the first networks.


def affine_sigmoid(beta0, beta1, X, y):
    h = beta0 + beta1 * X
    p = 1 / (1 + np.exp(-h))
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


def two_units(W1, W2, W3, X, y):
    h1 = 1 / (1 + np.exp(-W1 @ X))
    h2 = 1 / (1 + np.exp(-W2 @ X))
    q = W3[1] * h1 + W3[2] * h2 + W3[0]
    p = 1 / (1 + np.exp(-q))
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


AFFINE = (0.3, -0.8, 1.7, 0.25)

for place in ("slide 51", "slide 52", "slide 53", "slide 61"):
    equation("002", place, "h = b0 + b1 X, p = 1 / (1 + e^-h)",
             lambda: (probability(0.3, -0.8, 1.7), sigmoid(0.3 - 0.8 * 1.7)))
    equation("002", place, "L(b) = sum_i L_i(b), L_i = -y_i ln p_i - (1 - y_i) ln(1 - p_i)",
             lambda: (likelihood(0.3, -0.8, POINTS_X, LABELS_Y),
                      sum(affine_sigmoid(0.3, -0.8, x, y)
                          for x, y in zip(POINTS_X, LABELS_Y, strict=True))))
note("002", "slide 51", "p_i = 1 / (1 + e^-h_k), in the row of x_k", "p_k = 1 / (1 + e^-h_k)")
note("002", "slide 52", "y = 1 / (1 + e^-h)", "p = 1 / (1 + e^-h), as in the boxes above")
for place in ("slide 58", "slide 59"):
    equation("002", place, "q = W31 h1 + W32 h2 + W30",
             lambda: (two_units(np.ones(2), -np.ones(2), np.array([0.1, 0.4, -0.3]),
                                np.array([0.5, 0.2]), 1.0),
                      np.log(1 + np.exp(-(0.4 * sigmoid(0.7) - 0.3 * sigmoid(-0.7) + 0.1)))))
equation("002", "slide 59", "p = 1 / (1 + e^-q), L = -y ln p - (1 - y) ln(1 - p)",
         lambda: (cross_entropy(sigmoid(0.7), 0.25),
                  np.log(1 + np.exp(0.7)) - 0.25 * 0.7))


# 002, slide 61: logistic regression revisited.


def sigma(h):
    return 1 / (1 + np.exp(-h))


def loss_of_p(p, y):
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


def affine(beta0, beta1, X):
    return beta0 + beta1 * X


gradient("002", "slide 61", "dp/dh = sigma(h) (1 - sigma(h))", sigma, "h", (0.6,),
         "dh = 1 / (1 + np.exp(-h)) * (1 - 1 / (1 + np.exp(-h)))")
gradient("002", "slide 61", "dL/dp = -y (1/p) - (1 - y) (1 / (1 - p))", loss_of_p, "p",
         (0.7, 0.25), "dp = -y * (1 / p) - (1 - y) * (1 / (1 - p))",
         "the second term has the wrong sign: log(1 - p) has the derivative -1 / (1 - p)", (SIGN,),
         corrected="dp = -y * (1 / p) + (1 - y) * (1 / (1 - p))")
gradient("002", "slide 61", "dh/db1 = X", affine, "beta1", (0.3, -0.8, 1.7), "dbeta1 = X")
gradient("002", "slide 61", "dL/db0 = 1", affine_sigmoid, "beta0", AFFINE, "dbeta0 = 1",
         "1 is dh/db0, not dL/db0", corrected="dbeta0 = (p - y) * 1")
gradient("002", "slide 61", "dh/db0 = 1, which is meant", affine, "beta0", (0.3, -0.8, 1.7),
         "dbeta0 = 1")
gradient("002", "slide 61", "dL/db1 = -X sigma(h) (1 - sigma(h)) [y/p + (1 - y) / (1 - p)]",
         affine_sigmoid, "beta1", AFFINE,
         "dbeta1 = -X * (p * (1 - p)) * (y * (1 / p) + (1 - y) * (1 / (1 - p)))",
         "the second term of the bracket has the wrong sign", (SIGN,),
         corrected="dbeta1 = -X * (p * (1 - p)) * (y * (1 / p) - (1 - y) * (1 / (1 - p)))")
gradient("002", "slide 61", "dL/db0 = -sigma(h) (1 - sigma(h)) [y/p + (1 - y) / (1 - p)]",
         affine_sigmoid, "beta0", AFFINE,
         "dbeta0 = -(p * (1 - p)) * (y * (1 / p) + (1 - y) * (1 / (1 - p)))",
         "the second term of the bracket has the wrong sign", (SIGN,),
         corrected="dbeta0 = -(p * (1 - p)) * (y * (1 / p) - (1 - y) * (1 / (1 - p)))")


# 002, slides 65, 66, 71 and 72: the derivative at X = 3, y = 1, W = 3, in numbers.


def number_1(W, X):
    xi1 = -W * X
    return xi1


def number_2(W, X):
    xi2 = np.exp(-W * X)
    return xi2


def number_3(W, X):
    xi3 = 1 + np.exp(-W * X)
    return xi3


def number_4(W, X):
    xi4 = 1 / (1 + np.exp(-W * X))
    return xi4


def number_5(W, X):
    xi5 = np.log(1 / (1 + np.exp(-W * X)))
    return xi5


def number_loss(W, X, y):
    xi1 = -W * X
    xi2 = np.exp(xi1)
    xi3 = 1 + xi2
    xi4 = 1 / xi3
    xi5 = np.log(xi4)
    return -y * xi5


AT = (3.0, 3.0)
NUMBER_LOSS = (3.0, 3.0, 1.0)
e9 = np.exp(-9)
# The derivative of the loss at these numbers, which the slides print with the wrong sign.
SLOPE = -0.00037018372

for slide in ("slide 65", "slide 66", "slide 71", "slide 72"):
    for name, function, value in (
        ("xi1 = -9", number_1, -9),
        ("xi2 = e^-9", number_2, e9),
        ("xi3 = 1 + e^-9", number_3, 1 + e9),
        ("xi4 = 1 / (1 + e^-9)", number_4, 1 / (1 + e9)),
        ("xi5 = log(1 / (1 + e^-9))", number_5, np.log(1 / (1 + e9))),
        ("L^A = -log(1 / (1 + e^-9))", lambda W, X: number_loss(W, X, 1.0), -np.log(1 / (1 + e9))),
    ):
        equation("002", slide, name,
                 lambda function=function, value=value: (function(*AT), value))
    gradient("002", slide, "dxi1/dW = -X = -3", number_1, "W", AT, "dW = -X")
    gradient("002", slide, "dxi2/dxi1 = e^xi1 = e^-9", step_2, "xi1", (-9.0,), "dxi1 = np.exp(xi1)")
    gradient("002", slide, "dxi3/dxi2 = 1", step_3, "xi2", (e9,), "dxi2 = 1")
    gradient("002", slide, "dxi4/dxi3 = 1 / (1 + e^-9), the value", step_4, "xi3", (1 + e9,),
             "dxi3 = 1 / xi3", "the value is -1 / (1 + e^-9)^2, as the column before says",
             corrected="dxi3 = -1 / xi3**2")
    gradient("002", slide, "dxi5/dxi4 = 1 / xi4 = 1 + e^-9", step_log, "xi4", (1 / (1 + e9),),
             "dxi4 = 1 / xi4")
    gradient("002", slide, "dL^A/dxi5 = -y = -1", step_first, "xi5", (-e9, 1.0), "dxi5 = -y")
    gradient("002", slide, "dL^A/dW = dL/dxi5 dxi5/dxi4 dxi4/dxi3 dxi3/dxi2 dxi2/dxi1 dxi1/dW",
             number_loss, "W", NUMBER_LOSS, """
        dxi5 = -y
        dxi4 = dxi5 / xi4
        dxi3 = dxi4 * (-1 / xi3**2)
        dxi2 = dxi3 * 1
        dxi1 = dxi2 * np.exp(xi1)
        dW = dxi1 * -X
    """)

for slide in ("slide 65", "slide 66", "slide 71"):
    gradient("002", slide, "dxi1/dW = -3", number_1, "W", AT, "dW = -X")
    gradient("002", slide, "dxi2/dW = -3 e^-9", number_2, "W", AT, "dW = -X * np.exp(-W * X)")
    gradient("002", slide, "dxi3/dW = -3 e^-9", number_3, "W", AT, "dW = -X * np.exp(-W * X)")
    gradient("002", slide, "dxi4/dW = -3 e^-9 (1 / (1 + e^-9))", number_4, "W", AT,
             "dW = -X * np.exp(-W * X) * (1 / (1 + np.exp(-W * X)))",
             "follows the wrong value of dxi4/dxi3",
             corrected="dW = X * np.exp(-W * X) * (1 / (1 + np.exp(-W * X)) ** 2)")
    gradient("002", slide, "dxi5/dW = -3 e^-9 (1 / (1 + e^-9))", number_5, "W", AT,
             "dW = -X * np.exp(-W * X) * (1 / (1 + np.exp(-W * X)))",
             "the minus of dxi4/dxi3 is lost", (SIGN,),
             corrected="dW = X * np.exp(-W * X) * (1 / (1 + np.exp(-W * X)))")
    gradient("002", slide, "dL^A/dW = 3 e^-9 (1 / (1 + e^-9))", number_loss, "W", NUMBER_LOSS,
             "dW = y * X * np.exp(-W * X) * (1 / (1 + np.exp(-W * X)))",
             "the minus of dxi4/dxi3 is lost", (SIGN,),
             corrected="dW = -y * X * np.exp(-W * X) * (1 / (1 + np.exp(-W * X)))")
    equation("002", slide, "dL^A/dW = 0.00037018372",
             lambda: (slope(lambda W: number_loss(W, 3.0, 1.0), 3.0), -SLOPE), 9,
             slip="the derivative is -0.00037018372",
             corrected=lambda: (slope(lambda W: number_loss(W, 3.0, 1.0), 3.0), SLOPE))
note("002", "slide 71", "dL/dxi_n, the header of the last column", "dxi_n/dW, as on slide 65")
note("002", "slide 72", "Type equation here.", "the product of the column, from below")


# 002, slide 67: the steps as code.


def code_x1(a, X):
    return -a * X


def code_loss(y, x):
    return -y * x


gradient("002", "slide 67", "dxi0/dX = 1", lambda X: X, "X", (3.0,), "dX = 1")
gradient("002", "slide 67", "dxi1/dW = -X", number_1, "W", AT, "dW = -X")
gradient("002", "slide 67", "def derx1(a, x): return -a, for dxi1/dW", code_x1, "a", (3.0, 2.0),
         "da = -a", "-a is the derivative in x; that in a is -x", corrected="da = -X")
gradient("002", "slide 67", "dxi2/dxi1 = e^xi1", step_2, "xi1", (-0.6,), "dxi1 = np.exp(xi1)")
gradient("002", "slide 67", "dxi3/dxi2 = 1", step_3, "xi2", (0.6,), "dxi2 = 1")
gradient("002", "slide 67", "dxi4/dxi3 = -1 / xi3^2", step_4, "xi3", (1.6,), "dxi3 = -1 / xi3**2")
gradient("002", "slide 67", "def derx4(x): return -(1/x)**(2)", step_4, "xi3", (1.6,),
         "dxi3 = -((1 / xi3) ** 2)")
gradient("002", "slide 67", "dxi5/dxi4 = 1 / xi4", step_log, "xi4", (0.6,), "dxi4 = 1 / xi4")
gradient("002", "slide 67", "dL^A/dxi5 = -y", code_loss, "x", (0.25, 0.6), "dx = -y")
for printed, should_be in (
    ("def x0(x): return X", "def x0(x): return x"),
    ("def x1(a,x): return \N{EN DASH}a*X", "def x1(a, x): return -a * x"),
    ("def der1(x): return 1/(x)", "def x4(x): return 1 / x"),
    ("def der1(x): return np.log(x)", "def x5(x): return np.log(x)"),
    ("def derx5(x) return 1/x", "def derx5(x): return 1 / x"),
    ("def der1(y,x): return \N{EN DASH}y*x", "def L(y, x): return -y * x"),
):
    note("002", "slide 67", printed, should_be)


# 002, slide 69: the computational graph.

equation("002", "slide 69", "xi1 = W'X, where the tables have -W'X",
         lambda: (step_1(*HALF[:2]), HALF[0] @ HALF[1]),
         slip="the minus is missing; the next node makes up for it with e^-xi1",
         corrected=lambda: (step_1(*HALF[:2]), -HALF[0] @ HALF[1]))
gradient("002", "slide 69", "xi1' = X", step_1, "W", HALF[:2], "dW = X",
         "xi1 = -W'X has a minus", (SIGN,), corrected="dW = -X")
gradient("002", "slide 69", "xi2' = -e^-xi1, of xi2 = e^-xi1", lambda xi1: np.exp(-xi1), "xi1",
         (0.6,), "dxi1 = -np.exp(-xi1)")
equation("002", "slide 69", "xi3 = 1 + e^-W'X", lambda: (step_3(E), 1 + E))
equation("002", "slide 69", "xi4 = 1 / (1 + e^-W'X)", lambda: (step_4(1 + E), XI_4))
equation("002", "slide 69", "xi5 = log(1 / (1 + e^-W'X))", lambda: (step_log(XI_4), -np.log1p(E)))
equation("002", "slide 69", "xi6 = 1 - 1 / (1 + e^-W'X)", lambda: (1 - XI_4, E / (1 + E)))
equation("002", "slide 69", "xi7 = log(1 - 1 / (1 + e^-W'X))",
         lambda: (np.log(1 - XI_4), np.log(E) - np.log1p(E)))
equation("002", "slide 69", "xi8 = (1 - y) log(1 - 1 / (1 + e^-W'X))",
         lambda: ((1 - HALF[2]) * np.log(1 - XI_4), -second_half(*HALF)))
equation("002", "slide 69", "xi9 = y log(1 / (1 + e^-W'X))",
         lambda: (HALF[2] * np.log(XI_4), -first_half(*HALF)))
equation("002", "slide 69", "-L = y log(1 / (1 + e^-W'X)) + (1 - y) log(1 - 1 / (1 + e^-W'X))",
         lambda: (-both_halves(*HALF),
                  HALF[2] * np.log(XI_4) + (1 - HALF[2]) * np.log(1 - XI_4)))
note("002", "slide 69", "-L = xi9 = ..., the last node", "-L = xi10: xi9 is y log p")


# 003: linear and logistic regression, and the network with one hidden layer.


def half_square(w, b, x, y):
    y_hat = w * x + b
    return 0.5 * (y_hat - y) ** 2


for name, function in (("linear", half_square), ("logistic", logistic)):
    gradient("003", "4", f"{name} regression: dL/dw = (y_hat - y) x", function, "w", ONE,
             "dw = (y_hat - y) * x", latex=r"\frac{\partial L}{\partial w} = (\hat{y} - y)x")
    gradient("003", "4", f"{name} regression: dL/db = (y_hat - y)", function, "b", ONE,
             "db = y_hat - y", latex=r"\frac{\partial L}{\partial b} = (\hat{y} - y)")
equation("003", "3", "W_1 = W_1 - lr * dw_1, and so on, decreases L",
         lambda: (logistic(0.4 - 0.01 * slope(lambda w: logistic(w, *ONE[1:]), 0.4), *ONE[1:])
                  < logistic(*ONE), True))
note("003", "3", "forward(W_1, b_1, W_2, b_2)", "forward(x, W_1, b_1, W_2, b_2)")
note("003", "3", "backward()", "the gradients need x, y and what the forward pass stored")
equation("003", "5.2", "h(w, x, b) = sigma(w x + b)", lambda: (probability(-0.3, 0.4, 1.5),
                                                               sigmoid(0.4 * 1.5 - 0.3)))
equation("003", "7", "y_hat = 1 / (1 + e^-(w x + b)) = 0.5 at w = b = 0",
         lambda: (sigmoid(0.0), 0.5))
equation("003", "7", "z = w x + b = 0 * 50 + 0 = 0", lambda: (0.0 * 50 + 0, 0))
equation("003", "7", "L = -y log y_hat - (1 - y) log(1 - y_hat) = 0.69",
         lambda: (logistic(0.0, 0.0, 50.0, 1.0), 0.69), 2)
gradient("003", "7", "dL/dL = 1", lambda L: L, "L", (0.69,), "dL = 1",
         latex=r"\frac{\partial L}{\partial L} = 1")
for place in ("7", "8"):
    gradient("003", place, "dL/dy_hat = -y / y_hat + (1 - y) / (1 - y_hat)", cross_entropy,
             "y_hat", (0.7, 0.25), "dy_hat = -y / y_hat + (1 - y) / (1 - y_hat)",
             latex=r"\frac{\partial L}{\partial \hat{y}} = "
                   r"-\frac{y}{\hat{y}} + \frac{1-y}{1-\hat{y}}")
equation("003", "7", "dL/dy_hat = -1 / 0.5 + 0 / 0.5 = -2",
         lambda: (slope(lambda p: cross_entropy(p, 1.0), 0.5), -2), 6)


def loss_of_z(z, y):
    y_hat = 1 / (1 + np.exp(-z))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return L


gradient("003", "7", "dL/dz = y_hat (1 - y_hat) dL/dy_hat", loss_of_z, "z", (0.6, 0.25), """
    dy_hat = -y / y_hat + (1 - y) / (1 - y_hat)
    dz = (y_hat * (1 - y_hat)) * dy_hat
""")
equation("003", "7", "dL/dz = [0.5 (1 - 0.5)] (-2) = -0.5",
         lambda: (slope(lambda z: loss_of_z(z, 1.0), 0.0), -0.5), 6)
gradient("003", "7", "dL/dw = dz/dw dL/dz = x dL/dz", logistic, "w", ONE, """
    dz = y_hat - y
    dw = x * dz
""")
equation("003", "7", "dL/dw = 50 (-0.5) = -25",
         lambda: (slope(lambda w: logistic(w, 0.0, 50.0, 1.0), 0.0, 1e-6), -25), 6)


def losses(z2, y):
    y_hat = 1 / (1 + np.exp(-z2))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return np.sum(L)


def perceptron(W1, b1, W2, b2, x, y):
    z1 = W1 @ x + b1
    a1 = np.tanh(z1)
    z2 = W2 @ a1 + b2
    y_hat = 1 / (1 + np.exp(-z2))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return np.sum(L)


def from_a1(a1, W2, b2, y):
    z2 = W2 @ a1 + b2
    y_hat = 1 / (1 + np.exp(-z2))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return np.sum(L)


def from_z1(z1, W2, b2, y):
    a1 = np.tanh(z1)
    z2 = W2 @ a1 + b2
    y_hat = 1 / (1 + np.exp(-z2))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return np.sum(L)


def perceptron_arguments():
    """Three outputs, so that transposes and outer products show; the losses are added up."""
    r = rng()
    W1, b1, W2, b2, x = (r.standard_normal(shape) for shape in ((5, 4), 5, (3, 5), 3, 4))
    return W1, b1, W2, b2, x, np.array([0.25, 1.0, 0.0])


NET = perceptron_arguments()
HIDDEN = (NET[1], NET[2], NET[3], NET[5])
RIGHT_PERCEPTRON = """
    dz2 = y_hat - y
    dz1 = (1 - a1**2) * (W2.T @ dz2)
"""


def in_full(answer):
    return textwrap.dedent(RIGHT_PERCEPTRON).strip() + "\n" + answer


equation("003", "8", "z1 = W1 x + b1, a1 = g(z1), z2 = W2 a1 + b2, y_hat = sigma(z2)",
         lambda: (perceptron(*NET), losses(
             NET[2] @ np.tanh(NET[0] @ NET[4] + NET[1]) + NET[3], NET[5])))
equation("003", "8", "L = -y log y_hat - (1 - y) log(1 - y_hat)",
         lambda: (cross_entropy(0.7, 0.25), -0.25 * np.log(0.7) - 0.75 * np.log(0.3)))
gradient("003", "8", "dL/dz2 = y_hat (1 - y_hat) . -y / y_hat + (1 - y) / (1 - y_hat)",
         loss_of_z, "z", (0.6, 0.25),
         "dz = y_hat * (1 - y_hat) * -y / y_hat + (1 - y) / (1 - y_hat)",
         "parentheses are missing around dL/dy_hat",
         corrected="dz = y_hat * (1 - y_hat) * (-y / y_hat + (1 - y) / (1 - y_hat))")
gradient("003", "8", "dL/dz2 = y_hat - y", loss_of_z, "z", (0.6, 0.25), "dz = y_hat - y",
         latex=r"\frac{\partial L}{\partial z} = \hat{y} - y")
gradient("003", "8", "dL/dW2 = a1 (y_hat - y)", perceptron, "W2", NET, "dW2 = a1 * (y_hat - y)",
         "W2 is a matrix: its gradient is the outer product (y_hat - y) a1'",
         (TRANSPOSED, ORDER, ELEMENTWISE, COLUMN), corrected="dW2 = np.outer(y_hat - y, a1)")
gradient("003", "8", "dL/db2 = y_hat - y", perceptron, "b2", NET, "db2 = y_hat - y")
gradient("003", "8", "dL/da1 = W2 (y_hat - y)", from_a1, "a1", HIDDEN, "da1 = W2 @ (y_hat - y)",
         "W2 is transposed on the way back", (TRANSPOSED,), corrected="da1 = W2.T @ (y_hat - y)")
gradient("003", "8", "dL/dz1 = g'(z1) . W2 (y_hat - y)", from_z1, "z1", HIDDEN,
         "dz1 = (1 - a1**2) @ (W2 @ (y_hat - y))",
         "W2 is transposed on the way back, and g'(z1) multiplies element by element",
         corrected="dz1 = (1 - a1**2) * (W2.T @ (y_hat - y))")
gradient("003", "8", "dL/dW1 = x . g'(z1) . W2 (y_hat - y)", perceptron, "W1", NET,
         "dW1 = x * (1 - a1**2) * (W2 @ (y_hat - y))",
         "an outer product of the element-wise product (and W2 transposed) with x",
         corrected=in_full("dW1 = np.outer(dz1, x)"))
gradient("003", "8", "dL/db1 = g'(z1) . W2 (y_hat - y)", perceptron, "b1", NET,
         "db1 = (1 - a1**2) * (W2 @ (y_hat - y))",
         "W2 is transposed on the way back", (TRANSPOSED,), corrected=in_full("db1 = dz1"))


# 004: computation graphs, logistic regression in loops and in columns, layers.


def graph(a, b):
    c = a + b
    d = b + 1
    e = c * d
    return e


equation("004", "NN as linear classifiers", "f(x, W) = sigma(W x + b)",
         lambda: (sigmoid(NET[0] @ NET[4] + NET[1])[2], sigmoid(NET[0][2] @ NET[4] + NET[1][2])))
equation("004", "Computation graph", "e = (a + b) (b + 1), c = a + b, d = b + 1, e = c d",
         lambda: (graph(2.0, 1.0), (2 + 1) * (1 + 1)))
gradient("004", "Derivatives with computation graph", "how e changes with a and b, in the figure",
         graph, ("a", "b"), (2.0, 1.0), """
    da = d
    db = d + c
""")


def cost(w, b, X, y):
    m = X.shape[0]
    z = X @ w + b
    a = 1 / (1 + np.exp(-z))
    return -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)) / m


def cost_columns(w, b, X, Y):
    m = X.shape[1]
    Z = np.dot(w.T, X) + b
    A = 1 / (1 + np.exp(-Z))
    return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m


COST = (np.array([0.4, -0.7, 0.2]), 0.3, rng().standard_normal((5, 3)), LABELS_Y)
COST_COLUMNS = (COST[0][:, None], 0.3, COST[2].T, LABELS_Y[None, :])
LOOPS = "Logistic regression on m examples"

gradient("004", LOOPS, "dz[i] = a[i] - y[i]", loss_of_z, "z", (0.6, 0.25), "dz = y_hat - y")
gradient("004", LOOPS, "dw[j] += x[i][j] * dz[i], db += dz[i], dw / m, db / m", cost, ("w", "b"),
         COST, """
    dz = a - y
    dw = np.sum(X * dz[:, None], axis=0) / m
    db = np.sum(dz) / m
""")
equation("004", LOOPS, "z[i] = w.transpose() * x[i] + b",
         lambda: (np.sum(COST[0].transpose() * COST[2][0] + COST[1]),
                  COST[0] @ COST[2][0] + COST[1]),
         slip="`*` multiplies element by element: a dot product is meant",
         corrected=lambda: (np.dot(COST[0].transpose(), COST[2][0]) + COST[1],
                            COST[0] @ COST[2][0] + COST[1]))
gradient("004", LOOPS, "dw by the loop, with z[i] = w.transpose() * x[i] + b", cost, "w", COST, """
    Z = w * X + b
    dz = 1 / (1 + np.exp(-Z)) - y[:, None]
    dw = np.sum(X * dz, axis=0) / m
""", "`*` multiplies element by element: a dot product is meant",
         corrected="dz = 1 / (1 + np.exp(-(X @ w + b))) - y\n"
                   "dw = np.sum(X * dz[:, None], axis=0) / m")
note("004", LOOPS, "J = J + (-[y[i]*log(a[i])+(1-y[i])*log(1-a[i])])",
     "J = J - (y[i]*log(a[i]) + (1-y[i])*log(1-a[i])): a list has no minus")
note("004", LOOPS, "j = j / m", "J = J / m")
equation("004", LOOPS, "w[j] = w[j] - alpha * dw[j], b = b - alpha * db decreases J",
         lambda: (cost(COST[0], 0.3 - 0.01 * slope(lambda b: cost(COST[0], b, *COST[2:]), 0.3),
                       *COST[2:]) < cost(*COST), True))
note("004", "Backwards pass", "3. dL/dW is given to us by the forward pass",
     "the upstream dL/dh^l is what is given, by the layer after; dL/dW is what is wanted")


def layer(h_prev, W, t):
    h = W @ h_prev
    return 0.5 * np.sum((h - t) ** 2)


LAYER = (np.array([0.3, -0.7, 1.1]), rng().standard_normal((4, 3)), np.array([0.1, 0.5, -0.2, 0.9]))

equation("004", "Local gradients", "h^l = W h^(l-1)",
         lambda: (LAYER[1] @ LAYER[0], np.einsum("ij,j->i", LAYER[1], LAYER[0])))
gradient("004", "Local gradients", "dh^l/dh^(l-1) = W, and the chain rule", layer, "h_prev", LAYER,
         """
    dh = h - t
    dh_prev = dh @ W
""")
gradient("004", "Local gradients", "dh^l/dW = h^(l-1),T, and the chain rule", layer, "W", LAYER, """
    dh = h - t
    dW = dh[:, None] @ h_prev[None, :]
""")
equation("004", "Summary", "w_i = w_i - alpha dL/dw_i decreases L",
         lambda: (cost(*COST[:1], 0.3 - 0.01 * slope(
             lambda b: cost(COST[0], b, *COST[2:]), 0.3), *COST[2:]) < cost(*COST), True))


def adds(a1, a2):
    a3 = a1 + a2
    return np.sin(a3)


def multiplies(x1, x2):
    a2 = x1 * x2
    return np.sin(a2)


def larger(x1, x2):
    m = np.maximum(x1, x2)
    return np.sin(m)


def relu_layer(h_prev):
    h = np.maximum(0, h_prev)
    return np.sum(h)


AUTODIFF = "Backprop via AutoDiff"
gradient("004", AUTODIFF, "a3_bar = df/da3", lambda a3: np.sin(a3), "a3", (0.6,),
         "da3 = np.cos(a3)")
gradient("004", AUTODIFF, "a3_bar = a1_bar, a3_bar = a2_bar", adds, ("a1", "a2"), (0.6, -1.1), """
    da3 = np.cos(a3)
    da1 = da3
    da2 = da3
""")
gradient("004", AUTODIFF, "x2_bar = a2_bar x1", multiplies, "x2", (0.6, -1.1), """
    da2 = np.cos(a2)
    dx2 = da2 * x1
""")
gradient("004", AUTODIFF, "x1_bar = a2_bar x2", multiplies, "x1", (0.6, -1.1), """
    da2 = np.cos(a2)
    dx1 = da2 * x2
""")
gradient("004", AUTODIFF, "max: the gradient flows along the path selected", larger, ("x1", "x2"),
         (0.6, -1.1), """
    dm = np.cos(m)
    dx1 = dm * (x1 > x2)
    dx2 = dm * (x2 > x1)
""")


def signed(w, x):
    return -np.log(1 / (1 + np.exp(-w.T @ x)))


def regularised_logistic(w, x, lam):
    p = 1 / (1 + np.exp(-w.T @ x))
    L = 0.5 * np.sum(w**2) - lam * np.log(p)
    return L


SIGMOID = "DAG logistic regression (sigmoid)"
equation("004", SIGMOID, "-log(1 / (1 + e^(-w'x)))",
         lambda: (signed(*HALF[:2]), np.log(1 + np.exp(-HALF[0] @ HALF[1]))))
equation("004", SIGMOID, "p(y = 1 | x) = 1 / (1 + e^(-w'x))",
         lambda: (XI_4, np.exp(-signed(*HALF[:2]))))
equation("004", SIGMOID, "L = 1/2 |w|^2 - lambda log p(y | x)",
         lambda: (regularised_logistic(*HALF[:2], 0.3),
                  0.5 * HALF[0] @ HALF[0] + 0.3 * signed(*HALF[:2])))
gradient("004", SIGMOID, "the derivative of -log(1 / (1 + e^(-w'x))), in the figure", signed, "w",
         HALF[:2], "dw = (1 / (1 + np.exp(-w @ x)) - 1) * x")
gradient("004", SIGMOID, "the derivative of 1/2 |w|^2 - lambda log p, in the figure",
         regularised_logistic, "w", (*HALF[:2], 0.3), "dw = w + lam * (p - 1) * x")
gradient("004", "Vectorizing logistic regression",
         "dz = A - Y, dw = 1/m np.dot(X, dz.T), db = 1/m np.sum(dz)", cost_columns, ("w", "b"),
         COST_COLUMNS, """
    dz = A - Y
    dw = 1/m * np.dot(X, dz.T)
    db = 1/m * np.sum(dz)
""")
equation("004", "Vectorizing logistic regression", "Z = np.dot(w.T, X) + b, A = sigmoid(Z)",
         lambda: (cost_columns(*COST_COLUMNS), cost(*COST)))
equation("004", "Vectorizing logistic regression", "w = w - alpha * dw, b = b - alpha * db",
         lambda: (cost_columns(COST_COLUMNS[0], 0.3 - 0.01 * slope(
             lambda b: cost(COST[0], b, *COST[2:]), 0.3), *COST_COLUMNS[2:]) < cost(*COST), True))
equation("004", "Simple layer Jacobians", "h^l = W h^(l-1): |h^l| x 1, |h^l| x |h^(l-1)|",
         lambda: ((LAYER[1] @ LAYER[0][:, None]).shape, (4, 1)))
equation("004", "Simple layer Jacobians", "h^l = max(0, h^(l-1))",
         lambda: (np.maximum(0, LAYER[0]), [0.3, 0, 1.1]))
gradient("004", "Simple layer Jacobians", "the gradient is 0 where the input is <= 0", relu_layer,
         "h_prev", (LAYER[0],), "dh_prev = np.where(h_prev <= 0, 0, 1)")
