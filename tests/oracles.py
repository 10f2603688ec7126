"""Derivatives found without symgrad: finite differences, complex step, SymPy at high precision.

Nothing here knows a rule of symgrad's, which is the point.
"""

import math

import mpmath
import numpy as np
import sympy as sp

STEP = 1e-3  # fourth order: the error of the formula is near 1e-12, that of rounding 1e-13


def slope(function, at, direction, step=STEP):
    """Return the derivative of ``function`` at ``at`` along ``direction``, by four points.

    Both may be tuples of arrays; ``function`` may return an array.
    """
    values = [
        np.asarray(function(*[x + k * step * v for x, v in zip(at, direction, strict=True)]))
        for k in (-2, -1, 1, 2)
    ]
    a, b, c, d = (v.astype(np.float64) for v in values)
    return (a - 8 * b + 8 * c - d) / (12 * step)


def numerical_gradient(function, args, k):
    """Return the gradient of the scalar ``function`` in argument ``k``, one element a time."""
    x = np.asarray(args[k], np.float64)
    gradient = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[at] = 1.0

        def along(moved):
            return function(*args[:k], moved, *args[k + 1 :])

        gradient[at] = slope(along, (x,), (unit,))
    return gradient


def complex_gradient(function, args, k):
    """Return the gradient of an analytic scalar ``function`` to the last digits.

    W. Squire and G. Trapp, "Using complex variables to estimate derivatives" (1998).
    """
    x = np.asarray(args[k], np.complex128)
    gradient = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        moved = x.copy()
        moved[at] += 1e-30j
        gradient[at] = np.imag(function(*args[:k], moved, *args[k + 1 :])) / 1e-30
    return gradient


def sympy_derivative(math_function, point, order, digits=60):
    """Return a partial derivative of a SymPy function at a point as a float.

    ``order`` holds the operands to differentiate by, one after another.  NaN or an infinity
    means that the function or its derivative is not a finite real number there.
    """
    xs = [sp.Symbol(f"t{i}", real=True) for i in range(len(point))]
    found = math_function(*xs)
    for i in order:
        found = found.diff(xs[i])
    exact = {x: sp.Rational(*float(p).as_integer_ratio()) for x, p in zip(xs, point, strict=True)}
    with mpmath.workdps(digits):
        value = sp.N(found.subs(exact), digits)
        itself = sp.N(math_function(*[exact[x] for x in xs]), digits)
    if not itself.is_real:
        return math.nan
    try:
        return float(value)
    except (TypeError, OverflowError):
        return math.nan


def assert_same(mine, theirs, rtol=1e-7, atol=1e-8):
    """Compare values, shapes exactly and NaN with NaN."""
    assert np.shape(mine) == np.shape(theirs)
    np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=atol)
