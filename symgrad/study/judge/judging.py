"""Compare a claim with the truth at points, and find the mistake that explains a difference.

Given a claim and points, return `Findings`.  Invariant: a claim counts as right only where it
agrees at every point, in shape and value; an edit names a mistake only if it repairs the claim at
every point.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgrad.errors import ClaimError
from symgrad.study.judge.claims import Claim, Line, Loop, Statement, lines_of
from symgrad.study.judge.edits import (
    REGULARISER,
    SIGN,
    SUM,
    TERM,
    Edit,
    Scope,
    edits,
    later_edits,
    target_edits,
)
from symgrad.study.judge.interpreter import Failed, Interpreter
from symgrad.study.judge.points import Point
from symgrad.study.judge.truth import answered

TOLERANCE = 1e-7
MOST_EDITS = 4_000  # that are tried for all wrong answers together
FEWER_EDITS = 1_500  # where that has failed
RIGHT_ALREADY = 100  # added to the rank of an edit of a step that has its true value


@dataclass(frozen=True, slots=True)
class Trial:
    """Statements to walk, and the name that answers for each parameter."""

    statements: tuple[Statement, ...]
    answers: Mapping[str, str]

    def outcome(self, point: Point, helpers: Mapping[str, Claim]) -> dict[str, Any]:
        """Return the value of every name that the claim assigns, or why it has none."""
        walker = Interpreter(point.ground, helpers=helpers)
        return walker.run(self.statements).values

    def replaced(self, old: Line, new: Sequence[Line]) -> Trial:
        """Return the trial with other lines in place of one."""
        return replace(self, statements=_replaced(self.statements, old, new))


def _replaced(
    statements: Sequence[Statement], old: Line, new: Sequence[Line]
) -> tuple[Statement, ...]:
    found: list[Statement] = []
    for statement in statements:
        if isinstance(statement, Loop):
            found.append(replace(statement, body=_replaced(statement.body, old, new)))
        else:
            found += new if statement is old else [statement]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Repair:
    """The line where something is wrong, what is wrong with it, and what it should be."""

    line: Line
    edit: Edit
    right: tuple[Line, ...]  # what should stand in place of the line


@dataclass(frozen=True, slots=True)
class Difference:
    """One answer that is wrong: where, and both values there."""

    answer: str
    point: Point
    claimed: Any
    true: Any


def trial_of(claim: Claim, wrt: Sequence[str], names: Sequence[str]) -> Trial:
    """Return what to walk, and find out which name answers for which parameter.

    Raises ClaimError if nothing in the claim answers for any.
    """
    statements = list(claim.statements)
    answers: dict[str, str] = {}
    for line in lines_of(claim.statements):
        of = answered(line.name, wrt)
        if of is not None and (line.name not in names):
            answers[of] = line.name
    results: list[tuple[str, Line]] = []
    for key, line in claim.named.items():
        of = key if key in wrt else answered(key, wrt)
        if of is None:
            raise ClaimError(f"`{key}` answers for none of {listed(wrt)}")
        results.append((of, line))
    if claim.returned:
        results += _returned(claim, wrt)
    for of, line in results:
        answers[of] = f"d{of}"
        statements.append(replace(line, target=ast.Name(f"d{of}")))
    if not answers:
        raise ClaimError(
            f"the claim answers for none of {listed(wrt)}: name an answer d{wrt[0]} (or "
            f"dL_d{wrt[0]}, grad_{wrt[0]}), or give a formula without a name"
        )
    return Trial(tuple(statements), answers)


def _returned(claim: Claim, wrt: Sequence[str]) -> list[tuple[str, Line]]:
    given = claim.returned
    last = given[-1]
    if len(given) == 2 and isinstance(last.formula, ast.Tuple):  # (loss, (dW, db))
        given = tuple(replace(last, formula=part) for part in last.formula.elts)
    elif len(given) == len(wrt) + 1:  # (loss, dW, db), as value_and_grad returns it
        given = given[1:]
    if len(given) != len(wrt):
        raise ClaimError(
            f"the claim gives {len(given)} answers for {len(wrt)} parameters ({listed(wrt)}): "
            "name them (dW = ...), or give them in the order of wrt"
        )
    return list(zip(wrt, given, strict=True))


def listed(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


# --- agreement ---------------------------------------------------------------------------------


def agrees(claimed: Any, true: Any) -> bool:
    """Return whether two values are equal in shape and, but for rounding, in every element."""
    return shape_of(claimed) == np.shape(true) and close(claimed, true)


def shape_of(value: Any) -> tuple[int, ...] | None:
    if isinstance(value, Failed) or value is None or isinstance(value, (str, tuple, list)):
        return None
    return tuple(np.shape(value))


def is_hole(claimed: Any) -> bool:
    """Return whether a formula has no number here: a division by zero, or what came of one."""
    if isinstance(claimed, Failed):
        return "by zero" in claimed.reason
    array = np.asarray(claimed)
    return array.dtype.kind == "f" and not bool(np.all(np.isfinite(array)))


def close(claimed: Any, true: Any) -> bool:
    """Return whether two arrays that broadcast have equal elements."""
    a, b = np.asarray(claimed), np.asarray(true)
    if a.dtype.kind not in "fiub":
        return False
    scale = float(np.max(np.abs(b), initial=0.0))
    return bool(np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * max(scale, 1e-3)))


class Judge:
    """Judges one trial at all points."""

    def __init__(
        self, trial: Trial, points: Sequence[Point], helpers: Mapping[str, Claim] | None = None
    ):
        self.trial, self.points, self.helpers = trial, points, helpers or {}

    @functools.cached_property
    def outcomes(self) -> list[dict[str, Any]]:
        return [self.trial.outcome(point, self.helpers) for point in self.points]

    def differences(self) -> list[Difference]:
        """Return the first difference of each answer, in the order of the claim.

        Where a formula has no value (0 / 0 at a single point) it is not wrong, if it is right
        everywhere else.
        """
        found = []
        for answer in self.trial.answers:
            wrong = self._wrong(answer)
            if wrong and not self._are_holes(wrong):
                found.append(wrong[0])
        return found

    def _wrong(self, answer: str) -> list[Difference]:
        name, found = self.trial.answers[answer], []
        for point, outcome in zip(self.points, self.outcomes, strict=True):
            true, claimed = point.truths.answers[answer], outcome.get(name)
            if not agrees(claimed, true):
                found.append(Difference(answer, point, claimed, true))
        return found

    def _are_holes(self, wrong: Sequence[Difference]) -> bool:
        few = 2 * len(wrong) <= len(self.points)
        return few and all(is_hole(difference.claimed) for difference in wrong)

    @property
    def holes(self) -> int:
        """At how many points the claim has no value although it is right elsewhere."""
        wrong = [self._wrong(answer) for answer in self.trial.answers]
        return len({id(d.point) for found in wrong for d in found if is_hole(d.claimed)})

    def works(self, trial: Trial, answers: Sequence[str]) -> bool:
        """Return whether a trial is right in these answers, at every point."""
        for point in self._order:
            outcome = trial.outcome(point, self.helpers)
            for answer in answers:
                if not agrees(outcome.get(trial.answers[answer]), point.truths.answers[answer]):
                    return False
        return True

    @functools.cached_property
    def _order(self) -> list[Point]:
        """The points, such that one of each size comes first."""
        by_sizes: dict[tuple[int, ...], Point] = {}
        for point in self.points:
            by_sizes.setdefault(point.sizes, point)
        first = list(by_sizes.values())
        rest = [p for p in self.points if not any(p is q for q in first)]
        return sorted(first, key=lambda p: -min(p.sizes, default=0)) + rest

    # --- intermediate steps

    @functools.cached_property
    def first_wrong(self) -> Line | None:
        """The line that completes the first known name whose value is not the true one."""
        every = list(lines_of(self.trial.statements))
        for line in every:
            if line.name and self.is_right(line.name) is False:
                mine = [x for x in every if x.name == line.name and not passes_on(x)]
                return mine[-1] if mine else line
        return None

    def is_right(self, name: str) -> bool | None:
        """Return whether a name has its true value; None if nothing is known of it."""
        verdicts = [
            _known(name, point, outcome.get(name), self.trial.answers)
            for point, outcome in zip(self.points, self.outcomes, strict=True)
        ]
        if any(v is None for v in verdicts):
            return None
        return all(verdicts)

    def smallest(self, difference: Difference) -> Difference:
        """Return the same answer's difference at the smallest point that shows it."""
        answer, name = difference.answer, self.trial.answers[difference.answer]
        found = difference
        for point, outcome in zip(self.points, self.outcomes, strict=True):
            true, claimed = point.truths.answers[answer], outcome.get(name)
            if not agrees(claimed, true) and _size(point) < _size(found.point):
                found = Difference(answer, point, claimed, true)
        return found

    # --- repairs

    def repair_step(self, line: Line) -> Repair | None:
        """Return the edit that gives the first wrong step its true value."""
        scope = self.scope(list(self.trial.answers))
        candidates = enumerate(repairs_of(line, scope))
        ranked = sorted(candidates, key=lambda found: (found[1].edit.rank, found[0]))
        for _, repair in ranked[:FEWER_EDITS]:
            trial = self.trial.replaced(line, repair.right)
            judge = Judge(trial, self._order, self.helpers)
            try:
                if judge.is_right(line.name):
                    return repair
            except ClaimError:
                continue
        return None

    def repair(self, wrong: Sequence[str], most: int = MOST_EDITS) -> Repair | None:
        """Return the likeliest single edit that makes all these answers right."""
        different = {difference.answer for difference in self.differences()}
        right = [a for a in self.trial.answers if a not in different]
        candidates = sorted(self._candidates(wrong), key=lambda found: found[0])
        for _, repair in candidates[:most]:
            trial = self.trial.replaced(repair.line, repair.right)
            try:
                if self.works(trial, [*wrong, *right]):
                    return self.spelled(repair, wrong)
            except ClaimError:  # an edit may take a claim beyond its bounds
                continue
        return None

    def spelled(self, repair: Repair, wrong: Sequence[str]) -> Repair:
        """Return a repair in which a forgotten term is written out, if it has a usual form."""
        new = repair.edit.new
        if repair.edit.kind not in (REGULARISER, TERM) or not isinstance(new, ast.BinOp):
            return repair
        for answer in wrong:
            for term in usual_terms(answer, self._order[0]):
                values = (
                    (Interpreter(p.ground).seen(term), p.ground.get(ast.unparse(new.right)))
                    for p in self.points
                )
                if all(b is None or agrees(a, b) for a, b in values):
                    line = replace(repair.line, formula=ast.BinOp(new.left, ast.Add(), term))
                    return replace(repair, right=(line,))
        return repair

    def _candidates(self, wrong: Sequence[str]) -> Iterator[tuple[tuple[int, ...], Repair]]:
        """Return every edit of every line that the wrong answers depend on, with its rank."""
        scope = self.scope(wrong)
        first = self.first_wrong
        for k, line in enumerate(needed_lines(self.trial, wrong)):
            is_right = not passes_on(line) and self.is_right(line.name) is True
            in_loop = any(line is x for x in self._in_loops)
            is_later = first is not None and line is not first and not passes_on(line)
            for j, repair in enumerate(repairs_of(line, scope, in_loop)):
                edit = repair.edit
                rank = edit.rank + (RIGHT_ALREADY if is_right else 0)
                is_new = len(repair.right) > 1  # a line added explains less than one changed
                yield (rank + 3 * is_new, int(is_later or in_loop), edit.depth, k, j), repair

    @functools.cached_property
    def _in_loops(self) -> list[Line]:
        loops = [s for s in self.trial.statements if isinstance(s, Loop)]
        return list(lines_of(loops))

    def scope(self, wrong: Sequence[str]) -> Scope:
        """Return what edits may speak of, at the first point."""
        point = self._order[0]
        walker = Interpreter(point.ground, helpers=self.helpers)
        walker.run(self.trial.statements)
        walker.steps = -(10**9)  # looking at every part of a formula is not the claim's cost
        assigned = {line.name for line in lines_of(self.trial.statements)}
        answers = set(self.trial.answers.values())
        names = [
            word
            for word in reversed({**dict.fromkeys(assigned), **point.ground})
            if word.isidentifier() and word not in answers
        ]
        terms = {
            term: is_regulariser
            for (answer, term), is_regulariser in point.hidden.terms.items()
            if answer in wrong
        }
        hidden = point.hidden
        return Scope(walker, names, hidden.sizes, hidden.slopes, terms, hidden.related)


def usual_terms(answer: str, point: Point) -> Iterator[ast.expr]:
    """Return what the gradient of a penalty usually is: ``2 * lam * W`` and the like."""
    numbers = [k for k, v in point.ground.items() if type(v) is float and k.isidentifier()]
    weights = [*numbers, *(f"{k} / {n}" for k in numbers for n in point.hidden.sizes[:1]), ""]
    for weight in weights:
        for factor in ("", "2 * ", "0.5 * "):
            for of in (answer, f"np.sign({answer})"):
                text = f"{factor}{weight} * {of}" if weight else f"{factor}{of}"
                if answer.isidentifier() and ".shape" not in text:
                    yield ast.parse(text, mode="eval").body


def _size(point: Point) -> tuple[bool, int]:
    """Return how much there is to read; a batch of one example shows less than it should."""
    return 1 in point.sizes, sum(point.sizes)


def passes_on(line: Line) -> bool:
    """Return whether a line only returns what it names."""
    return line.update is None and isinstance(line.formula, ast.Name) and line.text[:6] == "return"


def repairs_of(line: Line, scope: Scope, is_in_loop: bool = False) -> Iterator[Repair]:
    """Return every edit of one line: of its formula, its target, its sign, and a line after it."""
    for edit in edits(line.formula, scope):
        yield Repair(line, edit, (replace(line, formula=edit.formula),))
    if line.target is not None:
        for edit in target_edits(line.target, scope):
            yield Repair(line, edit, (replace(line, target=edit.formula),))
    whole = line.formula
    flipped: ast.operator | None = {ast.Add: ast.Sub(), ast.Sub: ast.Add()}.get(type(line.update))  # type: ignore[arg-type]
    if flipped is not None:
        edit = Edit(SIGN, 9, whole, whole, whole)
        yield Repair(line, edit, (replace(line, update=flipped),))
    if is_in_loop and line.update is None:
        edit = Edit(SUM, 29, whole, whole, whole)
        yield Repair(line, edit, (replace(line, update=ast.Add()),))
    if line.name:
        for edit in later_edits(line.name, scope):
            later = replace(line, target=ast.Name(line.name), update=None, formula=edit.formula)
            yield Repair(line, edit, (line, later))


def _known(name: str, point: Point, claimed: Any, answers: Mapping[str, str]) -> bool | None:
    """Return whether a value is the true one of its name, or None if nothing is known."""
    truths = point.truths
    for of, mine in answers.items():
        if mine == name:
            return agrees(claimed, truths.answers[of])
    if name in truths.values:
        return any(agrees(claimed, true) for true in truths.values[name])
    of_value = answered(name, list(truths.cotangents))
    if of_value is not None and of_value != name:
        return any(agrees(claimed, true) for true in truths.cotangents[of_value])
    return None


def needed_lines(trial: Trial, answers: Sequence[str]) -> list[Line]:
    """Return the lines that these answers depend on, in order."""
    needed = {trial.answers[answer] for answer in answers}
    every = list(lines_of(trial.statements))
    while True:
        kept = [line for line in every if line.name in needed or not line.name]
        more = {
            node.id
            for line in kept
            for node in ast.walk(line.formula)
            if isinstance(node, ast.Name)
        }
        if more <= needed:
            return kept
        needed |= more
