"""What staged code reports while a trace runs: calls, names, captured variables, loops.

Calls are answered by the identity of the callee, so shadowed names are right.  What the
function reads from outside its arguments becomes an input of the graph (arrays, floats) or a
guard (everything static), together with a way to read it again at the next call.
"""

from __future__ import annotations

import contextlib
import copy
import dis
import functools
import inspect
import itertools
import operator
import random
import sys
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.dims import Shape
from symgrad.errors import LIKE_THE_USERS, Location, TraceError
from symgrad.graph import Aval, Sym, building
from symgrad.ops import FRONT, op
from symgrad.stage import is_staged, stage, use
from symgrad.trace.builder import LARGEST_CONSTANT, TraceBuilder
from symgrad.trace.front import call_front
from symgrad.trace.place import user_location
from symgrad.trace.refusals import refuse_dtype, refuse_subclass
from symgrad.trace.sizes import SymbolicRange, SymbolicSize, shown, size_extreme
from symgrad.trace.tracer import Tracer, holds_traced, is_fixable, is_traced
from symgrad.trees import Tree, flatten, is_container, leaf_name

LONGEST_PROGRAM = 1_000_000  # equations; an unrolled loop beyond this is refused


@dataclass(frozen=True, slots=True)
class Capture:
    """An array or float that the function reads from outside its arguments."""

    name: str
    read: Callable[[], Any]
    symbol: Sym
    example: Any
    shape: Shape

    def aval(self) -> Aval | None:
        """Return what is known of the value it has now, None if it is an array no longer."""
        try:
            now = self.read()
        except (LookupError, AttributeError, NameError):
            return None
        return aval_of(now) if _is_number_or_array(now) else None

    @property
    def small(self) -> bool:
        return np.size(self.example) <= LARGEST_CONSTANT


@dataclass(frozen=True, slots=True)
class StaticCapture:
    """Anything else the function reads from outside: it must not change."""

    name: str
    read: Callable[[], Any]
    value: Any

    def holds(self) -> bool:
        try:
            now = self.read()
        except (LookupError, AttributeError, NameError):
            return False  # what was read is no longer there
        if now is self.value:  # never so for what can change, of which ``value`` is a copy
            return True
        if isinstance(self.value, (int, str, bytes, Tree, *_COMPARED)):
            return type(now) is type(self.value) and bool(now == self.value)
        return now is self.value


_COMPARED = (set, frozenset, deque, range, slice, np.dtype)
"""Kinds of values read from outside that are kept as a copy and compared at the next call."""


@dataclass(slots=True)
class Loop:
    """A Python loop that was written out, for the report."""

    location: Location
    rounds: int = 0
    equations: int = 0


class Outside:
    """The user's objects that a trace can reach and must leave as they are."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[Any, Any]] = {}

    def __contains__(self, thing: Any) -> bool:
        return id(thing) in self._before

    def watch(self, thing: Any) -> Any:
        """Return ``thing``, remembering what it holds."""
        if id(thing) in self._before or is_traced(thing):
            return thing
        if type(thing) in (list, dict, OrderedDict):
            self._before[id(thing)] = thing, thing.copy()
        elif hasattr(thing, "__dict__") and _holds_users_values(thing) and not _is_code(thing):
            self._before[id(thing)] = thing, dict(vars(thing))
        if isinstance(thing, (list, tuple, dict)):
            for part in thing.values() if isinstance(thing, dict) else thing:
                self.watch(part)
        return thing

    @contextlib.contextmanager
    def guarded(self, *things: Any) -> Iterator[None]:
        """Undo every change of what is watched, and refuse the function that made it."""
        for thing in things:
            self.watch(thing)
        try:
            yield
        finally:
            changed = [
                words for thing, old in self._before.values() if (words := _undo(thing, old))
            ]
        if changed:
            raise TraceError(
                f"the function changes {changed[0]}, which lives outside it: return the new "
                "value instead (has_aux=True returns more than the loss)"
            )


def _undo(thing: Any, old: Any) -> str:
    """Put back what ``thing`` held, and say what had changed; empty if nothing had."""
    owner = type(thing).__name__
    if isinstance(thing, list):
        same = len(thing) == len(old) and all(map(operator.is_, thing, old))
        thing[:] = old
        return "" if same else f"a {owner}"
    is_dict = isinstance(thing, dict)
    now = thing if is_dict else vars(thing)
    changed = [k for k in old if k not in now or now[k] is not old[k]]
    # What a function keeps for later without a trace in it (a cached property) may stay.
    changed += [k for k in now if k not in old and (is_dict or holds_traced(now[k]))]
    if isinstance(thing, type):
        owner, now = thing.__name__, _Attributes(thing)
    for k in changed:
        if k in old:
            now[k] = old[k]
        else:
            del now[k]
    if not changed:
        return ""
    return f"a {owner}'s item {changed[0]!r}" if is_dict else f"`{owner}.{changed[0]}`"


class _Attributes(dict[str, Any]):
    """The attributes of a class, to be written like the items of a dict."""

    def __init__(self, owner: type):
        self.owner = owner

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self.owner, name, value)

    def __delitem__(self, name: str) -> None:
        delattr(self.owner, name)


def _is_code(thing: Any) -> bool:
    return isinstance(thing, (types.ModuleType, *_CODE))


_CODE = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)


class TraceRuntime:
    """Answers the events of staged code for one trace."""

    def __init__(self, builder: TraceBuilder):
        self.builder = builder
        builder.runtime = self
        self.captures: list[Capture] = []
        self.statics: list[StaticCapture] = []
        self.loops: dict[tuple[str, int], Loop] = {}
        self.unread: list[str] = []
        self.outside = Outside()
        self._known: dict[Any, Any] = {}
        self._paths: dict[int, tuple[Any, Callable[[], Any]]] = {}

    # --- calls

    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        if getattr(function, "__module__", None) == "time":
            raise TraceError(
                f"time.{function.__name__}() gives another value at every call: read the clock "
                "outside and pass the time as an argument"
            )
        if _is_random(function):
            raise TraceError(
                f"{function.__name__}() draws random numbers inside the function, which makes it "
                "give another value at every call: draw them outside and pass them as an argument"
            )
        special = _SPECIAL.get(function) if _is_hashable(function) else None
        if special is not None:
            return special(self, function, args, kwargs)
        if isinstance(function, (types.FunctionType, types.MethodType, functools.partial)):
            return self._call_python(function, args, kwargs)
        inside = type(function).__call__
        if isinstance(inside, types.FunctionType) and not _is_library(inside):
            return self._call_python(types.MethodType(inside, function), args, kwargs)
        return self._call_library(function, args, kwargs)

    def _call_library(self, function: Any, args: Any, kwargs: Any) -> Any:
        known = _is_hashable(function) and function in FRONT
        if known or (getattr(function, "__module__", "") or "").startswith(_NUMBERS_ONLY):
            values = (*args, *kwargs.values())
            if any(map(holds_traced, values)) and not all(map(is_fixable, values)):
                return call_front(function, args, kwargs)
        return function(*args, **kwargs)

    def _call_python(self, function: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(function, functools.partial):
            return self._call_partial(function, args, kwargs)
        if isinstance(function, types.MethodType):
            inner = function.__func__
            if isinstance(inner, types.FunctionType) and not _is_library(inner):
                return self._run(inner, (function.__self__, *args), kwargs)
            return function(*args, **kwargs)
        if _is_library(function):
            return self._call_library(function, args, kwargs)
        return self._run(function, args, kwargs)

    def _call_partial(self, partial: functools.partial[Any], args: Any, kwargs: Any) -> Any:
        # What a partial holds is read from outside, like what a closure holds.
        names = _parameter_names(partial.func)
        held = [
            self._captured((id(partial), k), name, functools.partial(_item, partial.args, k), value)
            for k, (name, value) in enumerate(zip(names, partial.args, strict=False))
        ]
        named = {
            k: self._captured((id(partial), k), k, functools.partial(_item, partial.keywords, k), v)
            for k, v in partial.keywords.items()
            if k not in kwargs
        }
        return self.call(partial.func, *held, *args, **named, **kwargs)

    def _run(self, function: types.FunctionType, args: Any, kwargs: Any) -> Any:
        return self.twin(function)(*args, **kwargs)

    def twin(self, function: types.FunctionType) -> types.FunctionType:
        """Return what to run for a user's function: staged, or with its captures traced."""
        if is_staged(function):
            return function
        staged = stage(function)
        if staged is not None:
            return staged
        self.unread.append(function.__qualname__)
        return self._with_traced_captures(function)

    def _with_traced_captures(self, function: types.FunctionType) -> types.FunctionType:
        # Without source the captured arrays are found by looking where the code would look.
        code = function.__code__
        if outside := _assigned_outside(code):
            raise TraceError(
                f"`{outside}` is assigned but lives outside the function, which would change state "
                "at every call: return the value instead"
            )
        cells = []
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            value = self.load(name, functools.partial(getattr, cell, "cell_contents"), id(cell))
            cells.append(types.CellType(value))
        names = [n for n in _global_names(code) if n in function.__globals__]
        space = dict(function.__globals__)
        for name in names:
            read = functools.partial(function.__globals__.__getitem__, name)
            space[name] = self.load(name, read, (id(function.__globals__), name))
        twin = types.FunctionType(
            code, space, function.__name__, function.__defaults__, tuple(cells)
        )
        twin.__kwdefaults__ = function.__kwdefaults__
        return twin

    # --- names and captured variables

    def name(self, name: str, value: Any) -> Any:
        if type(value) is Tracer:
            if value.symbol in self.builder.unnamed_inputs:  # params[0][1]: the first name given
                self.builder.unnamed_inputs.discard(value.symbol)
                self.builder.notes.names[value.symbol] = value.name = name
            if isinstance(value.symbol, Sym) and not value.argument:
                self.builder.notes.names.setdefault(value.symbol, name)
            value.name = value.name or name
        elif type(value) is SymbolicSize:
            self.builder.shapes.name(value.size_expression, name)
        return value

    def load(self, name: str, read: Callable[[], Any], key: Any = None) -> Any:
        value = read()
        if is_traced(value) or isinstance(value, types.ModuleType):
            return value
        if key is None:
            closure = getattr(read, "__closure__", None)
            key = id(closure[0]) if closure else (id(read.__globals__), name)
        return self._captured(key, name, read, value)

    def attribute(self, owner: Any, name: str) -> Any:
        value = getattr(owner, name)
        if is_traced(value) or not _holds_users_values(owner):
            return value
        if getattr(value, "__self__", None) is owner or isinstance(value, types.ModuleType):
            return value  # a method: what it reads is seen when it runs
        known = self._paths.get(id(owner))
        read = (
            functools.partial(_read_attribute, known[1], name)
            if known is not None
            else (functools.partial(getattr, owner, name))
        )
        return self._captured((id(owner), name), name, read, value)

    def reach(self, value: Any, read: Callable[[], Any]) -> None:
        """Remember how an object outside is reached, so that its attributes can be read again."""
        if id(value) in self._paths:
            return
        self._paths[id(value)] = value, read
        if isinstance(value, (list, tuple, dict)):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, part in items:
                self.reach(part, functools.partial(_read_item, read, key))

    def _captured(self, key: Any, name: str, read: Callable[[], Any], value: Any) -> Any:
        if key not in self._known:
            self.reach(value, read)
            self._known[key] = self.outside.watch(self._capture(name, read, value)), value
        return self._known[key][0]

    def _capture(self, name: str, read: Callable[[], Any], value: Any) -> Any:
        if _is_number_or_array(value):
            return self._capture_leaf(name, read, value)
        if is_container(value):
            leaves, tree = flatten(value, _is_number_or_array)
            self.statics.append(StaticCapture(name, functools.partial(_read_tree, read), tree))
            made = []
            for k, (leaf, path) in enumerate(zip(leaves, tree.paths(), strict=True)):
                again = functools.partial(_read_leaf, read, k)
                made.append(self._capture(leaf_name(name, path), again, leaf))
            return tree.build(iter(made)) if any(map(is_traced, made)) else value
        if value is None or isinstance(value, (int, str, bytes)) or callable(value):
            self.statics.append(StaticCapture(name, read, value))
        elif isinstance(value, _COMPARED):
            self.statics.append(StaticCapture(name, read, copy.copy(value)))
        return value

    def _capture_leaf(self, name: str, read: Callable[[], Any], value: Any) -> Tracer:
        refuse_subclass(value, f"`{name}`")
        aval = aval_of(value)
        refuse_dtype(aval.dtype, f"`{name}`")
        shape = tuple(
            size
            if size == 1 or np.size(value) <= LARGEST_CONSTANT
            else self.builder.shapes.fresh(f"{name}_{k}", size)
            for k, size in enumerate(aval.shape)
        )
        symbol = self.builder.input(aval._replace(shape=shape), name)
        self.captures.append(Capture(name, read, symbol, copy.copy(value), shape))
        tracer = Tracer(self.builder, symbol, argument=bool(aval.shape) or aval.kind == "array")
        tracer.name = name
        if isinstance(value, np.ndarray):
            self.builder.constants[id(value)] = (value, tracer)
        return tracer

    # --- loops

    def iterate(self, iterable: Iterable[Any], line: int) -> Iterable[Any]:
        if isinstance(iterable, SymbolicSize):
            return iterable
        return self._counted(iterable, line)

    def _counted(self, iterable: Iterable[Any], line: int) -> Iterator[Any]:
        location = user_location()
        file = location.file if location else ""
        before = len(self.builder.equations)
        loop = Loop(Location(file, line))
        try:
            for item in iterable:
                loop.rounds += 1
                yield item
                if len(self.builder.equations) > LONGEST_PROGRAM:
                    raise TraceError(
                        f"the loop in {loop.location} was written out to {loop.rounds} rounds and "
                        f"{LONGEST_PROGRAM} operations: write it with arrays"
                    )
        finally:
            loop.equations = len(self.builder.equations) - before
            if loop.rounds > 1 and loop.equations:
                self.loops.setdefault((file, line), loop)


def _item(container: Any, key: Any) -> Any:
    return container[key]


def _parameter_names(function: Any) -> Iterator[str]:
    """Return names for positional arguments, as many as may be asked for."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        parameters = {}.values()
    yield from (
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    )
    yield from (f"given{k}" for k in itertools.count())


def _read_attribute(read: Callable[[], Any], name: str) -> Any:
    return getattr(read(), name)


def _read_item(read: Callable[[], Any], key: Any) -> Any:
    return read()[key]


def _read_tree(read: Callable[[], Any]) -> Tree:
    return flatten(read(), _is_number_or_array)[1]


def _holds_users_values(owner: Any) -> bool:
    """Return whether an attribute of ``owner`` may be a value that the user chose."""
    if isinstance(owner, types.ModuleType):
        return not _is_library_name(owner.__name__)
    if isinstance(owner, type):
        return not _is_library(owner)
    is_array = isinstance(owner, (Tracer, SymbolicSize, np.ndarray, np.generic))
    return not is_array and type(owner).__module__ != "builtins"


def _read_leaf(read: Callable[[], Any], k: int) -> Any:
    return flatten(read(), _is_number_or_array)[0][k]


def _is_number_or_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, float, np.floating)) or (
        isinstance(value, np.generic) and value.dtype.kind in "iub"
    )


def aval_of(value: Any) -> Aval:
    """Return what is known of an argument or captured value, its sizes as ints."""
    if isinstance(value, np.ndarray):
        return Aval(value.shape, value.dtype, "array")
    if isinstance(value, np.generic):
        return Aval((), value.dtype, "numpy")
    dtype = np.dtype(np.bool_ if isinstance(value, bool) else type(value))
    return Aval((), dtype if dtype.kind != "i" else np.dtype(np.int64), "python")


def _is_hashable(function: Any) -> bool:
    try:
        hash(function)
    except TypeError:
        return False
    return True


def _assigned_outside(code: types.CodeType) -> str:
    """Return a global or captured variable that ``code`` assigns, if there is one."""
    for step in dis.get_instructions(code):
        is_captured = step.opname == "STORE_DEREF" and step.argval in code.co_freevars
        if is_captured or step.opname == "STORE_GLOBAL":
            return str(step.argval)
    return ""


def _global_names(code: types.CodeType) -> list[str]:
    nested = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return [*code.co_names, *(n for c in nested for n in _global_names(c))]


# Their functions turn what they get into plain numbers: refuse by name what is not known.
_NUMBERS_ONLY = ("math", "scipy.")

_LIBRARIES = frozenset({"numpy", "scipy", "symgrad", "sympy", *sys.stdlib_module_names})


def _is_library_name(module: str) -> bool:
    is_library = module.partition(".")[0] in _LIBRARIES and module != "__main__"
    return is_library and module not in LIKE_THE_USERS


def _is_library(function: Any) -> bool:
    return _is_library_name(getattr(function, "__module__", None) or "")


def _is_random(function: Any) -> bool:
    owner = getattr(function, "__self__", None)
    drawn = isinstance(owner, (np.random.RandomState, np.random.Generator, random.Random))
    return drawn or function is np.random.default_rng


# --- callees that need a real number in plain Python ------------------------------------------


def _len(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    if len(args) == 1 and type(args[0]) is Tracer and args[0].ndim:
        return args[0].shape[0]
    return function(*args, **kwargs)


def _int(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    if len(args) == 1 and type(args[0]) is SymbolicSize:
        return args[0]
    return function(*args, **kwargs)


def _float(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    if len(args) == 1 and type(args[0]) is SymbolicSize:
        return op.astype(args[0].value(), dtype="float64")
    if len(args) == 1 and type(args[0]) is Tracer and args[0].aval.kind == "python":
        return args[0] * 1.0 if args[0].dtype.kind != "f" else args[0]
    return function(*args, **kwargs)


def _extreme(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    values = list(args[0]) if len(args) == 1 and not kwargs else list(args)
    if kwargs or not any(map(is_traced, values)):
        return function(*args, **kwargs)
    word = function.__name__
    if not any(isinstance(v, (Tracer, float)) for v in values):
        return size_extreme(values, word)
    for v in values:
        if isinstance(v, Tracer) and v.aval.shape:
            raise TraceError(
                f"built-in {word}() of arrays has no truth value: use np.{word}imum(a, b) element "
                f"by element, or x.{word}()"
            )
    choose = min if word == "min" else max
    return functools.reduce(lambda a, b: FRONT[choose](a, b), values)


def _sum(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    if type(args[0]) is Tracer and args[0].ndim:
        total = FRONT[np.sum](args[0], axis=0)
        return total if len(args) == 1 else args[1] + total
    return function(*args, **kwargs)


def _range(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    if any(type(x) is SymbolicSize for x in args):
        return SymbolicRange(*args)
    return function(*args, **kwargs)


def _print(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    with shown():
        return function(*args, **kwargs)


def _getattr(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    if len(args) == 2 and isinstance(args[1], str) and hasattr(*args):
        return self.attribute(*args)
    return function(*args, **kwargs)


def _isinstance(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    if type(args[0]) is SymbolicSize:
        return isinstance(1, args[1])
    if type(args[0]) is not Tracer:
        return function(*args, **kwargs)
    aval = args[0].aval
    if aval.kind == "array":
        return isinstance(np.zeros((0,) * max(len(aval.shape), 1)), args[1])
    sample = aval.dtype.type(0)
    return isinstance(sample if aval.kind == "numpy" else sample.item(), args[1])


def _buffer(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    # A new array may be written to by item assignment: it must be traced from the start.
    with building(self.builder):
        return call_front(function, args, kwargs)


def _array(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    if args and type(args[0]) is SymbolicRange:
        args = (args[0].as_array(), *args[1:])
    if args and holds_traced(args[0]):
        copied = call_front(function, args, kwargs)
        return copied.detached() if function is np.array else copied
    made = function(*args, **kwargs)
    if made.dtype.kind == "O":
        raise TraceError(f"np.{function.__name__}() makes an array of objects: use numbers only")
    if made.dtype.kind == "f" and made.size <= LARGEST_CONSTANT:
        with building(self.builder):
            return self.builder.constant(made)
    return made


def _arange(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    if any(map(is_traced, args)):
        with building(self.builder):
            return call_front(function, args, kwargs)
    return function(*args, **kwargs)


def _converted(self: TraceRuntime, function: Any, args: Any, kwargs: Any) -> Any:
    if len(args) == 1 and is_traced(args[0]):
        value = args[0].value() if isinstance(args[0], SymbolicSize) else args[0]
        if value.aval.kind == "array" and value.dtype == np.dtype(function):
            return value  # NumPy gives the same array
        return op.astype(value, dtype=np.dtype(function).name)
    return function(*args, **kwargs)


_SPECIAL: dict[Any, Callable[[TraceRuntime, Any, Any, Any], Any]] = {
    len: _len,
    int: _int,
    float: _float,
    max: _extreme,
    min: _extreme,
    sum: _sum,
    isinstance: _isinstance,
    getattr: _getattr,
    print: _print,
    range: _range,
    np.arange: _arange,
    np.array: _array,
    np.asarray: _array,
    **dict.fromkeys((np.zeros, np.ones, np.empty, np.full, np.eye, np.identity), _buffer),
    **dict.fromkeys((np.float64, np.float32, np.float16, np.int64, np.int32), _converted),
}


@contextlib.contextmanager
def tracing(runtime: TraceRuntime) -> Iterator[None]:
    """Send the events of staged code, and ops without operands, to one trace."""
    with building(runtime.builder), use(runtime):
        yield


__all__ = ["TraceRuntime", "tracing"]
