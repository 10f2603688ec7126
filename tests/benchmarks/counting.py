"""How many array operations a function does, counted while it runs.

A source cannot tell whether ``a * b`` multiplies arrays or numbers, so the function is run on
arrays that count.  One operation is one call that reads or writes the elements of an array: a
ufunc, a reduction, a product, a gather, a scatter, a copy, a fill.  Views, shapes, `np.empty` and
arithmetic on single numbers cost next to nothing and are not counted.  Both sides are run on the
same arguments by the same rules, so in-place and ordinary spellings weigh the same, as do
``np.sum(x)`` and ``x.sum()``.

The backward part is what the value does not depend on.  Each operation remembers those that
wrote what it reads, so this is found alike in code that keeps the passes apart and in code that
mixes them.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Tape:
    """The operations so far: what each read, and whether it counts."""

    sources: list[frozenset[int]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    counts: list[bool] = field(default_factory=list)

    def record(self, name: str, sources: frozenset[int], counts: bool) -> int:
        self.sources.append(sources)
        self.names.append(name)
        self.counts.append(counts)
        return len(self.sources) - 1

    def needed_for(self, wanted: frozenset[int]) -> set[int]:
        """Return the operations that ``wanted`` depend on, themselves included."""
        found: set[int] = set()
        ahead = list(wanted)
        while ahead:
            if (one := ahead.pop()) not in found:
                found.add(one)
                ahead += self.sources[one]
        return found


TAPE = Tape()


class Counted(np.ndarray):
    """An array that records each operation; arrays on the same memory share ``writers``."""

    def __array_finalize__(self, other: Any) -> None:
        self.writers: set[int] = getattr(other, "writers", set())

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        call = getattr(ufunc, method)
        if method == "at":
            return recorded(ufunc.__name__, call, inputs, options, into=(inputs[0],))
        if out:
            options["out"] = out
        return recorded(ufunc.__name__, call, inputs, options, into=out)

    def __array_function__(self, function, types, inputs, options):
        if function.__name__ in VIEWS:
            return _viewed(function, inputs, options)
        return recorded(function.__name__, function, inputs, options)

    def __getitem__(self, key):
        if _is_gather(key):
            return recorded("gather", np.ndarray.__getitem__, (self, key), {})
        found = super().__getitem__(key)
        if isinstance(found, np.ndarray):
            return found
        number = np.asarray(found).view(Counted)
        number.writers = self.writers
        return number

    def __setitem__(self, key, value):
        if not _is_gather(key) and getattr(value, "writers", None) is self.writers:
            return  # the last step of `x[1:] += y`, already done in place
        sources = (self, key, value)
        recorded("scatter", np.ndarray.__setitem__, sources, {}, into=(self,))


def _method(name: str) -> Callable[..., Any]:
    def method(self, *args, **options):
        return recorded(name, getattr(np.ndarray, name), (self, *args), options)

    return method


REDUCTIONS = ("sum", "mean", "var", "std", "max", "min", "prod", "argmax", "argmin", "cumsum")
for _name in (*REDUCTIONS, "trace", "copy", "astype", "clip", "dot", "repeat", "argsort"):
    setattr(Counted, _name, _method(_name))

VIEWS = {
    "reshape", "ravel", "transpose", "expand_dims", "squeeze", "broadcast_to", "swapaxes",
    "moveaxis", "diagonal", "diag", "shape", "ndim", "size", "empty_like", "sliding_window_view",
}  # fmt: skip
MAKERS = ("zeros", "ones", "full", "eye", "arange", "array", "asarray")


def _is_gather(key: Any) -> bool:
    keys = key if isinstance(key, tuple) else (key,)
    return any(isinstance(k, list) or (isinstance(k, np.ndarray) and k.ndim) for k in keys)


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in _leaves(part)]
    if isinstance(tree, dict):
        return _leaves(list(tree.values()))
    return [tree]


def _plain(tree: Any) -> Any:
    if isinstance(tree, tuple | list):
        return type(tree)(_plain(part) for part in tree)
    if isinstance(tree, dict):
        return {key: _plain(part) for key, part in tree.items()}
    return tree.view(np.ndarray) if isinstance(tree, Counted) else tree


def _viewed(function: Callable[..., Any], inputs: Any, options: Any) -> Any:
    found = function(*_plain(inputs), **_plain(options))
    if isinstance(found, np.ndarray):
        found = found.view(Counted)
        found.writers = next(x.writers for x in _leaves(inputs) if isinstance(x, Counted))
    return found


def recorded(
    name: str, call: Callable[..., Any], inputs: Any, options: Any, into: tuple[Any, ...] = ()
) -> Any:
    """Make one call on plain arrays, put it on the tape, and return arrays that count."""
    read = [x for x in _leaves((inputs, options)) if isinstance(x, Counted)]
    sources = frozenset().union(*(x.writers for x in read))
    found = call(*_plain(tuple(inputs)), **_plain(options))
    touched = [*_leaves((inputs, options)), *_leaves(found)]
    counts = any(isinstance(x, np.ndarray) and x.ndim for x in touched)
    number = TAPE.record(name, sources, counts)
    for x in into:
        x.writers.add(number)
    if into:
        return into[0]
    return _counted(found, number)


def _counted(found: Any, number: int) -> Any:
    if isinstance(found, tuple | list):
        return tuple(_counted(part, number) for part in found)
    if not isinstance(found, np.ndarray | np.generic):
        return found
    array = np.asarray(found).view(Counted)
    array.writers = {number}
    return array


class CountingNumpy(types.ModuleType):
    """NumPy, except that what it makes from nothing counts too."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if name == "empty":
            return lambda *args, **options: found(*args, **options).view(Counted)
        if name in MAKERS:
            return lambda *args, **options: recorded(name, found, args, options)
        if name == "bincount":  # NumPy does not ask an index array's class
            return lambda *args, **options: recorded(name, found, args, options)
        if name in ("sum", "mean"):  # nor that of arrays in a list
            return _of_lists(name, found)
        if name in ("maximum", "minimum"):
            pair = types.SimpleNamespace(reduce=_of_lists(name, found.reduce))
            return _Ufunc(found, pair)
        return found


def _of_lists(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, *rest: Any, **options: Any) -> Any:
        if isinstance(x, list):
            return recorded(name, function, (x, *rest), options)
        return function(x, *rest, **options)

    return call


@dataclass(frozen=True)
class _Ufunc:
    """A ufunc whose ``reduce`` counts arrays in a list as well."""

    ufunc: Any
    instead: Any

    def __call__(self, *xs: Any, **options: Any) -> Any:
        return self.ufunc(*xs, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.instead, name, None) or getattr(self.ufunc, name)


@dataclass(frozen=True)
class Operations:
    """The names of all operations in order, and of those the value does not need."""

    all: tuple[str, ...]
    backward: tuple[str, ...]


def operations(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Operations:
    """Return the array operations of a ``value_and_grad``."""
    global TAPE
    TAPE = Tape()
    counting = types.FunctionType(
        function.__code__,
        {**function.__globals__, "np": CountingNumpy("numpy")},
        argdefs=function.__defaults__,
    )
    counting.__kwdefaults__ = function.__kwdefaults__
    given = [x.view(Counted) if isinstance(x, np.ndarray) else x for x in arguments]
    value, _ = counting(*given)
    forward = TAPE.needed_for(frozenset(getattr(value, "writers", ())))
    counted = [k for k, counts in enumerate(TAPE.counts) if counts]
    return Operations(
        tuple(TAPE.names[k] for k in counted),
        tuple(TAPE.names[k] for k in counted if k not in forward),
    )
