"""A portrait that comes while the daemon runs."""

import shutil

from tests.daemon.conftest import SEEN, Waiting
from tests.support.daemon import running, wait_for


def test_a_portrait_is_read_and_believed_while_the_daemon_runs(waiting: Waiting) -> None:
    """It is queued, encoded and said by itself; then nothing is left to do."""
    app = waiting.app
    with running(app) as daemon:
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        carl = app.people / "Carl"
        carl.mkdir()
        shutil.copy2(waiting.spare["p1"][0], carl / "carl.jpg")
        wait_for(lambda: sum(path.is_symlink() for path in carl.iterdir()) == 3, "his photos never came")
        assert any(str(link.readlink()).endswith(SEEN["p1"]) for link in carl.iterdir() if link.is_symlink())
        daemon.quiet()
        assert "the portrait Carl/carl.jpg was put there" in daemon.log
        [left_alone] = app.json("status")["left_alone"]
        assert "a portrait of Carl" in left_alone["reason"]
        app.run("sync")
        assert [edit["kind"] for edit in app.json("log")] == ["seed", "name"]
