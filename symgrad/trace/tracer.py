"""Stand-ins for arrays and numbers that write down what is done to them.

A `Tracer` answers what Python and NumPy ask of an array; `handle` says what writing to it does.
Invariant: nothing here looks at the value of an array, and nothing of NumPy is patched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from symgrad.dims import Size
from symgrad.errors import TraceError, did_you_mean
from symgrad.ops import FRONT, METHODS
from symgrad.trace.front import Method, call_front
from symgrad.trace.handle import Handle
from symgrad.trace.place import user_location
from symgrad.trace.refusals import short
from symgrad.trace.sizes import SymbolicSize, is_shown
from symgrad.trace.specialising import Specialise, SpecialisingBuilder


class Tracer(Handle):
    """A value of the traced function: array, NumPy scalar or Python scalar."""

    __slots__ = ()
    builder: SpecialisingBuilder
    __array_priority__ = 1000

    # --- what it is

    @property
    def shape(self) -> tuple[Any, ...]:
        return tuple(self._size(size) for size in self.aval.shape)

    def _size(self, size: Size) -> Any:
        size = self.builder.shapes.resolve(size)
        return size if isinstance(size, int) else SymbolicSize(self.builder, size)

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def size(self) -> Any:
        return math.prod(self.shape)

    @property
    def T(self) -> Tracer:
        return FRONT[np.transpose](self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tracer:
        return FRONT[np.swapaxes](self, -1, -2)  # type: ignore[no-any-return]

    @property
    def real(self) -> Tracer:
        return self

    @property
    def imag(self) -> Tracer:
        return FRONT[np.imag](self)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        if self.builder.static_roots(self.symbol) is not None and not is_shown():
            self._forced("text")  # f"W{k}" may be a key
        return f"<traced {self.name or self.symbol}: {self.aval}>"

    def __format__(self, spec: str) -> str:
        return str(self)  # f"{loss:.3f}": there is no number to format yet

    def __getattr__(self, name: str) -> Any:
        method = METHODS.get(name)
        if method is not None:
            return Method(self, name, method)
        if name in ("item", "tolist", "__complex__"):
            raise self._needs_a_number(f"`.{name}`")
        if not name.startswith("_") and hasattr(np.ndarray, name):
            raise TraceError(
                f"arrays' `.{name}` is not known to symgrad{did_you_mean(name, METHODS)}"
            )
        raise AttributeError(
            f"a traced array has no attribute {name!r}{did_you_mean(name, METHODS)}"
        )

    # --- NumPy's protocols

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if kwargs.get("out") is not None and any(type(x) is Tracer for x in kwargs["out"]):
            out = kwargs.pop("out")[0]
            return out._become(call_front(ufunc, inputs, kwargs))
        if kwargs.get("out") is not None:
            raise TraceError(
                "a traced value is written into an array that the function did not make (`+=`, "
                f"`-=` ..., or np.{ufunc.__name__}(..., out=...)): write x = x + y"
            )
        return call_front(ufunc if method == "__call__" else getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call_front(func, args, kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TraceError(
            "a traced array was turned into a plain NumPy array: the code that does this cannot "
            "be read, so its function cannot be staged"
        )

    # --- numbers that Python itself asks for

    def __bool__(self) -> bool:
        if self.builder.static_roots(self.symbol) is None:
            raise TraceError(
                f"`if`, `while`, `and`, `or` or `not` on {self._described()}: its truth is not "
                "known while tracing. Use np.where(condition, a, b), or decide before"
            )
        self._forced("a truth value")

    def _described(self) -> str:
        name = self.builder.notes.names.get(self.symbol)
        shape = self.builder.shapes.show_shape(self.aval.shape)
        return f"the traced value {name} {shape}" if name else f"a traced value {shape}"

    def __index__(self) -> int:
        self._forced("an integer")

    def __int__(self) -> int:
        self._forced("int()")

    def __float__(self) -> float:
        self._forced("float()")

    def __len__(self) -> int:
        if not self.aval.shape:
            raise TypeError("len() of a number")
        size = self.shape[0]
        return size if isinstance(size, int) else int(size)

    def _forced(self, what: str) -> NoReturn:
        roots = self.builder.static_roots(self.symbol)
        if roots is None:
            raise self._needs_a_number(what)
        raise Specialise(*roots, user_location())

    def _needs_a_number(self, what: str) -> TraceError:
        return TraceError(
            f"{what} needs the value of {self._described()}, which is not known while tracing: "
            f"calculate with it as it is (np.float64(x) converts), or compute it before the call"
        )

    def __hash__(self) -> int:
        return id(self)

    # --- what else Python does with numbers and arrays

    def __iter__(self) -> Iterator[Any]:
        if not self.aval.shape:
            raise TypeError("iteration over a number")
        count = len(self)
        row = self.builder.definition(self.symbol)
        if row is not None and row.name == "arange":
            return iter(range(row.settings[0], row.settings[0] + count))
        return (self[i] for i in range(count))

    def __pos__(self) -> Tracer:
        return self.detached()

    def __round__(self, decimals: int = 0) -> Any:
        return FRONT[round](self, decimals)

    def __trunc__(self) -> Any:
        return FRONT[np.trunc](self)

    def __floor__(self) -> Any:
        return FRONT[np.floor](self)

    def __ceil__(self) -> Any:
        return FRONT[np.ceil](self)

    def __divmod__(self, other: Any) -> Any:
        return FRONT[divmod](self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return FRONT[divmod](other, self)

    def __copy__(self) -> Tracer:
        return self.detached()

    def __deepcopy__(self, memo: Any) -> Tracer:
        return self.detached()


def _binary(function: Any, reflected: bool = False) -> Callable[[Tracer, Any], Any]:
    def operator_method(self: Tracer, other: Any) -> Any:
        if isinstance(other, (str, dict, set, bytes)) or other is None:
            if function in (np.equal, np.not_equal):
                return NotImplemented  # x == None is False, as everywhere
            raise TraceError(
                f"{short(other)} of type {type(other).__name__} meets a traced value: only arrays "
                "and real numbers can be calculated with"
            )
        front = FRONT[function]
        return front(other, self) if reflected else front(self, other)

    return operator_method


def _install_operators() -> None:
    binary = {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide,
        "pow": np.power, "matmul": np.matmul, "mod": np.remainder, "floordiv": np.floor_divide,
        "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
        "lshift": np.left_shift, "rshift": np.right_shift,
    }  # fmt: skip
    for name, function in binary.items():
        setattr(Tracer, f"__{name}__", _binary(function))
        setattr(Tracer, f"__r{name}__", _binary(function, reflected=True))
    comparisons = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
                   "eq": np.equal, "ne": np.not_equal}  # fmt: skip
    for name, function in comparisons.items():
        setattr(Tracer, f"__{name}__", _binary(function))
    for name, front in (("neg", np.negative), ("abs", abs), ("invert", np.invert)):
        setattr(Tracer, f"__{name}__", lambda self, _f=FRONT[front]: _f(self))


_install_operators()


def is_traced(value: Any) -> bool:
    return isinstance(value, (Tracer, SymbolicSize))


def is_fixable(value: Any) -> bool:
    """Return whether a value is a plain one or could become one by specialising."""
    if isinstance(value, Tracer):
        return (
            value.aval.dtype.kind in "iub" and value.builder.static_roots(value.symbol) is not None
        )
    return all(map(is_fixable, value)) if isinstance(value, (list, tuple)) else True


def holds_traced(value: Any) -> bool:
    """Return whether a call argument is a traced value or a sequence that holds one."""
    if isinstance(value, (list, tuple)):
        return any(map(holds_traced, value))
    return is_traced(value)
