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

from faced.folders.names import is_form_of
from faced.passes.word import load_said_of_pictures
from faced.store.albums import Album, load_albums
from faced.store.asks import load_undecided
from faced.store.edit_lines import read_lines
from faced.store.journal import check_word, load_edits
from faced.store.seen import REST, load_stamps_of_seen
from faced.store.settings import load_setting
from faced.store.tree import load_left_alone
from faced.store.word_tables import load_word
from tests.support.app import Entry, look_at
from tests.support.gestures import COMMANDS, FOLDER_DEEDS, LINK_DEEDS, Gestures
from tests.support.wordphotos import PEOPLE
from tests.support.wordworld import STAGES, Face, World

LONG = bool(os.environ.get("FACED_LONG"))
SHRINK = bool(os.environ.get("FACED_SHRINK"))
NAMES = ["Anna", "Ben", "Carl", "Dora", "Eva", "Oma", "Ida"]
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
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="faced-word-"))
        self.world = World(self.folder / "home")
        self.settled: tuple[float, int] | None = None
        self.hands: Gestures | None = None

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
                self.settled = None
        return self.hands is not None and not self.world.is_outdated

    def _gesture_all(self, deeds: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
        for deed, one, other, photo, look, kill in deeds:
            if not self._take_hold():
                return
            assert self.hands is not None
            if deed in COMMANDS:
                self.one_pass(now=True)
                self.hands.say(deed, one, other)
            else:
                self.hands.do(deed, one, other, photo)
            if look == "kill":
                self.killed_pass(kill=kill, now=True)
            elif look != "no":
                self.one_pass(now=look == "now")

    @rule(deeds=scenes(LINK_DEEDS))
    def link_gestures(self, deeds: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
        self._gesture_all(deeds)

    @rule(deeds=scenes(FOLDER_DEEDS))
    def folder_gestures(self, deeds: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
        self._gesture_all(deeds)

    @rule(deeds=scenes((*LINK_DEEDS, *FOLDER_DEEDS, *COMMANDS)))
    def gestures(self, deeds: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
        self._gesture_all(deeds)

    # The settings.

    @rule(eps=st.sampled_from([0.30, 0.35, 0.40, 0.50, 0.65]))
    def set_eps(self, eps: float) -> None:
        self.world.eps = eps

    @rule()
    def switch_engine(self) -> None:
        self.world.engine = 1 - self.world.engine

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

    @rule()
    def reopen(self) -> None:
        self.world.reopen()

    @rule(now=st.booleans(), yes=st.booleans())
    def settle(self, now: bool = True, yes: bool = True) -> None:
        """Passes, and answers, until nothing is in hand; then all that was promised must be so."""
        self._see_to_the_end(now, yes=yes or self.hands is not None)
        if self.hands is not None:
            self.hands.check()
            while self.hands.tidy():
                self._see_to_the_end(now, yes=True)
            self.hands = None
            self.world.learn()
        assert self.world.hands == {}, "not understood"
        self.check_word()
        self.check_tree()
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
        people = self._people() if nothing_new and not world.is_online else None
        with world.unchecked(self.hands is not None):
            assert world.do_pass(now=now)
        assert library is None or look_at(world.library) == library
        assert people is None or self._people() == people, "an unplugged library changed the people folder"

    # What must be so.

    def _people(self) -> dict[str, Entry]:
        return look_at(self.world.people) if self.world.people.exists() else {}

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

    def check_tree(self) -> None:
        """Every name is on the right folder, with the photos of its naming; what was rejected does not come back."""
        world, word = self.world, self.world.word
        owned, base = world.owned(), world.base()
        reachable = {picture.key: picture for picture in world.known.values()}
        for key, picture in reachable.items():
            for one in picture.people:
                self._check_face(Face(key, one), owned)
        tags = load_said_of_pictures(world.store.db, load_word(world.store.db)).tags
        tagged = {person: {world.keys[image] for image in images} for person, images in tags.items()}
        albums = {id_: album for id_, album in load_albums(world.store.db).items() if not album.over}
        links = self._links()
        for person in sorted({*word.names, *albums, *tagged, *(person for person, _ in owned)}):
            hers = {key for whose, key in owned if whose == person}
            images = {key for key in hers | tagged.get(person, set()) if key in reachable}
            if person in albums:
                images = self._images_of(albums[person], owned) & reachable.keys()
            is_named = person in word.names or person in albums
            is_shown = is_named or person in tagged or len(images) >= world.min_photos
            is_ignored = person in base and base[person].path.startswith(b"_Ignored/")
            if not (is_ignored if person in word.hidden else is_shown):
                images = set()
            found = [links.pop(path) for path in world.paths_of_links(person)]
            assert sorted(found) == sorted(images), f"person {person}"
            if person in word.names and person not in word.hidden and images:
                self._check_name(
                    os.fsdecode(base[person].path), word.names[person], word.places.get(person, "")
                )
        assert links == {}, f"nobody's: {links}"
        self._check_strangers()

    def _images_of(self, album: Album, owned: dict[tuple[int, str], frozenset[Face]]) -> set[str]:
        """Of everybody whom it is of; none while one of them is hidden."""
        said = load_word(self.world.store.db)
        persons = {said.resolve(person) for person in album.persons}
        if any(said.person(person).hidden for person in persons):
            return set()
        return set.intersection(*({k for p, k in owned if p == person} for person in persons)) - album.hidden

    def _check_face(self, face: Face, owned: dict[tuple[int, str], frozenset[Face]]) -> None:
        word = self.world.word
        sources = [Face(source, face.person) for source in self.world.sources(face.image)]
        owners = {person for (person, _), faces in owned.items() if face in faces}
        rejected = {person for source, person in word.rejected if source in sources}
        assert not owners & rejected, f"{face} came back to {owners}"
        said = [word.pins[source] for source in sources if source in word.pins]
        said = said or [word.anchors[source] for source in sources if source in word.anchors]
        if said:
            person, _ = max(said, key=lambda one: one[1])
            assert owners == {person} or person in rejected, f"{face} is {owners}, and was {person} by word"

    def _links(self) -> dict[str, str]:
        """Path of each link -> the image that it leads to, by what the library last held."""
        root = os.path.realpath(self.folder / "home") + "/photos/"
        texts = {path: entry.text for path, entry in self._people().items() if entry.text is not None}
        assert all(text.startswith(root) for text in texts.values())
        return {path: self.world.known[text.removeprefix(root)].key for path, text in texts.items()}

    def _check_name(self, path: str, name: str, place: str) -> None:
        last = os.fsencode(os.path.basename(path))
        assert is_form_of(last, os.fsencode(name), is_file=False), f"{path} is {name}"
        assert os.path.dirname(path) == os.path.dirname(place)

    def _check_strangers(self) -> None:
        """Strangers' files are as they were, and nothing else is reported."""
        found = {path.stat().st_ino: path for path in self.folder.rglob("note *.txt")}
        assert {ino: path.read_text() for ino, path in found.items()} == self.world.strangers
        theirs = {
            os.path.relpath(above, self.world.people)
            for path in found.values()
            for above in (path, *path.parents)
        }
        reported = {os.fsdecode(row.path): row.reason for row in load_left_alone(self.world.store.db)}
        assert {path: why for path, why in reported.items() if path not in theirs} == {}

    def check_idle(self) -> None:
        """One more pass changes nothing, and writes nothing but that, as far as folders are old enough for that."""
        world = self.world
        people, changes = self._people(), world.store.db.conn.total_changes
        noted = load_stamps_of_seen(world.store.db), load_setting(world.store.db, REST)
        journal = (world.run.state / "journal.jsonl").stat()
        assert world.do_pass()
        assert self._people() == people
        is_noted = (load_stamps_of_seen(world.store.db), load_setting(world.store.db, REST)) != noted
        assert world.store.db.conn.total_changes == changes or is_noted
        assert (world.run.state / "journal.jsonl").stat() == journal


SETTINGS = settings(
    # Shrinking takes minutes; what was found is short enough to read, and to be shrunk when FACED_SHRINK says so.
    phases=list(Phase) if SHRINK else [Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    max_examples=50 if LONG else 4,
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


TestFirst, TestSecond, TestThird = First.TestCase, Second.TestCase, Third.TestCase
TestFirst.settings = TestSecond.settings = TestThird.settings = SETTINGS
