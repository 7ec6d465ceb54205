"""When a new file counts as written to the end. Times are given by hand; nothing waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faced.library.ready import Settling
from faced.model import FileStamp

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
ROOT = b"/photos"


def stamp(changed: float, size: int = 1000) -> FileStamp:
    """Of a file last changed so many seconds after the start."""
    time = START + int(changed * SECOND)
    return FileStamp(size, time, time, 7)


class Watch:
    """Settling with two clocks that go alike: `at` is seconds after the start."""

    def __init__(self, settle: float = 2.0) -> None:
        self.settling = Settling(settle)

    def look(self, at: float, files: dict[bytes, FileStamp], root: bytes = ROOT, **options) -> set[bytes]:
        now = START + int(at * SECOND)
        return set(self.settling.find_unready(root, files, now_ns=now, clock=100.0 + at, **options))

    @property
    def due(self) -> float | None:
        due = self.settling.due()
        return None if due is None else due - 100.0


def test_an_old_file_is_ready_at_the_first_look():
    """A library of years is not looked at twice."""
    watch = Watch()
    assert watch.look(0, {b"a.jpg": stamp(-60), b"b.jpg": stamp(-1e6)}) == set()
    assert watch.due is None


def test_a_young_file_needs_two_looks_a_second_apart():
    """Left alone for `settle`, and seen the same twice."""
    watch, files = Watch(), {b"a.jpg": stamp(0)}
    assert watch.look(0.1, files) == {b"a.jpg"}
    assert watch.due == pytest.approx(2.0)
    assert watch.look(1.9, files) == {b"a.jpg"}
    assert watch.look(2.0, files) == set()
    assert watch.due is None


def test_a_file_that_settled_unseen_is_seen_twice_all_the_same():
    """Its time may have been set by the copying program."""
    watch, files = Watch(), {b"a.jpg": stamp(-30)}
    assert watch.look(0, files) == {b"a.jpg"}
    assert watch.due == pytest.approx(1.0)
    assert watch.look(0.9, files) == {b"a.jpg"}
    assert watch.look(1.0, files) == set()


def test_a_file_that_grows_waits_from_its_last_change():
    """A slow writer is never taken in between."""
    watch = Watch()
    for second in range(20):
        assert watch.look(second + 0.5, {b"a.jpg": stamp(second, size=second)}) == {b"a.jpg"}
        assert watch.due == pytest.approx(second + 2.0)
    assert watch.look(21.0, {b"a.jpg": stamp(19, size=19)}) == set()


def test_a_writer_that_sets_the_times_back_is_noticed():
    """rsync gives a file the time of its original while more of it comes: the size tells."""
    watch = Watch()
    assert watch.look(0, {b"a.jpg": stamp(-30, size=1)}) == {b"a.jpg"}
    assert watch.look(2, {b"a.jpg": stamp(-30, size=2)}) == {b"a.jpg"}
    assert watch.look(3, {b"a.jpg": stamp(-30, size=2)}) == set()


def test_an_old_picture_copied_just_now_waits():
    """Its modification time is of long ago, its change time is not."""
    watch = Watch()
    files = {b"a.jpg": FileStamp(1000, START - 10**6 * SECOND, START, 7)}
    assert watch.look(0.5, files) == {b"a.jpg"}
    assert watch.look(2.5, files) == set()


def test_a_file_of_the_future_settles_by_our_own_clock():
    """Another machine's clock, or a camera set to 2099: two looks, `settle` apart, decide."""
    watch, files = Watch(settle=5.0), {b"a.jpg": stamp(10**9)}
    assert watch.look(0, files) == {b"a.jpg"}
    assert watch.due == pytest.approx(5.0)
    assert watch.look(4.9, files) == {b"a.jpg"}
    assert watch.look(5.0, files) == set()


def test_a_look_that_took_long_counts_from_its_end():
    """When in it the file was seen is not known."""
    watch, files = Watch(), {b"a.jpg": stamp(-30)}
    assert watch.look(0, files, ended=110.0) == {b"a.jpg"}
    assert watch.look(10.5, files, ended=111.0) == {b"a.jpg"}
    assert watch.look(11.0, files, ended=111.5) == set()


def test_inodes_that_are_made_up_hold_nothing_up():
    """FAT gives another number at each look."""
    watch = Watch()
    assert watch.look(0, {b"a.jpg": stamp(-30)._replace(ino=1)}) == {b"a.jpg"}
    assert watch.look(1, {b"a.jpg": stamp(-30)._replace(ino=2)}) == set()


def test_what_is_no_longer_there_is_forgotten():
    """Else the next look would be due for ever."""
    watch = Watch()
    watch.look(0, {b"a.jpg": stamp(0), b"sub/b.jpg": stamp(0)})
    assert watch.look(0.1, {}, within=lambda path: path.startswith(b"sub/")) == set()
    assert watch.settling.folders(ROOT) == {b""}
    watch.look(0.2, {})
    assert (watch.due, watch.settling.folders(ROOT)) == (None, frozenset())


def test_libraries_wait_each_for_itself():
    """A look at one forgets nothing of the other."""
    watch = Watch()
    watch.look(0, {b"x/a.jpg": stamp(0)})
    watch.look(0.5, {b"x/a.jpg": stamp(0.5)}, root=b"/other")
    watch.look(0.6, {}, root=b"/other")
    assert watch.settling.folders(ROOT) == {b"x"}
    assert watch.settling.folders(b"/other") == frozenset()
    assert watch.due == pytest.approx(2.0)
    watch.settling.forget(ROOT)
    assert watch.due is None


looks = st.lists(
    st.tuples(
        st.floats(0, 3),  # s since the look before
        st.floats(-70, 5),  # s before now at which it was changed; negative: in the future
        st.booleans(),  # whether it was changed at all
    ),
    min_size=1,
    max_size=30,
)


@given(looks, st.floats(0, 70))
def test_whatever_happens_it_is_taken_once_left_alone(history, settle):
    """While unready there is a time to look again, never in the past; looking then, it is soon ready."""
    watch, at, file = Watch(settle), 0.0, stamp(0)
    unready: set[bytes] = set()
    for wait, age, changed in history:
        at += wait
        if changed:
            file = stamp(at - age, size=file.size + 1)
        unready = watch.look(at, {b"a.jpg": file})
        assert bool(unready) == (watch.due is not None)
        assert watch.due is None or watch.due > at - 1e-6
    for _ in range(4):
        if not unready:
            break
        assert watch.due is not None
        at = watch.due + 1e-6
        unready = watch.look(at, {b"a.jpg": file})
    assert not unready


@given(st.floats(0, 59), st.floats(0, 0.99), st.floats(0, 10))
def test_a_young_file_is_never_taken_at_one_look_or_two_close_ones(age, apart, settle):
    """However old it looks within the last minute."""
    watch, files = Watch(settle), {b"a.jpg": stamp(-age)}
    assert watch.look(0, files) == {b"a.jpg"}
    assert watch.look(apart, files) == {b"a.jpg"}


def test_where_a_file_may_have_come_from_is_looked_at_with_it():
    """A photo renamed to another folder waits there; the folder it left is looked at again, or it is known twice."""
    watch, files = Watch(), {b"new/b.jpg": stamp(0)}
    watch.look(0.1, files, sources={b"new/b.jpg": b"old/a.jpg"})
    assert watch.settling.folders(ROOT) == {b"new", b"old"}
    watch.look(1.0, files)
    assert watch.settling.folders(ROOT) == {b"new", b"old"}
    assert watch.look(2.1, files) == set()
    assert watch.settling.folders(ROOT) == set()


def test_photos_that_go_missing_are_judged_together_when_no_more_go() -> None:
    """A deletion of many takes its time; one that ended is told once."""
    settling = Settling(2.0)
    one, two = frozenset([b"a/1.jpg"]), frozenset([b"a/1.jpg", b"a/2.jpg"])
    assert settling.is_still_going(b"/r", one, 10.0)
    assert settling.is_still_going(b"/r", two, 11.5)
    assert settling.due() == 13.5
    assert settling.folders(b"/r") == {b"a"}
    assert settling.is_still_going(b"/r", two, 13.0)
    assert not settling.is_still_going(b"/r", two, 13.5)
    assert settling.due() is None
    assert not settling.is_still_going(b"/r", frozenset(), 14.0)
    assert settling.is_still_going(b"/r", one, 15.0)
