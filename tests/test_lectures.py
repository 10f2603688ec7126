"""The lectures: each page shows all that its document has, once and in order, and stands alone.

A script asserts as it runs: every row of its list, and every number that its document prints.
What is tested here is the page that it leaves, and that the list itself can be trusted.
"""

import csv
import os
import re
import subprocess
import sys
import textwrap
import time
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.judge_corpus.lectures import PRINTED

LECTURES = Path(__file__).resolve().parent.parent / "examples" / "lectures"
SCRIPTS = sorted(path for path in LECTURES.glob("*.py") if path.with_suffix(".csv").exists())
SHOWN = ("example", "table", "formula", "figure", "code")
KINDS = (*SHOWN, "words", "lost")
HAS = {  # what stands on the page under an entry of this kind
    "table": r"<table",
    "formula": r"<math",
    "figure": r"<svg",
    "code": r"<pre",
    "example": r"<svg|<table|<math",
}
VOID = {"meta", "link", "br", "img", "hr", "input"}

ENTRIES = {
    "cs109a": 57, "deep_learning": 34, "fundamentals": 52, "inf721": 28, "introduction": 19,
}  # fmt: skip
DOCUMENTS = {"introduction": "001", "inf721": "003"}  # those with slips that are claims
SLIDES = {"cs109a": 72}


class Outcome(NamedTuple):
    page: str
    printed: str
    seconds: float
    folder: Path


def rows(path):
    with open(path.with_suffix(".csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def headings(path):
    """Return the headings that the page must have, in order."""
    for row in rows(path):
        if row["kind"] in SHOWN:
            place = row["place"]
            yield f"{place[0].upper()}{place[1:]}, {row['kind']}: {row['title']}", row["kind"]


class Page(HTMLParser):
    """The headings of a page's entries, what is still open, and what the page fetches."""

    def __init__(self, html):
        super().__init__()
        self.found, self.fetched, self.open, self.ids = [], [], [], []
        self.heading = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        if tag == "h3" and ("class", "entry") in attributes:
            self.heading = True
            self.found.append("")
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "data", "action", "srcset", "poster"):
                self.fetched.append(value or "")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.getpos())
        self.heading = self.heading and tag != "h3"

    def handle_data(self, data):
        if self.heading:
            self.found[-1] += data


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a lecture once, in a folder of its own, warnings being errors."""

    @cache
    def run(path: Path) -> Outcome:
        folder = tmp_path_factory.mktemp("anywhere")
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-W", "error", str(path), "out"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        page = (folder / "out" / f"{path.stem}.html").read_text(encoding="utf-8")
        return Outcome(page, done.stdout, time.perf_counter() - begun, folder)

    return run


every_lecture = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)


@every_lecture
def test_the_list_is_one_of_places_kinds_and_titles(path):
    found = rows(path)
    assert found
    for row in found:
        assert set(row) == {"place", "kind", "title", "numbers"}
        assert row["kind"] in KINDS
        assert row["place"] and row["title"]
        assert row["kind"] in SHOWN or not row["numbers"]
    named = [(row["place"], row["kind"], row["title"]) for row in found]
    assert len(named) == len(set(named))


@every_lecture
def test_the_list_has_so_many_entries(path):
    assert len(list(headings(path))) == ENTRIES[path.stem]


@pytest.mark.parametrize("name", SLIDES)
def test_every_slide_is_on_the_list(name):
    places = [row["place"] for row in rows(LECTURES / name)]
    numbers = [int(place.removeprefix("slide ")) for place in places]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, SLIDES[name] + 1))


@every_lecture
def test_the_page_shows_every_entry_once_and_in_order(run, path):
    assert Page(run(path).page).found == [heading for heading, _ in headings(path)]


@every_lecture
def test_under_each_entry_stands_what_it_says(run, path):
    _, *parts = run(path).page.split('<h3 class="entry">')
    for part, (heading, kind) in zip(parts, headings(path), strict=True):
        assert re.search(HAS[kind], part), heading


@every_lecture
def test_what_is_not_shown_is_named_with_its_reason(run, path):
    for row in rows(path):
        if row["kind"] not in SHOWN:
            assert f"<li>{row['place']} ({row['kind']}): " in run(path).page


@every_lecture
def test_the_page_stands_alone(run, path):
    page = run(path).page
    seen = Page(page)
    assert all(value.startswith(("#", "data:")) for value in seen.fetched)
    assert not re.search(r"@import|url\((?!#)", page)
    assert "<script" not in page
    assert not seen.open
    assert len(seen.ids) == len(set(seen.ids))
    assert len(page.encode()) < 1_000_000
    assert str(run(path).folder) not in page


@every_lecture
def test_every_picture_says_what_it_shows(run, path):
    for picture in re.findall(r"<svg[^>]*>", run(path).page):
        assert 'role="img"' in picture
        assert re.search(r'aria-label(ledby)?="[^"]+"', picture)


@every_lecture
def test_a_lecture_says_how_much_it_asserted(run, path):
    numbers = sum(len(row["numbers"].split()) for row in rows(path))
    entries = ENTRIES[path.stem]
    assert f"{entries} entries, {numbers} printed numbers asserted" in run(path).printed


@every_lecture
def test_a_lecture_takes_less_than_half_a_minute(run, path):
    assert run(path).seconds < 30


@every_lecture
def test_a_lecture_writes_its_page_and_nothing_else(run, path):
    folder = run(path).folder
    assert [file.name for file in folder.rglob("*") if file.is_file()] == [f"{path.stem}.html"]


def without_times(page):
    """Return a page without its tables of seconds, which no two runs share."""
    return re.sub(r"<table><caption>[^<]* measured when .*?</table>", "", page, flags=re.DOTALL)


@pytest.mark.slow
@every_lecture
def test_a_page_is_the_same_on_every_run(run, path, tmp_path):
    subprocess.run(
        [sys.executable, str(path), "."], cwd=tmp_path, capture_output=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    again = (tmp_path / f"{path.stem}.html").read_text(encoding="utf-8")
    assert without_times(again) == without_times(run(path).page)


@every_lecture
def test_a_lecture_is_in_cells(path):
    assert path.read_text(encoding="utf-8").count("# %%") > 5


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_known_slip_of_a_gradient_is_on_the_page_with_its_correction(run, name):
    page = run(LECTURES / f"{name}.py").page
    slips = [row for row in PRINTED if row.document == DOCUMENTS[name] and row.slip]
    assert slips
    shown = [
        " ".join(unescape(code).split()) for code in re.findall(r"<pre>(.*?)</pre>", page, re.S)
    ]
    for row in slips:
        for claim in (row.claim, row.corrected):
            assert any(" ".join(textwrap.dedent(claim).split()) in code for code in shown), claim
