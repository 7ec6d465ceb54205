"""Two people of one group: one's faced fills the folder that the other may change."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.daemon.conftest import SEEN, Waiting
from tests.support.daemon import running, wait_for

GROUP, HERS, HIS = 54321, 12345, 12346


def as_user(user: int) -> list[str]:
    """Before a command: run it as this user of the group, who may read everything, as one may read a family's
    photos (and where Python is installed), but write only what permissions say.
    """
    powers = "-all,+dac_read_search"
    return [
        "setpriv",
        f"--reuid={user}",
        f"--regid={GROUP}",
        "--clear-groups",
        f"--inh-caps={powers}",
        f"--ambient-caps={powers}",
        f"--bounding-set={powers}",
    ]


def test_another_user_of_the_group_renames_a_folder(waiting: Waiting, tmp_path: Path) -> None:
    """Folders are the group's and writable as the people folder is; his rename is understood, and undone by nobody."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to be two other users")
    if subprocess.run([*as_user(HERS), "true"], capture_output=True).returncode:
        pytest.skip("may not become another user here")
    app = waiting.app
    app.people.mkdir()
    cache = app.home / "cache"
    shutil.copytree(app.environment["XDG_CACHE_HOME"], cache, dirs_exist_ok=True)
    app.environment["XDG_CACHE_HOME"] = str(cache)
    for path in [app.home, *app.home.rglob("*")]:
        os.chown(path, HERS, GROUP)
    for path in (app.home, app.photos):
        path.chmod(0o755)
    app.people.chmod(0o2775)
    with running(app, under=as_user(HERS)) as daemon:
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        daemon.quiet()
        for folder in (app.people / name for name in app.folders()):
            status = folder.stat()
            assert (status.st_uid, status.st_gid) == (HERS, GROUP)
            assert status.st_mode & 0o7777 == 0o2775
        old = app.people / waiting.folder_of("p1")
        subprocess.run([*as_user(HIS), "mv", old, app.people / "Anna"], check=True)
        link = next(link for link in (app.people / "Anna").iterdir() if link.name == "IMG_0031.jpg")
        subprocess.run([*as_user(HIS), "rm", link], check=True)
        wait_for(
            lambda: bool(app.rows("SELECT 1 FROM edits WHERE kind = 'name'")), "the name was never understood"
        )
        wait_for(
            lambda: bool(app.rows("SELECT 1 FROM edits WHERE kind = 'reject'")),
            "the link was never understood",
        )
        app.add(waiting.spare["p1"][0], "next.jpg")
        os.chown(app.photos / "next.jpg", HERS, GROUP)
        daemon.wait_for_link("next.jpg", beside=SEEN["p1"])
        daemon.quiet()
        assert "Anna" in app.folders()
        assert not any(SEEN["p1"] in hers and "2014/IMG_0031.jpg" in hers for hers in app.folders().values())
        assert (app.people / "Anna").stat().st_uid == HERS
    private = subprocess.run([*as_user(HIS), "touch", app.state / "x"], capture_output=True)
    assert private.returncode != 0, "the state is hers alone"
    assert app.state.stat().st_mode & 0o7777 == 0o700
