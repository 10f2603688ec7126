"""What every emitted module keeps: clean under the usual tools, the same bytes, no odd lines."""

import ast
import builtins
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from golden_programs import PROGRAMS
from test_golden import emitted, parts

import symgrad

ROOT = Path(symgrad.__file__).parent.parent
TESTS = Path(__file__).parent
GOLDEN = TESTS / "golden"

# --- awkward programs -----------------------------------------------------------------------------


def named_np(np_, x):
    import numpy

    return numpy.sum(numpy.tanh(np_ * x))


def takes_np(np, x):
    from numpy import exp

    return exp(np * x).sum()


def legal_names(I, E, S, lambda_, residuals, _):
    return np.sum(I * E + S * lambda_) + np.sum(residuals * _)


def builtin_names(list, sum, len, max):
    print = list * sum
    type = np.exp(print - len)
    return np.sum(type * max)


def names_of_derivatives(x, dx, loss, dloss, value, grads):
    z = x * dx
    return np.sum(z * loss) + np.sum(dloss * value * grads)


def very_long_names(
    the_weights_of_the_first_hidden_layer_of_the_network,
    the_weights_of_the_second_hidden_layer_of_the_network,
    the_examples_of_the_current_batch_one_in_every_row,
):
    the_activations_of_the_first_hidden_layer_of_the_network = np.tanh(
        the_examples_of_the_current_batch_one_in_every_row
        @ the_weights_of_the_first_hidden_layer_of_the_network
    )
    the_activations_of_the_second_hidden_layer_of_the_network = np.tanh(
        the_activations_of_the_first_hidden_layer_of_the_network
        @ the_weights_of_the_second_hidden_layer_of_the_network
    )
    return np.mean(
        the_activations_of_the_second_hidden_layer_of_the_network**2
        + np.exp(-the_activations_of_the_second_hidden_layer_of_the_network)
        * the_activations_of_the_second_hidden_layer_of_the_network
    )


_FORTY = [f"parameter_{k}" for k in range(40)]


FORTY_TEXT = (
    "import numpy as np\n\n\n"
    f"def total({', '.join(_FORTY)}):\n"
    f"    return np.sum(np.sin({' + '.join(_FORTY)}))\n"
)


def sixty_constants(x):
    table = np.array([0.1 * k * k - 3.7 for k in range(60)])
    return np.sum(np.sin(x * table) * table)


def matrix_of_constants(x):
    table = np.array([[0.1 * k * j - 3.7 for k in range(8)] for j in range(7)])
    return np.sum(np.cos(table @ x))


def long_captures():
    first_captured_strength_of_the_penalty = 0.12345678901234
    second_captured_strength_of_the_penalty = 1234567.8901234567
    third_captured_strength_of_the_penalty = 1e-17
    shift = np.linspace(-1.0, 1.0, 60)

    def captured(x):
        return (
            first_captured_strength_of_the_penalty * np.sum(x**2)
            + second_captured_strength_of_the_penalty * np.sum(np.abs(x + shift))
            + third_captured_strength_of_the_penalty * np.sum(np.exp(x))
        )

    return captured


class Layer(NamedTuple):
    weights: object
    bias: object


@dataclass
class Model:
    layers: list
    scale: object


def deep_trees(tree, model):
    inner = tree["a"]["b"]["c"][0][1]
    out = inner["d"] @ tree["a"]["e"] + model.scale
    for layer in model.layers:
        out = np.tanh(out * layer.weights + layer.bias)
    return np.sum(out)


AWKWARD_KEYS = [
    *('"', "'", "{x}", "a\nb", '"""', "class", "\\", "# no comment", "%s", "\t'\""),
    *("ü", 7, -1),
]


def awkward_keys(params):
    total = 0.0
    for key in AWKWARD_KEYS:
        total = total + np.sum(params[key] ** 2)
    return total


def with_a_docstring(x):
    '''Return a sum.  """ and \\ and {{ x }} and {% if %} stand here {# too #}.'''
    y = x * 2  # a comment with """ and {{ braces }}
    return np.sum(y)  # {% endfor %}


def long_lines(x, a, b, c, d):
    first = np.sin(x * a + b * c + d) * np.cos(x * a - b * c - d) + np.exp(-(x**2) * a * a - b * b)
    second = np.tanh(first * x + first * a + first * b + first * c) / (1 + np.exp(-first * d - x))
    return np.mean(first * second * x + np.sqrt(first**2 + second**2 + x**2 + 1) * a * b * c * d)


def everything_positional(x, y, /, z, *, w=2.0):
    return np.sum(x * y) + z * w


def several_results(M, x):
    _, logdet = np.linalg.slogdet(M)
    _, rest = divmod(x, 0.7)
    return logdet * np.sum(rest)


def text_options(x, mode="sum", power=2, flag=True, nothing=None):
    y = x**power if flag else x
    if nothing is None and mode == "sum":
        return np.sum(y)
    return np.mean(y)


def powers(x, p):
    whole = x**p + x ** (p + 1) + (x + 1) ** 2 + (-x) ** 2
    return np.sum(whole + np.abs(x) ** np.sin(p) + 2**x + x**-1)


def sizes_in_arithmetic(x):
    n, d = x.shape
    scaled = np.sum(x**2) * (n * d) / (n - 1) * (2 * n + d) / (n * d) * (n // 2)
    return scaled - (n - d) * x.sum() * (n + d) ** 2 / (n * d - 1) * n**2 / d


def sizes_beside_a_parameter_called_max(max, x):
    min = np.abs(x[1:])
    out = np.zeros(len(x[1:]))
    out[:-1] = min[1:] * max
    return np.sum(out**2) + min.sum() / len(x[1:])


def nothing_of_numpy(x, y):
    return x * y + x


V = np.linspace(0.2, 1.1, 5)
KEYED = {key: np.arange(1.0, 3.0) + k for k, key in enumerate(AWKWARD_KEYS)}
TREE = {"a": {"b": {"c": [(1, {"d": np.ones((2, 3))})]}, "e": np.arange(3.0)}}
MODEL = Model([Layer(V[:2], V[2:4]), Layer(V[1:3], V[3:])], 0.3)


def first_floats(args):
    """Return the numbers of the arguments to differentiate by: those that hold a float."""
    return tuple(k for k, a in enumerate(args) if any(is_float(leaf) for leaf in parts(a)))


def is_float(leaf):
    is_number = not isinstance(leaf, str | bool | int | type(None))
    return is_number and np.asarray(leaf).dtype.kind == "f"


AWKWARD = [
    (named_np, (0.5, V), None),
    (takes_np, (0.5, V), None),
    (legal_names, (V, V, V, 2.0, V, 3.0), None),
    (builtin_names, (V, V, V, V), None),
    (names_of_derivatives, (V, V, V, 2.0, V, V), None),
    (very_long_names, (np.eye(3), np.ones((3, 2)), np.ones((4, 3))), None),
    (sixty_constants, (np.linspace(-1, 1, 60),), None),
    (matrix_of_constants, (np.linspace(-1, 1, 8),), None),
    (long_captures(), (np.linspace(-1, 1, 60),), None),
    (deep_trees, (TREE, MODEL), (0, 1)),
    (awkward_keys, (KEYED,), None),
    (with_a_docstring, (V,), None),
    (long_lines, (V, V, V, V, 2.0), None),
    (everything_positional, (V, V, 3.0), None),
    (several_results, (2 * np.eye(3), V), None),
    (text_options, (V,), None),
    (powers, (V, 2.5), None),
    (sizes_in_arithmetic, (np.linspace(0.1, 1.2, 12).reshape(4, 3),), None),
    (sizes_beside_a_parameter_called_max, (2.0, V), None),
    (nothing_of_numpy, (2.0, 3.0), None),
]


def awkward_modules():
    """Return the text of each awkward program by name."""
    texts = {}
    for function, args, wrt in AWKWARD:
        wrt = first_floats(args) if wrt is None else wrt
        compiled = symgrad.compile(function, wrt=wrt, check="grad")
        compiled.value_and_grad(*args)
        texts[function.__name__] = compiled.source
    return texts


def forty():
    spec = importlib.util.spec_from_loader("awkward_forty", None)
    module = importlib.util.module_from_spec(spec)
    exec(compile(FORTY_TEXT, "awkward_forty.py", "exec"), module.__dict__)
    compiled = symgrad.compile(module.total, wrt=tuple(_FORTY))
    compiled.value_and_grad(*(V + k for k in range(40)))
    return compiled.source


@pytest.fixture(scope="module")
def everything():
    """Return the text of every emitted module of this file and of the golden programs."""
    golden = {p.name: emitted(p) for p in PROGRAMS}
    return {**golden, **awkward_modules(), "forty_parameters": forty()}


@pytest.fixture(scope="module")
def folder(everything, tmp_path_factory):
    """Return a folder with every emitted module and no settings of any tool in reach."""
    place = tmp_path_factory.mktemp("emitted")
    for name, text in everything.items():
        (place / f"{name}.py").write_text(text, encoding="utf-8", newline="\n")
    return place


# --- the usual tools ------------------------------------------------------------------------------


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_ruff_finds_nothing(folder):
    run(sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", ".", cwd=folder)


def test_ruff_would_format_nothing(folder):
    command = ["format", "--diff", "--isolated", "--no-cache", "--line-length", "100", "."]
    run(sys.executable, "-m", "ruff", *command, cwd=folder)


def test_mypy_finds_nothing(folder):
    command = ["--config-file=", "--check-untyped-defs", f"--cache-dir={folder / '.mypy'}", "."]
    run(sys.executable, "-m", "mypy", *command, cwd=folder)


def test_lines_fit(everything):
    for name, text in everything.items():
        if name != "very_long_names":  # where two names alone are wider than a line
            assert max(map(len, text.splitlines())) <= 100, name


# --- no line that a reviewer would delete ---------------------------------------------------------

NOISE = [
    r"keepdims=False",
    r"\* 1\.0\b",
    r"\b1\.0 \*",
    r"\+ 0\.0\b",
    r"unbroadcast",
    r"np\.(add|subtract|multiply|divide|negative)\(",
    r"= (\w+) = \1\b",
    r"^\s*(\w+) = \1$",
    r"\(\([\w.]*\)\)",
    r"--",
    r"\+ -",
    r"\.T\.T\b",
    r"\[\.\.\.\] = 0",
    r"astype\(np\.float64\)",
    r"[^\S\n]+$",
]


@pytest.mark.parametrize("noise", NOISE)
def test_no_text_holds_noise(noise, everything):
    for name, text in everything.items():
        if name == "awkward_keys":
            continue
        for line in text.splitlines():
            if not line.lstrip().startswith(('"""', "From ", "Made ")):
                assert not re.search(noise, line), f"{name}: {line}"


def functions(text):
    return [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]


def test_every_value_is_read(everything):
    for name, text in everything.items():
        for function in functions(text):
            assert not list(unread(function.body)), f"{name}.{function.name}"


def unread(body):
    """Yield the lines whose result no later line reads, found from the last line backwards."""
    live = set()
    for node in reversed(body):
        targets = [n for n in ast.walk(node) if is_stored(n)]
        names = {n.id for n in targets if isinstance(n, ast.Name)} - {"_"} - counters(node)
        bases = {n.value.id for n in targets if isinstance(n, ast.Subscript)}
        if not names | bases <= live:
            yield ast.unparse(node)
        if isinstance(node, ast.Assign):
            live -= names
        live |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not is_stored(n)}


def counters(node):
    """Return the variables of the loops in a line, which only the line itself reads."""
    loops = [n for n in ast.walk(node) if isinstance(n, ast.For | ast.comprehension)]
    return {loop.target.id for loop in loops}


def is_stored(node):
    return isinstance(getattr(node, "ctx", None), ast.Store) and not isinstance(node, ast.Tuple)


def stores(function):
    return {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and is_stored(n)}


@pytest.mark.parametrize(
    "line",
    ["a = x", "a = x; a = x + 1; return a", "x[0] = 1", "a, b = x; return a", "a = x; a += 1"],
)
def test_an_unread_line_would_be_seen(line):
    assert list(unread(ast.parse(line).body))


def test_nothing_is_a_second_name_for_the_same_value(everything):
    exact = {p.name for p in PROGRAMS if p.options.get("exact")}  # every gate has its line
    for name, text in everything.items():
        for function in functions(text):
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    assert name in exact or not isinstance(node.value, ast.Name), (
                        f"{name}: {ast.unparse(node)}"
                    )


def test_no_two_lines_compute_the_same(everything):
    for name, text in everything.items():
        for function in functions(text):
            changed = rewritten(function)
            seen = set()
            for node in function.body:
                if isinstance(node, ast.Assign) and not shallow(node.value):
                    used = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
                    if not used & changed:
                        value = ast.unparse(node.value)
                        assert value not in seen, f"{name}: {value} twice"
                        seen.add(value)


def rewritten(function):
    """Return the names that are assigned twice or updated in place."""
    names = [
        target.id
        for node in ast.walk(function)
        for target in targets(node)
        if isinstance(target, ast.Name)
    ]
    updated = {
        n.target.id
        for n in ast.walk(function)
        if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)
    }
    stored = {
        n.value.id
        for n in ast.walk(function)
        if isinstance(n, ast.Subscript)
        and isinstance(n.ctx, ast.Store)
        and isinstance(n.value, ast.Name)
    }
    return {n for n in names if names.count(n) > 1} | updated | stored


def targets(node):
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AugAssign | ast.For) else []


def shallow(value):
    """Return whether a value costs nothing to write twice: zeros to fill, a copy, a view."""
    text = ast.unparse(value)
    if isinstance(value, ast.Name | ast.Constant):
        return True
    return bool(
        re.fullmatch(
            r"np\.(zeros|zeros_like|empty_like|full_like|arange)\(.*\)|\w+(\.copy\(\)|\.T|\.shape.*|\[.*\])",
            text,
        )
    )


WINDOWS = "from numpy.lib.stride_tricks import sliding_window_view"


def test_only_numpy_is_imported(everything):
    for name, text in everything.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                assert ast.unparse(node) == WINDOWS, name
                assert text.count("sliding_window_view(") > 0, name
            if isinstance(node, ast.Import):
                assert [alias.name for alias in node.names] == ["numpy"], name


def test_no_built_in_is_shadowed_but_by_the_user(everything):
    theirs = {
        "builtin_names": {"list", "sum", "len", "max", "print", "type"},
        "sizes_beside_a_parameter_called_max": {"max", "min"},
    }
    for name, text in everything.items():
        for function in functions(text):
            shadowed = {n for n in stores(function) if hasattr(builtins, n)}
            shadowed -= {"_"}  # a prompt leaves its last value there
            assert shadowed <= theirs.get(name, set()), name


def test_modules_hold_three_functions_with_docstrings(everything):
    for name, text in everything.items():
        tree = ast.parse(text)
        assert ast.get_docstring(tree), name
        names = [f.name for f in functions(text)]
        assert names == ["forward", "backward", "value_and_grad"], name
        for function in functions(text):
            assert ast.get_docstring(function), f"{name}.{function.name}"


def test_modules_name_no_machine_and_no_day(everything):
    for name, text in everything.items():
        assert str(ROOT) not in text, name
        assert not re.search(r"/(home|root|tmp|usr|Users)/|20\d\d-\d\d", text), name


def test_shape_comments_tell_the_truth():
    """Run each golden `value_and_grad` with its comments turned into checks."""
    for program in PROGRAMS:
        text = (GOLDEN / f"{program.name}.py").read_text(encoding="utf-8")
        scope = {}
        exec(compile(with_checks(text), program.name, "exec"), scope)
        for n in program.batches:
            args, extra = program.arguments(n), {**program.keywords, **program.captured}
            scope["value_and_grad"](*args, **extra)
            scope["backward"](scope["forward"](*args, **extra)[1], 1.0)


def with_checks(text):
    """Return the text with an assertion below each shape comment whose sizes are in scope."""
    lines, known = [], set()
    for line in text.splitlines():
        lines.append(line)
        if line.startswith("def "):
            known = set()
        if found := re.match(r"    (?:([\w, ]+)) = \w+\.shape", line):
            known |= {name.strip() for name in found[1].split(",")}
        if found := re.match(r"    (\w+) = .*  # (\(.*\))$", line):
            sizes = set(re.findall(r"[A-Za-z_]\w*", found[2])) - {"max", "min"}
            if sizes <= known:
                lines.append(f"    assert {found[1]}.shape == {found[2]}, {line.strip()!r}")
    return "\n".join(lines)


# --- the same bytes -------------------------------------------------------------------------------


def printed(python=sys.executable, seed="0"):
    """Return what all golden programs emit in a fresh interpreter."""
    text = textwrap.dedent(
        f"""
        import sys
        sys.tracebacklimit = 6
        sys.path[:0] = [{str(TESTS)!r}, {str(ROOT)!r}]
        from golden_programs import PROGRAMS
        import symgrad

        for p in PROGRAMS:
            wrt = p.wrt if len(p.wrt) > 1 else p.wrt[0]
            c = symgrad.compile(p.function, wrt=wrt, **p.options)
            c.value_and_grad(*p.arguments(p.batches[0]), **p.keywords)
            sys.stdout.write(c.source)
        """
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-c", text], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def golden_text(everything):
    return "".join(everything[p.name] for p in PROGRAMS)


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_the_hash_seed_changes_no_byte(seed, everything):
    assert printed(seed=seed) == golden_text(everything)


def test_a_second_compile_in_one_process_changes_no_byte(everything):
    assert "".join(emitted(p) for p in PROGRAMS) == golden_text(everything)
    assert awkward_modules() == {name: everything[name] for name in awkward_modules()}


def test_the_order_of_compiling_changes_no_byte(everything):
    backwards = [emitted(p) for p in reversed(PROGRAMS)]
    assert "".join(reversed(backwards)) == golden_text(everything)


# --- other interpreters, other NumPys -------------------------------------------------------------


def environment(folder, *packages, python=sys.executable):
    """Return the interpreter of a new virtual environment that holds ``packages`` only."""
    subprocess.run([python, "-m", "venv", folder], check=True, timeout=120)
    found = str(folder / "bin" / "python")
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([found, "-m", "pip", "install", *quiet, *packages], check=True, timeout=600)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_supported_python_emits_the_same_bytes(version, everything, tmp_path):
    python = shutil.which(f"python{version}") or ""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        python = sys.executable
    assert python, f"python{version} must be installed for this test"
    found = environment(tmp_path / "venv", "numpy", "sympy", "jinja2", python=python)
    assert printed(found) == golden_text(everything)


RUN_GOLDEN = """
import importlib.util, math, pickle, sys

sys.tracebacklimit = 6
import numpy as np

with open(sys.argv[1], "rb") as file:
    cases = pickle.load(file)
for path, args, extra, expected in cases:
    spec = importlib.util.spec_from_file_location("golden", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def flat(tree):
        if not isinstance(tree, (dict, list, tuple)):
            return [tree]
        parts = tree.values() if isinstance(tree, dict) else tree
        return [x for part in parts for x in flat(part)]

    value, residuals = module.forward(*args, **extra)
    whole = module.value_and_grad(*args, **extra)
    halves = (value, module.backward(residuals, 1.0))
    for found in (whole, halves):
        for mine, theirs in zip(flat(found), flat(expected)):
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)
assert not {"symgrad", "sympy", "jinja2"} & set(sys.modules)
print(len(cases), "modules, NumPy", np.__version__)
"""


@pytest.mark.slow
@pytest.mark.parametrize("numpy", ["numpy==1.26.4", "numpy"])
def test_golden_modules_run_where_there_is_only_numpy(numpy, tmp_path):
    import pickle

    from test_golden import module

    cases = []
    for program in PROGRAMS:
        args, extra = (
            program.arguments(program.batches[0]),
            {**program.keywords, **program.captured},
        )
        if any(np.asarray(leaf).dtype == np.float32 for leaf in parts(list(args))):
            continue
        expected = module(program.name).value_and_grad(*args, **extra)
        cases.append((str(GOLDEN / f"{program.name}.py"), args, extra, expected))
    (tmp_path / "cases").write_bytes(pickle.dumps(plain(cases), protocol=4))
    (tmp_path / "run.py").write_text(RUN_GOLDEN, encoding="utf-8")
    found = environment(tmp_path / "venv", numpy)
    run(found, "-I", str(tmp_path / "run.py"), str(tmp_path / "cases"), cwd=tmp_path)


def plain(tree):
    """Return nested data with NumPy scalars as Python numbers, which every NumPy can unpickle."""
    if isinstance(tree, dict):
        return {key: plain(part) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(plain(part) for part in tree)
    return tree.tolist() if isinstance(tree, np.generic) else tree
