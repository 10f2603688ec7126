"""What `c.report` says: counted anew by other means, and the same bytes everywhere."""

import gc
import json
import os
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from conftest import GOLDEN
from golden_programs import PROGRAMS, by_name
from numpy.lib.stride_tricks import sliding_window_view as view
from scipy import special

import symgrad
from symgrad.graph import FLOAT64, INT64, OPS, Aval, Builder, Static
from symgrad.ops.table import flops_of, transcendentals_of
from symgrad.recognise import RULES
from tests.benchmarks.hand_derived import LOSSES

ROOT = Path(__file__).parent.parent


# --- the cost of an op: every row, against numbers counted by hand --------------------------------


def real(*shape):
    return Aval(shape, FLOAT64)


def whole(*shape):
    return Aval(shape, INT64)


ELEMENTWISE = sorted(n for n, row in OPS.items() if row.facts.elementwise and not row.facts.expand)
TRANSCENDENTAL = """
    power exp expm1 exp2 log log1p log2 log10 cbrt sin cos tan arcsin arccos arctan sinh cosh tanh
    arcsinh arccosh arctanh sinc arctan2 hypot logaddexp logaddexp2
""".split()  # noqa: SIM905
OF_SCIPY = [name for name in ELEMENTWISE if isinstance(getattr(special, name, None), np.ufunc)]
CHEAP = {"huber", "gammasgn"}  # a choice, a sign
TRANSCENDENTAL += [name for name in OF_SCIPY if name not in (*TRANSCENDENTAL, *CHEAP)]
TRANSCENDENTAL += ["polygamma", "zeta", "numpy_i0"]  # which are no ufuncs
TWICE = {"clip": 2}  # a limit below and one above
MOVES = {
    "size", "full", "full_like", "materialise", "eye", "arange", "constant", "as_float", "astype",
    "alias", "index", "take_along", "tril", "triu", "put_at", "reshape", "expand_dims", "squeeze",
    "transpose", "windows", "broadcast_to", "concatenate", "stack", "flip", "argsort",
    "modf", "frexp", "choose",
}  # fmt: skip


def matrix_product(n, m, k):
    """Return n m k products and as many additions, counted one by one."""
    return sum(2 for _ in range(n) for _ in range(m) for _ in range(k))


REDUCED = {"axis": (1,), "keepdims": False}
ADDED = {"window": (2,), "axis": (0,), "spans": (5,)}
ALL = slice(None)
COUNTED = [
    ("sum", [real(3, 4)], REDUCED, 12),
    ("sum", [real(3, 4)], {"axis": (0, 1), "keepdims": True}, 12),
    ("mean", [real(3, 4)], REDUCED, 12 + 3),
    ("isclose", [real(3, 4)] * 2, {"rtol": 1e-5, "atol": 1e-8, "equal_nan": False}, 12 * 6),
    ("nan_to_num", [real(3, 4)], {"nan": 0.0, "posinf": None, "neginf": None}, 12 * 6),
    ("unwrap", [real(3, 4)], {"discont": None, "axis": 1, "period": 6.28}, 12 * 9),
    ("scipy_logsumexp", [real(3, 4)], REDUCED, 0),
    ("scipy_weighted_logsumexp", [real(3, 4)] * 2, REDUCED, 0),
    ("scipy_softmax", [real(3, 4)], REDUCED, 0),
    ("scipy_log_softmax", [real(3, 4)], REDUCED, 0),
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
    ("cross", [real(4, 3), real(4, 3)], {}, 4 * 9),
    ("logaddexp_reduce", [real(3, 4)], REDUCED, 0),
    ("logaddexp_accumulate", [real(3, 4)], {"axis": 0}, 0),
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
    ("add_windows", [real(6), real(5, 2)], {**ADDED, "key": (), "alike": False}, 5 * 2),
    ("add_windows", [real(6), real(3)], {**ADDED, "key": (slice(0, None, 2),), "alike": True}, 6),
    ("add_windows", [real(6), real(5), real(5, 2), real(5)],
     {**ADDED, "key": (), "alike": True}, 3 * 10),
    ("max_in_windows", [real(5, 2)], {"window": (2,)}, 10),
    ("min_in_windows", [real(3, 2, 2)], {"window": (2, 2)}, 12),
    ("sum_in_windows", [real(5, 2)], {"window": (2,)}, 10),
    ("mean_in_windows", [real(5, 2)], {"window": (2,)}, 10 + 5),
    ("count_in_windows", [real(5, 2), real(5)], {"window": (2,)}, 5 * 2 * 2),
]  # fmt: skip


def applied(name, avals, settings):
    """Return the op applied to inputs of these avals, what it is given, and what it gives."""
    builder = Builder()
    inputs = tuple(builder.input(aval) for aval in avals)
    statics = [Static(settings[param]) for param in OPS[name].params]
    results = builder.infer(OPS[name], inputs, [s.value for s in statics])
    return builder.shapes, OPS[name].of(inputs, statics), avals, results[0]


WHOLE = {"gcd", "ldexp", "lcm", "left_shift", "right_shift", "bitwise_count"}
ARITY = {"where": 3, "clip": 3, "polygamma": 2, "zeta": 2}


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (0, 4)], ids=str)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_elementwise_op_costs_the_same_for_each_element(name, shape):
    ufunc = getattr(special if name in OF_SCIPY else np, name, None)
    arity = ufunc.nin if isinstance(ufunc, np.ufunc) else ARITY.get(name, 1)
    kind = "bool" if name.startswith(("bitwise", "invert")) else "float64"
    kind = "int64" if name in WHOLE else kind
    avals = [Aval(shape, np.dtype(kind), "array" if shape else "numpy")] * arity
    shapes, rhs, xs, y = applied(name, avals, {})
    elements = int(np.prod(shape))
    is_transcendental = name in TRANSCENDENTAL
    assert flops_of(shapes, rhs, xs, y) == elements * (
        0 if is_transcendental else TWICE.get(name, 1)
    )
    assert transcendentals_of(rhs, xs, y) == elements * is_transcendental


@pytest.mark.parametrize(("name", "avals", "settings", "flops"), COUNTED)
def test_an_op_costs_what_is_counted_by_hand(name, avals, settings, flops):
    shapes, rhs, xs, y = applied(name, avals, settings)
    assert flops_of(shapes, rhs, xs, y) == flops
    assert transcendentals_of(rhs, xs, y) == (12 if name.startswith(("logaddexp", "scipy")) else 0)


def test_every_op_has_a_cost_that_is_tested():
    """A new row is elementwise, moves elements, or stands above; a composite is written out."""
    counted = {name for name, *_ in COUNTED}
    written_out = {name for name, row in OPS.items() if row.facts.expand}
    assert set(OPS) == {*ELEMENTWISE, *MOVES, *counted, *written_out}
    assert all(OPS[name].facts.flops == 0 for name in MOVES)


# --- the cost of emitted text: the text is run on arrays that count -------------------------------


class Count(np.ndarray):
    """An array that counts what NumPy does with it, by ufunc and function alone."""

    flops = calls = 0

    def __array_ufunc__(self, ufunc, method, *xs, out=None, **settings):
        xs = [plain(x) for x in xs]
        if out is not None:
            settings["out"] = tuple(map(plain, out))
        result = getattr(ufunc, method)(*xs, **settings)
        work = {
            "reduce": lambda: xs[0].size,
            "accumulate": lambda: xs[0].size,
            "at": lambda: np.size(xs[0][xs[1]]),
            "outer": lambda: np.size(result),
            "__call__": lambda: (
                np.size(result) * (2 * xs[0].shape[-1] if ufunc is np.matmul else 1)
            ),
        }[method]()
        if ufunc.__name__ in TRANSCENDENTAL:
            Count.calls += work
        else:
            Count.flops += work
        return out[0] if out is not None else counting(result)

    def __array_function__(self, function, types, xs, settings):
        xs, settings = plain(xs), plain(settings)
        result = function(*xs, **settings)
        read, made = np.size(xs[0]), np.size(result)
        each = {
            "sum": (1, 0), "mean": (1, 1), "max": (1, 0), "min": (1, 0), "prod": (1, 0),
            "amax": (1, 0), "amin": (1, 0), "var": (4, 2), "std": (4, 3), "norm": (2, 1),
            "cumsum": (1, 0), "where": (0, 1), "clip": (0, 2), "outer": (0, 1), "vdot": (2, 0),
        }  # fmt: skip
        if function.__name__ in each:
            for_read, for_made = each[function.__name__]
            Count.flops += for_read * read + for_made * made
        elif function.__name__ == "tensordot":
            summed = [xs[0].shape[k] for k in settings["axes"][0]]
            Count.flops += 2 * made * int(np.prod(summed))
        elif function.__name__ == "einsum":
            Count.flops += einsum_flops(*xs)
        elif function.__name__ == "slogdet":
            Count.flops += round(2 / 3 * xs[0].shape[0] ** 3)
            return tuple(map(counting, result))
        elif function.__name__ == "inv":
            Count.flops += 2 * xs[0].shape[0] ** 3
        elif function.__name__ == "solve":
            Count.flops += round(2 / 3 * len(xs[0]) ** 3 + 2 * len(xs[0]) * made)
        else:
            assert function.__name__ in FREE, function.__name__
        return counting(result)

    def __getitem__(self, key):
        return counting(plain(self)[plain(key)])


FREE = {"zeros_like", "full_like", "ones_like", "concatenate", "stack", "reshape", "expand_dims",
        "broadcast_to", "take_along_axis", "tril", "triu", "empty_like", "copyto",
        "sliding_window_view"}  # fmt: skip


def einsum_flops(subscripts, *xs):
    """Return the products, and the additions where a letter is summed, of one loop."""
    left, out = subscripts.split("->")
    terms = left.split(",")
    sizes = {
        c: n for term, x in zip(terms, xs, strict=True) for c, n in zip(term, x.shape, strict=True)
    }
    each = len(terms) - 1 + (set(sizes) > set(out))
    return each * int(np.prod(list(sizes.values())))


def counting(x):
    """Return nested arrays and numbers as arrays that count."""
    if isinstance(x, dict):
        return {key: counting(part) for key, part in x.items()}
    if isinstance(x, list | tuple):
        return type(x)(map(counting, x))
    return np.asarray(x).view(Count)


def plain(x):
    if isinstance(x, dict):
        return {key: plain(part) for key, part in x.items()}
    if isinstance(x, list | tuple):
        return type(x)(map(plain, x))
    return np.asarray(x) if isinstance(x, Count) else x


class OfLists:
    """A function that counts the elements of a list of arrays too, as does its ``reduce``."""

    def __init__(self, function):
        self.function = function

    def __call__(self, x, *xs, **settings):
        return self.function(np.stack(x) if type(x) is list else x, *xs, **settings)

    def reduce(self, x, *xs, **settings):
        return self.function.reduce(np.stack(x) if type(x) is list else x, *xs, **settings)


class CountingNumPy:
    """NumPy, whose new arrays count too."""

    def __getattr__(self, name):
        found = getattr(np, name)
        if name in ("sum", "mean", "maximum", "minimum"):
            return OfLists(found)
        makes = name in ("zeros", "ones", "full", "eye", "arange", "array")
        return (lambda *xs, **settings: counting(found(*xs, **settings))) if makes else found


def counted(function, *args, **kwargs):
    """Return what a function gives, and its flops and transcendentals."""
    Count.flops = Count.calls = 0
    return function(*args, **kwargs), (Count.flops, Count.calls)


def compiled(program, n):
    wrt = program.wrt if len(program.wrt) > 1 else program.wrt[0]
    c = symgrad.compile(program.function, wrt=wrt, **program.options)
    c.value_and_grad(*program.arguments(n), **program.keywords)
    return c


# What a run cannot tell: `x**p` squares where p is the number 2; a mask's size is data.
NOT_COUNTED = {"keyword_only", "positive_part"}
GOLDEN_CASES = [p.name for p in PROGRAMS if p.name not in NOT_COUNTED]
REFUSED = {"bundle adjustment, np.cross"}
# -(0.5 x) and -(s / n x) are counted, and -0.5 * x and -s / n * x are written
SIGNS = {"factorisation machine": 7, "SVM, hinge": 7}


def case(name):
    """Return a program of the golden files, or a textbook loss, compiled, and its arguments."""
    if name in LOSSES:
        given = LOSSES[name].arguments(np.random.default_rng(0), 7)
        c = symgrad.compile(LOSSES[name].function, wrt=LOSSES[name].wrt)
        c.value_and_grad(*given)
        return c, given, {}
    program = by_name(name)
    return compiled(program, 7), program.arguments(7), program.keywords


@pytest.mark.parametrize("name", [*GOLDEN_CASES, *(n for n in LOSSES if n not in REFUSED)])
def test_the_flops_are_those_of_a_run_of_the_text(name):
    """Python's own arithmetic on sizes, `1 / N`, is in the report but not in the run."""
    room = 4 + SIGNS.get(name, 0)
    c, given, keywords = case(name)
    space = {}
    exec(compile(c.source, name, "exec"), space)
    space.update({word: CountingNumPy() for word in ("np", "np_") if word in space})
    given, keywords = counting(given), counting({**keywords, **c._newest().captured_values()})
    (_, residuals), forward = counted(space["forward"], *given, **keywords)
    _, backward = counted(space["backward"], residuals, counting(1.0))
    _, together = counted(space["value_and_grad"], *given, **keywords)
    measured = {"forward": forward, "backward": backward, "value_and_grad": together}
    for function, (flops, calls) in measured.items():
        cost = c.report.functions[function]
        assert cost.transcendentals.traced == calls, function
        assert flops <= cost.flops.traced <= flops + room, function


SIZES = {"D": 4, "H": 5, "C": 3, "N": 7}


def loss(W1, W2, X, y, lam):
    N = X.shape[0]
    h = np.maximum(0, X @ W1)
    s = h @ W2
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    nll = -np.log(p[np.arange(N), y]).mean()
    return nll + lam * (np.sum(W1**2) + np.sum(W2**2))


def arguments(D=4, H=5, C=3, N=7):
    random = np.random.default_rng(0)
    W1, W2, X = (random.normal(size=shape) for shape in ((D, H), (H, C), (N, D)))
    return W1, W2, X, np.arange(N) % C, 0.1


SPECS = {"W1": ("D", "H"), "W2": ("H", "C"), "X": ("N", "D"), "y": (("N",), "int"), "lam": ()}


def two_layer(**settings):
    return symgrad.compile(loss, wrt=("W1", "W2"), **settings)


def test_the_formula_without_an_example_is_the_number_with_one():
    of_sizes = two_layer(specs=SPECS).report
    c = two_layer()
    c.value_and_grad(*arguments())
    for name, cost in c.report.functions.items():
        for amount in ("flops", "transcendentals", "bytes_accessed"):
            formula = getattr(of_sizes.functions[name], amount).formula
            assert eval(formula, dict(SIZES)) == getattr(cost, amount).traced
    for amount in ("total", "additional"):
        formula = getattr(of_sizes.residuals, amount).formula
        assert eval(formula, dict(SIZES)) == getattr(c.report.residuals, amount).traced


def test_the_leading_terms_are_the_matrix_products():
    functions = two_layer(specs=SPECS).report.functions
    starts = {name: cost.flops.formula.split(" + ")[:2] for name, cost in functions.items()}
    assert starts == {
        "forward": ["2 * D * H * N", "2 * H * C * N"],
        "backward": ["2 * D * H * N", "4 * H * C * N"],
        "value_and_grad": ["4 * D * H * N", "6 * H * C * N"],
    }


def test_the_parts_of_a_count_add_up_to_it():
    c = two_layer()
    c.value_and_grad(*arguments())
    for cost in c.report.functions.values():
        assert sum(part.times for part in cost.by_op) == cost.operations
        assert sum(part.flops.traced for part in cost.by_op) == cost.flops.traced
        parts = [part.transcendentals.traced for part in cost.by_op]
        assert sum(parts) == cost.transcendentals.traced


# --- memory -----------------------------------------------------------------------------------


def leaves(tree):
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    return [leaf for part in tree for leaf in leaves(part)] if isinstance(tree, list | tuple) else [
        np.asarray(tree)
    ]  # fmt: skip


@pytest.mark.parametrize("name", [p.name for p in PROGRAMS if p.name != "positive_part"])
def test_the_residuals_have_the_bytes_that_forward_keeps(name):
    program = by_name(name)
    c = compiled(program, 7)
    given = program.arguments(7)
    kept = leaves(tuple(c.forward(*given, **program.keywords)[1]))
    known = [*leaves(given), *leaves(program.keywords), *leaves(c._newest().captured_values())]
    fresh = [x for x in kept if not any(np.shares_memory(x, a) or x is a for a in known)]
    arrays = [x for x in fresh if x.ndim]
    buffers = []
    for x in arrays:
        if not any(np.shares_memory(x, y) for y in buffers):
            buffers.append(x)
    report = c.report.residuals
    assert report.total.traced == sum(x.nbytes for x in kept)
    named = [r for r in report.kept if r.is_additional and r.shape != "()"]
    assert len(named) == len(buffers)
    assert {r.name for r in report.kept} >= {r.name for r in named}


HIGH_WATER = {
    "a chain": lambda x: np.sum(np.tanh(x * 2) * np.exp(x)),
    "names": lambda x: np.sum((np.sin(x) + 1) ** 2 / (2 + np.cos(x))),
    "a choice": lambda x: np.sum(np.where(x > 0, np.exp(-x), x)),
}


@pytest.mark.parametrize("f", HIGH_WATER.values(), ids=HIGH_WATER.keys())
def test_the_peak_is_what_is_measured(f):
    """On arrays large beside Python's objects, and too small for NumPy to reuse temporaries."""
    x = np.random.default_rng(0).normal(size=(250, 100))
    c = symgrad.compile(f)
    c.value_and_grad(x)
    made = c._newest()
    kept = made.forward(x)[1]
    runs = {
        "forward": lambda: made.forward(x),
        "backward": lambda: made.backward(kept),
        "value_and_grad": lambda: made.value_and_grad(x),
    }
    for name, run in runs.items():
        run()
        gc.collect()
        tracemalloc.start()
        run()
        measured = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert c.report.functions[name].peak == pytest.approx(measured, rel=0.02), name


# --- why --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.law)
def test_every_law_says_why_it_is_there(rule):
    assert len(rule.reason) > 20 and rule.reason[-1] not in ".!" and "\n" not in rule.reason


def test_a_law_is_told_with_its_line_and_reason():
    c = two_layer()
    c.value_and_grad(*arguments())
    laws = {law.law: law for law in c.report.laws}
    law = laws["log(softmax(x)) = log_softmax(x)"]
    assert law.kind == "stability" and "underflow" in law.reason
    assert law.location.text == "nll = -np.log(p[np.arange(N), y]).mean()"
    assert f"test_report.py:{law.location.line}: nll = " in str(c.report)


def test_the_laws_of_the_gradient_are_counted():
    c = symgrad.compile(lambda x: np.sum(x**2) + np.sum(3 * x))
    c.value_and_grad(np.ones(3))
    laws = c.report.derivative_laws
    assert laws["1 x = x"]["value_and_grad"] >= 1
    assert all(set(times) <= set(c.report.functions) for times in laws.values())


# --- kinks --------------------------------------------------------------------------------------

JUMPS = {
    "relu by a mask": (lambda x: np.sum((x > 0) * x), "greater"),
    "a branch": (lambda x: np.sum(np.where(x < 1, x**2, 2 * x)), "less"),
    "selected": (lambda x: np.sum(x[x > 0]), "greater"),
    "rounded to whole numbers": (lambda x: np.sum(x * x.astype(int)), "astype"),
    "counted": (lambda x: np.count_nonzero(x) * x[0], "count_nonzero"),
    "the place of the largest": (lambda x: x[np.argmax(x)] ** 2, "argmax"),
    "sorted": (lambda x: np.sort(x)[0] ** 2, "argsort"),
    "written by index": (lambda x: np.sum(written(x)), "put_at"),
}
NO_JUMPS = {
    "another precision": lambda x: np.sum(x.astype(np.float32)),
    "written at places": lambda x: np.sum(filled(x)),
    "a mask of something else": lambda x: np.sum(np.where(np.arange(3.0) > 1, x, 2 * x)),
}


def written(x):
    out = np.zeros(3)
    out[np.array([0, 1, 1])] = x
    return out


def filled(x):
    out = np.zeros(4)
    out[0] = x[1]
    out[1:] = x
    return out


@pytest.mark.parametrize(("f", "op"), JUMPS.values(), ids=JUMPS.keys())
def test_a_jump_of_the_value_is_met(f, op):
    x = np.array([0.3, -0.2, 0.9])
    c = symgrad.compile(f)
    c.grad(x)
    assert op in [kink.op for kink in c.report.kinks]
    with pytest.raises(symgrad.KinkError, match=op):
        symgrad.compile(f, kinks="raise").grad(x)


@pytest.mark.parametrize("f", NO_JUMPS.values(), ids=NO_JUMPS.keys())
def test_what_does_not_jump_is_not_met(f):
    x = np.array([0.3, -0.2, 0.9])
    symgrad.compile(f, kinks="raise").grad(x)


def at_zeros(function):
    return lambda x: np.sum(function(x) * 1.0), np.zeros(2), [0, 0]


def of_pair(function):
    return lambda x: function(x[0], x[1]), np.ones(2), [0.5, 0.5]


CONVENTIONS = [
    ("absolute", *at_zeros(np.abs)),
    ("sign", *at_zeros(np.sign)),
    ("copysign", *at_zeros(lambda x: np.copysign(x, 2.0))),
    ("heaviside", *at_zeros(lambda x: np.heaviside(x, 0.5))),
    ("signbit", *at_zeros(np.signbit)),
    ("floor", *at_zeros(np.floor)),
    ("ceil", *at_zeros(np.ceil)),
    ("trunc", *at_zeros(np.trunc)),
    ("rint", lambda x: np.sum(np.rint(x)), np.array([0.5]), [0]),
    ("round", lambda x: np.sum(np.round(x, 1)), np.array([0.05]), [0]),
    ("floor_divide", *at_zeros(lambda x: x // 1.0)),
    ("remainder", lambda x: np.sum(x % 1.0), np.array([0.0, 1.0]), [1, 1]),
    ("fmod", lambda x: np.sum(np.fmod(x, 1.0)), np.array([0.0, 1.0]), [1, 1]),
    ("astype", *at_zeros(lambda x: x.astype(int))),
    ("astype", *at_zeros(lambda x: x.astype(bool))),
    ("equal", *at_zeros(lambda x: x == 0)),
    ("not_equal", *at_zeros(lambda x: x != 0)),
    ("less", *at_zeros(lambda x: x < 0)),
    ("less_equal", *at_zeros(lambda x: x <= 0)),
    ("greater", *at_zeros(lambda x: x > 0)),
    ("greater_equal", *at_zeros(lambda x: x >= 0)),
    ("logical_and", *at_zeros(lambda x: np.logical_and(x, x))),
    ("logical_or", *at_zeros(lambda x: np.logical_or(x, x))),
    ("logical_xor", *at_zeros(lambda x: np.logical_xor(x, 1.0))),
    ("logical_not", *at_zeros(np.logical_not)),
    ("any", *at_zeros(np.any)),
    ("all", *at_zeros(np.all)),
    ("count_nonzero", *at_zeros(np.count_nonzero)),
    ("maximum", *at_zeros(lambda x: np.maximum(x, 0))),
    ("minimum", *at_zeros(lambda x: np.minimum(0, x))),
    ("fmax", *at_zeros(lambda x: np.fmax(x, 0))),
    ("fmin", *at_zeros(lambda x: np.fmin(0, x))),
    ("clip", *at_zeros(lambda x: np.clip(x, 0, 1))),
    ("maximum", *of_pair(np.maximum)),
    ("minimum", *of_pair(np.minimum)),
    ("fmax", *of_pair(np.fmax)),
    ("fmin", *of_pair(np.fmin)),
    ("clip", *of_pair(lambda a, b: np.clip(a, b, 5.0))),
    ("max", lambda x: np.max(x), np.ones(4), [0.25] * 4),
    ("min", lambda x: np.min(x), np.ones(4), [0.25] * 4),
    ("max_in_windows", lambda x: view(x, 2).max(axis=1)[0], np.ones(3), [0.5, 0.5, 0]),
    ("min_in_windows", lambda x: view(x, 2).min(axis=1)[0], np.ones(3), [0.5, 0.5, 0]),
    ("argmax", lambda x: x[np.argmax(x)], np.ones(2), [1, 0]),
    ("argmin", lambda x: x[np.argmin(x)], np.ones(2), [1, 0]),
    ("argsort", lambda x: np.sort(x)[0], np.ones(2), [1, 0]),
    ("norm", *at_zeros(np.linalg.norm)),
    ("root_of_squares", *at_zeros(lambda x: np.sqrt(np.sum(x**2)))),
    ("hypot", *at_zeros(lambda x: np.hypot(x[0], x[1]))),
    ("std", lambda x: np.std(x), np.ones(3), [0, 0, 0]),
    ("spacing", *at_zeros(np.spacing)),
    ("angle", *at_zeros(np.angle)),
    ("i0e", *at_zeros(special.i0e)),
    ("gammasgn", lambda x: np.sum(special.gammasgn(x)), np.array([-0.5, 1.5]), [0, 0]),
    ("ive", lambda x: np.sum(special.ive(1.0, x)), np.zeros(1), [0.5]),
    ("modf", lambda x: np.sum(np.modf(x)[0]), np.array([1.0, -2.0]), [1, 1]),
    ("frexp", lambda x: np.sum(np.frexp(x)[0]), np.array([1.0, 2.0]), [0.5, 0.25]),
    ("nan_to_num", lambda x: np.sum(np.nan_to_num(x)), np.array([np.nan, 1.0]), [0, 1]),
    ("unwrap", lambda x: np.sum(np.unwrap(x)), np.array([0.0, 7.0]), [1, 1]),
    ("isclose", lambda x: np.sum(np.isclose(x, 1.0) * 1.0), np.ones(2), [0, 0]),
    ("power", lambda x: np.sum(np.zeros(2) ** x), np.array([1.0, 0.5]), [0, 0]),
    ("put_at", lambda x: np.sum(written(x)), np.ones(3), [1, 0, 1]),
]  # fmt: skip


@pytest.mark.parametrize(("op", "f", "x", "expected"), CONVENTIONS)
def test_the_derivative_at_a_kink_is_the_convention(op, f, x, expected):
    c = symgrad.compile(f)
    np.testing.assert_array_equal(c.grad(x), expected)
    assert op in [kink.op for kink in c.report.kinks]


def test_a_determinant_has_no_derivative_at_a_singular_matrix():
    c = symgrad.compile(lambda x: np.linalg.det(x))
    with pytest.raises(np.linalg.LinAlgError):
        c.grad(np.zeros((2, 2)))
    assert "det" in [kink.op for kink in c.report.kinks]


def test_every_convention_is_tried():
    kinked = {name for name, row in OPS.items() if row.facts.kinks}
    assert kinked == {"det", *(op for op, *_ in CONVENTIONS)}


# --- the same bytes everywhere, as text and data ------------------------------------------------

PROGRAM = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from test_report import arguments, two_layer
from golden_programs import by_name
c = two_layer()
c.value_and_grad(*arguments())
r = c.report
print(r, r.markdown(), r.json(), two_layer(specs={specs!r}).report.json())
"""


def test_another_process_and_hash_seed_give_the_same_bytes(tmp_path):
    program = PROGRAM.format(root=str(ROOT), tests=str(ROOT / "tests"), specs=SPECS)
    texts = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=folder,
            capture_output=True,
            check=True,
        ).stdout
        for seed, folder in (("0", tmp_path), ("4242", tmp_path), ("7", ROOT.parent))
    ]
    assert texts[0] == texts[1] and b"log_softmax" in texts[0]
    assert re.sub(rb'[^`"\s]*test_report\.py', b"", texts[2]) == texts[0].replace(
        b"test_report.py", b""
    )
    assert str(ROOT).encode() not in texts[0]


def test_the_data_is_plain_and_complete():
    c = two_layer()
    c.value_and_grad(*arguments())
    data = json.loads(c.report.json())
    assert data == c.report.as_dict()
    documented = re.findall(r"``(\w+)``", type(c.report).as_dict.__doc__)
    assert set(data) <= set(documented)
    assert {k for part in data["functions"].values() for k in part} <= set(documented)
    assert data["sizes"] == {"d": 4, "k": 5, "m": 3, "N": 7}
    assert data["kinks"][0]["at"]["text"] == "h = np.maximum(0, X @ W1)"


def test_a_report_without_an_example_knows_no_numbers():
    functions = two_layer(specs=SPECS).report.as_dict()["functions"]
    assert functions["forward"]["flops"]["traced"] is None
    assert functions["forward"]["peak_bytes"] is None
    assert "check: not run yet" in str(two_layer(specs=SPECS).report)


def test_the_text_is_kept(compare):
    c = two_layer(specs=SPECS)
    path = "report.md"
    text = re.sub(r"[^`\s]*test_report\.py:\d+", "loss.py:1", c.report.markdown())
    compare(path, text)
    assert (GOLDEN / path).exists()


def test_markdown_tables_keep_their_columns():
    c = symgrad.compile(lambda x: np.sum(np.sqrt(x**2)))
    c.grad(np.ones(3))
    tables = [
        table.splitlines()
        for table in re.findall(r"(?:^\|.*\n)+", c.report.markdown(), re.MULTILINE)
    ]
    assert len(tables) >= 4 and any("\\|x\\|" in row for table in tables for row in table)
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table}) == 1
    assert c.report._repr_markdown_() == c.report.markdown()


def test_nothing_is_counted_before_somebody_asks(monkeypatch):
    c = two_layer()
    c.value_and_grad(*arguments())
    made = c._newest()
    monkeypatch.setattr(made, "joint", lambda *_, **__: pytest.fail("the stages ran again"))
    report = c.report
    assert report.guards is not None and report.laws and report.kinks


def test_a_report_tells_what_was_known_when_it_was_made():
    c = two_layer(specs=SPECS)
    before = c.report
    c.value_and_grad(*arguments())
    assert "not run yet" in str(before) and "equals" in str(c.report)
