"""Parameters as one flat vector, and back.

Given nested parameters, `Layout.of` remembers their structure and where in a vector each leaf
lies.  Invariant: leaves stand in the order of `trees.flatten`, each in C order, without gaps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from symgrad.arguments import is_leaf
from symgrad.errors import ArgumentError
from symgrad.trace import refuse_dtype, refuse_subclass
from symgrad.trees import LEAF, Tree, flatten, spell_path

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one leaf; ``dtype`` is none for a Python number, which takes any."""

    path: tuple[tuple[str, Any], ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    start: int

    @property
    def stop(self) -> int:
        return self.start + math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Layout:
    """The structure of some parameters, and the slot of each leaf; ``owner`` is what they are."""

    owner: str
    tree: Tree
    slots: tuple[Slot, ...]
    is_plain: bool  # a container of leaves alone

    @classmethod
    def of(cls, value: Any, owner: str) -> Layout:
        """Return the layout of ``value``; raise ArgumentError unless all its leaves are floats."""
        leaves, tree = flatten(value, is_leaf)
        slots: list[Slot] = []
        for leaf, path in zip(leaves, tree.paths(), strict=True):
            shape, dtype = _described(leaf, spell_path(owner, path))
            slots.append(Slot(path, shape, dtype, slots[-1].stop if slots else 0))
        is_plain = tree.kind != LEAF and all(part.kind == LEAF for part in tree.parts)
        return cls(owner, tree, tuple(slots), is_plain)

    @property
    def size(self) -> int:
        return self.slots[-1].stop if self.slots else 0

    def names(self, owner: str) -> list[str]:
        """Return how code reaches each leaf: ``params["W1"]``."""
        return [spell_path(owner, slot.path) for slot in self.slots]

    def views(self, vector: Array) -> list[Array]:
        """Return the part of ``vector`` that each leaf is, in its shape."""
        return [vector[slot.start : slot.stop].reshape(slot.shape) for slot in self.slots]

    def build(self, leaves: Iterable[Any]) -> Any:
        return self.tree.build(iter(leaves))

    def leaves_of(self, value: Any, what: str) -> list[Any]:
        """Return the leaves of something in this structure, in the order of the slots.

        A list may stand for a tuple, and a tuple for an object with fields, since emitted code
        knows no classes of yours.  Raises ArgumentError for what does not fit.
        """
        if self.is_plain and (parts := _parts(self.tree, value)) is not None:
            return list(parts)
        found: list[Any] = []
        try:
            _collect(self.tree, value, found)
        except _MisfitError:
            _refuse(self.tree, value, (), what, self.owner)
        return found


class _MisfitError(Exception):
    """Something has not the structure it should have; `_refuse` finds out where."""


def _described(leaf: Any, name: str) -> tuple[tuple[int, ...], np.dtype[Any] | None]:
    if type(leaf) in (int, float):
        return (), None
    if not isinstance(leaf, (np.ndarray, np.generic)):
        way = f"pass it as an array (np.asarray({name}))"
        cure = way if hasattr(leaf, "__array__") else "keep it out of the parameters"
        raise ArgumentError(f"{name} is a {type(leaf).__name__}, no number or array: {cure}")
    refuse_subclass(leaf, name)
    refuse_dtype(leaf.dtype, name)
    if leaf.dtype.kind != "f":
        raise ArgumentError(
            f"{name} has dtype {leaf.dtype}: only floating-point numbers can be changed little by "
            f"little; convert it ({name}.astype(float)) or keep it out of the parameters"
        )
    return leaf.shape, leaf.dtype


def _collect(tree: Tree, value: Any, found: list[Any]) -> None:
    if tree.kind == LEAF:
        found.append(value)
        return
    parts = _parts(tree, value)
    if parts is None:
        raise _MisfitError
    for part, inner in zip(tree.parts, parts, strict=True):
        if part.kind == LEAF:
            found.append(inner)
        else:
            _collect(part, inner, found)


def _refuse(tree: Tree, value: Any, path: tuple[Any, ...], what: str, owner: str) -> None:
    """Raise ArgumentError for the first part of ``value`` that does not fit."""
    if tree.kind == LEAF:
        return
    parts = _parts(tree, value)
    if parts is None:
        raise ArgumentError(
            f"{spell_path(what, path)} must be {_spelt(tree)}, like {spell_path(owner, path)}, "
            f"and not {_said(value)}"
        )
    for key, part, inner in zip(tree.keys, tree.parts, parts, strict=True):
        _refuse(part, inner, (*path, (tree.kind, key)), what, owner)


def _parts(tree: Tree, value: Any) -> Sequence[Any] | None:
    """Return the parts of ``value`` in the order of the tree's, or nothing if they do not fit."""
    if tree.kind == "dict":
        if not isinstance(value, dict) or len(value) != len(tree.keys):
            return None
        try:
            return [value[key] for key in tree.keys]
        except KeyError:
            return None
    if isinstance(value, (list, tuple)):
        return value if len(value) == len(tree.keys) else None
    if tree.kind == "field" and all(hasattr(value, key) for key in tree.keys):
        return [getattr(value, key) for key in tree.keys]
    return None


def _spelt(tree: Tree) -> str:
    if tree.kind == "item":
        return f"a {tree.type.__name__} of {len(tree.keys)}"
    return f"a {tree.type.__name__} with {', '.join(map(str, tree.keys)) or 'nothing in it'}"


def _said(value: Any) -> str:
    if isinstance(value, (list, tuple, dict)):
        return _spelt(flatten(value, is_leaf)[1])
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"a {type(value).__name__}"


__all__ = ["Array", "Layout", "Slot"]
