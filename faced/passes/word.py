"""The user's word, brought to the faces of now: what was said of a face that was encoded again, or whose
picture was edited, is handed to the face that it has become.
"""

from collections.abc import Collection, Iterable

from faced.faces.handover import SeenFace, hand_over
from faced.model import EngineId, FaceId, ImageKey
from faced.people.said import Said, resolve_said
from faced.pictures.orientation import upright_box
from faced.store.database import Store
from faced.store.edits import Spot
from faced.store.persons import Owner, load_owners, save_owners
from faced.store.spots import (
    StoredFace,
    load_became,
    load_engine_key,
    load_faces_of_images,
    load_owned_images,
)
from faced.store.word_tables import load_statements

__all__ = ["load_said", "pass_on_numbers"]


def load_said(store: Store, engine: EngineId) -> Said:
    """What the user said about the faces of this engine."""
    statements = load_statements(store.db)
    spots = {*statements.pins, *statements.anchors, *(spot for spot, _ in statements.rejections)}
    persons = statements.persons
    return resolve_said(
        {spot: (said.person, said.edit) for spot, said in statements.pins.items()},
        statements.rejections,
        {spot: (said.person, said.edit) for spot, said in statements.anchors.items()},
        faces=find_faces(store, engine, spots),
        named=[person for person, word in persons.items() if word.name is not None],
        kept=[person for person, word in persons.items() if word.hidden],
        merged={person: word.merged_into for person, word in persons.items() if word.merged_into is not None},
    )


def find_faces(store: Store, engine: EngineId, spots: Collection[Spot]) -> dict[Spot, list[FaceId]]:
    """Which faces of the engine the spots mean now; those that mean none are left out."""
    if not spots:
        return {}
    images = {spot.image for spot in spots}
    became = load_became(store.db, images)
    stored = load_faces_of_images(store.db, images.union(*became.values()))
    by_spot: dict[Spot, StoredFace] = {}
    orientations: dict[ImageKey, int] = {}
    key = load_engine_key(store.db, engine)
    for face in sorted(stored, key=lambda face: face.engine == key):
        by_spot[Spot(face.image, face.box)] = face
        orientations[face.image] = face.orientation
    ordered = sorted(spots)
    ours = [face for face in stored if face.engine == key]
    # In one picture boxes are compared as stored, for each engine may have seen it turned another way; what it has
    # become may be stored otherwise, so there they are compared as seen.
    old = [_as_seen(spot, by_spot.get(spot), 1) for spot in ordered]
    pairs = hand_over(old, _all_stored(ours))
    if became:
        turned = [by_spot[s].orientation if s in by_spot else orientations.get(s.image, 1) for s in ordered]
        old = [_as_seen(spot, by_spot.get(spot), turn) for spot, turn in zip(ordered, turned, strict=True)]
        new = [_as_seen(Spot(face.image, face.box), face, face.orientation) for face in ours]
        pairs += [(i, j) for i, j in hand_over(old, new, became) if old[i].image != new[j].image]
    found: dict[Spot, list[FaceId]] = {}
    for before, now in pairs:
        found.setdefault(ordered[before], []).append(ours[now].id)
    return found


def pass_on_numbers(store: Store, old: EngineId, new: EngineId) -> None:
    """Another engine's result is shown from now on: its faces begin as those whom they overlap.

    So that persons without names keep their numbers.
    """
    owners = load_owners(store.db, old)
    images = load_owned_images(store.db, old)
    faces = load_faces_of_images(store.db, images)
    old_key, new_key = load_engine_key(store.db, old), load_engine_key(store.db, new)
    before = [face for face in faces if face.engine == old_key and face.id in owners]
    now = [face for face in faces if face.engine == new_key]
    pairs = hand_over(_all_stored(before), _all_stored(now))
    passed = {now[j].id: Owner(owners[before[i].id].person, owners[before[i].id].why) for i, j in pairs}
    with store.write() as db:
        save_owners(db, passed, [])


def _all_stored(faces: Iterable[StoredFace]) -> list[SeenFace]:
    return [_as_seen(Spot(face.image, face.box), face, 1) for face in faces]


def _as_seen(spot: Spot, face: StoredFace | None, orientation: int) -> SeenFace:
    box = upright_box(spot.box, orientation)
    if face is None:
        return SeenFace(spot.image, box, "")
    return SeenFace(spot.image, box, face.engine, face.embedding)
