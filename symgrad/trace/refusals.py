"""Values that cannot be traced, refused in the user's words.

Given a dtype or value and what it is called, raise `TraceError` with the way out, or return.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import TraceError

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


def refuse_subclass(value: Any, what: str) -> None:
    """Refuse arrays that calculate by rules of their own: masked arrays, matrices, units."""
    if isinstance(value, np.ndarray) and type(value) not in (np.ndarray, np.memmap):
        raise TraceError(
            f"{what} is a {type(value).__module__}.{type(value).__name__}, which has rules of its "
            "own: pass a plain array (np.asarray(x), or x.filled(...) of a masked one)"
        )


def short(value: Any) -> str:
    """Return how a value is written, cut to the width of a message."""
    text = repr(value)
    return text if len(text) < 40 else text[:37] + "..."
