"""Which faces the links of the people folder stand for: what is stored is looked up here, people/choice chooses."""

from collections.abc import Mapping, Sequence

import numpy as np
from sqlite_utils import Database

from faced.faces.engine import EngineRecord
from faced.model import EngineId, FaceId, ImageId, ImageKey, PersonId
from faced.people.choice import choose_common, choose_faces
from faced.store.edits import FaceRef
from faced.store.explain import load_engine_text
from faced.store.persons import load_images_of_persons
from faced.store.spots import StoredFace, load_free_faces, load_keys, load_owned_faces

__all__ = ["choose_copied", "choose_gathered", "find_faces_of_links", "have_one_in_common"]

Sources = Sequence[tuple[ImageId, PersonId | None]]

FARTHEST = 0.75
"""A face that is farther from every face of a person is not the one that was meant, though it is the only one."""


def find_faces_of_links(
    db: Database, engine: EngineId, person: PersonId, images: frozenset[ImageId], *, hers: bool = False
) -> tuple[FaceRef, ...]:
    """The faces that links of a person's folder to these images stand for.

    Those that are hers. A folder may show what was hers a moment ago (it was decided anew, and the pass died
    before it was shown): there the faces are meant that are nobody's by name or word, unless `hers`.
    """
    owned = load_owned_faces(db, engine, person, images)
    found = {face.image for face in owned}
    free = [] if hers else [face for face in load_free_faces(db, engine, images) if face.image not in found]
    return _refs([*owned, *_choose(free, owned)])


def choose_copied(
    db: Database, engine: EngineId, person: PersonId, images: frozenset[ImageId]
) -> tuple[FaceRef, ...]:
    """The faces that are meant when links to these images are put into a person's folder: those that are hers; else,
    of each image, the free face nearest to her. Images without one that fits have none.
    """
    hers = load_images_of_persons(db, engine).get(person, frozenset())
    known = load_owned_faces(db, engine, person, hers | images)
    keys = set(load_keys(db, images).values())
    owned = [face for face in known if face.image in keys]
    found = {face.image for face in owned}
    free = [face for face in load_free_faces(db, engine, images) if face.image not in found]
    chosen = _choose(free, known)
    if known:
        vectors = np.stack([face.embedding for face in known]).astype(np.float64)
        chosen = [f for f in chosen if np.linalg.norm(vectors - f.embedding, axis=1).min() <= FARTHEST]
    return _refs([*owned, *chosen])


def have_one_in_common(db: Database, engine: EngineId, sources: Sources) -> bool:
    """Whether links that were put into a folder of the user's own show one person: somebody new."""
    return bool(_find_common(db, engine, _by_source(sources)))


def choose_gathered(
    db: Database, engine: EngineId, sources: Sources
) -> dict[PersonId | None, tuple[FaceRef, ...]]:
    """The faces that are meant by links that were put into a new folder, by whose they were.

    sources: (image, whose link it was). All of one person's mean that person's faces. Else they mean the one whom
    they have in common, among their persons' faces and free ones; and if there is nobody, what was moved means the
    faces of whom it was, as if it had been moved one by one.
    """
    images = _by_source(sources)
    if len(images) > 1 or None in images:
        common = _find_common(db, engine, images)
        if common:
            return common
    found = {
        source: find_faces_of_links(db, engine, source, theirs)
        for source, theirs in images.items()
        if source is not None
    }
    return {source: faces for source, faces in found.items() if faces}


def _by_source(sources: Sources) -> dict[PersonId | None, frozenset[ImageId]]:
    images: dict[PersonId | None, frozenset[ImageId]] = {}
    for image, source in sources:
        images[source] = images.get(source, frozenset()) | {image}
    return images


def _find_common(
    db: Database, engine: EngineId, images: Mapping[PersonId | None, frozenset[ImageId]]
) -> dict[PersonId | None, tuple[FaceRef, ...]]:
    candidates: dict[ImageKey, dict[FaceId, StoredFace]] = {
        key: {} for key in load_keys(db, frozenset().union(*images.values())).values()
    }
    owner: dict[FaceId, PersonId | None] = {}
    for source, theirs in images.items():
        for face in load_free_faces(db, engine, theirs):
            candidates[face.image].setdefault(face.id, face)
            owner.setdefault(face.id, None)
        for face in load_owned_faces(db, engine, source, theirs) if source is not None else ():
            candidates[face.image].setdefault(face.id, face)
            owner[face.id] = source
    text = load_engine_text(db, engine)
    if text is None:
        return {}
    measured = EngineRecord.from_json(text).thresholds
    by_id = {id_: face for found in candidates.values() for id_, face in found.items()}
    chosen = choose_common(
        [list(found) for _, found in sorted(candidates.items())],
        {id_: face.embedding for id_, face in by_id.items()},
        near=max(measured.eps, measured.suggest),
    )
    by_owner: dict[PersonId | None, list[StoredFace]] = {}
    for id_ in chosen:
        by_owner.setdefault(owner[id_], []).append(by_id[id_])
    return {source: _refs(faces) for source, faces in by_owner.items()}


def _choose(free: Sequence[StoredFace], known: Sequence[StoredFace]) -> list[StoredFace]:
    by_image: dict[ImageKey, list[FaceId]] = {}
    for face in free:
        by_image.setdefault(face.image, []).append(face.id)
    embeddings = {face.id: face.embedding for face in free}
    chosen = set(choose_faces(list(by_image.values()), embeddings, [face.embedding for face in known]))
    return [face for face in free if face.id in chosen]


def _refs(faces: Sequence[StoredFace]) -> tuple[FaceRef, ...]:
    return tuple(FaceRef(face.image, face.box, face.engine) for face in faces)
