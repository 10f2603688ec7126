"""The builder of a trace: makes operands of what meets a traced value, and tracers of results.

Invariant: a value of another trace never enters, and an array that no argument and no variable
holds only if it is small enough to be written out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.dims import Shapes, Size
from symgrad.errors import Location, ShapeError, TraceError
from symgrad.graph import OPS, Aval, Operand, Static, Sym, Value
from symgrad.ops import FRONT, op
from symgrad.ops.creation import array
from symgrad.ops.table import is_view
from symgrad.trace.place import user_location, user_origin
from symgrad.trace.refusals import refuse_dtype, refuse_subclass, short
from symgrad.trace.sizes import SymbolicSize
from symgrad.trace.specialising import SpecialisingBuilder
from symgrad.trace.tracer import Tracer

LARGEST_CONSTANT = 64  # elements of an array from nowhere that may be written out in the text


class TraceBuilder(SpecialisingBuilder):
    """A builder that knows where the user's code stands and makes tracers."""

    def __init__(self, shapes: Shapes | None = None):
        super().__init__(shapes)
        self.shapes.where = user_location
        self.constants: dict[int, tuple[Any, Tracer]] = {}
        self.unnamed_inputs: set[Sym] = set()
        self.runtime: Any = None
        self.warnings: dict[Location | None, str] = {}

    def wrap(self, operand: Operand) -> Tracer:
        return Tracer(self, operand)

    def operand(self, value: Any) -> Operand:
        kind = type(value)
        if kind is Tracer:
            if value.base is not None:
                value.refresh()
            if value.builder is not self:
                raise TraceError(
                    "a traced value is used in another trace: it was kept in a variable outside "
                    "its function; return it instead"
                )
            return value.symbol  # type: ignore[no-any-return]
        if kind is float or kind is int or kind is bool:
            return Static(value)
        if kind is SymbolicSize:
            return op.size(of=value.size_expression).symbol
        return self._other_operand(value)

    def _other_operand(self, value: Any) -> Operand:
        if isinstance(value, (Sym, Static)):
            return value
        if isinstance(value, Value):
            return value.symbol
        if isinstance(value, np.generic):
            refuse_dtype(value.dtype)
            return Static(value)
        if isinstance(value, np.ndarray):
            return self.constant(value).symbol
        if isinstance(value, (list, tuple)):
            return FRONT[np.array](value).symbol  # type: ignore[no-any-return]
        if isinstance(value, (bool, int, float)):
            return Static(type(value).__mro__[1](value))
        raise TraceError(
            f"{type(value).__name__} {short(value)} meets a traced value: "
            "only arrays and real numbers can be calculated with"
        )

    def constant(self, value: np.ndarray[Any, Any]) -> Tracer:
        """Return an array that no argument and no variable holds: known, or refused."""
        known = self.constants.get(id(value))
        if known is not None:
            return known[1]
        refuse_subclass(value, "an array here")
        refuse_dtype(value.dtype)
        if value.size > LARGEST_CONSTANT:
            raise TraceError(
                f"an array of shape {value.shape} comes from nowhere: pass it as an argument (it "
                "may be random, read from a file, or made by code that cannot be read)"
            )
        return array(value)  # type: ignore[no-any-return]

    def apply(self, name: str, *operands: Any, **settings: Any) -> Any:
        self.origin = user_origin()
        row = OPS[name]
        try:
            result: Any = super().apply(name, *operands, **settings)
        except ShapeError as error:
            raise ShapeError(f"{self._spoken(name, operands)}: {error}") from None
        if row.facts.elementwise:
            self._notice_outer(result.aval, operands)
        if row.facts.view and type(operands[0]) is Tracer and result.aval.kind == "array":
            made = self.definition(result.symbol)
            if made is not None and is_view(made, list(map(self.aval, made.operands))):
                result.seen_through(operands[0])
        return result

    def _spoken(self, name: str, operands: tuple[Any, ...]) -> str:
        """Return what was tried: ``add of W (N = 4, 3) and b (4,)``."""
        shown = []
        for x in operands:
            if isinstance(x, Value):
                shown.append(f"{self._named(x)} {self.shapes.show_shape(x.aval.shape)}")
            elif isinstance(x, np.ndarray):
                shown.append(f"an array {x.shape}")
        return f"{_WORDS.get(name, name)} of {' and '.join(shown)}"

    def _notice_outer(self, aval: Aval, operands: tuple[Any, ...]) -> None:
        """Remember a warning where ``(n,)`` against ``(n, 1)`` became ``(n, n)``."""
        if len(aval.shape) != 2:
            return
        found = [(x, self.aval(self.operand(x)).shape) for x in operands if isinstance(x, Value)]
        rows = [(x, shape) for x, shape in found if len(shape) == 1]
        columns = [(x, shape) for x, shape in found if len(shape) == 2 and shape[1] == 1]
        for x, (n,) in rows:
            for y, (m, _) in columns:
                if self._alike(n, m) and not self._adds_an_axis(y):
                    self.warnings[user_location()] = (
                        f"{self._named(x)} of shape {self.shapes.show_shape((n,))} against "
                        f"{self._named(y)} of shape {self.shapes.show_shape((m, 1))} gives "
                        f"{self.shapes.show_shape((m, n))}: every pair instead of element by "
                        "element. Write x[:, None], or .ravel(), so that both have the same shape"
                    )

    def _alike(self, n: Size, m: Size) -> bool:
        size = self.shapes.value(n)
        return size != 1 and (self.shapes.same(n, m) or (size == self.shapes.value(m) is not None))

    def _adds_an_axis(self, column: Value) -> bool:
        # x[:, None] - y, in one expression, asks for every pair on purpose.
        made = self.definition(column.symbol)
        if made is None or column.symbol in self.notes.names:
            return False
        return made.name == "expand_dims" or (made.name == "index" and None in made.setting("key"))

    def _named(self, x: Value) -> str:
        return self.notes.names.get(x.symbol, "an array")


_WORDS = {"contract": "product", "put_at": "item assignment", "add_at": "item assignment"}
