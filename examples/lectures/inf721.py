"""INF721, lecture 6: backpropagation.  Lucas N. Ferreira, Universidade Federal de Viçosa.

Writes one page with every worked example, formula, figure and piece of code of the notes, in their
order; what the notes print is asserted, and where they slip it is said so.
"""

import inspect

import mpmath
import numpy as np
from lecture import WIDE, Lecture, curves, plotted

import symgrad
from symgrad.study.circuit import circuit

page = Lecture(
    __file__,
    "INF721, lecture 6: Backpropagation",
    "Lucas N. Ferreira. Each worked example, formula, figure and piece of code of the notes, in "
    "their order, computed by symgrad; numbers that the notes print are asserted.",
)


def show_code(*functions):
    page.code("\n\n".join(inspect.getsource(function).strip() for function in functions))


def values_and_gradients(fn, *args):
    """Return the value of each named line of a function, and the output's derivative by it."""
    nodes = circuit(fn, args, level="line").nodes
    found = {node.name: float(node.value) for node in nodes}
    return found, {node.name: float(node.upstream) for node in nodes}


# %% Section 3: gradient descent
page.section("3 Gradient Descent for Neural Networks")
page.begin("section 3", "code")
PRINTED = """
def optimize(x, y, lr, n_iter):
    # Initialize weights randomly close to 0
    W_1, b_1, W_2, b_2 = init_weights_rand()

    for t in range(n_iter):
        # Forward pass: Predict labels
        y_hat = forward(W_1, b_1, W_2, b_2)

        # Compute gradients
        dw_1, db_1, dw_2, db_2 = backward()

        # Update weights
        W_1 = W_1 - lr * dw_1
        b_1 = b_1 - lr * db_1
        W_2 = W_2 - lr * dw_2
        b_2 = b_2 - lr * db_2

    return W_1, b_1, W_2, b_2
"""
page.code(PRINTED.strip())
page.slip(
    "y_hat = forward(W_1, b_1, W_2, b_2)",
    "Without x there is nothing to predict labels of; `optimize` has x and never reads it.",
    "y_hat = forward(x, W_1, b_1, W_2, b_2)",
)
page.slip(
    "dw_1, db_1, dw_2, db_2 = backward()",
    "The gradients depend on y, which `optimize` never reads, and on what the forward pass stored.",
    "dw_1, db_1, dw_2, db_2 = backward(residuals), with residuals from forward(..., x, y)",
)


def loss(W_1, b_1, W_2, b_2, x, y):
    a = np.tanh(x @ W_1.T + b_1)
    z = a @ W_2 + b_2
    y_hat = 1 / (1 + np.exp(-z))
    return np.mean(-y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat))


def init_weights_rand():
    rng = np.random.default_rng(721)
    return 0.1 * rng.standard_normal((3, 2)), np.zeros(3), 0.1 * rng.standard_normal(3), 0.0


model = symgrad.compile(loss, wrt=("W_1", "b_1", "W_2", "b_2"))


def optimize(x, y, lr, n_iter):
    # Initialize weights randomly close to 0
    W_1, b_1, W_2, b_2 = init_weights_rand()
    losses = []

    for _ in range(n_iter):
        # Forward pass: the loss, and what the backward pass needs
        value, residuals = model.forward(W_1, b_1, W_2, b_2, x, y)
        losses.append(value)

        # Compute gradients
        dw_1, db_1, dw_2, db_2 = model.backward(residuals)

        # Update weights
        W_1 = W_1 - lr * dw_1
        b_1 = b_1 - lr * db_1
        W_2 = W_2 - lr * dw_2
        b_2 = b_2 - lr * db_2

    return (W_1, b_1, W_2, b_2), losses


page.text(
    "The same loop with the passes that symgrad wrote. The notes name no data; here it learns XOR, "
    "which no linear model can (section 2):"
)
show_code(loss, init_weights_rand, optimize)
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
ANSWERS = np.array([0.0, 1.0, 1.0, 0.0])
learned, losses = optimize(XOR, ANSWERS, lr=1.0, n_iter=1000)
assert losses[-1] < 0.02 < losses[0]


def labels(W_1, b_1, W_2, b_2, x):
    return np.tanh(x @ W_1.T + b_1) @ W_2 + b_2 > 0


np.testing.assert_array_equal(labels(*learned, XOR), ANSWERS)


def descent():
    figure, axes = curves("iteration", "loss")
    axes.plot(losses)
    axes.set_ylim(bottom=0)
    return figure


page.figure(
    plotted(descent(), "The loss stays at 0.69 for a while, then falls to almost 0"),
    f"From {losses[0]:.4f} to {losses[-1]:.4f}: all four labels are right.",
)

# %% Section 4: two gradients by hand
page.section("4 The Need for Backpropagation")


def linear_regression(w, b, x, y):
    y_hat = w * x + b
    L = 0.5 * (y_hat - y) ** 2
    return L


def squared_error(w, b, x, y):
    y_hat = w * x + b
    L = (y_hat - y) ** 2
    return L


def logistic_regression(w, b, x, y):
    z = w * x + b
    y_hat = 1 / (1 + np.exp(-z))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return L


GRADIENTS = (
    r"\frac{\partial L}{\partial w} = (\hat{y} - y)x, \qquad "
    r"\frac{\partial L}{\partial b} = (\hat{y} - y)"
)
SOMEWHERE = (0.4, -0.3, 1.5, 0.25)

page.begin("section 4", "formula")
page.text("The notes name no loss for it. These are the gradients of half the squared error:")
show_code(linear_regression)
page.judge(linear_regression, GRADIENTS, ("w", "b"), SOMEWHERE)
page.text("Of the squared error without the half they are not:")
page.judge(squared_error, GRADIENTS, ("w", "b"), SOMEWHERE, right=False, show=False)

page.begin("section 4", "formula")
page.text("With the loss of section 7 logistic regression has the very same gradients:")
show_code(logistic_regression)
page.judge(logistic_regression, GRADIENTS, ("w", "b"), SOMEWHERE)

# %% Section 5: graphs
page.section("5 Computational Graphs")


def sum_times(x, y, z):
    q = x + y
    f = q * z
    return f


page.begin("section 5.1", "figure")
page.formula(r"f(x, y, z) = (x + y) z")
frames = symgrad.draw(sum_times, -2.0, 5.0, -4.0, steps=True)
page.add(frames[0], "Nodes are functions, edges their arguments; the values are those of 6.2.")

page.begin("section 5.2", "figure")


def h(w, x, b):
    z = w * x + b
    y_hat = 1 / (1 + np.exp(-z))
    return y_hat


page.add(
    symgrad.draw(h, 0.0, 50.0, 0.0, level="line"),
    "Logistic regression with the sigmoid as one node, at the values of section 7.",
)
page.add(symgrad.draw(h, 0.0, 50.0, 0.0), "The same, gate by gate.")

page.begin("section 5.2", "formula")
page.formula(r"h(w, x, b) = \sigma(wx + b)")
show_code(h)
with mpmath.workdps(40):
    z = mpmath.mpf(0.4) * mpmath.mpf(1.5) + mpmath.mpf(-0.3)
    assert abs(h(0.4, 1.5, -0.3) - 1 / (1 + mpmath.exp(-z))) < 1e-15
page.judge(
    h,
    "dz = y_hat * (1 - y_hat)\ndw = dz * x\ndx = dz * w\ndb = dz",
    ("w", "x", "b"),
    (0.4, 1.5, -0.3),
)

# %% Section 6: the algorithm
page.section("6 Backpropagation Algorithm")
page.begin("section 6.1", "formula")
page.formula(r"\frac{d}{dx}f(g(x)) = \frac{df}{dg} \cdot \frac{dg}{dx}")


def composite(x):
    g = 1 + x**2
    f = np.log(g)
    return f


page.text("The notes leave f and g open. For example:")
show_code(composite)
page.judge(composite, "dg = 1 / g\ndx = dg * 2 * x", "x", (0.8,))
page.add(
    symgrad.draw(composite, 0.8, edges="local"),
    "The factors of the product stand on the edges.",
)

value, d = values_and_gradients(sum_times, -2.0, 5.0, -4.0)
page.begin("section 6.2", "example")
page.formula(
    r"\begin{aligned} x &= -2 \\ y &= 5 \\ z &= -4 \\ q &= x + y = (-2) + 5 = 3 \\"
    r" f &= qz = 3 \cdot (-4) = -12 \end{aligned}"
)
page.prints_all("-2 5 -4 -2 5 -4", *(value[name] for name in "xyzxyz"))
page.prints_all("-2 5 3 3 -4 -12", *(value[name] for name in "xyqqzf"))
page.add(frames[0], "Forward pass.")

page.begin("section 6.2", "example")
page.formula(
    r"\begin{aligned}"
    r"\frac{\partial f}{\partial f} &= 1 \quad (\text{base case}) \\"
    r"\frac{\partial f}{\partial z} &= \frac{\partial f}{\partial z} \cdot "
    r"\frac{\partial f}{\partial f} = q \cdot 1 = 3 \\"
    r"\frac{\partial f}{\partial q} &= \frac{\partial f}{\partial q} \cdot "
    r"\frac{\partial f}{\partial f} = z \cdot 1 = -4 \\"
    r"\frac{\partial f}{\partial y} &= \frac{\partial q}{\partial y} \cdot "
    r"\frac{\partial f}{\partial q} = 1 \cdot (-4) = -4 \\"
    r"\frac{\partial f}{\partial x} &= \frac{\partial q}{\partial x} \cdot "
    r"\frac{\partial f}{\partial q} = 1 \cdot (-4) = -4"
    r"\end{aligned}"
)
page.prints("1", d["f"])
page.prints_all("1 3", d["f"], d["z"])
page.prints_all("1 -4", d["f"], d["q"])
for name in "yx":
    page.prints_all("1 -4 -4", d[name] / d["q"], d["q"], d[name])
for frame in frames[1:]:
    page.add(frame)
page.add(symgrad.table(sum_times, -2.0, 5.0, -4.0))

page.begin("section 6.2", "formula")
page.formula(
    r"\begin{aligned}"
    r"\frac{\partial f}{\partial x} &= \frac{\partial q}{\partial x} \cdot "
    r"\frac{\partial f}{\partial q} \cdot \frac{\partial f}{\partial f} \\"
    r"\frac{\partial f}{\partial y} &= \frac{\partial q}{\partial y} \cdot "
    r"\frac{\partial f}{\partial q} \cdot \frac{\partial f}{\partial f} \\"
    r"\frac{\partial f}{\partial z} &= \frac{\partial f}{\partial z} \cdot "
    r"\frac{\partial f}{\partial f}"
    r"\end{aligned}"
)
page.judge(
    sum_times,
    "df = 1\ndq = z * df\ndx = 1 * dq\ndy = 1 * dq\ndz = q * df",
    ("x", "y", "z"),
    (-2.0, 5.0, -4.0),
)

# %% Section 7: logistic regression
page.section("7 Backpropagation for Logistic Regression")
LOSS = r"L(\hat{y}, y) = -y \log \hat{y} - (1 - y) \log(1 - \hat{y})"
page.begin("section 7", "formula")
page.formula(r"\hat{y} = h(x) = \frac{1}{1 + e^{-(wx+b)}}")
assert logistic_regression(0.3, 0.1, 2.0, 1.0) == -np.log(h(0.3, 2.0, 0.1))
show_code(logistic_regression)

page.begin("section 7", "formula")
page.formula(LOSS)


def cross_entropy(y_hat, y):
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return L


for p in (0.01, 0.5, 0.99):
    assert abs(cross_entropy(p, 1.0) + mpmath.log(p)) < 1e-14
    assert abs(cross_entropy(p, 0.0) + mpmath.log1p(-p)) < 1e-14
page.text("For y = 1 the first term is left, for y = 0 the second.")

AT = (0.0, 0.0, 50.0, 1.0)
value, d = values_and_gradients(logistic_regression, *AT)
page.begin("section 7", "example")
page.formula(r"z = wx + b = 0 \cdot 50 + 0 = 0")
page.formula(r"\hat{y} = \sigma(z) = \frac{1}{1 + e^{-0}} = 0.5, \qquad L \approx 0.69")
page.prints_all("50 1 0 0", *(value[name] for name in ("x", "y", "w", "b")))
page.prints_all("0 50 0 0", *(value[name] for name in ("w", "x", "b", "z")))
page.prints("-0", -value["z"])
page.prints("0.5", value["y_hat"], mpmath.mpf(1) / 2)
page.prints("0.69", value["L"], mpmath.log(2))
frames = symgrad.draw(logistic_regression, *AT, wrt=("w", "b"), level="line", steps=True)
page.add(frames[0], "Forward pass: L is log 2.")

page.begin("section 7", "example")
page.formula(r"\frac{\partial L}{\partial L} = 1")
page.prints("1", d["L"])
page.add(frames[1])

page.begin("section 7", "example")
page.formula(
    r"\frac{\partial L}{\partial \hat{y}} = \frac{\partial L}{\partial \hat{y}} \cdot "
    r"\frac{\partial L}{\partial L} = \left(-\frac{y}{\hat{y}} + \frac{1-y}{1-\hat{y}} \right) "
    r"\cdot 1 = -\frac{1}{0.5} + \frac{0}{0.5} = -2"
)
page.prints("1", d["L"])
page.prints_all("1 0.5", value["y"], value["y_hat"])
page.prints_all("0 0.5", 1 - value["y"], 1 - value["y_hat"])
page.prints("-2", d["y_hat"], mpmath.mpf(-2))
D_Y_HAT = "dy_hat = -y / y_hat + (1 - y) / (1 - y_hat)"
IN_LATEX = r"\frac{\partial L}{\partial \hat{y}} = -\frac{y}{\hat{y}} + \frac{1-y}{1-\hat{y}}"
page.judge(cross_entropy, IN_LATEX, "y_hat", (0.7, 0.25))
page.add(frames[2])

page.begin("section 7", "example")
page.formula(
    r"\frac{\partial L}{\partial z} = \frac{\partial \hat{y}}{\partial z} \cdot "
    r"\frac{\partial L}{\partial \hat{y}} = [\hat{y}(1-\hat{y})] \cdot (-2) = "
    r"[0.5(1-0.5)] \cdot (-2) = -0.5"
)


def loss_of_z(z, y):
    y_hat = 1 / (1 + np.exp(-z))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return L


page.prints("-2", d["y_hat"], mpmath.mpf(-2))
page.prints_all("0.5 0.5", value["y_hat"], value["y_hat"])
page.prints("-2", d["y_hat"], mpmath.mpf(-2))
page.prints("-0.5", d["z"], mpmath.mpf(-1) / 2)
page.judge(loss_of_z, f"{D_Y_HAT}\ndz = (y_hat * (1 - y_hat)) * dy_hat", "z", (0.6, 0.25))
page.add(frames[3])

page.begin("section 7", "example")
page.formula(
    r"\frac{\partial L}{\partial w} = \frac{\partial z}{\partial w} \cdot "
    r"\frac{\partial L}{\partial z} = x \cdot (-0.5) = 50 \cdot (-0.5) = -25"
)
page.prints("-0.5", d["z"], mpmath.mpf(-1) / 2)
page.prints("50", value["x"])
page.prints("-0.5", d["z"], mpmath.mpf(-1) / 2)
page.prints("-25", d["w"], mpmath.mpf(-25))
page.judge(logistic_regression, "dz = y_hat - y\ndw = x * dz", "w", SOMEWHERE)
page.add(frames[4])
assert d["b"] == d["z"] == -0.5
page.text("The notes stop here. The last derivative is dL/db = dL/dz = -0.5:")
page.add(symgrad.table(logistic_regression, *AT, wrt=("w", "b"), level="line"))

# %% Section 8: the network
page.section("8 Backpropagation for Multilayer Perceptron")
page.begin("section 8", "formula")
page.formula(
    r"z^{[1]} = W^{[1]}x + b^{[1]}, \qquad a^{[1]} = g(z^{[1]}), \qquad "
    r"z^{[2]} = W^{[2]}a^{[1]} + b^{[2]}, \qquad \hat{y} = \sigma(z^{[2]})"
)


def perceptron(W1, b1, W2, b2, x, y):
    z1 = W1 @ x + b1
    a1 = np.tanh(z1)
    z2 = W2 @ a1 + b2
    y_hat = 1 / (1 + np.exp(-z2))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return L[0]


rng = np.random.default_rng(8)
W1, b1, W2, b2, x = (rng.standard_normal(shape) for shape in ((5, 4), 5, (1, 5), 1, 4))
y = np.array([0.25])
NET = (W1, b1, W2, b2, x, y)
show_code(perceptron)
page.text("The notes leave g open; here it is tanh, so that g'(z1) is `1 - a1**2`.")
page.add(
    symgrad.draw(perceptron, *NET, wrt=("W1", "b1", "W2", "b2"), level="layer", width=WIDE),
    "What is cut off on the right goes on below.",
)

page.begin("section 8", "formula")
page.formula(LOSS)
with mpmath.workdps(40):
    z2 = mpmath.mpf(float((W2 @ np.tanh(W1 @ x + b1) + b2)[0]))
    exact = mpmath.log1p(mpmath.exp(-z2)) + (1 - mpmath.mpf(0.25)) * z2
assert abs(perceptron(*NET) - exact) < 1e-14
page.text(f"At the random weights of this page L is {perceptron(*NET):.6f}.")

page.begin("section 8", "formula")
page.formula(r"\frac{\partial L}{\partial L} = 1")


def of_itself(L):
    return L


page.prints("1", symgrad.grad(of_itself)(0.69))
page.judge(of_itself, "dL = 1", "L", (0.69,))

page.begin("section 8", "formula")
page.formula(
    r"\frac{\partial L}{\partial \hat{y}} = \frac{\partial L}{\partial \hat{y}} \cdot "
    r"\frac{\partial L}{\partial L} = -\frac{y}{\hat{y}} + \frac{1-y}{1-\hat{y}}"
)
page.judge(cross_entropy, IN_LATEX, "y_hat", (0.7, 0.25))

page.begin("section 8", "formula")
page.formula(
    r"\frac{\partial L}{\partial z^{[2]}} = \frac{\partial \hat{y}}{\partial z^{[2]}} \cdot "
    r"\frac{\partial L}{\partial \hat{y}} = \hat{y}(1-\hat{y}) \cdot -\frac{y}{\hat{y}} + "
    r"\frac{1-y}{1-\hat{y}} = \hat{y} - y"
)
AS_PRINTED = "dz = y_hat * (1 - y_hat) * -y / y_hat + (1 - y) / (1 - y_hat)"
WITH_PARENTHESES = "dz = y_hat * (1 - y_hat) * (-y / y_hat + (1 - y) / (1 - y_hat))"
page.judge(loss_of_z, AS_PRINTED, "z", (0.6, 0.25), right=False)
page.judge(loss_of_z, WITH_PARENTHESES, "z", (0.6, 0.25))
page.judge(loss_of_z, "dz = y_hat - y", "z", (0.6, 0.25))
page.slip(
    "y_hat (1 - y_hat) . -y/y_hat + (1-y)/(1-y_hat)",
    "dL/dy_hat is a sum, and all of it is multiplied: its parentheses are missing. The result "
    "behind it, y_hat - y, is right.",
    "y_hat (1 - y_hat) (-y/y_hat + (1-y)/(1-y_hat))",
)

page.begin("section 8", "formula")
page.formula(
    r"\frac{\partial L}{\partial W^{[2]}} = \frac{\partial z^{[2]}}{\partial W^{[2]}} \cdot "
    r"\frac{\partial L}{\partial z^{[2]}} = a^{[1]}(\hat{y} - y)"
)


def of_many(W1, b1, W2, b2, x, y):
    z1 = W1 @ x + b1
    a1 = np.tanh(z1)
    z2 = W2 @ a1 + b2
    y_hat = 1 / (1 + np.exp(-z2))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return np.sum(L)


page.text("For one output the numbers are right and the shape is not: W2 is a row.")
page.judge(perceptron, "dW2 = a1 * (y_hat - y)", "W2", NET, right=False)
page.text("For several outputs, with the sum of their losses, there is no such product:")
MANY = (W1, b1, rng.standard_normal((3, 5)), rng.standard_normal(3), x, np.array([0.2, 0.7, 1.0]))
page.judge(of_many, "dW2 = a1 * (y_hat - y)", "W2", MANY, right=False)
page.judge(of_many, "dW2 = np.outer(y_hat - y, a1)", "W2", MANY)
page.judge(perceptron, "dW2 = np.outer(y_hat - y, a1)", "W2", NET)
page.slip(
    "dL/dW2 = a1 (y_hat - y)",
    "The gradient has the shape of W2, a row for each output: an outer product.",
    "dL/dW2 = (y_hat - y) a1^T",
)

page.begin("section 8", "formula")
page.formula(
    r"\frac{\partial L}{\partial b^{[2]}} = \frac{\partial z^{[2]}}{\partial b^{[2]}} \cdot "
    r"\frac{\partial L}{\partial z^{[2]}} = \hat{y} - y"
)
page.judge(perceptron, "db2 = y_hat - y", "b2", NET)


def from_a1(a1, W2, b2, y):
    z2 = W2 @ a1 + b2
    y_hat = 1 / (1 + np.exp(-z2))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return L[0]


def from_z1(z1, W2, b2, y):
    a1 = np.tanh(z1)
    z2 = W2 @ a1 + b2
    y_hat = 1 / (1 + np.exp(-z2))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return L[0]


HIDDEN = (b1, W2, b2, y)

page.begin("section 8", "formula")
page.formula(
    r"\frac{\partial L}{\partial a^{[1]}} = \frac{\partial z^{[2]}}{\partial a^{[1]}} \cdot "
    r"\frac{\partial L}{\partial z^{[2]}} = W^{[2]}(\hat{y} - y)"
)
page.judge(from_a1, "da1 = W2 @ (y_hat - y)", "a1", HIDDEN, right=False)
page.judge(from_a1, "da1 = W2.T @ (y_hat - y)", "a1", HIDDEN)
page.slip(
    "dL/da1 = W2 (y_hat - y)",
    "W2 takes hidden units to outputs; on the way back it is transposed.",
    "dL/da1 = W2^T (y_hat - y)",
)

page.begin("section 8", "formula")
page.formula(
    r"\frac{\partial L}{\partial z^{[1]}} = \frac{\partial a^{[1]}}{\partial z^{[1]}} \cdot "
    r"\frac{\partial L}{\partial a^{[1]}} = g'(z^{[1]}) \cdot W^{[2]}(\hat{y} - y)"
)
page.judge(from_z1, "dz1 = (1 - a1**2) @ (W2 @ (y_hat - y))", "z1", HIDDEN, right=False)
page.judge(from_z1, "dz1 = (1 - a1**2) * (W2.T @ (y_hat - y))", "z1", HIDDEN)
page.slip(
    "dL/dz1 = g'(z1) . W2 (y_hat - y)",
    "g works on each hidden unit by itself, so its derivative multiplies element by element; and "
    "W2 is not transposed, as in the line before.",
    "dL/dz1 = g'(z1) * (W2^T (y_hat - y)), element by element",
)

RIGHT = "dz2 = y_hat - y\ndz1 = (1 - a1**2) * (W2.T @ dz2)\n"
page.begin("section 8", "formula")
page.formula(
    r"\frac{\partial L}{\partial W^{[1]}} = \frac{\partial z^{[1]}}{\partial W^{[1]}} \cdot "
    r"\frac{\partial L}{\partial z^{[1]}} = x \cdot g'(z^{[1]}) \cdot W^{[2]}(\hat{y} - y)"
)
page.judge(perceptron, "dW1 = x * (1 - a1**2) * (W2 @ (y_hat - y))", "W1", NET, right=False)
page.judge(perceptron, f"{RIGHT}dW1 = np.outer(dz1, x)", "W1", NET)
page.slip(
    "dL/dW1 = x . g'(z1) . W2 (y_hat - y)",
    "x has a number for each input, the rest one for each hidden unit: only their outer product "
    "has the shape of W1. The elementwise product and the transpose are missing as above.",
    "dL/dW1 = (g'(z1) * (W2^T (y_hat - y))) x^T",
)

page.begin("section 8", "formula")
page.formula(
    r"\frac{\partial L}{\partial b^{[1]}} = \frac{\partial z^{[1]}}{\partial b^{[1]}} \cdot "
    r"\frac{\partial L}{\partial z^{[1]}} = g'(z^{[1]}) \cdot W^{[2]}(\hat{y} - y)"
)
page.judge(perceptron, "db1 = (1 - a1**2) * (W2 @ (y_hat - y))", "b1", NET, right=False)
page.judge(perceptron, f"{RIGHT}db1 = dz1", "b1", NET)
page.slip(
    "dL/db1 = g'(z1) . W2 (y_hat - y)",
    "It is dL/dz1, with the transpose that is missing there.",
    "dL/db1 = g'(z1) * (W2^T (y_hat - y)), element by element",
)

page.text("All that is right, on one blackboard, and as symgrad writes and measures it:")
WEIGHTS = ("W1", "b1", "W2", "b2")
page.judge(
    perceptron,
    f"{RIGHT}dW2 = np.outer(dz2, a1)\ndb2 = dz2\ndW1 = np.outer(dz1, x)\ndb1 = dz1",
    WEIGHTS,
    NET,
)
gradient = symgrad.compile(perceptron, wrt=WEIGHTS)
gradient(*NET)
page.folded("The module that symgrad writes of it", gradient.source)
checked = symgrad.check(perceptron, *NET, wrt=WEIGHTS)
assert checked
page.add(checked)

page.finish()
