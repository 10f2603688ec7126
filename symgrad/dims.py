"""Symbolic sizes: named dims, polynomials of them, and the record of which are equal.

Given the axes of a function's arguments, `Shapes` remembers what is learned about them while
the function runs: dims that turn out equal, sizes that turn out fixed, and comparisons that
were decided by the example (guards).  Invariant: a size is a Python ``int`` or a SymPy
expression over `Dim`s, never anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import sympy as sp

from symgrad.errors import Location, ShapeError

Size: TypeAlias = int | sp.Expr
Shape: TypeAlias = tuple[Size, ...]


class Dim(sp.Symbol):
    """A named non-negative integer; the dim ``N`` and an array ``N`` are different things."""

    __slots__ = ()

    def __new__(cls, name: str) -> Dim:
        return super().__new__(cls, name, integer=True, nonnegative=True)  # type: ignore[no-any-return]

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.name,), {}


class _DimFunction(sp.Function):
    """A function of dims that SymPy must not evaluate or expand."""

    is_integer = True


class DimFloorDiv(_DimFunction):
    """``a // b``, rounded down."""

    def _eval_is_nonnegative(self) -> bool | None:
        a, b = self.args
        return True if a.is_nonnegative and b.is_nonnegative else None


class DimMod(_DimFunction):
    """``a % b``, which has the sign of ``b``."""

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.args[1].is_nonnegative else None


class DimMin(_DimFunction):
    """``min(a, b)``."""

    def _eval_is_nonnegative(self) -> bool | None:
        return True if all(part.is_nonnegative for part in self.args) else None


class DimMax(_DimFunction):
    """``max(a, b)``."""

    def _eval_is_nonnegative(self) -> bool | None:
        return True if any(part.is_nonnegative for part in self.args) else None


_INTEGER: Mapping[type, Callable[[int, int], int]] = {
    DimFloorDiv: lambda a, b: a // b,
    DimMod: lambda a, b: a % b,
    DimMin: min,
    DimMax: max,
}


def plain(size: Any) -> Size:
    """Return ``size`` as a Python int where it is one."""
    if isinstance(size, int):
        return size
    return int(size) if size.is_Integer else size


def floor_div(a: Size, b: Size) -> Size:
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    (times, above), (by, below) = (sp.Mul(x, 1).as_coeff_Mul() for x in (a, b))
    rest = sp.Mul(above, sp.Pow(below, -1))
    if by != 0 and times % by == 0 and sp.fraction(rest)[1] == 1:  # each factor is one of a's
        return plain(times / by * rest)
    exact = sp.cancel(sp.Mul(a, sp.Pow(b, -1)))
    if exact.is_number:
        return int(sp.floor(exact))
    if exact.is_polynomial() and all(c.is_integer for c in sp.Poly(exact).coeffs()):
        return plain(exact)
    return DimFloorDiv(a, b)


def mod(a: Size, b: Size) -> Size:
    if isinstance(a, int) and isinstance(b, int):
        return a % b
    return DimMod(a, b)


def smallest(a: Size, b: Size) -> Size:
    return _extreme(a, b, min, DimMin)


def largest(a: Size, b: Size) -> Size:
    return _extreme(a, b, max, DimMax)


def _extreme(a: Size, b: Size, decide: Callable[[int, int], int], head: type) -> Size:
    if isinstance(a, int) and isinstance(b, int):
        return decide(a, b)
    difference = sp.Add(a, -b)
    if is_nonnegative(difference):
        return a if head is DimMax else b
    if is_nonnegative(-difference):
        return b if head is DimMax else a
    return head(a, b)


def product(sizes: Iterable[Size]) -> Size:
    """Return the number of elements of an array of this shape."""
    total: Size = 1
    for size in sizes:
        total = total * size
    return total


def evaluate(size: Size, values: Mapping[Dim, int]) -> int:
    """Return the number that ``size`` is when each dim has its value."""
    if isinstance(size, int):
        return size
    if isinstance(size, Dim):
        return values[size]
    if size.is_Integer:
        return int(size)
    parts = [evaluate(part, values) for part in size.args]
    if size.is_Add:
        return sum(parts)
    if size.is_Mul:
        total = 1
        for part in parts:
            total *= part
        return total
    if size.is_Pow:
        power: int = parts[0] ** parts[1]  # a fraction below 0, as in Python
        return power
    return _INTEGER[type(size)](*parts)


def dims_in(sizes: Iterable[Size]) -> list[Dim]:
    """Return the dims that sizes are made of, in order of appearance."""
    found: dict[Dim, None] = {}
    for size in sizes:
        if isinstance(size, Dim):
            found[size] = None
        elif not isinstance(size, int):
            found.update(dict.fromkeys(sorted(size.atoms(Dim), key=str)))
    return list(found)


def dims_of(size: Size) -> set[Dim]:
    """Return the dims that ``size`` is made of."""
    return set() if isinstance(size, int) else set(size.atoms(Dim))


def substitute(size: Size, known: Mapping[Dim, Size]) -> Size:
    """Return ``size`` with each dim replaced by what is known of it."""
    if isinstance(size, int):
        return size
    if isinstance(size, Dim):
        return known.get(size, size)
    if not dims_of(size) & known.keys():
        return size
    parts = [substitute(plain(part), known) for part in size.args]
    builders: Mapping[type, Callable[..., Size]] = {
        DimFloorDiv: floor_div,
        DimMod: mod,
        DimMin: smallest,
        DimMax: largest,
    }
    return plain(builders.get(type(size), size.func)(*parts))


def spell(size: Size, name: Callable[[Dim], str] = lambda dim: dim.name) -> str:
    """Return ``size`` as Python text: ``2 * N + 1``."""
    return _spell(plain(size), name)[0]


def _spell(size: Size, name: Callable[[Dim], str]) -> tuple[str, int]:
    # The second result is the precedence: 1 sum, 2 product, 3 power, 4 atom.
    if isinstance(size, int):
        return str(size), 4 if size >= 0 else 1
    if isinstance(size, Dim):
        return name(size), 4
    if size.is_Add:
        terms = sorted(size.as_ordered_terms(), key=lambda t: t.could_extract_minus_sign())
        text = _spell(plain(terms[0]), name)[0]
        for term in terms[1:]:
            if term.could_extract_minus_sign():
                text += f" - {_at_least(plain(-term), 2, name)}"
            else:
                text += f" + {_at_least(plain(term), 1, name)}"
        return text, 1
    if size.is_Mul:
        if size.could_extract_minus_sign():
            positive = plain(-size)
            level = 4 if isinstance(positive, (DimMod, DimFloorDiv)) else 2  # -(n // 2)
            return f"-{_at_least(positive, level, name)}", 1
        first, *rest = (plain(f) for f in size.as_ordered_factors())
        return " * ".join([_at_least(first, 2, name), *(_at_least(f, 3, name) for f in rest)]), 2
    if size.is_Pow:
        base = _at_least(plain(size.args[0]), 4, name)
        power = _at_least(plain(size.args[1]), 3, name)
        is_short = base.isidentifier() and power.isalnum()
        return f"{base}{'**' if is_short else ' ** '}{power}", 3
    a, b = (plain(part) for part in size.args)
    if isinstance(size, DimFloorDiv):
        return f"{_at_least(a, 2, name)} // {_at_least(b, 3, name)}", 2
    if isinstance(size, DimMod):
        return f"{_at_least(a, 2, name)} % {_at_least(b, 3, name)}", 2
    word = "min" if isinstance(size, DimMin) else "max"
    return f"{word}({_spell(a, name)[0]}, {_spell(b, name)[0]})", 4


def _at_least(size: Size, level: int, name: Callable[[Dim], str]) -> str:
    text, precedence = _spell(size, name)
    return text if precedence >= level else f"({text})"


@dataclass(frozen=True, slots=True)
class Guard:
    """A comparison that the trace took as decided: ``left (relation) right`` must stay so."""

    left: Size
    relation: str  # "==", "!=", "<", "<="
    right: Size
    location: Location | None = None

    def holds(self, values: Mapping[Dim, int]) -> bool:
        return compare(evaluate(self.left, values), self.relation, evaluate(self.right, values))

    def __str__(self) -> str:
        where = f" ({self.location})" if self.location else ""
        return f"{spell(self.left)} {self.relation} {spell(self.right)}{where}"


def compare(left: int, relation: str, right: int) -> bool:
    return {
        "==": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
    }[relation]


def is_nonnegative(size: Size) -> bool:
    """Return whether a size is certainly not below 0, whatever its dims are."""
    size = plain(size)
    if isinstance(size, int):
        return size >= 0
    return bool(size.is_nonnegative) or any(
        is_nonnegative(rest) for rest in _without_remainders(size)
    )


def _without_remainders(size: sp.Expr) -> Iterator[Size]:
    """Yield what is left of ``a - b * (a // b) + rest`` without the remainder, never below 0."""
    for quotient in size.atoms(DimFloorDiv):
        a, b = quotient.args
        times = -size.coeff(quotient) / b
        if b.is_Integer and b > 0 and times.is_Integer and times > 0:
            yield plain(sp.expand(size + times * (b * quotient - a)))


def _always_holds(left: Size, relation: str, right: Size) -> bool:
    if isinstance(left, int) and isinstance(right, int):
        return True  # decided when it was traced
    if relation in ("==", "<="):
        return left == right or (relation == "<=" and is_nonnegative(right - left))
    return relation == "<" and is_nonnegative(right - left - 1)


def _follows(guard: Guard, others: Iterable[Guard]) -> bool:
    """Return whether ``a <= b`` follows from another guard: c <= b with c >= a, or an equality."""
    if guard.relation != "<=":
        return False
    room = guard.right - guard.left
    for g in others:
        if g is guard:
            continue
        if g.relation == "<=" and g.right == guard.right and is_nonnegative(g.left - guard.left):
            return True
        gap = g.left - g.right
        if g.relation == "==" and (is_nonnegative(room - gap) or is_nonnegative(room + gap)):
            return True
    return False


MOST_FACTS = 8  # of a kind, the newest, that are combined to follow a comparison


class Shapes:
    """What is known of the dims of one trace.

    Two union-finds over the same dims: in the first two dims are one when anything made them
    equal; in the second only when an operation that checks sizes itself (a contraction, a
    concatenation) did.  Where they differ the emitted module must check.
    """

    def __init__(self) -> None:
        self.example: dict[Dim, int] = {}
        self.guards: list[Guard] = []
        self.has_selected = False
        self.masks: list[Any] = []  # what tells the masks apart whose size is asked for next
        self._selected: dict[Any, Dim] = {}
        self._selections: set[Dim] = set()
        self.where: Callable[[], Location | None] = lambda: None
        self._known: dict[Dim, Size] = {}
        self._guarded: dict[Size, Size] = {}  # expressions that a guard holds equal to another
        self._checked: dict[Dim, Dim | int] = {}
        self._order: dict[Dim, int] = {}
        self._user_named: dict[Dim, str] = {}
        self._ordered: list[tuple[Size, Size]] = []
        self._least: dict[Dim, int] = {}
        self._plain: dict[Dim, str] = {}
        self._compares_nothing = False

    def fresh(self, name: str, example: int | None, user: bool = False) -> Dim:
        """Return the dim called ``name``, made on first use."""
        dim = Dim(name)
        if dim not in self._order:
            self._order[dim] = len(self._order)
            if example is not None:
                self.example[dim] = example
        if user:
            self._user_named.setdefault(dim, name)
        return dim

    def selected(self) -> Dim:
        """Return a dim for how many elements a mask selects: only the data knows."""
        mask = self.masks.pop(0) if self.masks else None
        known = self._selected.get(mask)
        if known is None:
            self.has_selected = True
            known = self.fresh(f"selected{len(self._order)}", None)
            self._selections.add(known)
            if mask is not None:
                self._selected[mask] = known
        return known

    def is_selection(self, size: Size) -> bool:
        """Return whether only data knows ``size``: how many elements a mask selects."""
        return size in self._selections

    def resolve(self, size: Size) -> Size:
        """Return the representative of ``size`` under all that is known now."""
        if isinstance(size, int) or not (self._known or self._guarded):
            return size
        if isinstance(size, Dim):
            known = self._known.get(size)
            return size if known is None else self.resolve(known)
        found = self._over_roots(size)
        return self.resolve(self._guarded[found]) if found in self._guarded else found

    def _over_roots(self, size: Size) -> Size:
        """Return an expression over representatives, its guards not yet used."""
        if isinstance(size, (int, Dim)):
            return self.resolve(size)
        return substitute(size, {d: self.resolve(d) for d in dims_of(size)})

    def resolve_shape(self, shape: Shape) -> Shape:
        known = self._known or self._guarded
        return tuple(self.resolve(size) for size in shape) if known else shape

    def name(self, size: Size, name: str) -> None:
        """Give the dim a name that the user chose, unless it has one."""
        root = self.resolve(size)
        if isinstance(root, Dim) and root not in self._user_named:
            self._user_named[root] = name

    def user_name(self, dim: Dim) -> str | None:
        return self._user_named.get(dim)

    def name_rest(self, taken: Iterable[str], batch: Dim | None = None) -> None:
        """Give every dim that nobody named a letter, once, for text and code alike.

        ``batch`` is the size that lectures call n.
        """
        used = {*taken, *self._user_named.values(), *self._plain.values()}
        letters = (
            f"{letter}{number}" for number in ("", *range(2, 10_000)) for letter in "dkmpqrsuvw"
        )
        free = (name for name in letters if name not in used and name.upper() not in used)
        taken_n = "n" in used or "N" in used
        if batch is not None and not taken_n and self.user_name(batch) is None:
            self._plain.setdefault(batch, "n")
        for dim in self._order:
            if self.resolve(dim) is dim and dim not in self._user_named and dim not in self._plain:
                self._plain[dim] = next(free)

    def label(self, dim: Dim) -> str:
        """Return what people and code call ``dim``."""
        return self._user_named.get(dim) or self._plain.get(dim) or dim.name

    def value(self, size: Size) -> int | None:
        """Return the size in the example, or None where no example was given."""
        size = self.resolve(size)
        try:
            return evaluate(size, self.example)
        except KeyError:
            return None

    def same(self, a: Size, b: Size) -> bool:
        """Return whether two sizes are known to be equal, without deciding anything."""
        if a is b:
            return True
        a, b = self.resolve(a), self.resolve(b)
        return a is b or bool(a == b)

    def same_shape(self, a: Shape, b: Shape) -> bool:
        """Return whether two shapes are certainly equal, axis by axis."""
        return len(a) == len(b) and all(map(self.same, a, b))

    @contextmanager
    def comparing_nothing(self) -> Iterator[None]:
        """Take no size for checked meanwhile: the operation does not fail where sizes differ."""
        before, self._compares_nothing = self._compares_nothing, True
        try:
            yield
        finally:
            self._compares_nothing = before

    def unify(self, a: Size, b: Size, *, checked: bool = True) -> Size:
        """Make two sizes one, or raise `ShapeError` if they cannot be.

        ``checked`` says that the operation which needs this fails by itself when the sizes
        differ.  The message is left to the caller, who knows the operands.
        """
        left, right = self.resolve(a), self.resolve(b)
        checked = checked and not self._compares_nothing
        if checked and isinstance(a, Dim):
            self._join_checked(a, b)
        elif checked and isinstance(b, Dim):
            self._join_checked(b, a)
        if left is right or left == right:
            return left
        if self._contradict(left, right):
            raise ShapeError(f"sizes {self.show(a)} and {self.show(b)} disagree")
        keep, drop = sorted((left, right), key=self._rank)
        if isinstance(drop, Dim) and drop not in dims_of(keep):
            self._known[drop] = keep
            return keep
        if self.value(left) is None:
            raise ShapeError(
                f"sizes {self.show(a)} and {self.show(b)} cannot be compared without example data"
            )
        self.guards.append(Guard(left, "==", right, self.where()))
        keep, drop = sorted((left, right), key=lambda size: len(str(size)))
        if isinstance(drop, Dim):
            keep, drop = drop, keep
        self._guarded[drop] = keep
        return keep

    def _contradict(self, left: Size, right: Size) -> bool:
        difference = plain(sp.expand(left - right))
        if isinstance(difference, int):
            return difference != 0
        values = self.value(left), self.value(right)
        return None not in values and values[0] != values[1]

    def _rank(self, size: Size) -> tuple[int, int]:
        # A static int represents a class first, then an expression, the user's name, the earliest.
        if isinstance(size, int):
            return 0, 0
        if not isinstance(size, Dim):
            return 1, 0
        return (2 if size in self._user_named else 3), self._order.get(size, 0)

    def _join_checked(self, dim: Dim, other: Size) -> None:
        if isinstance(other, (int, Dim)):
            a, b = self._checked_root(dim), self._checked_root(other)
            if a != b:
                if isinstance(a, int):
                    a, b = b, a
                if isinstance(a, Dim):
                    self._checked[a] = b

    def _checked_root(self, size: Dim | int) -> Dim | int:
        while isinstance(size, Dim) and size in self._checked:
            size = self._checked[size]
        return size

    def checks_itself(self, a: Dim, b: Size) -> bool:
        """Return whether some operation fails by itself when dim ``a`` is not ``b``."""
        if not isinstance(b, (int, Dim)):
            return False
        return self._checked_root(a) == self._checked_root(b)

    def guard(self, left: Size, relation: str, right: Size) -> bool:
        """Decide a comparison by the example and record it."""
        left, right = self.resolve(left), self.resolve(right)
        values = self.value(left), self.value(right)
        if values[0] is None or values[1] is None:
            raise ShapeError(
                f"`{spell(left)} {relation} {spell(right)}` depends on sizes that are not known: "
                "compile with example arguments, or give these dims as integers in `specs`"
            )
        outcome = compare(values[0], relation, values[1])
        opposite = {"==": "!=", "!=": "==", "<": "<=", "<=": "<"}[relation]
        location = self.where()
        if outcome:
            self.guards.append(Guard(left, relation, right, location))
        elif relation in ("==", "!="):
            self.guards.append(Guard(left, opposite, right, location))
        else:
            self.guards.append(Guard(right, opposite, left, location))
        return outcome

    def assume_at_most(self, part: Size, size: Size) -> None:
        """Take ``part <= size`` as given, behind a guard, where the example says so."""
        values = self.value(part), self.value(size)
        if isinstance(size, int) or None in values or self.is_at_most(part, size):
            return
        if values[0] <= values[1]:  # type: ignore[operator]
            self.guard(part, "<=", size)
            self._ordered.append((part, size))

    def is_at_most(self, part: Size, size: Size) -> bool:
        """Return whether ``part <= size`` follows from what is given."""
        room = self._without_quotients(self.resolve(size) - self.resolve(part))
        if is_nonnegative(room):
            return True
        ordered = [(g.left, g.right) for g in self.guards if g.relation == "<="][-MOST_FACTS:]
        ordered += self._ordered[-MOST_FACTS:]
        facts = [self.resolve(larger) - self.resolve(smaller) for smaller, larger in ordered]
        facts += [self.resolve(dim) - count for dim, count in self._least.items()]
        rooms = [room - fact for fact in facts]
        return any(map(is_nonnegative, rooms)) or any(
            is_nonnegative(rest - fact) for rest in rooms for fact in facts
        )

    def _without_quotients(self, size: Size) -> Size:
        """Return ``size`` with a number not below 0 for each ``a // b`` that is none."""
        if isinstance(size, int) or is_nonnegative(size):
            return size
        found = {
            q: sp.Dummy(integer=True, nonnegative=True)
            for q in size.atoms(DimFloorDiv)
            if is_nonnegative(q.args[1]) and self.is_at_most(0, q.args[0])
        }
        return size.xreplace(found) if found else size

    def holds_at_least(self, count: Size, size: Size) -> None:
        """Note that an operation which checks itself needs ``size`` to be ``count`` or more."""
        root = self.resolve(size)
        if isinstance(root, Dim) and isinstance(count, int):
            self._least[root] = max(count, self._least.get(root, 0))
        elif not isinstance(root, int) and not self.is_at_most(count, root):
            self._ordered.append((count, root))

    def resolved_guards(self) -> list[Guard]:
        """Return the guards over representatives, without those that always hold."""
        found: dict[Any, Guard] = {}
        for g in self.guards:
            left, right = self._over_roots(g.left), self._over_roots(g.right)
            if not _always_holds(left, g.relation, right):
                sides = frozenset((left, right)) if g.relation in ("==", "!=") else (left, right)
                found.setdefault((g.relation, sides), Guard(left, g.relation, right, g.location))
        return [g for g in found.values() if not _follows(g, found.values())]

    def show(self, size: Size) -> str:
        """Return the size as people read it: ``N = 120`` where it has a name, else ``120``."""
        resolved = self.resolve(size)
        if isinstance(resolved, int):
            return str(resolved)
        value = self.value(resolved)
        if value is not None and not dims_of(resolved) & self._user_named.keys():
            return str(value)
        text = spell(resolved, self.label)
        return text if value is None else f"{text} = {value}"

    def show_size(self, size: Size) -> str:
        """Return the size by the names that people gave, without an example."""
        return spell(self.resolve(size), self.label)

    def show_shape(self, shape: Sequence[Size]) -> str:
        inside = ", ".join(self.show(size) for size in shape)
        return f"({inside},)" if len(shape) == 1 else f"({inside})"
