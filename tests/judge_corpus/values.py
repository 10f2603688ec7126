"""The value of a claim, by running it: the corpus trusts its own text, the judge must not."""

import sys

import numpy as np


def local_names(function, arguments):
    """Return the local variables of ``function`` when it returns, by name."""
    found = {}

    def watch(frame, event, _):
        if event == "return" and frame.f_code is function.__code__:
            found.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        function(*arguments)
    finally:
        sys.setprofile(before)
    return found


def namespace(formula):
    """Return what the lines of a claim may read."""
    return {"np": np, **local_names(formula.function, formula.arguments())}


def run(claim, names):
    """Return all names after the lines of ``claim``; they share no array with ``names``."""
    after = dict(names)
    exec(compile(claim, "<claim>", "exec"), after)
    return after


def answers(formula, claim, names=None):
    """Return the gradients that ``claim`` says, one for each name of ``wrt``."""
    after = run(claim, names or namespace(formula))
    return tuple(np.asarray(after[name], float) for name in formula.answers)


def evaluated(formula, claim, names=None):
    """Return what `answers` returns, or none where NumPy refuses the shapes or the index."""
    try:
        with np.errstate(all="ignore"):
            return answers(formula, claim, names)
    except (ValueError, IndexError, TypeError):
        return None


def same(mine, theirs, rtol=1e-9):
    """Compare shapes exactly and values to rounding."""
    return len(mine) == len(theirs) and all(
        a.shape == b.shape and np.allclose(a, b, rtol=rtol, atol=rtol * (1 + np.abs(b).max()))
        for a, b in zip(mine, theirs, strict=True)
    )
