"""A value and a derivative function for each gate, and the loop that chains them."""

import ast
import subprocess
import sys

import numpy as np
import pytest

import symgrad
from tests.benchmarks.hand_derived import LOSSES

AT = (2.0, -1.0, -3.0, -2.0, -3.0)


def neuron(w0, x0, w1, x1, w2):
    return 1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2)))


def cross_entropy(W, X, y):
    xi1 = -W * X
    xi2 = np.exp(xi1)
    xi3 = 1 + xi2
    xi4 = 1 / xi3
    xi5 = np.log(xi4)
    L = -y * xi5
    return L


@pytest.mark.parametrize("level", ["gate", "line"])
@pytest.mark.parametrize("name", LOSSES)
def test_the_loop_gives_value_and_gradient(name, level):
    loss = LOSSES[name]
    args = loss.arguments(np.random.default_rng(0), 6)
    made = symgrad.gates(loss.function, *args, wrt=loss.wrt, level=level)
    value, grads = made.value_and_grad(*args)
    exact = symgrad.compile(loss.function, wrt=loss.wrt, exact=True)
    expected, expected_grads = exact.value_and_grad(*args)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    if isinstance(loss.wrt, str):
        grads, expected_grads = [grads], [expected_grads]
    for mine, theirs in zip(grads, expected_grads, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_the_module_serves_other_sizes(name):
    loss = LOSSES[name]
    made = symgrad.gates(loss.function, *loss.arguments(np.random.default_rng(0), 6), wrt=loss.wrt)
    args = loss.arguments(np.random.default_rng(1), 9)
    _, grads = made.value_and_grad(*args)
    _, expected = symgrad.compile(loss.function, wrt=loss.wrt, exact=True).value_and_grad(*args)
    if isinstance(loss.wrt, str):
        grads, expected = [grads], [expected]
    for mine, theirs in zip(grads, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_the_text_is_as_a_formatter_leaves_it(name):
    loss = LOSSES[name]
    args = loss.arguments(np.random.default_rng(0), 6)
    text = symgrad.gates(loss.function, *args, wrt=loss.wrt).source
    for command in (["format", "--check"], ["check", "--select", "E,F,W,I"]):
        run = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--line-length", "100", "--stdin-filename",
             "gates.py", "-"],
            input=text, capture_output=True, text=True,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr + text


def test_the_module_of_the_lecture_reads_as_on_the_slide():
    made = symgrad.gates(cross_entropy, 3.0, 3.0, 1, wrt="W", level="line")
    functions = made.source.split("\n\n\n# The graph")[0].split("\n\n\n", 1)[1]
    assert (
        functions
        == '''\
def gate_xi1(W, X):
    return -W * X


def der_xi1(X):
    """Return dxi1/dW."""
    return [-X]


def gate_xi2(xi1):
    return np.exp(xi1)


def der_xi2(xi2):
    """Return dxi2/dxi1."""
    return [xi2]


def gate_xi3(xi2):
    return 1 + xi2


def der_xi3():
    """Return dxi3/dxi2."""
    return [1.0]


def gate_xi4(xi3):
    return 1 / xi3


def der_xi4(xi3, xi4):
    """Return dxi4/dxi3."""
    return [-xi4 / xi3]


def gate_xi5(xi4):
    return np.log(xi4)


def der_xi5(xi4):
    """Return dxi5/dxi4."""
    return [1 / xi4]


def gate_L(y, xi5):
    return -y * xi5


def der_L(y):
    """Return dL/dxi5."""
    return [-y]'''
    )


def test_the_module_runs_by_itself(tmp_path):
    symgrad.gates(neuron, *AT).save(tmp_path / "neuron_gates.py")
    program = f"import neuron_gates as n; print(n.value_and_grad(*{AT}))"
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.'); {program}"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    value, *grads = [float(x) for x in run.stdout.replace("np.float64", "").translate(
        str.maketrans("", "", "()\n")).split(",")]  # fmt: skip
    slope = 0.19661193324148185
    assert value == pytest.approx(0.7310585786300049, rel=1e-15)
    np.testing.assert_allclose(grads, [-slope, 2 * slope, -2 * slope, -3 * slope, slope])


def test_the_module_imports_numpy_alone():
    tree = ast.parse(symgrad.gates(neuron, *AT).source)
    found = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in found] == ["import numpy as np"]


def test_a_gate_that_reads_a_value_twice_adds_both_parts():
    assert symgrad.gates(lambda x: x * x, 3.0).value_and_grad(5.0) == (25.0, (10.0,))


def smoothed(x):
    t = np.floor(x)
    return np.sum(t + x**2)


def filled(x, A):
    w = np.ones(A.shape)
    w[0] += 1.0
    t = x @ w
    return np.sum(t**2)


def sawtooth(x):
    return x + np.floor(x)


@pytest.mark.parametrize("f, args", [
    (smoothed, (np.array([0.3, 1.7]),)),
    (sawtooth, (1.3,)),
    (filled, (np.array([1.0, 2.0, 3.0]), np.ones((3, 2)))),
])  # fmt: skip
def test_a_derivative_may_end_at_a_step_and_a_size_may_come_from_an_unread_argument(f, args):
    value, grads = symgrad.gates(f, *args).value_and_grad(*args)
    expected, slopes = symgrad.value_and_grad(f, tuple(range(len(args))))(*args)
    np.testing.assert_allclose(value, expected)
    for mine, theirs in zip(grads if len(args) > 1 else [grads], slopes, strict=True):
        np.testing.assert_allclose(mine[0] if isinstance(mine, tuple) else mine, theirs)


def test_nested_arguments_keep_their_structure():
    def loss(params, x):
        return np.sum((x @ params["W"] + params["b"]) ** 2)

    random = np.random.default_rng(0)
    params = {"W": random.normal(size=(3, 2)), "b": random.normal(size=2)}
    x = random.normal(size=(4, 3))
    made = symgrad.gates(loss, params, x, wrt="params")
    _, grads = made.value_and_grad(params, x)
    _, expected = symgrad.compile(loss, wrt="params").value_and_grad(params, x)
    for key in params:
        np.testing.assert_allclose(grads[key], expected[key], rtol=1e-12)


def test_what_the_function_captures_is_a_keyword():
    scale, data = 3.0, np.arange(100.0)

    def loss(w):
        return np.sum(w * scale * data)

    assert symgrad.gates(loss, 2.0).value_and_grad(2.0) == (29700.0, (14850.0,))


def test_an_argument_that_does_not_matter_has_derivative_zero():
    def loss(w, v):
        return np.sum(w * 2.0)

    w, v = np.ones(3), np.ones(2)
    _, (dw, dv) = symgrad.gates(loss, w, v).value_and_grad(w, v)
    assert dw.tolist() == [2.0, 2.0, 2.0] and dv.tolist() == [0.0, 0.0]


def test_a_number_that_the_trace_fixed_is_guarded():
    def power(x, n):
        for _ in range(n):
            x = x * 2.0
        return x

    made = symgrad.gates(power, 1.0, 3, wrt="x")
    assert made.value_and_grad(1.0, 3) == (8.0, 8.0)
    with pytest.raises(ValueError, match="made for n = 3"):
        made.value_and_grad(1.0, 4)


def test_single_precision_stays_single():
    def loss(w, X):
        return np.mean(np.tanh(X @ w) ** 2)

    random = np.random.default_rng(0)
    w, X = (random.normal(size=s).astype(np.float32) for s in (3, (5, 3)))
    value, dw = symgrad.gates(loss, w, X, wrt="w").value_and_grad(w, X)
    assert (value.dtype, dw.dtype) == (np.float32, np.float32)


def test_names_of_the_module_give_way_to_the_users():
    def f(np, GATES, forward, backward, upstream, values):
        zip = np * GATES
        reversed = forward * backward
        return zip + reversed + upstream * values

    made = symgrad.gates(f, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    assert made.value_and_grad(1.0, 2.0, 3.0, 4.0, 5.0, 6.0) == (
        44.0, (2.0, 1.0, 4.0, 3.0, 6.0, 5.0),
    )  # fmt: skip


def test_the_text_is_the_same_each_time():
    assert symgrad.gates(neuron, *AT).source == str(symgrad.gates(neuron, *AT))


MISTAKES = [
    ("no identifier", "cannot be the name", {"w0": "w 0"}),
    ("a keyword", "cannot be the name", {"w0": "lambda"}),
    ("injected text", "cannot be the name", {"w0": 'w"]); print("hello'}),
    ("a name twice", "two values would be called 'x0'", {"w0": "x0"}),
    ("no such value", "no value is called 'v0'", {"v0": "x"}),
    ("another word", "names='greek'", "greek"),
]


@pytest.mark.parametrize("message, names", [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_names_that_make_no_sense_are_refused(message, names):
    with pytest.raises(symgrad.ArgumentError, match=message):
        symgrad.gates(neuron, *AT, names=names)
