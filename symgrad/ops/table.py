"""How a row of the table is written: one op, one declaration.

`elementwise` and `structural` each make one `Op` subclass, register it, and say which NumPy
functions and array methods lead to it.  A rule is written in ops (``op.exp(x) * ct``), so the
derivative of a derivative needs nothing new.
"""

from __future__ import annotations

import functools
import operator
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.dims import Shape, Shapes, Size, plain, product
from symgrad.errors import MissingRuleError, ShapeError, TraceError
from symgrad.graph import OPS, Aval, Builder, Kind, Op, Value, current_builder
from symgrad.notation import Notation

# Precedence of a spelled expression; a template's `{0:6}` asks for at least that much.
# `@` has the precedence of `*`, but people bracket it beside one: it gets a level of its own.
COMPARE, OR, XOR, AND, SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = range(1, 11)
MATMUL = 6.5

ALL = slice(None, None, None)  # every index of an axis, in a static key
FLAT = "0 everywhere, also at the jumps"  # the convention of what is constant between them


# One name, one an operand, or a function of the application and the operand's number.
Rule = str | tuple[str, ...] | Callable[[Op, int], str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What other stages and people ask of an op, beside its shape and derivative."""

    spell: Mapping[str, Any]
    precedence: float = ATOM
    notation: Notation | None = None
    math: Any = None
    partials: tuple[Any, ...] | None = None
    domain: tuple[float, float] = (-2.0, 2.0)
    kinks: str = ""
    source: str = ""
    expand: Callable[..., Any] | None = None
    differentiable: bool = True
    elementwise: bool = False
    role: str = ""
    view: bool | Callable[..., bool] = False
    cost: str = "cheap"
    flops: int | Callable[..., Size] = 0
    kinked: Callable[..., bool] | None = None
    rule: Rule = ""  # what lectures call the rule of its derivative


def rule_of(rhs: Op, k: int) -> str:
    """Return the name of the rule by which operand ``k`` of ``rhs`` gets its derivative."""
    rule = rhs.facts.rule
    if callable(rule):
        return str(rule(rhs, k))
    if isinstance(rule, tuple):
        return str(rule[min(k, len(rule) - 1)])
    return str(rule) or f"derivative of {rhs.name.replace('_', ' ')}"


def flops_of(shapes: Shapes, rhs: Op, xs: Sequence[Aval], y: Aval) -> Size:
    """Return how many operations on numbers ``rhs`` does, as a polynomial of the sizes.

    Each of ``+ - * /``, a comparison, a choice and a root counts as 1; what only moves elements
    counts as 0, as do the calls that `transcendentals_of` counts.
    """
    flops = rhs.facts.flops
    if callable(flops):
        settings = dict(zip(rhs.params, rhs.settings, strict=True))
        return plain(flops(shapes, xs, y, **settings))
    return flops * product(y.shape)


def transcendentals_of(rhs: Op, xs: Sequence[Aval], y: Aval) -> Size:
    """Return how many values of ``exp``, ``log``, ``tanh``, a power ... ``rhs`` works out.

    A reduction by such a function works out one for each element it reads.
    """
    if rhs.facts.cost != "slow":
        return 0
    return product(y.shape if rhs.facts.elementwise else xs[0].shape)


def has_kink(rhs: Op, operands: Sequence[tuple[Aval, Op | None]]) -> bool:
    """Return whether the derivative is a convention somewhere, for operands made by these ops."""
    kinked = rhs.facts.kinked
    return bool(rhs.facts.kinks) and (kinked is None or kinked(rhs, operands))


def is_view(rhs: Op, avals: Sequence[Aval]) -> bool:
    """Return whether NumPy gives a view of the first operand, whose avals are given."""
    view = rhs.facts.view
    return bool(view(avals, rhs.settings)) if callable(view) else bool(view)


class _Namespace:
    """``op.exp(x)``: apply the op called ``exp`` in the builder of its operands."""

    def __getattr__(self, name: str) -> Callable[..., Value]:
        if name not in OPS:
            raise AttributeError(f"no op is called {name}")

        def apply(*operands: Any, **settings: Any) -> Value:
            return builder_of(operands).apply(name, *operands, **settings)

        setattr(self, name, apply)
        return apply


op = _Namespace()


def builder_of(operands: Iterable[Any]) -> Builder:
    for x in operands:
        if isinstance(x, Value):
            return x.builder
    builder = current_builder()
    assert builder is not None, "an op without operands needs a builder"
    return builder


class Fronts(dict[Any, Callable[..., Any]]):
    """What functions become when they meet a traced value.

    Those of a library that may be missing are known by name, until somebody has loaded it: a
    function that is called was imported before.
    """

    def __init__(self) -> None:
        self.later: dict[str, dict[str, Callable[..., Any]]] = {}

    def __contains__(self, function: Any) -> bool:
        return super().__contains__(function) or (self._load() and super().__contains__(function))

    def get(self, function: Any, default: Any = None) -> Any:
        return self[function] if function in self else default  # noqa: SIM401 (this is `get`)

    def _load(self) -> bool:
        """Register the functions of the libraries loaded by now; return whether there are any."""
        loaded = [module for module in self.later if module in sys.modules]
        for module in loaded:
            for name, front in self.later.pop(module).items():
                try:
                    function = operator.attrgetter(name)(sys.modules[module])
                except AttributeError:
                    continue  # an older version does not have it
                self.setdefault(function, front)
        return bool(loaded)


FRONT = Fronts()
"""What a NumPy (or math, or built-in) function becomes when it meets a traced value."""

METHODS: dict[str, Callable[..., Any]] = {}
"""What a method of ndarray becomes on a traced array."""


def accept(*functions: Any, method: str | None = None) -> Callable[[Any], Any]:
    """Register the decorated function as what NumPy's ``functions`` do with traced values.

    Its signature is the part of NumPy's that is supported: any other argument is refused by
    name.
    """

    def register(front: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            FRONT[function] = front
        if method is not None:
            METHODS[method] = front
        return front

    return register


def accept_later(module: str, name: str, front: Callable[..., Any]) -> None:
    """Register what a function of a library becomes, if a program that is traced has loaded it."""
    FRONT.later.setdefault(module, {})[name] = front


def _register(name: str, doc: str, results: int, aval: Any, vjp: Any, facts: Facts) -> type[Op]:
    assert name not in OPS, f"the op {name} has two rows"
    new = type(name, (Op,), {"__slots__": (), "__doc__": doc, "__module__": __name__})
    new.name, new.doc, new.results = name, doc, results  # type: ignore[attr-defined]
    new.aval, new.facts = staticmethod(aval), facts  # type: ignore[attr-defined]
    new.vjp = staticmethod(vjp) if vjp is not None else None  # type: ignore[attr-defined]
    OPS[name] = new
    return new


def _target(numpy: Any) -> Mapping[str, Any]:
    if isinstance(numpy, str):
        numpy = re.sub(r"\bnp\.", "{np}.", numpy)
    return {"numpy": numpy}


def elementwise(
    name: str,
    doc: str,
    *,
    accepts: Sequence[Any] = (),
    numpy: Any,
    precedence: int = ATOM,
    math: Any = None,
    partials: tuple[Any, ...] | None = None,
    vjp: tuple[Any, ...] | None = None,
    arity: int = 1,
    dtype: Any = None,
    expand: Callable[..., Any] | None = None,
    differentiable: bool = True,
    notation: Notation | None = None,
    domain: tuple[float, float] = (-2.0, 2.0),
    kinks: str = "",
    source: str = "",
    role: str = "",
    cost: str = "cheap",
    flops: int | None = None,
    kinked: Callable[..., bool] | None = None,
    rule: Rule = "",
) -> type[Op]:
    """Declare an op that works element by element, with broadcasting.

    ``math`` is the SymPy function it computes; its derivative is found by SymPy unless
    ``partials`` gives the local derivatives, one function ``(y, *xs)`` an operand, or ``vjp``
    the whole rule, one function ``(ct, y, *xs)`` an operand.  ``differentiable=False`` makes a
    path through it an error; a derivative that is truly zero is ``partials=(zero,)``.  ``flops``
    is what an element costs: 1, but 0 where ``cost="slow"`` counts it as a transcendental.
    ``kinked`` tells which applications have the ``kinks``, if not all have.  ``notation`` writes
    it as mathematics, ``rule`` names the rule of its derivative.
    """
    find_dtype = dtype or ufunc_dtype(accepts[0])
    of_alike: dict[Any, tuple[np.dtype[Any], Kind]] = {}  # dtype and kind where all operands agree

    def aval(shapes: Shapes, *xs: Aval) -> Aval:
        first = xs[0]
        shape = first.shape
        if all([x is first for x in xs]):
            key = first.dtype, first.kind, not shape
            found = of_alike.get(key)
            if found is None:
                found = of_alike[key] = find_dtype(*xs), _kind(shape, xs, precedence < ATOM)
        else:
            for x in xs:
                if x.shape and x.shape is not shape:
                    if shape:
                        shape = broadcast(shapes, *[x.shape for x in xs])
                        break
                    shape = x.shape
            found = find_dtype(*xs), _kind(shape, xs, precedence < ATOM)
        for x in xs:
            if x.shape is shape and x.kind == found[1] and x.dtype == found[0]:
                return x  # the same facts need no copy
        return Aval(shape, *found)

    facts = Facts(
        _target(numpy), precedence, notation, math, partials, domain, kinks, source, expand,
        differentiable, True, role, False, cost,
        flops if flops is not None else int(cost != "slow"), kinked, rule,
    )  # fmt: skip
    new = _register(name, doc, 1, aval, None, facts)
    if vjp is not None:
        new.vjp = staticmethod(lambda i, ct, ys, xs, _: vjp[i](ct, ys[0], *xs))
    elif differentiable and (math is not None or partials is not None):
        new.vjp = staticmethod(functools.partial(_partial_vjp, new))
    front = functools.partial(apply_elementwise, name, arity)
    for function in accepts:
        FRONT[function] = front
        if isinstance(function, np.ufunc) and arity == 2:
            FRONT[function.outer] = functools.partial(apply_outer, name)
    return new


def apply_outer(name: str, a: Any, b: Any) -> Any:
    """Apply an op to each pair of elements, as ``np.subtract.outer`` does."""
    builder = builder_of((a, b))
    a, b = (builder.wrap(builder.operand(x)) for x in (a, b))
    if a.ndim and b.ndim:
        a = op.expand_dims(a, axis=tuple(range(a.ndim, a.ndim + b.ndim)))
    return builder.apply(name, a, b)


def apply_elementwise(name: str, arity: int, *xs: Any) -> Any:
    if len(xs) != arity:
        raise TypeError(f"takes {arity} arguments, {len(xs)} given")
    return builder_of(xs).apply(name, *xs)


def _partial_vjp(
    row: type[Op], i: int, ct: Value, ys: Sequence[Value], xs: Sequence[Value], _: Any
) -> Any:
    partial = local_derivative(row, i)(ys[0], *xs)
    if partial is ZERO or partial == 1:
        return ct if partial == 1 else ZERO
    return -ct if partial == -1 else ct * partial


def local_derivative(row: type[Op], i: int) -> Callable[..., Any]:
    """Return the local derivative of an elementwise op in operand ``i``, as ``(y, *xs)``."""
    if row.facts.partials is not None:
        return row.facts.partials[i]  # type: ignore[no-any-return]
    from symgrad.ops.calculus import partial  # SymPy's part is loaded when first needed

    return partial(row, i)


class _Zero:
    """A derivative that is truly zero; what a rule returns to say so."""

    def __repr__(self) -> str:
        return "0"


ZERO = _Zero()


def zero(*_: Any, **__: Any) -> _Zero:
    """Say that a derivative is zero wherever it exists."""
    return ZERO


def structural(
    name: str,
    doc: str,
    *,
    aval: Callable[..., Any],
    numpy: Any,
    vjp: Any = None,
    params: tuple[str, ...] = (),
    defaults: Mapping[str, Any] = {},
    results: int = 1,
    precedence: int = ATOM,
    differentiable: bool = True,
    notation: Notation | None = None,
    kinks: str = "",
    source: str = "",
    expand: Callable[..., Any] | None = None,
    role: str = "",
    view: bool | Callable[..., bool] = False,
    cost: str = "cheap",
    flops: Callable[..., Size] | None = None,
    kinked: Callable[..., bool] | None = None,
    rule: Rule = "",
) -> type[Op]:
    """Declare an op that moves, sums or makes elements.

    ``aval(shapes, *avals, **settings)`` gives the result's aval (or a tuple of them).  ``vjp``
    is one function ``(ct, y, *xs, **settings)`` for an op of one operand, a tuple of them for
    more, or a function marked by `indexed` that is told which operand is meant.  ``flops(shapes,
    xs, y, **settings)`` counts the operations on numbers, given the avals of the operands and of
    the (first) result; without it elements only move.
    """
    facts = Facts(
        _target(numpy), precedence, notation, None, None, (-2.0, 2.0), kinks, source, expand,
        differentiable, False, role, view, cost, flops or 0, kinked, rule,
    )  # fmt: skip
    new = _register(name, doc, results, aval, _normalise_vjp(vjp, results), facts)
    new.params, new.defaults = params, dict(defaults)
    return new


def indexed(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a vjp rule ``(i, ct, y, *xs, **settings)`` that serves every operand."""
    rule.indexed = True  # type: ignore[attr-defined]
    return rule


def _normalise_vjp(vjp: Any, results: int) -> Any:
    if vjp is None:
        return None

    def rule(i: int, ct: Any, ys: Sequence[Value], xs: Sequence[Value], settings: Any) -> Any:
        y = ys[0] if results == 1 else ys
        if getattr(vjp, "indexed", False):
            return vjp(i, ct, y, *xs, **settings)
        chosen = vjp[i] if isinstance(vjp, tuple) else vjp
        return chosen(ct, y, *xs, **settings)

    return rule


def needs_rule(row: type[Op]) -> MissingRuleError:
    reason = "has no derivative" if not row.facts.differentiable else "has no vjp rule"
    return MissingRuleError(f"{row.name} {reason}")


# --- shapes -----------------------------------------------------------------------------------


def broadcast(shapes: Shapes, *all_shapes: Shape, checked: bool = False) -> Shape:
    """Return the shape NumPy's broadcasting gives, unifying dims that must be equal.

    ``checked`` says that the operation fails by itself where they are not.
    """
    first = all_shapes[0]
    for shape in all_shapes:
        if shape and shape is not first:
            break
    else:
        return first
    ndim = max(map(len, all_shapes))
    result: list[Size] = [1] * ndim
    for shape in all_shapes:
        for axis, size in enumerate(shape, ndim - len(shape)):
            result[axis] = _broadcast_size(shapes, result[axis], size, checked)
    return tuple(result)


def _broadcast_size(shapes: Shapes, a: Size, b: Size, checked: bool) -> Size:
    if a is b or (type(b) is int and b == 1):
        return a
    if type(a) is int and a == 1:
        return b
    return shapes.unify(a, b, checked=checked)


def _kind(shape: Shape, xs: Sequence[Aval], is_operator: bool) -> Kind:
    if shape:
        return "array"
    return "python" if is_operator and all(x.kind == "python" for x in xs) else "numpy"


def _weak(x: Aval) -> Any:
    if x.kind != "python" or x.dtype.kind == "b":
        return x.dtype
    return {"i": int, "f": float, "c": complex}[x.dtype.kind]


def ufunc_dtype(ufunc: Any, name: str = "") -> Callable[..., np.dtype[Any]]:
    known: dict[Any, np.dtype[Any]] = {}

    def resolve(*kinds: Any) -> np.dtype[Any]:
        try:
            found = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout))
        except TypeError:
            names = ", ".join(str(getattr(k, "__name__", k)) for k in kinds)
            raise TraceError(f"{name or f'np.{ufunc.__name__}'} does not take {names}") from None
        return found[-1]  # type: ignore[no-any-return]

    def find(*xs: Aval) -> np.dtype[Any]:
        key = tuple([(x.dtype, x.kind) for x in xs])
        if key not in known:
            known[key] = resolve(*map(_weak, xs))
        return known[key]

    return find


def promoted(*xs: Aval) -> np.dtype[Any]:
    """Return the dtype that NumPy gives arrays joined together (NEP 50 for Python scalars)."""
    weak = {int: 0, float: 0.0, complex: 0j}
    return np.result_type(*[weak.get(kind, kind) for kind in map(_weak, xs)])


def always(dtype: Any) -> Callable[..., np.dtype[Any]]:
    found = np.dtype(dtype)
    return lambda *xs: found


def array_aval(shape: Shape, dtype: np.dtype[Any]) -> Aval:
    """Return the aval of a fresh result: an array, or a NumPy scalar when it has no axes."""
    return Aval(shape, dtype, "array" if shape else "numpy")


def normal_axis(axis: Any, ndim: int) -> int:
    """Return ``axis`` counted from the front, or raise as NumPy does."""
    number = operator.index(axis)
    if not -ndim <= number < ndim:
        raise ShapeError(f"axis {number} does not exist in an array with {ndim} axes")
    return number % ndim


def normal_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the sorted axes that NumPy's ``axis=None | int | tuple`` means."""
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, (tuple, list)):
        axis = (axis,)
    axes = sorted(normal_axis(a, ndim) for a in axis)
    if len(set(axes)) != len(axes):
        raise ShapeError(f"axis {tuple(axis)} names an axis twice")
    return tuple(axes)


def size_of(value: Any) -> Size:
    """Return the size that a user's ``int``, NumPy integer or symbolic size stands for."""
    expression = getattr(value, "size_expression", None)
    return expression if expression is not None else operator.index(value)


def shape_of(value: Any) -> Shape:
    """Return the shape that a user's shape argument (a size or a sequence of sizes) means."""
    return tuple(map(size_of, value)) if isinstance(value, (tuple, list)) else (size_of(value),)


def keyword_text(**settings: Any) -> str:
    """Return ``, axis=1, keepdims=True`` for the settings that are not None or False."""
    return "".join(f", {k}={v}" for k, v in settings.items() if v is not None and v is not False)
