"""A people folder on disk with a journal: what a user does in it becomes edits, and the edits decide what is shown.

The stand-in for a pass: an image has one face a person, so nothing has to be found out about faces.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from faced.folders.edits import (
    Copied,
    FacePinned,
    FaceRejected,
    FolderEdit,
    Gathered,
    Hidden,
    LinkNamed,
    Merged,
    Moved,
    Named,
    Placed,
    Rejected,
    Shown,
)
from faced.folders.plan import ShownPerson
from faced.folders.read import Known, ReadReport, read_user_edits
from faced.folders.writer import TreeWriter
from faced.model import Box, ImageId, ImageKey, PersonId
from faced.store.database import Store, open_store
from faced.store.edits import Draft, FaceRef
from faced.store.journal import add_edits, load_edits, load_moved_to
from faced.store.persons import add_persons
from faced.store.pictures import parse_face
from faced.store.word import Word, fold
from faced.store.word_tables import load_word
from tests.support.treeworld import TreeWorld

__all__ = ["SECOND", "WordWorld", "open_words"]

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND
TIME_OF_EDITS = datetime(2026, 11, 24, tzinfo=UTC)


class WordWorld(TreeWorld):
    """A TreeWorld whose persons have the names, places and photos that the journal says."""

    def __init__(self, folder: Path, store: Store) -> None:
        super().__init__(folder, store)
        self.now = START
        self.excused: frozenset[ImageId] = frozenset()

    def word(self) -> Word:
        """What stands."""
        return load_word(self.store.db)

    def read(self, wait: float = 0, **options: object) -> ReadReport:
        """One look at what the user did, `wait` seconds after the last."""
        self.now += int(wait * SECOND)
        word = self.word()
        known = Known(
            names={p: said.name for p, said in word.persons.items() if said.name is not None},
            hidden=frozenset(p for p, said in word.persons.items() if said.hidden),
            excused=self.excused,
            rejected_lately=Counter(p for persons in word.rejections.values() for p in persons),
            merged={p: said.merged_into for p, said in word.persons.items() if said.merged_into is not None},
            rejected=frozenset(p for persons in word.rejections.values() for p in persons),
            link_names={(p, self._image(key)): name for (key, p), name in word.link_names.items()},
            moved_to=lambda person: load_moved_to(self.store.db, person),
        )
        root = str(self.people).encode()
        return read_user_edits(self.store, root, known, self.record, now_ns=self.now, **options)  # type: ignore[arg-type]

    def record(self, db: Database, edits: Sequence[FolderEdit]) -> Mapping[bytes, PersonId]:
        """Write edits to the journal."""
        made: dict[bytes, PersonId] = {}
        for edit in edits:
            if isinstance(edit, Gathered):
                (made[edit.path],) = add_persons(db, 1)
                self.persons[made[edit.path]] = ShownPerson(made[edit.path], None, frozenset())
        drafts = [draft for edit in edits for draft in self._drafts(edit, made)]
        add_edits(db, drafts, origin="folder", time=TIME_OF_EDITS)
        return made

    def say(self, drafts: Sequence[Draft]) -> None:
        """What a command writes to the journal."""
        with self.store.write() as db:
            add_edits(db, drafts, origin="command", time=TIME_OF_EDITS)

    def _drafts(self, edit: FolderEdit, made: Mapping[bytes, PersonId]) -> Iterator[Draft]:
        match edit:
            case Gathered(path, name, sources, _, emptied, names):
                person = made[path]
                yield Draft("name", person, value=name)
                yield Draft("place", person, value=path.decode("utf-8", "surrogateescape"))
                for image, source in sources:
                    yield from self._give(person, image, source)
                for image, called in names.items():
                    yield from self._drafts(LinkNamed(person, image, called, ""), made)
                for source in emptied:
                    yield Draft("merge", source, value=person)
            case Moved(person, image, source, _):
                yield from self._give(person, image, source)
            case Copied(person, image, _):
                yield from self._give(person, image, None)
            case LinkNamed(person, image, called, _):
                text = None if called is None else called.decode("utf-8", "surrogateescape")
                yield Draft("name_link", person, value={"image": _key(image), "name": text})
            case Merged(person, into, _):
                yield Draft("merge", person, value=into)
            case Named(person, name, images, _):
                yield Draft("name", person, value=name)
                if images:
                    yield Draft("anchor", person, faces=tuple(_face(i, person) for i in sorted(images)))
            case Placed(person, path, _):
                yield Draft("place", person, value=path.decode("utf-8", "surrogateescape"))
            case Hidden(person, _):
                yield Draft("hide", person)
            case Shown(person, _):
                yield Draft("show", person)
            case Rejected(person, image, _):
                yield Draft("reject", person, faces=(_face(image, person),))
            case FacePinned(person, faces, _):
                yield Draft("pin", person, faces=tuple(map(_pictured, sorted(faces))))
            case FaceRejected(person, face, _):
                yield Draft("reject", person, faces=(_pictured(face),))
            case _:
                raise AssertionError(f"no user of these tests does that: {edit}")

    def _give(self, person: PersonId, image: ImageId, source: PersonId | None) -> Iterator[Draft]:
        if source is None:
            yield Draft("tag", person, value={"image": _key(image), "on": True})
            return
        yield Draft("pin", person, (_face(image, source),), value={"from": source})
        if self.word().person(source).name is not None:
            yield Draft("reject", source, (_face(image, source),))

    def follow(self, **options: object) -> object:
        """Bring the tree up to date with the word."""
        word, everybody = self.word(), self.persons
        self.persons = {
            number: replace(
                person,
                name=word.person(person.id).name,
                place=word.person(person.id).place or b"",
                images=self._images_of(person.id, word),
                hidden=word.person(person.id).hidden,
                link_names={
                    self._image(key): name for (key, p), name in word.link_names.items() if p == person.id
                },
            )
            for number, person in everybody.items()
            if word.person(person.id).merged_into is None
        }
        proposed = self.faces
        if proposed is not None:
            self.faces = {
                person: [face for face in faces if not self._is_said(word, face.face)]
                for person, faces in proposed.items()
            }
        try:
            return self.sync(**options)  # type: ignore[arg-type]
        finally:
            self.persons, self.faces = everybody, proposed

    def _is_said(self, word: Word, face: str) -> bool:
        spot = parse_face(face)
        return spot in word.pins or spot in word.rejections

    def _images_of(self, person: PersonId, word: Word) -> frozenset[ImageId]:
        """By who is on them, each with the face of that person, and by pins, rejections and tags."""
        found = {self._image(key) for key, tagged in word.tags if tagged == person}
        for other in self.persons.values():
            for image in other.images:
                spot = _face(image, other.id).spot
                owner = word.pins.get(spot, word.resolve(other.id))
                if owner == person and person not in word.rejections.get(spot, ()):
                    found.add(image)
        return frozenset(found)

    def _image(self, key: ImageKey) -> ImageId:
        return ImageId(int(key[3:]))

    def run(self, wait: float = 0, writer: TreeWriter | None = None) -> ReadReport:
        """A look, and what follows from it."""
        report = self.read(wait, writer=writer)
        self.follow(writer=writer, reasons=report.left_alone)
        return report

    def edits(self) -> list[tuple[str, int | None, object]]:
        """(kind, person, value or images) of what the user did, in order."""
        return [
            (edit.kind, edit.person, sorted(int(f.image[3:]) for f in edit.faces) or edit.value)
            for edit in load_edits(self.store.db)
            if edit.kind not in ("begin", "persons")
        ]

    def check_word(self) -> None:
        """The tables are the fold over the journal."""
        assert fold(load_edits(self.store.db)) == self.word()


def _key(image: int) -> ImageKey:
    return ImageKey(f"b1:{image}")


def _face(image: int, person: int) -> FaceRef:
    return FaceRef(_key(image), Box(person / 16, 0.25, 0.125, 0.125), "e")


def _pictured(face: str) -> FaceRef:
    spot = parse_face(face)
    assert spot is not None
    return FaceRef(spot.image, spot.box, "e")


@contextmanager
def open_words(folder: Path) -> Iterator[WordWorld]:
    """A world in `folder`, with what its store remembers of an earlier one."""
    with open_store(folder / "state") as store:
        yield WordWorld(folder, store)
