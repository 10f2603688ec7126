"""What `import symgrad` costs, and which names it offers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import symgrad
from symgrad import errors

HEAVY = {"numpy", "sympy", "jinja2", "scipy", "matplotlib"}


def modules_after(program: str) -> set[str]:
    """Run ``program`` in a fresh interpreter and return the top-level modules it imported."""
    ending = "\nimport sys; print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", program + ending]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


def asking(*words: str) -> str:
    return f"""
from symgrad.cli import main
try:
    main({list(words)})
except SystemExit as stop:
    assert stop.code == 0
"""


@pytest.mark.parametrize(
    "program",
    [
        "import symgrad",
        "import symgrad; dir(symgrad)",
        "import symgrad; symgrad.SymgradError, symgrad.__version__",
        asking("--help"),
        asking("--version"),
        asking("compile", "--help"),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(program):
    assert not modules_after(program) & HEAVY


def test_the_heavy_modules_would_be_seen():
    assert modules_after("import symgrad; symgrad.compile") & HEAVY


@pytest.mark.parametrize("name", symgrad.__all__)
def test_every_public_name_is_there(name):
    assert getattr(symgrad, name) is not None
    assert name in dir(symgrad)


def test_every_error_is_public():
    own = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type)
        and issubclass(value, errors.SymgradError | errors.SymgradWarning)
    }
    assert own <= set(symgrad.__all__)


def test_type_checkers_see_the_public_names():
    tree = ast.parse(Path(symgrad.__file__).read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name for node in block.body for alias in node.names}
    assert seen | {"__version__"} == set(symgrad.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'gradient'"):
        _ = symgrad.gradient
