"""A finished picture, and the frames of one: text in four languages, files, notebooks.

Invariant: the frames of a picture share one layout, so nothing moves from one to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import overload

from symgrad.errors import ArgumentError
from symgrad.study.circuit import Circuit
from symgrad.study.picture import texts
from symgrad.study.picture.layout import Layout, lay_out
from symgrad.study.picture.sketch import Frame, Sketch
from symgrad.study.picture.steps import frames, whole
from symgrad.study.picture.svg import svg


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture of a computational graph.

    ``svg``, ``dot``, ``mermaid`` and ``json()`` are its texts; ``save`` writes the one that the
    file's ending asks for, ``str`` tells the picture in words.  A notebook shows the SVG.
    """

    circuit: Circuit
    sketch: Sketch
    layout: Layout
    frame: Frame
    caption_rows: int = 0

    @classmethod
    def of(cls, found: Circuit, sketch: Sketch, width: float | None = None) -> Drawing:
        layout = lay_out(sketch.boxes(), sketch.wires(), width)
        return cls(found, sketch, layout, whole(sketch))

    @cached_property
    def svg(self) -> str:
        return svg(self.sketch, self.layout, self.frame, self.caption_rows)

    @cached_property
    def dot(self) -> str:
        return texts.dot(self.sketch, self.frame)

    @cached_property
    def mermaid(self) -> str:
        return texts.mermaid(self.sketch, self.frame)

    def json(self) -> str:
        return texts.as_json(self.circuit, self.sketch, self.frame)

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        parts = len(self.sketch.parts)
        return f"<Drawing of {self.circuit.name}: {parts} nodes, level {self.circuit.level}>"

    def __str__(self) -> str:
        rows = [self.sketch.title, *self.frame.caption]
        return "\n".join([*rows, *(f"  {part.about}" for part in self.sketch.parts)])

    def save(self, path: str | PathLike[str]) -> None:
        """Write the picture; the ending of ``path`` says as what."""
        text = _writer(Path(path))(self)
        Path(path).write_text(text, encoding="utf-8", newline="\n")


class Frames(Sequence[Drawing]):
    """The frames of a backward pass, numbered from 0, the forward pass."""

    def __init__(self, drawings: Sequence[Drawing]) -> None:
        self._drawings = tuple(drawings)

    @classmethod
    def of(cls, drawing: Drawing) -> Frames:
        found = frames(drawing.circuit, drawing.sketch)
        rows = max(len(frame.caption) for frame in found)
        return cls([replace(drawing, frame=frame, caption_rows=rows) for frame in found])

    @overload
    def __getitem__(self, index: int) -> Drawing: ...

    @overload
    def __getitem__(self, index: slice) -> Frames: ...

    def __getitem__(self, index: int | slice) -> Drawing | Frames:
        if isinstance(index, slice):
            return Frames(self._drawings[index])
        return self._drawings[index]

    def __len__(self) -> int:
        return len(self._drawings)

    def __iter__(self) -> Iterator[Drawing]:
        return iter(self._drawings)

    def __repr__(self) -> str:
        return f"<{len(self)} Frames of {self._drawings[0].circuit.name}>" if self else "<Frames>"

    def __str__(self) -> str:
        return "\n".join(row for drawing in self for row in drawing.frame.caption)

    def _repr_html_(self) -> str:
        return "".join(f"<div>{drawing.svg}</div>" for drawing in self)

    def paths(self, path: str | PathLike[str]) -> list[Path]:
        """Return a path for each frame: ``graph-00.svg`` and so on for ``graph.svg``."""
        file, digits = Path(path), max(2, len(str(len(self) - 1)))
        return [file.with_stem(f"{file.stem}-{d.frame.number:0{digits}}") for d in self]

    def save(self, path: str | PathLike[str]) -> list[Path]:
        """Write each frame to the file that `paths` says, and return these."""
        paths = self.paths(path)
        for file, drawing in zip(paths, self, strict=True):
            drawing.save(file)
        return paths


WRITERS: dict[str, Callable[[Drawing], str]] = {
    ".svg": lambda drawing: drawing.svg,
    ".dot": lambda drawing: drawing.dot,
    ".gv": lambda drawing: drawing.dot,
    ".mmd": lambda drawing: drawing.mermaid,
    ".mermaid": lambda drawing: drawing.mermaid,
    ".json": Drawing.json,
    ".txt": lambda drawing: f"{drawing}\n",
}


def _writer(path: Path) -> Callable[[Drawing], str]:
    if path.suffix not in WRITERS:
        known = ", ".join(WRITERS)
        raise ArgumentError(
            f"`{path.name}` ends in `{path.suffix}`: a picture is written as {known}.  "
            "For PNG or PDF, save it as .svg and let a browser print it."
        )
    return WRITERS[path.suffix]
