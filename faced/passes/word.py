"""The user's word, brought to the faces of now: what was said of a face that was encoded again, or whose
picture was edited, is handed to the face that it has become.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from faced.faces.handover import SeenFace, hand_over
from faced.model import EngineId, FaceId, ImageId, ImageKey, PersonId
from faced.people.said import Said, resolve_said
from faced.pictures.orientation import upright_box
from faced.store.database import Store
from faced.store.edits import Edit, Spot
from faced.store.journal import load_gesture
from faced.store.persons import Owner, load_owners, save_owners
from faced.store.portraits import load_known_seeds
from faced.store.spots import (
    StoredFace,
    load_became,
    load_engine_key,
    load_faces_of_images,
    load_image_ids,
    load_owned_images,
)
from faced.store.undo import load_undone_merges
from faced.store.word import Word
from faced.store.word_tables import load_statements

__all__ = [
    "SaidOfPictures",
    "find_faces",
    "load_said",
    "load_said_of_pictures",
    "part_again",
    "pass_on_numbers",
]


@dataclass(frozen=True, slots=True)
class SaidOfPictures:
    """What the user said of whole pictures, and of what they became. tags: whom they belong to, whoever is on them.
    link_names: what persons' links to them are called.
    """

    tags: Mapping[PersonId, frozenset[ImageId]]
    link_names: Mapping[tuple[PersonId, ImageId], bytes]


def load_said(db: Database, engine: EngineId) -> Said:
    """What the user said about the faces of this engine."""
    statements = load_statements(db)
    spots = {*statements.pins, *statements.anchors, *(spot for spot, _ in statements.rejections)}
    persons = statements.persons
    return resolve_said(
        {spot: (said.person, said.edit) for spot, said in statements.pins.items()},
        statements.rejections,
        {spot: (said.person, said.edit) for spot, said in statements.anchors.items()},
        faces=find_faces(db, engine, spots),
        named=[person for person, word in persons.items() if word.name is not None],
        kept=[person for person, word in persons.items() if word.hidden],
        merged={person: word.merged_into for person, word in persons.items() if word.merged_into is not None},
        born={
            p: word.born for p, word in persons.items() if word.born is not None and word.merged_into is None
        },
        seeds=load_known_seeds(db),
    )


def load_said_of_pictures(db: Database, word: Word) -> SaidOfPictures:
    """About the images of now."""
    keys = {key for key, _ in (*word.tags, *word.link_names)}
    if not keys:
        return SaidOfPictures({}, {})
    became = load_became(db, keys)
    ids = load_image_ids(db, keys.union(*became.values()))
    meant = {key: [ids[k] for k in (key, *sorted(became.get(key, ()))) if k in ids] for key in keys}
    tags: dict[PersonId, set[ImageId]] = {}
    for key, person in word.tags:
        tags.setdefault(person, set()).update(meant[key])
    names = {(person, image): name for (key, person), name in word.link_names.items() for image in meant[key]}
    return SaidOfPictures({person: frozenset(images) for person, images in tags.items()}, names)


def find_faces(db: Database, engine: EngineId, spots: Collection[Spot]) -> dict[Spot, list[FaceId]]:
    """Which faces of the engine the spots mean now; those that mean none are left out."""
    if not spots:
        return {}
    images = {spot.image for spot in spots}
    became = load_became(db, images)
    stored = load_faces_of_images(db, images.union(*became.values()))
    by_spot: dict[Spot, StoredFace] = {}
    orientations: dict[ImageKey, int] = {}
    key = load_engine_key(db, engine)
    for face in sorted(stored, key=lambda face: face.engine == key):
        by_spot[Spot(face.image, face.box)] = face
        orientations[face.image] = face.orientation
    ordered = sorted(spots)
    ours = [face for face in stored if face.engine == key]
    # In one picture boxes are compared as stored, for each engine may have seen it turned another way.
    here = hand_over([_as_seen(spot, by_spot.get(spot), 1) for spot in ordered], _all_stored(ours))
    found = {ordered[before]: [ours[now].id] for before, now in here}
    if became:
        meant = {spot: by_spot.get(spot) for spot in ordered} | {ordered[i]: ours[j] for i, j in here}
        for spot, faces in _follow_edits(meant, ours, became, orientations).items():
            found.setdefault(spot, []).extend(faces)
    return found


def _follow_edits(
    meant: Mapping[Spot, StoredFace | None],
    ours: Sequence[StoredFace],
    became: Mapping[ImageKey, Collection[ImageKey]],
    orientations: Mapping[ImageKey, int],
) -> dict[Spot, list[FaceId]]:
    """Which of our faces the spots mean in the pictures that theirs became; there boxes are compared as seen.

    meant: the face of each spot; None: it is known no more. All that was said of one face goes with it, whichever
    engine's box it was said of.
    """
    leaving: dict[Spot, SeenFace] = {}
    said: dict[Spot, list[Spot]] = {}
    for spot, face in meant.items():
        place = spot if face is None else Spot(face.image, face.box)
        orientation = orientations.get(spot.image, 1) if face is None else face.orientation
        leaving[place] = _as_seen(place, face, orientation)
        said.setdefault(place, []).append(spot)
    places = sorted(leaving)
    old = [leaving[place] for place in places]
    new = [_as_seen(Spot(face.image, face.box), face, face.orientation) for face in ours]
    found: dict[Spot, list[FaceId]] = {}
    for before, now in hand_over(old, new, became):
        if old[before].image != new[now].image:
            for spot in said[places[before]]:
                found.setdefault(spot, []).append(ours[now].id)
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


def part_again(db: Database, engine: EngineId, undos: Iterable[Edit]) -> None:
    """Persons whose merge was undone: the faces that the one who went had brought along are hers again.

    So that somebody without a name has her number again. Within a transaction of the caller.
    """
    back: dict[FaceId, Owner] = {}
    owners = load_owners(db, engine)
    for merge in load_undone_merges(db, undos):
        hers = [e for e in load_gesture(db, merge.id) if e.kind == "anchor" and e.person == merge.person]
        faces = find_faces(db, engine, {face.spot for edit in hers for face in edit.faces})
        for face in (face for found in faces.values() for face in found):
            if merge.person is not None and face in owners:
                back[face] = Owner(merge.person, owners[face].why)
    save_owners(db, back, [])


def _all_stored(faces: Iterable[StoredFace]) -> list[SeenFace]:
    return [_as_seen(Spot(face.image, face.box), face, 1) for face in faces]


def _as_seen(spot: Spot, face: StoredFace | None, orientation: int) -> SeenFace:
    box = upright_box(spot.box, orientation)
    if face is None:
        return SeenFace(spot.image, box, "")
    return SeenFace(spot.image, box, face.engine, face.embedding)
