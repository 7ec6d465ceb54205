"""The rows of libraries and photos, each function for itself."""

import pytest

from faced.model import FileStamp, ImageId, Place
from faced.store.database import open_store
from faced.store.photos import (
    Counts,
    PlacedPhoto,
    Quarantined,
    adopt_library,
    delete_photos,
    load_counts,
    load_libraries,
    load_mounts,
    load_photos_of_images,
    load_quarantine,
    load_quarantine_stamps,
    load_sound_place,
    load_stamps,
    load_stamps_within,
    load_unread,
    move_photos,
    release_quarantine,
    save_library_state,
    save_mounts,
    save_photos,
    save_stamps,
    set_libraries,
)

NAME = b"\xff\nIMG'; --.jpg"
STAMP = FileStamp(size=1, mtime_ns=2, ctime_ns=3, ino=2**62)
PLACE = Place(fsid=-(2**62), source="/dev/sda1", fstype="ext4", ino=2)


@pytest.fixture
def db(tmp_path):
    """Inside one transaction, with the library /a."""
    with open_store(tmp_path / "state") as store, store.write() as db:
        set_libraries(db, [b"/a"], exact=False)
        yield db


def id_of(db, root=b"/a"):
    return next(library.id for library in load_libraries(db, detached=True) if library.root == root)


def roots(db, **options):
    return [library.root for library in load_libraries(db, **options)]


def give_image(db, path, key, orientation=1, taken=None):
    db.execute("INSERT OR IGNORE INTO images (key, format, width, height) VALUES (?, 'JPEG', 4, 3)", [key])
    (image,) = db.execute("SELECT id FROM images WHERE key = ?", [key]).fetchone()
    db.execute(
        "UPDATE photos SET image = ?, orientation = ?, taken = ?, stale = 0 WHERE path = ?",
        [image, orientation, taken, path],
    )
    return ImageId(image)


def put_in_quarantine(db, path, later=0):
    db.execute(
        "INSERT INTO quarantine SELECT id, 'why', ?, size, mtime_ns, ctime_ns, ino FROM photos WHERE path = ?",
        [later, path],
    )


def test_arguments_add_and_a_configuration_is_the_whole_truth(db):
    """What leaves the set is detached, not deleted; what comes back is the same row."""
    first = id_of(db)
    set_libraries(db, [b"/b", b"/b"], exact=False)
    assert roots(db) == [b"/a", b"/b"]
    set_libraries(db, [b"/b", b"/c"], exact=True)
    assert roots(db) == [b"/b", b"/c"]
    assert roots(db, detached=True) == [b"/a", b"/b", b"/c"]
    set_libraries(db, [b"/a"], exact=False)
    assert roots(db) == [b"/a", b"/b", b"/c"]
    assert id_of(db) == first


def test_naming_the_same_libraries_again_writes_nothing(db):
    """So that a second sync leaves the database as it is."""
    before = db.conn.total_changes
    set_libraries(db, [b"/a"], exact=True)
    set_libraries(db, [b"/a"], exact=False)
    assert db.conn.total_changes == before


def test_a_library_is_never_seen_until_it_was(db):
    """No place, not online; afterwards all of it comes back as it was saved, negative ids too."""
    (library,) = load_libraries(db)
    assert (library.place, library.online, library.problem, library.photos) == (None, False, None, 0)
    save_library_state(db, library.id, online=True, problem="why", place=PLACE)
    (library,) = load_libraries(db)
    assert (library.place, library.online, library.problem) == (PLACE, True, "why")
    save_library_state(db, library.id, online=False, problem=None, place=None)
    assert load_libraries(db)[0].place is None


def test_mounts_are_remembered_as_last_saved(db):
    """Those left out are forgotten."""
    save_mounts(db, id_of(db), {b"usb": PLACE, NAME: PLACE})
    assert load_mounts(db, id_of(db)) == {b"usb": PLACE, NAME: PLACE}
    save_mounts(db, id_of(db), {b"usb": PLACE})
    assert load_mounts(db, id_of(db)) == {b"usb": PLACE}


def test_photos_come_back_by_their_very_bytes(db):
    """Names that are no text, inodes of 63 bits."""
    save_photos(db, id_of(db), {NAME: STAMP, b"b.jpg": STAMP}, scan=1)
    assert load_stamps(db, id_of(db)) == {NAME: STAMP, b"b.jpg": STAMP}
    assert load_libraries(db)[0].photos == 2


def test_a_changed_photo_is_stale_again_and_keeps_its_image(db):
    """And what was counted against its old content is forgotten."""
    save_photos(db, id_of(db), {b"a.jpg": STAMP, b"b.jpg": STAMP}, scan=1)
    image = give_image(db, b"a.jpg", "b1:1")
    put_in_quarantine(db, b"a.jpg")
    put_in_quarantine(db, b"b.jpg")
    db.execute("INSERT INTO attempts SELECT id, 1, 2, 1 FROM photos")
    newer = FileStamp(9, 9, 9, 9)
    save_photos(db, id_of(db), {b"a.jpg": newer}, scan=5)
    row = db.execute("SELECT stale, found, image FROM photos WHERE path = ?", [b"a.jpg"]).fetchone()
    assert row == (1, 5, image)
    assert load_stamps(db, id_of(db)) == {b"a.jpg": newer, b"b.jpg": STAMP}
    assert [bad.path for bad in load_quarantine(db)] == [b"b.jpg"]
    attempts = "SELECT in_flight, deaths, unclean FROM attempts JOIN photos ON id = photo ORDER BY path"
    assert db.execute(attempts).fetchall() == [(1, 0, 0), (1, 2, 1)]


def test_new_stamps_alone_make_nothing_stale(db):
    """The content is the same."""
    save_photos(db, id_of(db), {b"a.jpg": STAMP}, scan=1)
    give_image(db, b"a.jpg", "b1:1")
    save_stamps(db, id_of(db), {b"a.jpg": FileStamp(1, 2, 30, 40)})
    assert load_stamps(db, id_of(db)) == {b"a.jpg": FileStamp(1, 2, 30, 40)}
    assert db.execute("SELECT stale, found FROM photos").fetchall() == [(0, 1)]
    assert load_unread(db, id_of(db)) == set()
    save_photos(db, id_of(db), {NAME: STAMP}, scan=2)
    assert load_unread(db, id_of(db)) == {NAME}


def test_a_move_changes_the_path_only(db):
    """The row stays, with its image; another library's photo of the same path too."""
    set_libraries(db, [b"/b"], exact=False)
    for root in (b"/a", b"/b"):
        save_photos(db, id_of(db, root), {b"old.jpg": STAMP}, scan=1)
    give_image(db, b"old.jpg", "b1:1")
    before = db.execute("SELECT id, image, stale FROM photos ORDER BY id").fetchall()
    move_photos(db, id_of(db), [(b"old.jpg", NAME, STAMP)])
    assert db.execute("SELECT id, image, stale FROM photos ORDER BY id").fetchall() == before
    assert list(load_stamps(db, id_of(db))) == [NAME]
    assert list(load_stamps(db, id_of(db, b"/b"))) == [b"old.jpg"]


def test_deleting_photos_leaves_images_and_takes_their_failures(db):
    """Of this library only."""
    set_libraries(db, [b"/b"], exact=False)
    for root in (b"/a", b"/b"):
        save_photos(db, id_of(db, root), {b"a.jpg": STAMP, b"b.jpg": STAMP}, scan=1)
    give_image(db, b"a.jpg", "b1:1")
    put_in_quarantine(db, b"a.jpg")
    delete_photos(db, id_of(db), [b"a.jpg"])
    assert list(load_stamps(db, id_of(db))) == [b"b.jpg"]
    assert len(load_stamps(db, id_of(db, b"/b"))) == 2
    assert [(bad.root, bad.path) for bad in load_quarantine(db)] == [(b"/b", b"a.jpg")]
    assert db.execute("SELECT count(*) FROM images").fetchone() == (1,)


def test_quarantine_is_told_and_released(db):
    """With the stamp of the failure, by path; a released photo is to be read as a new one."""
    save_photos(db, id_of(db), {NAME: STAMP, b"b.jpg": STAMP}, scan=1)
    put_in_quarantine(db, NAME)
    put_in_quarantine(db, b"b.jpg", later=1)
    db.execute("UPDATE photos SET stale = 0")
    assert load_quarantine_stamps(db, id_of(db)) == {NAME: STAMP, b"b.jpg": STAMP}
    assert load_quarantine(db) == [
        Quarantined(b"/a", b"b.jpg", "why", later=True),
        Quarantined(b"/a", NAME, "why", later=False),
    ]
    release_quarantine(db, id_of(db), [NAME], scan=7)
    assert [bad.path for bad in load_quarantine(db)] == [b"b.jpg"]
    assert db.execute("SELECT stale, found FROM photos ORDER BY path").fetchall() == [(0, 1), (1, 7)]


def test_an_adopted_library_keeps_its_row_at_the_new_root(db):
    """The row that was made for the new root goes."""
    old = id_of(db)
    save_photos(db, old, {b"a.jpg": STAMP}, scan=1)
    set_libraries(db, [b"/new"], exact=True)
    adopt_library(db, old, id_of(db, b"/new"))
    (library,) = load_libraries(db, detached=True)
    assert (library.id, library.root, library.listed, library.photos) == (old, b"/new", True, 1)


def test_reachable_photos_are_those_of_the_set_also_offline(db):
    """By image, in the order of (root, path); a detached library's are not among them."""
    set_libraries(db, [b"/0", b"/detached"], exact=False)
    for root in (b"/a", b"/0", b"/detached"):
        save_photos(db, id_of(db, root), {b"z.jpg": STAMP, b"y.jpg": STAMP, b"unread.jpg": STAMP}, scan=1)
    one = give_image(db, b"z.jpg", "b1:1", orientation=6, taken="2019-01-02T03:04:05")
    give_image(db, b"y.jpg", "b1:1", orientation=3)
    save_library_state(db, id_of(db, b"/a"), online=False, problem="away", place=PLACE)
    set_libraries(db, [b"/0", b"/a"], exact=True)
    assert load_photos_of_images(db) == {
        one: [
            PlacedPhoto(b"/0", b"y.jpg", 2, None, 3),
            PlacedPhoto(b"/0", b"z.jpg", 2, "2019-01-02T03:04:05", 6),
            PlacedPhoto(b"/a", b"y.jpg", 2, None, 3),
            PlacedPhoto(b"/a", b"z.jpg", 2, "2019-01-02T03:04:05", 6),
        ]
    }


def test_counts_are_of_the_set(db):
    """Queued: stale and not given up; one that is tried again later is queued and quarantined."""
    assert load_counts(db) == Counts(photos=0, images=0, queued=0, quarantined=0)
    names = [b"1.jpg", b"2.jpg", b"3.jpg", b"4.jpg", b"5.jpg"]
    save_photos(db, id_of(db), dict.fromkeys(names, STAMP), scan=1)
    give_image(db, b"1.jpg", "b1:1")
    give_image(db, b"2.jpg", "b1:1")
    put_in_quarantine(db, b"3.jpg")
    put_in_quarantine(db, b"4.jpg", later=1)
    assert load_counts(db) == Counts(photos=5, images=1, queued=2, quarantined=2)
    set_libraries(db, [b"/b"], exact=True)
    assert load_counts(db) == Counts(photos=0, images=0, queued=0, quarantined=0)


PATHS = [
    b"a",
    b"a/1",
    b"a/b/2",
    b"a/b/c/3",
    b"a/b.jpg",
    b"a/b-/4",
    b"a/b0",
    b"a0",
    b"a-/5",
    b"b/6",
    b"\xff" * 20,
]


@pytest.mark.parametrize(
    ("folders", "trees", "expected"),
    [
        ([], [], []),
        ([b""], [], [b"a", b"a0", b"\xff" * 20]),
        ([b"a"], [], [b"a/1", b"a/b.jpg", b"a/b0"]),
        ([], [b"a"], [b"a", b"a/1", b"a/b/2", b"a/b/c/3", b"a/b.jpg", b"a/b-/4", b"a/b0"]),
        ([b"a"], [b"a/b"], [b"a/1", b"a/b/2", b"a/b/c/3", b"a/b.jpg", b"a/b0"]),
        ([b"nowhere"], [b"b", b"a0"], [b"b/6", b"a0"]),
        ([], [b""], PATHS),
    ],
)
def test_stamps_of_a_part_are_those_in_it(db, folders, trees, expected):
    """Directly in a folder, or anywhere below a tree; of one library; names that begin alike are others."""
    set_libraries(db, [b"/b"], exact=False)
    for root in (b"/a", b"/b"):
        save_photos(db, id_of(db, root), dict.fromkeys(PATHS, STAMP), 1)
    assert load_stamps_within(db, id_of(db), folders, trees) == dict.fromkeys(expected, STAMP)


def test_a_part_is_found_by_the_index(db):
    """So that it costs what is in it."""
    plan = db.execute(
        "EXPLAIN QUERY PLAN SELECT path, size FROM photos"
        " WHERE library = 1 AND path >= ? AND path < ? ORDER BY path",
        [b"a/", b"a0"],
    ).fetchall()
    assert [row[3] for row in plan] == [
        "SEARCH photos USING INDEX sqlite_autoindex_photos_1 (library=? AND path>? AND path<?)"
    ]


def test_the_place_of_a_sound_library_is_told(db):
    """Of one that is offline, has a problem or was never seen it is not."""
    assert load_sound_place(db, id_of(db)) is None
    for online, problem, told in ((True, None, True), (True, "held", False), (False, None, False)):
        save_library_state(db, id_of(db), online=online, problem=problem, place=PLACE)
        assert load_sound_place(db, id_of(db)) == ((b"/a", PLACE) if told else None)
