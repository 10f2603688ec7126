"""Fold layers that repeat into one block.

Given a sketch of blocks, return one in which ``k`` equal layers in a row are a pile with ``× k`` on
it.  Invariant: only what is read by the next block alone disappears in a pile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from symgrad.study.picture.sketch import Label, Link, Part, Sketch

DOTS = "⋮"
LEAST = 2


@dataclass(frozen=True, slots=True)
class _Run:
    """``times`` layers of ``unit`` blocks each, from the place ``start`` of a chain on."""

    start: int
    unit: int
    times: int

    @property
    def saves(self) -> int:
        return (self.times - 1) * self.unit


def folded(sketch: Sketch) -> Sketch:
    """Return the sketch with its repeated layers folded."""
    for chain in _chains(sketch):
        run = _longest_run([_kind(sketch.parts[k]) for k in chain])
        if run is not None:
            blocks = chain[run.start : run.start + run.unit * run.times]
            return folded(_Fold(sketch, blocks, run.unit).result())
    return sketch


def _kind(part: Part) -> str:
    return part.heading if part.times == 1 else ""


def _chains(sketch: Sketch) -> list[list[int]]:
    """Return the blocks in a row: each read by the next alone, which reads no other block."""
    reads: list[set[int]] = [set() for _ in sketch.parts]
    read_by: list[set[int]] = [set() for _ in sketch.parts]
    for link in sketch.links:
        read_by[link.source].add(link.target)
        if sketch.parts[link.source].look == "block":
            reads[link.target].add(link.source)
    follows = {}
    for k, part in enumerate(sketch.parts):
        if part.look == "block" and len(read_by[k]) == 1:
            (after,) = read_by[k]
            if reads[after] == {k}:
                follows[k] = after
    chains = []
    for first in sorted(follows.keys() - set(follows.values())):
        chain = [first]
        while chain[-1] in follows:
            chain.append(follows[chain[-1]])
        chains.append(chain)
    return chains


def _longest_run(kinds: Sequence[str]) -> _Run | None:
    """Return the run that folds most blocks; of equals the one with the smallest layer."""
    best: _Run | None = None
    for unit in range(1, len(kinds) // LEAST + 1):
        for start in range(len(kinds) - LEAST * unit + 1):
            layer = kinds[start : start + unit]
            times = 1
            while kinds[start + times * unit : start + (times + 1) * unit] == layer:
                times += 1
            run = _Run(start, unit, times)
            if times >= LEAST and all(layer) and run.saves > (best.saves if best else 0):
                best = run
    return best


class _Fold:
    """The blocks of one run made one, and the inputs of each operand made one."""

    def __init__(self, sketch: Sketch, blocks: Sequence[int], unit: int) -> None:
        self.sketch = sketch
        self.layers = [list(blocks[k : k + unit]) for k in range(0, len(blocks), unit)]
        self.inside = set(blocks)
        self.becomes = dict.fromkeys(blocks, blocks[-1])
        self.names: dict[int, list[int]] = {}
        self._gather_inputs()

    def _gather_inputs(self) -> None:
        """Let the inputs that are the same operand of each layer become one.

        What the first layer reads in place of a layer before it, the data, stays by itself.
        """
        place = {block: k for layer in self.layers for k, block in enumerate(layer)}
        slots: dict[tuple[int, int], list[int]] = {}
        for link in self.sketch.links:
            if link.target in place and self.sketch.parts[link.source].look == "input":
                slots.setdefault((place[link.target], link.position), []).append(link.source)
        for sources in slots.values():
            each = list(dict.fromkeys(sources))
            if len(each) == len(self.layers) and not any(x in self.becomes for x in each):
                self.names[each[0]] = each
                self.becomes.update((x, each[0]) for x in each)

    def _parts(self) -> dict[int, Part]:
        parts = dict(enumerate(self.sketch.parts))
        last = self.layers[-1][-1]
        parts[last] = self._pile()
        for first, each in self.names.items():
            parts[first] = self._inputs([self.sketch.parts[x] for x in each])
        return {k: part for k, part in parts.items() if self.becomes.get(k, k) == k}

    def result(self) -> Sketch:
        parts = self._parts()
        place = {old: new for new, old in enumerate(parts)}
        links: dict[tuple[int, int, int], Link] = {}
        for link in self.sketch.links:
            source = self.becomes.get(link.source, link.source)
            target = self.becomes.get(link.target, link.target)
            if source == target:
                continue
            many = source in self.names or target == self.layers[-1][-1]
            key = (source, target, -1 if many else link.position)
            alone = key not in links and link.source not in self.becomes
            label = link.label if alone else None  # of several wires made one, none speaks for all
            first = links.get(key, link)
            links[key] = replace(first, source=place[source], target=place[target], label=label)
        return replace(self.sketch, parts=tuple(parts.values()), links=tuple(links.values()))

    def _pile(self) -> Part:
        first, last = ([self.sketch.parts[k] for k in self.layers[i]] for i in (0, -1))
        rows = [row for part in first for row in part.rows]
        rows += [DOTS, *(row for part in last for row in part.rows)]
        about = "; ".join(self.sketch.parts[k].about for layer in self.layers for k in layer)
        heading = " → ".join(part.heading for part in first)
        return replace(
            last[-1], rows=tuple(rows), heading=heading, about=about, times=len(self.layers)
        )

    def _inputs(self, parts: Sequence[Part]) -> Part:
        about = "; ".join(part.about for part in parts)
        row = f"{parts[0].rows[0]} … {parts[-1].rows[0]}"
        same = all(part.exit == parts[0].exit for part in parts)
        return replace(parts[0], rows=(row,), about=about, exit=parts[0].exit if same else Label())
