"""A look and a plan of the part that may have changed are those of the whole, whatever a user does.

`UserTree` makes each of them twice and compares (see `treepart.Calm`); here a user does everything to one.
"""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faced.folders.disk import join_path, parent_of
from tests.support.treeuser import UserTree

LONG = bool(os.environ.get("FACED_LONG"))
PERSONS = {1: [1, 2, 3, 4], 2: [3, 4, 5, 6], 3: [1, 5, 6, 7], 4: [8, 9], 5: [2, 10], 6: [11, 12, 13]}
KINDS = [
    *("move link", "copy link", "delete link", "rename link", "move links", "copy links", "copy all"),
    *("move folder", "rename folder", "copy folder", "trash", "restore", "copy back", "swap"),
    *("new folder", "file", "close", "open", "sort all"),
    *("photo", "answer", "refuse", "look", "look", "plan", "plan", "calm"),
]
deeds = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 40), st.integers(0, 12), st.integers(0, 12)), max_size=14
)


class Wild:
    """A user who does anything. Folders and links are picked by their place in the order of paths."""

    def __init__(self) -> None:
        self.tree = UserTree(PERSONS)
        self.count = 0
        for person, name in ((1, b"Anna"), (2, b"Ben"), (3, b"Carl")):
            self.tree.move(self.tree.folder_of(person), name)
        self.calm()

    def calm(self) -> None:
        for _ in range(3):
            self.tree.look(11)
            self.tree.plan()

    def folders(self) -> list[bytes]:
        return sorted(path for path, entry in self.tree.entries.items() if isinstance(entry, int))

    def links_in(self, folder: bytes) -> list[bytes]:
        entries = self.tree.entries.items()
        return sorted(p for p, entry in entries if isinstance(entry, bytes) and parent_of(p) == folder)

    def pick(self, paths: list[bytes], number: int) -> bytes | None:
        return paths[number % len(paths)] if paths else None

    def put(self, old: bytes, folder: bytes, *, copy: bool) -> None:
        new = join_path(folder, old.rpartition(b"/")[2])
        while new in self.tree.entries:
            new = new[:-4] + b" x" + new[-4:]
        entry = self.tree.entries[old] if copy else self.tree.entries.pop(old)
        self.tree.entries[new] = entry

    def new_folder(self, above: bytes) -> bytes:
        self.count += 1
        path = join_path(above, b"New %d" % self.count)
        self.tree.entries[path] = 70_000 + self.count
        return path

    def do(self, kind: str, first: int, second: int, third: int) -> None:
        tree, folders = self.tree, self.folders()
        all_links = sorted(path for path, entry in tree.entries.items() if isinstance(entry, bytes))
        link, folder, other = self.pick(all_links, first), self.pick(folders, first), None
        into = self.pick([b"", *folders], second)
        other = self.pick(folders, second)
        if kind in ("move link", "copy link") and link and into is not None:
            self.put(link, into, copy=kind == "copy link")
        elif kind in ("move links", "copy links", "copy all") and folder and into is not None:
            target = into if third % 3 else self.new_folder(b"")
            found = self.links_in(folder) if kind == "copy all" else self.links_in(folder)[: 1 + third % 3]
            for path in found:
                self.put(path, target, copy=kind != "move links")
        elif kind == "sort all" and folder:
            target = self.new_folder(folder)
            for path in self.links_in(folder):
                self.put(path, target, copy=False)
        elif kind == "delete link" and link:
            del tree.entries[link]
        elif kind == "rename link" and link:
            self.count += 1
            tree.entries[join_path(parent_of(link), b"mine %d.jpg" % self.count)] = tree.entries.pop(link)
        elif kind == "move folder" and folder and into is not None:
            tree.move(tree.entries[folder], join_path(into, folder.rpartition(b"/")[2]))
        elif kind == "rename folder" and folder:
            name = (b"Anna", b"Name %d" % third, b"Person 3")[third % 3]
            tree.move(tree.entries[folder], join_path(parent_of(folder), name))
        elif kind == "copy folder" and folder and into is not None:
            links, target = self.links_in(folder), self.new_folder(into)
            for path in links:
                self.put(path, target, copy=True)
        elif kind == "trash" and folder:
            tree.throw_away(tree.entries[folder])
        elif kind in ("restore", "copy back") and tree.trash:
            self.count += 1
            ino = sorted(tree.trash)[first % len(tree.trash)]
            tree.restore(ino, None if kind == "restore" else 80_000 + self.count)
        elif kind == "swap" and folder and other and not _within(folder, other):
            tree.swap(tree.entries[folder], tree.entries[other])
        else:
            self.do_other(kind, folder, first, second, third)

    def do_other(self, kind: str, folder: bytes | None, first: int, second: int, third: int) -> None:
        tree = self.tree
        if kind == "new folder":
            self.new_folder(self.pick([b"", *self.folders()], first) or b"")
        elif kind == "file" and folder:
            self.count += 1
            tree.entries[join_path(folder, b"note %d.txt" % self.count)] = None
        elif kind == "close" and folder:
            tree.closed.add(folder)
        elif kind == "open":
            tree.closed.clear()
        elif kind == "photo":
            person = sorted(tree.on)[first % len(tree.on)]
            tree.on[person] = tree.on[person] ^ {1 + second}
        elif kind in ("answer", "refuse"):
            tree.answer(kind == "answer")
        elif kind == "look":
            tree.look(third)
        elif kind == "plan":
            tree.plan()
        elif kind == "calm":
            self.calm()


def _within(one: bytes, other: bytes) -> bool:
    return (one + b"/").startswith(other + b"/") or (other + b"/").startswith(one + b"/")


@settings(
    max_examples=5000 if LONG else 100,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(deeds)
def test_the_part_is_the_whole(done):
    """Every look and every plan, after anything at all."""
    wild = Wild()
    for deed in done:
        wild.do(*deed)
    wild.calm()
    assert wild.tree.calm.parts
