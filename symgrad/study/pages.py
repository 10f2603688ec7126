"""One HTML page: headings, text, code, tables, pictures; self-contained, without a server.

Given what to show in order, return the page.  Invariant: what comes from a user is escaped; only
what our own writers made (``_repr_html_``, ``_repr_svg_``) is taken over as it is, each picture
with ids of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup, escape

from symgrad.study.typeset import typeset
from symgrad.templating import environment

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the contents: a heading and the anchor it has."""

    heading: str
    anchor: str


@dataclass(slots=True)
class Page:
    """A page that is written from top to bottom."""

    title: str
    lead: str = ""
    blocks: list[Markup] = field(default_factory=list)
    contents: list[Entry] = field(default_factory=list)
    script: Markup = field(default_factory=Markup)
    _pictures: int = 0

    def section(self, heading: str) -> None:
        """Begin a section; it gets a line in the contents."""
        anchor = f"section-{len(self.contents) + 1}"
        self.contents.append(Entry(heading, anchor))
        self.blocks.append(Markup('<h2 id="{}">{}</h2>').format(anchor, heading))

    def heading(self, text: str) -> None:
        """Begin a part of a section."""
        self.blocks.append(Markup("<h3>{}</h3>").format(text))

    def text(self, *paragraphs: str) -> None:
        """Add paragraphs; what stands between backticks is code."""
        for paragraph in paragraphs:
            self.blocks.append(Markup("<p>{}</p>").format(with_code(paragraph)))

    def points(self, *items: str) -> None:
        """Add a list."""
        inside = Markup("").join(Markup("<li>{}</li>").format(with_code(i)) for i in items)
        self.blocks.append(Markup("<ul>{}</ul>").format(inside))

    def note(self, *paragraphs: str) -> None:
        """Add a remark that stands out, such as a slip in the source and its correction."""
        inside = Markup("").join(Markup("<p>{}</p>").format(with_code(p)) for p in paragraphs)
        self.blocks.append(Markup("<aside>{}</aside>").format(inside))

    def code(self, text: str) -> None:
        """Add program text or output."""
        self.blocks.append(Markup("<pre>{}</pre>").format(text.rstrip("\n")))

    def formula(self, tex: str) -> None:
        """Add a formula on a line of its own, given as LaTeX."""
        self.blocks.append(Markup('<div class="formula">{}</div>').format(typeset(tex)))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> None:
        """Add a table of texts; what stands between dollars is LaTeX, between backticks code."""
        said = Markup("<caption>{}</caption>").format(with_code(caption)) if caption else ""
        top = Markup("").join(Markup('<th scope="col">{}</th>').format(with_math(h)) for h in head)
        body = Markup("\n").join(
            Markup("<tr>{}</tr>").format(
                Markup("").join(Markup("<td>{}</td>").format(with_math(str(x))) for x in row)
            )
            for row in rows
        )
        self.blocks.append(
            Markup(
                '<div class="scroll"><table>{}<thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
                "</div>"
            ).format(said, top, body)
        )

    def add(self, thing: Any, caption: str = "") -> None:
        """Add what shows itself: by ``_repr_svg_``, ``_repr_html_`` or as text."""
        svg = getattr(thing, "_repr_svg_", None)
        if svg is not None:
            self.figure(svg(), caption)
            return
        html = getattr(thing, "_repr_html_", None)
        if html is None:
            self.code(str(thing))
            return
        said = Markup("<p>{}</p>").format(with_code(caption)) if caption else Markup("")
        self.blocks.append(said + Markup('<div class="scroll">{}</div>').format(Markup(html())))

    def figure(self, svg: str, caption: str = "") -> None:
        """Add a picture, given as SVG."""
        self._pictures += 1
        drawn = Markup(with_own_ids(svg, f"picture{self._pictures}-"))
        said = Markup("<figcaption>{}</figcaption>").format(with_code(caption))
        self.blocks.append(
            Markup("<figure>{}{}</figure>").format(drawn, said if caption else Markup(""))
        )

    def image(self, png: bytes, alt: str, caption: str = "") -> None:
        """Add a picture given as the bytes of a PNG."""
        import base64

        data = base64.b64encode(png).decode("ascii")
        picture = Markup('<img alt="{}" src="data:image/png;base64,{}">').format(alt, data)
        said = Markup("<figcaption>{}</figcaption>").format(with_code(caption))
        self.blocks.append(
            Markup("<figure>{}{}</figure>").format(picture, said if caption else Markup(""))
        )

    def folded(self, summary: str, *things: Any) -> None:
        """Add what is shown on request, and always in print."""
        inside = Page("")
        inside._pictures = self._pictures
        for thing in things:
            inside.add(thing)
        self._pictures = inside._pictures
        body = Markup("\n").join(inside.blocks)
        self.blocks.append(
            Markup("<details><summary>{}</summary>{}</details>").format(with_code(summary), body)
        )

    @property
    def html(self) -> str:
        """The whole page as text."""
        return environment(escape=True).get_template("study/page.html.jinja").render(page=self)

    def _repr_html_(self) -> str:
        return str(Markup("\n").join(self.blocks))

    def save(self, path: str | Path) -> Path:
        """Write the page to a file and return its path."""
        path = Path(path)
        path.write_text(self.html, encoding="utf-8", newline="\n")
        return path


def bare_page(title: str, style: str, body: str) -> str:
    """Return a whole page of one thing that our own writers made, with its style."""
    template = environment(escape=True).get_template("study/bare.html.jinja")
    return template.render(title=title, style=Markup(style), body=Markup(body))


def with_code(text: str) -> Markup:
    """Return text, escaped, with what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if k % 2 else escape(part)
        for k, part in enumerate(parts)
    )


def with_math(text: str) -> Markup:
    """Return text, escaped, with what stands between dollars as a formula, backticks as code."""
    parts = text.split("$")
    if len(parts) % 2 == 0:
        return with_code(text)
    return Markup("").join(
        typeset(part, display=False) if k % 2 else with_code(part) for k, part in enumerate(parts)
    )


def with_own_ids(svg: str, prefix: str) -> str:
    """Return a picture whose ids, and what refers to them, begin with ``prefix``.

    A page may hold a picture several times; ids must be unique in it.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)  # HTML knows it by this prefix alone
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, prefix + value)
            elif name in ("aria-labelledby", "aria-describedby"):
                element.set(name, " ".join(prefix + word for word in value.split()))
            elif name.endswith("href") and value.startswith("#"):
                element.set(name, f"#{prefix}{value[1:]}")
            elif "url(#" in value:
                element.set(name, value.replace("url(#", f"url(#{prefix}"))
        if element.tag == f"{{{SVG}}}style" and element.text:
            element.text = element.text.replace("url(#", f"url(#{prefix}")
    return ElementTree.tostring(root, encoding="unicode")
