"""Model specs as targets of every command, and what a changed loss changes."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

import symgrad
from symgrad.cli import COMMANDS, main
from symgrad.errors import ArgumentError, SpecError
from symgrad.spec import model
from symgrad.spec.objectives import OBJECTIVES
from symgrad.spec.schema import LOSSES
from symgrad.study.model_arguments import model_arguments

EXAMPLES = Path(__file__).parent.parent / "examples"
IRIS = str(EXAMPLES / "iris.toml")

SMALL = """\
inputs = 2
layers = [{ units = 3, activation = "tanh" }, { units = 1 }]
loss = "binary_cross_entropy"
"""
CLAIM = """\
p = 1 / (1 + np.exp(-(np.tanh(X @ W1 + b1) @ w2 + b2)))
db2 = (p - y).mean()
"""
WRONG_CLAIM = CLAIM.replace("p - y", "y - p")
GRADIENT = """\
import numpy as np


def by_hand(W1, b1, w2, b2, X, y):
    h = np.tanh(X @ W1 + b1)
    ds = (1 / (1 + np.exp(-(h @ w2 + b2))) - y) / len(y)
    dz = np.outer(ds, w2) * (1 - h**2)
    return X.T @ dz, dz.sum(axis=0), h.T @ ds, ds.sum()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A user's folder with a spec, which is the current one."""
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(SMALL)
    Path("claim.txt").write_text(CLAIM)
    Path("wrong.txt").write_text(WRONG_CLAIM)
    Path("mine.py").write_text(GRADIENT)
    Path("loss.py").write_text("def loss(w):\n    return w * w\n")
    return tmp_path


# --- every command --------------------------------------------------------------------------------

SQUARED = ["--set", "loss=squared"]
RUNS = [
    (["compile"], 0, "def value_and_grad(W1, b1, w2, b2, X, y):"),
    (["compile", "--wrt", "w2"], 0, "return loss, dw2"),
    (["emit"], 0, "def value_and_grad(W1, b1, w2, b2, X, y):"),
    (["table"], 0, "Reverse mode of loss at W1 (2, 3)"),
    (["table", "--level", "line", "--mode", "forward", "--wrt", "b2"], 0, "Forward mode of loss"),
    (["table", "--wrt", "w2", "--rows", "1"], 0, "y = [0]"),
    (["draw", "--format", "mermaid"], 0, "dW1"),
    (["draw", "--level", "layer"], 0, "<svg"),
    (["explain", "--level", "short"], 0, "Gradient of loss by W1, b1, w2 and b2"),
    (["page"], 0, "made up (seed 0): X (3, 2), y (3,)"),
    (["check"], 0, "W1        (2, 3)"),
    (["check", "--grad", "mine.py:by_hand"], 0, "passed"),
    (["check", "--grad", "mine.py:by_hand", *SQUARED], 1, "failed"),
    (["diff", *SQUARED], 1, "return squared(y_hat, y)"),
    (["diff", *SQUARED, "--wrt", "b2"], 1, "value_and_grad"),
    (["diff"], 0, "the network: the same"),
    (["compare", "claim.txt"], 0, "equal"),
    (["compare", "claim.txt", "--rows", "4"], 0, "equal"),
    (["compare", "wrong.txt"], 1, "sign"),
    (["compare", "claim.txt", *SQUARED], 1, "db2 is wrong"),
    (["grade", "claim.txt", "--csv"], 0, "claim.txt,equal"),
    (["grade", "claim.txt", "wrong.txt", "--csv", *SQUARED], 1, "claim.txt,different"),
]


@pytest.mark.parametrize(("words", "code", "holds"), RUNS, ids=[" ".join(r[0]) for r in RUNS])
def test_a_command_takes_a_model_spec(words, code, holds, capsys):
    command, *options = words
    assert main([command, "small.toml", *options]) == code
    assert holds in capsys.readouterr().out


def test_every_command_that_takes_a_function_was_tried_with_a_spec():
    others = {"schema", "train", "verify", "predict", "evaluate"}
    assert {words[0] for words, _, _ in RUNS} == set(COMMANDS) - others


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"train"}))
def test_help_speaks_of_specs(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "SPEC.toml" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["table", "draw", "explain", "page", "check", "compile"])
@pytest.mark.parametrize("name", ["iris", "heart", "digits"])
def test_a_command_takes_the_examples(command, name, capsys):
    assert main([command, str(EXAMPLES / f"{name}.toml")]) == 0
    assert name == "heart" or "W1" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["table", "explain", "check", "page"])
def test_a_setting_changes_the_loss_that_is_looked_at(command, capsys):
    assert main([command, IRIS]) == 0
    before = capsys.readouterr().out
    assert main([command, IRIS, *SQUARED]) == 0
    after = capsys.readouterr().out
    assert "shifted" in before or command == "check"
    assert "shifted" not in after
    assert before != after


def test_sizes_have_the_names_of_the_emitted_module(capsys):
    assert main(["explain", IRIS, "--level", "short"]) == 0
    assert "∑ⱼ₌₁^k" in capsys.readouterr().out
    assert main(["draw", IRIS, "--format", "mermaid", "--level", "line"]) == 0
    assert "(u1, u2)" in capsys.readouterr().out


def test_arguments_may_be_typed(capsys):
    words = ["--args", "X=[[1, 2], [3, 4]], w2=[0, 0, 0], b2=1", "--json"]
    assert main(["table", "small.toml", *words]) == 0
    found = capsys.readouterr()
    assert json.loads(found.out)
    assert "arguments as given" in found.err
    assert "first parameters: W1, b1" in found.err
    assert "made up (seed 0): y (2,)" in found.err


# --- a saved module -------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], SQUARED, [*SQUARED, "--set", "layers.0.units=5"]])
def test_a_module_of_a_spec_is_verified_against_the_spec(more, capsys):
    assert main(["compile", "small.toml", "-o", "grad.py", *more]) == 0
    told = " ".join(["small.toml", *(f"--set {s}" for s in more[1::2])])
    assert main(["verify", "grad.py"]) == 0
    assert f"the text is what is emitted for {told}" in capsys.readouterr().out
    Path("small.toml").write_text(SMALL.replace("tanh", "sigmoid"))
    assert main(["verify", "grad.py"]) == 1
    assert "the text was changed" in capsys.readouterr().out
    Path("small.toml").write_text("units = 3")
    assert main(["verify", "grad.py"]) == 0
    assert "small.toml" in (told := capsys.readouterr().out) and "has changed" in told


def test_a_setting_cannot_end_the_docstring():
    setting = 'loss=mean((y_hat - y)**2)  # """ + leave()'
    assert main(["compile", "small.toml", "-o", "grad.py", "--set", setting]) == 0
    assert Path("grad.py").read_text().split('"""')[2].startswith("\n\nimport numpy")
    assert main(["verify", "grad.py"]) == 0


def test_a_function_in_another_file_is_not_run_to_verify(capsys):
    Path("net.py").write_text("def f(w, X):\n    return X @ w\n")
    spec = 'model = "net.py:f"\ninputs = 2\nloss = "squared"\nparameters = {w = {shape = [2]}}'
    Path("net.toml").write_text(spec)
    assert main(["compile", "net.toml", "-o", "grad.py"]) == 0
    Path("net.py").write_text("raise SystemExit('this was run')")
    assert main(["verify", "grad.py"]) == 0
    assert "is a function in another file, which is not imported" in capsys.readouterr().out


# --- what is wrong --------------------------------------------------------------------------------

NETS = {
    "raises.py": "raise ValueError('boom')",
    "leaves.py": "import sys\nsys.exit(3)",
    "talks.py": "print('hello')\n\n\ndef f(w, X):\n    return X @ w\n",
}
MISTAKES = [
    (["table", "none.toml"], "none.toml: there is no such file"),
    (["table", "small.yaml"], "write FILE.py:FUNCTION, or SPEC.toml for the loss of a model spec"),
    (["table", "small.toml", "--set", "los=squared"], "`los` is no key (did you mean `loss`?)"),
    (["draw", "small.toml", "--set", "loss=squarred"], "did you mean `squared`?"),
    (["check", "small.toml", "--set", "layers.7.units=3"], "`7` is no entry of a list of 2"),
    (["explain", "small.toml", "--set", "loss"], "write KEY=VALUE"),
    (["page", "loss.py:loss", *SQUARED], "`loss.py:loss` is a function: change it in its file"),
    (["grade", "loss.py:loss", "claim.txt", *SQUARED], "--set loss=squared changes a model spec"),
    (["compile", "loss.py:loss", "--model"], "--model prints the model of a spec"),
    (["table", "small.toml", "--wrt", "W9"], "no parameter of loss(W1, b1, w2, b2, X, y)"),
    (["table", IRIS, "--wrt", "y"], "`y` in wrt has dtype int64"),
    (["compile", "small.toml", "--wrt", "w3"], "no parameter of loss"),
    (["draw", "small.toml", "--spec", "X: n d"], "a model spec has its sizes"),
    (["compile", "small.toml", "--spec", "X: n d"], "a model spec has its sizes"),
    (["compare", "small.toml", "claim.txt", "--spec", "X: n d"], "a model spec has its sizes"),
    (["page", "small.toml", "--aux"], "--aux is for functions"),
    (["diff", "small.toml", "--aux"], "--aux is for functions"),
    (["diff", "small.toml", "loss.py:loss"], "a function is compared with a function"),
    (["table", "loss.py:loss", "--rows", "2"], "--rows is for model specs"),
    (["table", "small.toml", "--rows", "0"], "one example is the least"),
    (["table", "small.toml", "--args", "X=[[1, 2]]", "--rows", "2"], "X 1, --rows 2"),
    (["table", "small.toml", "--args", "w2=[1]"], "`w2` has shape (1,), the model takes (3,)"),
    (["table", "small.toml", "--args", "y=1"], "`y` has shape (), the model takes (n,)"),
    (["table", "small.toml", "--args", "Z=1"], "the function has no parameter `Z`"),
    (["check", "small.toml", "--grad", "by_hand"], "beside a model spec write FILE.py:FUNCTION"),
    (["table", "raises.toml"], "boom"),
    (["check", "leaves.toml"], "leaves.py called sys.exit(3) while it was imported"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[" ".join(w) for w, _ in MISTAKES])
def test_a_mistake_is_one_message_and_exit_code_2(words, message, capsys):
    nets()
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert out == ""


def test_what_the_file_of_a_model_prints_is_talk(capsys):
    nets()
    assert main(["compile", "talks.toml"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith('"""Value and gradient') and "hello" in err


def nets():
    for name, text in NETS.items():
        Path(name).write_text(text)
        spec = f'model = "{name}:f"\ninputs = 2\nloss = "squared"\nparameters.w.shape = [2]\n'
        Path(name).with_suffix(".toml").write_text(spec)


# --- arguments to look at a model with ------------------------------------------------------------

UNITS = {"two or more": 3, "one": 1, "two": 2, "any": 3}
NAMED = [(name, UNITS[OBJECTIVES[name].outputs]) for name in LOSSES]
NAMED += [("mean(log(cosh(y_hat - y)))", 1), ("mean(y_hat**2 * log(y))", 2)]


@pytest.mark.parametrize(("loss", "units"), NAMED, ids=[name for name, _ in NAMED])
def test_a_loss_is_finite_at_its_arguments_and_its_labels_are_right(loss, units):
    made = model({"inputs": 4, "layers": [{"units": units}], "loss": loss})
    example = model_arguments(made, rows=4)
    assert np.isfinite(made.loss(*example.args))
    y = example.args[-1]
    assert len(y) == 4
    if made.labels == "class":
        assert y.dtype.kind == "i" and set(y) == set(range(units))
    if made.labels == "0 or 1":
        assert set(y) == {0.0, 1.0}
    if loss == "poisson":
        np.testing.assert_array_equal(y, np.abs(np.round(y)))


def test_soft_labels_are_shares():
    loss = {"name": "softmax_cross_entropy", "labels": "soft"}
    made = model({"inputs": 4, "layers": [{"units": 3}], "loss": loss})
    y = model_arguments(made).args[-1]
    assert y.shape == (3, 3)
    np.testing.assert_allclose(y.sum(axis=1), 1)


def test_masks_weights_and_rows_of_an_embedding_are_made_up_too():
    layers = [{"kind": "embedding", "size": 7, "width": 2}, {"units": 4}]
    layers += [{"kind": "dropout", "rate": 0.5}, {"units": 1}]
    spec = {"inputs": 3, "layers": layers, "loss": "squared", "sample_weights": True}
    made = model(spec)
    example = model_arguments(made, rows=5)
    *_, X, y, weights, mask = example.args
    assert X.shape == (5, 3) and X.dtype.kind == "i" and X.max() < 7
    assert y.shape == weights.shape == (5,) and (weights > 0).all()
    assert mask.shape == (5, 4) and set(mask.ravel()) <= {0.0, 1.0}
    assert np.isfinite(made.compiled(*example.args))


def test_examples_of_data_are_taken_as_they_are():
    X, y = np.ones((2, 4)), np.array([2, 0])
    found = model_arguments(model(IRIS), columns={"X": X, "y": y})
    assert found.args[-2] is X and found.args[-1] is y
    assert "made up" not in " ".join(found.notes)


def test_arguments_are_the_same_every_time():
    one, two = (model_arguments(model(IRIS)) for _ in range(2))
    for a, b in zip(one.args, two.args, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_shape_that_is_wrong_is_refused():
    with pytest.raises(ArgumentError, match="the model takes"):
        model_arguments(model(IRIS), "W1=[[1, 2], [3, 4]]")
    with pytest.raises(SpecError, match="no parameter"):
        model_arguments(model(IRIS), "W=1")


# --- only the loss block changes ------------------------------------------------------------------

SOFT = {"name": "softmax_cross_entropy", "labels": "soft"}
ANY = [name for name in LOSSES if OBJECTIVES[name].outputs == "any"]
FAMILIES = {
    3: [*(n for n in LOSSES if OBJECTIVES[n].outputs == "two or more"), SOFT, *ANY,
        "mean((y_hat - y)**2)", "mean(abs(y_hat - y)**3)"],
    1: [*(n for n in LOSSES if OBJECTIVES[n].outputs == "one"), *ANY,
        "mean((y_hat - y)**2)", "mean(log(cosh(y_hat - y)))"],
    2: [*(n for n in LOSSES if OBJECTIVES[n].outputs in ("two", "two or more")), *ANY],
}  # fmt: skip
RELU = [{"units": 8, "activation": "relu"}, {"units": 9, "activation": "relu"}]
HIDDEN = {
    "none": ([], {}),
    "relu": (RELU, {}),
    "relu, l2": (RELU, {"regularisers": {"l2": 0.01}}),
    "relu, weights": (RELU, {"sample_weights": True}),
    "tanh, l1": ([{"units": 8, "activation": "tanh"}], {"regularisers": {"l1": 0.01}}),
    "dropout": ([{"units": 8, "activation": "silu"}, {"kind": "dropout", "rate": 0.5}], {}),
    "batch norm": ([{"units": 8}, {"kind": "batch_norm", "activation": "elu"}], {}),
    "layer norm": ([{"units": 8}, {"kind": "layer_norm", "activation": "gelu"}], {}),
    "softmax": ([{"units": 8}, {"units": 8, "activation": "softmax"}], {}),
}  # fmt: skip
OUTPUT = re.compile(r"\b(d?)(scores|y_hat|log_rate|outputs)\b")
NAME = re.compile(r"(?<![\w.\"'])[A-Za-z_]\w*")


def layers_of(source, function):
    """Return the lines of a backward pass after the gradient by what the last layer gives."""
    body = source[source.index(f"def {function}(") :].split("\ndef ")[0]
    lines = [line.split("  #")[0].strip() for line in body.splitlines()]
    lines = [OUTPUT.sub(r"\1output", line) for line in lines if line and line[0] != "#"]
    last = max(k for k, line in enumerate(lines) if re.match(r"doutput(\[.*\])? \S?= ", line))
    return lines[last + 1 :]


def renamed(lines, kept):
    """Return lines with the names that they give themselves replaced by numbers."""
    own = {name for line in lines for name in NAME.findall(line)} - kept
    numbers = {}

    def number(found):
        word = found[0]
        return numbers.setdefault(word, f"_{len(numbers)}") if word in own else word

    return [NAME.sub(number, line) for line in lines]


@pytest.mark.parametrize("function", ["backward", "value_and_grad"])
@pytest.mark.parametrize("units", FAMILIES)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_the_lines_of_the_layers_are_the_same_for_every_loss(hidden, units, function):
    layers, more = HIDDEN[hidden]
    found = {}
    for loss in FAMILIES[units]:
        made = model({"inputs": 4, "layers": [*layers, {"units": units}], "loss": loss, **more})
        kept = {"np", "X", "loss", "dloss", "return", "doutput", "n", "k", "d"}
        kept |= {x for name in made.parameters for x in (name, f"d{name}")}
        found[str(loss)] = renamed(layers_of(made.compiled.source, function), kept)
    for a, b in itertools.combinations(found, 2):
        assert found[a] == found[b], f"{a} and {b}"
    assert any(re.match(r"d[Ww]", line) for line in found[a])


@pytest.mark.parametrize("units", FAMILIES)
def test_the_lines_are_the_very_same_where_no_loss_has_the_names_of_a_layer(units):
    texts = {}
    for loss in FAMILIES[units]:
        made = model({"inputs": 4, "layers": [*RELU, {"units": units}], "loss": loss})
        texts[str(loss)] = layers_of(made.compiled.source, "backward")
    first, *others = texts.values()
    assert all(other == first for other in others)
    assert first[-1] == f"return dW1, db1, dW2, db2, d{'w' if units == 1 else 'W'}3, db3"


@pytest.mark.parametrize("units", FAMILIES)
def test_a_difference_of_losses_shows_no_line_of_a_layer(units):
    sides = {
        str(loss): model({"inputs": 4, "layers": [*RELU, {"units": units}], "loss": loss}).compiled
        for loss in FAMILIES[units]
    }
    for a, b in itertools.combinations(sides.values(), 2):
        _, backward = symgrad.diff(a, b, functions=("backward",)).parts
        changed = [line.strip() for p in backward.changes for line in (p.left, p.right)]
        assert not [line for line in changed if re.match(r"d[Wwbz]\d", line)]
