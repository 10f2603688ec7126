"""Sizes calculated from sizes: signs, powers, quotients, and slices by them, against NumPy."""

import numpy as np
import pytest

import symgrad

PROGRAMS = {
    "mean of a slice from the end": lambda v: np.mean(v[-len(v) // 2 :]),
    "var of a slice from the end": lambda v: np.var(v[-len(v) // 2 :]),
    "a negative quotient": lambda v: np.mean(v[len(v) // -2 :]),
    "a negative rest": lambda v: np.sum(v[len(v) % -3 :] ** 2),
    "the smaller of a negative and a number": lambda v: np.sum(v[min(len(v) - 7, 2) :] ** 2),
    "parts that meet": lambda v: np.sum(v[:1] ** 2) + np.sum(v[2 + (-len(v) // 2) :] ** 3),
    "parts that meet by min": lambda v: (
        np.sum(v[:3] ** 2) + np.sum(v[3 + min(len(v) - 4, 1) :] ** 3)
    ),
    "the larger of a rest and 0": lambda v: v.sum() * max(len(v) % -3, 0),
    "divmod of a difference": lambda v: (
        v.sum() * max(divmod(3 - len(v), 2)[0], 0) + divmod(3 - len(v), 2)[1] * v[0]
    ),
    "a size as exponent": lambda v: v.sum() * 2 ** (len(v) - 6),
    "a decision by a negative power": lambda v: v.sum() * (1 if 2 ** (len(v) - 6) > 0 else 5),
    "an empty slice": lambda v: v.sum() + np.sum(v[len(v) : len(v) : 2]),
    "a constant quotient": lambda v: v.sum() + np.sum(v[len(v) // 2 : len(v) // 2 : 2]),
    "a power by a modulus": lambda v: v.sum() * pow(len(v), 2, 3),
    "outer of a slice from the end": lambda v: np.outer(v[-len(v) // 2 :], v).sum(),
    "concatenate of a slice from the end": lambda v: np.sum(
        np.concatenate([v[-len(v) // 2 :], v]) ** 2
    ),
    "rounded": lambda v: v.sum() * round(len(v), -1),
}


@pytest.mark.parametrize("first", [5, 1, 12])
@pytest.mark.parametrize("f", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_every_size_gives_numpys_value_and_gradient(f, first):
    c = symgrad.compile(f, check=None)
    for n in (first, 3, 4, 5, 6, 7, 12):
        v = np.linspace(0.5, 1.5, n)
        step = 1e-6 * np.eye(n)
        expected = [(f(v + h) - f(v - h)) / 2e-6 for h in step]
        value, gradient = c.value_and_grad(v)
        np.testing.assert_allclose(value, f(v))
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)


def test_an_exponent_has_its_brackets_without_data():
    c = symgrad.compile(PROGRAMS["a size as exponent"], specs={"v": "n"})
    assert "2 ** (n - 6)" in c.source
