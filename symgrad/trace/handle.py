"""Arrays that are written while they are traced: mutable handles on symbols.

``+=`` and item assignment replace the symbol of a `Handle`, so aliases see the change, as they
would in NumPy; a view writes through to its base, and is read again after its base was written.
Invariant: no array of the caller is written, and what NumPy may or may not copy is refused.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from symgrad.errors import ShapeError, TraceError
from symgrad.graph import Builder, Operand, Sym, Value
from symgrad.ops import op
from symgrad.ops.indexing import index, put, read_key


class Handle(Value):
    """A value whose symbol changes when it is written, and the array it is a view of."""

    __slots__ = ("__weakref__", "argument", "base", "name", "remake", "seen")

    def __init__(self, builder: Builder, symbol: Operand, argument: bool = False):
        self.builder = builder
        self.symbol = symbol
        self.argument = argument
        self.base: Handle | None = None
        self.seen: Operand | None = None
        self.remake: Any = None
        self.name: str | None = None

    def builder_operand(self) -> Operand:
        return self.builder.operand(self)

    def detached(self) -> Self:
        """Return the same value as an array of its own."""
        fresh = type(self)(self.builder, self.builder_operand())
        fresh.name = self.name
        return fresh

    def seen_through(self, base: Value) -> Self:
        row = self.builder.definition(self.symbol)
        if isinstance(base, Handle) and row is not None:
            rest = tuple(self.builder.wrap(x) for x in row.operands[1:])
            settings = dict(zip(row.params, row.settings, strict=True))
            self.base, self.seen, self.remake = base, base.symbol, (row.name, rest, settings)
        return self

    # --- elements

    def __getitem__(self, key: Any) -> Any:
        return index(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.builder_operand()
        if isinstance(value, Handle) and value.base is self and value.seen is self.symbol:
            name, rest, settings = value.remake
            if (
                name == "index"
                and not rest
                and (settings["key"], []) == read_key(self.aval.shape, key)
            ):
                return  # x[key] += ...: written through the view already
        self._become(put(self, key, value))

    # --- views

    def refresh(self) -> None:
        """Read a view again after its base was written, and first the views it looks through."""
        chain: list[Handle] = []
        view = self
        while view.base is not None:
            chain.append(view)
            view = view.base
        for view in reversed(chain):
            view._read_again()

    def _read_again(self) -> None:
        assert self.base is not None
        now = self.base.symbol
        if now is self.seen:
            return
        name, rest, settings = self.remake
        if name == "reshape" and not self._is_contiguous(self.base):
            raise TraceError(
                "an array is written while a reshaped form of it is in use, which NumPy may have "
                "copied or not: write .copy()"
            )
        self.symbol = self.builder.apply(name, self.base, *rest, **settings).symbol
        self.seen = now

    @staticmethod
    def _is_contiguous(x: Handle) -> bool:
        row = x.builder.definition(x.symbol)
        while row is not None and row.name in ("put_at", "add_at"):
            row = x.builder.definition(row.operands[0])
        return row is not None and row.name in ("full", "eye", "arange", "constant")

    def _become(self, new: Handle) -> Self:
        """Take over the value of ``new``: what writing into the array leaves behind."""
        if self.argument:
            name = self.name or "an argument"
            raise TraceError(
                f"this would write into the caller's array `{name}`: copy it first "
                f"({name} = {name}.copy())"
            )
        shapes = self.builder.shapes
        if not shapes.same_shape(new.aval.shape, self.aval.shape):
            raise ShapeError(
                f"an array of shape {shapes.show_shape(self.aval.shape)} cannot "
                f"hold {shapes.show_shape(new.aval.shape)}"
            )
        if new.dtype != self.dtype:
            if not np.can_cast(new.dtype, self.dtype, "same_kind"):
                raise TraceError(
                    f"an array of {self.dtype} cannot hold {new.dtype} in place: write x = x + y"
                )
            converted: Any = self.builder.apply("astype", new, dtype=self.dtype.name)
            new = converted
        symbol = new.builder_operand()
        if self.base is not None:
            self._write_through(new)
        self.symbol = symbol
        if self.name is not None and isinstance(symbol, Sym):
            self.builder.notes.names.setdefault(symbol, self.name)
        return self

    def _write_through(self, new: Handle) -> None:
        base = self.base
        assert base is not None
        name, rest, settings = self.remake
        written: Any
        if name == "index" and not rest:
            written = op.put_at(base, new, key=settings["key"])
        elif name == "reshape" and self._is_contiguous(base):
            written = op.reshape(new, shape=base.aval.shape)
        elif name == "transpose":
            axes = settings["axes"]
            written = op.transpose(new, axes=tuple(axes.index(k) for k in range(len(axes))))
        elif name == "expand_dims":
            written = op.squeeze(new, axis=settings["axis"])
        elif name == "squeeze":
            written = op.expand_dims(new, axis=settings["axis"])
        elif name == "windows":
            raise TraceError(
                "windows are read-only, as in NumPy: they share elements with one another; write "
                "into the array itself, or .copy() the windows"
            )
        else:
            raise TraceError(
                f"writing through a view made by {name} is not followed: write into the array "
                "itself, or .copy() the view"
            )
        written.base = None
        base._become(written)
        self.seen = base.symbol

    # --- operators that write

    def _in_place(self, value: Any) -> Any:
        # Arrays are mutated, scalars rebound: what NumPy does.
        if self.aval.kind == "array":
            return self._become(value)
        if self.base is not None:
            raise TraceError(
                "x[..., i] of an array with one axis is a view without axes: write x[i] += y, or "
                "y = y + 1"
            )
        return value

    def __iadd__(self, other: Any) -> Any:
        return self._in_place(self + other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place(self - other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place(self * other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place(self / other)

    def __ipow__(self, other: Any) -> Any:
        return self._in_place(self**other)

    def __imatmul__(self, other: Any) -> Any:
        return self._in_place(self @ other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._in_place(self // other)

    def __imod__(self, other: Any) -> Any:
        return self._in_place(self % other)

    def __ilshift__(self, other: Any) -> Any:
        return self._in_place(self << other)

    def __irshift__(self, other: Any) -> Any:
        return self._in_place(self >> other)

    def __iand__(self, other: Any) -> Any:
        return self._in_place(self & other)

    def __ior__(self, other: Any) -> Any:
        return self._in_place(self | other)

    def __ixor__(self, other: Any) -> Any:
        return self._in_place(self ^ other)
