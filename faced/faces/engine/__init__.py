"""The part that finds faces and makes vectors of them, behind one small protocol.

Engines are opened by name. Nothing here imports ONNX Runtime or dlib before `open_engine` is called,
so that a process that only needs an engine's record stays small.
"""

from pathlib import Path

from faced.errors import ConfigError
from faced.faces.engine.dat import EMBEDDING, LANDMARKS, MMOD
from faced.faces.engine.protocol import Description, Detector, Engine, EngineRecord, FoundFace, Thresholds
from faced.faces.engine.upright import PixelsOf, UprightFace, encode_upright
from faced.faces.quality import MIN_SIDE
from faced.pictures.dhash import NEAR_COPY_BITS

__all__ = [
    "DEFAULT_ENGINE",
    "ENGINES",
    "Description",
    "Detector",
    "Engine",
    "EngineRecord",
    "FoundFace",
    "PixelsOf",
    "Thresholds",
    "UprightFace",
    "encode_upright",
    "engine_record",
    "open_engine",
]

DEFAULT_ENGINE = "dlib-onnx"
_DETECTORS = {"dlib-onnx": "mmod, pyramid 3/4", "face_recognition": "mmod, pyramid 5/6"}
ENGINES = tuple(_DETECTORS)

# A chip of 150 px shows 1.27 windows of the detector; the smallest face found, one window of 80 px, fills
# it without being enlarged in a picture 1.48 times as large.
_SHARP = 1.5

# eps and crowd with one and with two views, measured: see docs/clustering.md. Both engines make the same vectors.
_EPS = {1: 0.48, 2: 0.44}
_CROWD = {1: 1.15, 2: 1.10}


def engine_record(name: str, *, detect_size: int = 800, views: int = 2) -> EngineRecord:
    """What the vectors of an engine are made of. Loads nothing: the models' hashes are pinned."""
    if name not in _DETECTORS:
        raise ConfigError(f"engine must be one of {', '.join(ENGINES)}, got {name!r}")
    if views not in (1, 2):
        raise ConfigError(f"embed.views must be 1 or 2, got {views}")
    if not 100 <= detect_size <= 10_000:
        raise ConfigError(f"detect.size must be 100 to 10000 px, got {detect_size}")
    return EngineRecord(
        name=name,
        detector=_DETECTORS[name],
        chip="5 points, 150 px, padding 0.25",
        models={"detector": MMOD.sha256, "embedding": EMBEDDING.sha256, "landmarks": LANDMARKS.sha256},
        detect_size=detect_size,
        decode_size=round(_SHARP * detect_size),
        views=views,
        proposals="none",
        thresholds=Thresholds(
            eps=_EPS[views],
            min_samples=3,
            min_side=MIN_SIDE,
            near_copy_bits=NEAR_COPY_BITS,
            crowd=_CROWD[views],
        ),
    )


def open_engine(name: str, *, detect_size: int = 800, views: int = 2, cache: Path) -> Engine:
    """The engine, ready to run in this process. cache: folder for converted models, made if needed."""
    record = engine_record(name, detect_size=detect_size, views=views)
    if name == "face_recognition":
        from faced.faces.engine.reference import open_face_recognition

        return open_face_recognition(record)
    from faced.faces.engine.dlib_onnx import open_dlib_onnx

    return open_dlib_onnx(record, cache)
