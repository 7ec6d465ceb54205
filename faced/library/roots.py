"""Which folders can be libraries at all, beside this people folder and this state.

Looks, and refuses with a plain sentence; never makes or changes anything.
"""

import os
from collections.abc import Collection, Sequence

from faced.errors import UsageError, shown
from faced.library.scan import is_people_folder

__all__ = ["absolute_root", "check_roots"]


def absolute_root(path: str | bytes | os.PathLike[str]) -> bytes:
    """The root as it is stored: absolute, without `..`, symbolic links as the user named them."""
    return os.path.abspath(os.fsencode(path))


def check_roots(
    roots: Sequence[bytes], people: bytes | None, state: bytes, known: Collection[bytes] = ()
) -> None:
    """Raise UsageError for places that cannot be right together.

    roots: what the user names, absolute. known: the libraries of the set so far; those may be missing
    just now (they are frozen then), but no two libraries may overlap.
    """
    for root in roots:
        if root not in known:
            _check_folder(root)
    everything = sorted({*roots, *known})
    for root in everything:
        _check_beside(root, people, state)
    if people is not None and _is_inside(state, people):
        raise UsageError(
            f"the state folder {shown(state)} is inside the people folder {shown(people)}; choose another with --state"
        )
    for outer in everything:
        for inner in everything:
            if inner != outer and _is_inside(inner, outer):
                _refuse_overlap(inner, outer)


def _check_folder(root: bytes) -> None:
    try:
        with os.scandir(root):
            pass
    except FileNotFoundError:
        raise UsageError(f"the library {shown(root)} does not exist") from None
    except NotADirectoryError:
        raise UsageError(f"the library {shown(root)} is not a folder") from None
    except OSError as error:
        raise UsageError(f"the library {shown(root)} cannot be read ({error.strerror})") from None


def _check_beside(root: bytes, people: bytes | None, state: bytes) -> None:
    name = shown(root)
    if people is not None and _is_inside(root, people):
        if _is_inside(people, root):
            raise UsageError(f"{name} cannot be both a library and the people folder; choose another folder")
        raise UsageError(
            f"the library {name} is inside the people folder {shown(people)}; photos belong elsewhere"
        )
    if _is_inside(state, root):
        raise UsageError(
            f"the state folder {shown(state)} is inside the library {name}; choose another with --state"
        )
    if is_people_folder(root):
        raise UsageError(f"{name} is a people folder that faced made; it cannot be a library")


def _refuse_overlap(inner: bytes, outer: bytes) -> None:
    if _is_inside(outer, inner):
        raise UsageError(f"the libraries {shown(outer)} and {shown(inner)} are the same folder; name it once")
    raise UsageError(
        f"the library {shown(inner)} is inside the library {shown(outer)}, which is scanned with all its "
        "folders; name only one of them"
    )


def _is_inside(path: bytes, folder: bytes) -> bool:
    """Whether the path is the folder or lies in it, by their resolved names or by what they are."""
    real, above = os.path.realpath(path), os.path.realpath(folder)
    if (real + b"/").startswith(above.rstrip(b"/") + b"/"):
        return True
    try:
        return os.path.samefile(real, above)
    except OSError:
        return False
