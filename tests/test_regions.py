"""What regions of arithmetic become, that they stay as accurate, and that the search is bounded."""

import ast
import itertools
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from evaluation import NUMPY, PRECISE, evaluate
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad
from symgrad import specialise
from symgrad.expand import drop_dead
from symgrad.graph import BOOL, FLOAT64, Aval, Builder, building, check
from symgrad.ops import op
from symgrad.regions import MOST_IN_VAIN, MOST_PATTERNS, rewrite_regions
from symgrad.regions import forms as forms_module
from symgrad.regions import search as search_module
from symgrad.regions.accuracy import is_as_accurate
from symgrad.regions.search import MOST_STATES, MOST_WRITTEN, better
from symgrad.regions.terms import Terms

RNG = np.random.default_rng(0)
N, D = 6, 3
X, Y, W = RNG.standard_normal((N, D)), RNG.standard_normal((N, D)), RNG.standard_normal((D, D))
x, y, w = RNG.standard_normal(N), RNG.standard_normal(N), RNG.standard_normal(D)
g = RNG.standard_normal(D)
LABELS = np.array([0, 2, 1, 1, 0, 2])


# --- the table: what people write, and the lines of the gradient that must come out ------------


def squared(w, X, y):
    r = X @ w - y
    return np.mean(r**2)


def logistic(w, X, y):
    p = 1 / (1 + np.exp(-(X @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def softmax(W, X, labels):
    e = np.exp(X @ W)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(labels)), labels]))


def tanh_layer(W, v, X, y):
    h = np.tanh(X @ W)
    return np.mean((h @ v - y) ** 2)


def swish(W, X, Y):
    z = X @ W
    h = z / (1 + np.exp(-z))
    return np.sum((h @ W - Y) ** 2)


def gate(W, X, Y):
    o = 1 / (1 + np.exp(-(X @ W)))
    t = np.tanh(X)
    h = o * t
    return np.sum((h @ W - Y) ** 2)


def gaussian(v, w, X, y):
    log_var = X @ v
    ratio = (y - X @ w) ** 2 / np.exp(log_var)
    return 0.5 * np.mean(log_var + ratio)


def quantile(w, X, y, tau):
    r = y - X @ w
    return np.mean(np.maximum(tau * r, (tau - 1) * r))


def huber(w, X, y):
    r = X @ w - y
    a = np.abs(r)
    return np.mean(np.where(a <= 0.7, 0.5 * r**2, 0.7 * (a - 0.5 * 0.7)))


def batch_norm(X, gamma, T):
    X_hat = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + 1e-5)
    return np.mean((gamma * X_hat - T) ** 2)


CASES = {
    "squared loss": (squared, "w", (w, X, y), ["dr = 2 / n * r"]),
    "logistic": (logistic, "w", (w, X, LABELS > 0), ["(p - y) / n"]),
    "softmax": (softmax, "W", (W, X, LABELS), ["rows, labels] -= 1", "/= n"]),
    "tanh layer": (tanh_layer, "W", (W, w, X, y), ["* (1 - h**2)"]),
    "swish": (swish, "W", (W, X, Y), ["ratio + h * (1 - ratio)"]),
    "a gate": (gate, "W", (W, X, Y), ["* h * (1 - o)  # (n, d)"]),
    "Gaussian": (gaussian, ("v", "w"), (w, g, X, y), ["dlog_var = 0.5 / n * (1 - ratio)"]),
    "quantile": (
        quantile, "w", (w, X, y, 0.3),
        ["diff = tau - 0.5 * (tau_r == scaled)", "dr = (diff - (scaled > tau_r)) / n"],
    ),
    "Huber": (huber, "w", (w, X, y), ["np.clip(r, -0.7, 0.7) / n"]),
    "batch norm": (batch_norm, "X", (X, g, Y), ["gamma / root"]),
}  # fmt: skip


def source_of(function, wrt, args, **options):
    c = symgrad.compile(function, wrt=wrt, **options)
    c.value_and_grad(*args)
    return c.source[c.source.index("def value_and_grad") :]


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_written_as_by_hand(name):
    function, wrt, args, lines = CASES[name]
    source = source_of(function, wrt, args)
    assert [line for line in lines if line not in source] == [], source


def slope(function, args, k, direction, step):
    moved = [[*args[:k], args[k] + s * step * direction, *args[k + 1 :]] for s in (1, -1)]
    return (function(*moved[0]) - function(*moved[1])) / (2 * step)


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_that_of_finite_differences(name):
    function, wrt, args, _ = CASES[name]
    wrt = (wrt,) if isinstance(wrt, str) else wrt
    _, grads = symgrad.compile(function, wrt=wrt).value_and_grad(*args)
    places = function.__code__.co_varnames
    for one, grad in zip(wrt, grads, strict=True):
        direction = np.random.default_rng(1).standard_normal(grad.shape)
        measured = slope(function, args, places.index(one), direction, 1e-6)
        assert measured == pytest.approx(np.vdot(grad, direction), rel=1e-6, abs=1e-8)


def arithmetic(source):
    """Return how many binary and in-place operations a text has."""
    nodes = Counter(type(node) for node in ast.walk(ast.parse(source)))
    return nodes[ast.BinOp] + nodes[ast.AugAssign]


@pytest.mark.parametrize("name", ["swish", "a gate", "Gaussian", "quantile", "batch norm"])
def test_the_text_is_shorter_than_the_chain_rule(name, monkeypatch):
    function, wrt, args, _ = CASES[name]
    mine = arithmetic(source_of(function, wrt, args))
    monkeypatch.setattr(specialise, "rewrite_regions", lambda graph, start: graph)
    assert mine < arithmetic(source_of(function, wrt, args))


def test_exact_keeps_the_chain_rule():
    source = source_of(gate, "W", (W, X, Y), exact=True)
    assert "h * (1 - o)" not in source


def test_a_value_inside_a_line_of_the_users_stays_there():
    def cell(W, X, c):
        f = 1 / (1 + np.exp(-(X @ W)))
        new = f * c + X
        return np.sum(np.tanh(new))

    assert "new = f * c + X" in source_of(cell, "W", (W, X, Y))


def test_masks_are_no_numbers_to_add():
    def f(a, b, c):
        return np.sum(np.maximum(a, b) * c + np.maximum(b, a) * c)

    c = symgrad.compile(f, wrt=("a", "b"))
    tied = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]), np.ones(3)
    da, db = c.grad(*tied)
    assert np.array_equal(da, [1, 0, 2]) and np.array_equal(db, [1, 2, 0])


def test_a_definition_may_read_a_mask_that_others_exclude():
    builder = Builder()
    a, b, c = (builder.wrap(builder.input(Aval((3,), FLOAT64))) for _ in range(3))
    with building(builder):
        above, below, same = op.greater(a, b), op.less(a, b), op.equal(a, b)
        shared = c * above  # read twice, so a leaf with a definition
        total = (c * below + c * same + shared) * c + shared * (c * below)
    graph = builder.graph([total.symbol, op.exp(shared).symbol])
    found = drop_dead(rewrite_regions(graph, 0))
    args = np.array([1.0, 2, 3]), np.array([2.0, 2, 2]), np.array([5.0, 6, 7])
    assert run(found, args) == pytest.approx(run(graph, args))
    assert len(found.equations) < len(graph.equations)


def test_masks_are_not_subtracted():
    builder = Builder()
    c, d = (builder.wrap(builder.input(Aval((3,), FLOAT64))) for _ in range(2))
    m, k = (builder.wrap(builder.input(Aval((3,), BOOL))) for _ in range(2))
    with building(builder):
        total = c * d * m - c * d * k  # shortest as c * d * (m - k), which NumPy refuses
    graph = builder.graph([total.symbol])
    found = drop_dead(rewrite_regions(graph, 0))
    masks = np.array([True, False, True]), np.array([True, True, False])
    args = np.array([1.0, 2, 3]), np.array([5.0, 6, 7]), *masks
    assert np.array_equal(run(found, args), run(graph, args))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="NEP 50")
def test_float32_stays_float32():
    function, wrt, args, _ = CASES["swish"]
    small = [a.astype(np.float32) for a in args]
    assert symgrad.grad(function, wrt)(*small).dtype == np.float32


# --- regions of every kind: the value stays, also where it hurts -------------------------------

LEAVES = 4
SHAPES = [(2, 3), (2, 3), (1, 3), ()]
STRESS = [0.0, 1.0, -1.0, 1e-8, -1e-8, 1e3, -1e3, 1e-300, 1e300]


@st.composite
def regions(draw):
    """Draw operations on earlier values: sums, products and quotients, with some numbers."""
    rows = []
    for k in range(draw(st.integers(3, 9))):
        head = draw(
            st.sampled_from(["add", "subtract", "multiply", "divide", "negative", "square"])
        )
        earlier = st.integers(0, LEAVES + k - 1)
        number = st.sampled_from([-2, 0.5, 1, 2, 3, 0.1])
        first = draw(st.one_of(st.just(LEAVES + k - 1), earlier))
        second = draw(st.one_of(earlier, earlier, number.map(lambda n: ("number", n))))
        rows.append((head, first, second, draw(st.booleans())))
    return rows, draw(st.integers(0, 2))


def built(program):
    """Return the graph of a drawn program, with the number of equations that are the user's."""
    rows, own = program
    builder = Builder()
    values = [
        builder.wrap(builder.input(Aval(s, FLOAT64, "array" if s else "numpy"))) for s in SHAPES
    ]
    start = 0
    with building(builder):
        for k, (head, first, second, turned) in enumerate(rows):
            a = values[first]
            b = second[1] if isinstance(second, tuple) else values[second]
            if head in ("negative", "square"):
                values.append(getattr(op, head)(a))
            else:
                values.append(getattr(op, head)(*((b, a) if turned else (a, b))))
            if k < own:
                start = len(builder.equations)
    return check(builder.graph([values[-1].symbol, values[LEAVES].symbol])), start


def run(graph, args, table=NUMPY):
    with np.errstate(all="ignore"):
        return evaluate(graph, table, *args)[0]


def precisely(graph, args):
    """Return the exact values, or None where there are none."""
    found = []
    for at in np.ndindex(SHAPES[0]):
        picked = [np.broadcast_to(a, SHAPES[0])[at] for a in args]
        try:
            found.append(_at_one_point(graph, [PRECISE.mpf(float(v)) for v in picked]))
        except ZeroDivisionError:
            found.append(None)
    return found


EXACT = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "negative": lambda a: -a,
    "square": lambda a: a * a,
}


def _at_one_point(graph, given):
    known = dict(zip(graph.inputs, given, strict=True))
    for eqn in graph.equations:
        inside = [known[z] if z in known else PRECISE.mpf(z.value) for z in eqn.rhs.operands]
        known[eqn.lhs[0]] = EXACT[eqn.rhs.name](*inside)
    return known[graph.outputs[0]]


@given(regions(), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_a_region_keeps_its_value(program, seed):
    graph, start = built(program)
    found = drop_dead(rewrite_regions(graph, start))
    rng = np.random.default_rng(seed)
    args = [rng.uniform(0.5, 2, s) * rng.choice([-1, 1], s) for s in SHAPES]
    before, after = run(graph, args), run(found, args)
    assert np.shape(before) == np.shape(after)
    exact = precisely(graph, args)
    wide = [np.broadcast_to(v, SHAPES[0]).ravel() for v in (before, after)]
    for mine, theirs, true in zip(wide[1], wide[0], exact, strict=True):
        if true is not None and np.isfinite(theirs):
            lost = abs(PRECISE.mpf(float(theirs)) - true)
            assert abs(PRECISE.mpf(float(mine)) - true) <= 64 * lost + 1e-11 * (1 + abs(true))


@given(regions(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_region_is_finite_where_one_leaf_is_extreme(program, data):
    graph, start = built(program)
    found = drop_dead(rewrite_regions(graph, start))
    rng = np.random.default_rng(0)
    args = [rng.uniform(0.5, 2, s) for s in SHAPES]
    k, value = data.draw(st.integers(0, LEAVES - 1)), data.draw(st.sampled_from(STRESS))
    args[k] = np.full(SHAPES[k], value)
    before, after = run(graph, args), run(found, args)
    assert np.all(np.isfinite(after) | ~np.isfinite(before))


# --- what is as accurate as what -----------------------------------------------------------------


def pair(program, kinds, definitions=()):
    """Return whether the second result of ``program`` may stand for the first."""
    terms = Terms([1] * len(kinds), 1)

    class Row:
        def __init__(self, k):
            self.k = k

        def __add__(self, other):
            return Row(terms.make("add", self.k, row(other)))

        def __sub__(self, other):
            return Row(terms.make("subtract", self.k, row(other)))

        def __rsub__(self, other):
            return Row(terms.make("subtract", row(other), self.k))

        def __mul__(self, other):
            return Row(terms.make("multiply", self.k, row(other)))

        def __truediv__(self, other):
            return Row(terms.make("divide", self.k, row(other)))

    def row(value):
        return value.k if isinstance(value, Row) else terms.number(forms_module.Fraction(value))

    leaves = SimpleNamespace(**{name: Row(k) for k, name in enumerate(kinds)})
    original, candidate = program(leaves)
    names = list(kinds)
    defined = {names.index(n): make(leaves).k for n, make in definitions}
    return is_as_accurate(terms, candidate.k, original.k, tuple(kinds.values()), defined)


ANY = {"a": "real", "b": "real", "c": "real"}
GATE = {"z": "real", "p": "real", "h": "real"}
H = (("h", lambda v: v.z * v.p),)
SQUARES = lambda v: (v.a * v.a - v.b * v.b) / (v.a + v.b)
BRACKETS = lambda v: (1 - v.a) * (v.a + 1)
SLOPE = lambda v: v.z * (v.p * (1 - v.p)) + v.p
ACCURATE = [
    ("a - b for (a a - b b) / (a + b)", True, lambda v: (SQUARES(v), v.a - v.b), ANY, ()),
    ("(a a - b b) / (a + b) for a - b", False, lambda v: (v.a - v.b, SQUARES(v)), ANY, ()),
    ("(1 - a) (1 + a) for 1 - a a", True, lambda v: (1 - v.a * v.a, BRACKETS(v)), ANY, ()),
    ("1 - a a for (1 - a) (1 + a)", False, lambda v: (BRACKETS(v), 1 - v.a * v.a), ANY, ()),
    ("p + h (1 - p), h = z p", True, lambda v: (SLOPE(v), v.p + v.h * (1 - v.p)), GATE, H),
    ("h + p (1 - h), h = z p", False, lambda v: (SLOPE(v), v.h + v.p * (1 - v.h)), GATE, H),
    ("a for (a / b) b", True, lambda v: (v.a / v.b * v.b, v.a), ANY, ()),
    ("a a / a for a, which overflows", False, lambda v: (v.a, v.a * v.a / v.a), ANY, ()),
    ("another function", False, lambda v: (v.a + v.b, v.a - v.b), ANY, ()),
    ("another near 0", False, lambda v: (v.a, v.a + v.b * v.b * 0.0078125), ANY, ()),
]


@pytest.mark.parametrize(
    ("label", "want", "program", "kinds", "definitions"),
    ACCURATE,
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_as_accurate(label, want, program, kinds, definitions):
    assert pair(program, kinds, definitions) is want


# --- bounds: counts, never times ---------------------------------------------------------------


def a_large_region(leaves=12):
    builder = Builder()
    given = [builder.wrap(builder.input(Aval((4,), FLOAT64))) for _ in range(leaves)]
    with building(builder):
        total = given[0]
        for a, b in itertools.pairwise(given):
            total = (total + a * b) * (a - b) / (a + b)
    return builder.graph([total.symbol])


def test_a_large_region_is_left_after_a_bounded_search(monkeypatch):
    counts = Counter()
    for name in ("substitute", "written"):
        original = getattr(forms_module, name)

        def counted(*args, name=name, original=original):
            counts[name] += 1
            return original(*args)

        monkeypatch.setattr(search_module.forms, name, counted)
    better.cache_clear()
    graph = a_large_region()
    assert rewrite_regions(graph, 0) is graph
    for name in CASES:
        counts.clear()
        better.cache_clear()
        source_of(*CASES[name][:3])
        searched = better.cache_info().misses
        assert counts["written"] <= searched * (MOST_WRITTEN + 1)
        assert counts["substitute"] <= searched * MOST_STATES * 40


def test_a_pattern_is_looked_for_once():
    function, wrt, args, _ = CASES["swish"]
    source_of(function, wrt, args)
    before = better.cache_info().misses
    source_of(function, wrt, args)
    assert better.cache_info().misses == before


def test_a_long_loop_is_searched_a_few_times_only():
    def loop(x, w):
        for _ in range(4 * MOST_IN_VAIN):
            x = x + 0.5 * np.tanh(w * x)
            w = w - x
        return np.sum(x)

    better.cache_clear()
    symgrad.compile(loop, wrt=("x", "w"), check=None).value_and_grad(x, y)
    info = better.cache_info()
    assert info.misses <= MOST_PATTERNS
    assert info.hits + info.misses <= 8 * MOST_IN_VAIN


PROGRAM = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from test_regions import CASES, source_of
for name in CASES{order}:
    print(name, source_of(*CASES[name][:3]))
"""


def printed(seed, order=""):
    here = Path(__file__).parent
    text = PROGRAM.format(root=str(here.parent), tests=str(here), order=order)
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_neither_hash_seed_nor_order_changes_a_byte():
    first = printed("0")
    assert first == printed("1")
    backwards = printed("2", ".__reversed__()")
    assert sorted(first.splitlines()) == sorted(backwards.splitlines())
