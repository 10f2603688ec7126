"""The table of operations: one row each, in the file of its kind."""

from __future__ import annotations

from symgrad.ops import (
    arithmetic,
    bessel,
    composites,
    contraction,
    creation,
    functions,
    indexing,
    linalg,
    logsums,
    numbers,
    reductions,
    shaping,
    special,
    windows,
)
from symgrad.ops.table import FRONT, METHODS, ZERO, op

__all__ = [
    "FRONT",
    "METHODS",
    "ZERO",
    "arithmetic",
    "bessel",
    "composites",
    "contraction",
    "creation",
    "functions",
    "indexing",
    "linalg",
    "logsums",
    "numbers",
    "op",
    "reductions",
    "shaping",
    "special",
    "windows",
]
