"""Trainers that stand alone: their text, and that they compute what the library does."""

import ast
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from trainer_specs import SPECS, folder_for

import symgrad
from symgrad.cli import main
from symgrad.spec import model

EXAMPLES = Path(__file__).parent.parent / "examples"

# Runs a trainer where nothing of symgrad can be imported; keeps what its `train` returned.
PROBE = """
import importlib.util, json, pathlib, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"symgrad", "sympy", "jinja2", "scipy", "sklearn"}:
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
path, kept, *sys.argv[1:] = sys.argv[1:]
found = importlib.util.spec_from_file_location("trainer", path)
trainer = importlib.util.module_from_spec(found)
found.loader.exec_module(trainer)
train = trainer.train

def recorded(*args, **how):
    history, best, params = train(*args, **how)
    said = [{name: float(value).hex() for name, value in record.items()} for record in history]
    pathlib.Path(kept).write_text(json.dumps([said, best]))
    return history, best, params

trainer.train = recorded
trainer.main()
"""


def run(trainer, folder, *options):
    """Run a trainer in an empty folder; return its history, best epoch, its parameters, output."""
    (folder / "elsewhere").mkdir(exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", PROBE, str(trainer),
         str(folder / "kept.json"), "-o", str(folder / "params.npz"), *options],
        cwd=folder / "elsewhere", capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    assert not list((folder / "elsewhere").iterdir())
    history, best = json.loads((folder / "kept.json").read_text())
    history = [{k: float.fromhex(v) for k, v in record.items()} for record in history]
    with np.load(folder / "params.npz") as file:
        params = {name: file[name] for name in file.files}
    return history, best, params, done.stdout


def written(path, folder):
    """Write the trainer of a spec into a folder."""
    trainer = folder / "trainer.py"
    trainer.write_text(symgrad.trainer(path, folder), encoding="utf-8")
    return trainer


def check_source(text):
    """Check that a text imports only NumPy and the standard library, and that ruff likes it."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        for name in names:
            assert name.partition(".")[0] in {"numpy"} | sys.stdlib_module_names
    assert not [line for line in text.splitlines() if len(line) > 100]


@pytest.mark.parametrize("name", SPECS)
def test_the_text_needs_only_numpy_and_is_always_the_same(name, tmp_path):
    path = folder_for(name, tmp_path)
    text = symgrad.trainer(path)
    check_source(text)
    assert text == symgrad.trainer(path)


def test_ruff_finds_nothing_in_them_and_would_format_nothing(tmp_path):
    for k, name in enumerate(SPECS):
        if "function" not in name:  # which is the user's own text
            (tmp_path / str(k)).mkdir()
            path = folder_for(name, tmp_path / str(k))
            (tmp_path / f"{k}.py").write_text(symgrad.trainer(path), encoding="utf-8")
            for file in (tmp_path / str(k)).iterdir():
                file.unlink()
    ruff = [sys.executable, "-m", "ruff"]
    rules = ["--select", "E,F,I,B,UP,SIM,RUF", "--ignore", "RUF001,RUF003"]
    for command in (["check", *rules], ["format", "--diff"]):
        done = subprocess.run(
            [*ruff, *command, "--isolated", "--no-cache", "--line-length", "100", "."],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert not done.returncode, done.stdout


@pytest.mark.parametrize("name", [name for name in SPECS if "statements" not in name])
def test_no_function_and_no_constant_stands_there_for_nothing(name, tmp_path):
    tree = ast.parse(symgrad.trainer(folder_for(name, tmp_path)))
    read = {
        node.id for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }  # fmt: skip
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            assert node.name in read
        elif isinstance(node, ast.Assign):
            assert {each.id for each in node.targets} <= read
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names if node.names[0].name != "annotations" else ():
                assert (alias.asname or alias.name) in read


@pytest.mark.parametrize("name", ["digits", "heart", "iris"])
def test_the_text_is_the_golden_text(name, compare):
    text = symgrad.trainer(EXAMPLES / f"{name}.toml", EXAMPLES)
    compare(f"trainers/train_{name}.py", text)


def test_the_gradient_is_the_text_that_compile_emits(tmp_path):
    path = folder_for("every activation", tmp_path)
    emitted = model(path).compiled.source
    function = emitted[emitted.index("def value_and_grad") :]
    assert function in symgrad.trainer(path)


# --- what they compute ----------------------------------------------------------------------------


def library(path, *settings):
    """Return what `symgrad.train` computes: the history, the best epoch and its parameters."""
    made = model(symgrad.spec.override(path, settings))
    result = symgrad.train(made, progress=False)
    history = [{k: v for k, v in record.items() if k != "epoch"} for record in result.history]
    return history, result.best.epoch, {**result.best.params, **result.best_statistics}


def check_same(mine, theirs):
    """Compare two runs bit for bit."""
    history, best, params, _ = mine
    assert (history, best) == theirs[:2]
    assert [list(record) for record in history] == [list(record) for record in theirs[0]]
    assert list(params) == list(theirs[2])
    for name, x in theirs[2].items():
        assert params[name].shape == np.shape(x)
        assert params[name].tobytes() == np.asarray(x).tobytes()


@pytest.mark.parametrize("name", SPECS)
def test_a_trainer_computes_what_training_does_bit_for_bit(name, tmp_path):
    path = folder_for(name, tmp_path)
    check_same(run(written(path, tmp_path), tmp_path), library(path))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_too(path, tmp_path):
    mine = run(written(path, tmp_path), tmp_path, "--epochs", "2")
    check_same(mine, library(path, "epochs=2"))


OPTIONS = {
    "epochs": (["--epochs", "5"], ["epochs=5"]),
    "batch": (["--batch", "7"], ["batch_size=7"]),
    "seed": (["--seed", "9"], ["seed=9"]),
    "lr": (["--lr", "0.007"], ["optimizer.lr=0.007"]),
}


@pytest.mark.parametrize("name", ["the usual", "no validation", "dropout", "early, by the loss"])
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_is_a_key_of_the_spec(option, name, tmp_path):
    path = folder_for(name, tmp_path)
    words, changes = OPTIONS[option]
    check_same(run(written(path, tmp_path), tmp_path, *words), library(path, *changes))


def test_it_says_what_training_says(tmp_path):
    path = folder_for("minibatches", tmp_path)
    history, _, _, said = run(written(path, tmp_path), tmp_path)
    lines = said.splitlines()
    assert [line.split("  ")[0] for line in lines[:2]] == ["epoch 10/12", "epoch 12/12"]
    assert lines[1].split("  ")[1:] == [f"{k} {v:.4g}" for k, v in history[-1].items()]
    assert lines[2].startswith("epoch 12 (epochs): loss ")
    assert "\n".join(lines[2:4]) == repr(symgrad.train(path, progress=False))


def refused(trainer, *options):
    """Return what a trainer says that stops; it must be one line and no traceback."""
    done = subprocess.run(
        [sys.executable, "-I", str(trainer), *options], capture_output=True, text=True
    )
    assert done.returncode
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr.splitlines()[-1]


BROKEN = {
    "missing": ("the usual", "b", "", "row 8: b has no value"),
    "a missing class": ("the usual", "kind", "?", "row 8: kind has no value"),
    "a word": ("the usual", "b", "many", "row 8: b is 'many', and no number"),
    "a class": (
        "the usual", "kind", "never",
        "row 8: kind is 'never', which is none of ['no', 'perhaps', 'yes']",
    ),
    "a number of a class": (
        "numbers for classes", "number", "3", "row 8: number is 3, which is none of [0, 1, 2]",
    ),
    "a category": (
        "categories", "colour", "mauve",
        "row 8: colour is 'mauve', which is none of ['blue', 'green', 'red']",
    ),
    "a category, where numbers are filled in": (
        "mean", "kind", "", "row 8: kind has no value",
    ),
    "a weight": ("weights", "weight", "-2", "weights holds -2, which is below 0"),
    "a count": ("poisson", "count", "-1", "y holds -1, which is below 0"),
    "a share": ("one-hot", "t1", "-0.5", "y holds -0.5, which is below 0"),
    "a row": ("embedding", "word1", "5", "X holds 5, and the embedding has rows 0 to 4"),
    "no row": ("embedding", "word1", "0.5", "X holds 0.5, and the embedding has rows 0 to 4"),
    "infinity": ("not standardised", "a", "inf", "row 8: a is not finite: leave this row out"),
    "no number to others": ("the usual", "b", "1_0", "row 8: b is '1_0', and no number"),
    "no class to others": (
        "numbers for classes", "number", "0_0", "row 8: number is '0_0', and no number",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_bad_data_stops_in_one_line(case, tmp_path):
    name, column, cell, message = BROKEN[case]
    path = folder_for(name, tmp_path)
    text = (tmp_path / "table.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    rows[8][rows[0].index(column)] = cell
    with (tmp_path / "table.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    assert refused(written(path, tmp_path)) == message


@pytest.mark.parametrize("cell", ["3", "-1", "0.5"])
def test_a_class_that_there_is_not_stops(cell, tmp_path):
    path = folder_for("classes are numbers", tmp_path)
    table = tmp_path / "table.csv"
    rows = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
    rows[8][rows[0].index("number")] = cell
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    said = f"row 8: number is {cell}, which is none of 0 to 2"
    assert refused(written(path, tmp_path)) == said


TABLES = {
    "two columns of a name": ("a,b,a,kind\n1,2,3,no\n", "two columns are called `a`"),
    "a column without a name": ("a,,c,kind\n1,2,3,no\n", "column 2 has no name in the first row"),
    "no column": ("a,b,kind\n1,2,no\n", "the data has no column `c`: it has a, b, kind"),
    "no target": ("a,b,c\n1,2,3\n", "the data has no column `kind`: it has a, b, c"),
    "a short row": (
        "a,b,c,kind\n1,2,3,no\n1,2\n", "row 2 has 2 cells, the header names 4 columns",
    ),
    "a long row": ("a,b,c,kind\n1,2,3,no,5\n", "row 1 has 5 cells, the header names 4 columns"),
    "nothing": ("", "is empty: its first row must name the columns"),
    "only a header": ("a,b,c,kind\n", "has no rows below its header"),
    "no header": ("1,2,3,4\n5,6,7,8\n", "the first row holds numbers"),
    "no CSV": ('a,b,c,kind\n"1"2,3,4,no\n', "',' expected after '\"'"),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_a_table_that_the_library_refuses_stops_in_its_words(case, tmp_path):
    text, message = TABLES[case]
    path = folder_for("the usual", tmp_path)
    (tmp_path / "table.csv").write_text(text, encoding="utf-8")
    with pytest.raises(symgrad.DataError) as refusal:
        library(path)
    assert message in str(refusal.value)
    assert message in refused(written(path, tmp_path))


def test_a_file_that_is_not_there_stops(tmp_path):
    for name in ("the usual", "npz", "packed"):
        path = folder_for(name, tmp_path)
        trainer = written(path, tmp_path)
        said = refused(trainer, "--data", str(tmp_path / "none.csv"))
        assert said.endswith("cannot be read: [Errno 2] No such file or directory: "
                             f"{str(tmp_path / 'none.csv')!r}")  # fmt: skip


def test_a_table_with_other_columns_than_the_model_takes_stops(tmp_path):
    path = folder_for("all columns", tmp_path)
    table = tmp_path / "few.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join(f"{line},{k or 'more'}" for k, line in enumerate(lines)))
    said = refused(written(path, tmp_path))
    assert said.endswith("few.csv has 4 columns of inputs, and the model takes 3")


def test_arrays_of_several_lengths_stop(tmp_path):
    path = folder_for("npz", tmp_path)
    np.savez(tmp_path / "table.npz", a=np.ones(3), b=np.ones(2), size=np.ones(3), kind=["no"] * 3)
    said = refused(written(path, tmp_path))
    assert said.endswith("table.npz: `a` has 3 rows and `b` 2")


def test_too_few_rows_stop(tmp_path):
    path = folder_for("a seed for the split", tmp_path)
    trainer = tmp_path / "trainer.py"
    spec = symgrad.spec.override(path, ["validation.share=0.999"])
    trainer.write_text(symgrad.trainer(spec, tmp_path), encoding="utf-8")
    assert refused(trainer) == "of 61 rows none are left for training"


def test_numbers_that_make_no_sense_are_refused(tmp_path):
    trainer = written(folder_for("the usual", tmp_path), tmp_path)
    for words in (["--epochs", "0"], ["--batch", "0"]):
        assert refused(trainer, *words).endswith("error: --epochs and --batch are at least 1")


def test_a_table_of_many_rows_is_standardised_by_the_same_bits():
    column = np.random.default_rng(0).normal(3, 2, 10_001)
    column[::7] = np.nan
    for missing in ("mean", "median"):
        made = symgrad.Preparation(target="y", standardise=True, missing=missing)
        made = made.fit({"x": column, "y": np.zeros(len(column))})
        known = column.copy()
        known[np.isnan(known)] = {"mean": np.nanmean, "median": np.nanmedian}[missing](column)
        encoding = made.encodings["x"]
        assert (encoding.mean, encoding.scale) == ((known.mean(),), (known.std(),))


# --- what no text of the user's may do ------------------------------------------------------------

HOSTILE = [
    'x"] + [print("owned")] + ["', "x'); print('owned'); ('", "\\", '"""', "'''", "{x}", "%s",
    "a\u2028b", "\u202ereversed", "ünïcödé", "#", "\\N{BULLET}",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_names_and_words_stay_text(name, tmp_path):
    rows = [[name, "target"], *([str(k), name if k % 2 else "other"] for k in range(20))]
    file = "".join(c for c in name if c not in '/\\"') + ".csv"
    with (tmp_path / file).open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows(rows)
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({
        "layers": [{"units": 1}], "loss": "binary_cross_entropy", "epochs": 2,
        "data": {
            "file": file, "features": [name], "target": "target", "classes": ["other", name],
            "missing_values": [name + "?", ""],
        },
    }))  # fmt: skip
    constants = {
        node.targets[0].id: node.value
        for node in ast.parse(symgrad.trainer(path)).body
        if isinstance(node, ast.Assign)
    }
    assert ast.literal_eval(constants["FEATURES"]) == [name]
    assert ast.literal_eval(constants["CLASSES"]) == ["other", name]
    assert ast.literal_eval(constants["DATA"].right) == file
    history, *_, said = run(written(path, tmp_path), tmp_path)
    assert len(history) == 2 and "owned" not in said


def test_a_spec_file_of_any_name_has_a_trainer(tmp_path):
    folder_for("the usual", tmp_path)
    path = tmp_path / 'a""" + print("owned") + r""" {}\\.json'
    (tmp_path / "flowers.json").rename(path)
    tree = ast.parse(symgrad.trainer(path))
    assert "print" in ast.get_docstring(tree)
    assert not [node for node in tree.body[1:] if isinstance(node, ast.Expr)]


# --- what is refused ------------------------------------------------------------------------------

REFUSED = {
    "no data": ({"data": None, "inputs": 3}, "", "", "`data` is missing: a trainer reads a table"),
    "no names": ({"data": {"file": "x.npy", "target": "y", "features": ["a"]}}, "", "", "by name"),
    "a neighbour": (
        {}, "import helper", "helper.f(X @ U)", "net.py imports helper: a trainer is one file",
    ),
    "a name of ours": (
        {}, "def unpack(x):\n    return x", "unpack(X @ U)",
        "`unpack` in net.py has another meaning in a trainer",
    ),
    "its own name": (
        {}, "from pathlib import Path\nS = len(Path(__file__).stem)", "X @ U * S",
        "net.py, line 3, reads __file__, which is another in a trainer",
    ),
    "everything of a module": (
        {}, "from math import *", "X @ U * pi",
        "net.py, line 4, reads `pi`, and no statement of the file binds it by name",
    ),
    "a neighbour inside": (
        {}, "def inner(z):\n    import helper\n    return helper.f(z)", "inner(X @ U)",
        "net.py imports helper: a trainer is one file",
    ),
    "another module by a name of ours": (
        {}, "import math as sys", "X @ U * sys.pi",
        "`sys` in net.py has another meaning in a trainer",
    ),
    "an array with no name": (
        {}, "class Held:\n    rows = np.ones((2, 70))", "(X @ Held.rows).sum(axis=1) + X @ U",
        "takes the array `.*`, which is no global of net.py",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_one_program_is_refused(case, tmp_path):
    changes, head, body, message = REFUSED[case]
    made = {
        "loss": "squared", "layers": [{"units": 1}],
        "data": {"target": "y", "features": ["a", "b"]}, **changes,
    }  # fmt: skip
    if body:
        (tmp_path / "helper.py").write_text("def f(x):\n    return x\n")
        text = f"import numpy as np\n{head}\n\ndef net(U, X):\n    return {body}\n"
        (tmp_path / "net.py").write_text(text)
        del made["layers"]
        made |= {"model": "net.py:net", "parameters": {"U": {"shape": [2]}}}
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({k: v for k, v in made.items() if v is not None}))
    with pytest.raises(symgrad.SpecError, match=message):
        symgrad.trainer(path)


# --- from a shell ---------------------------------------------------------------------------------


def command(*words):
    return main(["emit", *map(str, words)])


def test_emit_writes_a_trainer_that_finds_its_data(tmp_path, capsys):
    (tmp_path / "specs").mkdir()
    (tmp_path / "scripts").mkdir()
    path = folder_for("the usual", tmp_path / "specs")
    out = tmp_path / "scripts" / "train_it.py"
    assert command(path, "--trainer", "--set", "epochs=2", "-o", out) == 0
    assert 'Path(__file__).parent / "../specs/table.csv"' in out.read_text(encoding="utf-8")
    assert "python train_it.py" in out.read_text(encoding="utf-8")
    assert "`symgrad train flowers.json --set=epochs=2`" in out.read_text(encoding="utf-8")
    history, *_ = run(out, tmp_path)
    assert len(history) == 2
    assert command(path, "--trainer", "--set", "epochs=2", "-o", out, "--check") == 0
    assert command(path, "--trainer", "--set", "epochs=3", "-o", out, "--check") == 1
    assert "+EPOCHS = 3" in capsys.readouterr().out
    assert command(path, "--trainer", "-o", out) == 0  # it may write over its own


def test_a_trainer_says_where_its_spec_is_as_compile_does(tmp_path, capsys, monkeypatch):
    (tmp_path / "specs").mkdir()
    folder_for("the usual", tmp_path / "specs")
    monkeypatch.chdir(tmp_path)
    said = []
    for words in (["--trainer"], []):
        assert command("specs/flowers.json", *words) == 0
        lines = capsys.readouterr().out.splitlines()
        said.append(next(line for line in lines if line.startswith("From ")))
    assert [line.partition(",")[0] for line in said] == ["From specs/flowers.json"] * 2


def test_a_trainer_of_a_dict_names_no_file(tmp_path):
    folder_for("the usual", tmp_path)
    text = symgrad.trainer(SPECS["the usual"])
    assert "It gives the numbers of `symgrad.train`, bit for bit." in text
    assert "\nMade by symgrad " in text and "\nFrom " not in text


def test_emit_prints_a_trainer(tmp_path, capsys):
    path = folder_for("the usual", tmp_path)
    assert command(path, "--trainer") == 0
    assert capsys.readouterr().out == symgrad.trainer(path)


def test_emit_of_anything_else_is_compile(tmp_path, capsys):
    path = folder_for("the usual", tmp_path)
    assert command(path, "--set", "loss=multiclass_hinge") == 0
    said = capsys.readouterr().out
    assert main(["compile", str(path), "--set", "loss=multiclass_hinge"]) == 0
    assert said == capsys.readouterr().out


@pytest.mark.parametrize("words", [["--wrt", "W1"], ["--exact"], ["--model"], ["--check"]])
def test_emit_refuses_what_a_trainer_has_no_use_for(words, tmp_path, capsys):
    path = folder_for("the usual", tmp_path)
    assert command(path, "--trainer", *words) == 2
    assert words[0] in capsys.readouterr().err


def test_a_function_has_no_trainer(capsys):
    assert command("loss.py:loss", "--trainer") == 2
    assert "--trainer is for model specs" in capsys.readouterr().err
