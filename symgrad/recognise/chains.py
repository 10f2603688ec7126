"""The law of chains of products: they are multiplied in the order that costs least.

``A @ B @ x`` is ``A @ (B @ x)``, and a sum is taken before the matrix is met: ``sum(A @ B)`` is
``A.sum(axis=0) @ B.sum(axis=1)``.  Given a builder and the operands of an op, the law returns
what takes the place of its result, or None.  Invariant: what is read twice or has a name stays,
and sizes that the user's products compare are still compared by products.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.dims import Size
from symgrad.graph import Operand, Value
from symgrad.ops.contraction import Labels, contract, is_matrix_product
from symgrad.ops.reductions import count
from symgrad.ops.table import normal_axes, op
from symgrad.recognise.products import fused
from symgrad.recognise.reading import Operands
from symgrad.recognise.recogniser import Recogniser
from symgrad.recognise.rule import Rule

LONGEST = 6  # factors of a chain: the orders to compare are 3 to that power
GAIN = 0.8  # another order than the user's must cost less than this part of it
ASSUMED = 64  # the size of an axis without an example, and of every one in a second comparison
FEW = 8  # a smaller example says nothing of the sizes that the code is for

Cost = Callable[[Iterable[int]], float]  # products that are added up in a step over labels


@dataclass(frozen=True, slots=True)
class Order:
    """How to multiply some factors: one of them, or two parts.

    ``over`` holds the labels that the last step runs over, none where nothing is calculated, and
    ``kept`` those of its result.
    """

    factor: int
    parts: tuple[Order, ...]
    over: frozenset[int]
    kept: frozenset[int]

    def cost(self, cost: Cost) -> float:
        own = cost(self.over) if self.over else 0.0
        return own + sum(part.cost(cost) for part in self.parts)


def _products(b: Recogniser, operands: Operands, settings: Any) -> Operand | None:
    terms, out = settings
    is_plain = is_matrix_product(terms, out)
    found = _cheapest(b, list(zip(operands, terms, strict=True)), out) if is_plain else None
    return found.symbol if found is not None else None


def _sum(b: Recogniser, operands: Operands, settings: Any) -> Operand | None:
    total = _sum_of_products(b, operands[0], *settings)
    return total.symbol if total is not None else None


def _mean(b: Recogniser, operands: Operands, settings: Any) -> Operand | None:
    total = _sum_of_products(b, operands[0], *settings)
    return (total / count(b.wrap(operands[0]), settings[0])).symbol if total is not None else None


def _sum_of_products(b: Recogniser, x: Operand, axis: Any, keepdims: bool) -> Value | None:
    term = tuple(range(len(b.aval(x).shape)))
    axes = normal_axes(axis, len(term))
    if keepdims or not axes:
        return None
    return _cheapest(b, [(x, term)], tuple(k for k in term if k not in axes))


# --- the chain --------------------------------------------------------------------------------


def _cheapest(b: Recogniser, factors: list[tuple[Operand, Labels]], out: Labels) -> Value | None:
    """Return the product in the order that costs least, or None where that gains little."""
    steps = [_labels(factors)]  # what each step of the user's own order runs over
    fresh = itertools.count(1 + max(steps[0], default=0))
    while len(factors) < LONGEST:
        link = next((k for k, (x, _) in enumerate(factors) if _is_link(b, x)), None)
        if link is None:
            break
        inside = _inside(b, *factors[link], fresh)
        steps.append(_labels(inside))
        factors[link : link + 1] = inside
    factors = [_untransposed(b, x, term) for x, term in factors]
    if len(steps) < 2 or len({b.aval(x).dtype for x, _ in factors}) > 1:
        return None
    if b.aval(factors[0][0]).dtype.kind != "f":
        return None  # a product of integers wraps around, and a sum of its factors does not
    sizes = {
        label: size
        for x, term in factors
        for label, size in zip(term, b.aval(x).shape, strict=True)
    }
    costs = _costs(b, sizes)
    written = [sum(map(cost, steps)) for cost in costs]
    for cost in costs:
        order = _order(factors, out, cost)
        paid = [order.cost(c) / before for c, before in zip(costs, written, strict=True)]
        if max(paid) <= 1 and min(paid) < GAIN:
            return _multiplied(b, order, factors, out)[0]
    return None


def _is_link(b: Recogniser, x: Operand) -> bool:
    """Return whether ``x`` is a product of two factors that only its one reader sees."""
    row = b.definition(x)
    if row is None or row.name != "contract" or not b.is_passing(x):
        return False
    return is_matrix_product(row.setting("terms"), row.setting("out"))


def _inside(
    b: Recogniser, x: Operand, term: Labels, fresh: Iterable[int]
) -> list[tuple[Operand, Labels]]:
    row = b.definition(x)
    assert row is not None
    name = dict(zip(row.setting("out"), term, strict=True))
    for label in itertools.chain(*row.setting("terms")):
        if label not in name:
            name[label] = next(iter(fresh))
    terms = [tuple(name[label] for label in t) for t in row.setting("terms")]
    return list(zip(row.operands, terms, strict=True))


def _untransposed(b: Recogniser, x: Operand, term: Labels) -> tuple[Operand, Labels]:
    row = b.definition(x)
    if row is None or row.name != "transpose" or x in b.notes.names:
        return x, term
    axes = row.setting("axes")
    return row.operands[0], tuple(term[axes.index(k)] for k in range(len(axes)))


def _labels(factors: Iterable[tuple[Operand, Labels]]) -> frozenset[int]:
    return frozenset(label for _, term in factors for label in term)


def _costs(b: Recogniser, sizes: Mapping[int, Size]) -> list[Cost]:
    """Return the cost of a step over some labels: by the example, and where all dims are alike."""
    example = {k: max(b.shapes.value(size) or ASSUMED, FEW) for k, size in sizes.items()}
    alike = {k: size if isinstance(size, int) else ASSUMED for k, size in sizes.items()}
    return [functools.partial(_volume, by) for by in (example, alike)]


def _volume(sizes: Mapping[int, int], labels: Iterable[int]) -> float:
    return float(math.prod(sizes[k] for k in labels))


def _order(factors: Sequence[tuple[Operand, Labels]], out: Labels, cost: Cost) -> Order:
    """Return the cheapest order: of every set of factors, the best way to halve it."""
    everything = (1 << len(factors)) - 1
    inside = [frozenset(term) for _, term in factors]
    labels = [
        frozenset[int]().union(*(t for k, t in enumerate(inside) if chosen >> k & 1))
        for chosen in range(everything + 1)
    ]
    best: dict[int, tuple[float, Order]] = {}
    for chosen in range(1, everything + 1):
        kept = labels[chosen] & (labels[everything ^ chosen] | frozenset(out))
        if chosen & (chosen - 1) == 0:
            over = labels[chosen] if kept != labels[chosen] else frozenset()
            one = Order(chosen.bit_length() - 1, (), over, kept)
            best[chosen] = one.cost(cost), one
            continue
        half = (chosen - 1) & chosen
        while 2 * half > chosen:  # each pair of halves once
            (first, one), (second, two) = best[chosen ^ half], best[half]
            joined = Order(-1, (one, two), one.kept | two.kept, kept)
            paid = first + second + cost(joined.over) if _compares(one, two, kept) else math.inf
            if chosen not in best or paid < best[chosen][0]:
                best[chosen] = paid, joined
            half = (half - 1) & chosen
    return best[everything][1]


def _compares(one: Order, two: Order, kept: frozenset[int]) -> bool:
    """Return whether a product compares the sizes it sums over: elementwise and vdot do not."""
    shared = one.kept & two.kept
    return not shared or (not shared <= kept and bool(kept or len(shared) == 1))


def _summed(b: Recogniser, x: Operand, axes: tuple[int, ...]) -> Value:
    if not axes:
        return b.wrap(x)
    total = fused(b, x, axes, False)
    return op.sum(b.wrap(x), axis=axes, keepdims=False) if total is None else total


def _multiplied(
    b: Recogniser, order: Order, factors: Sequence[tuple[Operand, Labels]], out: Labels
) -> tuple[Value, Labels]:
    if not order.parts:
        x, term = factors[order.factor]
        gone = tuple(k for k, label in enumerate(term) if label not in order.kept)
        return _summed(b, x, gone), tuple(label for label in term if label in order.kept)
    pairs = [_multiplied(b, part, factors, ()) for part in order.parts]
    have = dict.fromkeys(itertools.chain(*(term for _, term in pairs)))
    wanted = out if set(out) == order.kept else tuple(k for k in have if k in order.kept)
    return contract([x for x, _ in pairs], [term for _, term in pairs], wanted), wanted


EARLY = "the sum of a product is taken before the matrices meet"
RULES = (
    Rule("(A B) C = A (B C), in the cheapest order", "contract", _products, "rounding",
         "the chain is multiplied in the order with the fewest products"),
    Rule("sum(A B) = sum(A, rows) sum(B, columns)", "sum", _sum, "rounding", EARLY),
    Rule("mean(A B) = sum(A, rows) sum(B, columns) / n", "mean", _mean, "rounding", EARLY),
)  # fmt: skip
