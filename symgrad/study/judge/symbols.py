"""Walk claims over symbols: every value is a fraction of polynomials in atoms.

Given array code, `Symbols` makes it act on arrays of SymPy expressions.  An atom is a symbol of
an argument, or a function that is no fraction, such as ``log``, of an argument in normal form.
``exp`` of a sum is a product of atoms, a comparison an atom whose square is itself.  Invariant:
two expressions are called equal only if their difference is zero as a polynomial in the atoms.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symgrad.study.judge.interpreter import Numbers
from symgrad.study.judge.language import FUNCTIONS

MOST_OPERATIONS = 300  # of one element, before its difference is expanded
MOST_TERMS = 3_000


class TooHard(Exception):
    """A proof would need more than the bounds allow, or a function that has no atoms here."""


class Symbols(Numbers):
    """How values behave that are arrays of expressions."""

    def __init__(self) -> None:
        self.atoms: dict[Any, sp.Symbol] = {}
        self.switches: set[sp.Symbol] = set()  # atoms that are 0 or 1

    def constant(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return value
        if value in (np.pi, np.e):
            return sp.pi if value == np.pi else self._atom("exp", sp.Integer(1))
        return exact(value)

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        if not (is_symbolic(a) or is_symbolic(b)):
            if isinstance(op, ast.Div) and not (_is_float(a) or _is_float(b)):
                a = np.vectorize(sp.Integer, otypes=[object])(a)[()]
                return self.binary(op, a, b)
            return super().binary(op, a, b)
        left, right = _objects(a), _objects(b)
        if isinstance(op, ast.MatMult):
            return (left @ right)[()] if left.ndim * right.ndim > 1 else left @ right
        if isinstance(op, ast.Pow):
            return _each(self._power, left, right)
        return np.asarray(_OPERATIONS[type(op)](left, right))[()]

    def _power(self, a: Any, b: Any) -> Any:
        b = exact(b)
        if not b.is_Integer:
            raise TooHard("a power that is no integer")
        return a**b

    def compare(self, op: ast.cmpop, a: Any, b: Any) -> Any:
        if not (is_symbolic(a) or is_symbolic(b)):
            return super().compare(op, a, b)
        if isinstance(op, ast.Eq):
            return _each(lambda x, y: self.same(x - y), _objects(a), _objects(b))
        if isinstance(op, ast.NotEq):
            return _each(lambda x, y: 1 - self.same(x - y), _objects(a), _objects(b))
        larger = isinstance(op, (ast.Gt, ast.GtE))
        left, right = (_objects(a), _objects(b)) if larger else (_objects(b), _objects(a))
        return _each(lambda x, y: self.step(x - y), left, right)

    def step(self, x: Any) -> Any:
        """Return an atom that is 1 where ``x`` is positive and 0 elsewhere."""
        x = normal(x)
        if x.is_number:
            return sp.Integer(int(bool(x > 0)))
        lead = sp.Poly(sp.fraction(sp.together(x))[0]).coeffs()[0]
        if lead.is_number and lead < 0:  # one atom for x and -x
            return 1 - self.step(-x)
        found = self._atom("step", x)
        self.switches.add(found)
        return found

    def same(self, x: Any) -> Any:
        """Return an atom that is 1 where ``x`` is zero and 0 elsewhere."""
        x = normal(x)
        if x.is_number:
            return sp.Integer(int(x == 0))
        found = self._atom("same", x)
        self.switches.add(found)
        return found

    def _atom(self, word: str, *args: Any) -> sp.Symbol:
        return self.atoms.setdefault((word, *args), sp.Dummy(word))

    def exp(self, x: Any) -> Any:
        """Return the product of an atom for each term of ``x``."""
        found: Any = sp.Integer(1)
        for term in sp.Add.make_args(sp.expand(bounded(x))):
            factor, rest = term.as_coeff_Mul()
            if factor.is_Integer:
                found *= self._atom("exp", rest) ** factor
            else:
                whole, part = divmod(factor, 1)
                found *= self._atom("exp", rest) ** whole if whole else 1
                found *= self._atom("exp", rest * part)
        return found

    def call(self, name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        if not any(is_symbolic(x) for x in args):
            if name in ("zeros", "ones", "zeros_like", "ones_like", "full", "full_like", "eye"):
                return _objects(FUNCTIONS[name].on_numbers(*args, **keywords), exact)
            return super().call(name, args, keywords)
        row = FUNCTIONS[name]
        if row.elements:
            return self._elements(row.elements, args)
        return self._arranged(name, args, keywords)

    def _elements(self, word: str, args: Sequence[Any]) -> Any:
        function = getattr(self, f"_{word}", None) or _SIMPLE.get(word)
        if function is not None:
            return _each(function, *map(_objects, args))
        if word in ("sin", "cos", "log", "arctan"):
            return _each(lambda x: self._atom(word, normal(x)), _objects(args[0]))
        raise TooHard(f"{word} has no atoms")

    def _exp(self, x: Any) -> Any:
        return self.exp(x)

    def _expm1(self, x: Any) -> Any:
        return self.exp(x) - 1

    def _log1p(self, x: Any) -> Any:
        return self._atom("log", normal(1 + x))

    def _sigmoid(self, x: Any) -> Any:
        return self.exp(x) / (1 + self.exp(x))

    def _softplus(self, x: Any) -> Any:
        return self._atom("log", normal(1 + self.exp(x)))

    def _tanh(self, x: Any) -> Any:
        return (self.exp(2 * x) - 1) / (self.exp(2 * x) + 1)

    def _maximum(self, a: Any, b: Any) -> Any:
        return b + (a - b) * self.step(a - b)

    def _minimum(self, a: Any, b: Any) -> Any:
        return a + (b - a) * self.step(a - b)

    def _relu(self, a: Any) -> Any:
        return a * self.step(a)

    def _abs(self, a: Any) -> Any:
        return a * (2 * self.step(a) - 1)

    def _sign(self, a: Any) -> Any:
        return 2 * self.step(a) - 1

    def _where(self, c: Any, a: Any, b: Any) -> Any:
        c = c if isinstance(c, sp.Basic) else sp.Integer(int(c))
        return c * a + (1 - c) * b

    def _arranged(self, name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        args = [_objects(x) if is_symbolic(x) else x for x in args]
        if name in ("max", "amax"):
            return self._largest(args[0], **keywords)
        if name == "mean":
            total = np.sum(*args, **keywords)
            return total / sp.Integer(max(np.size(args[0]) // max(np.size(total), 1), 1))
        if name in ("softmax", "log_softmax", "logsumexp", "inv", "det", "solve", "norm", "var"):
            raise TooHard(f"{name} is not walked over symbols")
        if name in ("float", "copy", "array", "asarray"):
            return args[0].copy() if isinstance(args[0], np.ndarray) else _objects(args[0])
        return np.asarray(FUNCTIONS[name].on_numbers(*args, **keywords))[()]

    def _largest(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """Return an atom for the largest of each row, which cancels wherever it is a shift."""
        axes = tuple(range(x.ndim)) if axis is None else np.atleast_1d(axis) % x.ndim
        rest = [k for k in range(x.ndim) if k not in axes]
        rows = np.transpose(x, (*rest, *axes)).reshape(*[x.shape[k] for k in rest], -1)
        found = np.empty(rows.shape[:-1], object)
        for at in np.ndindex(found.shape):
            found[at] = self._atom("largest", *rows[at])
        return np.expand_dims(found, tuple(axes)) if keepdims else found[()]

    def method(self, name: str, owner: Any, args: Sequence[Any], keywords: Any) -> Any:
        if not is_symbolic(owner):
            return super().method(name, owner, args, keywords)
        if name in ("max", "mean"):
            settings = dict(zip(("axis",), args, strict=False)) | dict(keywords)
            return self._arranged(name, [owner], settings)
        if name == "astype":
            return owner
        return getattr(_objects(owner), name)(*args, **keywords)

    def truth(self, value: Any) -> bool:
        if is_symbolic(value):
            raise TooHard("a choice by a symbol")
        return bool(value)

    # --- equality

    def are_equal(self, a: Any, b: Any) -> bool:
        """Return whether two arrays of one shape are equal as polynomials in the atoms."""
        left, right = _objects(a), _objects(b)
        if left.shape != right.shape:
            return False
        pairs = zip(left.ravel(), right.ravel(), strict=True)
        return all(self._is_zero(exact(x) - exact(y)) for x, y in pairs)

    def _is_zero(self, difference: Any) -> bool:
        if difference == 0:
            return True
        above = sp.fraction(sp.together(bounded(difference)))[0]
        if _terms_when_expanded(above) > MOST_TERMS:
            raise TooHard("an element with too many terms")
        expanded = sp.expand(above)
        if expanded == 0:
            return True
        kinked = [x for x in expanded.free_symbols if x in self.switches]
        if not kinked:
            return False
        return bool(sp.expand(_once(sp.Poly(expanded, *kinked), kinked)) == 0)


def _once(poly: sp.Poly, atoms: Sequence[sp.Symbol]) -> Any:
    """Return the polynomial with the first power for each power of atoms that are 0 or 1."""
    found: Any = sp.Integer(0)
    for powers, factor in poly.terms():
        found += factor * sp.prod([x for x, k in zip(atoms, powers, strict=True) if k])
    return found


def _terms_when_expanded(x: Any) -> int:
    """Return a bound for the number of terms that an expression has when it is expanded."""
    if x.is_Add:
        return sum(_terms_when_expanded(part) for part in x.args)
    if x.is_Mul:
        found = 1
        for part in x.args:
            found *= _terms_when_expanded(part)
        return found
    if x.is_Pow and x.exp.is_Integer and x.exp.is_positive:
        return int(min(_terms_when_expanded(x.base) ** min(int(x.exp), 8), 10**9))
    return 1


def bounded(x: Any) -> Any:
    if x.count_ops() > MOST_OPERATIONS:
        raise TooHard("an element with too many operations")
    return x


def normal(x: Any) -> Any:
    """Return the normal form of a fraction of polynomials."""
    x = exact(x)
    if x.count_ops() > MOST_OPERATIONS // 3:
        raise TooHard("an argument with too many operations")
    return sp.cancel(x)


def exact(value: Any) -> Any:
    """Return a number as the fraction that its decimals say."""
    if isinstance(value, sp.Basic):
        return value
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return sp.Integer(int(value))
    return sp.Rational(repr(float(value)))


def is_symbolic(x: Any) -> bool:
    return (
        isinstance(x, sp.Basic)
        or (isinstance(x, np.ndarray) and x.dtype == object)
        or (isinstance(x, (list, tuple)) and any(is_symbolic(part) for part in x))
    )


def _is_float(x: Any) -> bool:
    return np.asarray(x).dtype.kind == "f"


def _objects(x: Any, convert: Callable[[Any], Any] | None = None) -> np.ndarray:
    found = np.asarray(x, object)
    if found.dtype != object or convert is None:
        convert = convert or exact
    flat = [convert(v) for v in found.ravel()]
    made = np.empty(len(flat), object)
    made[:] = flat
    return made.reshape(found.shape)


def _each(function: Callable[..., Any], *args: Any) -> Any:
    arrays = np.broadcast_arrays(*[np.asarray(x, object) for x in args])
    made = np.empty(arrays[0].shape, object)
    for at in np.ndindex(made.shape):
        made[at] = function(*[x[at] for x in arrays])
    return made[()]


_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}  # fmt: skip
_SIMPLE: dict[str, Callable[..., Any]] = {
    "square": lambda x: x * x, "negative": lambda x: -x, "reciprocal": lambda x: 1 / x,
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul,
    "divide": operator.truediv,
}  # fmt: skip
