"""What people pass as data, as columns by name: arrays, and files of them.

Given arrays, or paths to CSV, NPZ and NPY files, return arrays that share their first axis.
Invariant: a file of arrays that need not be unpacked is mapped into memory, never read whole.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.errors import DataError, did_you_mean
from symgrad.training.csv_files import MISSING, read_csv
from symgrad.training.file_arrays import FileArray

Columns = dict[str, Any]  # arrays whose first axis is the examples, and numbers that all share


def read_columns(
    data: Any, names: Sequence[str], missing: Sequence[str] = MISSING, source: str = "data"
) -> Columns:
    """Return data as columns.

    A tuple gets the ``names`` in turn; a dict, a CSV or NPZ file names its own.  A value may be
    the path of an NPY file, which is mapped into memory.

    Raises DataError for what is neither, or cannot be read.
    """
    if isinstance(data, (str, os.PathLike)):
        return _of_file(Path(data), names, missing, source)
    if has_names(data):
        _refuse_twice([str(name) for name in data], source)
        return {str(name): _array(data[name], f"{source}[{name!r}]") for name in data}
    if isinstance(data, np.ndarray):
        data = (data,)
    if not isinstance(data, (tuple, list)):
        raise DataError(
            f"{source} is {type(data).__name__}: give an array, a table of columns, or a file"
        )
    if len(data) > len(names):
        wanted = ", ".join(names) or "nothing"
        raise DataError(
            f"{source} has {len(data)} arrays, the function takes {wanted} besides the parameters"
        )
    pairs = zip(names, data, strict=False)
    return {name: _array(value, f"{source}[{k}]") for k, (name, value) in enumerate(pairs)}


def is_table(data: Any) -> bool:
    """Return whether data holds whole columns, and is no stream of batches."""
    if isinstance(data, (str, os.PathLike, np.ndarray)) or has_names(data):
        return True
    return isinstance(data, (tuple, list)) and not any(
        isinstance(part, (tuple, Mapping)) for part in data
    )


def has_names(data: Any) -> bool:
    """Return whether data holds columns by name: a dict, or a table such as pandas'."""
    return isinstance(data, Mapping) or (hasattr(data, "keys") and hasattr(data, "__getitem__"))


def _refuse_twice(names: Sequence[str], source: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{source} has two columns called `{name}`")


def _of_file(path: Path, names: Sequence[str], missing: Sequence[str], source: str) -> Columns:
    if not path.is_file():
        close = did_you_mean(path.name, os.listdir(path.parent) if path.parent.is_dir() else [])
        raise DataError(f"{source}: there is no file {path}{close}")
    kind = path.name.removesuffix(".gz").rpartition(".")[2].lower()
    if kind == "csv":
        return read_csv(path, missing)
    if kind == "npz":
        return _read_npz(path)
    if kind == "npy":
        return read_columns((path,), names, missing, source)
    raise DataError(f"{source}: {path} is neither .csv, .csv.gz, .npz nor .npy")


def _read_npz(path: Path) -> Columns:
    try:
        with open(path, "rb") as content, np.load(content, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as NPZ: {error}") from None


def _of_npy(path: Path) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read as NPY: {error}") from None


def _array(value: Any, place: str) -> Any:
    """Return one column as an array, or one number as it is."""
    if isinstance(value, (str, os.PathLike)):
        path = Path(value)
        if path.suffix != ".npy":
            raise DataError(f"{place} is {str(value)!r}: an array, or the path of a .npy file")
        return _array(_of_npy(path), place)
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, np.memmap) and value.ndim:
        _refuse_kind(value.dtype, "biuf", place)
        return FileArray(value)
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of several lengths
        raise DataError(f"{place} is no array: {error}") from None
    if array.dtype.kind == "U":
        return array.astype(object)
    if array.dtype == object:
        array = _with_none(array)
    if array.dtype == object and not all(x is None or isinstance(x, str) for x in array.flat):
        raise DataError(f"{place} is a {type(value).__name__} and no array of numbers or words")
    _refuse_kind(array.dtype, "biufO", place)
    return array


def _with_none(array: Any) -> Any:
    """Return words with None for a missing one, for which data frames have NaN."""
    is_lost = [isinstance(x, float) and math.isnan(x) for x in array.flat]
    if not any(is_lost):
        return array
    return np.where(np.reshape(is_lost, array.shape), None, array)


def _refuse_kind(dtype: np.dtype[Any], known: str, place: str) -> None:
    if dtype.kind not in known:
        raise DataError(f"{place} has dtype {dtype}: convert it to numbers, or to a list of words")
