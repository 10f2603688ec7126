"""Each spec among the examples reaches on unseen rows what its first lines say, and no less."""

import ast
import csv
import gzip
import math
import re
import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import symgrad
from symgrad import spec

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SPECS = sorted(path.stem for path in EXAMPLES.glob("*.toml"))
FIGURE = (
    r"# (Cross-validated accuracy|Cross-validated r2|Accuracy on a held-out fifth): at least (\S+)"
)
WANTED = {
    "breast_cancer": 0.96,
    "diabetes": 0.4,
    "digits": 0.97,
    "digits_conv": 0.98,
    "heart": 0.8,
    "heart_maxhr": 0.69,
    "iris": 0.95,
    "two_neurons": 0.68,
}
LECTURE = [1.125203, 1.009721, 0.816235, 0.585993, 0.400339]
LECTURE += [0.267947, 0.179635, 0.121656, 0.086065, 0.065226]


# --- what is reached on unseen rows ---------------------------------------------------------------


def columns_of(name):
    """Read the data of a spec, sharing no code with what is tested."""
    path = EXAMPLES / spec.read(EXAMPLES / f"{name}.toml")["data"]["file"]
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as file:
        rows = list(csv.DictReader(file))
    return {name: column([row[name] for row in rows]) for name in rows[0]}


def column(cells):
    try:
        return np.array([math.nan if cell == "NA" else float(cell) for cell in cells])
    except ValueError:
        return np.array([None if cell == "NA" else cell for cell in cells], dtype=object)


def rows_of(columns, rows):
    return {name: values[rows] for name, values in columns.items()}


@cache
def reached(name, measure, folds):
    """Return the mean over ``folds`` fifths, each held out in turn."""
    columns = columns_of(name)
    count = len(next(iter(columns.values())))
    fifths = np.array_split(np.random.RandomState(0).permutation(count), 5)
    found = []
    for held in fifths[:folds]:
        training = np.setdiff1d(np.arange(count), held)
        result = symgrad.train(
            EXAMPLES / f"{name}.toml", rows_of(columns, training), validation=0, progress=False
        )
        found.append(result.trained.evaluate(rows_of(columns, held))[measure])
    return np.mean(found)


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_says_in_its_first_lines_what_it_reaches(name):
    words, figure = re.search(FIGURE, (EXAMPLES / f"{name}.toml").read_text()).groups()
    measure, folds = words.lower().split()[-1], 5
    if "fifth" in words:
        measure, folds = "accuracy", 1
    assert float(figure) >= WANTED[name]
    assert float(figure) <= reached(name, measure, folds) < float(figure) + 0.04


# --- the lectures ---------------------------------------------------------------------------------


def test_iris_has_the_losses_of_the_lecture():
    result = symgrad.train(EXAMPLES / "iris.toml", progress=False)
    losses = [record["loss"] for record in result.history]
    np.testing.assert_allclose(losses[::10], LECTURE, rtol=0, atol=5.1e-7)
    assert len(losses) == 100 and losses[-1] < 0.1


def test_maxhr_alone_gives_the_logistic_regression_of_scikit_learn():
    columns = columns_of("heart_maxhr")
    X, y = columns["MaxHR"][:, None], columns["AHD"] == "Yes"
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(X, y).predict_proba(X)[:, 1]
    result = symgrad.train(EXAMPLES / "heart_maxhr.toml", columns, validation=0, progress=False)
    np.testing.assert_allclose(result.trained.predict(columns).ravel(), expected, atol=1e-5)


def test_two_neurons_find_that_disease_only_becomes_rarer_with_the_rate():
    result = symgrad.train(EXAMPLES / "two_neurons.toml", validation=0, progress=False)
    chances = result.trained.predict({"MaxHR": np.arange(70.0, 203.0)}).ravel()
    assert (np.diff(chances) < 0).all()
    one, two = (reached(name, "accuracy", 5) for name in ("heart_maxhr", "two_neurons"))
    assert abs(one - two) < 0.02


# --- the scripts ----------------------------------------------------------------------------------


def test_every_spec_has_a_script():
    assert [path.stem for path in sorted((EXAMPLES / "training").glob("*.py"))] == SPECS


@pytest.mark.parametrize("name", SPECS)
def test_a_script_has_five_lines(name):
    text = (EXAMPLES / "training" / f"{name}.py").read_text()
    _, *lines = ast.parse(text).body
    assert [line.end_lineno - line.lineno for line in lines] == [0] * 5
    assert text.count("\n") == 9


@pytest.mark.parametrize("name", SPECS)
def test_a_script_prints_what_it_reached_and_draws_it(name, tmp_path, monkeypatch, capsys):
    from matplotlib import pyplot

    monkeypatch.chdir(tmp_path)
    pyplot.switch_backend("agg")
    runpy.run_path(str(EXAMPLES / "training" / f"{name}.py"), run_name="__main__")
    pyplot.close("all")
    _, best = capsys.readouterr().out.splitlines()
    assert re.search(r"best epoch \d+: val_loss \S+, val_(accuracy|r2) 0\.", best)
    [picture] = tmp_path.iterdir()
    assert picture.stem.startswith(name)
    assert picture.read_bytes().startswith(b"\x89PNG")
