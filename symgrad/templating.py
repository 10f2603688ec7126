"""Find the templates, wherever symgrad was put, and give them to Jinja.

Given folders of the user's own, returns the environment that prints modules.  Invariant: a
checkout, an editable install, a wheel, a source distribution and a zip print the same bytes.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from os import PathLike
from typing import TYPE_CHECKING

from symgrad.errors import TemplateError

if TYPE_CHECKING:
    from jinja2 import Environment

MARKER = "numpy/module.py.jinja"


@lru_cache(maxsize=8)
def environment(*user_folders: str | PathLike[str], escape: bool = False) -> Environment:
    """Return the Jinja environment that looks in ``user_folders`` first, then in ours.

    A name that a template uses and nobody gave is an error, not an empty string.  ``escape`` is
    for HTML: text that a template prints is escaped unless it is marked as safe.
    """
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, FunctionLoader, StrictUndefined

    ours = templates()
    loaders = [*map(FileSystemLoader, user_folders), FunctionLoader(lambda name: read(ours, name))]
    return Environment(
        loader=ChoiceLoader(loaders),
        undefined=StrictUndefined,
        autoescape=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def templates() -> Traversable:
    """Return the folder of our templates: inside the package, or beside it in a checkout."""
    places = possible_places(files("symgrad"))
    for folder in places:
        if folder.joinpath(MARKER).is_file():
            return folder
    looked = " and ".join(str(folder) for folder in places)
    raise TemplateError(
        f"symgrad found no template {MARKER} in {looked}.  Install symgrad again, "
        "or keep the folder `templates` beside the folder `symgrad` of the checkout."
    )


def possible_places(package: Traversable) -> list[Traversable]:
    """List where templates can be; only real folders and zips have something beside them."""
    beside: Traversable | None = getattr(package, "parent", None)
    return [folder.joinpath("templates") for folder in (package, beside) if folder is not None]


def read(folder: Traversable, name: str) -> tuple[str, str, None] | None:
    """Return a template's text and place, or None, which makes Jinja say what is missing.

    A folder inside a zip is no path, so Jinja's own loaders cannot read it.
    """
    from jinja2.loaders import split_template_path

    file = folder.joinpath(*split_template_path(name))
    return (file.read_text(encoding="utf-8"), str(file), None) if file.is_file() else None
