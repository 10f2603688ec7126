"""Deep Learning 1-2: neural networks, computation graphs, backpropagation, vectorisation.

Writes one page with every worked example, formula, figure and piece of code of the notes, in their
order; where the notes slip it is said so.
"""

import csv
import inspect
import time
from pathlib import Path

import mpmath
import numpy as np
from lecture import WIDE, Lecture, curves, plotted

import symgrad
from symgrad.study.circuit import circuit

page = Lecture(
    __file__,
    "Deep Learning 1-2: Neural Networks",
    "Each worked example, formula, figure and piece of code of the notes, in their order, computed "
    "by symgrad.",
)
rng = np.random.default_rng(12)

# %% NN view as Linear Classifiers
page.section("Linear classifiers and neurons")
page.begin("NN view as Linear Classifiers", "figure")


def linear_classifier(W, b, x, y):
    s = W @ x + b
    L = -np.log(np.exp(s)[y] / np.sum(np.exp(s)))
    return L


W, b = np.array([[0.2, -0.5, 0.1], [1.5, 1.3, 2.1]]), np.array([1.1, 3.2])
x, y = np.array([0.5, -1.0, 0.3]), 0
page.add(
    symgrad.draw(linear_classifier, W, b, x, y, wrt=("W", "b"), level="line"),
    "Input, a function of the input, a loss. The notes name no loss; this is the softmax loss.",
)

page.begin("NN view as Linear Classifiers", "figure")


def neuron(w, x, b):
    total = w @ x + b
    fires = 1 / (1 + np.exp(-total))
    return fires


def threshold(w, x, b):
    return np.where(w @ x + b > 0, 1.0, 0.0)


w = np.array([0.8, -0.4, 1.2])
page.add(
    symgrad.draw(neuron, w, x, 0.1, level="line"),
    "What comes in is summed with weights; with a high enough sum the neuron fires.",
)
assert not symgrad.grad(threshold)(w, x, 0.1).any()
assert symgrad.grad(neuron)(w, x, 0.1).all()
page.text(
    "With a threshold the derivative is 0 wherever there is one, and nothing is learned; a sigmoid "
    "fires smoothly, and its derivative says how each weight should change."
)
page.add(symgrad.table(neuron, w, x, 0.1, level="line"))

page.begin("NN view as Linear Classifiers", "formula")
page.formula(
    r"f(x, W) = \sigma(Wx + b), \qquad W = \begin{bmatrix} w_{11} & w_{12} & \dots & w_{1n} \\"
    r" w_{21} & w_{22} & \dots & w_{2n} \\ \dots & & & \\"
    r" w_{m1} & w_{m2} & \dots & w_{mn} \end{bmatrix}"
)


def fully_connected(W, b, x, up):
    f = 1 / (1 + np.exp(-(W @ x + b)))
    return np.sum(up * f)


up = np.array([1.0, -2.0])
page.text(
    "Row k of W belongs to neuron k: m neurons, n inputs. (In the notes the matrix stands behind f "
    "as if it were a factor; it is what W is.) The gradients of a layer whose outputs are weighed "
    "by `up` further on:"
)
page.judge(
    fully_connected,
    "ds = up * f * (1 - f)\ndW = np.outer(ds, x)\ndb = ds",
    ("W", "b"), (W, b, x, up),
)  # fmt: skip

# %% Computation graph
page.section("Computation graphs")
page.begin("Computation graph", "code")
page.code("c=a+b\nd=b+1\ne=c*d")


def product_of_sums(a, b):
    c = a + b
    d = b + 1
    e = c * d
    return e


page.text("As a function that symgrad reads:")
page.code(inspect.getsource(product_of_sums))
A, B = 2.0, 1.0
assert product_of_sums(A, B) == (A + B) * (B + 1) == 6.0
page.text("The notes give no numbers; here a = 2 and b = 1, so c = 3, d = 2, e = 6.")

page.begin("Computation graph", "figure")
graph = circuit(product_of_sums, (A, B))
assert [node.name for node in graph.nodes] == ["a", "b", "c", "d", "e"]
page.add(
    symgrad.draw(product_of_sums, A, B),
    "Operations and inputs are nodes; an arrow leads from a value to where it is read.",
)

page.begin("Derivatives with Computation Graph", "figure")
page.add(
    symgrad.draw(product_of_sums, A, B, edges="local"),
    "On each edge: how the node it leads to changes with the node it comes from.",
)
name = {node.number: node.name for node in graph.nodes}
local = {(name[edge.source], name[edge.target]): edge.local for edge in graph.edges}
assert local == {
    ("a", "c"): 1.0, ("b", "c"): 1.0, ("b", "d"): 1.0, ("c", "e"): 2.0, ("d", "e"): 3.0,
}  # fmt: skip
de_da, de_db = symgrad.grad(product_of_sums, wrt=("a", "b"))(A, B)
assert de_da == local["a", "c"] * local["c", "e"] == 2.0
assert de_db == 1.0 * 2.0 + 1.0 * 3.0 == 5.0
page.text("Summed over the paths: de/da = 1 * 2 = 2 and de/db = 1 * 2 + 1 * 3 = 5.")
page.judge(product_of_sums, "da = d\ndb = d + c", ("a", "b"), (A, B))
page.add(symgrad.table(product_of_sums, A, B, notation="partial"))

# %% Logistic regression
page.section("Logistic regression")
page.begin("Logistic Regression Gradient Descent", "figure")


def one_example(w, b, x, y):
    z = w @ x + b
    a = 1 / (1 + np.exp(-z))
    L = -(y * np.log(a) + (1 - y) * np.log(1 - a))
    return L


EXAMPLE = (np.array([0.4, -0.7]), 0.2, np.array([1.5, 0.5]), 1.0)
page.add(
    symgrad.draw(one_example, *EXAMPLE, wrt=("w", "b"), level="line"),
    "Forward the values, backward the derivatives. The names z, a and L are those of the code "
    "further down.",
)
page.judge(one_example, "dz = a - y\ndw = x * dz\ndb = dz", ("w", "b"), EXAMPLE)
page.add(symgrad.table(one_example, *EXAMPLE, wrt=("w", "b"), level="line"))

page.begin("Logistic Regression on m Examples", "formula")
page.formula(
    r"J = \frac{1}{m} \sum_{i=1}^m L(a^{(i)}, y^{(i)}), \qquad "
    r"\frac{\partial J}{\partial w_j} = \frac{1}{m} \sum_{i=1}^m"
    r"\frac{\partial L(a^{(i)}, y^{(i)})}{\partial w_j}"
)


def cost(w, b, x, y):
    """The mean loss; row i of x is example i."""
    z = x @ w + b
    a = 1 / (1 + np.exp(-z))
    J = -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
    return J


with open(Path(__file__).parents[1] / "data" / "heart.csv") as file:
    patients = [row for row in csv.DictReader(file) if "NA" not in row.values()]
words = ("ChestPain", "Thal", "AHD")
data = np.array([[float(row[k]) for k in row if k not in words] for row in patients])
data = (data - data.mean(axis=0)) / data.std(axis=0)
AHD = np.array([row["AHD"] == "Yes" for row in patients], dtype=float)
m, n = data.shape
assert (m, n) == (297, 11)

weights, bias = rng.normal(size=n) / 3, 0.1
gradient = symgrad.compile(cost, wrt=("w", "b"))
J, (dw, db) = gradient.value_and_grad(weights, bias, data, AHD)
each = [
    symgrad.grad(one_example, wrt=("w", "b"))(weights, bias, *row)
    for row in zip(data, AHD, strict=True)
]
np.testing.assert_allclose(dw, np.mean([g[0] for g in each], axis=0), rtol=1e-12, atol=1e-15)
np.testing.assert_allclose(db, np.mean([g[1] for g in each]), rtol=1e-12)
page.text(
    "On the heart data, 297 patients with 11 findings each, the gradient of the mean is the mean "
    "of the 297 gradients, to 12 digits."
)
SMALL = (rng.normal(size=3), 0.3, rng.normal(size=(5, 3)), np.array([1.0, 0.0, 0.0, 1.0, 1.0]))

page.begin("Logistic Regression on m Examples", "code")
PRINTED = """
J=0
dw=np.zeros(n)
db=0

for i in range(m):
    z[i] = w.transpose() * x[i] + b
    a[i] = sigmoid(z[i])
    J = J + (-[y[i]*log(a[i])+(1-y[i])*log(1-a[i])])
    dz[i] = a[i] - y[i]

    # inner loop for n features, later will be optimized by vectorization
    for j in range(n):
        dw[j] = dw[j] + x[i][j] * dz[i]

    db = db + dz[i]

j = j / m
dw = dw / m
db = db / m
"""
page.code(PRINTED)
page.text("(The indentation is lost in the text of the notes.) Three slips, one after the other:")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def with_star(w, b, x, y):
    z = np.zeros(len(x))
    z[0] = w.transpose() * x[0] + b
    return z


def with_square_brackets(w, b, x, y):
    a = sigmoid(x @ w + b)
    return -[y[0] * np.log(a[0]) + (1 - y[0]) * np.log(1 - a[0])]


def by_loop(w, b, x, y):
    """The loop of the notes, corrected."""
    m, n = x.shape
    z, a, dz = np.zeros(m), np.zeros(m), np.zeros(m)
    J, dw, db = 0, np.zeros(n), 0
    for i in range(m):
        z[i] = np.dot(w, x[i]) + b
        a[i] = sigmoid(z[i])
        J = J - (y[i] * np.log(a[i]) + (1 - y[i]) * np.log(1 - a[i]))
        dz[i] = a[i] - y[i]
        for j in range(n):
            dw[j] = dw[j] + x[i][j] * dz[i]
        db = db + dz[i]
    return J / m, dw / m, db / m


def mistake_of(function):
    """Return what Python says of a function of the loop."""
    try:
        function(*SMALL)
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


assert mistake_of(with_star) == "ValueError: setting an array element with a sequence."
assert mistake_of(with_square_brackets) == "TypeError: bad operand type for unary -: 'list'"
small_J, (small_dw, small_db) = gradient.value_and_grad(*SMALL)
J_not_divided = sum(one_example(*SMALL[:2], *row) for row in zip(*SMALL[2:], strict=True))
assert np.isclose(J_not_divided, 5 * small_J, rtol=1e-14)
page.slip(
    "z[i] = w.transpose() * x[i] + b",
    "The star multiplies element by element and gives n numbers where one is wanted; Python "
    f"says: {mistake_of(with_star)}",
    "z[i] = np.dot(w, x[i]) + b",
)
page.slip(
    "J = J + (-[y[i]*log(a[i])+(1-y[i])*log(1-a[i])])",
    "Square brackets make a list, which has no minus; Python says: "
    + mistake_of(with_square_brackets),
    "J = J - (y[i]*log(a[i]) + (1-y[i])*log(1-a[i]))",
)
page.slip(
    "j = j / m",
    "This divides the counter of the inner loop, and the cost stays a sum: "
    f"{J_not_divided:.4f} instead of {small_J:.4f} for five examples.",
    "J = J / m",
)
for at, (value, (right_dw, right_db)) in (
    (SMALL, (small_J, (small_dw, small_db))),
    ((weights, bias, data, AHD), (J, (dw, db))),
):
    loop_J, loop_dw, loop_db = by_loop(*at)
    assert np.isclose(loop_J, value, rtol=1e-13)
    np.testing.assert_allclose(loop_dw, right_dw, rtol=1e-11)
    np.testing.assert_allclose(loop_db, right_db, rtol=1e-11)
page.text("The judge on the loop as printed, and corrected:")
page.judge(cost, PRINTED.lstrip("\n"), ("w", "b"), SMALL, right=False, show=False)
page.judge(cost, by_loop, ("w", "b"), SMALL)
page.text("Its cost is that of symgrad's function, too, on five examples and on the heart data.")

page.begin("Logistic Regression on m Examples", "code")
page.code("""
# vectorization should also applied here
for j in range(n):
    w[j] = w[j] - alpha * dw[j]
b = b - alpha * db
""")


def update_by_loop(w, b, dw, db, alpha):
    w = w.copy()
    for j in range(len(w)):
        w[j] = w[j] - alpha * dw[j]
    return w, b - alpha * db


new_w, new_b = update_by_loop(weights, bias, dw, db, 0.5)
assert cost(new_w, new_b, data, AHD) < J
page.text(
    f"One step with alpha = 0.5 on the heart data: the cost falls from {J:.4f} to "
    f"{cost(new_w, new_b, data, AHD):.4f}."
)

# %% Backpropagation
page.section("Backpropagation")
page.begin("Backwards Pass", "formula")
page.formula(
    r"\frac{\partial L}{\partial h^{l-1}}, \qquad \frac{\partial L}{\partial h^l}, \qquad "
    r" \frac{\partial L}{\partial W}"
)


def module(W, h_prev, up):
    h = W @ h_prev
    return up @ h


LAYER = (rng.normal(size=(2, 3)), rng.normal(size=3), np.array([1.0, -0.5]))
page.slip(
    "dL/dW is given to us by the forward pass",
    "The forward pass gives values, among them h of the layer before; no gradient comes from it. "
    "What is given to a module is dL/dh of its own output, by the backward pass of the module "
    "after it; dL/dW and dL/dh of its input it computes.",
    "dL/dh_l is given to us, by the backward pass",
)

page.begin("Backwards Pass", "figure")
layer = circuit(module, LAYER, wrt=("W", "h_prev"), level="line")
page.add(
    symgrad.draw(module, *LAYER, wrt=("W", "h_prev"), level="line"),
    "A module h = W h_prev. `up` stands for dL/dh, what comes back from all that follows.",
)

page.begin("Backwards Pass", "formula")
page.formula(
    r"\frac{\partial h^l}{\partial h^{l-1}}, \qquad \frac{\partial h^l}{\partial W}, \qquad "
    r" \frac{\partial L}{\partial h^{l-1}}, \qquad \frac{\partial L}{\partial W}"
)
page.text(
    "The first two are the local gradients: of the output, by what the module reads. The notes "
    "count all four as local; the last two are gradients of the loss, and follow from the first "
    "two and dL/dh."
)

page.begin("Backwards Pass", "example")
page.formula(
    r"h^l = W h^{l-1}: \qquad \frac{\partial h^l}{\partial h^{l-1}} = W, \qquad "
    r" \frac{\partial h^l}{\partial W} = h^{l-1,T}"
)


def apply_layer(W, h_prev):
    return W @ h_prev


W, h_prev, up = LAYER
by_input = symgrad.jacobian(apply_layer, wrt="h_prev")(W, h_prev)
by_weights = symgrad.jacobian(apply_layer, wrt="W")(W, h_prev)
np.testing.assert_array_equal(by_input, W)
assert by_weights.shape == (2, 2, 3)
for i in range(2):
    for k in range(2):
        np.testing.assert_array_equal(by_weights[i, k], h_prev if i == k else np.zeros(3))
page.text(
    "The first is the Jacobian itself. The second is short for an array of 2 x 2 x 3: output i "
    "depends on row i of W alone, and its derivative by that row is h_prev transposed."
)

page.begin("Backwards Pass", "formula")
page.formula(
    r"\frac{\partial L}{\partial h^{l-1}} = \frac{\partial L}{\partial h^l}"
    r" \frac{\partial h^l}{\partial h^{l-1}} = \frac{\partial L}{\partial h^l} W, \qquad "
    r" \frac{\partial L}{\partial W} = \frac{\partial L}{\partial h^l}"
    r" \frac{\partial h^l}{\partial W} = \left(\frac{\partial L}{\partial h^l}\right)^T h^{l-1,T}"
)
page.text("With dL/dh as a row; in array code:")
page.judge(module, "dh_prev = up @ W\ndW = np.outer(up, h_prev)", ("W", "h_prev"), LAYER)
np.testing.assert_allclose(np.tensordot(up, by_weights, 1), np.outer(up, h_prev), rtol=1e-15)

page.begin("Backwards Pass", "figure")


def three_modules(W1, W2, x, y):
    h1 = W1 @ x
    h2 = np.maximum(0, h1)
    h3 = W2 @ h2
    L = 0.5 * np.sum((h3 - y) ** 2)
    return L


DEEP = (rng.normal(size=(3, 2)), rng.normal(size=(2, 3)), np.array([1.0, -2.0]), np.zeros(2))
page.add(
    symgrad.draw(three_modules, *DEEP, wrt=("W1", "W2"), level="line", steps=True, width=WIDE),
    "Start at the loss and go back, module by module; it ends at the input. The loss here is half "
    "the squared error.",
)
page.judge(
    three_modules,
    "dh3 = h3 - y\n"
    "dW2 = np.outer(dh3, h2)\n"
    "dh2 = W2.T @ dh3\n"
    "dh1 = dh2 * (h1 > 0)\n"
    "dW1 = np.outer(dh1, x)",
    ("W1", "W2"), DEEP,
)  # fmt: skip

page.begin("Summary", "formula")
page.formula(r"w_i = w_i - \alpha \frac{\partial L}{\partial w_i}")
train = symgrad.compile(three_modules, wrt=("W1", "W2"))
W1, W2, *rest = DEEP
before = train(*DEEP)
for _ in range(100):
    dW1, dW2 = train.grad(W1, W2, *rest)
    W1, W2 = W1 - 0.05 * dW1, W2 - 0.05 * dW2
after = train(W1, W2, *rest)
assert after < 1e-3 * before
page.text(
    f"A hundred such updates with alpha = 0.05 take the loss from {before:.3f} to {after:.1e}."
)

# %% Backprop via AutoDiff
page.section("Automatic differentiation")
page.begin("Examples", "formula")
page.formula(r"\overline{a_3} = \frac{\partial f}{\partial a_3}")
page.text("The bar over a value is the derivative of the output by it.")


def fan_out(x1, x2):
    a1 = np.sin(x2)
    a2 = x1 * x2
    a3 = a1 + a2
    return a3


AT = (2.0, 0.5)
page.begin("Examples", "example")
page.code(inspect.getsource(fan_out))
page.text(
    "The text names a3 = a1 + a2 and a2 = x1 x2; what a1 does is in its picture only. Here it is "
    "the sine of x2, so that x2 is read twice and its bar is a sum."
)
page.add(symgrad.draw(fan_out, *AT), "The graph, values above and bars below.")
page.add(symgrad.table(fan_out, *AT, notation="bar"))
graph = circuit(fan_out, AT)
bar = {node.name: float(node.upstream) for node in graph.nodes}
with mpmath.workdps(30):
    assert abs(bar["x2"] - (mpmath.cos(0.5) + 2)) < 1e-15
assert bar["x1"] == 0.5
page.judge(fan_out, "dx1 = x2\ndx2 = np.cos(x2) + x1", ("x1", "x2"), AT)

page.begin("Examples", "formula")
page.formula(
    r"a_3 = a_1 + a_2: \qquad \overline{a_1} = \overline{a_3}, \qquad "
    r" \overline{a_2} = \overline{a_3}"
)
output = graph.nodes[graph.output]
sides = [edge for edge in graph.edges if edge.target == graph.output]
assert [edge.passed for edge in sides] == [output.upstream, output.upstream] == [1.0, 1.0]
page.text("Addition hands on to every path what it was given.")

page.begin("Examples", "formula")
page.formula(
    r"a_2 = x_1 x_2: \qquad \overline{x_2} = \overline{a_2} x_1, \qquad "
    r" \overline{x_1} = \overline{a_2} x_2"
)
product = next(node for node in graph.nodes if node.name == "a2")
passed = {
    graph.nodes[edge.source].name: edge.passed
    for edge in graph.edges if edge.target == product.number
}  # fmt: skip
assert passed == {"x1": bar["a2"] * AT[1], "x2": bar["a2"] * AT[0]}
page.text(
    "Multiplication switches: each factor gets the other one's value. The bar of x2 is that of "
    f"this path, {passed['x2']:g}, and of the path through a1."
)


def chosen(x1, x2):
    a = np.maximum(x1, x2)
    return 3 * a


page.begin("Examples", "example")
page.add(symgrad.draw(chosen, 2.0, -1.0), "The maximum chose x1; all of the gradient goes there.")
choose = symgrad.grad(chosen, wrt=("x1", "x2"))
assert choose(2.0, -1.0) == (3.0, 0.0)
assert choose(-1.0, 2.0) == (0.0, 3.0)
assert choose(1.0, 1.0) == (1.5, 1.5)
page.text(
    "Where both are equal there is no one path: symgrad then shares the gradient between them, "
    "half and half."
)

# %% Logistic regression as a graph
page.section("Logistic regression as a graph")
page.begin("DAG Logistic Regression (Sigmoid)", "formula")
page.formula(r"-\log\left(\frac{1}{1+e^{-w^T x}}\right)")


def minus_log_sigmoid(w, x):
    u = w @ x
    p = 1 / (1 + np.exp(-u))
    L = -np.log(p)
    return L


POINT = (np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.3, 0.4]))
page.judge(minus_log_sigmoid, "dw = -(1 - p) * x", "w", POINT)

page.begin("DAG Logistic Regression (Sigmoid)", "formula")
page.formula(
    r"x \in \mathbb{R}^D, \quad y \in \{-1, 1\}, \quad w \in \mathbb{R}^D, \qquad "
    r"p(y=1|x) = \frac{1}{1+e^{-w^T x}}, \qquad "
    r"L = \frac12 \lVert w \rVert^2 - \lambda \log(p(y|x))"
)


def penalised(w, x, y, lam):
    u = y * (w @ x)
    p = 1 / (1 + np.exp(-u))
    L = 0.5 * (w @ w) - lam * np.log(p)
    return L


page.judge(penalised, "dw = w - lam * (1 - p) * y * x", "w", (*POINT, -1.0, 2.0))
for y in (-1.0, 1.0):
    probability = 1 / (1 + np.exp(-POINT[0] @ POINT[1]))
    expected = probability if y == 1 else 1 - probability
    value = penalised(*POINT, y, 2.0)
    assert np.isclose(value, 0.5 * POINT[0] @ POINT[0] - 2.0 * np.log(expected), rtol=1e-14)
page.text("With labels -1 and 1, p(y|x) is the sigmoid of y w'x for both.")

page.begin("DAG Logistic Regression (Sigmoid)", "figure")
page.add(
    symgrad.draw(minus_log_sigmoid, *POINT, wrt="w", edges="local", width=WIDE),
    "-log(1/(1 + exp(-w'x))), gate by gate.",
)
page.add(
    symgrad.draw(penalised, *POINT, 1.0, 2.0, wrt="w", level="line", edges="local", width=WIDE),
    "The loss with its penalty: w is read twice.",
)

page.begin("DAG Logistic Regression (Sigmoid)", "example")
page.text("First without the penalty: u = w'x, p = sigmoid(u), L = -log(p).")
page.formula(
    r"\overline{L} = 1, \qquad \overline{p} = -\frac{1}{p}, \qquad "
    r" \overline{u} = \overline{p}\, p (1-p) = p - 1, \qquad \overline{w} = \overline{u}\, x"
)
page.add(symgrad.table(minus_log_sigmoid, *POINT, wrt="w", level="line", notation="bar"))
graph = circuit(minus_log_sigmoid, POINT, wrt="w", level="line")
bar = {node.name: node.upstream for node in graph.nodes}
p = 1 / (1 + np.exp(-POINT[0] @ POINT[1]))
assert bar["L"] == 1 and np.isclose(bar["p"], -1 / p) and np.isclose(bar["u"], p - 1)
np.testing.assert_allclose(bar["w"], (p - 1) * POINT[1], rtol=1e-14)
page.text("Then with it: the bar of w is the sum of two paths, w from the penalty among them.")
page.add(symgrad.table(penalised, *POINT, 1.0, 2.0, wrt="w", level="line", notation="bar"))
np.testing.assert_allclose(
    symgrad.grad(penalised)(*POINT, 1.0, 2.0), POINT[0] + 2 * (p - 1) * POINT[1], rtol=1e-13
)

# %% Vectorisation
page.section("Vectorisation")
page.begin("Vectorizing Logistic Regression", "code")
VECTORISED = """
Z = np.dot(w.T, X) + b
A = sigmoid(Z)
dz = A - Y

# in constrast to the inner loop above, vectorization is used here to boost computation
dw = 1/m * np.dot(X, dz.T)
db = 1/m * np.sum(dz)
"""
page.code(VECTORISED)


def vectorised(w, b, X, Y):
    """The lines of the notes: w is (n, 1), column i of X (n, m) is example i, Y is (1, m)."""
    m = X.shape[1]
    Z = np.dot(w.T, X) + b
    A = sigmoid(Z)
    dz = A - Y
    dw = 1 / m * np.dot(X, dz.T)
    db = 1 / m * np.sum(dz)
    return dw, db


def cost_of_columns(w, b, X, Y):
    Z = np.dot(w.T, X) + b
    A = 1 / (1 + np.exp(-Z))
    J = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    return J


def as_columns(w, b, x, y):
    return w[:, None], b, np.ascontiguousarray(x.T), y[None, :]


COLUMNS = as_columns(weights, bias, data, AHD)
column_dw, column_db = vectorised(*COLUMNS)
assert column_dw.shape == (n, 1)
np.testing.assert_allclose(column_dw[:, 0], dw, rtol=1e-11)
np.testing.assert_allclose(column_db, db, rtol=1e-11)
page.text(
    f"The layout is by columns: X is {COLUMNS[2].shape}, one column an example, w a column of "
    f"{n}, Z a row of {m}. The derivatives have the shapes of w and b, and are those of the loop. "
    "The judge on these lines, with m the number of columns:"
)
page.judge(
    cost_of_columns, "m = X.shape[1]" + VECTORISED, ("w", "b"), as_columns(*SMALL), show=False
)
sizes = {"w": ("n", 1), "b": (), "X": ("n", "m"), "Y": (1, "m")}
by_columns = symgrad.compile(cost_of_columns, wrt=("w", "b"), specs=sizes)
symgrad_dw, symgrad_db = by_columns.grad(*COLUMNS)
np.testing.assert_allclose(symgrad_dw, column_dw, rtol=1e-11)
np.testing.assert_allclose(symgrad_db, column_db, rtol=1e-11)
page.text("What symgrad writes for the cost of columns:")
page.code(by_columns.source)


def seconds(function, *args, repeat):
    """Return the shortest time that a call took."""
    function(*args)
    times = []
    for _ in range(repeat):
        begun = time.perf_counter()
        function(*args)
        times.append(time.perf_counter() - begun)
    return min(times)


loop_time = seconds(by_loop, weights, bias, data, AHD, repeat=5)
array_time = seconds(vectorised, *COLUMNS, repeat=50)
symgrad_time = seconds(by_columns.grad, *COLUMNS, repeat=50)
assert array_time < loop_time / 5
page.table(
    ["gradient of the heart data", "microseconds", "times the vectorised form"],
    [
        [what, f"{taken * 1e6:,.0f}", f"{taken / array_time:,.1f}"]
        for what, taken in (
            ("the loop over m examples", loop_time),
            ("the vectorised form of the notes", array_time),
            ("symgrad's function", symgrad_time),
        )
    ],
    f"The shortest of several calls, m = {m}, n = {n}, measured when this page was made.",
)

page.begin("Vectorizing Logistic Regression", "code")
page.code("w = w - alpha * dw\nb = b - alpha * db")
np.testing.assert_allclose((COLUMNS[0] - 0.5 * column_dw)[:, 0], new_w, rtol=1e-12)
np.testing.assert_allclose(bias - 0.5 * column_db, new_b, rtol=1e-12)
page.text("One step from the same weights ends where the loop over the weights ended.")

# %% Jacobians of simple layers
page.section("Jacobians of simple layers")
page.begin("Simple Layer Jacobians and Vectorization", "figure")


def in_matrices(W, h_prev):
    h = W @ h_prev
    p = 1 / (1 + np.exp(-h))
    L = -np.sum(np.log(p))
    return L


COLUMN = (rng.normal(size=(2, 3)), rng.normal(size=(3, 1)))
page.add(
    symgrad.draw(in_matrices, *COLUMN, level="line"),
    "The graph of the section before with matrices: their sizes stand on the wires.",
)

page.begin("Simple Layer Jacobians and Vectorization", "formula")
page.formula(
    r"h^l = W h^{l-1}: \qquad |h^l| \times 1, \qquad |h^l| \times |h^{l-1}|, \qquad "
    r" |h^{l-1}| \times 1"
)
W, h_prev = COLUMN
assert apply_layer(W, h_prev).shape == (2, 1)
page.table(
    ["$h^l$", "$W$", "$h^{l-1}$"],
    [[str(apply_layer(W, h_prev).shape), str(W.shape), str(h_prev.shape)]],
    "With 2 neurons and 3 inputs.",
)

page.begin("Simple Layer Jacobians and Vectorization", "formula")
page.formula(
    r"\frac{\partial h^l}{\partial h^{l-1}} = W, \qquad "
    r" \frac{\partial L}{\partial h^{l-1}} = \frac{\partial L}{\partial h^l} W, \qquad "
    r" \frac{\partial L}{\partial W} = \left(\frac{\partial L}{\partial h^l}\right)^T h^{l-1,T}"
)
np.testing.assert_array_equal(
    symgrad.jacobian(apply_layer, wrt="h_prev")(W, h_prev).reshape(2, 3), W
)
page.judge(
    in_matrices, "dh = p - 1\ndW = dh @ h_prev.T\ndh_prev = W.T @ dh", ("W", "h_prev"), COLUMN
)
page.text("With columns, dL/dh is a column as well; then the products are transposed.")


def relu(h_prev):
    h = np.maximum(0, h_prev)
    return h


def relu_layer(h_prev, up):
    h = np.maximum(0, h_prev)
    return up @ h


page.begin("Simple Layer Jacobians and Vectorization", "formula")
page.formula(r"h^l = \max(0, h^{l-1})")
page.judge(relu_layer, "dh_prev = up * (h_prev > 0)", "h_prev", (np.array([1.5, -0.5]), np.ones(2)))

page.begin("Simple Layer Jacobians and Vectorization", "figure")
slope = symgrad.grad(relu)


def relu_and_slope():
    figure, axes = curves("h of the layer before", "")
    x = np.linspace(-2, 2, 401)
    axes.plot(x, relu(x), label="max(0, h)")
    axes.plot(x, [slope(at) for at in x], "--", label="its derivative")
    axes.legend()
    return figure


page.figure(
    plotted(relu_and_slope(), "The rectified linear unit, and its derivative, 0 and then 1"),
    "Max sends the gradient along the path it chose: 1 where h is positive, 0 elsewhere.",
)

page.begin("Simple Layer Jacobians and Vectorization", "example")
at = np.array([1.5, -0.5, 0.0, 2.0])
J = symgrad.jacobian(relu)(at)
np.testing.assert_array_equal(J, np.diag([1.0, 0.0, 0.0, 1.0]))
page.prints("0", slope(0.0))
assert slope(-3.0) == 0.0
page.table(
    ["", *(f"$h_{k}^{{l-1}} = {x:g}$" for k, x in enumerate(at, 1))],
    [[f"$h_{k}^l$", *(f"{x:g}" for x in row)] for k, row in enumerate(J, 1)],
    "The Jacobian of a ReLU layer of four: output size times input size, all but the diagonal 0.",
)
page.text(
    "An output depends on its own input alone. At 0, where max(0, h) has a kink, the derivative is "
    "taken as 0, as the notes say: zero if the input is <= 0. Nobody stores the matrix; the vector "
    "of the diagonal is all that the code multiplies by:"
)

page.code(symgrad.compile(relu_layer, specs={"h_prev": ("n",), "up": ("n",)}).source)

page.finish()
