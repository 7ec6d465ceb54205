"""What a user did with face pictures: base and disk become edits.

Values in, values out. A picture says which face it is of; where it lies now says whose that is. It does not matter
whether it was moved or copied there, one by one or with its folder: each speaks for itself, so cutting what a user
does in two gives the same edits. What is deleted waits for a second look and passes the brake.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from faced.errors import shown
from faced.folders.disk import Disk, join_path, parent_of
from faced.folders.edits import FaceAccepted, FaceEdit, FacePinned, FaceProposed, Founded, Ignored
from faced.folders.hold import OWN_FOLDERS
from faced.folders.missing import AskDraft, Situation
from faced.folders.missing_pictures import MissingPicture, decide_missing_pictures
from faced.folders.names import is_form_of, name_of_folder
from faced.folders.pictures import Pictures
from faced.folders.plan_pictures import SUGGESTIONS, UNSORTED, find_folder_names
from faced.model import FolderId, PersonId
from faced.store.asks import Undecided
from faced.store.base import Base, BaseFolder, BasePicture
from faced.store.pictures import NOBODY, PictureChange

__all__ = ["PicturesRead", "interpret_pictures"]

IGNORED = b"_ignored"


@dataclass(slots=True)
class PicturesRead:
    """As interpret.Understood, of face pictures. founded: inodes of folders that are a person's from now on, by path.

    moved: where folders of base are now.
    """

    edits: list[FaceEdit] = field(default_factory=list)
    change: PictureChange = field(default_factory=PictureChange)
    removed: list[FolderId] = field(default_factory=list)
    moved: dict[FolderId, tuple[bytes, int]] = field(default_factory=dict)
    founded: dict[bytes, int] = field(default_factory=dict)
    waiting: tuple[Undecided, ...] = ()
    asks: tuple[AskDraft, ...] = ()
    over: tuple[int, ...] = ()
    left_alone: dict[bytes, str] = field(default_factory=dict)


class PictureSituation(Situation, Protocol):
    """What of the context counts here (see interpret.Context)."""

    @property
    def said_no(self) -> Callable[[str], frozenset[PersonId]]: ...


def interpret_pictures(
    base: Base,
    disk: Disk,
    pictures: Pictures,
    understood: Mapping[bytes, str],
    owners: Mapping[bytes, PersonId | None],
    situation: PictureSituation,
    plain: Collection[bytes] = (),
) -> PicturesRead:
    """Say what the user did with face pictures.

    understood: path to face, of pictures elsewhere that an earlier look has understood. owners: whose the folders of
    base are on disk now; None: it is not to be said, or nobody's, which those in `plain` are.

    | a picture                          | is now                                       | it is                     |
    | anywhere                           | in a person's folder                         | FacePinned                |
    | proposed to a person               | in her folder, with the folder of proposals  | FaceAccepted              |
    | anywhere                           | in `_Ignored`                                | Ignored                   |
    | anywhere                           | in a new folder                              | Founded                   |
    | proposed to a person               | nowhere, its folder is there                 | undecided; FaceRejected   |
    | proposed to a person               | nowhere, and neither is its folder           | not now                   |
    | nobody's                           | nowhere                                      | not now                   |
    | nobody's, and was thrown away      | in `_Unsorted` again                         | back                      |
    | proposed to a person, and thrown   | where it is proposed to her, or would be     | FaceProposed, if it was   |
    | away alone or with its folder      |                                              | a no; back                |
    | anywhere                           | elsewhere, or in two of these places         | left alone, reported      |
    """
    return _Reader(base, disk, pictures, understood, owners, situation, plain).read()


class _Reader:
    """The steps of one interpret_pictures; each reads what the ones before it found."""

    def __init__(
        self,
        base: Base,
        disk: Disk,
        pictures: Pictures,
        understood: Mapping[bytes, str],
        owners: Mapping[bytes, PersonId | None],
        situation: PictureSituation,
        plain: Collection[bytes],
    ) -> None:
        self.base = base
        self.disk = disk
        self.pictures = pictures
        self.understood = understood
        self.owners = owners
        self.plain = frozenset(plain)
        self.situation = situation
        self.result = PicturesRead()
        self.inside: dict[FolderId, list[BasePicture]] = defaultdict(list)
        for picture in base.pictures:
            self.inside[picture.folder].append(picture)
        self.faces = {picture.face for picture in base.pictures}

    def read(self) -> PicturesRead:
        self._take_over()
        self._find_folders()
        self._find_back()
        strange = self._find_strangers()
        self._keep_understood(strange)
        self._understand(strange)
        self._decide_missing()
        return self.result

    # Folders.

    def _take_over(self) -> None:
        """The two folders have names that only faced gives: one that is there without faced knowing is faced's."""
        known = {folder.path for folder in self.base.picture_folders}
        for path in (SUGGESTIONS, UNSORTED):
            found = self.disk.get(path)
            if path not in known and found is not None and found.problem is None:
                self.result.change.taken_over.append((path, None, found.ino))
                if path == UNSORTED:
                    self.result.change.back.append(NOBODY)

    def _find_folders(self) -> None:
        """Where each folder of base is now: by its inode, elsewhere only with a picture of it inside."""
        by_ino = {found.ino: path for path, found in self.disk.items() if path}
        self.at: dict[FolderId, bytes] = {}
        for folder in self.base.picture_folders:
            here = self.disk.get(folder.path)
            path = by_ino.get(folder.ino)
            if here is not None and (here.problem is not None or here.ino == folder.ino):
                self.at[folder.id] = folder.path
            elif path is not None and path not in self.owners and self._holds_some(folder, path):
                self.at[folder.id] = path
                self._see_moved(folder, path)
            else:
                self._see_vanished(folder)

    def _find_back(self) -> None:
        """Whose each folder of proposals is that is there; one that base has let go may be out of the trash again."""
        proposals = [f for f in self.base.picture_folders if parent_of(f.path) == SUGGESTIONS]
        self.proposed_in = {f.path: f.person for f in proposals if self.at.get(f.id) == f.path}
        around = self.disk.get(SUGGESTIONS)
        if around is None:
            return
        names = find_folder_names(self.base)
        free = names.keys() - {folder.person for folder in proposals}
        taken = {*self.at.values(), *self.owners}
        for name in sorted(around.folders):
            path = join_path(SUGGESTIONS, name)
            found = self.disk.get(path)
            if found is None or path in taken:
                continue
            theirs = [person for person in free if is_form_of(name, names[person], is_file=False)]
            if len(theirs) != 1 or theirs[0] in self.proposed_in.values():
                continue
            if any(self._is_back(join_path(path, other), theirs[0]) for other in found.others):
                self.proposed_in[path] = theirs[0]
                self.result.change.taken_over.append((path, theirs[0], found.ino))
                self.result.change.back.append(theirs[0])

    def _is_back(self, path: bytes, person: PersonId) -> bool:
        """Whether a picture is there, as faced made it, that base has let go. With a no it may be among the unsorted."""
        face = self._face_at(path)
        is_out = face is not None and (face not in self.faces or person in self.situation.said_no(face))
        return is_out and self.pictures.is_made(path)

    def _holds_some(self, folder: BaseFolder, path: bytes) -> bool:
        faces = {picture.face for picture in self.inside[folder.id]}
        return any(self._face_at(join_path(path, name)) in faces for name in self.disk[path].others)

    def _face_at(self, path: bytes) -> str | None:
        found = self.pictures.at.get(path)
        return None if found is None else found.face

    def _see_moved(self, folder: BaseFolder, path: bytes) -> None:
        """Dropped into the folder of the person: yes to all that is in it. Anywhere else it means nothing."""
        owner = self._owner_of(parent_of(path))
        if folder.person is None or owner != folder.person:
            self.result.left_alone[path] = (
                f"the folder of face pictures that was {shown(folder.path)}: put it back, or into the folder of the"
                " person"
            )
            return
        self.result.moved[folder.id] = (path, folder.ino)
        if parent_of(folder.path) != SUGGESTIONS:
            return  # understood before, and moved on
        faces = {picture.face for picture in self.inside[folder.id]}
        here = {self._face_at(join_path(path, name)) for name in self.disk[path].others}
        accepted = frozenset(face for face in here if face is not None and face in faces)
        why = f"the folder {shown(folder.path)} was put into {shown(parent_of(path))}"
        self.result.edits.append(FaceAccepted(owner, accepted, why))

    def _see_vanished(self, folder: BaseFolder) -> None:
        """Thrown away, or emptied picture by picture, which are understood where they are now."""
        self.result.removed.append(folder.id)
        if folder.path == UNSORTED:
            self.result.change.put_off.append(NOBODY)
        elif folder.person is not None and parent_of(folder.path) == SUGGESTIONS:
            self.result.change.put_off.append(folder.person)

    # Pictures that are not where faced left them.

    def _find_strangers(self) -> dict[bytes, str]:
        """Path to face, without those that base has; renamed ones in their own folder are followed."""
        strange = {path: found.face for path, found in sorted(self.pictures.at.items())}
        self.missing: list[tuple[BaseFolder, BasePicture]] = []
        for folder in self.base.picture_folders:
            if (at := self.at.get(folder.id)) is None or self.disk[at].problem is not None:
                continue
            lost = []
            for picture in self.inside[folder.id]:
                path = join_path(at, picture.name)
                if strange.get(path) == picture.face:
                    del strange[path]
                else:
                    lost.append(picture)
            for picture in lost:
                self._see_lost(folder, at, picture, strange)
        return strange

    def _see_lost(
        self, folder: BaseFolder, at: bytes, picture: BasePicture, strange: dict[bytes, str]
    ) -> None:
        here = [p for p, face in strange.items() if face == picture.face and parent_of(p) == at]
        if here:
            del strange[here[0]]
            new = here[0].rpartition(b"/")[2]
            self.result.change.renamed.append((folder.id, picture.name, new))
        elif picture.name in self.disk[at].others or picture.name in self.disk[at].folders:
            path = join_path(at, picture.name)
            self.result.left_alone[path] = (
                "something else stands in the place of the face picture that faced made"
            )
        elif folder.path != UNSORTED and (at != folder.path or parent_of(at) != SUGGESTIONS):
            self.result.change.gone.append(
                (folder.id, picture.name)
            )  # not in the folder when it was accepted
        else:
            self.missing.append((folder, picture))

    def _keep_understood(self, strange: dict[bytes, str]) -> None:
        """What was understood once is not understood again, wherever its folder is called by now."""
        moved: dict[tuple[bytes, str], list[bytes]] = defaultdict(list)
        for path, face in self.understood.items():
            if strange.get(path) == face:
                del strange[path]
                if not self.pictures.is_made(path):
                    self.result.left_alone[path] = (
                        "a face picture that was understood, and changed; it is yours"
                    )
            else:
                self.result.change.forgotten.append(path)
                moved[path.rpartition(b"/")[2], face].append(path)
        for path, face in list(strange.items()):
            before = moved.get((path.rpartition(b"/")[2], face), ())
            if any(parent_of(old) not in self.disk for old in before):
                del strange[path]
                self.result.change.understood[path] = face

    def _understand(self, strange: Mapping[bytes, str]) -> None:
        meant: dict[str, dict[tuple[str, object], list[bytes]]] = defaultdict(lambda: defaultdict(list))
        self.elsewhere = {face: path for path, face in strange.items()}
        for path, face in strange.items():
            if (meaning := self._meaning(path, face)) is not None:
                meant[face][meaning].append(path)
        groups: dict[tuple[str, object], dict[str, bytes]] = defaultdict(dict)
        for face, meanings in meant.items():
            if len(meanings) > 1:
                for paths in meanings.values():
                    for path in paths:
                        self.result.left_alone[path] = (
                            "this face was put in more than one place; leave it in one"
                        )
                continue
            for meaning, paths in meanings.items():
                groups[meaning][face] = paths[0]
                self.result.change.understood.update(dict.fromkeys(paths, face))
        for (kind, what), faces in sorted(groups.items(), key=str):
            self._say(kind, what, faces)
        self.moved_on = set(meant)

    def _meaning(self, path: bytes, face: str) -> tuple[str, object] | None:
        """What a picture says where it lies; None: nothing that faced understands, which is said."""
        folder = parent_of(path)
        owner = self._owner_of(folder)
        top = folder.split(b"/")[0].lower()
        if owner is not None:
            return self._in_person_folder(path, face, folder, owner)
        if any(place in self.owners and place not in self.plain for place in (folder, *_above(folder))):
            reason = "it waits until it is known what became of the folder around it"
        elif top == IGNORED:
            return "ignored", face
        elif self._may_be_back(path, face, folder):
            found = self.pictures.at[path]
            name = path.rpartition(b"/")[2]
            self.result.change.found.append((folder, name, face, found.checksum, found.ino, found.mtime_ns))
            return None
        elif top in OWN_FOLDERS:
            reason = (
                "a face picture that faced did not put here; to say who it is, put it into a person's folder"
            )
        elif not folder:
            reason = "a face picture; to say who it is, put it into a person's folder"
        else:
            return self._in_new_folder(path, folder)
        self.result.left_alone[path] = reason
        return None

    def _may_be_back(self, path: bytes, face: str, folder: bytes) -> bool:
        """Whether it may be shown here again; where it was said to be somebody else that is taken back."""
        person = NOBODY if folder == UNSORTED else self.proposed_in.get(folder)
        if person is None or not self._is_back(path, person):
            return False
        if person in self.situation.said_no(face):
            why = f"a face picture was put back into {shown(folder)}"
            self.result.edits.append(FaceProposed(person, face, why))
            return True
        return person == NOBODY or person in self.result.change.back

    def _in_person_folder(
        self, path: bytes, face: str, folder: bytes, owner: PersonId
    ) -> tuple[str, object] | None:
        """It is she; in a copy of the folder in which the face was proposed, yes to all, if that was to her."""
        name = folder.rpartition(b"/")[2]
        for proposals in self.base.picture_folders:
            own = proposals.path.rpartition(b"/")[2]
            if (
                folder not in self.owners
                and parent_of(proposals.path) == SUGGESTIONS
                and any(picture.face == face for picture in self.inside[proposals.id])
                and is_form_of(name, own, is_file=False)
            ):
                if proposals.person == owner:
                    return "accept", owner
                self.result.left_alone[path] = (
                    "a face picture that is proposed to somebody else; put it into the person's folder itself"
                )
                return None
        return "pin", owner

    def _in_new_folder(self, path: bytes, folder: bytes) -> tuple[str, object] | None:
        found = self.disk[folder]
        inside = [other for other in self.owners if (other + b"/").startswith(folder + b"/")]
        if folder in self.at.values() or folder in self.plain or inside:
            reason = "a face picture; to say who it is, put it into a person's folder"
        elif found.links:
            reason = "it waits until it is known what the links beside it mean"
        elif name_of_folder(folder.rpartition(b"/")[2]) is None:
            reason = "a face picture in a folder that says no name; give the folder the person's name"
        else:
            return "found", folder
        self.result.left_alone[path] = reason
        return None

    def _say(self, kind: str, what: object, faces: Mapping[str, bytes]) -> None:
        count = "a face picture was" if len(faces) == 1 else f"{len(faces)} face pictures were"
        folder = parent_of(min(faces.values()))
        why = f"{count} put into {shown(folder)}"
        some = frozenset(faces)
        if kind == "pin":
            self.result.edits.append(FacePinned(PersonId(what), some, why))  # type: ignore[arg-type]
        elif kind == "accept":
            self.result.edits.append(FaceAccepted(PersonId(what), some, why))  # type: ignore[arg-type]
        elif kind == "ignored":
            self.result.edits.append(Ignored(min(faces), why))
        else:
            name = name_of_folder(folder.rpartition(b"/")[2]) or ""
            self.result.edits.append(Founded(folder, name, some, why))
            self.result.founded[folder] = self.disk[folder].ino

    def _owner_of(self, folder: bytes) -> PersonId | None:
        """Whose folder it is, or lies in."""
        while folder:
            if folder in self.owners:
                return self.owners[folder]
            folder = parent_of(folder)
        return None

    def _decide_missing(self) -> None:
        """What is nowhere any more; a picture that lies where it means nothing is not."""
        lost = []
        for folder, picture in self.missing:
            if picture.face in self.moved_on:
                self.result.change.gone.append((folder.id, picture.name))
            elif (now := self.elsewhere.get(picture.face)) is not None:
                path = join_path(folder.path, picture.name)
                self.result.left_alone.setdefault(now, f"the face picture that was {shown(path)}")
            elif folder.person is None:
                self.result.change.gone.append((folder.id, picture.name))
                self.result.change.put_off_faces.append(picture.face)
            else:
                lost.append(MissingPicture(folder, picture, folder.person))
        sizes = {id_: len(inside) for id_, inside in self.inside.items()}
        decided = decide_missing_pictures(lost, sizes, self.situation)
        self.result.edits += decided.rejected
        self.result.change.gone += decided.gone
        self.result.waiting, self.result.asks = decided.waiting, decided.asks
        self.result.over = decided.over


def _above(folder: bytes) -> list[bytes]:
    found = []
    while folder := parent_of(folder):
        found.append(folder)
    return found
