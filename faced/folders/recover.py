"""After a batch, and after whatever ended one before its time: what does the disk say has become of it?

Ends what is half done (a link's time, something in hand that is not ours), looks at each intent in turn and says
how base has to change to be what was seen. It decides nothing about users: whatever is not as an intent would
have left it stays base's word.
"""

import errno
import os
import stat
from collections.abc import Callable, Mapping, Sequence

from faced.folders.apply import is_made_so, is_right_catch, put_back, scratch_name
from faced.folders.disk import Disk, parent_of
from faced.folders.names import is_junk
from faced.folders.picture_file import read_picture
from faced.folders.removal import JUNK_FOLDER
from faced.folders.tree import SCRATCH, list_folder, open_folder, opened, read_text, read_tree
from faced.folders.writer import TreeWriter
from faced.store.base import Base
from faced.store.intents import BaseChange, Intent, Operation, SeenLink, SeenPicture

__all__ = ["clear_strays", "settle_batch"]

NOT_THERE = frozenset([errno.ENOENT, errno.ENOTDIR, errno.ELOOP])
SEARCHES = 5
"""How often a folder is looked for that somebody keeps moving."""


def settle_batch(
    root: int,
    intents: Sequence[Intent],
    base: Base,
    writer: TreeWriter,
    made: Mapping[bytes, int] | None = None,
) -> BaseChange:
    """Look at the disk for each intent; base as it is to be, and an empty scratch folder.

    made: inodes of the folders that the batch made, by path, from the process that made them; None when that
    process is gone. Raises OSError when the disk cannot tell: the intents must stay then.
    """
    look = _Look(root, base, writer, made)
    try:
        in_hand = look.list_scratch()
        for number, operation in intents:
            if (name := scratch_name(number)) in in_hand:
                look.clear_scratch(name, operation)
        for _, operation in intents:
            if operation.op in ("mkdir", "picdir"):
                look.find_made(operation, intents)
        look.find_moved([o for _, o in intents if o.op == "movedir"])
        for _, operation in intents:
            look.see(operation)
    finally:
        look.close()
    return look.change


class _Look:
    """One look at the disk after a batch."""

    def __init__(self, root: int, base: Base, writer: TreeWriter, made: Mapping[bytes, int] | None) -> None:
        self.root = root
        self.writer = writer
        self.made = made
        self.change = BaseChange()
        self.inodes = base.inodes
        self._disk: Disk | None = None
        self._path: bytes | None = None
        self._handle: int | None = None
        try:
            self.scratch: int | None = open_folder(root, SCRATCH)
        except FileNotFoundError:
            self.scratch = None

    def close(self) -> None:
        self._leave()
        if self.scratch is not None:
            os.close(self.scratch)

    def _leave(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._path = self._handle = None

    def _enter(self, path: bytes, ino: int | None = None) -> int | None:
        """The folder that base has (or is to have) at `path`, or that of this inode, wherever the user moved it; None
        when it is gone.
        """
        if self._path != path:
            self._leave()
            self._path = path
            ino = self.inodes.get(path, ino)
            if ino is not None:
                self._handle = self._open(path, ino)
        return self._handle

    def _open(self, path: bytes, ino: int) -> int | None:
        """The folder of this inode, at `path` or wherever else; None when it is gone. Somebody may be moving it right
        now, so it is looked for more than once; raises OSError when it is never where it was seen.
        """
        where = path
        for number in range(SEARCHES):
            try:
                return open_folder(self.root, where, ino)
            except OSError as error:
                if error.errno not in NOT_THERE:
                    raise
            if self._disk is None or number:
                self._disk = read_tree(self.root)
            found = next((at for at, folder in self._disk.items() if folder.ino == ino), None)
            if found is None:
                return None
            where = found
        return open_folder(self.root, where, ino)

    # What a batch had in hand when it ended.

    def list_scratch(self) -> frozenset[bytes]:
        """The names of what is in hand."""
        return frozenset() if self.scratch is None else frozenset(map(os.fsencode, os.listdir(self.scratch)))

    def clear_scratch(self, name: bytes, operation: Operation) -> None:
        """Delete our own link, picture or new folder; everything else is the user's and goes back."""
        assert self.scratch is not None
        if operation.op in ("mkdir", "picdir"):
            try:
                self.writer.rmdir(self.scratch, name)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.ENOTDIR):
                    raise
            else:
                return
        if operation.op == "retarget" and not self._is_ours(name, operation):
            self._exchange_back(name, operation)
        if self._is_ours(name, operation):
            self.writer.unlink(self.scratch, name)
        else:
            wanted = operation.name or operation.folder.rpartition(b"/")[2]
            folder = parent_of(operation.folder) if operation.name is None else operation.folder
            put_back(self.root, self.scratch, name, folder, wanted, self.writer)

    def _is_ours(self, name: bytes, operation: Operation) -> bool:
        assert self.scratch is not None
        if operation.op == "picture":  # nothing but our own file, whole or half written, comes to be here
            return stat.S_ISREG(os.lstat(name, dir_fd=self.scratch).st_mode)
        if operation.op == "unpicture":
            return is_made_so(self.scratch, name, operation)
        text = read_text(self.scratch, name)
        return text is not None and text in (operation.old, operation.new)

    def _exchange_back(self, name: bytes, operation: Operation) -> None:
        """Killed between taking a user's file for our link and giving it back: our link stands in its place."""
        assert self.scratch is not None
        folder, link = self._enter(operation.folder), operation.name or b""
        if folder is not None and read_text(folder, link) == operation.new:
            self.writer.exchange(self.scratch, name, folder, link)

    # What the disk says.

    def find_made(self, operation: Operation, intents: Sequence[Intent]) -> None:
        """A new folder is ours if this process made it; after a crash, if nobody else's things are in it."""
        path = operation.folder
        if self.made is not None:
            ino = self.made.get(path)
        else:
            ino = self._adopt(path, [o for _, o in intents if path in (o.folder, parent_of(o.folder))])
        if ino is not None:
            self._leave()  # what was found at this path before may have been another folder, or none
            self.inodes[path] = ino
            made = self.change.made if operation.op == "mkdir" else self.change.picture_folders
            made.append((path, operation.person, ino))

    def _adopt(self, path: bytes, inside: Sequence[Operation]) -> int | None:
        texts = {(o.name, o.new) for o in inside if o.op == "link" and o.folder == path}
        pictures = [o for o in inside if o.op == "picture" and o.folder == path]
        ours = {o.folder.rpartition(b"/")[2] for o in inside if o.op == "picdir" and o.folder != path}
        try:
            with opened(self.root, path) as handle:
                found = list_folder(handle)
                has_picture = any(is_made_so(handle, o.name or b"", o) for o in pictures)
        except OSError as error:
            if error.errno in NOT_THERE:
                return None
            raise
        if has_picture or any((name, text) in texts for name, text in found.links.items()):
            return found.ino
        is_empty = not found.links and found.folders <= ours and all(is_junk(name) for name in found.others)
        return found.ino if is_empty else None

    def find_moved(self, moves: Sequence[Operation]) -> None:
        """A folder may have been moved twice in one batch, so each is looked for at all its names."""
        paths: dict[int, list[bytes]] = {}
        for operation in moves:
            ino = operation.ino or 0
            stops = paths.setdefault(ino, [operation.folder])
            if parent_of(operation.new or b"") != JUNK_FOLDER:
                stops.append(operation.new or b"")
                continue
            self._see_junked(operation)
        for ino, stops in paths.items():
            for path in reversed(stops[1:]):
                if self._is_at(path, ino):
                    self.change.moved[stops[0]] = path
                    break

    def _is_at(self, path: bytes, ino: int) -> bool:
        try:
            os.close(open_folder(self.root, path, ino))
        except OSError as error:
            if error.errno in NOT_THERE:
                return False
            raise
        return True

    def _see_junked(self, operation: Operation) -> None:
        parent, _, name = (operation.new or b"").rpartition(b"/")
        try:
            handle = open_folder(self.root, parent)
        except FileNotFoundError:
            return
        try:
            if not _exists(handle, name):
                return
            if is_right_catch(handle, name, operation):
                self.change.removed.append(operation.folder)
            else:
                source, _, old_name = operation.folder.rpartition(b"/")
                put_back(self.root, handle, name, source, old_name, self.writer)
        finally:
            os.close(handle)

    def see(self, operation: Operation) -> None:
        """One link or removed folder."""
        if operation.op == "rmdir":
            if not self._is_at(operation.folder, operation.ino or 0):
                self.change.removed.append(operation.folder)
        elif operation.op in ("link", "retarget", "drop"):
            self._see_link(operation)
        elif operation.op in ("picture", "unpicture"):
            self._see_picture(operation)

    def _see_link(self, operation: Operation) -> None:
        """| intent   | the disk has            | base                           |
        | link     | its text                | has it                         |
        | link     | anything else, or none  | has it not: planned again      |
        | retarget | the new text            | has the new text               |
        | retarget | anything else, or none  | keeps its word                 |
        | drop     | nothing there           | has it not                     |
        | drop     | anything                | keeps its word                 |
        """
        folder, name = self._enter(operation.folder), operation.name or b""
        text = None if folder is None else read_text(folder, name)
        if operation.op == "drop":
            if text is None and (folder is None or not _exists(folder, name)):
                self.change.gone.append((operation.folder, name))
            return
        if folder is None or text is None or text != operation.new:
            return
        if operation.image is None or operation.person is None:
            raise AssertionError("an intent of a link without its image or person")
        self._set_time(folder, name, operation)
        self.change.links.append(SeenLink(operation.folder, name, text, operation.image, operation.person))

    def _see_picture(self, operation: Operation) -> None:
        """As links: base has what was made while it is there, and has it not when nothing is."""
        folder = self._enter(operation.folder, operation.ino)
        name = operation.name or b""
        if operation.op == "unpicture":
            if folder is None or not _exists(folder, name):
                self.change.gone.append((operation.folder, name))
            return
        found = None if folder is None else read_picture(folder, name)
        if folder is None or found is None or found.checksum.encode() != operation.new:
            return
        seen = SeenPicture(operation.folder, name, found.face, found.checksum, found.ino, found.mtime_ns)
        self.change.pictures.append(seen)

    def _set_time(self, folder: int, name: bytes, operation: Operation) -> None:
        """The process may have died between making the link and setting its time."""
        if operation.time_ns is None:
            return
        try:
            if os.lstat(name, dir_fd=folder).st_mtime_ns != operation.time_ns:
                self.writer.set_time(folder, name, operation.time_ns)
        except FileNotFoundError:
            pass  # gone since we read it; base has it, so that is seen as the user's doing


def _exists(folder: int, name: bytes) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def clear_strays(
    root: int, is_known_text: Callable[[bytes], bool], is_made: Callable[[str], bool], writer: TreeWriter
) -> None:
    """Empty a scratch folder that no intent speaks of (the database was restored from a backup meanwhile): our
    own links and face pictures go, everything else goes back to the people folder under a name that is free.

    is_known_text: of links. is_made: by a face picture's checksum.
    """
    try:
        scratch = open_folder(root, SCRATCH)
    except FileNotFoundError:
        return
    try:
        for name in map(os.fsencode, os.listdir(scratch)):
            text = read_text(scratch, name)
            picture = read_picture(scratch, name) if text is None else None
            if (text is not None and is_known_text(text)) or (picture and is_made(picture.checksum)):
                writer.unlink(scratch, name)
            else:
                put_back(root, scratch, name, b"", name, writer)
    finally:
        os.close(scratch)
