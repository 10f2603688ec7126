"""A model made from a spec: its text, its functions, its parameters and how they begin.

Given a spec, `model` returns a `Model`.  Invariant: the loss that is compiled is the one whose
text is shown; there is no second compiler.
"""

from __future__ import annotations

import inspect
import keyword
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from symgrad import nn
from symgrad.compiled import Compiled, compile
from symgrad.errors import ShapeError, SpecError, did_you_mean
from symgrad.load import load
from symgrad.spec.consistency import (
    check_count,
    check_width,
    classes_of,
    has_weights,
    inputs_of,
    objective_of,
)
from symgrad.spec.network import Mask, Network, Parameter, Sizes, network, rule
from symgrad.spec.objectives import ONE, SEVERAL, TWO
from symgrad.spec.reading import Spec, read
from symgrad.spec.text import Plan, printed

Arrays = dict[str, Any]
SOME_ROWS = 97  # for a function that cannot be traced without a number of rows


def model(spec: Spec | Mapping[str, Any] | str | PathLike[str]) -> Model:
    """Return the model of a spec: a TOML or JSON file, or a dict.

    Raises SpecError for what is wrong with the spec: the key, what was found, what is allowed.
    """
    checked = read(spec)
    if "model" in checked.content:
        with imported(checked) as (stem, function):
            plan = plan_of_function(checked, stem, function)
            return made(plan)
    return made(plan_of_layers(checked))


def made(plan: Plan) -> Model:
    source = printed(plan)
    return Model(plan.spec, plan, source, load(source, plan.spec.name))


@dataclass(frozen=True, repr=False)
class Model:
    """A model in plain NumPy.

    ``source`` is its text; ``module`` holds what the text defines: ``loss(*parameters, X, y)``,
    ``predict(*parameters, X)`` and what they call.
    """

    spec: Spec
    plan: Plan
    source: str
    module: ModuleType

    def __repr__(self) -> str:
        count = sum(int(np.prod(shape)) for shape in self.parameters.values())
        return f"<symgrad model {self.spec.name}: {count} parameters>"

    @property
    def loss(self) -> Callable[..., Any]:
        """The loss of parameters, X, y, weights (if examples have them) and dropout's masks."""
        return self.module.loss  # type: ignore[no-any-return]

    @property
    def predict(self) -> Callable[..., Any]:
        """What the model says of X: probabilities, where it tells classes apart."""
        return self.module.predict  # type: ignore[no-any-return]

    @property
    def evaluate(self) -> Callable[..., Any]:
        """The loss of examples that nothing is learned from: no dropout, given statistics."""
        return getattr(self.module, "evaluate", self.loss)

    @property
    def statistics(self) -> Callable[..., tuple[Any, ...]]:
        """Of parameters and all training data: what `predict` takes after X, for batch_norm."""
        return getattr(self.module, "statistics", nothing)

    @property
    def parameters(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter, in the order in which the loss takes them."""
        return {parameter.name: parameter.shape for parameter in self.plan.net.parameters}

    @property
    def masks(self) -> dict[str, Mask]:
        """The masks that the loss takes last, one for each dropout layer."""
        return {mask.name: mask for mask in self.plan.net.masks}

    @property
    def classes(self) -> int | None:
        """How many classes the model tells apart, None if it predicts a number."""
        return classes_of(self.spec.content, self.plan.net.width)

    @property
    def labels(self) -> str:
        """What y holds for one example: "class", "shares", "0 or 1" or "number"."""
        return objective_of(self.spec.content).labels

    @cached_property
    def compiled(self) -> Compiled:
        """The loss, compiled for the gradient by all parameters; it needs no data."""
        return compile(self.loss, wrt=tuple(self.parameters), specs=self.specs)  # type: ignore[no-any-return]

    @property
    def specs(self) -> dict[str, Any]:
        """What `symgrad.compile` is told of the loss's arguments."""
        return {
            name: (sizes, dtype) if dtype else sizes
            for name, (sizes, dtype) in self.plan.sizes.items()
        }

    def init(self, seed: int | None = None) -> Arrays:
        """Return the first parameters, by the spec's rules and its seed, or by another one.

        The numbers come from `np.random.RandomState`, which no version of NumPy changes.
        """
        rng = np.random.RandomState(self.spec["seed"] if seed is None else seed)
        return {each.name: first(each, rng) for each in self.plan.net.parameters}

    def draw_masks(self, n: int, rng: np.random.RandomState | np.random.Generator) -> Arrays:
        """Return the masks of zeros and ones for ``n`` examples, by name."""
        return {
            name: (rng.uniform(size=(n, mask.width)) < mask.keep).astype(np.float64)
            for name, mask in self.masks.items()
        }


def nothing(*args: Any) -> tuple[Any, ...]:
    """Return no statistics: the model has no batch_norm layer."""
    return ()


def first(parameter: Parameter, rng: np.random.RandomState) -> Any:
    settings = dict(parameter.init)
    draw = getattr(nn, settings.pop("name"))
    return draw(rng, parameter.fan_in, parameter.fan_out, parameter.shape, **settings)


# --- of layers ------------------------------------------------------------------------------------


def plan_of_layers(spec: Spec) -> Plan:
    content, goal = spec.content, objective_of(spec.content)
    inputs = inputs_of(content)
    assert isinstance(inputs, int)
    net = network(content["layers"], inputs, content["init"], goal.outputs != SEVERAL)
    plan = Plan(spec, net)
    plan.network_args = [*plan.names, "X"]
    reads_rows = content["layers"][0]["kind"] == "embedding"
    size = inputs if reads_rows else "d"
    describe(plan, ("n", inputs), ("n", size), "int" if reads_rows else "")
    return plan


def describe(plan: Plan, X: Sizes, sizes: Sizes, kind: str) -> None:
    """Note the shape of everything that the loss takes: as numbers, and by names for the code."""
    net, weights = plan.net, has_weights(plan.spec.content)
    for each in net.parameters:
        plan.shapes[each.name], plan.sizes[each.name] = (each.shape, ""), (each.sizes, "")
    plan.shapes["X"], plan.sizes["X"] = (X, kind), (sizes, kind)
    plan.shapes["y"] = labels(plan, net.width)
    plan.sizes["y"] = labels(plan, net.width if plan.imported else "k")
    plan.shapes |= {"weights": (("n",), "")} if weights else {}
    plan.sizes |= {"weights": (("n",), "")} if weights else {}
    for mask in net.masks:
        plan.shapes[mask.name] = ("n", mask.width), ""
        plan.sizes[mask.name] = ("n", mask.size), ""


def labels(plan: Plan, width: int | str | None) -> tuple[Sizes, str]:
    """Return the shape of y and its dtype; ``width`` is how many numbers the last layer gives."""
    goal = objective_of(plan.spec.content)
    if goal.labels == "class":
        return ("n",), "int"
    is_vector = goal.outputs == ONE or goal.outputs == TWO or plan.net.width in (None, 1)
    is_row = goal.labels == "shares" or not is_vector
    return ("n", width) if is_row and width is not None else ("n",), ""


# --- of a function of the user's ------------------------------------------------------------------


@contextmanager
def imported(spec: Spec) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Give the function that the key `model` names, importable by its file's name."""
    file, _, name = spec["model"].rpartition(":")
    path = (spec.folder / file).resolve()
    stem = path.stem
    if not path.is_file():
        raise SpecError(f"{spec.origin}: `model` names {file}: there is no such file")
    if not stem.isidentifier() or keyword.iskeyword(stem):
        raise SpecError(f"{spec.origin}: `model` names {file}: no module can be called {stem}")
    module = module_of(stem, path)
    before = sys.modules.get(stem)
    sys.modules[stem], sys.path[:0] = module, [str(path.parent)]
    try:
        module.__loader__.exec_module(module)  # type: ignore[union-attr]
        yield stem, function_of(module, name, spec, file)
    except SystemExit as stop:
        raise SpecError(
            f"{spec.origin}: `model`: {file} called sys.exit({stop.code!r}) while it was imported"
        ) from stop
    finally:
        sys.path.remove(str(path.parent))
        if before is None:
            sys.modules.pop(stem, None)
        else:
            sys.modules[stem] = before


class _Loader(SourceFileLoader):
    def set_data(self, path: Any, data: Any, *, _mode: int = 0o666) -> None:
        """Write no ``__pycache__`` beside a file that is only read."""


def module_of(stem: str, path: Path) -> ModuleType:
    loader = _Loader(stem, str(path))
    found = spec_from_loader(stem, loader)
    assert found is not None
    return module_from_spec(found)


def function_of(module: ModuleType, name: str, spec: Spec, file: str) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if not inspect.isfunction(function):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise SpecError(
            f"{spec.origin}: `model`: {file} has no function {name}{did_you_mean(name, known)}"
        )
    return function


def plan_of_function(spec: Spec, stem: str, function: Callable[..., Any]) -> Plan:
    name = spec["model"].rpartition(":")[2]
    given = spec["parameters"]
    arguments = [
        each.name for each in inspect.signature(function).parameters.values()
        if each.default is each.empty
    ]  # fmt: skip
    others = [each for each in arguments if each not in given]
    missing = [each for each in given if each not in arguments]
    if missing:
        close = did_you_mean(missing[0], arguments)
        raise SpecError(
            f"{spec.origin}: `parameters.{missing[0]}` is no argument of {name}"
            f"({', '.join(arguments)}){close}"
        )
    if len(others) != 1:
        raise SpecError(
            f"{spec.origin}: `model`: {name}({', '.join(arguments)}) takes one argument besides "
            f"`parameters`, the input X; here there are {len(others)}: {', '.join(others)}"
        )
    net = Network([parameter(each, given[each], spec) for each in arguments if each in given])
    args = ["X" if each == others[0] else each for each in arguments]
    alias = "" if name == "network" else " as network"
    plan = Plan(spec, net, f"from {stem} import {name}{alias}", args)
    sizes = inputs_of(spec.content)
    row = ["d"] if sizes is None else [sizes] if isinstance(sizes, int) else sizes
    taken = {each.name: each.shape for each in net.parameters}
    shape = shape_given(function, {**taken, others[0]: ("n", *row)}, others[0], spec)
    net.width = shape[1] if len(shape) > 1 else 1
    with about(spec):
        check_width(spec.content, net.width, ("model",), f"gives shape {spelled(shape)}")
        check_count(spec.content, classes_of(spec.content, net.width))
    plan.taken = "[:, 0]" if shape[1:] == (1,) else ""
    describe(plan, ("n", *row), ("n", *row), "")
    return plan


def shape_given(
    function: Callable[..., Any], sizes: Mapping[str, Sizes], X: str, spec: Spec
) -> tuple[Any, ...]:
    """Return the shape of what the user's function gives: (n,) or (n, width).

    Nothing is run: the function is traced, as it is for its gradient.
    """
    (shape, rows), *others = shapes_given(function, sizes, X, spec)
    what = f"{spec.origin}: `model`: {function.__name__} gives"
    if others:
        raise SpecError(f"{what} {len(others) + 1} arrays: return the scores alone")
    if shape[:1] != (rows,) or len(shape) > 2:
        raise SpecError(
            f"{what} shape {spelled(shape)} for X {spelled(sizes[X])}: return one number, or a row "
            "of numbers, for each example"
        )
    if not all(isinstance(size, int) for size in shape[1:]):
        raise SpecError(
            f"{what} shape {spelled(shape)}: set `inputs`, the sizes of one example, which say "
            "how many numbers that are"
        )
    return ("n", *shape[1:])


def shapes_given(
    function: Callable[..., Any], sizes: Mapping[str, Sizes], X: str, spec: Spec
) -> list[tuple[tuple[Any, ...], Any]]:
    """Return the shape of each array that a function gives, and beside it how many rows X has."""
    parameters = tuple(name for name in sizes if name != X)
    for rows in ("n", SOME_ROWS):
        known = {**sizes, X: (rows, *sizes[X][1:])}
        try:
            graph = Compiled(function, parameters, known, any_output=True, check=None).graph
        except ShapeError as error:  # a branch on how many rows there are, say
            problem = error
            continue
        inputs = [x for x in graph.inputs if graph.notes.names[x] == X]
        count = graph.aval(inputs[0]).shape[0] if inputs else rows
        return [(graph.aval(y).shape, count) for y in graph.outputs]
    if "inputs" in spec.content:
        raise problem
    raise SpecError(
        f"{spec.origin}: `inputs` is missing: {function.__name__} needs the sizes of one example "
        f"({problem.args[0].splitlines()[0]})"
    )


def spelled(shape: Sequence[Any]) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


@contextmanager
def about(spec: Spec) -> Iterator[None]:
    """Name the spec in an error."""
    try:
        yield
    except SpecError as error:
        raise SpecError(f"{spec.origin}: {error}") from None


def parameter(name: str, given: Mapping[str, Any], spec: Spec) -> Parameter:
    """Return a parameter of the user's; a filter (o, i, h, w) has i h w inputs, o h w outputs."""
    shape = tuple(given["shape"])
    is_bias = len(shape) < 2
    fan_in, fan_out = fans(shape)
    otherwise = rule("zeros") if is_bias else spec["init"]
    init = rule(given.get("init", otherwise))
    return Parameter(name, shape, fan_in, fan_out, init, shape, is_weight=not is_bias)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) < 2:
        return (shape or (1,))[0], 1
    if len(shape) == 2:
        return shape
    area = int(np.prod(shape[2:]))
    return shape[1] * area, shape[0] * area
