"""The law of products of windows: they are written out once, for all products that read them.

Windows are a view in which elements share memory, which no BLAS takes: each product copies them
first, or is left to loops.  The same product with the windows is needed again for the gradient.
"""

from __future__ import annotations

from typing import Any

from symgrad.dims import Shape, product
from symgrad.graph import Builder, Operand, Sym
from symgrad.ops.table import is_view, normal_axes
from symgrad.recognise.reading import Operands
from symgrad.recognise.recogniser import Recogniser
from symgrad.recognise.rule import Rule

SHORT_AXES = "NumPy is slow along many short axes, and fast from array to array"
MOST_PLACES = 32  # in a window of which each place is an array of its own


def _product_of_windows(b: Recogniser, operands: Operands, settings: Any) -> Operand | None:
    terms, _ = settings
    for k, x in enumerate(operands) if len(operands) == 2 else ():
        shared = set(terms[0]) & set(terms[1])
        if not shared or not _is_part_of_windows(b, x) or len(terms[1 - k]) < 2:
            continue  # NumPy multiplies a matrix of windows by a vector without a copy
        written_out = b.apply("materialise", x).symbol
        _pass_name_on(b, x, written_out)
        both = [written_out if n == k else y for n, y in enumerate(operands)]
        return b.apply("contract", *both, terms=terms, out=settings[1]).symbol
    return None


def _of_windows(name: str) -> Any:
    def law(b: Recogniser, operands: Operands, settings: Any) -> Operand | None:
        axis, keepdims = settings
        window, ndim = _window_of(b, operands[0]), b.aval(operands[0]).ndim
        axes = tuple(range(ndim - len(window), ndim))
        if not window or keepdims or normal_axes(axis, ndim) != axes or len(axes) == ndim:
            return None
        places = b.shapes.value(product(window))
        if places is None or places > MOST_PLACES or b.aval(operands[0]).dtype.kind != "f":
            return None
        return b.apply(f"{name}_in_windows", operands[0], window=window).symbol

    return law


def _window_of(b: Builder, x: Operand) -> Shape:
    """Return the sizes of the windows whose axes are the last of ``x``, of chosen windows too."""
    row = b.definition(x)
    if row is not None and row.name == "index" and len(row.operands) == 1:
        chosen, row = row.setting("key"), b.definition(row.operands[0])
        if row is None or row.name != "windows" or None in chosen:
            return ()
        if len(chosen) > b.aval(row.operands[0]).ndim:
            return ()  # a part of each window
    return row.setting("window") if row is not None and row.name == "windows" else ()


def _is_part_of_windows(b: Builder, x: Operand) -> bool:
    """Return whether ``x`` is a view of windows: of all, of every second, with axes moved."""
    row = b.definition(x)
    while row is not None and row.name in ("index", "transpose"):
        if not is_view(row, list(map(b.aval, row.operands))):
            return False
        row = b.definition(row.operands[0])
    return row is not None and row.name == "windows"


def _pass_name_on(b: Recogniser, x: Operand, written_out: Operand) -> None:
    """Let what the user called the windows be the copy, if nobody else reads the view."""
    if type(x) is Sym and b.readers[x] == 1:
        b.notes.copy(x, written_out, b.notes)
        b.notes.names.pop(x, None)


RULES = (
    Rule("windows(x) k = c k, c = copy of windows(x)", "contract", _product_of_windows, "rounding",
         "the windows are written out once for the value and the gradient, and BLAS takes them"),
    *(
        Rule(f"{name}(windows(x), last axes) = {ufunc} of one array for each place in a window",
             name, _of_windows(name), "exact", SHORT_AXES)
        for name, ufunc in (("max", "maximum"), ("min", "minimum"))
    ),
    *(
        Rule(f"{name}(windows(x), last axes) = {name} of one array for each place in a window",
             name, _of_windows(name), "rounding", SHORT_AXES)
        for name in ("sum", "mean")
    ),
)  # fmt: skip
