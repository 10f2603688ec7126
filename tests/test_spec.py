"""Model specs: what they may say, what they become, and one clear error for each that is broken."""

import ast
import copy
import datetime
import gzip
import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from oracles import assert_same, numerical_gradient

import symgrad
from symgrad import SpecError
from symgrad.cli import main
from symgrad.spec import SCHEMA, model, override, read
from symgrad.spec.copying import copied
from symgrad.spec.objectives import OBJECTIVES
from symgrad.spec.schema import ACTIVATIONS, INITS, LOSSES, OPTIMIZERS, SCHEDULES

EXAMPLES = Path(__file__).parent.parent / "examples"
SPECS = sorted(EXAMPLES.glob("*.toml"))

BASE = {
    "inputs": 4,
    "layers": [{"units": 3, "activation": "tanh"}, {"units": 3}],
    "loss": "softmax_cross_entropy",
}


def spec(**changes):
    """Return the usual spec with some keys changed; None takes one away."""
    made = {**copy.deepcopy(BASE), **changes}
    return {key: value for key, value in made.items() if value is not None}


def example(made, n=6):
    """Return arguments for the loss of a model, whatever they are for it."""
    rng = np.random.default_rng(3)
    args = [rng.normal(size=shape) for shape in made.parameters.values()]
    for name, (shape, kind) in list(made.plan.shapes.items())[len(args) :]:
        sizes = tuple(n if size == "n" else size for size in shape)
        if name == "X" and kind == "int":
            args.append(rng.integers(0, 3, sizes))
        elif name == "y" and made.labels in ("class", "0 or 1"):
            args.append(rng.integers(0, 2, sizes))
        elif name == "y" and made.labels == "shares":
            args.append(np.eye(sizes[1])[rng.integers(0, sizes[1], n)])
        elif name == "weights":
            args.append(rng.uniform(0.5, 2, sizes))
        elif name.startswith("mask"):
            args.append((rng.random(sizes) < 0.5).astype(float))
        else:
            args.append(np.abs(rng.normal(size=sizes)))
    return args


def check_gradient(made):
    """Compare the gradient of a model by every parameter with slopes."""
    args = example(made)
    value, grads = made.compiled.value_and_grad(*args)
    assert value == pytest.approx(made.loss(*args), rel=1e-9)
    for k, grad in enumerate(grads):
        assert_same(grad, numerical_gradient(made.loss, args, k))


# --- models that specs become ---------------------------------------------------------------------

ONE_SCORE = [{"units": 3, "activation": "tanh"}, {"units": 1}]
TWO_OUTPUTS = [{"units": 2}]
GOOD = {
    "as small as can be": spec(layers=[{"units": 2}]),
    "one-hot labels": spec(loss={"name": "softmax_cross_entropy", "labels": "one_hot"}),
    "soft labels": spec(
        loss={"name": "softmax_cross_entropy", "labels": "soft"}, class_weights=[1, 2, 3]
    ),
    "focal, gamma 1": spec(loss={"name": "focal", "gamma": 1}),
    "multiclass hinge": spec(loss={"name": "multiclass_hinge", "margin": 0.5}),
    "binary": spec(loss="binary_cross_entropy", layers=ONE_SCORE, class_weights=[1, 2]),
    "hinge": spec(loss="hinge", layers=ONE_SCORE, sample_weights=True),
    "regression": spec(loss="squared", layers=ONE_SCORE),
    "regression of three": spec(loss="squared"),
    "absolute": spec(loss="absolute", layers=ONE_SCORE),
    "huber": spec(loss={"name": "huber", "delta": 0.3}, layers=ONE_SCORE),
    "quantile": spec(loss={"name": "quantile", "tau": 0.9}, layers=ONE_SCORE),
    "counts": spec(loss="poisson", layers=ONE_SCORE),
    "gaussian": spec(loss="gaussian_nll", layers=TWO_OUTPUTS),
    "a formula": spec(loss="mean((y_hat - y)**2)", layers=ONE_SCORE),
    "a formula of parameters": spec(
        loss="mean(abs(y_hat - y)) + 0.1 * sum(W1**2) + 0.01 * np.sum(np.abs(w2))",
        layers=ONE_SCORE,
    ),
    "a formula with weights": spec(
        loss="sum(weights * softplus(-y * y_hat)) / weights.sum()",
        layers=ONE_SCORE,
        sample_weights=True,
    ),
    "a formula with an index": spec(loss="(y_hat[:, 0] * y[:, 1]).mean() + y_hat.T.max() ** 2"),
    "dropout": spec(layers=[{"kind": "dropout", "rate": 0.2}, *BASE["layers"]]),
    "two dropouts": spec(
        layers=[
            {"units": 5, "activation": "silu"},
            {"kind": "dropout", "rate": 0.5},
            {"units": 4, "activation": "softplus"},
            {"kind": "dropout", "rate": 0.25},
            {"units": 3},
        ]
    ),
    "batch norm": spec(
        layers=[
            {"units": 5, "bias": False},
            {"kind": "batch_norm", "activation": "gelu"},
            {"units": 3},
        ]
    ),
    "layer norm": spec(layers=[{"kind": "layer_norm", "eps": 0.01}, *BASE["layers"]]),
    "two norms": spec(
        layers=[{"kind": "batch_norm"}, {"units": 5}, {"kind": "layer_norm"}, {"units": 3}]
    ),
    "embedding": spec(
        inputs=2, layers=[{"kind": "embedding", "size": 5, "width": 3}, *BASE["layers"]]
    ),
    "repeat": spec(
        layers=[
            {"kind": "repeat", "times": 2, "layers": [{"units": 4, "activation": "elu"}]},
            {"units": 3},
        ]
    ),
    "everything is small": spec(
        regularisers={"l1": 0.1, "l2": 0.2, "elastic_net": {"strength": 0.3, "ratio": 0.9}}
    ),
    "one layer is small": spec(
        regularisers={"l2": 0.2}, layers=[{"units": 4, "l2": 0.5, "l1": 0.1}, {"units": 3, "l2": 0}]
    ),
    "deep and long": spec(
        layers=[
            {"kind": "repeat", "times": 12, "layers": [{"units": 2, "activation": "tanh"}]},
            {"units": 12, "elastic_net": {"strength": 0.123456789, "ratio": 0.123456789}},
        ],
        regularisers={"l2": 0.00012345678, "l1": 0.1},
        class_weights=[k + 0.123456789 for k in range(12)],
        sample_weights=True,
    ),
    "a long formula": spec(
        loss="mean(maximum(0.25 * (y_hat - y), -0.75 * (y_hat - y))) + 0.001 * sum(W1 * W1) + "
        "0.001 * sum(w2 * w2)",
        layers=ONE_SCORE,
    ),
    "all weights": spec(sample_weights=True, class_weights=[1, 0.5, 2]),
}


@pytest.mark.parametrize("given", GOOD.values(), ids=GOOD)
def test_the_gradient_of_a_model_is_the_slope(given):
    check_gradient(model(given))


@pytest.mark.parametrize("given", GOOD.values(), ids=GOOD)
def test_the_text_of_a_model_is_formatted_and_clean(given, tmp_path):
    ruff = shutil.which("ruff")
    if ruff is None:
        pytest.skip("ruff is not installed")
    file = tmp_path / "made.py"
    file.write_text(model(given).source)
    for how in (["check", "--select", "E,F,B,I"], ["format", "--diff"]):
        options = [*how, "--isolated", "--line-length", "100", str(file)]
        done = subprocess.run([ruff, *options], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("given", GOOD.values(), ids=GOOD)
def test_a_model_predicts_one_row_for_each_example(given):
    made = model(given)
    args = example(made, n=7)
    parameters, X = args[: len(made.parameters)], args[len(made.parameters)]
    answer = made.predict(*parameters, X, *made.statistics(*parameters, X))
    assert answer.shape[0] == 7
    if given["loss"] == "softmax_cross_entropy":
        np.testing.assert_allclose(answer.sum(axis=1), 1)
    if given["loss"] == "poisson":
        assert np.all(answer > 0)


@pytest.mark.parametrize("given", GOOD.values(), ids=GOOD)
def test_the_text_of_a_model_stands_alone(given):
    made = model(given)
    imports = [
        node
        for node in ast.walk(ast.parse(made.source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert [alias.name for node in imports for alias in node.names] == ["numpy"]
    args = example(made)
    space = {}
    exec(made.source, space)
    assert space["loss"](*args) == made.loss(*args)


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"identity", "relu"}))
def test_every_activation_can_be_named(activation):
    check_gradient(model(spec(layers=[{"units": 3, "activation": activation}, {"units": 2}])))


def test_a_model_reads_as_a_person_would_write_it():
    made = model(
        spec(
            layers=[
                {"units": 8, "activation": "relu"},
                {"units": 9, "activation": "relu"},
                {"units": 3},
            ],
            regularisers={"l2": 0.001},
        )
    )
    assert (
        made.source[made.source.index("def network") :]
        == '''\
def network(W1, b1, W2, b2, W3, b3, X):
    """Return what the last layer gives for each row of X, (n, 3)."""
    h1 = relu(X @ W1 + b1)
    h2 = relu(h1 @ W2 + b2)
    return h2 @ W3 + b3


def predict(W1, b1, W2, b2, W3, b3, X):
    """Return the probability of each class for each row of X."""
    scores = network(W1, b1, W2, b2, W3, b3, X)
    return softmax(scores)


def loss(W1, b1, W2, b2, W3, b3, X, y):
    """Return the loss: softmax cross entropy, and a penalty for large weights."""
    scores = network(W1, b1, W2, b2, W3, b3, X)
    error = softmax_cross_entropy(scores, y)
    penalty = 0.001 * (l2(W1) + l2(W2) + l2(W3))
    return error + penalty
'''
    )


def test_a_penalty_is_added_once_for_each_weight():
    given = spec(regularisers={"l2": 0.25}, layers=[{"units": 4, "l1": 2}, {"units": 3, "l2": 0}])
    made, plain = model(given), model(spec(layers=[{"units": 4}, {"units": 3}]))
    args = example(made)
    penalty = made.loss(*args) - plain.loss(*args)
    assert penalty == pytest.approx(0.25 * np.sum(args[0] ** 2) + 2 * np.sum(np.abs(args[0])))


def test_dropout_does_nothing_to_a_prediction_and_scales_what_it_keeps():
    layers = [{"kind": "dropout", "rate": 0.75}, {"units": 1, "bias": False}]
    made = model(spec(layers=layers, loss="mean(y_hat)"))
    rng = np.random.default_rng(3)
    w, X = rng.normal(size=4), rng.normal(size=(5, 4))
    np.testing.assert_array_equal(made.predict(w, X), X @ w)
    mask = np.zeros((5, 4))
    mask[:, 2] = 1
    assert made.loss(w, X, np.zeros(5), mask) == pytest.approx(np.mean(X[:, 2] * w[2]) * 4)


def test_masks_are_drawn_by_the_share_that_is_kept():
    layers = [{"kind": "dropout", "rate": 0.2}, *BASE["layers"]]
    made = model(spec(layers=layers))
    for rng in (np.random.RandomState(0), np.random.default_rng(0)):
        masks = made.draw_masks(20_000, rng)
        assert masks["mask"].shape == (20_000, 4) and set(np.unique(masks["mask"])) == {0.0, 1.0}
        assert masks["mask"].mean() == pytest.approx(0.8, abs=0.01)


def test_statistics_of_the_training_data_give_its_own_predictions():
    given = GOOD["two norms"]
    made = model(given)
    args = example(made)
    parameters, X = args[: len(made.parameters)], args[len(made.parameters)]
    by_batch = made.module.network(*parameters, X)
    p = made.predict(*parameters, X, *made.statistics(*parameters, X))
    np.testing.assert_allclose(p, np.exp(by_batch) / np.exp(by_batch).sum(1, keepdims=True))


# --- first parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize("init", INITS)
def test_first_parameters_have_their_shapes_and_depend_on_the_seed(init):
    made = model(spec(init=init, seed=5))
    first, again, other = made.init(), made.init(5), made.init(6)
    assert {name: value.shape for name, value in first.items()} == made.parameters
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert init == "zeros" or not np.array_equal(first["W1"], other["W1"])
    assert init == "torch" or not np.any(first["b1"])


def test_a_layer_may_begin_in_its_own_way():
    made = model(
        spec(
            init="zeros",
            layers=[{"units": 500, "init": {"name": "normal", "scale": 3}}, {"units": 2}],
        )
    )
    first = made.init()
    assert first["W1"].std() == pytest.approx(3, rel=0.05)
    assert not np.any(first["W2"])


def test_a_norm_begins_as_nothing():
    first = model(GOOD["batch norm"]).init()
    np.testing.assert_array_equal(first["gamma"], np.ones(5))
    np.testing.assert_array_equal(first["beta"], np.zeros(5))


# --- the examples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_an_example_gives_a_model_that_compiles(path):
    made = model(path)
    args = example(made)
    value, grads = made.compiled.value_and_grad(*args)
    assert np.isfinite(value)
    assert [grad.shape for grad in grads] == list(made.parameters.values())


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_an_example_names_columns_that_are_there(path):
    given = read(path)
    data = given["data"]
    file = path.parent / data["file"]
    with gzip.open(file, "rt") if file.suffix == ".gz" else file.open() as lines:
        columns = lines.readline().strip().split(",")
    features = [f if isinstance(f, str) else f["column"] for f in data.get("features", [])]
    assert {data["target"], *features} <= set(columns)


def test_iris_learns_as_in_the_lecture():
    made = model(EXAMPLES / "iris.toml")
    table = np.loadtxt(EXAMPLES / "data" / "iris.csv", delimiter=",", skiprows=1)
    train = np.random.RandomState(41).permutation(150)[30:]
    X, y = table[train, :4], table[train, 4].astype(int)
    parameters = list(made.init().values())
    mean, square, losses = [0.0] * 6, [0.0] * 6, []
    for epoch in range(1, 101):
        value, grads = made.compiled.value_and_grad(*parameters, X, y)
        losses.append(value)
        for k, g in enumerate(grads):
            mean[k] = 0.9 * mean[k] + 0.1 * g
            square[k] = 0.999 * square[k] + 0.001 * g**2
            root = np.sqrt(square[k] / (1 - 0.999**epoch)) + 1e-8
            parameters[k] = parameters[k] - 0.01 * mean[k] / (1 - 0.9**epoch) / root
    assert [f"{value:.6f}" for value in losses[::10]] == [
        "1.125203", "1.009721", "0.816235", "0.585993", "0.400339",
        "0.267947", "0.179635", "0.121656", "0.086065", "0.065226",
    ]  # fmt: skip
    held_out = np.setdiff1d(np.arange(150), train)
    right = made.predict(*parameters, table[held_out, :4]).argmax(axis=1) == table[held_out, 4]
    assert right.sum() >= 28


# --- a function of the user's ---------------------------------------------------------------------

CONVOLUTION = """
import numpy as np

def scores(K, X, W, b):
    h = np.maximum(0, X @ K)
    return h @ W + b

def with_two_inputs(K, X, Z): ...
"""
OF_FUNCTION = {
    "model": "net.py:scores",
    "parameters": {
        "K": {"shape": [4, 5]},
        "W": {"shape": [5, 3], "init": "he"},
        "b": {"shape": [3]},
    },
    "inputs": 4,
    "loss": "softmax_cross_entropy",
    "regularisers": {"l2": 0.1},
}


def in_folder(folder, given, program=CONVOLUTION):
    (folder / "net.py").write_text(program)
    (folder / "spec.json").write_text(json.dumps(given))
    return folder / "spec.json"


def test_a_function_called_network_is_imported_by_its_name(tmp_path):
    given = {**OF_FUNCTION, "model": "net.py:network"}
    made = model(in_folder(tmp_path, given, CONVOLUTION.replace("def scores(", "def network(")))
    assert "from net import network\n" in made.source


def test_a_model_may_be_a_function_in_a_file(tmp_path):
    made = model(in_folder(tmp_path, OF_FUNCTION))
    assert made.parameters == {"K": (4, 5), "W": (5, 3), "b": (3,)}
    assert "from net import scores as network" in made.source
    assert "l2(K) + l2(W)" in made.source and "l2(b)" not in made.source
    check_gradient(made)
    assert not np.any(made.init()["b"]) and np.any(made.init()["W"])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["net.py", "spec.json"]


def test_a_file_named_like_a_module_that_is_there_does_not_replace_it(tmp_path):
    (tmp_path / "json.py").write_text(CONVOLUTION)
    made = model_in(tmp_path, {**OF_FUNCTION, "model": "json.py:scores"})
    check_gradient(made)
    import json as still

    assert still is json and hasattr(still, "dumps")


def model_in(folder, given):
    (folder / "spec.json").write_text(json.dumps(given))
    return model(folder / "spec.json")


FUNCTION_MISTAKES = [
    ("another file", {"model": "nets.py:scores"}, "`model` names nets.py: there is no such file"),
    ("another name", {"model": "net.py:score"}, r"no function score \(did you mean `scores`\?\)"),
    (
        "two inputs",
        {"model": "net.py:with_two_inputs", "parameters": {"K": {"shape": [2]}}},
        "one argument besides `parameters`, the input X; here there are 2: X, Z",
    ),
    (
        "a stranger",
        {"parameters": {"Q": {"shape": [2]}}},
        r"`parameters.Q` is no argument of scores\(K, X",
    ),
    ("no shape", {"parameters": {"K": {}}}, "`parameters.K.shape` is missing"),
    (
        "a reserved name",
        {"parameters": {"np": {"shape": [2]}}},
        "`parameters.np` has another meaning",
    ),
    ("code for a name", {"parameters": {"a=1": {"shape": [2]}}}, "`parameters.a=1` is no name"),
    ("the loss's name", {"parameters": {"scores": {"shape": [2]}}}, "has another meaning"),
    ("a function's name", {"parameters": {"relu": {"shape": [2]}}}, "has another meaning"),
    ("a word of Python", {"parameters": {"class": {"shape": [2]}}}, "has another meaning"),
    ("another letter for it", {"parameters": {"\ufb01": {"shape": [2]}}}, "has another meaning"),
    ("layers as well", {"layers": [{"units": 3}]}, "`layers` stands beside `model`"),
    ("no parameters", {"parameters": None}, "`parameters` is missing"),
    (
        "no function",
        {"model": "net.py"},
        '`model` is "net.py": it must be FILE.py:FUNCTION, of the param',
    ),
]


@pytest.mark.parametrize(
    ("change", "message"), [row[1:] for row in FUNCTION_MISTAKES],
    ids=[row[0] for row in FUNCTION_MISTAKES],
)  # fmt: skip
def test_what_is_wrong_with_a_function_is_said(change, message, tmp_path):
    given = {k: v for k, v in {**OF_FUNCTION, **change}.items() if v is not None}
    with pytest.raises(SpecError, match=message):
        model(in_folder(tmp_path, given))


# --- broken specs ---------------------------------------------------------------------------------

CYCLE = {"kind": "repeat", "times": 2, "layers": []}
CYCLE["layers"].append(CYCLE)
LAYERS = BASE["layers"]
DATA = {"target": "kind"}

WRONG_BY_SCHEMA = [
    ("no loss", spec(loss=None), "`loss` is missing: a spec needs it"),
    (
        "an unknown key",
        spec(layer=[]),
        r"`layer` is no key \(did you mean `layers`\?\): a spec has",
    ),
    ("a key that is no text", spec(**{}) | {3: 4}, "`3` is no key: a spec has"),
    ("inputs in words", spec(inputs="four"), '`inputs` is "four": it must be a whole number'),
    ("inputs of 0", spec(inputs=0), "`inputs` is 0: it must be a whole number, at least 1"),
    ("half an input", spec(inputs=2.5), "`inputs` is 2.5: it must be a whole number"),
    ("true inputs", spec(inputs=True), "`inputs` is true: it must be a whole number"),
    ("a huge number", spec(inputs=10**30), "`inputs` is 10+: it must be .*at most 10000000"),
    ("an endless number", spec(inputs=10**5000), "a number of many digits: it must be"),
    (
        "layers of nothing",
        spec(layers=[]),
        "`layers` is a list of 0: it must be a list of 1 or more",
    ),
    (
        "a layer alone",
        spec(layers={"units": 3}),
        r"`layers` is a table \(units\): it must be a list",
    ),
    (
        "a layer as a number",
        spec(layers=[3]),
        "`layers.0` is 3: it must be a table with `kind`, one of dense",
    ),
    ("no units", spec(layers=[{}]), "`layers.0.units` is missing: a dense layer needs it"),
    ("negative units", spec(layers=[{"units": -3}]), "`layers.0.units` is -3: .* at least 1"),
    (
        "a misspelt key",
        spec(layers=[{"unit": 3}]),
        r"`layers.0.unit` is no key \(did you mean `units`\?\)",
    ),
    (
        "a misspelt kind",
        spec(layers=[{"kind": "denze", "units": 3}]),
        r'`layers.0.kind` is "denze": it must be one of dense, .*\(did you mean `dense`\?\)',
    ),
    ("a kind of a number", spec(layers=[{"kind": 3}]), "`layers.0.kind` is 3: it must be one of"),
    (
        "a misspelt activation",
        spec(layers=[{"units": 3, "activation": "rellu"}]),
        r"`layers.0.activation` is \"rellu\": .*\(did you mean `relu`\?\)",
    ),
    (
        "a rate of 1",
        spec(layers=[{"kind": "dropout", "rate": 1.0}]),
        "`layers.0.rate` is 1.0: .*below 1",
    ),
    ("an endless repeat", spec(layers=[CYCLE]), "is nested too deep: does it contain itself"),
    (
        "a million times",
        spec(layers=[{"kind": "repeat", "times": 10**6, "layers": LAYERS}]),
        "`layers.0.times` is 1000000: .*at most 10000",
    ),
    (
        "inside a repeat",
        spec(layers=[{"kind": "repeat", "times": 2, "layers": [{"units": 0}]}]),
        "`layers.0.layers.0.units` is 0",
    ),
    ("a misspelt init", spec(init="xavier"), '`init` is "xavier": it must be one of glorot, he'),
    ("a negative seed", spec(seed=-1), "`seed` is -1: .*at least 0"),
    ("a loss of a number", spec(loss=3), "`loss` is 3: it must be a text or a table with `name`"),
    (
        "a loss without a name",
        spec(loss={"delta": 1}),
        "`loss.name` is missing: it must be one of soft",
    ),
    (
        "a misspelt loss's name",
        spec(loss={"name": "hubber"}),
        r"`loss.name` is \"hubber\".*mean `huber`",
    ),
    (
        "another loss's setting",
        spec(loss={"name": "squared", "delta": 1}),
        "`loss.delta` is no key",
    ),
    (
        "tau of 1",
        spec(loss={"name": "quantile", "tau": 1}),
        "`loss.tau` is 1: .*above 0 and below 1",
    ),
    ("nan", spec(loss={"name": "huber", "delta": float("nan")}), "`loss.delta` is nan: .*above 0"),
    ("infinity", spec(regularisers={"l2": float("inf")}), "`regularisers.l2` is inf: .*and finite"),
    ("a negative strength", spec(regularisers={"l1": -1}), "`regularisers.l1` is -1: .*at least 0"),
    (
        "a ratio of 2",
        spec(regularisers={"elastic_net": {"strength": 1, "ratio": 2}}),
        "`regularisers.elastic_net.ratio` is 2: .*at least 0 and at most 1",
    ),
    (
        "a misspelt optimizer",
        spec(optimizer="adm"),
        r"`optimizer` is \"adm\": .*\(did you mean `adam`\?\)",
    ),
    ("a rate of 0", spec(optimizer={"name": "sgd", "lr": 0}), "`optimizer.lr` is 0: .*above 0"),
    (
        "beta of 1",
        spec(optimizer={"name": "adam", "beta1": 1.0}),
        "`optimizer.beta1` is 1.0: .*below 1",
    ),
    (
        "sgd with a beta",
        spec(optimizer={"name": "sgd", "beta1": 0.9}),
        "`optimizer.beta1` is no key",
    ),
    ("a schedule without steps", spec(schedule={"name": "cosine"}), "`schedule.steps` is missing"),
    (
        "a misspelt schedule",
        spec(schedule={"name": "cos"}),
        '`schedule.name` is "cos": it must be one of',
    ),
    ("no epochs", spec(epochs=0), "`epochs` is 0: .*at least 1"),
    ("a batch of a half", spec(batch_size=0.5), "`batch_size` is 0.5: it must be a whole number"),
    ("all is held out", spec(validation={"share": 1}), "`validation.share` is 1: .*below 1"),
    ("validation as a number", spec(validation=0.2), "`validation` is 0.2: it must be a table"),
    (
        "a misspelt metric",
        spec(metrics=["acuracy"]),
        r"`metrics.0` is .*\(did you mean `accuracy`\?\)",
    ),
    ("a metric again", spec(metrics=["f1", "f1"]), '`metrics.1` is "f1" again'),
    ("one class weight", spec(class_weights=[1]), "`class_weights` is a list of 1: .*2 or more"),
    (
        "a negative class weight",
        spec(class_weights=[1, -1, 1]),
        "`class_weights.1` is -1: .*at least 0",
    ),
    (
        "data without a target",
        spec(data={"file": "a.csv"}),
        "`data.target` is missing: data needs it",
    ),
    (
        "one category",
        spec(data={**DATA, "features": [{"column": "a", "categories": ["x"]}]}),
        "`data.features.0.categories` is a list of 1: .*2 or more",
    ),
    (
        "a misspelt treatment",
        spec(data={**DATA, "missing": "avg"}),
        '`data.missing` is "avg": .*median',
    ),
    ("a date", spec(name=datetime.date(2020, 1, 1)), "`name` is a date: it must be a text"),
    ("nothing", spec(name=b"x"), "`name` is a bytes: it must be a text"),
    (
        "a name that closes a docstring",
        spec(name='a"""; import os'),
        "`name` is .*: it must be what",
    ),
    ("an empty loss", spec(loss=""), "`loss` has 0 characters: it may have 1 to 2000"),
    ("an endless loss", spec(loss="y+" * 5000 + "y"), "`loss` has 10001 characters"),
]

WRONG_TOGETHER = [
    ("no layers", spec(layers=None), "`layers` is missing: list the layers, or name a function"),
    ("no inputs", spec(inputs=None), "`inputs` is missing: say how many columns X has"),
    ("inputs of an image", spec(inputs=[8, 8]), "`inputs` is a list of 2: layers take a number"),
    (
        "parameters of nothing",
        spec(parameters={"W": {"shape": [2]}}),
        "`parameters` has no `model`",
    ),
    (
        "inputs against features",
        spec(data={**DATA, "features": ["a", "b"]}),
        "`inputs` is 4: `data.features` come to 2 columns",
    ),
    (
        "one-hot columns count",
        spec(data={**DATA, "features": [{"column": "a", "categories": ["x", "y"]}]}),
        "`data.features` come to 2 columns",
    ),
    (
        "too many layers",
        spec(layers=[{"kind": "repeat", "times": 9000, "layers": LAYERS}]),
        "`layers.0` repeats too often",
    ),
    (
        "more numbers than there is room for",
        spec(layers=[{"units": 10**6}, {"units": 10**6}, {"units": 3}]),
        "`layers` have 100000.* parameters: 4294967296 are the most",
    ),
    (
        "the last is dropout",
        spec(layers=[*LAYERS, {"kind": "dropout", "rate": 0.5}]),
        '`layers.2` is of kind "dropout": the last layer is dense',
    ),
    (
        "a late embedding",
        spec(layers=[*LAYERS, {"kind": "embedding", "size": 3, "width": 2}, *LAYERS]),
        '`layers.2.kind` is "embedding": it reads X, so it stands first',
    ),
    (
        "a repeated embedding",
        spec(
            layers=[
                {
                    "kind": "repeat",
                    "times": 2,
                    "layers": [{"kind": "embedding", "size": 3, "width": 2}],
                },
                *LAYERS,
            ]
        ),
        "`layers` has an embedding that is rep",
    ),
    (
        "softmax twice",
        spec(layers=[{"units": 3, "activation": "softmax"}]),
        '`layers.0.activation` is "softmax": the loss softmax_cross_entropy takes what comes',
    ),
    (
        "one score for classes",
        spec(layers=[{"units": 1}]),
        "`layers.0.units` is 1: .*take binary_cross",
    ),
    ("three scores for two", spec(loss="hinge"), "`layers.1.units` is 3: the loss hinge takes one"),
    ("one output for two", spec(loss="gaussian_nll"), "`layers.1.units` is 3: .* takes two"),
    (
        "four weights of three",
        spec(class_weights=[1, 1, 1, 1]),
        "`class_weights` is a list of 4: the model",
    ),
    (
        "weights of no class",
        spec(loss="squared", class_weights=[1, 1]),
        "`class_weights` has no classes",
    ),
    (
        "weights in a formula",
        spec(loss="mean(y_hat)", class_weights=[1, 1]),
        "`class_weights` has no place",
    ),
    ("weights of 0", spec(class_weights=[0, 0, 0]), "`class_weights` are all 0"),
    (
        "two classes of three",
        spec(data={**DATA, "classes": ["a", "b"]}),
        "`data.classes` is a list of 2",
    ),
    (
        "accuracy of numbers",
        spec(loss="squared", metrics=["accuracy"]),
        '`metrics.0` is "accuracy": with',
    ),
    (
        "the target as feature",
        spec(inputs=None, data={**DATA, "features": ["kind"]}),
        '`data.features.0` is "kind": it is the target already',
    ),
    (
        "a feature again",
        spec(inputs=None, data={**DATA, "features": ["a", "a"]}),
        '`data.features.1` is "a": it is a feature already',
    ),
    (
        "the target as weights",
        spec(data={**DATA, "weights": "kind"}),
        "`data.weights` is the target as well",
    ),
    (
        "one-hot for an embedding",
        spec(
            inputs=None,
            layers=[{"kind": "embedding", "size": 3, "width": 2}, *LAYERS],
            data={**DATA, "features": [{"column": "a", "categories": ["x", "y"]}]},
        ),
        '`data.features.0.encode` is "one_hot": the embedding layer reads integers',
    ),
    (
        "two warm-ups",
        spec(schedule={"name": "warm_up", "steps": 2, "then": {"name": "warm_up", "steps": 2}}),
        '`schedule.then.name` is "warm_up": one warm-up is enough',
    ),
    (
        "a misspelt loss",
        spec(loss="squarred"),
        r"`loss` is \"squarred\": .*\(did you mean `squared`\?\)",
    ),
    ("half a formula", spec(loss="mean((y_hat - y)"), "neither a loss's name nor a formula"),
    (
        "an unknown function",
        spec(loss="meen(y_hat)"),
        r"`meen` is no function .*\(did you mean `mean`\?\)",
    ),
    ("an unknown name", spec(loss="mean(y_hut)"), r"`y_hut` is unknown \(did you mean `y_hat`\?\)"),
    ("weights that are not there", spec(loss="mean(y_hat * weights)"), "`weights` is unknown"),
    ("an import", spec(loss="__import__('os').system('ls')"), "is no function of formulas"),
    ("a dunder", spec(loss="y.__class__"), "`.__class__` is not allowed"),
    ("a lambda", spec(loss="(lambda: y)()"), "is no function of formulas"),
    ("a comprehension", spec(loss="sum([y for y in X])"), "is no part of a formula"),
    ("a text", spec(loss="mean('a')"), "is no part of a formula"),
    ("numpy's own", spec(loss="np.load(y)"), "`np.load` is no function of formulas"),
    ("an argument", spec(loss="mean(y, dtype=int)"), "the argument `dtype` is not allowed"),
    ("stars", spec(loss="mean(*y)"), r"`\*` in a call is not allowed"),
    ("a walrus", spec(loss="(z := y)"), "is no part of a formula"),
    (
        "endless brackets",
        spec(loss="(" * 900 + "y" + ")" * 900),
        "neither a loss's name nor a formula|too long",
    ),
    (
        "a tower of powers",
        spec(loss="9**9**9**9 * mean(y_hat)"),
        "a power of numbers that is too la",
    ),
    ("a large power", spec(loss="9**999 * mean(y_hat)"), "a power of numbers that is too large"),
    ("endless minus", spec(loss="-" * 900 + "y"), "the formula is too long|nor a formula"),
]
WRONG = [*WRONG_BY_SCHEMA, *WRONG_TOGETHER]


@pytest.mark.parametrize(("given", "message"), [r[1:] for r in WRONG], ids=[r[0] for r in WRONG])
def test_a_broken_spec_gives_one_clear_error(given, message):
    with pytest.raises(SpecError, match=message) as caught:
        model(given)
    assert str(caught.value).startswith("spec: ")
    assert "\n" not in str(caught.value)


def test_there_are_sixty_broken_specs():
    assert len(WRONG) >= 60


FILES = [
    ("spec.yaml", "loss: squared", "spec.yaml: a spec is a .toml or a .json file"),
    ("spec.toml", "loss = ", "spec.toml: it is not valid TOML"),
    ("spec.toml", "loss = 1\nloss = 2", "spec.toml: it is not valid TOML"),
    ("spec.json", "{", "spec.json: it is not valid JSON"),
    ("spec.json", '{"loss": 1, "loss": 2}', "it is not valid JSON: the key 'loss' is there twice"),
    ("spec.json", "[1]", "spec.json: the spec is a list of 1: it must be a table with loss"),
    ("spec.json", "[" * 100_000, "spec.json: it is not valid JSON"),
    ("spec.json", '{"loss": NaN}', "`loss` is nan: it must be a text or a table"),
]


@pytest.mark.parametrize(("name", "text", "message"), FILES)
def test_a_file_that_is_no_spec_is_refused_by_name(name, text, message, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(SpecError, match=message):
        read(tmp_path / name)


def test_the_name_of_a_file_cannot_end_the_docstring(tmp_path):
    (tmp_path / 'a"""; b.json').write_text(json.dumps(spec()))
    made = model(tmp_path / 'a"""; b.json')
    assert made.source.startswith('"""The model spec: what it predicts')


def test_a_missing_file_and_one_that_is_no_text_are_refused(tmp_path):
    with pytest.raises(SpecError, match="there is no such file"):
        read(tmp_path / "none.toml")
    with pytest.raises(SpecError, match="a spec is a file's name or a dict, not int"):
        read(3)
    (tmp_path / "spec.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="not a text in UTF-8"):
        read(tmp_path / "spec.toml")


# --- one declaration ------------------------------------------------------------------------------


def test_the_schema_says_the_same_to_others():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for path in SPECS:
        validator.validate(tomllib.loads(path.read_text()))
    for given in GOOD.values():
        validator.validate(given)
    for name, given, _ in WRONG_BY_SCHEMA:
        if name not in ("an endless repeat", "a key that is no text", "nan", "an endless number"):
            assert not validator.is_valid(given), name


def test_a_spec_has_every_default_that_the_schema_states():
    content = read(spec()).content
    for key, schema in SCHEMA["properties"].items():
        assert content.get(key) is not None or "default" not in schema
    assert content["layers"][1] == {
        "kind": "dense", "units": 3, "activation": "identity", "bias": True,
    }  # fmt: skip


def test_defaults_are_not_shared():
    first, second = read(spec()), read(spec())
    first.content["metrics"].append("accuracy")
    assert second["metrics"] == []


def test_every_loss_of_the_library_can_be_named():
    assert {case["loss"] if isinstance(case["loss"], str) else case["loss"]["name"]
            for case in GOOD.values()} >= set(LOSSES)  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_takes_what_the_schema_offers(name):
    given = {"lr": 0.1, "clip_norm": 1.0, "clip_value": 2.0}
    given |= {
        key: True if row["type"] == "boolean" else 0.5
        for key, row in OPTIMIZERS[name].items()
        if key != "nesterov"
    }
    symgrad.optim.optimizer(**read(spec(optimizer={"name": name, **given}))["optimizer"])
    assert OPTIMIZERS.keys() == symgrad.optim.OPTIMIZERS.keys()


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_takes_what_the_schema_offers(name):
    rows = SCHEDULES[name][1]
    given = {key: 3 if row.get("type") == "integer" else 0.5 for key, row in rows.items()}
    given.pop("then", None)
    symgrad.optim.schedule(**read(spec(schedule={"name": name, **given}))["schedule"], lr=0.1)
    assert SCHEDULES.keys() == symgrad.optim.SCHEDULES.keys()


def test_toml_json_and_a_dict_are_the_same(tmp_path):
    given = tomllib.loads((EXAMPLES / "iris.toml").read_text())
    (tmp_path / "iris.json").write_text(json.dumps(given))
    texts = {model(s).source for s in (EXAMPLES / "iris.toml", tmp_path / "iris.json", given)}
    assert len(texts) == 1


def test_a_dict_is_left_as_it_was():
    given = spec()
    before = copy.deepcopy(given)
    override(given, ["loss=squared", "layers.0.units=16"])
    model(given)
    assert given == before


@pytest.mark.parametrize("absent", [[], ["class_weights"], ["class_weights", "weights"]])
@pytest.mark.parametrize("name", sorted({goal.function for goal in OBJECTIVES.values()}))
def test_a_copied_loss_computes_what_the_loss_does(name, absent):
    rng = np.random.default_rng(3)
    goal = OBJECTIVES[name]
    scores = rng.normal(size=(5, 3) if goal.outputs == "two or more" else 5)
    y = {
        "class": np.array([0, 2, 1, 1, 2]),
        "shares": np.eye(3)[[0, 2, 1, 1, 2]],
        "0 or 1": np.array([0, 1, 1, 0, 1]),
        "number": rng.random(5),
    }[goal.labels]
    args = [scores, y] if name != "gaussian_nll" else [scores, rng.normal(size=5), y]
    given = {} if "weights" in absent else {"weights": rng.random(5)}
    if "class_weights" not in absent and goal.weighs_classes:
        given["class_weights"] = np.array([0.5, 1, 2])[: 3 if scores.ndim == 2 else 2]
    texts = copied([name], absent)
    assert not [
        line for text in texts for line in text if "weights" in line and "weights" in absent
    ]
    space = {"np": np}
    exec("\n".join(line for text in texts for line in text), space)
    assert space[name](*args, **given) == getattr(symgrad.losses, name)(*args, **given)


# --- changing a spec ------------------------------------------------------------------------------

SETTINGS = [
    ("loss=squared", lambda s: s["loss"] == "squared"),
    ("loss=mean((y_hat - y)**2)", lambda s: s["loss"] == "mean((y_hat - y)**2)"),
    ('loss="absolute"', lambda s: s["loss"] == "absolute"),
    ("layers.0.units=16", lambda s: s["layers"][0]["units"] == 16),
    ("layers.0.activation=relu", lambda s: s["layers"][0]["activation"] == "relu"),
    ("layers.2={units = 7}", lambda s: s["layers"][2]["units"] == 7),
    ("layers.2.units=7", lambda s: len(s["layers"]) == 3),
    ("optimizer.lr=0.5", lambda s: s["optimizer"] == {"name": "adam", "lr": 0.5}),
    ("regularisers.l2=1e-3", lambda s: s["regularisers"] == {"l2": 1e-3}),
    ("sample_weights=true", lambda s: s["sample_weights"] is True),
    ("metrics=['f1']", lambda s: s["metrics"] == ["f1"]),
    (" epochs = 7 ", lambda s: s["epochs"] == 7),
]


@pytest.mark.parametrize(("setting", "holds"), SETTINGS, ids=[s[0] for s in SETTINGS])
def test_a_setting_changes_one_key(setting, holds):
    assert holds(override(spec(optimizer="adam"), [setting]))


WRONG_SETTINGS = [
    ("loss", "write KEY=VALUE"),
    ("=3", "write KEY=VALUE"),
    ("layers..units=3", "write KEY=VALUE"),
    ("epochs=", "there is no value after `=`"),
    ("layers.9.units=3", "`9` is no entry of a list of 2; the first is 0"),
    ("layers.first.units=3", "`first` is no entry of a list of 2"),
    ("inputs.units=3", "`inputs` has no parts"),
    ("epoch=3", r"`epoch` is no key \(did you mean `epochs`\?\)"),
    ("epochs=3\nseed=4", "`epochs` is"),
    ("loss=squarred", r"did you mean `squared`\?"),
]


@pytest.mark.parametrize(("setting", "message"), WRONG_SETTINGS)
def test_a_setting_that_makes_no_sense_is_refused(setting, message):
    with pytest.raises(SpecError, match=message):
        override(spec(), [setting])


def test_only_the_loss_block_of_the_gradient_changes():
    path = EXAMPLES / "iris.toml"
    found = symgrad.diff(
        model(path).compiled, model(override(path, ["loss=squared"])).compiled,
        functions=("backward",),
    )  # fmt: skip
    source, backward = found.parts
    assert [(p.left.strip(), p.right.strip()) for p in source.changes] == [
        ("return softmax_cross_entropy(scores, y)", "return squared(y_hat, y)")
    ]
    changed = [p.left.strip() for p in backward.changes if "residuals" not in p.left]
    assert [line.split(" ")[0] for line in changed if line] == [
        "dscores", "dscores[np.arange(n),", "dscores",
    ]  # fmt: skip
    network = [p.left for p in backward.pairs if p.kind == "same"]
    assert any("dW1" in line for line in network) and any("dW3" in line for line in network)


# --- the command ----------------------------------------------------------------------------------


def test_the_schema_is_published(capsys, tmp_path):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA
    assert main(["schema", "-o", str(tmp_path / "schema.json")]) == 0
    assert json.loads((tmp_path / "schema.json").read_text()) == SCHEMA


def test_the_gradient_of_a_spec_is_emitted(capsys, tmp_path):
    iris, out = str(EXAMPLES / "iris.toml"), str(tmp_path / "iris_grad.py")
    assert main(["compile", iris, "-o", out]) == 0
    assert main(["compile", iris, "-o", out, "--check"]) == 0
    assert main(["compile", iris, "-o", out, "--check", "--set", "loss=squared"]) == 1
    assert "-    dscores" in capsys.readouterr().out
    space = {}
    exec(Path(out).read_text(), space)
    made = model(iris)
    args = example(made)
    assert space["value_and_grad"](*args)[0] == pytest.approx(made.loss(*args), rel=1e-12)
    assert len(space["value_and_grad"](*args)[1]) == len(made.parameters)
    assert main(["compile", iris, "--model"]) == 0
    assert capsys.readouterr().out == made.source


def test_a_line_that_stays_as_it_was_is_not_repeated_as_a_comment(capsys):
    assert main(["compile", str(EXAMPLES / "heart.toml")]) == 0
    text = capsys.readouterr().out
    assert "    softplus = np.maximum(scores, 0)" in text and "# softplus" not in text


def test_two_specs_are_compared(capsys, tmp_path):
    iris, other = EXAMPLES / "iris.toml", tmp_path / "other.toml"
    other.write_text(iris.read_text().replace("softmax_cross_entropy", "squared"))
    assert main(["diff", str(iris), str(iris)]) == 0
    assert "the same" in capsys.readouterr().out
    assert main(["diff", str(iris), str(other)]) == 1
    by_file = capsys.readouterr().out
    assert main(["diff", str(iris), "--set", "loss=squared"]) == 1
    by_setting = capsys.readouterr().out
    assert by_file.splitlines()[1:] == by_setting.splitlines()[1:]
    assert "return squared(y_hat, y)" in by_file


def test_another_network_is_shown(capsys):
    iris = str(EXAMPLES / "iris.toml")
    assert main(["diff", iris, "--set", "layers.0.activation=tanh", "--json"]) == 1
    network, loss, gradient = json.loads(capsys.readouterr().out)["parts"]
    assert [line for pair in network["changes"] for line in (pair["left"], pair["right"])] == [
        "    h1 = relu(X @ W1 + b1)",
        "    h1 = np.tanh(X @ W1 + b1)",
    ]
    assert not loss["changes"] and gradient["changes"]


DIFF_MISTAKES = [
    (["diff", "{iris}", "a.py:f"], "a function is compared with a function"),
    (["diff", "{iris}", "--aux"], "--aux is for functions"),
    (["compile", "{iris}", "--spec", "X: n d"], "--spec is for functions"),
    (["compile", "a.py:f", "--set", "loss=squared"], "--set loss=squared changes a model spec"),
    (["diff", "a.py:f"], "two functions are compared"),
    (["diff", "a.py:f", "b.py:f", "--set", "loss=squared"], "no --set"),
    (["diff", "{iris}", "--set", "loss=squarred"], "did you mean `squared`?"),
]


@pytest.mark.parametrize(("words", "message"), DIFF_MISTAKES)
def test_a_wrong_comparison_is_refused(words, message, capsys):
    assert main([word.format(iris=EXAMPLES / "iris.toml") for word in words]) == 2
    assert message in capsys.readouterr().err


HINTS = [
    ("a key of another table", "lr=0.1", "did you mean `optimizer.lr`"),
    ("another one", "patience=3", "did you mean `early_stopping.patience`"),
    ("a hat for a power", "loss=mean((y_hat - y)^2)", r"`\^` is no power in Python: write `\*\*`"),
    ("a loss that is called", "loss=squared(y_hat, y)", 'take it alone: loss = "squared"'),
]


@pytest.mark.parametrize("setting, message", [row[1:] for row in HINTS], ids=[h[0] for h in HINTS])
def test_a_likely_mistake_is_told_its_cure(setting, message):
    with pytest.raises(SpecError, match=message):
        override(EXAMPLES / "iris.toml", [setting])


def test_a_setting_may_complete_a_spec():
    begun = {"layers": [{"units": 1}], "loss": "squared"}
    assert override(begun, ["inputs=3"])["inputs"] == 3
