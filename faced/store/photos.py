"""The tables libraries, library_mounts and photos, and what a rescan does to quarantine and attempts.

Plain functions over one database; those that write use the caller's transaction. What a scan means is
decided elsewhere.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlite_utils import Database

from faced.model import FileStamp, ImageId, LibraryId, Place

__all__ = [
    "Counts",
    "Library",
    "PlacedPhoto",
    "Quarantined",
    "Stamp",
    "adopt_library",
    "delete_photos",
    "is_size_of_photo",
    "load_absent_images",
    "load_counts",
    "load_libraries",
    "load_mounts",
    "load_photos_of_images",
    "load_quarantine",
    "load_quarantine_stamps",
    "load_sound_place",
    "load_stamps",
    "load_stamps_within",
    "load_unread",
    "move_photos",
    "release_quarantine",
    "save_library_state",
    "save_mounts",
    "save_photos",
    "save_stamps",
    "set_libraries",
]


Stamp = tuple[int, int, int, int]
"""The fields of a FileStamp. A scan loads one for every photo and needs the names of few."""


@dataclass(frozen=True, slots=True)
class Library:
    """A row of libraries. place: None before it was first seen. photos: how many are known."""

    id: LibraryId
    root: bytes
    listed: bool
    online: bool
    problem: str | None
    place: Place | None
    photos: int


class PlacedPhoto(NamedTuple):
    """A reachable photo of an image. root, path: of the library and below it. mtime_ns: UTC.

    taken: EXIF date, YYYY-MM-DDTHH:MM:SS in the camera's local time, or None. orientation: EXIF, 1 to 8.
    """

    root: bytes
    path: bytes
    mtime_ns: int
    taken: str | None
    orientation: int


class Quarantined(NamedTuple):
    """A photo that cannot be used, and why. later: it is tried again by every pass."""

    root: bytes
    path: bytes
    reason: str
    later: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the listed libraries. queued: to be read, and not in quarantine for good."""

    photos: int
    images: int
    queued: int
    quarantined: int


def load_libraries(db: Database, *, detached: bool = False) -> list[Library]:
    """The libraries of the set, by root; with `detached` those too that no longer belong to it."""
    which = "NOT portraits" if detached else "listed"
    rows = db.execute(
        "SELECT id, root, listed, online, problem, fsid, source, fstype, ino,"
        " (SELECT count(*) FROM photos WHERE library = libraries.id)"
        f" FROM libraries WHERE {which} ORDER BY root"
    )
    return [
        Library(LibraryId(i), root, bool(listed), bool(online), problem, _place(*place), photos)
        for i, root, listed, online, problem, *place, photos in rows
    ]


def load_sound_place(db: Database, library: LibraryId) -> tuple[bytes, Place] | None:
    """Root and place of a library that was there, as a whole, at its last scan; None: it was not."""
    row = db.execute(
        "SELECT root, fsid, source, fstype, ino FROM libraries WHERE id = ? AND online AND problem IS NULL",
        [library],
    ).fetchone()
    place = _place(*row[1:]) if row else None
    return (row[0], place) if place else None


def _place(fsid: int | None, source: str | None, fstype: str | None, ino: int | None) -> Place | None:
    if fsid is None or ino is None:
        return None
    return Place(fsid, source or "", fstype or "", ino)


def set_libraries(db: Database, roots: Collection[bytes], *, exact: bool) -> None:
    """Add the roots (absolute paths) to the set; with `exact` they are the whole of it.

    A library that leaves the set is detached: its row and photos stay. Writes only what differs.
    """
    known = {library.root: library.listed for library in load_libraries(db, detached=True)}
    new = sorted(root for root in set(roots) if not known.get(root))
    db.conn.executemany(
        "INSERT INTO libraries (root, listed, online) VALUES (?, 1, 0)"
        " ON CONFLICT (root) DO UPDATE SET listed = 1",
        [(root,) for root in new],
    )
    if exact:
        left = sorted(root for root, listed in known.items() if listed and root not in roots)
        db.conn.executemany("UPDATE libraries SET listed = 0 WHERE root = ?", [(root,) for root in left])


def save_library_state(
    db: Database, library: LibraryId, *, online: bool, problem: str | None, place: Place | None
) -> None:
    """What the last scan found out about the library as a whole."""
    fields = (place.fsid, place.source, place.fstype, place.ino) if place else (None,) * 4
    db.execute(
        "UPDATE libraries SET online = ?, problem = ?, fsid = ?, source = ?, fstype = ?, ino = ? WHERE id = ?",
        [online, problem, *fields, library],
    )


def load_mounts(db: Database, library: LibraryId) -> dict[bytes, Place]:
    """The disks that were seen inside the library, by mount point."""
    rows = db.execute(
        "SELECT path, fsid, source, fstype, ino FROM library_mounts WHERE library = ?", [library]
    )
    return {path: Place(*place) for path, *place in rows}


def save_mounts(db: Database, library: LibraryId, mounts: Mapping[bytes, Place]) -> None:
    """Remember these, and no others."""
    db.execute("DELETE FROM library_mounts WHERE library = ?", [library])
    db.conn.executemany(
        "INSERT INTO library_mounts (library, path, fsid, source, fstype, ino) VALUES (?, ?, ?, ?, ?, ?)",
        [(library, path, p.fsid, p.source, p.fstype, p.ino) for path, p in sorted(mounts.items())],
    )


_STAMPS = "SELECT path, size, mtime_ns, ctime_ns, ino FROM photos WHERE library = ?"


def load_stamps(db: Database, library: LibraryId) -> dict[bytes, Stamp]:
    """Every photo of the library as it was last seen, by path: the fields of its FileStamp."""
    return {row[0]: row[1:] for row in db.conn.execute(_STAMPS, [library])}


def load_stamps_within(
    db: Database, library: LibraryId, folders: Iterable[bytes], trees: Iterable[bytes]
) -> dict[bytes, Stamp]:
    """As load_stamps, of the photos directly in one of `folders`, or that are one of `trees` or anywhere below it.

    All are paths below the library's root, which is b"". Costs as much as there is in them.
    """
    found: dict[bytes, Stamp] = {}
    for tree in trees:
        if tree:
            found.update(_load_range(db, library, tree, tree + b"\0"))
        found.update(_load_range(db, library, *_bounds(tree)))
    for folder in folders:
        start, end = _bounds(folder)
        first: bytes | None = start
        while first is not None:
            first = _load_until_subfolder(db, library, first, end, len(start), found)
    return found


def _bounds(folder: bytes) -> tuple[bytes, bytes]:
    """Between them are all paths below the folder: `0` comes after `/`."""
    return (folder + b"/", folder + b"0") if folder else (b"", b"\xff" * 256)  # no name is that long


def _load_range(db: Database, library: LibraryId, first: bytes, end: bytes) -> dict[bytes, Stamp]:
    rows = db.conn.execute(f"{_STAMPS} AND path >= ? AND path < ?", [library, first, end])
    return {row[0]: row[1:] for row in rows}


def _load_until_subfolder(
    db: Database, library: LibraryId, first: bytes, end: bytes, depth: int, found: dict[bytes, Stamp]
) -> bytes | None:
    """Take photos in the order of their paths up to the first in a subfolder; where to go on behind that."""
    rows = db.conn.execute(f"{_STAMPS} AND path >= ? AND path < ? ORDER BY path", [library, first, end])
    for row in rows:
        slash = row[0].find(b"/", depth)
        if slash >= 0:
            return bytes(row[0][:slash]) + b"0"
        found[row[0]] = row[1:]
    return None


def load_unread(db: Database, library: LibraryId) -> set[bytes]:
    """The paths of the library's photos that are still to be read."""
    rows = db.execute("SELECT path FROM photos WHERE library = ? AND stale", [library])
    return {path for (path,) in rows}


def save_photos(db: Database, library: LibraryId, photos: Mapping[bytes, FileStamp], scan: int) -> None:
    """New or changed photos: to be read. A changed one keeps its image until then.

    What was counted against an earlier content of the file is forgotten.
    """
    db.conn.executemany(
        "INSERT INTO photos (library, path, size, mtime_ns, ctime_ns, ino, found, stale)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 1)"
        " ON CONFLICT (library, path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,"
        " ctime_ns = excluded.ctime_ns, ino = excluded.ino, found = excluded.found, stale = 1",
        [(library, path, s.size, s.mtime_ns, s.ctime_ns, s.ino, scan) for path, s in _oldest_first(photos)],
    )
    _forget_failures(db, library, photos)


def _oldest_first(photos: Mapping[bytes, FileStamp]) -> list[tuple[bytes, FileStamp]]:
    # Row ids then do not depend on the order in which the disk lists its files.
    return sorted(photos.items(), key=lambda item: (item[1].mtime_ns, item[0]))


def _forget_failures(db: Database, library: LibraryId, paths: Iterable[bytes]) -> None:
    keys = [(library, path) for path in paths]
    photo = "photo = (SELECT id FROM photos WHERE library = ? AND path = ?)"
    db.conn.executemany(f"DELETE FROM quarantine WHERE {photo}", keys)
    db.conn.executemany(f"UPDATE attempts SET deaths = 0, unclean = 0 WHERE {photo}", keys)


def save_stamps(db: Database, library: LibraryId, photos: Mapping[bytes, FileStamp]) -> None:
    """The same content with other times or another inode: nothing is to be read."""
    db.conn.executemany(
        "UPDATE photos SET size = ?, mtime_ns = ?, ctime_ns = ?, ino = ? WHERE library = ? AND path = ?",
        [(s.size, s.mtime_ns, s.ctime_ns, s.ino, library, path) for path, s in sorted(photos.items())],
    )


def move_photos(db: Database, library: LibraryId, moves: Iterable[tuple[bytes, bytes, FileStamp]]) -> None:
    """(old path, new path, stamp): the photo keeps its image, orientation and date."""
    db.conn.executemany(
        "UPDATE photos SET path = ?, size = ?, mtime_ns = ?, ctime_ns = ?, ino = ?"
        " WHERE library = ? AND path = ?",
        [(new, s.size, s.mtime_ns, s.ctime_ns, s.ino, library, old) for old, new, s in moves],
    )


def delete_photos(db: Database, library: LibraryId, paths: Iterable[bytes]) -> None:
    """Photos that are gone. Their images and faces stay."""
    db.conn.executemany(
        "DELETE FROM photos WHERE library = ? AND path = ?", [(library, path) for path in sorted(paths)]
    )


def load_quarantine_stamps(db: Database, library: LibraryId) -> dict[bytes, FileStamp]:
    """What the quarantined files looked like when they failed, by path."""
    rows = db.execute(
        # CROSS JOIN: the few in quarantine are gone through, never all photos of the library.
        "SELECT path, q.size, q.mtime_ns, q.ctime_ns, q.ino FROM quarantine q CROSS JOIN photos p ON p.id = q.photo"
        " WHERE library = ?",
        [library],
    )
    return {path: FileStamp(*stamp) for path, *stamp in rows}


def release_quarantine(db: Database, library: LibraryId, paths: Collection[bytes], scan: int) -> None:
    """These files are not as they were when they failed: they are to be read again, as new ones."""
    _forget_failures(db, library, paths)
    db.conn.executemany(
        "UPDATE photos SET stale = 1, found = ? WHERE library = ? AND path = ?",
        [(scan, library, path) for path in sorted(paths)],
    )


def adopt_library(db: Database, old: LibraryId, new: LibraryId) -> None:
    """The old library lives at the root of the new one (which holds no photos) from now on."""
    (root,) = db.execute("SELECT root FROM libraries WHERE id = ?", [new]).fetchone()
    db.execute("DELETE FROM library_mounts WHERE library = ?", [new])
    db.execute("DELETE FROM libraries WHERE id = ?", [new])
    db.execute("UPDATE libraries SET root = ?, listed = 1 WHERE id = ?", [root, old])


def load_photos_of_images(db: Database) -> dict[ImageId, list[PlacedPhoto]]:
    """The reachable photos of every image, by (root, path).

    Reachable: the library is of the set. One that is offline is frozen, so its photos count.
    """
    rows = db.conn.execute(
        "SELECT image, root, path, mtime_ns, taken, orientation"
        " FROM photos JOIN libraries ON libraries.id = photos.library"
        " WHERE listed AND image IS NOT NULL ORDER BY root, path"
    )
    found: dict[ImageId, list[PlacedPhoto]] = {}
    for image, root, path, mtime_ns, taken, orientation in rows:
        photo = PlacedPhoto(root, path, mtime_ns, taken, orientation or 1)
        found.setdefault(ImageId(image), []).append(photo)
    return found


def is_size_of_photo(db: Database, size: int) -> bool:
    """Whether a photo of a listed library has so many bytes."""
    row = db.execute(
        "SELECT 1 FROM photos JOIN libraries ON libraries.id = photos.library WHERE listed AND size = ? LIMIT 1",
        [size],
    )
    return row.fetchone() is not None


def load_absent_images(db: Database) -> frozenset[ImageId]:
    """Images that somebody is linked to, and of which no photo is known to be there: offline, detached or gone.

    One that was edited where it was is there, as what it has become.
    """
    here = """EXISTS (SELECT 1 FROM photos JOIN libraries ON libraries.id = photos.library
                      WHERE photos.image = images.id AND listed AND online)"""
    rows = db.execute(
        f"""WITH RECURSIVE absent (image, key) AS (
              SELECT id, key FROM images WHERE id IN (SELECT image FROM links) AND NOT {here}
            ), later (image, key) AS (
              SELECT image, key FROM absent
              UNION SELECT later.image, became.new FROM later JOIN became ON became.old = later.key)
            SELECT image FROM absent WHERE image NOT IN (
              SELECT later.image FROM later JOIN images ON images.key = later.key WHERE {here})"""
    )
    return frozenset(ImageId(image) for (image,) in rows)


def load_counts(db: Database) -> Counts:
    """How much there is and how much is to be done."""
    row = db.execute(
        "SELECT count(*), count(DISTINCT image), coalesce(sum(stale AND q.photo IS NULL OR q.later), 0),"
        " count(q.photo) FROM photos p JOIN libraries l ON l.id = p.library"
        " LEFT JOIN quarantine q ON q.photo = p.id WHERE l.listed"
    ).fetchone()
    return Counts(*row)


def load_quarantine(db: Database) -> list[Quarantined]:
    """What cannot be used, of the libraries of the set, by (root, path)."""
    rows = db.execute(
        "SELECT root, path, reason, later FROM quarantine q JOIN photos p ON p.id = q.photo"
        " JOIN libraries l ON l.id = p.library WHERE listed ORDER BY root, path"
    )
    return [Quarantined(root, path, reason, bool(later)) for root, path, reason, later in rows]
