"""What a model does otherwise while it learns than afterwards: dropout, batch norm, classes.

A loss that is a plain function does nothing otherwise, which is `Conduct`; the model of a spec
has one of its own (`symgrad.training.spec_models`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symgrad.spec import Model
from symgrad.training.metrics import classes_of


class Conduct:
    """How the loop treats a model besides its loss and gradient."""

    masks: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ()
    differs: bool = False  # whether the loss is another one where nothing is learned
    model: Model | None = None

    def draw_masks(self, rows: int, rng: np.random.Generator) -> tuple[Any, ...]:
        """Return the masks of one step, in the order of their names."""
        return ()

    def measured(self, params: Any, columns: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the statistics of the training data that predictions depend on."""
        return ()

    def evaluate(self, params: Any, columns: Mapping[str, Any]) -> float:
        """Return the loss of examples that nothing is learned from, if it differs."""
        raise NotImplementedError

    def refuse(self, columns: Mapping[str, Any], source: str) -> None:
        """Raise `DataError` for columns that are not what the model takes."""

    def counted(self, columns: Mapping[str, Any], rows: int) -> float:
        """Return what the mean in the loss of these examples divides by."""
        return rows

    def classes(self, output: Any) -> Any:
        """Return the class of each row of what is predicted."""
        return classes_of(output)
