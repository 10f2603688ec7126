"""The mistakes that people make, each as the smallest edit of a formula that takes it back.

Given a formula and what its names mean, yield edited formulas with the name of the mistake.
Invariant: an edit builds new nodes and changes none, and proposes only what `language` admits.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.study.judge.interpreter import Failed, Interpreter
from symgrad.study.judge.language import FUNCTIONS, NOT_NUMPY, NUMPY, function_name

SIGN = "sign"
FACTOR = "factor 2"
NUMBER = "wrong number"
MISSING_N = "missing 1/n"
EXTRA_N = "extra 1/n"
SUM = "missing sum over the batch"
WRONG_SUM = "sum over the wrong axis"
TRANSPOSED = "transposed operand"
ORDER = "wrong order of product"
REGULARISER = "forgotten regulariser"
TERM = "missing term"
ARGUMENT = "activation derivative at the wrong argument"
ACTIVATION = "missing activation derivative"
LABEL = "off-by-one label"
COLUMN = "(n,) against (n, 1)"
ELEMENTWISE = "element-wise for matrix product"
MATRIX = "matrix product for element-wise"
OPERAND = "wrong operand"
MISSING_FACTOR = "missing factor"
EXTRA_FACTOR = "extra factor"
EXTRA_TERM = "extra term"
POWER = "wrong power"
FUNCTION = "wrong function"
COMPARISON = "wrong comparison"

KINDS = (
    SIGN, FACTOR, MISSING_N, EXTRA_N, SUM, WRONG_SUM, TRANSPOSED, ORDER, REGULARISER, TERM,
    ARGUMENT, ACTIVATION, LABEL, COLUMN, ELEMENTWISE, MATRIX, OPERAND, MISSING_FACTOR,
    EXTRA_FACTOR, EXTRA_TERM, POWER, FUNCTION, COMPARISON, NUMBER,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Edit:
    """One node of a formula replaced: the whole new formula, and the two nodes.

    A lower ``rank`` is the likelier reading of the two where both would repair the claim.
    """

    kind: str
    rank: int
    formula: ast.expr
    old: ast.expr
    new: ast.expr
    depth: int = 0


@dataclass(slots=True)
class Scope:
    """What an edit may speak of: values by name, and the names that stand for hidden truths.

    ``sizes`` are names of sizes, ``slopes`` map the hidden name of a local derivative to the name
    of the function's result, ``terms`` are the hidden gradients of terms (true for a regulariser).
    """

    interpreter: Interpreter
    names: Sequence[str]
    sizes: Sequence[str]
    slopes: Mapping[str, str] = field(default_factory=dict)
    terms: Mapping[str, bool] = field(default_factory=dict)
    related: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def shape(self, node: ast.expr) -> tuple[int, ...] | None:
        value = self.value(node)
        if value is None or isinstance(value, (str, tuple, list)):
            return None
        return tuple(np.shape(value))

    def value(self, node: ast.expr) -> Any:
        try:
            with np.errstate(all="ignore"):
                return self.interpreter.value(node)
        except Failed:
            return None

    def is_label(self, node: ast.expr) -> bool:
        value = self.value(node)
        return isinstance(value, np.ndarray) and value.dtype.kind in "iu"


def name(word: str) -> ast.Name:
    return ast.Name(word)


def number(value: float) -> ast.Constant:
    return ast.Constant(value)


def binary(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.BinOp:
    return ast.BinOp(left, op, right)


def method(owner: ast.expr, word: str, **settings: Any) -> ast.Call:
    keywords = [ast.keyword(k, ast.Constant(v)) for k, v in settings.items()]
    return ast.Call(ast.Attribute(owner, word), [], keywords)


def negated(node: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), node)


def transposed(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    return ast.Attribute(node, "T")


def column(node: ast.expr) -> ast.expr:
    return ast.Subscript(node, ast.Tuple([ast.Slice(), ast.Constant(None)]))


def changed(node: ast.expr, **fields: Any) -> ast.expr:
    """Return a copy of the node with other children."""
    new = copy.copy(node)
    for key, value in fields.items():
        setattr(new, key, value)
    return new


# --- walking -----------------------------------------------------------------------------------


def children(node: ast.expr) -> Iterator[tuple[ast.expr, Callable[[ast.expr], ast.expr]]]:
    """Return each operand with what puts another in its place; indices and settings are none."""
    match node:
        case ast.BinOp():
            yield node.left, lambda new: changed(node, left=new)
            yield node.right, lambda new: changed(node, right=new)
        case ast.UnaryOp():
            yield node.operand, lambda new: changed(node, operand=new)
        case ast.Compare():
            yield node.left, lambda new: changed(node, left=new)
            yield node.comparators[0], lambda new: changed(node, comparators=[new])
        case ast.IfExp():
            yield node.body, lambda new: changed(node, body=new)
            yield node.orelse, lambda new: changed(node, orelse=new)
        case ast.Attribute() if node.attr == "T":
            yield node.value, lambda new: changed(node, value=new)
        case ast.Subscript():
            if not (isinstance(node.value, ast.Attribute) and node.value.attr == "shape"):
                yield node.value, lambda new: changed(node, value=new)
        case ast.Call():
            yield from _arguments(node)


def _arguments(node: ast.Call) -> Iterator[tuple[ast.expr, Callable[[ast.expr], ast.expr]]]:
    known = function_name(node.func)
    if known is None and isinstance(node.func, ast.Attribute):
        called = node.func
        yield called.value, lambda new: changed(node, func=changed(called, value=new))
    for k, argument in enumerate(node.args):
        is_setting = isinstance(argument, (ast.Constant, ast.Tuple)) or known in ("zeros", "eye")
        if not is_setting:
            yield (
                argument,
                lambda new, k=k: changed(  # type: ignore[misc]
                    node, args=[*node.args[:k], new, *node.args[k + 1 :]]
                ),
            )


def indices(node: ast.expr) -> Iterator[tuple[ast.expr, Callable[[ast.expr], ast.expr]]]:
    """Return each array that a subscript picks by, or an argument that picks."""
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Tuple):
            entries = node.slice.elts
            for k, entry in enumerate(entries):
                if not isinstance(entry, (ast.Slice, ast.Constant)):
                    yield (
                        entry,
                        lambda new, k=k: changed(  # type: ignore[misc]
                            node, slice=ast.Tuple([*entries[:k], new, *entries[k + 1 :]])
                        ),
                    )
        elif not isinstance(node.slice, (ast.Slice, ast.Constant)):
            yield node.slice, lambda new: changed(node, slice=new)


def edits(formula: ast.expr, scope: Scope) -> Iterator[Edit]:
    """Return every edit of one node of the formula."""
    yield from _edits(formula, scope, 0)


def target_edits(target: ast.expr, scope: Scope) -> Iterator[Edit]:
    """Return every edit of the labels in ``p[np.arange(n), y]`` on the left of a line."""
    for entry, put in indices(target):
        for edit in _label_edits(entry, scope, 1):
            yield Edit(edit.kind, edit.rank, put(edit.formula), edit.old, edit.new, edit.depth)


LATER = frozenset({SIGN, FACTOR, MISSING_N, EXTRA_N, ACTIVATION, MISSING_FACTOR, SUM})


def later_edits(word: str, scope: Scope) -> Iterator[Edit]:
    """Return what a forgotten line ``word = ...`` may have done to a value."""
    node = name(word)
    for kind, rank, new in here(node, scope, 1):
        if kind in LATER and isinstance(new, (ast.BinOp, ast.UnaryOp, ast.Call)):
            yield Edit(kind, rank, new, node, new, 1)


def _edits(node: ast.expr, scope: Scope, depth: int) -> Iterator[Edit]:
    for kind, rank, new in here(node, scope, depth):
        yield Edit(kind, rank, new, node, new, depth)
    is_turned = isinstance(node, ast.Attribute) and node.attr == "T"
    for child, put in children(node):
        for edit in _edits(child, scope, depth + 1):
            if is_turned and edit.kind == TRANSPOSED and edit.old is child:
                continue  # x.T.T is said by leaving out the first
            yield Edit(edit.kind, edit.rank, put(edit.formula), edit.old, edit.new, edit.depth)
    for entry, put in indices(node):
        for edit in _label_edits(entry, scope, depth + 1):
            yield Edit(edit.kind, edit.rank, put(edit.formula), edit.old, edit.new, edit.depth)


Found = Iterator[tuple[str, int, ast.expr]]


def here(node: ast.expr, scope: Scope, depth: int) -> Found:
    """Return what this node itself may have been meant to be."""
    if isinstance(node, ast.Constant):
        yield from _numbers(node)
        if node.value == 1:
            yield from ((ACTIVATION, 43, name(slope)) for slope in scope.slopes)
        return
    shape = scope.shape(node)
    yield from _signs(node)
    yield from _factors(node)
    yield from _sizes(node, scope, shape)
    yield from _sums(node, shape)
    yield from _layouts(node, shape, scope)
    yield from _products(node, scope)
    yield from _activations(node, scope, shape)
    yield from _labels(node, scope)
    yield from _operands(node, scope, shape)
    yield from _functions(node)
    if depth == 0:
        for term, is_regulariser in scope.terms.items():
            kind = REGULARISER if is_regulariser else TERM
            yield kind, 12 if is_regulariser else 45, binary(node, ast.Add(), name(term))


def _signs(node: ast.expr) -> Found:
    match node:
        case ast.UnaryOp(op=ast.USub()):
            yield SIGN, 10, node.operand
        case ast.BinOp(op=ast.Add()):
            yield SIGN, 10, changed(node, op=ast.Sub())
        case ast.BinOp(op=ast.Sub()):
            yield SIGN, 9, changed(node, left=node.right, right=node.left)
            yield SIGN, 10, changed(node, op=ast.Add())
    yield SIGN, 11, negated(node)


def _factors(node: ast.expr) -> Found:
    match node:
        case ast.BinOp(left=ast.Constant(value=(int() | float()) as c), op=ast.Mult()):
            yield _of_number(c), 14, node.right
        case ast.BinOp(right=ast.Constant(value=(int() | float()) as c), op=ast.Div() | ast.Mult()):
            yield _of_number(c), 14, node.left
        case ast.BinOp(right=ast.Constant(value=(int() | float()) as c), op=ast.Pow()):
            for other in others(c, (c - 1, c + 1, 1, 2, 0.5, -1)):
                new = node.left if other == 1 else changed(node, right=number(other))
                yield POWER, 32, new
            yield FACTOR if c == 2 else POWER, 33, binary(number(c), ast.Mult(), node.left)
    yield FACTOR, 15, binary(number(2), ast.Mult(), node)
    yield FACTOR, 15, binary(node, ast.Div(), number(2))
    yield FACTOR, 48, binary(number(4), ast.Mult(), node)
    yield FACTOR, 48, binary(node, ast.Div(), number(4))
    if isinstance(node, (ast.Name, ast.Call)):
        yield POWER, 34, binary(node, ast.Pow(), number(2))


def others(c: float, numbers: Sequence[float]) -> list[float]:
    """Return the numbers besides ``c``, each once, in their order."""
    return [number for number in dict.fromkeys(numbers) if number != c]


def _of_number(c: float) -> str:
    if c == -1:
        return SIGN
    return FACTOR if abs(c) in (2, 0.5, 4, 0.25) else NUMBER


def _numbers(node: ast.Constant) -> Found:
    c = node.value
    if isinstance(c, bool) or not isinstance(c, (int, float)):
        return
    yield SIGN, 16, number(-c)
    for other in (2 * c, c / 2):
        yield FACTOR, 16, number(other)
    for other in others(c, (c + 1, c - 1, 1, 2, 3)):
        yield NUMBER, 60, number(other)


def _sizes(node: ast.expr, scope: Scope, shape: Any) -> Found:
    match node:
        case ast.BinOp(op=ast.Div()) if scope.shape(node.right) == ():
            if _is_size(node.right, scope):
                yield EXTRA_N, 18, node.left
                for size in scope.sizes:
                    yield MISSING_N, 42, changed(node, right=name(size))
            yield EXTRA_FACTOR, 52, node.left
        case ast.BinOp(op=ast.Mult()) if _is_size(node.left, scope):
            yield MISSING_N, 18, node.right
        case ast.BinOp(op=ast.Mult()) if _is_size(node.right, scope):
            yield MISSING_N, 18, node.left
        case ast.BinOp(op=ast.Add() | ast.Sub()) if _is_size(node.left, scope):
            yield NUMBER, 50, node.left  # n - 1 for n
    word = _summing(node)
    if word is not None:
        for other, kind in (("mean", MISSING_N), ("sum", EXTRA_N)):
            if word != other:
                yield kind, 17, renamed(node, other)
    if shape is None or not isinstance(node, (ast.BinOp, ast.Call, ast.Name, ast.UnaryOp)):
        return
    for k, size in enumerate(scope.sizes):
        yield MISSING_N, 19 + min(k, 3), binary(node, ast.Div(), name(size))
        yield EXTRA_N, 23 + min(k, 3), binary(node, ast.Mult(), name(size))


def _is_size(node: ast.expr, scope: Scope) -> bool:
    """Return whether a node is a number of examples: ``n``, ``len(y)``, ``X.shape[0]``."""
    if isinstance(node, ast.Constant):
        return False
    value = scope.value(node)
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        return False
    return not isinstance(node, ast.Name) or value in [scope.value(name(s)) for s in scope.sizes]


def _summing(node: ast.expr) -> str | None:
    """Return ``sum`` or ``mean`` where a node calls either."""
    if not isinstance(node, ast.Call):
        return None
    word = function_name(node.func)
    if word is None and isinstance(node.func, ast.Attribute):
        word = node.func.attr
    return word if word in ("sum", "mean") else None


def renamed(node: ast.expr, word: str) -> ast.expr:
    """Return the call with another function or method."""
    assert isinstance(node, ast.Call)
    called = node.func
    if isinstance(called, ast.Name) or word in NOT_NUMPY:
        return changed(node, func=name(word))
    return changed(node, func=changed(called, attr=word))


def _sums(node: ast.expr, shape: Any) -> Found:
    if _summing(node) is not None:
        yield from _axes(node)
        return
    if shape is None or isinstance(node, ast.Attribute):
        return
    if len(shape) >= 1:
        for axis in range(len(shape)):
            is_first = axis == 0
            yield SUM, 30 if is_first else 31, method(node, "sum", axis=axis)
        yield SUM, 30, method(node, "sum")
        yield SUM, 38, method(node, "mean", axis=0)
        yield SUM, 38, method(node, "mean")
    if len(shape) == 2:
        yield SUM, 39, method(node, "sum", axis=1, keepdims=True)


def _axes(node: ast.expr) -> Found:
    assert isinstance(node, ast.Call)
    has_owner = function_name(node.func) is None
    owner = node.func.value if has_owner else node.args[0]  # type: ignore[attr-defined]
    rest = [] if has_owner else node.args[:1]
    keepdims = [k for k in node.keywords if k.arg == "keepdims"]
    for axis in (0, 1, -1, None):
        mine = [] if axis is None else [ast.keyword("axis", ast.Constant(axis))]
        new = changed(node, args=rest, keywords=[*mine, *keepdims])
        if ast.dump(new) != ast.dump(node):
            yield WRONG_SUM, 22, new
    yield "sum that is not there", 40, owner


def _layouts(node: ast.expr, shape: Any, scope: Scope) -> Found:
    is_swapped = isinstance(node, ast.Attribute) and node.attr == "T"
    if is_swapped:
        yield TRANSPOSED, 26, node.value  # type: ignore[attr-defined]
    elif shape is not None and len(shape) >= 2:
        yield TRANSPOSED, 24, transposed(node)
    if shape is None:
        return
    match node:
        case ast.Subscript() if len(scope.shape(node.value) or shape) < len(shape):
            yield COLUMN, 16, node.value
        case ast.Call(func=ast.Attribute(attr="reshape", value=whole)):
            yield COLUMN, 16, whole
    if len(shape) == 1:
        yield COLUMN, 21, column(node)
        yield COLUMN, 22, ast.Subscript(node, ast.Tuple([ast.Constant(None), ast.Slice()]))
    if len(shape) == 2 and 1 in shape:
        yield COLUMN, 21, method(node, "ravel")


def _products(node: ast.expr, scope: Scope) -> Found:
    match node:
        case ast.BinOp(op=ast.MatMult()):
            a, b = node.left, node.right
            has_t = any(isinstance(x, ast.Attribute) and x.attr == "T" for x in (a, b))
            is_matrices = all(len(scope.shape(x) or ()) == 2 for x in (a, b))
            rank = 25 if has_t and (is_matrices or scope.shape(node) is None) else 28
            yield ORDER, rank, changed(node, left=b, right=a)
            yield ORDER, 36, changed(node, left=transposed(b), right=a)
            yield ORDER, 36, changed(node, left=b, right=transposed(a))
            yield ORDER, 37, changed(node, left=transposed(b), right=transposed(a))
            yield TRANSPOSED, 37, changed(node, left=transposed(a), right=transposed(b))
            yield MATRIX, 29, changed(node, op=ast.Mult())
            yield ELEMENTWISE, 35, _outer(a, b)
        case ast.BinOp(op=ast.Mult()):
            a, b = node.left, node.right
            shapes = [scope.shape(x) or () for x in (a, b)]
            rank = 13 if any(len(x) > 1 and 1 not in x for x in shapes) else 31
            yield ELEMENTWISE, rank, changed(node, op=ast.MatMult())
            yield ELEMENTWISE, rank + 2, binary(b, ast.MatMult(), a)
            if len(shapes[0]) == len(shapes[1]) == 1:
                yield ELEMENTWISE, 35, _outer(a, b)
                yield ELEMENTWISE, 35, _outer(b, a)
            for left, right in ((transposed(a), b), (a, transposed(b))):
                yield ELEMENTWISE, 37, binary(left, ast.MatMult(), right)
            yield EXTRA_FACTOR, 40 if _is_slope(b) else 52, a
            yield EXTRA_FACTOR, 40 if _is_slope(a) else 52, b
            match a:
                case ast.BinOp(left, ast.Mult(), p) if _is_slope(binary(p, ast.Mult(), b)):
                    yield EXTRA_FACTOR, 40, left
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            yield EXTRA_TERM, 54, node.left
            yield EXTRA_TERM, 55, node.right
        case ast.BinOp(op=ast.Div()):
            yield "product for quotient", 53, changed(node, op=ast.Mult())
        case ast.Call() if function_name(node.func) in ("outer", "dot", "matmul", "inner"):
            if len(node.args) == 2:
                a, b = node.args
                yield ORDER, 23, changed(node, args=[b, a])
                yield ELEMENTWISE, 35, binary(a, ast.MatMult(), b)
                yield ELEMENTWISE, 35, _outer(a, b)
                yield MATRIX, 29, binary(a, ast.Mult(), b)
        case ast.Call() if isinstance(node.func, ast.Attribute) and node.func.attr == "dot":
            a, b = node.func.value, node.args[0]
            swapped = changed(node, func=changed(node.func, value=b), args=[a])
            yield ORDER, 25, swapped


def _is_slope(node: ast.expr) -> bool:
    """Return whether a node is the derivative of a sigmoid or tanh: p * (1 - p), 1 - h**2."""
    match node:
        case ast.BinOp(p, ast.Mult(), ast.BinOp(ast.Constant(value=1), ast.Sub(), other)):
            return ast.dump(p) == ast.dump(other)
        case ast.BinOp(ast.Constant(value=1), ast.Sub(), ast.BinOp(op=ast.Pow()) as power):
            return ast.dump(power.right) == ast.dump(number(2))
    return False


def _outer(a: ast.expr, b: ast.expr) -> ast.expr:
    return ast.Call(ast.Attribute(name("np"), "outer"), [a, b], [])


def _activations(node: ast.expr, scope: Scope, shape: Any) -> Found:
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - set(NUMPY)
    if shape is not None and not isinstance(node, ast.Attribute):
        for slope in scope.slopes:
            if scope.shape(name(slope)) == shape:
                yield ACTIVATION, 43, binary(node, ast.Mult(), name(slope))
    if (argument := _argument(node)) is not None:
        read, put = argument
        taken = scope.shape(read)
        for other in sorted(scope.related):
            if scope.shape(name(other)) == taken and ast.unparse(read) != other:
                yield ARGUMENT, 31, put(name(other))
    if isinstance(node, ast.Name) and not scope.related.get(node.id):
        return
    for mine in sorted(used):
        for other in sorted(scope.related.get(mine, ())):
            if other not in used or not isinstance(node, ast.Name):
                yield ARGUMENT, 41, substituted(node, mine, name(other))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for slope in scope.slopes:  # the whole factor is a derivative, but not this one
            yield ARGUMENT, 47, changed(node, right=name(slope))
            yield ARGUMENT, 47, changed(node, left=name(slope))


def _argument(node: ast.expr) -> tuple[ast.expr, Callable[[ast.expr], ast.expr]] | None:
    """Return where an element-wise function or a comparison is taken, if a node is one."""
    match node:
        case ast.Compare():
            return node.left, lambda new: changed(node, left=new)
        case ast.Call(args=[only]) if (word := function_name(node.func)) is not None:
            is_elementwise = bool(FUNCTIONS[word].elements)
            return (only, lambda new: changed(node, args=[new])) if is_elementwise else None
    return None


def substituted(node: ast.expr, word: str, by: ast.expr) -> ast.expr:
    """Return the node with another expression for every use of a name."""
    if isinstance(node, ast.Name) and node.id == word:
        return by
    new = node
    for k, (child, _) in enumerate(list(children(node))):
        replaced = substituted(child, word, by)
        if replaced is not child:
            new = list(children(new))[k][1](replaced)
    return new


def _labels(node: ast.expr, scope: Scope) -> Found:
    if isinstance(node, (ast.Name, ast.BinOp, ast.Subscript)) and scope.is_label(node):
        yield from ((e.kind, e.rank, e.new) for e in _label_edits(node, scope, 0) if e.old is node)


def _label_edits(node: ast.expr, scope: Scope, depth: int) -> Iterator[Edit]:
    """Return edits of an array of labels: one more, one less, or as given."""

    def edit(new: ast.expr) -> Edit:
        return Edit(LABEL, 12, new, node, new, depth)

    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        if isinstance(node.right, ast.Constant):
            yield edit(node.left)
        if isinstance(node.left, ast.Constant):
            yield edit(node.right)
    if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
        yield edit(binary(node, ast.Sub(), number(1)))
        yield edit(binary(node, ast.Add(), number(1)))
        if isinstance(node, ast.Name):
            for word in scope.names:
                if word != node.id and scope.is_label(name(word)):
                    yield Edit(OPERAND, 44, name(word), node, name(word), depth)


def _operands(node: ast.expr, scope: Scope, shape: Any) -> Found:
    if isinstance(node, ast.Name):
        for word in scope.names:
            if word != node.id and scope.shape(name(word)) is not None:
                same = scope.shape(name(word)) == shape
                yield OPERAND, 44 if same else 49, name(word)
    if shape is None or not isinstance(node, (ast.BinOp, ast.Call, ast.Name, ast.UnaryOp)):
        return
    for word in scope.names:
        factor = scope.shape(name(word))
        if factor is not None and (factor in ((), shape) or len(factor) < len(shape)):
            yield MISSING_FACTOR, 46, binary(node, ast.Mult(), name(word))
            yield MISSING_FACTOR, 51, binary(node, ast.Div(), name(word))
            if factor == shape:
                yield TERM, 56, binary(node, ast.Add(), name(word))


SWAPS = {
    "sin": ("cos",), "cos": ("sin",), "sinh": ("cosh",), "cosh": ("sinh",), "tanh": ("sigmoid",),
    "sigmoid": ("tanh",), "exp": ("log",), "log": ("exp",), "maximum": ("minimum",),
    "minimum": ("maximum",), "abs": ("sign",), "sign": ("abs",), "max": ("min",), "min": ("max",),
}  # fmt: skip


def _functions(node: ast.expr) -> Found:
    match node:
        case ast.Call() if (word := function_name(node.func)) is not None:
            for other in SWAPS.get(word, ()):
                yield FUNCTION, 57, renamed(node, other)
            if len(node.args) == 1 and not node.keywords and word not in ("sum", "mean", "len"):
                yield FUNCTION, 58, node.args[0]
        case ast.Compare(ops=[op]):
            for flipped in _FLIPS.get(type(op), ()):
                yield COMPARISON, 8, changed(node, ops=[flipped()])


_FLIPS: dict[type, tuple[type, ...]] = {
    ast.Gt: (ast.Lt,), ast.GtE: (ast.LtE,), ast.Lt: (ast.Gt,), ast.LtE: (ast.GtE,),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
}  # fmt: skip
