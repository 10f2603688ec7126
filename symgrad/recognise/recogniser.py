"""The builder that laws of the user's own computation are tried in.

Invariant: how often a value is read is counted in what the user wrote, before any law.
"""

from __future__ import annotations

from collections import Counter

from symgrad.graph import Builder, Equation, Graph, Operand


class Recogniser(Builder):
    """A builder that knows how often each of the user's values is read."""

    readers: Counter[Operand]

    @classmethod
    def reading(cls, graph: Graph, start: int) -> Recogniser:
        """Return a builder that holds the equations of ``graph`` before number ``start``."""
        new = cls.continuing(graph, start)
        new.readers = Counter(graph.outputs)
        for eqn in reversed(graph.equations):
            if new.is_read(eqn):
                new.readers.update(eqn.rhs.operands)
        return new

    def is_read(self, eqn: Equation) -> bool:
        """Return whether an output needs ``eqn``: what a law replaced may have no reader left."""
        return any(y in self.readers for y in eqn.lhs)

    def is_passing(self, x: Operand) -> bool:
        """Return whether only one equation sees ``x``: it has no name, and one reader."""
        return x not in self.notes.names and self.readers[x] <= 1
