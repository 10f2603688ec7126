"""The judge: what it accepts, what it calls each mistake, what it refuses, and what it prints."""
# ruff: noqa: E501 (a row is one line)

import ast
import csv
import html
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import symgrad
from symgrad import ClaimError, SymgradError, compare
from symgrad.cli import main
from symgrad.study.judge.claims import lines_of
from symgrad.study.judge.edits import KINDS, Scope, edits
from symgrad.study.judge.interpreter import Interpreter
from symgrad.study.judge.judging import agrees
from symgrad.study.judge.language import FUNCTIONS, LINALG, NOT_NUMPY, admit
from symgrad.study.judge.reading import Known, read
from symgrad.study.judge.symbols import Symbols
from symgrad.study.judge.truth import answered

# --- the functions that gradients are claimed of --------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def ridge(w, b, X, y, lam):
    n = len(y)
    r = X @ w + b - y
    return np.sum(r**2) / (2 * n) + 0.5 * lam * np.sum(w**2)


def logistic(w, b, X, y, lam):
    n = len(y)
    z = X @ w + b
    p = sigmoid(z)
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / n + lam * np.sum(w**2)


def softmax(W, b, X, y, lam):
    n = X.shape[0]
    s = X @ W + b
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(n), y])) + 0.5 * lam * np.sum(W * W)


def one_hot(W, X, Y):
    s = X @ W
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    return -np.sum(Y * np.log(p)) / len(Y)


def network(W1, b1, w2, X, y):
    n = len(y)
    z = X @ W1 + b1
    h = np.tanh(z)
    r = h @ w2 - y
    return np.sum(r**2) / (2 * n)


def neuron(W, b, x, y):
    z = W @ x + b
    h = np.tanh(z)
    d = h - y
    return 0.5 * d @ d


def columns(W, X, Y):
    n = X.shape[0]
    A = sigmoid(X @ W)
    return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / n


def nested(x):
    return np.exp(np.sin(x**2))


def gates(x, y, z):
    q = x + y
    return q * z


def quadratic(x, A, b):
    return 0.5 * x @ A @ x - b @ x


N, D = ("n",), ("d",)
ROWS = {"w": D, "b": (), "X": ("n", "d"), "y": N, "lam": ()}
SPECS = {
    ridge: ROWS,
    logistic: ROWS,
    softmax: {"W": ("d", "k"), "b": ("k",), "X": ("n", "d"), "y": (N, "int"), "lam": ()},
    one_hot: {"W": ("d", "k"), "X": ("n", "d"), "Y": ("n", "k")},
    network: {"W1": ("d", "h"), "b1": ("h",), "w2": ("h",), "X": ("n", "d"), "y": N},
    neuron: {"W": ("k", "d"), "b": ("k",), "x": D, "y": ("k",)},
    columns: {"W": ("d", "k"), "X": ("n", "d"), "Y": ("n", "k")},
    nested: {"x": ()},
    gates: {"x": (), "y": (), "z": ()},
    quadratic: {"x": D, "A": ("d", "d"), "b": D},
}


def judged(function, claim, **more):
    return compare(function, claim, specs=SPECS[function], **more)


# --- right claims ---------------------------------------------------------------------------------

DS = "ds = p.copy()\nds[np.arange(n), y] -= 1\nds /= n\n"
HIDDEN = "dr = r / n\ndw2 = h.T @ dr\ndh = np.outer(dr, w2)\ndz = dh * (1 - h**2)\n"
BY_ELEMENTS = r"\frac{\partial L}{\partial w_j} = \frac{1}{n} \sum_{i=1}^n (p_i - y_i) x_{ij}"


def by_loops(w, b, X, y, lam):
    """Two loops, as a first lecture writes them."""
    n, d = X.shape
    dw = np.zeros(d)
    db = 0.0
    for i in range(n):
        a = sigmoid(np.dot(w, X[i]) + b)
        for j in range(d):
            dw[j] += X[i, j] * (a - y[i])
        db += a - y[i]
    return dw / n + 2 * lam * w, db / n


def explosive(w, b, X, y, lam):
    raise AssertionError("a claim was called")
    return w


RIGHT = [
    ("one line", logistic, "dw = X.T @ (p - y) / n + 2 * lam * w"),
    ("a bare formula", logistic, "X.T @ (p - y) / n + 2 * lam * w"),
    ("other names of an answer", logistic, "dL_dw = (p - y) @ X / n + 2 * lam * w"),
    ("intermediate values", logistic, "dz = (p - y) / n\ndw = X.T @ dz + 2*lam*w\ndb = dz.sum()"),
    ("an upstream gradient", logistic, "db = dz.sum()"),
    ("unscaled by convention", logistic, "dz = p - y\ndb = np.mean(dz)"),
    ("a dict", logistic, {"w": "X.T @ (p - y) / n + 2 * lam * w", "b": "np.mean(p - y)"}),
    ("a helper of the user's", logistic, "db = np.mean(sigmoid(X @ w + b) - y)"),
    ("loops", logistic, by_loops),
    ("a definition", ridge, "def grad(w, b, X, y, lam):\n    return (X.T @ r) / n + lam * w"),
    ("labels", softmax, DS + "dW = X.T @ ds + lam * W\ndb = ds.sum(axis=0)"),
    ("labels by comparing", softmax, "db = np.mean(p - (np.arange(len(b)) == y[:, None]), axis=0)"),
    ("one-hot rows are taken for granted", one_hot, "dW = X.T @ (p - Y) / len(Y)"),
    ("a hidden layer", network, HIDDEN + "dW1 = X.T @ dz\ndb1 = dz.sum(axis=0)"),
    ("a chain", nested, "dx = np.exp(np.sin(x**2)) * np.cos(x**2) * 2 * x"),
    ("gates", gates, "dx = z\ndy = z\ndz = x + y"),
    ("algebra", quadratic, "dx = (A + A.T) @ x / 2 - b"),
    ("LaTeX", ridge, r"\frac{\partial L}{\partial w} = \frac{1}{n} X^T r + \lambda w"),
    ("LaTeX by elements", logistic, BY_ELEMENTS + r" + 2 \lambda w_j"),
]


@pytest.mark.parametrize("title, function, claim", RIGHT, ids=[row[0] for row in RIGHT])
def test_a_right_claim_is_equal(title, function, claim):
    verdict = judged(function, claim)
    assert verdict and verdict.equal and verdict.outcome == "equal"
    assert verdict.mistake is None and not verdict.layout and verdict.proof


def test_gradients_may_stand_behind_the_value_as_value_and_grad_returns_them():
    claim = "def grad(w, b, X, r, lam):\n    return r @ r, (X.T @ r / len(r) + lam * w, r.mean())"
    assert judged(ridge, claim, wrt=("w", "b")).equal


def test_example_arguments_serve_instead_of_specs():
    rng = np.random.default_rng(0)
    args = rng.normal(size=3), 0.1, rng.normal(size=(5, 3)), rng.normal(size=5), 0.2
    assert compare(ridge, "dw = X.T @ r / n + lam * w", wrt="w", args=args)
    assert not compare(ridge, "dw = X.T @ r + lam * w", wrt="w", args=args)


def test_a_square_example_does_not_hide_a_transposed_operand():
    rng = np.random.default_rng(0)
    args = rng.normal(size=(3, 2)), rng.normal(size=(3, 3)), np.eye(2)[[0, 1, 1]]
    assert compare(one_hot, "dW = X @ (p - Y) / len(Y)", args=args).mistake == "transposed operand"


def test_nested_arguments_are_known_by_their_keys():
    def loss(params, X, y):
        r = X @ params["w"] + params["b"] - y
        return np.mean(r**2)

    rng = np.random.default_rng(0)
    args = {"w": rng.normal(size=3), "b": 0.1}, rng.normal(size=(5, 3)), rng.normal(size=5)
    claim = "r = X @ params['w'] + params['b'] - y\ndw = 2 * X.T @ r / len(y)\ndb = 2 * r.mean()"
    assert compare(loss, claim, args=args)
    assert not compare(loss, claim.replace("2 * r", "r"), args=args)


def test_a_compiled_function_brings_its_wrt_and_specs():
    compiled = symgrad.compile(ridge, wrt="b", specs=ROWS)
    assert compare(compiled, "db = r.mean()")


def test_a_function_that_claims_is_never_called():
    with pytest.raises(SymgradError):
        judged(logistic, explosive)


STEPS = [
    ("dp = (p - y) / (p * (1 - p)) / len(y)", True, ""),
    ("dz = (p - y) / len(y)", True, ""),
    ("dz = (y - p) / len(y)", False, "sign"),
    ("dz = p - y", False, "missing 1/n"),
    (r"\frac{\partial L}{\partial z} = \frac{1}{n} (p - y)", True, ""),
    (
        r"\frac{\partial L}{\partial z} = \frac{\partial L}{\partial z} \cdot \frac{\partial L}{\partial L}",
        True,
        "",
    ),
    ("dp = (y - p) / (p * (1 - p)) / len(y)\ndz = dp * p * (1 - p)", False, "sign"),
]


@pytest.mark.parametrize(("claim", "equal", "mistake"), STEPS, ids=[row[0] for row in STEPS])
def test_a_claim_about_steps_alone_is_judged_too(claim, equal, mistake):
    verdict = compare(logistic, claim, specs={"w": "d", "b": "", "X": "n d", "y": "n", "lam": ""})
    assert (verdict.equal, verdict.mistake or "") == (equal, mistake)


def test_of_two_wrong_steps_the_first_is_told():
    claim = "dp = (y - p) / (p * (1 - p)) / len(y)\ndz = dp * p * (1 - p)"
    verdict = compare(logistic, claim, specs={"w": "d", "b": "", "X": "n d", "y": "n", "lam": ""})
    assert verdict.line == 1


def test_what_the_claim_takes_from_the_function_is_told():
    assert judged(logistic, "db = dz.sum()").given == ("dz",)
    assert judged(logistic, "p = sigmoid(X @ w + b)\ndb = np.mean(p - y)").given == ()


# --- wrong claims ---------------------------------------------------------------------------------

REST = "dW = X.T @ ds + lam * W\ndb = ds.sum(axis=0)"
LAYER = "dW1 = X.T @ dz\ndb1 = dz.sum(axis=0)"
WRONG = [
    ("sign", 1, "p - y", logistic, "dw = X.T @ (y - p) / n + 2 * lam * w"),
    ("sign", 2, "X.T @ dz +", logistic, "dz = (p - y) / n\ndw = -X.T @ dz + 2*lam*w"),
    ("sign", 2, "-= 1", softmax, DS.replace("-=", "+=") + REST),
    ("factor 2", 1, "2 *", logistic, "dw = X.T @ (p - y) / n + lam * w"),
    ("factor 2", 1, "2", nested, "dx = np.exp(np.sin(x**2)) * np.cos(x**2) * x"),
    ("missing 1/n", 1, "/ n", logistic, "dw = X.T @ (p - y) + 2 * lam * w"),
    ("missing 1/n", 1, "mean", logistic, "db = np.sum(p - y)"),
    ("missing 1/n", 2, "ds / n", softmax, DS.replace("ds /= n\n", "") + REST),
    ("extra 1/n", 1, "", logistic, "dw = X.T @ dz / n + 2 * lam * w"),
    ("missing sum over the batch", 2, "sum", logistic, "dz = (p - y) / n\ndb = dz"),
    ("missing sum over the batch", 5, "sum", softmax, DS + REST.replace(".sum(axis=0)", "")),
    ("sum over the wrong axis", 5, "axis=0", softmax, DS + REST.replace("axis=0", "axis=1")),
    ("transposed operand", 1, "X.T @", logistic, "dw = X @ (p - y) / n + 2 * lam * w"),
    ("transposed operand", 1, "A.T", quadratic, "dx = 0.5 * (A + A) @ x - b"),
    ("wrong order of product", 4, "X.T @ ds", softmax, DS + REST.replace("X.T @ ds", "ds @ X.T")),
    ("forgotten regulariser", 1, "2 * lam * w", logistic, "dw = X.T @ (p - y) / n"),
    ("activation derivative at the wrong argument", 4, "h", network, HIDDEN.replace("h**2", "z**2") + LAYER),
    ("activation derivative at the wrong argument", 1, "x ** 2", nested, "dx = np.exp(np.sin(x**2)) * np.cos(x) * 2 * x"),
    ("missing activation derivative", 4, "∂h/∂z", network, HIDDEN.replace("dh * (1 - h**2)", "dh") + LAYER),
    ("off-by-one label", 2, "y]", softmax, DS.replace(", y]", ", y - 1]") + REST),
    ("off-by-one label", 1, "[y]", softmax, "db = np.mean(p - np.eye(len(b))[y - 1], axis=0)"),
    ("(n,) against (n, 1)", 1, "p - y)", logistic, "dw = X.T @ (p - y[:, None]) / n + 2 * lam * w"),
    ("element-wise for matrix product", 1, "X.T @", logistic, "dw = X.T * (p - y) / n + 2 * lam * w"),
    ("wrong operand", 1, "z", gates, "dx = q\ndy = z\ndz = q"),
    ("missing 1/n", 1, "", one_hot, "dW = X.T @ (p - Y)"),
    ("extra factor", 1, "X.T @ (p - y) / n", logistic, "dw = X.T @ ((p - y) * p * (1 - p)) / n + 2 * lam * w"),
    ("extra factor", 1, "dz = (p - y) / n", logistic, "dz = (p - y) * (p * (1 - p)) / n\ndb = dz.sum()"),
    ("extra factor", 1, "dz = p - y", logistic, "dz = p * (1 - p) * (p - y)\ndb = dz.mean()"),
    ("missing answer", None, "", logistic, {"w": "X.T @ (p - y) / n + 2 * lam * w"}),
    ("sign", 1, "p[i] - y[i]", logistic, BY_ELEMENTS.replace("p_i - y_i", "y_i - p_i") + r" + 2 \lambda w_j"),
    ("missing activation derivative", 1, "", neuron, r"\delta = h - y \\ \frac{\partial L}{\partial W} = \delta x^T"),
]  # fmt: skip


@pytest.mark.parametrize("kind, line, correction, function, claim", WRONG)
def test_a_mistake_is_named_with_its_line_and_what_it_should_be(
    kind, line, correction, function, claim
):
    more = {"wrt": ("w", "b")} if kind == "missing answer" else {}
    verdict = judged(function, claim, **more)
    assert not verdict and not verdict.equal and verdict.outcome == "different"
    assert (verdict.mistake, verdict.line) == (kind, line)
    assert correction in verdict.correction
    assert ("db is missing" if more else verdict.mistake) in str(verdict)


def test_every_kind_of_the_table_of_words_is_spelled_once():
    assert len(set(KINDS)) == len(KINDS)


def test_the_counterexample_shows_two_values_that_differ():
    verdict = judged(logistic, "dw = X.T @ (p - y) + 2 * lam * w")
    arguments = verdict.counterexample
    true = symgrad.grad(logistic)(*arguments.values())
    np.testing.assert_allclose(verdict.true, true)
    z = arguments["X"] @ arguments["w"] + arguments["b"]
    claimed = arguments["X"].T @ (sigmoid(z) - arguments["y"])
    np.testing.assert_allclose(verdict.claimed, claimed + 2 * arguments["lam"] * arguments["w"])


def test_the_first_wrong_step_is_found_where_no_single_edit_explains_all():
    claim = "dz = 3.7 * (p - y)**3 / n\ndw = X @ dz"
    verdict = judged(logistic, claim, wrt="w")
    assert (verdict.line, verdict.intermediate) == (1, "dz")


def test_mistakes_of_two_answers_are_both_told():
    verdict = judged(ridge, "dw = -X.T @ r / n + lam * w\ndb = np.sum(r)")
    assert verdict.mistake == "sign" and verdict.line == 1
    assert any("line 2" in line for line in verdict.more)


def test_data_as_text_books_have_it_is_told():
    assert "Y has one-hot rows" in judged(one_hot, "dW = X.T @ (p - Y) / len(Y)").proof


def test_features_are_not_taken_for_one_hot_rows():
    wrong = (
        "Z = w * X + b\ndz = sigmoid(Z) - y[:, None]\ndw = np.sum(X * dz, axis=0) / n + 2 * lam * w"
    )
    assert not judged(logistic, wrong)


# --- layout ---------------------------------------------------------------------------------------

OUTER = r"\delta = (h - y) \odot (1 - h^2) \\ \frac{\partial L}{\partial W} = \delta x^T"
LAID_OUT = [
    ("an outer product", neuron, OUTER, True),
    ("the transpose of it", neuron, OUTER.replace(r"\delta x^T", r"x \delta^T"), True),
    ("examples in columns", columns, r"dZ = A - Y \\ dW = \frac{1}{n} dZ X^T", True),
    ("a column in code", logistic, "dw = (X.T @ (p - y) / n + 2 * lam * w)[:, None]", False),
    ("a transpose in code", columns, "dW = (A - Y).T @ X / n", False),
]


@pytest.mark.parametrize("title, function, claim, equal", LAID_OUT, ids=[r[0] for r in LAID_OUT])
def test_a_layout_is_right_in_mathematics_and_told_in_code(title, function, claim, equal):
    verdict = judged(function, claim)
    assert verdict.outcome == "equal up to layout"
    assert bool(verdict) == verdict.equal == equal
    assert verdict.layout and verdict.code in verdict.code
    answer = verdict.code.splitlines()[-1]
    assert ast.parse(answer) and answer.startswith("d")


# --- proofs ---------------------------------------------------------------------------------------

PROVED = ["logistic", "ridge", "network", "nested", "gates", "quadratic"]


@pytest.mark.parametrize("title, function, claim", RIGHT, ids=[row[0] for row in RIGHT])
def test_what_is_a_fraction_of_atoms_is_proved(title, function, claim):
    is_expected = function.__name__ in PROVED and not (isinstance(claim, str) and "\\" in claim)
    assert not is_expected or judged(function, claim).proof.startswith("proved symbolically")


def value(text, kind, **names):
    tree = admit(ast.parse(text, mode="eval").body)
    return Interpreter(names, kind).value(tree)


SAME = [
    ("exp(a + b)", "exp(a) * exp(b)"),
    ("sigmoid(a)", "1 / (1 + exp(-a))"),
    ("tanh(a)", "2 * sigmoid(2 * a) - 1"),
    ("1 - tanh(a)**2", "4 * sigmoid(2 * a) * (1 - sigmoid(2 * a))"),
    ("maximum(a, 0)", "a * (a > 0)"),
    ("(a > 0) * (a > 0)", "1 - (-a > 0)"),
    ("abs(a) * abs(a)", "a**2"),
    ("where(a > b, a, b)", "maximum(b, a)"),
    ("(a**2 - b**2) / (a - b)", "a + b"),
    ("log(a * b + a)", "log(a * (b + 1))"),
]
DIFFERENT = [
    ("exp(a + b)", "exp(a) + exp(b)"),
    ("tanh(a)", "sigmoid(a)"),
    ("maximum(a, 0)", "a"),
    ("abs(a)", "a"),
    ("a > b", "b > a"),
    ("log(a)", "log(b)"),
    ("a * 0.1", "a * 0.1000001"),
]


@pytest.mark.parametrize("left, right", SAME)
def test_equal_expressions_are_proved_equal(left, right):
    import sympy as sp

    kind, names = Symbols(), {"a": sp.Dummy("a"), "b": sp.Dummy("b")}
    assert kind.are_equal(value(left, kind, **names), value(right, kind, **names))


@pytest.mark.parametrize("left, right", DIFFERENT)
def test_different_expressions_are_not_proved_equal(left, right):
    import sympy as sp

    kind, names = Symbols(), {"a": sp.Dummy("a"), "b": sp.Dummy("b")}
    assert not kind.are_equal(value(left, kind, **names), value(right, kind, **names))


# --- the interpreter ------------------------------------------------------------------------------

x, A, B = np.array([0.3, 0.7, 0.2]), np.arange(6.0).reshape(2, 3) / 7, np.eye(3) + 0.1
labels = np.array([2, 0])
EXPRESSIONS = """
x + 1 | 2 * x - x / 3 | -x ** 2 | A @ x | x @ B @ x | A.T.shape | len(A) | A[1, :] | A[:, None, 1]
A[0][1:] | x[::-1] | (x > 0.5) * x | x if len(x) > 2 else A | A.sum(axis=0) | A.mean() | A.reshape(3, 2)
A.ravel() | x.dot(x) | A.transpose() | x.astype(int) | np.pi * x | B[labels] | ~(x > 0.5) | A[..., 0]
np.zeros((2, 3)) + A | np.einsum('ij,j->i', A, x) | np.sum(A, axis=1, keepdims=True) | (x > .1) & (x < .5)
np.concatenate([x, x]) | np.stack([x, x], axis=1) | np.where(x > 0.5, x, 0) | np.linalg.inv(B) | 7 // 2
np.eye(3)[labels] | np.arange(2, 8, 3) | np.full(3, 2.5) | np.maximum(x, 0.4) | 7 % 4 | A.size * A.ndim
np.array([1.0, 2.0]) | np.ones_like(x, dtype=float) | np.tensordot(A, x, axes=1) | +x | not len(x) > 2
"""


@pytest.mark.parametrize(
    "text", [e.strip() for e in EXPRESSIONS.replace("\n", "|").split("|") if e.strip()]
)
def test_an_expression_means_what_python_means(text):
    names = {"x": x, "A": A, "B": B, "labels": labels}
    expected = eval(text, {"np": np, **names})
    found = Interpreter(names).value(admit(ast.parse(text, mode="eval").body))
    np.testing.assert_array_equal(found, expected)
    assert np.shape(found) == np.shape(expected)


@pytest.mark.parametrize("name", sorted(n for n, row in FUNCTIONS.items() if row.elements))
def test_a_function_by_elements_is_numpys(name):
    row = FUNCTIONS[name]
    args = (x, x[::-1].copy(), x + 1)[: row.arity[0]]
    own = {
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)), "expit": lambda z: 1 / (1 + np.exp(-z)),
        "softplus": lambda z: np.log1p(np.exp(z)), "relu": lambda z: np.where(z > 0, z, 0),
    }  # fmt: skip
    np.testing.assert_allclose(row.on_numbers(*args), own.get(name, getattr(np, name, None))(*args))


def test_every_function_is_numpys_or_named_as_none_of_it():
    for name in FUNCTIONS:
        owner = np.linalg if name in LINALG else np
        assert name in NOT_NUMPY or hasattr(owner, name)


def test_writing_to_a_part_changes_no_argument():
    X = np.zeros((2, 2))
    claim = read("X[0, 0] = 1.0\nX += 1\ny = X\ny[1, 1] = 5.0", Known(("X",)))
    values = Interpreter({"X": X}).run(claim.statements).values
    assert not X.any()
    np.testing.assert_array_equal(values["X"], [[2, 1], [1, 5]])  # y is X, as in NumPy


def test_every_edit_is_admissible():
    claim = read(HIDDEN + LAYER, Known(("W1",)))
    rng = np.random.default_rng(0)
    ground = {
        "r": rng.normal(size=5),
        "n": 5,
        "h": rng.normal(size=(5, 4)),
        "w2": rng.normal(size=4),
    }
    ground["X"] = rng.normal(size=(5, 3))
    walker = Interpreter(ground)
    walker.run(claim.statements)
    scope = Scope(walker, [*ground, "dh"], ["n"])
    found = [edit for line in lines_of(claim.statements) for edit in edits(line.formula, scope)]
    assert len(found) > 100
    assert all(admit(edit.formula) for edit in found)
    assert {edit.kind for edit in found} <= {
        *KINDS,
        "sum that is not there",
        "product for quotient",
    }


def test_agreement_asks_for_shape_and_digits():
    assert agrees(np.ones(3), np.ones(3)) and not agrees(np.ones((3, 1)), np.ones(3))
    assert not agrees(np.ones(3) * (1 + 1e-5), np.ones(3)) and not agrees(1.0, np.ones(1))


ANSWERS = [
    ("dW", "W"), ("dL_dW", "W"), ("grad_W", "W"), ("W_grad", "W"), ("dLdW", "W"), ("gradW", "W"),
    ("nabla_W", "W"), ("dW1", None), ("W", None), ("db", "b"), ("dloss_db", "b"), ("lamb", None),
]  # fmt: skip


@pytest.mark.parametrize("name, of", ANSWERS)
def test_a_name_answers_for_a_parameter(name, of):
    assert answered(name, ["W", "b"]) == (None if name == "W" else of)


# --- what is refused ------------------------------------------------------------------------------

MISTAKES = [
    ("unknown name", "neither defined", "dw = X.T @ (q - y)"),
    ("used before its line", "neither defined", "dw = X.T @ g\ng = p - y"),
    ("unknown function", "a call of `np.foo`", "dw = np.foo(w)"),
    ("misspelt function", r"did you mean `tanh`", "dw = np.tanhh(w)"),
    ("attribute", "`.__class__` is not admissible", "dw = w.__class__"),
    ("attribute of NumPy", "not admissible", "dw = np.os"),
    ("dunder name", "not admissible", "dw = __builtins__"),
    ("import", "`import os`", "import os\ndw = w"),
    ("tower of powers", "power beyond every bound", "dw = 9**9**9 * w"),
    ("large array", "elements", "dw = np.zeros((10**6, 10**6)) @ w"),
    ("endless loop", "steps", "dw = w\nfor i in range(10**9):\n    dw = dw + w"),
    ("while", "`while`", "while True:\n    dw = w"),
    ("lambda", "a lambda", "dw = (lambda: w)()"),
    ("comprehension", "comprehension", "dw = [v for v in w]"),
    ("loop over an array", "range", "for v in w:\n    dw = v"),
    ("keyword", "is not Python", "class = w"),
    ("text", "not part of|not admissible", "dw = '<script>'"),
    ("no answer", "answers for none", "g = w"),
    ("too few answers", "1 answers for 2", "def f(w, b, X, y, lam):\n    return w"),
    ("empty", "empty", "  \n"),
    ("syntax", "line 2 is not Python", "dw = w\ndb = ("),
    ("brackets", "nests brackets", "dw = " + "(" * 5_000 + "w" + ")" * 5_000),
    ("length", "characters", "dw = " + "w + " * 300_000 + "w"),
    ("NumPy renamed", "means NumPy", "np = w\ndw = np"),
    ("a list", "a list is no array", "dw = [0] * 10**9"),
    ("another type", "a claim is a text", 3),
    ("a key that is no name", "is no name", {"<b>": "w"}),
    ("a key that answers nothing", "answers for none", {"q": "w"}),
    ("a formula of two lines", "not one expression", {"w": "a = 1\na"}),
    ("a parameter nobody knows", "`foo` is no name", "def f(foo):\n    return w"),
]  # fmt: skip


@pytest.mark.parametrize("title, message, claim", MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_claim_that_cannot_be_read_is_refused_at_once(title, message, claim):
    wrt = ("w", "b") if title == "too few answers" else "w"
    judged(logistic, "dw = w", wrt="w")
    started = time.process_time()
    with pytest.raises(ClaimError, match=message) as caught:
        judged(logistic, claim, wrt=wrt)
    assert time.process_time() - started < 1.5
    assert len(str(caught.value)) < 500


def test_arguments_are_made_up_where_nothing_is_known_of_them_and_it_is_told():
    verdict = compare(ridge, "dw = X.T @ r / n + lam * w")
    assert verdict and "made up" in verdict.notes[0] and verdict.notes[0] in str(verdict)
    assert compare(one_hot, "dW = X.T @ (p - Y) / len(Y)")
    assert compare(ridge, "dw = X.T @ r + lam * w").mistake == "missing 1/n"


def test_args_are_a_tuple():
    with pytest.raises(SymgradError, match="tuple of example arguments"):
        compare(nested, "dx = x", args=2.0)


# --- what is printed ------------------------------------------------------------------------------

MARKUP = "dw = X.T @ (p - y)  # <script>alert(1)</script> {{ 7 * 6 }}"


def test_markup_is_escaped_in_html():
    page = judged(logistic, MARKUP, wrt="w")._repr_html_()
    assert "<script>" not in page and html.escape("<script>") in page


def test_json_holds_everything():
    verdict = judged(logistic, "dw = X.T @ (p - y)", wrt="w")
    data = json.loads(verdict.json())
    assert data["verdict"] == "different" and data["mistake"] == verdict.mistake
    assert np.shape(data["counterexample"]["X"]) == np.shape(verdict.counterexample["X"])
    assert data["feedback"] == str(verdict)


def test_the_same_question_has_the_same_answer():
    first, second = (judged(logistic, "dw = X.T @ (p - y)", wrt="w") for _ in range(2))
    assert str(first) == str(second) and first.json() == second.json()


# --- the commands ---------------------------------------------------------------------------------

LOSS = """\
import numpy as np

print("talk")


def loss(w, X, y):
    n = len(y)
    r = X @ w - y
    return np.sum(r**2) / n


def example_args():
    return np.ones(2), np.ones((3, 2)), np.zeros(3)
"""
RIGHT_CLAIM = "dw = 2 * X.T @ r / n\n"
ASKED = ["--spec", "w: d", "--spec", "X: n d", "--spec", "y: n"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("loss.py").write_text(LOSS)
    return tmp_path


COMMANDS = [
    ("equal", 0, RIGHT_CLAIM, ASKED),
    ("different", 1, RIGHT_CLAIM.replace("2 * ", ""), ASKED),
    ("error", 2, "dw = nobody", ASKED),
    ("the file's example", 0, RIGHT_CLAIM, []),
    ("an example", 0, RIGHT_CLAIM, ["--args", "w=[1.0, 2.0], X=[[1.0, 0.5]], y=[3.0]"]),
    ("an example that cannot be read", 2, RIGHT_CLAIM, ["--args", "NOBODY("]),
    ("LaTeX", 0, r"\frac{\partial L}{\partial w} = \frac{2}{n} X^T r", ASKED),
    ("LaTeX that does not look so", 0, "dw = 2 X^T r / n", [*ASKED, "--latex"]),
    ("a definition", 0, "import numpy as np\ndef g(w, X, y):\n    return 2 * X.T @ r / len(y)", ASKED),
]  # fmt: skip


@pytest.mark.parametrize("title, code, claim, words", COMMANDS, ids=[row[0] for row in COMMANDS])
def test_compare_tells_by_its_exit_code(folder, capsys, title, code, claim, words):
    Path("claim.txt").write_text(claim)
    assert main(["compare", "loss.py:loss", "claim.txt", *words]) == code
    out, err = capsys.readouterr()
    assert bool(out) == (code < 2) and ("symgrad: " in err) == (code == 2)


def test_compare_prints_json(folder, capsys):
    Path("claim.txt").write_text("dw = X.T @ r / n")
    assert main(["compare", "loss.py:loss", "claim.txt", *ASKED, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["mistake"] == "factor 2"


def test_arguments_by_keyword_are_arguments(folder):
    def penalised(w, X, *, lam):
        return np.sum((X @ w) ** 2) + lam * np.sum(w**2)

    example = {"args": (np.ones(2), np.ones((3, 2))), "kwargs": {"lam": 0.5}}
    assert compare(penalised, "dw = 2 * X.T @ (X @ w) + 2 * lam * w", **example)
    assert not compare(penalised, "dw = 2 * X.T @ (X @ w) + lam * w", **example)

    Path("loss.py").write_text(LOSS.replace("def loss(w, X, y)", "def loss(w, *, X, y)"))
    Path("claim.txt").write_text(RIGHT_CLAIM)
    given = ["--args", "w=[1.0, 2.0], X=[[1.0, 0.5]], y=[3.0]"]
    assert main(["compare", "loss.py:loss", "claim.txt", *given]) == 0


def test_a_claim_that_is_no_text_is_an_error(folder, capsys):
    Path("claim.txt").write_bytes(b"\xff\xfe\x00dw")
    assert main(["compare", "loss.py:loss", "claim.txt", *ASKED]) == 2
    Path("claim.txt").write_bytes(b"(" * 2_000_000)
    assert main(["compare", "loss.py:loss", "claim.txt", *ASKED]) == 2


def test_a_claim_in_place_of_its_file_is_told_how(folder, capsys):
    assert main(["compare", "loss.py:loss", RIGHT_CLAIM.strip(), *ASKED]) == 2
    assert "a claim is read from a file, or with - from stdin" in capsys.readouterr().err
    assert main(["compare", "loss.py:loss", "claim.txt", *ASKED]) == 2
    assert "claim.txt: No such file" in capsys.readouterr().err


SUBMISSIONS = {
    "=1+1.txt": (RIGHT_CLAIM, "equal"),
    "b.txt": ("dw = X.T @ r / n", "different"),
    "c.py": ("import os\nos.remove('loss.py')\n", "error"),
    "d.txt": ("(" * 100_000, "error"),
    "e.txt": ("dw = (2 * X.T @ r / n)[:, None]", "equal up to layout"),
}


def test_grade_judges_all_in_order_whatever_one_file_does(folder, capsys):
    for name, (text, _) in SUBMISSIONS.items():
        Path(name).write_text(text)
    assert main(["grade", "loss.py:loss", *SUBMISSIONS, *ASKED, "--csv", "--seconds", "60"]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["verdict"] for row in rows] == [verdict for _, verdict in SUBMISSIONS.values()]
    assert rows[0]["file"] == "'=1+1.txt"  # a spreadsheet must not evaluate it
    assert rows[1]["mistake"] == "factor 2" and rows[1]["line"] == "1"
    assert "should be" in rows[1]["feedback"] and Path("loss.py").exists()


def test_grade_takes_a_folder(folder, capsys):
    Path("all").mkdir()
    assert main(["grade", "loss.py:loss", "all", *ASKED]) == 2
    for name in ("b.txt", "a.txt", ".hidden"):
        Path("all", name).write_text(RIGHT_CLAIM)
    Path("all", "c.txt").write_bytes(b"\xff")
    capsys.readouterr()
    assert main(["grade", "loss.py:loss", "all", *ASKED, "--csv", "--seconds", "60"]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [Path(row["file"]).name for row in rows] == ["a.txt", "b.txt", "c.txt"]
    assert rows[2]["feedback"] == "is not UTF-8 text"  # the file has a column of its own


def test_grade_stops_waiting_for_one_file(folder, capsys):
    Path("slow.txt").write_text(RIGHT_CLAIM)
    Path("loss.py").write_text(LOSS + "\nimport time\ntime.sleep(4 * (__name__ != 'x'))\n")
    started = time.monotonic()
    assert main(["grade", "loss.py:loss", "slow.txt", *ASKED, "--csv", "--seconds", "0.5"]) == 1
    assert time.monotonic() - started < 20
    assert "timeout" in capsys.readouterr().out


def test_grade_reports_a_bad_function_once(folder, capsys):
    Path("a.txt").write_text(RIGHT_CLAIM)
    assert main(["grade", "loss.py:nobody", "a.txt", *ASKED]) == 2
    assert main(["grade", "loss.py:loss", "a.txt", *ASKED, "--seconds", "0"]) == 2


@pytest.mark.parametrize("command", ["compare", "grade"])
def test_help_imports_nothing_heavy(command):
    program = f"from symgrad.cli import main\nimport sys\ntry: main(['{command}', '--help'])\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"numpy", "sympy", "jinja2"} & set(done.stderr.split())


def test_the_answer_itself_is_no_advice():
    def wave(x, y):
        z = x * y
        return np.sin(z)

    assert "∂" not in str(compare(wave, "dx = 1", args=(1.0, 2.0)))


def test_a_formula_without_a_value_at_single_points_is_right():
    def square(a):
        e = 2 * a
        return e**2

    verdict = compare(square, "da = e**2 * 2 / a", args=(1.5,))
    assert verdict.equal
    assert "without a value at" in verdict.proof
    assert not compare(square, "da = e**2 * 3 / a", args=(1.5,))
    assert not compare(square, "da = 8 * a / (a - a)", args=(1.5,))
