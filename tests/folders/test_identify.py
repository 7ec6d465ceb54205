"""Which folder on disk is which of base, where an inode alone would mislead."""

from faced.folders.disk import Disk, DiskFolder
from faced.folders.identify import Looks, identify_folders
from faced.model import FolderId, ImageId, PersonId
from faced.store.base import Base, BaseFolder, BaseLink

ANNA = PersonId(1)


def test_a_copy_put_in_its_place_is_not_told_by_an_inode_that_its_folder_of_a_year_got() -> None:
    """A folder divided by years was deleted and copied back; `Anna/2019` has the inode that `Anna` had."""
    paths = [b"Anna", b"Anna/2018", b"Anna/2019"]
    folders = tuple(BaseFolder(FolderId(n), path, ANNA, 10 + n) for n, path in enumerate(paths))
    names = {b"Anna/2018": [1, 2, 3], b"Anna/2019": [4, 5]}
    links = tuple(
        BaseLink(folder.id, b"%d.png" % n, b"/photos/%d.png" % n, ImageId(n), ANNA)
        for folder in folders
        for n in names.get(folder.path, ())
    )
    inodes = {b"": 1, b"Anna": 20, b"Anna/2018": 21, b"Anna/2019": 10}
    disk = Disk(
        {
            path: DiskFolder(ino, {b"%d.png" % n: b"/photos/%d.png" % n for n in names.get(path, ())})
            for path, ino in inodes.items()
        }
    )
    base = Base(folders, links)
    found = identify_folders(base, Looks(base, disk, {}), (), ())
    assert found.found == {folder.id: folder.path for folder in folders}
    assert (found.unclear, found.vanished) == ({}, [])
