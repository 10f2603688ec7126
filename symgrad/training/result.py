"""What a training run leaves: parameters, history, the best epoch, and pictures of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.errors import ArgumentError, DataError
from symgrad.training.conduct import Conduct
from symgrad.training.dataset import Dataset
from symgrad.training.loading import target_of
from symgrad.training.metrics import labels_of
from symgrad.training.objective import call
from symgrad.training.preparing import Preparation
from symgrad.training.stopping import Best

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from symgrad.training.trained import TrainedModel


@dataclass(frozen=True, eq=False, repr=False)
class TrainingResult:
    """Trained parameters and how they came about.

    ``params`` are those after the last epoch, ``best`` is the best epoch with its own.
    ``history`` has a dict for each epoch: its number, its loss and metrics, with ``val_`` those of
    the validation part.  ``monitor`` is the name in it that the best epoch was found by.
    ``stopped`` says why it ended: "epochs", "early stopping" or "interrupted".  A run of a spec
    leaves a model that is ready for use, ``trained``, with the parameters of the best epoch.
    """

    params: Any
    history: list[dict[str, Any]]
    best: Best | None
    stopped: str
    monitor: str = "loss"
    preparation: Preparation | None = None
    predict: Callable[..., Any] | None = None
    training: Dataset | None = None
    validation: Dataset | None = None
    target: str | None = None
    conduct: Conduct = field(default_factory=Conduct)
    statistics: Mapping[str, Any] = field(default_factory=dict)
    best_statistics: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return the last epoch and the best one, in two lines."""
        if not self.history:
            return f"no epochs ({self.stopped})"
        last = self.history[-1]
        text = f"epoch {last['epoch']} ({self.stopped}): {_shown(last, list(last)[1:])}"
        if self.best is None:
            return text
        record = self.history[self.best.epoch - 1]
        names = dict.fromkeys([self.monitor])
        if self.monitor.startswith("val_"):  # else metrics are those after the epoch's last step
            names |= dict.fromkeys(name for name in record if name.startswith("val_"))
        return f"{text}\nbest epoch {self.best.epoch}: {_shown(record, names)}"

    @property
    def trained(self) -> TrainedModel:
        """The model of a spec with the parameters of the best epoch.

        Raises ArgumentError for a run of a function, whose parameters are all there is to keep.
        """
        from symgrad.training.trained import TrainedModel

        if self.conduct.model is None:
            raise ArgumentError(
                "a function was trained, no spec: call it with the parameters in `best.params`"
            )
        return TrainedModel(self.conduct.model, *self._kept, self.preparation)

    @property
    def _kept(self) -> tuple[Any, Mapping[str, Any]]:
        """The parameters of the best epoch, and the statistics that go with them."""
        if self.best is None:
            return self.params, self.statistics
        return self.best.params, self.best_statistics

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss by epoch, of training and of validation."""
        from symgrad.training.pictures import draw_history

        return draw_history(self.history, self.best, ax)

    def confusion_matrix(self) -> Any:
        """Return how often each class (row) was taken for each (column) in the best epoch.

        It counts the validation part, or the training data where nothing was held back.  Raises
        ArgumentError where numbers are predicted, and no classes.
        """
        columns = self._columns()
        y, found = self._labelled(columns), self._classes(columns)
        size = int(max(y.max(), found.max(), len(self._labels() or ()) - 1)) + 1
        counts = np.zeros((size, size), int)
        np.add.at(counts, (y, found), 1)
        return counts

    def plot_confusion(self, ax: Axes | None = None) -> Axes:
        """Draw the confusion matrix."""
        from symgrad.training.pictures import draw_confusion

        return draw_confusion(self.confusion_matrix(), self._labels(), ax)

    def plot_boundary(self, ax: Axes | None = None) -> Axes:
        """Draw which class is predicted where in the best epoch, for inputs of two numbers.

        Raises DataError for any other number of inputs, ArgumentError where numbers are predicted.
        """
        from symgrad.training.pictures import draw_boundary

        columns = self._columns()
        target = self._target(columns)
        name = next((n for n in columns if n != target and np.ndim(columns[n]) == 2), None)
        if name is None or columns[name].shape[1] != 2:
            shape = "no matrix" if name is None else f"shape {columns[name].shape}"
            raise DataError(f"a decision boundary needs inputs of two numbers, here are {shape}")

        def classes(points: Any) -> Any:
            return self._classes({**columns, name: points})

        features = () if self.preparation is None else self.preparation.features
        y = self._labelled(columns)
        return draw_boundary(columns[name], y, classes, features, self._labels(), ax)

    def _labels(self) -> tuple[Any, ...] | None:
        return None if self.preparation is None else self.preparation.classes

    def _columns(self) -> dict[str, Any]:
        dataset = self.validation or self.training
        if dataset is None:
            raise DataError("the run had batches only: give it validation data for this picture")
        return dataset.columns_at(slice(None))

    def _target(self, columns: dict[str, Any]) -> str:
        return target_of(columns, self.target)

    def _labelled(self, columns: dict[str, Any]) -> Any:
        """Return the class of each row as the data say it, by number."""
        given = columns[self._target(columns)]
        y, model = labels_of(given), self.conduct.model
        are_classes = (y >= 0) & (y == np.floor(y))
        if model is not None and model.labels == "number":
            are_classes = (given == 0) | (given == 1)  # which a squared loss can tell apart
        if not are_classes.all():
            wrong = np.asarray(given)[~are_classes][0]
            raise ArgumentError(f"the targets are numbers, such as {wrong:.4g}, and no classes")
        return y.astype(int)

    def _classes(self, columns: dict[str, Any]) -> Any:
        if self.predict is None:
            raise ArgumentError("this needs predictions: train with predict=")
        params, statistics = self._kept
        known = {**columns, **statistics}
        return self.conduct.classes(call(self.predict, params, known, "predict"))


def _shown(record: Mapping[str, Any], names: Iterable[str]) -> str:
    return ", ".join(f"{name} {record[name]:.4g}" for name in names)
