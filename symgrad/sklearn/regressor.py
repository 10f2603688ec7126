"""`SymgradRegressor`: numbers, by any loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from symgrad.errors import SpecError
from symgrad.sklearn.architecture import Source
from symgrad.sklearn.base import Network
from symgrad.spec.objectives import ANY, TWO


class SymgradRegressor(RegressorMixin, Network):
    """A network that predicts numbers, trained by symgrad's gradient of any loss.

    ``loss`` is a name of `symgrad.losses` ("squared", the default, "huber", "quantile",
    "poisson", ...), a dict with its settings ({"name": "huber", "delta": 2.0}), a formula as in
    specs ("mean((y_hat - y)**2)"), or a function of predictions and targets that may take
    ``weights``.  All other settings are those of `SymgradClassifier`.

    ``y`` is (n,), or (n, m) for several numbers at once.
    """

    _default_loss = "squared"

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the prediction for each row of X: a mean, a quantile or what the loss asks for.

        With ``return_std``, which is for the loss "gaussian_nll", also the standard deviation.
        """
        X = self._read(X)
        if not return_std:
            return self._predicted(X)
        if self._spec["loss"] != "gaussian_nll":
            raise SpecError("return_std=True is for loss='gaussian_nll': no other predicts it")
        outputs = self._given(X)
        return outputs[:, 0], np.exp(0.5 * outputs[:, 1])

    def _checked_y(self, y: Any, is_first: bool, classes: Any) -> Any:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = y.astype(np.float64)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if is_first:
            self.n_outputs_ = outputs
        elif outputs != self.n_outputs_:
            raise ValueError(f"y has {outputs} outputs, and in the first fit {self.n_outputs_}")
        return y

    def _outputs(self, source: Source, y: Any) -> int:
        goal = source.goal
        if goal.labels != "number":
            raise SpecError(
                f"SymgradRegressor: the loss {goal.function} tells classes apart: take "
                "SymgradClassifier, or a loss of numbers such as 'squared' or 'huber'"
            )
        if self.n_outputs_ > 1 and goal.outputs != ANY:
            raise SpecError(
                f"SymgradRegressor: the loss {goal.function} is of one number for each example, "
                f"and y has {self.n_outputs_}: fit one column at a time, as "
                "sklearn.multioutput.MultiOutputRegressor does"
            )
        if goal.function == "poisson" and (y < 0).any():
            raise ValueError("Some values of y are negative: the loss poisson is for counts")
        return 2 if goal.outputs == TWO else self.n_outputs_

    def _output_shape(self) -> tuple[int, ...]:
        if self._goal().outputs == TWO:
            return (1, 2)
        return (1,) if self.n_outputs_ == 1 else (1, self.n_outputs_)

    def _targets(self, y: Any) -> Any:
        return y

    def _takes_several(self) -> bool:
        return self._wanted().outputs == ANY

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self._takes_several()
        tags.target_tags.positive_only = self._wanted().function == "poisson"
        return tags

    def _more_tags(self) -> dict[str, Any]:  # before scikit-learn 1.6
        return {
            "multioutput": self._takes_several(),
            "requires_positive_y": self._wanted().function == "poisson",
        }
