"""What a law is: an identity, the op it is tried on, and the rewrite that applies it.

Three kinds of law, from the strictest: an *exact* law changes no bit; a *rounding* law holds
up to rounding; a *stability* law also gives a finite value where the user's overflowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from symgrad.graph import Operand
from symgrad.recognise.recogniser import Recogniser

Kind = Literal["exact", "rounding", "stability"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A law as on the blackboard, the op it is tried on, and the rewrite that applies it.

    ``reason`` says to people, in one clause, what was wrong with the formula as written or what
    the other one saves.
    """

    law: str
    op: str
    apply: Callable[[Recogniser, tuple[Operand, ...], tuple[Any, ...]], Operand | None]
    kind: Kind
    reason: str
