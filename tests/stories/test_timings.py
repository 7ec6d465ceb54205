"""What `faced sync --timings` tells, and that a photo's file is opened once."""

import json
import os
import re
import shutil
from collections import Counter

import pytest

from tests.support.app import App


def test_timings_tell_each_step_and_each_stage(small: App) -> None:
    """As JSON: the steps fit into the run, and the stages into its processes; as text: a line each."""
    told = small.sync("--timings", "--json")
    timings = json.loads(told.stdout)["timings"]
    assert {"scan", "encode", "read", "show"} <= set(timings["steps"])
    photos = sum(path.is_file() for path in small.photos.rglob("*"))
    assert timings["photos"] == photos
    assert {"read", "hash", "header", "decode", "chip", "embed", "copies", "store"} <= set(timings["stages"])
    spent = sum(stage["seconds"] for stage in timings["stages"].values())
    assert 0 < spent < timings["seconds"] * (timings["workers"] + 4)  # workers, readers and the main thread
    again = small.sync("--timings").stdout
    assert "looking at the libraries" in again
    assert "ms a photo" not in again
    assert small.sync().stdout == ""


def test_the_table_names_every_stage(small: App) -> None:
    """For people: milliseconds a photo, shares that make a whole, photos a second."""
    lines = small.sync("--timings").stdout.splitlines()
    shares = [float(match[1]) for line in lines if (match := re.search(r"([0-9.]+)%$", line))]
    assert len(shares) >= 8
    assert sum(shares) == pytest.approx(100, abs=1)
    assert re.search(r"\d+ photos in [0-9.]+ s: [0-9.]+ photos/s with \d+ worker", lines[-1] + lines[-2])


def test_each_photo_is_opened_once(small: App) -> None:
    """One read serves the hash, the header and the pixels, whichever process it is."""
    trace = small.home / "trace"
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    under = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=openat,open"]
    done = small.sync(under=under, status=None, timeout=600)
    if "ptrace" in done.stderr.lower() and done.returncode:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    photos = {str(path) for path in small.photos.rglob("*") if path.is_file()}
    named = re.compile(r'"([^"]+)"')
    paths = [named.search(line) for line in trace.read_text("utf-8", "replace").splitlines()]
    opened = Counter(path for path in (_unescape(match[1]) for match in paths if match) if path in photos)
    assert set(opened) == photos
    assert set(opened.values()) == {1}


def _unescape(text: str) -> str:
    """A path as strace writes it, with octal digits for what is not ASCII."""
    return os.fsdecode(text.encode("ascii", "replace").decode("unicode_escape").encode("latin-1"))
