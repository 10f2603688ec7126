"""Optimizers: PyTorch's numbers, no memory, whole states, and mistakes told in words."""
# ruff: noqa: E501 (a row of a table is one line)

import ast
import copy
import importlib.util
import inspect
import io
import math
import pickle
import tracemalloc
import typing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import symgrad
from symgrad import ArgumentError, NotFiniteError, ShapeError, SpecError, SymgradError, optim
from symgrad.flat import Layout
from symgrad.optim import state as buffers
from symgrad.optim import steps
from tests import optimizer_numbers as numbers

KEPT = numbers.kept()
TOLERANCE = {"float64": 1e-12, "float32": 3e-6}
ROWS = pytest.mark.parametrize("row", numbers.OPTIMIZERS, ids=lambda row: row[0])
DTYPES = pytest.mark.parametrize("dtype", numbers.DTYPES)
# One of each kind of optimizer, with all that can be switched on.
EACH = [
    optim.SGD(0.1, weight_decay=0.1),
    optim.Momentum(0.1, dampening=0.1),
    optim.Nesterov(0.1),
    optim.AdaGrad(lr_decay=0.1, initial=0.1),
    optim.RMSProp(),
    optim.RMSProp(centered=True, momentum=0.9),
    optim.Adam(optim.Cosine(0.1, steps=50), weight_decay=0.1),
    optim.AdamW(clip_norm=0.5, clip_value=0.4),
]
OF_EACH = pytest.mark.parametrize("optimizer", EACH, ids=lambda o: type(o).__name__)


def ours(row, dtype):
    """Return all parameters after each of the shown steps, through the public interface."""
    _, name, settings, *_ = row
    optimizer = getattr(optim, name)(**settings)
    state = optimizer.init(numbers.start(dtype))
    found = {}
    for step in range(numbers.STEPS):
        optimizer.update(numbers.gradient(step, state.params), state)
        found[step + 1] = numbers.flat(state.params)
    return found


# --- PyTorch's arithmetic -------------------------------------------------------------------------


@DTYPES
@ROWS
def test_the_steps_are_those_that_pytorch_made(row, dtype):
    found = ours(row, dtype)
    for step in numbers.SHOWN:
        kept = KEPT[f"{row[0]}, {dtype}, {step}"]
        np.testing.assert_allclose(found[step], kept, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
@DTYPES
@ROWS
def test_the_steps_are_those_that_pytorch_makes_here(row, dtype):
    found = ours(row, dtype)
    for step, theirs in numbers.by_torch(row, dtype).items():
        np.testing.assert_allclose(found[step], theirs, rtol=0, atol=TOLERANCE[dtype])


def test_the_kept_numbers_tell_the_rows_apart():
    finals = [tuple(KEPT[f"{row[0]}, float64, {numbers.STEPS}"]) for row in numbers.OPTIMIZERS]
    assert len(set(finals)) == len(finals)


@pytest.mark.parametrize("row", numbers.SCHEDULES, ids=lambda row: row[0])
def test_the_rates_are_those_of_pytorch(row):
    schedule = getattr(optim, row[1])(**row[2])
    found = [schedule(step) for step in range(numbers.LAST)]
    np.testing.assert_allclose(found, KEPT[row[0]], rtol=1e-12)


@pytest.mark.parametrize(
    ("schedule", "end"),
    [
        (optim.Cosine(0.3, steps=20, end=0.1), 0.1),
        (optim.OneCycle(0.3, steps=20, first=5.0, last=10.0), 0.006),
        (optim.WarmUp(0.3, steps=5), 0.3),
        (optim.WarmUp(optim.Cosine(0.3, steps=15), steps=5), 0.0),
    ],
    ids=repr,
)
def test_a_schedule_stays_where_it_ended(schedule, end):
    assert [schedule(step) for step in (20, 21, 1000)] == pytest.approx([end] * 3)


def test_a_warm_up_leads_into_the_schedule_it_wraps():
    cosine = optim.Cosine(0.3, steps=10)
    schedule = optim.WarmUp(cosine, steps=4)
    assert [schedule(k) for k in range(4)] == pytest.approx([0, 0.075, 0.15, 0.225])
    assert [schedule(k + 4) for k in range(10)] == [cosine(k) for k in range(10)]


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 10])
@pytest.mark.parametrize("up", [0.1, 0.25, 0.3, 0.5, 0.9])
def test_a_short_cycle_has_a_rate_at_every_step(steps, up):
    found = [optim.OneCycle(0.3, steps=steps, up=up)(k) for k in range(steps + 2)]
    assert all(0 < rate <= 0.3 for rate in found)


@pytest.mark.parametrize(
    "schedule",
    [
        *(getattr(optim, row[1])(**row[2]) for row in numbers.SCHEDULES),
        optim.WarmUp(optim.Step(0.3, every=4), steps=5),
    ],
    ids=repr,
)
def test_the_text_of_a_schedule_needs_only_math(schedule):
    names = {"math": math}
    exec(schedule.source, names)
    run = names[type(schedule).function.__name__]
    for step in range(30):
        assert run(step, **schedule.settings) == schedule(step)


def test_the_text_of_a_warm_up_has_what_it_wraps():
    assert "def staircase" in optim.WarmUp(optim.Step(0.3, every=4), steps=5).source


def test_the_rate_is_that_of_the_steps_already_done():
    optimizer = optim.SGD(lr=lambda step: [1.0, 10.0][step])
    state = optimizer.init({"w": np.zeros(1)})
    for expected in (-1.0, -11.0):
        optimizer.update({"w": np.ones(1)}, state)
        assert state.params["w"] == expected


# --- every step stands alone ----------------------------------------------------------------------


@OF_EACH
def test_the_text_of_a_step_needs_only_numpy_and_math(optimizer):
    names = {"np": np, "math": math}
    exec(optimizer.source, names)
    state, other = (optimizer.init(numbers.start("float64")) for _ in "ab")
    for step in range(5):
        grads = numbers.gradient(step, state.params)
        optimizer.update(grads, state)
        other.take(grads)
        rows = {**other.rows, "scratch": other.blocks[0]["scratch"]}
        for call in optimizer.clips:
            names[call.function.__name__](rows["g"], **call.settings)
        for call in optimizer.plan:
            run = names[call.function.__name__]
            run(*[rows[a] for a in call.arrays], **call.at(optimizer.rate(step), step + 1))
    assert other.flat.tobytes() == state.flat.tobytes()


def test_the_functions_of_steps_are_those_that_optimizers_plan():
    planned = {c.function for o in EACH for c in (*o.clips, *o.plan)}
    assert planned == {f for f in vars(steps).values() if inspect.isfunction(f)} - {
        steps.called_by,
        steps.sum_of_squares,
    }


@OF_EACH
def test_settings_in_the_plan_are_those_of_the_optimizer(optimizer):
    for call in optimizer.plan:
        taken = inspect.signature(call.function).parameters
        assert list(taken)[: len(call.arrays)] == list(call.arrays)
        given = {*call.arrays, *call.numbers, *call.settings}
        left = {name: parameter.default for name, parameter in taken.items() if name not in given}
        assert given <= set(taken) and set(left) <= {"dampening"}
        assert all(call.settings[name] == getattr(optimizer, name) for name in call.settings)


# --- memory ---------------------------------------------------------------------------------------


@OF_EACH
def test_a_step_makes_no_array_after_the_first(optimizer):
    params = {"W": np.ones((100, 200)), "b": np.ones(10_000), "c": 0.0}
    grads = {"W": np.full((100, 200), 0.5), "b": np.full(10_000, 0.25), "c": np.float64(1)}
    state = optimizer.init(params)
    optimizer.update(grads, state)
    before = [id(row) for row in state.rows.values()]
    tracemalloc.start()
    try:
        for _ in range(20):
            optimizer.update(grads, state)
        held, arrays = tracemalloc.get_traced_memory()[0], bytes_of_arrays()
        tracemalloc.reset_peak()
        for _ in range(100):
            optimizer.update(grads, state)
        peak, after = tracemalloc.get_traced_memory()[1], bytes_of_arrays()
    finally:
        tracemalloc.stop()
    assert [id(row) for row in state.rows.values()] == before
    assert after == arrays, "memory grows"
    assert peak - held < 9000, "even a truth value for each number of b would take 10,000 bytes"


def bytes_of_arrays():
    """Return what NumPy's arrays hold; Python's own lists of free objects grow for a while."""
    traces = tracemalloc.take_snapshot().traces
    return sum(trace.size for trace in traces if trace.domain == np.lib.tracemalloc_domain)


def test_an_array_made_in_a_step_would_be_seen():
    tracemalloc.start()
    try:
        flags = np.isfinite(np.ones(10_000))
        assert bytes_of_arrays() == flags.nbytes
        assert tracemalloc.get_traced_memory()[1] > 9000
    finally:
        tracemalloc.stop()


def test_parameters_gradient_and_moments_are_views_of_one_buffer():
    state = optim.Adam().init({"W": np.ones((2, 3)), "b": np.ones(2)})
    buffer = state.flat.base
    leaves = [state.params["W"], state.params["b"], state.grads["W"], *state.moments.values()]
    assert all(np.shares_memory(leaf, buffer) for leaf in leaves)
    state.params["W"][:] = 7
    assert state.flat.tolist() == [7.0] * 6 + [1.0] * 2


def test_a_gradient_may_be_written_where_it_belongs():
    optimizer = optim.SGD(lr=1.0)
    state = optimizer.init({"w": np.zeros(3)})
    state.grads["w"][:] = [1, 2, 3]
    optimizer.update(state.grads, state)
    assert state.params["w"].tolist() == [-1, -2, -3]


@OF_EACH
def test_a_gradient_given_is_not_touched_however_large(optimizer, monkeypatch):
    monkeypatch.setattr(buffers, "BLOCK", 8)
    grads = {"W": np.linspace(-1, 1, 30).reshape(5, 6), "b": np.ones(3), "c": np.float64(2)}
    before = {name: np.array(grad) for name, grad in grads.items()}
    optimizer.update(grads, optimizer.init({name: 0.1 + g for name, g in grads.items()}))
    assert all(np.array_equal(grads[name], before[name]) for name in grads)


@pytest.mark.parametrize("grad", [np.ones((5, 6)).T.copy().T, np.ones((5, 6), np.float32)])
def test_a_large_gradient_may_be_of_any_order_and_precision(grad, monkeypatch):
    def after(block, grad):
        monkeypatch.setattr(buffers, "BLOCK", block)
        optimizer = optim.Adam(lr=0.1)
        state = optimizer.init({"W": np.zeros((5, 6)), "b": np.zeros(3)})
        optimizer.update({"W": grad, "b": np.ones(3)}, state)
        return state.flat.tobytes()

    assert after(8, grad) == after(100, np.ones((5, 6)))


@OF_EACH
def test_a_large_gradient_may_be_the_parameters_themselves(optimizer, monkeypatch):
    def after(block):
        monkeypatch.setattr(buffers, "BLOCK", block)
        state = optimizer.init({"A": np.linspace(1, 2, 30), "B": np.linspace(-2, 1, 30)})
        for _ in range(3):
            optimizer.update({"A": state.params["B"], "B": state.params["A"]}, state)
        return state.flat.tobytes()

    assert after(8) == after(100)


@pytest.mark.parametrize("block", [8, 100])
def test_a_gradient_that_is_not_finite_is_named_and_changes_nothing(block, monkeypatch):
    monkeypatch.setattr(buffers, "BLOCK", block)
    optimizer = optim.Adam(lr=0.1)
    state = optimizer.init({"W": np.zeros((5, 6)), "b": np.zeros(3)})
    grads = {"W": np.ones((5, 6)), "b": np.array([1.0, np.inf, 1.0])}
    with pytest.raises(NotFiniteError, match=r'grads\["b"\]\[1\] is inf at step 0'):
        optimizer.update(grads, state)
    assert not state.flat.any()
    assert not any(row.any() for row in state.moments.values())


def test_the_parameters_given_are_not_touched():
    w = np.ones(3)
    optimizer = optim.SGD(lr=1.0)
    optimizer.update({"w": w}, optimizer.init({"w": w}))
    assert w.tolist() == [1, 1, 1]


@OF_EACH
@DTYPES
def test_blocks_change_no_bit(optimizer, dtype, monkeypatch):
    def after(block):
        monkeypatch.setattr(buffers, "BLOCK", block)
        state = optimizer.init({"w": np.linspace(-1, 1, 1000).astype(dtype)})
        for step in range(5):
            optimizer.update({"w": np.sin(step + 50 * state.params["w"])}, state)
        return state.flat.tobytes()

    assert after(1 << 20) == after(7) == after(1000)


# --- structures -----------------------------------------------------------------------------------


class Pair(typing.NamedTuple):
    W: object
    b: object


@dataclass
class Net:
    first: object
    last: object


A, B, C = np.arange(6.0).reshape(2, 3), np.arange(2.0), np.float64(5)
STRUCTURES = {
    "array": A,
    "number": 2.0,
    "integer, which stands for a float": 2,
    "dict": {"W": A, "b": B},
    "list": [A, B, 1.0],
    "tuple": (A, B),
    "named tuple": Pair(A, B),
    "dataclass": Net(A, B),
    "nested": {"layers": [Pair(A, B), {"W": B, "scale": C}], "out": Net((A,), 3.0)},
    "no array of its own size": {"W": np.ones((0, 3)), "b": B},
    "strided, backwards, in Fortran's order": [A.T, A[:, ::2], A[::-1], np.asfortranarray(A)],
}


@pytest.mark.parametrize("params", STRUCTURES.values(), ids=STRUCTURES)
def test_parameters_keep_their_structure(params):
    optimizer = optim.SGD(lr=1.0)
    state = optimizer.init(params)
    leaves = Layout.of(params, "params").leaves_of(params, "params")
    held = state.layout.leaves_of(state.params, "params")
    assert type(state.params) is type(params) or np.ndim(params) == 0
    assert all(np.array_equal(a, b) for a, b in zip(leaves, held, strict=True))
    optimizer.update(params, state)
    assert not state.flat.any()


def test_a_gradient_is_matched_by_key_and_classes_may_be_tuples():
    optimizer = optim.SGD(lr=1.0)
    state = optimizer.init({"net": Net(A, B), "pair": Pair(A, B)})
    optimizer.update({"pair": (A, B), "net": [A, B]}, state)
    assert not state.flat.any()


def test_python_numbers_take_the_dtype_of_the_arrays():
    state = optim.Adam().init({"W": np.ones(2, np.float32), "b": 0.5})
    assert state.flat.dtype == state.moments["m"].dtype == np.float32


def test_a_compiled_loss_trains_any_structure():
    @symgrad.compile
    def loss(net, x, y):
        hidden = np.tanh(x @ net.first.W + net.first.b)
        return np.mean((hidden @ net.last["v"] + net.last["c"] - y) ** 2)

    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3))
    y = np.tanh(x @ [1.0, -2.0, 0.5])
    net = Net(Pair(rng.normal(size=(3, 4)), np.zeros(4)), {"v": np.zeros(4), "c": 0.0})
    optimizer = optim.Adam(lr=0.05)
    state = optimizer.init(net)
    first = loss(state.params, x, y)
    for _ in range(300):
        value, grads = loss.value_and_grad(state.params, x, y)
        optimizer.update(grads, state)
    assert value < 1e-3 < first


@pytest.mark.parametrize("start", [1.0, 1, np.float64(1), np.array(1.0), np.array([1.0])])
def test_one_number_trains(start):
    loss = symgrad.compile(lambda w: np.sum((w - 3.0) ** 2))
    optimizer = optim.SGD(lr=np.float64(0.25))
    state = optimizer.init(start)
    for _ in range(60):
        optimizer.update(loss.grad(state.params), state)
    assert float(state.flat[0]) == 3.0


def test_a_gradient_in_another_precision_is_rounded():
    optimizer = optim.SGD(lr=1.0)
    state = optimizer.init({"w": np.zeros(2, np.float32), "b": 0.0})
    optimizer.update({"w": np.array([0.1, 1]), "b": 2}, state)
    assert state.flat.tolist() == [-float(np.float32(0.1)), -1, -2]


def test_a_tuple_in_wrt_trains_as_a_tuple():
    loss = symgrad.compile(lambda w, b, x, y: np.mean((x @ w + b - y) ** 2), wrt=("w", "b"))
    x = np.random.default_rng(0).normal(size=(50, 3))
    y = x @ [1.0, -2.0, 0.5] + 3
    optimizer = optim.Momentum(lr=0.05)
    state = optimizer.init((np.zeros(3), 0.0))
    for _ in range(500):
        _, grads = loss.value_and_grad(*state.params, x, y)
        optimizer.update(grads, state)
    np.testing.assert_allclose(state.flat, [1, -2, 0.5, 3], rtol=1e-6)


# --- saved, restored, copied ----------------------------------------------------------------------


def run(optimizer, state, first, last):
    for step in range(first, last):
        optimizer.update(numbers.gradient(step, state.params), state)
    return state


def through_a_file(state):
    file = io.BytesIO()
    np.savez(file, **state.as_dict())
    file.seek(0)
    with np.load(file, allow_pickle=False) as saved:
        return dict(saved)


WAYS = {
    "dict": lambda optimizer, state: optimizer.from_dict(state.as_dict(), numbers.start("float64")),
    "npz": lambda optimizer, state: optimizer.from_dict(through_a_file(state), state.params),
    "pickle": lambda optimizer, state: pickle.loads(pickle.dumps(state)),
    "copy": lambda optimizer, state: state.copy(),
    "copy.copy": lambda optimizer, state: copy.copy(state),
    "deepcopy": lambda optimizer, state: copy.deepcopy(state),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@OF_EACH
def test_a_restored_state_goes_on_bit_for_bit(optimizer, way):
    whole = run(optimizer, optimizer.init(numbers.start("float64")), 0, 40)
    half = run(optimizer, optimizer.init(numbers.start("float64")), 0, 17)
    again = way(optimizer, half)
    run(optimizer, half, 17, 20)  # what was restored has a buffer of its own
    run(optimizer, again, 17, 40)
    assert again.step == whole.step == 40
    assert all(again.rows[name].tobytes() == row.tobytes() for name, row in whole.rows.items())
    assert np.shares_memory(again.params["W"], again.flat)


def test_what_is_saved_is_named_as_code_would_reach_it():
    optimizer = optim.Momentum()
    saved = optimizer.init({"layers": [{"W": np.ones(2)}], "b": 1.0}).as_dict()
    assert list(saved) == [
        "step",
        'params["layers"][0]["W"]',
        'params["b"]',
        'b["layers"][0]["W"]',
        'b["b"]',
    ]


def test_updated_leaves_the_state_as_it_was():
    optimizer = optim.Adam()
    state = optimizer.init(numbers.start("float64"))
    before = state.as_dict()
    new = optimizer.updated(numbers.gradient(0, state.params), state)
    assert (state.step, new.step) == (0, 1)
    assert all(np.array_equal(state.as_dict()[k], v) for k, v in before.items())
    optimizer.update(numbers.gradient(0, state.params), state)
    assert state.flat.tobytes() == new.flat.tobytes()


@OF_EACH
def test_an_optimizer_can_be_pickled_and_compared(optimizer):
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer
    assert replace(optimizer, clip_norm=9.0) != optimizer


@pytest.mark.parametrize("names", [optim.OPTIMIZERS, optim.SCHEDULES], ids=["optimizers", "rates"])
def test_every_kind_has_a_name(names):
    base = {optim.OPTIMIZERS["adam"]: optim.Optimizer}.get(names.get("adam"), optim.Schedule)
    public = [getattr(optim, name) for name in optim.__all__]
    kinds = {k for k in public if isinstance(k, type) and issubclass(k, base) and k is not base}
    assert set(names.values()) == kinds


def test_names_make_what_the_classes_make():
    rate = optim.schedule("warm_up", lr=0.1, steps=10)
    assert optim.optimizer("adamw", lr=rate, beta1=0.8) == optim.AdamW(rate, beta1=0.8)


# --- numerics -------------------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize("largest", [1e-30, 1.0, 1e30, "max"])
def test_a_clipped_gradient_keeps_its_direction_however_large(dtype, largest):
    largest = np.finfo(dtype).max if largest == "max" else largest
    direction = np.array([0.6, -0.8, 0.0])
    g = (direction * largest).astype(dtype)
    steps.clip_norm(g, 2.0)
    np.testing.assert_allclose(g, direction * min(largest, 2.0), rtol=2e-6)


def test_clipping_leaves_alone_what_is_short_enough():
    g = np.full(3, 1e20, np.float32)  # whose squares overflow
    steps.clip_norm(g, 1e21)
    np.testing.assert_allclose(g, 1e20, rtol=1e-6)
    g = np.array([0.3, 0.4])
    steps.clip_norm(g, 1.0)
    assert g.tolist() == [0.3, 0.4]


def test_a_deviation_that_vanishes_stays_a_number():
    optimizer = optim.RMSProp(centered=True, alpha=0.9)
    state = optimizer.init({"w": np.zeros(50)})
    for _ in range(2000):
        optimizer.update({"w": np.linspace(0.1, 3, 50)}, state)
    assert np.isfinite(state.flat).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_no_number_changes_nothing(bad):
    optimizer = optim.Adam()
    state = run(optimizer, optimizer.init(numbers.start("float64")), 0, 3)
    before = state.as_dict()
    grads = numbers.gradient(3, state.params)
    grads["W"][1, 0] = bad
    with pytest.raises(NotFiniteError, match=r'grads\["W"\]\[1, 0\] is .* at step 3'):
        optimizer.update(grads, state)
    assert all(np.array_equal(state.as_dict()[k], v) for k, v in before.items())


def test_a_gradient_that_is_no_number_may_be_let_through():
    optimizer = optim.SGD(check_finite=False)
    state = optimizer.init({"w": np.ones(2)})
    optimizer.update({"w": np.array([np.nan, 1.0])}, state)
    assert np.isnan(state.params["w"]).tolist() == [True, False]


def test_large_gradients_are_no_infinite_ones():
    optimizer = optim.SGD(lr=1e-300)
    state = optimizer.init({"w": np.zeros(2)})
    optimizer.update({"w": np.full(2, 1e300)}, state)  # whose squares overflow
    np.testing.assert_allclose(state.params["w"], -1.0)


# --- mistakes -------------------------------------------------------------------------------------

W = {"W": np.ones((2, 3)), "b": np.ones(3)}


def update(grads, params=W, optimizer=None):
    optimizer = optimizer or optim.Adam()
    optimizer.update(grads, optimizer.init(params))


def restore(change, optimizer=None, params=W):
    saved = optim.Adam().init(W).as_dict()
    change(saved)
    (optimizer or optim.Adam()).from_dict(saved, params)


class Foreign:
    """Something that turns into an array, as other libraries' arrays do."""

    def __array__(self, dtype=None, copy=None):
        return np.ones(())


def replace_a_parameter():
    state = optim.SGD().init(W)
    state.params["b"] = np.ones(3)
    optim.SGD().update(W, state)


MISTAKES = [
    # --- parameters
    ("integers", ArgumentError, 'params["W"] has dtype int64', lambda: optim.SGD().init({"W": np.ones(2, np.int64)})),
    ("integers, the way out", ArgumentError, 'convert it (params["W"].astype(float))', lambda: optim.SGD().init({"W": np.ones(2, np.int64)})),
    ("a truth value", ArgumentError, "params[1] is a bool, no number or array", lambda: optim.SGD().init([1.0, True])),
    ("a text", ArgumentError, 'params["a"] is a str', lambda: optim.SGD().init({"a": "x"})),
    ("nothing", ArgumentError, "params hold no numbers", lambda: optim.SGD().init({})),
    ("only empty arrays", ArgumentError, "params hold no numbers", lambda: optim.SGD().init([np.ones((0, 3))])),
    ("two dtypes", ArgumentError, "params[0] is float64, params[1] is float32", lambda: optim.SGD().init([np.ones(2), np.ones(2, np.float32)])),
    ("half precision", ArgumentError, "params is float16, too coarse", lambda: optim.SGD().init(np.ones(2, np.float16))),
    ("complex numbers", SymgradError, "complex128", lambda: optim.SGD().init(np.ones(2, complex))),
    ("a masked array", SymgradError, "MaskedArray", lambda: optim.SGD().init(np.ma.ones(2))),
    ("a parameter replaced", ArgumentError, 'state.params["b"] is another array than the one that is trained', replace_a_parameter),
    # --- gradients
    ("shape of a gradient", ShapeError, 'grads["W"] has shape (3, 2), params["W"] has (2, 3)', lambda: update({"W": np.ones((3, 2)), "b": np.ones(3)})),
    ("a shape that would broadcast", ShapeError, 'grads["b"] has shape ()', lambda: update({"W": np.ones((2, 3)), "b": 1.0})),
    ("a gradient missing", ArgumentError, "grads must be a dict with W, b, like params, and not a dict with W", lambda: update({"W": np.ones((2, 3))})),
    ("another key", ArgumentError, "and not a dict with W, c", lambda: update({"W": np.ones((2, 3)), "c": np.ones(3)})),
    ("a tuple for a dict", ArgumentError, "and not a tuple of 2", lambda: update((np.ones((2, 3)), np.ones(3)))),
    ("too few in a list", ArgumentError, 'grads["l"] must be a list of 2, like params["l"], and not a list of 1', lambda: update({"l": [1.0]}, {"l": [1.0, 2.0]})),
    ("an array for a dict", ArgumentError, "and not an array of shape (9,)", lambda: update(np.ones(9))),
    ("no gradient", ArgumentError, "and not a NoneType", lambda: update(None)),
    ("a gradient that is None", ArgumentError, 'grads["W"] is NoneType: a gradient is a real number', lambda: update({"W": None, "b": None})),
    ("a number that is None", ArgumentError, "grads is NoneType: a gradient is a real number, or an array of them, that fits float64", lambda: update(None, 1.0)),
    ("gradients of another library", ArgumentError, "grads is Foreign: a gradient is", lambda: update(Foreign(), 1.0)),
    ("complex gradients", ArgumentError, 'grads["b"] is complex128', lambda: update({"W": np.ones((2, 3)), "b": np.ones(3, complex)})),
    ("nan", NotFiniteError, 'grads["b"][1] is nan at step 0, and nothing was changed', lambda: update({"W": np.ones((2, 3)), "b": np.array([1, np.nan, 1])})),
    ("infinite", NotFiniteError, "grads is inf at step 0", lambda: update(np.inf, 1.0)),
    # --- states
    ("arguments the wrong way", ArgumentError, "not a dict: state = optimizer.init(params)", lambda: optim.SGD().update(optim.SGD().init(W), W)),
    ("another optimizer's state", ArgumentError, "the state remembers nothing, Adam m, v", lambda: optim.Adam().update(W, optim.SGD().init(W))),
    ("restored with a row missing", ArgumentError, 'what was saved has no m["b"]', lambda: restore(lambda saved: saved.pop('m["b"]'))),
    ("restored for other parameters", ArgumentError, 'what was saved has m["W"], params["W"], v["W"] besides', lambda: restore(lambda saved: None, params={"b": np.ones(3)})),
    ("restored by another optimizer", ArgumentError, 'has no b["W"], b["b"]', lambda: restore(lambda saved: None, optim.Momentum())),
    ("restored in another shape", ArgumentError, 'v["W"] was saved as float64 of shape (3,), here it is float64 of shape (2, 3)', lambda: restore(lambda saved: saved.update({'v["W"]': np.ones(3)}))),
    ("restored in another dtype", ArgumentError, "was saved as float32", lambda: restore(lambda saved: saved.update({'v["b"]': np.ones(3, np.float32)}))),
    ("restored before the beginning", ArgumentError, "step=-1 must be a whole number >= 0", lambda: restore(lambda saved: saved.update(step=-1))),
    ("restored between two steps", ArgumentError, "step=1.5 must be a whole number", lambda: restore(lambda saved: saved.update(step=1.5))),
    # --- settings
    ("a rate below 0", SpecError, "Adam: lr=-0.1 must be a finite number >= 0", lambda: optim.Adam(-0.1)),
    ("a rate that is nan", SpecError, "lr=nan must be", lambda: optim.SGD(float("nan"))),
    ("a rate in words", SpecError, "SGD: lr='fast' must be", lambda: optim.SGD("fast")),
    ("a rate that is a truth value", SpecError, "lr=True must be", lambda: optim.SGD(True)),
    ("no rate", SpecError, "lr=None must be", lambda: optim.SGD(None)),
    ("a share of 1", SpecError, "Adam: beta2=1.0 must be a number in [0, 1)", lambda: optim.Adam(beta2=1.0)),
    ("a momentum that is a function", SpecError, "momentum=<", lambda: optim.Momentum(momentum=abs)),
    ("clipped to nothing", SpecError, "clip_norm=0 must be a finite number > 0", lambda: optim.Adam(clip_norm=0)),
    ("a word for a truth value", SpecError, "centered='no' must be True or False", lambda: optim.RMSProp(centered="no")),
    ("Nesterov without momentum", SpecError, "nesterov=True needs momentum above 0 and dampening=0", lambda: optim.SGD(nesterov=True)),
    ("Nesterov with dampening", SpecError, "Nesterov: nesterov=True needs momentum above 0 and dampening=0", lambda: optim.Nesterov(dampening=0.1)),
    ("steps in parts", SpecError, "Cosine: steps=1.5 must be a whole number > 0", lambda: optim.Cosine(0.1, steps=1.5)),
    ("a schedule of a schedule", SpecError, "Cosine: lr=Constant(lr=0.1) must be a finite number >= 0", lambda: optim.Cosine(optim.Constant(0.1), steps=5)),
    ("no steps", SpecError, "Step: every=0 must be a whole number > 0", lambda: optim.Step(0.1, every=0)),
    ("all the way up", SpecError, "OneCycle: up=1.0 must be a number between 0 and 1", lambda: optim.OneCycle(0.1, steps=10, up=1.0)),
    ("a dampening without end", SpecError, "dampening=inf must be a finite number", lambda: optim.Momentum(dampening=np.inf)),
    ("a schedule that gives nan", SpecError, "gives nan at step 0: a learning rate is a finite number >= 0", lambda: update(W, optimizer=optim.SGD(lambda step: math.nan))),
    ("a schedule that gives a text", SpecError, "gives 'x' at step 0", lambda: update(W, optimizer=optim.SGD(lambda step: "x"))),
    # --- names
    ("an unknown optimizer", SpecError, "optimizer 'adm' (did you mean `adam`?) is none of sgd, momentum", lambda: optim.optimizer("adm")),
    ("an unknown schedule", SpecError, "schedule 'warmup' (did you mean `warm_up`?) is none of constant, step", lambda: optim.schedule("warmup")),
    ("no name", SpecError, "schedule None is none of", lambda: optim.schedule(None)),
    ("a list for a name", SpecError, "optimizer ['adam']", lambda: optim.optimizer(["adam"])),
    ("an unknown setting", SpecError, "optimizer 'adam' has no 'bete1' (did you mean `beta1`?): it has lr, ", lambda: optim.optimizer("adam", bete1=1)),
    ("a setting missing", SpecError, "schedule 'cosine' needs 'steps'", lambda: optim.schedule("cosine", lr=0.1)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "text", "program"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_told(error, text, program):
    with pytest.raises(error) as caught:
        program()
    assert isinstance(caught.value, SymgradError)
    assert text in str(caught.value)


def test_every_error_has_a_row():
    package = Path(symgrad.__file__).parent
    told = []
    for _, error, _, program in MISTAKES:
        with pytest.raises(error) as caught:
            program()
        told.append(str(caught.value))
    silent = []
    for path in [package / "flat.py", *sorted((package / "optim").glob("*.py"))]:
        if path.name == "minimizing.py":  # whose errors are in test_scipy.py
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error"):
                texts = [c.value for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant)]
                fixed = max((t for t in texts if isinstance(t, str)), key=len)
                if not any(fixed in message for message in told):
                    silent.append(fixed)
    assert silent == []
