"""Which callables and arguments can be compiled, and what is done with each.

Every program is checked against finite differences, and its emitted module runs on its own.
"""

import collections
import dataclasses
import functools
import math
import sys
import types

import numpy as np
import pytest
from numpy import exp
from oracles import numerical_gradient

import symgrad
from symgrad import TraceError

RNG = np.random.default_rng(0)
X, M = RNG.normal(size=3), RNG.normal(size=(4, 3))


def module_of(compiled):
    """Return the names of the emitted module, run on its own."""
    names = {}
    exec(compile(compiled.source, "emitted", "exec"), names)
    return types.SimpleNamespace(**names)


def leaves_of(value):
    if dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves_of(part)]
    return [value]


def assert_compiles(function, *args, wrt=0, **kwargs):
    """Compile, compare every way to the gradient with finite differences, and return it."""
    before = [np.copy(leaf) for leaf in leaves_of((args, kwargs)) if isinstance(leaf, np.ndarray)]
    c = symgrad.compile(function, wrt=wrt)
    value, gradient = c.value_and_grad(*args, **kwargs)
    expected = numerical_gradient(functools.partial(function, **kwargs), args, wrt)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(value, function(*args, **kwargs), rtol=1e-12)
    assert type(value) is type(function(*args, **kwargs))
    np.testing.assert_allclose(c(*args, **kwargs), value, rtol=1e-12)
    residuals = c.forward(*args, **kwargs)[1]
    for _ in range(2):  # backward leaves its residuals as they are
        np.testing.assert_allclose(c.backward(residuals, 2.0), 2 * expected, rtol=1e-5, atol=1e-7)
    emitted = module_of(c).value_and_grad(*args, **kwargs, **c._newest().captured_values())
    np.testing.assert_allclose(emitted[1], gradient, rtol=1e-12)
    after = [leaf for leaf in leaves_of((args, kwargs)) if isinstance(leaf, np.ndarray)]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
        assert not np.shares_memory(new, gradient)
    return c


# --- callables ---------------------------------------------------------------------------------


class Scaled:
    """A loss with a parameter of its own."""

    def __init__(self, k=3.0):
        self.k = k

    def __call__(self, x):
        return self.k * (x**2).sum()

    def loss(self, x):
        return self.k * (x**2).sum()

    @classmethod
    def of_class(cls, x):
        return (x**3).sum()

    @staticmethod
    def of_nobody(x):
        return (x**3).sum()


def with_defaults(x, k=2.0, n=3, *, flag=True, name="a"):
    y = (x**n).sum() * k
    return y if flag else -y


def product(a, x, b=1.0):
    return a * (x**2).sum() + b


def helped(x):
    def doubled(y):
        return 2 * y

    return doubled(helper(x, k=2))


def helper(x, k=1):
    return k * (x**2).sum()


def weighted(x):
    return sum(i * a * b for i, (a, b) in enumerate(zip(x, x, strict=True)))


CALLABLES = {
    "a function": (helper, X),
    "a lambda": (lambda x: (x**2).sum(), X),
    "a method": (Scaled().loss, X),
    "a class method": (Scaled.of_class, X),
    "a static method": (Scaled.of_nobody, X),
    "a callable object": (Scaled(), X),
    "a partial": (functools.partial(product, 2.0), X),
    "a partial with a keyword": (functools.partial(product, 2.0, b=3.0), X),
    "a partial of a partial": (functools.partial(functools.partial(product, 2.0), b=3.0), X),
    "a partial of a method": (functools.partial(Scaled(2.0).loss), X),
    "defaults": (with_defaults, X),
    "a default overridden": (with_defaults, X, 4.0, 2),
    "helpers of helpers": (helped, X),
    "a name imported from numpy": (lambda x: exp(x).sum(), X),
    "math": (lambda x: math.exp(x) * math.sin(x) + math.sqrt(x) + math.pow(x, 3) + math.pi, 1.3),
    "more of math": (lambda x: math.hypot(x, 1.0) + math.atan2(x, 2.0) + math.log1p(x), 1.3),
    "min and max": (lambda x: max(x, 0.5) * min(x, 3.0) + max([x, 2 * x]), 1.3),
    "abs, pow and round": (lambda x: abs(x) + pow(x, 2) + round(x), -1.3),
    "sum of a list": (lambda x: sum([x, x * x]) + sum((x,), x), 1.3),
    "sum of an array": (lambda x: sum(x) + sum(x * x, 1.0), X),
    "zip and enumerate": (weighted, X),
    "a list of arrays": (lambda x: np.array([x[0], x[1] * 2, 1.0]).sum() * x[2], X),
    "a default array": (lambda x, W=M: (W @ x).sum() ** 2, X),
    "a generator": (lambda x: sum(a**2 for a in x), X),
}  # fmt: skip


@pytest.mark.parametrize("row", CALLABLES.values(), ids=CALLABLES)
def test_it_can_be_compiled(row):
    assert_compiles(*row)


def test_keywords_reach_the_function():
    assert_compiles(with_defaults, X, flag=False)
    assert_compiles(lambda x, /, y, *, z: (x * y * z).sum(), X, 2.0, z=3.0)
    assert_compiles(lambda x, **kw: (x * kw["a"]).sum() + kw["b"], X, a=2.0, b=1.0)
    assert_compiles(lambda x, *more: sum((x * a).sum() for a in more), X, 2.0, X)


SIGNATURES = {
    "(x, /, y, *, z)": (lambda x, /, y, *, z: (x * y * z).sum(), (X, 2.0), {"z": 3.0}),
    '(x, k=2.0, n=3, *, flag=True, name="a")': (with_defaults, (X,), {}),
    "(x, *more)": (lambda x, *more: sum((x * a).sum() for a in more), (X, X), {}),
    "(x, **more)": (lambda x, **more: (x * more["a"]).sum(), (X,), {"a": 2.0}),
    "(x, shape=(3, 2))": (lambda x, shape=(3, 2): np.ones(shape).sum() * x.sum(), (X,), {}),
}


@pytest.mark.parametrize("signature", SIGNATURES)
def test_the_signature_is_the_users(signature):
    function, args, kwargs = SIGNATURES[signature]
    c = symgrad.compile(function)
    c.value_and_grad(*args, **kwargs)
    assert f"def forward{signature}:" in c.source
    assert f"def value_and_grad{signature}:" in c.source


def test_parameters_of_every_kind_can_be_in_wrt():
    _, g = symgrad.compile(lambda *xs: sum((x**2).sum() for x in xs)).value_and_grad(X, M)
    assert isinstance(g, tuple)
    np.testing.assert_allclose(g[1], 2 * M)
    _, g = symgrad.compile(lambda x, **kw: (x * kw["a"]).sum(), wrt="kw").value_and_grad(X, a=2 * X)
    np.testing.assert_allclose(g["a"], X)
    _, g = symgrad.compile(lambda x, *, w: (x * w**2).sum(), wrt="w").value_and_grad(X, w=X)
    np.testing.assert_allclose(g, 2 * X**2)


def test_wrt_takes_names_numbers_and_both():
    def f(a, b, c):
        return a * b * c

    assert symgrad.compile(f, wrt=(0, "c")).grad(2, 3, 4) == (12, 6)
    assert symgrad.compile(f, wrt=[1]).grad(2.0, 3.0, 4.0) == (8,)
    assert symgrad.compile(f, wrt=-1).grad(2.0, 3.0, 4.0) == 6


# --- source that cannot be read ------------------------------------------------------------------


def executed(text, **names):
    names["np"] = np
    exec(text, names)
    return names


def test_tracing_alone_follows_code_without_source():
    names = executed("def f(x, n):\n  for i in range(n): x = x * 2\n  return (x**2).sum()")
    assert_compiles(names["f"], X, 2)


def test_helpers_and_sizes_work_without_source():
    helper = "def g(x): return (x**2).sum()\n"
    text = f"{helper}def f(x):\n  N, = x.shape\n  return g(x) / N + g(x) / len(x)"
    assert_compiles(executed(text)["f"], X)


def test_captures_are_seen_without_source():
    names = executed("def f(x): return np.tanh(x * W).sum() * k", W=np.arange(3.0), k=2.0)
    c = assert_compiles(names["f"], X)
    names["k"] = 5.0
    np.testing.assert_allclose(c.grad(X), 5 * np.arange(3) * (1 - np.tanh(X * np.arange(3)) ** 2))
    make = executed("def make(a):\n  def f(x): return (a * x).sum()\n  return f")["make"]
    assert_compiles(make(np.arange(3.0)), X)


def test_the_report_says_what_was_not_read():
    c = symgrad.compile(executed("def unread(x): return x.sum()")["unread"])
    c.grad(X)
    assert "unread" in str(c.report)


def test_only_what_must_be_refused_is_refused_without_source():
    f = executed("def f(x):\n  y = np.zeros(3)\n  y[0] = x[0]\n  return y.sum()")["f"]
    with pytest.raises(TraceError, match="needs the value"):
        symgrad.compile(f).grad(X)


# --- masks written in place, sizes as text -------------------------------------------------------


def and_in_place(x):
    mask = x > -1
    alias = mask
    mask &= x < 0.5
    return np.sum(np.where(alias, x**2, 0.0))


def or_in_place(x):
    mask = x > 1
    alias = mask
    mask |= x < 0.5
    return np.sum(np.where(alias, x**2, 0.0))


def xor_in_place(x):
    mask = x > -1
    alias = mask
    mask ^= x < 0.5
    return np.sum(np.where(alias, x**2, 0.0))


@pytest.mark.parametrize("f", [and_in_place, or_in_place, xor_in_place])
def test_a_mask_changed_in_place_changes_for_all_its_names(f):
    assert_compiles(f, np.array([0.3, -2.0, 3.0]))


def test_a_mask_given_is_not_written_to():
    def f(x, mask):
        mask &= x > 0
        return np.sum(np.where(mask, x, 0.0))

    with pytest.raises(TraceError, match="mask"):
        symgrad.compile(f).grad(X, X > -1)


TEXTS_OF_A_SIZE = {
    "str": lambda x: np.sum(x) * len(str(x.shape[0])),
    "f-string": lambda x: np.sum(x) * len(f"{x.shape[0]}"),
    "format": lambda x: np.sum(x) * len(f"{x.shape[0]:5d}"),
    "repr": lambda x: np.sum(x) * len(repr(x.shape[0])),
    "key": lambda x: np.sum(x) * {"W1": 2.0, "W12": 3.0}[f"W{x.shape[0]}"],
    "tuple": lambda x: np.sum(x) * len(str(x.shape)),
    "divmod": lambda x: np.sum(x) * (divmod(x.shape[0], 5)[0] + 7 * divmod(x.shape[0], 5)[1]),
    "rdivmod": lambda x: np.sum(x) * divmod(100, x.shape[0])[1],
    "plus a truth value": lambda x: np.sum(x) * (x.shape[0] + True),
    "and": lambda x: np.sum(x) * (1 + (x.shape[0] & 3)),
    "or": lambda x: np.sum(x) * (1 | x.shape[0]),
    "xor": lambda x: np.sum(x) * (1 + (x.shape[0] ^ 5)),
    "shift": lambda x: np.sum(x) * ((x.shape[0] << 2) + (x.shape[0] >> 1)),
    "not": lambda x: np.sum(x) * ~x.shape[0],
    "bits": lambda x: np.sum(x) * x.shape[0].bit_length(),
}


@pytest.mark.parametrize("f", TEXTS_OF_A_SIZE.values(), ids=TEXTS_OF_A_SIZE.keys())
def test_a_size_gives_the_text_and_the_bits_of_its_number(f):
    c = symgrad.compile(f)
    for n in (12, 1, 12):
        x = np.linspace(0.1, 1.0, n)
        value, gradient = c.value_and_grad(x)
        np.testing.assert_allclose(value, f(x))
        np.testing.assert_allclose(gradient, numerical_gradient(f, (x,), 0), rtol=1e-6)


def test_a_printed_size_fixes_nothing(capsys):
    def f(x):
        print("x has", x.shape, x.shape[0], sep=" | ")
        return np.sum(x**2)

    c = symgrad.compile(f)
    for n in (3, 5):
        np.testing.assert_allclose(c.grad(np.ones(n)), 2.0)
    assert len(c.sources) == 1
    assert "x has" in capsys.readouterr().out


def test_an_integer_as_text_is_fixed():
    def f(x, k):
        return np.sum(x) * {"W1": 2.0, "W2": 3.0}[f"W{k}"]

    c = symgrad.compile(f)
    np.testing.assert_allclose(c.grad(X, 1), 2.0)
    np.testing.assert_allclose(c.grad(X, 2), 3.0)


# --- arguments -----------------------------------------------------------------------------------

NUMBERS = [2.0, 2, np.float64(2), np.array(2.0), np.float32(2)]


@pytest.mark.parametrize("b", [*NUMBERS, np.int64(2), True, np.True_, np.array(2)], ids=repr)
@pytest.mark.parametrize("a", NUMBERS, ids=repr)
def test_numbers_of_every_kind_keep_their_kind(a, b):
    def f(x, y):
        return x * y

    value, gradient = symgrad.compile(f).value_and_grad(a, b)
    expected = f(float(a) if type(a) is int else a, b)
    assert type(value) is type(expected)
    assert value == expected and gradient == float(b)


Pair = collections.namedtuple("Pair", "W b")


@dataclasses.dataclass
class Parameters:
    """Weights and biases."""

    W: object
    b: object


def affine(p, x):
    return ((p.W @ x + p.b) ** 2).sum()


@pytest.mark.parametrize("kind", [Pair, Parameters])
def test_fields_are_mirrored(kind):
    p = kind(M, np.ones(4))
    c = symgrad.compile(affine)
    _, g = c.value_and_grad(p, X)
    emitted = module_of(c)
    _, residuals = emitted.forward(p, X)
    for mirrored in (g, emitted.value_and_grad(p, X)[1], emitted.backward(residuals)):
        assert type(mirrored) is kind
        np.testing.assert_allclose(mirrored.b, 2 * (M @ X + 1))
        np.testing.assert_allclose(mirrored.W, np.outer(2 * (M @ X + 1), X))
    np.testing.assert_allclose(
        symgrad.compile(affine, wrt="x").grad(p, X), 2 * M.T @ (M @ X + 1)
    )  # a nested argument outside wrt


def nested(p, x):
    return ((p["class"]["W"] @ x + p["b"][0]) ** 2).sum() + p["b"][1] ** 2 + p["it's"][0]


def test_nested_containers_are_mirrored():
    p = {"class": {"W": M}, "b": [np.ones(4), 3.0], "it's": (2,)}
    c = symgrad.compile(nested)
    for g in (c.value_and_grad(p, X)[1], module_of(c).value_and_grad(p, X)[1]):
        assert list(g) == list(p) and type(g["b"]) is list and type(g["it's"]) is tuple
        np.testing.assert_allclose(g["b"][0], 2 * (M @ X + 1))
        assert g["b"][1] == 6.0 and g["it's"] == (1.0,)


def test_an_ordered_dict_stays_one():
    c = symgrad.compile(lambda p: p["a"] * p["b"])
    _, residuals = c.forward(collections.OrderedDict(a=2.0, b=3.0))
    for g in (c.grad(collections.OrderedDict(a=2.0, b=3.0)), c.backward(residuals)):
        assert g == collections.OrderedDict(a=3.0, b=2.0) and type(g) is collections.OrderedDict


# --- names ---------------------------------------------------------------------------------------


def named_oddly(
    np_, I, E, S, t0, lambda_, residuals, forward, sum, len, value, grad, backward, value_and_grad
):
    exp = I * E
    dloss = S * t0
    list = lambda_ * residuals
    df = forward * sum
    out = (exp + dloss + list + df) * len * value * grad * backward * value_and_grad * np_
    return out


@pytest.mark.parametrize("k", range(14))
def test_odd_names_survive(k):
    assert_compiles(named_oddly, *map(float, RNG.normal(size=14)), wrt=k)


def test_a_parameter_may_be_called_np():
    c = assert_compiles(lambda np, x: exp(np * x).sum(), X, X)
    assert "import numpy as np_" in c.source and "def forward(np, x):" in c.source


def local_names(x):
    np_ = x * 2
    residuals = np.exp(np_)
    forward = residuals * x
    dx = np.sin(forward)
    local_names = dx * x
    N = local_names.sum()
    return N


def test_local_names_of_the_module_survive():
    c = assert_compiles(local_names, X)
    assert all(f" {name} = " in c.source for name in ("np_", "dx", "N"))


def test_a_cotangent_gives_way_to_a_parameter():
    assert_compiles(lambda x, dx: (x * dx).sum(), X, 2 * X)
    assert_compiles(lambda x, dx: (x * dx).sum(), X, 2 * X, wrt=1)


def x(x):
    return (x * x).sum()


def test_function_and_parameter_may_share_a_name():
    assert_compiles(x, X)


# --- what is static ------------------------------------------------------------------------------


def switched(x, n, flag, mode, act=None, opt=None):
    for _ in range(n):
        x = x * 2
    if flag:
        x = x + 1
    if mode == "square":
        x = x**2
    if act is not None:
        x = act(x)
    if opt:
        x = x * 3
    return x.sum()


def test_switches_are_static_guarded_and_specialised_anew():
    c = symgrad.compile(switched)
    rows = [
        (2, True, "square"), (3, True, "square"), (3, False, "square"), (3, False, "same"),
        (3, False, "same", np.tanh), (3, False, "same", np.sin), (3, False, "same", np.sin, 1),
        (2, True, "square"),
    ]  # fmt: skip
    for row in rows:
        expected = numerical_gradient(switched, (X, *row), 0)
        np.testing.assert_allclose(c.grad(X, *row), expected, rtol=1e-6, atol=1e-6)
    assert len(c.sources) == len(set(rows))


def test_an_emitted_module_guards_what_it_was_made_for():
    c = symgrad.compile(switched)
    c.grad(X, 2, True, "square")
    with pytest.raises(ValueError, match="this code was made for n = 2"):
        module_of(c).value_and_grad(X, 3, True, "square")


def test_an_int_whose_value_nobody_needs_stays_an_argument():
    c = symgrad.compile(lambda x, n: x.sum() * n)
    for n in (2, 5):
        np.testing.assert_allclose(c.grad(X, n), [n] * 3)
    assert len(c.sources) == 1


@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("axis", [0, 1, None, (0, 1)])
def test_axes_may_be_arguments(axis, keepdims):
    def f(x, axis, keepdims):
        return (x.sum(axis=axis, keepdims=keepdims) ** 2).sum()

    gradient = symgrad.compile(f).grad(M, axis, keepdims)
    np.testing.assert_allclose(gradient, numerical_gradient(f, (M, axis, keepdims), 0), rtol=1e-5)


def test_indices_may_be_arguments():
    def f(x, i, n):
        return x[i] * 2 + x[:n].sum()

    c = symgrad.compile(f)
    for i in range(3):
        expected = numerical_gradient(f, (X, i, i), 0)
        np.testing.assert_allclose(c.grad(X, i, i), expected, rtol=1e-6, atol=1e-9)


# --- writing -------------------------------------------------------------------------------------


def alias_sees_update(x):
    y = x * 2
    z = y
    y += 1
    return (z * x).sum()


def items(x):
    y = np.zeros(3)
    z = y
    y[0] = x[0] * 2
    y[1:] = x[1:] ** 2
    y[2] += x[0]
    return (z**2).sum()


def columns(x):
    y = np.zeros((len(x), 2))
    y[:, 0] = x
    y[:, 1] = x**2
    return (y**2).sum()


def views(x):
    y = np.zeros((3, 2))
    row = y[1]
    row += x[:2]
    turned = y.T
    turned[0] = x
    y[2, 1] = x[0]
    return (y**2).sum() + (row * turned[:, 1]).sum()


def reshaped(x):
    y = np.zeros((3, 2))
    flat = y.reshape(6)
    flat[2:5] = x
    return (y[:, 0] * x).sum() + (flat**2).sum()


def view_of_a_result(x):
    y = x * 2
    part = y[1:]
    part *= 3
    return (y**2).sum()


def scalar_rebinds(x):
    s = x[0]
    t = s
    s += 1
    s *= x[1]
    return s * t


@pytest.mark.parametrize(
    "function",
    [alias_sees_update, items, columns, views, reshaped, view_of_a_result, scalar_rebinds],
)
def test_local_arrays_may_be_written(function):
    assert_compiles(function, X)


def test_a_python_number_is_rebound():
    def f(x):
        t = x
        t += 1
        return t * x

    assert_compiles(f, 2.0)


def test_results_alias_neither_arguments_nor_each_other():
    c = symgrad.compile(lambda w, x: w @ x, wrt=(0, 1))
    _, (a, b) = c.value_and_grad(X, X)
    assert not any(np.shares_memory(*pair) for pair in ((a, X), (b, X), (a, b)))
    _, (a, b) = symgrad.compile(lambda x, y: (x + y).sum(), wrt=(0, 1)).value_and_grad(X, X)
    assert not np.shares_memory(a, b)
    (_, aux), _ = symgrad.compile(lambda x: (x.sum(), x), has_aux=True).value_and_grad(X)
    assert not np.shares_memory(aux, X)


class Journal:
    """Remembers what it saw."""

    everything = 0

    def __init__(self):
        self.seen, self.total, self.best = [], 0, {"loss": 1.0}

    def append(self, x):
        self.seen.append(x.sum())
        return x.sum()

    def assign(self, x):
        self.total = x.sum()
        return x.sum()

    def count(self, x):
        self.total += 1
        return x.sum()

    def keep(self, x):
        self.best["loss"] = x.sum()
        return x.sum()

    def count_for_all(self, x):
        Journal.everything += 1
        return x.sum()


@pytest.mark.parametrize("name", ["append", "assign", "count", "keep", "count_for_all"])
def test_what_lives_outside_is_left_as_it_is(name):
    journal = Journal()
    with pytest.raises(TraceError, match="lives outside"):
        symgrad.compile(getattr(journal, name)).grad(X)
    assert vars(journal) == vars(Journal()) and Journal.everything == 0


class Cached:
    """Keeps a matrix that it makes on first use."""

    @functools.cached_property
    def W(self):
        return np.eye(3) * 2

    def loss(self, x):
        return (self.W @ x).sum()


def test_a_cached_property_may_stay():
    assert_compiles(Cached().loss, X)


def test_functions_of_another_module_are_followed(tmp_path, monkeypatch):
    (tmp_path / "elsewhere.py").write_text(
        "from numpy import exp\nSCALE = 2.5\ndef scaled(x, k=2): return SCALE * exp(x * k).sum()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import elsewhere

    def f(x):
        return elsewhere.scaled(x) + elsewhere.scaled(x, k=1)

    c = assert_compiles(f, X)
    monkeypatch.setattr(elsewhere, "SCALE", 1.0)
    np.testing.assert_allclose(c.grad(X), numerical_gradient(f, (X,), 0), rtol=1e-6)
    del sys.modules["elsewhere"]
