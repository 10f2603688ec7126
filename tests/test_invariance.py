"""A pattern is found, and its gradient as good, however it is spelled.

Two kinds of spelling: something that changes nothing, inserted at any place of the formula, and
formulas that are the same in other words.  The plain formula is checked against exact arithmetic,
everything else against the plain one: equal numbers, also where the formula as written overflows,
the same composites, and no more array operations.
"""

import warnings
from functools import cache

import mpmath
import numpy as np
import pytest

import symgrad
from symgrad.expand import drop_dead
from tests.benchmarks.against_hand import SMALLEST
from tests.benchmarks.counting import operations
from tests.benchmarks.exact import evaluate
from tests.invariance import MORE, NOT_YET, PATTERNS, wrappers_for

CLOSE, UNDER_STRESS = 1e-11, 1e-9  # relative to the largest element
PARTS = 3  # so many runs together insert every wrapper at every joint

# The oracle inverts no matrix and knows no tanh.
NO_ORACLE = {"inv(A) b", "log det", "tanh layer"}


class Found:
    """What became of a loss: numbers, also under stress, array operations and composites."""

    def __init__(self, loss, pattern):
        compiled = symgrad.compile(loss, check=None)
        with np.errstate(all="ignore"):  # 1 / (1 + exp(-z)) is 0 by way of an infinity
            self.ordinary = compiled.value_and_grad(*pattern.ordinary)
            self.count = len(operations(compiled._newest().value_and_grad, pattern.ordinary).all)
            self.stress = compiled.value_and_grad(*pattern.stress) if pattern.stress else ()
        self.composites = composites(compiled.graph)


def composites(graph):
    """Return the ops that only a law makes, or that it makes of others, in order of name."""
    rows = [type(eqn.rhs) for eqn in drop_dead(graph).equations]
    return sorted(
        row.name for row in rows if row.facts.expand is not None or row.facts.cost == "contraction"
    )


@cache
def plain(name):
    return Found(PATTERNS[name].plain(), PATTERNS[name])


def assert_close(found, wanted, limit):
    for mine, theirs in zip(found, wanted, strict=True):
        assert np.all(np.isfinite(mine))
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=limit * np.max(np.abs(theirs)))


def assert_as_good(found, name):
    wanted = plain(name)
    assert_close(found.ordinary, wanted.ordinary, CLOSE)
    assert_close(found.stress, wanted.stress, UNDER_STRESS)


def joints():
    return [
        (name, joint) for name, pattern in PATTERNS.items() for joint in range(pattern.joints())
    ]


def insert_everywhere(name, joint, part):
    pattern = PATTERNS[name]
    wrappers = wrappers_for(pattern.passing()[joint])
    for wrapper in list(wrappers)[part::PARTS]:
        found = Found(pattern.at(wrappers[wrapper], joint), pattern)
        try:
            assert_as_good(found, name)
            assert found.composites == plain(name).composites
            assert found.count <= plain(name).count
        except AssertionError as error:
            error.add_note(f"{wrapper} at joint {joint} of {name}")
            raise


@pytest.mark.parametrize(("name", "joint"), joints())
def test_a_step_without_effect_hides_no_pattern(name, joint):
    insert_everywhere(name, joint, joint % PARTS)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("name", "joint"), joints())
def test_no_step_without_effect_hides_a_pattern(name, joint, part):
    insert_everywhere(name, joint, part)


SPELLINGS = [(name, spelling) for name, p in PATTERNS.items() for spelling in p.spellings]


@pytest.mark.parametrize(("name", "spelling"), SPELLINGS)
def test_another_spelling_is_as_good(name, spelling, request):
    if reason := NOT_YET.get((name, spelling)):
        request.applymarker(pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))
    found = Found(PATTERNS[name].spellings[spelling], PATTERNS[name])
    assert_as_good(found, name)
    if (name, spelling) not in NOT_YET:
        assert (found.count > plain(name).count) == ((name, spelling) in MORE)


def test_what_is_listed_exists():
    assert {*NOT_YET, *MORE} <= set(SPELLINGS)
    assert set(PATTERNS) >= NO_ORACLE
    assert all(len(wrappers_for(np.ones(2))) >= 20 for _ in PATTERNS)


CASES = [(name, kind) for name, p in PATTERNS.items() for kind in ("ordinary", "stress")
         if getattr(p, kind) and name not in NO_ORACLE]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_the_plain_formula_is_exact(name, kind):
    arguments = getattr(PATTERNS[name], kind)
    value, gradient = getattr(plain(name), kind)
    places = list(np.ndindex(arguments[0].shape))[::3]
    wanted = evaluate(PATTERNS[name].plain(), arguments, [(0, at) for at in places])
    scale = max(map(abs, wanted[1:]), default=0)
    for mine, theirs, size in [
        (value, wanted[0], abs(wanted[0])),
        *[(gradient[at], g, scale) for at, g in zip(places, wanted[1:], strict=True)],
    ]:
        assert abs(mpmath.mpf(float(mine)) - theirs) <= UNDER_STRESS * max(size, SMALLEST)


def test_the_plain_formula_overflows_as_written():
    """The stress is one: without laws most patterns are not finite there."""
    lost = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name, pattern in PATTERNS.items():
            if pattern.stress is not None:
                compiled = symgrad.compile(pattern.plain(), exact=True, check=None)
                found = compiled.value_and_grad(*pattern.stress)
                if not all(np.all(np.isfinite(x)) for x in found):
                    lost.append(name)
    assert len(lost) >= 15
