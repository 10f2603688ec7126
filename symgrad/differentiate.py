"""Reverse mode: the chain rule over the equations, last to first, written in ops.

Given a graph and the inputs to differentiate by, return the graph followed by the equations of
the cotangents.  Invariant: every cotangent has its primal's shape and dtype, enforced in
`unbroadcast` and nowhere else; a rule that is missing is an error, never a zero.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from symgrad.errors import MissingRuleError, located
from symgrad.graph import (
    Aval,
    Builder,
    Equation,
    Graph,
    Op,
    Operand,
    Origin,
    Static,
    Sym,
    Value,
    building,
    literal_aval,
)
from symgrad.ops.table import ZERO, has_kink, needs_rule, op


def differentiate(
    graph: Graph,
    wrt: Sequence[Sym],
    outputs: int = 1,
    seed_name: str | None = None,
    stepwise: bool = False,
) -> Graph:
    """Return ``graph`` with the cotangents of ``wrt`` as further outputs.

    The first ``outputs`` outputs are differentiated.  Their cotangents are new inputs called
    ``seed_name``, or the number 1 when no name is given.  An input that does not reach the
    outputs gets zeros of its shape.  ``stepwise`` gives the cotangent of every value that the
    user named a symbol of its own, so that the chain rule stays visible gate by gate.

    Raises MissingRuleError where the path needs a derivative that an op does not have.
    """
    builder = Builder.continuing(graph)
    with building(builder):
        found = _sweep(builder, graph, wrt, outputs, seed_name, stepwise)
    return builder.graph([*graph.outputs, *found])


def _sweep(
    builder: Builder,
    graph: Graph,
    wrt: Sequence[Sym],
    outputs: int,
    seed_name: str | None,
    stepwise: bool,
) -> list[Operand]:
    cotangents: dict[Sym, Value] = {}
    for k, y in enumerate(graph.outputs[:outputs]):
        name = seed_name if outputs == 1 or seed_name is None else f"{seed_name}{k}"
        seed = _seed(builder, graph.aval(y), name)
        if isinstance(y, Sym) and graph.avals[y].inexact:
            _accumulate(builder, cotangents, y, seed)
    active = active_symbols(graph, wrt)
    for step in reversed(range(len(graph.equations))):
        eqn = graph.equations[step]
        if any(y in active and y in cotangents for y in eqn.lhs):
            origin = builder.notes.origins.get(eqn.lhs[0])
            builder.origin = origin and Origin(origin.code, origin.lasti, step, origin.caller)
            if stepwise:
                _name_step(builder, eqn, cotangents)
            _transpose(builder, eqn, active, cotangents)
    found = [_cotangent(builder, cotangents, x) for x in wrt]
    for x, ct in zip(wrt, found, strict=True):
        _note(builder, ct, x)
    return [ct.symbol for ct in found]


def active_symbols(graph: Graph, wrt: Iterable[Sym]) -> set[Sym]:
    """Return the symbols through which ``wrt`` can change the outputs smoothly."""
    active = set(wrt)
    for eqn in graph.equations:
        if any(x in active for x in eqn.rhs.operands):
            active.update(y for y in eqn.lhs if graph.avals[y].inexact)
    return active


def kinks_on_path(graph: Graph, wrt: Iterable[Sym], outputs: int = 1) -> list[Equation]:
    """Return the equations between ``wrt`` and the outputs whose op has a kink somewhere.

    Nothing flows back through a comparison, but the value jumps where it changes.
    """
    active = active_symbols(graph, wrt)
    reached, made_by = set(active), dict[Sym, Op]()
    for eqn in graph.equations:
        made_by.update(dict.fromkeys(eqn.lhs, eqn.rhs))
        if not reached.isdisjoint(eqn.rhs.operands):
            reached.update(eqn.lhs)
    needed = {y for y in graph.outputs[:outputs] if type(y) is Sym}
    found = []
    for eqn in reversed(graph.equations):
        if needed.isdisjoint(eqn.lhs):
            continue
        operands = eqn.rhs.operands
        needed.update(x for x in operands if type(x) is Sym and x in reached)
        if eqn.rhs.facts.kinks and not active.isdisjoint(operands):
            known = [(graph.aval(x), made_by.get(x)) for x in operands]
            if has_kink(eqn.rhs, known):
                found.append(eqn)
    return found[::-1]


def _seed(builder: Builder, aval: Aval, name: str | None) -> Value:
    if name is None:
        return builder.wrap(Static(1.0))
    return builder.wrap(builder.input(aval, name))


def _transpose(
    builder: Builder, eqn: Equation, active: set[Sym], cotangents: dict[Sym, Value]
) -> None:
    """Add what one equation passes back to each of its active operands."""
    cts = [_cotangent(builder, cotangents, y) for y in eqn.lhs]
    for y, ct in zip(eqn.lhs, cts, strict=True):
        _note(builder, ct, y)
    for i, contribution in passed_back(builder, eqn, cts, active):
        _accumulate(builder, cotangents, eqn.rhs.operands[i], contribution)


def passed_back(
    builder: Builder, eqn: Equation, cts: Sequence[Value], active: Container[Sym]
) -> Iterator[tuple[int, Any]]:
    """Yield what one equation passes back to each active operand, with the operand's number.

    ``cts`` are the cotangents of its results.  The shapes are those that broadcasting gave.
    """
    lhs, rhs = eqn
    row, operands = type(rhs), rhs.operands
    settings = dict(zip(row.params, rhs.settings, strict=True)) if row.params else {}
    given: Any = cts[0] if row.results == 1 else tuple(cts)
    ys, xs = list(map(builder.wrap, lhs)), list(map(builder.wrap, operands))
    for i in reversed(range(len(operands))):
        # Last operand first: what a write passes to its value is read before it is blanked.
        x = operands[i]
        if type(x) is not Sym or x not in active:
            continue
        if row.vjp is None:
            raise _missing(builder, eqn)
        contribution = row.vjp(i, given, ys, xs, settings)
        if contribution is not ZERO:
            yield i, contribution


def pushed_forward(
    builder: Builder, eqn: Equation, tangents: Mapping[Sym, Value]
) -> list[Value | None]:
    """Return the tangents of an equation's results, None where no operand moves them.

    What an equation passes back is linear in the cotangents of its results; the transpose of
    that map is how it pushes tangents forward, so forward mode needs no rules of its own.
    """
    seeds = [builder.wrap(builder.input(builder.avals[y])) for y in eqn.lhs]
    start = len(builder.equations)
    cotangents: dict[Sym, Value] = {}
    for i, contribution in list(passed_back(builder, eqn, seeds, tangents)):
        x = eqn.rhs.operands[i]
        assert type(x) is Sym
        value = contribution if isinstance(contribution, Value) else builder.wrap(contribution)
        value = unbroadcast(value, builder.avals[x])
        if type(value.symbol) is Sym:
            _accumulate(builder, cotangents, value.symbol, tangents[x])
    mine = builder.equations[start:]
    active = {seed.symbol for seed in seeds if type(seed.symbol) is Sym}
    for own in mine:
        if not active.isdisjoint(own.rhs.operands):
            active.update(own.lhs)
    for own in reversed(mine):
        if any(y in active and y in cotangents for y in own.lhs):
            cts = [_cotangent(builder, cotangents, y) for y in own.lhs]
            for i, contribution in list(passed_back(builder, own, cts, active)):
                source = own.rhs.operands[i]
                assert type(source) is Sym
                _accumulate(builder, cotangents, source, contribution)
    return [cotangents.get(seed.symbol) for seed in seeds if type(seed.symbol) is Sym]


def _name_step(builder: Builder, eqn: Equation, cotangents: dict[Sym, Value]) -> None:
    for y in eqn.lhs:
        ct = cotangents.get(y)
        if ct is not None and y in builder.notes.names and builder.definition(ct.symbol):
            mine, builder.origin = builder.origin, builder.notes.origins.get(ct.symbol)
            cotangents[y] = op.alias(ct, number=y.index)
            builder.origin = mine


def _missing(builder: Builder, eqn: Equation) -> MissingRuleError:
    error = MissingRuleError(
        f"{needs_rule(type(eqn.rhs))}, and the gradient needs one here: differentiate by "
        "something else, or write the step with known functions"
    )
    return located(error, builder.notes.location(eqn.lhs[0]))


def _accumulate(builder: Builder, cotangents: dict[Sym, Value], x: Sym, new: Any) -> None:
    # The one place that undoes broadcasting, so no vjp rule has to.
    value = new if isinstance(new, Value) else builder.wrap(Static(new))
    value = unbroadcast(value, builder.avals[x])
    cotangents[x] = value + cotangents[x] if x in cotangents else value


def _cotangent(builder: Builder, cotangents: dict[Sym, Value], x: Sym) -> Value:
    found = cotangents.get(x)
    return zeros(builder, builder.avals[x]) if found is None else found


def zeros(builder: Builder, aval: Aval) -> Value:
    """Return the cotangent of a value that nothing depends on."""
    if aval.kind == "python" or not aval.inexact:
        return builder.wrap(Static(0.0))
    if aval.kind == "numpy":
        return builder.wrap(Static(aval.dtype.type(0)))
    return builder.apply("full", shape=aval.shape, value=0, dtype=aval.dtype.name)


def unbroadcast(value: Value, aval: Aval) -> Value:
    """Return ``value`` summed (or copied) to the shape of ``aval``, in its dtype."""
    have = value.aval
    if have.shape == aval.shape and have.dtype == aval.dtype:
        return value
    shapes = value.builder.shapes
    extra = value.ndim - len(aval.shape)
    if extra > 0:
        value = op.sum(value, axis=tuple(range(extra)), keepdims=False)
    if extra >= 0:
        wide = tuple(
            k
            for k, (have, want) in enumerate(zip(value.shape, aval.shape, strict=True))
            if isinstance(want, int) and want == 1 and not shapes.same(have, 1)
        )
        if wide:
            value = op.sum(value, axis=wide, keepdims=True)
    if not shapes.same_shape(value.shape, aval.shape):
        value = op.broadcast_to(value, shape=aval.shape)
    if value.dtype != aval.dtype and aval.kind != "python" and value.aval.kind != "python":
        value = _in_dtype(value, aval.dtype.name)
    return value


def _in_dtype(value: Value, dtype: str) -> Value:
    """Return ``value`` in another dtype; a copied number is converted before it is copied."""
    row = value.builder.definition(value.symbol)
    if row is not None and row.name == "broadcast_to":
        source = value.builder.wrap(row.operands[0])
        if not source.ndim:
            return op.broadcast_to(op.astype(source, dtype=dtype), shape=row.setting("shape"))
    return op.astype(value, dtype=dtype)


def _note(builder: Builder, ct: Value, x: Sym) -> None:
    """Note whose cotangent ``ct`` is: of several, that of the first line with a name."""
    if isinstance(ct.symbol, Sym):
        known, names = builder.notes.cotangent_of, builder.notes.names
        before = known.setdefault(ct.symbol, x)
        if x in names and (x in builder.defined_by or before not in names):
            known[ct.symbol] = x


def is_real_scalar(graph: Graph, output: Operand) -> bool:
    """Return whether an output is one real number, as the value of a gradient must be."""
    aval = graph.avals[output] if isinstance(output, Sym) else literal_aval(output.value)
    return aval.shape == () and aval.dtype.kind in "fiub"
