"""A loss that is written as a formula: read by a whitelist, returned as NumPy text.

Given ``mean((y_hat - y)**2)``, returns ``np.mean((y_hat - y) ** 2)``.  Invariant: what is
returned consists of names, numbers and calls that are listed here, whatever was given.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
import warnings
from collections.abc import Collection
from dataclasses import dataclass

from symgrad.errors import SpecError, did_you_mean
from symgrad.spec.schema import LOSSES
from symgrad.spec.validation import shown

# `x**2` is written without spaces where both sides are a name or a number
POWER = re.compile(r"(?<![\w.)\]])([A-Za-z_][\w.]*|\d[\w.]*) \*\* (-?[\w.]+)(?![\w.(\[])")

MOST_NODES = 400
DEEPEST = 40
LARGEST_POWER = 50

NUMPY = frozenset({
    "abs", "clip", "cos", "cosh", "exp", "expm1", "hypot", "log", "log10", "log1p", "log2",
    "logaddexp", "max", "maximum", "mean", "min", "minimum", "sign", "sin", "sinh", "sqrt",
    "square", "std", "sum", "tan", "arctan", "tanh", "var", "where", "cumsum", "prod",
})  # fmt: skip
OURS = frozenset({
    "elu", "gelu", "relu", "leaky_relu", "sigmoid", "silu", "softmax", "softplus", "log_softmax",
    "l1", "l2", "elastic_net",
})  # fmt: skip
METHODS = frozenset({"max", "mean", "min", "prod", "std", "sum", "var"})
ATTRIBUTES = frozenset({"T", "shape", "size"})
CONSTANTS = frozenset({"pi", "e", "newaxis"})
KEYWORDS = frozenset({"axis", "keepdims"})
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.MatMult, ast.Mod)
COMPARISONS = (ast.Gt, ast.Lt, ast.GtE, ast.LtE, ast.Eq, ast.NotEq)
RESERVED = NUMPY | OURS | {"np", "numpy"}


@dataclass(frozen=True, slots=True)
class Formula:
    """NumPy text, the names of the model's that it reads, and the functions of ours it calls."""

    text: str
    reads: frozenset[str]
    calls: frozenset[str]


def read_formula(text: str, names: Collection[str], where: str = "`loss`") -> Formula:
    """Return the formula over ``names`` that ``text`` writes, or raise `SpecError`."""
    reader = _Reader(frozenset(names), where)
    tree = reader.rewritten(_parsed(text, where), 1)
    return Formula(
        POWER.sub(r"\1**\2", ast.unparse(tree)), frozenset(reader.reads), frozenset(reader.calls)
    )


def _parsed(text: str, where: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else "it is nested too deep"
        raise SpecError(
            f'{where} is "{shown(text)}": neither a loss\'s name nor a formula ({why})'
        ) from None


class _Reader:
    """Walks over a tree and builds another one from what it knows."""

    def __init__(self, names: frozenset[str], where: str):
        self.names, self.where, self.count = names, where, 0
        self.reads: set[str] = set()
        self.calls: set[str] = set()

    def refused(self, what: str, cure: str) -> SpecError:
        return SpecError(f"{self.where}: {what}: {cure}")

    def rewritten(self, node: ast.expr, depth: int) -> ast.expr:
        self.count += 1
        if self.count > MOST_NODES or depth > DEEPEST:
            raise self.refused("the formula is too long", 'write a function, `model = "FILE.py:f"`')

        def part(inner: ast.expr) -> ast.expr:
            return self.rewritten(inner, depth + 1)

        match node:
            case ast.Constant(value=bool() | int() | float() as value) if abs(value) < 1e300:
                return ast.Constant(value)
            case ast.Name(id=name):
                return self.name(name)
            case ast.BinOp(left=left, op=ast.Pow(), right=right) if not _is_modest(left, right):
                raise self.refused("a power of numbers that is too large", "write out its value")
            case ast.BinOp(op=ast.BitXor()):
                raise self.refused("`^` is no power in Python", "write `**`")
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, OPERATORS):
                return ast.BinOp(part(left), op, part(right))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                return ast.UnaryOp(op, part(operand))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if isinstance(
                op, COMPARISONS
            ):
                return ast.Compare(part(left), [op], [part(right)])
            case ast.Subscript(value=value, slice=index):
                return ast.Subscript(part(value), self.index(index, depth + 1), ast.Load())
            case ast.Attribute():
                return self.attribute(node, depth)
            case ast.Call():
                return self.call(node, depth)
        raise self.refused(
            f"`{shown(ast.unparse(node))}` is no part of a formula",
            "write numbers, names, + - * / ** @, comparisons, indices and calls of functions",
        )

    def name(self, name: str) -> ast.expr:
        if name in self.names:
            self.reads.add(name)
            return ast.Name(name, ast.Load())
        if name in CONSTANTS:
            return _numpy(name)
        close = did_you_mean(name, self.names)
        raise self.refused(f"`{shown(name)}` is unknown{close}", f"it may read {_list(self.names)}")

    def index(self, node: ast.expr, depth: int) -> ast.expr:
        if isinstance(node, ast.Tuple):
            return ast.Tuple([self.index(each, depth + 1) for each in node.elts], ast.Load())
        if isinstance(node, ast.Slice):
            bounds = (node.lower, node.upper, node.step)
            ends = [None if end is None else self.rewritten(end, depth + 1) for end in bounds]
            return ast.Slice(*ends)
        if isinstance(node, ast.Constant) and (node.value is None or node.value is Ellipsis):
            return ast.Constant(node.value)
        return self.rewritten(node, depth)

    def attribute(self, node: ast.Attribute, depth: int) -> ast.expr:
        if _is_numpy(node.value) and node.attr in CONSTANTS:
            return _numpy(node.attr)
        if node.attr in ATTRIBUTES and not _is_numpy(node.value):
            return ast.Attribute(self.rewritten(node.value, depth + 1), node.attr, ast.Load())
        close = did_you_mean(node.attr, ATTRIBUTES | METHODS)
        raise self.refused(
            f"`.{shown(node.attr)}` is not allowed{close}", f"it may be {_list(ATTRIBUTES)}"
        )

    def call(self, node: ast.Call, depth: int) -> ast.expr:
        called = self.called(node.func, depth)
        if any(isinstance(each, ast.Starred) for each in node.args):
            raise self.refused("`*` in a call is not allowed", "write out the arguments")
        args = [self.rewritten(each, depth + 1) for each in node.args]
        return ast.Call(called, args, [self.keyword(each, depth) for each in node.keywords])

    def keyword(self, word: ast.keyword, depth: int) -> ast.keyword:
        if word.arg not in KEYWORDS:
            name = shown(word.arg or "**")
            raise self.refused(f"the argument `{name}` is not allowed", "axis and keepdims are")
        return ast.keyword(word.arg, self.rewritten(word.value, depth + 1))

    def called(self, function: ast.expr, depth: int) -> ast.expr:
        """Return the function that a call names: ``mean``, ``np.mean`` or ``(...).mean``."""
        name = getattr(function, "attr", getattr(function, "id", ""))
        is_bare = isinstance(function, ast.Name)
        of_numpy = isinstance(function, ast.Attribute) and _is_numpy(function.value)
        if (is_bare or of_numpy) and name in NUMPY:
            return _numpy(name)
        if is_bare and name in OURS:
            self.calls.add(name)
            return ast.Name(name, ast.Load())
        if isinstance(function, ast.Attribute) and not of_numpy and name in METHODS:
            return ast.Attribute(self.rewritten(function.value, depth + 1), name, ast.Load())
        if name in LOSSES:
            raise self.refused(f"`{name}` is a loss by name", f'take it alone: loss = "{name}"')
        known = NUMPY | OURS
        written = shown(ast.unparse(function))
        raise self.refused(
            f"`{written}` is no function of formulas{did_you_mean(name, known)}",
            f"there are {_list(known)}",
        )


def _is_modest(base: ast.expr, exponent: ast.expr) -> bool:
    """Return whether a power of numbers, which Python works out exactly, is a short number."""
    if any(isinstance(node, ast.Name) for side in (base, exponent) for node in ast.walk(side)):
        return True
    match base, exponent:
        case ast.Constant(value=int() | float() as a), ast.Constant(value=int() | float() as b):
            return abs(a) <= 1e6 and abs(b) <= LARGEST_POWER
    return False


def _is_numpy(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy")


def _numpy(name: str) -> ast.expr:
    return ast.Attribute(ast.Name("np", ast.Load()), name, ast.Load())


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names, key=lambda name: (name.lower(), name)))


def is_free_name(name: str) -> bool:
    """Return whether a parameter may bear a name, which then stands in the model's text."""
    is_plain = name.isidentifier() and unicodedata.normalize("NFKC", name) == name
    return is_plain and not keyword.iskeyword(name) and name not in RESERVED
