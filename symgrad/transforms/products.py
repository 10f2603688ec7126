"""Transforms to products with a derivative: Hessian times vector, Jacobian times tangents.

They take more than the function does.  Outside a trace the whole transform is compiled as a
function of both.  Invariant: the Hessian or Jacobian itself is never made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from symgrad.arguments import is_leaf
from symgrad.compiled import Compiled
from symgrad.errors import ArgumentError
from symgrad.trace import in_trace
from symgrad.trace.builder import TraceBuilder
from symgrad.transforms.derivatives import Gradient, Transform
from symgrad.transforms.matching import (
    arguments_given,
    call_arguments,
    rebuilt,
    seeds_like,
    wrt_values,
)
from symgrad.transforms.recording import record, replace_function
from symgrad.trees import Tree, flatten


class _OfAnArgument(Transform):
    """A transform that takes more than the function does: it is compiled as a whole."""

    any_output = True

    def __init__(self, fn: Callable[..., Any], wrt: Any, has_aux: bool = False):
        super().__init__(fn, wrt, has_aux)
        self._emitted: dict[tuple[str, ...], _ValueOnly] = {}

    def emitted(self, names: tuple[str, ...], extra: tuple[str, ...]) -> _ValueOnly:
        found = self._emitted.get(names)
        if found is None:
            found = self._emitted[names] = _ValueOnly(_Whole(self, names, extra))
        return found


class HessianProduct(_OfAnArgument):
    """The pullback of the gradient at ``v``."""

    word = "hvp"

    def __init__(self, fn: Callable[..., Any], wrt: Any, has_aux: bool = False):
        super().__init__(fn, wrt, has_aux)
        own = self.compiled.signature
        taken = [p for p in own.parameters.values() if p.kind < inspect.Parameter.KEYWORD_ONLY]
        rest = [p for p in own.parameters.values() if p.kind >= inspect.Parameter.KEYWORD_ONLY]
        taken = [p.replace(default=inspect.Parameter.empty) for p in taken]
        if all(p.kind is not inspect.Parameter.VAR_POSITIONAL for p in taken):
            kind = taken[-1].kind if taken else inspect.Parameter.POSITIONAL_ONLY
            last = inspect.Parameter(_unused("v", own.parameters), kind)
            self.__signature__ = own.replace(parameters=[*taken, last, *rest])

    def outside(self, args: Any, kwargs: Any) -> Any:
        args, v = _without_v(args, self)
        values = arguments_given(self.compiled.signature, self.__name__, args, kwargs)
        v_name = _unused("v", values)
        leaves, tree = wrt_values(self.compiled, args, kwargs)
        v = tree.build(iter(seeds_like(v, leaves, tree, "v of hvp")))
        return self.emitted(tuple(values), (v_name,)).value(*values.values(), v)

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        args, v = _without_v(args, self)
        of = self.compiled
        gradient = Gradient(of.function, of.wrt[0] if of.single else of.wrt)
        run = record(builder, replace_function(of, gradient), args, kwargs)
        grads = run.inline(run.pullback(), run.seeds(v, "v of hvp"))
        return run.in_tree.build(iter(grads))


def _without_v(args: tuple[Any, ...], transform: Transform) -> tuple[tuple[Any, ...], Any]:
    if not args:
        raise ArgumentError(f"{transform.__name__}: v is missing, the last positional argument")
    return args[:-1], args[-1]


def _unused(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name += "_"
    return name


class Pushforward(_OfAnArgument):
    """``(value, tangent)`` of primals and tangents."""

    word = "jvp"

    def outside(self, args: Any, kwargs: Any) -> Any:
        primals, tangents = args
        values = arguments_given(self.compiled.signature, self.__name__, tuple(primals), {})
        dots = arguments_given(self.compiled.signature, "", tuple(tangents), {}).values()
        leaves, tree = flatten(tuple(values.values()), is_leaf)
        dots = tree.build(iter(seeds_like(tuple(dots), leaves, tree, "tangent")))
        names = tuple(_unused(f"{name}_dot", values) for name in values)
        return self.emitted(tuple(values), names).value(*values.values(), *dots)

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        primals, tangents = args
        run = record(builder, self.compiled, tuple(primals), {})
        given = arguments_given(self.compiled.signature, "", tuple(tangents), {})
        found = run.inline_pushforward(run.tangents(tuple(given.values())))
        return run.value, run.out_tree.build(iter(found))


@dataclass(frozen=True, slots=True)
class _Whole:
    """A transform as a function of the parameters that a call gives, and its extra arguments."""

    transform: _OfAnArgument
    names: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def __name__(self) -> str:
        return self.transform.__name__

    @property
    def __signature__(self) -> inspect.Signature:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature(
            [inspect.Parameter(name, kind) for name in (*self.names, *self.extra)]
        )

    def __call__(self, *values: Any) -> Any:
        builder = in_trace()
        assert builder is not None, "the emitted code of a whole transform runs without it"
        count = len(self.names)
        signature = self.transform.compiled.signature
        args, kwargs = call_arguments(signature, dict(zip(self.names, values, strict=False)))
        if isinstance(self.transform, Pushforward):
            dots, _ = call_arguments(signature, dict(zip(self.names, values[count:], strict=True)))
            return self.transform.inside(builder, (args, dots), {})
        return self.transform.inside(builder, (*args, *values[count:]), kwargs)


class _ValueOnly(Compiled):
    """A function compiled for its value alone."""

    wrt = ()

    def __init__(self, fn: Callable[..., Any]):
        super().__init__(fn, (), check=None, any_output=True)

    def _check_names(self) -> None:
        pass  # there is nothing to differentiate by

    def value(self, *args: Any) -> Any:
        value = self.value_and_grad(*args)[0]
        if len(self._all) == 1 and not _names_fields(self._all[0].traced.out_tree):
            return value
        return rebuilt(flatten(value, is_leaf)[0], self._made_for(args, {})[0])[0]


def _names_fields(tree: Tree) -> bool:
    return tree.kind == "field" or any(map(_names_fields, tree.parts))
