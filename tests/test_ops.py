"""The rows of the table against SymPy, and at the points where formulas break."""

import inspect
import math
import warnings

import numpy as np
import pytest
import sympy as sp
from oracles import assert_same, complex_gradient, sympy_derivative

import symgrad
from symgrad.differentiate import differentiate
from symgrad.expand import expand
from symgrad.graph import FLOAT64, OPS, Aval, Builder, Static, Sym, check
from symgrad.ops import FRONT, special
from symgrad.ops.calculus import REFUSED, canonical_symbols, derivative
from symgrad.schedule.statements import WRITES

# The functions of SciPy have tables of their own, in test_special.py.
ELEMENTWISE = {
    name: row for name, row in OPS.items() if row.facts.elementwise and name not in special.NAMES
}
WITH_MATH = sorted(
    name for name, row in ELEMENTWISE.items() if row.facts.math is not None and row.vjp is not None
)
BY_SYMPY = sorted(name for name in WITH_MATH if OPS[name].facts.partials is None)
# Heads that SymPy differentiates to nothing usable, beside what they are away from their jumps.
AWAY_FROM_JUMPS = {
    "sign": lambda x: sp.Integer(1 if x > 0 else -1),
    "floor": math.floor,
    "ceil": math.ceil,
    "remainder": lambda a, b: a - b * math.floor(a / b),
    "floor_divide": lambda a, b: math.floor(a / b),
}


def arity_of(row):
    """Return how many operands the row's own formula takes."""
    if isinstance(row.facts.math, sp.FunctionClass):
        return {sp.Max: 2, sp.Min: 2, sp.atan2: 2, sp.Mod: 2}.get(row.facts.math, 1)
    parameters = inspect.signature(row.facts.math).parameters.values()
    return sum(p.default is p.empty for p in parameters)


def points_of(row, count):
    """Return points in the row's domain, none of them a kink or a tie."""
    low, high = row.facts.domain
    random = np.random.RandomState(len(row.name))
    return random.uniform(low, high, (6, count))


def derivative_graph(name, arity, order):
    """Return the graph of an op differentiated by each operand in ``order``, one after another."""
    builder = Builder()
    xs = [builder.wrap(builder.input(Aval((), FLOAT64, "numpy"), f"x{i}")) for i in range(arity)]
    graph = check(builder.graph([builder.apply(name, *xs).symbol]))
    for i in order:
        if not isinstance(graph.outputs[0], Sym):
            return expand(builder.graph([Static(0.0)]))  # the derivative of a constant
        joint = differentiate(graph, [graph.inputs[i]])
        outputs = joint.outputs[1:]
        builder = Builder.continuing(joint)
        graph = check(builder.graph(outputs))
    return expand(graph)


def run(graph, *inputs):
    """Return the first output, each op done by NumPy's function of its name."""
    values = dict(zip(graph.inputs, inputs, strict=True))
    read = lambda x: x.value if isinstance(x, Static) else values[x]
    with np.errstate(all="ignore"):
        for eqn in graph.equations:
            settings = dict(zip(eqn.rhs.params, eqn.rhs.settings, strict=True))
            values[eqn.lhs[0]] = np.float64(
                plain(eqn.rhs.name)(*map(read, eqn.rhs.operands), **settings)
            )
    return float(read(graph.outputs[0]))


def plain(name):
    """Return NumPy's function, or SciPy's, for an op of its name."""
    found = PLAIN.get(name)
    if name in special.NAMES:
        found = getattr(pytest.importorskip("scipy.special"), name)
    return found or getattr(np, name)


PLAIN = {
    "numpy_i0": np.i0,
    "full": lambda shape, value, dtype: np.full(shape, value, dtype),
    "astype": lambda x, dtype: np.dtype(dtype).type(x),
    "power": lambda a, b: np.power(np.float64(a), b),
}


def exact(row, point, order):
    by_hand = AWAY_FROM_JUMPS.get(row.name)
    if by_hand is None:
        return sympy_derivative(row.facts.math, point, order)
    if row.name == "remainder":
        slope = [1.0, -float(math.floor(point[0] / point[1]))][order[0]]
        return slope if len(order) == 1 else 0.0
    return 0.0


@pytest.mark.parametrize("name", WITH_MATH)
def test_an_elementwise_rule_is_the_derivative_of_its_formula(name):
    row, arity = OPS[name], arity_of(OPS[name])
    for i in range(arity):
        graph = derivative_graph(name, arity, (i,))
        for point in points_of(row, arity):
            np.testing.assert_allclose(
                run(graph, *point), exact(row, point, (i,)), rtol=1e-11, atol=1e-13
            )


@pytest.mark.parametrize("name", WITH_MATH)
def test_its_second_derivative_is_that_of_its_formula(name):
    row, arity = OPS[name], arity_of(OPS[name])
    for i in range(arity):
        for j in range(arity):
            graph = derivative_graph(name, arity, (i, j))
            for point in points_of(row, arity)[:3]:
                np.testing.assert_allclose(
                    run(graph, *point), exact(row, point, (i, j)), rtol=1e-9, atol=1e-12
                )


@pytest.mark.parametrize("name", WITH_MATH)
def test_its_third_derivative_is_that_of_its_formula(name):
    row, arity = OPS[name], arity_of(OPS[name])
    for i in range(arity):
        graph = derivative_graph(name, arity, (i, i, i))
        for point in points_of(row, arity)[:2]:
            np.testing.assert_allclose(
                run(graph, *point), exact(row, point, (i, i, i)), rtol=1e-7, atol=1e-10
            )


@pytest.mark.parametrize("name", BY_SYMPY)
def test_a_derivative_found_by_sympy_is_made_of_functions_that_rows_compute(name):
    arity = arity_of(OPS[name])
    for i in range(arity):
        found = derivative(OPS[name], i, arity)
        assert not found.has(*REFUSED)
        assert found.free_symbols <= set(canonical_symbols(arity))


STRESS = [0.0, 800.0, -800.0, 1e-300, -1e-300, 30.0, -30.0, 1e-8, -1e-8, 1e8]


@pytest.mark.parametrize("name", [n for n in WITH_MATH if arity_of(OPS[n]) == 1])
def test_a_derivative_is_right_where_formulas_break(name):
    row = OPS[name]
    graph = derivative_graph(name, 1, (0,))
    for x in STRESS:
        if name in AWAY_FROM_JUMPS or name == "absolute":
            continue
        true = sympy_derivative(row.facts.math, (x,), (0,), digits=900)
        if math.isfinite(true):
            np.testing.assert_allclose(
                run(graph, x), true, rtol=1e-9, atol=1e-15, err_msg=f"at {x}"
            )


def test_every_elementwise_op_has_a_formula_or_says_why_not():
    without = {n for n, row in ELEMENTWISE.items() if row.facts.math is None and row.vjp}
    assert without == {
        "where", "trunc", "rint", "fmod", "copysign", "heaviside",
        "angle", "ldexp", "nextafter", "spacing",
    }  # fmt: skip


# --- points where the derivative is a choice, or a formula divides by zero -----------------------

TINY, BIG = 1e-300, 800.0
CHOICES = [
    ("max(0, x) at 0", lambda x: np.maximum(0, x), 0.0, 0.0),
    ("max(x, 0) at 0", lambda x: np.maximum(x, 0), 0.0, 0.0),
    ("min(x, 1) at 1", lambda x: np.minimum(x, 1), 1.0, 0.0),
    ("two variables share a tie", lambda x: np.maximum(x, 1.0 * x), 3.0, 1.0),
    ("abs at 0", lambda x: np.abs(x), 0.0, 0.0),
    ("sign at 0", lambda x: np.sign(x), 0.0, 0.0),
    ("clip at its lower limit", lambda x: np.clip(x, 0, 1), 0.0, 0.0),
    ("clip at its upper limit", lambda x: np.clip(x, 0, 1), 1.0, 0.0),
    ("hypot at 0", lambda x: np.hypot(x, 0.0 * x), 0.0, 0.0),
    ("norm at 0", lambda x: np.linalg.norm(x * np.ones(3)), 0.0, 0.0),
    ("root of squares at 0", lambda x: np.sqrt(np.sum((x * np.ones(3)) ** 2)), 0.0, 0.0),
    ("std of equals", lambda x: np.std(x * np.ones(3)), 2.0, 0.0),
    ("x**2 at 0", lambda x: x**2, 0.0, 0.0),
    ("x**1 at 0", lambda x: x**1, 0.0, 1.0),
    ("x**0 at 0", lambda x: x**0, 0.0, 0.0),
    ("x**3 below 0", lambda x: x**3, -2.0, 12.0),
    ("x**n at 0 for n = 1", lambda x: np.sum(x ** np.array([0, 1, 2])), 0.0, 1.0),
    ("0**x", lambda x: np.array(0.0) ** x, 2.0, 0.0),
    ("sinc at 0", lambda x: np.sinc(x), 0.0, 0.0),
    ("sqrt(x**2 + tiny)", lambda x: np.sqrt(x * x + TINY), 0.0, 0.0),
    ("logaddexp far apart", lambda x: np.logaddexp(x, 0), BIG, 1.0),
    ("logaddexp far below", lambda x: np.logaddexp(x, 0), -BIG, 0.0),
    ("softplus as written, large", lambda x: np.log(1 + np.exp(x)), BIG, 1.0),
    ("softplus as written, small", lambda x: np.log(1 + np.exp(x)), -BIG, 0.0),
    ("sigmoid as written, large", lambda x: 1 / (1 + np.exp(-x)), BIG, 0.0),
    ("sigmoid as written, small", lambda x: 1 / (1 + np.exp(-x)), -BIG, 0.0),
    ("tanh, large", lambda x: np.tanh(x), BIG, 0.0),
    ("arctan, large", lambda x: np.arctan(x), 1e200, 0.0),
    ("arcsinh, large", lambda x: np.arcsinh(x), 1e200, 1e-200),
    ("log of tiny", lambda x: np.log(x) * TINY, TINY, 1.0),
    ("where guards log", lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1)), 0), 0.0, 0.0),
    ("where off its mask", lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0, 0.0),
    ("where off its mask, a quotient", lambda x: np.where(x != 0, 1 / x, 0.0), 0.0, 0.0),
    ("prod with one zero", lambda x: np.prod(np.stack([x, 2.0 + 0 * x, 3.0 + 0 * x])), 0.0, 6.0),
    ("prod with two zeros", lambda x: np.prod(np.stack([x, 0 * x, 3.0 + 0 * x])), 0.0, 0.0),
    ("max of ties", lambda x: np.max(np.stack([x, x, 0 * x])), 1.0, 1.0),
    ("rounding at a step", lambda x: np.floor(x) + np.round(x), 1.0, 0.0),
    ("remainder", lambda x: x % 2.0, 3.0, 1.0),
    ("arctan2 on an axis", lambda x: np.arctan2(x, 1.0), 0.0, 1.0),
]


@pytest.mark.parametrize(
    ("function", "x", "slope"), [c[1:] for c in CHOICES], ids=[c[0] for c in CHOICES]
)
def test_a_choice_at_a_kink_is_the_one_that_is_documented(function, x, slope):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same(symgrad.compile(function).grad(np.array(x)), slope, rtol=1e-12, atol=0)
        assert_same(symgrad.compile(function).grad(np.float64(x)), slope, rtol=1e-12, atol=0)


SHARED = [
    ("maximum", lambda a, b: np.sum(np.maximum(a, b)), [0.5, 1.0, 0.0], [0.5, 0.0, 1.0]),
    ("minimum", lambda a, b: np.sum(np.minimum(a, b)), [0.5, 0.0, 1.0], [0.5, 1.0, 0.0]),
    ("fmax", lambda a, b: np.sum(np.fmax(a, b)), [0.5, 1.0, 0.0], [0.5, 0.0, 1.0]),
    ("fmin", lambda a, b: np.sum(np.fmin(a, b)), [0.5, 0.0, 1.0], [0.5, 1.0, 0.0]),
]


@pytest.mark.parametrize(
    ("function", "da", "db"), [c[1:] for c in SHARED], ids=[c[0] for c in SHARED]
)
def test_two_variables_that_tie_share_equally(function, da, db):
    a, b = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 5.0])
    found = symgrad.compile(function, wrt=(0, 1)).grad(a, b)
    assert_same(found[0], np.array(da))
    assert_same(found[1], np.array(db))


NAN_CASES = [
    (np.maximum, np.nan),
    (np.minimum, np.nan),
    (np.fmax, 2.0),
    (np.fmin, 2.0),
]


@pytest.mark.parametrize(("function", "value"), NAN_CASES, ids=lambda c: getattr(c, "__name__", ""))
def test_maximum_passes_nan_on_and_fmax_passes_over_it(function, value):
    c = symgrad.compile(lambda a, b: np.sum(function(a, b)), wrt=(0, 1))
    for a, b in ((2.0, np.nan), (np.nan, 2.0)):
        assert_same(c(np.array([a]), np.array([b])), np.float64(value))


def test_fmax_gives_the_cotangent_to_the_operand_that_is_a_number():
    c = symgrad.compile(lambda a, b: np.sum(np.fmax(a, b)), wrt=(0, 1))
    da, db = c.grad(np.array([np.nan, 2.0]), np.array([2.0, np.nan]))
    assert_same(da, np.array([0.0, 1.0]))
    assert_same(db, np.array([1.0, 0.0]))


ANALYTIC = """
    exp expm1 exp2 sin cos tan arctan sinh cosh tanh arcsinh log log1p log2 log10 sqrt reciprocal
    square arcsin arctanh
"""


@pytest.mark.parametrize("name", ANALYTIC.split())
def test_an_analytic_function_agrees_with_the_complex_step_to_the_last_digits(name):
    function = getattr(np, name)
    loss = lambda x: np.sum(function(x) * np.sin(x))
    x = np.array([0.2, 0.55, 0.81])
    found = symgrad.compile(loss).grad(x)
    assert_same(found, complex_gradient(loss, (x,), 0), rtol=1e-13, atol=1e-15)


def test_a_matrix_product_agrees_with_the_complex_step_to_the_last_digits():
    loss = lambda x, w: np.sum(np.tanh(x @ w) @ w.T)
    x, w = np.random.RandomState(0).uniform(-1, 1, (2, 3, 3))
    for k, grad in enumerate(symgrad.compile(loss, wrt=(0, 1)).grad(x, w)):
        assert_same(grad, complex_gradient(loss, (x, w), k), rtol=1e-13, atol=1e-14)


# --- what is claimed -----------------------------------------------------------------------------

CLAIMED = """
    add subtract multiply divide true_divide negative positive power float_power square reciprocal
    remainder mod fmod floor_divide exp exp2 expm1 log log2 log10 log1p sqrt cbrt sin cos tan
    arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh deg2rad rad2deg radians
    degrees sinc hypot logaddexp logaddexp2 abs absolute fabs sign copysign heaviside maximum
    minimum fmax fmin clip where select equal not_equal less less_equal greater greater_equal
    logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor invert isnan
    isinf isfinite signbit floor ceil trunc rint fix round around
    sum mean average prod max min amax amin ptp var std cumsum any all count_nonzero diff
    argmax argmin argsort sort
    matmul dot vdot inner outer tensordot einsum trace
    reshape ravel transpose swapaxes moveaxis rollaxis expand_dims squeeze atleast_1d atleast_2d
    broadcast_to broadcast_arrays concatenate stack vstack hstack dstack column_stack append flip
    fliplr flipud rot90 roll repeat tile split hsplit vsplit diag diagonal diagflat tril triu pad
    take take_along_axis zeros ones empty full eye identity zeros_like ones_like empty_like
    full_like arange array asarray copy meshgrid shape ndim size real imag angle conj conjugate
    real_if_close nan_to_num ldexp frexp modf divmod nextafter spacing unwrap i0 piecewise choose
    isclose allclose isneginf isposinf isreal iscomplex gcd lcm left_shift right_shift bitwise_count
"""
CLAIMED_ELSEWHERE = [
    np.linalg.norm, np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.solve,
    np.add.reduce, np.multiply.reduce, np.maximum.reduce, np.minimum.reduce, np.add.accumulate,
    np.multiply.outer, np.add.outer, np.lib.stride_tricks.sliding_window_view,
]  # fmt: skip


def test_every_numpy_function_that_is_claimed_is_known():
    assert [name for name in CLAIMED.split() if getattr(np, name) not in FRONT] == []
    assert [f for f in CLAIMED_ELSEWHERE if f not in FRONT] == []


def test_every_function_of_math_that_is_claimed_is_known():
    names = """
        exp expm1 log log2 log10 log1p sqrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh
        acosh atanh hypot pow fabs floor ceil trunc fmod copysign radians degrees
    """
    assert [name for name in names.split() if getattr(math, name) not in FRONT] == []


@pytest.mark.parametrize("name", sorted(OPS))
def test_an_op_has_a_sentence_and_a_formula_for_people(name):
    row = OPS[name]
    assert row.doc.endswith(".")
    assert row.facts.notation or not row.facts.differentiable or row.vjp is None
    assert row.facts.spell["numpy"] is not None or row.facts.expand or name in WRITES


def test_an_op_without_a_derivative_says_so_and_no_rule_is_missing():
    silent = {n for n, row in OPS.items() if row.vjp is None and row.facts.differentiable}
    assert silent == {"size", "full", "eye", "arange", "constant"}  # these have no operands


@pytest.mark.parametrize("reduce", [np.sum, np.mean, np.prod, np.max, np.min])
def test_a_number_is_not_reduced_again(reduce):
    def loss(w, x):
        return reduce(w @ x)

    source = symgrad.compile(loss, specs={"w": ("n",), "x": ("n",)}).source
    assert "    loss = w @ x\n" in source and "    dw = dloss * x  # (n,)\n" in source
    with pytest.raises(symgrad.ShapeError, match="axis 1 does not exist"):
        symgrad.compile(lambda w, x: reduce(w @ x, axis=1))(np.ones(2), np.ones(2))
