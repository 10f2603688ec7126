"""One line of a claim: a name and the formula that it stands for.

Every reader of claims (NumPy text, Python functions, LaTeX) returns these.  Invariant: a formula
is a Python expression tree that was built node by node or passed the whitelist; it is never run.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """``name = formula`` as it stands on ``line`` (from 1) of the claim.

    ``name`` is empty where the claim is a bare formula.  ``text`` is the line as it was written.
    """

    name: str
    formula: ast.expr
    line: int
    text: str
