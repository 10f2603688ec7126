"""Local derivatives by SymPy: ``math`` of an elementwise op in, a program of ops out.

Each derivative is found once per op and operand over canonical real symbols and kept.
Invariant: a derivative that holds a head no row computes is refused, never approximated.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import sympy as sp

from symgrad.errors import MissingRuleError
from symgrad.graph import OPS, Op, Value
from symgrad.ops.table import ZERO, op

REFUSED = (sp.Derivative, sp.Subs, sp.DiracDelta, sp.Heaviside)


def canonical_symbols(count: int) -> tuple[sp.Symbol, ...]:
    return tuple(sp.Symbol(f"x{i}", real=True) for i in range(count))


@functools.cache
def derivative(row: type[Op], i: int, arity: int) -> sp.Expr:
    """Return d math / d operand ``i`` as SymPy finds it."""
    xs = canonical_symbols(arity)
    found = row.facts.math(*xs).diff(xs[i])
    if found.has(*REFUSED):
        raise MissingRuleError(f"SymPy has no plain derivative of {row.name}: {found}")
    return found


@functools.cache
def _heads() -> dict[Any, str]:
    """Return which op computes which SymPy function."""
    heads: dict[Any, str] = {}
    for name, row in OPS.items():
        if isinstance(row.facts.math, sp.FunctionClass):
            heads.setdefault(row.facts.math, name)
    return heads


def partial(row: type[Op], i: int) -> Callable[..., Any]:
    """Return the local derivative as a function ``(y, *xs)`` of values."""

    def apply(y: Value, *xs: Value) -> Any:
        found = derivative(row, i, len(xs))  # type: ignore[arg-type]
        if found == 0:
            return ZERO
        return _build(found, dict(zip(canonical_symbols(len(xs)), xs, strict=True)))

    return apply


def _build(expr: sp.Expr, env: dict[sp.Symbol, Any]) -> Any:
    # The expressions are derivatives of single functions: a handful of nodes, so recursion is safe.
    if expr.is_Symbol:
        return env[expr]
    if expr.is_Integer:
        return int(expr)
    if expr.is_number:
        return float(expr)
    if expr.is_Add:
        positive = sorted(expr.as_ordered_terms(), key=lambda t: t.could_extract_minus_sign())
        total = _build(positive[0], env)
        for term in positive[1:]:
            if term.could_extract_minus_sign():
                total = total - _build(-term, env)
            else:
                total = total + _build(term, env)
        return total
    if expr.is_Mul:
        return _build_product(expr, env)
    if expr.is_Pow:
        base, exponent = expr.args
        return _build_power(base, exponent, env)
    name = _heads().get(expr.func)
    if name is None:
        raise MissingRuleError(f"no op computes {expr.func.__name__}, needed for {expr}")
    return getattr(op, name)(*[_build(arg, env) for arg in expr.args])


def _build_product(expr: sp.Expr, env: dict[sp.Symbol, Any]) -> Any:
    if expr.could_extract_minus_sign():
        return -_build(-expr, env)
    above, below = sp.fraction(expr)
    if below != 1:
        return _build(above, env) / _build(below, env)
    factors = [_build(factor, env) for factor in expr.as_ordered_factors()]
    total = factors[0]
    for factor in factors[1:]:
        total = total * factor
    return total


def _build_power(base: sp.Expr, exponent: sp.Expr, env: dict[sp.Symbol, Any]) -> Any:
    if exponent.could_extract_minus_sign():
        return 1 / _build(base**-exponent, env)
    if exponent == sp.Rational(1, 2):
        return op.sqrt(_build(base, env))
    if exponent == 2:
        return op.square(_build(base, env))
    return op.power(_build(base, env), _build(exponent, env))
