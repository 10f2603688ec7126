"""How it is known that a claim is right: at how many points it was compared."""

from __future__ import annotations

from symgrad.study.judge.judging import Judge


def proof(judge: Judge, is_exact: bool) -> str:
    """Return in words how far equality was checked."""
    sizes = {point.sizes for point in judge.points}
    return f"equal at {len(judge.points)} random points of {len(sizes)} size(s)"
