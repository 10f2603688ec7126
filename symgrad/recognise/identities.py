"""The laws of steps that change nothing: factors that come to 1, added zeros, moves and back.

Each law is given a builder and the operands of the op it is tried on; it returns the operand
that takes the place of the result, or None.  With such steps out of the way every other law
sees the formula and not how it was written.  Invariant: what replaces a value has its elements,
in its shape and dtype.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symgrad.graph import Builder, Law, Operand
from symgrad.recognise.moves import keeps_elements, rearranged, transposed
from symgrad.recognise.reading import Operands, is_number, is_real, number_of, orders
from symgrad.recognise.rule import Rule

LONGEST_CHAIN = 4  # how many steps may undo one another

# --- constant factors ---------------------------------------------------------------------------


def _without_factor(b: Builder, name: str, operands: Operands) -> tuple[Fraction, Operand] | None:
    """Return (c, x) where the op called ``name`` makes c x of its operands."""
    if name == "negative":
        return Fraction(-1), operands[0]
    if name == "subtract":
        return (Fraction(-1), operands[1]) if is_number(operands[0], 0) else None
    pair = operands if name == "multiply" else operands[::-1]
    for number, x in (pair, pair[::-1]) if name == "multiply" else (pair,):
        c = number_of(b, number)
        if c is not None and c and is_real(b, x):
            return (Fraction(c) if name == "multiply" else 1 / Fraction(c)), x
    return None


def _unscaled(name: str, exactly: bool) -> Law:
    """Return the law that gives x for 1 x, -(-x), 2 x / 2, tried on the op called ``name``.

    ``exactly`` says that all factors are 1 or -1, so that no bit changes.
    """

    def law(b: Builder, operands: Operands, settings: Any) -> Operand | None:
        total, exact, step = Fraction(1), True, _without_factor(b, name, operands)
        for _ in range(LONGEST_CHAIN):
            if step is None:
                return None
            factor, x = step
            total, exact = total * factor, exact and abs(factor) == 1
            if total == 1:
                return x if exact is exactly else None
            row = b.definition(x)
            step = _scale(b, row.name, row.operands) if row is not None else None
        return None

    return law


def _scale(b: Builder, name: str, operands: Operands) -> tuple[Fraction, Operand] | None:
    return _without_factor(b, name, operands) if name in _SCALES else None


_SCALES = ("multiply", "divide", "negative", "subtract")

# --- added zeros, powers of one, the same dtype -------------------------------------------------


def _plus_zero(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    for zero, x in orders(operands):
        if number_of(b, zero) == 0:
            return x
    return None


def _minus_zero(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return operands[0] if number_of(b, operands[1]) == 0 else None


def _power_of_one(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return operands[0] if is_number(operands[1], 1) else None


def _same_choice(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return operands[1] if operands[1] == operands[2] else None


def _unchanged(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    return operands[0]  # if it has the dtype and shape that are asked for


def _with_number(name: str) -> Law:
    """Return the law that gives the op a number where an array holds nothing else."""

    def law(b: Builder, operands: Operands, settings: Any) -> Operand | None:
        for k in (0, 1):
            row = b.definition(operands[k])
            if row is not None and row.name == "full":
                number = b.operand(row.setting("value"))
                return b.apply(
                    name, *[number if i == k else x for i, x in enumerate(operands)]
                ).symbol
        return None

    return law


# --- moves and back -----------------------------------------------------------------------------


def _there_and_back(name: str) -> Law:
    def law(b: Builder, operands: Operands, settings: Any) -> Operand | None:
        y = b.known(name, operands, settings)
        return rearranged(b, y) if y is not None and keeps_elements(b, y) else None

    return law


def _transposed_back(b: Builder, operands: Operands, settings: Any) -> Operand | None:
    x, axes = transposed(b, operands[0], settings[0])
    return x if axes == tuple(range(len(axes))) else None


RULES = (
    Rule(
        "-(-x) = x",
        "negative",
        _unscaled("negative", True),
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "1 x = x,  -1 (-x) = x",
        "multiply",
        _unscaled("multiply", True),
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "x / 1 = x,  (-x) / -1 = x",
        "divide",
        _unscaled("divide", True),
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "0 - (-x) = x",
        "subtract",
        _unscaled("subtract", True),
        "rounding",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "(x / c) c = x",
        "multiply",
        _unscaled("multiply", False),
        "stability",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "(c x) / c = x",
        "divide",
        _unscaled("divide", False),
        "stability",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "x + 0 = x",
        "add",
        _plus_zero,
        "rounding",
        "a step that changes nothing hides the formula from other laws",
    ),  # but for the sign of zero
    Rule(
        "x - 0 = x",
        "subtract",
        _minus_zero,
        "rounding",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "x**1 = x",
        "power",
        _power_of_one,
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "where(c, x, x) = x",
        "where",
        _same_choice,
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "x as its own dtype = x",
        "astype",
        _unchanged,
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "x in its own shape = x",
        "broadcast_to",
        _unchanged,
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "ones + x = 1 + x",
        "add",
        _with_number("add"),
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "ones - x = 1 - x",
        "subtract",
        _with_number("subtract"),
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "x reshaped and back = x",
        "reshape",
        _there_and_back("reshape"),
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "x[0][None] = x",
        "expand_dims",
        _there_and_back("expand_dims"),
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "x[None].squeeze(0) = x",
        "squeeze",
        _there_and_back("squeeze"),
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "x[None][0] = x",
        "index",
        _there_and_back("index"),
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
    Rule(
        "(x^T)^T = x",
        "transpose",
        _transposed_back,
        "exact",
        "a step that changes nothing hides the formula from other laws",
    ),
)
LAWS = frozenset(rule.law for rule in RULES)
