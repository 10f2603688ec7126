"""What a reader must know to read the formulas of a derivation: layout, signs, indices."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from symgrad.notation import (
    Label,
    Math,
    Name,
    Product,
    Sign,
    indicator,
    turned,
)
from symgrad.study.circuit import Circuit
from symgrad.study.derivations.steps import Step, Words


def conventions(circuit: Circuit, steps: tuple[Step, ...]) -> Words:
    """Return the sentences that these steps need."""
    words = circuit.wording
    x = next((circuit.nodes[k] for k in circuit.wrt), circuit.nodes[0])
    found: list[str | Math] = [
        "Layout: a gradient has the shape of its variable; ",
        words.derivative_math(x.symbol),
        " is laid out like ",
        words.math(x.symbol),
        ".",
    ]
    signs = _signs([line.math for step in steps for line in step.lines])
    arrays = any(node.shape for node in circuit.nodes)
    if arrays:
        a, b = Name("a"), Name("b")
        found += [
            "  Functions, powers and fractions of arrays are taken element by element; ",
            Product((a, b), "⊙"),
            " is the product by elements, factors side by side are matrices, and a vector is a "
            "column, so that ",
            Product((turned(a), b)),
            " is a number.",
        ]
    if "index" in signs:
        found.append(
            "  Indices stand for the axes in order; one that stands for a place counts from 0."
        )
    if "𝟙" in signs:
        found += [
            "  ",
            indicator(Name("c")),
            " is 1 where ",
            Name("c"),
            " holds, else 0, whatever it is multiplied by.",
        ]
    return tuple(found)


def _signs(formulas: Any) -> set[str]:
    """Return the signs that formulas have, and "index" where there is an index."""
    found: set[str] = set()
    todo = list(formulas)
    while todo:
        x = todo.pop()
        if isinstance(x, tuple):
            todo += x
        elif isinstance(x, Sign):
            found.add(x.character)
        elif isinstance(x, Label):
            found.add("index")
        elif isinstance(x, Math):
            todo += [getattr(x, field.name) for field in fields(x)]
    return found


__all__ = ["conventions"]
