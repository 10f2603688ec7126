"""The Einstein contraction behind ``@``, dot, inner, outer, tensordot, trace and einsum.

One op, one vjp; how it is spelled (``@``, ``.T``, ``np.outer``, ``np.tensordot`` ...) is
decided when the text is made.  Labels are small ints: ``terms=((0, 1), (1, 2)), out=(0, 2)``.
"""

from __future__ import annotations

import functools
import itertools
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad import notation as maths
from symgrad.dims import Shapes, Size, product
from symgrad.errors import ShapeError, TraceError
from symgrad.graph import Aval, Sym, Value
from symgrad.ops.table import (
    ATOM,
    MATMUL,
    accept,
    array_aval,
    builder_of,
    indexed,
    normal_axis,
    op,
    promoted,
    structural,
)

Labels = tuple[int, ...]
DEEPEST = 8  # steps back to where an array was made


def _aval(shapes: Shapes, *xs: Aval, terms: tuple[Labels, ...], out: Labels) -> Aval:
    sizes: dict[int, Size] = {}
    checked = compares_sizes(terms, out)
    for x, term in zip(xs, terms, strict=True):
        for label, size in zip(term, x.shape, strict=True):
            known = sizes.get(label)
            sizes[label] = size if known is None else shapes.unify(known, size, checked=checked)
    return array_aval(tuple(sizes[label] for label in out), promoted(*xs))


def compares_sizes(terms: Sequence[Labels], out: Labels) -> bool:
    """Return whether NumPy fails by itself where sizes differ: `@` of vectors and matrices does.

    `vdot` compares the number of elements only, `einsum` broadcasts, `trace` takes any matrix.
    """
    return is_matrix_product(terms, out) and not set(terms[0]).isdisjoint(terms[1])


def is_matrix_product(terms: Sequence[Labels], out: Labels) -> bool:
    """Return whether `@` or `np.outer` computes it from vectors and matrices."""
    if len(terms) != 2 or any(len(t) > 2 or len(set(t)) < len(t) for t in terms):
        return False
    shared = set(terms[0]) & set(terms[1])
    return len(shared) <= 1 and shared.isdisjoint(out)


def contract(operands: Sequence[Any], terms: Sequence[Labels], out: Labels) -> Value:
    """Contract, in the plainest ops that do it.

    A label that only one operand has is summed first; one operand alone is a transpose; a
    product without sums is a multiplication, except for the outer product of two vectors.
    """
    pairs = [(x, tuple(t)) for x, t in zip(operands, terms, strict=True)]
    pairs = [_sum_private(i, pairs, out) for i in range(len(pairs))]
    scalars = [x for x, t in pairs if not t]
    arrays = [(x, t) for x, t in pairs if t]
    result: Value = _contract_arrays(arrays, out) if arrays else scalars.pop()
    for x in reversed(scalars):
        result = x * result
    return result


def sum_of_product(
    a: Value, b: Value, axes: Labels, keepdims: bool, row_by_row: bool = True
) -> Value | None:
    """Return ``sum(a * b, axes)`` as one contraction, which makes no array of products.

    None is returned where that would be no contraction (an axis that only one of them has), or,
    without ``row_by_row``, no product of matrices (an axis of both that stays).
    """
    ndim = max(a.ndim, b.ndim)
    left, right = _without_ones(a, ndim), _without_ones(b, ndim)
    if left is None or right is None:
        return None
    shared, labels = set(left[1]) & set(right[1]), {*left[1], *right[1]}
    out = tuple(k for k in range(ndim) if k in labels and k not in axes)
    if not labels & set(axes) <= shared or not (row_by_row or shared.isdisjoint(out)):
        return None
    total = contract([left[0], right[0]], [left[1], right[1]], out)
    kept = [k for k in range(ndim) if keepdims or k not in axes]
    ones = tuple(n for n, k in enumerate(kept) if k not in out)
    if not ones:
        return total
    if not total.ndim:
        return op.broadcast_to(total, shape=(1,) * len(ones))
    return op.expand_dims(total, axis=ones)


def _without_ones(x: Value, ndim: int) -> tuple[Value, Labels] | None:
    """Return an array without its axes of size 1, and the labels of the axes that stay."""
    ones = tuple(k for k, size in enumerate(x.shape) if isinstance(size, int) and size == 1)
    labels = tuple(ndim - x.ndim + k for k in range(x.ndim) if k not in ones)
    if not labels:
        return None
    if not ones:
        return x, labels
    row = x.builder.definition(x.symbol)
    if row is not None and row.name == "expand_dims" and row.setting("axis") == ones:
        return x.builder.wrap(row.operands[0]), labels
    return op.squeeze(x, axis=ones), labels


def _sum_private(i: int, pairs: list[tuple[Any, Labels]], out: Labels) -> tuple[Any, Labels]:
    x, term = pairs[i]
    others = {label for j, (_, t) in enumerate(pairs) if j != i for label in t}
    private = [
        k
        for k, label in enumerate(term)
        if term.count(label) == 1 and label not in others and label not in out
    ]
    if not private:
        return x, term
    rest = tuple(label for k, label in enumerate(term) if k not in private)
    return op.sum(x, axis=tuple(private), keepdims=False), rest


def _contract_arrays(arrays: list[tuple[Any, Labels]], out: Labels) -> Any:
    repeated = any(len(set(t)) < len(t) for _, t in arrays)
    if len(arrays) == 1 and not repeated:
        x, term = arrays[0]
        return op.transpose(x, axes=tuple(term.index(label) for label in out))
    labels = {label for _, t in arrays for label in t}
    is_outer = [len(t) for _, t in arrays] == [1, 1] and len(out) == 2
    if not repeated and labels == set(out) and not is_outer:
        return _multiply(arrays, out)
    number = {label: i for i, label in enumerate(dict.fromkeys(_chain(arrays)))}
    if any(_is_made(x) for x, _ in arrays):
        with arrays[0][0].builder.shapes.comparing_nothing():
            return _bound(arrays, number, out)
    return _bound(arrays, number, out)


def _is_made(x: Any) -> bool:
    """Return whether an array has a size that it was given, not one that it brings along."""
    for _ in range(DEEPEST):
        row = x.builder.definition(x.symbol)
        if row is None or not row.operands:
            return row is not None
        if row.name in ("broadcast_to", "put_at", "full_like"):
            return True
        x = x.builder.wrap(row.operands[0])
        if x.literal is not None:
            return False
    return False


def _bound(arrays: list[tuple[Any, Labels]], number: Mapping[int, int], out: Labels) -> Any:
    return op.contract(
        *[x for x, _ in arrays],
        terms=tuple(tuple(number[label] for label in t) for _, t in arrays),
        out=tuple(number[label] for label in out),
    )


def _chain(arrays: list[tuple[Any, Labels]]) -> Iterable[int]:
    return itertools.chain.from_iterable(t for _, t in arrays)


def _multiply(arrays: list[tuple[Any, Labels]], out: Labels) -> Any:
    total = None
    for x, term in arrays:
        here = [label for label in out if label in term]
        x = op.transpose(x, axes=tuple(term.index(label) for label in here))
        missing = tuple(k for k, label in enumerate(out) if label not in term)
        leading = 0
        while leading in missing:
            leading += 1
        missing = missing[leading:]
        if missing:
            x = op.expand_dims(x, axis=tuple(k - leading for k in missing))
        total = x if total is None else total * x
    return total


@indexed
def _vjp(i: int, ct: Value, y: Value, *xs: Value, terms: tuple[Labels, ...], out: Labels) -> Any:
    """Contract the cotangent with the other operands onto the labels of operand ``i``.

    M. Giles, "An extended collection of matrix derivative results" (2008), section 2.2, in
    index form.  Labels that only this operand had are copied back; a repeated label is a
    diagonal, reached through the identity matrix.
    """
    x, term = xs[i], terms[i]
    fresh = itertools.count(1 + max(itertools.chain((0,), *terms)))
    operands = [ct, *[other for j, other in enumerate(xs) if j != i]]
    labels = [out, *[t for j, t in enumerate(terms) if j != i]]
    target: list[int] = []
    for axis, label in enumerate(term):
        if label in target:
            twin = next(fresh)
            size = x.shape[axis]
            operands.append(op.eye(n=size, m=size, k=0, dtype=x.dtype.name))
            labels.append((label, twin))
            label = twin
        target.append(label)
    available = set(itertools.chain(*labels))
    missing = tuple(k for k, label in enumerate(target) if label not in available)
    value = contract(operands, labels, tuple(label for label in target if label in available))
    if not missing:
        return value
    if value.ndim:
        value = op.expand_dims(value, axis=missing)
    return op.broadcast_to(value, shape=x.shape)


# --- spelling ---------------------------------------------------------------------------------


def letters(terms: Sequence[Labels], out: Labels) -> str:
    """Return the subscripts as einsum writes them."""
    alphabet = dict.fromkeys("ijklmn" + string.ascii_letters[::-1])
    names = dict(zip(dict.fromkeys(itertools.chain(*terms)), alphabet, strict=False))
    left = ",".join("".join(names[label] for label in t) for t in terms)
    return f"{left}->{''.join(names[label] for label in out)}"


def _einsum(s: Any, terms: Sequence[Labels], out: Labels) -> str:
    path = ", optimize=True" if len(terms) > 2 else ""
    operands = ", ".join(str(s[k]) for k in range(len(terms)))
    return f'{s.np}.einsum("{letters(terms, out)}", {operands}{path})'


def _spell(s: Any) -> Any:
    terms, out = s["terms"], s["out"]
    if terms == ((0, 0),) and not out:
        return f"{s.np}.trace({s[0]})"
    if len(terms) != 2 or any(len(set(t)) < len(t) for t in terms):
        return _einsum(s, terms, out)
    a, b = terms
    shared = [label for label in a if label in b]
    batch = tuple(label for label in shared if label in out)
    summed = tuple(label for label in shared if label not in out)
    left = tuple(label for label in a if label not in b)
    right = tuple(label for label in b if label not in a)
    if batch:
        return _batched(s, batch, left, summed, right)
    if not summed:
        return _outer(s, left, right)
    if len(summed) == 1 and len(left) <= 1 and len(right) <= 1:
        return _matrix_product(s, left, summed, right)
    stacked = a[-1:] == summed and b == summed + right and out == left + right
    if len(summed) == 1 and len(right) <= 1 and stacked:  # @ sums a stack's last axis but one
        return f"{s[0]:@} @ {s[1]:8}", MATMUL
    if not out and a == b:
        return f"{s.np}.vdot({s[0]}, {s[1]})"
    if not out and len(a) == 2 and a == b[::-1]:
        return f"{s.np}.vdot({s[0]}, {s[1]:10}.T)"  # tensordot would give an array, no number
    return _tensordot(s, left, summed, right)


def _outer(s: Any, left: Labels, right: Labels) -> Any:
    name = "outer" if len(left) == len(right) == 1 else "multiply.outer"
    first, second = (0, 1) if s["out"] == left + right else (1, 0)
    text = f"{s.np}.{name}({s[first]}, {s[second]})"
    result = left + right if first == 0 else right + left
    return _permuted(text, result, s["out"])


def _permuted(text: str, have: Labels, want: Labels) -> str:
    if have == want:
        return text
    if len(have) == 2:
        return f"{text}.T"
    return f"{text}.transpose({', '.join(str(have.index(label)) for label in want)})"


def _matrix_product(s: Any, left: Labels, summed: Labels, right: Labels) -> Any:
    # A matrix comes before a vector, as people write it: X.T @ v, not v @ X.
    first, second = (0, left, right), (1, right, left)
    if (not left and right) or (right and s["out"] == right + left):
        first, second = second, first
    return (
        f"{_matrix(s, first[0], first[1] + summed):@} @ "
        f"{_matrix(s, second[0], summed + second[1]):8}",
        MATMUL,
    )


def _matrix(s: Any, k: int, want: Labels) -> Any:
    return s[k] if s["terms"][k] == want else s.text(f"{s[k]:10}.T")


def _tensordot(s: Any, left: Labels, summed: Labels, right: Labels) -> Any:
    a, b = s["terms"]
    first, second = (0, 1) if s["out"] != right + left else (1, 0)
    axes = [[t.index(label) for label in summed] for t in (a, b)]
    have = left + right if first == 0 else right + left
    text = f"{s.np}.tensordot({s[first]}, {s[second]}, axes=({axes[first]}, {axes[second]}))"
    return _permuted(text, have, s["out"])


def _batched(s: Any, batch: Labels, left: Labels, summed: Labels, right: Labels) -> Any:
    if not len(left) == len(right) == len(summed) == 1:
        return _einsum(s, s["terms"], s["out"])
    first, second, have = (0, left), (1, right), batch + left + right
    if s["out"] == batch + right + left:
        first, second, have = second, first, s["out"]
    text = (
        f"{_stack(s, first[0], batch + first[1] + summed):@} @ "
        f"{_stack(s, second[0], batch + summed + second[1]):8}"
    )
    if have == s["out"]:
        return text, MATMUL
    return _permuted(f"({text})", have, s["out"])


def _stack(s: Any, k: int, want: Labels) -> Any:
    have = s["terms"][k]
    if have == want:
        return s[k]
    if have == (*want[:-2], want[-1], want[-2]):
        return s.text(f"{s[k]:10}.swapaxes(-1, -2)")
    return s.text(f"{s[k]:10}.transpose({', '.join(str(have.index(label)) for label in want)})")


# --- mathematics ------------------------------------------------------------------------------


def _blackboard(s: Any) -> maths.Math:
    """Write a product of matrices if it is one, else the sum over its labels."""
    terms, out = s["terms"], s["out"]
    try:
        if terms == ((0, 0),) and not out:
            return maths.apply("tr", s.whole(0, True))
        if is_matrix_product(terms, out):
            return s.of_whole(_matrices(s, terms, out))  # type: ignore[no-any-return]
    except maths.NeedsIndices:
        pass
    given = dict(zip(out, s.needs_indices(), strict=True))
    sizes: dict[int, Size] = {}
    for k, term in enumerate(terms):
        sizes.update(zip(term, s.aval(k).shape, strict=True))
    summed = [label for label in sizes if label not in given]
    new = dict(zip(summed, s.fresh([sizes[label] for label in summed]), strict=True))
    given |= new
    factors = [s.element(k, [given[label] for label in term]) for k, term in enumerate(terms)]
    if len(factors) == 2 and factors[0] == factors[1]:
        body = maths.power(factors[0], maths.Number(2))
    else:
        body = functools.reduce(maths.times, factors)
    letters = [(index, sizes[label]) for label, index in new.items() if index is not None]
    return s.over(maths.Sign("∑"), letters, body)  # type: ignore[no-any-return]


def _rule(rhs: Any, k: int) -> str:
    terms, out = rhs.setting("terms"), rhs.setting("out")
    if len(terms) == 1:
        return "a trace goes back along the diagonal"
    if len(terms) > 2:
        return f"adjoint of a contraction: factor {k + 1}"
    side = ("left", "right")[k]
    if not out:
        return f"product rule of the inner product: {side} factor"
    if [len(t) for t in terms] == [1, 1]:
        return f"adjoint of an outer product: {side} factor"
    is_product = is_matrix_product(terms, out)
    return f"adjoint of a {'matrix product' if is_product else 'contraction'}: {side} factor"


def _matrices(s: Any, terms: Sequence[Labels], out: Labels) -> maths.Math:
    a, b = terms
    shared = [label for label in a if label in b]
    if not shared and len(a) == len(b) == 1:
        first, second = (0, 1) if out == a + b else (1, 0)
        return maths.times(s.whole(first, True), maths.turned(s.whole(second, True)))
    if not shared:
        raise maths.NeedsIndices
    summed = (shared[0],)
    left, right = (tuple(label for label in t if label not in summed) for t in terms)
    if not left and not right:
        return maths.Product((maths.turned(s.whole(0, True)), s.whole(1, True)), is_number=True)
    one, two = (0, left), (1, right)
    if not left or out == right + left != left:
        one, two = two, one
    return maths.times(_turned(s, one[0], one[1] + summed), _turned(s, two[0], summed + two[1]))


def _turned(s: Any, k: int, want: Labels) -> maths.Math:
    return s.whole(k, True) if s["terms"][k] == want else maths.turned(s.whole(k, True))


def _only_moves_axes(avals: Sequence[Aval], settings: Any) -> bool:
    """Return whether nothing is summed or multiplied: a diagonal or a transpose is a view."""
    terms, out = settings
    return len(terms) == 1 and set(terms[0]) <= set(out)


def _flops(
    shapes: Shapes, xs: Sequence[Aval], y: Aval, terms: tuple[Labels, ...], out: Labels
) -> Size:
    # One loop over all labels: its products, and an addition where a label is summed.
    sizes = dict(zip(itertools.chain(*terms), (size for x in xs for size in x.shape), strict=True))
    each = len(terms) - 1 + int(not sizes.keys() <= set(out))
    return each * product(sizes.values())


structural(
    "contract", "Einstein contraction: products summed over shared labels.",
    rule=lambda rhs, k: _rule(rhs, k),
    params=("terms", "out"), aval=_aval, vjp=_vjp, numpy=_spell, notation=lambda s: _blackboard(s),
    source="Giles 2008, section 2.2", cost="contraction", view=_only_moves_axes, flops=_flops,
)  # fmt: skip

# --- NumPy's functions ------------------------------------------------------------------------


def _own_spelling(
    value: Any, operands: Sequence[Any], template: str, precedence: float = ATOM
) -> Any:
    """Keep the user's way to write a contraction, for as long as no law touches it."""
    if isinstance(value.symbol, Sym):
        row = value.builder.definition(value.symbol)
        given = tuple(x.symbol for x in operands)
        if row is not None and row.name == "contract" and row.operands == given:
            value.builder.notes.spellings.setdefault(value.symbol, (template, precedence))
    return value


@accept(np.matmul)
def matmul(a: Any, b: Any) -> Any:
    a, b = _as_values(a, b)
    if not a.ndim or not b.ndim:
        raise ShapeError("matmul needs arrays, not scalars: use `*`")
    width = max(a.ndim, b.ndim, 2) - 2
    i, k, j = width, width + 1, width + 2
    batches = [tuple(range(width - (x.ndim - 2), width)) for x in (a, b)]
    plain = [a, b]
    a_term = (*batches[0], i, k) if a.ndim > 1 else (k,)
    b_term = (*batches[1], k, j) if b.ndim > 1 else (k,)
    (a, a_term), (b, b_term) = _drop_ones(a, a_term, b, b_term, width)
    batch = tuple(n for n in range(width) if n in a_term or n in b_term)
    out = (*batch, *((i,) if i in a_term else ()), *((j,) if j in b_term else ()))
    value = contract([a, b], [a_term, b_term], out)
    if a is not plain[0] or b is not plain[1]:
        shape = _matmul_shape(plain, width)
        return op.reshape(value, shape=shape) if value.ndim != len(shape) else value
    return _own_spelling(value, plain, "{0:@} @ {1:8}", MATMUL)


def _drop_ones(
    a: Any, a_term: Labels, b: Any, b_term: Labels, width: int
) -> tuple[tuple[Any, Labels], tuple[Any, Labels]]:
    # A batch axis of size 1 broadcasts: leave its label to the other operand.
    def drop(x: Any, term: Labels, other: Labels, other_shape: Any) -> tuple[Any, Labels]:
        ones = [
            k
            for k, label in enumerate(term)
            if label < width
            and x.aval.shape[k] == 1
            and label in other
            and other_shape[other.index(label)] != 1
        ]
        if not ones:
            return x, term
        return op.squeeze(x, axis=tuple(ones)), tuple(
            label for k, label in enumerate(term) if k not in ones
        )

    return drop(a, a_term, b_term, b.aval.shape), drop(b, b_term, a_term, a.aval.shape)


def _matmul_shape(plain: list[Any], width: int) -> tuple[Size, ...]:
    a, b = plain
    batch: list[Size] = [1] * width
    for x in plain:
        for k, size in enumerate(x.aval.shape[:-2], width - (x.ndim - 2)):
            batch[k] = size if batch[k] == 1 else batch[k]
    rows = a.aval.shape[-2:-1] if a.ndim > 1 else ()
    columns = b.aval.shape[-1:] if b.ndim > 1 else ()
    return (*batch, *rows, *columns)


def _as_values(*xs: Any) -> tuple[Any, ...]:
    builder = builder_of(xs)
    return tuple(x if isinstance(x, Value) else builder.wrap(builder.operand(x)) for x in xs)


def _scaled(a: Any, b: Any) -> Any:
    # These functions make an array of a Python number: it is not weak, as it is in `a * b`.
    if promoted(a.aval, b.aval) == np.result_type(a.dtype, b.dtype):
        return a * b
    return op.multiply(*(op.astype(x, dtype=x.dtype.name) for x in (a, b)))


@accept(np.dot, method="dot")
def dot(a: Any, b: Any) -> Any:
    a, b = _as_values(a, b)
    if not a.ndim or not b.ndim:
        return _scaled(a, b)
    k = a.ndim - 1
    a_term = tuple(range(a.ndim))
    rest = tuple(range(a.ndim, a.ndim + b.ndim - 1))
    b_term = (*rest[:-1], k, *rest[-1:]) if b.ndim > 1 else (k,)
    value = contract([a, b], [a_term, b_term], (*a_term[:-1], *rest))
    return _own_spelling(value, (a, b), "{np}.dot({0}, {1})")


@accept(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    a, b = _as_values(a, b)
    a, b = (op.reshape(x, shape=(_elements(x),)) if x.ndim != 1 else x for x in (a, b))
    return _own_spelling(contract([a, b], [(0,), (0,)], ()), (a, b), "{np}.vdot({0}, {1})")


def _elements(x: Any) -> Size:
    total: Size = 1
    for size in x.aval.shape:
        total = total * size
    return total


@accept(np.inner)
def inner(a: Any, b: Any) -> Any:
    a, b = _as_values(a, b)
    if not a.ndim or not b.ndim:
        return _scaled(a, b)
    left, right = tuple(range(1, a.ndim)), tuple(range(a.ndim, a.ndim + b.ndim - 1))
    value = contract([a, b], [(*left, 0), (*right, 0)], left + right)
    return _own_spelling(value, (a, b), "{np}.inner({0}, {1})")


@accept(np.outer)
def outer(a: Any, b: Any) -> Any:
    a, b = _as_values(a, b)
    a, b = (op.reshape(x, shape=(_elements(x),)) if x.ndim != 1 else x for x in (a, b))
    return contract([a, b], [(0,), (1,)], (0, 1))


@accept(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = _as_values(a, b)
    if isinstance(axes, int):
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    pairs = [(x,) if isinstance(x, int) else tuple(x) for x in axes]
    left = [normal_axis(k, a.ndim) for k in pairs[0]]
    right = [normal_axis(k, b.ndim) for k in pairs[1]]
    if len(left) != len(right):
        raise ShapeError(f"tensordot: axes {tuple(left)} and {tuple(right)} differ in number")
    a_term = tuple(range(a.ndim))
    b_term = tuple(left[right.index(k)] if k in right else a.ndim + k for k in range(b.ndim))
    out = (*[n for n in a_term if n not in left], *[n for n in b_term if n >= a.ndim])
    value = contract([a, b], [a_term, b_term], out)
    text = f"{{np}}.tensordot({{0}}, {{1}}, axes=({left}, {right}))"
    return _own_spelling(value, (a, b), text)


@accept(np.einsum)
def einsum(subscripts: Any, *operands: Any, optimize: Any = False) -> Any:
    if not isinstance(subscripts, str):
        raise TraceError("einsum with lists of axes: write the subscripts as a string")
    operands = _as_values(*operands)
    text = subscripts.replace(" ", "")
    if not re.fullmatch(r"[A-Za-z,.]*(->[A-Za-z.]*)?", text):
        raise TraceError(f"einsum subscripts {subscripts!r} hold something that is not a letter")
    terms, out = _parse_subscripts(text, [x.ndim for x in operands])
    _refuse_narrow_sums(operands, terms, out)
    with operands[0].builder.shapes.comparing_nothing():  # einsum broadcasts an axis of size 1
        value = contract(operands, terms, out)
    path = ", optimize=True" if optimize else ""
    fields = ", ".join(f"{{{k}}}" for k in range(len(operands)))
    return _own_spelling(value, operands, f'{{np}}.einsum("{text}", {fields}{path})')


def _refuse_narrow_sums(operands: Sequence[Any], terms: Sequence[Labels], out: Labels) -> None:
    """Refuse to add up small integers along an axis that only one operand has: they wrap."""
    for k, (x, term) in enumerate(zip(operands, terms, strict=True)):
        others = {label for n, t in enumerate(terms) if n != k for label in (*t, *out)} | set(out)
        if set(term) - others and x.dtype.kind in "biu" and x.dtype.itemsize < 8:
            raise TraceError(
                f"einsum adds up {x.dtype} in {x.dtype}, which wraps around: convert the array "
                "first (x.astype(float))"
            )


def _parse_subscripts(text: str, ndims: Sequence[int]) -> tuple[list[Labels], Labels]:
    left, arrow, right = text.partition("->")
    words = left.split(",")
    if len(words) != len(ndims):
        raise ShapeError(f"einsum {text!r} names {len(words)} operands, {len(ndims)} given")
    dotted = [(w, n) for w, n in zip(words, ndims, strict=True) if "..." in w]
    widest = max((n - len(w) + 3 for w, n in dotted), default=0)
    terms = []
    for word, ndim in zip(words, ndims, strict=True):
        head, dots, tail = word.partition("...")
        extra = ndim - len(head) - len(tail)
        if extra < 0 or (extra and not dots) or "." in head + tail:
            raise ShapeError(f"einsum {text!r}: {word!r} does not fit an array with {ndim} axes")
        terms.append((*map(ord, head), *range(widest - extra, widest), *map(ord, tail)))
    if arrow:
        head, dots, tail = right.partition("...")
        return terms, (*map(ord, head), *(range(widest) if dots else ()), *map(ord, tail))
    count = [c for c in left if c.isalpha()]
    return terms, (*range(widest), *sorted(ord(c) for c in set(count) if count.count(c) == 1))


@accept(np.trace, method="trace")
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    if offset or a.ndim != 2:
        line = np.diagonal(a, offset, axis1, axis2)
        return op.sum(line, axis=(a.ndim - 2,), keepdims=False)
    return contract([a], [(0, 0)], ())
