"""The corpus of the judge is what it says it is, and the judge stands it.

The corpus itself is checked by finite differences and by running its text, neither of which knows
anything of symgrad.
"""

import inspect

import numpy as np
import pytest

import symgrad
from tests.judge_corpus import FORMULAS
from tests.judge_corpus.values import answers, namespace, same
from tests.oracles import slope

STEP = 1e-5  # short, so that no kink lies within it


def measured(function, arguments, k):
    """Return the gradient in argument ``k`` by finite differences."""
    x = np.asarray(arguments[k], float)
    gradient = np.zeros(x.shape)

    def along(moved):
        return function(*arguments[:k], moved, *arguments[k + 1 :])

    for at in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[at] = 1.0
        gradient[at] = slope(along, (x,), (unit,), STEP)
    return gradient


@pytest.mark.parametrize("name", FORMULAS)
def test_a_right_claim_agrees_with_finite_differences(name):
    formula = FORMULAS[name]
    arguments = formula.arguments()
    positions = list(inspect.signature(formula.function).parameters)
    expected = [measured(formula.function, arguments, positions.index(x)) for x in formula.names]
    assert same(answers(formula, formula.claim), expected, rtol=1e-7)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_right_claim_agrees_with_symgrad(name):
    formula = FORMULAS[name]
    found = symgrad.grad(formula.function, wrt=formula.names)(*formula.arguments())
    assert same(answers(formula, formula.claim), [np.asarray(x, float) for x in found])
