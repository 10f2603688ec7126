"""What a law is: an identity, the op it is tried on, and the rewrite that applies it.

Three kinds of law, from the strictest: an *exact* law changes no bit; a *rounding* law holds
up to rounding; a *stability* law also gives a finite value where the user's overflowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from symgrad.graph import Law

Kind = Literal["exact", "rounding", "stability"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A law as on the blackboard, the op it is tried on, and the rewrite that applies it."""

    law: str
    op: str
    apply: Law
    kind: Kind
