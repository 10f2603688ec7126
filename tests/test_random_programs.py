"""Whole programs at random against the program itself and finite differences.

120 programs a run, 2,000 with ``-m slow``.  What fails prints its seed and its text.
"""

import importlib.util
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import random_programs
from random_programs import OTHER_SIZES, SIZES, generate

import symgrad

STEP = 2e-3


def load(program, folder):
    """Return the program's function, from a file, so that its source can be read."""
    path = folder / f"random_program_{program.seed}.py"
    path.write_text(program.source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.f


def leaves(x):
    if isinstance(x, (tuple, list)):
        return [leaf for part in x for leaf in leaves(part)]
    return [x]


def close(a, b, rtol):
    scale = max(float(np.max(np.abs(b), initial=0.0)), 1.0)
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=rtol, atol=rtol * scale)


def slope(function, args, places, direction):
    """Return the derivative along a direction, and how far it can be trusted.

    Three central differences at halved steps give two of fourth order (Richardson); their
    distance estimates the error.  To it add what rounding does, and the bend: how much the
    slopes to both sides differ in the limit, which is 0 unless the point is a kink.
    """
    largest = 0.0

    def at(t):
        nonlocal largest
        moved = list(args)
        for k, v in zip(places, direction, strict=True):
            moved[k] = args[k] + t * v
        value = float(function(*moved))
        largest = max(largest, abs(value))
        return value

    middle, steps = at(0.0), (STEP, STEP / 2, STEP / 4)
    sides = [(at(h), at(-h)) for h in steps]
    first, second, third = ((a - b) / (2 * h) for (a, b), h in zip(sides, steps, strict=True))
    coarse, fine = (4 * second - first) / 3, (4 * third - second) / 3
    bends = [(a + b - 2 * middle) / h for (a, b), h in zip(sides, steps, strict=True)]
    rounding = 1e3 * np.finfo(float).eps * largest / STEP
    return fine, 10 * abs(fine - coarse) + abs(2 * bends[2] - bends[1]) + rounding


def check(program, folder):
    """Check everything that is promised of one program; return whether its slope told much."""
    f = load(program, folder)
    args = program.arguments(SIZES)
    plain = f(*args)
    kept = [np.copy(x) for x in args]
    c = symgrad.compile(f, wrt=program.wrt)
    value, grads = c.value_and_grad(*args)
    assert close(value, plain, 1e-9), (value, plain)
    told = check_gradient(program, f, args, value, grads)
    check_halves(c, args, value, grads)
    assert all(np.array_equal(x, y) for x, y in zip(args, kept, strict=True)), "inputs changed"
    compile(c.source, "<emitted>", "exec")
    again = symgrad.compile(f, wrt=program.wrt)
    again(*args)
    assert again.source == c.source, "another text the second time"
    exact = symgrad.compile(f, wrt=program.wrt, exact=True)
    check_exact(program, exact(*args), plain)
    check_exact(program, exact.value_and_grad(*args)[0], plain)
    check_other_sizes(program, f, c, exact)
    if program.seed % 5 == 0:
        check_curvature(program, f, c, args)
    return told


# The order in which NumPy sums depends on how an array lies in memory, which a copy may change,
# and on the function: one product in two spellings is calculated once.
ROUNDS_ANEW = ("copy()", "np.array(", "np.dot", "np.matmul", "np.inner", "np.linalg.norm")


def check_exact(program, value, plain):
    if any(word in program.source for word in ROUNDS_ANEW):
        assert close(value, plain, 1e-13), "exact=True changed the value"
    else:
        assert np.array_equal(value, plain), "exact=True changed the last digits"


def check_gradient(program, f, args, value, grads):
    places = [k for k, p in enumerate(program.parameters) if not p.integer]
    direction = directions(program, args, places)
    for g, k in zip(grads, places, strict=True):
        assert np.shape(g) == np.shape(args[k])
    mine = sum(float(np.sum(g * v)) for g, v in zip(grads, direction, strict=True))
    measured, error = slope(f, args, places, direction)
    scale = max(abs(measured), 1e-2)
    if not np.isfinite(error) or error > 1e-3 * scale:
        return False
    assert abs(mine - measured) <= error + 1e-8 * scale, (
        f"the gradient says {mine}, differences say {measured} (error {error:.1e})"
    )
    return True


def check_curvature(program, f, c, args):
    """Check the second derivative along a direction against differences of the gradient."""
    places = [k for k, p in enumerate(program.parameters) if not p.integer]
    v = directions(program, args, places)
    product = symgrad.hvp(f, program.wrt)(*args, tuple(v))
    mine = sum(float(np.sum(g * d)) for g, d in zip(product, v, strict=True))

    def along(*moved):
        grads = c.value_and_grad(*moved)[1]
        return sum(np.sum(g * d) for g, d in zip(grads, v, strict=True))

    measured, error = slope(along, args, places, v)
    if np.isfinite(error) and error < 1e-3 * max(abs(measured), 1e-2):
        assert abs(mine - measured) <= error + 1e-7 * max(abs(measured), 1.0), (
            f"the second derivative is {mine}, differences say {measured} (error {error:.1e})"
        )


def directions(program, args, places):
    """Return a direction of length 1 for the arguments at these places."""
    rng = np.random.default_rng(program.seed)
    found = [rng.standard_normal(np.shape(args[k])) for k in places]
    size = np.sqrt(sum(float(np.sum(v * v)) for v in found)) or 1.0
    return [v / size for v in found]


def check_halves(c, args, value, grads):
    forward_value, residuals = c.forward(*args)
    assert close(forward_value, value, 1e-12), "forward gives another value"
    found = c.backward(residuals)
    again = c.backward(residuals, 2.5)
    for a, b, twice in zip(found, grads, again, strict=True):
        assert close(a, b, 1e-9), "backward gives another gradient"
        assert close(twice, 2.5 * b, 1e-9), "backward wrote into the residuals, or is not linear"
    arrays = [x for x in (*leaves(tuple(residuals)), *args) if isinstance(x, np.ndarray)]
    results = [g for g in found if isinstance(g, np.ndarray)]
    for k, g in enumerate(results):
        assert g.flags.writeable, "a result that cannot be written to"
        for other in (*arrays, *results[:k]):
            assert not np.shares_memory(g, other), "a result is not an array of its own"


def check_other_sizes(program, f, c, exact):
    args = program.arguments(OTHER_SIZES)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = f(*args)
        if not np.isfinite(plain):
            return
        check_exact(program, exact(*args), plain)
        value, grads = c.value_and_grad(*args)
        # The program itself may lose digits there that a stability law keeps.
        assert close(value, plain, 1e-5), "another value in another size"
        check_gradient(program, f, args, value, grads)


def run(seeds, folder):
    told = 0
    for seed in seeds:
        program = generate(seed)
        try:
            told += check(program, folder)
        except Exception as error:
            error.add_note(f"random program {seed}:\n{program.source}")
            raise
    assert told >= 0.8 * len(seeds), "too many programs stand too close to a kink to tell"


@pytest.mark.parametrize("block", range(12))
def test_random_programs(block, tmp_path):
    run(range(10 * block, 10 * block + 10), tmp_path)


def test_random_programs_that_went_wrong_once(tmp_path):
    # Regions: masks subtracted, values read that another region had replaced.
    run([140, 844, 920, 1875, 1937], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(188))
def test_many_random_programs(block, tmp_path):
    run(range(120 + 10 * block, 130 + 10 * block), tmp_path)


def test_the_text_does_not_depend_on_the_hash_seed(tmp_path):
    code = (
        "import sys, pathlib, symgrad, hashlib\n"
        "from random_programs import SIZES, generate\n"
        "from test_random_programs import load\n"
        "for seed in range(300, 306):\n"
        "    p = generate(seed)\n"
        "    c = symgrad.compile(load(p, pathlib.Path(sys.argv[1])), wrt=p.wrt)\n"
        "    c(*p.arguments(SIZES))\n"
        "    print(hashlib.sha256(c.source.encode()).hexdigest())\n"
    )
    here = os.path.dirname(random_programs.__file__)
    path = os.pathsep.join([here, os.path.dirname(os.path.dirname(symgrad.__file__))])
    texts = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1")
    }  # fmt: skip
    assert len(texts) == 1
