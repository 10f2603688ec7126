"""The command `symgrad`: what goes in, what comes out, and with which exit code."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from symgrad.cli import main

LOSS = '''\
"""A user's file."""

import numpy as np

from settings import SCALE

print("hello from the user's file")


def loss(w, X, y):
    """Mean squared error."""
    N = X.shape[0]
    return SCALE * np.sum((X @ w - y) ** 2) / N


def broken(w):
    return w if w > 0 else -w


WEIGHTS = [1, 2]

if __name__ == "__main__":
    raise SystemExit("this part is for `python loss.py`")
'''
SPECS = ["--spec", "w: d", "--spec", "X: n d", "--spec", "y: n"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A user's folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    Path("loss.py").write_text(LOSS)
    Path("settings.py").write_text("SCALE = 0.5\n")
    return tmp_path


def type_in(monkeypatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def module_from(text: str) -> dict[str, object]:
    space: dict[str, object] = {}
    exec(compile(text, "emitted", "exec"), space)
    return space


# What comes out


def test_the_module_goes_to_stdout_and_talk_to_stderr(capsys):
    assert main(["compile", "loss.py:loss", *SPECS]) == 0
    out, err = capsys.readouterr()
    w, X, y = np.array([1.0, 2.0]), np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), np.ones(3)
    value, dw = module_from(out)["value_and_grad"](w, X, y)
    assert value == pytest.approx(0.5 * np.sum((X @ w - y) ** 2) / 3)
    np.testing.assert_allclose(dw, X.T @ (X @ w - y) / 3)
    assert "hello" not in out
    assert "hello" in err


def test_the_module_names_the_function_as_typed_and_no_folder(capsys, folder):
    main(["compile", "loss.py:loss", *SPECS])
    relative = capsys.readouterr().out
    assert "loss.py:loss" in relative
    main(["compile", f"{folder}/loss.py:loss", *SPECS])
    assert capsys.readouterr().out == relative
    assert str(folder) not in relative


def test_the_output_file_holds_what_stdout_would(capsys):
    main(["compile", "loss.py:loss", *SPECS])
    text = capsys.readouterr().out
    assert main(["compile", "loss.py:loss", *SPECS, "-o", "out.py"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "wrote out.py" in err
    assert Path("out.py").read_text() == text


def test_nothing_else_is_left_behind():
    main(["compile", "loss.py:loss", *SPECS, "-o", "out.py"])
    left = {path.name for path in Path().iterdir()} - {"__pycache__"}  # of the imported settings.py
    assert left == {"loss.py", "settings.py", "out.py"}
    assert not list(Path().glob("__pycache__/loss.*"))


def test_an_old_output_file_keeps_its_mode_and_a_link_stays_a_link():
    Path("real.py").write_text("old")
    Path("real.py").chmod(0o640)
    Path("out.py").symlink_to("real.py")
    main(["compile", "loss.py:loss", *SPECS, "-o", "out.py"])
    assert Path("out.py").is_symlink()
    assert Path("real.py").stat().st_mode & 0o777 == 0o640
    assert "def value_and_grad" in Path("real.py").read_text()


def test_a_refusal_leaves_the_old_output_file_alone():
    Path("out.py").write_text("old")
    assert main(["compile", "loss.py:broken", "--spec", "w:", "-o", "out.py"]) == 2
    assert Path("out.py").read_text() == "old"


def test_stdin_is_a_file_too(capsys, monkeypatch):
    main(["compile", "loss.py:loss", *SPECS])
    from_file = capsys.readouterr().out
    type_in(monkeypatch, LOSS)
    assert main(["compile", "-:loss", *SPECS]) == 0
    from_stdin = capsys.readouterr().out
    assert "-:loss" in from_stdin
    assert from_stdin.replace("-:loss", "loss.py:loss") == from_file


def test_it_works_in_a_pipe(folder):
    command = [sys.executable, "-m", "symgrad", "compile", "-:loss", *SPECS]
    done = subprocess.run(command, input=LOSS, capture_output=True, text=True, check=True)
    assert "def backward(" in done.stdout
    assert "hello" in done.stderr


def test_the_header_becomes_comment_lines(capsys):
    Path("LICENSE.txt").write_text("Copyright\n\nAll rights reversed  \n")
    main(["compile", "loss.py:loss", *SPECS])
    plain = capsys.readouterr().out
    main(["compile", "loss.py:loss", *SPECS, "--header", "LICENSE.txt"])
    assert capsys.readouterr().out == f"# Copyright\n#\n# All rights reversed\n\n{plain}"


@pytest.mark.parametrize(
    ("words", "returned"),
    [
        ([], "return loss, dw"),
        (["--wrt", "w"], "return loss, dw"),
        (["--wrt", "0"], "return loss, dw"),
        (["--wrt", "w,y"], "return loss, (dw, dy)"),
        (["--wrt", "w", "--wrt", "2"], "return loss, (dw, dy)"),
    ],
)
def test_wrt_takes_names_and_positions(words, returned, capsys):
    assert main(["compile", "loss.py:loss", *SPECS, *words]) == 0
    module = module_from(capsys.readouterr().out)
    _, grads = module["value_and_grad"](np.ones(2), np.ones((3, 2)), np.ones(3))
    assert isinstance(grads, tuple) == ("(" in returned)


def test_specs_take_names_numbers_scalars_and_dtypes(capsys):
    Path("pick.py").write_text(
        "import numpy as np\n"
        "def pick(W, y, lam):\n"
        "    N = W.shape[0]\n"
        "    return lam * W[np.arange(N), y].sum()\n"
    )
    specs = ["--spec", "W: n 4", "--spec", "y: n int", "--spec", "lam:"]
    assert main(["compile", "pick.py:pick", *specs]) == 0
    value_and_grad = module_from(capsys.readouterr().out)["value_and_grad"]
    value, dW = value_and_grad(np.ones((2, 4)), np.array([1, 3]), 2.0)
    assert value == 4
    np.testing.assert_array_equal(dW, [[0, 2, 0, 0], [0, 0, 0, 2]])


# Is the module up to date?


def test_check_says_nothing_about_a_module_that_is_up_to_date(capsys):
    main(["compile", "loss.py:loss", *SPECS, "-o", "out.py"])
    capsys.readouterr()
    assert main(["compile", "loss.py:loss", *SPECS, "-o", "out.py", "--check"]) == 0
    assert capsys.readouterr().out == ""


def test_check_shows_how_a_stale_module_differs_and_writes_nothing(capsys):
    main(["compile", "loss.py:loss", *SPECS, "-o", "out.py"])
    old = Path("out.py").read_text()
    Path("loss.py").write_text(LOSS.replace("** 2", "** 4"))
    capsys.readouterr()
    assert main(["compile", "loss.py:loss", *SPECS, "-o", "out.py", "--check"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("--- out.py\n+++ ")
    assert "not up to date" in err
    assert Path("out.py").read_text() == old


def test_check_takes_a_missing_module_for_stale(capsys):
    assert main(["compile", "loss.py:loss", *SPECS, "-o", "out.py", "--check"]) == 1
    assert "+def value_and_grad(" in capsys.readouterr().out
    assert not Path("out.py").exists()


# What goes wrong: exit code 2, one message on stderr, no traceback


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.py:loss"], "nowhere.py: No such file"),
        (["loss.py:los"], r"defines no `los` (did you mean `loss`?)"),
        (["loss.py:WEIGHTS"], "`WEIGHTS` in loss.py is list, not a function"),
        (["loss.py"], "write FILE.py:FUNCTION"),
        (["loss.py:a b"], "write FILE.py:FUNCTION"),
        (["loss.py:broken", "--spec", "w:"], "loss.py:17"),
        (["loss.py:loss"], "--spec"),
        (["loss.py:loss", "--spec", "X n d"], "no `name:` in front"),
        (["loss.py:loss", "--spec", "X: n, d"], "`n,` is no size"),
        (["loss.py:loss", "--spec", "X: n -1"], "`-1` is no size"),
        (["loss.py:loss", "--spec", "X: int n"], "`int` is no size"),
        (["loss.py:loss", "--spec", "X: n", "--spec", "X: d"], "`X` has a spec already"),
        (["loss.py:loss", *SPECS, "--wrt", "v"], "`v`"),
        (["loss.py:loss", *SPECS, "--wrt", "w+1"], "neither a parameter's name nor its position"),
        (["loss.py:loss", *SPECS, "--check"], "-o OUT.py"),
        (["loss.py:loss", *SPECS, "--header", "nowhere.txt"], "nowhere.txt: No such file"),
        (["loss.py:loss", *SPECS, "-o", "nowhere/out.py"], "nowhere/"),
        (["syntax.py:f"], "SyntaxError"),
        (["imports.py:f"], "imports.py:1: import nothing_of_that_name"),
        (["exits.py:f"], "called sys.exit(3)"),
    ],
)
def test_an_error_is_one_message_and_exit_code_2(words, message, capsys):
    Path("syntax.py").write_text("def f(:\n")
    Path("imports.py").write_text("import nothing_of_that_name\n")
    Path("exits.py").write_text("raise SystemExit(3)\n")
    assert main(["compile", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_a_traceback_is_there_for_who_asks(capsys):
    assert main(["compile", "nowhere.py:loss", "--traceback"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_usage_error_is_exit_code_2(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["compile"])
    assert stop.value.code == 2
    assert "FILE.py:FUNCTION" in capsys.readouterr().err


def test_the_command_leaves_the_search_path_alone():
    before = sys.path[:]
    main(["compile", "loss.py:loss", *SPECS, "-o", "out.py"])
    assert sys.path == before
