"""A spec as it was written, in TOML, JSON or a dict, becomes a checked `Spec`.

Invariant: a `Spec` that exists is valid, and has a value for every key that has a default.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from symgrad.errors import SpecError, did_you_mean
from symgrad.spec.consistency import check_consistency
from symgrad.spec.schema import TITLE
from symgrad.spec.validation import validated

MOST_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Spec:
    """A checked spec: ``content`` has the defaults, ``given`` is what was written.

    ``origin`` names it in messages and in the model's text; ``folder`` is where the files that it
    names are looked for.
    """

    content: Mapping[str, Any]
    given: Mapping[str, Any]
    origin: str
    folder: Path

    def __getitem__(self, key: str) -> Any:
        return self.content[key]

    def get(self, key: str, otherwise: Any = None) -> Any:
        return self.content.get(key, otherwise)

    @property
    def name(self) -> str:
        """What the model is called: by its spec, or by the spec's file."""
        stem = Path(self.origin).stem
        return str(self.content.get("name", stem if re.search(TITLE, stem) else "spec"))


def read(spec: Spec | Mapping[str, Any] | str | PathLike[str]) -> Spec:
    """Return the spec in a TOML or JSON file, or in a dict; raise `SpecError` if it is not one."""
    return spec if isinstance(spec, Spec) else checked(*written(spec))


def written(
    spec: Spec | Mapping[str, Any] | str | PathLike[str],
) -> tuple[Mapping[str, Any], str, Path]:
    """Return what a spec says, not yet checked, where it says it, and its folder."""
    if isinstance(spec, Spec):
        return spec.given, spec.origin, spec.folder
    if isinstance(spec, Mapping):
        return spec, "spec", Path()
    if not isinstance(spec, (str, PathLike)):
        raise SpecError(f"a spec is a file's name or a dict, not {type(spec).__name__}")
    path = Path(spec)
    return content_of(path), path.name, path.parent


def checked(given: Mapping[str, Any], origin: str, folder: Path) -> Spec:
    try:
        content = validated(given)
        check_consistency(content)
    except SpecError as error:
        raise SpecError(f"{origin}: {error}") from None
    return Spec(content, given, origin, folder)


def content_of(path: Path) -> Mapping[str, Any]:
    """Return what a file holds, as plain data."""
    if path.suffix.lower() not in READERS:
        close = did_you_mean(path.suffix.lower(), READERS)
        raise SpecError(f"{path.name}: a spec is a .toml or a .json file{close}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path.name}: it is not a text in UTF-8") from None
    if len(text) > MOST_CHARACTERS:
        raise SpecError(f"{path.name}: it has {len(text)} characters, too many for a spec")
    try:
        return READERS[path.suffix.lower()](text)  # type: ignore[no-any-return]
    except (ValueError, RecursionError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError) else error
        kind = path.suffix[1:].upper()
        raise SpecError(f"{path.name}: it is not valid {kind}: {why}") from None


def from_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is there twice")
        found[key] = value
    return found


READERS: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": from_json}
