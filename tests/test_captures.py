"""What a function reads from outside its arguments, and what happens when it changes."""

import functools
import timeit
import types

import numpy as np
import pytest
from oracles import numerical_gradient

import symgrad
from symgrad import TraceError

X = np.array([0.1, 0.2, 0.3])
SCALE = 2.0


def assert_right(compiled, function, x=X):
    """Ask twice: what is remembered after the first call must not be stale."""
    for _ in range(2):
        expected = numerical_gradient(function, (x,), 0)
        np.testing.assert_allclose(compiled.grad(x), expected, rtol=1e-6, atol=1e-9)


# --- the emitted signature -----------------------------------------------------------------------


def test_captured_scalars_have_their_value_as_default():
    b = 0.5
    c = symgrad.compile(lambda x: (x * b).sum())
    c.grad(X)
    assert "def forward(x, *, b=0.5):" in c.source


def test_small_captured_arrays_have_a_literal_default():
    W = np.arange(3.0)
    c = symgrad.compile(lambda x: (x * W).sum())
    c.grad(X)
    assert "def value_and_grad(x, *, W=None):" in c.source
    assert "W = np.array([0.0, 1.0, 2.0])" in c.source


def test_captured_float32_arrays_keep_their_dtype():
    W = np.arange(3, dtype=np.float32)
    c = symgrad.compile(lambda x: (x * W).sum())
    assert c.grad(X.astype(np.float32)).dtype == np.float32
    assert "dtype=np.float32" in c.source


def test_captured_float32_scalars_keep_their_dtype():
    k = np.float32(0.5)
    c = symgrad.compile(lambda x: x * k)
    assert type(c(2.0)) is np.float32
    names = {}
    exec(c.source, names)
    assert type(names["forward"](2.0)[0]) is np.float32


def test_large_captured_arrays_are_required():
    W = np.ones(65)
    c = symgrad.compile(lambda x: (W * x[0]).sum())
    c.grad(X)
    assert "def forward(x, *, W):" in c.source
    names = {}
    exec(c.source, names)
    with pytest.raises(TypeError, match="'W'"):
        names["forward"](X)


def test_the_users_keywords_come_first():
    b, W = 0.5, np.ones(100)

    def f(x, *, k=1.0):
        return (x * b).sum() * k + W.sum() * x[0]

    c = symgrad.compile(f)
    c.grad(X)
    assert "def forward(x, *, k=1.0, b=0.5, W):" in c.source


def test_a_capture_gives_way_to_a_parameter_of_its_name():
    W = np.ones(3)

    def inner(x):
        return x * W

    def f(x, W=2.0):
        return (inner(x) * W).sum()

    c = symgrad.compile(f)
    assert_right(c, f)
    assert "def forward(x, W=2.0, *, W2=None):" in c.source


def test_captured_arrays_serve_every_size():
    data = np.ones((70, 3))

    def f(w):
        return ((data @ w) ** 2).sum()

    c = symgrad.compile(f)
    assert_right(c, f)
    data = np.full((90, 3), 0.5)
    assert_right(c, f)
    assert len(c.sources) == 1


# --- a change is seen by the next call -----------------------------------------------------------


def test_a_closure_is_read_at_each_call():
    W, b, n = np.ones((4, 3)), 0.5, 2

    def f(x):
        s = 0.0
        for _ in range(n):
            s = s + (W @ x).sum() ** 2 * b
        return s

    c = symgrad.compile(f)
    assert_right(c, f)
    b = 0.25
    assert_right(c, f)
    W[0, 0] = 9.0
    assert_right(c, f)
    assert len(c.sources) == 1
    n = 3  # an int is static
    assert_right(c, f)
    W = np.ones((5, 3))
    assert_right(c, f)
    b = np.arange(2.0).sum()
    assert_right(c, f)


def test_a_global_is_read_at_each_call(monkeypatch):
    def f(x):
        return (x * SCALE).sum()

    c = symgrad.compile(f)
    assert_right(c, f)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert_right(c, f)


def test_a_function_in_a_variable_is_guarded():
    act = np.tanh

    def f(x):
        return act(x).sum()

    c = symgrad.compile(f)
    assert_right(c, f)
    act = np.sin
    assert_right(c, f)
    act = lambda t: t * t
    assert_right(c, f)


def test_text_none_and_bools_are_guarded():
    mode, extra, flag = "square", None, True

    def f(x):
        y = x**2 if mode == "square" else x
        y = y if extra is None else y * extra
        return y.sum() if flag else -y.sum()

    c = symgrad.compile(f)
    assert_right(c, f)
    mode = "same"
    assert_right(c, f)
    extra = 2.0
    assert_right(c, f)
    flag = False
    assert_right(c, f)


def test_containers_are_read_leaf_by_leaf():
    params = {"W": np.ones(3), "scales": [1.0, 2.0], "n": 2, "kind": "square"}

    def f(x):
        y = (x * params["W"]) ** params["n"] * params["scales"][1]
        return y.sum() if params["kind"] == "square" else -y.sum()

    c = symgrad.compile(f)
    assert_right(c, f)
    params["W"] = np.arange(3.0)
    params["scales"][1] = 5.0
    assert_right(c, f)
    assert len(c.sources) == 1
    params["n"] = 3
    assert_right(c, f)
    params["kind"] = "other"
    assert_right(c, f)
    params["scales"].append(3.0)
    assert_right(c, f)


class Layer:
    """One layer of a network."""

    def __init__(self, W, act=np.tanh):
        self.W, self.act = W, act


class Net:
    """A network whose every part may be replaced."""

    kind = "sum"

    def __init__(self):
        self.layers = [Layer(np.full((3, 3), 0.3)), Layer(np.eye(3))]
        self.p = {"a": 1.0, "n": 2}

    def loss(self, x):
        for layer in self.layers:
            x = layer.act(layer.W @ x)
        total = x.sum() if type(self).kind == "sum" else x.prod()
        return total * self.p["a"] ** self.p["n"]


CHANGES = {
    "an array": lambda net: setattr(net.layers[0], "W", np.full((3, 3), 0.1)),
    "an array in place": lambda net: net.layers[1].W.__imul__(0.5),
    "a layer": lambda net: net.layers.__setitem__(1, Layer(np.full((3, 3), 0.2))),
    "a function": lambda net: setattr(net.layers[0], "act", np.sin),
    "one layer more": lambda net: net.layers.append(Layer(np.eye(3))),
    "one layer less": lambda net: net.layers.pop(),
    "a number": lambda net: net.p.update(a=2.0),
    "an exponent": lambda net: net.p.update(n=3),
    "all parameters": lambda net: setattr(net, "p", {"a": 3.0, "n": 1}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_attributes_are_captures(change):
    net = Net()
    c = symgrad.compile(net.loss)
    assert_right(c, net.loss)
    change(net)
    assert_right(c, net.loss)


def test_attributes_of_classes_and_namespaces_are_captures(monkeypatch):
    net, cfg = Net(), types.SimpleNamespace(k=2.0)

    def f(x):
        return net.loss(x) * cfg.k

    c = symgrad.compile(f)
    assert_right(c, f)
    monkeypatch.setattr(Net, "kind", "product")
    assert_right(c, f)
    cfg.k = 4.0
    assert_right(c, f)
    cfg = types.SimpleNamespace(k=7.0)
    assert_right(c, f)


def test_attributes_keep_their_names():
    net = Net()
    c = symgrad.compile(net.loss)
    c.grad(X)
    assert "def forward(x, *, W=None, W2=None, a=1.0):" in c.source


def test_what_a_partial_holds_is_a_capture():
    def f(data, w, y):
        return ((data @ w - y) ** 2).sum()

    data, y = np.ones((40, 3)), np.ones(40)
    held = functools.partial(f, data, y=y)
    c = symgrad.compile(held)
    assert_right(c, held)
    data[0] = 2.0
    assert_right(c, held)
    assert "data" in c.source


def test_a_default_array_is_used_as_it_is_now():
    W = np.ones(3)

    def f(x, W=W):
        return (x * W).sum()

    c = symgrad.compile(f)
    assert_right(c, f)
    W[0] = 5.0
    assert_right(c, f)


def test_a_capture_that_is_gone_raises_as_the_function_does():
    cfg = types.SimpleNamespace(k=2.0)
    c = symgrad.compile(lambda x: (x * cfg.k).sum())
    c.grad(X)
    del cfg.k
    with pytest.raises(AttributeError, match="'k'"):
        c.grad(X)


def test_the_report_names_what_was_captured():
    c = symgrad.compile(Net().loss)
    c.grad(X)
    assert "captured:" in str(c.report) and "  W" in str(c.report)


# --- refused -------------------------------------------------------------------------------------


def test_a_large_array_from_nowhere_is_refused():
    with pytest.raises(TraceError, match=r"shape \(100,\) comes from nowhere"):
        symgrad.compile(lambda x: (np.linspace(0, 1, 100) * x).sum()).grad(np.ones(100))


def test_a_captured_array_is_never_written():
    W = np.ones(3)

    def f(x):
        W[0] = x[0]
        return W.sum()

    with pytest.raises(TraceError, match="copy it first"):
        symgrad.compile(f).grad(X)
    np.testing.assert_array_equal(W, 1.0)


@pytest.mark.benchmark
def test_guards_of_captured_functions_cost_little():
    def helper(x):
        return x * 2

    c = symgrad.compile(lambda x: helper(x).sum())
    c.value_and_grad(X)
    emitted = c._newest().value_and_grad
    costs = [
        min(timeit.repeat(lambda run=run: run(X), number=20_000, repeat=7)) / 20_000
        for run in (emitted, c.value_and_grad)
    ]
    assert costs[1] - costs[0] <= 3e-6
