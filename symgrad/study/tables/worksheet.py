"""Fresh numbers for a worksheet: of the same kind as the given ones, and short to work with.

Given a circuit and how it was made, return one at other arguments.  Invariant: the seed decides;
shapes, labels, counts and what must be positive stay what they are.
"""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.arguments import is_leaf
from symgrad.errors import ArgumentError, SymgradError
from symgrad.graph import Equation, Static
from symgrad.study.circuit import Circuit, circuit
from symgrad.trees import flatten

TRIES, GOOD_ENOUGH = 24, 5
WHOLE = (1.0, 2.0, 3.0, 4.0, 5.0)
HALVES = (0.5, 1.5, 2.5, *WHOLE)
PARTS = (0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.75, 0.8)
LONGEST = 8  # digits: what is longer is rounded anyway
HANDY = (1e-2, 1e4)  # between these a number is easily written down
NOT_HANDY = 20  # digits that another one counts for
NO_SLOPE = 20  # digits that a derivative of 0 counts for: it teaches little
AT_A_KINK = 50  # digits that a convention counts for, for it is no rule of the lecture


def fresh(
    given: Circuit,
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    wrt: Any,
    level: Any,
    names: Any,
    seed: int,
) -> Circuit:
    """Return the circuit at random arguments: of several tried, one of few digits.

    Floats become small whole numbers, halves, or parts of 1 where all are between 0 and 1; what
    is positive stays so.  Ints stay, unless they are in ``wrt``; an array of labels keeps its
    values in other places.

    Raises ArgumentError where the function is not finite at any that was tried.
    """
    if type(seed) is not int:
        raise ArgumentError(f"seed={seed!r}: an int, the same for the same numbers")
    source = random.Random(seed)
    bound = given.made.signature.bind(*args, **kwargs)
    tried: dict[str, tuple[float, Circuit]] = {}
    for _ in range(TRIES):
        there = {
            name: _varied(value, source, name in given.made.options.wrt)
            for name, value in bound.arguments.items()
        }
        mine = inspect.BoundArguments(bound.signature, there)
        try:
            found = circuit(fn, mine.args, mine.kwargs, wrt, level, names)
        except (SymgradError, np.linalg.LinAlgError):
            continue  # the function refuses these numbers
        length = _length(found)
        if math.isfinite(length):
            tried[repr(there)] = length, found
    if not tried:
        raise ArgumentError(
            f"{given.name} is not finite at any of {TRIES} random arguments: leave seed= away, to "
            "use the numbers that are given"
        )
    ranked = sorted(tried.values(), key=lambda pair: pair[0])
    good = [pair for pair in ranked if pair[0] < ranked[0][0] + NO_SLOPE]
    return source.choice(good[:GOOD_ENOUGH])[1]


def _varied(value: Any, source: random.Random, in_wrt: bool) -> Any:
    """Return an argument with other numbers in its places."""
    leaves, tree = flatten(value, is_leaf)
    return tree.build(iter([_leaf(leaf, source, in_wrt) for leaf in leaves]))


def _leaf(leaf: Any, source: random.Random, in_wrt: bool) -> Any:
    kind = np.asarray(leaf).dtype.kind
    if kind == "f":
        pool = _pool(np.asarray(leaf), source)
    elif type(leaf) is int and in_wrt:
        pool = [x for size in WHOLE for x in (size, -size)]
    elif kind in "iub" and np.ndim(leaf) and np.size(leaf):
        pool = np.unique(leaf).tolist()  # labels stay in range
    else:
        return leaf
    drawn = source.choices(pool, k=np.size(leaf))
    if isinstance(leaf, np.ndarray):
        return np.array(drawn, leaf.dtype).reshape(leaf.shape)
    return type(leaf)(drawn[0])


def _pool(values: np.ndarray[Any, Any], source: random.Random) -> list[float]:
    """Return the numbers to draw from for floats like these."""
    if np.all((values > 0) & (values < 1)):
        return list(PARTS)
    sizes = source.choice((WHOLE, WHOLE, HALVES))
    return list(sizes) if np.all(values > 0) else [x for size in sizes for x in (size, -size)]


def _length(found: Circuit) -> float:
    """Return how long the numbers of a circuit are to write; infinity where one is not finite."""
    numbers = [node.value for node in found.nodes]
    numbers += [edge.passed for edge in found.edges]
    numbers += [edge.local for edge in found.edges if edge.local is not None]
    length = sum(map(_digits, numbers))
    flat = [k for k in found.wrt if not np.any(found.nodes[k].upstream)]
    kinks = sum(_is_at_a_kink(found, eqn) for node in found.nodes for eqn in node.equations)
    return length + NO_SLOPE * len(flat) + AT_A_KINK * kinks


def _digits(value: Any) -> float:
    entries = np.ravel(value)
    if entries.dtype.kind != "f" or not entries.size:
        return 0.0
    if not np.isfinite(entries).all():
        return math.inf
    sizes = [float(abs(x)) for x in entries if x]
    low, high = HANDY
    lengths = [
        min(len(f"{x:.10g}"), LONGEST) if low <= x <= high else LONGEST + NOT_HANDY for x in sizes
    ]
    return sum(lengths) / entries.size


def _is_at_a_kink(found: Circuit, eqn: Equation) -> bool:
    """Return whether an op with a kink at 0, or where its operands are equal, is just there."""
    if not eqn.rhs.facts.kinks or not eqn.rhs.facts.elementwise:
        return False
    known = {node.symbol: node.value for node in found.nodes}
    values: list[Any] = [
        x.value if isinstance(x, Static) else known.get(x) for x in eqn.rhs.operands
    ]
    if any(value is None for value in values):
        return False
    first, second = (*values, 0.0)[:2]
    return bool(np.any(np.equal(first, second)))
