"""Which paths below a watched folder can matter, and which folders to look at for them.

Values in, values out; looks at no disk.
"""

from collections.abc import Iterable
from enum import Enum

from faced.library.scan import is_junk
from faced.pictures.decode import EXTENSIONS

__all__ = ["WAKE_NAME", "Scope", "folders_for", "is_entered"]

WAKE_NAME = b"wake"
OWN = b".faced"


class Scope(Enum):
    """What one hears of a root.

    PHOTOS: what may concern a photo: names with the ending of one that do not begin with a dot, and
    folders; nothing at or below a name that the scan passes over. EVERYTHING: all but what lies in the
    root's `.faced`. WAKE: only that the file `wake` in it was made or written; its subfolders are unheard.
    """

    PHOTOS = "photos"
    EVERYTHING = "everything"
    WAKE = "wake"


def is_entered(scope: Scope, folder: bytes) -> bool:
    """Whether a folder (relative; b"" is the root) of that scope is watched and walked at all."""
    if not folder:
        return True
    names = folder.split(b"/")
    if scope is Scope.PHOTOS:
        return not any(name[:1] == b"." or is_junk(name) for name in names)
    return scope is Scope.EVERYTHING and names[0] != OWN


def folders_for(
    scope: Scope, kind: str, paths: Iterable[bytes], *, is_folder: bool
) -> list[tuple[bytes, bool]]:
    """Where to look after an event.

    kind: watchdog's `event_type`. paths: what it was about, relative to the root; of a move both.
    Returns (folder, whether all below it is to be looked at too). A folder that went is named too, for what
    was in it went with it: whoever looks must not mind a folder that is not there.
    """
    found: list[tuple[bytes, bool]] = []
    for path in paths:
        if is_folder:
            if is_entered(scope, path):
                if path and kind in ("deleted", "moved"):
                    found.append((_parent(path), False))
                found.append((path, True))
        elif _is_heard(scope, path):
            found.append((_parent(path), False))
    return found


def _is_heard(scope: Scope, path: bytes) -> bool:
    if scope is Scope.WAKE:
        return path == WAKE_NAME
    if scope is Scope.PHOTOS:
        name = path[path.rfind(b"/") + 1 :]
        if name[:1] == b"." or name[name.rfind(b".") :].lower() not in EXTENSIONS:
            return False
    elif path == OWN:
        return False
    return is_entered(scope, _parent(path))


def _parent(path: bytes) -> bytes:
    return path[: max(path.rfind(b"/"), 0)]
