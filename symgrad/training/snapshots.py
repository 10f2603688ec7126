"""Copies of parameters as they were, for the best epoch so far.

Given the state of an optimizer, copy its parameters.  Invariant: a copy that is kept is not
written again until another is kept in its place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.arguments import is_leaf
from symgrad.optim.state import State
from symgrad.trees import flatten


class Snapshots:
    """Two copies that take turns: the one that is kept, and the one that may be written."""

    def __init__(self, state: Any):
        self.state = state
        self._spare: _Copy | None = None
        self._kept: _Copy | None = None

    def take(self) -> Any:
        """Return the parameters as they are now; the next call may overwrite them."""
        if not isinstance(self.state, State):
            return copied(self.state.params)
        if self._spare is None:
            self._spare = _Copy(self.state)
        self._spare.flat[...] = self.state.flat
        return self._spare.params

    def keep(self) -> None:
        """Keep what was taken last, instead of what was kept before."""
        self._spare, self._kept = self._kept, self._spare


class _Copy:
    def __init__(self, state: State):
        self.flat = np.empty_like(state.flat)
        self.params = state.layout.build(state.layout.views(self.flat))


def copied(params: Any) -> Any:
    """Return parameters of the same structure and numbers, in arrays of their own."""
    leaves, tree = flatten(params, is_leaf)
    return tree.build(iter([np.array(leaf) for leaf in leaves]))
