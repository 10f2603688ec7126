"""Walk a claim over values: arrays of numbers, of fractions or of symbols.

Given the statements of a claim and the values of its names, return the values it computes.
Invariant: no text is run; each node and each function is one that `language` lists, and what a
claim may cost in steps and elements is bounded before it is spent.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.errors import ClaimError
from symgrad.study.judge import mathematics
from symgrad.study.judge.claims import Claim, Line, Loop, Statement, assigned_by
from symgrad.study.judge.language import (
    ATTRIBUTES,
    CONSTANTS,
    FUNCTIONS,
    LARGEST_ARRAY,
    NUMPY,
    function_name,
    shown,
)

MOST_STEPS = 200_000
LARGEST_EXPONENT = 1024
MOST_BITS = 4096
DEEPEST_CALLS = 8

FAILURES = (
    ValueError, IndexError, TypeError, KeyError, AttributeError, ArithmeticError, AssertionError,
    np.linalg.LinAlgError,
)  # fmt: skip


class Failed(Exception):
    """A formula has no value here: shapes that do not fit, a division by zero, ..."""

    def __init__(self, reason: str, line: int = 0):
        super().__init__(reason)
        self.reason, self.line = reason, line


@dataclass(slots=True)
class Outcome:
    """The values of all names after a claim has been walked, and the lines without a value."""

    values: dict[str, Any]
    failures: list[Failed] = field(default_factory=list)


class Numbers:
    """How values behave that are numbers."""

    def constant(self, value: Any) -> Any:
        return value

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        if isinstance(a, (list, tuple, str)) or isinstance(b, (list, tuple, str)):
            raise ClaimError("a list is no array in a claim: write np.array([...])")
        return _BINARY[type(op)](a, b)

    def compare(self, op: ast.cmpop, a: Any, b: Any) -> Any:
        return _COMPARE[type(op)](a, b)

    def call(self, name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        return FUNCTIONS[name].on_numbers(*args, **keywords)

    def truth(self, value: Any) -> bool:
        return bool(value)

    def method(self, name: str, owner: Any, args: Sequence[Any], keywords: Any) -> Any:
        return getattr(np.asarray(owner), name)(*args, **keywords)


NUMBERS = Numbers()

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.MatMult: operator.matmul, ast.Pow: operator.pow,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}  # fmt: skip
_IN_PLACE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.iadd, ast.Sub: operator.isub, ast.Mult: operator.imul,
    ast.Div: operator.itruediv, ast.MatMult: operator.imatmul, ast.Pow: operator.ipow,
    ast.FloorDiv: operator.ifloordiv, ast.Mod: operator.imod,
}  # fmt: skip
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt, ast.Lt: operator.lt, ast.GtE: operator.ge, ast.LtE: operator.le,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_UNARY: dict[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert,
    ast.Not: operator.not_,
}  # fmt: skip
_DTYPES = {
    "float": float, "int": int, "bool": bool, "float64": np.float64, "float32": np.float64,
    "int64": np.int64, "int32": np.int64, "bool_": bool,
}  # fmt: skip


class Interpreter:
    """Walks expressions and statements with the values of one point.

    ``ground`` maps the names that are known beforehand (parameters, the function's own
    intermediates) to their values, or to what makes the value when it is first asked for.
    """

    def __init__(
        self,
        ground: Mapping[str, Any],
        kind: Numbers = NUMBERS,
        helpers: Mapping[str, Claim] | None = None,
        depth: int = 0,
    ):
        self.kind, self.helpers, self.depth = kind, helpers or {}, depth
        self.ground, self.steps = ground, 0
        self.values: dict[str, Any] = {}

    # --- statements

    def run(self, statements: Sequence[Statement]) -> Outcome:
        """Walk every statement; one that fails leaves its name without a value."""
        failures: list[Failed] = []
        with np.errstate(all="ignore"):
            for statement in statements:
                try:
                    self.statement(statement)
                except Failed as failed:
                    failures.append(Failed(failed.reason, failed.line or statement.line))
                    for name in assigned_by(statement):
                        self.values[name] = failures[-1]
        return Outcome(self.values, failures)

    def statement(self, statement: Statement) -> None:
        if isinstance(statement, Loop):
            self.loop(statement)
        else:
            self.line(statement)

    def loop(self, loop: Loop) -> None:
        counts = [self.value(x) for x in loop.times]
        for count in guarded(lambda: range(*[operator.index(c) for c in counts])):
            self.spend(1)
            self.values[loop.variable] = int(count)
            for statement in loop.body:
                self.statement(statement)

    def line(self, line: Line) -> None:
        value = self.value(line.formula)
        target = line.target
        if target is None:
            return
        if isinstance(target, (ast.Tuple, ast.List)):
            parts = guarded(lambda: list(value))
            if len(parts) != len(target.elts):
                raise Failed(f"{len(target.elts)} names for {len(parts)} values", line.line)
            for part, one in zip(target.elts, parts, strict=True):
                self.values[part.id] = one  # type: ignore[attr-defined]
        elif isinstance(target, ast.Subscript):
            self.put(target, line.update, value)
        else:
            name = target.id  # type: ignore[attr-defined]
            self.values[name] = value if line.update is None else self.updated(target, line, value)

    def updated(self, target: ast.expr, line: Line, value: Any) -> Any:
        mine = self.own(target)
        if isinstance(mine, np.ndarray) and mine.dtype != object:
            return self.checked(lambda: _IN_PLACE[type(line.update)](mine, value), mine, value)
        assert line.update is not None
        return self.binary(line.update, mine, value)

    def put(self, target: ast.Subscript, update: ast.operator | None, value: Any) -> None:
        array, key = self.own(target.value), self.index(target.slice)
        if not isinstance(array, (np.ndarray, list)):
            raise Failed("only a part of an array is assigned")

        def write() -> None:
            if update is None:
                array[key] = value
            else:
                array[key] = self.binary(update, array[key], value)

        guarded(write)

    def own(self, target: ast.expr) -> Any:
        """Return a value that may be written to: the first write to a given array copies it."""
        if isinstance(target, ast.Name) and target.id not in self.values:
            value = self.value(target)
            self.values[target.id] = value.copy() if isinstance(value, np.ndarray) else value
            return self.values[target.id]
        if isinstance(target, ast.Subscript):
            return guarded(lambda: self.own(target.value)[self.index(target.slice)])
        return self.value(target)

    # --- expressions

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise ClaimError(f"the claim takes more than {MOST_STEPS} steps on a small example")

    def value(self, node: ast.expr) -> Any:
        self.spend(1)
        match node:
            case ast.Name():
                return self.name(node.id)
            case ast.Constant():
                return self.kind.constant(node.value)
            case ast.BinOp():
                return self.binary(node.op, self.value(node.left), self.value(node.right))
            case ast.UnaryOp():
                return self.unary(node.op, self.value(node.operand))
            case ast.Compare():
                a, b = self.value(node.left), self.value(node.comparators[0])
                return self.checked(lambda: self.kind.compare(node.ops[0], a, b), a, b)
            case ast.Call():
                return self.call(node)
            case ast.Attribute():
                return self.attribute(node)
            case ast.Subscript():
                owner, key = self.value(node.value), self.index(node.slice)
                return guarded(lambda: owner[key])
            case ast.IfExp():
                test = self.value(node.test)
                taken = guarded(lambda: self.kind.truth(test))
                return self.value(node.body if taken else node.orelse)
            case ast.Tuple():
                return tuple(self.value(x) for x in node.elts)
            case ast.List():
                return [self.value(x) for x in node.elts]
        raise ClaimError(f"`{type(node).__name__}` is not part of the language of claims")

    def name(self, name: str) -> Any:
        if name in self.values:
            value = self.values[name]
            if isinstance(value, Failed):
                raise Failed(f"`{name}` has no value, since line {value.line} has none")
            return value
        if name in self.ground:
            value = self.ground[name]
            return value.copy() if isinstance(value, np.ndarray) else value
        if name in ("pi", "e"):
            return self.kind.constant(CONSTANTS[name])
        raise Failed(f"`{shown(name)}` is not defined here")

    def unary(self, op: ast.unaryop, a: Any) -> Any:
        if isinstance(op, ast.Not):
            return not guarded(lambda: self.kind.truth(a))
        if isinstance(op, ast.USub) and isinstance(a, np.ndarray) and a.dtype == bool:
            return -a.astype(int)
        return guarded(lambda: _UNARY[type(op)](a))

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        if isinstance(op, ast.Pow):
            bounded_power(a, b)
        if isinstance(op, ast.Sub) and _is_mask(a) and _is_mask(b):
            a = a.astype(int)
        if isinstance(op, ast.MatMult):
            check_product(a, b)
            return guarded(lambda: self.kind.binary(op, a, b))
        return self.checked(lambda: self.kind.binary(op, a, b), a, b)

    def checked(self, compute: Callable[[], Any], *parts: Any) -> Any:
        """Compute element by element, after looking how many elements that makes."""
        arrays = [x.shape for x in parts if isinstance(x, np.ndarray)]
        if len(arrays) > 1:
            try:
                shape = np.broadcast_shapes(*arrays)
            except ValueError:
                raise Failed(f"the shapes {' and '.join(map(str, arrays))} do not fit") from None
            bounded(shape)
        value = guarded(compute)
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise ClaimError("the claim computes an integer beyond every bound")
        return value

    def call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id in self.helpers:
            return self.helper(node.func.id, [self.value(x) for x in node.args])
        if isinstance(node.func, ast.Name) and node.func.id in mathematics.CALLS:
            return guarded(lambda: mathematics.value_of(node.func.id, node.args, self))  # type: ignore[attr-defined]
        name = function_name(node.func)
        keywords = {str(k.arg): self.setting(k.value) for k in node.keywords}
        if name is None:
            assert isinstance(node.func, ast.Attribute)
            owner, method = self.value(node.func.value), node.func.attr
            args = [self.setting(x) for x in node.args]
            if method in ("dot",):
                bounded_product(np.shape(owner), np.shape(args[0]))
            return guarded(lambda: self.kind.method(method, owner, args, keywords))
        return self.applied(name, [self.setting(x) for x in node.args], keywords)

    def applied(self, name: str, args: Sequence[Any], keywords: Mapping[str, Any] = {}) -> Any:
        """Return what a function of the table makes of values."""
        bounded_call(name, args)
        self.spend(10)
        return guarded(lambda: self.kind.call(name, args, keywords))

    def within(self, more: Mapping[str, Any], outer: Interpreter | None = None) -> Interpreter:
        """Return a walker that knows more names, beside those of another walker."""
        known = {**outer.ground, **outer.values} if outer is not None else {}
        inner = Interpreter({**known, **more}, self.kind, self.helpers, self.depth + 1)
        self.spend(5)
        inner.steps = self.steps
        return inner

    def seen(self, node: ast.expr) -> Any:
        """Return the value of a formula, or None if it has none here."""
        try:
            with np.errstate(all="ignore"):
                return self.value(node)
        except Failed:
            return None

    def helper(self, name: str, args: Sequence[Any]) -> Any:
        """Walk a function of the user's own that the claim calls."""
        claim = self.helpers[name]
        if self.depth > DEEPEST_CALLS:
            raise ClaimError(f"`{name}` calls itself too deep")
        if len(args) != len(claim.parameters):
            raise Failed(f"`{name}` takes {len(claim.parameters)} arguments, not {len(args)}")
        ground = dict(zip(claim.parameters, args, strict=True))
        inner = Interpreter(ground, self.kind, self.helpers, self.depth + 1)
        inner.steps = self.steps
        for statement in claim.statements:
            inner.statement(statement)
        values = [inner.value(line.formula) for line in claim.returned]
        self.steps = inner.steps
        return values[0] if len(values) == 1 else tuple(values)

    def setting(self, node: ast.expr) -> Any:
        """Return the value of an argument, which may be a dtype."""
        if isinstance(node, ast.Name) and node.id in _DTYPES and node.id not in self.values:
            return _DTYPES[node.id]
        is_numpys = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if is_numpys and node.value.id in NUMPY and node.attr in _DTYPES:  # type: ignore[attr-defined]
            return _DTYPES[node.attr]  # type: ignore[attr-defined]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return _DTYPES.get(node.value, node.value)
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            return self.unary(node.op, node.operand.value)  # axis=-1 stays a number
        return self.value(node)

    def attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id in NUMPY:
            return self.kind.constant(CONSTANTS[node.attr])
        owner = self.value(node.value)
        assert node.attr in ATTRIBUTES
        return getattr(np.asarray(owner), node.attr)

    def index(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple):
            return tuple(self.entry(x) for x in node.elts)
        return self.entry(node)

    def entry(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Slice):
            ends = (node.lower, node.upper, node.step)
            return slice(*(None if x is None else self.setting(x) for x in ends))
        return self.setting(node)


def guarded(compute: Callable[[], Any]) -> Any:
    """Return what is computed, or raise `Failed` with the reason in NumPy's words."""
    try:
        return compute()
    except Failed:
        raise
    except ClaimError:
        raise
    except FAILURES as error:
        reason = str(error).split("\n")[0][:200]
        raise Failed(reason or type(error).__name__) from None
    except (MemoryError, RecursionError):
        raise ClaimError("the claim needs more memory than a small example may") from None


def _is_mask(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype == bool


# --- bounds, looked at before anything is computed ---------------------------------------------


def bounded(shape: Sequence[Any]) -> None:
    count = 1
    for size in shape:
        count *= max(int(size), 0)
    if count > LARGEST_ARRAY:
        raise ClaimError(f"the claim makes an array of {count} elements from a small example")


def bounded_power(a: Any, b: Any) -> None:
    """Refuse ``9 ** 9 ** 9``: a Python integer grows until the memory is gone."""
    is_whole = isinstance(a, int) and isinstance(b, int)
    if is_whole and (abs(b) > LARGEST_EXPONENT or a.bit_length() * abs(b) > MOST_BITS):
        raise ClaimError("the claim computes a power beyond every bound")


def check_product(a: Any, b: Any) -> None:
    """Say in plain words that two arrays have no matrix product, or one beyond every bound."""
    left, right = np.shape(a), np.shape(b)
    if not left or not right:
        raise Failed("`@` multiplies arrays: with a number use `*`")
    if left[-1] != right[-2:][0]:
        raise Failed(f"the shapes {left} and {right} do not fit in a matrix product")
    bounded_product(left, right)


def bounded_product(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    if len(left) > 1 or len(right) > 1:
        bounded((*left[:-1], *right[:-2], *right[-1:]))


def bounded_call(name: str, args: Sequence[Any]) -> None:
    if name in ("zeros", "ones", "full", "broadcast_to"):
        shape = args[1] if name == "broadcast_to" else args[0]
        guarded(lambda: bounded(np.atleast_1d(np.asarray(shape, dtype=int)).tolist()))
    elif name in ("eye", "identity", "one_hot"):
        last = 1 if name == "one_hot" else 0
        sizes = args[last : last + 2] if name == "eye" else args[last : last + 1]
        guarded(lambda: bounded([int(x) for x in sizes] * (3 - len(sizes))))
    elif name == "arange":
        guarded(lambda: bounded([max((abs(int(x)) for x in args), default=0)]))
        if len(args) == 3 and abs(args[2]) < 1e-3:
            raise ClaimError("np.arange with so small a step makes too many elements")
    elif name in ("outer", "kron", "tensordot", "diag"):
        counts = [int(np.size(x)) for x in args if not isinstance(x, (tuple, list))]
        bounded(counts if name != "diag" else counts * 2)
    elif name == "einsum":
        bounded_einsum(args)
    elif name == "power":
        bounded_power(*args)
    else:
        arrays = [np.shape(x) for x in args if isinstance(x, np.ndarray)]
        if len(arrays) > 1 and FUNCTIONS[name].elements:
            guarded(lambda: bounded(np.broadcast_shapes(*arrays)))


def bounded_einsum(args: Sequence[Any]) -> None:
    text, *operands = args
    if not isinstance(text, str):
        raise ClaimError("np.einsum takes its subscripts as a text first")
    sizes: dict[str, int] = {}
    for word, operand in zip(text.split("->")[0].split(","), operands, strict=False):
        for letter, size in zip(word.replace(" ", ""), np.shape(operand), strict=False):
            sizes[letter] = size
    bounded(list(sizes.values()))
