"""A name for every symbol that needs a line: the user's own, ``d<name>``, or the op's role."""

from __future__ import annotations

import builtins
import functools
import keyword
from collections.abc import Iterable, Mapping

from symgrad.graph import Equation, Notes, Op, Operand, Sym
from symgrad.ops.indexing import ARRAY

_RESERVED = frozenset(keyword.kwlist) | {"self", "_", "ValueError", "__debug__"}
_ROLES: Mapping[str, str] = {
    "contract": "z", "add": "a", "subtract": "diff", "multiply": "scaled", "divide": "ratio",
    "negative": "minus", "square": "squared", "power": "powered", "where": "chosen",
    "index": "picked", "add_at": "summed", "put_at": "filled", "concatenate": "joined",
    "reshape": "shaped", "broadcast_to": "wide", "arange": "rows", "constant": "table",
    "greater": "mask", "less": "mask", "greater_equal": "mask", "less_equal": "mask",
    "equal": "hit", "not_equal": "mask", "logical_and": "mask", "logical_or": "mask",
    "full": "zeros", "eye": "eye", "clip": "clipped", "maximum": "peak", "minimum": "least",
    "transpose": "turned", "flip": "flipped", "astype": "cast", "absolute": "magnitude",
    "expand_dims": "column", "squeeze": "line", "exp": "e", "sqrt": "root",
    "max": "largest", "min": "smallest", "add_windows": "summed",
}  # fmt: skip
PHRASES: Mapping[str, str] = {
    "add": "{}_plus_{}", "subtract": "{}_minus_{}", "multiply": "{}_{}", "divide": "{}_over_{}",
    "negative": "minus_{}", "square": "{}_squared", "transpose": "{}_T",
}  # fmt: skip
NUMBERS: Mapping[object, str] = {0.5: "half", 1: "one", 2: "two"}
SHIFTS: Mapping[str, str] = {"max": "shifted", "mean": "centred"}
LONGEST = 16  # of a name that is put together


class Names:
    """Gives every symbol that needs a line one unique, legal name."""

    def __init__(
        self,
        notes: Notes,
        taken: Iterable[str],
        defined: Mapping[Sym, Equation] = {},
        primal: frozenset[Sym] = frozenset(),
        known: Mapping[Sym, str] = {},
    ):
        self.notes = notes
        self.defined = defined
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

    def wanted(self, y: Sym) -> tuple[str, bool]:
        """Return the name a person would give ``y``, and whether it is the user's."""
        users = self.notes.names.get(y)
        if users is not None:
            return users, True
        primal = self.notes.cotangent_of.get(y)
        if primal is not None and y not in self.primal:
            base = self.known.get(primal) or self.of.get(primal) or self.notes.names.get(primal)
            is_phrase = primal not in self.notes.names and self._is_phrase(primal)
            if primal in self.defined and (base is None or is_phrase):  # `dx_plus_y` misleads
                base = self._unlike_others(self._role(primal, not is_phrase), primal)
            if base is not None:
                return f"d{base}", False
        return self._role(y) if y in self.defined else "value", False

    def _unlike_others(self, role: str, y: Sym) -> str | None:
        """Return a role, said of the line it belongs to where it is somebody's name."""
        if role not in self.taken and role not in self.owned:
            return role
        line = self._leads_to.get(y)
        name = (self.known.get(line) or self._name(line)) if line is not None else None
        return f"{role}_{name}" if name is not None and len(name) < LONGEST // 2 else None

    def _name(self, x: Operand) -> str | None:
        return (self.of.get(x) or self.notes.names.get(x)) if isinstance(x, Sym) else None

    def _is_phrase(self, y: Sym) -> bool:
        eqn = self.defined.get(y)
        return eqn is not None and eqn.rhs.name in PHRASES and self._phrase(eqn.rhs) is not None

    def _role(self, y: Sym, in_words: bool = True) -> str:
        """Return what an op gives, said with the user's names or by the op's role."""
        lhs, row = self.defined[y]
        if len(lhs) > 1 and row.facts.role:
            return str(row.facts.role.split()[lhs.index(y)])  # "sign logdet"
        of = self.defined.get(row.operands[0]) if row.operands else None
        is_part = of is not None and row.name == "index" and of.rhs.name == "windows"
        if of is not None and (row.name == "materialise" or is_part):
            return self._role(of.lhs[0], in_words)
        said = self._part(row) if row.name == "index" else self._phrase(row)
        if said is not None and in_words:
            return said
        return self._plain_role(y, row) + self._number(y)

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
        return name if len(name) <= LONGEST else None

    def _phrase(self, row: Op) -> str | None:
        """Return ``one_minus_p`` for ``1 - p`` and ``log_x`` for ``log(x)``: the op in words."""
        phrase = PHRASES.get(row.name)
        if row.name == "subtract" and all(isinstance(x, Sym) for x in row.operands):
            return None  # a deviation, which has a name of its own
        if phrase is None:
            if not row.facts.role or row.facts.role == "p" or not row.operands:
                return None
            phrase = f"{row.facts.role}_{{}}"
        words = [self._word(x) for x in row.operands[: phrase.count("{}")]]
        if None in words:
            return None
        name = phrase.format(*words)
        return name if len(name) <= LONGEST else None

    def _word(self, x: Operand) -> str | None:
        return self.notes.names.get(x) if isinstance(x, Sym) else NUMBERS.get(x.value)

    def _plain_role(self, y: Sym, row: Op) -> str:
        """Return the role of an op by what it is applied to."""
        a, b = (*row.operands, None, None)[:2]
        if row.name == "contract" and not row.setting("out"):
            return "total"
        if row.name == "contract" and self._is_gradient(y):
            return "product"
        if (
            row.name == "add"
            and not self._is_gradient(y)
            and (self._is_affine(a) or self._is_affine(b))
        ):
            return "z"
        if (
            row.name == "subtract"
            and not self._is_gradient(y)
            and isinstance(a, Sym)
            and isinstance(b, Sym)
        ):
            return _deviation(a, b, self.defined)
        if row.name in ("maximum", "minimum") and any(
            getattr(x, "value", None) == 0 for x in (a, b)
        ):
            return {"maximum": "positive", "minimum": "negative"}[row.name]
        return str(_ROLES.get(row.name) or row.facts.role or row.name)

    def _is_gradient(self, y: Sym) -> bool:
        origin = self.notes.origins.get(y)
        return origin is not None and origin.step >= 0

    def _is_affine(self, x: Operand | None) -> bool:
        """Return whether ``x`` is a product of matrices, or a sum with one, without a name."""
        while isinstance(x, Sym) and x in self.defined and self._name(x) is None:
            row = self.defined[x].rhs
            if row.name == "contract":
                return True
            if row.name != "add":
                return False
            x = row.operands[0]
        return False

    def _number(self, y: Sym) -> str:
        """Return the number that the user gave the value which an unnamed one is a step of."""
        line = self._leads_to.get(y)
        name = (self.known.get(line) or self._name(line) or "") if line is not None else ""
        return name[len(name.rstrip("0123456789")) :]

    @functools.cached_property
    def _leads_to(self) -> dict[Operand, Sym]:
        """The named value that each step without a name is on the way to."""
        found: dict[Operand, Sym] = {}
        for (result, *_), rhs in reversed(list(self.defined.values())):
            if result in self.primal:
                line = result if result in self.notes.names else found.get(result)
                if line is not None:
                    found.update((x, line) for x in rhs.operands if type(x) is Sym)
        return found


def _deviation(a: Sym, b: Sym, defined: Mapping[Sym, Equation]) -> str:
    """Return what a difference is called: from the own mean or largest, or of data from a fit."""
    inner = defined.get(b)
    while inner is not None and inner.rhs.name in ("expand_dims", "index", "reshape"):
        x = inner.rhs.operands[0]
        inner = defined.get(x) if isinstance(x, Sym) else None
    if inner is not None and inner.rhs.operands[:1] == (a,) and inner.rhs.name in SHIFTS:
        return SHIFTS[inner.rhs.name]
    return "r" if (a in defined) != (b in defined) else "diff"
