"""The steps from the composition to the chain rule, read off a circuit.

Given a circuit and points, return steps.  Invariant: every line with an equation has been compared
at the points (`symgrad.study.derivations.points`) before it is returned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from symgrad.errors import Location
from symgrad.graph import Equation, Static, Sym
from symgrad.notation import (
    Apply,
    Fenced,
    Math,
    Name,
    Number,
    Product,
    Relation,
    Sign,
    derivative,
    equals,
    minus,
    plus,
    with_indices,
    without_sign,
)
from symgrad.ops.table import rule_of
from symgrad.study.circuit import Circuit, Edge, Node
from symgrad.study.derivations.points import Points
from symgrad.study.derivations.steps import Line, Step, Words
from symgrad.study.pullbacks import Group

FUNCTIONS = "fghpqrsw"  # for the parts of a composition
MOST_PATHS, LONGEST_PATH = 4, 12  # that are written out as products
MOST_WRITTEN = 60  # operations of a product with everything written out


class Deriving:
    """Writes the steps of one circuit."""

    def __init__(self, circuit: Circuit, points: Points):
        self.circuit, self.points = circuit, points
        self.words, self.pulls = circuit.wording, circuit.pulls
        self.groups: Mapping[Sym, Group] = self.words.groups
        self.parts = [node for node in circuit.nodes if node.kind == "op"]
        self.output = circuit.nodes[circuit.output]
        is_taken = not {"delta", "δ"}.isdisjoint(self.words.names.values())
        self.delta: Math = Name("G") if is_taken else Sign("δ")

    # --- the composition

    def composition(self) -> Step:
        """Name the parts: the outermost first in a chain of functions, else in the user's order."""
        chain = self._chain()
        if chain is None:
            lines = tuple(self._part(node, self._equation(node)) for node in self.parts)
            return Step("composition", "The parts", self._spoken(), lines)
        letters = [f for f in FUNCTIONS if f not in self.words.names.values()]
        shown = []
        calls: Math | None = None
        for node, letter in zip(chain, letters, strict=False):
            read = self._name(self._reads(node)[0])
            left, right = self.words.equation(node.symbol)
            call = Apply(Name(letter), (Fenced(read, "(", ")"),))
            shown.append(self._part(node, equals(left, call, right)))
        for node, letter in reversed(list(zip(chain, letters, strict=False))):
            inside = calls if calls is not None else self._name(self._reads(node)[0])
            calls = Apply(Name(letter), (Fenced(inside, "(", ")"),))
        assert calls is not None
        whole = equals(self._name(self.output.symbol), calls)
        words: Words = ("The function is a composition, ", whole, ", of these parts:")
        return Step("composition", "The parts", words, tuple(shown))

    def _spoken(self) -> Words:
        return ("The function is computed by these parts, each from those before it:",)

    def _chain(self) -> list[Node] | None:
        """Return the parts from the output to the variable, if each reads one value alone."""
        letters = [f for f in FUNCTIONS if f not in self.words.names.values()]
        if not 1 < len(self.parts) <= len(letters):
            return None
        found, node = [], self.output
        while node.kind == "op":
            found.append(node)
            reads = self._reads(node)
            if len(reads) != 1 or self.circuit.made.primal.avals[node.symbol].shape:
                return None
            node = self._node(reads[0])
        return found if len(found) == len(self.parts) and not np.shape(node.value) else None

    def _equation(self, node: Node) -> Math:
        return equals(*self.words.equation(node.symbol))

    def _part(self, node: Node, said: Math) -> Line:
        points = self.points.parts(node.symbol, self._reads(node))
        return Line(said, code=node.text, of=node.name, place=_place(node.location), points=points)

    # --- local derivatives

    def locals(self) -> Step:
        """Return the local derivative of each part by what it reads, with its rule."""
        lines = []
        for node in reversed(self.parts):
            for source in self._sources(node):
                lines.append(self._local(node, self.circuit.nodes[source]))
        words: Words = ("Each part is differentiated by what it reads.",)
        if any(isinstance(line.math, Relation) and line.math.sign == ":" for line in lines):
            words = (
                "Each part is differentiated by what it reads.  Where that is not one number for "
                "each element, the line says what becomes of ", self.delta,
                ", the derivative by the part, on its way back.",
            )  # fmt: skip
        return Step("local", "Local derivatives", words, tuple(lines))

    def _sources(self, node: Node) -> list[int]:
        """Return the nodes that a part reads and passes something back to, in its order."""
        return list(dict.fromkeys(e.source for e in self.circuit.edges_into[node.number]))

    def _between(self, node: Node, source: Node) -> list[Edge]:
        into = self.circuit.edges_into[node.number]
        return [edge for edge in into if edge.source == source.number]

    def _local(self, node: Node, source: Node) -> Line:
        edges = self._between(node, source)
        rule = self._rule(node, source)
        partial = derivative(self._name(node.symbol), self._name(source.symbol), self.words.sign)
        leaves = self._reads(node)
        if all(edge.pull.local is not None for edge in edges):
            indices, right = self._local_formula(edges)
            points = self.points.local(
                node.symbol, source.symbol, leaves, [e.pull.local for e in edges if e.pull.local]
            )
            said: Math = equals(with_indices(partial, _shown(indices)), right)
        else:
            formulas = self.words.reading({node.symbol: self.delta})
            indices, right = formulas.total([e.pull.passed_plain for e in edges])
            back = Relation((self.delta, right), "↦")
            said = Relation((with_indices(partial, _shown(indices)), back), ":")
            points = self.points.pullback(
                node.symbol, source.symbol, leaves, [e.pull.passed for e in edges]
            )
        return Line(said, rule, of=f"{node.name} by {source.name}", points=points)

    def _local_formula(self, edges: Sequence[Edge], everything: bool = False) -> Any:
        group = edges[0].pull.group
        out = [group.result] if len(group.equations) == 1 else []
        if everything:
            out = [y for y in self.words.is_node if y in self.words.defined]
        formulas = self.words.reading({}, self._written_out(out))
        return formulas.total([self.pulls.uncopied(e.pull.local_plain) for e in edges])

    def _written_out(self, nodes: Sequence[Sym]) -> list[Sym]:
        """Return these nodes, also as they are called in the graph of pullbacks."""
        moved = [y for y, node in self.pulls.node_of.items() if node in nodes]
        return [*nodes, *moved]

    def _rule(self, node: Node, source: Node) -> str:
        """Return the names of the rules on the way from a part back to what it reads."""
        reached, found = {source.symbol}, list[str]()
        for eqn in self.groups[node.symbol].equations:
            ks = [k for k, x in enumerate(eqn.rhs.operands) if x in reached]
            if not ks or not self.pulls.active.intersection(eqn.lhs):
                continue
            reached.update(eqn.lhs)
            for k in ks:
                found.append(rule_of(eqn.rhs, k))
                if self._broadcasts(eqn, k):
                    found.append("broadcast sums")
        return ", ".join(dict.fromkeys(reversed(found)))

    def _broadcasts(self, eqn: Equation, k: int) -> bool:
        graph, x = self.circuit.made.primal, eqn.rhs.operands[k]
        if not eqn.rhs.facts.elementwise or type(x) is Static:
            return False
        mine, result = graph.aval(x).shape, graph.avals[eqn.lhs[0]].shape
        padded = (1,) * (len(result) - len(mine)) + tuple(mine)
        pairs = zip(padded, result, strict=True)
        return any(isinstance(a, int) and a == 1 and not graph.shapes.same(b, 1) for a, b in pairs)

    # --- the chain rule

    def chain(self, with_rules: bool) -> Step:
        """Return the derivative of the output by each value, from the output to the variables."""
        lines = []
        products = self._products()
        for node in self._backward():
            product = products.get(node.number)
            lines.append(
                self._by_paths(node, product) if product else self._by_readers(node, with_rules)
            )
        is_summed = any(len(self._targets(node)) > 1 for node in self._backward())
        words: Words = (
            "From the output back to the variables: upstream derivative times local derivative"
            + (", summed over all who read a value." if is_summed else "."),
            *self._told_apart(),
        )
        return Step("chain", "Chain rule", words, tuple(lines))

    def _told_apart(self) -> Words:
        """Return what has to be said where the local derivative is written as the whole one is."""
        for node in self._backward():
            targets = self._targets(node)
            is_both = self.circuit.output in targets and len(targets) > 1
            if is_both and (node.number in self._products() or self._symbolic(node)):
                whole = self.words.derivative_math(node.symbol)
                return (
                    "  On the right, ",
                    whole,
                    " is the local derivative, other parts held fixed.",
                )
        return ()

    def _backward(self) -> list[Node]:
        """Return the nodes that something flows back to, in the order of the backward pass.

        Where every variable has its product written out, the values between need no line.
        """
        found = [
            node for node in reversed(self.circuit.nodes)
            if node.upstream is not None and node.number != self.circuit.output
            and self.circuit.edges_from[node.number]
        ]  # fmt: skip
        products = self._products()
        wrt = [n for n in self.circuit.wrt if self.circuit.nodes[n] in found]
        if wrt and all(n in products for n in wrt):
            return [self.circuit.nodes[n] for n in wrt]
        inner = [node for node in found if node.number not in wrt]
        return [*inner, *(self.circuit.nodes[n] for n in wrt)]

    def _targets(self, node: Node) -> list[int]:
        return list(dict.fromkeys(e.target for e in self.circuit.edges_from[node.number]))

    def _by_readers(self, node: Node, with_rules: bool) -> Line:
        """Return the derivative as the sum of what every reader passes back."""
        edges = self.circuit.edges_from[node.number]
        upstream = {
            t.symbol: Number(1) if t is self.output else self.words.derivative_math(t.symbol)
            for t in (self.circuit.nodes[e.target] for e in edges)
        }
        formulas = self.words.reading(upstream)
        indices, right = formulas.total([e.pull.passed_plain for e in edges])
        left = with_indices(self.words.derivative_math(node.symbol), _shown(indices))
        sides = [left, *self._symbolic(node), right]
        targets = [self.circuit.nodes[t] for t in self._targets(node)]
        rule = "" if len(targets) == 1 else f"read by {_listed([t.name for t in targets])}"
        if with_rules:
            rule = "; ".join(f"from {t.name}: {self._rule(t, node)}" for t in targets)
        points = self.points.upstream(node.symbol, self._total(edges))
        return Line(equals(*sides), rule, of=node.name, points=points)

    def _symbolic(self, node: Node) -> list[Math]:
        """Return the chain rule in symbols, where every factor is a number."""
        if np.shape(node.value):
            return []
        targets = [self.circuit.nodes[t] for t in self._targets(node)]
        if any(np.shape(t.value) for t in targets) or targets == [self.output]:
            return []
        found: Math | None = None
        for target in targets:
            partial = derivative(
                self._name(target.symbol), self._name(node.symbol), self.words.sign
            )
            ups = [] if target is self.output else [self.words.derivative_math(target.symbol)]
            term: Math = Product((*ups, partial), "·") if ups else partial
            found = term if found is None else plus(found, term)
        return [found] if found is not None else []

    def _total(self, edges: Sequence[Edge]) -> Any:
        return lambda k: sum(np.asarray(self.points.value(k, e.pull.passed)) for e in edges)

    # --- products along paths

    def _products(self) -> dict[int, list[list[list[Edge]]]]:
        """Return for each variable its paths, where all are numbers and the paths are few.

        A path is a list of steps, from the output to the variable; a step has all the edges
        between two nodes.
        """
        if any(np.shape(node.value) for node in self.circuit.nodes if node.upstream is not None):
            return {}
        found = {}
        for number in self.circuit.wrt:
            paths = self._paths(self.circuit.nodes[number])
            if paths:
                found[number] = paths
        return found

    def _paths(self, node: Node) -> list[list[list[Edge]]] | None:
        done, todo = list[list[list[Edge]]](), [(node.number, list[list[Edge]]())]
        while todo:
            number, path = todo.pop()
            if number == self.circuit.output:
                done.append(path)
            elif len(path) >= LONGEST_PATH:
                return None
            else:
                here = self.circuit.nodes[number]
                for t in self._targets(here):
                    edges = self._between(self.circuit.nodes[t], here)
                    todo.append((t, [edges, *path]))
            if len(done) + len(todo) > MOST_PATHS:
                return None
        return done[::-1] if all(len(path) > 0 for path in done) else None

    def _by_paths(self, node: Node, paths: Sequence[Sequence[Sequence[Edge]]]) -> Line:
        left = self.words.derivative_math(node.symbol)
        symbols = _sum([_product([self._partial(edges) for edges in path]) for path in paths])
        formulas = _sum(
            [_product([self._local_formula(edges)[1] for edges in path]) for path in paths]
        )
        sides = [left, symbols, formulas] if symbols != left else [left, formulas]
        points = self.points.upstream(node.symbol, self._product_at(paths))
        rule = "chain rule" if len(paths) == 1 else f"chain rule, summed over {len(paths)} paths"
        return Line(equals(*sides), rule, of=node.name, points=points)

    def _partial(self, edges: Sequence[Edge]) -> Math:
        nodes = self.circuit.nodes
        target, source = nodes[edges[0].target].symbol, nodes[edges[0].source].symbol
        return derivative(self._name(target), self._name(source), self.words.sign)

    def _product_at(self, paths: Sequence[Sequence[Sequence[Edge]]]) -> Any:
        def step(k: int, edges: Sequence[Edge]) -> float:
            found = [e.pull.local for e in edges if e.pull.local is not None]
            return sum(float(self.points.value(k, local)) for local in found)

        def total(k: int) -> float:
            return sum(math.prod(step(k, edges) for edges in path) for path in paths)

        return total

    def substituted(self) -> Step | None:
        """Return the products with everything written out in the variables."""
        lines = []
        for number, paths in self._products().items():
            node = self.circuit.nodes[number]
            right = _sum([self._tidy(path) for path in paths])
            if _count(right) > MOST_WRITTEN:
                return None
            points = self.points.upstream(node.symbol, self._product_at(paths))
            left = self.words.derivative_math(node.symbol)
            lines.append(Line(equals(left, right), of=node.name, points=points))
        if not lines or len(self.parts) < 2:
            return None
        words: Words = ("With the parts put back in:",)
        return Step("substitution", "Substituted back", words, tuple(lines))

    def _tidy(self, path: Sequence[Sequence[Edge]]) -> Math:
        """Return the product of a path, written out: its sign in front, and no factor 1."""
        factors = [self._local_formula(edges, everything=True)[1] for edges in path]
        signed = [without_sign(factor) for factor in factors]
        rest = [factor for _, factor in signed if factor != Number(1)] or [Number(1)]
        is_minus = sum(is_minus for is_minus, _ in signed) % 2 == 1
        return minus(_product(rest)) if is_minus else _product(rest)

    # --- names

    def _name(self, x: Sym) -> Math:
        return self.words.math(x)

    def _node(self, x: Sym) -> Node:
        return next(node for node in self.circuit.nodes if node.symbol is x)

    def _reads(self, node: Node) -> list[Sym]:
        """Return the nodes that a part reads, each once."""
        group = self.groups[node.symbol]
        known = {n.symbol for n in self.circuit.nodes}
        return [x for x in dict.fromkeys(group.reads) if x in known]


def _shown(indices: Sequence[Math | None]) -> list[Math]:
    return [index for index in indices if index is not None]


def _product(factors: Sequence[Math]) -> Math:
    return factors[0] if len(factors) == 1 else Product(tuple(factors), "·")


def _sum(terms: Sequence[Math]) -> Math:
    found = terms[0]
    for term in terms[1:]:
        found = plus(found, term)
    return found


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def _count(x: Any) -> int:
    """Return how many parts a formula has."""
    if isinstance(x, tuple):
        return sum(map(_count, x))
    if isinstance(x, Math):
        return 1 + sum(_count(getattr(x, field.name)) for field in fields(x))
    return 0


def _place(location: Location | None) -> str:
    return "" if location is None else location.text


__all__ = ["Deriving"]
