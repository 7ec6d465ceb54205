"""The database damaged: the next start makes it anew, and the people folder is as it was, link by link."""

from datetime import UTC, datetime

import pytest

from faced.store.backup import save_backup
from faced.store.database import CHECK, DATABASE, open_store
from faced.store.health import DAMAGED, open_sound_store
from tests.support.app import App, look_at


@pytest.mark.parametrize("has_backup", [True, False])
def test_a_damaged_database_costs_no_name_and_no_link(known: App, has_backup: bool) -> None:
    """With a backup from before the last gestures: what faced did since is not taken for the user's doing. Without
    one: photos are read again. No folder is made anew, no edit invented, none lost, and the people folder is known."""
    known.sync()
    first, second, *_ = sorted(known.folders())
    (known.people / first).rename(known.people / "Anna")
    known.sync()
    if has_backup:
        with open_store(known.state) as store:
            save_backup(store)
    (known.people / second).rename(known.people / "Ben")
    sorted((known.people / "Anna").iterdir())[0].unlink()
    moved = known.photos / sorted(known.folders()["Ben"])[-1]
    moved.rename(moved.with_name("moved.jpg"))  # so that faced has links to write since the backup
    known.sync("--now")
    before, edits = known.folders(), known.json("log")
    links = inodes_of(known)
    content = (known.state / DATABASE).read_bytes()
    for start in range(0, len(content), 8192):
        content = content[:start] + b"\xde\xad" * 512 + content[start + 1024 :]
    (known.state / DATABASE).write_bytes(content)
    (known.state / CHECK).touch(mode=0o600)
    with open_sound_store(known.state, datetime.now(UTC)):
        pass
    assert (known.state / DAMAGED).exists()
    known.run("sync", *([] if has_backup else [known.photos, "--people", known.people]))
    after = known.folders()
    assert known.groups() == set(before.values())  # who has no name may have another number
    assert {name: after[name] for name in ("Anna", "Ben")} == {name: before[name] for name in ("Anna", "Ben")}
    assert inodes_of(known) == links
    assert known.json("log") == edits
    assert known.sync().stdout == ""


def inodes_of(app: App) -> set[int]:
    """Of all links in the people folder."""
    return {entry.inode for entry in look_at(app.people).values() if entry.text is not None}
