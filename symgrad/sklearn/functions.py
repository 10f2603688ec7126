"""A loss that is a Python function: put behind the network of a spec.

Given a model and a function of what its network gives and of the targets, return the function of
parameters and data that is compiled.  Invariant: what is compiled calls the user's own function.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from types import ModuleType
from typing import Any

from symgrad import losses, nn
from symgrad.compiled import Compiled, compile
from symgrad.emit.layout import wrapped
from symgrad.errors import SpecError
from symgrad.load import load
from symgrad.spec.models import Model
from symgrad.spec.reading import Spec
from symgrad.spec.schema import LOSSES
from symgrad.spec.text import BODY, called, penalties, signature

WEIGHTS = ("weights", "sample_weight")
PLACEHOLDER = "mean(y_hat)"  # what the spec says of a loss that no text can say


def named(loss: Any) -> Any:
    """Return a loss of `symgrad.losses` as a spec names it, and any other as it is."""
    function = loss.function if isinstance(loss, Compiled) else loss
    name = getattr(function, "__name__", "")
    if callable(function) and getattr(losses, name, None) is function:
        loss = name
    if is_spec(loss):
        shown = loss if isinstance(loss, (str, PathLike)) else "{...}"
        raise SpecError(f"loss={shown} is a whole spec: give it as spec={shown}")
    if isinstance(loss, str) and loss == "soft_cross_entropy":
        return {"name": "softmax_cross_entropy", "labels": "soft"}
    if callable(function) and isinstance(loss, str) and loss not in LOSSES:
        raise SpecError(f"loss={loss} is no loss: there are {', '.join(LOSSES)}")
    return loss


def is_spec(loss: Any) -> bool:
    """Return whether a loss is a spec, of which the loss would be one part."""
    if isinstance(loss, (Spec, PathLike)):
        return True
    if isinstance(loss, Mapping):
        return "layers" in loss or "model" in loss
    return isinstance(loss, str) and loss.lower().endswith((".toml", ".json"))


def weights_of(function: Callable[..., Any]) -> str | None:
    """Return the name by which a loss takes the weights of the examples, if it does.

    Raises SpecError unless it takes what the network gives and the targets.
    """
    try:
        taken = list(inspect.signature(function).parameters.values())
    except ValueError:
        raise SpecError(f"loss={function!r} has no signature: wrap it in a def") from None
    found = next((each.name for each in taken if each.name in WEIGHTS), None)
    plain = [each for each in taken if each.name != found]
    needed = [each for each in plain if each.default is each.empty]
    is_fit = len(plain) >= 2 and {each.name for each in needed} <= {x.name for x in plain[:2]}
    if not is_fit or any(each.kind is not each.POSITIONAL_OR_KEYWORD for each in plain[:2]):
        raise SpecError(
            f"loss={_name(function)}: a function takes what the network gives and the targets, "
            "and may take `weights`: def loss(y_hat, y) or def loss(y_hat, y, weights)"
        )
    return found


def objective(model: Model, function: Callable[..., Any], has_labels: bool) -> Compiled:
    """Return the loss of parameters and data, compiled; with ``has_labels`` y holds integers."""
    specs = dict(model.specs)
    if has_labels:
        specs["y"] = ("n",), "int"
    if weights_of(function):
        specs["weights"] = ("n",)
    wrt = tuple(model.parameters)
    found: Compiled = compile(module_of(model, function).loss, wrt=wrt, specs=specs)
    return found


def module_of(model: Model, function: Callable[..., Any]) -> ModuleType:
    """Return a module of `loss`, which is for training, and of `evaluate`, as specs have them."""
    plan, calls, weights = model.plan, set[str](), weights_of(function)
    terms, data = penalties(plan, calls), ["X", "y", *(["weights"] if weights else [])]
    ours = {*plan.names, *data, *plan.masks, *plan.statistics, *calls, "network", "loss"}
    name = _name(function)
    if not name.isidentifier() or keyword.iskeyword(name) or name in ours:
        name = "given_loss"
    args = ["y_hat", "y", *([f"{weights}=weights"] if weights else [])]

    def text(head: str, given: Sequence[str]) -> list[str]:
        lines = [
            f'"""Return the loss: {name.replace("_", " ")}."""',
            *called("y_hat =", "network", [*plan.network_args, *(f"{x}={x}" for x in given)]),
            *called("error =" if terms else "return", name, args),
        ]
        if terms:
            lines += [*wrapped(f"penalty = {' + '.join(terms)}", BODY), "return error + penalty"]
        body = [f"    {line}" for line in lines]
        return [*signature(head, [*plan.names, *data, *given]), *body, ""]

    module = load("\n".join([*text("loss", plan.masks), *text("evaluate", plan.statistics)]), name)
    vars(module).update({"network": model.module.network, name: function})
    vars(module).update({each: vars(nn)[each] for each in calls})
    return module


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
