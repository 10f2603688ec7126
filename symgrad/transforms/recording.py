"""A function run inside a trace, to be differentiated there.

Given a function and its arguments, `record` returns its value and, as a graph cut out of the
trace, the equations that it added; a `Recorded` writes their derivative into the same trace.
Invariant: what is differentiated by stands behind a symbol of its own (`alias`), so derivatives
by equal values never mix.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgrad.compiled import Compiled
from symgrad.differentiate import differentiate, is_real_scalar
from symgrad.errors import LossError, ShapeError, TraceError, WrtError
from symgrad.expand import drop_dead
from symgrad.graph import Aval, Equation, Graph, Operand, Static, Sym
from symgrad.ops import op
from symgrad.recognise import recognise
from symgrad.simplify import simplify
from symgrad.trace import canonical, in_trace
from symgrad.trace.builder import TraceBuilder
from symgrad.trace.sizes import SymbolicSize
from symgrad.trace.tracer import Tracer
from symgrad.transforms.matching import (
    arguments_given,
    call_arguments,
    is_any_leaf,
    leaves_like,
    name_of,
)
from symgrad.trees import LEAF, Tree, flatten, leaf_name


def traced_value_and_grad(compiled: Compiled, args: Any, kwargs: Any) -> Any:
    """Return ``(value, grads)`` as traced values of the trace that runs."""
    builder = in_trace()
    assert builder is not None, "there is no trace to write into"
    run = record(builder, compiled, args, kwargs)
    _check_loss(run)
    grads = run.inline(run.pullback(seeded=False), ())
    value = (run.value, run.aux) if compiled.has_aux else run.value
    return value, run.in_tree.build(iter(grads))


def _check_loss(run: Recorded) -> None:
    if run.out_tree.kind != LEAF:
        raise LossError(
            f"the function returns a {run.out_tree.type.__name__} of {run.out_tree.count}: the "
            "gradient needs one number (return the loss alone, or use has_aux=True)"
        )
    if not is_real_scalar(run.graph, run.graph.outputs[0]):
        shown = run.builder.shapes.show_shape(run.graph.aval(run.graph.outputs[0]).shape)
        raise LossError(
            f"the function returns an array of shape {shown}, not one number: reduce it "
            "(.sum(), .mean()), or use symgrad.jacobian"
        )


@dataclass(slots=True)
class Recorded:
    """One run of a function inside a trace: its own equations, cut out as a graph.

    The graph's first inputs are the leaves to differentiate by; the others are what the
    function read of the trace around it.
    """

    builder: TraceBuilder
    graph: Graph
    inputs: tuple[Operand, ...]
    leaves: tuple[Tracer, ...]
    in_tree: Tree
    value: Any
    outputs: tuple[Operand, ...]
    out_tree: Tree
    aux: Any = None

    def pullback(self, seeded: bool = True) -> Graph:
        """Return the graph of the cotangents; its further inputs are the seeds."""
        wrt, count = self.graph.inputs[: len(self.leaves)], len(self.outputs)
        joint = differentiate(self.graph, wrt, count, "ct" if seeded else None)
        simple = simplify(joint, len(self.graph.equations))
        return replace(simple, outputs=simple.outputs[count:])

    def inline(self, graph: Graph, seeds: Sequence[Operand]) -> list[Tracer]:
        """Write a graph over these inputs and seeds into the trace; return its outputs."""
        builder, graph = self.builder, drop_dead(graph)
        builder.origin = None
        new: dict[Sym, Operand] = dict(zip(graph.inputs, (*self.inputs, *seeds), strict=True))
        for eqn in graph.equations:
            new.update(zip(eqn.lhs, builder.replay(eqn, new, graph), strict=True))
        for ct, x in graph.notes.cotangent_of.items():
            mine, name = new.get(ct), graph.notes.names.get(x)
            if isinstance(mine, Sym) and name is not None:
                builder.notes.names.setdefault(mine, f"d{name}")
        return [builder.wrap(new[y] if isinstance(y, Sym) else y) for y in graph.outputs]

    def inline_pushforward(self, tangents: Sequence[Operand]) -> list[Tracer]:
        """Write J v into the trace: the pullback is linear in its seed, so transpose it."""
        pulled = self.pullback()
        seeds = pulled.inputs[len(self.inputs) :]
        count = len(pulled.outputs)
        twice = differentiate(pulled, seeds, count, "tangent")
        simple = simplify(twice, len(self.graph.equations))
        pushed = drop_dead(replace(simple, outputs=simple.outputs[count:]))
        nothing = [self.zeros(pushed.avals[ct]) for ct in pushed.inputs[len(self.inputs) :]]
        return self.inline(pushed, [*nothing[: len(seeds)], *tangents])

    def zeros(self, aval: Aval) -> Operand:
        # What is linear in the seed has a derivative without it: this stands in for a value.
        return Static(0.0) if not aval.shape else self.builder.operand(
            op.full(shape=aval.shape, value=0, dtype=aval.dtype.name)
        )  # fmt: skip

    def seeds(self, ct: Any, what: str) -> list[Operand]:
        given = leaves_like(ct, self.out_tree, what)
        return [
            self._matched(c, self.builder.aval(y), what)
            for c, y in zip(given, self.outputs, strict=True)
        ]

    def tangents(self, given: Any) -> list[Operand]:
        leaves = leaves_like(given, self.in_tree, "tangent")
        return [
            self._matched(t, x.aval, "tangent") for t, x in zip(leaves, self.leaves, strict=True)
        ]

    def _matched(self, value: Any, aval: Aval, what: str) -> Operand:
        """Return a seed as an operand of the shape and dtype that it goes with."""
        builder = self.builder
        have = builder.aval(builder.operand(value))
        shapes = builder.shapes
        try:
            if len(have.shape) != len(aval.shape):
                raise ShapeError("the number of axes differs")
            for a, b in zip(have.shape, aval.shape, strict=True):
                shapes.unify(a, b, checked=False)
        except ShapeError:
            raise ShapeError(
                f"the {what} has shape {shapes.show_shape(have.shape)}, what it belongs to "
                f"{shapes.show_shape(aval.shape)}"
            ) from None
        if have.dtype == aval.dtype or (have.kind == "python" and have.inexact and not aval.shape):
            return builder.operand(value)
        if isinstance(value, int):
            return Static(float(value))
        return builder.operand(op.astype(value, dtype=aval.dtype.name))


@dataclass(frozen=True, slots=True)
class _Target:
    """What `record` needs to know of a function."""

    function: Callable[..., Any]
    signature: inspect.Signature
    wrt: tuple[str, ...]
    single: bool
    has_aux: bool


def replace_function(of: Any, function: Callable[..., Any]) -> _Target:
    """Return ``function`` to be recorded with the parameters of ``of``."""
    return _Target(function, of.signature, of.wrt, of.single, False)


def record(builder: TraceBuilder, of: Any, args: Any, kwargs: Any) -> Recorded:
    """Run ``of.function`` in the trace, and cut out the equations that it adds."""
    values = dict(arguments_given(of.signature, name_of(of.function), args, kwargs))
    leaves: list[Tracer] = []
    trees = []
    for name in of.wrt:
        if name not in values:
            values[name] = of.signature.parameters[name].default
        given, tree = flatten(values[name], is_any_leaf)
        paths = tree.paths()
        mine = [_alias(builder, x, leaf_name(name, p)) for x, p in zip(given, paths, strict=True)]
        values[name] = tree.build(iter(mine))
        leaves += mine
        trees.append(tree)
    in_tree = trees[0] if of.single else Tree("item", tuple, tuple(range(len(trees))), tuple(trees))
    start = len(builder.equations)
    symbols = tuple([x.symbol for x in leaves])
    args, kwargs = call_arguments(of.signature, values)
    result = builder.runtime.call(of.function, *args, **kwargs)
    aux = None
    if of.has_aux:
        if not isinstance(result, tuple) or len(result) != 2:
            raise TraceError("has_aux=True: the function must return a pair (value, aux)")
        result, aux = result
    found, out_tree = flatten(result, is_any_leaf)
    outputs = tuple([_output(builder, y) for y in found])
    graph, inputs = _cut_out(builder, start, symbols, outputs)
    return Recorded(builder, graph, inputs, tuple(leaves), in_tree, result, outputs, out_tree, aux)


def _alias(builder: TraceBuilder, leaf: Any, name: str) -> Tracer:
    """Return the leaf under a symbol of its own."""
    if isinstance(leaf, SymbolicSize):
        leaf = leaf.value()
    if type(leaf) is int or (type(leaf) is Tracer and leaf.aval.kind == "python"):
        leaf = leaf * 1.0 if isinstance(leaf, int) or leaf.dtype.kind == "i" else leaf
    if not isinstance(leaf, (float, np.ndarray, np.generic, Tracer)):
        raise WrtError(f"`{name}` in wrt is {type(leaf).__name__}, not a number or array")
    operand = builder.operand(leaf)
    if not builder.aval(operand).inexact:
        raise WrtError(
            f"`{name}` in wrt has dtype {builder.aval(operand).dtype}: only floating-point arrays "
            f"have a gradient; convert it ({name}.astype(float)) or leave it out of wrt"
        )
    # The number of equations so far is new each time, for this adds one.
    fresh: Tracer = builder.apply("alias", operand, number=len(builder.equations))
    fresh.argument = fresh.aval.kind == "array"
    fresh.name = name
    builder.notes.names.setdefault(fresh.symbol, name)
    return fresh


def _output(builder: TraceBuilder, value: Any) -> Operand:
    if value is None:
        raise LossError("the function returns None: is a `return` missing?")
    return builder.operand(value.value() if isinstance(value, SymbolicSize) else value)


def _cut_out(
    builder: TraceBuilder, start: int, wrt: tuple[Any, ...], outputs: tuple[Operand, ...]
) -> tuple[Graph, tuple[Operand, ...]]:
    """Return the equations since ``start`` that ``outputs`` need, and what they read."""
    equations = tuple(builder.equations[start:])
    inputs = (*wrt, *_free(equations, outputs, wrt))
    whole = Graph(inputs, equations, outputs, builder.avals, builder.shapes, builder.notes)
    live = drop_dead(whole).equations
    inputs = (*wrt, *_free(live, outputs, wrt))
    own = [*inputs, *(y for eqn in live for y in eqn.lhs)]
    avals, notes = {x: builder.avals[x] for x in own}, builder.notes.only(own)
    part = Graph(inputs, live, outputs, avals, builder.shapes, notes)
    return recognise(canonical(part))[0], inputs


def _free(
    equations: Sequence[Equation], outputs: tuple[Operand, ...], wrt: tuple[Any, ...]
) -> list[Sym]:
    """Return the symbols that equations and outputs read and nothing among them binds."""
    bound = {*wrt, *(y for eqn in equations for y in eqn.lhs)}
    read = [*(x for eqn in equations for x in eqn.rhs.operands), *outputs]
    return list(dict.fromkeys(x for x in read if isinstance(x, Sym) and x not in bound))
