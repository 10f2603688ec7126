"""Sizes of arrays as the user's code sees them: ints that are not known yet.

A `SymbolicSize` stands for the number of elements along an axis.  Invariant: where its example
decides anything, a guard or a fixed size says so.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import numpy as np
import sympy as sp

from symgrad.dims import Size, dims_of, floor_div, largest, mod, plain, smallest, spell
from symgrad.graph import Builder, Value
from symgrad.ops import op
from symgrad.trace.front import call_front
from symgrad.trace.place import user_location
from symgrad.trace.specialising import Specialise

_SHOWN: ContextVar[bool] = ContextVar("sizes are shown to a person", default=False)


@contextmanager
def shown() -> Iterator[None]:
    """Let the text of a size be its symbol while a person is shown it: nothing depends on it."""
    token = _SHOWN.set(True)
    try:
        yield
    finally:
        _SHOWN.reset(token)


def is_shown() -> bool:
    return _SHOWN.get()


class SymbolicSize:
    """The number of elements along an axis, as the user's code sees it.

    Not a subclass of int, which would silently bake its value into what it meets.  Arithmetic
    stays symbolic, a comparison is decided by the example and guarded, and a hook that must
    give Python a real number fixes the size.
    """

    __slots__ = ("builder", "size_expression")

    def __init__(self, builder: Builder, expression: Size):
        self.builder = builder
        self.size_expression = expression

    def _other(self, other: Any) -> Size | None:
        if isinstance(other, SymbolicSize):
            return other.size_expression
        if isinstance(other, (int, np.integer)):
            return int(other)
        return None

    def _make(self, size: Size) -> Any:
        size = plain(self.builder.shapes.resolve(size))
        return size if isinstance(size, int) else SymbolicSize(self.builder, size)

    def value(self) -> Any:
        """Return the size as a traced number."""
        return op.size(of=self.size_expression)

    def __repr__(self) -> str:
        """Return the digits of the number, as a program may build a key from them."""
        return spell(self.size_expression) if is_shown() else self._forced()

    def __format__(self, spec: str) -> str:
        return self._forced()

    def __getattr__(self, name: str) -> Any:
        if hasattr(int, name) and not name.startswith("__"):
            self._forced()  # n.bit_length()
        raise AttributeError(f"a size is an integer, which has no attribute {name!r}")

    def __hash__(self) -> int:
        self._forced()  # len(x) in {2, 3}: a set compares numbers

    def _forced(self) -> NoReturn:
        dims = tuple(sorted(dims_of(self.builder.shapes.resolve(self.size_expression)), key=str))
        raise Specialise((), dims, user_location())

    def __index__(self) -> int:
        self._forced()

    def __int__(self) -> int:
        self._forced()

    def __float__(self) -> float:
        self._forced()

    def __bool__(self) -> bool:
        return self._compare("!=", 0)

    def _compare(self, relation: str, other: Size) -> bool:
        return self.builder.shapes.guard(self.size_expression, relation, other)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        values = [x.value() if isinstance(x, SymbolicSize) else x for x in inputs]
        return self.value().__array_ufunc__(ufunc, method, *values, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call_front(func, args, kwargs)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __round__(self, decimals: int | None = None) -> Any:
        return self if decimals is None or decimals >= 0 else self._forced()

    __trunc__ = __floor__ = __ceil__ = __pos__ = lambda self: self

    def __neg__(self) -> Any:
        return self._make(-self.size_expression)

    def __abs__(self) -> Any:
        return self if self._compare("<=", 0) is False else -self


class SymbolicRange:
    """``range`` with an end that is a size: an array of indices, or a loop of a fixed length."""

    def __init__(self, *ends: Any):
        self.start, self.stop, self.step = (
            (0, ends[0], 1) if len(ends) == 1 else (*ends, 1) if len(ends) == 2 else ends
        )

    def _forced(self) -> range:
        return range(*map(operator.index, (self.start, self.stop, self.step)))

    def as_array(self) -> Any:
        """Return the numbers as an array, of as many elements as the sizes say."""
        return call_front(np.arange, (self.start, self.stop, self.step), {})

    def __iter__(self) -> Iterator[int]:
        return iter(self._forced())

    def __len__(self) -> int:
        return len(self._forced())

    def __getitem__(self, key: Any) -> Any:
        return self._forced()[key]

    def __contains__(self, item: Any) -> bool:
        return item in self._forced()

    def __reversed__(self) -> Iterator[int]:
        return reversed(self._forced())

    def __repr__(self) -> str:
        return repr(self._forced())

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call_front(func, [x.as_array() if x is self else x for x in args], kwargs)


def _size_operator(exact: Callable[[Any, Any], Any], name: str, reflected: bool) -> Any:
    def method(self: SymbolicSize, other: Any, modulus: Any = None) -> Any:
        if modulus is not None:
            self._forced()  # pow(n, 2, 3)
        size = self._other(other)
        if size is not None:
            pair = (size, self.size_expression) if reflected else (self.size_expression, size)
            return self._make(exact(*pair))
        if isinstance(other, (float, Value, np.ndarray, np.generic)):
            return getattr(self.value(), name)(other)
        return NotImplemented

    return method


def _size_quotient(name: str) -> Any:
    def method(self: SymbolicSize, other: Any) -> Any:
        if isinstance(other, SymbolicSize):
            other = other.value()
        return getattr(self.value(), name)(other)

    return method


def _size_comparison(relation: str, swap: bool, name: str) -> Any:
    def method(self: SymbolicSize, other: Any) -> Any:
        size = self._other(other)
        if size is not None:
            shapes = self.builder.shapes
            pair = (size, self.size_expression) if swap else (self.size_expression, size)
            return shapes.guard(pair[0], relation, pair[1])
        if isinstance(other, (float, Value, np.ndarray)):
            return getattr(self.value(), name)(other)
        return NotImplemented

    return method


def _power(a: Any, b: Any) -> Any:
    return sp.Pow(a, b)


for _name, _exact in {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "floordiv": floor_div,
    "mod": mod,
    "pow": _power,
}.items():
    setattr(SymbolicSize, f"__{_name}__", _size_operator(_exact, f"__{_name}__", False))
    setattr(SymbolicSize, f"__r{_name}__", _size_operator(_exact, f"__r{_name}__", True))
for _name in ("and", "or", "xor", "lshift", "rshift"):
    for _side in ("", "r"):
        setattr(SymbolicSize, f"__{_side}{_name}__", lambda self, other: self._forced())
setattr(SymbolicSize, "__invert__", lambda self: self._forced())  # noqa: B010
for _name in ("truediv", "rtruediv"):
    setattr(SymbolicSize, f"__{_name}__", _size_quotient(f"__{_name}__"))
for _name, (_relation, _swap) in {
    "eq": ("==", False),
    "ne": ("!=", False),
    "lt": ("<", False),
    "le": ("<=", False),
    "gt": ("<", True),
    "ge": ("<=", True),
}.items():
    setattr(SymbolicSize, f"__{_name}__", _size_comparison(_relation, _swap, f"__{_name}__"))


def size_extreme(values: list[Any], word: str) -> Any:
    """Return ``min`` or ``max`` of sizes and ints, kept symbolic."""
    choose = smallest if word == "min" else largest
    builder = next(v.builder for v in values if isinstance(v, SymbolicSize))
    sizes = [v.size_expression if isinstance(v, SymbolicSize) else v for v in values]
    total = sizes[0]
    for size in sizes[1:]:
        total = choose(total, size)
    return SymbolicSize(builder, total) if not isinstance(total, int) else total
