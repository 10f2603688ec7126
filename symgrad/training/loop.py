"""The loop: epochs and steps, from where a run stands to where it ends.

Given the settings of a run, return its result.  Invariant: after any number of steps the state is
that of the same steps done without a pause, and a checkpoint holds all of it.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from symgrad.arguments import is_leaf
from symgrad.errors import DataError, DivergenceError, NotFiniteError, located
from symgrad.training.dataset import Batch, Dataset
from symgrad.training.divergence import culprit
from symgrad.training.interrupts import Interrupts
from symgrad.training.keeping import Keeper
from symgrad.training.loading import load_examples, target_of
from symgrad.training.objective import Objective, call
from symgrad.training.position import Position, Stage
from symgrad.training.progress import progress_of
from symgrad.training.records import Log
from symgrad.training.result import TrainingResult
from symgrad.training.settings import Settings
from symgrad.training.snapshots import Snapshots, copied
from symgrad.training.splitting import epoch_rng
from symgrad.training.stopping import Best, Monitor
from symgrad.training.streams import rows_of
from symgrad.trees import flatten

Named = tuple[tuple[str, ...], Batch]


class Run:
    """One run: its examples, its optimizer's state, and where it stands."""

    def __init__(self, settings: Settings):
        self.settings, self.optimizer = settings, settings.optimizer
        self.conduct = settings.conduct
        self.objective = Objective(settings.fn, settings.params, self.conduct.masks)
        self.examples = load_examples(settings, self.objective)
        self.checks = not getattr(self.optimizer, "check_finite", False)
        self.metrics = settings.metric_functions
        self.monitor = Monitor(settings.stopping, self._recorded(), self.metrics)
        self.keeper = Keeper(settings, self.objective, self.examples)
        found = self.keeper.resumed() if settings.resume else None
        if found is None:
            self.keeper.refuse_foreign()
            found = Stage(), self.optimizer.init(settings.params)
        self.now, self.state = found
        self.snapshots = Snapshots(self.state)

    def _recorded(self) -> list[str]:
        """Return what every epoch records."""
        names = ["loss", *self.metrics] if self._has_table else ["loss"]
        held = [f"val_{name}" for name in ("loss", *self.metrics)]
        return names + (held if self.examples.validation is not None else [])

    @functools.cached_property
    def _has_table(self) -> bool:
        return isinstance(self.examples.training, Dataset)

    @functools.cached_property
    def _is_one_step(self) -> bool:
        return self._has_table and self.settings.batch is None

    # --- the loop

    def result(self) -> TrainingResult:
        """Go through the epochs that are left."""
        progress = progress_of(self.settings.progress, self.settings.epochs, self.epoch)
        log = Log(self.settings.log, self.now.history)
        with Interrupts() as interrupts, log:
            try:
                stopped = self._stopped(interrupts)
                while stopped is None:
                    if self._go_through_epoch(interrupts):
                        log.write(self.now.history[-1])
                        progress.show(self.now.history[-1])
                        if self.epoch % self.settings.checkpoint_every == 0:
                            self.keeper.save(self.now, self.state)
                    stopped = self._stopped(interrupts)
            finally:
                progress.close()
            self.keeper.save(self.now, self.state)
        return self._result(stopped)

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return self.now.position.epoch

    @property
    def params(self) -> Any:
        return self.state.params

    def _stopped(self, interrupts: Interrupts) -> str | None:
        """Return why the run is over, if it is."""
        if self.epoch >= self.settings.epochs:
            return "epochs"
        if self.monitor.is_enough(self.epoch, self.now.best):
            return "early stopping"
        return "interrupted" if interrupts.is_wanted else None

    def _go_through_epoch(self, interrupts: Interrupts) -> bool:
        """Do the steps of the epoch that are left; return whether all were done."""
        before = self._measured_before()
        position = self.now.position
        last = None
        for last in self._batches(position.epoch + 1, position.step):
            if interrupts.is_wanted:
                return False
            names, batch = last
            position.add(self._step(names, batch), rows_of(batch))
        if last is not None and not _all_finite(getattr(self.state, "flat", self.params)):
            self._diverge(*last, "after its last step")
        self._finish_epoch(before)
        return True

    def _step(self, names: tuple[str, ...], batch: Batch) -> float:
        value, grads = self.objective.value_and_grad(self.params, names, batch)
        loss = float(value)
        try:
            if not math.isfinite(loss) or (self.checks and not _all_finite(grads)):
                raise NotFiniteError
            self.optimizer.update(grads, self.state)
        except NotFiniteError:  # what the optimizer checks before it changes anything
            self._diverge(names, batch, f"step {self.now.position.step + 1}")
        return loss

    def _batches(self, epoch: int, start: int) -> Iterable[Named]:
        """Return the steps of an epoch from number ``start`` on, with the masks of each."""
        if self._is_one_step and not self.conduct.masks:
            return self._whole[start:]
        rng = epoch_rng(self.settings.seed, epoch)
        if self.conduct.masks:
            return itertools.islice(self._masked(epoch, rng), start, None)
        return self._examples(epoch, start, rng)

    def _masked(self, epoch: int, rng: np.random.Generator) -> Iterator[Named]:
        # A run that goes on draws the masks of the steps that are done once more.
        masks = self.conduct.masks
        for names, batch in self._examples(epoch, 0, rng):
            yield (*names, *masks), (*batch, *self.conduct.draw_masks(rows_of(batch), rng))

    def _examples(self, epoch: int, start: int, rng: np.random.Generator) -> Iterator[Named]:
        data, size = self.examples.training, self.settings.batch
        if not isinstance(data, Dataset):
            yield from data.batches(epoch, start)
        elif size is None:
            yield from self._whole[start:]
        else:
            count = len(data)
            rows = rng.permutation(count) if self.settings.shuffle else np.arange(count)
            for first in range(start * size, count, size):
                yield data.names, data.take(rows[first : first + size])

    @functools.cached_property
    def _whole(self) -> list[Named]:
        # The one step of every epoch, where all rows make a batch.
        data = self.examples.training
        assert isinstance(data, Dataset)
        return [(data.names, data.take(slice(None)))]

    # --- what an epoch leaves

    def _measured_before(self) -> Any:
        """Return the parameters whose loss the epoch will measure, where they are the best's.

        A full batch measures the loss of the parameters that its only step then changes.
        """
        if self._is_one_step and self.monitor.name == "loss":
            return self.snapshots.take()
        return None

    def _finish_epoch(self, before: Any) -> None:
        position = self.now.position
        epoch = position.epoch + 1
        record = {"epoch": epoch, **self._measured(position.loss)}
        self.now.position = Position(epoch)
        self.now.history.append(record)
        value = record[self.monitor.name]
        if self.monitor.is_better(value, self.now.best):
            params = self.snapshots.take() if before is None else before
            self.now.best = Best(epoch, value, params)
            self.snapshots.keep()

    def _measured(self, loss: float) -> dict[str, float]:
        found = {"loss": loss}
        training, held = self.examples.training, self.examples.validation
        if held is None and not self.metrics:
            return found
        statistics = self._statistics(self.params)
        if self.metrics and isinstance(training, Dataset):
            found |= self._metrics(training, statistics)
        if held is not None:
            found["val_loss"] = self._loss(held, statistics)
            measured = self._metrics(held, statistics)
            found |= {f"val_{name}": value for name, value in measured.items()}
        return found

    def _statistics(self, params: Any) -> dict[str, Any]:
        """Return what predictions take from the training data besides the parameters."""
        training = self.examples.training
        if not self.conduct.statistics or not isinstance(training, Dataset):
            return {}
        columns = training.columns_at(slice(None))
        measured = self.conduct.measured(params, columns)
        return dict(zip(self.conduct.statistics, measured, strict=True))

    def _loss(self, data: Dataset, statistics: Mapping[str, Any]) -> float:
        """Return the loss of all examples, whatever parts they are looked at in."""
        mean = counted = 0.0
        for batch in data.parts(self.settings.batch):
            if not (count := self._counted(data.names, batch)):
                continue
            loss = self._value(data.names, batch, statistics)
            if not math.isfinite(loss):
                self._diverge(data.names, batch, "validation")
            counted += count
            mean += (loss - mean) * (count / counted)
        if not counted:
            raise DataError("the examples for validation weigh 0 together: one has to count")
        return mean

    def _counted(self, names: Sequence[str], batch: Batch) -> float:
        """Return how much a batch counts for in a mean over several."""
        return self.conduct.counted(dict(zip(names, batch, strict=True)), rows_of(batch))

    def _value(self, names: tuple[str, ...], batch: Batch, statistics: Mapping[str, Any]) -> float:
        """Return the loss of examples that nothing is learned from."""
        if not self.conduct.differs:
            return self.objective.value(self.params, names, batch)
        columns = {**dict(zip(names, batch, strict=True)), **statistics}
        return self.conduct.evaluate(self.params, columns)

    def _metrics(self, data: Dataset, statistics: Mapping[str, Any]) -> dict[str, float]:
        if not self.metrics:
            return {}
        if self.settings.predict is None:
            columns = data.columns_at(slice(None))
            return {k: float(call(m, self.params, columns, k)) for k, m in self.metrics.items()}
        output, y = self._predictions(data, self.settings.predict, statistics)
        return {k: float(metric(output, y)) for k, metric in self.metrics.items()}

    def _predictions(
        self, data: Dataset, predict: Callable[..., Any], statistics: Mapping[str, Any]
    ) -> tuple[Any, Any]:
        """Return what is predicted for every row, and the targets."""
        outputs, targets = [], []
        for batch in data.parts(self.settings.batch):
            columns = dict(zip(data.names, batch, strict=True))
            outputs.append(call(predict, self.params, {**columns, **statistics}, "predict"))
            targets.append(columns[target_of(columns, self.settings.target)])
        return np.concatenate(outputs), np.concatenate(targets)

    def _diverge(self, names: tuple[str, ...], batch: Batch, where: str) -> NoReturn:
        """Raise `DivergenceError`, which names the first value that is not finite."""
        if not self._counted(names, batch):
            raise DataError(
                f"epoch {self.epoch + 1}, {where}: its examples weigh 0 together, so their loss is "
                "0 / 0: leave out what weighs nothing, or take larger batches"
            )
        objective = self.objective
        found = None
        if set(self.conduct.masks) <= set(names):
            found = culprit(objective.compiled, objective.arguments(self.params, names, batch))
        what = "the loss or its gradient is not finite" if found is None else str(found)
        cure = "a smaller learning rate or gradient clipping may help"
        if found is not None and found.argument in names:
            cure = "leave such rows out, or fill them in (Preparation(missing=...))"
        kept = f"; {self.settings.checkpoint} holds the last good epoch" if self._is_kept else ""
        error = DivergenceError(f"epoch {self.epoch + 1}, {where}: {what}; {cure}{kept}")
        error.history, error.params = self.now.history, copied(self.params)
        raise located(error, None if found is None else found.location) from None

    @property
    def _is_kept(self) -> bool:
        path = self.settings.checkpoint_path
        return path is not None and path.exists() and self.epoch > 0

    def _result(self, stopped: str) -> TrainingResult:
        training = self.examples.training
        return TrainingResult(
            copied(self.params), self.now.history, self.now.best, stopped, self.monitor.name,
            self.examples.preparation, self.settings.predict,
            training if isinstance(training, Dataset) else None, self.examples.validation,
            self.settings.target, self.conduct, self._statistics(self.params),
            {} if self.now.best is None else self._statistics(self.now.best.params),
        )  # fmt: skip


def _all_finite(grads: Any) -> bool:
    if type(grads) is np.ndarray or is_leaf(grads):
        # Squares may overflow where no number is infinite.
        return math.isfinite(np.vdot(grads, grads)) or bool(np.isfinite(grads).all())
    if type(grads) is dict:
        return all(map(_all_finite, grads.values()))
    return all(map(_all_finite, flatten(grads, is_leaf)[0]))
