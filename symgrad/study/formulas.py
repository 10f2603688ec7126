"""Equations of a graph as mathematics: of whole arrays where that says it, else of elements.

Given equations and names, return trees of `symgrad.notation`.  `Reading` is what the rows of the
op table are given to write themselves with.  Invariant: a formula of elements has one letter for
each axis of its result that has not size 1, and a letter means one thing in a formula.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import sympy as sp

from symgrad import dims
from symgrad.dims import Dim, Size
from symgrad.graph import Aval, Equation, Graph, Operand, Static, Sym
from symgrad.notation import (
    Apply,
    Big,
    Fenced,
    Flat,
    Fraction,
    Indices,
    Label,
    Listed,
    Math,
    Name,
    NeedsIndices,
    Number,
    Product,
    Relation,
    Root,
    Script,
    Sign,
    Sum,
    Word,
    apply,
    equals,
    exponential,
    indicator,
    less,
    minus,
    number,
    over,
    plus,
    power,
    times,
    with_indices,
)

LETTERS = "ijkrsabcmnpqtuvwxyz"  # no l, which looks like 1
Index = Math | None  # None: of an axis of size 1


class Formulas:
    """Writes the equations of one graph; ``inlined`` ones stand inside the others.

    ``name`` gives the tree of a value with a name, ``taken`` holds the names that a reader sees,
    which no index may be called by.
    """

    def __init__(
        self,
        graph: Graph,
        inlined: Mapping[Sym, Equation],
        name: Callable[[Sym], Math],
        size: Callable[[Dim], Math],
        taken: frozenset[str] = frozenset(),
    ):
        self.graph, self.inlined, self.name = graph, inlined, name
        self.dim, self.taken = size, taken
        sizes = dims.dims_in(size for aval in graph.avals.values() for size in aval.shape)
        shown = {getattr(size(d), "name", "") for d in sizes}
        self.letters = [x for x in LETTERS if x not in taken and x not in shown]
        self.counted: set[str] = set()  # letters whose place in the array the formula mentions

    # --- what others ask for

    def operand(self, x: Operand) -> Math:
        """Return a value as mathematics, by its elements where it cannot be written whole."""
        return self.sides(x)[1]

    def sides(self, x: Operand) -> tuple[tuple[Index, ...], Math]:
        """Return the indices that a value needs on the left-hand side, and its formula."""
        return self._sides(x, lambda indices: self.at(x, indices, ()))

    def defined(self, eqn: Equation, y: Sym) -> tuple[tuple[Index, ...], Math]:
        """Return the same for the right-hand side of the equation that gives ``y``."""
        return self._sides(y, lambda indices: self._by_row(eqn, indices, (), eqn.lhs.index(y)))

    def total(self, terms: Sequence[Operand]) -> tuple[tuple[Index, ...], Math]:
        """Return the indices and the sum of values of one shape, all written the same way."""
        written = [self.sides(x) for x in terms]
        if any(indices for indices, _ in written):
            written = [(self.free(x), self.at(x, self.free(x), ())) for x in terms]
        found = written[0][1]
        for _, term in written[1:]:
            found = plus(found, term)
        return written[0][0], found

    def named(self, name: Math, indices: Sequence[Index]) -> Math:
        """Return a name with the indices that its value needs."""
        return with_indices(name, [index for index in indices if index is not None])

    def free(self, x: Operand) -> tuple[Index, ...]:
        """Return an index for each axis of a value."""
        shape = self.graph.aval(x).shape
        letters = iter(self._letters(len(shape), ()))
        return tuple(None if self.is_one(size) else Label(next(letters)) for size in shape)

    def size(self, size: Size) -> Math:
        """Return a size as mathematics."""
        return _size(dims.plain(self.graph.shapes.resolve(size)), self.dim)

    # --- the parts of a formula

    def _sides(
        self, x: Operand, write: Callable[[tuple[Index, ...] | None], Math]
    ) -> tuple[tuple[Index, ...], Math]:
        self.counted.clear()
        if not self.graph.aval(x).shape:
            return (), _as_number(write(()))
        try:
            return (), _as_number(write(None))
        except NeedsIndices:
            indices = self.free(x)
            return indices, _as_number(write(indices))

    def at(self, x: Operand, indices: tuple[Index, ...] | None, scope: Sequence[str]) -> Math:
        """Return an element of a value, or all of it where ``indices`` is None."""
        if isinstance(x, Static):
            return number(x.value)
        if x in self.inlined:
            eqn = self.inlined[x]
            return self._by_row(eqn, indices, scope, eqn.lhs.index(x))
        return self.named(self.name(x), indices or ())

    def _by_row(
        self,
        eqn: Equation,
        indices: tuple[Index, ...] | None,
        scope: Sequence[str],
        number: int = 0,
    ) -> Math:
        if indices is None and not self.graph.avals[eqn.lhs[0]].shape:
            indices = ()
        found: Math = eqn.rhs.facts.notation(Reading(self, eqn, indices, tuple(scope), number))
        return found

    def is_one(self, size: Size) -> bool:
        return isinstance(size, int) and size == 1

    def _letters(self, count: int, scope: Sequence[str]) -> list[str]:
        free = [letter for letter in self.letters if letter not in scope]
        return (free + [f"i{k}" for k in range(count)])[:count]


def _as_number(x: Math) -> Math:
    return indicator(x) if isinstance(x, Relation) else x


class Reading:
    """What a row may ask to write one application of its op.

    ``indices`` has an index for each axis of the result, None for an axis of size 1; it is None
    itself where the array is to be written as a whole.
    """

    def __init__(
        self,
        formulas: Formulas,
        eqn: Equation,
        indices: tuple[Index, ...] | None,
        scope: tuple[str, ...],
        number: int = 0,
    ):
        self.formulas, self.eqn, self.rhs = formulas, eqn, eqn.rhs
        self.indices, self.number = indices, number  # the number of the result that is written
        self.scope = tuple(dict.fromkeys((*scope, *_letters_in(indices or ()))))

    def __getitem__(self, key: int | str) -> Any:
        """Return a setting by its name, or an operand: of an elementwise op its element."""
        if isinstance(key, str):
            return self.rhs.setting(key)
        return self._as_value(self.condition(key), key)

    def condition(self, k: int) -> Math:
        """Return an operand that may be a truth value, which is a number elsewhere."""
        if self.indices is None:
            self._check_broadcast()
            return self.whole(k)
        if not self.rhs.facts.elementwise:
            return self.whole(k)
        shape = self.aval(k).shape
        mine = self.indices[len(self.indices) - len(shape) :]
        return self.element(k, mine)

    def _as_value(self, x: Math, k: int) -> Math:
        """Return an operand as a number where the op calculates with a truth value."""
        is_wanted = self.result.dtype == bool or self.aval(k).dtype != bool
        return x if is_wanted or isinstance(x, (Name, Script)) else indicator(x)

    def alike(self, k: int) -> Math:
        """Return an operand of the result's shape: its element, or all of it."""
        found = self.whole(k) if self.indices is None else self.element(k, self.indices)
        return self._as_value(found, k)

    def __len__(self) -> int:
        return len(self.rhs.operands)

    def __iter__(self) -> Iterator[Math]:
        return (self[k] for k in range(len(self)))

    def aval(self, k: int) -> Aval:
        return self.formulas.graph.aval(self.rhs.operands[k])

    @property
    def result(self) -> Aval:
        return self.formulas.graph.avals[self.eqn.lhs[0]]

    def literal(self, k: int) -> Any:
        """Return the number that stands in the program as operand ``k``, or None."""
        x = self.rhs.operands[k]
        return x.value if isinstance(x, Static) else None

    def definition(self, k: int) -> Equation | None:
        """Return the equation that stands inside this one as operand ``k``."""
        x = self.rhs.operands[k]
        return self.formulas.inlined.get(x) if isinstance(x, Sym) else None

    def inside(self, k: int, indices: tuple[Index, ...] | None = None) -> Reading:
        """Return the reading of the equation that stands inside this one as operand ``k``."""
        eqn = self.definition(k)
        assert eqn is not None
        return Reading(self.formulas, eqn, indices, self.scope)

    def whole(self, k: int, strictly: bool = False) -> Math:
        """Return an operand as a whole, or raise `NeedsIndices`.

        Where the result is written by elements, an operand that cannot be written whole is its
        elements in brackets, ``[x_ij]_ij``; ``strictly`` raises there too.
        """
        try:
            return self.formulas.at(self.rhs.operands[k], None, self.scope)
        except NeedsIndices:
            if strictly or self.indices is None:
                raise
        return self.built(k)

    def built(self, k: int) -> Math:
        """Return an operand as the array of its elements, ``[x_ij]_ij``, with all of its axes."""
        indices = self.fresh(self.aval(k).shape)
        shown = tuple(Sign("·") if index is None else index for index in indices)
        return Script(Fenced(self.element(k, indices), "[", "]"), Indices(shown))

    def element(self, k: int, indices: Sequence[Index]) -> Math:
        """Return an element of an operand; axes of size 1 need no index."""
        shape = self.aval(k).shape
        shown = tuple(
            None if self.formulas.is_one(size) else index
            for size, index in zip(shape, indices, strict=True)
        )
        scope = (*self.scope, *_letters_in(shown))
        return self.formulas.at(self.rhs.operands[k], shown, scope)

    def needs_indices(self) -> tuple[Index, ...]:
        """Return the indices of the result, or refuse to write it as a whole."""
        if self.indices is None:
            raise NeedsIndices
        return self.indices

    def of_whole(self, x: Math) -> Math:
        """Return the element of an array that is written as a whole."""
        shown = tuple(index for index in self.indices or () if index is not None)
        return Script(x, Indices(shown)) if shown else x

    def fresh(self, shape: Sequence[Size]) -> tuple[Index, ...]:
        """Return new indices for axes of these sizes."""
        letters = iter(self.formulas._letters(len(shape), self.scope))
        return tuple(None if self.formulas.is_one(size) else Label(next(letters)) for size in shape)

    def size(self, size: Size) -> Math:
        return self.formulas.size(size)

    def counts(self, index: Index) -> Math:
        """Return an index as a number, which counts from 0: the formula mentions places."""
        self.formulas.counted.update(_letters_in((index,)))
        return Number(0) if index is None else index

    def shifted(self, index: Index, start: Size, step: int = 1) -> Math:
        """Return the place ``start + step * index``."""
        if index is None:
            return self.size(start)
        if step == 1 and isinstance(start, int) and start == 0:
            return index
        place = times(number(step), self.counts(index)) if step != 1 else self.counts(index)
        if isinstance(start, int):
            if start == 0:
                return place
            return plus(place, Number(start)) if start > 0 else less(place, Number(-start))
        return plus(place, self.size(start)) if step > 0 else less(self.size(start), minus(place))

    def reduced(self, axes: Sequence[int], keepdims: bool, k: int = 0) -> tuple[list[Any], Math]:
        """Return the new letters with their sizes, and the element of the operand at them."""
        shape = self.aval(k).shape
        given = iter(self.needs_indices())
        new = iter(self.fresh([shape[axis] for axis in axes]))
        indices: list[Index] = []
        letters = []
        for axis, size in enumerate(shape):
            if axis in axes:
                if keepdims:
                    next(given)
                index = next(new)
                if index is not None:
                    letters.append((index, size))
            else:
                index = next(given)
            indices.append(index)
        return letters, self._as_value(self.element(k, indices), k)

    def over(self, sign: Math, letters: Sequence[tuple[Math, Size]], body: Math) -> Math:
        """Return a sum, product or extreme of ``body`` over letters with their sizes."""
        if not letters:
            return body
        counted = self.formulas.counted.intersection(_letters_in([x for x, _ in letters]))
        is_reduction = sign not in (Sign("∑"), Sign("∏"))
        shown = _plain_indices(body)
        is_clear = not counted and all(letter in shown for letter, _ in letters)
        if is_reduction or (len(letters) > 1 and is_clear):
            below = Listed(tuple(letter for letter, _ in letters))
            return Big(sign, below if len(letters) > 1 else letters[0][0], None, body)
        for letter, size in reversed(letters):
            if counted.isdisjoint(_letters_in((letter,))):
                body = Big(sign, equals(letter, Number(1)), self.size(size), body)
            else:
                body = Big(sign, equals(letter, Number(0)), self.size(size - 1), body)
        return body

    def exp(self, x: Math) -> Math:
        """Return e to the power ``x``, as exp where somebody's e is something else."""
        return exponential(x, "e" in self.formulas.taken)

    def _check_broadcast(self) -> None:
        """Refuse to write as a whole what meets along crossing axes, as ``x_i - y_j`` does."""
        if not self.rhs.facts.elementwise:
            return
        ndim = len(self.result.shape)
        covered = []
        for k in range(len(self.rhs.operands)):
            shape = self.aval(k).shape
            first = ndim - len(shape)
            covered.append(
                {first + n for n, size in enumerate(shape) if not self.formulas.is_one(size)}
            )
        covered.sort(key=len)
        if any(not a <= b for a, b in itertools.pairwise(covered)):
            raise NeedsIndices


def _letters_in(indices: Sequence[Index]) -> list[str]:
    """Return the letters of indices, those in sums of letters too."""
    found = []
    todo: list[Any] = list(indices)
    while todo:
        x = todo.pop()
        if isinstance(x, Label):
            found.append(x.letter)
        elif isinstance(x, Sum):
            todo += [term for _, term in x.terms]
        elif isinstance(x, (Script, Fraction, Apply, Fenced, Indices, Listed, Flat)):
            todo += [part for part in _parts(x) if part is not None]
    return found


def _plain_indices(x: Any) -> set[Any]:
    """Return the letters that stand alone as an index of an array somewhere in a formula."""
    found: set[Any] = set()
    todo = [x]
    while todo:
        part = todo.pop()
        if isinstance(part, tuple):
            todo += part
        elif isinstance(part, Math):
            if isinstance(part, Script) and isinstance(part.below, Indices):
                found.update(part.below.items)
            todo += [getattr(part, field.name) for field in fields(part)]
    return found


def _parts(x: Any) -> list[Any]:
    if isinstance(x, Script):
        return [x.base, x.below, x.above]
    if isinstance(x, Fraction):
        return [x.above, x.below]
    if isinstance(x, Apply):
        return list(x.arguments)
    return [x.inside] if isinstance(x, Fenced) else list(x.items)


# --- sizes and SymPy's expressions ------------------------------------------------------------


def _size(size: Size, name: Callable[[Dim], Math]) -> Math:
    if isinstance(size, int):
        return number(size)
    if isinstance(size, Dim):
        return name(size)
    return from_sympy(size, name)


def from_sympy(expr: Any, name: Callable[[Any], Math]) -> Math:
    """Return an expression of SymPy's, in which ``name`` writes the symbols."""
    if isinstance(expr, sp.exp):
        is_taken = any(s.name == "e" for s in expr.free_symbols)
        return exponential(from_sympy(expr.args[0], name), is_taken)
    if isinstance(expr, sp.Symbol):
        return name(expr)
    if expr.is_Integer:
        return number(int(expr))
    if expr.is_Rational:
        return over(number(int(expr.p)), Number(int(expr.q)))
    if expr.is_Float:
        return number(float(expr))
    if expr.is_Add:
        terms = sorted(expr.as_ordered_terms(), key=lambda t: t.could_extract_minus_sign())
        found = from_sympy(terms[0], name)
        for term in terms[1:]:
            if term.could_extract_minus_sign():
                found = less(found, from_sympy(-term, name))
            else:
                found = plus(found, from_sympy(term, name))
        return found
    if expr.is_Mul:
        return _sympy_product(expr, name)
    if expr.is_Pow:
        return _sympy_power(expr, name)
    if expr is sp.pi:
        return Sign("π")
    if expr is sp.E:
        return Sign("e")
    inside = [from_sympy(part, name) for part in expr.args]
    if isinstance(expr, dims.DimFloorDiv):
        return Fenced(Fraction(*inside), "⌊", "⌋")
    if isinstance(expr, dims.DimMod):
        return Product((inside[0], inside[1]), "mod")
    if isinstance(expr, (dims.DimMin, dims.DimMax)):
        return apply("min" if isinstance(expr, dims.DimMin) else "max", *inside)
    if isinstance(expr, sp.Abs):
        return Fenced(inside[0], "|", "|")
    return Apply(Word(_SPOKEN.get(expr.func.__name__, expr.func.__name__.lower())), tuple(inside))


_SPOKEN = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "sign": "sign"}


def _sympy_product(expr: Any, name: Callable[[Any], Math]) -> Math:
    if expr.could_extract_minus_sign():
        return minus(from_sympy(-expr, name))
    above, below = sp.fraction(expr)
    if below != 1:
        return over(from_sympy(above, name), from_sympy(below, name))
    first, *rest = (from_sympy(factor, name) for factor in expr.as_ordered_factors())
    for factor in rest:
        first = times(first, factor)
    return first


def _sympy_power(expr: Any, name: Callable[[Any], Math]) -> Math:
    base, exponent = expr.args
    if exponent.could_extract_minus_sign():
        return over(Number(1), from_sympy(base**-exponent, name))
    if exponent == sp.Rational(1, 2):
        return Root(from_sympy(base, name))
    return power(from_sympy(base, name), from_sympy(exponent, name))
