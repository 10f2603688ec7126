"""Functions of functions: gradients, Jacobians, Hessians and products with them.

Given a function, return one that calculates its derivative.  Outside a trace it runs emitted
code; inside one (a derivative of a derivative) it writes the derivative's equations into the
trace that runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from symgrad.arguments import is_leaf
from symgrad.compiled import Compiled, refuse_misspelt
from symgrad.errors import ArgumentError
from symgrad.trace import in_trace
from symgrad.trace.builder import TraceBuilder
from symgrad.transforms.derivatives import Gradient, Jacobian, Transform, ValueAndGradient
from symgrad.transforms.matching import one_each, parameters_given, rebuilt, seeds_like
from symgrad.transforms.products import HessianProduct, Pushforward
from symgrad.transforms.recording import record
from symgrad.trees import flatten

MOST_TRANSFORMS = 128  # how many transformed functions are remembered with their emitted code

Wrt = int | str | tuple[int | str, ...] | list[int | str]


def grad(
    fn: Callable[..., Any], wrt: Wrt = 0, has_aux: bool = False, **misspelt: Any
) -> Callable[..., Any]:
    """Return a function that gives the gradient of ``fn``.

    ``wrt`` says what to differentiate by: a parameter's name or number, or a tuple of them; the
    gradient mirrors it.  With ``has_aux`` the function returns ``(value, aux)`` and its gradient
    ``(grads, aux)``.

    Raises WrtError for what cannot be differentiated by, LossError unless the value is one
    number.
    """
    refuse_misspelt("grad", misspelt)
    return _made(Gradient, fn, wrt, has_aux)


def value_and_grad(
    fn: Callable[..., Any], wrt: Wrt = 0, has_aux: bool = False, **misspelt: Any
) -> Callable[..., Any]:
    """Return a function that gives ``(value, grads)`` of ``fn``.

    With ``has_aux`` it gives ``((value, aux), grads)``.  See `grad`.
    """
    refuse_misspelt("value_and_grad", misspelt)
    return _made(ValueAndGradient, fn, wrt, has_aux)


def jacobian(fn: Callable[..., Any], wrt: Wrt = 0, **misspelt: Any) -> Callable[..., Any]:
    """Return a function that gives the derivative of every output by every input, dense.

    Each leaf of the output becomes a structure like ``wrt`` whose leaves have the shape
    ``output.shape + input.shape``.
    """
    refuse_misspelt("jacobian", misspelt)
    return _made(Jacobian, fn, wrt)


def hessian(fn: Callable[..., Any], wrt: Wrt = 0, **misspelt: Any) -> Callable[..., Any]:
    """Return a function that gives the second derivatives of ``fn``, dense.

    It is the Jacobian of the gradient: for an input of shape ``s`` an array ``s + s``.
    """
    refuse_misspelt("hessian", misspelt)
    return jacobian(grad(fn, wrt), wrt)


def hvp(fn: Callable[..., Any], wrt: Wrt = 0, **misspelt: Any) -> Callable[..., Any]:
    """Return a function of ``(*args, v)`` that gives the Hessian of ``fn`` times ``v``.

    ``v`` and the product mirror ``wrt``.  The Hessian itself is never made: the product is the
    pullback of the gradient (Pearlmutter, Fast exact multiplication by the Hessian, 1994).
    """
    refuse_misspelt("hvp", misspelt)
    return _made(HessianProduct, fn, wrt)


def vjp(fn: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return ``(value, pullback)`` of ``fn`` at ``primals``.

    ``pullback(ct)`` takes a cotangent like the value and returns a tuple with the cotangent of
    each primal.
    """
    names = parameters_given(fn, primals)
    compiled = _any_output(fn, names)
    builder = in_trace()
    if builder is not None:
        return _traced_vjp(builder, compiled, primals)
    value, residuals = compiled.forward(*primals)
    leaves, tree = flatten(value, is_leaf)
    value, tree = rebuilt(leaves, residuals.made)

    def pullback(ct: Any) -> tuple[Any, ...]:
        cts = iter(seeds_like(ct, leaves, tree, "cotangent"))
        return one_each(compiled, compiled.backward(residuals, tree.build(cts)))

    return value, pullback


def _traced_vjp(
    builder: TraceBuilder, compiled: Compiled, primals: tuple[Any, ...]
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    run = record(builder, compiled, primals, {})

    def pullback(ct: Any) -> tuple[Any, ...]:
        grads = run.inline(run.pullback(), run.seeds(ct, "cotangent"))
        return one_each(compiled, run.in_tree.build(iter(grads)))

    return run.value, pullback


def jvp(fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return ``(value, tangent)``: ``fn`` at ``primals``, and its derivative along ``tangents``.

    The derivative is the pullback of the pullback, which is linear in its cotangent.
    """
    if not all(isinstance(given, (tuple, list)) for given in (primals, tangents)):
        raise ArgumentError(
            "jvp takes a tuple of primals and a tuple of tangents, one each for every parameter: "
            "jvp(f, (x,), (v,))"
        )
    if len(primals) != len(tangents):
        raise ArgumentError(
            f"jvp takes one tangent for each primal: {len(primals)} primals, "
            f"{len(tangents)} tangents"
        )
    found: tuple[Any, Any] = _made(Pushforward, fn, parameters_given(fn, primals))(
        primals, tangents
    )
    return found


# --- what is remembered -----------------------------------------------------------------------


def _made(kind: type[Transform], fn: Any, wrt: Any, has_aux: bool = False) -> Transform:
    """Return the transform of ``fn``; the same again outside a trace, with its emitted code."""
    wrt = tuple(wrt) if isinstance(wrt, list) else wrt
    if in_trace() is not None:  # a function made in a trace holds traced values: forget it
        return kind(fn, wrt, has_aux)
    try:
        return _remembered(kind, fn, wrt, repr(wrt), has_aux)  # type: ignore[arg-type]
    except TypeError:  # neither the function nor what it is differentiated by need be hashable
        return kind(fn, wrt, has_aux)


@functools.lru_cache(MOST_TRANSFORMS)
def _remembered(kind: type[Transform], fn: Any, wrt: Any, typed: str, has_aux: bool) -> Transform:
    return kind(fn, wrt, has_aux)


def _any_output(fn: Any, names: tuple[str, ...]) -> Compiled:
    return _made(Jacobian, fn, names).compiled
