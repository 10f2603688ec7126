"""What a formula says, calculated by a reader who knows only mathematics and NumPy.

Reads the tree of a formula as a mathematician reads the page: indices, sums, matrices beside one
another, columns.  Knows nothing of ops, graphs or rules, which is the point.
"""

import itertools
import math

import numpy as np

from symgrad.dims import Dim
from symgrad.notation import (
    Apply,
    Fenced,
    Indices,
    Label,
    Listed,
    Number,
    Product,
    Relation,
    Script,
    Sign,
    Slice,
    Word,
    is_derivative,
    with_indices,
)

SIGNS = {"e": math.e, "π": math.pi, "∞": math.inf}
FUNCTIONS = {
    "exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "tan": np.tan, "tanh": np.tanh,
    "sinh": np.sinh, "cosh": np.cosh, "arcsin": np.arcsin, "arccos": np.arccos,
    "arctan": np.arctan, "arsinh": np.arcsinh, "arcosh": np.arccosh, "artanh": np.arctanh,
    "sign": np.sign, "max": np.maximum, "min": np.minimum, "det": np.linalg.det, "tr": np.trace,
    "ravel": np.ravel, "sinc": np.sinc, "atan2": np.arctan2, "clip": np.clip, "rint": np.rint,
    "trunc": np.trunc, "expm1": np.expm1, "fmax": np.fmax, "fmin": np.fmin, "tril": np.tril,
    "triu": np.triu, "isfinite": np.isfinite, "isnan": np.isnan, "isinf": np.isinf,
    "H": np.heaviside, "signbit": np.signbit, "bitand": np.bitwise_and, "bitor": np.bitwise_or,
    "bitxor": np.bitwise_xor,
    "bitnot": np.invert, "copysign": np.copysign, "fmod": np.fmod, "argsort": np.argsort,
}  # fmt: skip
ALONG = {
    Word("argsort"): np.argsort, Word("round"): np.round, Word("tril"): np.tril,
    Word("triu"): np.triu,
}  # fmt: skip
COMPARE = {
    "<": np.less, ">": np.greater, "≤": np.less_equal, "≥": np.greater_equal, "=": np.equal,
    "≠": np.not_equal, "⊕": np.logical_xor, "∧": np.logical_and, "∨": np.logical_or, "mod": np.mod,
}  # fmt: skip


class Unreadable(Exception):
    """A formula with a sign that this reader does not know."""


class Row(np.ndarray):
    """A vector that was turned."""


def derivative_key(x):
    """Return what a derivative is called in the surroundings: ``("f", "x")``."""
    return x.above.factors[1].name, _bare(x.below.factors[1]).name


def _bare(x):
    return x.base if isinstance(x, Script) and isinstance(x.below, Indices) else x


def surroundings(circuit):
    """Return the reader of a circuit's formulas: its values, derivatives and sizes."""
    names = {node.name: node.value for node in circuit.nodes}
    output = circuit.nodes[circuit.output].name
    names |= {(output, n.name): n.upstream for n in circuit.nodes if n.upstream is not None}
    graph, sizes = circuit.made.primal, {}
    known = [(node.symbol, node.value) for node in circuit.nodes]
    for x, value in [*known, *circuit.given.items()]:
        for size, number in zip(graph.avals[x].shape, np.shape(value), strict=True):
            if isinstance(size, Dim):
                sizes[graph.shapes.label(size)] = number
    return Reader(names, sizes)


def backward_equations(circuit):
    """Yield for each value the derivative by it and what its readers pass back."""
    words = circuit.wording
    for node in circuit.nodes:
        edges = circuit.edges_from[node.number]
        if not edges or node.upstream is None or node.number == circuit.output:
            continue
        targets = [circuit.nodes[edge.target] for edge in edges]
        upstream = {
            t.symbol: Number(1) if t.number == circuit.output else words.derivative_math(t.symbol)
            for t in targets
        }
        formulas = words.reading(upstream)
        indices, right = formulas.total([edge.pull.passed_plain for edge in edges])
        shown = [index for index in indices if index is not None]
        yield with_indices(words.derivative_math(node.symbol), shown), right


class Reader:
    """Calculates formulas, given what names stand for (derivatives by pairs of names)."""

    def __init__(self, names, sizes):
        self.names, self.sizes = names, sizes

    # --- equations

    def holds(self, relation, tolerance=1e-9):
        """Return whether the first side of an equation equals the last, element by element."""
        left, right = relation.sides[0], relation.sides[-1]
        return self.agrees(left, right, tolerance)

    def key(self, left):
        """Return by what the value of a left-hand side is known."""
        return derivative_key(left) if is_derivative(left) else _bare(left).name

    def define(self, left, right):
        """Let a new name stand for what its equation says."""
        letters = self.indices_of(left)
        sizes = [self.extent(letter, right, {}) for letter in letters]
        found = np.zeros(sizes) if letters else self.read(right, {})
        for place in np.ndindex(*sizes) if letters else ():
            found[place] = self.read(
                right, dict(zip((x.letter for x in letters), place, strict=True))
            )
        self.names[self.key(left)] = found

    def agrees(self, left, right, tolerance=1e-9):
        letters = [x for x in self.indices_of(left) if isinstance(x, Label)]
        value = np.asarray(self.named(left), dtype=float)
        self.order, self.shape = value.shape[-1] if value.ndim else 1, value.shape
        value = np.squeeze(value) if value.ndim > len(letters) else value
        for place in np.ndindex(*value.shape) if letters else [()]:
            at = dict(zip((x.letter for x in letters), place, strict=True))
            found = np.squeeze(np.asarray(self.read(right, at), dtype=float))
            expected = value[place] if letters else value
            shape = np.broadcast_shapes(found.shape, expected.shape)
            if shape != expected.shape or not np.allclose(found, expected, tolerance, tolerance):
                return False
        return True

    def indices_of(self, left):
        by = left.below.factors[1] if is_derivative(left) else left
        return by.below.items if isinstance(by, Script) and isinstance(by.below, Indices) else ()

    def named(self, left):
        if is_derivative(left):
            return self.names[derivative_key(left)]
        left = _bare(left)
        return self.names[left.name]

    # --- formulas

    def read(self, x, at):
        return getattr(self, f"_{type(x).__name__.lower()}")(x, at)

    def _name(self, x, at):
        if x.name not in self.names and x.name not in self.sizes:
            raise Unreadable(f"{x.name}: how many a mask selects")
        return self.names[x.name] if x.name in self.names else self.sizes[x.name]

    def _label(self, x, at):
        return at[x.letter]

    def _number(self, x, at):
        return x.value

    def _word(self, x, at):
        return {"True": True, "False": False}[x.word]

    def _sign(self, x, at):
        if x.character == "I":
            return np.eye(self.order)
        if x.character not in SIGNS:
            raise Unreadable(x.character)
        return SIGNS[x.character]

    def _sum(self, x, at):
        total = 0
        for is_minus, term in x.terms:
            value = self.read(term, at)
            total = total - value if is_minus else total + value
        return total

    def _product(self, x, at):
        conditions = [f for f in x.factors if isinstance(f, Apply) and f.function == Sign("𝟙")]
        if any(np.ndim(v) == 0 and v == 0 for v in (self.read(c, at) for c in conditions)):
            return 0.0  # whatever it is multiplied by, though it be not there
        values = [self.read(factor, at) for factor in x.factors]
        if Number(0) in x.factors:
            return 0.0
        found = values[0]
        for value in values[1:]:
            if x.sign == "mod":
                found = np.mod(found, value)
            elif x.sign == "×":
                found = np.cross(found, value)
            elif x.sign or not np.ndim(found) or not np.ndim(value):
                found = found * value
            else:
                found = self.beside(found, value)
        return found

    def beside(self, a, b):
        """Return the product of matrices, a vector being a column unless it was turned."""
        if isinstance(a, Row) and not isinstance(b, Row):
            found = np.asarray(a) @ np.asarray(b)
            return found.view(Row) if np.ndim(found) else found
        if isinstance(b, Row) and np.ndim(a) == 1:
            return np.outer(np.asarray(a), np.asarray(b))
        return np.asarray(a) @ np.asarray(b)

    def _fraction(self, x, at):
        if is_derivative(x):
            value = self.names[derivative_key(x)]
            return self.element(value, self.indices_of(x), at)
        return self.read(x.above, at) / self.read(x.below, at)

    def _root(self, x, at):
        inside = self.read(x.inside, at)
        return np.sqrt(inside) if x.degree == 2 else np.cbrt(inside)

    def _script(self, x, at):
        is_array = isinstance(x.base, Fenced) and x.base.left == "["
        if isinstance(x.below, Indices) and is_array and not isinstance(x.base.inside, Listed):
            return self.built(x, at)
        base = self.read(x.base, at)
        if isinstance(x.below, Indices):
            base = self.element(base, x.below.items, at)
        elif x.below is not None:
            raise Unreadable("an index that is no index")
        if x.above is None:
            return base
        if x.above == Sign("⊤"):
            return np.asarray(base).view(Row) if np.ndim(base) == 1 else np.asarray(base).T
        if x.above == Sign("′"):
            raise Unreadable("a name with a prime")
        exponent = self.read(x.above, at)
        is_matrix = np.ndim(base) > 1 and isinstance(exponent, int) and exponent == -1
        return np.linalg.inv(base) if is_matrix else np.asarray(base, dtype=float) ** exponent

    def element(self, value, items, at):
        """Return part of an array; its axes of size 1 have no index."""
        if not items:
            return value
        value = np.asarray(value)
        places = [self.place(item, at) for item in items]
        if value.ndim > len(places):
            squeezed = np.squeeze(value)
            value = squeezed if squeezed.ndim >= len(places) else value
        return value[tuple(places)]

    def place(self, item, at):
        if isinstance(item, Slice):
            ends = [None if e is None else int(self.read(e, at)) for e in (item.start, item.stop)]
            return slice(*ends, item.step)
        found = np.asarray(self.read(item, at))
        if found.dtype == bool:
            return found
        found = found.astype(int)
        if np.any(found < 0):
            raise IndexError("a place below 0")
        return found

    def built(self, x, at):
        """Return the array of elements ``[x_ij]_ij``."""
        letters = [item for item in x.below.items if isinstance(item, Label)]
        sizes = [self.extent(letter, x.base.inside, at) for letter in letters]
        found = np.zeros(sizes)
        for place in np.ndindex(*sizes):
            inner = {**at, **dict(zip((x.letter for x in letters), place, strict=True))}
            found[place] = self.read(x.base.inside, inner)
        ones = [k for k, item in enumerate(x.below.items) if item == Sign("·")]
        return np.expand_dims(found, ones)

    def _apply(self, x, at):
        function, arguments = x.function, x.arguments
        if function == Sign("𝟙"):
            condition = arguments[0].inside
            all_of = condition.items if isinstance(condition, Listed) else (condition,)
            return np.where(np.all([self.read(c, at) for c in all_of], axis=0), 1.0, 0.0)
        if function == Word("scatter"):
            return self.scattered(*arguments, at)
        values = [self.read(argument, at) for argument in arguments]
        if function == Sign("¬"):
            return np.logical_not(values[0])
        if function == Sign("σ"):
            return 1 / (1 + np.exp(-values[0]))
        if isinstance(function, Script) and function.base == Word("log"):
            return np.log(values[0]) / np.log(function.below.value)
        if isinstance(function, Script) and function.base == Word("reshape"):
            sizes = function.below.factors if isinstance(function.below, Product) else ()
            return np.reshape(values[0], [int(self.read(size, at)) for size in sizes])
        if isinstance(function, Script) and function.base in ALONG:
            places = self.read(function.below, at)
            return ALONG[function.base](values[0], places)
        if isinstance(function, Script) and function.base in (Word("stack"), Word("concatenate")):
            return getattr(np, function.base.word)(values, function.below.value)
        if not isinstance(function, Word) or function.word not in FUNCTIONS:
            raise Unreadable(str(function))
        return FUNCTIONS[function.word](*values)

    def scattered(self, base, said, at):
        """Return an array after what is said was written to a part of it, or added."""
        inside, value = said.sides[0].inside, self.read(said.sides[1], at)
        items = inside.items if isinstance(inside, Listed) else (inside,)
        key = tuple(self.place(item, at) for item in items)
        start = self.read(base, at)
        shape = self.shape if np.ndim(start) == 0 else np.shape(start)
        found = np.array(np.broadcast_to(start, shape), dtype=float)
        if said.sign == "←+":
            np.add.at(found, key, value)
        else:
            found[key] = value
        return found

    def _fenced(self, x, at):
        inside = self.read(x.inside, at)
        if x.left == "|":
            return np.abs(inside)
        if x.left == "‖":
            return np.sqrt(np.sum(np.square(inside)))
        if x.left == "⌊":
            return np.floor(inside)
        if x.left == "⌈":
            return np.ceil(inside)
        return inside

    def _listed(self, x, at):
        values = [self.read(item, at) for item in x.items]
        if all(isinstance(item, Fenced) for item in x.items):
            return np.array(values)
        if all(np.ndim(v) == 0 for v in values):
            return np.array(values)
        return np.concatenate([np.atleast_1d(v) for v in values])

    def _relation(self, x, at):
        if x.sign not in COMPARE:
            raise Unreadable(x.sign)
        sides = [self.read(side, at) for side in x.sides]
        return np.all([COMPARE[x.sign](a, b) for a, b in itertools.pairwise(sides)], axis=0)

    def _cases(self, x, at):
        (value, condition), (otherwise, _) = x.cases
        try:
            kept = self.read(value, at)
        except IndexError:  # an element that is not meant
            kept = np.nan
        all_of = condition.items if isinstance(condition, Listed) else (condition,)
        holds = np.all([self.read(c, at) for c in all_of], axis=0)
        return np.where(holds, kept, self.read(otherwise, at))

    # --- sums

    def _big(self, x, at):
        letters, ranges, condition = self.limits(x, at)
        terms = []
        for place in itertools.product(*ranges):
            inner = {**at, **dict(zip(letters, place, strict=True))}
            if condition is None or np.all([self.read(c, inner) for c in condition]):
                terms.append(self.read(x.body, inner))
        if x.sign == Sign("∑"):
            return sum(terms)
        if x.sign == Sign("∏"):
            return math.prod(terms)
        function = {
            "max": np.max, "min": np.min, "var": np.var, "std": np.std, "argmax": np.argmax,
            "argmin": np.argmin, "any": np.any, "all": np.all, "count": np.count_nonzero,
        }[x.sign.word]  # fmt: skip
        return function(terms)

    def limits(self, x, at):
        below, condition = x.below, None
        if isinstance(below, Relation) and below.sign == ":":
            below, condition = below.sides[0], [below.sides[1]]
            if isinstance(condition[0], Listed):
                condition = list(condition[0].items)
        if isinstance(below, Relation) and below.sign in "≤≥":
            condition, below = [below], below.sides[0]
        if isinstance(below, Relation):
            letter, start = below.sides[0].letter, below.sides[1].value
            return [letter], [range(int(self.read(x.above, at)) + 1 - start)], None
        labels = below.items if isinstance(below, Listed) else (below,)
        extents = [range(self.extent(label, (x.body, condition), at)) for label in labels]
        return [label.letter for label in labels], extents, condition

    def extent(self, label, body, at):
        """Return how many values an index has: the size of the axis that it stands for."""
        todo = [body]
        while todo:
            part = todo.pop()
            if isinstance(part, (list, tuple)):
                todo += part
                continue
            if is_derivative(part) and label in self.indices_of(part):
                value = np.squeeze(self.names[derivative_key(part)])
                return value.shape[list(self.indices_of(part)).index(label)]
            is_element = isinstance(part, Script) and isinstance(part.below, Indices)
            if is_element and label in part.below.items:
                value = np.asarray(self.read(part.base, at))
                squeezed = np.squeeze(value)
                value = squeezed if value.ndim > len(part.below.items) else value
                return value.shape[part.below.items.index(label)]
            if hasattr(part, "__dataclass_fields__"):
                todo += [getattr(part, name) for name in part.__dataclass_fields__]
        raise Unreadable("an index without an array")
