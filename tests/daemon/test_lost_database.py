"""The database is gone when the daemon starts: who is who is in the journal, and whose folder is whose on the disk."""

from tests.daemon.conftest import Waiting
from tests.support.app import look_at
from tests.support.daemon import running


def test_a_lost_database_costs_no_name_and_no_link(waiting: Waiting) -> None:
    """Nothing is shown before all photos are known again: then the folders are recognised, and no link is made anew."""
    app = waiting.app
    app.sync()
    for person, name in (("p1", "Anna"), ("p2", "Ben"), ("p3", "Carl")):
        (app.people / waiting.folder_of(person)).rename(app.people / name)
    app.sync()
    folders, log = app.folders(), app.json("log")
    inodes = {path: entry.inode for path, entry in look_at(app.people).items() if entry.text is not None}
    assert len(folders["Anna"]) == 3
    for path in app.state.glob("faced.db*"):
        path.unlink()
    with running(app) as daemon:
        daemon.wait_for_status(lambda status: status["faces"] > 0 and status["queued"] == 0)
        daemon.quiet()
    assert app.folders() == folders
    assert inodes == {
        path: entry.inode for path, entry in look_at(app.people).items() if entry.text is not None
    }
    assert app.json("log") == log
