"""Numbers that a trace needs: it starts again with them fixed.

Given a symbol, a `SpecialisingBuilder` returns the arguments and sizes that decide its value, if
they are such as may be fixed.  Invariant: a trace never goes on with a number that it was not
started with.
"""

from __future__ import annotations

from symgrad.dims import Dim, Shapes, dims_of
from symgrad.errors import Location
from symgrad.graph import Builder, Operand, Sym


class Specialise(BaseException):
    """The trace needs a number: start again with these leaves or dims fixed.

    Not an Exception, so that a user's ``except Exception`` cannot swallow it.
    """

    def __init__(self, inputs: tuple[Sym, ...], dims: tuple[Dim, ...], location: Location | None):
        self.inputs, self.dims, self.location = inputs, dims, location


class SpecialisingBuilder(Builder):
    """A builder that knows which of its inputs may be fixed."""

    def __init__(self, shapes: Shapes | None = None):
        super().__init__(shapes)
        self.static_inputs: set[Sym] = set()

    def static_roots(self, operand: Operand) -> tuple[tuple[Sym, ...], tuple[Dim, ...]] | None:
        """Return the static inputs and dims ``operand`` is made of, or None if of more."""
        inputs: dict[Sym, None] = {}
        dims: dict[Dim, None] = {}
        todo, seen = [operand], set()
        while todo:
            x = todo.pop()
            if not isinstance(x, Sym) or x in seen:
                continue
            seen.add(x)
            row = self.definition(x)
            if row is None:
                if x not in self.static_inputs:
                    return None
                inputs[x] = None
            elif row.name == "size":
                for dim in sorted(dims_of(row.settings[0]), key=str):
                    dims[dim] = None
            else:
                todo += row.operands
        return tuple(inputs), tuple(dims)
