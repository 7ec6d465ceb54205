"""Taking back what the user said: an undo is an edit of the journal, too, and is taken back like any other."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlite_utils import Database

from faced.store.edits import Draft, Edit
from faced.store.journal import NOT_BOOKS, add_edits, load_undone, parse_line, read_sound

__all__ = ["load_undone_merges", "undo_gesture", "undo_last"]


def undo_last(db: Database, count: int = 1, *, origin: str = "command", time: datetime) -> list[Edit]:
    """Take back the last `count` gestures that still count. Returns the undos, of the latest first.

    Within a transaction of the caller. An undo is none of the gestures: it is taken back by `undo_gesture`; what was
    forgotten by nothing.
    """
    undone = load_undone(db)
    targets: list[Edit] = []
    gestures: set[str] = set()
    rows = db.execute(
        f"SELECT id, line, crc FROM edits WHERE {NOT_BOOKS} AND kind NOT IN ('undo', 'forget') ORDER BY id DESC"
    )
    for key, line in read_sound(rows):
        if key in undone:
            continue
        edit = parse_line(key, line)
        if edit.gesture not in gestures and len(gestures) == count:
            break
        gestures.add(edit.gesture)
        targets.append(edit)
    return _undo(db, targets, origin, time)


def load_undone_merges(db: Database, undos: Iterable[Edit]) -> list[Edit]:
    """The merges that do not count, of those that these undos are about, however many undos are in between."""
    undone = load_undone(db)
    merges: dict[str, Edit] = {}
    for edit in undos:
        while edit.undoes is not None and edit.undoes < edit.id:
            found = read_sound(db.execute("SELECT id, line, crc FROM edits WHERE id = ?", [edit.undoes]))
            if not found:
                break
            edit = parse_line(*found[0])
        if edit.kind == "merge" and edit.id in undone:
            merges[edit.id] = edit
    return list(merges.values())


def undo_gesture(db: Database, edit: str, *, origin: str = "command", time: datetime) -> list[Edit]:
    """Take back the gesture that an edit belongs to, which may be an undo. Empty when it no longer counts.

    Within a transaction of the caller. edit: its id.
    """
    undone = load_undone(db)
    rows = db.execute(
        f"SELECT id, line, crc FROM edits WHERE {NOT_BOOKS} AND id LIKE ? ORDER BY id DESC",
        ["%-" + edit.partition("-")[2]],
    )
    return _undo(
        db, [parse_line(key, line) for key, line in read_sound(rows) if key not in undone], origin, time
    )


def _undo(db: Database, targets: Sequence[Edit], origin: str, time: datetime) -> list[Edit]:
    drafts = [Draft("undo", person=edit.person, undoes=edit.id) for edit in targets]
    return add_edits(db, drafts, origin=origin, time=time)
