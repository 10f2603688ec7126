"""What one key of a spec means for another: sizes that agree, settings that exclude others.

Given a spec that fits the schema.  Invariant: a spec that passes gives a model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from symgrad.errors import did_you_mean
from symgrad.spec.copying import is_ours
from symgrad.spec.expressions import is_free_name, read_formula
from symgrad.spec.network import Parameter, network, unrolled
from symgrad.spec.objectives import CLASSES, FORMULA, OBJECTIVES, ONE, SEVERAL, TWO, Objective
from symgrad.spec.schema import LOSSES
from symgrad.spec.validation import fault, shown

Content = Mapping[str, Any]
MOST_NUMBERS = 2**32  # in all parameters together: 32 GB
GIVEN = frozenset(
    {
        "X",
        "y",
        "error",
        "penalty",
        "weights",
        "network",
        "loss",
        "predict",
        "evaluate",
        "statistics",
        "class_weights",
    }
)


def check_consistency(spec: Content) -> None:
    """Raise `SpecError` at the first thing that does not fit another."""
    check_source(spec)
    check_inputs(spec)
    check_loss(spec)
    check_layers(spec)
    check_classes(spec)
    check_metrics(spec)
    check_data(spec)
    check_steps(spec)


# --- what the model is ----------------------------------------------------------------------------


def check_source(spec: Content) -> None:
    """A model is made of layers, or it is a function with parameters."""
    if "model" not in spec:
        if "layers" not in spec:
            raise fault(("layers",), "is missing", "list the layers, or name a function in `model`")
        if "parameters" in spec:
            raise fault(("parameters",), "has no `model` to go to", "layers have their own")
        return
    if "layers" in spec:
        raise fault(("layers",), "stands beside `model`", "give one of the two")
    if "parameters" not in spec:
        raise fault(("parameters",), "is missing", "give the `shape` of each parameter of `model`")
    for name in spec["parameters"]:
        outputs = {goal.output for goal in OBJECTIVES.values()}
        if name in GIVEN | outputs or is_ours(name) or not is_free_name(name):
            raise fault(("parameters", name), "has another meaning", "call it otherwise")


def check_inputs(spec: Content) -> None:
    columns, given = columns_of(spec), spec.get("inputs")
    if isinstance(given, list) and "layers" in spec:
        raise fault(("inputs",), f"is a list of {len(given)}", "layers take a number of columns")
    wanted = math.prod(given) if isinstance(given, list) else given
    if columns is not None and given is not None and wanted != columns:
        raise fault(
            ("inputs",), f"is {given}", f"`data.features` come to {columns} columns; leave it out"
        )
    if columns is None and given is None and "layers" in spec:
        raise fault(("inputs",), "is missing", "say how many columns X has, or `data.features`")


def inputs_of(spec: Content) -> int | list[int] | None:
    """Return how many columns X has, or its sizes, as far as the spec says so."""
    given: int | list[int] | None = spec.get("inputs")
    return columns_of(spec) if given is None else given


def columns_of(spec: Content) -> int | None:
    """Return how many columns the features come to once they are encoded, if they are listed."""
    features = spec.get("data", {}).get("features")
    return None if features is None else sum(map(width_of, features))


def width_of(feature: Any) -> int:
    if isinstance(feature, str) or "categories" not in feature:
        return 1
    count = len(feature["categories"])
    return {"one_hot": count, "drop_first": count - 1, "integer": 1}[feature["encode"]]


# --- the loss and what it asks of the last layer --------------------------------------------------


def loss_of(spec: Content) -> tuple[str, Mapping[str, Any]]:
    """Return the loss's name, "" for a formula, and its settings."""
    loss = spec["loss"]
    if isinstance(loss, Mapping):
        return loss["name"], loss
    if loss in LOSSES:
        rows = LOSSES[loss]
        return loss, {key: row["default"] for key, row in rows.items()}
    return "", {}


def objective_of(spec: Content) -> Objective:
    name, settings = loss_of(spec)
    if settings.get("labels", "integer") != "integer":
        return OBJECTIVES["soft_cross_entropy"]
    return OBJECTIVES[name] if name else FORMULA


def has_weights(spec: Content) -> bool:
    return bool(spec["sample_weights"] or spec.get("data", {}).get("weights"))


def names_of(spec: Content, parameters: Sequence[str]) -> list[str]:
    """Return what a formula may read."""
    return ["y_hat", "y", "X", *parameters, *(["weights"] if has_weights(spec) else [])]


def check_loss(spec: Content) -> None:
    name, _ = loss_of(spec)
    if name:
        return
    text = spec["loss"]
    if text.strip().isidentifier():
        close = did_you_mean(text, LOSSES)
        raise fault(
            ("loss",), f'is "{shown(text)}"',
            f"it must be one of {', '.join(LOSSES)}{close}, or a formula such as "
            "mean((y_hat - y)**2)",
        )  # fmt: skip
    if spec.get("class_weights"):
        raise fault(("class_weights",), "has no place in a formula", "take a loss by name")
    names = [each.name for each in parameters_of(spec)]
    read_formula(text, names_of(spec, [*spec.get("parameters", ()), *names]))


def parameters_of(spec: Content) -> list[Parameter]:
    """Return the parameters that the layers have."""
    inputs = inputs_of(spec)
    if "layers" not in spec or not isinstance(inputs, int):
        return []
    one = objective_of(spec).outputs != SEVERAL
    return network(spec["layers"], inputs, spec["init"], one).parameters


def check_layers(spec: Content) -> None:
    if "layers" not in spec:
        return
    layers = list(unrolled(spec["layers"]))
    last, path = layers[-1], ("layers", len(spec["layers"]) - 1)
    for k, layer in enumerate(spec["layers"]):
        if layer["kind"] == "embedding" and k:
            raise fault(("layers", k, "kind"), 'is "embedding"', "it reads X, so it stands first")
    if sum(layer["kind"] == "embedding" for layer in layers) > 1:
        raise fault(("layers",), "has an embedding that is repeated", "it reads X, once")
    if last["kind"] != "dense":
        raise fault(path, f'is of kind "{last["kind"]}"', "the last layer is dense")
    check_last(objective_of(spec), last, path, spec)
    check_size(spec)


def check_size(spec: Content) -> None:
    total = sum(math.prod(each.shape) for each in parameters_of(spec))
    if total > MOST_NUMBERS:
        raise fault(("layers",), f"have {total} parameters", f"{MOST_NUMBERS} are the most")


def check_last(goal: Objective, last: Content, path: tuple[str | int, ...], spec: Content) -> None:
    """The last layer gives as many numbers as the loss takes, and leaves its last step to it."""
    units, name = last["units"], loss_of(spec)[0]
    check_width(spec, units, (*path, "units"), f"is {units}")
    activation = last["activation"]
    if goal.takes_scores and activation != "identity":
        raise fault(
            (*path, "activation"), f'is "{activation}"',
            f"the loss {name} takes what comes before it; leave it out, predict() adds its own",
        )  # fmt: skip


def check_width(spec: Content, width: int, path: tuple[str | int, ...], found: str) -> None:
    """The model gives as many numbers for each example as the loss takes."""
    goal, name = objective_of(spec), loss_of(spec)[0]
    wanted = {SEVERAL: width > 1, ONE: width == 1, TWO: width == 2}.get(goal.outputs, True)
    if not wanted:
        cure = f"the loss {name} takes {goal.outputs} for each example"
        if goal.outputs == SEVERAL:
            cure += "; for two classes with one score take binary_cross_entropy"
        raise fault(path, found, cure)


def check_classes(spec: Content) -> None:
    goal, weights = objective_of(spec), spec.get("class_weights")
    if weights is not None and not goal.weighs_classes:
        raise fault(("class_weights",), "has no classes to go to", f"{loss_of(spec)[0]} has none")
    if weights is not None and sum(weights) == 0:
        raise fault(("class_weights",), "are all 0", "at least one class must count")
    check_count(spec, classes_of(spec))


def check_count(spec: Content, count: int | None) -> None:
    """Lists with an entry for each class are as long as the model tells classes apart."""
    weights, classes = spec.get("class_weights"), spec.get("data", {}).get("classes")
    for key, given in ((("class_weights",), weights), (("data", "classes"), classes)):
        if given is not None and count is not None and len(given) != count:
            raise fault(key, f"is a list of {len(given)}", f"the model tells {count} classes apart")


def classes_of(spec: Content, width: int | None = None) -> int | None:
    """Return how many classes the model tells apart, if that is known.

    ``width`` is how many numbers it gives for each example; layers say it themselves.
    """
    goal = objective_of(spec)
    if goal.labels == "0 or 1":
        return 2
    if "layers" in spec:
        width = int(list(unrolled(spec["layers"]))[-1]["units"])
    return width if width is not None and (goal.labels != "number" or width > 1) else None


def check_metrics(spec: Content) -> None:
    known = metrics_of(spec)
    for k, metric in enumerate(spec["metrics"]):
        if metric not in known:
            raise fault(
                ("metrics", k), f'is "{metric}"',
                f"with the loss {loss_of(spec)[0]} there are {', '.join(sorted(known))}",
            )  # fmt: skip


def metrics_of(spec: Content) -> frozenset[str]:
    """Return the metrics that fit the loss; scores of classes can be right whatever the loss."""
    goal = objective_of(spec)
    has_classes = "classes" in spec.get("data", {}) and classes_of(spec) is not None
    return goal.metrics | CLASSES if has_classes else goal.metrics


# --- the data and the steps -----------------------------------------------------------------------


def check_data(spec: Content) -> None:
    data = spec.get("data")
    if data is None:
        return
    targets = data["target"] if isinstance(data["target"], list) else [data["target"]]
    taken = dict.fromkeys(targets, "the target")
    if "weights" in data:
        if data["weights"] in taken:
            raise fault(("data", "weights"), "is the target as well", "name another column")
        taken[data["weights"]] = "the weights"
    for k, feature in enumerate(data.get("features", ())):
        column = feature if isinstance(feature, str) else feature["column"]
        if column in taken:
            raise fault(
                ("data", "features", k), f'is "{shown(column)}"', f"it is {taken[column]} already"
            )
        taken[column] = "a feature"
        check_feature(feature, k, spec)
    check_scaling(spec)


def check_scaling(spec: Content) -> None:
    """An embedding layer reads whole numbers, which columns that are standardised do not hold."""
    is_embedded = any(each["kind"] == "embedding" for each in spec.get("layers", ()))
    features = spec["data"].get("features")
    coded = features and all("categories" in each for each in features)
    if is_embedded and spec["data"]["standardise"] and not coded:
        raise fault(("data", "standardise"), "is true", "the embedding layer reads integers")


def check_feature(feature: Any, k: int, spec: Content) -> None:
    here = ("data", "features", k)
    embedded = next((each for each in spec.get("layers", ()) if each["kind"] == "embedding"), None)
    if embedded is None or isinstance(feature, str) or "categories" not in feature:
        return
    if feature["encode"] != "integer":
        cure = 'the embedding layer reads integers: take "integer"'
        raise fault((*here, "encode"), f'is "{feature["encode"]}"', cure)
    if len(feature["categories"]) > embedded["size"]:
        raise fault(
            (*here, "categories"), f"is a list of {len(feature['categories'])}",
            f"the embedding layer has {embedded['size']} rows",
        )  # fmt: skip


def check_steps(spec: Content) -> None:
    for path, schedule in schedules(spec.get("schedule"), ("schedule",)):
        if schedule["name"] == "warm_up" and schedule.get("then", {}).get("name") == "warm_up":
            raise fault((*path, "then", "name"), 'is "warm_up"', "one warm-up is enough")


def schedules(
    schedule: Content | None, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Content]]:
    while schedule is not None:
        yield path, schedule
        schedule, path = schedule.get("then"), (*path, "then")
