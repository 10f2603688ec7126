"""Training from specs: what the numbers are, what data may look like, and what is said of mistakes.

`reference_training` writes down the semantics once more; scikit-learn and the formulas of textbooks
are the other oracles.
"""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import reference_training as reference
from training_models import DATA, FLOWERS, SPECIES

from symgrad import ArgumentError, CheckpointError, DataError, SpecError, SymgradError, optim, train
from symgrad.spec import model
from symgrad.training import scores
from symgrad.training.checkpoints import digest, load_checkpoint
from symgrad.training.splitting import Part
from symgrad.training.trained import TrainedModel

BASE = {
    "inputs": 4,
    "layers": [{"units": 5, "activation": "tanh"}, {"units": 3}],
    "loss": "softmax_cross_entropy",
    "optimizer": {"name": "sgd", "lr": 0.1},
    "epochs": 4,
    "seed": 3,
}
ONE = [{"units": 3, "activation": "tanh"}, {"units": 1}]
NORMED = [
    {"units": 6, "activation": "relu"}, {"kind": "batch_norm"}, {"kind": "dropout", "rate": 0.25},
    {"units": 4, "activation": "tanh"}, {"kind": "batch_norm"}, {"units": 3},
]  # fmt: skip
SHARE = {"share": 0.3}

RNG = np.random.RandomState(5)
X = RNG.standard_normal((31, 4))
Y = RNG.randint(0, 3, 31)
W = RNG.uniform(0.2, 3, 31)
WORDS = np.array(["red", "green", "blue"], object)[Y]
TABLE = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "d": X[:, 3], "kind": Y}
COLOURS = {"column": "colour", "categories": ["red", "green", "blue"]}


def spec(**changes):
    """Return the usual spec with some keys changed; None takes one away."""
    made = {**BASE, **changes}
    return {key: value for key, value in made.items() if value is not None}


def fit(given=None, data=(X, Y), **how):
    return train(spec() if given is None else given, data, progress=False, **how)


def changed(table=TABLE, **columns):
    return {**table, **columns}


def holed(column, value=np.nan, row=3):
    """Return a column with something else in one row."""
    found = np.array(column, float)
    found[row] = value
    return found


def same_bits(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


# --- the numbers ----------------------------------------------------------------------------------

SCHEDULED = {"schedule": {"name": "warm_up", "steps": 3, "then": {"name": "cosine", "steps": 9}}}


def warm_cosine(t):
    return 0.1 * t / 3 if t < 3 else 0.1 * (1 + np.cos(np.pi * min((t - 3) / 9, 1.0))) / 2


# name, changes to the spec, how the reference differs
NUMBERS = [
    ("full batch", {}, {}),
    ("minibatches", {"batch_size": 8}, {"batch": 8}),
    ("minibatches in order", {"batch_size": 8, "shuffle": False}, {"batch": 8, "shuffle": False}),
    ("validation", {"validation": SHARE}, {"held": True}),
    ("validation by a seed of its own", {"validation": {"share": 0.25, "seed": 11}},
     {"held": (0.25, 11)}),
    ("validation in batches", {"validation": SHARE, "batch_size": 4}, {"held": True, "batch": 4}),
    ("momentum", {"optimizer": {"name": "momentum", "lr": 0.1}, "batch_size": 7},
     {"optimizer": reference.Momentum, "batch": 7}),
    ("adam", {"optimizer": {"name": "adam", "lr": 0.1}}, {"optimizer": reference.Adam}),
    ("adam in batches", {"optimizer": {"name": "adam", "lr": 0.1}, "batch_size": 8},
     {"optimizer": reference.Adam, "batch": 8}),
    ("dropout", {"layers": [{"units": 6}, {"kind": "dropout", "rate": 0.4}, {"units": 3}]}, {}),
    ("dropout, batches, validation",
     {"layers": [{"kind": "dropout", "rate": 0.1}, {"units": 6}, {"kind": "dropout", "rate": 0.4},
                 {"units": 3}], "batch_size": 8, "validation": SHARE}, {"batch": 8, "held": True}),
    ("dropout, batches in order", {"layers": NORMED, "batch_size": 8, "shuffle": False},
     {"batch": 8, "shuffle": False}),
    ("batch norm", {"layers": NORMED, "validation": SHARE}, {"held": True}),
    ("batch norm in batches", {"layers": NORMED, "validation": SHARE, "batch_size": 9},
     {"held": True, "batch": 9}),
    ("a schedule", {**SCHEDULED, "batch_size": 8}, {"rate": warm_cosine, "batch": 8}),
    ("clipped values", {"optimizer": {"name": "sgd", "lr": 0.1, "clip_value": 0.02}},
     {"clip_value": 0.02}),
    ("a clipped norm", {"optimizer": {"name": "sgd", "lr": 0.1, "clip_norm": 0.05}},
     {"clip_norm": 0.05}),
    ("early stopping", {"validation": SHARE, "early_stopping": {"patience": 2, "least": 0.01},
                        "epochs": 40, "optimizer": {"name": "sgd", "lr": 0.02}},
     {"held": True, "patience": 2, "least": 0.01, "optimizer": lambda lr: reference.SGD(0.02)}),
    ("early stopping by the loss", {"early_stopping": {"patience": 1, "least": 0.004},
                                    "epochs": 40}, {"patience": 1, "least": 0.004}),
    ("class weights", {"class_weights": [1, 2, 0.5], "batch_size": 8}, {"batch": 8}),
    ("penalties", {"regularisers": {"l1": 0.01, "l2": 0.1}, "validation": SHARE}, {"held": True}),
    ("an elastic net of one layer",
     {"layers": [{"units": 5, "elastic_net": {"strength": 0.1}}, {"units": 3}]}, {}),
    ("one row a step", {"batch_size": 1, "epochs": 1}, {"batch": 1}),
    ("a batch larger than the data", {"batch_size": 99}, {"batch": 99}),
]  # fmt: skip


def expected_of(given, how, arrays=(X, Y)):
    """Return what the reference makes of a spec, and the model."""
    made, how = model(given), dict(how)
    optimizer = how.pop("optimizer", reference.SGD)(0.1)
    if held := how.pop("held", None):
        share, seed = (0.3, given["seed"]) if held is True else held
        training, rest = reference.split(len(arrays[0]), share, seed)
        how["held"], arrays = [x[rest] for x in arrays], [x[training] for x in arrays]
    found = reference.train(
        made, *arrays, optimizer=optimizer, epochs=given["epochs"], seed=given["seed"], **how
    )
    return made, found


@pytest.mark.parametrize(("label", "changes", "how"), NUMBERS, ids=[row[0] for row in NUMBERS])
def test_training_comes_to_the_bits_of_the_reference(label, changes, how):
    given = spec(**changes)
    _, (params, history, best) = expected_of(given, how)
    found = fit(given)
    exact = "clip_norm" not in how
    for mine, theirs in zip(found.params.values(), params, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0 if exact else 1e-13, atol=0)
    assert [list(record) for record in found.history] == [list(record) for record in history]
    for mine, theirs in zip(found.history, history, strict=True):
        assert list(mine.values()) == pytest.approx(
            list(theirs.values()), rel=0 if exact else 1e-13
        )
    assert found.best.epoch == best[0]
    for mine, theirs in zip(found.best.params.values(), best[2], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0 if exact else 1e-13, atol=0)
    if "patience" in how:
        assert found.stopped == "early stopping" and 1 < len(history) < given["epochs"]


@pytest.mark.parametrize("batch", [None, 8])
def test_weighted_examples_come_to_the_bits_of_the_reference(batch):
    given = spec(sample_weights=True, validation=SHARE, batch_size=batch)
    _, (params, history, _) = expected_of(given, {"held": True, "batch": batch}, (X, Y, W))
    found = fit(given, (X, Y, W))
    assert all(map(np.array_equal, found.params.values(), params))
    assert found.history == history


def test_metrics_are_those_of_the_parameters_after_the_epoch_without_dropout():
    def accuracy(output, y):
        return np.mean(output.argmax(axis=1) == y)

    changes = {"layers": NORMED, "batch_size": 10, "validation": SHARE, "metrics": ["accuracy"]}
    how = {"batch": 10, "held": True, "metrics": {"accuracy": accuracy}}
    _, (_, history, _) = expected_of(spec(**changes), how)
    assert fit(spec(**changes)).history == history


def test_a_network_by_hand_comes_to_the_same_numbers():
    given = spec(epochs=20, optimizer={"name": "adam", "lr": 0.02})
    found = fit(given)
    W1, b1, W2, b2 = model(given).init(3).values()
    w, m, v = [W1, b1, W2, b2], [0.0] * 4, [0.0] * 4
    for t in range(1, 21):
        h = np.tanh(X @ w[0] + w[1])
        s = h @ w[2] + w[3]
        p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(31), Y]).mean()
        ds = (p - np.eye(3)[Y]) / 31
        dz = ds @ w[2].T * (1 - h**2)
        for k, g in enumerate([X.T @ dz, dz.sum(axis=0), h.T @ ds, ds.sum(axis=0)]):
            m[k] = 0.9 * m[k] + 0.1 * g
            v[k] = 0.999 * v[k] + 0.001 * g**2
            corrected = np.sqrt(v[k] / (1 - 0.999**t)) + 1e-8
            w[k] = w[k] - 0.02 * m[k] / (1 - 0.9**t) / corrected
    assert found.history[-1]["loss"] == pytest.approx(loss, rel=1e-12)
    for mine, theirs in zip(found.params.values(), w, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("missing", ["refuse", "drop", "mean", "median", "most_frequent"])
@pytest.mark.parametrize("standardise", [False, True])
def test_columns_are_prepared_by_the_rows_for_training_alone(missing, standardise):
    columns = [np.round(column, 1) for column in X.T]
    if missing != "refuse":
        columns[1][[2, 9, 30]], columns[3][[9, 12]] = np.nan, np.nan
    columns[2] = np.full(31, 4.0)  # does not vary
    table = dict(zip("abcd", columns, strict=True)) | {"kind": Y}
    data = {"target": "kind", "standardise": standardise, "missing": missing}
    given = spec(data=data, validation=SHARE)
    kept = np.arange(31)
    if missing == "drop":
        kept = np.flatnonzero(~np.isnan(columns).any(axis=0))
        assert len(kept) == 27
    training, held = (kept[rows] for rows in reference.split(len(kept), 0.3, 3))
    made = reference.prepared(columns, training, missing, standardise)
    expected = reference.train(
        model(given), made[training], Y[training], held=(made[held], Y[held]),
        optimizer=reference.SGD(0.1), epochs=4, seed=3,
    )  # fmt: skip
    found = fit(given, table)
    assert all(map(np.array_equal, found.params.values(), expected[0]))
    assert found.history == expected[1]


def test_a_share_given_is_split_as_the_spec_would():
    assert fit(validation=0.3).history == fit(spec(validation=SHARE)).history
    own = spec(validation={"share": 0.5, "seed": 7})
    by_hand = spec(validation={"share": 0.3, "seed": 7})
    assert fit(own, validation=0.3).history == fit(by_hand).history


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({"epochs": 2}, {"epochs": 2}),
        ({"batch": 8}, {"batch_size": 8}),
        ({"seed": 9}, {"seed": 9}),
        ({"optimizer": optim.Adam(0.1)}, {"optimizer": {"name": "adam", "lr": 0.1}}),
        ({"metrics": ["f1"]}, {"metrics": ["f1"]}),
        ({"metrics": "accuracy"}, {"metrics": ["accuracy"]}),
        ({"early_stopping": 2}, {"early_stopping": {"patience": 2}}),
    ],
    ids=lambda changes: ", ".join(changes),
)
def test_what_is_given_overrides_the_key_of_the_spec(given, changes):
    found, expected = fit(**given), fit(spec(**changes))
    assert found.history == expected.history and same_bits(found.params, expected.params)


def test_parameters_given_may_come_in_any_order():
    first = model(spec()).init(8)
    found = fit(params=dict(reversed(first.items())))
    expected = fit(spec(seed=8))
    assert same_bits(found.params, expected.params)
    assert list(found.params) == list(expected.params)
    assert np.array_equal(found.trained.predict(X), expected.trained.predict(X))


def test_no_epochs_give_the_first_parameters_ready_for_use():
    made = model(spec(layers=NORMED))
    found = fit(spec(layers=NORMED), epochs=0)
    assert found.history == [] and same_bits(found.params, made.init())
    first = made.init().values()
    expected = made.predict(*first, X, *made.statistics(*first, X))
    assert np.array_equal(found.trained.predict(X), expected)


# --- weights --------------------------------------------------------------------------------------

WEIGHTED = [
    ("sample weights", {"sample_weights": True}, (X, Y, W)),
    ("class weights", {"class_weights": [1, 3, 0.5]}, (X, Y)),
    ("both", {"sample_weights": True, "class_weights": [1, 3, 0.5]}, (X, Y, W)),
    ("both, of shares", {"sample_weights": True, "class_weights": [1, 3, 0.5],
                         "loss": {"name": "softmax_cross_entropy", "labels": "soft"}},
     (X, RNG.dirichlet([1, 1, 1], 31), W)),
    ("shares with class weights", {"class_weights": [1, 3, 0.5],
                                   "loss": {"name": "softmax_cross_entropy", "labels": "soft"}},
     (X, RNG.dirichlet([1, 1, 1], 31))),
    ("two classes", {"class_weights": [1, 3], "loss": "binary_cross_entropy", "layers": ONE},
     (X, (Y > 0).astype(float))),
    ("numbers", {"sample_weights": True, "loss": "squared", "layers": ONE}, (X, X[:, 1], W)),
    ("rows of numbers", {"sample_weights": True, "loss": "huber"}, (X, X[:, 1:], W)),
    ("a penalty", {"sample_weights": True, "regularisers": {"l2": 0.3}}, (X, Y, W)),
]  # fmt: skip


@pytest.mark.parametrize(("label", "changes", "data"), WEIGHTED, ids=[row[0] for row in WEIGHTED])
@pytest.mark.parametrize("batch", [1, 7])
def test_the_validation_loss_of_weighted_examples_does_not_depend_on_the_batches(
    label, changes, data, batch
):
    params = model(spec(**changes)).init()
    held = tuple(x[:20] for x in data)
    how = {"params": params, "validation": held, "optimizer": optim.SGD(1e-300), "epochs": 1}
    whole, parts = (fit(spec(**changes), data, **how, batch=b) for b in (None, batch))
    assert parts.history[0]["val_loss"] == pytest.approx(whole.history[0]["val_loss"], rel=1e-12)
    assert whole.history[0]["val_loss"] == whole.trained.evaluate(held)["loss"]


def test_a_part_of_the_validation_data_may_weigh_nothing():
    weights = np.where(np.arange(31) < 8, 0.0, W)
    how = {"validation": (X, Y, weights), "optimizer": optim.SGD(1e-300), "epochs": 1}
    whole, parts = (fit(spec(sample_weights=True), (X, Y, W), **how, batch=b) for b in (None, 4))
    assert parts.history[0]["val_loss"] == pytest.approx(whole.history[0]["val_loss"], rel=1e-12)


def test_an_example_of_weight_two_is_the_example_twice():
    twice = np.r_[np.arange(31), 4, 9]
    weights = np.bincount(twice).astype(float)
    found = fit(spec(sample_weights=True), (X, Y, weights))
    expected = fit(data=(X[twice], Y[twice]))
    for mine, theirs in zip(found.params.values(), expected.params.values(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-13)


def test_only_ratios_of_weights_matter():
    found, expected = (fit(spec(sample_weights=True), (X, Y, k * W)) for k in (1.0, 4.0))
    assert found.history[-1]["loss"] == pytest.approx(expected.history[-1]["loss"], rel=1e-12)


# --- data in every form ---------------------------------------------------------------------------


class Frame:
    """A data frame as far as training looks at one."""

    def __init__(self, columns):
        self.columns = columns

    def keys(self):
        return self.columns.keys()

    def __iter__(self):
        return iter(self.columns)

    def __getitem__(self, name):
        return self.columns[name]


def csv_of(columns, path):
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join("" if x is None else str(x) for x in r) for r in rows)]
    text = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def npz_of(path, **arrays):
    np.savez(path, **arrays)
    return path


def npy_of(array, path):
    np.save(path, array)
    return path


def mapped(array, path):
    return np.load(npy_of(array, path), mmap_mode="r")


NAMED = {"target": "kind"}
# name, what [data] says, what makes the data in a folder
FORMS = [
    ("arrays", None, lambda folder: (X, Y)),
    ("a list of arrays", None, lambda folder: [X, Y]),
    ("lists of numbers", None, lambda folder: (X.tolist(), Y.tolist())),
    ("arrays by name", None, lambda folder: {"y": Y, "X": X}),
    ("labels as floats", None, lambda folder: (X, Y.astype(float))),
    ("small labels", None, lambda folder: (X, Y.astype(np.uint8))),
    ("an NPZ file of arrays", None, lambda folder: npz_of(folder / "d.npz", X=X, y=Y)),
    ("NPY files", None, lambda folder: {"X": npy_of(X, folder / "X.npy"),
                                        "y": str(npy_of(Y, folder / "y.npy"))}),
    ("an NPY file of float labels", None,
     lambda folder: (npy_of(X, folder / "X.npy"), npy_of(Y.astype(float), folder / "y.npy"))),
    ("mapped arrays", None, lambda folder: (mapped(X, folder / "X.npy"), Y)),
    ("a list of one batch", None, lambda folder: [(X, Y)]),
    ("batches by name", None, lambda folder: lambda: iter([{"X": X, "y": Y}])),
    ("arrays beside [data]", NAMED, lambda folder: (X, Y)),
    ("columns", NAMED, lambda folder: TABLE),
    ("columns in another order", {**NAMED, "features": ["a", "b", "c", "d"]},
     lambda folder: dict(reversed(TABLE.items()))),
    ("more columns than features", {**NAMED, "features": ["a", "b", "c", "d"]},
     lambda folder: changed(e=WORDS)),
    ("a data frame", NAMED, lambda folder: Frame(TABLE)),
    ("CSV", NAMED, lambda folder: csv_of(TABLE, folder / "d.csv")),
    ("CSV, packed", NAMED, lambda folder: csv_of(TABLE, folder / "d.csv.gz")),
    ("an NPZ file of columns", NAMED, lambda folder: npz_of(folder / "d.npz", **TABLE)),
    ("words for classes", {**NAMED, "classes": ["red", "green", "blue"]},
     lambda folder: changed(kind=WORDS)),
    ("words for classes in CSV", {**NAMED, "classes": ["red", "green", "blue"]},
     lambda folder: csv_of(changed(kind=WORDS), folder / "d.csv")),
    ("words beside an array", {"target": "y", "classes": ["red", "green", "blue"]},
     lambda folder: (X, WORDS.tolist())),
    ("numbers of words", {"target": "y", "classes": ["red", "green", "blue"]},
     lambda folder: (X, Y)),
    ("words in batches", {"target": "y", "classes": ["red", "green", "blue"]},
     lambda folder: [(X, WORDS)]),
    ("numbers for classes", {**NAMED, "classes": [7, 5, -2]},
     lambda folder: changed(kind=np.array([7, 5, -2])[Y])),
    ("words in the order of the alphabet", NAMED,
     lambda folder: changed(kind=np.array(["a", "b", "c"], object)[Y])),
    ("hostile names of columns", NAMED,
     lambda folder: {"__import__('os').remove('d')": X[:, 0], "{0}%s$\\x": X[:, 1],
                     "a\n\"b": X[:, 2], "": X[:, 3], "kind": Y}),
]  # fmt: skip


@pytest.mark.parametrize(("label", "data", "make"), FORMS, ids=[row[0] for row in FORMS])
def test_data_may_come_in_many_forms(tmp_path, label, data, make):
    found = fit(spec(data=data), make(tmp_path), epochs=3)
    expected = fit(epochs=3)
    assert same_bits(found.params, expected.params)
    assert [r["loss"] for r in found.history] == [r["loss"] for r in expected.history]


def test_the_file_that_a_spec_names_is_beside_it(tmp_path):
    csv_of(TABLE, tmp_path / "d.csv")
    text = json.dumps(spec(data={"target": "kind", "file": "d.csv"}))
    (tmp_path / "model.json").write_text(text)
    found = train(tmp_path / "model.json", progress=False)
    assert same_bits(found.params, fit().params)


def test_a_frame_of_pandas_is_a_table():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(changed(kind=WORDS))
    found = fit(spec(data={**NAMED, "classes": ["red", "green", "blue"]}), frame)
    assert same_bits(found.params, fit().params)


def test_words_of_a_data_frame_that_are_missing_are_nan():
    words = np.array([np.nan if k == 4 else w for k, w in enumerate(WORDS)], object)
    given = spec(
        inputs=None, data={**NAMED, "features": ["a", "b", COLOURS], "missing": "most_frequent"}
    )
    names, counts = np.unique(np.delete(WORDS, 4).astype(str), return_counts=True)
    filled = changed(colour=np.where(np.arange(31) == 4, names[counts.argmax()], WORDS))
    assert same_bits(fit(given, Frame(changed(colour=words))).params, fit(given, filled).params)


@pytest.mark.parametrize(
    ("encode", "columns"),
    [("one_hot", np.eye(3)[Y]), ("drop_first", np.eye(3)[Y][:, 1:]), ("integer", Y[:, None])],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_categories_are_encoded_as_declared_where_they_stand(encode, columns, is_first):
    colour = {**COLOURS, "encode": encode}
    features = [colour, "a", "b"] if is_first else ["a", "b", colour]
    blocks = [columns, X[:, :2]] if is_first else [X[:, :2], columns]
    found = fit(spec(inputs=None, data={**NAMED, "features": features}), changed(colour=WORDS))
    inputs = np.concatenate(blocks, axis=1)
    expected = fit(spec(inputs=inputs.shape[1]), (inputs, Y))
    assert same_bits(found.params, expected.params)
    assert len(found.preparation.features) == inputs.shape[1]


def test_categories_are_not_standardised():
    data = {**NAMED, "features": ["a", COLOURS], "standardise": True}
    found = fit(spec(inputs=None, data=data), changed(colour=WORDS))
    scaled = (X[:, 0] - X[:, 0].mean()) / X[:, 0].std()
    expected = fit(data=(np.c_[scaled, np.eye(3)[Y]], Y))
    assert same_bits(found.params, expected.params)


def test_an_embedding_reads_the_numbers_of_categories():
    sizes = {"column": "size", "categories": [10, 20, 40], "encode": "integer"}
    colour = {**COLOURS, "encode": "integer"}
    layers = [{"kind": "embedding", "size": 3, "width": 2}, *BASE["layers"]]
    tokens = np.stack([Y, RNG.randint(0, 3, 31)], axis=1)
    table = {"colour": WORDS, "size": np.array([10, 20, 40])[tokens[:, 1]], "kind": Y}
    given = spec(inputs=None, layers=layers, data={**NAMED, "features": [colour, sizes]})
    expected = fit(spec(inputs=2, layers=layers), (tokens, Y))
    assert same_bits(fit(given, table).params, expected.params)
    assert same_bits(
        fit(spec(inputs=2, layers=layers), (tokens.astype(float), Y)).params, expected.params
    )
    for name, grad in expected.params.items():
        assert name != "E" or not np.array_equal(grad, model(given).init()["E"])


SHARES = np.round(RNG.dirichlet([1, 1, 1], 31), 3)
LABELS = [
    ("one column of classes", "one_hot", NAMED, TABLE, np.eye(3)[Y]),
    ("one column of words", "one_hot", {**NAMED, "classes": ["red", "green", "blue"]},
     changed(kind=WORDS), np.eye(3)[Y]),
    ("a class that is not there", "one_hot", {**NAMED, "classes": [5, 2, 0, 1]},
     changed(kind=Y), np.eye(4)[[{5: 0, 2: 1, 0: 2, 1: 3}[y] for y in Y]]),
    ("classes beside an array", "one_hot", NAMED, (X, Y), np.eye(3)[Y]),
    ("classes without [data]", "one_hot", None, (X, Y), np.eye(3)[Y]),
    ("several columns", "one_hot", {"target": ["r", "g", "h"]},
     dict(zip("abcd", X.T, strict=True)) | dict(zip("rgh", np.eye(3)[Y].T, strict=True)),
     np.eye(3)[Y]),
    ("columns of shares", "soft", {"target": ["r", "g", "h"]},
     dict(zip("abcd", X.T, strict=True)) | dict(zip("rgh", SHARES.T, strict=True)), SHARES),
    ("an array of shares", "soft", None, (X, SHARES), SHARES),
]  # fmt: skip


@pytest.mark.parametrize(("label", "kind", "data", "given", "y"), LABELS,
                         ids=[row[0] for row in LABELS])  # fmt: skip
def test_shares_come_from_one_column_of_classes_or_from_several(label, kind, data, given, y):
    layers = [{"units": 5, "activation": "tanh"}, {"units": y.shape[1]}]
    loss = {"name": "softmax_cross_entropy", "labels": kind}
    made = spec(loss=loss, layers=layers, data=data, metrics=["accuracy"])
    found = fit(made, given)
    params, history, _ = reference.train(
        model(made), X, y, optimizer=reference.SGD(0.1), epochs=4, seed=3
    )
    assert all(map(np.array_equal, found.params.values(), params))
    assert [r["loss"] for r in found.history] == [r["loss"] for r in history]


def test_several_targets_are_fitted_side_by_side():
    targets = {"target": ["d", "b"], "features": ["a", "c"]}
    made = spec(inputs=None, loss="squared", layers=[{"units": 2}], data=targets, metrics=["r2"])
    found = fit(made, {k: TABLE[k] for k in "abcd"})
    expected = fit(
        spec(inputs=2, loss="squared", layers=[{"units": 2}]), (X[:, [0, 2]], X[:, [3, 1]])
    )
    assert same_bits(found.params, expected.params)
    assert found.trained.targets == ["d", "b"]


def test_weights_may_be_a_column():
    made = spec(data={**NAMED, "weights": "w"}, validation=SHARE)
    found = fit(made, changed(w=W))
    assert found.history == fit(spec(sample_weights=True, validation=SHARE), (X, Y, W)).history


@pytest.mark.parametrize("shape", [[4], [2, 2], [2, 1, 2]])
def test_inputs_may_have_sizes_for_a_function(tmp_path, shape):
    (tmp_path / "net.py").write_text("def f(W, X):\n    return X.reshape(len(X), 4) @ W\n")
    given = spec(layers=None, inputs=shape, model="net.py:f", parameters={"W": {"shape": [4, 3]}})
    path = tmp_path / "spec.json"
    named = [None, NAMED, {**NAMED, "features": ["a", "b", "c", "d"]}]
    found = []
    for data, table in zip([(X.reshape(31, *shape), Y), TABLE, TABLE], named, strict=True):
        path.write_text(json.dumps({**given, **({"data": table} if table else {})}))
        found.append(fit(path, data))
    expected = fit(spec(layers=[{"units": 3, "bias": False}]))
    for each in found:
        np.testing.assert_array_equal(each.params["W"], expected.params["W"])


def test_batches_are_steps():
    parts = [(X[k : k + 10], Y[k : k + 10]) for k in (0, 10, 20)]
    expected = fit(spec(batch_size=10, shuffle=False), (X[:30], Y[:30]))
    for data in (parts, lambda: iter(parts)):
        found = fit(data=data, validation=(X, Y))
        assert same_bits(found.params, expected.params)
        assert [r["loss"] for r in found.history] == [r["loss"] for r in expected.history]
        assert np.array_equal(found.trained.predict(X), expected.trained.predict(X))


def test_validation_may_be_data_of_its_own():
    given = spec(data={**NAMED, "standardise": True}, layers=NORMED, metrics=["accuracy"])
    held = {name: column[:9] + (name != "kind") for name, column in TABLE.items()}
    found = fit(given, TABLE, validation=held)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    scaled = (X[:9] + 1 - X.mean(axis=0)) / X.std(axis=0)
    expected = reference.train(
        model(given), Z, Y, held=(scaled, Y[:9]), optimizer=reference.SGD(0.1), epochs=4, seed=3
    )
    assert [r["val_loss"] for r in found.history] == pytest.approx(
        [r["val_loss"] for r in expected[1]], rel=1e-12
    )
    assert found.history[-1]["val_accuracy"] == pytest.approx(
        found.trained.evaluate(held)["accuracy"] if found.best.epoch == 4
        else found.history[-1]["val_accuracy"]
    )  # fmt: skip


def test_float32_data_trains_in_the_precision_of_the_parameters():
    found, expected = fit(data=(X.astype(np.float32), Y)), fit()
    assert found.params["W1"].dtype == np.float64
    np.testing.assert_allclose(found.params["W1"], expected.params["W1"], rtol=1e-5, atol=1e-6)


# --- functions of the user's ----------------------------------------------------------------------

FUNCTIONS = """\
import numpy as np

def several(W, b, X): return np.tanh(X) @ W + b
def vector(w, X): return X @ w
def column(w, X): return (X @ w)[:, None]
def scaled(X, s, W, times=2.0): return times * s * (X @ W)
def by_rows(W, X): return X @ W if len(X) > 2 else 2 * X @ W
def image(W, X): return X.reshape(len(X), 64) @ W
def rows(W, X): return (X @ W).sum(axis=0)
def cube(W, X): return (X @ W)[:, :, None]
def both(W, X): return X @ W, X
def alone(W, X): return np.sum(X @ W)
def wide(s, X): return s * X
def drawn(W, X): return np.random.normal(size=3) + X @ W
"""
SHAPES = {
    "several": {"W": [4, 3], "b": [3]}, "vector": {"w": [4]}, "column": {"w": [4]},
    "scaled": {"s": [], "W": [4, 2]}, "image": {"W": [64, 2]}, "wide": {"s": []},
}  # fmt: skip


@pytest.fixture
def of_function(tmp_path):
    """Return the spec of one of the functions."""

    def made(name, **changes):
        (tmp_path / "net.py").write_text(FUNCTIONS)
        shapes = SHAPES.get(name, {"W": [4, 3]})
        parameters = {key: {"shape": shape, "init": "normal"} for key, shape in shapes.items()}
        given = spec(
            **{"layers": None, "model": f"net.py:{name}", "parameters": parameters,
               "loss": "squared", **changes}
        )  # fmt: skip
        path = tmp_path / "spec.json"
        path.write_text(json.dumps(given))
        return path

    return made


# function, inputs, the shape of y, how many classes
OUTPUTS = [
    ("several", 4, ("n", 3), 3), ("several", None, ("n", 3), 3), ("vector", 4, ("n",), None),
    ("column", None, ("n",), None), ("scaled", 4, ("n", 2), 2), ("by_rows", None, ("n", 3), 3),
    ("image", [8, 8], ("n", 2), 2), ("image", 64, ("n", 2), 2), ("wide", 5, ("n", 5), 5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "inputs", "shape", "count"), OUTPUTS, ids=str)
def test_the_targets_of_a_function_have_the_shape_of_what_it_gives(
    of_function, name, inputs, shape, count
):
    made = model(of_function(name, inputs=inputs))
    assert made.plan.shapes["y"][0] == shape and made.classes == count
    rng = np.random.RandomState(1)
    row = inputs if isinstance(inputs, list) else [inputs or 4]
    inputs, y = (
        rng.normal(size=(5, *row)),
        rng.normal(size=tuple({"n": 5}.get(s, s) for s in shape)),
    )
    params = [rng.normal(size=shape) for shape in made.parameters.values()]
    output = made.predict(*params, inputs)
    assert output.shape == y.shape
    value, grads = made.compiled.value_and_grad(*params, inputs, y)
    assert value == pytest.approx(np.mean((output - y) ** 2), rel=1e-12)
    for k, grad in enumerate(grads):
        towards = rng.normal(size=np.shape(grad))
        ends = [
            made.loss(*params[:k], params[k] + h * towards, *params[k + 1 :], inputs, y)
            for h in (1e-5, -1e-5)
        ]
        assert np.sum(grad * towards) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)


def test_a_function_of_one_column_trains_as_the_vector(of_function):
    found = [fit(of_function(name), (X, X[:, 1])) for name in ("vector", "column")]
    assert same_bits(found[0].params, found[1].params)
    assert found[1].trained.predict(X).shape == (31,)


def test_scores_of_a_function_are_means_over_its_classes(of_function):
    from sklearn.metrics import f1_score

    given = of_function("several", loss="softmax_cross_entropy", metrics=["f1"])
    found = fit(given, (X, Y), epochs=20)
    output = model(given).predict(*found.params.values(), X)
    expected = f1_score(Y, output.argmax(axis=1), average="macro")
    assert found.history[-1]["f1"] == pytest.approx(expected)


WRONG_FUNCTIONS = [
    ("rows", {}, r"`model`: rows gives shape \(3,\) for X \(n, 4\): return one number, or a row"),
    ("alone", {}, r"alone gives shape \(\) for X"),
    ("cube", {}, r"cube gives shape \(n, 3, 1\) for X"),
    ("both", {}, "both gives 2 arrays: return the scores alone"),
    ("image", {"inputs": None}, "`inputs` is missing: image needs the sizes of one example"),
    ("wide", {"inputs": None}, r"gives shape \(n, d\): set `inputs`"),
    ("several", {"loss": "binary_cross_entropy"}, r"gives shape \(n, 3\): the loss binary"),
    ("vector", {"loss": "softmax_cross_entropy"}, r"gives shape \(n,\): the loss softmax"),
    ("several", {"loss": "gaussian_nll"}, "gaussian_nll takes two for each example"),
    ("several", {"loss": "softmax_cross_entropy", "class_weights": [1, 2]},
     "`class_weights` is a list of 2: the model tells 3 classes apart"),
    ("several", {"loss": "softmax_cross_entropy", "data": {"target": "y", "classes": ["a", "b"]}},
     "`data.classes` is a list of 2"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "says"), WRONG_FUNCTIONS, ids=str)
def test_a_function_that_does_not_fit_is_refused(of_function, name, changes, says):
    with pytest.raises(SpecError, match=says):
        model(of_function(name, **changes))


def test_a_function_that_draws_numbers_is_refused_by_its_line(of_function):
    with pytest.raises(SymgradError, match=r"(?s)random.*net\.py"):
        model(of_function("drawn"))


# --- trained models -------------------------------------------------------------------------------

ONE_HOT = {"name": "softmax_cross_entropy", "labels": "one_hot"}
KEPT = [
    ("arrays", spec(), (X, Y)),
    ("one number", spec(loss="squared", layers=ONE), (X, X[:, 1])),
    ("two classes", spec(loss="binary_cross_entropy", layers=ONE), (X, Y > 0)),
    ("batch norm and dropout", spec(layers=NORMED, validation=SHARE, batch_size=8), (X, Y)),
    ("columns", spec(data={**NAMED, "standardise": True}), TABLE),
    ("words", spec(inputs=None, data={**NAMED, "features": ["a", COLOURS], "standardise": True,
                                      "missing": "most_frequent", "classes": ["é", "b\n", "$c"]}),
     {"a": holed(X[:, 0]), "colour": WORDS, "kind": np.array(["é", "b\n", "$c"], object)[Y]}),
    ("embedded", spec(inputs=2, layers=[{"kind": "embedding", "size": 3, "width": 2},
                                        *BASE["layers"]]), (np.stack([Y, Y[::-1]], axis=1), Y)),
    ("one-hot labels", spec(loss=ONE_HOT, data=NAMED), TABLE),
    ("several targets", spec(inputs=None, loss="squared", layers=[{"units": 2}],
                             data={"target": ["b", "d"], "features": ["a", "c"]}), TABLE),
    ("a formula", spec(loss="mean((y_hat - y)**2)", layers=ONE), (X, X[:, 2])),
    ("a TOML file", DATA.parent / "iris.toml", None),
]  # fmt: skip


def kept(tmp_path, given, data):
    found = fit(given, data, epochs=2).trained
    found.save(tmp_path / "model.npz")
    return found, tmp_path / "model.npz"


@pytest.mark.parametrize(("label", "given", "data"), KEPT, ids=[row[0] for row in KEPT])
def test_a_model_that_was_kept_predicts_the_same_bits(tmp_path, label, given, data):
    found, path = kept(tmp_path, given, data)
    again = TrainedModel.load(path)
    asked = DATA / "iris.csv" if data is None else data[0] if isinstance(data, tuple) else data
    assert np.array_equal(again.predict(asked), found.predict(asked))
    assert again.labels == found.labels and again.targets == found.targets
    if found.tells_classes:
        assert np.array_equal(again.classes(asked), found.classes(asked))
    if data is not None:
        assert again.evaluate(data) == found.evaluate(data)
    again.save(tmp_path / "again.npz")
    assert same_bits(dict(np.load(path)), dict(np.load(tmp_path / "again.npz")))


def test_a_kept_model_is_found_by_another_process(tmp_path):
    found, path = kept(tmp_path, *KEPT[3][1:])
    npy_of(X, tmp_path / "X.npy")
    program = (
        "import sys, numpy as np; from symgrad.training.trained import TrainedModel\n"
        "path, X = sys.argv[1:]\n"
        "print(TrainedModel.load(path).predict(np.load(X)).tobytes().hex())"
    )
    done = run_python(program, str(path), str(tmp_path / "X.npy"))
    assert done.stdout.strip() == found.predict(X).tobytes().hex()


def test_a_kept_model_that_is_a_function_needs_its_spec(tmp_path, of_function):
    given = of_function("several")
    found, path = kept(tmp_path, given, (X, X[:, 1:]))
    with pytest.raises(CheckpointError, match=r"holds the parameters of net\.py:several: give the"):
        TrainedModel.load(path)
    assert np.array_equal(TrainedModel.load(path, given).predict(X), found.predict(X))


def test_a_model_that_was_changed_in_one_bit_is_refused_or_the_same(tmp_path):
    found, path = kept(tmp_path, *KEPT[0][1:])
    content, refused = path.read_bytes(), 0
    other = tmp_path / "changed.npz"
    places = np.linspace(0, len(content) - 1, 300).astype(int)
    for place in places:
        bits = bytearray(content)
        bits[place] ^= 1 << (int(place) % 8)
        other.write_bytes(bytes(bits))
        try:
            again = TrainedModel.load(other)
        except CheckpointError as error:
            assert "changed.npz" in str(error)
            refused += 1
        else:  # a date in the archive, say
            assert np.array_equal(again.predict(X), found.predict(X))
    assert refused > len(places) / 2


def of_another_version(path):
    arrays = dict(np.load(path))
    header = json.loads(arrays["symgrad model"].tobytes())
    header["version"] = 0
    arrays["symgrad model"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)


def with_a_pickle(path):
    np.savez(path, **dict(np.load(path)), evil=np.array([Boom()], object))


class Boom:
    def __reduce__(self):
        return os.abort, ()


FOREIGN = [
    ("truncated", "cannot be read", lambda path: path.write_bytes(path.read_bytes()[:-200])),
    ("halved", "cannot be read", lambda path: path.write_bytes(path.read_bytes()[:700])),
    ("empty", "cannot be read", lambda path: path.write_bytes(b"")),
    ("text", "cannot be read", lambda path: path.write_text("two years of work")),
    ("other arrays", "is no trained model of symgrad's", lambda path: np.savez(path, X=X)),
    ("an array", "model.npz", lambda path: npy_of(X, path.with_suffix(".npy")).replace(path)),
    ("a pickle", "cannot be read", with_a_pickle),
    ("a checkpoint", "is no trained model of symgrad's",
     lambda path: (path.unlink(), fit(checkpoint=path))),
    ("an older version", "has version 0 of the format, this symgrad reads", of_another_version),
    ("no file", "there is no model", lambda path: path.unlink()),
]  # fmt: skip


@pytest.mark.parametrize(("label", "says", "damage"), FOREIGN, ids=[row[0] for row in FOREIGN])
def test_a_file_that_is_no_model_is_refused(tmp_path, label, says, damage):
    _, path = kept(tmp_path, *KEPT[0][1:])
    damage(path)
    with pytest.raises(CheckpointError, match=says):
        TrainedModel.load(path)


def test_the_model_of_another_spec_is_refused(tmp_path):
    _, path = kept(tmp_path, *KEPT[0][1:])
    with pytest.raises(CheckpointError, match="holds other parameters than the model of this spec"):
        TrainedModel.load(path, spec(layers=[{"units": 3}]))


def test_a_trained_model_takes_rows_in_many_forms(tmp_path):
    found = fit().trained
    expected = found.predict(X)
    for data in (X.tolist(), {"X": X}, {"X": X, "y": Y}, (X, Y), npy_of(X, tmp_path / "X.npy"),
                 mapped(X, tmp_path / "X.npy"),
                 npz_of(tmp_path / "d.npz", X=X)):  # fmt: skip
        assert np.array_equal(found.predict(data), expected)
    np.testing.assert_allclose(found.predict([X[7].tolist()]), expected[7:8], rtol=1e-14)


def test_the_best_epoch_is_what_is_kept():
    found = fit(spec(validation=SHARE, layers=NORMED, epochs=30), data=(X, Y))
    assert found.best.epoch < 30
    assert same_bits(dict(found.trained.params), found.best.params)
    _, held = Part(0.3, 3).split(31)
    loss = found.trained.evaluate((X[held], Y[held]))["loss"]
    assert loss == found.best.value == found.history[found.best.epoch - 1]["val_loss"]


# --- scores ---------------------------------------------------------------------------------------

CLASSED = [
    ("all classes", [0, 1, 2, 2, 1, 0, 1], [0, 2, 2, 1, 1, 0, 1]),
    ("a class that is never found", [0, 0, 1, 1, 0], [0, 1, 2, 1, 0]),
    ("a class that does not occur", [0, 3, 1, 1, 0], [0, 1, 1, 1, 0]),
    ("one class", [1, 1, 1], [1, 1, 1]),
    ("all wrong", [0, 0, 0], [1, 1, 1]),
    ("one row", [2], [2]),
    ("many", *np.random.RandomState(0).randint(0, 6, (2, 500))),
]  # fmt: skip


@pytest.mark.parametrize(("label", "found", "y"), CLASSED, ids=[row[0] for row in CLASSED])
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_scores_of_classes_agree_with_scikit_learn(label, found, y, name):
    sklearn = pytest.importorskip("sklearn.metrics")
    found, y = np.array(found), np.array(y)
    theirs = getattr(sklearn, f"{name}_score")
    mine = getattr(scores, f"macro_{name}")(found, y)
    assert mine == pytest.approx(theirs(y, found, average="macro", zero_division=0), abs=1e-15)
    binary = getattr(scores, name)(found == 1, y == 1)
    assert binary == pytest.approx(theirs(y == 1, found == 1, zero_division=0), abs=1e-15)
    assert scores.accuracy(found, y) == sklearn.accuracy_score(y, found)


RANKED = [
    ("apart", [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]),
    ("ties between the classes", [0.5, 0.5, 0.5, 0.2, 0.9, 0.9], [0, 1, 1, 0, 1, 0]),
    ("all tied", [1.0, 1.0, 1.0], [0, 1, 0]),
    ("upside down", [3.0, 2.0, 1.0], [0, 0, 1]),
    ("infinite", [-np.inf, 0.0, np.inf, np.inf], [0, 1, 1, 0]),
    ("many", np.random.RandomState(2).randint(0, 20, 400), np.arange(400) % 2),
]  # fmt: skip


@pytest.mark.parametrize(("label", "ranked", "y"), RANKED, ids=[row[0] for row in RANKED])
def test_the_area_under_the_curve_agrees_with_scikit_learn(label, ranked, y):
    sklearn = pytest.importorskip("sklearn.metrics")
    ranked, y = np.array(ranked, float), np.array(y)
    finite = np.nan_to_num(ranked, posinf=1e9, neginf=-1e9)
    assert scores.auc(ranked, y) == pytest.approx(sklearn.roc_auc_score(y, finite), abs=1e-15)
    assert scores.auc(ranked[:, None], y) == scores.auc(ranked, y)


@pytest.mark.parametrize("y", [[0, 0, 0], [1, 1, 1]])
def test_of_one_class_there_is_no_area(y):
    assert np.isnan(scores.auc(np.array([0.1, 0.2, 0.3]), np.array(y)))


def test_metrics_of_a_run_agree_with_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    named = ["accuracy", "precision", "recall", "f1"]
    found = fit(spec(metrics=named, epochs=30))
    classes = found.trained.model.predict(*found.params.values(), X).argmax(axis=1)
    for name in named:
        how = {} if name == "accuracy" else {"average": "macro", "zero_division": 0}
        theirs = getattr(sklearn, f"{name}_score")(Y, classes, **how)
        assert found.history[-1][name] == pytest.approx(theirs)
    two = fit(spec(metrics=[*named, "auc"], loss="binary_cross_entropy", layers=ONE), (X, Y == 1))
    p = two.trained.model.predict(*two.params.values(), X)
    assert two.history[-1]["auc"] == pytest.approx(sklearn.roc_auc_score(Y == 1, p))
    assert two.history[-1]["f1"] == sklearn.f1_score(Y == 1, p > 0.5)


def test_a_score_of_hinge_loss_is_above_zero_for_class_one():
    found = fit(spec(metrics=["accuracy"], loss="hinge", layers=ONE), (X, Y == 1))
    output = found.trained.model.predict(*found.params.values(), X)
    assert found.history[-1]["accuracy"] == np.mean((output > 0) == (Y == 1))


@pytest.mark.parametrize("name", ["accuracy", "f1"])
def test_the_monitor_knows_that_scores_are_better_large(name):
    given = spec(metrics=[name], validation=SHARE, epochs=30, batch_size=16)
    stopping = {"patience": 50, "monitor": f"val_{name}"}
    found = fit(given, (FLOWERS, SPECIES), early_stopping=stopping)
    values = [record[f"val_{name}"] for record in found.history]
    assert found.best.epoch == 1 + int(np.argmax(values)) and max(values) > values[0]


def test_the_monitor_knows_that_errors_are_better_small():
    given = spec(metrics=["rmse", "r2"], loss="squared", layers=ONE, epochs=12)
    for name, pick in (("rmse", np.argmin), ("r2", np.argmax)):
        found = fit(given, (X, X[:, 1]), early_stopping={"patience": 50, "monitor": name})
        assert found.best.epoch == 1 + int(pick([record[name] for record in found.history]))


# --- going on -------------------------------------------------------------------------------------


def run_python(program, *words):
    around = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PATHS))}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=around, timeout=300
    )


PATHS = [Path(__file__).parent.parent, Path(__file__).parent]
EVERYTHING = {
    "inputs": 4,
    "layers": NORMED,
    "loss": "softmax_cross_entropy",
    "optimizer": {"name": "adam", "lr": 0.002, "clip_norm": 1.0},
    "schedule": {"name": "warm_up", "steps": 20, "then": {"name": "cosine", "steps": 5000}},
    "epochs": 200,
    "batch_size": 16,
    "seed": 4,
    "validation": {"share": 0.2},
    "early_stopping": {"patience": 20},
    "metrics": ["accuracy", "f1"],
    "data": {"target": "species", "standardise": True},
}
LONG = """
import sys
import symgrad

given, data, checkpoint = sys.argv[1:]
found = symgrad.train(
    given, data, checkpoint=checkpoint, resume=True, progress=False, log=checkpoint + ".log",
)
print(found.stopped, flush=True)
"""


def started(folder, path):
    around = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PATHS))}
    words = [str(folder / "spec.json"), str(DATA / "iris.csv"), str(path)]
    return subprocess.Popen(
        [sys.executable, "-c", LONG, *words],
        env=around, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def written(path):
    return path.stat().st_mtime_ns if path.exists() else 0


def finished(folder, path):
    run = started(folder, path)
    out, err = run.communicate(timeout=120)
    assert out == "early stopping\n", err
    return load_checkpoint(path)


@pytest.mark.skipif(os.name == "nt", reason="needs kill")
def test_a_run_of_a_spec_killed_at_random_moments_ends_with_the_same_bits(tmp_path):
    (tmp_path / "spec.json").write_text(json.dumps(EVERYTHING))
    undisturbed = finished(tmp_path, tmp_path / "whole.npz")
    path, moments = tmp_path / "killed.npz", random.Random(3)
    for _ in range(6):
        before, until = written(path), time.monotonic() + 60
        run = started(tmp_path, path)
        while written(path) <= before and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.03))
        run.kill()
        run.communicate()
        assert run.returncode == -signal.SIGKILL
    assert 6 <= load_checkpoint(path)["position"]["epoch"] < len(undisturbed["history"])
    again = finished(tmp_path, path)
    for word in ("run", "position", "history", "preparation"):
        assert again[word] == undisturbed[word]
    assert again["best"][:2] == undisturbed["best"][:2]
    assert all(map(np.array_equal, again["best"][2], undisturbed["best"][2]))
    mine, theirs = again["optimizer"], undisturbed["optimizer"]
    assert mine.keys() == theirs.keys()
    for name in mine:
        np.testing.assert_equal(mine[name], theirs[name])
    logs = [Path(f"{each}.log").read_text() for each in (path, tmp_path / "whole.npz")]
    assert logs[0] == logs[1] and logs[0].count("\n") == len(undisturbed["history"])


@pytest.mark.parametrize("first", [1, 3])
def test_a_run_of_a_spec_goes_on_to_the_bits_of_one_that_never_stopped(tmp_path, first):
    given, data = {**EVERYTHING, "epochs": 6}, DATA / "iris.csv"
    path = tmp_path / "run.npz"
    fit(given, data, epochs=first, checkpoint=path)
    found, expected = fit(given, data, checkpoint=path, resume=True), fit(given, data)
    assert same_bits(found.params, expected.params) and found.history == expected.history
    assert np.array_equal(found.trained.predict(data), expected.trained.predict(data))
    assert found.trained.evaluate(data) == expected.trained.evaluate(data)


OTHERS = [
    ("seed", "its seed is 4, and here 5", {"seed": 5}),
    ("batches", "its batch is 16, and here 8", {"batch_size": 8}),
    ("order", "its shuffle is True, and here False", {"shuffle": False}),
    ("layers", "its parameters is", {"layers": [{"units": 3}]}),
    ("activation", "its loss is not the same",
     {"layers": [{**NORMED[0], "activation": "tanh"}, *NORMED[1:]]}),
    ("dropout", "its loss is not the same",
     {"layers": [*NORMED[:2], {"kind": "dropout", "rate": 0.5}, *NORMED[3:]]}),
    ("loss", "its loss is not the same", {"loss": "focal"}),
    ("class weights", "its loss is not the same", {"class_weights": [1, 2, 3]}),
    ("penalty", "its loss is not the same", {"regularisers": {"l2": 0.1}}),
    ("optimizer", "its optimizer is", {"optimizer": {"name": "adam", "lr": 0.003}}),
    ("schedule", "its optimizer is", {"schedule": {"name": "cosine", "steps": 5000}}),
    ("share", "its validation is", {"validation": {"share": 0.3}}),
    ("seed of the split", "its validation is", {"validation": {"share": 0.2, "seed": 1}}),
    ("patience", "its early stopping is", {"early_stopping": {"patience": 3}}),
    ("metrics", "its metrics are not the same", {"metrics": ["accuracy"]}),
    ("scale", "its preparation is not the same", {"data": {"target": "species"}}),
]  # fmt: skip


@pytest.mark.parametrize(("label", "says", "changes"), OTHERS, ids=[row[0] for row in OTHERS])
def test_going_on_by_another_spec_is_refused(tmp_path, label, says, changes):
    path, data = tmp_path / "run.npz", DATA / "iris.csv"
    fit({**EVERYTHING, "epochs": 1}, data, checkpoint=path)
    with pytest.raises(CheckpointError, match=rf"run\.npz belongs to another run: {says}"):
        fit({**EVERYTHING, **changes}, data, checkpoint=path, resume=True)


def test_going_on_with_other_data_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    fit(checkpoint=path)
    with pytest.raises(CheckpointError, match="its data is not the same"):
        fit(data=(X, (Y + 1) % 3), checkpoint=path, resume=True)


# --- memory ---------------------------------------------------------------------------------------

LARGE = r"""
import re, sys
import numpy as np
import symgrad

folder = sys.argv[1]
def peak():  # in MB; getrusage would count what the process was forked from
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1024
spec = {
    "inputs": 100, "layers": [{"units": 16, "activation": "relu"}, {"units": 3}], "epochs": 1,
    "loss": "softmax_cross_entropy", "batch_size": 256, "validation": {"share": 0.2},
    "metrics": ["accuracy"], "data": {"target": "y", "standardise": True},
    "optimizer": {"name": "adam", "lr": 0.01},
}
rng = np.random.default_rng(0)
symgrad.train(spec, (rng.normal(size=(900, 100)), rng.integers(0, 3, 900)), progress=False)
before = peak()
found = symgrad.train(spec, {"X": folder + "/X.npy", "y": folder + "/y.npy"}, progress=False)
print(found.history[-1]["val_accuracy"], before, peak())
"""


def trained_on(folder, count):
    large = np.lib.format.open_memmap(folder / "X.npy", "w+", float, (count, 100))
    y = np.empty(count)
    for start in range(0, count, 10_000):
        part = np.random.default_rng(start).standard_normal((min(10_000, count - start), 100))
        large[start : start + len(part)] = part
        y[start : start + len(part)] = np.digitize(part[:, 0], [-0.4, 0.4])
    npy_of(y, folder / "y.npy")
    large.flush()
    del large
    return map(float, run_python(LARGE, str(folder)).stdout.split())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_spec_trains_on_a_file_larger_than_the_memory_it_takes(tmp_path):
    accuracy, before, after = trained_on(tmp_path, 260_000)  # 208 MB
    assert accuracy > 0.9
    assert 0 < after - before < 100, f"{after - before:.0f} MB for a file of 208"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_gigabyte_trains_in_300_megabytes(tmp_path):
    accuracy, _, after = trained_on(tmp_path, 1_300_000)  # 1040 MB
    assert accuracy > 0.9
    assert after < 300, f"{after:.0f} MB"


# --- mistakes -------------------------------------------------------------------------------------

NUMBERS_OUT = {"loss": "squared", "layers": ONE}
SOFT = {"name": "softmax_cross_entropy", "labels": "soft"}
EMBEDDED = [{"kind": "embedding", "size": 3, "width": 2}, *BASE["layers"]]
ALL_LOST = changed(a=np.full(31, np.nan))
TOKENS = np.tile(Y[:, None], 4)


def table(**data):
    return spec(data={**NAMED, **data})


def with_colour(**how):
    return spec(inputs=None, data={**NAMED, "features": ["a", {**COLOURS, **how}]})


def one_value(y, value, row=4):
    found = y.copy()
    found[row] = value
    return found


def first_parameters(**changes):
    return {**model(spec()).init(), **changes}


MISTAKES = [
    # what is missing, infinite or of the wrong kind
    ("NaN in an array", DataError, "`X` lacks a value in 1 of 31 rows .first in row 4",
     lambda: fit(data=(holed(X, row=(3, 1)), Y))),
    ("NaN in a column", DataError, r"`a` lacks a value in 1 of 31 rows \(first in row 4\)",
     lambda: fit(table(), changed(a=holed(X[:, 0])))),
    ("NaN in labels", DataError, "`kind` lacks a value in 1 of 31 rows .first in row 4",
     lambda: fit(table(), changed(kind=holed(Y)))),
    ("NaN in labels that are never filled in", DataError, "`kind` lacks a value",
     lambda: fit(table(missing="mean"), changed(kind=holed(Y)))),
    ("NaN in weights", DataError, "`w` lacks a value in 1 of 31 rows",
     lambda: fit(table(weights="w"), changed(w=holed(W)))),
    ("NaN in validation", DataError, "`X` lacks a value in 1 of 31 rows",
     lambda: fit(validation=(holed(X, row=(3, 1)), Y))),
    ("NaN in a batch", DataError, "`X` lacks a value",
     lambda: fit(data=[(holed(X, row=(3, 1)), Y)])),
    ("NaN in a mapped file", DataError, "`X` lacks a value",
     lambda: fit(table(), saved(X=holed(X, row=(30, 1)), kind=Y))),
    ("infinity", DataError, "`a` is infinite in row 4: leave that row out",
     lambda: fit(table(), changed(a=holed(X[:, 0], np.inf)))),
    ("infinity, to be scaled", DataError, "`a` is infinite in row 4",
     lambda: fit(table(standardise=True), changed(a=holed(X[:, 0], -np.inf)))),
    ("infinity in labels", DataError, "`kind` is infinite in row 4",
     lambda: fit(table(), changed(kind=holed(Y, np.inf)))),
    ("an infinite target", DataError, "`y` is infinite in row 4",
     lambda: fit(spec(**NUMBERS_OUT), (X, holed(X[:, 0], np.inf)))),
    ("numbers too large to scale", DataError, "`a` holds numbers that are too large",
     lambda: fit(table(standardise=True), changed(a=holed(X[:, 0], 1e200)))),
    ("words in a column of numbers", DataError, r"`a` holds words \('\w+', ...\): name it in cat",
     lambda: fit(table(), changed(a=WORDS))),
    ("words for a target of numbers", DataError, "`y` holds words .*listed in `classes`",
     lambda: fit(spec(**NUMBERS_OUT), (X, WORDS))),
    ("words among several targets", DataError, "`d` holds words .*has to hold numbers",
     lambda: fit(spec(inputs=1, loss="squared", layers=[{"units": 2}],
                      data={"target": ["b", "d"], "features": ["a"]}), changed(d=WORDS))),
    ("words for weights", DataError, r"`w` holds words \('\w+', ...\), and has to hold numbers",
     lambda: fit(table(weights="w"), changed(w=WORDS))),
    ("words in a batch", DataError, "`y` holds words .*listed in `classes`",
     lambda: fit(data=[(X, WORDS)])),
    ("mean of words", DataError, "missing='mean' cannot fill in the words that `colour` lacks",
     lambda: fit(spec(inputs=None, data={**NAMED, "features": ["a", COLOURS], "missing": "mean"}),
                 changed(colour=np.where(np.arange(len(X)) == 3, None, WORDS)))),
    ("a column without a value", DataError, "`a` has no value in the rows for training",
     lambda: fit(table(missing="mean"), ALL_LOST)),
    ("no median", DataError, "`a` has no value in the rows for training",
     lambda: fit(table(missing="median"), ALL_LOST)),
    ("nothing frequent", DataError, "`a` has no value in the rows for training",
     lambda: fit(table(missing="most_frequent"), ALL_LOST)),
    ("every row dropped", DataError, "every row lacks a value: missing='drop' leaves nothing",
     lambda: fit(table(missing="drop"), ALL_LOST)),
    ("complex numbers", DataError, r"data\[0\] has dtype complex128",
     lambda: fit(data=(X + 0j, Y))),
    ("objects", DataError, "no array of numbers or words",
     lambda: fit(table(), changed(a=np.array([{}] * 31, object)))),
    ("ragged rows", DataError, r"data\[0\] is no array",
     lambda: fit(data=([[1.0], [2.0, 3.0]], Y))),
    ("dates", DataError, r"has dtype datetime64\[D\]: convert it to numbers",
     lambda: fit(table(), changed(a=np.arange(31).astype("M8[D]")))),
    # columns
    ("a feature", DataError, r"no column `sise` \(did you mean `size`\?\): it has size, kind",
     lambda: fit(spec(inputs=None, data={**NAMED, "features": ["sise"]}), {"size": W, "kind": Y})),
    ("the target", DataError, r"no column `kin` \(did you mean `kind`\?\)",
     lambda: fit(spec(data={"target": "kin"}), TABLE)),
    ("the weights", DataError, r"no column `weight` \(did you mean `weights`\?\)",
     lambda: fit(table(weights="weight"), changed(weights=W))),
    ("columns without [data]", DataError, r"spec has no table \[data\].*set `data.target`",
     lambda: fit(data=TABLE)),
    ("a CSV file without [data]", DataError, r"spec has no table \[data\]",
     lambda: fit(data=DATA / "iris.csv")),
    ("a column twice", DataError, "data has two columns called `1`",
     lambda: fit(table(), {1: X[:, 0], "1": X[:, 1], "kind": Y})),
    ("a hostile name", DataError, r"no column `__import__\('os'\).abort\(\)`",
     lambda: fit(spec(inputs=None, data={**NAMED, "features": ["__import__('os').abort()"]}),
                 TABLE)),
    ("categories of an array", DataError, "`data.features` names categories, so the data must be",
     lambda: fit(with_colour(), (X, Y))),
    ("a matrix as a category", DataError, r"`colour` of shape \(31, 4\) cannot be a category",
     lambda: fit(with_colour(), changed(colour=X))),
    ("rows of another number", DataError, "`X` has 31 rows and `y` 30",
     lambda: fit(data=(X, Y[1:]))),
    ("no rows", DataError, r"the data has no rows", lambda: fit(data=(X[:0], Y[:0]))),
    ("no y", ArgumentError, "loss takes `y`, and data has X", lambda: fit(data=(X,))),
    ("too many arrays", DataError, "data has 3 arrays, the function takes X, y",
     lambda: fit(data=(X, Y, W))),
    ("no weights", ArgumentError, "loss takes `weights`, and data has X, y",
     lambda: fit(spec(sample_weights=True))),
    ("too few features", DataError, r"inputs of shape \(31, 3\), and the spec says 4 for each",
     lambda: fit(data=(X[:, :3], Y))),
    ("too few features in a batch", DataError, r"a batch has inputs of shape \(31, 3\)",
     lambda: fit(data=[(X[:, :3], Y)])),
    ("too many columns", DataError, r"inputs of shape \(31, 5\)",
     lambda: fit(table(), changed(e=W))),
    ("too many axes", DataError, r"inputs of shape \(31, 4, 1\)",
     lambda: fit(data=(X[..., None], Y))),
    ("inputs that are no image", DataError, r"3 inputs of an example are no array of 2 x 2",
     lambda: fit(flat(inputs=[2, 2], loss="squared", data={**NAMED}),
                 {name: TABLE[name] for name in ("a", "b", "c", "kind")})),
    # labels
    ("label below", DataError, r"y holds -1 \(row 5 of these\), and the classes of softmax_cross",
     lambda: fit(data=(X, one_value(Y, -1)))),
    ("label above", DataError, r"y holds 3 \(row 5 of these\), .* are 0 to 2",
     lambda: fit(data=(X, one_value(Y, 3)))),
    ("label below in a batch", DataError, r"a batch: y holds -1 \(row 5 of these\)",
     lambda: fit(data=[(X, one_value(Y, -1))])),
    ("label above in validation", DataError, r"validation: y holds 3",
     lambda: fit(validation=(X, one_value(Y, 3)))),
    ("label above for a function", DataError, r"y holds 3 .* are 0 to 1",
     lambda: fit(flat(loss="softmax_cross_entropy"), (X, one_value(Y % 2, 3)))),
    ("label in a mapped file", DataError, "y holds 3",
     lambda: fit(data=saved(X=X, y=one_value(Y, 3)))),
    ("huge label", DataError, "y holds 4611686018427387904",
     lambda: fit(data=(X, one_value(Y.astype(np.int64), 2**62)))),
    ("half a label", DataError, "`y` holds 0.5 in row 5, and a class is a whole number",
     lambda: fit(data=(X, one_value(Y.astype(float), 0.5)))),
    ("labels of hinge", DataError, "y holds -1 .*the classes of hinge are 0 to 1",
     lambda: fit(spec(loss="hinge", layers=ONE), (X, np.where(Y > 0, 1, -1)))),
    ("three of two classes", DataError, "the classes of binary_cross_entropy are 0 to 1",
     lambda: fit(spec(loss="binary_cross_entropy", layers=ONE))),
    ("a class that is not listed", DataError, r"`kind` holds 'blue' in row \d+.*\(red, green, g",
     lambda: fit(table(classes=["red", "green", "grey"]), changed(kind=WORDS))),
    ("numbers for words", DataError, r"`kind` holds \d in row 1, which is none of the classes",
     lambda: fit(table(classes=["red", "green", "blue"]), TABLE)),
    ("labels in a column", DataError, r'y has shape \(31, 1\).*set loss = \{ name = "softmax',
     lambda: fit(data=(X, Y[:, None]))),
    ("a target in a column", DataError, r"one number for each example; y\[:, 0\] takes the only",
     lambda: fit(spec(**NUMBERS_OUT), (X, X[:, :1]))),
    ("one target for three", DataError, r"y has shape \(31,\), and the model gives 3 numbers",
     lambda: fit(spec(loss="squared"), (X, X[:, 0]))),
    ("two targets for three", DataError, r"y has shape \(31, 2\), and the model gives 3 numbers",
     lambda: fit(spec(loss="squared"), (X, X[:, :2]))),
    ("two targets for one", DataError, "the model gives one number for each example; `data.target`",
     lambda: fit(spec(data={"target": ["b", "d"], "features": ["a", "c"]}, inputs=2, **NUMBERS_OUT),
                 TABLE)),
    ("one target for a function of two", DataError, "the model gives 2 numbers",
     lambda: fit(flat(loss="squared"), (X, X[:, 0]))),
    ("negative shares", DataError, "y holds -0.5: softmax_cross_entropy takes 0 and more",
     lambda: fit(spec(loss=SOFT), (X, np.tile([-0.5, 1, 0.5], (31, 1))))),
    ("shares of more than all", DataError, r"y holds \[1.0, 0.0, 0.5\].*not shares that sum to 1",
     lambda: fit(spec(loss=SOFT), (X, np.tile([1, 0, 0.5], (31, 1))))),
    ("one-hot rows of shares", DataError, r"not one 1, and 0 otherwise",
     lambda: fit(spec(loss=ONE_HOT), (X, np.tile([0.5, 0, 0.5], (31, 1))))),
    ("too few shares", DataError, r"y has shape \(31, 2\), and .* takes 3 shares",
     lambda: fit(spec(loss=SOFT), (X, np.full((31, 2), 0.5)))),
    ("a class that did not occur", DataError, "takes 3 shares for each example; .*`data.classes`",
     lambda: fit(spec(loss=ONE_HOT), (X[Y > 0], Y[Y > 0]))),
    ("negative counts", DataError, "y holds -2.0: poisson takes 0 and more",
     lambda: fit(spec(loss="poisson", layers=ONE), (X, one_value(np.abs(X[:, 0]), -2)))),
    # weights
    ("a negative weight", DataError, r"a weight is negative, -1.0 \(row 5 of these\)",
     lambda: fit(spec(sample_weights=True), (X, Y, one_value(W, -1)))),
    ("weights in a column", DataError, r"weights has shape \(31, 1\): give one for each example",
     lambda: fit(spec(sample_weights=True), (X, Y, W[:, None]))),
    ("no weight", DataError, "epoch 1, step 1: its examples weigh 0 together",
     lambda: fit(spec(sample_weights=True), (X, Y, 0 * W))),
    ("no weight in a step", DataError, "epoch 1, step 2: its examples weigh 0 together",
     lambda: fit(spec(sample_weights=True, batch_size=8, shuffle=False),
                 (X, Y, np.where(np.arange(31) < 8, 1.0, 0.0)))),
    ("no weight in validation", DataError, "examples for validation weigh 0 together",
     lambda: fit(spec(sample_weights=True), (X, Y, W), validation=(X, Y, 0 * W))),
    ("no weight to evaluate", DataError, "the examples weigh 0 together",
     lambda: fit(spec(sample_weights=True), (X, Y, W)).trained.evaluate((X, Y, 0 * W))),
    ("classes of no weight", DataError, "weigh 0 together",
     lambda: fit(spec(class_weights=[0, 0, 1]), (X[Y < 2], Y[Y < 2]))),
    # categories and embeddings
    ("a category in training", DataError, r"`colour` holds 'grey' in row 5, which is none of the",
     lambda: fit(with_colour(), changed(colour=one_value(WORDS, "grey")))),
    ("a category in validation", DataError, r"`colour` holds 'grey' in row 2",
     lambda: fit(with_colour(), changed(colour=WORDS),
                 validation=changed(colour=one_value(WORDS, "grey", 1)))),
    ("a category to predict", DataError, r"`colour` holds 'grey' in row 3",
     lambda: fit(with_colour(), changed(colour=WORDS)).trained.predict(
         changed(colour=one_value(WORDS, "grey", 2)))),
    ("half a token", DataError, "row 5 holds 0.5: these inputs are whole numbers",
     lambda: fit(spec(layers=EMBEDDED), (one_value(TOKENS.astype(float), 0.5), Y))),
    ("a token above", DataError, r"X holds 3 \(row 5 of these\), and the rows of the embedding",
     lambda: fit(spec(layers=EMBEDDED), (one_value(TOKENS, 3), Y))),
    ("a token below", DataError, "X holds -1", lambda: fit(spec(layers=EMBEDDED),
                                                          (one_value(TOKENS, -1), Y))),
    ("scaled tokens", SpecError, "`data.standardise` is true: the embedding layer reads integers",
     lambda: fit(spec(layers=EMBEDDED, data={**NAMED, "standardise": True}), TABLE)),
    # files
    ("no data", ArgumentError, "spec names no data: give it, or set `file`",
     lambda: fit(data=None)),
    ("[data] without a file", ArgumentError, "names no data", lambda: fit(table(), None)),
    ("a file that is not there", DataError, "there is no file .*nope.csv",
     lambda: fit(table(file="nope.csv"), None)),
    ("a word for data", DataError, "there is no file foo", lambda: fit(data="foo")),
    ("a number for data", DataError, "data is int: give arrays, the path", lambda: fit(data=5)),
    # splitting
    ("one row to split", DataError, "1 row cannot be split: a share of 0.3",
     lambda: fit(spec(validation=SHARE), (X[:1], Y[:1]))),
    ("a share of all", DataError, "5 rows cannot be split: a share of 0.9",
     lambda: fit(spec(validation={"share": 0.9}), (X[:5], Y[:5]))),
    ("one row left to split", DataError, "1 row cannot be split",
     lambda: fit(spec(data={**NAMED, "missing": "drop"}, validation=SHARE),
         changed(a=np.where(np.arange(31) == 2, 1.0, np.nan)))),
    ("a share above 1", SpecError, "`validation.share` is 1.5: it must be a number",
     lambda: fit(validation=1.5)),
    ("split batches", ArgumentError, "batches cannot be split",
     lambda: fit(spec(validation=SHARE), [(X, Y)])),
    ("scaled batches", ArgumentError, "batches are taken as they come: `data.standardise`",
     lambda: fit(table(standardise=True), [(X, Y)])),
    ("batch norm of batches", ArgumentError, "the means and variances of batch_norm",
     lambda: fit(spec(layers=NORMED), [(X, Y)])),
    ("batches of columns", DataError, "no column `X`", lambda: fit(table(), [TABLE])),
    ("batches that run out", DataError, "no batches for epoch 2", lambda: fit(data=iter([(X, Y)]))),
    # settings
    ("optimizer by name", ArgumentError, "optimizer='adam' has no init",
     lambda: fit(optimizer="adam")),
    ("optimizer as a class", ArgumentError, "is a class: give one",
     lambda: fit(optimizer=optim.Adam)),
    ("optimizer as a number", ArgumentError, "optimizer=0.1 has no init",
     lambda: fit(optimizer=0.1)),
    ("no epochs in a spec", SpecError, "`epochs` is 0", lambda: fit(spec(epochs=0))),
    ("negative epochs", ArgumentError, "epochs=-1 must be a whole number", lambda: fit(epochs=-1)),
    ("no batch", ArgumentError, "batch=0 must be a whole number", lambda: fit(batch=0)),
    ("half a batch", ArgumentError, "batch=2.5 must be", lambda: fit(batch=2.5)),
    ("seed", SpecError, "`seed` is -1", lambda: fit(seed=-1)),
    ("huge seed", SpecError, "`seed` is 1267650600228229401496703205376", lambda: fit(seed=2**100)),
    ("predict", ArgumentError, "predict= is for functions", lambda: fit(predict=len)),
    ("target", ArgumentError, "target= is for functions", lambda: fit(target="y")),
    ("resume", ArgumentError, "resume=True needs the file", lambda: fit(resume=True)),
    ("patience", ArgumentError, "patience=0", lambda: fit(early_stopping=0)),
    ("monitor", ArgumentError, "monitor='f1' is not recorded", lambda: fit(
        early_stopping={"patience": 1, "monitor": "f1"})),
    ("metric", SpecError, r"is \"acuracy\".*did you mean `accuracy`",
     lambda: fit(metrics=["acuracy"])),
    ("metric of numbers", SpecError, r'is "mae": with the loss softmax_cross_entropy there are',
     lambda: fit(metrics=["mae"])),
    ("metric of classes", SpecError, r'is "f1": with the loss squared there are mae, r2, rmse',
     lambda: fit(spec(metrics=["f1"], **NUMBERS_OUT), (X, X[:, 0]))),
    ("metric by another name", ArgumentError, r"'auk' \(did you mean|metrics: 'auk'",
     lambda: fit(metrics={"area": "auk"})),
    # parameters
    ("a parameter", ArgumentError, r"params has `W9`, which is no parameter .*W1, b1, W2, b2",
     lambda: fit(params=first_parameters(W9=X))),
    ("no parameter", ArgumentError, "params has no `b1`",
     lambda: fit(params={"W1": np.ones((4, 5))})),
    ("a shape", ArgumentError, r"`W1` has shape \(5, 4\), and the model's has \(4, 5\)",
     lambda: fit(params=first_parameters(W1=np.ones((5, 4))))),
    ("no names", ArgumentError, "params is list: give a dict of W1, b1", lambda: fit(params=[X])),
    ("integers", ArgumentError, "dtype int64: only floating-point",
     lambda: fit(params={k: v.astype(int) for k, v in first_parameters().items()})),
    ("a parameter that is NaN", SymgradError, "the argument `b1` is NaN",
     lambda: fit(params=first_parameters(b1=np.full(5, np.nan)))),
    # predicting
    ("NaN to predict", DataError, "`X` lacks a value in 1 of 31 rows",
     lambda: fit().trained.predict(holed(X, row=(3, 1)))),
    ("infinity to predict", DataError, "`X` is infinite in row 4",
     lambda: fit().trained.predict(holed(X, np.inf, row=(3, 1)))),
    ("words to predict", DataError, "`X` holds words here, and held numbers in training",
     lambda: fit().trained.predict(np.array([["a"] * 4], object))),
    ("one row to predict", DataError, "the spec says 4 for each example",
     lambda: fit().trained.predict(X[0])),
    ("no rows to predict", DataError, "the data has no rows", lambda: fit().trained.predict(X[:0])),
    ("nothing to predict", DataError, "data is NoneType", lambda: fit().trained.predict(None)),
    ("too few features to predict", DataError, r"inputs of shape \(31, 2\)",
     lambda: fit().trained.predict(X[:, :2])),
    ("a column to predict", DataError, "no column `d`",
     lambda: fit(table(), TABLE).trained.predict({k: TABLE[k] for k in "abc"})),
    ("no targets to evaluate", DataError, "no column `y`", lambda: fit().trained.evaluate(X)),
    ("labels to evaluate", DataError, "y holds 3", lambda: fit().trained.evaluate((X, Y + 1))),
    ("nothing left to evaluate", DataError, "every row lacks a value",
     lambda: fit(table(missing="drop"), TABLE).trained.evaluate(ALL_LOST)),
    ("classes of numbers", ArgumentError, r"the model predicts numbers \(squared\), and no classes",
     lambda: fit(spec(**NUMBERS_OUT), (X, X[:, 0])).trained.classes(X)),
    # pictures
    ("boundary of four", DataError, r"inputs of two numbers, here are shape \(31, 4\)",
     lambda: fit().plot_boundary()),
    ("boundary of numbers", SymgradError, "numbers.*and no classes",
     lambda: fit(spec(inputs=2, **NUMBERS_OUT), (X[:, :2], X[:, 0])).plot_boundary()),
    ("confusion of numbers", SymgradError, "numbers.*and no classes",
     lambda: fit(spec(**NUMBERS_OUT), (X, X[:, 0])).confusion_matrix()),
    ("confusion of batches", DataError, "the run had batches only",
     lambda: fit(data=[(X, Y)]).confusion_matrix()),
]  # fmt: skip

FLAT = {"model": "net.py:flat", "parameters": {"W": {"shape": [4, 2]}}}


def flat(**changes):
    return spec(layers=None, **FLAT, **changes)


def saved(**arrays):
    return {name: npy_of(array, Path(f"{name}.npy")) for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("label", "kind", "says", "program"), MISTAKES, ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_named(tmp_path, monkeypatch, label, kind, says, program):
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text("def flat(W, X):\n    return X.reshape(len(X), 4) @ W\n")
    with pytest.raises(kind, match=says) as error:
        program()
    assert isinstance(error.value, SymgradError)
    assert len(str(error.value).splitlines()) <= 2  # what and where


BROKEN_FILES = [
    ("empty", "", "is empty: its first row must name the columns"),
    ("header only", "a,b,c,d,kind\n", "has no rows below its header"),
    ("no header", "1,2,3,4,0\n", "the first row holds numbers"),
    ("a name twice", "a,a,c,d,kind\n1,2,3,4,0\n", "two columns are called `a`"),
    ("a short row", "a,b,c,d,kind\n1,2,3,4,0\n1,2\n", "row 2 has 2 cells, the header names 5"),
    ("a word", "a,b,c,d,kind\n1,2,3,4,0\n1,two,3,4,1\n", r"`b` holds words \('1|`b` holds words"),
    ("code", "a,b,c,d,kind\n1,2,3,4,0\n__import__('os').abort(),2,3,4,1\n", "`a` holds words"),
    ("an infinity", "a,b,c,d,kind\n1,inf,3,4,0\n", "`b` is infinite in row 1"),
    ("a huge number", "a,b,c,d,kind\n1,1e999,3,4,0\n", "`b` is infinite in row 1"),
    ("a mark that is none", "a,b,c,d,kind\n1,-,3,4,0\n", "`b` holds words"),
    ("a missing value", "a,b,c,d,kind\n1,,3,4,0\n", r"`b` lacks a value in 1 of 1 rows"),
    ("a missing label", "a,b,c,d,kind\n1,2,3,4,?\n", "`kind` lacks a value"),
    ("no target", "a,b,c,d\n1,2,3,4\n", "no column `kind`"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "text", "says"), BROKEN_FILES, ids=[row[0] for row in BROKEN_FILES]
)
def test_a_broken_table_is_named(tmp_path, label, text, says):
    path = tmp_path / "d.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=says):
        fit(table(), path)


def test_one_row_trains():
    found = fit(data=(X[:1], Y[:1]))
    assert found.history[-1]["loss"] < found.history[0]["loss"]


# --- kept models that somebody made up -----------------------------------------------------------

CRAFTED = [
    ("no spec", lambda kept: kept.pop("spec"), "is no trained model"),
    ("no parameters", lambda kept: kept.pop("parameters"), "is no trained model"),
    ("no preparation", lambda kept: kept.pop("preparation"), "is no trained model"),
    ("another format", lambda kept: kept.update(format="other"), "is no trained model"),
    ("a spec that is none", lambda kept: kept.update(spec=None), "is no trained model"),
    ("a number of parameters", lambda kept: kept.update(parameters=3), "is no trained model"),
    ("unknown parameters", lambda kept: kept.update(parameters=["a"]), "is no trained model"),
    ("parameters turned round", lambda kept: kept["parameters"].reverse(), "other parameters"),
    ("another preparation", lambda kept: kept.update(preparation={"a": 1}), "is no trained model"),
]


@pytest.mark.parametrize(
    "change, message", [row[1:] for row in CRAFTED], ids=[c[0] for c in CRAFTED]
)
def test_a_made_up_model_with_the_right_digest_is_refused(change, message, tmp_path):
    path = tmp_path / "model.npz"
    fit(spec(epochs=1)).trained.save(path)
    arrays = dict(np.load(path))
    kept = json.loads(arrays.pop("symgrad model").tobytes())
    del kept["digest"]
    change(kept)
    kept["digest"] = digest(kept, arrays)
    header = np.frombuffer(json.dumps(kept).encode(), np.uint8)
    np.savez(path, **{**arrays, "symgrad model": header})
    with pytest.raises(CheckpointError, match=message):
        TrainedModel.load(path)
