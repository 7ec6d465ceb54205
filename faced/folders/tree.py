"""The people folder on disk: reading it, and making one planned change after the other in it.

Every folder is reached by handles, without following links, and known by its inode. A change is made only where
the disk still is as it was planned for, and nothing is deleted or replaced that is not in hand and known to be
ours: what came out wrong is put back. What was not changed for such a reason makes the report dirty.
"""

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from faced.folders.disk import Disk, DiskFolder, join_path, parent_of
from faced.folders.names import is_junk, is_passed_over, restored_name
from faced.folders.picture_file import read_picture
from faced.folders.removal import JUNK_FOLDER
from faced.folders.writer import TreeWriter
from faced.store.seen import FolderStamp
from faced.store.tree import Intent, Operation

__all__ = [
    "SCRATCH",
    "Applied",
    "apply_operations",
    "is_made_so",
    "is_place_wide",
    "is_right_catch",
    "list_folder",
    "open_folder",
    "opened",
    "put_back",
    "read_folders",
    "read_text",
    "read_tree",
    "scratch_name",
    "stamp_of",
]

SCRATCH = b".faced/tmp"
YOUNG_NS = 2_000_000_000
"""A folder that changed so shortly before it was read may change again without looking otherwise."""
DEEPEST = 32
"""Folders below this depth are not read."""
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# The world moved on since the plan was made: look again.
MOVED_ON = frozenset(
    [errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ESTALE]
)
# One path is at fault, not the place.
OF_ONE_PATH = frozenset(
    [errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EBUSY, errno.EXDEV, errno.EMLINK, errno.EINVAL]
)


def is_place_wide(error: OSError) -> bool:
    """Whether an error is of the whole place (disk full, broken, gone), so that going on is of no use."""
    return error.errno not in MOVED_ON and error.errno not in OF_ONE_PATH


def scratch_name(number: int) -> bytes:
    """Where an intent keeps what it has in hand, in SCRATCH."""
    return b"%d" % number


def open_folder(root: int, path: bytes, ino: int | None = None) -> int:
    """A handle on a folder of the tree. Raises OSError, also (ENOENT) when it is not the one of this inode."""
    handle = os.open(b".", OPEN_FOLDER, dir_fd=root)
    try:
        for part in path.split(b"/") if path else ():
            below = os.open(part, OPEN_FOLDER, dir_fd=handle)
            os.close(handle)
            handle = below
        if ino is not None and os.fstat(handle).st_ino != ino:
            raise FileNotFoundError(errno.ENOENT, "another folder stands there", path)
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def opened(root: int, path: bytes, ino: int | None = None) -> Iterator[int]:
    """open_folder, closed again after the block."""
    handle = open_folder(root, path, ino)
    try:
        yield handle
    finally:
        os.close(handle)


def read_text(folder: int, name: bytes) -> bytes | None:
    """What the link of this name says; None when there is no link. Raises OSError when that cannot be told."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINVAL, errno.ENOTDIR):
            return None
        raise


def read_tree(root: int, seen: Mapping[bytes, DiskFolder] | None = None) -> Disk:
    """Everything below the people folder that may be of a person. A folder that cannot be read costs that folder.

    seen: as folders were when they were last read; those that look the same are not read again.
    Raises OSError when the people folder itself cannot be read.
    """
    disk = Disk({})
    device = os.fstat(root).st_dev
    seen = seen or {}
    pending = [b""]
    while pending:
        path = pending.pop()
        found = _read_folder(root, path, device, seen.get(path))
        if found is None:
            continue
        if path.count(b"/") >= DEEPEST:
            found = DiskFolder(ino=found.ino, problem="it lies too deep")
        disk[path] = found
        pending += [join_path(path, name) for name in found.folders if not is_passed_over(name)]
    return disk


def stamp_of(status: os.stat_result) -> FolderStamp:
    """What a folder looks like from outside."""
    dev = status.st_dev - (1 << 64) if status.st_dev >= 1 << 63 else status.st_dev
    return FolderStamp(dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)


def read_folders(root: int, paths: Iterable[bytes]) -> Disk:
    """As read_tree, but only of these folders; those that are not there are left out."""
    device = os.fstat(root).st_dev
    found = {path: _read_folder(root, path, device) for path in sorted(paths)}
    return Disk({path: folder for path, folder in found.items() if folder is not None})


def _read_folder(root: int, path: bytes, device: int, before: DiskFolder | None = None) -> DiskFolder | None:
    try:
        with opened(root, path) as handle:
            if before is not None and before.stamp == stamp_of(os.fstat(handle)):
                return before
            return list_folder(handle, device)
    except OSError as error:
        if not path or (is_place_wide(error) and error.errno != errno.EIO):
            raise
        if error.errno in MOVED_ON:
            return None
        return DiskFolder(ino=0, problem=os.strerror(error.errno or 0))


def list_folder(handle: int, device: int | None = None) -> DiskFolder:
    """One folder. Raises OSError when it cannot be read whole, for half a list would look like deletions."""
    status = os.fstat(handle)
    stamp: FolderStamp | None = stamp_of(status)
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < YOUNG_NS:
        stamp = None
    if device is not None and status.st_dev != device:
        return DiskFolder(status.st_ino, problem="another file system is mounted there")
    links: dict[bytes, bytes] = {}
    folders, others = set(), set()
    with os.scandir(handle) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if entry.is_symlink():
                if (text := read_text(handle, name)) is not None:
                    links[name] = text
            elif entry.is_dir(follow_symlinks=False):
                folders.add(name)
            else:
                others.add(name)
    return DiskFolder(status.st_ino, links, frozenset(folders), frozenset(others), stamp=stamp)


@dataclass(slots=True)
class Applied:
    """What came of a batch. made: inode of each new folder. is_dirty: something was not as planned for, so look
    again. failed: path to reason, where the kernel refused one path.
    """

    made: dict[bytes, int] = field(default_factory=dict)
    is_dirty: bool = False
    failed: dict[bytes, str] = field(default_factory=dict)


NO_CONTENTS: Mapping[str, bytes] = {}


def apply_operations(
    root: int,
    intents: Sequence[Intent],
    inodes: Mapping[bytes, int],
    writer: TreeWriter,
    contents: Mapping[str, bytes] = NO_CONTENTS,
) -> Applied:
    """Make the changes that were committed to, in order.

    inodes: of base's folders, by path. contents: of the face pictures, by face. Raises OSError when the place is at fault (is_place_wide); what was done
    until then stays done, and recovering tells.
    """
    hands = _Hands(root, inodes, writer, contents)
    try:
        for number, operation in intents:
            try:
                hands.make(scratch_name(number), operation)
            except OSError as error:
                if is_place_wide(error):
                    raise
                if error.errno in MOVED_ON:
                    hands.applied.is_dirty = True
                else:
                    path = join_path(operation.folder, operation.name or b"")
                    reason = os.strerror(error.errno or 0)
                    hands.applied.failed[path.rstrip(b"/")] = f"it could not be changed: {reason}"
    finally:
        hands.close()
    return hands.applied


class _Hands:
    """The handles that a batch works with: the people folder, the scratch folder and the folder it is in."""

    def __init__(
        self, root: int, inodes: Mapping[bytes, int], writer: TreeWriter, contents: Mapping[str, bytes]
    ) -> None:
        self.root = root
        self.inodes = dict(inodes)
        self.writer = writer
        self.contents = contents
        self.applied = Applied()
        self.scratch = open_folder(root, SCRATCH)
        self._path: bytes | None = None
        self._handle = -1

    def close(self) -> None:
        self._leave()
        os.close(self.scratch)

    def _leave(self) -> None:
        if self._path is not None:
            os.close(self._handle)
            self._path = None

    def _enter(self, path: bytes, ino: int | None = None) -> int:
        """The handle of a person folder; it must still be base's, or made in this batch. ino: of another one."""
        if self._path != path:
            self._leave()
            if (ino := self.inodes.get(path, ino)) is None:
                raise FileNotFoundError(errno.ENOENT, "the folder was not made", path)
            self._handle = open_folder(self.root, path, ino)
            self._path = path
        return self._handle

    def make(self, scratch: bytes, operation: Operation) -> None:
        if operation.op == "link":
            self._link(operation)
        elif operation.op == "retarget":
            self._retarget(scratch, operation)
        elif operation.op == "drop":
            self._drop(scratch, operation)
        elif operation.op == "picture":
            self._picture(scratch, operation)
        elif operation.op == "unpicture":
            self._unpicture(scratch, operation)
        elif operation.op in ("mkdir", "picdir"):
            self._mkdir(scratch, operation)
        elif operation.op == "rmdir":
            self._rmdir(operation)
        else:
            self._movedir(operation)

    def _link(self, operation: Operation) -> None:
        name, text = operation.name or b"", operation.new or b""
        folder = self._enter(operation.folder)
        self.writer.symlink(text, folder, name)
        if operation.time_ns is not None:
            self.writer.set_time(folder, name, operation.time_ns)

    def _retarget(self, scratch: bytes, operation: Operation) -> None:
        name, text = operation.name or b"", operation.new or b""
        if text == operation.old:
            return
        folder = self._enter(operation.folder)
        if read_text(folder, name) != operation.old:
            raise FileNotFoundError(errno.ENOENT, "the link is not as it was", name)
        self.writer.symlink(text, self.scratch, scratch)
        if operation.time_ns is not None:
            self.writer.set_time(self.scratch, scratch, operation.time_ns)
        if not self.writer.exchange(self.scratch, scratch, folder, name):
            self._replace(scratch, folder, operation)
        elif read_text(self.scratch, scratch) == operation.old:
            self.writer.unlink(self.scratch, scratch)
        else:
            # Not what was there when we looked: it goes back; what comes out then is ours, or the user's too.
            self.applied.is_dirty = True
            self.writer.exchange(self.scratch, scratch, folder, name)
            self._clear(scratch, text, operation)

    def _replace(self, scratch: bytes, folder: int, operation: Operation) -> None:
        """Where nothing can be exchanged: look once more, then rename over it."""
        name = operation.name or b""
        if read_text(folder, name) == operation.old:
            self.writer.replace(self.scratch, scratch, folder, name)
        else:
            self.applied.is_dirty = True
            self.writer.unlink(self.scratch, scratch)

    def _drop(self, scratch: bytes, operation: Operation) -> None:
        name, text = operation.name or b"", operation.old or b""
        folder = self._enter(operation.folder)
        if read_text(folder, name) != text:
            raise FileNotFoundError(errno.ENOENT, "the link is not as it was", name)
        self.writer.move(folder, name, self.scratch, scratch)
        self._clear(scratch, text, operation)

    def _clear(self, scratch: bytes, ours: bytes, operation: Operation) -> None:
        """Delete what is in hand if it is our link, else give it back to whom it belongs."""
        if read_text(self.scratch, scratch) == ours:
            self.writer.unlink(self.scratch, scratch)
        else:
            self.applied.is_dirty = True
            put_back(self.root, self.scratch, scratch, operation.folder, operation.name or b"", self.writer)

    def _picture(self, scratch: bytes, operation: Operation) -> None:
        """Written where nobody looks, then moved to its place, so that nobody sees half of one."""
        status = os.fstat(self.root)
        mode = stat.S_IMODE(status.st_mode) & 0o666 | 0o600
        folder = self._enter(operation.folder)
        content = self.contents[operation.face or ""]
        self.writer.create_file(self.scratch, scratch, content, mode, status.st_gid)
        if operation.time_ns is not None:
            self.writer.set_time(self.scratch, scratch, operation.time_ns)
        try:
            self.writer.move(self.scratch, scratch, folder, operation.name or b"")
        except FileExistsError:
            self.writer.unlink(self.scratch, scratch)
            raise

    def _unpicture(self, scratch: bytes, operation: Operation) -> None:
        name = operation.name or b""
        folder = self._enter(operation.folder, operation.ino)
        if not is_made_so(folder, name, operation):
            raise FileNotFoundError(errno.ENOENT, "the face picture is not as it was", name)
        self.writer.move(folder, name, self.scratch, scratch)
        if is_made_so(self.scratch, scratch, operation):
            self.writer.unlink(self.scratch, scratch)
        else:
            self.applied.is_dirty = True
            put_back(self.root, self.scratch, scratch, operation.folder, name, self.writer)

    def _mkdir(self, scratch: bytes, operation: Operation) -> None:
        """Made and given its mode where nobody looks, then moved to its place, so that its inode is known."""
        status = os.fstat(self.root)
        mode = stat.S_IMODE(status.st_mode) & 0o3777 | 0o700
        parent, _, name = operation.folder.rpartition(b"/")
        with opened(self.root, parent, self.inodes.get(parent)) as handle:
            ino = self.writer.mkdir(self.scratch, scratch, mode, status.st_gid)
            self.writer.move(self.scratch, scratch, handle, name)
        self.inodes[operation.folder] = ino
        self.applied.made[operation.folder] = ino

    def _rmdir(self, operation: Operation) -> None:
        self._leave()
        parent, _, name = operation.folder.rpartition(b"/")
        with opened(self.root, parent) as handle:
            os.close(open_folder(handle, name, operation.ino))
            self.writer.rmdir(handle, name)

    def _movedir(self, operation: Operation) -> None:
        self._leave()
        source, _, name = operation.folder.rpartition(b"/")
        target, _, new_name = (operation.new or b"").rpartition(b"/")
        with opened(self.root, source) as here, opened(self.root, target) as there:
            os.close(open_folder(here, name, operation.ino))
            self.writer.move(here, name, there, new_name)
            if not is_right_catch(there, new_name, operation):
                self.applied.is_dirty = True
                put_back(self.root, there, new_name, source, name, self.writer)


def is_made_so(folder: int, name: bytes, operation: Operation) -> bool:
    """Whether a file is the face picture that an operation makes or takes away, to the last byte."""
    found = read_picture(folder, name)
    wanted = operation.new if operation.op == "picture" else operation.old
    return found is not None and found.checksum.encode() == wanted and found.face == operation.face


def is_right_catch(folder: int, name: bytes, operation: Operation) -> bool:
    """Whether a folder that was moved is the one meant; one moved out of sight must hold nothing but junk."""
    try:
        with opened(folder, name, operation.ino) as handle:
            if parent_of(operation.new or b"") != JUNK_FOLDER:
                return True
            found = list_folder(handle)
    except OSError as error:
        if error.errno in MOVED_ON:
            return False
        raise
    return not found.links and not found.folders and all(is_junk(name) for name in found.others)


def put_back(
    root: int, handle: int, caught: bytes, folder: bytes, name: bytes, writer: TreeWriter
) -> bytes | None:
    """Give back what is not ours: to its own name, else to the next `name (restored)`; to the people folder
    itself when its folder is gone or closed. Returns the path; None when there was nothing to give back.
    """
    try:
        return _give(root, handle, caught, folder, name, writer)
    except OSError as error:
        if is_place_wide(error) or not folder:
            raise
        return _give(root, handle, caught, b"", name, writer)


def _give(
    root: int, handle: int, caught: bytes, folder: bytes, name: bytes, writer: TreeWriter
) -> bytes | None:
    with opened(root, folder) as home:
        candidate, number = name, 0
        while True:
            try:
                writer.move(handle, caught, home, candidate)
            except FileExistsError:
                number += 1
                candidate = restored_name(name, number)
            except FileNotFoundError:
                return None
            else:
                return join_path(folder, candidate)
