"""Converted models on disk: made once, proven whole whenever they are used.

A model's name holds the hash of the file it came from and the version of the converter; beside it
stands its SHA-256. What is missing, cut short or changed is made again. The cache is only a cache:
where it cannot be written the converted model is used from memory.
"""

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from faced.faces.engine.dat import DatFile, read_model

__all__ = ["CONVERTER", "cached_model"]

CONVERTER = 3
"""Version of the convert modules: counted up whenever the same file gives another graph."""


def cached_model(
    cache: Path,
    model: DatFile,
    convert: Callable[[bytes], bytes],
    read: Callable[[DatFile], bytes] = read_model,
) -> bytes:
    """The ONNX bytes of a model, from the cache folder where they are, else converted and put there."""
    path = cache / f"{Path(model.name).stem}-{model.sha256[:16]}-{CONVERTER}.onnx"
    found = _read_whole(path)
    if found is not None:
        return found
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return convert(read(model))
    with _alone(cache):
        found = _read_whole(path)
        if found is not None:
            return found
        made = convert(read(model))
        _sweep(path)
        with contextlib.suppress(OSError):
            _write_whole(path, made)
            _write_whole(_sum_of(path), hashlib.sha256(made).hexdigest().encode() + b"\n")
        return made


def _sum_of(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _read_whole(path: Path) -> bytes | None:
    """The file's bytes if they are what was once written there."""
    try:
        data, told = path.read_bytes(), _sum_of(path).read_bytes()
    except OSError:
        return None
    return data if told.strip() == hashlib.sha256(data).hexdigest().encode() else None


def _write_whole(path: Path, data: bytes) -> None:
    """The whole file or nothing, also after a power cut; readable by the owner only."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _sweep(path: Path) -> None:
    """Take away what a process that died while writing left behind; nobody else writes now."""
    for left in path.parent.glob(f".{path.stem}*"):
        with contextlib.suppress(OSError):
            left.unlink()


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """One process converts, the others wait for its result; where locks do not work each makes its own."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file = stack.enter_context(open(cache / ".lock", "ab", opener=_private))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
