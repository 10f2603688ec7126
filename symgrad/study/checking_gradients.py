"""The classical gradient check: a gradient against derivatives that were measured.

Given a function, arguments and a gradient (symgrad's, or one of your own), `check` measures the
derivative by each element and says, variable by variable, how far the two are apart.  Invariant:
what was left out, and what could not be measured, is said.
"""

from __future__ import annotations

import copy
import inspect
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Any

import mpmath
import numpy as np

from symgrad.arguments import bind, float_ints, is_leaf, with_floats
from symgrad.compiled import Compiled
from symgrad.errors import ArgumentError, SymgradError, WrtError
from symgrad.study.circuit import real_arguments
from symgrad.study.grids import Grid, finite, number
from symgrad.study.markdown import escaped
from symgrad.study.measuring import EPSILON, Kink, Slope, central, kink
from symgrad.study.stand_ins import COMPLEX, DIGITS, PRECISE, Field, StandIn
from symgrad.trees import Tree, flatten, spell_path

METHODS = ("central", "complex", "mpmath")
FORMULA = "|a - n| / max(|a|, |n|)"
SOURCE = "CS231n, Gradient checks"

RIGHT, FINE_WITH_KINKS, WRONG = 1e-7, 1e-4, 1e-2
BANDS = (
    (RIGHT, "right", "1e-7 and less: be happy"),
    (FINE_WITH_KINKS, "too high without kinks", "to 1e-4: fine with kinks, too high without"),
    (WRONG, "uncomfortable", "1e-4 to 1e-2: uncomfortable"),
    (math.inf, "wrong", "above 1e-2: usually wrong"),
)

STEP = 1e-30  # of the complex step: its square is nothing, so no digit is lost
LONG_STEP = 1e-10  # relative: its square is nothing still, beside a number as small as 1e-300
FULL = 1e-290  # a smaller rise may have lost digits below the smallest number
WORDS = {
    "central": "central differences, extrapolated over steps from 0.1 to 5e-8",
    "complex": f"the complex step {STEP}",
    "mpmath": f"central differences in {DIGITS} digits",
}


@dataclass(frozen=True, slots=True)
class Element:
    """One derivative: by the gradient that is checked, and as it was measured."""

    place: str
    gradient: float
    measured: float
    off_by: float
    error: float

    def __str__(self) -> str:
        return f"{self.place}: gradient {number(self.gradient)}, measured {number(self.measured)}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "place": self.place,
            "gradient": finite(self.gradient),
            "measured": finite(self.measured),
            "off_by": finite(self.off_by),
            "error": finite(self.error),
        }


@dataclass(frozen=True, slots=True)
class Row:
    """One variable: how far gradient and measurement are apart in its worst element."""

    variable: str
    shape: tuple[int, ...]
    checked: str
    error: float | None
    verdict: str
    passed: bool
    worst: Element | None = None
    at_kinks: tuple[tuple[Element, Kink], ...] = ()

    def __bool__(self) -> bool:
        return self.passed

    def cells(self) -> tuple[str, ...]:
        error = "-" if self.error is None else f"{self.error:.1e}"
        return self.variable, str(self.shape), self.checked, error, self.verdict

    def notes(self) -> Iterator[str]:
        """Return what is to be said of a failing variable, and of one that stands at kinks."""
        if not self.passed and self.worst is not None:
            yield f"worst is {self.worst}"
        if self.at_kinks:
            element, found = self.at_kinks[0]
            sides = (
                "it jumps there"
                if found.is_jump
                else f"{number(found.left)} from the left, {number(found.right)} from the right"
            )
            yield (
                f"{len(self.at_kinks)} of {self.variable} at a kink, not counted: the gradient "
                f"there is a convention; {element.place}: gradient {number(element.gradient)}, "
                f"measured {sides}"
            )

    def as_dict(self) -> dict[str, Any]:
        return {
            "variable": self.variable,
            "shape": list(self.shape),
            "checked": self.checked,
            "error": finite(self.error),
            "verdict": self.verdict,
            "passed": self.passed,
            "worst": None if self.worst is None else self.worst.as_dict(),
            "at_kinks": [element.as_dict() for element, _ in self.at_kinks],
        }


@dataclass(frozen=True, repr=False)
class GradientCheck:
    """What a gradient check found; it is true if every variable passed.

    ``rows`` has one for each variable (for each array of a nested one), ``notes`` what is to be
    known besides.
    """

    name: str
    gradient: str
    method: str
    tolerance: float
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    repeatable: bool = True

    def __bool__(self) -> bool:
        return self.repeatable and all(self.rows)

    @property
    def verdict(self) -> str:
        if not self.repeatable:
            return "not checked: the function is not the same when it is run again"
        wrong = [row.variable for row in self.rows if not row]
        if not wrong:
            return "passed"
        return f"failed: {', '.join(wrong)}" + (
            "" if len(wrong) == len(self.rows) else f" ({len(self.rows) - len(wrong)} passed)"
        )

    @property
    def _title(self) -> str:
        return f"{self.name}: {self.gradient} against {WORDS[self.method]}"

    @property
    def _grid(self) -> Grid:
        columns = ("variable", "shape", "checked", "relative error", "verdict")
        return Grid(columns, [row.cells() for row in self.rows], code=("variable",))

    @property
    def _remarks(self) -> list[str]:
        return [*(note for row in self.rows for note in row.notes()), *self.notes]

    @property
    def _legend(self) -> list[str]:
        return [
            f"relative error: {FORMULA}, a by the gradient, n measured; here it passes up to "
            f"{self.tolerance:.0e}",
            f"thresholds ({SOURCE}): " + "; ".join(words for _, _, words in reversed(BANDS)),
        ]

    def __str__(self) -> str:
        remarks = [f"- {remark}" for remark in self._remarks]
        return "\n".join([self._title, self._grid.text(), *remarks, *self._legend, self.verdict])

    __repr__ = __str__

    def markdown(self) -> str:
        """Return the check in Markdown."""
        parts = [f"**{escaped(self._title)}**", self._grid.markdown()]
        if self._remarks:
            parts.append("\n".join(f"- {escaped(remark)}" for remark in self._remarks))
        parts.append("\n".join(f"- {escaped(line)}" for line in self._legend))
        return "\n\n".join([*parts, f"**{escaped(self.verdict)}**"]) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Return the check as plain data; what is not finite is null."""
        return {
            "name": self.name,
            "gradient": self.gradient,
            "method": self.method,
            "formula": FORMULA,
            "tolerance": self.tolerance,
            "passed": bool(self),
            "verdict": self.verdict,
            "rows": [row.as_dict() for row in self.rows],
            "notes": list(self.notes),
        }

    def json(self) -> str:
        """Return the check as JSON; what its keys hold says `as_dict`."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False)

    def _repr_html_(self) -> str:
        remarks = "".join(f"<li>{escape(line)}</li>" for line in [*self._remarks, *self._legend])
        return (
            f'<div class="symgrad-check">\n<p>{escape(self._title)}</p>\n'
            f"{self._grid.html('symgrad-check-rows')}\n<ul>{remarks}</ul>\n"
            f"<p><strong>{escape(self.verdict)}</strong></p>\n</div>"
        )


def check(
    fn: Any,
    *args: Any,
    wrt: Any = None,
    grad: Any = None,
    method: str | None = None,
    has_aux: bool = False,
    tolerance: float | None = None,
    elements: int | None = 200,
    seed: int = 0,
    **kwargs: Any,
) -> GradientCheck:
    """Check a gradient against derivatives that are measured by running the function.

    ``fn`` is a function, a `Compiled`, or a pair of a function and its gradient.  ``grad`` is
    your own gradient to be checked, a function of the same arguments or what it returned; without
    it symgrad's is.  ``wrt`` is as in `compile`; without it every argument of real numbers is
    checked, or the first one if ``grad`` is yours.  ``method`` is "complex", "central" or "mpmath";
    by default the complex step where all that the function does is analytic, otherwise central
    differences.  Of a variable with more than ``elements`` elements that many are drawn with
    ``seed``, and a random direction is checked besides; None checks all.  ``tolerance`` is the
    largest relative error that passes: by default 1e-7, or 1e-4 where the function has kinks.

    Arguments of single precision are taken as double.  At a kink a gradient between the slopes of
    its two sides is right, and said to be a convention.

    Raises ArgumentError for arguments or a gradient that do not fit, WrtError for what cannot be
    differentiated by, and what `compile` raises if symgrad's gradient is checked.
    """
    if method is not None and method not in METHODS:
        raise ArgumentError(f"method={method!r}: one of {', '.join(METHODS)}, or None")
    if elements is not None and elements < 1:
        raise ArgumentError(f"elements={elements!r}: how many of a variable to check, or None")
    if isinstance(fn, tuple) and len(fn) == 2:
        fn, grad = fn
    if wrt is None and grad is None and not isinstance(fn, Compiled):
        wrt = real_arguments(fn, args, kwargs)[-1]
    subject = _Subject(fn, wrt, has_aux, args, kwargs)
    return subject.check(grad, method, tolerance, elements, seed)


class _Subject:
    """The function that is checked, at its arguments."""

    def __init__(self, fn: Any, wrt: Any, has_aux: bool, args: Any, kwargs: Any):
        self.compiled = _compiled(fn, wrt, has_aux)
        self.function, self.name = self.compiled.function, self.compiled._name
        given = bind(self.compiled.signature, self.name, args, kwargs)
        self.typed = frozenset(self.compiled.signature.bind(*args, **kwargs).arguments)
        self.notes: list[str] = []
        self.values = self._doubled(given)
        self.trees = {name: flatten(self.values[name], is_leaf) for name in self.compiled.wrt}

    def _doubled(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: _map(_double, value) for name, value in given.items()}
        if any(a is not b for k in given for a, b in zip(_leaves(given[k]), _leaves(values[k]),
                                                         strict=True)):  # fmt: skip
            self.notes.append("arguments of single precision are taken as double")
        for name in self.compiled.wrt:
            if float_ints(values, [name]):
                values[name] = with_floats(values[name])
            for leaf in _leaves(values[name]):
                if np.asarray(leaf).dtype.kind != "f":
                    raise WrtError(
                        f"`{name}` in wrt holds {np.asarray(leaf).dtype}: only floating-point "
                        f"numbers have a derivative; convert it ({name}.astype(float))"
                    )
        return values

    # --- running it

    def call(self, function: Any, values: Mapping[str, Any]) -> Any:
        bound = inspect.BoundArguments(self.compiled.signature, dict(values))
        with np.errstate(all="ignore"):
            return function(*bound.args, **bound.kwargs)

    def value(self, values: Mapping[str, Any]) -> Any:
        result = self.call(self.function, values)
        return result[0] if self.compiled.has_aux else result

    def number(self, values: Mapping[str, Any]) -> float:
        found = np.asarray(self.value(values))
        if found.shape != () or found.dtype.kind not in "fiub":
            raise ArgumentError(
                f"{self.name} returns {found.dtype} of shape {found.shape}: a gradient check "
                "needs one real number (return the loss alone, or use has_aux=True)"
            )
        return float(found)

    def with_leaf(self, name: str, k: int, leaf: Any) -> dict[str, Any]:
        leaves, tree = self.trees[name]
        return {**self.values, name: tree.build(iter([*leaves[:k], leaf, *leaves[k + 1 :]]))}

    def is_repeatable(self) -> bool:
        """Return whether two runs give one value; refuse a function that writes into arguments."""
        values = copy.deepcopy(self.values)
        first = self.number(values)
        for name, value in self.values.items():
            for a, b in zip(_leaves(values[name]), _leaves(value), strict=True):
                if isinstance(b, np.ndarray) and not np.array_equal(a, b, equal_nan=_is_float(b)):
                    raise ArgumentError(
                        f"{self.name} writes into its argument `{name}`, so a second run is "
                        "another function: copy it first"
                    )
        second = self.number(self.values)
        self.at = first
        if first == second or (math.isnan(first) and math.isnan(second)):
            return True
        self.notes.append(
            f"two runs with the same arguments differ by {abs(first - second):.1e}: pass what "
            "changes (random numbers, a clock, a counter) as an argument"
        )
        return False

    # --- the check

    def check(
        self, grad: Any, method: str | None, tolerance: float | None, most: int | None, seed: int
    ) -> GradientCheck:
        self.repeatable = self.is_repeatable()
        if not math.isfinite(self.at):
            self.notes.append(f"the function's value here is {self.at}: nothing can be measured")
        grads = self.gradient(grad)
        has_kinks = self.find_kinks(grad is not None)
        if tolerance is None:
            tolerance = FINE_WITH_KINKS if has_kinks else RIGHT
        chosen = self.choose(method)
        largest = max(float(np.max(np.abs(g), initial=0.0)) for g in grads.values())
        judges = {
            (name, k): _Judge(
                tolerance, max(abs(self.at), largest), self.floor(largest, name, k, chosen)
            )
            for name, k in grads
        }
        rows = tuple(
            self.row(name, k, place, grads[name, k], chosen, judges[name, k], most, seed)
            for name in self.compiled.wrt
            for k, place in enumerate(_places(name, self.trees[name][1]))
        )
        whose = "symgrad's gradient" if grad is None else "the given gradient"
        notes = tuple(self.notes)
        return GradientCheck(self.name, whose, chosen, tolerance, rows, notes, self.repeatable)

    def floor(self, largest: float, name: str, k: int, method: str) -> float:
        """Return what rounding leaves of numbers that cancel, in the derivative by one leaf.

        ``largest`` is the largest derivative.  Rounding of the value moves its derivative by so
        much less as the leaf is larger.
        """
        numbers = [np.abs(x) for v in self.values.values() for x in map(np.asarray, _leaves(v))
                   if x.dtype.kind == "f"]  # fmt: skip
        size = max(float(np.max(x, initial=0.0)) for x in numbers)
        if method == "central" and max(abs(self.at), largest) < 1e-12 * size:
            return 1e-8 * size  # differences of what is rounded to nothing
        own = float(np.max(np.abs(self.trees[name][0][k]), initial=1.0))
        return 16 * EPSILON * max(largest, abs(self.at) / own)

    def gradient(self, grad: Any) -> dict[tuple[str, int], Any]:
        """Return the gradient that is checked by variable and leaf, in the variables' shapes."""
        if grad is None:
            made = self.call(self.compiled.grad, copy.deepcopy(self.values))
            grads = made[0] if self.compiled.has_aux else made
        else:
            values = copy.deepcopy({k: v for k, v in self.values.items() if k in self.typed})
            grads = self.call(grad, values) if callable(grad) else grad
        names = self.compiled.wrt
        if isinstance(grads, Mapping) and len(names) > 1:
            grads = [_named(grads, name) for name in names]
        parts = [grads] if self.compiled.single else list(_each_of(grads, names))
        found = {}
        for name, part in zip(names, parts, strict=True):
            leaves, tree = self.trees[name]
            theirs = flatten(part, is_leaf)[0]
            places = _places(name, tree)
            if len(theirs) != len(leaves):
                raise ArgumentError(
                    f"the gradient by `{name}` has {len(theirs)} parts, `{name}` has {len(leaves)}"
                )
            for k, (leaf, g) in enumerate(zip(leaves, theirs, strict=True)):
                found[name, k] = _gradient_like(g, leaf, places[k])
        return found

    def find_kinks(self, is_own: bool) -> bool:
        """Say where the function has kinks; return whether it has, or may have."""
        try:
            with np.errstate(all="ignore"):
                made = self.compiled._made_for(*self._call_arguments())[0]
        except SymgradError as error:
            if not is_own:
                raise
            reason = str(error).splitlines()[0]
            self.notes.append(f"whether it has kinks is not known (symgrad refuses it: {reason})")
            return True
        self.notes.extend(f"it has a kink, {k}" for k in map(_told, made.kinks))
        return bool(made.kinks)

    def _call_arguments(self) -> tuple[Any, Any]:
        bound = inspect.BoundArguments(self.compiled.signature, dict(self.values))
        return bound.args, bound.kwargs

    def choose(self, method: str | None) -> str:
        """Return the method that is used; refuse the one that was asked for if it cannot be."""
        if method == "central":
            return method
        field = PRECISE if method == "mpmath" else COMPLEX
        reason = self.cannot_run_on(field)
        if reason is None:
            return method or "complex"
        if method is not None:
            raise ArgumentError(
                f"method={method!r} does not serve {self.name}: {reason}; use method='central'"
            )
        self.notes.append(f"no complex step: {reason}")
        return "central"

    def cannot_run_on(self, field: Field) -> str | None:
        """Return why the function cannot be run on the numbers of ``field``, or None."""
        try:
            with mpmath.workdps(DIGITS):
                value = self.value(self.lifted(field))
                there = float(field.real(value.data)) if isinstance(value, StandIn) else value
                same = np.shape(there) == () and _is_near(float(there), self.at)
        except Exception as error:  # the user's function may raise anything on other numbers
            text = str(error).splitlines()
            return text[0] if text else type(error).__name__
        return None if same else f"its value in {field.name} is {there}, not {self.at}"

    def lifted(self, field: Field, name: str = "", k: int = 0, data: Any = None) -> dict[str, Any]:
        """Return the arguments as numbers of ``field``; one leaf may be given other ``data``.

        All are lifted, not only the one that moves: a plain array could not be added to in place.
        """
        values = dict(self.values)
        for mine, (leaves, tree) in self.trees.items():
            own = [
                data if data is not None and (mine, j) == (name, k) else field.lift(np.array(leaf))
                for j, leaf in enumerate(leaves)
            ]
            values[mine] = tree.build(iter([StandIn(x, field) for x in own]))
        return values

    def row(
        self, name: str, k: int, place: str, gradient: Any, method: str, judge: _Judge,
        most: int | None, seed: int,
    ) -> Row:  # fmt: skip
        leaf = self.trees[name][0][k]
        size, shape = np.size(leaf), np.shape(leaf)
        chosen: Sequence[int] = range(size)
        checked = "the number" if not shape else f"all {size}"
        directions: list[tuple[str, Any]] = []
        if most is not None and size > most:
            rng = np.random.default_rng([seed, k])
            chosen = sorted(rng.choice(size, most, replace=False).tolist())
            direction = rng.standard_normal(shape)
            directions = [(f"{place} along a random direction", direction / np.sqrt(size))]
            checked = f"{most} of {size} drawn with seed {seed}, and a direction"
        lines = [(_element_name(place, shape, i), _unit(shape, i)) for i in chosen] + directions
        found, at_kinks = [], []
        for where, v in lines:
            line = partial(self.along, name, k, leaf, v)
            at = float(np.asarray(leaf)[v]) if isinstance(v, tuple) else 0.0
            measured = self.measure(method, line, name, k, leaf, v, at)
            g = float(gradient[v]) if isinstance(v, tuple) else float(np.sum(gradient * v))
            element, passed = judge.compare(where, g, measured)
            bend = None if passed or not self.repeatable else kink(line, at)
            if bend is not None and bend.admits(g, judge.tolerance):
                at_kinks.append((element, bend))
            else:
                found.append((passed, element))
        return judge.row(place, shape, checked, found, tuple(at_kinks))

    def along(self, name: str, k: int, leaf: Any, v: Any, step: float) -> float:
        """Return the value a step away along one element or a direction."""
        return self.number(self.with_leaf(name, k, _moved(leaf, v, step)))

    def measure(
        self, method: str, line: Any, name: str, k: int, leaf: Any, v: Any, at: float
    ) -> Slope:
        if method == "central":
            return central(line, at)
        if method == "complex":
            size = abs(at) or 1.0
            for step in (min(STEP, LONG_STEP * size), LONG_STEP * size):
                data = _moved(np.asarray(COMPLEX.lift(leaf)), v, step * 1j)
                value = self.value(self.lifted(COMPLEX, name, k, data))
                rise = float(value.data.imag) if isinstance(value, StandIn) else 0.0
                if abs(rise) >= FULL:
                    break
            return Slope(rise / step, 1e-14 * abs(rise / step))
        with mpmath.workdps(DIGITS):
            step = mpmath.mpf(10) ** (-DIGITS // 3) * (abs(at) or 1)
            ends = []
            for way in (step, -step):
                data = _moved(PRECISE.lift(np.array(leaf)), v, way)
                value = self.value(self.lifted(PRECISE, name, k, data))
                ends.append(value.data[()] if isinstance(value, StandIn) else mpmath.mpf(0))
            slope = float((ends[0] - ends[1]) / (2 * step))
        return Slope(slope, 1e-15 * abs(slope))


@dataclass(frozen=True, slots=True)
class _Judge:
    """Says of two numbers how far they are apart, and of a variable whether it passes."""

    tolerance: float
    scale: float  # of the value and the whole gradient: what is far below it cannot be measured
    floor: float  # of what rounding leaves where numbers cancel

    def compare(self, where: str, gradient: float, measured: Slope) -> tuple[Element, bool]:
        n, off_by = measured.value, measured.off_by
        error = relative_error(gradient, n)
        gap = abs(gradient - n)
        is_unresolved = gap <= 2 * off_by <= 2 * self.tolerance * self.scale
        if error > self.tolerance and (is_unresolved or gap <= self.floor):
            error = 0.0  # what differences of this function cannot tell apart
        passed = error <= self.tolerance
        return Element(where, gradient, n, off_by, error), passed

    def row(
        self, place: str, shape: tuple[int, ...], checked: str,
        found: Sequence[tuple[bool, Element]], at_kinks: tuple[tuple[Element, Kink], ...],
    ) -> Row:  # fmt: skip
        if not found:
            verdict = "at kinks" if at_kinks else "nothing to check"
            return Row(place, shape, checked, None, verdict, True, None, at_kinks)
        worst = max((element for _, element in found), key=lambda element: element.error)
        passed = all(fine for fine, _ in found)
        verdict = next(word for limit, word, _ in BANDS if worst.error <= limit)
        if passed and worst.error > RIGHT:
            verdict = "fine with kinks" if worst.error <= FINE_WITH_KINKS else "passed as asked"
        if not math.isfinite(worst.measured):
            verdict = "not measurable: the function is not finite around here"
        elif not passed and abs(worst.gradient - worst.measured) <= 2 * worst.off_by:
            verdict = f"not measurable: differences are off by {worst.off_by:.0e}"
        return Row(place, shape, checked, worst.error, verdict, passed, worst, at_kinks)


def relative_error(a: float, n: float) -> float:
    """Return ``|a - n| / max(|a|, |n|)``; 0 if both are 0, infinite if one is not finite."""
    if a == n:
        return 0.0
    if not (math.isfinite(a) and math.isfinite(n)):
        return math.inf
    return abs(a - n) / max(abs(a), abs(n))


# --- arguments and gradients --------------------------------------------------------------------


def _compiled(fn: Any, wrt: Any, has_aux: bool) -> Compiled:
    if isinstance(fn, Compiled) and wrt is None:
        return fn
    if isinstance(fn, Compiled):
        _, specs, aux, *others = fn._settings
        return Compiled(fn.function, wrt, specs, has_aux or aux, *others)
    return Compiled(fn, 0 if wrt is None else wrt, has_aux=has_aux)


def _leaves(value: Any) -> list[Any]:
    return flatten(value, is_leaf)[0]


def _map(function: Callable[[Any], Any], value: Any) -> Any:
    leaves, tree = flatten(value, is_leaf)
    return tree.build(iter([function(leaf) for leaf in leaves]))


def _double(leaf: Any) -> Any:
    is_single = isinstance(leaf, (np.ndarray, np.generic)) and _is_float(leaf) and leaf.itemsize < 8
    return leaf.astype(np.float64) if is_single else leaf


def _is_float(array: Any) -> bool:
    return bool(np.asarray(array).dtype.kind == "f")


def _is_near(a: float, b: float) -> bool:
    both_odd = not (math.isfinite(a) or math.isfinite(b))
    return both_odd or math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-12)


def _places(name: str, tree: Tree) -> list[str]:
    return [spell_path(name, path) for path in tree.paths()]


def _named(grads: Mapping[Any, Any], name: str) -> Any:
    for key in (name, f"d{name}"):
        if key in grads:
            return grads[key]
    raise ArgumentError(
        f"the gradient is a dict without `{name}`: it has {', '.join(map(str, grads))}"
    )


def _each_of(grads: Any, names: Sequence[str]) -> Any:
    if not isinstance(grads, (tuple, list)) or len(grads) != len(names):
        what = f"{len(grads)} parts" if isinstance(grads, (tuple, list)) else type(grads).__name__
        raise ArgumentError(
            f"the gradient is {what}: a tuple of {len(names)} is needed, one for each of "
            f"{', '.join(names)}"
        )
    return grads


def _gradient_like(g: Any, leaf: Any, place: str) -> Any:
    array = np.asarray(g)
    if array.dtype.kind not in "fiu":
        raise ArgumentError(f"the gradient by `{place}` is {array.dtype}, not real numbers")
    if array.shape != np.shape(leaf):
        raise ArgumentError(
            f"the gradient by `{place}` has shape {array.shape}, `{place}` has {np.shape(leaf)}: "
            "they must be alike, element by element"
        )
    return array.astype(np.float64)


def _unit(shape: tuple[int, ...], i: int) -> tuple[int, ...]:
    return tuple(map(int, np.unravel_index(i, shape))) if shape else ()


def _element_name(place: str, shape: tuple[int, ...], i: int) -> str:
    return f"{place}[{', '.join(map(str, _unit(shape, i)))}]" if shape else place


def _moved(leaf: Any, v: Any, step: Any) -> Any:
    """Return ``leaf`` with one element moved (``v`` is its index), or all along ``v``."""
    if not isinstance(leaf, np.ndarray):
        return leaf + step
    moved = leaf.copy()
    if isinstance(v, tuple):
        moved[v] = moved[v] + step
        return moved
    return moved + v * step


def _told(kink: Any) -> str:
    from symgrad.report import at

    where = replace(kink, location=None)
    return f"{where} ({at(kink.location)})"
