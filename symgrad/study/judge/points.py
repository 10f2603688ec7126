"""Where a claim and the truth are compared: random arguments of several sizes.

Given a compiled function and perhaps example arguments, return points.  Invariant: what the
example shows of an argument (labels, signs, one-hot rows, positive values) its random values
keep, and every draw comes from one seeded generator.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.arguments import bind, is_leaf
from symgrad.compiled import Compiled
from symgrad.dims import Dim, evaluate
from symgrad.errors import ArgumentError, SymgradError
from symgrad.graph import Sym
from symgrad.specialise import Specialisation
from symgrad.study.judge.labels import label_range, tied_dims
from symgrad.study.judge.styles import GIVEN_BY_EXAMPLE, Style, normal, positive, spread, unit
from symgrad.study.judge.truth import Truths, Witness, batch_dims, dims_at, size_names
from symgrad.trees import flatten

SEED = 20240229
SIZES = (
    (5, 3, 4, 2, 6, 7),
    (4, 2, 3, 5, 7, 6),
    (2, 4, 3, 6, 5, 7),
    (1, 3, 2, 4, 5, 6),
)
POINTS_EACH = 3
POINTS_AT_LEAST = 16
MOVE, LARGEST_CHANGE = 1e-11, 1e-6

Element = Callable[[str, float], Any]


@dataclass(frozen=True, slots=True)
class Hidden:
    """Names that a diagnosis may use and a claim cannot: they are no identifiers.

    ``sizes`` are the sizes of axes, that of the examples first; ``slopes`` map a local derivative
    to the value it belongs to; ``terms`` tell of the gradient of each term, by answer and name,
    whether the term is a regulariser; ``related`` are the element-wise functions of each value.
    """

    sizes: tuple[str, ...]
    slopes: Mapping[str, str]
    terms: Mapping[tuple[str, str], bool]
    related: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Point:
    """One place of comparison: the arguments, what names mean there, and what is true."""

    arguments: Mapping[str, Any]
    ground: Mapping[str, Any]
    truths: Truths
    witness: Witness
    hidden: Hidden
    sizes: tuple[int, ...]


# --- the sampler -------------------------------------------------------------------------------


class Sampler:
    """Draws points for one function.

    ``notes`` say that an example was made up, which shows nothing of the data then.  ``spoken``
    are sizes that the claim holds as numbers: an example that has them keeps them.  ``asked`` are
    intermediates whose gradients the claim answers for.

    Raises SpecError where neither arguments nor specs say what the function takes.
    """

    def __init__(
        self,
        compiled: Compiled,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] = {},
        spoken: Collection[int] = (),
        notes: tuple[str, ...] = (),
        asked: tuple[str, ...] = (),
    ):
        self.compiled, self.notes, self.asked = compiled, notes, asked
        self.rng = np.random.default_rng(SEED)
        self.example: Mapping[str, Any] | None = None
        if args is not None:
            values = bind(compiled.signature, compiled._name, tuple(args), kwargs)
            self.example = {name: as_doubles(value) for name, value in values.items()}
        self.first = self.specialised(self.example)
        self.witnesses: dict[int, Witness] = {}
        self.styles = self._styles()
        self.assumed: dict[str, Style] = {}
        self.tied = tied_dims(self.first.traced.graph)
        self.kept = self._kept(spoken)

    def _kept(self, spoken: Collection[int]) -> dict[Dim, int]:
        """Return the sizes of the example that a claim speaks of as numbers: ``np.eye(3)``."""
        if self.example is None:
            return {}
        dims = dims_at(self.first, self._example_leaves())
        return {dim: size for dim, size in dims.items() if size in spoken}

    def specialised(self, values: Mapping[str, Any] | None) -> Specialisation:
        if values is None:
            return self.compiled._newest()
        bound = inspect.BoundArguments(self.compiled.signature, dict(values))
        return self.compiled._made_for(bound.args, bound.kwargs)[0]

    def witness(self, made: Specialisation) -> Witness:
        if id(made) not in self.witnesses:
            self.witnesses[id(made)] = Witness(made, self.asked)
        return self.witnesses[id(made)]

    # --- what is drawn

    def _styles(self) -> dict[Sym, Style]:
        """Return how each leaf is drawn, as far as the example shows it."""
        found: dict[Sym, Style] = {}
        if self.example is None:
            return found
        for (name, k), x in self.first.leaves.items():
            leaf = flatten(self.example[name], is_leaf)[0][k]
            array = np.asarray(leaf)
            is_wrt = x in self.first.wrt_symbols
            if array.dtype.kind != "f" or (not array.ndim and (is_wrt or float(leaf) <= 0)):
                continue
            for shows, style in GIVEN_BY_EXAMPLE if array.ndim else GIVEN_BY_EXAMPLE[-2:]:
                if (not is_wrt or style.draw in (positive, unit, spread)) and shows(array):
                    found[x] = style
                    break
        return found

    @property
    def data_leaves(self) -> list[Sym]:
        """The arrays of which text books assume something, where no example shows what they are.

        What a parameter is multiplied with is not among them: any features are possible.
        """
        if self.example is not None and not self.notes:
            return []
        graph, wrt = self.first.traced.graph, set(self.first.wrt_symbols)
        features = {
            x
            for eqn in graph.equations
            if eqn.rhs.name in ("contract", "multiply") and not wrt.isdisjoint(eqn.rhs.operands)
            for x in eqn.rhs.operands
        }
        inputs = [x for x in self.first.leaves.values() if x not in wrt and x not in features]
        return [x for x in inputs if graph.avals[x].inexact and graph.avals[x].shape]

    def _draw(self, x: Sym, shape: tuple[int, ...], dims: Mapping[Dim, int], style: Style) -> Any:
        graph = self.first.traced.graph
        aval = graph.avals[x]
        if aval.dtype.kind == "b":
            return self.rng.integers(0, 2, size=shape).astype(bool)
        if aval.dtype.kind in "iu":
            return self._labels(x, shape, dims)
        style = self.assumed.get(graph.notes.names.get(x, ""), self.styles.get(x, style))
        drawn = style.draw(self.rng, shape)
        return float(drawn) if aval.kind == "python" else drawn

    def _labels(self, x: Sym, shape: tuple[int, ...], dims: Mapping[Dim, int]) -> Any:
        """Draw integers: labels in the range of the axis they pick from, all of them if possible.

        Without such an axis they keep the range of the example.
        """
        graph = self.first.traced.graph
        low, high = 0, label_range(graph, x, dims)
        if high is None:
            shown = self._example_of(x)
            low, high = (
                (0, 2) if shown is None or not shown.size else (shown.min(), shown.max() + 1)
            )
        drawn = self.rng.integers(low, max(high, low + 1), size=shape)
        if shape and drawn.size >= high - low > 0:
            flat = drawn.reshape(-1)
            flat[: high - low] = np.arange(low, high)  # off by one shows at either end
        return drawn.astype(graph.avals[x].dtype) if shape else int(drawn)

    def _example_of(self, x: Sym) -> np.ndarray | None:
        if self.example is None:
            return None
        for (name, k), y in self.first.leaves.items():
            if y is x:
                return np.asarray(flatten(self.example[name], is_leaf)[0][k])
        return None

    # --- points

    def points(self) -> list[Point]:
        """Return the points of all sizes that the function takes; the example's sizes first."""
        found: list[Point] = []
        refused: SymgradError | None = None
        every = self._all_dims()
        each = max(POINTS_EACH, POINTS_AT_LEAST // len(every))
        for dims in every:
            try:
                found += self._points_of(dims, each)
            except SymgradError as error:
                refused = refused or error
        if not found:
            raise refused or ArgumentError("no finite point was found to compare at")
        return found

    def assuming(self, leaf: str, style: Style) -> list[Point]:
        """Return points where one leaf is drawn in another style."""
        self.assumed = {leaf: style}
        try:
            return self.points()
        finally:
            self.assumed = {}

    def _all_dims(self) -> list[dict[Dim, int]]:
        free = self._free_dims()
        every = [] if self.example is None else [dims_at(self.first, self._example_leaves())]
        for sizes in SIZES:
            dims = dict(zip(free, sizes * 3, strict=False))
            every.append({d: self.kept.get(d, dims[self.tied.get(d, d)]) for d in free})
        unique: list[dict[Dim, int]] = []
        for dims in every:
            if dims not in unique and (dims or not unique):
                unique.append(dims)
        if self.example is not None:  # large examples are looked at in small
            unique = [d for d in unique if max(d.values(), default=0) <= 12] or unique[:1]
        return unique

    def _free_dims(self) -> list[Dim]:
        """Return the dims of the arguments: numbers of examples first, which are given most."""
        graph = self.first.traced.graph
        batch = batch_dims(graph)
        found: list[Dim] = []
        for x in self.first.leaves.values():
            for size in graph.shapes.resolve_shape(graph.avals[x].shape):
                found += [d for d in sorted(_dims(size), key=str) if d not in found]
        return sorted(found, key=lambda dim: dim not in batch)

    def _example_leaves(self) -> dict[Sym, Any]:
        assert self.example is not None
        return {
            x: flatten(self.example[name], is_leaf)[0][k]
            for (name, k), x in self.first.leaves.items()
        }

    def _points_of(self, dims: Mapping[Dim, int], each: int) -> list[Point]:
        found: list[Point] = []
        styles = (Style(normal), Style(positive), Style(unit))
        for style in styles:
            drawn = (self.point(self.values(dims, style)) for _ in range(each))
            found += [point for point in drawn if point is not None][: each - len(found)]
            if len(found) >= each:
                break
        return found

    def values(self, dims: Mapping[Dim, int], style: Style) -> dict[str, Any]:
        """Return random arguments of these sizes, by parameter."""
        graph, values = self.first.traced.graph, {}
        for argument in self.first.arguments:
            leaves = []
            for k, leaf in enumerate(argument.leaves):
                x = self.first.leaves.get((argument.name, k))
                if x is None:
                    fixed = self.first.traced.fixed.get((argument.name, k), leaf.value)
                    leaves.append(fixed)
                    continue
                shape = graph.shapes.resolve_shape(graph.avals[x].shape)
                sizes = tuple(evaluate(size, dims) for size in shape)
                keeps = graph.avals[x].dtype.kind in "iu" and not sizes
                keeps = keeps and label_range(graph, x, dims) is None
                shown = self._example_of(x) if keeps else None
                drawn = self._draw(x, sizes, dims, style) if shown is None else int(shown)
                leaves.append(drawn)
            values[argument.name] = argument.tree.build(iter(leaves))
        return values

    def small_dims(self, size: int) -> dict[Dim, int]:
        """Return one small size for every dim."""
        return {dim: self.kept.get(dim, size) for dim in self._free_dims()}

    def named_sizes(self, dims: Mapping[Dim, int]) -> dict[str, int]:
        """Return the sizes as people call them."""
        shapes = self.first.traced.graph.shapes
        return {shapes.label(dim): size for dim, size in dims.items()}

    def symbolic(
        self, made: Specialisation, dims: Mapping[Dim, int], most: int, element: Element
    ) -> tuple[dict[str, Any], dict[Sym, Any]]:
        """Return arguments whose numbers are expressions, by parameter and by leaf.

        ``element`` makes each of its name and random value.

        Raises ArgumentError if there were more than ``most``.
        """
        drawn = self.values(dims, Style(normal))
        values: dict[str, Any] = {}
        by_leaf: dict[Sym, Any] = {}
        count = 0
        for argument in made.arguments:
            leaves = flatten(drawn[argument.name], is_leaf)[0]
            for k, leaf in enumerate(leaves):
                x = made.leaves.get((argument.name, k))
                if x is None:
                    continue
                array = np.asarray(leaf)
                if array.dtype.kind == "f":
                    count += array.size
                    name = made.traced.graph.notes.names.get(x, str(x))
                    leaves[k] = _expressions(name, array, element)
                by_leaf[x] = leaves[k]
            values[argument.name] = argument.tree.build(iter(leaves))
        if count > most:
            raise ArgumentError(f"{count} symbols are more than {most}")
        return values, by_leaf

    def point(self, values: Mapping[str, Any]) -> Point | None:
        """Return what is true at these arguments, or None where it is not finite."""
        try:
            made = self.specialised(values)
            leaves = {
                x: flatten(values[name], is_leaf)[0][k] for (name, k), x in made.leaves.items()
            }
            dims = dims_at(made, leaves)
            witness = self.witness(made)
            bound = inspect.BoundArguments(self.compiled.signature, dict(values))
            truths = witness.at(bound.args, bound.kwargs, dims)
        except SymgradError:
            raise
        except (ArithmeticError, ValueError, TypeError, LookupError):  # math.log(-1.0), 1 / 0.0
            return None
        if not is_settled(witness, bound, truths, dims):
            return None
        ground = self.ground(values, made, leaves, dims, truths)
        hidden = _hide(ground, made, leaves, witness, truths)
        return Point(values, ground, truths, witness, hidden, tuple(sorted(dims.values())))

    def ground(
        self,
        values: Mapping[str, Any],
        made: Specialisation,
        leaves: Mapping[Sym, Any],
        dims: Mapping[Dim, int],
        truths: Truths,
    ) -> dict[str, Any]:
        """Return what each name means to a claim, before it assigns any itself."""
        names = made.traced.graph.notes.names
        ground: dict[str, Any] = dict(numbers_around(self.compiled.function))
        batch = batch_size(made, leaves)
        ground.update(dict.fromkeys(("n", "N", "m"), batch) if batch is not None else {})
        for name, cts in truths.cotangents.items():
            for spelling in (f"d{name}", f"dL_d{name}", f"grad_{name}", f"delta_{name}"):
                ground[spelling] = cts[-1]
        ground.update(size_names(made, dims))
        ground.update({name: found[-1] for name, found in truths.values.items()})
        ground.update({p.name: c.read() for p, c in made.captured_parameters()})
        ground.update({c.name: c.read() for c in made.captures if c.name.isidentifier()})
        ground.update({names[x]: value for x, value in leaves.items() if x in names})
        ground.update(values)
        return ground


def is_settled(
    witness: Witness, bound: inspect.BoundArguments, truths: Truths, dims: Mapping[Dim, int]
) -> bool:
    """Return whether the truth is finite, and a tiny move changes it by no more than a little.

    Where it does not hold (the inverse of a singular matrix) rounding decides what comes out.
    """
    values = [np.asarray(x) for x in (truths.value, *truths.answers.values())]
    if not all(x.dtype.kind in "fiu" and np.isfinite(x).all() for x in values):
        return False
    moved = (
        [moved_a_little(x) for x in bound.args],
        {name: moved_a_little(x) for name, x in bound.kwargs.items()},
    )
    there = witness.at(*moved, dims)
    for name, here in truths.answers.items():
        scale = max(float(np.max(np.abs(here), initial=0.0)), 1e-3)
        change = np.max(np.abs(there.answers[name] - here), initial=0.0)
        if not change <= LARGEST_CHANGE * scale:
            return False
    return True


def moved_a_little(value: Any) -> Any:
    leaves, tree = flatten(value, is_leaf)
    moved = (x * (1 + MOVE) if np.asarray(x).dtype.kind == "f" else x for x in leaves)
    return tree.build(iter([x + 0.0 if isinstance(x, float) else x for x in moved]))


def _hide(
    ground: dict[str, Any],
    made: Specialisation,
    leaves: Mapping[Sym, Any],
    witness: Witness,
    truths: Truths,
) -> Hidden:
    """Put what only a diagnosis may mention into ``ground``, and return its names."""
    ground.update({k: v for k, v in truths.unnamed.items() if not k.isidentifier()})
    slopes = {}
    for (h, z), value in truths.slopes.items():
        word = f"∂{_bracketed(h)}/∂{_bracketed(z)}"
        slopes[word] = h
        ground[word] = value
    terms = {}
    for (answer, k), value in truths.terms.items():
        if np.any(value):
            word = f"∂(term {k + 1})/∂{answer}"
            terms[answer, word] = k in witness.regularisers
            ground[word] = value
    related = {x: frozenset(ys) for x, ys in witness.related.items()}
    return Hidden(_sizes(ground, made, leaves), slopes, terms, related)


def _bracketed(text: str) -> str:
    return text if text.isidentifier() else f"({text})"


def _sizes(
    ground: dict[str, Any], made: Specialisation, leaves: Mapping[Sym, Any]
) -> tuple[str, ...]:
    """Name the size of each axis once: by the user's name, as ``n``, or as ``X.shape[1]``."""
    graph = made.traced.graph
    shapes, names = graph.shapes, graph.notes.names
    batch = batch_dims(graph)
    found: dict[Any, str] = {}
    for x, value in leaves.items():
        for axis, size in enumerate(shapes.resolve_shape(graph.avals[x].shape)):
            if size in found or size == 1:
                continue
            word = shapes.user_name(size) if isinstance(size, Dim) else None
            if word is None and size in batch and ground.get("n") == np.shape(value)[axis]:
                word = "n"
            if word is None or word not in ground:
                word = f"{names.get(x, x)}.shape[{axis}]"
                ground[word] = int(np.shape(value)[axis])
            found[size] = word
    if not found and isinstance(ground.get("n"), int):
        return ("n",)
    return tuple(found[size] for size in sorted(found, key=lambda size: size not in batch))


def _expressions(name: str, like: np.ndarray, element: Element) -> Any:
    """Return an expression for every element, or one for a number."""
    made = np.empty(like.shape, object)
    for at in np.ndindex(like.shape):
        made[at] = element(f"{name}{list(at) if at else ''}", float(like[at]))
    return made[()]


def as_doubles(value: Any) -> Any:
    """Return an argument with every float as a double: rounding is no mistake of a claim's."""
    leaves, tree = flatten(value, is_leaf)
    return tree.build(iter([_double(x) for x in leaves]))


def _double(x: Any) -> Any:
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f":
        return x.astype(np.float64)
    return x


def batch_size(made: Specialisation, leaves: Mapping[Sym, Any]) -> int | None:
    """Return the number of examples: what leads the arrays outside of wrt."""
    rest = [np.shape(v) for x, v in leaves.items() if x not in made.wrt_symbols and np.ndim(v)]
    matrices = [shape for shape in rest if len(shape) > 1]
    graph = made.traced.graph
    batch = batch_dims(graph)
    for x, value in leaves.items():
        shape = graph.shapes.resolve_shape(graph.avals[x].shape)
        if x not in made.wrt_symbols and shape and shape[0] in batch:
            return int(np.shape(value)[0])
    return int((matrices or rest)[0][0]) if rest else None


def numbers_around(function: Any) -> dict[str, Any]:
    """Return the numbers that the function sees by name outside of its arguments."""
    code = getattr(function, "__code__", None)
    found: dict[str, Any] = {}
    if code is None:
        return found
    outside = dict(getattr(function, "__globals__", {}))
    cells = getattr(function, "__closure__", None) or ()
    for name, cell in zip(code.co_freevars, cells, strict=False):
        try:
            outside[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    for name in (*code.co_names, *code.co_freevars):
        value = outside.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found[name] = value
    return found


def _dims(size: Any) -> set[Dim]:
    if isinstance(size, Dim):
        return {size}
    return set() if isinstance(size, int) else set(size.atoms(Dim))
