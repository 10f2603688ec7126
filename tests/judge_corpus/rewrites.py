"""Right claims written in other ways, which a judge must accept.

``REWRITES`` are true identities of NumPy expressions: each takes a part of a claim and returns
other ways to write it, or nothing where it does not apply.  ``rewritten()`` gives claims changed in
one to five places, the same on every run.
"""

import ast
import copy
import functools
import itertools
import random
from collections import Counter
from dataclasses import dataclass

from tests.judge_corpus import FORMULAS
from tests.judge_corpus.entry import Formula
from tests.judge_corpus.plants import Claim, called, expression, summed, target

HOW_MANY = 200

ADD, SUB, MULT, DIV, MATMULT, POW = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult, ast.Pow,
)  # fmt: skip


@dataclass(frozen=True)
class Rewritten:
    """A right claim, and the names of the identities that made it of the formula's own."""

    formula: Formula
    claim: str
    by: tuple[str, ...]


def is_(node, *ops):
    return isinstance(node, ast.BinOp) and isinstance(node.op, ops)


def alike(a, b):
    return ast.dump(a) == ast.dump(b)


def written(template, **parts):
    """Return the expression ``template`` with parts in place of its names."""
    tree = expression(template)
    memo = {
        id(node): parts[node.id]
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in parts
    }
    return copy.deepcopy(tree, memo)


def number(node, *values):
    return isinstance(node, ast.Constant) and node.value in values


def is_complement(node):
    """Tell whether ``node`` is ``1 - p``."""
    return is_(node, SUB) and number(node.left, 1)


def calls(node, *functions):
    """Tell whether ``node`` calls one of NumPy's functions or methods."""
    return isinstance(node, ast.Call) and called(node) in functions


def ndims(claim, node):
    return claim.value(node.left).ndim, claim.value(node.right).ndim


def commute(claim, node):
    if is_(node, ADD):
        yield written("b + a", a=node.left, b=node.right)
    if is_(node, MULT):
        yield written("b * a", a=node.left, b=node.right)


def associate(claim, node):
    if is_(node, MULT) and is_(node.left, MULT):
        parts = {"a": node.left.left, "b": node.left.right, "c": node.right}
        yield written("a * (b * c)", **parts)
    if is_(node, MATMULT) and is_(node.left, MATMULT):
        parts = {"a": node.left.left, "b": node.left.right, "c": node.right}
        if all(claim.value(x).ndim == 2 for x in (parts["a"], parts["b"])):
            yield written("a @ (b @ c)", **parts)


def distribute(claim, node):
    if is_(node, MULT, MATMULT):
        for whole, other, left in ((node.right, node.left, True), (node.left, node.right, False)):
            if not is_(whole, ADD, SUB):
                continue
            a, b = whole.left, whole.right
            if is_(node, MATMULT) and claim.value(a).shape != claim.value(b).shape:
                continue
            one, two = (
                ast.BinOp(other, node.op, x) if left else ast.BinOp(x, node.op, other)
                for x in (a, b)
            )
            yield ast.BinOp(one, whole.op, two)
    if is_(node, DIV) and is_(node.left, ADD, SUB):
        one, two = (ast.BinOp(x, node.op, node.right) for x in (node.left.left, node.left.right))
        yield ast.BinOp(one, node.left.op, two)


def factors(node):
    return [*factors(node.left), *factors(node.right)] if is_(node, MULT) else [node]


def times(parts):
    return functools.reduce(lambda a, b: ast.BinOp(a, MULT(), b), parts, ast.Constant(1))


def factor_out(claim, node):
    if not is_(node, ADD, SUB):
        return
    left, right = factors(node.left), factors(node.right)
    for k, a in enumerate(left):
        for j, b in enumerate(right):
            if alike(a, b):
                one, two = times(left[:k] + left[k + 1 :]), times(right[:j] + right[j + 1 :])
                yield ast.BinOp(a, MULT(), ast.BinOp(one, node.op, two))
    for op in (MATMULT, DIV):
        if not (is_(node.left, op) and is_(node.right, op)):
            continue
        (a, c), (b, d) = ((x.left, x.right) for x in (node.left, node.right))
        if alike(c, d) and claim.value(a).shape == claim.value(b).shape:
            yield ast.BinOp(ast.BinOp(a, node.op, b), op(), c)


def turn_differences(claim, node):
    if is_(node, SUB):
        yield written("-(b - a)", a=node.left, b=node.right)
        if claim.value(node.right).dtype != bool:
            yield written("a + -b", a=node.left, b=node.right)


def move_minus(claim, node):
    if isinstance(node, ast.UnaryOp) and is_(node.operand, MULT, MATMULT, DIV):
        product = node.operand
        if claim.value(product.right).dtype != bool:
            yield ast.BinOp(product.left, product.op, ast.UnaryOp(ast.USub(), product.right))
    if isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield written("-1 * a", a=node.operand)


def transpose_products(claim, node):
    if isinstance(node, ast.Attribute) and node.attr == "T" and is_(node.value, MATMULT):
        yield written("b.T @ a.T", a=node.value.left, b=node.value.right)
    if is_(node, MATMULT) and ndims(claim, node) == (2, 2):
        yield written("(b.T @ a.T).T", a=node.left, b=node.right)


def vector_first(claim, node):
    if is_(node, MATMULT) and ndims(claim, node) == (2, 1):
        yield written("b @ a.T", a=node.left, b=node.right)


def squares(claim, node):
    if is_(node, POW) and number(node.right, 2):
        yield written("a * a", a=node.left)
        yield written("np.square(a)", a=node.left)
    if is_(node, MULT) and alike(node.left, node.right):
        yield written("a**2", a=node.left)


def slopes_multiplied_out(claim, node):
    if is_(node, MULT) and is_complement(node.right) and alike(node.left, node.right.right):
        yield written("p - p**2", p=node.left)
    if is_complement(node) and is_(node.right, POW) and number(node.right.right, 2):
        yield written("(1 - h) * (1 + h)", h=node.right.left)


def products_otherwise(claim, node):
    if is_(node, MATMULT):
        yield written("np.dot(a, b)", a=node.left, b=node.right)
        subscripts = {
            (2, 2): "ij,jk->ik", (2, 1): "ij,j->i", (1, 2): "i,ij->j", (1, 1): "i,i->",
        }[ndims(claim, node)]  # fmt: skip
        yield written(f"np.einsum('{subscripts}', a, b)", a=node.left, b=node.right)
        yield written("np.matmul(a, b)", a=node.left, b=node.right)
    if calls(node, "dot"):
        yield written("a @ b", a=node.args[0], b=node.args[1])
    if calls(node, "outer"):
        yield written("a[:, None] * b", a=node.args[0], b=node.args[1])
        yield written("np.einsum('i,j->ij', a, b)", a=node.args[0], b=node.args[1])


def sums_otherwise(claim, node):
    if not calls(node, "sum"):
        return
    operand, axis = summed(node)
    ndim = claim.value(operand).ndim
    if any(keyword.arg == "keepdims" for keyword in node.keywords):
        if ndim == 2 and axis == 1:
            yield written("a.sum(axis=1)[:, None]", a=operand)
            yield written("np.sum(a, axis=-1, keepdims=True)", a=operand)
        return
    if axis is None:
        yield written("np.sum(a)" if node.args == [] else "a.sum()", a=operand)
        if ndim == 1 and claim.value(operand).dtype != bool:
            yield written("np.ones(len(a)) @ a", a=operand)
        if ndim == 1 and is_(operand, POW) and number(operand.right, 2):
            yield written("r @ r", r=operand.left)
        if is_(operand, MULT) and ndims(claim, operand) == (1, 1):
            yield written("a @ b", a=operand.left, b=operand.right)
    elif ndim == 2:
        yield written(f"a.sum({axis})" if node.args else f"np.sum(a, {axis})", a=operand)
        yield written(f"np.einsum('ij->{'ji'[axis]}', a)", a=operand)
        if is_(operand, MULT) and ndims(claim, operand) == (2, 2):
            parts = {"a": operand.left, "b": operand.right}
            yield written(f"np.einsum('ij,ij->{'ji'[axis]}', a, b)", **parts)


def means(claim, node):
    if calls(node, "mean"):
        operand, axis = summed(node)
        if not any(keyword.arg == "keepdims" for keyword in node.keywords):
            if axis is None and claim.value(operand).ndim == 1:
                yield written("np.sum(a) / len(a)", a=operand)
            if axis is not None:
                template = f"np.sum(a, axis={axis}) / a.shape[{axis}]"
                yield written(template, a=operand)
    if is_(node, DIV) and claim.is_size(node.right) and calls(node.left, "sum"):
        operand, axis = summed(node.left)
        shape = claim.value(operand).shape
        all_rows = len(shape) == 1 or (axis == 0 and len(node.left.keywords) == 1)
        if all_rows and shape[0] == claim.value(node.right):
            func = ast.Attribute(node.left.func.value, "mean", ast.Load())
            yield ast.Call(func, node.left.args, node.left.keywords)


def quotients(claim, node):
    if is_(node, DIV):
        a, b = node.left, node.right
        if not number(a, 1):
            yield written("1 / b * a", a=a, b=b)
            yield written("a * (1 / b)", a=a, b=b)
        if is_(a, DIV):
            yield written("x / (y * b)", x=a.left, y=a.right, b=b)
        if is_(a, MULT):
            yield written("x / b * y", x=a.left, y=a.right, b=b)
        if is_(a, MATMULT) and claim.value(b).ndim == 0:
            yield written("x @ (y / b)", x=a.left, y=a.right, b=b)


def doubles(claim, node):
    if is_(node, MULT) and number(node.left, 2):
        yield written("a + a", a=node.right)
        yield written("a / 0.5", a=node.right)
    if is_(node, MULT) and number(node.left, 0.5):
        yield written("a / 2", a=node.right)


def scale_products(claim, node):
    """``(2 * X.T) @ r`` is ``2 * (X.T @ r)``."""
    if is_(node, MATMULT) and is_(node.left, MULT) and claim.value(node.left.left).ndim == 0:
        yield written("c * (a @ b)", c=node.left.left, a=node.left.right, b=node.right)
    if is_(node, MATMULT) and is_(node.right, DIV) and claim.value(node.right.right).ndim == 0:
        yield written("a @ b / c", a=node.left, b=node.right.left, c=node.right.right)


def masks(claim, node):
    if isinstance(node, ast.Compare):
        yield written("np.where(a, 1, 0)", a=node)
        if claim.value(node).ndim:
            yield written("a.astype(float)", a=node)
        yield written("1.0 * a", a=node)
    if calls(node, "where") and number(node.args[1], 1):
        parts = {"a": node.args[0], "b": node.args[2]}
        yield written("1.0 * a + (1 - 1.0 * a) * b", **parts)
    if calls(node, "sign"):
        yield written("1.0 * (a > 0) - 1.0 * (a < 0)", a=node.args[0])


def columns(claim, node):
    if isinstance(node, ast.Subscript) and ast.unparse(node.slice).strip("()") == ":, None":
        yield written("a.reshape(-1, 1)", a=node.value)
        yield written("a[:, np.newaxis]", a=node.value)
        yield written("np.expand_dims(a, 1)", a=node.value)


def one_hot(claim, node):
    if not (isinstance(node, ast.Subscript) and calls(node.value, "eye")):
        return
    if claim.value(node.slice).ndim == 1:
        parts = {"y": node.slice, "k": node.value.args[0]}
        yield written("1.0 * (y[:, None] == np.arange(k))", **parts)


def functions_otherwise(claim, node):
    if is_(node, DIV) and number(node.left, 1) and is_(node.right, ADD):
        one, e = node.right.left, node.right.right
        if number(one, 1) and calls(e, "exp"):
            yield written("1 - e / (1 + e)", e=e)
            yield written("(1 + e) ** -1", e=e)
    if calls(node, "exp") and isinstance(node.args[0], ast.UnaryOp):
        yield written("1 / np.exp(a)", a=node.args[0].operand)
    if calls(node, "sqrt"):
        yield written("a**0.5", a=node.args[0])


REWRITES = {
    "a + b = b + a, a b = b a": commute,
    "(a b) c = a (b c)": associate,
    "a (b + c) = a b + a c": distribute,
    "a b + a c = a (b + c)": factor_out,
    "a - b = -(b - a)": turn_differences,
    "-(a b) = a (-b)": move_minus,
    "(A B)' = B' A'": transpose_products,
    "A x = x A'": vector_first,
    "x**2 = x x": squares,
    "p (1 - p) = p - p**2": slopes_multiplied_out,
    "@, np.dot, np.einsum": products_otherwise,
    "np.sum(r**2) = r @ r": sums_otherwise,
    "sum(x) / n = mean(x)": means,
    "x / n = 1 / n x": quotients,
    "2 x = x + x": doubles,
    "(c A) x = c (A x)": scale_products,
    "(z > 0) = where(z > 0, 1, 0)": masks,
    "x[:, None] = x.reshape(-1, 1)": columns,
    "eye(k)[y] = (y[:, None] == arange(k))": one_hot,
    "s(z), exp(-z), sqrt": functions_otherwise,
}
INLINE, EXTRACT = "inline a name", "name a part"
EVERY = (*REWRITES, INLINE, EXTRACT)


def inlined(claim):
    """Yield pairs of a name read and the expression that a line above gave it."""
    made = {target(line): line.value for line in claim.tree.body}
    for node in claim.every(ast.Name):
        if isinstance(node.ctx, ast.Load) and node.id in made:
            yield node, made[node.id]


def extracted(claim, rng):
    """Return the text with a part of a line on a line of its own, before it."""
    parts = [node for node in claim.every(ast.BinOp | ast.Call) if not within_index(claim, node)]
    if not parts:
        return None
    node = rng.choice(parts)
    number, _ = claim.statement(node)
    name = f"part{sum(name.startswith('part') for name in claim.names) + 1}"
    changed = copy.deepcopy(claim.tree, {id(node): ast.Name(name, ast.Load())})
    changed.body.insert(number - 1, ast.parse(f"{name} = {ast.unparse(node)}").body[0])
    return ast.unparse(changed)


def within_index(claim, node):
    return any(isinstance(above, ast.Subscript) for above in claim.ancestors(node))


def ways(claim, rule, rng):
    """Return other texts of ``claim`` by one identity."""
    if rule == EXTRACT:
        return [text] if (text := extracted(claim, rng)) else []
    if rule == INLINE:
        return [claim.replaced(old, new) for old, new in inlined(claim)]
    return [
        claim.replaced(node, other)
        for node in claim.every(ast.expr)
        if not within_index(claim, node)
        for other in REWRITES[rule](claim, node)
    ]


def rewrite(formula, rng, steps, used):
    """Return ``formula`` rewritten in up to ``steps`` places, by what was used least before."""
    text, by = formula.claim, []
    for rule in sorted(rng.sample(EVERY, len(EVERY)), key=used.__getitem__):
        if len(by) == steps:
            break
        others = ways(Claim(formula, text), rule, rng)
        if others:
            text = rng.choice(others)
            by.append(rule)
            used[rule] += 1
    return Rewritten(formula, text, tuple(by))


@functools.cache
def rewritten():
    """Return the rewritten claims, all different: every formula once, then some again."""
    rng, used, found = random.Random(0), Counter(), {}
    steps = itertools.cycle(range(1, 6))
    for formula in itertools.cycle(FORMULAS.values()):
        r = rewrite(formula, rng, next(steps), used)
        found[formula.name, r.claim] = r
        if len(found) == HOW_MANY:
            return list(found.values())
