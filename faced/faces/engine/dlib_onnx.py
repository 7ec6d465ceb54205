"""The engine `dlib-onnx`: dlib's networks on ONNX Runtime, dlib's landmarks and chips."""

from collections.abc import Sequence
from pathlib import Path

from faced.faces.engine.cache import cached_model
from faced.faces.engine.chips import Landmarker
from faced.faces.engine.dat import EMBEDDING, LANDMARKS, locate_model, read_model
from faced.faces.engine.detectors import open_detector
from faced.faces.engine.proposals import Proposals
from faced.faces.engine.protocol import Description, Detector, EngineRecord, FoundFace
from faced.faces.engine.resnet import Embedding
from faced.faces.engine.session import Network
from faced.faces.quality import sharpness
from faced.model import Box, Pixels

__all__ = ["DlibOnnx", "open_dlib_onnx"]


class DlibOnnx:
    """A detector, dlib's landmarks and the embedding network."""

    def __init__(
        self, record: EngineRecord, detector: Detector, landmarker: Landmarker, embedding: Embedding
    ) -> None:
        self.record = record
        self._detector = detector
        self._landmarker = landmarker
        self._embedding = embedding

    def find_faces(self, upright: Pixels) -> list[FoundFace]:
        """See protocol.Engine."""
        return self._detector.find(upright)

    def describe(self, upright: Pixels, boxes: Sequence[Box]) -> list[Description]:
        """See protocol.Engine."""
        chips = self._landmarker.cut_chips(upright, boxes)
        vectors = self._embedding.embed([chip.frames for chip in chips])
        return [
            Description(chip.landmarks, sharpness(chip.pixels), vector)
            for chip, vector in zip(chips, vectors, strict=True)
        ]


def open_dlib_onnx(record: EngineRecord, proposals: Proposals, cache: Path, *, lying: bool) -> DlibOnnx:
    """The engine, its models converted where the cache folder does not have them. lying: see open_detector."""
    read_model(LANDMARKS)  # dlib reads the file itself; this proves that it is the right one
    return DlibOnnx(
        record,
        open_detector(proposals, record.detect_size, cache, lying=lying),
        Landmarker(locate_model(LANDMARKS), record.views),
        Embedding(Network(cached_model(cache, EMBEDDING, _convert_embedding)), record.views),
    )


# Imported only when a model must be made: the package onnx costs a worker 30 MB.
def _convert_embedding(data: bytes) -> bytes:
    from faced.faces.engine.convert import convert_embedding

    return convert_embedding(data)
