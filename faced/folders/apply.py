"""Making one planned change after the other in the people folder.

A change is made only where the disk still is as it was planned for, and nothing is deleted or replaced that is not in
hand and known to be ours: what came out wrong is put back. What was not changed for such a reason makes the report
dirty.
"""

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from faced.folders.disk import join_path, parent_of
from faced.folders.hold import has_arrived_in, is_strangers_place
from faced.folders.names import is_junk, restored_name
from faced.folders.picture_file import read_picture
from faced.folders.removal import JUNK_FOLDER
from faced.folders.tree import (
    MOVED_ON,
    SCRATCH,
    is_place_wide,
    list_folder,
    open_folder,
    opened,
    read_text,
    read_tree,
)
from faced.folders.writer import TreeWriter
from faced.store.base import Base
from faced.store.intents import Intent, Operation

__all__ = ["Applied", "apply_operations", "is_made_so", "is_right_catch", "put_back", "scratch_name"]


def scratch_name(number: int) -> bytes:
    """Where an intent keeps what it has in hand, in SCRATCH."""
    return b"%d" % number


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
    base: Base,
    writer: TreeWriter,
    contents: Mapping[str, bytes] = NO_CONTENTS,
) -> Applied:
    """Make the changes that were committed to, in order.

    base: before the batch; its folders only. contents: of the face pictures, by face. Raises OSError when the place is
    at fault (is_place_wide); what was done until then stays done, and recovering tells.
    """
    hands = _Hands(root, base, writer, contents)
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

    def __init__(self, root: int, base: Base, writer: TreeWriter, contents: Mapping[str, bytes]) -> None:
        self.root = root
        self.folders = base.folders
        self.inodes = base.inodes
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
            if not is_right_catch(there, new_name, operation) or self._has_taken_along(there, operation):
                self.applied.is_dirty = True
                put_back(self.root, there, new_name, source, name, self.writer)

    def _has_taken_along(self, there: int, operation: Operation) -> bool:
        """Whether somebody's folder came along that a user put among the strangers, as it was the place for them."""
        if not is_strangers_place(operation.folder):
            return False
        with opened(there, (operation.new or b"").rpartition(b"/")[2], operation.ino) as handle:
            inside = [found.ino for path, found in read_tree(handle).items() if path]
        return has_arrived_in(operation.folder, inside, self.folders)


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
