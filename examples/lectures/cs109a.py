"""CS109A, lecture 12: perceptron and backpropagation.  Pavlos Protopapas, Kevin Rader.

Writes one page with every worked example, table, formula and figure of the slides, in their
order; what the slides print is asserted, and where they slip it is said so.
"""

# ruff: noqa: RUF001  (the slides print a dash for a minus)

import ast
import csv
import inspect
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import NamedTuple

import mpmath
import numpy as np
from lecture import WIDE, Lecture, curves, plotted
from matplotlib.figure import Figure

import symgrad
from symgrad.study.circuit import circuit

page = Lecture(
    __file__,
    "CS109A, lecture 12: Perceptron and Back Propagation",
    "Pavlos Protopapas and Kevin Rader. Each worked example, table, formula and figure of the "
    "slides, in their order, computed by symgrad; numbers that the slides print are asserted.",
)

# %% Slide 6: the heart data
page.section("Classification and logistic regression")
page.begin("slide 6", "table")
with open(Path(__file__).parents[1] / "data" / "heart.csv") as file:
    patients = list(csv.DictReader(file))

FIRST_FIVE = """
63 1 typical      145 233 1 2 150 _ 2.3 3 0.0 fixed      No
67 1 asymptomatic 160 286 _ 2 108 1 1.5 2 3.0 normal     Yes
67 1 asymptomatic 120 229 _ 2 129 1 2.6 2 2.0 reversable Yes
37 1 nonanginal   130 250 _ _ 187 _ 3.5 3 0.0 normal     No
41 _ nontypical   130 204 _ 2 172 _ 1.4 1 0.0 normal     No
"""  # a zero that the text of the slide has lost is _
for row, printed in zip(patients, FIRST_FIVE.split("\n")[1:-1], strict=False):
    for value, word in zip(row.values(), printed.split(), strict=True):
        if word == "_":
            assert value == "0"
        elif word[0].isdigit():
            page.prints(word, float(value))
        else:
            assert value == word
page.table(list(patients[0]), [list(row.values()) for row in patients[:5]])
page.text(
    "The text of the slide has lost its zeros; all other numbers and words are those of the data."
)

complete = [row for row in patients if "NA" not in row.values()]
assert len(complete) == 297
MaxHR = np.array([float(row["MaxHR"]) for row in complete])
AHD = np.array([row["AHD"] == "Yes" for row in complete], dtype=float)

# %% Slides 8 to 12: the logistic curve
page.begin("slide 8", "formula")
page.formula(
    r"P(Y=1) = \frac{e^{\beta_0+\beta_1 X}}{1 + e^{\beta_0+\beta_1 X}}"
    r" = \frac{1}{1 + e^{-(\beta_0+\beta_1 X)}}"
)


def logistic(b0, b1, X):
    return 1 / (1 + np.exp(-(b0 + b1 * X)))


def logistic_of_odds(b0, b1, X):
    return np.exp(b0 + b1 * X) / (1 + np.exp(b0 + b1 * X))


x = np.linspace(-30, 30, 601)
np.testing.assert_allclose(logistic(1.0, -2.0, x), logistic_of_odds(1.0, -2.0, x), rtol=1e-13)
page.text(
    "Both spellings agree to 13 digits on 601 points from -30 to 30. The second is the one to "
    "compute with: in the first `exp` overflows for large X, and infinity over infinity is no "
    "number. The judge takes the slope in one spelling for the slope of the other:"
)
page.judge(
    logistic_of_odds,
    "p = 1 / (1 + np.exp(-(b0 + b1 * X)))\ndX = b1 * p * (1 - p)",
    "X",
    (0.3, 1.7, 0.4),
)

page.begin("slide 9", "formula")
page.formula(
    r"c = -\frac{\beta_0}{\beta_1}, \qquad "
    r"\text{distance from } \tfrac12 \text{ to about } 1 \text{, or to about } 0:\ "
    r"\frac{2}{\beta_1}"
)
slope = symgrad.grad(logistic, wrt="X")
for b0, b1 in [(-3.0, 1.5), (2.0, 0.25), (1.0, -4.0)]:
    centre = -b0 / b1
    assert logistic(b0, b1, centre) == 0.5
    assert slope(b0, b1, centre) == b1 / 4
    tangent = 0.5 + slope(b0, b1, centre) * (2 / b1)
    assert tangent == 1.0
page.text(
    "At `X = -b0/b1` the probability is one half and the slope, taken by symgrad, is `b1/4`. The "
    "tangent there reaches 1 after a distance of `2/b1`, and 0 as far on the other side; the "
    f"curve itself has come to {logistic(0, 1, 2):.3f} by then. If b1 is negative, the curve "
    "falls."
)

page.begin("slide 10", "figure")
page.prints("4", b1 / slope(b0, b1, -b0 / b1))
page.prints("2", (1 - 0.5) / slope(b0, b1, -b0 / b1) * b1)


def centre_and_slope(b0, b1):
    figure, axes = curves("X", "P(Y = 1)")
    x = np.linspace(-2, 6, 400)
    centre = -b0 / b1
    axes.plot(x, logistic(b0, b1, x))
    reach = centre + np.array([-2, 2]) / b1
    axes.plot(reach, 0.5 + b1 / 4 * (reach - centre), "--")
    axes.plot([centre], [0.5], "o", color="C3")
    axes.annotate("centre −β₀/β₁", (centre, 0.5), (centre + 0.4, 0.42))
    axes.annotate("slope β₁/4", (centre - 0.6, 0.27), (centre - 2.2, 0.4))
    for y in (0, 1):
        axes.axhline(y, linewidth=0.8, color="0.5")
    axes.set_ylim(-0.05, 1.2)
    axes.annotate(
        "", (centre, 1.06), (reach[1], 1.06), arrowprops={"arrowstyle": "<->", "color": "0.5"}
    )
    axes.text((centre + reach[1]) / 2, 1.09, "2/β₁", ha="center")
    return figure


page.figure(
    plotted(
        centre_and_slope(-3.0, 1.5),
        "The logistic curve with its centre at X = 2, the tangent there of slope b1/4, and the "
        "distance 2/b1 after which the tangent reaches 1",
    ),
    "b0 = -3, b1 = 1.5: the centre is at 2, the slope there 0.375, the width 1.333 each way.",
)


def family(name, coefficients):
    figure, axes = curves("X", "P(Y = 1)")
    x = np.linspace(-6, 6, 400)
    for b0, b1 in coefficients:
        axes.plot(x, logistic(b0, b1, x), label=f"{name} = {b0 if name == 'β₀' else b1:g}")
    axes.legend()
    return figure


page.begin("slide 11", "figure")
page.formula(r"P(Y=1) = \frac{1}{1 + e^{-(\beta_0+\beta_1 X)}}")
page.figure(
    plotted(
        family("β₀", [(-3, 1), (0, 1), (3, 1)]), "Three curves: a larger b0 moves the curve left"
    ),
    "b1 = 1; b0 shifts the curve. The slide's own picture is not in its text; this is what slide "
    "9 says of b0.",
)
page.begin("slide 12", "figure")
page.formula(r"P(Y=1) = \frac{1}{1 + e^{-(\beta_0+\beta_1 X)}}")
page.figure(
    plotted(
        family("β₁", [(0, 0.5), (0, 2), (0, -1)]),
        "Three curves: a larger b1 is steeper, a negative b1 falls",
    ),
    "b0 = 0; b1 sets how steep the curve is, and its sign the direction, as slide 9 says.",
)

# %% Slide 13: the loss
page.begin("slide 13", "formula")
page.formula(
    r"\mathcal{L}(\beta_0, \beta_1) = -\sum_i"
    r"\left[ y_i \log p_i + (1-y_i) \log(1-p_i) \right]"
)


def loss(b0, b1, X, y):
    p = 1 / (1 + np.exp(-(b0 + b1 * X)))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))


page.text("The judge on the gradient that the chain rule of slide 61 will multiply to:")
few = (0.2, -0.4, np.array([0.5, -1.0, 2.0, 0.1]), np.array([1.0, 0.0, 0.0, 1.0]))
page.judge(loss, "db0 = np.sum(p - y)\ndb1 = np.sum((p - y) * X)", ("b0", "b1"), few)
gradient = symgrad.compile(loss, wrt=("b0", "b1"))
gradient(*few)
page.folded("The module that symgrad writes for it", gradient.source)

# %% Slides 14 to 17: a computer that is bad at it
page.begin("slide 14", "figure")
page.formula(
    r"Y = f(\beta_0 + \beta_1 x_1 + \beta_2 x_2 + \beta_3 x_3 + \beta_4 x_4), \qquad "
    r"W^T = [W_0, W_1, \dots, W_4] = [\beta_0, \beta_1, \dots, \beta_4]"
)
page.formula(
    r"f(X) = W^T X \ \text{for regression}, \qquad "
    r"f(X) = \frac{1}{1 + e^{-W^T X}} \ \text{for classification}"
)


def regression(W, X):
    h = W @ X
    return h


def classification(W, X):
    h = W @ X
    Y = 1 / (1 + np.exp(-h))
    return Y


# A patient as the model sees one: 1 for the intercept, MaxHR, Age, Sex (1 is male), Chol
NO = np.array([1.0, 200.0, 52.0, 1.0, 152.0])
YES = np.array([1.0, 170.0, 42.0, 1.0, 342.0])
log_odds = np.log([0.9 / (1 - 0.9), 0.4 / (1 - 0.4)])
W = np.linalg.lstsq(np.array([NO, YES]), log_odds, rcond=None)[0]  # the shortest that answer so

page.add(symgrad.draw(regression, W, NO, level="line"), "Regression: what is summed is the answer.")
page.add(
    symgrad.draw(classification, W, NO, level="line"),
    "Classification: one more node. The derivatives before it are as they were, times one more.",
)


def bad_computer(W, X, y):
    p = 1 / (1 + np.exp(-(W @ X)))
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


blame = symgrad.compile(bad_computer, wrt="W")
page.begin("slide 15", "example")
page.prints("0.9", classification(W, NO))
for number, value in zip(("200", "52", "152"), NO[[1, 2, 4]], strict=True):
    page.prints(number, value)
value, dW_no = blame.value_and_grad(W, NO, 0.0)
assert abs(value - mpmath.log(10)) < 1e-12
np.testing.assert_allclose(dW_no, 0.9 * NO, rtol=1e-12)
page.text(
    "MaxHR = 200, Age = 52, Sex = male, Chol = 152. The weights say 0.9, so Yes; the answer is "
    f"No, y = 0. The loss is `-log(1 - 0.9) = {value:.6f}`, and its derivative by what was summed "
    "is `p - y = 0.9`: the weights are told to sum to less for this patient."
)
page.text(
    "The slides do not name the weights. Those used here are the shortest that give 0.9 and 0.4 "
    "for the two patients."
)
page.add(symgrad.table(bad_computer, W, NO, 0.0, wrt="W", level="line"))

page.begin("slide 16", "example")
page.prints("0.4", classification(W, YES))
for number, value in zip(("170", "42", "342"), YES[[1, 2, 4]], strict=True):
    page.prints(number, value)
value, dW_yes = blame.value_and_grad(W, YES, 1.0)
assert abs(value + mpmath.log(0.4)) < 1e-12
np.testing.assert_allclose(dW_yes, -0.6 * YES, rtol=1e-12)
page.text(
    "MaxHR = 170, Age = 42, Sex = male, Chol = 342. The weights say 0.4, so No; the answer is Yes, "
    f"y = 1. The loss is `-log(0.4) = {value:.6f}`, and `p - y = -0.6`: they are told to sum to "
    "more."
)
page.add(symgrad.table(bad_computer, W, YES, 1.0, wrt="W", level="line"))

page.begin("slide 17", "formula")
page.formula(r"\mathcal{L}(w_0, w_1, w_2, w_3, w_4), \qquad \mathcal{L}(w_1)")


def average(W, X, y):
    p = 1 / (1 + np.exp(-(X @ W)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


both, answers = np.array([NO, YES]), np.array([0.0, 1.0])
value, dW = symgrad.value_and_grad(average)(W, both, answers)
assert abs(value - mpmath.log(5)) < 1e-12
np.testing.assert_allclose(dW, (dW_no + dW_yes) / 2, rtol=1e-12)
page.text(
    f"The average of the two losses is {value:.6f} (log 5). How bad the weights are does not say "
    "how to change them; the gradient does. It is the average of the gradients of the two patients:"
)
page.table(
    ["weight", "of", "patient 1", "patient 2", "average"],
    [
        [f"$w_{k}$", name, *(f"{x:.4g}" for x in (dW_no[k], dW_yes[k], dW[k]))]
        for k, name in enumerate(("the intercept", "MaxHR", "Age", "Sex", "Chol"))
    ],
)
page.judge(average, "dW = X.T @ (p - y) / len(y)", "W", (W, both, answers))

# %% Slides 18 to 23: one weight
page.section("Gradient descent")
z = (MaxHR - MaxHR.mean()) / MaxHR.std()


def one_weight(w, X, y):
    p = 1 / (1 + np.exp(-w * X))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


on_one = symgrad.compile(one_weight, wrt="w")
bend = symgrad.hessian(one_weight, wrt="w")


def lowest(start=0.0):
    """Return the weight whose slope is 0, by Newton's method."""
    w = start
    for _ in range(20):
        w = w - on_one.grad(w, z, AHD) / bend(w, z, AHD)
    return w


best = lowest()
page.begin("slide 18", "formula")
page.formula(r"\frac{d\mathcal{L}(W)}{dW} = 0")
assert abs(on_one.grad(best, z, AHD)) < 1e-15
assert bend(best, z, AHD) > 0
page.text(
    "For the logistic loss of one weight on the heart data (MaxHR, standardised) there is no "
    f"explicit solution. Newton's method on symgrad's first and second derivative finds w = "
    f"{best:.6f}; there the slope is 0 to 15 digits and the second derivative is positive."
)

page.begin("slide 19", "example")
steps = []
for start in (-3.0, -1.5, best, 0.0, 1.0):
    slope_there = on_one.grad(start, z, AHD)
    where = "stay" if start == best else "right" if slope_there < 0 else "left"
    assert where == ("right" if start < best else "left" if start > best else "stay")
    after = start - 0.5 * slope_there
    assert start == best or on_one(after, z, AHD) < on_one(start, z, AHD)
    shown = "0" if start == best else f"{slope_there:+.4f}"
    steps.append([f"{start:.4g}", shown, where, f"{after:.4g}"])
page.table(["w", "slope", "go", "w after a step of half the slope"], steps)
page.text(
    "Start from any point, take the slope, go right if it is negative and left if it is positive, "
    "repeat. The step is proportional to the slope, so it shrinks near the minimum. Each step in "
    "the table lowers the loss."
)

page.begin("slide 22", "formula")
page.formula(r"w_{\text{new}} = w_{\text{old}} + \text{step}")
page.formula(r"w_{\text{new}} = w_{\text{old}} - \lambda \frac{d\mathcal{L}}{dw}")
page.formula(r"w^{(i+1)} = w^{(i)} - \lambda \frac{d\mathcal{L}}{dw}")


def descend(start, rate, steps, slope_at):
    """Return the weights that gradient descent passes through."""
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - rate * slope_at(path[-1]))
    return np.array(path)


first, second = descend(1.0, 0.5, 1, lambda w: on_one.grad(w, z, AHD))
assert second == 1.0 - 0.5 * on_one.grad(1.0, z, AHD)
page.text(
    f"From w = 1 with the rate 0.5 the first step leads to {second:.4f}, and the loss falls from "
    f"{on_one(first, z, AHD):.4f} to {on_one(second, z, AHD):.4f}."
)

page.begin("slide 23", "figure")


def signs_of_the_slope():
    figure, axes = curves("w", "L")
    w = np.linspace(-4, 2.4, 300)
    axes.plot(w, [on_one(at, z, AHD) for at in w])
    for at, sign in ((-3.2, "−"), (1.6, "+")):
        value, slope_there = on_one.value_and_grad(at, z, AHD)
        assert (slope_there < 0) == (sign == "−")
        axes.plot([at - 0.6, at + 0.6], [value - 0.6 * slope_there, value + 0.6 * slope_there])
        axes.annotate(sign, (at, value), (at, value + 0.15), size=16, ha="center")
    axes.plot([best], [on_one(best, z, AHD)], "o", color="C3")
    return figure


page.figure(
    plotted(
        signs_of_the_slope(),
        "The loss over one weight: the tangent left of the minimum falls, right of it it rises",
    ),
    "The logistic loss of the heart data over one weight: L decreases against the derivative.",
)
page.begin("slide 23", "formula")
page.formula(r"w^{(i+1)} = w^{(i)} - \lambda \frac{d\mathcal{L}}{dw}")
path = descend(2.0, 2.0, 60, lambda w: on_one.grad(w, z, AHD))
losses = [on_one(w, z, AHD) for w in path]
assert np.all(np.diff(losses) < 1e-15)
assert abs(path[-1] - best) < 1e-6
page.text(
    "Sixty steps from w = 2 with the rate 2 never raise the loss, and end within 1e-6 of the "
    "weight that slide 18 asks for."
)

# %% Slide 27: linear regression
page.section("Derivatives")
page.begin("slide 27", "formula")
page.formula(r"f = \sum_i (y_i - \beta_0 - \beta_1 x_i)^2")
page.formula(
    r"\frac{df}{d\beta_0} = 0 \Rightarrow 2\sum_i (y_i - \beta_0 - \beta_1 x_i) = 0 \Rightarrow "
    r"\sum_i y_i - \beta_0 n - \beta_1 \sum_i x_i = 0 \Rightarrow \beta_0 = \bar y - \beta_1 \bar x"
)
page.formula(
    r"\frac{df}{d\beta_1} = 0 \Rightarrow 2\sum_i (y_i - \beta_0 - \beta_1 x_i)(-x_i) = 0 "
    r"\Rightarrow -\sum_i x_i y_i + \beta_0 \sum_i x_i + \beta_1 \sum_i x_i^2 = 0"
)
page.formula(
    r"-\sum_i x_i y_i + (\bar y - \beta_1 \bar x)\sum_i x_i + \beta_1 \sum_i x_i^2 = 0 \Rightarrow "
    r"\beta_1 \left(\sum_i x_i^2 - n \bar x^2\right) = \sum_i x_i y_i - n \bar x \bar y"
)
page.formula(
    r"\beta_1 = \frac{\sum_i x_i y_i - n \bar x \bar y}{\sum_i x_i^2 - n \bar x^2}"
    r" = \frac{\sum_i (x_i - \bar x)(y_i - \bar y)}{\sum_i (x_i - \bar x)^2}"
)


def squares(beta_0, beta_1, x, y):
    return np.sum((y - beta_0 - beta_1 * x) ** 2)


line = (0.5, -1.5, np.array([0.0, 1.0, 2.0, 4.0]), np.array([1.0, 0.5, -1.0, 2.0]))
page.text("The judge: the derivative by b1 is right; that by b0 lacks its inner derivative, -1.")
page.judge(
    squares, r"\frac{df}{d\beta_1} = 2\sum_i (y_i - \beta_0 - \beta_1 x_i)(-x_i)", "beta_1", line
)
page.judge(
    squares,
    r"\frac{df}{d\beta_0} = 2\sum_i (y_i - \beta_0 - \beta_1 x_i)",
    "beta_0", line, right=False,
)  # fmt: skip
page.judge(squares, r"\frac{df}{d\beta_0} = -2\sum_i (y_i - \beta_0 - \beta_1 x_i)", "beta_0", line)
page.judge(
    squares,
    r"\frac{df}{d\beta_1} = 2(-\sum_i x_i y_i + \beta_0 \sum_i x_i + \beta_1 \sum_i x_i^2)",
    "beta_1", line,
)  # fmt: skip
page.slip(
    "df/db0 = 2 sum(y - b0 - b1 x)",
    "The sign is wrong, which changes nothing where the derivative is set to 0.",
    "df/db0 = -2 sum(y - b0 - b1 x)",
)


def squares_near_the_solution(t0, t1, x, y):
    """The loss at the slide's b0 and b1, moved by t0 and t1."""
    b1 = np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2)
    b0 = y.mean() - b1 * x.mean()
    return np.sum((y - (b0 + t0) - (b1 + t1) * x) ** 2)


page.text(
    "That b0 and b1 make the derivative 0 is a statement for the judge as well. Move them by t0 "
    "and t1; the derivative by either is then a sum with a factor t0 or t1 in each term, and no "
    "other, whatever the data are: at t0 = t1 = 0 it is 0."
)
page.judge(
    squares_near_the_solution,
    "dt0 = 2 * (len(x) * t0 + t1 * np.sum(x))\ndt1 = 2 * (t0 * np.sum(x) + t1 * np.sum(x**2))",
    ("t0", "t1"), (0.7, -0.2, *line[2:]),
)  # fmt: skip
X, Y = MaxHR, np.array([float(row["Age"]) for row in complete])
b1 = np.sum((X - X.mean()) * (Y - Y.mean())) / np.sum((X - X.mean()) ** 2)
b0 = Y.mean() - b1 * X.mean()
assert np.isclose(
    b1, (X @ Y - 297 * X.mean() * Y.mean()) / (X @ X - 297 * X.mean() ** 2), rtol=1e-11
)
np.testing.assert_allclose((b1, b0), np.polyfit(X, Y, 1), rtol=1e-10)
page.text(
    f"On the heart data, Age on MaxHR: b0 = {b0:.4f}, b1 = {b1:.5f} by both printed forms of b1, "
    "as NumPy's polyfit finds them."
)

# %% Slide 29: the chain rule
page.begin("slide 29", "formula")
page.formula(
    r"y = g(x), \quad z = f(y) = f(g(x)): \qquad "
    r"\frac{\partial z}{\partial x} = \frac{\partial z}{\partial y} \frac{\partial y}{\partial x}"
)
page.formula(
    r"\mathbf{y} = g(\mathbf{x}), \quad z = f(\mathbf{y}): \qquad \frac{\partial z}{\partial x_i}"
    r" = \sum_j \frac{\partial z}{\partial y_j} \frac{\partial y_j}{\partial x_i}"
)
page.formula(
    r"\frac{\partial z}{\partial x_i} = \sum_{j_1} \dots \sum_{j_m}"
    r"\frac{\partial z}{\partial y_{j_1}} \dots \frac{\partial y_{j_m}}{\partial x_i}"
)


def two_paths(x1, x2):
    y1 = x1 * x2
    y2 = np.sin(x1)
    z = y1 * y2
    return z


def paths(found, node):
    """Return, for each path from a node to the output, the local derivatives along it."""
    if node == found.output:
        return [[]]
    return [
        [edge.local, *rest] for edge in found.edges_from[node] for rest in paths(found, edge.target)
    ]


found = circuit(two_paths, (0.7, 2.0))
for k in found.wrt:
    total = sum(np.prod(factors) for factors in paths(found, k))
    assert np.isclose(total, found.nodes[k].upstream, rtol=1e-15)
assert [len(paths(found, k)) for k in found.wrt] == [2, 1]
page.add(
    symgrad.draw(two_paths, 0.7, 2.0, edges="local"),
    "Two paths lead from x1 to z: multiply along each, sum over both. The local derivatives stand "
    "on the edges.",
)

# %% Slides 30 to 32: both halves of the logistic loss
page.begin("slide 30", "formula")
page.formula(
    r"\mathcal{L} = \sum_i \mathcal{L}_i = -\sum_i \log L_i"
    r" = -\sum_i \left[ y_i \log p_i + (1-y_i) \log(1-p_i) \right]"
)
page.formula(
    r"\mathcal{L}_i = -y_i \log \frac{1}{1+e^{-W^T X}}"
    r" - (1-y_i) \log\left(1 - \frac{1}{1+e^{-W^T X}}\right) = \mathcal{L}_i^A + \mathcal{L}_i^B"
)
page.formula(
    r"\frac{\partial \mathcal{L}}{\partial W} = \sum_i \frac{\partial \mathcal{L}_i}{\partial W}"
    r" = \sum_i \left( \frac{\partial \mathcal{L}_i^A}{\partial W}"
    r" + \frac{\partial \mathcal{L}_i^B}{\partial W} \right)"
)


def first_half(W, X, y):
    xi1 = -W * X
    xi2 = np.exp(xi1)
    xi3 = 1 + xi2
    xi4 = 1 / xi3
    xi5 = np.log(xi4)
    return -y * xi5


def second_half(W, X, y):
    xi1 = -W * X
    xi2 = np.exp(xi1)
    xi3 = 1 + xi2
    xi4 = 1 / xi3
    xi5 = 1 - xi4
    xi6 = np.log(xi5)
    return -(1 - y) * xi6


def whole(W, X, y):
    p = 1 / (1 + np.exp(-W * X))
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


dA, dB, dL = (symgrad.grad(half, wrt="W") for half in (first_half, second_half, whole))
for at in [(3.0, 3.0, 1.0), (3.0, 3.0, 0.0), (-0.5, 2.0, 1.0), (0.3, -1.0, 0.0)]:
    assert np.isclose(dA(*at) + dB(*at), dL(*at), rtol=1e-12)
page.text(
    "The derivatives of the halves sum to that of the whole, at X = 3, W = 3 and elsewhere, for "
    "y = 1 and for y = 0."
)


class Printed(NamedTuple):
    """A row of a table: what is printed, what its last formula says in Python, and its gate."""

    variable: str
    derivative: str
    in_X_and_W: str
    value: Callable
    gate: Callable


E = "e^{-W^T X}"
ROWS = [
    Printed(
        r"\xi_1 = -W^T X", r"\frac{\partial \xi_1}{\partial W} = -X", "-X",
        lambda W, X, y: -X, lambda W, X: -W * X,
    ),
    Printed(
        rf"\xi_2 = e^{{\xi_1}} = {E}", r"\frac{\partial \xi_2}{\partial \xi_1} = e^{\xi_1}", E,
        lambda W, X, y: np.exp(-W * X), lambda xi_1: np.exp(xi_1),
    ),
    Printed(
        rf"\xi_3 = 1 + \xi_2 = 1 + {E}", r"\frac{\partial \xi_3}{\partial \xi_2} = 1", "1",
        lambda W, X, y: 1.0, lambda xi_2: 1 + xi_2,
    ),
    Printed(
        rf"\xi_4 = \frac{{1}}{{\xi_3}} = \frac{{1}}{{1+{E}}} = p",
        r"\frac{\partial \xi_4}{\partial \xi_3} = -\frac{1}{\xi_3}",
        rf"-\frac{{1}}{{(1+{E})^2}}",
        lambda W, X, y: -1 / (1 + np.exp(-W * X)) ** 2, lambda xi_3: 1 / xi_3,
    ),
]  # fmt: skip
FIRST = [
    *ROWS,
    Printed(
        rf"\xi_5 = \log \xi_4 = \log p = \log \frac{{1}}{{1+{E}}}",
        r"\frac{\partial \xi_5}{\partial \xi_4} = \frac{1}{\xi_4}", rf"1+{E}",
        lambda W, X, y: 1 + np.exp(-W * X), lambda xi_4: np.log(xi_4),
    ),
    Printed(
        r"\mathcal{L}_i^A = -y \xi_5", r"\frac{\partial \mathcal{L}}{\partial \xi_5} = -y", "-y",
        lambda W, X, y: -y, lambda xi_5, y: -y * xi_5,
    ),
]  # fmt: skip
SECOND = [
    *ROWS,
    Printed(
        rf"\xi_5 = 1 - \xi_4 = 1 - \frac{{1}}{{1+{E}}}",
        r"\frac{\partial \xi_5}{\partial \xi_4} = -1", "-1",
        lambda W, X, y: -1.0, lambda xi_4: 1 - xi_4,
    ),
    Printed(
        rf"\xi_6 = \log \xi_5 = \log(1-p) = \log \frac{{1}}{{1+{E}}}",
        r"\frac{\partial \xi_6}{\partial \xi_5} = \frac{1}{\xi_5}", rf"\frac{{1+{E}}}{{{E}}}",
        lambda W, X, y: (1 + np.exp(-W * X)) / np.exp(-W * X), lambda xi_5: np.log(xi_5),
    ),
    Printed(
        r"\mathcal{L}_i^B = (1-y) \xi_6",
        r"\frac{\partial \mathcal{L}}{\partial \xi_6} = 1-y", "1-y",
        lambda W, X, y: 1 - y, lambda xi_6, y: -(1 - y) * xi_6,
    ),
]  # fmt: skip


def chain(half, *at):
    """Return the nodes of a half from xi1 to the loss, and the local derivative at each."""
    found = circuit(half, at, wrt="W", level="line")
    edges = [found.edges_from[found.wrt[0]][0]]
    while edges[-1].target != found.output:
        edges.append(found.edges_from[edges[-1].target][0])
    return [found.nodes[edge.target] for edge in edges], [float(edge.local) for edge in edges]


def wrong_rows(half, rows):
    """Return the numbers of the rows whose derivative in X and W is not the local one."""
    wrong = set()
    for at in [(3.0, 3.0, 1.0), (0.4, -1.3, 0.2), (-0.6, 2.0, 0.0)]:
        _, locals_ = chain(half, *at)
        printed = [row.value(*at) for row in rows]
        same = np.isclose(printed, locals_, rtol=1e-13)
        wrong |= set(np.flatnonzero(~same) + 1)
    return wrong


def in_symbols(rows, wrong):
    """Show a table in symbols, with the judge's verdict on each local derivative."""
    cells = []
    for k, row in enumerate(rows, 1):
        arguments = (0.3, 0.7)[: len(inspect.signature(row.gate).parameters)]
        verdict = symgrad.compare(row.gate, row.derivative, 0, arguments)
        assert bool(verdict) == (k not in wrong)
        said = "✓" if verdict else f"✗ {verdict.mistake}: `{verdict.correction}`"
        cells.append([*(f"${tex}$" for tex in row[:3]), said])
    page.table(
        ["Variables", "Partial derivatives", "Partial derivatives in X, W", "the judge"],
        cells,
        "As printed, and the judge on the partial derivatives.",
    )


page.begin("slide 31", "table")
page.formula(r"\mathcal{L}_i^A = -y_i \log \frac{1}{1+e^{-W^T X}}")
in_symbols(FIRST, {4})
assert not wrong_rows(first_half, FIRST)
page.text(
    "The column in X and W is symgrad's local derivative in every row, at three points. The same "
    "table as symgrad makes it from the function:"
)
page.code(inspect.getsource(first_half))
page.add(symgrad.table(first_half, 3.0, 3.0, 1.0, wrt="W", level="line", notation="partial"))
page.slip(
    "dxi4/dxi3 = -1/xi3",
    "The square is missing in the text of the slides, here and in each table that repeats the row.",
    "dxi4/dxi3 = -1/xi3**2",
)

page.begin("slide 31", "formula")
page.formula(
    r"\frac{\partial \mathcal{L}_i^A}{\partial W} = \frac{\partial \mathcal{L}_i}{\partial \xi_5}"
    r"\frac{\partial \xi_5}{\partial \xi_4} \frac{\partial \xi_4}{\partial \xi_3}"
    r"\frac{\partial \xi_3}{\partial \xi_2} \frac{\partial \xi_2}{\partial \xi_1}"
    r"\frac{\partial \xi_1}{\partial W} = -y X e^{-W^T X} \frac{1}{1+e^{-W^T X}}"
)
page.judge(
    first_half,
    r"\frac{\partial \mathcal{L}}{\partial W} = -y X e^{-W^T X} \frac{1}{1+e^{-W^T X}}",
    "W", (3.0, 3.0, 1.0),
)  # fmt: skip

page.begin("slide 32", "table")
page.formula(r"\mathcal{L}_i^B = -(1-y_i) \log\left[1 - \frac{1}{1+e^{-W^T X}}\right]")
in_symbols(SECOND, {4, 7})
assert wrong_rows(second_half, SECOND) == {7}
page.slip(
    "L_B = (1 - y) xi6, dL/dxi6 = 1 - y",
    "The last row lacks the minus of the header, in value and derivative. So the product of the "
    "rows as printed has the wrong sign; the result printed under the table has the right one.",
    "L_B = -(1 - y) xi6, dL/dxi6 = -(1 - y)",
)
page.slip(
    "xi6 = log(1 - p) = log(1/(1 + exp(-W'X)))",
    "The last form is log p, that of the first half; the derivative printed beside it is right.",
    "xi6 = log(1 - p) = log(exp(-W'X)/(1 + exp(-W'X)))",
)
page.code(inspect.getsource(second_half))
page.add(symgrad.table(second_half, 3.0, 3.0, 0.0, wrt="W", level="line", notation="partial"))

page.begin("slide 32", "formula")
page.formula(
    r"\frac{\partial \mathcal{L}_i^B}{\partial W} = \frac{\partial \mathcal{L}_i^B}{\partial \xi_6}"
    r"\frac{\partial \xi_6}{\partial \xi_5} \frac{\partial \xi_5}{\partial \xi_4}"
    r"\frac{\partial \xi_4}{\partial \xi_3} \frac{\partial \xi_3}{\partial \xi_2}"
    r"\frac{\partial \xi_2}{\partial \xi_1} \frac{\partial \xi_1}{\partial W}"
    r" = (1-y) X \frac{1}{1+e^{-W^T X}}"
)
page.judge(
    second_half,
    r"\frac{\partial \mathcal{L}}{\partial W} = (1-y) X \frac{1}{1+e^{-W^T X}}",
    "W", (3.0, 3.0, 0.0),
)  # fmt: skip
page.text("The product of the rows as printed:")
ROWS_OF_SLIDE_32 = """
dxi6 = 1 - y
dxi5 = dxi6 / xi5
dxi4 = dxi5 * -1
dxi3 = dxi4 * (-1 / xi3**2)
dxi2 = dxi3 * 1
dxi1 = dxi2 * np.exp(xi1)
dW = dxi1 * -X
"""
page.judge(second_half, ROWS_OF_SLIDE_32, "W", (3.0, 3.0, 0.0), right=False)
page.judge(
    second_half, ROWS_OF_SLIDE_32.replace("dxi6 = 1 - y", "dxi6 = -(1 - y)"), "W", (3.0, 3.0, 0.0)
)

# %% Slides 33 to 37: learning rates and starting points
page.section("Learning rate, local minima, large data")
page.begin("slide 33", "figure")
RATES = (0.3, 4.0, 18.0)


def three_rates():
    figure = Figure(figsize=(10, 3.2))
    w = np.linspace(-7, 5, 300)
    curve = [on_one(at, z, AHD) for at in w]
    for k, rate in enumerate(RATES, 1):
        axes = figure.add_subplot(1, 3, k, xlabel="w", ylabel="L", title=f"λ = {rate:g}")
        axes.plot(w, curve)
        path = descend(4.0, rate, 8, lambda w: on_one.grad(w, z, AHD))
        axes.plot(path, [on_one(at, z, AHD) for at in path], "o-", markersize=4, linewidth=1)
    return figure


ends = [descend(4.0, rate, 8, lambda w: on_one.grad(w, z, AHD)) for rate in RATES]
page.figure(
    plotted(three_rates(), "Eight steps of descent on one weight at three learning rates"),
    "Eight steps from w = 4 on the logistic loss of the heart data: too small a rate creeps, a "
    "good one arrives, too large a one jumps to and fro across the minimum.",
)
off = [abs(path[-1] - best) for path in ends]
assert off[1] < 0.01 < off[0]
assert off[2] > 1 and np.any(np.diff(np.sign(ends[2] - best)) != 0)
page.text(
    f"After eight steps they are {off[0]:.3f}, {off[1]:.4f} and {off[2]:.3f} off the minimum."
)


def valley(theta):
    return (theta**2 - 1) ** 2 + 0.3 * theta


into = symgrad.grad(valley)


def one_start(start, alt):
    figure, axes = curves("θ", "L")
    theta = np.linspace(-1.6, 1.6, 300)
    axes.plot(theta, valley(theta))
    path = descend(start, 0.05, 60, into)
    axes.plot(path, valley(path), "o-", markersize=4, linewidth=1)
    axes.plot(path[:1], valley(path[:1]), "o", color="C2", label="start")
    axes.plot(path[-1:], valley(path[-1:]), "o", color="C3", label="end")
    axes.legend()
    return plotted(figure, alt), path[-1]


minima = sorted(float(r.real) for r in np.roots([4, 0, -4, 0.3]))
assert valley(minima[0]) < valley(minima[2])
page.begin("slide 36", "figure")
picture, end = one_start(1.5, "Descent from the right ends in the shallower valley")
assert abs(end - minima[2]) < 1e-6
page.figure(
    picture,
    f"L = (θ² − 1)² + 0.3 θ: from 1.5 descent ends at {end:.4f}, where L = {valley(end):.4f}: the "
    "local minimum. The slides name only the axes, L and θ; this is a curve with two minima.",
)
page.begin("slide 37", "figure")
picture, end = one_start(-0.2, "Descent from left of the hill ends in the deeper valley")
assert abs(end - minima[0]) < 1e-6
page.figure(
    picture, f"From -0.2 it ends at {end:.4f}, where L = {valley(end):.4f}: the global minimum."
)

# %% Slides 40 to 49: batches
page.begin("slide 40", "formula")
page.formula(r"\mathcal{L} = -\sum_i \left[ y_i \log p_i + (1-y_i) \log(1-p_i) \right]")
page.formula(r"\mathcal{L}^k = -\sum_{i \in b_k} \left[ y_i \log p_i + (1-y_i) \log(1-p_i) \right]")
order = np.random.default_rng(109).permutation(297)
batches = order.reshape(9, 33)
for w in (-1.0, 0.0, 2.0):
    parts = [on_one.grad(w, z[b], AHD[b]) for b in batches]
    assert np.isclose(np.mean(parts), on_one.grad(w, z, AHD), rtol=1e-12)
page.text(
    "The 297 patients in nine batches of 33: the batch losses sum to the full loss, and their "
    "derivatives to its derivative. The pictures show both losses per patient, so that they can be "
    "compared; each step is on the loss of its own batch. The slides' pictures name the curves and "
    "the axes only."
)


def batch_step(k, w, after):
    figure, axes = curves("θ", "L", 4.4, 2.7)
    at = np.linspace(-2.2, 2.2, 150)
    b = batches[k]
    axes.plot(at, [on_one(x, z, AHD) for x in at], label="full")
    axes.plot(at, [on_one(x, z[b], AHD[b]) for x in at], "--", label="batch")
    axes.plot(
        [w, after], [on_one(x, z[b], AHD[b]) for x in (w, after)], "o-", color="C3", markersize=4
    )
    axes.set_ylim(0.4, 2.0)
    axes.legend(loc="upper center")
    return plotted(figure, f"Step {k + 1}: full loss, loss of batch {k + 1}, and the step on it")


w = 2.0
for k, b in enumerate(batches):
    value, slope_there = on_one.value_and_grad(w, z[b], AHD[b])
    after = w - 2.0 * slope_there
    assert on_one(after, z[b], AHD[b]) < value
    page.begin(f"slide {41 + k}", "figure")
    page.figure(
        batch_step(k, w, after),
        f"Batch {k + 1}: θ from {w:.3f} to {after:.3f}; the full loss goes from "
        f"{on_one(w, z, AHD):.4f} to {on_one(after, z, AHD):.4f}.",
    )
    w = after
assert abs(w - best) < 0.2

# %% Slides 51 to 59: neurons
page.section("Artificial neural networks")


def one_patient(beta_0, beta_1, X, y):
    h = beta_0 + beta_1 * X
    p = 1 / (1 + np.exp(-h))
    L = -y * np.log(p) - (1 - y) * np.log(1 - p)
    return L


def all_patients(b0, b1, X, y):
    h = b0 + b1 * X
    p = 1 / (1 + np.exp(-h))
    L = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))
    return L


def fit(start=(0.0, 0.0), steps=12):
    """Return b0 and b1 of the heart data, MaxHR standardised, by Newton's method."""
    b = np.array(start)
    step = symgrad.compile(all_patients, wrt=("b0", "b1"))
    bends = symgrad.hessian(all_patients, wrt=("b0", "b1"))
    for _ in range(steps):
        b = b - np.linalg.solve(np.array(bends(*b, z, AHD)), step.grad(*b, z, AHD))
    return b


b0, b1 = fit()
EARLY = (0.2, -0.5)  # on the way there
page.begin("slide 51", "figure")
page.add(
    symgrad.draw(one_patient, *EARLY, z[0], AHD[0], level="layer"),
    "One patient: affine, activation, loss, with the numbers of the first patient.",
)
page.add(
    symgrad.draw(all_patients, *EARLY, z, AHD, level="layer"),
    "All patients: the same nodes, with arrays of 297.",
)
page.begin("slide 51", "formula")
page.formula(
    r"h_i = \beta_0 + \beta_1 x_i, \qquad p_i = \frac{1}{1+e^{-h_i}}, \qquad "
    r"\mathcal{L}_i(\beta) = -y_i \ln p_i - (1-y_i) \ln(1-p_i), \qquad "
    r"\mathcal{L}(\beta) = \sum_i^n \mathcal{L}_i(\beta)"
)
each = [one_patient(b0, b1, *patient) for patient in zip(z, AHD, strict=True)]
assert np.isclose(sum(each), all_patients(b0, b1, z, AHD), rtol=1e-12)
page.judge(
    one_patient,
    "dp = -y / p + (1 - y) / (1 - p)\ndh = dp * p * (1 - p)\ndbeta_0 = dh\ndbeta_1 = dh * X",
    ("beta_0", "beta_1"), (0.3, -0.7, 1.2, 1.0),
)  # fmt: skip
page.slip(
    "p_i = 1 / (1 + exp(-h_k)) in the row of patient k",
    "The activation of patient k is called p_i.",
    "p_k = 1 / (1 + exp(-h_k))",
)

page.begin("slide 52", "figure")


def with_ones(beta, X, y):
    h = X @ beta
    p = 1 / (1 + np.exp(-h))
    L = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))
    return L


ones = np.stack([np.ones(297), z], axis=1)
value, (db0, db1) = symgrad.value_and_grad(all_patients, wrt=("b0", "b1"))(*EARLY, z, AHD)
other, dbeta = symgrad.value_and_grad(with_ones)(np.array(EARLY), ones, AHD)
assert np.isclose(value, other, rtol=1e-13)
np.testing.assert_allclose(dbeta, (db0, db1), rtol=1e-12)
page.add(symgrad.draw(all_patients, *EARLY, z, AHD, level="line"), "h = b0 + b1 X")
page.add(symgrad.draw(with_ones, np.array(EARLY), ones, AHD, level="line"), "h = b'X")


def with_weights(W, X, y):
    h = X @ W
    y_hat = 1 / (1 + np.exp(-h))
    L = -np.sum(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat))
    return L


page.add(symgrad.draw(with_weights, np.array(EARLY), ones, AHD, level="line"), "h = W'X")
page.text(
    "A column of ones in X makes b0 a weight like the others; the values and the derivatives are "
    "the same. The slide calls the activation of the third network y, the name of the answer that "
    "the loss compares it with; here it is `y_hat`."
)


page.begin("slide 53", "figure")
page.add(
    symgrad.draw(classification, np.array(EARLY), ones[0], level="layer"),
    "One neuron: affine and activation between X and Y.",
)

page.begin("slide 55", "figure")


def heart_and(lines):
    figure, axes = curves("X: MaxHR", "Y: AHD")
    shift = np.random.default_rng(0).uniform(-0.03, 0.03, 297)
    axes.plot(MaxHR, AHD + shift, ".", color="0.5", markersize=3)
    beats = np.linspace(MaxHR.min(), MaxHR.max(), 200)
    for label, W in lines:
        axes.plot(beats, logistic(*W, (beats - MaxHR.mean()) / MaxHR.std()), label=label)
    axes.legend()
    return figure


page.figure(
    plotted(heart_and([("Y", (b0, b1))]), "AHD over MaxHR, and the S-curve that fits best"),
    "One neuron on the heart data as they are: its centre is at "
    f"{MaxHR.mean() - MaxHR.std() * b0 / b1:.1f} beats a minute, its slope there "
    f"{b1 / 4 / MaxHR.std():.5f}.",
)
grads = symgrad.grad(all_patients, wrt=("b0", "b1"))(b0, b1, z, AHD)
assert np.abs(grads).max() < 1e-12

page.begin("slide 56", "figure")
W1, W2 = np.array([2.0, 2.5]), np.array([2.0, -2.5])
page.figure(
    plotted(
        heart_and([("Y'", W1), ("Y", W2)]),
        "Two S-curves, one rising and one falling, over the data",
    ),
    "Two neurons see the same X; one rises, one falls. The weights are chosen to show it.",
)

page.begin("slide 57", "figure")


def sum_of_two():
    figure, axes = curves("X", "")
    x = np.linspace(-4, 4, 300)
    h1, h2 = logistic(*W1, x), logistic(*W2, x)
    axes.plot(x, h1, "--", label="h₁")
    axes.plot(x, h2, "--", label="h₂")
    axes.plot(x, h1 + h2, label="h₁ + h₂")
    axes.legend()
    return figure


low, peak, end = (logistic(*W1, x) + logistic(*W2, x) for x in (-4.0, 0.0, 4.0))
assert peak > 1.7 > 1.01 > max(low, end)
page.figure(
    plotted(sum_of_two(), "Two S-curves and their sum, which is highest in the middle"),
    "No single S-curve rises and falls again; h1 + h2 does.",
)


def two_neurons(W1, W2, W3, x, y):
    h1 = 1 / (1 + np.exp(-(W1 @ x)))
    h2 = 1 / (1 + np.exp(-(W2 @ x)))
    q = W3 @ np.array([1.0, h1, h2])
    p = 1 / (1 + np.exp(-q))
    L = -y * np.log(p) - (1 - y) * np.log(1 - p)
    return L


W3 = np.array([-6.0, 4.0, 4.0])
NETWORK = (W1, W2, W3, np.array([1.0, 0.5]), 1.0)
WEIGHTS = ("W1", "W2", "W3")

page.begin("slide 58", "figure")
page.add(
    symgrad.draw(two_neurons, *NETWORK, wrt=WEIGHTS, level="line", width=WIDE),
    "h1 and h2 are what the third neuron sums.",
)
page.begin("slide 58", "formula")
page.formula(r"q = W_{31} h_1 + W_{32} h_2 + W_{30}")
page.judge(
    two_neurons,
    "dq = p - y\ndW3 = dq * np.array([1, h1, h2])",
    "W3", NETWORK,
)  # fmt: skip

page.begin("slide 59", "formula")
page.formula(r"p = \frac{1}{1+e^{-q}}, \qquad L = -y \ln p - (1-y) \ln(1-p)")
page.text(
    "W1, W2 and W3 are to be learned. All three gradients, derived by hand and judged, and as "
    "symgrad measures them against finite differences:"
)
page.judge(
    two_neurons,
    "dq = p - y\n"
    "dh1 = dq * W3[1]\n"
    "dh2 = dq * W3[2]\n"
    "dW1 = dh1 * h1 * (1 - h1) * x\n"
    "dW2 = dh2 * h2 * (1 - h2) * x\n"
    "dW3 = dq * np.array([1, h1, h2])",
    WEIGHTS, NETWORK,
)  # fmt: skip
checked = symgrad.check(two_neurons, *NETWORK, wrt=WEIGHTS)
assert checked
page.add(checked)

# %% Slides 61 to 64: backpropagation
page.section("Backpropagation")
page.begin("slide 61", "formula")
page.formula(
    r"\frac{\partial p}{\partial h} = \sigma(h)(1-\sigma(h)), \qquad "
    r"\frac{\partial \mathcal{L}}{\partial p} = -y\frac{1}{p} - (1-y)\frac{1}{1-p}, \qquad "
    r"\frac{\partial h}{\partial \beta_1} = X, \quad \frac{d\mathcal{L}}{d\beta_0} = 1"
)
page.formula(
    r"\frac{\partial \mathcal{L}}{\partial \beta_1} = -X \sigma(h)(1-\sigma(h))"
    r"\left[ y\frac{1}{p} + (1-y)\frac{1}{1-p} \right], \qquad "
    r"\frac{\partial \mathcal{L}}{\partial \beta_0} = -\sigma(h)(1-\sigma(h))"
    r"\left[ y\frac{1}{p} + (1-y)\frac{1}{1-p} \right]"
)


def of_p(p, y):
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


def of_h(h):
    p = 1 / (1 + np.exp(-h))
    return p


def affine(beta_0, beta_1, X):
    h = beta_0 + beta_1 * X
    return h


PATIENT = (0.3, -0.7, 1.2, 0.0)
SLOPE = r"\sigma(h)(1-\sigma(h))"
BRACKET = r"\left[ y\frac{1}{p} %s (1-y)\frac{1}{1-p} \right]"
DP = r"\frac{\partial \mathcal{L}}{\partial p} = -y\frac{1}{p} %s (1-y)\frac{1}{1-p}"
DB0 = rf"\frac{{\partial \mathcal{{L}}}}{{\partial \beta_0}} = -{SLOPE} {BRACKET}"
DB1 = rf"\frac{{\partial \mathcal{{L}}}}{{\partial \beta_1}} = -X {SLOPE} {BRACKET}"
page.judge(of_h, rf"\frac{{\partial p}}{{\partial h}} = {SLOPE}", "h", (0.4,))
page.judge(of_p, DP % "-", "p", (0.4, 0.0), right=False)
page.slip(
    "dL/dp = -y/p - (1-y)/(1-p)",
    "log(1 - p) has the inner derivative -1, which turns the second sign. At y = 1 nobody sees it.",
    "dL/dp = -y/p + (1-y)/(1-p)",
)
page.judge(of_p, DP % "+", "p", (0.4, 0.0))
page.judge(affine, r"\frac{\partial h}{\partial \beta_1} = X", "beta_1", PATIENT[:3])
page.judge(one_patient, r"\frac{d \mathcal{L}}{d \beta_0} = 1", "beta_0", PATIENT, right=False)
page.slip("dL/db0 = 1", "It is the affine part, h, whose derivative by b0 is 1.", "dh/db0 = 1")
page.judge(affine, r"\frac{\partial h}{\partial \beta_0} = 1", "beta_0", PATIENT[:3])
for name, formula in (("beta_1", DB1), ("beta_0", DB0)):
    page.judge(one_patient, formula % "+", name, PATIENT, right=False)
page.slip(
    "dL/db1 = -X s(h) (1 - s(h)) [y/p + (1-y)/(1-p)], and so for b0",
    "The bracket carries the wrong sign on. Right, it shortens to what programs compute.",
    "[y/p - (1-y)/(1-p)], so dL/db1 = X (p - y) and dL/db0 = p - y",
)
for name, formula in (("beta_1", DB1), ("beta_0", DB0)):
    page.judge(one_patient, formula % "-", name, PATIENT)
page.judge(one_patient, "dbeta_0 = p - y\ndbeta_1 = X * (p - y)", ("beta_0", "beta_1"), PATIENT)

page.begin("slide 62", "figure")
page.add(
    symgrad.draw(two_neurons, *NETWORK, wrt=WEIGHTS, level="line", width=WIDE),
    "W1, W2, W3 between X and Y.",
)
train = symgrad.compile(two_neurons, wrt=WEIGHTS)
before, grads = train.value_and_grad(*NETWORK)
stepped = [W - 0.1 * dW for W, dW in zip(NETWORK, grads, strict=False)]
assert train(*stepped, *NETWORK[3:]) < before
page.text(
    "A function that takes X, y and the weights and returns the derivatives: this one, which is "
    "all that descent needs."
)
page.folded("The module that symgrad writes for it", train.source)

page.begin("slide 63", "figure")


def changed(W1, W2, W3, W4, W5, x, y):
    h1 = 1 / (1 + np.exp(-(W1 @ x)))
    h2 = 1 / (1 + np.exp(-(W2 @ x)))
    h3 = 1 / (1 + np.exp(-(W3 @ np.array([1.0, h1, h2]))))
    h4 = 1 / (1 + np.exp(-(W4 @ np.array([1.0, h1, h2]))))
    q = W5 @ np.array([1.0, h3, h4])
    p = 1 / (1 + np.exp(-q))
    L = -y * np.log(p) - (1 - y) * np.log(1 - p)
    return L


W4, W5 = np.array([1.0, -2.0, 0.5]), np.array([-1.0, 3.0, -2.0])
CHANGED = (W1, W2, W3, W4, W5, *NETWORK[3:])
MORE = (*WEIGHTS, "W4", "W5")
page.add(
    symgrad.draw(changed, *CHANGED, wrt=MORE, level="line", width=WIDE),
    "The network with W4 and W5.",
)
page.text(
    "The slide's text names W4 and W5, not their place. Here W4 stands beside W3, and W5 weighs "
    "what both say. The old function of derivatives is of no use; symgrad makes the new one from "
    "the changed lines:"
)
page.add(symgrad.diff((two_neurons, NETWORK), (changed, CHANGED)))
checked = symgrad.check(changed, *CHANGED, wrt=MORE)
assert checked
page.add(checked)

# %% Slides 65, 66, 71, 72: the tables in numbers
FORWARD = [  # value, local derivative, dxi_n/dW
    ("-9", "-3", "-3"),
    ("exp(-9)", "exp(-9)", "-3*exp(-9)"),
    ("1+exp(-9)", "1", "-3*exp(-9)"),
    ("1/(1+exp(-9))", "1/(1+exp(-9))", "-3*exp(-9)/(1+exp(-9))"),
    ("log(1/(1+exp(-9)))", "1+exp(-9)", "-3*exp(-9)/(1+exp(-9))"),
    ("-log(1/(1+exp(-9)))", "-1", "3*exp(-9)/(1+exp(-9))"),
]
WRONG = {(4, 1), (4, 2), (5, 2), (6, 2)}  # row and column
with mpmath.workdps(40):
    e = mpmath.exp(-9)
    EXACT = {
        "exp(-9)": e, "-3*exp(-9)": -3 * e, "1+exp(-9)": 1 + e, "1/(1+exp(-9))": 1 / (1 + e),
        "log(1/(1+exp(-9)))": -mpmath.log1p(e), "-log(1/(1+exp(-9)))": mpmath.log1p(e),
        "-3*exp(-9)/(1+exp(-9))": -3 * e / (1 + e), "3*exp(-9)/(1+exp(-9))": 3 * e / (1 + e),
    }  # fmt: skip
TEX = {
    "exp(-9)": "e^{-9}", "-3*exp(-9)": "-3e^{-9}", "1+exp(-9)": "1+e^{-9}",
    "1/(1+exp(-9))": r"\frac{1}{1+e^{-9}}", "log(1/(1+exp(-9)))": r"\log\frac{1}{1+e^{-9}}",
    "-log(1/(1+exp(-9)))": r"-\log\frac{1}{1+e^{-9}}",
    "-3*exp(-9)/(1+exp(-9))": r"-3e^{-9}\frac{1}{1+e^{-9}}",
    "3*exp(-9)/(1+exp(-9))": r"3e^{-9}\frac{1}{1+e^{-9}}",
}  # fmt: skip
AT = {"W": 3.0, "X": 3.0, "y": 1.0}


def assert_numbers(columns):
    """Assert the numbers that a slide prints in so many columns: right, or wrong where known."""
    nodes, locals_ = chain(first_half, *AT.values())
    values = [float(node.value) for node in nodes]
    computed = zip(values, locals_, np.cumprod(locals_), strict=True)
    for k, (row, numbers) in enumerate(zip(FORWARD, computed, strict=True), 1):
        for j, (printed, number) in enumerate(zip(row[:columns], numbers, strict=False)):
            say = page.misprints if (k, j) in WRONG and columns == 3 else page.prints
            if (k, j) == (4, 1):
                say = page.misprints
            say(printed, number, EXACT.get(printed))


def as_printed(heads, rows):
    symbols = [[f"${tex}$" for tex in row[:2]] for row in FIRST]
    cells = [[f"${TEX.get(cell, cell)}$" for cell in row[: len(heads) - 2]] for row in rows]
    page.table(heads, [[*a, *b] for a, b in zip(symbols, cells, strict=True)], "As printed.")


def forward_table():
    """Show and assert the table of slides 65, 66 and 71."""
    assert_numbers(3)
    slope_there = dA(*AT.values())
    page.prints("-3", -AT["X"])
    page.misprints("0.00037018372", slope_there)
    cut = Decimal(slope_there).quantize(Decimal("1e-11"), rounding=ROUND_DOWN)
    assert str(cut) == "-0.00037018372"  # the slide cuts where rounding would give 3
    assert abs(slope_there - EXACT["-3*exp(-9)/(1+exp(-9))"]) < 1e-15


def slips_of_the_table():
    page.slip(
        "row xi4: 1/(1 + exp(-9)), then -3 exp(-9)/(1 + exp(-9))",
        "That is the value of xi4 in the place of its derivative; sign and square are missing.",
        "-1/(1 + exp(-9))**2, then 3 exp(-9)/(1 + exp(-9))**2",
    )
    page.slip(
        "row xi5: -3 exp(-9)/(1 + exp(-9)); row L: 3 exp(-9)/(1 + exp(-9)), so 0.00037018372",
        "The sign that row xi4 lost is missing in every row below. A larger W would explain y = 1 "
        "better still, so the loss falls. (The last digit is cut: it is 0.000370183728.)",
        "row xi5: 3 exp(-9)/(1 + exp(-9)); row L: -3 exp(-9)/(1 + exp(-9)) = -0.00037018372",
    )


page.begin("slide 65", "table")
for number, name in (("3", "X"), ("1", "y"), ("3", "W")):
    page.prints(number, AT[name])
LOCAL = ["Variables", "derivatives", "Value of the variable", "Value of the partial derivative"]
as_printed([*LOCAL, r"$\frac{d\xi_n}{dW}$"], FORWARD)
forward_table()
slips_of_the_table()
page.text("The table as it comes out, at the same point:")
page.add(symgrad.table(first_half, *AT.values(), wrt="W", level="line", mode="forward"))
page.text(f"With more digits, the derivative of the first half by W is {dA(*AT.values()):.14f}.")

page.begin("slide 66", "table")
as_printed([*LOCAL, r"$\frac{d\xi_n}{dW}$"], FORWARD)
forward_table()
page.text(
    "The slips are those of slide 65. The derivatives in the second column are what is still to be "
    "derived; symgrad reads each from its table of functions:"
)
page.add(symgrad.explain(first_half, *AT.values(), wrt="W"))

# %% Slide 67: basic functions
page.begin("slide 67", "code")
PRINTED = """
def x0(x): return X
def derx0(): return 1
def x1(a,x): return –a*X
def derx1(a,x): return -a
def x2(x): return np.exp(x)
def derx2(x): return np.exp(x)
def x3(x): return 1+x
def derx3(x): return 1
def der1(x): return 1/(x)
def derx4(x): return -(1/x)**(2)
def der1(x): return np.log(x)
def derx5(x) return 1/x
def der1(y,x): return –y*x
def derL(y): return -y
"""
page.code(PRINTED)


def is_python(line):
    try:
        ast.parse(line)
    except SyntaxError:
        return False
    return True


lines = PRINTED.strip().splitlines()
no_python = [line for line in lines if not is_python(line)]
assert [line[4:].partition("(")[0] for line in no_python] == ["x1", "derx5", "der1"]
names = [line[4:].partition("(")[0] for line in lines]
assert [name for name in dict.fromkeys(names) if names.count(name) > 1] == ["der1"]
assert names.count("der1") == 3
page.slip(
    "return –a*X, return –y*x",
    "A dash stands in the place of the minus: these lines are no Python.",
    "return -a*x, return -y*x",
)
page.slip(
    "def derx5(x) return 1/x", "Without its colon it is no Python.", "def derx5(x): return 1/x"
)
page.slip(
    "def der1 for three functions",
    "Three functions of one name; what they return are the values of xi4, xi5 and L.",
    "def x4, def x5, def L",
)
page.slip(
    "def x0(x): return X, def derx0(), and X in x1",
    "X is not an argument of theirs, and derx0 has none.",
    "def x0(x): return x, def derx0(x), and x in x1",
)
page.slip(
    "def derx1(a,x): return -a, beside dxi1/dW = -X",
    "With W for a and X for x, as in xi1 = -W'X, that is the derivative by x.",
    "-x is the derivative by a; or call it with X for a and W for x, as below",
)
page.slip(
    "dxi4/dxi3 = -1/xi3, beside derx4",
    "The formula lacks its square; the code under it has it.",
    "dxi4/dxi3 = -1/xi3**2",
)
page.text("Corrected, and used for the table of slide 65:")


# fmt: off
def x0(x): return x
def derx0(x): return 1
def x1(a, x): return -a * x
def derx1(a, x): return -a
def x2(x): return np.exp(x)
def derx2(x): return np.exp(x)
def x3(x): return 1 + x
def derx3(x): return 1
def x4(x): return 1 / x
def derx4(x): return -((1 / x) ** 2)
def x5(x): return np.log(x)
def derx5(x): return 1 / x
def L(y, x): return -y * x
def derL(y): return -y
# fmt: on


def by_basic_functions(W, X, y):
    """Return the first half of the loss, and its derivative by W: the product of the locals."""
    xi1 = x1(X, x0(W))
    xi2 = x2(xi1)
    xi3 = x3(xi2)
    xi4 = x4(xi3)
    xi5 = x5(xi4)
    local = [derx0(W), derx1(X, W), derx2(xi1), derx3(xi2), derx4(xi3), derx5(xi4), derL(y)]
    return L(y, xi5), np.prod(local)


BASIC = (x0, derx0, x1, derx1, x2, derx2, x3, derx3, x4, derx4, x5, derx5, L, derL)
page.code("".join(inspect.getsource(function) for function in BASIC))
page.code(inspect.getsource(by_basic_functions))
for at in [(3.0, 3.0, 1.0), (-0.4, 1.2, 1.0)]:
    value, product = by_basic_functions(*at)
    assert np.isclose(value, first_half(*at), rtol=1e-14)
    assert np.isclose(product, dA(*at), rtol=1e-12)
for function, derivative, point in (
    (x2, derx2, 0.3), (x3, derx3, 0.3), (x4, derx4, 0.3), (x5, derx5, 0.3),
):  # fmt: skip
    assert np.isclose(symgrad.grad(function)(point), derivative(point), rtol=1e-14)
page.judge(x4, "dx = -(1 / x) ** 2", "x", (0.3,))
page.judge(x4, "dx = -1 / x", "x", (0.3,), right=False)

# %% Slides 68 to 72: putting it together
page.begin("slide 68", "figure")
page.add(
    symgrad.draw(changed, *CHANGED, wrt=MORE, level="line", width=WIDE),
    "The structure is the function; its lines are the nodes.",
)
page.code(inspect.getsource(changed))

page.begin("slide 69", "figure")


def negative_loss(W, X, y):
    p = 1 / (1 + np.exp(-(W * X)))
    return y * np.log(p) + (1 - y) * np.log(1 - p)


page.add(
    symgrad.draw(negative_loss, *AT.values(), wrt="W", names="xi", edges="local", width=WIDE),
    "Times, minus, exp, plus 1, divided into 1, then both logarithms; on the edges the local "
    "derivatives.",
)
graph = circuit(negative_loss, tuple(AT.values()), wrt="W", names="xi")
ops = [node.text.split("(")[0] for node in graph.nodes if node.kind == "op"]
assert ops.count("np.log") == 2 and ops.count("np.exp") == 1
page.slip(
    "xi1 = W'X, xi1' = X; xi2 = exp(-xi1), xi2' = -exp(-xi1)",
    "The tables have xi1 = -W'X: here its minus is missing, and the gate exp of the picture would "
    "compute exp(W'X). The minus is a gate of its own, or belongs to xi1.",
    "xi1 = -W'X, xi1' = -X; xi2 = exp(xi1), xi2' = exp(xi1)",
)
page.slip(
    "xi9 = y log(...), and -L = xi9 = y log(...) + (1-y) log(...)",
    "Two nodes have the name xi9.",
    "-L = xi10 = xi8 + xi9",
)

page.begin("slide 70", "figure")
page.add(
    symgrad.draw(two_neurons, *NETWORK, wrt=WEIGHTS, level="line", edges="local", width=WIDE),
    "At each node the value, on each edge the partial derivative: the two functions of each node.",
)

page.begin("slide 71", "table")
for number, name in (("3", "X"), ("1", "y"), ("3", "W")):
    page.prints(number, AT[name])
as_printed([*LOCAL, r"$\frac{d\mathcal{L}}{d\xi_n}$"], FORWARD)
forward_table()
page.slip(
    "the last column is headed dL/dxi_n",
    "Its numbers are those of slide 65: what goes forward is the derivative by W.",
    "dxi_n/dW",
)
page.text("The other slips are those of slide 65. Forward mode, both halves, for y = 1 and y = 0:")
for half in (first_half, second_half):
    for y in (1.0, 0.0):
        page.add(
            symgrad.table(half, 3.0, 3.0, y, wrt="W", level="line", mode="forward"),
            f"`{half.__name__}`, y = {y:g}",
        )

page.begin("slide 72", "table")
for number, name in (("3", "X"), ("1", "y"), ("3", "W")):
    page.prints(number, AT[name])
as_printed(LOCAL, FORWARD)
assert_numbers(2)
page.text(
    "The slide stops here: store all these values, and `Type equation here`. The rest goes "
    "backward, from dL/dL = 1, and needs each stored value once; row xi4 has the slip of slide 65."
)
for half in (first_half, second_half):
    for y in (1.0, 0.0):
        page.add(
            symgrad.table(half, 3.0, 3.0, y, wrt="W", level="line", layout="store"),
            f"`{half.__name__}`, y = {y:g}",
        )
with mpmath.workdps(40):
    p = 1 / (1 + mpmath.exp(-9))
    for y in (1.0, 0.0):
        assert abs(dA(3.0, 3.0, y) + y * 3 * (1 - p)) < 1e-15
        assert abs(dB(3.0, 3.0, y) - (1 - y) * 3 * p) < 1e-12

page.finish()
