"""Transforms to whole derivatives: gradient and Jacobian.

Each is a function made from another, and takes what the other takes.  There are two ways to its
result: `outside` a trace with emitted code, `inside` one with traced values.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from symgrad.arguments import is_leaf
from symgrad.compiled import Compiled
from symgrad.graph import Operand, Static
from symgrad.ops import FRONT
from symgrad.trace import in_trace
from symgrad.trace.builder import TraceBuilder
from symgrad.trace.tracer import Tracer
from symgrad.transforms.matching import rebuilt, wrt_values
from symgrad.transforms.recording import Recorded, record, traced_value_and_grad
from symgrad.trees import flatten


class Transform:
    """A function made from another: emitted code outside a trace, more equations inside one."""

    word = ""
    any_output = False

    def __init__(self, fn: Callable[..., Any], wrt: Any, has_aux: bool = False):
        self.compiled = Compiled(fn, wrt, has_aux=has_aux, any_output=self.any_output)
        functools.update_wrapper(self, self.compiled.function, updated=())
        name = getattr(self.compiled.function, "__name__", "")
        self.__name__ = f"{self.word}_{name}" if name.isidentifier() else self.word
        self.__signature__ = self.compiled.signature

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        builder = in_trace()
        if builder is None:
            return self.outside(args, kwargs)
        return self.inside(builder, args, kwargs)

    def __repr__(self) -> str:
        return f"<symgrad.{self.word} of {self.compiled.function!r}>"

    def outside(self, args: Any, kwargs: Any) -> Any:
        raise NotImplementedError

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        raise NotImplementedError


class ValueAndGradient(Transform):
    """``(value, grads)``, with ``has_aux`` ``((value, aux), grads)``."""

    word = "value_and_grad"

    def outside(self, args: Any, kwargs: Any) -> Any:
        return self.compiled.value_and_grad(*args, **kwargs)

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        return traced_value_and_grad(self.compiled, args, kwargs)


class Gradient(Transform):
    """``grads``, with ``has_aux`` ``(grads, aux)``."""

    word = "grad"

    def outside(self, args: Any, kwargs: Any) -> Any:
        return self.compiled.grad(*args, **kwargs)

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        value, grads = traced_value_and_grad(self.compiled, args, kwargs)
        return (grads, value[1]) if self.compiled.has_aux else grads


class Jacobian(Transform):
    """Every output by every input: one pullback for each element of the output."""

    word = "jacobian"
    any_output = True

    def outside(self, args: Any, kwargs: Any) -> Any:
        compiled = self.compiled
        value, residuals = compiled.forward(*args, **kwargs)
        outputs = flatten(value, is_leaf)[0]
        _, out_tree = rebuilt(outputs, residuals.made)
        inputs, in_tree = wrt_values(compiled, args, kwargs)
        blocks = []
        for k, y in enumerate(outputs):
            rows: list[list[Any]] = []
            for element in np.ndindex(np.shape(y)):
                cts = [np.zeros_like(other) for other in map(np.asarray, outputs)]
                cts[k][element] = 1
                grads = compiled.backward(residuals, out_tree.build(iter([ct[()] for ct in cts])))
                rows.append(flatten(grads, is_leaf)[0])
            columns: list[Any] = list(zip(*rows, strict=True)) or [()] * len(inputs)
            blocks.append(in_tree.build(_dense(columns, y, inputs)))
        return out_tree.build(iter(blocks))

    def inside(self, builder: TraceBuilder, args: Any, kwargs: Any) -> Any:
        run = record(builder, self.compiled, args, kwargs)
        pullback = run.pullback()
        blocks = []
        for k, y in enumerate(run.outputs):
            tracer = builder.wrap(y)
            rows = [
                run.inline(pullback, _one_seed(run, k, seed)) for seed in _units(builder, tracer)
            ]
            grads = [
                FRONT[np.reshape](FRONT[np.stack](column), tracer.shape + x.shape)
                for column, x in zip(zip(*rows, strict=True), run.leaves, strict=True)
            ]
            blocks.append(run.in_tree.build(iter(grads)))
        return run.out_tree.build(iter(blocks))


def _dense(columns: Sequence[Any], y: Any, inputs: Sequence[Any]) -> Iterator[Any]:
    for column, x in zip(columns, inputs, strict=True):
        shape = np.shape(y) + np.shape(x)
        if not column:
            yield np.zeros(shape, np.result_type(x))
        else:
            yield np.reshape(np.stack(column), shape)[()]


def _units(builder: TraceBuilder, y: Tracer) -> Iterator[Operand]:
    """Yield the unit vectors of an output's shape, whose sizes must be numbers."""
    shape = tuple(operator.index(size) for size in y.shape)
    if not shape:
        yield Static(1.0)
        return
    eye = FRONT[np.eye](math.prod(shape), dtype=y.dtype)
    for k in range(math.prod(shape)):
        yield builder.operand(FRONT[np.reshape](eye[k], shape))


def _one_seed(run: Recorded, which: int, seed: Operand) -> list[Operand]:
    return [
        seed if k == which else run.zeros(run.builder.aval(y)) for k, y in enumerate(run.outputs)
    ]
