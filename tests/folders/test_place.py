"""The people folder as a place: its first use, and every way in which it can be another one later."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from faced.errors import UsageError
from faced.folders.writer import KernelWriter
from faced.store.base import load_base
from faced.store.intents import load_intents
from faced.store.tree import load_generation, load_tree
from tests.support.powers import permissions_hold
from tests.support.treeworld import open_world, snapshot
from tests.support.writers import BlowUp, Interrupted


@pytest.fixture
def world(world):
    """Two persons are wanted; nothing is made yet."""
    for image in range(1, 4):
        world.photo(image, f"{image}.jpg")
    world.person(1, [1, 2])
    world.person(2, [3])
    return world


def frozen(world):
    """Run it; it must change nothing and say why, both now and in the store."""
    before = snapshot(world.folder)
    base, generation = load_base(world.store.db), load_generation(world.store.db)
    world.photo(9, "9.jpg")
    world.person(1, [1, 9])
    report = world.sync(BlowUp())
    assert report.frozen
    assert world.problem() == report.frozen
    assert "\n" not in report.frozen
    assert (load_base(world.store.db), load_generation(world.store.db)) == (base, generation)
    assert load_intents(world.store.db) == []
    after = snapshot(world.folder)
    assert {path for path in before if "state/" not in path} == {
        path for path in after if "state/" not in path
    }
    return report.frozen


def test_first_use_makes_the_folder_and_those_above(world):
    """The marker, a README, and the files that keep other galleries out; each readable for the family."""
    world.people = world.folder / "a" / "b" / "people"
    old = os.umask(0o077)
    try:
        world.sync()
    finally:
        os.umask(old)
    world.check()
    marker = json.loads((world.people / ".faced" / "tree.json").read_text())
    assert marker["generation"] == load_generation(world.store.db) == 1
    assert len(marker["installation"]) == 32
    assert "faced" in (world.people / ".faced" / "README").read_text()
    assert (world.people / ".nomedia").read_bytes() == b""
    assert (world.people / ".ppignore").read_bytes() == b"*\n"
    above = stat.S_IMODE(world.folder.stat().st_mode)
    for path in (world.people, world.people.parent, world.people / "Person 1"):
        assert stat.S_IMODE(path.stat().st_mode) == above & 0o755
    probe = load_tree(world.store.db).probe
    assert probe == {
        "dates_folders": True,
        "exchanges": True,
        "folds_case": False,
        "folds_forms": False,
        "name_max": 255,
    }


def test_what_is_in_the_folder_already_stays(world):
    """A folder with a family's files in it is a fine people folder; files of ours that are there are kept."""
    world.people.mkdir()
    (world.people / "notes.txt").write_text("mine")
    (world.people / ".nomedia").write_text("mine too")
    world.sync()
    assert (world.people / "notes.txt").read_text() == "mine"
    assert (world.people / ".nomedia").read_text() == "mine too"


def test_files_for_other_galleries_stay_deleted(world):
    """They are made at set-up only."""
    world.sync()
    (world.people / ".nomedia").unlink()
    world.photo(1, "x.jpg")
    world.sync()
    assert not (world.people / ".nomedia").exists()


def test_a_people_folder_that_is_a_file_or_lies_in_one(world):
    """Exit status 2, one plain line."""
    world.people.write_text("I am a file")
    with pytest.raises(UsageError, match="is not a folder"):
        world.sync()
    world.people = world.people / "below"
    with pytest.raises(UsageError, match="is not a folder"):
        world.sync()
    world.people = world.folder / "own"
    world.people.mkdir()
    (world.people / ".faced").write_text("a file")
    with pytest.raises(UsageError, match=r"has a \.faced that is not a folder"):
        world.sync()
    assert load_tree(world.store.db) is None


def test_a_people_folder_that_cannot_be_written(world):
    """At first use: exit status 2. Later: frozen."""
    world.people.mkdir(mode=0o500)
    with permissions_hold(), pytest.raises(UsageError, match="cannot be written to"):
        world.sync()


def test_a_tree_of_another_installation_is_refused(world, tmp_path):
    """Neither at first use nor later is it touched."""
    world.sync()
    before = snapshot(world.people)
    with open_world(tmp_path / "second") as other:
        other.people = world.people
        with pytest.raises(UsageError, match="belongs to another installation"):
            other.sync(BlowUp())
        assert load_tree(other.store.db) is None
        other.people = tmp_path / "second" / "people"
        other.sync()
    assert snapshot(world.people) == before
    shutil.copy(
        tmp_path / "second" / "people" / ".faced" / "tree.json", world.people / ".faced" / "tree.json"
    )
    assert "belongs to another installation" in frozen(world)


def test_promise_7_a_missing_people_folder_freezes(world):
    """Unmounted, or deleted: nothing is made anew; back again, all is as it was."""
    world.sync()
    world.people.rename(world.folder / "away")
    assert "is not there" in frozen(world)
    world.people.write_text("a file")
    assert "is not a folder" in frozen(world)
    world.people.unlink()
    (world.folder / "away").rename(world.people)
    assert world.sync().made == 1
    assert world.problem() is None
    world.check()


def test_promise_7_an_emptied_or_other_folder_freezes(world):
    """An empty mount point, another folder under the same name, a copy of the tree."""
    world.sync()
    away = world.folder / "away"
    world.people.rename(away)
    world.people.mkdir()
    assert "not the one it was" in frozen(world)
    world.people.rmdir()
    shutil.copytree(away, world.people, symlinks=True)
    assert "not the one it was" in frozen(world)
    shutil.rmtree(world.people)
    away.rename(world.people)
    assert world.sync().frozen is None
    assert world.problem() is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "has no .faced/tree.json"),
        ("", "makes no sense"),
        ("[]", "makes no sense"),
        ('{"generation": "x"}', "makes no sense"),
        ('{"generation": 1}', "another installation"),
        ("\xff", "makes no sense"),
    ],
)
def test_promise_7_a_lost_or_broken_marker_freezes(world, content, words):
    """Without it faced touches nothing."""
    world.sync()
    marker = world.people / ".faced" / "tree.json"
    marker.unlink()
    if content is not None:
        marker.write_bytes(content.encode("latin-1"))
    assert words in frozen(world)


def test_a_restored_backup_freezes(world):
    """An older tree beside the database, or an older database beside the tree."""
    world.sync()
    marker = world.people / ".faced" / "tree.json"
    old = marker.read_bytes()
    world.photo(1, "x/1.jpg")
    world.sync()
    new = marker.read_bytes()
    marker.write_bytes(old)
    assert "restored from a backup" in frozen(world)
    marker.write_bytes(new.replace(b'"generation": 2', b'"generation": 3'))
    assert "restored from a backup" in frozen(world)
    marker.write_bytes(new)
    assert world.sync().frozen is None


def test_a_tree_restored_in_the_middle_of_a_run_is_noticed(world):
    """The marker is asked again before every batch."""
    world.sync()
    marker = world.people / ".faced" / "tree.json"
    old = marker.read_bytes()
    world.photo(1, "x/1.jpg")
    world.photo(2, "x/2.jpg")
    report = world.sync(Interrupted("flush", lambda: marker.write_bytes(old)), batch=1)
    assert "restored from a backup" in report.frozen
    assert report.retargeted == 1


def test_a_people_folder_that_was_renamed_is_the_same(world):
    """Named by its new path it goes on with its links, untouched."""
    world.sync()
    moved = world.folder / "Familie"
    world.people.rename(moved)
    world.people = moved
    world.sync(BlowUp())
    assert load_tree(world.store.db).root == os.fsencode(moved)
    world.check()


def test_another_people_folder_begins_anew(world):
    """The old one stays as it is; going back to it is refused, for nobody knows what was done to it meanwhile."""
    world.sync()
    old, before = world.people, snapshot(world.people)
    world.people = world.folder / "second"
    assert world.sync().made == 3
    world.check()
    assert snapshot(old) == before
    world.people = old
    with pytest.raises(UsageError, match="an earlier people folder"):
        world.sync(BlowUp())
    world.people = world.folder / "second"
    world.sync(BlowUp())
    world.check()


def test_a_folder_that_will_not_do_does_not_replace_the_former_one(world):
    """Told to use a folder without links, faced refuses and still knows the old one."""
    world.sync()
    old, base = world.people, load_base(world.store.db)
    world.people = world.folder / "usb"

    class NoLinks(KernelWriter):
        def symlink(self, text, folder, name):
            raise PermissionError(1, "Operation not permitted")

    with pytest.raises(UsageError, match="without symbolic links"):
        world.sync(NoLinks())
    assert os.listdir(world.people) == []
    assert load_base(world.store.db) == base
    world.people = old
    world.sync(BlowUp())


def test_another_folder_has_to_wait_for_a_half_done_one(world):
    """What is in hand in the old one must be put back first."""
    world.sync()

    class Died(Exception):
        pass

    def die():
        raise Died

    world.photo(1)
    with pytest.raises(Died):
        world.sync(Interrupted("unlink", die, 2))
    old, world.people = world.people, world.folder / "second"
    with pytest.raises(UsageError, match="once more before using"):
        world.sync()
    world.people = old
    assert world.sync().recovered == 1
    world.check()


@pytest.mark.parametrize("call", ["mkdir", "symlink", "unlink", "create_file", "replace", "flush"])
def test_promise_6_a_set_up_that_died_is_done_again(world, call):
    """Died before any of its calls, again and again: at last it is set up as if nothing had been."""

    class Died(Exception):
        pass

    def die():
        raise Died

    for nth in range(1, 8):
        writer = Interrupted(call, die, nth)
        try:
            world.sync(writer)
        except Died:
            continue
    world.sync()
    world.check()


def test_a_file_system_without_links_is_refused_in_plain_words(tmp_path):
    """The kernel's own EPERM, as vfat and exFAT give it."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace")
    command = [strace, "-qq", "-o", "/dev/null", "-e", "trace=symlinkat,symlink"]
    command += ["-e", "inject=symlinkat:error=EPERM", "-e", "inject=symlink:error=EPERM"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    program = (
        "import sys; from pathlib import Path; from faced.errors import UsageError\n"
        "from tests.support.treeworld import open_world\n"
        "with open_world(Path(sys.argv[1])) as world:\n"
        "    try: world.sync()\n"
        "    except UsageError as error: print(error.exit_status, error)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [*command, sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.stdout.startswith("2 the people folder")
    assert "on a file system without symbolic links" in done.stdout
    assert os.listdir(tmp_path / "people") == []


def test_things_in_the_scratch_folder_that_no_intent_speaks_of(world):
    """The database was restored meanwhile: our own link goes, a user's file comes back into sight."""
    world.sync()
    scratch = world.people / ".faced" / "tmp"
    (scratch / "3").symlink_to("/photos/1.jpg")
    (scratch / "4").write_text("mine")
    (world.people / "4").write_text("there already")
    world.sync()
    assert os.listdir(scratch) == []
    assert (world.people / "4 (restored)").read_text() == "mine"


def test_own_folders_that_somebody_deleted_are_made_again(world):
    """Without `.faced/tmp` nothing can be taken in hand."""
    world.sync()
    shutil.rmtree(world.people / ".faced" / "tmp")
    shutil.rmtree(world.people / ".faced" / "junk")
    world.sync(BlowUp())
    world.photo(1, "x/1.jpg")
    world.sync()
    world.check()
