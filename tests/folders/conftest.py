"""What the tests of the folders share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.treeworld import TreeWorld, open_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[TreeWorld]:
    """A people folder that does not exist yet, beside an empty store."""
    with open_world(tmp_path) as world:
        yield world
