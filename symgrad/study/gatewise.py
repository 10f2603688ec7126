"""A module with two functions a gate, its value and its derivatives, and the loop that chains them.

Given a circuit, return NumPy text as lectures write it: each gate knows only itself, and one loop
over the graph gives value and gradient.  Invariant: the text imports NumPy, SciPy where the user
calls it, and nothing else.
"""

from __future__ import annotations

import functools
import keyword
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from symgrad.dims import Dim
from symgrad.emit import FunctionView, Interface, ModuleWriter, docstring_text, needed
from symgrad.emit.body import Writer
from symgrad.emit.layout import bracketed, exploded, fits
from symgrad.emit.signature import declaration, fill_lines, guard_lines, unpack_lines
from symgrad.emit.spell import literal
from symgrad.errors import ArgumentError
from symgrad.graph import FLOAT64, Equation, Graph, Operand, Sym, sizes_read
from symgrad.load import load_function
from symgrad.schedule import Half
from symgrad.study.circuit import Circuit, Node, Partition, circuit
from symgrad.templating import environment
from symgrad.trees import quoted

LOCAL = (
    "Each gate has two functions: `gate_q` returns the value of q, `der_q` the local derivatives",
    "of q, one for each value that it is differentiated by.  `backward` multiplies each of them",
    "with the upstream derivative, and adds up what arrives at a value.",
)
FLOWING = (
    "Each gate has two functions: `gate_q` returns the value of q.  `der_q` takes the upstream",
    "derivative, an array of the shape of q, and returns what flows back to each value that q is",
    "differentiated by: the upstream derivative times the local one.  A local derivative of an",
    "array by an array would be a large, mostly empty matrix, which nobody needs to make.",
    "`backward` adds up what arrives at a value.",
)


class Gates:
    """The emitted module; ``str()`` is its text."""

    def __init__(self, name: str, source: str, captured: Mapping[str, Any]):
        self.name, self.source, self._captured = name, source, captured

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"<symgrad.gates of {self.name}: {self.source.count(chr(10))} lines>"

    def save(self, path: str | PathLike[str]) -> None:
        """Write the module to a file."""
        Path(path).write_text(self.source, encoding="utf-8")

    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module: return the value and the gradient."""
        return self._run(*args, **{**self._captured, **kwargs})

    @functools.cached_property
    def _run(self) -> Callable[..., Any]:
        return load_function(self.source, self.name, "value_and_grad")


def gates(
    fn: Callable[..., Any],
    *args: Any,
    wrt: Any = None,
    level: str | Partition = "gate",
    names: str | Mapping[str, str] | None = None,
    **kwargs: Any,
) -> Gates:
    """Return a NumPy module with a value and a derivative function for each gate of ``fn``.

    The arguments say of what kind they are; the module serves all numbers and sizes with which
    ``fn`` goes the same way.  A loop over the gates goes forward, another back.  The module's
    ``value_and_grad`` takes the arguments of ``fn`` and returns the value and the gradient by
    ``wrt`` (by default every argument that is a real number or an array of them).
    ``level`` and ``names`` are those of `symgrad.table`.

    Raises ArgumentError for names that Python cannot use, and what `symgrad.compile` raises.
    """
    found = circuit(fn, args, kwargs, wrt, level, names)
    text = _Module(found).text()
    return Gates(found.name, text, found.made.captured_values())


FLAT = "nothing: the slope is 0 everywhere"  # of a step function, where a derivative ends


@dataclass(frozen=True, slots=True)
class GatesView:
    """The module as the template prints it: strings, and which of two loops to print."""

    title: str
    doc: tuple[str, ...]
    imports: tuple[str, ...]
    functions: tuple[FunctionView, ...]
    gates: tuple[str, ...]
    entry: FunctionView
    table: str
    forward: str
    backward: str
    value: str
    one: str
    scalar: bool
    arrays: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One emitted function, and the values that it reads, in the order of its parameters."""

    view: FunctionView
    reads: tuple[Sym, ...]


class _Module:
    """Writes the module of one circuit."""

    def __init__(self, found: Circuit):
        self.circuit, self.made = found, found.made
        self.graph: Graph = found.pulls.plain
        self.names = {node.symbol: node.name for node in found.nodes}
        self._check_names()
        # inputs that the value does not depend on; a size may be read off them alone
        notes = self.made.primal.notes.names
        self.unread = [x for x in self.graph.inputs if x not in self.names]
        for x in self.unread:
            self.names[x] = self._free(notes.get(x, "x"))
        self.read: set[Sym] = set()
        self.np = self._free("np")
        self.table, self.upstream = self._free("GATES"), self._free("upstream")
        self.interface = replace(self.made.interface, comments=False, rewritten=())
        self.is_scalar = all(node.shape == () for node in found.nodes) and all(
            edge.local is not None for edge in found.edges
        )
        # the expanded graph has symbols of its own for the values of some nodes
        self.node_of: dict[Operand, Sym] = {x: x for x in self.graph.inputs if x in self.names}
        self.node_of |= found.pulls.node_of
        self.pulls = {(pull.target, pull.position): pull for pull in found.pulls.found}
        self.symbol_of = {node: y for y, node in self.node_of.items()}
        self.place = {y: k for k, eqn in enumerate(self.graph.equations) for y in eqn.lhs}

    def text(self) -> str:
        functions, rows = [], []
        for node in self.circuit.nodes:
            if node.kind == "input":
                continue
            value = self._value(node)
            derivative = self._derivative(node, value.reads)
            functions += [value.view, *([derivative.view] if derivative else [])]
            rows += self._row(node, value, derivative)
            self.read.update(value.reads, derivative.reads if derivative else ())
        entry = self._entry()
        printed = [*functions, entry]
        lines = [line for f in printed for part in (f.signature, *f.sections) for line in part]
        is_numpys = any(f"{self.np}." in line for line in [*lines, self._one()])
        imports = [f"import numpy as {self.np}"] if is_numpys else []
        wanted = sorted({pair for f in printed for pair in f.imports})
        imports += [f"from {package} import {name}" for package, name in wanted]
        view = GatesView(
            self._title(printed),
            ("", *(LOCAL if self.is_scalar else FLOWING)),
            tuple(imports),
            tuple(functions),
            tuple(rows),
            entry,
            self.table,
            self._free("forward"),
            self._free("backward"),
            self._name(self.circuit.output),
            self._one(),
            self.is_scalar,
            not self.is_scalar,
        )
        return str(environment().get_template("study/gates.py.jinja").render(module=view))

    def _title(self, functions: Sequence[FunctionView]) -> str:
        what = f"Value and gradient of `{docstring_text(self.made.name)}` gate by gate"
        whole = f"{what}, generated by symgrad; {needed(functions)}."
        return whole if fits(whole, len('"""')) else f"{what}."

    def _one(self) -> str:
        """Return the derivative of the output by itself, in its precision."""
        dtype = self.made.primal.aval(self.made.primal.outputs[0]).dtype
        return "1.0" if dtype == FLOAT64 else f"{self.np}.{dtype.name}(1.0)"

    # --- names

    def _check_names(self) -> None:
        names = Counter(self.names.values())
        for name, count in names.items():
            if count > 1:
                raise ArgumentError(f"names: two values would be called {name!r}")
            if not name.isidentifier() or keyword.iskeyword(name):
                raise ArgumentError(f"names: {name!r} cannot be the name of a Python variable")

    def _free(self, name: str) -> str:
        """Return a name for something of the module's own that no value of the user's has."""
        taken = {*self.names.values(), *(p.name for p in self.made.interface.parameters)}
        while name in taken:
            name += "_"
        return name

    def _name(self, number: int) -> str:
        return self.circuit.nodes[number].name

    # --- one gate

    def _value(self, node: Node) -> Part:
        return self._function(f"gate_{node.name}", "", [self.symbol_of[node.symbol]], None, ())

    def _derivative(self, node: Node, near: Sequence[Sym]) -> Part | None:
        """Return the function for the derivatives; ``near`` are the nodes that the gate reads."""
        edges = self.circuit.edges_into[node.number]
        if not edges and node.upstream is None:
            return None
        mine = [self.pulls[node.symbol, edge.position] for edge in edges]
        sources = [f"d{node.name}/d{self._name(edge.source)}" for edge in edges]
        name = f"der_{node.name}"
        if self.is_scalar:
            doc = f"Return {', '.join(sources) or FLAT}."
            locals_ = [self.circuit.pulls.uncopied(pull.local_plain) for pull in mine]
            return self._function(name, doc, locals_, None, near)
        whom = ", ".join(self._name(e.source) for e in edges)
        doc = f"Return {f'what flows back to {whom}' if edges else FLAT}."
        seed = self.circuit.pulls.upstream[node.symbol]
        return self._function(name, doc, [pull.passed_plain for pull in mine], seed, near)

    def _row(self, node: Node, value: Part, derivative: Part | None) -> list[str]:
        """Return the lines of the table of gates for one of them."""
        items = [quoted(node.name), value.view.name, self._listed(value.reads)]
        if derivative is None:
            items += ["None", "[]", "[]"]
        else:
            edges = self.circuit.edges_into[node.number]
            sources = ", ".join(quoted(self._name(edge.source)) for edge in edges)
            items += [derivative.view.name, self._listed(derivative.reads), f"[{sources}]"]
        return bracketed("(", items, "),", 4, is_call=False)

    def _listed(self, symbols: Iterable[Sym]) -> str:
        return f"[{', '.join(quoted(self.names[x]) for x in symbols)}]"

    def _function(
        self,
        name: str,
        doc: str,
        outputs: Sequence[Operand],
        seed: Sym | None,
        near: Sequence[Sym],
    ) -> Part:
        """Return the function that computes ``outputs`` from the values of other nodes."""
        equations, read = self._reached(outputs, seed, not doc, [self.symbol_of[x] for x in near])
        names = {x: self.names[self.node_of[x]] for x in read}
        if seed is not None:
            names = {seed: self.upstream, **names}
        writer = self._writer(equations, outputs, names, is_value=not doc)
        sections = writer.sections(list(names.values()))
        body, results = self._body(writer, sections, outputs)
        listed = f"[{', '.join(results)}]"
        returned = exploded("return ", listed, "", 4) if doc else [f"return {results[0]}"]
        lines = [*_used(writer.size_lines(), [*body, *returned]), *body, *returned]
        words = _words(lines)
        read = [x for x in read if names[x] in words]  # a spelling may do without a size
        taken = [names[x] for x in names if x is seed or x in read]
        view = FunctionView(
            name,
            tuple(bracketed(f"def {name}(", taken, "):", 0)),
            doc if fits(f'"""{doc}"""') else doc.split(",")[0] + " ...",
            (tuple(lines),),
            frozenset(writer.speller.imports),
        )
        return Part(view, tuple(self.node_of[x] for x in read))

    def _writer(
        self,
        equations: Sequence[Equation],
        outputs: Sequence[Operand],
        names: Mapping[Sym, str],
        is_value: bool,
    ) -> Writer:
        defined = {y: eqn for eqn in equations for y in eqn.lhs}
        graph = replace(
            self.graph,
            inputs=tuple(names),
            equations=tuple(equations),
            outputs=tuple(outputs),
            avals={x: self.graph.avals[x] for x in (*names, *defined)},
        )
        half = Half(graph, frozenset(defined) if is_value else frozenset())
        inside = replace(self.interface, guards=(), conditions=())
        return Writer(half, inside, self.np, defined, (), names, may_import=False)

    def _body(
        self, writer: Writer, sections: Sequence[Sequence[str]], outputs: Sequence[Operand]
    ) -> tuple[list[str], list[str]]:
        """Return the lines of a function, and the text of each result.

        A line that only gives a result its name is left out: the expression is returned.
        """
        lines = [line for section in sections for line in section]
        read = {x for s in writer.plan.statements for x in s.reads}
        shown: dict[Operand, str] = {}
        rest = lines
        for s in writer.plan.statements:
            y = s.eqn.lhs[0]
            if s.mode == "assign" and y not in read and list(outputs).count(y) == 1:
                text = str(writer.speller.equation(s.eqn))
                line = f"{writer.name(y)} = {text}"
                without = [x for x in rest if x != line and not x.startswith(f"{line}  # ")]
                if len(without) == len(rest) - 1:
                    rest, shown[y] = without, text
        results = [shown.get(y) or self._result(writer, y) for y in outputs]
        if fits(f"return [{', '.join(results)}]"):
            return rest, results
        return lines, [self._result(writer, y) for y in outputs]

    def _result(self, writer: Writer, y: Operand) -> str:
        return str(writer.speller.operand(y) if type(y) is Sym else literal(y.value, self.np))

    def _reached(
        self, outputs: Sequence[Operand], seed: Sym | None, is_value: bool, near: Sequence[Sym]
    ) -> tuple[list[Equation], list[Sym]]:
        """Return the equations that ``outputs`` need, and the other nodes that they read."""
        found: set[Sym] = set()
        read: dict[Sym, None] = {}
        todo = [(y, is_value) for y in reversed(outputs)]
        while todo:
            x, is_own = todo.pop()
            if type(x) is not Sym or x is seed or x in found:
                continue
            if x in self.node_of and not is_own:
                read[x] = None
                continue
            eqn = self.graph.equations[self.place[x]]
            found.update(eqn.lhs)
            todo += [(z, False) for z in reversed(eqn.rhs.operands)]
        equations = [self.graph.equations[k] for k in sorted({self.place[y] for y in found})]
        inputs = [*read, *([seed] if seed is not None else [])]
        known = self._before(outputs) if is_value else list(self.symbol_of.values())
        read |= dict.fromkeys(self._holders(equations, inputs, [*near, *known, *self.unread]))
        order = {x: k for k, x in enumerate(near)}  # a gate's parameters stand in one order
        return equations, sorted(read, key=lambda x: order.get(x, len(order)))

    def _before(self, outputs: Sequence[Operand]) -> list[Sym]:
        """Return the nodes that the forward pass knows before it computes ``outputs``."""
        first = min(self.place[y] for y in outputs if type(y) is Sym)
        return [x for x in self.symbol_of.values() if self.place.get(x, -1) < first]

    def _holders(
        self, equations: Sequence[Equation], inputs: Sequence[Sym], known: Sequence[Sym]
    ) -> list[Sym]:
        """Return those of ``known`` to read besides, for the sizes that equations mention."""
        avals, found = self.graph.avals, []
        shown = {d for x in inputs for d in avals[x].shape if isinstance(d, Dim)}
        for size in dict.fromkeys(d for eqn in equations for d in sizes_read(eqn.rhs)):
            if size in shown:
                continue
            holder = next((x for x in known if size in avals[x].shape), None)
            if holder is not None:
                found.append(holder)
                shown.update(d for d in avals[holder].shape if isinstance(d, Dim))
        return found

    # --- what the user calls

    def _entry(self) -> FunctionView:
        """Return value_and_grad: the user's signature, forward, backward, the user's structure."""
        interface: Interface = self.interface
        parameters = (*interface.parameters, *interface.captured)
        primal = self.made.primal
        used = frozenset(x for p in parameters for x in p.leaves if x is not None)
        names, taken = ModuleWriter(interface).input_names(primal, ["values", self.upstream])
        nothing = replace(primal, equations=(), outputs=())
        writer = Writer(Half(nothing, frozenset()), interface, self.np, {}, (), names)
        writer.sections(taken)
        head = [
            *fill_lines(parameters, self.np),
            *unpack_lines(parameters, names.__getitem__, used),
            *writer.size_lines(guarded=True),
            *guard_lines(writer, parameters),
        ]
        needed = [x for x in primal.inputs if x not in self.unread or x in self.read]
        given = [f"{quoted(self.names[x])}: {names[x]}" for x in needed]
        lines = [
            *head,
            *bracketed("values = {", given, "}", 4, is_call=False),
            f"{self.upstream} = {self._free('backward')}({self._free('forward')}(values))",
            *exploded(
                f"return values[{quoted(self._name(self.circuit.output))}], ",
                self._gradient(names),
                "",
                4,
            ),
        ]
        return FunctionView(
            "value_and_grad",
            tuple(declaration("value_and_grad", interface.parameters, interface.captured)),
            f"Return the value and {', '.join(f'd{name}' for name, _, _ in interface.wrt)}.",
            (tuple(lines),),
        )

    def _gradient(self, names: Mapping[Sym, str]) -> str:
        """Return the text of the gradient, in the structure of what it is by."""
        parts = [self._slope(x, names) for x in self.made.wrt_symbols]
        found, start = [], 0
        for owner, tree, count in self.interface.wrt:
            found.append(tree.spell(iter(parts[start : start + count]), owner))
            start += count
        if self.interface.single:
            return found[0]
        return f"({', '.join(found)}{',' if len(found) == 1 else ''})"

    def _slope(self, x: Sym, names: Mapping[Sym, str]) -> str:
        node = next((n for n in self.circuit.nodes if n.symbol is x), None)
        if node is not None and node.upstream is not None:
            return f"{self.upstream}[{quoted(node.name)}]"
        return f"{self.np}.zeros_like({names[x]})" if self.graph.avals[x].shape else "0.0"


def _words(lines: Iterable[str]) -> set[str]:
    """Return the names that lines of code mention, comments left out."""
    return {word for line in lines for word in re.findall(r"\w+", line.partition("  # ")[0])}


def _used(sizes: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Return the lines that read a size which is mentioned later."""
    words = _words(lines)
    return [line for line in sizes if not words.isdisjoint(_words([line.partition(" = ")[0]]))]
