"""Text and functions become claims: read by Python's grammar and a whitelist, never run.

Given a claim in any of its forms, return a `Claim`.  Invariant: how long and how deep a text is
gets checked before the grammar sees it, and whatever is not listed in `language` is refused.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symgrad.errors import ClaimError
from symgrad.study.judge.claims import Claim, Line, Loop, Statement, of_steps
from symgrad.study.judge.language import (
    MOST_CHARACTERS,
    NUMPY,
    OPERATORS,
    admit,
    check_name,
    shown,
)
from symgrad.study.judge.mathematics import CALLS
from symgrad.trace import code_of

DEEPEST_BRACKETS = 40
MOST_LINES = 400
LATEX = re.compile(r"\\[A-Za-z,;!\\ ]|\$|\^\{|_\{")


@dataclass(frozen=True, slots=True)
class Known:
    """The names of a function: its parameters and local names, and its value if it has a name."""

    names: tuple[str, ...]
    value: str | None = None

    @classmethod
    def of(cls, function: Callable[..., Any], parameters: Sequence[str]) -> Known:
        code = code_of(function)
        local = code.co_varnames if code is not None else ()
        names = tuple(dict.fromkeys([*parameters, *local]))
        value = value_of(function)
        return cls(names, value if value not in parameters else None)


def value_of(function: Callable[..., Any]) -> str | None:
    """Return the name that a function returns its value by, if its text tells."""
    try:
        tree = parse(source_of(function))
    except ClaimError:
        return None
    returns = [node for node in ast.walk(tree) if isinstance(node, ast.Return)]
    last = returns[-1].value if returns else None
    return last.id if isinstance(last, ast.Name) else None


def read(
    claim: Any,
    known: Known,
    latex: bool | None = None,
    helpers: Collection[str] = frozenset(),
) -> Claim:
    """Return the claim that a text, a function or a dict of formulas makes.

    ``known`` are the names of the function, which LaTeX is read with; ``helpers`` are functions of
    the user's own that the claim may call.
    """
    if isinstance(claim, str):
        return _text(claim, known, latex, helpers)
    if isinstance(claim, Mapping):
        return _formulas(claim, known, latex, helpers)
    if isinstance(claim, types.FunctionType):
        return read_function(source_of(claim), claim.__name__, helpers)
    raise ClaimError(
        f"a claim is a text, a dict of formulas or a Python function, not {type(claim).__name__}"
    )


def is_latex(text: str) -> bool:
    """Return whether a text is LaTeX and not NumPy: it holds a command, a group or a ``$``."""
    return LATEX.search(text) is not None


def check_length(text: str) -> str:
    """Return the text, or raise `ClaimError` if no grammar should be given it."""
    if len(text) > MOST_CHARACTERS:
        raise ClaimError(
            f"the claim has {len(text)} characters: {MOST_CHARACTERS} are read at most"
        )
    if text.count("\n") > MOST_LINES:
        raise ClaimError(f"the claim has more than {MOST_LINES} lines")
    depth = 0
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        if depth > DEEPEST_BRACKETS:
            raise ClaimError(f"the claim nests brackets deeper than {DEEPEST_BRACKETS}: name parts")
    if "\0" in text:
        raise ClaimError("the claim holds a null character")
    return text


def _text(text: str, known: Known, latex: bool | None, helpers: Collection[str]) -> Claim:
    check_length(text)
    if latex or (latex is None and is_latex(text)):
        return _latex(text, known)
    tree = parse(text)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if functions and _is_text_or_function(tree.body[-1]):
        return _chosen(tree, functions, text, helpers)
    return _program(tree.body, text, helpers)


def _latex(text: str, known: Known) -> Claim:
    from symgrad.study.judge.latex import steps_of

    steps = steps_of(text, known.names, known.value)
    for step in steps:
        admit(step.formula, f"line {step.line}", CALLS)
    return of_steps(steps, is_latex=True)


def _formulas(
    formulas: Mapping[Any, Any], known: Known, latex: bool | None, helpers: Collection[str]
) -> Claim:
    """Read ``{"W": "X.T @ (p - y) / n"}``: the parameter, or any name, and its formula."""
    statements: list[Statement] = []
    any_latex = False
    for number, (name, formula) in enumerate(formulas.items(), 1):
        if not isinstance(name, str) or not isinstance(formula, str):
            raise ClaimError("a dict of formulas has names as keys and texts as values")
        check_name(name, "the dict of formulas")
        part = _text(formula, known, latex, helpers)
        if len(part.returned) != 1 or part.statements:
            raise ClaimError(f"the formula of `{shown(name)}` is not one expression")
        line = part.returned[0]
        statements.append(Line(ast.Name(name), None, line.formula, number, f"{name} = {line.text}"))
        any_latex |= part.is_latex
    if not statements:
        raise ClaimError("the claim is empty: write a formula such as dW = X.T @ (p - y) / n")
    return Claim(tuple(statements), is_latex=any_latex)


def parse(text: str) -> ast.Module:
    """Return the syntax tree of a text that `check_length` let pass."""
    import warnings

    try:
        with warnings.catch_warnings():  # "invalid escape sequence" and the like
            warnings.simplefilter("ignore")
            return ast.parse(textwrap.dedent(text).strip("\n") + "\n")
    except SyntaxError as error:
        line = (error.text or "").strip()
        place = f"line {error.lineno}" if error.lineno else "the claim"
        said = f": `{shown(line)}`" if line else ""
        raise ClaimError(f"{place} is not Python: {error.msg}{said}") from None
    except (MemoryError, RecursionError, ValueError):
        raise ClaimError("the claim is nested beyond reading: name its parts on lines") from None


# --- statements --------------------------------------------------------------------------------


def _program(body: Sequence[ast.stmt], text: str, helpers: Collection[str]) -> Claim:
    reader = _Reader(textwrap.dedent(text).strip("\n"), helpers)
    returned: list[Line] = []
    statements: list[Statement] = []
    for node in body:
        if isinstance(node, ast.Expr) and not _is_text(node):
            returned = reader.returned(node.value, node.lineno)
        else:
            statements += reader.statements([node])
    if not statements and not returned and not reader.named:
        raise ClaimError("the claim is empty: write a formula such as dW = X.T @ (p - y) / n")
    return Claim(tuple(statements), tuple(returned), reader.named)


def source_of(function: Callable[..., Any]) -> str:
    """Return the text of a Python function, which is all of it that is looked at."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise ClaimError(
            f"the source of `{getattr(function, '__name__', function)}` cannot be found: "
            "give the claim as a text"
        ) from None
    return check_length(text.strip("\n"))


def read_function(text: str, name: str, helpers: Collection[str] = frozenset()) -> Claim:
    """Return the claim that the text of a function makes; the function is never called."""
    tree = parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    for node in functions:
        if node.name == name:
            return _function(node, text, helpers)
    if len(lambdas) == 1:
        only = lambdas[0]
        reader = _Reader(text, helpers)
        returned = reader.returned(only.body, only.lineno)
        return Claim((), tuple(returned), reader.named, _parameters(only.args))
    raise ClaimError("the claim is neither one function nor one lambda: give it as a text")


GRADIENT = re.compile(r"grad|back|deriv|claim|^d[A-Z_]", re.IGNORECASE)


def read_emitted(text: str) -> Claim:
    """Return a function that symgrad emitted as a claim, without the checks of its sizes."""
    tree = ast.parse(text)
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    function.body = [node for node in function.body if not isinstance(node, ast.If)]
    return _function(function, text, frozenset())


def _chosen(
    tree: ast.Module, functions: Sequence[ast.FunctionDef], text: str, helpers: Collection[str]
) -> Claim:
    """Return the claim of a file: the function named like a gradient, or else the last one.

    The others are helpers that it may call; what is assigned beside them are constants.
    """
    before = _Reader(textwrap.dedent(text).strip("\n"), helpers)
    constants: list[Statement] = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) and not _is_main(node):
            constants += before.statement(node)
    named = [node for node in functions if GRADIENT.search(node.name)]
    chosen = (named or functions)[-1]
    others = [node for node in functions if node is not chosen]
    known = {*helpers, *(node.name for node in others)}
    text = textwrap.dedent(text).strip("\n")
    claim = _function(chosen, text, known)
    called = names_called(chosen)
    read = {node.name: _function(node, text, known) for node in others if node.name in called}
    return replace(claim, statements=(*constants, *claim.statements), helpers=read)


def _is_text_or_function(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) or _is_text(node) or _is_main(node)


def _is_main(node: ast.stmt) -> bool:
    """Return whether a statement is ``if __name__ == "__main__"``, which is no part of a claim."""
    test = node.test if isinstance(node, ast.If) else None
    left = test.left if isinstance(test, ast.Compare) else None
    return isinstance(left, ast.Name) and left.id == "__name__"


def names_called(tree: ast.AST) -> set[str]:
    """Return the bare names that are called anywhere in a tree."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {called.id for called in calls if isinstance(called, ast.Name)}


def _function(node: ast.FunctionDef, text: str, helpers: Collection[str]) -> Claim:
    reader = _Reader(text, helpers)
    body = list(node.body)
    returned: list[Line] = []
    if body and isinstance(body[-1], ast.Return) and body[-1].value is not None:
        last = body.pop()
        assert isinstance(last, ast.Return) and last.value is not None
        statements = reader.statements(body)
        returned = reader.returned(last.value, last.lineno)
    else:
        statements = reader.statements(body)
    return Claim(tuple(statements), tuple(returned), reader.named, _parameters(node.args))


def _parameters(arguments: ast.arguments) -> tuple[str, ...]:
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return tuple(a.arg for a in given)


def _only_numpy(node: ast.Import | ast.ImportFrom) -> None:
    """Accept ``import numpy as np`` and ``from numpy import exp``, which are never performed."""
    modules = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
    for module in modules:
        if module not in ("numpy", "__future__", "scipy.special", "math"):
            raise ClaimError(f"line {node.lineno}: `import {shown(str(module))}` is not admissible")


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


class _Reader:
    """Reads statements, one after another, and remembers how each was written."""

    def __init__(self, text: str, helpers: Collection[str]):
        self.lines, self.helpers = text.splitlines(), helpers
        self.named: dict[str, Line] = {}

    def text_of(self, number: int) -> str:
        return self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""

    def admit(self, node: ast.expr, number: int) -> ast.expr:
        return admit(node, f"line {number}", self.helpers)

    def statements(self, body: Sequence[ast.stmt]) -> list[Statement]:
        return [found for node in body for found in self.statement(node)]

    def statement(self, node: ast.stmt) -> list[Statement]:
        match node:
            case ast.Assign():
                return self.assignment(node)
            case ast.AugAssign(op=op) if isinstance(op, OPERATORS):
                return [self.line(node.target, op, node.value, node.lineno)]
            case ast.For(orelse=[]):
                return [self.loop(node)]
            case ast.Pass():
                return []
            case ast.Import() | ast.ImportFrom():
                _only_numpy(node)
                return []
        if _is_text(node):
            return []
        words = f"`{type(node).__name__.lower()}`"
        raise ClaimError(
            f"line {node.lineno}: {words} is not part of the language of claims (assignments, "
            f"`for` over range, `return`): `{shown(self.text_of(node.lineno))}`"
        )

    def assignment(self, node: ast.Assign) -> list[Statement]:
        """Read ``a = b = formula`` and ``a, b = formula, formula``."""
        first, *more = node.targets
        found: list[Statement] = []
        is_pairwise = isinstance(first, (ast.Tuple, ast.List))
        if is_pairwise and isinstance(node.value, (ast.Tuple, ast.List)):
            names = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
            targets = first.elts  # type: ignore[attr-defined]
            if len(targets) != len(node.value.elts):
                raise ClaimError(f"line {node.lineno}: as many names as formulas are needed")
            if not names & {t.id for t in targets if isinstance(t, ast.Name)}:
                pairs = zip(targets, node.value.elts, strict=True)
                return [self.line(t, None, v, node.lineno) for t, v in pairs]
        found.append(self.line(first, None, node.value, node.lineno))
        for target in more:
            if not isinstance(first, ast.Name):
                raise ClaimError(f"line {node.lineno}: assign one name at a time")
            found.append(self.line(target, None, first, node.lineno))
        return found

    def line(
        self, target: ast.expr, update: ast.operator | None, formula: ast.expr, number: int
    ) -> Line:
        self.target(target, number)
        return Line(target, update, self.admit(formula, number), number, self.text_of(number))

    def target(self, target: ast.expr, number: int) -> None:
        match target:
            case ast.Name():
                if target.id in NUMPY:
                    raise ClaimError(f"line {number}: `{target.id}` means NumPy in a claim")
                check_name(target.id, f"line {number}")
            case ast.Subscript():
                self.admit(target, number)
            case ast.Tuple() | ast.List() if all(isinstance(t, ast.Name) for t in target.elts):
                for part in target.elts:
                    self.target(part, number)
            case _:
                raise ClaimError(f"line {number}: only names and parts of arrays are assigned")

    def loop(self, node: ast.For) -> Loop:
        over, number = node.iter, node.lineno
        is_range = isinstance(over, ast.Call) and isinstance(over.func, ast.Name)
        if not is_range or over.func.id != "range" or over.keywords:  # type: ignore[attr-defined]
            raise ClaimError(f"line {number}: a loop runs over range(...)")
        if not isinstance(node.target, ast.Name):
            raise ClaimError(f"line {number}: a loop has one variable")
        times = tuple(self.admit(x, number) for x in over.args)  # type: ignore[attr-defined]
        if not 1 <= len(times) <= 3:
            raise ClaimError(f"line {number}: range takes one to three numbers")
        variable = check_name(node.target.id, f"line {number}")
        return Loop(
            variable, times, tuple(self.statements(node.body)), number, self.text_of(number)
        )

    def returned(self, value: ast.expr, number: int) -> list[Line]:
        """Read what is returned: one formula, several, or a dict of them by name."""
        if isinstance(value, ast.Dict):
            for key, formula in zip(value.keys, value.values, strict=True):
                if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                    raise ClaimError(f"line {number}: the keys of a dict of answers are texts")
                name = check_name(key.value, f"line {number}")
                self.named[name] = self.result(formula, number)
            return []
        parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value]
        return [self.result(part, number) for part in parts]

    def result(self, formula: ast.expr, number: int) -> Line:
        return Line(None, None, self.admit(formula, number), number, self.text_of(number))
