"""How far a run is: what changes while it goes on, besides the optimizer's state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from symgrad.training.stopping import Best


@dataclass
class Position:
    """How far the run is: epochs done, and of the next one the steps, rows and mean loss so far."""

    epoch: int = 0
    step: int = 0
    rows: int = 0
    loss: float = 0.0

    def add(self, loss: float, rows: int) -> None:
        """Count one step; the mean of one step alone is its loss, to the bit."""
        self.step += 1
        self.rows += rows
        self.loss += (loss - self.loss) * (rows / self.rows)


@dataclass
class Stage:
    """Where a run stands, what it has recorded, and its best epoch."""

    position: Position = field(default_factory=Position)
    history: list[dict[str, Any]] = field(default_factory=list)
    best: Best | None = None
