"""The NumPy text of a spec's model: small functions, `network`, `predict` and `loss`.

Given a checked spec and its network, returns `ModelText` for the template.  Invariant: what the
text is made of is ours, or went through the schema's patterns and the whitelist of formulas.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from symgrad.spec.consistency import has_weights, loss_of, names_of, objective_of
from symgrad.spec.copying import copied
from symgrad.spec.expressions import read_formula
from symgrad.spec.network import Network, Parameter
from symgrad.spec.objectives import TWO
from symgrad.spec.reading import Spec
from symgrad.spec.schema import LOSSES
from symgrad.templating import environment

WIDTH = 100
INDENT = "    "


@dataclass(frozen=True, slots=True)
class FunctionText:
    signature: list[str]
    doc: str
    lines: list[str]


@dataclass(frozen=True, slots=True)
class ModelText:
    title: str
    doc: list[str]
    imported: str
    helpers: list[list[str]]
    functions: list[FunctionText]


@dataclass
class Plan:
    """What a model is made of: its spec, its network, and the function it is, if it is one.

    ``shapes`` has the shape of everything that the loss takes; ``network_args`` are the arguments
    of the network in their order.
    """

    spec: Spec
    net: Network
    imported: str = ""
    network_args: list[str] = field(default_factory=list)
    shapes: dict[str, tuple[tuple[str | int, ...], str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [parameter.name for parameter in self.net.parameters]

    @property
    def masks(self) -> list[str]:
        return [mask.name for mask in self.net.masks]

    @property
    def statistics(self) -> list[str]:
        return [name for norm in self.net.norms for name in (norm.mean, norm.variance)]


def printed(plan: Plan) -> str:
    """Return the module's text."""
    calls = set(plan.net.calls)
    functions = [network_text(plan)] if not plan.imported else []
    functions += [predict_text(plan, calls), loss_text(plan, calls)]
    if plan.net.norms:
        functions.append(statistics_text(plan))
    text = ModelText(title(plan), documented(plan), plan.imported, helpers(calls), functions)
    template = environment().get_template("model/module.py.jinja")
    return template.render(model=text)


def title(plan: Plan) -> str:
    return f"The model {plan.spec.name}: what it predicts and its loss, in plain NumPy."


def documented(plan: Plan) -> list[str]:
    """Return the shapes of everything, as many on a line as go."""
    parts = []
    for name, (shape, dtype) in plan.shapes.items():
        sizes = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        parts.append(f"{name} ({sizes})" + (f" {dtype}" if dtype else ""))
    words = "  ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
    lines = textwrap.wrap(words, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def helpers(calls: set[str]) -> list[list[str]]:
    return copied(sorted(calls))


# --- the functions ----------------------------------------------------------------------------------


def network_text(plan: Plan) -> FunctionText:
    """Return the forward pass: masks are for training, means and variances for prediction."""
    options = [f"{name}=None" for name in [*plan.masks, *plan.statistics]]
    lines: list[str] = []
    for step in plan.net.steps:
        line = f"{step.target} = {step.value}"
        lines += [f"if {step.mask.name} is not None:", INDENT + line] if step.mask else [line]
    doc = f"Return what the last layer gives for each row of X{output_shape(plan)}."
    lines.append(f"return {plan.net.result}")
    return FunctionText(signature("network", [*plan.names, "X", *options]), doc, lines)


def output_shape(plan: Plan) -> str:
    return "" if plan.net.width in (None, 1) else f", (n, {plan.net.width})"


def statistics_text(plan: Plan) -> FunctionText:
    """Return the function that gives `predict` the means and variances of the training data."""
    lines: list[str] = []
    last = max(k for k, step in enumerate(plan.net.steps) if step.norm)
    for step in plan.net.steps[: last + 1]:
        if step.norm:
            of = step.norm.of
            names = f"{step.norm.mean}, {step.norm.variance}"
            lines.append(f"{names} = {of}.mean(axis=0), {of}.var(axis=0)")
        if not step.mask and step is not plan.net.steps[last]:
            lines.append(f"{step.target} = {step.value}")
    lines += returned(", ".join(plan.statistics))
    doc = "Return the means and variances that `predict` takes, from all of the training data."
    return FunctionText(signature("statistics", [*plan.names, "X"]), doc, lines)


def predict_text(plan: Plan, calls: set[str]) -> FunctionText:
    goal = objective_of(plan.spec.content)
    value = call("network", [*plan.network_args, *(f"{name}={name}" for name in plan.statistics)])
    lines, said = returned(*value), goal.output.replace("_", " ")
    for link in goal.links:
        calls |= {link} - {"np.exp"}
        lines = [*assigned(goal.output, *value), f"return {link}({goal.output})"]
        said = {"softmax": "probability of each class", "sigmoid": "probability of class 1"}.get(
            link, "expected count"
        )
    if goal.outputs == TWO:
        lines = [*assigned(goal.output, *value), "return outputs[:, 0]"]
        said = "mean"
    said = {"y hat": "prediction"}.get(said, said)
    args = [*plan.names, "X", *plan.statistics]
    return FunctionText(signature("predict", args), f"Return the {said} for each row of X.", lines)


def loss_text(plan: Plan, calls: set[str]) -> FunctionText:
    spec, goal = plan.spec.content, objective_of(plan.spec.content)
    name, settings = loss_of(spec)
    given = [*plan.network_args, *(f"{mask}={mask}" for mask in plan.masks)]
    lines = assigned(goal.output, *call("network", given))
    if name:
        lines += class_weights(spec)
        args = [*outputs(goal.output, goal.outputs), "y"]
        args += [f"{key}={settings[key]!r}" for key in goal.settings if is_set(name, key, settings)]
        args += ["weights=weights"] if has_weights(spec) else []
        args += ["class_weights=class_weights"] if spec.get("class_weights") else []
        calls.add(goal.function)
        value, doc = call(goal.function, args), f"Return the loss: {name.replace('_', ' ')}"
    else:
        formula = read_formula(spec["loss"], names_of(spec, plan.names))
        calls |= formula.calls
        value, doc = [formula.text], "Return the loss of the spec"
    terms = penalties(plan, calls)
    if terms:
        lines += [*assigned("penalty", *joined(terms))]
        lines += [*assigned("error", *value), "return error + penalty"]
        doc += ", and a penalty for large weights"
    else:
        lines += returned(*value)
    args = [*plan.names, "X", "y", *(["weights"] if has_weights(spec) else []), *plan.masks]
    return FunctionText(signature("loss", args), f"{doc}.", lines)


def is_set(loss: str, key: str, settings: Any) -> bool:
    """Return whether a setting of a loss differs from what its function takes by itself."""
    return bool(settings[key] != LOSSES[loss][key]["default"])


def outputs(name: str, count: str) -> list[str]:
    return [f"{name}[:, 0]", f"{name}[:, 1]"] if count == TWO else [name]


def class_weights(spec: Any) -> list[str]:
    given = spec.get("class_weights")
    return [] if given is None else assigned("class_weights", f"np.array({given!r})")


def penalties(plan: Plan, calls: set[str]) -> list[str]:
    """Return the terms that keep weights small: those of a layer, or else those of the spec."""
    general = plan.spec.get("regularisers") or {}
    terms: list[str] = []
    for parameter in plan.net.parameters:
        if parameter.is_weight:
            mine = {**general, **parameter.penalties}
            terms += [term(key, mine[key], parameter, calls) for key in mine if strength(mine[key])]
    return terms


def strength(setting: Any) -> float:
    return float(setting["strength"] if isinstance(setting, dict) else setting)


def term(key: str, setting: Any, parameter: Parameter, calls: set[str]) -> str:
    calls.add(key)
    ratio = f", ratio={setting['ratio']!r}" if isinstance(setting, dict) else ""
    return f"{strength(setting)!r} * {key}({parameter.name}{ratio})"


# --- lines that fit ----------------------------------------------------------------------------------


def signature(name: str, args: Sequence[str]) -> list[str]:
    return wrapped(f"def {name}(", args, "):", WIDTH)


def call(name: str, args: Sequence[str]) -> list[str]:
    """Return a call, on several lines where one is too long with what may stand before it."""
    return wrapped(f"{name}(", args, ")", WIDTH - 24)


def wrapped(head: str, args: Sequence[str], tail: str, width: int) -> list[str]:
    one = head + ", ".join(args) + tail
    if len(one) <= width:
        return [one]
    inside = ", ".join(args)
    if len(INDENT + inside) <= width:
        return [head, INDENT + inside, tail]
    return [head, *(f"{INDENT}{arg}," for arg in args), tail]


def joined(terms: Sequence[str]) -> list[str]:
    """Return a sum, one term on each line of a bracket where one line is too long."""
    one = " + ".join(terms)
    if len(one) <= WIDTH - 24:
        return [one]
    first, *others = terms
    return ["(", INDENT + first, *(f"{INDENT}+ {each}" for each in others), ")"]


def assigned(target: str, *value: str) -> list[str]:
    return [f"{target} = {value[0]}", *value[1:]]


def returned(*value: str) -> list[str]:
    return [f"return {value[0]}", *value[1:]]
