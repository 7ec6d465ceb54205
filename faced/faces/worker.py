"""One photo in a worker process: its header, and if wanted its faces, or pictures of faces that are known.

Decides nothing about the store. Opens the engine at the first photo that needs it and keeps it. Boxes
and landmarks leave here as fractions of the stored picture.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faced.errors import FacedError
from faced.faces.engine import (
    DEFAULT_ENGINE,
    MTCNN,
    Engine,
    EngineRecord,
    Proposals,
    UprightFace,
    encode_upright,
    engine_record,
    open_engine,
)
from faced.faces.timings import stage, take_seconds
from faced.faces.turned import encode_turned, is_upright
from faced.model import Box, DetectedFace, EncodedPicture, ImageKey, Pixels
from faced.pictures.crop import crop_scale, cut_face
from faced.pictures.decode import Header, Picture
from faced.pictures.dhash import difference_hash
from faced.pictures.orientation import stored_box, stored_points, upright_box

__all__ = [
    "LARGE_PICTURE",
    "Crop",
    "Cut",
    "EngineSettings",
    "NeedsRoom",
    "Notice",
    "Outcome",
    "Source",
    "Task",
    "encode_task",
]

LARGE_PICTURE: Final = 64_000_000
"""px. Only one picture of more is decoded at a time: each may take a gigabyte."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Which engine, and where its converted models are kept. providers: accelerators, the best first."""

    name: str
    detect_size: int
    views: int
    cache: Path
    proposals: Proposals = MTCNN
    turned: bool = True
    providers: tuple[str, ...] = ()

    @property
    def record(self) -> EngineRecord:
        """What makes this engine's vectors. Loads no model."""
        return engine_record(
            self.name,
            detect_size=self.detect_size,
            views=self.views,
            proposals=self.proposals,
            turned=self.turned,
        )


@dataclass(frozen=True, slots=True)
class Source:
    """Where a task's bytes came from, and how to know them again. size: bytes."""

    file: bytes
    root: bytes
    size: int
    key: ImageKey


@dataclass(frozen=True, slots=True)
class Crop:
    """A face to cut out. box: fractions of the stored picture. comment: of the JPEG, ASCII."""

    box: Box
    comment: str


@dataclass(frozen=True, slots=True)
class Task:
    """One job for a worker.

    data: the file's bytes; None: only get the engine ready. want_faces: else the header is all.
    alone: nothing else runs, so the picture may be large. source: of the bytes, where they are a file's.
    crops: these faces are to be cut out of it, and nothing else is wanted.
    """

    engine: EngineSettings
    data: bytes | None
    want_faces: bool = True
    alone: bool = False
    source: Source | None = None
    crops: tuple[Crop, ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """The JPEGs of a task's crops, in their order."""

    pictures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """The engine is ready, but not quite as configured: a plain sentence."""

    text: str


Outcome = EncodedPicture | Cut | Notice | None
"""Of a task: the picture, or what was cut out of it; of one that only got the engine ready a notice or None."""


class NeedsRoom(Exception):
    """The picture is so large that it must be decoded while nothing else is."""


_engines: dict[EngineSettings, Engine] = {}
_notices: dict[EngineSettings, Notice] = {}


def encode_task(task: Task) -> Outcome:
    """What the photo holds; None or a notice if only the engine was to be got ready.

    Raises Unreadable for a photo that is none, NeedsRoom for a large one that is not alone, FacedError
    when the engine cannot be opened.
    """
    if task.data is None:
        _engine(task.engine)
        return _notices.get(task.engine)
    with stage("header"):
        picture = Picture(task.data)
    header = picture.header
    if not (task.want_faces or task.crops):
        return _encoded(header, None, None)
    if header.width * header.height > LARGE_PICTURE and not task.alone:
        raise NeedsRoom
    if task.crops:
        return _cut(picture, task.crops)
    return _encode(_engine(task.engine), picture, task.engine.turned)


def _encode(engine: Engine, picture: Picture, turned: bool) -> EncodedPicture:
    header = picture.header
    first: dict[int | None, Pixels] = {}  # is asked for again if the photo may have to be turned
    hashes: list[int] = []

    def pixels_of(at_least: int | None) -> Pixels:
        if at_least in first:
            return first[at_least]
        with stage("decode"):
            upright = picture.pixels(at_least)
        if not first:
            first[at_least] = upright
            with stage("copies"):
                hashes.append(difference_hash(upright))
        return upright

    orientation = header.orientation
    found = encode_upright(engine, pixels_of, header.upright_size)
    if turned and not header.oriented and not is_upright(found):
        with stage("turned"):
            found, orientation = encode_turned(engine, pixels_of, header.upright_size, found)
    faces = tuple(_as_stored(face, orientation) for face in found)
    return _encoded(header, hashes[0], faces)


def _cut(picture: Picture, crops: tuple[Crop, ...]) -> Cut:
    header = picture.header
    boxes = [upright_box(crop.box, header.orientation) for crop in crops]
    pixels = picture.pixels(max(crop_scale(box, *header.upright_size) for box in boxes))
    return Cut(tuple(cut_face(pixels, box, crop.comment) for box, crop in zip(boxes, crops, strict=True)))


def _as_stored(face: UprightFace, orientation: int) -> DetectedFace:
    return DetectedFace(
        box=stored_box(face.box, orientation),
        landmarks=stored_points(face.landmarks, orientation),
        score=face.score,
        side=face.side,
        sharpness=face.sharpness,
        embedding=face.embedding,
    )


def _encoded(header: Header, dhash: int | None, faces: tuple[DetectedFace, ...] | None) -> EncodedPicture:
    return EncodedPicture(
        format=header.format,
        width=header.width,
        height=header.height,
        orientation=header.orientation,
        taken=header.taken,
        dhash=dhash,
        faces=faces,
        seconds=take_seconds(),
    )


def _engine(settings: EngineSettings) -> Engine:
    if settings not in _engines:
        try:
            _choose_providers(settings)
            engine = open_engine(
                settings.name,
                detect_size=settings.detect_size,
                views=settings.views,
                proposals=settings.proposals,
                turned=settings.turned,
                cache=settings.cache,
            )
        except FacedError:
            raise
        except Exception as error:
            raise FacedError(
                f"the engine {settings.name} cannot be opened ({type(error).__name__}: {error})"
            ) from error
        _engines.clear()  # of an earlier configuration
        _engines[settings] = engine
    return _engines[settings]


def _choose_providers(settings: EngineSettings) -> None:
    _notices.clear()
    if settings.name != DEFAULT_ENGINE:
        if settings.providers:
            _notices[settings] = Notice(f"providers: the engine {settings.name} knows none")
        return
    from faced.faces.engine.session import use_providers

    if fault := use_providers(settings.providers):
        _notices[settings] = Notice(fault)
