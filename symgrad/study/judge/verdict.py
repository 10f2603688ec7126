"""What the judge says: a verdict that a program can ask and a person can read.

Given findings, print them as text, JSON or HTML.  Invariant: whatever comes from a claim or a
function is escaped where it is shown.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.study.plain_data import plain_data

MISSING_ANSWER = "missing answer"
MOST_SHOWN = 12  # elements of an array that are worth reading


@dataclass(frozen=True)
class Verdict:
    """Whether a claimed gradient is right; true in a condition if it is.

    ``outcome`` is ``equal``, ``equal up to layout`` or ``different``.  Where only the layout
    differs (a transposed matrix, a column for a row, an outer product), ``layout`` says how, and
    ``code`` is array code of the gradient's own shape.  Such a claim counts as ``equal`` if it is
    mathematics, and not if it is code, since in code the shape is part of the answer.  ``proof``
    says how equality is known.  Of a
    claim that is wrong ``mistake`` names the likely mistake (None if no single edit explains it),
    ``advice`` says it in a sentence with the ``correction`` of ``line``, and ``counterexample``
    holds arguments at which the ``claimed`` and the ``true`` value of ``answer`` differ.
    """

    function: str
    equal: bool
    proof: str = ""
    layout: str = ""
    code: str = ""
    mistake: str | None = None
    advice: str = ""
    line: int | None = None
    text: str = ""
    correction: str = ""
    intermediate: str = ""
    answer: str = ""
    counterexample: Mapping[str, Any] | None = None
    claimed: Any = None
    true: Any = None
    reason: str = ""
    given: tuple[str, ...] = ()
    more: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

    def __bool__(self) -> bool:
        return self.equal

    @property
    def outcome(self) -> str:
        """``equal``, ``equal up to layout`` or ``different``."""
        if self.layout:
            return "equal up to layout"
        return "equal" if self.equal else "different"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def __repr__(self) -> str:
        mistake = f": {self.mistake}" if self.mistake else ""
        return f"<symgrad.Verdict {self.outcome}{mistake}>"

    def _lines(self) -> list[str]:
        if self.equal:
            lines = [f"{self.outcome}: {self.layout or self.proof}"]
            lines += [self.proof] if self.layout else []
            lines += [f"  in array code: {line}" for line in self.code.splitlines()]
            return lines + self._given()
        mistake = f" ({self.mistake})" if self.mistake else ""
        if self.layout:
            lines = [f"{self.outcome}, but not in shape: {self.layout}{mistake}"]
            lines += [f"  in array code: {line}" for line in self.code.splitlines()]
        else:
            what = "is missing" if self.mistake == MISSING_ANSWER else f"is wrong{mistake}"
            lines = [f"different: d{self.answer} {what}"]
        if self.line is not None:
            lines.append(f"  line {self.line}: {self.text}")
        lines += [f"  {self.advice}"] if self.advice else []
        lines += [f"  {line}" for line in self.more]
        if self.reason:
            lines.append(f"  the claim has no value: {self.reason}")
        if self.counterexample is not None:
            lines += ["  for example at"]
            lines += [f"    {k} = {shown(v)}" for k, v in self.counterexample.items()]
            if not self.reason:
                lines.append(f"  the claim is d{self.answer} = {shown(self.claimed)}")
            lines.append(f"  and the truth d{self.answer} = {shown(self.true)}")
        return lines + self._given()

    def _given(self) -> list[str]:
        notes = [f"  {note}" for note in self.notes]
        if not self.given:
            return notes
        names = ", ".join(self.given)
        return [f"  taken from the function, as the claim does not define it: {names}", *notes]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        example = self.counterexample
        return {
            "function": self.function,
            "verdict": self.outcome,
            "equal": self.equal,
            "proof": self.proof,
            "layout": self.layout,
            "code": self.code,
            "mistake": self.mistake,
            "advice": self.advice,
            "line": self.line,
            "text": self.text,
            "correction": self.correction,
            "intermediate": self.intermediate,
            "answer": self.answer,
            "counterexample": None
            if example is None
            else {k: plain_data(v) for k, v in example.items()},
            "claimed": plain_data(self.claimed),
            "true": plain_data(self.true),
            "reason": self.reason,
            "given": list(self.given),
            "more": list(self.more),
            "notes": list(self.notes),
            "feedback": str(self),
        }

    def json(self) -> str:
        """Return everything as JSON text; what is not finite is a text."""
        return json.dumps(self.as_dict(), indent=2, allow_nan=False)

    def _repr_html_(self) -> str:
        first, *rest = self._lines()
        mark = "✓" if self.equal else "✗"
        body = f"\n<pre>{html.escape(chr(10).join(rest))}</pre>" if rest else ""
        return f"<div><p><b>{mark} {html.escape(first)}</b></p>{body}</div>"


def shown(value: Any) -> str:
    """Return a value in one line, arrays by shape and, if they are small, their elements."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k!r}: {shown(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(shown(v) for v in value) + "]"
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.6g}"
    if isinstance(value, np.ndarray):
        if value.size > MOST_SHOWN:
            first = shown(value.reshape(-1)[:4])
            return f"an array of shape {value.shape} that begins {first}"
        if value.dtype.kind not in "fiub":
            return f"an array of shape {value.shape}"
        text = np.array2string(value, precision=4, separator=", ", suppress_small=True)
        return " ".join(text.split())
    return repr(value)
