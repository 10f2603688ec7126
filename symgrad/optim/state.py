"""What an optimizer works on: one buffer, a row each for weights, gradient and moments.

Given parameters, a `State` holds a copy of them.  Invariant: ``params``, ``grads`` and the rows
are views of one buffer, so a step that changes a row changes the parameters that the user holds.
"""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError, NotFiniteError, ShapeError
from symgrad.flat import Array, Layout
from symgrad.optim.steps import sum_of_squares

_PLAIN = (np.ndarray, np.float64, np.float32)
BLOCK = 1 << 15  # numbers that are stepped at once, so that all rows of them stay in the cache


class State:
    """Parameters, their gradient and an optimizer's moments, with the number of steps done.

    ``params`` and ``grads`` have the structure of the user's parameters, and each array in them
    is a view: write into it (``state.params["W"][:] = 0``), but put no other in its place.
    ``flat`` and ``moments`` are the same numbers as flat arrays.
    """

    params: Any
    grads: Any
    step: int

    def __init__(self, params: Any, moments: Sequence[str]):
        self.step = 0
        layout = Layout.of(params, "params")
        self._connect(layout, tuple(moments), _dtype_of(layout))
        for view, leaf in zip(self._params, self.layout.leaves_of(params, "params"), strict=True):
            view[...] = leaf

    def _connect(self, layout: Layout, moments: tuple[str, ...], dtype: np.dtype[Any]) -> None:
        self.layout = layout
        rows = np.zeros((2 + len(moments), layout.size), dtype)
        self.rows: dict[str, Array] = dict(zip(("w", "g", *moments), rows, strict=True))
        self.moments: dict[str, Array] = {name: self.rows[name] for name in moments}
        self._params, self._grads = layout.views(rows[0]), layout.views(rows[1])
        self.params, self.grads = layout.build(self._params), layout.build(self._grads)
        scratch = np.empty(min(layout.size, BLOCK), dtype)
        self.blocks: list[dict[str, Array]] = [
            {name: row[k : k + BLOCK] for name, row in self.rows.items()}
            | {"scratch": scratch[: layout.size - k]}
            for k in range(0, layout.size, BLOCK)
        ]
        self._portions = _portions(layout) if len(self.blocks) > 1 else []
        self._portion = np.empty_like(scratch) if self._portions else scratch

    @property
    def flat(self) -> Array:
        """All parameters as one array."""
        return self.rows["w"]

    def take(self, grads: Any) -> None:
        """Copy a gradient into the buffer, or raise if it or ``params`` do not fit."""
        dtype = self.flat.dtype
        for grad, view in self._pairs(grads):
            if type(grad) in _PLAIN and grad.dtype == dtype and grad.shape == view.shape:
                view[...] = grad
            else:
                self._take_other(grad, view)

    def parts(self, grads: Any) -> list[Array]:
        """Return a gradient as a flat array for each leaf, or raise if it or ``params`` do not fit.

        Only what is no flat array of the parameters' dtype already is copied, and what are
        parameters themselves, as in the gradient of sum(A * B).
        """
        found = []
        for grad, view in self._pairs(grads):
            is_flat = type(grad) is np.ndarray and grad.flags.c_contiguous
            fits = is_flat and grad.dtype == view.dtype and grad.shape == view.shape
            if not fits or np.may_share_memory(grad, self.flat):
                self._take_other(grad, view)
                grad = view
            found.append(grad.reshape(-1))
        return found

    def blocks_with(self, parts: Sequence[Array], is_changed: bool) -> Iterator[dict[str, Array]]:
        """Give the blocks, each with its portion of a gradient.

        A portion of several leaves, or one that the step changes, is copied, and stays in the
        cache.
        """
        for block, portions in zip(self.blocks, self._portions, strict=True):
            if len(portions) == 1 and not is_changed:
                leaf, there, _ = portions[0]
                yield {**block, "g": parts[leaf][there]}
                continue
            g = self._portion[: len(block["g"])]
            for leaf, there, here in portions:
                g[here] = parts[leaf][there]
            yield {**block, "g": g}

    def _pairs(self, grads: Any) -> Iterator[tuple[Any, Array]]:
        """Pair the leaves of a gradient with their places."""
        held = self.layout.leaves_of(self.params, "state.params")
        if not all(map(operator.is_, held, self._params)):
            self._refuse_replaced(held)
        return zip(self.layout.leaves_of(grads, "grads"), self._grads, strict=True)

    def _take_other(self, grad: Any, view: Array) -> None:
        """Copy what has another dtype than the parameter, or refuse it."""
        self._refuse_unreal(grad, view)
        if np.shape(grad) != view.shape:
            self._refuse_shape(grad, view)
        view[...] = grad

    def _refuse_replaced(self, held: Sequence[Any]) -> None:
        pairs = zip(held, self._params, strict=True)
        other = next(k for k, (leaf, view) in enumerate(pairs) if leaf is not view)
        name = self.layout.names("state.params")[other]
        raise ArgumentError(
            f"{name} is another array than the one that is trained: write into that, "
            f"{name}[...] = values, or begin again with optimizer.init(params)"
        )

    def _refuse_shape(self, grad: Any, view: Array) -> None:
        k = _position(view, self._grads)
        raise ShapeError(
            f"{self.layout.names('grads')[k]} has shape {np.shape(grad)}, "
            f"{self.layout.names('params')[k]} has {view.shape}: a gradient has the shape of what "
            "it belongs to"
        )

    def _refuse_unreal(self, grad: Any, view: Array) -> None:
        """Raise unless ``grad`` is a number, or an array of numbers, of any real dtype."""
        if isinstance(grad, (float, int)):
            return
        found = grad.dtype if isinstance(grad, (np.ndarray, np.generic)) else type(grad).__name__
        if not isinstance(found, np.dtype) or found.kind not in "fiub":
            name = self.layout.names("grads")[_position(view, self._grads)]
            raise ArgumentError(
                f"{name} is {found}: a gradient is a real number, or an array of them, that fits "
                f"{view.dtype}"
            )

    def check_finite(self, parts: Sequence[Array] | None = None) -> None:
        """Raise `NotFiniteError` with the place of the first infinite or NaN gradient.

        ``parts`` are the leaves of a gradient that was not taken into the buffer.
        """
        taken = self.rows["g"]
        squares = sum_of_squares(taken) if parts is None else sum(map(sum_of_squares, parts))
        if math.isfinite(squares):
            return
        # The squares may have overflowed, so the numbers themselves have the last word.
        for k, view in enumerate(self._grads):
            grad = view if parts is None else parts[k].reshape(view.shape)
            bad = np.argwhere(~np.isfinite(grad))
            if len(bad):
                index = f"[{', '.join(map(str, bad[0]))}]" if grad.ndim else ""
                raise NotFiniteError(
                    f"{self.layout.names('grads')[k]}{index} is {grad[tuple(bad[0])]} at step "
                    f"{self.step}, and nothing was changed: lower lr, clip the gradient "
                    "(clip_norm=1.0), or look for log(0) and 0/0 in the loss; check_finite=False "
                    "lets it through"
                )

    # --- saved and restored

    def as_dict(self) -> dict[str, Any]:
        """Return copies of all arrays by name, and ``step``: what a checkpoint needs.

        ``numpy.savez(file, **state.as_dict())`` keeps every bit.  See `Optimizer.from_dict`.
        """
        saved: dict[str, Any] = {"step": self.step}
        for owner, views in self._views_by_row().items():
            names = self.layout.names(owner)
            saved.update((name, v.copy()) for name, v in zip(names, views, strict=True))
        return saved

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take over what `as_dict` gave, or raise ArgumentError and change nothing."""
        places: dict[str, Array] = {}
        for owner, views in self._views_by_row().items():
            places.update(zip(self.layout.names(owner), views, strict=True))
        _refuse_names(set(saved) - {*places, "step"}, {*places, "step"} - set(saved))
        found = {name: np.asarray(saved[name]) for name in places}
        for name, array in found.items():
            want = places[name]
            if array.shape != want.shape or array.dtype != want.dtype:
                raise ArgumentError(
                    f"{name} was saved as {array.dtype} of shape {array.shape}, here it is "
                    f"{want.dtype} of shape {want.shape}: restore with the parameters' own "
                    "structure, shapes and dtype"
                )
        step = np.asarray(saved["step"])
        if step.shape or step.dtype.kind not in "iu" or step < 0:
            raise ArgumentError(f"step={saved['step']!r} must be a whole number >= 0")
        for name, array in found.items():
            places[name][...] = array
        self.step = int(step)

    def _views_by_row(self) -> dict[str, list[Array]]:
        moments = {name: self.layout.views(row) for name, row in self.moments.items()}
        return {"params": self._params, **moments}

    def copy(self) -> State:
        """Return a state of its own with the same numbers."""
        new = object.__new__(State)
        new.__setstate__(self.__getstate__())
        return new

    def __copy__(self) -> State:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> State:
        return self.copy()

    def __getstate__(self) -> Any:
        rows = {name: row.copy() for name, row in self.rows.items()}
        return copy.deepcopy(self.layout), rows, self.step

    def __setstate__(self, kept: Any) -> None:
        # Views become arrays of their own when they are pickled, so they are made anew.
        layout, rows, self.step = kept
        self._connect(layout, tuple(rows)[2:], rows["w"].dtype)
        for name, row in rows.items():
            self.rows[name][...] = row

    def __repr__(self) -> str:
        return (
            f"<symgrad.optim.State: {self.flat.size} {self.flat.dtype} numbers, step {self.step}>"
        )


def _portions(layout: Layout) -> list[list[tuple[int, slice, slice]]]:
    """Return for each block which leaves it has a part of: their number, from where, to where."""
    found: list[list[tuple[int, slice, slice]]] = [[] for _ in range(0, layout.size, BLOCK)]
    for leaf, slot in enumerate(layout.slots):
        start = slot.start
        while start < slot.stop:
            block, place = divmod(start, BLOCK)
            stop = min(slot.stop, (block + 1) * BLOCK)
            there = slice(start - slot.start, stop - slot.start)
            found[block].append((leaf, there, slice(place, place + stop - start)))
            start = stop
    return found


def _dtype_of(layout: Layout) -> np.dtype[Any]:
    """Return the one dtype of all parameters; Python's numbers take that of the arrays."""
    if not layout.size:
        raise ArgumentError("params hold no numbers: there is nothing to change")
    known: dict[np.dtype[Any], str] = {}
    for name, slot in zip(layout.names("params"), layout.slots, strict=True):
        if slot.dtype is not None:
            known.setdefault(slot.dtype.newbyteorder("="), name)
    if len(known) > 1:
        (one, a), (other, b), *_ = known.items()
        raise ArgumentError(
            f"{a} is {one}, {b} is {other}: parameters lie in one buffer, so make them one dtype "
            f"({b}.astype({a}.dtype))"
        )
    dtype = next(iter(known), np.dtype(float))
    if dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ArgumentError(
            f"{known[dtype]} is {dtype}, too coarse or too wide for small steps: train in float32 "
            f"or float64 ({known[dtype]}.astype(np.float32))"
        )
    return dtype


def _position(wanted: Any, among: Sequence[Any]) -> int:
    return next(k for k, one in enumerate(among) if one is wanted)


def _refuse_names(unknown: set[str], missing: set[str]) -> None:
    cure = "restore with the optimizer and the structure of parameters it was saved with"
    if missing:
        raise ArgumentError(f"what was saved has no {', '.join(sorted(missing))}: {cure}")
    if unknown:
        raise ArgumentError(f"what was saved has {', '.join(sorted(unknown))} besides: {cure}")
