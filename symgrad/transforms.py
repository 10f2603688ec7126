"""Functions of functions: gradients, Jacobians, Hessians and products with them.

Given a function, return one that calculates its derivative.  Outside a trace it runs emitted
code; inside one (a derivative of a derivative) it writes the derivative's equations into the
trace that runs.  Invariant: what is differentiated by stands behind a symbol of its own
(`alias`), so derivatives by equal values never mix.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgrad.arguments import bind, is_leaf
from symgrad.compiled import Compiled, refuse_misspelt
from symgrad.differentiate import differentiate, is_real_scalar
from symgrad.errors import ArgumentError, LossError, ShapeError, TraceError, WrtError
from symgrad.expand import drop_dead
from symgrad.graph import Aval, Equation, Graph, Operand, Static, Sym
from symgrad.ops import FRONT, op
from symgrad.recognise import recognise
from symgrad.simplify import simplify
from symgrad.specialise import Specialisation
from symgrad.trace import canonical, in_trace
from symgrad.trace.builder import TraceBuilder
from symgrad.trace.sizes import SymbolicSize
from symgrad.trace.tracer import Tracer, is_traced
from symgrad.trees import LEAF, Tree, flatten, leaf_name

MOST_TRANSFORMS = 128  # how many transformed functions are remembered with their emitted code

Wrt = int | str | tuple[int | str, ...] | list[int | str]


def grad(
    fn: Callable[..., Any], wrt: Wrt = 0, has_aux: bool = False, **misspelt: Any
) -> Callable[..., Any]:
    """Return a function that gives the gradient of ``fn``.

    ``wrt`` says what to differentiate by: a parameter's name or number, or a tuple of them; the
    gradient mirrors it.  With ``has_aux`` the function returns ``(value, aux)`` and its gradient
    ``(grads, aux)``.

    Raises WrtError for what cannot be differentiated by, LossError unless the value is one
    number.
    """
    refuse_misspelt("grad", misspelt)
    return _made(Gradient, fn, wrt, has_aux)


def value_and_grad(
    fn: Callable[..., Any], wrt: Wrt = 0, has_aux: bool = False, **misspelt: Any
) -> Callable[..., Any]:
    """Return a function that gives ``(value, grads)`` of ``fn``.

    With ``has_aux`` it gives ``((value, aux), grads)``.  See `grad`.
    """
    refuse_misspelt("value_and_grad", misspelt)
    return _made(ValueAndGradient, fn, wrt, has_aux)


def jacobian(fn: Callable[..., Any], wrt: Wrt = 0, **misspelt: Any) -> Callable[..., Any]:
    """Return a function that gives the derivative of every output by every input, dense.

    Each leaf of the output becomes a structure like ``wrt`` whose leaves have the shape
    ``output.shape + input.shape``.
    """
    refuse_misspelt("jacobian", misspelt)
    return _made(Jacobian, fn, wrt)


def hessian(fn: Callable[..., Any], wrt: Wrt = 0, **misspelt: Any) -> Callable[..., Any]:
    """Return a function that gives the second derivatives of ``fn``, dense.

    It is the Jacobian of the gradient: for an input of shape ``s`` an array ``s + s``.
    """
    refuse_misspelt("hessian", misspelt)
    return jacobian(grad(fn, wrt), wrt)


def hvp(fn: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """Return a function of ``(*args, v)`` that gives the Hessian of ``fn`` times ``v``.

    ``v`` and the product mirror ``wrt``.  The Hessian itself is never made: the product is the
    pullback of the gradient (Pearlmutter, Fast exact multiplication by the Hessian, 1994).
    """
    return _made(HessianProduct, fn, wrt)


def vjp(fn: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return ``(value, pullback)`` of ``fn`` at ``primals``.

    ``pullback(ct)`` takes a cotangent like the value and returns a tuple with the cotangent of
    each primal.
    """
    names = _parameters_given(fn, primals)
    compiled = _any_output(fn, names)
    builder = in_trace()
    if builder is not None:
        return _traced_vjp(builder, compiled, primals)
    value, residuals = compiled.forward(*primals)
    leaves, tree = flatten(value, is_leaf)
    value, tree = _rebuilt(leaves, residuals.made)

    def pullback(ct: Any) -> tuple[Any, ...]:
        cts = iter(_seeds_like(ct, leaves, tree, "cotangent"))
        return _one_each(compiled, compiled.backward(residuals, tree.build(cts)))

    return value, pullback


def jvp(fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return ``(value, tangent)``: ``fn`` at ``primals``, and its derivative along ``tangents``.

    The derivative is the pullback of the pullback, which is linear in its cotangent.
    """
    if len(primals) != len(tangents):
        raise ArgumentError(
            f"jvp takes one tangent for each primal: {len(primals)} primals, "
            f"{len(tangents)} tangents"
        )
    found: tuple[Any, Any] = _made(Pushforward, fn, _parameters_given(fn, primals))(
        primals, tangents
    )
    return found


# --- what is remembered -----------------------------------------------------------------------


def _made(kind: type[Transform], fn: Any, wrt: Any, has_aux: bool = False) -> Transform:
    """Return the transform of ``fn``; the same again outside a trace, with its emitted code."""
    wrt = tuple(wrt) if isinstance(wrt, list) else wrt
    if in_trace() is not None:  # a function made in a trace holds traced values: forget it
        return kind(fn, wrt, has_aux)
    try:
        return _remembered(kind, fn, wrt, repr(wrt), has_aux)  # type: ignore[arg-type]
    except TypeError:  # neither the function nor what it is differentiated by need be hashable
        return kind(fn, wrt, has_aux)


@functools.lru_cache(MOST_TRANSFORMS)
def _remembered(kind: type[Transform], fn: Any, wrt: Any, typed: str, has_aux: bool) -> Transform:
    return kind(fn, wrt, has_aux)


def _any_output(fn: Any, names: tuple[str, ...]) -> Compiled:
    return _made(Jacobian, fn, names).compiled


# --- the transforms ---------------------------------------------------------------------------


class Transform:
    """A function made from another: emitted code outside a trace, more equations inside one."""

    word = ""
    any_output = False

    def __init__(self, fn: Callable[..., Any], wrt: Any, has_aux: bool = False):
        self.compiled = Compiled(fn, wrt, has_aux=has_aux, any_output=self.any_output)
        functools.update_wrapper(self, self.compiled.function, updated=())
        name = getattr(self.compiled.function, "__name__", "")
        self.__name__ = f"{self.word}_{name}" if name.isidentifier() else self.word
        self.__signature__ = self.compiled.signature

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        builder = in_trace()
        if builder is None:
            return self.outside(args, kwargs)
        return self.inside(builder, args, kwargs)

    def __repr__(self) -> str:
        return f"<symgrad.{self.word} of {self.compiled.function!r}>"

    def outside(self, args: Any, kwargs: Any) -> Any:
        raise NotImplementedError

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        raise NotImplementedError


class ValueAndGradient(Transform):
    """``(value, grads)``, with ``has_aux`` ``((value, aux), grads)``."""

    word = "value_and_grad"

    def outside(self, args: Any, kwargs: Any) -> Any:
        return self.compiled.value_and_grad(*args, **kwargs)

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        return traced_value_and_grad(self.compiled, args, kwargs)


class Gradient(Transform):
    """``grads``, with ``has_aux`` ``(grads, aux)``."""

    word = "grad"

    def outside(self, args: Any, kwargs: Any) -> Any:
        return self.compiled.grad(*args, **kwargs)

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        value, grads = traced_value_and_grad(self.compiled, args, kwargs)
        return (grads, value[1]) if self.compiled.has_aux else grads


class Jacobian(Transform):
    """Every output by every input: one pullback for each element of the output."""

    word = "jacobian"
    any_output = True

    def outside(self, args: Any, kwargs: Any) -> Any:
        compiled = self.compiled
        value, residuals = compiled.forward(*args, **kwargs)
        outputs = flatten(value, is_leaf)[0]
        _, out_tree = _rebuilt(outputs, residuals.made)
        inputs, in_tree = _wrt_values(compiled, args, kwargs)
        blocks = []
        for k, y in enumerate(outputs):
            rows: list[list[Any]] = []
            for element in np.ndindex(np.shape(y)):
                cts = [np.zeros_like(other) for other in map(np.asarray, outputs)]
                cts[k][element] = 1
                grads = compiled.backward(residuals, out_tree.build(iter([ct[()] for ct in cts])))
                rows.append(flatten(grads, is_leaf)[0])
            columns: list[Any] = list(zip(*rows, strict=True)) or [()] * len(inputs)
            blocks.append(in_tree.build(_dense(columns, y, inputs)))
        return out_tree.build(iter(blocks))

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        run = record(builder, self.compiled, args, kwargs)
        pullback = run.pullback()
        blocks = []
        for k, y in enumerate(run.outputs):
            tracer = builder.wrap(y)
            rows = [
                run.inline(pullback, _one_seed(run, k, seed)) for seed in _units(builder, tracer)
            ]
            grads = [
                FRONT[np.reshape](FRONT[np.stack](column), tracer.shape + x.shape)
                for column, x in zip(zip(*rows, strict=True), run.leaves, strict=True)
            ]
            blocks.append(run.in_tree.build(iter(grads)))
        return run.out_tree.build(iter(blocks))


class _OfAnArgument(Transform):
    """A transform that takes more than the function does: it is compiled as a whole."""

    any_output = True

    def __init__(self, fn: Callable[..., Any], wrt: Any, has_aux: bool = False):
        super().__init__(fn, wrt, has_aux)
        self._emitted: dict[tuple[str, ...], _ValueOnly] = {}

    def emitted(self, names: tuple[str, ...], extra: tuple[str, ...]) -> _ValueOnly:
        found = self._emitted.get(names)
        if found is None:
            found = self._emitted[names] = _ValueOnly(_Whole(self, names, extra))
        return found


class HessianProduct(_OfAnArgument):
    """The pullback of the gradient at ``v``."""

    word = "hvp"

    def __init__(self, fn: Callable[..., Any], wrt: Any, has_aux: bool = False):
        super().__init__(fn, wrt, has_aux)
        own = self.compiled.signature
        taken = [p for p in own.parameters.values() if p.kind < inspect.Parameter.KEYWORD_ONLY]
        rest = [p for p in own.parameters.values() if p.kind >= inspect.Parameter.KEYWORD_ONLY]
        taken = [p.replace(default=inspect.Parameter.empty) for p in taken]
        if all(p.kind is not inspect.Parameter.VAR_POSITIONAL for p in taken):
            kind = taken[-1].kind if taken else inspect.Parameter.POSITIONAL_ONLY
            last = inspect.Parameter(_unused("v", own.parameters), kind)
            self.__signature__ = own.replace(parameters=[*taken, last, *rest])

    def outside(self, args: Any, kwargs: Any) -> Any:
        args, v = _without_v(args, self)
        values = _given(self.compiled.signature, self.__name__, args, kwargs)
        v_name = _unused("v", values)
        leaves, tree = _wrt_values(self.compiled, args, kwargs)
        v = tree.build(iter(_seeds_like(v, leaves, tree, "v of hvp")))
        return self.emitted(tuple(values), (v_name,)).value(*values.values(), v)

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        args, v = _without_v(args, self)
        of = self.compiled
        gradient = Gradient(of.function, of.wrt[0] if of.single else of.wrt)
        run = record(builder, replace_function(of, gradient), args, kwargs)
        grads = run.inline(run.pullback(), run.seeds(v, "v of hvp"))
        return run.in_tree.build(iter(grads))


class Pushforward(_OfAnArgument):
    """``(value, tangent)`` of primals and tangents."""

    word = "jvp"

    def outside(self, args: Any, kwargs: Any) -> Any:
        primals, tangents = args
        values = _given(self.compiled.signature, self.__name__, tuple(primals), {})
        dots = _given(self.compiled.signature, "", tuple(tangents), {}).values()
        leaves, tree = flatten(tuple(values.values()), is_leaf)
        dots = tree.build(iter(_seeds_like(tuple(dots), leaves, tree, "tangent")))
        names = tuple(_unused(f"{name}_dot", values) for name in values)
        return self.emitted(tuple(values), names).value(*values.values(), *dots)

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        primals, tangents = args
        run = record(builder, self.compiled, tuple(primals), {})
        given = _given(self.compiled.signature, "", tuple(tangents), {})
        found = run.inline_pushforward(run.tangents(tuple(given.values())))
        return run.value, run.out_tree.build(iter(found))


@dataclass(frozen=True, slots=True)
class _Whole:
    """A transform as a function of the parameters that a call gives, and its extra arguments."""

    transform: _OfAnArgument
    names: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def __name__(self) -> str:
        return self.transform.__name__

    @property
    def __signature__(self) -> inspect.Signature:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature(
            [inspect.Parameter(name, kind) for name in (*self.names, *self.extra)]
        )

    def __call__(self, *values: Any) -> Any:
        builder = in_trace()
        assert builder is not None, "the emitted code of a whole transform runs without it"
        count = len(self.names)
        signature = self.transform.compiled.signature
        args, kwargs = _call_arguments(signature, dict(zip(self.names, values, strict=False)))
        if isinstance(self.transform, Pushforward):
            dots, _ = _call_arguments(signature, dict(zip(self.names, values[count:], strict=True)))
            return self.transform.inside(builder, (args, dots), {})
        return self.transform.inside(builder, (*args, *values[count:]), kwargs)


class _ValueOnly(Compiled):
    """A function compiled for its value alone."""

    wrt = ()

    def __init__(self, fn: Callable[..., Any]):
        super().__init__(fn, (), check=None, any_output=True)

    def _check_names(self) -> None:
        pass  # there is nothing to differentiate by

    def value(self, *args: Any) -> Any:
        value = self.value_and_grad(*args)[0]
        if len(self._all) == 1 and not _names_fields(self._all[0].traced.out_tree):
            return value
        return _rebuilt(flatten(value, is_leaf)[0], self._made_for(args, {})[0])[0]


# --- inside a trace ---------------------------------------------------------------------------


def traced_value_and_grad(compiled: Compiled, args: Any, kwargs: Any) -> Any:
    """Return ``(value, grads)`` as traced values of the trace that runs."""
    builder = in_trace()
    assert builder is not None, "there is no trace to write into"
    run = record(builder, compiled, args, kwargs)
    _check_loss(run)
    grads = run.inline(run.pullback(seeded=False), ())
    value = (run.value, run.aux) if compiled.has_aux else run.value
    return value, run.in_tree.build(iter(grads))


def _traced_vjp(
    builder: TraceBuilder, compiled: Compiled, primals: tuple[Any, ...]
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    run = record(builder, compiled, primals, {})

    def pullback(ct: Any) -> tuple[Any, ...]:
        grads = run.inline(run.pullback(), run.seeds(ct, "cotangent"))
        return _one_each(compiled, run.in_tree.build(iter(grads)))

    return run.value, pullback


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
        nothing = [self._zeros(pushed.avals[ct]) for ct in pushed.inputs[len(self.inputs) :]]
        return self.inline(pushed, [*nothing[: len(seeds)], *tangents])

    def _zeros(self, aval: Aval) -> Operand:
        # What is linear in the seed has a derivative without it: this stands in for a value.
        return Static(0.0) if not aval.shape else self.builder.operand(
            op.full(shape=aval.shape, value=0, dtype=aval.dtype.name)
        )  # fmt: skip

    def seeds(self, ct: Any, what: str) -> list[Operand]:
        given = _leaves_like(ct, self.out_tree, what)
        return [
            self._matched(c, self.builder.aval(y), what)
            for c, y in zip(given, self.outputs, strict=True)
        ]

    def tangents(self, given: Any) -> list[Operand]:
        leaves = _leaves_like(given, self.in_tree, "tangent")
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


def record(builder: TraceBuilder, of: Any, args: Any, kwargs: Any) -> Recorded:
    """Run ``of.function`` in the trace, and cut out the equations that it adds."""
    values = dict(_given(of.signature, _name(of.function), args, kwargs))
    leaves: list[Tracer] = []
    trees = []
    for name in of.wrt:
        if name not in values:
            values[name] = of.signature.parameters[name].default
        given, tree = flatten(values[name], _is_any_leaf)
        paths = tree.paths()
        mine = [_alias(builder, x, leaf_name(name, p)) for x, p in zip(given, paths, strict=True)]
        values[name] = tree.build(iter(mine))
        leaves += mine
        trees.append(tree)
    in_tree = trees[0] if of.single else Tree("item", tuple, tuple(range(len(trees))), tuple(trees))
    start = len(builder.equations)
    symbols = tuple([x.symbol for x in leaves])
    args, kwargs = _call_arguments(of.signature, values)
    result = builder.runtime.call(of.function, *args, **kwargs)
    aux = None
    if of.has_aux:
        if not isinstance(result, tuple) or len(result) != 2:
            raise TraceError("has_aux=True: the function must return a pair (value, aux)")
        result, aux = result
    found, out_tree = flatten(result, _is_any_leaf)
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


def _units(builder: TraceBuilder, y: Tracer) -> Iterator[Operand]:
    """Yield the unit vectors of an output's shape, whose sizes must be numbers."""
    shape = tuple(operator.index(size) for size in y.shape)
    if not shape:
        yield Static(1.0)
        return
    eye = FRONT[np.eye](math.prod(shape), dtype=y.dtype)
    for k in range(math.prod(shape)):
        yield builder.operand(FRONT[np.reshape](eye[k], shape))


def _one_seed(run: Recorded, which: int, seed: Operand) -> list[Operand]:
    return [
        seed if k == which else run._zeros(run.builder.aval(y)) for k, y in enumerate(run.outputs)
    ]


# --- arguments and results --------------------------------------------------------------------


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


def _is_any_leaf(value: Any) -> bool:
    return is_leaf(value) or is_traced(value)


def _name(function: Any) -> str:
    return getattr(function, "__name__", "function")


def _given(signature: inspect.Signature, name: str, args: Any, kwargs: Any) -> Mapping[str, Any]:
    """Return what a call gives, by parameter, without the defaults."""
    try:
        return signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise ArgumentError(f"{name}{signature}: {error}") from None


def _call_arguments(signature: inspect.Signature, values: dict[str, Any]) -> tuple[Any, Any]:
    bound = inspect.BoundArguments(signature, values)
    return bound.args, bound.kwargs


def _parameters_given(fn: Any, primals: Sequence[Any]) -> tuple[str, ...]:
    function = fn.function if isinstance(fn, Compiled) else fn
    if not primals:
        raise ArgumentError(f"{_name(function)} is given no primals to differentiate by")
    return tuple(_given(inspect.signature(function), _name(function), tuple(primals), {}))


def _without_v(args: tuple[Any, ...], transform: Transform) -> tuple[tuple[Any, ...], Any]:
    if not args:
        raise ArgumentError(f"{transform.__name__}: v is missing, the last positional argument")
    return args[:-1], args[-1]


def _unused(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name += "_"
    return name


def _one_each(compiled: Compiled, grads: Any) -> tuple[Any, ...]:
    """Return one cotangent a primal: those of ``*args`` one by one."""
    found: list[Any] = []
    for name, ct in zip(compiled.wrt, grads, strict=True):
        kind = compiled.signature.parameters[name].kind
        found += ct if kind is inspect.Parameter.VAR_POSITIONAL else [ct]
    return tuple(found)


def _wrt_values(compiled: Compiled, args: Any, kwargs: Any) -> tuple[list[Any], Tree]:
    values = bind(compiled.signature, _name(compiled.function), args, kwargs)
    wanted = tuple(values[name] for name in compiled.wrt)
    return flatten(wanted[0] if compiled.single else wanted, is_leaf)


def _dense(columns: Sequence[Any], y: Any, inputs: Sequence[Any]) -> Iterator[Any]:
    for column, x in zip(columns, inputs, strict=True):
        shape = np.shape(y) + np.shape(x)
        if not column:
            yield np.zeros(shape, np.result_type(x))
        else:
            yield np.reshape(np.stack(column), shape)[()]


def _rebuilt(leaves: Sequence[Any], made: Specialisation) -> tuple[Any, Tree]:
    """Return a value with the user's own classes, which emitted code does not know."""
    tree = made.traced.out_tree
    return tree.build(iter(leaves)), tree


def _names_fields(tree: Tree) -> bool:
    return tree.kind == "field" or any(map(_names_fields, tree.parts))


def _leaves_like(given: Any, tree: Tree, what: str) -> list[Any]:
    leaves, mine = flatten(given, _is_any_leaf)
    if mine != tree:
        raise ArgumentError(f"the {what} must have the structure of what it belongs to")
    return leaves


def _seeds_like(given: Any, leaves: Sequence[Any], tree: Tree, what: str) -> list[Any]:
    """Return cotangents or tangents in the shape and dtype of what they belong to."""
    cts = _leaves_like(given, tree, what)
    for ct, y in zip(cts, leaves, strict=True):
        if np.shape(ct) != np.shape(y):
            raise ShapeError(
                f"the {what} has shape {np.shape(ct)}, what it belongs to {np.shape(y)}"
            )
    return [
        np.asarray(ct, y.dtype) if isinstance(y, np.ndarray) and y.dtype.kind == "f" else ct
        for ct, y in zip(cts, leaves, strict=True)
    ]
