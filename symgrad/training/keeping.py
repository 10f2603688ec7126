"""What a checkpoint says of a run, and which run it belongs to.

Given a run's settings and where it stands, write a checkpoint; given a checkpoint, take the run up
again.  Invariant: a run goes on only from a checkpoint whose numbers would have been its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.arguments import is_leaf
from symgrad.errors import CheckpointError, SpecError, SymgradError
from symgrad.training.checkpoints import is_checkpoint, load_checkpoint, save_checkpoint
from symgrad.training.dataset import Dataset
from symgrad.training.fingerprint import described, digest_of
from symgrad.training.loading import Examples
from symgrad.training.objective import Objective, leaves_of
from symgrad.training.position import Position, Stage
from symgrad.training.settings import Settings
from symgrad.training.stopping import Best
from symgrad.trees import flatten


class Keeper:
    """Writes the checkpoints of one run and reads them."""

    def __init__(self, settings: Settings, objective: Objective, examples: Examples):
        self.settings, self.examples = settings, examples
        self.path = settings.checkpoint_path
        self.identity = {} if self.path is None else identity(settings, objective, examples)

    # --- writing

    def save(self, now: Stage, state: Any) -> None:
        """Write where the run stands, with the state of the optimizer."""
        if self.path is None:
            return
        best = None
        if now.best is not None:
            best = [now.best.epoch, now.best.value, list(leaves_of(now.best.params).values())]
        preparation = self.examples.preparation
        save_checkpoint(self.path, {
            "run": self.identity,
            "position": vars(now.position),
            "history": now.history,
            "best": best,
            "preparation": None if preparation is None else json.dumps(preparation.as_dict()),
            "optimizer": state.as_dict(),
        })  # fmt: skip

    # --- going on

    def resumed(self) -> tuple[Stage, Any] | None:
        """Return where the checkpoint stands and the state of the optimizer, None without one."""
        if self.path is None or not self.path.exists():
            return None
        kept = load_checkpoint(self.path)
        try:
            return self._taken_up(self.path, kept)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, SymgradError):
                raise
            raise CheckpointError(f"{self.path} is no checkpoint of this symgrad's") from None

    def _taken_up(self, path: Path, kept: Mapping[str, Any]) -> tuple[Stage, Any]:
        self._refuse_other(path, kept["run"])
        now = Stage(Position(**kept["position"]), kept["history"])
        if kept["best"] is not None:
            epoch, value, leaves = kept["best"]
            tree = flatten(self.settings.params, is_leaf)[1]
            now.best = Best(epoch, value, tree.build(iter(leaves)))
        if self.settings.progress:
            print(f"resuming {path} after epoch {now.position.epoch}", file=sys.stderr)
        return now, self.settings.optimizer.from_dict(kept["optimizer"], self.settings.params)

    def _refuse_other(self, path: Path, kept: Mapping[str, Any]) -> None:
        for word, mine in self.identity.items():
            if kept.get(word) != mine:
                raise CheckpointError(
                    f"{path} belongs to another run: {_difference(word, kept.get(word), mine)}.  "
                    "Take another file, or delete it to start anew"
                )

    def refuse_foreign(self) -> None:
        """Refuse to write over a file that is no checkpoint, or where there is no folder."""
        path = self.path
        if path is None:
            return
        if path.exists() and not is_checkpoint(path):
            raise CheckpointError(
                f"{path} exists and is no checkpoint: choose another name, or delete it"
            )
        if not path.resolve().parent.is_dir():
            folder = path.resolve().parent
            raise SpecError(f"{folder}/ does not exist: make the folder first, or write elsewhere")


def identity(settings: Settings, objective: Objective, examples: Examples) -> dict[str, Any]:
    """Return what a run's numbers depend on, in words and digests."""
    shapes = {k: f"{np.shape(x)}" for k, x in leaves_of(settings.params).items()}
    part = settings.part
    return {
        "parameters": ", ".join(f"{k} {shape}" for k, shape in shapes.items()),
        "batch": settings.batch,
        "seed": settings.seed,
        "shuffle": settings.shuffle,
        "validation": _data_digest(examples.validation) if part is None else described(part),
        "early stopping": json.dumps(described(settings.stopping)[1]),
        "optimizer": json.dumps(described(settings.optimizer)),
        "preparation": digest_of(settings.preparation),
        "loss": digest_of(objective.compiled),
        "data": _data_digest(examples.training),
        "metrics": digest_of([settings.metric_functions, settings.predict, settings.target]),
    }


def _data_digest(data: Any) -> str | None:
    return digest_of([data.columns, data.rows]) if isinstance(data, Dataset) else None


def _difference(word: str, theirs: Any, mine: Any) -> str:
    if word in ("loss", "data", "preparation", "metrics"):
        return f"its {word} {'are' if word == 'metrics' else 'is'} not the same"
    return f"its {word} is {theirs}, and here {mine}"
