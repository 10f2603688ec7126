# ruff: noqa: E501 (code stands as it is printed)
"""Understanding the Backpropagation Algorithm: A Gentle Introduction.

Writes one page with every worked example, table, formula, figure and piece of code of the
article, in their order; what it prints is asserted, and where it slips it is said so.
"""

import ast
import contextlib
import inspect
import io
import runpy
import tempfile
from pathlib import Path

import mpmath
import numpy as np
from lecture import WIDE, Lecture, curves, plotted

import symgrad

page = Lecture(
    __file__,
    "Understanding the Backpropagation Algorithm: A Gentle Introduction",
    "Each worked example, table, formula, figure and piece of code of the article, in their "
    "order, computed by symgrad; numbers that the article prints are asserted.",
)


def show_code(*functions):
    page.code("\n\n".join(inspect.getsource(function).strip() for function in functions))


def is_python(text):
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def show_moved(printed, *moves):
    """Show code whose names the text has moved, with pairs of lines as printed and put back."""
    assert not is_python(printed)
    page.code(printed)
    corrected = printed
    for wrong, right in moves:
        assert wrong in corrected
        assert sorted(wrong.split()) == sorted(right.split())
        corrected = corrected.replace(wrong, right)
        page.slip(
            "; ".join(line.strip() for line in wrong.splitlines()),
            "A name has moved behind its `=` or to another line, so it is no Python.",
            "; ".join(line.strip() for line in right.splitlines()),
        )
    assert is_python(corrected)
    page.code(corrected)


# %% Section 3.1: the ReLU
page.section("3.1 Composite functions")
page.begin("section 3.1", "formula")
page.formula(r"f(x) = \begin{cases} x & \text{if } x \geq 0 \\ 0 & \text{if } x < 0 \end{cases}")


def branches(x):
    return np.where(x >= 0, x, 0.0)


show_code(branches)
page.begin("section 3.1", "formula")
page.formula(r"f(x) = \max(x, 0)")


def maximum(x):
    return np.maximum(x, 0.0)


show_code(maximum)
points = np.array([-2.0, -1e-300, 0.0, 1e-300, 0.5, 3.0])
np.testing.assert_array_equal(branches(points), maximum(points))
slopes = [[symgrad.grad(fn)(x) for x in points] for fn in (branches, maximum)]
assert slopes == [[0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1]]
page.table(
    ["x", "f(x)", "derivative of the branches", "derivative of the maximum"],
    [
        [f"{x:g}", f"{maximum(x):g}", f"{a:g}", f"{b:g}"]
        for x, a, b in zip(points, *slopes, strict=True)
    ],
)
for fn in (branches, maximum):
    try:
        symgrad.compile(fn, kinks="raise")(1.0)
        raise AssertionError("a kink that nobody refused")
    except symgrad.KinkError:
        pass
page.note(
    "Both forms have the same values everywhere and the same derivative everywhere but at 0, where "
    "there is none: from the left it is 0, from the right 1. The branches put 0 on the side of x, "
    "so their derivative there is 1. For the maximum it is 0, the convention of symgrad and of most "
    'libraries. `symgrad.compile(..., kinks="raise")` refuses both.'
)


def relu_and_slopes():
    figure, axes = curves("x", "f(x) and f'(x)")
    x = np.linspace(-2, 2, 81)
    axes.plot(x, maximum(x), label="f")
    axes.step([-2, 0, 2], [0, 0, 1], "--", label="f'")
    axes.plot([0], [1], "o", color="C1", label="f'(0) of the branches")
    axes.plot([0], [0], "o", color="C1", fillstyle="none", label="f'(0) of the maximum")
    axes.legend(loc="upper left")
    return figure


page.figure(
    plotted(relu_and_slopes(), "The ReLU, and its derivative, which jumps from 0 to 1 at 0"),
    "The derivative jumps at 0; each form takes one end of the jump.",
)

# %% Section 3.2: exp(sin(x**2))
page.section("3.2 Example 1: application of the chain rule")
page.begin("section 3.2", "formula")
page.formula(r"y = e^{\sin(x^2)}")


def composed(x):
    v = x**2
    u = np.sin(v)
    y = np.exp(u)
    return y


show_code(composed)

page.begin("section 3.2", "formula")
page.formula(r"y = f(u) = e^u, \qquad u = g(v) = \sin(v), \qquad v = h(x) = x^2")


def f(u):
    y = np.exp(u)
    return y


def g(v):
    u = np.sin(v)
    return u


def h(x):
    v = x**2
    return v


show_code(f, g, h)

page.begin("section 3.2", "formula")
page.formula(r"y = f(g(h(x)))")
X = np.linspace(-3, 3, 61)
np.testing.assert_array_equal(composed(X), f(g(h(X))))
AT = 0.8
page.text("The same numbers, at 61 points from -3 to 3. The three are the gates of the graph:")
page.add(
    symgrad.draw(composed, AT), f"The graph at x = {AT}, a point that the article leaves open."
)

page.begin("section 3.2", "formula")
page.formula(
    r"\frac{dy}{du} = f'(u) = e^u, \qquad \frac{du}{dv} = g'(u) = \cos(v), \qquad "
    r"\frac{dv}{dx} = h'(x) = 2x"
)
page.text("What each says of its function:")
page.judge(f, r"\frac{dy}{du} = e^u", "u", (0.6,))
page.judge(g, r"\frac{du}{dv} = \cos(v)", "v", (0.6,))
page.judge(h, r"\frac{dv}{dx} = 2x", "x", (0.6,))
page.text("The middle one says `g'(u)`. Taken at its word it is another number:")
page.judge(g, "dv = np.cos(u)", "v", (0.6,), right=False)
page.slip(
    "du/dv = g'(u) = cos(v)",
    "The derivative is taken where g is: at v, not at its value u = sin(v).",
    "du/dv = g'(v) = cos(v)",
)

page.begin("section 3.2", "formula")
page.formula(r"\frac{dy}{dx} = \frac{dy}{du} \cdot \frac{du}{dv} \cdot \frac{dv}{dx}")
page.text("Gate by gate, from the value back:")
page.judge(composed, "du = np.exp(u)\ndv = du * np.cos(v)\ndx = dv * 2 * x", "x", (AT,))
page.add(symgrad.table(composed, AT))
page.add(symgrad.draw(composed, AT, edges="local"), "The local derivatives, to be multiplied.")

page.begin("section 3.2", "formula")
page.formula(r"\frac{dy}{dx} = e^u \cdot \cos(v) \cdot 2x = e^{\sin(x^2)} \cdot \cos(x^2) \cdot 2x")
page.text("Both right sides, one after the other:")
page.judge(composed, r"\frac{dy}{dx} = e^u \cdot \cos(v) \cdot 2x", "x", (AT,))
page.judge(composed, r"\frac{dy}{dx} = e^{\sin(x^2)} \cdot \cos(x^2) \cdot 2x", "x", (AT,))
gradient = symgrad.compile(composed)
with mpmath.workdps(40):
    for x in X:
        point = mpmath.mpf(float(x))
        exact = mpmath.diff(lambda t: mpmath.exp(mpmath.sin(t**2)), point)
        assert abs(gradient.grad(x) - exact) < 1e-13 * (1 + abs(exact))
page.text("It agrees with numerical differentiation in 40 digits. The derivation, step by step:")
page.add(symgrad.explain(composed, AT))
page.folded("The module that symgrad writes of it", gradient.source)

# %% Section 4: the network
page.section("4.0 Implementation")
page.begin("section 4.0", "code")
IMPORTS = """
import torch
import torch.nn as nn
import torch.nn.functional as F
"""
assert is_python(IMPORTS)
page.code(IMPORTS.strip())
page.text("Here the imports are these two; what PyTorch does in the article, symgrad does:")
page.code("import numpy as np\nimport symgrad")

page.begin("section 4.0", "code")
MODEL = """
# Create a Model Class that inherits nn.Module
class Model(nn.Module):
    # Input layer (4 input features for each flower) -->
    # Hidden Layer1 (number of neurons) -->
    # H2 (n) -->
    # output (3 classes of iris flowers)
    def __init__(self, in_features=4, h1=8, h2=9, out_features=3):
        super().__init__() # instantiate our nn.Module
        self.fc1 = nn.Linear(in_features, h1)
        self.fc2 = nn.Linear(h1, h2)
        self.out = nn.Linear(h2, out_features)

    def forward(self, x):
        = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.out(x)
        x
        return x
"""
page.text("As the text has it, but for the indentation, which it has lost:")
show_moved(
    MODEL,
    (
        "= F.relu(self.fc1(x))\n        x = F.relu(self.fc2(x))\n        x = self.out(x)\n        x\n",
        "x = F.relu(self.fc1(x))\n        x = F.relu(self.fc2(x))\n        x = self.out(x)\n",
    ),
)
EXAMPLES = Path(__file__).parents[1]
with (
    tempfile.TemporaryDirectory() as folder,
    contextlib.chdir(folder),
    contextlib.redirect_stdout(io.StringIO()),
):
    iris = runpy.run_path(str(EXAMPLES / "iris.py"))
weights = dict(zip(("W1", "b1", "W2", "b2", "W3", "b3"), iris["params"], strict=True))
flowers, species = iris["X"][iris["train"]], iris["y"][iris["train"]]
page.prints_all("4 3", flowers.shape[1], len(np.unique(species)))
page.prints_all("4 8 9 3", *(weights[k].shape[1] for k in ("W1", "W2", "W3")), len(weights["b3"]))
page.text("The same network in NumPy, `examples/iris.py`, with its loss of section 4.1:")
show_code(iris["scores"], iris["loss"])
page.add(
    symgrad.draw(
        iris["loss"],
        *weights.values(),
        flowers,
        species,
        wrt=tuple(weights),
        level="layer",
        fold=False,
        width=WIDE,
    ),
    "4 features, hidden layers of 8 and 9, scores of 3 classes; sizes stand as letters. What is cut off on the right goes on below.",
)

# %% Section 4.1: softmax loss
page.section("4.1 SoftMax-Loss")
page.begin("section 4.1", "formula")
page.formula(r"\hat{y}_i = \frac{e^{z_i}}{\sum_j e^{z_j}}")


def softmax(z):
    y_hat = np.exp(z) / np.sum(np.exp(z))
    return y_hat


Z = np.array([0.3, -1.2, 0.8])
with mpmath.workdps(40):
    powers = [mpmath.exp(mpmath.mpf(float(z))) for z in Z]
    exact = [power / sum(powers) for power in powers]
for value, right in zip(softmax(Z), exact, strict=True):
    assert abs(value - right) < 1e-15
page.text(
    f"The raw scores (logits) {Z} become {np.round(softmax(Z), 4)}: positive, and together 1."
)


def one_class(z):
    y_hat = np.exp(z) / np.sum(np.exp(z))
    return y_hat[1]


page.text("The derivative of the second probability by all scores, derived by hand and judged:")
page.judge(one_class, "dz = y_hat[1] * (np.eye(len(z))[1] - y_hat)", "z", (Z,))

page.begin("section 4.1", "formula")
page.formula(r"\text{SoftMax-Loss} = -\sum_i y_i \log(\hat{y}_i)")


def softmax_loss(z, y):
    y_hat = np.exp(z) / np.sum(np.exp(z))
    return -np.sum(y * np.log(y_hat))


one_hot = np.array([0.0, 0.0, 1.0])
assert abs(softmax_loss(Z, one_hot) + mpmath.log(exact[2])) < 1e-15
page.judge(softmax_loss, "dz = y_hat * np.sum(y) - y", "z", (Z, one_hot))
page.text(
    "For any y. A one-hot y sums to 1, and what is left is `y_hat - y`. Here, with the third class "
    f"as the true one, the loss is {softmax_loss(Z, one_hot):.6f}."
)

page.begin("section 4.1", "example")


def log_loss(p):
    return -np.log(p)


CHANCES = (1.0, 0.9, 0.5, 0.1, 1e-3, 1e-12)
for p in CHANCES:
    assert abs(log_loss(p) + mpmath.log(p)) < 1e-14
with np.errstate(divide="ignore"):
    assert log_loss(0.0) == np.inf
assert log_loss(1.0) == 0
slope = symgrad.grad(log_loss)
page.table(
    ["probability of the true class", "loss", "derivative"],
    [[f"{p:g}", f"{log_loss(p) + 0:.4f}", f"{slope(p):.4g}"] for p in CHANCES]
    + [["0", "infinite", ""]],
)
page.slip(
    "a loss of zero for a correct prediction",
    "The loss is 0 only where the probability is 1: with 0.5 a prediction may be correct, and the "
    f"loss is {log_loss(0.5):.4f}.",
    "a loss of zero for a prediction with probability 1",
)

page.begin("section 4.1", "code")
show_moved(
    "# Set the criterion of model to measure the error, how far off the predictions are from the data\n"
    "= nn.CrossEntropyLoss() criterion",
    ("= nn.CrossEntropyLoss() criterion", "criterion = nn.CrossEntropyLoss()"),
)
page.slip(
    "it takes as input the value generated by the SoftMax function",
    "So does the formula. `nn.CrossEntropyLoss` applies the softmax itself, as `loss` above does, "
    "and the network gives it raw scores.",
    "it takes as input the raw scores",
)

# %% Section 4.2: Adam
page.section("4.2 Adam Optimizer")
page.begin("section 4.2", "table")


def adam(g, mean, square, t, lr=0.01):
    """Return the step of round t = 1, 2, ... for the gradient g, and the new averages."""
    mean = 0.9 * mean + 0.1 * g
    square = 0.999 * square + 0.001 * g**2
    mean_hat = mean / (1 - 0.9**t)
    square_hat = square / (1 - 0.999**t)
    step = lr * mean_hat / (np.sqrt(square_hat) + 1e-8)
    return step, mean, square


def steps_for(gradients):
    """Return the steps that Adam takes for gradients that come one after the other."""
    found, mean, square = [], 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        step, mean, square = adam(g, mean, square, t)
        found.append(step)
    return found


(first,) = steps_for([1.0])
np.testing.assert_allclose(steps_for([1e3] * 50), 0.01, rtol=1e-6)
np.testing.assert_allclose(steps_for([1e-3] * 50), 0.01, rtol=2e-5)
zigzag = steps_for([(-1.0) ** t for t in range(200)])[-1]
assert abs(zigzag) < 0.1 * first
without_correction = 0.01 * 0.1 / np.sqrt(0.001)
assert abs(without_correction - 0.01 * mpmath.sqrt(10)) < 1e-12
after_jump = steps_for([1.0] * 100 + [100.0])[-1]
assert after_jump < 100 * 0.01
page.table(
    ["point", "line", "what it does"],
    [
        ["Initialization", "`mean, square = 0.0, 0.0`", "both averages start at zero"],
        [
            "Momentum term", "`mean = 0.9 * mean + 0.1 * g`",
            f"gradients 1, -1, 1, ... average out: after 200 the step is {abs(zigzag):.5f}, not 0.01",
        ],
        [
            "Adaptive learning rate", "`square = 0.999 * square + 0.001 * g**2`",
            "gradients of 1000 and of 0.001, always the same, both give steps of 0.01",
        ],
        [
            "Bias correction", "`mean / (1 - 0.9**t)`, `square / (1 - 0.999**t)`",
            f"without it the first step is {without_correction:.5f}, too large by the root of 10",
        ],
        [
            "Flat regions and sharp gradients", "`mean_hat / np.sqrt(square_hat)`",
            f"a gradient that jumps from 1 to 100 makes a step of {after_jump:.4f}, not of 1",
        ],
        [
            "Parameter update", "`w -= lr * mean_hat / (np.sqrt(square_hat) + 1e-8)`",
            "both corrected averages; 1e-8 keeps the divisor from 0",
        ],
    ],
)  # fmt: skip
show_code(adam)

page.begin("section 4.2", "code")
show_moved(
    "# Choose Adam Optimizer, lr = learning rate (if error doesn't go down after a bunch of "
    "iterations (epochs), lower our learning rate)\n"
    "= torch.optim.Adam(model.parameters(), lr=0.01) optimizer",
    (
        "= torch.optim.Adam(model.parameters(), lr=0.01) optimizer",
        "optimizer = torch.optim.Adam(model.parameters(), lr=0.01)",
    ),
)
page.prints("0.01", first)

# %% Section 5: training
page.section("5.0 Training the Neural Network")
page.begin("section 5.0", "code")
LOOP = """
= 100
epochs = []
losses for i in range(epochs):
    # Go forward and get a prediction
    = model.forward(X_train) # Get predicted results
    y_pred

    # Measure the loss/error, gonna be high at first
    = criterion(y_pred, y_train) # predicted values vs the y_train
    loss

    # Keep Track of our losses
    losses.append(loss.detach().numpy())

    # print every 10 epoch
    if i % 10 == 0:
        print(f'Epoch: {i} and loss: {loss}')

    # Do some back propagation: take the error rate of forward propagation and feed it back through the network to fine tune the weights
    optimizer.zero_grad()
    loss.backward() optimizer.step()
"""
show_moved(
    LOOP,
    (
        "= 100\nepochs = []\nlosses for i in range(epochs):",
        "epochs = 100\nlosses = []\nfor i in range(epochs):",
    ),
    (
        "= model.forward(X_train) # Get predicted results\n    y_pred\n",
        "y_pred = model.forward(X_train) # Get predicted results\n",
    ),
    (
        "= criterion(y_pred, y_train) # predicted values vs the y_train\n    loss\n",
        "loss = criterion(y_pred, y_train) # predicted values vs the y_train\n",
    ),
    ("loss.backward() optimizer.step()", "loss.backward()\n    optimizer.step()"),
)
losses = iris["losses"]
every_tenth = range(0, len(losses), 10)
page.prints("100", len(losses))
page.prints("10", len(every_tenth))
source = (EXAMPLES / "iris.py").read_text(encoding="utf-8")
page.text("The loop with the gradient that symgrad wrote, from `examples/iris.py`:")
page.code(source.partition("# %% Adam")[2].partition("\n")[2].partition("# %%")[0].strip())
page.folded("That gradient", iris["gradient"].source)

page.begin("section 5.0", "table")
PRINTED = """
Epoch: 10 and loss: 1.125203251838684
Epoch: 20 and loss: 1.0097211599349976
Epoch: 30 and loss: 0.816234827041626
Epoch: 40 and loss: 0.585993230342865
Epoch: 50 and loss: 0.4003390371799469
Epoch: 60 and loss: 0.2679472267627716
Epoch: 70 and loss: 0.17963498830795288
Epoch: 80 and loss: 0.12165627628564835
Epoch: 90 and loss: 0.08606518805027008
Epoch: 100 and loss: 0.06522618979215622
"""
rows = []
for i, line in zip(every_tenth, PRINTED.strip().splitlines(), strict=True):
    _, label, _, _, number = line.split()
    page.misprints(label, i)
    page.prints_single(number, losses[i])
    rows.append([label, number, f"`{i}`", f"{losses[i]:.12f}"])
page.table(["epoch, as printed", "loss, as printed", "i", "loss, by symgrad"], rows)
page.text(
    "The printed losses are numbers of single precision, in which the article computes; symgrad "
    "computes in double. Rounded to the six digits after the point that single precision keeps "
    "over 100 epochs, all ten are the same."
)
page.slip(
    "Epoch: 10 ... Epoch: 100",
    "The loop prints i itself, which is 0, 10 ... 90, and it prints before the step: the first "
    "line is the loss of the network as it was initialised.",
    "Epoch: 0 ... Epoch: 90",
)

page.begin("section 5.0", "figure")


def descent():
    figure, axes = curves("epoch", "loss")
    axes.plot(losses)
    axes.plot(every_tenth, [float(row[1]) for row in rows], "o", label="printed")
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure


page.figure(
    plotted(descent(), "The loss falls from 1.125 to 0.06 in 100 epochs"),
    "The loss of every epoch; the dots are the ten that are printed.",
)

page.finish()
