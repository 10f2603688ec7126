"""Laws of whole arrays: copies along axes, sums over them, reshapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.dims import product
from symgrad.graph import OPS, Op, Operand, Value, size_value
from symgrad.ops.contraction import contract, sum_of_product
from symgrad.ops.table import op
from symgrad.simplify.reading import (
    is_once_a_line,
    is_one,
    is_scalar,
    not_weak,
    scalar_and_array,
    sign_to_move,
    source_of_copies,
    value_of,
)
from symgrad.simplify.rule import Rewrite, Rule, declaring
from symgrad.simplify.simplifier import Simplifier

RULES: list[Rule] = []
rule = declaring(RULES)

# --- copies ----------------------------------------------------------------------------------


def _copy_dropped(head: str) -> Rewrite:
    def rewrite(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
        for k, x in enumerate(xs):
            source = source_of_copies(b, x)
            if source is None:
                continue
            pair = tuple(source if i == k else v for i, v in enumerate(xs))
            want = b.infer(OPS[head], xs, ())[0]
            have = b.infer(OPS[head], pair, ())[0]
            if have.dtype != want.dtype:
                continue
            result = b.apply(head, *pair)
            if b.shapes.same_shape(have.shape, want.shape):
                return result.symbol
            if head != "where":
                return op.broadcast_to(result, shape=want.shape).symbol
        return None

    return rewrite


for _head in ("multiply", "divide", "add", "subtract", "where"):
    rule(_head, "f(copies of s, x) = f(s, x)", "broadcast_to", "expand_dims")(_copy_dropped(_head))


@rule("broadcast_to", "a copy of a copy is a copy")
def _copy(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    (shape,) = settings
    (x,) = xs
    if b.shapes.same_shape(b.aval(x).shape, shape):
        return x
    source = source_of_copies(b, x)
    if source is not None:
        return op.broadcast_to(value_of(b, source), shape=shape).symbol
    row = b.new(x, "expand_dims")
    if row is not None and row.setting("axis") == tuple(range(len(row.setting("axis")))):
        return op.broadcast_to(value_of(b, row.operands[0]), shape=shape).symbol
    return None


@rule("sum", "sum of copies of s = count s", "broadcast_to")
def _sum_of_copies(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    axis, keepdims = settings
    row = b.new(xs[0], "broadcast_to")
    if row is None:
        return None
    shape, source = row.setting("shape"), value_of(b, row.operands[0])
    lead = len(shape) - source.ndim
    copied = [k for k in axis if k < lead or is_one(source.shape[k - lead])]
    if not copied:
        return None
    count = size_value(b, product(shape[k] for k in copied))
    rest = tuple(k - lead for k in axis if k not in copied)
    inner = op.sum(source, axis=rest, keepdims=True) if rest else source
    gone = tuple(k - lead for k in axis if k >= lead)
    if gone and not keepdims:
        inner = op.squeeze(inner, axis=gone)
    want = b.infer(OPS["sum"], xs, settings)[0]
    is_count = inner.literal == 1 and isinstance(count, Value)
    total = count if is_count else count * inner
    return op.broadcast_to(not_weak(b, total, want), shape=want.shape).symbol


# --- sums ------------------------------------------------------------------------------------


@rule("sum", "sum(-x) = -sum(x),  sum(s x) = s sum(x) where the user has x")
def _sum_linear(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    axis, keepdims = settings
    if not axis:
        return xs[0]
    inner = sign_to_move(b, xs[0])
    if inner is not None:
        return (-op.sum(value_of(b, inner), axis=axis, keepdims=keepdims)).symbol
    scaled = scalar_and_array(b, xs[0])
    if scaled is not None:
        s, z = (value_of(b, v) for v in scaled)
        if z.dtype.kind == "f" and z.symbol in b.own:
            return (s * op.sum(z, axis=axis, keepdims=keepdims)).symbol
    return None


@rule(
    "sum", "sum(c x + v at one element a row) = c sum(x) + v, where sum(x) is known",
    "multiply", "add_at",
)  # fmt: skip
def _sum_of_known(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    """Use a sum that is there already: of a softmax's rows, which come to 1."""
    axis, keepdims = settings
    source, added = xs[0], None
    row = b.new(source, "add_at")
    if row is not None:
        added = _one_a_row(b, row, axis)
        source = row.operands[0]
        if added is None:
            return None
    product = b.new(source, "multiply")
    for c, x in (product.operands, product.operands[::-1]) if product is not None else ():
        total = _known_sum(b, c, x, axis)
        if total is not None:
            total = total if added is None else total + added
            return (op.expand_dims(total, axis=axis) if keepdims else total).symbol
    return None


def _known_without_axes(head: str) -> Rewrite:
    def rewrite(
        b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
    ) -> Operand | None:
        axis, keepdims = settings
        known = b.known(head, xs, (axis, False)) if keepdims else None
        if known is None or not b.aval(known).shape:
            return None
        return op.expand_dims(value_of(b, known), axis=axis).symbol

    return rewrite


for _head in ("mean", "max", "min"):
    rule(_head, "f(x, keepdims) = f(x)[..., None], where f(x) is known")(_known_without_axes(_head))


def _known_sum(b: Simplifier, c: Operand, x: Operand, axis: tuple[int, ...]) -> Value | None:
    """Return c sum(x) without the summed axes, if sum(x) is bound and c does not vary on them."""
    row = b.definition(c)
    if row is None or row.name != "expand_dims" or row.setting("axis") != axis:
        return None
    if b.aval(c).ndim != b.aval(x).ndim:
        return None
    total = b.known("sum", (x,), (axis, False))
    return value_of(b, row.operands[0]) * value_of(b, total) if total is not None else None


def _one_a_row(b: Simplifier, row: Op, axis: tuple[int, ...]) -> Value | None:
    """Return what ``row`` adds to one element of each line along ``axis`` of a matrix, or None."""
    base, value = (value_of(b, v) for v in row.operands[:2])
    return value if value.dtype == base.dtype and is_once_a_line(b, row, axis) else None


@rule("sum", "sum over a new axis of size 1 = the array", "expand_dims")
def _sum_of_expanded(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    axis, keepdims = settings
    row = b.new(xs[0], "expand_dims")
    if row is not None and row.setting("axis") == axis:
        return xs[0] if keepdims else row.operands[0]
    return None


@rule("sum", "sum_n a_n b_nd = b^T a", "multiply")
def _sum_of_product(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    axis, keepdims = settings
    row = b.sole(xs[0], "multiply")
    if row is None:
        return None
    if any(b.aval(x).dtype.kind != "f" for x in row.operands):
        return None
    first, second = (value_of(b, x) for x in row.operands)
    # NumPy adds up rows of single precision more exactly than einsum.
    row_by_row = first.dtype == np.float64
    total = sum_of_product(first, second, axis, keepdims, row_by_row)
    return total.symbol if total is not None else None


# --- axes ------------------------------------------------------------------------------------


def _scalar_out_of(head: str) -> Rewrite:
    def rewrite(
        b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
    ) -> Operand | None:
        named = dict(zip(OPS[head].params, settings, strict=True))
        inner = sign_to_move(b, xs[0])
        if inner is not None:
            return (-b.apply(head, inner, **named)).symbol
        scaled = scalar_and_array(b, xs[0])
        if scaled is not None:
            s, z = (value_of(b, v) for v in scaled)
            return (s * b.apply(head, z, **named)).symbol
        return None

    return rewrite


for _head in ("transpose", "reshape", "expand_dims", "squeeze"):
    rule(_head, "f(s x) = s f(x)")(_scalar_out_of(_head))


@rule("transpose", "(x^T)^T = x")
def _transposed(
    b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]
) -> Operand | None:
    (axes,) = settings
    if axes == tuple(range(len(axes))):
        return xs[0]
    row = b.definition(xs[0])
    if row is not None and row.name == "transpose":
        inner = row.setting("axes")
        return op.transpose(value_of(b, row.operands[0]), axes=tuple(inner[k] for k in axes)).symbol
    row = b.sole(xs[0], "contract")
    if row is not None:
        out = row.setting("out")
        factors = [value_of(b, x) for x in row.operands]
        return contract(factors, row.setting("terms"), tuple(out[k] for k in axes)).symbol
    return None


@rule("reshape", "reshape(reshape(x)) = reshape(x)")
def _reshaped(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    (shape,) = settings
    if b.shapes.same_shape(b.aval(xs[0]).shape, shape):
        return xs[0]
    row = b.definition(xs[0])
    if row is not None and row.name in ("reshape", "expand_dims", "squeeze"):
        return op.reshape(value_of(b, row.operands[0]), shape=shape).symbol
    row = b.sole(xs[0], "sum")
    if row is not None and row.setting("keepdims"):
        flat = op.sum(value_of(b, row.operands[0]), axis=row.setting("axis"), keepdims=False)
        return op.reshape(flat, shape=shape).symbol
    source = source_of_copies(b, xs[0])
    if source is not None and is_scalar(b, source):
        return op.broadcast_to(value_of(b, source), shape=shape).symbol
    return None


@rule("add", "reshape(x) + reshape(y) = reshape(x + y)", "reshape")
def _sum_of_reshaped(b: Simplifier, xs: tuple[Operand, ...], _: Any) -> Operand | None:
    one, two = (b.sole(x, "reshape") for x in xs)
    if one is None or two is None or one.setting("shape") != two.setting("shape"):
        return None
    inside = [value_of(b, row.operands[0]) for row in (one, two)]
    if not b.shapes.same_shape(inside[0].shape, inside[1].shape):
        return None
    return op.reshape(inside[0] + inside[1], shape=one.setting("shape")).symbol


@rule("expand_dims", "expand(sum(x)) = sum(x, keepdims)")
def _expanded(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    (axis,) = settings
    if not axis:
        return xs[0]
    row = b.definition(xs[0])
    if row is not None and row.name == "squeeze" and row.setting("axis") == axis:
        return row.operands[0]
    row = b.sole(xs[0], "sum")
    if row is not None and row.setting("axis") == axis and not row.setting("keepdims"):
        return op.sum(value_of(b, row.operands[0]), axis=axis, keepdims=True).symbol
    source = source_of_copies(b, xs[0])
    if source is not None and is_scalar(b, source):
        shape = b.infer(OPS["expand_dims"], xs, settings)[0].shape
        return op.broadcast_to(value_of(b, source), shape=shape).symbol
    return None


@rule("squeeze", "squeeze(s x[:, None]) = s x,  squeeze(sum(x, keepdims)) = sum(x)")
def _squeezed(b: Simplifier, xs: tuple[Operand, ...], settings: tuple[Any, ...]) -> Operand | None:
    (axis,) = settings
    product = b.new(xs[0], "multiply")
    if product is not None and is_scalar(b, product.operands[0]):
        s, x = (value_of(b, v) for v in product.operands)
        row = b.definition(x.symbol)
        if row is not None and row.name == "expand_dims" and row.setting("axis") == axis:
            return (s * value_of(b, row.operands[0])).symbol
    row = b.definition(xs[0])
    if row is not None and row.name == "expand_dims" and row.setting("axis") == axis:
        return row.operands[0]
    row = b.sole(xs[0], "sum")
    if row is not None and row.setting("axis") == axis and row.setting("keepdims"):
        return op.sum(value_of(b, row.operands[0]), axis=axis, keepdims=False).symbol
    source = source_of_copies(b, xs[0])
    if source is not None and is_scalar(b, source):
        shape = b.infer(OPS["squeeze"], xs, settings)[0].shape
        return op.broadcast_to(value_of(b, source), shape=shape).symbol
    return None
