"""Gradients of textbook losses: derived by hand, measured, exact, and emitted, they agree.

By hand is checked against finite differences and against exact derivatives of the user's own
function, neither of which knows anything of symgrad; then symgrad is checked against by hand.
"""

import inspect

import numpy as np
import pytest

import symgrad
from tests.benchmarks.against_hand import by_name, elements_of, error
from tests.benchmarks.counting import operations
from tests.benchmarks.exact import evaluate
from tests.benchmarks.hand_derived import LOSSES
from tests.oracles import slope

ROWS = 8
STEP = 1e-6  # short, so that no kink lies within it
MEASURED, EXACT = 1e-4, 1e-11
EMITTED = 1e-12
STRESSED = 1e-7

# Where the usual derivation itself cancels: p - y for p near y, 1 - tanh(z)**2 for large z.
CANCELS_BY_HAND = {
    ("logistic, labels 0 and 1", "logits of 40, all right"),
    ("two-layer MLP, tanh", "saturated"),
}

CASES = [(name, case) for name, loss in LOSSES.items() for case in loss.stress]


def under_stress(name, case, function):
    """Return the largest relative error of value and gradient."""
    loss = LOSSES[name]
    arguments = loss.stress[case]()
    elements = elements_of(loss, arguments)
    return error(loss, function, arguments, elements, evaluate(loss.function, arguments, elements))


def ordinary(loss):
    return loss.arguments(np.random.default_rng(3), ROWS)


@pytest.mark.parametrize("name", LOSSES)
def test_by_hand_agrees_with_finite_differences(name):
    loss = LOSSES[name]
    arguments, rng = ordinary(loss), np.random.default_rng(4)
    value, gradients = loss.by_hand(*arguments)
    assert value == pytest.approx(loss.function(*arguments), rel=1e-12)
    positions = list(inspect.signature(loss.function).parameters)
    for wrt, gradient in by_name(loss, gradients).items():
        k = positions.index(wrt)
        assert np.shape(gradient) == np.shape(arguments[k])
        direction = rng.standard_normal(np.shape(arguments[k]))

        def along(moved, k=k):
            return loss.function(*arguments[:k], moved, *arguments[k + 1 :])

        measured = slope(along, (arguments[k],), (direction,), STEP)
        size = np.sqrt(np.vdot(gradient, gradient))
        assert abs(measured - np.vdot(gradient, direction)) <= MEASURED * size


@pytest.mark.parametrize("name", LOSSES)
def test_by_hand_agrees_with_the_exact_derivative(name):
    loss = LOSSES[name]
    arguments = loss.arguments(np.random.default_rng(5), 3)
    elements = elements_of(loss, arguments)
    exact = evaluate(loss.function, arguments, elements)
    assert error(loss, loss.by_hand, arguments, elements, exact) <= EXACT


@pytest.mark.parametrize(("name", "case"), CASES)
def test_by_hand_stands_the_stress(name, case):
    limit = STRESSED if (name, case) not in CANCELS_BY_HAND else 2.0
    assert under_stress(name, case, LOSSES[name].by_hand) <= limit


@pytest.mark.parametrize(("name", "case"), CASES)
def test_the_emitted_gradient_stands_the_stress_as_by_hand_does(name, case):
    loss = LOSSES[name]
    emitted = symgrad.compile(loss.function, wrt=loss.wrt).value_and_grad
    by_hand = under_stress(name, case, loss.by_hand)
    assert under_stress(name, case, emitted) <= max(STRESSED, 100 * by_hand)


@pytest.mark.parametrize("name", LOSSES)
def test_by_hand_leaves_its_arguments_alone(name):
    loss = LOSSES[name]
    arguments, before = ordinary(loss), ordinary(loss)
    loss.by_hand(*arguments)
    for now, then in zip(arguments, before, strict=True):
        assert np.array_equal(now, then)


@pytest.mark.parametrize("name", LOSSES)
def test_the_emitted_gradient_agrees_with_by_hand(name):
    loss = LOSSES[name]
    arguments = ordinary(loss)
    value, gradients = symgrad.compile(loss.function, wrt=loss.wrt).value_and_grad(*arguments)
    by_hand, expected = loss.by_hand(*arguments)
    assert value == pytest.approx(by_hand, rel=EMITTED)
    expected = by_name(loss, expected)
    for wrt, gradient in by_name(loss, gradients).items():
        assert np.shape(gradient) == np.shape(expected[wrt])
        scale = np.abs(expected[wrt]).max()
        assert np.abs(gradient - expected[wrt]).max() <= EMITTED * scale


def test_what_is_listed_exists():
    assert all(LOSSES[name].name == name for name in LOSSES)
    assert len(LOSSES) >= 40
    assert set(CASES) >= CANCELS_BY_HAND


def test_operations_are_counted_alike_in_place_and_out_of_place():
    def fresh(x):
        y = np.exp(x) + 1
        return np.sum(y), y[1:] * 2

    def in_place(x):
        y = np.exp(x)
        y += 1
        value = y.sum()
        y = y[1:]
        y *= 2
        return value, y

    found = [operations(function, (np.ones(3),)) for function in (fresh, in_place)]
    assert found[0].backward == found[1].backward == ("multiply",)
    assert len(found[0].all) == len(found[1].all) == 4


def test_a_scatter_is_backward_and_a_shape_is_free():
    def value_and_grad(x, rows):
        n = x.shape[0]
        g = np.zeros((n, 2))
        g[rows] += x.reshape(n, 2)[rows]
        return np.sum(x[rows]), g

    found = operations(value_and_grad, (np.ones((3, 2)), np.array([0, 2])))
    assert found.backward == ("zeros", "gather", "gather", "add", "scatter")
