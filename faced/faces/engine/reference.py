"""The engine `face_recognition`: that package itself behind our protocol.

Slow; the oracle of tests and benches, and the way out where ONNX Runtime does not exist. Imported only
when it is opened, and then made harmless: importing it makes Pillow accept truncated pictures in the
whole process.
"""

import contextlib
import io
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from PIL import ImageFile

from faced.errors import FacedError
from faced.faces.engine.chips import chip_paddings, landmark_fractions
from faced.faces.engine.mmod import detection_copy
from faced.faces.engine.protocol import Description, EngineRecord, FoundFace
from faced.faces.engine.resnet import make_views, mean_of_views
from faced.faces.geometry import pixel_rectangle
from faced.faces.quality import sharpness
from faced.model import Box, Floats, Pixels

__all__ = ["FaceRecognition", "import_face_recognition", "open_face_recognition"]


def import_face_recognition() -> ModuleType:
    """The package's module `api`, without what importing it does to the process."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            from face_recognition import api
    except (ImportError, SystemExit) as error:  # without its models it prints advice and quits
        raise FacedError(
            f"engine face_recognition: the package cannot be imported ({error}); install faced[reference]"
        ) from None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
    module: ModuleType = api
    return module


class FaceRecognition:
    """face_recognition with its `cnn` detector and its `small` landmarks."""

    def __init__(self, record: EngineRecord, api: Any) -> None:
        self.record = record
        self._api = api

    def find_faces(self, upright: Pixels) -> list[FoundFace]:
        """See protocol.Engine."""
        picture = detection_copy(upright, self.record.detect_size)
        found = [_found(face, *picture.size) for face in self._api.cnn_face_detector(np.array(picture), 0)]
        return sorted(found, key=lambda face: (-face.score, face.box))

    def describe(self, upright: Pixels, boxes: Sequence[Box]) -> list[Description]:
        """See protocol.Engine."""
        upright = np.ascontiguousarray(upright)
        return [self._describe_one(upright, box) for box in boxes]

    def _describe_one(self, upright: Pixels, box: Box) -> Description:
        import dlib

        height, width = upright.shape[:2]
        left, top, right, bottom = pixel_rectangle(box, width, height)
        (shape,) = self._api._raw_face_landmarks(upright, [(top, right, bottom, left)], model="small")
        frames: list[Pixels] = [
            dlib.get_face_chip(upright, shape, padding=padding)
            for padding in chip_paddings(self.record.views)
        ]
        views = map(np.ascontiguousarray, make_views(frames, self.record.views))
        vectors: Floats = np.array(
            [self._api.face_encoder.compute_face_descriptor(view) for view in views], np.float32
        )
        embedding = mean_of_views(vectors, self.record.views)[0]
        return Description(landmark_fractions(shape, width, height), sharpness(frames[0]), embedding)


def open_face_recognition(record: EngineRecord) -> FaceRecognition:
    """The engine; a plain error where the package is not installed."""
    return FaceRecognition(record, import_face_recognition())


def _found(face: Any, width: int, height: int) -> FoundFace:
    rect = face.rect
    box = Box(rect.left() / width, rect.top() / height, rect.width() / width, rect.height() / height)
    return FoundFace(box, float(face.confidence))
