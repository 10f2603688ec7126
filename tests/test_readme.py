"""What README shows is what symgrad does: every block is run, and compared to the letter."""

import doctest
import re
from pathlib import Path

import numpy as np

import symgrad
from symgrad.graph import OPS
from tests.benchmarks.stress import markdown, table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SPECS = {
    "W1": ("D", "H"), "W2": ("H", "C"), "X": ("N", "D"), "y": (("N",), "int"), "lam": (),
}  # fmt: skip


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_sessions_print_what_they_show():
    sessions = [block for block in blocks("python") if block.startswith(">>>")]
    assert len(sessions) >= 3
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    parser, space = doctest.DocTestParser(), {}
    for number, block in enumerate(sessions):
        test = parser.get_doctest(block, space, f"README session {number}", "README.md", 0)
        runner.run(test, clear_globs=False)
        space = test.globs
    assert runner.failures == 0


def test_the_first_screen_shows_the_emitted_backward(tmp_path, monkeypatch):
    loss, backward = blocks("python")[:2]
    path = tmp_path / "first_screen.py"
    path.write_text(f"import numpy as np\n\n\n{loss}")
    monkeypatch.syspath_prepend(tmp_path)
    import first_screen

    source = symgrad.compile(first_screen.loss, wrt=("W1", "W2"), specs=SPECS).source
    assert backward in source


SHOWN = {
    "logistic": ("w b", {"w": "d", "b": "", "X": "n d", "y": "n"}),
    "huber": ("w", {"w": "d", "X": "n d", "y": "n"}),
    "batch_norm": ("X gamma beta", {"X": "n d", "gamma": "d", "beta": "d", "T": "n d"}),
    "attention": ("Wq Wk Wv", {"Wq": "d k", "Wk": "d k", "Wv": "d m", "X": "n d", "T": "n m"}),
}


def test_the_other_gradients_are_as_they_come_out(tmp_path, monkeypatch):
    section = README.split("## Gradients as they come out")[1].split("\n## ")[0]
    pairs = re.findall(r"```python\n(.*?)```\n\n```python\n(.*?)```", section, re.DOTALL)
    path = tmp_path / "four_more.py"
    path.write_text("import numpy as np\n\n\n" + "\n\n".join(loss for loss, _ in pairs))
    monkeypatch.syspath_prepend(tmp_path)
    import four_more

    for (_, backward), (name, (wrt, specs)) in zip(pairs, SHOWN.items(), strict=True):
        sizes = {k: tuple(v.split()) for k, v in specs.items()}
        compiled = symgrad.compile(getattr(four_more, name), wrt=tuple(wrt.split()), specs=sizes)
        assert backward in compiled.source


def test_the_losses_are_those_of_the_lecture():
    shown = [float(x) for x in re.findall(r"epoch +\d+ +loss ([\d.]+)", README)]
    lecture = [1.125203, 1.009721, 0.816235, 0.585993, 0.400339,
               0.267947, 0.179635, 0.121656, 0.086065, 0.065226]  # fmt: skip
    np.testing.assert_allclose(shown, lecture, atol=1e-6)


def test_the_two_commands_are_those_of_the_continuous_check():
    commands = blocks("sh")[0].splitlines()
    script = (ROOT / ".ci/run").read_text()
    assert len(commands) == 2
    assert all(command in script for command in commands)


def test_the_conventions_at_kinks_are_those_of_the_table_of_operations():
    rows = README.split("| operation | derivative at its kinks and jumps |\n|---|---|\n")[1]
    shown = {}
    for line in rows.split("\n\n")[0].splitlines():
        names, convention = line.strip("| ").split(" | ")
        shown.update(dict.fromkeys(re.findall(r"`(\w+)`", names), convention))
    assert shown == {name: row.facts.kinks for name, row in OPS.items() if row.facts.kinks}


def test_the_attributes_of_the_report_exist():
    rows = README.split("| attribute | tells |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    report = symgrad.compile(lambda x: np.sum(x**2), specs={"x": "n"}).report
    named = [name for row in rows for name in re.findall(r"`(\w+)", row.split(" | ")[0])]
    assert len(named) >= 10
    assert all(hasattr(report, name) for name in named)
    parts = re.findall(r"`(\w+)`", rows[0].split(" | ")[1])
    assert all(hasattr(report.functions["backward"], name) for name in parts)
    assert all(hasattr(report.residuals, name) for name in ("total", "additional"))


def test_the_naive_forms_give_what_the_table_says():
    names, others = ("form", "at", "as written", "symgrad"), "JAX, PyTorch, autograd"
    head = f"| {' | '.join([*names, others])} |\n"
    shown = README[README.index(head) :].split("\n\n")[0].splitlines()[2:]
    rows = table()
    assert len(shown) >= 8
    assert {row.rpartition(" | ")[0] + " |" for row in shown} <= set(
        markdown(rows, names).split("\n")
    )
    for name in rows[0].keys() & {"jax", "torch", "autograd"}:
        assert set(shown) <= set(markdown(rows, (*names, name)).split("\n"))
