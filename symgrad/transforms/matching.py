"""Arguments matched to parameters, and cotangents and tangents to what they belong to.

Given what a call gives, or a structure of seeds, return its parts in the order of the function's
own.  Invariant: what does not fit is refused, by the name of what it was meant to be.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.arguments import bind, is_leaf
from symgrad.compiled import Compiled
from symgrad.errors import ArgumentError, ShapeError
from symgrad.specialise import Specialisation
from symgrad.trace.tracer import is_traced
from symgrad.trees import Tree, flatten


def is_any_leaf(value: Any) -> bool:
    return is_leaf(value) or is_traced(value)


def name_of(function: Any) -> str:
    return getattr(function, "__name__", "function")


def arguments_given(
    signature: inspect.Signature, name: str, args: Any, kwargs: Any
) -> Mapping[str, Any]:
    """Return what a call gives, by parameter, without the defaults."""
    try:
        return signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise ArgumentError(f"{name}{signature}: {error}") from None


def call_arguments(signature: inspect.Signature, values: dict[str, Any]) -> tuple[Any, Any]:
    bound = inspect.BoundArguments(signature, values)
    return bound.args, bound.kwargs


def parameters_given(fn: Any, primals: Sequence[Any]) -> tuple[str, ...]:
    function = fn.function if isinstance(fn, Compiled) else fn
    if not primals:
        raise ArgumentError(f"{name_of(function)} is given no primals to differentiate by")
    return tuple(
        arguments_given(inspect.signature(function), name_of(function), tuple(primals), {})
    )


def one_each(compiled: Compiled, grads: Any) -> tuple[Any, ...]:
    """Return one cotangent a primal: those of ``*args`` one by one."""
    found: list[Any] = []
    for name, ct in zip(compiled.wrt, grads, strict=True):
        kind = compiled.signature.parameters[name].kind
        found += ct if kind is inspect.Parameter.VAR_POSITIONAL else [ct]
    return tuple(found)


def wrt_values(compiled: Compiled, args: Any, kwargs: Any) -> tuple[list[Any], Tree]:
    values = bind(compiled.signature, name_of(compiled.function), args, kwargs)
    wanted = tuple(values[name] for name in compiled.wrt)
    return flatten(wanted[0] if compiled.single else wanted, is_leaf)


def rebuilt(leaves: Sequence[Any], made: Specialisation) -> tuple[Any, Tree]:
    """Return a value with the user's own classes, which emitted code does not know."""
    tree = made.traced.out_tree
    return tree.build(iter(leaves)), tree


def leaves_like(given: Any, tree: Tree, what: str) -> list[Any]:
    leaves, mine = flatten(given, is_any_leaf)
    if mine != tree:
        raise ArgumentError(f"the {what} must have the structure of what it belongs to")
    return leaves


def seeds_like(given: Any, leaves: Sequence[Any], tree: Tree, what: str) -> list[Any]:
    """Return cotangents or tangents in the shape and dtype of what they belong to."""
    cts = leaves_like(given, tree, what)
    for ct, y in zip(cts, leaves, strict=True):
        if np.shape(ct) != np.shape(y):
            raise ShapeError(
                f"the {what} has shape {np.shape(ct)}, what it belongs to {np.shape(y)}"
            )
    return [
        np.asarray(ct, y.dtype) if isinstance(y, np.ndarray) and y.dtype.kind == "f" else ct
        for ct, y in zip(cts, leaves, strict=True)
    ]
