"""A name for every symbol that needs a line: the user's own, ``d<name>``, or the op's role."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable, Mapping

from symgrad.graph import Equation, Graph, Notes, Op, Operand, Sym
from symgrad.ops.indexing import ARRAY

_RESERVED = frozenset(keyword.kwlist) | {"residuals", "self", "_"}
_ROLES: Mapping[str, str] = {
    "contract": "z", "add": "a", "subtract": "diff", "multiply": "scaled", "divide": "ratio",
    "negative": "minus", "square": "squared", "power": "powered", "where": "chosen",
    "index": "picked", "add_at": "summed", "put_at": "filled", "concatenate": "joined",
    "reshape": "shaped", "broadcast_to": "wide", "arange": "rows", "constant": "table",
    "greater": "mask", "less": "mask", "greater_equal": "mask", "less_equal": "mask",
    "equal": "hit", "not_equal": "mask", "logical_and": "mask", "logical_or": "mask",
    "full": "zeros", "eye": "eye", "clip": "clipped", "maximum": "peak", "minimum": "least",
    "transpose": "turned", "flip": "flipped", "astype": "cast", "absolute": "magnitude",
    "expand_dims": "column", "squeeze": "line",
}  # fmt: skip


class Names:
    """Gives every symbol that needs a line one unique, legal name."""

    def __init__(
        self,
        notes: Notes,
        taken: Iterable[str],
        primal: frozenset[Sym] = frozenset(),
        known: Mapping[Sym, str] = {},
    ):
        self.notes = notes
        self.primal = primal
        self.known = known  # what values are called that another function computes
        self.owned = set(known.values())
        self.taken = set(taken) | _RESERVED
        self.of: dict[Sym, str] = {}
        self.numbers: dict[str, int] = {}

    def claim(self, wanted: str, is_users: bool = False) -> str:
        """Return ``wanted``, or the first free name like it."""
        if not is_users and hasattr(builtins, wanted):
            wanted = f"{wanted}_"
        name, number = wanted, self.numbers.get(wanted, 2)
        between = "_" if wanted[-1:].isdigit() else ""
        while name in self.taken:
            name, number = f"{wanted}{between}{number}", number + 1
        self.numbers[wanted] = number
        self.taken.add(name)
        return name

    def wanted(self, y: Sym, graph: Graph, defined: Mapping[Sym, Equation]) -> tuple[str, bool]:
        """Return the name a person would give ``y``, and whether it is the user's."""
        users = self.notes.names.get(y)
        if users is not None:
            return users, True
        primal = self.notes.cotangent_of.get(y)
        if primal is not None and y not in self.primal:
            base = self.known.get(primal) or self.of.get(primal) or self.notes.names.get(primal)
            if base is None and primal in defined:
                role = self._role(defined[primal])
                base = role if role not in self.taken and role not in self.owned else None
            if base is not None:
                return f"d{base}", False
        if y not in defined:
            return "value", False
        lhs, rhs = defined[y]
        if len(lhs) > 1 and rhs.facts.role:
            return rhs.facts.role.split()[lhs.index(y)], False  # "sign logdet"
        return self._role(defined[y]), False

    def _name(self, x: Operand) -> str | None:
        return (self.of.get(x) or self.notes.names.get(x)) if isinstance(x, Sym) else None

    def _part(self, row: Op) -> str | None:
        """Return ``U_i`` for ``U[i]`` and ``X_0`` for ``X[:, 0]``."""
        whole = self._name(row.operands[0])
        indices = iter(row.operands[1:])
        words = [
            self._name(next(indices)) if k == ARRAY else str(k).replace("-", "m")
            for k in row.setting("key")
            if k == ARRAY or type(k) is int
        ]
        if whole is None or None in words:
            return None
        words = words or ["part"]
        name = "_".join([whole, *words])  # type: ignore[list-item]
        return name if len(name) <= 16 else None

    def _role(self, eqn: Equation) -> str:
        row = eqn.rhs
        part = self._part(row) if row.name == "index" else None
        if part is not None:
            return part
        base = row.facts.role or _ROLES.get(row.name, row.name)
        x = next((x for x in row.operands if isinstance(x, Sym)), None)
        of = (self.of.get(x) or self.notes.names.get(x)) if x is not None else None
        if row.facts.role and of is not None and len(of) <= 12 and row.facts.role not in ("p",):
            return f"{base}_{of}"
        return base
