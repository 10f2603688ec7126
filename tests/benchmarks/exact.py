"""Values and derivatives with as many digits as it takes, by running the user's function.

The function gets object arrays of `Dual` numbers over mpmath: forward differentiation by the
rules of a first course, which shares nothing with symgrad.  At a kink it follows README's table:
a constant wins a tie with derivative 0, two variables share it, `abs` has 0 at 0.
"""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

DIGITS = (50, 100, 500, 1000, 2000)  # 1 - p takes 440 digits where p is 1 - exp(-1000)
AGREED = 25  # so many digits of two evaluations in a row must agree


def as_number(x: Any) -> mpmath.mpf:
    return mpmath.mpf(x.item() if isinstance(x, np.generic) else x)


def _elementwise(operation: Callable[[Dual, Dual], Any]) -> Callable[[Dual, Any], Any]:
    """Leave arrays to NumPy, and make a dual of any other operand."""

    @functools.wraps(operation)
    def with_duals(self: Dual, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else operation(self, dual(other))

    return with_duals


@functools.total_ordering
class Dual:
    """A number and its derivatives by direction, zeros left out; ``None`` for a constant."""

    __slots__ = ("slopes", "value")

    def __init__(self, value: Any, slopes: dict[int, Any] | None = None):
        self.value, self.slopes = value, slopes

    def chain(self, value: Any, slope: Callable[[], Any]) -> Dual:
        if not self.slopes:
            return Dual(value, self.slopes)
        by = slope()
        return Dual(value, {k: by * s for k, s in self.slopes.items()})

    @staticmethod
    def combined(value: Any, *parts: tuple[Any, Dual]) -> Dual:
        """Return the dual of ``value`` whose slopes are the sum of factor times slopes."""
        slopes: dict[int, Any] = {}
        for by, part in parts:
            for k, s in (part.slopes or {}).items():
                slopes[k] = slopes.get(k, 0) + by * s
        constant = all(part.slopes is None for _, part in parts)
        return Dual(value, None if constant else slopes)

    @_elementwise
    def __add__(self, other):
        return Dual.combined(self.value + other.value, (1, self), (1, other))

    @_elementwise
    def __sub__(self, other):
        return Dual.combined(self.value - other.value, (1, self), (-1, other))

    @_elementwise
    def __mul__(self, other):
        product = self.value * other.value
        return Dual.combined(product, (other.value, self), (self.value, other))

    @_elementwise
    def __truediv__(self, other):
        if not other.value:  # not a number, but `where` may still choose another branch
            return Dual.combined(mpmath.nan, (mpmath.nan, self), (mpmath.nan, other))
        ratio = self.value / other.value
        return Dual.combined(ratio, (1 / other.value, self), (-ratio / other.value, other))

    @_elementwise
    def __pow__(self, other):
        n = other.value
        if n == 0.5:
            return self.sqrt()
        if other.slopes is None:
            n = int(n) if n == int(n) else n
            return self.chain(self.value**n, lambda: n * self.value ** (n - 1))
        return (self.log() * other).exp()

    def __neg__(self):
        return self.chain(-self.value, lambda: -1)

    def __abs__(self):
        return self.chain(abs(self.value), lambda: mpmath.sign(self.value))

    @_elementwise
    def __radd__(self, other):
        return other + self

    @_elementwise
    def __rsub__(self, other):
        return other - self

    @_elementwise
    def __rmul__(self, other):
        return other * self

    @_elementwise
    def __rtruediv__(self, other):
        return other / self

    @_elementwise
    def __eq__(self, other):
        return self.value == other.value

    @_elementwise
    def __lt__(self, other):
        return self.value < other.value

    __hash__ = None

    # NumPy calls these methods for `np.exp` and so on of an object array

    def exp(self):
        y = mpmath.exp(self.value)
        return self.chain(y, lambda: y)

    def expm1(self):
        return self.chain(mpmath.expm1(self.value), lambda: mpmath.exp(self.value))

    def log(self):
        # Not finite where the logarithm is not: `where` may still choose another branch.
        if self.value > 0:
            return self.chain(mpmath.log(self.value), lambda: 1 / self.value)
        y = mpmath.ninf if self.value == 0 else mpmath.nan
        return self.chain(y, lambda: mpmath.inf if self.value == 0 else mpmath.nan)

    def log1p(self):
        return (self + dual(1)).log()

    def sqrt(self):
        if self.value < 0:
            return self.chain(mpmath.nan, lambda: mpmath.nan)
        y = mpmath.sqrt(self.value)
        return self.chain(y, lambda: 1 / (2 * y) if y else y)

    def tanh(self):
        y = mpmath.tanh(self.value)
        return self.chain(y, lambda: mpmath.sech(self.value) ** 2)

    def cosh(self):
        return self.chain(mpmath.cosh(self.value), lambda: mpmath.sinh(self.value))

    @_elementwise
    def hypot(self, other):
        return (self * self + other * other).sqrt()

    def sin(self):
        return self.chain(mpmath.sin(self.value), lambda: mpmath.cos(self.value))

    def cos(self):
        return self.chain(mpmath.cos(self.value), lambda: -mpmath.sin(self.value))

    def conjugate(self):
        return self


def dual(x: Any) -> Dual:
    return x if isinstance(x, Dual) else Dual(as_number(x))


class Numbers(np.ndarray):
    """An object array of duals, whose ties in ``maximum`` and ``max`` are shared."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        inputs = [np.asarray(x) for x in inputs]
        if ufunc in TIES and method == "reduce" and options.get("axis", 0) is None:
            inputs, options["axis"] = [inputs[0].ravel()], 0
        if ufunc in TIES:
            inputs = [np.vectorize(dual, otypes=[object])(x) for x in inputs]
            ufunc = TIES[ufunc]
        if out is not None:
            options["out"] = tuple(np.asarray(x) for x in out)
        found = getattr(ufunc, method)(*inputs, **options)
        if isinstance(found, np.ndarray) and found.dtype == object and ufunc in COMPARISONS:
            found = found.astype(bool)
        return found.view(Numbers) if isinstance(found, np.ndarray) else found

    def __array_function__(self, function, types, args, kwargs):
        found = super().__array_function__(function, types, args, kwargs)
        if function is np.where and found.dtype == object:
            found = np.vectorize(dual, otypes=[object])(found).view(Numbers)
        return found


COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)


def _tied(better: Callable[[Any, Any], bool]) -> np.ufunc:
    def pick(x: Dual, y: Dual) -> Dual:
        if x.value != y.value:
            return x if better(x.value, y.value) else y
        if x.slopes is None or y.slopes is None:
            return x if x.slopes is None else y
        return Dual.combined(x.value, (mpmath.mpf(0.5), x), (mpmath.mpf(0.5), y))

    return np.frompyfunc(pick, 2, 1)


TIES = {
    np.maximum: _tied(operator.gt),
    np.minimum: _tied(operator.lt),
    np.logaddexp: np.frompyfunc(lambda x, y: (x.exp() + y.exp()).log(), 2, 1),
}


def numbers(x: Any, seeds: dict[tuple[int, ...], int]) -> Any:
    """Return ``x`` as duals; element ``at`` has slope 1 in direction ``seeds[at]``."""
    array = np.asarray(x)
    if array.dtype.kind != "f":
        return x
    found = np.empty(array.shape, object)
    for at in np.ndindex(array.shape):
        slopes = {seeds[at]: mpmath.mpf(1)} if at in seeds else {}
        found[at] = Dual(as_number(array[at]), slopes if seeds else None)
    return found.view(Numbers) if array.ndim else found[()]


def once(
    function: Callable[..., Any], arguments: tuple[Any, ...], elements: list[tuple[int, Any]]
) -> tuple[mpmath.mpf, ...]:
    """Return the value and the derivatives by ``elements`` with the digits that are set."""
    given = []
    for position, x in enumerate(arguments):
        seeds = {at: k for k, (where, at) in enumerate(elements) if where == position}
        given.append(numbers(x, seeds))
    found = function(*given)
    found = dual(found[()] if isinstance(found, np.ndarray) else found)
    slopes = found.slopes or {}
    return (found.value, *(slopes.get(k, mpmath.mpf(0)) for k in range(len(elements))))


def evaluate(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    elements: list[tuple[int, Any]],
    digits: tuple[int, ...] = DIGITS,
) -> list[mpmath.mpf]:
    """Return value and derivatives of ``function`` at the very floats in ``arguments``.

    ``elements`` names what to differentiate by: (position of the argument, index in it).
    Digits are added until two evaluations agree, since a naive spelling loses some; those before
    1 + 1e-300 has a digit of its own may agree on what is wrong.

    Raises ArithmeticError where they never do: the function has no finite value there.
    """
    before: tuple[mpmath.mpf, ...] | None = None
    for count in digits:
        with mpmath.workdps(count), contextlib.suppress(ZeroDivisionError):
            found = once(function, arguments, elements)
            if before is not None and all(map(_agree, before, found)):
                return list(found)
            before = found if all(map(mpmath.isfinite, found)) else None
    raise ArithmeticError(f"{function.__name__} has no finite value to {digits[-1]} digits")


def _agree(a: mpmath.mpf, b: mpmath.mpf) -> bool:
    return abs(a - b) <= mpmath.mpf(10) ** -AGREED * abs(b) or max(abs(a), abs(b)) < 1e-320
