"""One page about one function: its code, gradient, graph, table, derivation, report and check.

Given a function and arguments, return the page.  Invariant: every part is made from the same
function at the same arguments, so no two parts can disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.compiled import Compiled
from symgrad.study.checking_gradients import check
from symgrad.study.circuit import Circuit, circuit
from symgrad.study.derivations import explain
from symgrad.study.linked_code import SCRIPT, linked_code
from symgrad.study.made_up_arguments import DATA, LABELS
from symgrad.study.pages import Page
from symgrad.study.picture import draw
from symgrad.study.tables import table
from symgrad.trees import flatten

MOST_GATES = 80  # of a circuit that is drawn and tabled gate by gate as well
MOST_ENTRIES = 12  # of an array that is written out


def overview(
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    wrt: Any = None,
    notes: Sequence[str] = (),
    has_aux: bool = False,
) -> Page:
    """Return the page of ``fn`` at ``args``; with ``has_aux`` of a function of (value, aux).

    Without ``wrt`` it differentiates by every argument that is a real number or an array of
    them; if there are arrays, what is called like data or labels (``X``, ``y``) is left out.
    ``notes`` say where the arguments come from.

    Raises what `symgrad.compile` and the parts of the page raise.
    """
    kwargs = dict(kwargs or {})
    has_aux = has_aux or (isinstance(fn, Compiled) and fn.has_aux)
    specs = fn.specs if isinstance(fn, Compiled) else None
    wrt = parameters(Compiled(fn, 0, specs, has_aux), args, kwargs) if wrt is None else wrt
    fn = compiled = Compiled(fn, wrt, specs, has_aux)
    value, grads = compiled.value_and_grad(*args, **kwargs)
    lines = circuit(fn, args, kwargs, wrt, "line")
    gates = circuit(fn, args, kwargs, wrt, "gate")
    name = compiled._name
    page = Page(f"{name}: value and gradient", _lead(lines), script=SCRIPT)
    _at(page, lines, value, compiled, grads, notes)
    page.section("Your code beside the gradient")
    page.text(
        "Point at a line, or follow it, to see the lines of the other side that belong to it. "
        "The right side is what `symgrad.compile` emits; it needs only NumPy."
    )
    made = compiled._newest()
    page.add(linked_code(made))
    page.folded("The whole module, with `forward` and `backward`", compiled.source)
    _graph(page, fn, args, kwargs, wrt, gates)
    _tables(page, fn, args, kwargs, wrt, gates)
    page.section("Derivation")
    page.add(explain(fn, *args, wrt=wrt, **kwargs))
    page.section("Report: costs, rewrites, kinks")
    page.add(compiled.report)
    page.section("Gradient check")
    page.add(check(fn, *args, wrt=wrt, **kwargs))
    return page


def parameters(
    fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return what the page differentiates by if nothing is said."""
    found = circuit(fn, args, kwargs)
    names: tuple[str, ...] = found.made.options.wrt
    if not any(np.ndim(found.nodes[k].value) for k in found.wrt):
        return names
    kept = tuple(n for n in names if not DATA.fullmatch(n) and not LABELS.fullmatch(n))
    return kept or names


def _lead(found: Circuit) -> str:
    by = ", ".join(found.made.options.wrt)
    return f"The gradient of {found.name} by {by}, its graph, its numbers and where it comes from."


def _at(
    page: Page, found: Circuit, value: Any, compiled: Compiled, grads: Any, notes: Sequence[str]
) -> None:
    page.section("At these arguments")
    if notes:
        page.points(*notes)
    inputs = [node for node in found.nodes if node.kind == "input"]
    page.code("\n".join(f"{node.name} = {shown(node.value)}" for node in inputs))
    leaves = flatten(grads, _is_number)[0]
    names = [found.nodes[k].name for k in found.wrt]
    lines = [f"value = {shown(value[0] if compiled.has_aux else value)}"]
    if len(names) == len(leaves):
        pairs = zip(names, leaves, strict=True)
        lines += [f"d{name} = {shown(leaf)}" for name, leaf in pairs]
    page.code("\n".join(lines))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.ndarray, np.generic))


def shown(value: Any) -> str:
    """Return a number or an array in a few words: all entries of a small one."""
    array = np.asarray(value)
    if array.size <= MOST_ENTRIES:
        return np.array2string(array, precision=4, separator=", ", suppress_small=False)
    kind = "" if array.dtype == np.float64 else f" {array.dtype}"
    return f"array of shape {array.shape}{kind}, from {array.min():.4g} to {array.max():.4g}"


def _graph(
    page: Page, fn: Any, args: Any, kwargs: Mapping[str, Any], wrt: Any, gates: Circuit
) -> None:
    page.section("Computational graph")
    page.text(
        "Values stand above the wires; below stands what flows back, the derivative of the value "
        "by what the wire carries."
    )
    page.add(draw(fn, *args, wrt=wrt, level="line", **kwargs))
    if len(gates.nodes) <= MOST_GATES:
        picture = draw(fn, *args, wrt=wrt, level="gate", **kwargs)
        page.folded("The same gate by gate", picture)


def _tables(
    page: Page, fn: Any, args: Any, kwargs: Mapping[str, Any], wrt: Any, gates: Circuit
) -> None:
    page.section("Trace table")
    page.text(
        "One row for each edge of the graph: the upstream derivative times the local one is what "
        "flows back along it. What arrives at a value along several edges is added up."
    )
    page.add(table(fn, *args, wrt=wrt, level="line", **kwargs))
    if len(gates.nodes) <= MOST_GATES:
        found = table(fn, *args, wrt=wrt, level="gate", **kwargs)
        page.folded("The same gate by gate", found)
