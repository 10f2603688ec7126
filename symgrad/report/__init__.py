"""What was done to a function and why, what it costs, and what was checked: for people and tools.

`Report` prints as text, `markdown()` and `json()`.  What costs nothing to tell is a snapshot; the
costs are worked out when they are first asked for.  Invariant: the same program and sizes give
the same bytes in every process.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symgrad.dims import Guard
from symgrad.emit import ModuleWriter
from symgrad.errors import Location
from symgrad.graph import Sym
from symgrad.report.amounts import Amount, Amounts
from symgrad.report.costs import Cost, OpCost, Residual, Residuals, cost_of, residuals_of
from symgrad.report.layout import Section, as_html, as_markdown, as_text

if TYPE_CHECKING:
    from symgrad.specialise import Specialisation


FUNCTIONS = ("forward", "backward", "value_and_grad")


@dataclass(frozen=True, slots=True)
class FiredLaw:
    """A law that changed what the user wrote: its kind, why it is there, and the user's line."""

    law: str
    kind: str
    reason: str
    location: Location | None


@dataclass(frozen=True, repr=False)
class Report:
    """What was done and why, for one specialisation of a function.

    Costs: ``functions`` maps ``forward``, ``backward`` and ``value_and_grad`` to `Cost`,
    ``residuals`` are what `forward` keeps.  Why: ``laws`` that changed the user's computation,
    ``kinks`` on the way from ``wrt`` to the value, ``loops`` written out, sizes and values that
    are ``guards`` or ``fixed``, ``captured`` variables, source that was ``unread``.  ``check``
    says how the emitted functions compared with the user's own.
    """

    name: str
    operations: int
    sizes: Mapping[str, int | None]
    laws: tuple[FiredLaw, ...]
    loops: tuple[str, ...]
    kinks: tuple[Any, ...]
    guards: tuple[str, ...]
    fixed: tuple[str, ...]
    captured: tuple[str, ...]
    unread: tuple[str, ...]
    check: str
    _made: Specialisation = dataclasses.field(compare=False)

    @classmethod
    def of(cls, made: Specialisation) -> Report:
        traced = made.traced
        return cls(
            made.name,
            len(traced.graph.equations),
            Amounts(made.primal).sizes(),
            tuple(FiredLaw(f.law, f.rule.kind, f.rule.reason, f.location) for f in made.firings),
            tuple(
                f"{at(x.location)}: {x.rounds} rounds written out, {x.equations} operations"
                for x in traced.loops
            ),
            made.kinks,
            tuple(map(_guard, made.guards)),
            tuple(
                [f"{name} is fixed to {value!r}" for (name, _), value in traced.fixed.items()]
                + [f"a size is fixed by {at(place)}" for place in traced.specialised_at]
            ),
            tuple(c.name for c in made.captures),
            tuple(traced.unread),
            "; ".join(dict.fromkeys(made.check_notes)) or "not run yet",
            made,
        )

    @functools.cached_property
    def _costs(self) -> tuple[dict[str, Cost], Residuals]:
        # The stages are run once more: a compilation that nobody asks about keeps nothing.
        made = self._made
        in_halves, in_whole = Counter[str](), Counter[str]()
        writer = ModuleWriter(made.interface)
        schedule, _ = made.write_halves(writer, in_halves)
        made.write_whole(writer, in_whole)
        kept = [x for x in schedule.residuals if isinstance(x, Sym)]
        forward, backward, whole = (writer.writers[name] for name in FUNCTIONS)
        costs = {
            "forward": cost_of(forward.plan, kept, Counter()),
            "backward": cost_of(backward.plan, (), in_halves),
            "value_and_grad": cost_of(whole.plan, (), in_whole),
        }
        names = [forward.name(x) for x in kept]
        return costs, residuals_of(schedule.forward, kept, names)

    @property
    def functions(self) -> Mapping[str, Cost]:
        """What each emitted function costs, by its name."""
        return self._costs[0]

    @property
    def residuals(self) -> Residuals:
        """What `forward` keeps for `backward`."""
        return self._costs[1]

    @property
    def derivative_laws(self) -> Mapping[str, Mapping[str, int]]:
        """The laws that simplified the gradient, each with how often, by function."""
        laws = sorted({law for cost in self.functions.values() for law, _ in cost.laws})
        return {
            law: {
                name: dict(cost.laws)[law]
                for name, cost in self.functions.items()
                if law in dict(cost.laws)
            }
            for law in laws
        }

    # --- as text

    def __repr__(self) -> str:
        return f"{as_text(self._title, self._sections())}\ncheck: {self.check}"

    def markdown(self) -> str:
        """Return the report in Markdown, with tables."""
        return f"{as_markdown(self._title, self._sections())}\n**Check:** {self.check}\n"

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        return as_html([*self._sections(), Section("check", ("check",), [(self.check,)])])

    @property
    def _title(self) -> str:
        known = [f"{name} = {n}" for name, n in self.sizes.items() if n is not None]
        return f"{self.name}: {self.operations} operations traced" + (
            f" with {', '.join(known)}" if known else ""
        )

    def _sections(self) -> list[Section]:
        kept, lists = self.residuals, [
            ("loops written out", self.loops),
            ("guards", self.guards),
            ("fixed", self.fixed),
            ("captured", self.captured),
            ("source not readable", self.unread),
        ]  # fmt: skip
        additional = ", ".join(r.name for r in kept.kept if r.is_additional)
        return [
            Section(
                "emitted functions",
                ("function", "operations", "flops", "transcendentals", "bytes accessed", "peak"),
                [(name, *_cost_cells(cost)) for name, cost in self.functions.items()],
                ("function", "flops", "transcendentals", "bytes accessed"),
            ),
            Section(
                "residuals",
                ("residuals", "bytes", "values"),
                [
                    ("all", str(kept.total), ", ".join(r.name for r in kept.kept)),
                    ("additional", str(kept.additional), additional),
                ],
                ("bytes", "values"),
            ),
            Section(
                "laws",
                ("law", "kind", "line", "reason"),
                [(law.law, law.kind, at(law.location), law.reason) for law in self.laws],
                ("law", "line"),
            ),
            Section(
                "laws of derivatives",
                ("law", "times"),
                [
                    (law, ", ".join(f"{name} {n}" for name, n in times.items()))
                    for law, times in self.derivative_laws.items()
                ],
                ("law",),
            ),
            Section(
                "kinks, and the derivative there",
                ("op", "derivative", "line"),
                [(kink.op, kink.convention, at(kink.location)) for kink in self.kinks],
                ("op", "line"),
            ),
            *(Section(title, (title,), [(item,) for item in items]) for title, items in lists),
        ]

    # --- as data

    def json(self) -> str:
        """Return the report as JSON; what its keys hold says `as_dict`."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data.

        An amount is ``{"formula", "traced"}``: Python over the names in ``sizes``, and its value
        at the sizes of the example (null without one).  A line is ``{"file", "line", "text"}`` or
        null.

        - ``name``, ``operations``: the function, and how many operations were traced
        - ``sizes``: the names of the arguments' sizes, and the example's
        - ``functions``: for ``forward``, ``backward`` and ``value_and_grad`` the ``operations``
          (of NumPy's, without views); the amounts ``flops``, ``transcendentals`` and
          ``bytes_accessed``; ``peak_bytes`` (arguments apart, an upper bound); and ``by_op`` with
          ``times``, ``flops`` and ``transcendentals`` of each op
        - ``residuals``: the amounts ``total`` and ``additional`` (beside the arguments), and
          ``kept``: each value's ``name``, ``shape``, ``dtype``, ``bytes`` and ``additional``
        - ``laws``: each ``law`` that changed the function's own computation, its ``kind``, the
          ``reason``, and the user's line as ``at``
        - ``derivative_laws``: how often each was used, by function
        - ``kinks``: the ``op``, the ``derivative`` taken there, and the user's line as ``at``
        - ``loops``, ``guards``, ``fixed``, ``captured``, ``unread``, ``check``: sentences
        """
        return {
            "name": self.name,
            "operations": self.operations,
            "sizes": dict(self.sizes),
            "functions": {name: _cost_dict(cost) for name, cost in self.functions.items()},
            "residuals": {
                "total": self.residuals.total.as_dict(),
                "additional": self.residuals.additional.as_dict(),
                "kept": [_residual_dict(r) for r in self.residuals.kept],
            },
            "laws": [
                {"law": f.law, "kind": f.kind, "reason": f.reason, "at": _line(f.location)}
                for f in self.laws
            ],
            "derivative_laws": {law: dict(times) for law, times in self.derivative_laws.items()},
            "kinks": [
                {"op": k.op, "derivative": k.convention, "at": _line(k.location)}
                for k in self.kinks
            ],
            "loops": list(self.loops),
            "guards": list(self.guards),
            "fixed": list(self.fixed),
            "captured": list(self.captured),
            "unread": list(self.unread),
            "check": self.check.split("; "),
        }


def at(location: Location | None) -> str:
    """Return the user's line as text, without what differs between machines."""
    if location is None:
        return "code without a source"
    text = location.text
    return f"{_file(location)}:{location.line}" + (f": {text}" if text else "")


def _guard(guard: Guard) -> str:
    plain = str(replace(guard, location=None))
    return f"{plain} ({at(guard.location)})" if guard.location else plain


def _file(location: Location) -> str:
    # Never an absolute path: notebooks have one of their own for each process.
    path = Path(location.file)
    if path.is_absolute():
        here = Path.cwd()
        path = path.relative_to(here) if path.is_relative_to(here) else Path(path.name)
    return path.as_posix()


def _line(location: Location | None) -> dict[str, Any] | None:
    if location is None:
        return None
    return {"file": _file(location), "line": location.line, "text": location.text}


def _cost_cells(cost: Cost) -> Sequence[str]:
    ops = ", ".join(f"{c.times} {c.op}" for c in cost.by_op)
    peak = "unknown without an example" if cost.peak is None else f"{cost.peak:,} bytes"
    amounts = cost.flops, cost.transcendentals, cost.bytes_accessed
    return f"{cost.operations}" + (f": {ops}" if ops else ""), *map(str, amounts), peak


def _cost_dict(cost: Cost) -> dict[str, Any]:
    return {
        "operations": cost.operations,
        "flops": cost.flops.as_dict(),
        "transcendentals": cost.transcendentals.as_dict(),
        "bytes_accessed": cost.bytes_accessed.as_dict(),
        "peak_bytes": cost.peak,
        "by_op": {c.op: _op_dict(c) for c in cost.by_op},
    }


def _op_dict(cost: OpCost) -> dict[str, Any]:
    return {
        "times": cost.times,
        "flops": cost.flops.as_dict(),
        "transcendentals": cost.transcendentals.as_dict(),
    }


def _residual_dict(r: Residual) -> dict[str, Any]:
    return {
        "name": r.name, "shape": r.shape, "dtype": r.dtype,
        "bytes": r.size.as_dict(), "additional": r.is_additional,
    }  # fmt: skip


__all__ = ["Amount", "Cost", "FiredLaw", "OpCost", "Report", "Residual", "Residuals"]
