"""The loop of a trainer: constants and choices for the template of the functions that train.

Given a model and its table, returns `LoopText`.  Invariant: each step is that of `symgrad.optim`,
function by function, with the numbers of the spec.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from symgrad import optim
from symgrad.emit.layout import bracketed, exploded, fits
from symgrad.optim.optimizers import Call
from symgrad.spec import Model
from symgrad.spec.consistency import loss_of, objective_of
from symgrad.spec.objectives import CLASSES, ONE, SEVERAL
from symgrad.spec.text import class_weights
from symgrad.standalone.table import TableText, assigned
from symgrad.training.spec_models import optimizer_of, schedule_of, threshold_of
from symgrad.trees import quoted

DRAWS_NOTHING = {"zeros": "np.zeros", "ones": "np.ones"}


@dataclass(frozen=True)
class LoopText:
    """What the template `trainer/loop.py.jinja` asks, one property for each question."""

    model: Model
    table: TableText
    captures: Sequence[str] = ()  # arrays of the user's file that the gradient takes by name

    # --- the optimizer

    @cached_property
    def optimizer(self) -> optim.Optimizer:
        return optimizer_of({"optimizer": self.model.spec["optimizer"]})

    @cached_property
    def schedule(self) -> optim.Schedule | None:
        given = self.model.spec.get("schedule")
        return None if given is None else schedule_of(given, self.optimizer.lr)

    @property
    def moments(self) -> list[str]:
        """The lines that make the arrays that the optimizer remembers."""
        initial = getattr(self.optimizer, "initial", 0.0)
        lines = [f"{name} = np.zeros_like(w)" for name in self.optimizer.moments]
        if initial:
            lines = [f"s = np.full_like(w, {initial!r})"]
        return [*lines, "scratch = np.empty_like(w)"]

    @property
    def gradient(self) -> list[str]:
        """The lines that compute the loss of a step and its gradient."""
        args = ["*unpack(w)", "*examples", *(f"{name}={name}" for name in self.captures)]
        return bracketed("value, grads = value_and_grad(", args, ")", 12)

    @property
    def steps(self) -> list[str]:
        """The lines that change the parameters once."""
        lines = []
        if self.schedule is not None:
            lines.append("rate = learning_rate(step, lr)")
        for call in (*self.optimizer.clips, *self.optimizer.plan):
            args = [*call.arrays, *self.numbers(call), *settings_of(call)]
            lines += bracketed(f"{call.function.__name__}(", args, ")", 12)
        return lines

    def numbers(self, call: Call) -> list[str]:
        words = {"lr": "lr" if self.schedule is None else "rate", "step": "step + 1"}
        return [words[name] for name in call.numbers]

    @property
    def schedule_text(self) -> str:
        """The function of the learning rate, with what it calls before it."""
        if self.schedule is None:
            return ""
        lines = exploded("return ", rate_text(self.schedule, "step"), "", 4)
        body = "\n".join(f"    {line}" for line in lines)
        doc = '"""Return the learning rate after `step` steps, given the largest."""'
        return f"{self.schedule.source}\n\ndef learning_rate(step, lr):\n    {doc}\n{body}\n"

    # --- the first parameters

    @property
    def init_text(self) -> str:
        """The function that draws the first parameters."""
        rows = [
            line
            for each in self.model.plan.net.parameters
            for line in exploded("", first_text(each), ",", 8)
        ]
        rng = ["    rng = np.random.RandomState(seed)"] if self.init_draws else []
        short = '"""Return the first parameters."""'
        doc = f'{short[:-4]}: {", ".join(self.model.parameters)}."""'
        return "\n".join([
            f"def init({'seed' if self.init_draws else ''}):",
            f"    {doc if fits(doc) else short}",
            *rng,
            "    return [",
            *(f"        {row}" for row in rows),
            "    ]",
        ])  # fmt: skip

    @property
    def init_draws(self) -> bool:
        rules = (each.init["name"] for each in self.model.plan.net.parameters)
        return any(rule not in DRAWS_NOTHING for rule in rules)

    @property
    def init_rules(self) -> list[str]:
        rules = (each.init["name"] for each in self.model.plan.net.parameters)
        return sorted({rule for rule in rules if rule not in DRAWS_NOTHING})

    @property
    def init(self) -> str:
        return "init(seed)" if self.init_draws else "init()"

    # --- epochs

    @property
    def validation(self) -> bool:
        return self.table.is_split

    @property
    def args(self) -> str:
        held = "held_out, " if self.validation else ""
        return f"training, {held}epochs, batch, seed, lr"

    @property
    def shuffles(self) -> bool:
        return bool(self.model.spec["shuffle"])

    @property
    def masks(self) -> bool:
        return bool(self.model.masks)

    @property
    def draws(self) -> bool:
        return self.shuffles or self.masks

    @property
    def metrics(self) -> bool:
        return bool(self.model.spec["metrics"])

    @property
    def measures(self) -> bool:
        return self.metrics or self.validation

    @property
    def measure_args(self) -> str:
        held = ["held_out"] if self.validation else []
        needs_training = self.metrics or self.statistics
        return ", ".join([
            "loss_of_steps", "params", *(["training"] if needs_training else []), *held, "batch",
        ])  # fmt: skip

    @property
    def record(self) -> str:
        """The expression that is one epoch's losses and metrics."""
        if not self.measures:
            return '{"loss": mean}'
        args = self.measure_args.replace("loss_of_steps, params", "mean, unpack(w)")
        return f"measure({args})"

    @property
    def norms(self) -> bool:
        return bool(self.model.plan.statistics)

    @property
    def statistics(self) -> bool:
        return self.norms and self.measures

    @property
    def measured(self) -> str:
        return "params, learned" if self.statistics else "params"

    @property
    def keeps_before(self) -> bool:
        """Whether the best parameters may be those that the epoch began with."""
        return not self.validation

    @property
    def best(self) -> str:
        return "w.copy()" if self.validation else "w.copy() if batch else before"

    @property
    def scores_held_out(self) -> bool:
        """Whether metrics of the validation part stand beside its loss."""
        return self.metrics and self.validation

    @property
    def monitor(self) -> str:
        return "val_loss" if self.validation else "loss"

    @property
    def stops_early(self) -> bool:
        return "early_stopping" in self.model.spec.content

    @property
    def is_last(self) -> str:
        more = " or epoch - best >= PATIENCE" if self.stops_early else ""
        return f"epoch == epochs{more}"

    @property
    def is_better(self) -> str:
        least = self.stops_early and self.model.spec["early_stopping"]["least"]
        if least:
            return f'lowest - record["{self.monitor}"] > LEAST'
        return f'record["{self.monitor}"] < lowest'

    @property
    def plain_loss(self) -> str:
        """The call of the loss on a part of the examples."""
        if self.statistics:
            return "evaluate(*params, *part, *learned)"
        return "evaluate(*params, *part)" if self.masks else "loss(*params, *part)"

    @property
    def class_weights(self) -> list[str]:
        """The lines that name the weights of the classes, where examples are counted by them."""
        return class_weights(self.model.spec) if self.is_named else []

    @property
    def count(self) -> str:
        """The expression of what the loss of a part divides by, as in `SpecConduct.counted`."""
        factors = ["part[2]"] if self.table.weights and self.is_named else []
        if self.class_weights:
            is_shared = self.model.labels == "shares"
            codes = "part[1]" if self.model.labels == "class" else "part[1].astype(int)"
            found = "part[1] @ class_weights" if is_shared else f"class_weights[{codes}]"
            factors.append(f"({found})" if is_shared and factors else found)
        return f"np.sum({' * '.join(factors)})" if factors else ""

    @property
    def is_named(self) -> bool:
        """Whether the loss is one by name, and no formula."""
        return bool(loss_of(self.model.spec.content)[0])

    @property
    def predicted(self) -> str:
        return f"predict(*params, X[rows]{', *learned' if self.statistics else ''})"

    @property
    def metric_lines(self) -> list[str]:
        """The lines that return the metrics of predictions, by name."""
        names = self.model.spec["metrics"]
        lines = []
        if set(names) & CLASSES:
            lines.append(f"found = {self.found}")
            if self.has_rows:
                lines.append("labels = y.argmax(axis=1)")
        items = ", ".join(f"{quoted(name)}: {self.metric_of(name)}" for name in names)
        return [*lines, *exploded("return ", f"{{{items}}}", "", 4)]

    def metric_of(self, name: str) -> str:
        """Return the call of a metric; of more than two classes it is the mean over them."""
        if name not in CLASSES:
            return f"{name}(output, y)"
        several = name != "accuracy" and (self.model.classes or 2) > 2
        return f"{'macro_' if several else ''}{name}(found, {'labels' if self.has_rows else 'y'})"

    @property
    def has_rows(self) -> bool:
        """Whether the target is a row of shares for each example."""
        return len(self.model.plan.shapes["y"][0]) == 2

    @property
    def inputs_and_targets(self) -> str:
        return "[:2]" if self.table.weights else ""

    @property
    def found(self) -> str:
        """The class that a prediction stands for: the largest, or what is above a threshold."""
        goal, width = objective_of(self.model.spec.content), self.model.plan.net.width
        largest = "output.argmax(axis=1)"
        if goal.outputs == SEVERAL or width not in (None, 1):
            return largest
        above = f"output > {threshold_of(self.model):g}"
        is_known = goal.outputs == ONE or width == 1
        return above if is_known else f"{largest} if output.ndim == 2 else {above}"

    # --- the program

    @property
    def read(self) -> str:
        return self.table.examples

    @property
    def prepare(self) -> list[str]:
        return self.table.prepare

    @property
    def call(self) -> list[str]:
        """The lines that train as the options say."""
        held = ["held_out"] if self.validation else []
        options = [f"{name}=options.{name}" for name in ("epochs", "batch", "seed", "lr")]
        return bracketed("history, best, w = train(", ["training", *held, *options], ")", 4)

    @property
    def description(self) -> str:
        return quoted(f"Train {self.model.spec.name}.")

    @property
    def data_default(self) -> str:
        return "default=DATA" if self.table.file else "required=True"

    @property
    def data_help(self) -> str:
        return quoted("an NPZ file" if self.table.is_npz else "a CSV file")

    @property
    def constants(self) -> list[str]:
        """The statements that say how to train."""
        spec = self.model.spec
        stopping, validation = spec.get("early_stopping", {}), spec.get("validation", {})
        said = [
            ("HELD_OUT", validation.get("share")), ("SPLIT_SEED", validation.get("seed")),
            ("EPOCHS", spec["epochs"]), ("BATCH_SIZE", spec.get("batch_size")),
            ("SEED", spec["seed"]), ("LEARNING_RATE", self.optimizer.lr),
            ("PATIENCE", stopping.get("patience")), ("LEAST", stopping.get("least")),
            ("DROPOUT", [(mask.width, mask.keep) for mask in self.model.masks.values()]),
            ("SHAPES", dict(self.model.parameters)), ("STATISTICS", self.model.plan.statistics),
        ]  # fmt: skip
        return [assigned(name, value) for name, value in said]


def rate_text(schedule: optim.Schedule, step: str) -> str:
    """Return the call of a schedule, whose largest rate is the variable ``lr``."""
    settings = dict(schedule.settings)
    inner = settings.pop("lr")
    lr = f"lambda step: {rate_text(inner, 'step')}" if isinstance(inner, optim.Schedule) else "lr"
    args = [step, lr, *(f"{key}={value!r}" for key, value in settings.items())]
    return f"{type(schedule).function.__name__}({', '.join(args)})"


def settings_of(call: Call) -> list[str]:
    """Return the settings of a step that are not the function's own."""
    import inspect

    defaults = inspect.signature(call.function).parameters
    return [
        f"{key}={value!r}" for key, value in call.settings.items() if defaults[key].default != value
    ]


def first_text(parameter: Any) -> str:
    """Return the call that draws a parameter."""
    settings = dict(parameter.init)
    rule, shape = settings.pop("name"), f"SHAPES[{quoted(parameter.name)}]"
    if rule in DRAWS_NOTHING:
        return f"{DRAWS_NOTHING[rule]}({shape})"
    args = ["rng", repr(parameter.fan_in), repr(parameter.fan_out), shape]
    return f"{rule}({', '.join([*args, *(f'{k}={v!r}' for k, v in settings.items())])})"
