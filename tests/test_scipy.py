"""Compiled losses through SciPy's optimizers, against what mathematics says of them."""
# ruff: noqa: E501 (a row of a table is one line)

import ast
import sys
import typing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import symgrad
from symgrad import ArgumentError, ExtraError, NotFiniteError, SpecError, SymgradError, optim

scipy_optimize = pytest.importorskip("scipy.optimize")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = X @ [1.0, -2.0, 0.5, 3.0] + 0.7 + 0.1 * RNG.normal(size=60)
LABELS = (Y + RNG.normal(size=60) > 0.5).astype(float)
LAM = 0.1
METHODS = list(optim.minimizing.METHODS.values())


def ridge(w, X, y, lam):
    r = X @ w - y
    return 0.5 * np.mean(r * r) + 0.5 * lam * w @ w


def logistic(w, X, y, lam):
    z = X @ w
    return np.mean(np.log(1 + np.exp(z)) - y * z) + 0.5 * lam * w @ w


def ridge_by_algebra():
    n, d = X.shape
    return np.linalg.solve(X.T @ X / n + LAM * np.eye(d), X.T @ Y / n)


def logistic_by_algebra(w):
    """Return gradient and Hessian, as any textbook derives them."""
    n, d = X.shape
    p = 1 / (1 + np.exp(-X @ w))
    return X.T @ (p - LABELS) / n + LAM * w, (X.T * (p * (1 - p))) @ X / n + LAM * np.eye(d)


# --- the objective --------------------------------------------------------------------------------


def test_value_gradient_and_hessian_product_are_those_of_algebra():
    problem = symgrad.compile(logistic).scipy(np.zeros(4), X, LABELS, LAM)
    assert problem.x0.tolist() == [0, 0, 0, 0]
    for w, v in RNG.normal(size=(5, 2, 4)):
        gradient, hessian = logistic_by_algebra(w)
        assert problem.fun(w) == pytest.approx(logistic(w, X, LABELS, LAM), rel=1e-12)
        np.testing.assert_allclose(problem.jac(w), gradient, rtol=1e-9, atol=1e-8)
        np.testing.assert_allclose(problem.hessp(w, v), hessian @ v, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr"])
def test_scipy_takes_the_objective_as_it_is(method):
    problem = symgrad.compile(ridge).scipy(np.zeros(4), X, Y, LAM)
    found = scipy_optimize.minimize(
        problem.fun, problem.x0, jac=problem.jac, hessp=problem.hessp, method=method
    )
    np.testing.assert_allclose(problem.unflatten(found.x), ridge_by_algebra(), rtol=1e-4)


def test_value_and_gradient_of_a_point_are_calculated_once():
    problem = symgrad.compile(ridge).scipy(np.zeros(4), X, Y, LAM)
    asked = []
    inner = problem._compiled.value_and_grad
    problem._compiled.value_and_grad = lambda *args: asked.append(1) or inner(*args)
    x = np.ones(4)
    problem.fun(x), problem.jac(x), problem.fun(x.copy())
    assert len(asked) == 1
    x += 1  # as SciPy does with its own
    problem.jac(x), problem.fun(x)
    assert len(asked) == 2


def test_what_is_returned_is_the_callers_own():
    problem = symgrad.compile(ridge).scipy(np.zeros(4), X, Y, LAM)
    x = np.ones(4)
    problem.jac(x)[:] = np.nan
    problem.unflatten(x)[:] = np.nan
    assert np.isfinite(problem.jac(x)).all() and x.tolist() == [1, 1, 1, 1]


class Line(typing.NamedTuple):
    w: object
    b: object


@dataclass
class Model:
    lines: object
    scale: object


def of_fields(p, X, y):
    return np.mean((X @ p.w + p.b - y) ** 2) + 0.1 * p.w @ p.w


def of_a_model(p, X, y):
    hidden = sum(np.tanh(X @ line.w + line.b) for line in p.lines)
    return np.mean((p.scale["s"] * hidden - y) ** 2)


def with_keywords(X, y, /, w, *, b=1.0, lam=0.5):
    return np.mean((X @ w + b - y) ** 2) + lam * w @ w


def of_many(X, y, *ws):
    return np.mean((sum(X @ w for w in ws) - y) ** 2) + sum(w @ w for w in ws)


class Regression:
    def __init__(self, lam):
        self.lam = lam

    def loss(self, w, X, y):
        return np.mean((X @ w - y) ** 2) + self.lam * w @ w


W = np.linspace(-1, 1, 4)
PROGRAMS = {
    "array": (ridge, 0, (W, X, Y, LAM), {}),
    "matrix": (lambda W, X: np.sum(np.tanh(X @ W) ** 2), 0, (RNG.normal(size=(4, 3)), X), {}),
    "number": (lambda a, x: np.mean((np.sin(a * x) - x) ** 2), 0, (0.5, X), {}),
    "named tuple with a number": (of_fields, 0, (Line(W, 0.5), X, Y), {}),
    "nested": (of_a_model, 0, (Model([Line(W, 0.1), Line(-W, np.float64(0.2))], {"s": np.array(2.0)}), X, Y), {}),
    "two in wrt": (lambda w, X, y, b: np.mean((X @ w + b - y) ** 2), ("b", "w"), (W, X, Y, 1), {}),
    "one in a tuple": (ridge, ("w",), (W, X, Y, LAM), {}),
    "keywords": (with_keywords, ("w", "b"), (X, Y), {"w": W, "b": 2.0}),
    "a default, which stays": (with_keywords, "w", (X, Y, W), {}),
    "a default in wrt": (with_keywords, ("w", "lam"), (X, Y), {"w": W}),
    "as many as there are": (of_many, "ws", (X, Y, W, 2 * W), {}),
    "a method": (Regression(0.3).loss, "w", (W, X, Y), {}),
}  # fmt: skip


@pytest.mark.parametrize(("function", "wrt", "args", "kwargs"), PROGRAMS.values(), ids=PROGRAMS)
def test_derivatives_are_those_that_differences_say(function, wrt, args, kwargs):
    problem = symgrad.compile(function, wrt=wrt).scipy(*args, **kwargs)
    x = problem.x0 + 0.1
    v = np.cos(np.arange(len(x)))
    h = 1e-6
    assert problem.fun(problem.x0) == pytest.approx(float(function(*args, **kwargs)), rel=1e-12)
    slope = (problem.fun(x + h * v) - problem.fun(x - h * v)) / (2 * h)
    assert problem.jac(x) @ v == pytest.approx(slope, rel=1e-6, abs=1e-8)
    bend = (problem.jac(x + h * v) - problem.jac(x - h * v)) / (2 * h)
    np.testing.assert_allclose(problem.hessp(x, v), bend, rtol=1e-6, atol=1e-6)


class Compiled(Regression):
    loss = symgrad.compile(Regression.loss, wrt="w")


def test_a_compiled_method_is_bound_first():
    problem = Compiled(0.3).loss.scipy(W, X, Y)
    n = len(X)
    np.testing.assert_allclose(problem.jac(W), 2 * X.T @ (X @ W - Y) / n + 0.6 * W, rtol=1e-10)
    np.testing.assert_allclose(problem.hessp(W, Y[:4]), 2 * X.T @ (X @ Y[:4]) / n + 0.6 * Y[:4])


def test_the_parameters_come_back_as_they_were_given():
    net = Model([Line(W, 0.1), Line(-W, np.float64(0.2))], {"s": np.array(2.0)})
    problem = symgrad.compile(of_a_model).scipy(net, X, Y)
    again = problem.unflatten(problem.x0)
    assert type(again) is Model and type(again.lines) is list and type(again.lines[0]) is Line
    assert again.lines[0].w.tolist() == W.tolist() and again.lines[1].b == 0.2
    assert type(again.lines[0].b) is float and again.scale["s"].shape == ()


def test_single_precision_stays_inside():
    problem = symgrad.compile(ridge).scipy(
        W.astype(np.float32), X.astype(np.float32), Y.astype(np.float32), 0.1
    )
    assert problem.x0.dtype == problem.jac(problem.x0).dtype == np.float64
    assert problem.hessp(problem.x0, problem.x0).dtype == np.float64
    assert problem.unflatten(problem.x0).dtype == np.float32


def test_what_the_loss_says_besides_is_left_out():
    def loss(w, X, y):
        r = X @ w - y
        return np.mean(r * r), {"residuals": r}

    problem = symgrad.compile(loss, has_aux=True).scipy(W, X, Y)
    n = len(X)
    assert problem.fun(W) == pytest.approx(np.mean((X @ W - Y) ** 2))
    np.testing.assert_allclose(problem.jac(W), 2 * X.T @ (X @ W - Y) / n, rtol=1e-10)
    np.testing.assert_allclose(problem.hessp(W, W), 2 * X.T @ (X @ W) / n, rtol=1e-10)


# --- minimize -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_ridge_is_solved_as_by_algebra(method):
    w = optim.minimize(ridge, np.zeros(4), X, Y, LAM, method=method, tol=1e-8)
    np.testing.assert_allclose(w, ridge_by_algebra(), rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_logistic_regression_ends_where_its_gradient_vanishes(method):
    w = optim.minimize(
        symgrad.compile(logistic), np.zeros(4), X, LABELS, LAM, method=method, tol=1e-8
    )
    gradient, hessian = logistic_by_algebra(w)
    assert np.abs(gradient).max() < 1e-4
    assert np.linalg.eigvalsh(hessian).min() > 0


def test_parameters_keep_their_structure():
    found = optim.minimize(of_fields, Line(np.zeros(4), 0.0), X, Y, tol=1e-10)
    assert type(found) is Line and type(found.b) is float
    A = np.column_stack([X, np.ones(60)])
    expected = np.linalg.solve(A.T @ A / 60 + np.diag([0.1] * 4 + [0]), A.T @ Y / 60)
    np.testing.assert_allclose([*found.w, found.b], expected, rtol=1e-5)


def test_the_method_may_be_spelt_as_scipy_allows():
    assert optim.minimize(lambda x: (x - 3.0) ** 2, 0.0, method="l-bfgs-b") == pytest.approx(3)


def test_other_arguments_are_scipys():
    found = optim.minimize(ridge, np.zeros(4), X, Y, LAM, bounds=[(0, None)] * 4)
    assert found.min() == 0 and found.max() > 1


@pytest.mark.parametrize("method", METHODS)
def test_the_callback_gets_the_parameters(method):
    seen = []
    optim.minimize(of_fields, Line(np.zeros(4), 0.0), X, Y, method=method, callback=seen.append)
    assert seen and all(type(params) is Line for params in seen)


def test_what_is_given_is_not_touched():
    w = np.zeros(4)
    optim.minimize(ridge, w, X, Y, LAM)
    assert not w.any()


def test_an_end_too_early_is_warned_of():
    with pytest.warns(
        symgrad.SymgradWarning, match=r"L-BFGS-B gave up after 1 iterations: .*maxiter"
    ):
        optim.minimize(ridge, np.zeros(4), X, Y, LAM, options={"maxiter": 1})


# --- mistakes -------------------------------------------------------------------------------------


def problem():
    return symgrad.compile(ridge).scipy(np.zeros(4), X, Y, LAM)


def without_scipy():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "scipy.optimize", None)
        optim.minimize(ridge, np.zeros(4), X, Y, LAM)


def down_for_ever(x):
    return -np.exp(x)


def quietly(program):
    def run():
        with np.errstate(all="ignore"):
            program()

    return run


MISTAKES = [
    ("an unknown method", SpecError, "method='LBFGS' (did you mean `BFGS`?) is none of", lambda: optim.minimize(ridge, W, X, Y, LAM, method="LBFGS")),
    ("a method without gradients", SpecError, "which follow gradients; for SciPy's others, give problem.fun", lambda: optim.minimize(ridge, W, X, Y, LAM, method="Nelder-Mead")),
    ("no method", SpecError, "method=None is none of L-BFGS-B, BFGS", lambda: optim.minimize(ridge, W, X, Y, LAM, method=None)),
    ("wrt twice", ArgumentError, "wrt=0 beside a compiled function, which has its own, ('w',)", lambda: optim.minimize(symgrad.compile(ridge), W, X, Y, LAM, wrt=0)),
    ("no SciPy", ExtraError, 'needs SciPy, which is not installed: python -m pip install "symgrad[train]"', without_scipy),
    ("nan at the start", NotFiniteError, "the value is nan at the start: begin elsewhere", quietly(lambda: optim.minimize(lambda x: np.log(x), -1.0))),
    ("no smallest value", NotFiniteError, "the value is -inf after", quietly(lambda: optim.minimize(down_for_ever, 1.0))),
    ("a vector of another length", ArgumentError, "x has shape (3,), and ridge takes a flat vector of 4 numbers", lambda: problem().fun(np.zeros(3))),
    ("a matrix", ArgumentError, "x has shape (2, 2), and ridge takes", lambda: problem().hessp(np.zeros(4), np.zeros((2, 2)))),
    ("an argument missing", ArgumentError, "missing a required argument: 'lam'", lambda: symgrad.compile(ridge).scipy(W, X, Y)),
    ("integers", symgrad.WrtError, "only floating-point arrays have a gradient", lambda: symgrad.compile(ridge).scipy(np.arange(4), X, Y, LAM)),
    ("no single value", symgrad.LossError, "", lambda: optim.minimize(lambda w: w * w, np.ones(2))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "text", "program"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_told(error, text, program):
    with pytest.raises(error) as caught:
        program()
    assert isinstance(caught.value, SymgradError)
    assert text in str(caught.value)


def test_every_error_has_a_row():
    package = Path(symgrad.__file__).parent
    told, silent = [], []
    for _, error, _, program in MISTAKES:
        with pytest.raises(error) as caught:
            program()
        told.append(str(caught.value))
    for path in ("optim/minimizing.py", "transforms/objective.py"):
        for node in ast.walk(ast.parse((package / path).read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error"):
                texts = [c.value for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant)]
                fixed = max((t for t in texts if isinstance(t, str)), key=len)
                silent += [] if any(fixed in message for message in told) else [fixed]
    assert silent == []


def test_nothing_of_scipy_is_needed_for_the_objective(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    made = symgrad.compile(lambda w: np.sum(w * w)).scipy(np.ones(3))
    assert made.fun(made.x0) == 3 and made.hessp(made.x0, made.x0).tolist() == [2, 2, 2]
