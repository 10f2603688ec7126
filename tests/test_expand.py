"""Composites written out in plain ops: the same values, nothing twice, the user's names kept."""

import numpy as np
import pytest
from evaluation import ALL, MPMATH, NUMPY, PRECISE, build, evaluate, formula

from symgrad.expand import drop_dead, expand
from symgrad.graph import FLOAT64, OPS, Aval, Builder, Origin, check
from symgrad.ops import op
from symgrad.ops.indexing import index
from symgrad.ops.table import structural
from symgrad.recognise import recognise

N, C = 3, 4
STRESS = np.array([0.0, -0.0, 1e-300, 800.0, -800.0, 30.0, -30.0, 2.0, 1.0, -1.0, 0.5, -0.1])
STRESS = STRESS.reshape(N, C)
INFINITE = np.array([np.inf, -np.inf, 0.0, 1.0])

COMPOSITES = {
    "sigmoid(x)": op.sigmoid,
    "sigmoid(-x)": lambda x: op.sigmoid(-x),
    "softplus(x)": op.softplus,
    "softplus(-x)": lambda x: op.softplus(-x),
    "softmax of columns": lambda x: op.softmax(x, axis=0),
    "softmax of rows": lambda x: op.softmax(x, axis=1),
    "log_softmax of columns": lambda x: op.log_softmax(x, axis=0),
    "log_softmax of rows": lambda x: op.log_softmax(x, axis=1),
    "logsumexp of rows": lambda x: op.logsumexp(x, axis=(1,)),
    "logsumexp of rows, kept": lambda x: op.logsumexp(x, axis=(1,), keepdims=True),
    "logsumexp of all": lambda x: op.logsumexp(x, axis=(0, 1)),
    "logsumexp of all, kept": lambda x: op.logsumexp(x, axis=(0, 1), keepdims=True),
    "logsumexp, axis=None": lambda x: op.logsumexp(x),
    "root_of_squares of rows": lambda x: op.root_of_squares(x, axis=(1,)),
    "root_of_squares of all, kept": lambda x: op.root_of_squares(
        x, axis=(0, 1), keepdims=True
    ),
}  # fmt: skip
every_composite = pytest.mark.parametrize("function", COMPOSITES.values(), ids=COMPOSITES)


def names(graph):
    return [eqn.rhs.name for eqn in graph.equations]


def composites(graph):
    return [eqn.rhs.name for eqn in graph.equations if eqn.rhs.facts.expand is not None]


@every_composite
@pytest.mark.parametrize("symbolic", [False, True], ids=["static", "symbolic"])
def test_a_composite_becomes_plain_ops_of_the_same_shape_and_dtype(function, symbolic):
    for dtype in ("float64", "float32"):
        before = build(function, (N, C), dtype=np.dtype(dtype), symbolic=symbolic)
        after = check(expand(before))
        assert composites(before)
        assert not composites(after)
        old, new = before.aval(before.outputs[0]), after.aval(after.outputs[0])
        assert (new.shape, new.dtype) == (old.shape, old.dtype)


@every_composite
def test_a_composite_has_the_value_of_its_definition(function):
    before = build(function, (N, C))
    (truth,) = evaluate(before, MPMATH, np.frompyfunc(PRECISE.mpf, 1, 1)(STRESS))
    (found,) = evaluate(expand(before), NUMPY, STRESS)
    assert np.shape(found) == np.shape(truth)
    np.testing.assert_allclose(
        np.asarray(found, float), np.asarray(truth, float), rtol=4e-15, atol=1e-15
    )


def test_a_composite_of_a_vector_is_written_without_kept_axes():
    vector = {
        "softmax": op.softmax,
        "log_softmax": op.log_softmax,
    }
    for function in vector.values():
        graph = drop_dead(expand(build(lambda x, f=function: f(x, axis=0), (C,))))
        assert not any(
            eqn.rhs.setting("keepdims") for eqn in graph.equations if "axis" in eqn.rhs.params
        )
        assert "squeeze" not in names(graph)


def test_elementwise_composites_reach_their_limits_at_infinity():
    for function, limits in ((op.sigmoid, (1, 0)), (op.softplus, (np.inf, 0))):
        (found,) = evaluate(expand(build(function, (C,))), NUMPY, INFINITE)
        assert tuple(found[:2]) == limits


def test_no_sign_is_written_twice():
    assert formula(expand(build(lambda x: op.sigmoid(-x), (N,)))) == "divide(1, add(1, exp(x)))"


def test_composites_of_one_array_share_what_they_have_in_common():
    graph = drop_dead(
        expand(
            build(
                lambda x: (
                    op.softmax(x, axis=1),
                    op.log_softmax(x, axis=1),
                    op.logsumexp(x, axis=(1,)),
                    op.logsumexp(x, axis=(1,), keepdims=True),
                ),
                (N, C),
            )
        )
    )
    assert sorted(names(graph)) == [
        "add", "divide", "exp", "log", "max", "squeeze", "subtract", "subtract", "sum",
    ]  # fmt: skip


def test_the_users_own_equations_and_names_are_found_again():
    builder = Builder()
    s = builder.wrap(builder.input(Aval((N, C), FLOAT64), "s"))
    m = op.max(s, axis=(1,), keepdims=True)
    e = op.exp(s - m)
    total = op.sum(e, axis=(1,), keepdims=True)
    p = e / total
    log_p = op.log(p)
    mine = {"m": m, "e": e, "total": total, "p": p, "log_p": log_p}
    builder.notes.names.update({value.symbol: name for name, value in mine.items()})
    recognised, firings = recognise(builder.graph([p.symbol, log_p.symbol]))
    graph = drop_dead(check(expand(recognised)))
    assert len(firings) == 2
    live = {graph.notes.names.get(y) for eqn in graph.equations for y in eqn.lhs}
    assert live - {None} == set(mine)
    assert [graph.notes.names[y] for y in graph.outputs] == ["p", "log_p"]
    assert formula(graph, graph.outputs[0]) == formula(builder.graph([p.symbol]), p.symbol).replace(
        "(x", "(s"
    )


COLUMNS = {
    "[:, None]": lambda v, x: index(v, (ALL, None)),
    "reshape": lambda v, x: op.reshape(v, shape=(x.shape[0], 1)),
    "expand_dims": lambda v, x: op.expand_dims(v, axis=(1,)),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_axes_that_the_user_counts_by_hand_stay_so(column):
    def program(x):
        m = op.max(x, axis=(1,))
        e = op.exp(x - column(m, x))
        total = op.sum(e, axis=(1,))
        return e / column(total, x), m + op.log(total)

    before = build(program, (N, C))
    recognised, _ = recognise(before)
    assert composites(recognised) == ["softmax", "logsumexp"]
    after = drop_dead(expand(recognised))
    assert [formula(after, y) for y in after.outputs] == [
        formula(before, y) for y in before.outputs
    ]


@pytest.mark.parametrize(
    "flat",
    [
        lambda m: op.squeeze(m, axis=(1,)),
        lambda m: index(m, (ALL, 0)),
        lambda m: op.reshape(m, shape=(m.shape[0],)),
    ],
    ids=["squeeze", "[:, 0]", "reshape"],
)
def test_a_largest_value_that_the_user_squeezes_stays_so(flat):
    def program(x):
        m = op.max(x, axis=(1,), keepdims=True)
        return flat(m) + op.log(op.sum(op.exp(x - m), axis=(1,)))

    before = build(program, (N, C))
    recognised, _ = recognise(before)
    assert composites(recognised) == ["logsumexp"]
    assert formula(expand(recognised)) == formula(before)


def test_a_composite_inside_an_expansion_is_written_out_too(row):
    row("outer", expand=lambda x: op.inner_of_outer(x) + 1)
    row("inner_of_outer", expand=lambda x: op.sigmoid(x) * 2)
    graph = expand(build(op.outer, (N,)))
    assert formula(graph) == (
        "add(multiply(divide(1, add(1, exp(negative(x)))), 2), 1)"
    )  # fmt: skip


def test_an_op_of_several_results_is_written_out(row):
    row("pair", expand=lambda x: (op.sigmoid(x), -x), results=2)
    before = build(op.pair, (N,))
    before.notes.names[before.outputs[1]] = "minus"
    after = check(expand(before))
    assert after.notes.names[after.outputs[1]] == "minus"
    assert [formula(after, y) for y in after.outputs] == [
        "divide(1, add(1, exp(negative(x))))",
        "negative(x)",
    ]


def test_a_body_held_by_an_op_is_written_out(row):
    row("holder", params=("body",))
    body = build(op.sigmoid, (N,))
    graph = expand(build(lambda x: op.holder(x, body=body), (N,)))
    (eqn,) = graph.equations
    assert formula(eqn.rhs.setting("body")) == "divide(1, add(1, exp(negative(x))))"


def test_an_op_that_can_write_its_body_out_does(row):
    def inline(x, body):
        new = {body.inputs[0]: x.symbol}
        for eqn in body.equations:
            new.update(zip(eqn.lhs, x.builder.replay(eqn, new, body), strict=True))
        return x.builder.wrap(new[body.outputs[0]])

    row("call", params=("body",), expand=inline)
    body = build(op.sigmoid, (N,))
    graph = expand(build(lambda x: op.call(2 * x, body=body), (N,)))
    assert formula(graph) == "divide(1, add(1, exp(negative(multiply(2, x)))))"


@pytest.fixture
def row():
    """Declare ops for one test."""
    added = []

    def declare(name, expand=None, params=(), results=1):
        aval = lambda shapes, x, **_: x if results == 1 else (x,) * results
        structural(
            name, "For a test.", params=params, aval=aval, numpy=None, expand=expand,
            results=results,
        )  # fmt: skip
        added.append(name)

    yield declare
    for name in added:
        del OPS[name]


def test_cotangents_are_still_known_as_such():
    builder = Builder()
    x = builder.wrap(builder.input(Aval((N,), FLOAT64), "x"))
    p = op.sigmoid(x)
    ct = op.exp(p)
    builder.notes.cotangent_of[ct.symbol] = p.symbol
    graph = expand(builder.graph([p.symbol, ct.symbol]))
    assert graph.notes.cotangent_of == {graph.outputs[1]: graph.outputs[0]}


def test_the_parts_of_a_composite_come_from_the_users_line():
    builder = Builder()
    x = builder.wrap(builder.input(Aval((N,), FLOAT64), "x"))
    builder.origin = Origin(names.__code__, 0)
    y = op.softplus(x)
    graph = expand(builder.graph([y.symbol]))
    assert {graph.notes.origins[z] for eqn in graph.equations for z in eqn.lhs} == {builder.origin}


# --- dead equations ---------------------------------------------------------------------------


def test_only_what_the_outputs_need_is_kept():
    before = build(lambda x, y: (op.exp(x), op.sin(op.cos(y)))[0], (N,), (N,))
    after = check(drop_dead(before))
    assert names(after) == ["exp"]
    assert after.inputs == before.inputs
    assert after.outputs == before.outputs


def test_an_op_of_several_results_lives_if_one_of_them_does(row):
    row("pair", results=2)
    before = build(lambda x: op.pair(x)[1], (N,))
    assert drop_dead(before).equations == before.equations


def test_an_output_may_be_an_input_or_a_literal():
    builder = Builder()
    x = builder.wrap(builder.input(Aval((N,), FLOAT64), "x"))
    op.exp(x)
    before = builder.graph([x.symbol, builder.operand(1.0)])
    assert drop_dead(before).equations == ()
    assert expand(before).outputs == before.outputs


def test_thousands_of_equations_need_no_recursion():
    def deep(x):
        for _ in range(3000):
            x = op.tanh(op.sigmoid(x))
        return x

    graph = drop_dead(expand(recognise(build(deep, (N,)))[0]))
    assert len(graph.equations) == 3000 * 5
