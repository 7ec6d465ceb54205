"""A user, a library and passes that die anywhere: whatever comes in whatever order, a name given is never lost.

The machine does what users do, in the people folder and in the library, and knows what of it faced must understand
(tests/support/wordworld.py). FACED_LONG=1 runs it for long and at random; else it is short and the same each time.
"""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from faced.store.asks import load_undecided
from faced.store.edit_lines import read_lines
from faced.store.journal import check_word, load_edits
from faced.store.word_tables import load_word
from tests.support.app import look_at
from tests.support.facegestures import FACE_DEEDS, FaceGestures
from tests.support.gestures import COMMANDS, FOLDER_DEEDS, LINK_DEEDS, SLOW_DEEDS, Gestures
from tests.support.mortal import STAGES
from tests.support.wordchecks import check_tree, look_at_people
from tests.support.wordphotos import PEOPLE
from tests.support.wordworld import World

LONG = bool(os.environ.get("FACED_LONG"))
SHRINK = bool(os.environ.get("FACED_SHRINK"))
NAMES = ["Anna", "Ben", "Carl", "Dora", "Eva", "Oma", "Ida"]
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
MOST_FOLDERS = 5
"""Thrown away between two passes: with more than three the brake asks."""


# A folder that was emptied and then moved before faced looked is like a new one, and held: nobody here moves an empty
# folder (see `_fewest` and `movable`). While the tree shows faces as somebody's whose they are not any more, because
# a pass died in between, which face was meant is a choice (faced.people.choice): nobody touches it then.
NOBODY_TOUCHES_AN_OUTDATED_TREE = True


def paths_of(name: str) -> list[str]:
    return [name, f"Family/{name}"]


PATHS = [path for name in NAMES for path in paths_of(name)]


KILLS = st.tuples(st.sampled_from(STAGES), st.integers(0, 5) | st.integers(0, 50))


def scenes(
    deeds: tuple[str, ...],
) -> st.SearchStrategy[list[tuple[str, int, int, int, str, tuple[str, int]]]]:
    """Gestures, each with the folders and the photo that it is made with, and whether faced looks then, or dies."""
    looks = st.sampled_from(["no", "no", "now", "twice", "kill"])
    deed = st.tuples(
        st.sampled_from(deeds), st.integers(0, 7), st.integers(0, 7), st.integers(0, 5), looks, KILLS
    )
    return st.lists(deed, min_size=1, max_size=3)


class WordMachine(RuleBasedStateMachine):
    """See the module. where: None: where temporary files are, most likely on a disk, which gives freed inodes again."""

    where: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="faced-word-", dir=self.where))
        self.world = World(self.folder / "home")
        self.settled: tuple[float, int] | None = None
        self.hands: Gestures | None = None
        self.faces: FaceGestures | None = None

    def teardown(self) -> None:
        self.world.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        for people in [(0,), (0,), (0,), (0, 1), (1,), (1,), (1, 2), (2,), (2,), (2, 3), (3,), (3,), (3,)]:
            self.world.add(*people)
        self.settle()

    # In the library.

    @property
    def photos(self) -> list[str]:
        """Those of which no link is in hand."""
        used = self.hands.used if self.hands else set[str]()
        names = sorted(path.name for path in self.world.library.iterdir())
        return [
            n for n in names if not used or n not in self.world.known or self.world.known[n].key not in used
        ]

    def _photo(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.photos), "photo")

    @precondition(lambda self: self.world.is_online)
    @rule(people=st.lists(st.integers(0, PEOPLE - 1), min_size=1, max_size=2))
    def add_photo(self, people: list[int]) -> None:
        self.world.add(*people)

    @precondition(lambda self: self.world.is_online and len(self.photos) > 4)
    @rule(data=st.data())
    def delete_photo(self, data: st.DataObject) -> None:
        self.world.delete(self._photo(data))

    @precondition(lambda self: self.world.is_online and any(self.world.drawer.iterdir()))
    @rule(data=st.data())
    def bring_photo_back(self, data: st.DataObject) -> None:
        names = sorted(path.name for path in self.world.drawer.iterdir())
        self.world.bring_back(data.draw(st.sampled_from(names), "photo"))

    @precondition(lambda self: self.world.is_online and self.photos)
    @rule(data=st.data())
    def move_photo(self, data: st.DataObject) -> None:
        self.world.move(self._photo(data))

    @precondition(lambda self: self.world.is_online and self.photos)
    @rule(data=st.data())
    def copy_photo(self, data: st.DataObject) -> None:
        self.world.copy(self._photo(data))

    @precondition(lambda self: self.world.is_online and self.photos)
    @rule(data=st.data(), turn=st.booleans())
    def change_photo(self, data: st.DataObject, turn: bool) -> None:
        self.world.change(self._photo(data), turn=turn)

    @precondition(lambda self: self.world.is_online and self.hands is None)
    @rule(times=st.integers(0, 2))
    def unplug(self, times: int) -> None:
        if times == 0:
            self.world.plug(online=False)

    @precondition(lambda self: not self.world.is_online)
    @rule()
    def plug_in(self) -> None:
        self.world.plug(online=True)

    # In the people folder.

    @property
    def folders(self) -> dict[int, str]:
        if self.hands or (NOBODY_TOUCHES_AN_OUTDATED_TREE and self.world.is_outdated):
            return {}
        return self.world.folders()

    @property
    def restorable(self) -> dict[int, str]:
        if self.hands or (NOBODY_TOUCHES_AN_OUTDATED_TREE and self.world.is_outdated):
            return {}
        return self.world.restorable()

    def _person(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.folders)), "person")

    @property
    def movable(self) -> list[int]:
        hands = self.world.hands
        return [
            p for p in sorted(self.folders) if p not in hands or not hands[p].taken or self.world.links_in(p)
        ]

    def _movable(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.movable), "person")

    @precondition(lambda self: self.movable)
    @rule(data=st.data())
    def rename_folder(self, data: st.DataObject) -> None:
        free = [path for path in [*PATHS, "Person 77"] if self.world.is_free(path)]
        self.world.rename(self._movable(data), data.draw(st.sampled_from(free), "path"))

    @precondition(lambda self: self.movable)
    @rule(data=st.data())
    def move_folder(self, data: st.DataObject) -> None:
        person = self._movable(data)
        path = self.folders[person]
        target = os.path.basename(path) if "/" in path else f"Family/{path}"
        if self.world.is_free(target):
            self.world.rename(person, target)

    @precondition(lambda self: len(self.movable) > 1)
    @rule(data=st.data())
    def swap_folders(self, data: st.DataObject) -> None:
        one, other = self._movable(data), self._movable(data)
        if one != other:
            self.world.swap(one, other)

    @precondition(lambda self: self.folders)
    @rule(data=st.data())
    def delete_link(self, data: st.DataObject) -> None:
        person = self._person(data)
        links = sorted(self.world.links_in(person))
        if len(links) > self._fewest(person):
            self.world.delete_link(person, data.draw(st.sampled_from(links), "image"))

    def _fewest(self, person: int) -> int:
        """Links that stay in a folder: see above."""
        hand = self.world.hands.get(person)
        return 0 if hand is None or hand.was == hand.now else 1

    @precondition(lambda self: self.world.is_online and len(self.photos) > 4 and self.folders)
    @rule(data=st.data(), how=st.sampled_from(["deleted", "retouched", "moved", "unplugged"]))
    def delete_link_and_touch_its_photo(self, data: st.DataObject, how: str) -> None:
        """The link is the user's doing, and whether that says anything depends on what became of the photo."""
        person = self._person(data)
        found = self.world.look_at_library()
        links = sorted(self.world.links_in(person).items())
        if len(links) <= self._fewest(person):
            return
        image, link = data.draw(st.sampled_from(links), "link")
        photo = os.path.basename(os.readlink(link))
        self.world.delete_link(person, image)
        if how == "unplugged":
            self.world.plug(online=False)
        elif photo in found:
            touch = {
                "deleted": self.world.delete,
                "retouched": lambda name: self.world.change(name, turn=False),
                "moved": self.world.move,
            }
            touch[how](photo)

    def _thrown_away(self) -> int:
        return sum(hand.now is None for hand in self.world.hands.values())

    @precondition(lambda self: self.movable and self._thrown_away() < MOST_FOLDERS)
    @rule(data=st.data())
    def throw_folder_away(self, data: st.DataObject) -> None:
        self.world.throw_away(self._movable(data))

    def _gesture(self, data: st.DataObject) -> None:
        gestures = [self.delete_link]
        if self.movable:
            gestures += [self.rename_folder, self.move_folder]
        if self.movable and self._thrown_away() < MOST_FOLDERS:
            gestures.append(self.throw_folder_away)
        data.draw(st.sampled_from(gestures), "gesture")(data=data)

    @precondition(lambda self: self.restorable)
    @rule(data=st.data())
    def restore_folder(self, data: st.DataObject) -> None:
        self.world.restore(data.draw(st.sampled_from(sorted(self.restorable)), "person"))

    @rule(data=st.data())
    def put_stranger(self, data: st.DataObject) -> None:
        folders = [*self.folders.values(), "", "Letters"]
        self.world.put_stranger(data.draw(st.sampled_from(folders), "folder"))

    # In the people folder, all that can be done there: what is said by it is learned, and what it was done for is expected.

    def _take_hold(self) -> bool:
        """Whether gestures can be made now."""
        if not self.world.is_online:
            return False
        if self.hands is None:
            self.settle()
            if folders := sorted(self.world.folders().values()):
                self.hands = Gestures([self.world], [folders])
                self.faces = FaceGestures(self.hands)
                self.settled = None
        return self.hands is not None and not self.world.is_outdated

    def _gesture_all(self, deeds: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
        for deed, one, other, photo, look, kill in deeds:
            if not self._take_hold():
                return
            assert self.hands is not None
            assert self.faces is not None
            if deed in COMMANDS:
                self.one_pass(now=True)
                if self.hands.say(deed, one, other) and deed == "undo":
                    self.faces.forget()
            elif deed in FACE_DEEDS:
                self.faces.do(deed, one, photo)
            else:
                self.hands.do(deed, one, other, photo)
            if deed in SLOW_DEEDS:
                look = "twice"
            if look == "kill":
                self.killed_pass(kill=kill, now=True)
            elif look != "no":
                self.one_pass(now=look == "now")
            self.world.clock.let_all_happen()

    @rule(deeds=scenes((*LINK_DEEDS, *SLOW_DEEDS)))
    def link_gestures(self, deeds: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
        self._gesture_all(deeds)

    @rule(deeds=scenes(FOLDER_DEEDS))
    def folder_gestures(self, deeds: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
        self._gesture_all(deeds)

    @rule(deeds=scenes(FACE_DEEDS))
    def face_gestures(self, deeds: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
        self._gesture_all(deeds)

    @rule(deeds=scenes((*LINK_DEEDS, *FOLDER_DEEDS, *FACE_DEEDS, *COMMANDS)))
    def gestures(self, deeds: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
        self._gesture_all(deeds)

    # The settings.

    @rule(eps=st.sampled_from([0.30, 0.35, 0.40, 0.50, 0.65]))
    def set_eps(self, eps: float) -> None:
        self.world.eps = eps

    @rule()
    def switch_engine(self) -> None:
        self.world.switch_engine()

    # Faced.

    @rule(kill=KILLS, now=st.booleans())
    def killed_pass(self, kill: tuple[str, int], now: bool) -> None:
        before = look_at(self.world.library) if self.world.is_online else None
        with self.world.unchecked(self.hands is not None):
            self.world.do_pass(kill=kill, now=now)
        self.settled = None
        if before is not None:
            assert look_at(self.world.library) == before

    @precondition(lambda self: self.folders)
    @rule(data=st.data(), kill=KILLS, now=st.booleans())
    def killed_pass_over_a_gesture(self, data: st.DataObject, kill: tuple[str, int], now: bool) -> None:
        self._gesture(data)
        self.killed_pass(kill=kill, now=now)

    @rule(now=st.booleans())
    def one_pass(self, now: bool) -> None:
        self._pass(now)
        self.check_word()

    @rule(seconds=st.sampled_from([1, 5, 3600, 100_000]))
    def let_time_pass(self, seconds: float) -> None:
        self.world.clock.move(seconds)

    @rule()
    def reopen(self) -> None:
        self.world.reopen()

    @rule(now=st.booleans(), yes=st.booleans())
    def settle(self, now: bool = True, yes: bool = True) -> None:
        """Passes, and answers, until nothing is in hand; then all that was promised must be so."""
        self._see_to_the_end(now, yes=yes or self.hands is not None)
        if self.hands is not None:
            assert self.faces is not None
            self.hands.check()
            self.faces.check()
            while self.hands.tidy():
                self._see_to_the_end(now, yes=True)
            self.hands = self.faces = None
            self.world.learn()
        assert self.world.hands == {}, "not understood"
        self.check_word()
        check_tree(self.world)
        self.check_idle()
        self.settled = (self.world.eps, self.world.engine)

    def _see_to_the_end(self, now: bool, *, yes: bool) -> None:
        for _ in range(2):
            self._pass(now)
        with self.world.unchecked(self.hands is not None):
            while self.world.answer(yes=yes):
                self.settled = None
                self._pass(now)
        if self.world.hands or load_undecided(self.world.store.db):
            self._pass(now)

    @rule()
    def undo(self) -> None:
        self.settle()
        self.world.undo()
        self.settled = None
        self.settle()

    @precondition(lambda self: self.world.is_online)
    @rule(data=st.data(), times=st.integers(0, 2))
    def forget_somebody(self, data: st.DataObject, times: int) -> None:
        if times:
            return
        self.settle()
        persons = sorted({person for person, _ in self.world.owned()})
        if persons:
            self.world.forget(data.draw(st.sampled_from(persons), "person"))
            self.settled = None
            self.settle()

    @precondition(lambda self: self.world.is_online)
    @rule(kill=st.none() | KILLS, times=st.integers(0, 2))
    def lose_database(self, kill: tuple[str, int] | None, times: int) -> None:
        if times:
            return
        self.settle()
        word = load_word(self.world.store.db)
        self.world.lose_database()
        self.settled = None
        # What the user copied or moved somewhere may be read, and said, once more: it is not known any more that it was.
        with self.world.unchecked(self.world.ground is not None):
            if kill is not None:
                self.world.do_pass(kill=kill)
            self._pass(True)
            self.world.throw_unknown_away()
            if self.world.ground is not None:
                self._see_to_the_end(now=True, yes=True)
                while Gestures([self.world], [[]]).tidy():
                    self._see_to_the_end(now=True, yes=True)
        if self.world.ground is not None:
            found = load_word(self.world.store.db)
            assert {p: w for p, w in found.persons.items() if w.name} == {
                p: w for p, w in word.persons.items() if w.name
            }
            assert word.pins.items() <= found.pins.items()
            assert word.rejections.items() <= found.rejections.items()
            self.world.learn()
        self.settle()

    def _pass(self, now: bool) -> None:
        world = self.world
        nothing_new = self.settled == (world.eps, world.engine) and not world.hands
        library = look_at(world.library) if world.is_online else None
        people = look_at_people(self.world) if nothing_new and not world.is_online else None
        with world.unchecked(self.hands is not None):
            assert world.do_pass(now=now)
        assert library is None or look_at(world.library) == library
        assert people is None or look_at_people(self.world) == people, (
            "an unplugged library changed the people folder"
        )

    # What must be so.

    def check_word(self) -> None:
        """What stands is what was said and not taken back, in the tables and in both journals."""
        store, word = self.world.store, self.world.word
        assert check_word(store.db) == []
        if self.hands is None:
            persons = {p: w for p, w in load_word(store.db).persons.items() if w.merged_into is None}
            assert {p: said.name for p, said in persons.items() if said.name is not None} == word.names
            assert {p: os.fsdecode(said.place) for p, said in persons.items() if said.place} == word.places
            assert {p for p, said in persons.items() if said.hidden} == word.hidden
        lines = read_lines((self.world.run.state / "journal.jsonl").read_bytes())
        assert list(lines.edits) == load_edits(store.db)
        assert lines.broken == ()

    def check_idle(self) -> None:
        """One more pass changes nothing; once folders are old enough it notes that, and the next writes nothing at all."""
        world = self.world
        people, journal = look_at_people(self.world), (world.run.state / "journal.jsonl").stat()
        world.clock.move(3)
        assert world.do_pass()
        changes = world.store.db.conn.total_changes
        assert world.do_pass()
        assert world.store.db.conn.total_changes == changes
        assert look_at_people(self.world) == people
        assert (world.run.state / "journal.jsonl").stat() == journal


SETTINGS = settings(
    # Shrinking takes minutes; what was found is short enough to read, and to be shrunk when FACED_SHRINK says so.
    phases=list(Phase) if SHRINK else [Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    max_examples=200 if LONG else 18,  # the first of them has next to no steps
    stateful_step_count=200,
    deadline=None,
    derandomize=not LONG,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


# Three of them, each with other steps, so that they can be run side by side.


class First(WordMachine):
    """See WordMachine."""


class Second(WordMachine):
    """See WordMachine."""


class Third(WordMachine):
    """See WordMachine."""


WordMachine.where = None if LONG else MEMORY  # no disk is waited for there
TestFirst, TestSecond, TestThird = First.TestCase, Second.TestCase, Third.TestCase
TestFirst.settings = TestSecond.settings = TestThird.settings = SETTINGS
