"""Each example does on real data what it says, from any folder, in under 80 lines."""

import csv
import gzip
import hashlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import LogisticRegression

from symgrad import spec

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
LECTURE = [1.125203, 1.009721, 0.816235, 0.585993, 0.400339]
LECTURE += [0.267947, 0.179635, 0.121656, 0.086065, 0.065226]


class Outcome(NamedTuple):
    printed: str
    folder: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run an example once, in a folder of its own, warnings being errors."""

    @cache
    def run(name: str) -> Outcome:
        folder = tmp_path_factory.mktemp("anywhere")
        command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return Outcome(done.stdout, folder)

    return run


def numbers(pattern: str, text: str) -> list[float]:
    return [float(number) for number in re.findall(pattern, text)]


def test_iris_prints_the_losses_of_the_lecture(run):
    printed, folder = run("iris.py")
    np.testing.assert_allclose(numbers(r"loss (\S+)", printed), LECTURE, rtol=0, atol=1e-6)
    assert "28 of 30 held-out flowers right" in printed
    module = (folder / "iris_grad.py").read_text()
    assert "import numpy as np" in module
    assert "import symgrad" not in module


def test_iris_draws_its_losses(run):
    _, folder = run("iris.py")
    assert (folder / "iris_loss.png").read_bytes().startswith(b"\x89PNG")


def test_heart_finds_the_logistic_regression_that_scikit_learn_finds(run):
    printed = run("heart.py").printed
    rows = [line.split(",") for line in (EXAMPLES / "data" / "heart.csv").read_text().split()[1:]]
    rows = [row for row in rows if "NA" not in row]
    MaxHR, AHD = [[float(row[7])] for row in rows], [row[13] == "Yes" for row in rows]
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(MaxHR, AHD)
    b0, b1 = model.intercept_[0], model.coef_[0, 0]
    assert f"b0 = {b0:.4f}, b1 = {b1:.5f}" in printed
    assert f"centred at {-b0 / b1:.1f} beats a minute, where its slope is {b1 / 4:.5f}" in printed


def test_heart_does_better_with_all_columns(run):
    one, every = numbers(r"loss \S+, (\S+)% of 297 patients right", run("heart.py").printed)
    assert one > 70
    assert every > 85


def test_vectorise_prints_two_equal_gradients_the_short_one_and_the_long_one(run):
    printed = run("vectorise.py").printed
    assert "equal for both" in printed
    assert printed.count("def value_and_grad(") == 2
    loop, array = numbers(r"by_\w+ +(\S+) us", printed)
    assert array < loop


def test_two_layer_shows_what_the_other_loss_changes(run):
    printed = run("two_layer.py").printed
    softmax, squared = numbers(r"(\S+)% of the held-out digits right", printed)
    assert softmax > 90
    assert squared > 85
    changed = re.findall(r"^[-+](?![-+])", printed, re.MULTILINE)
    assert {"-", "+"} == set(changed)


def test_the_convolutional_network_gets_98_percent_of_the_held_out_digits_right(run):
    (right,) = numbers(r"(\S+)% of 359 held-out digits right", run("digits_conv.py").printed)
    assert right >= 98


def test_a_spec_takes_the_convolutional_network_of_the_script():
    model = spec.model(EXAMPLES / "digits_conv.toml")
    table = np.loadtxt(EXAMPLES / "data" / "digits.csv.gz", delimiter=",", max_rows=6, skiprows=1)
    X, y = table[:, :64], table[:, 64].astype(int)
    params = {name: x + 0.1 * (x.ndim == 1) for name, x in model.init().items()}  # off the kinks
    assert model.predict(**params, X=X).shape == (6, 10)
    grads = model.compiled.grad(*params.values(), X, y)
    direction = {name: np.sign(g) for name, g in zip(params, grads, strict=True)}
    at = lambda t: model.loss(*(x + t * direction[k] for k, x in params.items()), X, y)
    step = 1e-6
    slope = (at(step) - at(-step)) / (2 * step)
    np.testing.assert_allclose(slope, sum(np.abs(g).sum() for g in grads), rtol=1e-5)


def test_the_swap_changes_one_line_of_the_user_code():
    text = (EXAMPLES / "two_layer.py").read_text()
    first, second = re.findall(r"^def loss\(.*?\n\n", text, re.MULTILINE | re.DOTALL)
    pairs = zip(first.splitlines(), second.splitlines(), strict=True)
    assert sum(a != b for a, b in pairs) == 1


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_an_example_writes_only_into_the_current_folder(run, path):
    run(path.name)
    assert {file.suffix for file in EXAMPLES.iterdir() if file.is_file()} == {".py", ".toml"}
    assert not list(EXAMPLES.glob("*_grad.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_an_example_is_short_and_in_cells(path):
    text = path.read_text()
    assert len(text.splitlines()) < 80
    assert "# %%" in text


def test_the_data_are_the_originals():
    for name, original in [
        ("diabetes.csv", datasets.load_diabetes(scaled=False)),
        ("digits.csv.gz", datasets.load_digits()),
        ("iris.csv", datasets.load_iris()),
    ]:
        table = np.loadtxt(EXAMPLES / "data" / name, delimiter=",", skiprows=1)
        np.testing.assert_array_equal(table[:, :-1], original.data)
        np.testing.assert_array_equal(table[:, -1], original.target)


def test_the_breast_cancer_data_are_the_originals():
    original = datasets.load_breast_cancer()
    with gzip.open(EXAMPLES / "data" / "breast_cancer.csv.gz", "rt") as file:
        names, *rows = csv.reader(file)
    assert names[:-1] == [str(name).replace(" ", "_") for name in original.feature_names]
    np.testing.assert_array_equal(np.array([row[:-1] for row in rows], float), original.data)
    assert [row[-1] for row in rows] == original.target_names[original.target].tolist()


def test_the_heart_data_are_those_that_the_notes_describe():
    digest = hashlib.sha256((EXAMPLES / "data" / "heart.csv").read_bytes()).hexdigest()
    assert digest in (EXAMPLES / "data" / "README.md").read_text()
