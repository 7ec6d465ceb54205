"""A look at a few folders is worth as much as one at everything, and costs what is in them."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.library import step
from faced.library.exclude import compile_excludes
from faced.library.partial import make_part
from faced.library.ready import Settling
from faced.library.step import LibraryReport, scan_library
from faced.store.database import Store, open_store
from faced.store.photos import load_libraries, set_libraries
from tests.support.rerun import in_mount_namespace

EXCLUDES = compile_excludes(["raw/", "*.png"])


class Album:
    """A folder `lib` of a few photos, and states that know it."""

    def __init__(self, base: Path) -> None:
        self.base, self.lib = base, base / "lib"
        self.lib.mkdir(parents=True)
        self.hints: dict[bytes, bool] = {}
        self.tick = 1_600_000_000_123_456_789

    def put(self, path: str) -> None:
        """Make or overwrite a photo."""
        target = self.lib / path
        if target.is_dir() or not _is_clear(self.lib, target.parent):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # else a second name of it would change without a word
        self.tick += 1_000_000_007
        target.write_bytes(b"%d" % self.tick)
        os.utime(target, ns=(self.tick, self.tick))
        self.hint(target.parent)

    def hint(self, folder: Path, below: bool = False) -> None:
        """As the watcher would."""
        name = os.fsencode(folder.relative_to(self.lib))
        name = b"" if name == b"." else name
        self.hints[name] = self.hints.get(name, False) or below

    @contextmanager
    def known_to(self, name: str) -> Iterator[Store]:
        """A state that has scanned and read it."""
        with open_store(self.base / name) as store:
            with store.write() as db:
                set_libraries(db, [os.fsencode(self.lib)], exact=True)
            self.scan(store)
            read_all(store)
            yield store

    def scan(self, store: Store, **options) -> LibraryReport:
        (library,) = load_libraries(store.db)
        people = os.fsencode(self.lib / "People")
        return scan_library(store, library.id, people, excludes=EXCLUDES, **options)

    def scan_hinted(self, store: Store, **options) -> LibraryReport:
        return self.scan(store, only=self.hints, **options)


def _is_clear(lib: Path, folder: Path) -> bool:
    """Whether a folder may be made or written to: nothing on the way is a file or a link."""
    return all(
        not above.is_symlink() and (above.is_dir() or not os.path.lexists(above))
        for above in (folder, *folder.parents)
        if above.is_relative_to(lib)
    )


def read_all(store: Store) -> None:
    """As if every new photo had been read: each an image of its own."""
    with store.write() as db:
        db.execute(
            "INSERT INTO images (key, format, width, height)"
            " SELECT 'b1:' || id || '.' || found, 'JPEG', 8, 6 FROM photos WHERE stale"
        )
        db.execute(
            "UPDATE photos SET stale = 0, orientation = 1,"
            " image = (SELECT i.id FROM images i WHERE i.key = 'b1:' || photos.id || '.' || found) WHERE stale"
        )


def rows(store: Store) -> list[tuple[object, ...]]:
    return store.db.execute("SELECT * FROM photos ORDER BY path").fetchall()


def paths(store: Store) -> list[str]:
    return [os.fsdecode(path) for (path,) in store.db.execute("SELECT path FROM photos ORDER BY path")]


FOLDERS = ["", "a", "a/b", "a/b/c", "a-", "a0", "d", "d/raw", "d/.hidden", "d/@eaDir", "People", "d/e"]
FILES = ["1.jpg", "2.jpg", "x.png", "a", "z.jpeg"]

folders = st.sampled_from(FOLDERS)
files = st.builds(lambda folder, name: f"{folder}/{name}".lstrip("/"), folders, st.sampled_from(FILES))
acts = st.one_of(
    st.tuples(st.just("put"), files, files),
    st.tuples(st.just("put"), files, files),
    st.tuples(st.just("move"), files, files),
    st.tuples(st.just("move"), files, files),
    st.tuples(st.just("move folder"), folders, folders),
    st.tuples(st.just("link"), files, files),
    st.tuples(st.just("chmod"), files, files),
    st.tuples(st.just("delete"), files, files),
    st.tuples(st.just("delete folder"), folders, folders),
    st.tuples(st.just("mark"), folders, folders),
    st.tuples(st.just("fold"), folders, folders),
)


def act(album: Album, kind: str, one: str, other: str) -> None:
    """Do it if it can be done, and hint as the watcher would."""
    source, target = album.lib / one, album.lib / other
    if kind == "put":
        album.put(one)
    elif kind == "mark":  # a people folder of another faced
        if one and source.is_dir() and not source.is_symlink():
            (source / ".faced").mkdir(exist_ok=True)
            (source / ".faced/tree.json").touch()
            album.hint(source, below=True)
    elif kind == "fold":  # the folder is replaced by a link to it
        if one and source.is_dir() and not source.is_symlink():
            source.rename(album.base / f"outside {album.tick}")
            source.symlink_to(album.base / f"outside {album.tick}")
            album.tick += 1
            album.hint(source, below=True)
    elif kind in ("move", "link"):
        if source.is_file() and not os.path.lexists(target) and _is_clear(album.lib, target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target) if kind == "move" else os.link(source, target)
            album.hint(source.parent)
            album.hint(target.parent)
    elif kind == "chmod" and source.is_file():
        source.chmod(0o600 if source.stat().st_mode & 0o040 else 0o640)
        if source.stat().st_nlink == 1:
            album.hint(source.parent)
        else:
            album.hint(album.lib, below=True)
    elif kind == "delete" and source.is_file():
        if source.stat().st_nlink > 1:
            album.hint(album.lib, below=True)
        source.unlink()
        album.hint(source.parent)
    elif kind in ("move folder", "delete folder") and one and source.is_dir() and not source.is_symlink():
        if kind == "delete folder":
            shutil.rmtree(source)
        elif other and not os.path.lexists(target) and source not in target.parents:
            if not _is_clear(album.lib, target.parent):
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
            album.hint(target, below=True)
        else:
            return
        album.hint(source, below=True)
        album.hint(source.parent)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(files, max_size=12),
    st.lists(st.tuples(st.lists(acts, min_size=1, max_size=5), st.booleans()), min_size=1, max_size=3),
)
def test_a_look_at_the_hinted_folders_gives_the_rows_of_a_full_scan(begin, rounds):
    """Whatever was made, moved, replaced or deleted: the same rows, with the same images, and the same report."""
    with tempfile.TemporaryDirectory() as base, ExitStack() as stack:
        album = Album(Path(base) / "album")
        for path in begin:
            album.put(path)
        partly, fully = (stack.enter_context(album.known_to(name)) for name in ("partly", "fully"))
        for acting, read in rounds:
            album.hints = {}
            for one in acting:
                act(album, *one)
            part, full = album.scan_hinted(partly), album.scan(fully)
            assert replace(part, lost=full.lost) == full  # of a part, those in it
            assert rows(partly) == rows(fully)
            if read:
                read_all(partly)
                read_all(fully)


@pytest.fixture
def album(tmp_path):
    album = Album(tmp_path)
    for folder in ("", "2019/", "2019/summer/", "2019/winter/", "2020/"):
        for name in ("1.jpg", "2.jpg"):
            album.put(folder + name)
    album.hints = {}
    return album


@pytest.fixture
def no_full_scan(monkeypatch):
    """Looking at everything is a failure from now on."""

    def refuse():
        def fail(*_):
            raise AssertionError("everything was looked at")

        monkeypatch.setattr(step, "read_library", fail)

    return refuse


def test_only_the_hinted_folders_are_listed(album, no_full_scan, monkeypatch):
    """A new photo, a changed and a moved one cost a look at their folders; nobody counts or loads the rest."""
    with album.known_to("state") as store:
        no_full_scan()
        monkeypatch.setattr(step.rows, "load_stamps", None)
        monkeypatch.setattr(step.rows, "load_libraries", None)
        listed = []
        real = os.scandir
        monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or real(path))
        (library,) = [row[0] for row in store.db.execute("SELECT id FROM libraries")]
        (album.lib / "2019/summer/1.jpg").rename(album.lib / "2020/moved.jpg")
        album.put("2020/new.jpg")
        album.put("2020/2.jpg")
        report = scan_library(store, library, None, only={b"2019/summer": False, b"2020": False})
        assert (report.added, report.changed, report.moved, report.gone) == (1, 1, 1, 0)
        assert sorted(listed) == [os.fsencode(album.lib / name) for name in ("2019/summer", "2020")]


def test_photos_in_subfolders_are_looked_at_where_that_was_asked(album, no_full_scan):
    """False: the folder itself; True: all below."""
    with album.known_to("state") as store:
        no_full_scan()
        album.put("2019/3.jpg")
        album.put("2019/summer/3.jpg")
        album.put("2019/new/deep/3.jpg")
        assert album.scan(store, only={b"2019": False}).added == 1
        assert album.scan(store, only={b"2019": True}).added == 2


def test_a_folder_that_is_not_there_stands_for_the_one_above(album, no_full_scan):
    """A hint about a file, about a folder never seen, or about what has become a file, is one about its folder."""
    with album.known_to("state") as store:
        no_full_scan()
        album.put("2019/3.jpg")
        assert album.scan(store, only={b"2019/never/there": True}).added == 1
        album.put("2019/4.jpg")
        assert album.scan(store, only={b"2019/4.jpg": False}).added == 1
        album.put("5.jpg")
        assert album.scan(store, only={b"/nowhere//": False}).added == 1
        album.put("2020/6.jpg")
        assert album.scan(store, only={b"2020/../2020": False, b"2019/.": False}).added == 1


def test_a_folder_moved_within_the_hinted_ones_is_moved(album, no_full_scan):
    """Its photos keep what is known of them, without a look at the rest."""
    with album.known_to("state") as store:
        images = {row[2] for row in store.db.execute("SELECT id, path, image FROM photos")}
        no_full_scan()
        (album.lib / "2019").rename(album.lib / "2021")
        report = album.scan(store, only={b"": False, b"2019": True, b"2021": True})
        assert (report.added, report.moved, report.gone) == (0, 6, 0)
        assert {
            row[2] for row in store.db.execute("SELECT id, path, image FROM photos WHERE NOT stale")
        } == images


def test_a_photo_that_is_gone_is_judged_by_a_full_scan(album):
    """It has moved to a folder of which nothing was heard: no word about it is lost."""
    with album.known_to("state") as store:
        (album.lib / "2019/1.jpg").rename(album.lib / "2020/moved.jpg")
        report = album.scan(store, only={b"2019": False})
        assert (report.added, report.moved, report.gone) == (0, 1, 0)
        (album.lib / "2020/moved.jpg").unlink()
        assert album.scan(store, only={b"2020": False}).gone == 1


def test_the_brake_holds_after_a_look_at_a_part(album):
    """Most of the library deleted is asked about, however it was heard of."""
    for number in range(80):
        album.put(f"many/{number}.jpg")
    with album.known_to("state") as store:
        shutil.rmtree(album.lib / "many")
        report = album.scan(store, only={b"many": True, b"": False})
        assert (report.held, report.lost, report.gone) == (True, 80, 0)


def test_a_library_with_a_problem_is_looked_at_as_a_whole(album):
    """Held, offline, never seen, or elsewhere: a few folders prove nothing."""
    with album.known_to("state") as store:
        album.lib.rename(album.base / "away")
        report = album.scan(store, only={b"2019": True})
        assert (report.online, "is not there" in report.problem) == (False, True)
        (album.base / "away").rename(album.lib)
        album.put("unheard/1.jpg")
        report = album.scan(store, only={b"2019": True})
        assert (report.online, report.problem, report.added) == (True, None, 1)
        shutil.copytree(album.lib, album.base / "copy")
        shutil.rmtree(album.lib)
        (album.base / "copy").rename(album.lib)
        album.put("unheard/2.jpg")
        report = album.scan(store, only={b"2019": True})
        assert (report.online, report.added + report.changed > 0) == (True, True)
        assert "unheard/2.jpg" in paths(store)


def test_a_first_scan_is_never_of_a_part(tmp_path):
    """Nothing is known yet of what a library holds."""
    album = Album(tmp_path)
    album.put("a/1.jpg")
    with open_store(tmp_path / "state") as store:
        with store.write() as db:
            set_libraries(db, [os.fsencode(album.lib)], exact=True)
        assert album.scan(store, only={b"elsewhere": True}).added == 1


def test_links_are_looked_behind_and_what_is_passed_over_stays_so(album, no_full_scan):
    """In part as in a full scan: excluded, hidden, people; and links into them."""
    for path in ("raw/r.jpg", "People/Anna/p.jpg", "2020/.annex/k.jpg", "2020/x.png"):
        target = album.lib / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"x")
    with album.known_to("partly") as partly, album.known_to("fully") as fully:
        for number, target in enumerate(
            ("raw/r.jpg", "People/Anna/p.jpg", "2020/.annex/k.jpg", "2020/x.png", "2019/1.jpg", "nowhere.jpg")
        ):
            (album.lib / f"2019/link {number}.jpg").symlink_to(album.lib / target)
        album.scan(fully)
        no_full_scan()
        hints = {
            b"2019": False,
            b"raw": True,
            b"People/Anna": True,
            b"2020/.annex": True,
            b"2020/@eaDir": True,
        }
        assert album.scan(partly, only=hints).added == 2
        assert rows(partly) == rows(fully)


@in_mount_namespace
def test_a_library_with_a_disk_inside_is_looked_at_as_a_whole(tmp_path):
    """One folder may be mounted twice, and a disk that is away takes its photos along."""
    album = Album(tmp_path)
    album.put("a/1.jpg")
    album.put("b/.keep")
    with album.known_to("state") as store:
        subprocess.run(["mount", "--bind", album.lib / "a", album.lib / "b"], check=True)
        assert album.scan(store, only={b"b": True}).added == 0
        assert paths(store) == ["a/1.jpg"]


def test_unready_photos_are_left_as_they_were(album):
    """A new one is no row yet, a changed one keeps its row, a moved one is not gone; later each is taken."""
    with album.known_to("state") as store:
        settling = Settling(1000.0)
        before = rows(store)
        (album.lib / "2019/new.jpg").write_bytes(b"new")
        (album.lib / "2019/1.jpg").write_bytes(b"changed")
        for hints in ({b"2019": False}, None):
            report = album.scan(store, only=hints, settling=settling)
            assert (report.unready, report.added, report.changed, report.gone, report.lost) == (2, 0, 0, 0, 0)
            assert (report.online, report.problem) == (True, None)
            assert rows(store) == before
        assert settling.folders(os.fsencode(album.lib)) == {b"2019"}
        report = album.scan(store, only={b"2019": False})
        assert (report.added, report.changed) == (1, 1)


def test_a_move_does_not_wait_but_a_doubtful_one_does(album, no_full_scan):
    """A photo that is surely the same need not be read; one in whole seconds under another name must be."""
    os.utime(album.lib / "2019/2.jpg", (1_600_000_000, 1_600_000_000))
    with album.known_to("state") as store:
        no_full_scan()
        settling = Settling(1000.0)
        (album.lib / "2019/1.jpg").rename(album.lib / "2019/sure.jpg")
        (album.lib / "2019/2.jpg").rename(album.lib / "2019/doubtful.jpg")
        report = album.scan(store, only={b"2019": False}, settling=settling)
        assert (report.moved, report.unready, report.gone, report.lost) == (1, 1, 0, 0)
        assert {"2019/sure.jpg", "2019/2.jpg"} < set(paths(store))
        assert "2019/doubtful.jpg" not in paths(store)
        report = album.scan(store, only={b"2019": False})
        assert (report.moved, report.unready) == (1, 0)
        assert "2019/doubtful.jpg" in paths(store)


def test_a_quarantined_file_is_not_tried_while_it_is_written(album):
    """It is released when it is ready."""
    with album.known_to("state") as store:
        with store.write() as db:
            db.execute(
                "INSERT INTO quarantine SELECT id, 'bad', 0, size, mtime_ns, ctime_ns, ino FROM photos"
                " WHERE path = ?",
                [b"2019/1.jpg"],
            )
        (album.lib / "2019/1.jpg").write_bytes(b"better")
        album.scan(store, only={b"2019": False}, settling=Settling(1000.0))
        assert store.db.execute("SELECT count(*) FROM quarantine").fetchone() == (1,)
        album.scan(store, only={b"2019": False})
        assert store.db.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)


def test_a_frozen_library_has_nothing_to_settle(album):
    """Else its next look would be due for ever."""
    with album.known_to("state") as store:
        settling = Settling(1000.0)
        album.put("new.jpg")
        os.utime(album.lib / "new.jpg")
        assert album.scan(store, settling=settling).unready == 1
        album.lib.rename(album.base / "away")
        assert album.scan(store, settling=settling).online is False
        assert settling.due() is None


def test_a_part_is_named_once():
    """What lies in a tree is of that tree; names that only begin alike are others."""
    part = make_part({b"a", b"a/b", b"c", b"ab"}, {b"a", b"a/x", b"c/d"})
    assert (part.folders, part.trees) == ({b"c", b"ab"}, {b"a", b"c/d"})
    held = [b"a/1", b"a/q/1", b"c/1", b"c/d/e/1", b"ab/1", b"a"]
    assert all(part.holds(path) for path in held)
    assert not any(part.holds(path) for path in (b"1", b"c/e/1", b"ab/c/1", b"abc"))
    assert make_part((), {b"", b"a"}).is_everything
