"""What a Compiled offers: forms, calls, text, files, pickles, threads, checks."""

import copy
import gc
import html
import itertools
import pickle
import subprocess
import sys
import threading
import timeit

import numpy as np
import pytest

import symgrad
from symgrad import CheckError, SpecError
from symgrad.pause import uncollected

X = np.array([0.1, 0.2, 0.3])
COUNTER = itertools.count(1)


def squares(x):
    """Return the sum of squares."""
    return (x**2).sum()


@symgrad.compile
def decorated(x):
    """Return the sum of squares."""
    return (x**2).sum()


@symgrad.compile(wrt="y")
def decorated_with_options(x, y):
    return (x * y).sum()


class Model:
    """Losses in every form that a class can hold."""

    def __init__(self, k):
        self.k = k

    @symgrad.compile
    def loss(self, x):
        return self.k * (x**2).sum()

    @symgrad.compile(wrt="y")
    def product(self, x, y):
        return self.k * (x * y).sum()

    @staticmethod
    @symgrad.compile
    def static_outside(x):
        return (x**2).sum()

    @symgrad.compile
    @staticmethod
    def static_inside(x):
        return (x**2).sum()

    @symgrad.compile
    @classmethod
    def of_class(cls, x):
        return (x**2).sum()


# --- forms ---------------------------------------------------------------------------------------


def test_decorators_keep_name_and_docstring():
    assert decorated.__name__ == "decorated" and decorated.__doc__ == squares.__doc__
    np.testing.assert_allclose(decorated.grad(X), 2 * X)
    np.testing.assert_allclose(decorated_with_options.grad(X, 2 * X), X)


def test_methods_are_bound_to_their_instance():
    a, b = Model(2.0), Model(3.0)
    np.testing.assert_allclose(a.loss.grad(X), 4 * X)
    np.testing.assert_allclose(b.loss.grad(X), 6 * X)
    np.testing.assert_allclose(a.product.grad(X, X), 2 * X)
    assert a.loss is a.loss and a.loss is not b.loss
    assert a.loss(X) == pytest.approx(2 * (X**2).sum())


def test_static_and_class_methods_work_in_either_order():
    for owner in (Model, Model(2.0)):
        for name in ("static_outside", "static_inside", "of_class"):
            np.testing.assert_allclose(getattr(owner, name).grad(X), 2 * X)


def test_few_bound_methods_are_kept():
    models = [Model(float(k)) for k in range(70)]
    for model in models:
        model.loss.grad(X)
    assert len(vars(Model)["loss"]._bound_to) <= 64


# --- calls ---------------------------------------------------------------------------------------


def test_the_textbook_example():
    c = symgrad.compile(lambda x, y, z: (x + y) * z, wrt=(0, 1, 2))
    assert c.value_and_grad(-2, 5, -4) == (-12, (-4, -4, 3))


def test_aux_is_returned_as_in_jax():
    def f(x, k):
        h = x * k
        return (h**2).sum(), {"h": h, "n": len(x), "name": "it's", "nothing": None}

    c = symgrad.compile(f, has_aux=True)
    (value, aux), grads = c.value_and_grad(X, 2.0)
    assert value == pytest.approx(4 * (X**2).sum())
    np.testing.assert_allclose(aux["h"], 2 * X)
    assert aux["n"] == 3 and aux["name"] == "it's" and aux["nothing"] is None
    gradient, again = c.grad(X, 2.0)
    np.testing.assert_allclose(gradient, grads)
    assert again.keys() == aux.keys()
    assert c(X, 2.0)[1]["n"] == 3
    (value, aux), residuals = c.forward(X, 2.0)
    np.testing.assert_allclose(c.backward(residuals, 3.0), 3 * grads)


def test_backward_takes_the_cotangent_of_the_value():
    c = symgrad.compile(lambda x: (x**3).sum())
    value, residuals = c.forward(X)
    assert value == pytest.approx((X**3).sum())
    c.forward(np.ones((2, 2)))  # another specialisation: residuals know their own
    for factor in (1.0, 2, np.float64(3)):
        np.testing.assert_allclose(c.backward(residuals, dvalue=factor), factor * 3 * X**2)
    np.testing.assert_allclose(c.backward(residuals), 3 * X**2)


def test_float32_stays_float32():
    c = symgrad.compile(lambda x: (x**3).sum())
    value, residuals = c.forward(X.astype(np.float32))
    assert type(value) is np.float32
    assert c.backward(residuals, np.float64(2.0)).dtype == np.float32


def test_a_compiled_inlines_in_another_trace():
    inner = symgrad.compile(lambda x, k=2.0: (x**2).sum() * k)

    def outer(x):
        return inner(x) * x[0] + inner(x, k=3.0)

    c = symgrad.compile(outer)
    np.testing.assert_allclose(
        c.grad(X), 4 * X * X[0] + [2 * (X**2).sum(), 0, 0] + 6 * X, rtol=1e-12
    )
    np.testing.assert_allclose(symgrad.compile(lambda x: inner.grad(x).sum()).grad(X), [4.0] * 3)


# --- text and files ------------------------------------------------------------------------------


def several():
    c = symgrad.compile(squares)
    c.grad(X)
    c.grad(np.ones((2, 2)))
    return c


def test_source_is_the_newest_and_sources_are_all():
    c = several()
    assert len(c.sources) == 2 and c.source == c.sources[-1]


def test_save_writes_the_text(tmp_path):
    c, path = symgrad.compile(squares), tmp_path / "squares_grad.py"
    c.grad(X)
    c.save(path)
    assert path.read_text() == c.source
    run = "import numpy as np, squares_grad as s; print(s.value_and_grad(np.ones(2))[1].tolist())"
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[2.0, 2.0]"


def test_save_of_several_asks_which(tmp_path):
    c, path = several(), tmp_path / "squares_grad.py"
    with pytest.raises(SpecError, match="say which"):
        c.save(path)
    c.save(path, which=0)
    assert path.read_text() == c.sources[0]


def test_clear_forgets():
    c = several()
    c.clear()
    assert c.sources == ()
    np.testing.assert_allclose(c.grad(X), 2 * X)


def test_caches_are_bounded():
    c = symgrad.compile(lambda x, n: x * n if n > 0 else x, check=None)
    for n in range(70):
        c.grad(2.0, n)
    assert len(c._all) <= 64
    c = symgrad.compile(squares)
    for size in range(1100):
        c.value_and_grad(np.ones(size))
    assert len(c._by_key) <= 1024 and len(c.sources) <= 2


def test_text_in_html_is_escaped():
    def masked(x):
        return np.where(x < 0, x, 0 * x).sum()

    c = symgrad.compile(masked)
    assert "compile(..., specs=" in html.unescape(c._repr_html_())
    c.grad(X)
    shown = c._repr_html_()
    assert "x &lt; 0" in shown and "x < 0" not in shown
    assert html.unescape(shown) == f"<pre>{c.source}</pre>"


def test_repr_says_what_it_is():
    assert repr(decorated_with_options) == ("<symgrad.Compiled decorated_with_options, wrt='y'>")


# --- pickles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("called", [False, True])
def test_a_pickle_works_before_and_after_calls(called):
    c = symgrad.compile(squares)
    if called:
        c.grad(X)
        c.grad(np.ones((2, 2)))
    for again in (pickle.loads(pickle.dumps(c)), copy.copy(c), copy.deepcopy(c)):
        assert again.sources == c.sources
        np.testing.assert_allclose(again.grad(X), 2 * X)


def test_what_pickles_with_it():
    for c in (decorated, symgrad.compile(squares, specs={"x": "n"}), Model(1.0).loss):
        np.testing.assert_allclose(pickle.loads(pickle.dumps(c)).grad(X), 2 * X)
    model = Model(2.0)
    model.loss.grad(X)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(model)).loss.grad(X), 4 * X)


def test_statics_are_pickled():
    c = symgrad.compile(power)
    c.grad(X, 2)
    assert pickle.loads(pickle.dumps(c)).source == c.source


def power(x, n):
    for _ in range(n):
        x = x * x
    return x.sum()


def test_a_lambda_cannot_be_pickled_and_says_so():
    with pytest.raises(pickle.PicklingError, match=r"\.save\(path\)"):
        pickle.dumps(symgrad.compile(lambda x: x))


def test_another_process_reads_a_pickle(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import symgrad\n\n\ndef f(x):\n    return (x**2).sum()\n\n\nc = symgrad.compile(f)\n"
    )
    make = "import mine, pickle, numpy as np; mine.c.grad(np.ones(2)); "
    make += "pickle.dump(mine.c, open('c.pkl', 'wb')); print(mine.c.source)"
    read = "import pickle; c = pickle.load(open('c.pkl', 'rb')); print(c.source)"
    texts = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for program in (make, read)
    ]
    assert texts[0] == texts[1] and "def backward" in texts[0]


# --- threads -------------------------------------------------------------------------------------


def test_first_calls_may_be_concurrent():
    def f(x, n):
        for _ in range(n):
            x = np.sin(x)
        return x.sum()

    def by_hand(x, n):
        slope = np.ones_like(x)
        for _ in range(n):
            slope, x = slope * np.cos(x), np.sin(x)
        return slope

    c, failed = symgrad.compile(f), []
    barrier = threading.Barrier(12)

    def work(n, size):
        x = np.linspace(0, 1, size)
        barrier.wait()
        try:
            for _ in range(3):
                np.testing.assert_allclose(c.grad(x, n), by_hand(x, n), rtol=1e-9)
            np.testing.assert_allclose(symgrad.compile(lambda y: (y * n).sum()).grad(x), n)
        except BaseException as error:  # told in the main thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=(k % 4, 3 + k % 3)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(c.sources) == 4


# --- the check of the first call -----------------------------------------------------------------


def test_the_first_call_compares_the_value():
    c = symgrad.compile(squares)
    assert "not run yet" in str(symgrad.compile(squares, specs={"x": "n"}).report)
    c.grad(X)
    assert "value equals the function's own" in str(c.report)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (squares, (X,)),
        (squares, (X.astype(np.float32),)),
        (lambda p: (p["a"] ** 2).sum() + p["b"], ({"a": X, "b": 2},)),
        (lambda x, k: (x**2).sum() * k, (X, 3)),
    ],
)
def test_the_gradient_may_be_compared_too(function, args):
    c = symgrad.compile(function, check="grad")
    c.grad(*args)
    assert "of a central difference" in str(c.report)


def test_the_check_can_be_switched_off():
    c = symgrad.compile(lambda x: x.sum() * next(COUNTER), check=None)
    c.grad(X)
    assert "check: switched off" in str(c.report)


def test_an_impure_function_is_found_out():
    with pytest.raises(CheckError, match="another value when it is called again"):
        symgrad.compile(lambda x: x.sum() * next(COUNTER)).grad(X)


@pytest.mark.parametrize("at", [0.0, -1.0])
def test_values_that_are_not_finite_are_recorded(at):
    c = symgrad.compile(lambda x: np.log(x).sum())
    with np.errstate(all="ignore"):
        c.grad(np.array([at, 1.0]))
    assert "which is not finite" in str(c.report)


# --- overhead ------------------------------------------------------------------------------------


@pytest.mark.benchmark
def test_the_fast_path_costs_little():
    c = symgrad.compile(lambda w, x, b: (w * x).sum() + b, wrt=(0, 2))
    args = X, X, 2.0
    c.value_and_grad(*args)
    costs = [
        min(timeit.repeat(lambda run=run: run(*args), number=20_000, repeat=7)) / 20_000
        for run in (c._newest().value_and_grad, c.value_and_grad)
    ]
    assert costs[1] - costs[0] <= 3e-6


@pytest.mark.parametrize("was_on", [True, False])
def test_compilation_leaves_the_garbage_collector_as_it_was(was_on):
    before = gc.isenabled()
    first, second = uncollected(), uncollected()  # two threads, of which the first ends first
    try:
        (gc.enable if was_on else gc.disable)()
        for step in (first.__enter__, second.__enter__):
            step()
            assert not gc.isenabled()
        first.__exit__(None, None, None)
        assert not gc.isenabled()
        second.__exit__(None, None, None)
        assert gc.isenabled() is was_on
    finally:
        (gc.enable if before else gc.disable)()


def test_the_defaults_of_one_module_agree_although_a_captured_array_changes():
    offsets = np.arange(3.0)

    def loss(w):
        return np.sum((w - offsets) ** 2)

    c = symgrad.compile(loss)
    c.grad(np.ones(3))
    offsets[:] = 1.0
    names = {}
    exec(compile(c.source, "emitted", "exec"), names)
    w = np.array([0.5, 0.2, 0.1])
    np.testing.assert_allclose(names["forward"](w)[0], names["value_and_grad"](w)[0])


def test_code_for_one_example_gives_way_to_code_for_any_number():
    c = symgrad.compile(lambda w, X: np.mean((X @ w) ** 2))
    for n in (1, 2, 5, 1):
        c.grad(np.ones(3), np.ones((n, 3)))
    assert len(c.sources) == 1


def test_each_emitted_function_is_compared_and_the_gradient_once():
    c = symgrad.compile(lambda x: np.sum(x**2), check="grad")
    c.grad(np.ones(3))
    c.forward(np.ones(3))
    assert str(c.report).count("central difference") == 1
    assert c._newest().checked == {"forward", "value_and_grad"}


def test_one_law_is_forbidden_and_the_others_fire():
    def f(x):
        return np.sum(np.log(np.exp(x))) + np.sum(np.log(1 + np.exp(x)))

    law = "log(exp(x)) = x"
    for without in ([law], law):
        c = symgrad.compile(f, without=without)
        c.grad(np.ones(3))
        assert "np.log(" in c.source and "np.log1p(" in c.source
        assert law not in str(c.report) and "softplus" in str(c.report)
    assert pickle.loads(pickle.dumps(symgrad.compile(np.tanh, without=law))).without == {law}


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.int8, np.uint8])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_taken_several_times_collect_their_gradients(kind, order):
    table = np.asarray(np.random.default_rng(0).normal(size=(5, 3)), order=order)
    rows = np.array([0, 4, 4, 2, 0, 0]).astype(kind)
    if kind is not np.uint8:
        rows[1] = -1
    weights = np.linspace(0.5, 1.5, 6)

    def loss(table, rows, weights):
        return np.sum(weights[:, None] * table[rows] ** 2) + np.sum(table**3)

    expected = 3 * table**2
    for row, weight in zip(rows, weights, strict=True):
        expected[row] += 2 * weight * table[row]
    c = symgrad.compile(loss)
    for _ in range(2):
        np.testing.assert_allclose(c.grad(table, rows, weights), expected)
    np.testing.assert_allclose(c.grad(table, rows[:0], weights[:0]), 3 * table**2)
    with pytest.raises(IndexError):
        c.grad(table, np.array([5], kind), np.ones(1))


SMOOTH = {
    "no kink": lambda x: np.sum(np.tanh(x) ** 2),
    "a number as exponent": lambda x: np.sum(x**1.5),
    "a kink off the path": lambda x: np.sum(x * np.abs(np.arange(3.0) - 1)),
    "a kink that a law removes": lambda x: np.log(np.sum(np.exp(x - x.max()))) + x.max(),
}
KINKED = {
    "absolute": lambda x: np.sum(np.abs(x)),
    "maximum": lambda x: np.sum(np.maximum(x, 0)),
    "max": lambda x: np.max(x) ** 2,
    "sign": lambda x: np.sum(np.sign(x) * x),
    "norm": lambda x: np.linalg.norm(x),
}


@pytest.mark.parametrize("f", SMOOTH.values(), ids=SMOOTH.keys())
def test_a_smooth_function_passes_where_kinks_are_refused(f):
    x = np.array([0.3, 0.2, 0.9])
    c = symgrad.compile(f, kinks="raise")
    np.testing.assert_allclose(c.grad(x), symgrad.grad(f)(x))


@pytest.mark.parametrize("f", KINKED.values(), ids=KINKED.keys())
def test_a_kink_is_reported_or_refused_with_its_line(f):
    x = np.array([0.3, 0.2, 0.9])
    c = symgrad.compile(f)
    c.grad(x)
    assert "kinks, and the derivative there:" in str(c.report)
    assert "test_compiled.py:" in str(c.report)
    with pytest.raises(symgrad.KinkError, match=r"test_compiled.py:\d+"):
        symgrad.compile(f, kinks="raise").grad(x)


@pytest.mark.parametrize(
    "parameters",
    [{"w": np.ones(3), "b": 0.5}, [np.ones(3), 0.5], {"layer": {"w": np.ones(3)}, "b": (0.5,)}],
    ids=["dict", "list", "nested"],
)
def test_containers_of_arrays_take_the_fast_way_from_the_second_call_on(parameters, monkeypatch):
    def loss(p, X):
        leaves = [p[k] for k in p] if isinstance(p, dict) else p
        w = leaves[0]["w"] if isinstance(leaves[0], dict) else leaves[0]
        return np.sum(np.tanh(X @ w))

    c, X = symgrad.compile(loss), np.arange(6.0).reshape(2, 3)
    first = c.value_and_grad(parameters, X)
    monkeypatch.setattr(c, "_slow_value_and_grad", None)
    again = c.value_and_grad(parameters, X)
    assert repr(again) == repr(first)
    assert again[1] is not first[1]


def test_an_int_in_a_container_is_taken_as_a_float_at_every_call():
    c = symgrad.compile(lambda p: p["a"] * p["b"])
    for _ in range(3):
        assert c.value_and_grad({"a": 2, "b": 3}) == (6.0, {"a": 3.0, "b": 2.0})
        assert c.value_and_grad({"a": 2.0, "b": 3.0}) == (6.0, {"a": 3.0, "b": 2.0})
