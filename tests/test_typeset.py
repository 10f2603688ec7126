"""Formulas in LaTeX become MathML that a browser shows; what is not known is an error."""

# ruff: noqa: RUF001  (the signs of mathematics look like letters, and are not)

import re
from xml.etree import ElementTree

import pytest

import symgrad
from symgrad.study.typeset import typeset

SHOWN = [
    (r"\frac{a}{b}", "<mfrac><mi>a</mi><mi>b</mi></mfrac>"),
    ("x_i^2", "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>"),
    ("x^{(i)}", '<msup><mi>x</mi><mrow><mo stretchy="false">(</mo><mi>i</mi>'),
    (r"\log p", '<mi>log</mi><mo>\u2061</mo><mspace width="0.17em"></mspace><mi>p</mi>'),
    (r"y \log p", '<mi>y</mi><mspace width="0.17em"></mspace><mi>log</mi>'),
    (r"(y) \log p", '>)</mo><mspace width="0.17em"></mspace><mi>log</mi>'),
    (r"a-\log p", "<mo>−</mo><mi>log</mi>"),
    (r"\log(p)", '<mi>log</mi><mo>\u2061</mo><mo stretchy="false">(</mo>'),
    (r"\sum_i^n", "<munderover><mo>∑</mo><mi>i</mi><mi>n</mi></munderover>"),
    (r"\max_k s_k", "<munder><mi>max</mi><mi>k</mi></munder><mo>\u2061</mo>"),
    ("-0.5", '<mo form="prefix">−</mo><mn>0.5</mn>'),
    ("(-4)", '<mo form="prefix">−</mo><mn>4</mn>'),
    (r"3 \cdot -4", '<mo>·</mo><mo form="prefix">−</mo><mn>4</mn>'),
    ("a - 4", "<mi>a</mi><mo>−</mo><mn>4</mn>"),
    (r"\frac{a}{b} - (a + 4)", "</mfrac><mo>−</mo>"),
    (r"\lambda \in \mathbb{R}", "<mi>λ</mi><mo>∈</mo><mi>ℝ</mi>"),
    (r"\sqrt{2}", "<msqrt><mn>2</mn></msqrt>"),
    (r"\frac12", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
    (r"\left(\frac12\right)", "<mo>(</mo><mfrac>"),
    (r"\text{if } x", "<mtext>if\u00a0</mtext><mi>x</mi>"),
    (r"|h|", '<mo stretchy="false" lspace="0" rspace="0">|</mo><mi>h</mi>'),
    (r"\lVert w \rVert", '<mo stretchy="false" lspace="0" rspace="0">‖</mo><mi>w</mi>'),
    (r"\{-1\}", '<mo stretchy="false">{</mo>'),
    ("g'(u)", '<msup><mi>g</mi><mo lspace="0" rspace="0">′</mo></msup>'),
    (r"\bar{x_1}", '<mover accent="true"><msub>'),
    (r"\overline{x_1}", '<mrow style="border-top'),
    (r"\mathbf{W}", '<mi mathvariant="normal" style="font-weight: bold">W</mi>'),
    (
        r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}",
        "<mo>[</mo><mtable><mtr><mtd><mrow><mn>1</mn></mrow></mtd>",
    ),
    (
        r"\begin{aligned} a &= 1 \\ b &= 2 \\ \end{aligned}",
        '<mtable displaystyle="true"><mtr><mtd style="text-align: right; padding-inline: 0 .3em">'
        "<mrow><mi>a</mi></mrow></mtd>"
        '<mtd style="text-align: left; padding-inline: 0 1em"><mrow><mo>=</mo><mn>1</mn></mrow>',
    ),
    (r"\begin{aligned} a \\ \end{aligned}", "<mi>a</mi></mrow></mtd></mtr></mtable>"),
    ("{}^T", "<msup><mrow></mrow><mi>T</mi></msup>"),
    (r"a < b", "<mo>&lt;</mo>"),
    (r"\text{<script>}", "<mtext>&lt;script&gt;</mtext>"),
]

REFUSED = [
    (r"\gizmo x", "`\\\\gizmo` is not known here"),
    (r"\frac{a}", "it ends too early"),
    ("{a", "`}` is missing"),
    ("a}", "nothing was opened that `}` closes"),
    (r"\left( a", "`\\\\right` is missing"),
    (r"\begin{tikz}", "`\\\\begin{tikz}` is not known here"),
    (r"\begin{matrix} a \end{bmatrix}", "is not closed by"),
    (r"\mathbb{Q}", "`Q` has no such form here"),
]


@pytest.mark.parametrize(("tex", "shown"), SHOWN)
def test_a_formula_is_shown(tex, shown):
    assert shown in typeset(tex)


@pytest.mark.parametrize(("tex", "shown"), SHOWN)
def test_what_is_shown_is_well_formed(tex, shown):
    made = ElementTree.fromstring(typeset(tex))
    for element in made.iter():
        if element.tag in ("mfrac", "msub", "msup", "mover", "munder"):
            assert len(element) == 2
        if element.tag in ("msubsup", "munderover"):
            assert len(element) == 3


@pytest.mark.parametrize(("tex", "why"), REFUSED)
def test_what_can_not_be_shown_is_an_error(tex, why):
    with pytest.raises(symgrad.ArgumentError, match=re.escape(why.replace("\\\\", "\\"))):
        typeset(tex)
