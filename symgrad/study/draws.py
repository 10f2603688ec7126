"""Random numbers that functions are made for: normal ones, positive ones, and parts of 1.

Given a generator and a shape, return an array.  `STYLES` has them in the order in which they are
tried: a function that takes no negative number may take the second, a logarithm's the third.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Style = Callable[[np.random.Generator, tuple[int, ...]], Any]


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.standard_normal(shape)


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Return positive numbers; a square matrix is symmetric and positive definite besides."""
    made = rng.uniform(0.5, 1.5, shape)
    is_square = len(shape) == 2 and shape[0] == shape[1] > 0
    return made @ made.T / shape[0] + np.eye(shape[0]) if is_square else made


def inside(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.uniform(0.1, 0.9, shape)


STYLES: tuple[Style, ...] = (normal, positive, inside)
