"""What mathematics writes and NumPy has no word for: products by shape, sums over an index.

Given a call that the LaTeX reader left in a formula, return its value; or return the claim with
every product as the ``*`` or ``@`` that its shapes make it.  Invariant: an index is a position,
and runs over the whole axis that it picks from.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.errors import ClaimError
from symgrad.study.judge.claims import Line, Loop, Statement

if TYPE_CHECKING:
    from symgrad.study.judge.interpreter import Interpreter

CALLS = frozenset({"product", "inverse", "derivative", "local", "total", "each"})


def value_of(call: str, args: Sequence[ast.expr], walker: Interpreter) -> Any:
    """Return the value of one of `CALLS`."""
    if call == "product":
        return product(walker.value(args[0]), walker.value(args[1]), walker)
    if call == "inverse":
        return inverse(walker.value(args[0]), walker)
    if call == "derivative":
        return derivative(args[0], walker.value(args[1]), walker)
    if call == "local":
        return local(args[0], args[1], walker)
    return _over_indices(call, args, walker)


def product(a: Any, b: Any, walker: Interpreter) -> Any:
    """Return the product that the shapes allow: a number times anything, or the matrix product."""
    return walker.binary(ast.Mult() if is_scaling(a, b) else ast.MatMult(), a, b)


def is_scaling(a: Any, b: Any) -> bool:
    """Return whether a product has a number as a factor, also one that is a matrix of one."""
    left, right = np.shape(a), np.shape(b)
    if not left or not right:
        return True
    fits = left[-1] == right[-2 if len(right) > 1 else 0]
    return not fits and 1 in (np.size(a), np.size(b))


def inverse(a: Any, walker: Interpreter) -> Any:
    if np.ndim(a) == 2 and np.size(a) > 1:
        return walker.applied("inv", [a])
    return walker.binary(ast.Div(), 1, a)


SLOPES: Mapping[str, str] = {  # the derivative of a function at z
    "sin": "cos(z)", "cos": "-sin(z)", "exp": "exp(z)", "log": "1 / z",
    "tanh": "1 - tanh(z)**2", "sigmoid": "sigmoid(z) * (1 - sigmoid(z))", "relu": "(z > 0) * 1.0",
    "sqrt": "0.5 / sqrt(z)", "abs": "sign(z)", "softplus": "sigmoid(z)", "square": "2 * z",
}  # fmt: skip


def derivative(function: ast.expr, z: Any, walker: Interpreter) -> Any:
    """Return ``f'(z)`` of a function that has a name in every book."""
    word = ast.unparse(function).removeprefix("np.")
    if word not in SLOPES:
        raise ClaimError(
            f"the derivative of `{word}` is not known: write it out, or use one of "
            f"{', '.join(SLOPES)}"
        )
    return walker.within({"z": z}).value(ast.parse(SLOPES[word], mode="eval").body)


def local(q: ast.expr, x: ast.expr, walker: Interpreter) -> Any:
    """Return the local derivative of one value of the function by another."""
    of, by = ast.unparse(q), x
    while isinstance(by, ast.Subscript):
        by = by.value
    word = f"∂{of}/∂{ast.unparse(by)}"
    if word not in walker.ground:
        raise ClaimError(
            f"the local derivative of `{of}` by `{ast.unparse(by)}` is no number or array that "
            "the function has: write it out"
        )
    return walker.ground[word]


def _over_indices(call: str, args: Sequence[ast.expr], walker: Interpreter) -> Any:
    body = args[-1]
    if call == "total":
        index, low, high = ast.unparse(args[0]), args[1], args[2]
        if _is_none(low) or _is_none(high):
            count = _length(index, body, walker)
        else:
            count = operator.index(walker.value(high)) - operator.index(walker.value(low)) + 1
        total: Any = 0
        for k in range(count):
            part = walker.within({index: k}, walker).value(body)
            total = walker.binary(ast.Add(), total, part)
        return total
    indices = [ast.unparse(x) for x in args[:-1]]
    sizes = [_length(index, body, walker) for index in indices]
    found = np.empty(sizes, object)
    for at in np.ndindex(*sizes):
        found[at] = walker.within(dict(zip(indices, at, strict=True)), walker).value(body)
    parts = np.array([np.asarray(x) for x in found.ravel()])
    return parts.reshape(*sizes, *parts.shape[1:])


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _length(index: str, body: ast.expr, walker: Interpreter) -> int:
    """Return the length of the axis that an index picks from."""
    for node in ast.walk(body):
        if not isinstance(node, ast.Subscript):
            continue
        entries = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for axis, entry in enumerate(entries):
            if isinstance(entry, ast.Name) and entry.id == index:
                shape = np.shape(walker.value(node.value))
                if axis < len(shape):
                    return int(shape[axis])
    raise ClaimError(f"what the index `{index}` runs over is unclear: nothing has it as an index")


# --- products as NumPy writes them -------------------------------------------------------------


def lowered(statements: Sequence[Statement], walker: Interpreter) -> tuple[Statement, ...]:
    """Return statements with ``*`` or ``@`` for each product, by the shapes at one point."""
    found: list[Statement] = []
    for s in statements:
        if isinstance(s, Line):
            s = replace(s, formula=_lowered(s.formula, walker))
            walker.run([s])
        elif isinstance(s, Loop):
            raise ClaimError("mathematics has no loops")
        found.append(s)
    return tuple(found)


def _lowered(node: ast.expr, walker: Interpreter) -> ast.expr:
    class Lowering(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            word = node.func.id if isinstance(node.func, ast.Name) else ""
            if word in CALLS - {"product", "inverse"}:
                return node  # its indices have no value out here
            self.generic_visit(node)
            if word == "inverse":
                return self._inverse(node)
            if word != "product":
                return node
            a, b = (walker.seen(x) for x in node.args)
            is_product = a is not None and b is not None and is_scaling(a, b)
            op = ast.Mult() if is_product else ast.MatMult()
            return ast.BinOp(node.args[0], op, node.args[1])

        def _inverse(self, node: ast.Call) -> ast.AST:
            a = walker.seen(node.args[0])
            if np.ndim(a) == 2 and np.size(a) > 1:
                inv = ast.Attribute(ast.Attribute(ast.Name("np"), "linalg"), "inv")
                return ast.Call(inv, node.args, [])
            return ast.BinOp(ast.Constant(1), ast.Div(), node.args[0])

    import copy

    return Lowering().visit(copy.deepcopy(node))  # type: ignore[no-any-return]
