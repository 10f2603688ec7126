"""Symbolic shapes, sentence by sentence of their specification."""

import re
import warnings
from typing import Annotated

import numpy as np
import pytest
from oracles import numerical_gradient

import symgrad
from symgrad import ShapeError, SymgradWarning
from symgrad.dims import Dim, evaluate, floor_div, largest, mod, smallest, spell

RNG = np.random.default_rng(0)


def emitted(compiled):
    names = {}
    exec(compile(compiled.source, "emitted", "exec"), names)
    return names["value_and_grad"]


def assert_right(compiled, function, *args):
    expected = numerical_gradient(function, args, 0)
    np.testing.assert_allclose(compiled.grad(*args), expected, rtol=1e-5, atol=1e-7)


def regression(W, X, y):
    N, D = X.shape
    return ((np.tanh(X @ W) - y) ** 2).sum() / max(N, 1) + 0 * D


def batch(n, d=4):
    return RNG.normal(size=d), RNG.normal(size=(n, d)), RNG.normal(size=n)


# --- sizes as expressions ------------------------------------------------------------------------

n, m = Dim("n"), Dim("m")
SIZES = {
    "n - m": n - m,
    "2 - n": 2 - n,
    "-m * n": -n * m,
    "m * (n + 1)": (n + 1) * m,
    "n**2": n**2,
    "4 * (m * n // 4)": 4 * floor_div(n * m, 4),
    "m * (n // 2)": floor_div(n, 2) * m,
    "(n - 1) // 2 + 1": floor_div(n - 1, 2) + 1,
    "4 * n // (m + 1)": floor_div(4 * n, m + 1),
    "2 * (n % 2) + 1": mod(n, 2) * 2 + 1,
    "min(n, m)": smallest(n, m),
    "max(n, 3)": largest(n, 3),
}


@pytest.mark.parametrize("text", SIZES)
def test_a_size_is_spelled_as_what_it_is(text):
    assert spell(SIZES[text]) == text
    for a in range(1, 7):
        for b in range(1, 5):
            assert eval(text, {"n": a, "m": b}) == evaluate(SIZES[text], {n: a, m: b})


# --- one module, every size ----------------------------------------------------------------------


def test_one_module_serves_every_batch_size():
    c = symgrad.compile(regression)
    for size in (5, 3, 1, 0, 7):
        assert_right(c, regression, *batch(size))
    assert len(c.sources) == 1
    run = emitted(symgrad.compile(lambda w, X: (X @ w).sum(), specs={"w": "d", "X": "n d"}))
    for size in (0, 1, 6):
        np.testing.assert_allclose(run(np.ones(3), np.ones((size, 3)))[1], [size] * 3)
    assert run(np.ones(0), np.ones((2, 0)))[1].shape == (0,)


def test_a_bias_of_one_element_is_specialised():
    def f(b, h):
        return (h * b).sum()

    c = symgrad.compile(f)
    h = RNG.normal(size=(5, 3))
    for args in ((np.ones(3), h), (np.ones(1), h), (np.ones(3), h[:1]), (np.ones(3), h[:, :1])):
        assert_right(c, f, *args)


def test_equal_sizes_are_not_taken_for_the_same():
    c = symgrad.compile(lambda a, b: a.sum() * b.sum())
    c.grad(np.ones(3), np.ones(3))
    c.grad(np.ones(3), np.ones(4))
    assert len(c.sources) == 1


# --- names ---------------------------------------------------------------------------------------


def test_the_users_unpacking_names_the_sizes():
    c = symgrad.compile(regression)
    c.grad(*batch(5))
    assert "W (D,)  X (N, D)  y (N,)" in c.source
    assert "# (N,)" in c.source


def test_specs_name_the_sizes_without_data():
    c = symgrad.compile(lambda W, X: (X @ W).sum(), specs={"W": ("d",), "X": ("n", "d")})
    assert "W (d,)  X (n, d)" in c.source
    np.testing.assert_allclose(emitted(c)(np.ones(2), np.ones((3, 2)))[1], [3, 3])
    c.grad(np.ones(4), np.ones((5, 4)))
    assert len(c.sources) == 1


def test_specs_name_the_sizes_of_data_too():
    specs = {"W": ("p", "q"), "X": ("batch", "p")}
    c = symgrad.compile(lambda W, X: ((X @ W) ** 2).sum(), specs=specs)
    without = symgrad.compile(c.function, specs=specs).source
    c.grad(np.ones((2, 3)), np.ones((5, 2)))
    assert "W (p, q)  X (batch, p)" in c.source
    assert c.source == without


@pytest.mark.parametrize("spec", ["N int", ("N", "int"), (("N",), "int"), (("N",), np.int64)])
def test_specs_hold_dtypes(spec):
    def f(s, y):
        N = len(y)
        return s[np.arange(N), y].sum()

    assert "y (N,) int64" in symgrad.compile(f, specs={"s": "N C", "y": spec}).source


def test_annotations_name_the_sizes():
    def quoted(W: "d", X: "n d", k: float = 2.0):  # noqa: F722, F821
        return (X @ W).sum() * k

    def annotated(W: Annotated[np.ndarray, "d"], X: Annotated[np.ndarray, "n d"], k: float = 2.0):
        return (X @ W).sum() * k

    for f in (quoted, annotated):
        c = symgrad.compile(f)
        assert "W (d,)  X (n, d)  k ()" in c.source
        np.testing.assert_allclose(c.grad(np.ones(3), np.ones((2, 3))), 4.0)


def test_unnamed_sizes_get_letters():
    c = symgrad.compile(lambda W, X: (X @ W).sum())
    c.grad(np.ones(3), np.ones((2, 3)))
    assert re.search(r"W \((\w),\)  X \(\w, \1\)", c.source)


# --- unification ---------------------------------------------------------------------------------


def test_a_conflict_names_operands_shapes_and_line():
    def f(W, X):
        N, D = X.shape
        return (X @ W).sum() + 0 * (N + D)

    with pytest.raises(ShapeError) as caught:
        symgrad.compile(f).grad(np.ones(3), np.ones((4, 2)))
    message = str(caught.value)
    assert "product of X (N = 4, D = 2) and W (3,): sizes D = 2 and 3 disagree" in message
    assert re.search(r"test_shapes\.py:\d+: return \(X @ W\)\.sum\(\)", message)


def test_expressions_that_meet_are_compared_in_the_example():
    def f(X, p):
        N, D = X.shape
        return (X.reshape(N * D // 4, 4) * p).sum()

    c = symgrad.compile(f)
    for shape, rows in (((4, 4), 4), ((2, 4), 2), ((2, 8), 4)):
        assert_right(c, f, np.ones(shape), RNG.normal(size=(rows, 4)))
    with pytest.raises(ShapeError, match="disagree"):
        symgrad.compile(f).grad(np.ones((4, 4)), np.ones((3, 4)))
    assert len(c.report.guards) == 1


def test_sizes_that_meet_stay_equal():
    c = symgrad.compile(lambda a, b: (a * b).sum())
    c.grad(np.ones(3), np.ones(3))
    for other in (4, 1):
        with pytest.raises(ValueError, match=rf"b has shape \({other},\), expected \(3,\)"):
            emitted(c)(np.ones(3), np.ones(other))
    with pytest.raises(ShapeError):
        c.grad(np.ones(3), np.ones(4))
    assert c.grad(np.ones(3), np.ones(1)).shape == (3,)  # its own specialisation


# --- sizes in Python -----------------------------------------------------------------------------


def arithmetic_of_sizes(x):
    n = x.shape[0]
    assert isinstance(n, int)
    counts = n + 1, 2 * n, n // 2, n % 2, n**2, -n, float(n), int(n), max(n, 3), min(n, 3), abs(n)
    return x.sum() * sum(counts) / n * np.sqrt(n) * np.log(n + 1)


def creation_by_sizes(x, X=np.ones((4, 2))):  # noqa: B008
    n, (N, D) = len(x), X.shape
    a, z, o, e = np.arange(n) / n, np.zeros((n, 2)), np.ones(n), np.eye(n)
    rows = X.reshape(N * D).sum() + X.reshape(-1).mean() + X.reshape(D, N).sum() / X.size
    return (a * x).sum() + z.sum() + o @ x + (e @ x).sum() + rows + np.full((n,), 2.0) @ x / x.size


def slices_by_sizes(x):
    n = len(x)
    return x[: n // 2].sum() + 2 * x[n // 2 :].sum() + x[-1] + (x[1:] - x[:-1]).sum()


@pytest.mark.parametrize("f", [arithmetic_of_sizes, creation_by_sizes, slices_by_sizes])
def test_sizes_stay_symbolic_in(f):
    c = symgrad.compile(f)
    for size in (5, 4, 7):
        assert_right(c, f, RNG.normal(size=size))
    assert len(c.sources) == 1


def test_a_comparison_of_sizes_is_a_guard():
    def f(x):
        if len(x) > 3:
            return (x**2).sum()
        return x.sum()

    c = symgrad.compile(f)
    for size in (5, 3, 9, 2):
        assert_right(c, f, np.ones(size))
    assert len(c.sources) == 2
    assert "x.shape[0] <= 3" in str(c.report)


def test_a_forced_size_is_specialised_anew():
    def f(x):
        return x.sum() * len([0] * x.shape[0])

    c = symgrad.compile(f)
    for size in (3, 4, 3):
        assert_right(c, f, np.ones(size))
    assert len(c.sources) == 2
    assert re.search(r"a size is fixed by .*test_shapes\.py:\d+", str(c.report))


def loops(x):
    s = 0.0
    for i in range(len(x)):
        s = s + x[i] ** 2
    for a in x:
        s = s + a
    for i, (a, b) in enumerate(zip(x, x, strict=True)):
        s = s + i * a * b
    return s


def test_loops_over_sizes_are_written_out_and_reported():
    c = symgrad.compile(loops)
    for size in (3, 4, 3, 1):
        assert_right(c, loops, RNG.normal(size=size))
    c = symgrad.compile(loops)
    c.grad(np.ones(4))
    assert len(c.report.loops) == 3
    assert re.search(
        r"test_shapes\.py:\d+: for i in range\(len\(x\)\):: 4 rounds", c.report.loops[0]
    )


# --- (n,) against (n, 1) -------------------------------------------------------------------------


def column(w, X, y):
    p = X @ w
    return ((p - y) ** 2).mean()


def test_a_column_against_a_row_warns():
    with pytest.warns(
        SymgradWarning, match=r"y of shape \(5,\) against p of shape \(5, 1\)"
    ) as seen:
        symgrad.compile(column).grad(np.ones((3, 1)), np.ones((5, 3)), np.ones(5))
    (warning,) = seen
    assert "return ((p - y) ** 2).mean()" in str(warning.message)
    assert warning.filename == __file__
    assert warning.lineno == column.__code__.co_firstlineno + 2


@pytest.mark.parametrize(
    "shapes", [((3, 1), (5, 3), (4,)), ((3, 1), (1, 3), (1,)), ((3,), (5, 3), (5,))]
)
def test_other_broadcasting_does_not_warn(shapes):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        symgrad.compile(column).grad(*map(np.ones, shapes))


PAIRS = (
    lambda x, y: ((x[:, None] - y) ** 2).sum(),
    lambda x, y: (np.expand_dims(x, 1) * y).sum(),
    lambda x, y: (np.subtract.outer(x, y) ** 2).sum(),
)


@pytest.mark.parametrize("pairs", PAIRS)
def test_pairs_on_purpose_do_not_warn(pairs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        symgrad.compile(pairs).grad(np.ones(4), np.ones(4))
        symgrad.compile(lambda x: pairs(x, x)).grad(np.ones(4))


def test_a_column_by_reshape_warns():
    with pytest.warns(SymgradWarning, match="every pair"):
        symgrad.compile(lambda x, y: (x.reshape(-1, 1) - y).sum()).grad(np.ones(4), np.ones(4))
