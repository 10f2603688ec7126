"""The log of a run: one JSON line an epoch, always those of the history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from symgrad.training.checkpoints import replace_file


class Log:
    """A file of JSON lines; ``target`` is its path, or something with a write method."""

    def __init__(self, target: Any, history: list[dict[str, Any]]):
        self.is_path = target is not None and not hasattr(target, "write")
        self.target, self.file = target, target
        if self.is_path:
            lines = "".join(json.dumps(record) + "\n" for record in history)
            replace_file(Path(target), lines.encode())

    def __enter__(self) -> Log:
        if self.is_path:
            self.file = open(self.target, "a", encoding="utf-8")
        return self

    def write(self, record: dict[str, Any]) -> None:
        if self.file is not None:
            self.file.write(json.dumps(record) + "\n")
            self.file.flush()

    def __exit__(self, *_: Any) -> None:
        if self.is_path:
            self.file.close()
