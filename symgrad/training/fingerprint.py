"""What a run depends on, in words and digests that can be compared with another run's.

Given a function, settings or data, return JSON that is equal for equal ones in every process.
Invariant: nothing is left out that changes a run's numbers.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from symgrad.compiled import Compiled
from symgrad.training.file_arrays import FileArray

WHOLE = 64 * 2**20  # bytes of an array that are read whole; of a larger one some rows
SAMPLES = 256


def digest_of(value: Any) -> str:
    """Return a short digest of what `described` says."""
    text = json.dumps(described(value), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def described(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """Return a value as JSON: settings as they are, arrays by digest, functions by their text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.ndarray, np.generic, FileArray)):
        return f"{value.dtype}{list(value.shape)} {_bytes_digest(value)}"
    if id(value) in seen:
        return "above"
    seen = (*seen, id(value))
    if isinstance(value, Mapping):
        return {str(k): described(v, seen) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(str(described(v, seen)) for v in value)
    if isinstance(value, (tuple, list)):
        return [described(v, seen) for v in value]
    if isinstance(value, Compiled):
        settings = [value.wrt, value.exact, value.has_aux, sorted(value.without)]
        return [described(value.function, seen), described(settings, seen)]
    if isinstance(value, FunctionType):
        return _function(value, seen)
    if isinstance(value, MethodType):
        return [described(value.__func__, seen), described(value.__self__, seen)]
    if isinstance(value, functools.partial):
        return [described(part, seen) for part in (value.func, value.args, value.keywords)]
    if isinstance(value, (type, ModuleType, np.ufunc)) or inspect.isbuiltin(value):
        return getattr(value, "__qualname__", value.__name__)
    return [type(value).__qualname__, *_object(value, seen)]


def _object(value: Any, seen: tuple[int, ...]) -> list[Any]:
    """Return the fields of an object, and what it does when it is called."""
    call = inspect.getattr_static(type(value), "__call__", None)
    does = [_function(call, seen)] if isinstance(call, FunctionType) and _is_own(call) else []
    if dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    elif hasattr(value, "__dict__"):
        fields = {name: value.__dict__[name] for name in sorted(value.__dict__)}
    else:
        return [repr(value)]
    return [described(fields, seen), *does]


def _function(function: Callable[..., Any], seen: tuple[int, ...]) -> Any:
    """Return the text of a function, with the values and functions of the user's that it names."""
    plain: Any = function
    try:
        text = inspect.getsource(plain)
    except (OSError, TypeError):  # typed at a prompt that keeps no text
        text = _code_text(plain.__code__)
    if plain.__name__ == "<lambda>":  # a line may hold several
        text += _code_text(plain.__code__)
    mine = {name: x for name, x in _captured(plain) if _is_own(x)}
    return [text, described(plain.__defaults__, seen), described(mine, seen)]


def _captured(function: Any) -> Iterator[tuple[str, Any]]:
    """Give the variables around a function that it, or a function inside it, names."""
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            yield name, function.__globals__[name]
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        try:
            yield name, cell.cell_contents
        except ValueError:  # a variable that nobody has set yet
            continue


def _names(code: CodeType) -> set[str]:
    inner = [_names(c) for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*inner)


def _code_text(code: CodeType) -> str:
    inner = [_code_text(c) for c in code.co_consts if isinstance(c, CodeType)]
    plain = [repr(c) for c in code.co_consts if not isinstance(c, CodeType)]
    return f"{code.co_code.hex()} {code.co_names} {plain} {inner}"


def _is_own(value: Any) -> bool:
    if isinstance(value, FunctionType):
        return value.__module__.partition(".")[0] not in ("numpy", "scipy", "symgrad")
    return not isinstance(value, (ModuleType, type)) and not callable(value)


def _bytes_digest(array: Any) -> str:
    if array.nbytes > WHOLE and array.ndim:
        array = array[np.linspace(0, len(array) - 1, SAMPLES).astype(int)]
    elif isinstance(array, FileArray):
        array = array[:]
    if array.dtype == object:
        data = json.dumps(array.tolist()).encode()
    else:
        data = np.ascontiguousarray(array).tobytes()
    return hashlib.sha256(data).hexdigest()[:16]
