"""How random values of an argument are drawn: as normal numbers, labels, shares, one-hot rows.

Given an array of an example, the first style of `GIVEN_BY_EXAMPLE` that it shows is how others
like it are drawn.  Invariant: every draw comes from the generator that is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True, slots=True)
class Style:
    """How the values of one leaf are drawn, and in words what they are."""

    draw: Draw
    words: str = ""


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.round(rng.normal(size=shape), 2)  # short enough to be read in a counter-example


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.round(rng.uniform(0.3, 1.8, size=shape), 2)


def unit(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.round(rng.uniform(0.1, 0.9, size=shape), 2)


def bits(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, 2, size=shape).astype(float)


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 2.0 * rng.integers(0, 2, size=shape) - 1.0


def one_hot(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    found = np.zeros((int(np.prod(shape[:-1])), shape[-1]))
    found[np.arange(len(found)), rng.integers(0, shape[-1], size=len(found))] = 1.0
    return found.reshape(shape)


def shares(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    found = rng.uniform(0.1, 1.0, size=shape)
    return np.asarray(found / found.sum(axis=-1, keepdims=True))


def spread(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A matrix that is symmetric and positive definite."""
    a = rng.normal(size=shape)
    return np.asarray(a @ a.T + 0.5 * np.eye(shape[0]))


def counts(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, 5, size=shape).astype(float)


GIVEN_BY_EXAMPLE: tuple[tuple[Callable[[np.ndarray], bool], Style], ...] = (
    (lambda x: _is_one_hot(x), Style(one_hot, "one-hot rows")),
    (lambda x: bool(x.size) and bool(np.isin(x, (0, 1)).all()), Style(bits, "0 or 1")),
    (lambda x: bool(x.size) and bool(np.isin(x, (-1, 1)).all()), Style(signs, "-1 or 1")),
    (lambda x: _sums_to_one(x), Style(shares, "rows that sum to 1")),
    (lambda x: _is_spread(x), Style(spread, "symmetric and positive definite")),
    (lambda x: x.size > 2 and bool((x >= 0).all() and (x % 1 == 0).all()), Style(counts)),
    (lambda x: bool(x.size) and bool((x > 0).all() and (x < 1).all()), Style(unit)),
    (lambda x: bool(x.size) and bool((x > 0).all()), Style(positive)),
)
ASSUMED = (  # what text books assume of data without saying so
    Style(one_hot, "has one-hot rows"),
    Style(bits, "is 0 or 1"),
    Style(signs, "is -1 or 1"),
    Style(shares, "has rows that sum to 1"),
)


def _is_one_hot(x: np.ndarray) -> bool:
    is_matrix = x.ndim > 1 and x.shape[-1] > 1 and x.size > 0
    return is_matrix and bool(np.isin(x, (0, 1)).all() and (x.sum(axis=-1) == 1).all())


def _sums_to_one(x: np.ndarray) -> bool:
    is_vector = x.ndim > 0 and x.shape[-1] > 1 and x.size > 0
    return is_vector and bool((x >= 0).all() and np.allclose(x.sum(axis=-1), 1.0))


def _is_spread(x: np.ndarray) -> bool:
    if x.ndim != 2 or x.shape[0] != x.shape[1] or len(x) < 2 or not np.allclose(x, x.T):
        return False
    return bool((np.linalg.eigvalsh(x) > 0).all())
