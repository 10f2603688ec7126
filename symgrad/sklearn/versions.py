"""What scikit-learn has called otherwise in the versions that symgrad allows."""

from __future__ import annotations

from typing import Any

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # before 1.6 it was a method

    def validate_data(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        """Return X, or X and y, checked; note the number and the names of X's columns."""
        return estimator._validate_data(*args, **kwargs)


__all__ = ["validate_data"]
