"""How a law is declared: the op on which it is tried, the rewrite, and what it needs below.

A law is given the builder, the operands and the settings of an application that is about to be
bound, and returns the operand that replaces it, or None.  Invariant: a law takes apart only
what is new and read once, so nothing is computed twice; numbers it may fold anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symgrad.graph import Operand

Rewrite = Callable[..., Operand | None]
NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Rule:
    """One law and the op on which it is tried.

    A law that needs a new application of certain ops (or a ``NUMBER``) among the operands
    names them in ``below``, and is not tried on others.
    """

    law: str
    head: str
    rewrite: Rewrite
    below: tuple[str, ...] = ()


def declaring(rules: list[Rule]) -> Callable[..., Callable[[Rewrite], Rewrite]]:
    """Return the decorator ``rule(head, law, *below)`` that adds laws to ``rules``."""

    def rule(head: str, law: str, *below: str) -> Callable[[Rewrite], Rewrite]:
        def register(rewrite: Rewrite) -> Rewrite:
            rules.append(Rule(law, head, rewrite, below))
            return rewrite

        return register

    return rule
