"""Windows that slide over arrays: values, derivatives of both modes and orders, text, refusals."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from oracles import assert_same, numerical_gradient

import symgrad
from symgrad.graph import FLOAT64, Aval, Builder

view = sliding_window_view


def real(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).uniform(-1, 1, shape)


def weighted(y):
    """Return a number to which the elements of ``y`` contribute in different ways."""
    return np.sum(np.sin(y) * np.arange(1.0, 1 + y.size).reshape(y.shape)) / 7


def convolution(x, kernel):
    return np.tensordot(
        view(x, kernel.shape[1:3], axis=(1, 2)), kernel, axes=([4, 5, 3], [1, 2, 3])
    )


def reassigned(x):
    y = x.copy()
    windows = view(y, 2)
    y[0] = 3.0 * y[1]
    return np.sum(windows**2)


def of_a_written_array(x):
    wide = np.zeros((x.shape[0] + 2, x.shape[1] + 2))
    wide[1:-1, 1:-1] = x
    return weighted(np.einsum("ijuv,uv->ij", view(wide, (3, 3)), np.arange(9.0).reshape(3, 3)))


# Name, function, arguments.
PROGRAMS = [
    ("a vector", lambda x: weighted(view(x, 3)), [real(7)]),
    ("all axes", lambda x: weighted(view(x, (2, 3))), [real(4, 5)]),
    ("three axes", lambda x: weighted(view(x, (2, 1, 3))), [real(3, 2, 4)]),
    ("one axis", lambda x: weighted(view(x, 2, axis=1)), [real(3, 4)]),
    ("an axis from the end", lambda x: weighted(view(x, 2, axis=-2)), [real(3, 4)]),
    ("axes in another order", lambda x: weighted(view(x, (2, 3), axis=(2, 0))), [real(4, 2, 3)]),
    ("an axis twice", lambda x: weighted(view(x, (2, 3), axis=(0, 0))), [real(7, 2)]),
    ("an axis twice beside another",
     lambda x: weighted(view(x, (2, 2, 2), axis=(1, 0, 1))), [real(3, 5)]),
    ("a list of axes", lambda x: weighted(view(x, [2, 2], axis=[0, 1])), [real(3, 4)]),
    ("a window of one", lambda x: weighted(view(x, (1, 2))), [real(3, 4)]),
    ("a window as wide as the array", lambda x: weighted(view(x, 4)), [real(4)]),
    ("a window of a size of another array",
     lambda x, k: weighted(view(x, k.shape[0]) @ k), [real(7), real(3)]),
    ("dotted name", lambda x: weighted(np.lib.stride_tricks.sliding_window_view(x, 2)), [real(4)]),
    ("every second", lambda x: weighted(view(x, 3)[::2]), [real(9)]),
    ("every second from the second", lambda x: weighted(view(x, 2, axis=1)[:, 1::2]), [real(3, 7)]),
    ("all but the last", lambda x: weighted(view(x, (2, 2))[:-1, 1:]), [real(4, 5)]),
    ("more windows than there are", lambda x: weighted(view(x, 3)[:100]), [real(7)]),
    ("a slice that the last window cuts", lambda x: weighted(view(x, 2, axis=1)[:, 1:9]),
     [real(2, 5)]),
    ("windows from behind the last", lambda x: np.sum(x) + weighted(view(x, 3)[9:]), [real(7)]),
    ("one window", lambda x: weighted(view(x, 2)[1]), [real(5)]),
    ("the last windows of an axis", lambda x: weighted(view(x, (2, 2))[-1]), [real(4, 5)]),
    ("backward", lambda x: weighted(view(x, 2)[::-1]), [real(5)]),
    ("a part of each window", lambda x: weighted(view(x, (2, 3))[..., 1, ::2]), [real(4, 5)]),
    ("windows by an array", lambda x: weighted(view(x, 2)[np.array([0, 2, 0])]), [real(5)]),
    ("sum of windows", lambda x: weighted(view(x, (2, 2)).sum(axis=(2, 3))), [real(3, 4)]),
    ("mean of windows", lambda x: weighted(view(x, (2, 2))[::2].mean(axis=(-2, -1))), [real(5, 4)]),
    ("one mean of all", lambda x: view(x, 3).mean() ** 2, [real(5)]),
    ("max of windows", lambda x: weighted(view(x, (2, 2)).max(axis=(2, 3))), [real(4, 5)]),
    ("min of windows", lambda x: weighted(np.min(view(x, 3), axis=-1)), [real(6)]),
    ("max of windows, axes kept",
     lambda x: weighted(view(x, 2).max(axis=1, keepdims=True)), [real(5)]),
    ("max along one axis of each window",
     lambda x: weighted(view(x, (2, 2)).max(axis=2)), [real(3, 4)]),
    ("max pooling of what was worked out",
     lambda x: weighted(view(np.tanh(x), (2, 2), axis=(1, 2))[:, ::2, ::2].max(axis=(-2, -1))),
     [real(2, 5, 4, 3)]),
    ("max of overlapping windows with a step",
     lambda x: weighted(view(x * x, (3, 3), axis=(0, 1))[::2, ::2].max(axis=(-2, -1))),
     [real(5, 7, 2)]),
    ("max of all windows", lambda x: view(x, 2).max() ** 2, [real(5)]),
    ("largest and mean of the same windows",
     lambda x: weighted((w := view(x, 2)).max(axis=1)) + weighted(w.mean(axis=1)), [real(6)]),
    ("a convolution", lambda x, k: weighted(convolution(x, k)),
     [real(2, 5, 4, 3), real(2, 3, 2, 3)]),
    ("a convolution by einsum",
     lambda x, k: weighted(np.einsum("nijcuv,uvck->nijk", view(x, (2, 2), axis=(1, 2)), k)),
     [real(2, 4, 5, 3), real(2, 2, 3, 2)]),
    ("a convolution with a step",
     lambda x, k: weighted(np.tensordot(view(x, (3, 2), axis=(1, 2))[:, ::2, ::2], k, 3)),
     [real(2, 7, 5, 2), real(2, 3, 2, 3)]),
    ("a convolution by reshape",
     lambda x, k: weighted(view(x, (2, 2), axis=(1, 2)).reshape(-1, 4 * x.shape[3]) @ k),
     [real(2, 4, 5, 3), real(12, 2)]),
    ("a padded convolution",
     lambda x, k: weighted(np.tensordot(view(np.pad(x, 1), (3, 3)), k, 2)),
     [real(3, 4), real(3, 3)]),
    ("two convolutions",
     lambda x, k: weighted(convolution(np.tanh(convolution(x, k)), k)),
     [real(1, 5, 4, 2), real(2, 2, 2, 2)]),
    ("a moving product", lambda x: weighted(view(x, 3).prod(axis=-1)), [real(6)]),
    ("windows of windows", lambda x: weighted(view(view(x, 3), 2, axis=1)), [real(6)]),
    ("windows transposed", lambda x: weighted(view(x, (2, 2)).transpose(2, 3, 0, 1)),
     [real(3, 4)]),
    ("windows and the array", lambda x: weighted(view(x, 2).sum(axis=1) * x[1:]) + np.sum(x**3),
     [real(5)]),
    ("windows taken away", lambda x: np.sum(x**2) - weighted(view(x, 2)), [real(5)]),
    ("an array written after", reassigned, [real(5)]),
    ("zeros and an assignment", of_a_written_array, [real(3, 4)]),
]  # fmt: skip
IDS = [name for name, *_ in PROGRAMS]
CASES = [case[1:] for case in PROGRAMS]


@pytest.mark.parametrize(("function", "args"), CASES, ids=IDS)
def test_value_and_gradient_are_those_of_finite_differences(function, args):
    wrt = tuple(range(len(args)))
    c = symgrad.compile(function, wrt=wrt)
    value, grads = c.value_and_grad(*args)
    assert_same(value, function(*args), rtol=1e-13)
    for k, grad in enumerate(grads):
        assert_same(grad, numerical_gradient(function, args, k), rtol=1e-7, atol=1e-9)
    residuals = c.forward(*args)[1]
    for mine, other in zip(c.backward(residuals), grads, strict=True):
        assert_same(mine, other, rtol=1e-13)
    exact = symgrad.compile(function, wrt=wrt, exact=True).grad(*args)
    for mine, other in zip(exact, grads, strict=True):
        assert_same(mine, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("function", "args"), CASES, ids=IDS)
def test_a_derivative_along_a_direction_is_the_gradient_there(function, args):
    tangents = tuple(real(*x.shape, seed=9) for x in args)
    grads = symgrad.compile(function, wrt=tuple(range(len(args)))).grad(*args)
    expected = sum(np.vdot(g, v) for g, v in zip(grads, tangents, strict=True))
    assert_same(symgrad.jvp(function, tuple(args), tangents)[1], expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("function", "args"), CASES, ids=IDS)
def test_second_derivatives_are_differences_of_the_gradient(function, args):
    x, *rest = args
    v = real(*x.shape, seed=5)
    gradient = symgrad.grad(function)
    step = 1e-5
    expected = (gradient(x + step * v, *rest) - gradient(x - step * v, *rest)) / (2 * step)
    found = symgrad.hvp(function)(x, *rest, v)
    assert_same(found, expected, rtol=1e-6, atol=1e-7)
    again = symgrad.grad(lambda x, *rest: np.vdot(gradient(x, *rest), v))(x, *rest)
    assert_same(again, found, rtol=1e-10, atol=1e-11)
    forward = symgrad.jvp(lambda x: gradient(x, *rest), (x,), (v,))[1]
    assert_same(forward, found, rtol=1e-10, atol=1e-11)


def test_third_derivatives_of_a_convolution_are_differences_of_the_second():
    def f(x, k):
        return np.sum(np.tensordot(view(x, (2, 2)), k, 2) ** 3)

    x, k, v, step = real(3, 4), real(2, 2), real(3, 4, seed=3), 1e-5
    second = symgrad.hvp(f)
    third = symgrad.grad(lambda x: np.vdot(second(x, k, v), v))(x)
    along = lambda t: np.vdot(second(x + t, k, v), v)
    for at in np.ndindex(x.shape):
        t = np.zeros_like(x)
        t[at] = step
        assert_same(third[at], (along(t) - along(-t)) / (2 * step), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(9, 6), (4, 3), (3, 8)])
def test_one_module_serves_every_size(shape):
    def f(x, k):
        z = np.tensordot(view(x, k.shape), k, 2)
        return np.sum(view(z, (2, 2))[::2, ::2].max(axis=(-2, -1)) ** 2)

    c = symgrad.compile(f, wrt=(0, 1))
    c.value_and_grad(real(7, 5), real(2, 2))
    source = c.source
    x, k = real(*shape), real(2, 2, seed=2)
    for index, grad in enumerate(c.value_and_grad(x, k)[1]):
        assert_same(grad, numerical_gradient(f, (x, k), index))
    assert c.source == source
    kernel = real(3, 2)
    if shape[0] > 3:
        for index, grad in enumerate(c.value_and_grad(x, kernel)[1]):
            assert_same(grad, numerical_gradient(f, (x, kernel), index))
        assert c.source == source


def test_elements_of_a_window_that_tie_share_equally():
    f = lambda x: np.sum(view(x, (2, 2), axis=(0, 1))[::2, ::2].max(axis=(-2, -1)))
    x = np.array([[1.0, 1, 5, 2], [1, 0, 5, 5]])
    assert_same(symgrad.grad(f)(x), np.array([[1, 1, 1, 0], [1, 0, 1, 1]]) / 3)


def test_nan_and_signed_zeros_pass_as_in_numpy():
    x = np.array([1.0, np.nan, 3.0, 4.0, -0.0])
    f = lambda x: view(x, 2).max(axis=1)
    assert_same(symgrad.compile(lambda x: f(x)[3])(x), f(x)[3])
    assert np.isnan(symgrad.compile(lambda x: f(x).sum())(x))


def test_single_precision_stays_single():
    x, k = real(5, 6).astype(np.float32), real(3, 2).astype(np.float32)
    f = lambda x, k: np.sum(view(np.tensordot(view(x, (3, 2)), k, 2), 2, axis=0).max(axis=-1))
    value, grads = symgrad.compile(f, wrt=(0, 1)).value_and_grad(x, k)
    assert value.dtype == np.float32
    assert [g.dtype for g in grads] == [np.float32] * 2


@pytest.mark.parametrize("n", [1, 0])
def test_a_batch_of_one_or_none_is_served(n):
    f = lambda x: np.sum(view(x, (2, 2), axis=(1, 2))[:, ::2].max(axis=(-2, -1)) ** 2)
    c = symgrad.compile(f)
    c.value_and_grad(real(3, 4, 5))
    x = real(n, 4, 5)
    assert_same(c.value_and_grad(x)[0], f(x))
    assert_same(c.grad(x), numerical_gradient(f, (x,), 0))


# --- the text ---------------------------------------------------------------------------------


def body_of(function, *args, wrt=0):
    c = symgrad.compile(function, wrt=wrt, comments=False)
    c.value_and_grad(*args)
    return c.source.split("def value_and_grad")[1]


def test_windows_are_added_one_slice_for_each_place():
    text = body_of(lambda x: np.sum(view(x, (2, 3), axis=(1, 2)) ** 2), real(2, 4, 5))
    assert "    for i in range(2):\n        for j in range(3):\n            dx[:, i : i +" in text
    assert "+= dwindows_x[..., i, j]" in text


def test_windows_that_do_not_overlap_are_written_once():
    pooled = lambda x: np.sum(view(x, (2, 2), axis=(1, 2))[:, ::2, ::2].max(axis=(-2, -1)) ** 2)
    text = body_of(pooled, real(2, 4, 6))
    assert "np.zeros_like(x)" in text
    assert text.count("np.zeros") == 1  # none of the size of all windows
    assert " : 2] = (windows_x[..., i, j] == " in text


def test_a_window_of_one_needs_no_loop():
    text = body_of(lambda x: np.sum(view(x, (1, 2)) ** 2), real(3, 4))
    assert text.count("for ") == 1
    assert "[..., 0, i]" in text


def test_copies_of_a_mean_are_not_written_out():
    text = body_of(lambda x: np.sum(view(x, (2, 2)).mean(axis=(-2, -1)) ** 2), real(3, 4))
    assert "broadcast_to" not in text
    assert "+= scaled\n" in text


def test_a_product_copies_the_windows_once():
    text = body_of(
        lambda x, k: weighted(convolution(x, k)), real(2, 5, 4, 3), real(2, 3, 2, 3), wrt=1
    )
    assert text.count("sliding_window_view(") == text.count(".copy()") == 1
    assert text.count("np.tensordot(") == 2
    assert text.count("windows_x") == 3


def test_a_product_by_einsum_is_taken_by_blas():
    by_einsum = lambda x, k: np.sum(np.einsum("ijuv,uvk->ijk", view(x, (2, 2)), k) ** 2)
    text = body_of(by_einsum, real(3, 4), real(2, 2, 3), wrt=1)
    assert "einsum" not in text
    c = symgrad.compile(by_einsum, wrt=1, exact=True)
    c.grad(real(3, 4), real(2, 2, 3))
    assert 'np.einsum("ijuv,uvk->ijk", ' in c.source


def test_the_function_is_imported_where_it_is_used():
    c = symgrad.compile(lambda x: np.sum(view(x, 2) ** 2))
    c.grad(real(4))
    assert "\nfrom numpy.lib.stride_tricks import sliding_window_view\n" in c.source
    c = symgrad.compile(lambda x: np.sum(x**2))
    c.grad(real(4))
    assert "sliding_window_view" not in c.source


def a_name_of_numpys(sliding_window_view, i, j):
    return np.sum(view(sliding_window_view, (2, 2)) ** 2) * i + j


def test_a_users_names_are_left_to_the_user():
    x = real(3, 4)
    c = symgrad.compile(a_name_of_numpys)
    assert_same(c.grad(x, 2.0, 3.0), numerical_gradient(a_name_of_numpys, (x, 2.0, 3.0), 0))
    assert "np.lib.stride_tricks.sliding_window_view(sliding_window_view, (2, 2))" in c.source


def test_sizes_come_from_specs_without_data():
    c = symgrad.compile(
        lambda x, k: np.sum(np.tensordot(view(x, (3, 3), axis=(1, 2)), k, 2) ** 2),
        wrt=(0, 1), specs={"x": ("n", "h", "w"), "k": (3, 3, "c")},
    )  # fmt: skip
    assert "dx[:, i : i + h - 2, j : j + w - 2] += dwindows_x[..., i, j]" in c.source
    assert "max(" not in c.source


# --- refusals -----------------------------------------------------------------------------------


def written(x):
    windows = view(x.copy(), 2)
    windows[0] = 1.0
    return windows.sum()


def written_through(x):
    windows = view(x.copy(), 2)
    part = windows[1:]
    part += 1.0
    return windows.sum()


X = real(5)
MISTAKES = [
    ("writeable", symgrad.TraceError, "writeable=True",
     lambda x: view(x, 2, writeable=True).sum(), X),
    ("written", symgrad.TraceError, "windows are read-only", written, X),
    ("written through a part", symgrad.TraceError, "windows are read-only", written_through, X),
    ("too wide", symgrad.ShapeError, "a window of 6 does not fit", lambda x: view(x, 6).sum(), X),
    ("negative", symgrad.ShapeError, "negative size", lambda x: view(x, -1).sum(), X),
    ("two sizes for one axis", symgrad.ShapeError, "2 sizes, 1 axes",
     lambda x: view(x, (2, 2)).sum(), X),
    ("one size for two axes", symgrad.ShapeError, "a size for each axis",
     lambda x: view(x, 2).sum(), real(3, 4)),
    ("axes differ in number", symgrad.ShapeError, "1 sizes, 2 axes",
     lambda x: view(x, 2, axis=(0, 1)).sum(), real(3, 4)),
    ("no such axis", symgrad.ShapeError, "axis 2 does not exist",
     lambda x: view(x, 2, axis=2).sum(), real(3, 4)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "text", "function", "x"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_what_cannot_be_is_refused_by_name(error, text, function, x):
    with pytest.raises(error, match=text):
        symgrad.grad(function)(x)


def test_a_smaller_array_is_refused_by_numpy_as_always():
    c = symgrad.compile(lambda x: view(x, 3).sum())
    c.grad(real(5))
    with pytest.raises(ValueError, match="window"):
        c.grad(real(2))


# --- the ops ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_adding_windows_is_the_transpose_of_reading_them(seed):
    """<windows(x), v> = <x, added(v)> for windows, axes and parts at random."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 6, rng.integers(1, 4)))
    axis = tuple(int(k) for k in rng.integers(0, len(shape), rng.integers(1, 3)))
    room = list(shape)
    window = []
    for k in axis:
        window.append(int(rng.integers(1, room[k] + 1)))
        room[k] -= window[-1] - 1
    key = tuple(slice(int(rng.integers(0, 2)), None, int(rng.integers(1, 3))) for _ in shape)
    x = rng.standard_normal(shape)
    v = rng.standard_normal(view(x, tuple(window), axis=axis)[key].shape)
    f = lambda x, v: np.sum(view(x, tuple(window), axis=axis)[key] * v)
    added = symgrad.grad(f)(x, v)
    assert_same(np.vdot(added, x), f(x, v), rtol=1e-12, atol=1e-13)


def test_the_shape_of_windows_is_numpys():
    for shape, window, axis in [((5,), (2,), (0,)), ((5, 4), (2, 3, 2), (0, 1, 0))]:
        builder = Builder()
        x = builder.wrap(builder.input(Aval(shape, FLOAT64), "x"))
        found = builder.apply("windows", x, window=window, axis=axis)
        assert found.shape == view(np.zeros(shape), window, axis=axis).shape


def test_a_slice_serves_sizes_at_which_the_last_window_cuts_it():
    c = symgrad.compile(lambda x: np.sum(view(x, 3)[:3] ** 2), specs={"x": ("n",)})
    for n in (3, 4, 5, 9):
        x = real(n)
        assert_same(c.grad(x), numerical_gradient(c.function, [x], 0), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("reduce", ["max", "min"])
def test_extremes_of_float32_do_not_go_through_float64(reduce):
    x = real(5, 4).astype(np.float32)
    pooled = symgrad.compile(lambda x: np.sum(getattr(view(x, (2, 2)), reduce)(axis=(2, 3)) ** 2))
    rows = symgrad.compile(lambda x: np.sum(getattr(x, reduce)(axis=1) ** 2))
    for c in (pooled, rows):
        assert c.grad(x).dtype == np.float32
        assert "astype(np.float64)" not in c.source and c.source.count("astype") <= 2


OF_THE_WHOLE = [
    lambda x: sum(np.sum(window**2) for window in view(x, x.shape[0])),
    lambda x: np.sum(x * view(x, x.shape[0]).sum(axis=1)),
    lambda x: np.sum((view(x, x.shape[0])[0] + x) ** 2),
    lambda x: np.sum(view(np.sum(x), ()) ** 2),
]


@pytest.mark.parametrize("function", OF_THE_WHOLE)
def test_one_window_of_everything_is_one_at_every_size(function):
    c = symgrad.compile(function)
    for n in (4, 3, 6):
        x = real(n)
        assert_same(c.grad(x), numerical_gradient(function, [x], 0), rtol=1e-7, atol=1e-9)
