"""A household to try out the user's word on: a real library, people folder and state, a user at work in all of
them, and passes that may be killed at any of their changes. Only the engine is left out (see wordphotos).

The user's side is kept beside it, and knows nothing of how faced understands a folder: what he did since the last
look (`Hand`), what that is to become in the journal (`expect`), and what the journal as a whole says (`fold_said`).
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

from sqlite_utils import Database

from faced.config import Config
from faced.model import EngineId, PersonId
from faced.passes import forget as forgetting
from faced.passes import pictures, steps
from faced.passes.gestures import take_back_gestures
from faced.passes.places import Places, Run
from faced.store.albums import load_albums
from faced.store.asks import TREE_KINDS, answer_ask, load_asks, load_undecided
from faced.store.base import BaseFolder, load_base
from faced.store.edits import BOOKS, Draft, Edit
from faced.store.forgotten import let_folders_go
from faced.store.intents import load_intents
from faced.store.journal import add_edits, load_edits
from faced.store.photos import set_libraries
from faced.store.traces import clear_traces
from faced.store.word_tables import load_statements
from tests.support.clock import MovableClock
from tests.support.mortal import Killed, Mortal, writers
from tests.support.wordphotos import Picture, engine_record, person_at, read_new_photos, read_picture
from tests.support.wordsaid import (
    Face,
    SaidEdit,
    Word,
    as_said,
    check_edits,
    fold_said,
    is_taken_back,
    learn_word,
)

__all__ = ["Hand", "World"]


@dataclass
class Hand:
    """What the user did to one person's folder since faced last saw it.

    was, now: its path then and now; None: it is not in the tree. taken: images whose links he deleted.
    """

    was: str | None
    now: str | None
    taken: set[str] = field(default_factory=set)


class World:
    """One household below `folder`."""

    def __init__(self, folder: Path, *, min_photos: int = 2) -> None:
        self.folder = folder
        self.library, self.people = folder / "photos", folder / "People"
        self.trash, self.drawer = folder / "trash", folder / "drawer"
        for path in (self.library, self.trash, self.drawer):
            path.mkdir(parents=True)
        self.run = Run(folder / "state", Config())
        self.min_photos = min_photos
        self.eps = 0.4
        self.settings: dict[str, object] = {}
        self.engine = 0
        self.numbers = 0
        self.became: set[tuple[str, str]] = set()
        self.hands: dict[int, Hand] = {}
        self.away: dict[int, Hand] = {}
        self.shown: dict[tuple[int, str], frozenset[Face]] = {}
        self.said: list[tuple[str, list[SaidEdit]]] = []
        self.ground: Word | None = None
        self.journal_length = 0
        self.strangers: dict[int, str] = {}
        self.known: dict[str, Picture] = {}
        self.changes: dict[int, frozenset[bool]] = {}
        self.read_by: dict[int, int] = {}
        self.was_read = False
        self.refused: set[tuple[int, str | None]] = set()
        self.clock = MovableClock()
        self.forgotten: set[Face] = set()
        self.gone: set[int] = set()
        self._is_checked = True
        self._open()
        with self.store.write() as db:
            set_libraries(db, [os.fsencode(self.library)], exact=True)

    # The process.

    def _open(self) -> None:
        self._opened = steps.open_state(self.run)
        self.store = self._opened.__enter__()

    def close(self) -> None:
        self._opened.__exit__(None, None, None)

    def reopen(self) -> None:
        """The process ends and begins again."""
        self.close()
        self._open()

    @property
    def config(self) -> Config:
        return Config(
            people_min_photos=self.min_photos,
            cluster_eps=self.eps,
            **self.settings,  # type: ignore[arg-type]
        )

    @property
    def is_online(self) -> bool:
        return self.library.exists()

    def do_pass(self, *, kill: tuple[str, int] | None = None, now: bool = True) -> bool:
        """A whole pass as `faced sync` makes it. kill: it dies so many changes after the begin of a stage (STAGES).
        Says whether it came to its end.
        """
        mortal = Mortal(kill)
        if kill is not None:
            mortal.guard(self.store)
        self.was_read = False
        self.clock.wake()
        try:
            with writers(mortal.writer):
                self._steps(steps.TreeOptions(now=now, clock=self.clock), mortal)
        except Killed:
            self.reopen()
            if not self.was_read:
                self._see_what_was_read()
            self._see_what_is_shown()
            return False
        if kill is not None:
            self.reopen()
        self._see_what_is_shown()
        return True

    def _steps(self, options: steps.TreeOptions, mortal: Mortal) -> None:
        store, config, root = self.store, self.config, os.fsencode(self.people)
        mortal.begin("look")
        steps.scan_all(store, config, Places((), root))
        before = self._photos()
        try:
            read_new_photos(store, self.engine)
        finally:
            after = self._photos()
            self.became |= {(old, after[path]) for path, old in before.items() if after.get(path, old) != old}
        if self.is_online:
            self.known = self.look_at_library()
            for number in {picture.number for picture in self.known.values()}:
                self.changes.pop(number, None)
                self.read_by[number] = self.engine
        mortal.begin("read")
        found = steps.read_tree(store, config, root, options)
        assert found.frozen is None
        if not (found.rests or found.adopting or found.edits or found.undecided or found.asks):
            with patch("faced.folders.read.load_shown", lambda db, key: None):  # so that all is read
                again = steps.look_at_tree(store, config, root, options)
            missed = (again.edits, again.undecided, again.asks)
            assert missed == ((), 0, ()), f"there was something to be read: {missed}"
        self.was_read = True
        self._see_what_was_read()
        mortal.begin("decide")
        record = engine_record(self.engine)
        engine = steps.choose_engine(store, record)
        steps.decide_persons(store, config, engine, record)
        mortal.begin("show")
        work = pictures.PictureWork(record.thresholds.gate)
        shown = steps.show_tree(store, config, root, engine, found, work, self.clock)
        assert shown.frozen is None

    def _photos(self) -> dict[str, str]:
        rows = self.store.db.execute("SELECT path, key FROM photos JOIN images ON images.id = photos.image")
        return {os.fsdecode(path): key for path, key in rows}

    def answer(self, *, yes: bool) -> bool:
        """Answer what is asked about the tree, as `faced accept` does, and let a pass act on it. Was anything?"""
        asks = [ask.id for ask in load_asks(self.store.db) if ask.kind in TREE_KINDS]
        if not asks:
            return False
        with self.store.write() as db:
            for ask in asks:
                assert answer_ask(db, ask, yes)
        if not yes:
            keys = self.keys
            rows = [row for row in load_undecided(self.store.db) if row.ask in asks]
            self.refused = {(row.person, None if row.image is None else keys[row.image]) for row in rows}
        assert self.do_pass()
        self.refused = set()
        return True

    @contextmanager
    def unchecked(self, is_so: bool = True) -> Iterator[None]:
        """The tree is changed behind this world's back: what is read there is not compared."""
        before, self._is_checked = self._is_checked, self._is_checked and not is_so
        try:
            yield
        finally:
            self._is_checked = before

    def undo(self) -> None:
        """`faced undo`, without a look at the tree before: there is to be nothing new in it."""
        undone = self.take_back()
        self.journal_length += len(undone)
        if not self.said:
            assert self.ground is not None or undone == []
            self.learn()
            return
        gesture, edits = self.said.pop()
        assert {str(edit.undoes).partition("-")[2] for edit in undone} == {gesture}
        assert len(undone) == len(edits)
        for edit in edits:
            if edit.kind == "hide" and edit.person in self.away:
                # She gets a new folder; the old one is nobody's from now on.
                del self.away[edit.person]
                self._empty_trash(edit.person)

    def take_back(self) -> list[Edit]:
        """`faced undo`, and nothing else."""
        with self.store.write() as db:
            undone = take_back_gestures(db, steps.shown_engine(db), 1, self.clock.now())
        steps.keep_journal(self.store)
        return undone

    def say(self, speak: Callable[[Database, EngineId], Sequence[Draft]]) -> None:
        """A command that writes these edits, and nothing else."""
        with self.store.write() as db:
            drafts = speak(db, steps.shown_engine(db))
            add_edits(db, drafts, origin="command", time=self.clock.now())
        steps.keep_journal(self.store)

    def forget(self, person: int) -> None:
        """`faced forget`, with a pass that follows it; nothing is in hand."""
        db, whom = self.store.db, PersonId(person)
        persons = forgetting.all_of(db, whom)
        with self.store.write() as db:
            edits = forgetting.forget_in(db, forgetting.Meant("", person=whom), persons)
        steps.keep_journal(self.store)
        self.forgotten |= {
            Face(face.image, person_at(face.box.left)) for edit in edits for face in edit.faces
        }
        self.gone |= persons
        self.learn()
        assert self.do_pass()
        with self.store.write() as db:
            let_folders_go(db, sorted(persons))
        assert clear_traces(self.store, self.clock.now())

    def learn(self) -> None:
        """Take what stands now for what was said; nothing is in hand."""
        db, word = self.store.db, learn_word(load_statements(self.store.db))
        self.ground, self.said, self.hands = word, [], {}
        self.journal_length = len([edit for edit in load_edits(db) if edit.kind not in BOOKS])
        for person in [p for p in self.away if p not in word.hidden or p in self.base()]:
            del self.away[person]
            self._empty_trash(person)

    def lose_database(self) -> None:
        """Nothing but journal.jsonl and the trees is left."""
        self.close()
        for path in self.run.state.glob("faced.db*"):
            path.unlink()
        self._open()
        with self.store.write() as db:
            set_libraries(db, [os.fsencode(self.library)], exact=True)
        self.became.clear()
        for person in self.away:
            self._empty_trash(person)
        self.away.clear()
        self.shown.clear()

    def throw_unknown_away(self) -> None:
        """After a database was lost: a `Person 7` of which nobody can tell who it was, for her photos are another's
        by now, is left alone and reported. The user puts it away.
        """
        known = {os.fsdecode(folder.path) for folder in load_base(self.store.db).folders}
        for path in sorted(self.people.rglob("*")):
            parts = path.relative_to(self.people).parts
            is_hers = any(part.startswith("Person ") for part in parts) and not {".faced", "_Suggestions"} & {
                *parts
            }
            if is_hers and path.is_dir() and "/".join(parts) not in known:
                self.numbers += 1
                os.rename(path, self.folder / f"gone {self.numbers}")

    # What faced did, from the user's side.

    @property
    def is_outdated(self) -> bool:
        """Whether the tree shows faces as somebody's whose they are no longer: who is who was decided, not shown."""
        owned, links = self.owned(), self.base_links()
        return any(owned.get(place) != self.shown.get(place) for place in links)

    def base(self) -> dict[int, BaseFolder]:
        """The folder that stands for each person."""
        homes: dict[int, BaseFolder] = {}
        for folder in sorted(load_base(self.store.db).folders, key=lambda f: (len(f.path), f.path)):
            if folder.person is not None:
                homes.setdefault(folder.person, folder)
        return homes

    def paths_of_links(self, person: int) -> list[str]:
        """Where this person's links are."""
        base = load_base(self.store.db)
        paths = {folder.id: folder.path for folder in base.folders}
        return [os.fsdecode(paths[x.folder] + b"/" + x.name) for x in base.links if x.person == person]

    @property
    def keys(self) -> dict[int, str]:
        """Of the images."""
        return dict(self.store.db.execute("SELECT id, key FROM images").fetchall())

    def base_links(self) -> dict[tuple[int, str], str]:
        """(person, image) -> path of the link below People."""
        base = load_base(self.store.db)
        paths = {folder.id: folder.path for folder in base.folders}
        keys = self.keys
        return {
            (link.person, keys[link.image]): os.fsdecode(paths[link.folder] + b"/" + link.name)
            for link in base.links
        }

    def owned(self) -> dict[tuple[int, str], frozenset[Face]]:
        """(person, image) -> whose faces on it are said to be hers, of the engine that is shown."""
        found: dict[tuple[int, str], set[Face]] = {}
        rows = self.store.db.execute(
            """SELECT owners.person, images.key, box_left FROM owners JOIN faces ON faces.id = owners.face
               JOIN images ON images.id = faces.image WHERE faces.engine = ?""",
            [steps.shown_engine(self.store.db)],
        )
        for person, key, left in rows:
            found.setdefault((person, key), set()).add(Face(key, person_at(left)))
        return {place: frozenset(faces) for place, faces in found.items()}

    def _see_what_is_shown(self) -> None:
        """A link stands for the faces for which it was made."""
        owned = self.owned()
        places = {*self.base_links(), *(place for place in self.shown if place[0] in self.away)}
        self.shown = {place: owned.get(place) or self.shown.get(place, frozenset()) for place in places}

    def _see_what_was_read(self) -> None:
        """What of the user's doing was followed; exactly that, and all of that, is in the journal."""
        if not self._is_checked:
            return
        wanted = self._take_followed()
        edits = [edit for edit in load_edits(self.store.db) if edit.kind not in BOOKS]
        new = edits[self.journal_length :]
        self.journal_length = len(edits)
        found = [as_said(edit) for edit in new]
        check_edits(found, wanted, knows_faces=self.ground is None)
        for edit, said in zip(new, found, strict=True):
            if not self.said or self.said[-1][0] != edit.gesture:
                self.said.append((edit.gesture, []))
            self.said[-1][1].append(said)

    def _take_followed(self) -> list[SaidEdit]:
        """The edits that must be there by now; what they are about is no longer in hand."""
        homes, links, word = self.base(), self.base_links(), self.word
        present = self.present_images()
        wanted: list[SaidEdit] = []
        for person, hand in list(self.hands.items()):
            home = homes.get(person)
            path = None if home is None else os.fsdecode(home.path)
            if person in word.merged:
                # Her folder is only left there: what is done to it says nothing of the one who she was.
                if path == hand.now:
                    del self.hands[person]
                continue
            if hand.was != hand.now and path == hand.now:
                if hand.was is None and person in word.hidden:
                    wanted.append(SaidEdit("show", person))
                if hand.now is None and (person, None) in self.refused:
                    self._empty_trash(person)  # she gets a new folder
                    del self.hands[person]
                    continue
                if hand.now is None:
                    if person not in word.hidden and not self._is_nobody(person):
                        wanted.append(SaidEdit("hide", person))
                    self.away[person] = Hand(hand.was, None, hand.taken)
                    del self.hands[person]
                    continue
                before = self.away.pop(person).was if hand.was is None else hand.was
                assert before is not None
                wanted += self._moved(person, before, hand, word)
                hand.was = hand.now
            for image in sorted(hand.taken):
                if (person, image) not in links and hand.was is not None:
                    hand.taken.discard(image)
                    is_meant = image in present and (person, image) not in self.refused
                    if is_meant and self.shown.get((person, image)):
                        wanted.append(SaidEdit("reject", person, None, self.shown[person, image]))
            if hand.was == hand.now and not hand.taken:
                del self.hands[person]
        return wanted

    def _is_nobody(self, person: int) -> bool:
        """Only the folder is left of somebody who was taken back; not so when faces have become hers."""
        edits = [edit for edit in load_edits(self.store.db) if edit.kind not in BOOKS]
        is_owner = any(whose == person for whose, _ in self.owned())
        return not is_owner and is_taken_back(edits[: self.journal_length], person)

    def _moved(self, person: int, before: str, hand: Hand, word: Word) -> list[SaidEdit]:
        assert hand.now is not None
        wanted = []
        name: str | None = os.path.basename(hand.now)
        if name is not None and name.startswith("Person "):
            name = None
        if os.path.basename(before) != os.path.basename(hand.now) and name != word.names.get(person):
            wanted.append(SaidEdit("name", person, name))
            faces: frozenset[Face] = frozenset()
            for (whose, image), found in self.shown.items():
                if whose == person and image not in hand.taken:
                    faces |= found
            if faces and name is not None:
                wanted.append(SaidEdit("anchor", person, None, faces))
        if os.path.dirname(before) != os.path.dirname(hand.now):
            wanted.append(SaidEdit("place", person, hand.now))
        return wanted

    @property
    def word(self) -> Word:
        """What stands by all that was said."""
        return fold_said([edit for _, edits in self.said for edit in edits], self.ground)

    # Pictures that became others.

    def sources(self, image: str) -> set[str]:
        """The image and all that it was before."""
        found, pending = {image}, [image]
        while pending:
            new = pending.pop()
            older = {old for old, now in self.became if now == new} - found
            found |= older
            pending += older
        return found

    def present_images(self) -> set[str]:
        """Images that are there, and those of which something is there that they have become."""
        if not self.is_online:
            return set()
        return {source for picture in self.known.values() for source in self.sources(picture.key)}

    def look_at_library(self) -> dict[str, Picture]:
        """Path -> picture, of what is there now."""
        return {
            str(path.relative_to(self.library)): read_picture(path.read_bytes())
            for path in sorted(self.library.rglob("*.png"))
        }

    # The user at work in the library.

    def add(self, *people: int) -> str:
        """A new photo of these people."""
        self.numbers += 1
        name = f"{self.numbers}.png"
        self._put(name, Picture(self.numbers, tuple(sorted(set(people)))))
        return name

    def _put(self, name: str, picture: Picture) -> None:
        (self.library / name).write_bytes(picture.data)

    def delete(self, name: str) -> None:
        os.rename(self.library / name, self.drawer / name)

    def bring_back(self, name: str) -> None:
        os.rename(self.drawer / name, self.library / name)

    def move(self, name: str) -> None:
        self.numbers += 1
        os.rename(self.library / name, self.library / f"{self.numbers}.png")

    def copy(self, name: str) -> None:
        self.numbers += 1
        shutil.copyfile(self.library / name, self.library / f"{self.numbers}.png")

    def change(self, name: str, *, turn: bool) -> None:
        """Turned by its EXIF data, all copies of it, or retouched and written anew.

        Not both before faced looks if that look is another engine's: then no box and no vector says which face of the
        new picture was which of the old, and what was said of them waits.
        """
        picture = read_picture((self.library / name).read_bytes())
        done = self.changes.get(picture.number, frozenset()) | {turn}
        if len(done) == 2 and self.read_by.get(picture.number, self.engine) != self.engine:
            return
        self.changes[picture.number] = done
        if turn:
            for path in [*self.library.iterdir(), *self.drawer.iterdir()]:
                found = read_picture(path.read_bytes())
                if found.key == picture.key:
                    path.write_bytes(replace(picture, turn=7 - picture.turn).data)
        else:
            self.numbers += 1
            self._put(name, replace(picture, edit=self.numbers))

    def switch_engine(self) -> None:
        """See `change`."""
        if all(len(done) < 2 for done in self.changes.values()):
            self.engine = 1 - self.engine

    def plug(self, *, online: bool) -> None:
        if online != self.is_online:
            one, other = self.library, self.folder / "unplugged"
            os.rename(*((other, one) if online else (one, other)))

    # The user at work in the people folder.

    def folders(self) -> dict[int, str]:
        """Person -> where her folder is now, of those that a user may take hold of: what a pass that died was
        about to change is not among them.
        """
        busy = [i.folder for _, i in load_intents(self.store.db)]
        albums = load_albums(self.store.db)
        busy += [i.new for _, i in load_intents(self.store.db) if i.op == "movedir" and i.new is not None]
        found = {}
        for person, home in self.base().items():
            hand = self.hands.get(person)
            path = hand.now if hand is not None else os.fsdecode(home.path)
            if any(b == home.path or b.startswith(home.path + b"/") for b in busy) or path is None:
                continue
            if person in albums or home.path.startswith(b"_Ignored/"):
                continue
            if (self.people / path).is_dir() and (self.people / path).stat().st_ino == home.ino:
                found[person] = path
        return found

    def hand(self, person: int) -> Hand:
        """What is in hand of this person's folder."""
        if person not in self.hands:
            home = self.base().get(person)
            path = None if home is None else os.fsdecode(home.path)
            self.hands[person] = Hand(path, path)
        return self.hands[person]

    def is_free(self, path: str) -> bool:
        return not os.path.lexists(self.people / path)

    def rename(self, person: int, path: str) -> None:
        """Move a folder in hand to a path that is free."""
        target = self.people / path
        target.parent.mkdir(exist_ok=True)
        os.rename(self.people / self.folders()[person], target)
        self.hand(person).now = path

    def swap(self, one: int, other: int) -> None:
        first, second = self.folders()[one], self.folders()[other]
        self.rename(one, "swapping")
        self.rename(other, first)
        self.rename(one, second)

    def _empty_trash(self, person: int) -> None:
        if (self.trash / str(person)).exists():
            self.numbers += 1
            os.rename(self.trash / str(person), self.folder / f"gone {self.numbers}")

    def throw_away(self, person: int) -> None:
        self._empty_trash(person)
        os.rename(self.people / self.folders()[person], self.trash / str(person))
        self.hand(person).now = None

    def restorable(self) -> dict[int, str]:
        """Person -> where her folder goes when it is taken out of the trash."""
        here = {*self.hands, *self.base()}
        found = {person: hand.was for person, hand in self.away.items() if person not in here}
        found |= {person: hand.was for person, hand in self.hands.items() if hand.now is None}
        return {
            person: path
            for person, path in found.items()
            if path is not None and (self.trash / str(person)).exists() and self.is_free(path)
        }

    def restore(self, person: int) -> None:
        path = self.restorable()[person]
        (self.people / path).parent.mkdir(exist_ok=True)
        os.rename(self.trash / str(person), self.people / path)
        if person not in self.hands:
            self.hands[person] = Hand(None, path, self.away[person].taken)
        else:
            self.hands[person].now = path

    def links_in(self, person: int) -> dict[str, Path]:
        """Image -> link, of a folder in hand: what base knows and the disk has."""
        folder = self.people / self.folders()[person]
        found = {i: folder / Path(path).name for (p, i), path in self.base_links().items() if p == person}
        return {image: path for image, path in found.items() if path.is_symlink()}

    def delete_link(self, person: int, image: str) -> None:
        self.links_in(person)[image].unlink()
        self.hand(person).taken.add(image)

    def put_stranger(self, folder: str) -> None:
        """A file of somebody else's."""
        self.numbers += 1
        path = self.people / folder / f"note {self.numbers}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"mine {self.numbers}")
        self.strangers[path.stat().st_ino] = path.read_text()
