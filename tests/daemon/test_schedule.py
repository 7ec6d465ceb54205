"""What is done next, and when."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from faced.daemon.schedule import Encode, Pass, Scan, Schedule, Step, Times, Verify, Wait

ROOT, OTHER = b"/photos", b"/disk"
TIMES = Times(every=600.0, rescan={ROOT: 6 * 3600.0})


def begun(times: Times = TIMES, now: float = 0.0) -> Schedule:
    """A schedule whose first look, encoding and pass are over."""
    schedule = Schedule(times, now)
    steps = take_all(schedule, now)
    for step in steps:
        if isinstance(step, Scan):
            schedule.scanned(step, changed=False, queued=False, now=now, took=0.0)
    take_all(schedule, now)
    schedule.encoding_ended(now)
    schedule.passed(now)
    return schedule


def take_all(schedule: Schedule, now: float) -> list[Step]:
    """All steps that are due, without telling how they ended."""
    steps = []
    while not isinstance(step := schedule.next(now), Wait):
        steps.append(step)
        if isinstance(step, Pass):
            schedule.passed(now)
        assert len(steps) < 100, "it never rests"
    return steps


def due(schedule: Schedule, now: float) -> float | None:
    """Until when it waits."""
    step = schedule.next(now)
    assert isinstance(step, Wait)
    return step.until


def test_at_the_start_everything_is_looked_at_then_read_then_shown() -> None:
    """In this order: the pass is not made before the first look."""
    steps = take_all(Schedule(TIMES, 5.0), 5.0)
    assert steps == [Scan(ROOT, None), Encode(), Pass()]


def test_a_pass_that_needs_all_photos_waits_until_they_are_encoded() -> None:
    """However long that takes, and whatever is done in the people folder meanwhile."""
    schedule = Schedule(TIMES, 0.0)
    scan = schedule.next(0.0)
    assert isinstance(scan, Scan)
    schedule.scanned(scan, changed=True, queued=True, now=1.0, took=1.0)
    assert [schedule.next(1.0), schedule.next(1.0)] == [Encode(), Pass()]
    schedule.want_pass(1.0)
    schedule.encoding_began()
    schedule.wait_for_photos()
    schedule.encoded(2.0)
    schedule.touched(100.0, 3.0)
    assert isinstance(schedule.next(5000.0), Wait | Verify)
    schedule.encoding_ended(5001.0)
    assert Pass() in take_all(schedule, 5001.0)


def test_a_hint_is_a_look_at_that_folder_only_and_at_once() -> None:
    """Two looks are a second apart at least, however many hints come."""
    schedule = begun()
    schedule.hint(ROOT, {b"2020": False}, 100.0)
    assert due(schedule, 100.0) == 100.1
    scan = schedule.next(100.1)
    assert scan == Scan(ROOT, {b"2020": False})
    schedule.scanned(scan, changed=False, queued=True, now=100.2, took=0.1)
    assert schedule.next(100.2) == Encode()
    schedule.hint(ROOT, {b"2021": True}, 100.3)
    assert due(schedule, 100.3) == 101.2


def test_a_look_that_takes_long_is_not_made_again_soon() -> None:
    """A library in which something changes all the time is no full-time job."""
    schedule = begun()
    schedule.lose(ROOT, 100.0)
    scan = schedule.next(100.0)
    schedule.scanned(scan, changed=False, queued=False, now=102.0, took=2.0)
    schedule.hint(ROOT, {b"": False}, 102.0)
    assert take_all(schedule, 121.0) == [Verify(ROOT)]
    assert take_all(schedule, 122.0) == [Scan(ROOT, {b"": False})]


def test_files_that_are_still_written_are_looked_at_when_they_may_be_ready() -> None:
    """That second look comes in time, though one was just made."""
    schedule = begun()
    schedule.hint(ROOT, {b"2020": False}, 100.0)
    scan = schedule.next(100.1)
    schedule.scanned(scan, changed=False, queued=False, now=100.1, took=0.01)
    schedule.look_again(ROOT, [b"2020"], 102.0)
    assert not schedule.is_settled
    assert due(schedule, 100.1) == 102.0
    assert schedule.next(102.0) == Scan(ROOT, {b"2020": False})


def test_new_faces_are_shown_when_the_queue_is_empty() -> None:
    """Not before, if that is soon."""
    schedule = begun()
    schedule.encoding_began()
    schedule.encoded(10.0)
    assert take_all(schedule, 10.0) == []
    schedule.encoding_ended(12.0)
    assert take_all(schedule, 12.0) == [Pass()]


def test_a_long_import_shows_folders_soon_and_then_every_ten_minutes() -> None:
    """The first after half a minute, then in twice the time, and at last every `every`."""
    schedule = begun()
    schedule.encoding_began()
    passes = []
    for second in range(1, 4000):
        schedule.encoded(float(second))
        if Pass() in take_all(schedule, float(second)):
            passes.append(second)
    gaps = [after - before for before, after in zip([0, *passes], passes, strict=False)]
    assert gaps == [30, 60, 120, 240, 480, 600, 600, 600, 600, 600]


def test_the_people_folder_is_read_when_it_is_quiet_or_after_a_minute() -> None:
    """A gesture takes many system calls; somebody who never stops is read all the same."""
    schedule = begun()
    schedule.touched(100.0, 3.0)
    schedule.touched(102.0, 3.0)
    assert due(schedule, 102.0) == 105.0
    assert take_all(schedule, 105.0) == [Pass()]
    for tenth in range(590):
        schedule.touched(200 + tenth / 10, 3.0)
        assert take_all(schedule, 200 + tenth / 10) == []
    schedule.touched(260.0, 3.0)
    assert schedule.is_unruly(260.0)
    assert take_all(schedule, 260.0) == [Pass()]


def test_what_may_be_half_a_gesture_gets_its_second_look() -> None:
    """At its time, and once."""
    schedule = begun()
    schedule.second_look(110.0)
    assert due(schedule, 100.0) == 110.0
    assert take_all(schedule, 110.0) == [Pass()]
    assert due(schedule, 111.0) == 6 * 3600.0


def test_what_fails_is_tried_again_later_each_time_but_within_a_minute() -> None:
    """A disk that has room again is found within 60 s."""
    for fail, step in FAILURES:
        schedule, now, waits = begun(), 1000.0, []
        for _ in range(8):
            fail(schedule, now)
            until = due(schedule, now)
            assert until is not None
            waits.append(until - now)
            now = until
            assert step in [type(found) for found in take_all_of(schedule, now)]
        assert waits == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 60.0]


def take_all_of(schedule: Schedule, now: float) -> list[Step]:
    """The next step only."""
    return [schedule.next(now)]


def fail_scan(schedule: Schedule, now: float) -> None:
    """As the service tells it."""
    schedule.scan_failed(Scan(ROOT, None), now)


def fail_encoding(schedule: Schedule, now: float) -> None:
    """As the service tells it."""
    schedule.encoding_began()
    schedule.encoding_ended(now, failed=True)


def fail_pass(schedule: Schedule, now: float) -> None:
    """As the service tells it."""
    schedule.pass_failed(now)


FAILURES: list[tuple[Callable[[Schedule, float], None], type]] = [
    (fail_scan, Scan),
    (fail_encoding, Encode),
    (fail_pass, Pass),
]


def test_files_that_are_not_finished_are_tried_again() -> None:
    """With growing waits; a new photo brings them back to the front."""
    schedule = begun()
    schedule.encoding_ended(100.0, unfinished=2)
    assert due(schedule, 100.0) == 105.0
    assert schedule.is_settled, "nobody who asks for a sync waits for ten minutes"
    assert take_all(schedule, 105.0) == [Encode()]
    schedule.encoding_ended(105.0, unfinished=2)
    assert due(schedule, 105.0) == 115.0


def test_paused_it_does_nothing_and_then_looks_at_everything() -> None:
    """Hints that came meanwhile are not lost."""
    schedule = begun()
    schedule.paused = True
    schedule.hint(ROOT, {b"a": False}, 10.0)
    schedule.touched(10.0, 3.0)
    assert schedule.next(10**9) == Wait(None)
    schedule.resume(20.0)
    assert take_all(schedule, 30.0) == [Scan(ROOT, None), Encode(), Pass()]


def test_a_library_that_is_new_is_looked_at_and_one_that_is_gone_is_not() -> None:
    """Libraries come and go while faced runs."""
    schedule = begun()
    schedule.set_roots({OTHER: 300.0}, 50.0)
    assert take_all(schedule, 50.0) == [Scan(OTHER, None)]
    schedule.hint(ROOT, {b"": True}, 51.0)
    assert schedule.roots == {OTHER}
    assert all(isinstance(step, Scan) and step.root == OTHER for step in take_all(schedule, 400.0))


def test_after_new_folders_it_is_verified_that_all_are_heard() -> None:
    """Five seconds after the burst, and after each whole look."""
    schedule = begun()
    schedule.hint(ROOT, {b"new": True}, 100.0)
    scan = schedule.next(100.1)
    schedule.scanned(scan, changed=False, queued=False, now=100.1, took=0.0)
    assert take_all(schedule, 104.9) == []
    assert take_all(schedule, 105.0) == [Verify(ROOT)]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["hint", "lose", "touched", "queued", "encoded", "ended", "unfinished", "want", "later", "look"]
        ),
        st.floats(0, 30),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(EVENTS)
def test_whatever_happens_it_comes_to_rest_with_nothing_left_undone(events: list[tuple[str, float]]) -> None:
    """It never spins, never waits for ever with work at hand, and each hint is looked at."""
    schedule, now, wanted = begun(), 0.0, set()
    encoding = False

    def work(until: float) -> None:
        nonlocal now, encoding
        count = 0
        while now <= until:
            step = schedule.next(now)
            count += 1
            assert count < 2000, "it spins"
            match step:
                case Scan(_, only):
                    if only is None:
                        wanted.clear()
                    else:
                        wanted.difference_update(only)
                    schedule.scanned(step, changed=False, queued=False, now=now, took=0.05)
                case Encode():
                    assert not encoding
                    encoding = True
                    schedule.encoding_began()
                case Pass():
                    schedule.passed(now)
                case Verify(_):
                    pass
                case Wait(next_due):
                    if next_due is None or next_due > until:
                        break
                    assert next_due > now
                    now = next_due
        now = max(now, until)

    for number, (event, gap) in enumerate(events):
        work(now + gap)
        match event:
            case "hint":
                wanted.add(b"%d" % number)
                schedule.hint(ROOT, {b"%d" % number: number % 2 == 0}, now)
            case "lose":
                schedule.lose(ROOT, now)
            case "touched":
                schedule.touched(now, 3.0)
            case "queued":
                schedule.scanned(Scan(ROOT, {}), changed=True, queued=True, now=now, took=0.1)
            case "encoded":
                schedule.encoded(now)
            case "ended" | "unfinished":
                if encoding:
                    encoding = False
                    schedule.encoding_ended(now, unfinished=int(event == "unfinished"))
            case "want":
                schedule.want_pass(now)
            case "later":
                schedule.second_look(now + 10)
            case "look":
                schedule.look_again(ROOT, [b"x%d" % number], now + 2)
                wanted.add(b"x%d" % number)
    for _ in range(3):
        if encoding:
            encoding = False
            schedule.encoding_ended(now)
        work(now + 700)
    assert not wanted
    assert schedule.is_settled
    assert not any(isinstance(step, Pass) for step in take_all(schedule, now))


def test_a_library_that_is_to_be_looked_at_more_often_is_so_from_now_on() -> None:
    """Folders that turn out not to be heard do not wait for the look that was due in six hours."""
    schedule = begun()
    assert due(schedule, 10.0) == 6 * 3600.0
    schedule.set_roots({ROOT: 300.0}, 10.0)
    assert due(schedule, 10.0) == 310.0
    assert take_all(schedule, 310.0)[0] == Scan(ROOT, None)


def test_the_people_folder_is_read_again_though_nothing_was_heard() -> None:
    """Other machines rename folders too, and what is not watched is not heard: so often at least, and no more."""
    schedule = begun(Times(every=600.0, rescan={}, reread=300.0), 10.0)
    assert due(schedule, 11.0) == 310.0
    schedule.want_pass(100.0)
    assert take_all(schedule, 100.0) == [Pass()]
    assert due(schedule, 101.0) == 400.0
    assert take_all(schedule, 400.0) == [Pass()]
    schedule.set_roots({}, 401.0)
    assert due(schedule, 401.0) is None
