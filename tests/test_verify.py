"""`symgrad verify`: what is wrong with a saved module is noticed, and nothing foreign is run."""

import collections
import dataclasses
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import GOLDEN
from golden_programs import PROGRAMS, by_name
from mutations import mutants
from programs import PROGRAMS as SMALL

import symgrad
from symgrad import SpecError
from symgrad.cli import main
from symgrad.load import load
from symgrad.study.emitted import read
from symgrad.study.verifying import verify

NAMES = [p.name for p in PROGRAMS]
SOURCE = Path(__file__).with_name("golden_programs.py")


def golden(name):
    return (GOLDEN / f"{name}.py").read_text()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- modules as they were saved ------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_module_whose_source_is_there_is_emitted_again(name, folder):
    (folder / "golden_programs.py").write_text(SOURCE.read_text())
    found = verify(golden(name))
    assert found, found
    assert found.source == "present"
    if name != "captures":  # made inside another function: its values are out of reach
        assert "the text is what is emitted for golden_programs.py:" in found.how


@pytest.mark.parametrize("name", NAMES)
def test_a_module_whose_source_is_gone_is_checked_by_its_numbers(name, folder):
    found = verify(golden(name))
    assert found, found
    assert found.source == "gone"
    assert "against differences of its own forward at 6 sets of arguments" in found.how


@pytest.mark.parametrize("name", ["two_layer", "huber"])
def test_a_module_whose_source_was_edited_is_checked_by_its_numbers(name, folder):
    text = SOURCE.read_text().replace("return ", "return 0 + ")
    (folder / "golden_programs.py").write_text(text)
    found = verify(golden(name))
    assert found and found.source == "changed"
    assert "has changed since the module was made" in str(found)


def test_the_source_is_looked_for_beside_the_module_and_here(folder, monkeypatch):
    (folder / "src").mkdir()
    (folder / "other").mkdir()
    (folder / "src" / "golden_programs.py").write_text(SOURCE.read_text())
    (folder / "src" / "out.py").write_text(golden("huber"))
    monkeypatch.chdir(folder / "other")
    assert verify("../src/out.py").source == "present"
    monkeypatch.chdir(folder / "src")
    assert verify(golden("huber")).source == "present"


OPTIONS = [
    {"exact": True},
    {"comments": False},
    {"exact": True, "comments": False},
    {"without": ["exp(x - c) / sum(exp(x - c)) = softmax(x)"]},
    {"wrt": ("W",)},
    {"wrt": ("b", "W")},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("by_specs", [True, False])
def test_it_does_not_matter_how_the_module_was_asked_for(options, by_specs, folder):
    (folder / "golden_programs.py").write_text(SOURCE.read_text())
    program = by_name("softmax_regression")
    specs = {"W": "d k", "b": "k", "X": "n d", "y": "n int"} if by_specs else None
    c = symgrad.compile(program.function, **{"wrt": "W", **options}, specs=specs)
    if not by_specs:
        c.value_and_grad(*program.arguments(5))
    c.save("out.py")
    found = verify("out.py")
    assert found and "the text is what is emitted" in found.how, found


def test_comment_lines_on_top_are_no_change(folder):
    (folder / "golden_programs.py").write_text(SOURCE.read_text())
    assert verify("# by me\n# and you\n\n" + golden("huber"))


def structured(first, layers, scale=2.0):
    (W, b), (V, c) = layers
    h = np.tanh(first["x"] @ W + b)
    return scale * np.mean((h @ V + c - first["t"]) ** 2)


def starred(*ws):
    return np.sum(ws[0] ** 2) * np.prod(ws[1])


def with_mode(w, x, mode="mean", power=2):
    r = w @ x
    return np.mean(r**power) if mode == "mean" else np.sum(r**power)


@dataclasses.dataclass
class Layer:
    W: object
    b: object


Weights = collections.namedtuple("Weights", "W b")


def layer(p, X):
    return np.mean(np.tanh(X @ p.W + p.b) ** 2)


def many(alpha_first, beta_second, gamma_third, delta_fourth, epsilon_fifth, zeta_sixth):
    return alpha_first * beta_second * gamma_third * delta_fourth * epsilon_fifth * zeta_sixth


ALL_OF_MANY = ("epsilon_fifth", "beta_second", "gamma_third", "delta_fourth", "alpha_first",
               "zeta_sixth")  # fmt: skip


def picked(E, i, mask):
    return np.sum(E[i] ** 2) + np.sum(E[mask])


V = np.arange(1.0, 4.0)
NESTED = [
    (structured, "layers", ({"x": np.ones((5, 3)), "t": np.ones((5, 2))},
                            ((np.ones((3, 4)), np.ones(4)), (np.ones((4, 2)), np.ones(2))))),
    (structured, ("first", "layers"), ({"x": np.ones((5, 3)), "t": np.ones((5, 2))},
                            [[np.ones((3, 4)), np.ones(4)], [np.ones((4, 2)), np.ones(2)]])),
    (starred, "ws", (V, V)),
    (layer, "p", (Layer(np.ones((4, 3)), V), np.ones((5, 4)))),
    (layer, ("p", "X"), (Weights(np.ones((4, 3)), V), np.ones((5, 4)))),
    (many, ALL_OF_MANY, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)),
    (picked, "E", (np.ones((7, 3)), np.array([1, 2, 6]), np.ones(7) > 0)),
    (with_mode, "w", (np.ones((2, 3)), V, "sum")),
    (with_mode, "w", (np.ones((2, 3)), V, "mean", 3)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "wrt", "args"), NESTED)
def test_arguments_are_built_as_the_module_takes_them_apart(function, wrt, args, folder):
    c = symgrad.compile(function, wrt=wrt)
    c.value_and_grad(*args)
    found = verify(c.source, source=False)
    assert found, found


# --- modules with one thing wrong ----------------------------------------------------------------

MUTATED = ["two_layer", "layer_norm", "huber", "softmax_one_hot", "mlp_of_dicts", "convolution",
           "positive_part", "add_then_multiply", "with_predictions",
           "single_precision"]  # fmt: skip


def leaves(tree):
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in leaves(part)]
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in leaves(part)]
    return [np.asarray(tree, np.float64)]


def outputs(text, program):
    """Return all that a module gives for its program's own arguments, or the error it raises."""
    module, given = load(text, "mutant"), []
    extra = {**program.keywords, **program.captured}
    for n in program.batches:
        args = program.arguments(n)
        try:
            with np.errstate(all="ignore"):
                value, residuals = module.forward(*args, **extra)
                given += [value, module.backward(residuals, 1.7)]
                given += [module.value_and_grad(*args, **extra)]
        except Exception as error:
            return type(error).__name__
    return leaves(given)


def same(a, b):
    if isinstance(a, str) or isinstance(b, str) or len(a) != len(b):
        return a is b
    return all(
        x.shape == y.shape and np.allclose(x, y, rtol=1e-6, atol=1e-9, equal_nan=True)
        for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("name", MUTATED)
def test_every_mutation_that_changes_a_value_is_noticed_without_the_source(name, folder):
    program, text = by_name(name), golden(name)
    right, missed, tried = outputs(text, program), [], 0
    for what, mutant in mutants(text):
        if same(right, outputs(mutant, program)):
            continue
        tried += 1
        if verify(mutant, source=False):
            missed.append(what)
    assert tried > 5
    assert not missed


@pytest.mark.parametrize("name", ["two_layer", "huber", "keyword_only"])
def test_every_mutation_is_noticed_with_the_source(name, folder):
    (folder / "golden_programs.py").write_text(SOURCE.read_text())
    for what, mutant in list(mutants(golden(name)))[::7]:
        found = verify(mutant)
        assert not found, what
        assert found.source == "present" and "--- the module" in found.change


def test_a_changed_source_does_not_hide_a_mutation(folder):
    (folder / "golden_programs.py").write_text(SOURCE.read_text().replace("return ", "return 0 + "))
    mutant = golden("two_layer").replace("(h > 0)", "(h < 0)")
    found = verify(mutant)
    assert not found
    assert "differences of forward give" in found.findings[0]


def test_the_docstrings_shapes_are_checked_too(folder):
    assert not verify(golden("linear_regression").replace("w (d,)", "w (d, d)"))


# --- what may be executed ------------------------------------------------------------------------


def text_with(line, place="    N = X.shape[0]\n"):
    return golden("two_layer").replace(place, f"    {line}\n{place}", 1)


FOREIGN = [
    "import os",
    "from numpy import load",
    "N = __import__('os')",
    "N = open('secret')",
    "N = np.load('secret')",
    "N = np.__dict__",
    "N = X.__class__",
    "N = X.tofile('f')",
    "X.dump('f')",
    "np.lib.npyio.os.system('ls')",
    "N = eval('1')",
    "N = (lambda: 1)()",
    "N = [x for x in X]",
    "N = np.save",
    "N = print",
    "from numpy.lib.stride_tricks import as_strided",
    "from numpy.lib.stride_tricks import sliding_window_view",  # inside a function
    "N = sliding_window_view(X, 1)",  # without its import
    "N = [open('f') for i in range(2)]",
    "N = [i for i in range(2) if open('f')]",
    "N = [i for X.shape in range(2)]",
    "for i in range(open('f')): pass",
    "for i in range(2): open('f')",
    "for i in range(2): X += 1\n    else: X += 1",
    "for i in np.load('f'): X += 1",
    "while True: pass",
    "for x in X: pass",
    "with X: pass",
    "try:\n        N = 1\n    finally:\n        pass",
    "global np",
    "N = (yield)",
    "N = type('a', (), {})",
    "N = type(X)(X)(X)",
    "np = X",
    "raise SystemExit(1)",
    "assert False",
    "X.shape = (1,)\n    del np.float64",
    "N = (np := X)",
    'N = f"{X.__class__}"',
    "N = len(x=open('f'))",
    "N = X.tofile",
    "N = max(['f'], key=X.sum)",
    "N = '{0.__class__}'.format(X)",
    "np.float64 = X",
    "X.flags.writeable = True",
]


@pytest.mark.parametrize("line", FOREIGN)
def test_a_module_that_holds_anything_else_is_not_executed(line, folder):
    with pytest.raises(SpecError, match="nothing that symgrad emits"):
        verify(text_with(line), source=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n", "no Python text"),
        ("x = 1\n", "no module that symgrad wrote"),
        (golden("huber").replace("w (d,)  X (n, d)  y (n,)  delta ()", ""), "not say the shapes"),
        (golden("huber").split("def value_and_grad")[0], "each of forward, backward"),
        (golden("huber").replace("import numpy as np", "import os as np"), "nothing that symgrad"),
        (golden("huber") + "\nforward = 1\n", "nothing that symgrad"),
        (golden("huber").replace("\ndef forward(", "\n@np.array\ndef forward("), "nothing that"),
        (golden("huber").replace("delta=1.0", "delta=open('f')"), "nothing that symgrad"),
        (golden("huber").replace("w (d,)", "w (d.x,)"), "is no size"),
        (golden("huber").replace("w (d,)", "v (d,)"), "neither take nor take apart"),
    ],
)
def test_what_is_no_emitted_module_is_refused(text, message, folder):
    with pytest.raises(SpecError, match=message):
        verify(text, source=False)


def test_a_source_that_is_not_the_recorded_one_is_not_run(folder):
    text = SOURCE.read_text().replace("def huber(w, X, y, delta=1.0):\n", "def huber(w):\n")
    (folder / "golden_programs.py").write_text("raise SystemExit('run')\n" + text)
    assert verify(golden("huber")).source == "changed"


def test_only_what_is_emitted_for_every_op_passes_the_door():
    emitted = 0
    for program in SMALL[::3]:
        c = symgrad.compile(as_loss(program.function), wrt=program.floats or 0, check=None)
        try:
            c.value_and_grad(*program.args)
        except symgrad.SymgradError:
            continue
        read(c.source)
        emitted += 1
    assert emitted > 100


def as_loss(function):
    def loss(*args):
        return np.sum(function(*args) * 1.0)

    import inspect

    loss.__signature__ = inspect.signature(function)
    return loss


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def saved(folder):
    Path("golden_programs.py").write_text(SOURCE.read_text())
    Path("right.py").write_text(golden("huber"))
    Path("wrong.py").write_text(golden("huber").replace("np.sign(r)", "-np.sign(r)"))
    Path("foreign.py").write_text("import os\n")
    return folder


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["right.py"], 0, "right.py: huber: verified"),
        (["right.py", "--no-source"], 0, "against differences"),
        (["wrong.py"], 1, "wrong.py: huber: WRONG"),
        (["right.py", "wrong.py"], 1, "right.py: huber: verified"),
        (["wrong.py", "--no-source"], 1, "differences of forward give"),
        (["foreign.py"], 2, ""),
        (["nowhere.py"], 2, ""),
    ],
)
def test_the_exit_code_says_how_it_stands(words, code, said, saved, capsys):
    assert main(["verify", *words]) == code
    out, err = capsys.readouterr()
    assert said in out
    assert bool(err) == (code == 2)


def test_json_and_stdin(saved, capsys, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(golden("huber").encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["verify", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] is True
    assert main(["verify", "right.py", "wrong.py", "--json"]) == 1
    assert [each["verified"] for each in json.loads(capsys.readouterr().out)] == [True, False]


def test_one_file_that_cannot_be_read_stops_no_other(saved, capsys):
    assert main(["verify", "foreign.py", "nowhere.py", "right.py"]) == 2
    out, err = capsys.readouterr()
    assert "right.py: huber: verified" in out and err.startswith("symgrad: foreign.py: ")
    assert main(["verify", "foreign.py", "right.py", "--json"]) == 2
    assert [each["verified"] for each in json.loads(capsys.readouterr().out)] == [True]


def test_a_module_that_the_command_wrote_is_verified_by_it(folder, capsys):
    Path("loss.py").write_text(
        "import numpy as np\n\n\ndef f(w, X):\n    return ((X @ w)**2).sum()\n"
    )
    words = ["compile", "loss.py:f", "--spec", "w: d", "--spec", "X: n d", "-o", "out.py"]
    assert main(words) == 0
    assert main(["verify", "out.py"]) == 0
    assert "the text is what is emitted for loss.py:f" in capsys.readouterr().out


@pytest.mark.parametrize("program", SMALL[::15], ids=lambda p: p.label)
def test_programs_of_every_kind_are_verified(program, folder):
    c = symgrad.compile(as_loss(program.function), wrt=program.floats or 0, check=None)
    try:
        c.value_and_grad(*program.args)
    except symgrad.SymgradError:
        pytest.skip("refused")
    found = verify(c.source, source=False)
    assert found, found
