"""A claim that is right but for its layout: which rearrangement makes it the gradient.

Given claimed and true values at all points, say what differs and how array code would spell it.
Invariant: one rearrangement has to serve every point.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgrad.errors import ClaimError
from symgrad.study.judge.claims import Line, Loop, Statement
from symgrad.study.judge.interpreter import Interpreter
from symgrad.study.judge.judging import Judge, Trial, agrees, close, shape_of
from symgrad.study.judge.mathematics import lowered
from symgrad.study.judge.points import Point


@dataclass(frozen=True, slots=True)
class Layout:
    """What differs, in words, and the code that gives the gradient's own shape."""

    words: str
    code: str


Pairs = Sequence[tuple[Any, Any]]  # claimed and true


def _sizes_match(claimed: Any, true: Any) -> bool:
    return np.size(claimed) == np.size(true)


def _is_transposed(claimed: Any, true: Any) -> bool:
    return np.ndim(claimed) == 2 and agrees(np.asarray(claimed).T, true)


def _is_squeezed(claimed: Any, true: Any) -> bool:
    kept = [[s for s in np.shape(x) if s != 1] for x in (claimed, true)]
    return kept[0] == kept[1] and close(np.reshape(claimed, np.shape(true)), true)


def _is_row(claimed: Any, true: Any) -> bool:
    return _sizes_match(claimed, true) and close(np.reshape(claimed, np.shape(true)), true)


def _is_column(claimed: Any, true: Any) -> bool:
    if not _sizes_match(claimed, true):
        return False
    return close(np.reshape(claimed, np.shape(true), order="F"), true)


def _is_spread(claimed: Any, true: Any) -> bool:
    try:
        return close(np.broadcast_to(claimed, np.shape(true)), true)
    except ValueError:
        return False


REARRANGEMENTS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("the claim is the transpose of the gradient", "({claim}).T", _is_transposed),
    ("the claim has an axis of size 1 more or less", "({claim}).reshape({x}.shape)", _is_squeezed),
    ("the claim lists the elements row by row", "({claim}).reshape({x}.shape)", _is_row),
    (
        "the claim lists the elements column by column",
        '({claim}).reshape({x}.shape, order="F")',
        _is_column,
    ),
    (
        "the claim stands for each of equal parts",
        "np.full_like({x}, {claim})",
        _is_spread,
    ),
)


def rearranged(answer: str, text: str, pairs: Pairs) -> Layout | None:
    """Return the rearrangement that makes every claimed value the true one, or None."""
    for claimed, _ in pairs:
        shape = shape_of(claimed)
        if shape is None or np.asarray(claimed).dtype.kind not in "fiub":
            return None
    if all(agrees(claimed, true) for claimed, true in pairs):
        return Layout("", f"d{answer} = {text}")
    for words, code, fits in REARRANGEMENTS:
        if all(fits(claimed, true) for claimed, true in pairs):
            return Layout(words, f"d{answer} = {code.format(claim=text, x=answer)}")
    return None


# --- mathematics, in which a vector is a column ------------------------------------------------

Reading = Callable[[str, Any, Point], Any]


def _as_column(name: str, value: Any, point: Point) -> Any:
    """A vector is a column."""
    return value[:, None] if np.ndim(value) == 1 else value


def _examples_as_columns(name: str, value: Any, point: Point) -> Any:
    """An example is a column of the data, not a row; a vector of examples is a row."""
    n = point.ground.get("n")
    if np.ndim(value) == 2 and len(value) == n:
        return value.T
    if np.ndim(value) == 1:
        return value[None, :] if len(value) == n else value[:, None]
    return value


def _all_transposed(name: str, value: Any, point: Point) -> Any:
    """Examples are columns, and each matrix of weights is applied from the left."""
    read = _examples_as_columns(name, value, point)
    return read.T if np.ndim(value) == 2 and read is value else read


READINGS: tuple[tuple[str, Reading], ...] = (
    ("the claim reads vectors as columns", _as_column),
    ("the claim has examples in columns where the function has them in rows", _examples_as_columns),
    ("the claim has examples in columns, and weights transposed", _all_transposed),
)


def reread(judge: Judge) -> Layout | None:
    """Return under which reading of its vectors a mathematical claim is right, or None."""
    for words, reading in READINGS:
        points = [
            p
            for p in judge.points
            if len(set(p.sizes)) == len(p.sizes) and min(p.sizes, default=2) > 1
        ]
        found = [_outcome(judge, point, reading) for point in points]
        codes = []
        for answer, name in judge.trial.answers.items():
            pairs = [
                (outcome.get(name), point.truths.answers[answer])
                for outcome, point in zip(found, points, strict=True)
            ]
            layout = rearranged(answer, name, pairs) if pairs else None
            if layout is None:
                break
            codes.append(layout.code)
        else:
            if codes:
                ground = _laid_ground(points[0], reading)
                statements = lowered(judge.trial.statements, Interpreter(ground))
                trial = replace(judge.trial, statements=statements)
                return Layout(words, _code(trial, points[0], reading, codes))
    return None


def relaid(judge: Judge) -> Iterator[Judge]:
    """Return judges of a mathematical claim for which values and truths are laid out alike."""
    for _, reading in (READINGS[0], READINGS[-1]):
        points = [_relaid_point(point, reading) for point in judge.points]
        try:
            statements = lowered(judge.trial.statements, Interpreter(points[0].ground))
        except ClaimError:
            continue
        yield Judge(replace(judge.trial, statements=statements), points, judge.helpers)


def _relaid_point(point: Point, reading: Reading) -> Point:
    answers = {}
    for name, value in point.truths.answers.items():
        is_kept = reading is _as_column or np.ndim(value) != 2
        answers[name] = _as_column(name, value, point) if is_kept else value.T
    truths = replace(point.truths, answers=answers, values={}, cotangents={})
    return replace(point, ground=_laid_ground(point, reading), truths=truths)


def _outcome(judge: Judge, point: Point, reading: Reading) -> dict[str, Any]:
    try:
        return (
            Interpreter(_laid_ground(point, reading), helpers=judge.helpers)
            .run(judge.trial.statements)
            .values
        )
    except ClaimError:
        return {}


def _laid_ground(point: Point, reading: Reading) -> dict[str, Any]:
    return {
        name: reading(name, value, point) if isinstance(value, np.ndarray) else value
        for name, value in point.ground.items()
    }


def _code(trial: Trial, point: Point, reading: Reading, last: Sequence[str]) -> str:
    """Return the claim as array code, in which every array is laid out as it was read."""
    assigned: set[str] = set()
    lines: list[str] = []

    def write(statements: Sequence[Statement], indent: str) -> None:
        for s in statements:
            if isinstance(s, Loop):
                counts = ", ".join(map(ast.unparse, s.times))
                lines.append(f"{indent}for {s.variable} in range({counts}):")
                write(s.body, indent + "    ")
                continue
            lines.append(indent + _line_code(s, assigned, point, reading))
            assigned.add(s.name)

    write(trial.statements, "")
    kept = [code for code in last if not _says_nothing(code)]
    return "\n".join([*lines, *kept])


def _says_nothing(code: str) -> bool:
    left, _, right = code.partition(" = ")
    return left == right


def _line_code(line: Line, assigned: set[str], point: Point, reading: Reading) -> str:
    used = _laid_out(line.formula, assigned, point.ground, point, reading)
    target = f"{ast.unparse(line.target)} = " if line.target is not None else ""
    return target + ast.unparse(used)


def _laid_out(
    node: ast.expr, assigned: set[str], ground: Mapping[str, Any], point: Point, reading: Reading
) -> ast.expr:
    class Writer(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
            inner = self.visit(node.value)
            if node.attr == "T" and isinstance(inner, ast.Attribute) and inner.attr == "T":
                return inner.value
            return ast.Attribute(inner, node.attr)

        def visit_Name(self, node: ast.Name) -> ast.AST:
            value = ground.get(node.id)
            if node.id in assigned or not isinstance(value, np.ndarray):
                return node
            read = reading(node.id, value, point)
            if read is value:
                return node
            if np.ndim(value) == 2:
                return ast.Attribute(node, "T")
            key = "[:, None]" if read.shape[1] == 1 and len(value) != 1 else "[None, :]"
            return ast.Name(f"{node.id}{key}")

    import copy

    return Writer().visit(copy.deepcopy(node))  # type: ignore[no-any-return]
