"""`faced service`, with a stand-in for systemctl that keeps a record, and with none."""

import os
import sys
from pathlib import Path

import pytest

from tests.support.app import App

pytestmark = pytest.mark.installed

SYSTEMCTL = """#!{python}
import os, sys
from pathlib import Path
here = Path(__file__).parent
words = [word for word in sys.argv[1:] if word not in ("--user", "--no-pager")]
with open(here / "calls", "a") as calls:
    print(*words, file=calls)
if (here / "refuses").exists():
    sys.exit("Failed to connect to bus: No medium found")
on, active = here / "enabled", here / "active"
if words[0] == "enable": on.touch()
elif words[0] in ("start", "restart"):
    if (here / "broken").exists(): sys.exit("Job for faced.service failed.")
    active.touch()
elif words[0] == "disable": on.unlink(missing_ok=True); active.unlink(missing_ok=True)
elif words[0] == "is-enabled": print("enabled" if on.exists() else "disabled")
elif words[0] == "is-active": print("active" if active.exists() else "inactive"); sys.exit(not active.exists())
"""


class Manager:
    """The stand-in's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def orders(self) -> list[str]:
        """What systemd was told to do since the last time, without the questions."""
        calls = self.folder / "calls"
        lines = calls.read_text().splitlines() if calls.exists() else []
        calls.unlink(missing_ok=True)
        return [line for line in lines if line.split()[0] not in ("show", "is-active", "is-enabled")]


@pytest.fixture
def manager(app: App, tmp_path: Path) -> Manager:
    """A systemctl that is found first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text(SYSTEMCTL.format(python=sys.executable))
    (folder / "systemctl").chmod(0o755)
    app.environment["PATH"] = f"{folder}:{os.environ['PATH']}"
    return Manager(folder)


def unit(app: App) -> Path:
    """Where the unit lies."""
    return app.home / "config" / "systemd" / "user" / "faced.service"


def test_installed_twice_moved_and_removed(app: App, manager: Manager) -> None:
    """The life of a service: each step does what is needed, and no more."""
    done = app.run("service", "install", app.photos, "--people", app.people)
    assert "is written" in done.stdout
    assert "loginctl enable-linger" in done.stdout
    assert manager.orders() == ["daemon-reload", "enable faced.service", "start faced.service"]
    text = unit(app).read_text()
    assert f"faced run {app.photos} --people {app.people}\n" in text
    assert f"Environment=XDG_STATE_HOME={app.home}/state\n" in text

    assert "up to date" in app.run("service", "install", app.photos, "--people", app.people).stdout
    assert manager.orders() == ["daemon-reload", "enable faced.service", "start faced.service"]

    app.run("service", "install")
    assert "faced run\n" in unit(app).read_text()
    assert manager.orders()[-1] == "restart faced.service"

    assert app.json("service", "status") == {
        "installed": True,
        "edited": False,
        "unit": str(unit(app)),
        "enabled": True,
        "active": True,
        "state": "active",
        "linger": app.json("service", "status")["linger"],
        "unreachable": None,
    }
    assert app.run("service", "status").stdout.splitlines()[-1] == "runs"

    assert "stopped and removed" in app.run("service", "remove").stdout
    assert manager.orders() == ["disable --now faced.service", "daemon-reload"]
    assert not unit(app).exists()
    assert "not installed" in app.run("service", "remove").stdout
    assert manager.orders() == []
    assert app.json("service", "status")["installed"] is False


def test_an_edited_unit_is_left_alone(app: App, manager: Manager) -> None:
    """And what to do is said."""
    app.run("service", "install")
    unit(app).write_text(unit(app).read_text().replace("Nice=15", "Nice=5"))
    before = unit(app).read_text()
    manager.orders()
    assert "was left alone" in app.run("service", "install", status=1).stderr
    assert "was left alone" in app.run("service", "remove", status=1).stderr
    assert unit(app).read_text() == before
    assert manager.orders() == []
    assert "edited by you" in app.run("service", "status").stdout


def test_a_service_that_does_not_start_is_told(app: App, manager: Manager) -> None:
    """With where the reason stands."""
    (manager.folder / "broken").touch()
    done = app.run("service", "install", status=1)
    assert "did not start; `journalctl --user -u faced.service` says why" in done.stderr


def test_without_a_session_the_unit_waits(app: App, manager: Manager) -> None:
    """systemd is there, but not this user's: written, not started, and how to go on."""
    (manager.folder / "refuses").touch()
    done = app.run("service", "install", status=1)
    assert "No medium found" in done.stderr
    assert "log in as yourself" in done.stderr
    assert unit(app).exists()
    assert "is not known" in app.run("service", "status").stdout
    assert app.json("service", "status")["active"] is None
    assert "not known" in app.run("service", "remove", status=1).stderr
    assert not unit(app).exists()


def test_without_systemd_nothing_is_written(app: App) -> None:
    """A file that nobody would ever read is none of our business."""
    app.environment["PATH"] = "/nowhere"
    done = app.run("service", "install", status=1)
    assert "this machine has no systemd; nothing was written" in done.stderr
    assert not unit(app).exists()


def test_wrong_places_are_told_before_anything_is_written(app: App, manager: Manager) -> None:
    """The service would end at once, unseen."""
    app.run("service", "install", app.photos, "--people", app.photos, status=2)
    (app.home / "config" / "faced" / "config.yaml").write_text("nonsense: 1\n")
    app.run("service", "install", status=2)
    assert manager.orders() == []
    assert not unit(app).exists()


def test_the_real_systemctl_is_asked_without_harm(app: App) -> None:
    """Whatever systemd is here, asking for the status is an answer."""
    report = app.json("service", "status")
    assert report["installed"] is False
    assert (report["active"] is None) == (report["unreachable"] is not None)
