"""Real mounts, in a mount namespace of their own: a people folder on a disk that goes, comes back, fills up."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAD = """
import errno, os, subprocess, sys
from pathlib import Path
import pytest
from faced.errors import FacedError, UsageError
from faced.store.base import load_base
from faced.store.intents import load_intents
from tests.support.treeworld import open_world
folder = Path(sys.argv[1])
def run(*command): subprocess.run(command, check=True)
people = folder / "people"
people.mkdir()
run("mount", "-t", "tmpfs", "-o", "size=4m,nr_inodes=400", "tmpfs", folder)
people.mkdir()
run("mount", "-t", "tmpfs", "-o", "OPTIONS", "disk one", people)
os.environ["TMPDIR"] = str(folder)
with open_world(folder) as world:
    for image in range(1, COUNT):
        world.photo(image, f"a/{image}.jpg")
    world.person(1, range(1, COUNT // 2))
    world.person(2, range(COUNT // 2, COUNT))
"""


def play(folder, body, options="size=1m", count=7):
    """Run a program in a mount namespace; whatever it mounts is gone with it."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount")
    unshare = shutil.which("unshare")
    command = [str(unshare), "-m", "--propagation", "private"]
    if (
        unshare is None
        or subprocess.run([*command, "mount", "-t", "tmpfs", "x", "/mnt"], check=False).returncode
    ):
        pytest.skip("may not mount here")
    head = HEAD.replace("OPTIONS", options).replace("COUNT", str(count))
    program = head + "".join(f"    {line}\n" for line in body.strip().splitlines())
    done = subprocess.run(
        [*command, sys.executable, "-W", "error", "-c", program, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


def test_promise_7_an_unmounted_people_folder_freezes(tmp_path):
    """Unmounted: the empty mount point is no people folder. Another disk: neither. Mounted again: as it was."""
    play(
        tmp_path,
        """
world.sync(); world.check()
links = world.links()
run("mount", "--bind", people, "/mnt")
run("umount", people)
report = world.sync()
assert "not the one it was" in report.frozen, report
assert os.listdir(people) == []
run("mount", "-t", "tmpfs", "other", people)
assert "not the one it was" in world.sync().frozen
assert os.listdir(people) == []
run("umount", people)
run("mount", "--bind", "/mnt", people)
assert world.sync().made == 0
assert world.links() == links and world.problem() is None
world.check()
""",
    )


def test_promise_7_a_disk_over_a_person_folder_costs_that_folder(tmp_path):
    """Something is mounted on `Person 1`: it is left alone, the other goes on, afterwards all is well."""
    play(
        tmp_path,
        """
world.sync()
run("mount", "-t", "tmpfs", "x", people / "Person 1")
(people / "Person 1" / "mine").write_text("mine")
world.photo(1); world.photo(6, "b/6.jpg")
report = world.sync()
assert report.retargeted == 1 and report.dropped == 0
assert world.left_alone() == {"Person 1": "the folder cannot be read: another file system is mounted there"}
assert os.listdir(people / "Person 1") == ["mine"]
run("umount", people / "Person 1")
world.sync(); world.check()
""",
    )


def test_a_read_only_people_folder_freezes(tmp_path):
    """Nothing to do: nothing to say. Something to do: frozen, and later done."""
    play(
        tmp_path,
        """
world.sync()
run("mount", "-o", "remount,ro", people)
assert world.sync().frozen is None
world.photo(1)
assert "cannot be written to" in world.sync().frozen
assert load_intents(world.store.db) == []
run("mount", "-o", "remount,rw", people)
assert world.sync().dropped == 1
world.check()
run("umount", people)
run("mount", "-t", "tmpfs", "-o", "ro", "y", people)
with open_world(folder / "2") as other:
    other.people = people
    with pytest.raises(UsageError, match="cannot be written to"):
        other.sync()
""",
    )


@pytest.mark.parametrize("options", ["nr_inodes=30", "size=24k"])
def test_promise_6_a_full_disk_is_no_false_state(tmp_path, options):
    """Full in the middle of the links: said, nothing half done, base is the disk; with room it goes on."""
    play(
        tmp_path,
        f"""
for image in range(1, 60):
    world.photo(image, "a/" + "d" * 200 + f"/{{image}}.jpg")
with pytest.raises(FacedError, match="No space left"):
    world.sync()
for _ in range(2):
    with pytest.raises(FacedError, match="No space left"):
        world.sync()
    base = load_base(world.store.db)
    assert len(base.links) == len(world.links())
run("mount", "-o", "remount,{options.split("=")[0]}={"4m" if "size" in options else "400"}", people)
report = world.sync()
assert report.frozen is None
world.check()
assert len(world.links()) == 59
assert world.left_alone() == {{}}
""",
        options=options,
        count=60,
    )
