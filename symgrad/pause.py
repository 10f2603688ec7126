"""Keep Python's cyclic garbage collector off while a graph is built.

Invariant: where the user switched it off it stays off, however compilations overlap or end.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PAUSE = threading.Lock()
_PAUSED = 0
_WAS_ON = False


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the cyclic garbage collector: a graph is many small objects and no garbage."""
    global _PAUSED, _WAS_ON
    with _PAUSE:
        if not _PAUSED:
            _WAS_ON = gc.isenabled()
        _PAUSED += 1
        gc.disable()
    try:
        yield
    finally:
        with _PAUSE:
            _PAUSED -= 1
            if _WAS_ON and not _PAUSED:
                gc.enable()
