"""Programs with which people work in the people folder: what each of them does to a file, a link or a folder.

The real ones run where they are installed. Nautilus and Dolphin are stood in for by their system calls: a trash is a
rename into the home trash or `.Trash-UID`, an undo from it a rename back, a second copy has a name of its own.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

__all__ = ["Client", "CopyClient", "Dolphin", "Gio", "Nautilus", "Rsync", "Samba", "Shell", "samba_server"]


class Client(Protocol):
    """All paths are absolute. needs: programs that must be installed."""

    needs: tuple[str, ...]

    def move(self, source: Path, target: Path) -> None:
        """A file, link or folder gets another name or place."""

    def copy(self, source: Path, target: Path) -> None:
        """A link or a file, copied as this client copies what it shows."""

    def delete(self, path: Path) -> None:
        """For good, or into a rubbish bin."""

    def make_folder(self, path: Path) -> None:
        """A new folder."""


def run(*words: str | Path, environment: dict[str, str] | None = None) -> None:
    """A program that must not fail."""
    done = subprocess.run(
        list(map(str, words)),
        env=None if environment is None else {**os.environ, **environment},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)


class Shell:
    """mv, cp (which copies the picture itself), rm."""

    needs: tuple[str, ...] = ("mv", "cp", "rm")

    def move(self, source: Path, target: Path) -> None:
        run("mv", "--", source, target)

    def copy(self, source: Path, target: Path) -> None:
        run("cp", "--", source, target)

    def delete(self, path: Path) -> None:
        run("rm", "-r", "--", path)

    def make_folder(self, path: Path) -> None:
        run("mkdir", "--", path)


class CopyClient(Shell):
    """cp -a, then rm: how somebody moves who does not trust mv. A link is copied as a link."""

    def move(self, source: Path, target: Path) -> None:
        run("cp", "-a", "--", source, target)
        run("rm", "-r", "--", source)

    def copy(self, source: Path, target: Path) -> None:
        run("cp", "-a", "--", source, target)


class Rsync(CopyClient):
    """rsync -a, then rm. What it writes has a name with a dot in front until it is done."""

    needs = ("rsync", "rm")

    def move(self, source: Path, target: Path) -> None:
        self.copy(source, target)
        run("rm", "-r", "--", source)

    def copy(self, source: Path, target: Path) -> None:
        if source.is_dir() and not source.is_symlink():
            run("rsync", "-a", f"{source}/", f"{target}/")
        else:
            run("rsync", "-a", source, target)


class Gio(Shell):
    """gio, as GNOME's programs do it. home: whose trash it is."""

    needs = ("gio",)

    def __init__(self, home: Path) -> None:
        self.environment = {"HOME": str(home), "XDG_DATA_HOME": str(home / ".local" / "share")}

    def move(self, source: Path, target: Path) -> None:
        run("gio", "move", source, target, environment=self.environment)

    def copy(self, source: Path, target: Path) -> None:
        run("gio", "copy", "--no-dereference", source, target, environment=self.environment)

    def delete(self, path: Path) -> None:
        run("gio", "trash", path, environment=self.environment)

    def make_folder(self, path: Path) -> None:
        run("gio", "mkdir", path, environment=self.environment)


class Nautilus:
    """GNOME Files by its system calls. A folder in the trash can be taken out again with `restore`."""

    needs: tuple[str, ...] = ()
    copy_tag = "copy"

    def __init__(self, trash: Path) -> None:
        self.files, self.info = trash / "files", trash / "info"
        for folder in (self.files, self.info):
            folder.mkdir(parents=True, mode=0o700)

    def move(self, source: Path, target: Path) -> None:
        assert not os.path.lexists(target)
        source.rename(target)

    def copy(self, source: Path, target: Path) -> None:
        """Links are copied as links. Beside itself a copy is called `IMG (copy).jpg`."""
        if os.path.lexists(target):
            target = target.with_stem(f"{target.stem} ({self.copy_tag})")
        os.symlink(os.readlink(source), target)

    def delete(self, path: Path) -> None:
        handle = os.open(self.info / f"{path.name}.trashinfo", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(handle, f"[Trash Info]\nPath={path}\n".encode())
        os.close(handle)
        path.rename(self.files / path.name)

    def restore(self, path: Path) -> None:
        """Out of the trash, to where it was."""
        (self.files / path.name).rename(path)
        (self.info / f"{path.name}.trashinfo").unlink()

    def make_folder(self, path: Path) -> None:
        """First under a name of its own, then renamed."""
        new = path.with_name("New Folder")
        new.mkdir()
        new.rename(path)


class Dolphin(Nautilus):
    """KDE's, in German. The trash of a disk that is not the home's is `.Trash-UID` at its top."""

    copy_tag = "Kopie"


class Samba:
    """A share used with smbclient, as Windows does it. root: of the share; port: of the server."""

    needs = ("smbd", "smbclient")

    def __init__(self, root: Path, port: int) -> None:
        self.root, self.port = root, port

    def do(self, *commands: str) -> None:
        """Commands of smbclient, in one session."""
        done = subprocess.run(
            ["smbclient", "-N", "-p", str(self.port), "//127.0.0.1/all", "-c", "; ".join(commands)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, (commands, done.stdout, done.stderr)
        assert "NT_STATUS" not in done.stdout, (commands, done.stdout)

    def name(self, path: Path) -> str:
        """As Windows spells it."""
        return '"' + str(path.relative_to(self.root)).replace("/", "\\") + '"'

    def move(self, source: Path, target: Path) -> None:
        self.do(f"rename {self.name(source)} {self.name(target)}")

    def copy(self, source: Path, target: Path) -> None:
        """What the client sees is a file, so it puts a file."""
        local = Path(os.path.realpath(source))
        self.do(f'put "{local}" {self.name(target)}')

    def delete(self, path: Path) -> None:
        self.do(
            f"deltree {self.name(path)}"
            if path.is_dir() and not path.is_symlink()
            else f"del {self.name(path)}"
        )

    def make_folder(self, path: Path) -> None:
        self.do(f"mkdir {self.name(path)}")


CONFIGURATION = """\
[global]
  server role = standalone server
  map to guest = Bad User
  guest account = {user}
  smb ports = {port}
  bind interfaces only = yes
  interfaces = 127.0.0.1/8
  disable netbios = yes
  disable spoolss = yes
  load printers = no
  printcap name = /dev/null
  log level = 1
  log file = {folder}/log
  pid directory = {folder}
  lock directory = {folder}
  state directory = {folder}
  cache directory = {folder}
  private dir = {folder}
  ncalrpc dir = {folder}/ncalrpc
  unix extensions = no
[all]
  path = {root}
  guest ok = yes
  read only = no
  follow symlinks = yes
  wide links = no
"""


@contextmanager
def samba_server(root: Path, folder: Path) -> Iterator[Samba]:
    """A Samba server of one's own on the loopback, until the block ends. folder: for all that it writes."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / "smb.conf"
    file.write_text(CONFIGURATION.format(user=getpass.getuser(), port=port, folder=folder, root=root))
    smbd = shutil.which("smbd") or "/usr/sbin/smbd"
    words = [smbd, "--foreground", f"--configfile={file}"]
    # It makes a session of its own, for when it ends it ends all of its process group.
    with (folder / "out").open("wb") as out, subprocess.Popen(words, stdout=out, stderr=out) as server:
        try:
            _wait_for(port, server, folder)
            yield Samba(root, port)
        finally:
            server.terminate()
            server.wait(20)


def _wait_for(port: int, server: "subprocess.Popen[bytes]", folder: Path) -> None:
    end = time.monotonic() + 60
    while True:
        assert server.poll() is None, (folder / "out").read_text(errors="replace")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, "smbd never listened"
            time.sleep(0.1)
        else:
            return
