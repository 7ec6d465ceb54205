"""Sums of groups and their moves are what plain sums and a plain rule say."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.people import groups
from faced.people.faces import NOISE
from faced.people.groups import Pairs, choose_moves, differ, exact_vectors, find_reached, sum_rows, sum_runs
from faced.people.numbers import number_persons

SIZE = 12
moves = st.dictionaries(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1), max_size=SIZE)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.sampled_from([2, 64, 10_000]))
@settings(max_examples=60, deadline=None)
def test_law_a_sum_of_a_run_is_the_sum_of_its_rows(sizes: list[int], few: int) -> None:
    vectors = exact_vectors(np.random.default_rng(1).normal(0, 0.1, (sum(sizes), 128)).astype(np.float32))
    starts = np.cumsum(sizes) - sizes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "FEW", few)
        found = sum_runs(vectors, starts)
    rows = [range(start, start + size) for start, size in zip(starts.tolist(), sizes, strict=True)]
    np.testing.assert_array_equal(found, [vectors[list(run)].sum(axis=0) for run in rows])


@given(st.lists(st.integers(0, 6), max_size=60), st.sampled_from([1, 7, 1024]))
@settings(max_examples=60, deadline=None)
def test_law_sums_do_not_hang_on_blocks_and_change_no_vector(keys: list[int], summed: int) -> None:
    embeddings = np.random.default_rng(2).normal(0, 0.1, (60, 128)).astype(np.float32)
    before, rows = embeddings.copy(), np.random.default_rng(3).permutation(60)[: len(keys)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "SUMMED", summed)
        sums, _ = sum_rows(embeddings, rows, np.array(keys, dtype=np.intp), 7)
    np.testing.assert_array_equal(embeddings, before)
    whole = np.rint(embeddings.astype(np.float64) * 2.0**32)
    for key in range(7):
        mine = [row for row, one in zip(rows.tolist(), keys, strict=True) if one == key]
        np.testing.assert_array_equal(sums[key], whole[mine].sum(axis=0))


@given(
    st.dictionaries(
        st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)).filter(lambda pair: pair[0] < pair[1]),
        st.sampled_from([0.1, 0.2, 0.3]),
    ),
    st.lists(st.integers(1, 3), min_size=SIZE, max_size=SIZE),
)
@settings(max_examples=200, deadline=None)
def test_law_each_goes_to_its_nearest_if_that_one_is_larger_and_stays(
    far: dict[tuple[int, int], float], counts: list[int]
) -> None:
    nearest = {}
    for one in {group for pair in far for group in pair}:
        others = [(far[pair], sum(pair) - one) for pair in far if one in pair]
        nearest[one] = min(others)

    def is_smaller(one: int, other: int) -> bool:
        return (counts[one], -one) < (counts[other], -other)

    mutual = {one for one, (_, other) in nearest.items() if nearest[other][1] == one}
    stays = {one for one in mutual if not is_smaller(one, nearest[one][1])}
    wanted = {
        one: other
        for one, (_, other) in nearest.items()
        if (one in mutual and one not in stays)
        or (one not in mutual and other in stays and counts[one] <= counts[other])
    }
    ones, others = (np.array([pair[n] for pair in far], dtype=np.intp) for n in (0, 1))
    movers, targets = choose_moves(
        Pairs(ones, others, np.array([*far.values()], dtype=float)), np.array(counts)
    )
    assert dict(zip(movers.tolist(), targets.tolist(), strict=True)) == wanted
    assert movers.tolist() == sorted(wanted, key=lambda one: (nearest[one][0], one))


@given(moves, moves, st.sets(st.integers(0, SIZE - 1)))
@settings(max_examples=200, deadline=None)
def test_law_moves_that_differ_reach_whoever_meets_them(
    now: dict[int, int], then: dict[int, int], gone: set[int]
) -> None:
    """gone: groups that are no more, of the other time."""
    olds = {one: NOISE if other in gone else other for one, other in then.items() if one not in gone}
    table = np.full(SIZE + 1, NOISE, dtype=np.int32)
    both = [
        (np.array([*some], dtype=np.intp), np.array([*some.values()], dtype=np.intp)) for some in (now, olds)
    ]
    found = differ(table, both[0], both[1]).tolist()
    assert found == [olds.get(one) != other for one, other in now.items()] + [
        other == NOISE or now.get(one) != other for one, other in olds.items()
    ]
    assert (table == NOISE).all()
    scope = np.zeros(SIZE + 1, dtype=np.bool_)
    scope[[0, NOISE]] = True
    ones, others = (np.concatenate([part[n] for part in both]) for n in (0, 1))
    reached = {0, NOISE} | {int(row) for row in np.concatenate([ones[found], others[found]])}
    while True:
        more = {
            end
            for pair in zip(ones.tolist(), others.tolist(), strict=True)
            if reached & set(pair)
            for end in pair
        }
        if more <= reached:
            break
        reached |= more
    assert find_reached(scope, ones, others, np.array(found, dtype=np.bool_)).tolist() == sorted(
        reached - {0, NOISE}
    )


@given(
    st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 5)), max_size=30),
    st.sets(st.integers(0, 29), max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_law_numbers_go_by_the_largest_overlap(faces: list[tuple[int, int]], out: set[int]) -> None:
    """out: rows that left their cluster, which may still be called by them."""
    first: dict[int, int] = {}
    labels = [first.setdefault(label, row) if label >= 0 else NOISE for row, (label, _) in enumerate(faces)]
    labels = [NOISE if row in out else label for row, label in enumerate(labels)]
    before = [person for _, person in faces]
    overlap = Counter(
        (label, person) for label, person in zip(labels, before, strict=True) if label != NOISE and person
    )
    wanted: dict[int, int] = {}
    for label, person in sorted(overlap, key=lambda one: (-overlap[one], one[0], before.index(one[1]))):
        if label not in wanted and person not in wanted.values():
            wanted[label] = person
    sizes = Counter(label for label in labels if label != NOISE)
    left = sorted(sizes.keys() - wanted.keys(), key=lambda label: (-sizes[label], label))
    wanted |= {label: -1 - place for place, label in enumerate(left)}
    found = number_persons(np.array(labels, dtype=np.int32), np.array(before, dtype=np.int64))
    assert {row: number for row, number in enumerate(found.tolist()) if number} == wanted
