"""What the names of a claim mean: which it reads, which it assigns, and which it spells otherwise.

Given statements, return the names that they read as values; or return the claim with the names
that the function has.  Invariant: names of functions, of NumPy and of indices are no values.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
from collections.abc import Sequence

from symgrad.errors import ClaimError, did_you_mean
from symgrad.study.judge.claims import Claim, Line, Loop, Statement, assigned_by, lines_of
from symgrad.study.judge.language import NUMPY, check_name, function_name
from symgrad.study.judge.mathematics import CALLS
from symgrad.study.judge.truth import answered


def names_read(
    statements: Sequence[Statement], before: frozenset[str] = frozenset()
) -> list[tuple[str, int, frozenset[str]]]:
    """Return every name that a claim reads as a value, with its line and what is assigned by then.

    A loop may read what its own last round assigned.
    """
    found: list[tuple[str, int, frozenset[str]]] = []
    for s in statements:
        if isinstance(s, Loop):
            found += [(n, s.line, before) for x in s.times for n in _names(x)]
            found += names_read(s.body, before | {s.variable, *assigned_by(s)})
            before |= {s.variable, *assigned_by(s)}
            continue
        parts = [s.formula]
        if s.target is not None and (s.update is not None or isinstance(s.target, ast.Subscript)):
            parts.append(s.target)
        found += [(n, s.line, before) for part in parts for n in _names(part)]
        before |= set(assigned_by(s))
    return found


def elements_of(statements: Sequence[Statement], known: Sequence[str]) -> tuple[Statement, ...]:
    """Return the statements with ``X[i, j]`` for ``x_{ij}``, where the function has no ``x``."""
    assigned = {name for s in statements for name in assigned_by(s)}

    class Elements(ast.NodeTransformer):
        def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
            self.generic_visit(node)
            word = node.value.id if isinstance(node.value, ast.Name) else ""
            if word and word not in known and word not in assigned and word.upper() in known:
                return ast.Subscript(ast.Name(word.upper()), node.slice)
            return node

    found: list[Statement] = []
    for s in statements:
        if isinstance(s, Line):
            s = dataclasses.replace(s, formula=Elements().visit(copy.deepcopy(s.formula)))
        found.append(s)
    return tuple(found)


SIZED = frozenset({
    "eye", "identity", "zeros", "ones", "full", "arange", "one_hot", "reshape", "broadcast_to",
})  # fmt: skip


def spoken_sizes(claim: Claim) -> set[int]:
    """Return the numbers that a claim gives as sizes, as in ``np.eye(3)[y]``."""
    found: set[int] = set()
    lines = [*lines_of(claim.statements), *claim.returned, *claim.named.values()]
    for node in (node for line in lines for node in ast.walk(line.formula)):
        if isinstance(node, ast.Call):
            word = function_name(node.func) or getattr(node.func, "attr", "")
            parts = [x for a in node.args for x in (a.elts if isinstance(a, ast.Tuple) else [a])]
            if word in SIZED:
                found |= {x.value for x in parts if _is_whole(x)}  # type: ignore[attr-defined]
    for loop in claim.statements:
        if isinstance(loop, Loop):
            found |= {x.value for x in loop.times if _is_whole(x)}  # type: ignore[attr-defined]
    return {size for size in found if size > 1}


def _is_whole(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _names(node: ast.AST) -> list[str]:
    """Return the names of values in a formula: not those of functions, NumPy or dtypes."""
    if isinstance(node, ast.Name):
        return [] if node.id in NUMPY or node.id in _NO_VALUES else [node.id]
    if isinstance(node, ast.Call):
        inner = [*node.args, *(k.value for k in node.keywords)]
        if isinstance(node.func, ast.Name) and node.func.id in CALLS:
            return _names_of_mathematics(node.func.id, node.args)
        is_named = isinstance(node.func, ast.Name) or function_name(node.func) is not None
        owner = [] if is_named else _names(node.func)
        return owner + [n for x in inner for n in _names(x)]
    return [n for child in ast.iter_child_nodes(node) for n in _names(child)]


def _names_of_mathematics(call: str, args: Sequence[ast.expr]) -> list[str]:
    """Return the names of values in a call of mathematics: not indices and functions."""
    if call in ("local",):
        return []
    if call == "derivative":
        return _names(args[1])
    bound = {"total": args[:1], "each": args[:-1]}.get(call, [])
    hidden = {ast.unparse(x) for x in bound}
    return [n for x in args[len(bound) :] for n in _names(x) if n not in hidden]


_NO_VALUES = frozenset({"float", "int", "bool"})


def as_answers(claim: Claim, wrt: Sequence[str]) -> Claim:
    """Take ``W = ...`` for an answer where the claim never says ``dW``: a dict of formulas."""
    lines = list(lines_of(claim.statements))
    is_answered = any(answered(line.name, wrt) for line in lines if line.name not in wrt)
    if is_answered or claim.returned or claim.named:
        return claim
    statements = tuple(
        dataclasses.replace(s, target=ast.Name(f"d{s.name}"))
        if isinstance(s, Line) and s.name in wrt and isinstance(s.target, ast.Name)
        else s
        for s in claim.statements
    )
    return dataclasses.replace(claim, statements=statements)


def renamed(claim: Claim, known: Sequence[str], parameters: Sequence[str]) -> Claim:
    """Give parameters that the claim calls otherwise their meaning by place."""
    own = claim.parameters
    strange = [name for name in own if name not in known]
    if not strange:
        return claim
    if len(own) != len(parameters):
        raise ClaimError(
            f"the claim's parameter `{strange[0]}` is no name of the function's"
            f"{did_you_mean(strange[0], known)}"
        )
    lines = [
        Line(ast.Name(check_name(mine, "the claim")), None, ast.Name(theirs), 1, "")
        for mine, theirs in zip(own, parameters, strict=True)
        if mine != theirs
    ]
    return dataclasses.replace(claim, statements=(*lines, *claim.statements))
