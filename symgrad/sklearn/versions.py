"""What scikit-learn has called otherwise in the versions that symgrad allows."""

from __future__ import annotations

import inspect
from typing import Any

from sklearn.utils import compute_class_weight

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # before 1.6 it was a method

    def validate_data(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        """Return X, or X and y, checked; note the number and the names of X's columns."""
        return estimator._validate_data(*args, **kwargs)


COUNTS_WEIGHTS = "sample_weight" in inspect.signature(compute_class_weight).parameters


def class_weights(given: Any, classes: Any, y: Any, weights: Any) -> Any:
    """Return the weight of each class; "balanced" counts examples by ``weights`` (since 1.7)."""
    more = {"sample_weight": weights} if COUNTS_WEIGHTS else {}
    return compute_class_weight(given, classes=classes, y=y, **more)


__all__ = ["class_weights", "validate_data"]
