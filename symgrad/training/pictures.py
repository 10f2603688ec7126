"""Pictures of training, drawn by matplotlib."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.errors import ExtraError
from symgrad.training.stopping import Best

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GRID = 300  # points along each side of a decision boundary


def draw_history(history: Sequence[Mapping[str, Any]], best: Best | None, ax: Axes | None) -> Axes:
    """Draw the loss by epoch."""
    ax = _axes(ax)
    from matplotlib.ticker import MaxNLocator

    epochs = [record["epoch"] for record in history]
    for name, label in (("loss", "training"), ("val_loss", "validation")):
        if history and name in history[0]:
            ax.plot(epochs, [record[name] for record in history], label=label)
    if best is not None and best.epoch < len(history):
        ax.axvline(best.epoch, color="0.6", linewidth=1, linestyle=":", label="best epoch")
    ax.set(xlabel="epoch", ylabel="loss")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(ax.get_lines()) > 1:
        ax.legend()
    return ax


def draw_confusion(counts: Any, labels: Sequence[Any] | None, ax: Axes | None) -> Axes:
    """Draw a confusion matrix with its numbers."""
    ax = _axes(ax)
    ax.imshow(counts, cmap="Blues", vmin=0)
    names = [_plain(x) for x in (labels if labels is not None else range(len(counts)))]
    ax.set(xlabel="predicted", ylabel="true")
    ax.set_xticks(range(len(counts)), names)
    ax.set_yticks(range(len(counts)), names)
    dark = counts.max() / 2
    for row, column in np.ndindex(counts.shape):
        number = int(counts[row, column])
        colour = "white" if number > dark else "black"
        ax.text(column, row, str(number), ha="center", va="center", color=colour)
    return ax


def draw_boundary(
    X: Any,
    y: Any,
    classes: Callable[[Any], Any],
    features: Sequence[str],
    labels: Sequence[Any] | None,
    ax: Axes | None,
) -> Axes:
    """Draw the classes of the plane behind the examples."""
    ax = _axes(ax)
    low, high = X.min(axis=0), X.max(axis=0)
    margin = np.where(high > low, 0.08 * (high - low), 1.0)
    across, up = (np.linspace(a, b, GRID) for a, b in zip(low - margin, high + margin, strict=True))
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    found = np.asarray(classes(points)).reshape(GRID, GRID)
    count = int(max(found.max(), np.max(y))) + 1
    colours = _colours(count)
    levels = np.arange(count + 1) - 0.5
    ax.contourf(across, up, found, levels=levels, colors=colours, alpha=0.25)
    for k in range(count):
        mine = X[y == k]
        name = _plain(labels[k]) if labels is not None else f"class {k}"
        ax.scatter(
            mine[:, 0],
            mine[:, 1],
            s=18,
            color=colours[k],
            edgecolor="white",
            linewidth=0.5,
            label=name,
        )
    names = [_plain(name) for name in features] if len(features) == 2 else ["$x_1$", "$x_2$"]
    ax.set(xlabel=names[0], ylabel=names[1])
    ax.legend()
    return ax


def _colours(count: int) -> list[Any]:
    from matplotlib import colormaps

    return [colormaps["tab10" if count <= 10 else "tab20"](k % 20) for k in range(count)]


def _plain(word: Any) -> str:
    return str(word).replace("$", r"\$")  # or matplotlib reads mathematics


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    _refuse_without_matplotlib()
    from matplotlib import pyplot

    made: Axes
    _, made = pyplot.subplots(layout="constrained")
    return made


def new_figure() -> Figure:
    """Return a figure that no window shows."""
    _refuse_without_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(6, 4), layout="constrained")


def _refuse_without_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise ExtraError(
            "pictures need matplotlib, which is not installed: "
            'python -m pip install "symgrad[train]"'
        )
