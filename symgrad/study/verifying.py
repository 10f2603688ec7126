"""A saved module checked again: against its function, or against its own forward pass.

Given the text of a module, `verify` finds the function that it came from and compares the text
with what is emitted for it now; where the function is gone or has changed, the module's gradient
is compared with derivatives that are measured by running its own `forward`.  Invariant: a module
is executed only if it holds nothing but emitted code, a source only if it is the recorded one.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import inspect
import itertools
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from symgrad import __version__
from symgrad.arguments import is_leaf
from symgrad.compiled import Compiled
from symgrad.errors import SpecError, SymgradError
from symgrad.spec import model, override
from symgrad.study.emitted import EmittedModule, Origin, read
from symgrad.study.emitted_arguments import Arguments, Example, leaf_at
from symgrad.study.grids import number
from symgrad.study.measuring import central, kink
from symgrad.trees import flatten

PRESENT, CHANGED, GONE, UNNAMED, IGNORED = "present", "changed", "gone", "not named", "ignored"
FOREIGN = "not imported"
EXAMPLES = 6  # arguments that a module's numbers are checked at
MOST_ELEMENTS = 40  # of one array, drawn with a seed
LARGE = 300.0  # exp overflows, and squares do not
SAME = 1e-9  # two emitted functions compute the same in another order
MEASURED = 1e-6


@dataclass(frozen=True, repr=False)
class Verification:
    """How a saved module stands; true if nothing is wrong with it.

    ``source`` says how the function or model spec that it came from stands: present, changed,
    gone, not named, or a spec of a function in another file, which is not imported.
    ``how`` says what was compared, ``findings`` what is wrong, ``change`` how the text differs
    from what is emitted now.
    """

    name: str
    source: str
    how: str
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    change: str = ""

    def __bool__(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        verdict = "verified" if self else "WRONG"
        lines = [f"{self.name}: {verdict}, {self.how}", *(f"- {f}" for f in self.findings)]
        lines += [f"- {note}" for note in self.notes]
        return "\n".join([*lines, self.change] if self.change else lines).rstrip("\n")

    __repr__ = __str__

    def as_dict(self) -> dict[str, Any]:
        """Return the verification as plain data."""
        return {
            "name": self.name,
            "verified": bool(self),
            "source": self.source,
            "how": self.how,
            "findings": list(self.findings),
            "notes": list(self.notes),
            "change": self.change,
        }

    def json(self) -> str:
        """Return the verification as JSON; what its keys hold says `as_dict`."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return f'<pre class="symgrad-verify">{escape(str(self))}</pre>'


def verify(module: str | os.PathLike[str], source: bool = True) -> Verification:
    """Check a saved module again: its path, or its text.

    The function or model spec that it came from is looked for beside the module and in the current
    folder.  If its source is the recorded one, the file is imported, the module is emitted again
    and the texts must be equal.  Otherwise, or with ``source=False``, the module's gradient is
    compared with differences of its own ``forward`` at several sizes, and its functions with one
    another.

    Raises SpecError for text that symgrad did not write, or that holds anything besides.
    """
    is_text = isinstance(module, str) and "\n" in module
    text = str(module) if is_text else Path(module).read_text(encoding="utf-8")
    folders = [Path.cwd()] if is_text else [Path(module).resolve().parent, Path.cwd()]
    emitted = read(text)
    state, find = _find_source(emitted.origin, folders) if source else (IGNORED, None)
    notes = [_told(state, emitted.origin)]
    numbers = _Numbers(emitted)
    if find is not None:
        try:
            again = _emitted_again(emitted, find(), numbers.arguments)
        except SymgradError as error:
            again = None
            notes.append(f"it could not be emitted again: {str(error).splitlines()[0]}")
        if again is not None:
            return _compared(emitted, again, state, numbers)
    findings = numbers.check()
    how = f"against differences of its own forward at {numbers.used} sets of arguments"
    return Verification(emitted.name, state, how, tuple(findings), tuple(filter(None, notes)))


def _told(state: str, origin: Origin | None) -> str:
    place = origin.place if origin is not None else ""
    return {
        CHANGED: f"{place} has changed since the module was made",
        GONE: f"{place} was not found",
        FOREIGN: f"the model of {place} is a function in another file, which is not imported",
        UNNAMED: "the module does not name the function it came from",
    }.get(state, "")


def _compared(emitted: EmittedModule, again: str, state: str, numbers: _Numbers) -> Verification:
    """Return how a module stands whose text can be compared."""
    assert emitted.origin is not None
    mine = _without_header(emitted.text)
    if _without_version(mine) == _without_version(again):
        how = f"the text is what is emitted for {emitted.origin.place}"
        return Verification(emitted.name, state, how)
    findings = numbers.check()
    how = f"against what is emitted for {emitted.origin.place}"
    lines = unified_diff(mine.splitlines(), again.splitlines(), "the module", "emitted now", "", "",
                         lineterm="")  # fmt: skip
    change = "\n".join(lines)
    if emitted.origin.version != __version__ and not findings:
        note = f"the text differs, since it was made by symgrad {emitted.origin.version}"
        how = "against differences of its own forward"
        return Verification(emitted.name, state, how, (), (note,), change)
    if not findings:
        findings = ["the text was changed; at the arguments that were tried its numbers are right"]
    return Verification(emitted.name, state, how, tuple(findings), (), change)


def _without_header(text: str) -> str:
    """Return a module without comment lines on top."""
    return text[text.index('"""') :]


def _without_version(text: str) -> str:
    return re.sub(r"^(.*)\bsymgrad [\w.+]+", r"\1symgrad", text, count=0, flags=re.MULTILINE)


# --- the source ---------------------------------------------------------------------------------


def _find_source(
    origin: Origin | None, folders: list[Path]
) -> tuple[str, Callable[[], Any] | None]:
    """Return how the recorded source stands, and what gives its function if it is as recorded."""
    if origin is None or not origin.place or not origin.digest:
        return UNNAMED, None
    spec, *settings = origin.place.split(" --set ")
    if spec.lower().endswith((".toml", ".json")):
        return _find_model(spec, settings, origin.digest, folders)
    name, _, qualname = origin.place.rpartition(":")
    state = GONE
    for file in _files(name, folders):
        text = _source_of(file.read_text(encoding="utf-8", errors="replace"), qualname)
        if text is not None and _digest(text) == origin.digest:
            return PRESENT, partial(_imported, file, qualname)
        state = CHANGED
    return state, None


def _find_model(
    name: str, settings: list[str], digest: str, folders: list[Path]
) -> tuple[str, Callable[[], Any] | None]:
    """Return how a model spec stands, and what gives its loss if that is as recorded."""
    state = GONE
    for file in _files(name, folders):
        try:
            spec = override(file, settings)
        except SpecError:
            state = CHANGED
            continue
        if "model" in spec.content:
            return FOREIGN, None
        made = model(spec)
        if _digest(inspect.getsource(made.loss)) == digest:
            return PRESENT, partial(getattr, made, "loss")
        state = CHANGED
    return state, None


def _files(name: str, folders: list[Path]) -> Iterator[Path]:
    """Give the files that may be meant: in each folder as recorded, or else by the last name."""
    for folder in folders:
        found = [file for file in (folder / name, folder / Path(name).name) if file.is_file()]
        yield from found[:1]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _source_of(text: str, qualname: str) -> str | None:
    """Return the source of a function as `inspect.getsource` would, without running its file."""
    try:
        body: list[ast.stmt] = ast.parse(text).body
    except (SyntaxError, ValueError):
        return None
    node: ast.stmt | None = None
    for part in qualname.split("."):
        if part == "<locals>":
            continue
        named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        matches = [n for n in body if isinstance(n, named) and n.name == part]
        if not matches:
            return None
        node, body = matches[-1], matches[-1].body
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return "".join(inspect.getblock(text.splitlines(keepends=True)[first - 1 :]))


def _imported(file: Path, qualname: str) -> Any:
    """Import a source file under a name of its own and return the function."""
    spec = importlib.util.spec_from_file_location("__symgrad_main__", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before, quiet = sys.path[:], sys.dont_write_bytecode
    sys.path.insert(0, str(file.parent))
    sys.modules[module.__name__] = module
    sys.dont_write_bytecode = True
    try:
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except SystemExit as stop:
        raise SpecError(f"{file.name} called sys.exit({stop.code!r}) while imported") from stop
    finally:
        sys.path[:], sys.dont_write_bytecode = before, quiet
    found: Any = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise SpecError(f"`{qualname}` cannot be reached from outside of its function")
    return found.function if isinstance(found, Compiled) else found


def _emitted_again(emitted: EmittedModule, function: Any, arguments: Arguments) -> str | None:
    """Return the text that is emitted now; of several ways to ask for it, that of the module."""
    origin = emitted.origin
    assert origin is not None
    mine, texts = _without_version(_without_header(emitted.text)), []
    example = arguments.plainest()
    for wrt, exact, comments, by in itertools.product(
        _wrts(emitted, arguments), (False, True), (True, False), ("specs", "floats", "scalars")
    ):
        specs = _specs(emitted, arguments) if by == "specs" else None
        if specs is None and (by == "specs" or example is None):
            continue
        compiled = Compiled(
            function, wrt, specs, emitted.has_aux, exact, None, origin.place,
            without=origin.without, comments=comments,
        )  # fmt: skip
        try:
            if specs is None and example is not None:
                args, kwargs = arguments.bound(example.leaves, as_python=by == "floats")
                wanted = list(compiled.signature.parameters)
                compiled._made_for(args, {k: v for k, v in kwargs.items() if k in wanted})
            text = compiled.source
        except SymgradError as error:
            refusal = error
            continue
        if _without_version(text) == mine:
            return text
        texts.append(text)
    if not texts:
        raise refusal
    return min(texts, key=lambda text: _lines_apart(text, emitted.text))


def _lines_apart(a: str, b: str) -> int:
    return len(set(a.splitlines()) ^ set(b.splitlines()))


def _wrts(emitted: EmittedModule, arguments: Arguments) -> list[Any]:
    names = wrt_of(emitted, arguments)
    return [names[0], (names[0],)] if len(names) == 1 else [tuple(names)]


def _specs(emitted: EmittedModule, arguments: Arguments) -> dict[str, Any] | None:
    """Return the docstring's shapes as specs, if all of it can be said in specs."""
    specs: dict[str, Any] = {}
    names = {p.name for p in arguments.parameters}
    for c in emitted.contract:
        if c.name not in names or not all(s.isidentifier() or s.isdecimal() for s in c.shape):
            return None
        shape = tuple(int(s) if s.isdecimal() else s for s in c.shape)
        specs[c.name] = shape if c.dtype == "float64" else (shape, c.dtype)
    return specs


def wrt_of(emitted: EmittedModule, arguments: Arguments) -> list[str]:
    """Return the parameters that a module's gradient is by."""
    names = [p.name for p in arguments.parameters]
    words = [word[1:] for word in emitted.words]
    if words and all(word in names for word in words):
        return words
    raise SpecError("the module's docstring does not say what its gradient is by")


# --- the numbers --------------------------------------------------------------------------------


class _Numbers:
    """A module's functions, run in double precision at arguments of several sizes."""

    def __init__(self, emitted: EmittedModule):
        self.emitted, self.arguments = emitted, Arguments(emitted)
        self.module = emitted.load(re.sub(r"\bfloat(16|32)\b", "float64", emitted.text))
        self.arguments.runs = self.runs
        self.wrt = wrt_of(emitted, self.arguments)
        self.used = 0

    def value(self, result: Any) -> Any:
        return result[0] if self.emitted.has_aux else result

    def forward(self, leaves: Mapping[str, Any]) -> float:
        return float(self.value(self.arguments.call(self.module.forward, leaves)[0]))

    def runs(self, example: Example) -> bool:
        """Return whether forward takes the arguments and gives a finite number."""
        try:
            return math.isfinite(self.forward(example.leaves))
        except Exception:  # sizes or indices that do not fit: whatever NumPy raises
            return False

    def check(self) -> list[str]:
        """Return what is wrong, nothing if all is right at every set of arguments."""
        examples = list(self.arguments.that_run(EXAMPLES))
        self.used = len(examples)
        for example in examples:
            try:
                found = next(self.wrong(example), None) or self.overflowing(example)
            except Exception as error:  # a mutated text may raise anything
                found = f"its functions do not run where forward does: {error}"
            if found is not None:
                sizes = ", ".join(f"{k} = {v}" for k, v in example.sizes.items())
                return [found + (f" (with {sizes})" if sizes else "")]
        if not examples:
            return ["no arguments that fit its docstring give forward a finite value"]
        return self.restricted(examples)

    def restricted(self, examples: list[Example]) -> list[str]:
        """Return sizes that forward wants equal although the docstring has two names for them."""
        if "this code was made for" in self.emitted.text:  # it says so itself
            return []
        return [
            f"forward runs only where {a} = {b}, which its docstring does not say"
            for a, b in itertools.combinations(self.arguments.dims, 2)
            if all(example.sizes[a] == example.sizes[b] for example in examples)
        ]

    def overflowing(self, example: Example) -> str | None:
        """Return what is wrong with large numbers: both passes overflow, or none."""
        large = {
            name: LARGE * leaf if np.asarray(leaf).dtype.kind == "f" else leaf
            for name, leaf in example.leaves.items()
        }
        values = (
            self.value(self.arguments.call(function, large)[0])
            for function in (self.module.forward, self.module.value_and_grad)
        )
        one, other = (bool(np.isfinite(value)) for value in values)
        return None if one == other else "with large numbers only one of its functions overflows"

    def wrong(self, example: Example) -> Iterator[str]:
        leaves, call = example.leaves, self.arguments.call
        value, residuals = call(self.module.forward, leaves)
        both = call(self.module.value_and_grad, leaves)
        if not _alike(value, both[0]):
            yield "value_and_grad gives another value than forward"
        with np.errstate(all="ignore"):
            grads, scaled = (self.module.backward(residuals, by) for by in (1.0, 2.5))
        scale = _largest([grads, self.value(value), *leaves.values()])
        apart = dict(self.by_leaf(both[1]))
        scaled_by_leaf = dict(self.by_leaf(scaled))
        for leaf, gradient in self.by_leaf(grads):
            if np.shape(gradient) != np.shape(leaves[leaf]):
                yield f"d{leaf} has shape {np.shape(gradient)}, {leaf} {np.shape(leaves[leaf])}"
            if not _alike(gradient, apart[leaf], scale):
                yield f"backward and value_and_grad give another d{leaf}"
            if not _alike(2.5 * np.asarray(gradient), scaled_by_leaf[leaf], scale):
                yield f"d{leaf} is not proportional to what backward is given"
            yield from self.unlike_differences(leaf, gradient, leaves)

    def by_leaf(self, grads: Any) -> Iterator[tuple[str, Any]]:
        """Return the gradient of each array, by its name."""
        parts = grads if len(self.wrt) > 1 else [grads]
        returned = self.emitted.function("backward").body[-1]
        in_tuple = isinstance(returned, ast.Return) and isinstance(returned.value, ast.Tuple)
        if len(self.wrt) == 1 and in_tuple and isinstance(grads, tuple) and len(grads) == 1:
            parts = grads
        parameters = {p.name: p for p in self.arguments.parameters}
        for name, part in zip(self.wrt, parts, strict=True):
            for path, leaf in parameters[name].leaves:
                yield leaf, leaf_at(part, path)

    def unlike_differences(
        self, leaf: str, gradient: Any, leaves: Mapping[str, Any]
    ) -> Iterator[str]:
        x = np.asarray(leaves[leaf], dtype=np.float64)
        gradient = np.asarray(gradient, dtype=np.float64)
        scale = _largest([gradient, self.forward(leaves), *leaves.values()])
        is_zero = _largest([gradient, self.forward(leaves)]) < 1e-12 * scale
        floor = (1e-8 if is_zero else 1e-11) * scale  # what is left of numbers that cancel
        chosen = range(x.size)
        if x.size > MOST_ELEMENTS:
            chosen = np.random.default_rng(0).choice(x.size, MOST_ELEMENTS, replace=False)  # type: ignore[assignment]
        for i in chosen:
            at = tuple(map(int, np.unravel_index(i, x.shape))) if x.shape else ()
            line = partial(self.along, leaf, x, at, leaves)
            slope, g = central(line, float(x[at])), float(gradient[at])
            room = MEASURED * max(abs(slope.value), abs(g)) + max(2 * slope.off_by, floor)
            if abs(g - slope.value) <= room and slope.off_by <= 1e-3 * scale:
                continue
            bend = kink(line, float(x[at]))
            if bend is None or not bend.admits(g, MEASURED):
                where = f"[{', '.join(map(str, at))}]" if at else ""
                yield (
                    f"d{leaf}{where} is {number(g)}, differences of forward give "
                    f"{number(slope.value)}"
                )

    def along(
        self, leaf: str, x: Any, at: tuple[int, ...], leaves: Mapping[str, Any], step: float
    ) -> float:
        moved = x.copy()
        moved[at] += step
        value = moved if x.shape else moved[()]
        return self.forward({**leaves, leaf: value})


def _largest(parts: Any) -> float:
    """Return the largest number, to compare by what cancels."""
    numbers = [np.asarray(x) for x in flatten(parts, is_leaf)[0]]
    return max(float(np.max(np.abs(x), initial=0.0)) for x in numbers if x.dtype.kind == "f")


def _alike(a: Any, b: Any, scale: float = 0.0) -> bool:
    """Return whether nested results are the same to the rounding of numbers up to ``scale``."""
    left, right = flatten(a, is_leaf)[0], flatten(b, is_leaf)[0]
    if len(left) != len(right):
        return False
    for x, y in zip(left, right, strict=True):
        if isinstance(x, (str, bytes, type(None))) or isinstance(y, (str, bytes, type(None))):
            if x != y:
                return False
            continue
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if x.shape != y.shape:
            return False
        largest = max(float(np.max(np.abs(x), initial=0.0)), 1e-4 * scale)
        if not np.allclose(x, y, rtol=SAME, atol=SAME * largest + 1e-300, equal_nan=True):
            return False
    return True
