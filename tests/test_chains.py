"""Chains of products: the order is the cheapest there is, and the gradient stays the same."""

import itertools

import numpy as np
import pytest
from oracles import slope

import symgrad
from symgrad.recognise.chains import Order, _order

N, D, K, M = 30, 40, 20, 50


def arrays(*shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


def named(A, B, x):
    C = A @ B
    return np.sum((C @ x) ** 2)


def read_twice(A, B, x):
    return np.sum((A @ B @ x) ** 2) + np.sum(A @ B)


# Each line: a function, its arrays, and lines that must and must not be in its text.
CHAINS = {
    "matrix, matrix, vector": (
        lambda A, B, x: np.sum((A @ B @ x) ** 2),
        [(N, D), (D, K), (K,)],
        ["B @ x", "A @ z", "A.T @ dz2", "B.T @ dz"],
        ["A @ B"],
    ),
    "vector, matrix, matrix stays": (
        lambda x, A, B: np.sum((x @ A @ B) ** 2),
        [(N,), (N, D), (D, K)],
        ["x @ A"],
        ["A @ B"],
    ),
    "sum of a product": (
        lambda A, B: (A @ B).sum(),
        [(N, D), (D, K)],
        ["A.sum(axis=0)", "B.sum(axis=1)"],
        ["A @ B"],
    ),
    "mean of rows of a product": (
        lambda A, B: np.sum(np.mean(A @ B, axis=0) ** 2),
        [(N, D), (D, K)],
        ["A.sum(axis=0)", "B.T @ total_A"],
        ["A @ B"],
    ),
    "four matrices": (
        lambda A, B, C, x: np.sum((A @ B @ C @ x) ** 2),
        [(N, D), (D, K), (K, M), (M,)],
        ["C @ x"],
        ["A @ B"],
    ),
    "by the sizes of the example": (
        lambda A, B, C: np.sum((A @ B @ C) ** 2),
        [(100, 2), (2, 100), (100, 3)],
        ["B @ C"],
        ["A @ B"],
    ),
    "an order that costs the same is the user's": (
        lambda A, B, C: np.sum((A @ B @ C) ** 2),
        [(N, N), (N, N), (N, N)],
        ["A @ B"],
        ["B @ C"],
    ),
    "transposes": (
        lambda A, B, x: np.sum((A.T @ B.T @ x) ** 2),
        [(D, N), (K, D), (K,)],
        ["B.T @ x"],
        ["A.T @ B.T"],
    ),
    "a name is kept": (named, [(N, D), (D, K), (K,)], ["C = A @ B", "C @ x"], []),
    "a product that is read twice": (read_twice, [(N, D), (D, K), (K,)], ["A @ B"], []),
}
every_chain = pytest.mark.parametrize("name", CHAINS)


@every_chain
def test_the_text_holds_the_cheapest_order(name):
    function, shapes, wanted, unwanted = CHAINS[name]
    compiled = symgrad.compile(function, wrt=tuple(range(len(shapes))))
    compiled.value_and_grad(*arrays(*shapes))
    for text in wanted:
        assert text in compiled.source
    for text in unwanted:
        assert text not in compiled.source


@every_chain
def test_value_and_gradient_are_those_of_the_function(name):
    function, shapes, *_ = CHAINS[name]
    compiled = symgrad.compile(function, wrt=0)
    values = arrays(*shapes)
    value, gradient = compiled.value_and_grad(*values)
    np.testing.assert_allclose(value, function(*values), rtol=1e-12)
    direction = np.random.default_rng(1).normal(size=shapes[0])
    expected = slope(lambda A: function(A, *values[1:]), [values[0]], [direction])
    np.testing.assert_allclose(np.vdot(gradient, direction), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["matrix, matrix, vector", "sum of a product"])
def test_sizes_that_do_not_fit_are_still_refused(name):
    function, shapes, *_ = CHAINS[name]
    compiled = symgrad.compile(function, wrt=0)
    compiled.value_and_grad(*arrays(*shapes))
    (rows, columns), *others = shapes
    with pytest.raises((ValueError, symgrad.SymgradError)):
        compiled.value_and_grad(*arrays((rows, columns + 1), *others))
    module = {}
    exec(compiled.source, module)
    with pytest.raises(ValueError):
        module["value_and_grad"](*arrays((rows, columns + 1), *others))


def test_nothing_is_reordered_when_asked_for_exactness():
    function, shapes, *_ = CHAINS["matrix, matrix, vector"]
    compiled = symgrad.compile(function, wrt=0, exact=True)
    compiled.forward(*arrays(*shapes))
    assert "A @ B" in compiled.source


def cheapest_of_all(sizes):
    """Return the least cost of a chain of matrices by trying every bracketing."""
    if len(sizes) == 2:
        return 0
    return min(
        cheapest_of_all(sizes[: k + 1])
        + cheapest_of_all(sizes[k:])
        + sizes[0] * sizes[k] * sizes[-1]
        for k in range(1, len(sizes) - 1)
    )


@pytest.mark.parametrize("length", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("seed", range(5))
def test_the_order_costs_no_more_than_any_bracketing(length, seed):
    sizes = [int(n) for n in np.random.default_rng(seed).integers(2, 60, length + 1)]
    factors = [(None, (k, k + 1)) for k in range(length)]

    def cost(labels):
        return float(np.prod([sizes[k] for k in labels]))

    order = _order(factors, (0, length), cost)
    assert isinstance(order, Order)
    assert order.cost(cost) <= cheapest_of_all(sizes)


def test_every_factor_is_used_once():
    order = _order([(None, (k, k + 1)) for k in range(5)], (0, 5), lambda labels: len(labels))

    def factors(part):
        return [part.factor] if not part.parts else [*itertools.chain(*map(factors, part.parts))]

    assert sorted(factors(order)) == list(range(5))
