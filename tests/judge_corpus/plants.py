"""Twelve kinds of mistakes, planted into right claims.

``plants(kind)`` gives the wrong claims of a kind.  A kind is a function that yields, for a claim
as a tree, pairs of an expression and what a student might write instead; each pair is one mistake.
What happens not to change the value is dropped.
"""

import ast
import copy
import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.judge_corpus import FORMULAS
from tests.judge_corpus.entry import Formula, N
from tests.judge_corpus.values import answers, evaluated, namespace, run, same

AT_MOST = 40  # wrong claims of a kind, spread over the formulas that admit it

Pairs = Iterator[tuple[ast.expr, ast.expr]]


@dataclass(frozen=True)
class Plant:
    """A claim with one mistake of ``kind``, in a line that defines ``target``."""

    kind: str
    formula: Formula
    claim: str
    line: int
    target: str


class Claim:
    """A right claim as a tree whose parts have values; the formula's own unless told."""

    def __init__(self, formula, text=None):
        self.formula = formula
        self.tree = ast.parse(text or formula.claim)
        self.names = run(text or formula.claim, namespace(formula))
        self.parents = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    def every(self, kind):
        return [node for node in ast.walk(self.tree) if isinstance(node, kind)]

    def products(self):
        """Return matrix products with their operands: ``A @ B`` and ``np.dot(A, B)``."""
        for node in self.every(ast.BinOp):
            if isinstance(node.op, ast.MatMult):
                yield node, node.left, node.right
        for node in self.every(ast.Call):
            if called(node) == "dot":
                yield node, *node.args

    def value(self, node):
        code = compile(ast.Expression(node), "<part>", "eval")
        return np.asarray(eval(code, dict(self.names)))

    def is_size(self, node):
        """Tell whether ``node`` is the number of examples."""
        return isinstance(node, ast.Name) and node.id in ("n", "m") and self.names[node.id] == N

    def ancestors(self, node):
        while node in self.parents:
            node = self.parents[node]
            yield node

    def replaced(self, old, new):
        """Return the text with ``new`` for ``old``."""
        return ast.unparse(copy.deepcopy(self.tree, {id(old): new}))

    def statement(self, node):
        """Return the number of the line of ``node`` and the name that it defines."""
        (line,) = (above for above in self.ancestors(node) if isinstance(above, ast.Assign))
        return self.tree.body.index(line) + 1, target(line)


def target(line):
    return ast.unparse(line.targets[0])


def called(node):
    """Return the name of the NumPy function or method of a call."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def binary(left, op, right):
    return ast.BinOp(left, op, right)


def expression(text):
    return ast.parse(text, mode="eval").body


def column(node):
    """Return ``node[:, None]``."""
    index = ast.Tuple([ast.Slice(), ast.Constant(None)], ast.Load())
    return ast.Subscript(node, index, ast.Load())


def without_keyword(call, name):
    kept = [keyword for keyword in call.keywords if keyword.arg != name]
    return ast.Call(call.func, call.args, kept)


def summed(call):
    """Return what ``np.sum(x)`` or ``x.sum()`` adds up, and its axis."""
    axis = [k.value.value for k in call.keywords if k.arg == "axis"]
    return (call.args[0] if call.args else call.func.value), (axis[0] if axis else None)


LINEAR = {"sum", "mean", "dot", "outer", "trace", "einsum"}


def is_factor(claim, node):
    """Tell whether a factor of ``node`` is a factor of its term of the gradient."""
    below = node
    for above in claim.ancestors(node):
        if isinstance(above, ast.Call) and called(above) not in LINEAR:
            return False
        if isinstance(above, ast.Subscript) and below is above.slice:
            return False
        if isinstance(above, ast.BinOp):
            if isinstance(above.op, ast.Pow) or (
                isinstance(above.op, ast.Div) and below is above.right
            ):
                return False
            other = above.right if below is above.left else above.left
            if isinstance(above.op, ast.Add | ast.Sub) and isinstance(other, ast.Constant):
                return False
        below = above
    return True


def in_index_or_power(claim, node):
    below = node
    for above in claim.ancestors(node):
        if isinstance(above, ast.Subscript) and below is above.slice:
            return True
        if isinstance(above, ast.BinOp) and isinstance(above.op, ast.Pow) and below is above.right:
            return True
        below = above
    return False


def answer_lines(claim):
    return [line for line in claim.tree.body if target(line) in claim.formula.answers]


def sign(claim) -> Pairs:
    """``p + y`` for ``p - y``, a minus forgotten, a whole answer with the wrong sign."""
    for node in claim.every(ast.BinOp):
        if isinstance(node.op, ast.Add | ast.Sub) and not in_index_or_power(claim, node):
            op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            yield node, binary(node.left, op, node.right)
    for node in claim.every(ast.UnaryOp):
        if isinstance(node.op, ast.USub) and not in_index_or_power(claim, node):
            yield node, node.operand
    for line in answer_lines(claim):
        yield line.value, ast.UnaryOp(ast.USub(), line.value)


def factor_2(claim) -> Pairs:
    """The 2 of a square forgotten, or not cancelled against a half."""
    for node in claim.every(ast.BinOp):
        if not is_factor(claim, node):
            continue
        left, right = (
            isinstance(x, ast.Constant) and x.value in (2, 0.5) for x in (node.left, node.right)
        )
        if isinstance(node.op, ast.Mult) and left:
            yield node, node.right
        elif isinstance(node.op, ast.Div) and left:
            yield node, binary(ast.Constant(1), ast.Div(), node.right)
        elif isinstance(node.op, ast.Mult | ast.Div) and right:
            yield node, node.left
    for line in answer_lines(claim):
        yield line.value, binary(ast.Constant(2), ast.Mult(), line.value)


def missing_mean(claim) -> Pairs:
    """A mean differentiated as a sum."""
    for node in claim.every(ast.BinOp):
        if not isinstance(node.op, ast.Div):
            continue
        if claim.is_size(node.right):
            yield node, node.left
        elif isinstance(node.right, ast.BinOp) and isinstance(node.right.op, ast.Mult):
            if claim.is_size(node.right.left):
                yield node, binary(node.left, ast.Div(), node.right.right)
            elif claim.is_size(node.right.right):
                yield node, binary(node.left, ast.Div(), node.right.left)
    for node in claim.every(ast.Call):
        if called(node) == "mean":
            operand, axis = summed(node)
            if claim.value(operand).shape[axis or 0] == N:
                func = ast.Attribute(node.func.value, "sum", ast.Load())
                yield node, ast.Call(func, node.args, node.keywords)


def missing_sum(claim) -> Pairs:
    """The gradient of a bias for every example, instead of for all."""
    for node in claim.every(ast.Call):
        if called(node) != "sum":
            continue
        operand, axis = summed(node)
        shape = claim.value(operand).shape
        square = len(shape) == 2 and shape[0] == shape[1]
        if (N in shape if axis is None else shape[axis] == N) and not square:
            yield node, operand


def transposed(claim) -> Pairs:
    """``X`` for ``X.T``, ``W.T`` for ``W``."""
    for node in claim.every(ast.Attribute):
        if node.attr == "T" and claim.value(node.value).ndim == 2:
            yield node, node.value
    for _, *operands in claim.products():
        for node in operands:
            if isinstance(node, ast.Name) and claim.value(node).ndim == 2:
                yield node, ast.Attribute(node, "T", ast.Load())


def order(claim) -> Pairs:
    """``B @ A`` for ``A @ B``, ``np.outer(b, a)`` for ``np.outer(a, b)``."""
    for node, left, right in claim.products():
        if claim.value(left).ndim == claim.value(right).ndim == 2:
            if isinstance(node, ast.BinOp):
                yield node, binary(right, node.op, left)
            else:
                yield node, ast.Call(node.func, [right, left], [])
    for node in claim.every(ast.Call):
        if called(node) == "outer":
            yield node, ast.Call(node.func, node.args[::-1], [])


def forgotten_regulariser(claim) -> Pairs:
    """No term of the penalty."""

    def penalises(node):
        return any(isinstance(x, ast.Name) and x.id == "lam" for x in ast.walk(node))

    for node in claim.every(ast.BinOp):
        if not isinstance(node.op, ast.Add | ast.Sub):
            continue
        if penalises(node.right) and not penalises(node.left):
            yield node, node.left


def slopes(claim):
    """Return each derivative of an activation in the tree, with its `Slope`."""
    for slope in claim.formula.slopes:
        wanted = ast.dump(expression(slope.text))
        for node in claim.every(ast.expr):
            if ast.dump(node) == wanted:
                yield node, slope


def wrong_argument(claim) -> Pairs:
    """``1 - z**2`` for ``1 - h**2``: the derivative of tanh in terms of its value."""
    for node, slope in slopes(claim):
        if slope.other:
            other = expression(slope.other)
            read = [x for x in ast.walk(node) if isinstance(x, ast.Name) and x.id == slope.argument]
            yield node, copy.deepcopy(node, {id(x): other for x in read})


def missing_slope(claim) -> Pairs:
    """Back through the activation as if it were the identity."""
    for node, _ in slopes(claim):
        above = claim.parents[node]
        if isinstance(above, ast.BinOp) and isinstance(above.op, ast.Mult):
            yield above, above.left if node is above.right else above.right


def off_by_one(claim) -> Pairs:
    """Labels counted from 1."""
    for subscript in claim.every(ast.Subscript):
        for node in ast.walk(subscript.slice):
            if isinstance(node, ast.Name) and node.id == "y":
                yield node, binary(node, ast.Sub(), ast.Constant(1))


def flat_or_column(claim) -> Pairs:
    """``(n,)`` where ``(n, 1)`` belongs, or the other way round."""
    for node in claim.every(ast.Subscript):
        if ast.unparse(node.slice).strip("()") == ":, None":
            yield node, node.value
    for node in claim.every(ast.Call):
        if any(keyword.arg == "keepdims" for keyword in node.keywords):
            yield node, without_keyword(node, "keepdims")
    for node in claim.every(ast.BinOp):
        if not isinstance(node.op, ast.Add | ast.Sub) or in_index_or_power(claim, node):
            continue
        if claim.value(node.left).shape == claim.value(node.right).shape == (N,):
            yield node.left, column(node.left)
    for _, left, right in claim.products():
        if not isinstance(right, ast.Name) or claim.value(left).ndim != 2:
            continue
        if claim.value(right).shape == (N,):
            yield right, column(right)


def elementwise(claim) -> Pairs:
    """``*`` for ``@``."""
    for node, left, right in claim.products():
        if 2 in (claim.value(left).ndim, claim.value(right).ndim):
            yield node, binary(left, ast.Mult(), right)


# Each kind, and words of which a right diagnosis holds one (case does not matter).
KINDS = {
    "sign": (sign, ("sign", "minus")),
    "factor 2": (factor_2, ("factor 2", "factor of 2", "factor 1/2", "factor of 1/2")),
    "missing 1/n": (missing_mean, ("1/n", "1 / n", "mean")),
    "missing sum over the batch": (missing_sum, ("sum over", "summed over", "missing sum")),
    "transposed operand": (transposed, ("transpose",)),
    "wrong order of the product": (order, ("order",)),
    "forgotten regulariser": (forgotten_regulariser, ("regularis", "penalty")),
    "activation derivative at the wrong argument": (wrong_argument, ("argument",)),
    "missing activation derivative": (
        missing_slope, ("missing activation derivative", "without the derivative"),
    ),
    "off-by-one label": (off_by_one, ("label", "off by one", "off-by-one")),
    "(n,) against (n, 1)": (flat_or_column, ("(n,)", "(n, 1)", "(n,1)")),
    "element-wise for a matrix product": (elementwise, ("element-wise", "elementwise")),
}  # fmt: skip


def names_kind(mistake, kind):
    """Tell whether the words ``mistake`` of a verdict name ``kind``."""
    return any(word in str(mistake).lower() for word in KINDS[kind][1])


def changes(formula, claim, names):
    """Tell whether ``claim`` says another gradient than the right one, or none at all.

    A gradient of shape (d, 1) for (d,), or the transpose of a whole gradient, is another layout
    of the right one; whether that is a mistake is not for the corpus to say.
    """
    found = evaluated(formula, claim, names)
    if found is None:
        return True
    right = answers(formula, formula.claim, names)
    finite = all(np.isfinite(x).all() for x in found)
    return finite and not all(map(same_but_for_layout, found, right))


def same_but_for_layout(mine, right):
    a, b = np.squeeze(mine), np.squeeze(right)
    return same([a], [b], rtol=1e-4) or same([a.T], [b], rtol=1e-4)


def planted(kind, formula):
    """Return all claims with one mistake of ``kind``, in the order of the text."""
    claim = Claim(formula)
    names = namespace(formula)
    found = {}
    for old, new in KINDS[kind][0](claim):
        text = claim.replaced(old, new)
        if text not in found and changes(formula, text, names):
            found[text] = Plant(kind, formula, text, *claim.statement(old))
    return list(found.values())


@functools.cache
def plants(kind):
    """Return wrong claims of ``kind``, one a formula, at places that vary."""
    admitting = [found for formula in FORMULAS.values() if (found := planted(kind, formula))]
    chosen = [found[7 * k % len(found)] for k, found in enumerate(admitting)]
    step = max(1, len(chosen) / AT_MOST)
    return [chosen[int(k * step)] for k in range(min(AT_MOST, len(chosen)))]
