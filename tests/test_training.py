"""`symgrad.train`: data, batches, the loop, checkpoints, and what is said of mistakes."""

import functools
import gzip
import importlib.util
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_imports import HEAVY, asking, modules_after
from training_models import (
    DATA,
    FLOWERS,
    IRIS,
    SPECIES,
    Momentum,
    gradient_by_hand,
    is_ill,
    layers,
    logistic_loss,
    patients,
    scores,
    softmax_loss,
)

import symgrad
from symgrad import (
    ArgumentError,
    CheckpointError,
    DataError,
    DivergenceError,
    ExtraError,
    Preparation,
    ShapeError,
    SpecError,
    WrtError,
    optim,
    train,
)
from symgrad.cli import main
from symgrad.training import progress as progress_module
from symgrad.training.checkpoints import load_checkpoint, save_checkpoint
from symgrad.training.csv_files import read_csv
from symgrad.training.dataset import Dataset
from symgrad.training.file_arrays import FileArray
from symgrad.training.fingerprint import digest_of
from symgrad.training.metrics import METRICS, accuracy
from symgrad.training.objective import Objective
from symgrad.training.running import run
from symgrad.training.settings import Settings
from symgrad.training.splitting import epoch_rng, split

RNG = np.random.RandomState(1)
LINE_X = RNG.standard_normal((50, 2))
LINE_Y = LINE_X @ [2.0, -1.0] + 0.5


def squared(w, b, X, y):
    return np.mean((X @ w + b - y) ** 2)


def line(w, b, X):
    return X @ w + b


START = {"w": np.zeros(2), "b": 0.0}
QUIET = {"progress": False}


def fit(**settings):
    settings = {"optimizer": Momentum(), "epochs": 5, **QUIET, **settings}
    return train(squared, (LINE_X, LINE_Y), START, **settings)


def fit_iris(**settings):
    settings = {"optimizer": Momentum(), "epochs": 10, **QUIET, **settings}
    return train(softmax_loss, (FLOWERS, SPECIES), layers(), **settings)


def same_bits(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@pytest.fixture(autouse=True)
def ctrl_c_as_at_a_terminal():
    """Tests that run in the background of a shell would ignore Ctrl-C, and so would training."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# --- the loop ------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [None, 16, 150, 1000])
def test_the_loop_gives_the_bits_of_one_written_by_hand(batch):
    compiled = symgrad.compile(softmax_loss, wrt=("W1", "b1", "W2", "b2"))
    params, optimizer = layers(), Momentum()
    sums = {name: np.zeros_like(value) for name, value in params.items()}
    history = []
    for epoch in range(1, 6):
        rows = np.random.default_rng((7, epoch)).permutation(150) if batch else np.arange(150)
        mean = seen = 0
        for first in range(0, 150, batch or 150):
            mine = rows[first : first + (batch or 150)]
            loss, grads = compiled.value_and_grad(*params.values(), FLOWERS[mine], SPECIES[mine])
            for name, g in zip(params, grads, strict=True):
                sums[name] = optimizer.momentum * sums[name] + g
                params[name] = params[name] - optimizer.lr * sums[name]
            seen += len(mine)
            mean += (loss - mean) * (len(mine) / seen)
        history.append({"epoch": epoch, "loss": mean})
    found = fit_iris(epochs=5, batch=batch, seed=7)
    assert same_bits(found.params, params)
    assert found.history == history


def test_the_gradient_is_that_of_the_textbook():
    params, optimizer = layers(), Momentum(lr=0.2, momentum=0.0)
    for _ in range(3):
        grads = gradient_by_hand(**params, X=FLOWERS, y=SPECIES)
        params = {name: x - optimizer.lr * grads[name] for name, x in params.items()}
    found = fit_iris(optimizer=optimizer, epochs=3).params
    for name, x in params.items():
        np.testing.assert_allclose(found[name], x, rtol=1e-12, atol=1e-14)


def test_iris_is_learned():
    found = fit_iris(
        epochs=150, batch=16, validation=0.2, metrics=["accuracy"], predict=scores,
        preparation=Preparation(standardise=True), optimizer=Momentum(0.02),
    )  # fmt: skip
    assert found.history[-1]["loss"] < 0.1
    assert found.history[-1]["val_accuracy"] > 0.9
    assert found.confusion_matrix().sum() == 30


def test_heart_disease_is_learned_from_its_table():
    preparation = Preparation(
        "AHD", categories=("ChestPain", "Thal"), standardise=True,
        missing={"Ca": "median", "Thal": "most_frequent"},
    )  # fmt: skip
    start = {"w": np.zeros(18), "b": 0.0}
    found = train(
        logistic_loss, DATA / "heart.csv", start, optimizer=Momentum(), epochs=200, seed=3,
        validation=0.25, metrics={"accuracy"}, predict=is_ill, preparation=preparation, **QUIET,
    )  # fmt: skip
    assert found.history[-1]["val_accuracy"] >= 0.8
    assert found.preparation.classes == ("No", "Yes")


class Linear:
    def loss(self, w, b, X, y):
        return squared(w, b, X, y)


FORMS = [
    ("a dict of parameters by name", squared, START),
    ("one nest of parameters", lambda params, X, y: squared(**params, X=X, y=y), START),
    ("a compiled function", symgrad.compile(squared, wrt=("w", "b")), START),
    ("compiled in another order", symgrad.compile(squared, wrt=("b", "w")), START),
    ("with the value's company", symgrad.compile(
        lambda w, b, X, y: (squared(w, b, X, y), X @ w), wrt=("w", "b"), has_aux=True), START),
    ("data first", lambda X, y, w, b: squared(w, b, X, y), START),
    ("by keyword", lambda params, *, X, y: squared(**params, X=X, y=y), START),
    ("parameters by keyword", lambda X, y, *, w, b: squared(w, b, X, y), START),
    ("a partial", functools.partial(lambda lam, w, b, X, y: squared(w, b, X, y), 0.0), START),
    ("a method", Linear().loss, START),
    ("a default left alone", lambda w, b, X, y, lam=0.0: squared(w, b, X, y) + lam * w @ w, START),
]  # fmt: skip


@pytest.mark.parametrize(("label", "fn", "params"), FORMS, ids=[row[0] for row in FORMS])
def test_a_loss_may_take_its_arguments_in_many_ways(label, fn, params):
    found = train(fn, (LINE_X, LINE_Y), params, optimizer=Momentum(), epochs=5, batch=20, **QUIET)
    expected = fit(batch=20)
    for name in START:
        np.testing.assert_allclose(found.params[name], expected.params[name], rtol=1e-12)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_batch_is_rows_of_a_matrix_in_either_order_of_memory(order):
    X = np.asarray(FLOWERS, order=order)
    rows = np.array([3, 149, 0, 3])
    found, labels, rate = Dataset({"X": X, "y": SPECIES, "r": 0.5}, ("X", "y", "r")).take(rows)
    assert np.array_equal(found, [FLOWERS[k] for k in rows])
    assert np.array_equal(labels, [SPECIES[k] for k in rows]) and rate == 0.5


def test_a_number_in_the_data_is_passed_on_to_every_step():
    def ridge(w, b, X, y, lam):
        return squared(w, b, X, y) + lam * np.sum(w**2)

    given = {"X": LINE_X, "y": LINE_Y, "lam": 0.5}
    found = train(ridge, given, START, optimizer=Momentum(), batch=10, epochs=4, **QUIET)

    def written_out(w, b, X, y):
        return squared(w, b, X, y) + 0.5 * np.sum(w**2)

    other = train(
        written_out, (LINE_X, LINE_Y), START, optimizer=Momentum(), batch=10, epochs=4, **QUIET
    )
    np.testing.assert_allclose(found.params["w"], other.params["w"], rtol=1e-12)


def test_the_parameters_given_are_left_alone():
    start = layers()
    train(softmax_loss, (FLOWERS, SPECIES), start, optimizer=Momentum(), epochs=2, **QUIET)
    assert same_bits(start, layers())


def test_no_epochs_give_the_parameters_back():
    found = fit_iris(epochs=0)
    assert same_bits(found.params, layers())
    assert (found.history, found.best, found.stopped) == ([], None, "epochs")


# --- batches -------------------------------------------------------------------------------------


def order(count, seed, epoch):
    return epoch_rng(seed, epoch).permutation(count)


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone():
    assert sorted(order(10, 0, 1)) == list(range(10))
    assert list(order(10, 0, 5)) == list(np.random.default_rng((0, 5)).permutation(10))
    assert len({tuple(order(10, seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_every_row_is_seen_once_an_epoch_and_the_last_batch_may_be_short():
    seen = []

    def loss(w, rows):
        return np.mean(w * rows)

    class Watching(Momentum):
        def update(self, grads, state):
            seen.append(float(grads["w"]))

    train(
        loss, (2.0 ** np.arange(7),), {"w": 1.0}, optimizer=Watching(), batch=3, epochs=1, **QUIET
    )
    sizes = [3, 3, 1]
    assert sum(s * mean for s, mean in zip(sizes, seen, strict=True)) == pytest.approx(2**7 - 1)


@pytest.mark.parametrize("nothing", [0, 0.0, False])
def test_a_part_of_0_holds_nothing_back(nothing):
    found = fit(validation=nothing)
    assert found.validation is None and list(found.history[0]) == ["epoch", "loss"]
    examples = {"X": FLOWERS, "y": SPECIES}
    spec = {"inputs": 4, "layers": [{"units": 3}], "loss": "softmax_cross_entropy", "epochs": 1}
    spec["validation"] = {"share": 0.5}
    assert len(train(spec, examples, progress=False).training) == 75
    assert len(train(spec, examples, validation=nothing, progress=False).training) == 150


@pytest.mark.parametrize("part", [0.2, 1 / 3, 0.5, 0.01, 0.99])
@pytest.mark.parametrize("seed", [0, 5])
def test_a_split_keeps_the_share_of_each_label_and_every_row(part, seed):
    labels = np.array(["a"] * 40 + ["b"] * 13 + ["c"] * 4, dtype=object)
    training, held = split(57, part, seed, labels)
    assert sorted([*training, *held]) == list(range(57))
    assert len(held) == min(max(round(57 * part), 1), 56)
    for label, size in (("a", 40), ("b", 13), ("c", 4)):
        assert abs((labels[held] == label).sum() - len(held) * size / 57) < 1


def test_a_split_by_labels_that_are_all_different_is_not_by_their_size():
    _, held = split(1000, 0.1, 0, np.arange(1000))
    assert 300 < held.mean() < 700


# --- what is recorded ----------------------------------------------------------------------------


def test_a_log_is_the_history_as_json_lines(tmp_path):
    log = tmp_path / "log.jsonl"
    found = fit(validation=0.2, metrics=["rmse", "r2"], predict=line, log=log, epochs=3)
    records = [json.loads(text) for text in log.read_text().splitlines()]
    assert records == found.history
    names = ["epoch", "loss", "rmse", "r2", "val_loss", "val_rmse", "val_r2"]
    assert list(records[0]) == names
    stream = io.StringIO()
    fit(validation=0.2, metrics=["rmse", "r2"], predict=line, log=stream, epochs=3)
    assert stream.getvalue() == log.read_text()


def test_metrics_agree_with_scikit_learn():
    from sklearn import metrics

    y, output = LINE_Y, LINE_Y + RNG.standard_normal(50)
    assert METRICS["mae"](output, y) == pytest.approx(metrics.mean_absolute_error(y, output))
    assert METRICS["rmse"](output, y) == pytest.approx(metrics.root_mean_squared_error(y, output))
    assert METRICS["r2"](output[:, None], y) == pytest.approx(metrics.r2_score(y, output))
    table = RNG.standard_normal((150, 3))
    right = metrics.accuracy_score(SPECIES, table.argmax(axis=1))
    assert accuracy(table, SPECIES) == pytest.approx(right)
    assert accuracy(table, np.eye(3)[SPECIES]) == pytest.approx(right)


def test_the_recorded_metrics_are_those_of_the_parameters_after_the_epoch():
    found = fit(
        epochs=4, batch=7, metrics={"worst": lambda p, y: np.abs(p - y).max()}, predict=line
    )
    assert found.history[-1]["worst"] == np.abs(line(**found.params, X=LINE_X) - LINE_Y).max()


def test_without_predict_a_metric_takes_what_the_loss_takes():
    metrics = {"right": lambda W1, b1, W2, b2, X, y: np.mean(
        scores(W1, b1, W2, b2, X).argmax(axis=1) == y)}  # fmt: skip
    found = fit_iris(epochs=5, batch=16, validation=0.2, metrics=metrics)
    other = fit_iris(epochs=5, batch=16, validation=0.2, metrics=["accuracy"], predict=scores)
    for mine, theirs in zip(found.history, other.history, strict=True):
        assert list(mine.values()) == list(theirs.values())


def test_a_validation_loss_in_parts_is_that_of_the_whole():
    held = LINE_X[:23], LINE_Y[:23]
    found = fit(epochs=2, batch=5, validation=held)
    whole = squared(**found.params, X=held[0], y=held[1])
    assert found.history[-1]["val_loss"] == pytest.approx(whole, rel=1e-12)


def plain(z):
    return z


def shrunk(w, b, X, y):
    return np.mean((plain(X @ w + b) - y) ** 2)


def test_a_function_that_the_loss_calls_may_change_between_two_values(monkeypatch):
    objective = Objective(shrunk, START)
    given = START, ("X", "y"), (LINE_X, LINE_Y)
    before = [objective.value(*given) for _ in range(3)]
    monkeypatch.setitem(shrunk.__globals__, "plain", lambda z: 0.5 * z + 1)
    after = [objective.value(*given) for _ in range(2)]
    assert before == pytest.approx([np.mean(LINE_Y**2)] * 3)
    assert after == pytest.approx([np.mean((1 - LINE_Y) ** 2)] * 2)


# --- the best epoch, and stopping early ----------------------------------------------------------


@pytest.mark.parametrize("kind", [Momentum, symgrad.optim.Momentum])
def test_training_stops_when_nothing_has_become_better_for_a_while(kind):
    noise = np.random.RandomState(2).standard_normal((40, 30))
    y = noise[:, 0] + np.random.RandomState(3).standard_normal(40)
    found = train(
        squared, (noise, y), {"w": np.zeros(30), "b": 0.0}, optimizer=kind(0.05), epochs=500,
        validation=0.5, early_stopping=10, **QUIET,
    )  # fmt: skip
    assert found.stopped == "early stopping"
    losses = [record["val_loss"] for record in found.history]
    assert found.best.epoch == int(np.argmin(losses)) + 1 == len(losses) - 10
    assert found.best.value == min(losses)
    _, held = split(40, 0.5, 0)
    assert squared(**found.best.params, X=noise[held], y=y[held]) == found.best.value


@pytest.mark.parametrize("kind", [Momentum, symgrad.optim.Momentum])
@pytest.mark.parametrize("epochs", range(1, 31))
def test_the_best_of_a_full_batch_has_the_loss_that_is_told(kind, epochs):
    found = fit(epochs=epochs, optimizer=kind(0.4))
    assert found.best.value == min(record["loss"] for record in found.history)
    assert squared(**found.best.params, X=LINE_X, y=LINE_Y) == pytest.approx(found.best.value)


def test_a_metric_may_be_watched_instead():
    watch = {"patience": 5, "monitor": "val_accuracy", "min_delta": 0.001}
    found = fit_iris(
        epochs=300, batch=16, validation=0.2, metrics=["accuracy"], predict=scores,
        early_stopping=watch,
    )  # fmt: skip
    values = [record["val_accuracy"] for record in found.history]
    assert found.best.value == max(values) and found.best.epoch == values.index(max(values)) + 1
    assert len(values) == found.best.epoch + 5


# --- NaN -----------------------------------------------------------------------------------------


def diverging(w, b, X, y):
    z = X @ w + b
    grown = np.exp(z)
    return np.mean((grown - y) ** 2)


def rooted(w, b, X, y):
    z = X @ w + b
    root = np.sqrt(z)
    return np.mean((root + y) ** 2)


def test_a_value_that_is_not_finite_is_named_with_its_line():
    with pytest.raises(DivergenceError) as error:
        train(diverging, (LINE_X, LINE_Y), {"w": np.zeros(2), "b": 800.0},
              optimizer=Momentum(), **QUIET)  # fmt: skip
    text = str(error.value)
    assert "epoch 1, step 1: `grown` is infinite in 50 of 50 places" in text
    assert "grown = np.exp(z)" in text and "test_training.py" in text


@pytest.mark.parametrize("optimizer", [Momentum(), optim.Adam(), optim.SGD(check_finite=False)])
def test_a_gradient_that_is_not_finite_is_named_with_its_line(optimizer):
    with pytest.raises(DivergenceError, match=r"derivative.* is infinite") as error:
        train(rooted, (LINE_X, LINE_Y), START, optimizer=optimizer, **QUIET)
    assert "root = np.sqrt(z)" in str(error.value)


def test_parameters_that_are_not_finite_are_no_result():
    with pytest.raises(DivergenceError, match="after its last step: the argument `w` is infinite"):
        fit(optimizer=Momentum(1e308), epochs=1)


def test_a_validation_loss_that_is_not_finite_is_named_with_its_line():
    held = LINE_X * 1e200, LINE_Y
    with pytest.raises(DivergenceError, match=r"epoch 1, validation: .* is infinite") as error:
        fit(validation=held)
    assert "return np.mean((X @ w + b - y) ** 2)" in str(error.value)


def test_the_history_before_a_value_that_is_not_finite_is_kept():
    with pytest.raises(DivergenceError) as error:
        fit(optimizer=Momentum(1e100), epochs=50)
    assert [record["epoch"] for record in error.value.history] == list(
        range(1, len(error.value.history) + 1)
    )
    assert error.value.params.keys() == START.keys()


def test_a_value_that_is_not_finite_in_a_mapped_file_is_named(tmp_path):
    X = LINE_X.copy()
    X[30, 1] = np.nan
    np.save(tmp_path / "X.npy", X)
    with pytest.raises(DivergenceError, match="the argument `X` is NaN in 1 of 100"):
        train(squared, {"X": tmp_path / "X.npy", "y": LINE_Y}, START, optimizer=Momentum(), **QUIET)


def test_a_checkpoint_keeps_the_last_good_epoch(tmp_path):
    path = tmp_path / "run.npz"
    with pytest.raises(DivergenceError, match="holds the last good epoch"):
        fit(optimizer=Momentum(1e60), epochs=50, checkpoint=path)
    assert load_checkpoint(path)["position"]["epoch"] >= 1


# --- data ----------------------------------------------------------------------------------------


def test_csv_columns_are_what_their_cells_are(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(
        '\ufeffa,b,"c,d",e,f\n1,2.5,x,NA,1_0\n\n-3,NaN,"y ""z""",4,2\n', encoding="utf-8"
    )
    found = read_csv(path)
    assert list(found) == ["a", "b", "c,d", "e", "f"]
    assert found["a"].dtype == np.int64 and found["a"].tolist() == [1, -3]
    np.testing.assert_array_equal(found["b"], [2.5, np.nan])
    assert found["c,d"].tolist() == ["x", 'y "z"']
    np.testing.assert_array_equal(found["e"], [np.nan, 4])
    assert found["f"].tolist() == ["1_0", "2"]
    packed = tmp_path / "table.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert next(iter(read_csv(packed).values())).tolist() == [1, -3]


def test_csv_files_of_many_rows_are_read_in_parts(tmp_path):
    path = tmp_path / "long.csv"
    rows = [f"{k},{k}" for k in range(25_000)] + ["1.5,word"]
    path.write_text("a,b\n" + "\n".join(rows) + "\n")
    found = read_csv(path)
    assert found["a"].dtype == float and found["a"][-1] == 1.5 and found["a"][24_999] == 24_999
    assert found["b"].dtype == object and found["b"][10_000] == "10000"


def test_columns_of_a_csv_file_go_to_the_arguments_of_their_names(tmp_path):
    path = tmp_path / "line.csv"
    np.savetxt(path, np.c_[LINE_X, LINE_Y], delimiter=",", header="x1,x2,y", comments="")

    def loss(a, x2, y):
        return np.mean((a * x2 - y) ** 2)

    found = train(loss, path, {"a": 0.0}, optimizer=Momentum(), epochs=1000, **QUIET)
    assert found.params["a"] == pytest.approx(LINE_X[:, 1] @ LINE_Y / (LINE_X[:, 1] @ LINE_X[:, 1]))


def files_of(folder):
    np.save(folder / "X.npy", FLOWERS)
    np.save(folder / "y.npy", SPECIES)
    np.savez(folder / "both.npz", X=FLOWERS, y=SPECIES, other=np.arange(3.0)[:0])
    return [
        {"X": folder / "X.npy", "y": str(folder / "y.npy")},
        (folder / "X.npy", SPECIES),
        (np.load(folder / "X.npy", mmap_mode="r"), SPECIES.tolist()),
        {"X": FLOWERS.tolist(), "y": SPECIES},
    ]


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("validation", [None, 0.3])
@pytest.mark.parametrize("preparation", [None, Preparation(standardise=True)])
def test_a_file_trains_to_the_bits_of_the_arrays_in_it(tmp_path, which, validation, preparation):
    how = {"batch": 16, "epochs": 3, "validation": validation, "preparation": preparation}
    found = train(
        softmax_loss, files_of(tmp_path)[which], layers(), optimizer=Momentum(), **how, **QUIET
    )
    expected = fit_iris(**how)
    assert same_bits(found.params, expected.params)
    assert found.history == expected.history


@pytest.mark.parametrize(
    "rows", [slice(None), slice(3, 9), [4], [7, 8, 9, 2, 2, 0, 19], []], ids=str
)
@pytest.mark.parametrize("kind", ["plain", "fortran", "part", "changed", "words"])
def test_rows_of_a_file_are_those_of_the_array(tmp_path, kind, rows):
    path, expected = tmp_path / "X.npy", np.arange(120.0).reshape(20, 3, 2)
    if kind == "words":
        expected = expected.astype("U5")
    np.save(path, np.asfortranarray(expected) if kind == "fortran" else expected)
    array = np.load(path, mmap_mode="c" if kind == "changed" else "r")
    if kind == "changed":
        array[7] = expected[7] = -1.0
    if kind == "part":
        array, expected = array[:, ::2], expected[:, ::2]
    rows = np.array(rows, int) if isinstance(rows, list) else rows
    found = FileArray(array)[rows]
    assert type(found) is np.ndarray and found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected[rows])


def test_a_file_that_became_shorter_is_named(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, np.arange(100.0))
    array = FileArray(np.load(path, mmap_mode="r"))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"X\.npy became shorter"):
        _ = array[:]


def test_batches_of_somebody_else_are_taken_as_they_come():
    rows = [order(150, 0, epoch) for epoch in (1, 2, 3)]
    batches = [
        [(FLOWERS[r[k : k + 50]], SPECIES[r[k : k + 50]]) for k in (0, 50, 100)] for r in rows
    ]
    source = iter(batches)
    found = train(
        softmax_loss, lambda: iter(next(source)), layers(), optimizer=Momentum(), epochs=3, **QUIET
    )
    assert same_bits(found.params, fit_iris(epochs=3, batch=50).params)
    by_name = [{"y": y, "X": X} for X, y in batches[0]]
    again = train(softmax_loss, by_name, layers(), optimizer=Momentum(), epochs=2, **QUIET)
    assert len(again.history) == 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_file_larger_than_the_memory_allowed_trains(tmp_path):
    path = tmp_path / "large.npy"
    large = np.lib.format.open_memmap(path, "w+", float, (260_000, 100))  # 208 MB
    for start in range(0, len(large), 10_000):
        large[start : start + 10_000] = np.random.default_rng(start).standard_normal((10_000, 100))
    np.save(tmp_path / "y.npy", np.asarray(large[:, 0]) * 2 + 1)
    large.flush()
    del large
    program = r"""
import re, sys
import numpy as np
import symgrad
from training_models import Momentum
from test_training import squared
folder = sys.argv[1]
def peak():  # in MB; getrusage would count what the process was forked from
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1024
tiny = np.ones((64, 100)), np.ones(64)
symgrad.train(squared, tiny, {"w": np.zeros(100), "b": 0.0}, optimizer=Momentum(), epochs=1,
              progress=False, validation=0.5, preparation=symgrad.Preparation(standardise=True))
before = peak()
found = symgrad.train(
    squared, {"X": folder + "/large.npy", "y": folder + "/y.npy"}, {"w": np.zeros(100), "b": 0.0},
    optimizer=Momentum(0.01), epochs=2, batch=64, validation=0.2, progress=False,
    preparation=symgrad.Preparation(standardise=True))
print(found.history[-1]["val_loss"], peak() - before)
"""
    done = run_python(program, str(tmp_path))
    loss, grown = map(float, done.stdout.split())
    assert loss < 1e-3
    assert 1 < grown < 100, f"{grown:.0f} MB for a file of 208"


# --- preparation ---------------------------------------------------------------------------------

TABLE = {
    "kind": np.array(["b", "a", "b", None], dtype=object),
    "size": np.array([1.0, 3.0, np.nan, 8.0]),
    "count": np.array([1, 2, 3, 4]),
    "label": np.array(["no", "yes", "no", "no"], dtype=object),
}

PREPARED = [
    ("numbers as they are", {"inputs": ["count"]}, [[1], [2], [3], [4]]),
    ("the mean", {"inputs": ["size"], "missing": "mean"}, [[1], [3], [4], [8]]),
    ("the median", {"inputs": ["size"], "missing": "median"}, [[1], [3], [3], [8]]),
    ("a number of your own", {"inputs": ["size"], "missing": -1}, [[1], [3], [-1], [8]]),
    ("categories", {"inputs": ["kind"], "categories": ["kind"], "missing": "most_frequent"},
     [[0, 1], [1, 0], [0, 1], [0, 1]]),
    ("categories given", {"inputs": ["kind"], "categories": {"kind": ["b", "a", "z"]},
                          "missing": "z"}, [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]),
    ("a word of its own", {"inputs": ["kind"], "categories": ["kind"], "missing": "lost"},
     [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    ("numbers as categories", {"inputs": ["count"], "categories": ["count"]}, np.eye(4)),
    ("scaled", {"inputs": ["count"], "standardise": True},
     (np.arange(4.0)[:, None] - 1.5) / np.sqrt(1.25)),
    ("some scaled", {"inputs": ["count", "size"], "standardise": ["count"], "missing": 0},
     np.c_[(np.arange(4.0) - 1.5) / np.sqrt(1.25), [1, 3, 0, 8]]),
    ("scaled with what is filled in", {"inputs": ["size"], "standardise": True, "missing": 4.0},
     (np.array([[1.0], [3], [4], [8]]) - 4) / np.sqrt((9 + 1 + 16) / 4)),
]  # fmt: skip


@pytest.mark.parametrize(("label", "how", "X"), PREPARED, ids=[row[0] for row in PREPARED])
def test_a_table_becomes_the_arrays_that_were_declared(label, how, X):
    made = Preparation("label", **how).fit(TABLE)
    found = made.apply(TABLE)
    np.testing.assert_allclose(found["X"], X, rtol=1e-14)
    assert found["y"].tolist() == [0, 1, 0, 0]
    assert len(made.features) == found["X"].shape[1]
    kept = Preparation.from_dict(json.loads(json.dumps(made.as_dict())))
    again = kept.apply(TABLE)
    assert all(np.array_equal(again[name], found[name]) for name in found)


def test_standardising_agrees_with_scikit_learn():
    from sklearn.preprocessing import StandardScaler

    X = np.c_[FLOWERS, np.full(150, 3.0)]
    made = Preparation("y", standardise=True).fit({"X": X, "y": SPECIES}, np.arange(100))
    expected = StandardScaler().fit(X[:100]).transform(X)
    np.testing.assert_allclose(made.apply({"X": X, "y": SPECIES})["X"], expected, atol=1e-13)


def test_nothing_is_learned_from_the_validation_part():
    how = {"validation": 0.3, "epochs": 1}
    preparation = Preparation("y", standardise=True)
    found = fit_iris(preparation=preparation, **how)
    training, held = split(150, 0.3, 0, SPECIES)
    assert found.preparation.encodings["X"].mean == pytest.approx(FLOWERS[training].mean(axis=0))
    changed = FLOWERS.copy()
    changed[held] *= 100
    again = train(softmax_loss, (changed, SPECIES), layers(), optimizer=Momentum(),
                  preparation=preparation, **how, **QUIET)  # fmt: skip
    assert again.preparation.encodings == found.preparation.encodings
    assert same_bits(again.params, found.params)


def test_rows_that_lack_a_value_can_be_dropped():
    table = patients()
    complete = [k for k in range(303) if all(column[k] is not None for column in table.values())]
    how = Preparation("AHD", inputs=["MaxHR", "Ca", "Thal"], categories=["Thal"], missing="drop",
                      standardise=True)  # fmt: skip
    found = train(logistic_loss, DATA / "heart.csv", {"w": np.zeros(5), "b": 0.0},
                  optimizer=Momentum(), epochs=1, preparation=how, **QUIET)  # fmt: skip
    assert len(found.training) == len(complete) == 297
    X = found.training.columns["X"]
    rate = np.array([float(table["MaxHR"][k]) for k in complete])
    np.testing.assert_allclose(X[:, 0], (rate - rate.mean()) / rate.std())
    assert X[:, 2].tolist() == [float(table["Thal"][k] == "fixed") for k in complete]


def test_classes_may_be_given_and_a_column_may_weigh_the_rows():
    how = Preparation("label", inputs=["count"], classes=("yes", "no"), weights="count")
    made = Preparation.from_dict(how.fit(TABLE).as_dict()).apply(TABLE)
    assert made["y"].tolist() == [1, 0, 1, 1] and made["weights"].tolist() == [1, 2, 3, 4]

    def weighted(w, X, y, weights):
        return np.mean(weights * (X[:, 0] * w - y) ** 2)

    found = train(weighted, TABLE, {"w": 0.0}, optimizer=optim.SGD(0.01), epochs=200,
                  preparation=how, **QUIET)  # fmt: skip
    x = weights = np.arange(1.0, 5)
    expected = (weights * x * [1, 0, 1, 1]).sum() / (weights * x * x).sum()
    assert found.params["w"] == pytest.approx(expected)


def test_an_unseen_category_can_be_in_none_of_the_columns():
    seen = {"kind": np.array(["a", "b"], object)}
    new = {"kind": np.array(["b", "c"], object)}
    made = Preparation(categories=["kind"], unseen="zeros").fit(seen)
    assert made.apply(new)["X"].tolist() == [[0, 1], [0, 0]]


# --- checkpoints ---------------------------------------------------------------------------------

HOW = {"batch": 16, "validation": 0.2, "metrics": ["accuracy"], "predict": scores, "seed": 4}


@pytest.mark.parametrize("first", [1, 3, 9])
def test_a_run_goes_on_to_the_bits_of_one_that_never_stopped(tmp_path, first):
    path, log = tmp_path / "run.npz", tmp_path / "log.jsonl"
    fit_iris(epochs=first, checkpoint=path, log=log, **HOW)
    log.write_text(log.read_text() + '{"epoch": 99}\n')  # what a killed run had not yet kept
    found = fit_iris(epochs=10, checkpoint=path, log=log, resume=True, **HOW)
    whole = fit_iris(epochs=10, **HOW)
    assert same_bits(found.params, whole.params)
    assert found.history == whole.history
    assert found.best.epoch == whole.best.epoch
    assert same_bits(found.best.params, whole.best.params)
    assert [json.loads(text) for text in log.read_text().splitlines()] == whole.history


KINDS = [*optim.OPTIMIZERS.values()]
SCHEDULED = optim.Adam(optim.WarmUp(optim.Cosine(0.01, steps=60), steps=10), clip_norm=1.0)


@pytest.mark.parametrize(
    "optimizer", [*(kind(0.01) for kind in KINDS), SCHEDULED], ids=lambda o: type(o).__name__
)
@pytest.mark.parametrize("nested", [False, True])
def test_every_optimizer_goes_on_to_the_same_bits(tmp_path, optimizer, nested):
    def loss(layers, X, y):
        (W1, b1), last = layers["first"], layers["last"]
        return softmax_loss(W1, b1, last[0], last[1], X, y)

    start = layers()
    deep = {"first": (start["W1"], start["b1"]), "last": [start["W2"], start["b2"]]}

    def go(epochs, **how):
        fn, params = (loss, deep) if nested else (softmax_loss, start)
        return train(fn, (FLOWERS, SPECIES), params, optimizer=optimizer, epochs=epochs, batch=40,
                     validation=0.2, **how, **QUIET)  # fmt: skip

    path = tmp_path / "run.npz"
    go(3, checkpoint=path)
    found, whole = go(6, checkpoint=path, resume=True), go(6)
    assert found.history == whole.history
    for a, b in ((found.params, whole.params), (found.best.params, whole.best.params)):
        assert a.keys() == b.keys()
        for mine, theirs in zip(a.values(), b.values(), strict=True):
            assert type(mine) is type(theirs)
            assert all(map(np.array_equal, mine, theirs))


def test_a_checkpoint_holds_no_pickle_and_every_kind_of_value(tmp_path):
    path = tmp_path / "state.npz"
    state = {"a": {"x": np.arange(3.0), "n": None}, "list": [1, 2.5, "w", np.float32(0.1), True],
             "nan": float("inf"), "half": np.zeros((0, 3), np.float32)}  # fmt: skip
    save_checkpoint(path, state)
    found = load_checkpoint(path)
    assert list(found) == list(state) and found["a"]["n"] is None and found["nan"] == np.inf
    assert found["list"][:3] == [1, 2.5, "w"] and found["list"][3] == np.float32(0.1)
    assert found["half"].shape == (0, 3) and found["half"].dtype == np.float32
    with np.load(path, allow_pickle=False) as file:
        assert json.loads(file["header"].tobytes())["version"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]


def damaged(content, how):
    if how == "truncated":
        return content[: len(content) // 2]
    if how == "empty":
        return b""
    if how == "text":
        return b"not a checkpoint"
    changed = bytearray(content)
    changed[how] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("how", ["truncated", "empty", "text"])
def test_a_damaged_checkpoint_is_refused(tmp_path, how):
    path = tmp_path / "run.npz"
    fit_iris(epochs=2, checkpoint=path)
    path.write_bytes(damaged(path.read_bytes(), how))
    with pytest.raises(CheckpointError, match=r"run.npz cannot be read|run.npz is"):
        fit_iris(epochs=4, checkpoint=path, resume=True)


def test_a_checkpoint_with_one_bit_changed_is_refused_or_the_same(tmp_path):
    path, other = tmp_path / "run.npz", tmp_path / "changed.npz"
    save_checkpoint(path, {"w": np.arange(4.0), "step": 3})
    content = path.read_bytes()
    refused = 0
    for place in range(len(content)):
        other.write_bytes(damaged(content, place))
        try:
            found = load_checkpoint(other)
        except CheckpointError:
            refused += 1
        else:  # a date in the archive, say
            assert found["step"] == 3 and found["w"].tolist() == [0, 1, 2, 3]
    assert refused > len(content) / 2


OTHER_RUNS = [
    ("seed", r"its seed is 4, and here 5", {"seed": 5}),
    ("batch", r"its batch is 16, and here 8", {"batch": 8}),
    ("optimizer", r"its optimizer is .*0.1.*, and here .*0.2", {"optimizer": Momentum(0.2)}),
    ("validation", r"its validation is 0.2, and here 0.3", {"validation": 0.3}),
    ("metrics", r"its metrics are not the same", {"metrics": ["accuracy", "mae"]}),
    ("patience", r"its early stopping is", {"early_stopping": 3}),
    ("preparation", r"its (data|preparation) is not the same",
     {"preparation": Preparation(standardise=True)}),
]  # fmt: skip


@pytest.mark.parametrize(("label", "says", "changed"), OTHER_RUNS, ids=[r[0] for r in OTHER_RUNS])
def test_the_checkpoint_of_another_run_is_refused(tmp_path, label, says, changed):
    path = tmp_path / "run.npz"
    fit_iris(epochs=1, checkpoint=path, **HOW)
    with pytest.raises(CheckpointError, match=says):
        fit_iris(epochs=4, checkpoint=path, resume=True, **{**HOW, **changed})


def test_the_checkpoint_of_another_loss_or_other_data_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    weight = 1.0

    def weighted(w, b, X, y):
        return weight * squared(w, b, X, y)

    def go(fn, X=LINE_X, params=START):
        train(fn, (X, LINE_Y), params, optimizer=Momentum(), epochs=2, checkpoint=path,
              resume=path.exists(), **QUIET)  # fmt: skip

    go(weighted)
    go(weighted)
    for other in (squared, lambda w, b, X, y: 2 * squared(w, b, X, y)):
        with pytest.raises(CheckpointError, match="its loss is not the same"):
            go(other)
    with pytest.raises(CheckpointError, match="its data is not the same"):
        go(weighted, LINE_X + 1)
    with pytest.raises(CheckpointError, match=r"its parameters is w \(2,\), b \(\), and here w"):
        go(weighted, np.c_[LINE_X, LINE_X], {"w": np.zeros(4), "b": 0.0})
    weight = 2.0
    with pytest.raises(CheckpointError, match="its loss is not the same"):
        go(weighted)


ALIKE = (lambda w, X: np.sum(X @ w), lambda w, X: np.sum(X @ w) * 2)


class Scaled:
    def __init__(self, scale):
        self.scale = scale

    def loss(self, w, X):
        return self.scale * np.sum(X @ w)

    def __call__(self, w, X):
        return self.loss(w, X)


def closing_over(scale):
    def loss(w, X):
        return sum(scale * x for x in X) @ w

    return loss


DIGESTS = [
    ("captured numbers", closing_over(1.0), closing_over(2.0)),
    ("two lambdas of a line", *ALIKE),
    ("numbers", 1.0, 2.0),
    ("arrays", np.zeros(3), np.zeros(3, np.float32)),
    ("large arrays", np.zeros(9_000_000), np.r_[np.zeros(8_999_999), 1.0]),
    ("methods", Scaled(1).loss, Scaled(2).loss),
    ("objects that are called", Scaled(1), Scaled(2)),
    ("partials", functools.partial(squared, b=1.0), functools.partial(squared, b=2.0)),
    ("optimizers", Momentum(0.1), Momentum(0.2)),
    ("compiled or not", symgrad.compile(squared), symgrad.compile(squared, exact=True)),
    ("ufuncs", np.exp, np.log),
    ("words", np.array(["a", None], object), np.array(["a", "b"], object)),
]


@pytest.mark.parametrize(("label", "a", "b"), DIGESTS, ids=[row[0] for row in DIGESTS])
def test_what_a_run_depends_on_has_a_digest_of_its_own(label, a, b):
    assert digest_of(a) == digest_of(a) != digest_of(b) == digest_of(b)


SCALE = 1.0


def scaled_inside(w, X):
    return sum(SCALE * x for x in X) @ w


def test_a_digest_knows_what_functions_inside_name(monkeypatch):
    before = digest_of(scaled_inside)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 2.0)
    assert digest_of(scaled_inside) != before


def test_a_digest_is_the_same_in_every_process():
    program = """
from test_training import DIGESTS
from symgrad.training.fingerprint import digest_of
print([digest_of(x) for row in DIGESTS for x in row[1:]])
"""
    assert run_python(program).stdout == run_python(program).stdout


def test_a_file_that_is_no_checkpoint_is_not_written_over(tmp_path):
    path = tmp_path / "thesis.txt"
    path.write_text("two years of work")
    with pytest.raises(CheckpointError, match="is no checkpoint: choose another name"):
        fit(checkpoint=path)
    assert path.read_text() == "two years of work"


def run_python(program, *words, **how):
    here = Path(__file__).parent
    around = {**os.environ, "PYTHONPATH": f"{here.parent}{os.pathsep}{here}"}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=around, timeout=300, **how
    )


ENDLESS = """
import sys
import time
import symgrad
from training_models import FLOWERS, SPECIES, Momentum, layers, scores, softmax_loss

class Slow(Momentum):
    def update(self, grads, state):
        time.sleep(0.0005)
        super().update(grads, state)

found = symgrad.train(
    softmax_loss, (FLOWERS, SPECIES), layers(), optimizer=Slow(), epochs=150, batch=16, seed=4,
    validation=0.2, checkpoint=sys.argv[1], resume=True, progress=False, log=sys.argv[1] + ".log",
    metrics=["accuracy"], predict=scores, early_stopping=1000,
)
print(found.stopped, flush=True)
"""


def started(path):
    here = Path(__file__).parent
    around = {**os.environ, "PYTHONPATH": f"{here.parent}{os.pathsep}{here}"}
    return subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(path)],
        env=around, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for_another(path, before=0):
    """Wait until the run has written a checkpoint after the time ``before``."""
    until = time.monotonic() + 60
    while written(path) <= before and time.monotonic() < until:
        time.sleep(0.001)


def written(path):
    return path.stat().st_mtime_ns if path.exists() else 0


def endless_state(path):
    kept = load_checkpoint(path)
    return kept["optimizer"], kept["history"], kept["best"]


def finished(path):
    run = started(path)
    out, err = run.communicate(timeout=120)
    assert out == "epochs\n", err
    return endless_state(path)


def assert_same_state(a, b):
    (a, history, best), (b, other_history, other_best) = a, b
    assert same_bits(a["params"], b["params"]) and same_bits(a["sums"], b["sums"])
    assert a["step"] == b["step"] and history == other_history
    assert best[:2] == other_best[:2]
    assert all(map(np.array_equal, best[2], other_best[2]))


@pytest.mark.skipif(os.name == "nt", reason="needs kill")
def test_a_run_killed_at_random_moments_ends_with_the_same_bits(tmp_path):
    undisturbed = finished(tmp_path / "whole.npz")
    path = tmp_path / "killed.npz"
    moments = random.Random(8)
    for _ in range(10):
        before = written(path)
        run = started(path)
        wait_for_another(path, before)
        time.sleep(moments.uniform(0, 0.03))
        run.kill()
        run.communicate()
        assert run.returncode == -signal.SIGKILL
    assert 10 <= load_checkpoint(path)["position"]["epoch"] < 150
    assert_same_state(finished(path), undisturbed)
    assert (tmp_path / "killed.npz.log").read_text() == (tmp_path / "whole.npz.log").read_text()
    assert len(list(tmp_path.iterdir())) == 4, "half a file was left behind"


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_ctrl_c_keeps_the_run_where_it_is_and_it_goes_on_to_the_same_bits(tmp_path):
    undisturbed = finished(tmp_path / "whole.npz")
    path = tmp_path / "stopped.npz"
    run = started(path)
    wait_for_another(path)
    time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert (out, run.returncode) == ("interrupted\n", 0), err
    position = load_checkpoint(path)["position"]
    assert position["epoch"] < 150
    assert_same_state(finished(path), undisturbed)


@pytest.mark.parametrize("at", [1, 2, 5, 8, 9])
def test_ctrl_c_between_two_steps_of_an_epoch_is_no_break(tmp_path, at):
    class Interrupted(Momentum):
        def update(self, grads, state):
            super().update(grads, state)
            if state.step == at:
                signal.raise_signal(signal.SIGINT)

    path = tmp_path / "run.npz"
    how = {"optimizer": Interrupted(), "batch": 50, "epochs": 3, "checkpoint": path}
    found = fit_iris(**how)
    kept = load_checkpoint(path)["position"]
    assert found.stopped == ("epochs" if at == 9 else "interrupted")
    assert kept["epoch"] * 3 + kept["step"] == at
    again = fit_iris(**{**how, "resume": True})
    whole = fit_iris(batch=50, epochs=3)
    assert same_bits(again.params, whole.params) and again.history == whole.history
    assert same_bits(again.best.params, whole.best.params)


def test_batches_of_somebody_else_go_on_where_they_were(tmp_path):
    def batches():
        return ((FLOWERS[k : k + 50], SPECIES[k : k + 50]) for k in (0, 50, 100))

    class Interrupted(Momentum):
        def update(self, grads, state):
            super().update(grads, state)
            if state.step == 5:
                signal.raise_signal(signal.SIGINT)

    def go(optimizer, **how):
        return train(softmax_loss, batches, layers(), optimizer=optimizer, epochs=4, **how, **QUIET)

    path = tmp_path / "run.npz"
    assert go(Interrupted(), checkpoint=path).stopped == "interrupted"
    found, whole = go(Interrupted(), checkpoint=path, resume=True), go(Momentum())
    assert same_bits(found.params, whole.params) and found.history == whole.history


@pytest.mark.parametrize("batch", [50, None])
def test_masks_after_a_break_are_those_of_a_run_without_one(tmp_path, batch):
    class Interrupted(Momentum):
        def update(self, grads, state):
            super().update(grads, state)
            if state.step == 4:
                signal.raise_signal(signal.SIGINT)

    layers = [{"units": 8, "activation": "relu"}, {"kind": "dropout", "rate": 0.5}, {"units": 3}]
    spec = {"inputs": 4, "layers": layers, "loss": "softmax_cross_entropy"}

    def go(optimizer, **how):
        how = {"optimizer": optimizer, "batch": batch, "epochs": 6, **how}
        return train(spec, (FLOWERS, SPECIES), **how, **QUIET)

    path = tmp_path / "run.npz"
    assert go(Interrupted(), checkpoint=path).stopped == "interrupted"
    found, whole = go(Interrupted(), checkpoint=path, resume=True), go(Momentum())
    assert same_bits(found.params, whole.params) and found.history == whole.history


def test_ctrl_c_stays_ignored_where_it_was():
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    class Interrupted(Momentum):
        def update(self, grads, state):
            signal.raise_signal(signal.SIGINT)

    assert fit(optimizer=Interrupted()).stopped == "epochs"


def test_a_second_ctrl_c_ends_at_once():
    class Twice(Momentum):
        def update(self, grads, state):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(optimizer=Twice())
    assert signal.getsignal(signal.SIGINT) is before


# --- progress ------------------------------------------------------------------------------------


def test_progress_is_a_line_every_ten_epochs_on_stderr(capsys, monkeypatch):
    monkeypatch.setattr(progress_module, "has_tqdm", lambda: False)
    fit(epochs=25, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert [text.split("  ")[0] for text in err.splitlines()] == [
        "epoch 10/25", "epoch 20/25", "epoch 25/25",
    ]  # fmt: skip
    assert "loss 0." in err and "s left" in err.splitlines()[0]


def test_progress_is_a_bar_where_tqdm_is_installed(monkeypatch):
    calls = []

    class Fake:
        def __init__(self, **how):
            calls.append((how["total"], how["initial"], how["unit"], how["file"]))

        def set_postfix_str(self, text, refresh):
            calls.append(text)

        def update(self, count):
            calls.append(count)

        def close(self):
            calls.append("closed")

    module = types.ModuleType("tqdm")
    module.tqdm = Fake
    monkeypatch.setitem(sys.modules, "tqdm", module)
    monkeypatch.setattr(progress_module, "has_tqdm", lambda: True)
    fit(epochs=2, progress=True)
    assert calls[0] == (2, 0, "epoch", sys.stderr) and calls[-1] == "closed"
    assert calls[1].startswith("loss ") and calls.count(1) == 2


TIMES = [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.99, "1 min 0 s"), (3599.7, "1 h 0 min"),
         (200, "3 min 20 s"), (3900, "1 h 5 min")]  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), TIMES)
def test_a_time_is_said_as_people_say_it(seconds, text):
    assert progress_module.duration(seconds) == text


# --- pictures ------------------------------------------------------------------------------------


@pytest.fixture
def axes():
    from matplotlib.figure import Figure

    return Figure(figsize=(4, 3), layout="constrained").subplots()


def fit_two(**settings):
    return train(
        softmax_loss, (FLOWERS[:, 2:], SPECIES), layers(2), optimizer=Momentum(), epochs=60,
        validation=0.3, metrics=["accuracy"], predict=scores, **QUIET, **settings,
    )  # fmt: skip


def test_the_loss_curve_has_a_point_an_epoch(axes):
    found = fit_two(early_stopping=1000)
    assert found.plot(ax=axes) is axes
    training, validation, *_ = axes.get_lines()
    assert list(training.get_ydata()) == [record["loss"] for record in found.history]
    assert list(validation.get_ydata()) == [record["val_loss"] for record in found.history]
    assert axes.get_xlabel() == "epoch" and axes.get_ylabel() == "loss"


@pytest.mark.parametrize("best", [None, layers(2)], ids=["trained", "made up"])
def test_the_confusion_matrix_of_the_best_epoch_agrees_with_scikit_learn(best, axes):
    from sklearn.metrics import confusion_matrix

    found = fit_two()
    found = replace(found, best=replace(found.best, params=best or found.best.params))
    _, held = split(150, 0.3, 0, SPECIES)
    expected = scores(**found.best.params, X=FLOWERS[held, 2:]).argmax(axis=1)
    np.testing.assert_array_equal(
        found.confusion_matrix(), confusion_matrix(SPECIES[held], expected)
    )
    found.plot_confusion(ax=axes)
    numbers = [int(text.get_text()) for text in axes.texts]
    assert numbers == found.confusion_matrix().ravel().tolist()


@pytest.mark.parametrize("method", ["plot_confusion", "plot_boundary"])
@pytest.mark.parametrize("targets", [[0.5, 1.0, 2.0, 0.0], [25.0, 3.0, 4.0, 9.0]])
def test_numbers_are_not_taken_for_classes(method, targets):
    spec = {"inputs": 2, "layers": [{"units": 1}], "loss": "squared", "epochs": 1}
    rows = {"X": np.arange(8.0).reshape(4, 2), "y": np.array(targets)}
    found = train(spec, rows, **QUIET)
    with pytest.raises(ArgumentError, match=r"targets are numbers, such as .*, and no classes"):
        getattr(found, method)()


def test_a_squared_loss_tells_0_and_1_apart():
    spec = {"inputs": 1, "layers": [{"units": 1}], "loss": "squared", "init": "zeros", "epochs": 1}
    found = train(spec, {"X": np.zeros((3, 1)), "y": np.array([1.0, 0.0, 1.0])}, **QUIET)
    np.testing.assert_array_equal(found.confusion_matrix(), [[1, 0], [2, 0]])


def test_a_decision_boundary_shows_the_class_of_every_point(axes, tmp_path):
    found = fit_two()
    found.plot_boundary(ax=axes)
    assert [t.get_text() for t in axes.get_legend().get_texts()] == [
        "class 0",
        "class 1",
        "class 2",
    ]
    axes.figure.savefig(tmp_path / "boundary.png")
    assert (tmp_path / "boundary.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_make_their_own_axes():
    from matplotlib import pyplot

    found = fit_two()
    try:
        assert found.plot().figure is not found.plot_boundary().figure
    finally:
        pyplot.close("all")


def test_pictures_say_that_they_need_matplotlib(monkeypatch):
    found = fit_two()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExtraError, match="pictures need matplotlib"):
        found.plot()


# --- the seam ------------------------------------------------------------------------------------


def test_settings_run_as_train_does():
    settings = Settings(squared, (LINE_X, LINE_Y), START, Momentum(), epochs=5, progress=False)
    assert same_bits(run(settings).params, fit().params)


# --- mistakes ------------------------------------------------------------------------------------

WORDS = np.array(["a", "b", "a"] * 50, object)
HOLED = FLOWERS.copy()
HOLED[7, 2] = np.nan


def iris(data=(FLOWERS, SPECIES), params=None, fn=softmax_loss, **settings):
    settings = {"optimizer": Momentum(), "epochs": 1, **QUIET, **settings}
    return train(fn, data, params or layers(), **settings)


def by_preparation(data=TABLE, fn=logistic_loss, **how):
    start = {"w": np.zeros(1), "b": 0.0}
    return iris(data, start, fn, preparation=Preparation("label", **how))


def csv_file(text):
    def make(folder):
        path = folder / "data.csv"
        path.write_text(text)
        return path

    return make


def many(*X, y):
    return 0.0


MISTAKES = [
    # settings
    ("epochs", ArgumentError, "epochs=2.5 must be a whole number, 0 or more",
     lambda: iris(epochs=2.5)),
    ("epochs below 0", ArgumentError, "epochs=-1 must be a whole number", lambda: iris(epochs=-1)),
    ("batch", ArgumentError, "batch=0 must be a whole number, 1 or more", lambda: iris(batch=0)),
    ("seed", ArgumentError, "seed=-1 must be", lambda: iris(seed=-1)),
    ("optimizer", ArgumentError, "optimizer='adam' has no init and update",
     lambda: iris(optimizer="adam")),
    ("class of optimizers", ArgumentError, r"optimizer=Adam is a class: give one, such as Adam\(",
     lambda: iris(optimizer=optim.Adam)),
    ("validation", ArgumentError, "validation=1.5 must be a part between 0 and 1",
     lambda: iris(validation=1.5)),
    ("validation below 0", ArgumentError, "validation=-1 must be", lambda: iris(validation=-1)),
    ("validation NaN", ArgumentError, "validation=nan must be",
     lambda: iris(validation=float("nan"))),
    ("resume without a file", ArgumentError, "resume=True needs the file",
     lambda: iris(resume=True)),
    ("preparation", ArgumentError, "preparation is dict, and no symgrad.Preparation",
     lambda: iris(preparation={})),
    ("metric without predictions", ArgumentError, "accuracy: such metrics compare predictions",
     lambda: iris(metrics=["accuracy"])),
    ("unknown metric", ArgumentError, r"no metric 'acuracy' \(did you mean `accuracy`",
     lambda: iris(metrics=["acuracy"], predict=scores)),
    ("what a metric takes", ArgumentError, "far takes `Z`, which is neither a parameter",
     lambda: iris(metrics={"far": lambda W1, Z: 0.0})),
    ("metric called loss", ArgumentError, "a metric cannot be called `loss`",
     lambda: iris(metrics={"loss": max}, predict=scores)),
    ("patience", ArgumentError, "patience=0 must be a number of epochs",
     lambda: iris(early_stopping=0)),
    ("word of early stopping", ArgumentError, r"no `patiance` \(did you mean `patience`",
     lambda: iris(early_stopping={"patiance": 3})),
    ("mode", ArgumentError, "mode='least': 'min' or 'max'",
     lambda: iris(early_stopping={"patience": 3, "mode": "least"})),
    ("monitor", ArgumentError, r"monitor='val_los' is not recorded \(did you mean `val_loss`",
     lambda: iris(validation=0.2, early_stopping={"patience": 3, "monitor": "val_los"})),
    ("which way", ArgumentError, "is a larger `mine` better",
     lambda: iris(metrics={"mine": lambda p, y: 0.0}, predict=scores,
                  early_stopping={"patience": 3, "monitor": "mine"})),
    ("probabilities for classes", ArgumentError, "not a class: compare it with a threshold",
     lambda: iris(metrics=["accuracy"], predict=lambda W1, X: X[:, 0])),
    ("shape of predictions", ShapeError, r"gives shape \(150, 3\), the targets have \(150,\)",
     lambda: iris(metrics=["mae"], predict=scores)),
    ("what predict takes", ArgumentError, "predict takes `Z`, which is neither a parameter",
     lambda: iris(metrics=["mae"], predict=lambda W1, Z: Z)),
    ("target", ArgumentError, r"target='Y' is no column", lambda: iris(target="Y", validation=0.2)),
    # the function and its parameters
    ("parameter", ArgumentError, r"params has `W3`, which is no parameter of softmax_loss",
     lambda: iris(params={**layers(), "W3": np.ones(2)})),
    ("compiled for others", ArgumentError, "was compiled with wrt=W1, b1: give one dict of these",
     lambda: iris(fn=symgrad.compile(softmax_loss, wrt=("W1", "b1")))),
    ("compiled for several", ArgumentError, "give params as a dict by these names",
     lambda: iris(fn=symgrad.compile(squared, wrt=("w", "b")), params=[np.ones(4), 0.0])),
    ("too few data", ArgumentError, "softmax_loss takes `y`, and data has X",
     lambda: iris((FLOWERS,))),
    ("too many data", DataError, "data has 3 arrays, the function takes X, y",
     lambda: iris((FLOWERS, SPECIES, SPECIES))),
    ("misspelt data", ArgumentError, r"data has `x`, which softmax_loss does not take",
     lambda: iris({"x": FLOWERS, "y": SPECIES})),
    ("star arguments", ArgumentError, r"many takes \*X: name what it takes",
     lambda: iris(fn=many, params={"y": 1.0})),
    ("integer parameters", WrtError, "dtype int64: only floating-point",
     lambda: iris(fn=lambda p, X, y: X.sum() * p["n"].sum(), params={"n": np.arange(3)},
                  optimizer=types.SimpleNamespace(
                      init=lambda p: types.SimpleNamespace(params=p), update=None))),
    # data
    ("NaN", DataError, r"`X` of data is not finite in 1 of 600 places \(first in row 8\)",
     lambda: iris((HOLED, SPECIES))),
    ("NaN in validation", DataError, "`X` of validation is not finite",
     lambda: iris(validation=(HOLED, SPECIES))),
    ("words", DataError, r"column `y` of data holds words \('a', ...\)",
     lambda: iris((FLOWERS, WORDS))),
    ("lengths", DataError, "`X` has 150 rows and `y` 149", lambda: iris((FLOWERS, SPECIES[1:]))),
    ("no rows", DataError, r"the data has no rows: `X` has shape \(0, 4\)",
     lambda: iris((FLOWERS[:0], SPECIES[:0]))),
    ("no arrays", DataError, "the data holds no array", lambda: iris({"X": 1.0, "y": 2})),
    ("ragged", DataError, r"data\[0\] is no array", lambda: iris(([[1.0], [2.0, 3.0]], SPECIES))),
    ("objects", DataError, r"data\[0\] is a list and no array of numbers or words",
     lambda: iris(([{}, {}], [0, 1]))),
    ("dates", DataError, r"data\[1\] has dtype datetime64\[D\]: convert it to numbers",
     lambda: iris((FLOWERS, np.arange(150).astype("M8[D]")))),
    ("complex numbers", DataError, r"data\[0\] has dtype complex128",
     lambda: iris((FLOWERS + 0j, SPECIES))),
    ("a word for an array", DataError, r"data\['X'\] is 'X.csv': an array, or the path of a .npy",
     lambda: iris({"X": "X.csv", "y": SPECIES})),
    ("nothing", DataError, "data is NoneType: give arrays", lambda: iris(None)),
    ("one row to split", DataError, "1 row cannot be split",
     lambda: iris((FLOWERS[:1], SPECIES[:1]), validation=0.5)),
    ("batches run out", DataError, "no batches for epoch 2: it can be gone through once",
     lambda: iris(iter([(FLOWERS, SPECIES)]), epochs=2)),
    ("batch of one array", DataError, "a batch is ndarray: give tuples",
     lambda: iris(iter([FLOWERS]))),
    ("function without batches", DataError, "gives int, and no batches", lambda: iris(lambda: 3)),
    ("split of batches", ArgumentError, "batches cannot be split",
     lambda: iris([(FLOWERS, SPECIES)], validation=0.2)),
    ("batches to learn from", ArgumentError, "batches teach a Preparation nothing",
     lambda: iris([(FLOWERS, SPECIES)], preparation=Preparation())),
    ("validation as batches", DataError, "validation must be arrays",
     lambda: iris(validation=[(FLOWERS, SPECIES)])),
    # preparation
    ("unseen", SpecError, "unseen='ignore': 'refuse' or 'zeros'",
     lambda: Preparation(unseen="ignore")),
    ("one word for a list", SpecError, "inputs='size': give a list of columns",
     lambda: Preparation(inputs="size")),
    ("column", DataError, r"no column `sise` \(did you mean `size`\?\): it has kind",
     lambda: by_preparation(inputs=["sise"])),
    ("column of missing", DataError, "no column `length`",
     lambda: by_preparation(inputs=["count"], missing={"length": "mean"})),
    ("no inputs", SpecError, "no inputs", lambda: by_preparation(inputs=[])),
    ("words undeclared", DataError, r"`kind` holds words \('b', ...\): name it in categories",
     lambda: by_preparation(inputs=["kind"])),
    ("missing", DataError, r"`size` lacks a value in 1 of 4 rows \(first in row 3\)",
     lambda: by_preparation(inputs=["size"])),
    ("missing category", DataError, "`kind` lacks a value in 1 of 4 rows",
     lambda: by_preparation(inputs=["kind"], categories=["kind"])),
    ("mean of words", DataError, "missing='mean' cannot fill in the words that `kind` lacks",
     lambda: by_preparation(inputs=["kind"], categories=["kind"], missing="mean")),
    ("misspelt treatment", SpecError, r"missing='meen' for `size`.*did you mean `mean`",
     lambda: by_preparation(inputs=["size"], missing="meen")),
    ("number for words", SpecError, "missing=3 for `kind`.* or a word",
     lambda: by_preparation(inputs=["kind"], categories=["kind"], missing=3)),
    ("unseen category", DataError, "holds 'c' in row 1, which is none of the categories",
     lambda: Preparation(categories=["k"]).fit({"k": np.array(["a"], object)})
     .apply({"k": np.array(["c"], object)})),
    ("unseen category held back", DataError, "holds 'rare' in row 4, which is none of",
     lambda: by_preparation({**TABLE, "kind": np.array(["b", "b", "b", "rare"], object)},
                            inputs=["kind"], categories={"kind": ["b"]})),
    ("unseen class", DataError, "target `k` holds 'c' in row 1, which is none of the classes",
     lambda: Preparation("k").fit({"k": np.array(["a"], object), "x": np.ones(1)})
     .apply({"k": np.array(["c"], object), "x": np.ones(1)})),
    ("target without a value", DataError, "`k` lacks a value in 1 of 2 rows",
     lambda: Preparation("k", missing="mean").fit({"k": np.array([1, np.nan]), "x": np.ones(2)})
     .apply({"k": np.array([1, np.nan]), "x": np.ones(2)})),
    ("weights", DataError, r"no column `wieght`",
     lambda: by_preparation(inputs=["count"], weights="wieght")),
    ("classes given", DataError, "target `label` holds 'no' in row 1, which is none of the classes",
     lambda: by_preparation(inputs=["count"], classes=("yes", "maybe"))),
    ("not fitted", SpecError, "has learned nothing yet", lambda: Preparation().apply(TABLE)),
    ("a matrix of categories", DataError, r"`X` of shape \(150, 4\) cannot be a category",
     lambda: iris(preparation=Preparation("y", categories=["X"]))),
    ("nothing left", DataError, "every row lacks a value",
     lambda: iris((np.full((3, 4), np.nan), SPECIES[:3]), preparation=Preparation(missing="drop"))),
    ("words for numbers", DataError, "holds words here, and held numbers in training",
     lambda: Preparation().fit({"x": np.ones(2)}).apply({"x": np.array(["a"], object)})),
    # pictures
    ("boundary of four", DataError, r"inputs of two numbers, here are shape \(150, 4\)",
     lambda: fit_iris(predict=scores).plot_boundary()),
    ("classes without predict", ArgumentError, "train with predict=",
     lambda: fit_iris().confusion_matrix()),
    ("picture of batches", DataError, "the run had batches only",
     lambda: iris([(FLOWERS, SPECIES)], predict=scores).confusion_matrix()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "kind", "says", "program"), MISTAKES, ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_named(label, kind, says, program):
    with pytest.raises(kind, match=says) as error:
        program()
    assert isinstance(error.value, symgrad.SymgradError)


FILES = [
    ("empty", "is empty: its first row must name", csv_file("")),
    ("header alone", "has no rows below its header", csv_file("X,y\n")),
    ("a name twice", "two columns are called `y`", csv_file("y,y\n1,2\n")),
    ("no name", "column 2 has no name", csv_file("X,\n1,2\n")),
    ("no header", "the first row holds numbers", csv_file("1,2\n3,4\n")),
    ("short row", "row 2 has 1 cells, the header names 2", csv_file("X,y\n1,2\n3\n")),
    ("open quote", "is no CSV file", csv_file('X,y\n"1,2\n')),
    ("not text", "is no CSV file", lambda folder: _written(folder / "data.csv", b"a,\xff\n1\n")),
    ("not packed", "is no CSV file", lambda folder: _written(folder / "data.csv.gz", b"a\n1\n")),
    ("NPZ", "cannot be read as NPZ", lambda folder: _written(folder / "data.npz", b"PK")),
    ("NPY", "cannot be read as NPY", lambda folder: _written(folder / "data.npy", b"\x93NUMPY")),
    ("pickle", "cannot be read as NPY", lambda folder: _saved(folder / "data.npy")),
    ("kind of file", "neither .csv, .csv.gz, .npz nor .npy",
     lambda folder: _written(folder / "data.xlsx", b"")),
    ("no file", r"there is no file .*daat.csv \(did you mean `data.csv`",
     lambda folder: csv_file("a\n1\n")(folder).with_name("daat.csv")),
]  # fmt: skip


def _written(path, content):
    path.write_bytes(content)
    return path


def _saved(path):
    np.save(path, np.array([{}], object), allow_pickle=True)
    return path


@pytest.mark.parametrize(("label", "says", "make"), FILES, ids=[row[0] for row in FILES])
def test_a_file_that_cannot_be_read_is_named(tmp_path, label, says, make):
    with pytest.raises(DataError, match=says):
        iris(make(tmp_path))


def test_a_csv_file_lacks_what_the_loss_takes():
    with pytest.raises(ArgumentError, match="a Preparation makes X and y of columns"):
        iris(DATA / "iris.csv")


def test_the_iris_table_is_that_of_the_examples():
    assert IRIS.shape == (150, 5)


# --- the command ---------------------------------------------------------------------------------

PROGRAM = """
import numpy as np
from training_models import Momentum, layers, scores, softmax_loss as loss
from symgrad import Preparation

print("talk")
optimizer = Momentum(0.1)
params = layers
predict = scores
preparation = Preparation("species", standardise=True)
"""


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Return what runs `symgrad train` on a file in an empty folder: code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(PROGRAM)
    (tmp_path / "iris.csv").write_bytes((DATA / "iris.csv").read_bytes())

    def command(*words, target="model.py:loss"):
        code = main(["train", target, "--data", "iris.csv", "--epochs", "12", *words])
        return code, *capsys.readouterr()

    return command


def test_the_command_trains(command):
    code, out, err = command("--validation", "0.2", "--metric", "accuracy", "--batch", "16")
    found = train(
        softmax_loss, "iris.csv", layers(), optimizer=Momentum(0.1), epochs=12, batch=16,
        validation=0.2, metrics=["accuracy"], predict=scores,
        preparation=Preparation("species", standardise=True), **QUIET,
    )  # fmt: skip
    assert code == 0
    first, second = out.splitlines()
    assert first.startswith(f"epoch 12 (epochs): loss {found.history[-1]['loss']:.4g}, accuracy 0.")
    right = found.history[found.best.epoch - 1]["val_accuracy"]
    best = f"best epoch {found.best.epoch}: val_loss {found.best.value:.4g}"
    assert second == f"{best}, val_accuracy {right:.4g}"
    assert err.startswith("talk\nepoch 10/12  loss ")


def test_the_command_takes_an_optimizer_by_name(command):
    code, out, _ = command("--optimizer", "adam", "--lr", "0.05", "--quiet")
    found = train(softmax_loss, "iris.csv", layers(), optimizer=optim.Adam(0.05), epochs=12,
                  preparation=Preparation("species", standardise=True), **QUIET)  # fmt: skip
    assert code == 0 and f"loss {found.history[-1]['loss']:.4g}" in out


def test_the_command_leaves_what_was_asked_for(command, tmp_path):
    words = ["--quiet", "--json", "--log", "log.jsonl", "-o", "params.npz", "--plot", "loss.png"]
    words += ["--confusion", "confusion.png", "--checkpoint", "run.npz", "--patience", "50"]
    code, out, _ = command(*words)
    assert code == 0
    result = json.loads(out)
    assert result["last"] == json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert list(result["best"]) == ["epoch", "loss"] and result["stopped"] == "epochs"
    with np.load("params.npz") as kept:
        assert {name: kept[name].shape for name in kept.files} == {
            name: x.shape for name, x in layers().items()
        }
    for name in ("loss.png", "confusion.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    before = (tmp_path / "loss.png").read_bytes()
    code, again, _ = command(*words, "--resume")
    assert (code, again) == (0, out)
    assert (tmp_path / "loss.png").read_bytes() == before


def test_ctrl_c_in_the_command_is_exit_code_130(command, tmp_path):
    text = PROGRAM.replace("optimizer = Momentum(0.1)", """
import signal
class Interrupted(Momentum):
    def update(self, grads, state):
        super().update(grads, state)
        if state.step == 3:
            signal.raise_signal(signal.SIGINT)
optimizer = Interrupted()
""")  # fmt: skip
    (tmp_path / "model.py").write_text(text)
    code, out, _ = command("--checkpoint", "run.npz", "--quiet")
    assert code == 130 and out.startswith("epoch 3 (interrupted): loss ")
    code, out, err = command("--checkpoint", "run.npz", "--resume")
    assert code == 0 and out.startswith("epoch 12 (epochs): ")
    assert "resuming run.npz after epoch 3" in err


COMMANDS = [
    ("no optimizer", "model.py defines no `optimizer`", "optimizer = ", []),
    ("no params", "model.py defines no `params`", "params = ", []),
    ("validation", "validation: there is no file fifth", "", ["--validation", "fifth"]),
    ("metric without predict", "such metrics compare predictions", "predict = ",
     ["--metric", "accuracy"]),
    ("resume", "resume=True needs the file", "", ["--resume"]),
    ("rate of no optimizer", "--lr is the rate of an --optimizer", "", ["--lr", "0.1"]),
    ("unknown optimizer", "optimizer 'adm' (did you mean `adam`?)", "", ["--optimizer", "adm"]),
    ("picture without predict", "model.py defines no `predict`", "predict = ",
     ["--boundary", "b.png"]),
    ("folder of the log", "runs/ does not exist: make the folder first", "",
     ["--log", "runs/log.jsonl"]),
    ("folder of the checkpoint", "runs/ does not exist", "", ["--checkpoint", "runs/c.npz"]),
    ("data that are not there", "there is no file iris2.csv (did you mean `iris.csv`?)", "",
     ["--data", "iris2.csv"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "says", "without", "words"), COMMANDS, ids=[r[0] for r in COMMANDS]
)
def test_a_mistake_in_the_command_is_exit_code_2(command, tmp_path, label, says, without, words):
    lines = [line for line in PROGRAM.splitlines() if not (without and line.startswith(without))]
    (tmp_path / "model.py").write_text("\n".join(lines))
    code, out, err = command("--quiet", *words)
    assert (code, out) == (2, "") and says in err


def test_help_for_training_imports_nothing_heavy():
    assert not modules_after(asking("train", "--help")) & HEAVY
