"""What must be so in the people folder when nothing waits any more, by what the user said."""

import os

from faced.folders.names import is_form_of
from faced.passes.word import load_said_of_pictures
from faced.store.albums import Album, load_albums
from faced.store.pictures import NOBODY, load_put_off, load_put_off_faces, parse_face
from faced.store.tree import load_left_alone
from faced.store.word_tables import load_word
from tests.support.app import Entry, look_at
from tests.support.facegestures import pictures_in
from tests.support.wordphotos import person_at
from tests.support.wordsaid import Face
from tests.support.wordworld import World

__all__ = ["check_tree", "look_at_people"]


def look_at_people(world: World) -> dict[str, Entry]:
    """All that is in the people folder."""
    return look_at(world.people) if world.people.exists() else {}


def check_tree(world: World) -> None:
    """Every name is on the right folder, with the photos of its naming; what was rejected does not come back."""
    _Check(world).check()


class _Check:
    def __init__(self, world: World) -> None:
        self.world = world
        self.word = world.word

    def check(self) -> None:
        """Every name is on the right folder, with the photos of its naming; what was rejected does not come back."""
        world, word = self.world, self.word
        owned, base = world.owned(), world.base()
        reachable = {picture.key: picture for picture in world.known.values()}
        for key, picture in reachable.items():
            for one in picture.people:
                self._check_face(Face(key, one), owned)
        assert not world.gone & {person for person, _ in owned}, "forgotten, and there again"
        keys, tags = world.keys, load_said_of_pictures(world.store.db, load_word(world.store.db)).tags
        tagged = {person: {keys[image] for image in images} for person, images in tags.items()}
        albums = {id_: album for id_, album in load_albums(world.store.db).items() if not album.over}
        links = self._links()
        here = set()
        for person in sorted({*word.names, *albums, *tagged, *(person for person, _ in owned)}):
            hers = {key for whose, key in owned if whose == person}
            images = {key for key in hers | tagged.get(person, set()) if key in reachable}
            if person in albums:
                images = self._images_of(albums[person], owned) & reachable.keys()
            is_named = person in word.names or person in albums
            is_shown = is_named or person in tagged or len(images) >= world.min_photos
            here |= {person} if is_shown else set()
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
        self._check_pictures(owned, here)
        self._check_strangers()

    def _check_pictures(self, owned: dict[tuple[int, str], frozenset[Face]], shown: set[int]) -> None:
        """Of every face that is not shown as somebody's there is one picture, but of those that the user put off.

        All of somebody without a name may be proposed to one who has a name.
        """
        world, word = self.world, self.word
        known = {
            face for (p, _), faces in owned.items() if p in word.names or p in word.hidden for face in faces
        }
        taken = known | {face for (p, _), faces in owned.items() if p in shown for face in faces}
        found = [(self._face_of(face), person) for face, person in pictures_in(world)]
        faces = [face for face, _ in found]
        assert len(faces) == len(set(faces)), "shown twice"
        for face, person in found:
            assert face not in (taken if person == NOBODY else known), f"{face} is somebody's"
            rejected = {Face(source, face.person) for source in world.sources(face.image)}
            assert not any((source, person) in word.rejected for source in rejected), f"{face} came back"
        everybody = {Face(p.key, who) for p in world.known.values() for who in p.people}
        everybody -= taken | world.forgotten
        put_off = {self._face_of(face) for face in load_put_off_faces(world.store.db)}
        if load_put_off(world.store.db) == {} and world.is_online:
            assert everybody - put_off <= set(faces), "without a picture"

    def _face_of(self, text: str) -> Face:
        spot = parse_face(text)
        assert spot is not None
        return Face(spot.image, person_at(spot.box.left))

    def _images_of(self, album: Album, owned: dict[tuple[int, str], frozenset[Face]]) -> set[str]:
        """Of everybody whom it is of; none while one of them is hidden."""
        said = load_word(self.world.store.db)
        persons = {said.resolve(person) for person in album.persons}
        if any(said.person(person).hidden for person in persons):
            return set()
        return set.intersection(*({k for p, k in owned if p == person} for person in persons)) - album.hidden

    def _check_face(self, face: Face, owned: dict[tuple[int, str], frozenset[Face]]) -> None:
        word = self.word
        sources = [Face(source, face.person) for source in self.world.sources(face.image)]
        owners = {person for (person, _), faces in owned.items() if face in faces}
        if face in self.world.forgotten:
            assert owners == set(), f"{face} is known again"
            return
        said = [word.pins[source] for source in sources if source in word.pins]
        rejected = {
            person
            for (source, person), when in word.rejected.items()
            if source in sources and not any(whose == person and when < later for whose, later in said)
        }
        assert not owners & rejected, f"{face} came back to {owners}"
        said = said or [word.anchors[source] for source in sources if source in word.anchors]
        if said:
            person, _ = max(said, key=lambda one: one[1])
            assert owners == {person} or person in rejected, f"{face} is {owners}, and was {person} by word"

    def _links(self) -> dict[str, str]:
        """Path of each link -> the image that it leads to, by what the library last held."""
        root = os.path.realpath(self.world.folder) + "/photos/"
        texts = {
            path: entry.text for path, entry in look_at_people(self.world).items() if entry.text is not None
        }
        assert all(text.startswith(root) for text in texts.values())
        return {path: self.world.known[text.removeprefix(root)].key for path, text in texts.items()}

    def _check_name(self, path: str, name: str, place: str) -> None:
        last = os.fsencode(os.path.basename(path))
        assert is_form_of(last, os.fsencode(name), is_file=False), f"{path} is {name}"
        assert os.path.dirname(path) == os.path.dirname(place)

    def _check_strangers(self) -> None:
        """Strangers' files are as they were, and nothing else is reported."""
        found = {path.stat().st_ino: path for path in self.world.folder.rglob("note *.txt")}
        assert {ino: path.read_text() for ino, path in found.items()} == self.world.strangers
        theirs = {
            os.path.relpath(above, self.world.people)
            for path in found.values()
            for above in (path, *path.parents)
        }
        reported = {os.fsdecode(row.path): row.reason for row in load_left_alone(self.world.store.db)}
        assert {path: why for path, why in reported.items() if path not in theirs} == {}
