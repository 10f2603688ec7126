"""Formulas: what programs look like as TeX, and that a mathematician reads them as they compute."""

import re

import numpy as np
import pytest
from golden_programs import PROGRAMS as GOLDEN
from programs import PROGRAMS

from symgrad.notation import (
    Big,
    Fraction,
    Label,
    Name,
    Number,
    Product,
    Sign,
    apply,
    equals,
    less,
    minus,
    number,
    over,
    plus,
    power,
    times,
    turned,
)
from symgrad.study.circuit import circuit
from symgrad.study.mathml import mathml
from symgrad.study.plain import plain
from symgrad.study.tex import escaped, tex, tex_name
from tests.benchmarks.hand_derived import LOSSES
from tests.mathematics import Reader, Unreadable, backward_equations, surroundings

NAMES = [
    ("x", "x"), ("w0", "w_{0}"), ("W1", "W_{1}"), ("y_hat", r"\hat{y}"),
    ("x_hat_0", r"\hat{x}_{0}"),
    ("lam", r"\lambda"), ("lambda_", r"\lambda"), ("theta", r"\theta"), ("mu_k", r"\mu_{k}"),
    ("xi_1", r"\xi_{1}"), ("dW1", r"\mathrm{d}W_{1}"), ("dx", r"\mathrm{d}x"),
    ("logits", r"\mathrm{logits}"), ("h_prev", r"h_{\mathrm{prev}}"),
    ("one_minus_alpha", r"\mathrm{one\_minus\_alpha}"), ("log_p", r"\mathrm{log\_p}"),
    ("_", r"\text{\_}"), ("größe", r"\text{größe}"), ("Δ", r"\Delta"), ("σ2", r"\sigma_{2}"),
]  # fmt: skip


@pytest.mark.parametrize("name, expected", NAMES)
def test_a_name_is_written_as_a_letter_with_indices(name, expected):
    assert tex_name(name) == expected


def test_no_two_names_of_a_table_look_the_same():
    different = {name.strip("_") for name, _ in NAMES} - {"lambda"}  # that is lam in Python
    assert len({tex_name(name) for name in different}) == len(different)


def test_text_is_escaped():
    assert escaped(r"a_b^c{d}$e&f#g%h~i\j") == (r"a\_b\^{}c\{d\}\$e\&f\#g\%h\~{}i\textbackslash{}j")
    assert escaped("λ = 日") == r"\ensuremath{\lambda} = [U+65E5]"


A, B, C = Name("a"), Name("b"), Name("c")
TREES = [
    (plus(A, minus(B)), "a - b", "a - b"),
    (less(A, plus(B, C)), "a - (b + c)", "a - (b + c)"),
    (less(A, minus(B)), "a + b", "a + b"),
    (times(plus(A, B), C), "(a + b) c", "(a + b) c"),
    (times(minus(A), B), "-a b", "-a b"),
    (minus(plus(A, B)), "-(a + b)", "-(a + b)"),
    (times(Number(2), times(Number(3), A)), "6 a", "6a"),
    (times(A, number(-2)), "-2 a", "-2a"),
    (times(Fraction(Number(1), A), Number(2)), r"\frac{2}{a}", "2/a"),
    (times(over(A, B), C), r"\frac{a}{b} c", "(a/b) c"),
    (over(A, over(B, C)), r"\frac{a}{\frac{b}{c}}", "a / (b/c)"),
    (over(over(Number(1), A), A), r"\frac{1}{a^2}", "1/a²"),
    (power(plus(A, B), Number(2)), "(a + b)^2", "(a + b)²"),
    (power(apply("sin", A), Number(2)), r"(\sin a)^2", "(sin a)²"),
    (power(power(A, B), C), r"(a^b)^c", "(a^b)^c"),
    (power(A, plus(B, Number(1))), "a^{b + 1}", "a^(b + 1)"),
    (apply("log", plus(A, B)), r"\log(a + b)", "log(a + b)"),
    (times(apply("log", A), B), r"\log(a) b", "log(a) b"),
    (apply("softmax", A), r"\operatorname{softmax} a", "softmax a"),
    (Product((A, Product((B, C))), "⊙"), r"a \odot (b c)", "a ⊙ (b c)"),
    (times(A, Product((B, C), "⊙")), r"a (b \odot c)", "a (b ⊙ c)"),
    (times(turned(A), B), r"a^\top b", "aᵀ b"),
    (times(Product((A, B), is_number=True), C), "(a b) c", "(a b) c"),
    (times(Number(1e-5), A), r"10^{-5} a", "10⁻⁵a"),
    (times(Big(Sign("∑"), Label("i"), None, A), B), r"\left(\sum_{i} a\right) b", "(∑ᵢ a) b"),
    (Big(Sign("∑"), Label("i"), None, plus(A, B)), r"\sum_{i} (a + b)", "∑ᵢ (a + b)"),
    (Number(float("inf")), r"\infty", "∞"),
    (number(-1.5), "-1.5", "-1.5"),
]  # fmt: skip


@pytest.mark.parametrize("tree, in_tex, in_text", TREES, ids=[t for _, _, t in TREES])
def test_brackets_stand_where_the_meaning_needs_them(tree, in_tex, in_text):
    assert (tex(tree), plain(tree)) == (in_tex, in_text)


X, V, W, M = np.ones((3, 4)), np.ones(4), np.ones(3), np.eye(3)
LABELS = np.array([0, 2, 1])
FORMULAS = [
    (lambda x, y: x * y, (2.0, 3.0), "f = x y"),
    (lambda x: 3 * x, (2.0,), "f = 3 x"),
    (lambda x: x * 3, (2.0,), "f = 3 x"),
    (lambda w, v: np.sum(w * v), (W, W), r"f = \sum_{i = 1}^{n} w_{i} v_{i}"),
    (lambda X, v: np.sum((X @ v) ** 2), (X, V), r"f = \sum_{i = 1}^{d} (X v)_{i}^2"),
    (lambda x, y: x @ y, (V, V), r"f = x^\top y"),
    (lambda x, A, y: x @ A @ y, (W, X, V), r"f = (A^\top x)^\top y"),
    (lambda A: np.trace(A), (M,), r"f = \operatorname{tr} A"),
    (lambda A: np.sum(A**2), (X,), r"f = \sum_{i, j} A_{ij}^2"),
    (lambda A: np.mean(A), (V,), r"f = \frac{1}{d} \sum_{i = 1}^{d} A_{i}"),
    (lambda A: np.sum(np.max(A, axis=1)), (X,), r"f = \sum_{i = 1}^{d} \max_{j} A_{ij}"),
    (lambda A: np.sum(A.sum(axis=1) ** 2), (X,),
     r"f = \sum_{i = 1}^{d} \left(\sum_{j = 1}^{k} A_{ij}\right)^2"),
    (lambda p, y: np.sum(p[np.arange(3), y]), (X, LABELS), r"f = \sum_{i = 1}^{3} p_{i, y_{i}}"),
    (lambda U, i: np.sum(U[i]), (X, LABELS), r"f = \sum_{j, r} U_{i_{j}, r}"),
    (lambda z: np.sum(np.maximum(0, z)), (V,), r"f = \sum_{i = 1}^{d} \max(0, z_{i})"),
    (lambda z: np.sum(z * (z > 0)), (V,), r"f = \sum_{i = 1}^{d} z_{i} \mathbf{1}[z_{i} > 0]"),
    (lambda z: np.sum(np.where(z > 0, z, 2 * z)), (V,),
     r"f = \sum_{i = 1}^{d} \begin{cases} z_{i} & \text{if } z_{i} > 0 \\ 2 z_{i} & "
     r"\text{otherwise} \end{cases}"),
    (lambda x: np.sum(np.cumsum(x)), (V,), r"f = \sum_{i = 1}^{d} \sum_{j \le i} x_{j}"),
    (lambda x: np.sum((x[1:] - x[:-1]) ** 2), (V,), None),
    (lambda A, b: np.linalg.solve(A, b) @ b, (M, W), r"f = (A^{-1} b)^\top b"),
    (lambda A: np.linalg.slogdet(A)[1], (M,), r"f = \log\left|\det A\right|"),
    (lambda A: np.sum(np.linalg.inv(A)), (M,), r"f = \sum_{i, j} (A^{-1})_{ij}"),
    (lambda x: np.linalg.norm(x), (V,), r"f = \left\lVert x\right\rVert"),
    (lambda x, y: np.sum(np.outer(x, y)), (V, W), r"f = \sum_{i, j} (x y^\top)_{ij}"),
    (lambda x, y: np.sum((x[:, None] - y) ** 2), (V, W), r"f = \sum_{i, j} (x_{i} - y_{j})^2"),
    (lambda x: np.exp(-(x**2) / 2), (1.0,), r"f = e^{-\frac{x^2}{2}}"),
    (lambda x: np.sqrt(1 + x**2), (1.0,), r"f = \sqrt{1 + x^2}"),
    (lambda e, x: np.exp(e * x), (1.0, 2.0), r"f = \exp(e x)"),
    (lambda A, B: np.einsum("bij,bjk->", A, B), (np.ones((2, 3, 4)), np.ones((2, 4, 5))), None),
    (lambda A: np.sum(np.tril(A)), (M,), r"f = \sum_{i, j} (\operatorname{tril} A)_{ij}"),
    (lambda x, y: np.sum(np.concatenate([x, y]) ** 2), (V, W), None),
    (lambda x: np.clip(x, -1, 1), (0.5,), r"f = \operatorname{clip}(x, -1, 1)"),
    (lambda x: x % 2.0, (0.5,), r"f = x \bmod 2"),
]  # fmt: skip


def written(function, args):
    found = circuit(function, args, level=lambda graph: [range(len(graph.equations))])
    return equals(*found.wording.equation(found.nodes[found.output].symbol)), found


@pytest.mark.parametrize("case", range(len(FORMULAS)))
def test_a_program_looks_as_on_a_blackboard(case):
    function, args, expected = FORMULAS[case]
    equation, found = written(function, args)
    if expected is not None:
        assert tex(equation) == expected
    assert surroundings(found).holds(equation)


# --- a mathematician reads what the program computes ------------------------------------------

READ = [
    *((p.name, p.function, p.arguments(p.batches[0]), p.wrt, p.keywords)
      for p in GOLDEN if not p.options.get("has_aux")),
    *((f"{name} (loss)", loss.function, loss.arguments(np.random.default_rng(0), 6), loss.wrt, {})
      for name, loss in LOSSES.items()),
]  # fmt: skip


# Windows that have no name: the formulas do not say how wide they are.
UNTOLD = {"conv_net", "convolutional network (loss)", "filter and mean pooling (loss)"}


@pytest.mark.parametrize(
    ("case", "level"),
    [
        pytest.param(k, level, id=f"{case[0]}-{level}")
        for k, case in enumerate(READ)
        for level in ("line", "gate")
        if level == "gate" or case[0] not in UNTOLD
    ],
)
def test_every_formula_says_what_its_node_computes(case, level):
    name, function, args, wrt, kwargs = READ[case]
    found = circuit(function, args, kwargs, wrt=wrt, level=level)
    reader = surroundings(found)
    parts = [found.wording.equation(n.symbol) for n in found.nodes if n.kind == "op"]
    for left, right in [*parts, *backward_equations(found)]:
        tolerance = 1e-4 if name == "single_precision" else 1e-8
        with np.errstate(all="ignore"):
            assert reader.agrees(left, right, tolerance), plain(equals(left, right))


BEYOND = {  # programs with formulas that the reader, or its indices, cannot follow
    "x[-indices]": "an index from the end is written as it is calculated",
    "assign gathered": "a written part whose shape no index shows",
    "concatenate with constants": "one number stands for several, and no index shows how many",
    "tril, triu": "np.tril of a sum that is one number by chance",
    "sizes of a split by number": "a size that is a variable there",
}


@pytest.mark.parametrize(
    "program", [p for p in PROGRAMS if p.floats and p.label not in BEYOND], ids=lambda p: p.label
)
def test_every_op_is_read_as_it_computes(program):
    found = circuit(program.loss(), program.args, wrt=program.floats)
    reader = surroundings(found)
    parts = [found.wording.equation(n.symbol) for n in found.nodes if n.kind == "op"]
    for left, right in [*parts, *backward_equations(found)]:
        try:
            with np.errstate(all="ignore"):
                assert reader.agrees(left, right, 1e-6), plain(equals(left, right))
        except Unreadable:
            continue  # a sign that only we have


def test_the_reader_sees_a_wrong_formula():
    a = np.arange(6.0).reshape(2, 3)
    reader = Reader({"A": a, "B": a, "C": a @ a.T}, {})
    assert reader.agrees(Name("C"), times(A_ := Name("A"), turned(Name("B"))))
    assert not reader.agrees(Name("C"), times(Number(2), times(A_, turned(Name("B")))))


# --- the writers agree, and their output is well-formed ---------------------------------------

KNOWN = re.compile(
    r"\\(frac|sqrt|sum|prod|left|right|lVert|rVert|lfloor|rfloor|lceil|rceil|langle|rangle|top|cdot"
    r"|odot|times|partial|infty|mathrm|mathbf|operatorname|text|texttt|begin|end|hat|bar|tilde|dot"
    r"|le|ge|ne|land|lor|lnot|oplus|dots|bmod|prime|colon|mapsto|leftarrow|mathrel|max|min|log|exp"
    r"|sin|cos|tan|sinh|cosh|tanh|arcsin|arccos|arctan|det|pi|sigma|delta|lambda|theta|mu|alpha"
    r"|beta|gamma|epsilon|eta|phi|rho|tau|xi|Sigma|quad|,|\\|_|\{|\}|\||&|%|#|\$)"
)


def is_well_formed(text):
    """Return whether braces pair and every command is one that amsmath and amssymb have."""
    depth = 0
    for k, c in enumerate(text):
        if c in "{}" and text[k - 1 : k] != "\\":
            depth += 1 if c == "{" else -1
        if depth < 0:
            return False
    rest = KNOWN.sub("", text)
    return depth == 0 and "\\" not in rest and text.count(r"\left") == text.count(r"\right")


@pytest.mark.parametrize("case", range(len(READ)), ids=[case[0] for case in READ])
def test_tex_is_balanced_and_mathml_is_xml(case):
    from xml.etree import ElementTree

    _, function, args, wrt, kwargs = READ[case]
    found = circuit(function, args, kwargs, wrt=wrt)
    for left, right in backward_equations(found):
        equation = equals(left, right)
        assert is_well_formed(tex(equation).replace(r"\leftarrow", "")), tex(equation)
        ElementTree.fromstring(mathml(equation))


def test_what_is_not_well_formed_is_seen():
    assert is_well_formed(r"\frac{a}{b}")
    for wrong in (r"\frac{a}{b", "a}", r"\unknown{a}", r"\left(a)"):
        assert not is_well_formed(wrong)
