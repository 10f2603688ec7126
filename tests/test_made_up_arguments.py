"""Example arguments: given as literals, by the file, or made up from names and use."""

import inspect
import types

import numpy as np
import pytest
from golden_programs import PROGRAMS, by_name

import symgrad
from symgrad import ArgumentError, SpecError
from symgrad.study.examples import example_arguments


def two_layer(X, y, W1, b1, W2, b2, lam):
    h = np.maximum(0, X @ W1 + b1)
    s = h @ W2 + b2
    s = s - s.max(axis=1, keepdims=True)
    log_p = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(X)), y].mean() + lam * (np.sum(W1**2) + np.sum(W2**2))


def lecture_layer(W1, W2, x):
    return np.sum((W2 @ np.maximum(0, W1 @ x)) ** 2)


def from_a_dict(params, X, y):
    h = np.tanh(X @ params["W1"] + params["b1"])
    return np.mean((h @ params["W2"] - y[:, None]) ** 2)


def counted(x, n_steps):
    for _ in range(n_steps):
        x = np.tanh(x)
    return x


def positive(sigma, x):
    return np.sum(np.log(sigma) + np.sqrt(x[0]) * x)


def covariance(S, x):
    L = np.linalg.cholesky(S)
    return np.sum(np.linalg.solve(L, x) ** 2)


def annotated(w, X, y, steps: int):
    for _ in range(steps):
        w = w - 0.1 * X.T @ (X @ w - y)
    return np.sum(w**2)


annotated.__annotations__ |= {"w": "k", "X": "n k", "y": "n"}


def swallowing(X, w):
    try:
        return np.sum((X @ w) ** 2)
    except Exception:
        return 0.0


SHAPES = [
    (two_layer, [(5, 4), (5,), (4, 6), (6,), (6, 3), (3,), ()]),
    (lecture_layer, [(6, 5), (5, 6), (5,)]),
    (counted, [(), ()]),
    (positive, [(), (5,)]),
    (covariance, [(4, 4), (4,)]),
    (annotated, [(6,), (5, 6), (5,), ()]),
    (swallowing, [(5, 4), (4,)]),
    (lambda x, y, z: (x + y) * z, [(), (), ()]),
    (lambda w, x: 1 / (1 + np.exp(-(w[:-1] @ x + w[-1]))), [(4,), (3,)]),
]


@pytest.mark.parametrize(("function", "shapes"), SHAPES, ids=lambda x: getattr(x, "__name__", ""))
def test_shapes_are_found_by_running_the_function(function, shapes):
    found = example_arguments(function)
    if function is not lecture_layer:
        assert [np.shape(x) for x in found.args] == shapes
    assert np.isfinite(function(*found.args, **found.kwargs))
    assert found.notes[0].startswith("made up (seed 0): ")


def test_labels_are_integers_where_they_index():
    y = example_arguments(two_layer).args[1]
    assert y.dtype.kind == "i" and set(y) <= {0, 1, 2}


def test_the_keys_of_a_dict_are_those_that_are_asked_for():
    params, X, y = example_arguments(from_a_dict).args
    assert type(params) is dict and list(params) == ["W1", "b1", "W2"]
    assert params["b1"].shape == params["W1"].shape[1:]
    assert np.isfinite(from_a_dict(params, X, y))


def from_a_tuple(params, X, y):
    (W1, b1), (W2, b2) = params
    h = np.tanh(X @ W1 + b1)
    return np.mean((h @ W2 + b2 - y[:, None]) ** 2)


def from_a_flat_tuple(params, kernel):
    W, b = params
    a, c = kernel
    return np.sum(np.tanh(W @ b)) * a * c


def test_what_is_unpacked_is_a_tuple_or_an_array():
    (one, two), X, _ = example_arguments(from_a_tuple).args
    assert one[0].shape == (4, 6) and two[0].shape[0] == 6 and X.shape == (5, 4)
    found = example_arguments(from_a_flat_tuple)
    assert "params ((" in found.notes[0]
    assert len(found.args[0]) == 2 and np.isfinite(from_a_flat_tuple(*found.args))


UNFOUND = {"mlp_of_tuples", "lstm", "conv_net"}  # a list of any length; sizes that are no names


@pytest.mark.parametrize("name", [p.name for p in PROGRAMS if p.name not in UNFOUND])
def test_what_is_made_up_can_be_compiled(name):
    program = by_name(name)
    has_aux = program.options.get("has_aux", False)
    found = example_arguments(program.function, wrt=program.wrt, has_aux=has_aux)
    c = symgrad.compile(program.function, wrt=program.wrt, **program.options)
    _, grads = c.value_and_grad(*found.args, **found.kwargs)
    assert len(grads) == len(program.wrt)


def test_the_same_arguments_come_out_each_time():
    one, two = example_arguments(two_layer), example_arguments(two_layer)
    for a, b in zip(one.args, two.args, strict=True):
        np.testing.assert_array_equal(a, b)
    other = example_arguments(two_layer, seed=1)
    assert not np.array_equal(one.args[0], other.args[0])


def test_specs_and_given_arguments_decide_the_rest():
    def f(w, X):
        return np.sum((X @ w) ** 2)

    assert example_arguments(f, specs={"X": "n 9"}).args[0].shape == (9,)
    _, X = example_arguments(f, text="w=[1, 2, 3, 4, 5, 6, 7, 8]").args
    assert X.shape[1] == 8
    a, b = example_arguments(f, specs={"X": ("K", "C"), "w": ("C",)}).args
    assert a.shape == (3,) and b.shape == (7, 3)


def test_literals_become_arrays_and_wrt_is_real():
    def f(W, y, p, word="x"):
        return W.sum()

    W, y, p = example_arguments(
        f, text='[[1, 2], [3, 4]], y=[0, 1], p={"a": [1.5], "b": (1, [2])}', wrt=("W",)
    ).args
    assert W.dtype == np.float64 and y.dtype.kind == "i"
    assert p["b"][0] == 1 and isinstance(p["b"][1], np.ndarray)
    assert type(example_arguments(lambda x: x, text="x=3", wrt=(0,)).args[0]) is float
    ragged = example_arguments(lambda x: x, text="x=[[1, 2], [3]]").args[0]
    assert [len(part) for part in ragged] == [2, 1]


def test_a_files_own_examples_are_taken():
    module = types.ModuleType("loss")
    for made in ((1.0, 2.0), {"x": 1.0, "y": 2.0, "other": 3.0}):
        module.example_args = lambda made=made: made
        found = example_arguments(lambda x, y: x * y, module)
        assert found.args == (1.0, 2.0)
        assert found.notes == ("arguments from example_args()",)
    assert example_arguments(lambda x, y: x * y, module, "3, 4").args == (3, 4)


def too_many():
    return 1.0, 2.0, 3.0


def f(x, y):
    return x * y


def never(x):
    raise KeyError("always")


def a_vector(x):
    return np.array([1.0, 2.0])


FILE = types.SimpleNamespace(example_args=too_many)
MISTAKES = [
    ("a call", SpecError, "is no literal", lambda: example_arguments(f, None, "x=open('f')")),
    ("a name", SpecError, "is no literal", lambda: example_arguments(f, None, "x=y")),
    ("not text", SpecError, "cannot be read", lambda: example_arguments(f, None, "x=")),
    ("two calls", SpecError, "cannot be read", lambda: example_arguments(f, None, "1)+g(2")),
    ("unknown", SpecError, "no parameter `z`", lambda: example_arguments(f, None, "z=1")),
    ("unpacking", SpecError, "no parameter `None`", lambda: example_arguments(f, None, "**{}")),
    ("twice", SpecError, "give `x` twice", lambda: example_arguments(f, None, "1, x=2")),
    ("too many", SpecError, "3 arguments", lambda: example_arguments(f, None, "1, 2, 3")),
    ("a maker", ArgumentError, "returns 3 arguments", lambda: example_arguments(f, FILE)),
    ("nothing fits", ArgumentError, "KeyError", lambda: example_arguments(never)),
    ("no number", ArgumentError, "not one finite number", lambda: example_arguments(a_vector)),
]


@pytest.mark.parametrize(("label", "error", "message", "call"), MISTAKES, ids=lambda x: x)
def test_a_mistake_is_told_with_its_cure(label, error, message, call):
    with pytest.raises(error, match=message) as caught:
        call()
    if error is ArgumentError and label != "a maker":
        assert "example_args()" in str(caught.value)


def test_arrays_that_would_run_code_are_not_read(tmp_path):
    np.savez(tmp_path / "evil.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SpecError, match="without running code"):
        example_arguments(f, None, str(tmp_path / "evil.npz"))


def test_labels_that_are_taken_from_one_are_made_up_as_classes():
    def loss(w, X, y):
        p = 1 / (1 + np.exp(-(X @ w)))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    example = example_arguments(loss)
    made = inspect.signature(loss).bind(*example.args, **example.kwargs).arguments
    assert set(made["y"]) == {0.0, 1.0}
    assert not set(example_arguments(lambda w, X, y: np.mean((X @ w - y) ** 2)).args[2]) <= {0, 1}


def test_a_file_that_is_no_archive_is_told(tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04garbage")
    with pytest.raises(SpecError, match=r"bad\.npz cannot be read"):
        example_arguments(f, None, str(tmp_path / "bad.npz"))
