"""``--set loss=squared``: a spec with some of its keys changed, checked again."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from symgrad.errors import SpecError
from symgrad.spec.reading import Spec, checked, written
from symgrad.spec.validation import shown

NAMED = {"loss", "optimizer", "init", "schedule"}  # a name alone stands for a table with `name`


def override(spec: Any, settings: Sequence[str]) -> Spec:
    """Return the spec with settings such as ``loss=squared`` or ``layers.0.units=16``.

    A setting is a key's path, ``=`` and a value as in TOML; a text needs no quotes.  The number
    after a list's last appends to it.  Raises `SpecError` for what the changed spec must not say.
    """
    before, origin, folder = written(spec)
    if isinstance(settings, str):
        settings = [settings]
    given = copy.deepcopy(dict(before))
    for setting in settings:
        path, equals, text = setting.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise SpecError(f'--set "{shown(setting)}": write KEY=VALUE, such as layers.0.units=16')
        put(given, keys, value_of(text.strip(), setting), setting)
    return checked(given, origin, folder)


def value_of(text: str, setting: str) -> Any:
    """Return a value as TOML reads it; what TOML does not read is a text."""
    if not text:
        raise SpecError(f'--set "{shown(setting)}": there is no value after `=`')
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return found["value"] if len(found) == 1 else text


def put(given: Any, keys: Sequence[str], value: Any, setting: str) -> None:
    """Set the entry that ``keys`` lead to, making tables on the way."""
    for k, key in enumerate(keys):
        is_last = k == len(keys) - 1
        if isinstance(given, list):
            given = into_list(given, key, value, is_last, setting)
        elif isinstance(given, dict):
            given = into_table(given, key, value, is_last)
        else:
            here = shown(".".join(keys[:k]))
            raise SpecError(f'--set "{shown(setting)}": `{here}` has no parts')


def into_table(given: dict[str, Any], key: str, value: Any, is_last: bool) -> Any:
    if is_last:
        given[key] = value
        return None
    if key in NAMED and isinstance(given.get(key), str):
        given[key] = {"name": given[key]}
    if isinstance(given.get(key), tuple):
        given[key] = list(given[key])
    elif isinstance(given.get(key), Mapping):
        given[key] = dict(given[key])
    return given.setdefault(key, {})


def into_list(given: list[Any], key: str, value: Any, is_last: bool, setting: str) -> Any:
    if not key.isdecimal() or int(key) > len(given):
        raise SpecError(
            f'--set "{shown(setting)}": `{shown(key)}` is no entry of a list of {len(given)}; '
            "the first is 0"
        )
    if int(key) == len(given):
        given.append(value if is_last else {})
    elif is_last:
        given[int(key)] = value
    return given[int(key)]
