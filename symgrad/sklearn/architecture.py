"""What an estimator's settings come to: a spec, its model, and the compiled loss.

Given the settings, the number of columns and of outputs, return an `Architecture`.  Invariant:
there is one compiled loss for all networks of the same structure, whatever their sizes.
"""

from __future__ import annotations

import ast
import json
import math
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from os import PathLike
from pathlib import Path
from typing import Any

from symgrad.compiled import Compiled
from symgrad.errors import SpecError
from symgrad.sklearn.formulas import weighted
from symgrad.sklearn.functions import PLACEHOLDER, named, objective, weights_of
from symgrad.spec import Model, Spec, model, read
from symgrad.spec.consistency import inputs_of
from symgrad.spec.network import unrolled
from symgrad.spec.objectives import FORMULA, OBJECTIVES, Objective
from symgrad.spec.reading import checked, content_of
from symgrad.spec.schema import LOSSES

MOST_KEPT = 256
PLAIN = {int, float, bool, str, type(None)}  # of which equal text is the same value
HIDDEN = (100,)
STRUCTURE = (
    "name", "inputs", "layers", "model", "parameters", "init", "loss", "class_weights",
    "sample_weights", "regularisers",
)  # fmt: skip
TRAINING = ("seed", "optimizer", "schedule", "epochs", "batch_size", "early_stopping", "validation")


@dataclass(frozen=True)
class Key:
    """Which model it is, in words that can be pickled; see `model_of`."""

    content: str
    folder: str = ""
    stamp: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Source:
    """Where an estimator's settings start: a spec, or nothing; and the loss that it gets."""

    spec: Spec | None
    loss: Any
    says_inputs: bool = True

    @property
    def function(self) -> Callable[..., Any] | None:
        """The loss, where it is a function of the user's."""
        return self.loss if callable(self.loss) else None

    @property
    def goal(self) -> Objective:
        """What the loss asks of a network; of a misspelt one the spec will complain."""
        loss = self.loss
        settings = loss if isinstance(loss, Mapping) else {"name": loss}
        if settings.get("labels", "integer") != "integer":
            return OBJECTIVES["soft_cross_entropy"]
        name = settings.get("name")
        return OBJECTIVES[name] if isinstance(name, str) and name in LOSSES else FORMULA

    @property
    def units(self) -> int | None:
        """How many outputs the spec's last layer has, if there is one."""
        given = None if self.spec is None else self.spec.get("layers")
        return None if given is None else list(unrolled(given))[-1]["units"]

    @property
    def reads_weights(self) -> bool:
        """Whether the loss is a function or a formula that asks for the examples' weights."""
        if self.function is not None:
            return weights_of(self.function) is not None
        is_text = self.goal is FORMULA and isinstance(self.loss, str)
        return is_text and re.search(r"\bweights\b", self.loss) is not None

    @property
    def weighted(self) -> Any:
        """The loss with each example counted by its weight, None if it cannot be."""
        if self.goal is not FORMULA or self.reads_weights:
            return self.loss
        return weighted(self.loss) if isinstance(self.loss, str) else None


def source_of(spec: Any, loss: Any, otherwise: str) -> Source:
    """Return where the settings start: ``otherwise`` is the loss if neither says one."""
    found, says_inputs = None, True
    if spec is not None:
        found, says_inputs = started(spec)
    if loss is None:
        loss = otherwise if found is None else found["loss"]
    return Source(found, named(loss), says_inputs)


def started(spec: Any) -> tuple[Spec, bool]:
    """Return a spec, and whether it says how many columns X has, which the data says too."""
    if isinstance(spec, (str, PathLike)):
        given, origin, folder = content_of(Path(spec)), Path(spec).name, Path(spec).parent
    elif isinstance(spec, Mapping):
        given, origin, folder = spec, "spec", Path()
    else:
        return read(spec), True
    if is_open(given):
        return checked({**given, "inputs": 1}, origin, folder), False
    return checked(given, origin, folder), True


def is_open(given: Any) -> bool:
    """Return whether what may be a spec has layers and leaves out how many columns they read."""
    if not isinstance(given, Mapping) or "layers" not in given or "inputs" in given:
        return False
    data = given.get("data", {})
    return not (isinstance(data, Mapping) and "features" in data)


# --- the spec -------------------------------------------------------------------------------------


def written(source: Source, settings: Mapping[str, Any], owner: str, **found: Any) -> Spec:
    """Return the spec that the settings of an estimator come to.

    ``found`` are the ``inputs``, ``outputs`` and ``weighted`` that the data decides, and
    ``class_weights`` in the order of the classes.
    """
    base = {} if source.spec is None else source.spec.content
    given = {key: base[key] for key in (*STRUCTURE, *TRAINING) if key in base}
    loss = source.weighted if found["weighted"] else source.loss
    if loss is None:
        raise SpecError(
            f"{owner}: this loss does not count examples by weights: a formula may read "
            "`weights`, and a function may take them, def loss(y_hat, y, weights)"
        )
    given["loss"] = PLACEHOLDER if callable(loss) else loss
    given["sample_weights"] = found["weighted"] and not callable(loss)
    if source.spec is not None:
        given["name"] = source.spec.name
    if found["class_weights"] is not None:
        given["class_weights"] = found["class_weights"]
    sized(given, source, found["inputs"], owner)
    if "model" not in given:
        given["layers"] = layers(given, settings, found["outputs"], owner)
    penalties = {key: settings[key] for key in ("l1", "l2") if settings[key] is not None}
    if penalties:
        given["regularisers"] = {**given.get("regularisers", {}), **penalties}
    if settings["init"] is not None:
        given["init"] = settings["init"]
    given |= steps(given, settings)
    return checked(given, owner, Path() if source.spec is None else source.spec.folder)


def sized(given: dict[str, Any], source: Source, columns: int, owner: str) -> None:
    """Note how many columns X has, or raise SpecError if the spec says another number."""
    spec = source.spec if source.says_inputs else None
    wanted = None if spec is None else inputs_of(spec.content)
    size = columns if wanted is None else math.prod(wanted if type(wanted) is list else [wanted])
    if size != columns:
        raise SpecError(
            f"{owner}: X has {columns} features, and the spec's inputs come to {size}: give these "
            "columns, or change `inputs` or `data.features`"
        )
    given["inputs"] = wanted if wanted is not None else columns


def layers(given: Any, settings: Mapping[str, Any], outputs: int, owner: str) -> list[Any]:
    """Return the spec's layers, or hidden ones as the settings say and a last one."""
    hidden, activation = settings["hidden"], settings["activation"]
    if "layers" in given and hidden is None:
        last = list(unrolled(given["layers"]))[-1]
        if last.get("units") not in (None, outputs):
            raise SpecError(
                f"{owner}: the last layer of the spec has {last['units']} units, and y with this "
                f"loss asks for {outputs}: change its `units`, or give hidden="
            )
        return list(given["layers"] if activation is None else changed(given, activation, owner))
    units = HIDDEN if hidden is None else hidden if hasattr(hidden, "__iter__") else [hidden]
    between = "relu" if activation is None else activation
    return [*({"units": each, "activation": between} for each in units), {"units": outputs}]


def changed(given: Mapping[str, Any], activation: Any, owner: str) -> list[Any]:
    """Return the spec's layers with another activation after all but the last."""
    if any(layer["kind"] != "dense" for layer in given["layers"]):
        raise SpecError(
            f"{owner}: activation= is for dense layers, and the spec has others: change it there"
        )
    *between, last = given["layers"]
    return [*({**layer, "activation": activation} for layer in between), last]


def steps(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a spec that say how the parameters go down."""
    found: dict[str, Any] = {}
    chosen, rate = settings["optimizer"], settings["learning_rate"]
    if chosen is None:
        chosen = given.get("optimizer", "adam")
    if isinstance(chosen, str):
        chosen = {"name": chosen}
    if isinstance(chosen, Mapping):
        if rate is not None:
            chosen = {**chosen, "lr": rate}
        found["optimizer"] = chosen
    if settings["schedule"] is not None:
        found["schedule"] = settings["schedule"]
    return found


# --- the model and its compiled loss --------------------------------------------------------------


def key_of(spec: Spec) -> Key:
    content = {key: spec[key] for key in STRUCTURE if key in spec.content}
    text = json.dumps(content, sort_keys=True)
    if "model" not in content:
        return Key(text)
    file = (spec.folder / content["model"].rpartition(":")[0]).resolve()
    if not file.is_file():
        return Key(text, str(spec.folder))
    now = file.stat()
    return Key(text, str(spec.folder), (now.st_mtime_ns, now.st_size))


@lru_cache(MOST_KEPT)
def model_of(key: Key) -> Model:
    """Return the model of a key; the same one for the same key."""
    content = json.loads(key.content)
    return model(checked(content, content.get("name", "spec"), Path(key.folder)))


_compiled: dict[Any, tuple[Compiled, str, Any]] = {}
_lock = threading.RLock()


def compiled_of(
    key: Key, function: Callable[..., Any] | None, has_labels: bool
) -> tuple[Compiled, str]:
    """Return the compiled loss of a model, and its text.

    They are the same for models that differ in sizes only; it is compiled without data.
    """
    found = model_of(key)
    place = key.folder, key.stamp, structure(found), identity(function), has_labels
    with _lock:
        if place not in _compiled:
            if len(_compiled) >= MOST_KEPT:
                del _compiled[next(iter(_compiled))]
            made = found.compiled if function is None else objective(found, function, has_labels)
            _compiled[place] = made, made.source, function
        return _compiled[place][:2]


def identity(function: Any) -> Any:
    """Return what tells a function from others; copies of a partial one with plain settings do not.

    What is told by its `id` is kept as long as what was compiled of it.
    """
    if not isinstance(function, partial):
        return id(function)
    settings = [*enumerate(function.args), *sorted(function.keywords.items())]
    if any(type(value) not in PLAIN for _, value in settings):
        return id(function)
    return id(function.func), *((name, type(value), repr(value)) for name, value in settings)


def structure(found: Model) -> tuple[str, str]:
    """Return the code of a model without its docstrings, where sizes are, and its sizes by name."""
    return _code(found.source), repr(found.specs)


@lru_cache(MOST_KEPT)
def _code(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef)):
            node.body = node.body[1:]  # each has a docstring
    return ast.dump(tree)
