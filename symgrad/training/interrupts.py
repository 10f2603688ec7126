"""Ctrl-C while training: noted first, so that the run can end where it can go on."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interrupts:
    """Notes the first Ctrl-C; the second is a KeyboardInterrupt, as ever.

    Outside the main thread Python sends no signal, and nothing is noted; nor is it where the
    program was started so that it ignores Ctrl-C.
    """

    def __init__(self) -> None:
        self.is_wanted = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        if threading.current_thread() is threading.main_thread() and not is_ignored:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.is_wanted:
            raise KeyboardInterrupt
        self.is_wanted = True

    def __exit__(self, *_: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
