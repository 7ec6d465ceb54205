"""How the daemon begins and ends: asked, interrupted, killed, told of a new configuration, or not alone."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from faced.store.locks import read_holder
from tests.daemon.conftest import SEEN, Crowd, Waiting
from tests.support.app import App
from tests.support.daemon import SETTLED, Daemon, descendants, running, wait_for, wait_gone

LONG = bool(os.environ.get("FACED_LONG"))
SOON = 15.0
"""s. It promises five; a busy machine takes its time."""
FACES = "SELECT id, crc FROM faces"


def wait_for_more_faces(app: App, before: int) -> None:
    """Wait until more faces than before are stored."""
    wait_for(lambda: len(app.rows(FACES)) > before, "nothing was encoded")


def end_soon(daemon: Daemon, number: int) -> float:
    """Ask it to end; seconds that took. Nobody of it is left."""
    everybody = descendants(daemon.process.pid)
    began = time.monotonic()
    assert daemon.stop(number) == 0, daemon.log
    seconds = time.monotonic() - began
    print(f"ended after {seconds:.2f} s, {len(everybody)} processes, load {os.getloadavg()[0]:.1f}")
    assert seconds < SOON
    wait_gone(everybody)
    return seconds


def test_it_ends_soon_in_the_middle_of_an_import_and_nothing_is_lost(small: App) -> None:
    """SIGTERM, then SIGINT, while photos are encoded; the next start goes on, and computes nothing stored again."""
    stored: dict[int, int] = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        with running(small) as daemon:
            wait_for_more_faces(small, len(stored))
            end_soon(daemon, number)
        now = dict(small.rows(FACES))
        assert stored.items() <= now.items(), "a stored face was lost or computed again"
        stored = now
        assert small.rows("SELECT count(*) FROM attempts WHERE in_flight") == [(0,)]
    with running(small) as daemon:
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        daemon.wait_for_status(lambda status: status["queued"] == 0)
    assert stored.items() <= dict(small.rows(FACES)).items()
    assert small.rows("SELECT count(*), count(DISTINCT image) FROM encodings") == [(13, 13)]
    assert small.json("status")["quarantined"] == []
    assert small.json("log") == []


def test_it_ends_soon_while_folders_are_made(crowded: App, crowd: Crowd) -> None:
    """SIGTERM when the first folder is there: the next start makes the rest, and takes nothing for the user's doing."""
    shutil.copytree(crowd.photos, crowded.photos, dirs_exist_ok=True)
    with running(crowded) as daemon:
        people = crowded.people
        wait_for(lambda: people.exists() and any(not name.startswith(".") for name in os.listdir(people)))
        end_soon(daemon, signal.SIGTERM)
    with running(crowded) as daemon:
        daemon.wait_for_folders(lambda _: crowded.groups() == crowd.groups)
    assert crowded.rows("SELECT count(*) FROM intents") == [(0,)]
    assert crowded.json("log") == []


def test_it_ends_soon_when_it_is_idle(waiting: Waiting) -> None:
    """And says so to whoever asks: no daemon in `faced status`."""
    with running(waiting.app) as daemon:
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        daemon.quiet()
        assert waiting.app.json("status")["daemon"]["pid"] == daemon.child()
        end_soon(daemon, signal.SIGTERM)
    assert waiting.app.json("status")["daemon"] is None


def test_whoever_is_killed_takes_all_along(small: App) -> None:
    """kill -9 of the parent, then of the child, during an import: nobody is left behind, and the status tells of it."""
    for whom in ("parent", "child"):
        with running(small, ends=None) as daemon:
            # The one that was killed left its photos in flight, so that alone does not tell that this one is at work.
            wait_for(
                lambda: (
                    bool(small.rows("SELECT 1 FROM attempts WHERE in_flight"))
                    and len(descendants(daemon.process.pid)) >= 2
                ),
                "the import never began",
            )
            everybody = descendants(daemon.process.pid)
            os.kill(daemon.process.pid if whom == "parent" else daemon.child(), signal.SIGKILL)
            wait_gone(everybody)
            status = daemon.process.wait(60)
            assert status == (-signal.SIGKILL if whom == "parent" else 128 + signal.SIGKILL)
        assert read_holder(small.state) is None


class Restless:
    """Somebody who never leaves the library alone: photos come, move and go. In the end the wanted ones are there."""

    def __init__(self, source: Path, photos: Path, chance: random.Random) -> None:
        self._source, self._photos, self._chance = source, photos, chance
        self._names = sorted(str(path.relative_to(source)) for path in source.rglob("*.jpg"))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> "Restless":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(self._chance.uniform(0.02, 0.2)):
            name = self._chance.choice(self._names)
            here, there = self._photos / name, self._photos / "moved" / name
            for place in (here, there):
                place.parent.mkdir(parents=True, exist_ok=True)
            present = next((place for place in (here, there) if place.exists()), None)
            if present is None:
                shutil.copy2(self._source / name, here)
            elif self._chance.random() < 0.5:
                present.rename(there if present == here else here)
            elif self._chance.random() < 0.3:
                present.unlink()

    def settle(self) -> None:
        """All photos are where they were made."""
        shutil.rmtree(self._photos / "moved", ignore_errors=True)
        for name in self._names:
            (self._photos / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self._source / name, self._photos / name)


def test_promise_6_killed_at_any_time_under_load_the_folders_come_out_right(
    crowded: App, crowd: Crowd
) -> None:
    """kill -9 of parent or child, again and again, while photos come and go: in the end all is as after one sync."""
    seed = int(os.environ.get("FACED_SEED", str(random.randrange(10**6))))
    print(f"FACED_SEED={seed}")
    chance = random.Random(seed)
    restless = Restless(crowd.photos, crowded.photos, random.Random(seed + 1))
    with restless:
        for _ in range(200 if LONG else 5):
            with running(crowded, ends=None, ready=False) as daemon:
                time.sleep(chance.uniform(0.5, 8.0))
                children = descendants(daemon.process.pid)[:1]
                whom = chance.choice([daemon.process.pid, *children])
                with contextlib.suppress(ProcessLookupError):
                    os.kill(whom, signal.SIGKILL)
                daemon.process.wait(60)
                wait_gone(children)
    restless.settle()
    with running(crowded):
        crowded.run("sync")
        assert crowded.groups() == crowd.groups, f"FACED_SEED={seed}"
    assert crowded.json("log") == [], f"FACED_SEED={seed}"
    assert crowded.json("status")["quarantined"] == [], f"FACED_SEED={seed}"
    assert crowded.json("status")["asks"] == []
    assert crowded.rows("SELECT count(*) FROM intents") == [(0,)]
    assert {key for (key,) in crowded.rows("SELECT key FROM images")} == crowd.images


def test_sighup_takes_a_new_configuration_and_keeps_the_old_one_for_a_broken(waiting: Waiting) -> None:
    """Folders for fewer people when more photos are asked for; a broken file is said once, and work goes on."""
    app = waiting.app
    settings = app.home / "config" / "faced" / "config.yaml"
    for person in ("p1", "p3"):
        app.add(waiting.spare[person][0], f"{person}.jpg")
    with running(app) as daemon:
        daemon.wait_for_folders(lambda folders: sorted(map(len, folders.values())) == [3, 4, 4])
        settings.write_text(SETTLED.replace("people: {", "people: {min_photos: 4, "))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_folders(lambda folders: sorted(map(len, folders.values())) == [4, 4])
        child = daemon.child()
        daemon.quiet()

        settings.write_text("people: {min_photos: many}\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_log("the configuration stays as it was")
        app.add(waiting.spare["p1"][1], "after.jpg")
        daemon.wait_for_link("after.jpg", beside=SEEN["p1"])
        assert daemon.log.count("people.min_photos") == 1
        assert len(app.folders()) == 2
        assert daemon.child() == child
        settings.write_text(SETTLED)
    assert app.json("log") == []


def test_a_second_daemon_says_who_has_the_state(waiting: Waiting) -> None:
    """Exit 1 and the process; the first one is not disturbed."""
    app = waiting.app
    with running(app) as daemon:
        said = app.run("run", app.photos, "--people", app.people, status=1).stderr
        assert str(daemon.child()) in said or str(daemon.process.pid) in said
        assert "--state" in said
        daemon.wait_for_folders(lambda folders: len(folders) == 3)


@contextlib.contextmanager
def syncing(app: App) -> Iterator["subprocess.Popen[str]"]:
    """`faced sync`, from the moment on when it has the state."""
    with subprocess.Popen(
        app.command("sync", app.photos, "--people", app.people),
        env=app.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        wait_for(lambda: (holder := read_holder(app.state)) is not None and holder.command == "sync")
        yield process


def test_it_waits_for_a_sync_that_is_under_way(small: App) -> None:
    """And says so; then it watches. The sync notices nothing."""
    with syncing(small) as sync, running(small, ready=False) as daemon:
        daemon.wait_for_log("waiting until")
        assert " watching " not in daemon.log
        out, _ = sync.communicate(timeout=300)
        assert sync.returncode == 0, out
        assert "13 new photos" in out
        daemon.wait_for_log(" watching ")
        assert len(small.folders()) == 3
        assert daemon.stop() == 0


def test_without_a_place_it_says_what_is_missing(app: App) -> None:
    """Exit 2 and a sentence that says what to do."""
    done = app.run("run", status=2)
    assert "faced" in done.stderr
    assert "--people" in done.stderr
    assert app.run("run", app.photos, status=2).stderr.count("--people") == 1
