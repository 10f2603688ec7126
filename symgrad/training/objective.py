"""The loss as the loop sees it: parameters and a batch in, value and gradient out.

Given a function, its parameters and the names of the data, return its value and a gradient of
the structure of the parameters.  Invariant: which argument is which is decided once, by name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.arguments import is_leaf
from symgrad.compiled import Compiled
from symgrad.errors import ArgumentError, did_you_mean
from symgrad.specialise import Specialisation
from symgrad.training.dataset import Batch
from symgrad.trees import flatten, spell_path

Call = tuple[tuple[Any, ...], dict[str, Any]]


class Objective:
    """A loss with its arguments sorted into parameters and data.

    A dict whose keys are parameters of the function is spread over them; any other pytree is the
    one argument that the function is differentiated by.  What is ``drawn`` anew in each step is
    none of the data.
    """

    def __init__(self, fn: Callable[..., Any], params: Any, drawn: Sequence[str] = ()):
        given = fn if isinstance(fn, Compiled) else None
        whole = given or Compiled(fn)
        self.name = whole._name
        taken = list(whole.signature.parameters)
        self.taken = tuple(taken)
        self.spread = self._spread(params, taken, given)
        self.compiled = given or Compiled(fn, self.spread or 0)
        self.single = not self.spread
        self.has_aux, self.gives_one = self.compiled.has_aux, self.compiled.single
        parameters = [whole.signature.parameters[name] for name in taken]
        self._refuse_kinds(parameters)
        self.is_positional = all(p.kind is not p.KEYWORD_ONLY for p in parameters)
        mine = {*(self.spread or self.compiled.wrt), *drawn}
        self.names = tuple(name for name in taken if name not in mine)
        self.required = tuple(
            p.name for p in parameters if p.default is p.empty and p.name not in mine
        )
        self._runs: dict[Any, Callable[..., Any]] = {}
        self._first: tuple[Batch | None, Any] = None, None  # of its kind, and what it runs

    def _spread(self, params: Any, taken: Sequence[str], given: Compiled | None) -> tuple[str, ...]:
        """Return the parameters that the keys of ``params`` name, or () if it is one argument."""
        keys = list(params) if isinstance(params, Mapping) else []
        named = [key for key in keys if key in taken]
        if not named:
            self._refuse_several(given)
            return ()
        for key in keys:
            if key not in taken:
                raise ArgumentError(
                    f"params has `{key}`, which is no parameter of {self.name}"
                    f"{did_you_mean(str(key), taken)}"
                )
        if given is not None and set(given.wrt) != set(keys):
            raise ArgumentError(
                f"params has {', '.join(keys)}, and {self.name} was compiled with "
                f"wrt={', '.join(given.wrt)}: give one dict of these"
            )
        return tuple(given.wrt) if given is not None else tuple(keys)

    def _refuse_several(self, given: Compiled | None) -> None:
        if given is not None and len(given.wrt) > 1:
            raise ArgumentError(
                f"{self.name} was compiled with wrt={', '.join(given.wrt)}: give params as a dict "
                "by these names"
            )

    def _refuse_kinds(self, parameters: Sequence[inspect.Parameter]) -> None:
        for p in parameters:
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                raise ArgumentError(f"{self.name} takes *{p.name}: name what it takes one by one")

    # --- the data

    def choose(self, columns: Mapping[str, Any], source: str, is_file: bool) -> tuple[str, ...]:
        """Return which columns the function takes, in its order.

        A file may hold more; what a dict or a tuple holds has to be taken.
        """
        if not is_file:
            for name in columns:
                if name not in self.names:
                    raise ArgumentError(
                        f"{source} has `{name}`, which {self.name} does not take"
                        f"{did_you_mean(name, self.names)}: it takes {_listed(self.names)}"
                    )
        for name in self.required:
            if name not in columns:
                has = f"{source} has {_listed(columns)}"
                hint = "; a Preparation makes X and y of columns" if is_file else ""
                raise ArgumentError(
                    f"{self.name} takes `{name}`, and {has}{did_you_mean(name, columns)}{hint}"
                )
        return tuple(name for name in self.names if name in columns)

    # --- values

    def value_and_grad(self, params: Any, names: Sequence[str], batch: Batch) -> tuple[Any, Any]:
        """Return the loss of a batch, and its gradient in the structure of ``params``."""
        args, kwargs = self.arguments(params, names, batch)
        first, run = self._first
        if batch is not first:  # a full batch is the same in every epoch
            run = self._runs.get(("value_and_grad", _kinds(batch)))
        if run is not None and not kwargs:
            return self._result(run(*args), params)
        found = self.compiled.value_and_grad(*args, **kwargs)
        if (made := self._reusable(args, kwargs, batch)) is not None:
            run = self._runs["value_and_grad", _kinds(batch)] = self.compiled._quick(made)
            self._first = batch, run
        return self._result(found, params)

    def value(self, params: Any, names: Sequence[str], batch: Batch) -> float:
        """Return the loss of a batch."""
        args, kwargs = self.arguments(params, names, batch)
        run = self._runs.get(("forward", _kinds(batch)))
        if run is not None and not kwargs:
            found = run(*args)[0]
        else:
            found = self.compiled(*args, **kwargs)
            if (made := self._reusable(args, kwargs, batch)) is not None:
                self._runs["forward", _kinds(batch)] = self.compiled._quick(made, "forward")
        return float(found[0] if self.has_aux else found)

    def _reusable(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], batch: Batch
    ) -> Specialisation | None:
        """Return what serves every batch of these shapes as it served this one, if it does."""
        made, converted, _ = self.compiled._made_for(args, kwargs, "value_and_grad")
        is_plain = all(type(x) is np.ndarray for x in batch) and not made.traced.fixed
        return made if is_plain and not kwargs and converted is args else None

    def _result(self, found: tuple[Any, Any], params: Any) -> tuple[Any, Any]:
        value, grads = found
        if self.has_aux:
            value = value[0]
        each = (grads,) if self.gives_one else grads
        if self.single:
            return value, each[0]
        by_name = dict(zip(self.spread, each, strict=True))
        if self.spread == tuple(params):
            return value, by_name
        return value, {name: by_name[name] for name in params}

    def arguments(self, params: Any, names: Sequence[str], batch: Batch) -> Call:
        """Return how the function is called: in order, until something is left to its default."""
        if self.is_positional and self.spread and (*params, *names) == self.taken:
            return (*params.values(), *batch), {}
        given = dict(zip(names, batch, strict=True))
        given |= params if self.spread else {self.compiled.wrt[0]: params}
        taken = self.compiled.signature.parameters
        bound = {name: given[name] for name in taken if name in given}
        if len(bound) == len(taken) and self.is_positional:
            return tuple(bound.values()), {}
        found = inspect.BoundArguments(self.compiled.signature, bound)
        return found.args, found.kwargs


def _kinds(batch: Batch) -> tuple[Any, ...]:
    return tuple([(x.dtype, x.shape) if type(x) is np.ndarray else type(x) for x in batch])


def call(function: Callable[..., Any], params: Any, columns: Mapping[str, Any], what: str) -> Any:
    """Return what a function of parameters and columns gives, such as ``predict(params, X)``.

    Its arguments are the parameters by name, or all of them first, and columns by name.
    """
    taken = _names_of(function)
    by_name = dict(params) if isinstance(params, Mapping) else {}
    if not any(name in by_name for name in taken):
        by_name, taken_first = {}, taken[:1]
        by_name |= dict.fromkeys(taken_first, params)
    known = {**columns, **by_name}
    for name in taken:
        if name not in known:
            raise ArgumentError(
                f"{what} takes `{name}`, which is neither a parameter of the model nor a column"
                f"{did_you_mean(name, known)}: there are {_listed(known)}"
            )
    return function(*[known[name] for name in taken])


def _names_of(function: Callable[..., Any]) -> tuple[str, ...]:
    return _declared(function) if inspect.isfunction(function) else _declared_now(function)


def _declared_now(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


_declared = functools.lru_cache(maxsize=64)(_declared_now)  # asked for every epoch


def leaves_of(params: Any) -> dict[str, Any]:
    """Return the arrays of a pytree by the words that a person would reach them with."""
    leaves, tree = flatten(params, is_leaf)
    names = [_spelled(path) for path in tree.paths()]
    return dict(zip(names, leaves, strict=True))


def _spelled(path: Sequence[tuple[str, Any]]) -> str:
    if len(path) == 1 and path[0][0] == "dict":
        return str(path[0][1])
    return spell_path("params", path)


def _listed(names: Any) -> str:
    return ", ".join(map(str, names)) or "nothing"
