"""The user's source beside the emitted source, each line linked to those it belongs with.

Given a specialisation, return two texts whose lines know one another.  Invariant: the emitted text
is what the module holds, line for line, and a link leads to the line that a value comes from.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType

from markupsafe import Markup

from symgrad.emit import FunctionView, ModuleWriter
from symgrad.emit.body import Writer
from symgrad.errors import Location
from symgrad.graph import Origin
from symgrad.specialise import Specialisation
from symgrad.templating import environment

# Marks all lines of a group while one of them is pointed at; without it the links still lead.
SCRIPT = Markup(
    """\
const lines = [...document.querySelectorAll("[data-group]")];
function mark(group) {
  for (const line of lines) line.classList.toggle("on", line.dataset.group === group);
}
for (const line of lines) {
  for (const event of ["mouseenter", "focusin", "click"])
    line.addEventListener(event, () => mark(line.dataset.group));
  for (const event of ["mouseleave", "focusout"])
    line.addEventListener(event, () => mark(""));
}"""
)


@dataclass(slots=True)
class Line:
    """One line of a text: its number there, its anchor, and the line of the other that it is of."""

    text: str
    number: str = ""
    anchor: str = ""
    group: str = ""
    leads_to: str = ""
    says: str = ""


@dataclass(slots=True)
class Side:
    """One of the two texts."""

    title: str
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LinkedCode:
    """The user's functions on the left, ``value_and_grad`` on the right."""

    users: Side
    emitted: Side

    def _repr_html_(self) -> str:
        template = environment(escape=True).get_template("study/pair.html.jinja")
        return template.render(sides=(self.users, self.emitted))


def linked_code(made: Specialisation) -> LinkedCode:
    """Return the source of a function beside the emitted ``value_and_grad``."""
    writer = ModuleWriter(made.interface)
    _, view = made.write_whole(writer)
    emitted = list(_emitted(view, writer.writers["value_and_grad"]))
    codes = [origin.told[0] for _, origin in emitted if origin is not None]
    codes += [o.told[0] for o in made.primal.notes.origins.values()]
    users, anchors = _users_side(codes)
    return LinkedCode(users, _emitted_side(emitted, users, anchors))


def _emitted(view: FunctionView, writer: Writer) -> Iterator[tuple[str, Origin | None]]:
    """Yield the lines of the emitted function, each with where it comes from."""
    for line in view.signature:
        yield line, None
    yield f'    """{view.doc}"""', None
    known = [origins for origins in writer.origins if origins]
    before = len(view.sections[0]) - len(known[0]) if known and len(view.sections) > 1 else None
    flat = [o for origins in known for o in origins]
    lines = [(line, k) for k, section in enumerate(view.sections) for line in section]
    if before is None:  # one section holds the head, the body and the return
        before = _first_of_body(view, len(flat))
    last = -1
    for number, (line, section) in enumerate(lines):
        if section != last and last >= 0:
            yield "", None
        last = section
        inside = 0 <= number - before < len(flat)
        yield f"    {line}", flat[number - before] if inside else None


def _first_of_body(view: FunctionView, body: int) -> int:
    """Return how many lines stand before the body where all is one section."""
    lines = [line for section in view.sections for line in section]
    returned = next(k for k, line in enumerate(lines) if line.startswith("return "))
    return returned - body


def _users_side(codes: Iterable[CodeType]) -> tuple[Side, dict[tuple[str, int], str]]:
    """Return the source of the functions that lines come from, and the anchor of each line."""
    side, anchors = Side("Your code"), dict[tuple[str, int], str]()
    for code in sorted(_outermost(codes), key=lambda c: (c.co_filename, c.co_firstlineno)):
        try:
            text, first = inspect.getsourcelines(code)
        except (OSError, TypeError):  # typed at a prompt, or made by exec: nothing to show
            continue
        if side.lines:
            side.lines.append(Line(""))
        margin = min((len(t) - len(t.lstrip()) for t in text if t.strip()), default=0)
        for number, line in enumerate(text, max(first, 1)):
            anchor = anchors.setdefault((code.co_filename, number), f"line-{len(anchors) + 1}")
            side.lines.append(Line(line.rstrip()[margin:], str(number), anchor))
    return side, anchors


def _outermost(codes: Iterable[CodeType]) -> list[CodeType]:
    """Return the codes whose lines no other one's lines hold: a lambda stands in its function."""
    found = list(dict.fromkeys(codes))
    spans = {code: (code.co_filename, *_span(code)) for code in found}
    return [
        code
        for code in found
        if not any(
            spans[code][0] == file and first <= spans[code][1] and spans[code][2] <= last
            and (file, first, last) != spans[code]
            for other in found
            for file, first, last in [spans[other]]
        )
    ]  # fmt: skip


def _span(code: CodeType) -> tuple[int, int]:
    lines = [line for *_, line in code.co_lines() if line is not None]
    return code.co_firstlineno, max(lines, default=code.co_firstlineno)


def _emitted_side(
    emitted: Sequence[tuple[str, Origin | None]],
    users: Side,
    anchors: dict[tuple[str, int], str],
) -> Side:
    by_anchor = {line.anchor: line for line in users.lines if line.anchor}
    side = Side("Value and gradient, emitted")
    for number, (text, origin) in enumerate(emitted, 1):
        line = Line(text, anchor=f"emitted-{number}")
        place = Location.of(*origin.told) if origin is not None else None
        anchor = anchors.get((place.file, place.line)) if place is not None else None
        if anchor is not None:
            mine = by_anchor[anchor]
            line.group, line.leads_to, line.says = anchor, anchor, f"from line {mine.number}"
            if not mine.leads_to:
                mine.group, mine.leads_to = anchor, line.anchor
                mine.says = "to the first emitted line that comes from this one"
        side.lines.append(line)
    return side
