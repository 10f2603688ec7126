"""A picture as text for other programs: DOT (Graphviz), Mermaid, JSON.

Given a sketch (and its circuit for JSON), return text.  Invariant: whatever a name holds, it stays
inside the quotes it is written in.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from symgrad.study.circuit import Circuit
from symgrad.study.picture.sketch import Frame, Link, Part, Row, Sketch

RESULT = "result"


def words(row: Row) -> str:
    return " ".join(run.text for run in row)


class _Shown:
    """The words of a sketch as one frame shows them."""

    def __init__(self, sketch: Sketch, frame: Frame) -> None:
        self.sketch, self.frame = sketch, frame

    def at_exit(self, index: int) -> list[str]:
        part = self.sketch.parts[index]
        below = [words(row) for row in part.exit.below] if index in self.frame.parts else []
        return [row for row in [words(part.exit.above), *below] if row]

    def on_link(self, index: int) -> list[str]:
        """Return the words of a wire: the value, and what flows back on this very wire."""
        link = self.sketch.links[index]
        if link.label is None:
            rows = self.at_exit(link.source)
            return rows if link.edge is not None else rows[:1]
        below = [words(row) for row in link.label.below] if index in self.frame.links else []
        return [*self.at_exit(link.source)[:1], *below]

    def ends(self) -> list[int]:
        """Return the parts that nothing reads: the output."""
        read = {link.source for link in self.sketch.links}
        return [k for k in range(len(self.sketch.parts)) if k not in read]


def heading(part: Part) -> list[str]:
    times = f" × {part.times}" if part.times > 1 else ""
    return [part.heading + times] if part.heading else []


# --- DOT

SHAPES = {"input": "plaintext", "gate": "circle", "block": "box"}


def dot(sketch: Sketch, frame: Frame) -> str:
    """Return the picture in the language of Graphviz."""
    shown = _Shown(sketch, frame)
    lines = [f"digraph {_dot([sketch.title])} {{", "  rankdir=LR;", "  node [fontsize=12];"]
    for k, part in enumerate(sketch.parts):
        shape = "box" if part.look == "gate" and not part.is_round else SHAPES[part.look]
        style = ', style="rounded"' if shape == "box" else ""
        label = _dot([*heading(part), *part.rows])
        lines.append(f"  n{k} [label={label}, shape={shape}{style}, tooltip={_dot([part.about])}];")
    for k, link in enumerate(sketch.links):
        lines.append(f"  n{link.source} -> n{link.target} [label={_dot(shown.on_link(k))}];")
    for k in shown.ends():
        lines.append(f'  {RESULT}{k} [label="", shape=none, width=0];')
        lines.append(f"  n{k} -> {RESULT}{k} [label={_dot(shown.at_exit(k))}];")
    return "\n".join([*lines, "}"]) + "\n"


def _dot(rows: Iterable[str]) -> str:
    """Return a quoted string.  Graphviz reads ``\\`` and ``&amp;`` inside of one."""
    escaped = (
        row.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;").replace("\n", " ")
        for row in rows
    )
    return '"' + "\\n".join(re.sub(r"[\x00-\x1f\x7f]", " ", row) for row in escaped) + '"'


# --- Mermaid

BRACKETS = {"input": ("[", "]"), "gate": ("((", "))"), "block": ("[", "]")}


def mermaid(sketch: Sketch, frame: Frame) -> str:
    """Return the picture in the language that Markdown pages draw."""
    shown = _Shown(sketch, frame)
    lines = ["flowchart LR"]
    for k, part in enumerate(sketch.parts):
        left, right = BRACKETS[part.look]
        lines.append(f"  n{k}{left}{_mermaid([*heading(part), *part.rows])}{right}")
    for k, link in enumerate(sketch.links):
        lines.append(f"  n{link.source} -- {_mermaid(shown.on_link(k))} --> n{link.target}")
    for k in shown.ends():
        lines.append(f"  n{k} -- {_mermaid(shown.at_exit(k))} --> {RESULT}{k}[{_mermaid([' '])}]")
    inputs = [f"n{k}" for k, part in enumerate(sketch.parts) if part.look == "input"]
    ends = [f"{RESULT}{k}" for k in shown.ends()]
    lines.append("  classDef plain fill:none,stroke:none")
    lines.append(f"  class {','.join([*inputs, *ends])} plain")
    return "\n".join(lines) + "\n"


def _mermaid(rows: Iterable[str]) -> str:
    """Return a quoted string; what Mermaid or HTML could read as more than text gets a code."""
    safe = re.compile(r"[^\w .,+\-×÷−=()/|²³…]")
    return '"' + "<br>".join(safe.sub(lambda m: f"#{ord(m[0])};", row) for row in rows) + '"'


# --- JSON


def as_json(found: Circuit, sketch: Sketch, frame: Frame) -> str:
    """Return the picture's parts and links with their numbers; arrays by their shapes."""
    place = {part.node: k for k, part in enumerate(sketch.parts)}
    data = {
        "title": sketch.title,
        "function": found.name,
        "level": found.level,
        "frame": frame.number,
        "caption": list(frame.caption),
        "output": place[found.output],
        "nodes": [_part(found, part, k in frame.parts) for k, part in enumerate(sketch.parts)],
        "edges": [_link(found, link, k in frame.links) for k, link in enumerate(sketch.links)],
    }
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _part(found: Circuit, part: Part, shown: bool) -> dict[str, Any]:
    node = found.nodes[part.node]
    return {
        "name": node.name,
        "kind": part.look,
        "op": node.op,
        "text": node.text,
        "label": [*heading(part), *part.rows],
        "times": part.times,
        "shape": list(found.wording.shape(node.symbol)),
        "value": _number(node.value),
        "gradient": _number(node.upstream) if shown else None,
        "flows": node.upstream is not None,
        "line": node.location.line if node.location is not None else None,
        "note": part.note,
    }


def _link(found: Circuit, link: Link, shown: bool) -> dict[str, Any]:
    data: dict[str, Any] = {"source": link.source, "target": link.target, "operand": link.position}
    if link.edge is None:
        return {**data, "flows": False}
    edge = found.edges[link.edge]
    return {
        **data,
        "flows": True,
        "local_text": edge.local_text,
        "local": _number(edge.local),
        "gradient_text": edge.passed_text,
        "gradient": _number(edge.passed) if shown else None,
    }


def _number(value: Any) -> float | int | bool | str | None:
    """Return a number as JSON has it, or its name where JSON has none; None for an array."""
    if value is None or np.ndim(value):
        return None
    number = np.asarray(value)[()].item()
    if isinstance(number, float) and not math.isfinite(number):
        return str(number)
    return number  # type: ignore[no-any-return]
