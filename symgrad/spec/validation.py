"""Hold a value against the schema: return it with its defaults, or say what is wrong and where.

Given plain data (as TOML or JSON holds it) and the declaration in `schema`.  Invariant: an error
names the key by its path, what was found and what is allowed.
"""

from __future__ import annotations

import copy
import datetime
import math
import numbers
import re
from collections.abc import Callable, Mapping
from typing import Any

from symgrad.errors import SpecError, did_you_mean
from symgrad.spec.schema import SCHEMA, Schema

DEEPEST = 24
LONGEST = 60

Path = tuple[str | int, ...]


def validated(value: Any, schema: Schema = SCHEMA, path: Path = ()) -> Any:
    """Return ``value`` with the defaults of ``schema``, or raise `SpecError` at the first fault."""
    if len(path) > DEEPEST:
        raise fault(path, "is nested too deep", "does it contain itself?")
    schema = resolved(schema)
    if "anyOf" in schema:
        return validated(value, alternative(value, schema, path), path)
    if "const" in schema:
        return value
    kind = schema["type"]
    if kind_of(value) != kind and not (kind == "number" and kind_of(value) == "integer"):
        raise fault(path, f"is {found(value)}", f"it must be {allowed(schema)}")
    return CHECKS[kind](value, schema, path)


def resolved(schema: Schema) -> Schema:
    """Return the schema that a reference stands for."""
    name = schema.get("$ref")
    return SCHEMA["$defs"][name.rpartition("/")[2]] if name else schema


def fault(path: Path, what: str, cure: str) -> SpecError:
    return SpecError(f"{place(path)} {what}: {cure}")


def place(path: Path) -> str:
    """Return how a message names a key: as `--set` does."""
    return f"`{'.'.join(shown(str(part)) for part in path)}`" if path else "the spec"


def shown(word: str) -> str:
    """Return a word of the user's as a message may quote it: printable and short."""
    plain = "".join(c if c.isprintable() and c != "`" else "?" for c in word)
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 3] + "..."


# --- what was found, and what is allowed ----------------------------------------------------------

KINDS: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "string": (str,),
    "integer": (numbers.Integral,),
    "number": (numbers.Real,),
    "array": (list, tuple),
    "object": (Mapping,),
}
WORDS = {
    "boolean": "true or false",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a table",
}


def kind_of(value: Any) -> str | None:
    return next((kind for kind, types in KINDS.items() if isinstance(value, types)), None)


def found(value: Any) -> str:
    """Return what a value is, in the words of a message."""
    match kind_of(value):
        case "string":
            return f'"{shown(value)}"'
        case "boolean":
            return str(value).lower()
        case "integer" | "number":
            return shown(big(value))
        case "array":
            return f"a list of {len(value)}"
        case "object":
            keys = ", ".join(shown(str(key)) for key in list(value)[:3])
            return f"a table ({keys})" if keys else "an empty table"
    if isinstance(value, (datetime.date, datetime.time)):
        return "a date"
    return "nothing" if value is None else f"a {type(value).__name__}"


def big(value: Any) -> str:
    """Return a number as text; Python refuses to write out the longest integers."""
    is_long = isinstance(value, numbers.Integral) and abs(int(value)) > 10**100
    return "a number of many digits" if is_long else f"{value}"


def allowed(schema: Schema) -> str:
    """Return what a schema allows, in the words of a message."""
    schema = resolved(schema)
    if "anyOf" in schema:
        words = [allowed(each) for each in schema["anyOf"]]
        return " or ".join(dict.fromkeys(words))
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    kind = schema["type"]
    if kind == "object":
        needed = ", ".join(schema.get("required", ()))
        return f"a table with {needed}" if needed else "a table"
    if kind == "array":
        least = schema.get("minItems", 0)
        return f"a list of {least} or more" if least else "a list"
    return WORDS[kind] + limits(schema)


def limits(schema: Schema) -> str:
    words = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
    }
    given = [text.format(schema[key]) for key, text in words.items() if key in schema]
    return f", {' and '.join(given)}" if given else ""


# --- which of several -----------------------------------------------------------------------------


def alternative(value: Any, schema: Schema, path: Path) -> Schema:
    """Return the one schema of several that ``value`` is meant for."""
    kind = kind_of(value)
    options = [resolved(each) for each in schema["anyOf"]]
    fit = [
        each for each in options
        if each["type"] == kind or (each["type"] == "number" and kind == "integer")
    ]  # fmt: skip
    if not fit:
        raise fault(path, f"is {found(value)}", f"it must be {expected(schema)}")
    return fit[0] if kind != "object" else told_apart(value, fit, schema, path)


def expected(schema: Schema) -> str:
    """Return what may stand here, tables by the names that tell them apart."""
    rule = schema.get("discriminator")
    if rule is None:
        return allowed(schema)
    word = rule["propertyName"]
    plain = [allowed(each) for each in schema["anyOf"] if resolved(each)["type"] != "object"]
    return " or ".join([*plain, f"a table with `{word}`, one of {', '.join(kinds(schema))}"])


def kinds(schema: Schema) -> list[str]:
    word = schema["discriminator"]["propertyName"]
    tables = [resolved(each) for each in schema["anyOf"]]
    return [each["properties"][word]["const"] for each in tables if each["type"] == "object"]


def told_apart(value: Any, fit: list[Schema], schema: Schema, path: Path) -> Schema:
    """Return the schema of a table by the key that says which kind it is."""
    rule = schema.get("discriminator", {"propertyName": "name"})
    word = rule["propertyName"]
    if len(fit) == 1 and word not in fit[0]["properties"]:
        return fit[0]
    known = [each["properties"][word]["const"] for each in fit]
    kind = value.get(word, rule.get("default"))
    if kind is None:
        raise fault((*path, word), "is missing", f"it must be one of {', '.join(known)}")
    if not isinstance(kind, str) or kind not in known:
        close = did_you_mean(kind, known) if isinstance(kind, str) else ""
        cure = f"it must be one of {', '.join(known)}"
        raise fault((*path, word), f"is {found(kind)}", cure + close)
    return fit[known.index(kind)]


# --- each kind of value ---------------------------------------------------------------------------


def check_text(value: str, schema: Schema, path: Path) -> str:
    names = schema.get("enum")
    if names is not None and value not in names:
        close = did_you_mean(value, names)
        raise fault(path, f"is {found(value)}", f"it must be one of {', '.join(names)}{close}")
    short, long = schema.get("minLength", 0), schema.get("maxLength", 10_000)
    if not short <= len(value) <= long:
        raise fault(path, f"has {len(value)} characters", f"it may have {short} to {long}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        raise fault(path, f"is {found(value)}", f"it must be {schema['description']}")
    return str(value)


def check_number(value: Any, schema: Schema, path: Path) -> Any:
    is_whole = schema["type"] == "integer"
    try:
        finite = math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        finite = is_whole
    beyond = [
        "minimum" in schema and not value >= schema["minimum"],
        "exclusiveMinimum" in schema and not value > schema["exclusiveMinimum"],
        "maximum" in schema and not value <= schema["maximum"],
        "exclusiveMaximum" in schema and not value < schema["exclusiveMaximum"],
    ]
    if not finite or any(beyond):
        finitely = "" if finite else ", and finite"
        raise fault(path, f"is {found(value)}", f"it must be {allowed(schema)}{finitely}")
    return int(value) if is_whole else float(value)


def check_list(value: Any, schema: Schema, path: Path) -> list[Any]:
    least = schema.get("minItems", 0)
    if len(value) < least:
        raise fault(path, f"is {found(value)}", f"it must be {allowed(schema)}")
    items = [validated(each, schema["items"], (*path, k)) for k, each in enumerate(value)]
    if schema.get("uniqueItems"):
        for k, item in enumerate(items):
            if item in items[:k]:
                raise fault((*path, k), f"is {found(item)} again", "each may stand there once")
    return items


def check_table(value: Mapping[Any, Any], schema: Schema, path: Path) -> dict[str, Any]:
    properties: dict[str, Schema] = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for key in value:
        if key not in properties:
            check_key(key, schema, path, list(properties), bool(others))
    for key in schema.get("required", ()):
        if key not in value:
            what = resolved(properties[key])
            raise fault((*path, key), "is missing", f"{schema['title']} needs it, {expected(what)}")
    filled = {
        key: validated(each, properties.get(key, others or {}), (*path, key))
        for key, each in value.items()
    }
    defaults = {k: each["default"] for k, each in properties.items() if "default" in each}
    return {**copy.deepcopy(defaults), **filled}


def check_key(key: Any, schema: Schema, path: Path, known: list[str], any_name: bool) -> None:
    here = (*path, key)
    if not any_name:
        close = did_you_mean(key, known) if isinstance(key, str) else ""
        close = close or elsewhere(key, schema)
        cure = f"{schema['title']} has {', '.join(known)}"
        raise fault(here, f"is no key{close}", cure)
    pattern = schema["propertyNames"]["pattern"]
    if not isinstance(key, str) or not re.search(pattern, key):
        raise fault(here, "is no name", "letters, digits and underscores, no digit first")


def elsewhere(key: Any, schema: Schema) -> str:
    """Return a hint if one of the tables of a table has such a key: `lr` is `optimizer.lr`."""
    for name, each in schema.get("properties", {}).items():
        inner = resolved(each)
        if any(key in resolved(one).get("properties", {}) for one in inner.get("anyOf", [inner])):
            return f" (did you mean `{name}.{key}`?)"
    return ""


CHECKS: dict[str, Callable[..., Any]] = {
    "boolean": lambda value, schema, path: bool(value),
    "string": check_text,
    "integer": check_number,
    "number": check_number,
    "array": check_list,
    "object": check_table,
}
