"""The page about one function: every part is there, links lead somewhere, a browser shows it."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from golden_programs import PROGRAMS
from matplotlib import image

from symgrad.cli import main
from symgrad.study.overview import overview, parameters
from symgrad.study.pages import Page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARTEFACTS = Path(__file__).with_name("artefacts")
NET = """
import numpy as np


def net(W1, W2, X, y, lam):
    N = X.shape[0]
    h = np.maximum(0, X @ W1)
    s = h @ W2
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(N), y]).mean() + lam * (np.sum(W1**2) + np.sum(W2**2))


def hostile(x):
    a = x * x  # <script>document.title = "taken"</script> {{ 7 * 7 }}
    return np.sum(a)
"""


class Seen(HTMLParser):
    """What a browser would find: ids, links inside the page, tags, headings."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links, self.tags, self.headings, self.at = [], [], [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.at = tag
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "src", "xlink:href"):
                assert value.startswith(("#", "data:")), f"the page needs {value}"
                self.links.append(value)

    def handle_data(self, data):
        if self.at == "h2":
            self.headings.append(data.strip())


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET, encoding="utf-8")
    return path


@pytest.fixture
def page(file, tmp_path):
    made = tmp_path / "page.html"
    assert main(["page", f"{file}:net", "-o", str(made)]) == 0
    return made


def test_the_page_has_every_part_and_stands_alone(page):
    text = page.read_text(encoding="utf-8")
    seen = Seen(text)
    for part in ("At these arguments", "Computational graph", "Trace table", "Derivation",
                 "Gradient check"):  # fmt: skip
        assert part in seen.headings
    assert {"svg", "math", "table"} <= set(seen.tags)
    assert len(text) < 1_000_000


def test_every_link_leads_to_one_place(page):
    seen = Seen(page.read_text(encoding="utf-8"))
    assert len(seen.ids) == len(set(seen.ids))
    inside = {link[1:] for link in seen.links if link.startswith("#")}
    assert inside <= set(seen.ids)
    assert any(link.startswith("line-") for link in inside)
    assert any(link.startswith("emitted-") for link in inside)


def test_the_users_text_is_shown_and_never_taken_for_markup(file, capsys):
    assert main(["page", f"{file}:hostile"]) == 0
    text = capsys.readouterr().out
    assert "&lt;script&gt;document.title" in text
    assert "<script>document" not in text
    assert "{{ 7 * 7 }}" in text


def test_the_same_function_gives_the_same_page(file, capsys):
    pages = []
    for _ in range(2):
        assert main(["page", f"{file}:net"]) == 0
        pages.append(capsys.readouterr().out)
    assert pages[0] == pages[1]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_every_golden_program_has_a_page(program):
    wrt = program.wrt if len(program.wrt) > 1 else program.wrt[0]
    found = overview(
        program.function, program.arguments(program.batches[0]), program.keywords, wrt,
        has_aux=program.options.get("has_aux", False),
    )  # fmt: skip
    assert isinstance(found, Page)
    assert len(found.html) < 1_000_000


def test_data_and_labels_are_no_parameters():
    def loss(w, b, X, y):
        return np.mean((X @ w + b - y) ** 2)

    args = (np.ones(2), 0.5, np.ones((3, 2)), np.zeros(3))
    assert parameters(loss, args, {}) == ("w", "b")
    assert parameters(lambda x, y: x * y, (1.0, 2.0), {}) == ("x", "y")


# --- in a browser ---------------------------------------------------------------------------------


def browse(*arguments):
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--virtual-time-budget=2000", *arguments,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


NO_SCRIPT = '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'">'
POINT = """
<script>
const first = document.querySelector("li[data-group]");
first.dispatchEvent(new MouseEvent("mouseenter"));
document.documentElement.dataset.marked = document.querySelectorAll("li.on").length;
</script>
"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page(page, tmp_path, scheme):
    ARTEFACTS.mkdir(exist_ok=True)
    picture = ARTEFACTS / f"page-{scheme}.png"
    dark = ["--force-dark-mode"] if scheme == "dark" else []
    browse(f"--user-data-dir={tmp_path / 'profile'}", *dark, "--window-size=1400,5000",
           f"--screenshot={picture}", page.as_uri())  # fmt: skip
    assert picture.stat().st_size > 50_000


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_pointing_at_a_line_marks_those_that_belong_to_it(page, tmp_path):
    tried = tmp_path / "tried.html"
    text = page.read_text(encoding="utf-8")
    tried.write_text(text.replace("</body>", POINT + "</body>"), encoding="utf-8")
    dom = browse(f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", tried.as_uri())
    marked = re.search(r'data-marked="(\d+)"', dom)
    assert marked is not None
    assert int(marked[1]) >= 2


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_without_scripts_the_page_looks_the_same(page, tmp_path):
    text, pictures = page.read_text(encoding="utf-8"), []
    for name, policy in [("on", ""), ("off", NO_SCRIPT)]:
        tried, picture = tmp_path / f"{name}.html", tmp_path / f"{name}.png"
        tried.write_text(text.replace("<head>", f"<head>{policy}"), encoding="utf-8")
        browse(f"--user-data-dir={tmp_path / name}", "--window-size=1400,5000",
               f"--screenshot={picture}", tried.as_uri())  # fmt: skip
        pictures.append(image.imread(picture))
    assert np.array_equal(*pictures)
