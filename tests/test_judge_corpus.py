"""The corpus of the judge is what it says it is, and the judge stands it.

The corpus is checked by finite differences and by running its text, neither of which knows
anything of symgrad; only then is the judge asked.
"""

import ast
import functools
import inspect
import time
import traceback
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import symgrad
from tests.judge_corpus import FORMULAS, SUBJECTS, hostile
from tests.judge_corpus.lectures import EQUATIONS, NOTES, PRINTED, loss_of_z
from tests.judge_corpus.plants import KINDS, names_kind, plants
from tests.judge_corpus.rewrites import EVERY, HOW_MANY, rewritten
from tests.judge_corpus.special import SPECIAL
from tests.judge_corpus.values import answers, evaluated, local_names, same
from tests.oracles import slope

STEP = 1e-5  # short, so that no kink lies within it
AT_LEAST = 20  # wrong claims of each kind
RIGHT_DIAGNOSES = 0.9
PATIENCE = 1.0  # seconds until a hostile text is refused
MEMORY = 8 * 2**30  # bytes of addresses, of which libraries take two

SQUARE = {
    "kernel ridge", "multivariate Gaussian", "recurrent, two steps", "tanh, examples in columns",
    "quadratic form", "quadratic function", "quadratic form of a difference", "Rayleigh quotient",
    "tr(X' A X)", "tr(A X B X')", "tr(A X^-1)", "b' A^-1 b", "log det A", "det A",
    "likelihood of a Gaussian process", "squares of L L' - S", "squares of A X + X B - C",
}  # fmt: skip


def measured(function, arguments, wrt):
    """Return the gradients by ``wrt`` by finite differences."""
    positions = list(inspect.signature(function).parameters)
    return [partial(function, arguments, positions.index(name)) for name in wrt]


def partial(function, arguments, k):
    x = np.asarray(arguments[k], float)
    gradient = np.zeros(x.shape)

    def along(moved):
        return function(*arguments[:k], moved, *arguments[k + 1 :])

    for at in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[at] = 1.0
        gradient[at] = slope(along, (x,), (unit,), STEP)
    return gradient


def names_of(wrt):
    return (wrt,) if isinstance(wrt, str) else wrt


# The right claims.


def test_names_are_given_once():
    assert len(FORMULAS) == sum(len(subject) for subject in SUBJECTS)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_right_claim_agrees_with_finite_differences(name):
    formula = FORMULAS[name]
    expected = measured(formula.function, formula.arguments(), formula.names)
    assert same(answers(formula, formula.claim), expected, rtol=1e-7)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_right_claim_agrees_with_symgrad(name):
    formula = FORMULAS[name]
    found = symgrad.grad(formula.function, wrt=formula.names)(*formula.arguments())
    assert same(answers(formula, formula.claim), [np.asarray(x, float) for x in found])


@pytest.mark.parametrize("name", FORMULAS)
def test_a_claim_is_lines_of_names_and_formulas(name):
    lines = ast.parse(FORMULAS[name].claim).body
    assert all(isinstance(line, ast.Assign) and len(line.targets) == 1 for line in lines)
    assert len(lines) == len(FORMULAS[name].claim.splitlines())


def test_a_matrix_is_square_only_where_it_must_be():
    for formula in FORMULAS.values():
        for x in formula.arguments():
            square = np.ndim(x) == 2 and len(set(np.shape(x))) == 1
            assert not square or formula.name in SQUARE


# The planted mistakes.


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mistake_is_planted_into_many_formulas(kind):
    formulas = {plant.formula.name for plant in plants(kind)}
    assert len(formulas) == len(plants(kind)) >= AT_LEAST


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_mistake_changes_the_value(kind):
    for plant in plants(kind):
        right = measured(plant.formula.function, plant.formula.arguments(), plant.formula.names)
        found = evaluated(plant.formula, plant.claim)
        assert found is None or not same(found, right, rtol=1e-4), plant.claim


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_mistake_stands_in_one_line(kind):
    for plant in plants(kind):
        right = ast.unparse(ast.parse(plant.formula.claim)).splitlines()
        wrong = plant.claim.splitlines()
        pairs = enumerate(zip(right, wrong, strict=True), 1)
        assert [k for k, (a, b) in pairs if a != b] == [plant.line], plant.claim
        assert wrong[plant.line - 1].startswith(f"{plant.target} = ")


def test_words_of_one_kind_are_not_those_of_another():
    for kind in KINDS:
        assert [other for other in KINDS if names_kind(kind, other)] == [kind]


# The rewritten claims.


def test_enough_claims_are_rewritten_in_every_way():
    claims = {(r.formula.name, r.claim) for r in rewritten()}
    used = Counter(rule for r in rewritten() for rule in r.by)
    assert len(claims) == HOW_MANY == 200
    assert all(used[rule] >= 5 for rule in EVERY)


def test_a_rewritten_claim_keeps_the_value_and_not_the_text():
    for r in rewritten():
        assert r.claim != ast.unparse(ast.parse(r.formula.claim)), r
        assert same(answers(r.formula, r.claim), answers(r.formula, r.formula.claim)), r


# The claims that are right for special data.


def value_at(formula, arguments):
    names = {"np": np, **local_names(formula.function, arguments)}
    return answers(formula, formula.claim, names)


@pytest.mark.parametrize("assumption", SPECIAL)
def test_a_special_claim_is_right_where_its_assumption_holds_and_only_there(assumption):
    formula, granted = SPECIAL[assumption].formula, SPECIAL[assumption].granted
    general, special = formula.arguments(), granted(np.random.default_rng(0))
    expected = measured(formula.function, special, formula.names)
    assert same(value_at(formula, special), expected, rtol=1e-6)
    expected = measured(formula.function, general, formula.names)
    assert not same(value_at(formula, general), expected, rtol=1e-4)


# The printed formulas.


def printed_value(row, claim):
    """Return the gradients that a printed claim says; none where NumPy refuses."""
    names = {"np": np, **local_names(row.function, row.args)}
    answers = [f"d{name}" for name in names_of(row.wrt)]
    try:
        exec(compile(claim, "<printed>", "exec"), names)
    except ValueError:
        return None
    return [np.asarray(names[answer], float) for answer in answers]


@pytest.mark.parametrize("row", PRINTED, ids=lambda row: row.name)
def test_a_printed_gradient_is_right_unless_a_slip_is_known(row):
    expected = measured(row.function, row.args, names_of(row.wrt))
    found = printed_value(row, row.claim)
    assert (found is not None and same(found, expected, rtol=1e-6)) == (not row.slip)
    assert bool(row.corrected) == bool(row.slip)
    assert set(row.kinds) <= set(KINDS)
    if row.corrected:
        assert same(printed_value(row, row.corrected), expected, rtol=1e-6)


@pytest.mark.parametrize("row", EQUATIONS, ids=lambda row: row.name)
def test_a_printed_equation_holds_unless_a_slip_is_known(row):
    def holds(sides):
        return np.allclose(*sides(), rtol=0, atol=0.5001 * 10.0**-row.digits)

    assert holds(row.sides) == (not row.slip)
    assert (row.corrected is not None) == bool(row.slip)
    assert row.corrected is None or holds(row.corrected)


def test_every_document_has_its_rows():
    rows = Counter(row.document for row in (*PRINTED, *EQUATIONS))
    assert set(rows) == {"000", "001", "002", "003", "004"}
    assert min(rows.values()) >= 15
    assert all(note.printed != note.should_be for note in NOTES)


# The judge.


def sample(cases, how_many):
    """Return some of ``cases``, spread over all, for the ordinary run."""
    return list(cases)[:: max(1, len(cases) // how_many)]


def verdict_of(formula, claim):
    return symgrad.compare(formula.function, claim, wrt=formula.wrt, args=formula.arguments())


@functools.cache
def judged(kind):
    """Return the wrong claims of a kind, each with its verdict."""
    return [(plant, verdict_of(plant.formula, plant.claim)) for plant in plants(kind)]


@pytest.mark.parametrize("name", sample(FORMULAS, 20))
def test_a_right_claim_is_accepted(name):
    assert verdict_of(FORMULAS[name], FORMULAS[name].claim)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMULAS)
def test_every_right_claim_is_accepted(name):
    verdict = verdict_of(FORMULAS[name], FORMULAS[name].claim)
    assert verdict and verdict.equal and not verdict.mistake


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_mistake_is_found_and_named(kind):
    plant = plants(kind)[0]
    verdict = verdict_of(plant.formula, plant.claim)
    assert not verdict and not verdict.equal
    assert names_kind(verdict.mistake, kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_planted_mistake_is_found(kind):
    accepted = [plant.claim for plant, verdict in judged(kind) if verdict]
    assert not accepted


def assert_nine_in_ten(is_right):
    """Check how many verdicts of all wrong claims are right in one respect, and list the others."""
    verdicts = [(kind, plant, verdict) for kind in KINDS for plant, verdict in judged(kind)]
    wrong = [
        f"{kind} in line {plant.line} of {plant.formula.name!r}:"
        f" {verdict.mistake} in line {verdict.line}"
        for kind, plant, verdict in verdicts
        if not is_right(kind, plant, verdict)
    ]
    assert len(wrong) <= (1 - RIGHT_DIAGNOSES) * len(verdicts), "\n".join(wrong)


@pytest.mark.slow
def test_nine_in_ten_diagnoses_are_right():
    assert_nine_in_ten(lambda kind, plant, verdict: names_kind(verdict.mistake, kind))


@pytest.mark.slow
def test_nine_in_ten_lines_are_right():
    assert_nine_in_ten(lambda kind, plant, verdict: verdict.line == plant.line)


def test_rewritten_claims_are_accepted():
    assert all(verdict_of(r.formula, r.claim) for r in sample(rewritten(), 20))


@pytest.mark.slow
def test_no_rewritten_claim_raises_an_alarm():
    assert not [r for r in rewritten() if not verdict_of(r.formula, r.claim)]


@pytest.mark.parametrize("assumption", SPECIAL)
def test_a_claim_is_refused_that_is_right_for_other_data(assumption):
    formula = SPECIAL[assumption].formula
    assert not verdict_of(formula, formula.claim)


@pytest.fixture(scope="module")
def warm():
    """Make one ordinary comparison, so that only the hostile text is timed."""
    symgrad.compare(hostile.loss, hostile.RIGHT, wrt=hostile.WRT, args=hostile.arguments())


@pytest.fixture
def bounded_memory():
    """Let a judge that builds what a claim asks for fail, and not the machine."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def out_of_memory(error):
    """Tell whether memory ran out behind ``error``, other than in Python's own parser."""
    while error:
        places = traceback.extract_tb(error.__traceback__)
        if isinstance(error, MemoryError) and Path(places[-1].filename).name != "ast.py":
            return True
        error = error.__context__
    return False


def refusal(claim):
    """Return the error for a hostile claim and the seconds until it came."""
    started = time.perf_counter()
    with pytest.raises(symgrad.SymgradError) as caught:
        symgrad.compare(hostile.loss, claim, wrt=hostile.WRT, args=hostile.arguments())
    return caught.value, time.perf_counter() - started


@pytest.mark.parametrize("name", hostile.REFUSED)
@pytest.mark.usefixtures("warm", "bounded_memory")
def test_hostile_text_is_refused_at_once_and_not_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error, seconds = refusal(hostile.REFUSED[name])
    assert seconds < PATIENCE
    assert len(str(error)) < 2000  # the text is not quoted in full
    assert not out_of_memory(error)
    assert not hostile.EXECUTED
    assert not list(tmp_path.iterdir())


class Tags(HTMLParser):
    """Collect the names of tags and of attributes that run code."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def handle_starttag(self, tag, attributes):
        self.found.add(tag)
        self.found |= {name for name, _ in attributes if name.startswith("on")}


@pytest.mark.parametrize("name", hostile.SHOWN)
def test_markup_of_a_claim_does_not_reach_the_page(name):
    claim = hostile.SHOWN[name]
    verdict = symgrad.compare(hostile.loss, claim, wrt=hostile.WRT, args=hostile.arguments())
    page = verdict._repr_html_()
    tags = Tags()
    tags.feed(page)
    assert not tags.found & hostile.FORBIDDEN_TAGS
    assert not [tag for tag in tags.found if tag.startswith("on")]
    assert hostile.COMPUTED not in page


def judged_as_printed(row, claim):
    return symgrad.compare(row.function, claim, wrt=row.wrt, args=row.args)


@pytest.mark.slow
@pytest.mark.parametrize("row", PRINTED, ids=lambda row: row.name)
def test_a_printed_gradient_is_judged_as_known(row):
    verdict = judged_as_printed(row, row.claim)
    assert bool(verdict) == (not row.slip)
    assert not row.kinds or any(names_kind(verdict.mistake, kind) for kind in row.kinds)
    assert not row.corrected or judged_as_printed(row, row.corrected)


SLIPS = [row for row in PRINTED if row.slip]
IN_LATEX = [row for row in PRINTED if row.latex]


@pytest.mark.parametrize("row", sample(SLIPS, 10), ids=lambda row: row.name)
def test_a_known_slip_is_found(row):
    assert not judged_as_printed(row, row.claim)


@pytest.mark.parametrize("row", IN_LATEX, ids=lambda row: row.name)
def test_a_gradient_printed_in_latex_is_judged_as_known(row):
    assert bool(judged_as_printed(row, row.latex)) == (not row.slip)


def test_the_variable_of_an_inner_loop_is_known_after_the_outer_one():
    claim = """
    dX = 0 * X
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            dX[i, j] = 2 * X[i, j]
    last = j
    """
    assert symgrad.compare(lambda X: np.sum(X**2), claim, "X", (np.ones((2, 3)),))


CHAINS = [  # equations of several sides about dz, and whether all are right
    (r"\frac{\partial L}{\partial z} = \hat{y} - y = -(y - \hat{y})", True),
    (r"\frac{\partial L}{\partial z} = \hat{y} + y = \hat{y} - y", False),
    (r"\frac{\partial L}{\partial z} = \hat{y} - y = \hat{y} + y", False),
    (
        r"\frac{\partial L}{\partial z} = \hat{y}(1-\hat{y}) \cdot -\frac{y}{\hat{y}} + "
        r"\frac{1-y}{1-\hat{y}} = \hat{y} - y",
        False,
    ),
    (
        r"\frac{\partial L}{\partial z} = \hat{y}(1-\hat{y}) \left(-\frac{y}{\hat{y}} + "
        r"\frac{1-y}{1-\hat{y}}\right) = \hat{y} - y",
        True,
    ),
    (r"r = y - \hat{y} = \hat{y} - y, \quad \frac{\partial L}{\partial z} = r", False),
    (r"r = \hat{y} - y = -(y - \hat{y}), \quad \frac{\partial L}{\partial z} = r", True),
]


@pytest.mark.parametrize(("latex", "right"), CHAINS)
def test_every_side_of_an_equation_is_judged(latex, right):
    assert bool(symgrad.compare(loss_of_z, latex, "z", (0.6, 0.25))) == right
