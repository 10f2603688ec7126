"""The loss curve of a training run is that of PyTorch, scikit-learn and JAX, epoch by epoch."""

import numpy as np
import pytest

from tests.benchmarks.trainers import TABLES, TRAINERS, Task, by_symgrad, is_installed


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("rival", [name for name in TRAINERS if name != "symgrad"])
def test_a_loss_curve_is_that_of_others(name, rival):
    if not is_installed(rival):
        pytest.skip(f"{rival} is not installed")
    task = Task.of(name)
    if task.batch is not None:
        if "one call" in rival:
            pytest.skip("JAX scans over full batches only")
        task = task.for_epochs(10)
    mine, theirs = by_symgrad(task)(), TRAINERS[rival][1](task)()
    assert len(mine) == len(theirs) == task.epochs
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)
    assert mine[-1] < mine[0] / 2


def test_every_step_of_an_epoch_takes_other_rows():
    task = Task.of("digits")
    rows = np.concatenate(list(task.batches(1)))
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(task.y)))
    assert not np.array_equal(rows, np.concatenate(list(task.batches(2))))
