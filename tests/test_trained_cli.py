"""`symgrad train`, `predict`, `evaluate` and `emit --trainer` with specs, as typed at a shell."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symgrad
from symgrad.cli import main

EXAMPLES = Path(__file__).parent.parent / "examples"
IRIS, HEART = str(EXAMPLES / "iris.toml"), str(EXAMPLES / "heart.toml")
FLOWERS = str(EXAMPLES / "data" / "iris.csv")
SHORT = ["--epochs", "5", "--quiet"]


def shell(capsys, *words):
    """Return the exit code, stdout and stderr of a command."""
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_spec_trains_as_in_python(capsys, tmp_path):
    path = tmp_path / "iris.npz"
    code, out, _ = shell(capsys, "train", IRIS, *SHORT, "-o", str(path))
    found = symgrad.train(IRIS, epochs=5, progress=False)
    assert (code, out) == (0, f"{found!r}\n")
    kept = np.load(path)
    for name, value in found.best.params.items():
        np.testing.assert_array_equal(kept[name], value)


TYPED = [
    (["--batch", "16"], ["batch_size=16"]),
    (["--seed", "7"], ["seed=7"]),
    (["--optimizer", "sgd", "--lr", "0.2"], ["optimizer=sgd", "optimizer.lr=0.2"]),
    (["--lr", "0.02"], ["optimizer.lr=0.02"]),
    (["--metric", "f1", "--metric", "recall"], ['metrics=["f1", "recall"]']),
    (["--validation", "0.4"], ["validation.share=0.4"]),
    (["--patience", "1"], ["early_stopping.patience=1"]),
]


@pytest.mark.parametrize("typed, settings", TYPED, ids=lambda words: words[0])
def test_an_option_is_a_key_of_the_spec(typed, settings, capsys):
    _, by_option, _ = shell(capsys, "train", IRIS, *SHORT, *typed)
    changed = [word for each in settings for word in ("--set", each)]
    _, by_key, _ = shell(capsys, "train", IRIS, *SHORT, *changed)
    assert by_option == by_key
    if "patience" not in settings[0]:
        assert by_option != shell(capsys, "train", IRIS, *SHORT)[1]


def test_what_was_trained_is_evaluated_and_predicts(capsys, tmp_path):
    path, table = str(tmp_path / "iris.npz"), tmp_path / "found.csv"
    shell(capsys, "train", IRIS, *SHORT, "-o", path)
    trained = symgrad.TrainedModel.load(path)
    code, out, _ = shell(capsys, "evaluate", path, "--data", FLOWERS, "--json")
    assert code == 0 and json.loads(out) == trained.evaluate(FLOWERS)
    assert shell(capsys, "predict", path, "--data", FLOWERS, "-o", str(table))[:2] == (0, "")
    with table.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["species", "P(0)", "P(1)", "P(2)"] and len(rows) == 150
    shares = np.array([row[1:] for row in rows], float)
    np.testing.assert_array_equal(shares, trained.predict(FLOWERS))
    assert [int(row[0]) for row in rows] == shares.argmax(axis=1).tolist()


def test_two_classes_have_one_probability_and_their_own_names(capsys, tmp_path):
    path, rows = str(tmp_path / "heart.npz"), tmp_path / "rows.csv"
    lines = (EXAMPLES / "data" / "heart.csv").read_text().splitlines(keepends=True)
    rows.write_text("".join(lines[:9]))
    shell(capsys, "train", HEART, *SHORT, "-o", path)
    code, out, _ = shell(capsys, "predict", path, "--data", str(rows), "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(found) == 8
    assert {tuple(each) for each in found} == {("AHD", "P(Yes)")}
    assert all(each["AHD"] == ("Yes" if each["P(Yes)"] > 0.5 else "No") for each in found)


def test_a_number_is_predicted_under_its_column_s_name(capsys, tmp_path):
    data, spec, path = tmp_path / "d.csv", tmp_path / "line.toml", str(tmp_path / "line.npz")
    data.write_text("size,price\n" + "".join(f"{k},{2 * k + 1}\n" for k in range(9)))
    spec.write_text(
        'layers = [{ units = 1 }]\nloss = "squared"\noptimizer = { name = "sgd", lr = 0.05 }\n'
        'metrics = ["r2"]\nepochs = 400\n[data]\nfile = "d.csv"\ntarget = "price"\n'
        'features = ["size"]\nstandardise = true\n'
    )
    assert shell(capsys, "train", str(spec), "--quiet", "-o", path)[0] == 0
    _, out, _ = shell(capsys, "predict", path, "--data", str(data))
    header, *rows = out.splitlines()
    assert header == "price"
    np.testing.assert_allclose([float(row) for row in rows], 2 * np.arange(9.0) + 1, atol=1e-6)
    assert shell(capsys, "evaluate", path, "--data", str(data))[1].endswith("r2 1\n")


def test_the_standalone_trainer_leaves_the_bits_of_train(capsys, tmp_path):
    script, kept = tmp_path / "train_iris.py", tmp_path / "params.npz"
    assert shell(capsys, "emit", IRIS, "--trainer", "-o", str(script), "--set", "epochs=7")[0] == 0
    words = [sys.executable, "-I", str(script), "--data", FLOWERS, "-o", str(kept)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path)
    _, out, _ = shell(capsys, "train", IRIS, "--epochs", "7", "--quiet")
    assert done.stdout.endswith(out)
    found, mine = symgrad.train(IRIS, epochs=7, progress=False).best.params, np.load(kept)
    assert all(np.array_equal(mine[name], value) for name, value in found.items())


def test_a_run_goes_on_from_its_checkpoint(capsys, tmp_path):
    words = ["train", IRIS, "--quiet", "--batch", "16", "--checkpoint", str(tmp_path / "run.npz")]
    shell(capsys, *words, "--epochs", "4")
    _, out, _ = shell(capsys, *words, "--epochs", "9", "--resume")
    assert out == shell(capsys, "train", IRIS, "--quiet", "--batch", "16", "--epochs", "9")[1]


MISTAKES = [
    ("no data", ["train", "SPEC", "--set", "data.file=none.csv"], "there is no file"),
    ("another loss's metric", ["train", IRIS, "--metric", "auc"], "there are accuracy, f1"),
    ("an option without a key", ["train", IRIS, "--lr", "fast"], "invalid float"),
    ("too many epochs", ["train", IRIS, "--epochs", "-3"], "`epochs` is -3"),
    ("another optimizer", ["train", IRIS, "--optimizer", "adan"], "did you mean `adam`"),
    ("no such spec", ["train", "nothing.toml"], "there is no such file"),
    ("a function without data", ["train", "loss.py:f"], "No such file"),
    ("no model", ["predict", "none.npz", "--data", FLOWERS], "there is no model none.npz"),
    ("a table for a model", ["evaluate", FLOWERS, "--data", FLOWERS], "no model"),
    ("a spec for a model", ["predict", IRIS, "--data", FLOWERS], "no model"),
    ("a trainer of a function", ["emit", "loss.py:f", "--trainer"], "SPEC.toml"),
]


@pytest.mark.parametrize(
    "words, message", [row[1:] for row in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_mistake_is_told_in_one_message(words, message, capsys):
    words = [IRIS if word == "SPEC" else word for word in words]
    try:
        code = main(words)
    except SystemExit as stop:  # of argparse
        code = stop.code
    said = capsys.readouterr()
    assert code == 2 and said.out == "" and message in said.err
    assert "Traceback" not in said.err


def test_a_part_for_validation_is_the_spec_s_share():
    by_key = symgrad.spec.override(IRIS, ["validation.share=0.4", "epochs=2"])
    found = symgrad.train(IRIS, validation=0.4, epochs=2, progress=False)
    assert found.history == symgrad.train(by_key, progress=False).history
