"""Photos whose faces are known beforehand: tiny real PNGs that say in their pixels who is on them.

`read_new_photos` is the encode step with the engine left out: queue, hash, rows and hand-over are the real ones.
People 0 and 1 look alike (0.6 apart, so that a wide eps takes them for one), person 2 looks different on each photo
(0.3 apart, so that a narrow eps finds nobody), the others are far from everybody.
"""

import hashlib
import io
import json
import math
import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from faced.faces.engine import EngineRecord, Thresholds
from faced.faces.handover import match_boxes
from faced.faces.verdict import wants_faces
from faced.model import Box, DetectedFace, EncodedPicture, Floats, Gate
from faced.pictures.hashing import image_key
from faced.store import jobs
from faced.store.database import Store

__all__ = ["PEOPLE", "Picture", "engine_record", "person_at", "read_new_photos", "read_picture"]

PEOPLE = 5
RADIUS = 0.55
ALIKE = 0.60
SPREAD = (0.10, 0.10, 0.21, 0.10, 0.10)
STEP, WIDTH = 0.18, 0.12


@dataclass(frozen=True, order=True)
class Picture:
    """number: which picture. people: who is on it. edit: how often it was retouched (other pixels). turn: its EXIF
    orientation (the same pixels).
    """

    number: int
    people: tuple[int, ...]
    edit: int = 0
    turn: int = 1

    @property
    def data(self) -> bytes:
        """The file."""
        text = json.dumps([self.number, self.people, self.edit]).encode()
        about = PngInfo()
        about.add_text("turn", str(self.turn))
        file = io.BytesIO()
        Image.frombytes("L", (len(text), 1), text).save(file, "PNG", pnginfo=about)
        return file.getvalue()

    @property
    def key(self) -> str:
        """The image's."""
        return _key(replace(self, turn=1))

    def encode(self, engine: int, *, faces: bool) -> EncodedPicture:
        """What an engine makes of it."""
        found = tuple(_face(self, person, engine) for person in self.people) if faces else None
        dhash = int.from_bytes(hashlib.blake2b(b"%d" % self.number, digest_size=8).digest()) ^ self.edit
        return EncodedPicture("PNG", 400, 400, self.turn, None, dhash if faces else None, found)


@cache
def _key(picture: Picture) -> str:
    return image_key(picture.data)


@cache
def read_picture(data: bytes) -> Picture:
    """The picture of a file."""
    with Image.open(io.BytesIO(data)) as image:
        number, people, edit = json.loads(image.tobytes())
        return Picture(number, tuple(people), edit, int(image.info["turn"]))


def person_at(left: float) -> int:
    """Whose face begins there, in whatever engine's picture."""
    return round((left - 0.02) / STEP)


def engine_record(number: int) -> EngineRecord:
    """Engines differ in their vectors, and a little in their boxes."""
    thresholds = Thresholds(
        eps=0.4, min_samples=2, gate=Gate(10.0, 0.0, 10.0, 0.0, 0.0), near_copy_bits=3, suggest=0.5
    )
    return EngineRecord("made", "made", str(number), {}, 800, 800, 1, "none", thresholds)


def read_new_photos(store: Store, engine: int) -> int:
    """The encode step: every photo of the queue. Returns how many there were."""
    count = 0
    record = engine_record(engine)
    with store.write() as db:
        engine_id = jobs.ensure_engine(db, record.key, record.to_json())
    while queue := [job for job in jobs.load_jobs(store.db, engine_id, 1000) if os.path.exists(job.file)]:
        for job in queue:
            data = Path(job.file.decode()).read_bytes()
            picture, key = read_picture(data), image_key(data)
            encoded = jobs.load_encoded_orientation(store.db, engine_id, key)
            wanted = wants_faces(known_key=job.key, orientation=job.orientation, key=key, encoded=encoded)
            found = picture.encode(engine, faces=wanted)
            with store.write() as db:
                assert jobs.save_reading(
                    db, engine_id, jobs.Reading(job.photo, job.stamp, key, found), match_boxes
                )
            count += 1
    return count


def _face(picture: Picture, person: int, engine: int) -> DetectedFace:
    # What is seen of a face moves a little with the engine, with a retouch, and when the picture is turned.
    left = 0.02 + STEP * person + 0.01 * engine + 0.008 * (picture.edit % 3) + 0.004 * (picture.turn > 1)
    return DetectedFace(
        box=Box(left, 0.3, WIDTH, WIDTH),
        landmarks=np.zeros((5, 2), dtype=np.float32),
        score=1.0,
        side=48.0,
        sharpness=1.0,
        embedding=_embedding(picture.number, picture.edit, person, engine),
    )


@cache
def _embedding(number: int, edit: int, person: int, engine: int) -> Floats:
    centre = np.zeros(128)
    centre[person] = RADIUS
    if person == 1:
        angle = 2 * math.asin(ALIKE / 2 / RADIUS)
        centre[0], centre[1] = RADIUS * math.cos(angle), RADIUS * math.sin(angle)
    vector = centre + SPREAD[person] * _direction(number, person) + 0.03 * _direction(number, person, edit)
    return np.roll(vector, 40 * engine).astype(np.float32)


def _direction(*seed: int) -> Floats:
    vector = np.random.default_rng([7, *seed]).standard_normal(128)
    vector[:PEOPLE] = 0
    return np.asarray(vector / np.linalg.norm(vector))
