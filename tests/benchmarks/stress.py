"""Naive spellings where they overflow or cancel: as written, by symgrad, and by who is installed.

Each is a function of a module with NumPy's names and of an array, so that JAX and PyTorch run the
very same text.  The gradient "as written" is the chain rule over the user's own steps.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad
from tests.benchmarks.exact import evaluate

DIGITS = (700, 1400)
FORMS: tuple[tuple[str, Callable[..., Any], list[float]], ...] = (
    ("-log(exp(s) / sum(exp(s)))[1]", lambda m, s: -m.log(m.exp(s) / m.sum(m.exp(s)))[1],
     [1000.0, 0.0]),
    ("log(sum(exp(s)))", lambda m, s: m.log(m.sum(m.exp(s))), [-800.0, -801.0]),
    ("log(1 + exp(z))", lambda m, z: m.sum(m.log(1 + m.exp(z))), [800.0]),
    ("-log(1 / (1 + exp(-z)))", lambda m, z: m.sum(-m.log(1 / (1 + m.exp(-z)))), [-800.0]),
    ("-log(1 - 1 / (1 + exp(-z)))", lambda m, z: m.sum(-m.log(1 - 1 / (1 + m.exp(-z)))), [40.0]),
    ("log(1.5 + exp(z))", lambda m, z: m.sum(m.log(1.5 + m.exp(z))), [800.0]),
    ("log(exp(a) - exp(b))", lambda m, x: m.log(m.exp(x[0]) - m.exp(x[1])), [1000.0, 999.0]),
    ("log(cumsum(exp(z)))[1]", lambda m, z: m.log(m.cumsum(m.exp(z), 0))[1], [-800.0, -800.0]),
    ("sqrt(x**2 + y**2)", lambda m, x: m.sqrt(x[0] ** 2 + x[1] ** 2), [0.0, 0.0]),
    ("x**2 / (2 s**2)", lambda m, x: x[0] ** 2 / (2 * x[1] ** 2), [3e-170, 1e-170]),
    ("mean(x**2) - mean(x)**2", lambda m, x: m.mean(x**2) - m.mean(x) ** 2, [1e8, 1e8 + 2]),
    ("where(x > 0, sqrt(x), 0)", lambda m, x: m.sum(m.where(x > 0, m.sqrt(x), 0.0 * x)), [0.0]),
)  # fmt: skip


def _quiet(function: Callable[..., Any], *arguments: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*arguments)


def _by_symgrad(exact: bool) -> Callable[..., Any]:
    def run(form: Callable[..., Any], x: Any) -> Any:
        compiled = symgrad.compile(lambda s: form(np, s), exact=exact)
        return _quiet(compiled.value_and_grad, x)

    return run


def _by_autograd(form: Callable[..., Any], x: Any) -> Any:
    anp = importlib.import_module("autograd.numpy")
    value_and_grad = importlib.import_module("autograd").value_and_grad
    return _quiet(value_and_grad(lambda s: form(anp, s)), x)


def _by_jax(form: Callable[..., Any], x: Any) -> Any:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    return jax.value_and_grad(lambda s: form(jax.numpy, s))(x)


def _by_torch(form: Callable[..., Any], x: Any) -> Any:
    torch = importlib.import_module("torch")
    s = torch.tensor(x, requires_grad=True)
    value = form(torch, s)
    value.backward()
    return value.item(), s.grad.numpy()


def _exactly(form: Callable[..., Any], x: Any) -> Any:
    value, *slopes = evaluate(
        lambda s: form(np, s), (x,), [(0, (k,)) for k in range(len(x))], DIGITS
    )
    return float(value), np.array(slopes, float)


ALWAYS = {"as written": _by_symgrad(True), "symgrad": _by_symgrad(False), "exact": _exactly}
OTHERS = {"autograd": _by_autograd, "jax": _by_jax, "torch": _by_torch}


def installed() -> dict[str, Callable[..., Any]]:
    """Return the ways that can be tried here; those of others where they are installed."""
    return ALWAYS | {
        name: way for name, way in OTHERS.items() if importlib.util.find_spec(name) is not None
    }


def shown(value: Any, gradient: Any) -> str:
    numbers = ", ".join(f"{float(x):.4g}" for x in np.ravel(gradient))
    return f"{float(value):.6g}; {numbers}"


def table() -> list[dict[str, str]]:
    """Return for each form its text, where it is tried, and what each way gives."""
    ways = installed()
    rows = []
    for text, form, at in FORMS:
        x = np.array(at)
        row = {"form": text, "at": ", ".join(f"{v:.9g}" for v in at)}
        rows.append(row | {name: shown(*way(form, x)) for name, way in ways.items()})
    return rows


def markdown(rows: list[dict[str, str]], names: tuple[str, ...]) -> str:
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    for row in rows:
        cells = [f"`{row[name]}`" if name == "form" else row[name] for name in names]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def run() -> list[dict[str, str]]:
    """Print value and gradient of each form by all who are installed; return them."""
    rows = table()
    print("\nvalue; gradient of naive forms")
    print(markdown(rows, tuple(rows[0])))
    missing = ", ".join(name for name in OTHERS if name not in rows[0])
    if missing:
        print(f"not installed: {missing}")
    return rows
