"""Example arguments for a function: given as text, by its file, or made up from its names.

Given a function, return arguments that it runs on and sentences that say where they come from.
Invariant: the same function gets the same arguments in every process, and what was made up is
said.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import BadZipFile

import numpy as np

from symgrad.arguments import check_specs
from symgrad.errors import ArgumentError, SpecError, did_you_mean
from symgrad.study.made_up_arguments import made_up


@dataclass(frozen=True, slots=True)
class ExampleArguments:
    """Arguments to call a function with, and where they come from."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    notes: tuple[str, ...]


def example_arguments(
    function: Callable[..., Any],
    module: ModuleType | None = None,
    text: str | None = None,
    specs: Mapping[str, Any] | None = None,
    wrt: Iterable[str | int] = (),
    has_aux: bool = False,
    seed: int = 0,
) -> ExampleArguments:
    """Return arguments for ``function``, each from the first source that has it.

    ``text`` holds literals by name, ``"x=3, W=[[1,2],[3,4]]"``, or names an ``.npz`` file; then
    come ``example_args()`` of the ``module``, defaults, and what is made up, where
    ``specs`` say shapes as in `compile`.  Numbers in ``wrt`` become floating-point.

    Raises ArgumentError where nothing fits, SpecError for text that is not understood.
    """
    function = getattr(function, "function", function)
    signature = inspect.signature(function)
    check_specs(signature, specs, getattr(function, "__name__", "the function"))
    parameters = list(signature.parameters)
    wanted = {parameters[w] if isinstance(w, int) else w for w in wrt}
    given, notes = _given(signature, module, text)
    given = {k: as_float(v) if k in wanted else v for k, v in given.items()}
    missing = [
        name
        for name, p in signature.parameters.items()
        if name not in given
        and p.default is inspect.Parameter.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if missing:
        made = made_up(function, given, missing, specs or {}, wanted, has_aux, seed)
        given = {**given, **made}
        told = ", ".join(f"{name} {shown(made[name])}" for name in missing)
        notes = [*notes, f"made up (seed {seed}): {told}"]
    bound = inspect.BoundArguments(
        signature,
        {k: given[k] for k in parameters if k in given},
    )
    return ExampleArguments(bound.args, bound.kwargs, tuple(notes))


# --- what is given ------------------------------------------------------------------------------


def _given(
    signature: inspect.Signature, module: ModuleType | None, text: str | None
) -> tuple[dict[str, Any], list[str]]:
    if text is not None:
        return typed_arguments(signature, text)
    maker = getattr(module, "example_args", None)
    if callable(maker):
        return _from_maker(maker, signature), ["arguments from example_args()"]
    return {}, []


def typed_arguments(signature: inspect.Signature, text: str) -> tuple[dict[str, Any], list[str]]:
    """Return what a text gives by name, literals or an ``.npz`` file, and a sentence that says so.

    Raises SpecError for text that is not understood.
    """
    if text.endswith(".npz"):
        return _from_file(Path(text), signature), [f"arguments from {Path(text).name}"]
    return _from_text(text, signature), ["arguments as given"]


def _from_file(path: Path, signature: inspect.Signature) -> dict[str, Any]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (ValueError, BadZipFile, EOFError) as error:
        raise SpecError(f"{path.name} cannot be read without running code: {error}") from None
    return {
        name: value[()] if value.ndim == 0 else value
        for name, value in found.items()
        if name in signature.parameters
    }


def _from_maker(maker: Callable[[], Any], signature: inspect.Signature) -> dict[str, Any]:
    made = maker()
    if isinstance(made, Mapping):
        return {name: value for name, value in made.items() if name in signature.parameters}
    values = made if isinstance(made, tuple) else (made,)
    try:
        return dict(signature.bind_partial(*values).arguments)
    except TypeError as error:
        raise ArgumentError(f"example_args() returns {len(values)} arguments: {error}") from None


def _from_text(text: str, signature: inspect.Signature) -> dict[str, Any]:
    """Read ``x=3, W=[[1,2],[3,4]]``: literals, which are never run."""
    example = 'write literals by name, as in "x=3, W=[[1, 2], [3, 4]]", or a file .npz'
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except (SyntaxError, ValueError):
        raise SpecError(f"arguments `{text}` cannot be read: {example}") from None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise SpecError(f"arguments `{text}` cannot be read: {example}")
    names = list(signature.parameters)
    if len(call.args) > len(names):
        raise SpecError(f"{len(call.args)} arguments are given, the function takes {len(names)}")
    pairs = [*zip(names, call.args, strict=False), *((k.arg, k.value) for k in call.keywords)]
    found: dict[str, Any] = {}
    for name, node in pairs:
        if name is None or name not in names:
            raise SpecError(
                f"arguments `{text}`: the function has no parameter `{name}`"
                f"{did_you_mean(name or '', names)}; it has {', '.join(names)}"
            )
        if name in found:
            raise SpecError(f"arguments `{text}` give `{name}` twice")
        found[name] = _as_arrays(_literal(node, example))
    return found


def _literal(node: ast.expr, example: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        shown = ast.unparse(node)
        raise SpecError(f"`{shown}` in the arguments is no literal: {example}") from None


def _as_arrays(value: Any) -> Any:
    """Return a literal with each list of numbers as an array."""
    if isinstance(value, dict):
        return {key: _as_arrays(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_as_arrays, value))
    if not isinstance(value, list):
        return value
    try:
        array = np.array(value)
    except ValueError:  # lists of several lengths: a list of arrays
        return list(map(_as_arrays, value))
    return array if array.dtype.kind in "fiub" else list(map(_as_arrays, value))


def as_float(value: Any) -> Any:
    """Return a value with floating-point numbers for whole ones."""
    if isinstance(value, dict):
        return {key: as_float(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(as_float, value))
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "iu":
        return value.astype(np.float64)
    return float(value) if type(value) is int else value


def shown(value: Any) -> str:
    """Return a number, or the shape of an array, in a few characters."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} {shown(part)}" for key, part in value.items()) + "}"
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))})"
    if isinstance(value, np.ndarray):
        kind = " int" if value.dtype.kind == "i" else ""
        return f"{value.shape}{kind}"
    return f"= {value}"
