"""Converted models: made once, made again when they are not whole."""

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from faced.faces.engine.cache import cached_model
from faced.faces.engine.convert import convert_embedding, convert_mmod
from faced.faces.engine.dat import EMBEDDING, MMOD, read_model


def _models(cache: Path) -> list[Path]:
    return sorted(cache.glob("*.onnx"))


def test_conversion_gives_the_same_bytes_every_time() -> None:
    """So two processes that convert at once write the same file."""
    for data, convert in [(read_model(MMOD), convert_mmod), (read_model(EMBEDDING), convert_embedding)]:
        assert convert(data) == convert(data)


def test_a_model_is_converted_once(tmp_path: Path) -> None:
    """The second time it comes from the cache, which is the owner's alone."""
    cache = tmp_path / "deep" / "cache"
    first = cached_model(cache, MMOD, convert_mmod)

    def blow_up(data: bytes) -> bytes:
        raise AssertionError("converted again")

    assert cached_model(cache, MMOD, blow_up) == first
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in cache.iterdir()} == {0o600}


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "gone", "no sum", "other sum"])
def test_a_damaged_model_is_made_again(tmp_path: Path, damage: str) -> None:
    """Whatever became of it, the bytes are right, and right on disk again."""
    good = cached_model(tmp_path, MMOD, convert_mmod)
    (path,) = _models(tmp_path)
    told = path.with_name(path.name + ".sha256")
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 4
    if damage in ("no sum", "gone"):
        (told if damage == "no sum" else path).unlink()
    elif damage == "other sum":
        told.write_bytes(b"0" * 64 + b"\n")
    else:
        path.write_bytes({"cut": good[:-100], "bit": bytes(flipped), "empty": b""}[damage])
    assert cached_model(tmp_path, MMOD, convert_mmod) == good
    assert path.read_bytes() == good
    assert told.read_text().strip() == hashlib.sha256(good).hexdigest()


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    """A half-written temporary file goes when the model is made."""
    good = cached_model(tmp_path, MMOD, convert_mmod)
    (path,) = _models(tmp_path)
    path.unlink()
    left = tmp_path / f".{path.name}.abc123"
    left.write_bytes(good[:100])
    assert cached_model(tmp_path, MMOD, convert_mmod) == good
    assert not left.exists()


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    """A file stands where the folder should be: the model is converted and used all the same."""
    blocked = tmp_path / "cache"
    blocked.write_bytes(b"")
    assert cached_model(blocked, MMOD, convert_mmod) == convert_mmod(read_model(MMOD))
    assert blocked.read_bytes() == b""


def test_a_full_disk_costs_only_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync fails: the model is used from memory and nothing half-written stays."""

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert cached_model(tmp_path, MMOD, convert_mmod) == convert_mmod(read_model(MMOD))
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_two_processes_at_once(tmp_path: Path) -> None:
    """Both get the model, one whole file with its sum stays."""
    code = (
        "import sys, hashlib\n"
        "from pathlib import Path\n"
        "from faced.faces.engine.cache import cached_model\n"
        "from faced.faces.engine.convert import convert_mmod\n"
        "from faced.faces.engine.dat import MMOD\n"
        "print(hashlib.sha256(cached_model(Path(sys.argv[1]), MMOD, convert_mmod)).hexdigest())\n"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    told = {process.communicate()[0].decode().strip() for process in both}
    (path,) = _models(tmp_path)
    assert told == {hashlib.sha256(path.read_bytes()).hexdigest()}
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([".lock", path.name, path.name + ".sha256"])
