"""Make the emitted text run: in memory, with lines that a debugger and a traceback can show.

Given the text of functions, return them.  Invariant: nothing is written to disk; only text that
`symgrad.emit` made is executed, never text of the user's.
"""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Callable
from types import ModuleType
from typing import Any


def load(source: str, name: str) -> ModuleType:
    """Execute emitted ``source`` as a module whose text `linecache` can show."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    filename = f"<symgrad {name} {digest}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = ModuleType(f"{name}_{digest}")
    exec(compile(source, filename, "exec"), module.__dict__)
    return module


def load_function(source: str, module_name: str, function: str) -> Callable[..., Any]:
    """Return one function of an emitted module."""
    return getattr(load(source, module_name), function)  # type: ignore[no-any-return]
