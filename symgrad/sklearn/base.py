"""What both estimators do: settings to a model, a fit or a part of one, and what it leaves.

Given X and y as scikit-learn takes them, learn ``params_``.  Invariant: what `fit` leaves is plain
data; models and functions are looked up by what they are made of, so estimators can be pickled.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from symgrad.compiled import Compiled
from symgrad.errors import SpecError, SymgradError
from symgrad.optim import State
from symgrad.sklearn.architecture import (
    Key,
    Source,
    compiled_of,
    key_of,
    model_of,
    source_of,
    written,
)
from symgrad.sklearn.fitting import Kept, conduct_of, output_of
from symgrad.sklearn.settings import (
    batch_of,
    goes_in_parts,
    holds_out,
    optimizer_from,
    plan_of,
    rows_of,
    seed_of,
)
from symgrad.sklearn.versions import validate_data
from symgrad.spec import Model
from symgrad.spec.consistency import objective_of
from symgrad.spec.objectives import FORMULA, Objective
from symgrad.training.running import run
from symgrad.training.settings import Settings
from symgrad.training.spec_models import refuse_range

RATE = 0.01


def counted(X: Any, y: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Return the examples whose weight is not 0, or raise ValueError where there is none."""
    if (weights < 0).any():
        raise ValueError("Negative values in sample_weight: a weight is 0 or more")
    is_counted = weights > 0
    if is_counted.all():
        return X, y, weights
    if not is_counted.any():
        raise ValueError("Sample weights must contain at least one non-zero number: all are zero")
    return X[is_counted], y[is_counted], weights[is_counted]


class Network(BaseEstimator):
    """What `SymgradClassifier` and `SymgradRegressor` share."""

    _key: Key
    _state: State | None
    _statistics: tuple[Any, ...]
    params_: dict[str, Any]
    n_features_in_: int

    def __init__(
        self,
        loss: Any = None,
        *,
        hidden: Any = None,
        activation: Any = None,
        spec: Any = None,
        init: Any = None,
        l1: Any = None,
        l2: Any = None,
        optimizer: Any = None,
        learning_rate: Any = None,
        schedule: Any = None,
        batch_size: Any = "auto",
        max_iter: Any = None,
        early_stopping: Any = "auto",
        validation_fraction: Any = 0.1,
        n_iter_no_change: Any = "auto",
        tol: Any = 1e-4,
        warm_start: Any = False,
        random_state: Any = None,
        verbose: Any = False,
    ):
        self.loss = loss
        self.hidden = hidden
        self.activation = activation
        self.spec = spec
        self.init = init
        self.l1 = l1
        self.l2 = l2
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # --- what the kinds of estimator say

    _default_loss: str

    def _checked_y(self, y: Any, is_first: bool, classes: Any) -> Any:
        """Return y as numbers, and note what is learned from it."""
        raise NotImplementedError

    def _outputs(self, source: Source, y: Any) -> int:
        """Return how many numbers the last layer gives, or refuse the loss."""
        raise NotImplementedError

    def _targets(self, y: Any) -> Any:
        """Return y as the loss takes it."""
        raise NotImplementedError

    def _has_labels(self) -> bool:
        """Return whether a loss that is a function is given integers."""
        return False

    def _output_shape(self) -> tuple[int, ...]:
        """Return the shape of what the network must give for one row of X."""
        raise NotImplementedError

    def _class_weights(self, source: Source) -> list[float] | None:
        """Return the class weights of the spec, in the order of the classes."""
        return None

    def _weights(self, y: Any, weights: Any) -> Any:
        """Return the weight of each example, None if all count the same."""
        return weights

    # --- fitting

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on ``X`` (n, d) and ``y``, each example counted by ``sample_weight`` (n,).

        Raises SpecError, a ValueError, for settings that make no sense, DivergenceError where a
        value stops being finite.
        """
        is_first = not (self.warm_start and hasattr(self, "params_"))
        X, y, weights = self._checked(X, y, sample_weight, is_first)
        self._settle(X, y, weights, is_first)
        held = None
        if holds_out(self, self._spec):
            labels = y if self._has_classes() else None
            rows, kept = rows_of(self, self._spec, labels, len(y), self._seed)
            held = self._columns(X[kept], y[kept], None if weights is None else weights[kept])
            X, y, weights = X[rows], y[rows], None if weights is None else weights[rows]
        data, plan = self._columns(X, y, weights), plan_of(self, self._spec, len(X), self._seed)
        result = self._run(data, held, Kept(optimizer_from(self, self._spec)), plan)
        if held is not None:
            assert result.best is not None
            self.params_, self._state = result.best.params, None
            self.validation_loss_curve_ += [each["val_loss"] for each in result.history]
        self._statistics = self._model.statistics(*self.params_.values(), data["X"])
        if result.stopped == "epochs" and plan["early_stopping"] is not None:
            self._warn(plan["epochs"])
        return self

    def _warn(self, epochs: int) -> None:
        warnings.warn(
            f"{type(self).__name__}: {epochs} epochs (max_iter) are over, and the loss may "
            "still fall: raise max_iter or learning_rate, or let it be with n_iter_no_change=None",
            ConvergenceWarning,
            stacklevel=3,
        )

    @available_if(goes_in_parts)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Go through ``X`` and ``y`` once, from where the last call left off."""
        return self._partial_fit(X, y, sample_weight, None)

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Any:
        is_first = not hasattr(self, "params_")
        X, y, weights = self._checked(X, y, sample_weight, is_first, classes)
        if is_first or (weights is not None and not self._is_weighted):
            self._settle(X, y, weights, is_first)
        self._refuse_statistics()
        kept = Kept(optimizer_from(self, self._spec), self._state)
        plan = {
            "epochs": 1,
            "batch": batch_of(self, self._spec, len(X)),
            "seed": self._seed + (0 if self._state is None else self._state.step),
            "progress": bool(self.verbose),
        }
        self._run(self._columns(X, y, weights), None, kept, plan)
        return self

    def _checked(
        self, X: Any, y: Any, weights: Any, is_first: bool, classes: Any = None
    ) -> tuple[Any, Any, Any]:
        """Return X, y as numbers, and the weights of examples; those of weight 0 are left out."""
        if y is None:  # as scikit-learn says it
            validate_data(self, X, y, reset=is_first)
        X, y = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, reset=is_first, order="C"
        )
        y = self._checked_y(y, is_first, classes)
        if weights is not None:
            X, y, weights = counted(X, y, _check_sample_weight(weights, X, dtype=np.float64))
        weights = self._weights(y, weights)
        return (X, y, None) if weights is None else counted(X, y, weights)

    def _settle(self, X: Any, y: Any, weights: Any, is_first: bool) -> None:
        """Make the network of the settings, and where there was none its first parameters."""
        source = self._source()
        is_weighted = weights is not None or source.reads_weights
        settings = {**self.get_params(deep=False), **self._steps_given(source)}
        spec = written(
            source, settings, type(self).__name__, inputs=X.shape[1],
            outputs=self._outputs(source, y), weighted=is_weighted,
            class_weights=self._class_weights(source),
        )  # fmt: skip
        key = key_of(spec)
        if not is_first:
            self._refuse_other(model_of(key))
        self._spec, self._key, self._function = spec, key, source.function
        self._is_labelled = source.function is not None and self._has_labels()
        self._is_weighted = is_weighted
        if is_first:
            self._begin()
        self._refuse_shapes(X, y)

    def _begin(self) -> None:
        self._seed = seed_of(self, self._spec)
        self.params_ = self._model.init(self._seed)
        self._state, self._statistics = None, ()
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []

    def _refuse_other(self, model: Model) -> None:
        """Refuse to go on with parameters that are those of another network."""
        if model.parameters != self._model.parameters:
            raise SpecError(
                f"{type(self).__name__}: the settings are of another network than was fitted, and "
                "its parameters cannot go on: fit a new estimator, or use warm_start=False"
            )

    def _steps_given(self, source: Source) -> dict[str, Any]:
        """Return the learning rate of an optimizer that has none of its own."""
        has_spec = source.spec is not None and "optimizer" in source.spec.given
        is_named = isinstance(self.optimizer, str) or (self.optimizer is None and not has_spec)
        return {"learning_rate": RATE} if is_named and self.learning_rate is None else {}

    def _refuse_shapes(self, X: Any, y: Any) -> None:
        """Refuse a network that does not give what the loss compares with y."""
        targets, name = self._targets(y[:1]), type(self).__name__
        (_, *sizes), _ = self._model.plan.shapes["y"]
        if targets.ndim != (1 if self._is_labelled else 1 + len(sizes)):
            raise SpecError(
                f"{name}: y has shape {targets.shape} for one row here, and with `model` this "
                "loss compares one number for each: take a loss of classes, or layers"
            )
        if self._spec.get("model") is None:
            return
        found, wanted = np.shape(self._given(self._inputs(X[:1]))), self._output_shape()
        if found != wanted:
            raise SpecError(
                f"{name}: the model gives shape {found} for one row of X, and y with this loss "
                f"asks for {wanted}"
            )

    def _refuse_statistics(self) -> None:
        if self._model.plan.statistics:
            raise SpecError(
                f"{type(self).__name__}: partial_fit never sees all of the data, whose means and "
                "variances batch_norm predicts with: use layer_norm, or fit"
            )

    def _run(self, data: Any, held: Any, optimizer: Kept, plan: dict[str, Any]) -> Any:
        loss, _ = self._compiled
        conduct = conduct_of(self._model, self._function)
        result = run(
            Settings(loss, data, self.params_, optimizer, validation=held, conduct=conduct, **plan)
        )
        if result.stopped == "interrupted":
            if not result.history:
                raise KeyboardInterrupt
            warnings.warn("Training interrupted by user.", stacklevel=3)
        self.params_, self._state = result.params, optimizer.state
        self.loss_curve_ += [each["loss"] for each in result.history]
        self.n_iter_ = len(result.history)
        return result

    def _columns(self, X: Any, y: Any, weights: Any) -> dict[str, Any]:
        found = {"X": self._inputs(X), "y": self._targets(y)}
        if self._is_weighted:
            found["weights"] = np.ones(len(X)) if weights is None else weights
        return found

    # --- settings

    def _source(self) -> Source:
        return source_of(self.spec, self.loss, self._default_loss)

    def _goal(self) -> Objective:
        """Return what the loss asks of a network: as it was fitted, or would be."""
        return objective_of(self._spec.content) if hasattr(self, "_spec") else self._wanted()

    def _wanted(self) -> Objective:
        """Return what the loss asks for; of settings that `fit` will refuse, nothing."""
        try:
            return self._source().goal
        except SymgradError:
            return FORMULA

    def _has_classes(self) -> bool:
        return False

    # --- what is left

    @property
    def _model(self) -> Model:
        return model_of(self._key)

    @property
    def _compiled(self) -> tuple[Compiled, str]:
        return compiled_of(self._key, self._function, self._is_labelled)

    @property
    def model_(self) -> Model:
        """The network as a model of `symgrad.spec`: its text, its functions, its parameters."""
        check_is_fitted(self)
        return self._model

    @property
    def best_loss_(self) -> float:
        """The smallest loss of an epoch, of the data held out if there is any."""
        check_is_fitted(self)
        return min(self.validation_loss_curve_ or self.loss_curve_)

    @property
    def source_(self) -> str:
        """The gradient in readable NumPy: what ran."""
        check_is_fitted(self)
        return self._compiled[1]

    def _inputs(self, X: Any) -> Any:
        """Return X as the network takes it: in the shape of the spec's inputs, or as integers."""
        (_, *sizes), dtype = self._model.plan.shapes["X"]
        if len(sizes) > 1:
            return X.reshape(len(X), *sizes)
        if dtype != "int":
            return X
        size = self.params_["E"].shape[0]
        refuse_range(X, size, "X", "the rows of the embedding", "")
        return X.astype(np.int64)

    def _read(self, X: Any) -> Any:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False, order="C")
        return self._inputs(X)

    def _given(self, X: Any) -> Any:
        """Return what the network's last layer gives for X, which is checked."""
        means = dict(zip(self._model.plan.statistics, self._statistics, strict=True))
        return output_of(self._model, self.params_, X, means)

    def _predicted(self, X: Any) -> Any:
        return self._model.predict(*self.params_.values(), X, *self._statistics)
