"""Ctrl-C while training: noted first, so that the run can end where it can go on."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interrupts:
    """Notes the first Ctrl-C; the second is a KeyboardInterrupt, as ever.

    Outside the main thread Python sends no signal, and nothing is noted.
    """

    def __init__(self) -> None:
        self.is_wanted = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.is_wanted:
            raise KeyboardInterrupt
        self.is_wanted = True

    def __exit__(self, *_: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
