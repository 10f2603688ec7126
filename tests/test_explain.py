"""Derivations: the lecture's steps, the gradient an expert ends in, checked, in every format."""

import json
import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pytest
from golden_programs import PROGRAMS, by_name

import symgrad
from symgrad.errors import GraphError
from symgrad.notation import Relation
from symgrad.study.derivations import _circuit
from symgrad.study.derivations.points import Points
from symgrad.study.plain import plain
from symgrad.study.tex import tex
from tests.benchmarks.hand_derived import LOSSES
from tests.mathematics import surroundings
from tests.test_tex import is_well_formed

NAMES = [p.name for p in PROGRAMS]


def derived(name, **more):
    program = by_name(name)
    return symgrad.explain(
        program.function, *program.arguments(program.batches[0]), wrt=program.wrt,
        has_aux=program.options.get("has_aux", False), **program.keywords, **more,
    )  # fmt: skip


def shown(derivation, key):
    return [plain(line.math) for line in derivation.step(key).lines]


# --- the lectures -------------------------------------------------------------------------------


def test_exp_of_sin_of_a_square_is_derived_as_in_the_lecture():
    found = derived("exp_sin_square")
    assert shown(found, "composition") == ["y = f(u) = e^u", "u = g(v) = sin v", "v = h(x) = x²"]
    assert "y = f(g(h(x)))" in str(found)
    assert shown(found, "local") == ["dy/du = e^u", "du/dv = cos v", "dv/dx = 2x"]
    rules = [line.rule for line in found.step("local").lines]
    assert rules == ["derivative of exp", "derivative of sin", "power rule"]
    assert shown(found, "chain") == ["dy/dx = dy/du · du/dv · dv/dx = e^u · cos v · 2x"]
    assert shown(found, "substitution") == ["dy/dx = e^(sin(x²)) · cos(x²) · 2x"]
    last = found.step("gradient").lines[-1]
    assert plain(last.math) == "dy/dx = 2x y cos v"
    assert last.code == "dx = 2 * x * value * np.cos(x_squared)"


def test_the_softmax_net_ends_in_p_minus_onehot():
    found = derived("two_layer")
    lines = {plain(line.math): line.code.splitlines() for line in found.step("gradient").lines}
    key = "∂loss/∂sᵢⱼ = (1/N) (eᵢⱼ / (total_e)ᵢ - 𝟙[j = yᵢ])"
    assert lines[key] == ["ds = e / total_e", "ds[rows, y] -= 1", "ds /= N"]
    assert "∂loss/∂W2 = hᵀ ∂loss/∂s + 2 lam W2" in lines


def test_the_logistic_loss_ends_in_p_minus_y():
    found = derived("logistic_regression")
    assert "∂f/∂z = (1/n) (p - y)" in shown(found, "gradient")
    laws = {line.rule for line in found.step("rewrites").lines}
    assert "1 / (1 + exp(-z)) = sigmoid(z)" in laws


def test_paths_that_meet_are_summed():
    found = symgrad.explain(lambda x, y: x * y + np.sin(x) * x, 1.0, 2.0)
    line = next(line for line in found.step("chain").lines if line.of == "x")
    assert len(line.math.sides[1].terms) == 3
    assert line.rule == "chain rule, summed over 3 paths"
    assert shown(found, "substitution") == ["∂f/∂x = sin x + x · cos x + y", "∂f/∂y = x"]


def test_a_value_that_several_read_is_said_so():
    line = next(line for line in derived("two_layer").step("chain").lines if line.of == "W1")
    assert line.rule == "read by loss and h"


# --- every program ------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["full", "gates"])
@pytest.mark.parametrize("name", NAMES)
def test_every_equation_was_compared_at_three_points(name, level):
    found = derived(name, level=level)
    lines = [line for step in found.steps for line in step.lines if line.math is not None]
    assert lines
    assert {line.points for line in lines} == {3}


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_a_derivation(name):
    loss = LOSSES[name]
    found = symgrad.explain(
        loss.function, *loss.arguments(np.random.default_rng(0), 6), wrt=loss.wrt
    )
    assert all(line.points for s in found.steps for line in s.lines if line.math is not None)


# No formula shows all sizes: of axes that are new, of windows.
NEW_AXES = {"two_layer", "matrix_factorisation", "positive_part", "conv_net", "smoothed_image"}


@pytest.mark.parametrize(
    "name", [n for n in NAMES if not by_name(n).options.get("has_aux") and n not in NEW_AXES]
)
def test_the_last_step_is_the_gradient_to_one_who_reads_it(name):
    """Calculate the emitted equations one after the other; a new name is what its line says."""
    program = by_name(name)
    args = program.arguments(program.batches[0])
    found = derived(name)
    reader = surroundings(_circuit(program.function, args, program.keywords, program.wrt, "full"))
    tolerance = 1e-4 if name == "single_precision" else 1e-8
    known, compared = set(reader.names), 0
    for line in found.step("gradient").lines:
        left, right = line.math.sides
        if reader.key(left) not in reader.names:
            reader.define(left, right)
        elif reader.key(left) in known:
            with np.errstate(all="ignore"):
                assert reader.agrees(left, right, tolerance), plain(line.math)
            compared += 1
    assert compared >= len(program.wrt)


def test_a_wrong_derivative_is_never_shown(monkeypatch):
    from symgrad.graph import OPS

    row = OPS["sin"]
    monkeypatch.setattr(row, "vjp", staticmethod(lambda i, ct, ys, xs, _: ct * xs[0]))
    with pytest.raises(GraphError, match="is not what differences give"):
        symgrad.explain(lambda x: np.sin(x) * 2, 0.3)


def test_a_kink_says_nothing_against_a_derivative():
    found = symgrad.explain(lambda x: np.sum(np.maximum(0, x)), np.array([-1.0, 2.0, 0.5]))
    assert {line.points for line in found.step("chain").lines} == {3}


# --- arguments, levels, data --------------------------------------------------------------------


def test_arguments_are_made_up_where_none_are_given():
    def mse(w, X, y):
        return np.mean((X @ w - y) ** 2)

    found = symgrad.explain(mse, wrt="w")
    assert found.wrt == ("w",)
    assert found.notes == ("made up (seed 0): w (4,), X (5, 4), y (5,)",)


def test_keyword_arguments_are_those_of_the_function():
    def scaled(x, *, factor=1.0):
        return factor * x**2

    found = symgrad.explain(scaled, 2.0, factor=3.0, wrt="x")
    assert found.step("gradient").lines[-1].code.startswith("dx = ")


def test_what_the_value_does_not_depend_on_has_derivative_zero():
    found = symgrad.explain(lambda x, y: y * 2, 2.0, 3.0)
    assert found.wrt == ("x", "y") and "df/dx = 0" in shown(found, "gradient")
    alone = symgrad.explain(lambda x, y: y * 2, 2.0, 3.0, wrt="x")
    assert alone.wrt == ("x",) and "df/dx = 0" in shown(alone, "gradient")


@pytest.mark.parametrize("seed", range(4))
def test_what_cancels_to_rounding_says_nothing_against_a_derivative(seed):
    def whitened(t):
        p = (t - t.mean()) / np.sqrt(t.var() + 0.01)
        return 1.3 * np.sum(p)

    t = np.round(np.random.RandomState(seed).uniform(-1, 1, 24), 3)
    assert symgrad.explain(whitened, t).wrt == ("t",)


def test_an_array_without_axes_is_an_argument_like_a_number():
    assert "dy/dx = 3x²" in shown(symgrad.explain(lambda x: x**3, np.array(2.0)), "gradient")


def test_levels_show_more_and_more():
    keys = {k: [s.key for s in derived("two_layer", level=k).steps] for k in ("short", "lines")}
    assert keys["short"] == ["composition", "chain", "gradient"]
    assert keys["lines"] == ["composition", "local", "chain", "gradient"]
    gates = derived("two_layer", level="gates").step("composition").lines
    assert len(gates) > len(derived("two_layer").step("composition").lines)


def test_the_layout_is_stated():
    assert "Layout: a gradient has the shape of its variable" in str(derived("two_layer"))


@pytest.mark.parametrize("name", ["two_layer", "exp_sin_square", "lstm", "positive_part"])
def test_a_derivation_is_the_same_text_every_time(name):
    first, second = derived(name), derived(name)
    for method in ("text", "markdown", "latex", "html", "json"):
        assert getattr(first, method)() == getattr(second, method)()


# --- formats ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_html_is_well_formed_and_json_holds_every_line(name):
    found = derived(name)
    page = found.html()
    ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))
    assert page.count("<math") > len(found.step("composition").lines)
    data = json.loads(found.json())
    assert [step["key"] for step in data["steps"]] == [step.key for step in found.steps]
    assert sum(len(s["lines"]) for s in data["steps"]) == sum(len(s.lines) for s in found.steps)


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_is_tex_that_amsmath_knows(name):
    for step in derived(name).steps:
        for line in step.lines:
            if isinstance(line.math, Relation):
                assert is_well_formed(tex(line.math).replace(r"\leftarrow", "")), tex(line.math)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
@pytest.mark.parametrize("name", NAMES)
def test_latex_compiles(name, tmp_path):
    derived(name).save(tmp_path / "derivation.tex")
    run = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "derivation.tex"],
        cwd=tmp_path, capture_output=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout.decode("latin-1")[-2000:]


def test_each_suffix_has_its_format(tmp_path):
    found = derived("add_then_multiply")
    starts = {".txt": "Gradient", ".md": "## ", ".tex": "\\documentclass", ".html": "<!DOCTYPE",
              ".json": "{"}  # fmt: skip
    for suffix, start in starts.items():
        path = found.save(tmp_path / f"d{suffix}")
        assert path.read_text(encoding="utf-8").startswith(start)


def test_what_the_user_wrote_is_escaped():
    def odd_name_(x_, größe):
        return x_ * größe  # <b>&amp; $x$ \input{secret} `code`

    found = symgrad.explain(odd_name_, 2.0, 3.0)
    assert "<b>" not in found.html()
    assert r"\input" not in found.latex()
    assert r"odd\_name\_" in found.latex() and r"odd\_name\_" in found.markdown()


# --- mistakes -----------------------------------------------------------------------------------

MISTAKES = [
    (lambda: symgrad.explain(np.sin, 1.0, level="all"), "level='all': one of 'full', 'lines'"),
    (lambda: symgrad.explain(lambda x: np.log(x), -1.0), "cannot be checked near these arguments"),
    (lambda: derived("exp_sin_square").save("d.pdf"), "the suffix says the format"),
    (lambda: derived("exp_sin_square").step("end"), "this derivation has the steps composition"),
    (lambda: symgrad.explain(lambda x: 3.0, 1.0), "depends on no argument"),
]


@pytest.mark.parametrize("call, message", MISTAKES, ids=[message for _, message in MISTAKES])
def test_a_mistake_is_told(call, message):
    with pytest.raises(symgrad.ArgumentError, match=message):
        call()


def test_points_near_zero_are_not_all_zero():
    from symgrad.study.circuit import circuit

    points = Points(circuit(lambda x: x**2, (0.0,)))
    assert all(value != 0 for given in points.inputs for value in given.values())


def test_the_command_prints_a_derivation(tmp_path, capsys):
    from symgrad.cli import main

    file = tmp_path / "model.py"
    file.write_text("import numpy as np\n\n\ndef f(x):\n    return np.exp(np.sin(x**2))\n")
    assert main(["explain", f"{file}:f", "--args", "x=0.7", "--level", "short"]) == 0
    assert "df/dx = df/du · du/dv · dv/dx" in capsys.readouterr().out
    assert main(["explain", f"{file}:f", "--format", "latex", "--document"]) == 0
    assert capsys.readouterr().out.startswith("\\documentclass")
    assert main(["explain", f"{file}:g"]) == 2


def test_the_command_writes_the_format_that_a_suffix_says(tmp_path, capsys):
    from symgrad.cli import main

    file = tmp_path / "model.py"
    file.write_text("import numpy as np\n\n\ndef f(x):\n    return np.exp(np.sin(x**2))\n")
    assert main(["explain", f"{file}:f", "-o", str(tmp_path / "f.tex")]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "f.tex").read_text().startswith("\\documentclass")
    assert main(["explain", f"{file}:f", "-o", str(tmp_path / "f.pdf")]) == 2


def test_a_local_derivative_that_is_written_as_the_whole_one_is_told_apart():
    def damped(x, k):
        u = np.sin(x)
        f = u * k * x
        return f

    said = "On the right, ∂f/∂x is the local derivative"
    assert said in " ".join(str(symgrad.explain(damped, 0.5, 2.0)).split())
    assert "On the right" not in str(symgrad.explain(lambda x: np.sin(x**2), 0.5))
