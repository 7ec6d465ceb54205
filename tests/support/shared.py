"""The labelled photos and embeddings that faced is measured on; not part of the project."""

import os
from pathlib import Path

import pytest


def shared_data() -> Path:
    """The folder of the shared data set, or a skip where it is not."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("FACED_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip("needs the shared data set, which is not here")
    return folder
