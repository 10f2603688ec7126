"""Values as JSON holds them: numbers, lists, dicts and texts of Python's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain_data(value: Any) -> Any:
    """Return a value as JSON can hold it: a number that is not finite, and what is none, as text.

    An array is a list; one that holds no real numbers is its shape.
    """
    if isinstance(value, Mapping):
        return {str(k): plain_data(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain_data(value.tolist()) if value.dtype.kind in "fiub" else str(value.shape)
    if isinstance(value, np.generic):
        return plain_data(value.item())
    if isinstance(value, float):
        return value + 0.0 if math.isfinite(value) else str(value)  # -0.0 is 0
    return value if isinstance(value, (str, int, bool, type(None))) else repr(value)
