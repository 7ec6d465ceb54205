"""What happened to a library between two looks: added, changed, moved, gone.

Values in, values out. A photo that was not seen is gone only if its folder was; a move is believed
without reading the file only when nothing else can explain it. In doubt a photo is read again: its
hash then tells that it is the same picture, and nothing is encoded twice.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from enum import Enum

from faced.model import FileStamp

__all__ = [
    "Changes",
    "Inodes",
    "Move",
    "Scan",
    "count_lost",
    "defer",
    "diff_photos",
    "find_adopted",
    "find_new",
    "hold_losses",
    "is_below",
    "is_held",
    "note_inodes",
]

Known = Mapping[bytes, tuple[int, int, int, int]]
"""Photos by path, with the fields of their FileStamp."""

LOSS_COUNT = 50
LOSS_SHARE = 0.2
ADOPTED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Scan:
    """What one walk saw. All paths are relative to the library's root; b"" is the root itself.

    files: the photos, but for those of `known` that are as they were known. other: those of `known` that are
    not: they are in `files`, or were not seen. unlisted: folders (or single files) that could not be looked at, each with the
    reason; nothing is known about what is in them. skipped: folders and files that were passed over by
    the user's word (`exclude`) or because they are a people folder, the state, or were seen already.
    """

    files: Mapping[bytes, FileStamp]
    unlisted: Mapping[bytes, str]
    skipped: frozenset[bytes]
    known: Known = field(default_factory=dict)
    other: Known = field(default_factory=dict)

    def find(self, path: bytes) -> FileStamp | None:
        """The photo of that path; None when none was seen."""
        if path in self.known and path not in self.other:
            return FileStamp(*self.known[path])
        return self.files.get(path)

    @property
    def paths(self) -> Iterator[bytes]:
        """Of all photos that were seen."""
        yield from self.files
        yield from (path for path in self.known if path not in self.other)

    @property
    def empty(self) -> bool:
        """Whether no photo was seen."""
        return not self.files and len(self.other) == len(self.known)

    @property
    def complete(self) -> bool:
        """Whether everything could be looked at."""
        return not self.unlisted


def is_below(path: bytes, folders: Set[bytes] | Mapping[bytes, str]) -> bool:
    """Whether the relative path or a folder above it (b"", the root, too) is one of `folders`."""
    if not folders:
        return False
    if path in folders or b"" in folders:
        return True
    end = path.rfind(b"/")
    while end > 0:
        if path[:end] in folders:
            return True
        end = path.rfind(b"/", 0, end)
    return False


class Inodes(Enum):
    """What a photo's inode tells.

    STABLE: another inode is another file. UNSTABLE: nothing, the file system makes them up (vfat, some
    in user space). RENUMBERED: the library moved to another disk, so all are new this once.
    """

    STABLE = "stable"
    UNSTABLE = "unstable"
    RENUMBERED = "renumbered"


@dataclass(frozen=True, slots=True)
class Move:
    """A known photo at a new path. sure: it need not be read again."""

    old: bytes
    new: bytes
    stamp: FileStamp
    sure: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """Each path in at most one of these; an unchanged photo is in none.

    added, changed: to be read. touched: known, with the same content, but with new times or inode.
    gone: seen not to be there. kept: not seen, but not seen to be gone either; they stay as they are.
    """

    added: Mapping[bytes, FileStamp]
    changed: Mapping[bytes, FileStamp]
    touched: Mapping[bytes, FileStamp]
    moved: tuple[Move, ...]
    gone: frozenset[bytes]
    kept: frozenset[bytes]

    def __bool__(self) -> bool:
        """Whether there is anything to write down."""
        return bool(self.added or self.changed or self.touched or self.moved or self.gone)


def diff_photos(known: Known, scan: Scan, inodes: Inodes = Inodes.STABLE) -> Changes:
    """The changes that lead from the known photos to what the scan saw; it asked about these or about none.

    A file is unchanged while its size, modification time and inode are; the change time alone (new
    permissions, a hard link) makes it no other photo.
    """
    added: dict[bytes, FileStamp] = {}
    changed: dict[bytes, FileStamp] = {}
    touched: dict[bytes, FileStamp] = {}
    for path, seen in scan.files.items():
        before = known.get(path)
        if before is None:
            added[path] = seen
        elif before != seen:
            if not _is_same_content(FileStamp(*before), seen, inodes):
                changed[path] = seen
            elif inodes is not Inodes.UNSTABLE or FileStamp(*before).ctime_ns != seen.ctime_ns:
                touched[path] = seen
    unseen = (scan.other if scan.known else known).keys() - scan.files.keys()
    kept = frozenset(path for path in unseen if is_below(path, scan.unlisted))
    gone = unseen - kept
    vanished = {path: FileStamp(*known[path]) for path in gone}
    moved = _pair_moves(vanished, added) if inodes is Inodes.STABLE else ()
    for move in moved:
        del added[move.new]
    return Changes(added, changed, touched, moved, frozenset(gone - {move.old for move in moved}), kept)


def _is_same_content(before: FileStamp, seen: FileStamp, inodes: Inodes) -> bool:
    return (
        before.size == seen.size
        and before.mtime_ns == seen.mtime_ns
        and (before.ino == seen.ino or inodes is not Inodes.STABLE)
    )


def _pair_moves(gone: Mapping[bytes, FileStamp], added: Mapping[bytes, FileStamp]) -> tuple[Move, ...]:
    olds, news = _by_content(gone), _by_content(added)
    moves = []
    for content in olds.keys() & news.keys():
        alone = len(olds[content]) == len(news[content]) == 1
        for old, new in zip(sorted(olds[content]), sorted(news[content]), strict=False):
            moves.append(Move(old, new, added[new], sure=alone and _is_telling(old, new, added[new])))
    return tuple(sorted(moves, key=lambda move: move.old))


def _by_content(photos: Mapping[bytes, FileStamp]) -> dict[tuple[int, int, int], list[bytes]]:
    groups = defaultdict(list)
    for path, stamp in photos.items():
        groups[stamp.ino, stamp.size, stamp.mtime_ns].append(path)
    return groups


def _is_telling(old: bytes, new: bytes, stamp: FileStamp) -> bool:
    """Whether inode, size and time cannot agree by chance.

    A freed inode is soon used again, and of a burst of uncompressed pictures copied with times in whole
    seconds all sizes and times are equal. So a whole second counts only together with the file's name.
    """
    return stamp.mtime_ns % 1_000_000_000 != 0 or old.rpartition(b"/")[2] == new.rpartition(b"/")[2]


def count_lost(changes: Changes, scan: Scan) -> int:
    """How many photos are gone other than by the user's own word (`exclude`, a people folder put there)."""
    return sum(not is_below(path, scan.skipped) for path in changes.gone)


def is_held(lost: int, known: int) -> bool:
    """The brake: more than 50 and 20 % of a library's photos in one scan is no tidying up."""
    return lost > LOSS_COUNT and lost > LOSS_SHARE * known


def hold_losses(changes: Changes) -> Changes:
    """The same changes, but nothing is gone: what vanished is kept as it was."""
    return replace(changes, gone=frozenset(), kept=changes.kept | changes.gone)


def find_new(changes: Changes) -> dict[bytes, FileStamp]:
    """What is to be read because of these changes: for that a file must be ready."""
    doubtful = {move.new: move.stamp for move in changes.moved if not move.sure}
    return {**changes.added, **changes.changed, **doubtful}


def defer(changes: Changes, unready: Set[bytes]) -> Changes:
    """The same changes without these files, which are still being written: what was known of them stays.

    A photo that may have become one of them is not gone either.
    """
    return replace(
        changes,
        added={path: stamp for path, stamp in changes.added.items() if path not in unready},
        changed={path: stamp for path, stamp in changes.changed.items() if path not in unready},
        moved=tuple(move for move in changes.moved if move.sure or move.new not in unready),
    )


def note_inodes(changes: Changes, known: Known, scan: Scan, unread: Set[bytes]) -> Changes:
    """The same changes, and the inodes of photos still to be read, where inodes change by themselves.

    Whoever reads them compares the stamp; those that are read are left alone, so that an unchanged
    library is nothing to write down.
    """
    new = {
        path: scan.files[path]
        for path in unread
        if path not in changes.changed
        and path in known
        and path in scan.files
        and FileStamp(*known[path]).ino != scan.files[path].ino
    }
    return replace(changes, touched={**new, **changes.touched} if new else changes.touched)


def find_adopted(candidates: Mapping[bytes, Known], scan: Scan) -> bytes | None:
    """The library (by root) whose photos these are: nine tenths have the same path, size and time.

    Of several the one with most photos in common, then the smallest root.
    """
    best: tuple[int, bytes] | None = None
    for root, known in sorted(candidates.items(), reverse=True):
        common = sum(
            seen is not None and _is_same_content(FileStamp(*before), seen, Inodes.RENUMBERED)
            for before, seen in ((before, scan.files.get(path)) for path, before in known.items())
        )
        if known and common >= ADOPTED_SHARE * len(known) and (best is None or common >= best[0]):
            best = (common, root)
    return best[1] if best else None
