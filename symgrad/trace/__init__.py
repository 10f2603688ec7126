"""Run the user's function once on stand-ins and keep the straight-line program it performs.

Given a callable and, for each argument, its structure and the avals of its leaves, return the
graph together with what the function read from outside.  Invariant: the function runs as the
user wrote it; what cannot be followed exactly is refused with the line that does it.
"""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symgrad.dims import Dim, Shape, Shapes, Size
from symgrad.errors import (
    Location,
    LossError,
    ShapeError,
    SymgradError,
    SymgradWarning,
    TraceError,
    located,
    locating,
    witnessed,
)
from symgrad.graph import (
    Aval,
    Builder,
    Equation,
    Graph,
    Operand,
    Static,
    Sym,
    Value,
    current_builder,
)
from symgrad.trace.builder import LARGEST_CONSTANT, TraceBuilder
from symgrad.trace.refusals import refuse_dtype, refuse_subclass
from symgrad.trace.runtime import Capture, Loop, StaticCapture, TraceRuntime, aval_of, tracing
from symgrad.trace.sizes import SymbolicSize
from symgrad.trace.specialising import Specialise
from symgrad.trace.tracer import Tracer
from symgrad.trees import Tree, flatten

__all__ = [
    "LARGEST_CONSTANT",
    "Argument",
    "Capture",
    "Leaf",
    "Traced",
    "aval_of",
    "canonical",
    "code_of",
    "refuse_dtype",
    "refuse_subclass",
    "trace",
]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf of an argument: traced with an aval, or static with its value.

    ``may_be_static`` marks a Python int or bool outside ``wrt``, whose value the trace may ask
    for.
    """

    name: str
    aval: Aval | None
    value: Any = None
    may_be_static: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter of the user's function: its structure and its leaves."""

    name: str
    tree: Tree
    leaves: tuple[Leaf, ...]


@dataclass(slots=True)
class Traced:
    """What one run of the function left behind."""

    graph: Graph
    leaves: dict[tuple[str, int], Sym]
    captures: list[Capture]
    statics: list[StaticCapture]
    loops: list[Loop]
    unread: list[str]
    fixed: dict[tuple[str, int], Any]
    fixed_dims: frozenset[Dim]
    out_tree: Tree
    aux_tree: Tree | None = None
    specialised_at: list[Location | None] = field(default_factory=list)


def trace(
    function: Callable[..., Any],
    arguments: Sequence[Argument],
    shapes_of: Callable[[frozenset[Dim]], tuple[Shapes, Mapping[tuple[str, int], Aval]]],
    call: Callable[[Callable[..., Any], Mapping[str, Any]], Any],
    has_aux: bool = False,
) -> Traced:
    """Return the graph of ``function``.

    ``shapes_of`` makes fresh shapes with the given dims fixed to their example; ``call`` passes
    the parameters to the function in its own signature's way.  A run that needs a number starts
    again with that leaf or dim fixed.
    """
    fixed: dict[tuple[str, int], Any] = {}
    dims: frozenset[Dim] = frozenset()
    places: list[Location | None] = []
    while True:
        run = _Run(function, arguments, fixed, *shapes_of(dims))
        try:
            traced = run.once(call, has_aux)
        except Specialise as wanted:
            places.append(wanted.location)
            values, sizes = run.values_of(wanted), frozenset(run.dims_of(wanted))
            assert values.keys() - fixed.keys() or sizes - dims, f"{wanted} gave nothing to fix"
            fixed, dims = {**fixed, **values}, dims | sizes
            continue
        traced.fixed, traced.fixed_dims, traced.specialised_at = fixed, dims, places
        run.warn()
        return traced


class _Run:
    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Argument],
        fixed: Mapping[tuple[str, int], Any],
        shapes: Shapes,
        avals: Mapping[tuple[str, int], Aval],
    ):
        self.function, self.arguments, self.fixed = function, arguments, fixed
        self.avals = avals
        self.builder = TraceBuilder(shapes)
        self.runtime = TraceRuntime(self.builder)
        self.leaves: dict[tuple[str, int], Sym] = {}

    def once(self, call: Any, has_aux: bool) -> Traced:
        values = {a.name: a.tree.build(iter(self._stand_ins(a))) for a in self.arguments}
        with tracing(self.runtime), locating(code_of(self.function)):
            with (
                self.runtime.outside.guarded(
                    values, self.function, getattr(self.function, "__self__", None)
                ),
                witnessed() as refusals,
            ):
                result = call(self._runnable(), values)
            if refusals:
                raise refusals[0]  # the user's code caught what it could not know about
            aux_tree = None
            aux: list[Any] = []
            if has_aux:
                result, aux, aux_tree = self._split_aux(result)
            outputs, tree = flatten(result, lambda x: isinstance(x, (Value, SymbolicSize)))
            operands = [self._output(x) for x in (*outputs, *aux)]
        graph = canonical(self.builder.graph(operands), is_traced=True)
        return Traced(
            graph, self.leaves, self.runtime.captures, self.runtime.statics,
            list(self.runtime.loops.values()), self.runtime.unread, {}, frozenset(), tree, aux_tree,
        )  # fmt: skip

    def warn(self) -> None:
        for place, message in self.builder.warnings.items():
            file, line = (place.file, place.line) if place else ("unknown", 0)
            warnings.warn_explicit(f"{message}\n  in {place}", SymgradWarning, file, line)

    def _split_aux(self, result: Any) -> tuple[Any, list[Any], Tree]:
        if not isinstance(result, tuple) or len(result) != 2:
            raise TraceError("has_aux=True: the function must return a pair (value, aux)")
        aux, tree = flatten(
            result[1],
            lambda x: isinstance(x, (Value, SymbolicSize)),
            lambda x: x is None or isinstance(x, str),
        )
        return result[0], aux, tree

    def _runnable(self) -> Callable[..., Any]:
        function = self.function
        if isinstance(function, functools.partial):
            return lambda *a, **k: self.runtime.call(function, *a, **k)
        if isinstance(function, types.MethodType):
            return functools.partial(self.runtime.twin(function.__func__), function.__self__)  # type: ignore[arg-type]
        if isinstance(function, types.FunctionType):
            return self.runtime.twin(function)
        return lambda *a, **k: self.runtime.call(function, *a, **k)

    def _stand_ins(self, argument: Argument) -> list[Any]:
        made = []
        for k, (leaf, path) in enumerate(zip(argument.leaves, argument.tree.paths(), strict=True)):
            key = (argument.name, k)
            if key in self.fixed:
                made.append(self.fixed[key])
            elif leaf.aval is None:
                made.append(leaf.value)
            else:
                made.append(self._stand_in(key, leaf, path))
        return made

    def _stand_in(self, key: tuple[str, int], leaf: Leaf, path: tuple[Any, ...]) -> Tracer:
        aval = self.avals[key]
        symbol = self.builder.input(aval, leaf.name)
        self.leaves[key] = symbol
        if leaf.may_be_static:
            self.builder.static_inputs.add(symbol)
        if path and leaf.name != path[-1][1]:  # not called by its own key, as in params["W1"]
            self.builder.unnamed_inputs.add(symbol)
        tracer = Tracer(self.builder, symbol, argument=aval.kind == "array")
        tracer.name = leaf.name
        return tracer

    def _output(self, value: Any) -> Operand:
        if value is None:
            raise LossError("the function returns None: is a `return` missing?")
        if isinstance(value, SymbolicSize):
            value = value.value()
        if isinstance(value, (float, int, bool)) and not isinstance(value, Value):
            return Static(value)
        try:
            return self.builder.operand(value)
        except SymgradError as error:
            raise LossError(f"the function returns {type(value).__name__}: {error}") from None

    def values_of(self, wanted: Specialise) -> dict[tuple[str, int], Any]:
        keys = {symbol: key for key, symbol in self.leaves.items()}
        found = {}
        for symbol in wanted.inputs:
            name, k = key = keys[symbol]
            leaf = next(a for a in self.arguments if a.name == name).leaves[k]
            if leaf.value is None:
                raise located(
                    TraceError(
                        f"the value of `{leaf.name}` is needed: compile with example arguments, "
                        "or give it a default"
                    ),
                    wanted.location,
                )
            found[key] = leaf.value
        return found

    def dims_of(self, wanted: Specialise) -> tuple[Dim, ...]:
        for dim in wanted.dims:
            if self.builder.shapes.value(dim) is None:
                raise located(
                    ShapeError(
                        f"the size {dim} is needed as a number: compile with example arguments, "
                        "or give it as an integer in `specs`"
                    ),
                    wanted.location,
                )
        return wanted.dims


def code_of(function: Any) -> types.CodeType | None:
    """Return the code that a callable comes down to, where it is written in Python."""
    while not hasattr(function, "__code__"):
        inner = getattr(function, "func", None) or getattr(function, "__func__", None)
        function = inner or type(function).__call__
        if isinstance(function, types.WrapperDescriptorType):
            return None
    return function.__code__  # type: ignore[no-any-return]


def canonical(graph: Graph, is_traced: bool = False) -> Graph:
    """Return the graph with each size replaced by its representative.

    Of a graph that was just traced it notes which selected sizes the module must check.
    """
    builder, shapes = Builder.continuing(graph, 0), graph.shapes
    moved: dict[Sym, Operand] = {}
    masks: dict[Size, Operand] = {}
    alike: dict[Aval, Aval] = {}
    for x, aval in graph.avals.items():
        resolved = aval._replace(shape=shapes.resolve_shape(aval.shape)) if aval.shape else aval
        builder.avals[x] = alike.setdefault(resolved, resolved)  # compared by identity later
    for eqn in graph.equations:
        rhs = eqn.rhs
        statics = tuple([Static(_resolved(v, shapes.resolve)) for v in rhs.settings])
        if statics != rhs.statics:
            eqn = Equation(eqn.lhs, type(rhs).of(rhs.operands, statics))
        builder.keep(eqn, moved, graph)
        if is_traced and rhs.name == "index" and shapes.has_selected:
            y = moved.get(eqn.lhs[0], eqn.lhs[0])
            indices = tuple([moved.get(x, x) for x in rhs.operands[1:]])
            _note_selection(builder, y, indices, graph.avals[eqn.lhs[0]].shape, masks)
    builder.carry_cotangents(moved, graph)
    outputs = [moved.get(y, y) if type(y) is Sym else y for y in graph.outputs]
    return builder.graph(outputs)


def _note_selection(
    builder: Builder,
    y: Operand,
    indices: tuple[Operand, ...],
    shape: Shape,
    masks: dict[Size, Operand],
) -> None:
    """Note the axis of ``y`` whose size only data knows, if it met another size."""
    mask = next((x for x in indices if builder.aval(x).dtype == bool), None)
    if mask is None:
        return
    for axis, size in enumerate(shape):
        if not builder.shapes.is_selection(size):
            continue
        met = builder.shapes.resolve(size)
        is_same = builder.shapes.is_selection(met) and masks.setdefault(met, mask) is mask
        if met is not size and not is_same:
            builder.notes.selections[y] = axis
        elif met is size:
            masks.setdefault(size, mask)


def _resolved(value: Any, resolve: Callable[[Any], Any]) -> Any:
    if isinstance(value, tuple):
        return tuple(_resolved(v, resolve) for v in value)
    if isinstance(value, slice):
        return slice(_resolved(value.start, resolve), _resolved(value.stop, resolve), value.step)
    return resolve(value) if isinstance(value, sp.Expr) else value


def in_trace() -> TraceBuilder | None:
    """Return the builder of the trace that runs in this thread."""
    builder = current_builder()
    return builder if isinstance(builder, TraceBuilder) else None
