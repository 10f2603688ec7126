r"""The LaTeX that the judge reads: one table, from which the reader works and the help is made.

Given a command without its backslash, `COMMANDS` says how it is read and what it stands for;
`dialect` prints the same table for people.  Invariant: a command that is in no row is refused.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """How the reader treats a command."""

    LETTER = auto()
    STYLE = auto()
    WORD = auto()
    ACCENT = auto()
    FUNCTION = auto()
    EXTREME = auto()
    PRODUCT = auto()
    RELATION = auto()
    EQUALS = auto()
    FORM = auto()
    TURN = auto()
    OPEN = auto()
    CLOSE = auto()
    SIDE = auto()
    SPACE = auto()
    NOTE = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Family:
    """Commands that are read in one way: what a person is told, and what each stands for."""

    kind: Kind
    meaning: str
    commands: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Command:
    """How one command is read, and what it stands for."""

    kind: Kind
    value: str


def _same(words: str, value: str = "") -> dict[str, str]:
    return {word: value or word for word in words.split()}


_GREEK = "αβγδεζηθικλμνξοπρστυφχψω"
_GREEK_NAMES = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "omicron",
    "pi",
    "rho",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "chi",
    "psi",
    "omega",
]
_SHORTER = {"lambda": "lambda_ lam lmbda", "epsilon": "eps"}
_LETTERS = {
    name: f"{name} {_SHORTER.get(name, '')} {letter}"
    for name, letter in zip(_GREEK_NAMES, _GREEK, strict=True)
}
_CAPITALS = {
    name.capitalize(): f"{name.capitalize()} {letter.upper()}"
    for name, letter in zip(_GREEK_NAMES, _GREEK, strict=True)
}
_VARIANTS = {
    f"var{name}": f"{_LETTERS[name]} var{name}"
    for name in ("epsilon", "theta", "phi", "rho", "sigma", "kappa", "pi")
}
_SIZES = [f"{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r")]

FAMILIES = (
    Family(
        Kind.LETTER,
        "a letter of a name: \\beta_0 is beta0 or beta_0, \\lambda is lambda_, lambda, lam or "
        "lmbda, whichever the function has",
        _LETTERS | _CAPITALS | _VARIANTS | {"ell": "ell l"},
    ),
    Family(
        Kind.STYLE,
        "a look, which changes nothing",
        _same("mathbf boldsymbol bm pmb mathcal mathscr mathbb mathfrak vec"),
    ),
    Family(
        Kind.WORD,
        "a name or a function written out, \\_ for an underscore; at the end of a line a remark",
        _same("text mathrm mathit mathsf mathtt operatorname textrm textit textbf texttt"),
    ),
    Family(
        Kind.ACCENT,
        "\\hat{y} is y_hat or yhat, \\tilde{x} is x_tilde or xtilde; \\bar{x} is x_bar or xbar if "
        "the function has it, else the gradient dx if any line of the claim starts with a bar, "
        "else the mean of x",
        {
            "hat": "hat",
            "widehat": "hat",
            "tilde": "tilde",
            "widetilde": "tilde",
            "bar": "bar",
            "overline": "bar",
        },
    ),
    Family(
        Kind.FUNCTION,
        "a function, of what stands in brackets or of one factor: \\log p - y is \\log(p) - y",
        {
            "exp": "np.exp",
            "log": "np.log",
            "ln": "np.log",
            "sin": "np.sin",
            "cos": "np.cos",
            "tanh": "np.tanh",
            "det": "np.linalg.det",
        },
    ),
    Family(
        Kind.EXTREME,
        "the larger or smaller of what stands in brackets, element by element",
        {"max": "np.maximum", "min": "np.minimum"},
    ),
    Family(
        Kind.PRODUCT,
        "\\cdot, \\times, * and standing side by side: the product that the shapes allow (a "
        "scalar times anything, otherwise the matrix product); \\odot, \\circ and \\ast: element "
        "by element; \\otimes: the outer product; @: the matrix product",
        {
            "cdot": "product",
            "times": "product",
            "odot": "*",
            "circ": "*",
            "ast": "*",
            "otimes": "np.outer",
        },
    ),
    Family(
        Kind.RELATION,
        "a comparison, inside brackets or in the condition of a case",
        {
            "le": "<=",
            "leq": "<=",
            "leqslant": "<=",
            "ge": ">=",
            "geq": ">=",
            "geqslant": ">=",
            "lt": "<",
            "gt": ">",
            "ne": "!=",
            "neq": "!=",
        },
    ),
    Family(Kind.EQUALS, "the same as =", _same("equiv triangleq coloneqq", "=")),
    Family(
        Kind.FORM,
        "\\frac{a}{b}, \\sqrt{a}, \\sqrt[3]{a}, \\sum_{i=1}^{n} x_i y_i (up to the next + or -), "
        "\\frac{\\partial L}{\\partial W}, \\nabla_W L, and cases",
        _same("frac dfrac tfrac cfrac", "frac") | _same("sqrt sum partial nabla begin end"),
    ),
    Family(Kind.TURN, "after ^: transposed, as ^T is", _same("top intercal", "T")),
    Family(
        Kind.OPEN,
        "an opening bracket",
        {"{": "\\{", "lbrace": "\\{", "lbrack": "[", "lvert": "\\left|", "lVert": "\\left\\|"},
    ),
    Family(
        Kind.CLOSE,
        "a closing bracket",
        {"}": "\\}", "rbrace": "\\}", "rbrack": "]", "rvert": "\\right|", "rVert": "\\right\\|"},
    ),
    Family(
        Kind.SIDE,
        "the size of the bracket that follows",
        _same("left", "\\left")
        | _same("right", "\\right")
        | {size: {"l": "\\left", "r": "\\right"}.get(size[-1], "") for size in _SIZES},
    ),
    Family(
        Kind.SPACE,
        "white space",
        _same(", ; : ! > quad qquad thinspace enspace displaystyle textstyle limits nolimits")
        | _same("nonumber notag noindent centering")
        | {" ": " "},
    ),
    Family(Kind.NOTE, "left out with the braces that follow", _same("label tag")),
    Family(
        Kind.REFUSED,
        "known, and refused",
        _same("infty", "infinity is no number")
        | _same("pm mp", "it stands for two formulas: write each on its own")
        | _same("approx sim simeq propto", "equality is judged, not nearness: write =")
        | _same("dots ldots cdots vdots ddots", "what is left out cannot be judged: write it out")
        | _same("prod", "write the factors out, or the exponential of a sum of logarithms")
        | _same("int lim", "limits and integrals are not judged")
        | _same(
            "Rightarrow implies iff Leftrightarrow to rightarrow Longrightarrow",
            "an argument is not judged: write each equation on a line of its own",
        )
        | _same("prime", "write \\frac{\\partial a}{\\partial b}, or g'(z) with an apostrophe")
        | _same("dagger ddagger star", "arrays are real: write ^T")
        | _same("in notin forall exists", "sets are not judged: sum over an index, \\sum_i"),
    ),
)

COMMANDS: dict[str, Command] = {
    name: Command(family.kind, value)
    for family in FAMILIES
    for name, value in family.commands.items()
}

# Functions by their plain name: exp(x), \operatorname{softmax}(z), \mathrm{tr}(A).
WORDS: dict[str, str] = {
    name: row.value for name, row in COMMANDS.items() if row.kind is Kind.FUNCTION
} | {
    "sigma": "sigmoid",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "relu": "relu",
    "ReLU": "relu",
    "sign": "np.sign",
    "sgn": "np.sign",
    "abs": "np.abs",
    "sqrt": "np.sqrt",
    "mean": "np.mean",
    "diag": "np.diag",
    "tr": "np.trace",
    "trace": "np.trace",
}
EXTREMES = {name: row.value for name, row in COMMANDS.items() if row.kind is Kind.EXTREME}

DISPLAYS = frozenset(
    [
        "align",
        "aligned",
        "alignat",
        "alignedat",
        "equation",
        "gather",
        "gathered",
        "split",
        "multline",
        "eqnarray",
        "displaymath",
        "math",
    ]
)

# Characters that are pasted for commands.
CHARACTERS = {
    "\N{MINUS SIGN}": "-",
    "·": "\\cdot",
    "\N{MULTIPLICATION SIGN}": "\\times",
    "⊙": "\\odot",
    "∘": "\\circ",
    "⊗": "\\otimes",
    "≤": "\\le",
    "≥": "\\ge",
    "≠": "\\ne",
    "∂": "\\partial",
    "∇": "\\nabla",
    "∑": "\\sum",
    "\N{SCRIPT SMALL L}": "\\ell",
    "\N{NO-BREAK SPACE}": "\\ ",
} | {
    letter: f"\\{name}"
    for lower, name in zip(_GREEK, _GREEK_NAMES, strict=True)
    for letter, name in ((lower, name), (lower.upper(), name.capitalize()))
}

_FORMS = (
    ("name = ..., dW = ...", "a value that the function has, or the gradient by W"),
    ("\\frac{\\partial L}{\\partial W}, \\frac{dL}{dW}", "the gradient dW, if L is the value"),
    ("\\partial L/\\partial W, \\nabla_W L, \\bar{W}", "the same"),
    ("\\frac{\\partial q}{\\partial x}", "the local derivative of q, if q is not the value"),
    ("a = b = c", "two claims about a: each right side is judged"),
    ("\\frac{\\partial L}{\\partial z_i} = p_i - y_i", "a claim for every i"),
    ("W^{[1]}, W^{(1)}, W_1", "W1 or W_1, whichever the function has"),
    ("x_i, x_{ij}, x^{(i)}", "an element; an index is a position, whatever it is counted from"),
    ("Wx, 2x", "a product, if W and x are names; W(a + b) too"),
    ("x^2, x^T, x^{-1}", "a power; transposed; the inverse that the shape allows"),
    ("e^{x}", "the exponential, if e is no name of the function"),
    ("|x|, \\|x\\|, \\|x\\|_2", "absolute value; norm"),
    ("\\mathbb{1}[z > 0], [z > 0]", "1 where it holds, 0 elsewhere"),
    ("\\delta_{ij}", "1 where i is j, 0 elsewhere, if delta is no name of the function"),
    ("g'(z)", "the derivative of a function, at z"),
    ("\\begin{cases} a & z > 0 \\\\ b & \\text{otherwise} \\end{cases}", "one or the other"),
    ("% ...", "a remark"),
)


def dialect() -> str:
    """Return the table of what is read, as text for a terminal."""
    rows = list(_FORMS)
    for family in FAMILIES:
        commands = " ".join(f"\\{name}" for name in family.commands if name.strip())
        rows.append((commands, family.meaning))
        if family.kind is Kind.FUNCTION:
            rows.append((" ".join(WORDS), "the same functions by their plain names: log(p)"))
    title = "What is read of LaTeX, on lines of its own, in align, equation, $...$ or \\[...\\]:"
    return "\n".join([title, *(line for row in rows for line in _shown(*row))])


def _shown(written: str, meaning: str) -> list[str]:
    lines = []
    for text, indent in ((written, "  "), (meaning, "      ")):
        wrapper = textwrap.TextWrapper(96, indent, indent)
        wrapper.break_long_words = wrapper.break_on_hyphens = False
        lines += wrapper.wrap(text)
    return lines
