"""Where the user's code stands while it is traced.

Invariant: the place is the innermost frame that is neither symgrad's nor NumPy's.
"""

from __future__ import annotations

import sys
from typing import Any

from symgrad.errors import Location, is_users
from symgrad.graph import Origin


def _user_frame() -> Any:
    """Return the innermost frame that is neither symgrad's nor NumPy's."""
    frame = sys._getframe(1)
    while frame is not None:
        if is_users(frame):
            return frame
        frame = frame.f_back  # type: ignore[assignment]
    return None


def user_location() -> Location | None:
    """Return the file and line of the user's code that runs."""
    frame = _user_frame()
    return Location(frame.f_code.co_filename, frame.f_lineno) if frame else None


def user_origin() -> Origin | None:
    """Return the code and instruction that run, from which a line is looked up if asked for."""
    frame = _user_frame()
    return Origin(frame.f_code, frame.f_lasti) if frame is not None else None
