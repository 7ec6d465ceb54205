"""A tree whose database was lost: whose folder is which, so that nothing is made twice and no name is lost.

Nothing is interpreted. A folder is somebody's by her name or by the majority of its links, one folder a person;
what is nobody's is left alone. What differs from what is wanted is then the plan's affair.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from faced.errors import FacedError
from faced.errors import shown as shown_path
from faced.folders.disk import Disk, join_path, parent_of
from faced.folders.hold import OWN_FOLDERS, is_ignored
from faced.folders.linking import absolute_text, is_year_folder
from faced.folders.names import fold_name, folder_name, name_of_folder
from faced.folders.pictures import Pictures, find_pictures
from faced.folders.place import HeldTree, open_place
from faced.folders.plan import PhotoPath, ShownPerson
from faced.folders.plan_pictures import SUGGESTIONS, UNSORTED
from faced.folders.tree import read_tree
from faced.folders.writer import KernelWriter, TreeWriter
from faced.model import ImageId, PersonId
from faced.store.base import load_base
from faced.store.database import Store
from faced.store.follow import FoundFolder, FoundLink, adopt_folders, is_adopting, save_adopting
from faced.store.pictures import PictureChange, follow_pictures

__all__ = ["Adoptee", "adopt_in_hand", "adopt_tree", "match_folders", "what_adopting_takes"]

NUMBERED = re.compile(rb" \([0-9]+\)$")


@dataclass(frozen=True, slots=True)
class Adoptee:
    """A person with a name, or hidden. place: the path where she is said to live, relative to the tree. hidden: her
    folder is among the strangers', and no other one's.
    """

    name: str | None
    place: bytes | None = None
    hidden: bool = False


def adopt_tree(
    store: Store,
    root: bytes,
    persons_of_image: Mapping[ImageId, frozenset[PersonId]],
    images_of_text: Mapping[bytes, ImageId],
    named: Mapping[PersonId, Adoptee],
    *,
    writer: TreeWriter | None = None,
) -> int:
    """Make base of a tree that waits for it (is_adopting), else do nothing. Returns how many folders it has.

    images_of_text: what links to photos say. The caller holds the pass lock.
    """
    root = os.path.abspath(root)
    held = open_place(store, root, KernelWriter() if writer is None else writer)
    try:
        return adopt_in_hand(store, held, persons_of_image, images_of_text, named)
    except OSError as error:
        raise FacedError(
            f"the people folder {shown_path(root)} could not be read ({error.strerror}); run it again"
        ) from error
    finally:
        held.close()


def adopt_in_hand(
    store: Store,
    held: HeldTree,
    persons_of_image: Mapping[ImageId, frozenset[PersonId]],
    images_of_text: Mapping[bytes, ImageId],
    named: Mapping[PersonId, Adoptee],
    relative_to: bytes | None = None,
) -> int:
    """As adopt_tree, with the people folder open. relative_to: its path, where links are relative."""
    if not is_adopting(store.db):
        return 0
    disk = read_tree(held.handle)
    matched = match_folders(
        _put_years_together(_make_absolute(disk, relative_to)), persons_of_image, images_of_text, named
    )
    found = _part_years(matched, disk)
    pictures = find_pictures(held.handle, load_base(store.db), disk, lambda _: {})
    with store.write() as db:
        taken = {folder.path for folder in load_base(db, with_links=False).folders}
        adopt_folders(db, [folder for folder in found if folder.path not in taken])
        follow_pictures(db, match_pictures(disk, pictures, found))
        save_adopting(db, False)
    return len(found)


def _make_absolute(disk: Disk, root: bytes | None) -> Disk:
    """With the paths of photos in the place of relative texts. root: of the tree."""
    if root is None:
        return disk
    return Disk(
        {
            path: replace(
                found, links={name: absolute_text(text, root, path) for name, text in found.links.items()}
            )
            for path, found in disk.items()
        }
    )


def _put_years_together(disk: Disk) -> Disk:
    """With the links of `Anna/2019` in `Anna`, called `2019/a.jpg`, as they are together when it is told whose they are."""
    together = Disk({})
    for path, found in sorted(disk.items()):
        home = parent_of(path)
        if is_year_folder(path) and home in together and found.problem is None:
            inside = {join_path(path[len(home) + 1 :], name): text for name, text in found.links.items()}
            together[home] = replace(together[home], links={**together[home].links, **inside})
        else:
            together[path] = found
    return together


def _part_years(found: Iterable[FoundFolder], disk: Disk) -> list[FoundFolder]:
    """The folders as they are, each with the text that its links have."""
    parted = []
    for home in found:
        inside: dict[bytes, list[FoundLink]] = {home.path: []}
        for link in home.links:
            folder, _, name = join_path(home.path, link.name).rpartition(b"/")
            inside.setdefault(folder, []).append(FoundLink(name, disk[folder].links[name], link.image))
        parted += [
            FoundFolder(path, home.person, disk[path].ino, tuple(links)) for path, links in inside.items()
        ]
    return parted


def match_pictures(disk: Disk, pictures: Pictures, found: Iterable[FoundFolder]) -> PictureChange:
    """The folders of face pictures, whose they are by the names of the persons' folders, and the pictures in them.

    Nobody knows any more what faced made, so what says in its comment that it is one is believed.
    """
    persons: dict[bytes, PersonId] = {}
    for folder in sorted(found, key=lambda f: (len(f.path), f.path)):
        persons.setdefault(_last(folder.path), folder.person)
    change = PictureChange()
    for path, here in sorted(disk.items()):
        person = persons.get(_last(path)) if parent_of(path) == SUGGESTIONS else None
        if here.problem is None and (path in (SUGGESTIONS, UNSORTED) or person is not None):
            change.taken_over.append((path, person, here.ino))
            for name in sorted(here.others):
                if (picture := pictures.at.get(join_path(path, name))) is not None:
                    change.found.append((path, name, *picture))
    return change


def what_adopting_takes(
    shown: Iterable[ShownPerson], photos: Mapping[ImageId, Sequence[PhotoPath]]
) -> tuple[Mapping[ImageId, frozenset[PersonId]], Mapping[bytes, ImageId], Mapping[PersonId, Adoptee]]:
    """persons_of_image, images_of_text and named, from what a plan is made of."""
    persons: dict[ImageId, set[PersonId]] = defaultdict(set)
    named = {}
    for person in shown:
        for image in person.images:
            persons[image].add(person.id)
        if person.name is not None or person.hidden:
            named[person.id] = Adoptee(person.name, person.place or None, person.hidden)
    texts = {photo.text: image for image, found in photos.items() for photo in found}
    return {image: frozenset(found) for image, found in persons.items()}, texts, named


def match_folders(
    disk: Disk,
    persons_of_image: Mapping[ImageId, frozenset[PersonId]],
    images_of_text: Mapping[bytes, ImageId],
    named: Mapping[PersonId, Adoptee],
) -> tuple[FoundFolder, ...]:
    """Whose folder is which, by path; at most one folder a person and one person a folder.

    | first  | a folder with her name where a person is said to live; of several persons the    |
    |        | one with most links in it                                                        |
    | second | a folder with her name, anywhere; of several the one with most links to her;     |
    |        | then one with her name and a number that has links to her (the name was taken)   |
    | third  | most of its links show a person: the largest share first; a folder with a name   |
    |        | of its own only to a person with a name (whatever it says is not undone lightly) |
    """
    links = {
        path: {
            name: images_of_text[text] for name, text in sorted(found.links.items()) if text in images_of_text
        }
        for path, found in disk.items()
        if path
        and found.problem is None
        and (is_ignored(path) or path.split(b"/")[0].lower() not in OWN_FOLDERS)
    }
    votes = {
        path: Counter(p for image in found.values() for p in persons_of_image.get(image, ()))
        for path, found in links.items()
    }
    owners: dict[bytes, PersonId] = {}
    placed: set[PersonId] = set()
    for ranked in (
        _by_place(links, votes, named),
        _by_name(links, votes, named),
        _by_links(links, votes, named),
    ):
        for path, person in ranked:
            is_stranger = person in named and named[person].hidden
            if path not in owners and person not in placed and is_ignored(path) == is_stranger:
                owners[path] = person
                placed.add(person)
    return tuple(
        FoundFolder(
            path,
            person,
            disk[path].ino,
            tuple(FoundLink(name, disk[path].links[name], image) for name, image in links[path].items()),
        )
        for path, person in sorted(owners.items())
    )


Links = Mapping[bytes, Mapping[bytes, ImageId]]
Votes = Mapping[bytes, Counter[PersonId]]


def _by_place(links: Links, votes: Votes, named: Mapping[PersonId, Adoptee]) -> list[tuple[bytes, PersonId]]:
    """A place says in which folder hers is; its own last part only while it says her name."""
    at: dict[tuple[bytes, str], list[bytes]] = defaultdict(list)
    for path in links:
        for name in _names_of_folder(path):
            at[parent_of(path), name].append(path)
    pairs = {
        (-votes[path][person], path != word.place, person, path)
        for person, word in named.items()
        if word.place
        for name in _names_of(word)
        for path in at.get((parent_of(word.place), name), ())
    }
    return [(path, person) for *_, person, path in sorted(pairs)]


def _by_name(links: Links, votes: Votes, named: Mapping[PersonId, Adoptee]) -> list[tuple[bytes, PersonId]]:
    by_name: dict[str, list[PersonId]] = defaultdict(list)
    for person, word in named.items():
        for name in _names_of(word):
            by_name[name].append(person)
    pairs = []
    for path in links:
        last = _last(path)
        for name in _names_of_folder(path):
            pairs += [(False, -votes[path][person], path, person) for person in by_name.get(name, ())]
        stem = NUMBERED.sub(b"", last)
        for person in by_name.get(fold_name(stem), ()) if stem != last else ():
            if votes[path][person]:
                pairs.append((True, -votes[path][person], path, person))
    return [(path, person) for *_, path, person in sorted(set(pairs))]


def _names_of(word: Adoptee) -> set[str]:
    if word.name is None:
        return set()
    return {fold_name(word.name.encode("utf-8", "surrogateescape")), _folded(word.name)}


def _names_of_folder(path: bytes) -> set[str]:
    last = _last(path)
    return {fold_name(last), _folded(last.decode("utf-8", "surrogateescape"))}


def _folded(name: str) -> str:
    return fold_name(folder_name(name).encode("utf-8"))


def _by_links(links: Links, votes: Votes, named: Mapping[PersonId, Adoptee]) -> list[tuple[bytes, PersonId]]:
    pairs = []
    for path, counted in votes.items():
        last = _last(path)
        has_name = name_of_folder(last) is not None
        for person, count in counted.items():
            if count * 2 > len(links[path]) and (_has_name(named.get(person)) or not has_name):
                pairs.append((-Fraction(count, len(links[path])), -count, path, person))
    return [(path, person) for _, _, path, person in sorted(pairs)]


def _has_name(word: Adoptee | None) -> bool:
    return word is not None and word.name is not None


def _last(path: bytes) -> bytes:
    return path[len(parent_of(path)) :].lstrip(b"/")
