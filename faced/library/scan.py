"""Which files of a library may be photos, by looking at its folders only.

Opens no file, follows no folder that is a symbolic link, writes nothing. It says what it saw, what it
could not see (`unlisted`) and what it was told to pass over (`skipped`); what that means is decided in
`changes`.
"""

import errno
import os
import stat
from collections.abc import Iterable

from faced.library.changes import Scan, is_below
from faced.library.exclude import Excludes
from faced.model import FileStamp
from faced.pictures.decode import EXTENSIONS
from faced.pictures.read import stamp_of

__all__ = ["is_people_folder", "read_library"]

JUNK_FOLDERS = frozenset(
    [b"@eaDir", b"#recycle", b"lost+found", b"$RECYCLE.BIN", b"System Volume Information"]
)
_DOT = ord(".")
_VANISHED = (errno.ENOENT, errno.ENOTDIR)


def is_people_folder(path: bytes) -> bool:
    """Whether some faced, this one or another, keeps a people folder there."""
    return os.path.lexists(os.path.join(path, b".faced/tree.json"))


def read_library(root: bytes, excludes: Excludes | None = None, apart: Iterable[bytes] = ()) -> Scan:
    """Walk a library. apart: absolute paths of folders that are never part of it (people, state).

    The same tree gives the same scan, in whatever order the disk lists it. A root that cannot be looked
    at gives a scan in which the root is unlisted; this never raises OSError.
    """
    return _Walk(root, excludes or Excludes(), apart).run()


class _Walk:
    def __init__(self, root: bytes, excludes: Excludes, apart: Iterable[bytes]) -> None:
        self.root = os.path.join(root, b"")
        self.real_root = os.path.join(os.path.realpath(root), b"")
        self.excludes = excludes
        self.any_excludes = excludes.expression is not None
        self.files: dict[bytes, FileStamp] = {}
        self.unlisted: dict[bytes, str] = {}
        self.skipped: set[bytes] = set()
        self.links: list[bytes] = []
        self.visited: set[tuple[int, int]] = set()
        self.apart_paths: set[bytes] = set()
        self.apart_nodes: set[tuple[int, int]] = set()
        for folder in apart:
            self._keep_apart(folder)

    def _keep_apart(self, folder: bytes) -> None:
        real = os.path.realpath(folder)
        if real.startswith(self.real_root):
            self.apart_paths.add(real[len(self.real_root) :])
        try:
            status = os.stat(real)
        except OSError:
            return
        self.apart_nodes.add((status.st_dev, status.st_ino))

    def run(self) -> Scan:
        waiting = [b""]
        while waiting:
            folder = waiting.pop()
            if self._is_to_be_listed(folder):
                # Smallest last, so that it is next: of one folder mounted twice the smaller path counts.
                waiting += sorted(self._list(folder), reverse=True)
        for link in self.links:
            self._look_behind(link)
        return Scan(self.files, self.unlisted, frozenset(self.skipped))

    def _is_to_be_listed(self, folder: bytes) -> bool:
        try:
            status = os.lstat(self.root + folder) if folder else os.stat(self.root)
        except OSError as error:
            self._note(folder, error)
            return False
        node = (status.st_dev, status.st_ino)
        if (
            folder in self.apart_paths
            or node in self.apart_nodes
            or node in self.visited
            or (self.any_excludes and folder and self.excludes.is_excluded(folder, folder=True))
        ):
            self.skipped.add(folder)
            return False
        if status.st_ino:  # some file systems in user space number nothing
            self.visited.add(node)
        return True

    def _note(self, path: bytes, error: OSError) -> None:
        if error.errno not in _VANISHED or not path:
            self.unlisted[path] = error.strerror or "it cannot be read"

    def _list(self, folder: bytes) -> list[bytes]:
        """Take the photos of one folder; return its subfolders."""
        prefix = folder + b"/" if folder else b""
        files: dict[bytes, FileStamp] = {}
        links: list[bytes] = []
        subfolders: list[bytes] = []
        marked = False
        try:
            with os.scandir(self.root + folder) as entries:
                for entry in entries:
                    name = entry.name
                    if name[0] == _DOT:
                        marked = marked or name == b".faced"
                        continue
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            if not _is_junk(name):
                                subfolders.append(prefix + name)
                            continue
                        if name[name.rfind(b".") :].lower() not in EXTENSIONS:
                            continue
                        path = prefix + name
                        if self.any_excludes and self.excludes.is_excluded(path, folder=False):
                            self.skipped.add(path)
                            continue
                        status = entry.stat(follow_symlinks=False)
                    except OSError as error:
                        self._note(prefix + name, error)
                        continue
                    if stat.S_ISREG(status.st_mode):
                        files[path] = FileStamp(
                            status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
                        )
                    elif stat.S_ISLNK(status.st_mode):
                        links.append(path)
        except OSError as error:
            self._note(folder, error)
        if marked and is_people_folder(self.root + folder):
            self.skipped.add(folder)
            return []
        self.files.update(files)
        self.links += links
        return subfolders

    def _look_behind(self, link: bytes) -> None:
        """A link to a file of this library is a photo, with the stamp of that file; any other is nothing."""
        try:
            target = os.path.realpath(self.root + link, strict=True)
            status = os.lstat(target)
        except OSError as error:
            if error.errno != errno.ELOOP:
                self._note(link, error)
            return
        inside = target.startswith(self.real_root) and stat.S_ISREG(status.st_mode)
        if inside and not is_below(target[len(self.real_root) :], self.skipped):
            self.files[link] = stamp_of(status)


def _is_junk(name: bytes) -> bool:
    return name in JUNK_FOLDERS or name.startswith((b"@Recycle", b".Trash"))
