"""What every entry of the set is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Loss:
    """A textbook loss as a student writes it, and its gradient as an expert derives it.

    ``function`` is plain NumPy; ``by_hand`` takes the same arguments and returns the value and
    the gradient by ``wrt``: an array for one name, a tuple for several.  ``arguments(rng, n)``
    gives ordinary arguments with ``n`` rows (samples, tokens, pairs), ``size`` of them unless
    told.  ``stress`` names arguments whose exact value and gradient are ordinary numbers although
    a naive spelling overflows, divides 0 by 0 or cancels.
    """

    name: str
    function: Callable[..., Any]
    wrt: str | tuple[str, ...]
    by_hand: Callable[..., Any]
    arguments: Callable[[np.random.Generator, int], tuple[Any, ...]]
    size: int
    stress: Mapping[str, Callable[[], tuple[Any, ...]]] = field(default_factory=dict)


def fixed(seed: int = 0) -> np.random.Generator:
    """Return the generator of stress arguments."""
    return np.random.default_rng(seed)
