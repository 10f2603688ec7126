"""Text of one expression: each op's own template, brackets by precedence.

Given an equation and the names in scope, return the expression a person would write.
Invariant: a bracket stands exactly where Python's precedence needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad import dims
from symgrad.dims import Dim, Size
from symgrad.emit.layout import fits
from symgrad.graph import Aval, Equation, Graph, Op, Operand, Static, Sym
from symgrad.ops.table import ATOM, MATMUL, PRODUCT, SUM, UNARY
from symgrad.trees import quoted

TARGET = "numpy"
LOOPS = "ijkl"  # what the variables of loops are called


class _Levels(dict[str, float]):
    """The numbers in templates, each read once."""

    def __missing__(self, needed: str) -> float:
        self[needed] = found = float(needed)
        return found


_LEVELS = _Levels()


class Text:
    """A spelled expression; ``f"{text:7}"`` brackets it unless its precedence is at least 7."""

    __slots__ = ("is_name", "precedence", "text")

    def __init__(self, text: str, precedence: float = ATOM, is_name: bool = False):
        self.text, self.precedence, self.is_name = text, precedence, is_name

    def __format__(self, needed: str) -> str:
        if needed == "@":
            plain = self.precedence == MATMUL or self.precedence >= UNARY
        else:
            plain = not needed or self.precedence >= _LEVELS[needed]
        return self.text if plain else f"({self.text})"

    def __str__(self) -> str:
        return self.text


class Spelling:
    """What a row's spelling function may ask: operands, settings, sizes, dtypes."""

    def __init__(self, speller: Speller, rhs: Op):
        self._speller = speller
        self.rhs = rhs
        self.np = speller.np

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, str):
            return self.rhs.setting(key)
        return self._speller.operand(self.rhs.operands[key])

    def __iter__(self) -> Iterator[Text]:
        return (self._speller.operand(x) for x in self.rhs.operands)

    def aval(self, k: int) -> Aval:
        return self._speller.graph.aval(self.rhs.operands[k])

    def text(self, text: str) -> Text:
        return Text(text)

    def size(self, size: Size) -> str:
        return self._speller.size(size)

    def size_with_precedence(self, size: Size) -> tuple[str, float]:
        text = self._speller.size(size)
        outside = _IN_BRACKETS.sub("", text)
        if " + " in outside or " - " in outside or "(" in outside:
            return text, SUM
        return text, PRODUCT if " " in outside else ATOM

    def shape(self, shape: tuple[Size, ...]) -> str:
        return self._speller.shape(shape)

    def letters(self, count: int) -> list[str]:
        """Return names for the variables of so many loops."""
        return self._speller.letters(count)

    def name(self, wanted: str) -> str:
        """Return a new name for what is read on the next line alone."""
        return self._speller.claimed(wanted)

    def fits(self, line: str) -> bool:
        return fits(line)

    def __len__(self) -> int:
        return len(self.rhs.operands)

    def imported(self, module: str, name: str) -> str:
        """Return what to call a function of a module of NumPy's."""
        return self._speller.imported(module, name)

    @property
    def special(self) -> str:
        """What to call `scipy.special`."""
        return self._speller.module("scipy", "special")

    def dtype(self, name: str) -> str:
        return f"{self.np}.{'bool_' if name == 'bool' else name}"

    def literal(self, value: Any) -> Text:
        return literal(value, self.np)


def literal(value: Any, np_name: str = "np", strong: bool = False) -> Text:
    """Return a number as Python text.

    A float64 of NumPy's is written as a Python float unless ``strong`` says that its dtype
    decides a promotion.
    """
    if isinstance(value, np.generic):
        inner = literal(value.item(), np_name)
        kind = "bool_" if value.dtype == bool else value.dtype.name
        if value.dtype == np.float64 and not strong:
            return inner
        return Text(f"{np_name}.{kind}({inner})")
    if isinstance(value, float) and not np.isfinite(value):
        word = "nan" if np.isnan(value) else "inf"
        return Text(f"-{np_name}.inf", UNARY) if value < 0 else Text(f"{np_name}.{word}")
    text = repr(value)
    return Text(text, UNARY if text.startswith("-") else ATOM)


def written_out(value: Any, np_name: str = "np") -> str:
    """Return an array, a number or a list, tuple or dict of them as Python text."""
    if isinstance(value, np.ndarray):
        plain = np.array(value.tolist()).dtype == value.dtype and value.size
        kind = "" if plain else f", dtype={np_name}.{value.dtype.name}"
        if not value.size:
            return f"{np_name}.zeros({value.shape}{kind})"
        return f"{np_name}.array({written_out(value.tolist(), np_name)}{kind})"
    if isinstance(value, dict):
        pairs = (f"{quoted(k)}: {written_out(v, np_name)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(written_out(v, np_name) for v in value)
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return quoted(value) if isinstance(value, str) else str(literal(value, np_name))


def holds_other_floats(graph: Graph) -> bool:
    """Return whether floats of another precision than double take part."""
    return any(a.dtype.kind == "f" and a.dtype.itemsize != 8 for a in graph.avals.values())


class Speller:
    """Spells the equations of one function."""

    def __init__(
        self,
        graph: Graph,
        inlined: Mapping[Sym, Equation],
        name: Callable[[Sym], str],
        dim_name: Callable[[Dim], str],
        np_name: str,
        primal: frozenset[Sym],
        taken: Container[str] = (),
        claim: Callable[[str], str] | None = None,
        may_import: bool = False,
    ):
        self.graph, self.inlined, self.name = graph, inlined, name
        self.dim_name, self.np, self.primal, self.taken = dim_name, np_name, primal, taken
        self.claim, self.may_import = claim, may_import  # new names, and lines at the file's top
        self.own_names: dict[str, str] = {}  # of loops' variables, by what they are for
        self.imports: set[tuple[str, str]] = set()  # modules, and what is taken from them
        self.is_mixed = holds_other_floats(graph)
        self._shapes: dict[tuple[Size, ...], str] = {}

    def operand(self, x: Operand) -> Text:
        if isinstance(x, Static):
            return literal(x.value, self.np, self.is_mixed)
        if x in self.inlined:
            return self.equation(self.inlined[x])
        return Text(self.name(x), is_name=True)

    def equation(self, eqn: Equation) -> Text:
        """Return the right-hand side as text (never deeper than one line's weight)."""
        own = self.graph.notes.spellings.get(eqn.lhs[0])
        rhs = eqn.rhs
        if own is not None:
            return self._template(own[0], own[1], rhs)
        spell = rhs.facts.spell[TARGET]
        if isinstance(spell, str):
            return self._template(spell, rhs.facts.precedence, rhs, eqn.lhs[0])
        found = spell(Spelling(self, rhs))
        if isinstance(found, tuple):
            return Text(*found)
        return Text(found, is_name=rhs.name == "index")

    def _template(self, template: str, precedence: float, rhs: Op, y: Sym | None = None) -> Text:
        operands = list(map(self.operand, rhs.operands))
        if rhs.name == "multiply" and (over := self._over(rhs, operands)) is not None:
            return over
        if rhs.name == "negative" and (first := self._first_factor(rhs.operands[0])) is not None:
            return Text(_negated(f"{operands[0]:7}", str(self.operand(first))), PRODUCT)
        if y is not None and y not in self.primal and rhs.name in _ARITHMETIC:
            operands = self._whole_numbers(rhs, operands)
            if self._is_scalar_product(rhs) or self._is_sum_of_sums(rhs, operands):
                operands[1] = Text(operands[1].text, UNARY)
        settings = dict(zip(rhs.params, rhs.settings, strict=True)) if rhs.params else {}
        if "**" not in template:
            return Text(template.format(*operands, np=self.np, **settings), precedence)
        parts = [part.format(*operands, np=self.np, **settings) for part in template.split("**")]
        return Text(_power_sign(parts).join(parts), precedence)

    def _over(self, rhs: Op, operands: list[Text]) -> Text | None:
        """Return ``x / n`` for a product of ``x`` and a new ``1 / n``."""
        for k, x in enumerate(rhs.operands):
            below = self.reciprocal(x)
            if below is not None and isinstance(rhs.operands[1 - k], Sym):
                return Text(f"{operands[1 - k]:6.5} / {below:8}", PRODUCT)
        return None

    def reciprocal(self, x: Operand) -> Text | None:
        """Return the ``n`` of a folded, new ``1 / n``."""
        eqn = self.inlined.get(x) if isinstance(x, Sym) else None
        if eqn is None or eqn.rhs.name != "divide" or eqn.lhs[0] in self.primal:
            return None
        above, below = eqn.rhs.operands
        is_one = isinstance(above, Static) and above.value == 1
        return self.operand(below) if is_one else None

    def _is_scalar_product(self, rhs: Op) -> bool:
        """Return whether ``2 * (a * x)`` may be written ``2 * a * x``: 2 and a are scalars."""
        eqn = self._new(rhs.operands[1])
        if rhs.name != "multiply" or eqn is None or eqn.rhs.name != "multiply":
            return False
        scalars = (rhs.operands[0], eqn.rhs.operands[0])
        return all(self.graph.aval(x).shape == () for x in scalars)

    def _is_sum_of_sums(self, rhs: Op, operands: Sequence[Text]) -> bool:
        """Return whether ``a + (b - c)`` may be written ``a + b - c``."""
        eqn = self._new(rhs.operands[1])
        return (
            rhs.name == "add"
            and eqn is not None
            and eqn.rhs.name in ("add", "subtract")
            and not operands[1].text.startswith("-")
        )

    def _new(self, x: Operand) -> Equation | None:
        """Return the folded equation that defines ``x``, unless it is the user's own."""
        eqn = self.inlined.get(x) if isinstance(x, Sym) else None
        return None if eqn is None or eqn.lhs[0] in self.primal else eqn

    def _first_factor(self, x: Operand) -> Operand | None:
        """Return the first factor of a folded product, if it can take the product's sign."""
        factor = x
        while (eqn := self.inlined.get(factor) if isinstance(factor, Sym) else None) is not None:
            if eqn.rhs.name not in ("multiply", "divide"):
                break
            first = eqn.rhs.operands[0]
            factor = first if self.reciprocal(first) is None else eqn.rhs.operands[1]
        return None if factor is x or not self.graph.aval(factor).inexact else factor

    def _whole_numbers(self, rhs: Op, operands: list[Text]) -> list[Text]:
        # 1.0 in a derivative reads better as 1, where the other operand decides the dtype.
        for k, x in enumerate(rhs.operands):
            if isinstance(x, Static) and type(x.value) is float and x.value.is_integer():
                other = self.graph.aval(rhs.operands[1 - k])
                if (other.inexact or rhs.name == "divide") and abs(x.value) < 1e6:
                    operands[k] = literal(int(x.value))
        return operands

    def letters(self, count: int) -> list[str]:
        """Return names for the variables of so many loops, the same for all loops."""
        places = [LOOPS[k] if k < len(LOOPS) else f"i{k}" for k in range(count)]
        return list(map(self.claimed, places))

    def claimed(self, wanted: str) -> str:
        """Return a name that nothing else has, the same each time."""
        if wanted not in self.own_names:
            self.own_names[wanted] = self.claim(wanted) if self.claim else wanted
        return self.own_names[wanted]

    def imported(self, module: str, name: str) -> str:
        """Return a function's own name where the module imports it, else the way to it."""
        if not self.may_import or name in self.taken:
            return f"{self.np}{module.removeprefix('numpy')}.{name}"
        self.imports.add((module, name))
        return name

    def module(self, package: str, name: str) -> str:
        """Return what to call a module of a package: its name, if nothing else has it."""
        alias = name if name not in self.taken else self.claimed(name)
        self.imports.add((package, name if alias == name else f"{name} as {alias}"))
        return alias

    def size(self, size: Size) -> str:
        text = dims.spell(self.graph.shapes.resolve(size), self.dim_name)
        for built_in, ufunc in (("max", "maximum"), ("min", "minimum")):
            if built_in in self.taken:  # the user's own name: the function is out of reach
                text = re.sub(rf"\b{built_in}\(", f"{self.np}.{ufunc}(", text)
        return text

    def shape(self, shape: tuple[Size, ...]) -> str:
        text = self._shapes.get(shape)
        if text is None:
            inside = ", ".join(self.size(size) for size in shape)
            text = self._shapes[shape] = f"({inside},)" if len(shape) == 1 else f"({inside})"
        return text


def _negated(product: str, first: str) -> str:
    """Return the product with a sign: -a * b is (-a) * b, the same number."""
    if product.startswith("-"):
        return product[1:]
    if " @ " in first and product.startswith(first):  # -a @ b would negate all of a
        return f"-({first}){product[len(first) :]}"
    return f"-{product}"


def _power_sign(parts: Sequence[str]) -> str:
    """Return ``**`` without spaces between names and numbers, as formatters have it."""
    return "**" if all(map(_SIMPLE.fullmatch, parts)) else " ** "


_SIMPLE = re.compile(r"-?(\w+(\.\w+)*|\d*\.?\d+(e[-+]?\d+)?)")
_IN_BRACKETS = re.compile(r"\([^()]*\)")
_ARITHMETIC = frozenset({"add", "subtract", "multiply", "divide"})
