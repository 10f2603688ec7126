"""What the lectures share: the list of what a document holds, and a page that keeps to it.

    python examples/lectures/cs109a.py [folder]

writes `folder/cs109a.html`; without a folder, `pages/cs109a.html` under the current one.

Beside each script stands its list, `<script>.csv`, made by reading the document line by line.
It has one row for each thing that the document shows, in the document's order:

place    where it stands: the number of a slide, the number or name of a section
kind     example, table, formula, figure or code; `words` for a place that only talks, and `lost`
         for a picture that cannot be made again from the text
title    what it is; of words and lost pictures, why nothing is shown
numbers  the numbers printed there, as printed, with blanks between them

A script goes through its list: `begin` takes the next row and nothing else, `prints` asserts one
number of the row, and `finish` writes the page, or raises if a row or a number was left out.
"""

import csv
import inspect
import io
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import symgrad
from symgrad.study.pages import Page

matplotlib.use("svg")

SHOWN = ("example", "table", "formula", "figure", "code")
WIDE = 1150  # pixels: a wider picture is hard to read on a page
INK = "#010203"  # in a plot: the colour of the page's text, which dark mode changes


@dataclass(frozen=True)
class Row:
    """One row of a document's list."""

    place: str
    kind: str
    title: str
    numbers: tuple[str, ...]

    @property
    def heading(self) -> str:
        return f"{self.place[0].upper()}{self.place[1:]}, {self.kind}: {self.title}"


def read_list(script: str | Path) -> list[Row]:
    """Return what the document of a script holds."""
    with open(Path(script).with_suffix(".csv"), encoding="utf-8", newline="") as file:
        return [
            Row(r["place"], r["kind"], r["title"], tuple(r["numbers"].split()))
            for r in csv.DictReader(file, strict=True)
        ]


class Lecture(Page):
    """A page that shows every row of a document's list, once and in order."""

    def __init__(self, script: str, title: str, lead: str):
        super().__init__(title, lead)
        self.source = Path(script)
        self.rows = read_list(script)
        self.to_come = [row for row in self.rows if row.kind in SHOWN]
        self.unread: list[str] = []
        self.place = ""
        self.slips: list[tuple[str, str, str]] = []

    def begin(self, place: str, kind: str) -> None:
        """Begin the next row of the list, which must be this one."""
        self._close()
        row = self.to_come.pop(0)
        assert (row.place, row.kind) == (place, kind), f"the list goes on with {row.heading}"
        self.unread = list(row.numbers)
        self.place = place
        self.blocks.append(Markup('<h3 class="entry">{}</h3>').format(row.heading))

    def prints(self, number: str, value: float, exact: object = None) -> None:
        """Assert that a printed number is this value, to the digits printed.

        ``exact`` is the value once more, by mpmath, and must agree to 11 digits.  It is needed for
        a number that is printed as a formula, `exp(-9)`.
        """
        self.unread.remove(number)
        assert is_printed(number, value, exact), f"{number} is printed for {value!r}"

    def prints_all(self, numbers: str, *values: float) -> None:
        """Assert some printed numbers, with blanks between them."""
        for number, value in zip(numbers.split(), values, strict=True):
            self.prints(number, value)

    def prints_single(self, number: str, value: float) -> None:
        """Assert that a number of single precision is this value, to six decimals."""
        self.unread.remove(number)
        assert str(float(np.float32(number))) == number, f"{number} is not of single precision"
        assert round(value, 6) == round(float(number), 6), f"{number} is printed for {value!r}"

    def misprints(self, number: str, value: float, exact: object = None) -> None:
        """Assert that a printed number is wrong: the value is not what was printed."""
        self.unread.remove(number)
        assert not is_printed(number, value, exact), f"{number} is right for {value!r}"

    def judge(
        self,
        fn: Callable,
        claim: str | Callable,
        wrt: str | Sequence[str],
        args: tuple,
        right: bool = True,
        show: bool = True,
    ) -> None:
        """Show a claim about a gradient with the judge's verdict, which must be ``right``.

        The claim is NumPy code, LaTeX, or a function that computes the gradient; without ``show``
        it stands on the page already.
        """
        verdict = symgrad.compare(fn, claim, wrt, args)
        assert bool(verdict) == right, f"{claim}\n{verdict}"
        if show and isinstance(claim, str) and "\\" in claim:
            self.formula(claim)
        elif show:
            self.code((inspect.getsource(claim) if callable(claim) else claim).strip("\n"))
        self.add(verdict)

    def slip(self, printed: str, verdict: str, corrected: str) -> None:
        """Show a slip of the document: as printed, what is said of it, and corrected."""
        self.slips.append((self.place, f"`{printed}`", f"`{corrected}`"))
        self.note(f"Printed: `{printed}`", f"A slip. {verdict}", f"Right: `{corrected}`")

    def finish(self) -> Path:
        """Write the page, once everything was shown; return its path."""
        self._close()
        assert not self.to_come, f"not shown: {[row.heading for row in self.to_come]}"
        if self.slips:
            self.section("Slips of the document")
            rows = [(place.replace(" ", "\u00a0"), *rest) for place, *rest in self.slips]
            self.table(["place", "printed", "right"], rows)
        self._name_the_rest()
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else "pages")
        folder.mkdir(parents=True, exist_ok=True)
        path = self.save(folder / f"{self.source.stem}.html")
        numbers = sum(len(row.numbers) for row in self.rows)
        shown = sum(row.kind in SHOWN for row in self.rows)
        print(f"{path}: {shown} entries, {numbers} printed numbers asserted")
        return path

    def _close(self) -> None:
        assert not self.unread, f"printed but not asserted: {self.unread}"

    def _name_the_rest(self) -> None:
        rest = [row for row in self.rows if row.kind not in SHOWN]
        if rest:
            self.section("What is not shown")
            self.text("Places of the document that only talk, and pictures its text does not keep.")
            self.points(*(f"{row.place} ({row.kind}): {row.title}" for row in rest))


def is_printed(number: str, value: float, exact: object = None) -> bool:
    """Return whether ``value``, rounded as ``number`` is, is ``number``, and is ``exact``."""
    if exact is not None and abs(value - exact) > 1e-11 * abs(exact):
        return False
    try:
        printed = Decimal(number)
    except InvalidOperation:  # a formula
        assert exact is not None, f"what is {number}?"
        return True
    half = Decimal((0, (5,), int(printed.as_tuple().exponent) - 1))
    return abs(Decimal(value) - printed) <= half


def plotted(figure: Figure, alt: str) -> str:
    """Return a plot as SVG: the same bytes on every run, legible on a light and a dark page."""
    text = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "symgrad"}):
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    root = ET.fromstring(text.getvalue().replace(INK, "currentColor"))
    for parent in list(root.iter()):
        for style in parent.findall("{*}style"):  # it would reach every picture of the page
            parent.remove(style)
    root.set("role", "img")
    root.set("aria-label", alt)
    return ET.tostring(root, encoding="unicode")


PLOT = {
    "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK,
    "xtick.color": INK, "ytick.color": INK, "font.family": "sans-serif",
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "axes.prop_cycle": matplotlib.cycler(color=["#2f81f7", "#d9730d", "#2da44e", "#bf4b8a"]),
    "figure.constrained_layout.use": True,
}  # fmt: skip
matplotlib.rcParams.update(PLOT)


def curves(x: str, y: str, wide: float = 5.2, high: float = 3.2) -> tuple[Figure, Axes]:
    """Return an empty plot with these names at its axes."""
    figure = Figure(figsize=(wide, high))
    axes = figure.add_subplot(xlabel=x, ylabel=y)
    return figure, axes
