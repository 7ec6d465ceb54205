"""What becomes of a photo that gave no picture, case by case."""

import pytest

from faced.errors import Unreadable
from faced.faces.verdict import Verdict, judge_deaths, judge_unreadable, wants_faces
from faced.model import ImageKey

ONE, TWO = ImageKey("b1:1"), ImageKey("b1:2")
OLD = {"age": 600.0, "reading": False, "stale": True, "gone": False, "forbidden": False}
DAMAGED, UNFINISHED = Unreadable("damaged"), Unreadable("cut short", later=True)
LOST = Unreadable("denied", lost=True)


@pytest.mark.parametrize(
    ("error", "differs", "verdict"),
    [
        (DAMAGED, {}, Verdict("damaged", forget_image=True, failed=True)),
        (DAMAGED, {"age": 0.0}, Verdict("damaged", forget_image=True, failed=True)),
        (DAMAGED, {"stale": False}, Verdict("damaged", failed=True)),
        (UNFINISHED, {}, Verdict("cut short", forget_image=True, failed=True)),
        (UNFINISHED, {"age": 599.9}, Verdict("still being written (cut short)", later=True)),
        (UNFINISHED, {"age": -599.9}, Verdict("still being written (cut short)", later=True)),
        (UNFINISHED, {"age": -600.0}, Verdict("cut short", forget_image=True, failed=True)),
        (UNFINISHED, {"reading": True}, Verdict("still being written (cut short)", later=True)),
        (LOST, {}, Verdict("denied", failed=True)),
        (LOST, {"forbidden": True}, Verdict("denied", later=True, failed=True)),
        (LOST, {"gone": True}, Verdict(None, vanished=True)),
    ],
)
def test_unreadable(error: Unreadable, differs: dict[str, object], verdict: Verdict) -> None:
    """An old, stale file that is there, but for what differs."""
    assert judge_unreadable(error, **{**OLD, **differs}) == verdict  # type: ignore[arg-type]


def test_two_deaths_are_enough() -> None:
    """The first is forgiven; only a file whose content was unknown loses its image."""
    assert judge_deaths(1, "crashed", stale=True) is None
    assert judge_deaths(2, "crashed", stale=True) == Verdict(
        "it crashed, twice", forget_image=True, failed=True
    )
    assert judge_deaths(2, "crashed", stale=False) == Verdict("it crashed, twice", failed=True)


@pytest.mark.parametrize(
    ("known_key", "orientation", "encoded", "wanted"),
    [
        (None, None, None, True),  # new content
        (None, None, 1, False),  # a copy, or a metadata edit
        (ONE, 6, 1, True),  # it was turned
        (ONE, 1, 1, False),  # done meanwhile
        (ONE, 1, None, True),  # another engine
        (TWO, 6, 1, False),  # it holds something else than it was known to
    ],
)
def test_faces_are_wanted(
    known_key: ImageKey | None, orientation: int | None, encoded: int | None, wanted: bool
) -> None:
    """Of a file that holds image ONE."""
    assert wants_faces(known_key=known_key, orientation=orientation, key=ONE, encoded=encoded) is wanted
