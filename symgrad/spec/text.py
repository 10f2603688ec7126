"""The NumPy text of a spec's model: small functions, `network`, `predict` and `loss`.

Given a checked spec and its network, returns `ModelText` for the template.  Invariant: what the
text is made of is ours, or went through the schema's patterns and the whitelist of formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from symgrad.emit.layout import bracketed, fits, paragraph, wrapped
from symgrad.spec.consistency import has_weights, loss_of, names_of, objective_of
from symgrad.spec.copying import copied
from symgrad.spec.expressions import read_formula
from symgrad.spec.network import Network, Sizes
from symgrad.spec.objectives import TWO
from symgrad.spec.reading import Spec
from symgrad.spec.schema import LOSSES
from symgrad.templating import environment

BODY = 4  # how far the lines of a function stand to the right


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

    ``shapes`` has the shape and dtype of everything that the loss takes, and ``sizes`` the same
    with names; ``network_args`` are the arguments of the network in their order, and ``taken`` is
    what is taken of its result: nothing, or its only column.
    """

    spec: Spec
    net: Network
    imported: str = ""
    network_args: list[str] = field(default_factory=list)
    taken: str = ""
    shapes: dict[str, tuple[Sizes, str]] = field(default_factory=dict)
    sizes: dict[str, tuple[Sizes, str]] = field(default_factory=dict)

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
    if plan.masks or plan.statistics:
        functions.append(evaluate_text(plan, calls))
    if plan.net.norms:
        functions.append(statistics_text(plan))
    return rendered(plan, helpers(plan, calls), functions)


def printed_for_prediction(plan: Plan) -> str:
    """Return the text of a trained model: nothing is dropped, means and variances are given."""
    steps = [step for step in plan.net.steps if not step.mask]
    trained = replace(plan, net=replace(plan.net, steps=steps))
    calls = plan.net.calls - {"dropout"}
    functions = [network_text(trained, is_trained=True)] if not plan.imported else []
    functions.append(predict_text(trained, calls))
    differs = plan.masks or plan.statistics
    functions.append(evaluate_text(trained, calls) if differs else loss_text(trained, calls))
    if plan.net.norms:
        functions.append(statistics_text(trained))
    return rendered(trained, helpers(trained, calls, ["mean", "variance"]), functions)


def rendered(plan: Plan, called: list[list[str]], functions: list[FunctionText]) -> str:
    text = ModelText(title(plan), documented(plan), plan.imported, called, functions)
    template = environment().get_template("model/module.py.jinja")
    return template.render(model=text)


def title(plan: Plan) -> str:
    return f"The model {plan.spec.name}: what it predicts and its loss, in plain NumPy."


def documented(plan: Plan) -> list[str]:
    """Return the shapes of everything, as many on a line as go."""
    words = []
    for name, (shape, dtype) in plan.shapes.items():
        sizes = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        words.append(f"{name} ({sizes})" + (f" {dtype}" if dtype else ""))
    return paragraph(words)


def helpers(plan: Plan, calls: set[str], given: Sequence[str] = ()) -> list[list[str]]:
    """Return the small functions that the model calls, without the weights that it has not.

    ``given`` are their optional arguments that every call gives.
    """
    are_given = {
        "weights": has_weights(plan.spec.content),
        "class_weights": bool(plan.spec.get("class_weights")),
    }
    absent = [name for name, is_given in are_given.items() if not is_given]
    return copied(sorted(calls), absent, [*given, *(are_given.keys() - absent)])


# --- the functions --------------------------------------------------------------------------------


def network_text(plan: Plan, is_trained: bool = False) -> FunctionText:
    """Return the forward pass: masks are for training, means and variances for prediction."""
    options = [f"{name}=None" for name in [*plan.masks, *plan.statistics]]
    if is_trained:
        options = plan.statistics
    lines: list[str] = []
    for step in plan.net.steps:
        line = f"{step.target} = {step.value}"
        lines += [f"if {step.mask.name} is not None:", "    " + line] if step.mask else [line]
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
    lines.append(f"return {', '.join(plan.statistics)}")
    doc = "Return the means and variances that `predict` takes, from all of the training data."
    return FunctionText(signature("statistics", [*plan.names, "X"]), doc, lines)


def predict_text(plan: Plan, calls: set[str]) -> FunctionText:
    goal = objective_of(plan.spec.content)
    forward = [*plan.network_args, *(f"{name}={name}" for name in plan.statistics)]
    said, value = "prediction", goal.output
    for link in goal.links:
        calls |= {link} - {"np.exp"}
        said, value = SAID[link], f"{link}({goal.output})"
    if goal.outputs == TWO:
        said, value = "mean", f"{goal.output}[:, 0]"
    if value == goal.output:
        lines = called("return", "network", forward, plan.taken)
    else:
        lines = [*called(f"{goal.output} =", "network", forward, plan.taken), f"return {value}"]
    args = [*plan.names, "X", *plan.statistics]
    return FunctionText(signature("predict", args), f"Return the {said} for each row of X.", lines)


SAID = {
    "softmax": "probability of each class",
    "sigmoid": "probability of class 1",
    "np.exp": "expected count",
}


def loss_text(plan: Plan, calls: set[str]) -> FunctionText:
    name, _ = loss_of(plan.spec.content)
    doc = f"Return the loss: {name.replace('_', ' ')}" if name else "Return the loss of the spec"
    if penalties(plan, calls):
        doc += ", and a penalty for large weights"
    args = [*data_args(plan), *plan.masks]
    return FunctionText(signature("loss", args), f"{doc}.", loss_lines(plan, plan.masks, calls))


def evaluate_text(plan: Plan, calls: set[str]) -> FunctionText:
    """Return the loss where nothing is learned: other than `loss` for dropout and batch_norm."""
    doc = "Return the loss of examples that nothing is learned from, as `predict` sees them."
    args = [*data_args(plan), *plan.statistics]
    return FunctionText(signature("evaluate", args), doc, loss_lines(plan, plan.statistics, calls))


def data_args(plan: Plan) -> list[str]:
    return [*plan.names, "X", "y", *(["weights"] if has_weights(plan.spec.content) else [])]


def loss_lines(plan: Plan, given: Sequence[str], calls: set[str]) -> list[str]:
    """Return the lines of the loss; ``given`` is what the network takes by name."""
    name, goal = loss_of(plan.spec.content)[0], objective_of(plan.spec.content)
    forward = [*plan.network_args, *(f"{each}={each}" for each in given)]
    lines = called(f"{goal.output} =", "network", forward, plan.taken)
    terms = penalties(plan, calls)
    head = "error =" if terms else "return"
    lines += by_name(plan, head, calls) if name else by_formula(plan, head, calls)
    if terms:
        lines += [*wrapped(f"penalty = {' + '.join(terms)}", BODY), "return error + penalty"]
    return lines


def by_name(plan: Plan, head: str, calls: set[str]) -> list[str]:
    """Return the lines that call a loss of the library, after ``return`` or ``error =``."""
    goal = objective_of(plan.spec.content)
    calls.add(goal.function)
    return [*class_weights(plan.spec), *called(head, goal.function, loss_args(plan))]


def by_formula(plan: Plan, head: str, calls: set[str]) -> list[str]:
    """Return the lines of a loss that is a formula, after ``return`` or ``error =``."""
    formula = read_formula(plan.spec["loss"], names_of(plan.spec.content, plan.names))
    calls |= formula.calls
    if fits(f"{head} {formula.text}", BODY):
        return [f"{head} {formula.text}"]
    ending = ["return error"] if head == "return" else []
    return [*wrapped(f"error = {formula.text}", BODY), *ending]


def loss_args(plan: Plan) -> list[str]:
    spec, goal = plan.spec.content, objective_of(plan.spec.content)
    name, settings = loss_of(spec)
    args = [*outputs(goal.output, goal.outputs), "y"]
    args += [f"{key}={settings[key]!r}" for key in goal.settings if is_set(name, key, settings)]
    args += ["weights=weights"] if has_weights(spec) else []
    return [*args, *(["class_weights=class_weights"] if spec.get("class_weights") else [])]


def is_set(loss: str, key: str, settings: Any) -> bool:
    """Return whether a setting of a loss differs from what its function takes by itself."""
    return bool(settings[key] != LOSSES[loss][key]["default"])


def outputs(name: str, count: str) -> list[str]:
    return [f"{name}[:, 0]", f"{name}[:, 1]"] if count == TWO else [name]


def class_weights(spec: Any) -> list[str]:
    given = spec.get("class_weights")
    return [] if given is None else wrapped(f"class_weights = np.array({given!r})", BODY)


def penalties(plan: Plan, calls: set[str]) -> list[str]:
    """Return the terms that keep weights small: those of a layer, or else those of the spec."""
    general = plan.spec.get("regularisers") or {}
    alike: dict[str, list[str]] = {}
    for parameter in plan.net.parameters:
        if parameter.is_weight:
            for key, setting in {**general, **parameter.penalties}.items():
                strength, penalty = penalised(key, setting, parameter.name)
                if strength:
                    calls.add(key)
                    alike.setdefault(repr(strength), []).append(penalty)
    terms = [
        f"{strength} * {each[0]}" if len(each) == 1 else f"{strength} * ({' + '.join(each)})"
        for strength, each in alike.items()
    ]
    if all(fits(f"+ {term}", 2 * BODY) for term in terms):
        return terms
    return [f"{strength} * {each}" for strength, them in alike.items() for each in them]


def penalised(key: str, setting: Any, name: str) -> tuple[float, str]:
    """Return the strength of a regulariser, and its call."""
    if not isinstance(setting, dict):
        return setting, f"{key}({name})"
    ratio = f", ratio={setting['ratio']!r}" if setting["ratio"] != 0.5 else ""
    return setting["strength"], f"{key}({name}{ratio})"


# --- lines ----------------------------------------------------------------------------------------


def signature(name: str, args: Sequence[str]) -> list[str]:
    return bracketed(f"def {name}(", args, "):", 0)


def called(head: str, name: str, args: Sequence[str], taken: str = "") -> list[str]:
    """Return ``head name(args)``, on several lines where one is too long."""
    return bracketed(f"{head} {name}(", args, f"){taken}", BODY)
