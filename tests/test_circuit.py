"""The graph with its numbers: values, upstream and local derivatives of every node and edge."""

import mpmath
import numpy as np
import pytest
from programs import PROGRAMS

import symgrad
from symgrad.study.circuit import circuit
from tests.benchmarks.hand_derived import LOSSES


def add_then_multiply(x, y, z):
    q = x + y
    return q * z


def neuron(w0, x0, w1, x1, w2):
    return 1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2)))


AT = (2.0, -1.0, -3.0, -2.0, -3.0)


@pytest.mark.parametrize("level", ["gate", "line"])
@pytest.mark.parametrize("name", LOSSES)
def test_upstream_of_the_arguments_is_the_gradient(name, level):
    loss = LOSSES[name]
    args = loss.arguments(np.random.default_rng(0), 6)
    _, grads = symgrad.compile(loss.function, wrt=loss.wrt, exact=True).value_and_grad(*args)
    grads = [grads] if isinstance(loss.wrt, str) else grads
    found = circuit(loss.function, args, wrt=loss.wrt, level=level)
    for k, grad in zip(found.wrt, grads, strict=True):
        np.testing.assert_allclose(found.nodes[k].upstream, grad, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_what_flows_back_is_upstream_times_local(name):
    loss = LOSSES[name]
    args = loss.arguments(np.random.default_rng(0), 6)
    found = circuit(loss.function, args, wrt=loss.wrt)
    for edge in found.edges:
        if edge.local is None:
            continue
        target, shape = found.nodes[edge.target], np.shape(found.nodes[edge.source].value)
        wide = np.broadcast_shapes(np.shape(target.value), shape)
        whole = np.broadcast_to(target.upstream * edge.local, wide)
        summed = whole.sum(axis=tuple(range(whole.ndim - len(shape))))
        ones = tuple(k for k, n in enumerate(shape) if n == 1 != summed.shape[k])
        passed = summed.sum(axis=ones, keepdims=True)
        np.testing.assert_allclose(edge.passed, passed, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_upstream_is_the_sum_of_what_the_edges_pass_back(name):
    loss = LOSSES[name]
    args = loss.arguments(np.random.default_rng(0), 6)
    found = circuit(loss.function, args, wrt=loss.wrt)
    for node in found.nodes:
        edges = found.edges_from[node.number]
        if edges and node.number != found.output:
            total = sum(np.asarray(edge.passed) for edge in edges)
            np.testing.assert_allclose(node.upstream, total, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.floats], ids=lambda p: p.label)
def test_every_op_has_its_place_in_a_circuit(program):
    loss = program.loss()
    _, grads = symgrad.value_and_grad(loss, wrt=program.floats)(*program.args)
    for level in ("gate", "line"):
        found = circuit(loss, program.args, wrt=program.floats, level=level)
        for k, grad in zip(found.wrt, grads, strict=True):
            upstream = found.nodes[k].upstream
            upstream = np.zeros_like(grad) if upstream is None else upstream
            np.testing.assert_allclose(upstream, grad, rtol=1e-6, atol=1e-9)


def test_the_numbers_of_x_plus_y_times_z_are_the_lectures():
    found = circuit(add_then_multiply, (-2, 5, -4))
    values = {node.name: (node.value, node.upstream) for node in found.nodes}
    assert values == {
        "x": (-2, -4), "y": (5, -4), "z": (-4, 3), "q": (3, -4), "f": (-12, 1),
    }  # fmt: skip


def test_the_neuron_is_split_into_the_gates_on_the_board():
    found = circuit(neuron, AT, names="xi")
    gates = [node for node in found.nodes if node.kind == "op"]
    assert [node.text for node in gates] == [
        "w0 * x0", "w1 * x1", "xi_1 + xi_2", "xi_3 + w2", "-xi_4", "np.exp(xi_5)", "1 + xi_6",
        "1 / xi_7",
    ]  # fmt: skip
    shown = [round(float(node.value), 2) for node in gates]
    assert shown == [-2.0, 6.0, 4.0, 1.0, -1.0, 0.37, 1.37, 0.73]
    back = [round(float(node.upstream), 2) for node in gates]
    assert back == [0.2, 0.2, 0.2, 0.2, -0.2, -0.53, -0.53, 1.0]


def test_local_derivatives_read_as_on_the_board():
    found = circuit(neuron, AT, names="xi")
    locals_ = {found.nodes[e.target].name: e.local_text for e in found.edges}
    assert locals_["xi_8"] == "-1/xi_7**2"
    assert locals_["xi_6"] == "exp(xi_5)"
    assert locals_["xi_5"] == "-1"


def test_a_gate_that_reads_a_value_twice_has_two_edges():
    found = circuit(lambda x: x * x, (3.0,))
    assert [(e.source, e.position, e.passed) for e in found.edges] == [(0, 1, 3.0), (0, 0, 3.0)]
    assert found.nodes[0].upstream == 6.0


def test_every_number_of_the_neuron_agrees_with_fifty_digits():
    found = circuit(neuron, AT)
    with mpmath.workdps(50):
        point = dict(zip(("w0", "x0", "w1", "x1", "w2"), map(mpmath.mpf, AT), strict=True))

        def f(w0, x0, w1, x1, w2):
            return 1 / (1 + mpmath.exp(-(w0 * x0 + w1 * x1 + w2)))

        for k, name in enumerate(point):
            order = tuple(int(i == k) for i in range(5))
            exact = mpmath.diff(f, tuple(point.values()), order)
            node = next(n for n in found.nodes if n.name == name)
            assert abs(node.upstream / exact - 1) < 1e-15


def test_arguments_that_are_no_numbers_are_left_out_of_wrt():
    def loss(W, y, steps):
        for _ in range(steps):
            W = W * 2.0
        return W[y].sum()

    found = circuit(loss, (np.ones(3), np.array([0, 2]), 2))
    assert [found.nodes[k].name for k in found.wrt] == ["W"]


def test_another_level_is_an_error():
    with pytest.raises(symgrad.ArgumentError, match="'gate' or 'line'"):
        circuit(neuron, AT, level="atom")


def test_a_constant_has_no_circuit():
    with pytest.raises(symgrad.ArgumentError, match="depends on no argument"):
        circuit(lambda x: 3.0, (1.0,))
