"""The pure diff: laws over any two states of a library, and the cases that the laws do not name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faced.library.changes import (
    Changes,
    Inodes,
    Scan,
    count_lost,
    diff_photos,
    find_adopted,
    hold_losses,
    is_below,
    is_held,
)
from faced.model import FileStamp

SECOND = 1_000_000_000

# Few values, so that moves, swaps, hard links and reused inodes are common.
stamps = st.builds(
    FileStamp,
    size=st.integers(1, 2),
    mtime_ns=st.sampled_from([SECOND, SECOND + 1]),
    ctime_ns=st.integers(1, 2),
    ino=st.integers(1, 4),
)
paths = st.sampled_from([b"a", b"b", b"c", b"d/a", b"d/b", b"d/e/a", b"f/a", b"f/c", b"a/b"])
photos = st.dictionaries(paths, stamps)
folders = st.dictionaries(st.sampled_from([b"d", b"d/e", b"f", b"a", b"zzz"]), st.just("why"), max_size=2)
inode_kinds = st.sampled_from(list(Inodes))


def scan_of(files, unlisted=None, skipped=()):
    return Scan(files, unlisted or {}, frozenset(skipped))


def apply(known, changes: Changes):
    """What the store holds afterwards."""
    result = {path: stamp for path, stamp in known.items() if path not in changes.gone}
    for move in changes.moved:
        del result[move.old]
    for move in changes.moved:
        result[move.new] = move.stamp
    return result | dict(changes.added) | dict(changes.changed) | dict(changes.touched)


@given(photos, photos, folders)
def test_the_changes_lead_from_the_known_to_the_seen(known, files, unlisted):
    """Applied to what was known they give exactly what was seen, and what could not be seen stays."""
    frozen = {p: s for p, s in known.items() if p not in files and is_below(p, unlisted)}
    assert apply(known, diff_photos(known, scan_of(files, unlisted))) == frozen | files


@given(photos, photos, folders, inode_kinds)
def test_a_path_is_in_one_change_only(known, files, unlisted, inodes):
    """Nothing is both moved and gone, both added and changed, …; and each path is where it belongs."""
    changes = diff_photos(known, scan_of(files, unlisted), inodes)
    olds, news = {m.old for m in changes.moved}, {m.new for m in changes.moved}
    groups = [set(changes.added), set(changes.changed), set(changes.touched), olds, news]
    groups += [changes.gone, changes.kept]
    assert sum(len(group) for group in groups) == len(set().union(*groups))
    assert set(changes.added) | news == files.keys() - known.keys()
    assert changes.gone | olds | changes.kept == known.keys() - files.keys()


@given(photos, photos, folders, inode_kinds, st.randoms(use_true_random=False))
def test_the_diff_ignores_the_order_of_arrival(known, files, unlisted, inodes, random):
    """Shuffled dictionaries give the same changes."""

    def shuffled(items):
        pairs = list(items.items())
        random.shuffle(pairs)
        return dict(pairs)

    straight = diff_photos(known, scan_of(files, unlisted), inodes)
    mixed = diff_photos(shuffled(known), scan_of(shuffled(files), shuffled(unlisted)), inodes)
    assert straight == mixed


@given(photos, photos, folders, inode_kinds)
def test_what_could_not_be_listed_is_frozen(known, files, unlisted, inodes):
    """No photo below a folder that could not be listed is gone or moved away."""
    changes = diff_photos(known, scan_of(files, unlisted), inodes)
    assert not any(is_below(path, unlisted) for path in changes.gone)
    assert not any(is_below(move.old, unlisted) for move in changes.moved)


@given(photos, photos, folders)
def test_a_move_never_crosses_contents(known, files, unlisted):
    """Only the same inode, size and time is a move; only a lone pair that chance cannot make is sure."""
    changes = diff_photos(known, scan_of(files, unlisted))
    for move in changes.moved:
        old, new = known[move.old], files[move.new]
        assert (old.ino, old.size, old.mtime_ns) == (new.ino, new.size, new.mtime_ns)
        if move.sure:
            rivals = [
                p for p in known.keys() - files.keys() if known[p] == old._replace(ctime_ns=known[p].ctime_ns)
            ]
            assert [p for p in rivals if not is_below(p, unlisted)] == [move.old]


@given(photos, inode_kinds)
def test_the_same_library_has_no_changes(known, inodes):
    """A second look is nothing to write down."""
    assert not diff_photos(known, scan_of(known), inodes)


@given(photos, st.integers(10, 20))
def test_made_up_inodes_change_nothing(known, shift):
    """A FAT disk numbers its files anew whenever it likes: that alone is no change, nor a write."""
    files = {path: stamp._replace(ino=stamp.ino + shift) for path, stamp in known.items()}
    assert not diff_photos(known, scan_of(files), Inodes.UNSTABLE)
    assert diff_photos(known, scan_of(files), Inodes.STABLE).changed == files
    renumbered = diff_photos(known, scan_of(files), Inodes.RENUMBERED)
    assert (renumbered.touched, renumbered.changed) == (files, {})


ONE = FileStamp(size=100, mtime_ns=SECOND, ctime_ns=SECOND, ino=7)
FINE = FileStamp(size=100, mtime_ns=SECOND + 5, ctime_ns=SECOND, ino=7)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (ONE, "nothing"),
        (ONE._replace(size=101), "changed"),
        (ONE._replace(mtime_ns=SECOND + 1), "changed"),
        (ONE._replace(ino=8), "changed"),
        (ONE._replace(ctime_ns=2 * SECOND), "touched"),
    ],
)
def test_what_makes_a_photo_another(after, expected):
    """Size, modification time and inode do; the change time alone (chmod, a hard link) does not."""
    changes = diff_photos({b"a.jpg": ONE}, scan_of({b"a.jpg": after}))
    assert {name for name in ("changed", "touched") if getattr(changes, name)} == {expected} - {"nothing"}


@pytest.mark.parametrize(
    ("stamp", "new", "sure"),
    [
        (FINE, b"b/other.jpg", True),
        (ONE, b"b/img.jpg", True),
        (ONE, b"b/other.jpg", False),  # a whole second says little: another of a burst, in a freed inode
    ],
)
def test_when_a_move_is_believed_unread(stamp, new, sure):
    """A fine time or the same file name beside inode and size."""
    moved = stamp._replace(ctime_ns=9 * SECOND)
    (move,) = diff_photos({b"a/img.jpg": stamp}, scan_of({new: moved})).moved
    assert (move.old, move.new, move.stamp, move.sure) == (b"a/img.jpg", new, moved, sure)


def test_two_names_of_one_file_that_move_are_paired_by_name_and_read_again():
    """Hard links moved together: which is which cannot be told, so neither is believed unread."""
    moves = diff_photos({b"1": FINE, b"2": FINE}, scan_of({b"x/1": FINE, b"x/2": FINE})).moved
    assert [(m.old, m.new, m.sure) for m in moves] == [(b"1", b"x/1", False), (b"2", b"x/2", False)]


def test_two_photos_that_change_places_are_both_read_again():
    """Their inodes tell; nothing is taken for a move."""
    other = FINE._replace(ino=8)
    changes = diff_photos({b"a": FINE, b"b": other}, scan_of({b"a": other, b"b": FINE}))
    assert (changes.changed, changes.moved) == ({b"a": other, b"b": FINE}, ())


@pytest.mark.parametrize(
    ("lost", "known", "held"),
    [
        (50, 60, False),
        (51, 255, False),
        (51, 254, True),
        (51, 51, True),
        (2000, 10000, False),
        (2001, 10000, True),
        (0, 0, False),
    ],
)
def test_the_brake_holds_more_than_fifty_and_a_fifth(lost, known, held):
    """Both bounds are exclusive."""
    assert is_held(lost, known) is held


def test_what_the_user_excludes_is_no_loss():
    """Excluding a folder of thousands is a word of the user's, not an accident."""
    known = {b"raw/1.jpg": ONE, b"raw/2.jpg": ONE, b"a.jpg": ONE}
    scan = scan_of({}, skipped=[b"raw"])
    changes = diff_photos(known, scan)
    assert changes.gone == {b"raw/1.jpg", b"raw/2.jpg", b"a.jpg"}
    assert count_lost(changes, scan) == 1


@given(photos, photos)
def test_a_held_library_loses_nothing_and_still_gains(known, files):
    """Only the disappearances are held; moves and new photos go on."""
    changes = diff_photos(known, scan_of(files))
    held = hold_losses(changes)
    assert not held.gone
    assert held.kept == changes.kept | changes.gone
    assert (held.added, held.changed, held.moved) == (changes.added, changes.changed, changes.moved)


def library_of(count: int, first_ino: int = 0) -> dict[bytes, FileStamp]:
    return {b"%d.jpg" % n: FileStamp(n, SECOND * n, SECOND, first_ino + n) for n in range(count)}


def test_a_library_is_adopted_by_nine_tenths():
    """Inodes and change times are new on another disk; paths, sizes and times tell."""
    known, here = library_of(20), library_of(20, first_ino=1000)
    assert find_adopted({b"/old": known}, scan_of(here)) == b"/old"
    for path in (b"1.jpg", b"2.jpg"):
        del here[path]
    assert find_adopted({b"/old": known}, scan_of(here)) == b"/old"
    here[b"3.jpg"] = here[b"3.jpg"]._replace(size=77)
    assert find_adopted({b"/old": known}, scan_of(here)) is None


def test_the_library_with_most_in_common_is_adopted():
    """Of equal ones the smallest root; an empty one never."""
    here = scan_of(library_of(30))
    assert find_adopted({b"/small": library_of(10), b"/large": library_of(25)}, here) == b"/large"
    assert find_adopted({b"/b": library_of(10), b"/a": library_of(10)}, here) == b"/a"
    assert find_adopted({b"/empty": {}}, here) is None
    assert find_adopted({}, here) is None


@pytest.mark.parametrize(
    ("path", "folders", "below"),
    [
        (b"a/b/c.jpg", {b"a"}, True),
        (b"a/b/c.jpg", {b"a/b"}, True),
        (b"a/b/c.jpg", {b"a/b/c.jpg"}, True),
        (b"a/b/c.jpg", {b""}, True),
        (b"ab/c.jpg", {b"a"}, False),
        (b"a.jpg", {b"a"}, False),
        (b"a.jpg", set(), False),
    ],
)
def test_below_means_in_the_folder_at_any_depth(path, folders, below):
    """Not by letters: `ab` is not in `a`."""
    assert is_below(path, folders) is below
