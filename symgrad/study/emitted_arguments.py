"""Arguments for a saved module, from what its docstring and its first lines say.

Given an `EmittedModule`, yield arguments that its `forward` takes.  Invariant: shapes and dtypes
are those of the docstring, nested arguments those that the module takes apart.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from symgrad.errors import SpecError
from symgrad.study.draws import STYLES, Style
from symgrad.study.emitted import Contract, EmittedModule, names_in, size_of

Path = tuple[tuple[str, Any], ...]  # ("item", key) or ("field", name), from a parameter to a leaf

LARGEST = 8
LARGEST_ARRAY = 100_000
MOST_TRIES = 4000


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the emitted functions, and where the arrays of the docstring stand in it."""

    name: str
    kind: str
    leaves: tuple[tuple[Path, str], ...]


class Fields(SimpleNamespace):
    """Stands for a user's class whose fields the module reads by name."""


def parameters_of(module: EmittedModule) -> tuple[Parameter, ...]:
    """Return the parameters of a module, nested ones with the paths to their leaves."""
    args = module.function("forward").args
    leaves = {c.name for c in module.contract}
    places = _places(module)
    kinds = [(a.arg, "plain") for a in (*args.posonlyargs, *args.args)]
    kinds += [(args.vararg.arg, "args")] if args.vararg else []
    kinds += [(a.arg, "keyword") for a in args.kwonlyargs]
    kinds += [(args.kwarg.arg, "kwargs")] if args.kwarg else []
    return tuple(
        Parameter(
            name, kind, (((), name),) if name in leaves else tuple(places.get(name, {}).items())
        )
        for name, kind in kinds
    )


def _places(module: EmittedModule) -> dict[str, dict[Path, str]]:
    """Return by parameter where each leaf is taken from: ``W = params["first"]["W"]``."""
    args = {a.arg for a in ast.walk(module.function("forward").args) if isinstance(a, ast.arg)}
    leaves = {c.name for c in module.contract} - args
    found: dict[str, dict[Path, str]] = {}
    for name in ("forward", "value_and_grad"):
        for node in module.function(name).body:
            if isinstance(node, ast.Assign) and (place := _place(node.value)) is not None:
                owner, path = place
                if owner in args:
                    for deeper, leaf in _targets(node.targets[0], path):
                        if leaf in leaves:
                            found.setdefault(owner, {}).setdefault(deeper, leaf)
    return found


def _place(node: ast.expr) -> tuple[str, Path] | None:
    path: list[tuple[str, Any]] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            path.append(("field", node.attr))
            node = node.value
        elif isinstance(node, ast.Subscript):
            try:
                path.append(("item", ast.literal_eval(node.slice)))
            except (ValueError, TypeError):
                return None
            node = node.value
        else:
            return None
    return node.id, tuple(reversed(path))


def _targets(node: ast.expr, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(node, ast.Name):
        yield path, node.id
    elif isinstance(node, (ast.Tuple, ast.List)):
        for k, part in enumerate(node.elts):
            yield from _targets(part, (*path, ("item", k)))


def statics_of(module: EmittedModule) -> dict[str, list[tuple[Path, Any]]]:
    """Return the values that a module was made for: ``if mode != "mean": raise``."""
    found: dict[str, list[tuple[Path, Any]]] = {}
    for node in module.function("forward").body:
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Compare)):
            continue
        place, test = _place(node.test.left), node.test
        if place is None or not isinstance(test.ops[0], (ast.NotEq, ast.IsNot)):
            continue
        try:
            value = ast.literal_eval(test.comparators[0])
        except (ValueError, TypeError):
            continue
        found.setdefault(place[0], []).append((place[1], value))
    return found


@dataclass(frozen=True, slots=True)
class Example:
    """Arguments for a module: the leaves by name, and the call that they make."""

    leaves: Mapping[str, Any]
    sizes: Mapping[str, int]


class Arguments:
    """Makes arguments for a module, of many sizes and kinds of numbers."""

    def __init__(self, module: EmittedModule):
        self.module, self.parameters = module, parameters_of(module)
        self.statics = statics_of(module)
        self.containers = _containers(module)
        self.runs: Callable[[Example], bool] = lambda example: True
        args = module.function("forward").args
        plain = [*args.posonlyargs, *args.args]
        pairs = [*zip(reversed(plain), reversed(args.defaults), strict=False)]
        pairs += [(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d]
        self.defaults = {a.arg: _literal(d) for a, d in pairs}
        known = {leaf for p in self.parameters for _, leaf in p.leaves}
        for contract in module.contract:
            if contract.name not in known:
                raise SpecError(
                    f"the module's docstring names `{contract.name}`, which its functions neither "
                    "take nor take apart"
                )
        self.dims = sorted({n for c in module.contract for s in c.shape for n in names_in(s)})

    def examples(self) -> Iterator[Example]:
        """Return candidates: sizes that are all unlike, and any, in turns."""
        rng = np.random.default_rng(0)
        for k in range(MOST_TRIES):
            unlike = rng.permutation(np.arange(2, max(LARGEST, len(self.dims) + 2)))
            least = 0 if k > MOST_TRIES // 2 else 1  # of nothing, only where nothing else runs
            drawn = rng.integers(least, 3 * LARGEST if k % 4 == 3 else LARGEST, len(self.dims))
            sizes = dict(zip(self.dims, (unlike if k % 2 == 0 else drawn).tolist(), strict=False))
            style = STYLES[k // 2 % len(STYLES)]
            shapes = [tuple(size_of(s, sizes) for s in c.shape) for c in self.module.contract]
            if all(
                min(shape, default=0) >= 0 and np.prod(shape) < LARGEST_ARRAY for shape in shapes
            ):
                pairs = zip(self.module.contract, shapes, strict=True)
                yield Example({c.name: self._leaf(c, s, style, rng, k) for c, s in pairs}, sizes)

    def that_run(self, most: int) -> Iterator[Example]:
        """Return examples that `runs` accepts."""
        examples = (example for example in self.examples() if self.runs(example))
        return itertools.islice(examples, most)

    def plainest(self) -> Example | None:
        """Return the example whose sizes can least be taken for one another, or for 1."""
        found = list(self.that_run(12))
        return max(found, key=lambda e: (1 not in e.sizes.values(), len(set(e.sizes.values()))),
                   default=None)  # fmt: skip

    def _leaf(
        self, contract: Contract, shape: tuple[int, ...], style: Style, rng: Any, k: int
    ) -> Any:
        kind = _kind(contract)
        default = self.defaults.get(contract.name)
        if type(default) in (bool, int, float) and not shape and k // 2 % 2 == 0:
            return default
        if kind == "b":
            return rng.random(shape) < 0.5 if shape else bool(k % 2)
        if kind in "iu":
            top = (1, 2, 3)[-1 - k % 3]
            made = rng.integers(0, max(top, 1), shape)
            return made.astype(contract.dtype) if shape else np.int64(1 + int(made) + k % 2)
        made = style(rng, shape)
        return made if shape else np.float64(made)

    def call(self, function: Any, leaves: Mapping[str, Any]) -> Any:
        args, kwargs = self.bound(leaves)
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    def bound(
        self, leaves: Mapping[str, Any], as_python: bool = False
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of a call, and those by keyword; numbers as Python's on request."""
        if as_python:
            leaves = {k: v.item() if isinstance(v, np.generic) else v for k, v in leaves.items()}
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for p in self.parameters:
            statics = self.statics.get(p.name, [])
            if not p.leaves and not statics and p.kind in ("plain", "keyword"):
                value = self.defaults.get(p.name)  # the module does not look at it
            else:
                pairs = [(path, leaves[leaf]) for path, leaf in p.leaves]
                value = self._built((p.name,), [*pairs, *statics])
            if p.kind == "plain":
                args.append(value)
            elif p.kind == "args":
                args += value if isinstance(value, (list, tuple)) else []
            elif p.kind == "keyword":
                kwargs[p.name] = value
            elif isinstance(value, dict):
                kwargs |= value
        return args, kwargs

    def _built(self, place: tuple[Any, ...], pairs: list[tuple[Path, Any]]) -> Any:
        """Return the nested value with each leaf at the end of its path."""
        if not pairs:
            return ()
        if pairs[0][0] == ():
            return pairs[0][1]
        parts: dict[Any, list[tuple[Path, Any]]] = {}
        for path, value in pairs:
            parts.setdefault(path[0], []).append((path[1:], value))
        built = {key: self._built((*place, key), inner) for (_, key), inner in parts.items()}
        if next(iter(parts))[0] == "field":
            return Fields(**built)
        if all(type(key) is int and key >= 0 for key in built):
            kind = self.containers.get(place, list)
            return kind(built.get(k) for k in range(max(built) + 1))
        return built


def _containers(module: EmittedModule) -> dict[tuple[Any, ...], type]:
    """Return which parts of the arguments are tuples and which lists, as the gradient mirrors."""
    function = module.function("value_and_grad")
    assigned = {
        target.id: node.value
        for node in function.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    returned = function.body[-1]
    if not isinstance(returned, ast.Return) or not isinstance(returned.value, ast.Tuple):
        return {}
    grads: ast.expr = returned.value.elts[-1]
    while isinstance(grads, ast.Name) and grads.id in assigned:
        grads = assigned[grads.id]
    names = [word[1:] for word in module.words]
    parts = grads.elts if len(names) > 1 and isinstance(grads, ast.Tuple) else [grads]
    found: dict[tuple[Any, ...], type] = {}
    for name, part in zip(names, parts, strict=False):
        _note_containers(part, (name,), found)
    return found


def _note_containers(
    node: ast.expr, place: tuple[Any, ...], found: dict[tuple[Any, ...], type]
) -> None:
    if isinstance(node, (ast.Tuple, ast.List)):
        found[place] = tuple if isinstance(node, ast.Tuple) else list
        for k, part in enumerate(node.elts):
            _note_containers(part, (*place, k), found)
    elif isinstance(node, ast.Dict):
        for key, part in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant):
                _note_containers(part, (*place, key.value), found)


def _kind(contract: Contract) -> str:
    try:
        return np.dtype(contract.dtype).kind
    except TypeError:
        raise SpecError(f"`{contract.dtype}` in the module's docstring is no dtype") from None


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):  # np.inf
        return None


def leaf_at(value: Any, path: Path) -> Any:
    """Return the part of a nested value at the end of a path."""
    for kind, key in path:
        value = getattr(value, key) if kind == "field" else value[key]
    return value
