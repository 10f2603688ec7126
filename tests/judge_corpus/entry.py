"""What an entry of the corpus is made of, and the arguments that many entries share."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

N, D, K, H, M = 7, 4, 3, 5, 6  # samples, features, classes, hidden units, pairs: all different


@dataclass(frozen=True)
class Slope:
    """The derivative of an activation as it stands in a claim.

    ``text`` is a factor of the claim and reads ``argument``; the usual mistake reads ``other``,
    which is empty where that changes nothing: a ReLU's ``h > 0`` is its ``z > 0``.
    """

    text: str
    argument: str
    other: str = ""


@dataclass(frozen=True)
class Formula:
    """A function as a student writes it, and the gradient that the student hands in.

    ``claim`` are lines ``name = formula``; each answer is called ``d<name>``.  The lines may read
    the arguments, the local names of ``function``, and lines above.  ``args(rng)`` gives small
    arguments whose sizes all differ.
    """

    name: str
    function: Callable[..., Any]
    wrt: str | tuple[str, ...]
    args: Callable[[np.random.Generator], tuple[Any, ...]]
    claim: str
    slopes: tuple[Slope, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.wrt,) if isinstance(self.wrt, str) else self.wrt

    @property
    def answers(self) -> tuple[str, ...]:
        return tuple(f"d{name}" for name in self.names)

    def arguments(self) -> tuple[Any, ...]:
        return self.args(np.random.default_rng(0))


class Subject(list[Formula]):
    """A table of formulas, each added below its function."""

    def add(self, name, function, wrt, args, claim, slopes=()):
        assert name not in [formula.name for formula in self]
        claim = textwrap.dedent(claim).strip()
        self.append(Formula(name, function, wrt, args, claim, tuple(Slope(*s) for s in slopes)))


def normal(rng, *shapes):
    return tuple(rng.standard_normal(shape) for shape in shapes)


def design(rng):
    """Weights, rows of features, real targets."""
    return normal(rng, D, (N, D), N)


def design_bias(rng):
    w, X, y = design(rng)
    return w, 0.3, X, y


def binary(rng):
    """Weights, rows of features, labels 0 and 1."""
    w, X, _ = design(rng)
    return w, X, (np.arange(N) % 3 == 0).astype(float)


def binary_bias(rng):
    w, X, y = binary(rng)
    return w, 0.3, X, y


def signs(rng):
    w, X, y = binary(rng)
    return w, X, 2 * y - 1


def signs_bias(rng):
    w, X, y = signs(rng)
    return w, 0.3, X, y


LABELS = np.array([0, 2, 1, 1, 0, 2, 1])


def classes(rng):
    """A matrix of weights, rows of features, labels 0, 1, 2."""
    return *normal(rng, (D, K), (N, D)), LABELS


def classes_bias(rng):
    W, X, y = classes(rng)
    return W, *normal(rng, K), X, y


def one_hot(rng):
    W, b, X, y = classes_bias(rng)
    return W, b, X, np.eye(K)[y]


def outputs(rng):
    """A matrix of weights, its bias, rows of features, rows of targets."""
    return normal(rng, (D, K), K, (N, D), (N, K))


def also(args, *others):
    """Return arguments followed by numbers, for instance a strength of regularisation."""
    return lambda rng: (*args(rng), *others)
