"""Emitted modules with one thing wrong: a sign, an index, an axis, a factor.

`mutants` returns every module that differs from a text in one place.  Nothing here knows what
`symgrad.verify` looks at.
"""

import ast
import copy
from collections.abc import Iterator


def mutants(text: str) -> Iterator[tuple[str, str]]:
    """Return what was changed, and the changed text."""
    tree = ast.parse(text)
    count = len(list(places(tree)))
    for k in range(count):
        changed = copy.deepcopy(tree)
        what, change = list(places(changed))[k]
        change()
        yield what, ast.unparse(changed)


def places(tree):
    """Return each place of a module's functions that can be changed, and how."""
    for function in tree.body:
        if isinstance(function, ast.FunctionDef):
            for statement in function.body[1:]:
                if not isinstance(statement, ast.If):  # checks of sizes: no value depends on them
                    for node in ast.walk(statement):
                        for what, change in changes(node):
                            line = ast.unparse(statement)
                            yield f"{function.name}: {what} in `{line}`", change


SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
COMPARED = {ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Lt: ast.GtE, ast.LtE: ast.Gt}


def changes(node):
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in SWAPPED:
        new = SWAPPED[type(node.op)]
        yield f"{type(node.op).__name__} became {new.__name__}", lambda: setattr(node, "op", new())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "a sign", lambda: setattr(node, "op", ast.UAdd())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED:
        new = COMPARED[type(node.ops[0])]
        yield "a comparison", lambda: node.ops.__setitem__(0, new())
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield (
            f"{node.value} became another number",
            lambda: setattr(
                node, "value", node.value + 1 if type(node.value) is int else node.value * 1.001
            ),
        )
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "a transpose", lambda: setattr(node, "attr", "real")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield "a product turned", lambda: swap(node)


def swap(node):
    node.left, node.right = node.right, node.left
