"""Write a picture as SVG: no script, no font or file beside it, light and dark.

Given a sketch, its layout and the frame to show, return the text of a standalone SVG file that
also stands inside an HTML page.  Invariant: what comes from the user is only ever the text of an
element, which the XML writer escapes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise
from xml.etree import ElementTree as ET

from symgrad.study.picture.layout import JUMP, Layout, Line, Place
from symgrad.study.picture.sketch import (
    BETWEEN,
    CARD,
    CODE,
    LETTERS,
    NOTE,
    ROW,
    SIGN,
    Frame,
    Part,
    Row,
    Sketch,
)
from symgrad.study.picture.texts import MARK
from symgrad.study.picture.widths import text_width
from symgrad.templating import environment

STYLE = "study/picture.css.jinja"
FOOT = 14.0  # size of the letters below the picture
MARGIN = 16.0
ARROW = 7.0, 3.2  # length, half of the width
LIFT = 4.5  # of words above their line
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(sketch: Sketch, layout: Layout, frame: Frame, rows: int = 0) -> str:
    """Return the picture of one frame, with room for ``rows`` of caption below it."""
    return _Writer(sketch, layout, frame, rows).text()


class _Writer:
    def __init__(self, sketch: Sketch, layout: Layout, frame: Frame, rows: int) -> None:
        self.sketch, self.layout, self.frame = sketch, layout, frame
        self.rows = max(rows, len(frame.caption))
        self.foot = [*frame.caption, *[""] * (self.rows - len(frame.caption)), *sketch.legend]
        self.width = max([layout.width, *(text_width(t, FOOT) + 2 * MARGIN for t in self.foot)])
        self.height = layout.height + (len(self.foot) * FOOT * 1.5 + 8 if self.foot else 0)
        told = repr((sketch, frame)).encode("utf-8", "backslashreplace")
        self.id = f"graph-{hashlib.sha256(told).hexdigest()[:10]}"

    def text(self) -> str:
        root = self._root()
        for index in range(len(self.sketch.links)):
            self._wire(root, index)
        for index in range(len(self.sketch.parts)):
            self._part(root, index)
        self._foot(root)
        _indent(root)
        return ET.tostring(root, encoding="unicode") + "\n"

    def _root(self) -> ET.Element:
        size = {"width": _number(self.width), "height": _number(self.height)}
        root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                **size,
                "viewBox": f"0 0 {size['width']} {size['height']}",
                "class": "symgrad-picture",
                "role": "img",
                "aria-labelledby": f"{self.id}-title {self.id}-desc",
            },
        )
        root.append(ET.Comment(f" {MARK} "))
        title = self.sketch.title
        if self.frame.caption:
            title = f"{title}. {self.frame.caption[0]}"
        _add(root, "title", title, id=f"{self.id}-title")
        about = [self.sketch.summary, *self.frame.caption[1:], *self.sketch.legend]
        _add(root, "desc", " ".join(about), id=f"{self.id}-desc")
        _add(root, "style", environment().get_template(STYLE).render())
        _add(root, "rect", **{"class": "paper"}, **size)
        return root

    # --- wires

    def _wire(self, root: ET.Element, index: int) -> None:
        link, lines = self.sketch.links[index], self.layout.wires[index]
        passed = self.frame.active == link.target and link.edge is not None
        group = _add(root, "g", **{"class": "wire active" if passed else "wire"})
        _add(group, "title", link.about)
        _add(group, "path", d="".join(map(_path, lines)))
        _add(group, "path", d=_arrow(lines[-1][-1]), **{"class": "tip"})
        if link.label is not None:
            below = link.label.below if index in self.frame.links else ()
            self._label(group, self.layout.labels[index], link.label.above, below)

    def _label(self, parent: ET.Element, place: Place, above: Row, below: Sequence[Row]) -> None:
        if above:
            self._row(parent, above, place.x, place.y - LIFT)
        for k, row in enumerate(below):
            self._row(parent, row, place.x, place.y + LIFT + LETTERS * (0.78 + k * ROW))

    def _row(self, parent: ET.Element, row: Row, x: float, y: float) -> None:
        text = _add(parent, "text", x=_number(x), y=_number(y), **{"class": "label"})
        for k, run in enumerate(row):
            gap = {"dx": _number(BETWEEN)} if k else {}
            _add(text, "tspan", run.text, **gap, **{"class": run.kind})

    # --- parts

    def _part(self, root: ET.Element, index: int) -> None:
        part, place = self.sketch.parts[index], self.layout.boxes[index]
        active = " active" if index == self.frame.active else ""
        group = _add(root, "g", **{"class": f"{part.look}{active}"})
        _add(group, "title", part.about)
        self._outline(group, part, place)
        self._inside(group, part, place)
        if index in self.layout.stubs:
            line = self.layout.stubs[index]
            stub = _add(group, "g", **{"class": "wire"})
            _add(stub, "path", d=_path(line))
            _add(stub, "path", d=_arrow(line[-1]), **{"class": "tip"})
        below = part.exit.below if index in self.frame.parts else ()
        self._label(group, self.layout.exits[index], part.exit.above, below)
        if part.note:
            _add(
                group, "text", part.note, x=_number(place.x), y=_number(place.bottom + NOTE),
                **{"class": "label note"},
            )  # fmt: skip

    def _outline(self, group: ET.Element, part: Part, place: Place) -> None:
        if part.look == "input":
            return
        if part.is_round and place.width == place.height:
            radius = _number(place.width / 2)
            _add(group, "circle", cx=_number(place.x), cy=_number(place.y), r=radius)
            return
        corner = 7.0 if part.look == "block" else min(16.0, place.height / 2)
        width, height = place.width - part.pile, place.height - part.pile
        for k in range(int(part.pile / CARD), -1, -1):  # a pile, where several are folded
            x, y = place.left + CARD * k, place.top + part.pile - CARD * k
            _add(
                group, "rect", x=_number(x), y=_number(y),
                width=_number(width), height=_number(height), rx=_number(corner),
            )  # fmt: skip

    def _inside(self, group: ET.Element, part: Part, place: Place) -> None:
        size = CODE if part.look == "block" else SIGN
        step = size * ROW
        head = LETTERS * ROW if part.heading else 0.0
        middle = place.x - part.pile / 2
        y = place.y + part.pile / 2 - (len(part.rows) * step + head) / 2
        if part.heading:
            heading = part.heading + (f"  × {part.times}" if part.times > 1 else "")
            y += head
            _add(
                group, "text", heading, x=_number(middle), y=_number(y - 0.3 * LETTERS),
                **{"class": "heading"},
            )  # fmt: skip
        for row in part.rows:
            y += step
            x = place.left + 12.0 if part.look == "block" else middle
            _add(
                group, "text", row, x=_number(x), y=_number(y - 0.24 * step),
                **{"class": "code" if part.look == "block" else "sign"},
            )  # fmt: skip

    # --- forks, jumps, and what stands below

    def _foot(self, root: ET.Element) -> None:
        for x, y in self.layout.forks:
            _add(root, "circle", cx=_number(x), cy=_number(y), r="2.6", **{"class": "fork"})
        for jump in self.layout.jumps:
            at = {"cx": _number(jump.x), "cy": _number(jump.y)}
            _add(root, "circle", r=_number(JUMP), **at, **{"class": "jump"})
            at = {"x": _number(jump.x), "y": _number(jump.y + 3.2)}
            _add(root, "text", str(jump.number), **at, **{"class": "jump"})
        y = self.layout.height
        for k, text in enumerate(self.foot):
            y += FOOT * 1.5
            kind = "caption" if k < self.rows else "legend"
            if text:
                _add(root, "text", text, x=_number(MARGIN), y=_number(y - 6), **{"class": kind})


def _add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    if text:
        element.text = FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
    return element


def _indent(root: ET.Element) -> None:
    """Put each element on a line of its own, but none of the words inside a text."""
    ET.indent(root, " ")
    for text in root.iter("text"):
        for run in text:
            text.text = run.tail = None


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _path(line: Line) -> str:
    """Return the path through the corners: level lines, and curves that begin and end level."""
    words = [f"M{_number(line[0][0])} {_number(line[0][1])}"]
    for (x0, y0), (x1, y1) in pairwise(line):
        if y0 == y1:
            words.append(f"H{_number(x1)}")
        else:
            middle, end = _number((x0 + x1) / 2), f"{_number(x1)} {_number(y1)}"
            words.append(f"C{middle} {_number(y0)} {middle} {_number(y1)} {end}")
    return "".join(words)


def _arrow(tip: tuple[float, float]) -> str:
    (x, y), (length, half) = tip, ARROW
    back = _number(x - length)
    return f"M{_number(x)} {_number(y)}L{back} {_number(y - half)}V{_number(y + half)}Z"
