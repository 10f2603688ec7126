"""Nested arguments (dict, list, tuple, namedtuple, dataclass) as flat lists of leaves.

Given a value, `flatten` returns its leaves in the order a person reads them, and a `Tree` that
can rebuild the value, name each leaf, and spell how emitted code reaches it.  Invariant: a tree
holds no arrays, only structure, so it can be compared, hashed and pickled.
"""

from __future__ import annotations

import dataclasses
import keyword
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

LEAF, CONSTANT = "leaf", "constant"


@dataclasses.dataclass(frozen=True, slots=True)
class Tree:
    """The structure of one value: a leaf, a constant, or a container with its keys and parts."""

    kind: str
    type: Any = None  # of a constant: the constant itself
    keys: tuple[Any, ...] = ()
    parts: tuple[Tree, ...] = ()

    @property
    def count(self) -> int:
        return 1 if self.kind == LEAF else sum(part.count for part in self.parts)

    @property
    def needs_owner(self) -> bool:
        """Return whether text can rebuild the value only from one that has its type."""
        own = self.kind == "field" or (self.kind == "dict" and self.type is not dict)
        return own or any(part.needs_owner for part in self.parts)

    def paths(self) -> Iterator[tuple[Any, ...]]:
        """Return for each leaf the keys that lead to it."""
        if self.kind == LEAF:
            yield ()
        for key, part in zip(self.keys, self.parts, strict=True):
            for path in part.paths():
                yield ((self.kind, key), *path)

    def build(self, leaves: Iterator[Any]) -> Any:
        """Return the value with these leaves in place."""
        if self.kind == LEAF:
            return next(leaves)
        if self.kind == CONSTANT:
            return self.type
        parts = [part.build(leaves) for part in self.parts]
        if self.kind == "item":
            return self.type(parts)
        named = dict(zip(self.keys, parts, strict=True))
        return self.type(**named) if self.kind == "field" else self.type(named)

    def spell(self, leaves: Iterator[str], owner: str) -> str:
        """Return the text that rebuilds the value; ``owner`` is the argument it mirrors.

        Without an owner nothing in the module knows a class: its fields become a tuple.
        """
        if self.kind == LEAF:
            return next(leaves)
        if self.kind == CONSTANT:
            return quoted(self.type)
        parts = [
            part.spell(leaves, access(owner, self.kind, key) if owner else "")
            for key, part in zip(self.keys, self.parts, strict=True)
        ]
        if self.kind == "dict":
            made_of = f"type({owner})({{}})" if owner and self.type is not dict else "{}"
            pairs = ", ".join(f"{quoted(k)}: {v}" for k, v in zip(self.keys, parts, strict=True))
            return made_of.format(f"{{{pairs}}}")
        if self.kind == "field" and owner:
            pairs = ", ".join(f"{k}={v}" for k, v in zip(self.keys, parts, strict=True))
            return f"type({owner})({pairs})"
        if self.type is list:
            return f"[{', '.join(parts)}]"
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def access(owner: str, kind: str, key: Any) -> str:
    """Return how code reaches one part: ``params["W1"]``, ``params[0]``, ``params.W1``."""
    if kind == "field":
        return f"{owner}.{key}"
    return f"{owner}[{quoted(key)}]"


def spell_path(owner: str, path: Sequence[tuple[str, Any]]) -> str:
    """Return how code reaches the leaf at the end of ``path``."""
    for kind, key in path:
        owner = access(owner, kind, key)
    return owner


def quoted(key: Any) -> str:
    """Return a key as code, strings in double quotes unless that takes more backslashes."""
    text = repr(key)
    if isinstance(key, str) and text.startswith("'") and key.count('"') <= key.count("'"):
        inside = text[1:-1].replace("\\'", "'").replace('"', '\\"')
        return f'"{inside}"'
    return text


def leaf_name(parameter: str, path: Sequence[tuple[str, Any]]) -> str:
    """Return the name a person would give a leaf: its own key where that is a name."""
    if not path:
        return parameter
    last = path[-1][1]
    if isinstance(last, str) and last.isidentifier() and not keyword.iskeyword(last):
        return last
    words = [parameter, *("".join(c if c.isalnum() else "_" for c in str(k)) for _, k in path)]
    return "_".join(words).rstrip("_") or parameter


def flatten(
    value: Any,
    is_leaf: Callable[[Any], bool],
    is_constant: Callable[[Any], bool] = lambda value: False,
) -> tuple[list[Any], Tree]:
    """Return the leaves of ``value`` and its structure, which keeps the constants."""
    if is_leaf(value):
        return [value], Tree(LEAF)
    if is_constant(value):
        return [], Tree(CONSTANT, value)
    found = _parts(value)
    if found is None:
        return [value], Tree(LEAF)
    kind, keys, values = found
    leaves: list[Any] = []
    parts = []
    for part in values:
        inner, tree = flatten(part, is_leaf, is_constant)
        leaves += inner
        parts.append(tree)
    return leaves, Tree(kind, type(value), tuple(keys), tuple(parts))


def _parts(value: Any) -> tuple[str, Sequence[Any], Sequence[Any]] | None:
    if type(value) in (dict, OrderedDict):
        return "dict", list(value), list(value.values())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return "field", value._fields, value
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return "item", range(len(value)), value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        return "field", names, [getattr(value, name) for name in names]
    return None


def is_container(value: Any) -> bool:
    return _parts(value) is not None
