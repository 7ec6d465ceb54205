"""What is proposed to whom, for commands. Only reads."""

from dataclasses import dataclass

from sqlite_utils import Database

from faced.model import PersonId
from faced.passes.steps import shown_engine
from faced.store.explain import load_paths_of
from faced.store.persons import load_names
from faced.store.suggestions import load_suggestions

__all__ = ["Perhaps", "PerhapsFace", "look_at_suggestions"]


@dataclass(frozen=True, slots=True)
class PerhapsFace:
    """path: a photo that shows it. unit: faces of one number are proposed together. owner: an unnamed person, or None."""

    path: bytes | None
    distance: float
    unit: int
    owner: PersonId | None


@dataclass(frozen=True, slots=True)
class Perhaps:
    """A person with the faces that may be theirs, the nearest first."""

    person: PersonId
    name: str | None
    faces: tuple[PerhapsFace, ...]


def look_at_suggestions(db: Database) -> list[Perhaps]:
    """For `faced people --suggestions`."""
    proposed = load_suggestions(db, shown_engine(db))
    paths, names = load_paths_of(db, {one.image for one in proposed}), load_names(db)
    found: dict[PersonId, list[PerhapsFace]] = {}
    for one in proposed:
        path = next(iter(paths.get(one.image, ())), None)
        found.setdefault(one.person, []).append(PerhapsFace(path, one.distance, one.unit, one.owner))
    return [Perhaps(person, names.get(person), tuple(faces)) for person, faces in sorted(found.items())]
