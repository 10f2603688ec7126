"""Trace tables: the lectures' numbers, every cell against fifty digits, every format read back."""

import ast
import csv
import io
import json
import math
import re
import shutil
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree

import mpmath
import numpy as np
import pytest

import symgrad
from symgrad.cli import main
from symgrad.study.digits import number_tex, number_text, value_text
from tests.benchmarks.hand_derived import LOSSES


def add_then_multiply(x, y, z):
    q = x + y
    f = q * z
    return f


def neuron(w0, x0, w1, x1, w2):
    return 1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2)))


def positive_part(W, X, y):
    xi1 = -W * X
    xi2 = np.exp(xi1)
    xi3 = 1 + xi2
    xi4 = 1 / xi3
    xi5 = np.log(xi4)
    L = -y * xi5
    return L


def negative_part(W, X, y):
    xi1 = -W * X
    xi2 = np.exp(xi1)
    xi3 = 1 + xi2
    xi4 = 1 / xi3
    xi5 = 1 - xi4
    xi6 = np.log(xi5)
    L = (1 - y) * xi6
    return L


def whole_loss(W, X, y):
    p = 1 / (1 + np.exp(-W * X))
    L = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return L


def colah(a, b):
    c = a + b
    d = b + 1
    e = c * d
    return e


def logistic(w, b, x, y):
    z = w * x + b
    y_hat = 1 / (1 + np.exp(-z))
    L = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    return L


def fan_out(x1, x2):
    a1 = np.sin(x2)
    a2 = x1 * x2
    a3 = a1 + a2
    return a3


def nested(x):
    v = x**2
    u = np.sin(v)
    y = np.exp(u)
    return y


NEURON = (2.0, -1.0, -3.0, -2.0, -3.0)
LECTURES = {
    "(x + y) z": (add_then_multiply, (-2, 5, -4), {}),
    "the neuron": (neuron, NEURON, {"names": "xi"}),
    "the neuron, by lines": (neuron, NEURON, {"level": "line"}),
    "slides 31 and 65, y = 1": (positive_part, (3.0, 3.0, 1), {"wrt": "W", "level": "line"}),
    "slides 31 and 65, y = 0": (positive_part, (3.0, 3.0, 0), {"wrt": "W", "level": "line"}),
    "slide 32, y = 0": (negative_part, (3.0, 3.0, 0), {"wrt": "W", "level": "line"}),
    "slide 32, y = 1": (negative_part, (3.0, 3.0, 1), {"wrt": "W", "level": "line"}),
    "slide 69, y = 1": (whole_loss, (3.0, 3.0, 1), {"wrt": ("W", "X"), "names": "xi"}),
    "slide 69, y = 0": (whole_loss, (3.0, 3.0, 0), {"wrt": "W"}),
    "e = (a + b)(b + 1)": (colah, (2.0, 1.0), {}),
    "logistic regression": (logistic, (0.0, 0.0, 50.0, 1), {"wrt": ("w", "b"), "level": "line"}),
    "logistic regression, by gates": (logistic, (0.0, 0.0, 50.0, 1), {"wrt": ("w", "b")}),
    "fan-out": (fan_out, (2.0, 0.5), {"notation": "bar"}),
    "exp(sin(x squared))": (nested, (0.7,), {}),
}


# --- an evaluator that knows nothing of symgrad: the texts of a table, at fifty digits -----------

FUNCTIONS = {"exp": mpmath.exp, "log": mpmath.log, "sin": mpmath.sin, "cos": mpmath.cos}
OPERATORS = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b, ast.Pow: lambda a, b: a**b,
}  # fmt: skip


def evaluate(text, values):
    """Return an expression of the table as an exact number."""

    def visit(node):
        match node:
            case ast.Constant():
                return mpmath.mpf(node.value)
            case ast.Name():
                return values[node.id]
            case ast.UnaryOp(op=ast.USub()):
                return -visit(node.operand)
            case ast.BinOp():
                return OPERATORS[type(node.op)](visit(node.left), visit(node.right))
            case ast.Call():
                return FUNCTIONS[node.func.id](*map(visit, node.args))
        raise AssertionError(f"{ast.dump(node)} in {text}")

    return visit(ast.parse(text, mode="eval").body)


class Exactly:
    """The forward pass that a table writes down, at fifty digits."""

    def __init__(self, inputs, expressions):
        self.inputs = {name: mpmath.mpf(value) for name, value in inputs.items()}
        self.expressions = expressions
        self.output = list(expressions)[-1]

    def values(self, **fixed):
        found = {**self.inputs, **fixed}
        for name, text in self.expressions.items():
            if name not in fixed:
                found[name] = evaluate(text, found)
        return found

    def slope(self, of, by):
        """Return how a variable changes with another, all later ones following."""
        if of == by:
            return mpmath.mpf(1)
        return mpmath.diff(lambda x: self.values(**{by: x})[of], self.values()[by])

    def partial(self, of, by):
        """Return how one expression changes with one of its variables alone."""
        here = self.values()
        text = self.expressions[of]
        return mpmath.diff(lambda x: evaluate(text, {**here, by: x}), here[by])


def exactly(function, args, options):
    """Return the exact forward pass of a case, and the rows of its forward table."""
    names = list(symgrad.compile(function).signature.parameters)
    rows = rows_of(symgrad.table(function, *args, mode="forward", **options))
    expressions = {r["variable"]: r["expression"] for r in rows if "expression" in r}
    return Exactly(dict(zip(names, args, strict=True)), expressions), rows


def rows_of(table):
    return json.loads(table.json())["rows"]


def close(found, exact):
    assert abs(found - exact) <= 1e-11 * max(abs(exact), mpmath.mpf(10) ** -3), (found, exact)


@pytest.fixture(autouse=True)
def fifty_digits():
    with mpmath.workdps(50):
        yield


@pytest.mark.parametrize("name", LECTURES)
def test_every_cell_of_reverse_mode_agrees_with_fifty_digits(name):
    function, args, options = LECTURES[name]
    exact, _ = exactly(function, args, options)
    values = exact.values()
    rows = rows_of(symgrad.table(function, *args, **{**options, "notation": "d"}))
    assert {row["kind"] for row in rows} == {"edge", "variable"}
    passed = {}
    for row in rows:
        variable = row["variable"]
        close(row["value"], values[variable])
        if row["kind"] == "edge":
            symbol, _, text = row["local"].partition(" = ")
            of, by = re.fullmatch(r"d(\w+)/d(\w+)", symbol).groups()
            local, upstream = exact.partial(of, by), exact.slope(exact.output, of)
            assert of == variable
            assert row["expression"] == exact.expressions[variable]
            close(row["upstream"], upstream)
            close(row["local value"], local)
            close(evaluate(text, values), local)
            close(row["product"], upstream * local)
            passed[by] = passed.get(by, 0) + row["product"]
        elif "accumulated" in row:
            close(row["accumulated"], exact.slope(exact.output, variable))
            close(row["accumulated"], passed.get(variable, 1))
            close(row["accumulated"], chain(exact, row["chain"]))


def chain(exact, text):
    """Return the value of ``de/db = de/dc * dc/db + de/dd * dd/db``: upstream x local, summed."""
    total = mpmath.mpf(0)
    for term in text.partition(" = ")[2].split(" + "):
        if term == "1":
            return mpmath.mpf(1)
        pairs = [re.fullmatch(r"d(\w+)/d(\w+)", factor).groups() for factor in term.split(" * ")]
        (of, by), (inner, source) = pairs
        assert by == inner
        total += exact.slope(of, by) * exact.partial(inner, source)
    return total


@pytest.mark.parametrize("name", LECTURES)
def test_every_cell_of_forward_mode_agrees_with_fifty_digits(name):
    function, args, options = LECTURES[name]
    exact, rows = exactly(function, args, options)
    values = exact.values()
    assert {row["variable"] for row in rows} == values.keys()
    for row in rows:
        close(row["value"], values[row["variable"]])
        found = {key[3:]: slope for key, slope in row.items() if key.startswith("by ")}
        assert found
        for by, slope in found.items():
            close(slope, exact.slope(row["variable"], by))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("name", LECTURES)
def test_every_cell_of_the_stored_form_agrees_with_fifty_digits(name, mode):
    function, args, options = LECTURES[name]
    exact, _ = exactly(function, args, options)
    values = exact.values()
    options = {**options, "notation": "d"}
    for row in rows_of(symgrad.table(function, *args, mode=mode, layout="store", **options)):
        variable = row["variable"]
        if row["kind"] == "chain":
            close(row["accumulated"], exact.slope(exact.output, variable))
            close(row["accumulated"], along_paths(exact, row["chain"]))
            continue
        close(row["value"], values[variable])
        if row["kind"] == "edge":
            of, by = re.match(r"d(\w+)/d(\w+)", row["local"]).groups()
            close(row["local value"], exact.partial(of, by))
        if "accumulated" in row:
            close(row["accumulated"], exact.slope(exact.output, variable))
        for key, slope in row.items():
            if key.startswith("by "):
                close(slope, exact.slope(variable, key[3:]))


def along_paths(exact, text):
    """Return the sum of the products of local derivatives; a first factor may be a whole slope."""
    total = mpmath.mpf(0)
    for term in text.partition(" = ")[2].split(" + "):
        product = mpmath.mpf(1)
        for factor in term.split(" * "):
            of, by = re.fullmatch(r"d(\w+)/d(\w+)", factor).groups()
            is_edge = re.search(rf"\b{by}\b", exact.expressions[of])
            product *= exact.partial(of, by) if is_edge else exact.slope(of, by)
        total += product
    return total


# --- the numbers that the lectures print ---------------------------------------------------------


def accumulated(table):
    return {r["variable"]: r["accumulated"] for r in rows_of(table) if "accumulated" in r}


def test_x_plus_y_times_z_reads_as_in_the_lecture():
    assert (
        str(symgrad.table(add_then_multiply, -2, 5, -4, notation="partial"))
        == """\
Reverse mode of add_then_multiply at x = -2, y = 5, z = -4

Backward pass, edge by edge:
variable  expression  value  upstream  local derivative  local value  upstream × local
────────  ──────────  ─────  ────────  ────────────────  ───────────  ────────────────
f         q * z       -12     1        ∂f/∂q = z         -4           -4
                                       ∂f/∂z = q          3            3
q         x + y         3    -4        ∂q/∂x = 1          1           -4
                                       ∂q/∂y = 1          1           -4

Derivative by each variable:
variable  value  chain rule             accumulated
────────  ─────  ─────────────────────  ───────────
f         -12    ∂f/∂f = 1               1
q           3    ∂f/∂q = ∂f/∂f * ∂f/∂q  -4
z          -4    ∂f/∂z = ∂f/∂f * ∂f/∂z   3
y           5    ∂f/∂y = ∂f/∂q * ∂q/∂y  -4
x          -2    ∂f/∂x = ∂f/∂q * ∂q/∂x  -4

Raising x a little lowers f by 4 times as much.
Raising y a little lowers f by 4 times as much.
Raising z a little raises f by 3 times as much."""
    )


def test_the_neuron_has_the_numbers_of_the_board():
    table = symgrad.table(neuron, *NEURON, names="xi", digits=2)
    edges = table.sections[0].rows
    shown = [[row.cells[key].text for key in ("value", "upstream", "product")] for row in edges]
    assert shown == [
        ["0.73", "1.00", "-0.53"], ["1.37", "-0.53", "-0.53"], ["0.37", "-0.53", "-0.20"],
        ["-1.00", "-0.20", "0.20"], ["1.00", "0.20", "0.20"], ["1.00", "0.20", "0.20"],
        ["4.00", "0.20", "0.20"], ["4.00", "0.20", "0.20"], ["6.00", "0.20", "-0.39"],
        ["6.00", "0.20", "-0.59"], ["-2.00", "0.20", "-0.20"], ["-2.00", "0.20", "0.39"],
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_the_stored_form_has_the_numbers_of_slide_65(mode):
    table = symgrad.table(
        positive_part, 3.0, 3.0, 1, wrt="W", level="line", mode=mode, layout="store"
    )
    small = math.exp(-9)
    rows = [row for row in rows_of(table) if row["kind"] == "edge"]
    np.testing.assert_allclose(
        [row["value"] for row in rows],
        [-9, small, 1 + small, 1 / (1 + small), math.log(1 / (1 + small)), math.log(1 + small)],
        rtol=1e-11,
    )
    np.testing.assert_allclose(
        [row["local value"] for row in rows],
        [-3, small, 1, -((1 / (1 + small)) ** 2), 1 + small, -1],
        rtol=1e-12,
    )
    if mode == "forward":
        below = 1 / (1 + small)
        np.testing.assert_allclose(
            [row["by W"] for row in rows],
            [-3, -3 * small, -3 * small, 3 * small * below**2, 3 * small * below,
             -3 * small * below],
            rtol=1e-12,
        )  # fmt: skip
    assert accumulated(table)["W"] == pytest.approx(-0.00037018372, abs=1e-11)


def test_both_parts_of_the_loss_have_the_slide_s_values():
    zero = symgrad.table(positive_part, 3.0, 3.0, 0, wrt="W", level="line")
    assert accumulated(zero)["W"] == 0
    other = symgrad.table(negative_part, 3.0, 3.0, 0, wrt="W", level="line")
    assert accumulated(other)["W"] == pytest.approx(-3 / (1 + math.exp(-9)), rel=1e-12)
    whole = symgrad.table(whole_loss, 3.0, 3.0, 1, wrt="W")
    assert accumulated(whole)["W"] == pytest.approx(-0.00037018372, abs=1e-11)


def test_logistic_regression_has_the_lecture_s_numbers():
    found = accumulated(symgrad.table(logistic, 0.0, 0.0, 50.0, 1, wrt=("w", "b"), level="line"))
    assert found == {"L": 1.0, "y_hat": -2.0, "z": -0.5, "b": -0.5, "w": -25.0}
    table = symgrad.table(logistic, 0.0, 0.0, 50.0, 1, wrt=("w", "b"), level="line", digits=2)
    assert [row.cells["value"].text for row in table.sections[1].rows][:3] == [
        "0.69", "0.50", "0.00",
    ]  # fmt: skip


def test_where_paths_meet_the_derivative_is_their_sum():
    assert accumulated(symgrad.table(colah, 2.0, 1.0)) == {"e": 1, "d": 3, "c": 2, "b": 5, "a": 2}
    rows = rows_of(symgrad.table(colah, 2.0, 1.0, notation="bar"))
    chains = {row["variable"]: row["chain"] for row in rows if "chain" in row}
    assert chains["b"] == "b̄ = c̄ * ∂c/∂b + d̄ * ∂d/∂b"


def test_fan_out_in_the_lecture_s_bars():
    table = symgrad.table(fan_out, 2.0, 0.5, notation="bar")
    rows = rows_of(table)
    chains = {row["variable"]: row["chain"] for row in rows if "chain" in row}
    assert chains["a1"] == "ā1 = ā3 * ∂a3/∂a1"
    assert chains["x2"] == "x̄2 = ā1 * ∂a1/∂x2 + ā2 * ∂a2/∂x2"
    assert accumulated(table)["x2"] == pytest.approx(2 + math.cos(0.5), rel=1e-15)
    tex = {row["variable"]: row["tex"]["chain"] for row in rows if "chain" in row}
    assert tex["x1"].startswith(r"\overline{x_{1}} = \overline{a_{2}}")


# --- arrays --------------------------------------------------------------------------------------


def two_layers(W1, W2, X, y, lam):
    N = X.shape[0]
    h = np.maximum(0, X @ W1)
    s = h @ W2
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    nll = -np.log(p[np.arange(N), y]).mean()
    return nll + lam * (np.sum(W1**2) + np.sum(W2**2))


def net(n=5, d=4, h=8, seed=0):
    random = np.random.default_rng(seed)
    W1, W2 = random.normal(size=(d, h)), random.normal(size=(h, 3))
    return W1, W2, random.normal(size=(n, d)), random.integers(0, 3, n), 0.1


@pytest.mark.parametrize("level", ["gate", "line"])
@pytest.mark.parametrize("name", LOSSES)
def test_the_accumulated_derivative_is_the_gradient(name, level):
    loss = LOSSES[name]
    args = loss.arguments(np.random.default_rng(0), 6)
    table = symgrad.table(loss.function, *args, wrt=loss.wrt, level=level)
    _, grads = symgrad.compile(loss.function, wrt=loss.wrt, exact=True).value_and_grad(*args)
    wrt, grads = ((loss.wrt,), [grads]) if isinstance(loss.wrt, str) else (loss.wrt, grads)
    found = {
        row.cells["variable"].text: row.cells["accumulated"].value
        for row in table.sections[-1].rows
    }
    for name, grad in zip(wrt, grads, strict=True):
        np.testing.assert_allclose(found[name], grad, rtol=1e-9, atol=1e-12)


def test_large_arrays_are_summed_up_and_small_ones_written_out():
    table = symgrad.table(two_layers, *net(), wrt=("W1", "W2"))
    row = next(r for r in table.sections[1].rows if r.cells["variable"].text == "W1")
    assert re.fullmatch(r"\(4, 8\) from -\d\.\d+ to \d\.\d+", row.cells["accumulated"].text)
    assert row.cells["accumulated"].value.shape == (4, 8)
    small = symgrad.table(two_layers, *net(n=2, d=2, h=2), wrt=("W1", "W2"))
    row = next(r for r in small.sections[1].rows if r.cells["variable"].text == "W1")
    assert len(re.findall(r"-?\d+\.\d+", row.cells["accumulated"].text)) == 4


def test_an_edge_that_is_no_product_says_what_is_done_with_the_upstream_derivative():
    table = symgrad.table(two_layers, *net(), wrt=("W1", "W2"))
    assert "ds/dW2 = h.T @ ·" in table.column("local")
    assert "· stands for the upstream derivative" in str(table)
    assert "·" not in str(symgrad.table(colah, 2.0, 1.0))


def test_forward_mode_has_a_column_an_entry_of_a_small_array():
    def f(w):
        return w[0] * w[1]

    table = symgrad.table(f, np.array([2.0, 3.0]), mode="forward")
    assert [c.key for c in table.columns][3:] == ["by w[0]", "by w[1]"]
    assert (table.column("by w[0]")[-1], table.column("by w[1]")[-1]) == (3.0, 2.0)


def test_forward_mode_sums_up_the_jacobian_of_a_larger_array():
    args = net()
    table = symgrad.table(two_layers, *args, wrt=("W1", "W2"), mode="forward")
    _, grads = symgrad.compile(two_layers, wrt=("W1", "W2")).value_and_grad(*args)
    for name, grad in zip(("W1", "W2"), grads, strict=True):
        np.testing.assert_allclose(table.column(f"by {name}")[-1], grad, rtol=1e-9, atol=1e-12)
    row = next(r for r in table.rows if r.cells["variable"].text == "h")
    assert row.cells["by W1"].value.shape == (5, 8, 4, 8)


def test_a_direction_gives_one_column_of_tangents():
    args = net()
    direction = {"W2": np.ones((8, 3))}
    table = symgrad.table(two_layers, *args, wrt=("W1", "W2"), mode="forward", direction=direction)
    _, dW2 = symgrad.compile(two_layers, wrt=("W1", "W2")).grad(*args)
    assert table.column("tangent")[-1] == pytest.approx(dW2.sum(), rel=1e-10)


def test_the_table_of_the_two_layer_net_takes_a_fifth_of_a_second():
    args = net()
    took = []
    for _ in range(3):
        start = time.perf_counter()
        str(symgrad.table(two_layers, *args, wrt=("W1", "W2")))
        took.append(time.perf_counter() - start)
    assert min(took) <= 0.2


# --- digits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value, digits, text", [
    (0.7310585786300049, None, "0.7311"), (1.0001234, None, "1.000"), (1.0, None, "1"),
    (0.1 + 0.2, None, "0.3"), (-0.0, None, "0"), (12345.678, None, "12346"),
    (1234567890123456789.0, None, "1.235e+18"), (3.7e-9, None, "3.7e-09"), (3, None, "3"),
    (0.00012340980408667956, None, "0.0001234"), (float("nan"), None, "nan"),
    (-float("inf"), None, "-inf"), (True, None, "True"),
    (0.7310585786300049, 2, "0.73"), (-0.5301, 2, "-0.53"), (1, 2, "1"), (1.0, 2, "1.00"),
    (-0.00037018372, 2, "-0.00037"), (0.05, 2, "0.05"), (0.0, 2, "0.00"), (-0.0, 2, "0.00"),
    (0.004, 0, "0.004"), (0.4, 0, "0"), (1.2e-12, 2, "1.2e-12"), (1e20, 2, "1.0e+20"),
    (np.float32(0.1), 3, "0.100"), (np.int64(7), None, "7"),
])  # fmt: skip
def test_a_number_reads(value, digits, text):
    assert number_text(value, digits) == text


@pytest.mark.parametrize("digits", [None, 1, 2, 5, 15])
@pytest.mark.parametrize("power", range(-300, 300, 7))
def test_no_number_but_zero_reads_as_zero(power, digits):
    text = number_text(2.5 * 10.0**power, digits)
    assert float(text) == pytest.approx(2.5 * 10.0**power, rel=0.3)


def test_numbers_and_arrays_as_people_write_them():
    assert number_tex(1.5e-7) == r"1.5 \cdot 10^{-7}"
    assert (number_tex(-np.inf), number_tex(np.nan)) == (r"-\infty", r"\mathrm{nan}")
    assert value_text(np.array([[1.0, 2.5], [-3.0, 0.0]])) == "[[ 1, 2.5],\n [-3,   0]]"
    assert value_text(np.zeros((0, 3))) == "(0, 3), empty"
    assert value_text(np.full(40, 2.0)) == "(40,) of 2"
    assert value_text(np.array([np.nan, *range(40)])) == "(41,) from 0 to 39, 1 not finite"
    assert value_text(np.full((9, 9), np.inf)) == "(9, 9), 81 not finite"


# --- sentences -----------------------------------------------------------------------------------


def test_each_scalar_closes_with_what_raising_it_does():
    assert [s.text for s in symgrad.table(neuron, *NEURON).sentences][:2] == [
        "Raising w0 a little lowers f by 0.1966 times as much.",
        "Raising x0 a little raises f by 0.3932 times as much.",
    ]
    assert symgrad.table(neuron, *NEURON, sentences=False).sentences == ()


def test_a_slope_of_zero_changes_nothing():
    table = symgrad.table(positive_part, 3.0, 3.0, 0, wrt="W", level="line")
    assert table.sentences[0].text == "Raising W a little does not change L to first order."


def test_a_slope_of_one_is_just_as_much():
    table = symgrad.table(lambda x, y: x - y, 3.0, 1.0)
    assert [s.text for s in table.sentences] == [
        "Raising x a little raises f by just as much.",
        "Raising y a little lowers f by just as much.",
    ]


def test_of_an_array_the_entry_that_matters_most_is_named():
    table = symgrad.table(lambda w: np.sum(w * np.array([1.0, -5.0, 2.0])), np.ones(3))
    assert table.sentences[0].text == (
        "Raising w[1], the entry that matters most, a little lowers f by 5 times as much."
    )


def test_what_nothing_reads_is_said_and_lends_its_name_to_no_other_value():
    def f(x, c):
        c = np.sin(x)
        return c * c

    table = symgrad.table(f, 1.0, 5.0)
    assert table.column("variable")[-3:] == ["f", "c2", "x"]
    assert table.sentences[1].text == "f does not depend on c: its derivative is 0."


def test_a_line_of_very_many_operations_is_taken_apart():
    def f(x):
        return sum([np.sin(x * k) for k in range(300)])

    table = symgrad.table(f, 0.5, level="line")
    assert table.rows[-1].kind == "variable"
    assert table.column("accumulated")[-1] == pytest.approx(symgrad.grad(f)(0.5))
    assert symgrad.draw(f, 0.5, level="layer").svg


def test_what_has_no_derivative_says_so():
    table = symgrad.table(lambda x: np.sqrt(x) * x, -1.0)
    assert table.sentences[0].text == "f has no derivative by x here."


# --- worksheets ----------------------------------------------------------------------------------


def test_a_worksheet_leaves_blanks_and_has_its_key():
    sheet = symgrad.table(colah, 2.0, 1.0, blank=["value", "accumulated"], seed=3)
    assert sheet.column("value") == ["________"] * len(sheet.column("value"))
    assert sheet.key.column("accumulated")[0] == 1.0
    assert sheet.key.title == sheet.title and sheet.key.key is None
    for row, answer in zip(sheet.rows, sheet.key.rows, strict=True):
        assert row.cells.keys() == answer.cells.keys()


@pytest.mark.parametrize("form", ["text", "markdown", "html", "latex", "csv", "json"])
def test_no_format_of_a_worksheet_tells(form):
    def f(x):
        return x * 1234.0

    sheet = symgrad.table(f, 4.0, blank=["value", "accumulated", "product", "local value", "local"])
    assert "4936" in getattr(sheet.key, form)()
    assert "4936" not in getattr(sheet, form)()
    assert "Raising" not in getattr(sheet, form)()


def test_a_blank_local_derivative_still_says_which_it_is():
    sheet = symgrad.table(colah, 2.0, 1.0, blank="local")
    assert sheet.column("local")[0] == "de/dc = ________"


def test_in_forward_mode_accumulated_means_every_column_of_derivatives():
    sheet = symgrad.table(colah, 2.0, 1.0, mode="forward", blank="accumulated")
    assert set(sheet.column("by a")) == set(sheet.column("by b")) == {"________"}


@pytest.mark.parametrize("name", LECTURES)
def test_the_numbers_of_a_worksheet_depend_on_the_seed_alone(name):
    function, args, options = LECTURES[name]

    def made(seed):
        return symgrad.table(function, *args, **options, blank="value", seed=seed)

    assert made(1).json() == made(1).json()
    assert len({made(seed).title.text for seed in range(6)}) > 2


@pytest.mark.parametrize("seed", range(5))
def test_fresh_numbers_are_short_and_answer_correctly(seed):
    key = symgrad.table(colah, 2.0, 1.0, blank="value", seed=seed).key
    numbers = {r["variable"]: r["value"] for r in rows_of(key) if r["kind"] == "variable"}
    a, b = numbers["a"], numbers["b"]
    assert numbers["e"] == (a + b) * (b + 1)
    assert accumulated(key)["b"] == (a + b) + (b + 1)
    assert all(2 * x == int(2 * x) for x in (a, b))


def test_fresh_matrices_have_an_inverse():
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    sheet = symgrad.table(lambda A: np.log(np.linalg.det(A @ A.T)), A, blank="value", seed=3)
    assert np.isfinite(sheet.key.column("value")[0])


def test_fresh_arguments_are_of_the_same_kind():
    args = net(n=3, d=2, h=2)
    key = symgrad.table(two_layers, *args, wrt=("W1", "W2"), blank="value", seed=0).key
    found = {r.cells["variable"].text: r.cells["value"].value for r in key.sections[1].rows}
    assert [found[n].shape for n in ("W1", "W2", "X", "y")] == [np.shape(a) for a in args[:4]]
    assert found["y"].dtype.kind == "i" and set(found["y"]) <= set(args[3])
    assert 0 < found["lam"] < 1
    assert not np.array_equal(found["W1"], args[0])


def test_counts_and_labels_stay():
    def power(x, n):
        for _ in range(n):
            x = x * 2.0
        return x

    key = symgrad.table(power, 1.5, 3, wrt="x", blank="value", seed=0).key
    assert accumulated(key)["x"] == 8.0


def test_fresh_numbers_avoid_what_is_not_finite_and_kinks():
    def f(x, y):
        return np.log(x - y) + np.maximum(x, y)

    for seed in range(5):
        key = symgrad.table(f, 3.0, 1.0, blank="value", seed=seed).key
        numbers = {r["variable"]: r["value"] for r in rows_of(key) if r["kind"] == "variable"}
        assert numbers["x"] > numbers["y"]


# --- formats -------------------------------------------------------------------------------------

TABLES = {
    f"{name}, {mode}, {layout}": (function, args, {**options, "mode": mode, "layout": layout})
    for name, (function, args, options) in {
        **LECTURES, "two layers": (two_layers, net(n=2, d=2, h=2), {"wrt": ("W1", "W2")}),
        "a large net": (two_layers, net(), {"wrt": "W1", "digits": 2}),
    }.items()
    for mode in ("reverse", "forward")
    for layout in ("edges", "store")
}  # fmt: skip


@pytest.fixture(params=TABLES, scope="module")
def made(request):
    function, args, options = TABLES[request.param]
    return symgrad.table(function, *args, **options)


def test_the_columns_of_the_text_stand_below_each_other(made):
    for block in str(made).split("\n\n"):
        lines = block.split("\n")
        rule = next((k for k, line in enumerate(lines) if "──" in line), None)
        if rule is None:
            continue
        starts = [m.start() for m in re.finditer(r"─+", lines[rule])]
        for line in lines[rule + 1 :]:
            shown = "".join(c for c in line if c != "\u0304")
            for start in starts[1:]:
                assert shown[start - 2 : start].strip() == "", line


def test_a_long_formula_goes_on_below():
    text = str(symgrad.table(two_layers, *net(), wrt=("W1", "W2"), level="line"))
    assert max(map(len, text.split("\n"))) <= 250
    joined = re.sub(r"\s+", " ", text)
    assert "de/ds = · * e - (s == s.max(axis=1, keepdims=True)) *" in joined


def test_no_line_ends_with_a_blank(made):
    assert not [line for line in str(made).split("\n") if line != line.rstrip()]


def test_csv_is_read_back(made):
    header, *rows = csv.reader(io.StringIO(made.csv()))
    assert header == ["row", *(column.key for column in made.columns)]
    assert len(rows) == len(made.rows)
    for read, row in zip(rows, made.rows, strict=True):
        for text, column in zip(read[1:], made.columns, strict=True):
            cell = row.cell(column)
            if cell.kind == "number":
                np.testing.assert_array_equal(json.loads(text), np.asarray(cell.value))
            else:
                assert text.removeprefix("'") == cell.text
                assert not text.startswith(("=", "+", "-", "@"))


def test_json_is_read_back_at_full_precision(made):
    whole = json.loads(made.json())
    assert [column["key"] for column in whole["columns"]] == [c.key for c in made.columns]
    for read, row in zip(whole["rows"], made.rows, strict=True):
        for column in made.columns:
            cell = row.cell(column)
            if cell.kind == "number":
                np.testing.assert_array_equal(read[column.key], np.asarray(cell.value))


def test_html_is_well_formed_and_holds_every_cell(made):
    tree = ElementTree.fromstring(made.html())
    assert all(th.get("scope") in ("col", "row") for th in tree.iter("th"))
    tables = list(tree.iter("table"))
    assert len(tables) == len(made.sections)
    for section, found in zip(made.sections, tables, strict=True):
        shown = made.shown(section)
        lines = [["".join(cell.itertext()) for cell in tr] for tr in found.find("tbody")]
        assert lines == [[row.cell(c, is_read=True).text for c in shown] for row in section.rows]


def test_markdown_rows_have_as_many_cells_as_the_heading(made):
    for block in made.markdown().split("\n\n"):
        lines = [line for line in block.split("\n") if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) <= 1


LATEX = r"""\documentclass{article}
\usepackage{amsmath,amssymb}
\usepackage[paperwidth=60cm,paperheight=60cm,margin=1cm]{geometry}
\begin{document}
"""
needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not here")


def typeset(folder, *tables):
    """Return what pdflatex says of tables in one document."""
    text = "\n\\newpage\n".join(table.latex() for table in tables)
    (folder / "all.tex").write_text(LATEX + text + "\\end{document}\n", encoding="utf-8")
    run = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"],
        cwd=folder, capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:]
    return run.stdout


@needs_latex
def test_latex_compiles(tmp_path):
    tables = [symgrad.table(f, *args, **options) for f, args, options in TABLES.values()]
    sheet = symgrad.table(colah, 2.0, 1.0, blank=["value", "local"], seed=1)
    log = typeset(tmp_path, *tables, sheet)
    assert "Overfull" not in log and "Undefined" not in log


def test_signs_in_headings_are_mathematics():
    reverse = symgrad.table(colah, 2.0, 1.0).latex()
    forward = symgrad.table(colah, 2.0, 1.0, mode="forward", notation="partial").latex()
    assert r"upstream $\times$ local" in reverse and r"$\partial$/$\partial$a" in forward
    assert "[U+" not in reverse + forward


HOSTILE = [
    "<script>alert(1)</script>", "a|b", "`rm`", "$x$", r"\input{secret}", "%", "#&_^~{}",
    "=1+1", "*bold*", "]]>", '"quoted"', "&amp;",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_hostile_names_are_escaped_everywhere(name, mode, tmp_path):
    table = symgrad.table(colah, 2.0, 1.0, names={"a": name}, mode=mode)
    tree = ElementTree.fromstring(table.html())
    assert not list(tree.iter("script"))
    assert name in "".join(tree.itertext())
    page = tmp_path / "page.html"
    table.save(page)
    ElementTree.fromstring(page.read_text(encoding="utf-8").removeprefix("<!DOCTYPE html>\n"))
    for block in table.markdown().split("\n\n"):
        lines = [line for line in block.split("\n") if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) <= 1
        assert not re.search(r"(?<!\\)<script", re.sub(r"`[^`]*`", "", block))
    for row in csv.reader(io.StringIO(table.csv())):
        assert not any(text.startswith(("=", "+", "@")) for text in row)
    assert name in json.loads(table.json())["title"]


@needs_latex
def test_hostile_names_do_nothing_in_latex(tmp_path):
    tables = [
        symgrad.table(colah, 2.0, 1.0, names={"a": name}, mode=mode)
        for name in HOSTILE
        for mode in ("reverse", "forward")
    ]
    typeset(tmp_path, *tables)


def test_what_is_not_finite_is_a_string_in_json():
    table = symgrad.table(lambda x: np.log(x), 0.0)
    assert json.loads(table.json())["rows"][0]["value"] == "-inf"


@pytest.mark.parametrize("suffix", ["txt", "md", "html", "tex", "csv", "json"])
def test_save_writes_what_the_suffix_says(suffix, tmp_path):
    table = symgrad.table(colah, 2.0, 1.0)
    table.save(tmp_path / f"trace.{suffix}")
    text = (tmp_path / f"trace.{suffix}").read_text(encoding="utf-8")
    form = {"txt": table.text, "md": table.markdown, "html": table.html, "tex": table.latex,
            "csv": table.csv, "json": table.json}[suffix]()  # fmt: skip
    assert form.rstrip("\n") in text and text.endswith("\n")


def test_notebooks_show_the_table():
    table = symgrad.table(colah, 2.0, 1.0)
    assert table._repr_html_() == table.html()
    assert table._repr_markdown_() == table.markdown()
    assert table._repr_latex_() == table.latex()
    assert repr(table) == str(table)


def test_the_same_table_is_the_same_text_each_time(made):
    function, args, options = TABLES["two layers, reverse, edges"]
    one, two = (symgrad.table(function, *args, **options) for _ in range(2))
    assert all(
        getattr(one, form)() == getattr(two, form)()
        for form in ("text", "markdown", "html", "latex", "csv", "json")
    )


def test_keyword_arguments_are_passed_on():
    def f(x, *, scale):
        return x * scale

    assert accumulated(symgrad.table(f, 2.0, scale=3.0))["x"] == 3.0


# --- what is refused -----------------------------------------------------------------------------

MISTAKES = [
    ("another mode", "mode='back': 'reverse' or 'forward'", {"mode": "back"}),
    ("another layout", "layout='rows': 'edges' or 'store'", {"layout": "rows"}),
    ("another notation", "notation='D': 'd' or 'bar' or 'partial'", {"notation": "D"}),
    ("another level", "'gate' or 'line'", {"level": "atom"}),
    ("digits that are none", "digits=-1: a number of decimals", {"digits": -1}),
    ("digits in words", "digits='two'", {"digits": "two"}),
    ("no such column", "blank='gradient' is no column of this table: it has 'variable'",
     {"blank": ["gradient"]}),
    ("a direction backwards", "is for mode='forward'", {"direction": {"a": 1.0}}),
    ("a direction by a stranger", "direction names 'z': wrt has a, b",
     {"mode": "forward", "direction": {"z": 1.0}}),
    ("too few tangents", "direction has 1 parts, wrt has 2",
     {"mode": "forward", "direction": [1.0]}),
    ("a tangent of another shape", r"has shape \(3,\), `a` has shape \(\)",
     {"mode": "forward", "direction": [np.ones(3), 1.0]}),
    ("a seed that is none", "seed='x': an int", {"seed": "x", "blank": "value"}),
    ("an option that there is not", "unexpected keyword argument 'digit'", {"digit": 2}),
    ("a stranger renamed", r"no value is called 'aa' \(did you mean|no value is called 'aa'",
     {"names": {"aa": "b"}}),
]  # fmt: skip


@pytest.mark.parametrize("message, how", [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_told(message, how):
    with pytest.raises(symgrad.ArgumentError, match=message):
        symgrad.table(colah, 2.0, 1.0, **how)


def test_too_many_directions_are_refused():
    with pytest.raises(symgrad.ArgumentError, match=r"2000 entries.*give a direction="):
        symgrad.table(lambda w: np.sum(w * w), np.ones(2000), mode="forward")


def test_a_function_that_is_nowhere_finite_makes_no_worksheet():
    with pytest.raises(symgrad.ArgumentError, match="not finite at any of"):
        symgrad.table(lambda x: np.log(-np.exp(x)), 1.0, blank="value", seed=0)


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(symgrad.ArgumentError, match=r"use one of \.txt, \.md"):
        symgrad.table(colah, 2.0, 1.0).save(tmp_path / "trace.docx")


def test_a_column_that_is_not_there_is_an_error():
    with pytest.raises(symgrad.ArgumentError, match="no column 'slope'"):
        symgrad.table(colah, 2.0, 1.0).column("slope")


# --- the command ---------------------------------------------------------------------------------

LECTURE = """\
import numpy as np


def f(x, y, z):
    q = x + y
    return q * z


def with_aux(x):
    return x * x, "more"


def example_args():
    return {"x": -2, "y": 5, "z": -4}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lecture.py").write_text(LECTURE)
    return tmp_path


def test_the_command_prints_what_the_function_returns(folder, capsys):
    assert main(["table", "lecture.py:f", "--notation", "partial"]) == 0
    out, err = capsys.readouterr()

    def f(x, y, z):
        q = x + y
        return q * z

    assert out == str(symgrad.table(f, -2, 5, -4, notation="partial")) + "\n"
    assert err == "symgrad: arguments from example_args()\n"


@pytest.mark.parametrize("words", [["--format", "json"], ["--json"], ["-o", "f.json"]])
def test_the_command_prints_json(folder, capsys, words):
    code = main(["table", "lecture.py:f", "--args", "x=1, y=2, z=3", "--wrt", "x,z", *words])
    text = (folder / "f.json").read_text() if "-o" in words else capsys.readouterr().out
    assert code == 0
    rows = json.loads(text)["rows"]
    assert {r["variable"]: r.get("accumulated") for r in rows if r["kind"] == "variable"} == {
        "f": 1.0, "q": 3.0, "x": 3.0, "y": None, "z": 3.0,
    }  # fmt: skip


def test_the_command_writes_a_worksheet_and_its_key(folder):
    words = ["--blank", "value,accumulated", "--seed", "2", "-o", "sheet.md", "--key", "key.md"]
    assert main(["table", "lecture.py:f", *words]) == 0
    sheet, key = (Path(name).read_text() for name in ("sheet.md", "key.md"))
    assert "\\_\\_" in sheet and "\\_\\_" not in key
    assert sheet.splitlines()[0] == key.splitlines()[0]


def test_the_command_takes_every_option(folder, capsys):
    words = ["--mode", "forward", "--layout", "store", "--level", "line", "--digits", "1"]
    assert main(["table", "lecture.py:f", *words, "--names", "xi", "--format", "csv"]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header[-2:] == ["chain", "accumulated"] and rows[0][1] == "xi_1"
    assert main(["table", "lecture.py:with_aux", "--aux", "--args", "x=3.0"]) == 0
    assert "raises f by 6 times" in capsys.readouterr().out


@pytest.mark.parametrize("words, message", [
    (["--key", "key.md"], "say with --blank"),
    (["-o", "table.docx"], "no table format has this suffix"),
    (["--blank", "slope"], "no column of this table"),
    (["--digits", "99"], "a number of decimals"),
    (["-o", "nowhere/table.md"], "does not exist"),
])  # fmt: skip
def test_the_command_tells_mistakes(folder, capsys, words, message):
    assert main(["table", "lecture.py:f", *words]) == 2
    assert message in capsys.readouterr().err


# --- what a reader could mistake --------------------------------------------------------------


def scaled_sine(a, b):
    e = np.sin(a * b)
    return e / a


@pytest.mark.parametrize("notation", ["d", "partial"])
def test_the_local_derivative_by_what_others_read_too_is_told_from_the_whole(notation):
    table = symgrad.table(scaled_sine, 2.0, 3.0, notation=notation)
    rows = {r["variable"]: r["chain"] for r in json.loads(table.json())["rows"] if "chain" in r}
    left, right = rows["a"].split(" = ")
    assert left == "df/da" and right.endswith("\u2202f/\u2202a") and left not in right.split()
    assert "\u2202f/\u2202a = -e/a**2" in str(table)


def test_what_was_broadcast_is_said_to_be_summed():
    def shifted(X, b):
        z = X + b
        return np.sum(z**2)

    assert "Along dz/db, upstream \u00d7 local is summed" in str(
        symgrad.table(shifted, np.ones((3, 2)), np.ones(2))
    )
    assert "is summed" not in str(symgrad.table(shifted, np.ones(2), np.ones(2)))


def test_a_sum_has_the_local_derivative_1():
    assert "df/dw_squared = 1 " in str(symgrad.table(lambda w: np.sum(w**2), np.ones(2)))


def test_the_offset_of_a_line_has_the_local_derivative_1():
    def neuron(w, x, b):
        total = w @ x + b
        return np.exp(total)

    table = symgrad.table(neuron, np.ones(2), np.ones(2), 0.5, level="line")
    assert "dtotal/db = 1 " in str(table)
