"""Checkpoints: everything a run needs to go on, in one NPZ file that needs no pickle.

Given the state of a run, write it in one step; given a file, return the state or refuse it by
name.  Invariant: what is read is exactly what was written, or an error.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.errors import CheckpointError, SpecError

FORMAT, VERSION = "symgrad checkpoint", 1


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write ``state``, nested dicts and lists of arrays, numbers and words, in one step.

    A reader, or a run that was killed, finds the file as it was before or as it is now.
    """
    arrays: dict[str, Any] = {}
    header = {"format": FORMAT, "version": VERSION, "state": _packed(state, arrays)}
    header["digest"] = digest(header, arrays)
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    packed = io.BytesIO()
    np.savez(packed, header=text, **arrays)
    replace_file(path, packed.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return what `save_checkpoint` wrote.

    Raises CheckpointError for a file that is damaged, of another version, or no checkpoint.
    """
    members = read_members(path, "checkpoint")
    header = _header(path, members)
    arrays = {name: members[name] for name in members if name != "header"}
    kept = header.pop("digest", None)
    if kept != digest(header, arrays):
        raise CheckpointError(f"{path} is damaged: its contents are not what was written")
    state: dict[str, Any] = _unpacked(header["state"], arrays)
    return state


def read_members(path: Path, what: str) -> dict[str, Any]:
    """Return the arrays of an NPZ file; raise CheckpointError where it cannot be read as ``what``.

    Nothing in it is executed.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise CheckpointError(f"there is no {what} {path}") from None
    except Exception as error:  # of a damaged archive zipfile and NumPy may raise anything
        raise CheckpointError(
            f"{path} cannot be read: {error}.  It is damaged, or no {what}: delete it, or name "
            "another"
        ) from None


def is_checkpoint(path: Path) -> bool:
    """Return whether a file is a checkpoint of ours, whole or not."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return content.startswith(b"PK") and FORMAT.encode() in content  # what is stored is not packed


def _header(path: Path, members: Mapping[str, Any]) -> dict[str, Any]:
    try:
        header = json.loads(members["header"].tobytes())
        format, version = header["format"], header["version"]
    except (KeyError, ValueError, TypeError):
        format = version = None
    if format != FORMAT:
        raise CheckpointError(f"{path} is no checkpoint of symgrad's")
    if version != VERSION:
        raise CheckpointError(
            f"{path} has version {version} of the format, this symgrad reads version {VERSION}"
        )
    return dict(header)


def _packed(value: Any, arrays: dict[str, Any]) -> Any:
    """Return a value as JSON, its arrays put aside by number."""
    if isinstance(value, (np.ndarray, np.generic)):
        name = f"a{len(arrays)}"
        arrays[name] = np.asarray(value)
        return {"array": name}
    if isinstance(value, Mapping):
        return {"dict": [[key, _packed(part, arrays)] for key, part in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_packed(part, arrays) for part in value]
    return value


def _unpacked(value: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        return {key: _unpacked(part, arrays) for key, part in value["dict"]}
    if isinstance(value, list):
        return [_unpacked(part, arrays) for part in value]
    return value


def digest(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """Return what a file's header and arrays come to; a changed bit gives another."""
    found = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file through a temporary one beside it, and on to the disk."""
    path = path.resolve()
    if not path.parent.is_dir():
        raise SpecError(f"{path.parent}/ does not exist: make the folder first, or write elsewhere")
    half = path.with_name(f".{path.name}.tmp")  # the same after every kill, so that none pile up
    try:
        with open(half, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)  # or a loss of power may forget the new name
        finally:
            os.close(folder)
