"""Fundamentals of Data Science, chapter 6: neural networks and backpropagation.

Writes one page with every worked example, formula and figure of the chapter, in their order; what
the chapter prints is asserted, and where it slips it is said so.
"""

import inspect

import mpmath
import numpy as np
from lecture import WIDE, Lecture

import symgrad
from symgrad.study.circuit import circuit

page = Lecture(
    __file__,
    "Fundamentals of Data Science, chapter 6: Neural Networks and Backpropagation",
    "Each worked example, formula and figure of the chapter, in their order, computed by symgrad; "
    "numbers that the chapter prints are asserted.",
)


def show_code(*functions):
    page.code("\n\n".join(inspect.getsource(function).strip() for function in functions))


# %% Section 6.1.1: a network of two layers with softmax loss
page.section("6.1.1 Gradient computation")
page.begin("section 6.1.1", "formula")
page.formula(r"s = f(x; W_1, W_2) = W_2 \max(0, W_1 x)")


def scores(W1, W2, x):
    z = W1 @ x
    h = np.maximum(0, z)
    s = W2 @ h
    return s


rng = np.random.default_rng(6)
W1, W2 = rng.standard_normal((5, 4)), rng.standard_normal((3, 5))
X, y = rng.standard_normal((6, 4)), np.array([0, 2, 1, 1, 0, 2])
lam = 0.1

by_sums = [sum(W2[k, j] * max(0, sum(W1[j] * X[0])) for j in range(5)) for k in range(3)]
np.testing.assert_allclose(scores(W1, W2, X[0]), by_sums, rtol=1e-13)
page.text(
    "As NumPy, and as blocks. The chapter has no numbers here; the weights and the six examples "
    "of this page are random, with 4 features, 5 hidden units and 3 classes."
)
show_code(scores)


def first_score(W1, W2, x):
    z = W1 @ x
    h = np.maximum(0, z)
    s = W2 @ h
    return s[0]


page.add(
    symgrad.draw(first_score, W1, W2, X[0], wrt=("W1", "W2"), level="line"),
    "The first score. Where `W1 x` is negative, the gate lets no gradient through.",
)

page.begin("section 6.1.1", "formula")
page.formula(r"L_i = -\log\left( \frac{e^{s_{y_i}}}{\sum_j e^{s_j}} \right)")


def data_loss(s, y):
    p = np.exp(s) / np.sum(np.exp(s))
    L = -np.log(p[y])
    return L


def exact_loss(s, y):
    with mpmath.workdps(40):
        return mpmath.log(sum(mpmath.exp(v) for v in s)) - mpmath.mpf(float(s[y]))


all_scores = [scores(W1, W2, x) for x in X]
for s, label in zip(all_scores, y, strict=True):
    assert abs(data_loss(s, label) - exact_loss(s, label)) < 1e-14
show_code(data_loss)
page.text(
    "The softmax makes probabilities `p` of the scores, and the loss is large where the right "
    "class has a small one. At the scores of the first two examples:"
)
page.table(
    ["i", "$s$", "$p$", "$y_i$", "$L_i$"],
    [
        [
            k + 1, np.round(s, 3), np.round(np.exp(s) / np.sum(np.exp(s)), 3), label,
            f"{data_loss(s, label):.4f}",
        ]
        for k, (s, label) in enumerate(zip(all_scores[:2], y, strict=False))
    ],
)  # fmt: skip

page.begin("section 6.1.1", "formula")
page.formula(r"R(W) = \sum_k W_k^2")


def R(W):
    return np.sum(W**2)


assert abs(R(W1) - sum(mpmath.mpf(float(w)) ** 2 for w in W1.flat)) < 1e-13
page.text(f"The sum goes over all entries: `R(W1)` is {R(W1):.4f}, `R(W2)` is {R(W2):.4f}.")

page.begin("section 6.1.1", "formula")
page.formula(r"L = \frac{1}{N} \sum_{i=1}^{N} L_i + \lambda R(W_1) + \lambda R(W_2)")


def total_loss(W1, W2, X, y, lam):
    N = X.shape[0]
    h = np.maximum(0, X @ W1.T)
    s = h @ W2.T
    p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(N), y]))
    return loss + lam * np.sum(W1**2) + lam * np.sum(W2**2)


NETWORK = (W1, W2, X, y, lam)
by_parts = np.mean([data_loss(s, k) for s, k in zip(all_scores, y, strict=True)])
by_parts += lam * R(W1) + lam * R(W2)
assert abs(total_loss(*NETWORK) - by_parts) < 1e-14
show_code(total_loss)
page.text(
    f"With the six examples as rows of `X`, and lambda = {lam}, the loss is "
    f"{total_loss(*NETWORK):.6f}; computed example by example, as printed, it is the same."
)

page.begin("section 6.1.1", "formula")
page.formula(r"\frac{\partial L}{\partial W_1}, \qquad \frac{\partial L}{\partial W_2}")
page.text(
    "The chapter names them and prints neither. Derived by hand, line by line from the loss back, "
    "and judged:"
)
BY_HAND = """
ds = (p - np.eye(len(W2))[y]) / N
dW2 = ds.T @ h + 2 * lam * W2
dz = (ds @ W2) * (h > 0)
dW1 = dz.T @ X + 2 * lam * W1
"""
page.judge(total_loss, BY_HAND, ("W1", "W2"), NETWORK)
gradient = symgrad.compile(total_loss, wrt=("W1", "W2"))
value, (dW1, dW2) = gradient.value_and_grad(*NETWORK)
page.folded("The module that symgrad writes of it", gradient.source)
page.text("And measured, without a rule of derivation:")
checked = symgrad.check(total_loss, *NETWORK, wrt=("W1", "W2"))
assert checked
page.add(checked)

page.begin("section 6.1.1", "formula")
page.formula(r"\frac{\partial}{\partial W_k} \sum_k W_k^2 = 2 W_k")
page.judge(R, "dW = 2 * W", "W", (W1,))

page.begin("section 6.1.1", "example")
page.text(
    "Gradients of the softmax loss, those of the regularisation, and both combined to update "
    "`W1` and `W2`: ten steps against the gradient, each a tenth of it."
)
steps, weights = [], (W1, W2)
for k in range(11):
    value, grads = gradient.value_and_grad(*weights, X, y, lam)
    penalty = lam * (R(weights[0]) + R(weights[1]))
    steps.append([k, f"{value - penalty:.4f}", f"{penalty:.4f}", f"{value:.4f}"])
    weights = [W - 0.1 * dW for W, dW in zip(weights, grads, strict=True)]
totals = [float(row[-1]) for row in steps]
assert totals == sorted(totals, reverse=True)
page.table(["step", "data loss", "regularisation", "total loss"], steps)

# %% Section 6.1.2: another loss
page.section("6.1.2 Challenges of manual derivation")
page.begin("section 6.1.2", "example")


def l2_loss(W1, W2, X, y, lam):
    N = X.shape[0]
    h = np.maximum(0, X @ W1.T)
    s = h @ W2.T
    r = s - np.eye(len(W2))[y]
    loss = np.sum(r**2) / N
    return loss + lam * np.sum(W1**2) + lam * np.sum(W2**2)


page.text(
    "The chapter warns that all must be derived again when the softmax loss is replaced by an L2 "
    "loss. Here is that change, with the squared distance of the scores from the one-hot answer; "
    "the gradient is written again, and only the lines at the loss differ:"
)
changed = symgrad.diff(total_loss, l2_loss, *NETWORK, wrt=("W1", "W2"))
assert changed
page.add(changed)
page.judge(l2_loss, BY_HAND.replace("(p - np.eye(len(W2))[y])", "2 * r"), ("W1", "W2"), NETWORK)

# %% Section 6.1.3: the graph
page.section("6.1.3 Computational graphs and backpropagation")
page.begin("section 6.1.3", "figure")


def linear_model(W, x, y, lam):
    s = W @ x
    p = np.exp(s) / np.sum(np.exp(s))
    L_i = -np.log(p[y])
    R = np.sum(W**2)
    L = L_i + lam * R
    return L


W, x = rng.standard_normal((3, 4)), X[0]
LINEAR = (W, x, 1, lam)
page.add(
    symgrad.draw(linear_model, *LINEAR, wrt="W", level="line", width=WIDE),
    "From x and W to the scores and the softmax loss, from W to R(W), and both to the total loss.",
)

page.begin("section 6.1.3", "formula")
page.formula(r"f = W \cdot x")


def score_vector(W, x):
    s = W @ x
    return s


np.testing.assert_allclose(score_vector(W, x), [sum(row * x) for row in W], rtol=1e-14)
page.text(f"The product of a matrix and a vector: here the scores are {np.round(W @ x, 4)}.")

page.begin("section 6.1.3", "formula")
page.formula(r"L_i = -\log\left( \frac{e^{s_{y_i}}}{\sum_j e^{s_j}} \right)")
assert abs(data_loss(W @ x, 1) - exact_loss(W @ x, 1)) < 1e-14
page.text(f"With the second class as the right one the loss is {data_loss(W @ x, 1):.6f}.")

page.begin("section 6.1.3", "formula")
page.formula(r"R(W) = \sum_k W_k^2")
assert R(W) == np.sum(W * W)
page.text(f"Here `R(W)` is {R(W):.6f}.")

page.begin("section 6.1.3", "formula")
page.formula(r"L = \frac{1}{N} \sum_{i=1}^{N} L_i + \lambda R(W)")
assert abs(linear_model(*LINEAR) - (exact_loss(W @ x, 1) + lam * R(W))) < 1e-14
page.text(f"For this one example, N = 1: {linear_model(*LINEAR):.6f}.")

page.begin("section 6.1.3", "formula")
page.formula(r"\frac{\partial L_i}{\partial s}")
page.text("The chapter leaves it as this symbol. It is the softmax, less 1 at the right class:")
page.judge(data_loss, "ds = p - np.eye(len(s))[y]", "s", (W @ x, 1))

page.begin("section 6.1.3", "formula")
page.text("In words in the chapter. Each row of W has a score of its own: an outer product.")
page.formula(r"\frac{\partial L_i}{\partial W} = \frac{\partial L_i}{\partial s} x^T")


def softmax_of_linear(W, x, y):
    s = W @ x
    p = np.exp(s) / np.sum(np.exp(s))
    return -np.log(p[y])


page.judge(softmax_of_linear, "ds = p - np.eye(len(s))[y]\ndW = np.outer(ds, x)", "W", LINEAR[:3])

page.begin("section 6.1.3", "formula")
page.formula(r"\lambda \frac{\partial R(W)}{\partial W} = 2 \lambda W")


def penalty(W, lam):
    return lam * np.sum(W**2)


page.judge(penalty, "dW = 2 * lam * W", "W", (W, lam))
page.text("The three steps together, and the graph at work, one gate after the other:")
page.judge(
    linear_model, "ds = p - np.eye(len(s))[y]\ndW = np.outer(ds, x) + 2 * lam * W", "W", LINEAR
)
page.add(symgrad.table(linear_model, *LINEAR, wrt="W", level="line"))

# %% Example 1: (x + y) z
page.section("Example 1: (x + y) z")
EXAMPLE_1 = "section 6.1.3, (x + y) z"
page.begin(EXAMPLE_1, "formula")
page.formula(
    r"f(x, y, z) = (x + y) z, \qquad \frac{\partial f}{\partial x}, \quad "
    r"\frac{\partial f}{\partial y}, \quad \frac{\partial f}{\partial z}"
)


def sum_times(x, y, z):
    q = x + y
    f = q * z
    return f


show_code(sum_times)
page.judge(sum_times, "dx = z\ndy = z\ndz = x + y", ("x", "y", "z"), (-2.0, 5.0, -4.0))
at = {node.name: node for node in circuit(sum_times, (-2.0, 5.0, -4.0)).nodes}
value = {name: float(node.value) for name, node in at.items()}
d = {name: float(node.upstream) for name, node in at.items()}

page.begin(EXAMPLE_1, "example")
page.formula(r"q = x + y = -2 + 5 = 3, \qquad f = q z = 3 \times -4 = -12")
page.prints_all("-2 5 -2 5 3", *(value[name] for name in "xyxyq"))
page.prints_all("3 -4 3 -4 -12 -12 3", *(value[name] for name in "qzqzffq"))
page.text("The values of the graph are these, exactly.")

frames = symgrad.draw(sum_times, -2.0, 5.0, -4.0, steps=True)
assert len(frames) == 4
page.begin(EXAMPLE_1, "figure")
page.add(frames[0], "The graph after the forward pass.")

page.begin(EXAMPLE_1, "example")
page.formula(
    r"\frac{\partial f}{\partial q} = z = -4, \qquad \frac{\partial f}{\partial z} = q = 3"
)


def times(q, z):
    f = q * z
    return f


page.prints_all("-4 3", value["z"], value["q"])
page.prints_all("-4 3", d["q"], d["z"])
page.judge(
    times,
    r"\frac{\partial f}{\partial q} = z, \qquad \frac{\partial f}{\partial z} = q",
    ("q", "z"),
    (3.0, -4.0),
)

page.begin(EXAMPLE_1, "formula")


def plus(x, y):
    q = x + y
    return q


page.prints_all("1 1", *symgrad.grad(plus, wrt=("x", "y"))(-2.0, 5.0))
page.judge(
    plus,
    r"\frac{\partial q}{\partial x} = 1, \qquad \frac{\partial q}{\partial y} = 1",
    ("x", "y"),
    (-2.0, 5.0),
)

page.begin(EXAMPLE_1, "example")
page.formula(
    r"\frac{\partial f}{\partial x} = \frac{\partial f}{\partial q} \cdot"
    r"\frac{\partial q}{\partial x} = (-4)(1) = -4, \qquad \frac{\partial f}{\partial y} = "
    r"\frac{\partial f}{\partial q} \cdot \frac{\partial q}{\partial y} = (-4)(1) = -4"
)
page.prints_all("-4 1 -4 -4 1 -4", d["q"], d["x"] / d["q"], d["x"], d["q"], d["y"] / d["q"], d["y"])
page.judge(
    sum_times,
    r"\frac{\partial f}{\partial x} = \frac{\partial f}{\partial q} \cdot"
    r"\frac{\partial q}{\partial x}, \qquad \frac{\partial f}{\partial y} = "
    r"\frac{\partial f}{\partial q} \cdot \frac{\partial q}{\partial y}",
    ("x", "y"),
    (-2.0, 5.0, -4.0),
)

page.begin(EXAMPLE_1, "table")
page.prints_all("-4 -4 3", d["x"], d["y"], d["z"])
page.add(symgrad.table(sum_times, -2.0, 5.0, -4.0))

STEPS = (
    (frames[0], "First, the forward pass."),
    (frames[1], "The backward pass starts with df/df = 1."),
    (frames[2], "The product exchanges its factors: q gets z, and z gets q."),
    (frames[3], "The sum hands on what it gets, to x and to y."),
    (symgrad.draw(sum_times, -2.0, 5.0, -4.0), "All values and all gradients."),
)
for k, (drawing, caption) in enumerate(STEPS):
    page.begin(EXAMPLE_1, "figure")
    if not k:
        page.text(
            "The text of the chapter keeps the letters of the five pictures and not what each "
            "shows. Here they are the steps of the example."
        )
    page.add(drawing, f"({'abcde'[k]}) {caption}")

# %% Example 2: the sigmoid neuron
page.section("Example 2: a sigmoid neuron")
EXAMPLE_2 = "section 6.1.3, neuron"
page.begin(EXAMPLE_2, "formula")
page.formula(r"f(w, x) = \frac{1}{1 + e^{-(w_0 x_0 + w_1 x_1 + w_2)}}")


def neuron(w0, x0, w1, x1, w2):
    m0 = w0 * x0
    m1 = w1 * x1
    a = m0 + m1
    q = a + w2
    n = -q
    e = np.exp(n)
    s = 1 + e
    f = 1 / s
    return f


NEURON = (2.0, -1.0, -3.0, -2.0, -3.0)
page.text("One line for each gate of the graph, so that each has a name:")
show_code(neuron)
at = {node.name: node for node in circuit(neuron, NEURON).nodes}
value = {name: float(node.value) for name, node in at.items()}
d = {name: float(node.upstream) for name, node in at.items()}
with mpmath.workdps(40):
    e = mpmath.exp(-1)
    exact = {"e": e, "s": 1 + e, "f": 1 / (1 + e)}
    d_exact = {"f": mpmath.mpf(1), "s": -1 / (1 + e) ** 2}
    d_exact["e"] = d_exact["s"]
    d_exact["n"] = d_exact["e"] * e
    d_exact["q"] = d_exact["a"] = d_exact["m0"] = d_exact["m1"] = d_exact["w2"] = -d_exact["n"]
    for name, factor in (("w0", -1), ("x0", 2), ("w1", -2), ("x1", -3)):
        d_exact[name] = d_exact["q"] * factor
assert set(d) == set(d_exact)


def prints_value(number, name):
    page.prints(number, value[name], exact.get(name))


def prints_gradient(number, name):
    page.prints(number, d[name], d_exact[name])


frames = symgrad.draw(neuron, *NEURON, steps=True)


def frame_of(line):
    """Return the frame that goes back through a line of the neuron."""
    (found,) = (frame for frame in frames if f"back through {line}" in frame.frame.caption[0])
    return found


page.begin(EXAMPLE_2, "figure")
page.add(frames[0], "Forward propagation.")

page.begin(EXAMPLE_2, "example")
page.formula(r"w_0 = 2, \quad x_0 = -1, \quad w_1 = -3, \quad x_1 = -2, \quad w_2 = -3")
page.prints_all("2 -1 -3 -2 -3", *(value[name] for name in ("w0", "x0", "w1", "x1", "w2")))

page.begin(EXAMPLE_2, "table")
PRINTED = (
    (r"w_0 \cdot x_0", r"2 \cdot -1", "2 -1 -2", "w0 x0 m0"),
    (r"w_1 \cdot x_1", r"-3 \cdot -2", "-3 -2 6", "w1 x1 m1"),
    ("add these", "-2 + 6", "-2 6 4", "m0 m1 a"),
    ("add $w_2$", "4 + (-3)", "4 -3 1", "a w2 q"),
    ("negative sign", "", "-1", "n"),
    ("exponential", "e^{-1}", "-1 0.37", "n e"),
    ("add 1", "0.37 + 1", "0.37 1.37", "e s"),
    ("reciprocal", r"\frac{1}{1.37}", "1.37 0.73", "s f"),
    ("final value", "f(w, x)", "0.73", "f"),
)
rows = []
for what, formula, numbers, names in PRINTED:
    for number, name in zip(numbers.split(), names.split(), strict=True):
        prints_value(number, name)
    last = names.split()[-1]
    said = f"${what}$" if what.startswith("w_") else what
    rows.append([said, f"${formula}$", numbers.split()[-1], f"`{last}`", repr(value[last])])
page.table(["step", "formula", "printed", "here", "value"], rows)

# %% Backward, from the reciprocal to the negative sign
page.begin(EXAMPLE_2, "formula")
page.formula(r"L = f, \qquad \frac{\partial L}{\partial f} = 1")
prints_gradient("1", "f")
prints_gradient("1.00", "f")
page.add(frames[1], "The backward pass starts here.")


def reciprocal(x):
    return 1 / x


def added(x, c):
    return x + c


def exponential(x):
    return np.exp(x)


def negated(x):
    return -x


def gate_figure(line, caption):
    page.begin(EXAMPLE_2, "figure")
    page.add(frame_of(line), caption)


page.begin(EXAMPLE_2, "example")
page.formula(
    r"\frac{\partial}{\partial x} \frac{1}{x} = -\frac{1}{x^2}, \qquad "
    r"\frac{\partial L}{\partial z} = -\frac{1}{1.37^2} \approx -0.53"
)
prints_gradient("1", "f")
prints_value("1.37", "s")
prints_gradient("-0.53", "s")
page.judge(reciprocal, "dx = -1 / x**2", "x", (1.37,))
page.text("What the chapter calls `z` here is `s`, what the reciprocal is taken of.")
gate_figure("f = 1 / s", "Final node: 1.00 times -1 / 1.37**2.")

page.begin(EXAMPLE_2, "example")
page.formula(
    r"\frac{\partial}{\partial x} (x + c) = 1, \qquad \frac{\partial L}{\partial z} = -0.53"
)
prints_gradient("-0.53", "s")
prints_gradient("-0.53", "e")
page.judge(added, "dx = 1", "x", (0.37, 1.0))
page.text("Now `z` is what 1 is added to, here `e`.")
gate_figure("s = 1 + e", "Addition node (+1): -0.53 goes on as it is.")

page.begin(EXAMPLE_2, "example")
page.formula(
    r"\frac{\partial}{\partial x} e^x = e^x, \qquad "
    r"\frac{\partial L}{\partial x} = -0.53 \cdot e^{-1} \approx -0.2"
)
prints_gradient("-0.53", "e")
prints_gradient("-0.53", "e")
prints_value("-1", "n")
prints_gradient("-0.2", "n")
page.judge(exponential, "dx = np.exp(x)", "x", (-1.0,))
gate_figure("e = np.exp(n)", "Exponential node: its local derivative is its value, 0.37.")

page.begin(EXAMPLE_2, "example")
page.formula(r"\frac{\partial}{\partial x} (-x) = -1, \qquad \frac{\partial L}{\partial x} = 0.2")
page.prints("-1", symgrad.grad(negated)(1.0))
prints_gradient("-0.2", "n")
prints_gradient("0.2", "q")
page.judge(negated, "dx = -1", "x", (1.0,))
gate_figure("n = -q", "Negative sign node: the sign turns.")

# %% Backward, through the sum and a product
page.begin(EXAMPLE_2, "example")
page.formula(r"q = a + b, \qquad a = 4.00, \quad b = -3.00, \quad q = 1.00")
for number, name in (("4.00", "a"), ("-3.00", "w2"), ("1.00", "q")):
    prints_value(number, name)
assert value["a"] == value["m0"] + value["m1"] != value["m0"] != value["m1"]
page.slip(
    "a = 4.00 (output from one multiplication node)",
    "The multiplication nodes put out -2 and 6; 4 is what the addition before this one makes of "
    "them.",
    "a = 4.00 (output of the addition node of both products)",
)


def sum_of_two(a, b):
    q = a + b
    return q


page.begin(EXAMPLE_2, "formula")
page.prints_all("1 1", *symgrad.grad(sum_of_two, wrt=("a", "b"))(4.0, -3.0))
page.judge(
    sum_of_two,
    r"\frac{\partial q}{\partial a} = 1, \qquad \frac{\partial q}{\partial b} = 1",
    ("a", "b"),
    (4.0, -3.0),
)

page.begin(EXAMPLE_2, "example")
prints_gradient("0.2", "q")
page.formula(r"\text{Upstream Gradient} = \frac{\partial L}{\partial q} = 0.2")
page.text(f"It comes from the node `* -1`; to more digits it is {d['q']:.6f}.")

page.begin(EXAMPLE_2, "example")
page.formula(
    r"\text{Gradient w.r.t. } a = \text{(Upstream Gradient)} \times "
    r"\frac{\partial q}{\partial a} = 0.2 \times 1 = 0.2"
)
page.formula(
    r"\text{Gradient w.r.t. } b = \text{(Upstream Gradient)} \times "
    r"\frac{\partial q}{\partial b} = 0.2 \times 1 = 0.2"
)
for name in ("a", "w2"):
    prints_gradient("0.2", "q")
    page.prints("1", d[name] / d["q"])
    prints_gradient("0.2", name)
assert d["a"] == d["w2"]
prints_gradient("0.2", "a")
for number, name in (("4.00", "a"), ("-3.00", "w2")):
    prints_value(number, name)
    prints_gradient("0.2", name)


def after_sum(a, b):
    q = a + b
    f = 1 / (1 + np.exp(-q))
    return f


page.judge(after_sum, "dq = f * (1 - f)\nda = dq * 1\ndb = dq * 1", ("a", "b"), (4.0, -3.0))
page.text("Three gates and a sign, multiplied, are `f (1 - f)`, the derivative of the sigmoid.")
gate_figure("q = a + w2", "Addition node: 0.2 to the sum of the products, and 0.2 to w2.")

page.begin(EXAMPLE_2, "example")
page.formula(r"q = w_0 \cdot x_0, \qquad w_0 = 2.00, \quad x_0 = -1.00, \quad q = -2.00")
for number, name in (("2.00", "w0"), ("-1.00", "x0"), ("-2.00", "m0")):
    prints_value(number, name)
page.text("Here `q` is the product, `m0` in the code above.")

page.begin(EXAMPLE_2, "formula")
page.formula(
    r"\frac{\partial L}{\partial w_0} = \frac{\partial L}{\partial q} \cdot "
    r"\frac{\partial q}{\partial w_0}, \qquad \frac{\partial L}{\partial x_0} = "
    r"\frac{\partial L}{\partial q} \cdot \frac{\partial q}{\partial x_0}"
)
page.judge(neuron, "dm0 = f * (1 - f)\ndw0 = dm0 * x0\ndx0 = dm0 * w0", ("w0", "x0"), NEURON)

page.begin(EXAMPLE_2, "example")
prints_gradient("0.2", "m0")
page.text("From the node that adds both products; it, too, hands on what it gets:")
page.add(frame_of("a = m0 + m1"))

page.begin(EXAMPLE_2, "formula")
page.formula(
    r"\frac{\partial q}{\partial w_0} = x_0 = -1.00, \qquad "
    r"\frac{\partial q}{\partial x_0} = w_0 = 2.00"
)


def product(w0, x0):
    q = w0 * x0
    return q


page.prints_all("-1.00 2.00", *symgrad.grad(product, wrt=("w0", "x0"))(2.0, -1.0))
page.judge(
    product,
    r"\frac{\partial q}{\partial w_0} = x_0, \qquad \frac{\partial q}{\partial x_0} = w_0",
    ("w0", "x0"),
    (2.0, -1.0),
)

page.begin(EXAMPLE_2, "example")
page.formula(
    r"\frac{\partial L}{\partial w_0} = 0.2 \cdot (-1.00) = -0.2, \qquad "
    r"\frac{\partial L}{\partial x_0} = 0.2 \cdot 2.00 = 0.4"
)
for number, name, factor, other in (("-0.2", "w0", "-1.00", "x0"), ("0.4", "x0", "2.00", "w0")):
    prints_gradient("0.2", "m0")
    prints_value(factor, other)
    prints_gradient(number, name)
prints_gradient("-0.2", "w0")
page.prints("0.2", -d["w0"], -d_exact["w0"])
prints_gradient("0.4", "x0")
prints_gradient("0.4", "x0")
step = 1e-6
for name, raised in (("w0", (2.0 + step, -1.0)), ("x0", (2.0, -1.0 + step))):
    assert abs((neuron(*raised, *NEURON[2:]) - value["f"]) / step - d[name]) < 1e-6
page.slip(
    "increasing w0 slightly will decrease the loss by 0.2 units",
    "A derivative is a rate: by 0.2 times as much as w0 is increased, and so for x0.",
    "increasing w0 slightly will decrease the loss by 0.2 times as much",
)
page.text(
    f"To more digits the two are {d['w0']:.6f} and {d['x0']:.6f}. The chapter stops here; the "
    "others come out of the same pass:"
)
page.add(symgrad.table(neuron, *NEURON, digits=2))
gate_figure("m0 = w0 * x0", "Multiplication node: w0 gets 0.2 times x0, and x0 gets 0.2 times w0.")

page.finish()
