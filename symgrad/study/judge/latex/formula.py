r"""Read one formula of the dialect into a Python expression tree, node by node.

Given the tokens of a formula, `Reader.formula` returns its tree.  NumPy has no words for some of
what mathematics writes, so a tree may hold these calls besides those of NumPy:

    product(a, b)                 the product that the shapes allow
    inverse(a)                    1 / a, or the inverse of a matrix
    derivative(f, z)              f'(z), f a function
    local(q, x)                   the local derivative of q by x
    total(i, low, high, body)     the sum of body over the positions i; None: the whole axis
    each(i, j, ..., body)         the array whose element at i, j, ... is body

Invariant: nothing is evaluated, every node knows the line and column that it comes from, and no
tree is deeper than `OPERATIONS`.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from symgrad.errors import SpecError
from symgrad.study.judge.latex.dialect import COMMANDS, EXTREMES, WORDS, Kind
from symgrad.study.judge.latex.names import Names, Spelled, plainest
from symgrad.study.judge.latex.tokens import CLOSING, DEPTH, OPENING, Source, Token, closing, split

OPERATIONS = 150  # operations inside one another, in a chain of products or a sum
INDICES = frozenset("ijklmn")  # letters that are an index wherever no name has them

_COMPARISONS: dict[str, type[ast.cmpop]] = {
    "<": ast.Lt,
    ">": ast.Gt,
    "=": ast.Eq,
    "<=": ast.LtE,
    ">=": ast.GtE,
    "!=": ast.NotEq,
}
_OPPOSITE = {ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt} | {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
_ELEMENTWISE = frozenset({"*", "np.outer"})
_BESIDE = "beside"

_Node = TypeVar("_Node", bound=ast.expr)


@dataclass(slots=True)
class Claim:
    """What is known of the whole claim while one of its formulas is read."""

    source: Source
    names: Names
    value: str | None = None  # what is differentiated; unknown while the claim is first read
    settled: bool = False  # whether ``value`` and ``bars`` are final
    bars: bool = False  # whether a line starts with a bar, which then means a gradient
    over: dict[str, Token] = field(default_factory=dict)  # what is differentiated somewhere
    under: set[str] = field(default_factory=set)  # by what


@dataclass(frozen=True, slots=True)
class Read:
    """A name as it was read: how it is spelled, and the positions at which it is taken."""

    spelled: Spelled
    indices: tuple[ast.expr, ...] = ()


def at(place: Token, node: _Node) -> _Node:
    """Return the node with the line and column that it comes from."""
    node.lineno, node.col_offset = place.line, place.column - 1
    node.end_lineno, node.end_col_offset = None, None
    return node


def name(place: Token, dotted: str) -> ast.expr:
    first, *rest = dotted.split(".")
    node: ast.expr = at(place, ast.Name(first, ast.Load()))
    for part in rest:
        node = at(place, ast.Attribute(node, part, ast.Load()))
    return node


def call(place: Token, function: str, *arguments: ast.expr) -> ast.expr:
    return at(place, ast.Call(name(place, function), list(arguments), []))


def constant(place: Token, value: float | str | None) -> ast.expr:
    return at(place, ast.Constant(value))


def binary(place: Token, left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
    return at(place, ast.BinOp(left, op, right))


def negative(place: Token, node: ast.expr) -> ast.expr:
    return at(place, ast.UnaryOp(ast.USub(), node))


def element(place: Token, node: ast.expr, indices: Sequence[ast.expr]) -> ast.expr:
    if not indices:
        return node
    [first, *rest] = indices
    where = at(place, ast.Tuple([first, *rest], ast.Load())) if rest else first
    return at(place, ast.Subscript(node, where, ast.Load()))


class Reader:
    """Reads the tokens of one formula, or of what stands in one pair of brackets."""

    def __init__(
        self,
        claim: Claim,
        tokens: Sequence[Token],
        end: Token,
        indices: frozenset[str] = frozenset(),
        depth: int = 0,
        counting: bool = False,
    ) -> None:
        self.claim = claim
        self.tokens = list(tokens)
        self.end = end  # what stands behind, to point to where something is missing
        self.indices = indices
        self.depth = depth
        self.counting = counting  # whether an index may stand as a number
        self.at = 0
        self.bare: Token | None = None  # the function whose argument has just ended bracketless

    # --- walking -----------------------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> Token | None:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else None

    def _sees(self, *texts: str) -> bool:
        token = self._peek()
        return token is not None and token.kind in ("symbol", "row") and token.text in texts

    def _sees_command(self, *texts: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == "command" and token.text in texts

    def _kind(self, token: Token | None) -> Kind | None:
        command = COMMANDS.get(token.text) if token and token.kind == "command" else None
        return command.kind if command else None

    def _next(self) -> Token:
        token = self._peek()
        if token is None:
            raise self._refusal(self.end, "a formula is missing here.")
        self.at += 1
        return token

    def _refusal(self, place: Token, message: str) -> SpecError:
        return self.claim.source.refusal(place, message)

    def _child(self, tokens: Sequence[Token], end: Token, counting: bool | None = None) -> Reader:
        self._guard(end, self.depth + 1)
        counts = self.counting if counting is None else counting
        return Reader(self.claim, tokens, end, self.indices, self.depth + 1, counts)

    def _guard(self, place: Token, depth: int) -> None:
        if depth > DEPTH:
            raise self._refusal(
                place, f"more than {DEPTH} formulas inside one another: name a part of it."
            )

    @contextmanager
    def _deeper(self, place: Token) -> Iterator[None]:
        self.depth += 1
        self._guard(place, self.depth)
        yield
        self.depth -= 1

    def _group(self) -> tuple[list[Token], Token]:
        """Return what stands in the brackets that open here, and the bracket that closes them."""
        end = closing(self.tokens, self.at)
        inside = self.tokens[self.at + 1 : end]
        self.at = end + 1
        return inside, self.tokens[end]

    def _argument(self, of: Token) -> tuple[list[Token], Token]:
        """Return what a command, ``^`` or ``_`` applies to, as TeX takes it."""
        token = self._next()
        if token.kind == "symbol" and token.text == "{":
            self.at -= 1
            return self._group()
        if token.kind in ("word", "number") and len(token.text) > 1:
            if token.kind == "number" and (of.text in "^_" or "." in token.text):
                raise self._refusal(
                    token, f"TeX takes the {token.text[0]} alone: write {{{token.text}}}."
                )
            token, rest = token.cut(1)
            self.tokens[self.at - 1 : self.at] = [token, rest]
        plain = token.kind in ("word", "number", "text")
        if not plain and self._kind(token) not in (Kind.LETTER, Kind.TURN):
            raise self._refusal(token, f"`{of.text}` takes one letter, or braces: {{...}}.")
        return [token], self._peek() or self.end

    # --- sums and products -------------------------------------------------------------------

    def formula(self) -> ast.expr:
        """Return the formula that all the tokens make."""
        return self._all(self._sum)

    def condition(self) -> ast.expr:
        """Return the comparison that all the tokens make."""
        self.counting = True
        return self._all(self._comparison)

    def _all(self, part: Callable[[], ast.expr]) -> ast.expr:
        node = part()
        if left := self._peek():
            raise self._refusal(left, f"`{left.text.strip()}` is not expected here.")
        return node

    def _comparison(self) -> ast.expr:
        left, ops, others = self._sum(), [], []
        place = self._peek() or self.end
        while comparison := self._relation(self._peek()):
            self.at += 1
            ops.append(comparison())
            others.append(self._sum())
        if not ops:
            raise self._refusal(place, "a comparison is missing here, such as > 0.")
        return at(place, ast.Compare(left, list(ops), others))

    def _relation(self, token: Token | None) -> type[ast.cmpop] | None:
        if token is None:
            return None
        if token.kind == "symbol":
            return _COMPARISONS.get(token.text)
        if self._kind(token) is Kind.RELATION:
            return _COMPARISONS[COMMANDS[token.text].value]
        return None

    def _sum(self) -> ast.expr:
        node = self._signed()
        for _ in range(OPERATIONS):
            if not self._sees("+", "-"):
                return node
            sign = self._next()
            op = ast.Add() if sign.text == "+" else ast.Sub()
            node = binary(sign, node, op, self._term())
        raise self._too_long(self.tokens[self.at - 1])

    def _too_long(self, place: Token) -> SpecError:
        return self._refusal(
            place, f"more than {OPERATIONS} operations in one formula: name a part of it."
        )

    def _signed(self) -> ast.expr:
        if self._sees("-", "+"):
            sign = self._next()
            return negative(sign, self._term()) if sign.text == "-" else self._term()
        return self._term()

    def _term(self) -> ast.expr:
        """Return a product: side by side binds tighter than a sign of multiplication."""
        ops: list[tuple[str, Token]] = []
        factors = [self._factor()]
        while operator := self._operator():
            if len(factors) > OPERATIONS:
                raise self._too_long(operator[1])
            op, place = operator
            if op != _BESIDE:
                self.at += 1
            self._refuse_unclear(op, place, ops)
            ops.append(operator)
            factors.append(self._factor() if op == _BESIDE else self._signed_factor())
        if any(op in _ELEMENTWISE for op, _ in ops):
            ops, factors = _together(ops, factors)
        return _folded(ops, factors)

    def _operator(self) -> tuple[str, Token] | None:
        token = self._peek()
        if token is None:
            return None
        if token.kind == "symbol" and token.text in ("*", "@", "/"):
            return {"*": "product"}.get(token.text, token.text), token
        if self._kind(token) is Kind.PRODUCT:
            return COMMANDS[token.text].value, token
        return (_BESIDE, token) if self._begins_factor(token) else None

    def _begins_factor(self, token: Token) -> bool:
        if token.kind == "symbol":
            return token.text in OPENING or token.text in ("|", "\\|")
        return token.kind in ("word", "number", "text", "command") and self._kind(token) not in (
            Kind.RELATION,
            Kind.TURN,
        )

    def _refuse_unclear(self, op: str, place: Token, before: list[tuple[str, Token]]) -> None:
        last = before[-1][0] if before else ""
        if self.bare and op in (_BESIDE, "/"):
            raise self._refusal(
                place,
                f"where the argument of `{self.bare.text}` ends is unclear: put it in brackets, "
                f"\\{self.bare.text}(...).",
            )
        if last == "/" and op in (_BESIDE, "/"):
            raise self._refusal(
                place, "what is divided by what is unclear: write \\frac{a}{b}, or brackets."
            )
        if op == _BESIDE and place.kind == "number":
            raise self._refusal(
                place, f"the number {place.text} stands behind a factor: write it in front."
            )
        signs = {sign for sign, _ in before if sign not in (_BESIDE, "/")} | {op} - {_BESIDE, "/"}
        if signs & _ELEMENTWISE and len(signs) > 1:
            raise self._refusal(
                place,
                "two kinds of product without brackets: say which comes first, (a b) \\odot c.",
            )

    def _signed_factor(self) -> ast.expr:
        if self._sees("-"):
            sign = self._next()
            return negative(sign, self._factor())
        return self._factor()

    # --- factors -----------------------------------------------------------------------------

    def _factor(self) -> ast.expr:
        self.bare = None
        place = self._peek() or self.end
        node = self._primary()
        raised = False
        while self._sees("^", "_", "'", "!"):
            mark = self._next()
            if mark.text == "!":
                raise self._refusal(mark, "factorials are not read.")
            if mark.text == "'":
                raise self._refusal(
                    mark, "the apostrophe is the derivative of a function, g'(z): write ^T."
                )
            inside, end = self._argument(mark)
            if mark.text == "_":
                node = element(mark, node, self._positions(inside, end, mark))
            elif raised:
                raise self._refusal(mark, "two exponents: put brackets, or braces around both.")
            else:
                node, raised = self._raised(node, inside, end, place), True
        return node

    def _raised(self, node: ast.expr, inside: list[Token], end: Token, place: Token) -> ast.expr:
        texts = [token.text for token in inside]
        if texts and self._turns(inside[-1]) and texts[:-1] in ([], ["-"]):
            if texts[-1] == "T" and "T" in self.claim.names:
                raise self._refusal(
                    inside[-1], "`T` is a name of the function: write ^\\top to transpose."
                )
            node = call(place, "inverse", node) if len(texts) == 2 else node
            return at(place, ast.Attribute(node, "T", ast.Load()))
        if texts == ["-", "1"]:
            return call(place, "inverse", node)
        if texts and texts[0] in ("*", "ast", "\\prime"):
            raise self._refusal(inside[0], "arrays are real: write ^T.")
        return binary(place, node, ast.Pow(), self._child(inside, end).formula())

    def _turns(self, token: Token) -> bool:
        return self._kind(token) is Kind.TURN or (
            token.kind in ("word", "text") and token.text == "T"
        )

    def _primary(self) -> ast.expr:
        token = self._peek()
        if token is None:
            raise self._refusal(self.end, "a formula is missing here.")
        if token.kind == "number":
            self.at += 1
            text = token.text
            return constant(token, float(text) if "." in text else self._integer(token))
        if token.kind == "symbol":
            return self._enclosed(token)
        if token.kind in ("word", "text"):
            return self._word(token)
        if token.kind == "command":
            return self._command(token)
        raise self._refusal(token, f"`{token.text.strip()}` is not expected here.")

    def _integer(self, token: Token) -> int:
        if len(token.text) > 300:  # no float holds it
            raise self._refusal(token, "this number has more than 300 digits.")
        return int(token.text)

    def _enclosed(self, token: Token) -> ast.expr:
        if token.text in ("|", "\\|"):
            return self._between_bars(token)
        if token.text not in OPENING:
            raise self._refusal(token, f"`{token.text}` is not expected here: a formula is.")
        if token.text == "\\begin":
            return self._cases(*self._group())
        inside, end = self._group()
        if token.text == "\\left|":
            return call(token, "np.abs", self._child(inside, end).formula())
        if token.text == "\\left\\|":
            return self._norm(token, inside, end)
        if token.text == "\\{" and inside and inside[0].text == "\\begin":
            return self._child(inside, end).formula()
        if token.text != "{" and any(map(self._relation, self._outside(inside))):
            return self._indicator(token, self._child(inside, end).condition())
        return self._child(inside, end).formula()

    def _outside(self, tokens: list[Token]) -> Iterator[Token]:
        """Yield the tokens that stand outside of all brackets."""
        depth = 0
        for token in tokens:
            if token.kind == "symbol":
                depth += (token.text in OPENING) - (token.text in CLOSING)
            if depth == 0:
                yield token

    def _between_bars(self, opening: Token) -> ast.expr:
        self.at += 1
        double = opening.text == "\\|"
        following = self._peek()
        if not double and following and following.text == "|" and following.kind == "symbol":
            self.at += 1
            double = True
        bars = 1 if opening.text == "\\|" or not double else 2
        start, depth = self.at, 0
        for i in range(self.at, len(self.tokens)):
            token = self.tokens[i]
            if token.kind != "symbol":
                continue
            depth += (token.text in OPENING) - (token.text in CLOSING)
            both = self.tokens[i : i + bars]
            if depth == 0 and len(both) == bars and all(t.text == opening.text for t in both):
                self.at = i + bars
                inside = self.tokens[start:i]
                if double:
                    return self._norm(opening, inside, token)
                return call(opening, "np.abs", self._child(inside, token).formula())
        raise self._refusal(opening, f"`{opening.text * bars}` is never closed.")

    def _norm(self, place: Token, inside: list[Token], end: Token) -> ast.expr:
        node = self._child(inside, end).formula()
        if not self._sees("_"):
            return call(place, "np.linalg.norm", node)
        mark = self._next()
        order, _ = self._argument(mark)
        texts = [token.text for token in order]
        if texts in (["1"], ["2"]):
            return call(place, "np.linalg.norm", node, constant(order[0], int(texts[0])))
        if texts == ["F"]:
            return call(place, "np.linalg.norm", node, constant(order[0], "fro"))
        raise self._refusal(mark, "the norms are \\|x\\|, \\|x\\|_1, \\|x\\|_2 and \\|X\\|_F.")

    def _indicator(self, place: Token, condition: ast.expr) -> ast.expr:
        return call(place, "np.where", condition, constant(place, 1), constant(place, 0))

    def _cases(self, inside: list[Token], end: Token) -> ast.expr:
        """Return the choice that the rows make, the last of which holds otherwise."""
        rows = [row for row in split(inside, {"\\\\"}) if row]
        read = [self._case(row, end) for row in rows]
        if len(read) < 2:
            raise self._refusal(
                end, "a choice has two rows or more: a & z > 0 \\\\ b & \\text{else}."
            )
        last, otherwise = read[-1]
        if otherwise and not (len(read) == 2 and _are_opposite(read[0][1], otherwise)):
            raise self._refusal(rows[-1][0], "the last row of a choice is for \\text{otherwise}.")
        node = last
        for row, (value, condition) in zip(reversed(rows[:-1]), reversed(read[:-1]), strict=True):
            if condition is None:
                raise self._refusal(row[0], "only the last row of a choice is for all the rest.")
            node = call(row[0], "np.where", condition, value, node)
        return node

    def _case(self, row: list[Token], end: Token) -> tuple[ast.expr, ast.expr | None]:
        value, *conditions = split(row, {"&"})
        if len(conditions) > 1:
            raise self._refusal(conditions[1][0] if conditions[1] else end, "a row is a & z > 0.")
        place = (conditions[0] or [end])[0] if conditions else end
        stripped = value[:-1] if value and value[-1].text in (",", ";") else value
        node = self._child(stripped, place).formula()
        tokens = [t for t in (conditions[0] if conditions else []) if not _is_prose(t)]
        while tokens and tokens[-1].kind == "symbol" and tokens[-1].text in (",", ";", "."):
            tokens.pop()
        return node, self._child(tokens, end).condition() if tokens else None

    # --- commands ----------------------------------------------------------------------------

    def _command(self, token: Token) -> ast.expr:
        kind = self._kind(token)
        if token.text == "sigma" and self._is_function():
            return self._applied(self._next(), WORDS["sigma"])
        if kind in (Kind.LETTER, Kind.ACCENT):
            return self._named()
        if kind is Kind.FUNCTION:
            return self._applied(self._next(), COMMANDS[token.text].value)
        if kind is Kind.EXTREME:
            return self._extreme(self._next())
        if token.text == "1":
            return self._one(self._next())
        if kind is Kind.FORM:
            return self._form(self._next())
        raise self._refusal(token, f"`\\{token.text}` is not expected here: a formula is.")

    def _form(self, token: Token) -> ast.expr:
        form = COMMANDS[token.text].value or token.text
        if form == "frac":
            return self._fraction(token)
        if form == "sqrt":
            return self._root(token)
        if form == "sum":
            return self._total(token)
        derivative = self.derivative(token)
        assert derivative is not None
        return self._gradient(*derivative, token)

    def _fraction(self, token: Token) -> ast.expr:
        self.at -= 1
        derivative = self.derivative(token)
        if derivative:
            return self._gradient(*derivative, token)
        self.at += 1
        above, end = self._argument(token)
        below, last = self._argument(token)
        return binary(
            token,
            self._child(above, end).formula(),
            ast.Div(),
            self._child(below, last).formula(),
        )

    def _root(self, token: Token) -> ast.expr:
        degree = None
        if self._sees("["):
            inside, end = self._group()
            degree = self._child(inside, end).formula()
        node = self._child(*self._argument(token)).formula()
        if degree is None:
            return call(token, "np.sqrt", node)
        power = binary(token, constant(token, 1), ast.Div(), degree)
        return binary(token, node, ast.Pow(), power)

    def _one(self, token: Token) -> ast.expr:
        if self._sees("_"):
            inside, end = self._argument(self._next())
            if inside and inside[0].text == "\\{" and closing(inside, 0) == len(inside) - 1:
                inside = inside[1:-1]
            return self._indicator(token, self._child(inside, end).condition())
        if self._sees("(", "[", "\\{"):
            inside, end = self._group()
            return self._indicator(token, self._child(inside, end).condition())
        raise self._refusal(
            token,
            "a vector of ones has no length here: write the sum, \\sum_i, or \\mathbb{1}[...].",
        )

    def _total(self, token: Token) -> ast.expr:
        """Return a sum over indices, whose body ends before the next plus or minus."""
        below: list[Token] = []
        above: list[Token] = []
        end = token
        while self._sees("_", "^"):
            mark = self._next()
            if mark.text == "_":
                below, end = self._argument(mark)
            else:
                above, end = self._argument(mark)
        if not below:
            with self._deeper(token):
                return call(token, "np.sum", self._signed())
        indices, low, condition = self._bounds(below, token)
        bounds = [
            self._child(tokens, end).formula() if tokens else constant(token, None)
            for tokens in (low, above)
        ]
        outer, self.indices = self.indices, self.indices | set(indices)
        with self._deeper(token):
            body = self._signed()
            if condition:
                holds = self._child(condition, end).condition()
                body = call(token, "np.where", holds, body, constant(token, 0))
        self.indices = outer
        for index in reversed(indices):
            body = call(token, "total", name(token, index), *bounds, body)
        return body

    def _bounds(
        self, below: list[Token], token: Token
    ) -> tuple[list[str], list[Token], list[Token]]:
        """Return the indices of a sum, where they start, and what they must fulfil."""
        head = [t for t in below if t.text != ","]
        letters = "".join(t.text for t in head)
        if (
            letters.isalpha()
            and len(set(letters)) == len(letters)
            and len(letters) <= 3
            and all(t.kind == "word" for t in head)
        ):
            return list(letters), [], []
        first = below[0]
        if first.kind == "word" and len(first.text) == 1 and len(below) > 2:
            if below[1].text == "=" and below[1].kind == "symbol":
                return [first.text], below[2:], []
            if self._relation(below[1]):
                return [first.text], [], below
        raise self._refusal(first, "below a sum stands an index: \\sum_i, \\sum_{i=1}^{n}.")

    # --- functions ---------------------------------------------------------------------------

    def _is_function(self) -> bool:
        """Return whether the letter that stands here is applied, and is no name."""
        token, following = self._peek(), self._peek(1)
        assert token is not None
        if token.kind == "command":
            spelled = Spelled(tuple(COMMANDS[token.text].value.split()), token)
            if self.claim.names.find(spelled):
                return False
        elif token.text in self.claim.names:
            return False
        return (
            following is not None
            and following.kind == "symbol"
            and (following.text in ("(", "[", "\\{", "'"))
        )

    def _applied(self, token: Token, function: str) -> ast.expr:
        if self._sees("'"):
            return self._derived(token, function)
        if self._sees("_"):
            raise self._refusal(
                self._next(), "logarithms are natural: write \\frac{\\log x}{\\log 2}."
            )
        power = self._power_of_function(token)
        arguments = self._arguments(token)
        if len(arguments) != 1:
            raise self._refusal(token, f"`{token.text}` takes one argument.")
        node = call(token, function, arguments[0])
        return node if power is None else binary(token, node, ast.Pow(), power)

    def _power_of_function(self, token: Token) -> ast.expr | None:
        if not self._sees("^"):
            return None
        mark = self._next()
        inside, _ = self._argument(mark)
        if len(inside) != 1 or not inside[0].text.isdigit():
            raise self._refusal(
                mark, f"a power of `{token.text}` itself is unclear: write (\\{token.text} x)^n."
            )
        return constant(inside[0], self._integer(inside[0]))

    def _derived(self, token: Token, function: str) -> ast.expr:
        mark = self._next()
        if not self._sees("("):
            raise self._refusal(mark, "a derivative is taken somewhere: write g'(z).")
        [argument] = self._arguments(token, 1)
        return call(token, "derivative", name(token, function), argument)

    def _arguments(self, token: Token, count: int | None = None) -> list[ast.expr]:
        """Return what stands in the brackets, or the one factor that follows."""
        if self._sees("(", "[", "\\{", "{"):
            inside, end = self._group()
            parts = [self._child(part, end).formula() for part in split(inside, {","})]
            if count is not None and len(parts) != count:
                raise self._refusal(token, f"`{token.text}` takes {count} argument here.")
            self.bare = None
            return parts
        with self._deeper(token):
            argument = self._factor()
        self.bare = token
        return [argument]

    def _extreme(self, token: Token) -> ast.expr:
        if not self._sees("(", "[", "\\{"):
            raise self._refusal(
                self._peek() or self.end, f"write what `{token.text}` compares in brackets: (0, z)."
            )
        first, *rest = self._arguments(token)
        if not rest:
            raise self._refusal(token, f"`{token.text}` compares two values or more: (0, z).")
        for other in rest:
            first = call(token, EXTREMES[token.text], first, other)
        return first

    # --- words and names ---------------------------------------------------------------------

    def _word(self, token: Token) -> ast.expr:
        if token.kind == "word":
            self._cut_word()
            token = self.tokens[self.at]
        if token.text in EXTREMES and self._is_function():
            return self._extreme(self._next())
        if token.text in WORDS and (self._is_function() or self._is_written_function(token)):
            return self._applied(self._next(), WORDS[token.text])
        following = self._peek(1)
        apostrophe = following is not None and following.text == "'"
        if apostrophe and token.text not in self.claim.names:
            return self._derived(self._next(), token.text)
        raised = following is not None and following.kind == "symbol" and following.text == "^"
        if token.text == "e" and raised:
            return self._exponential(token)
        if token.kind == "text" and not token.text.isidentifier():
            raise self._refusal(token, "words in a formula: put them behind %, or at its end.")
        return self._named()

    def _is_written_function(self, token: Token) -> bool:
        return token.kind == "text" and token.text not in self.claim.names

    def _exponential(self, token: Token) -> ast.expr:
        if token.kind == "word" and "e" in self.claim.names:
            raise self._refusal(
                token, "`e` is a name of the function: write \\exp(...) for the exponential."
            )
        self.at += 2
        inside, end = self._argument(self.tokens[self.at - 1])
        return call(token, "np.exp", self._child(inside, end).formula())

    def _cut_word(self) -> None:
        """Cut letters side by side into the names that they are, if that is possible in one way."""
        token = self.tokens[self.at]
        word = token.text
        if not 1 < len(word) <= 64 or self._is_piece(word, last=True):
            return
        ways: list[list[tuple[int, ...]]] = [[] for _ in word] + [[()]]
        for start in reversed(range(len(word))):
            for end in range(start + 1, len(word) + 1):
                if ways[end] and self._is_piece(word[start:end], last=end == len(word)):
                    ways[start] += [(start, *cuts) for cuts in ways[end]]
            del ways[start][2:]
        if len(ways[0]) > 1:
            raise self._refusal(
                token, f"`{word}` may be cut into names in two ways: put \\cdot between them."
            )
        if ways[0]:
            [cuts] = ways[0]
            ends = (*cuts[1:], len(word))
            self.tokens[self.at : self.at + 1] = [
                replace(token, text=word[start:end], column=token.column + start)
                for start, end in zip(cuts, ends, strict=True)
            ]

    def _is_piece(self, piece: str, last: bool) -> bool:
        names = self.claim.names
        if piece in names or (piece[0] == "d" and piece[1:] in names):
            return True
        following = self._peek(1)
        if not last or following is None or following.kind != "symbol":
            return False
        if following.text in ("(", "[", "'") and (piece in WORDS or piece in EXTREMES):
            return True
        if following.text == "^" and piece == "e":
            return True
        return following.text in ("_", "^") and len(piece) < 3 and names.begins(piece)

    def _named(self) -> ast.expr:
        """Return a name, or the elements of one."""
        read = self.name()
        spelled, place = read.spelled, read.spelled.place
        if place.kind == "word" and place.text in self.indices and not spelled.labels:
            return self._index(place)
        if spelled.bases[0] == "pi" and self.claim.names.find(spelled) is None:
            return constant(place, math.pi)
        if spelled.bases[0] == "delta" and not self.claim.names.find(spelled):
            if len(read.indices) == 2:
                equal = at(place, ast.Compare(read.indices[0], [ast.Eq()], [read.indices[1]]))
                return self._indicator(place, equal)
        node = self._barred(spelled) if "bar" in spelled.accents else self._plain(spelled)
        return element(place, node, read.indices)

    def _index(self, place: Token) -> ast.expr:
        if not self.counting:
            raise self._refusal(
                place, f"`{place.text}` is an index: it stands in a subscript or a comparison."
            )
        return name(place, place.text)

    def _barred(self, spelled: Spelled) -> ast.expr:
        if known := self.claim.names.find(spelled):
            return name(spelled.place, known)
        below = replace(spelled, accents=tuple(a for a in spelled.accents if a != "bar"))
        if self.claim.bars:
            return name(spelled.place, f"d{self.claim.names.primal_of(below)}")
        return call(spelled.place, "np.mean", self._plain(below))

    def _plain(self, spelled: Spelled) -> ast.expr:
        """Return a known name, or one that is indexed by known names, or an unknown name."""
        names, place = self.claim.names, spelled.place
        known = names.find(spelled)
        base = names.find(replace(spelled, labels=()))
        if known is None and base and spelled.labels:
            if all(label in names for label in spelled.labels):
                return element(
                    place, name(place, base), [name(place, label) for label in spelled.labels]
                )
            if all(set(label) <= INDICES for label in spelled.labels):
                raise self._refusal(
                    place,
                    f"the index `{spelled.labels[0]}` of `{base}` runs over nothing: sum over it, "
                    "or have it on the left too.",
                )
        return name(place, known or plainest(spelled))

    def name(self) -> Read:
        """Return the name that stands here, with its subscripts and layers."""
        read = self._bare_name()
        while True:
            self._subscript_first()
            if self._sees("_"):
                mark = self._next()
                inside, end = self._argument(mark)
                read = self._subscripted(read, inside, end, mark)
            elif self._sees("^") and (layer := self._layer()):
                inside, end = layer
                read = self._subscripted(read, inside, end, end)
            else:
                return read

    def _bare_name(self) -> Read:
        token = self._next()
        if token.kind == "text" and token.text.isidentifier():
            return Read(Spelled((token.text,), token))
        if token.kind == "word":
            follows = self._peek()
            if token.text == "d" and "d" not in self.claim.names and self._begins_name(follows):
                inner = self.name()
                gradient = f"d{self.claim.names.primal_of(inner.spelled)}"
                return Read(Spelled((gradient,), token), inner.indices)
            return Read(Spelled((token.text,), token))
        if self._kind(token) is Kind.LETTER:
            return Read(Spelled(tuple(COMMANDS[token.text].value.split()), token))
        if self._kind(token) is Kind.ACCENT:
            accent = COMMANDS[token.text].value
            inside, end = self._accented(token)
            inner = self._child(inside, end).only_name(with_arguments=False)
            accents = (*inner.spelled.accents, accent)
            return Read(replace(inner.spelled, accents=accents, place=token), inner.indices)
        raise self._refusal(token, f"a name is expected here, not `{token.text.strip()}`.")

    def _accented(self, token: Token) -> tuple[list[Token], Token]:
        if self._kind(self._peek()) is Kind.ACCENT:
            inner = self._next()
            inside, end = self._accented(inner)
            self._guard(token, self.depth + 1)
            return [
                inner,
                Token("symbol", "{", end.line, end.column),
                *inside,
                replace(end, kind="symbol", text="}"),
            ], end
        return self._argument(token)

    def _begins_name(self, token: Token | None) -> bool:
        return token is not None and (
            token.kind in ("word", "text") or self._kind(token) in (Kind.LETTER, Kind.ACCENT)
        )

    def only_name(self, with_arguments: bool = True) -> Read:
        """Return the name that all the tokens make; ``L(W, b)`` is the name ``L``."""
        read = self.name()
        if with_arguments and self._sees("("):
            self._group()
        if left := self._peek():
            raise self._refusal(left, f"`{left.text.strip()}` is not expected after a name here.")
        return read

    def _subscript_first(self) -> None:
        """Turn ``w^T_1`` into ``w_1^T``, which is the same to TeX."""
        if not self._sees("^") or self.at + 1 >= len(self.tokens):
            return
        start = self.at + 1
        token = self.tokens[start]
        if token.kind == "word" and len(token.text) > 1:
            return
        end = closing(self.tokens, start) + 1 if token.text == "{" else start + 1
        if (
            end < len(self.tokens)
            and self.tokens[end].text == "_"
            and self.tokens[end].kind == "symbol"
        ):
            raised = self.tokens[self.at : end]
            self.tokens[self.at : end] = []
            behind = self.at + 1
            if behind < len(self.tokens):
                token = self.tokens[behind]
                if token.text == "{" and token.kind == "symbol":
                    behind = closing(self.tokens, behind)
                elif token.kind == "word" and len(token.text) > 1:
                    self.tokens[behind : behind + 1] = token.cut(1)
            self.tokens[behind + 1 : behind + 1] = raised

    def _layer(self) -> tuple[list[Token], Token] | None:
        """Return ``1`` of ``^{[1]}``, ``^{(1)}`` and leave the rest of the exponent."""
        brace = self._peek(1)
        if brace is None or brace.kind != "symbol" or brace.text != "{":
            return None
        opening = self._peek(2)
        if opening is None or opening.kind != "symbol" or opening.text not in ("[", "("):
            return None
        start, last = self.at + 2, closing(self.tokens, self.at + 1)
        end = closing(self.tokens, start)
        inside = self.tokens[start + 1 : end]
        label = len(inside) == 1 and (inside[0].text in self.indices or inside[0].text.isalnum())
        if not label or (self.tokens[start].text == "(" and inside[0].text in self.claim.names):
            return None
        close = self.tokens[end]
        if end + 1 == last:
            self.tokens[self.at : last + 1] = []
        else:
            self.tokens[start : end + 1] = []
        return inside, close

    def _subscripted(self, read: Read, inside: list[Token], end: Token, mark: Token) -> Read:
        if self._has_index(inside):
            return replace(read, indices=read.indices + self._positions(inside, end, mark))
        if read.indices:
            raise self._refusal(
                mark, "an index in front of a label: write the label first, x_{1}^{(i)}."
            )
        labels = tuple(self._label(token, mark) for token in inside if token.text != ",")
        if not labels:
            raise self._refusal(mark, "this subscript is empty.")
        return replace(read, spelled=replace(read.spelled, labels=read.spelled.labels + labels))

    def _has_index(self, tokens: list[Token]) -> bool:
        return any(token.kind == "word" and set(token.text) <= self.indices for token in tokens)

    def _label(self, token: Token, mark: Token) -> str:
        if token.kind in ("word", "number", "text") and token.text.replace(".", "").isalnum():
            return token.text
        if self._kind(token) is Kind.LETTER:
            return token.text
        raise self._refusal(
            token,
            "a subscript is a label, as in W_1 and W_{out}, or an index that something sums over "
            "or that the left side has.",
        )

    def _positions(self, inside: list[Token], end: Token, mark: Token) -> tuple[ast.expr, ...]:
        """Return the positions that ``_{ij}``, ``_{i, j}`` or ``_{y_i}`` mean."""
        found: list[ast.expr] = []
        for part in split(inside, {","}):
            if len(part) == 1 and part[0].kind == "word" and set(part[0].text) <= self.indices:
                found += [name(part[0], letter) for letter in part[0].text]
            elif any(token.kind == "number" for token in part[:1]):
                raise self._refusal(
                    part[0],
                    "nothing says whether positions are counted from 0 or 1: name the part.",
                )
            else:
                if not any(self._has_index([t]) or t.text in self.claim.names for t in part):
                    raise self._refusal(mark, "this subscript is neither a label nor an index.")
                found.append(self._child(part, end, counting=True).formula())
        return tuple(found)

    # --- derivatives -------------------------------------------------------------------------

    def derivative(self, place: Token) -> tuple[Read, Read] | None:
        """Return what is differentiated by what, if a derivative stands here."""
        if self._sees_command("nabla"):
            return self._nabla(self._next())
        if self._sees_command("partial"):
            return self._slashed(self._next())
        if place.text == "nabla":
            return self._nabla(place)
        if place.text == "partial":
            return self._slashed(place)
        start, tokens = self.at, list(self.tokens)
        self.at += 1
        above, end = self._argument(place)
        below, last = self._argument(place)
        by = self._differential(below, last)
        if by is None or (quantity := self._differential(above, end)) is None:
            self.at, self.tokens = start, tokens
            return None
        what = self._operand(place) if not quantity else self._child(quantity, end).only_name()
        return what, self._child(by, last).only_name()

    def left_derivative(self) -> tuple[Read, Read] | None:
        """Return what is differentiated by what, if that is all that the tokens say."""
        first = self.tokens[0]
        form = COMMANDS[first.text].value or first.text if self._kind(first) is Kind.FORM else ""
        if form in ("nabla", "partial", "frac"):
            derivative = self.derivative(first)
        else:
            derivative = self._quotient()
        if derivative and (left := self._peek()):
            raise self._refusal(left, f"`{left.text}` is not expected on the left.")
        return derivative

    def _quotient(self) -> tuple[Read, Read] | None:
        """Return the parts of ``dL/dW``."""
        sides = split(self.tokens, {"/"})
        if len(sides) != 2:
            return None
        above, below = (self._differential(side, self.end) for side in sides)
        if not above or not below:
            return None
        self.at = len(self.tokens)
        return self._child(above, self.end).only_name(), self._child(below, self.end).only_name()

    def _operand(self, place: Token) -> Read:
        r"""Return the name that an operator such as ``\frac{\partial}{\partial W}`` stands before."""
        if not self._begins_name(self._peek()):
            raise self._refusal(
                self._peek() or self.end, "the name that is differentiated is missing."
            )
        read = self.name()
        if self._sees("("):
            self._group()
        return read

    def _differential(self, tokens: list[Token], end: Token) -> list[Token] | None:
        """Return what stands behind the d, if these tokens begin with one."""
        if not tokens:
            return None
        first, *rest = tokens
        if (
            rest
            and rest[0].kind == "symbol"
            and rest[0].text == "^"
            and first.text in ("partial", "d")
        ):
            raise self._refusal(rest[0], "first derivatives are judged, not second ones.")
        if first.kind == "command" and first.text == "partial":
            return rest
        if first.text == "d" and first.kind in ("word", "text") and "d" not in self.claim.names:
            return rest
        if first.kind == "word" and first.text[0] == "d" and len(first.text) > 1:
            if first.text in self.claim.names:
                return None
            return [first.cut(1)[1], *rest]
        return None

    def _nabla(self, token: Token) -> tuple[Read, Read]:
        if not self._sees("_"):
            raise self._refusal(token, "by what? Write \\nabla_W L.")
        mark = self._next()
        inside, end = self._argument(mark)
        by = self._child(inside, end).only_name()
        return self._operand(token), by

    def _slashed(self, token: Token) -> tuple[Read, Read]:
        if self._sees("^"):
            raise self._refusal(self._next(), "first derivatives are judged, not second ones.")
        quantity = self._operand(token)
        if not self._sees("/"):
            raise self._refusal(self._peek() or self.end, "by what? Write \\partial L/\\partial W.")
        self.at += 1
        if not self._sees_command("partial"):
            raise self._refusal(self._peek() or self.end, "by what? Write \\partial L/\\partial W.")
        return quantity, self._operand(self._next())

    def _gradient(self, quantity: Read, by: Read, place: Token) -> ast.expr:
        text, under = self.differentiated(quantity, by)
        if text == under and text == self.claim.value:
            return constant(place, 1)
        if text == self.claim.value:
            return element(place, name(place, f"d{under}"), by.indices)
        if f"d{text}_d{under}" in self.claim.names:
            return name(place, f"d{text}_d{under}")
        above = element(place, name(place, text), quantity.indices)
        return call(place, "local", above, element(place, name(place, under), by.indices))

    def differentiated(self, quantity: Read, by: Read) -> tuple[str, str]:
        """Return the names of what is differentiated and by what, and remember both."""
        names = self.claim.names
        above, below = names.primal_of(quantity.spelled), names.primal_of(by.spelled)
        self.claim.over.setdefault(above, quantity.spelled.place)
        if above != below:
            self.claim.under.add(below)
        return above, below


def _together(
    ops: list[tuple[str, Token]], factors: list[ast.expr]
) -> tuple[list[tuple[str, Token]], list[ast.expr]]:
    """Multiply what stands side by side before what a sign multiplies."""
    kept: list[tuple[str, Token]] = []
    groups = [[factors[0]]]
    beside: list[list[tuple[str, Token]]] = [[]]
    for op, factor in zip(ops, factors[1:], strict=True):
        if op[0] == _BESIDE:
            groups[-1].append(factor)
            beside[-1].append(op)
        else:
            kept.append(op)
            groups.append([factor])
            beside.append([])
    return kept, [_folded(b, group) for b, group in zip(beside, groups, strict=True)]


def _folded(ops: Sequence[tuple[str, Token]], factors: Sequence[ast.expr]) -> ast.expr:
    node = factors[0]
    for (op, place), factor in zip(ops, factors[1:], strict=True):
        if op == "/":
            node = binary(place, node, ast.Div(), factor)
        elif op == "*":
            node = binary(place, node, ast.Mult(), factor)
        elif op == "@":
            node = binary(place, node, ast.MatMult(), factor)
        else:
            node = call(place, "product" if op == _BESIDE else op, node, factor)
    return node


def _are_opposite(one: ast.expr | None, other: ast.expr) -> bool:
    """Return whether exactly one of two comparisons holds, whatever the values."""
    if not isinstance(one, ast.Compare) or not isinstance(other, ast.Compare):
        return False
    same = [ast.dump(c) for c in (one.left, *one.comparators)] == [
        ast.dump(c) for c in (other.left, *other.comparators)
    ]
    return same and len(one.ops) == 1 and _OPPOSITE[type(one.ops[0])] is type(other.ops[0])


def _is_prose(token: Token) -> bool:
    words = {"if", "when", "for", "where", "otherwise", "else"}
    return token.kind == "text" and (not token.text.isidentifier() or token.text in words)
