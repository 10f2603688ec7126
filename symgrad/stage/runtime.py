"""The relay between staged code and whoever listens to it.

Given: the events of a staged function (a call, a bound name, a read of a captured variable, an
attribute, an iteration).  Returned: what plain Python would give, or what the run-time object
of the current context makes of it.  Invariant: staged code holds `RELAY` as a constant and
nothing else, so it belongs to no trace, no thread and no module.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol


class Runtime(Protocol):
    """What a trace must answer while staged code runs."""

    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Return ``function(*args, **kwargs)``."""

    def name(self, name: str, value: Any) -> Any:
        """Return the value to keep under the local ``name``."""

    def load(self, name: str, read: Callable[[], Any]) -> Any:
        """Return the global or captured variable ``name``; ``read()`` gives its value, also later.

        ``read.__closure__`` tells a captured variable (its cell) from a global (None, and then
        ``read.__globals__``).
        """

    def attribute(self, owner: Any, name: str) -> Any:
        """Return ``owner.name``; a private name comes mangled."""

    def iterate(self, iterable: Any, line: int) -> Iterable[Any]:
        """Return what the loop or comprehension on ``line`` runs over."""


_active: ContextVar[Runtime | None] = ContextVar("symgrad_runtime", default=None)


@contextmanager
def use(runtime: Runtime | None) -> Iterator[None]:
    """Send the events of staged code in this context to ``runtime``; None means plain Python."""
    token = _active.set(runtime)
    try:
        yield
    finally:
        _active.reset(token)


class Relay:
    """Pass every event on to the active run-time, or do what plain Python does.

    `call` and `attribute` are properties, so that no frame of ours stands between the user's
    frames: tracebacks stay short and deep recursion stays possible.  The price: the run-time of
    a call is looked up before its arguments, so one that suspends there (`f((yield))`) and
    resumes in another context reports to the context in which it began.
    """

    __slots__ = ()

    @property
    def call(self) -> Callable[..., Any]:
        runtime = _active.get()
        return operator.call if runtime is None else runtime.call

    @property
    def attribute(self) -> Callable[[Any, str], Any]:
        runtime = _active.get()
        return getattr if runtime is None else runtime.attribute

    def name(self, name: str, value: Any) -> Any:
        runtime = _active.get()
        return value if runtime is None else runtime.name(name, value)

    def load(self, name: str, read: Callable[[], Any]) -> Any:
        runtime = _active.get()
        return read() if runtime is None or _is_builtin(read) else runtime.load(name, read)

    def load_in_class(self, name: str, value: Any, read: Callable[[], Any]) -> Any:
        """Pass on a read in a class body, whose namespace (``__prepare__``) may shadow ``read``."""
        runtime = _active.get()
        shadowed = runtime is None or _is_builtin(read) or not _gives(read, value)
        return value if runtime is None or shadowed else runtime.load(name, read)

    def iterate(self, iterable: Any, line: int) -> Iterable[Any]:
        runtime = _active.get()
        return iterable if runtime is None else runtime.iterate(iterable, line)

    def __repr__(self) -> str:
        return "<symgrad relay>"


RELAY = Relay()


def _is_builtin(read: Any) -> bool:
    """Tell whether ``lambda: X`` finds X among the builtins (asked at run time: X may change)."""
    return not read.__closure__ and read.__code__.co_names[0] not in read.__globals__


def _gives(read: Callable[[], Any], value: Any) -> bool:
    try:
        return read() is value
    except NameError:
        return False
