"""A function of the user's with all that it needs, to stand in another file.

Given a model whose spec names a function, `inlined` returns the statements of its file that the
function comes to.  Invariant: nothing of the file is left behind that the function reads.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Sequence

from symgrad.errors import SpecError
from symgrad.spec import Model
from symgrad.standalone.pieces import RANDOM_STATE, Piece, pieces_of, reachable

KNOWN = {"numpy", "scipy"}
OF_THE_FILE = {"__file__", "__name__", "__doc__", "__spec__"}


def inlined(model: Model) -> str:
    """Return the text of a model's function, by the name `network`; "" for a model of layers."""
    if "model" not in model.spec.content:
        return ""
    file, _, function = model.spec["model"].rpartition(":")
    source = (model.spec.folder / file).read_text(encoding="utf-8-sig")
    needed = reachable(pieces_of(source), [function, "annotations"])
    for piece in needed:
        refuse_neighbours(piece, f"{model.spec.origin}: {file}")
    refuse_unbound(needed, f"{model.spec.origin}: {file}")
    alias = [] if function == "network" else [f"network = {function}"]
    return "\n\n".join([*(piece.text for piece in needed), *alias])


def required_captures(model: Model, text: str) -> list[str]:
    """Return the arrays of the user's file that the gradient takes by keyword.

    Raises SpecError for one that is no global of the file.
    """
    [function] = [
        node for node in ast.parse(model.compiled.source).body
        if isinstance(node, ast.FunctionDef) and node.name == "value_and_grad"
    ]  # fmt: skip
    pairs = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    names = [argument.arg for argument, default in pairs if default is None]
    known = {name for piece in pieces_of(text) for name in piece.binds}
    for name in names:
        if name not in known:
            raise SpecError(
                f"{model.spec.origin}: the gradient takes the array `{name}`, which is no global "
                f"of {model.spec['model'].rpartition(':')[0]}: make it one, under this name"
            )
    return names


def refuse_neighbours(piece: Piece, where: str) -> None:
    """Refuse an import of what a reader of one file does not have, or that names nothing."""
    for node in ast.walk(ast.parse(piece.text)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        for name in names:
            if name.partition(".")[0] not in KNOWN | sys.stdlib_module_names:
                raise SpecError(
                    f"{where} imports {name}: a trainer is one file, so put what the model needs "
                    "into the file of the model"
                )


def refuse_unbound(pieces: Sequence[Piece], where: str) -> None:
    """Refuse what reads its own file's name, or a name that no statement visibly binds."""
    known = {*vars(builtins), RANDOM_STATE}.union(*(piece.binds for piece in pieces))
    for piece in pieces:
        for name in sorted(piece.reads & OF_THE_FILE):
            raise SpecError(
                f"{where}, line {piece.line}, reads {name}, which is another in a trainer: put "
                "the numbers into the file"
            )
        for name in sorted(piece.reads - known):
            raise SpecError(
                f"{where}, line {piece.line}, reads `{name}`, and no statement of the file binds "
                "it by name: import it by name"
            )
