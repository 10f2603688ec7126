"""What the layout promises: stages in one direction, no shadowed names, no evaluated text."""

import ast
import builtins
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import symgrad

PACKAGE = Path(symgrad.__file__).parent
TEMPLATES = PACKAGE.parent / "templates"
FILES = sorted(PACKAGE.rglob("*.py"))

# In the order of the pipeline; what shares a line may import one another.
STAGES = [
    ("errors",),
    ("losses",),  # plain NumPy functions, as a user writes them
    ("nn",),
    ("dims",),
    ("graph",),
    ("notation",),
    ("ops",),
    ("trees",),
    ("stage",),
    ("trace",),
    ("gather",),
    ("recognise",),
    ("differentiate",),
    ("simplify",),
    ("regions",),
    ("expand",),
    ("schedule",),
    ("templating",),
    ("emit",),
    ("load",),
    ("pause",),
    ("specialise",),
    ("arguments",),
    ("checking",),
    ("flat",),
    ("report",),
    ("compiled", "transforms"),  # a compiled function inside another trace, and the reverse
    ("optim",),
    ("spec",),
    ("study",),
    ("training",),
    ("standalone",),  # programs that train, as text
    ("sklearn",),  # estimators for scikit-learn
    ("cli",),
    ("__main__",),
]
RANK = {name: rank for rank, names in enumerate(STAGES) for name in names}


def stage_of(path):
    """Return the stage that a file belongs to, or nothing for the package's own front."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return None if parts == ("__init__",) else parts[0]


def imported(path):
    """Return the dotted names of symgrad's modules that a file imports, wherever it does."""
    package = ["symgrad", *path.relative_to(PACKAGE).parent.parts]
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return [name for name in found if name.split(".")[0] == "symgrad" and is_module(name)]


def is_module(name):
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_every_file_has_a_place_among_the_stages():
    assert {stage_of(path) for path in FILES} - {None} == RANK.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_stage_imports_only_earlier_stages(path):
    mine = stage_of(path)
    if mine is None:  # the front: it names everything and imports it on first use
        return
    theirs = {name.split(".")[1] for name in imported(path) if "." in name}
    late = [name for name in theirs if RANK[name] >= RANK[mine] and name not in peers(mine)]
    assert not late, f"{path.name} imports {late}, which come after it"


def peers(stage):
    return STAGES[RANK[stage]]


def test_only_the_last_line_of_stages_imports_in_a_circle():
    assert [names for names in STAGES if len(names) > 1] == [("compiled", "transforms")]


# Parts of the study bench: each leans on the files beside them, and none on another.
PARTS = {
    "checking_gradients", "derivations", "differences", "gatewise", "judge", "picture", "tables",
    "verifying",
}  # fmt: skip
BENCH = [path for path in FILES if stage_of(path) == "study"]


def part_of(path):
    """Return what of the bench a file is, or belongs to."""
    return path.relative_to(PACKAGE / "study").with_suffix("").parts[0]


@pytest.mark.parametrize("path", BENCH, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_part_of_the_bench_knows_no_other_part(path):
    mine = part_of(path)
    theirs = {name.split(".")[2] for name in imported(path) if name.startswith("symgrad.study.")}
    if mine == "overview":  # the page that shows them all
        assert {"derivations", "picture", "tables"} <= theirs
        return
    assert not theirs & PARTS - {mine}


def test_every_part_of_the_bench_is_there():
    assert set(map(part_of, BENCH)) > PARTS


def is_function(name):
    return name.islower() and not isinstance(getattr(symgrad, name), ModuleType)


@pytest.mark.parametrize("name", [n for n in symgrad.__all__ if is_function(n)])
def test_no_module_shares_its_name_with_a_public_function(name):
    assert importlib.util.find_spec(f"symgrad.{name}") is None


def test_no_module_shadows_a_built_in():
    names = {p.stem for p in FILES} | {p.parent.name for p in FILES}
    assert not [name for name in names if hasattr(builtins, name) and not name.startswith("__")]


# --- nothing is evaluated from text ---------------------------------------------------------------

EVALUATES = {"eval", "exec", "sympify", "lambdify", "parse_expr", "parse_latex", "S"}
MAY_CALL = {
    "load.py": {"exec"},  # text that symgrad emitted
    "targets.py": {"exec"},  # the user's own file, which they asked to have imported
}


def calls(path):
    """Return the bare name of every function that a file calls."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            function = node.func
            yield (
                function.attr
                if isinstance(function, ast.Attribute)
                else getattr(function, "id", "")
            )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_text_is_evaluated(path):
    assert set(calls(path)) & EVALUATES <= MAY_CALL.get(path.name, set())


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_evaluators_are_not_even_named(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    named |= {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert not named & {"eval", "sympify", "lambdify", "parse_expr"}


# --- templates print ------------------------------------------------------------------------------

TEMPLATE_FILES = sorted(p for p in TEMPLATES.rglob("*") if p.is_file())


def tags(text):
    """Return what stands inside ``{% %}`` and ``{{ }}``."""
    return [a or b for a, b in re.findall(r"\{%-?(.*?)-?%\}|\{\{-?(.*?)-?\}\}", text, re.DOTALL)]


@pytest.mark.parametrize("path", TEMPLATE_FILES, ids=lambda p: p.name)
def test_templates_only_print(path):
    for tag in tags(path.read_text(encoding="utf-8")):
        word = tag.split()[0]
        assert word not in ("set", "do", "call", "filter", "import", "from", "raw"), tag
        assert not re.search(r"[-+*/%~|<>=!]", tag), f"arithmetic, a filter or a test in {tag!r}"
        assert "(" not in tag or word == "macro", f"a call in {tag!r}"
        if word in ("if", "elif"):
            assert re.fullmatch(r"(not )?[\w.]+", " ".join(tag.split()[1:])), tag


def test_there_are_templates_to_look_at():
    assert TEMPLATE_FILES
