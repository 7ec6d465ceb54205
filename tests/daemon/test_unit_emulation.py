"""The main job as the units run it: their own system calls, no network, no memory that is both written and run.

What the unit files say is read from them, and done to a process without systemd.
"""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.app import App
from tests.support.cage import cage_command, needs_cage

UNITS = ["faced.service", "faced-user.service"]
PATIENCE = 300  # seconds

TRY = """
import ctypes, errno, json, mmap, os, socket, subprocess, sys
photo, people = sys.argv[1:]

def outcome(act, *arguments):
    try:
        act(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"

def call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)

status = open("/proc/self/status").read()
os.mkdir(people + "/new")
print(json.dumps({
    "write elsewhere": outcome(open, "/etc/faced-was-here", "w"),
    "write a photo": outcome(open, photo, "r+"),
    "delete a photo": outcome(os.unlink, photo),
    "internet": outcome(socket.socket, socket.AF_INET),
    "netlink": outcome(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW),
    "local sockets": outcome(socket.socketpair),
    "mount": outcome(call, "mount", b"none", people.encode(), b"tmpfs", 0, None),
    "namespace": outcome(call, "unshare", 0x10000000),
    "trace": outcome(call, "ptrace", 0, 0, 0, 0),
    "code in data": outcome(mmap.mmap, -1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7),
    "setgid": outcome(os.chmod, people + "/new", 0o2770),
    "limits": outcome(__import__("resource").setrlimit, 4, (0, 0)),
    "worker memory": outcome(open, "/dev/shm/faced-cage-test", "w"),
    "capabilities": next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")),
    "filters": next(line.split()[1] for line in status.splitlines() if line.startswith("Seccomp:")),
    "program": outcome(subprocess.run, ["/bin/true"]),
}))
os.unlink("/dev/shm/faced-cage-test")
"""


def writable(app: App) -> list[Path]:
    """What the unit lets faced write to: the people folder, its state, its cache. All must be there."""
    app.state.mkdir(parents=True, mode=0o700, exist_ok=True)
    app.people.mkdir(exist_ok=True)
    cache = Path(app.environment["XDG_CACHE_HOME"]) / "faced"
    cache.mkdir(parents=True, exist_ok=True)
    return [app.people, app.state, cache]


@needs_cage
@pytest.mark.parametrize("unit", UNITS)
def test_the_cage_is_closed_where_the_unit_says_so(app: App, unit: str) -> None:
    """Or the other tests here would show nothing."""
    photo = app.photos / "a.jpg"
    photo.write_bytes(b"x")
    words = [sys.executable, "-c", TRY, str(photo), str(app.people)]
    command = cage_command(unit, writable(app), words, landlock=False)
    done = subprocess.run(
        command, env=app.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "write elsewhere": "EROFS",
        "write a photo": "EROFS",
        "delete a photo": "EROFS",
        "internet": "EAFNOSUPPORT",
        "netlink": "EAFNOSUPPORT",
        "local sockets": "done",
        "mount": "EPERM",
        "namespace": "EPERM",
        "trace": "EPERM",
        "code in data": json.loads(done.stdout)["code in data"],
        "setgid": "done",
        "limits": "done",
        "worker memory": "done",
        "capabilities": "0000000000000000",
        "filters": "2",
        "program": "done",
    }
    assert json.loads(done.stdout)["code in data"] in ("EPERM", "EACCES")
    assert photo.read_bytes() == b"x"


@needs_cage
@pytest.mark.parametrize("unit", UNITS)
def test_a_pass_does_the_whole_job(small: App, unit: str) -> None:
    """Decoding, engine, workers, clustering, database and links, in a people folder of a group; Landlock inside."""
    small.people.mkdir()
    os.chmod(small.people, 0o2770)
    words = small.command("sync", small.photos, "--people", small.people)
    command = cage_command(unit, writable(small), words, landlock=True)
    done = subprocess.run(
        command, env=small.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert len(small.groups()) == 3
    assert small.json("status")["quarantined"] == []
    assert {folder.stat().st_mode & 0o7777 for folder in small.people.iterdir() if folder.name[0] != "."} == {
        0o2770
    }


@needs_cage
@pytest.mark.parametrize("unit", UNITS)
def test_the_service_starts_works_and_ends(known: App, unit: str, tmp_path: Path) -> None:
    """`faced run` says that it is ready, fills the folders, confines itself, and ends when told to."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        (tmp_path / "log").open("wb") as stream,
    ):
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(0.2)
        words = known.command("run", known.photos, "--people", known.people)
        process = subprocess.Popen(
            cage_command(unit, writable(known), words),
            env={**known.environment, "NOTIFY_SOCKET": str(tmp_path / "notify")},
            stderr=stream,
        )
        try:
            until, is_ready = time.monotonic() + PATIENCE, False
            while process.poll() is None and time.monotonic() < until:
                with suppress(TimeoutError):
                    is_ready = b"READY=1" in manager.recv(65536).split(b"\n") or is_ready
                if is_ready and len(known.groups()) == 3:
                    break
            process.terminate()
            status = process.wait(PATIENCE)
        finally:
            process.kill()
    log = (tmp_path / "log").read_text()
    assert (is_ready, status) == (True, 0), log
    assert len(known.groups()) == 3, log
    assert "the kernel forbids faced to write to your photos" in log
    assert "fault" not in log, log
