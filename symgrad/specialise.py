"""One specialisation: the pipeline run for arguments of one kind, and when it may be used again.

Given the arguments' structures and avals, run the stages and keep what each left.  Invariant:
`accepts` says yes only to arguments for which the trace would have gone the same way.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symgrad.differentiate import differentiate, kinks_on_path
from symgrad.dims import Dim, Guard, Shape, Shapes, Size, dims_in, dims_of, evaluate
from symgrad.emit import (
    FunctionView,
    Interface,
    ModuleView,
    ModuleWriter,
    Parameter,
    contract_words,
    docstring_text,
    interface_of,
    needed,
    print_module,
    value_name,
)
from symgrad.emit.layout import fits, paragraph
from symgrad.errors import KinkError, Location, LossError, WrtError
from symgrad.expand import drop_dead, expand
from symgrad.gather import gather_first
from symgrad.graph import Aval, Graph, Sym
from symgrad.load import load_function
from symgrad.pause import uncollected
from symgrad.recognise import Firing, recognise
from symgrad.regions import rewrite_regions
from symgrad.schedule import Half, Schedule, cut, own_outputs, whole
from symgrad.simplify import simplify
from symgrad.trace import Argument, Capture, Leaf, canonical, trace
from symgrad.trees import LEAF


@dataclass(frozen=True, slots=True)
class Kink:
    """A place where the derivative is a convention: the op, what is taken, and the user's line."""

    op: str
    convention: str
    location: Location | None

    def __str__(self) -> str:
        return f"{self.op}: {self.convention}" + (f" ({self.location})" if self.location else "")


@dataclass(frozen=True, slots=True)
class Options:
    """How the user wants it compiled."""

    wrt: tuple[str, ...]
    single: bool
    has_aux: bool = False
    exact: bool = False
    without: frozenset[str] = frozenset()
    kinks: str | None = None
    any_output: bool = False
    origin: str = ""
    comments: bool = True


class Specialisation:
    """The function compiled for one kind of arguments."""

    def __init__(
        self,
        function: Callable[..., Any],
        signature: inspect.Signature,
        arguments: Sequence[Argument],
        dims: Mapping[tuple[str, int], Shape],
        examples: Mapping[Dim, int],
        options: Options,
    ):
        self.signature, self.arguments, self.options = signature, tuple(arguments), options
        self.name = _function_name(function)
        self.dims, self.examples = dims, examples
        self._lock = threading.RLock()
        with uncollected():
            self.traced = trace(
                function, self.arguments, self._shapes, _caller(signature), options.has_aux
            )
            self.primal, self.firings = (
                (self.traced.graph, ())
                if options.exact
                else recognise(self.traced.graph, without=options.without)
            )
        graph = self.traced.graph
        taken = [*signature.parameters, *graph.notes.names.values()]
        graph.shapes.name_rest(taken, _batch(graph, list(self.traced.leaves.values())))
        self.leaves, self.captures = self.traced.leaves, self.traced.captures
        self.wrt_symbols = self._find_wrt()
        self._check_outputs()
        self.kinks = self._find_kinks()
        self.checked: set[str] = set()  # emitted functions whose value was compared
        self.check_notes: list[str] = []

    # --- the trace

    def _shapes(self, fixed: frozenset[Dim]) -> tuple[Shapes, Mapping[tuple[str, int], Aval]]:
        shapes = Shapes()
        for dim, example in self.examples.items():
            shapes.fresh(dim.name, example)
        for shape in self.dims.values():
            for size in shape:
                for dim in dims_in((size,)):
                    shapes.fresh(dim.name, None, user="." not in dim.name)
                    named = dim.name.partition("@")[0]
                    if named != dim.name:
                        shapes.unify(Dim(named), dim, checked=False)
        avals = {}
        for argument in self.arguments:
            for k, leaf in enumerate(argument.leaves):
                if leaf.aval is not None:
                    shape = self.dims[argument.name, k]
                    sizes = tuple(
                        self.examples[s] if isinstance(s, Dim) and s in fixed else s for s in shape
                    )
                    avals[argument.name, k] = leaf.aval._replace(shape=sizes)
        return shapes, avals

    def _find_wrt(self) -> list[Sym]:
        found = []
        for name in self.options.wrt:
            argument = next(a for a in self.arguments if a.name == name)
            for k, leaf in enumerate(argument.leaves):
                symbol = self.leaves.get((name, k))
                if leaf.aval is None or symbol is None:
                    raise WrtError(
                        f"`{leaf.name}` in wrt is {type(leaf.value).__name__}, no number or array"
                    )
                if not leaf.aval.inexact:
                    raise WrtError(
                        f"`{leaf.name}` in wrt has dtype {leaf.aval.dtype}: only floating-point "
                        f"arrays have a gradient; convert it ({leaf.name}.astype(float)) or leave "
                        "it out of wrt"
                    )
                found.append(symbol)
        return found

    def _find_kinks(self) -> tuple[Kink, ...]:
        """Return the kinks on the differentiated path, each with the user's line."""
        where = self.primal.notes.location
        equations = kinks_on_path(self.primal, self.wrt_symbols, self.value_count)
        kinks = [Kink(e.rhs.name, e.rhs.facts.kinks, where(e.lhs[0])) for e in equations]
        found = tuple(dict.fromkeys(kinks))
        if found and self.options.kinks == "raise":
            lines = "".join(f"\n  {kink}" for kink in found)
            raise KinkError(
                f"the derivative of {self.name} is a convention where it has a kink; take the "
                f"kinks out, or leave kinks='raise' away:{lines}"
            )
        return found

    def _check_outputs(self) -> None:
        if self.options.any_output:
            return
        tree = self.traced.out_tree
        if tree.kind != LEAF:
            raise LossError(
                f"the function returns a {tree.type.__name__} of {tree.count}: the gradient needs "
                "one number (return the loss alone, or use has_aux=True for (loss, aux))"
            )
        aval = self.primal.aval(self.primal.outputs[0])
        if aval.shape:
            shown = self.primal.shapes.show_shape(aval.shape)
            raise LossError(
                f"the function returns an array of shape {shown}, not one number: reduce it "
                "(.sum(), .mean()), or use symgrad.jacobian"
            )

    @property
    def value_count(self) -> int:
        return self.traced.out_tree.count

    @property
    def output_count(self) -> int:
        return len(self.primal.outputs)

    # --- may it be used again?

    def accepts(self, arguments: Sequence[Argument]) -> bool:
        """Return whether these arguments would be traced the same way."""
        values: dict[Dim, int] = {}
        pairs: list[tuple[Shape, Shape]] = []
        for mine, theirs in zip(self.arguments, arguments, strict=True):
            if mine.tree != theirs.tree:
                return False
            for k, (a, b) in enumerate(zip(mine.leaves, theirs.leaves, strict=True)):
                if not self._same_leaf(mine.name, k, a, b):
                    return False
                symbol = self.leaves.get((mine.name, k))
                if symbol is not None and b.aval is not None:
                    pairs.append((self.primal.avals[symbol].shape, b.aval.shape))
        for capture in self.captures:
            now, mine_aval = capture.aval(), self.primal.avals[capture.symbol]
            if now is None:
                return False
            if (now.dtype, now.kind) != (mine_aval.dtype, mine_aval.kind):
                return False
            pairs.append((mine_aval.shape, now.shape))
        if not _bind(pairs, values):
            return False
        return all(static.holds() for static in self.traced.statics) and all(
            guard.holds(values) for guard in self.guards
        )

    @property
    def guards(self) -> list[Guard]:
        return self.primal.shapes.resolved_guards()

    def _same_leaf(self, name: str, k: int, a: Leaf, b: Leaf) -> bool:
        if (name, k) in self.traced.fixed:
            return type(b.value) is type(a.value) and bool(b.value == a.value)
        if a.aval is None or b.aval is None:
            same = a.value is b.value or (type(a.value) is type(b.value) and a.value == b.value)
            return a.aval is b.aval and bool(same)
        return (
            a.aval.dtype == b.aval.dtype
            and a.aval.kind == b.aval.kind
            and len(a.aval.shape) == len(b.aval.shape)
        )

    # --- the stages after recognise, run when something first needs what they make

    def joint(self, seeded: bool, fired: Counter[str] | None = None) -> Graph:
        """Return the graph of the values and the gradients, its seeds the last inputs.

        ``fired`` counts the derivative laws that are used.
        """
        primal, wrt = self.primal, self.wrt_symbols
        name = f"d{self.value_name}" if seeded else None
        graph = differentiate(primal, wrt, self.value_count, name, self.options.exact)
        seeds = len(graph.inputs) - len(primal.inputs)
        graph = simplify(graph, len(primal.equations), seeds, fired)
        if not self.options.exact:
            graph = rewrite_regions(graph, len(primal.equations))
        graph = expand(graph)
        if not self.options.exact:
            graph = gather_first(graph)
        graph = own_outputs(graph, self.output_count, wrt)
        if graph.shapes.has_selected:  # a rule may have asked again how many a mask selects
            graph = canonical(graph)
        return drop_dead(graph)

    def write_halves(
        self, writer: ModuleWriter, fired: Counter[str] | None = None
    ) -> tuple[Schedule, tuple[FunctionView, FunctionView]]:
        """Return forward and backward, as they are scheduled and as text."""
        with self._lock, uncollected():
            joint = self.joint(seeded=True, fired=fired)
            schedule = cut(joint, self.output_count, joint.inputs[len(self.primal.inputs) :])
            return schedule, writer.halves(schedule, joint)

    def write_whole(
        self, writer: ModuleWriter, fired: Counter[str] | None = None
    ) -> tuple[Half, FunctionView]:
        """Return value_and_grad, as it is scheduled and as text."""
        with self._lock, uncollected():
            half = whole(self.joint(seeded=False, fired=fired), self.output_count)
            return half, writer.value_and_grad(half, self.output_count)

    @functools.cached_property
    def views(self) -> tuple[FunctionView, FunctionView]:
        """Return forward and backward as text."""
        return self.write_halves(ModuleWriter(self.interface))[1]

    @functools.cached_property
    def combined_view(self) -> FunctionView:
        """Return value_and_grad as text."""
        return self.write_whole(ModuleWriter(self.interface))[1]

    @functools.cached_property
    def forward(self) -> Callable[..., Any]:
        return self._load(self.views[0])

    @functools.cached_property
    def backward(self) -> Callable[..., Any]:
        return self._load(self.views[1])

    @functools.cached_property
    def value_and_grad(self) -> Callable[..., Any]:
        return self._load(self.combined_view)

    def _load(self, view: FunctionView) -> Callable[..., Any]:
        text = print_module(self._module([view], bare=True))
        return load_function(text, self.name, view.name)

    @functools.cached_property
    def interface(self) -> Interface:
        """Return how the emitted functions look from outside."""
        found = interface_of(
            self.name, self.value_name, self.signature, self.arguments, self.traced,
            self.primal.shapes, self.dims, self.options.wrt, self.options.single,
        )  # fmt: skip
        rewritten = tuple(f.origin for f in self.stability_laws if f.origin is not None)
        return replace(found, rewritten=rewritten, comments=self.options.comments)

    @functools.cached_property
    def value_name(self) -> str:
        y = self.primal.outputs[0]
        name = self.primal.notes.names.get(y) if isinstance(y, Sym) else None
        if name is not None and y not in self.primal.inputs:
            return str(name)
        return value_name(self.name)

    # --- text

    @functools.cached_property
    def source(self) -> str:
        """Return the whole module."""
        return print_module(self._module((*self.views, self.combined_view)))

    def _module(self, functions: Sequence[FunctionView], bare: bool = False) -> ModuleView:
        interface, writer = self.interface, ModuleWriter(self.interface)
        title = f"Value and gradient of `{self.name}`, generated by symgrad; {needed(functions)}."
        if not fits(title, len('"""')):
            title = f"Value and gradient of `{self.name}`."
        if bare:
            return ModuleView((), title, (), writer.np, tuple(functions))
        names, _ = writer.input_names(self.primal)
        words = contract_words(self.primal, (*interface.parameters, *interface.captured), names)
        doc = ["", *paragraph(words)]
        if self.options.origin:
            doc += ["", *paragraph([docstring_text(self._origin_of(functions))])]
        return ModuleView((), title, tuple(doc), writer.np, tuple(functions))

    def _origin_of(self, functions: Sequence[FunctionView]) -> str:
        """Return where the module comes from, and what its gradient is by if no line could say."""
        origin = self.options.origin
        if not any(function.doc.endswith(" ...") for function in functions):
            return origin
        return f"{origin.removesuffix('.')}, by {', '.join(self.options.wrt)}."

    # --- what the function captures

    def captured_values(self) -> dict[str, Any]:
        """Return what the captured variables hold now, by the names in the emitted signature."""
        return {p.name: c.read() for p, c in self.captured_parameters()}

    def captured_parameters(self) -> list[tuple[Parameter, Capture]]:
        """Return each captured variable with the parameter that stands for it."""
        if not self.captures:
            return []
        return list(zip(self.interface.captured, self.captures, strict=True))

    @property
    def stability_laws(self) -> list[Firing]:
        return [f for f in self.firings if f.stability]


def _batch(graph: Graph, inputs: Sequence[Sym]) -> Dim | None:
    """Return the size that leads more than one argument, and ends none: the number of examples."""
    shapes = [graph.avals[x].shape for x in inputs]
    ends = {shape[-1] for shape in shapes if len(shape) > 1}
    leading = Counter(
        size for shape in shapes for size in shape[:1] if isinstance(size, Dim) and size not in ends
    )
    dim, count = max(leading.items(), key=lambda pair: pair[1], default=(None, 0))
    return dim if count > 1 else None


def _function_name(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None) or type(function).__name__
    return name if name.isidentifier() else "value"


def _caller(signature: inspect.Signature) -> Callable[..., Any]:
    """Return how to pass values by parameter name to a function of this signature."""

    def call(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
        bound = inspect.BoundArguments(signature, dict(values))
        return function(*bound.args, **bound.kwargs)

    return call


def _bind(pairs: Sequence[tuple[Shape, Shape]], values: dict[Dim, int]) -> bool:
    """Bind each dim to the size it has, or say that the sizes do not fit."""
    later: list[tuple[Size, int]] = []
    for mine, theirs in pairs:
        if len(mine) != len(theirs):
            return False
        for size, now in zip(mine, theirs, strict=True):
            if isinstance(size, Dim):
                if values.setdefault(size, now) != now:
                    return False
            elif isinstance(size, int):
                if size != now:
                    return False
            else:
                later.append((size, now))
    return all(
        dims_of(size) <= values.keys() and evaluate(size, values) == now for size, now in later
    )
