"""The language of claims: what an expression may consist of, and what each function means.

Given a syntax tree, `admit` refuses everything that is not listed here.  Invariant: a name of
NumPy's stands for the row in this table, never for an attribute that is looked up.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.errors import ClaimError, did_you_mean

MOST_CHARACTERS = 20_000
MOST_NODES = 5_000
DEEPEST = 60
LARGEST_ARRAY = 1_000_000

NUMPY = ("np", "numpy")  # what a claim may call NumPy


@dataclass(frozen=True, slots=True)
class Function:
    """One function that a claim may call.

    ``on_numbers`` runs on arrays of numbers.  ``elements`` names an element-wise function, which
    symbols have too; a function without it arranges or sums, and runs on symbols as it is.
    ``keywords`` are the arguments that may be given by name.
    """

    on_numbers: Callable[..., Any]
    elements: str = ""
    keywords: frozenset[str] = frozenset()
    arity: tuple[int, int] = (1, 1)


def _sigmoid(z: Any) -> Any:
    return np.exp(-np.logaddexp(0.0, -np.asarray(z, float)))


def _softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: int = -1) -> Any:
    return x - _logsumexp(x, axis=axis, keepdims=True)


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    m = np.max(x, axis=axis, keepdims=True)
    total = m + np.log(np.sum(np.exp(x - m), axis=axis, keepdims=True))
    return total if keepdims else np.squeeze(total, axis=axis)[()]


def _one_hot(y: Any, k: Any) -> Any:
    return np.eye(int(k))[y]


def _elements(*names: str) -> dict[str, Function]:
    return {name: Function(getattr(np, name), name) for name in names}


AXIS = frozenset({"axis", "keepdims"})
DTYPE = frozenset({"dtype"})

FUNCTIONS: dict[str, Function] = {
    **_elements(
        "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "square", "abs",
        "sign", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
        "arcsinh", "arctanh", "negative", "reciprocal", "floor",
    ),
    "absolute": Function(np.abs, "abs"),
    "sigmoid": Function(_sigmoid, "sigmoid"),
    "expit": Function(_sigmoid, "sigmoid"),
    "softplus": Function(lambda z: np.logaddexp(0.0, z), "softplus"),
    "relu": Function(lambda z: np.maximum(0, z), "relu"),
    "heaviside": Function(np.heaviside, "heaviside", arity=(2, 2)),
    "add": Function(np.add, "add", arity=(2, 2)),
    "subtract": Function(np.subtract, "subtract", arity=(2, 2)),
    "multiply": Function(np.multiply, "multiply", arity=(2, 2)),
    "divide": Function(np.divide, "divide", arity=(2, 2)),
    "power": Function(np.power, "power", arity=(2, 2)),
    "maximum": Function(np.maximum, "maximum", arity=(2, 2)),
    "minimum": Function(np.minimum, "minimum", arity=(2, 2)),
    "hypot": Function(np.hypot, "hypot", arity=(2, 2)),
    "logaddexp": Function(np.logaddexp, "logaddexp", arity=(2, 2)),
    "clip": Function(np.clip, "clip", arity=(3, 3)),
    "where": Function(np.where, "where", arity=(3, 3)),
    "greater": Function(np.greater, "greater", arity=(2, 2)),
    "less": Function(np.less, "less", arity=(2, 2)),
    "equal": Function(np.equal, "equal", arity=(2, 2)),
    "logical_not": Function(np.logical_not, "logical_not"),
    "logical_and": Function(np.logical_and, "multiply", arity=(2, 2)),
    "sum": Function(np.sum, keywords=AXIS, arity=(1, 2)),
    "mean": Function(np.mean, keywords=AXIS, arity=(1, 2)),
    "prod": Function(np.prod, keywords=AXIS, arity=(1, 2)),
    "cumsum": Function(np.cumsum, keywords=AXIS, arity=(1, 2)),
    "max": Function(np.max, keywords=AXIS, arity=(1, 2)),
    "min": Function(np.min, keywords=AXIS, arity=(1, 2)),
    "amax": Function(np.max, keywords=AXIS, arity=(1, 2)),
    "argmax": Function(np.argmax, keywords=AXIS, arity=(1, 2)),
    "var": Function(np.var, keywords=AXIS, arity=(1, 2)),
    "std": Function(np.std, keywords=AXIS, arity=(1, 2)),
    "dot": Function(np.dot, arity=(2, 2)),
    "matmul": Function(np.matmul, arity=(2, 2)),
    "outer": Function(np.outer, arity=(2, 2)),
    "inner": Function(np.inner, arity=(2, 2)),
    "vdot": Function(np.vdot, arity=(2, 2)),
    "kron": Function(np.kron, arity=(2, 2)),
    "cross": Function(np.cross, arity=(2, 2)),
    "tensordot": Function(np.tensordot, keywords=frozenset({"axes"}), arity=(2, 3)),
    "einsum": Function(np.einsum, arity=(2, 6)),
    "trace": Function(np.trace),
    "diag": Function(np.diag),
    "tril": Function(np.tril, arity=(1, 2)),
    "triu": Function(np.triu, arity=(1, 2)),
    "transpose": Function(np.transpose, keywords=frozenset({"axes"}), arity=(1, 2)),
    "swapaxes": Function(np.swapaxes, arity=(3, 3)),
    "reshape": Function(np.reshape, arity=(2, 2)),
    "ravel": Function(np.ravel),
    "squeeze": Function(np.squeeze, keywords=frozenset({"axis"}), arity=(1, 2)),
    "expand_dims": Function(np.expand_dims, keywords=frozenset({"axis"}), arity=(1, 2)),
    "atleast_2d": Function(np.atleast_2d),
    "broadcast_to": Function(np.broadcast_to, arity=(2, 2)),
    "flip": Function(np.flip, keywords=frozenset({"axis"}), arity=(1, 2)),
    "concatenate": Function(np.concatenate, keywords=frozenset({"axis"}), arity=(1, 2)),
    "stack": Function(np.stack, keywords=frozenset({"axis"}), arity=(1, 2)),
    "vstack": Function(np.vstack),
    "hstack": Function(np.hstack),
    "array": Function(np.array, keywords=DTYPE),
    "asarray": Function(np.asarray, keywords=DTYPE),
    "copy": Function(np.copy),
    "zeros": Function(np.zeros, keywords=DTYPE, arity=(1, 2)),
    "ones": Function(np.ones, keywords=DTYPE, arity=(1, 2)),
    "full": Function(np.full, keywords=DTYPE, arity=(2, 3)),
    "zeros_like": Function(np.zeros_like, keywords=DTYPE),
    "ones_like": Function(np.ones_like, keywords=DTYPE),
    "full_like": Function(np.full_like, keywords=DTYPE, arity=(2, 2)),
    "eye": Function(np.eye, keywords=DTYPE, arity=(1, 2)),
    "identity": Function(np.identity),
    "arange": Function(np.arange, keywords=DTYPE, arity=(1, 3)),
    "inv": Function(np.linalg.inv),
    "det": Function(np.linalg.det),
    "solve": Function(np.linalg.solve, arity=(2, 2)),
    "norm": Function(np.linalg.norm, keywords=AXIS, arity=(1, 1)),
    "softmax": Function(_softmax, keywords=frozenset({"axis"}), arity=(1, 2)),
    "log_softmax": Function(_log_softmax, keywords=frozenset({"axis"}), arity=(1, 2)),
    "logsumexp": Function(_logsumexp, keywords=AXIS, arity=(1, 2)),
    "one_hot": Function(_one_hot, arity=(2, 2)),
    "len": Function(len),
    "float": Function(float),
    "int": Function(int),
}  # fmt: skip

NOT_NUMPY = frozenset({
    "sigmoid", "expit", "softplus", "relu", "softmax", "log_softmax", "logsumexp", "one_hot",
    "len", "float", "int",
})  # fmt: skip
LINALG = frozenset({"inv", "det", "solve", "norm"})
BARE = frozenset(FUNCTIONS) - LINALG  # may be called by their bare name
CONSTANTS = {"pi": np.pi, "e": np.e, "newaxis": None}
DTYPES = frozenset({"float", "int", "bool", "float64", "float32", "int64", "int32", "bool_"})

METHODS = frozenset({
    "sum", "mean", "reshape", "dot", "transpose", "copy", "astype", "ravel", "flatten", "squeeze",
    "max", "min", "trace", "cumsum", "prod", "var", "std", "argmax",
})  # fmt: skip
ATTRIBUTES = frozenset({"T", "shape", "size", "ndim"})

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.MatMult, ast.FloorDiv, ast.Mod)
BITWISE = (ast.BitAnd, ast.BitOr)  # of masks
COMPARISONS = (ast.Gt, ast.Lt, ast.GtE, ast.LtE, ast.Eq, ast.NotEq)
UNARY = (ast.USub, ast.UAdd, ast.Not, ast.Invert)


def function_name(called: ast.expr) -> str | None:
    """Return the row that ``np.exp``, ``np.linalg.inv`` or ``exp`` names, or None."""
    if isinstance(called, ast.Name):
        return called.id if called.id in BARE else None
    if not isinstance(called, ast.Attribute):
        return None
    owner = called.value
    if isinstance(owner, ast.Name) and owner.id in NUMPY:
        known = called.attr in FUNCTIONS and called.attr not in LINALG | NOT_NUMPY
        return called.attr if known else None
    is_linalg = isinstance(owner, ast.Attribute) and owner.attr == "linalg"
    if is_linalg and isinstance(owner.value, ast.Name) and owner.value.id in NUMPY:  # type: ignore[attr-defined]
        return called.attr if called.attr in LINALG else None
    return None


def admit(
    tree: ast.expr, where: str = "the claim", helpers: Collection[str] = frozenset()
) -> ast.expr:
    """Return the expression, or raise `ClaimError` at the first thing that is not admissible.

    ``helpers`` are functions of the user's own that a claim may call.
    """
    count = 0
    todo: list[tuple[ast.expr, int]] = [(tree, 1)]
    while todo:
        node, depth = todo.pop()
        count += 1
        if depth > DEEPEST or count > MOST_NODES:
            raise ClaimError(f"{where} is nested or long beyond reading: name its parts on lines")
        todo += [(child, depth + 1) for child in _parts(node, where, helpers)]
    return tree


def _parts(node: ast.expr, where: str, helpers: Collection[str]) -> list[ast.expr]:
    """Return what an admissible node is made of."""
    match node:
        case ast.Constant():
            return _constant(node, where)
        case ast.Name():
            check_name(node.id, where)
            return []
        case ast.BinOp(op=op) if isinstance(op, OPERATORS + BITWISE):
            return [node.left, node.right]
        case ast.UnaryOp(op=op) if isinstance(op, UNARY):
            return [node.operand]
        case ast.Compare(ops=[op]) if isinstance(op, COMPARISONS):
            return [node.left, *node.comparators]
        case ast.IfExp():
            return [node.test, node.body, node.orelse]
        case ast.Tuple() | ast.List():
            return list(node.elts)
        case ast.Subscript():
            return [node.value, *_index(node.slice)]
        case ast.Attribute():
            return _attribute(node, where)
        case ast.Call():
            if isinstance(node.func, ast.Name) and node.func.id in helpers:
                _only(node, frozenset(), where)
                return [x for x in node.args if not is_word(x)]
            return _call(node, where)
    raise ClaimError(f"{where}: {_words(node)} is not part of the language of claims")


def _words(node: ast.AST) -> str:
    kind = type(node).__name__
    words = {
        "Lambda": "a lambda", "ListComp": "a comprehension", "GeneratorExp": "a comprehension",
        "JoinedStr": "an f-string", "BoolOp": "`and`/`or`", "Compare": "this comparison",
        "NamedExpr": "`:=`", "Await": "`await`", "Yield": "`yield`", "Starred": "`*`",
        "BinOp": "this operator", "UnaryOp": "this operator", "Dict": "a dict",
    }  # fmt: skip
    return words.get(kind, f"`{kind}`")


def _constant(node: ast.Constant, where: str) -> list[ast.expr]:
    value = node.value
    if isinstance(value, (bool, int, float)) and abs(value) < 1e300:
        return []
    raise ClaimError(
        f"{where}: a constant of type {type(value).__name__} or size is not admissible"
    )


def _index(node: ast.expr) -> list[ast.expr]:
    entries = node.elts if isinstance(node, ast.Tuple) else [node]
    found: list[ast.expr] = []
    for entry in entries:
        if isinstance(entry, ast.Slice):
            found += [x for x in (entry.lower, entry.upper, entry.step) if x is not None]
        elif not is_word(entry):
            found.append(entry)
    return found


def is_word(node: ast.expr) -> bool:
    """Return whether a node is a setting: None, ``...``, or a text such as a key or a dtype."""
    if not isinstance(node, ast.Constant):
        return False
    value = node.value
    return value is None or value is Ellipsis or (isinstance(value, str) and len(value) <= 64)


def _attribute(node: ast.Attribute, where: str) -> list[ast.expr]:
    if isinstance(node.value, ast.Name) and node.value.id in NUMPY:
        if node.attr in CONSTANTS or node.attr in DTYPES:
            return []
        close = did_you_mean(node.attr, CONSTANTS)
        raise ClaimError(f"{where}: np.{shown(node.attr)} is not admissible{close}")
    if node.attr not in ATTRIBUTES:
        close = did_you_mean(node.attr, ATTRIBUTES)
        raise ClaimError(f"{where}: the attribute `.{shown(node.attr)}` is not admissible{close}")
    return [node.value]


def _call(node: ast.Call, where: str) -> list[ast.expr]:
    name = function_name(node.func)
    given = [*node.args, *(k.value for k in node.keywords if not is_word(k.value))]
    if any(isinstance(x, ast.Starred) for x in node.args) or any(not k.arg for k in node.keywords):
        raise ClaimError(f"{where}: `*` in a call is not admissible")
    if name is not None:
        return _function(node, name, given, where)
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        owner = node.func.value
        if not (isinstance(owner, ast.Name) and owner.id in NUMPY):
            allowed = {"axis", "keepdims", "order"} if node.func.attr != "copy" else set()
            _only(node, allowed, where)
            return [owner, *(x for x in given if not is_word(x))]
    raise ClaimError(
        f"{where}: a call of `{_called(node.func)}` is not admissible" + _known(node.func)
    )


def _function(node: ast.Call, name: str, given: list[ast.expr], where: str) -> list[ast.expr]:
    row = FUNCTIONS[name]
    _only(node, row.keywords, where)
    least, most = row.arity
    by_name = len(node.keywords)
    if not least <= len(node.args) + by_name or len(node.args) > most:
        raise ClaimError(f"{where}: `{name}` takes {least} to {most} arguments")
    return given[1:] if name == "einsum" and is_word(node.args[0]) else given


def _only(node: ast.Call, allowed: frozenset[str] | set[str], where: str) -> None:
    for word in node.keywords:
        if word.arg not in allowed:
            name = shown(str(word.arg))
            raise ClaimError(f"{where}: the argument `{name}=` is not admissible here")


def _called(called: ast.expr) -> str:
    if isinstance(called, ast.Name):
        return shown(called.id)
    if isinstance(called, ast.Attribute):
        inner = called.value.id if isinstance(called.value, ast.Name) else ""
        return f"{shown(inner)}.{shown(called.attr)}"
    return _words(called)


def _known(called: ast.expr) -> str:
    word = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
    return did_you_mean(word, [*FUNCTIONS, *METHODS])


def shown(name: str) -> str:
    """Return a name as a message may quote it: printable and short."""
    plain = "".join(c if c.isprintable() else "?" for c in name)
    return plain if len(plain) <= 40 else plain[:37] + "..."


def check_name(name: str, where: str) -> str:
    """Return a name that a claim may use, or raise `ClaimError`."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ClaimError(f"{where}: `{shown(name)}` is no name")
    if name.startswith("__") or len(name) > 64:
        raise ClaimError(f"{where}: the name `{shown(name)}` is not admissible")
    return name
