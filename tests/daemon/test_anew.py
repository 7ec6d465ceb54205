"""Other settings: all faces are compared anew, which is told while it lasts, and names stay."""

import contextlib
import os
import pty
import re
import sqlite3
import subprocess
import zlib

import numpy as np

from tests.support.app import QUICK, App
from tests.support.daemon import running

FACES = 12_500


def add_strangers(app: App) -> None:
    """So many tiny faces more, in the first photo, no two alike."""
    vectors = np.random.default_rng(7).normal(0, 0.07, (FACES, 128)).astype("<f4")
    with contextlib.closing(sqlite3.connect(app.state / "faced.db")) as db:
        image, engine = db.execute("SELECT image, engine FROM faces ORDER BY id").fetchone()
        rows = [
            (
                image,
                engine,
                number % 125 / 125,
                number // 125 / 100,
                bytes(40),
                row.tobytes(),
                zlib.crc32(row),
            )
            for number, row in enumerate(vectors)
        ]
        db.executemany(
            """INSERT INTO faces (image, engine, box_left, box_top, box_width, box_height, landmarks, score, side,
               sharpness, embedding, crc) VALUES (?, ?, ?, ?, 0.004, 0.004, ?, 1, 20, 0.1, ?, ?)""",
            rows,
        )
        db.commit()


def name_first(app: App) -> frozenset[str]:
    """The first folder is Anna's; what is in it."""
    folder, photos = sorted(app.folders().items())[0]
    (app.people / folder).rename(app.people / "Anna")
    return photos


def change_eps(app: App, eps: float) -> None:
    """In the configuration of the home."""
    config = app.home / "config" / "faced" / "config.yaml"
    config.write_text(f"cluster: {{eps: {eps}}}\n{QUICK}")


def sync_on_a_terminal(app: App) -> str:
    """What `faced sync` shows there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        app.command("sync", app.photos, "--people", app.people),
        env={**app.environment, "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # EIO: the other end was closed
        while part := os.read(ours, 4096):
            seen += part
    os.close(ours)
    assert process.wait(60) == 0, seen
    return seen.decode("utf-8", "replace")


def test_all_is_compared_anew_with_progress_and_names_stay(known: App) -> None:
    """A bar on a terminal, and of the daemon a line now and then in the log; Anna keeps her photos."""
    known.sync()
    photos = name_first(known)
    add_strangers(known)
    change_eps(known, 0.43)
    shown = sync_on_a_terminal(known)
    total = known.json("status")["faces"]
    assert "comparing faces" in shown
    assert re.search(rf"\d+/{total}", shown), shown
    assert "deciding who is who" in shown
    assert known.folders()["Anna"] == photos
    change_eps(known, 0.44)
    with running(known) as daemon:
        daemon.wait_for_log(f"comparing faces: {total} of {total}")
        daemon.quiet()
    assert re.search(rf"comparing faces: (?!{total})\d+ of {total}", daemon.log)
    assert known.folders()["Anna"] == photos
