"""Every graph that any stage makes is checked; golden files can be accepted as they now are."""

from pathlib import Path

import pytest

import symgrad.graph

symgrad.graph.CHECKED = True

GOLDEN = Path(__file__).with_name("golden")


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write tests/golden/ anew instead of comparing; then read what changed",
    )


@pytest.fixture
def compare(request):
    """Return the comparison of a text with its golden file."""

    def compare(name, text):
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.exists(), f"no golden file {name}: run pytest --update-golden, then read it"
        kept = path.read_text(encoding="utf-8")
        assert text == kept, f"{name} changed: if you meant it, run pytest --update-golden"

    return compare
