"""Which files of a library may be photos, by looking at its folders only.

Opens no file, follows no folder that is a symbolic link, writes nothing. It says what it saw, what it
could not see (`unlisted`) and what it was told to pass over (`skipped`); what that means is decided in
`changes`.
"""

import errno
import os
import stat
from collections.abc import Iterable, Mapping

from faced.library.changes import Known, Scan, is_below
from faced.library.exclude import Excludes
from faced.library.partial import Part, make_part, parent_of
from faced.model import FileStamp
from faced.pictures.decode import EXTENSIONS
from faced.pictures.read import stamp_of

__all__ = ["is_junk", "is_people_folder", "read_library", "read_part"]

JUNK_FOLDERS = frozenset(
    [b"@eaDir", b"#recycle", b"lost+found", b"$RECYCLE.BIN", b"System Volume Information"]
)
_DOT = ord(".")
_VANISHED = (errno.ENOENT, errno.ENOTDIR)


def is_people_folder(path: bytes) -> bool:
    """Whether some faced, this one or another, keeps a people folder there."""
    return os.path.lexists(os.path.join(path, b".faced/tree.json"))


def read_library(
    root: bytes,
    excludes: Excludes | None = None,
    apart: Iterable[bytes] = (),
    known: Known | None = None,
) -> Scan:
    """Walk a library. apart: absolute paths of folders that are never part of it (people, state).

    known: photos of which only a change is of interest: as long as they are the same they are not in `files`.
    The same tree gives the same scan, in whatever order the disk lists it. A root that cannot be looked
    at gives a scan in which the root is unlisted; this never raises OSError.
    """
    return _Walk(root, excludes or Excludes(), apart, known).run()


def read_part(
    root: bytes,
    only: Mapping[bytes, bool],
    excludes: Excludes | None = None,
    apart: Iterable[bytes] = (),
) -> tuple[Scan, Part]:
    """Walk these folders of a library (True: and all below), as read_library would come upon them.

    Of one that is not there, or no folder of the library, the nearest above that is one is looked at. Returns
    what was seen, and what part of the library that is. Does not notice a folder that is mounted twice.
    """
    return _Walk(root, excludes or Excludes(), apart).run_part(only)


class _Walk:
    def __init__(
        self, root: bytes, excludes: Excludes, apart: Iterable[bytes], known: Known | None = None
    ) -> None:
        self.root = os.path.join(root, b"")
        self.real_root = os.path.join(os.path.realpath(root), b"")
        self.excludes = excludes
        self.any_excludes = excludes.expression is not None
        self.known: Known = known or {}
        self.files: dict[bytes, FileStamp] = {}
        self.other = dict(self.known)  # taking out costs less than noting down a hundred thousand paths
        self.unlisted: dict[bytes, str] = {}
        self.skipped: set[bytes] = set()
        self.links: list[bytes] = []
        self.visited: set[tuple[int, int]] = set()
        self.approached: dict[bytes, bool] | None = None  # in part: is that folder one of the library?
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
        self._walk(b"")
        return self._finish()

    def run_part(self, only: Mapping[bytes, bool]) -> tuple[Scan, Part]:
        self.approached = {}
        if self._is_marked(b""):
            return self._finish(), make_part((), (b"",))
        folders: set[bytes] = set()
        trees: set[bytes] = set()
        closed: set[bytes] = set()
        for folder, below in only.items():
            near, lost = self._approach(folder)
            if lost is not None:
                closed.add(lost)
            (trees if below and lost is None else folders).add(near)
        part = make_part(folders, trees | closed)
        for folder in sorted(part.folders):
            if self._is_to_be_listed(folder):
                self._list(folder)
        for folder in sorted(part.trees - closed):
            self._walk(folder)
        return self._finish(), part

    def _walk(self, start: bytes) -> None:
        waiting = [start]
        while waiting:
            folder = waiting.pop()
            if self._is_to_be_listed(folder):
                # Smallest last, so that it is next: of one folder mounted twice the smaller path counts.
                waiting += sorted(self._list(folder), reverse=True)

    def _finish(self) -> Scan:
        for link in self.links:
            self._look_behind(link)
        return Scan(self.files, self.unlisted, frozenset(self.skipped), self.known, self.other)

    def _approach(self, folder: bytes) -> tuple[bytes, bytes | None]:
        """The folder, if a walk from the root would list it; else the last above it that it would, and what stops it."""
        near = b""
        for name in filter(None, folder.split(b"/")):
            path = near + b"/" + name if near else name
            if not self._is_walked(path, name):
                return near, path
            near = path
        return near, None

    def _is_walked(self, folder: bytes, name: bytes) -> bool:
        assert self.approached is not None
        if folder not in self.approached:
            self.approached[folder] = (
                name[0] != _DOT
                and not is_junk(name)
                and self._is_to_be_listed(folder, passing=True)
                and not self._is_marked(folder)
            )
        return self.approached[folder]

    def _is_marked(self, folder: bytes) -> bool:
        if not is_people_folder(self.root + folder):
            return False
        self.skipped.add(folder)
        return True

    def _is_to_be_listed(self, folder: bytes, *, passing: bool = False) -> bool:
        """passing: on the way to another, which says nothing about whether it is listed twice."""
        try:
            status = os.lstat(self.root + folder) if folder else os.stat(self.root)
        except OSError as error:
            self._note(folder, error)
            return False
        if not stat.S_ISDIR(status.st_mode) and folder:
            return False  # it was one when its name was read
        node = (status.st_dev, status.st_ino)
        if (
            folder in self.apart_paths
            or node in self.apart_nodes
            or node in self.visited
            or (self.any_excludes and folder and self.excludes.is_excluded(folder, folder=True))
        ):
            self.skipped.add(folder)
            return False
        if status.st_ino and not passing:  # some file systems in user space number nothing
            self.visited.add(node)
        return True

    def _note(self, path: bytes, error: OSError) -> None:
        if error.errno not in _VANISHED or not path:
            self.unlisted[path] = error.strerror or "it cannot be read"

    def _list(self, folder: bytes) -> list[bytes]:
        """Take the photos of one folder; return its subfolders."""
        prefix = folder + b"/" if folder else b""
        files, other = self.files, self.other
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
                            if not is_junk(name):
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
                        seen = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
                        if other.get(path) == seen:
                            del other[path]
                        else:
                            files[path] = FileStamp(*seen)
                    elif stat.S_ISLNK(status.st_mode):
                        self.links.append(path)
        except OSError as error:
            self._note(folder, error)
        if marked and self._is_marked(folder):
            self._take_back(folder)
            return []
        return subfolders

    def _take_back(self, folder: bytes) -> None:
        """The photos directly in it are none."""
        self.files = {path: stamp for path, stamp in self.files.items() if parent_of(path) != folder}
        self.other |= {path: stamp for path, stamp in self.known.items() if parent_of(path) == folder}
        self.links = [path for path in self.links if parent_of(path) != folder]

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
        if inside and not self._is_skipped(target[len(self.real_root) :]):
            self.files[link] = stamp_of(status)

    def _is_skipped(self, file: bytes) -> bool:
        """Whether it was passed over; in part also whether it would have been."""
        if self.approached is not None:
            _, lost = self._approach(parent_of(file))
            if lost is None and self.any_excludes and self.excludes.is_excluded(file, folder=False):
                return True
        return is_below(file, self.skipped)


def is_junk(name: bytes) -> bool:
    """Whether a folder of this name holds no photos of anybody: what NAS and desktops leave behind."""
    return name in JUNK_FOLDERS or name.startswith((b"@Recycle", b".Trash"))
