"""Strings for the templates: the schedule's functions as lines of Python.

Given a schedule, the names of the user's parameters and the structure of arguments and
results, return the text of a module.  Invariant: what is decided here is text; the same
schedule gives the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from symgrad.emit.body import Writer
from symgrad.emit.interface import interface_of
from symgrad.emit.layout import bracketed, exploded, fits
from symgrad.emit.signature import declaration, fill_lines, guard_lines, unpack_lines
from symgrad.emit.spell import holds_other_floats, literal
from symgrad.emit.views import (
    FunctionView,
    Guard,
    Interface,
    ModuleView,
    Parameter,
)
from symgrad.graph import FLOAT64, Aval, Equation, Graph, Operand, Sym
from symgrad.schedule import Half, Names, Schedule
from symgrad.templating import environment
from symgrad.trees import Tree, access


class ModuleWriter:
    """Writes forward, backward and value_and_grad of one specialisation."""

    def __init__(self, interface: Interface):
        self.interface = interface
        used = {p.name for p in (*interface.parameters, *interface.captured)}
        self.np = "np" if "np" not in used else "np_"
        self.all_parameters = (*interface.parameters, *interface.captured)
        self.writers: dict[str, Writer] = {}  # of the functions written so far, by name

    def input_names(
        self, graph: Graph, extra_taken: Sequence[str] = ()
    ) -> tuple[dict[Sym, str], list[str]]:
        """Name the leaves: a plain parameter by itself, a nested leaf by its own key."""
        taken = [p.name for p in self.all_parameters] + list(extra_taken)
        names = Names(graph.notes, [*taken, self.np])
        found: dict[Sym, str] = {}
        for p in self.all_parameters:
            for symbol in p.leaves:
                if symbol is None:
                    continue
                if p.tree.kind == "leaf":
                    found[symbol] = p.name
                else:
                    found[symbol] = names.claim(graph.notes.names.get(symbol, p.name), True)
        return found, [*taken, *found.values()]

    def value_and_grad(self, half: Half, values: int) -> FunctionView:
        graph = half.graph
        inputs, taken = self.input_names(graph)
        writer = Writer(half, self.interface, self.np, _definitions(graph), (), inputs)
        self.writers["value_and_grad"] = writer
        self._reserve_value(writer, graph)
        body = writer.sections(taken)
        head = self._head(writer, graph)
        returns = self._returned(writer, graph.outputs, values, writer.plan.copies)
        doc = f"Return {self._value_words()} and {self._gradient_words(writer)}."
        return FunctionView(
            "value_and_grad",
            tuple(
                declaration("value_and_grad", self.interface.parameters, self.interface.captured)
            ),
            self._doc(doc),
            sections_with(head, body, returns),
            frozenset(writer.speller.imports),
        )

    def halves(self, schedule: Schedule, joint: Graph) -> tuple[FunctionView, FunctionView]:
        """Return forward and backward, which names the residuals as forward does."""
        forward, names = self.forward(schedule.forward, schedule.residuals)
        return forward, self.backward(
            schedule.backward, schedule.residuals, names, schedule.seeds, joint
        )

    def forward(
        self, half: Half, residuals: Sequence[Operand]
    ) -> tuple[FunctionView, dict[Sym, str]]:
        graph = half.graph
        inputs, taken = self.input_names(graph, [f"d{self.interface.value_name}", "residuals"])
        writer = Writer(
            half, self.interface, self.np, _definitions(graph), tuple(residuals), inputs
        )
        self.writers["forward"] = writer
        self._reserve_value(writer, graph)
        body = writer.sections(taken)
        head = self._head(writer, graph)
        kept = [writer.name(x) for x in residuals if isinstance(x, Sym)]
        mirrored = self._mirrored()
        values = self._value_text(writer, graph.outputs, writer.plan.copies)
        returns = _return_with_residuals(values, [*mirrored, *kept])
        doc = f"Return {self._value_words()} and the residuals that `backward` needs."
        view = FunctionView(
            "forward",
            tuple(declaration("forward", self.interface.parameters, self.interface.captured)),
            self._doc(doc),
            sections_with(head, body, returns),
            frozenset(writer.speller.imports),
        )
        return view, {
            y: writer.names.of[slot]
            for eqn in graph.equations
            for y in eqn.lhs
            if (slot := writer.plan.slot_of(y)) in writer.names.of
        } | {x: writer.name(x) for x in residuals if isinstance(x, Sym)}

    def backward(
        self,
        half: Half,
        residuals: Sequence[Operand],
        forward_names: Mapping[Sym, str],
        seeds: Sequence[Sym],
        joint: Graph,
    ) -> FunctionView:
        graph = half.graph
        kept_names = {x: forward_names[x] for x in residuals if isinstance(x, Sym)}
        seed_names = self._seed_names(seeds, set(kept_names.values()))
        inputs, _ = self.input_names(joint)
        preset = {**kept_names, **seed_names}
        writer = Writer(
            half, self.interface, self.np, _definitions(joint), (), {**inputs, **preset},
            tuple(seeds), forward_names,
        )  # fmt: skip
        self.writers["backward"] = writer
        taken = [*preset.values(), "residuals"]
        body = writer.sections(taken)
        unpack = _unpack_residuals([*self._mirrored(), *kept_names.values()])
        sizes = writer.size_lines()
        grads = self._gradient_text(writer, graph.outputs, writer.plan.copies)
        signature, seed_lines, seed_word = self._seed_signature(seeds, seed_names, graph)
        of = self._value_words().removesuffix(" (with its aux)")
        doc = f"Return {self._gradient_words(writer)}: the gradient of {of} times `{seed_word}`."
        whole = grads if not grads.endswith(",") else f"({grads})"
        returns = [f"return {whole}"] if fits(f"return {whole}") else self._long_return(grads)
        return FunctionView(
            "backward",
            tuple(signature),
            self._doc(doc),
            sections_with([*unpack, *seed_lines, *sizes], body, returns),
            frozenset(writer.speller.imports),
        )

    # --- parts

    def _reserve_value(self, writer: Writer, graph: Graph) -> None:
        y = graph.outputs[0]
        if isinstance(y, Sym) and y not in graph.inputs and y not in graph.notes.names:
            graph.notes.names[y] = self.interface.value_name

    def _head(self, writer: Writer, graph: Graph) -> list[str]:
        used = {x for x in graph.inputs if x in writer.read}
        used |= {g.symbol for g in self.interface.guards}
        sizes = writer.size_lines(guarded=True)
        words = " ".join(sizes)
        used |= {x for x in graph.inputs if f" = {writer.name(x)}.shape" in words}
        unpack = unpack_lines(self.all_parameters, writer.name, used)
        fills = fill_lines(self.all_parameters, self.np)
        return [*fills, *unpack, *sizes, *guard_lines(writer, self.all_parameters)]

    def _value_words(self) -> str:
        name = self.interface.value_name
        words = f"the {name}" if name == "value" or is_a_loss(name) else f"`{name}`"
        return words + (" (with its aux)" if self.interface.aux_tree is not None else "")

    def _gradient_words(self, writer: Writer) -> str:
        names = [f"d{name}" for name, _, _ in self.interface.wrt]
        return f"{', '.join(names)}"

    def _doc(self, text: str) -> str:
        return text if fits(f'"""{text}"""') else text.split(",")[0] + " ..."

    def _mirrored(self) -> list[str]:
        """Return parameters that `backward` needs whole, to rebuild their type."""
        return [name for name, tree, _ in self.interface.wrt if tree.needs_owner]

    def _value_text(
        self, writer: Writer, outputs: Sequence[Operand], copies: frozenset[int]
    ) -> str:
        names = [_output_text(writer, y, k in copies) for k, y in enumerate(outputs)]
        count = self.interface.out_tree.count
        value = result_text(self.interface.out_tree, names[:count])
        if self.interface.aux_tree is None:
            return value
        aux = result_text(self.interface.aux_tree, names[count:])
        return f"({value}, {aux})"

    def _gradient_text(
        self, writer: Writer, outputs: Sequence[Operand], copies: frozenset[int], first: int = 0
    ) -> str:
        names = [_output_text(writer, y, first + k in copies) for k, y in enumerate(outputs)]
        parts, start = [], 0
        for owner, tree, count in self.interface.wrt:
            parts.append(result_text(tree, names[start : start + count], owner))
            start += count
        if self.interface.single:
            return parts[0]
        return ", ".join(parts) + ("," if len(parts) == 1 else "")

    def _returned(
        self, writer: Writer, outputs: Sequence[Operand], values: int, copies: frozenset[int]
    ) -> list[str]:
        value = self._value_text(writer, outputs[:values], copies)
        grads = self._gradient_text(writer, outputs[values:], copies, values)
        text = grads if self.interface.single else f"({grads})"
        line = f"return {value}, {text}"
        if fits(line):
            return [line]
        if self.interface.single:
            return [*exploded("grad = ", grads, "", 4), f"return {value}, grad"]
        return [*exploded("grads = ", f"({grads})", "", 4), f"return {value}, grads"]

    def _long_return(self, grads: str) -> list[str]:
        text = grads if self.interface.single else f"({grads})"
        return [*exploded("grads = ", text, "", 4), "return grads"]

    def _seed_names(self, seeds: Sequence[Sym], taken: set[str]) -> dict[Sym, str]:
        base = f"d{self.interface.value_name}"
        if len(seeds) == 1 and self.interface.out_tree.kind == "leaf":
            return {seeds[0]: base if base not in taken else f"{base}_"}
        return {seed: f"{base}{k}" for k, seed in enumerate(seeds)}

    def _seed_signature(
        self, seeds: Sequence[Sym], names: Mapping[Sym, str], graph: Graph
    ) -> tuple[list[str], list[str], str]:
        lines: list[str] = []
        if self.interface.out_tree.kind == "leaf":
            word = names[seeds[0]] if seeds else "dvalue"
            aval = graph.avals[seeds[0]] if seeds else Aval((), FLOAT64)
            default = "=1.0" if not aval.shape else ""
            mixed = aval.dtype != FLOAT64 or holds_other_floats(graph)
            if mixed and aval.kind != "python":
                kind = f"{self.np}.{aval.dtype.name}"
                lines.append(
                    f"{word} = {kind}({word})" if not aval.shape
                    else f"{word} = {self.np}.asarray({word}, dtype={kind})"
                )  # fmt: skip
            return [f"def backward(residuals, {word}{default}):"], lines, word
        word = f"d{self.interface.value_name}"
        for path, seed in zip(self.interface.out_tree.paths(), seeds, strict=True):
            place = word
            for kind, key in path:
                place = access(place, kind, key)
            lines.append(f"{names[seed]} = {place}")
        return [f"def backward(residuals, {word}):"], lines, word


def sections_with(
    head: Sequence[str], body: Sequence[Sequence[str]], returns: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Return the sections of a function's body with what stands before and after."""
    sections = list(map(tuple, body))
    sections[0] = (*head, *sections[0])
    sections[-1] = (*sections[-1], *returns)
    return tuple(section for section in sections if section)


def result_text(tree: Tree, names: Sequence[str], owner: str = "") -> str:
    """Return the text that rebuilds a nested result from its leaves."""
    return tree.spell(iter(names), owner)


def _output_text(writer: Writer, y: Operand, copied: bool) -> str:
    text = writer.speller.operand(y) if isinstance(y, Sym) else literal(y.value, writer.np)
    if copied and y in writer.seeds:
        return f"{writer.np}.array({text})"  # a seed may be a plain number
    return f"{text:10}.copy()" if copied else str(text)


def _return_with_residuals(value: str, kept: Sequence[str]) -> list[str]:
    inside = ", ".join(kept) + ("," if len(kept) == 1 else "")
    line = f"return {value}, ({inside})"
    if fits(line):
        return [line]
    return [*bracketed("residuals = (", kept, ")", 4, is_call=False), f"return {value}, residuals"]


def _unpack_residuals(kept: Sequence[str]) -> list[str]:
    if not kept:
        return []
    line = f"({kept[0]},) = residuals" if len(kept) == 1 else f"{', '.join(kept)} = residuals"
    return [line] if fits(line) else ["(", *(f"    {name}," for name in kept), ") = residuals"]


def _definitions(graph: Graph) -> dict[Sym, Equation]:
    return {y: eqn for eqn in graph.equations for y in eqn.lhs}


def contract_words(
    graph: Graph, parameters: Sequence[Parameter], names: Mapping[Sym, str]
) -> list[str]:
    """Return the shape contract, a word an argument: ``X (N, D)``, ``y (N,) int64``."""
    words = []
    for p in parameters:
        for symbol in p.leaves:
            if symbol is None:
                continue
            aval = graph.avals[symbol]
            shape = ", ".join(
                str(graph.shapes.show_size(graph.shapes.resolve(size))) for size in aval.shape
            )
            inside = f"({shape},)" if len(aval.shape) == 1 else f"({shape})"
            kind = "" if aval.dtype == FLOAT64 else f" {aval.dtype.name}"
            words.append(f"{names.get(symbol, p.name)} {inside}{kind}")
    return words


def docstring_text(text: str) -> str:
    """Return text of the user's that may stand in a docstring: one line that cannot end it."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain.replace("\\", "/").replace('"' * 3, "'" * 3)


LOSSES = frozenset(
    {"cost", "energy", "error", "likelihood", "loss", "mse", "nll", "objective", "risk"}
)


def is_a_loss(name: str) -> bool:
    """Return whether a function's name is a noun for what it returns: ``loss``, ``nll``."""
    return name in LOSSES


def value_name(function: str) -> str:
    """Return what to call the value of ``function`` where the user gave it no name."""
    last = function.rpartition("_")[2]
    return last if is_a_loss(last) or (len(function) == 1 and function.isalpha()) else "value"


def needed(functions: Iterable[FunctionView]) -> str:
    """Return what a module of these functions needs, for its title."""
    packages = {package for f in functions for package, _ in f.imports}
    return "needs NumPy and SciPy" if "scipy" in packages else "needs only NumPy"


def print_module(view: ModuleView) -> str:
    """Return the module's text, printed by the template; what is not used is not imported."""
    lines = (line for f in view.functions for part in (f.signature, *f.sections) for line in part)
    uses_numpy = any(f"{view.np}." in line for line in lines if not line.startswith("#"))
    imports = [f"import numpy as {view.np}"] if uses_numpy else []
    wanted = sorted({pair for f in view.functions for pair in f.imports})
    imports += [f"from {module} import {name}" for module, name in wanted]
    view = replace(view, imports=tuple(imports))
    template = environment().get_template("numpy/module.py.jinja")
    return str(template.render(module=view))


__all__ = [
    "FunctionView",
    "Guard",
    "Interface",
    "ModuleView",
    "ModuleWriter",
    "Parameter",
    "contract_words",
    "docstring_text",
    "interface_of",
    "needed",
    "print_module",
]
