"""The builder that applies laws to what differentiation added.

Invariant: what a law found replaces an application only if it has its shape and dtype.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from symgrad.graph import Builder, Equation, Graph, Op, Operand, Static, Sym
from symgrad.simplify.rule import NUMBER, Rule

LawsFor = Callable[[str, tuple[str, ...]], Iterable[Rule]]
DEEPEST_CHAIN = 60  # laws applied to the result of laws


class Simplifier(Builder):
    """A builder that applies the laws to equations beyond the user's own."""

    shared: dict[Operand, int]
    own: frozenset[Operand]
    seeds: frozenset[Operand]
    laws_for: LawsFor
    fired: Counter[str]
    depth = 0

    @classmethod
    def after(
        cls, graph: Graph, start: int, seeds: int, heads: frozenset[str], laws_for: LawsFor
    ) -> Simplifier:
        """Return a builder that holds the user's own equations and takes new ones by the laws.

        ``laws_for`` gives the laws to try on an op, by the heads of its operands.
        """
        new = cls.continuing(graph, start)
        new.laws, new.laws_for = dict.fromkeys(heads, ()), laws_for
        new.shared, new.fired = {}, Counter()
        new.own = frozenset([*new.inputs, *new.defined_by])
        new.seeds = frozenset(graph.inputs[len(graph.inputs) - seeds :])
        return new

    def _by_law(self, op: type[Op], operands: Any, settings: Any) -> Operand | None:
        # A law's result goes through the laws again; a chain this long is left as it is.
        if self.depth >= DEEPEST_CHAIN:
            return None
        self.depth += 1
        try:
            want = None
            for rule in self.laws_for(op.name, tuple([self._head(x) for x in operands])):
                found = rule.rewrite(self, operands, settings)
                if found is None:
                    continue
                want = want or self.infer(op, operands, settings)[0]
                if self.may_replace(self.aval(found), want):
                    self.fired[rule.law] += 1
                    return found
            return None
        finally:
            self.depth -= 1

    def _head(self, operand: Operand) -> str:
        if type(operand) is Static:
            return NUMBER
        eqn = self.defined_by.get(operand)
        if eqn is None:
            return ""
        name = eqn.rhs.name
        return name if operand not in self.own or name in ("where", "full") else ""

    def sole(self, operand: Operand, head: str) -> Op | None:
        """Return what `new` returns, unless more than one equation reads ``operand``.

        A law that takes a product apart would compute it again for the other readers.
        """
        return None if operand in self.shared else self.new(operand, head)

    def share(self, operand: Operand, reads: int) -> None:
        """Note that ``operand`` is read several times, and so what it only copies."""
        self.shared[operand] = max(reads, self.shared.get(operand, 0))
        row = self.definition(operand)
        if row is not None and row.name in ("broadcast_to", "expand_dims", "astype"):
            self.share(row.operands[0], reads)

    def read_less(self, operand: Operand) -> None:
        """Note that a law made one reader of ``operand`` do without it."""
        reads = self.shared.pop(operand, 0) - 1
        if reads > 1:
            self.shared[operand] = reads

    def is_met_again(
        self, mine: Operand, known: int, eqn: Equation, moved: Mapping[Sym, Operand]
    ) -> bool:
        """Return whether ``mine``, which replaces what ``eqn`` binds, had readers before.

        Its symbol is below ``known`` then, and it is no part of what ``eqn`` itself reads.
        """
        if type(mine) is not Sym or mine.index >= known or mine in self.own:
            return False
        inside = [moved.get(x, x) for x in eqn.rhs.operands if type(x) is Sym]
        rows = [row for row in map(self.definition, inside) if row is not None]
        return mine not in inside and all(mine not in row.operands for row in rows)

    def new(self, operand: Operand, head: str) -> Op | None:
        """Return the definition of ``operand`` if it is a new application of ``head``."""
        if type(operand) is Sym and operand not in self.own:
            eqn = self.defined_by.get(operand)
            if eqn is not None and eqn.rhs.name == head:
                return eqn.rhs
        return None
