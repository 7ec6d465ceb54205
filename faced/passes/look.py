"""What commands report, read from the store; nothing here writes."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from faced.errors import FacedError, Unreadable, shown
from faced.faces.quality import quality_word
from faced.model import Box, ImageKey, PersonId
from faced.passes.beside import is_paused
from faced.passes.note import Note, load_note
from faced.passes.persons import call_by_name
from faced.passes.steps import shown_engine
from faced.pictures.hashing import image_key
from faced.pictures.orientation import upright_box, upright_size
from faced.pictures.read import read_photo
from faced.store.asks import Ask, load_questions, load_undecided
from faced.store.forgotten import is_forgotten
from faced.store.lookup import FaceRow, count_faces, find_photo, has_image, load_faces_of_image
from faced.store.notices import Notice, load_notices
from faced.store.persons import PersonRow, load_names, load_person_rows
from faced.store.photos import (
    Counts,
    Library,
    Quarantined,
    load_counts,
    load_libraries,
    load_quarantine,
)
from faced.store.settings import ENGINE_NOTICE, load_setting
from faced.store.suggestions import count_suggestions
from faced.store.tree import LeftAlone, Tree, load_left_alone, load_tree

__all__ = [
    "LIKE_NOBODY",
    "FaceView",
    "Status",
    "find_image",
    "look_at_faces",
    "look_at_people",
    "look_at_status",
]

MAX_BYTES = 1 << 30
LIKE_NOBODY = "like nobody that was seen often enough, or like nobody nearer than others"


@dataclass(frozen=True, slots=True)
class Status:
    """What is known, what is left to do, what went wrong. suggestions: faces that may be somebody's with a name."""

    counts: Counts
    faces: int
    quarantine: list[Quarantined]
    libraries: list[Library]
    tree: Tree | None
    left_alone: list[LeftAlone]
    asks: list[Ask]
    undecided: int
    notice: str | None
    daemon: Note | None
    paused: bool
    notices: tuple[Notice, ...]
    suggestions: int = 0

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps a place from being read or written."""
        found = [library.problem for library in self.libraries if library.problem]
        return (*found, *([self.tree.problem] if self.tree and self.tree.problem else []))


@dataclass(frozen=True, slots=True)
class FaceView:
    """A face of a photo as it is shown. box: left, top, width, height in px of the upright picture."""

    box: tuple[int, int, int, int]
    score: float
    quality: str
    person: tuple[PersonId, str | None] | None
    why: str


def look_at_status(db: Database, *, is_running: bool = False) -> Status:
    """For `faced status`. is_running: whether there is a daemon now."""
    return Status(
        counts=load_counts(db),
        faces=count_faces(db, shown_engine(db)),
        quarantine=load_quarantine(db),
        libraries=load_libraries(db),
        tree=load_tree(db),
        left_alone=load_left_alone(db),
        asks=load_questions(db),
        undecided=sum(1 for row in load_undecided(db) if row.ask is None),
        daemon=load_note(db) if is_running else None,
        paused=is_paused(db),
        notices=load_notices(db, datetime.now(UTC)),
        notice=load_setting(db, ENGINE_NOTICE) or None,
        suggestions=sum(count_suggestions(db, shown_engine(db)).values()),
    )


def look_at_people(db: Database) -> list[PersonRow]:
    """For `faced people`."""
    return load_person_rows(db, shown_engine(db))


def look_at_faces(db: Database, photo: Path) -> list[FaceView]:
    """For `faced faces`, from left to right. Raises FacedError when the photo is not known."""
    key, orientation = find_image(db, photo)
    faces = load_faces_of_image(db, key, shown_engine(db))
    names = load_names(db)
    return sorted((_view(face, orientation, names) for face in faces), key=lambda view: view.box)


def find_image(db: Database, photo: Path, *, forgotten: bool = False) -> tuple[ImageKey, int | None]:
    """The image, and the orientation of this very photo; None: as encoded.

    forgotten: whether it may be one of which nothing is known any more. Raises FacedError when it is not known.
    """
    key, orientation = _find_image(db, photo)
    if not forgotten and is_forgotten(db, key):
        what = shown(os.fsencode(photo))
        raise FacedError(f"{what} was forgotten: `faced forget --lift {what}` has it looked at again")
    return key, orientation


def _find_image(db: Database, photo: Path) -> tuple[ImageKey, int | None]:
    real = os.path.realpath(os.fsencode(photo))
    known = find_photo(db, real)
    if known is not None and known.reason:
        raise FacedError(f"{shown(real)} was not read: {known.reason}")
    if known is not None and known.key is not None:
        return known.key, known.orientation
    if known is not None:
        raise FacedError(f"{shown(real)} was not read yet: run `faced sync`")
    try:
        data, _ = read_photo(real, MAX_BYTES)
        key = image_key(data)
    except Unreadable as error:
        raise FacedError(f"{shown(real)}: {error.reason}") from error
    if not has_image(db, key):
        raise FacedError(f"{shown(real)} is in no library, and no copy of it is")
    return key, None


def _view(face: FaceRow, orientation: int | None, names: dict[PersonId, str]) -> FaceView:
    orientation = orientation or face.orientation
    width, height = upright_size(face.width, face.height, orientation)
    box: Box = upright_box(face.box, orientation)
    person = None if face.person is None else (face.person, face.name)
    return FaceView(
        box=(
            round(box.left * width),
            round(box.top * height),
            round(box.width * width),
            round(box.height * height),
        ),
        score=face.score,
        quality=quality_word(face.side, face.sharpness),
        person=person,
        why=call_by_name(face.why or face.apart or LIKE_NOBODY, names),
    )
