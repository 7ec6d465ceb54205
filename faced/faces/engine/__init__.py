"""The part that finds faces and makes vectors of them, behind one small protocol.

Engines are opened by name. Nothing here imports ONNX Runtime or dlib before `open_engine` is called,
so that a process that only needs an engine's record stays small.
"""

from pathlib import Path

from faced.errors import ConfigError
from faced.faces.engine.dat import EMBEDDING, LANDMARKS, MMOD
from faced.faces.engine.proposals import MTCNN, NONE, Proposals, resolve_proposals
from faced.faces.engine.protocol import (
    VIEWS,
    Description,
    Detector,
    Engine,
    EngineRecord,
    FoundFace,
    Thresholds,
)
from faced.faces.engine.upright import ENOUGH, PixelsOf, UprightFace, encode_upright, first_size
from faced.faces.quality import GATE
from faced.pictures.dhash import NEAR_COPY_BITS

__all__ = [
    "DEFAULT_ENGINE",
    "ENGINES",
    "MTCNN",
    "NONE",
    "REVISION",
    "Description",
    "Detector",
    "Engine",
    "EngineRecord",
    "FoundFace",
    "PixelsOf",
    "Proposals",
    "Thresholds",
    "UprightFace",
    "encode_upright",
    "engine_record",
    "first_size",
    "open_engine",
    "resolve_proposals",
]

DEFAULT_ENGINE = "dlib-onnx"
ENGINES = ("dlib-onnx", "face_recognition")

# A chip of 150 px shows 1.27 windows of the detector; the smallest face found, one window of 80 px, fills
# it without being enlarged in a picture 1.48 times as large.
_SHARP = 1.5

REVISION = 3
"""Of how faces are proposed and judged: counted up whenever boxes or scores change, for another chip makes another
vector. Part of the record."""

# eps and crowd with one, two and six views, measured: see docs/clustering.md. Both engines make the same vectors. Six views are
# means as two are, and were not measured apart.
_EPS = {1: 0.485, 2: 0.45, 6: 0.45}
_CROWD = {1: 1.13, 2: 1.06, 6: 1.06}


def engine_record(
    name: str,
    *,
    detect_size: int = 800,
    views: int = 2,
    proposals: Proposals = MTCNN,
    turned: bool = True,
) -> EngineRecord:
    """What the vectors of an engine are made of. Loads nothing: the models' hashes are known.

    turned: photos without a face are tried turned, and faces that lie are looked for. Only the engine dlib-onnx takes proposals.
    """
    if name not in ENGINES:
        raise ConfigError(f"engine must be one of {', '.join(ENGINES)}, got {name!r}")
    if views not in VIEWS:
        raise ConfigError(f"embed.views must be 1, 2 or 6, got {views}")
    if not 100 <= detect_size <= 10_000:
        raise ConfigError(f"detect.size must be 100 to 10000 px, got {detect_size}")
    return EngineRecord(
        name=name,
        detector=_describe_detector(name, proposals, turned),
        chip=f"5 points, 150 px, padding 0.25, of a face of {ENOUGH:.0f} px",
        models={"detector": MMOD.sha256, "embedding": EMBEDDING.sha256, "landmarks": LANDMARKS.sha256},
        detect_size=detect_size,
        decode_size=round(_SHARP * detect_size),
        views=views,
        proposals=str(proposals if name == DEFAULT_ENGINE else NONE),
        thresholds=Thresholds(
            eps=_EPS[views],
            min_samples=3,
            gate=GATE,
            near_copy_bits=NEAR_COPY_BITS,
            crowd=_CROWD[views],
        ),
    )


def open_engine(
    name: str,
    *,
    detect_size: int = 800,
    views: int = 2,
    proposals: Proposals = MTCNN,
    turned: bool = True,
    cache: Path,
) -> Engine:
    """The engine, ready to run in this process. cache: folder for converted models, made if needed."""
    record = engine_record(name, detect_size=detect_size, views=views, proposals=proposals, turned=turned)
    if name == "face_recognition":
        from faced.faces.engine.reference import open_face_recognition

        return open_face_recognition(record)
    from faced.faces.engine.dlib_onnx import open_dlib_onnx

    return open_dlib_onnx(record, proposals, cache, lying=turned)


def _describe_detector(name: str, proposals: Proposals, turned: bool) -> str:
    if name == "face_recognition":
        detector = "mmod, pyramid 5/6"
    elif proposals == NONE:
        detector = "mmod, pyramid 3/4, panoramas larger"
    else:
        detector = f"mmod, tiles of 128 px where proposed, revision {REVISION}"
    return detector + (", else turned" if turned else "")
