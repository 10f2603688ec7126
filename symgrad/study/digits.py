"""Numbers and arrays as people read them, in text and in TeX.

Given a value and how many digits, return its text.  Invariant: a number that is not zero never
reads as zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

SIGNIFICANT = 4  # digits where nothing is said
MOST_DECIMALS = 9  # before a power of ten is shorter
ROUNDING = 1e-12  # what a few operations may have lost
WHOLE = 1e15  # from here on a power of ten is shorter
MOST_ENTRIES, LONGEST_ROW = 12, 6  # of an array that is shown entry by entry


def number_text(value: Any, digits: int | None = None) -> str:
    """Return a number with ``digits`` decimals, or four significant digits (1, 0.5, 0.7311).

    A number below 0.1 gets as many more decimals as show ``digits`` significant ones: with
    ``digits=2``, 1 is ``1.00`` and -0.000370184 is ``-0.00037``.  Integers stay as they are.
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    number = float(value) + 0.0  # -0.0 reads as 0
    if not math.isfinite(number):
        return str(number)
    if digits is None:
        return _significant(number)
    return _decimals(number, digits)


def _significant(number: float) -> str:
    """Return four digits; zeros at the end only where more digits follow: 1.0001 is 1.000."""
    size = abs(number)
    if size < WHOLE and (number.is_integer() or size >= 10**SIGNIFICANT):
        return f"{number:.0f}"
    short = f"{number:.{SIGNIFICANT}g}"
    if math.isclose(float(short), number, rel_tol=ROUNDING):
        return short
    return f"{number:#.{SIGNIFICANT}g}"


def _decimals(number: float, digits: int) -> str:
    size, shown = abs(number), max(digits, 1)
    if size >= WHOLE:
        return f"{number:.{shown - 1}e}"
    if size == 0 or size >= 0.1:
        return f"{number:.{digits}f}"
    wanted = max(digits, shown - 1 - math.floor(math.log10(size)))
    if wanted > max(MOST_DECIMALS, digits):
        return f"{number:.{shown - 1}e}"
    whole, _, decimals = f"{number:.{wanted}f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(digits, '0')}"


def number_tex(value: Any, digits: int | None = None) -> str:
    """Return a number as mathematics in TeX."""
    text = number_text(value, digits)
    mantissa, e, power = text.partition("e")
    if text in ("True", "False"):
        return rf"\mathrm{{{text}}}"
    if "inf" in text:
        return text.replace("inf", r"\infty")
    if text == "nan":
        return r"\mathrm{nan}"
    return rf"{mantissa} \cdot 10^{{{int(power)}}}" if e else text


def is_small(value: Any) -> bool:
    """Return whether an array is shown entry by entry."""
    shape = np.shape(value)
    return (
        len(shape) <= 2
        and 0 < math.prod(shape) <= MOST_ENTRIES
        and (not shape or shape[-1] <= LONGEST_ROW)
    )


def value_text(value: Any, digits: int | None = None) -> str:
    """Return a number, the entries of a small array (a line for each row), or a summary."""
    if not np.shape(value):
        return number_text(_item(value), digits)
    if not is_small(value):
        return _summary(np.asarray(value), lambda x: number_text(x, digits))
    if np.ndim(value) == 1:
        return f"[{', '.join(number_text(x, digits) for x in np.asarray(value))}]"
    rows = [[number_text(x, digits) for x in row] for row in np.asarray(value)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [", ".join(t.rjust(w) for t, w in zip(row, widths, strict=True)) for row in rows]
    return "[" + ",\n ".join(f"[{line}]" for line in lines) + "]"


def value_tex(value: Any, digits: int | None = None) -> str:
    """Return a value as TeX that stands in a line of text."""
    if not np.shape(value):
        return f"${number_tex(_item(value), digits)}$"
    if not is_small(value):
        return _summary(np.asarray(value), lambda x: f"${number_tex(x, digits)}$")
    rows = [[number_tex(x, digits) for x in row] for row in np.atleast_2d(value)]
    inside = r" \\ ".join(" & ".join(row) for row in rows)
    return rf"$\begin{{bmatrix}} {inside} \end{{bmatrix}}$"


def _summary(array: np.ndarray[Any, Any], show: Callable[[Any], str]) -> str:
    shape = shape_text(array.shape)
    if not array.size:
        return f"{shape}, empty"
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    odd = array.size - finite.size
    also = f", {odd} not finite" if odd else ""
    if not finite.size:
        return f"{shape}{also}"
    low, high = finite.min(), finite.max()
    if low == high:
        return f"{shape} of {show(low)}{also}"
    return f"{shape} from {show(low)} to {show(high)}{also}"


def shape_text(shape: Sequence[object]) -> str:
    """Return a shape of numbers or of names as Python writes it: ``(N, 3)``, or ``(N,)``."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.ndarray) else value
