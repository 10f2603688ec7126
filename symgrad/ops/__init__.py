"""The table of operations: one row each, in the file of its kind."""

from __future__ import annotations

from symgrad.ops import (
    arithmetic,
    composites,
    contraction,
    creation,
    functions,
    indexing,
    linalg,
    logsums,
    reductions,
    shaping,
    windows,
)
from symgrad.ops.table import FRONT, METHODS, ZERO, op

__all__ = [
    "FRONT",
    "METHODS",
    "ZERO",
    "arithmetic",
    "composites",
    "contraction",
    "creation",
    "functions",
    "indexing",
    "linalg",
    "logsums",
    "op",
    "reductions",
    "shaping",
    "windows",
]
