"""The library step over real folders and a real database."""

import os
import shutil
from pathlib import Path

import pytest

from faced.library import step
from faced.library.exclude import compile_excludes
from faced.library.step import LibraryReport, scan_libraries
from faced.store.database import open_store
from faced.store.photos import (
    load_counts,
    load_libraries,
    load_photos_of_images,
    load_quarantine,
    load_stamps,
    set_libraries,
)
from faced.store.settings import load_setting
from tests.support.rerun import without_privileges


def is_changed(report: LibraryReport) -> bool:
    return bool(report.added or report.changed or report.moved or report.gone)


class World:
    """A library `lib`, a people folder and a store; time is set by hand so that nothing hangs on the clock."""

    def __init__(self, base: Path, store):
        self.base, self.store = base, store
        self.lib, self.people = base / "lib", base / "people"
        self.lib.mkdir(exist_ok=True)
        self.tick = 1_600_000_000_123_456_789

    def put(self, *paths: str, root: Path | None = None) -> None:
        for path in paths:
            target = (root or self.lib) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.encode())
            self.tick += 1_000_000_007
            os.utime(target, ns=(self.tick, self.tick))

    def name_libraries(self, *roots: Path, exact: bool = False) -> None:
        with self.store.write() as db:
            set_libraries(db, [os.fsencode(root) for root in roots], exact=exact)

    def scan(self, *exclude: str, **options):
        return scan_libraries(
            self.store, os.fsencode(self.people), excludes=compile_excludes(exclude), **options
        )

    def scan_one(self, *exclude: str, **options):
        (report,) = self.scan(*exclude, **options)
        return report

    def read_all(self) -> None:
        """As if every stale photo had been read: each path its own image, in its own orientation."""
        with self.store.write() as db:
            for photo, path in db.execute("SELECT id, path FROM photos WHERE stale").fetchall():
                key = f"b1:{os.fsdecode(path)}"
                db.execute(
                    "INSERT OR IGNORE INTO images (key, format, width, height) VALUES (?, 'JPEG', 8, 6)",
                    [key],
                )
                db.execute(
                    "UPDATE photos SET stale = 0, orientation = 6, taken = '2019-01-01T00:00:00',"
                    " image = (SELECT id FROM images WHERE key = ?) WHERE id = ?",
                    [key, photo],
                )

    def photos(self) -> dict[str, tuple[int, str | None]]:
        """path -> (stale, key of the image)."""
        rows = self.store.db.execute(
            "SELECT path, stale, key FROM photos LEFT JOIN images ON images.id = image ORDER BY path"
        )
        return {os.fsdecode(path): (stale, key) for path, stale, key in rows}

    def dump(self) -> list[str]:
        return list(self.store.db.conn.iterdump())


@pytest.fixture
def world(tmp_path):
    with open_store(tmp_path / "state") as store:
        world = World(tmp_path, store)
        world.name_libraries(world.lib)
        yield world


def test_the_first_scan_finds_everything_and_queues_it(world):
    """Every photo is a row to be read; the library knows its place from then on."""
    world.put("a.jpg", "2019/b.jpg", "notes.txt")
    report = world.scan_one()
    assert (report.online, report.problem, report.added, report.gone) == (True, None, 2, 0)
    assert world.photos() == {"a.jpg": (1, None), "2019/b.jpg": (1, None)}
    (library,) = load_libraries(world.store.db)
    assert (library.online, library.photos, library.place.ino) == (True, 2, os.stat(world.lib).st_ino)


def test_an_unchanged_library_is_scanned_without_a_write(world):
    """No transaction at all, and so no new scan number."""
    world.put("a.jpg")
    world.scan_one()
    before = world.store.db.conn.total_changes
    assert not is_changed(world.scan_one())
    assert world.store.db.conn.total_changes == before
    assert load_setting(world.store.db, "scan") == "1"


def test_a_library_without_photos_is_fine(world):
    """They may come later."""
    report = world.scan_one()
    assert (report.online, report.problem, report.added) == (True, None, 0)
    world.put("a.jpg")
    assert world.scan_one().added == 1


def test_a_changed_photo_is_read_again_and_keeps_its_image_until_then(world):
    """So its links stay while it waits."""
    world.put("a.jpg", "b.jpg")
    world.scan_one()
    world.read_all()
    (world.lib / "a.jpg").write_bytes(b"another content")
    assert world.scan_one().changed == 1
    assert world.photos() == {"a.jpg": (1, "b1:a.jpg"), "b.jpg": (0, "b1:b.jpg")}
    assert world.store.db.execute("SELECT found FROM photos ORDER BY path").fetchall() == [(2,), (1,)]


def test_new_permissions_are_no_change(world):
    """chmod or a hard link changes the change time only; nothing is to be read, and it is noted once."""
    world.put("a.jpg")
    world.scan_one()
    world.read_all()
    (world.lib / "a.jpg").chmod(0o640)
    report = world.scan_one()
    assert not is_changed(report)
    assert world.photos() == {"a.jpg": (0, "b1:a.jpg")}
    before = world.dump()
    world.scan_one()
    assert world.dump() == before


def test_a_disk_that_makes_up_its_inodes_is_not_read_again(world, monkeypatch):
    """FAT: a new number is no change and no write; only those still to be read are noted, once."""
    monkeypatch.setattr(step, "has_stable_inodes", lambda fstype: False)
    world.put("a.jpg", "b.jpg")
    world.scan_one()
    world.read_all()
    world.put("unread.jpg")
    world.scan_one()
    with world.store.write() as db:
        db.execute("UPDATE photos SET ino = ino + 1000")
    assert not is_changed(world.scan_one())
    library = load_libraries(world.store.db)[0].id
    inodes = {path: stamp[3] for path, stamp in load_stamps(world.store.db, library).items()}
    assert inodes[b"unread.jpg"] == os.stat(world.lib / "unread.jpg").st_ino
    assert inodes[b"a.jpg"] == os.stat(world.lib / "a.jpg").st_ino + 1000
    before = world.store.db.conn.total_changes
    world.scan_one()
    assert world.store.db.conn.total_changes == before
    (world.lib / "a.jpg").write_bytes(b"another content")
    assert world.scan_one().changed == 1


def test_moved_photos_keep_all_that_is_known(world):
    """A renamed folder and a renamed file are read by nobody."""
    world.put("a/1.jpg", "a/2.jpg", "b.jpg")
    world.scan_one()
    world.read_all()
    ids = dict(world.store.db.execute("SELECT image, id FROM photos").fetchall())
    (world.lib / "a").rename(world.lib / "z")
    (world.lib / "b.jpg").rename(world.lib / "c.jpg")
    report = world.scan_one()
    assert (report.moved, report.added, report.gone) == (3, 0, 0)
    assert world.photos() == {
        "z/1.jpg": (0, "b1:a/1.jpg"),
        "z/2.jpg": (0, "b1:a/2.jpg"),
        "c.jpg": (0, "b1:b.jpg"),
    }
    assert dict(world.store.db.execute("SELECT image, id FROM photos").fetchall()) == ids
    assert not is_changed(world.scan_one())


def test_a_doubtful_move_is_read_again(world):
    """Times in whole seconds and another name: it keeps its image, but must be read."""
    world.put("a.jpg", "b.jpg")
    os.utime(world.lib / "a.jpg", ns=(10**18, 10**18))
    world.scan_one()
    world.read_all()
    (world.lib / "a.jpg").rename(world.lib / "c.jpg")
    assert world.scan_one().moved == 1
    assert world.photos() == {"b.jpg": (0, "b1:b.jpg"), "c.jpg": (1, "b1:a.jpg")}


def test_a_move_onto_another_photo_is_seen(world):
    """`mv a.jpg b.jpg`: b has changed, a is gone."""
    world.put("a.jpg", "b.jpg", "c.jpg")
    world.scan_one()
    world.read_all()
    (world.lib / "a.jpg").replace(world.lib / "b.jpg")
    report = world.scan_one()
    assert (report.changed, report.gone, report.moved) == (1, 1, 0)
    assert world.photos()["b.jpg"] == (1, "b1:b.jpg")


def test_a_copy_is_a_new_photo(world):
    """A copy, a hard link and a link are read (for their hash), the original is not."""
    world.put("a.jpg")
    world.scan_one()
    world.read_all()
    shutil.copy2(world.lib / "a.jpg", world.lib / "copy.jpg")
    os.link(world.lib / "a.jpg", world.lib / "hard.jpg")
    (world.lib / "soft.jpg").symlink_to("a.jpg")
    assert world.scan_one().added == 3
    assert {path for path, (stale, _) in world.photos().items() if stale} == {
        "copy.jpg",
        "hard.jpg",
        "soft.jpg",
    }


def test_a_photo_that_is_gone_leaves_its_image(world):
    """The row goes, the image waits for the same content to come back."""
    world.put("a.jpg", "b.jpg")
    world.scan_one()
    world.read_all()
    (world.lib / "a.jpg").unlink()
    assert world.scan_one().gone == 1
    assert list(world.photos()) == ["b.jpg"]
    assert world.store.db.execute("SELECT count(*) FROM images").fetchone() == (2,)


def test_a_photo_that_the_disk_forgets_to_list_is_not_gone(world, monkeypatch):
    """Some file systems list a folder in part and report no error; the file itself is asked."""
    world.put("a.jpg", "b.jpg")
    world.scan_one()
    real = os.scandir

    class Forgetful:
        def __init__(self, path):
            self.entries = real(path)

        def __enter__(self):
            return (entry for entry in self.entries if entry.name != b"a.jpg")

        def __exit__(self, *_):
            self.entries.close()

    monkeypatch.setattr(os, "scandir", Forgetful)
    report = world.scan_one()
    assert (report.gone, report.lost) == (0, 1)
    assert list(world.photos()) == ["a.jpg", "b.jpg"]


def test_excluding_photos_takes_them_out_whatever_their_number(world):
    """The user's word is no accident: no brake, and not taken for an emptied library."""
    world.put(*(f"raw/{n}.jpg" for n in range(60)))
    world.scan_one()
    report = world.scan_one("raw/")
    assert (report.online, report.problem, report.gone) == (True, None, 60)
    assert world.photos() == {}


def test_the_brake_holds_a_great_loss(world):
    """More than 50 and a fifth: what vanished stays, new photos come in, and the status says so."""
    world.put(*(f"a/{n}.jpg" for n in range(51)), "b.jpg", "c.jpg")
    world.scan_one()
    shutil.rmtree(world.lib / "a")
    (world.lib / "b.jpg").rename(world.lib / "moved.jpg")
    world.put("new.jpg")
    report = world.scan_one()
    assert (report.online, report.gone, report.lost, report.added, report.moved) == (True, 0, 51, 1, 1)
    assert "51 of the 53 photos in" in report.problem
    assert len(world.photos()) == 54
    (library,) = load_libraries(world.store.db)
    assert library.problem == report.problem

    world.put("a/7.jpg")
    assert world.scan_one().problem is None  # 50 missing ones are tidying up
    assert len(world.photos()) == 4


def test_held_losses_come_back_or_are_accepted(world):
    """Put back, they are as they were; accepted, they are gone."""
    world.put(*(f"a/{n}.jpg" for n in range(60)), "b.jpg")
    world.scan_one()
    world.read_all()
    (world.lib / "a").rename(world.base / "away")
    assert world.scan_one().lost == 60
    (world.base / "away").rename(world.lib / "a")
    report = world.scan_one()
    assert (report.problem, is_changed(report)) == (None, False)
    assert not any(stale for stale, _ in world.photos().values())
    shutil.rmtree(world.lib / "a")
    assert world.scan_one().lost == 60
    report = world.scan_one(accept_losses=True)
    assert (report.problem, report.gone) == (None, 60)
    assert list(world.photos()) == ["b.jpg"]


@pytest.mark.parametrize("how", ["missing", "file", "dangling", "emptied"])
def test_a_library_that_is_not_there_is_frozen(world, how):
    """Missing, a file, a link to nowhere, empty where it held photos: nothing changes but its state."""
    world.put("a.jpg", "b/c.jpg")
    world.scan_one()
    world.read_all()
    before = world.photos()
    world.lib.rename(world.base / "away")
    if how == "file":
        world.lib.touch()
    if how == "dangling":
        world.lib.symlink_to("nowhere")
    if how == "emptied":
        (world.base / "away").rename(world.lib)
        shutil.rmtree(world.lib / "b")
        (world.lib / "a.jpg").unlink()
    report = world.scan_one()
    assert (report.online, report.gone, report.lost) == (False, 0, 2)
    assert "but held 2 photos; nothing was changed" in report.problem
    assert "\n" not in report.problem
    assert world.photos() == before
    (library,) = load_libraries(world.store.db)
    assert (library.online, library.problem) == (False, report.problem)
    writes = world.store.db.conn.total_changes
    world.scan_one()
    assert world.store.db.conn.total_changes == writes


def test_a_library_that_comes_back_is_as_before(world):
    """Unmounted and mounted again: online, no problem, nothing to read."""
    world.put("a.jpg", "b.jpg")
    world.scan_one()
    world.read_all()
    world.lib.rename(world.base / "away")
    world.scan_one()
    (world.base / "away").rename(world.lib)
    report = world.scan_one()
    assert (report.online, report.problem, is_changed(report)) == (True, None, False)
    assert load_libraries(world.store.db)[0].problem is None


def test_another_folder_at_the_same_path_is_frozen(world):
    """A disk of holiday films mounted where the photos were is not their deletion."""
    world.put("a.jpg", "b.jpg")
    world.scan_one()
    world.lib.rename(world.base / "away")
    world.lib.mkdir()
    world.put("c.jpg")
    report = world.scan_one()
    assert (report.online, report.lost) == (False, 2)
    assert "is another disk or folder than the one that held 2 photos" in report.problem
    assert list(world.photos()) == ["a.jpg", "b.jpg"]
    accepted = world.scan_one(accept_losses=True)
    assert (accepted.online, accepted.added, accepted.gone) == (True, 1, 2)
    assert world.scan_one().problem is None


def test_the_same_photos_on_another_disk_are_taken_over(world):
    """A library restored to a new disk at the old path: other inodes, the same photos, nothing is read."""
    world.put("a.jpg", "b/c.jpg")
    world.scan_one()
    world.read_all()
    world.lib.rename(world.base / "old disk")
    shutil.copytree(world.base / "old disk", world.lib)
    report = world.scan_one()
    assert (report.online, report.problem, is_changed(report)) == (True, None, False)
    assert world.photos() == {"a.jpg": (0, "b1:a.jpg"), "b/c.jpg": (0, "b1:b/c.jpg")}
    stamps = load_stamps(world.store.db, load_libraries(world.store.db)[0].id)
    assert stamps[b"a.jpg"][3] == os.stat(world.lib / "a.jpg").st_ino


@pytest.mark.parametrize("exact", [False, True])
def test_a_library_at_a_new_root_is_adopted(world, exact):
    """`mv Photos Pictures` or a new disk: one library, at its new root, with nothing to read."""
    world.put("a.jpg", "b/c.jpg")
    world.scan_one()
    world.read_all()
    (before,) = load_libraries(world.store.db)
    new = world.base / "a new place"
    shutil.copytree(world.lib, new)
    shutil.rmtree(world.lib)
    world.name_libraries(new, exact=exact)
    (report,) = world.scan(named=[os.fsencode(new)])
    assert (report.root, report.online, report.problem) == (os.fsencode(new), True, None)
    assert not is_changed(report)
    (library,) = load_libraries(world.store.db, detached=True)
    assert (library.id, library.root, library.listed) == (before.id, os.fsencode(new), True)
    assert not any(stale for stale, _ in world.photos().values())
    assert not is_changed(world.scan_one())


def test_a_library_that_was_asked_for_is_not_adopted_away(world):
    """Both named: the missing one is unplugged, and the other is its backup."""
    world.put("a.jpg", "b.jpg")
    world.scan_one()
    backup = world.base / "backup"
    shutil.copytree(world.lib, backup)
    world.lib.rename(world.base / "unplugged")
    world.name_libraries(world.lib, backup, exact=True)
    reports = world.scan(named=[os.fsencode(world.lib), os.fsencode(backup)])
    assert [(report.root, report.online) for report in reports] == [
        (os.fsencode(backup), True),
        (os.fsencode(world.lib), False),
    ]


def test_a_copy_of_a_library_that_is_still_there_is_a_second_library(world):
    """Two roots, four photos."""
    world.put("a.jpg", "b.jpg")
    world.scan_one()
    backup = world.base / "backup"
    shutil.copytree(world.lib, backup)
    world.name_libraries(backup)
    assert [report.added for report in world.scan(named=[os.fsencode(backup)])] == [2, 0]


def test_one_library_offline_never_holds_up_the_others(world):
    """The second one is scanned as ever."""
    second = world.base / "second"
    world.put("a.jpg")
    world.put("b.jpg", root=second)
    world.name_libraries(second)
    world.scan()
    world.lib.rename(world.base / "away")
    world.put("c.jpg", root=second)
    first, other = world.scan()
    assert (first.online, other.online, other.added) == (False, True, 1)


def test_a_library_taken_off_the_list_is_detached(world):
    """Its photos are known but not reachable; put back on the list, they are there again."""
    second = world.base / "second"
    world.put("a.jpg")
    world.put("b.jpg", root=second)
    world.name_libraries(second)
    world.scan()
    world.read_all()
    assert len(load_photos_of_images(world.store.db)) == 2
    world.name_libraries(second, exact=True)
    assert [report.root for report in world.scan()] == [os.fsencode(second)]
    ((photo,),) = load_photos_of_images(world.store.db).values()
    assert (photo.root, photo.path, photo.orientation) == (os.fsencode(second), b"b.jpg", 6)
    world.name_libraries(world.lib)
    assert not any(is_changed(report) for report in world.scan())
    assert len(load_photos_of_images(world.store.db)) == 2


@without_privileges
def test_photos_in_a_folder_without_permission_are_kept(tmp_path):
    """They are not gone; the library says which folder cannot be read, and the rest goes on."""
    with open_store(tmp_path / "state") as store:
        world = World(tmp_path, store)
        world.name_libraries(world.lib)
        world.put("closed/a.jpg", "closed/b.jpg", "c.jpg")
        world.scan_one()
        (world.lib / "closed").chmod(0)
        (world.lib / "c.jpg").unlink()
        world.put("d.jpg")
        try:
            report = world.scan_one()
        finally:
            (world.lib / "closed").chmod(0o700)
        assert (report.online, report.added, report.gone, report.lost) == (True, 1, 1, 2)
        assert "closed cannot be read (Permission denied); 2 photos known there" in report.problem
        assert list(world.photos()) == ["closed/a.jpg", "closed/b.jpg", "d.jpg"]


def quarantine(world, path: str) -> None:
    with world.store.write() as db:
        db.execute(
            "INSERT INTO quarantine (photo, reason, later, size, mtime_ns, ctime_ns, ino)"
            " SELECT id, 'it is no picture', 0, size, mtime_ns, ctime_ns, ino FROM photos WHERE path = ?",
            [os.fsencode(path)],
        )
        db.execute("INSERT INTO attempts (photo, in_flight, deaths, unclean) SELECT id, 0, 2, 1 FROM photos")
        db.execute("UPDATE photos SET stale = 0")


@pytest.mark.parametrize("how", ["content", "permission", "renamed"])
def test_a_quarantined_photo_is_tried_again_when_it_changes(world, how):
    """New permissions and a new name count too: perhaps they were the reason. Its failures are forgotten."""
    world.put("a.jpg", "b.jpg")
    world.scan_one()
    quarantine(world, "a.jpg")
    assert not is_changed(world.scan_one())
    assert [bad.path for bad in load_quarantine(world.store.db)] == [b"a.jpg"]
    photo = world.lib / "a.jpg"
    if how == "content":
        photo.write_bytes(b"better")
    elif how == "permission":
        photo.chmod(0o600)
    else:
        photo = photo.rename(world.lib / "c.jpg")
    world.scan_one()
    assert load_quarantine(world.store.db) == []
    assert world.photos()[photo.name][0] == 1
    row = world.store.db.execute(
        "SELECT deaths, unclean FROM attempts JOIN photos ON id = photo WHERE path = ?", [photo.name.encode()]
    ).fetchone()
    assert row == (0, 0)


def test_the_counts_tell_what_is_to_be_done(world):
    """Queued are those to be read, but for the ones in quarantine."""
    world.put("a.jpg", "b.jpg", "c.jpg")
    world.scan_one()
    world.read_all()
    quarantine(world, "a.jpg")
    world.put("d.jpg")
    world.scan_one()
    counts = load_counts(world.store.db)
    assert (counts.photos, counts.images, counts.queued, counts.quarantined) == (4, 3, 1, 1)


def test_a_people_folder_inside_the_library_is_no_loss(world):
    """Photos that lay there before belong to the people folder now, however many; nothing is held."""
    world.people = world.lib / "People"
    world.put(*(f"People/{n}.jpg" for n in range(60)), "a.jpg")
    scan_libraries(world.store, None)
    report = world.scan_one()
    assert (report.problem, report.gone) == (None, 60)
    assert list(world.photos()) == ["a.jpg"]


def test_the_order_of_arrival_leaves_no_trace(tmp_path):
    """Two stores over the same library have the same rows, whatever the disk lists first."""
    dumps = []
    for reverse in (False, True):
        with open_store(tmp_path / f"state{reverse}") as store:
            world = World(tmp_path, store)
            world.name_libraries(world.lib)
            if not reverse:
                world.put("b.jpg", "a/c.jpg", "a/a.jpg")
            real = os.scandir

            class Ordered:
                def __init__(self, path, real=real, reverse=reverse):
                    self.entries = real(path)
                    self.reverse = reverse

                def __enter__(self):
                    return iter(sorted(self.entries, key=lambda entry: entry.name, reverse=self.reverse))

                def __exit__(self, *_):
                    self.entries.close()

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "scandir", Ordered)
                world.scan_one()
            dumps.append(world.store.db.execute("SELECT * FROM photos ORDER BY id").fetchall())
    assert dumps[0] == dumps[1]
