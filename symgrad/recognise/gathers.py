"""The laws of one element a row: however it is picked, it is ``x[rows, y]``.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.  Invariant: the same elements are picked for every
index that NumPy takes, negative ones too.  ``y[:, None] == arange(n)`` is no such spelling: a label
outside of the range picks nothing there.
"""

from __future__ import annotations

from typing import Any

from symgrad.graph import Builder, Operand, Value
from symgrad.ops.indexing import ARRAY
from symgrad.recognise.reading import Operands, operands_of, orders
from symgrad.recognise.rule import Rule


def _picked(b: Builder, x: Operand, y: Operand) -> Value:
    """Return ``x[np.arange(n), y]``."""
    rows = b.apply("arange", start=0, stop=b.aval(x).shape[0], dtype="int64")
    return b.apply("index", x, rows, y, key=(ARRAY, ARRAY))


def _labels(b: Builder, v: Operand, x: Operand) -> Operand | None:
    """Return y where ``v`` is ``np.eye(n)[y]``, one row for each of ``x``."""
    row = b.definition(v)
    if row is None or row.name != "index" or row.setting("key") != (ARRAY,):
        return None
    eye, y = b.definition(row.operands[0]), row.operands[1]
    if eye is None or eye.name != "eye" or eye.setting("k") != 0:
        return None
    have, labels = b.aval(x), b.aval(y)
    is_one_hot = b.shapes.same(eye.setting("n"), eye.setting("m")) and labels.ndim == 1
    fits = b.shapes.same_shape(have.shape, b.aval(v).shape) and have.dtype.kind == "f"
    return y if is_one_hot and fits and labels.dtype.kind in "iu" else None


def _sum_of_one_hot(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    axis, keepdims = settings
    for v, x in orders(operands_of(b, operands[0], "multiply")):
        y = _labels(b, v, x) if axis in ((1,), (0, 1)) and not keepdims else None
        if y is not None:
            picked = _picked(b, x, y)
            return picked.symbol if axis == (1,) else b.apply("sum", picked, axis=(0,)).symbol
    return None


def _taken_along_rows(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x, indices = operands
    row = b.definition(indices)
    if row is None or row.name != "expand_dims" or row.setting("axis") != (1,):
        return None
    (y,) = row.operands
    have, labels = b.aval(x), b.aval(y)
    if settings != (1,) or have.ndim != 2 or labels.ndim != 1:
        return None
    if not b.shapes.same(have.shape[0], labels.shape[0]):
        return None
    return b.apply("expand_dims", _picked(b, x, y), axis=(1,)).symbol


def _of_transposed(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    v, *indices = operands
    found = operands_of(b, v, "transpose")
    if not found or settings != ((ARRAY, ARRAY),) or b.aval(v).ndim != 2:
        return None
    if any(b.aval(i).dtype.kind == "b" for i in indices):
        return None
    return b.apply("index", found[0], *reversed(indices), key=(ARRAY, ARRAY)).symbol


RULES = (
    Rule("sum(eye[y] x, axis=1) = x[rows, y]", "sum", _sum_of_one_hot, "stability",
         "the elements are picked, and nothing is multiplied or summed"),
    Rule("take_along_axis(x, y[:, None], 1) = x[rows, y][:, None]", "take_along",
         _taken_along_rows, "exact",
         "the elements are picked, and nothing is multiplied or summed"),
    Rule("x^T[i, j] = x[j, i]", "index", _of_transposed, "exact",
         "the elements are picked, and nothing is multiplied or summed"),
)  # fmt: skip
