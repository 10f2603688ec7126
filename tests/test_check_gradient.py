"""`symgrad.check`: gradients against measured derivatives, and what is said about them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from test_imports import HEAVY, asking, modules_after

import symgrad
from symgrad import ArgumentError, WrtError
from symgrad.cli import main
from symgrad.study.measuring import Kink, central, kink

RNG = np.random.RandomState(0)
X, W, V = RNG.standard_normal((5, 4)), RNG.standard_normal((4, 3)), RNG.standard_normal(4)
LABELS = np.array([0, 2, 1, 1, 0])
SQUARE = V[:3, None] * V[:3] + np.eye(3)


def softmax_loss(W, X, y):
    s = X @ W
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean()


def hand_derived(W, X, y):
    s = X @ W
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return X.T @ p / len(y)


# --- what is measured ----------------------------------------------------------------------------

SMOOTH = [
    ("polynomial", lambda x: x**5 - 3 * x, 1.3, 5 * 1.3**4 - 3),
    ("of a small number", lambda x: math.log(x) if x > 0 else math.nan, 1e-8, 1e8),
    ("of a large number", lambda x: x**2, 1e6, 2e6),
    ("fast oscillation", lambda x: math.sin(300 * x), 0.4, 300 * math.cos(120)),
    ("a constant", lambda x: 7.0, 0.3, 0.0),
    ("near a kink", lambda x: abs(x - 1e-4), 0.0, -1.0),
]


@pytest.mark.parametrize(("label", "f", "at", "slope"), SMOOTH, ids=[row[0] for row in SMOOTH])
def test_central_differences_find_a_step_and_admit_their_error(label, f, at, slope):
    found = central(lambda step: f(at + step), at)
    assert found.value == pytest.approx(slope, rel=1e-7, abs=1e-9)
    assert abs(found.value - slope) <= 10 * found.off_by + 1e-12 * abs(slope)


KINKS = [
    ("abs", abs, (-1, 1)),
    ("relu", lambda x: max(x, 0.0), (0, 1)),
    ("a bend in a curve", lambda x: math.exp(x) + 1e-3 * abs(x), (0.999, 1.001)),
    ("smooth", lambda x: math.exp(5 * x), None),
    ("steep and smooth", lambda x: math.tanh(100 * x), None),
    ("a square", lambda x: x * x, None),
    ("constant", lambda x: 3.0, None),
]


@pytest.mark.parametrize(("label", "f", "sides"), KINKS, ids=[row[0] for row in KINKS])
def test_a_kink_is_told_from_curvature(label, f, sides):
    found = kink(f)
    if sides is None:
        assert found is None
    else:
        assert (found.left, found.right) == pytest.approx(sides, abs=1e-4)


def test_a_jump_is_a_kink_without_slopes():
    assert kink(math.floor).is_jump
    assert Kink(0, 1).admits(0.5, 1e-7) and not Kink(0, 1).admits(1.1, 1e-7)


# --- which method --------------------------------------------------------------------------------

ANALYTIC = [
    ("products", lambda w, X: np.sum((X @ w) ** 3)),
    ("exp, log, tanh", lambda w, X: np.log(np.exp(np.tanh(X * w)).sum())),
    ("abs by its sign", lambda w, X: np.abs(w).sum() + np.linalg.norm(w)),
    ("maximum", lambda w, X: np.maximum(X @ w, 0.1).sum() + np.max(w)),
    ("variance", lambda w, X: np.var(X * w, axis=0).sum() + np.std(w)),
    ("where and clip", lambda w, X: np.where(w > 0, w**2, -w).sum() + np.clip(w, -1, 1).sum()),
    ("einsum, vdot, outer", lambda w, X: np.vdot(w, w) + np.einsum("ij,j->", X, w)),
    ("softmax with a shift", lambda w, X: np.exp(w - w.max()).sum() + np.sort(w)[0]),
    ("conjugate of real numbers", lambda w, X: (np.conj(w) * w).sum()),
    ("item by item", lambda w, X: w[0] * w[1] + sum(v * v for v in w)),
    ("in place", lambda w, X: doubled_in_place(w).sum()),
    ("logaddexp and hypot", lambda w, X: (np.logaddexp(w, 0.3) + np.hypot(w, 2.0)).sum()),
]


def doubled_in_place(w):
    twice = w * 1.0
    twice += w**2
    return twice


@pytest.mark.parametrize(("label", "f"), ANALYTIC, ids=[row[0] for row in ANALYTIC])
@pytest.mark.parametrize("method", ["complex", "mpmath", "central"])
def test_all_methods_agree_with_symgrad(label, f, method):
    found = symgrad.check(f, V, X, method=method)
    assert found, found
    assert found.method == method
    assert found.rows[0].error < {"central": 1e-7}.get(method, 1e-13)


@pytest.mark.parametrize(
    ("label", "f", "reason"),
    [
        ("a plain array", lambda w: np.asarray(w).sum() ** 2, "plain array"),
        ("an unknown function", lambda w: np.sinc(w).sum(), "sinc"),
        ("a plain number", lambda w: math.exp(w[0]) * w.sum(), "plain number"),
    ],
)
def test_what_is_not_analytic_by_the_tables_is_measured_by_central_differences(label, f, reason):
    found = symgrad.check(f, V, grad=symgrad.grad(f) if label != "a plain array" else None)
    assert found.method == "central"
    assert any("no complex step" in note and reason in note for note in found.notes)
    assert found, found


def test_a_non_analytic_step_is_never_taken_for_a_derivative():
    # |x|'s imaginary part is 0: a complex step that trusts np.abs would pass this gradient
    without_penalty = symgrad.check(
        lambda w: np.sum(w**2) + 0.1 * np.sum(np.abs(w)), V, grad=lambda w: 2 * w
    )
    assert not without_penalty


# --- gradients of one's own ----------------------------------------------------------------------


def test_a_right_gradient_of_ones_own_passes():
    found = symgrad.check(softmax_loss, W, X, LABELS, wrt="W", grad=hand_derived)
    assert found
    assert found.rows[0].checked == "all 12"
    assert found.rows[0].verdict == "right"


def test_a_wrong_element_is_found_with_both_numbers():
    def wrong(W, X, y):
        gradient = hand_derived(W, X, y)
        gradient[2, 1] *= 1.5
        return gradient

    found = symgrad.check((softmax_loss, wrong), W, X, LABELS)
    assert not found
    worst = found.rows[0].worst
    assert worst.place == "W[2, 1]"
    assert worst.gradient == pytest.approx(1.5 * worst.measured)
    assert worst.error == pytest.approx(1 / 3)
    assert found.rows[0].verdict == "wrong"
    assert "failed: W" in str(found) and "worst is W[2, 1]" in str(found)


@pytest.mark.parametrize(
    ("factor", "verdict", "passes"),
    [
        (1 + 1e-9, "right", True),
        (1 + 1e-5, "too high without kinks", False),
        (1 + 1e-3, "uncomfortable", False),
        (1.1, "wrong", False),
    ],
)
def test_the_verdicts_are_those_of_the_lecture(factor, verdict, passes):
    found = symgrad.check(softmax_loss, W, X, LABELS, grad=lambda *a: factor * hand_derived(*a))
    assert found.rows[0].verdict == verdict
    assert bool(found) is passes
    assert found.rows[0].error == pytest.approx(1 - 1 / factor, rel=1e-6, abs=1e-12)


def test_gradients_come_as_tuples_dicts_or_values():
    def f(a, b):
        return np.sum(a**2) * b

    args = (V, 3.0)
    for grad in (
        lambda a, b: (2 * a * b, np.sum(a**2)),
        lambda a, b: {"db": np.sum(a**2), "da": 2 * a * b},
        (2 * V * 3.0, np.sum(V**2)),
    ):
        found = symgrad.check(f, *args, wrt=("a", "b"), grad=grad)
        assert [row.variable for row in found.rows] == ["a", "b"]
        assert found


def test_a_compiled_function_keeps_its_wrt_and_its_aux():
    c = symgrad.compile(lambda x, p: (np.sum(p["w"] * x), x), wrt="p", has_aux=True)
    found = symgrad.check(c, V, {"w": V, "b": [2.0]})
    assert [row.variable for row in found.rows] == ['p["w"]', 'p["b"][0]']
    assert found
    assert symgrad.check(c, V, {"w": V, "b": [2.0]}, wrt="x").rows[0].variable == "x"


# --- what is said --------------------------------------------------------------------------------


def test_a_kink_is_said_and_does_not_fail_a_convention():
    found = symgrad.check(lambda w: np.sum(np.maximum(w, 0)), np.array([0.0, 1.0, -1.0]))
    assert found
    [(element, bend)] = found.rows[0].at_kinks
    assert (element.place, bend.left, bend.right) == ("w[0]", 0.0, pytest.approx(1.0))
    assert "at a kink, not counted" in str(found)
    assert any("maximum" in note for note in found.notes)
    assert found.tolerance == 1e-4


def test_no_convention_excuses_a_gradient_outside_of_both_slopes():
    assert not symgrad.check(lambda w: np.sum(np.abs(w)), np.zeros(2), grad=lambda w: w + 1.5)


def test_a_large_array_is_sampled_and_that_is_said():
    big = RNG.standard_normal((60, 50))
    found = symgrad.check(lambda w: np.sum(np.tanh(w) ** 2), big, elements=30, seed=3)
    assert found.rows[0].checked == "30 of 3000 drawn with seed 3, and a direction"
    assert found
    again = symgrad.check(lambda w: np.sum(np.tanh(w) ** 2), big, elements=30, seed=3)
    assert again.rows[0].worst == found.rows[0].worst
    assert symgrad.check(lambda w: np.sum(w**2), big, elements=None).rows[0].checked == "all 3000"


def test_a_direction_finds_what_a_sample_misses():
    big = RNG.standard_normal(3000)

    def wrong(w):
        gradient = 2 * w
        gradient[17] += 40
        return gradient

    found = symgrad.check(lambda w: np.sum(w**2), big, grad=wrong, elements=5)
    assert not found
    assert "random direction" in found.rows[0].worst.place


def test_a_function_that_draws_random_numbers_is_not_checked():
    found = symgrad.check(lambda w: np.random.normal() * w, 1.0, grad=lambda w: 1.0)
    assert not found
    assert "two runs with the same arguments differ" in str(found)
    assert found.verdict.startswith("not checked")


def test_single_precision_is_taken_as_double():
    found = symgrad.check(softmax_loss, W.astype(np.float32), X.astype(np.float32), LABELS)
    assert found and found.rows[0].error < 1e-12
    assert any("single precision" in note for note in found.notes)


def test_a_gradient_of_zeros_is_not_failed_by_rounding():
    def flat(w):
        return 1e6 + 0 * np.sinc(w).sum()

    assert symgrad.check(flat, V, method="central", grad=np.zeros(4))


def test_what_cancels_to_rounding_is_not_failed():
    for method in ("complex", "central"):
        assert symgrad.check(lambda x: np.std(x, ddof=1) + np.sum(x - x), V, method=method)
    assert symgrad.check(lambda a, b: np.vdot(np.cross(a, b), b), V[:3], V[1:], method="central")


def into_the_second(x, y):
    y = y.copy()
    y -= x
    y[0] = np.sum(x)
    return np.sum(np.exp(y))


EXTREME = [
    ("of a tiny number", lambda x: np.log(x) * x, (1e-300,)),
    ("of a number beside a tiny one", lambda x, y: np.log(x * y), (1.0, 1e-300)),
    ("of a tiny slope", lambda x: x * 1e-300, (0.0,)),
    ("of a huge number", lambda x: np.log(x * x * 1e-300) + x * 1e-300, (1e150,)),
    ("of a tiny function", lambda x: 1e-13 * x**2, (1.0,)),
    ("in place, by a variable that does not move", into_the_second, (V[:2], V[2:])),
]


@pytest.mark.parametrize("method", ["complex", "mpmath"])
@pytest.mark.parametrize("label, f, args", EXTREME, ids=[row[0] for row in EXTREME])
def test_exact_methods_measure_what_is_out_of_the_ordinary(label, f, args, method):
    wrt = tuple(range(len(args)))
    assert symgrad.check(f, *args, wrt=wrt, method=method)
    wrong = tuple(1.001 * g for g in symgrad.grad(f, wrt)(*args))
    assert not symgrad.check(f, *args, wrt=wrt, method=method, grad=wrong)


def test_nothing_passed_is_changed():
    args = W.copy(), X.copy(), LABELS.copy()
    symgrad.check(softmax_loss, *args)
    for mine, theirs in zip(args, (W, X, LABELS), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_all_formats_tell_the_same_and_escape_names():
    found = symgrad.check(lambda p: np.sum(p["<b>|*"] ** 2), {"<b>|*": V}, grad={"a": 3 * V})
    data = json.loads(found.json())
    assert data["passed"] is False and data["formula"] == "|a - n| / max(|a|, |n|)"
    assert data["rows"][0]["worst"]["gradient"] == pytest.approx(found.rows[0].worst.gradient)
    assert "<b>" not in found._repr_html_() and "&lt;b&gt;" in found._repr_html_()
    assert '`p["<b>\\|*"]`' in found.markdown()
    assert str(found) == str(symgrad.check(lambda p: np.sum(p["<b>|*"] ** 2), {"<b>|*": V},
                                           grad={"a": 3 * V}))  # fmt: skip


def writes(w):
    w += 1.0
    return np.sum(w)


MISTAKES = [
    ("method", ArgumentError, "one of central", lambda: symgrad.check(np.sum, V, method="x")),
    ("elements", ArgumentError, "how many", lambda: symgrad.check(writes, V, elements=0)),
    ("shape", ArgumentError, "must be alike", lambda: symgrad.check(softmax_loss, W, X, LABELS,
                                                                    grad=W.T)),
    ("parts", ArgumentError, "a tuple of 2", lambda: symgrad.check(softmax_loss, W, X, LABELS,
                                                                   wrt=("W", "X"), grad=W)),
    ("a missing key", ArgumentError, "without `X`", lambda: symgrad.check(
        softmax_loss, W, X, LABELS, wrt=("W", "X"), grad={"W": W})),
    ("leaves", ArgumentError, "has 2 parts", lambda: symgrad.check(softmax_loss, W, X, LABELS,
                                                                   grad=[W, W])),
    ("words", ArgumentError, "not real numbers", lambda: symgrad.check(softmax_loss, W, X, LABELS,
                                                                       grad=W + 1j)),
    ("labels in wrt", WrtError, "int64", lambda: symgrad.check(softmax_loss, W, X, LABELS,
                                                               wrt="y", grad=LABELS)),
    ("no number", ArgumentError, "one real number", lambda: symgrad.check(lambda w: w, V, grad=V)),
    ("writes into it", ArgumentError, "writes into its argument", lambda: symgrad.check(writes, V,
                                                                                        grad=V)),
    ("cannot be complex", ArgumentError, "sinc", lambda: symgrad.check(
        lambda w: np.sinc(w).sum(), V, method="complex")),
]  # fmt: skip


@pytest.mark.parametrize(("label", "error", "message", "call"), MISTAKES, ids=lambda x: x)
def test_a_mistake_is_told_what_where_and_how_to_mend_it(label, error, message, call):
    with pytest.raises(error, match=message):
        call()


# --- the command ---------------------------------------------------------------------------------

FILE = """\
import numpy as np


def loss(w, X, y):
    return np.mean((X @ w - y) ** 2)


def right(w, X, y):
    return 2 * X.T @ (X @ w - y) / len(y)


def wrong(w, X, y):
    return X.T @ (X @ w - y) / len(y)


def gate(x, y, z):
    return (x + y) * z
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("loss.py").write_text(FILE)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["loss.py:loss"], 0, "made up (seed 0): w (4,), X (5, 4), y (5,)"),
        (["loss.py:loss", "--wrt", "w,X", "--spec", "X: n 2"], 0, "X         (5, 2)"),
        (["loss.py:loss", "--grad", "right"], 0, "passed"),
        (["loss.py:loss", "--grad", "wrong"], 1, "failed: w"),
        (["loss.py:gate", "--args", "x=-2, y=5, z=-4", "--wrt", "x,y,z"], 0, "passed"),
        (["loss.py:gate", "--args", "1, 2, 3", "--method", "mpmath"], 0, "50 digits"),
        (["loss.py:loss", "--args", "w=[1,2], X=[[1,0],[0,1]], y=[1,1]"], 0, "passed"),
        (["loss.py:loss", "--args", "data.npz", "--format", "markdown"], 0, "| `w` |"),
    ],
)
def test_the_command_checks(words, code, text, folder, capsys):
    np.savez("data.npz", w=V, X=X, y=np.ones(5), other=np.zeros(3))
    assert main(["check", *words]) == code
    assert text in capsys.readouterr().out


def test_the_command_prints_json_for_tools(folder, capsys):
    assert main(["check", "loss.py:loss", "--grad", "wrong", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["rows"][0]["variable"] == "w" and data["rows"][0]["error"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loss.py:loss", "--args", "w=__import__('os')"], "no literal"),
        (["loss.py:loss", "--args", "v=1"], "no parameter `v`"),
        (["loss.py:loss", "--args", "w=1, 2"], "cannot be read"),
        (["loss.py:loss", "--args", "nowhere.npz"], "nowhere.npz: No such file"),
        (["loss.py:loss", "--grad", "rihgt"], "did you mean `right`?"),
        (["loss.py:loss", "--grad", "a b"], "no name of a function"),
    ],
)
def test_a_mistake_in_the_command_is_exit_code_2(words, message, folder, capsys):
    assert main(["check", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err


@pytest.mark.parametrize("command", ["check", "diff", "verify"])
def test_help_imports_nothing_heavy(command):
    assert not modules_after(asking(command, "--help")) & HEAVY
