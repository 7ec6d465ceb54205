"""Face pictures in memory: faced plans and makes them, a user moves them about, looks are made of it.

Faces are plain numbers. Anna (1) and Ben (2) have folders; what is proposed to them, and what is nobody's, is given.
"""

from collections.abc import Iterable, Mapping

from faced.folders.disk import Disk, DiskFolder, join_path, parent_of
from faced.folders.edits import (
    FaceAccepted,
    FaceEdit,
    FacePinned,
    FaceProposed,
    FaceRejected,
    Founded,
    Ignored,
    sort_edits,
)
from faced.folders.interpret import Context
from faced.folders.interpret_pictures import PicturesRead, interpret_pictures
from faced.folders.picture_file import FoundPicture
from faced.folders.pictures import Pictures
from faced.folders.plan_pictures import SUGGESTIONS, UNSORTED, ShownFaces, WantedPicture, plan_pictures
from faced.model import FolderId, PersonId
from faced.store.asks import Ask, Undecided
from faced.store.base import Base, BaseFolder, BasePicture
from faced.store.intents import Operation
from faced.store.pictures import NOBODY

__all__ = ["ANNA", "BEN", "PictureTree"]

ANNA, BEN = PersonId(1), PersonId(2)
SECOND = 1_000_000_000
HOMES = {ANNA: b"Anna", BEN: b"Family/Ben"}


class PictureTree:
    """files: path to what is in it; None: a stranger's file. said: face to what the user said of it last."""

    def __init__(self, proposed: Mapping[PersonId, Iterable[int]], nobody: Iterable[int] = ()) -> None:
        self.proposed = {person: list(faces) for person, faces in proposed.items()} | {NOBODY: list(nobody)}
        self.inodes: dict[bytes, int] = {b"": 1, b"Anna": 2, b"Family": 3, b"Family/Ben": 4}
        self.files: dict[bytes, FoundPicture | None] = {}
        self.owners: dict[bytes, PersonId | None] = {path: person for person, path in HOMES.items()}
        self.base_folders: list[BaseFolder] = []
        self.base_pictures: list[BasePicture] = []
        self.understood: dict[bytes, str] = {}
        self.made: set[str] = set()
        self.said: dict[str, tuple[str, object]] = {}
        self.rejected: set[tuple[str, PersonId]] = set()
        self.put_off: dict[PersonId, frozenset[str] | None] = {}
        self.put_off_faces: set[str] = set()
        self.edits: list[FaceEdit] = []
        self.undecided: tuple[Undecided, ...] = ()
        self.asks: dict[int, Ask] = {}
        self.now = 1_000 * SECOND
        self.count = 100
        self.plan()

    def number(self) -> int:
        self.count += 1
        return self.count

    @property
    def base(self) -> Base:
        persons = tuple(
            BaseFolder(FolderId(self.inodes[path]), path, person, self.inodes[path])
            for path, person in self.owners.items()
            if path in self.inodes
        )
        return Base(persons, (), tuple(self.base_folders), tuple(self.base_pictures))

    @property
    def disk(self) -> Disk:
        return Disk(
            {
                path: DiskFolder(
                    ino,
                    folders=frozenset(
                        p.rpartition(b"/")[2] for p in self.inodes if p and parent_of(p) == path
                    ),
                    others=frozenset(p.rpartition(b"/")[2] for p in self.files if parent_of(p) == path),
                )
                for path, ino in self.inodes.items()
            }
        )

    @property
    def pictures(self) -> Pictures:
        return Pictures({p: f for p, f in self.files.items() if f is not None}, frozenset(self.made))

    # Faced at work.

    def wanted(self) -> dict[PersonId, list[str]]:
        """What is proposed still, as the store would say."""
        found = {}
        for person, faces in self.proposed.items():
            texts = [str(face) for face in faces]
            found[person] = [
                face
                for face in texts
                if face not in self.said
                and (face, person) not in self.rejected
                and not (person == NOBODY and face in self.put_off_faces)
            ]
        for person, proposed in list(self.put_off.items()):
            now = frozenset(found.get(person, ()))
            if proposed is None:
                self.put_off[person] = now
            elif proposed != now:
                del self.put_off[person]
        return {person: faces for person, faces in found.items() if person not in self.put_off}

    def operations(self) -> tuple[Operation, ...]:
        """The plan for what is wanted."""
        shown = {
            person: [
                WantedPicture(face, b"%s.jpg" % face.encode(), 7, None if person == NOBODY else 0.4)
                for face in faces
            ]
            for person, faces in self.wanted().items()
        }
        return plan_pictures(ShownFaces(shown, {}), self.base, self.disk, self.pictures, self.understood)

    def plan(self) -> int:
        """Bring the pictures up to date; how much was to be done."""
        operations = self.operations()
        for operation in operations:
            self._apply(operation)
        return len(operations)

    def _apply(self, operation: Operation) -> None:
        path = operation.folder
        known = {folder.path: folder for folder in self.base_folders}
        if operation.op == "picdir":
            assert path not in self.inodes
            assert parent_of(path) in self.inodes
            self.inodes[path] = self.number()
            self.base_folders.append(
                BaseFolder(FolderId(self.inodes[path]), path, operation.person, self.inodes[path])
            )
        elif operation.op == "rmdir":
            assert not any(
                (p + b"/").startswith(path + b"/") for p in [*self.files, *self.inodes] if p != path
            )
            assert self.inodes.pop(path) == operation.ino
            self.base_folders.remove(known[path])
        elif operation.op == "movedir":
            assert operation.new is not None
            self.move(path, operation.new)
            self.base_folders.remove(known[path])
            self.base_folders.append(known[path]._replace(path=operation.new))
        else:
            name, face = operation.name, operation.face
            assert name is not None
            assert face is not None
            where = join_path(path, name)
            if operation.op == "picture":
                assert where not in self.files
                found = FoundPicture(face, f"sum of {face}", self.number(), 7)
                self.made.add(found.checksum)
                self.files[where] = found
                self.base_pictures.append(BasePicture(known[path].id, name, *found))
                return
            gone = self.files.pop(where)
            assert gone is not None
            assert (gone.face, gone.checksum.encode()) == (face, operation.old)
            assert gone.checksum in self.made
            self.understood.pop(where, None)
            ids = {folder.id for folder in self.base_folders if folder.path == path}
            self.base_pictures = [p for p in self.base_pictures if (p.folder in ids, p.name) != (True, name)]

    def read(self, *, trust_first: bool = False) -> PicturesRead:
        """What a look makes of it; nothing is changed."""
        context = Context(
            now_ns=self.now,
            undecided=self.undecided,
            asks=tuple(self.asks.values()),
            trust_first=trust_first,
            said_no=lambda face: frozenset(person for said, person in self.rejected if said == face),
        )
        return interpret_pictures(self.base, self.disk, self.pictures, self.understood, self.owners, context)

    def look(self, wait: int = 0) -> tuple[FaceEdit, ...]:
        """One look, `wait` seconds later; what was understood is kept."""
        self.now += wait * SECOND
        read = self.read()
        for edit in read.edits:
            self._say(edit)
        self._follow(read)
        rows = list(read.waiting)
        for id_ in read.over:
            del self.asks[id_]
        for draft in read.asks:
            id_ = self.number() if draft.id is None else draft.id
            self.asks[id_] = Ask(id_, draft.kind, draft.text, draft.details, self.now)
            rows += [row._replace(ask=id_) for row in draft.rows]
        self.undecided = tuple(sorted(rows, key=lambda row: row.path))
        edits = sort_edits(read.edits)
        self.edits += edits  # type: ignore[arg-type]
        return edits  # type: ignore[return-value]

    def answer(self, yes: bool) -> None:
        """Answer every open question."""
        for id_, ask in self.asks.items():
            self.asks[id_] = Ask(id_, ask.kind, ask.text, ask.details, ask.since, yes)

    def _say(self, edit: FaceEdit) -> None:
        match edit:
            case FacePinned(person, faces):
                self.said.update(dict.fromkeys(faces, ("pin", person)))
            case FaceAccepted(person, faces):
                self.said.update(dict.fromkeys(faces, ("anchor", person)))
            case FaceRejected(person, face):
                self.rejected.add((face, person))
            case FaceProposed(person, face):
                self.rejected.remove((face, person))
            case Ignored(face):
                self.said[face] = ("ignored", None)
            case Founded(path, name, faces):
                self.owners[path] = PersonId(self.number())
                self.said.update(dict.fromkeys(faces, ("new", name)))

    def _follow(self, read: PicturesRead) -> None:
        change = read.change
        self.base_pictures = [p for p in self.base_pictures if (p.folder, p.name) not in change.gone]
        names = {(folder, old): new for folder, old, new in change.renamed}
        self.base_pictures = [
            p._replace(name=names.get((p.folder, p.name), p.name)) for p in self.base_pictures
        ]
        self.base_folders = [f for f in self.base_folders if f.id not in read.removed]
        self.base_pictures = [p for p in self.base_pictures if p.folder not in read.removed]
        self.base_folders = [
            f._replace(path=read.moved[f.id][0]) if f.id in read.moved else f for f in self.base_folders
        ]
        for path, person, ino in change.taken_over:
            self.base_folders.append(BaseFolder(FolderId(self.number()), path, person, ino))
        for path, *picture in change.found:
            (home,) = (f for f in self.base_folders if f.path == path)
            self.base_pictures.append(BasePicture(home.id, *picture))  # type: ignore[arg-type]
            self.put_off_faces.discard(picture[1])  # type: ignore[arg-type]
        for path in change.forgotten:
            del self.understood[path]
        self.understood.update(change.understood)
        for person in change.back:
            self.put_off.pop(person, None)
        self.put_off.update(dict.fromkeys(change.put_off))
        self.put_off_faces.update(change.put_off_faces)

    # The user at work. False: it cannot be done.

    def find(self, face: int) -> list[bytes]:
        """Where the pictures of a face are."""
        return sorted(p for p, found in self.files.items() if found is not None and found.face == str(face))

    def put(self, face: int, folder: bytes, *, copy: bool = False) -> bool:
        """Move (or copy) the first picture of a face into a folder."""
        paths = self.find(face)
        target = join_path(folder, paths[0].rpartition(b"/")[2]) if paths else b""
        if not paths or target in self.files or target in self.inodes:
            return False
        self._make_folder(folder)
        self.files[target] = self.files[paths[0]] if copy else self.files.pop(paths[0])
        return True

    def delete(self, face: int) -> bool:
        """Delete the first picture of a face."""
        return bool(self.find(face)) and self.files.pop(self.find(face)[0]) is not None

    def move(self, old: bytes, new: bytes) -> bool:
        """Move a folder with all that is in it."""
        if old not in self.inodes or new in self.inodes or (new + b"/").startswith(old + b"/"):
            return False
        self._make_folder(parent_of(new))
        for entries in (self.inodes, self.files):
            for path in [p for p in entries if p == old or p.startswith(old + b"/")]:
                entries[new + path[len(old) :]] = entries.pop(path)  # type: ignore[attr-defined]
        return True

    def delete_folder(self, path: bytes) -> bool:
        """Delete a folder with all that is in it."""
        if path not in self.inodes:
            return False
        for entries in (self.inodes, self.files):
            for inside in [p for p in entries if p == path or p.startswith(path + b"/")]:
                del entries[inside]  # type: ignore[attr-defined]
        return True

    def _make_folder(self, path: bytes) -> None:
        if path not in self.inodes:
            self._make_folder(parent_of(path))
            self.inodes[path] = self.number()

    def proposals(self, person: PersonId) -> set[str]:
        """The faces in a person's folder of proposals, as base has it; NOBODY: in the other one."""
        own = UNSORTED if person == NOBODY else None
        ids = {
            f.id
            for f in self.base_folders
            if f.path == own or (own is None and f.person == person and parent_of(f.path) == SUGGESTIONS)
        }
        return {p.face for p in self.base_pictures if p.folder in ids}
