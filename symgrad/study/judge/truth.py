"""What is right: the values, cotangents and local derivatives of the user's own function.

Given a specialisation, a `Witness` runs emitted code that returns, for the arguments of a point,
the gradient and the true value of everything that a claim may mention.  Invariant: all truth
comes from the graph that emits the gradient; nothing here looks at a claim.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from symgrad.differentiate import active_symbols, differentiate
from symgrad.dims import Dim, evaluate
from symgrad.emit import ModuleView, ModuleWriter, print_module
from symgrad.expand import drop_dead, expand
from symgrad.graph import Aval, Equation, Graph, Operand, Static, Sym
from symgrad.load import load_function
from symgrad.schedule import whole
from symgrad.simplify import simplify
from symgrad.specialise import Specialisation
from symgrad.trace import canonical
from symgrad.trees import LEAF, Tree

MOST_NAMED = 80  # named values of a function that are looked at; the last ones of a long loop
MOST_SLOPES = 40
MOST_TERMS = 12
LINEAR = frozenset({"add", "subtract", "negative", "alias", "astype", "as_float"})

MOST_UNNAMED = 60
LONGEST_SPELLING = 40

VALUE, COTANGENT, ANSWER, SLOPE, TERM = "value", "cotangent", "answer", "slope", "term"
UNNAMED = "unnamed"


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing that the witness returns: what it is, and of which name.

    ``of`` is the name of the value (of a slope, the name of the function's result; of a term, the
    parameter), ``at`` the name of a slope's argument, or the number of a term.
    """

    kind: str
    of: str
    aval: Aval
    at: Any = None
    sign: int = 1


@dataclass(slots=True)
class Truths:
    """Everything that is true at one point."""

    value: Any = None
    answers: dict[str, Any] = field(default_factory=dict)
    values: dict[str, list[Any]] = field(default_factory=dict)
    cotangents: dict[str, list[Any]] = field(default_factory=dict)
    slopes: dict[tuple[str, str], Any] = field(default_factory=dict)
    terms: dict[tuple[str, int], Any] = field(default_factory=dict)
    unnamed: dict[str, Any] = field(default_factory=dict)


class Witness:
    """Emitted code that knows what is true for one specialisation.

    ``asked`` are intermediates whose gradients are the answers, in place of the arguments'.
    """

    def __init__(self, made: Specialisation, asked: Sequence[str] = ()):
        self.made, self.graph, self.asked = made, made.traced.graph, asked
        self.regularisers: set[int] = set()
        self.leaf_names = {x: leaf_name(made, x) for x in made.wrt_symbols}
        self.spell = Spelling(self.graph)
        self.related: dict[str, set[str]] = {}

    # --- what there is to know

    @functools.cached_property
    def named(self) -> list[Sym]:
        """The values that the user named, except arguments."""
        bound = [y for eqn in self.graph.equations for y in eqn.lhs]
        known = self.graph.notes.names
        found = [y for y in bound if y in known and self.graph.avals[y].dtype.kind in "fiub"]
        return found[-MOST_NAMED:]

    @functools.cached_property
    def _made(self) -> tuple[str, list[Slot]]:
        """The text of the witness and what it returns."""
        graph, notes = self.graph, self.graph.notes
        active = active_symbols(graph, self.made.wrt_symbols)
        inner = [x for x in self.named if x in active or graph.avals[x].inexact]
        wrt = [*self.made.wrt_symbols, *inner]
        joint = differentiate(graph, wrt, self.made.value_count, None, True)
        found: list[tuple[Slot, Operand]] = []
        cts = joint.outputs[len(graph.outputs) :]
        for x, ct in zip(wrt, cts, strict=True):
            is_answer = x in self.leaf_names
            name = self.leaf_names[x] if is_answer else notes.names[x]
            found.append((Slot(ANSWER if is_answer else COTANGENT, name, graph.avals[x]), ct))
        found += [(Slot(VALUE, notes.names[x], graph.avals[x]), x) for x in self.named]
        found += self._unnamed()
        joint, slopes = self._slopes(joint)
        joint, terms = self._terms(joint)
        found += slopes + terms
        slots = [slot for slot, _ in found]
        outputs = (*graph.outputs, *(y for _, y in found))
        return self._emit(replace(joint, outputs=outputs), len(slots)), slots

    @property
    def slots(self) -> list[Slot]:
        return self._made[1]

    @property
    def text(self) -> str:
        """The witness as a function of the user's parameters, in plain NumPy."""
        return self._made[0]

    def _emit(self, graph: Graph, count: int) -> str:
        graph = simplify(graph, len(self.graph.equations), 0, None)
        graph = expand(graph)
        graph = drop_dead(canonical(graph) if graph.shapes.has_selected else graph)
        results = tuple((f"result{k}", Tree(LEAF), 1) for k in range(count))
        interface = replace(self.made.interface, wrt=results, single=False, comments=False)
        writer = ModuleWriter(interface)
        values = self.made.output_count
        view = writer.value_and_grad(whole(graph, values), values)
        return print_module(ModuleView((), "What is true.", (), writer.np, (view,)))

    def _slopes(self, joint: Graph) -> tuple[Graph, list[tuple[Slot, Operand]]]:
        """Add the derivative of each element-wise step: what a forgotten factor would be."""
        found: list[tuple[Slot, Operand]] = []
        outputs = joint.outputs
        pairs = activations(self.graph, self.made.wrt_symbols)[:MOST_SLOPES]
        pairs += [p for p in named_pairs(self.graph, self.made.wrt_symbols) if p not in pairs]
        for z, h in pairs:
            if h is outputs[0] and z in self.made.wrt_symbols:
                continue  # the answer itself explains nothing
            joint = differentiate(replace(joint, outputs=(h,)), [z], 1, None)
            slot = Slot(SLOPE, self.spell(h), self.graph.avals[z], at=self.spell(z))
            found.append((slot, joint.outputs[1]))
        return replace(joint, outputs=outputs), found

    def _unnamed(self) -> list[tuple[Slot, Operand]]:
        """Note which values are element-wise functions of which; the unnamed are returned too."""
        found: dict[Sym, tuple[Slot, Operand]] = {}
        names = self.graph.notes.names
        for z, h in elementwise_pairs(self.graph, self.made.wrt_symbols):
            for x, y in ((z, h), (h, z)):
                if y not in names and len(found) >= MOST_UNNAMED:
                    continue
                self.related.setdefault(self.spell(x), set()).add(self.spell(y))
                if y not in names:
                    found[y] = Slot(UNNAMED, self.spell(y), self.graph.avals[y]), y
        return list(found.values())

    def _terms(self, joint: Graph) -> tuple[Graph, list[tuple[Slot, Operand]]]:
        """Add the gradient of each term of the loss: what a forgotten term would be."""
        found: list[tuple[Slot, Operand]] = []
        outputs = joint.outputs
        terms = list(additive_terms(self.graph))
        if not 1 < len(terms) <= MOST_TERMS:
            return joint, found
        wrt = self.made.wrt_symbols
        self.regularisers |= regularisers(self.graph, [term for _, term in terms], wrt)
        for k, (sign, term) in enumerate(terms):
            joint = differentiate(replace(joint, outputs=(term,)), self.made.wrt_symbols, 1, None)
            for x, ct in zip(self.made.wrt_symbols, joint.outputs[1:], strict=True):
                slot = Slot(TERM, self.leaf_names[x], self.graph.avals[x], at=k, sign=sign)
                found.append((slot, ct))
        return replace(joint, outputs=outputs), found

    # --- at a point

    @functools.cached_property
    def _run(self) -> Callable[..., Any]:
        return load_function(self.text, self.made.name, "value_and_grad")

    def at(self, args: Sequence[Any], kwargs: Mapping[str, Any], dims: Mapping[Dim, int]) -> Truths:
        """Return what is true for these arguments."""
        with np.errstate(all="ignore"):
            value, results = self._run(*args, **kwargs, **self.made.captured_values())
        return self.truths(value, results, dims)

    def truths(self, value: Any, results: Sequence[Any], dims: Mapping[Dim, int]) -> Truths:
        """Sort what the witness returned; a number that stands for an array is spread out."""
        found = Truths(value)
        for slot, result in zip(self.slots, results, strict=True):
            spread = self._spread(result, slot.aval, dims)
            if slot.kind == ANSWER:
                found.answers[slot.of] = spread
            elif slot.kind == SLOPE:
                found.slopes[slot.of, str(slot.at)] = spread
            elif slot.kind == UNNAMED:
                found.unnamed[slot.of] = spread
            elif slot.kind == TERM:
                found.terms[slot.of, slot.at] = slot.sign * spread
            else:
                into = found.values if slot.kind == VALUE else found.cotangents
                into.setdefault(slot.of, []).append(spread)
        if self.asked:
            found.answers = {name: found.cotangents[name][-1] for name in self.asked}
        return found

    def _spread(self, result: Any, aval: Aval, dims: Mapping[Dim, int]) -> Any:
        shapes = self.graph.shapes
        try:
            shape = tuple(evaluate(shapes.resolve(size), dims) for size in aval.shape)
        except KeyError:  # a size that only the data knows
            return result
        if np.shape(result) == shape:
            return result
        return np.array(np.broadcast_to(np.asarray(result), shape))


def leaf_name(made: Specialisation, x: Sym) -> str:
    """Return what a leaf of an argument is called in formulas."""
    return made.traced.graph.notes.names.get(x, str(x))


def dims_at(made: Specialisation, leaves: Mapping[Sym, Any]) -> dict[Dim, int]:
    """Return the size of each dim, given the value of each leaf."""
    graph = made.traced.graph
    found: dict[Dim, int] = {}
    for x, value in leaves.items():
        shape = graph.shapes.resolve_shape(graph.avals[x].shape)
        for size, now in zip(shape, np.shape(value), strict=False):
            if isinstance(size, Dim):
                found.setdefault(size, now)
    return found


def size_names(made: Specialisation, dims: Mapping[Dim, int]) -> dict[str, int]:
    """Return the sizes that the user named, by name."""
    shapes = made.traced.graph.shapes
    return {name: now for dim, now in dims.items() if (name := shapes.user_name(dim)) is not None}


# --- reading the graph -------------------------------------------------------------------------


def activations(graph: Graph, wrt: Sequence[Sym]) -> list[tuple[Sym, Sym]]:
    """Return pairs ``(z, h)`` where ``h`` is an element-wise, not linear, function of ``z``."""
    active = active_symbols(graph, wrt)
    defined = {y: eqn for eqn in graph.equations for y in eqn.lhs}
    ends = _ends(graph, active)
    found = []
    for h in ends:
        for z in _starts(graph, h, defined, active):
            found.append((z, h))
    single = [pair for pair in elementwise_pairs(graph, wrt, whole=False) if pair not in found]
    return found + single


def named_pairs(graph: Graph, wrt: Sequence[Sym]) -> list[tuple[Sym, Sym]]:
    """Return pairs of named values of which one is a number, or a function by elements."""
    names = graph.notes.names
    active = active_symbols(graph, wrt)
    local = elementwise_pairs(graph, wrt)
    found = [(x, y) for x, y in local if x in names and y in names]
    numbers = [y for e in graph.equations for y in e.lhs if y in active and y in names]
    numbers = [y for y in numbers if not graph.avals[y].shape]
    for y in numbers:
        above = values_above(graph, y)
        found += [(x, y) for x in names if x in active and x in above and x is not y]
    return list(dict.fromkeys(found))[:MOST_SLOPES]


def values_above(graph: Graph, y: Sym) -> set[Sym]:
    """Return everything that a value is made of."""
    read = {y}
    for eqn in reversed(graph.equations):
        if not read.isdisjoint(eqn.lhs):
            read.update(x for x in eqn.rhs.operands if isinstance(x, Sym))
    return read


def elementwise_pairs(
    graph: Graph, wrt: Sequence[Sym], whole: bool = True
) -> list[tuple[Sym, Sym]]:
    """Return pairs ``(x, y)`` of equal shape where ``y`` is a function of ``x`` by elements.

    With ``whole`` over any number of steps that no number is lost in; otherwise over one step
    that is not linear.
    """
    active = active_symbols(graph, wrt)
    above: dict[Sym, set[Sym]] = {}
    found: list[tuple[Sym, Sym]] = []
    for eqn in graph.equations:
        y = eqn.lhs[0]
        if y not in active or not eqn.rhs.facts.elementwise or len(found) > 4 * MOST_UNNAMED:
            continue
        mine = [x for x in eqn.rhs.operands if isinstance(x, Sym) and x in active]
        mine = [
            x for x in mine if graph.shapes.same_shape(graph.avals[x].shape, graph.avals[y].shape)
        ]
        if whole:
            above[y] = {a for x in mine for a in (x, *above.get(x, ()))}
            found += [(x, y) for x in sorted(above[y], key=lambda x: x.index)]
        elif (
            len(set(mine)) == 1
            and eqn.rhs.name not in LINEAR
            and not _is_scaling(eqn, mine[0], active)
        ):
            found.append((mine[0], y))
    return found


def _ends(graph: Graph, active: set[Sym]) -> list[Sym]:
    """Return the values where element-wise work ends, or that the user named."""
    names = graph.notes.names
    read: set[Sym] = set()
    for eqn in graph.equations:
        if not eqn.rhs.facts.elementwise:
            read.update(x for x in eqn.rhs.operands if isinstance(x, Sym))
    bound = [y for eqn in graph.equations for y in eqn.lhs if eqn.rhs.facts.elementwise]
    read.update(y for y in graph.outputs if isinstance(y, Sym))
    return [y for y in bound if y in active and (y in read or y in names)][-MOST_NAMED:]


def _starts(
    graph: Graph, h: Sym, defined: Mapping[Sym, Equation], active: set[Sym]
) -> Iterator[Sym]:
    """Return the values that ``h`` is an element-wise function of, nearest first."""
    shape = graph.avals[h].shape
    bends: dict[Sym, bool] = {h: False}  # whether something not linear lies between it and h
    todo, seen = [h], {h}
    barred: set[Sym] = set()
    while todo:
        y = max(todo, key=lambda x: x.index)  # every reader of y was seen before y
        todo.remove(y)
        eqn = defined.get(y)
        if y is not h and bends[y] and y not in barred and _may_start(graph, y, eqn):
            yield y
        local = eqn is not None and bool(eqn.rhs.facts.elementwise)
        for x in eqn.rhs.operands if eqn is not None else ():
            if not isinstance(x, Sym) or x not in active:
                continue
            same = graph.shapes.same_shape(graph.avals[x].shape, shape)
            if not local or not same or y in barred:
                barred.add(x)
            assert eqn is not None
            is_bend = eqn.rhs.name not in LINEAR and not _is_scaling(eqn, x, active)
            bends[x] = bends.get(x, False) or bends[y] or is_bend
            if x not in seen:
                seen.add(x)
                todo.append(x)


def _is_scaling(eqn: Equation, x: Sym, active: set[Sym]) -> bool:
    """Return whether a product or quotient is linear in ``x``."""
    operands = eqn.rhs.operands
    if eqn.rhs.name == "multiply":
        return sum(1 for y in operands if y in active) == 1
    return eqn.rhs.name == "divide" and operands[1] not in active and operands[0] is x


def _may_start(graph: Graph, y: Sym, eqn: Equation | None) -> bool:
    if eqn is None or y in graph.notes.names:
        return True
    return not eqn.rhs.facts.elementwise or eqn.rhs.name in ("add", "subtract", "power", "square")


def additive_terms(graph: Graph) -> Iterator[tuple[int, Sym]]:
    """Return the terms whose sum is the value, each with its sign."""
    defined = {y: eqn.rhs for eqn in graph.equations for y in eqn.lhs}
    todo = [(1, graph.outputs[0])]
    while todo:
        sign, y = todo.pop(0)
        if isinstance(y, Static):
            continue
        rhs = defined.get(y)
        if rhs is not None and rhs.name in ("add", "subtract"):
            a, b = rhs.operands
            todo[:0] = [(sign, a), (sign if rhs.name == "add" else -sign, b)]
        elif rhs is not None and rhs.name in ("negative", "alias"):
            todo[:0] = [(-sign if rhs.name == "negative" else sign, rhs.operands[0])]
        else:
            yield sign, y


def regularisers(graph: Graph, terms: Sequence[Sym], wrt: Sequence[Sym]) -> set[int]:
    """Return the numbers of the terms that regularise.

    Such a term reads no array but those of ``wrt``, or fewer than another term and a weight: a
    number that no other term reads.
    """
    reads = [inputs_of(graph, term) for term in terms]
    arrays = [{x for x in mine if graph.avals[x].shape and x not in wrt} for mine in reads]
    most = max(map(len, arrays))
    found = set()
    for k, mine in enumerate(reads):
        others = set().union(*(read for j, read in enumerate(reads) if j != k))
        has_weight = any(not graph.avals[x].shape for x in mine - others - set(wrt))
        if not arrays[k] or (has_weight and len(arrays[k]) < most):
            found.add(k)
    return found if len(found) < len(terms) else set()


def inputs_of(graph: Graph, y: Sym) -> set[Sym]:
    """Return the inputs that a value is made of."""
    return values_above(graph, y) & set(graph.inputs)


def batch_dims(graph: Graph) -> set[Any]:
    """Return the sizes that lead arrays, and end none with more axes: numbers of examples."""
    shapes = [graph.shapes.resolve_shape(graph.avals[x].shape) for x in graph.inputs]
    ends = {shape[-1] for shape in shapes if len(shape) > 1}
    return {shape[0] for shape in shapes if shape and shape[0] not in ends}


class Spelling:
    """What to call a value: its name, or a short formula."""

    INFIX: Mapping[str, str] = {
        "add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}",
        "power": "{}**{}", "square": "{}**2", "negative": "-{}",
    }  # fmt: skip

    def __init__(self, graph: Graph):
        self.names = graph.notes.names
        self.defined = {y: eqn.rhs for eqn in graph.equations for y in eqn.lhs}

    def __call__(self, y: Operand) -> str:
        text = self._text(y, 0)
        return text if len(text) <= LONGEST_SPELLING else str(y)

    def _text(self, y: Operand, depth: int) -> str:
        if isinstance(y, Static):
            return str(y.value)
        if y in self.names:
            return self.names[y]
        rhs = self.defined.get(y)
        if rhs is None or depth > 4:
            return str(y)
        inside = [self._text(x, depth + 1) for x in rhs.operands]
        if rhs.name in self.INFIX:
            wrapped = [f"({x})" if " " in x else x for x in inside]
            return self.INFIX[rhs.name].format(*wrapped)
        if rhs.name == "contract" and len(inside) == 2:
            return " @ ".join(f"({x})" if " " in x else x for x in inside)
        return f"{rhs.name}({', '.join(inside)})"


PREFIX = re.compile(r"d|grad_?|g_|nabla_?|d[A-Za-z]\w*_d|d[LJECF]d")


def answered(name: str, known: Sequence[str]) -> str | None:
    """Return which of ``known`` a name such as ``dW``, ``dL_dW`` or ``grad_W`` answers for."""
    for candidate in known:
        if name in (f"d{candidate}", f"grad_{candidate}", f"{candidate}_grad"):
            return candidate
    for candidate in known:
        if name.endswith(candidate):
            head = name[: len(name) - len(candidate)]
            if PREFIX.fullmatch(head) is not None:
                return candidate
    return None


__all__ = [
    "Slot",
    "Truths",
    "Witness",
    "activations",
    "answered",
    "batch_dims",
    "dims_at",
    "size_names",
]
