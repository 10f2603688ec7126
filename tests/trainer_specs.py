"""Specs that trainers are made of, each with the table that it trains on."""

import csv
import gzip
import json

import numpy as np

ROWS = 61
NUMBERS = ["a", "b", "c"]
WORDS = ["blue", "green", "red"]


def table(missing=()):
    """Return a table as columns of cells; ``missing`` columns lack some."""
    rng = np.random.default_rng(11)
    a, b, c = rng.normal(size=(3, ROWS)) * [[1], [20], [0.1]] + [[0], [5], [-1]]
    kind = (a + b / 20 > 0).astype(int) + (c > -1).astype(int)
    made = {
        "a": [f"{x:.3f}" for x in a],
        "b": [str(round(x)) for x in b],
        "c": [repr(float(x)) for x in c],
        "colour": [WORDS[k] for k in rng.integers(0, 3, ROWS)],
        "size": [str(k) for k in rng.integers(1, 4, ROWS)],
        "kind": [["no", "perhaps", "yes"][k] for k in kind],
        "number": [str(k) for k in kind],
        "flag": [str(int(k > 0)) for k in kind],
        "value": [f"{x:.4f}" for x in np.sin(a) + b / 10],
        "other": [f"{x:.4f}" for x in c * 3 - a],
        "count": [str(k) for k in rng.poisson(np.exp(0.5 * a))],
        "weight": [f"{x:.2f}" for x in rng.uniform(0.1, 3, ROWS)],
        "t0": [str(int(k == 0)) for k in kind],
        "t1": [str(int(k == 1)) for k in kind],
        "t2": [str(int(k == 2)) for k in kind],
        "word0": [str(k) for k in rng.integers(0, 5, ROWS)],
        "word1": [str(k) for k in rng.integers(0, 5, ROWS)],
        'it\'s "odd"\\\n\u2028é': [f"{x:.3f}" for x in c],
    }
    for k, name in enumerate(missing):
        for row in range(3 + k, ROWS, 9 + k):
            made[name][row] = ["", "?", "NA"][row % 3]
    return made


def write(folder, columns, name="table.csv"):
    """Write a table as CSV, packed or not, or as NPZ."""
    path = folder / name
    if name.endswith(".npz"):
        arrays = {}
        for key, cells in columns.items():
            try:
                arrays[key] = np.array(
                    [float(x) if x not in ("", "?", "NA") else np.nan for x in cells]
                )
            except ValueError:
                arrays[key] = np.array(cells)
        np.savez(path, **{key: x for key, x in arrays.items() if key.isidentifier()})
        return
    opened = gzip.open if name.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns)
        out.writerows(zip(*columns.values(), strict=True))


def spec(**changes):
    """Return the usual spec with some keys changed; None takes one away."""
    made = {
        "name": "flowers", "seed": 3, "epochs": 12,
        "layers": [{"units": 5, "activation": "tanh"}, {"units": 3}],
        "loss": "softmax_cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.05},
        "validation": {"share": 0.25},
        "data": data(),
        **changes,
    }  # fmt: skip
    return {key: value for key, value in made.items() if value is not None}


def data(**changes):
    made = {
        "file": "table.csv", "target": "kind", "classes": ["no", "perhaps", "yes"],
        "features": NUMBERS, "standardise": True, **changes,
    }  # fmt: skip
    return {key: value for key, value in made.items() if value is not None}


def of_numbers(target="value", **changes):
    return data(target=target, classes=None, **changes)


def one(loss, target="value", **changes):
    """Return a spec with one output."""
    layers = [{"units": 4, "activation": "silu"}, {"units": 1}]
    return spec(**{"loss": loss, "layers": layers, "data": of_numbers(target), **changes})


def layers(*hidden, units=3):
    return [*hidden, {"units": units}]


COLOUR = {"column": "colour", "categories": WORDS}
SIZE = {"column": "size", "categories": [1, 2, 3]}
BATCHED = {"batch_size": 8}

SPECS = {
    "the usual": spec(),
    "minibatches": spec(**BATCHED, metrics=["accuracy"]),
    "a column of numbers as a table": spec(data=data(features=[{"column": "a"}, "b", COLOUR])),
    "a last batch of one": spec(batch_size=11, metrics=["accuracy"]),
    "batches of one": spec(batch_size=1, epochs=2, metrics=["accuracy"]),
    "a layer of one": spec(
        batch_size=11, layers=[{"units": 1, "activation": "tanh"}, {"units": 3}]
    ),
    "one feature": spec(data=data(features=["b"]), batch_size=4),
    "minibatches in order": spec(**BATCHED, shuffle=False),
    "no validation": spec(validation=None),
    "no name of NumPy in the gradient": spec(
        layers=[{"units": 1}], loss="squared", data=of_numbers(), validation=None
    ),
    "no validation, minibatches": spec(validation=None, **BATCHED),
    "a seed for the split": spec(validation={"share": 0.3, "seed": 8}),
    "not standardised": spec(data=data(standardise=False)),
    # optimizers
    "sgd": spec(optimizer="sgd"),
    "sgd of everything": spec(
        optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.8, "dampening": 0.1,
                   "weight_decay": 0.01}
    ),
    "momentum": spec(optimizer={"name": "momentum", "lr": 0.1}),
    "nesterov": spec(optimizer={"name": "nesterov", "lr": 0.1, "momentum": 0.7}),
    "adagrad": spec(optimizer={"name": "adagrad", "initial": 0.1, "lr_decay": 0.01}),
    "rmsprop": spec(optimizer={"name": "rmsprop", "lr": 0.01}),
    "rmsprop, centred": spec(
        optimizer={"name": "rmsprop", "lr": 0.01, "centered": True, "momentum": 0.5}
    ),
    "adam, all said": spec(
        optimizer={"name": "adam", "lr": 0.1, "beta1": 0.8, "beta2": 0.99, "eps": 1e-6,
                   "weight_decay": 0.01}
    ),
    "adamw": spec(optimizer={"name": "adamw", "lr": 0.1, "weight_decay": 0.1}, **BATCHED),
    "clipped": spec(
        optimizer={"name": "sgd", "lr": 0.5, "clip_norm": 0.1, "clip_value": 0.05}, **BATCHED
    ),
    # schedules
    "constant": spec(schedule={"name": "constant"}),
    "step": spec(schedule={"name": "step", "every": 3, "factor": 0.5}),
    "cosine": spec(schedule={"name": "cosine", "steps": 30, "end": 0.001}, **BATCHED),
    "warm-up": spec(schedule={"name": "warm_up", "steps": 5}),
    "warm-up, then": spec(
        schedule={"name": "warm_up", "steps": 4, "start": 0.001,
                  "then": {"name": "cosine", "steps": 20}},
        **BATCHED,
    ),
    "one cycle": spec(schedule={"name": "one_cycle", "steps": 12, "first": 10}),
    # losses
    "one-hot": spec(
        loss={"name": "softmax_cross_entropy", "labels": "one_hot"},
        data=of_numbers(["t0", "t1", "t2"]), metrics=["accuracy"],
    ),
    "focal": spec(loss={"name": "focal", "gamma": 1.5}),
    "multiclass hinge": spec(loss="multiclass_hinge", metrics=["accuracy", "f1"]),
    "binary": one(
        "binary_cross_entropy", data=data(target="flag", classes=[0, 1]),
        metrics=["accuracy", "precision", "recall", "f1", "auc"],
    ),
    "binary, numbers": one("binary_cross_entropy", "flag", metrics=["accuracy", "auc"]),
    "hinge": one("hinge", "flag", metrics=["accuracy"]),
    "squared": one("squared", metrics=["mae", "rmse", "r2"], **BATCHED),
    "squared, the last batch of one": one(
        "squared", metrics=["mae"], batch_size=11, data=of_numbers(weights="weight")
    ),
    "batch norm, the last batch of one": spec(
        layers=layers({"units": 6}, {"kind": "batch_norm"}, {"kind": "dropout", "rate": 0.5}),
        batch_size=11,
    ),
    "squared, three": spec(loss="squared", data=of_numbers(["t0", "t1", "t2"])),
    "squared, of classes": spec(loss="squared", metrics=["accuracy"]),
    "squared, a line": one("squared", layers=layers(units=1)),
    "absolute": one("absolute"),
    "huber": one({"name": "huber", "delta": 0.5}),
    "quantile": one({"name": "quantile", "tau": 0.8}),
    "poisson": one("poisson", "count"),
    "gaussian": one("gaussian_nll", layers=layers({"units": 4, "activation": "relu"}, units=2)),
    "a formula": one("mean(abs(y_hat - y)) + 0.01 * sum(W1**2)"),
    "class weights": spec(class_weights=[1, 2, 0.5], metrics=["accuracy"]),
    "weights": spec(data=data(weights="weight"), **BATCHED),
    "weights of both kinds": spec(data=data(weights="weight"), class_weights=[3, 2, 1]),
    # layers
    "every activation": spec(
        layers=layers(*(
            {"units": 4, "activation": name}
            for name in ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid",
                         "identity", "softmax")
        ))
    ),
    "every start": spec(
        layers=layers(*(
            {"units": 3, "activation": "tanh", "init": init}
            for init in ("he", "torch", "glorot", {"name": "normal", "scale": 0.5})
        ))
    ),
    "zeros": spec(layers=layers(), init="zeros"),
    "no bias": spec(layers=layers({"units": 4, "bias": False, "activation": "relu"})),
    "dropout": spec(layers=layers({"units": 9}, {"kind": "dropout", "rate": 0.4})),
    "two dropouts, minibatches": spec(
        layers=layers(
            {"kind": "dropout", "rate": 0.2}, {"units": 9}, {"kind": "dropout", "rate": 0.5}
        ),
        **BATCHED, metrics=["accuracy"],
    ),
    "dropout, no validation": spec(
        layers=layers({"units": 9}, {"kind": "dropout", "rate": 0.4}), validation=None
    ),
    "batch norm": spec(
        layers=layers({"units": 6}, {"kind": "batch_norm", "activation": "relu"}), **BATCHED,
        metrics=["accuracy"],
    ),
    "batch norm and dropout": spec(
        layers=layers(
            {"kind": "batch_norm"}, {"units": 6}, {"kind": "batch_norm", "eps": 0.01},
            {"kind": "dropout", "rate": 0.2},
        ),
    ),
    "batch norm, no validation": spec(
        layers=layers({"units": 6}, {"kind": "batch_norm"}), validation=None
    ),
    "layer norm": spec(layers=layers({"units": 6}, {"kind": "layer_norm", "activation": "relu"})),
    "repeated": spec(
        layers=layers(
            {"kind": "repeat", "times": 3, "layers": [{"units": 4, "activation": "relu"}]}
        )
    ),
    "embedding": spec(
        layers=[{"kind": "embedding", "size": 5, "width": 3}, {"units": 3}],
        data=data(features=["word0", "word1"], standardise=False), **BATCHED,
    ),
    "deep and long": spec(
        layers=layers(
            {"kind": "repeat", "times": 12, "layers": [{"units": 2, "activation": "tanh"}]},
            {"units": 4, "elastic_net": {"strength": 0.123456789, "ratio": 0.123456789}},
        ),
        regularisers={"l2": 0.00012345678}, class_weights=[k + 0.123456789 for k in range(3)],
        epochs=3, metrics=["accuracy", "f1", "precision", "recall"],
    ),
    "regularised": spec(regularisers={"l1": 0.01, "l2": 0.02}),
    "elastic": spec(
        layers=layers({"units": 4, "elastic_net": {"strength": 0.1, "ratio": 0.3}, "l1": 0.01})
    ),
    # tables
    "categories": spec(data=data(features=["a", COLOUR, "b", {**SIZE, "encode": "drop_first"}])),
    "categories, none first": spec(data=data(features=[{**COLOUR, "encode": "drop_first"}, "c"])),
    "categories as numbers": spec(data=data(features=["a", {**COLOUR, "encode": "integer"}])),
    "nothing but categories": spec(data=data(features=[COLOUR, SIZE])),
    "drop": spec(data=data(missing="drop")),
    "mean": spec(data=data(missing="mean")),
    "median": spec(data=data(missing="median", standardise=False)),
    "most frequent": spec(
        data=data(
            missing="most_frequent", features=["a", "b", COLOUR, {**SIZE, "encode": "integer"}]
        )
    ),
    "drop, of weights and categories": spec(
        data=data(missing="drop", weights="weight", features=["a", COLOUR])
    ),
    "numbers for classes": spec(data=data(target="number", classes=[0, 1, 2])),
    "classes are numbers": spec(data=data(target="number", classes=None)),
    "all columns": one("squared", inputs=3, data=of_numbers(features=None, file="few.csv")),
    "all columns but weights": one(
        "squared", inputs=2, data=of_numbers(features=None, file="weighted.csv", weights="weight")
    ),
    "packed": spec(data=data(file="table.csv.gz")),
    "npz": spec(data=data(file="table.npz", features=["a", "b", SIZE], missing="mean")),
    "most frequent, of several the first": spec(
        data=data(
            missing="most_frequent", file="tied.csv",
            features=["a", {"column": "colour", "categories": ["red", "green", "blue"]}],
        )
    ),
    "an odd name": spec(
        name="{odd} é", data=data(features=["a", 'it\'s "odd"\\\u2028é', COLOUR]),
    ),
    # when to stop
    "early": spec(
        epochs=200, optimizer={"name": "adam", "lr": 0.3}, early_stopping={"patience": 3}
    ),
    "early, by the loss": spec(
        epochs=60, validation=None, early_stopping={"patience": 2, "least": 0.02}
    ),
    # functions
    "a function": spec(
        layers=None, model="net.py:net", inputs=3,
        parameters={"U": {"shape": [3, 4]}, "c": {"shape": [4], "init": "torch"},
                    "V": {"shape": [4, 3], "init": "he"}},
        metrics=["accuracy"],
    ),
    "a function of a large array": spec(
        layers=None, model="net.py:of_a_table", inputs=3, parameters={"A": {"shape": [40, 3]}},
    ),
    "a function of what statements change": spec(
        layers=None, model="net.py:of_changes", inputs=3, parameters={"A": {"shape": [40, 3]}},
    ),
    "a function of matrices": spec(
        layers=None, model="net.py:of_pairs", inputs=[2, 2],
        parameters={"A": {"shape": [2, 3]}},
        data=data(features=None, file="pairs.csv"), **BATCHED,
    ),
}  # fmt: skip

MISSING = {
    "drop": ["a", "kind"], "mean": ["a", "c"], "median": ["b"],
    "most frequent": ["a", "b", "colour", "size"],
    "drop, of weights and categories": ["a", "weight", "colour"], "npz": ["a"],
}  # fmt: skip

FEW = {
    "few.csv": ["a", "b", "c"], "weighted.csv": ["a", "weight", "b"],
    "pairs.csv": ["a", "b", "c", "word0"],
}  # fmt: skip

NET = '''"""Networks of mine."""

from __future__ import annotations

import numpy as np
import math, typing
from math import sqrt

import decimal  # what is not needed is not copied

try:
    from math import cbrt as root
except ImportError:
    root = sqrt

SCALE = sqrt(0.5)  # of what the first layer gives
ROOT = sqrt(3.0) if root is None else root(3.0)


def squashed(z):
    return np.tanh(SCALE * z) * ROOT


def net(U, c, X, V):
    return squashed(X @ U + c) @ V


TABLE = np.linspace(-1, 1, 3 * 40).reshape(3, 40)


def of_pairs(A, X):
    return (X @ A).sum(axis=1)


def of_a_table(A, X):
    return np.tanh(X @ TABLE) @ A


CHANGED = np.linspace(-1, 1, 3 * 40).reshape(3, 40); CHANGED[0] = 0.5
np.fill_diagonal(CHANGED, -2)
same = CHANGED.ravel()
same[7] = 0.25
for k in range(3):
    CHANGED[k, k + 1] = math.cos(k)
del k
CHANGED /= 2
np.random.seed(5)
before = np.random.rand()
DRAWN = np.random.rand(3, 40)
PAGE = "a\\x0cb\u2028"  # is no end of a line


@np.vectorize
def halved(x: typing.SupportsFloat):
    return x / 2


def sign_changed():
    global DRAWN
    DRAWN = -DRAWN


sign_changed()
HALF = halved(CHANGED) * len(PAGE)


def of_changes(A, X):
    return np.tanh(X @ CHANGED + X @ HALF + X @ DRAWN) @ A


if __name__ == "__main__":
    train = before
    print(train)
'''


def folder_for(name, folder):
    """Write the spec, its table and its function; return the path of the spec."""
    columns = table(MISSING.get(name, ()))
    columns = {key.replace("\n", ""): cells for key, cells in columns.items()}
    made = SPECS[name]
    file = made["data"]["file"]
    if file in FEW:
        columns = {key: columns[key] for key in (*FEW[file], made["data"]["target"])}
    if file == "tied.csv":  # every category occurs as often as the others, in every part
        columns["colour"] = [[*WORDS, ""][k % 4] for k in range(ROWS)]
    write(folder, columns, file)
    (folder / "net.py").write_text(NET, encoding="utf-8")
    path = folder / "flowers.json"
    path.write_text(json.dumps(made), encoding="utf-8")
    return path
