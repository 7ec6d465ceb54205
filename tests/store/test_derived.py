"""Derived files: what was written comes back, and anything else is as if there were none."""

import stat
from pathlib import Path

import numpy as np
import pytest

from faced.store.derived import load_derived, save_derived

COLUMNS = {"a": np.arange(6, dtype=np.int32).reshape(2, 3), "b": np.array([1.5, np.inf], dtype=np.float32)}


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    """Names, types, shapes and numbers; the file is the owner's alone, and the second replaces the first."""
    assert load_derived(tmp_path, "x", "t") is None
    assert save_derived(tmp_path, "x", "old", {"a": np.zeros(3)})
    assert save_derived(tmp_path, "x", "t", COLUMNS | {"none": np.empty((0, 4))})
    assert load_derived(tmp_path, "x", "old") is None
    found = load_derived(tmp_path, "x", "t")
    assert found is not None
    assert found["none"].shape == (0, 4)
    for name, column in COLUMNS.items():
        assert found[name].dtype == column.dtype
        np.testing.assert_array_equal(found[name], column)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_damaged_file_is_no_file(tmp_path: Path) -> None:
    """Cut off anywhere, or with any byte changed: nothing comes back, or all of it."""
    save_derived(tmp_path, "x", "t", COLUMNS)
    whole = (tmp_path / "x").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "x").write_bytes(whole[:length])
        assert load_derived(tmp_path, "x", "t") is None
    for place in range(len(whole)):
        (tmp_path / "x").write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        found = load_derived(tmp_path, "x", "t")
        if found is not None:  # the byte said nothing: a capital letter of the sum
            assert found.keys() == COLUMNS.keys()
            for name in found:
                np.testing.assert_array_equal(found[name], COLUMNS[name])


def test_objects_are_no_numbers(tmp_path: Path) -> None:
    """Nothing that needs a pickle is written."""
    with pytest.raises(TypeError, match="numbers only"):
        save_derived(tmp_path, "x", "t", {"a": np.array([{}], dtype=object)})


def test_where_nothing_can_be_written_nothing_is_lost(tmp_path: Path) -> None:
    """A folder that is not there is told as False, and left alone."""
    assert not save_derived(tmp_path / "away", "x", "t", COLUMNS)
    (tmp_path / "x.partial").mkdir()
    assert not save_derived(tmp_path, "x", "t", COLUMNS)
    assert load_derived(tmp_path, "x", "t") is None
