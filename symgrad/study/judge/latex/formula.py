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
import keyword
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from symgrad.errors import SpecError
from symgrad.study.judge.latex.dialect import COMMANDS, EXTREMES, WORDS, Kind
from symgrad.study.judge.latex.letters import INDICES, LABELS, Letters, Read
from symgrad.study.judge.latex.names import Spelled, plainest
from symgrad.study.judge.latex.nodes import (
    at,
    binary,
    call,
    constant,
    element,
    indicator,
    name,
    negative,
)
from symgrad.study.judge.latex.tokens import CLOSING, OPENING, Token, closing, outside, split

OPERATIONS = 150  # operations inside one another, in a chain of products or a sum

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


class Reader(Letters):
    """Reads the tokens of one formula, or of what stands in one pair of brackets."""

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
            raise self._refusal(left, f"`{left.shown}` is not expected here.")
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
                f"where the argument of `{self.bare.shown}` ends is unclear: put it in brackets, "
                f"{self.bare.shown}(...).",
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
        raise self._refusal(token, f"`{token.shown}` is not expected here.")

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
        if token.text != "{" and any(map(self._relation, outside(inside))):
            return indicator(token, self._child(inside, end).condition())
        return self._child(inside, end).formula()

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
        raise self._refusal(token, f"`{token.shown}` is not expected here: a formula is.")

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
            return indicator(token, self._child(inside, end).condition())
        if self._sees("(", "[", "\\{"):
            inside, end = self._group()
            return indicator(token, self._child(inside, end).condition())
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
        indices, low, condition = self._bounds(below)
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

    def _bounds(self, below: list[Token]) -> tuple[list[str], list[Token], list[Token]]:
        """Return the indices of a sum, where they start, and what they must fulfil."""
        head = [t for t in below if t.text != ","]
        letters = "".join(t.text for t in head)
        plain = all(t.kind == "word" for t in head) and letters.isalpha()
        if plain and len(letters) <= LABELS and len(set(letters)) == len(letters):
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
        if self._is_quotient():
            above, below = token.cut(1)[1], self.tokens[self.at + 2].cut(1)[1]
            self.at += 2
            self.tokens[self.at] = below
            quantity = self._child([above], self.tokens[self.at - 1]).only_name()
            return self._gradient(quantity, self.name(), token)
        is_word = token.text.isidentifier() and not keyword.iskeyword(token.text)
        if token.kind == "text" and not is_word:
            raise self._refusal(token, "words in a formula: put them behind %, or at its end.")
        return self._named()

    def _is_quotient(self) -> bool:
        """Return whether ``dL/dW`` stands here."""
        above, slash, below = self._peek(), self._peek(1), self._peek(2)
        if not above or not slash or not below or slash.text != "/":
            return False
        plain = slash.kind == "symbol" and above.kind == below.kind == "word"
        words = (above.text, below.text)
        differentials = all(w[0] == "d" and len(w) > 1 and w not in self.claim.names for w in words)
        return plain and differentials and self.claim.names.begins(below.text[1:])

    def _is_written_function(self, token: Token) -> bool:
        return token.kind == "text" and token.text not in self.claim.names

    def _exponential(self, token: Token) -> ast.expr:
        if token.kind == "word" and "e" in self.claim.names:
            raise self._refusal(
                token,
                "`e` is a name of the function: write \\exp(...) for the exponential, and "
                "{e}^{...} for a power of `e`.",
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
        is_delta = spelled.bases[0] == "delta" and not self.claim.names.find(spelled)
        if is_delta and len(read.indices) == 2:
            one, other = read.indices
            return indicator(place, at(place, ast.Compare(one, [ast.Eq()], [other])))
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

    # --- derivatives on the right ------------------------------------------------------------

    def _gradient(self, quantity: Read, by: Read, place: Token) -> ast.expr:
        text, under = self.differentiated(quantity, by)
        if text == under and text in self.claim.values:
            return constant(place, 1)
        if text in self.claim.values:
            return element(place, name(place, f"d{under}"), by.indices)
        if f"d{text}_d{under}" in self.claim.names:
            return name(place, f"d{text}_d{under}")
        above = element(place, name(place, text), quantity.indices)
        return call(place, "local", above, element(place, name(place, under), by.indices))


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
