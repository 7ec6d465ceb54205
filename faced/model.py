"""The values that pass between the rooms. No I/O, no SQL, no clock.

Paths are bytes (os.fsencode), for file names need not be UTF-8. Boxes are fractions of the
*stored* picture, before its EXIF orientation is applied. Row ids are ints with a type of
their own; nothing that a result depends on may compare them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, NewType

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Box",
    "DetectedFace",
    "EncodedPicture",
    "EngineId",
    "FaceId",
    "FileStamp",
    "Floats",
    "FolderId",
    "Gate",
    "Grade",
    "ImageId",
    "ImageKey",
    "LibraryId",
    "PersonId",
    "PhotoId",
    "Pixels",
    "Place",
]

LibraryId = NewType("LibraryId", int)
PhotoId = NewType("PhotoId", int)
ImageId = NewType("ImageId", int)
EngineId = NewType("EngineId", int)
FaceId = NewType("FaceId", int)
PersonId = NewType("PersonId", int)
FolderId = NewType("FolderId", int)
ImageKey = NewType("ImageKey", str)
"""`b1:` and 32 hex digits: blake2b-128 of the picture data (see pictures.hashing)."""

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A rectangle as fractions of the picture's width and height; it may lie partly outside."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class DetectedFace:
    """One face as an engine found it.

    box: fractions of the stored picture. landmarks: (5, 2) float32, x and y as fractions of the
    stored picture, in the order of dlib's 5-point model. score: the detector's. side: px, of the
    detector's box in the full-size picture. sharpness: variance of the Laplacian / variance of
    grey in the middle 90 x 90 of the chip. embedding: (128,) float32.
    """

    box: Box
    landmarks: Floats
    score: float
    side: float
    sharpness: float
    embedding: Floats


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPicture:
    """What reading one photo gave. `faces` is None when only the header was wanted.

    width, height: px of the stored picture. orientation: EXIF, 1 to 8. taken: the EXIF date as
    `YYYY-MM-DDTHH:MM:SS`, local time of the camera, or None. dhash: 64-bit difference hash of the
    upright picture as an unsigned int; None when only the header was wanted. seconds: what each stage of
    the work took (see faces.timings).
    """

    format: str
    width: int
    height: int
    orientation: int
    taken: str | None
    dhash: int | None
    faces: tuple[DetectedFace, ...] | None
    seconds: Mapping[str, float] = field(default_factory=dict)


class Grade(IntEnum):
    """What a face is good for: nothing, to join people who are there already, or to say who is there."""

    NEVER = 0
    ATTACH = 1
    CORE = 2


@dataclass(frozen=True, slots=True)
class Gate:
    """How large and how sharp a face must be; both limits are inclusive.

    core_side, core_sharpness: of a face that may be a core point. attach_side, attach_sharpness: of one that may
    join. stricter: how much nearer (Euclidean) than others a face must be that may only join.
    """

    core_side: float
    core_sharpness: float
    attach_side: float
    attach_sharpness: float
    stricter: float

    def grade(self, sides: NDArray[np.float64], sharpness: NDArray[np.float64]) -> NDArray[np.int8]:
        """(n,) Grade of n faces. sides: (n,) px of the full-size picture. sharpness: (n,)."""
        core = (sides >= self.core_side) & (sharpness >= self.core_sharpness)
        attach = (sides >= self.attach_side) & (sharpness >= self.attach_sharpness)
        never, joins, carries = (np.int8(grade) for grade in (Grade.NEVER, Grade.ATTACH, Grade.CORE))
        return np.where(core, carries, np.where(attach, joins, never))


class FileStamp(NamedTuple):
    """What a file looks like from outside: while it is the same, the content is taken to be the same.

    size: bytes. mtime_ns, ctime_ns: UTC nanoseconds since 1970. ino: inode. A tuple, for a scan compares
    one for every photo.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    ino: int


@dataclass(frozen=True, slots=True)
class Place:
    """What makes a folder the same folder after a reboot: a device number may change, these do not.

    fsid: statvfs f_fsid, 0 where the file system has none. source, fstype: of its mount.
    ino: inode of the folder itself.
    """

    fsid: int
    source: str
    fstype: str
    ino: int

    def is_same(self, other: "Place") -> bool:
        """The file-system id decides; where there is none, mount source and type. And the inode."""
        if self.ino != other.ino:
            return False
        if self.fsid and other.fsid:
            return self.fsid == other.fsid
        return (self.source, self.fstype) == (other.source, other.fstype)
