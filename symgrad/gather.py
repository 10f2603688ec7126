"""Take one element of each row before calculating with it, instead of calculating all of them.

``(s - np.log(total))[rows, y]`` is ``s[rows, y] - np.log(total[:, 0])``: the same bits, by fewer
operations.  `element_of_each_row` is the law, for the user's own computation; `gather_first`
applies it to what composites were written out in.  Invariant: only what nobody else reads, and
what has no name, is calculated for fewer elements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from symgrad.graph import Builder, Equation, Graph, Operand, Sym, Value
from symgrad.ops.indexing import ARRAY
from symgrad.ops.table import ALL, op

DEEPEST = 8  # steps that are done afterwards


def gather_first(graph: Graph) -> Graph:
    """Return the graph with elementwise steps moved behind the choice of an element a row."""
    if not any(_is_one_a_row(eqn) for eqn in graph.equations):
        return graph
    reads = Counter([x for eqn in graph.equations for x in eqn.rhs.operands])
    reads.update(graph.outputs)

    def is_passing(x: Operand) -> bool:
        return reads[x] == 1 and x not in graph.notes.names

    builder = Builder.continuing(graph, 0)
    moved: dict[Sym, Operand] = {}
    for eqn in graph.equations:
        builder.keep(eqn, moved, graph)
        y = eqn.lhs[0]
        if _is_one_a_row(eqn) and y not in moved:
            x, *indices = map(builder.wrap, builder.defined_by[y].rhs.operands)
            builder.origin = graph.notes.origins.get(y)
            key = builder.defined_by[y].rhs.setting("key")
            found = element_of_each_row(builder, x, key, indices, is_passing)
            builder.origin = None
            if found is not None and builder.may_replace(found.aval, graph.avals[y]):
                moved[y] = found.symbol
                builder.notes.copy(y, found.symbol, graph.notes)
    builder.carry_cotangents(moved, graph)
    return builder.graph([moved.get(y, y) if type(y) is Sym else y for y in graph.outputs])


def _is_one_a_row(eqn: Equation) -> bool:
    return eqn.rhs.name == "index" and picks_elements(eqn.rhs.setting("key"))


def picks_elements(key: Sequence[object]) -> bool:
    """Return whether a key begins with an array, and each further entry is a place or an array."""
    rest = key[1:]
    return bool(rest) and key[0] == ARRAY and all(k == ARRAY or type(k) is int for k in rest)


def element_of_each_row(
    b: Builder,
    x: Value,
    key: tuple[Any, ...],
    indices: Sequence[Value],
    is_passing: Callable[[Operand], bool],
) -> Value | None:
    """Return ``x[rows, *rest]`` with the last elementwise steps of ``x`` done afterwards, if any.

    ``is_passing`` says whether only one equation sees a value.
    """
    rows = b.definition(indices[0].symbol)
    if rows is None or rows.name != "arange" or rows.setting("start") != 0:
        return None
    if len(key) < x.ndim or not b.shapes.same(rows.setting("stop"), x.shape[0]):
        return None
    if any(i.ndim > 1 or i.dtype.kind not in "iu" for i in indices):
        return None
    return _steps_afterwards(b, x, key, indices, is_passing)


def _steps_afterwards(
    b: Builder,
    x: Value,
    key: tuple[Any, ...],
    indices: Sequence[Value],
    is_passing: Callable[[Operand], bool],
    depth: int = DEEPEST,
) -> Value | None:
    row = b.definition(x.symbol)
    if depth == 0 or row is None or not row.facts.elementwise or not is_passing(x.symbol):
        return None
    if not _all_alike(b, x, row.operands):
        return None
    parts = []
    for v in map(b.wrap, row.operands):
        inner = _steps_afterwards(b, v, key, indices, is_passing, depth - 1)
        parts.append(_element(b, v, key, indices) if inner is None else inner)
    return b.apply(row.name, *parts, **dict(zip(row.params, row.settings, strict=True)))


def _all_alike(b: Builder, x: Value, operands: Sequence[Operand]) -> bool:
    """Return whether every operand is a number, or laid out as ``x``, or in rows of one element."""
    return all(
        not b.aval(v).shape
        or b.shapes.same_shape(b.aval(v).shape, x.shape)
        or b.shapes.same_shape(b.aval(v).shape, (x.shape[0], *[1] * (x.ndim - 1)))
        for v in operands
    )


def _element(b: Builder, x: Value, key: tuple[Any, ...], indices: Sequence[Value]) -> Value:
    if not x.ndim:
        return x
    if not b.shapes.same_shape(x.shape[1:], (1,) * (x.ndim - 1)):
        return op.index(x, *indices, key=key)
    row = b.definition(x.symbol)
    if row is not None and row.name == "expand_dims" and b.aval(row.operands[0]).ndim == 1:
        return b.wrap(row.operands[0])
    return op.index(x, key=(ALL, *[0] * (x.ndim - 1)))
