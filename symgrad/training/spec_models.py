"""A spec's model in the loop: its settings, its data's columns, and how it predicts.

Given a model made from a spec, and data, return the `Settings` of its run.  Invariant: what the
spec says is what happens; what is given besides overrides the spec's own key, and is checked as it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from symgrad import optim
from symgrad.errors import ArgumentError, DataError, did_you_mean
from symgrad.spec import Model
from symgrad.spec.consistency import has_weights, inputs_of, loss_of, metrics_of, objective_of
from symgrad.spec.network import unrolled
from symgrad.spec.objectives import ONE
from symgrad.training import metrics, scores
from symgrad.training.columns import has_names, is_table
from symgrad.training.conduct import Conduct
from symgrad.training.dataset import Dataset
from symgrad.training.loading import load_examples
from symgrad.training.objective import Objective, call
from symgrad.training.preparing import Encoding, Preparation
from symgrad.training.settings import Settings
from symgrad.training.splitting import Part


def settings_of(model: Model, data: Any = None, **given: Any) -> Settings:
    """Return the run that a spec describes, on its own data or on ``data``.

    ``given`` are fields of `Settings` that replace what the spec says.
    """
    spec, conduct = model.spec, SpecConduct(model)
    for name, checked in GIVEN.items():
        if name in given:
            given[name] = checked(model, given[name])
    own: dict[str, Callable[[], Any]] = {
        "params": model.init,
        "optimizer": lambda: optimizer_of(spec.content),
        "epochs": lambda: spec["epochs"],
        "batch": lambda: spec.get("batch_size"),
        "seed": lambda: spec["seed"],
        "validation": lambda: part_of(spec.content),
        "metrics": lambda: conduct.metrics,
        "early_stopping": lambda: stopping_of(spec.content),
        "shuffle": lambda: spec["shuffle"],
    }
    known = {name: make() for name, make in own.items() if name not in given}
    data = file_of(model) if data is None else data
    return Settings(
        fn=model.compiled, data=data, predict=model.predict, target="y", conduct=conduct,
        preparation=preparation_of(model, data), **known, **given,
    )  # fmt: skip


def params_given(model: Model, params: Any) -> dict[str, Any]:
    """Return parameters to begin with in the order of the model's; refuse what is not all of them.

    Raises ArgumentError.
    """
    wanted = model.parameters
    if not isinstance(params, Mapping):
        raise ArgumentError(
            f"params is {type(params).__name__}: give a dict of {', '.join(wanted)}, or leave it "
            "out; a spec draws its own"
        )
    for name in params:
        if name not in wanted:
            raise ArgumentError(
                f"params has `{name}`, which is no parameter of {model.spec.name}"
                f"{did_you_mean(str(name), wanted)}: it has {', '.join(wanted)}"
            )
    for name, shape in wanted.items():
        if name not in params:
            raise ArgumentError(f"params has no `{name}`: {model.spec.name} needs all of its own")
        if np.shape(params[name]) != shape:
            found = np.shape(params[name])
            raise ArgumentError(f"params: `{name}` has shape {found}, and the model's has {shape}")
    return {name: params[name] for name in wanted}


def metrics_given(model: Model, given: Any) -> dict[str, Any]:
    """Return metrics by name; what is called like one of the spec's is that."""
    conduct, known = SpecConduct(model), metrics_of(model.spec.content)
    found = dict(given) if isinstance(given, Mapping) else {name: name for name in given}
    for name, metric in found.items():
        if isinstance(metric, str):
            if metric not in known:
                loss = loss_of(model.spec.content)[0] or "formula"
                raise ArgumentError(
                    f"metrics: {metric!r}{did_you_mean(metric, known)}: with the loss {loss} there "
                    f"are {', '.join(sorted(known))}, or functions of predictions and targets"
                )
            found[name] = conduct.metric(metric)
    return found


GIVEN: dict[str, Callable[[Model, Any], Any]] = {
    "params": params_given,
    "metrics": metrics_given,
}


# --- what a model of a spec does ------------------------------------------------------------------


ARRAYS = ("X", "y", "weights")


class SpecConduct(Conduct):
    """How the loop treats the model of a spec."""

    def __init__(self, model: Model):
        self.model: Model = model
        self.masks = tuple(model.masks)
        self.statistics = tuple(model.plan.statistics)
        self.differs = True  # by rounding at least: `evaluate` is what a trainer computes
        self.goal = objective_of(model.spec.content)
        self.count = model.classes

    def draw_masks(self, rows: int, rng: np.random.Generator) -> tuple[Any, ...]:
        """Return the masks of one step: zeros and ones, by the share that each layer keeps."""
        return tuple(self.model.draw_masks(rows, rng).values())

    def measured(self, params: Any, columns: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return mean and variance before each batch_norm layer, over the training data."""
        return self.model.statistics(*params.values(), columns["X"])

    def evaluate(self, params: Any, columns: Mapping[str, Any]) -> float:
        """Return the loss without dropout, with the statistics of the training data."""
        return float(call(self.model.evaluate, params, columns, "evaluate"))

    def classes(self, output: Any) -> Any:
        """Return the class of each row: the largest score, or what is above the threshold."""
        return classes_above(threshold_of(self.model), output)

    @property
    def tells_classes(self) -> bool:
        """Whether what is predicted stands for classes; of a formula only its user knows."""
        content = self.model.spec.content
        is_formula = not loss_of(content)[0]
        return self.goal.labels != "number" or is_formula or "classes" in content.get("data", {})

    @property
    def metrics(self) -> dict[str, Score]:
        """The metrics that the spec names, of what the model predicts and y."""
        return {name: self.metric(name) for name in self.model.spec["metrics"]}

    def metric(self, name: str) -> Score:
        above = None if name in OF_NUMBERS else threshold_of(self.model)
        return Score(name, score_of(name, self.count), above)

    def refuse(self, columns: Mapping[str, Any], source: str) -> None:
        """Raise `DataError` for columns that do not fit the layers or the loss."""
        if "X" in columns:
            refuse_inputs(self.model, columns["X"], source)
        if "y" in columns:
            refuse_labels(self, columns["y"], source)
        if "weights" in columns:
            refuse_weights(columns["weights"], source)

    def counted(self, columns: Mapping[str, Any], rows: int) -> float:
        """Return what the loss divides by: the weights of the examples, or how many there are."""
        spec, y = self.model.spec.content, columns["y"]
        by_class = np.asarray(spec.get("class_weights", ()), float)
        if not loss_of(spec)[0] or not (len(by_class) or "weights" in columns):
            return rows
        weights = columns.get("weights", np.ones(rows))
        if not len(by_class):
            return float(np.sum(weights))
        if self.goal.labels == "shares":
            return float(np.sum(weights * (y @ by_class)))
        return float(np.sum(weights * by_class[y.astype(int)]))


OF_NUMBERS = frozenset({"mae", "rmse", "r2", "auc"})
BY_CLASS = frozenset({"precision", "recall", "f1"})


@dataclass(frozen=True)
class Score:
    """A metric by name: of the classes that a threshold tells, or of what is predicted itself."""

    name: str
    function: Callable[[Any, Any], float]
    above: float | None

    @property
    def __name__(self) -> str:  # as a function's, for the monitor
        return self.name

    @property
    def larger_is_better(self) -> bool:
        return self.name not in ("mae", "rmse")

    def __call__(self, output: Any, y: Any) -> float:
        if self.above is None:
            return self.function(output, y)
        return self.function(classes_above(self.above, output), metrics.labels_of(y))


def classes_above(threshold: float, output: Any) -> Any:
    """Return the class with the largest score in each row; of one number a row, 1 above."""
    output = np.asarray(output)
    if output.ndim == 2 and output.shape[1] > 1:
        return output.argmax(axis=1)
    return (output.reshape(len(output)) > threshold).astype(int)


def score_of(name: str, count: int | None) -> Callable[[Any, Any], float]:
    """Return the function of a metric; with more than two classes it is the mean over them."""
    if name in ("mae", "rmse", "r2"):
        return metrics.METRICS[name]
    if name in BY_CLASS and (count or 2) > 2:
        name = f"macro_{name}"
    return getattr(scores, name)  # type: ignore[no-any-return]


def threshold_of(model: Model) -> float:
    """Return above which prediction a row is of class 1, where there is one number a row.

    A score of hinge loss is compared with 0; probabilities, and numbers fitted to 0 and 1, with
    one half.
    """
    goal = objective_of(model.spec.content)
    return 0.0 if goal.outputs == ONE and goal.takes_scores and not goal.links else 0.5


# --- what does not fit ----------------------------------------------------------------------------


def refuse_inputs(model: Model, X: Any, source: str) -> None:
    spec = model.spec.content
    wanted = inputs_of(spec)
    row = () if wanted is None else (wanted,) if isinstance(wanted, int) else tuple(wanted)
    if row and X.shape[1:] != row:
        sizes = " x ".join(map(str, row))
        raise DataError(
            f"{source} has inputs of shape {X.shape}, and the spec says {sizes} for each example: "
            "set `inputs`, or list `data.features`"
        )
    first = next(unrolled(spec["layers"])) if "layers" in spec else {}
    if first.get("kind") == "embedding":
        refuse_range(X, first["size"], f"{source}: X", "the rows of the embedding layer", "")


def refuse_labels(conduct: SpecConduct, y: Any, source: str) -> None:
    """Refuse targets that the loss is not made for."""
    name, kind = loss_of(conduct.model.spec.content)[0] or "the formula", conduct.goal.labels
    refuse_shape(conduct, y, source, name)
    if kind == "class":
        if conduct.count is not None:
            refuse_range(y, conduct.count, f"{source}: y", f"the classes of {name}")
    elif kind == "0 or 1":
        refuse_range(y, 2, f"{source}: y", f"the classes of {name}")
    elif kind == "shares":
        refuse_below_zero(y, source, name)
        refuse_sums(y, source, loss_of(conduct.model.spec.content)[1]["labels"])
    elif name == "poisson":
        refuse_below_zero(y, source, name)


def refuse_shape(conduct: SpecConduct, y: Any, source: str, name: str) -> None:
    """Refuse targets that are not one number, or one row of numbers, for each example."""
    (_, *sizes), _ = conduct.model.plan.shapes["y"]
    if list(y.shape[1:]) == sizes:
        return
    count, what = (sizes or [1])[0], f"{source}: y has shape {y.shape}, and"
    if conduct.goal.labels == "class":
        raise DataError(
            f"{what} {name} takes one class for each example; for shares set "
            'loss = { name = "softmax_cross_entropy", labels = "soft" }'
        )
    if conduct.goal.labels == "shares":
        raise DataError(
            f"{what} {name} takes {count} shares for each example; of a column of classes "
            "`data.classes` makes them"
        )
    is_column = not sizes and y.shape[1:] == (1,)
    cure = "y[:, 0] takes the only column" if is_column else "`data.target` names columns"
    numbers = f"{count} numbers" if sizes else "one number"
    raise DataError(f"{what} the model gives {numbers} for each example; {cure}")


def refuse_weights(weights: Any, source: str) -> None:
    if weights.ndim != 1:
        raise DataError(f"{source}: weights has shape {weights.shape}: give one for each example")
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise DataError(
            f"{source}: a weight is negative, {weights[row].item()!r} (row {row + 1} of these); an "
            "example counts 0 or more"
        )


def refuse_sums(y: Any, source: str, labels: str) -> None:
    """Refuse rows that are no shares of a whole; rounded ones may miss it a little."""
    sums = y.sum(axis=1)
    wrong = np.abs(sums - 1) > MOST_MISSED
    if labels == "one_hot":
        wrong |= ((y != 0) & (y != 1)).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        said = "one 1, and 0 otherwise" if labels == "one_hot" else "shares that sum to 1"
        raise DataError(f"{source}: y holds {y[row].tolist()} (row {row + 1} of these), not {said}")


MOST_MISSED = 0.05
NUMBERED = "; `data.classes` numbers words or other numbers"


def refuse_range(values: Any, count: int, what: str, whose: str, cure: str = NUMBERED) -> None:
    wrong = (values < 0) | (values >= count) | (values != np.floor(values))
    if wrong.any():
        at = np.argwhere(wrong)[0]
        raise DataError(
            f"{what} holds {values[tuple(at)].item()!r} (row {at[0] + 1} of these), and {whose} "
            f"are 0 to {count - 1}{cure}"
        )


def refuse_below_zero(y: Any, source: str, name: str) -> None:
    if (y < 0).any():
        raise DataError(f"{source}: y holds {y[y < 0][0].item()!r}: {name} takes 0 and more")


# --- from keys of a spec to settings --------------------------------------------------------------


def optimizer_of(content: Mapping[str, Any]) -> optim.Optimizer:
    """Return the optimizer of a spec, with its schedule."""
    given = content["optimizer"]
    settings = {"name": given} if isinstance(given, str) else dict(given)
    made = optim.optimizer(settings.pop("name"), **settings)
    schedule = content.get("schedule")
    if schedule is None:
        return made
    return optim.optimizer(
        settings_name(given), **{**settings, "lr": schedule_of(schedule, made.lr)}
    )


def settings_name(given: str | Mapping[str, Any]) -> str:
    return given if isinstance(given, str) else str(given["name"])


def schedule_of(schedule: Mapping[str, Any], lr: Any) -> optim.Schedule:
    """Return a schedule of a spec; what follows a warm-up takes the place of its rate."""
    settings = dict(schedule)
    name, then = settings.pop("name"), settings.pop("then", None)
    return optim.schedule(name, lr=lr if then is None else schedule_of(then, lr), **settings)


def part_of(content: Mapping[str, Any]) -> Part | None:
    given = content.get("validation")
    return None if given is None else Part(given["share"], given.get("seed", content["seed"]))


def stopping_of(content: Mapping[str, Any]) -> dict[str, Any] | None:
    given = content.get("early_stopping")
    if given is None:
        return None
    return {"patience": given["patience"], "min_delta": float(given["least"])}


# --- the data -------------------------------------------------------------------------------------


def file_of(model: Model) -> Any:
    """Return the data file that the spec names."""
    file = (model.spec.get("data") or {}).get("file")
    if file is None:
        raise ArgumentError(
            f"{model.spec.origin} names no data: give it, or set `file` in its table [data]"
        )
    return model.spec.folder / file


def first_examples(model: Model, count: int) -> dict[str, Any]:
    """Return the first examples to train on of the spec's file, or {} where there is no file."""
    file = (model.spec.get("data") or {}).get("file")
    if file is None or not (model.spec.folder / file).is_file():
        return {}
    settings = settings_of(model)
    objective = Objective(settings.fn, settings.params, settings.conduct.masks)
    training = load_examples(settings, objective).training
    assert isinstance(training, Dataset)
    return training.columns_at(slice(0, count))


def preparation_of(model: Model, data: Any) -> Preparation:
    """Return what makes X, y and weights of a table's columns, or of arrays of those names."""
    declared, arrays = model.spec.get("data"), arrays_among(data)
    if not is_table(data):
        return of_batches(model, declared or {})
    if arrays is None and declared is not None:
        return of_table(model, declared)
    if arrays is None and (has_names(data) or is_csv(data)):
        raise DataError(
            f"{model.spec.origin} has no table [data], which says what the columns of a table are: "
            "set `data.target`, or give arrays X and y"
        )
    names = ARRAYS if has_weights(model.spec.content) else ARRAYS[:2]
    return of_arrays(model, declared or {}, dict.fromkeys(names) if arrays is None else arrays)


def is_csv(data: Any) -> bool:
    return isinstance(data, (str, os.PathLike)) and ".csv" in Path(data).suffixes


def arrays_among(data: Any) -> dict[str, Any] | None:
    """Return data that is X, y and weights already; None for columns of a table, or a file."""
    if has_names(data):
        found = {str(name): data[name] for name in data}
        return found if "X" in found and set(found) <= set(ARRAYS) else None
    if isinstance(data, (tuple, list)):
        return dict(zip(ARRAYS, data, strict=False))
    return {"X": data} if isinstance(data, np.ndarray) else None


def of_table(model: Model, declared: Mapping[str, Any]) -> Preparation:
    features = declared.get("features")
    coded = [each for each in features or () if not isinstance(each, str) and "categories" in each]
    targets = as_list(declared["target"])
    inputs = inputs_of(model.spec.content)
    return Preparation(
        target=targets[0] if len(targets) == 1 else tuple(targets),
        inputs=None if features is None else [column_of(each) for each in features],
        categories={each["column"]: tuple(each["categories"]) for each in coded},
        encode={each["column"]: each["encode"] for each in coded},
        standardise=declared["standardise"],
        missing=declared["missing"],
        marks=tuple(declared["missing_values"]),
        weights=declared.get("weights"),
        classes=tuple(declared["classes"]) if "classes" in declared else None,
        whole=reads_rows(model),
        one_hot=is_one_hot(model, len(targets)),
        labels=holds_classes(model),
        shape=tuple(inputs) if isinstance(inputs, list) else None,
    )


def of_arrays(model: Model, declared: Mapping[str, Any], arrays: Mapping[str, Any]) -> Preparation:
    """Return what the table [data] means for arrays X and y."""
    if any(not isinstance(each, str) for each in declared.get("features") or ()):
        raise DataError(
            "`data.features` names categories, so the data must be columns: a dict of them, or a "
            "file, and not an array X"
        )
    classes = tuple(declared.get("classes", ()))
    return Preparation(
        target="y" if "y" in arrays else None,
        inputs=["X"],
        standardise=declared.get("standardise", False),
        missing=declared.get("missing", "refuse"),
        weights="weights" if "weights" in arrays else None,
        classes=classes or None,
        whole=reads_rows(model),
        one_hot=is_one_hot(model, 1),
        labels=holds_classes(model),
        numbered=all(isinstance(each, str) for each in classes),
    )


def of_batches(model: Model, declared: Mapping[str, Any]) -> Preparation:
    """Return what the table [data] means for batches of X and y, which nothing is learned from."""
    if declared.get("standardise") or declared.get("missing", "refuse") != "refuse":
        raise ArgumentError(
            "batches are taken as they come: `data.standardise` and `data.missing` need all of the "
            "data"
        )
    if model.plan.statistics:
        raise ArgumentError(
            "batches are taken as they come: the means and variances of batch_norm are those of "
            "all the training data, so give arrays or a file, or take layer_norm"
        )
    names = ARRAYS if has_weights(model.spec.content) else ARRAYS[:2]
    known = of_arrays(model, declared, dict.fromkeys(names))
    return replace(known, encodings={"X": Encoding()})


def holds_classes(model: Model) -> bool | None:
    """Return whether a target holds numbers of classes; None if it may, or words for them."""
    if model.labels == "number" and "classes" not in model.spec.get("data", {}):
        return False
    return True if model.labels == "class" else None


def as_list(target: str | Sequence[str]) -> list[str]:
    return [target] if isinstance(target, str) else list(target)


def column_of(feature: Any) -> str:
    return feature if isinstance(feature, str) else str(feature["column"])


def reads_rows(model: Model) -> bool:
    """Return whether X holds whole numbers, as an embedding layer takes them."""
    return bool(model.plan.sizes["X"][1])


def is_one_hot(model: Model, targets: int) -> bool:
    """Return whether one column of classes becomes the shares that the loss takes."""
    is_class = model.labels == "shares" or "classes" in model.spec.get("data", {})
    return is_class and targets == 1 and len(model.plan.shapes["y"][0]) == 2
