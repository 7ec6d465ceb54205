"""Forgetting for good: somebody, a photo, or photos that are gone. What there is to forget is said first, to be asked about.

Embeddings, faces and words go from the database and the journal in one transaction; then the people folder follows,
and the copies and the files of the database are cleared of them. It cannot be undone.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from faced.errors import FacedError, StorageFull, UsageError
from faced.errors import shown as shown_path
from faced.model import FaceId, ImageKey, PersonId
from faced.passes import steps
from faced.passes.beside import is_daemon_running, leave_wishes
from faced.passes.look import find_image
from faced.passes.persons import find_person
from faced.passes.places import Run
from faced.passes.say import Said, say_and_show
from faced.passes.word import find_faces
from faced.store.albums import load_albums
from faced.store.database import Store
from faced.store.edits import Draft, Edit, FaceRef
from faced.store.faces import load_engines
from faced.store.forgetting import draft_person, draft_pictures
from faced.store.forgotten import (
    count_faces_in,
    delete_faces_at,
    delete_pictures,
    forget_folders,
    is_forgotten,
    let_folders_go,
    load_kin,
    load_refs,
    load_refs_of_persons,
    load_unheld_images,
)
from faced.store.journal import add_edits, strike_lines
from faced.store.locks import PASS, hold_lock
from faced.store.traces import clear_traces, note_traces
from faced.store.tree import load_tree
from faced.store.word_tables import load_word

__all__ = ["Meant", "all_of", "forget", "forget_in", "lift", "look_for_gone", "look_for_target"]


@dataclass(frozen=True, slots=True)
class Meant:
    """What is to be forgotten: a person, or pictures. what: her name, or the path; "" for photos that are gone.

    faces: how many are known. again: pictures may be looked at again when they come back.
    """

    what: str
    faces: int = 0
    person: PersonId | None = None
    images: frozenset[ImageKey] = frozenset()
    again: bool = False


def look_for_target(db: Database, words: str) -> Meant:
    """Whom or which photo these words mean. Raises UsageError when neither."""
    try:
        person = find_person(db, words)
    except UsageError:
        if not os.path.lexists(words):
            raise
        return _look_for_photo(db, Path(words))
    refs = _refs_of(db, person, all_of(db, person))
    name = load_word(db).person(person).name
    who = f"Person {person}" + ("" if name is None else f" ({shown_path(os.fsencode(name))})")
    return Meant(who, len(refs), person)


def _look_for_photo(db: Database, photo: Path) -> Meant:
    key, _ = find_image(db, photo)
    images = load_kin(db, key)
    return Meant(shown_path(os.fsencode(photo)), count_faces_in(db, images), images=images)


def look_for_gone(db: Database) -> Meant:
    """Photos that no library has any more. Raises FacedError when nothing is known of any."""
    images = load_unheld_images(db)
    if not images:
        raise FacedError("nothing is known of photos that are gone")
    return Meant("", count_faces_in(db, images), images=images, again=True)


def forget(run: Run, meant: Meant) -> Said:
    """Forget it. Waits until no other process is in a pass. Raises FacedError when traces could not be cleared yet."""
    with steps.open_state(run) as store, hold_lock(run.state, PASS):
        return _forget_in(store, run, meant)


def lift(run: Run, photo: Path) -> Said:
    """A photo that was forgotten is looked at again from the next pass on. Raises UsageError when it was not."""
    with steps.open_state(run) as store:
        key, _ = find_image(store.db, photo, forgotten=True)
        if not is_forgotten(store.db, key):
            raise UsageError(f"{shown_path(os.fsencode(photo))} was not forgotten")
        with store.write() as db:
            draft = draft_pictures(load_kin(db, key), again=True)
            edits = add_edits(db, [draft], origin="command", time=datetime.now(UTC))
        steps.keep_journal(store)
    if is_daemon_running(run.state):
        leave_wishes(run.state, ["sync"])
    return Said(tuple(edits), None)


def _forget_in(store: Store, run: Run, meant: Meant) -> Said:
    persons = frozenset[PersonId]() if meant.person is None else all_of(store.db, meant.person)
    tree = load_tree(store.db)
    if tree is not None and tree.place is not None:
        said = say_and_show(store, run, tree.root, lambda db, _: forget_in(db, meant, persons))
    else:
        with store.write() as db:
            said = Said(tuple(forget_in(db, meant, persons)), None)
    if said.tree is None or said.tree.frozen is None:
        with store.write() as db:
            let_folders_go(db, sorted(persons))
    _clear(store)
    return said


def forget_in(db: Database, meant: Meant, persons: frozenset[PersonId]) -> Sequence[Edit]:
    """Forget what is meant, within a transaction of the caller. persons: all_of the one who is meant."""
    draft: Draft
    if meant.person is None:
        draft = draft_pictures(meant.images, again=meant.again)
    else:
        draft = draft_person(meant.person, persons, _refs_of(db, meant.person, persons))
    edits = add_edits(db, [draft], origin="command", time=datetime.now(UTC))
    delete_faces_at(db, draft.faces)
    delete_pictures(db, sorted(meant.images))
    strike_lines(db)
    forget_folders(db, sorted(persons))
    note_traces(db)
    return edits


def all_of(db: Database, person: PersonId) -> frozenset[PersonId]:
    """The person, those who were merged into her, and albums that show one of them: their names tell of her."""
    persons = load_word(db).persons
    hers = {person, *(other for other, word in persons.items() if word.merged_into == person)}
    albums = {id_ for id_, album in load_albums(db).items() if hers.intersection(album.persons)}
    return frozenset(hers | albums)


def _refs_of(db: Database, person: PersonId, persons: frozenset[PersonId]) -> list[FaceRef]:
    """Her faces, by what was computed and by what was said, as each engine found them."""
    word = load_word(db)
    said = {spot for told in (word.pins, word.anchors) for spot, whose in told.items() if whose == person}
    refs = load_refs_of_persons(db, persons)
    spots = said | {ref.spot for ref in refs}
    faces: set[FaceId] = set()
    for engine in load_engines(db):
        faces.update(face for found in find_faces(db, engine, spots).values() for face in found)
    found = {ref.spot: ref for ref in (*load_refs(db, faces), *refs)}
    waiting = {spot: FaceRef(spot.image, spot.box, "") for spot in said}
    return [ref for _, ref in sorted({**waiting, **found}.items())]


def _clear(store: Store) -> None:
    try:
        done = clear_traces(store, datetime.now(UTC))
    except StorageFull as error:
        raise FacedError(
            f"it is forgotten, but traces are left in the files of {store.folder}: {error}"
        ) from error
    if not done:
        raise FacedError(
            f"it is forgotten, but traces are left in the files of {store.folder}, which another process reads: they"
            " go with the next `faced sync`"
        )
