"""What was done to a function and why, as text for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symgrad.specialise import Specialisation


@dataclass(frozen=True, slots=True)
class Report:
    """Counts, laws that fired, unrolled loops, kinks, guards and the checks of the first calls."""

    name: str
    operations: int
    laws: tuple[str, ...]
    loops: tuple[str, ...]
    kinks: tuple[str, ...]
    guards: tuple[str, ...]
    fixed: tuple[str, ...]
    captured: tuple[str, ...]
    unread: tuple[str, ...]
    check: str

    @classmethod
    def of(cls, made: Specialisation) -> Report:
        traced = made.traced
        return cls(
            made.name,
            len(traced.graph.equations),
            tuple(f"{f.law}" + (f" ({f.location})" if f.location else "") for f in made.firings),
            tuple(
                f"{loop.location}: {loop.rounds} rounds written out, {loop.equations} operations"
                for loop in traced.loops
            ),
            tuple(dict.fromkeys(made.kinks)),
            tuple(map(str, made.guards)),
            tuple(
                [f"{name} is fixed to {value!r}" for (name, _), value in traced.fixed.items()]
                + [f"a size is fixed by {place}" for place in traced.specialised_at]
            ),
            tuple(c.name for c in made.captures),
            tuple(traced.unread),
            "; ".join(dict.fromkeys(made.check_notes)) or "not run yet",
        )

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.operations} operations traced"]
        for title, items in (
            ("laws", self.laws),
            ("loops written out", self.loops),
            ("kinks, and the derivative there", self.kinks),
            ("guards", self.guards),
            ("fixed", self.fixed),
            ("captured", self.captured),
            ("source not readable", self.unread),
        ):
            if items:
                lines.append(f"{title}:")
                lines += [f"  {item}" for item in items]
        lines.append(f"check: {self.check}")
        return "\n".join(lines)
