"""How the emitted functions look from outside: parameters, defaults, checks, results.

Given what was traced and the user's signature, return the `Interface`.  Invariant: the user's
own signature comes first, unchanged; what the function captures follows by keyword.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symgrad.dims import Dim, Shape, Shapes, Size
from symgrad.emit.spell import written_out
from symgrad.emit.views import Guard, Interface, Parameter
from symgrad.trace import LARGEST_CONSTANT, Argument, Capture, Traced
from symgrad.trees import LEAF, Tree


def interface_of(
    name: str,
    value_name: str,
    signature: inspect.Signature,
    arguments: Sequence[Argument],
    traced: Traced,
    shapes: Shapes,
    dims: Mapping[tuple[str, int], Shape],
    wrt: Sequence[str],
    single: bool,
) -> Interface:
    """Return what the emitted functions take and return.

    ``dims`` are the shapes of the arguments' leaves before anything was known of their sizes.
    """
    parameters = tuple(_parameter(a, signature, traced) for a in arguments)
    captured = tuple(map(_captured_parameter, traced.captures))
    by_name = {a.name: a for a in arguments}
    trees = tuple((n, by_name[n].tree, by_name[n].tree.count) for n in wrt)
    return Interface(
        name, parameters, _unique(captured, parameters), trees, single,
        traced.out_tree, traced.aux_tree, value_name,
        tuple(_guards(traced, shapes, dims)), tuple(shapes.resolved_guards()),
    )  # fmt: skip


def _parameter(argument: Argument, signature: inspect.Signature, traced: Traced) -> Parameter:
    declared = signature.parameters[argument.name]
    leaves = tuple(traced.leaves.get((argument.name, k)) for k in range(len(argument.leaves)))
    statics = tuple(
        (k, leaf.value)
        for k, leaf in enumerate(argument.leaves)
        if leaves[k] is None and isinstance(leaf.value, (int, str, bool, type(None)))
    )
    return Parameter(
        argument.name, _KINDS[declared.kind], argument.tree, leaves,
        statics=statics, **_default(declared.default, argument),
    )  # fmt: skip


def _guards(traced: Traced, shapes: Shapes, dims: Mapping[tuple[str, int], Shape]) -> list[Guard]:
    """Return the axes of array inputs whose size no operation checks by itself."""
    originals = [(x, dims[key]) for key, x in traced.leaves.items()]
    originals += [(c.symbol, c.shape) for c in traced.captures]
    first: dict[Size, Size] = {}
    found = []
    for x, shape in originals:
        axes = tuple(
            k for k, size in enumerate(shape) if _is_unchecked(size, first, traced, shapes)
        )
        if axes:
            found.append(Guard(x, axes))
    return found


def _is_unchecked(size: Size, first: dict[Size, Size], traced: Traced, shapes: Shapes) -> bool:
    if isinstance(size, int) or size in traced.fixed_dims:
        return True
    root = shapes.resolve(size)
    if not isinstance(root, (int, Dim)):
        return True  # an expression of other sizes, such as d - 1
    known = root if isinstance(root, int) else first.setdefault(root, size)
    return known is not size and not shapes.checks_itself(size, known)


_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "plain",
    inspect.Parameter.VAR_POSITIONAL: "args",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_KEYWORD: "kwargs",
}


def _default(value: Any, argument: Argument) -> dict[str, Any]:
    """Return how the emitted signature gives a parameter's default."""
    if value is inspect.Parameter.empty:
        return {"default": None}
    if is_plain(value):
        return {"default": written_out(value)}
    fill = value if _can_be_written(value) and any(leaf.aval for leaf in argument.leaves) else None
    return {"default": "None", "fill": fill}


def is_plain(value: Any) -> bool:
    """Return whether a default can stand in a signature as it is."""
    if isinstance(value, tuple) and type(value) is tuple:
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _can_be_written(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(map(_can_be_written, value))
    if type(value) is dict:
        return all(map(is_plain, value)) and all(map(_can_be_written, value.values()))
    is_small = isinstance(value, np.ndarray) and value.size <= LARGEST_CONSTANT
    return is_plain(value) or is_small or isinstance(value, np.generic)


def _captured_parameter(capture: Capture) -> Parameter:
    value = capture.example
    given: dict[str, Any] = {}
    if np.ndim(value) == 0 and np.asarray(value).dtype.name in ("float64", "int64", "bool"):
        given = {"default": written_out(getattr(value, "item", lambda: value)())}
    elif capture.small:
        given = {"default": "None", "fill": value}
    return Parameter(capture.name, "keyword", Tree(LEAF), (capture.symbol,), **given)


def _unique(
    captured: Sequence[Parameter], parameters: Sequence[Parameter]
) -> tuple[Parameter, ...]:
    """Return the captured parameters under names that no other parameter has."""
    taken = {p.name for p in parameters}
    result = []
    for p in captured:
        name, number = p.name, 2
        while name in taken:
            name, number = f"{p.name}{number}", number + 1
        taken.add(name)
        result.append(replace(p, name=name))
    return tuple(result)
