"""A Gaussian process and a Kalman filter: emitted, derived by hand and measured, they agree."""

import numpy as np
import pytest

import symgrad
from tests.benchmarks.against_hand import by_name
from tests.benchmarks.hand_derived.gaussians import GAUSSIANS
from tests.oracles import assert_same, numerical_gradient

both = pytest.mark.parametrize("loss", GAUSSIANS, ids=lambda loss: loss.name)
ROWS = 7


@both
def test_the_emitted_gradient_agrees_with_by_hand(loss):
    arguments = loss.arguments(np.random.default_rng(3), ROWS)
    value, gradients = symgrad.compile(loss.function, wrt=loss.wrt).value_and_grad(*arguments)
    by_hand, expected = loss.by_hand(*arguments)
    assert value == pytest.approx(by_hand, rel=1e-12)
    expected = by_name(loss, expected)
    for name, gradient in by_name(loss, gradients).items():
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(gradient, expected[name], rtol=0, atol=1e-11 * scale)


@both
def test_by_hand_agrees_with_finite_differences(loss):
    arguments = loss.arguments(np.random.default_rng(4), ROWS)
    names = loss.function.__code__.co_varnames
    for name, gradient in by_name(loss, loss.by_hand(*arguments)[1]).items():
        if name not in ("Q", "R"):  # by hand these are taken for symmetric
            measured = numerical_gradient(loss.function, arguments, names.index(name))
            assert_same(np.float64(gradient), measured, rtol=1e-6, atol=1e-6)


def test_the_process_is_differentiated_by_its_matrix_and_solves_no_system_again():
    loss = GAUSSIANS[0]
    c = symgrad.compile(loss.function, wrt=loss.wrt)
    c.value_and_grad(*loss.arguments(np.random.default_rng(5), ROWS))
    lines = c.source[c.source.index("def value_and_grad") :].splitlines()
    together = "".join(line.partition("#")[0] for line in lines)
    assert together.count("linalg.solve(") == 2  # the user's own
    assert together.count("linalg.inv(") == together.count("linalg.cholesky(") == 1
