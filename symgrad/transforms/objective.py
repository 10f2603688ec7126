"""A compiled function as one of a flat vector, the way `scipy.optimize` wants it.

Given a compiled function and its arguments, return an `Objective`.  Invariant: value and
gradient at one point are calculated once, whichever is asked for first.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from symgrad.arguments import bind
from symgrad.compiled import Compiled
from symgrad.errors import ArgumentError
from symgrad.flat import Array, Layout, Slot
from symgrad.transforms.matching import name_of
from symgrad.transforms.products import HessianProduct


class Objective:
    """A loss as a function of one float64 vector: ``fun``, ``jac``, ``hessp``, and where to start.

    problem = c.scipy(params, X, y)
    found = minimize(problem.fun, problem.x0, jac=problem.jac, hessp=problem.hessp,
                     method="trust-ncg")
    params = problem.unflatten(found.x)
    """

    def __init__(self, compiled: Compiled, args: Any, kwargs: Any):
        self._compiled = compiled
        self._values = dict(bind(compiled.signature, name_of(compiled.function), args, kwargs))
        value, grads = compiled.value_and_grad(*args, **kwargs)  # which refuses bad arguments
        start = self._in_wrt(self._values)
        self.layout = Layout.of(start, "wrt" if len(compiled.wrt) > 1 else compiled.wrt[0])
        self.x0 = self._flattened(start)
        self._keep(self.x0, value, grads)

    def __repr__(self) -> str:
        return (
            f"<symgrad objective of {name_of(self._compiled.function)}, {self.layout.size} numbers>"
        )

    def fun(self, x: Array) -> float:
        """Return the value at ``x``."""
        self._evaluate(x)
        return self._value

    def jac(self, x: Array) -> Array:
        """Return the gradient at ``x``, a vector like it."""
        self._evaluate(x)
        return self._gradient.copy()

    def hessp(self, x: Array, v: Array) -> Array:
        """Return the Hessian at ``x`` times the vector ``v``, without making the Hessian."""
        args, kwargs = self._call(x)
        return self._flattened(self._product(*args, self.unflatten(v), **kwargs))

    def unflatten(self, x: Array) -> Any:
        """Return what a vector means: the arguments in wrt, in their structure."""
        x = np.array(x, np.float64)  # a copy: SciPy writes over its own
        if x.shape != (self.layout.size,):
            raise ArgumentError(
                f"x has shape {x.shape}, and {name_of(self._compiled.function)} takes a flat "
                f"vector of {self.layout.size} numbers here: begin with x0"
            )
        views = self.layout.views(x)
        return self.layout.build(map(_as_given, self.layout.slots, views))

    @functools.cached_property
    def _product(self) -> HessianProduct:
        of = self._compiled
        function = _value_alone(of.function) if of.has_aux else of.function
        return HessianProduct(function, of.wrt[0] if of.single else of.wrt)

    def _in_wrt(self, values: Any) -> Any:
        wanted = tuple(values[name] for name in self._compiled.wrt)
        return wanted[0] if self._compiled.single else wanted

    def _call(self, x: Array) -> tuple[Any, Any]:
        """Return the arguments of the user's function at ``x``."""
        given = self.unflatten(x)
        parts = (given,) if self._compiled.single else given
        values = {**self._values, **dict(zip(self._compiled.wrt, parts, strict=True))}
        bound = inspect.BoundArguments(self._compiled.signature, values)
        return bound.args, bound.kwargs

    def _evaluate(self, x: Array) -> None:
        if not np.array_equal(x, self._at):
            args, kwargs = self._call(x)
            self._keep(x, *self._compiled.value_and_grad(*args, **kwargs))

    def _keep(self, x: Array, value: Any, grads: Any) -> None:
        self._at = np.array(x, np.float64)
        self._value = float(value[0] if self._compiled.has_aux else value)
        self._gradient = self._flattened(grads)

    def _flattened(self, value: Any) -> Array:
        leaves = self.layout.leaves_of(value, "the gradient")
        return np.concatenate([np.ravel(leaf) for leaf in leaves], dtype=np.float64)


def _as_given(slot: Slot, view: Array) -> Any:
    """Return a leaf as the user gave it: a Python float, a number of NumPy's, or an array."""
    if slot.dtype is None:
        return float(view)
    return view.astype(slot.dtype, copy=False)


def _value_alone(function: Any) -> Any:
    @functools.wraps(function)
    def value_alone(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)[0]

    return value_alone
