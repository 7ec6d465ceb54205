"""Which face pictures the people folder is to have, and how they are made of the photos."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from faced.config import Config
from faced.faces.crops import CropSource, FaceCutter
from faced.faces.worker import Crop
from faced.folders.plan import PhotoPath
from faced.folders.plan_pictures import ShownFaces, WantedPicture
from faced.folders.sync import FacesToShow
from faced.model import EngineId, Gate, ImageId, ImageKey, PersonId
from faced.store.database import Store
from faced.store.persons import load_names
from faced.store.pictures import (
    NOBODY,
    FaceRow,
    comment_of,
    face_text,
    load_faces_of_nobody,
    load_proposed_faces,
    load_put_off,
    load_put_off_faces,
    parse_face,
    save_put_off,
)

__all__ = ["PictureWork", "open_faces"]

_A_FOLDER: Final = 200
"""Pictures at most."""


def _no_beat() -> None:
    pass


@dataclass(frozen=True, slots=True)
class PictureWork:
    """gate: which faces are worth a picture. beat: called about twice a second. most: new ones at once; None: all."""

    gate: Gate
    beat: Callable[[], None] = _no_beat
    most: int | None = None


@contextmanager
def open_faces(
    store: Store,
    config: Config,
    engine: EngineId,
    photos: Mapping[ImageId, Sequence[PhotoPath]],
    shown: Collection[PersonId],
    work: PictureWork,
) -> Iterator[FacesToShow]:
    """What sync_tree is to show, while this is open. shown: the persons of whom links are shown."""
    rows = _choose(store, engine, work.gate, shown)
    files: dict[ImageKey, tuple[tuple[bytes, bytes], ...]] = {}
    wanted: dict[PersonId, list[WantedPicture]] = {}
    for person, faces in rows.items():
        for row in faces:
            if not (found := photos.get(row.image)):
                continue
            files[row.spot.image] = tuple((photo.text, photo.root) for photo in found)
            distance = None if person == NOBODY else row.distance
            picture = WantedPicture(face_text(row.spot), min(found).name, min(found).time_ns, distance)
            wanted.setdefault(person, []).append(picture)
    cutter = FaceCutter(
        workers=config.encode_workers,
        timeout=config.encode_timeout,
        memory=None if config.providers else config.encode_memory,
        beat=work.beat,
    )
    try:
        names = load_names(store.db)
        yield FacesToShow(ShownFaces(wanted, names), lambda faces: _cut(cutter, files, faces), most=work.most)
    finally:
        cutter.close()


def _choose(
    store: Store, engine: EngineId, gate: Gate, shown: Collection[PersonId]
) -> dict[PersonId, list[FaceRow]]:
    """The faces of each folder, without those that the user does not want to see now."""
    rows: dict[PersonId, list[FaceRow]] = {}
    for row in load_proposed_faces(store.db, engine):
        rows.setdefault(row.person, []).append(row)
    thrown_away = load_put_off_faces(store.db)
    free = load_faces_of_nobody(store.db, engine, gate, shown)
    rows[NOBODY] = [row for row in free if face_text(row.spot) not in thrown_away]
    put_off = load_put_off(store.db)
    proposed = {person: _hash(rows.get(person, ())) for person in put_off}
    over = {p for p, was in put_off.items() if was is not None and was != proposed[p]}
    news = {p: proposed[p] for p, was in put_off.items() if was is None}
    if over or news:
        with store.write() as db:
            save_put_off(db, news, over)
    return {
        person: faces[:_A_FOLDER] for person, faces in rows.items() if person not in put_off.keys() - over
    }


def _hash(rows: Sequence[FaceRow]) -> str:
    digest = blake2b(digest_size=16)
    for text in sorted(face_text(row.spot) for row in rows):
        digest.update(text.encode() + b"\n")
    return digest.hexdigest()


def _cut(
    cutter: FaceCutter, files: Mapping[ImageKey, tuple[tuple[bytes, bytes], ...]], faces: Collection[str]
) -> dict[str, bytes]:
    crops: dict[ImageKey, list[Crop]] = {}
    by_comment = {comment_of(face): face for face in faces}
    for face in sorted(faces):
        spot = parse_face(face)
        if spot is not None and any(os.path.exists(file) for file, _ in files.get(spot.image, ())):
            crops.setdefault(spot.image, []).append(Crop(spot.box, comment_of(face)))
    sources = [CropSource(key, files[key], tuple(found)) for key, found in crops.items()]
    return {by_comment[comment]: picture for comment, picture in cutter.cut(sources).items()}
