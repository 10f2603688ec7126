"""The graph: its invariants, equal right-hand sides, several results, ops that hold graphs."""

import numpy as np
import pytest
import sympy as sp

import symgrad
from symgrad.differentiate import differentiate
from symgrad.errors import GraphError
from symgrad.expand import drop_dead, expand
from symgrad.graph import (
    BOOL,
    FLOAT64,
    OPS,
    Aval,
    Builder,
    Equation,
    Graph,
    Static,
    check,
    symbol,
)
from symgrad.ops.table import FRONT, accept, builder_of, op, structural
from symgrad.simplify import simplify

VECTOR = Aval((3,), FLOAT64)


def chain(*, lhs=None, operand=None, output=None, avals=None):
    """Return ``%1 := exp(%0)``, broken where an argument says so."""
    x, y = symbol(0), symbol(1)
    known = {x: VECTOR, y: VECTOR} if avals is None else avals
    return Graph((x,), chain_equations(lhs, operand), (output or y,), known)


def chain_equations(lhs=None, operand=None):
    return (Equation(lhs or (symbol(1),), OPS["exp"].of((operand or symbol(0),))),)


BROKEN = [
    ("reads an unbound symbol", {"operand": symbol(7)}, "before any equation binds it"),
    ("binds an input again", {"lhs": (symbol(0),)}, "a second time"),
    ("binds two of one result", {"lhs": (symbol(1), symbol(2))}, "binds 2 of 1 results"),
    ("has no aval", {"avals": {symbol(0): VECTOR}}, "without an aval"),
    ("returns an unbound symbol", {"output": symbol(9)}, "bound by no equation"),
]


@pytest.mark.parametrize("change, message", [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_broken_graph_is_refused(change, message):
    with pytest.raises(GraphError, match=message):
        check(chain(**change))


def test_a_sound_graph_is_returned_unchanged():
    graph = chain()
    assert check(graph) is graph


def test_equal_right_hand_sides_get_one_symbol():
    b = Builder()
    x = b.wrap(b.input(VECTOR))
    assert op.exp(x).symbol is op.exp(x).symbol
    assert op.exp(x).symbol is not op.sin(x).symbol
    assert len(b.equations) == 2


def test_literals_of_different_type_or_sign_stay_apart():
    values = [1, 1.0, True, 0.0, -0.0, "1"]
    statics = [Static(v) for v in values]
    assert len(set(statics)) == len(values)
    assert Static((1, (2.0,))) == Static((1, (2.0,))) != Static((1, (2,)))


def test_every_op_is_a_sympy_head_that_sympy_leaves_alone():
    b = Builder()
    x = b.wrap(b.input(VECTOR))
    zero = x - x
    rhs = b.equations[-1].rhs
    assert isinstance(rhs, sp.Expr) and zero.symbol in b.defined_by
    assert rhs.operands == (x.symbol, x.symbol)


# --- several results ----------------------------------------------------------------------------


@pytest.fixture
def sine_and_cosine():
    """A row with two results, taken from the table again after the test."""

    def vjp(cts, ys, x):
        return cts[0] * ys[1] - cts[1] * ys[0]

    structural(
        "sine_and_cosine", "Both at once.", results=2, aval=lambda shapes, x: (x, x), vjp=vjp,
        numpy="(np.sin({0}), np.cos({0}))",
    )  # fmt: skip

    @accept(both)
    def front(x):
        return op.sine_and_cosine(x)

    yield
    del OPS["sine_and_cosine"], FRONT[both]
    op.__dict__.pop("sine_and_cosine", None)


def both(x):
    return np.sin(x), np.cos(x)


both.__module__ = "numpy"  # a library function: answered by the table, not staged


@pytest.mark.usefixtures("sine_and_cosine")
def test_an_op_with_two_results_is_traced_differentiated_and_emitted():
    def f(x):
        s, c = both(x)
        return np.sum(s * c**2)

    x = np.linspace(-1, 1, 5)
    c = symgrad.compile(f, check="grad")
    value, grad = c.value_and_grad(x)
    np.testing.assert_allclose(value, np.sum(np.sin(x) * np.cos(x) ** 2))
    np.testing.assert_allclose(grad, np.cos(x) ** 3 - 2 * np.sin(x) ** 2 * np.cos(x))
    assert "s, c = (np.sin(x), np.cos(x))" in c.source
    assert c.source.count("np.sin(x)") == 2  # once in forward, once in value_and_grad


@pytest.mark.usefixtures("sine_and_cosine")
def test_a_result_that_nobody_reads_gets_a_zero_cotangent():
    def f(x):
        s, _ = both(x)
        return np.sum(s)

    x = np.linspace(-1, 1, 5)
    c = symgrad.compile(f)
    np.testing.assert_allclose(c.grad(x), np.cos(x))
    _, residuals = c.forward(x)
    np.testing.assert_allclose(c.backward(residuals), np.cos(x))
    assert c.source.count("np.sin(x)") == 2  # once in forward, once in value_and_grad


@pytest.mark.usefixtures("sine_and_cosine")
def test_two_results_are_shared_like_one():
    b = Builder()
    x = b.wrap(b.input(VECTOR))
    assert [y.symbol for y in op.sine_and_cosine(x)] == [y.symbol for y in op.sine_and_cosine(x)]
    assert len(b.equations) == 1


def test_slogdet_gives_both_results_and_the_gradient_of_one():
    def f(A):
        sign, logdet = np.linalg.slogdet(A)
        return sign * logdet

    A = np.array([[2.0, 0.3], [0.1, 1.5]])
    np.testing.assert_allclose(symgrad.grad(f)(A), np.linalg.inv(A).T)
    np.testing.assert_allclose(
        symgrad.hessian(f)(A),
        -np.einsum("li,jk->ijkl", np.linalg.inv(A), np.linalg.inv(A)),
        rtol=1e-12,
    )


# --- ops that hold graphs -----------------------------------------------------------------------


def inline(builder, body, operands):
    """Bind the equations of ``body`` over other operands."""
    new = dict(zip(body.inputs, (x.symbol for x in operands), strict=True))
    for eqn in body.equations:
        new.update(zip(eqn.lhs, builder.replay(eqn, new, body), strict=True))
    return [builder.wrap(new[y]) for y in body.outputs]


@pytest.fixture
def apply_body():
    """A row that holds a graph of one input and one output."""

    def vjp(ct, y, x, body):
        joint = differentiate(body, body.inputs, seed_name="ct")
        joint = drop_dead(simplify(joint, len(body.equations), 1))
        return inline(builder_of((x,)), joint, (x, ct))[1]

    structural(
        "apply_body", "The function that a graph holds.", params=("body",),
        aval=lambda shapes, x, body: body.aval(body.outputs[0]),
        vjp=vjp, expand=lambda x, body: inline(builder_of((x,)), body, (x,))[0], numpy=None,
    )  # fmt: skip
    yield
    del OPS["apply_body"]
    op.__dict__.pop("apply_body", None)


def cube_of_sine():
    b = Builder()
    x = b.wrap(b.input(VECTOR, "x"))
    return b.graph([op.power(op.sin(x), 3).symbol])


@pytest.mark.usefixtures("apply_body")
def test_an_op_that_holds_a_graph_is_checked_shared_and_written_out():
    body = cube_of_sine()
    b = Builder()
    x = b.wrap(b.input(VECTOR, "x"))
    y = op.apply_body(op.apply_body(x, body=body), body=body)
    assert op.apply_body(x, body=body).symbol is b.equations[0].lhs[0]
    graph = check(b.graph([y.symbol]))
    names = [eqn.rhs.name for eqn in expand(graph).equations]
    assert names == ["sin", "power", "sin", "power"]


@pytest.mark.usefixtures("apply_body")
def test_a_broken_body_breaks_the_graph_that_holds_it():
    b = Builder()
    x = b.wrap(b.input(VECTOR, "x"))
    body = chain()
    object.__setattr__(body, "equations", chain_equations(operand=symbol(7)))
    y = op.apply_body(x, body=body)
    with pytest.raises(GraphError, match="before any equation binds it"):
        check(b.graph([y.symbol]))


@pytest.mark.usefixtures("apply_body")
def test_the_gradient_goes_through_a_body():
    from evaluation import NUMPY, evaluate

    body = cube_of_sine()
    b = Builder()
    x = b.wrap(b.input(VECTOR, "x"))
    graph = b.graph([op.sum(op.apply_body(x, body=body), axis=(0,), keepdims=False).symbol])
    joint = expand(simplify(differentiate(graph, graph.inputs), len(graph.equations)))
    at = np.array([0.3, -1.2, 2.0])
    table = NUMPY | {"sin": np.sin, "cos": np.cos, "broadcast_to": np.broadcast_to}
    value, grad = evaluate(drop_dead(joint), table, at)
    np.testing.assert_allclose(value, np.sum(np.sin(at) ** 3))
    np.testing.assert_allclose(grad, 3 * np.sin(at) ** 2 * np.cos(at))


def test_a_comparison_has_no_cotangent():
    b = Builder()
    x = b.wrap(b.input(VECTOR, "x"))
    assert op.greater(x, 0).dtype == BOOL
