"""Pages: what is put on them is there, escaped, in order, and complete without a server."""

from html.parser import HTMLParser

import pytest

from symgrad.study.pages import Page, with_own_ids

HOSTILE = '<script>alert(1)</script> {{ 7 * 7 }} & "quoted" </pre>'
CIRCLE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" role="img" aria-labelledby="t">'
    '<title id="t">A circle</title><defs><marker id="tip"/></defs>'
    "<style>.a { marker-end: url(#tip); fill: #fff }</style>"
    '<path class="a" d="M0 0" marker-end="url(#tip)"/><a href="#t">x</a></svg>'
)


class Seen(HTMLParser):
    """What a browser would see: tags in order, ids, and text by tag."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.ids, self.words = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.ids += [value for name, value in attributes if name == "id"]
        for name, value in attributes:
            if name in ("src", "href"):
                assert not (value or "").startswith(("http:", "https:", "//")), value

    def handle_data(self, data):
        self.words.append(data)


def whole_page():
    page = Page(HOSTILE, HOSTILE)
    page.section(HOSTILE)
    page.heading(HOSTILE)
    page.text(HOSTILE, f"`{HOSTILE}`")
    page.points(HOSTILE)
    page.note(HOSTILE)
    page.code(HOSTILE)
    page.add(HOSTILE)
    page.figure(CIRCLE, HOSTILE)
    page.figure(CIRCLE)
    page.folded(HOSTILE, HOSTILE)
    page.image(b"no picture", HOSTILE, HOSTILE)
    page.table([HOSTILE], [[HOSTILE]], HOSTILE)
    return page


def test_nothing_that_is_shown_is_taken_for_markup():
    seen = Seen(whole_page().html)
    assert "script" not in seen.tags
    assert seen.words.count(HOSTILE) >= 10


def test_ids_are_unique_although_a_picture_is_shown_twice():
    seen = Seen(whole_page().html)
    assert len(seen.ids) == len(set(seen.ids))
    assert {"picture1-t", "picture2-t"} <= set(seen.ids)


def test_a_pictures_references_follow_its_ids_and_its_colours_stay():
    text = with_own_ids(CIRCLE, "p-")
    assert text.count("url(#p-tip)") == 2
    assert 'aria-labelledby="p-t"' in text
    assert 'href="#p-t"' in text
    assert "#fff" in text


def test_the_contents_lead_to_the_sections():
    page = Page("Title")
    page.section("First")
    page.section("Second")
    seen = Seen(page.html)
    assert [e.heading for e in page.contents] == ["First", "Second"]
    assert {e.anchor for e in page.contents} <= set(seen.ids)


def test_what_shows_itself_is_shown_as_it_says():
    class Table:
        def _repr_html_(self):
            return "<table><tr><td>1</td></tr></table>"

    page = Page("Title")
    page.add(Table(), "A `caption`")
    assert "<table><tr><td>1</td></tr></table>" in page.html
    assert "<code>caption</code>" in page.html


def test_a_page_is_saved_in_one_file(tmp_path):
    path = whole_page().save(tmp_path / "page.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("text", ["one ` backtick", "`a` and `"])
def test_a_single_backtick_is_a_backtick(text):
    page = Page("Title")
    page.text(text)
    assert text in page.html


def test_a_table_shows_formulas_and_code():
    page = Page("Title")
    page.table(["$x_1$", "costs 3 $"], [["`a * b`", 2.5]], "A caption")
    shown = page.html
    assert "<math><mrow><msub><mi>x</mi><mn>1</mn></msub></mrow></math></th>" in shown
    assert "costs 3 $</th>" in shown
    assert "<td><code>a * b</code></td><td>2.5</td>" in shown
    assert "<caption>A caption</caption>" in shown


def test_a_formula_stands_on_a_line_of_its_own():
    page = Page("Title")
    page.formula(r"\frac{a}{b}")
    assert '<math display="block"><mrow><mfrac>' in page.html


def test_a_link_inside_a_picture_is_one_that_html_knows():
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink">'
        '<path id="m" d="M0 0"/><use l:href="#m"/></svg>'
    )
    assert 'xlink:href="#p-m"' in with_own_ids(svg, "p-")


def test_the_look_of_line_numbers_does_not_reach_tables():
    rules = Page("").html.partition("<style>")[2].partition("</style>")[0]
    assert ".code .number {" in rules
    assert "\n.number" not in rules
