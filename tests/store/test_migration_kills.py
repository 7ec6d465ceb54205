"""kill -9 at the system calls of a migration: the old schema or the new one, whole, and a sound backup."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from faced.store.database import DATABASE, open_store
from faced.store.migrations import newest_version
from faced.store.settings import load_setting, save_setting

PROGRAM = """
import sys, pathlib
from faced.store import migrations
from faced.store.database import open_store
real = migrations.load_migrations()
sql = ["CREATE TABLE late (a TEXT) STRICT;", "INSERT INTO late SELECT value FROM settings;", "DROP TABLE left_alone;"]
late = (real[-1][0] + 1, "\\n".join(sql))
migrations.load_migrations = lambda: [*real, late]
with open_store(pathlib.Path(sys.argv[1])):
    pass
"""
STEPS = {"pwrite64": 16, "fdatasync": 4, "ftruncate": 1, "rename": 1, "mkdir": 1, "unlink": 2}
"""Calls that change a file, and how many are passed over between two kills in a short run."""

NEVER = 65_535  # the highest number that strace takes
LONG = bool(os.environ.get("FACED_LONG"))


def migrate_and_die(state: Path, call: str, number: int) -> bool:
    """Whether it came to its end before the system call of that number."""
    command = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}"]
    run = subprocess.run(
        [
            *command,
            "-e",
            f"inject={call}:signal=KILL:when={number}",
            sys.executable,
            "-B",
            "-c",
            PROGRAM,
            state,
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    if "ptrace" in run.stderr.lower():
        pytest.skip("strace may not trace here")
    assert run.returncode <= 0, run.stderr
    return run.returncode == 0


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("call", STEPS)
def test_a_migration_survives_a_kill_at_every_system_call(tmp_path, call):
    """All 80 of them with FACED_LONG=1, else some of each kind; then the next start brings it to its end."""
    number = 1
    while True:
        state = tmp_path / f"state{number}"
        with open_store(state) as store, store.write() as db:
            save_setting(db, "name", "Anna")
        finished = migrate_and_die(state, call, number)
        check(state)
        if finished:
            assert number > 1, f"{call} is never called: the list of system calls is out of date"
            return
        assert migrate_and_die(state, call, NEVER)
        number += 1 if LONG else STEPS[call]


def check(state: Path) -> None:
    database = sqlite3.connect(state / DATABASE)
    try:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        old = version == newest_version()
        assert ("late" in names, "left_alone" in names) == (not old, old)
        assert load_setting(database, "name") == "Anna"
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        database.close()
    for backup in (state / "backup").glob("*.db"):
        copy = sqlite3.connect(backup)
        assert load_setting(copy, "name") == "Anna"
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        copy.close()
