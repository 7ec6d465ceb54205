"""The engines, opened once for all tests of this folder."""

from pathlib import Path

import pytest

from faced.faces.engine import Engine, open_engine
from tests.support.once import made_once


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder in which models are converted once in a run."""
    return made_once(tmp_path_factory, "cache", lambda folder: folder) / "faced"


@pytest.fixture(scope="session")
def ours(model_cache: Path) -> Engine:
    """The default engine with plain embeddings."""
    return open_engine("dlib-onnx", views=1, cache=model_cache)


@pytest.fixture(scope="session")
def ours_mirrored(model_cache: Path) -> Engine:
    """The default engine as it is used: the mean of chip and mirror image."""
    return open_engine("dlib-onnx", cache=model_cache)


@pytest.fixture(scope="session")
def reference(model_cache: Path) -> Engine:
    """face_recognition behind the same protocol, with plain embeddings."""
    return open_engine("face_recognition", views=1, cache=model_cache)
