"""Parts of numbers, whole numbers, tests of numbers and choices: values of NumPy, derivatives."""
# ruff: noqa: E501 (a row of a table is one line)

import math

import numpy as np
import pytest
from oracles import assert_same, numerical_gradient

import symgrad
from symgrad import MissingRuleError, ShapeError, SymgradError, TraceError
from symgrad.study import emitted

X = np.array([0.3, -1.6, 2.2])
ODD = np.array([np.nan, np.inf, -np.inf, 2.0, -3.0])
SCALE = 1.5


def whole(x):
    return (x > 0).astype(int) * 6 + 2


def scaled(t, factor=2.0, power=1):
    return factor * t**power


def mean_of_part(t):
    return np.mean(t) * t


# Name, function of an array without kinks near X.
PROGRAMS = [
    ("nan_to_num", lambda x: np.nan_to_num(x) ** 2),
    ("ldexp", lambda x: np.ldexp(x, 2) ** 2),
    ("ldexp by an array", lambda x: np.ldexp(x, np.array([1, -2, 0])) ** 2),
    ("math.ldexp", lambda x: math.ldexp(float(2), 3) * x),
    ("frexp", lambda x: np.frexp(x)[0] ** 2 * np.frexp(x)[1]),
    ("modf", lambda x: np.modf(x)[0] ** 2 + np.modf(x)[1]),
    ("modf, both", lambda x: (lambda f, w: f * w)(*np.modf(x))),
    ("np.divmod", lambda x: (lambda q, r: q * r**2)(*np.divmod(x, 0.7))),
    ("divmod", lambda x: (lambda q, r: q * r**2)(*divmod(x, 0.7))),
    ("divmod, reflected", lambda x: (lambda q, r: q * r**2)(*divmod(2.5, x))),
    ("nextafter", lambda x: np.nextafter(x, 3.0) ** 2),
    ("spacing", lambda x: (np.spacing(x) + x) ** 2),
    ("unwrap", lambda x: np.unwrap(3 * x) ** 2),
    ("unwrap with a period", lambda x: np.unwrap(x, period=1.0) ** 2),
    ("unwrap along an axis", lambda x: np.unwrap(3 * np.stack([x, -x, x**2]), axis=0) ** 2),
    ("real_if_close", lambda x: np.real_if_close(x) ** 2),
    ("real, imag, conj", lambda x: np.real(x) * x.conjugate() + np.imag(x) + x.imag + np.conj(x)),
    ("angle", lambda x: np.angle(x) * x + np.angle(x, deg=True)),
    ("isclose", lambda x: np.where(np.isclose(x, 0.4, atol=0.5), x**2, x)),
    ("isclose with limits", lambda x: np.where(np.isclose(x, 2 * x, rtol=0.1, atol=0.5), x**2, x)),
    ("allclose", lambda x: np.where(np.allclose(x, x), x**2, x)),
    ("isneginf, isposinf", lambda x: np.where(np.isneginf(x) | np.isposinf(x), 0, x) ** 2),
    ("isreal, iscomplex", lambda x: np.where(np.isreal(x) & ~np.iscomplex(x), x**2, 0)),
    ("gcd and lcm", lambda x: np.gcd(whole(x), 6) * x + np.lcm(whole(x), 6) * x**2),
    ("shifts", lambda x: (whole(x) << 2) * x + (1 << whole(x)) * x + (whole(x) >> 1) * x),
    ("shifts by name", lambda x: np.left_shift(whole(x), 1) * x + np.right_shift(64, whole(x)) * x),
    ("bitwise_count", lambda x: np.bitwise_count(whole(x)) * x**2),
    ("power.outer", lambda x: np.power.outer(x**2, x)),
    ("piecewise", lambda x: np.piecewise(x, [x < 0, x >= 1], [np.sin, lambda t: t**2, np.exp])),
    ("piecewise without a default", lambda x: np.piecewise(x, [x < 0], [np.cos]) + x**2),
    ("piecewise with numbers", lambda x: np.piecewise(x, [x < 0, x > 2], [0.5, scaled]) * x),
    ("piecewise with arguments", lambda x: np.piecewise(x, [x < 0], [scaled, scaled], 3.0, power=2)),
    ("piecewise of a condition", lambda x: np.piecewise(x, x < 0, [scaled, np.exp])),
    ("piecewise, both true", lambda x: np.piecewise(x, [x > 0, x > 1], [np.sin, np.exp])),
    ("piecewise, captured", lambda x: np.piecewise(x, [x < 0], [lambda t: SCALE * t**2, np.exp])),
    ("piecewise of a mean", lambda x: np.piecewise(x, [x > 0], [mean_of_part, np.exp])),
    ("piecewise of a number", lambda x: np.piecewise(x[0], [x[0] > 0], [np.sin, np.exp])),
    ("choose", lambda x: np.choose([0, 1, 0], [x**3, x**2])),
    ("choose by what is computed", lambda x: np.choose((x > 0).astype(int), [x**3, x**2, x])),
    ("choose, wrapped", lambda x: np.choose([-1, 5, 2], [x**3, x**2], mode="wrap")),
    ("choose, clipped", lambda x: np.choose([-1, 5, 1], [x**3, x**2, x], mode="clip")),
    ("choose of numbers", lambda x: np.choose([0, 1, 1], [2.0, x]) * x),
    ("choose among rows", lambda x: np.choose([[0], [1]], [x**3, x**2])),
]  # fmt: skip
CASES = [case[1] for case in PROGRAMS]
IDS = [case[0] for case in PROGRAMS]
WEIGHTS = np.array([0.7, -1.1, 0.4])


@pytest.mark.parametrize("function", CASES, ids=IDS)
def test_value_and_derivatives_are_those_of_finite_differences(function):
    total = lambda x: np.sum(function(x) * WEIGHTS)
    c = symgrad.compile(total)
    value, grad = c.value_and_grad(X)
    assert_same(value, total(X), rtol=1e-14)
    assert_same(grad, numerical_gradient(total, (X,), 0), rtol=1e-8, atol=1e-9)
    assert_same(c.backward(c.forward(X)[1]), grad, rtol=1e-14)
    v, step = np.cos(X), 1e-5
    assert_same(symgrad.jvp(total, (X,), (v,))[1], grad @ v, rtol=1e-12, atol=1e-12)
    gradient = symgrad.grad(total)
    moved = (gradient(X + step * v) - gradient(X - step * v)) / (2 * step)
    assert_same(symgrad.hvp(total)(X, v), moved, rtol=1e-6, atol=1e-7)
    emitted.read(c.source)  # which refuses what symgrad does not emit


def test_what_nan_to_num_replaces_has_no_slope():
    for function in (np.nan_to_num, lambda x: np.nan_to_num(x, nan=1.0, posinf=5.0, neginf=-5.0)):
        total = lambda x, f=function: np.sum(f(x) * (1e-3 * np.arange(5.0)))
        value, grad = symgrad.value_and_grad(total)(ODD)
        assert value == total(ODD)
        assert_same(grad, np.array([0.0, 0.0, 0.0, 3e-3, 4e-3]))


def test_each_power_of_a_period_is_added_as_numpy_does():
    x = np.array([0.0, 3.0, 6.5, -2.0, 1.0])
    for unwrap in (
        np.unwrap,
        lambda x: np.unwrap(x, discont=5.0),
        lambda x: np.unwrap(x, 5.0, period=4),
    ):
        c = symgrad.compile(lambda x, f=unwrap: np.sum(f(x) ** 2))
        assert_same(c.grad(x), 2 * unwrap(x))


REFUSED = [
    ("too many functions", ShapeError, "3 functions for 1 conditions", lambda x: np.sum(np.piecewise(x, [x < 0], [1, 2, 3]))),
    ("piecewise of whole numbers", TraceError, "gives int64", lambda x: np.sum(np.piecewise(whole(x), [x < 0], [1, 2]) * x)),
    ("a copy refused", TraceError, "`copy` is not supported", lambda x: np.sum(np.nan_to_num(x, copy=False))),
    ("shifts of floats", TraceError, "np.left_shift does not take", lambda x: np.sum(x << 1)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "words", "function"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_what_is_not_supported_is_refused_by_name(error, words, function):
    with pytest.raises(error, match=words):
        symgrad.grad(function)(X)


def test_the_derivative_of_numpys_bessel_function_needs_scipy(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingRuleError, match="install SciPy"):
        symgrad.grad(lambda x: np.sum(np.i0(x)))(X)
    assert issubclass(MissingRuleError, SymgradError)
