"""Every program of the table against finite differences, in first and second order."""

import warnings

import numpy as np
import pytest
from oracles import assert_same, numerical_gradient, slope
from programs import PROGRAMS
from scipy import special

import symgrad
from symgrad.differentiate import differentiate
from symgrad.expand import drop_dead, expand
from symgrad.graph import OPS
from symgrad.recognise import recognise

# NumPy 1 promotes float32 by the values of scalars: there the same tests run in float64.
SINGLE = np.float32 if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else np.float64
LOSSES = {
    1: lambda f: lambda x, weights: np.sum(f(x) * weights),
    2: lambda f: lambda x, y, weights: np.sum(f(x, y) * weights),
    3: lambda f: lambda x, y, z, weights: np.sum(f(x, y, z) * weights),
}

every_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.label)


def loss_of(program):
    """Return the loss of a program, and the weights that make one number of its result."""
    shape = np.shape(plainly(program.function, *program.args))
    weights = np.cos(1.0 + np.arange(np.prod(shape))).reshape(shape)
    return LOSSES[len(program.args)](program.function), weights


def plainly(function, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's words on the mean of nothing
        return function(*args)


def compiled(program):
    loss, weights = loss_of(program)
    return symgrad.compile(loss, wrt=program.floats), loss, (*program.args, weights)


def direction(program):
    random = np.random.RandomState(7)
    return tuple(random.uniform(-1, 1, np.shape(program.args[k]))[()] for k in program.floats)


def with_floats(args, floats, values):
    """Return the arguments with the differentiated ones replaced, kinds kept."""
    moved = list(args)
    for k, x in zip(floats, values, strict=True):
        moved[k] = np.asarray(x) if isinstance(args[k], np.ndarray) else type(args[k])(x)
    return tuple(moved)


@every_program
def test_the_gradient_is_that_of_finite_differences(program):
    c, loss, args = compiled(program)
    value, grads = plainly(c.value_and_grad, *args)
    assert_same(value, plainly(loss, *args), rtol=1e-12, atol=1e-12)
    for k, grad in zip(program.floats, grads, strict=True):
        assert np.asarray(grad).dtype == np.float64
        assert_same(grad, plainly(numerical_gradient, loss, args, k))


@every_program
def test_the_product_with_the_hessian_is_that_of_finite_differences(program):
    c, loss, args = compiled(program)
    v = direction(program)
    found = plainly(symgrad.hvp(loss, wrt=program.floats), *args, v)
    at = [args[k] for k in program.floats]
    for i, product in enumerate(found):

        def gradient(*values):
            return c.grad(*with_floats(args, program.floats, values))[i]  # noqa: B023

        assert_same(product, plainly(slope, gradient, at, v), rtol=1e-6, atol=1e-7)


@every_program
def test_backward_is_the_transpose_of_the_derivative_of_the_program_itself(program):
    # <weights, J v> = <J^T weights, v>, and backward is linear in the cotangent of the value.
    c, _, args = compiled(program)
    _, residuals = plainly(c.forward, *args)
    grads = plainly(c.backward, residuals, 1.7)
    v = direction(program)

    def values(*moved):
        return program.function(*with_floats(program.args, program.floats, moved))

    pushed = plainly(slope, values, [args[k] for k in program.floats], v)
    right = sum(float(np.sum(g * d)) for g, d in zip(grads, v, strict=True))
    np.testing.assert_allclose(1.7 * np.sum(args[-1] * pushed), right, rtol=1e-7, atol=1e-8)


@every_program
def test_float32_gives_float32(program):
    _, loss, args = compiled(program)
    single = tuple(
        x.astype(SINGLE) if isinstance(x, (np.ndarray, np.generic)) and x.dtype == float else x
        for x in args
    )
    own = plainly(loss, *single)
    value, grads = plainly(symgrad.compile(loss, wrt=program.floats).value_and_grad, *single)
    exact = plainly(symgrad.compile(loss, wrt=program.floats).grad, *args)
    assert np.asarray(value).dtype == np.asarray(own).dtype
    for k, grad, wide in zip(program.floats, grads, exact, strict=True):
        if not isinstance(single[k], float):
            assert np.asarray(grad).dtype == SINGLE
        scale = np.max(np.abs(wide), initial=1.0)
        np.testing.assert_allclose(grad, wide, rtol=1e-4, atol=1e-5 * scale)


def ops_of(graph):
    return {eqn.rhs.name for eqn in graph.equations}


def gradient_inside(x):
    return np.sum(symgrad.grad(lambda z: np.sum(np.tanh(z)))(x) ** 2)


def test_every_op_is_reached_by_some_program():
    nested = symgrad.compile(gradient_inside)
    nested(np.ones(3))
    reached = ops_of(nested._newest().traced.graph)
    for program in PROGRAMS:
        c, _, args = compiled(program)
        plainly(c.value_and_grad, *args)
        made = c._newest()
        found = recognise(made.traced.graph)[0]
        wrt = [x for x in found.inputs if found.avals[x].inexact]
        for graph in (made.traced.graph, found, differentiate(found, wrt), made.joint(True)):
            reached |= ops_of(graph) | ops_of(drop_dead(expand(graph)))
    assert {name for name in set(OPS) - reached if not has_a_table_of_its_own(name)} == set()


NUMBERS = """
    ldexp nextafter spacing angle modf frexp isclose nan_to_num unwrap choose left_shift right_shift
    gcd lcm bitwise_count isneginf isposinf isreal iscomplex numpy_i0
""".split()  # noqa: SIM905


def has_a_table_of_its_own(name):
    """Return whether tests/test_special.py or tests/test_numbers.py try an op."""
    return hasattr(special, name) or name.startswith("scipy_") or name in NUMBERS
