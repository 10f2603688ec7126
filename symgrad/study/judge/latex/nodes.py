"""Make nodes of Python's expression trees that know the line and column of their LaTeX."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeVar

from symgrad.study.judge.latex.tokens import Token

_Node = TypeVar("_Node", bound=ast.expr)


def at(place: Token, node: _Node) -> _Node:
    """Return the node with the line and column that it comes from."""
    node.lineno, node.col_offset = place.line, place.column - 1
    node.end_lineno, node.end_col_offset = None, None
    return node


def name(place: Token, dotted: str) -> ast.expr:
    first, *rest = dotted.split(".")
    node: ast.expr = at(place, ast.Name(first, ast.Load()))
    for part in rest:
        node = at(place, ast.Attribute(node, part, ast.Load()))
    return node


def call(place: Token, function: str, *arguments: ast.expr) -> ast.expr:
    return at(place, ast.Call(name(place, function), list(arguments), []))


def constant(place: Token, value: float | str | None) -> ast.expr:
    return at(place, ast.Constant(value))


def binary(place: Token, left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
    return at(place, ast.BinOp(left, op, right))


def negative(place: Token, node: ast.expr) -> ast.expr:
    return at(place, ast.UnaryOp(ast.USub(), node))


def element(place: Token, node: ast.expr, indices: Sequence[ast.expr]) -> ast.expr:
    if not indices:
        return node
    [first, *rest] = indices
    where = at(place, ast.Tuple([first, *rest], ast.Load())) if rest else first
    return at(place, ast.Subscript(node, where, ast.Load()))


def indicator(place: Token, condition: ast.expr) -> ast.expr:
    """Return 1 where the condition holds, 0 elsewhere."""
    return call(place, "np.where", condition, constant(place, 1), constant(place, 0))
