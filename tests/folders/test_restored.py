"""The database made anew from a backup that is older than the people folder."""

import os

from faced.folders.place import open_place
from faced.folders.read import Known, read_user_edits
from faced.folders.writer import KernelWriter
from faced.store.backup import list_backups, save_backup
from faced.store.database import CHECK, DATABASE, open_reader
from faced.store.follow import is_adopting
from faced.store.health import open_sound_store
from faced.store.journal_file import append_journal
from faced.store.tree import load_generation
from tests.support.treeworld import TreeWorld, open_world, snapshot
from tests.support.words import NOON


def test_what_faced_did_since_the_backup_is_not_the_users_doing(tmp_path):
    """Links and folders of later are recognised; nothing is asked, said or made anew."""
    with open_world(tmp_path) as world:
        fill(world)
        world.person(1, [1, 2])
        world.sync()
        save_backup(world.store)
        world.person(1, [2, 3])
        world.person(2, [3, 4])
        world.sync()
        generation = load_generation(world.store.db)
        before = snapshot(world.people)
        inodes = {path: os.lstat(world.people / path).st_ino for path in before}
    assert list_backups(tmp_path / "state")
    (tmp_path / "state" / DATABASE).write_bytes(b"no database\n" * 1000)
    (tmp_path / "state" / CHECK).touch()
    with open_sound_store(tmp_path / "state", NOON) as store:
        assert is_adopting(store.db)
        assert load_generation(store.db) < generation
        world = TreeWorld(tmp_path, store)
        fill(world)
        world.person(1, [2, 3])
        world.person(2, [3, 4])
        read = read_user_edits(store, os.fsencode(world.people), Known(), refuse, now_ns=0)
        assert (read.adopting, read.frozen, read.edits) == (True, None, ())
        open_place(store, os.fsencode(world.people), KernelWriter()).close()
        assert load_generation(store.db) == generation
        assert world.sync().frozen is None
        world.check()
        assert snapshot(world.people) == before
        assert {path: os.lstat(world.people / path).st_ino for path in before} == inodes
        read = read_user_edits(store, os.fsencode(world.people), Known(), refuse, now_ns=0)
        assert (read.edits, read.asks, read.frozen) == ((), (), None)
    with open_reader(tmp_path / "state") as db:
        assert not is_adopting(db)


def fill(world: TreeWorld) -> None:
    for image in range(1, 5):
        world.photo(image, f"{image}.jpg")
    append_journal(world.store, NOON)


def refuse(db, edits):
    raise AssertionError(f"{edits} were taken for the user's doing")
