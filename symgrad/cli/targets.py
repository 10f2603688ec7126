"""What the user types to name a function, and the function it names.

Given words such as ``loss.py:loss``, ``iris.toml`` and ``"X: n 3"``, return functions and specs.
Invariant: the file is executed as the program it is, and nothing else that was typed is.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from symgrad.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from symgrad.spec.models import Model

DTYPE = re.compile(r"bool|u?int\d*|float\d*")  # the words that are no size
STDIN = "<stdin>"

Shape = tuple[str | int, ...]
Spec = Shape | tuple[Shape, str]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a target names: a function, and where it comes from.

    A function in a file comes with the file's ``module``.  The loss of a model spec comes with
    its ``model``, which knows what it takes (``specs``) and what is learned (``wrt``).
    """

    function: Any
    origin: str
    module: ModuleType
    model: Model | None = None

    @property
    def specs(self) -> dict[str, Spec] | None:
        return None if self.model is None else self.model.specs

    @property
    def shapes(self) -> dict[str, Spec] | None:
        """What the loss of a model takes, with the sizes that it has in numbers."""
        if self.model is None:
            return None
        shapes = self.model.plan.shapes.items()
        return {name: (sizes, dtype or "float64") for name, (sizes, dtype) in shapes}

    @property
    def sized(self) -> Any:
        """The function; the loss of a model knows what its sizes are called."""
        return self.function if self.model is None else self.model.compiled

    @property
    def wrt(self) -> tuple[str, ...] | None:
        return None if self.model is None else tuple(self.model.parameters)


@contextmanager
def subject(target: str, settings: Sequence[str] = ()) -> Iterator[Subject]:
    """Give what ``FILE.py:FUNCTION`` or ``SPEC.toml`` names; what a file prints is talk.

    ``settings`` change a spec: ``loss=squared``.
    """
    if is_spec(target):
        with redirect_stdout(sys.stderr):
            yield of_spec(target, settings)
        return
    file, name = split_target(target)
    if settings:
        raise SpecError(
            f"--set {settings[0]} changes a model spec, SPEC.toml or SPEC.json; `{target}` is a "
            "function: change it in its file"
        )
    with user_module(target) as (module, function):
        yield Subject(function, f"{shown_path(file)}:{name}", module)


@contextmanager
def user_module(target: str) -> Iterator[tuple[ModuleType, Any]]:
    """Give the module of ``FILE.py:FUNCTION`` and the function; what its file prints is talk."""
    file, name = split_target(target)
    with script_folder(file), redirect_stdout(sys.stderr):
        module = load(file)
        yield module, find(module, name, file)


def of_spec(target: str, settings: Sequence[str]) -> Subject:
    """Return the loss of the model that a spec describes, once ``settings`` have changed it."""
    from symgrad.spec import model, override

    made = model(override(target, settings))
    words = [shown_path(target), *(f"--set {each}" for each in settings)]
    place = " ".join(" ".join(words).split())  # it stands in a docstring
    return Subject(made.loss, place, made.module, made)


def is_spec(target: str) -> bool:
    """Return whether a target is a file with a model spec, and not a function in a file."""
    return target.lower().endswith((".toml", ".json"))


def split_target(target: str) -> tuple[str, str]:
    file, _, name = target.rpartition(":")  # the last colon: C:\loss.py:loss has two
    if not file or not all(part.isidentifier() for part in name.split(".")):
        raise SpecError(
            f"`{target}` does not name a function: write FILE.py:FUNCTION, or SPEC.toml for the "
            "loss of a model spec"
        )
    return file, name


def shown_path(file: str) -> str:
    """Return a file as typed, but never an absolute path: it ends up in the module."""
    path = Path("-" if file == STDIN else file)
    if path.is_absolute():
        here = Path.cwd()
        path = path.relative_to(here) if path.is_relative_to(here) else Path(path.name)
    return path.as_posix()


def parse_wrt(words: Sequence[str]) -> str | int | tuple[str | int, ...]:
    """Read ``--wrt W1,W2 --wrt 0``; a single word stays single, so its gradient is no tuple."""
    names = [name.strip() for word in words for name in word.split(",")]
    for name in names:
        if not (name.isidentifier() or name.isdecimal()):
            raise SpecError(f"--wrt `{name}` is neither a parameter's name nor its position")
    wrt = tuple(int(name) if name.isdecimal() else name for name in names)
    return wrt[0] if len(wrt) == 1 else wrt


def parse_specs(texts: Sequence[str]) -> dict[str, Spec] | None:
    specs: dict[str, Spec] = {}
    for text in texts:
        name, spec = parse_spec(text)
        if name in specs:
            raise SpecError(f'--spec "{text}": `{name}` has a spec already')
        specs[name] = spec
    return specs or None


def parse_spec(text: str) -> tuple[str, Spec]:
    """Read ``X: n 3`` or ``y: n int``: a parameter, its sizes, and perhaps its dtype."""
    name, colon, rest = text.partition(":")
    name, words = name.strip(), rest.split()
    dtype = words.pop() if words and DTYPE.fullmatch(words[-1]) else None
    wrong = [word for word in words if not is_size(word)]
    if not colon or not name.isidentifier() or wrong:
        what = f"`{wrong[0]}` is no size" if wrong else "no `name:` in front"
        raise SpecError(
            f'--spec "{text}": {what}.  Write the parameter, a colon, its sizes by name or '
            'number, and a dtype if it is not float64: "X: n 3", "y: n int", "lam:"'
        )
    shape = tuple(int(word) if word.isdecimal() else word for word in words)
    return name, shape if dtype is None else (shape, dtype)


def is_size(word: str) -> bool:
    return word.isdecimal() or (word.isidentifier() and not DTYPE.fullmatch(word))


# The user's file


@contextmanager
def script_folder(file: str) -> Iterator[None]:
    """Put the script's folder first on ``sys.path``, as ``python FILE`` does."""
    folder = os.getcwd() if file == STDIN else str(Path(file).resolve().parent)
    before = sys.path[:]
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path[:] = before


def load(file: str) -> ModuleType:
    """Import the file under a name of its own, so that its ``__main__`` part stays quiet.

    Compiled here and not by the import system: stdin has no path, and a script that is only
    read should leave no ``__pycache__`` behind.
    """
    import linecache
    from importlib.util import decode_source

    name = STDIN if file == STDIN else str(Path(file).resolve())
    text = decode_source(sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes())
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module = ModuleType("__symgrad_main__")
    module.__file__ = name
    sys.modules[module.__name__] = module  # dataclasses and pickle look their module up
    try:
        code = compile(text, name, "exec", dont_inherit=True)  # not our __future__ imports
        exec(code, module.__dict__)  # the user's own program, which they asked us to import
    except SystemExit as stop:
        raise SpecError(f"{file} called sys.exit({stop.code!r}) while it was imported") from stop
    return module


def find(module: ModuleType, name: str, file: str) -> Any:
    """Return the function ``name`` (``Model.loss`` works) or say what else there is."""
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            close = did_you_mean(part, [word for word in dir(found) if word[0] != "_"])
            raise SpecError(f"{file} defines no `{name}`{close}")
        found = getattr(found, part)
    if not callable(found):
        raise SpecError(f"`{name}` in {file} is {type(found).__name__}, not a function")
    return found
