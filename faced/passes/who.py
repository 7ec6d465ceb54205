"""Whose face any picture shows: it need not be in a library. Only reads; nothing of the picture is kept."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from faced.errors import FacedError, Unreadable, shown
from faced.faces.engine import EngineRecord
from faced.faces.pool import EncodePool, WorkerFailed
from faced.faces.worker import EngineSettings, Task
from faced.model import Box, EncodedPicture, EngineId, ImageKey, PersonId
from faced.passes.full import engine_settings
from faced.passes.places import Run
from faced.passes.steps import clustering_settings, shown_engine
from faced.passes.word import load_said
from faced.people.known import load_known, rank_known
from faced.people.likeness import Likeness, Ranking, Ruling, judge_faces
from faced.pictures.hashing import image_key
from faced.pictures.orientation import upright_box, upright_size
from faced.pictures.read import read_photo
from faced.store.explain import load_engine_text, load_paths_of
from faced.store.persons import load_names

__all__ = ["BEST", "Looks", "Nearest", "Resemblance", "find_nearest", "look_at_who", "pixels"]

BEST = 3
MAX_BYTES = 1 << 30
PixelBox = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Nearest:
    """A person and the distances, see Likeness."""

    person: PersonId
    name: str | None
    distance: float
    nearest: float


@dataclass(frozen=True, slots=True)
class Resemblance:
    """A face of the picture. box: left, top, width, height in px of the upright picture.

    verdict: attached, suggested or unknown; person: to whom. nearest: at most BEST persons.
    """

    box: PixelBox
    score: float
    verdict: str
    person: tuple[PersonId, str | None] | None
    nearest: tuple[Nearest, ...]


@dataclass(frozen=True, slots=True)
class Looks:
    """The faces of a picture, from left to right. is_known: it is in a library, and what was decided there is another matter."""

    faces: tuple[Resemblance, ...]
    is_known: bool


def look_at_who(db: Database, run: Run, picture: Path) -> Looks:
    """For `faced who`.

    Raises FacedError when the picture cannot be read or shows no face, or when nobody is known yet.
    """
    engine = shown_engine(db)
    settings, record = _engine_of(db, engine, run)
    path = os.path.realpath(os.fsencode(picture))
    key, encoded = _encode(path, settings, run)
    faces = encoded.faces or ()
    if not faces:
        raise FacedError(f"{shown(path)}: no face was found in it")
    measured = clustering_settings(run.config, record)
    said = load_said(db, engine)
    embeddings = [face.embedding for face in faces]
    ranking = Ranking(embeddings)
    rank_known(db, engine, ranking, measured.gate, key)
    known = load_known(db, engine, ranking.near(), said.named, key)
    rulings = judge_faces(
        key,
        embeddings,
        [ranking.persons_of(number) for number in range(len(faces))],
        known.faces,
        known.owners,
        said,
        eps=measured.eps,
        suggest=measured.suggest,
        gate=measured.gate,
        sides=[face.side for face in faces],
        sharpness=[face.sharpness for face in faces],
        year=int(encoded.taken[:4]) if encoded.taken else 0,
    )
    names = load_names(db)
    size = upright_size(encoded.width, encoded.height, encoded.orientation)
    views = [
        _view(pixels(upright_box(face.box, encoded.orientation), size), face.score, ruling, names)
        for face, ruling in zip(faces, rulings, strict=True)
    ]
    return Looks(tuple(sorted(views, key=lambda view: view.box)), bool(load_paths_of(db, [key])))


def find_nearest(
    likenesses: tuple[Likeness, ...] | list[Likeness], names: dict[PersonId, str]
) -> tuple[Nearest, ...]:
    """The BEST first of them, with their names."""
    return tuple(
        Nearest(one.person, names.get(one.person), one.distance, one.nearest) for one in likenesses[:BEST]
    )


def pixels(box: Box, size: tuple[int, int]) -> PixelBox:
    """A box on a picture of this size in px."""
    return (
        round(box.left * size[0]),
        round(box.top * size[1]),
        round(box.width * size[0]),
        round(box.height * size[1]),
    )


def _view(box: PixelBox, score: float, ruling: Ruling, names: dict[PersonId, str]) -> Resemblance:
    person = None if ruling.person is None else (ruling.person, names.get(ruling.person))
    return Resemblance(box, score, ruling.verdict, person, find_nearest(ruling.likenesses, names))


def _engine_of(db: Database, engine: EngineId, run: Run) -> tuple[EngineSettings, EngineRecord]:
    """The engine whose vectors the persons are made of: only those can be compared."""
    text = load_engine_text(db, engine)
    if text is None:
        raise FacedError("nobody is known yet: run `faced sync` first")
    record = EngineRecord.from_json(text)
    settings = engine_settings(run)
    if settings.record.key != record.key:
        raise FacedError(
            "the known faces are of another engine, or other settings of it: run `faced sync` first"
        )
    return settings, settings.record


def _encode(path: bytes, settings: EngineSettings, run: Run) -> tuple[ImageKey, EncodedPicture]:
    """In a worker, so that a decoder that crashes takes nothing along."""
    pool = None
    try:
        data, _ = read_photo(path, MAX_BYTES)
        key = image_key(data)
        pool = EncodePool(1, timeout=run.config.encode_timeout, memory=run.config.encode_memory)
        pool.submit(
            Task(settings, None)
        ).result()  # else the time that takes would be held against the picture
        picture = pool.submit(Task(settings, data, alone=True)).result()
    except Unreadable as error:
        raise FacedError(f"{shown(path)}: {error.reason}") from error
    except WorkerFailed as error:
        raise FacedError(f"{shown(path)}: it {error.reason}") from error
    finally:
        if pool is not None:
            pool.close()
    assert isinstance(picture, EncodedPicture)
    return key, picture
