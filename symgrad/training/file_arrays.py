"""Arrays in files that are larger than memory.

Given an array that NumPy maps into memory, return rows of it.  Invariant: nothing of the file
stays in memory but the rows that were asked for.  (Of a mapped file the system keeps megabytes
around every row that was touched.)
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from symgrad.errors import DataError


class FileArray:
    """An array in a file whose rows are read when they are asked for."""

    def __init__(self, array: np.memmap[Any, Any]):
        self.array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.nbytes = array.nbytes
        # of a part of a mapped array NumPy does not know the place in the file, and private
        # changes are not in it
        whole = isinstance(array.base, mmap.mmap) and array.mode in ("r", "r+")
        self._is_readable = whole and array.flags.c_contiguous and array.filename is not None

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: Any) -> Any:
        """Return rows by a slice or an array of their numbers."""
        if not self._is_readable:
            return np.array(self.array[rows])
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        if found.nbytes:
            self._read(rows, found.reshape(-1).view(np.uint8).data)
        return found

    def _read(self, rows: Any, into: memoryview) -> None:
        """Read rows, each run of neighbours at once."""
        size = self.nbytes // len(self)
        ends = [*(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        with open(self.array.filename, "rb", buffering=0) as file:  # type: ignore[arg-type]
            first = 0
            for end in ends:
                file.seek(self.array.offset + int(rows[first]) * size)
                self._fill(file, into[first * size : end * size])
                first = end

    def _fill(self, file: Any, into: memoryview) -> None:
        while into:
            count = file.readinto(into)
            if not count:
                raise DataError(f"{self.array.filename} became shorter while it was read")
            into = into[count:]
