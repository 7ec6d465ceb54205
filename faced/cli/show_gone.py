"""How it is said what is to be taken away or forgotten, and what was."""

from typing import TYPE_CHECKING

from faced.cli.show import count
from faced.errors import shown

if TYPE_CHECKING:
    from faced.folders.sync import TreeReport
    from faced.passes.clean import Made
    from faced.passes.forget import Meant

__all__ = ["clean_lines", "forget_lines", "made_lines"]


def forget_lines(meant: "Meant") -> list[str]:
    """What is to be forgotten, and what that will mean."""
    what = meant.what or f"{count(len(meant.images), 'picture')} that no library has any more"
    if meant.person is not None:
        then = (
            "a new photo of this person will show somebody unknown, for the face is known no more (`faced hide`"
            " keeps a stranger out of sight)"
        )
    elif meant.again:
        then = "a picture that comes back is looked at anew"
    else:
        then = (
            "faced does not look at this picture again, or at copies of it, until `faced forget --lift PHOTO`"
        )
    return [
        f"to be forgotten for good: {what}, {count(meant.faces, 'face')} and all that you said of it; it cannot be undone",
        then,
        "older copies of the database in backup/ and damaged/ are deleted; the photos stay as they are",
    ]


def made_lines(made: "Made") -> list[str]:
    """What faced has in the people folder."""
    links, folders = count(made.links, "link"), count(made.folders, "folder")
    return [f"in {shown(made.root)} faced made {links} in {folders}; nothing else there is touched"]


def clean_lines(report: "TreeReport") -> list[str]:
    """What was taken away, and that the rest is not faced's."""
    if report.frozen:
        return []
    links, folders = count(report.dropped, "link"), count(report.folders_removed, "folder")
    lines = [f"taken away: {links}, {folders}; names are kept, and `faced sync` makes everything again"]
    if report.left_alone:
        lines.append(
            f"{count(report.left_alone, 'path')} that faced did not make, or that was changed, stays"
        )
    return lines
