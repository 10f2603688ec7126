"""What an estimator's settings say of training: each its own value, or what the spec says.

Given an estimator and its spec, return plain values.  Invariant: a setting that makes no sense is
a SpecError that names it, when it is first needed.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from symgrad.errors import SpecError
from symgrad.spec import Spec
from symgrad.training.spec_models import optimizer_of
from symgrad.training.splitting import Part, split

EPOCHS, PATIENCE, ROWS = 200, 10, 200


def goes_in_parts(estimator: Any) -> bool:
    """Return True, or raise AttributeError where settings need all of the data."""
    if not _is_auto(estimator.early_stopping) and estimator.early_stopping:
        raise AttributeError("partial_fit holds nothing out: it needs early_stopping=False")
    if _is(getattr(estimator, "class_weight", None), "balanced"):
        raise AttributeError(
            "class_weight='balanced' needs all of y: for partial_fit give a dict "
            "(sklearn.utils.compute_class_weight makes its values)"
        )
    return True


def plan_of(estimator: Any, spec: Spec, count: int, seed: int) -> dict[str, Any]:
    """Return how `fit` goes through ``count`` rows, as fields of `Settings`."""
    epochs = estimator.max_iter
    if epochs is None:
        epochs = EPOCHS if estimator.spec is None else spec["epochs"]
    patience, tol = patience_of(estimator, spec)
    return {
        "epochs": _count("max_iter", epochs),
        "batch": batch_of(estimator, spec, count),
        "seed": seed,
        "early_stopping": None if patience is None else {"patience": patience, "min_delta": tol},
        "progress": bool(estimator.verbose),
    }


def patience_of(estimator: Any, spec: Spec) -> tuple[int | None, float]:
    """Return how many epochs to wait for an improvement, and by how much it must be one."""
    wait, tol = estimator.n_iter_no_change, estimator.tol
    if not isinstance(tol, numbers.Real) or not 0 <= float(tol) < np.inf:
        raise SpecError(f"tol={tol!r} must be a number, 0 or more")
    if _is_auto(wait) and estimator.spec is not None:
        rule = spec.get("early_stopping")
        return (None, 0.0) if rule is None else (rule["patience"], rule["least"])
    if wait is None:
        return None, float(tol)
    wait = PATIENCE if _is_auto(wait) else wait
    return _count("n_iter_no_change", wait, ", None or 'auto'"), float(tol)


def batch_of(estimator: Any, spec: Spec, count: int) -> int | None:
    """Return how many of ``count`` rows make a step, None for all."""
    size = estimator.batch_size
    if _is_auto(size):
        size = ROWS if estimator.spec is None else spec.get("batch_size")
    if size is None:
        return None
    size = _count("batch_size", size, ", None or 'auto'")
    return size if size < count else None


def seed_of(estimator: Any, spec: Spec) -> int:
    """Return the seed of every random number of a fit."""
    state = estimator.random_state
    if state is None and estimator.spec is not None:
        return int(spec["seed"])
    rng = check_random_state(state)
    return int(state if isinstance(state, numbers.Integral) else rng.randint(2**31 - 1))


def optimizer_from(estimator: Any, spec: Spec) -> Any:
    """Return the optimizer: the one that was given, or the one that the spec names."""
    chosen, owner = estimator.optimizer, type(estimator).__name__
    if chosen is None or isinstance(chosen, (str, Mapping)):
        return optimizer_of(spec.content)
    if not (hasattr(chosen, "init") and hasattr(chosen, "update")) or isinstance(chosen, type):
        raise SpecError(
            f"{owner}: optimizer={chosen!r} is none: give a name, a dict as in specs, or one such "
            "as symgrad.optim.Adam(lr=0.01)"
        )
    if estimator.learning_rate is not None or estimator.schedule is not None:
        raise SpecError(
            f"{owner}: optimizer={chosen!r} has its own lr: leave out learning_rate and schedule"
        )
    return chosen


# --- what is held out -----------------------------------------------------------------------------


def holds_out(estimator: Any, spec: Spec) -> bool:
    """Return whether part of the data is held out to validate with."""
    given = estimator.early_stopping
    if _is_auto(given):
        is_said = estimator.spec is not None and spec.get("early_stopping") is not None
        return is_said and spec.get("validation") is not None
    if not isinstance(given, (bool, np.bool_)):
        raise SpecError(f"early_stopping={given!r} must be True, False or 'auto'")
    return bool(given)


def rows_of(estimator: Any, spec: Spec, labels: Any, count: int, seed: int) -> tuple[Any, Any]:
    """Return the rows to train on and those to validate with, of each label its share.

    What a spec says of it is done as `symgrad.train` does it.
    """
    share, rule = estimator.validation_fraction, spec.get("validation")
    if not isinstance(share, numbers.Real) or not 0 < float(share) < 1:
        raise SpecError(f"validation_fraction={share!r} must be a number between 0 and 1")
    if count < 2:
        raise ValueError(
            "early stopping holds out a part of the data, and there is n_samples = 1: it needs 2"
        )
    if _is_auto(estimator.early_stopping) and rule is not None:
        return Part(rule["share"], rule.get("seed", seed)).split(count)
    return split(count, float(share), seed, labels)


# --- values ---------------------------------------------------------------------------------------


def _is(value: Any, word: str) -> bool:
    return isinstance(value, str) and value == word


def _is_auto(value: Any) -> bool:
    return _is(value, "auto")


def _count(name: str, value: Any, otherwise: str = "") -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise SpecError(f"{name}={value!r} must be a whole number, 1 or more{otherwise}")
    return int(value)
