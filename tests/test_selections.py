"""Sizes that only data knows: how many elements a mask selects."""

import numpy as np
import pytest

import symgrad

X = np.array([0.3, -1.0, 2.0, 0.5])
MASK = np.array([True, False, True, True])


def mean_of_cubes(x):
    picked = x[x > 0.1]
    return np.mean(picked**3)


def test_a_size_that_nothing_else_needs_is_still_read_from_its_value():
    f = lambda x, m: np.sum(symgrad.grad(lambda x: x[m].mean())(x))
    value, grad = symgrad.compile(f).value_and_grad(X, MASK)
    np.testing.assert_allclose(value, 1.0)
    np.testing.assert_array_equal(grad, np.zeros(4))


def test_forward_and_reverse_agree_through_a_mask():
    value, tangent = symgrad.jvp(lambda x: x[MASK].mean(), (X,), (X,))
    np.testing.assert_allclose([value, tangent], [X[MASK].mean()] * 2)
    np.testing.assert_allclose(
        symgrad.hvp(mean_of_cubes)(X, X), symgrad.hessian(mean_of_cubes)(X) @ X
    )


@pytest.mark.parametrize("scale", [1.0, 10.0, -1.0])
def test_one_module_serves_every_number_of_selected_elements(scale):
    c = symgrad.compile(mean_of_cubes)
    c.value_and_grad(X)
    x = scale * X
    expected = np.where(x > 0.1, 3 * x**2, 0) / np.count_nonzero(x > 0.1)
    np.testing.assert_allclose(c.grad(x), expected)
    assert len(c.sources) == 1


SIZES_FROM_A_MASK = {
    "twice": lambda v, w: np.sum((w - np.concatenate([v[v > 0], v[v > 0]])) ** 2),
    "one less": lambda v, w: np.sum(w[:1] * v[v > 0][1:]),
    "product": lambda v, w: w @ np.concatenate([v[v > 0], v[v > 0]]),
    "repeated": lambda v, w: np.sum((w - np.repeat(v[v > 0], 2)) ** 2),
}


@pytest.mark.parametrize("f", SIZES_FROM_A_MASK.values(), ids=SIZES_FROM_A_MASK.keys())
def test_a_parameter_is_checked_once_the_mask_has_selected(f):
    v, w = np.array([1.0, -1.0, 2.0, -3.0, -1.0]), np.arange(1.0, 5.0)
    c = symgrad.compile(f, wrt=(0, 1))
    value, (dv, dw) = c.value_and_grad(v, w)
    np.testing.assert_allclose(value, f(v, w))
    step = 1e-6
    for x, dx, at in ((v, dv, lambda h: f(v + h, w)), (w, dw, lambda h: f(v, w + h))):
        slopes = [(at(h) - at(-h)) / (2 * step) for h in step * np.eye(len(x))]
        np.testing.assert_allclose(dx, slopes, atol=1e-7)
    _, residuals = c.forward(v, w)
    np.testing.assert_allclose(c.backward(residuals)[0], dv)
