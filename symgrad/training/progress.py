"""What a run says while it runs, on stderr: a bar, or a line every 10 epochs."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Mapping
from typing import Any

EVERY = 10


class Silent:
    """Says nothing."""

    def show(self, record: Mapping[str, Any]) -> None:
        pass

    def close(self) -> None:
        pass


class Lines:
    """Prints the numbers of every tenth epoch and of the last, with the time left."""

    def __init__(self, epochs: int, done: int):
        self.epochs, self.done, self.started = epochs, done, time.monotonic()
        self.unsaid: Mapping[str, Any] | None = None

    def show(self, record: Mapping[str, Any]) -> None:
        self.unsaid = record
        if record["epoch"] % EVERY == 0 or record["epoch"] == self.epochs:
            self._say(record)

    def close(self) -> None:
        if self.unsaid is not None:
            self._say(self.unsaid)

    def _say(self, record: Mapping[str, Any]) -> None:
        epoch = record["epoch"]
        words = [f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}", *_numbers(record)]
        if epoch < self.epochs:
            each = (time.monotonic() - self.started) / max(epoch - self.done, 1)
            words.append(f"{duration(each * (self.epochs - epoch))} left")
        print("  ".join(words), file=sys.stderr, flush=True)
        self.unsaid = None


class Bar:
    """Draws tqdm's bar."""

    def __init__(self, epochs: int, done: int):
        from tqdm import tqdm

        self.bar = tqdm(total=epochs, initial=done, unit="epoch", file=sys.stderr)

    def show(self, record: Mapping[str, Any]) -> None:
        self.bar.set_postfix_str("  ".join(_numbers(record)), refresh=False)
        self.bar.update(1)

    def close(self) -> None:
        self.bar.close()


def progress_of(wanted: bool, epochs: int, done: int) -> Silent | Lines | Bar:
    """Return what shows the progress of a run of which ``done`` epochs are done."""
    if not wanted:
        return Silent()
    return Bar(epochs, done) if has_tqdm() else Lines(epochs, done)


def has_tqdm() -> bool:
    return importlib.util.find_spec("tqdm") is not None


def _numbers(record: Mapping[str, Any]) -> list[str]:
    return [f"{name} {value:.4g}" for name, value in record.items() if name != "epoch"]


def duration(seconds: float) -> str:
    """Return a time as people say it: ``2.5 s``, ``3 min 20 s``, ``1 h 5 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
