"""The table of operations: one row each, in the file of its kind."""

from __future__ import annotations

from symgrad.ops import (
    arithmetic,
    bessel,
    composites,
    contraction,
    creation,
    factorisations,
    functions,
    indexing,
    least_squares,
    linalg,
    logsums,
    matrices,
    norms,
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
    "factorisations",
    "functions",
    "indexing",
    "least_squares",
    "linalg",
    "logsums",
    "matrices",
    "norms",
    "numbers",
    "op",
    "reductions",
    "shaping",
    "special",
    "windows",
]
