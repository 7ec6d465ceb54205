"""A user at work with face pictures, in one household or in several at once, and what he expects of each."""

import os
from collections.abc import Callable
from pathlib import Path

from faced.model import PersonId
from faced.pictures.crop import read_comment
from faced.store.base import load_base
from faced.store.pictures import NOBODY, face_of_comment, load_put_off_faces, parse_face
from faced.store.word import Word
from faced.store.word_tables import load_word
from tests.support.gestures import Expected, Gestures
from tests.support.wordworld import World

__all__ = ["FACE_DEEDS", "FaceGestures", "pictures_in"]

FACE_DEEDS = ("pin face", "new face", "ignore face", "drop face", "accept faces", "drop proposals")


def pictures_in(world: World) -> dict[tuple[str, PersonId], Path]:
    """(face, to whom it is proposed) -> its picture; those of nobody in `_Unsorted`."""
    found = {}
    for folder in load_base(world.store.db).picture_folders:
        path = world.people / os.fsdecode(folder.path)
        is_proposed = folder.path.startswith(b"_Suggestions/")
        for picture in sorted(path.iterdir()) if path.is_dir() else ():
            comment = read_comment(picture.read_bytes()) if picture.is_file() else None
            if comment is not None and (face := face_of_comment(comment)) is not None:
                assert is_proposed == (folder.person is not None), f"{picture} is whose?"
                found[face, NOBODY if folder.person is None else folder.person] = picture
    return found


class FaceGestures:
    """With the folders, and among the gestures, of `hands`."""

    def __init__(self, hands: Gestures) -> None:
        self.hands = hands
        self.checks: list[Callable[[int, World, Word], None]] = []

    def do(self, kind: str, one: int, photo: int) -> bool:
        """One gesture. one: a folder. photo: which of the pictures, counted round. False: it cannot be made."""
        hands = self.hands
        hands.number += 1
        one %= hands.count
        if kind in ("accept faces", "drop proposals"):
            return self._do_proposals(kind, one)
        shown = [pictures_in(world) for world in hands.worlds]
        common = sorted(set.intersection(*map(set, shown)))
        common = [key for key in common if _image_of(key[0]) not in hands.used]
        if not common:
            return False
        face, proposed = common[photo % len(common)]
        here = [pictures[face, proposed] for pictures in shown]
        if kind == "drop face":
            for picture in here:
                picture.unlink()
            self._expect_dropped(face, proposed)
        elif kind == "pin face":
            targets = hands.paths(one)
            if targets is None or one in hands.thrown or one in hands.busy:
                return False
            if any(_image_of(face) in links for links in hands.all_links(one)):
                return False
            _move(here, [target / picture.name for target, picture in zip(targets, here, strict=True)])
            hands.busy.add(one)  # thrown away now, it would take the picture along
            hands.expected.append(Expected("in", one, _image_of(face)))
            self.checks.append(lambda home, _, word: self._check_pinned(word, face, hands.persons[home][one]))
        else:
            hands.worlds[0].numbers += 1
            called = "_Ignored" if kind == "ignore face" else f"Face {hands.worlds[0].numbers}"
            _move(here, [w.people / called / p.name for w, p in zip(hands.worlds, here, strict=True)])
            self.checks.append(lambda _, __, word: self._check_new(word, face, called))
        hands.used.add(_image_of(face))
        return True

    def _do_proposals(self, kind: str, one: int) -> bool:
        hands = self.hands
        if one in hands.busy or one in hands.thrown or (targets := hands.paths(one)) is None:
            return False
        persons = [persons[one] for persons in hands.persons]
        found = [
            {face: path for (face, whose), path in pictures_in(world).items() if whose == person}
            for world, person in zip(hands.worlds, persons, strict=True)
        ]
        faces = set(found[0])
        images = {_image_of(face) for face in faces}
        if not faces or any(faces != set(each) for each in found) or images & hands.used:
            return False
        folders = [next(iter(each.values())).parent for each in found]
        if kind == "accept faces":
            _move(folders, [target / folder.name for target, folder in zip(targets, folders, strict=True)])
            hands.busy.add(one)
        else:
            _move(folders, [w.trash / f"proposals {hands.number}" for w in hands.worlds])
        hands.used |= images
        self.checks.append(
            lambda home, _, word: self._check_proposals(word, faces, hands.persons[home][one], kind)
        )
        return True

    def _expect_dropped(self, face: str, proposed: PersonId) -> None:
        if proposed == NOBODY:
            self.checks.append(lambda _, world, __: self._check_put_off(world, face))
        else:
            self.checks.append(lambda _, __, word: self._check_rejected(word, face, proposed))

    # What is to come of it.

    def forget(self) -> None:
        """What was said was taken back."""
        self.checks.clear()

    def check(self) -> None:
        """Nothing that was done was lost. To be called when nothing waits any more."""
        for home, world in enumerate(self.hands.worlds):
            word = load_word(world.store.db)
            for check in self.checks:
                check(home, world, word)

    def _check_pinned(self, word: Word, face: str, person: PersonId | None) -> None:
        assert person is not None
        spot = parse_face(face)
        assert spot is not None
        assert word.pins.get(spot) == word.resolve(person), f"{face} is not {person}'s"

    def _check_new(self, word: Word, face: str, called: str) -> None:
        spot = parse_face(face)
        assert spot is not None
        assert spot in word.pins, f"{face} is nobody's"
        said = word.person(word.pins[spot])
        assert said.hidden if called == "_Ignored" else said.name == called, f"{face} is {said}'s"

    def _check_put_off(self, world: World, face: str) -> None:
        assert face in load_put_off_faces(world.store.db)
        assert (face, NOBODY) not in pictures_in(world)

    def _check_rejected(self, word: Word, face: str, person: PersonId) -> None:
        spot = parse_face(face)
        assert spot is not None
        assert word.resolve(person) in word.rejections.get(spot, ()), f"{face} may still be {person}'s"

    def _check_proposals(self, word: Word, faces: set[str], person: PersonId | None, kind: str) -> None:
        assert person is not None
        for face in faces:
            spot = parse_face(face)
            assert spot is not None
            assert word.resolve(person) not in word.rejections.get(spot, ())
            if kind == "accept faces":
                assert word.anchors.get(spot) == word.resolve(person), f"{face} was not accepted"


def _image_of(face: str) -> str:
    return face.partition(" ")[0]


def _move(old: list[Path], new: list[Path]) -> None:
    for one, other in zip(old, new, strict=True):
        other.parent.mkdir(exist_ok=True)
        os.rename(one, other)
