"""A formula that is the mean of a term for each example, with weights put in.

Given ``mean((y_hat - y)**2)``, returns ``mean(weights @ (y_hat - y)**2) / sum(weights)``.
Invariant: where it is not plain that the terms are those of examples, there is no answer.
"""

from __future__ import annotations

import ast

# Each gives a number for each of the numbers it takes, or a row for each row.
BY_EXAMPLE = frozenset({
    "abs", "clip", "cos", "cosh", "exp", "expm1", "hypot", "log", "log10", "log1p", "log2",
    "logaddexp", "maximum", "minimum", "sign", "sin", "sinh", "sqrt", "square", "tan", "arctan",
    "tanh", "where", "elu", "gelu", "relu", "leaky_relu", "sigmoid", "silu", "softmax", "softplus",
    "log_softmax",
})  # fmt: skip
ALONG_ROWS = frozenset({"sum", "mean", "max", "min"})
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)


def weighted(formula: str) -> str | None:
    """Return the formula with each example counted by ``weights``, None if that is not plain."""
    try:
        tree = ast.parse(formula.strip(), mode="eval").body
        found = _weighted(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # the spec says what is wrong with it
    return None if found is None else ast.unparse(found)


def _weighted(node: ast.expr) -> ast.expr | None:
    """Return a mean, or a number times one, with weights."""
    match node:
        case ast.Call(args=[terms], keywords=[]) if _name(node) == "mean" and _reads(terms):
            return _mean(terms) if _is_by_example(terms) else None
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
            inner = _weighted(operand)
            return None if inner is None else ast.UnaryOp(op, inner)
        case ast.BinOp(left=left, op=ast.Mult() as op, right=right) if _is_number(left):
            inner = _weighted(right)
            return None if inner is None else ast.BinOp(left, op, inner)
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
            inner = _weighted(left) if _is_number(right) else None
            return None if inner is None else ast.BinOp(inner, op, right)
    return None


def _mean(terms: ast.expr) -> ast.expr:
    """Return the weighted mean of numbers (n,), or of rows (n, k)."""
    weights = ast.Name("weights", ast.Load())
    sums = ast.BinOp(weights, ast.MatMult(), terms)
    return ast.BinOp(_call("mean", sums), ast.Div(), _call("sum", weights))


def _call(name: str, argument: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), [argument], [])


def _is_by_example(node: ast.expr) -> bool:
    """Return whether the first axis of a term is the examples, and none mixes with another."""
    match node:
        case ast.Name(id=name):
            return name in ("y_hat", "y")
        case ast.Constant():
            return True
        case ast.BinOp(left=left, op=op, right=right):
            return isinstance(op, OPERATORS) and _is_by_example(left) and _is_by_example(right)
        case ast.UnaryOp(operand=operand):
            return _is_by_example(operand)
        case ast.Compare(left=left, comparators=[right]):
            return _is_by_example(left) and _is_by_example(right)
        case ast.Call(args=args, keywords=keywords):
            return all(map(_is_by_example, args)) and _stays_by_example(_name(node), keywords)
    return False


def _stays_by_example(name: str, keywords: list[ast.keyword]) -> bool:
    if name in ALONG_ROWS:
        return [(each.arg, ast.unparse(each.value)) for each in keywords][:1] == [("axis", "1")]
    return name in BY_EXAMPLE and not keywords


def _reads(node: ast.expr) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "y_hat" for each in ast.walk(node))


def _name(node: ast.Call) -> str:
    """Return what a call calls: ``mean``, or ``np.mean`` as well."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="np"), attr=name):
            return name
    return ""


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)
