"""Where the user's code stands while it is traced.

Invariant: the place is the innermost frame that is neither symgrad's nor NumPy's.
"""

from __future__ import annotations

import sys
from typing import Any

from symgrad.errors import Location, is_users
from symgrad.graph import Origin
from symgrad.stage import holds_source, is_one_expression


def _user_frame(frame: Any) -> Any:
    """Return the innermost frame, from ``frame`` on, that is neither symgrad's nor NumPy's."""
    while frame is not None:
        if is_users(frame):
            return frame
        frame = frame.f_back
    return None


def user_location() -> Location | None:
    """Return the file and line of the user's code that runs."""
    frame = _user_frame(sys._getframe(1))
    return Location(frame.f_code.co_filename, frame.f_lineno) if frame else None


def user_origin() -> Origin | None:
    """Return the code and instruction that run, from which a line is looked up if asked for."""
    frame = _user_frame(sys._getframe(1))
    if frame is None:
        return None
    outer = frame
    while is_one_expression(outer.f_code):
        above = _user_frame(outer.f_back)
        if above is None or not holds_source(above.f_code):
            break
        outer = above
    if outer is frame:
        return Origin(frame.f_code, frame.f_lasti)
    return Origin(frame.f_code, frame.f_lasti, caller=(outer.f_code, outer.f_lasti))
