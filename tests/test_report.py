"""What `c.report` says: counted anew by other means, the same bytes everywhere, as text and data."""

import json
import os
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from golden_programs import PROGRAMS as GOLDEN_PROGRAMS

import symgrad
from symgrad.graph import FLOAT64, INT64, OPS, Aval, Builder, Static
from symgrad.ops.table import flops_of, transcendentals_of
from symgrad.recognise import RULES

ROOT = Path(__file__).parent.parent


# --- the cost of an op: every row, against numbers counted by hand --------------------------------


def real(*shape):
    return Aval(shape, FLOAT64)


def whole(*shape):
    return Aval(shape, INT64)


ELEMENTWISE = sorted(n for n, row in OPS.items() if row.facts.elementwise and not row.facts.expand)
TRANSCENDENTAL = set(
    """
    power exp expm1 exp2 log log1p log2 log10 cbrt sin cos tan arcsin arccos arctan sinh cosh tanh
    arcsinh arccosh arctanh sinc arctan2 hypot logaddexp logaddexp2
    """.split()
)
TWICE = {"clip": 2}  # a limit below and one above
MOVES = {
    "size", "full", "full_like", "materialise", "eye", "arange", "constant", "as_float", "astype",
    "alias", "index", "take_along", "tril", "triu", "put_at", "reshape", "expand_dims", "squeeze",
    "transpose", "broadcast_to", "concatenate", "stack", "flip", "argsort",
}  # fmt: skip


def matrix_product(n, m, k):
    """Return n m k products and as many additions, counted one by one."""
    return sum(2 for _ in range(n) for _ in range(m) for _ in range(k))


REDUCED = {"axis": (1,), "keepdims": False}
ALL = slice(None)
COUNTED = [
    ("sum", [real(3, 4)], REDUCED, 12),
    ("sum", [real(3, 4)], {"axis": (0, 1), "keepdims": True}, 12),
    ("mean", [real(3, 4)], REDUCED, 12 + 3),
    ("prod", [real(3, 4)], REDUCED, 12),
    ("max", [real(3, 4)], REDUCED, 12),
    ("min", [real(3, 4)], REDUCED, 12),
    ("argmax", [real(3, 4)], REDUCED, 12),
    ("argmin", [real(3, 4)], REDUCED, 12),
    ("any", [real(3, 4)], REDUCED, 12),
    ("all", [real(3, 4)], REDUCED, 12),
    ("count_nonzero", [real(3, 4)], REDUCED, 12),
    ("var", [real(3, 4)], {**REDUCED, "ddof": 0}, 12 + 3 + 12 + 12 + 12 + 3),
    ("std", [real(3, 4)], {**REDUCED, "ddof": 1}, 12 + 3 + 12 + 12 + 12 + 3 + 3),
    ("cumsum", [real(3, 4)], {"axis": 0}, 12),
    ("norm", [real(3, 4)], REDUCED, 12 + 12 + 3),
    ("round", [real(3, 4)], {"decimals": 2}, 36),
    ("contract", [real(3, 4), real(4, 5)], {"terms": ((0, 1), (1, 2)), "out": (0, 2)},
     matrix_product(3, 5, 4)),
    ("contract", [real(4), real(4)], {"terms": ((0,), (0,)), "out": ()}, 8),
    ("contract", [real(3), real(4)], {"terms": ((0,), (1,)), "out": (0, 1)}, 12),
    ("contract", [real(3, 3)], {"terms": ((0, 0),), "out": ()}, 3),
    ("contract", [real(3, 3)], {"terms": ((0, 0),), "out": (0,)}, 0),
    ("contract", [real(2, 3), real(3, 4), real(4, 5)],
     {"terms": ((0, 1), (1, 2), (2, 3)), "out": (0, 3)}, 3 * 2 * 3 * 4 * 5),
    ("inv", [real(3, 3)], {}, 2 * 27),
    ("inv", [real(5, 3, 3)], {}, 5 * 2 * 27),
    ("slogdet", [real(3, 3)], {}, 18),
    ("det", [real(6, 6)], {}, 144),
    ("solve", [real(3, 3), real(3)], {}, 18 + 2 * 9),
    ("solve", [real(3, 3), real(3, 5)], {}, 18 + 2 * 9 * 5),
    ("add_at", [real(6, 4), real(), whole(3)], {"key": ("array",)}, 12),
    ("add_at", [real(6, 4), real(4)], {"key": (slice(1, 3, None),)}, 8),
    ("add_at", [real(6), real(), Aval((6,), np.dtype(bool))], {"key": ("array",)}, 6),
    ("cells_of_rows", [whole(5)], {"width": 4}, 5 + 20),
]  # fmt: skip


def applied(name, avals, settings):
    """Return the op applied to inputs of these avals, what it is given, and what it gives."""
    builder = Builder()
    inputs = tuple(builder.input(aval) for aval in avals)
    statics = [Static(settings[param]) for param in OPS[name].params]
    results = builder.infer(OPS[name], inputs, [s.value for s in statics])
    return builder.shapes, OPS[name].of(inputs, statics), avals, results[0]


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (0, 4)], ids=str)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_elementwise_op_costs_the_same_for_each_element(name, shape):
    ufunc = getattr(np, name, None)
    arity = ufunc.nin if isinstance(ufunc, np.ufunc) else {"where": 3, "clip": 3}.get(name, 1)
    kind = "bool" if name.startswith(("bitwise", "invert")) else "float64"
    avals = [Aval(shape, np.dtype(kind), "array" if shape else "numpy")] * arity
    shapes, rhs, xs, y = applied(name, avals, {})
    elements = int(np.prod(shape))
    is_transcendental = name in TRANSCENDENTAL
    assert flops_of(shapes, rhs, xs, y) == elements * (0 if is_transcendental else TWICE.get(name, 1))
    assert transcendentals_of(rhs, y) == elements * is_transcendental


@pytest.mark.parametrize(("name", "avals", "settings", "flops"), COUNTED)
def test_an_op_costs_what_is_counted_by_hand(name, avals, settings, flops):
    shapes, rhs, xs, y = applied(name, avals, settings)
    assert flops_of(shapes, rhs, xs, y) == flops
    assert transcendentals_of(rhs, y) == 0


def test_every_op_has_a_cost_that_is_tested():
    """A new row is elementwise, moves elements, or stands above; a composite is written out."""
    counted = {name for name, *_ in COUNTED}
    written_out = {name for name, row in OPS.items() if row.facts.expand}
    assert set(OPS) == {*ELEMENTWISE, *MOVES, *counted, *written_out}
    assert all(OPS[name].facts.flops == 0 for name in MOVES)
