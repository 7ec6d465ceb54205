"""Files beside the database with what was computed from it: columns of numbers, to be computed again when they are lost.

A file is written whole or not at all, and is nothing but a loss of time when it is of another making or damaged. No
names, no pictures and no embeddings stand in it. Its writer holds the pass lock, or its asker does.
"""

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_derived", "save_derived"]

VERSION = 1
HEAD = 1 << 16
"""Bytes; the first line is shorter."""


def save_derived(folder: Path, name: str, title: str, columns: Mapping[str, NDArray[Any]]) -> bool:
    """Write the file anew. title: of what it was made, and how. False where it cannot be written: then it is not there."""
    target, partial = folder / name, folder / f"{name}.partial"
    columns = {key: np.ascontiguousarray(column) for key, column in columns.items()}
    if any(column.dtype.hasobject for column in columns.values()):
        raise TypeError("columns of numbers only")
    described = [[k, c.dtype.str, c.shape, zlib.crc32(_bytes(c))] for k, c in columns.items()]
    head = json.dumps({"version": VERSION, "title": title, "columns": described}).encode()
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as file:
            file.write(b"%08x %b\n" % (zlib.crc32(head), head))
            for column in columns.values():
                file.write(_bytes(column))
        partial.replace(target)
    except OSError:
        for path in (partial, target):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        return False
    return True


def load_derived(folder: Path, name: str, title: str) -> dict[str, NDArray[Any]] | None:
    """The columns; None when there is no such file, it has another title, or it is not as it was written."""
    try:
        with open(folder / name, "rb") as file:
            check, _, line = file.readline(HEAD).rstrip(b"\n").partition(b" ")
            if int(check, 16) != zlib.crc32(line):
                return None
            head = json.loads(line)
            if head["version"] != VERSION or head["title"] != title:
                return None
            columns = {}
            for key, kind, shape, sum_ in head["columns"]:
                column = np.empty(shape, dtype=np.dtype(kind))
                if file.readinto(_bytes(column)) != column.nbytes:
                    return None
                if zlib.crc32(_bytes(column)) != sum_:
                    return None
                columns[key] = column
            return columns
    except (OSError, ValueError, KeyError, TypeError, MemoryError):
        return None


def _bytes(column: NDArray[Any]) -> memoryview:
    return column.reshape(-1).view(np.uint8).data
