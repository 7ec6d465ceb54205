"""What an engine is: it finds the faces of an upright picture and describes each of them.

Values and protocols only: no network, no file. An engine knows no orientation and no store; its
pictures are upright RGB, (h, w, 3) uint8, and its boxes and landmarks are fractions of them.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from faced.model import Box, Floats, Gate, Pixels

__all__ = ["INPUT", "VIEWS", "Description", "Detector", "Engine", "EngineRecord", "FoundFace", "Thresholds"]

INPUT = "pixels"
"""Name of a converted network's input."""

VIEWS = (1, 2, 6)
"""A face's vector is the mean of so many: of the chip; and its mirror image; and both in two other frames."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What was measured for an engine's vectors; the configuration may say otherwise. Not part of its key.

    eps: Euclidean distance up to which two faces may be one person; all other
    distances of joining are shares of it. crowd: share of eps; faces on average farther apart than
    this are not one person. min_samples: faces, one per group of near-copies,
    the point itself counted. gate: which faces are clustered. near_copy_bits: largest
    Hamming distance of the 64-bit difference hashes of two near-copies. suggest: Euclidean, between the
    middles of a face or an unnamed person and of an appearance of the person to whom it is proposed, corrected for
    how few faces made them.
    """

    eps: float
    min_samples: int
    gate: Gate
    near_copy_bits: int
    crowd: float = 1.12
    suggest: float = 0.36


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """All that makes a vector. Vectors are compared only within one `key`.

    models: role -> SHA-256 of the file. detect_size: px, longer side of the picture that is searched.
    decode_size: px, least longer side of the decoded picture that chips are cut from, where the
    original has it; of panoramas see upright.first_size. views: one of VIEWS. proposals: who
    proposes faces to the detector.
    """

    name: str
    detector: str
    chip: str
    models: Mapping[str, str]
    detect_size: int
    decode_size: int
    views: int
    proposals: str
    thresholds: Thresholds = field(compare=False)

    @property
    def key(self) -> str:
        """32 hex digits: the same for the same vectors, in every process and version."""
        text = json.dumps(self._makes_a_vector(), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def to_json(self) -> str:
        """The whole record, thresholds included, on one line."""
        return json.dumps({**self._makes_a_vector(), "thresholds": asdict(self.thresholds)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "EngineRecord":
        """What `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        thresholds = values["thresholds"]
        thresholds = Thresholds(**{**thresholds, "gate": Gate(**thresholds["gate"])})
        return cls(**{**values, "thresholds": thresholds})

    def _makes_a_vector(self) -> dict[str, object]:
        return {
            "name": self.name,
            "detector": self.detector,
            "chip": self.chip,
            "models": dict(self.models),
            "detect_size": self.detect_size,
            "decode_size": self.decode_size,
            "views": self.views,
            "proposals": self.proposals,
        }


@dataclass(frozen=True, slots=True)
class FoundFace:
    """box: fractions of the upright picture. score: the detector's, higher is surer. turn: the EXIF orientation that
    would show the face upright: 1, or of one that lies 3, 6 or 8."""

    box: Box
    score: float
    turn: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """landmarks: (5, 2) float32, fractions of the upright picture, in the order of dlib's 5-point model.

    sharpness: see faces.quality. embedding: (128,) float32.
    """

    landmarks: Floats
    sharpness: float
    embedding: Floats


class Detector(Protocol):
    """The exchangeable part that finds faces."""

    def find(self, upright: Pixels) -> list[FoundFace]:
        """The faces of an upright picture of detection size or larger, best score first."""
        ...


class Engine(Protocol):
    """A detector and an embedding that belong together."""

    @property
    def record(self) -> EngineRecord:
        """What makes this engine's vectors."""
        ...

    def find_faces(self, upright: Pixels) -> list[FoundFace]:
        """The faces of an upright picture of detection size or larger, best score first."""
        ...

    def describe(self, upright: Pixels, boxes: Sequence[Box]) -> list[Description]:
        """Landmarks, sharpness and embedding of the faces in these boxes, in their order."""
        ...
