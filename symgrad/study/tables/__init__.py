"""Trace tables: forward and reverse mode at a point, as they are filled in on the board.

Given a function and arguments, `table` returns a `Table`: data first, and text, Markdown, HTML,
LaTeX, CSV and JSON of it.  Every number is read off the graph that emits the code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symgrad.errors import ArgumentError
from symgrad.study.circuit import Circuit, Partition, circuit
from symgrad.study.tables import forward, reverse
from symgrad.study.tables.cells import Cell, Column, Row, Section, Table
from symgrad.study.tables.notation import NOTATIONS, Look, notes, sensitivity
from symgrad.study.tables.worksheet import fresh

MODES = ("reverse", "forward")
LAYOUTS = ("edges", "store")


def table(
    fn: Callable[..., Any],
    *args: Any,
    mode: str = "reverse",
    wrt: Any = None,
    layout: str = "edges",
    level: str | Partition = "gate",
    digits: int | None = None,
    notation: str = "d",
    names: str | Mapping[str, str] | None = None,
    direction: Any = None,
    sentences: bool = True,
    blank: str | Sequence[str] = (),
    seed: int | None = None,
    **kwargs: Any,
) -> Table:
    """Return the trace table of ``fn(*args, **kwargs)``.

    ``mode="reverse"`` has a row for each edge (variable, expression, value, upstream derivative,
    local derivative in symbols and as a value, upstream x local), then a row for each variable
    with the sum over its edges.  ``mode="forward"`` has a column for each entry of ``wrt`` with
    the derivative of every variable by it, or one column of tangents along a ``direction``.
    ``layout="store"`` is the lecture's form: every variable in the order of the forward pass,
    its value and local derivatives, then the accumulated product.

    ``level="gate"`` has one variable an operation, ``level="line"`` the user's own lines.
    ``digits`` are decimals (four significant digits otherwise); a small number gets as many more
    as it needs.  ``notation`` writes derivatives as ``"d"``, ``"partial"`` or ``"bar"``,
    ``names="xi"`` calls the variables xi_1, xi_2, ..., and a mapping renames them.

    ``blank`` names columns to be filled in: the result is a worksheet, its ``key`` the answers.
    With a ``seed`` the numbers are fresh ones that come out short.

    The keys of the columns are ``variable``, ``expression``, ``value``, ``upstream``, ``local``,
    ``local value``, ``product``, ``chain`` and ``accumulated``; in forward mode ``by x`` for each
    ``x`` in ``wrt`` (``blank="accumulated"`` takes them all), or ``tangent``.

    Raises ArgumentError for a mode, layout, notation or column that there is not, and what
    `symgrad.compile` raises.
    """
    _one_of("mode", mode, MODES)
    _one_of("layout", layout, LAYOUTS)
    _one_of("notation", notation, NOTATIONS)
    if direction is not None and mode == "reverse":
        raise ArgumentError("a direction= is for mode='forward': reverse mode has none")
    if digits is not None and (type(digits) is not int or not 0 <= digits <= 15):
        raise ArgumentError(f"digits={digits!r}: a number of decimals from 0 to 15, or None")
    found = circuit(fn, args, kwargs, wrt, level, names)
    if seed is not None:
        found = fresh(found, fn, args, kwargs, wrt, level, names, seed)
    look = Look(found, digits, notation)
    made = _made(look, mode, layout, direction, sentences)
    left = [blank] if isinstance(blank, str) else list(blank)
    return made.without(left) if left else made


def _made(look: Look, mode: str, layout: str, direction: Any, sentences: bool) -> Table:
    columns, sections = _parts(look, mode, layout, direction)
    used = {key for section in sections for row in section.rows for key in row.cells}
    what = "Reverse mode" if mode == "reverse" else "Forward mode"
    about = {
        "function": look.circuit.name, "mode": mode, "layout": layout,
        "level": look.circuit.level, "notation": look.notation,
    }  # fmt: skip
    return Table(
        look.title(what),
        tuple(column for column in columns if column.key in used),
        sections,
        notes(look) if "local" in used else (),
        tuple(sensitivity(look)) if sentences else (),
        about,
    )


def _parts(
    look: Look, mode: str, layout: str, direction: Any
) -> tuple[tuple[Column, ...], tuple[Section, ...]]:
    if mode == "reverse":
        if layout == "edges":
            return reverse.EDGES, reverse.edges(look)
        return reverse.STORE, reverse.store(look)
    found = forward.slopes(look, direction)
    make = forward.every_variable if layout == "edges" else forward.store
    return forward.columns_of(found, layout), make(look, found)


def _one_of(word: str, given: Any, known: Sequence[str]) -> None:
    if given not in known:
        raise ArgumentError(f"{word}={given!r}: {' or '.join(map(repr, known))}")


__all__ = ["Cell", "Circuit", "Column", "Row", "Section", "Table", "table"]
