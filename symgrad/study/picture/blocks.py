"""Cut a traced function into layers: affine, activation, regulariser, loss.

Given a graph, return groups of its equations, one for each block, and what each is called.
Invariant: of a group only its last value is read outside of it, and no equation is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from symgrad.graph import Equation, Graph, Operand, Static, Sym
from symgrad.recognise import recognise
from symgrad.study.circuit import DEEPEST

AFFINE, ACTIVATION, LAYER = "affine", "activation", "layer"
REGULARISER, LOSS = "regulariser", "loss"

MOVES = {
    "index", "transpose", "reshape", "expand_dims", "squeeze", "broadcast_to", "alias",
    "as_float", "astype", "materialise", "windows",
}  # fmt: skip
SUMS = {"add", "subtract"}
LONG = 12  # operations in the formula of a value that is read more than once
OUTPUTS = {"sigmoid", "tanh", "relu", "softplus"}  # what a model may return that is no loss
CALLED = {"log_softmax": "log-softmax", "absolute": "abs"}


class Blocks:
    """The blocks of one graph; where nothing is affine, a block for each value with a name."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.output = graph.outputs[0]
        self.defined = {y: eqn for eqn in graph.equations for y in eqn.lhs}
        self.readers: dict[Operand, list[Equation]] = {}
        for eqn in graph.equations:
            for x in eqn.rhs.operands:
                self.readers.setdefault(x, []).append(eqn)
        self.products: set[Operand] = set()  # X @ W, w * x
        self.sums: set[Operand] = set()  # of them, and of biases
        self.after: set[Operand] = set()  # what is computed from one of them
        for eqn in graph.equations:
            self._read(eqn)
        self.affine = self._affine()
        self.parameters = self._parameters()
        self.regularisers = self._regularisers()
        self.boundaries = {*self.affine, *self._activations(), *self.regularisers}
        if not self.affine:
            self.boundaries |= set(graph.notes.names)
        self.boundaries |= self._long()

    # --- affine blocks

    def _leaf(self, x: Operand) -> Operand | None:
        """Return the input that a value is, or is moved from."""
        while x in self.defined:
            rhs = self.defined[x].rhs
            if rhs.name not in MOVES:
                return None
            x = rhs.operands[0]
        return None if isinstance(x, Static) else x

    def _read(self, eqn: Equation) -> None:
        rhs, y = eqn.rhs, eqn.lhs[0]
        if any(x in self.after for x in rhs.operands):
            self.after.update(eqn.lhs)
        if len(rhs.operands) != 2 or not self.graph.avals[y].inexact:
            return
        a, b = rhs.operands
        leaves = self._leaf(a), self._leaf(b)
        if rhs.name in SUMS and self._is_sum(rhs.name, a, b):
            self.sums.add(y)
        elif rhs.name in ("contract", "multiply") and leaves[0] is not leaves[1]:
            others = [x for x, leaf in zip((a, b), leaves, strict=True) if leaf is None]
            if rhs.name == "contract" or all(x in self.after for x in others):
                self.products.add(y)
        if y in self.products or y in self.sums:
            self.after.update(eqn.lhs)

    def _is_sum(self, op: str, a: Operand, b: Operand) -> bool:
        """Return whether products are summed, or a bias added.  ``s - y`` is a residual."""
        known = [x in self.products or x in self.sums for x in (a, b)]
        if op == "subtract" or all(known):
            return all(known)
        return any(known) and all(
            k or self._leaf(x) is not None for k, x in zip(known, (a, b), strict=True)
        )

    def _affine(self) -> set[Operand]:
        """Return the values of the affine blocks: a sum whole; a lone product of arrays too."""
        found = set()
        for y in self.products | self.sums:
            is_part = any(set(eqn.lhs) & self.sums for eqn in self.readers.get(y, ()))
            if not is_part and (y in self.sums or self.defined[y].rhs.name == "contract"):
                found.add(y)
        return found

    def _inside(self) -> set[Operand]:
        """Return the products and sums that the affine blocks are made of."""
        todo, found = list(self.affine), set[Operand]()
        while todo:
            y = todo.pop()
            found.add(y)
            todo += [
                x
                for x in self.defined[y].rhs.operands
                if x in self.products | self.sums and x not in self.affine and y in self.sums
            ]
        return found

    def _parameters(self) -> set[Operand]:
        operands = {x for y in self._inside() for x in self.defined[y].rhs.operands}
        return {leaf for x in operands if (leaf := self._leaf(x)) is not None}

    # --- what else ends a block

    def _activations(self) -> Iterable[Operand]:
        """Give what goes into an affine block, and what comes out of the last one by a name."""
        inside = self._inside()
        for y in inside:
            for x in self.defined[y].rhs.operands:
                if self._leaf(x) is None and x in self.defined and x not in inside:
                    yield x
        for y in self.affine:
            last = [p for p in self.graph.notes.names if self._is_output_of(y, p)]
            yield from last[-1:]

    def _is_output_of(self, y: Operand, p: Sym) -> bool:
        """Return whether ``p`` is all that is read of ``y``, made of it alone, of its shape."""
        avals = self.graph.avals
        if p not in self.defined or p is y or avals[p].shape != self.graph.aval(y).shape:
            return False
        todo, region = [p], {p}
        while todo:
            for x in self.defined[todo.pop()].rhs.operands:
                if x is y or isinstance(x, Static) or x in region:
                    continue
                if x not in self.defined or x in self.affine:
                    return False
                region.add(x)
                todo.append(x)
        read = (region - {p}) | {y}
        stays = all(set(eqn.lhs) <= region for x in read for eqn in self.readers.get(x, ()))
        return stays and not any(x in self.affine for x in self._read_by(p))

    def _read_by(self, p: Operand) -> set[Operand]:
        return {y for eqn in self.readers.get(p, ()) for y in eqn.lhs}

    def _regularisers(self) -> set[Operand]:
        """Return the numbers made of parameters (and other numbers) that meet the data later."""
        avals, touched = self.graph.avals, set[Operand]()
        plain: set[Operand] = {
            x for x in self.graph.inputs if x in self.parameters or not avals[x].shape
        }
        touched |= self.parameters
        for eqn in self.graph.equations:
            symbols = [x for x in eqn.rhs.operands if not isinstance(x, Static)]
            if all(x in plain for x in symbols) and not self.affine & set(eqn.lhs):
                plain.update(eqn.lhs)
                if any(x in touched for x in symbols):
                    touched.update(eqn.lhs)
        inside = self._inside()
        return {
            y
            for y in (plain & touched) - inside
            if y in self.defined
            and not avals[y].shape
            and self._leaf(y) is None
            and any(x not in plain for x in self._read_by(y))
        }

    def _long(self) -> set[Operand]:
        """Return what is read several times and too long to be written out each time."""
        found, length = set[Operand](), dict[Operand, int]()
        for eqn in self.graph.equations:
            long = 1 + sum(length.get(x, 0) for x in eqn.rhs.operands)
            for y in eqn.lhs:
                is_end = y in self.boundaries
                if long > LONG and len(self.readers.get(y, ())) > 1 and not is_end:
                    found.add(y)
                length[y] = 0 if is_end or y in found else long
        return found

    # --- groups and what they are called

    def groups(self) -> list[list[int]]:
        """Return the numbers of the equations of each block, blocks in forward order."""
        owner: dict[int, int] = {}
        parts: dict[int, list[int]] = {}
        depth: dict[int, int] = {}
        number = {y: k for k, eqn in enumerate(self.graph.equations) for y in eqn.lhs}
        for k in reversed(range(len(self.graph.equations))):
            lhs = self.graph.equations[k].lhs
            readers = {number[r.lhs[0]] for y in lhs for r in self.readers.get(y, ())}
            into = {owner[r] for r in readers if r in owner}
            depth[k] = 1 + max((depth[r] for r in readers), default=0)
            ends = len(lhs) > 1 or len(into) != 1 or self.output in lhs or depth[k] > DEEPEST
            owner[k] = k if ends or self.boundaries & set(lhs) else into.pop()
            if owner[k] == k:
                depth[k] = 0
            parts.setdefault(owner[k], []).append(k)
        return [sorted(parts[k]) for k in sorted(parts)]

    def heading(self, equations: Sequence[Equation]) -> str:
        """Return what a block is called, given its equations; nothing where there are no layers."""
        result = equations[-1].lhs[0]
        if not self.affine:
            return ""
        if result in self.affine:
            return AFFINE
        if result in self.regularisers:
            return REGULARISER
        function = self._function(equations)
        if result is self.output:
            return function if function in OUTPUTS else LOSS
        return function or LAYER

    def _function(self, equations: Sequence[Equation]) -> str:
        """Return the function that a block is, if it is one function of one value."""
        inside = {y for eqn in equations for y in eqn.lhs}
        read = {x for eqn in equations for x in eqn.rhs.operands if not isinstance(x, Static)}
        sources = tuple(x for x in self.graph.avals if x in read - inside)
        if len(sources) != 1:
            return ""
        result = equations[-1].lhs[0]
        block = replace(self.graph, inputs=sources, equations=tuple(equations), outputs=(result,))
        found, _ = recognise(block)
        eqn = next((e for e in found.equations if found.outputs[0] in e.lhs), None)
        elementwise = all(e.rhs.facts.elementwise for e in equations)
        if eqn is None or set(eqn.rhs.operands) - {*sources} - _statics(eqn):
            return ACTIVATION if elementwise else ""
        is_relu = eqn.rhs.name == "maximum" and any(_is_zero(x) for x in eqn.rhs.operands)
        return "relu" if is_relu else CALLED.get(eqn.rhs.name, eqn.rhs.name.replace("_", " "))


def _statics(eqn: Equation) -> set[Operand]:
    return {x for x in eqn.rhs.operands if isinstance(x, Static)}


def _is_zero(x: Operand) -> bool:
    return isinstance(x, Static) and x.value == 0
