"""Gestures on folders and links, in any order: it does not matter when faced looked in between."""

import os
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.folders.disk import join_path, parent_of
from tests.support.treeuser import UserTree

LONG = bool(os.environ.get("FACED_LONG"))
PERSONS = {1: [1, 2, 3], 2: [4, 5, 6, 7], 3: [8, 9], 4: [10, 11, 12], 5: [13, 14], 6: [3, 8, 15]}
NAMED = {1: b"Anna", 2: b"Ben"}
NEW = 50_000
SUB = 60_000

deeds = st.lists(
    st.tuples(
        st.sampled_from(
            ["move", "move", "copy", "drop", "new", "rename link", "sort", "delete", "rename", "all"]
        ),
        st.integers(1, 6),
        st.integers(1, 6),
        st.integers(0, 3),
    ),
    max_size=8,
)


class Pair:
    """One tree that is looked at in between, and one that is not; a user does the same to both, and only what can be
    done to both. No photo's links are moved, copied or deleted twice: what came before would be another story.
    """

    def __init__(self) -> None:
        self.often, self.once = self.trees = (UserTree(PERSONS), UserTree(PERSONS))
        self.inodes = {person: self.once.folder_of(person) for person in PERSONS}
        for tree in self.trees:
            for person, name in NAMED.items():
                tree.move(tree.folder_of(person), name)
            tree.look()
            tree.plan()
        self.used: set[int] = set()
        self.renamed: set[tuple[int, int]] = set()
        self.carried: set[int] = set()
        self.together = {ino: frozenset([ino]) for ino in self.inodes.values()}
        self.moves: list[tuple[int, int]] = []

    def path(self, tree, ino):
        return tree.path_of(ino)

    def links(self, tree, ino):
        """Image -> path, of the links in a folder, its subfolder too."""
        found = {}
        for here in (ino, SUB + ino):
            path = tree.path_of(here)
            for entry, text in tree.entries.items():
                if path is not None and isinstance(text, bytes) and parent_of(entry) == path:
                    found[tree.texts[text]] = entry
        return found

    def both(self, ino):
        """The images whose links are in that folder in both trees."""
        ours, theirs = (self.links(tree, ino) for tree in self.trees)
        return sorted(ours.keys() & theirs.keys())

    def put(self, ino, image, target, *, copy=False):
        """Move or copy a link into a folder, if there is room for its name in both trees."""
        if not copy and ino in self.carried and len(self.both(ino)) == 1:
            return False  # see move_folder
        if target in self.inodes.values() and not self.both(target):
            return False  # nobody is there any more
        steps = []
        for tree in self.trees:
            old, folder = self.links(tree, ino)[image], tree.path_of(target)
            new = None if folder is None else join_path(folder, old.rpartition(b"/")[2])
            if (
                new is None
                or new in tree.entries
                or (target != SUB + ino and image in self.links(tree, target))
            ):
                return False
            steps.append((tree, old, new))
        self.moves.append((ino, target))
        for tree, old, new in steps:
            text = tree.entries[old] if copy else tree.entries.pop(old)
            tree.put(new, text)
        return True

    def do(self, number, deed):
        kind, which, other, what = deed
        ino, target = self.inodes[which], self.inodes[other]
        images = [image for image in self.both(ino) if image not in self.used]
        image = images[what % len(images)] if images else None
        if kind in ("move", "copy") and image and ino != target:
            if self.put(ino, image, target, copy=kind == "copy"):
                self.used.add(image)
        elif kind == "all" and ino != target:
            for one in images:
                if self.put(ino, one, target):
                    self.used.add(one)
        elif kind == "new" and image:
            new = NEW + other % 2
            if any(tree.path_of(new) is None for tree in self.trees):
                if any(tree.path_of(new) is not None for tree in self.trees):
                    return
                for tree in self.trees:
                    tree.entries[b"New %d" % new] = new
            if self.put(ino, image, new):
                self.used.add(image)
        elif kind == "rename link" and image and (ino, image) not in self.renamed:
            for tree in self.trees:
                old = self.links(tree, ino)[image]
                tree.put(join_path(parent_of(old), b"mine %d.jpg" % number), tree.entries.pop(old))
            self.renamed.add((ino, image))
        elif kind == "sort" and image:
            sub = SUB + ino
            for tree in self.trees:
                path = tree.path_of(ino)
                if path is not None and tree.path_of(sub) is None:
                    tree.entries[path + b"/sub %d" % sub] = sub
            self.put(ino, image, sub)
        elif kind == "delete" and image and len(self.both(ino)) > 1:
            for tree in self.trees:
                del tree.entries[self.links(tree, ino)[image]]
            self.used.add(image)
        elif kind in ("drop", "rename"):
            self.move_folder(ino, target, kind, b"Name %d" % number)

    def move_folder(self, ino, target, kind, name):
        paths = []
        for tree in self.trees:
            path, into = tree.path_of(ino), tree.path_of(target)
            if path is None or into is None or (ino == target) == (kind == "drop"):
                return
            if ino in self.carried and kind == "drop":
                return  # a change of mind
            if kind == "drop":
                both = self.together[ino] | self.together[target]
                if any({one, other} <= both for one, other in self.moves):
                    return  # links were moved from one to the other, and now they are to be the same: another
            if not self.links(tree, ino) or not self.links(tree, target):
                return  # a folder that was emptied, and then moved before faced looked, is like a new one
            last = path.rpartition(b"/")[2]
            new = join_path(into, last) if kind == "drop" else join_path(parent_of(path), name)
            if kind == "rename" and parent_of(path):
                return
            if new in tree.entries or (new + b"/").startswith(path + b"/"):
                return
            paths.append((tree, new))
        for tree, new in paths:
            assert tree.move(ino, new)
        if kind == "drop":
            both = self.together[ino] | self.together[target]
            self.together.update(dict.fromkeys(both, both))
        self.carried.add(ino)

    def settle(self):
        for tree in self.trees:
            for _ in range(6):
                tree.look(11)
                tree.answer(True)
                tree.plan()
            assert tree.undecided == ()
            before = dict(tree.entries), len(tree.edits)
            tree.look(11)
            tree.plan()
            assert (tree.entries, len(tree.edits)) == before


def outcome(tree):
    """Which photos are shown in which folder, by what names; and who is called how."""
    shown = defaultdict(set)
    for path, entry in tree.entries.items():
        if isinstance(entry, bytes):
            shown[parent_of(path)].add((path.rpartition(b"/")[2], tree.texts[entry]))
    return dict(shown), sorted(tree.names.values()), tree.hidden


def check(done, waits):
    pair = Pair()
    for number, (deed, wait) in enumerate(zip(done, waits, strict=False)):
        pair.do(number, deed)
        if wait:
            pair.often.look(wait)
            if wait % 2:
                pair.often.plan()
    pair.settle()
    if any("faced merge" in why for tree in pair.trees for why in tree.understand().left_alone.values()):
        return  # ambiguous: nothing is done to her folder until that is answered
    assert outcome(pair.often) == outcome(pair.once)


@settings(max_examples=3000 if LONG else 60, deadline=None)
@given(deeds, st.lists(st.integers(0, 12), min_size=8, max_size=8))
def test_it_does_not_matter_when_faced_looked(done, waits):
    """Merged, moved, copied, gathered, renamed, sorted, deleted: the same folders in the end, and nobody waits."""
    check(done, waits)


@pytest.mark.parametrize(
    ("done", "waits"),
    [
        # Many links moved into a small folder: by its links it looks like the other one.
        ([("move", 3, 1, 0), ("all", 1, 3, 0)], [1, 0]),
        # Somebody new, of whom the links were moved from two persons.
        ([("new", 5, 5, 1), ("new", 1, 1, 1)], [11, 0]),
        # What is in a folder that is held is understood all the same.
        ([("new", 2, 2, 2), ("rename link", 2, 3, 2), ("drop", 2, 3, 1)], [0, 12, 0]),
        # A copy that waits in the folder of somebody whose last own link is moved away.
        ([("move", 5, 1, 2), ("copy", 3, 5, 3), ("move", 3, 2, 1), ("move", 5, 1, 1)], [0, 11, 11, 0]),
        # Few of its own links are left in a folder that is renamed.
        ([("move", 2, 3, 0), ("delete", 3, 2, 3), ("rename", 3, 3, 3)], [2, 0, 0]),
        # One in another in a third one's.
        ([("drop", 4, 3, 0), ("rename link", 2, 3, 2), ("drop", 3, 1, 0)], [0, 12, 0]),
        ([("drop", 1, 3, 0), ("drop", 3, 4, 2)], [2, 0]),
        # Moved between two who are one by the same look.
        ([("drop", 2, 6, 3), ("move", 2, 6, 2)], [2, 0]),
        # The last links of somebody into whom another one was merged meanwhile.
        ([("drop", 3, 4, 0), ("all", 4, 1, 3)], [11, 0]),
        # What was said of a link before its person was merged.
        ([("new", 6, 3, 3), ("drop", 6, 1, 2)], [12, 0]),
        ([("rename link", 6, 1, 3), ("drop", 6, 4, 3)], [11, 0]),
    ],
)
def test_found(done, waits):
    """What the law found, each as short as it gets."""
    check(done, waits)
