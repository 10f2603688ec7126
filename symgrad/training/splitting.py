"""Which rows are for training and which for validation, and in what order they come.

Given a number of rows and a seed, return numbers of rows.  Invariant: the order of an epoch
depends on the seed and the epoch's number alone, so that a run can go on from any epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.errors import DataError


def epoch_rng(seed: int, epoch: int) -> np.random.Generator:
    """Return what epoch number ``epoch``, from 1, draws from: the order of the rows first."""
    return np.random.default_rng((seed, epoch))


@dataclass(frozen=True, slots=True)
class Part:
    """A share of the rows to hold back, drawn by a seed, as `train_test_split` of scikit-learn."""

    share: float
    seed: int

    def split(self, count: int) -> tuple[Any, Any]:
        """Return the rows for training and for validation, each in order."""
        held = math.ceil(self.share * count)
        if not 0 < held < count:
            raise DataError(
                f"{count} row{'s' * (count > 1)} cannot be split: a share of {self.share} for "
                "validation leaves nothing on one side"
            )
        is_held = np.zeros(count, bool)
        is_held[np.random.RandomState(self.seed).permutation(count)[:held]] = True
        return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def split(count: int, part: float, seed: int, labels: Any = None) -> tuple[Any, Any]:
    """Return the rows for training and for validation, each in order.

    ``part`` is the part for validation.  With ``labels`` each of them keeps its share on both
    sides, to a row.

    Raises DataError where one side would be empty.
    """
    if count < 2:
        raise DataError(f"{count} row cannot be split into training and validation")
    held = min(max(round(part * count), 1), count - 1)
    shuffled = np.random.default_rng(seed).permutation(count)
    chosen = shuffled[:held] if labels is None else _stratified(shuffled, held, labels)
    is_held = np.zeros(count, bool)
    is_held[chosen] = True
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _stratified(shuffled: Any, held: int, labels: Any) -> Any:
    """Return ``held`` of the rows, of each label its share; the largest remainders are rounded up.

    Among equal remainders the label that comes first in the shuffled order is.
    """
    plain = labels.astype(str) if labels.dtype == object else labels
    _, first, codes = np.unique(plain[shuffled], return_index=True, return_inverse=True)
    wanted = held * np.bincount(codes) / len(codes)
    shares = np.floor(wanted).astype(int)
    up = np.lexsort((first, shares - wanted))[: held - shares.sum()]
    shares[up] += 1
    return np.concatenate([shuffled[codes == k][:n] for k, n in enumerate(shares)])
