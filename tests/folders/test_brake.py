"""How much may vanish before the user is asked: the boundaries."""

import pytest

from faced.folders.brake import BRAKE, Losses, is_too_many_folders, is_too_many_links, must_ask


@pytest.mark.parametrize(
    ("lost", "had", "asked"),
    [
        (25, 25, False),
        (26, 26, True),
        (26, 129, True),
        (26, 130, False),
        (26, 131, False),
        (1000, 5000, False),
    ],
)
def test_more_than_25_and_more_than_20_percent(lost, had, asked):
    """Both must be exceeded: 26 of 130 are exactly 20 %."""
    assert is_too_many_links(lost, had, BRAKE) == asked


@pytest.mark.parametrize(
    ("lost", "had", "asked"), [(3, 3, False), (4, 4, True), (4, 19, True), (4, 20, False), (5, 24, True)]
)
def test_more_than_3_folders_and_more_than_20_percent(lost, had, asked):
    """Three of three are few; four of twenty are exactly 20 %."""
    assert is_too_many_folders(lost, had, BRAKE) == asked


def losses(missing, links, *, lately=0, left=None, is_named=False):
    return Losses(missing, lately, links - missing if left is None else left, links, is_named)


@pytest.mark.parametrize(
    ("of_one", "asked"),
    [
        (losses(3, 3, is_named=True), True),
        (losses(3, 3), False),
        (losses(2, 2, is_named=True), False),
        (losses(1, 1, lately=2, is_named=True), True),
        (losses(1, 1, lately=1, is_named=True), False),
        (losses(2, 3, is_named=True), False),
        (losses(0, 3, left=0, is_named=True), False),  # all that is gone is excused
        (losses(2, 3, left=0, is_named=True), True),
    ],
)
def test_the_last_link_of_a_named_person_who_had_three(of_one, asked):
    """What was rejected within the day counts as had."""
    assert must_ask({1: of_one}, BRAKE) == (frozenset([1] if asked else []), False)


def test_many_persons_lose_a_few_each():
    """Nobody loses too many, the tree does."""
    few = {person: losses(6, 20) for person in range(1, 6)}
    assert must_ask(few, BRAKE) == (frozenset(), True)
    assert must_ask({**few, 6: losses(0, 100)}, BRAKE) == (frozenset(), False)


def test_rejections_of_the_day_count():
    """20 before, 6 now; of somebody who lost nothing now nothing is asked."""
    assert must_ask({1: losses(6, 30, lately=20)}, BRAKE)[0] == {1}
    assert must_ask({1: losses(0, 30, lately=30)}, BRAKE)[0] == frozenset()
