"""`compare`: a function and a claim in, a verdict out.

Given a claim in any of its forms, read it, walk it at random points and compare it with the
emitted gradient.  Invariant: a claim is never run as code, and is called equal only if it agrees
with the truth at every point.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symgrad.compiled import Compiled
from symgrad.errors import ArgumentError, ClaimError, SpecError, did_you_mean
from symgrad.study.examples import example_arguments
from symgrad.study.judge.advice import sentence, spelled
from symgrad.study.judge.claims import Claim, Line, assigned_by, lines_of, sides_of
from symgrad.study.judge.interpreter import Failed, Interpreter
from symgrad.study.judge.judging import (
    FEWER_EDITS,
    Difference,
    Judge,
    Repair,
    Trial,
    listed,
    needed_lines,
    trial_of,
)
from symgrad.study.judge.language import NUMPY
from symgrad.study.judge.layout import Layout, rearranged, relaid, reread
from symgrad.study.judge.mathematics import lowered
from symgrad.study.judge.naming import as_answers, elements_of, names_read, renamed, spoken_sizes
from symgrad.study.judge.points import Sampler
from symgrad.study.judge.proof import compared, known
from symgrad.study.judge.reading import Known, names_called, parse, read, read_function, source_of
from symgrad.study.judge.styles import ASSUMED
from symgrad.study.judge.truth import answered
from symgrad.study.judge.verdict import MISSING_ANSWER, Verdict
from symgrad.trace import code_of

MOST_ASSUMED = 3


def compare(
    fn: Callable[..., Any],
    claim: Any,
    wrt: int | str | tuple[int | str, ...] | list[int | str] | None = None,
    args: Sequence[Any] | None = None,
    specs: Mapping[str, Any] | None = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    latex: bool | None = None,
    has_aux: bool = False,
) -> Verdict:
    r"""Judge whether a gradient that somebody derived by hand is the gradient of ``fn``.

    ``claim`` is a text of NumPy code (``"dW = X.T @ (p - y) / n"``, lines with intermediates, or
    a whole ``def``), a dict of formulas by parameter, a Python function, or LaTeX.  It is read,
    never run.  An answer is called ``dW`` (or ``dL_dW``, ``grad_W``), or returned in the order of
    ``wrt``.  Names that the claim does not define mean the function's own: its parameters, its
    intermediates, their gradients (``dz``), the number of examples ``n``, ``m`` or ``N``.

    ``wrt`` is what is differentiated by; without it, what the claim answers for (intermediates, as
    in ``dz = p - y``, if it answers for no parameter).  ``args`` are example arguments, and
    ``kwargs`` those by keyword; ``specs`` are sizes by name as in `compile`.  Where neither they
    nor annotations say what the function takes, arguments are made up, and the verdict says so.
    ``latex`` tells a text's language where it could be either.

    Returns a `Verdict`, which is true if the claim is equal.  A claim may be equal up to its
    layout (transposed, a column for a row, ``\delta x^T`` for an outer product): in LaTeX, where
    a vector has no layout yet, that is right, and the verdict shows the array code it means.  In
    code the shape is part of the answer (``w -= dw`` with a column for a row makes a matrix of
    ``w``), so the verdict is not true, and says what rearranges it.

    Raises ClaimError for a claim that cannot be read, or gives no answer.
    """
    if isinstance(fn, Compiled):
        compiled, fn = fn, fn.function
        wrt = compiled._given_wrt if wrt is None else wrt
        specs, has_aux = specs or compiled.specs, has_aux or compiled.has_aux
    parameters = _parameters(fn)
    helpers = _helpers(fn, claim)
    found = read(claim, Known.of(fn, parameters), latex, set(helpers))
    found = dataclasses.replace(found, helpers={**helpers, **found.helpers})
    given = _wrt_of(found, parameters) if wrt is None else wrt
    asked = _inner(found, fn, parameters) if wrt is None and given == 0 else ()
    compiled = Compiled(fn, given, specs=specs, has_aux=has_aux)
    sampler = _sampler(compiled, args, kwargs, found, asked)
    verdicts = [_Comparison(fn, side, sampler).verdict() for side in sides_of(found)]
    return next((verdict for verdict in verdicts if not verdict), verdicts[-1])


def _sampler(
    compiled: Compiled, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None,
    claim: Claim, asked: tuple[str, ...],
) -> Sampler:  # fmt: skip
    """Return what draws points; arguments are made up where nothing says what they are."""
    if args is not None and not isinstance(args, (tuple, list)):
        raise ArgumentError("args is a tuple of example arguments, one for each parameter")
    if kwargs and args is None:
        args = ()
    spoken = spoken_sizes(claim)
    try:
        return Sampler(compiled, args, kwargs or {}, spoken, asked=asked)
    except SpecError as error:
        if args is not None or "nothing is known of" not in str(error):
            raise
    made = example_arguments(
        compiled.function, specs=compiled.specs, wrt=compiled.wrt, has_aux=compiled.has_aux
    )
    return Sampler(compiled, made.args, made.kwargs, spoken, made.notes, asked)


def _parameters(fn: Callable[..., Any]) -> list[str]:
    if not callable(fn):
        raise ArgumentError(f"compare() needs a function first, not {type(fn).__name__}")
    try:
        return list(inspect.signature(fn).parameters)
    except ValueError:
        raise ArgumentError(f"{fn!r} has no signature: wrap it in a def") from None


def _wrt_of(claim: Claim, parameters: Sequence[str]) -> Any:
    """Return the parameters that a claim answers for, in the function's order."""
    names = [line.name for line in lines_of(claim.statements)] + list(claim.named)
    names += [line.formula.id for line in claim.returned if isinstance(line.formula, ast.Name)]
    meant = {answered(name, parameters) for name in names if name not in parameters}
    meant |= {name for name in claim.named if name in parameters}
    if not claim.returned and not claim.named and not meant:  # a dict of formulas by parameter
        meant = {name for name in names if name in parameters}
    found = tuple(name for name in parameters if name in meant)
    return found or 0


def _inner(claim: Claim, fn: Callable[..., Any], parameters: Sequence[str]) -> tuple[str, ...]:
    """Return the function's own intermediates that a claim gives the gradients of: ``dz = ...``.

    It is asked for these where it answers for no parameter.
    """
    code = code_of(fn)
    local = [n for n in (code.co_varnames if code is not None else ()) if n not in parameters]
    if claim.returned or claim.named:
        return ()
    names = [line.name for line in lines_of(claim.statements)]
    found = [answered(name, local) for name in names if name not in local]
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _helpers(fn: Callable[..., Any], claim: Any) -> dict[str, Claim]:
    """Read the user's own functions that a claim calls; one that cannot be read is left out."""
    called = _called_in(claim)
    found: dict[str, Claim] = {}
    for owner in (fn, claim):
        around = getattr(owner, "__globals__", {})
        for name in called:
            function = around.get(name)
            if name in found or not isinstance(function, types.FunctionType) or function is fn:
                continue
            try:
                known = {n for n in called if isinstance(around.get(n), types.FunctionType)}
                found[name] = read_function(source_of(function), name, known)
            except ClaimError:
                continue  # a name that the table knows serves; another is refused where it is read
    return found


def _called_in(claim: Any) -> list[str]:
    texts = claim.values() if isinstance(claim, Mapping) else [claim]
    found: set[str] = set()
    for text in texts:
        try:
            if isinstance(text, types.FunctionType):
                text = source_of(text)
            if isinstance(text, str) and len(text) < 20_000 and "\\" not in text:
                found |= names_called(parse(text))
        except ClaimError:
            continue  # told by whoever reads the claim
    return sorted(found - set(NUMPY) - {"range", "len", "float", "int"})


class _Comparison:
    """One claim held against one function."""

    def __init__(self, fn: Callable[..., Any], claim: Claim, sampler: Sampler):
        self.name = getattr(fn, "__name__", "function")
        self.sampler = sampler
        self.points = sampler.points()
        mine = {f"d{name}" for name in sampler.asked}  # what the claim says, though it is known
        known = [name for name in self.points[0].ground if name not in mine]
        self.wrt = list(self.points[0].truths.answers)
        self.claim = renamed(claim, known, list(sampler.compiled.signature.parameters))
        self.trial = trial_of(as_answers(self.claim, self.wrt), self.wrt, known)
        if claim.is_latex:
            self.trial = dataclasses.replace(
                self.trial, statements=elements_of(self.trial.statements, known)
            )
        self.given = self._given()

    def _given(self) -> tuple[str, ...]:
        """Return the names that the claim takes from the function, or raise for unknown ones."""
        ground = self.points[0].ground
        used: dict[str, None] = {}
        everywhere = {name for s in self.trial.statements for name in assigned_by(s)}
        for name, line, before in names_read(self.trial.statements):
            if name in before:
                continue
            if name not in ground and name not in ("pi", "e"):
                known = [word for word in (*ground, *everywhere) if word.isidentifier()]
                raise ClaimError(
                    f"line {line}: `{name}` is neither defined in the claim nor known to "
                    f"{self.name}{did_you_mean(name, known)}"
                )
            used[name] = None
        truths = self.points[0].truths
        arguments = self.points[0].arguments
        own = [n for n in used if n in truths.values and n not in arguments]
        upstream = [
            n for n in used if n not in own and n not in arguments and _is_upstream(n, truths)
        ]
        return (*own, *upstream)

    def _as_array_code(self) -> Trial:
        """Return the trial with the products of mathematics as array code."""
        if not self.claim.is_latex:
            return self.trial
        walker = Interpreter(self.points[0].ground, helpers=self.claim.helpers)
        statements = lowered(self.trial.statements, walker)
        return dataclasses.replace(self.trial, statements=statements)

    def verdict(self) -> Verdict:
        judge = Judge(self.trial, self.points, self.claim.helpers)
        missing = [answer for answer in self.wrt if answer not in self.trial.answers]
        differences = judge.differences()
        if not differences and not missing:
            return self._equal(judge)
        if not missing:
            layout = self._layout(judge, differences)
            if layout is not None:
                return self._laid_out(judge, differences, layout)
            assumed = self._assumed()
            if assumed is not None:
                return assumed
        if not differences:
            return self._missing(missing)
        return self._different(judge, differences)

    def _laid_out(
        self, judge: Judge, differences: Sequence[Difference], layout: Layout, condition: str = ""
    ) -> Verdict:
        """Accept another layout of mathematics; in code the shape is part of the answer."""
        if self.claim.is_latex:
            return self._equal(judge, layout, condition)
        verdict = self._different(judge, differences)
        return dataclasses.replace(verdict, layout=layout.words, code=layout.code)

    # --- right

    def _equal(self, judge: Judge, layout: Layout | None = None, condition: str = "") -> Verdict:
        is_plain = layout is None and not condition
        said = known(judge, self.sampler) if is_plain else compared(judge)
        if condition:
            said = f"{said}, where {condition}"
        return Verdict(
            self.name, True, said, layout.words if layout else "", layout.code if layout else "",
            given=self.given, notes=self.sampler.notes,
        )  # fmt: skip

    def _layout(self, judge: Judge, differences: Sequence[Difference]) -> Layout | None:
        """Return what differs if all that differs is the layout."""
        words, codes = [], []
        for difference in differences:
            name = judge.trial.answers[difference.answer]
            pairs = [
                (outcome.get(name), point.truths.answers[difference.answer])
                for outcome, point in zip(judge.outcomes, judge.points, strict=True)
            ]
            found = rearranged(difference.answer, self._formula(name), pairs)
            if found is None:
                return reread(judge) if self.claim.is_latex else None
            words.append(found.words)
            codes.append(found.code)
        return Layout("; ".join(dict.fromkeys(words)), "\n".join(codes))

    def _formula(self, name: str) -> str:
        lines = [line for line in lines_of(self.trial.statements) if line.name == name]
        if len(lines) == 1 and lines[0].update is None and isinstance(lines[0].target, ast.Name):
            return spelled(lines[0].formula)
        return name

    def _assumed(self) -> Verdict | None:
        """Return a verdict that holds for data of a usual kind (one-hot rows, 0 or 1), or None."""
        for condition, judge in self._judges:
            differences = judge.differences()
            layout = self._layout(judge, differences) if differences else None
            if layout is not None:
                return self._laid_out(judge, differences, layout, condition)
            if not differences:
                return self._equal(judge, None, condition)
        return None

    @functools.cached_property
    def _judges(self) -> list[tuple[str, Judge]]:
        """Return judges at points where the data is as text books have it."""
        graph = self.sampler.first.traced.graph
        found = []
        for x in self.sampler.data_leaves[:MOST_ASSUMED]:
            for style in ASSUMED:
                ndim = graph.avals[x].ndim
                if ndim == 0 or (ndim < 2 and "rows" in style.words):
                    continue
                leaf = graph.notes.names.get(x, "")
                points = self.sampler.assuming(leaf, style)
                judge = Judge(self.trial, points, self.claim.helpers)
                found.append((f"{leaf} {style.words}", judge))
        return found

    # --- wrong

    def _missing(self, missing: Sequence[str]) -> Verdict:
        said = f"the claim gives no answer for {listed(missing)}; what it gives is right"
        return Verdict(
            self.name, False, mistake=MISSING_ANSWER, answer=missing[0], advice=said,
            given=self.given, notes=self.sampler.notes,
        )  # fmt: skip

    def _different(self, judge: Judge, differences: Sequence[Difference]) -> Verdict:
        as_claimed = judge
        judge = Judge(self._as_array_code(), judge.points, judge.helpers)
        first = differences[0]
        # of steps the first wrong one is told: those after it are wrong because of it
        wrong = [first.answer] if self.sampler.asked else [d.answer for d in differences]
        repair = judge.repair(wrong)
        if repair is None and (verdict := self._otherwise(as_claimed)) is not None:
            return verdict
        more: list[str] = []
        if repair is None and len(wrong) > 1:
            repairs = [judge.repair([answer], FEWER_EDITS) for answer in wrong]
            for difference, one in zip(differences, repairs, strict=True):
                if one is not None and repair is None:
                    repair, first = one, difference
                elif one is not None:
                    more.append(f"also d{difference.answer}, line {one.line.line}: {_advice(one)}")
                elif difference is not first:
                    more.append(f"also d{difference.answer} is wrong")
        intermediate = judge.first_wrong
        if repair is None:
            return self._unexplained(judge, first, intermediate, more)
        step = intermediate if intermediate is repair.line else None
        return self._verdict(
            judge, first, repair.line, tuple(more),
            mistake=repair.edit.kind, advice=_advice(repair),
            correction=_correction(repair),
            intermediate=_step_name(step, judge),
        )  # fmt: skip

    def _otherwise(self, as_claimed: Judge) -> Verdict | None:
        """Name the mistake of a claim that takes the kind or layout of its data for granted."""
        others = [(f"(taken that {condition})", judge) for condition, judge in self._judges]
        if self.claim.is_latex:
            others += [("(read with vectors as columns)", judge) for judge in relaid(as_claimed)]
        for words, judge in others:
            found = judge.differences()
            repair = judge.repair([d.answer for d in found], FEWER_EDITS) if found else None
            if repair is not None:
                return self._verdict(
                    judge, found[0], repair.line, (words,), mistake=repair.edit.kind,
                    advice=_advice(repair), correction=_correction(repair),
                    intermediate=_step_name(repair.line, judge),
                )  # fmt: skip
        return None

    def _unexplained(
        self, judge: Judge, first: Difference, intermediate: Line | None, more: Sequence[str]
    ) -> Verdict:
        """Name the first wrong line, where no single edit explains the difference."""
        line = intermediate or _last_of(judge, first.answer)
        advice = ""
        repair = judge.repair_step(intermediate) if intermediate is not None else None
        if repair is not None:
            return self._verdict(
                judge, first, repair.line, ("and there is a mistake after this one", *more),
                mistake=repair.edit.kind, advice=_advice(repair),
                correction=_correction(repair), intermediate=repair.line.name,
            )  # fmt: skip
        if intermediate is not None and intermediate.name != judge.trial.answers[first.answer]:
            advice = f"`{intermediate.name}` is the first step that is wrong"
        return self._verdict(
            judge, first, line, tuple(more), advice=advice,
            intermediate=_step_name(intermediate, judge),
        )  # fmt: skip

    def _verdict(
        self, judge: Judge, first: Difference, line: Line | None, more: tuple[str, ...], **said: Any
    ) -> Verdict:
        smallest = judge.smallest(first)
        return Verdict(
            self.name, False, answer=first.answer, counterexample=smallest.point.arguments,
            line=line.line if line else None, text=line.text if line else "",
            claimed=None if isinstance(smallest.claimed, Failed) else smallest.claimed,
            true=smallest.true, reason=getattr(smallest.claimed, "reason", ""),
            given=self.given, more=more, notes=self.sampler.notes, **said,
        )  # fmt: skip


def _advice(repair: Repair) -> str:
    return sentence(repair.edit, _correction(repair), is_new=len(repair.right) > 1)


def _correction(repair: Repair) -> str:
    """Return what the line should be; of a forgotten line that line."""
    line = repair.right[-1]
    text = spelled(line.formula)
    if line.target is None or repair.line.text.startswith(("return", "lambda")):
        return text
    sign = "=" if line.update is None else f"{_OPERATORS.get(type(line.update))}="
    return f"{spelled(line.target)} {sign} {text}"


_OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**",
}  # fmt: skip


def _step_name(line: Line | None, judge: Judge) -> str:
    return "" if line is None or line.name in judge.trial.answers.values() else line.name


def _last_of(judge: Judge, answer: str) -> Line | None:
    lines = needed_lines(judge.trial, [answer])
    mine = [line for line in lines if line.name == judge.trial.answers[answer]]
    return mine[-1] if mine else None


def _is_upstream(name: str, truths: Any) -> bool:
    of = answered(name, list(truths.cotangents))
    return of is not None and of != name
