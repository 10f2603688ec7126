"""What is said of a mistake: one sentence for each kind, with the corrected formula."""

from __future__ import annotations

import ast
import copy

from symgrad.study.judge import edits
from symgrad.study.judge.edits import Edit

SENTENCES = {
    edits.SIGN: "a sign is wrong",
    edits.FACTOR: "a factor is wrong, as where a 2 from a square was lost or not cancelled",
    edits.NUMBER: "a number is wrong",
    edits.MISSING_N: "the division by a number of elements is missing or wrong",
    edits.EXTRA_N: "it divides by a number of elements once too often",
    edits.SUM: "a sum is missing: each example adds its part to the gradient",
    edits.WRONG_SUM: "it sums over the wrong axis",
    edits.TRANSPOSED: "an operand is transposed that should not be, or the reverse",
    edits.ORDER: "the operands of a product stand in the wrong order",
    edits.REGULARISER: "the gradient of the regulariser is missing",
    edits.TERM: "the gradient of a term is missing",
    edits.ARGUMENT: "the derivative of a function is taken at the wrong argument",
    edits.ACTIVATION: "the derivative of the activation is missing (chain rule)",
    edits.LABEL: "the labels are off by one",
    edits.COLUMN: "a vector (n,) met a column (n, 1), and broadcasting made a matrix of them",
    edits.ELEMENTWISE: "`*` multiplies element by element where a matrix product is needed",
    edits.MATRIX: "`@` is a matrix product where the elements should be multiplied",
    edits.OPERAND: "a wrong value is used",
    edits.MISSING_FACTOR: "a factor is missing",
    edits.EXTRA_FACTOR: "there is a factor too many",
    edits.EXTRA_TERM: "there is a term too many",
    edits.POWER: "a power is wrong",
    edits.FUNCTION: "a wrong function is used",
    edits.COMPARISON: "a comparison is the wrong way round",
}


def sentence(edit: Edit, correction: str, is_new: bool = False) -> str:
    """Return what is wrong, and what the line should be, or which line should follow it."""
    words = SENTENCES.get(edit.kind, edit.kind)
    if is_new:
        return f"{words}: after it `{correction}` is missing"
    return f"{words}: should be `{correction}`"


def spelled(node: ast.expr) -> str:
    """Return the text of a formula, also of one that holds names which are no identifiers."""
    return ast.unparse(ast.fix_missing_locations(_Plain().visit(copy.deepcopy(node))))


class _Plain(ast.NodeTransformer):
    """Writes what the LaTeX reader left in a formula as people would in a line of text."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        word = node.func.id if isinstance(node.func, ast.Name) else ""
        match word, node.args:
            case "product", [a, b]:
                return ast.BinOp(a, ast.Mult(), b)
            case "each", [*_, body]:
                return body
            case "total", [ast.Name(id=index), *_, body]:
                return ast.Call(ast.Name(f"sum_{index}"), [body], [])
        return node
