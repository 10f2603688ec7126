"""The program between the stages: a straight line of equations over numbered symbols.

    graph    = inputs, equations in order, outputs, avals
    equation = (symbol, ...) := op(operand, ..., static, ...)
    operand  = symbol | literal

`Graph` is the only thing that crosses stages, and a stage edits none in place: it continues the
graph in a `Builder`, which gives equal right-hand sides one symbol (CSE by construction).
Invariant (`check`): every symbol is bound once, before it is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import sympy as sp
from sympy.core.basic import Basic

from symgrad.dims import Dim, Shape, Shapes, Size, dims_in
from symgrad.errors import GraphError, Location

Kind = Literal["python", "numpy", "array"]


class Aval(NamedTuple):
    """What is known of a value before it exists.

    ``kind`` tells a Python scalar (weak in promotion, NEP 50), a NumPy scalar and an array
    apart: it decides promotion, and whether ``+=`` mutates or rebinds.
    """

    shape: Shape
    dtype: np.dtype[Any]
    kind: Kind = "array"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def inexact(self) -> bool:
        return self.dtype.kind in "fc"

    def __str__(self) -> str:
        inside = ", ".join(str(size) for size in self.shape)
        return f"{self.dtype.name}({inside}{',' if len(self.shape) == 1 else ''})"


class Sym(sp.Symbol):
    """A numbered symbol.  Names are hints, carried beside: a user's name may be reassigned."""

    __slots__ = ("index",)
    index: int
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce__(self) -> tuple[Any, ...]:
        return symbol, (self.index,)

    def __repr__(self) -> str:
        return str(self.name)


_SYMBOLS: list[Sym] = []
_FIRST = sp.Symbol.__xnew__(Sym, "%0")
_SHARED = [(k, getattr(_FIRST, k)) for k in (*sp.Symbol.__slots__, "_assumptions") if k != "name"]


def symbol(index: int) -> Sym:
    """Return the symbol ``%index``; the same object for every graph.

    All share what SymPy may assume of them: finding it out is most of making a symbol.
    """
    while index >= len(_SYMBOLS):
        new = Basic.__new__(Sym)
        for slot, value in _SHARED:
            setattr(new, slot, value)
        new.index = len(_SYMBOLS)
        new.name = f"%{new.index}"
        _SYMBOLS.append(new)
    return _SYMBOLS[index]


class Static(sp.Atom, sp.Expr):
    """A static parameter or a literal, kept out of SymPy's reach.

    Keyed by type and text, so that 1, True and 1.0 stay three things and -0.0 keeps its sign.
    """

    __slots__ = ("_key", "value")
    value: Any
    is_commutative = True

    def __new__(cls, value: Any) -> Static:
        new: Static = Basic.__new__(cls)
        new.value = value
        new._key = _key(value)
        new._mhash = hash(new._key)
        return new

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return Static, (self.value,)

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self._key,)

    def __hash__(self) -> int:
        return self._mhash  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> bool:
        return self is other or (type(other) is Static and self._key == other._key)

    def __repr__(self) -> str:
        return repr(self.value)

    def _sympystr(self, printer: object) -> str:
        return repr(self.value)


def _key(value: Any) -> Any:
    kind = type(value)
    if kind is tuple or kind is list:
        return (kind, *map(_key, value))
    if kind is float or kind is complex:
        return kind, repr(value)
    if kind is slice:
        return slice, _key(value.start), _key(value.stop), _key(value.step)
    return kind, value


Operand = Sym | Static


class Op(sp.Expr):
    """An uninterpreted SymPy head that knows all facts about one operation.

    Made through ``Basic.__new__``: SymPy must not fold ``x - x`` into a shapeless 0, nor push
    a coefficient into a sum, nor spend 100 us looking for a way to.  Each row of the table in
    ``symgrad.ops`` makes one subclass; an instance is that op applied to operands.
    """

    __slots__ = ("operands", "settings", "statics")
    operands: tuple[Operand, ...]
    statics: tuple[Static, ...]
    settings: tuple[Any, ...]
    is_commutative = True

    name: ClassVar[str]
    doc: ClassVar[str] = ""
    params: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[Mapping[str, Any]] = {}
    results: ClassVar[int] = 1
    aval: ClassVar[Callable[..., Any]]
    vjp: ClassVar[Callable[..., Any] | None] = None
    facts: ClassVar[Any] = None

    def __new__(cls, *args: Operand) -> Op:
        cut = len(args) - len(cls.params)
        return cls.of(args[:cut], args[cut:])

    @classmethod
    def of(cls, operands: tuple[Operand, ...], statics: Sequence[Static] = ()) -> Op:
        """Return the op applied; all that SymPy's own constructor does, without its calls."""
        new = object.__new__(cls)
        new._assumptions, new._mhash = cls.default_assumptions, None
        new._args = (*operands, *statics) if statics else operands
        new.operands, new.statics = operands, tuple(statics)
        new.settings = tuple([static.value for static in statics])
        return new

    def setting(self, name: str) -> Any:
        return self.settings[self.params.index(name)]

    def _sympystr(self, printer: object) -> str:
        inside = [str(x) for x in self.operands]
        inside += [f"{k}={v}" for k, v in zip(self.params, self.settings, strict=True)]
        return f"{self.name}({', '.join(inside)})"

    def __repr__(self) -> str:
        return self._sympystr(None)

    __str__ = __repr__


def sizes_read(rhs: Op) -> list[Dim]:
    """Return the dims that the text of one op mentions."""
    if not rhs.params:
        return []
    found: list[Size] = []
    todo = list(rhs.settings)
    while todo:
        value = todo.pop(0)
        if isinstance(value, tuple):
            todo[:0] = value
        elif isinstance(value, slice):
            todo[:0] = [value.start, value.stop]
        elif isinstance(value, sp.Expr):
            found.append(value)
    return dims_in(found)


OPS: dict[str, type[Op]] = {}
"""Every operation, by name; filled by the rows of ``symgrad.ops``."""


class Equation(NamedTuple):
    """``lhs := rhs``, where ``rhs`` is one op applied to earlier symbols."""

    lhs: tuple[Sym, ...]
    rhs: Op

    def __str__(self) -> str:
        return f"{', '.join(map(str, self.lhs))} := {self.rhs}"


class Origin(NamedTuple):
    """Where the user's code stood when it computed a value.

    The origin of what the chain rule adds is that of the equation it passes back through, and
    ``step`` is the number of that equation.  In a function that is one expression, ``caller`` is
    where it was called.
    """

    code: CodeType
    lasti: int
    step: int = -1
    caller: tuple[CodeType, int] | None = None

    @property
    def told(self) -> tuple[CodeType, int]:
        """Where to tell a reader that this is from: a name says more than ``maximum(0, x)``."""
        return self.caller or (self.code, self.lasti)


@dataclass(slots=True)
class Notes:
    """What people want to know of symbols and no stage may depend on for its values."""

    names: dict[Sym, str] = field(default_factory=dict)
    cotangent_of: dict[Sym, Sym] = field(default_factory=dict)
    origins: dict[Sym, Origin] = field(default_factory=dict)
    spellings: dict[Sym, tuple[str, float]] = field(default_factory=dict)
    selections: dict[Sym, int] = field(default_factory=dict)  # axis of a size to check when run
    knows_scipy: bool = False  # the user calls SciPy's expit: a sigmoid may be written by it

    def copy(self, old: Sym, new: Operand, source: Notes) -> None:
        """Carry the notes of ``old`` over to ``new``, unless it has its own."""
        if type(new) is not Sym:
            return
        if (name := source.names.get(old)) is not None:
            self.names.setdefault(new, name)
        if (origin := source.origins.get(old)) is not None:
            self.origins.setdefault(new, origin)
        if (axis := source.selections.get(old)) is not None:
            self.selections.setdefault(new, axis)

    def only(self, kept: Sequence[Sym]) -> Notes:
        """Return the names, origins, spellings and selections of some symbols."""
        new = Notes(knows_scipy=self.knows_scipy)
        new.names = {x: self.names[x] for x in kept if x in self.names}
        new.origins = {x: self.origins[x] for x in kept if x in self.origins}
        new.spellings = {x: self.spellings[x] for x in kept if x in self.spellings}
        new.selections = {x: self.selections[x] for x in kept if x in self.selections}
        return new

    def fork(self) -> Notes:
        return Notes(
            dict(self.names), dict(self.cotangent_of), dict(self.origins), dict(self.spellings),
            dict(self.selections), self.knows_scipy,
        )  # fmt: skip

    def location(self, of: Sym) -> Location | None:
        origin = self.origins.get(of)
        return Location.of(origin.code, origin.lasti) if origin else None


CHECKED = False
"""Whether every graph is checked as it is made; the tests switch it on."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A function body: inputs, equations in execution order, outputs.

    Compared by identity, so that it can be hashed as a static parameter of an op.
    """

    inputs: tuple[Sym, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Operand, ...]
    avals: Mapping[Sym, Aval]
    shapes: Shapes = field(default_factory=Shapes)
    notes: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        if CHECKED:
            check(self)

    def __str__(self) -> str:
        lines = [f"inputs {', '.join(f'{x}: {self.avals[x]}' for x in self.inputs)}"]
        for eqn in self.equations:
            kinds = ", ".join(str(self.avals[y]) for y in eqn.lhs)
            name = ", ".join(self.notes.names[y] for y in eqn.lhs if y in self.notes.names)
            lines.append(f"  {eqn}  # {kinds}{' ' + name if name else ''}")
        return "\n".join([*lines, f"outputs {', '.join(map(str, self.outputs))}"])

    def aval(self, operand: Operand) -> Aval:
        return self.avals[operand] if isinstance(operand, Sym) else literal_aval(operand.value)


def check(graph: Graph) -> Graph:
    """Return ``graph`` unchanged, or raise `GraphError` if it breaks an invariant."""
    bound = set(graph.inputs)
    for eqn in graph.equations:
        lhs, rhs = eqn
        for x in rhs.operands:
            if x not in bound and type(x) is Sym:
                raise GraphError(f"`{eqn}` reads {x} before any equation binds it")
        if len(lhs) != rhs.results:
            raise GraphError(f"`{eqn}` binds {len(lhs)} of {rhs.results} results")
        for y in lhs:
            if y in bound:
                raise GraphError(f"`{eqn}` binds {y} a second time")
            if y not in graph.avals:
                raise GraphError(f"`{eqn}` leaves {y} without an aval")
            bound.add(y)
        for value in rhs.settings:
            if type(value) is Graph:
                check(value)
    if loose := [y for y in graph.outputs if isinstance(y, Sym) and y not in bound]:
        raise GraphError(f"the outputs {loose} are bound by no equation")
    return graph


FLOAT64, INT64, BOOL = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.bool_)

_LITERAL_AVALS: Mapping[type, Aval] = {
    float: Aval((), FLOAT64, "python"),
    int: Aval((), INT64, "python"),
    bool: Aval((), BOOL, "python"),
}


def literal_aval(value: Any) -> Aval:
    """Return what is known of a Python or NumPy scalar that stands in the program itself."""
    known = _LITERAL_AVALS.get(type(value))
    if known is not None:
        return known
    if isinstance(value, np.generic):
        return Aval((), value.dtype, "numpy")
    raise GraphError(f"{value!r} is not a literal")


_FIRST_INDEX = {"index": 1, "put_at": 2, "add_at": 2}
_SERIAL = itertools.count()

Law = Callable[["Builder", tuple[Operand, ...], tuple[Any, ...]], Operand | None]


class Builder:
    """Collects equations; equal right-hand sides get one symbol.

    ``laws`` maps an op to rewrites tried when it is bound: each sees the operands and returns
    the operand that replaces the application, or None.  ``origin`` is where the user's code
    stands now.
    """

    def __init__(self, shapes: Shapes | None = None, laws: Mapping[str, Sequence[Law]] = {}):
        self.shapes = shapes if shapes is not None else Shapes()
        self._serial = next(_SERIAL)
        self.laws = laws
        self.inputs: list[Sym] = []
        self.equations: list[Equation] = []
        self.avals: dict[Sym, Aval] = {}
        self.defined_by: dict[Sym, Equation] = {}
        self.notes = Notes()
        self.origin: Origin | None = None
        self._bound: dict[Any, tuple[Sym, ...]] = {}
        self._next = 0

    @property
    def next_index(self) -> int:
        """Return the number of the symbol that the next equation binds."""
        return self._next

    def _fresh(self) -> Sym:
        new = symbol(self._next)
        self._next += 1
        return new

    def input(self, aval: Aval, name: str | None = None) -> Sym:
        new = self._fresh()
        self.inputs.append(new)
        self.avals[new] = aval
        if name is not None:
            self.notes.names[new] = name
        return new

    def aval(self, operand: Operand) -> Aval:
        return self.avals[operand] if type(operand) is Sym else literal_aval(operand.value)

    def may_replace(self, have: Aval, want: Aval) -> bool:
        """Return whether a value may stand where another is wanted, in shape and dtype.

        A Python number takes the dtype of what it meets: it replaces none that would not.
        """
        return (
            have.dtype == want.dtype
            and (have.kind == "python") == (want.kind == "python")
            and self.shapes.same_shape(have.shape, want.shape)
        )

    def definition(self, operand: Operand) -> Op | None:
        """Return the op that computes ``operand``, or None for inputs and literals."""
        eqn = self.defined_by.get(operand) if type(operand) is Sym else None
        return eqn.rhs if eqn is not None else None

    def bind(
        self,
        op: type[Op],
        operands: tuple[Operand, ...],
        settings: tuple[Any, ...] = (),
        avals: tuple[Aval, ...] | None = None,
    ) -> tuple[Operand, ...]:
        """Return the symbols of ``op(*operands)``, bound by a new equation unless known."""
        ys = self._by_any_law(op, operands, settings)
        if ys is not None:
            return ys
        return self._by_equation(op, operands, tuple(map(Static, settings)), avals)

    def known(
        self, name: str, operands: tuple[Operand, ...], settings: tuple[Any, ...]
    ) -> Operand | None:
        """Return the value of an application that is bound already, or None."""
        found = self._bound.get((OPS[name], operands, tuple(map(Static, settings))))
        return found[0] if found is not None else None

    def _by_any_law(
        self, op: type[Op], operands: tuple[Operand, ...], settings: tuple[Any, ...]
    ) -> tuple[Operand, ...] | None:
        found = self._by_law(op, operands, settings) if op.name in self.laws else None
        return None if found is None else (found,)

    def _by_law(
        self, op: type[Op], operands: tuple[Operand, ...], settings: tuple[Any, ...]
    ) -> Operand | None:
        for law in self.laws[op.name]:
            found = law(self, operands, settings)
            if found is not None:
                return found
        return None

    def _by_equation(
        self,
        op: type[Op],
        operands: tuple[Operand, ...],
        statics: tuple[Static, ...],
        avals: tuple[Aval, ...] | None,
    ) -> tuple[Sym, ...]:
        key = (op, operands, statics)
        lhs = self._bound.get(key)
        if lhs is None:
            if avals is None:
                avals = self.infer(op, operands, [static.value for static in statics])
            start, self._next = self._next, self._next + len(avals)
            lhs = tuple([symbol(k) for k in range(start, self._next)])
            eqn = Equation(lhs, op.of(operands, statics))
            self.equations.append(eqn)
            for y, aval in zip(lhs, avals, strict=True):
                self.avals[y] = aval
                self.defined_by[y] = eqn
                if self.origin is not None:
                    self.notes.origins[y] = self.origin
            self._bound[key] = lhs
        return lhs

    def infer(
        self, op: type[Op], operands: Sequence[Operand], settings: Sequence[Any]
    ) -> tuple[Aval, ...]:
        """Return the avals that the op's rule gives for these operands.

        How many elements a mask selects is one size, however often it is asked for.
        """
        avals = [self.aval(x) for x in operands]
        first = _FIRST_INDEX.get(op.name)
        if first is not None:
            pairs = zip(operands[first:], avals[first:], strict=True)
            self.shapes.masks = [(self._serial, x) for x, aval in pairs if aval.dtype == BOOL]
        if op.params:
            found = op.aval(self.shapes, *avals, **dict(zip(op.params, settings, strict=True)))
        else:
            found = op.aval(self.shapes, *avals)
        return (found,) if type(found) is Aval else tuple(found)

    def apply(self, name: str, *operands: Any, **settings: Any) -> Value:
        """Apply the op called ``name`` to values or Python scalars; the rules' way to bind.

        An op with several results gives a tuple of values.
        """
        op = OPS[name]
        if op.params:
            given = {**op.defaults, **settings}
            values = tuple([given[param] for param in op.params])
        else:
            values = ()
        read = self.operand
        taken = tuple([x.symbol if type(x) is Value else read(x) for x in operands])
        bound = self.bind(op, taken, values)
        if op.results == 1:
            return self.wrap(bound[0])
        return tuple(self.wrap(y) for y in bound)  # type: ignore[return-value]

    def wrap(self, operand: Operand) -> Value:
        """Return the value that rules calculate with for a symbol or literal."""
        return Value(self, operand)

    def operand(self, value: Any) -> Operand:
        """Return the operand that a value, or a scalar written in a rule, stands for."""
        if isinstance(value, Value):
            return value.symbol
        return value if isinstance(value, (Sym, Static)) else Static(value)

    def replay(self, eqn: Equation, new: Mapping[Sym, Operand], old: Graph) -> tuple[Operand, ...]:
        """Bind an equation of another graph over this builder's symbols.

        An equation that no law touches keeps its avals: a size that depends on data would
        otherwise be invented a second time.
        """
        rhs = eqn.rhs
        operands = tuple([new[x] if type(x) is Sym else x for x in rhs.operands])
        ys = self._by_any_law(type(rhs), operands, rhs.settings)
        if ys is None:
            avals = tuple([old.avals[y] for y in eqn.lhs])
            ys = self._by_equation(type(rhs), operands, rhs.statics, avals)
        for y, mine in zip(eqn.lhs, ys, strict=True):
            self._carry_notes(y, mine, rhs, operands, old)
        return ys

    def keep(self, eqn: Equation, moved: dict[Sym, Operand], old: Graph) -> None:
        """Take over an equation of the graph that this builder continues.

        ``moved`` holds the symbols that stand for others by now.  Where no law touches the
        equation and none like it is bound, its symbols, avals and notes stay as they are.
        """
        lhs, rhs = eqn
        row = type(rhs)
        operands = rhs.operands
        if moved:
            operands = tuple([moved.get(x, x) if type(x) is Sym else x for x in operands])
        found = self._by_law(row, operands, rhs.settings) if row.name in self.laws else None
        if found is None:
            key = (row, operands, rhs.statics)
            ys = self._bound.setdefault(key, lhs)
            if ys is lhs:
                if operands != rhs.operands:
                    eqn = Equation(lhs, row.of(operands, rhs.statics))
                self.equations.append(eqn)
                for y in lhs:
                    self.defined_by[y] = eqn
                return
        else:
            ys = (found,)
        for y, mine in zip(lhs, ys, strict=True):
            moved[y] = mine
            self._carry_notes(y, mine, rhs, operands, old)

    def carry_cotangents(self, moved: Mapping[Sym, Operand], old: Graph) -> None:
        """Note for each symbol that stands for a cotangent whose cotangent it is."""
        carried: dict[Sym, Sym] = {}
        for ct, primal in old.notes.cotangent_of.items():
            mine, of = moved.get(ct, ct), moved.get(primal, primal)
            if type(mine) is Sym and type(of) is Sym:
                carried.setdefault(mine, of)
        self.notes.cotangent_of = carried

    def _carry_notes(
        self, y: Sym, mine: Operand, rhs: Op, operands: tuple[Operand, ...], old: Graph
    ) -> None:
        self.notes.copy(y, mine, old.notes)
        if y in old.notes.spellings:
            self.copy_spelling(y, mine, rhs, operands, old)

    def copy_spelling(
        self, y: Sym, mine: Operand, rhs: Op, operands: tuple[Operand, ...], old: Graph
    ) -> None:
        # The user's text says what the user's op does: a law that rewrote it needs another.
        now = self.definition(mine)
        if now is not None and type(now) is type(rhs) and now.operands == operands:
            self.notes.spellings.setdefault(mine, old.notes.spellings[y])

    @classmethod
    def continuing(cls, graph: Graph, count: int | None = None) -> Self:
        """Return a builder that holds ``graph``, its symbols unchanged.

        With ``count`` it holds the first ``count`` equations, for `keep` to take the rest.
        """
        new = cls(graph.shapes)
        new.inputs, new.equations = list(graph.inputs), list(graph.equations[:count])
        new._bound = {(type(rhs), rhs.operands, rhs.statics): lhs for lhs, rhs in new.equations}
        new.defined_by = {y: eqn for eqn in new.equations for y in eqn.lhs}
        new.avals, new.notes = dict(graph.avals), graph.notes.fork()
        new._next = 1 + max([x.index for x in new.avals], default=-1)
        return new

    def graph(self, outputs: Iterable[Operand]) -> Graph:
        return Graph(
            tuple(self.inputs),
            tuple(self.equations),
            tuple(outputs),
            self.avals,
            self.shapes,
            self.notes,
        )


class Value:
    """A symbol or literal with its builder: what rules and laws calculate with."""

    __slots__ = ("builder", "symbol")

    def __init__(self, builder: Builder, symbol: Operand):
        self.builder = builder
        self.symbol = symbol

    @property
    def aval(self) -> Aval:
        return self.builder.aval(self.symbol)

    @property
    def shape(self) -> Shape:
        return self.aval.shape

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.aval.dtype

    @property
    def literal(self) -> Any:
        """The Python scalar that this value is, or None."""
        return self.symbol.value if type(self.symbol) is Static else None

    def detached(self) -> Value:
        """Return the same value as an array of its own."""
        return self

    def seen_through(self, base: Value) -> Value:
        """Return the same value, known to be a view of ``base``."""
        return self

    def __repr__(self) -> str:
        return f"{self.symbol}: {self.aval}"

    def __add__(self, other: Any) -> Value:
        return self.builder.apply("add", self, other)

    def __radd__(self, other: Any) -> Value:
        return self.builder.apply("add", other, self)

    def __sub__(self, other: Any) -> Value:
        return self.builder.apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Value:
        return self.builder.apply("subtract", other, self)

    def __mul__(self, other: Any) -> Value:
        return self.builder.apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Value:
        return self.builder.apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Value:
        return self.builder.apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return self.builder.apply("divide", other, self)

    def __pow__(self, other: Any) -> Value:
        return self.builder.apply("power", self, other)

    def __neg__(self) -> Value:
        return self.builder.apply("negative", self)


_CURRENT: ContextVar[Builder] = ContextVar("symgrad builder")


@contextmanager
def building(builder: Builder) -> Iterator[Builder]:
    """Make ``builder`` the one that ops without operands bind to, in this thread."""
    token = _CURRENT.set(builder)
    try:
        yield builder
    finally:
        _CURRENT.reset(token)


def current_builder() -> Builder | None:
    return _CURRENT.get(None)


def size_value(builder: Builder, size: Size) -> Any:
    """Return a size as something to calculate with: a Python int, or the value of its dim."""
    size = builder.shapes.resolve(size)
    return size if isinstance(size, int) else builder.apply("size", of=size)
