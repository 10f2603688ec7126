"""Programs that once came out wrong, were refused, or took too long: value and gradient hold."""

import numpy as np
import pytest
from oracles import slope

import symgrad

RNG = np.random.default_rng(0)


def stable_logistic(w, X, t):
    z = X @ w
    return np.mean(np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))))


def stable_sigmoid(z):
    return np.sum(np.where(z >= 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z))))


def mixture(mu, x):
    densities = np.exp(-0.5 * (x[:, None] - mu) ** 2) / np.sqrt(2 * np.pi)
    return -np.mean(np.log(np.mean(densities, axis=1)))


def of_high_degree(a, b):
    q = (b**2 + a**2) / a**2
    h = 1 / ((q - q.max()) ** 2 + 1)
    return np.sqrt((np.mean(h**2) - np.mean(h) ** 2) ** 2 + 1)


def chosen_after_many_steps(x, y):
    for _ in range(400):
        x = np.sin(x) * 0.9
    return np.sum(x[np.arange(len(y)), y])


BYTES = np.array([[100, 20], [30, 40], [50, 60]], dtype=np.uint8)
BITS = np.array([[True, True], [True, False], [True, True]])
SINGLE = np.array([-80, 85], dtype=np.float32)

# Each line: a function and arguments; the first is differentiated by.
PROGRAMS = {
    "a sum of products of bytes": (lambda w, X: w * np.sum(X.T @ X), 2.0, BYTES),
    "a sum of products of booleans": (lambda w, X: np.exp(w) * np.sum(X.T @ X), 0.5, BITS),
    "a mean of three products of bytes": (lambda w, X: w * np.mean(X.T @ X @ X.T), 2.0, BYTES),
    "running sums of single precision": (lambda z: np.sum(np.log(np.cumsum(np.exp(z)))), SINGLE),
    "products of one matrix": (lambda a: np.sum((a @ a.T) @ (a @ a.T).T), RNG.normal(size=(2, 3))),
    "products whose output one lacks": (
        lambda a, b: np.einsum("ij,ik->k", a @ a.T, b).sum(),
        RNG.normal(size=(2, 3)),
        RNG.normal(size=(2, 3)),
    ),
    "a sum that cancels": (
        lambda w, t: np.mean(np.sin(w * t) * np.cos(t)),
        1.0,
        np.linspace(0, 2 * np.pi, 1000, endpoint=False),
    ),
    "a sum that is always 0": (
        lambda X: np.sum((X - X.mean(axis=0)).sum(axis=1)),
        RNG.normal(size=(5, 3)),
    ),
    "the length of a number": (lambda x: np.linalg.norm(x @ x), RNG.normal(size=3)),
    "logistic loss at 0": (
        stable_logistic,
        np.zeros(2),
        RNG.normal(size=(3, 2)),
        np.array([1.0, 0.0, 0.0]),
    ),
    "one sigmoid in two halves": (stable_sigmoid, np.array([-2.0, 0.0, 3.0])),
    "a mixture with its normaliser": (mixture, np.array([0.0, 1.0]), RNG.normal(size=6)),
    "a region of high degree": (of_high_degree, RNG.uniform(0.2, 1, 4), RNG.uniform(0.2, 1, 4)),
    "a choice after many steps": (
        chosen_after_many_steps,
        RNG.uniform(0.2, 1, (4, 3)),
        np.array([0, 1, 2, 1]),
    ),
    "a number out of an axis": (
        lambda x: np.squeeze(np.log(np.exp(x).sum(keepdims=True)), axis=0) ** 2,
        RNG.normal(size=4),
    ),
    "root of a mean of squares": (lambda x: np.sqrt(np.mean(x**2)), RNG.normal(size=4)),
    "a weight that may be 0": (
        lambda b, a, x: np.sum(np.log(a + b * np.exp(x))),
        np.array([0.0, 1e-10, 2.0]),
        np.array([1e-10, 1.0, 0.5]),
        np.array([709.0, 3.0, -1.0]),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_value_and_gradient_are_those_of_the_function(name):
    function, first, *rest = PROGRAMS[name]
    with np.errstate(all="ignore"):
        value, gradient = symgrad.compile(function).value_and_grad(first, *rest)
        own = function(first, *rest)
    single = np.asarray(first).dtype == np.float32
    np.testing.assert_allclose(value, own, rtol=1e-5 if single else 1e-11, atol=1e-13)
    if single or name == "a weight that may be 0":
        assert np.all(np.isfinite(gradient[1:]))
        return
    direction = np.random.default_rng(1).normal(size=np.shape(first))
    expected = slope(lambda x: function(x, *rest), [np.asarray(first)], [direction])
    np.testing.assert_allclose(np.vdot(gradient, direction), expected, rtol=1e-6, atol=1e-9)


def test_the_root_of_a_mean_of_squares_has_derivative_0_at_0():
    for function in (lambda x: np.sqrt(np.mean(x**2)), lambda x: np.sqrt(np.sum(x**2))):
        np.testing.assert_array_equal(symgrad.grad(function)(np.zeros(3)), np.zeros(3))
        with pytest.raises(symgrad.SymgradError):
            symgrad.compile(function, kinks="raise").value_and_grad(np.ones(3))


def test_a_sum_beside_a_weight_that_is_0_or_tiny_keeps_its_digits():
    one = symgrad.compile(lambda m, x: np.sum(np.log(1 + m * np.exp(x))), wrt=(0, 1), check=None)
    for m, x, exact in [
        (0.0, 709.0, 0.0),
        (1e-308, 709.0, 0.5998474012034297),
        (0.0, 5.0, 0.0),
        (0.5, 2.0, np.log1p(0.5 * np.exp(2.0))),
    ]:
        value, _ = one.value_and_grad(np.array([m]), np.array([x]))
        np.testing.assert_allclose(value, exact, rtol=1e-7, atol=1e-13)


def test_sums_of_small_integers_by_einsum_are_refused():
    total = symgrad.compile(lambda b, c: np.sum(np.einsum("ij->", c) * b))
    with pytest.raises(symgrad.TraceError, match="wraps around"):
        total.value_and_grad(ones(2), BITS)


def test_single_precision_may_cancel_too():
    X, C = RNG.normal(size=(3, 3)).astype("f4"), RNG.normal(size=(3, 3)).astype("f4")
    centred = symgrad.compile(lambda X, C: np.sum(X @ (C - C.mean(axis=1, keepdims=True))))
    assert abs(centred.value_and_grad(X, C)[0]) < 1e-5
    scaled = symgrad.compile(lambda x: np.sum(np.exp(x) * np.sqrt(2)))
    assert scaled.value_and_grad(X)[1].dtype == np.float32


def emitted(function, wrt, *arguments):
    compiled = symgrad.compile(function, wrt=wrt)
    compiled.value_and_grad(*arguments)
    module = {}
    exec(compiled.source, module)
    return module["value_and_grad"]


def ones(*shape):
    return np.ones(shape)


LABELS = np.array([0, 2, 1, 1])


def rows_and_labels(s, b, y):
    return np.mean((s - b)[np.arange(s.shape[0]), y] ** 2)


# Each line: a function, arguments it is made for, and others that NumPy refuses or broadcasts.
SIZES = [
    (lambda A, B: np.sum(A @ B), (ones(2, 4, 3), ones(2, 3, 5)), (ones(2, 4, 3), ones(3, 2, 5))),
    (
        lambda A, B: np.sum((A @ B).sum(axis=2) ** 2),
        (ones(2, 4, 3), ones(2, 3, 5)),
        (ones(2, 4, 3), ones(2, 1, 5)),
    ),
    (lambda A, B: np.sum(A @ B), (ones(4, 3), ones(3, 5)), (ones(4, 3), ones(1, 5))),
    (rows_and_labels, (ones(4, 3), ones(4, 1), LABELS), (ones(1, 3), ones(1, 1), LABELS)),
    (lambda A, B: np.trace(A @ B), (ones(4, 3), ones(3, 4)), (ones(4, 3), ones(3, 7))),
    (
        lambda X, d: np.sum(X @ np.ones(len(d))) * d.sum(),
        (ones(4, 3), ones(3)),
        (ones(4, 3), ones(2)),
    ),
    (lambda X, d: np.sum((X @ np.diag(d)) ** 2), (ones(4, 3), ones(3)), (ones(4, 3), ones(1))),
    (lambda A: np.trace(A) ** 2, (ones(4, 4),), (ones(4, 3),)),
    (
        lambda A, B: np.sum(np.einsum("ij,jk->ik", A, B) ** 2),
        (ones(4, 3), ones(3, 2)),
        (ones(4, 1), ones(3, 2)),
    ),
]


@pytest.mark.parametrize(("function", "good", "bad"), SIZES)
def test_the_module_refuses_sizes_that_it_was_not_made_for(function, good, bad):
    with pytest.raises(ValueError):
        emitted(function, 0, *good)(*bad)


def test_infinite_and_missing_exponents_are_no_whole_numbers():
    for exponent in (np.inf, np.nan):
        ratio = lambda x, y, p=exponent: np.sum(x**p / y**p)
        with np.errstate(all="ignore"):
            value, _ = symgrad.compile(ratio).value_and_grad(np.array([0.5]), np.array([2.0]))
            np.testing.assert_equal(value, ratio(np.array([0.5]), np.array([2.0])))


def test_backward_takes_a_plain_number_where_it_is_given_a_shape():
    c = symgrad.compile(lambda x: np.sum(x.reshape(()) * 2))
    _, residuals = c.forward(np.ones((1, 1)))
    np.testing.assert_array_equal(c.backward(residuals), [[2.0]])
    np.testing.assert_array_equal(c.backward(residuals, 3.0), [[6.0]])
