"""Numbers as they stand in a picture: ``-0.53``.

Invariant: a number that is not 0 is never shown as 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

DECIMALS = 2  # as lectures write them
FEW = 0.0995  # below this, two decimals would be less than two digits
PLAIN = 1e-3, 1e5  # outside of this, numbers get an exponent


def figure(value: Any) -> str:
    """Return a number with two decimals; a small one with three digits, so that it is seen."""
    number = np.asarray(value)[()]
    if np.asarray(value).dtype.kind in "biu":
        return str(number)
    size = abs(float(number))
    if size == 0 or not np.isfinite(size) or FEW <= size < PLAIN[1]:
        return f"{float(number) + 0.0:.{DECIMALS}f}"
    return f"{float(number):.3g}" if PLAIN[0] <= size < FEW else f"{float(number):.2e}"


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
