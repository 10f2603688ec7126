"""Cells of a CSV file that a spreadsheet shows and does not evaluate."""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for one


def harmless(text: str) -> str:
    """Return a text, behind an apostrophe if it begins as a formula does."""
    return f"'{text}" if text.startswith(FORMULA) else text
