"""Arguments to look at a model's loss with: its first parameters, and a few examples.

Given a model, return arguments of its loss.  Invariant: labels are of the kind that the loss
takes, every class in turn, and what was made up is said.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError
from symgrad.spec.consistency import objective_of
from symgrad.spec.models import Model
from symgrad.study.draws import STYLES, Style
from symgrad.study.examples import ExampleArguments, as_float, shown, typed_arguments
from symgrad.study.made_up_arguments import made_up

ROWS = 3
MOST_COUNTED = 5  # of what a loss for counts is given

Arrays = dict[str, Any]


def model_arguments(
    model: Model,
    text: str | None = None,
    rows: int | None = None,
    columns: Mapping[str, Any] = {},
    seed: int = 0,
) -> ExampleArguments:
    """Return arguments for the loss of a model: its first parameters, and ``rows`` examples.

    ``text`` holds literals by name or names an ``.npz`` file, as for a function; ``columns`` are
    examples from data, X and y.  The rest is made up.

    Raises ArgumentError where nothing fits, SpecError for text that is not understood.
    """
    if rows is not None and rows < 1:
        raise ArgumentError(f"{rows} rows: one example is the least")
    signature = inspect.signature(model.loss)
    typed, notes = typed_arguments(signature, text) if text is not None else ({}, [])
    typed = {name: fitting(model, name, value) for name, value in typed.items()}
    first = {name: value for name, value in model.init().items() if name not in typed}
    found = {**first, **columns, **typed}
    if first:
        notes = [*notes, f"the model's first parameters: {', '.join(first)}"]
    taken = [name for name in columns if name not in typed]
    if taken:
        notes = [*notes, f"the first examples of the spec's data: {', '.join(taken)}"]
    missing = [name for name in signature.parameters if name not in found]
    if missing:
        made = examples(model, found, rows, seed)
        found = {**made, **found}
        told = ", ".join(f"{name} {shown(made[name])}" for name in missing)
        notes = [*notes, f"made up (seed {seed}): {told}"]
    bound = inspect.BoundArguments(signature, {name: found[name] for name in signature.parameters})
    return ExampleArguments(bound.args, bound.kwargs, tuple(notes))


def fitting(model: Model, name: str, value: Any) -> Any:
    """Return a value that was typed, with floating-point numbers where the loss takes them."""
    sizes, kind = model.plan.shapes[name]
    have = np.shape(value)
    if len(have) != len(sizes) or any(
        isinstance(want, int) and want != size for want, size in zip(sizes, have, strict=True)
    ):
        wanted = f"({', '.join(map(str, sizes))}{',' * (len(sizes) == 1)})"
        raise ArgumentError(f"`{name}` has shape {have}, the model takes {wanted}")
    return value if kind == "int" else as_float(value)


def examples(model: Model, given: Mapping[str, Any], rows: int | None, seed: int) -> Arrays:
    """Return examples that the loss is finite at, beside the arguments that are given."""
    names = inspect.signature(model.loss).parameters
    for style in STYLES:
        made = {**drawn(model, given, rows, style, seed), **given}
        with np.errstate(all="ignore"):
            value = model.loss(*(made[name] for name in names))
        if np.isfinite(value):
            break
    return made


def drawn(
    model: Model, given: Mapping[str, Any], rows: int | None, style: Style, seed: int
) -> Arrays:
    rng = np.random.default_rng(seed)
    n = count(model, given, rows)
    X = given["X"] if "X" in given else inputs(model, given, n, style, rng)
    made = {"X": X, "y": labels(model, {**given, "X": X}, n, style, rng)}
    if "weights" in model.plan.shapes:
        made["weights"] = np.round(rng.uniform(0.5, 1.5, n), 2)
    return {**made, **model.draw_masks(n, rng)}


def count(model: Model, given: Mapping[str, Any], rows: int | None) -> int:
    """Return how many examples there are: as many as in what is given."""
    found = {name: len(given[name]) for name in given if name not in model.parameters}
    if rows is not None:
        found["--rows"] = rows
    if len(set(found.values())) > 1:
        told = ", ".join(f"{name} {size}" for name, size in found.items())
        raise ArgumentError(f"the number of examples is not the same everywhere: {told}")
    return next(iter(found.values()), ROWS)


def inputs(
    model: Model, given: Mapping[str, Any], n: int, style: Style, rng: np.random.Generator
) -> Any:
    """Return n rows of X: rows of an embedding, or numbers."""
    (_, *sizes), kind = model.plan.shapes["X"]
    known = [size for size in sizes if isinstance(size, int)]
    if kind == "int":
        return rng.integers(0, model.parameters["E"][0], (n, *known))
    if len(known) == len(sizes):
        return np.round(style(rng, (n, *known)), 2)
    parameters = {name: given[name] for name in model.parameters}
    missing = [name for name in inspect.signature(model.loss).parameters if name not in parameters]
    found = made_up(model.loss, parameters, missing, {}, set(parameters), False, 0)["X"]
    return np.round(style(rng, (n, *np.shape(found)[1:])), 2)


def labels(
    model: Model, given: Mapping[str, Any], n: int, style: Style, rng: np.random.Generator
) -> Any:
    """Return y for n examples, of the kind that the model's loss takes."""
    outputs = np.shape(model.module.network(*(given[name] for name in model.plan.network_args)))
    width = outputs[1] if len(outputs) > 1 else 2
    if model.labels == "class":
        return np.arange(n) % width
    if model.labels == "0 or 1":
        return (np.arange(n) % 2).astype(np.float64)
    sizes = (n,) if len(model.plan.shapes["y"][0]) == 1 else (n, width)
    if model.labels == "shares":
        return shares(rng, sizes)
    if counts(model):
        return rng.integers(0, MOST_COUNTED, sizes).astype(np.float64)
    return np.round(style(rng, sizes), 2)


def counts(model: Model) -> bool:
    """Return whether y counts something: the model predicts an expected count."""
    return "np.exp" in objective_of(model.spec.content).links


def shares(rng: np.random.Generator, sizes: tuple[int, ...]) -> Any:
    """Return rows of tenths that sum to 1."""
    return rng.multinomial(10, np.full(sizes[1], 1 / sizes[1]), sizes[0]) / 10
