"""How the emitted text is laid out: parts with the user's lines, names by role, `del` by need.

What stands in the comments is text of somebody's file: it may say anything and do nothing.
"""

import ast
import importlib.util
import re
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import symgrad
from symgrad.schedule import memory

RNG = np.random.RandomState(3)


def text_of(function, args, wrt, name="value_and_grad", **options):
    """Return one function of the emitted module."""
    compiled = symgrad.compile(function, wrt=wrt, check="grad", **options)
    compiled.value_and_grad(*args)
    return one_function(compiled.source, name)


def one_function(source, name):
    (found,) = (node for node in ast.parse(source).body if getattr(node, "name", "") == name)
    return "\n".join(source.splitlines()[found.lineno - 1 : found.end_lineno])


def parts(text):
    """Return the commented parts of a function: the comment, and the names that it gives."""
    found = []
    for block in text.split("\n\n")[1:]:
        said, *lines = [line.strip() for line in block.splitlines()]
        if not said.startswith("# "):
            said, lines = "", [said, *lines]
        targets = [re.split(r" [-+*/]?= |\[", line)[0] for line in lines if " = " in f"{line} = "]
        given = [t for t in targets if not re.match(r"return|del|np\.", t)]
        found.append((said.removeprefix("# "), " ".join(dict.fromkeys(given))))
    return found


# --- parts of the gradient ------------------------------------------------------------------------


def two_layers(W1, b1, W2, b2, X, y):
    h1 = np.maximum(0, X @ W1 + b1)  # the first layer
    scores = h1 @ W2 + b2
    e = np.exp(scores)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(y)), y]))


def layers_in_a_loop(params, X, y):
    h = X
    for W, b in params:
        h = np.tanh(h @ W + b)
    return np.mean((h[:, 0] - y) ** 2)


def layer(x, W, b):
    return np.tanh(x @ W + b)


def layers_by_calls(W1, b1, W2, b2, X):
    h = layer(X, W1, b1)
    return np.sum(layer(h, W2, b2))


def relu(x):
    """Return the positive part."""
    return np.maximum(0, x)


def helpers(W1, b1, W2, b, X, y):
    def scores(h):
        z = h @ W2
        return z + b

    square = lambda x: x**2
    h = relu(X @ W1 + b1)
    r = scores(h) - y
    return np.mean(square(r))


def recurrent(Wh, Wx, b, xs, target):
    h = np.zeros(Wh.shape[0])
    for t in range(6):
        z = Wx @ xs[t] + Wh @ h + b
        h = np.tanh(z)
    return np.sum((h - target) ** 2)


def a_sum_in_a_comprehension(W1, W2, b, X, y):
    h = np.tanh(X @ W1)
    r = h @ W2 + b - y
    fit = np.sum(r**2)
    return fit + sum([np.sum(np.cos(W)) for W in (W1, W2)])


# fmt: off
def over_many_lines(W1, W2, b, X, y):
    h = np.tanh(
        X @ W1,  # the first
    )
    out = (
        h
        @ W2  # one score each
        + b
    )
    z = out - y; k = np.sin(z)  # noqa: E702
    return np.mean(
        k**2
    )
# fmt: on


def one_line(w, b, X, y):
    return np.mean((X @ w + b - y) ** 2)


def short(w, X, y):
    r = X @ w - y
    return np.sum(r**2)


N, D, H, C = 5, 4, 3, 2
X, Y, LABELS = RNG.randn(N, D), RNG.randn(N), np.array([0, 1, 1, 0, 1])
W1, B1, W2, B2 = RNG.randn(D, H), RNG.randn(H), RNG.randn(H, C), RNG.randn(C)
PARAMS = [(W1, B1), (RNG.randn(H, H), B1), (RNG.randn(H, H), B1), (RNG.randn(H, 1), RNG.randn(1))]
TANH_LAYER = "h = np.tanh(h @ W + b)"
STEP = "z = Wx @ xs[t] + Wh @ h + b"

PARTS = [
    (two_layers, (W1, B1, W2, B2, X, LABELS), (0, 1, 2, 3), [
        ("-np.mean(np.log(p[np.arange(len(y)), y]))", "dscores"),
        ("scores = h1 @ W2 + b2", "db2 dW2"),
        ("h1 = np.maximum(0, X @ W1 + b1)", "dz1 db1 dW1"),
    ]),
    (layers_in_a_loop, (PARAMS, X, Y), 0, [
        (TANH_LAYER, "dz4 db4 dW4"),
        (TANH_LAYER, "dz3 db3 dW3"),
        (TANH_LAYER, "dz2 db2 dW2"),
        (TANH_LAYER, "dz db dW"),
    ]),
    (layers_by_calls, (W1, B1, W2, B2, X), (0, 1, 2, 3), [
        ("np.sum(layer(h, W2, b2))", "dz db2 dW2"),
        ("h = layer(X, W1, b1)", "dz2 db1 dW1"),
    ]),
    (helpers, (W1, B1, W2[:, 0], 0.5, X, Y), (0, 1, 2, 3), [
        ("np.mean(square(r))", "dz"),
        ("z + b", "db"),
        ("z = h @ W2", "dW2"),
        ("h = relu(X @ W1 + b1)", "dz_h db1 dW1"),
    ]),
    (recurrent, (W1[:H, :H], W1.T, B1, RNG.randn(6, D), B1), (0, 1), [
        ("h = np.tanh(z)", "dz"),
        ("h = np.tanh(z)", "dz2"),
        (STEP, "dWh dWx"),
        ("h = np.tanh(z)", "dz3"),
        (STEP, "dWh dWx"),
        ("h = np.tanh(z)", "dz4"),
        (STEP, "dWh dWx"),
        ("h = np.tanh(z)", "dz5 dWh dWx"),
        ("h = np.tanh(z)", "dz6 dWx"),
    ]),
    (a_sum_in_a_comprehension, (W1, W2[:, 0], 0.5, X, Y), (0, 1, 2), [
        ("fit = np.sum(r**2)", "dr"),
        ("r = h @ W2 + b - y", "db dW2"),
        ("h = np.tanh(X @ W1)", "dz dW1"),
    ]),
    (over_many_lines, (W1, W2[:, 0], 0.5, X, Y), (0, 1, 2), [
        ("z = out - y; k = np.sin(z)", "dout"),
        ("out = (h @ W2 + b)", "db dW2"),
        ("h = np.tanh(X @ W1)", "dz_h dW1"),
    ]),
    (one_line, (W1[:, 0], 0.5, X, Y), (0, 1), [("", "dr db dw")]),
    (short, (W1[:, 0], X, Y), 0, [("", "dw")]),
]  # fmt: skip


@pytest.mark.parametrize(("program", "args", "wrt", "expected"), PARTS)
def test_the_gradient_follows_the_lines_from_the_value_back(program, args, wrt, expected):
    assert parts(text_of(program, args, wrt)) == expected


def test_backward_has_the_same_parts():
    (_, args, wrt, expected) = PARTS[0]
    found = parts(text_of(two_layers, args, wrt, "backward"))
    assert found == expected


# --- what stands in the comments ------------------------------------------------------------------

LONG = " + ".join(["0.0 * b"] * 30)

# A line of somebody's file, and what the comment says of it.
LINES = {
    "type_ignore": ("h = np.tanh(x @ w + b)  # type: ignore", "h = np.tanh(x @ w + b)"),
    "noqa": ("h = np.tanh(x @ w + b)  # noqa", "h = np.tanh(x @ w + b)"),
    "format_off": ("h = np.tanh(x @ w + b)  # fmt: off", "h = np.tanh(x @ w + b)"),
    "coding": ("h = np.tanh(x @ w + b)  # -*- coding: latin-1 -*-", "h = np.tanh(x @ w + b)"),
    "many_lines": (
        "h = np.tanh(  # type: ignore\n        x @ w  # noqa: E501\n\n    # fmt: off\n + b,\n)",
        "h = np.tanh(x @ w + b)",
    ),
    "backslash": ("h = np.tanh(x @ w \\\n        + b)", "h = np.tanh(x @ w + b)"),
    "backslash_in_text": (
        r"h = np.tanh(x @ w + b) * len('\\')",
        r"h = np.tanh(x @ w + b) * len('\\')",
    ),
    "triple_quotes": (
        """h = np.tanh(x @ w + b) * len(\"\"\"'\"\"\")""",
        """h = np.tanh(x @ w + b) * len(\"\"\"'\"\"\")""",
    ),
    "text_over_lines": (
        "h = np.tanh(x @ w + b) * len('''\n''')",
        "h = np.tanh(x @ w + b) * len(''' ''')",
    ),
    "unicode_lines": (
        "h = np.tanh(x @ w + b) * (len('\u2028\x85\x0c') - 2)",
        "h = np.tanh(x @ w + b) * (len(' ') - 2)",
    ),
    "right_to_left": (
        "h = np.tanh(x @ w + b) * len('\u202e')", "h = np.tanh(x @ w + b) * len(' ')",
    ),
    "nested_format": (
        """h = np.tanh(x @ w + b) * len(f"{'a'}{f'{0}'[1:]}")""",
        """h = np.tanh(x @ w + b) * len(f"{'a'}{f'{0}'[1:]}")""",
    ),
    "braces": (
        "h = np.tanh(x @ w + b) * len('{{ x }}{% if %}')/30",
        "h = np.tanh(x @ w + b) * len('{{ x }}{% if %}')/30",
    ),
    "mark_in_text": (
        "h = np.tanh(x @ w + b) * len('# noqa') / 12",
        "h = np.tanh(x @ w + b) * len(' ...",
    ),
    "tab": ("h =\tnp.tanh(x @ w + b)", "h = np.tanh(x @ w + b)"),
    "form_feed": ("\x0c    h = np.tanh(x @ w + b)", "h = np.tanh(x @ w + b)"),
    "letters": ("é = 1.0; h = np.tanh(x @ w + é * b)", "é = 1.0; h = np.tanh(x @ w + é * b)"),
    "annotation": (
        "type: ignore = np.tanh(x @ w + b); h = type",
        "type = np.tanh(x @ w + b); h = type",
    ),
    "one_line_block": ("if True: h = np.tanh(x @ w + b)", "h = np.tanh(x @ w + b)"),
    "too_long": (
        f"h = np.tanh(x @ w + b + {LONG})",
        f"h = np.tanh(x @ w + b + {LONG}"[:90].rstrip() + " ...",
    ),
}  # fmt: skip
PROGRAM = """# -*- coding: utf-8 -*-
from __future__ import annotations

import numpy as np


def loss(w, b, v, x, y):
    {line}
    r = h @ v - y
    return np.mean(r**2)
"""
SMALL = (RNG.randn(D, H), RNG.randn(H), RNG.randn(H), X, Y)


def loss_of_file(folder, name, line, program=PROGRAM):
    path = folder / f"{name}.py"
    text = program.replace("    {line}", line if line.startswith("\x0c") else f"    {line}")
    path.write_text(text, encoding="utf-8", newline="")
    spec = importlib.util.spec_from_file_location(f"layout_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.loss


def comments_of(source):
    return [line.strip()[2:] for line in source.splitlines() if line.lstrip().startswith("# ")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", LINES)
def test_a_comment_says_the_line_and_nothing_else(name, end, tmp_path):
    line, expected = LINES[name]
    loss = loss_of_file(tmp_path, name, line)
    if end != "\n":
        path = tmp_path / f"{name}.py"
        text = path.read_bytes().replace(b"\n", end.encode())
        path.write_bytes(text)
        loss = loss_of_file(tmp_path, name, line, text.decode())
    compiled = symgrad.compile(loss, wrt=(0, 1, 2), check="grad")
    compiled.value_and_grad(*SMALL)
    assert comments_of(compiled.source) == ["np.mean(r**2)", "r = h @ v - y", expected] * 2
    bare = symgrad.compile(loss, wrt=(0, 1, 2), comments=False)
    bare.value_and_grad(*SMALL)
    assert comments_of(bare.source) == []
    assert ast.dump(ast.parse(bare.source)) == ast.dump(ast.parse(compiled.source))


def test_no_tool_minds_the_comments(tmp_path):
    place = tmp_path / "emitted"
    place.mkdir()
    for name, (line, _) in LINES.items():
        compiled = symgrad.compile(loss_of_file(tmp_path, name, line), wrt=(0, 1, 2))
        compiled.value_and_grad(*SMALL)
        (place / f"{name}.py").write_text(compiled.source, encoding="utf-8", newline="\n")
    ruff = [sys.executable, "-m", "ruff"]
    alone = ["--isolated", "--no-cache", "--line-length=100"]
    for command in (
        [*ruff, "check", *alone, "--select=E,F,W,RUF100,PGH"],
        [*ruff, "format", "--diff", *alone],
        [sys.executable, "-m", "mypy", "--config-file=", "--warn-unused-ignores",
         f"--cache-dir={place / '.mypy'}"],
    ):  # fmt: skip
        done = subprocess.run([*command, "."], cwd=place, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("word", ["noqa", "NOQA", "nosec"])
def test_a_line_that_is_a_word_to_a_tool_is_not_repeated(word, tmp_path):
    program = PROGRAM.replace(
        "return np.mean(r**2)", f"{word} = np.mean(r**2)\n    return {word} + r[0]"
    )
    loss = loss_of_file(tmp_path, word, "h = np.tanh(x @ w + b)", program)
    compiled = symgrad.compile(loss, wrt=(0, 1, 2))
    compiled.value_and_grad(*SMALL)
    assert not [c for c in comments_of(compiled.source) if c.startswith(f"{word} + ")]
    assert "h = np.tanh(x @ w + b)" in comments_of(compiled.source)


def test_code_without_source_has_no_comments():
    scope = {"np": np}
    exec(PROGRAM.replace("{line}", LINES["noqa"][0]), scope)
    text = text_of(scope["loss"], SMALL, (0, 1, 2))
    assert comments_of(text) == []
    assert [len(block.splitlines()) > 1 for block in text.split("\n\n")] == [True, True]


def test_a_file_that_was_edited_since_is_not_quoted(tmp_path):
    loss = loss_of_file(tmp_path, "edited", "h = np.tanh(x @ w + b)")
    path = tmp_path / "edited.py"
    path.write_text(path.read_text().replace("np.tanh(x @ w + b)", "np.sin(x @ w + b)"))
    compiled = symgrad.compile(loss, wrt=(0, 1, 2))
    compiled.value_and_grad(*SMALL)
    assert comments_of(compiled.source) == []


# --- the value's own lines ------------------------------------------------------------------------


def stable(z, y):
    p = 1 / (1 + np.exp(-z))
    q = 2 * p
    loss = -np.sum(y * np.log(p)) + np.sum(q)
    return loss


def test_the_value_quotes_only_lines_that_a_law_rewrote():
    forward = text_of(stable, (RNG.randn(4), np.ones(4)), 0, "forward")
    assert comments_of(forward) == ["loss = -np.sum(y * np.log(p)) + np.sum(q)"]
    exact = text_of(stable, (RNG.randn(4), np.ones(4)), 0, "forward", exact=True)
    assert comments_of(exact) == []


def test_a_blank_line_stands_between_value_and_gradient():
    lines = text_of(short, PARTS[-1][1], 0).splitlines()
    assert [k for k, line in enumerate(lines) if not line] == [lines.index("    value = r @ r") + 1]


# --- names by role --------------------------------------------------------------------------------


def deviations(x, y):
    spread = np.sum((x - x.mean()) ** 2) + np.sum((x - np.max(x)) ** 4)
    return spread + np.sum((np.sin(x) - y) ** 2)


def phrases(p, gamma):
    return np.sum((1 - p) ** gamma * np.log(p) * (1 - p)) + np.sum((p**2) * np.cos(p**2))


def z_is_taken(W1, W2, z):
    h = np.tanh(z @ W1)
    return np.sum(np.tanh(h @ W2) ** 2)


NAMES = [
    (deviations, (RNG.randn(4), RNG.randn(4)), 0, {"centred", "shifted", "r"}, {"diff", "diff2"}),
    (phrases, (RNG.rand(4), 1.5), 0, {"one_minus_p", "p_squared"}, {"squared"}),
    (z_is_taken, (W1, W2, X), (0, 1), {"dz_h"}, {"scaled", "dz2"}),
    (two_layers, PARTS[0][1], (0, 1, 2, 3), {"dz1", "shifted", "e", "total"}, {"da", "diff"}),
]  # fmt: skip


@pytest.mark.parametrize(("program", "args", "wrt", "there", "not_there"), NAMES)
def test_steps_are_called_by_their_role(program, args, wrt, there, not_there):
    tree = ast.parse(text_of(program, args, wrt))
    names = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    assert there <= names
    assert not not_there & names


def test_a_local_may_be_called_residuals_where_nothing_else_is():
    def loss(w, X, y):
        residuals = X @ w - y
        return np.sum(residuals**2)

    args = (W1[:, 0], X, Y)
    assert "    residuals = X @ w - y" in text_of(loss, args, 0)
    assert "    residuals2 = X @ w - y" in text_of(loss, args, 0, "forward")


# --- memory ---------------------------------------------------------------------------------------


def deep(W1, W2, W3, X, y):
    h1 = np.tanh(X @ W1)
    h2 = np.tanh(h1 @ W2)
    out = np.tanh(h2 @ W3)
    return np.mean((out - y) ** 2)


def deleted(source):
    return [
        n.id for d in ast.walk(ast.parse(source)) if isinstance(d, ast.Delete) for n in d.targets
    ]


def deep_specs(n, k):
    square = (k, k)
    return {"W1": square, "W2": square, "W3": square, "X": (n, k), "y": (n, k)}


@pytest.mark.parametrize(
    ("rows", "names"),
    [(10, []), (8000, []), (9000, ["out", "r"]), (100_000, ["out", "r"])],
)
def test_an_array_is_deleted_where_that_saves_more_than_64_megabytes(rows, names):
    c = symgrad.compile(deep, wrt=(0, 1, 2), specs=deep_specs(rows, 1000))
    text = one_function(c.source, "value_and_grad")
    assert sorted(deleted(text)) == names
    assert deleted(one_function(c.source, "forward")) in ([], ["out"])


def test_sizes_without_an_example_delete_nothing():
    specs = {"W1": "d k", "W2": "k k", "W3": "k m", "X": "n d", "y": "n m"}
    assert deleted(symgrad.compile(deep, wrt=(0, 1, 2), specs=specs).source) == []


def peak_of(function, args):
    function(*args)
    tracemalloc.start()
    try:
        function(*args)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def long_chain(w, x):
    a = np.sin(w * x)
    b = np.cos(a)
    c = np.tanh(b)
    d = np.arctan(c)
    return np.sum(d * np.exp(d))


def reassigned(w, x):
    h = w
    for _ in range(4):
        h = np.sin(h * x)
    return np.sum(h)


@pytest.mark.parametrize(
    ("program", "wrt", "shapes"),
    [
        (deep, (0, 1, 2), [(60, 60)] * 3 + [(900, 60)] * 2),
        (long_chain, 0, [(50_000,)] * 2),
        (reassigned, 0, [(50_000,)] * 2),
    ],
)
def test_each_del_saves_what_it_promises(program, wrt, shapes, monkeypatch):
    least = 200_000
    monkeypatch.setattr(memory, "LEAST", least)
    args = [RNG.rand(*shape) for shape in shapes]
    compiled = symgrad.compile(program, wrt=wrt, check="grad")
    compiled.value_and_grad(*args)
    lines = one_function(compiled.source, "value_and_grad").splitlines()
    at = [k for k, line in enumerate(lines) if line.strip().startswith("del ")]
    peaks = []
    for without in (None, *at):
        scope = {"np": np}
        exec("\n".join(line for k, line in enumerate(lines) if k != without), scope)
        peaks.append(peak_of(scope["value_and_grad"], args))
    assert at, "nothing is deleted"
    for peak in peaks[1:]:
        assert peak > peaks[0] + 0.9 * least


def test_what_was_cut_out_of_a_line_goes_back_where_it_fits_again():
    def loss(W1, W2, X, y, lam):
        N = X.shape[0]
        h = np.maximum(0, X @ W1)
        s = h @ W2
        e = np.exp(s - s.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return -np.log(p[np.arange(N), y]).mean() + lam * (np.sum(W1**2) + np.sum(W2**2))

    specs = {"W1": "d h", "W2": "h c", "X": "n d", "y": "n int", "lam": ""}
    source = symgrad.compile(loss, wrt=("W1", "W2"), specs=specs).source
    assert "log = np.log(total_e[:, 0])" in source
    assert "= total_e[:, 0]" not in source
