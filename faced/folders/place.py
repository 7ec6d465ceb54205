"""The people folder as a place: setting it up once, and knowing later that it is still the same one.

`.faced/tree.json` says which installation and which generation a tree is of. A place that is not what it was is
frozen: nothing in it is read as a user's doing and nothing is written. Nothing here knows persons or links.
"""

import errno
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from faced.errors import FacedError, Frozen, UsageError, shown
from faced.folders.names import NAME_BYTES
from faced.folders.probe import probe_place
from faced.folders.tree import open_folder, opened
from faced.folders.writer import TreeWriter
from faced.model import Place
from faced.mounts import read_place
from faced.store.database import Store
from faced.store.follow import is_adopting, save_adopting
from faced.store.intents import load_intents
from faced.store.settings import load_setting, read_installation
from faced.store.tree import Tree, forget_base, load_generation, load_tree, save_generation, save_tree

__all__ = [
    "FOR_OTHERS",
    "MARKER",
    "OWN",
    "OWN_README",
    "HeldTree",
    "ensure_own_folders",
    "open_place",
    "write_marker",
]

OWN = b".faced"
MARKER = b"tree.json"
MARKER_BYTES = 1 << 16
IF_LOST = "or, if it is lost, say `faced sync --rebuild` (no name is lost)"
OWN_README = b"""This folder belongs to faced, which fills the folders around it with links to photos.

tree.json says which installation of faced they belong to, and how often it has changed them. Without it faced
touches nothing here. In tmp faced holds what it is changing at this moment. In junk lie former folders of which
only files like Thumbs.db or .DS_Store were left; you may delete them.
"""
# So that other galleries do not list every photo twice. Made once; who deletes one of them has a reason.
FOR_OTHERS: Mapping[bytes, bytes] = {
    b".nomedia": b"",  # Android, Nextcloud, Tracker
    b".noimage": b"",  # Nextcloud
    b".ppignore": b"*\n",  # PhotoPrism
    b".plexignore": b"*\n",  # Plex
}


@dataclass(slots=True)
class HeldTree:
    """A people folder in hand: a handle on it, and what it was when it was opened."""

    root: bytes
    handle: int
    installation: str
    probe: Mapping[str, Any]

    @property
    def name_max(self) -> int:
        """Bytes, the longest file name."""
        return int(self.probe.get("name_max", NAME_BYTES))

    @property
    def dates_folders(self) -> bool:
        """Whether a folder that looks the same from outside is the same."""
        return self.probe.get("dates_folders") is True

    def check_writable(self) -> None:
        """Raises Frozen when nothing can be written (read-only mount, permission lost)."""
        if not _is_writable(self.handle):
            raise Frozen(
                f"the people folder {shown(self.root)} cannot be written to (a read-only disk, or a folder of somebody"
                " else's): give faced the right to write there, then say `faced sync`; nothing was changed"
            )

    def check_generation(self, *allowed: int) -> int:
        """The tree's generation. Raises Frozen when it is none of these (a restored backup), or not ours."""
        found = _own_marker(self.handle, self.root, self.installation)
        if found not in allowed:
            raise Frozen(
                f"the people folder {shown(self.root)} is of another time (change {found}, not {allowed[0]}): was it or"
                " the state restored from a backup? Put back the one that goes with the other, or say `faced sync"
                " --rebuild`, and the folders show what faced knows (no name is lost); nothing was changed"
            )
        return found

    def close(self) -> None:
        os.close(self.handle)


def open_place(store: Store, root: bytes, writer: TreeWriter, *, rebuild: bool = False) -> HeldTree:
    """The people folder, set up if this is its first use.

    rebuild: one that is not what it was is set up anew; its folders are to be recognised then (is_adopting).
    Raises UsageError when it cannot be one at all, Frozen when it is not what it was.
    """
    try:
        return _open_place(store, root, writer)
    except Frozen:
        if not rebuild:
            raise
    return _set_up(store, root, writer, is_other=False, rebuild=True)


def _open_place(store: Store, root: bytes, writer: TreeWriter) -> HeldTree:
    known = load_tree(store.db)
    if known is None or known.root != root:
        if known is not None and known.place is not None and _is_renamed(store, known, root):
            with store.write() as db:
                save_tree(db, root, known.place, known.probe)
            known = load_tree(store.db)
        else:
            _refuse_half_done(store, known, root)
            return _set_up(store, root, writer, is_other=known is not None)
    if known is None or known.place is None:
        return _set_up(store, root, writer, is_other=False)
    return _open_known(store, known, known.place)


def _open_known(store: Store, known: Tree, place: Place) -> HeldTree:
    what = f"the people folder {shown(known.root)}"
    try:
        handle = _open_root(known.root)
    except OSError as error:
        raise Frozen(f"{what} {_why_not_open(error)}; nothing was changed") from error
    try:
        found = read_place(known.root)
        if not place.is_same(found) or os.fstat(handle).st_ino != place.ino:
            raise Frozen(
                f"{what} is not the one it was (another disk or another folder is there): mount the right disk or put"
                f" the folder back, {IF_LOST}; nothing was changed"
            )
        installation = load_setting(store.db, "installation") or ""
        held = HeldTree(known.root, handle, installation, known.probe)
        generation = load_generation(store.db)
        if is_adopting(store.db):  # the database was made anew, from a backup or from nothing
            _catch_up(store, _own_marker(handle, known.root, installation))
        elif load_intents(store.db):
            held.check_generation(generation, generation - 1)
        else:
            held.check_generation(generation)
    except OSError as error:
        os.close(handle)
        raise Frozen(f"{what} cannot be read ({error.strerror}); nothing was changed") from error
    except BaseException:
        os.close(handle)
        raise
    return held


def _catch_up(store: Store, generation: int) -> None:
    if generation != load_generation(store.db):
        with store.write() as db:
            save_generation(db, generation)


def _open_root(root: bytes) -> int:
    """The root itself may be a link: that is the user's choice. What is below never is."""
    return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _why_not_open(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"is not there: mount its disk or put it back, {IF_LOST}"
    if error.errno == errno.ENOTDIR:
        return "is not a folder any more"
    return f"cannot be opened ({error.strerror})"


def _is_writable(handle: int) -> bool:
    return os.access(b".", os.W_OK | os.X_OK, dir_fd=handle, effective_ids=True)


# The marker.


def _read_marker(root: int) -> Mapping[str, Any] | None:
    """What tree.json says; None when there is none. Raises ValueError when it makes no sense."""
    try:
        with opened(root, OWN) as own:
            handle = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=own)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise
    with os.fdopen(handle, "rb") as file:
        content = json.loads(file.read(MARKER_BYTES))
    if not isinstance(content, dict) or not isinstance(content.get("generation"), int):
        raise ValueError("no generation")
    return content


def _own_marker(handle: int, root: bytes, installation: str) -> int:
    """The generation that the tree says it has. Raises Frozen when it says nothing, or is somebody else's."""
    what = f"the people folder {shown(root)}"
    try:
        marker = _read_marker(handle)
    except ValueError:
        raise Frozen(
            f"{what} has a .faced/tree.json that makes no sense: put it back from a backup, or name"
            f" another folder with --people, {IF_LOST}; nothing was changed"
        ) from None
    if marker is None:
        raise Frozen(
            f"{what} has no .faced/tree.json, so its disk is not mounted or it was emptied: mount the disk, put the file"
            f" back, or name another folder with --people, {IF_LOST}; nothing was changed"
        )
    if marker.get("installation") != installation:
        raise Frozen(
            f"{what} belongs to another installation of faced (another --state?): put back the folder that was there, or"
            " name another one with --people; nothing was changed"
        )
    return int(marker["generation"])


def write_marker(root: int, installation: str, generation: int, writer: TreeWriter) -> None:
    """Say in the tree which change it is at: written beside, then renamed over."""
    content = {"format": 1, "generation": generation, "installation": installation}
    status = os.fstat(root)
    with opened(root, OWN) as own:
        with suppress(FileNotFoundError):
            writer.unlink(own, MARKER + b".new")
        text = json.dumps(content, sort_keys=True).encode() + b"\n"
        writer.create_file(own, MARKER + b".new", text, _file_mode(status), status.st_gid)
        writer.replace(own, MARKER + b".new", own, MARKER)


# First use.


def _is_renamed(store: Store, known: Tree, root: bytes) -> bool:
    """Whether the new path leads to the very folder that was used under its old one."""
    try:
        return known.place is not None and known.place.is_same(read_place(root))
    except OSError:
        return False


def _refuse_half_done(store: Store, known: Tree | None, root: bytes) -> None:
    if known is not None and load_intents(store.db):
        raise UsageError(
            f"the people folder {shown(known.root)} was being changed when faced last stopped: run `faced sync --people`"
            f" with it once more before using {shown(root)}"
        )


def _set_up(
    store: Store, root: bytes, writer: TreeWriter, *, is_other: bool, rebuild: bool = False
) -> HeldTree:
    """Make the folder a people folder. Every step may be made twice, so a crash costs nothing."""
    what = f"the people folder {shown(root)}"
    try:
        _make_root(root)
        handle = _open_root(root)
    except OSError as error:
        reason = "is not a folder" if error.errno in (errno.ENOTDIR, errno.EEXIST) else f"({error.strerror})"
        raise UsageError(f"{what} cannot be used: {reason}; name another one with --people") from error
    try:
        return _set_up_in(store, root, handle, writer, is_other=is_other, rebuild=rebuild)
    except OSError as error:
        os.close(handle)
        raise FacedError(f"{what} could not be set up ({error.strerror}); run it again") from error
    except BaseException:
        os.close(handle)
        raise


def _set_up_in(
    store: Store, root: bytes, handle: int, writer: TreeWriter, *, is_other: bool, rebuild: bool
) -> HeldTree:
    what = f"the people folder {shown(root)}"
    if not _is_writable(handle):
        raise UsageError(f"{what} cannot be written to; name another one with --people")
    installation = load_setting(store.db, "installation")
    marked = _refuse_marked(handle, what, installation, is_other=is_other, rebuild=rebuild)
    # Marked as ours, and the database knows nothing of it: the database was lost and made anew from the journal.
    is_lost = marked is not None and load_tree(store.db) is None
    status = os.fstat(handle)
    try:
        ensure_own_folders(handle, writer)
    except FileExistsError as error:
        raise UsageError(
            f"{what} has a .faced that is not a folder; name another one with --people"
        ) from error
    probe = probe_place(root, handle, writer)
    # Only now is it sure that this folder will do, and that the former one can be let go.
    with store.write() as db:
        installation = read_installation(db)
        if is_other or rebuild:
            forget_base(db)
        if is_lost or rebuild:
            save_adopting(db, True)
        elif is_other:
            save_adopting(db, False)
        if marked is not None:
            save_generation(db, max(marked, load_generation(db)))
        save_tree(db, root, None, {})
    generation = load_generation(store.db)
    with opened(handle, OWN) as own:
        _create(own, b"README", OWN_README, status, writer)
    for name, content in FOR_OTHERS.items():
        _create(handle, name, content, status, writer)
    write_marker(handle, installation, generation, writer)
    writer.flush(handle)
    with store.write() as db:
        save_generation(db, generation)
        save_tree(db, root, read_place(root), probe)
    return HeldTree(root, handle, installation, probe)


def _refuse_marked(
    handle: int, what: str, installation: str | None, *, is_other: bool, rebuild: bool
) -> int | None:
    """The generation of a tree that is marked as ours, None where there is no mark."""
    try:
        marker = _read_marker(handle)
    except ValueError:
        if rebuild:
            return None
        raise UsageError(f"{what} has a .faced/tree.json that makes no sense; name another folder") from None
    if marker is None:
        return None
    if marker.get("installation") != installation:
        raise UsageError(
            f"{what} belongs to another installation of faced (another --state?); name another folder with --people"
        )
    if is_other:
        raise UsageError(
            f"{what} is an earlier people folder or a copy of one; name the present one, or an empty folder"
        )
    return int(marker["generation"])


def _make_root(root: bytes) -> None:
    """Make the folder and those above it. The people folder is the family's: it is as open as where it lies,
    but for writing, which others may only where the group is passed on (setgid).
    """
    if os.path.isdir(root):
        return
    above = os.path.dirname(root)
    if not os.path.isdir(above):
        _make_root(above)
    status = os.stat(above)
    mode = stat.S_IMODE(status.st_mode) & 0o2755 | 0o700
    if mode & stat.S_ISGID:
        mode |= status.st_mode & 0o020
    os.mkdir(root)
    os.chmod(root, mode)


def ensure_own_folders(root: int, writer: TreeWriter) -> None:
    """`.faced` (others may look) and in it `tmp` and `junk` (for faced only). FileExistsError: it is a file."""
    status = os.fstat(root)
    mode = stat.S_IMODE(status.st_mode) & 0o755 | 0o700
    _ensure_folder(root, OWN, mode, status.st_gid, writer)
    with opened(root, OWN) as own:
        _ensure_folder(own, b"tmp", 0o700, status.st_gid, writer)
        _ensure_folder(own, b"junk", 0o700, status.st_gid, writer)


def _ensure_folder(folder: int, name: bytes, mode: int, group: int, writer: TreeWriter) -> None:
    try:
        os.close(open_folder(folder, name))
    except FileNotFoundError:
        writer.mkdir(folder, name, mode, group)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise FileExistsError(errno.EEXIST, "not a folder", name) from error
        raise


def _create(folder: int, name: bytes, content: bytes, status: os.stat_result, writer: TreeWriter) -> None:
    with suppress(FileExistsError):
        writer.create_file(folder, name, content, _file_mode(status), status.st_gid)


def _file_mode(status: os.stat_result) -> int:
    return stat.S_IMODE(status.st_mode) & 0o644 | 0o600
