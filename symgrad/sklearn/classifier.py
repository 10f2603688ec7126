"""`SymgradClassifier`: classes, by any loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import column_or_1d

from symgrad.errors import SpecError
from symgrad.sklearn.architecture import Source
from symgrad.sklearn.base import Network
from symgrad.sklearn.settings import goes_in_parts
from symgrad.sklearn.versions import class_weights
from symgrad.spec.objectives import ANY, FORMULA, ONE
from symgrad.training.spec_models import classes_above, threshold_of


def _has_probabilities(estimator: Any) -> bool:
    goal = estimator._goal()
    if not {"softmax", "sigmoid"} & set(goal.links):
        raise AttributeError(
            f"the loss {goal.function or 'given'} makes no probabilities: use decision_function, "
            "or a cross-entropy"
        )
    return True


class SymgradClassifier(ClassifierMixin, Network):
    """A network that tells classes apart, trained by symgrad's gradient of any loss.

    ``loss`` is a name of `symgrad.losses` ("softmax_cross_entropy", the default, "focal",
    "multiclass_hinge", and for two classes "binary_cross_entropy" and "hinge"; those of numbers
    compare with 0 and 1 for each class), a dict with its settings ({"name": "focal", "gamma":
    3.0}), a formula as in specs ("mean((y_hat - y)**2)"; y is one-hot, (n, k)), or a function of
    scores (n, k) and classes that may take ``weights``.  ``labels`` says how a function is
    given the classes: "integer" (n,), or "one_hot" (n, k).

    ``hidden`` are the sizes of the hidden layers (default (100,)), ``activation`` follows each
    (default "relu"), ``init`` draws the first weights (default "glorot"), ``l1`` and ``l2`` are
    the strengths of penalties.  ``class_weight`` is "balanced" or a dict of weights by class.
    ``optimizer`` is a name (default "adam"), a dict as in specs, or one of `symgrad.optim`;
    ``learning_rate`` is 0.01 unless it says another; ``schedule`` is a dict as in specs.

    ``spec`` is a spec, as a file or a dict: layers, loss, optimizer, seed and training are as it
    says, except for what is given here.  Its ``data`` is not read.

    ``batch_size`` rows make a step ("auto": 200; None: all), ``max_iter`` epochs are the most
    (default 200).  Training ends when the loss has not fallen by ``tol`` for
    ``n_iter_no_change`` epochs ("auto": 10; None: it goes on to the end); with
    ``early_stopping=True`` it is the loss of ``validation_fraction`` of the data, which is held
    out, and the best epoch's parameters are kept.  ``warm_start`` lets `fit` begin with
    the parameters of the last.  An int as ``random_state`` is the seed of the first weights and
    of the order of the rows.  ``verbose`` shows progress on stderr.

    Fitted: ``classes_``, ``params_`` (the parameters by name), ``model_`` (its ``source`` is the
    network as text), ``source_`` (the gradient as text), ``n_iter_``, ``loss_curve_``,
    ``validation_loss_curve_``, ``best_loss_``, ``n_features_in_``, ``feature_names_in_``.
    """

    _default_loss = "softmax_cross_entropy"

    def __init__(
        self,
        loss: Any = None,
        *,
        hidden: Any = None,
        activation: Any = None,
        spec: Any = None,
        labels: Any = "integer",
        init: Any = None,
        l1: Any = None,
        l2: Any = None,
        class_weight: Any = None,
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
        super().__init__(
            loss, hidden=hidden, activation=activation, spec=spec, init=init, l1=l1, l2=l2,
            optimizer=optimizer, learning_rate=learning_rate, schedule=schedule,
            batch_size=batch_size, max_iter=max_iter, early_stopping=early_stopping,
            validation_fraction=validation_fraction, n_iter_no_change=n_iter_no_change, tol=tol,
            warm_start=warm_start, random_state=random_state, verbose=verbose,
        )  # fmt: skip
        self.labels = labels
        self.class_weight = class_weight

    # --- predictions

    def predict(self, X: Any) -> Any:
        """Return the class of each row of X."""
        codes = classes_above(0.0, self.decision_function(X))
        return self.classes_[codes]

    def decision_function(self, X: Any) -> Any:
        """Return the scores (n, k); of two classes how much the second is ahead, (n,)."""
        scores = self._given(self._read(X))
        if scores.ndim == 1:
            return scores if self._goal().links else scores - threshold_of(self._model)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, (n, k)."""
        found = self._predicted(self._read(X))
        return found if found.ndim == 2 else np.stack([1 - found, found], axis=1)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of the probability of each class, (n, k)."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    # --- fitting

    @available_if(goes_in_parts)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> SymgradClassifier:
        """Go through ``X`` and ``y`` once, from where the last call left off.

        The first call needs ``classes``, all that will ever come.
        """
        self._partial_fit(X, y, sample_weight, classes)
        return self

    def _checked_y(self, y: Any, is_first: bool, classes: Any) -> Any:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if is_first:
            self.classes_ = np.unique(y) if classes is None else unique_labels(classes)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"classes={classes!r} are not those of the first call, {self.classes_}"
            )
        if len(self.classes_) < 2:
            raise ValueError(
                "SymgradClassifier needs samples of at least 2 classes, but there is only 1 "
                f"class: {self.classes_.tolist()[0]!r}"
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds {unknown.tolist()[0]!r}, which is none of classes_ {self.classes_}"
            )
        return np.searchsorted(self.classes_, y)

    def _weights(self, y: Any, weights: Any) -> Any:
        if self.class_weight is None:
            return weights
        here = np.unique(y) if self.class_weight == "balanced" else np.arange(len(self.classes_))
        by_class = np.ones(len(self.classes_))
        labels = self.classes_[here]
        by_class[here] = class_weights(self.class_weight, labels, self.classes_[y], weights)
        return by_class[y] if weights is None else weights * by_class[y]

    def _class_weights(self, source: Source) -> list[float] | None:
        spec = source.spec
        given = None if spec is None else spec.get("class_weights")
        order = None if spec is None else spec.get("data", {}).get("classes")
        if given is None or order is None:
            return given
        if sorted(map(str, order)) != sorted(map(str, self.classes_.tolist())):
            raise SpecError(
                f"SymgradClassifier: the spec weighs the classes {order}, and y has "
                f"{self.classes_.tolist()}"
            )
        place = {str(each): k for k, each in enumerate(order)}
        return [given[place[str(each)]] for each in self.classes_.tolist()]

    def _outputs(self, source: Source, y: Any) -> int:
        goal, count = source.goal, len(self.classes_)
        if goal.labels == "number" and goal.outputs != ANY:
            raise SpecError(
                f"SymgradClassifier: the loss {goal.function} is for numbers: take "
                "SymgradRegressor, or a loss of classes such as 'softmax_cross_entropy'"
            )
        if goal.outputs == ONE and count > 2:
            raise SpecError(
                "Only binary classification is supported by the loss "
                f"{goal.function}. The type of the target is multiclass, with {count} classes: "
                "take 'softmax_cross_entropy', 'focal' or 'multiclass_hinge'"
            )
        if self.labels not in ("integer", "one_hot"):
            raise SpecError(f"labels={self.labels!r} must be 'integer' or 'one_hot'")
        is_binary = count == 2 and goal is not FORMULA and source.units == 1
        return 1 if goal.outputs == ONE or (is_binary and goal.outputs == ANY) else count

    def _output_shape(self) -> tuple[int, ...]:
        return (1,) if self._goal().outputs == ONE else (1, len(self.classes_))

    def _targets(self, y: Any) -> Any:
        labels = self._goal().labels
        if labels == "class" or self._is_labelled:
            return y
        if labels == "0 or 1" or self._model.plan.net.width == 1:
            return y.astype(np.float64)
        return np.eye(len(self.classes_))[y]

    def _has_labels(self) -> bool:
        return bool(self.labels == "integer")

    def _has_classes(self) -> bool:
        return True

    # --- tags

    def _tells_several(self) -> bool:
        return self._wanted().outputs != ONE

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = self._tells_several()
        return tags

    def _more_tags(self) -> dict[str, Any]:  # before scikit-learn 1.6
        return {"binary_only": not self._tells_several()}
