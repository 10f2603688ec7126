"""Pictures of computational graphs: `symgrad.draw`.

Given a function and arguments, return a `Drawing`: circuit -> sketch (what is said) -> layout
(where) -> text (SVG, DOT, Mermaid, JSON).  Invariant: same function and arguments, same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, overload

from symgrad.errors import ArgumentError, did_you_mean
from symgrad.graph import Graph
from symgrad.study.circuit import Circuit, circuit
from symgrad.study.picture.blocks import Blocks
from symgrad.study.picture.drawing import Drawing, Frames
from symgrad.study.picture.folding import folded
from symgrad.study.picture.reading import read

__all__ = ["Drawing", "Frames", "draw"]

LEVELS = ("gate", "line", "layer")
EDGES = ("gradient", "local")


@overload
def draw(
    fn: Callable[..., Any],
    *args: Any,
    wrt: Any = None,
    level: str = "gate",
    edges: str = "gradient",
    steps: Literal[False] = False,
    notes: bool = False,
    fold: bool = True,
    width: float | None = None,
    names: str | Mapping[str, str] | None = None,
    **kwargs: Any,
) -> Drawing: ...


@overload
def draw(
    fn: Callable[..., Any],
    *args: Any,
    wrt: Any = None,
    level: str = "gate",
    edges: str = "gradient",
    steps: Literal[True],
    notes: bool = False,
    fold: bool = True,
    width: float | None = None,
    names: str | Mapping[str, str] | None = None,
    **kwargs: Any,
) -> Frames: ...


def draw(
    fn: Callable[..., Any],
    *args: Any,
    wrt: Any = None,
    level: str = "gate",
    edges: str = "gradient",
    steps: bool = False,
    notes: bool = False,
    fold: bool = True,
    width: float | None = None,
    names: str | Mapping[str, str] | None = None,
    **kwargs: Any,
) -> Drawing | Frames:
    """Draw the computational graph of ``fn(*args, **kwargs)``, as lectures draw circuits.

    Each wire has its value above (a shape for an array) and below the derivative of the output
    by it, or with ``edges="local"`` the local derivative.  ``level`` is ``"gate"`` (one node an
    operation), ``"line"`` (one for each value that the function names) or ``"layer"`` (affine,
    activation, loss as blocks; layers that repeat are folded unless ``fold=False``).
    ``steps=True`` gives frames: the forward pass, the seed, and one for each step back.
    ``notes=True`` says what each gate does to the gradient.  A picture wider than ``width``
    (in pixels) continues in further rows, and equal numbers mark where.  ``wrt`` says what to
    differentiate by (default: every number) and ``names`` renames nodes, as in `circuit`.

    Raises ArgumentError for another level or kind of edges, and what `symgrad.compile` raises.
    """
    _require("level", level, LEVELS)
    _require("edges", edges, EDGES)
    cut = _in_layers if level == "layer" else level
    found = circuit(fn, args, kwargs, wrt, cut, names)
    headings = _headings(found) if level == "layer" else {}
    sketch = read(found, edges == "local", notes, steps, headings)
    if fold and not steps:  # each layer of a pile would need a step of its own
        sketch = folded(sketch)
    drawing = Drawing.of(found, sketch, width)
    return Frames.of(drawing) if steps else drawing


def _in_layers(graph: Graph) -> Sequence[Sequence[int]]:
    return Blocks(graph).groups()


def _headings(found: Circuit) -> dict[int, str]:
    """Return what each block is called, by its node."""
    blocks = Blocks(found.made.primal)
    return {n.number: blocks.heading(n.equations) for n in found.nodes if n.kind == "op"}


def _require(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        known = " or ".join(map(repr, choices))
        raise ArgumentError(f"{name}={value!r} is not {known}{did_you_mean(str(value), choices)}")
