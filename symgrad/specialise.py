"""One specialisation: the pipeline run for arguments of one kind, and when it may be used again.

Given the arguments' structures and avals, run the stages and keep what each left.  Invariant:
`accepts` says yes only to arguments for which the trace would have gone the same way.
"""

from __future__ import annotations

import functools
import gc
import inspect
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgrad.differentiate import differentiate
from symgrad.dims import Dim, Guard, Shape, Shapes, Size, dims_in, dims_of, evaluate
from symgrad.emit import (
    FunctionView,
    Interface,
    ModuleView,
    ModuleWriter,
    Parameter,
    contract_words,
    docstring_text,
    print_module,
    value_name,
)
from symgrad.emit import Guard as ShapeGuard
from symgrad.emit.layout import fits, paragraph
from symgrad.emit.spell import written_out
from symgrad.errors import LossError, WrtError
from symgrad.expand import drop_dead, expand
from symgrad.graph import Aval, Graph, Sym
from symgrad.load import load_function
from symgrad.recognise import Firing, recognise
from symgrad.schedule import Half, cut, own_outputs
from symgrad.simplify import simplify
from symgrad.trace import LARGEST_CONSTANT, Argument, Capture, Leaf, canonical, trace
from symgrad.trees import LEAF, Tree


@dataclass(frozen=True, slots=True)
class Options:
    """How the user wants it compiled."""

    wrt: tuple[str, ...]
    single: bool
    has_aux: bool = False
    exact: bool = False
    any_output: bool = False
    origin: str = ""


_PAUSE = threading.Lock()
_PAUSED = 0
_WAS_ON = False


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the cyclic garbage collector: a graph is many small objects and no garbage."""
    global _PAUSED, _WAS_ON
    with _PAUSE:
        if not _PAUSED:
            _WAS_ON = gc.isenabled()
        _PAUSED += 1
        gc.disable()
    try:
        yield
    finally:
        with _PAUSE:
            _PAUSED -= 1
            if _WAS_ON and not _PAUSED:
                gc.enable()


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
                (self.traced.graph, ()) if options.exact else recognise(self.traced.graph)
            )
        graph = self.traced.graph
        taken = [*signature.parameters, *graph.notes.names.values()]
        graph.shapes.name_rest(taken, _batch(graph, list(self.traced.leaves.values())))
        renamed = dict(zip(self.traced.graph.inputs, self.primal.inputs, strict=True))
        self.leaves = {key: renamed[x] for key, x in self.traced.leaves.items()}
        self.captures = [(c, renamed[c.symbol]) for c in self.traced.captures]
        self.wrt_symbols = self._find_wrt()
        self._check_outputs()
        self.checked = False
        self.check_note = ""

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
        for capture, symbol in self.captures:
            now, mine_aval = capture.aval(), self.primal.avals[symbol]
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

    # --- the stages after recognise

    def joint(self, seeded: bool) -> tuple[Graph, list[Sym], list[Sym]]:
        """Return the joint graph, its wrt inputs, and the inputs that seed it."""
        primal, wrt = self.primal, self.wrt_symbols
        name = f"d{self.value_name}" if seeded else None
        joint = differentiate(primal, wrt, self.value_count, name, self.options.exact)
        start = len(primal.equations)
        simple = simplify(joint, start, len(joint.inputs) - len(primal.inputs))
        plain = drop_dead(expand(simple))
        position = {x: k for k, x in enumerate(primal.inputs)}
        wrt = [plain.inputs[position[x]] for x in wrt]
        seeds = list(plain.inputs[len(primal.inputs) :])
        joint = drop_dead(own_outputs(plain, self.output_count, wrt))
        if joint.shapes.has_selected:  # a rule may have asked again how many a mask selects
            joint = canonical(joint)
        return joint, wrt, seeds

    def _primal_symbols(self, joint: Graph) -> frozenset[Sym]:
        """Return the symbols of ``joint`` that the user's own function needs."""
        outputs = joint.outputs[: self.output_count]
        needed = drop_dead(
            Graph(joint.inputs, joint.equations, outputs, joint.avals, joint.shapes, joint.notes)
        )
        return frozenset(y for eqn in needed.equations for y in eqn.lhs)

    @functools.cached_property
    def value_name(self) -> str:
        y = self.primal.outputs[0]
        name = self.primal.notes.names.get(y) if isinstance(y, Sym) else None
        if name is not None and y not in self.primal.inputs:
            return str(name)
        return value_name(self.name)

    # --- emission

    @functools.cached_property
    def views(self) -> tuple[FunctionView, FunctionView]:
        """Return forward and backward as text."""
        with self._lock, uncollected():
            joint, _, seeds = self.joint(seeded=True)
            primal = self._primal_symbols(joint)
            schedule = cut(joint, self.output_count, seeds, primal)
            writer = ModuleWriter(self._interface(joint))
            forward, names = writer.forward(schedule.forward, schedule.residuals)
            backward = writer.backward(
                schedule.backward, schedule.residuals, names, schedule.seeds, joint
            )
            return forward, backward

    @functools.cached_property
    def combined_view(self) -> FunctionView:
        """Return value_and_grad as text."""
        with self._lock, uncollected():
            joint, *_ = self.joint(seeded=False)
            half = Half(joint, self._primal_symbols(joint))
            return ModuleWriter(self._interface(joint)).value_and_grad(half, self.output_count)

    def _interface(self, joint: Graph) -> Interface:
        position = {x: k for k, x in enumerate(self.primal.inputs)}

        def symbol(x: Sym | None) -> Sym | None:
            return None if x is None else joint.inputs[position[x]]

        parameters = tuple(self._parameter(a, symbol) for a in self.arguments)
        captured = tuple(_captured_parameter(c, symbol(x)) for c, x in self.captures)
        wrt = tuple(
            (a.name, a.tree, a.tree.count)
            for name in self.options.wrt
            for a in self.arguments
            if a.name == name
        )
        return Interface(
            self.name, parameters, _unique(captured, parameters), wrt, self.options.single,
            self.traced.out_tree, self.traced.aux_tree, self.value_name,
            tuple(ShapeGuard(symbol(x), axes) for x, axes in self._unchecked()),  # type: ignore[arg-type]
            tuple(self.guards),
        )  # fmt: skip

    def _parameter(self, argument: Argument, symbol: Callable[[Sym | None], Any]) -> Parameter:
        declared = self.signature.parameters[argument.name]
        leaves = tuple(
            symbol(self.leaves.get((argument.name, k))) for k in range(len(argument.leaves))
        )
        statics = tuple(
            (k, leaf.value)
            for k, leaf in enumerate(argument.leaves)
            if leaves[k] is None and isinstance(leaf.value, (int, str, bool, type(None)))
        )
        return Parameter(
            argument.name, _KINDS[declared.kind], argument.tree, leaves,
            statics=statics, **_default(declared.default, argument),
        )  # fmt: skip

    def _unchecked(self) -> list[tuple[Sym, tuple[int, ...]]]:
        """Return the axes of array inputs whose size no operation checks by itself."""
        originals = [(x, self.dims[key]) for key, x in self.leaves.items()]
        originals += [(x, c.shape) for c, x in self.captures]
        first: dict[Size, Size] = {}
        found = []
        for x, shape in originals:
            axes = tuple(k for k, size in enumerate(shape) if self._is_unchecked(size, first))
            if axes:
                found.append((x, axes))
        return found

    def _is_unchecked(self, size: Size, first: dict[Size, Size]) -> bool:
        if isinstance(size, int) or size in self.traced.fixed_dims:
            return True
        shapes = self.primal.shapes
        root = shapes.resolve(size)
        if not isinstance(root, (int, Dim)):
            return True  # an expression of other sizes, such as d - 1
        known = root if isinstance(root, int) else first.setdefault(root, size)
        return known is not size and not shapes.checks_itself(size, known)

    # --- text and functions

    @functools.cached_property
    def source(self) -> str:
        """Return the whole module."""
        return print_module(self._module((*self.views, self.combined_view)))

    def _module(self, functions: Sequence[FunctionView], bare: bool = False) -> ModuleView:
        interface = self._interface(self.primal)
        writer = ModuleWriter(interface)
        title = f"Value and gradient of `{self.name}`, generated by symgrad; needs only NumPy."
        if not fits(title, len('"""')):
            title = f"Value and gradient of `{self.name}`."
        if bare:
            return ModuleView((), title, (), writer.np, tuple(functions))
        names, _ = writer._input_names(self.primal)
        words = contract_words(self.primal, (*interface.parameters, *interface.captured), names)
        doc = ["", *paragraph(words)]
        if self.options.origin:
            doc += ["", *paragraph([docstring_text(self.options.origin)])]
        return ModuleView((), title, tuple(doc), writer.np, tuple(functions))

    def _load(self, view: FunctionView) -> Callable[..., Any]:
        text = print_module(self._module([view], bare=True))
        return load_function(text, self.name, view.name)

    @functools.cached_property
    def forward(self) -> Callable[..., Any]:
        return self._load(self.views[0])

    @functools.cached_property
    def backward(self) -> Callable[..., Any]:
        return self._load(self.views[1])

    @functools.cached_property
    def value_and_grad(self) -> Callable[..., Any]:
        return self._load(self.combined_view)

    def captured_values(self) -> dict[str, Any]:
        """Return what the captured variables hold now, by the names in the emitted signature."""
        if not self.captures:
            return {}
        return {p.name: c.read() for p, (c, _) in self.captured_parameters()}

    def captured_parameters(self) -> list[tuple[Parameter, tuple[Capture, Sym]]]:
        """Return each captured variable with the parameter that stands for it."""
        return list(zip(self._interface(self.primal).captured, self.captures, strict=True))

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


_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "plain",
    inspect.Parameter.VAR_POSITIONAL: "args",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_KEYWORD: "kwargs",
}


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


def _default(value: Any, argument: Argument) -> dict[str, Any]:
    """Return how the emitted signature gives a parameter's default."""
    if value is inspect.Parameter.empty:
        return {"default": None}
    if is_plain(value):
        return {"default": written_out(value)}
    fill = value if _can_be_written(value) and any(leaf.aval for leaf in argument.leaves) else None
    return {"default": "None", "fill": fill}


def is_plain(value: Any) -> bool:
    """Return whether a default can stand in a signature as it is."""
    if isinstance(value, tuple) and type(value) is tuple:
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _can_be_written(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(map(_can_be_written, value))
    if type(value) is dict:
        return all(map(is_plain, value)) and all(map(_can_be_written, value.values()))
    is_small = isinstance(value, np.ndarray) and value.size <= LARGEST_CONSTANT
    return is_plain(value) or is_small or isinstance(value, np.generic)


def _captured_parameter(capture: Capture, symbol: Sym | None) -> Parameter:
    value = capture.example
    given: dict[str, Any] = {}
    if np.ndim(value) == 0 and np.asarray(value).dtype.name in ("float64", "int64", "bool"):
        given = {"default": written_out(getattr(value, "item", lambda: value)())}
    elif capture.small:
        given = {"default": "None", "fill": value}
    return Parameter(capture.name, "keyword", Tree(LEAF), (symbol,), **given)


def _unique(
    captured: Sequence[Parameter], parameters: Sequence[Parameter]
) -> tuple[Parameter, ...]:
    """Return the captured parameters under names that no other parameter has."""
    taken = {p.name for p in parameters}
    result = []
    for p in captured:
        name, number = p.name, 2
        while name in taken:
            name, number = f"{p.name}{number}", number + 1
        taken.add(name)
        result.append(replace(p, name=name))
    return tuple(result)


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
