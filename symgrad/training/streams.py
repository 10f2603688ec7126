"""Batches that somebody else makes: an iterable, or a function that starts it again.

Given it, return the batches of an epoch as the function takes them.  Invariant: an epoch without
batches is refused, never skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.errors import DataError
from symgrad.training.columns import read_columns
from symgrad.training.conduct import Conduct
from symgrad.training.dataset import Batch, refuse_words
from symgrad.training.objective import Objective
from symgrad.training.preparing import Preparation


@dataclass(frozen=True)
class Stream:
    """Batches by epoch; each is a tuple in the order of the function, or a dict."""

    source: Any
    objective: Objective
    preparation: Preparation | None = None
    conduct: Conduct = field(default_factory=Conduct)

    def batches(self, epoch: int, start: int) -> Iterator[tuple[tuple[str, ...], Batch]]:
        """Give the batches of an epoch from number ``start`` on, each with its names."""
        made = self.source() if callable(self.source) else self.source
        if not isinstance(made, Iterable):
            raise DataError(f"the function for data gives {type(made).__name__}, and no batches")
        count = 0
        for batch in made:
            count += 1
            if count > start:
                yield self._named(batch)
        if not count:
            raise DataError(
                f"the iterator has no batches for epoch {epoch}: it can be gone through once.  "
                "Give a list of batches, or a function that returns a new iterator"
            )

    def _named(self, batch: Any) -> tuple[tuple[str, ...], Batch]:
        if not isinstance(batch, (tuple, list, Mapping)):
            raise DataError(
                f"a batch is {type(batch).__name__}: give tuples of arrays, one for each of "
                f"{', '.join(self.objective.names)}, or dicts"
            )
        columns = read_columns(batch, self.objective.names, source="a batch")
        if self.preparation is not None:
            columns = self.preparation.apply(columns)
        refuse_words(columns, "a batch")
        names = self.objective.choose(columns, "a batch", is_file=False)
        self.conduct.refuse(columns, "a batch")
        return names, tuple([columns[name] for name in names])


def is_stream(data: Any) -> bool:
    """Return whether data can be gone through batch by batch."""
    return callable(data) or isinstance(data, Iterable)


def rows_of(batch: Batch) -> int:
    """Return how many examples a batch has."""
    for x in batch:
        if np.ndim(x):
            return len(x)
    return 1
