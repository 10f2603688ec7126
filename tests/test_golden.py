"""The emitted modules kept in `tests/golden/`: the same text, and right when used alone."""

import ast
import copy
import importlib.util
import math

import numpy as np
import pytest
from conftest import GOLDEN
from golden_programs import PROGRAMS, by_name

import symgrad

NAMES = [p.name for p in PROGRAMS]
CASES = [(p.name, n) for p in PROGRAMS for n in p.batches]


def emitted(program):
    """Return the text of the module for the program's first batch."""
    wrt = program.wrt if len(program.wrt) > 1 else program.wrt[0]
    compiled = symgrad.compile(program.function, wrt=wrt, **program.options)
    compiled.value_and_grad(*program.arguments(program.batches[0]), **program.keywords)
    return compiled.source


def module(name):
    """Import a golden file as a user would who has NumPy and nothing else."""
    spec = importlib.util.spec_from_file_location(f"golden_{name}", GOLDEN / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def parts(tree):
    """Return the numbers and arrays in nested lists, tuples and dicts."""
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in parts(part)]
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in parts(part)]
    return [tree]


def moved(tree, directions, step):
    """Return ``tree`` with every leaf moved along the next of ``directions``."""
    if isinstance(tree, dict):
        return {key: moved(part, directions, step) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(moved(part, directions, step) for part in tree)
    return tree + step * next(directions)


def as_double(tree):
    """Return ``tree`` with float32 arrays as float64, so that differences can be small."""
    if isinstance(tree, np.ndarray) and tree.dtype == np.float32:
        return tree.astype(np.float64)
    return tree


def plain_value(program, arguments):
    result = program.function(**arguments, **program.keywords)
    return result[0] if program.options.get("has_aux") else result


def named_arguments(program, n):
    names = list(program.function.__code__.co_varnames)
    return dict(zip(names, program.arguments(n), strict=False))


def own_value(program, value):
    return value[0] if program.options.get("has_aux") else value


@pytest.mark.parametrize("name", NAMES)
def test_the_text_is_the_golden_text(name, compare):
    compare(f"{name}.py", emitted(by_name(name)))


def test_every_golden_file_belongs_to_a_program():
    assert sorted(path.stem for path in GOLDEN.glob("*.py")) == sorted(NAMES)


@pytest.mark.parametrize(("name", "n"), CASES)
def test_the_module_alone_gives_the_functions_own_value(name, n):
    program = by_name(name)
    args = program.arguments(n)
    expected = program.function(*copy.deepcopy(args), **program.keywords)
    extra = {**program.keywords, **program.captured}
    alone = module(name)
    for value in (alone.forward(*args, **extra)[0], alone.value_and_grad(*args, **extra)[0]):
        assert len(parts(value)) == len(parts(expected))
        for mine, theirs in zip(parts(value), parts(expected), strict=True):
            single = np.asarray(theirs).dtype == np.float32
            np.testing.assert_allclose(mine, theirs, rtol=1e-5 if single else 1e-10)


@pytest.mark.parametrize(("name", "n"), CASES)
def test_the_modules_gradient_matches_central_differences(name, n):
    program = by_name(name)
    args = program.arguments(n)
    extra = {**program.keywords, **program.captured}
    grads = module(name).value_and_grad(*args, **extra)[1]
    grads = dict(zip(program.wrt, grads if len(program.wrt) > 1 else [grads], strict=True))
    arguments = {k: as_double(v) for k, v in named_arguments(program, n).items()}
    rng = np.random.RandomState(7)
    directions = {
        k: [rng.standard_normal(np.shape(leaf)) for leaf in parts(arguments[k])]
        for k in program.wrt
    }
    slope = sum(
        np.sum(g * v)
        for k in program.wrt
        for g, v in zip(parts(grads[k]), directions[k], strict=True)
    )

    def along(step):
        there = {k: moved(arguments[k], iter(directions[k]), step) for k in program.wrt}
        return plain_value(program, {**arguments, **there})

    step = 1e-5
    measured = (8 * (along(step) - along(-step)) - (along(2 * step) - along(-2 * step))) / 12 / step
    single = any(np.asarray(leaf).dtype == np.float32 for leaf in parts(list(args)))
    assert math.isclose(slope, measured, rel_tol=1e-4 if single else 1e-7, abs_tol=1e-8)


@pytest.mark.parametrize(("name", "n"), CASES)
def test_backward_gives_the_same_gradient_scaled(name, n):
    program = by_name(name)
    args, extra = program.arguments(n), {**program.keywords, **program.captured}
    alone = module(name)
    residuals = alone.forward(*args, **extra)[1]
    kept = copy.deepcopy(residuals)
    whole = parts(alone.value_and_grad(*args, **extra)[1])
    single = any(np.asarray(leaf).dtype == np.float32 for leaf in parts(list(args)))
    for scale in (1.0, -2.5, 1.0):
        for mine, theirs in zip(parts(alone.backward(residuals, scale)), whole, strict=True):
            np.testing.assert_allclose(
                mine, scale * theirs, rtol=1e-4 if single else 1e-9, atol=1e-6 if single else 1e-12
            )
    for mine, theirs in zip(parts(residuals), parts(kept), strict=True):
        np.testing.assert_array_equal(mine, theirs)  # backward wrote into nothing it was given


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_the_callers_own_arrays_of_the_arguments_type(name):
    program = by_name(name)
    args = program.arguments(program.batches[0])
    before = copy.deepcopy(args)
    extra = {**program.keywords, **program.captured}
    alone = module(name)
    grads = alone.value_and_grad(*args, **extra)[1]
    residuals = alone.forward(*args, **extra)[1]
    for found in (grads, alone.backward(residuals, 1.0)):
        arrays = [g for g in parts(found) if isinstance(g, np.ndarray)]
        others = [x for x in (*parts(list(args)), *parts(residuals)) if isinstance(x, np.ndarray)]
        for k, g in enumerate(arrays):
            assert g.flags.writeable
            assert not any(np.shares_memory(g, x) for x in (*others, *arrays[:k]))
    arguments = named_arguments(program, program.batches[0])
    wanted = [leaf for k in program.wrt for leaf in parts(arguments[k])]
    for g, x in zip(parts(grads), wanted, strict=True):
        assert np.shape(g) == np.shape(x)
        assert np.asarray(g).dtype == np.asarray(x).dtype
    for x, y in zip(parts(list(args)), parts(list(before)), strict=True):
        np.testing.assert_array_equal(x, y)  # nothing that was passed has changed


def test_a_wrong_batch_is_refused_by_the_module_itself():
    program = by_name("linear_regression")
    w, b, X, y = program.arguments(5)
    with pytest.raises(ValueError, match=r"y has shape \(1,\), expected \(5,\)"):
        module("linear_regression").value_and_grad(w, b, X, y[:1])


def test_the_lectures_numbers_come_out_of_the_modules():
    value, grads = module("add_then_multiply").value_and_grad(-2.0, 5.0, -4.0)
    assert (value, grads) == (-12, (-4, -4, 3))
    value, grads = module("sigmoid_neuron").value_and_grad(2.0, -1.0, -3.0, -2.0, -3.0)
    assert round(value, 2) == 0.73
    assert [round(g, 2) for g in grads] == [-0.20, 0.39, -0.39, -0.59, 0.20]


def test_every_gate_of_the_exact_neuron_has_its_gradient_on_a_line():
    """F. Li, A. Karpathy, J. Johnson, CS231n lecture 4: -0.53, -0.53, -0.20, 0.20."""
    text = (GOLDEN / "neuron_by_gates.py").read_text()
    backward = next(
        f for f in ast.parse(text).body if isinstance(f, ast.FunctionDef) and f.name == "backward"
    )
    scope = {"np": np}
    steps = [s for s in backward.body if isinstance(s, ast.Assign)]
    scope["residuals"] = module("neuron_by_gates").forward(2.0, -1.0, -3.0, -2.0, -3.0)[1]
    scope["df"] = 1.0
    exec(compile(ast.Module(steps, []), "neuron", "exec"), scope)
    gates = [round(float(scope[f"d{gate}"]), 2) for gate in "qens"]
    assert gates == [-0.53, -0.53, -0.20, 0.20]
