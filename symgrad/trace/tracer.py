"""Stand-ins for arrays, numbers and sizes that write down what is done to them.

A `Tracer` is a mutable handle on a symbol: ``+=`` and item assignment on an array replace its
symbol, so aliases see the change, as they would in NumPy.  Invariant: nothing here looks at the
value of an array, and nothing of NumPy is patched.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, NoReturn

import numpy as np
import sympy as sp

from symgrad.dims import Dim, Shapes, Size, dims_of, floor_div, largest, mod, plain, smallest, spell
from symgrad.errors import Location, ShapeError, SymgradError, TraceError, did_you_mean, is_users
from symgrad.graph import OPS, Aval, Builder, Operand, Static, Sym, Value
from symgrad.ops import FRONT, METHODS, op
from symgrad.ops.creation import array
from symgrad.ops.indexing import index, put, read_key

LARGEST_CONSTANT = 64  # elements of an array from nowhere that may be written out in the text


class Specialise(BaseException):
    """The trace needs a number: start again with these leaves or dims fixed.

    Not an Exception, so that a user's ``except Exception`` cannot swallow it.
    """

    def __init__(self, inputs: tuple[Sym, ...], dims: tuple[Dim, ...], location: Location | None):
        self.inputs, self.dims, self.location = inputs, dims, location


class TraceBuilder(Builder):
    """A builder that knows where the user's code stands and makes tracers."""

    def __init__(self, shapes: Shapes | None = None):
        super().__init__(shapes)
        self.shapes.where = self.location
        self.constants: dict[int, tuple[Any, Tracer]] = {}
        self.static_inputs: set[Sym] = set()
        self.unnamed_inputs: set[Sym] = set()
        self.runtime: Any = None
        self.warnings: dict[Location | None, str] = {}

    def wrap(self, operand: Operand) -> Tracer:
        return Tracer(self, operand)

    def operand(self, value: Any) -> Operand:
        kind = type(value)
        if kind is Tracer:
            if value.base is not None:
                value.refresh()
            if value.builder is not self:
                raise TraceError(
                    "a traced value is used in another trace: it was kept in a variable outside "
                    "its function; return it instead"
                )
            return value.symbol  # type: ignore[no-any-return]
        if kind is float or kind is int or kind is bool:
            return Static(value)
        if kind is SymbolicSize:
            return op.size(of=value.size_expression).symbol
        return self._other_operand(value)

    def _other_operand(self, value: Any) -> Operand:
        if isinstance(value, (Sym, Static)):
            return value
        if isinstance(value, Value):
            return value.symbol
        if isinstance(value, np.generic):
            refuse_dtype(value.dtype)
            return Static(value)
        if isinstance(value, np.ndarray):
            return self.constant(value).symbol
        if isinstance(value, (list, tuple)):
            return FRONT[np.array](value).symbol  # type: ignore[no-any-return]
        if isinstance(value, (bool, int, float)):
            return Static(type(value).__mro__[1](value))
        raise TraceError(
            f"{type(value).__name__} {_short(value)} meets a traced value: "
            "only arrays and real numbers can be calculated with"
        )

    def constant(self, value: np.ndarray[Any, Any]) -> Tracer:
        """Return an array that no argument and no variable holds: known, or refused."""
        known = self.constants.get(id(value))
        if known is not None:
            return known[1]
        refuse_subclass(value, "an array here")
        refuse_dtype(value.dtype)
        if value.size > LARGEST_CONSTANT:
            raise TraceError(
                f"an array of shape {value.shape} comes from nowhere: pass it as an argument (it "
                "may be random, read from a file, or made by code that cannot be read)"
            )
        return array(value)  # type: ignore[no-any-return]

    def location(self) -> Location | None:
        frame = user_frame()
        return Location(frame.f_code.co_filename, frame.f_lineno) if frame else None

    def apply(self, name: str, *operands: Any, **settings: Any) -> Any:
        self.origin = _origin()
        row = OPS[name]
        try:
            result: Any = super().apply(name, *operands, **settings)
        except ShapeError as error:
            raise ShapeError(f"{self._spoken(name, operands)}: {error}") from None
        if row.facts.elementwise:
            self._notice_outer(result.aval, operands)
        copies = name == "index" and len(operands) > 1  # x[[0, 2]] is an array of its own
        if (
            row.facts.view
            and not copies
            and type(operands[0]) is Tracer
            and result.aval.kind == "array"
        ):
            result.base, result.seen = operands[0], operands[0].symbol
            result.remake = (name, operands[1:], settings)
        return result

    def _spoken(self, name: str, operands: tuple[Any, ...]) -> str:
        """Return what was tried: ``add of W (N = 4, 3) and b (4,)``."""
        shown = []
        for x in operands:
            if isinstance(x, Value):
                shown.append(f"{self._named(x)} {self.shapes.show_shape(x.aval.shape)}")
            elif isinstance(x, np.ndarray):
                shown.append(f"an array {x.shape}")
        return f"{_WORDS.get(name, name)} of {' and '.join(shown)}"

    def _notice_outer(self, aval: Aval, operands: tuple[Any, ...]) -> None:
        """Remember a warning where ``(n,)`` against ``(n, 1)`` became ``(n, n)``."""
        if len(aval.shape) != 2:
            return
        found = [(x, self.aval(self.operand(x)).shape) for x in operands if isinstance(x, Value)]
        rows = [(x, shape) for x, shape in found if len(shape) == 1]
        columns = [(x, shape) for x, shape in found if len(shape) == 2 and shape[1] == 1]
        for x, (n,) in rows:
            for y, (m, _) in columns:
                if self._alike(n, m) and not self._adds_an_axis(y):
                    self.warnings[self.location()] = (
                        f"{self._named(x)} of shape {self.shapes.show_shape((n,))} against "
                        f"{self._named(y)} of shape {self.shapes.show_shape((m, 1))} gives "
                        f"{self.shapes.show_shape((m, n))}: every pair instead of element by "
                        "element. Write x[:, None], or .ravel(), so that both have the same shape"
                    )

    def _alike(self, n: Size, m: Size) -> bool:
        size = self.shapes.value(n)
        return size != 1 and (self.shapes.same(n, m) or (size == self.shapes.value(m) is not None))

    def _adds_an_axis(self, column: Value) -> bool:
        # x[:, None] - y, in one expression, asks for every pair on purpose.
        made = self.definition(column.symbol)
        if made is None or column.symbol in self.notes.names:
            return False
        return made.name == "expand_dims" or (made.name == "index" and None in made.setting("key"))

    def _named(self, x: Value) -> str:
        return self.notes.names.get(x.symbol, "an array")


_WORDS = {"contract": "product", "put_at": "item assignment", "add_at": "item assignment"}

_DTYPE_CURES = {
    "c": " (complex input is refused for now: pass real and imaginary part)",
    "O": " (objects, perhaps rows of different length: pass an array of numbers)",
}


def refuse_dtype(dtype: np.dtype[Any], what: str = "an array") -> None:
    """Raise `TraceError` unless a dtype is one of real numbers, integers or booleans."""
    if dtype.kind not in "fiub":
        raise TraceError(
            f"{what} has dtype {dtype}: only real numbers, integers and booleans can be traced"
            f"{_DTYPE_CURES.get(dtype.kind, '')}"
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 40 else text[:37] + "..."


def refuse_subclass(value: Any, what: str) -> None:
    """Refuse arrays that calculate by rules of their own: masked arrays, matrices, units."""
    if isinstance(value, np.ndarray) and type(value) not in (np.ndarray, np.memmap):
        raise TraceError(
            f"{what} is a {type(value).__module__}.{type(value).__name__}, which has rules of its "
            "own: pass a plain array (np.asarray(x), or x.filled(...) of a masked one)"
        )


def user_frame() -> Any:
    """Return the innermost frame that is neither symgrad's nor NumPy's."""
    frame = sys._getframe(1)
    while frame is not None:
        if is_users(frame):
            return frame
        frame = frame.f_back  # type: ignore[assignment]
    return None


def _origin() -> tuple[CodeType, int] | None:
    frame = user_frame()
    return (frame.f_code, frame.f_lasti) if frame is not None else None


def call_front(function: Any, args: Any, kwargs: Any) -> Any:
    """Do what NumPy's ``function`` would do, or refuse by name what is not known."""
    front = FRONT.get(function)
    name = _name_of(function)
    if front is None:
        known = {_name_of(f) for f in FRONT}
        raise TraceError(
            f"{name} is not known to symgrad{did_you_mean(name, known)}: write the step with "
            "functions that are, or add a row for it in symgrad/ops"
        )
    if kwargs:
        kwargs = {k: v for k, v in kwargs.items() if not _is_default(k, v)}
        if "out" in kwargs:
            raise TraceError(
                f"{name}(..., out=...) writes into an array: use the returned value instead"
            )
    if function not in _TAKES_SEQUENCES:
        args = [FRONT[np.array](a) if _is_list_of_traced(a) else a for a in args]
    try:
        return front(*args, **kwargs)
    except TypeError as error:
        if isinstance(error, SymgradError):
            raise
        raise TraceError(f"{name}: {_mismatch(front, kwargs) or error}") from error


_TAKES_SEQUENCES = frozenset(
    {np.array, np.asarray, np.concatenate, np.stack, np.vstack, np.hstack, np.dstack,
     np.column_stack, np.select, np.broadcast_arrays, np.einsum, np.meshgrid}
)  # fmt: skip


def _is_list_of_traced(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    return any(isinstance(x, Tracer) or _is_list_of_traced(x) for x in value)


def _is_default(keyword: str, value: Any) -> bool:
    if keyword in ("out", "dtype", "order") and value is None:
        return True
    return value is np._NoValue or (keyword == "where" and value is True)


def _mismatch(front: Any, kwargs: Any) -> str:
    try:
        parameters = inspect.signature(front).parameters
    except ValueError:
        return ""
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()) and not kwargs:
        return ""
    unknown = [k for k in kwargs if k not in parameters]
    if unknown:
        return f"the argument `{unknown[0]}` is not supported" + did_you_mean(
            unknown[0], parameters
        )
    return ""


def _name_of(function: Any) -> str:
    module = getattr(function, "__module__", None) or "np"
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", repr(function))
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):  # np.add.accumulate
        return f"np.{owner.__name__}.{function.__name__}"
    if isinstance(function, np.ufunc):
        if getattr(np, function.__name__, None) is not function:
            return f"the ufunc {function.__name__}"  # of SciPy, say: it does not know whose it is
        module = "np"
    short = module.replace("numpy", "np").replace("builtins", "").replace("_core", "")
    return f"{short}.{name}".lstrip(".").replace("..", ".")


class Tracer(Value):
    """A value of the traced function: array, NumPy scalar or Python scalar."""

    __slots__ = ("__weakref__", "argument", "base", "name", "remake", "seen")
    builder: TraceBuilder
    __array_priority__ = 1000

    def __init__(self, builder: Builder, symbol: Operand, argument: bool = False):
        self.builder = builder  # type: ignore[assignment]
        self.symbol = symbol
        self.argument = argument
        self.base: Tracer | None = None
        self.seen: Operand | None = None
        self.remake: Any = None
        self.name: str | None = None

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
        total: Any = 1
        for size in self.shape:
            total = total * size
        return total

    @property
    def T(self) -> Tracer:
        return FRONT[np.transpose](self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tracer:
        return FRONT[np.swapaxes](self, -1, -2)  # type: ignore[no-any-return]

    @property
    def real(self) -> Tracer:
        return self

    def __repr__(self) -> str:
        return f"<traced {self.name or self.symbol}: {self.aval}>"

    def __getattr__(self, name: str) -> Any:
        method = METHODS.get(name)
        if method is not None:
            return _Method(self, name, method)
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
        if self.static_roots() is None:
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
        roots = self.static_roots()
        if roots is None:
            raise self._needs_a_number(what)
        raise Specialise(*roots, self.builder.location())

    def _needs_a_number(self, what: str) -> TraceError:
        return TraceError(
            f"{what} needs the value of {self._described()}, which is not known while tracing: "
            f"calculate with it as it is (np.float64(x) converts), or compute it before the call"
        )

    def static_roots(self) -> tuple[tuple[Sym, ...], tuple[Dim, ...]] | None:
        """Return the static inputs and dims this value is made of, or None if of more."""
        inputs: dict[Sym, None] = {}
        dims: dict[Dim, None] = {}
        todo, seen = [self.symbol], set()
        while todo:
            x = todo.pop()
            if not isinstance(x, Sym) or x in seen:
                continue
            seen.add(x)
            row = self.builder.definition(x)
            if row is None:
                if x not in self.builder.static_inputs:
                    return None
                inputs[x] = None
            elif row.name == "size":
                for dim in sorted(dims_of(row.settings[0]), key=str):
                    dims[dim] = None
            else:
                todo += row.operands
        return tuple(inputs), tuple(dims)

    def __pos__(self) -> Tracer:
        return self.detached()

    # --- elements

    def __getitem__(self, key: Any) -> Any:
        return index(self, key)

    def __iter__(self) -> Iterator[Any]:
        if not self.aval.shape:
            raise TypeError("iteration over a number")
        count = len(self)
        row = self.builder.definition(self.symbol)
        if row is not None and row.name == "arange":
            return iter(range(row.settings[0], row.settings[0] + count))
        return (self[i] for i in range(count))

    def __setitem__(self, key: Any, value: Any) -> None:
        self.builder_operand()
        if isinstance(value, Tracer) and value.base is self and value.seen is self.symbol:
            name, rest, settings = value.remake
            if (
                name == "index"
                and not rest
                and (settings["key"], []) == read_key(self.aval.shape, key)
            ):
                return  # x[key] += ...: written through the view already
        self._become(put(self, key, value))

    def builder_operand(self) -> Operand:
        return self.builder.operand(self)

    def refresh(self) -> None:
        """Read a view again after its base was written, and first the views it looks through."""
        chain: list[Tracer] = []
        view = self
        while view.base is not None:
            chain.append(view)
            view = view.base
        for view in reversed(chain):
            view._read_again()

    def _read_again(self) -> None:
        assert self.base is not None
        now = self.base.symbol
        if now is self.seen:
            return
        name, rest, settings = self.remake
        if name == "reshape" and not self._is_contiguous(self.base):
            raise TraceError(
                "an array is written while a reshaped form of it is in use, which NumPy may have "
                "copied or not: write .copy()"
            )
        self.symbol = self.builder.apply(name, self.base, *rest, **settings).symbol
        self.seen = now

    def detached(self) -> Tracer:
        """Return the same value as an array of its own."""
        fresh = Tracer(self.builder, self.builder_operand())
        fresh.name = self.name
        return fresh

    @staticmethod
    def _is_contiguous(x: Tracer) -> bool:
        row = x.builder.definition(x.symbol)
        while row is not None and row.name in ("put_at", "add_at"):
            row = x.builder.definition(row.operands[0])
        return row is not None and row.name in ("full", "eye", "arange", "constant")

    def _become(self, new: Tracer) -> Tracer:
        """Take over the value of ``new``: what writing into the array leaves behind."""
        if self.argument:
            name = self.name or "an argument"
            raise TraceError(
                f"this would write into the caller's array `{name}`: copy it first "
                f"({name} = {name}.copy())"
            )
        if new.aval.shape != self.aval.shape:
            same = len(new.aval.shape) == self.ndim and all(
                self.builder.shapes.same(a, b)
                for a, b in zip(new.aval.shape, self.aval.shape, strict=True)
            )
            if not same:
                raise ShapeError(
                    f"an array of shape {self.builder.shapes.show_shape(self.aval.shape)} cannot "
                    f"hold {self.builder.shapes.show_shape(new.aval.shape)}"
                )
        if new.dtype != self.dtype:
            if not np.can_cast(new.dtype, self.dtype, "same_kind"):
                raise TraceError(
                    f"an array of {self.dtype} cannot hold {new.dtype} in place: write x = x + y"
                )
            new = self.builder.apply("astype", new, dtype=self.dtype.name)
        symbol = new.builder_operand()
        if self.base is not None:
            self._write_through(new)
        self.symbol = symbol
        if self.name is not None and isinstance(symbol, Sym):
            self.builder.notes.names.setdefault(symbol, self.name)
        return self

    def _write_through(self, new: Tracer) -> None:
        base = self.base
        assert base is not None
        name, rest, settings = self.remake
        written: Any
        if name == "index" and not rest:
            written = op.put_at(base, new, key=settings["key"])
        elif name == "reshape" and self._is_contiguous(base):
            written = op.reshape(new, shape=base.aval.shape)
        elif name == "transpose":
            axes = settings["axes"]
            written = op.transpose(new, axes=tuple(axes.index(k) for k in range(len(axes))))
        elif name == "expand_dims":
            written = op.squeeze(new, axis=settings["axis"])
        elif name == "squeeze":
            written = op.expand_dims(new, axis=settings["axis"])
        else:
            raise TraceError(
                f"writing through a view made by {name} is not followed: write into the array "
                "itself, or .copy() the view"
            )
        written.base = None
        base._become(written)
        self.seen = base.symbol

    def _in_place(self, value: Any) -> Any:
        # Arrays are mutated, scalars rebound: what NumPy does.
        return self._become(value) if self.aval.kind == "array" else value

    def __iadd__(self, other: Any) -> Any:
        return self._in_place(self + other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place(self - other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place(self * other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place(self / other)

    def __ipow__(self, other: Any) -> Any:
        return self._in_place(self**other)

    def __imatmul__(self, other: Any) -> Any:
        return self._in_place(self @ other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._in_place(self // other)

    def __imod__(self, other: Any) -> Any:
        return self._in_place(self % other)

    def __hash__(self) -> int:
        return id(self)

    def __format__(self, spec: str) -> str:
        return repr(self)  # f"{loss:.3f}": there is no number to format yet

    def __round__(self, decimals: int = 0) -> Any:
        return FRONT[round](self, decimals)

    def __trunc__(self) -> Any:
        return FRONT[np.trunc](self)

    def __floor__(self) -> Any:
        return FRONT[np.floor](self)

    def __ceil__(self) -> Any:
        return FRONT[np.ceil](self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __copy__(self) -> Tracer:
        return self.detached()

    def __deepcopy__(self, memo: Any) -> Tracer:
        return self.detached()


class _Method:
    """A method of a traced array, so that arguments are checked and named on the call."""

    def __init__(self, owner: Tracer, name: str, front: Callable[..., Any]):
        self.owner, self.__name__, self.front = owner, name, front

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kwargs = {k: v for k, v in kwargs.items() if not _is_default(k, v)}
        try:
            return self.front(self.owner, *args, **kwargs)
        except TypeError as error:
            if isinstance(error, SymgradError):
                raise
            if "out" in kwargs:
                error = TypeError("out= writes into an array: use the returned value instead")
            reason = _mismatch(self.front, kwargs) or error
            raise TraceError(f".{self.__name__}: {reason}") from error


def _binary(function: Any, reflected: bool = False) -> Callable[[Tracer, Any], Any]:
    def operator_method(self: Tracer, other: Any) -> Any:
        if isinstance(other, (str, dict, set, bytes)) or other is None:
            if function in (np.equal, np.not_equal):
                return NotImplemented  # x == None is False, as everywhere
            raise TraceError(
                f"{_short(other)} of type {type(other).__name__} meets a traced value: only arrays "
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


class SymbolicSize:
    """The number of elements along an axis, as the user's code sees it.

    Not a subclass of int, which would silently bake its value into what it meets.  Arithmetic
    stays symbolic, a comparison is decided by the example and guarded, and a hook that must
    give Python a real number fixes the size.
    """

    __slots__ = ("builder", "size_expression")

    def __init__(self, builder: TraceBuilder, expression: Size):
        self.builder = builder
        self.size_expression = expression

    def _other(self, other: Any) -> Size | None:
        if isinstance(other, SymbolicSize):
            return other.size_expression
        if isinstance(other, (int, np.integer)) and not isinstance(other, (bool, np.bool_)):
            return int(other)
        return None

    def _make(self, size: Size) -> Any:
        size = plain(self.builder.shapes.resolve(size))
        return size if isinstance(size, int) else SymbolicSize(self.builder, size)

    def value(self) -> Any:
        """Return the size as a traced number."""
        return op.size(of=self.size_expression)

    def __repr__(self) -> str:
        return spell(self.size_expression)

    def __hash__(self) -> int:
        self._forced()  # len(x) in {2, 3}: a set compares numbers

    def _forced(self) -> NoReturn:
        dims = tuple(sorted(dims_of(self.builder.shapes.resolve(self.size_expression)), key=str))
        raise Specialise((), dims, self.builder.location())

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

    def __round__(self, decimals: int = 0) -> Any:
        return self

    __trunc__ = __floor__ = __ceil__ = __pos__ = lambda self: self

    def __neg__(self) -> Any:
        return self._make(-self.size_expression)

    def __abs__(self) -> Any:
        return self if self._compare("<=", 0) is False else -self


def _size_operator(exact: Callable[[Any, Any], Any], name: str, reflected: bool) -> Any:
    def method(self: SymbolicSize, other: Any) -> Any:
        size = self._other(other)
        if size is not None:
            pair = (size, self.size_expression) if reflected else (self.size_expression, size)
            return self._make(exact(*pair))
        if isinstance(other, (float, Tracer, np.ndarray, np.generic)):
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
        if isinstance(other, (float, Tracer, np.ndarray)):
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


def is_traced(value: Any) -> bool:
    return isinstance(value, (Tracer, SymbolicSize))


def is_fixable(value: Any) -> bool:
    """Return whether a value is a plain one or could become one by specialising."""
    if isinstance(value, Tracer):
        return value.aval.dtype.kind in "iub" and value.static_roots() is not None
    return all(map(is_fixable, value)) if isinstance(value, (list, tuple)) else True


def holds_traced(value: Any) -> bool:
    """Return whether a call argument is a traced value or a sequence that holds one."""
    if isinstance(value, (list, tuple)):
        return any(map(holds_traced, value))
    return is_traced(value)


FRONT[np.shape] = lambda a: a.shape
FRONT[np.ndim] = lambda a: a.ndim
FRONT[np.size] = lambda a, axis=None: a.size if axis is None else a.shape[axis]
FRONT[math.prod] = lambda xs, start=1: _product(xs, start)


def _product(values: Any, start: Any) -> Any:
    total = start
    for value in values:
        total = total * value
    return total


__all__ = ["SymbolicSize", "Tracer"]
