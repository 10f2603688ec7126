"""The numbers behind a derivation: both sides of each equation at random points.

Given a circuit, draw points near its arguments and compare.  What a formula says is evaluated from
the node of the graph that it was written from; what it should be is measured by differences of
values that the graph gives, or of the user's own function.  Invariant: an equation that fails at
a smooth point raises `GraphError`, so none is shown that does not hold.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError, GraphError
from symgrad.graph import Graph, Operand, Sym
from symgrad.study.circuit import Circuit
from symgrad.study.evaluate import evaluate, evaluator

COUNT = 3  # points
SPREAD = 0.1  # how far from the arguments, relative to their size
STEP, TOLERANCE = 1e-6, 1e-5  # of differences in double precision
SINGLE_STEP, SINGLE_TOLERANCE = 3e-3, 2e-3
SHRINKS = (1.0, 0.1, 0.01, 0.001)  # of the step, where a function bends sharply


class Points:
    """Random points near a circuit's arguments, with the value of every node at each."""

    def __init__(self, circuit: Circuit, seed: int = 0):
        self.circuit, self.random = circuit, np.random.default_rng(seed)
        pulls = circuit.pulls
        self.graph = pulls.graph
        is_single = any(
            a.dtype.kind == "f" and a.dtype.itemsize < 8 for a in circuit.made.primal.avals.values()
        )
        self.step = SINGLE_STEP if is_single else STEP
        self.eps = float(np.finfo(np.float32 if is_single else np.float64).eps)
        self.tolerance = SINGLE_TOLERANCE if is_single else TOLERANCE
        wanted: list[Operand] = [node.symbol for node in circuit.nodes]
        for pull in pulls.found:
            wanted += [pull.passed] if pull.local is None else [pull.passed, pull.local]
        self.wanted = list(dict.fromkeys(x for x in wanted if type(x) is Sym))
        self.cts = [ct for node, ct in pulls.upstream.items() if node in pulls.reached]
        self.inputs = [self._moved() for _ in range(COUNT)]
        self.known = [self._values(given) for given in self.inputs]

    def _moved(self) -> dict[Sym, Any]:
        """Return the arguments moved by random amounts: the numbers differentiated by, that is."""
        given = self.circuit.given
        wrt = {self.circuit.nodes[k].symbol for k in self.circuit.wrt}
        return {x: self._near(value) if x in wrt else value for x, value in given.items()}

    def _near(self, value: Any) -> Any:
        array = np.asarray(value)
        noise = self.random.standard_normal(array.shape).astype(array.dtype)
        moved = array + SPREAD * noise * np.where(array == 0, 1, np.abs(array)).astype(array.dtype)
        return moved if isinstance(value, np.ndarray) else type(value)(moved)

    def _values(self, given: Mapping[Sym, Any]) -> dict[Operand, Any]:
        symbols = [*self.wanted, *self.cts]
        found = evaluate(self.graph, given, symbols, self.circuit.pulls.sums)
        return dict(zip(symbols, found, strict=True))

    def value(self, k: int, x: Operand) -> Any:
        """Return what ``x`` is at point ``k``."""
        return self.known[k][x] if type(x) is Sym else x.value

    # --- comparisons

    def parts(self, y: Sym, leaves: Sequence[Sym]) -> int:
        """Compare a value with what its formula makes of the values that it reads."""
        run = self._given(self.graph, leaves, [y])
        count = 0
        for k, given in enumerate(self.inputs):
            again = run(given, [self.value(k, x) for x in leaves])[0]
            count += self.same(self.value(k, y), again, f"the formula of {self._name(y)}")
        return self.counted(count, f"the formula of {self._name(y)}")

    def pullback(self, y: Sym, x: Sym, leaves: Sequence[Sym], passed: Sequence[Operand]) -> int:
        """Compare what is passed back from y to x with differences of y along a direction."""
        run = self._given(self.graph, leaves, [y])
        ct = self.circuit.pulls.upstream[y]

        def values(k: int, at: Any) -> Any:
            known = [at if leaf is x else self.value(k, leaf) for leaf in leaves]
            y_value = run(self.inputs[k], known)[0]
            return np.asarray(self.value(k, ct)) * y_value

        def total(k: int) -> Any:
            return sum(np.asarray(self.value(k, p)) for p in passed)

        return self._along(
            values, self._at(x), total, f"what {self._name(y)} passes to {self._name(x)}"
        )

    def local(self, y: Sym, x: Sym, leaves: Sequence[Sym], local: Sequence[Operand]) -> int:
        """Compare a local derivative with differences of y along a direction."""
        run = self._given(self.graph, leaves, [y])

        def values(k: int, at: Any) -> Any:
            known = [at if leaf is x else self.value(k, leaf) for leaf in leaves]
            return run(self.inputs[k], known)[0]

        def total(k: int) -> Any:
            return sum(np.asarray(self.value(k, p)) for p in local)

        said = f"the derivative of {self._name(y)} by {self._name(x)}"
        is_scalar = not self.circuit.made.primal.avals[y].shape
        return self._along(values, self._at(x), total, said, is_scalar)

    def upstream(self, x: Sym, derivative: Callable[[int], Any]) -> int:
        """Compare the derivative of the output by a value with differences of the output."""
        graph = self.circuit.made.primal

        def at(k: int) -> Any:
            known = self.known[k].get(x)
            return evaluate(self.graph, self.inputs[k], [x])[0] if known is None else known

        return self.derivative(x, derivative, graph, self.inputs, at)

    def derivative(
        self,
        x: Sym,
        derivative: Callable[[int], Any],
        graph: Graph,
        inputs: Sequence[Mapping[Sym, Any]],
        at: Callable[[int], Any],
    ) -> int:
        """Compare a derivative of the first output of a graph with differences of that output."""
        others = [y for y in inputs[0] if y is not x]
        run = evaluator(graph, [*others, x], [graph.outputs[0]])

        def values(k: int, moved: Any) -> Any:
            return run(*[inputs[k][y] for y in others], moved)[0]

        said = f"the derivative of the output by {self._name(x)}"
        return self._along(values, at, derivative, said, sizes=self._sizes)

    @functools.cached_property
    def _sizes(self) -> list[float]:
        """At each point the largest value on the way to the output, which rounding is part of."""
        nodes = [node.symbol for node in self.circuit.nodes]
        found = [[float(np.sum(np.abs(known[x]))) for x in nodes if x in known]
                 for known in self.known]  # fmt: skip
        return [max([0.0, *filter(math.isfinite, sizes)]) for sizes in found]

    def _along(
        self,
        values: Callable[[int, Any], Any],
        where: Callable[[int], Any],
        derivative: Callable[[int], Any],
        said: str,
        is_summed: bool = True,
        sizes: Sequence[float] = (0.0,) * COUNT,
    ) -> int:
        """Compare differences along a random direction with the derivative, at each point.

        A difference across a kink says nothing of the derivative: such a point does not count.
        Zeros stay where they are if they are the kink: those of a relu tie with one another.
        """
        compared = 0
        for k in range(COUNT):
            at = np.asarray(where(k))
            v = self.random.standard_normal(at.shape).astype(at.dtype)
            compared += any(
                self._holds(k, values, at, along, derivative, said, is_summed, sizes[k])
                for along in ([v, v * (at != 0)] if at.ndim and not at.all() else [v])
            )
        return self.counted(compared, said)

    def _holds(
        self,
        k: int,
        values: Callable[[int, Any], Any],
        at: Any,
        v: Any,
        derivative: Callable[[int], Any],
        said: str,
        is_summed: bool,
        largest: float,
    ) -> bool:
        """Return whether a comparison was possible at a point; raise if it fails.

        The step gets smaller until the differences to both sides agree.
        """
        expected = np.asarray(derivative(k)) * v
        expected = expected.sum() if is_summed else expected
        scale = float(np.max(np.abs(at), initial=0.0)) or 1.0
        for shrink in SHRINKS:
            h = self.step * scale * shrink
            with np.errstate(all="ignore"):
                low, middle, high = (values(k, _as(at, at + s * h * v)) for s in (-1, 0, 1))
                size = max(np.max(np.abs(middle), initial=0.0), largest)
                is_smooth = _near((high - middle) / h, (middle - low) / h, 1e-2,
                                  100 * self.eps * size / h + 1e-9)  # fmt: skip
                if is_summed:  # a sum of what cancels has the rounding of its terms
                    size = max(np.sum(np.abs(middle)), largest)
                    low, middle, high = np.sum(low), np.sum(middle), np.sum(high)
                ahead, behind = (high - middle) / h, (middle - low) / h
            if not (np.all(np.isfinite(ahead + behind)) and np.all(np.isfinite(expected))):
                return False
            noise = 100 * self.eps * size / h + 1e-9
            if is_smooth and _near(ahead, behind, 1e-2, noise):
                if not _near((ahead + behind) / 2, expected, self.tolerance * 10, noise):
                    raise GraphError(f"{said} is not what differences give: please report this")
                return True
        return False

    def counted(self, count: int, said: str) -> int:
        """Return at how many points something was compared, or raise if at none."""
        if not count:
            raise ArgumentError(
                f"{said} cannot be checked near these arguments: values are not finite there, or "
                "on a kink; give others"
            )
        return count

    def same(self, a: Any, b: Any, said: str) -> bool:
        """Return whether two values that must be equal are finite; raise if they differ."""
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
            return False
        scale = max(np.max(np.abs(a), initial=0.0), np.max(np.abs(b), initial=0.0))
        if not _near(a, b, self.tolerance, self.tolerance * scale):
            raise GraphError(f"{said} does not hold at a random point: please report this")
        return True

    def _at(self, x: Sym) -> Callable[[int], Any]:
        return lambda k: self.value(k, x)

    def _given(
        self, graph: Graph, leaves: Sequence[Sym], wanted: Sequence[Operand]
    ) -> Callable[[Mapping[Sym, Any], Sequence[Any]], list[Any]]:
        """Return the function of the inputs and of the values of ``leaves`` that gives others."""
        inputs = [x for x in self.inputs[0] if x not in leaves]
        run = evaluator(graph, [*inputs, *leaves], wanted)
        return lambda given, known: run(*[given[x] for x in inputs], *known)

    def _name(self, x: Sym) -> str:
        return self.circuit.wording.names.get(x, str(x))


def _as(like: Any, value: Any) -> Any:
    return value if np.shape(like) else value[()]


def _near(a: Any, b: Any, relative: float, absolute: Any) -> bool:
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return bool(np.all(np.abs(a - b) <= absolute + relative * np.maximum(np.abs(a), np.abs(b))))
