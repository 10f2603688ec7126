"""Calls of NumPy's functions and methods on traced values.

Given a function of NumPy and its arguments, call what the table of ops has for it.  Invariant:
what is not known, and each argument that is not, is refused by its name.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import SymgradError, TraceError, did_you_mean
from symgrad.graph import Value
from symgrad.ops import FRONT


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
     np.column_stack, np.select, np.broadcast_arrays, np.einsum, np.meshgrid,
     np.piecewise, np.choose}
)  # fmt: skip


def _is_list_of_traced(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    return any(isinstance(x, Value) or _is_list_of_traced(x) for x in value)


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
    if isinstance(function, np.ufunc):
        return _name_of_ufunc(function)
    module = getattr(function, "__module__", None) or "np"
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", repr(function))
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):  # np.add.accumulate
        return f"{_name_of(owner)}.{function.__name__}"
    module = re.sub(r"(scipy\.special)\._\w+", r"\1", module)
    short = module.replace("numpy", "np").replace("builtins", "").replace("_core", "")
    return f"{short}.{name}".lstrip(".").replace("..", ".")


def _name_of_ufunc(function: np.ufunc) -> str:
    name = function.__name__
    if getattr(np, name, None) is function:
        return f"np.{name}"
    if getattr(sys.modules.get("scipy.special"), name, None) is function:
        return f"scipy.special.{name}"
    return f"the ufunc {name}"  # of a library: it does not know whose it is


class Method:
    """A method of a traced array, so that arguments are checked and named on the call."""

    def __init__(self, owner: Value, name: str, front: Callable[..., Any]):
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


# What an array answers by an attribute.
FRONT[np.shape] = lambda a: a.shape
FRONT[np.ndim] = lambda a: a.ndim
FRONT[np.size] = lambda a, axis=None: a.size if axis is None else a.shape[axis]
FRONT[math.prod] = lambda xs, start=1: math.prod(xs, start=start)
