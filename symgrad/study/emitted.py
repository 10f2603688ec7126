"""A saved module read back: what it says of itself, and that it holds nothing but emitted code.

Given the text of a module, return an `EmittedModule`, or raise `SpecError`.  Invariant: text is
executed only after every node of it was found among what symgrad emits; it can call functions of
NumPy and `scipy.special` on arrays, and reach nothing else.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NoReturn

import numpy as np

from symgrad.errors import SpecError

FUNCTIONS = ("forward", "backward", "value_and_grad")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NUMPY = _words(
    "abs absolute add add.accumulate add.at add.reduce all amax amin angle any append arange "
    "arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort array asarray "
    "atleast_1d atleast_2d bincount bitwise_and bitwise_count bitwise_or bitwise_xor bool_ "
    "broadcast_arrays broadcast_to cbrt ceil choose clip column_stack concatenate copy copysign "
    "cos cosh count_nonzero cross cumprod cumsum deg2rad degrees diag diagflat diagonal diff "
    "divide divmod dot dstack e einsum empty empty_like equal exp exp2 expand_dims expm1 eye fabs "
    "flip fliplr flipud float16 float32 float64 float_power floor floor_divide fmax fmin fmod "
    "frexp full full_like gcd greater greater_equal heaviside hstack hypot i0 identity inf inner "
    "int16 int32 int64 int8 invert isclose iscomplex isfinite isinf isnan isneginf isposinf "
    "isreal lcm ldexp less less_equal lib.stride_tricks.sliding_window_view linalg.det linalg.inv "
    "linalg.matrix_power linalg.norm linalg.slogdet linalg.solve log log10 log1p log2 logaddexp "
    "logaddexp.accumulate logaddexp.reduce logaddexp2 logaddexp2.accumulate logaddexp2.reduce "
    "logical_and logical_not logical_or logical_xor matmul max maximum maximum.accumulate "
    "maximum.at maximum.reduce mean min minimum minimum.accumulate minimum.reduce mod modf "
    "moveaxis multiply multiply.accumulate multiply.at multiply.reduce nan nan_to_num negative "
    "newaxis nextafter not_equal ones ones_like outer pad pi positive power prod ptp rad2deg "
    "radians ravel reciprocal remainder repeat reshape rint roll rollaxis rot90 round s_ "
    "searchsorted select sign signbit sin sinc sinh sort spacing split sqrt square squeeze stack "
    "std subtract subtract.outer sum swapaxes take take_along_axis tan tanh tensordot tile trace "
    "transpose tri tril triu true_divide trunc uint16 uint32 uint64 uint8 unique unwrap vander "
    "var vdot vsplit vstack where zeros zeros_like"
)
METHODS = _words(
    "all any argmax argmin argsort astype clip conj copy cumprod cumsum diagonal dot flatten "
    "item max mean min nonzero prod ravel repeat reshape round sort squeeze std sum swapaxes "
    "take trace transpose var view"
)
BUILT_INS = _words("abs bool float int len list max min range round slice sum tuple type zip")

SPECIAL = _words(
    "beta betainc betaincc betaincinv betaln binom boxcox boxcox1p cosm1 dawsn digamma entr erf "
    "erfc erfcinv erfcx erfi erfinv exp1 exp10 expi expit expn exprel gamma gammainc gammaincc "
    "gammainccinv gammaincinv gammaln gammasgn huber hyp0f1 hyp1f1 i0 i0e i1 i1e inv_boxcox "
    "inv_boxcox1p iv ive j0 j1 jv k0 k0e k1 k1e kl_div kn kv kve log_expit log_ndtr loggamma "
    "logit log_softmax logsumexp ndtr ndtri polygamma powm1 pseudo_huber rel_entr softmax xlog1py "
    "xlogy y0 y1 yn yv zeta"
)
IMPORTED = {"numpy.lib.stride_tricks": _words("sliding_window_view")}  # by their own names

ATTRIBUTES = _words("T dtype flat imag ndim real shape size")
_KINDS = (np.ndarray, np.ufunc, str, bytes, dict, list, tuple, float, int, type)

_STATEMENTS = (
    ast.Assign, ast.AugAssign, ast.Return, ast.If, ast.For, ast.Raise, ast.Delete, ast.Expr,
)  # fmt: skip
_EXPRESSIONS = (
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Dict,
    ast.Call, ast.keyword, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp,
    ast.JoinedStr, ast.FormattedValue, ast.Starred, ast.operator, ast.unaryop, ast.cmpop,
    ast.boolop, ast.expr_context,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contract:
    """What the docstring says of one array: its name, its sizes as text, its dtype."""

    name: str
    shape: tuple[str, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a module comes from: ``file:name``, the version, the digest of the source."""

    place: str
    version: str
    digest: str
    without: tuple[str, ...] = ()
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EmittedModule:
    """The text of a module, and what it says of itself."""

    text: str
    name: str
    contract: tuple[Contract, ...]
    origin: Origin | None
    tree: ast.Module

    def function(self, name: str) -> ast.FunctionDef:
        return next(f for f in self.tree.body if isinstance(f, ast.FunctionDef) and f.name == name)

    def doc(self, name: str) -> str:
        return ast.get_docstring(self.function(name)) or ""

    @property
    def has_aux(self) -> bool:
        return "(with its aux)" in self.doc("value_and_grad")

    @property
    def words(self) -> list[str]:
        """What the gradient is by, as the docstring has it (``dW1``), or [] if it is cut short."""
        found = re.match(r"Return ([\w, ]+): the gradient of", self.doc("backward"))
        if found:
            return found[1].split(", ")
        return [f"d{name}" for name in self.origin.by] if self.origin else []

    def load(self, text: str | None = None) -> ModuleType:
        """Execute the module, whose text was checked when it was read."""
        from symgrad.load import load

        return load(self.text if text is None else read(text).text, self.name)


def read(text: str) -> EmittedModule:
    """Return what a saved module says of itself, once it holds nothing but emitted code."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SpecError(f"this is no Python text: {error}") from None
    doc = ast.get_docstring(tree) or ""
    title = re.match(r"Value and gradient of `([^`]*)`", doc)
    if title is None:
        raise SpecError(
            "this is no module that symgrad wrote: its docstring does not begin with `Value and "
            "gradient of`"
        )
    refuse_foreign_code(tree)
    contract, origin = _contract(doc), _origin(doc)
    return EmittedModule(text, title[1], contract, origin, tree)


# --- the docstring ------------------------------------------------------------------------------


def _paragraphs(doc: str) -> list[str]:
    return ["  ".join(part.splitlines()) for part in re.split(r"\n\s*\n", doc)[1:]]


def _contract(doc: str) -> tuple[Contract, ...]:
    """Read ``W1 (D, H)  y (N,) int64  lam ()``."""
    for paragraph in _paragraphs(doc):
        words = re.split(r"\s{2,}", paragraph.strip())
        found = [_WORD.fullmatch(word) for word in words]
        if all(found):
            return tuple(Contract(m[1], tuple(_sizes(m[2])), m[3] or "float64") for m in found if m)
    raise SpecError("the module's docstring does not say the shapes of its arguments")


_WORD = re.compile(r"(\w+) \((.*)\)(?: (\w+))?")


def _sizes(inside: str) -> Iterator[str]:
    """Return the sizes in ``N, max(d, 3),``: commas in brackets part nothing."""
    depth, start = 0, 0
    for k, c in enumerate(f"{inside},"):
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            if inside[start:k].strip():
                yield inside[start:k].strip()
            start = k + 1


def _origin(doc: str) -> Origin | None:
    for paragraph in _paragraphs(doc):
        line = " ".join(paragraph.split())
        found = re.fullmatch(
            r"(?:From (?P<place>.*), |Made by )symgrad (?P<version>[\w.+]+)"
            r"(?:, source sha256 (?P<digest>[0-9a-f]{16}))?(?:, without (?P<without>`.*`))?"
            r"(?:, by (?P<by>\w+(?:, \w+)*))?\.",
            line,
        )
        if found:
            laws = tuple(re.findall(r"`([^`]*)`", found["without"] or ""))
            by = tuple(found["by"].split(", ")) if found["by"] else ()
            return Origin(found["place"] or "", found["version"], found["digest"] or "", laws, by)
    return None


OPERATIONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def size_of(text: str, sizes: Mapping[str, int]) -> int:
    """Return the number that the text of a size stands for."""
    return _size(ast.parse(text, mode="eval").body, sizes)


def _size(node: ast.expr, sizes: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return sizes[name]
        case ast.UnaryOp(op=ast.USub(), operand=inside):
            return -_size(inside, sizes)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            return int(OPERATIONS[type(op)](_size(left, sizes), _size(right, sizes)))
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if (
            0 <= power < 10
        ):
            return int(_size(left, sizes) ** power)
        case ast.Call(func=ast.Name(id="max"), args=args):
            return max(_size(arg, sizes) for arg in args)
        case ast.Call(func=ast.Name(id="min"), args=args):
            return min(_size(arg, sizes) for arg in args)
    raise SpecError(f"`{ast.unparse(node)}` in the module's docstring is no size")


def names_in(text: str) -> list[str]:
    """Return the names of sizes in the text of a size."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        raise SpecError(f"`{text}` in the module's docstring is no size") from None
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return [name for name in names if name not in ("max", "min")]


# --- what may be executed -----------------------------------------------------------------------


def refuse_foreign_code(tree: ast.Module) -> None:
    """Raise `SpecError` for the first thing in a module that symgrad does not emit."""
    aliases: dict[str, frozenset[str]] = {}
    imported: set[str] = set()
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS:
            found.append(node.name)
            _Function(node, dict(aliases), frozenset(imported)).check()
        elif isinstance(node, ast.Import) and [a.name for a in node.names] == ["numpy"]:
            aliases[node.names[0].asname or "numpy"] = NUMPY
        elif isinstance(node, ast.ImportFrom) and _is_special(node):
            aliases[node.names[0].asname or "special"] = SPECIAL
        elif isinstance(node, ast.ImportFrom) and _is_known_import(node):
            imported.update(alias.name for alias in node.names)
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            _refuse(node)
    if sorted(found) != sorted(FUNCTIONS):
        raise SpecError(f"the module holds {', '.join(found) or 'no function'}: each of "
                        f"{', '.join(FUNCTIONS)} is needed once")  # fmt: skip


def _is_special(node: ast.ImportFrom) -> bool:
    return not node.level and node.module == "scipy" and [a.name for a in node.names] == ["special"]


def _is_known_import(node: ast.ImportFrom) -> bool:
    known = IMPORTED.get(node.module or "", frozenset())
    return not node.level and all(a.name in known and a.asname is None for a in node.names)


def _refuse(node: ast.AST) -> NoReturn:
    line = getattr(node, "lineno", 0)
    text = ast.unparse(node).splitlines()[0]
    raise SpecError(
        f"line {line}: `{text}` is nothing that symgrad emits: the module is not executed"
    )


def _is_foreign_attribute(name: str) -> bool:
    """Return whether an array, a container or a text has such an attribute that is not emitted.

    Otherwise it is a field of the user's own class, which the module takes apart.
    """
    if name in ATTRIBUTES or name in METHODS:
        return False
    return any(hasattr(kind, name) for kind in _KINDS)


class _Function:
    """One function of a module, looked at node by node."""

    def __init__(
        self,
        node: ast.FunctionDef,
        aliases: Mapping[str, frozenset[str]],
        imported: frozenset[str] = frozenset(),
    ):
        self.node, self.imported = node, imported
        args = node.args
        given = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        self.parameters = {arg.arg for arg in given if arg is not None}
        stored = (n for n in ast.walk(node) if isinstance(n, ast.Name))
        self.locals = self.parameters | {n.id for n in stored if isinstance(n.ctx, ast.Store)}
        # Another function may know SciPy's module by a name that is a value's here.
        hidden = {name for name in self.locals if aliases.get(name) is SPECIAL}
        self.aliases = {name: known for name, known in aliases.items() if name not in hidden}

    def check(self) -> None:
        node, args = self.node, self.node.args
        annotated = [a for a in ast.walk(args) if isinstance(a, ast.arg) and a.annotation]
        if node.decorator_list or node.returns or annotated or vars(node).get("type_params"):
            _refuse(node)
        if self.locals & set(self.aliases) or any(name.startswith("__") for name in self.locals):
            _refuse(node)
        for default in filter(None, (*args.defaults, *args.kw_defaults)):
            self.expression(default)
        for statement in node.body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        if not isinstance(node, _STATEMENTS):
            _refuse(node)
        if isinstance(node, ast.If):
            if node.orelse:
                _refuse(node)
            self.expression(node.test)
            for inner in node.body:
                self.statement(inner)
            return
        if isinstance(node, ast.Raise):
            call = node.exc
            error = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call
            if not error or error.func.id != "ValueError" or node.cause:  # type: ignore[attr-defined]
                _refuse(node)
            for message in error.args:
                self.expression(message)
            return
        if isinstance(node, ast.For):
            if node.orelse or node.type_comment:
                _refuse(node)
            self.loop(node)
            for inner in node.body:
                self.statement(inner)
            return
        if isinstance(node, ast.Expr) and not isinstance(node.value, (ast.Constant, ast.Call)):
            _refuse(node)
        for part in ast.iter_child_nodes(node):
            self.expression(part)

    def loop(self, node: ast.For | ast.comprehension) -> None:
        """Check the head of a loop, which counts: ``for i in range(n)``."""
        head = node.iter
        counts = isinstance(head, ast.Call) and isinstance(head.func, ast.Name)
        if not counts or head.func.id != "range" or not isinstance(node.target, ast.Name):  # type: ignore[attr-defined]
            _refuse(head)
        self.expression(head)

    def expression(self, node: ast.AST) -> None:
        if isinstance(node, ast.ListComp):
            for generator in node.generators:
                if generator.ifs or generator.is_async:
                    _refuse(node)
                self.loop(generator)
            self.expression(node.elt)
            return
        if not isinstance(node, _EXPRESSIONS):
            _refuse(node)
        if isinstance(node, ast.Name):
            if node.id not in self.locals:
                _refuse(node)
            return
        if isinstance(node, ast.Attribute):
            self.attribute(node)
            return
        if isinstance(node, ast.Call):
            self.call(node)
            return
        for part in ast.iter_child_nodes(node):
            self.expression(part)

    def attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):  # setting one would change NumPy for everybody
            _refuse(node)
        path = self.library_path(node)
        if path is not None:
            library, name = path
            if name not in self.aliases[library]:
                _refuse(node)
            return
        if node.attr.startswith("_") or _is_foreign_attribute(node.attr):
            _refuse(node)
        self.expression(node.value)

    def call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Name):
            if function.id not in BUILT_INS | self.imported or function.id in self.locals:
                _refuse(node)
            if function.id == "type" and len(node.args) != 1:
                _refuse(node)
        elif isinstance(function, ast.Attribute):
            self.attribute(function)
            if self.library_path(function) is None and function.attr not in METHODS:
                _refuse(node)
        elif not (
            isinstance(function, ast.Call)  # type(params)(W=..., b=...)
            and isinstance(function.func, ast.Name)
            and function.func.id == "type"
            and len(function.args) == 1
            and self.is_place(function.args[0])
        ):
            _refuse(node)
        if any(keyword.arg in (None, "key") for keyword in node.keywords):
            _refuse(node)
        for given in (*node.args, *node.keywords):
            self.expression(given)

    def is_place(self, node: ast.expr) -> bool:
        """Return whether a node is a part of a parameter: ``params["first"].W``."""
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                return False
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.locals

    def library_path(self, node: ast.Attribute) -> tuple[str, str] | None:
        """Return ``np`` and ``linalg.solve`` for ``np.linalg.solve``, nothing for other places."""
        parts: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name) or inner.id not in self.aliases:
            return None
        return inner.id, ".".join(reversed(parts))
