"""A user at work in one household, or doing the same in several: gestures on folders and links in the file manager, and
what he expects of each once faced has looked.

Folders are known by their inodes, links by their photos. What cannot be done in all households is done in none, and what
would take back or overlap with what was done before is not done: that is another story.
"""

import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlite_utils import Database

from faced.folders.names import is_form_of
from faced.model import EngineId, PersonId
from faced.passes.gestures import draft_hide, draft_merge, draft_name
from faced.store.base import load_base
from faced.store.edits import Draft
from faced.store.follow import load_copies
from faced.store.tree import load_left_alone
from faced.store.word import Word
from faced.store.word_tables import load_word
from tests.support.wordworld import World

__all__ = ["COMMANDS", "FOLDER_DEEDS", "LINK_DEEDS", "SLOW_DEEDS", "Gestures"]

LINK_DEEDS = ("move", "copy", "file", "new", "new copy", "rename link", "sort", "delete")
FOLDER_DEEDS = ("drop", "empty", "rename", "unname", "place", "swap", "ignore", "throw", "restore", "album")
SLOW_DEEDS = ("drag",)
"""As by a slow client: a copy, and what was copied goes while faced waits, after so many sleeps."""
COMMANDS = ("merge", "hide", "show", "name", "undo")


class Expected(NamedTuple):
    """what: in, not in, called, one, named, nameless, hidden or shown. folder, other: numbers. text: an image or a name."""

    what: str
    folder: int
    text: str = ""
    other: int = 0
    name: str = ""


class Gestures:
    """folders: of persons, by path, in each household in the same order."""

    def __init__(self, worlds: Sequence[World], folders: Sequence[Sequence[str]]) -> None:
        self.worlds = worlds
        self.inodes = [
            [os.stat(world.people / path).st_ino for path in paths]
            for world, paths in zip(worlds, folders, strict=True)
        ]
        self.persons: list[list[PersonId | None]] = []
        for world, inodes in zip(worlds, self.inodes, strict=True):
            owners = {folder.ino: folder.person for folder in load_base(world.store.db).folders}
            self.persons.append([owners.get(ino) for ino in inodes])
        self.number = 0
        self.used: set[str] = set()
        self.busy: set[int] = set()
        self.sources: set[int] = set()
        self.thrown: dict[int, list[str]] = {}
        self.expected: list[Expected] = []

    @property
    def count(self) -> int:
        """Of the folders."""
        return len(self.inodes[0])

    def path(self, home: int, which: int) -> str | None:
        """Where that folder is, relative to the people folder."""
        return _folders_of(self.worlds[home]).get(self.inodes[home][which])

    def paths(self, which: int) -> list[Path] | None:
        """Where that folder is, in each household."""
        found = [self.path(home, which) for home in range(len(self.worlds))]
        if None in found:
            return None
        return [world.people / str(path) for world, path in zip(self.worlds, found, strict=True)]

    def links(self, which: int) -> dict[str, list[Path]]:
        """Image -> the link to it right in that folder, in each household; those that are in all, and were not used."""
        folders = self.paths(which) or ()
        shown = [_links_in(world, folder) for world, folder in zip(self.worlds, folders, strict=False)]
        common = set.intersection(*(set(links) for links in shown)) if shown else set()
        found = {key: [links[key] for links in shown] for key in common - self.used}
        return dict(sorted(found.items(), key=lambda one: (len(one[1][0].name), one[1][0].name)))

    def all_links(self, which: int) -> list[set[str]]:
        """The images of all links right in that folder, in each household."""
        folders = self.paths(which) or ()
        return [set(_links_in(world, folder)) for world, folder in zip(self.worlds, folders, strict=False)]

    def is_named(self, which: int) -> bool:
        """Whether faced knows that person's name, in any household."""
        return any(
            load_word(world.store.db).person(persons[which]).name is not None
            for world, persons in zip(self.worlds, self.persons, strict=True)
            if persons[which] is not None
        )

    # What is done. False: it cannot be.

    def do(self, kind: str, one: int, other: int, photo: int) -> bool:
        """One gesture. one, other: folders. photo: which of the links, counted round."""
        self.number += 1
        one, other = one % self.count, other % self.count
        if kind in FOLDER_DEEDS:
            return self._do_folder(kind, one, other)
        return self._do_link(kind, one, other, photo)

    def _do_link(self, kind: str, one: int, other: int, photo: int) -> bool:
        links = self.links(one)
        takes = kind in ("move", "drag", "new", "delete")
        if not links or one in self.thrown or (takes and len(links) < 2):
            return False
        key = list(links)[photo % len(links)]
        here = links[key]
        if kind == "file" and not all(link.exists() for link in here):
            return False
        if kind in ("move", "drag", "copy", "file"):
            if one == other or {one, other} & self.busy or (targets := self.paths(other)) is None:
                return False
            if any(key in _links_in(w, target) for w, target in zip(self.worlds, targets, strict=True)):
                return False
            new = [target / link.name for target, link in zip(targets, here, strict=True)]
        elif kind in ("new", "new copy"):
            called = "Carol" if kind == "new" else "Holiday"
            new = [world.people / called / link.name for world, link in zip(self.worlds, here, strict=True)]
        elif kind == "sort":
            new = [link.parent / "2019" / link.name for link in here]
        else:
            new = [link.parent / f"mine {self.number}.png" for link in here]
        if kind != "delete" and any(os.path.lexists(path) for path in new):
            return False
        for link, path in zip(here, new, strict=True):
            if kind == "delete":
                link.unlink()
                continue
            path.parent.mkdir(exist_ok=True)
            if kind == "file":
                shutil.copy2(link, path)
            elif kind in ("drag", "copy", "new copy"):
                shutil.copy(link, path, follow_symlinks=False)
            else:
                os.rename(link, path)
        if kind == "drag":
            for world, link in zip(self.worlds, here, strict=True):
                world.clock.meanwhile += [*[_wait] * (2 * photo), partial(link.unlink, missing_ok=True)]
        self.used.add(key)
        if takes or kind == "sort":
            self.sources.add(one)
        self._expect_link(kind, one, other, key, new[0].name)
        return True

    def _expect_link(self, kind: str, one: int, other: int, key: str, name: str) -> None:
        if kind in ("move", "drag", "copy", "sort"):
            self.expected.append(Expected("in", one if kind == "sort" else other, key))
        if kind == "delete" or (kind in ("move", "drag", "new") and self.is_named(one)):
            self.expected.append(Expected("not in", one, key))
        if kind == "rename link":
            self.expected.append(Expected("called", one, key, name=name))

    def _do_folder(self, kind: str, one: int, other: int) -> bool:
        if kind == "restore":
            return self._restore(one)
        folders, targets = self.paths(one), self.paths(other)
        if folders is None or targets is None or one in self.busy:
            return False
        if kind in ("drop", "empty", "swap", "album") and (one == other or other in self.busy):
            return False
        if kind == "album":
            return self._make_album(one, other)
        if not self.links(one) or (kind in ("drop", "empty", "swap") and not self.links(other)):
            return False  # a folder of which nothing is left is like a new one
        if kind == "drop" and one in self.sources and self.is_named(one) and self.is_named(other):
            return False  # a gap: what was sorted into a new subfolder in the same go does not come along
        if kind == "empty":
            return self._empty(one, other, targets)
        if kind == "throw":
            # A link of the same photo that was moved elsewhere could be of either folder: faced asks nobody, and waits.
            images = {key for w, f in zip(self.worlds, folders, strict=True) for key in _links_in(w, f)}
            if images & self.used:
                return False
            self.used |= images
        if kind == "swap":
            self._swap(folders, targets)
        else:
            new = [
                {
                    "drop": target / folder.name,
                    "rename": folder.parent / f"Name {self.number}",
                    "unname": folder.parent / f"Person {70 + self.number}",
                    "place": world.people / "Family" / folder.name,
                    "ignore": world.people / "_Ignored" / folder.name,
                    "throw": world.trash / f"{self.number} {folder.name}",
                }[kind]
                for world, folder, target in zip(self.worlds, folders, targets, strict=True)
            ]
            if any(os.path.lexists(path) for path in new) or any(
                path.is_relative_to(folder) for path, folder in zip(new, folders, strict=True)
            ):
                return False
            for folder, path in zip(folders, new, strict=True):
                path.parent.mkdir(exist_ok=True)
                os.rename(folder, path)
            if kind == "throw":
                self.thrown[one] = [str(path) for path in folders]
        self.busy |= {one, other} if kind in ("drop", "swap") else {one}
        self._expect_folder(kind, one, other)
        return True

    def _expect_folder(self, kind: str, one: int, other: int) -> None:
        if kind == "rename":
            self.expected.append(Expected("named", one, f"Name {self.number}"))
        elif kind == "unname":
            self.expected.append(Expected("nameless", one))
        elif kind in ("ignore", "throw"):
            self.expected.append(Expected("hidden", one))
        elif kind == "drop" and not (self.is_named(one) and self.is_named(other)):
            self.expected.append(Expected("one", one, other=other))

    def _restore(self, one: int) -> bool:
        """Out of the trash, to where it was."""
        old = self.thrown.get(one)
        if old is None or any(os.path.lexists(path) for path in old):
            return False
        for world, inodes, path in zip(self.worlds, self.inodes, old, strict=True):
            (found,) = (x for x in world.trash.iterdir() if x.stat().st_ino == inodes[one])
            Path(path).parent.mkdir(exist_ok=True)
            os.rename(found, path)
        del self.thrown[one]
        self.expected = [e for e in self.expected if (e.what, e.folder) != ("hidden", one)]
        self.expected.append(Expected("shown", one))
        return True

    def _empty(self, one: int, other: int, targets: Sequence[Path]) -> bool:
        """All links of somebody without a name, moved into another's folder: it was her."""
        links = self.links(one)
        if self.is_named(one) or {one, other} & self.sources or self.links(other).keys() & links.keys():
            return False
        pairs = [
            (link, target / link.name)
            for found in links.values()
            for link, target in zip(found, targets, strict=True)
        ]
        if any(os.path.lexists(new) for _, new in pairs):
            return False
        for link, new in pairs:
            os.rename(link, new)
        self.used |= links.keys()
        self.busy |= {one, other}
        self.expected += [Expected("in", other, key) for key in links]
        return True

    def _swap(self, folders: Sequence[Path], targets: Sequence[Path]) -> None:
        for folder, target in zip(folders, targets, strict=True):
            between = folder.with_name("swapping")
            os.rename(folder, between)
            os.rename(target, folder)
            os.rename(between, target)

    def _make_album(self, one: int, other: int) -> bool:
        """`Anna + Ben`."""
        if not (self.is_named(one) and self.is_named(other)):
            return False
        new = []
        for world, persons in zip(self.worlds, self.persons, strict=True):
            word = load_word(world.store.db)
            names = [word.person(p).name for p in (persons[one], persons[other]) if p is not None]
            new.append(world.people / " + ".join(map(str, names)))
        if any(os.path.lexists(path) for path in new):
            return False
        for path in new:
            path.mkdir()
        self.busy |= {one, other}
        return True

    def say(self, command: str, one: int, other: int) -> bool:
        """A command about persons. Everything that was expected of them before is over."""
        one, other = one % self.count, other % self.count
        if {one, other} & self.busy or self.thrown.keys() & {one, other}:
            return False
        self.number += 1
        name = f"Name {self.number}"
        for world, persons in zip(self.worlds, self.persons, strict=True):
            who, into = persons[one], persons[other]
            word = load_word(world.store.db)
            if command == "undo":
                world.take_back()
            elif who is None or into is None or word.resolve(who) == word.resolve(into):
                return False
            else:
                world.say(lambda db, engine: self._draft(db, engine, command, who, into, name))  # noqa: B023
        if command == "undo":
            self.expected = []
            return True
        self.busy |= {one, other} if command == "merge" else {one}
        self.expected += {
            "merge": [Expected("one", one, other=other)],
            "hide": [Expected("hidden", one)],
            "show": [Expected("shown", one)],
            "name": [Expected("named", one, name)],
        }[command]
        return True

    def _draft(
        self, db: Database, engine: EngineId, command: str, who: PersonId, into: PersonId, name: str
    ) -> list[Draft]:
        if command == "merge":
            return draft_merge(db, engine, who, into)
        if command == "hide":
            return draft_hide(db, engine, who)
        return [Draft("show", who)] if command == "show" else draft_name(db, engine, who, name)

    # What is to come of it.

    def check(self) -> None:
        """Nothing that was done was lost or guessed away. To be called when nothing waits any more."""
        for home, world in enumerate(self.worlds):
            word = load_word(world.store.db)
            unclear = any("faced merge" in row.reason for row in load_left_alone(world.store.db))
            for expected in self.expected:
                if not (unclear and {expected.folder, expected.other} & self.busy):
                    self._check(home, word, expected)

    def _check(self, home: int, word: Word, expected: Expected) -> None:
        person = self.persons[home][expected.folder]
        assert person is not None
        whose = word.resolve(person)
        if expected.what in ("hidden", "shown"):
            assert word.person(whose).hidden == (expected.what == "hidden"), expected
        elif expected.what == "named":
            assert word.person(whose).name == expected.text, expected
        elif expected.what == "nameless":
            assert word.person(whose).name is None, expected
        elif expected.what == "one":
            other = self.persons[home][expected.other]
            assert other is None or word.resolve(other) == whose, expected
        elif not word.person(whose).hidden:
            world = self.worlds[home]
            links = {path: key for (who, key), path in world.base_links().items() if who == whose}
            if not links and word.person(whose).name is None:
                return  # too few photos are hers
            names = [os.path.basename(path) for path, key in links.items() if key == expected.text]
            if not names and expected.what == "called" and word.person(whose).name is None:
                return  # whose her faces are is computed: a pin of another one may have parted them
            assert (names == []) == (expected.what == "not in"), expected
            if expected.what == "called":
                called = [os.fsencode(name) for name in names]
                assert all(is_form_of(n, os.fsencode(expected.name), is_file=True) for n in called), expected

    def tidy(self) -> bool:
        """The user puts away what faced has left alone, and takes out of each other what he put into each other. Was there
        anything?
        """
        is_changed = False
        for world in self.worlds:
            notes = {str(path.relative_to(world.people)) for path in world.people.rglob("note *.txt")}
            theirs = {above for note in notes for above in (note, *map(str, Path(note).parents))}
            reported = {os.fsdecode(row.path) for row in load_left_alone(world.store.db)} - theirs
            folders = _folders_of(world)
            copies = [copy for copy in load_copies(world.store.db) if copy.folder in folders]
            reported |= {os.path.join(folders[copy.folder], os.fsdecode(copy.name)) for copy in copies}
            owners = {f.ino for f in load_base(world.store.db).folders if f.person is not None}
            for path in sorted(reported):
                found = world.people / path
                if not os.path.lexists(found):
                    continue
                world.numbers += 1
                is_persons = found.is_dir() and not found.is_symlink() and found.stat().st_ino in owners
                home = world.people if is_persons else world.folder
                os.rename(found, home / f"put away {world.numbers}")
                is_changed = True
        return is_changed


def _wait() -> None:
    pass


def _folders_of(world: World) -> dict[int, str]:
    """Inode -> path, relative to the people folder."""
    found = {}
    root = os.fspath(world.people)
    for folder, folders, _ in os.walk(root):
        folders[:] = [name for name in folders if name != ".faced"]
        for name in folders:
            path = os.path.join(folder, name)
            found[os.lstat(path).st_ino] = os.path.relpath(path, root)
    return found


def _links_in(world: World, folder: Path) -> dict[str, Path]:
    """Image -> link, of those right in a folder to photos that are there."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            photo = os.path.basename(os.readlink(entry.path)) if entry.is_symlink() else ""
            if photo in world.known:
                found[world.known[photo].key] = folder / entry.name
    return found
