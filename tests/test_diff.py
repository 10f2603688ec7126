"""`symgrad.diff`: two functions and their gradients side by side, only the lines that differ."""

import html.parser
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import symgrad
from symgrad import ArgumentError
from symgrad.cli import main
from symgrad.study.differences import align

SIZES = {"W1": "D H", "W2": "H C", "X": "N D", "lam": ""}


def softmax_loss(W1, W2, X, y, lam):
    """The loss of the lecture."""
    N = X.shape[0]
    h = np.maximum(0, X @ W1)
    s = h @ W2
    p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(N), y]))
    return loss + lam * (np.sum(W1**2) + np.sum(W2**2))


def l2_loss(W1, W2, X, y, lam):
    N = X.shape[0]
    h = np.maximum(0, X @ W1)
    s = h @ W2
    r = s - y  # the residual
    loss = np.sum(r**2) / N
    return loss + lam * (np.sum(W1**2) + np.sum(W2**2))


def two_losses(**more):
    return symgrad.diff(
        symgrad.compile(softmax_loss, wrt=("W1", "W2"), specs={**SIZES, "y": "N int"}),
        symgrad.compile(l2_loss, wrt=("W1", "W2"), specs={**SIZES, "y": "N C"}),
        **more,
    )


def test_another_loss_changes_the_lines_of_the_loss_and_no_others():
    found = two_losses(functions=("backward",))
    source, backward = found.parts
    assert [(p.left, p.right) for p in source.changes] == [
        (
            "    p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)",
            "    r = s - y  # the residual",
        ),
        ("    loss = -np.mean(np.log(p[np.arange(N), y]))", "    loss = np.sum(r**2) / N"),
    ]
    # the residuals, and the gradient of the scores: the rest of the network is the same
    changed = [(p.left.strip(), p.right.strip()) for p in backward.changes]
    assert changed[0][0].endswith("= residuals") and changed[0][1].endswith("= residuals")
    assert [left.split()[0] for left, _ in changed[1:]] == ["ds", "ds[np.arange(N),", "ds"]
    assert [right.split(" =")[0] for _, right in changed[1:]] == ["ds", "", ""]
    assert backward.renamed == ()
    assert found.changed == 6 and found


def test_a_renamed_temporary_is_no_change():
    def one(x, y):
        a = x * y
        b = np.exp(a) + a
        return b

    def two(x, y):
        c = x * y
        d = np.exp(c) + c
        return d

    found = symgrad.diff(one, two, 1.0, 2.0)
    assert not found and found.changed == 0
    assert dict(found.parts[0].renamed) == {"one": "two", "a": "c", "b": "d"}


ALIGNED = [
    ("equal", "x = 1\ny = x", "x = 1\ny = x", 0),
    ("comments", "x = 1  # one\n# two\n\ny = x", "x = 1\ny = x  # '#'", 0),
    ("a renamed local", "a = p + 1\nreturn a", "b = p + 1\nreturn b", 0),
    ("names that are exchanged", "a = p\nb = q\nreturn a", "a = p\nb = q\nreturn b", 1),
    ("one name for two", "a = p\nb = q\nreturn a + b", "c = p\nc = q\nreturn c + c", 2),
    ("a parameter is none", "return p", "return q", 1),
    ("an added line", "a = p\nreturn a", "a = p\na += 1\nreturn a", 1),
    ("a removed line", "a = p\na += 1\nreturn a", "a = p\nreturn a", 1),
    ("a number", "a = p + 1\nreturn a", "a = p + 2\nreturn a", 1),
    ("an attribute is no name", "a = p.T\nreturn a", "a = p.a\nreturn a", 1),
]


@pytest.mark.parametrize(("label", "left", "right", "changed"), ALIGNED, ids=lambda x: str(x)[:20])
def test_lines_are_the_same_under_one_renaming_only(label, left, right, changed):
    def function(body):
        return "def f(p, q):\n" + "".join(f"    {line}\n" for line in body.split("\n"))

    part = align("f", function(left), function(right))
    assert len(part.changes) == changed
    assert "\n".join(p.left for p in part.pairs if p.left).count("\n") + 1 == 1 + len(
        [line for line in left.split("\n") if line and not line.startswith("#")]
    )


def test_docstrings_are_not_compared():
    one = 'def f(x):\n    """One."""\n    return x\n'
    two = 'def f(x):\n    """Two\n\n    lines."""\n    return x\n'
    assert not align("f", one, two).changes


# --- formats -------------------------------------------------------------------------------------


def test_the_text_fits_its_width():
    for width in (60, 100, 140):
        text = two_losses(functions=("forward", "backward", "value_and_grad")).text(width)
        assert max(map(len, text.splitlines())) <= width
    assert "the function: 2 of 7 lines changed" in text


def test_the_unified_form_is_marked_line_by_line():
    lines = two_losses(functions=("backward",)).unified().splitlines()
    assert lines[:2] == ["--- softmax_loss", "+++ l2_loss"]
    assert sum(line.startswith("-") for line in lines[2:]) == 6
    assert sum(line.startswith("+") for line in lines[2:]) == 4
    assert "     s = h @ W2" in lines


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs).get("class")))

    def handle_data(self, data):
        self.text += data


def test_html_and_markdown_escape_what_users_wrote():
    part = align("f", "def f(x):\n    return x < 1, '<b>|`'\n", "def f(x):\n    return x > 2\n")
    found = symgrad.Difference("<i>a</i>|", "b", (part,))
    reader = Reader()
    reader.feed(found.html())
    assert ("tr", "changed") in reader.tags and ("div", "symgrad-diff") in reader.tags
    assert not {"b", "i"} & {tag for tag, _ in reader.tags}
    assert "return x < 1, '<b>|`'" in reader.text
    assert "\\<i\\>" in found.markdown()
    assert "| ``return x < 1, '<b>\\|`'`` | `return x > 2` |" in found.markdown()


def test_json_has_every_changed_line():
    data = json.loads(two_losses().json())
    assert data["changed"] == sum(part["changed"] for part in data["parts"])
    assert data["parts"][0]["changes"][0]["kind"] == "changed"


def test_each_function_may_come_with_arguments_of_its_own():
    def scaled(w, x, a):
        return a * np.sum(w * x)

    def plain(w, x):
        return np.sum(w * x)

    v = np.ones(3)
    assert symgrad.diff((plain, (v, v)), (scaled, (v, v, 2.0)))
    assert not symgrad.diff(plain, plain, v, v, functions=("forward", "backward"))


def test_a_function_that_is_none_is_refused():
    with pytest.raises(ArgumentError, match="of forward, backward, value_and_grad"):
        symgrad.diff(softmax_loss, l2_loss, functions=("jacobian",))


# --- the command ---------------------------------------------------------------------------------

FILE = """\
import numpy as np


def a(w, X, y):
    r = X @ w - y
    return np.mean(r**2)


def b(w, X, y):
    d = X @ w - y
    return np.mean(np.abs(d))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("one.py").write_text(FILE)
    Path("two.py").write_text(FILE.replace("r**2", "r**2 + 0"))
    return tmp_path


SPECS = ["--spec", "w: d", "--spec", "X: n d", "--spec", "y: n"]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["one.py:a", "one.py:a", *SPECS], 0, "the same"),
        (["one.py:a", "one.py:b", *SPECS], 1, "renamed: a -> b, r -> d"),
        (["one.py:a", "one.py:b"], 1, "np.mean(np.abs(d))"),
        (["one.py:a", "two.py:a", "--function", "backward"], 1, "r**2 + 0"),
        (["one.py:a", "one.py:b", "--format", "unified"], 1, "+++ one.py:b"),
        (["one.py:a", "one.py:b", "--json"], 1, '"changed":'),
        (["one.py:a", "one.py:nothing"], 2, ""),
        (["one.py:a", "gone.py:b"], 2, ""),
    ],
)
def test_the_exit_code_says_whether_they_differ(words, code, text, folder, capsys):
    assert main(["diff", *words]) == code
    assert text in capsys.readouterr().out


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"),
    [(True, "", True), (True, "1", False), (False, "", False)],
)
def test_colours_are_for_terminals_that_want_them(
    terminal, no_color, coloured, folder, capsys, monkeypatch
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    main(["diff", "one.py:a", "one.py:b", *SPECS])
    assert ("\x1b[" in capsys.readouterr().out) is coloured
