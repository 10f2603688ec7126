"""Every error a user can meet: what happened, where in their code, what to do.

Each class also specialises the built-in exception that plain NumPy code would raise, so
``except ValueError`` keeps working.  Nothing here imports NumPy, SymPy or Jinja.
"""

from __future__ import annotations

import difflib
import linecache
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import Any, TypeVar

_WITNESS: ContextVar[list[SymgradError] | None] = ContextVar("symgrad refusals", default=None)


@contextmanager
def witnessed() -> Iterator[list[SymgradError]]:
    """Collect the errors made inside, so that a user's ``except`` cannot swallow a refusal."""
    refusals: list[SymgradError] = []
    token = _WITNESS.set(refusals)
    try:
        yield refusals
    finally:
        _WITNESS.reset(token)


class SymgradError(Exception):
    """Base of all errors that symgrad raises on purpose.

    ``location`` is the user's line; whoever knows it last fills it in, unless it is known.
    """

    location: Location | None = None

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        witness = _WITNESS.get()
        if witness is not None:
            witness.append(self)

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}\n  in {self.location}" if self.location else text


class TraceError(SymgradError, TypeError):
    """The function does something that cannot be traced exactly."""


class ShapeError(SymgradError, ValueError):
    """Two shapes do not fit each other."""


class MissingRuleError(SymgradError, NotImplementedError):
    """A derivative is needed through an operation that has none."""


class SpecError(SymgradError, ValueError):
    """Specs, annotations or names given to symgrad do not make sense."""


class WrtError(SymgradError, ValueError):
    """`wrt` names something that cannot be differentiated by."""


class ClaimError(SymgradError, ValueError):
    """A claimed gradient cannot be read: it is not in the language of claims."""


class ArgumentError(SymgradError, TypeError):
    """A call passes arguments that the compiled function does not take."""


class LossError(SymgradError, ValueError):
    """The value to differentiate is not one real number."""


class KinkError(SymgradError, ValueError):
    """The function has a kink on the way to its value, and ``kinks="raise"`` forbids that."""


class DataError(SymgradError, ValueError):
    """Data to train on cannot be read, or is not what the function takes."""


class CheckpointError(SymgradError, ValueError):
    """A checkpoint is damaged, or belongs to another run."""


class CheckError(SymgradError, ArithmeticError):
    """The emitted code and the user's own function disagree."""


class NotFiniteError(SymgradError, ArithmeticError):
    """A number is infinite or NaN where training needs it finite."""


class DivergenceError(NotFiniteError):
    """Training met a value that is not finite.

    ``history`` holds the epochs before, ``params`` the parameters that gave the value.
    """

    history: list[dict[str, Any]]
    params: Any


class ExtraError(SymgradError, ImportError):
    """A library that symgrad does not depend on is needed, and not installed."""


class GraphError(SymgradError, AssertionError):
    """A graph breaks an invariant: a bug in symgrad, never in the user's code."""


class TemplateError(SymgradError, FileNotFoundError):
    """The templates that print the module were not found."""


class SymgradWarning(UserWarning):
    """Something legal that is almost always a mistake."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in the user's source."""

    file: str
    line: int

    @classmethod
    def of(cls, code: CodeType, lasti: int) -> Location:
        """Return where ``code`` stands at instruction ``lasti`` (slow: for messages only)."""
        for start, end, line in code.co_lines():
            if start <= lasti < end and line is not None:
                return cls(code.co_filename, line)
        return cls(code.co_filename, code.co_firstlineno)

    @property
    def text(self) -> str:
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        here = os.getcwd() + os.sep
        file = self.file.removeprefix(here)
        return f"{file}:{self.line}" + (f": {self.text}" if self.text else "")


_NOT_USERS = frozenset({"symgrad", "numpy", "functools", "contextlib"})

# Plain NumPy functions of ours: they are read and traced as if the user had written them.
LIKE_THE_USERS = frozenset({"symgrad.losses", "symgrad.nn"})


def is_users(frame: FrameType) -> bool:
    """Return whether a frame runs the user's code, and so is a place to show."""
    module = frame.f_globals.get("__name__", "")
    return module.partition(".")[0] not in _NOT_USERS or module in LIKE_THE_USERS


_Error = TypeVar("_Error", bound=SymgradError)


def located(error: _Error, location: Location | None) -> _Error:
    """Return ``error`` with the user's line that it belongs to."""
    error.location = location
    return error


@contextmanager
def locating(otherwise: CodeType | None) -> Iterator[None]:
    """Give errors from within the user's line that led to them, or where ``otherwise`` begins."""
    try:
        yield
    except Exception as raised:
        error = _ours(raised)
        if error is None:
            raise
        if error.location is None:
            error.location = _user_line(error.__traceback__)
        if error.location is None and otherwise is not None:
            error.location = Location(otherwise.co_filename, otherwise.co_firstlineno)
        raise error from None


def _ours(error: BaseException | None) -> SymgradError | None:
    """Return the error of ours that NumPy, or the user's code, turned into this one."""
    while error is not None and not isinstance(error, SymgradError):
        error = error.__cause__ or error.__context__
    return error


def _user_line(traceback: TracebackType | None) -> Location | None:
    found = None
    while traceback is not None:
        if is_users(traceback.tb_frame):
            found = Location(traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean `x`?)`` for the closest known word, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.75)
    return f" (did you mean `{close[0]}`?)" if close else ""
